/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's and the keeper's surroundings, and what happens when another coordinator takes over:
 * the keeper and the workers go on; it hears of them by and by, and they of it.
 */
#include "sim.h"

#include <signal.h>
#include <string.h>

#define REPORT_MAX_NS (300 * SIM_MS) /* until a keeper has found the new coordinator */
#define SEEN_MAX_NS (400 * SIM_MS)   /* until a worker has */

void leader_gone_after(struct sim_process *process, int64_t after_ns)
{
    process->exit_ns = process->sim->now_ns + after_ns;
}

/* ---- Ports of the keeper ---- */

static enum gale_err keep_spawn(void *self, struct keeper_slot *slot)
{
    struct sim *sim = self;
    if (sim->faults && sim_chance(sim, 30)) {
        sim_trace(sim, "worker %u cannot be started", slot->worker);
        return GALE_ERR_IO;
    }
    sim->of_worker[slot->worker] = process_new(sim, slot->worker, slot->slot.incarnation);
    sim_trace(sim, "worker %u starts as %u", slot->worker, sim->processes_count - 1);
    return GALE_OK;
}

/* SIGKILL ends a process, or (its host is out of reach) leaves a zombie that only seems dead. */
static void killed(struct sim_process *process)
{
    struct sim *sim = process->sim;
    sim_trace(sim, "worker %u/%u is killed", process->index, process->number);
    if (sim->faults && sim_chance(sim, 400)) {
        sim_trace(sim, "worker %u/%u lives on as a zombie", process->index, process->number);
        process->zombie = true;
        process->end_ns = sim->now_ns + sim_between(sim, 10 * SIM_MS, 5 * SIM_SECOND);
        leader_gone_after(process, SIM_MS);
        return;
    }
    process_die(process);
    leader_gone_after(process, SIM_MS);
}

static void signal_process(struct sim *sim, uint32_t worker, int signal)
{
    struct sim_process *process = sim->of_worker[worker];
    if (!process || !process->alive || process->zombie || process->exit_ns != INT64_MAX) {
        return;
    }
    if (signal == SIGKILL) {
        killed(process);
    } else {
        process->terminated = true;
        process->wake_ns = sim->now_ns;
    }
}

static void keep_signal(void *self, struct keeper_slot *slot, int signal)
{
    signal_process(self, slot->worker, signal);
}

static void keep_changed(void *self, struct keeper_slot *slot, const char *text)
{
    struct sim *sim = self;
    if (sim->now_ns < sim->report_ns) {
        return; /* The new coordinator gets the whole report later. */
    }
    if (text) {
        control_exited(&sim->control, slot->worker, slot->slot.incarnation, text, sim->now_ns);
    } else {
        (void)control_spawned(&sim->control, slot->worker, slot->slot.incarnation, sim->now_ns);
    }
}

static uint64_t keep_random(void *self)
{
    struct sim *sim = self;
    return rng_next(&sim->rng) | 1u;
}

/* ---- Ports of the coordinator ---- */

static void port_keep(void *self, uint32_t worker, enum keep keep)
{
    struct sim *sim = self;
    (void)keeper_keep(&sim->keeper, 0, worker, keep, sim->now_ns);
}

static void port_signal(void *self, uint32_t worker, uint64_t incarnation, int signal)
{
    struct sim *sim = self;
    const struct keeper_slot *slot = keeper_find(&sim->keeper, 0, worker);
    if (slot && slot->slot.incarnation == incarnation) {
        signal_process(sim, worker, signal);
    }
}

static void port_connect(void *self, uint32_t worker, const char *endpoint)
{
    (void)self;
    (void)worker;
    (void)endpoint; /* Messages go to the process that is known. */
}

static void port_send(void *self, uint32_t worker, const struct message *message)
{
    struct sim *sim = self;
    struct sim_process *process = sim->of_worker[worker];
    buf_clear(&sim->out);
    if (!process || !process->alive || process->zombie) {
        return;
    }
    if (message_encode(message, &sim->out) != GALE_OK) {
        sim_violation(sim, "the coordinator's message cannot be encoded");
        return;
    }
    wire_command(sim, process, sim->out.data, sim->out.size);
}

static void port_save(void *self, uint32_t task, struct message_bytes position)
{
    uint64_t low_id = 0;
    if (position.size == sizeof(low_id)) {
        memcpy(&low_id, position.data, sizeof(low_id));
    }
    oracle_saved(self, task, low_id);
}

static void port_note(void *self, const char *line)
{
    sim_trace(self, "coordinator: %s", line);
}

/* ---- Coordinators ---- */

static void coordinator_make(struct sim *sim, enum control_state state, bool adopted)
{
    struct control_options options = {.plan = sim->plan,
                                      .ports = &sim->ports,
                                      .task_worker = sim->task_worker,
                                      .workers_count = sim->workers_count,
                                      .epoch = ++sim->leader_epoch,
                                      .attempt = 1,
                                      .adopted = adopted,
                                      .state = state};
    control_init(&sim->control, &options);
    sim->control_ready = true;
    for (uint32_t id = 1; id <= sim->plan->tasks_count; id++) {
        uint64_t low_id = sim->saved[id] - 1;
        if (sim->saved[id] != 0) {
            control_restore(&sim->control, id,
                            (struct message_bytes){(const uint8_t *)&low_id, sizeof(low_id)});
        }
    }
}

/* The keeper's whole report. */
static void report(struct sim *sim)
{
    for (size_t i = 0; i < keeper_count(&sim->keeper); i++) {
        const struct keeper_slot *slot = keeper_at(&sim->keeper, i);
        if (slot->slot.state == SLOT_STARTING || slot->slot.state == SLOT_RUNNING ||
            slot->slot.state == SLOT_STOPPING) {
            (void)control_spawned(&sim->control, slot->worker, slot->slot.incarnation,
                                  sim->now_ns);
        }
    }
}

void leader_init(struct sim *sim)
{
    sim->ports = (struct control_ports){.self = sim,
                                        .keep = port_keep,
                                        .signal = port_signal,
                                        .connect = port_connect,
                                        .send = port_send,
                                        .save = port_save,
                                        .note = port_note};
    sim->keeper_ports = (struct keeper_ports){.self = sim,
                                              .spawn = keep_spawn,
                                              .signal = keep_signal,
                                              .changed = keep_changed,
                                              .random = keep_random};
    keeper_init(&sim->keeper, &sim->keeper_ports, slot_limits_default());
    sim->fail_over_ns = INT64_MAX;
}

void leader_fini(struct sim *sim)
{
    keeper_fini(&sim->keeper);
    if (sim->control_ready) {
        control_fini(&sim->control);
    }
}

void leader_start(struct sim *sim)
{
    sim->epoch++;
    sim->report_ns = 0;
    coordinator_make(sim, CONTROL_STARTING, false);
    control_start(&sim->control, sim->now_ns);
}

void leader_begin_anew(struct sim *sim)
{
    sim_trace(sim, "another run begins");
    control_fini(&sim->control);
    sim->epoch++;
    sim->report_ns = 0;
    coordinator_make(sim, CONTROL_STARTING, false);
    for (uint32_t i = 0; i < sim->workers_count; i++) {
        struct sim_process *process = sim->of_worker[i];
        if (process && process->alive && !process->zombie && !process->severed) {
            sim_trace(sim, "worker %u/%u begins anew", i, process->number);
            process_begin_anew(process);
        }
    }
    report(sim);
    control_start(&sim->control, sim->now_ns);
}

/* What the store tells the new coordinator of the state: not that the end was near. */
static enum control_state state_left(const struct control *control)
{
    return control->state == CONTROL_INACTIVE   ? CONTROL_INACTIVE
           : control->state == CONTROL_STARTING ? CONTROL_STARTING
                                                : CONTROL_ACTIVE;
}

void leader_fail_over(struct sim *sim)
{
    enum control_state state = state_left(&sim->control);
    sim->fail_overs_count++;
    sim_trace(sim, "another coordinator takes over, epoch %llu: %s",
              (unsigned long long)sim->leader_epoch + 1, control_state_name(state));
    control_fini(&sim->control);
    sim->report_ns = sim->now_ns + sim_between(sim, 0, REPORT_MAX_NS);
    coordinator_make(sim, state, sim->options.adopt);
    for (uint32_t i = 0; i < sim->processes_count; i++) {
        sim->processes[i]->leader_seen_ns = sim->now_ns + sim_between(sim, 0, SEEN_MAX_NS);
    }
    control_start(&sim->control, sim->now_ns);
}

void leader_tick(struct sim *sim)
{
    if (sim->report_ns != 0 && sim->now_ns >= sim->report_ns) {
        sim->report_ns = 0;
        report(sim);
    }
    if (sim->now_ns >= keeper_next_ns(&sim->keeper)) {
        keeper_tick(&sim->keeper, sim->now_ns);
    }
    if (sim->now_ns >= control_next_ns(&sim->control) ||
        sim->control.state == CONTROL_STOPPING) {
        control_tick(&sim->control, sim->now_ns);
    }
}

int64_t leader_next_ns(const struct sim *sim)
{
    int64_t next = control_next_ns(&sim->control);
    int64_t keeper = keeper_next_ns(&sim->keeper);
    next = keeper < next ? keeper : next;
    return sim->report_ns != 0 && sim->report_ns < next ? sim->report_ns : next;
}

void leader_message(struct sim *sim, const struct message *message)
{
    keeper_pulse(&sim->keeper, 0, message->worker, message->incarnation, sim->now_ns);
    if (sim->now_ns >= sim->report_ns) {
        control_message(&sim->control, message, sim->now_ns);
    }
}

void leader_exited(struct sim_process *process)
{
    struct sim *sim = process->sim;
    struct keeper_slot *slot = keeper_find(&sim->keeper, 0, process->index);
    if (slot && slot->slot.incarnation == process->incarnation) {
        keeper_exited(&sim->keeper, slot,
                      process->terminated ? "exit 0" : "killed by SIGKILL (signal 9)",
                      sim->now_ns);
    }
}

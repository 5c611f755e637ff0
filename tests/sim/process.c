/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's process: what worker/worker.c does with messages, frames and time, around a real
 * executor, without descriptors and signals. A pass is one turn of its loop; between passes it may
 * be stopped, killed or forgotten (a zombie).
 */
#include "sim.h"

#include "codec/frame.h"
#include "exec/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVE_MAX 64u
#define BEAT_FAST_NS (5 * SIM_MS)
#define BEAT_NS (250 * SIM_MS)
#define OFFSETS_NS (1000 * SIM_MS)
#define HELLO_NS (200 * SIM_MS)
#define IDLE_SPINS_MAX 20000u /* passes in a row that had nothing to do and asked for another */

struct sim_process *process_new(struct sim *sim, uint32_t index, uint64_t incarnation)
{
    if (sim->processes_count == SIM_PROCESSES_MAX) {
        sim_violation(sim, "more than %u processes were started", SIM_PROCESSES_MAX);
        return NULL;
    }
    struct sim_process *process = calloc(1, sizeof(*process));
    process->transport.ops = &wire_ops;
    process->sim = sim;
    process->number = sim->processes_count;
    process->index = index;
    process->incarnation = incarnation;
    process->epoch = sim->epoch;
    process->leader_epoch = sim->leader_epoch;
    process->alive = true;
    process->exit_ns = process->end_ns = INT64_MAX;
    process->wake_ns = sim->now_ns + sim_between(sim, SIM_MS, 60 * SIM_MS);
    process->beat_at_ns = process->wake_ns + BEAT_NS;
    buf_init(&process->out, MESSAGE_SIZE_MAX);
    sim->processes[sim->processes_count++] = process;
    wire_ops.connect(&process->transport, "sim:coordinator", &process->control, NULL);
    return process;
}

static void exec_end(struct sim_process *process)
{
    struct sim *sim = process->sim;
    struct sim_process *before = sim->current;
    sim->current = process;
    exec_free(process->exec);
    process->exec = NULL;
    sim->current = before;
}

void process_die(struct sim_process *process)
{
    if (!process->alive) {
        return;
    }
    process->alive = false;
    exec_end(process);
    wire_ops.disconnect(&process->transport, process->control);
    process->control = NULL;
    while (process->first) {
        struct packet *next = process->first->next;
        wire_packet_free(process->first);
        process->first = next;
    }
    process->last = NULL;
}

void process_free(struct sim_process *process)
{
    process_die(process);
    buf_fini(&process->out);
    free(process);
}

void process_begin_anew(struct sim_process *process)
{
    exec_end(process);
    process->epoch = process->sim->epoch;
    process->leader_epoch = process->sim->leader_epoch;
    process->greeted = process->offsets_all = false;
    process->prepared = process->stopping = process->beat_fast = false;
    process->state = 0;
    process->finish_level = 0;
    process->stats_round = 0;
    process->round = 0;
    process->last_offsets = (struct message_offsets){0};
    process->hello_at_ns = 0;
    memset(process->peer_incarnation, 0, sizeof(process->peer_incarnation));
}

/* ---- Messages out ---- */

static void send_message(struct sim_process *process, struct message *message)
{
    message->worker = process->index;
    message->incarnation = process->incarnation;
    message->epoch = process->leader_epoch;
    message->attempt = 1;
    buf_clear(&process->out);
    void *handle;
    uint8_t *data;
    if (message_encode(message, &process->out) != GALE_OK) {
        sim_violation(process->sim, "a message of type %d cannot be encoded", message->type);
        return;
    }
    wire_ops.prepare(&process->transport, process->out.size, &handle, &data);
    memcpy(data, process->out.data, process->out.size);
    wire_ops.send(&process->transport, process->control, handle);
}

static void on_event(void *self, enum message_event event, uint32_t other, uint32_t task,
                     const char *text)
{
    struct sim_process *process = self;
    struct message message = {.type = MESSAGE_EVENT};
    message.as.event.event = event;
    message.as.event.other = other;
    message.as.event.task = task;
    message.as.event.text = text;
    sim_trace(process->sim, "worker %u/%u says: %s", process->index, process->number, text);
    if (event == EVENT_FATAL || event == EVENT_REFUSED) {
        sim_violation(process->sim, "worker %u: %s", process->index, text);
    }
    send_message(process, &message);
}

static int64_t on_clock(void *self)
{
    struct sim_process *process = self;
    if (sim_chance(process->sim, 10)) { /* A slow call. */
        process->drift_ns += sim_between(process->sim, 0, 4 * SIM_MS);
    }
    return process->sim->now_ns + process->drift_ns;
}

static void send_hello(struct sim_process *process)
{
    char endpoint[32];
    struct message message = {.type = MESSAGE_HELLO};
    snprintf(endpoint, sizeof(endpoint), "sim:%u", process->number);
    message.as.hello.worker = process->index;
    message.as.hello.incarnation = process->incarnation;
    message.as.hello.pid = process->number + 1;
    message.as.hello.data_endpoint = endpoint;
    message.as.hello.running = process->exec != NULL;
    send_message(process, &message);
}

static void send_offsets(struct sim_process *process)
{
    struct message message = {.type = MESSAGE_OFFSETS};
    exec_offsets(process->exec, process->offsets_all, &message.as.offsets);
    process->offsets_at_ns = process->sim->now_ns + OFFSETS_NS;
    if (message.as.offsets.items_count > 0) {
        send_message(process, &message);
        exec_offsets_sent(process->exec, &message.as.offsets);
        process->offsets_all = false;
    }
}

/* Turns to another coordinator, as worker/worker_leader.c. */
static void look(struct sim_process *process)
{
    struct sim *sim = process->sim;
    if (process->leader_epoch < sim->leader_epoch && sim->now_ns >= process->leader_seen_ns) {
        process->leader_epoch = sim->leader_epoch;
        process->greeted = false;
        process->round = 0;
        process->hello_at_ns = 0;
    }
}

static void send_beat(struct sim_process *process)
{
    struct message message = {.type = MESSAGE_BEAT};
    struct message_beat *beat = &message.as.beat;
    look(process);
    if (process->exec) {
        exec_beat(process->exec, beat);
    }
    beat->state = process->state;
    beat->finish_level = process->finish_level;
    beat->stats_round = process->stats_round;
    beat->round = process->round;
    process->beat_fast = beat->spouts_done || process->stopping;
    process->beat_at_ns = process->sim->now_ns + (process->beat_fast ? BEAT_FAST_NS : BEAT_NS);
    if (process->stopping) {
        struct message last = {.type = MESSAGE_OFFSETS};
        last.as.offsets = process->last_offsets;
        last.as.offsets.final = true;
        send_message(process, &last);
    } else if (process->prepared && beat->spouts_done &&
               (process->state == COMMAND_DRAIN || process->state == COMMAND_FINISH)) {
        send_offsets(process);
    }
    send_message(process, &message);
}

/* ---- Messages in ---- */

static void fatal(struct sim_process *process, const struct gale_error *error)
{
    sim_violation(process->sim, "worker %u: %s", process->index, error->text);
}

static void prepare(struct sim_process *process)
{
    struct gale_error error = {0};
    if (!process->prepared &&
        exec_prepare(process->exec, process->sim->now_ns, &error) != GALE_OK) {
        fatal(process, &error);
        return;
    }
    process->prepared = true;
}

static void activate(struct sim_process *process)
{
    struct gale_error error = {0};
    if (exec_activate(process->exec, true, &error) != GALE_OK) {
        fatal(process, &error);
    }
    process->state = COMMAND_ACTIVATE;
}

static void on_assign(struct sim_process *process, const struct message *message)
{
    const struct message_assign *assign = &message->as.assign;
    struct sim *sim = process->sim;
    struct gale_error error = {0};
    if (process->exec) {
        return;
    }
    struct exec_options options = {.plan = sim->plan,
                                   .task_worker = assign->task_worker,
                                   .worker = process->index,
                                   .workers_count = assign->workers_count,
                                   .epoch = process->epoch,
                                   .attempt = 1,
                                   .incarnation = process->incarnation,
                                   .seed = rng_next(&sim->rng),
                                   .link = {.check_duplicates = sim->options.check_duplicates,
                                            .check_epoch = sim->options.check_epoch},
                                   .ports = {.self = process,
                                             .clock = on_clock,
                                             .transport = &process->transport,
                                             .event = on_event}};
    process->life = oracle_life(sim, process);
    process->offsets_at_ns = sim->now_ns + OFFSETS_NS;
    if (exec_new(&options, &process->exec, &error) != GALE_OK) {
        fatal(process, &error);
        return;
    }
    for (uint32_t id = 1; assign->positions && id <= assign->tasks_count; id++) {
        if (assign->positions[id].size > 0 &&
            exec_restore(process->exec, id, assign->positions[id], &error) != GALE_OK) {
            fatal(process, &error);
        }
    }
    prepare(process);
    if (assign->active) {
        activate(process);
    }
    send_beat(process);
}

static void on_peers(struct sim_process *process, const struct message *message)
{
    struct gale_error error = {0};
    for (uint32_t i = 0; process->exec && i < message->as.peers.items_count; i++) {
        const struct message_peer *peer = &message->as.peers.items[i];
        if (peer->worker != process->index) {
            process->peer_incarnation[peer->worker] = peer->up ? peer->incarnation : 0;
        }
        if (exec_peer(process->exec, peer->worker, peer->up, peer->incarnation,
                      peer->data_endpoint, &error) != GALE_OK) {
            fatal(process, &error);
        }
    }
}

static void on_command(struct sim_process *process, const struct message *message)
{
    struct gale_error error = {0};
    if (!process->exec) {
        if (message->as.command.command == COMMAND_STOP) {
            process->stopping = true;
            process->state = COMMAND_STOP;
        }
        process->terminated = process->stopping && message->as.command.command == COMMAND_EXIT;
        return;
    }
    switch (message->as.command.command) {
    case COMMAND_ACTIVATE: activate(process); break;
    case COMMAND_DEACTIVATE:
        if (process->prepared) {
            exec_activate(process->exec, false, &error);
        }
        process->state = COMMAND_DEACTIVATE;
        break;
    case COMMAND_DRAIN:
        exec_drain(process->exec);
        process->state = COMMAND_DRAIN;
        break;
    case COMMAND_FINISH:
        if (process->prepared && process->finish_level <= message->as.command.level) {
            exec_finish(process->exec, message->as.command.level);
        }
        if (process->finish_level <= message->as.command.level) {
            process->finish_level = message->as.command.level + 1;
        }
        process->state = COMMAND_FINISH;
        break;
    case COMMAND_STOP:
        if (!process->stopping && process->prepared) {
            exec_offsets(process->exec, true, &process->last_offsets);
            exec_cleanup(process->exec);
        }
        process->stopping = true;
        process->state = COMMAND_STOP;
        break;
    case COMMAND_RESET_STATS:
        if (process->stats_round < message->as.command.level) {
            exec_reset_stats(process->exec);
            process->stats_round = message->as.command.level;
        }
        break;
    case COMMAND_COUNT: process->round = message->as.command.level; break;
    case COMMAND_EXIT: process->terminated = process->stopping; return;
    }
    send_beat(process);
}

static void on_message(struct sim_process *process, const uint8_t *data, size_t size)
{
    struct message message;
    struct gale_error error;
    if (message_decode(data, size, &message, &error) != GALE_OK) {
        sim_violation(process->sim, "the coordinator's message cannot be read: %s", error.text);
        return;
    }
    if (message.epoch == process->leader_epoch && message.worker == process->index &&
        message.incarnation == process->incarnation) {
        if (!process->greeted) {
            process->greeted = process->offsets_all = true;
            process->offsets_at_ns = process->sim->now_ns;
        }
        if (message.type == MESSAGE_ASSIGN) {
            on_assign(process, &message);
        } else if (message.type == MESSAGE_PEERS) {
            on_peers(process, &message);
        } else if (message.type == MESSAGE_COMMAND) {
            on_command(process, &message);
        } else if (message.type == MESSAGE_TOUCHED && process->exec) {
            exec_fail_touched(process->exec, message.as.touched.workers);
        }
    }
    message_fini(&message);
}

/* A frame; nothing of a dead incarnation or of a lower epoch may come through. */
static void on_frame(struct sim_process *process, struct transport_message *in)
{
    struct sim *sim = process->sim;
    struct frame_header header;
    uint64_t taken = process->exec->batches_received;
    enum gale_err err = frame_header_read(in->data, in->size, &header, NULL);
    exec_frame(process->exec, in, sim->now_ns);
    if (err != GALE_OK || process->exec->batches_received == taken) {
        return;
    }
    if (header.epoch != process->epoch) {
        sim_violation(sim, "worker %u of epoch %llu took a batch of epoch %llu", process->index,
                      (unsigned long long)process->epoch, (unsigned long long)header.epoch);
    }
    if (header.incarnation != process->peer_incarnation[header.from]) {
        sim_violation(sim, "worker %u took a batch of a dead process of worker %u",
                      process->index, header.from);
    }
}

static bool receive(struct sim_process *process)
{
    struct transport_message in;
    uint32_t taken = 0;
    while (taken < RECEIVE_MAX && wire_ops.receive(&process->transport, &in) == GALE_OK) {
        taken++;
        if (frame_is_frame(in.data, in.size)) {
            if (process->exec && !process->stopping) {
                on_frame(process, &in);
                continue;
            }
        } else {
            on_message(process, in.data, in.size);
        }
        wire_ops.release(&process->transport, &in);
    }
    return taken > 0;
}

static void periodic(struct sim_process *process)
{
    int64_t now = process->sim->now_ns;
    if ((!process->exec || !process->greeted) && now >= process->hello_at_ns) {
        look(process);
        send_hello(process);
        process->hello_at_ns = now + HELLO_NS;
    }
    if (now >= process->beat_at_ns) {
        send_beat(process);
    }
    if (process->exec && process->prepared && !process->stopping &&
        now >= process->offsets_at_ns) {
        send_offsets(process);
    }
}

static int64_t next_ns(const struct sim_process *process)
{
    int64_t next = process->beat_at_ns;
    if (!process->exec || !process->greeted) {
        next = process->hello_at_ns < next ? process->hello_at_ns : next;
    }
    if (!process->exec || process->stopping) {
        return next;
    }
    int64_t exec = exec_next_ns(process->exec);
    next = exec < next ? exec : next;
    return process->prepared && process->offsets_at_ns < next ? process->offsets_at_ns : next;
}

static void sleep_until(struct sim_process *process, bool busy)
{
    struct sim *sim = process->sim;
    if (busy || process->first) {
        process->idle_spins = 0;
        process->wake_ns = sim->now_ns + sim_between(sim, 1000, 20000);
        return;
    }
    int64_t next = next_ns(process);
    if (next > sim->now_ns) {
        process->idle_spins = 0;
        process->wake_ns = next;
        return;
    }
    process->wake_ns = sim->now_ns + 1000;
    if (++process->idle_spins > IDLE_SPINS_MAX) {
        sim_violation(sim, "worker %u turns its loop and does nothing", process->index);
    }
}

void process_pass(struct sim_process *process)
{
    struct sim *sim = process->sim;
    sim->current = process;
    process->spawned = true;
    process->drift_ns = 0;
    bool received = receive(process);
    enum exec_answer answer = EXEC_IDLE;
    if (process->exec && !process->stopping) {
        answer = exec_step(process->exec, sim->now_ns);
        oracle_bounds(sim, process);
    }
    periodic(process);
    bool busy = answer == EXEC_BUSY || received;
    if (!busy && process->exec && !process->beat_fast && !process->stopping &&
        exec_spouts_done(process->exec)) {
        send_beat(process);
    }
    sleep_until(process, busy);
    sim->current = NULL;
}

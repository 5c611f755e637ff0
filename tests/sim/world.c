/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, chance and faults. The loop takes the earliest of: a
 * packet, a process that wakes, an exit, the coordinator's time, the next fault. Equal seeds give
 * equal runs: every choice is drawn from the seed's generator in the order of events.
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSES_MAX 3000000u
/* Of one run: back-off would make it long, and so many in a row would end it. */
#define CRASHES_MAX (CONTROL_CRASHES_MAX - 1u)
#define FAIL_OVERS_MAX 6u
#define END_NS (180 * SIM_SECOND) /* after the faults */

struct block {
    struct block *next;
    max_align_t data[];
};

void sim_violation(struct sim *sim, const char *format, ...)
{
    if (sim->violation[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(sim->violation, sizeof(sim->violation), format, args);
    va_end(args);
    sim_trace(sim, "VIOLATION: %s", sim->violation);
}

void sim_trace(const struct sim *sim, const char *format, ...)
{
    if (!sim->options.trace) {
        return;
    }
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%12.6f ", (double)sim->now_ns / 1e9);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

uint32_t sim_below(struct sim *sim, uint32_t bound)
{
    return rng_below(&sim->rng, bound);
}

bool sim_chance(struct sim *sim, uint32_t of_1000)
{
    return of_1000 > 0 && rng_below(&sim->rng, 1000) < of_1000;
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
    return low + (int64_t)(rng_next(&sim->rng) % (uint64_t)(high - low + 1));
}

void *sim_alloc(struct sim *sim, size_t size)
{
    struct block *block = calloc(1, sizeof(*block) + size);
    block->next = sim->blocks;
    sim->blocks = block;
    return block->data;
}

/* ---- Faults ---- */

static struct sim_process *victim(struct sim *sim)
{
    struct sim_process *process = sim->of_worker[sim_below(sim, sim->workers_count)];
    return process && process->alive && !process->zombie && process->exec ? process : NULL;
}

static void crash(struct sim *sim, struct sim_process *process, bool midway)
{
    if (sim->crashes_count >= CRASHES_MAX) {
        return;
    }
    sim->crashes_count++;
    if (midway) {
        process->sends_left = 1 + sim_below(sim, 20);
        return;
    }
    sim_trace(sim, "worker %u/%u crashes", process->index, process->number);
    process_die(process);
    leader_gone_after(process, SIM_MS);
}

static void pause_process(struct sim *sim, struct sim_process *process)
{
    int64_t longest = sim_chance(sim, 300) ? 6 * SIM_SECOND : SIM_SECOND;
    process->stopped_at_ns = sim->now_ns;
    process->stopped_until_ns = sim->now_ns + sim_between(sim, SIM_MS, longest);
    sim_trace(sim, "worker %u/%u is stopped until %.3f", process->index, process->number,
              (double)process->stopped_until_ns / 1e9);
}

static void cut(struct sim *sim)
{
    uint32_t from = sim_below(sim, sim->workers_count);
    uint32_t to = sim_below(sim, sim->workers_count);
    int64_t until = sim->now_ns + sim_between(sim, SIM_MS, 2 * SIM_SECOND);
    sim->links[from][to].cut_until_ns = until;
    if (sim_chance(sim, 500)) {
        sim->links[to][from].cut_until_ns = until;
    }
    sim_trace(sim, "the way from worker %u to %u is cut until %.3f", from, to,
              (double)until / 1e9);
}

static void chaos(struct sim *sim)
{
    sim->chaos_ns = sim->now_ns + sim_between(sim, SIM_MS, 800 * SIM_MS);
    struct sim_process *process = victim(sim);
    uint32_t kind = sim_below(sim, 100);
    if (kind < 15) {
        if (process) {
            crash(sim, process, sim_chance(sim, 500));
        }
    } else if (kind < 30) {
        if (process && process->stopped_until_ns <= sim->now_ns) {
            pause_process(sim, process);
        }
    } else if (kind < 62) {
        cut(sim);
    } else if (kind < 84) {
        wire_upset(sim);
    } else if (kind < 90) {
        control_activate(&sim->control, sim->control.state == CONTROL_INACTIVE, sim->now_ns);
    } else if (sim->control.state <= CONTROL_INACTIVE) {
        leader_begin_anew(sim);
    }
}

static void calm_down(struct sim *sim)
{
    sim_trace(sim, "no more faults");
    sim->faults = false;
    sim->chaos_ns = INT64_MAX;
    wire_calm(sim);
    control_activate(&sim->control, true, sim->now_ns);
}

/* ---- The loop ---- */

static void process_event(struct sim *sim, struct sim_process *process)
{
    if (process->exit_ns <= sim->now_ns) {
        process->exit_ns = INT64_MAX;
        sim->died_late =
            sim->died_late || (!process->terminated && sim->control.state >= CONTROL_DRAINING);
        leader_exited(process);
    }
    if (!process->alive) {
        return;
    }
    if (process->end_ns <= sim->now_ns) {
        process_die(process);
        return;
    }
    if (process->stopped_until_ns > sim->now_ns) {
        return;
    }
    if (process->stopped_at_ns != 0) {
        process->stopped_sum_ns += sim->now_ns - process->stopped_at_ns;
        process->stopped_at_ns = 0;
    }
    if (process->wake_ns > sim->now_ns) {
        return;
    }
    if (process->terminated) {
        process_die(process);
        if (!process->zombie) {
            leader_gone_after(process, SIM_MS);
        }
        return;
    }
    sim->passes++;
    process_pass(process);
    if (process->severed && !process->zombie) {
        sim_trace(sim, "worker %u/%u died in the midst of a step", process->index,
                  process->number);
        process_die(process);
        leader_gone_after(process, SIM_MS);
    }
}

static int64_t process_next_ns(const struct sim_process *process)
{
    int64_t next = process->exit_ns;
    if (process->alive) {
        int64_t wake = process->wake_ns > process->stopped_until_ns ? process->wake_ns
                                                                    : process->stopped_until_ns;
        next = wake < next ? wake : next;
        next = process->end_ns < next ? process->end_ns : next;
    }
    return next;
}

static int64_t next_event_ns(const struct sim *sim)
{
    int64_t next = wire_next_ns(sim);
    int64_t leader = leader_next_ns(sim);
    next = leader < next ? leader : next;
    next = sim->fail_over_ns < next ? sim->fail_over_ns : next;
    next = sim->chaos_ns < next ? sim->chaos_ns : next;
    if (sim->faults && sim->faults_end_ns < next) {
        next = sim->faults_end_ns;
    }
    for (uint32_t i = 0; i < sim->processes_count; i++) {
        int64_t at = process_next_ns(sim->processes[i]);
        next = at < next ? at : next;
    }
    return next;
}

/* Now and then, whatever the run is at; not while it stops: its end is decided then. */
static void fail_over(struct sim *sim)
{
    sim->fail_over_ns = INT64_MAX;
    if (sim->control.state >= CONTROL_STOPPING) {
        return;
    }
    leader_fail_over(sim);
    if (sim->fail_overs_count < FAIL_OVERS_MAX && sim_chance(sim, 700)) {
        sim->fail_over_ns = sim->now_ns + sim_between(sim, 0, 2 * SIM_SECOND);
    }
}

static void turn(struct sim *sim)
{
    int64_t next = next_event_ns(sim);
    sim->now_ns = next > sim->now_ns ? next : sim->now_ns;
    wire_deliver(sim);
    if (sim->faults && sim->now_ns >= sim->faults_end_ns) {
        calm_down(sim);
    }
    if (sim->now_ns >= sim->chaos_ns && sim->control.state < CONTROL_FINISHING) {
        chaos(sim);
    } else if (sim->now_ns >= sim->chaos_ns) {
        sim->chaos_ns = INT64_MAX;
    }
    if (sim->now_ns >= sim->fail_over_ns) {
        fail_over(sim);
    }
    for (uint32_t i = 0; i < sim->processes_count; i++) {
        if (process_next_ns(sim->processes[i]) <= sim->now_ns) {
            process_event(sim, sim->processes[i]);
        }
    }
    leader_tick(sim);
    if (sim->now_ns > sim->deadline_ns) {
        sim_violation(sim, "the run does not end: %s", control_state_name(sim->control.state));
    } else if (sim->passes > PASSES_MAX) {
        sim_violation(sim, "the run takes more than %u passes", PASSES_MAX);
    }
}

static void start(struct sim *sim)
{
    sim->now_ns = SIM_SECOND;
    sim->calm = sim_chance(sim, 100);
    sim->faults = !sim->calm;
    sim->faults_end_ns = sim->now_ns + sim_between(sim, SIM_SECOND / 2, 6 * SIM_SECOND);
    sim->deadline_ns = sim->faults_end_ns + END_NS;
    sim->chaos_ns = sim->calm ? INT64_MAX : sim->now_ns + sim_between(sim, 0, 500 * SIM_MS);
    leader_init(sim);
    if (sim_chance(sim, 500)) {
        sim->fail_over_ns = sim->now_ns + sim_between(sim, 0, 3 * SIM_SECOND);
    }
    wire_init(sim);
    if (!sim->calm) {
        wire_upset(sim);
    }
    leader_start(sim);
}

static void finish(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->processes_count; i++) {
        process_free(sim->processes[i]);
    }
    leader_fini(sim);
    wire_fini(sim);
    while (sim->blocks) {
        struct block *block = sim->blocks;
        sim->blocks = block->next;
        free(block);
    }
    plan_free(sim->plan);
    free(sim->task_worker);
    free(sim->attempts);
    free(sim->lives);
    buf_fini(&sim->out);
}

void sim_run(struct sim *sim)
{
    sim_now = sim;
    rng_seed(&sim->rng, sim->seed);
    buf_init(&sim->out, MESSAGE_SIZE_MAX);
    topology_make(sim);
    if (sim->violation[0] == '\0') {
        start(sim);
    }
    while (sim->violation[0] == '\0' && sim->control.state != CONTROL_STOPPED) {
        turn(sim);
    }
    if (sim->violation[0] == '\0') {
        if (sim->control.failed || sim->control.aborted) {
            sim_violation(sim, "the run failed: %s", sim->control.error.text);
        }
        if (sim->calm && sim->processes_count != sim->workers_count) {
            sim_violation(sim, "a worker was restarted without a fault");
        }
        oracle_end(sim);
    }
    sim_trace(sim, "%llu executions, %llu acked, %llu failed, %llu passes, %u processes",
              (unsigned long long)sim->executed_count, (unsigned long long)sim->acked_count,
              (unsigned long long)sim->failed_count, (unsigned long long)sim->passes,
              sim->processes_count);
    finish(sim);
    sim_now = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What really happened, noted by the test components themselves, and the judgement of what the
 * engine says about it. An attempt is one emit of a message by a spout: it is done when all the
 * executions that it required, over all that was made from it, have been done.
 */
#include "sim.h"

#include "exec/internal.h"

#include <stdlib.h>
#include <string.h>

#define LANES_ROOM 4096u /* a power of two */
/* Beyond timeout · 9/8: the sweep runs when the loop turns, and a stopped second is not counted. */
#define END_SLACK_NS (1500 * SIM_MS)

uint32_t oracle_life(struct sim *sim, const struct sim_process *process)
{
    if (sim->lives_count == sim->lives_room) {
        sim->lives_room = sim->lives_room ? 2 * sim->lives_room : 64;
        sim->lives = realloc(sim->lives, sim->lives_room * sizeof(*sim->lives));
    }
    sim->lives[sim->lives_count] = (struct life){process->epoch, process->number};
    return sim->lives_count++;
}

uint32_t oracle_attempt(struct sim *sim, uint32_t task, uint32_t message)
{
    if (sim->attempts_count == sim->attempts_room) {
        sim->attempts_room = sim->attempts_room ? 2 * sim->attempts_room : 1024;
        sim->attempts = realloc(sim->attempts, sim->attempts_room * sizeof(*sim->attempts));
    }
    const struct sim_process *process = sim->current;
    sim->attempts[sim->attempts_count] =
        (struct attempt){.task = task,
                         .message = message,
                         .life = process->life,
                         .start_ns = sim->now_ns,
                         .stopped_ns = process->stopped_sum_ns};
    sim_trace(sim, "attempt %u of message %u of task %u", sim->attempts_count, message, task);
    return sim->attempts_count++;
}

void oracle_required(struct sim *sim, const struct meta *meta, int64_t count)
{
    for (uint32_t i = 0; i < meta->attempts_count; i++) {
        sim->attempts[meta->attempts[i]].outstanding += count;
    }
}

void oracle_done(struct sim *sim, uint32_t component, const struct meta *meta)
{
    for (uint32_t i = 0; i < meta->attempts_count; i++) {
        struct attempt *attempt = &sim->attempts[meta->attempts[i]];
        attempt->outstanding--;
        sim->seen[component][attempt->task][attempt->message]++;
    }
}

void oracle_failed(struct sim *sim, const struct meta *meta)
{
    for (uint32_t i = 0; i < meta->attempts_count; i++) {
        sim->attempts[meta->attempts[i]].failed = true;
    }
}

void oracle_renewed(struct sim *sim, const struct meta *meta)
{
    for (uint32_t i = 0; i < meta->attempts_count; i++) {
        sim->attempts[meta->attempts[i]].renewed = true;
    }
}

void oracle_ended(struct sim *sim, uint32_t index, bool acked)
{
    struct attempt *attempt = &sim->attempts[index];
    const struct sim_process *process = sim->current;
    if (attempt->ended) {
        sim_violation(sim, "attempt %u of message %u ended twice", index, attempt->message);
    }
    attempt->ended = true;
    sim_trace(sim, "attempt %u %s, %lld executions are outstanding", index,
              acked ? "is acked" : "fails", (long long)attempt->outstanding);
    if (acked) {
        sim->acked_count++;
        sim->acked[attempt->task][attempt->message] = true;
        if (attempt->outstanding != 0 || attempt->failed) {
            sim_violation(sim, "message %u of task %u is acked falsely: %lld executions miss%s",
                          attempt->message, attempt->task, (long long)attempt->outstanding,
                          attempt->failed ? ", it failed" : "");
        }
    } else {
        sim->failed_count++;
        if (sim->calm && !attempt->failed) {
            sim_violation(sim, "message %u of task %u fails without a fault", attempt->message,
                          attempt->task);
        }
    }
    int64_t took =
        sim->now_ns - attempt->start_ns - (process->stopped_sum_ns - attempt->stopped_ns);
    int64_t timeout = sim->plan->timeout_ms * SIM_MS;
    if (!attempt->renewed && took > timeout / 8 * 9 + END_SLACK_NS) {
        sim_violation(sim, "message %u of task %u ends after %lld ms: the timeout is %lld ms",
                      attempt->message, attempt->task, (long long)(took / SIM_MS),
                      (long long)sim->plan->timeout_ms);
    }
}

void oracle_executed(struct sim *sim, struct gale_task *task, const struct meta *meta)
{
    const struct sim_process *process = sim->current;
    sim->executed_count++;
    if (meta->life >= sim->lives_count) {
        sim_violation(sim, "task %u executes what nobody emitted", gale_task_id(task));
    } else if (sim->lives[meta->life].epoch != process->epoch) {
        sim_violation(sim, "task %u of epoch %llu executes a tuple of epoch %llu",
                      gale_task_id(task), (unsigned long long)process->epoch,
                      (unsigned long long)sim->lives[meta->life].epoch);
    }
}

void oracle_saved(struct sim *sim, uint32_t task, uint64_t low_id)
{
    if (low_id + 1 < sim->saved[task]) {
        sim_violation(sim, "the position of task %u goes back from %llu to %llu", task,
                      (unsigned long long)sim->saved[task] - 1, (unsigned long long)low_id);
    }
    for (uint64_t i = 0; i < low_id && i < SIM_MESSAGES_MAX; i++) {
        if (!sim->acked[task][i]) {
            sim_violation(sim, "the position of task %u is %llu, but message %llu is not acked",
                          task, (unsigned long long)low_id, (unsigned long long)i);
            break;
        }
    }
    sim->saved[task] = low_id + 1;
}

void oracle_bounds(struct sim *sim, const struct sim_process *process)
{
    const struct exec *exec = process->exec;
    for (uint32_t i = 0; i < exec->local_count; i++) {
        const struct task *task = exec->local[i];
        bool cycle = false;
        for (uint32_t k = 0; k < task->component->inputs_count; k++) {
            cycle = cycle || task->component->inputs[k].in_cycle;
        }
        /* Each other worker has its credit and one batch beyond it; what failed generations left
         * here counts against the next one. */
        uint64_t batch = BATCH_HEAD_SIZE + BATCH_RUNS_SIZE + BATCH_VALUES_SIZE;
        uint64_t bound = (exec->plan->inbox_size + batch) * exec->options.workers_count;
        if (!cycle && task->inbox_bytes > bound) {
            sim_violation(sim, "the inbox of task %u holds %llu bytes: the bound is %llu",
                          task->id, (unsigned long long)task->inbox_bytes,
                          (unsigned long long)bound);
        }
    }
}

void oracle_end(struct sim *sim)
{
    const struct plan *plan = sim->plan;
    for (uint32_t s = 0; s < sim->spouts_count; s++) {
        for (uint32_t t = 0; t < plan->components[s].parallelism; t++) {
            uint32_t task = plan->components[s].first_task + t;
            for (uint32_t m = 0; m < sim->messages_count; m++) {
                if (!sim->acked[task][m]) {
                    sim_violation(sim, "the run ended, message %u of task %u is not acked", m,
                                  task);
                    return;
                }
                for (uint32_t c = sim->spouts_count; c < plan->components_count; c++) {
                    bool must = (sim->components[c].reaches >> (2 * s + (m & 1)) & 1) != 0;
                    if (must && sim->seen[c][task][m] == 0) {
                        sim_violation(sim, "message %u of task %u never reached \"%s\"", m,
                                      task, plan->components[c].name);
                        return;
                    }
                }
            }
        }
        if (sim->violation[0] == '\0' && !sim->died_late) {
            for (uint32_t t = 0; t < plan->components[s].parallelism; t++) {
                uint32_t task = plan->components[s].first_task + t;
                if (sim->saved[task] != sim->messages_count + 1u) {
                    sim_violation(sim, "the last position of task %u is %lld of %u", task,
                                  (long long)sim->saved[task] - 1, sim->messages_count);
                }
            }
        }
    }
}

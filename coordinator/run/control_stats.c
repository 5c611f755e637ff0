/* SPDX-License-Identifier: Apache-2.0 */
/* Figures: per task the last word of the living process and the sum of the dead ones. */
#include "run/control_internal.h"

#include <stdlib.h>
#include <string.h>

void control_task_fini(struct control_task *task)
{
    if (task) {
        free(task->execute_ns);
        free(task->complete_ns);
        memset(task, 0, sizeof(*task));
    }
}

static void take_hist(struct hist **to, struct message_bytes packed)
{
    if (*to) {
        hist_clear(*to);
    }
    if (packed.size == 0) {
        return;
    }
    if (!*to) {
        *to = calloc(1, sizeof(**to));
    }
    if (*to) {
        hist_merge_packed(*to, packed.data, packed.size);
    }
}

void control_stats_take(struct control *control, const struct message_beat *beat,
                        int64_t now_ns)
{
    for (uint32_t i = 0; i < beat->tasks_count; i++) {
        const struct message_task_stats *stats = &beat->tasks[i];
        if (stats->task == 0 || stats->task > control->plan->tasks_count) {
            continue;
        }
        struct control_task *task = &control->live[stats->task];
        task->executed = stats->executed;
        task->emitted = stats->emitted;
        task->acked = stats->acked;
        task->failed = stats->failed;
        task->timed_out = stats->timed_out;
        task->errors = stats->errors;
        task->pending = stats->pending;
        task->queue_bytes = stats->queue_bytes;
        task->queue_bytes_max = stats->queue_bytes_max;
        task->blocked_ns = stats->blocked_ns;
        take_hist(&task->execute_ns, stats->execute_ns);
        take_hist(&task->complete_ns, stats->complete_ns);
        if (control->first_ack_ns == 0 && stats->acked > 0) {
            control->first_ack_ns = now_ns;
        }
    }
}

static void bury_hist(struct hist **dead, struct hist *live)
{
    if (!live || live->count == 0) {
        return;
    }
    if (!*dead) {
        *dead = calloc(1, sizeof(**dead));
    }
    if (*dead) {
        hist_merge(*dead, live);
    }
    hist_clear(live);
}

void control_stats_bury(struct control *control, uint32_t index)
{
    struct control_worker *worker = &control->workers[index];
    for (uint32_t id = 1; id <= control->plan->tasks_count; id++) {
        if (control->task_worker[id] != index) {
            continue;
        }
        struct control_task *live = &control->live[id];
        struct control_task *dead = &control->dead[id];
        dead->executed += live->executed;
        dead->emitted += live->emitted;
        dead->acked += live->acked;
        dead->failed += live->failed;
        dead->timed_out += live->timed_out;
        dead->errors += live->errors;
        dead->blocked_ns += live->blocked_ns;
        bury_hist(&dead->execute_ns, live->execute_ns);
        bury_hist(&dead->complete_ns, live->complete_ns);
        live->executed = live->emitted = live->acked = live->failed = live->timed_out = 0;
        live->errors = live->pending = live->queue_bytes = live->blocked_ns = 0;
    }
    worker->cpu_dead_ns += worker->beat.cpu_ns - worker->cpu_base_ns;
    worker->cpu_base_ns = 0;
    worker->stats_round = 0;
    control->frames_refused_dead += worker->beat.frames_refused;
    control->duplicates_dead += worker->beat.duplicates_dropped;
    control->links_failed_dead += worker->beat.links_failed;
    memset(&worker->beat, 0, sizeof(worker->beat));
}

void control_stats_clear(struct control *control)
{
    for (uint32_t id = 1; id <= control->plan->tasks_count; id++) {
        control_task_fini(&control->live[id]);
        control_task_fini(&control->dead[id]);
    }
    for (uint32_t i = 0; i < control->workers_count; i++) {
        control->workers[i].cpu_base_ns = control->workers[i].beat.cpu_ns;
        control->workers[i].cpu_dead_ns = 0;
    }
}

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

/* An absent one is empty or was left to another beat; what is empty now was cleared here as well. */
static void take_hist(struct hist **to, struct message_bytes packed)
{
    if (packed.size == 0) {
        return;
    }
    if (!*to) {
        *to = calloc(1, sizeof(**to));
    }
    if (*to) {
        hist_clear(*to);
        hist_merge_packed(*to, packed.data, packed.size);
    }
}

static void take_task(struct control_task *task, const struct message_task_stats *stats)
{
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
}

static void take_process(struct control *control, struct control_worker *worker,
                         const struct message_beat *beat)
{
    worker->beat = *beat;
    worker->beat.tasks = NULL;
    worker->beat.tasks_count = 0;
    worker->beats_count++;
    if (beat->rss_peak_kb > worker->rss_peak_kb) {
        worker->rss_peak_kb = beat->rss_peak_kb;
    }
    /* Another process of the same worker repeats the round: what its start costs counts. */
    if (beat->stats_round > worker->stats_round) {
        worker->stats_round = beat->stats_round;
        worker->cpu_base = control_cpu_of(worker);
    }
    if (beat->first_acked_ns > 0 &&
        (control->first_acked_ns == 0 || beat->first_acked_ns < control->first_acked_ns)) {
        control->first_acked_ns = beat->first_acked_ns;
    }
}

void control_stats_take(struct control *control, uint32_t index,
                        const struct message_beat *beat)
{
    take_process(control, &control->workers[index], beat);
    for (uint32_t i = 0; i < beat->tasks_count; i++) {
        const struct message_task_stats *stats = &beat->tasks[i];
        if (stats->task == 0 || stats->task > control->plan->tasks_count) {
            continue;
        }
        struct control_task *task = &control->live[stats->task];
        task->total = (struct control_totals){.executed = stats->total_executed,
                                              .emitted = stats->total_emitted,
                                              .acked = stats->total_acked,
                                              .failed = stats->total_failed};
        if (beat->stats_round == control->stats_round) {
            take_task(task, stats);
        }
    }
}

struct control_cpu control_cpu_of(const struct control_worker *worker)
{
    return (struct control_cpu){worker->cpu_dead.user_ns + worker->beat.cpu_user_ns,
                                worker->cpu_dead.system_ns + worker->beat.cpu_system_ns};
}

void control_cpu_ended(struct control *control, uint32_t index, struct control_cpu used)
{
    struct message_beat *beat = &control->workers[index].beat;
    if (used.user_ns + used.system_ns > beat->cpu_user_ns + beat->cpu_system_ns) {
        beat->cpu_user_ns = used.user_ns;
        beat->cpu_system_ns = used.system_ns;
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
        dead->total.executed += live->total.executed;
        dead->total.emitted += live->total.emitted;
        dead->total.acked += live->total.acked;
        dead->total.failed += live->total.failed;
        bury_hist(&dead->execute_ns, live->execute_ns);
        bury_hist(&dead->complete_ns, live->complete_ns);
        live->executed = live->emitted = live->acked = live->failed = live->timed_out = 0;
        live->errors = live->pending = live->queue_bytes = live->blocked_ns = 0;
        live->total = (struct control_totals){0};
    }
    worker->cpu_dead = control_cpu_of(worker);
    control->frames_refused_dead += worker->beat.frames_refused;
    control->duplicates_dead += worker->beat.duplicates_dropped;
    control->links_failed_dead += worker->beat.links_failed;
    memset(&worker->beat, 0, sizeof(worker->beat));
}

static void clear_task(struct control_task *task)
{
    struct control_totals total = task->total;
    control_task_fini(task);
    task->total = total;
}

void control_stats_clear(struct control *control)
{
    for (uint32_t id = 1; id <= control->plan->tasks_count; id++) {
        clear_task(&control->live[id]);
        clear_task(&control->dead[id]);
    }
    for (uint32_t i = 0; i < control->workers_count; i++) {
        control->workers[i].cpu_base = control_cpu_of(&control->workers[i]);
    }
}

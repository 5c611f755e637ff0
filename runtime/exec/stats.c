/* SPDX-License-Identifier: Apache-2.0 */
/* What the executor tells about itself: counters, histograms, quiescence. Positions: offsets.c. */
#include "exec/internal.h"

static uint64_t pending(const struct task *task)
{
    return task->component->spout ? task->ledger.open_count - (task->spare_root ? 1 : 0)
                                  : task->kept_count;
}

static uint64_t blocked_ns(const struct exec *exec, const struct task *task)
{
    uint64_t sum = task->count.blocked_ns;
    if (task->blocked_since_ns != 0) {
        sum += (uint64_t)(exec->now_ns - task->blocked_since_ns);
    }
    return sum;
}

static size_t pack_hist(struct exec *exec, const struct hist *hist)
{
    size_t before = exec->beat_bytes.size;
    if (hist && hist->count > 0) {
        hist_pack(hist, &exec->beat_bytes);
    }
    return exec->beat_bytes.size - before;
}

static uint64_t acked(const struct task *task, const struct task_counters *count)
{
    return count->acked + (task->component->bolt ? count->executed - count->unsettled : 0);
}

static void beat_task(struct exec *exec, const struct task *task,
                      struct message_task_stats *stats)
{
    *stats = (struct message_task_stats){
        .task = task->id,
        .executed = task->count.executed,
        .emitted = task->count.emitted,
        .acked = acked(task, &task->count),
        .failed = task->count.failed,
        .timed_out = task->count.timed_out,
        .errors = task->count.errors,
        .pending = pending(task),
        .queue_bytes = task->inbox_bytes,
        .queue_bytes_max =
            (uint64_t)exec->plan->inbox_size *
            (exec->options.workers_count > 1 ? exec->options.workers_count - 1 : 1),
        .blocked_ns = blocked_ns(exec, task),
        .total_executed = task->before.executed + task->count.executed,
        .total_emitted = task->before.emitted + task->count.emitted,
        .total_acked = acked(task, &task->before) + acked(task, &task->count),
        .total_failed = task->before.failed + task->count.failed};
}

/* Packs the histograms of as many tasks as one message has room for, beginning behind the one that was
 * told last; those left out are told by the next beats. True when every task has had its turn. */
static bool beat_hists(struct exec *exec)
{
    uint32_t count = 0;
    uint32_t from = exec->beat_from;
    while (from + count < exec->local_count && exec->beat_bytes.size < EXEC_BEAT_HISTS_SIZE) {
        const struct task *task = exec->local[from + count];
        struct message_task_stats *stats = &exec->beat_tasks[from + count++];
        stats->execute_ns.size = pack_hist(exec, task->execute_ns);
        stats->complete_ns.size = pack_hist(exec, task->complete_ns);
    }
    const uint8_t *at = exec->beat_bytes.data; /* Final only now: packing may move it. */
    for (uint32_t i = from; i < from + count; i++) {
        struct message_task_stats *stats = &exec->beat_tasks[i];
        if (stats->execute_ns.size > 0) {
            stats->execute_ns.data = at;
            at += stats->execute_ns.size;
        }
        if (stats->complete_ns.size > 0) {
            stats->complete_ns.data = at;
            at += stats->complete_ns.size;
        }
    }
    exec->beat_from = from + count < exec->local_count ? from + count : 0;
    return exec->beat_from == 0;
}

bool exec_spouts_done(const struct exec *exec)
{
    for (uint32_t i = 0; i < exec->local_count; i++) {
        const struct task *task = exec->local[i];
        if (task->component->spout &&
            (!(task->done || exec->draining) || pending(task) > 0 || task->ends_count > 0 ||
             (task->woken && !exec->draining))) {
            return false;
        }
    }
    return true;
}

static bool quiet(const struct exec *exec)
{
    if (exec->kept_count > 0 || exec->more_count > 0 || exec->waiting_lanes ||
        exec->open_lanes || !peers_quiet(exec)) {
        return false;
    }
    for (uint32_t i = 0; i < exec->local_count; i++) {
        if (exec->local[i]->inbox_first) {
            return false;
        }
    }
    return true;
}

bool exec_beat(struct exec *exec, struct message_beat *beat)
{
    buf_clear(&exec->beat_bytes);
    for (uint32_t i = 0; i < exec->local_count; i++) {
        beat_task(exec, exec->local[i], &exec->beat_tasks[i]);
    }
    bool whole = beat_hists(exec);
    beat->spouts_done = exec_spouts_done(exec);
    beat->quiet = quiet(exec);
    beat->links = peers_digest(exec);
    beat->activity = exec->activity;
    beat->first_acked_ns = exec->first_acked_ns;
    beat->frames_refused = exec->frames_refused;
    beat->duplicates_dropped = 0;
    beat->links_failed = 0;
    for (uint32_t i = 0; i < exec->options.workers_count; i++) {
        beat->frames_refused += exec->peers[i].in.verdicts[LINK_DROP_STALE];
        beat->duplicates_dropped += exec->peers[i].in.verdicts[LINK_DROP_DUPLICATE];
        beat->links_failed += exec->peers[i].in.verdicts[LINK_GAP];
    }
    beat->tasks = exec->beat_tasks;
    beat->tasks_count = exec->local_count;
    return whole;
}

void exec_reset_stats(struct exec *exec)
{
    for (uint32_t i = 0; i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        uint64_t executed = task->count.executed;
        task->before.executed += executed;
        task->before.unsettled += task->count.unsettled;
        task->before.emitted += task->count.emitted;
        task->before.acked += task->count.acked;
        task->before.failed += task->count.failed;
        memset(&task->count, 0, sizeof(task->count));
        task->sample_at -= executed < task->sample_at ? executed : task->sample_at;
        task->sample_at = task->sample_at ? task->sample_at : 1;
        task->blocked_since_ns = task->blocked_since_ns ? exec->now_ns : 0;
        if (task->execute_ns) {
            hist_clear(task->execute_ns);
        }
        if (task->complete_ns) {
            hist_clear(task->complete_ns);
        }
    }
}

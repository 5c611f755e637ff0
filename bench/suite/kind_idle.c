/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What being there costs: a run that emits one tuple and then waits. Memory and CPU time of its
 * processes are read from the system, from outside, at the start and at the end of a window; the
 * progress lines by which the suite follows the run (four a second) are part of what is measured.
 */
#include "suite/kinds.h"

#include "base/clock.h"
#include "suite/proc.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The start of the processes is over by then. */
static const double settle_s = 1.0;
/* Before the end of the run, which is work again. */
static const double margin_s = 0.1;

struct process {
    pid_t pid;
    double cpu_s;  /* In the window. */
    double rss_mb; /* At its end. */
};

struct idle {
    int64_t started_ns;
    double from_s, until_s; /* The window, since the start. */
    double window_s;        /* As it was in truth; 0: not over. */
    int64_t first_ns;       /* 0: not begun. */
    struct process run;
    struct process workers[BENCH_WORKERS_MAX];
    size_t workers_count;
};

/* Begins (direction −1) and ends (+1) the window of one process. */
static void count(struct process *process, double direction)
{
    process->cpu_s += direction * proc_cpu_s(process->pid);
    process->rss_mb = proc_rss_mb(process->pid);
}

static void count_all(struct idle *idle, double direction)
{
    count(&idle->run, direction);
    for (size_t i = 0; i < idle->workers_count; i++) {
        count(&idle->workers[i], direction);
    }
}

static void on_sample(void *self, const struct bench_sample *sample)
{
    struct idle *idle = self;
    if (idle->first_ns != 0) {
        return;
    }
    idle->workers_count = sample->workers_count;
    for (size_t i = 0; i < sample->workers_count; i++) {
        idle->workers[i].pid = sample->workers[i].pid;
    }
}

static bool on_tick(void *self, pid_t run_pid)
{
    struct idle *idle = self;
    int64_t now_ns = clock_now_ns();
    double t_s = (double)(now_ns - idle->started_ns) / 1e9;
    if (idle->first_ns == 0 && t_s >= idle->from_s && idle->workers_count > 0) {
        idle->run.pid = run_pid;
        idle->first_ns = now_ns;
        count_all(idle, -1);
    } else if (idle->first_ns != 0 && idle->window_s <= 0 && t_s >= idle->until_s) {
        idle->window_s = (double)(now_ns - idle->first_ns) / 1e9;
        count_all(idle, 1);
    }
    return true;
}

static bool is_right(const struct bench_context *context, const struct bench_report *report,
                     const struct idle *idle, struct result *result)
{
    struct bench_counters spouts = bench_report_spouts(report);
    if (idle->window_s <= 0 || idle->workers_count != context->workers) {
        result_fail(result, "%zu workers were seen instead of %u, or the run ended early",
                    idle->workers_count, context->workers);
        return false;
    }
    if (spouts.emitted != 1 || spouts.acked != 1) {
        result_fail(result,
                    "an idle run emits one tuple; %" PRIu64 " were emitted, %" PRIu64 " acked",
                    spouts.emitted, spouts.acked);
        return false;
    }
    return true;
}

enum bench_end kind_idle(const struct bench_context *context, struct result *result)
{
    double window_s = context->settings->duration_s;
    struct idle idle = {
        .started_ns = clock_now_ns(), .from_s = settle_s, .until_s = settle_s + window_s};
    static const char *const defines[] = {"rate=0.01", NULL};
    struct bench_launch launch = {.defines = defines,
                                  .duration_s = idle.until_s + margin_s + settle_s,
                                  .on_sample = on_sample,
                                  .on_tick = on_tick,
                                  .self = &idle};
    struct bench_report report;
    enum bench_end end = bench_run(context, &launch, &report, result);
    if (end != BENCH_DONE) {
        return end;
    }
    if (!is_right(context, &report, &idle, result)) {
        bool is_seen = idle.window_s > 0 && idle.workers_count == context->workers;
        return is_seen ? bench_refused(&report) : BENCH_BUSY;
    }
    double cpu_s = idle.run.cpu_s, worker_cpu_s = 0, worker_mb = 0;
    for (size_t i = 0; i < idle.workers_count; i++) {
        cpu_s += idle.workers[i].cpu_s;
        worker_cpu_s = fmax(worker_cpu_s, idle.workers[i].cpu_s);
        worker_mb = fmax(worker_mb, idle.workers[i].rss_mb);
    }
    result_metric_add(result, "idle_run_mb", "MB", RESULT_LOWER, idle.run.rss_mb);
    result_metric_add(result, "idle_worker_mb", "MB", RESULT_LOWER, worker_mb);
    result_metric_add(result, "idle_cores", "cores", RESULT_LOWER, cpu_s / idle.window_s);
    result_metric_add(result, "idle_worker_cores", "cores", RESULT_LOWER,
                      worker_cpu_s / idle.window_s);
    result_metric_add(result, "memory_peak_mb", "MB", RESULT_LOWER,
                      report.memory_peak_kb / 1024);
    result_check(result, "exactly one tuple was emitted and acked, all %zu workers lived",
                 idle.workers_count);
    return BENCH_DONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster costs that has nothing to do: memory and CPU of coordinator and supervisor together,
 * with a store of their own and with ZooKeeper (whose server does not count), and of `gale dev`. Read
 * from the system at the start and at the end of a window in which nobody asks anything.
 */
#include "suite/kinds.h"

#include "base/clock.h"
#include "suite/memory.h"
#include "suite/proc.h"
#include "suite/rig.h"
#include <math.h>
#include <stdlib.h>

/* The start is over by then. */
static const double settle_s = 1.0;
static const double look_s = 0.02;

struct figures {
    double rss_mb, share_mb, cpu_s, window_s;
};

static double cpu_of_all(const struct rig *rig)
{
    pid_t coordinator = rig->coordinators[0].pid;
    return proc_cpu_s(rig->supervisor) + (coordinator > 0 ? proc_cpu_s(coordinator) : 0);
}

static bool pause_for(double seconds)
{
    int64_t end_ns = clock_now_ns() + (int64_t)(seconds * 1e9);
    while (clock_now_ns() < end_ns && !bench_is_interrupted()) {
        proc_pause(look_s);
    }
    return !bench_is_interrupted();
}

static enum bench_end look(struct rig *rig, struct figures *figures)
{
    pid_t coordinator = rig->coordinators[0].pid;
    if (!pause_for(settle_s)) {
        return BENCH_INTERRUPTED;
    }
    int64_t started_ns = clock_now_ns();
    double cpu_s = cpu_of_all(rig);
    if (!pause_for(rig->context->settings->duration_s)) {
        return BENCH_INTERRUPTED;
    }
    figures->cpu_s = cpu_of_all(rig) - cpu_s;
    figures->window_s = (double)(clock_now_ns() - started_ns) / 1e9;
    figures->rss_mb = proc_rss_mb(rig->supervisor);
    figures->share_mb = proc_share_mb(rig->supervisor);
    if (coordinator > 0) {
        figures->rss_mb += proc_rss_mb(coordinator);
        figures->share_mb += proc_share_mb(coordinator);
    }
    if (isnan(figures->rss_mb) || isnan(figures->cpu_s)) {
        result_fail(rig->result, "an idle daemon ended");
        return BENCH_WRONG;
    }
    return BENCH_DONE;
}

static enum bench_end measure(const struct bench_context *context,
                              const struct rig_options *options, const char *name,
                              struct result *result)
{
    struct figures figures = {0};
    char metric[RESULT_NAME_SIZE];
    struct rig *rig = suite_alloc(1, sizeof *rig);
    enum bench_end end = rig_start(rig, context, options, result);
    end = end == BENCH_DONE ? look(rig, &figures) : end;
    rig_end(rig);
    free(rig);
    if (end != BENCH_DONE) {
        return end;
    }
    snprintf(metric, sizeof metric, "%s_mb", name);
    result_metric_add(result, metric, "MB", RESULT_LOWER, figures.rss_mb);
    snprintf(metric, sizeof metric, "%s_share_mb", name);
    result_metric_add(result, metric, "MB", RESULT_LOWER, figures.share_mb);
    snprintf(metric, sizeof metric, "%s_cores", name);
    result_metric_add(result, metric, "cores", RESULT_LOWER, figures.cpu_s / figures.window_s);
    return BENCH_DONE;
}

enum bench_end kind_cluster_idle(const struct bench_context *context, struct result *result)
{
    static const struct rig_options own = {.coordinators = 1};
    static const struct rig_options dev = {.coordinators = 0};
    static const struct rig_options zookeeper = {.coordinators = 1, .session = "2s"};
    char why[512];
    bool is_there = zookeeper_is_there(why, sizeof why);
    enum bench_end end = measure(context, &own, "daemons", result);
    end = end == BENCH_DONE ? measure(context, &dev, "dev", result) : end;
    if (end == BENCH_DONE && is_there) {
        end = measure(context, &zookeeper, "zookeeper", result);
    }
    if (end == BENCH_DONE) {
        result_check(result, "coordinator and supervisor lived and knew each other%s%s",
                     is_there ? ", also with ZooKeeper" : "; not measured with ZooKeeper: ",
                     is_there ? "" : why);
    }
    return end;
}

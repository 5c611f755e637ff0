/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user of a cluster waits for: from `gale submit` to the first result, for a list, and whether
 * 200 topologies make anything slower. Each time is that of the command's process, from before it
 * existed; the moment of the first completed tree is stamped in the worker by the same clock.
 */
#include "suite/kinds.h"

#include "base/clock.h"
#include "suite/memory.h"
#include "suite/proc.h"
#include "suite/rig.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUBMIT_TIMES = 10,
    SUBMIT_TIMES_TINY = 2,
    LIST_TIMES = 50,
    LIST_TIMES_TINY = 5,
    LIST_TOPOLOGIES = 5,
    MANY = 200,
    MANY_TINY = 6,
    MANY_EDGE = 10, /* So many first and last ones are compared. */
    MANY_EDGE_TINY = 3,
    NAME_SIZE = 32,
};
static const double first_acked_max_s = 30;
static const double up_max_s = 30;
static const double look_s = 0.02;
static const double percentile = 0.99;

/* ---- cluster-submit -------------------------------------------------------------------------- */

/* Asks until the worker has told when its first tree was completed. */
static enum bench_end first_acked(struct rig *rig, const char *name, int64_t *at_ns)
{
    int64_t deadline_ns = clock_now_ns() + (int64_t)(first_acked_max_s * 1e9);
    struct rig_topology topology = {0};
    do {
        enum bench_end end = rig_describe(rig, name, &topology);
        if (end != BENCH_DONE) {
            return end;
        }
        *at_ns = topology.first_acked_at_ns;
        proc_pause(*at_ns == 0 ? look_s : 0);
    } while (*at_ns == 0 && clock_now_ns() < deadline_ns);
    if (*at_ns == 0) {
        result_fail(rig->result, "no tuple of %s was acked within %.0f s", name,
                    first_acked_max_s);
        return BENCH_WRONG;
    }
    return BENCH_DONE;
}

static enum bench_end submit_once(struct rig *rig, unsigned number, struct rig_counts *total)
{
    char name[NAME_SIZE];
    int64_t acked_at_ns = 0;
    snprintf(name, sizeof name, "submit-%u", number);
    enum bench_end end = rig_submit(rig, name, "rate=1000");
    int64_t started_ns = rig->started_ns;
    double submit_ms = rig->wall_ms;
    end = end == BENCH_DONE ? first_acked(rig, name, &acked_at_ns) : end;
    end = end == BENCH_DONE ? rig_check(rig, name, total) : end;
    end = end == BENCH_DONE ? rig_kill(rig, name) : end;
    if (end == BENCH_DONE) {
        result_metric_add(rig->result, "first_acked_ms", "ms", RESULT_LOWER,
                          (double)(acked_at_ns - started_ns) / 1e6);
        result_metric_add(rig->result, "submit_ms", "ms", RESULT_LOWER, submit_ms);
        result_metric_add(rig->result, "kill_ms", "ms", RESULT_LOWER, rig->wall_ms);
    }
    return end;
}

enum bench_end kind_cluster_submit(const struct bench_context *context, struct result *result)
{
    static const struct rig_options options = {.coordinators = 1};
    unsigned times = context->settings->tiny ? SUBMIT_TIMES_TINY : SUBMIT_TIMES;
    struct rig_counts total = {0};
    struct rig *rig = suite_alloc(1, sizeof *rig);
    enum bench_end end = rig_start(rig, context, &options, result);
    for (unsigned i = 0; i < times && end == BENCH_DONE; i++) {
        end = submit_once(rig, i, &total);
    }
    rig_end(rig);
    free(rig);
    if (end == BENCH_DONE) {
        result_check(result,
                     "each of %u topologies ran and was killed, %" PRIu64
                     " tuples emitted, executed and acked, no worker started again",
                     times, total.emitted);
    }
    return end;
}

/* ---- cluster-list ---------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

/* `gale list` once, with the right number of topologies in it. */
static enum bench_end list_once(struct rig *rig, size_t expected, double *wall_ms)
{
    static const char *const words[] = {"list", NULL};
    enum bench_end end = rig_gale(rig, words);
    size_t count = end == BENCH_DONE ? rig_json_list(rig->text, rig->size, NULL, NULL) : 0;
    *wall_ms = rig->wall_ms;
    if (end == BENCH_DONE && count != expected) {
        result_fail(rig->result, "`gale list` shows %zu topologies instead of %zu",
                    count == SIZE_MAX ? 0 : count, expected);
        end = BENCH_WRONG;
    }
    return end;
}

static enum bench_end list_times(struct rig *rig, unsigned times)
{
    double wall_ms[LIST_TIMES] = {0};
    enum bench_end end = BENCH_DONE;
    for (unsigned i = 0; i < times && end == BENCH_DONE; i++) {
        end = list_once(rig, LIST_TOPOLOGIES, &wall_ms[i]);
    }
    if (end == BENCH_DONE) {
        qsort(wall_ms, times, sizeof wall_ms[0], by_value);
        size_t rank = (size_t)ceil(percentile * times) - 1;
        result_metric_add(rig->result, "list_p50_ms", "ms", RESULT_LOWER, wall_ms[times / 2]);
        result_metric_add(rig->result, "list_p99_ms", "ms", RESULT_LOWER, wall_ms[rank]);
    }
    return end;
}

enum bench_end kind_cluster_list(const struct bench_context *context, struct result *result)
{
    static const struct rig_options options = {.coordinators = 1};
    unsigned times = context->settings->tiny ? LIST_TIMES_TINY : LIST_TIMES;
    char name[NAME_SIZE];
    struct rig *rig = suite_alloc(1, sizeof *rig);
    enum bench_end end = rig_start(rig, context, &options, result);
    for (unsigned i = 0; i < LIST_TOPOLOGIES && end == BENCH_DONE; i++) {
        snprintf(name, sizeof name, "list-%u", i);
        end = rig_submit(rig, name, "rate=100");
    }
    end = end == BENCH_DONE ? list_times(rig, times) : end;
    rig_end(rig);
    free(rig);
    if (end == BENCH_DONE) {
        result_check(result, "each of %u lists showed all %d running topologies", times,
                     LIST_TOPOLOGIES);
    }
    return end;
}

/* ---- cluster-many ---------------------------------------------------------------------------- */

struct many {
    struct rig *rig;
    unsigned count, edge;
    double submit_ms[MANY], list_ms[MANY], kill_ms[MANY];
    unsigned active, restarts; /* Seen in the last list. */
};

static void many_name(unsigned number, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "many-%03u", number);
}

static void look_at(void *self, const struct rig_topology *topology)
{
    struct many *many = self;
    many->active +=
        strcmp(topology->status, "active") == 0 && topology->workers_up == topology->workers;
    many->restarts += topology->restarts;
}

/* All at once: each active with its worker, none of which died. */
static enum bench_end many_are_up(struct many *many)
{
    static const char *const words[] = {"list", NULL};
    int64_t deadline_ns = clock_now_ns() + (int64_t)(up_max_s * 1e9);
    do {
        enum bench_end end = rig_gale(many->rig, words);
        if (end != BENCH_DONE) {
            return end;
        }
        many->active = 0;
        many->restarts = 0;
        (void)rig_json_list(many->rig->text, many->rig->size, look_at, many);
    } while (many->active < many->count && clock_now_ns() < deadline_ns);
    if (many->active != many->count || many->restarts != 0) {
        result_fail(many->rig->result, "%u of %u topologies are active, %u workers restarted",
                    many->active, many->count, many->restarts);
        return BENCH_WRONG;
    }
    return BENCH_DONE;
}

static enum bench_end many_run(struct many *many)
{
    enum bench_end end = BENCH_DONE;
    char name[NAME_SIZE];
    for (unsigned i = 0; i < many->count && end == BENCH_DONE; i++) {
        many_name(i, name);
        end = rig_submit(many->rig, name, "rate=1");
        many->submit_ms[i] = many->rig->wall_ms;
        end = end == BENCH_DONE ? list_once(many->rig, i + 1, &many->list_ms[i]) : end;
    }
    end = end == BENCH_DONE ? many_are_up(many) : end;
    for (unsigned i = 0; i < many->count && end == BENCH_DONE; i++) {
        many_name(i, name);
        end = rig_kill(many->rig, name);
        many->kill_ms[i] = many->rig->wall_ms;
    }
    double wall_ms;
    return end == BENCH_DONE ? list_once(many->rig, 0, &wall_ms) : end;
}

/* The first ones, the last ones, and the slowest of the last ones. */
static void many_metrics(const struct many *many, const char *verb, const double *wall_ms)
{
    char name[RESULT_NAME_SIZE];
    const double *last = wall_ms + many->count - many->edge;
    double max_ms = 0;
    for (unsigned i = 0; i < many->edge; i++) {
        max_ms = fmax(max_ms, last[i]);
    }
    snprintf(name, sizeof name, "%s_first_ms", verb);
    result_metric_add(many->rig->result, name, "ms", RESULT_LOWER,
                      result_median_of(wall_ms, many->edge));
    snprintf(name, sizeof name, "%s_last_ms", verb);
    result_metric_add(many->rig->result, name, "ms", RESULT_LOWER,
                      result_median_of(last, many->edge));
    snprintf(name, sizeof name, "%s_last_max_ms", verb);
    result_metric_add(many->rig->result, name, "ms", RESULT_LOWER, max_ms);
}

enum bench_end kind_cluster_many(const struct bench_context *context, struct result *result)
{
    static const struct rig_options options = {.coordinators = 1};
    bool is_tiny = context->settings->tiny;
    struct rig *rig = suite_alloc(1, sizeof *rig);
    struct many *many = suite_alloc(1, sizeof *many);
    many->rig = rig;
    many->count = is_tiny ? MANY_TINY : MANY;
    many->edge = is_tiny ? MANY_EDGE_TINY : MANY_EDGE;
    enum bench_end end = rig_start(rig, context, &options, result);
    end = end == BENCH_DONE ? many_run(many) : end;
    if (end == BENCH_DONE) {
        many_metrics(many, "submit", many->submit_ms);
        many_metrics(many, "list", many->list_ms);
        many_metrics(many, "kill", many->kill_ms);
        result_check(result,
                     "%u topologies were submitted, each list was complete, all were active "
                     "at once without a restart, all were killed",
                     many->count);
    }
    rig_end(rig);
    free(rig);
    free(many);
    return end;
}

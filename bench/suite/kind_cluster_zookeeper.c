/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster with a real ZooKeeper: how long nobody leads after kill -9 of the leading coordinator, and
 * how much a running topology writes. Where the machine has no ZooKeeper the result says so and has no
 * figures.
 */
#include "suite/kinds.h"

#include "base/clock.h"
#include "suite/memory.h"
#include "suite/proc.h"
#include "suite/rig.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    FAILOVERS = 5,
    FAILOVERS_TINY = 1,
    WRITERS = 4, /* Topologies that write. */
    NAME_SIZE = 32,
};
static const char failover_name[] = "failover";
static const double failover_max_s = 30;
static const double settle_s = 2;
static const double look_s = 0.005;

static bool is_skipped(const struct bench_context *context, struct result *result)
{
    char why[512];
    if (zookeeper_is_there(why, sizeof why)) {
        return false;
    }
    bench_note(context, "%s is skipped: %s", context->bench->name, why);
    result_check(result, "nothing, it was skipped: %s", why);
    return true;
}

/* ---- cluster-failover ------------------------------------------------------------------------ */

/* Until both coordinators stand for election, one of them leads the supervisor and it has heard of the
 * other, which is the usual state of a cluster. */
static enum bench_end await_candidates(struct rig *rig, unsigned *leader)
{
    int64_t deadline_ns = clock_now_ns() + (int64_t)(failover_max_s * 1e9);
    while (clock_now_ns() < deadline_ns && !bench_is_interrupted()) {
        *leader = rig_leader(rig);
        if (*leader != RIG_COORDINATORS_MAX && rig->coordinators[*leader].pid > 0 &&
            rig_knows_coordinators(rig) &&
            zookeeper_ephemerals(&rig->zookeeper, "/gale/coordinators/") ==
                RIG_COORDINATORS_MAX) {
            return BENCH_DONE;
        }
        proc_pause(look_s);
    }
    if (!bench_is_interrupted()) {
        result_fail(rig->result, "there are no two coordinators, one of which leads");
    }
    return bench_is_interrupted() ? BENCH_INTERRUPTED : BENCH_WRONG;
}

static bool is_adopted(const struct rig_topology *now, const struct rig_topology *before)
{
    return strcmp(now->status, "active") == 0 && now->workers_up == before->workers &&
           now->pids_count == before->pids_count;
}

/* Asks the one that is left until it leads and has heard from all workers.
 * @param at_ns when the question was asked that it answered so. */
static enum bench_end await_adoption(struct rig *rig, const struct rig_topology *before,
                                     struct rig_topology *now, int64_t *led_ns, int64_t *at_ns)
{
    static const char *const words[] = {"describe", failover_name, "--timeout", "500ms", NULL};
    int64_t deadline_ns = clock_now_ns() + (int64_t)(failover_max_s * 1e9);
    *led_ns = 0;
    while (clock_now_ns() < deadline_ns) {
        enum bench_end end = rig_try(rig, words);
        if (end != BENCH_DONE) {
            return end;
        }
        bool is_led = rig->code == 0 && rig_json_describe(rig->text, rig->size, now);
        *at_ns = clock_now_ns();
        *led_ns = is_led && *led_ns == 0 ? *at_ns : *led_ns;
        if (is_led && is_adopted(now, before)) {
            return BENCH_DONE;
        }
    }
    result_fail(rig->result, "nobody led the workers %.0f s after kill -9 of the leader",
                failover_max_s);
    return BENCH_WRONG;
}

static bool is_unmoved(struct rig *rig, const struct rig_topology *before,
                       const struct rig_topology *now)
{
    if (now->restarts != before->restarts ||
        memcmp(now->pids, before->pids, sizeof now->pids) != 0) {
        result_fail(rig->result,
                    "a worker was started again after the leader's death: %u restarts instead "
                    "of %u",
                    now->restarts, before->restarts);
        return false;
    }
    return true;
}

static enum bench_end fail_over(struct rig *rig)
{
    struct rig_topology before, now;
    unsigned leader;
    int64_t led_ns, at_ns;
    enum bench_end end = await_candidates(rig, &leader);
    end = end == BENCH_DONE ? rig_describe(rig, failover_name, &before) : end;
    if (end != BENCH_DONE) {
        return end;
    }
    int64_t killed_ns = clock_now_ns();
    rig_coordinator_kill(rig, leader);
    end = await_adoption(rig, &before, &now, &led_ns, &at_ns);
    if (end == BENCH_DONE && !is_unmoved(rig, &before, &now)) {
        end = BENCH_WRONG;
    }
    if (end == BENCH_DONE) {
        result_metric_add(rig->result, "adopted_ms", "ms", RESULT_LOWER,
                          (double)(at_ns - killed_ns) / 1e6);
        result_metric_add(rig->result, "led_ms", "ms", RESULT_LOWER,
                          (double)(led_ns - killed_ns) / 1e6);
        end = rig_coordinator_start(rig, leader);
    }
    return end;
}

enum bench_end kind_cluster_failover(const struct bench_context *context, struct result *result)
{
    static const struct rig_options options = {.coordinators = RIG_COORDINATORS_MAX,
                                               .session = "400ms"};
    unsigned times = context->settings->tiny ? FAILOVERS_TINY : FAILOVERS;
    struct rig_counts total = {0};
    if (is_skipped(context, result)) {
        return BENCH_DONE;
    }
    struct rig *rig = suite_alloc(1, sizeof *rig);
    enum bench_end end = rig_start(rig, context, &options, result);
    end = end == BENCH_DONE ? rig_submit(rig, failover_name, "rate=1000") : end;
    for (unsigned i = 0; i < times && end == BENCH_DONE; i++) {
        end = fail_over(rig);
    }
    end = end == BENCH_DONE ? rig_check(rig, failover_name, &total) : end;
    rig_end(rig);
    free(rig);
    if (end == BENCH_DONE) {
        result_check(result,
                     "after each of %u kills the other led the same %u processes; none was "
                     "started again, %" PRIu64 " tuples emitted, executed and acked",
                     times, context->workers, total.emitted);
    }
    return end;
}

/* ---- cluster-writes -------------------------------------------------------------------------- */

/* Counts transactions over the window, by topology; nobody asks anything meanwhile. */
static enum bench_end count_writes(struct rig *rig, const char *metric, unsigned topologies)
{
    uint64_t first, last;
    proc_pause(settle_s);
    int64_t started_ns = clock_now_ns();
    int64_t end_ns = started_ns + (int64_t)(rig->context->settings->duration_s * 1e9);
    if (!zookeeper_transaction(&rig->zookeeper, &first)) {
        result_fail(rig->result, "ZooKeeper does not answer");
        return BENCH_WRONG;
    }
    while (clock_now_ns() < end_ns && !bench_is_interrupted()) {
        proc_pause(look_s);
    }
    double window_s = (double)(clock_now_ns() - started_ns) / 1e9;
    if (bench_is_interrupted()) {
        return BENCH_INTERRUPTED;
    }
    if (!zookeeper_transaction(&rig->zookeeper, &last) || last < first) {
        result_fail(rig->result, "ZooKeeper does not answer");
        return BENCH_WRONG;
    }
    if (last == first && !rig->context->settings->tiny) {
        result_fail(rig->result, "no spout's position was saved within %.1f s", window_s);
        return BENCH_WRONG;
    }
    result_metric_add(rig->result, metric, "1/s", RESULT_LOWER,
                      (double)(last - first) / window_s / topologies);
    return BENCH_DONE;
}

static enum bench_end writes(struct rig *rig, struct rig_counts *total)
{
    char name[NAME_SIZE];
    enum bench_end end = BENCH_DONE;
    for (unsigned i = 0; i < WRITERS && end == BENCH_DONE; i++) {
        snprintf(name, sizeof name, "writes-%u", i);
        end = rig_submit(rig, name, "rate=1000");
        /* Alone it shares no transaction with others. */
        end = end == BENCH_DONE && i == 0 ? count_writes(rig, "alone_writes_per_s", 1) : end;
    }
    end = end == BENCH_DONE ? count_writes(rig, "writes_per_s", WRITERS) : end;
    for (unsigned i = 0; i < WRITERS && end == BENCH_DONE; i++) {
        snprintf(name, sizeof name, "writes-%u", i);
        end = rig_check(rig, name, total);
    }
    return end;
}

enum bench_end kind_cluster_writes(const struct bench_context *context, struct result *result)
{
    static const struct rig_options options = {.coordinators = 1, .session = "4s"};
    struct rig_counts total = {0};
    if (is_skipped(context, result)) {
        return BENCH_DONE;
    }
    struct rig *rig = suite_alloc(1, sizeof *rig);
    enum bench_end end = rig_start(rig, context, &options, result);
    end = end == BENCH_DONE ? writes(rig, &total) : end;
    rig_end(rig);
    free(rig);
    if (end == BENCH_DONE) {
        result_check(result,
                     "%d topologies with a spout that saves its position; %" PRIu64
                     " tuples emitted, executed and acked, no worker started again",
                     WRITERS, total.emitted);
    }
    return end;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Yahoo streaming benchmark, from JSON texts and from values, and the check of its result: the
 * counts of every campaign and window, made again from the generator for the events that each spout
 * task says it emitted, must be those that the store wrote, and the engine's own counters must
 * agree. bench/ysb/README.md has the rules.
 */
#include "suite/catalogue.h"
#include "ysb/model/check.h"

#include <inttypes.h>

/* The engine counted events and views as well. */
static bool check_counters(const struct bench_report *report, const struct ysb_verdict *verdict,
                           struct result *result)
{
    const struct bench_component *events = bench_report_component(report, "events");
    const struct bench_component *join = bench_report_component(report, "join");
    const struct bench_component *count = bench_report_component(report, "count");
    if (events == NULL || join == NULL || count == NULL) {
        result_fail(result, "the report names no events, join and count");
        return false;
    }
    if (events->total.emitted != verdict->events || join->total.emitted != verdict->views ||
        count->total.executed != verdict->views) {
        result_fail(result,
                    "the engine counted %" PRIu64 " events, %" PRIu64 " joined and %" PRIu64
                    " counted views; expected were %" PRIu64 " events and %" PRIu64 " views",
                    events->total.emitted, join->total.emitted, count->total.executed,
                    verdict->events, verdict->views);
        return false;
    }
    return true;
}

static bool check_ysb(const struct bench_context *context, const struct bench_report *report,
                      const char *file, struct result *result)
{
    struct ysb_verdict verdict;
    (void)context;
    if (!ysb_check(file, false, &verdict)) {
        result_fail(result, "%s", verdict.error);
        return false;
    }
    if (!check_counters(report, &verdict, result)) {
        return false;
    }
    if (verdict.latencies > 0) {
        result_metric_add(result, "window_p50_ms", "ms", RESULT_LOWER,
                          (double)verdict.latency_p50_ms);
        result_metric_add(result, "window_p99_ms", "ms", RESULT_LOWER,
                          (double)verdict.latency_p99_ms);
        result_metric_add(result, "window_max_ms", "ms", RESULT_LOWER,
                          (double)verdict.latency_max_ms);
    }
    result_check(result,
                 "all %" PRIu64 " counts of campaign and window, made again from %" PRIu64
                 " events, are equal",
                 verdict.windows, verdict.events);
    return true;
}

#define YSB(format, sentence) \
    { \
        .name = "ysb-" format, .group = "ysb", \
        .title = "Yahoo streaming benchmark, " sentence, .unit = "events", \
        .workers = BENCH_ONE_TWO, .guarantees = BENCH_BOTH, .is_rated = true, \
        .run = kind_throughput, .file = "ysb-" format ".yaml", .measured = "events", \
        .check = check_ysb, .crosses = true \
    }

const struct bench benches_ysb[] = {
    YSB("json", "events as JSON texts"),
    YSB("binary", "events as values, without JSON"),
    {.name = NULL},
};

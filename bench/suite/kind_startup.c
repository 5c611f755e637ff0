/* SPDX-License-Identifier: Apache-2.0 */
/* How long a run takes to begin and to end: one tuple, many times. The clock starts before the process is
 * made, so that exec and the dynamic loader count; the moment of the first completed tree is stamped
 * in the worker by the same clock, the end of the run is that of its process. */
#include "suite/kinds.h"

#include <inttypes.h>

enum { STARTUP_TIMES = 10, STARTUP_TIMES_TINY = 2 };

static bool is_right(const struct bench_report *report, struct result *result)
{
    struct bench_counters spouts = bench_report_spouts(report);
    const struct bench_component *sink = bench_report_component(report, "sink");
    uint64_t executed = sink != NULL ? sink->total.executed : 0;
    if (spouts.emitted != 1 || spouts.acked != 1 || executed != 1) {
        result_fail(result,
                    "one tuple was to run through; %" PRIu64 " emitted, %" PRIu64
                    " executed, %" PRIu64 " acked",
                    spouts.emitted, executed, spouts.acked);
        return false;
    }
    return true;
}

enum bench_end kind_startup(const struct bench_context *context, struct result *result)
{
    unsigned times = context->settings->tiny ? STARTUP_TIMES_TINY : STARTUP_TIMES;
    struct bench_launch launch = {0};
    for (unsigned i = 0; i < times; i++) {
        struct bench_report report;
        enum bench_end end = bench_run(context, &launch, &report, result);
        if (end != BENCH_DONE) {
            return end;
        }
        if (!is_right(&report, result)) {
            return bench_refused(&report);
        }
        result_metric_add(result, "first_acked_ms", "ms", RESULT_LOWER, report.first_acked_ms);
        result_metric_add(result, "whole_run_ms", "ms", RESULT_LOWER, report.wall_s * 1e3);
        result_metric_add(result, "cpu_s", "s", RESULT_LOWER, report.cpu_s);
        result_metric_add(result, "memory_peak_mb", "MB", RESULT_LOWER,
                          report.memory_peak_kb / 1024);
    }
    result_check(result, "each of %u runs emitted, executed and acked exactly one tuple",
                 times);
    return BENCH_DONE;
}

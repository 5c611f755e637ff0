/* SPDX-License-Identifier: Apache-2.0 */
/* What a second worker brings: two topologies with one worker and with two, one after the other, so
 * that all four saw the same machine. The share of two is 1 when the throughput doubles. */
#include "suite/kinds.h"

#include "suite/checks.h"
#include <stdio.h>

static const struct scaled {
    const char *name;
    const char *file;
    const char *measured;
    const char *unit;
    bool (*check)(const struct bench_context *context, const struct bench_report *report,
                  const char *file, struct result *result);
} topologies[] = {
    {"wordcount", "wordcount.yaml", "count", "words/s", check_classic},
    {"const_id_null", "const-id-null.yaml", "sink", "tuples/s", check_all_executed},
};
enum { TOPOLOGIES_COUNT = sizeof topologies / sizeof topologies[0] };

static void add(struct result *result, const struct scaled *scaled, const char *what,
                const char *unit, double value)
{
    char name[RESULT_NAME_SIZE];
    snprintf(name, sizeof name, "%s_%s", scaled->name, what);
    result_metric_add(result, name, unit, RESULT_HIGHER, value);
}

/* One run with `workers`. */
static enum bench_end measure(const struct bench_context *context, const struct scaled *scaled,
                              unsigned workers, double *per_s, double *per_cpu_s,
                              struct result *result)
{
    char file[PATH_MAX];
    struct bench_launch launch = {.file = scaled->file,
                                  .duration_s = context->settings->duration_s,
                                  .warmup_s = context->settings->warmup_s,
                                  .workers = workers,
                                  .is_shown = workers == 2 && scaled == topologies};
    struct bench_report report;
    enum bench_end end = bench_run(context, &launch, &report, result);
    if (end != BENCH_DONE) {
        return end;
    }
    snprintf(file, sizeof file, "%s/result", context->temp);
    if (!bench_check_acks(context, &report, result)) {
        return bench_refused(&report);
    }
    if (!scaled->check(context, &report, file, result)) {
        return BENCH_WRONG;
    }
    const struct bench_component *measured = bench_report_component(&report, scaled->measured);
    double count = measured != NULL ? (double)measured->since.executed : 0;
    *per_s = count / report.elapsed_s;
    *per_cpu_s = count / report.cpu_s;
    return BENCH_DONE;
}

enum bench_end kind_scaling(const struct bench_context *context, struct result *result)
{
    for (size_t i = 0; i < TOPOLOGIES_COUNT; i++) {
        const struct scaled *scaled = &topologies[i];
        double per_s[2] = {0}, per_cpu_s[2] = {0};
        for (unsigned workers = 1; workers <= 2; workers++) {
            enum bench_end end = measure(context, scaled, workers, &per_s[workers - 1],
                                         &per_cpu_s[workers - 1], result);
            if (end != BENCH_DONE) {
                return end;
            }
        }
        add(result, scaled, "one_per_s", scaled->unit, per_s[0]);
        add(result, scaled, "two_per_s", scaled->unit, per_s[1]);
        add(result, scaled, "times", "times", per_s[1] / per_s[0]);
        add(result, scaled, "share_of_two", "share", per_s[1] / per_s[0] / 2);
        add(result, scaled, "share_per_cpu", "share", per_cpu_s[1] / per_cpu_s[0]);
    }
    result_check(result,
                 "in all four runs everything emitted was executed and counted exactly");
    return BENCH_DONE;
}

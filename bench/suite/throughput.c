/* SPDX-License-Identifier: Apache-2.0 */
/* The ordinary kind of benchmark: a topology runs for a while, at full speed or at a rate, and what
 * it did is measured after the warm-up and checked since the start. */
#include "suite/throughput.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* An open loop that did not keep its rate measures something else than it says. */
static const double rate_kept_share = 0.95;

void bench_add_metrics(const struct bench_context *context, const struct bench_report *report,
                       struct result *result)
{
    double count = bench_measured(context->bench, report);
    char unit[RESULT_UNIT_SIZE + 2];
    snprintf(unit, sizeof unit, "%s/s", result->unit);
    if (report->elapsed_s > 0 && context->bench->unit != NULL) {
        result_metric_add(result, "throughput_per_s", unit, RESULT_HIGHER,
                          count / report->elapsed_s);
    }
    if (report->cpu_s > 0 && context->bench->unit != NULL) {
        result_metric_add(result, "throughput_per_cpu_s", unit, RESULT_HIGHER,
                          count / report->cpu_s);
    }
    if (report->latency_count > 0) {
        result_metric_add(result, "latency_p50_us", "us", RESULT_LOWER, report->p50_us);
        result_metric_add(result, "latency_p99_us", "us", RESULT_LOWER, report->p99_us);
        result_metric_add(result, "latency_p999_us", "us", RESULT_LOWER, report->p999_us);
        result_metric_add(result, "latency_p9999_us", "us", RESULT_LOWER, report->p9999_us);
        result_metric_add(result, "latency_max_us", "us", RESULT_LOWER, report->max_us);
    }
    result_metric_add(result, "cpu_user_s", "s", RESULT_LOWER, report->cpu_user_s);
    result_metric_add(result, "cpu_system_s", "s", RESULT_LOWER, report->cpu_system_s);
    if (report->elapsed_s > 0) {
        result_metric_add(result, "cores", "cores", RESULT_LOWER,
                          report->cpu_s / report->elapsed_s);
    }
    result_metric_add(result, "memory_peak_mb", "MB", RESULT_LOWER,
                      report->memory_peak_kb / 1024);
}

bool bench_check_acks(const struct bench_context *context, const struct bench_report *report,
                      struct result *result)
{
    struct bench_counters spouts = bench_report_spouts(report);
    if (spouts.emitted == 0) {
        result_fail(result, "the spouts emitted nothing");
        return false;
    }
    for (size_t i = 0; i < report->workers_count; i++) {
        if (report->workers[i].restarts > 0) {
            result_fail(
                result,
                "worker %" PRIu32 " was restarted %" PRIu32
                " times: it died, or was silent for too long on a machine with more to do",
                report->workers[i].index, report->workers[i].restarts);
            return false;
        }
    }
    for (size_t i = 0; i < report->components_count; i++) {
        const struct bench_component *at = &report->components[i];
        if (at->total.failed + at->total.timed_out + at->since.timed_out > 0) {
            result_fail(result, "%s: %" PRIu64 " tuples failed, %" PRIu64 " timed out",
                        at->name, at->total.failed, at->total.timed_out + at->since.timed_out);
            return false;
        }
    }
    if (strcmp(context->guarantee, "at-least-once") == 0 && spouts.acked != spouts.emitted) {
        result_fail(result, "%" PRIu64 " tuples were emitted, but %" PRIu64 " acked",
                    spouts.emitted, spouts.acked);
        return false;
    }
    if (report->frames_refused + report->links_failed + report->replayed > 0) {
        result_fail(result,
                    "%" PRIu64 " frames were refused, %" PRIu64 " links failed, %" PRIu64
                    " tuples replayed in a run without faults",
                    report->frames_refused, report->links_failed, report->replayed);
        return false;
    }
    return true;
}

enum bench_end bench_refused(const struct bench_report *report)
{
    bool is_busy = bench_report_spouts(report).emitted == 0;
    for (size_t i = 0; i < report->workers_count; i++) {
        is_busy = is_busy || report->workers[i].restarts > 0;
    }
    return is_busy ? BENCH_BUSY : BENCH_WRONG;
}

bool throughput_check(const struct bench_context *context, const struct bench_report *report,
                      struct result *result)
{
    char file[PATH_MAX];
    const struct bench *bench = context->bench;
    snprintf(file, sizeof file, "%s/result", context->temp);
    if (!bench_check_acks(context, report, result)) {
        return false;
    }
    if (bench->check == NULL) {
        result_check(result, "nothing failed and all %" PRIu64 " tuples that were emitted %s",
                     bench_report_spouts(report).emitted,
                     strcmp(context->guarantee, "at-least-once") == 0 ? "were acked"
                                                                      : "were processed");
        return true;
    }
    return bench->check(context, report, file, result);
}

/* With a rate: was it kept? A tiny run is too short to tell. */
static bool rate_is_kept(const struct bench_context *context, const struct bench_report *report,
                         struct result *result)
{
    double emitted = 0;
    for (size_t i = 0; i < report->components_count; i++) {
        emitted +=
            report->components[i].is_spout ? (double)report->components[i].since.emitted : 0;
    }
    double rate = report->elapsed_s > 0 ? emitted / report->elapsed_s : 0;
    if (context->rate > 0 && !context->settings->tiny &&
        rate < rate_kept_share * context->rate) {
        result_fail(result, "the rate of %.0f/s was not kept: %.0f/s; choose a lower --rate",
                    context->rate, rate);
        return false;
    }
    return true;
}

enum bench_end throughput_run(const struct bench_context *context, struct bench_launch *launch,
                              struct bench_report *report, struct result *result)
{
    const struct bench *bench = context->bench;
    if (bench->prepare != NULL && !bench->prepare(context, result)) {
        return BENCH_WRONG;
    }
    launch->duration_s = context->settings->duration_s;
    launch->warmup_s = context->settings->warmup_s;
    launch->is_shown = true;
    enum bench_end end = bench_run(context, launch, report, result);
    if (end != BENCH_DONE) {
        return end;
    }
    if (!throughput_check(context, report, result)) {
        return bench_refused(report);
    }
    if (!rate_is_kept(context, report, result)) {
        return BENCH_WRONG;
    }
    bench_add_metrics(context, report, result);
    return BENCH_DONE;
}

enum bench_end kind_throughput(const struct bench_context *context, struct result *result)
{
    struct bench_launch launch = {0};
    struct bench_report report;
    return throughput_run(context, &launch, &report, result);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overload: word count in open loop at half of the sustainable rate, then for a while at twice that
 * rate, then at half of it again. What is sustainable is measured first, by an open loop that is
 * always late.
 *
 *     rate   ┌────────┐              latency counts from the moment at which a sentence was due,
 *            │  2 ×   │              so that all of the backlog shows in it; back is when it is
 *      ½ ×   │        │    ½ ×       below twice its level before the overload
 *     ───────┘        └───────────
 *
 * With an unchanging capacity c and an overload of d seconds, (2c − c)·d sentences are left over and
 * are worked off at c − ½c: recovery_ideal_ms is that time with the capacity seen during the
 * overload (served_per_s). The machine may have another one afterwards: recovery_served_per_s says
 * what was served until latency was back, so that a slow recovery can be told from a slow
 * machine. Memory must stay bounded: what the second half of the overload needs beyond the first
 * half is noise or the result is wrong. The run ends when latency is back.
 */
#include "suite/kinds.h"

#include "base/clock.h"
#include "suite/catch_up.h"
#include "suite/checks.h"
#include <math.h>
#include <stdio.h>

/* Sentences a second that no machine can serve. */
#define PROBE_RATE "1000000000"

/* A minute of overload for a run of the default duration of 8 s. */
static const double over_times = 7.5;
static const double over_min_s = 0.5;
static const double calm_min_s = 2;
static const double tiny_calm_s = 1;
static const double probe_share = 0.5;
static const double back_hold_s = 1;
/* Latencies below this are noise of the machine, not a backlog. */
static const double latency_floor_us = 20000;
/* The recovery is given up after so many times the ideal one. */
static const double patience_times = 3;
static const double patience_s = 20;
static const double patience_max_s = 1200;
/* Resident memory may creep by this much in the second half of the overload. */
static const double creep_share = 0.15;
static const double creep_mb = 24;

struct overload {
    int64_t started_ns;
    double calm_s, over_s; /* Until the overload begins; how long it is. */
    double sustainable, after_rate;
    double back_s;                      /* Since the start; NAN: not yet. */
    double served_before, served_after; /* Sentences at the two ends of the overload. */
    double served_from_s, served_until_s;
    double latest, latest_s; /* Sentences at the last sample until latency was back. */
    struct levels latency_us;
    struct levels rss_mb;
};

static double overload_end(const struct overload *overload)
{
    return overload->calm_s + overload->over_s;
}

static void note_served(struct overload *overload, const struct bench_sample *sample,
                        double t_s)
{
    const struct bench_component *spout = bench_sample_component(sample, "sentences");
    if (spout != NULL && isnan(overload->back_s)) {
        overload->latest = (double)spout->since.emitted;
        overload->latest_s = t_s;
    }
    if (spout == NULL || t_s > overload_end(overload)) {
        return;
    }
    if (t_s <= overload->calm_s || overload->served_from_s <= 0) {
        overload->served_before = (double)spout->since.emitted;
        overload->served_from_s = t_s;
    }
    overload->served_after = (double)spout->since.emitted;
    overload->served_until_s = t_s;
}

static double served_per_s(const struct overload *overload)
{
    double time_s = overload->served_until_s - overload->served_from_s;
    return time_s > 0 ? (overload->served_after - overload->served_before) / time_s
                      : (double)NAN;
}

/* From the end of the overload until latency was back. */
static double recovery_per_s(const struct overload *overload)
{
    double time_s = overload->latest_s - overload->served_until_s;
    return time_s > 0 ? (overload->latest - overload->served_after) / time_s : (double)NAN;
}

/* Without spare capacity there is no ideal: the machine became too slow for half of the rate. */
static double ideal_of(const struct overload *overload)
{
    double served = served_per_s(overload);
    double left = (2 * overload->sustainable - served) * overload->over_s;
    return served > overload->after_rate && left > 0 ? left / (served - overload->after_rate)
                                                     : (double)NAN;
}

/* How long the recovery may take: by the capacity that was seen, which on a machine with other work may
 * be far from what was measured before. */
static double patience_of(const struct overload *overload)
{
    double ideal_s = fmax(ideal_of(overload), 2 * overload->over_s); /* Not NAN. */
    return fmin(patience_times * ideal_s + patience_s, patience_max_s);
}

static double threshold_us(const struct overload *overload)
{
    double normal = levels_max(&overload->latency_us, overload->calm_s / 2, overload->calm_s);
    return fmax(2 * normal, latency_floor_us);
}

static void on_sample(void *self, const struct bench_sample *sample)
{
    struct overload *overload = self;
    double t_s = (double)(clock_now_ns() - overload->started_ns) / 1e9;
    if (sample->draining) {
        return;
    }
    levels_add(&overload->latency_us, t_s, sample->p99_us);
    levels_add(&overload->rss_mb, t_s, (double)sample->rss_kb / 1024);
    note_served(overload, sample, t_s);
    if (isnan(overload->back_s)) {
        overload->back_s = levels_back(&overload->latency_us, overload_end(overload),
                                       threshold_us(overload), back_hold_s);
    }
}

static bool on_tick(void *self, pid_t run_pid)
{
    const struct overload *overload = self;
    double t_s = (double)(clock_now_ns() - overload->started_ns) / 1e9;
    (void)run_pid;
    return isnan(overload->back_s) && (t_s < overload_end(overload) ||
                                       t_s < overload_end(overload) + patience_of(overload));
}

/* Sentences a second that the open loop, far behind its schedule, can serve: each has a moment at which
 * it was due, which costs more than a spout that emits as fast as it can. */
static enum bench_end probe(const struct bench_context *context, double *per_s,
                            struct result *result)
{
    const char *const defines[] = {"rate=" PROBE_RATE, NULL};
    struct bench_launch launch = {.file = "wordcount.yaml",
                                  .defines = defines,
                                  .duration_s = context->settings->duration_s * probe_share,
                                  .warmup_s = context->settings->warmup_s};
    struct bench_report report;
    enum bench_end end = bench_run(context, &launch, &report, result);
    if (end != BENCH_DONE) {
        return end;
    }
    const struct bench_component *spout = bench_report_component(&report, "sentences");
    *per_s = spout != NULL ? (double)spout->since.emitted / report.elapsed_s : 0;
    if (*per_s < 1) {
        result_fail(result, "the run at full speed emitted nothing");
        return BENCH_BUSY;
    }
    return BENCH_DONE;
}

static bool is_right(const struct bench_context *context, const struct overload *overload,
                     const struct bench_report *report, struct result *result)
{
    char file[PATH_MAX];
    double half_s = overload->calm_s + overload->over_s / 2;
    double middle_mb = levels_max(&overload->rss_mb, overload->calm_s, half_s);
    double peak_mb = levels_max(&overload->rss_mb, half_s, overload_end(overload));
    snprintf(file, sizeof file, "%s/result", context->temp);
    if (!bench_check_acks(context, report, result) ||
        !check_classic(context, report, file, result)) {
        return false;
    }
    if (peak_mb > middle_mb * (1 + creep_share) + creep_mb) {
        result_fail(result,
                    "memory is not bounded: %.0f MB in the first half of the overload, %.0f MB "
                    "in the second",
                    middle_mb, peak_mb);
        return false;
    }
    result_metric_add(result, "memory_middle_mb", "MB", RESULT_LOWER, middle_mb);
    result_metric_add(result, "memory_end_mb", "MB", RESULT_LOWER, peak_mb);
    return true;
}

static bool add_metrics(const struct bench_context *context, const struct overload *overload,
                        const struct bench_report *report, double sustainable,
                        struct result *result)
{
    double served = served_per_s(overload);
    double recovery_s = overload->back_s - overload_end(overload);
    double ideal_s = ideal_of(overload);
    if (isnan(overload->back_s) && !context->settings->tiny) {
        result_fail(
            result,
            "%.0f s after the overload latency was not back; the ideal is %.0f s with the "
            "%.0f sentences/s served during it; %.0f/s were served since, %.0f/s were due",
            patience_of(overload), ideal_s, served, recovery_per_s(overload),
            overload->after_rate);
        return false;
    }
    result_metric_add(result, "sustainable_per_s", "sentences/s", RESULT_HIGHER, sustainable);
    result_metric_add(result, "served_per_s", "sentences/s", RESULT_HIGHER, served);
    result_metric_add(result, "recovery_ms", "ms", RESULT_LOWER, recovery_s * 1e3);
    result_metric_add(result, "recovery_served_per_s", "sentences/s", RESULT_HIGHER,
                      recovery_per_s(overload));
    if (ideal_s > 0) {
        result_metric_add(result, "recovery_ideal_ms", "ms", RESULT_LOWER, ideal_s * 1e3);
        result_metric_add(result, "recovery_by_ideal", "times", RESULT_LOWER,
                          recovery_s / ideal_s);
    }
    result_metric_add(
        result, "latency_before_p99_us", "us", RESULT_LOWER,
        levels_max(&overload->latency_us, overload->calm_s / 2, overload->calm_s));
    bench_add_metrics(context, report, result);
    return true;
}

static int64_t unix_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static enum bench_end run(const struct bench_context *context, struct overload *overload,
                          double sustainable, struct result *result)
{
    char calm[64], over[64], after[64], calm_for[64], over_for[64], start[64];
    snprintf(calm, sizeof calm, "calm=%.0f", overload->after_rate);
    snprintf(over, sizeof over, "over=%.0f", 2 * sustainable);
    snprintf(after, sizeof after, "after=%.0f", overload->after_rate);
    snprintf(calm_for, sizeof calm_for, "calm_for=%.0fms", overload->calm_s * 1e3);
    snprintf(over_for, sizeof over_for, "over_for=%.0fms", overload->over_s * 1e3);
    snprintf(start, sizeof start, "start=%lld", (long long)unix_ms());
    const char *const defines[] = {calm, over, after, calm_for, over_for, start, NULL};
    struct bench_launch launch = {.defines = defines,
                                  .deadline_s = overload_end(overload) + patience_max_s + 60,
                                  .on_sample = on_sample,
                                  .on_tick = on_tick,
                                  .self = overload,
                                  .is_shown = true};
    struct bench_report report;
    overload->started_ns = clock_now_ns();
    enum bench_end end = bench_run(context, &launch, &report, result);
    if (end == BENCH_DONE && (!is_right(context, overload, &report, result) ||
                              !add_metrics(context, overload, &report, sustainable, result))) {
        end = bench_refused(&report);
    }
    return end;
}

enum bench_end kind_overload(const struct bench_context *context, struct result *result)
{
    const struct bench_settings *settings = context->settings;
    double sustainable = 0;
    enum bench_end end = probe(context, &sustainable, result);
    if (end != BENCH_DONE) {
        return end;
    }
    struct overload overload = {
        .calm_s = settings->tiny ? tiny_calm_s : fmax(settings->warmup_s, calm_min_s) * 2,
        .over_s =
            settings->tiny ? over_min_s : fmax(settings->duration_s * over_times, over_min_s),
        .sustainable = sustainable,
        .after_rate = sustainable / 2,
        .back_s = (double)NAN,
    };
    bench_note(
        context,
        "sustainable: %.0f sentences/s; twice that for %.0f s, then half until latency is "
        "back, in %.0f s at best",
        sustainable, overload.over_s, 2 * overload.over_s);
    end = run(context, &overload, sustainable, result);
    levels_fini(&overload.latency_us);
    levels_fini(&overload.rss_mb);
    return end;
}

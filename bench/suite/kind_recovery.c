/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery: a word count at a steady rate in two workers, of which one is killed with SIGKILL. The
 * topology writes each sentence's number to a file; the suite reads these files on while they grow
 * (arrivals.h), so what it says needs no word of the engine:
 *
 *     due    ────────────────────╱
 *                    ╳ kill   ┌──╱
 *     front  ─────────────────┘     recovery_ms: from the kill until each source has brought what
 *                    ├──────────┤   was due at the kill and is no further behind than before;
 *                                   output_pause_ms: the longest time without any line
 *
 * The rate holds across the death (option `start` of the generator), so the backlog is real and
 * shows in the latency. latency_back_ms is the time until the complete latency of the samples, four
 * a second, is below twice its level before. Nothing may be lost; what came twice is counted.
 */
#include "suite/kinds.h"

#include "base/clock.h"
#include "suite/arrivals.h"
#include "suite/catch_up.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char sentence[] = "the cow jumped over the moon";
enum { SENTENCE_WORDS = 6 };
/* A beat comes several times a second; on a busy machine later. */
static const double beat_max_s = 1.0;
/* Before the kill: the start, and a while that says what is normal. */
static const double before_min_s = 3.0;
static const double after_min_s = 5.0;
static const double tiny_before_s = 1.0;
static const double tiny_after_s = 2.0;
/* What is normal is looked for in this long before the kill. */
static const double normal_s = 1.0;
/* The outage is looked for in this long after the kill; later pauses are the machine's. */
static const double outage_s = 2.0;
static const double lag_hold_s = 0.25;
static const double latency_hold_s = 0.75;
/* Lags and latencies below these are noise of the machine, not a backlog. */
static const double lag_floor_s = 0.02;
static const double latency_floor_us = 20000;
static const double tiny_rate = 2000;
/* Caught up or not: after so many times the planned time the run is given up. */
static const double deadline_times = 6;

struct recovery {
    double rate;
    double kill_at_s, killed_s; /* NAN: not yet. */
    int64_t started_ns;
    pid_t victim;
    unsigned workers_up;
    struct arrivals arrivals;
    struct levels lag_s;
    struct levels latency_us;
    double passed_s; /* The front passed what was due at the kill; NAN: not yet. */
    double last_line_s;
    double pause_s; /* Longest after the kill. */
};

static double now_s(const struct recovery *recovery)
{
    return (double)(clock_now_ns() - recovery->started_ns) / 1e9;
}

static void on_sample(void *self, const struct bench_sample *sample)
{
    struct recovery *recovery = self;
    levels_add(&recovery->latency_us, now_s(recovery), sample->p99_us);
    recovery->workers_up = sample->workers_up;
    for (size_t i = 0; i < sample->workers_count; i++) {
        if (sample->workers[i].index == 1) {
            recovery->victim = sample->workers[i].pid;
        }
    }
}

/* The process is still a child of the run: not a number that the system has given anew. */
static bool is_child(pid_t pid, pid_t parent)
{
    char path[64];
    int found = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool is_read = fscanf(file, "%*d (%*[^)]) %*c %d", &found) == 1;
    fclose(file);
    return is_read && found == (int)parent;
}

static bool on_tick(void *self, pid_t run_pid)
{
    struct recovery *recovery = self;
    double t_s = now_s(recovery);
    if (arrivals_read(&recovery->arrivals) > 0) {
        recovery->last_line_s = t_s;
    }
    double due = fmin(recovery->rate * t_s, (double)recovery->arrivals.expected);
    double front = (double)arrivals_front(&recovery->arrivals);
    double lag = due - front;
    levels_add(&recovery->lag_s, t_s, fmax(lag, 0) / recovery->rate);
    if (!isnan(recovery->killed_s)) {
        bool is_over = recovery->arrivals.distinct == recovery->arrivals.expected ||
                       t_s > recovery->killed_s + outage_s;
        if (isnan(recovery->passed_s) && front >= recovery->rate * recovery->killed_s) {
            recovery->passed_s = t_s;
        }
        double pause_s = t_s - fmax(recovery->last_line_s, recovery->killed_s);
        recovery->pause_s = is_over ? recovery->pause_s : fmax(recovery->pause_s, pause_s);
    } else if (t_s >= recovery->kill_at_s && recovery->workers_up == 2 &&
               recovery->victim > 0 && is_child(recovery->victim, run_pid)) {
        recovery->killed_s = t_s;
        (void)kill(recovery->victim, SIGKILL);
    }
    return true;
}

/* As many as there must have been, as far as counters can tell: a killed worker takes with it what it
 * counted since its last beat. A tiny run is no longer than a late beat. */
static bool is_enough(const struct recovery *recovery, bool is_tiny, uint64_t counted,
                      unsigned each)
{
    double least = ((double)recovery->arrivals.expected - recovery->rate * beat_max_s) * each;
    return is_tiny || (double)counted >= least;
}

static enum bench_end judge(struct recovery *recovery, bool is_tiny,
                            const struct bench_report *report, struct result *result)
{
    const struct arrivals *arrivals = &recovery->arrivals;
    const struct bench_component *count = bench_report_component(report, "count");
    uint64_t acked = bench_report_spouts(report).acked;
    uint64_t words = count != NULL ? count->total.executed : 0;
    uint32_t restarts = 0;
    for (size_t i = 0; i < report->workers_count; i++) {
        restarts += report->workers[i].restarts;
    }
    if (isnan(recovery->killed_s) || restarts == 0) {
        result_fail(result, "one worker was to be killed and restarted; restarts: %u",
                    restarts);
        return BENCH_BUSY;
    }
    if (arrivals->distinct != arrivals->expected) {
        result_fail(result, "%" PRIu64 " of %" PRIu64 " sentences were lost",
                    arrivals->expected - arrivals->distinct, arrivals->expected);
    } else if (arrivals->broken > 2 * (uint64_t)restarts) { /* What a killed writer leaves. */
        result_fail(result, "%" PRIu64 " lines that nobody had emitted", arrivals->broken);
    } else if (strcmp(report->end, "completed") != 0) {
        result_fail(result, "the run ended as \"%s\", not with all of its input acked",
                    report->end);
    } else if (!is_enough(recovery, is_tiny, acked, 1)) {
        result_fail(result, "%" PRIu64 " sentences, but only %" PRIu64 " acks",
                    arrivals->expected, acked);
    } else if (!is_enough(recovery, is_tiny, words, SENTENCE_WORDS)) {
        result_fail(result, "%" PRIu64 " words were counted of %" PRIu64 " sentences of %d",
                    words, arrivals->expected, SENTENCE_WORDS);
    } else {
        result_check(
            result,
            "after kill -9 each of %" PRIu64 " sentences is in the files that the bolt "
            "`seen` wrote, %" PRIu64 " more than once, and the run ended with all acked; "
            "counted were %" PRIu64 " acks and %" PRIu64 " words in `count`, %d a "
            "sentence, less what the killed worker had not yet told (its counts by word "
            "died with it and are not compared)",
            arrivals->expected, arrivals->lines - arrivals->distinct, acked, words,
            SENTENCE_WORDS);
        return BENCH_DONE;
    }
    return BENCH_WRONG;
}

/* From the kill until the level is back below twice what it was at most before it, or `least`. */
static double back_after(const struct recovery *recovery, const struct levels *levels,
                         double least, double hold_s)
{
    double killed_s = recovery->killed_s;
    double normal = levels_max(levels, killed_s - normal_s, killed_s);
    double threshold = fmax(2 * normal, least); /* No level before: `least` alone. */
    return levels_back(levels, killed_s, threshold, hold_s) - killed_s;
}

static bool add_metrics(const struct bench_context *context, const struct recovery *recovery,
                        const struct bench_report *report, struct result *result)
{
    bool is_tiny = context->settings->tiny;
    double lag_back_s = back_after(recovery, &recovery->lag_s, lag_floor_s, lag_hold_s);
    double passed_s = recovery->passed_s - recovery->killed_s;
    double recovery_s = lag_back_s > passed_s ? lag_back_s : passed_s;
    double latency_back_s =
        back_after(recovery, &recovery->latency_us, latency_floor_us, latency_hold_s);
    if ((isnan(lag_back_s) || isnan(passed_s)) && !is_tiny) {
        result_fail(result,
                    "the run ended before it had caught up with the rate; choose a longer "
                    "--duration or a lower --rate");
        return false;
    }
    result_metric_add(result, "recovery_ms", "ms", RESULT_LOWER, recovery_s * 1e3);
    result_metric_add(result, "latency_back_ms", "ms", RESULT_LOWER, latency_back_s * 1e3);
    result_metric_add(result, "output_pause_ms", "ms", RESULT_LOWER, recovery->pause_s * 1e3);
    result_metric_add(
        result, "lag_max_ms", "ms", RESULT_LOWER,
        levels_max(&recovery->lag_s, recovery->killed_s, recovery->killed_s + outage_s) * 1e3);
    result_metric_add(result, "came_twice", "sentences", RESULT_LOWER,
                      (double)(recovery->arrivals.lines - recovery->arrivals.distinct));
    result_metric_add(result, "replayed", "tuples", RESULT_LOWER, (double)report->replayed);
    bench_add_metrics(context, report, result);
    return true;
}

static int64_t unix_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

enum bench_end kind_recovery(const struct bench_context *context, struct result *result)
{
    const struct bench_settings *settings = context->settings;
    double before_s = fmax(settings->warmup_s, settings->tiny ? tiny_before_s : before_min_s);
    double after_s = fmax(settings->duration_s, settings->tiny ? tiny_after_s : after_min_s);
    double rate = settings->tiny ? fmin(context->rate, tiny_rate) : context->rate;
    uint64_t expected = (uint64_t)(rate * (before_s + after_s));
    char prefix[PATH_MAX], rate_text[64], count_text[64], start_text[64];
    struct recovery recovery = {.rate = rate,
                                .kill_at_s = before_s,
                                .killed_s = (double)NAN,
                                .passed_s = (double)NAN,
                                .started_ns = clock_now_ns()};
    snprintf(prefix, sizeof prefix, "%s/result", context->temp);
    snprintf(rate_text, sizeof rate_text, "rate=%.3f", rate);
    snprintf(count_text, sizeof count_text, "count=%" PRIu64, expected);
    snprintf(start_text, sizeof start_text, "start=%" PRId64, unix_ms());
    arrivals_init(&recovery.arrivals, prefix, context->workers, sentence, expected);
    const char *const defines[] = {rate_text, count_text, start_text, NULL};
    struct bench_launch launch = {.defines = defines,
                                  .deadline_s = (before_s + after_s) * deadline_times + 60,
                                  .on_sample = on_sample,
                                  .on_tick = on_tick,
                                  .self = &recovery,
                                  .is_shown = true};
    struct bench_report report;
    enum bench_end end = bench_run(context, &launch, &report, result);
    (void)arrivals_read(&recovery.arrivals);
    if (end == BENCH_DONE) {
        end = judge(&recovery, settings->tiny, &report, result);
    }
    if (end == BENCH_DONE && !add_metrics(context, &recovery, &report, result)) {
        end = BENCH_WRONG;
    }
    arrivals_fini(&recovery.arrivals);
    levels_fini(&recovery.lag_s);
    levels_fini(&recovery.latency_us);
    return end;
}

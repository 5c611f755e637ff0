/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rounds: each variant of each chosen benchmark once, then all of them again. A variant whose
 * run was wrong is left out of the rounds after. At the end the series of each variant's median run
 * and the ratios between variants are put into the document.
 */
#include "suite/suite.h"

#include "suite/child.h"
#include "suite/memory.h"
#include "suite/ratios.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUITE_EXIT_WRONG = 1, SUITE_EXIT_INTERNAL = 70, SUITE_EXIT_SIGNAL = 128 };
enum { SUITE_VARIANTS_MAX = 4 * BENCH_ALL_MAX };

struct series {
    struct result_point *points;
    size_t count;
};

struct variant {
    const struct bench *bench;
    unsigned workers;
    const char *guarantee;
    struct result *result;
    struct series series[RESULT_RUNS_MAX];
    unsigned rounds; /* That ended well. */
};

struct suite {
    const struct bench_settings *settings;
    const struct bench_watcher *watcher;
    struct result_document *document;
    const char *gale, *dir;
    struct variant variants[SUITE_VARIANTS_MAX];
    size_t variants_count;
    unsigned done, all; /* Runs. */
};

static const struct bench_watcher nobody;

/* ---- Variants ------------------------------------------------------------------------------- */

static void add_variant(struct suite *suite, const struct bench *bench, unsigned workers,
                        const char *guarantee)
{
    if (suite->variants_count == SUITE_VARIANTS_MAX) {
        return;
    }
    struct variant *variant = &suite->variants[suite->variants_count++];
    variant->bench = bench;
    variant->workers = workers;
    variant->guarantee = guarantee;
    variant->result = result_add(suite->document, bench->name, bench->title, workers, guarantee,
                                 bench->unit != NULL ? bench->unit : "");
    suite->all += bench->is_once ? 1 : suite->settings->runs;
}

static unsigned chosen_of(unsigned supported, unsigned wanted)
{
    return wanted != 0 ? supported & wanted : supported;
}

bool suite_can_run(const struct bench *bench, const struct bench_settings *settings)
{
    bool has_workers =
        bench->workers == BENCH_NO_WORKERS || chosen_of(bench->workers, settings->workers) != 0;
    bool has_guarantee = bench->guarantees == BENCH_NO_GUARANTEE ||
                         chosen_of(bench->guarantees, settings->guarantees) != 0;
    return has_workers && has_guarantee;
}

static void add_guarantees(struct suite *suite, const struct bench *bench, unsigned workers)
{
    unsigned guarantees = chosen_of(bench->guarantees, suite->settings->guarantees);
    if (guarantees & BENCH_AT_LEAST_ONCE) {
        add_variant(suite, bench, workers, "at-least-once");
    }
    if (guarantees & BENCH_AT_MOST_ONCE) {
        add_variant(suite, bench, workers, "at-most-once");
    }
    if (bench->guarantees == BENCH_NO_GUARANTEE) {
        add_variant(suite, bench, workers, "");
    }
}

static void note_left_out(const struct suite *suite, const struct bench *bench)
{
    char line[BENCH_NAME_SIZE * 2];
    const struct bench_watcher *watcher = suite->watcher;
    if (watcher->on_note != NULL) {
        snprintf(line, sizeof line, "%.63s: left out, not with these workers and guarantees",
                 bench->name);
        watcher->on_note(watcher->self, line);
    }
}

static void add_bench(struct suite *suite, const struct bench *bench)
{
    if (!suite_can_run(bench, suite->settings)) {
        note_left_out(suite, bench);
        return;
    }
    unsigned workers = chosen_of(bench->workers, suite->settings->workers);
    if (workers & BENCH_ONE) {
        add_guarantees(suite, bench, 1);
    }
    if (workers & BENCH_TWO) {
        add_guarantees(suite, bench, 2);
    }
    if (bench->workers == BENCH_NO_WORKERS) {
        add_guarantees(suite, bench, 0);
    }
}

/* ---- Rounds --------------------------------------------------------------------------------- */

/* A tiny run cannot keep a rate that a real one has. */
static double rate_of(const struct bench_settings *settings, const struct bench *bench)
{
    static const double tiny_max = 2000;
    double rate = settings->rate >= 0 && bench->is_rated ? settings->rate : bench->rate;
    return settings->tiny && rate > tiny_max ? tiny_max : rate;
}

static bool make_temp(char path[PATH_MAX])
{
    const char *base = getenv("TMPDIR");
    base = base != NULL && base[0] == '/' ? base : "/tmp";
    int size = snprintf(path, PATH_MAX, "%s/gale-bench-XXXXXX", base);
    return size > 0 && size < PATH_MAX && mkdtemp(path) != NULL;
}

/* The result's series belongs to this round until the median run is known. */
static void take_series(struct variant *variant)
{
    struct series *series = &variant->series[variant->rounds++];
    series->points = variant->result->series;
    series->count = variant->result->series_count;
    variant->result->series = NULL;
    variant->result->series_count = 0;
}

static enum bench_end attempt(struct suite *suite, struct variant *variant, unsigned round,
                              const struct bench_settings *settings)
{
    char temp[PATH_MAX];
    struct bench_context context = {
        .bench = variant->bench,
        .settings = settings,
        .workers = variant->workers,
        .guarantee = variant->guarantee,
        .round = round,
        .rate = rate_of(suite->settings, variant->bench),
        .gale = suite->gale,
        .dir = suite->dir,
        .temp = temp,
        .document = suite->document,
        .watcher = suite->watcher,
    };
    if (!make_temp(temp)) {
        result_fail(variant->result, "cannot make a directory for the run: %s; check TMPDIR",
                    strerror(errno));
        return BENCH_WRONG;
    }
    enum bench_end end = variant->bench->run(&context, variant->result);
    child_remove_tree(temp);
    return end;
}

/* A tiny run that was over before its workers had their turn is made again, four times longer. */
static enum bench_end run_variant(struct suite *suite, struct variant *variant, unsigned round)
{
    enum { ATTEMPTS_MAX = 4 };
    static const double longer = 4;
    const struct bench_watcher *watcher = suite->watcher;
    struct bench_settings settings = *suite->settings;
    if (watcher->on_begin != NULL) {
        watcher->on_begin(watcher->self, variant->result, round,
                          variant->bench->is_once ? 1 : suite->settings->runs, suite->done,
                          suite->all);
    }
    enum bench_end end = attempt(suite, variant, round, &settings);
    for (unsigned i = 1; i < ATTEMPTS_MAX && end == BENCH_BUSY && settings.tiny; i++) {
        result_forgive(variant->result);
        settings.duration_s *= longer;
        settings.warmup_s *= longer;
        end = attempt(suite, variant, round, &settings);
    }
    end = end == BENCH_BUSY ? BENCH_WRONG : end;
    if (end == BENCH_DONE && variant->result->status == RESULT_FAILED) {
        end = BENCH_WRONG;
    }
    suite->done++;
    if (end == BENCH_DONE) {
        take_series(variant);
    }
    if (watcher->on_end != NULL) {
        watcher->on_end(watcher->self, variant->result, round);
    }
    return end;
}

static enum bench_end run_rounds(struct suite *suite)
{
    enum bench_end all = BENCH_DONE;
    for (unsigned round = 0; round < suite->settings->runs; round++) {
        for (size_t i = 0; i < suite->variants_count; i++) {
            struct variant *variant = &suite->variants[i];
            bool is_over = round > 0 && variant->bench->is_once;
            if (variant->result->status == RESULT_FAILED || is_over) {
                continue;
            }
            enum bench_end end =
                bench_is_interrupted() ? BENCH_INTERRUPTED : run_variant(suite, variant, round);
            if (end == BENCH_INTERRUPTED) {
                return end;
            }
            all = end == BENCH_WRONG ? BENCH_WRONG : all;
        }
    }
    return all;
}

/* ---- The end -------------------------------------------------------------------------------- */

/* The round whose first metric is nearest to its median. */
static void show_median(struct variant *variant)
{
    const struct result *result = variant->result;
    unsigned best = 0;
    double distance = (double)INFINITY;
    for (unsigned i = 0; i < variant->rounds && result->metrics_count > 0; i++) {
        const struct result_metric *metric = &result->metrics[0];
        double from =
            i < metric->runs_count ? fabs(metric->runs[i] - metric->median) : (double)INFINITY;
        if (from < distance) {
            distance = from;
            best = i;
        }
    }
    if (variant->rounds > 0) {
        result_series_set(variant->result, variant->series[best].points,
                          variant->series[best].count);
    }
    for (unsigned i = 0; i < variant->rounds; i++) {
        free(variant->series[i].points);
    }
}

int suite_run(const struct bench *const *chosen, size_t chosen_count,
              const struct bench_settings *settings, const char *gale, const char *dir,
              const struct bench_watcher *watcher, struct result_document *document)
{
    struct suite *suite = suite_alloc(1, sizeof *suite);
    int code = 0;
    suite->settings = settings;
    suite->watcher = watcher != NULL ? watcher : &nobody;
    suite->document = document;
    suite->gale = gale;
    suite->dir = dir;
    document->runs = settings->runs;
    document->warmup_s = settings->warmup_s;
    document->duration_s = settings->duration_s;
    for (size_t i = 0; i < chosen_count; i++) {
        add_bench(suite, chosen[i]);
    }
    child_signals_begin();
    enum bench_end end = run_rounds(suite);
    int signal = child_signal();
    child_signals_end();
    for (size_t i = 0; i < suite->variants_count; i++) {
        show_median(&suite->variants[i]);
    }
    ratios_add(document);
    if (end == BENCH_INTERRUPTED) {
        code = signal != 0 ? SUITE_EXIT_SIGNAL + signal : SUITE_EXIT_INTERNAL;
    } else if (end == BENCH_WRONG) {
        code = SUITE_EXIT_WRONG;
    }
    free(suite);
    return code;
}

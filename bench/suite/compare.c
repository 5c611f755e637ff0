/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two result documents. The noise of a metric is the spread of its runs,
 * (max - min) / median, the larger of both sides and at least NOISE_MIN; a side with one run has
 * measured none and counts as NOISE_UNKNOWN. A change is a regression, or a gain, when it is larger
 * than the noise and the runs of both sides do not overlap. Metrics that say what was spent rather
 * than what was reached, and single worst events, are shown but not judged.
 */
#include "suite/chart.h"
#include "suite/show.h"

#include "text/text_table.h"
#include <math.h>
#include <string.h>

static const double noise_min = 0.03;
static const double noise_unknown = 0.10;
static const double memory_same = 0.02;

static const char *const unjudged[] = {"cpu_user_s", "cpu_system_s", "cores", "latency_max_us"};

/* A smaller change is below what is measured: ticks of a clock, pages. */
static const struct {
    const char *unit;
    double value;
} floors[] = {{"us", 1}, {"ms", 0.5}, {"MB", 0.5}};

enum verdict { VERDICT_SAME, VERDICT_GAIN, VERDICT_REGRESSION, VERDICT_UNJUDGED };

struct change {
    double share; /* of the old median */
    double noise;
    enum verdict verdict;
};

static bool is_judged(const char *name)
{
    for (size_t i = 0; i < sizeof unjudged / sizeof unjudged[0]; i++) {
        if (strcmp(unjudged[i], name) == 0) {
            return false;
        }
    }
    return true;
}

static double floor_of(const char *unit)
{
    for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++) {
        if (strcmp(floors[i].unit, unit) == 0) {
            return floors[i].value;
        }
    }
    return 0;
}

static double noise_of(const struct result_metric *metric)
{
    if (metric->runs_count < 2 || fabs(metric->median) <= 0) {
        return noise_unknown;
    }
    double spread = (metric->max - metric->min) / fabs(metric->median);
    return spread > noise_min ? spread : noise_min;
}

static struct change change_of(const struct result_metric *old, const struct result_metric *new)
{
    struct change change = {0, noise_of(old), VERDICT_SAME};
    double difference = new->median - old->median;
    double other = noise_of(new);
    change.noise = other > change.noise ? other : change.noise;
    change.share = fabs(old->median) > 0  ? difference / fabs(old->median)
                   : fabs(difference) > 0 ? copysign(INFINITY, difference)
                                          : 0;
    bool apart = new->min > old->max || new->max < old->min;
    if (!is_judged(new->name)) {
        change.verdict = VERDICT_UNJUDGED;
    } else if (fabs(change.share) > change.noise && apart &&
               fabs(difference) > floor_of(new->unit)) {
        bool worse = (difference < 0) == (new->better == RESULT_HIGHER);
        change.verdict = worse ? VERDICT_REGRESSION : VERDICT_GAIN;
    }
    return change;
}

static void print_row(struct text_table *table, const char *id, const struct result_metric *old,
                      const struct result_metric *new, const struct change *change)
{
    static const char *const words[] = {
        [VERDICT_SAME] = "same within the noise",
        [VERDICT_GAIN] = "better",
        [VERDICT_REGRESSION] = "WORSE",
        [VERDICT_UNJUDGED] = "not judged",
    };
    char text[CHART_NUMBER_SIZE];
    text_table_cell(table, id);
    text_table_cell(table, new->name);
    text_table_cell(table, chart_value(old->median, old->unit, text));
    text_table_cell(table, chart_value(new->median, new->unit, text));
    if (isfinite(change->share)) {
        text_table_cellf(table, "%+.1f%%", change->share * 100);
    } else {
        text_table_cell(table, "-");
    }
    text_table_cellf(table, "%.1f%%", change->noise * 100);
    text_table_cell(table, words[change->verdict]);
}

static size_t compare_result(struct text_table *table, const struct result *old,
                             const struct result *new)
{
    size_t worse = 0;
    for (size_t i = 0; i < new->metrics_count; i++) {
        const struct result_metric *metric = &new->metrics[i];
        const struct result_metric *before = result_metric(old, metric->name);
        if (before == NULL || before->runs_count == 0 || metric->runs_count == 0) {
            continue;
        }
        struct change change = change_of(before, metric);
        worse += change.verdict == VERDICT_REGRESSION;
        print_row(table, new->id, before, metric, &change);
    }
    return worse;
}

static void print_text_change(FILE *file, const char *what, const char *old, const char *new)
{
    if (strcmp(old, new) != 0) {
        fprintf(file, "  %s: %s, now %s\n", what, *old ? old : "unknown",
                *new ? new : "unknown");
    }
}

static bool is_same_machine(const struct result_machine *old, const struct result_machine *new)
{
    double memory = (double)new->memory_mb - (double)old->memory_mb;
    return strcmp(old->cpu, new->cpu) == 0 &&
           old->cores == new->cores &&strcmp(old->kernel, new->kernel) == 0 &&
           strcmp(old->os, new->os) == 0 && fabs(memory) <= memory_same *(double)old->memory_mb;
}

static void print_machines(FILE *file, const struct result_machine *old,
                           const struct result_machine *new)
{
    if (is_same_machine(old, new)) {
        return;
    }
    fprintf(file,
            "Warning: the old results come from another machine or system, so that changes "
            "are not Gale's alone:\n");
    print_text_change(file, "CPU", old->cpu, new->cpu);
    print_text_change(file, "kernel", old->kernel, new->kernel);
    print_text_change(file, "system", old->os, new->os);
    if (old->cores != new->cores) {
        fprintf(file, "  cores: %u, now %u\n", old->cores, new->cores);
    }
    if (old->memory_mb != new->memory_mb) {
        fprintf(file, "  memory: %llu MB, now %llu MB\n", (unsigned long long)old->memory_mb,
                (unsigned long long)new->memory_mb);
    }
}

static void print_settings(FILE *file, const struct result_document *old,
                           const struct result_document *new)
{
    if (fabs(old->duration_s - new->duration_s) > 0 ||
        fabs(old->warmup_s - new->warmup_s) > 0) {
        fprintf(file,
                "Warning: the runs were not of one length: %g s after %g s of warm-up, now "
                "%g s after %g s\n",
                old->duration_s, old->warmup_s, new->duration_s, new->warmup_s);
    }
}

/* Ids that only one side has. Only a part of the benchmarks may have been run, so a missing one is
 * no regression. */
static void print_missing(FILE *file, const struct result_document *in,
                          const struct result_document *missing_in, const char *title)
{
    bool titled = false;
    for (size_t i = 0; i < in->results_count; i++) {
        if (result_find(missing_in, in->results[i]->id) == NULL) {
            fprintf(file, "%s%s", titled ? ", " : title, in->results[i]->id);
            titled = true;
        }
    }
    fputs(titled ? "\n" : "", file);
}

static size_t print_failures(FILE *file, const struct result_document *before,
                             const struct result_document *now)
{
    size_t failed = 0;
    for (size_t i = 0; i < now->results_count; i++) {
        const struct result *new = now->results[i];
        const struct result *old = result_find(before, new->id);
        if (old != NULL && new->status == RESULT_FAILED) {
            bool did = old->status == RESULT_FAILED;
            fprintf(file, "%s failed%s: %s\n", new->id, did ? ", as before" : " now",
                    new->error != NULL ? new->error : "unknown");
            failed += !did;
        }
    }
    return failed;
}

static void init_table(struct text_table *table)
{
    text_table_init(table);
    text_table_column(table, "RESULT", false);
    text_table_column(table, "METRIC", false);
    text_table_column(table, "OLD", true);
    text_table_column(table, "NEW", true);
    text_table_column(table, "CHANGE", true);
    text_table_column(table, "NOISE", true);
    text_table_column(table, "VERDICT", false);
}

size_t compare_print(const struct result_document *before, const struct result_document *now,
                     FILE *file, unsigned width, bool color)
{
    struct text_table table;
    size_t compared = 0;
    size_t worse = 0;
    fprintf(file, "Compared with %s of %s\n", *before->commit ? before->commit : "a result",
            *before->started ? before->started : "an unknown time");
    print_machines(file, &before->machine, &now->machine);
    print_settings(file, before, now);
    init_table(&table);
    for (size_t i = 0; i < now->results_count; i++) {
        const struct result *new = now->results[i];
        const struct result *old = result_find(before, new->id);
        if (old != NULL && new->status == RESULT_OK && old->status == RESULT_OK) {
            worse += compare_result(&table, old, new);
            compared++;
        }
    }
    if (compared > 0) {
        (void)text_table_print(&table, file, width, color);
    }
    text_table_fini(&table);
    worse += print_failures(file, before, now);
    print_missing(file, before, now, "Only in the old results: ");
    print_missing(file, now, before, "Only in the new results: ");
    fprintf(file, "%zu result%s compared, %zu regression%s beyond the noise\n", compared,
            compared == 1 ? "" : "s", worse, worse == 1 ? "" : "s");
    return worse;
}

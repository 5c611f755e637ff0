/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chart of bars that sums a document up, and the picture made of it. Results that are measured
 * in the same unit share an axis, in the order of the document; each bar is the median, a whisker
 * spans the runs. A result that failed has its reason in place of a bar. One thread.
 */
#include "suite/show.h"
#include "suite/summary.h"

#include "suite/chart.h"
#include <math.h>
#include <string.h>

enum {
    BAR_BENCH_RIGHT = 150,   /* names of benchmarks end here */
    BAR_VARIANT_RIGHT = 316, /* and those of variants here */
    BAR_LEFT = 328,
    BAR_RIGHT = SUMMARY_WIDTH - 150, /* right of it there is room for a value */
    BAR_HEIGHT = 13,
    BAR_STEP = 19,
    BAR_GAP = 7, /* between benchmarks */
    BAR_TICKS = 6,
    PART_HEAD = 30,
    PART_FOOT = 34,
    NAME_COLUMNS = 23,
    ERROR_COLUMNS = 90,
    PICTURE_HEAD = 82,
    PICTURE_MARGIN = 16,
    LEGEND_STEP = 130,
};

/* Metrics that a benchmark is about, where that is not its throughput. */
static const struct {
    const char *bench, *metric;
} headlines[] = {
    {"latency", "latency_p99_us"},
    {"low-throughput", "latency_p99_us"},
    {"startup", "first_acked_ms"},
    {"recovery", "recovery_ms"},
    {"overload", "recovery_ms"},
    {"keys", "bytes_per_key_short"},
    {"idle", "idle_run_mb"},
    {"cluster-submit", "first_acked_ms"},
    {"cluster-idle", "daemons_mb"},
    {"cluster-failover", "adopted_ms"},
    {"cluster-list", "list_p50_ms"},
    {"cluster-many", "submit_last_ms"},
    {"cluster-writes", "alone_writes_per_s"},
};

static const struct {
    const char *metric, *name;
} metric_names[] = {
    {"throughput_per_s", "throughput"},
    {"throughput_per_cpu_s", "throughput per CPU second"},
    {"latency_p50_us", "latency p50"},
    {"latency_p99_us", "latency p99"},
    {"latency_p999_us", "latency p99.9"},
    {"latency_p9999_us", "latency p99.99"},
    {"latency_max_us", "latency, longest"},
    {"cpu_user_s", "CPU, user"},
    {"cpu_system_s", "CPU, system"},
    {"cores", "cores in use"},
    {"memory_peak_mb", "peak memory"},
    {"first_acked_ms", "start to first result"},
    {"recovery_ms", "recovery"},
};

/* The unit stands beside the figure. */
static void cut_unit(char *name)
{
    static const char *const endings[] = {"_per_s", "_ns", "_us", "_ms", "_mb"};
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (size > ending && strcmp(name + size - ending, endings[i]) == 0) {
            name[size - ending] = '\0';
            return;
        }
    }
}

const char *summary_metric_name(const char *name, char out[SUMMARY_NAME_SIZE])
{
    for (size_t i = 0; i < sizeof metric_names / sizeof metric_names[0]; i++) {
        if (strcmp(metric_names[i].metric, name) == 0) {
            return metric_names[i].name;
        }
    }
    snprintf(out, SUMMARY_NAME_SIZE, "%s", name);
    cut_unit(out);
    for (char *at = out; *at != '\0'; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
    return out;
}

const char *summary_variant(const struct result *result, char out[SUMMARY_NAME_SIZE])
{
    char workers[32] = "";
    if (result->workers > 0) {
        snprintf(workers, sizeof workers, "%u worker%s", result->workers,
                 result->workers == 1 ? "" : "s");
    }
    snprintf(out, SUMMARY_NAME_SIZE, "%s%s%s", workers,
             *workers != '\0' && *result->guarantee != '\0' ? ", " : "", result->guarantee);
    return out;
}

unsigned summary_color(const struct result *result)
{
    return strcmp(result->guarantee, "at-least-once") == 0  ? 0
           : strcmp(result->guarantee, "at-most-once") == 0 ? 1
                                                            : 2;
}

static const struct result_metric *headline(const struct result *result)
{
    for (size_t i = 0; i < sizeof headlines / sizeof headlines[0]; i++) {
        const struct result_metric *metric = result_metric(result, headlines[i].metric);
        if (strcmp(headlines[i].bench, result->bench) == 0 && metric != NULL) {
            return metric;
        }
    }
    const struct result_metric *metric = result_metric(result, "throughput_per_s");
    return metric != NULL ? metric : result->metrics_count > 0 ? &result->metrics[0] : NULL;
}

/* ---- Parts ---------------------------------------------------------------------------------- */

/* Whether two results are drawn on one axis. Those without a figure have a part of their own. */
static bool is_same_part(const struct result *one, const struct result *two)
{
    const struct result_metric *a = headline(one);
    const struct result_metric *b = headline(two);
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return strcmp(a->name, b->name) == 0 && strcmp(a->unit, b->unit) == 0;
}

static void put_open(FILE *file, const char *class, double x, double y)
{
    fprintf(file, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
}

static void put_axis(FILE *file, const struct chart_ticks *ticks, const char *unit, double top,
                     double bottom)
{
    char number[CHART_NUMBER_SIZE];
    for (size_t i = 0; i < ticks->count; i++) {
        double x = BAR_LEFT + (BAR_RIGHT - BAR_LEFT) * ticks->values[i] / ticks->high;
        fprintf(file, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"/>", i == 0 ? "axis" : "grid", x,
                top, bottom);
        put_open(file, "soft mid", x, bottom + 14);
        chart_text(file, chart_tick_text(ticks, i, unit, number));
        fputs("</text>\n", file);
    }
}

static double bar_x(double value, const struct chart_ticks *ticks)
{
    double share = isfinite(value) && value > 0 ? value / ticks->high : 0;
    return BAR_LEFT + (BAR_RIGHT - BAR_LEFT) * (share < 1 ? share : 1);
}

static void put_bar(FILE *file, const struct result *result, const struct result_metric *metric,
                    const struct chart_ticks *ticks, double y)
{
    char number[CHART_NUMBER_SIZE];
    double middle = y + (double)BAR_HEIGHT / 2;
    double end = bar_x(metric->median, ticks);
    double low = bar_x(metric->min, ticks);
    double high = bar_x(metric->max, ticks);
    fprintf(file,
            "<rect class=\"c%u\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"1.5\"/>",
            summary_color(result), BAR_LEFT, y, end - BAR_LEFT > 1 ? end - BAR_LEFT : 1,
            BAR_HEIGHT);
    if (high - low >= 1) {
        fprintf(file, "<path class=\"whisker\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv6M%.1f %.1fv6\"/>",
                low, middle, high, low, middle - 3, high, middle - 3);
    }
    put_open(file, "ink strong", (high > end ? high : end) + 7, y + BAR_HEIGHT - 2.5);
    chart_text(file, chart_value(metric->median, metric->unit, number));
    fputs("</text>\n", file);
}

static void put_row(FILE *file, const struct result *result, bool is_first,
                    const struct chart_ticks *ticks, double y)
{
    char variant[SUMMARY_NAME_SIZE];
    double base = y + BAR_HEIGHT - 2.5;
    const struct result_metric *metric = headline(result);
    if (is_first) {
        put_open(file, "ink strong end", BAR_BENCH_RIGHT, base);
        chart_text_cut(file, result->bench, NAME_COLUMNS);
        fputs("</text>", file);
    }
    put_open(file, "soft end", BAR_VARIANT_RIGHT, base);
    chart_text(file, summary_variant(result, variant));
    fputs("</text>\n", file);
    if (result->status == RESULT_FAILED || metric == NULL) {
        put_open(file, "bad", BAR_LEFT + 6, base);
        fputs("failed: ", file);
        chart_text_cut(file, result->error != NULL ? result->error : "no figures",
                       ERROR_COLUMNS);
        fputs("</text>\n", file);
    } else {
        put_bar(file, result, metric, ticks, y);
    }
}

static bool has_own_unit(const char *unit)
{
    return *unit != '\0' && strcmp(unit, "us") != 0 && strcmp(unit, "ms") != 0 &&
           strcmp(unit, "s") != 0 && strcmp(unit, "share") != 0;
}

/* The part that result `from` begins. @return its height. */
static double draw_part(const struct result_document *document, size_t from, double top,
                        FILE *file)
{
    const struct result *first = document->results[from];
    const struct result_metric *metric = headline(first);
    char name[SUMMARY_NAME_SIZE];
    double high = 0;
    double height = 0;
    const struct result *above = NULL;
    for (size_t i = from; i < document->results_count; i++) {
        const struct result *result = document->results[i];
        if (is_same_part(first, result)) {
            bool is_new = above == NULL || strcmp(above->bench, result->bench) != 0;
            height += BAR_STEP + (is_new && above != NULL ? BAR_GAP : 0);
            high =
                metric != NULL && headline(result)->max > high ? headline(result)->max : high;
            above = result;
        }
    }
    if (file == NULL) {
        return PART_HEAD + height + PART_FOOT;
    }
    struct chart_ticks ticks = chart_ticks_linear(high, BAR_TICKS);
    put_open(file, "ink title", BAR_LEFT, top + 14);
    chart_text(file, metric != NULL ? summary_metric_name(metric->name, name) : "failed");
    fputs("<tspan class=\"soft\" font-weight=\"400\">", file);
    if (metric != NULL) {
        if (has_own_unit(metric->unit)) { /* Times have theirs at each number. */
            fputs(", ", file);
            chart_text(file, metric->unit);
        }
        fputs(metric->better == RESULT_HIGHER ? " \xe2\x80\x93 more is better"
                                              : " \xe2\x80\x93 less is better",
              file);
        fputs("</tspan></text>\n", file);
        put_axis(file, &ticks, metric->unit, top + PART_HEAD - 5, top + PART_HEAD + height);
    } else {
        fputs("</tspan></text>\n", file);
    }
    double y = top + PART_HEAD;
    above = NULL;
    for (size_t i = from; i < document->results_count; i++) {
        const struct result *result = document->results[i];
        if (is_same_part(first, result)) {
            bool is_new = above == NULL || strcmp(above->bench, result->bench) != 0;
            y += is_new && above != NULL ? BAR_GAP : 0;
            put_row(file, result, is_new, &ticks, y);
            y += BAR_STEP;
            above = result;
        }
    }
    return PART_HEAD + height + PART_FOOT;
}

static double draw_legend(const struct result_document *document, double top, FILE *file)
{
    static const char *const names[] = {"at-least-once", "at-most-once",
                                        "no guarantee applies"};
    double x = BAR_LEFT;
    for (unsigned color = 0; color < sizeof names / sizeof names[0] && file != NULL; color++) {
        bool is_used = false;
        for (size_t i = 0; i < document->results_count; i++) {
            is_used = is_used || summary_color(document->results[i]) == color;
        }
        if (is_used) {
            fprintf(file,
                    "<rect class=\"c%u\" x=\"%.1f\" y=\"%.1f\" width=\"11\" height=\"11\" "
                    "rx=\"1.5\"/>",
                    color, x, top + 2);
            put_open(file, "soft", x + 17, top + 11.5);
            fprintf(file, "%s</text>\n", names[color]);
            x += LEGEND_STEP;
        }
    }
    return 26;
}

double summary_draw(const struct result_document *document, FILE *file)
{
    double height = draw_legend(document, 0, file);
    for (size_t i = 0; i < document->results_count; i++) {
        bool is_drawn = false;
        for (size_t j = 0; j < i && !is_drawn; j++) {
            is_drawn = is_same_part(document->results[j], document->results[i]);
        }
        height += is_drawn ? 0 : draw_part(document, i, height, file);
    }
    return height;
}

/* ---- The picture ---------------------------------------------------------------------------- */

static void draw_head(const struct result_document *document, FILE *file)
{
    const struct result_machine *machine = &document->machine;
    put_open(file, "ink head", 16, 28);
    fputs("Gale ", file);
    chart_text(file, document->version);
    fputs("<tspan class=\"soft\" font-weight=\"400\" font-size=\"12\"> ", file);
    chart_text(file, document->commit);
    fputs("</tspan></text>\n", file);
    put_open(file, "soft", 16, 46);
    chart_text(file, machine->cpu);
    fprintf(file, ", %u core%s, %llu MB, ", machine->cores, machine->cores == 1 ? "" : "s",
            (unsigned long long)machine->memory_mb);
    chart_text(file, machine->kernel);
    fputs("</text>\n", file);
    put_open(file, "soft", 16, 62);
    chart_text(file, document->started);
    fprintf(file,
            ", %u run%s of %g s after %g s of warm-up; bar: median, line: all runs</text>\n",
            document->runs, document->runs == 1 ? "" : "s", document->duration_s,
            document->warmup_s);
}

enum gale_err svg_write(const struct result_document *document, FILE *file)
{
    double height = PICTURE_HEAD + summary_draw(document, NULL) + PICTURE_MARGIN;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
            "height=\"%.0f\" role=\"img\">\n<title>Gale benchmarks</title>\n<style>\n",
            SUMMARY_WIDTH, height, SUMMARY_WIDTH, height);
    chart_css(file);
    fprintf(file, "</style>\n<rect class=\"ground\" width=\"%d\" height=\"%.0f\" rx=\"6\"/>\n",
            SUMMARY_WIDTH, height);
    draw_head(document, file);
    fprintf(file, "<g transform=\"translate(0 %d)\">\n", PICTURE_HEAD);
    (void)summary_draw(document, file);
    fputs("</g>\n</svg>\n", file);
    return fflush(file) == 0 && ferror(file) == 0 ? GALE_OK : GALE_ERR_IO;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One self-contained page of a result document: where and how it was measured, the bars that sum it
 * up, the table of results, and for each benchmark its series over time and its latency by
 * percentile, the variants as lines of one chart. It asks for nothing from the network, needs no
 * script and is well-formed XML as well. One thread.
 */
#include "suite/show.h"
#include "suite/summary.h"

#include "suite/chart.h"
#include "suite/memory.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_VARIANTS_MAX = CHART_COLORS, PAGE_OWN_MAX = 8 };

/* Charts over time: a member of struct result_point each. */
static const struct {
    const char *title, *unit;
    size_t offset;
    bool is_log;
} series[] = {
    {"Rate", NULL, offsetof(struct result_point, rate), false},
    {"Latency p50", "us", offsetof(struct result_point, p50_us), true},
    {"Latency p99", "us", offsetof(struct result_point, p99_us), true},
    {"CPU in use, cores", "", offsetof(struct result_point, cpu), false},
    {"Fullest queue", "share", offsetof(struct result_point, queue), false},
    {"Memory, MB", "", offsetof(struct result_point, rss_mb), false},
};

static const char *const percentile_metrics[] = {"latency_p50_us", "latency_p99_us",
                                                 "latency_p999_us", "latency_p9999_us",
                                                 "latency_max_us"};
static const char *const percentile_names[] = {"p50", "p99", "p99.9", "p99.99", "longest"};
enum { PERCENTILES_COUNT = sizeof percentile_names / sizeof percentile_names[0] };

/* The columns of the table of results. */
static const struct {
    const char *title, *metric;
} columns[] = {
    {"throughput", "throughput_per_s"}, {"per CPU second", "throughput_per_cpu_s"},
    {"p50", "latency_p50_us"},          {"p99", "latency_p99_us"},
    {"p99.9", "latency_p999_us"},       {"p99.99", "latency_p9999_us"},
    {"longest", "latency_max_us"},      {"CPU user", "cpu_user_s"},
    {"system", "cpu_system_s"},         {"cores", "cores"},
    {"peak memory", "memory_peak_mb"},
};

/* ---- Head ----------------------------------------------------------------------------------- */

static void put_style(FILE *file)
{
    fputs("<style>\n", file);
    chart_css(file);
    fputs(":root{color-scheme:light "
          "dark;--ground:#fff;--ink:#1a2230;--soft:#5a6677;--rule:#e2e6ec;"
          "--bad:#b3261e;--raised:#f6f8fa}\n"
          "@media "
          "(prefers-color-scheme:dark){:root{--ground:#14181f;--ink:#e6eaf0;--soft:#9aa6b6;"
          "--rule:#2a313c;--bad:#ff8a80;--raised:#1b212b}}\n"
          "body{margin:0 auto;max-width:1240px;padding:24px;background:var(--ground);"
          "color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu "
          "Sans',sans-serif}\n"
          "h1{font-size:26px;margin:0 0 4px}h2{font-size:20px;margin:40px 0 8px;"
          "padding-bottom:4px;border-bottom:1px solid var(--rule)}\n"
          "h3{font-size:16px;margin:28px 0 4px}p{margin:4px 0}.check{font-size:13px;margin:2px "
          "0}.quiet{color:var(--soft)}\n"
          ".failed{color:var(--bad)}code{font-size:13px;overflow-wrap:anywhere}\n"
          ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:12.5px;"
          "font-variant-numeric:tabular-nums}\n"
          "th,td{padding:3px 7px;text-align:right;white-space:nowrap;border-bottom:1px solid "
          "var(--rule);vertical-align:top}\n"
          "th{color:var(--soft);font-weight:600}.left{text-align:left}.own{white-space:normal}"
          "td small{display:block;"
          "color:var(--soft)}\n"
          "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:12px 0}"
          "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
          ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:"
          "16px;"
          "margin:12px 0}\n"
          ".chart{width:100%;height:auto;background:var(--ground);border:1px solid var(--rule);"
          "border-radius:6px;padding:8px;box-sizing:border-box}\n"
          ".bars{width:100%;height:auto}.legend{display:flex;flex-wrap:wrap;gap:4px 20px;"
          "font-size:13px;color:var(--soft)}.legend "
          "svg{width:11px;height:11px;margin-right:6px}\n"
          "details summary{cursor:pointer;color:var(--soft);font-size:13px}\n</style>\n",
          file);
}

static void put_pair(FILE *file, const char *name, const char *value)
{
    fprintf(file, "<dt>%s</dt><dd>", name);
    chart_text(file, *value != '\0' ? value : "unknown");
    fputs("</dd>\n", file);
}

static void put_head(const struct result_document *document, FILE *file)
{
    char text[3 * RESULT_TITLE_SIZE];
    const struct result_machine *machine = &document->machine;
    const struct result_versions *versions = &document->versions;
    fputs("<h1>Gale benchmarks</h1>\n<p class=\"quiet\">gale ", file);
    chart_text(file, document->version);
    fputs(", commit ", file);
    chart_text(file, document->commit);
    fputs(", ", file);
    chart_text(file, document->started);
    fputs("</p>\n<dl>\n", file);
    put_pair(file, "command", document->command);
    snprintf(text, sizeof text, "%s, %u core%s, %llu MB of memory", machine->cpu,
             machine->cores, machine->cores == 1 ? "" : "s",
             (unsigned long long)machine->memory_mb);
    put_pair(file, "machine", text);
    snprintf(text, sizeof text, "%s, %s", machine->os, machine->kernel);
    put_pair(file, "system", text);
    snprintf(text, sizeof text, "%s; ZeroMQ %s, msgpack %s, LZ4 %s, SQLite %s",
             versions->compiler, versions->zeromq, versions->msgpack, versions->lz4,
             versions->sqlite);
    put_pair(file, "built with", text);
    snprintf(text, sizeof text,
             "%u of each variant, taking turns; %g s measured after %g s of warm-up",
             document->runs, document->duration_s, document->warmup_s);
    put_pair(file, "runs", text);
    fputs("</dl>\n", file);
}

/* ---- Tables --------------------------------------------------------------------------------- */

/* Median, and below it how far the runs lie apart. */
static void put_cell(FILE *file, const struct result_metric *metric)
{
    char number[CHART_NUMBER_SIZE];
    if (metric == NULL || metric->runs_count == 0) {
        fputs("<td class=\"quiet\">\xe2\x80\x93</td>", file);
        return;
    }
    fputs("<td>", file);
    chart_text(file, chart_value(metric->median, metric->unit, number));
    if (metric->runs_count > 1 && fabs(metric->median) > 0) {
        double spread = (metric->max - metric->min) / fabs(metric->median);
        fprintf(file, "<small>%.1f %%</small>", spread * 100);
    }
    fputs("</td>", file);
}

/* A benchmark without throughput has figures of its own instead of the columns. */
static void put_own_figures(FILE *file, const struct result *result)
{
    char name[SUMMARY_NAME_SIZE];
    char number[CHART_NUMBER_SIZE];
    fprintf(file, "<td class=\"left own\" colspan=\"%zu\">",
            sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < result->metrics_count && i < PAGE_OWN_MAX; i++) {
        const struct result_metric *metric = &result->metrics[i];
        fputs(i > 0 ? "; " : "", file);
        chart_text(file, summary_metric_name(metric->name, name));
        fputc(' ', file);
        chart_text(file, chart_value(metric->median, metric->unit, number));
    }
    fputs(result->metrics_count > PAGE_OWN_MAX ? "; \xe2\x80\xa6</td>" : "</td>", file);
}

static void put_results(const struct result_document *document, FILE *file)
{
    char variant[SUMMARY_NAME_SIZE];
    size_t columns_count = sizeof columns / sizeof columns[0];
    fputs("<h2>Results</h2>\n<p class=\"quiet\">Medians, below each the spread of the runs: "
          "(largest "
          "\xe2\x88\x92 smallest) / median. Latency counts from the intended emit to the last "
          "ack.</p>\n<div class=\"wide\"><table>\n<thead><tr><th class=\"left\">benchmark</th>"
          "<th class=\"left\">variant</th>",
          file);
    for (size_t i = 0; i < columns_count; i++) {
        fprintf(file, "<th>%s</th>", columns[i].title);
    }
    fputs("</tr></thead>\n<tbody>\n", file);
    for (size_t i = 0; i < document->results_count; i++) {
        const struct result *result = document->results[i];
        bool is_next = i > 0 && strcmp(document->results[i - 1]->bench, result->bench) == 0;
        fputs(is_next ? "<tr><td class=\"left quiet\">" : "<tr><td class=\"left\">", file);
        chart_text(file, result->bench);
        fputs("</td><td class=\"left\">", file);
        chart_text(file, summary_variant(result, variant));
        fputs("</td>", file);
        if (result->status == RESULT_FAILED) {
            fprintf(file, "<td class=\"left failed\" colspan=\"%zu\">failed: ", columns_count);
            chart_text(file, result->error != NULL ? result->error : "no reason was given");
            fputs("</td>", file);
        }
        bool is_own = result_metric(result, "throughput_per_s") == NULL;
        if (result->status == RESULT_OK && is_own) {
            put_own_figures(file, result);
        }
        for (size_t j = 0; j < columns_count && result->status == RESULT_OK && !is_own; j++) {
            put_cell(file, result_metric(result, columns[j].metric));
        }
        fputs("</tr>\n", file);
    }
    fputs("</tbody></table></div>\n", file);
}

static void put_ratios(const struct result_document *document, FILE *file)
{
    char number[CHART_NUMBER_SIZE];
    if (document->ratios_count == 0) {
        return;
    }
    fputs("<h2>Ratios</h2>\n<table>\n<tbody>\n", file);
    for (size_t i = 0; i < document->ratios_count; i++) {
        const struct result_ratio *ratio = &document->ratios[i];
        bool is_times = strcmp(ratio->unit, "times") == 0;
        fputs("<tr><td class=\"left\">", file);
        chart_text(file, ratio->name);
        fputs("</td><td>", file);
        chart_text(file,
                   chart_value(ratio->value, is_times ? "\xc3\x97" : ratio->unit, number));
        fputs("</td><td class=\"left\">", file);
        if (ratio->rounds > 0) {
            chart_text(file,
                       chart_value(ratio->min, is_times ? "\xc3\x97" : ratio->unit, number));
            fputs(" to ", file);
            chart_text(file,
                       chart_value(ratio->max, is_times ? "\xc3\x97" : ratio->unit, number));
            fprintf(file, " in %u rounds", ratio->rounds);
        }
        fputs("</td></tr>\n", file);
    }
    fputs("</tbody></table>\n", file);
}

static void put_metrics(const struct result *result, FILE *file)
{
    char name[SUMMARY_NAME_SIZE];
    char number[CHART_NUMBER_SIZE];
    bool is_own = result_metric(result, "throughput_per_s") == NULL;
    fputs(is_own ? "<details open=\"open\">" : "<details>", file);
    fputs("<summary>all figures: ", file);
    chart_text(file, result->id);
    fputs("</summary>\n<div class=\"wide\"><table>\n<thead><tr><th class=\"left\">figure</th>"
          "<th>median</th><th>least</th><th>most</th><th class=\"left\">unit</th>"
          "<th class=\"left\">runs</th></tr></thead>\n<tbody>\n",
          file);
    for (size_t i = 0; i < result->metrics_count; i++) {
        const struct result_metric *metric = &result->metrics[i];
        fputs("<tr><td class=\"left\">", file);
        chart_text(file, summary_metric_name(metric->name, name));
        fputs("</td><td>", file);
        chart_text(file, chart_value(metric->median, metric->unit, number));
        fputs("</td><td>", file);
        chart_text(file, chart_value(metric->min, metric->unit, number));
        fputs("</td><td>", file);
        chart_text(file, chart_value(metric->max, metric->unit, number));
        fputs("</td><td class=\"left\">", file);
        chart_text(file, metric->unit);
        fputs("</td><td class=\"left\">", file);
        for (size_t j = 0; j < metric->runs_count; j++) {
            fprintf(file, "%s%.6g", j > 0 ? ", " : "", metric->runs[j]);
        }
        fputs("</td></tr>\n", file);
    }
    fputs("</tbody></table></div></details>\n", file);
}

/* ---- Charts of one benchmark ---------------------------------------------------------------- */

/* The variants of one benchmark, as many as there are colours. */
struct variants {
    const struct result *items[PAGE_VARIANTS_MAX];
    char names[PAGE_VARIANTS_MAX][SUMMARY_NAME_SIZE];
    size_t count;
};

static void gather(const struct result_document *document, const char *bench,
                   struct variants *variants)
{
    variants->count = 0;
    for (size_t i = 0; i < document->results_count; i++) {
        const struct result *result = document->results[i];
        if (strcmp(result->bench, bench) == 0 && variants->count < PAGE_VARIANTS_MAX) {
            summary_variant(result, variants->names[variants->count]);
            variants->items[variants->count++] = result;
        }
    }
}

/* One member of all points as an array; the caller frees it. */
static double *member(const struct result *result, size_t offset)
{
    double *values = suite_alloc(result->series_count, sizeof *values);
    for (size_t i = 0; i < result->series_count; i++) {
        memcpy(&values[i], (const char *)&result->series[i] + offset, sizeof values[i]);
    }
    return values;
}

static bool has_values(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i])) {
            return true;
        }
    }
    return false;
}

static void put_series(const struct variants *variants, size_t which, double warmup_s,
                       FILE *file)
{
    struct chart_line lines[PAGE_VARIANTS_MAX];
    double *x[PAGE_VARIANTS_MAX] = {NULL};
    double *y[PAGE_VARIANTS_MAX] = {NULL};
    char unit[RESULT_UNIT_SIZE + 2];
    char title[RESULT_UNIT_SIZE + 32];
    const char *counted = variants->items[0]->unit;
    snprintf(unit, sizeof unit, "%s/s", counted);
    snprintf(title, sizeof title, "%s, %s", series[which].title, unit);
    bool is_rate = series[which].unit == NULL;
    struct chart chart = {.title = is_rate && *counted != '\0' ? title : series[which].title,
                          .unit = is_rate ? unit : series[which].unit,
                          .x_title = "seconds since the start",
                          .lines = lines,
                          .shade_until = warmup_s,
                          .is_log = series[which].is_log};
    for (size_t i = 0; i < variants->count; i++) {
        const struct result *result = variants->items[i];
        if (result->series_count == 0) {
            continue;
        }
        x[i] = member(result, offsetof(struct result_point, t_s));
        y[i] = member(result, series[which].offset);
        if (has_values(y[i], result->series_count)) {
            lines[chart.lines_count++] = (struct chart_line){variants->names[i], x[i], y[i],
                                                             result->series_count, (unsigned)i};
        }
    }
    if (chart.lines_count > 0) {
        chart_draw(&chart, file);
    }
    for (size_t i = 0; i < variants->count; i++) {
        free(x[i]);
        free(y[i]);
    }
}

static void put_percentiles(const struct variants *variants, FILE *file)
{
    static const double places[PERCENTILES_COUNT] = {0, 1, 2, 3, 4};
    double values[PAGE_VARIANTS_MAX][PERCENTILES_COUNT];
    struct chart_line lines[PAGE_VARIANTS_MAX];
    struct chart chart = {.title = "Latency by percentile, median of the runs",
                          .unit = "us",
                          .x_title = "share of the tuple trees that took no longer",
                          .x_names = percentile_names,
                          .x_names_count = PERCENTILES_COUNT,
                          .lines = lines,
                          .is_log = true,
                          .has_dots = true};
    for (size_t i = 0; i < variants->count; i++) {
        for (size_t j = 0; j < PERCENTILES_COUNT; j++) {
            values[i][j] = result_median(variants->items[i], percentile_metrics[j]);
        }
        if (has_values(values[i], PERCENTILES_COUNT)) {
            lines[chart.lines_count++] = (struct chart_line){
                variants->names[i], places, values[i], PERCENTILES_COUNT, (unsigned)i};
        }
    }
    if (chart.lines_count > 0) {
        chart_draw(&chart, file);
    }
}

static void put_legend(const struct variants *variants, double warmup_s, FILE *file)
{
    fputs("<div class=\"legend\">", file);
    for (size_t i = 0; i < variants->count; i++) {
        const char *name = variants->names[i];
        fprintf(
            file,
            "<span><svg viewBox=\"0 0 11 11\"><rect class=\"c%zu\" width=\"11\" height=\"11\" "
            "rx=\"1.5\"/></svg>",
            i);
        chart_text(file, *name != '\0' ? name : variants->items[i]->bench);
        fputs("</span>", file);
    }
    if (warmup_s > 0) {
        fputs("<span>shaded: warm-up, not in the figures</span>", file);
    }
    fputs("</div>\n", file);
}

static void put_checks(const struct variants *variants, FILE *file)
{
    for (size_t i = 0; i < variants->count; i++) {
        const struct result *result = variants->items[i];
        bool has_failed = result->status == RESULT_FAILED;
        const char *text = has_failed ? result->error : result->check;
        if (text == NULL) {
            continue;
        }
        fprintf(file, "<p class=\"%s\">", has_failed ? "check failed" : "check quiet");
        chart_text(file, variants->names[i]);
        fputs(*variants->names[i] != '\0' ? ": " : "", file);
        fputs(has_failed ? "failed: " : "checked: ", file);
        chart_text(file, text);
        fputs("</p>\n", file);
    }
}

static void put_bench(const struct result_document *document, const struct result *first,
                      FILE *file)
{
    struct variants variants;
    gather(document, first->bench, &variants);
    fputs("<section>\n<h2>", file);
    chart_text(file, first->bench);
    fputs("</h2>\n<p>", file);
    chart_text(file, first->title);
    fputs("</p>\n", file);
    put_checks(&variants, file);
    put_legend(&variants, document->warmup_s, file);
    fputs("<div class=\"charts\">\n", file);
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
        put_series(&variants, i, document->warmup_s, file);
    }
    put_percentiles(&variants, file);
    fputs("</div>\n", file);
    for (size_t i = 0; i < variants.count; i++) {
        if (variants.items[i]->metrics_count > 0) {
            put_metrics(variants.items[i], file);
        }
    }
    fputs("</section>\n", file);
}

enum gale_err html_write(const struct result_document *document, FILE *file)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<title>Gale benchmarks</title>\n",
          file);
    put_style(file);
    fputs("</head>\n<body>\n", file);
    put_head(document, file);
    fprintf(file,
            "<h2>Summary</h2>\n<svg class=\"bars\" viewBox=\"0 0 %d %.0f\" role=\"img\">\n",
            SUMMARY_WIDTH, summary_draw(document, NULL));
    (void)summary_draw(document, file);
    fputs("</svg>\n", file);
    put_results(document, file);
    put_ratios(document, file);
    for (size_t i = 0; i < document->results_count; i++) {
        bool is_first = true;
        for (size_t j = 0; j < i; j++) {
            is_first = is_first &&
                       strcmp(document->results[j]->bench, document->results[i]->bench) != 0;
        }
        if (is_first) {
            put_bench(document, document->results[i], file);
        }
    }
    fputs("</body>\n</html>\n", file);
    return fflush(file) == 0 && ferror(file) == 0 ? GALE_OK : GALE_ERR_IO;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The text report of `gale bench`; see bench_text.h. */
#include "cli/bench_text.h"

#include "cli/json_writer.h"
#include "text/numbers.h"
#include "text/text_table.h"
#include <math.h>
#include <string.h>

/* Wide enough that no column is cut: figures are of no use without their end. */
enum { BENCH_TEXT_WIDTH = 1000 };

/* Metrics with columns of their own in the main table; all others follow below it. */
static const char *const main_metrics[] = {
    "throughput_per_s", "throughput_per_cpu_s",
    "latency_p50_us",   "latency_p99_us",
    "latency_p999_us",  "latency_p9999_us",
    "latency_max_us",   "cpu_user_s",
    "cpu_system_s",     "cores",
    "memory_peak_mb",
};

static bool is_main(const char *name)
{
    for (size_t i = 0; i < sizeof main_metrics / sizeof main_metrics[0]; i++) {
        if (strcmp(main_metrics[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void print_head(const struct result_document *document, FILE *file)
{
    const struct result_machine *machine = &document->machine;
    const struct result_versions *versions = &document->versions;
    fprintf(file, "gale %s, commit %s, built by %s\n", document->version, document->commit,
            versions->compiler);
    fprintf(file, "machine: %s, %u core%s, %.1f GiB, %s, %s\n", machine->cpu, machine->cores,
            machine->cores == 1 ? "" : "s", (double)machine->memory_mb / 1024, machine->kernel,
            machine->os);
    fprintf(file, "libraries: ZeroMQ %s, msgpack-c %s, LZ4 %s, SQLite %s\n", versions->zeromq,
            versions->msgpack, versions->lz4, versions->sqlite);
    fprintf(file, "%s: %s, %u run%s of %g s after %g s of warm-up; medians\n",
            document->started, document->command, document->runs,
            document->runs == 1 ? "" : "s", document->duration_s, document->warmup_s);
}

static void rate_cell(struct text_table *table, const struct result *result, const char *name)
{
    char text[NUMBER_SIZE];
    double value = result_median(result, name);
    text_table_cell(table, isfinite(value) ? number_rate(value, text) : "-");
}

static void time_cell(struct text_table *table, const struct result *result, const char *name)
{
    char text[NUMBER_SIZE];
    double value = result_median(result, name);
    text_table_cell(table, isfinite(value) ? number_time((uint64_t)(value * 1000), text) : "-");
}

static void plain_cell(struct text_table *table, const struct result *result, const char *name,
                       int decimals)
{
    double value = result_median(result, name);
    if (isfinite(value)) {
        text_table_cellf(table, "%.*f", decimals, value);
    } else {
        text_table_cell(table, "-");
    }
}

/* (max − min) / median of the runs. */
static void spread_cell(struct text_table *table, const struct result *result, const char *name)
{
    const struct result_metric *metric = result_metric(result, name);
    if (metric != NULL && metric->runs_count > 1 && metric->median > 0) {
        text_table_cellf(table, "%.0f %%", (metric->max - metric->min) / metric->median * 100);
    } else {
        text_table_cell(table, "-");
    }
}

static void add_row(struct text_table *table, const struct result *result)
{
    text_table_cell(table, result->id);
    text_table_cell(table, result->status == RESULT_OK ? "ok" : "FAILED");
    rate_cell(table, result, "throughput_per_s");
    rate_cell(table, result, "throughput_per_cpu_s");
    text_table_cell(table, result->unit);
    spread_cell(table, result, "throughput_per_s");
    time_cell(table, result, "latency_p50_us");
    time_cell(table, result, "latency_p99_us");
    time_cell(table, result, "latency_p999_us");
    time_cell(table, result, "latency_p9999_us");
    time_cell(table, result, "latency_max_us");
    plain_cell(table, result, "cpu_user_s", 2);
    plain_cell(table, result, "cpu_system_s", 2);
    plain_cell(table, result, "cores", 2);
    plain_cell(table, result, "memory_peak_mb", 1);
}

static enum gale_err print_rows(const struct result_document *document, FILE *file,
                                unsigned width, bool color)
{
    static const char *const titles[] = {"/s",    "/CPU-s", "OF",     "SPREAD", "p50",
                                         "p99",   "p99.9",  "p99.99", "MAX",    "USER s",
                                         "SYS s", "CORES",  "PEAK MB"};
    struct text_table table;
    text_table_init(&table);
    text_table_column(&table, "RESULT", false);
    text_table_column(&table, "CHECK", false);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        text_table_column(&table, titles[i], i != 2);
    }
    for (size_t i = 0; i < document->results_count; i++) {
        add_row(&table, document->results[i]);
    }
    enum gale_err err = text_table_print(&table, file, width > 0 ? BENCH_TEXT_WIDTH : 0, color);
    text_table_fini(&table);
    return err;
}

static void other_row(struct text_table *table, const struct result *result,
                      const struct result_metric *metric)
{
    text_table_cell(table, result->id);
    text_table_cell(table, metric->name);
    text_table_cellf(table, "%.6g", metric->median);
    text_table_cellf(table, "%.6g", metric->min);
    text_table_cellf(table, "%.6g", metric->max);
    text_table_cell(table, metric->unit);
}

static enum gale_err print_others(const struct result_document *document, FILE *file,
                                  unsigned width, bool color)
{
    struct text_table table;
    enum gale_err err = GALE_OK;
    text_table_init(&table);
    text_table_column(&table, "RESULT", false);
    text_table_column(&table, "MEASURE", false);
    text_table_column(&table, "MEDIAN", true);
    text_table_column(&table, "MIN", true);
    text_table_column(&table, "MAX", true);
    text_table_column(&table, "UNIT", false);
    for (size_t i = 0; i < document->results_count; i++) {
        const struct result *result = document->results[i];
        for (size_t j = 0; j < result->metrics_count; j++) {
            if (!is_main(result->metrics[j].name)) {
                other_row(&table, result, &result->metrics[j]);
            }
        }
    }
    if (table.cells_count > 0) {
        fputc('\n', file);
        err = text_table_print(&table, file, width > 0 ? BENCH_TEXT_WIDTH : 0, color);
    }
    text_table_fini(&table);
    return err;
}

static void print_ratio(const struct result_ratio *ratio, FILE *file)
{
    if (strcmp(ratio->unit, "share") == 0) {
        fprintf(file, "%s: %.1f %%", ratio->name, ratio->value * 100);
        fprintf(file, " (%.1f to %.1f %% in %u rounds)\n", ratio->min * 100, ratio->max * 100,
                ratio->rounds);
    } else {
        fprintf(file, "%s: %.2f %s", ratio->name, ratio->value, ratio->unit);
        fprintf(file, " (%.2f to %.2f in %u rounds)\n", ratio->min, ratio->max, ratio->rounds);
    }
}

static void print_checks(const struct result_document *document, FILE *file)
{
    for (size_t i = 0; i < document->results_count; i++) {
        const struct result *result = document->results[i];
        if (result->status != RESULT_OK) {
            fprintf(file, "%s: FAILED: %s\n", result->id, result->error);
        } else if (result->check != NULL) {
            fprintf(file, "%s: checked: %s\n", result->id, result->check);
        }
    }
}

enum gale_err bench_text_report(const struct result_document *document, FILE *file,
                                unsigned width, bool color, bool quiet)
{
    if (quiet) {
        return print_rows(document, file, width, color);
    }
    print_head(document, file);
    fputc('\n', file);
    enum gale_err err = print_rows(document, file, width, color);
    if (err == GALE_OK) {
        err = print_others(document, file, width, color);
    }
    if (document->ratios_count > 0) {
        fputc('\n', file);
    }
    for (size_t i = 0; i < document->ratios_count; i++) {
        print_ratio(&document->ratios[i], file);
    }
    fputc('\n', file);
    print_checks(document, file);
    return err;
}

static const char *workers_of(const struct bench *bench)
{
    static const char *const names[] = {"-", "1", "2", "1,2"};
    return names[bench->workers & BENCH_ONE_TWO];
}

static const char *guarantee_of(const struct bench *bench)
{
    static const char *const names[] = {"-", "at-most-once", "at-least-once", "both"};
    return names[bench->guarantees & BENCH_BOTH];
}

void bench_json_list(FILE *file)
{
    const struct bench *all[BENCH_ALL_MAX];
    size_t count = suite_all(all);
    struct jsonw json;
    jsonw_init(&json, file);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_open_list(&json, "benchmarks");
    for (size_t i = 0; i < count; i++) {
        jsonw_open_object(&json, NULL);
        jsonw_string(&json, "name", all[i]->name);
        jsonw_string(&json, "group", all[i]->group);
        jsonw_string(&json, "workers", workers_of(all[i]));
        jsonw_string(&json, "guarantee", guarantee_of(all[i]));
        jsonw_string(&json, "unit", all[i]->unit);
        jsonw_string(&json, "title", all[i]->title);
        jsonw_close_object(&json);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

enum gale_err bench_text_list(FILE *file, unsigned width, bool color, bool names_only)
{
    const struct bench *all[BENCH_ALL_MAX];
    size_t count = suite_all(all);
    struct text_table table;
    text_table_init(&table);
    text_table_column(&table, "NAME", false);
    text_table_column(&table, "GROUP", false);
    text_table_column(&table, "WORKERS", false);
    text_table_column(&table, "GUARANTEE", false);
    text_table_column(&table, "WHAT", false);
    for (size_t i = 0; i < count; i++) {
        if (names_only) {
            fprintf(file, "%s\n", all[i]->name);
            continue;
        }
        text_table_cell(&table, all[i]->name);
        text_table_cell(&table, all[i]->group);
        text_table_cell(&table, workers_of(all[i]));
        text_table_cell(&table, guarantee_of(all[i]));
        text_table_cell(&table, all[i]->title);
    }
    enum gale_err err =
        names_only ? GALE_OK
                   : text_table_print(&table, file, width > 0 ? BENCH_TEXT_WIDTH : 0, color);
    text_table_fini(&table);
    return err;
}

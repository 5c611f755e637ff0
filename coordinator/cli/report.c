/* SPDX-License-Identifier: Apache-2.0 */
/* The final report; see report.h. */
#include "cli/report.h"

#include "cli/json_writer.h"
#include "text/numbers.h"
#include "text/text_table.h"
#include <inttypes.h>

enum { REPORT_WIDTH = 1000 }; /* Never cut: the report may go into a file. */

const char *report_end_name(enum run_end end)
{
    switch (end) {
    case RUN_END_COMPLETED: return "completed";
    case RUN_END_DURATION: return "duration";
    case RUN_END_INTERRUPTED: return "interrupted";
    case RUN_END_ABORTED: return "aborted";
    case RUN_END_FAILED: return "failed";
    }
    return "unknown";
}

static const char *end_sentence(enum run_end end)
{
    switch (end) {
    case RUN_END_COMPLETED: return "all input processed";
    case RUN_END_DURATION: return "stopped after the given duration";
    case RUN_END_INTERRUPTED: return "interrupted, drained";
    case RUN_END_ABORTED: return "aborted, not everything was processed";
    case RUN_END_FAILED: return "failed";
    }
    return "ended";
}

static void count_cell(struct text_table *table, bool applies, uint64_t value)
{
    if (applies) {
        text_table_cellf(table, "%" PRIu64, value);
    } else {
        text_table_cell(table, "-");
    }
}

static void print_components(const struct run_report *report, FILE *file, bool color)
{
    struct text_table table;
    char text[NUMBER_SIZE];
    text_table_init(&table);
    text_table_column(&table, "COMPONENT", false);
    static const char *const titles[] = {"TASKS",  "EXECUTED",  "EMITTED",  "ACKED",
                                         "FAILED", "TIMED OUT", "EXEC p50", "EXEC p99"};
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        text_table_column(&table, titles[i], true);
    }
    for (size_t i = 0; i < report->components_count; i++) {
        const struct run_component_report *component = &report->components[i];
        text_table_cell(&table, component->name);
        text_table_cellf(&table, "%" PRIu32, component->tasks);
        count_cell(&table, !component->spout, component->executed);
        count_cell(&table, true, component->emitted);
        count_cell(&table, true, component->acked);
        count_cell(&table, true, component->failed);
        count_cell(&table, component->spout, component->timed_out);
        text_table_cell(&table,
                        component->spout ? "-" : number_time(component->exec_p50_ns, text));
        text_table_cell(&table,
                        component->spout ? "-" : number_time(component->exec_p99_ns, text));
    }
    (void)text_table_print(&table, file, REPORT_WIDTH, color);
    text_table_fini(&table);
}

/* Refused emits and the like fail no tuple, so the table alone would look as if all were well. */
static void print_errors(const struct run_report *report, FILE *file)
{
    for (size_t i = 0; i < report->components_count; i++) {
        const struct run_component_report *component = &report->components[i];
        if (component->errors > 0) {
            fprintf(file, "%s: %" PRIu64 " error%s, see the log\n", component->name,
                    component->errors, component->errors == 1 ? "" : "s");
        }
    }
}

void report_text(const struct run_report *report, FILE *file, bool color)
{
    char p50[NUMBER_SIZE];
    char p99[NUMBER_SIZE];
    char p999[NUMBER_SIZE];
    char max[NUMBER_SIZE];
    fprintf(file, "\n%s: %s; %.1f s, %.1f s of CPU, %s\n", report->topology,
            end_sentence(report->end), report->elapsed_s,
            report->cpu_user_s + report->cpu_system_s, report->guarantee);
    print_components(report, file, color);
    print_errors(report, file);
    if (report->complete_count > 0) {
        fprintf(file, "complete latency p50 %s  p99 %s  p99.9 %s  max %s\n",
                number_time(report->complete_p50_ns, p50),
                number_time(report->complete_p99_ns, p99),
                number_time(report->complete_p999_ns, p999),
                number_time(report->complete_max_ns, max));
    }
    for (size_t i = 0; i < report->workers_count; i++) {
        const struct run_worker_report *worker = &report->workers[i];
        fprintf(file,
                "worker %" PRIu32 " pid %" PRId64 ", %.1f MiB at most, %" PRIu32 " restart%s\n",
                worker->index, worker->pid, (double)worker->rss_peak_kb / 1024,
                worker->restarts, worker->restarts == 1 ? "" : "s");
    }
    if (report->replayed + report->duplicates_dropped + report->frames_refused +
            report->links_failed >
        0) {
        fprintf(file,
                "replayed %" PRIu64 ", duplicate frames dropped %" PRIu64
                ", frames refused %" PRIu64 ", links failed %" PRIu64 "\n",
                report->replayed, report->duplicates_dropped, report->frames_refused,
                report->links_failed);
    }
}

static void json_component(struct jsonw *json, const struct run_component_report *component)
{
    jsonw_open_object(json, component->name);
    jsonw_uint(json, "tasks", component->tasks);
    if (!component->spout) {
        jsonw_uint(json, "executed", component->executed);
    }
    jsonw_uint(json, "emitted", component->emitted);
    jsonw_uint(json, "acked", component->acked);
    jsonw_uint(json, "failed", component->failed);
    if (component->spout) {
        jsonw_uint(json, "timed_out", component->timed_out);
    }
    jsonw_uint(json, "errors", component->errors);
    if (!component->spout) {
        jsonw_open_object(json, "execute_ns");
        jsonw_uint(json, "p50", component->exec_p50_ns);
        jsonw_uint(json, "p99", component->exec_p99_ns);
        jsonw_close_object(json);
    }
    jsonw_open_object(json, "total");
    jsonw_uint(json, "emitted", component->total.emitted);
    jsonw_uint(json, "executed", component->total.executed);
    jsonw_uint(json, "acked", component->total.acked);
    jsonw_uint(json, "failed", component->total.failed);
    if (component->spout && component->emitted_by_task != NULL) {
        jsonw_open_list(json, "emitted_by_task");
        for (uint32_t i = 0; i < component->tasks; i++) {
            jsonw_uint(json, NULL, component->emitted_by_task[i]);
        }
        jsonw_close_list(json);
    }
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static void json_components(struct jsonw *json, const struct run_report *report, bool spouts)
{
    jsonw_open_object(json, spouts ? "spouts" : "bolts");
    for (size_t i = 0; i < report->components_count; i++) {
        if (report->components[i].spout == spouts) {
            json_component(json, &report->components[i]);
        }
    }
    jsonw_close_object(json);
}

static void json_workers(struct jsonw *json, const struct run_report *report)
{
    jsonw_open_list(json, "workers");
    for (size_t i = 0; i < report->workers_count; i++) {
        const struct run_worker_report *worker = &report->workers[i];
        jsonw_open_object(json, NULL);
        jsonw_uint(json, "index", worker->index);
        jsonw_int(json, "pid", worker->pid);
        jsonw_int(json, "rss_peak_kb", worker->rss_peak_kb);
        jsonw_uint(json, "restarts", worker->restarts);
        jsonw_number(json, "cpu_s", (double)(worker->cpu_user_ns + worker->cpu_system_ns) / 1e9,
                     3);
        jsonw_number(json, "cpu_user_s", (double)worker->cpu_user_ns / 1e9, 3);
        jsonw_number(json, "cpu_system_s", (double)worker->cpu_system_ns / 1e9, 3);
        jsonw_close_object(json);
    }
    jsonw_close_list(json);
}

static void json_latency(struct jsonw *json, const struct run_report *report)
{
    jsonw_open_object(json, "complete_latency_us");
    jsonw_number(json, "p50", (double)report->complete_p50_ns / 1e3, 3);
    jsonw_number(json, "p99", (double)report->complete_p99_ns / 1e3, 3);
    jsonw_number(json, "p999", (double)report->complete_p999_ns / 1e3, 3);
    jsonw_number(json, "p9999", (double)report->complete_p9999_ns / 1e3, 3);
    jsonw_number(json, "max", (double)report->complete_max_ns / 1e3, 3);
    jsonw_number(json, "mean", (double)report->complete_mean_ns / 1e3, 3);
    jsonw_uint(json, "count", report->complete_count);
    jsonw_close_object(json);
}

/* A time below 0 is one that is not known. */
static void json_milliseconds(struct jsonw *json, const char *key, int64_t ns)
{
    if (ns < 0) {
        jsonw_null(json, key);
    } else {
        jsonw_number(json, key, (double)ns / 1e6, 3);
    }
}

static void json_sample_worker(struct jsonw *json, const struct run_sample_worker *worker)
{
    jsonw_open_object(json, NULL);
    jsonw_uint(json, "index", worker->index);
    jsonw_int(json, "pid", worker->pid);
    jsonw_bool(json, "up", worker->up);
    jsonw_int(json, "rss_kb", worker->rss_kb);
    jsonw_close_object(json);
}

static void json_sample_component(struct jsonw *json,
                                  const struct run_sample_component *component)
{
    jsonw_open_object(json, NULL);
    jsonw_string(json, "name", component->name);
    jsonw_bool(json, "spout", component->spout);
    jsonw_uint(json, "tasks", component->tasks);
    jsonw_uint(json, "executed", component->total.executed);
    jsonw_uint(json, "emitted", component->total.emitted);
    jsonw_uint(json, "acked", component->total.acked);
    jsonw_uint(json, "failed", component->total.failed);
    jsonw_uint(json, "pending", component->pending);
    jsonw_uint(json, "queue_bytes", component->queue_bytes);
    jsonw_uint(json, "queue_bytes_max", component->queue_bytes_max);
    jsonw_uint(json, "blocked_ns", component->blocked_ns);
    jsonw_close_object(json);
}

static void json_sample_latency(struct jsonw *json, const struct run_sample *sample)
{
    if (sample->recent_count == 0) {
        jsonw_null(json, "latency_us");
        return;
    }
    jsonw_open_object(json, "latency_us");
    jsonw_number(json, "p50", (double)sample->recent_p50_ns / 1e3, 3);
    jsonw_number(json, "p99", (double)sample->recent_p99_ns / 1e3, 3);
    jsonw_number(json, "p999", (double)sample->recent_p999_ns / 1e3, 3);
    jsonw_uint(json, "count", sample->recent_count);
    jsonw_close_object(json);
}

void report_sample_json(const struct run_sample *sample, FILE *file)
{
    struct jsonw json;
    jsonw_init(&json, file);
    jsonw_open_object(&json, NULL);
    jsonw_open_object(&json, "sample");
    jsonw_number(&json, "elapsed_s", (double)sample->elapsed_ns / 1e9, 4);
    jsonw_bool(&json, "warming", sample->warming);
    jsonw_bool(&json, "draining", sample->draining);
    jsonw_uint(&json, "workers_up", sample->workers_up);
    jsonw_uint(&json, "restarts", sample->restarts);
    jsonw_number(&json, "cpu_user_s", (double)sample->cpu_user_ns / 1e9, 4);
    jsonw_number(&json, "cpu_system_s", (double)sample->cpu_system_ns / 1e9, 4);
    jsonw_int(&json, "rss_kb", sample->rss_kb);
    json_sample_latency(&json, sample);
    jsonw_open_list(&json, "workers");
    for (uint32_t i = 0; i < sample->workers_count; i++) {
        json_sample_worker(&json, &sample->workers[i]);
    }
    jsonw_close_list(&json);
    jsonw_open_list(&json, "components");
    for (size_t i = 0; i < sample->components_count; i++) {
        json_sample_component(&json, &sample->components[i]);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
    fflush(file);
}

void report_note_json(const char *line, FILE *file)
{
    struct jsonw json;
    jsonw_init(&json, file);
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "note", line);
    jsonw_close_object(&json);
    jsonw_end(&json);
    fflush(file);
}

void report_warning_json(const struct diag_item *item, FILE *file)
{
    struct jsonw json;
    char code[16];
    snprintf(code, sizeof code, "W%d", (int)item->code);
    jsonw_init(&json, file);
    jsonw_open_object(&json, NULL);
    jsonw_open_object(&json, "warning");
    jsonw_string(&json, "code", code);
    jsonw_string(&json, "file", item->place.file);
    jsonw_uint(&json, "line", item->place.line);
    jsonw_uint(&json, "column", item->place.column);
    jsonw_string(&json, "message", item->text);
    jsonw_string(&json, "hint", item->hint);
    jsonw_close_object(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

void report_json(const struct run_report *report, FILE *file)
{
    struct jsonw json;
    jsonw_init(&json, file);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", RUN_REPORT_SCHEMA);
    jsonw_string(&json, "topology", report->topology);
    jsonw_string(&json, "guarantee", report->guarantee);
    jsonw_string(&json, "end", report_end_name(report->end));
    jsonw_int(&json, "exit", report->exit_code);
    jsonw_number(&json, "elapsed_s", report->elapsed_s, 3);
    jsonw_number(&json, "cpu_s", report->cpu_user_s + report->cpu_system_s, 3);
    jsonw_number(&json, "cpu_user_s", report->cpu_user_s, 3);
    jsonw_number(&json, "cpu_system_s", report->cpu_system_s, 3);
    jsonw_int(&json, "rss_peak_kb", report->rss_peak_kb);
    jsonw_int(&json, "memory_peak_kb", report->memory_peak_kb);
    json_milliseconds(&json, "first_acked_ms", report->first_acked_ns);
    if (report->first_acked_at_ns < 0) {
        jsonw_null(&json, "first_acked_at_ns");
    } else {
        jsonw_int(&json, "first_acked_at_ns", report->first_acked_at_ns);
    }
    json_components(&json, report, true);
    json_components(&json, report, false);
    json_latency(&json, report);
    json_workers(&json, report);
    jsonw_uint(&json, "replayed", report->replayed);
    jsonw_uint(&json, "duplicates_dropped", report->duplicates_dropped);
    jsonw_uint(&json, "frames_refused", report->frames_refused);
    jsonw_uint(&json, "links_failed", report->links_failed);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

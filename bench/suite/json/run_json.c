/* SPDX-License-Identifier: Apache-2.0 */
/* Progress lines and reports of `gale run` by jansson; see run_json.h. */
#include "suite/json/run_json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static double number_or(const json_t *object, const char *key, double missing)
{
    const json_t *node = json_object_get(object, key);
    return json_is_number(node) ? json_number_value(node) : missing;
}

static uint64_t count_of(const json_t *object, const char *key)
{
    const json_t *node = json_object_get(object, key);
    json_int_t value = json_is_integer(node) ? json_integer_value(node) : 0;
    return value > 0 ? (uint64_t)value : 0;
}

static void read_counters(const json_t *node, struct bench_counters *out)
{
    *out = (struct bench_counters){.executed = count_of(node, "executed"),
                                   .emitted = count_of(node, "emitted"),
                                   .acked = count_of(node, "acked"),
                                   .failed = count_of(node, "failed"),
                                   .timed_out = count_of(node, "timed_out")};
}

static void read_component(const json_t *node, const char *name, bool is_spout,
                           struct bench_component *out)
{
    *out = (struct bench_component){.is_spout = is_spout};
    snprintf(out->name, sizeof out->name, "%s", name != NULL ? name : "");
    out->tasks = (uint32_t)count_of(node, "tasks");
    read_counters(node, &out->since);
    const json_t *total = json_object_get(node, "total");
    read_counters(total, &out->total);
    const json_t *by_task = json_object_get(total, "emitted_by_task");
    size_t tasks = json_array_size(by_task);
    out->emitted_by_task_count = tasks < BENCH_WORKERS_MAX ? tasks : BENCH_WORKERS_MAX;
    for (size_t i = 0; i < out->emitted_by_task_count; i++) {
        json_int_t value = json_integer_value(json_array_get(by_task, i));
        out->emitted_by_task[i] = value > 0 ? (uint64_t)value : 0;
    }
    out->pending = count_of(node, "pending");
    out->queue_bytes = count_of(node, "queue_bytes");
    out->queue_bytes_max = count_of(node, "queue_bytes_max");
    out->blocked_ns = count_of(node, "blocked_ns");
}

static size_t read_workers(const json_t *list, const char *memory_key,
                           struct bench_worker out[BENCH_WORKERS_MAX])
{
    size_t count = json_array_size(list);
    count = count < BENCH_WORKERS_MAX ? count : BENCH_WORKERS_MAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *node = json_array_get(list, i);
        out[i] = (struct bench_worker){.index = (uint32_t)count_of(node, "index"),
                                       .pid = (pid_t)count_of(node, "pid"),
                                       .rss_kb = count_of(node, memory_key),
                                       .restarts = (uint32_t)count_of(node, "restarts")};
    }
    return count;
}

bool run_json_sample(const char *line, size_t size, struct bench_sample *sample)
{
    json_t *root = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *node = json_object_get(root, "sample");
    memset(sample, 0, sizeof *sample);
    if (!json_is_object(node)) {
        json_decref(root);
        return false;
    }
    const json_t *latency = json_object_get(node, "latency_us");
    const json_t *components = json_object_get(node, "components");
    sample->elapsed_s = number_or(node, "elapsed_s", 0);
    sample->warming = json_is_true(json_object_get(node, "warming"));
    sample->draining = json_is_true(json_object_get(node, "draining"));
    sample->workers_up = (uint32_t)count_of(node, "workers_up");
    sample->restarts = (uint32_t)count_of(node, "restarts");
    sample->cpu_user_s = number_or(node, "cpu_user_s", 0);
    sample->cpu_system_s = number_or(node, "cpu_system_s", 0);
    sample->rss_kb = count_of(node, "rss_kb");
    sample->p50_us = number_or(latency, "p50", (double)NAN);
    sample->p99_us = number_or(latency, "p99", (double)NAN);
    sample->p999_us = number_or(latency, "p999", (double)NAN);
    sample->workers_count =
        read_workers(json_object_get(node, "workers"), "rss_kb", sample->workers);
    size_t count = json_array_size(components);
    count = count < BENCH_COMPONENTS_MAX ? count : BENCH_COMPONENTS_MAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *component = json_array_get(components, i);
        read_component(component, json_string_value(json_object_get(component, "name")),
                       json_is_true(json_object_get(component, "spout")),
                       &sample->components[i]);
    }
    sample->components_count = count;
    json_decref(root);
    return true;
}

static void read_components(json_t *object, bool is_spout, struct bench_report *report)
{
    for (void *at = json_object_iter(object);
         at != NULL && report->components_count < BENCH_COMPONENTS_MAX;
         at = json_object_iter_next(object, at)) {
        read_component(json_object_iter_value(at), json_object_iter_key(at), is_spout,
                       &report->components[report->components_count++]);
    }
}

bool run_json_report(const char *text, size_t size, int64_t started_ns,
                     struct bench_report *report)
{
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    const char *end = json_string_value(json_object_get(root, "end"));
    memset(report, 0, sizeof *report);
    if (end == NULL || !json_is_object(json_object_get(root, "spouts"))) {
        json_decref(root);
        return false;
    }
    const json_t *latency = json_object_get(root, "complete_latency_us");
    snprintf(report->end, sizeof report->end, "%s", end);
    report->exit_code = (int)count_of(root, "exit");
    report->elapsed_s = number_or(root, "elapsed_s", 0);
    report->cpu_s = number_or(root, "cpu_s", 0);
    report->cpu_user_s = number_or(root, "cpu_user_s", (double)NAN);
    report->cpu_system_s = number_or(root, "cpu_system_s", (double)NAN);
    report->memory_peak_kb = number_or(root, "memory_peak_kb", (double)NAN);
    report->rss_peak_kb = number_or(root, "rss_peak_kb", (double)NAN);
    const json_t *first = json_object_get(root, "first_acked_at_ns");
    report->first_acked_ms = json_is_integer(first)
                                 ? (double)(json_integer_value(first) - started_ns) / 1e6
                                 : (double)NAN;
    report->p50_us = number_or(latency, "p50", (double)NAN);
    report->p99_us = number_or(latency, "p99", (double)NAN);
    report->p999_us = number_or(latency, "p999", (double)NAN);
    report->p9999_us = number_or(latency, "p9999", (double)NAN);
    report->max_us = number_or(latency, "max", (double)NAN);
    report->mean_us = number_or(latency, "mean", (double)NAN);
    report->latency_count = count_of(latency, "count");
    report->replayed = count_of(root, "replayed");
    report->duplicates_dropped = count_of(root, "duplicates_dropped");
    report->frames_refused = count_of(root, "frames_refused");
    report->links_failed = count_of(root, "links_failed");
    read_components(json_object_get(root, "spouts"), true, report);
    read_components(json_object_get(root, "bolts"), false, report);
    report->workers_count =
        read_workers(json_object_get(root, "workers"), "rss_peak_kb", report->workers);
    json_decref(root);
    return true;
}

double run_json_number(const char *text, size_t size, const char *key)
{
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    double value = number_or(root, key, (double)NAN);
    json_decref(root);
    return value;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of `gale top` as JSON; see top_json.h. */
#include "cli/top_json.h"

#include "cli/json_writer.h"

enum { TOP_JSON_SCHEMA = 1 };

static void put_figures(struct jsonw *json, const struct top_rows *rows, size_t index)
{
    const struct run_sample_component *row = &rows->now.components[index];
    jsonw_uint(json, "executed", row->executed);
    jsonw_uint(json, "emitted", row->emitted);
    jsonw_uint(json, "acked", row->acked);
    jsonw_uint(json, "failed", row->failed);
    jsonw_uint(json, "timed_out", rows->places[index].timed_out);
    jsonw_uint(json, "pending", row->pending);
    jsonw_number(json, "in_per_s", top_in_rate(rows, index), 1);
    jsonw_number(json, "out_per_s", top_out_rate(rows, index), 1);
    jsonw_uint(json, "p50_ns", row->exec_p50_ns);
    jsonw_uint(json, "p99_ns", row->exec_p99_ns);
    jsonw_number(json, "capacity", top_capacity(rows, index), 3);
    jsonw_uint(json, "queue_bytes", row->queue_bytes);
    jsonw_uint(json, "queue_bytes_max", row->queue_bytes_max);
    jsonw_number(json, "blocked", view_blocked(top_before(rows), &rows->now, index), 3);
}

static void put_tasks(struct jsonw *json, const struct top_sample *before,
                      const struct top_sample *now, int component)
{
    struct top_rows rows = top_rows_of(before, now, component);
    jsonw_open_list(json, "task");
    for (size_t i = 0; i < rows.now.components_count; i++) {
        jsonw_open_object(json, NULL);
        jsonw_uint(json, "id", rows.places[i].task);
        jsonw_uint(json, "index", rows.places[i].index);
        jsonw_uint(json, "worker", rows.places[i].worker);
        jsonw_string(json, "host", rows.places[i].host);
        put_figures(json, &rows, i);
        jsonw_close_object(json);
    }
    jsonw_close_list(json);
}

static void put_component(struct jsonw *json, const struct top_sample *before,
                          const struct top_sample *now, size_t index)
{
    struct top_rows rows = top_rows_of(before, now, -1);
    const struct run_sample_component *row = &rows.now.components[index];
    jsonw_open_object(json, NULL);
    jsonw_string(json, "name", row->name);
    jsonw_string(json, "kind", row->spout ? "spout" : "bolt");
    jsonw_uint(json, "tasks", row->tasks);
    put_figures(json, &rows, index);
    if (now->component_places[index].count > 0) {
        put_tasks(json, before, now, (int)index);
    }
    jsonw_close_object(json);
}

static void put_complete(struct jsonw *json, const struct top_sample *sample)
{
    jsonw_open_object(json, "complete");
    jsonw_uint(json, "count", sample->complete_count);
    jsonw_uint(json, "p50_ns", sample->complete_p50_ns);
    jsonw_uint(json, "p99_ns", sample->complete_p99_ns);
    jsonw_uint(json, "p999_ns", sample->complete_p999_ns);
    jsonw_close_object(json);
}

void top_json_sample(const struct top_sample *before, const struct top_sample *now, FILE *file)
{
    struct jsonw json;
    struct top_rows rows = top_rows_of(before, now, -1);
    struct top_totals totals = top_totals_of(&rows);
    int slow = top_pressure(before, now);
    jsonw_init(&json, file);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", TOP_JSON_SCHEMA);
    jsonw_string(&json, "topology", now->run.topology);
    jsonw_string(&json, "status", now->status);
    jsonw_number(&json, "elapsed_s", (double)now->run.elapsed_ns / 1e9, 3);
    jsonw_number(&json, "interval_s", view_interval_s(top_before(&rows), &rows.now), 3);
    jsonw_string(&json, "back_pressure", slow >= 0 ? now->components[slow].name : NULL);
    jsonw_number(&json, "acked_per_s", totals.acked, 1);
    jsonw_uint(&json, "pending", totals.pending);
    jsonw_uint(&json, "failed", totals.failed);
    jsonw_uint(&json, "timed_out", totals.timed_out);
    put_complete(&json, now);
    jsonw_uint(&json, "workers", now->run.workers_count);
    jsonw_uint(&json, "workers_up", now->run.workers_up);
    jsonw_uint(&json, "hosts", now->hosts_count);
    jsonw_int(&json, "rss_kb", now->run.rss_kb);
    jsonw_open_list(&json, "components");
    for (size_t i = 0; i < now->run.components_count; i++) {
        put_component(&json, before, now, i);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

void top_json_list(const struct top_list *list, FILE *file)
{
    struct jsonw json;
    jsonw_init(&json, file);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", TOP_JSON_SCHEMA);
    jsonw_open_list(&json, "topologies");
    for (size_t i = 0; i < list->count; i++) {
        const struct top_list_item *item = &list->items[i];
        jsonw_open_object(&json, NULL);
        jsonw_string(&json, "name", item->name);
        jsonw_string(&json, "status", item->status);
        jsonw_int(&json, "age_ms", item->age_ms);
        jsonw_uint(&json, "workers", item->workers);
        jsonw_uint(&json, "workers_up", item->workers_up);
        jsonw_uint(&json, "tasks", item->tasks);
        jsonw_number(&json, "rate", item->rate, 1);
        jsonw_uint(&json, "p99_ns", item->p99_ns);
        jsonw_uint(&json, "failed", item->failed);
        jsonw_uint(&json, "restarts", item->restarts);
        jsonw_close_object(&json);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

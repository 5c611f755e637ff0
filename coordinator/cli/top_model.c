/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the coordinator as figures; see top_model.h. */
#include "cli/top_model.h"

#include <stdlib.h>
#include <string.h>

static uint64_t count_of(const struct gale_conf *map, const char *key)
{
    int64_t value = gale_conf_int64(map, key, 0);
    return value > 0 ? (uint64_t)value : 0;
}

static uint32_t small_of(const struct gale_conf *map, const char *key)
{
    uint64_t value = count_of(map, key);
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static const char *text_of(const struct gale_conf *map, const char *key)
{
    return gale_conf_string(map, key, "");
}

static struct run_sample_component figures_of(const struct gale_conf *map)
{
    return (struct run_sample_component){.name = text_of(map, "name"),
                                         .spout = gale_conf_bool(map, "spout", false),
                                         .tasks = small_of(map, "tasks"),
                                         .level = small_of(map, "level"),
                                         .executed = count_of(map, "executed"),
                                         .emitted = count_of(map, "emitted"),
                                         .acked = count_of(map, "acked"),
                                         .failed = count_of(map, "failed"),
                                         .pending = count_of(map, "pending"),
                                         .queue_bytes = count_of(map, "queue_bytes"),
                                         .queue_bytes_max = count_of(map, "queue_bytes_max"),
                                         .blocked_ns = count_of(map, "blocked_ns"),
                                         .exec_p50_ns = count_of(map, "p50_ns"),
                                         .exec_p99_ns = count_of(map, "p99_ns")};
}

static struct top_place place_of(const struct gale_conf *map)
{
    return (struct top_place){.task = small_of(map, "id"),
                              .index = small_of(map, "index"),
                              .worker = small_of(map, "worker"),
                              .host = text_of(map, "host"),
                              .capacity = gale_conf_double(map, "capacity", -1),
                              .timed_out = count_of(map, "timed_out")};
}

/* The tasks of one component, behind those of the ones before it. */
static void read_tasks(struct top_sample *sample, size_t index, const struct gale_conf *list)
{
    struct top_place *place = &sample->component_places[index];
    place->first = sample->tasks_count;
    place->count = (uint32_t)gale_conf_count(list);
    for (uint32_t i = 0; i < place->count; i++) {
        const struct gale_conf *map = gale_conf_at(list, i);
        struct run_sample_component *row = &sample->tasks[sample->tasks_count];
        *row = figures_of(map);
        row->name = text_of(map, "host");
        row->tasks = 1;
        row->spout = sample->components[index].spout;
        row->level = sample->components[index].level;
        sample->task_places[sample->tasks_count++] = place_of(map);
    }
}

static size_t tasks_told(const struct gale_conf *components)
{
    size_t count = 0;
    for (size_t i = 0; i < gale_conf_count(components); i++) {
        count += gale_conf_count(gale_conf_get(gale_conf_at(components, i), "task"));
    }
    return count;
}

static bool read_components(struct top_sample *sample, const struct gale_conf *list)
{
    size_t count = gale_conf_count(list);
    size_t tasks = tasks_told(list);
    sample->components = calloc(count + 1, sizeof *sample->components);
    sample->component_places = calloc(count + 1, sizeof *sample->component_places);
    sample->tasks = calloc(tasks + 1, sizeof *sample->tasks);
    sample->task_places = calloc(tasks + 1, sizeof *sample->task_places);
    if (sample->components == NULL || sample->component_places == NULL ||
        sample->tasks == NULL || sample->task_places == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *map = gale_conf_at(list, i);
        sample->components[i] = figures_of(map);
        sample->component_places[i] = place_of(map);
        read_tasks(sample, i, gale_conf_get(map, "task"));
    }
    sample->run.components = sample->components;
    sample->run.components_count = count;
    return true;
}

/* Whether a worker's host was not seen among those before it. */
static bool is_new_host(const struct gale_conf *list, size_t index)
{
    const char *host = text_of(gale_conf_at(list, index), "host");
    for (size_t i = 0; i < index; i++) {
        if (strcmp(text_of(gale_conf_at(list, i), "host"), host) == 0) {
            return false;
        }
    }
    return *host != '\0';
}

/* What is told may be nonsense: a sum that does not fit begins anew. */
static void add(int64_t *sum, uint64_t value)
{
    *sum = (int64_t)((uint64_t)*sum + value);
}

static void read_workers(struct top_sample *sample, const struct gale_conf *list)
{
    sample->run.workers_count = (uint32_t)gale_conf_count(list);
    for (size_t i = 0; i < sample->run.workers_count; i++) {
        const struct gale_conf *map = gale_conf_at(list, i);
        sample->run.workers_up += gale_conf_bool(map, "up", false);
        add(&sample->run.rss_kb, count_of(map, "rss_kb"));
        add(&sample->run.cpu_user_ns, count_of(map, "cpu_user_ns"));
        add(&sample->run.cpu_system_ns, count_of(map, "cpu_system_ns"));
        sample->hosts_count += is_new_host(list, i);
    }
}

struct top_sample *top_sample_new(struct gale_conf *tree, const char *name)
{
    struct top_sample *sample = calloc(1, sizeof *sample);
    if (sample == NULL) {
        conf_free(tree);
        return NULL;
    }
    const struct gale_conf *complete = gale_conf_get(tree, "complete");
    sample->tree = tree;
    sample->references = 1;
    sample->status = text_of(tree, "status");
    sample->complete_count = count_of(complete, "count");
    sample->complete_p50_ns = count_of(complete, "p50_ns");
    sample->complete_p99_ns = count_of(complete, "p99_ns");
    sample->complete_p999_ns = count_of(complete, "p999_ns");
    sample->run.topology = strdup(name);
    sample->run.elapsed_ns = (int64_t)(count_of(tree, "elapsed_ms") * 1000000);
    sample->run.restarts = small_of(tree, "restarts");
    sample->run.complete_p99_ns = sample->complete_p99_ns;
    read_workers(sample, gale_conf_get(tree, "workers"));
    if (sample->run.topology == NULL ||
        !read_components(sample, gale_conf_get(tree, "components"))) {
        top_sample_drop(sample);
        return NULL;
    }
    return sample;
}

struct top_sample *top_sample_keep(struct top_sample *sample)
{
    sample->references++;
    return sample;
}

void top_sample_drop(struct top_sample *sample)
{
    if (sample == NULL || --sample->references > 0) {
        return;
    }
    conf_free(sample->tree);
    free((void *)(uintptr_t)sample->run.topology);
    free(sample->components);
    free(sample->component_places);
    free(sample->tasks);
    free(sample->task_places);
    free(sample);
}

int top_sample_find(const struct top_sample *sample, const char *component)
{
    for (size_t i = 0; i < sample->run.components_count; i++) {
        if (strcmp(sample->components[i].name, component) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* A topology that was changed meanwhile has other components or tasks. */
static bool same_rows(const struct run_sample *before, const struct run_sample *now)
{
    bool same = before->components_count == now->components_count &&
                before->elapsed_ns < now->elapsed_ns;
    for (size_t i = 0; same && i < now->components_count; i++) {
        same = strcmp(before->components[i].name, now->components[i].name) == 0 &&
               before->components[i].tasks == now->components[i].tasks;
    }
    return same;
}

static struct run_sample rows_in(const struct top_sample *sample, int component)
{
    struct run_sample rows = sample->run;
    if (component >= 0) {
        const struct top_place *place = &sample->component_places[component];
        rows.components = sample->tasks + place->first;
        rows.components_count = place->count;
    }
    return rows;
}

struct top_rows top_rows_of(const struct top_sample *before, const struct top_sample *now,
                            int component)
{
    struct top_rows rows = {.now = rows_in(now, component)};
    rows.places = component < 0 ? now->component_places
                                : now->task_places + now->component_places[component].first;
    if (before != NULL && same_rows(&before->run, &now->run)) {
        rows.before = rows_in(before, component);
        rows.has_before = same_rows(&rows.before, &rows.now);
    }
    return rows;
}

const struct run_sample *top_before(const struct top_rows *rows)
{
    return rows->has_before ? &rows->before : NULL;
}

static double rate_of(const struct top_rows *rows, uint64_t before, uint64_t now)
{
    double span = view_interval_s(top_before(rows), &rows->now);
    return span > 0 ? (double)view_growth(before, now) / span : 0;
}

double top_in_rate(const struct top_rows *rows, size_t index)
{
    return rate_of(rows, view_component(top_before(rows), index)->executed,
                   rows->now.components[index].executed);
}

double top_out_rate(const struct top_rows *rows, size_t index)
{
    return rate_of(rows, view_component(top_before(rows), index)->emitted,
                   rows->now.components[index].emitted);
}

double top_capacity(const struct top_rows *rows, size_t index)
{
    double said = rows->places[index].capacity;
    return said >= 0 ? said : view_busy(top_before(rows), &rows->now, index);
}

struct top_totals top_totals_of(const struct top_rows *rows)
{
    struct top_totals totals = {0};
    for (size_t i = 0; i < rows->now.components_count; i++) {
        const struct run_sample_component *component = &rows->now.components[i];
        if (component->spout) {
            totals.acked +=
                rate_of(rows, view_component(top_before(rows), i)->acked, component->acked);
            totals.pending += component->pending;
            totals.failed += component->failed;
            totals.timed_out += rows->places[i].timed_out;
        }
    }
    return totals;
}

int top_pressure(const struct top_sample *before, const struct top_sample *now)
{
    if (now == NULL) {
        return -1;
    }
    struct top_rows rows = top_rows_of(before, now, -1);
    return view_pressure(top_before(&rows), &rows.now);
}

struct top_list *top_list_new(struct gale_conf *tree)
{
    const struct gale_conf *topologies = gale_conf_get(tree, "topologies");
    struct top_list *list = calloc(1, sizeof *list);
    size_t count = gale_conf_count(topologies);
    struct top_list_item *items = calloc(count + 1, sizeof *items);
    if (list == NULL || items == NULL) {
        conf_free(tree);
        free(list);
        free(items);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *map = gale_conf_at(topologies, i);
        items[i] = (struct top_list_item){.name = text_of(map, "name"),
                                          .status = text_of(map, "status"),
                                          .age_ms = gale_conf_int64(map, "age_ms", 0),
                                          .workers = small_of(map, "workers"),
                                          .workers_up = small_of(map, "workers_up"),
                                          .tasks = small_of(map, "tasks"),
                                          .restarts = small_of(map, "restarts"),
                                          .rate = gale_conf_double(map, "rate", 0),
                                          .p99_ns = count_of(map, "p99_us") * 1000,
                                          .failed = count_of(map, "failed")};
    }
    *list = (struct top_list){.tree = tree, .items = items, .count = count};
    return list;
}

void top_list_free(struct top_list *list)
{
    if (list != NULL) {
        conf_free(list->tree);
        free(list->items);
        free(list);
    }
}

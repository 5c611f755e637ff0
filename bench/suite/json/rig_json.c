/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what the cluster's verbs say, with jansson; see rig_json.h. */
#include "suite/json/rig_json.h"

#include <jansson.h>
#include <string.h>

static json_t *load(const char *text, size_t size)
{
    return json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, NULL);
}

static uint64_t whole(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    return number > 0 ? (uint64_t)number : 0;
}

static bool text_of(const json_t *object, const char *key, char *out, size_t out_size)
{
    const char *text = json_string_value(json_object_get(object, key));
    out[0] = '\0';
    if (text == NULL || strlen(text) >= out_size) {
        return false;
    }
    snprintf(out, out_size, "%s", text);
    return true;
}

bool rig_json_text(const char *text, size_t size, const char *key, char *out, size_t out_size)
{
    json_t *root = load(text, size);
    bool found = text_of(root, key, out, out_size);
    json_decref(root);
    return found;
}

/* `workers` is a number in a list and the list of them in a description. */
static bool read_topology(const json_t *node, struct rig_topology *topology)
{
    const json_t *workers = json_object_get(node, "workers");
    memset(topology, 0, sizeof *topology);
    topology->workers = json_is_array(workers) ? (unsigned)json_array_size(workers)
                                               : (unsigned)whole(node, "workers");
    topology->workers_up = (unsigned)whole(node, "workers_up");
    topology->restarts = (unsigned)whole(node, "restarts");
    topology->first_acked_at_ns = (int64_t)whole(node, "first_acked_at_ns");
    size_t count = json_array_size(workers);
    topology->pids_count = count < BENCH_WORKERS_MAX ? count : BENCH_WORKERS_MAX;
    for (size_t i = 0; i < topology->pids_count; i++) {
        topology->pids[i] = (pid_t)whole(json_array_get(workers, i), "pid");
    }
    return text_of(node, "name", topology->name, sizeof topology->name) &&
           text_of(node, "status", topology->status, sizeof topology->status);
}

bool rig_json_describe(const char *text, size_t size, struct rig_topology *topology)
{
    json_t *root = load(text, size);
    bool is_read = read_topology(root, topology);
    json_decref(root);
    return is_read;
}

size_t rig_json_list(const char *text, size_t size,
                     void (*fn)(void *self, const struct rig_topology *topology), void *self)
{
    json_t *root = load(text, size);
    const json_t *list = json_object_get(root, "topologies");
    size_t count = json_is_array(list) ? json_array_size(list) : SIZE_MAX;
    for (size_t i = 0; fn != NULL && count != SIZE_MAX && i < count; i++) {
        struct rig_topology topology;
        if (read_topology(json_array_get(list, i), &topology)) {
            fn(self, &topology);
        }
    }
    json_decref(root);
    return count;
}

bool rig_json_top(const char *text, size_t size, struct rig_counts *counts)
{
    json_t *root = load(text, size);
    const json_t *list = json_object_get(root, "components");
    bool is_read = json_array_size(list) > 0;
    memset(counts, 0, sizeof *counts);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *component = json_array_get(list, i);
        const char *kind = json_string_value(json_object_get(component, "kind"));
        if (kind != NULL && strcmp(kind, "spout") == 0) {
            counts->emitted += whole(component, "emitted");
            counts->acked += whole(component, "acked");
            counts->failed += whole(component, "failed");
            counts->timed_out += whole(component, "timed_out");
            counts->pending += whole(component, "pending");
        } else {
            counts->executed += whole(component, "executed");
        }
    }
    json_decref(root);
    return is_read;
}

size_t rig_json_hosts(const char *text, size_t size)
{
    json_t *root = load(text, size);
    const json_t *list = json_object_get(root, "hosts");
    size_t alive = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        alive += json_is_true(json_object_get(json_array_get(list, i), "alive"));
    }
    json_decref(root);
    return alive;
}

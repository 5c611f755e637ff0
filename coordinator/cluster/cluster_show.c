/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to requests that look: who, list, describe, hosts, errors. Nothing here changes anything. */
#include "cluster/cluster_internal.h"

#include <gale/version.h>

#include <stdio.h>
#include <string.h>

void show_who(struct cluster *cluster, struct rpc_answer *answer)
{
    struct gale_conf *tree = answer->tree;
    bool leads = cluster_leads(cluster);
    int64_t uptime_ns = cluster->begin_ns ? cluster->now_ns - cluster->begin_ns : 0;
    enum gale_err err = tree_put_text(tree, "name", cluster->name);
    err = err ? err : tree_put_text(tree, "version", GALE_VERSION_STRING);
    err = err ? err : tree_put_bool(tree, "leads", leads);
    err = err ? err : tree_put_text(tree, "leader", leads ? cluster->rpc : cluster->other.rpc);
    err = err ? err : tree_put_int(tree, "epoch", (int64_t)cluster_epoch(cluster));
    err = err ? err : tree_put_int(tree, "uptime_ms", uptime_ns / NS_PER_MS);
    err = err ? err : tree_put_text(tree, "store", cluster->store_text);
    err = err ? err : tree_put_bool(tree, "caring", cluster->holding && !leads);
    request_end(answer, err ? err : tree_put_int(tree, "pid", cluster->options.pid));
}

/* ---- list ------------------------------------------------------------------------------------ */

static uint64_t failed_of(const struct cluster_topology *topology)
{
    uint64_t failed = 0;
    for (uint32_t id = 1; topology->controlled && id <= topology->plan->tasks_count; id++) {
        if (topology_component(topology, id)->spout) {
            const struct control_task *live = &topology->control.live[id];
            const struct control_task *dead = &topology->control.dead[id];
            failed += live->failed + live->timed_out + dead->failed + dead->timed_out;
        }
    }
    return failed;
}

static uint32_t workers_of(const struct cluster_topology *topology)
{
    if (topology->controlled) {
        return topology->assignment.workers_count;
    }
    return topology->plan ? topology->plan->workers : topology->status.workers;
}

static enum gale_err item_answer(const struct cluster_topology *topology, struct gale_conf *map)
{
    struct hist complete;
    const struct plan *plan = topology->plan;
    int64_t age_ms = cluster_wall_ms(topology->cluster) - topology->status.submitted_ms;
    sample_complete(topology, &complete);
    enum gale_err err = tree_put_text(map, "name", topology->name);
    err = err ? err : tree_put_hex64(map, "id", topology->status.id);
    err = err ? err : tree_put_text(map, "status", topology_status_name(topology));
    err = err ? err : tree_put_int(map, "age_ms", age_ms > 0 ? age_ms : 0);
    err = err ? err : tree_put_text(map, "owner", topology->status.owner);
    err = err ? err : tree_put_int(map, "workers_up", topology_workers_up(topology));
    err = err ? err : tree_put_int(map, "tasks", plan ? plan->tasks_count : 0);
    err = err ? err : tree_put_double(map, "rate", topology->rate);
    err = err ? err
              : tree_put_int(map, "p99_us", (int64_t)(hist_quantile(&complete, 0.99) / 1000));
    err = err ? err : tree_put_int(map, "failed", (int64_t)failed_of(topology));
    err =
        err ? err
            : tree_put_text(map, "guarantee", plan ? plan_guarantee_name(plan->guarantee) : "");
    return err ? err
               : tree_put_int(map, "restarts",
                              topology->controlled ? topology->control.restarts_count : 0);
}

void show_list(struct cluster *cluster, struct rpc_answer *answer)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(answer->tree, "topologies", &list);
    for (size_t i = 0; !err && i < cluster->topologies_count; i++) {
        struct gale_conf *map = NULL;
        err = conf_add_map(list, NULL, &map);
        err = err ? err : item_answer(cluster->topologies[i], map);
        err = err ? err : tree_put_int(map, "workers", workers_of(cluster->topologies[i]));
    }
    request_end(answer, err);
}

/* ---- describe -------------------------------------------------------------------------------- */

static const char *worker_state(const struct cluster_topology *topology, uint32_t index)
{
    const struct cluster_slot *slot = &topology->slots[index];
    const struct control_worker *worker = &topology->control.workers[index];
    if (topology->status.life == CLUSTER_FINISHED) {
        return "ended";
    }
    if (!slot->host) {
        return "waiting";
    }
    if (worker->beaten) {
        return slot->keep == KEEP_RUNNING ? "running" : "stopping";
    }
    if (worker->alive) {
        return "starting";
    }
    return slot->state[0] != '\0' ? slot->state : "starting";
}

static enum gale_err worker_answer(const struct cluster_topology *topology, uint32_t index,
                                   struct gale_conf *list)
{
    const struct cluster_slot *slot = &topology->slots[index];
    const struct control_worker *worker = &topology->control.workers[index];
    struct gale_conf *map = NULL, *tasks = NULL;
    int64_t rss_kb = worker->beat.rss_kb ? worker->beat.rss_kb : slot->rss_kb;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_int(map, "index", index);
    err = err ? err : tree_put_text(map, "host", slot->host ? slot->host->name : "");
    err = err ? err : tree_put_text(map, "rpc", slot->host ? slot->host->rpc : "");
    err = err ? err : tree_put_int(map, "pid", worker->alive ? slot->pid : 0);
    err = err ? err : tree_put_text(map, "state", worker_state(topology, index));
    err = err ? err : tree_put_text(map, "endpoint", worker->assigned ? worker->endpoint : "");
    err = err ? err : tree_put_int(map, "rss_kb", worker->alive ? rss_kb : 0);
    err = err ? err : tree_put_int(map, "restarts", worker->restarts_count);
    err = err ? err : conf_add_list(map, "tasks", &tasks);
    for (uint32_t id = 1; !err && id <= topology->plan->tasks_count; id++) {
        if (topology->assignment.task_worker[id] == index) {
            err = tree_put_int(tasks, NULL, id);
        }
    }
    return err;
}

static enum gale_err inputs_answer(const struct plan *plan,
                                   const struct plan_component *component,
                                   struct gale_conf *map)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(map, "inputs", &list);
    for (uint32_t i = 0; !err && i < component->inputs_count; i++) {
        const struct plan_input *input = &component->inputs[i];
        const struct plan_component *source = &plan->components[input->source];
        const char *stream = source->streams[input->stream].name;
        bool other = strcmp(stream, "default") != 0;
        char text[256];
        snprintf(text, sizeof text, "%s%s%s (%s)", source->name, other ? "." : "",
                 other ? stream : "", plan_grouping_name(input->grouping));
        err = tree_put_text(list, NULL, text);
    }
    return err;
}

static enum gale_err component_answer(const struct plan *plan,
                                      const struct plan_component *component,
                                      struct gale_conf *list)
{
    struct gale_conf *map = NULL;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_text(map, "name", component->name);
    err = err ? err : tree_put_text(map, "kind", component->spout ? "spout" : "bolt");
    err = err ? err : tree_put_text(map, "type", component->type);
    err = err ? err : tree_put_int(map, "level", component->level);
    err = err ? err : tree_put_int(map, "parallelism", component->parallelism);
    err = err ? err : tree_put_int(map, "first_task", component->first_task);
    return err ? err : inputs_answer(plan, component, map);
}

static enum gale_err parts_answer(const struct cluster_topology *topology,
                                  struct gale_conf *tree)
{
    struct gale_conf *workers = NULL, *components = NULL;
    enum gale_err err = conf_add_list(tree, "workers", &workers);
    for (uint32_t i = 0; !err && topology->controlled && i < topology->assignment.workers_count;
         i++) {
        err = worker_answer(topology, i, workers);
    }
    err = err ? err : conf_add_list(tree, "components", &components);
    for (uint32_t i = 0; !err && topology->plan && i < topology->plan->components_count; i++) {
        err = component_answer(topology->plan, &topology->plan->components[i], components);
    }
    return err;
}

/* The first worker whose files do not come, with the reason; NULL: none. */
static const struct cluster_slot *slot_without_files(const struct cluster_topology *topology)
{
    for (uint32_t i = 0; topology->controlled && topology->status.life == CLUSTER_PLACED &&
                         i < topology->assignment.workers_count;
         i++) {
        const struct cluster_slot *slot = &topology->slots[i];
        if (slot->host && slot->why[0] != '\0' && strcmp(slot->state, "fetching") == 0) {
            return slot;
        }
    }
    return NULL;
}

/* Why it does not run as it should; "": nothing is missing. */
static void waits_for(const struct cluster_topology *topology, char *out, size_t size)
{
    uint32_t nowhere = 0;
    const struct cluster_slot *without = slot_without_files(topology);
    for (uint32_t i = 0; topology->controlled && topology->status.life == CLUSTER_PLACED &&
                         i < topology->assignment.workers_count;
         i++) {
        nowhere += topology->slots[i].host == NULL;
    }
    if (topology->broken[0]) {
        snprintf(out, size, "%s", topology->broken);
    } else if (topology->waiting_for[0]) {
        snprintf(out, size, "%s", topology->waiting_for);
    } else if (nowhere > 0) {
        snprintf(out, size, "%u workers wait for a host", nowhere);
    } else if (without) {
        snprintf(out, size, "worker %u on host %s %s", (unsigned)(without - topology->slots),
                 without->host->name, without->why);
    } else {
        out[0] = '\0';
    }
}

void show_describe(struct cluster_topology *topology, struct rpc_answer *answer)
{
    struct gale_conf *tree = answer->tree;
    char text[320];
    size_t errors = topology->errors ? topology->errors->count : 0;
    waits_for(topology, text, sizeof text);
    enum gale_err err = item_answer(topology, tree);
    err = err ? err : tree_put_int(tree, "attempt", topology->status.attempt);
    err = err ? err : tree_put_int(tree, "epoch", (int64_t)topology->status.plan_epoch);
    err = err ? err : tree_put_int(tree, "submitted_ms", topology->status.submitted_ms);
    err = err ? err
              : tree_put_int(tree, "first_acked_at_ns",
                             topology->controlled ? topology->control.first_acked_ns : 0);
    if (!err && topology->package.tree) {
        err = conf_add_copy(tree, "definition", topology->package.tree);
    }
    err = err ? err : parts_answer(topology, tree);
    err = err ? err : tree_put_text(tree, "waiting_for", text[0] ? text : NULL);
    request_end(answer, err ? err : tree_put_int(tree, "errors_count", (int64_t)errors));
}

/* ---- hosts, errors --------------------------------------------------------------------------- */

static enum gale_err host_workers(const struct cluster *cluster,
                                  const struct cluster_host *host, struct gale_conf *map)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(map, "workers", &list);
    for (size_t i = 0; !err && i < cluster->topologies_count; i++) {
        const struct cluster_topology *topology = cluster->topologies[i];
        uint32_t here = 0;
        for (uint32_t w = 0; topology->controlled && topology->status.life == CLUSTER_PLACED &&
                             w < topology->assignment.workers_count;
             w++) {
            here += topology->slots[w].host == host;
        }
        if (here > 0) {
            struct gale_conf *item = NULL;
            err = conf_add_map(list, NULL, &item);
            err = err ? err : tree_put_text(item, "name", topology->name);
            err = err ? err : tree_put_int(item, "workers", here);
        }
    }
    return err;
}

static enum gale_err host_answer(const struct cluster *cluster, const struct cluster_host *host,
                                 struct gale_conf *list)
{
    struct gale_conf *map = NULL;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_text(map, "name", host->name);
    err = err ? err : tree_put_text(map, "rpc", host->rpc);
    err = err ? err : tree_put_bool(map, "alive", host->alive && host->reported);
    err = err ? err
              : tree_put_int(map, "silent_ms", (cluster->now_ns - host->heard_ns) / NS_PER_MS);
    err = err ? err : tree_put_int(map, "slots", host->slots);
    err = err ? err : tree_put_int(map, "used", host_used(cluster, host));
    err = err ? err : tree_put_int(map, "memory_mb", host->memory_mb);
    err = err ? err : tree_put_int(map, "cpu_points", host->cpu_points);
    err = err ? err : tree_put_text(map, "version", host->version);
    return err ? err : host_workers(cluster, host, map);
}

void show_hosts(struct cluster *cluster, struct rpc_answer *answer)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(answer->tree, "hosts", &list);
    for (size_t i = 0; !err && i < cluster->hosts_count; i++) {
        err = host_answer(cluster, cluster->hosts[i], list);
    }
    request_end(answer, err);
}

void show_errors(struct cluster_topology *topology, struct rpc_answer *answer)
{
    static const struct cluster_errors none = {.count = 0};
    request_end(answer, cluster_errors_tree(topology->errors ? topology->errors : &none,
                                            answer->tree, "errors"));
}

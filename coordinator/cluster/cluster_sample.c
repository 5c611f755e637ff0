/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request `sample`: figures of one topology at one moment. Counters are those of the living
 * processes and of the dead ones together, so that a death makes none fall. Latencies of components and
 * of whole trees are of the time between the last two looks, at least RECENT_NS apart (where there were
 * none: since the start of the attempt), those of tasks since that start; capacity (the share of its
 * time that a task spends in execute) is of the time since the last look, at least a second.
 */
#include "cluster/cluster_internal.h"

#include <stdlib.h>
#include <string.h>

#define RECENT_NS (2000 * NS_PER_MS)
#define RECENT_COMPONENTS_MAX 128u /* of a topology; with more, latencies are since its start */

struct figures {
    uint64_t emitted, executed, acked, failed, timed_out, pending;
    uint64_t queue_bytes, queue_bytes_max, blocked_ns;
    double capacity;
    struct hist execute;
};

static void hist_take(struct hist *into, const struct hist *from)
{
    if (from) {
        hist_merge(into, from);
    }
}

void sample_complete(const struct cluster_topology *topology, struct hist *out)
{
    hist_clear(out);
    for (uint32_t id = 1; topology->controlled && id <= topology->plan->tasks_count; id++) {
        hist_take(out, topology->control.live[id].complete_ns);
        hist_take(out, topology->control.dead[id].complete_ns);
    }
}

static uint64_t emitted_of(const struct cluster_topology *topology)
{
    uint64_t emitted = 0;
    for (uint32_t id = 1; id <= topology->plan->tasks_count; id++) {
        if (topology_component(topology, id)->spout) {
            emitted += topology->control.live[id].total.emitted +
                       topology->control.dead[id].total.emitted;
        }
    }
    return emitted;
}

void sample_rates(struct cluster *cluster, int64_t now_ns)
{
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        struct cluster_topology *topology = cluster->topologies[i];
        if (!topology->controlled) {
            topology->rate = 0;
            continue;
        }
        uint64_t emitted = emitted_of(topology);
        int64_t elapsed_ns = now_ns - topology->rate_ns;
        bool known = topology->rate_ns > 0 && emitted >= topology->rate_emitted;
        topology->rate =
            known ? (double)(emitted - topology->rate_emitted) * 1e9 / (double)elapsed_ns : 0;
        topology->rate_emitted = emitted;
        topology->rate_ns = now_ns;
    }
}

/* ---- Capacity -------------------------------------------------------------------------------- */

static uint64_t busy_of(const struct control *control, uint32_t task)
{
    const struct hist *hists[] = {control->live[task].execute_ns,
                                  control->dead[task].execute_ns};
    double busy_ns = 0;
    for (size_t i = 0; i < 2; i++) {
        busy_ns += hists[i] ? hist_mean(hists[i]) * (double)hists[i]->count : 0;
    }
    return (uint64_t)busy_ns;
}

static void capacity_look(struct cluster_topology *topology)
{
    uint32_t tasks = topology->plan->tasks_count;
    int64_t elapsed_ns = topology->cluster->now_ns - topology->busy_ns;
    bool first = topology->busy_before == NULL;
    if (first) {
        topology->busy_before = calloc(tasks + 1u, sizeof *topology->busy_before);
        topology->capacity = calloc(tasks + 1u, sizeof *topology->capacity);
    }
    if (!topology->busy_before || !topology->capacity ||
        (!first && elapsed_ns < CLUSTER_RATE_NS)) {
        return;
    }
    for (uint32_t id = 1; id <= tasks; id++) {
        uint64_t busy_ns = busy_of(&topology->control, id);
        uint64_t before_ns = topology->busy_before[id];
        bool known = !first && busy_ns >= before_ns;
        topology->capacity[id] = known ? (double)(busy_ns - before_ns) / (double)elapsed_ns : 0;
        topology->busy_before[id] = busy_ns;
    }
    topology->busy_ns = topology->cluster->now_ns;
}

/* ---- Recent latencies ------------------------------------------------------------------------ */

/* What came between the last two looks; `now` itself when that was nothing. */
static const struct hist *recent_of(struct cluster_topology *topology, uint32_t index,
                                    const struct hist *now)
{
    int64_t now_ns = topology->cluster->now_ns;
    uint32_t count = topology->plan->components_count;
    if (!topology->recents && count <= RECENT_COMPONENTS_MAX) {
        topology->recents = calloc(count + 1u, sizeof *topology->recents);
    }
    if (!topology->recents) {
        return now;
    }
    struct cluster_recent *it = &topology->recents[index];
    if (it->at_ns == 0 || now_ns - it->at_ns >= RECENT_NS) {
        hist_since(now, &it->before, &it->recent);
        it->before = *now;
        it->at_ns = now_ns;
    }
    return it->recent.count > 0 ? &it->recent : now;
}

/* ---- Figures --------------------------------------------------------------------------------- */

static void figures_add(const struct cluster_topology *topology, uint32_t task,
                        struct figures *out)
{
    const struct control_task *live = &topology->control.live[task];
    const struct control_task *dead = &topology->control.dead[task];
    out->emitted += live->total.emitted + dead->total.emitted;
    out->executed += live->total.executed + dead->total.executed;
    out->acked += live->total.acked + dead->total.acked;
    out->failed += live->failed + dead->failed;
    out->timed_out += live->timed_out + dead->timed_out;
    out->pending += live->pending;
    out->queue_bytes += live->queue_bytes;
    out->queue_bytes_max += live->queue_bytes_max;
    out->blocked_ns += live->blocked_ns + dead->blocked_ns;
    out->capacity += topology->capacity ? topology->capacity[task] : 0;
    hist_take(&out->execute, live->execute_ns);
    hist_take(&out->execute, dead->execute_ns);
}

static enum gale_err figures_answer(const struct figures *it, const struct hist *execute,
                                    struct gale_conf *map)
{
    enum gale_err err = tree_put_int(map, "emitted", (int64_t)it->emitted);
    err = err ? err : tree_put_int(map, "executed", (int64_t)it->executed);
    err = err ? err : tree_put_int(map, "acked", (int64_t)it->acked);
    err = err ? err : tree_put_int(map, "failed", (int64_t)it->failed);
    err = err ? err : tree_put_int(map, "timed_out", (int64_t)it->timed_out);
    err = err ? err : tree_put_int(map, "pending", (int64_t)it->pending);
    err = err ? err : tree_put_int(map, "queue_bytes", (int64_t)it->queue_bytes);
    err = err ? err : tree_put_int(map, "queue_bytes_max", (int64_t)it->queue_bytes_max);
    err = err ? err : tree_put_int(map, "blocked_ns", (int64_t)it->blocked_ns);
    err = err ? err : tree_put_int(map, "p50_ns", (int64_t)hist_quantile(execute, 0.5));
    err = err ? err : tree_put_int(map, "p99_ns", (int64_t)hist_quantile(execute, 0.99));
    return err ? err : tree_put_double(map, "capacity", it->capacity);
}

static enum gale_err task_answer(const struct cluster_topology *topology,
                                 const struct plan_component *component, uint32_t task,
                                 struct gale_conf *list)
{
    struct figures figures;
    struct gale_conf *map = NULL;
    uint32_t worker = topology->assignment.task_worker[task];
    const struct cluster_host *host = topology->slots[worker].host;
    memset(&figures, 0, sizeof figures);
    figures_add(topology, task, &figures);
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_int(map, "id", task);
    err = err ? err : tree_put_int(map, "index", task - component->first_task);
    err = err ? err : tree_put_int(map, "worker", worker);
    err = err ? err : tree_put_text(map, "host", host ? host->name : "");
    return err ? err : figures_answer(&figures, &figures.execute, map);
}

static enum gale_err component_answer(struct cluster_topology *topology, uint32_t index,
                                      bool tasks, struct gale_conf *list)
{
    const struct plan_component *component = &topology->plan->components[index];
    struct figures figures;
    struct gale_conf *map = NULL, *each = NULL;
    uint32_t end = component->first_task + component->parallelism;
    memset(&figures, 0, sizeof figures);
    for (uint32_t id = component->first_task; id < end; id++) {
        figures_add(topology, id, &figures);
    }
    figures.capacity /= component->parallelism;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_text(map, "name", component->name);
    err = err ? err : tree_put_bool(map, "spout", component->spout != NULL);
    err = err ? err : tree_put_int(map, "level", component->level);
    err = err ? err : tree_put_int(map, "tasks", component->parallelism);
    err =
        err ? err : figures_answer(&figures, recent_of(topology, index, &figures.execute), map);
    err = err || !tasks ? err : conf_add_list(map, "task", &each);
    for (uint32_t id = component->first_task; tasks && !err && id < end; id++) {
        err = task_answer(topology, component, id, each);
    }
    return err;
}

static enum gale_err complete_answer(struct cluster_topology *topology, struct gale_conf *tree)
{
    struct hist complete;
    struct gale_conf *map = NULL;
    sample_complete(topology, &complete);
    const struct hist *it =
        topology->controlled ? recent_of(topology, topology->plan->components_count, &complete)
                             : &complete;
    enum gale_err err = conf_add_map(tree, "complete", &map);
    err = err ? err : tree_put_int(map, "count", (int64_t)complete.count);
    err = err ? err : tree_put_int(map, "p50_ns", (int64_t)hist_quantile(it, 0.5));
    err = err ? err : tree_put_int(map, "p99_ns", (int64_t)hist_quantile(it, 0.99));
    err = err ? err : tree_put_int(map, "p999_ns", (int64_t)hist_quantile(it, 0.999));
    return err ? err : tree_put_int(map, "max_ns", (int64_t)it->max);
}

static enum gale_err worker_answer(const struct cluster_topology *topology, uint32_t index,
                                   struct gale_conf *list)
{
    const struct control_worker *worker = &topology->control.workers[index];
    const struct cluster_slot *slot = &topology->slots[index];
    struct control_cpu cpu = control_cpu_of(worker);
    struct gale_conf *map = NULL;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_int(map, "index", index);
    err = err ? err : tree_put_text(map, "host", slot->host ? slot->host->name : "");
    err = err ? err : tree_put_bool(map, "up", worker->beaten);
    err = err ? err : tree_put_int(map, "pid", worker->alive ? slot->pid : 0);
    err = err ? err : tree_put_int(map, "rss_kb", worker->beat.rss_kb);
    err = err ? err : tree_put_int(map, "cpu_user_ns", cpu.user_ns);
    return err ? err : tree_put_int(map, "cpu_system_ns", cpu.system_ns);
}

void show_sample(struct cluster_topology *topology, bool tasks, struct rpc_answer *answer)
{
    struct gale_conf *tree = answer->tree, *components = NULL, *workers = NULL;
    int64_t wall_ms = cluster_wall_ms(topology->cluster);
    if (topology->controlled) {
        capacity_look(topology);
    }
    enum gale_err err = tree_put_int(tree, "at_ms", wall_ms);
    err = err ? err : tree_put_int(tree, "elapsed_ms", wall_ms - topology->status.submitted_ms);
    err = err ? err : tree_put_text(tree, "status", topology_status_name(topology));
    err = err ? err
              : tree_put_int(tree, "restarts",
                             topology->controlled ? topology->control.restarts_count : 0);
    err = err ? err : conf_add_list(tree, "components", &components);
    for (uint32_t i = 0; !err && topology->controlled && i < topology->plan->components_count;
         i++) {
        err = component_answer(topology, i, tasks, components);
    }
    err = err ? err : complete_answer(topology, tree);
    err = err ? err : conf_add_list(tree, "workers", &workers);
    for (uint32_t i = 0; !err && topology->controlled && i < topology->assignment.workers_count;
         i++) {
        err = worker_answer(topology, i, workers);
    }
    request_end(answer, err);
}

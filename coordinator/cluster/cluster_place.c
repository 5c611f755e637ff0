/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs where: hands hosts and topologies to the placement (schedule/placement.h), writes down
 * what it says, and acts on it then. New topologies wait while hosts that have workers have not
 * reported to this leader yet, so that an election spreads nothing unevenly.
 */
#include "cluster/cluster_internal.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* Everything of one call of the placement. */
struct placing {
    struct cluster *cluster;
    struct placement_host *hosts; /* as cluster->hosts */
    struct placement_topology *topologies;
    struct cluster_topology **of; /* [count] whose they are */
    uint16_t *host_of_worker;     /* [count × PLAN_WORKERS_MAX] */
    bool *worker_alive;           /* likewise */
    struct placement_result *results;
    uint32_t count;
};

static void hosts_fill(struct placing *placing)
{
    const struct cluster *cluster = placing->cluster;
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        const struct cluster_host *host = cluster->hosts[i];
        placing->hosts[i] = (struct placement_host){
            .name = host->name,
            .slots = host->reported ? host->slots : host_used(cluster, host),
            .memory_mb = host->memory_mb,
            .cpu_points = host->cpu_points,
            .alive = host->alive};
    }
}

static bool is_running(const struct cluster_topology *topology)
{
    return topology->controlled && topology->status.life == CLUSTER_PLACED;
}

static bool is_new(const struct cluster_topology *topology)
{
    return topology->plan && !topology->broken[0] && topology->status.life == CLUSTER_WAITING &&
           topology->status.pending == CLUSTER_PENDING_NONE;
}

static bool hosts_are_awaited(const struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        const struct cluster_host *host = cluster->hosts[i];
        if (host->alive && !host->reported && host_used(cluster, host) > 0) {
            return true;
        }
    }
    return false;
}

static uint16_t host_index(const struct cluster *cluster, const struct cluster_host *host)
{
    for (size_t i = 0; host && i < cluster->hosts_count; i++) {
        if (cluster->hosts[i] == host) {
            return (uint16_t)i;
        }
    }
    return PLACEMENT_NOWHERE;
}

static void running_fill(struct placing *placing, struct cluster_topology *topology,
                         struct placement_topology *out)
{
    const struct cluster *cluster = placing->cluster;
    uint16_t *hosts = placing->host_of_worker + (size_t)placing->count * PLAN_WORKERS_MAX;
    bool *alive = placing->worker_alive + (size_t)placing->count * PLAN_WORKERS_MAX;
    uint32_t count = topology->assignment.workers_count;
    for (uint32_t w = 0; w < count; w++) {
        const struct cluster_slot *slot = &topology->slots[w];
        hosts[w] = host_index(cluster, slot->host);
        /* On a silent host only those are left that were heard. */
        alive[w] = slot->host != NULL && !slot->host->alive;
    }
    out->workers = count;
    out->task_worker = topology->assignment.task_worker;
    out->host_of_worker = hosts;
    out->host_of_worker_count = count;
    out->worker_alive = alive;
}

/* The places of the attempt before are a hint. */
static void new_fill(struct placing *placing, struct cluster_topology *topology,
                     struct placement_topology *out)
{
    const struct cluster *cluster = placing->cluster;
    const struct cluster_assignment *before = &topology->assignment;
    uint16_t *hosts = placing->host_of_worker + (size_t)placing->count * PLAN_WORKERS_MAX;
    for (uint32_t w = 0; w < before->workers_count; w++) {
        hosts[w] = host_index(cluster, host_find(cluster, before->hosts[w]));
    }
    out->workers = topology->plan->workers;
    out->host_of_worker = hosts;
    out->host_of_worker_count = before->workers_count;
    if (before->workers_count > 0 && before->tasks_count == topology->plan->tasks_count) {
        out->previous_task_worker = before->task_worker;
    }
}

static int by_age(const void *left, const void *right)
{
    const struct cluster_topology *a = *(struct cluster_topology *const *)left;
    const struct cluster_topology *b = *(struct cluster_topology *const *)right;
    if (a->status.submitted_ms != b->status.submitted_ms) {
        return a->status.submitted_ms < b->status.submitted_ms ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

static void topologies_fill(struct placing *placing)
{
    struct cluster *cluster = placing->cluster;
    bool awaited = hosts_are_awaited(cluster);
    size_t count = 0;
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        struct cluster_topology *topology = cluster->topologies[i];
        if (is_running(topology) || (is_new(topology) && !awaited)) {
            placing->of[count++] = topology;
        } else if (is_new(topology)) {
            str_copy(topology->waiting_for, sizeof topology->waiting_for,
                     "hosts that have not reported to the new leader yet");
        }
    }
    if (count > 1) {
        qsort(placing->of, count, sizeof(struct cluster_topology *), by_age);
    }
    for (placing->count = 0; placing->count < count; placing->count++) {
        struct cluster_topology *topology = placing->of[placing->count];
        struct placement_topology *out = &placing->topologies[placing->count];
        *out = (struct placement_topology){.id = topology->status.id,
                                           .name = topology->name,
                                           .plan = topology->plan,
                                           .isolate_hosts = topology->plan->isolate_hosts};
        if (is_running(topology)) {
            running_fill(placing, topology, out);
        } else {
            new_fill(placing, topology, out);
        }
    }
    cluster->place = awaited;
}

/* ---- What comes of it ------------------------------------------------------------------------ */

static enum gale_err assignment_of(const struct placing *placing, uint32_t index,
                                   struct cluster_assignment *out)
{
    const struct cluster_topology *topology = placing->of[index];
    const struct placement_result *result = &placing->results[index];
    enum gale_err err =
        cluster_assignment_init(out, topology->plan->tasks_count, result->workers_count);
    if (err) {
        return err;
    }
    out->attempt = topology->status.attempt;
    memcpy(out->task_worker, result->task_worker,
           (topology->plan->tasks_count + 1u) * sizeof *out->task_worker);
    for (uint32_t w = 0; w < result->workers_count; w++) {
        if (result->host_of_worker[w] != PLACEMENT_NOWHERE) {
            str_copy(out->hosts[w], CLUSTER_NAME_SIZE,
                     placing->hosts[result->host_of_worker[w]].name);
        }
    }
    return GALE_OK;
}

/* Writes an assignment and, of a new one, the status that makes it hold. */
static enum gale_err assignment_write(struct cluster_topology *topology,
                                      const struct cluster_assignment *assignment,
                                      const struct cluster_status *status)
{
    struct cluster *cluster = topology->cluster;
    char paths[2][RECORD_PATH_SIZE];
    struct store_op ops[2];
    cluster_path(topology->name, "/assignment", paths[0]);
    cluster_path(topology->name, "/status", paths[1]);
    buf_clear(&cluster->out);
    enum gale_err err = cluster_assignment_encode(assignment, &cluster->out);
    size_t size = cluster->out.size;
    err = err || !status ? err : cluster_status_encode(status, &cluster->out);
    if (err) {
        return err;
    }
    ops[0] = (struct store_op){topology->has_assignment ? STORE_OP_SET : STORE_OP_CREATE,
                               paths[0], cluster->out.data, size, STORE_ANY_VERSION};
    ops[1] = (struct store_op){STORE_OP_SET, paths[1], cluster->out.data + size,
                               cluster->out.size - size, STORE_ANY_VERSION};
    err = cluster_write(cluster, ops, status ? 2 : 1, NULL);
    topology->has_assignment = topology->has_assignment || err == GALE_OK;
    return err;
}

static enum gale_err start_new(struct cluster_topology *topology,
                               struct cluster_assignment *assignment, int64_t now_ns)
{
    struct cluster_status status;
    enum gale_err err = cluster_status_copy(&topology->status, &status);
    if (err) {
        return err;
    }
    status.life = CLUSTER_PLACED;
    status.plan_epoch = topology->cluster->epoch;
    status.epoch = topology->cluster->epoch;
    err = assignment_write(topology, assignment, &status);
    if (err == GALE_OK) {
        cluster_status_fini(&topology->status);
        topology->status = status;
        cluster_assignment_fini(&topology->assignment);
        topology->assignment = *assignment;
        memset(assignment, 0, sizeof *assignment);
        err = topology_begin(topology, false, now_ns);
        if (err) { /* Its positions could not be read: a new epoch reads everything anew. */
            topology->cluster->give_up = true;
        }
        return err;
    }
    cluster_status_fini(&status);
    return err;
}

static enum gale_err move_running(struct cluster_topology *topology,
                                  struct cluster_assignment *assignment)
{
    struct cluster *cluster = topology->cluster;
    bool same = true;
    for (uint32_t w = 0; w < assignment->workers_count; w++) {
        const struct cluster_host *host = topology->slots[w].host;
        same = same && strcmp(host ? host->name : "", assignment->hosts[w]) == 0;
    }
    if (same || topology->control.state >= CONTROL_STOPPING) {
        return GALE_OK;
    }
    enum gale_err err = assignment_write(topology, assignment, NULL);
    for (uint32_t w = 0; !err && w < assignment->workers_count; w++) {
        struct cluster_slot *slot = &topology->slots[w];
        struct cluster_host *host = host_find(cluster, assignment->hosts[w]);
        if (slot->host != host) {
            if (slot->host) {
                slot->host->poke = true;
            }
            slot->host = host;
            if (host) {
                host->poke = true;
            }
        }
        str_copy(topology->assignment.hosts[w], CLUSTER_NAME_SIZE, assignment->hosts[w]);
    }
    return err;
}

static enum gale_err apply(struct placing *placing, uint32_t index, int64_t now_ns)
{
    struct cluster_topology *topology = placing->of[index];
    const struct placement_result *result = &placing->results[index];
    struct cluster_assignment assignment;
    str_copy(topology->waiting_for, sizeof topology->waiting_for, result->waiting_for);
    bool running = is_running(topology);
    if (!running && (result->waiting_count > 0 || result->workers_count == 0)) {
        return GALE_OK;
    }
    enum gale_err err = assignment_of(placing, index, &assignment);
    err = err       ? err
          : running ? move_running(topology, &assignment)
                    : start_new(topology, &assignment, now_ns);
    cluster_assignment_fini(&assignment);
    return err;
}

static enum gale_err place_all(struct placing *placing, int64_t now_ns)
{
    struct cluster *cluster = placing->cluster;
    hosts_fill(placing);
    topologies_fill(placing);
    const struct placement_input input = {placing->hosts, (uint32_t)cluster->hosts_count,
                                          placing->topologies, placing->count};
    enum gale_err err = placement_make(&input, placing->results, NULL);
    for (uint32_t i = 0; !err && i < placing->count; i++) {
        err = apply(placing, i, now_ns);
    }
    return err;
}

void cluster_place(struct cluster *cluster, int64_t now_ns)
{
    size_t count = cluster->topologies_count + 1;
    struct placing placing = {
        .cluster = cluster,
        .hosts = calloc(cluster->hosts_count + 1, sizeof(struct placement_host)),
        .topologies = calloc(count, sizeof(struct placement_topology)),
        .of = calloc(count, sizeof(struct cluster_topology *)),
        .host_of_worker = calloc(count * PLAN_WORKERS_MAX, sizeof(uint16_t)),
        .worker_alive = calloc(count * PLAN_WORKERS_MAX, sizeof(bool)),
        .results = calloc(count, sizeof(struct placement_result))};
    bool room = placing.hosts && placing.topologies && placing.of && placing.host_of_worker &&
                placing.worker_alive && placing.results;
    enum gale_err err = room ? place_all(&placing, now_ns) : GALE_ERR_NOMEM;
    if (err != GALE_OK) {
        cluster->place = true;
        cluster->retry_ns = now_ns + CLUSTER_RETRY_NS;
        gale_log(GALE_LOG_WARN, "placing waits: %s", gale_err_name(err));
    }
    for (uint32_t i = 0; placing.results && i < placing.count; i++) {
        placement_fini(&placing.results[i]);
    }
    free(placing.hosts);
    free(placing.topologies);
    free(placing.of);
    free(placing.host_of_worker);
    free(placing.worker_alive);
    free(placing.results);
}

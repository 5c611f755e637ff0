/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one topology, as its status record says it:
 *
 *   WAITING ──has places──▶ PLACED ──every spout ended──▶ FINISHED
 *      ▲  └──killed──▶ gone ◀──killed─┘ │  ▲    └──killed──▶ gone
 *      └─────────────rebalanced────────┘  └─ fail-over: adopted
 *
 * What is pending (kill, rebalance) is written down before anything is done about it, with the
 * time until which work may end, so that a successor goes on with it. A record is written first and
 * believed afterwards; while the store does not take it, nothing changes.
 */
#include "cluster/cluster_internal.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The list -------------------------------------------------------------------------------- */

static bool room_make(struct cluster *cluster)
{
    if (cluster->topologies_count < cluster->topologies_room) {
        return true;
    }
    size_t room = cluster->topologies_room ? cluster->topologies_room * 2 : 16;
    struct cluster_topology **grown =
        realloc(cluster->topologies, room * sizeof *cluster->topologies);
    if (!grown) {
        return false;
    }
    cluster->topologies = grown;
    cluster->topologies_room = room;
    return true;
}

struct cluster_topology *topology_new(struct cluster *cluster, const char *name)
{
    if (cluster->topologies_count >= CLUSTER_TOPOLOGIES_MAX || !room_make(cluster)) {
        return NULL;
    }
    struct cluster_topology *topology = calloc(1, sizeof *topology);
    if (!topology) {
        return NULL;
    }
    topology->cluster = cluster;
    str_copy(topology->name, sizeof topology->name, name);
    size_t at = cluster->topologies_count++;
    while (at > 0 && strcmp(cluster->topologies[at - 1]->name, name) > 0) {
        cluster->topologies[at] = cluster->topologies[at - 1];
        at--;
    }
    cluster->topologies[at] = topology;
    return topology;
}

static void slots_free(struct cluster_topology *topology)
{
    for (uint32_t i = 0; topology->slots && i < topology->assignment.workers_count; i++) {
        free(topology->slots[i].hello);
    }
    free(topology->slots);
    topology->slots = NULL;
}

/* What belongs to one attempt: the plan stays. */
static void attempt_end(struct cluster_topology *topology)
{
    const struct cluster_ports *ports = topology->cluster->options.ports;
    taps_end(topology->cluster, topology);
    for (uint32_t i = 0; topology->controlled && i < topology->control.workers_count; i++) {
        ports->connect(ports->self, topology->status.id, i, NULL);
    }
    if (topology->controlled) {
        control_fini(&topology->control);
        topology->controlled = false;
    }
    slots_free(topology);
    free(topology->dirty);
    free(topology->saved);
    free(topology->busy_before);
    free(topology->capacity);
    free(topology->recents);
    topology->recents = NULL;
    topology->dirty = topology->saved = NULL;
    topology->busy_before = NULL;
    topology->capacity = NULL;
    topology->dirty_count = topology->save_next = 0;
    topology->rate_emitted = 0;
    topology->rate_ns = 0;
    topology->rate = 0;
}

static void plan_end(struct cluster_topology *topology)
{
    plan_free(topology->plan);
    topology->plan = NULL;
}

void topology_free(struct cluster_topology *topology)
{
    struct cluster *cluster = topology->cluster;
    attempt_end(topology);
    plan_end(topology);
    cluster_assignment_fini(&topology->assignment);
    cluster_status_fini(&topology->status);
    package_fini(&topology->package);
    free(topology->errors);
    size_t at = 0;
    while (cluster->topologies[at] != topology) {
        at++;
    }
    cluster->topologies_count--;
    memmove(&cluster->topologies[at], &cluster->topologies[at + 1],
            (cluster->topologies_count - at) * sizeof(struct cluster_topology *));
    free(topology);
}

/* ---- Ports of its control -------------------------------------------------------------------- */

static void on_keep(void *self, uint32_t worker, enum keep keep)
{
    struct cluster_slot *slot = &((struct cluster_topology *)self)->slots[worker];
    slot->keep = keep;
    if (slot->host) {
        slot->host->poke = true;
    }
}

static void on_connect(void *self, uint32_t worker, const char *endpoint)
{
    struct cluster_topology *topology = self;
    const struct cluster_ports *ports = topology->cluster->options.ports;
    ports->connect(ports->self, topology->status.id, worker, endpoint);
}

static void on_send(void *self, uint32_t worker, const struct message *message)
{
    struct cluster_topology *topology = self;
    const struct cluster_ports *ports = topology->cluster->options.ports;
    const struct cluster_slot *slot = &topology->slots[worker];
    if (message->type == MESSAGE_COMMAND && message->as.command.command == COMMAND_EXIT &&
        slot->keep != KEEP_RUNNING && slot->told == KEEP_RUNNING && slot->host &&
        slot->host->alive) {
        /* Its supervisor would start it again. It is said anew with the next beat, and as soon as
         * the supervisor is known to be silent: a dead one starts nothing. */
        return;
    }
    ports->send(ports->self, topology->status.id, worker, message);
}

static void on_save(void *self, uint32_t task, struct message_bytes position)
{
    (void)position; /* The control keeps it. */
    save_position(self, task);
}

static void on_note(void *self, const char *line)
{
    struct cluster_topology *topology = self;
    cluster_note(topology->cluster, "%s: %s", topology->name, line);
}

static void on_error(void *self, uint32_t worker, uint32_t task, const char *text)
{
    save_error(self, worker, task, task == 0, text);
}

static void on_sample(void *self, uint32_t worker, const struct message_sample *sample)
{
    tap_sample(self, worker, sample);
}

/* ---- Making an attempt ----------------------------------------------------------------------- */

void topology_compile(struct cluster_topology *topology)
{
    struct diag diag;
    plan_end(topology);
    diag_init(&diag);
    enum gale_err err = package_plan(&topology->package, topology->cluster->options.builtins,
                                     topology->status.workers, topology->status.parallelism,
                                     &topology->plan, &diag);
    if (err != GALE_OK) {
        topology->plan = NULL;
        const char *why = diag.count > 0 ? diag.items[0].text : gale_err_name(err);
        snprintf(topology->broken, sizeof topology->broken,
                 "this gale cannot compile it: %.200s", why);
    }
    diag_fini(&diag);
}

enum gale_err topology_slots(struct cluster_topology *topology, int64_t now_ns)
{
    uint32_t count = topology->assignment.workers_count;
    slots_free(topology);
    topology->slots = calloc(count + 1u, sizeof *topology->slots);
    if (!topology->slots) {
        return GALE_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *name = topology->assignment.hosts[i];
        if (name[0] != '\0') {
            topology->slots[i].host = host_get(topology->cluster, name, now_ns);
        }
    }
    return GALE_OK;
}

static enum control_state state_of(const struct cluster_topology *topology, bool adopted)
{
    if (adopted && topology->status.pending != CLUSTER_PENDING_NONE) {
        return CONTROL_DRAINING;
    }
    if (topology->status.inactive) {
        return CONTROL_INACTIVE;
    }
    return adopted ? CONTROL_ACTIVE : CONTROL_STARTING;
}

static enum gale_err control_make(struct cluster_topology *topology, bool adopted)
{
    topology->ports = (struct control_ports){.self = topology,
                                             .keep = on_keep,
                                             .connect = on_connect,
                                             .send = on_send,
                                             .save = on_save,
                                             .note = on_note,
                                             .error = on_error,
                                             .sample = on_sample};
    struct control_options options = {.plan = topology->plan,
                                      .ports = &topology->ports,
                                      .task_worker = topology->assignment.task_worker,
                                      .workers_count = topology->assignment.workers_count,
                                      .topology = topology->status.id,
                                      .epoch = topology->cluster->epoch,
                                      .attempt = topology->status.attempt,
                                      .persistent = true,
                                      .adopted = adopted,
                                      .state = state_of(topology, adopted)};
    enum gale_err err = control_init(&topology->control, &options);
    if (err != GALE_OK) {
        control_fini(&topology->control);
        return err;
    }
    topology->controlled = true;
    return GALE_OK;
}

enum gale_err topology_begin(struct cluster_topology *topology, bool adopted, int64_t now_ns)
{
    attempt_end(topology);
    size_t count = topology->plan->tasks_count + 1u;
    topology->dirty = calloc(count, sizeof *topology->dirty);
    topology->saved = calloc(count, sizeof *topology->saved);
    enum gale_err err = topology->dirty && topology->saved ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : topology_slots(topology, now_ns);
    err = err ? err : control_make(topology, adopted);
    err = err ? err : cluster_load_positions(topology);
    if (err != GALE_OK) {
        attempt_end(topology);
        return err;
    }
    topology->waiting_for[0] = '\0';
    for (uint32_t i = 0; i < topology->assignment.workers_count; i++) {
        if (!topology->slots[i].host) { /* Nobody could report it. */
            control_absent(&topology->control, i, now_ns);
        }
    }
    control_start(&topology->control, now_ns);
    return GALE_OK;
}

/* ---- Status ---------------------------------------------------------------------------------- */

enum gale_err topology_write_status(struct cluster_topology *topology,
                                    struct cluster_status *next)
{
    struct cluster *cluster = topology->cluster;
    char path[RECORD_PATH_SIZE];
    next->epoch = cluster->epoch;
    cluster_path(topology->name, "/status", path);
    buf_clear(&cluster->out);
    enum gale_err err = cluster_status_encode(next, &cluster->out);
    const struct store_op op = {STORE_OP_SET, path, cluster->out.data, cluster->out.size,
                                STORE_ANY_VERSION};
    err = err ? err : cluster_write(cluster, &op, 1, NULL);
    if (err == GALE_OK) {
        cluster_status_fini(&topology->status);
        topology->status = *next;
        memset(next, 0, sizeof *next);
    }
    return err;
}

void topology_pursue(struct cluster_topology *topology, int64_t now_ns)
{
    int64_t left_ms = topology->status.deadline_ms - cluster_wall_ms(topology->cluster);
    left_ms = left_ms > 0 ? left_ms : 0;
    if (!topology->controlled || topology->status.pending == CLUSTER_PENDING_NONE) {
        return;
    }
    if (topology->status.pending == CLUSTER_PENDING_KILL) {
        topology->control.halting = false; /* Of a rebalance before: now it ends for good. */
    }
    bool was_said = topology->control.drain_deadline_ns != INT64_MAX;
    if ((topology->control.state == CONTROL_DRAINING && was_said) ||
        topology->control.state == CONTROL_FINISHING) {
        topology->control.drain_deadline_ns = now_ns + left_ms * NS_PER_MS; /* Said anew. */
        return;
    }
    if (topology->status.pending == CLUSTER_PENDING_KILL) {
        control_drain(&topology->control, left_ms, now_ns);
    } else {
        control_halt(&topology->control, left_ms, now_ns);
    }
}

/* ---- The end of an attempt ------------------------------------------------------------------- */

enum gale_err cluster_forget_positions(struct cluster *cluster, const char *name)
{
    char folder[RECORD_PATH_SIZE];
    char paths[32][RECORD_PATH_SIZE + STORE_NAME_SIZE];
    struct store_op ops[32];
    struct buf names;
    size_t count = 0;
    buf_init(&names, 0);
    record_positions_path(name, folder);
    enum gale_err err = cluster->store->ops->children(cluster->store, folder, &names);
    bool there = err == GALE_OK;
    err = err == GALE_ERR_NOT_FOUND ? GALE_OK : err;
    for (size_t at = 0; there && !err && at < names.size;) {
        const char *child = (const char *)names.data + at;
        at += strlen(child) + 1;
        snprintf(paths[count], sizeof paths[count], "%s/%s", folder, child);
        ops[count] =
            (struct store_op){STORE_OP_DELETE, paths[count], NULL, 0, STORE_ANY_VERSION};
        if (++count == 32 || at >= names.size) {
            err = cluster_write(cluster, ops, count, NULL);
            count = 0;
        }
    }
    buf_fini(&names);
    return err;
}

static bool has_positions(struct cluster_topology *topology)
{
    struct store *store = topology->cluster->store;
    char folder[RECORD_PATH_SIZE];
    struct buf names;
    buf_init(&names, 0);
    record_positions_path(topology->name, folder);
    enum gale_err err = store->ops->children(store, folder, &names);
    bool some = err != GALE_OK || names.size > 0;
    buf_fini(&names);
    return some;
}

/* Deletes records; one that is not there is not missed. */
static enum gale_err remove_write(struct cluster *cluster, struct store_op *ops, size_t count)
{
    size_t failed = 0;
    enum gale_err err = cluster_write(cluster, ops, count, &failed);
    while (err == GALE_ERR_NOT_FOUND && failed < count) {
        count--;
        memmove(&ops[failed], &ops[failed + 1], (count - failed) * sizeof *ops);
        err = cluster_write(cluster, ops, count, &failed);
    }
    return err;
}

enum gale_err topology_remove(struct cluster_topology *topology)
{
    struct cluster *cluster = topology->cluster;
    static const char *const below[] = {"/status", "/definition", "/assignment",
                                        "/errors", "/positions",  ""};
    char paths[6][RECORD_PATH_SIZE];
    struct store_op ops[6];
    size_t count = 0;
    enum gale_err err = GALE_OK;
    if (topology->status.forget) { /* First, so that a successor would go on with it. */
        err = cluster_forget_positions(cluster, topology->name);
    }
    bool all = !err && !has_positions(topology);
    const bool there[] = {true, true, topology->has_assignment, topology->has_errors, all, all};
    for (size_t i = 0; !err && i < 6; i++) {
        if (there[i]) {
            cluster_path(topology->name, below[i], paths[count]);
            ops[count] =
                (struct store_op){STORE_OP_DELETE, paths[count], NULL, 0, STORE_ANY_VERSION};
            count++;
        }
    }
    err = err ? err : remove_write(cluster, ops, count);
    if (err == GALE_OK) {
        cluster_note(cluster, "%s: gone", topology->name);
        for (uint32_t i = 0; topology->slots && i < topology->assignment.workers_count; i++) {
            if (topology->slots[i].host) {
                topology->slots[i].host->poke = true;
            }
        }
        topology_free(topology);
        cluster->place = true;
    }
    return err;
}

/* All workers have stopped: the next attempt waits for places. The old places are a hint. */
static enum gale_err rebalance(struct cluster_topology *topology)
{
    struct cluster_status next;
    enum gale_err err = cluster_status_copy(&topology->status, &next);
    if (err) {
        return err;
    }
    conf_free(next.parallelism);
    next.parallelism = next.next_parallelism;
    next.next_parallelism = NULL;
    next.workers = next.next_workers;
    next.next_workers = 0;
    next.pending = CLUSTER_PENDING_NONE;
    next.life = CLUSTER_WAITING;
    next.attempt++;
    err = topology_write_status(topology, &next);
    cluster_status_fini(&next);
    if (err == GALE_OK) {
        attempt_end(topology);
        topology_compile(topology);
        topology->cluster->place = true;
    }
    return err;
}

static enum gale_err finish(struct cluster_topology *topology)
{
    struct cluster_status next;
    enum gale_err err = cluster_status_copy(&topology->status, &next);
    if (err) {
        return err;
    }
    next.life = CLUSTER_FINISHED;
    err = topology_write_status(topology, &next);
    cluster_status_fini(&next);
    if (err == GALE_OK) {
        cluster_note(topology->cluster, "%s: finished", topology->name);
        topology->cluster->place = true; /* Its places are free. */
    }
    return err;
}

static void stopped(struct cluster_topology *topology, int64_t now_ns)
{
    struct cluster *cluster = topology->cluster;
    if (!cluster_may_write(cluster) || now_ns < cluster->retry_ns) {
        return;
    }
    enum gale_err err = topology->status.forget ? GALE_OK : save_flush(topology);
    if (err == GALE_OK) {
        switch (topology->status.pending) {
        case CLUSTER_PENDING_KILL: err = topology_remove(topology); break;
        case CLUSTER_PENDING_REBALANCE: err = rebalance(topology); break;
        case CLUSTER_PENDING_NONE: err = finish(topology); break;
        }
    }
    if (err != GALE_OK) {
        cluster->retry_ns = now_ns + CLUSTER_RETRY_NS;
        gale_log(GALE_LOG_WARN, "the store did not take the end of a topology: %s",
                 gale_err_name(err));
    }
}

void topology_step(struct cluster_topology *topology, int64_t now_ns)
{
    if (!topology->controlled || topology->status.life != CLUSTER_PLACED) {
        return;
    }
    struct control *control = &topology->control;
    bool inactive = topology->status.inactive;
    if (topology->status.pending == CLUSTER_PENDING_NONE &&
        control->state == (inactive ? CONTROL_ACTIVE : CONTROL_INACTIVE)) {
        control_activate(control, !inactive, now_ns);
    }
    control_tick(control, now_ns);
    if (control->state == CONTROL_STOPPED) {
        stopped(topology, now_ns);
    }
}

/* ---- What it is called ----------------------------------------------------------------------- */

uint32_t topology_workers_up(const struct cluster_topology *topology)
{
    uint32_t up = 0;
    for (uint32_t i = 0; topology->controlled && i < topology->control.workers_count; i++) {
        up += topology->control.workers[i].beaten;
    }
    return up;
}

const char *topology_status_name(const struct cluster_topology *topology)
{
    if (topology->status.pending == CLUSTER_PENDING_KILL) {
        return "killed";
    }
    if (topology->status.pending == CLUSTER_PENDING_REBALANCE) {
        return "rebalancing";
    }
    if (topology->status.life == CLUSTER_FINISHED) {
        return "finished";
    }
    if (!topology->controlled) {
        return topology->status.attempt > 1 && !topology->broken[0] ? "rebalancing" : "waiting";
    }
    switch (topology->control.state) {
    case CONTROL_STARTING: return "starting";
    case CONTROL_ACTIVE:
    case CONTROL_INACTIVE:
        if (topology_workers_up(topology) == 0) {
            return "starting";
        }
        return topology->control.state == CONTROL_ACTIVE ? "active" : "inactive";
    case CONTROL_DRAINING:
    case CONTROL_FINISHING:
    case CONTROL_STOPPING:
    case CONTROL_STOPPED: break;
    }
    return "draining";
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading everything after an election. What cannot be read because the store does not answer ends
 * the attempt; what is damaged makes one topology broken, which can be listed and killed, and leaves
 * the others alone. Workers that run are adopted by their control.
 */
#include "cluster/cluster_internal.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum gale_err get(struct cluster *cluster, const char *path, struct buf *out,
                         bool *there)
{
    enum gale_err err = cluster->store->ops->get(cluster->store, path, out, NULL);
    *there = err == GALE_OK;
    return err == GALE_ERR_NOT_FOUND ? GALE_OK : err;
}

static void break_it(struct cluster_topology *topology, const char *what, const char *text)
{
    snprintf(topology->broken, sizeof topology->broken,
             "%s cannot be used: %.150s; kill it and submit it again", what, text);
}

/* ---- One topology ---------------------------------------------------------------------------- */

static enum gale_err load_definition(struct cluster_topology *topology, struct buf *value)
{
    char path[RECORD_PATH_SIZE];
    struct gale_error error = {0};
    bool there;
    cluster_path(topology->name, "/definition", path);
    enum gale_err err = get(topology->cluster, path, value, &there);
    if (err == GALE_OK &&
        (!there || package_decode(value->data, value->size, &topology->package, &error))) {
        break_it(topology, "its definition", there ? error.text : "it is not there");
    }
    return err;
}

static enum gale_err load_assignment(struct cluster_topology *topology, struct buf *value)
{
    char path[RECORD_PATH_SIZE];
    cluster_path(topology->name, "/assignment", path);
    enum gale_err err = get(topology->cluster, path, value, &topology->has_assignment);
    if (err || !topology->has_assignment || topology->status.life != CLUSTER_PLACED) {
        if (!err && topology->status.life == CLUSTER_PLACED) {
            break_it(topology, "its assignment", "it is not there");
        }
        return err;
    }
    err = cluster_assignment_decode(value->data, value->size, &topology->assignment);
    if (err) {
        break_it(topology, "its assignment", gale_err_name(err));
        return err == GALE_ERR_NOMEM ? err : GALE_OK;
    }
    if (topology->assignment.attempt != topology->status.attempt) {
        break_it(topology, "its assignment", "it is of another attempt");
    }
    return GALE_OK;
}

static enum gale_err load_errors(struct cluster_topology *topology, struct buf *value)
{
    char path[RECORD_PATH_SIZE];
    cluster_path(topology->name, "/errors", path);
    enum gale_err err = get(topology->cluster, path, value, &topology->has_errors);
    if (err || !topology->has_errors) {
        return err;
    }
    topology->errors = calloc(1, sizeof *topology->errors);
    if (!topology->errors) {
        return GALE_ERR_NOMEM;
    }
    if (cluster_errors_decode(value->data, value->size, topology->errors) != GALE_OK) {
        topology->errors->count = 0; /* They are for people only. */
    }
    return GALE_OK;
}

/* Adopts what runs, and goes on with what is pending. */
static enum gale_err resume(struct cluster_topology *topology, int64_t now_ns)
{
    if (topology->broken[0] || topology->status.life == CLUSTER_FINISHED) {
        return GALE_OK;
    }
    topology_compile(topology);
    if (topology->broken[0] || topology->status.life != CLUSTER_PLACED) {
        return GALE_OK;
    }
    if (topology->assignment.tasks_count != topology->plan->tasks_count) {
        break_it(topology, "its assignment", "it has another number of tasks");
        return GALE_OK;
    }
    enum gale_err err = topology_begin(topology, true, now_ns);
    if (err == GALE_OK && topology->status.pending != CLUSTER_PENDING_NONE) {
        topology_pursue(topology, now_ns);
    }
    return err;
}

static enum gale_err load_one(struct cluster *cluster, const char *name, struct buf *value,
                              int64_t now_ns)
{
    char path[RECORD_PATH_SIZE];
    struct cluster_status status;
    bool there;
    cluster_path(name, "/status", path);
    enum gale_err err = get(cluster, path, value, &there);
    if (err || !there) { /* Only the positions of a former one. */
        return err;
    }
    err = cluster_status_decode(value->data, value->size, &status);
    if (err == GALE_ERR_NOMEM) {
        return err;
    }
    struct cluster_topology *topology = topology_new(cluster, name);
    if (!topology) {
        if (!err) {
            cluster_status_fini(&status);
        }
        return GALE_ERR_NOMEM;
    }
    if (err) {
        topology->status.id = rng_next(&cluster->options.rng) | 1u;
        topology->status.life = CLUSTER_WAITING;
        topology->status.attempt = 1;
        break_it(topology, "its status", gale_err_name(err));
        return GALE_OK;
    }
    topology->status = status;
    err = load_definition(topology, value);
    err = err ? err : load_assignment(topology, value);
    err = err ? err : load_errors(topology, value);
    return err ? err : resume(topology, now_ns);
}

enum gale_err cluster_load(struct cluster *cluster, int64_t now_ns)
{
    struct buf names, value;
    buf_init(&names, 0);
    buf_init(&value, 0);
    cluster->holding = true;
    cluster->epoch = (uint64_t)cluster->leader.epoch;
    cluster->excused_ns = now_ns;
    cluster->excused_until_ns = now_ns + CLUSTER_SEEK_NS;
    cluster->place = true;
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        cluster->hosts[i]->alive = true; /* Until the time of silence is over. */
    }
    enum gale_err err =
        cluster->store->ops->children(cluster->store, RECORD_TOPOLOGIES_PATH, &names);
    for (size_t at = 0; !err && at < names.size;) {
        const char *name = (const char *)names.data + at;
        at += strlen(name) + 1;
        if (str_is_name(name)) {
            err = load_one(cluster, name, &value, now_ns);
        }
    }
    buf_fini(&names);
    buf_fini(&value);
    return err;
}

/* ---- Positions ------------------------------------------------------------------------------- */

static uint32_t task_of(const struct plan *plan, const struct record_position *record)
{
    int index = plan_component_find(plan, record->component);
    if (index < 0 || record->index >= plan->components[index].parallelism ||
        !plan->components[index].spout) {
        return 0;
    }
    return plan->components[index].first_task + record->index;
}

static enum gale_err load_position(struct cluster_topology *topology, const char *name,
                                   struct buf *value)
{
    char path[RECORD_PATH_SIZE + STORE_NAME_SIZE];
    char folder[RECORD_PATH_SIZE];
    struct record_position record;
    bool there;
    record_positions_path(topology->name, folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    enum gale_err err = get(topology->cluster, path, value, &there);
    if (err || !there) {
        return err;
    }
    if (record_position_decode(value->data, value->size, &record) != GALE_OK) {
        gale_log(GALE_LOG_ERROR, "%s: the position %s is damaged: its spout begins anew",
                 topology->name, path);
        return GALE_OK;
    }
    uint32_t task = task_of(topology->plan, &record);
    if (task == 0) {
        return GALE_OK;
    }
    topology->saved[task] = true;
    return control_restore(&topology->control, task,
                           (struct message_bytes){record.data, record.size});
}

enum gale_err cluster_load_positions(struct cluster_topology *topology)
{
    struct store *store = topology->cluster->store;
    char folder[RECORD_PATH_SIZE];
    struct buf names, value;
    buf_init(&names, 0);
    buf_init(&value, 0);
    record_positions_path(topology->name, folder);
    enum gale_err err = store->ops->children(store, folder, &names);
    err = err == GALE_ERR_NOT_FOUND ? GALE_OK : err;
    for (size_t at = 0; !err && at < names.size;) {
        const char *name = (const char *)names.data + at;
        at += strlen(name) + 1;
        err = load_position(topology, name, &value);
    }
    buf_fini(&names);
    buf_fini(&value);
    return err;
}

/* ---- Who leads ------------------------------------------------------------------------------- */

/* Number at the end of a candidate's name, as the store gave it; false: there is none. */
static bool number_of(const char *name, uint32_t *number)
{
    const char *dash = strrchr(name, '-');
    if (!dash || dash[1] == '\0') {
        return false;
    }
    *number = (uint32_t)strtoul(dash + 1, NULL, 10);
    return true;
}

/* A candidate's record does not change while it is there. */
static bool member_read(struct cluster *cluster, const char *name, struct cluster_member *out)
{
    char path[STORE_PATH_SIZE];
    struct buf value;
    for (size_t i = 0; i < cluster->members_count; i++) {
        if (strcmp(cluster->members[i].name, name) == 0) {
            *out = cluster->members[i];
            return true;
        }
    }
    buf_init(&value, 0);
    snprintf(path, sizeof path, CLUSTER_CANDIDATES_PATH "/%s", name);
    bool good = cluster->store->ops->get(cluster->store, path, &value, NULL) == GALE_OK &&
                cluster_candidate_decode(value.data, value.size, &out->candidate);
    str_copy(out->name, sizeof out->name, name);
    buf_fini(&value);
    return good;
}

void cluster_look(struct cluster *cluster)
{
    struct cluster_member members[CLUSTER_MEMBERS_MAX];
    struct cluster_member first = {.name = ""}, member;
    uint32_t best = 0, number;
    size_t count = 0;
    struct buf names;
    buf_init(&names, 0);
    enum gale_err err =
        cluster->store->ops->children(cluster->store, CLUSTER_CANDIDATES_PATH, &names);
    for (size_t at = 0; !err && at < names.size;) {
        const char *name = (const char *)names.data + at;
        at += strlen(name) + 1;
        if (!number_of(name, &number) || !member_read(cluster, name, &member)) {
            continue;
        }
        if (first.name[0] == '\0' || best - number < UINT32_C(1) << 31) {
            first = member;
            best = number;
        }
        if (count < CLUSTER_MEMBERS_MAX) {
            members[count++] = member;
        }
    }
    buf_fini(&names);
    if (err) {
        return; /* What was known is better than nothing. */
    }
    memcpy(cluster->members, members, count * sizeof *members);
    cluster->members_count = count;
    cluster->other = first.candidate;
    /* One of an earlier life of this very coordinator leads nothing. */
    if (strcmp(cluster->other.rpc, cluster->rpc) == 0) {
        cluster->other.rpc[0] = '\0';
    }
}

/* ---- Blobs of a candidate -------------------------------------------------------------------- */

static bool was_looked_at(const struct cluster *cluster, const char *name)
{
    for (size_t i = 0; i < cluster->looked_count; i++) {
        if (strcmp(cluster->looked[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void look_at(struct cluster *cluster, const char *name, struct buf *value)
{
    const struct cluster_ports *ports = cluster->options.ports;
    char path[RECORD_PATH_SIZE];
    struct package package;
    struct gale_error error;
    bool there;
    cluster_path(name, "/definition", path);
    if (get(cluster, path, value, &there) != GALE_OK || !there ||
        package_decode(value->data, value->size, &package, &error) != GALE_OK) {
        return;
    }
    for (size_t i = 0; i < package.blobs_count; i++) {
        if (!ports->has_blob(ports->self, package.blobs[i].hex)) {
            ports->want_blob(ports->self, package.blobs[i].hex, package.blobs[i].size);
        }
    }
    package_fini(&package);
}

void cluster_look_blobs(struct cluster *cluster)
{
    const struct cluster_ports *ports = cluster->options.ports;
    struct store *store = cluster->store;
    char(*looked)[CLUSTER_NAME_SIZE] = NULL;
    size_t count = 0;
    struct buf names, value;
    if (!ports->has_blob || !ports->want_blob || cluster->other.rpc[0] == '\0') {
        return;
    }
    buf_init(&names, 0);
    buf_init(&value, 0);
    enum gale_err err = store->ops->children(store, RECORD_TOPOLOGIES_PATH, &names);
    looked = err ? NULL : calloc(names.size / 2 + 1, sizeof *looked);
    for (size_t at = 0; looked && at < names.size;) {
        const char *name = (const char *)names.data + at;
        at += strlen(name) + 1;
        if (str_is_name(name)) {
            if (!was_looked_at(cluster, name)) {
                look_at(cluster, name, &value);
            }
            str_copy(looked[count++], CLUSTER_NAME_SIZE, name);
        }
    }
    if (looked) {
        free(cluster->looked);
        cluster->looked = looked;
        cluster->looked_count = count;
    }
    buf_fini(&names);
    buf_fini(&value);
}

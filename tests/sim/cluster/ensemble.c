/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated store: records, sessions, what becomes of a write; see ensemble.h. The port in front
 * of it is in ensemble_port.c. */
#include "ensemble_internal.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX \
    (sizeof(((struct ensemble *)0)->sessions) / sizeof(struct ensemble_session))

int64_t ensemble_now(const struct ensemble *ensemble)
{
    return ensemble->ports->now_ns(ensemble->ports->self);
}

bool ensemble_chance(struct ensemble *ensemble, uint32_t of_1000)
{
    return rng_below(&ensemble->rng, 1000) < of_1000;
}

/* ---- Records --------------------------------------------------------------------------------- */

static struct ensemble_record *record_of(struct ensemble *ensemble, const char *path)
{
    for (uint32_t i = 0; i < ensemble->records_used; i++) {
        if (strcmp(ensemble->records[i].path, path) == 0) {
            return &ensemble->records[i];
        }
    }
    return NULL;
}

const struct ensemble_record *ensemble_find(const struct ensemble *ensemble, const char *path)
{
    for (uint32_t i = 0; i < ensemble->records_used; i++) {
        if (strcmp(ensemble->records[i].path, path) == 0) {
            return &ensemble->records[i];
        }
    }
    return NULL;
}

int64_t ensemble_version(const struct ensemble *ensemble, const char *path)
{
    const struct ensemble_record *record = ensemble_find(ensemble, path);
    return record ? record->version : -1;
}

bool ensemble_has_children(const struct ensemble *ensemble, const char *path)
{
    size_t size = strlen(path);
    for (uint32_t i = 0; i < ensemble->records_used; i++) {
        const char *name = ensemble->records[i].path;
        if (strncmp(name, path, size) == 0 && name[size] == '/') {
            return true;
        }
    }
    return false;
}

static void fire(struct ensemble *ensemble, const char *path)
{
    for (uint32_t c = 0; c < ENSEMBLE_CLIENTS_MAX; c++) {
        for (uint32_t i = 0; i < ENSEMBLE_WATCHES_MAX; i++) {
            struct ensemble_watch *watch = &ensemble->clients[c].watches[i];
            watch->due = watch->due || (watch->path[0] && strcmp(watch->path, path) == 0);
        }
    }
}

static void record_changed(struct ensemble *ensemble, const char *path)
{
    char parent[STORE_PATH_SIZE];
    fire(ensemble, path);
    store_path_parent(path, parent);
    fire(ensemble, parent);
}

static void record_remove(struct ensemble *ensemble, struct ensemble_record *record)
{
    char path[ENSEMBLE_PATH_SIZE];
    memcpy(path, record->path, sizeof(path));
    buf_fini(&record->value);
    memset(record, 0, sizeof(*record));
    record_changed(ensemble, path);
}

static struct ensemble_record *record_make(struct ensemble *ensemble, const char *path)
{
    uint32_t at = 0;
    while (at < ensemble->records_used && ensemble->records[at].path[0]) {
        at++;
    }
    GALE_ASSERT(at < ENSEMBLE_RECORDS_MAX && strlen(path) < ENSEMBLE_PATH_SIZE);
    ensemble->records_used = at == ensemble->records_used ? at + 1 : ensemble->records_used;
    struct ensemble_record *record = &ensemble->records[at];
    memset(record, 0, sizeof(*record));
    snprintf(record->path, sizeof(record->path), "%s", path);
    buf_init(&record->value, 0);
    return record;
}

static void value_set(struct ensemble_record *record, const struct store_op *op)
{
    buf_clear(&record->value);
    GALE_ASSERT(op->size == 0 || buf_append(&record->value, op->value, op->size) == GALE_OK);
}

/* ---- Writes ---------------------------------------------------------------------------------- */

static bool is_fence(const struct ensemble *ensemble, const struct store_op *op)
{
    return op->kind == STORE_OP_CHECK && !ensemble->options.fence &&
           strcmp(op->path, "/epoch") == 0;
}

static bool parent_there(struct ensemble *ensemble, const struct store_op *ops, size_t before,
                         const char *path)
{
    char parent[STORE_PATH_SIZE];
    store_path_parent(path, parent);
    for (size_t i = 0; i < before; i++) {
        if (ops[i].kind == STORE_OP_CREATE && strcmp(ops[i].path, parent) == 0) {
            return true;
        }
    }
    return parent[1] == '\0' || record_of(ensemble, parent) != NULL;
}

/* How an earlier operation of the same multi leaves the record: 1 created, −1 deleted, 0 neither. */
static int changed_before(const struct store_op *ops, size_t before, const char *path)
{
    int change = 0;
    for (size_t i = 0; i < before; i++) {
        if (strcmp(ops[i].path, path) == 0) {
            change = ops[i].kind == STORE_OP_CREATE   ? 1
                     : ops[i].kind == STORE_OP_DELETE ? -1
                                                      : change;
        }
    }
    return change;
}

/* Whether all children of the record are deleted earlier in the multi. */
static bool children_gone(const struct ensemble *ensemble, const struct store_op *ops,
                          size_t before, const char *path)
{
    size_t size = strlen(path);
    for (uint32_t i = 0; i < ensemble->records_used; i++) {
        const char *name = ensemble->records[i].path;
        if (strncmp(name, path, size) == 0 && name[size] == '/' &&
            changed_before(ops, before, name) >= 0) {
            return false;
        }
    }
    return true;
}

static enum gale_err op_check(struct ensemble *ensemble, const struct store_op *ops, size_t at)
{
    const struct store_op *op = &ops[at];
    const struct ensemble_record *record = record_of(ensemble, op->path);
    int change = changed_before(ops, at, op->path);
    bool there = change > 0 || (record && change == 0);
    if (is_fence(ensemble, op)) {
        return GALE_OK;
    }
    if (op->kind == STORE_OP_CREATE && op->version == ENSEMBLE_NUMBERED) {
        return parent_there(ensemble, ops, at, op->path) ? GALE_OK : GALE_ERR_NOT_FOUND;
    }
    if (op->kind == STORE_OP_CREATE) {
        return there                                       ? GALE_ERR_EXISTS
               : parent_there(ensemble, ops, at, op->path) ? GALE_OK
                                                           : GALE_ERR_NOT_FOUND;
    }
    if (!there) {
        return GALE_ERR_NOT_FOUND;
    }
    if (change == 0 && op->version != STORE_ANY_VERSION && op->version != record->version) {
        return GALE_ERR_STALE;
    }
    if (op->kind == STORE_OP_DELETE && !children_gone(ensemble, ops, at, op->path)) {
        return GALE_ERR_STATE;
    }
    return GALE_OK;
}

/* The next number of the folder, behind the name, as the servers give it. */
static void numbered(struct ensemble *ensemble, const char *path, char out[ENSEMBLE_PATH_SIZE])
{
    char parent[STORE_PATH_SIZE];
    store_path_parent(path, parent);
    struct ensemble_record *folder = record_of(ensemble, parent);
    GALE_ASSERT(folder != NULL);
    int length = snprintf(out, ENSEMBLE_PATH_SIZE, "%s-%010d", path, (int)folder->sequence++);
    GALE_ASSERT(length > 0 && length < (int)ENSEMBLE_PATH_SIZE);
}

static void op_apply(struct ensemble *ensemble, const struct store_op *op, uint64_t session)
{
    char path[ENSEMBLE_PATH_SIZE];
    struct ensemble_record *record = record_of(ensemble, op->path);
    switch (op->kind) {
    case STORE_OP_CHECK: return;
    case STORE_OP_CREATE:
        if (op->version == ENSEMBLE_NUMBERED) {
            numbered(ensemble, op->path, path);
            record = record_make(ensemble, path);
            record_changed(ensemble, path);
        } else {
            record = record_make(ensemble, op->path);
        }
        record->session = session;
        value_set(record, op);
        break;
    case STORE_OP_SET:
        record->version++;
        value_set(record, op);
        break;
    case STORE_OP_DELETE: record_remove(ensemble, record); return;
    }
    record_changed(ensemble, op->path);
}

enum gale_err ensemble_apply(struct ensemble *ensemble, uint32_t client,
                             const struct store_op *ops, size_t ops_count, uint64_t session,
                             size_t *failed)
{
    for (size_t i = 0; i < ops_count; i++) {
        enum gale_err err = op_check(ensemble, ops, i);
        if (err) {
            *failed = i;
            return err;
        }
    }
    ensemble->ports->applied(ensemble->ports->self, client, ops, ops_count);
    for (size_t i = 0; i < ops_count; i++) {
        op_apply(ensemble, &ops[i], session);
    }
    ensemble->writes_count++;
    return GALE_OK;
}

/* ---- Held writes ----------------------------------------------------------------------------- */

void ensemble_hold(struct ensemble_client *client, const struct store_op *ops, size_t ops_count,
                   uint64_t session)
{
    struct ensemble_held *held = &client->held;
    size_t size = 1;
    for (size_t i = 0; i < ops_count; i++) {
        size += strlen(ops[i].path) + 1 + ops[i].size;
    }
    char *at = malloc(size);
    GALE_ASSERT(at && !held->waiting);
    held->copies = at;
    for (size_t i = 0; i < ops_count; i++) {
        held->ops[i] = ops[i];
        held->ops[i].path = at;
        memcpy(at, ops[i].path, strlen(ops[i].path) + 1);
        at += strlen(ops[i].path) + 1;
        held->ops[i].value = at;
        if (ops[i].size) {
            memcpy(at, ops[i].value, ops[i].size);
        }
        at += ops[i].size;
    }
    held->ops_count = ops_count;
    held->session = session;
    held->waiting = true;
    held->at_ns = ensemble_now(client->ensemble) +
                  (int64_t)rng_below(&client->ensemble->rng, 8000) * 1000000;
}

void ensemble_held_drop(struct ensemble_held *held)
{
    free(held->copies);
    held->copies = NULL;
    held->waiting = false;
}

static bool session_lives(const struct ensemble *ensemble, uint64_t session)
{
    for (uint32_t i = 0; session && i < SESSIONS_MAX; i++) {
        if (ensemble->sessions[i].id == session) {
            return true;
        }
    }
    return false;
}

/* The servers get to see a write late. The port promises no end to that but a later write of the same
 * process, so it may outlive the session; an ephemeral record cannot. */
static void held_apply(struct ensemble *ensemble, uint32_t index, struct ensemble_held *held)
{
    size_t failed;
    if (held->session == 0 || session_lives(ensemble, held->session)) {
        ensemble->held_applied_count +=
            ensemble_apply(ensemble, index, held->ops, held->ops_count, held->session,
                           &failed) == GALE_OK;
    }
    ensemble_held_drop(held);
}

static void held_due(struct ensemble *ensemble, uint32_t index, struct ensemble_held *held)
{
    if (held->waiting && ensemble_now(ensemble) >= held->at_ns) {
        held_apply(ensemble, index, held);
    }
}

/* ---- Sessions -------------------------------------------------------------------------------- */

uint64_t ensemble_session_new(struct ensemble *ensemble)
{
    uint64_t id = ++ensemble->sessions_made;
    uint32_t at = 0;
    while (at < SESSIONS_MAX && ensemble->sessions[at].id != 0) {
        at++;
    }
    GALE_ASSERT(at < SESSIONS_MAX);
    ensemble->sessions[at] = (struct ensemble_session){id, ensemble_now(ensemble)};
    return id;
}

/* A request came: the session lives on, unless it has ended. */
bool ensemble_session_hear(struct ensemble *ensemble, uint64_t session)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (session && ensemble->sessions[i].id == session) {
            ensemble->sessions[i].heard_ns = ensemble_now(ensemble);
            return true;
        }
    }
    return false;
}

void ensemble_session_end(struct ensemble *ensemble, uint64_t session)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (ensemble->sessions[i].id == session) {
            ensemble->sessions[i].id = 0;
        }
    }
    for (uint32_t i = 0; i < ensemble->records_used; i++) {
        if (ensemble->records[i].path[0] && ensemble->records[i].session == session) {
            record_remove(ensemble, &ensemble->records[i]);
        }
    }
}

void ensemble_power(struct ensemble *ensemble, bool up)
{
    ensemble->up = up;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        ensemble->sessions[i].heard_ns = ensemble_now(ensemble);
    }
}

void ensemble_tick(struct ensemble *ensemble)
{
    int64_t now_ns = ensemble_now(ensemble);
    for (uint32_t i = 0; i < ENSEMBLE_CLIENTS_MAX && ensemble->up; i++) {
        held_due(ensemble, i, &ensemble->clients[i].held);
        held_due(ensemble, i, &ensemble->clients[i].orphan);
    }
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        const struct ensemble_session *session = &ensemble->sessions[i];
        if (ensemble->up && session->id && now_ns - session->heard_ns >= ENSEMBLE_SESSION_NS) {
            ensemble->expired_count++;
            ensemble_session_end(ensemble, session->id);
        }
    }
}

int64_t ensemble_next_ns(const struct ensemble *ensemble)
{
    int64_t next_ns = INT64_MAX;
    for (uint32_t i = 0; i < ENSEMBLE_CLIENTS_MAX && ensemble->up; i++) {
        const struct ensemble_held *held = &ensemble->clients[i].held;
        const struct ensemble_held *orphan = &ensemble->clients[i].orphan;
        next_ns = held->waiting && held->at_ns < next_ns ? held->at_ns : next_ns;
        next_ns = orphan->waiting && orphan->at_ns < next_ns ? orphan->at_ns : next_ns;
    }
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        const struct ensemble_session *session = &ensemble->sessions[i];
        int64_t end_ns = session->heard_ns + ENSEMBLE_SESSION_NS;
        next_ns = ensemble->up && session->id && end_ns < next_ns ? end_ns : next_ns;
    }
    return next_ns;
}

void ensemble_init(struct ensemble *ensemble, const struct ensemble_ports *ports,
                   struct ensemble_options options, uint64_t seed)
{
    memset(ensemble, 0, sizeof(*ensemble));
    ensemble->ports = ports;
    ensemble->options = options;
    ensemble->up = true;
    rng_seed(&ensemble->rng, mix64(seed ^ 0x73746f7265));
}

void ensemble_fini(struct ensemble *ensemble)
{
    for (uint32_t i = 0; i < ensemble->records_used; i++) {
        if (ensemble->records[i].path[0]) {
            buf_fini(&ensemble->records[i].value);
        }
    }
    for (uint32_t i = 0; i < ENSEMBLE_CLIENTS_MAX; i++) {
        ensemble_held_drop(&ensemble->clients[i].held);
        ensemble_held_drop(&ensemble->clients[i].orphan);
    }
}

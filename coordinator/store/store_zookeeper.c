/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a ZooKeeper ensemble. Records are nodes of the same name below the store's folder,
 * with the plain value; names that begin with '@' are the adapter's own and cannot be a user's:
 *
 *   @markers/<32 hex digits>   one for each process that writes; its value names its last write
 *
 * Unknown outcomes. Every write is one multi that also sets the marker of this process, from the
 * version that it is known to have, to a random id of the write. When the answer is lost, the marker
 * tells: a higher version with that id means that the write took effect. With the version
 * unchanged, a set of the marker to something else from that version either succeeds, and then the
 * lost write can never take effect, whenever a server gets to see it; or it fails, as the write has
 * come through meanwhile. Only then is it sent again. This holds across connections, servers and
 * sessions. When no server answers before the deadline, the outcome is GALE_ERR_UNKNOWN, and the
 * next write settles the marker first.
 *
 * One owner thread; requests and the session are in zk.c.
 */
#include "store/store_zookeeper.h"

#include "base/clock.h"
#include "store/path.h"

#include <gale/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARKERS "@markers"
#define MARKER_AGE_MAX_MS (24 * 3600 * INT64_C(1000)) /* of one whose process is long gone */
#define MARKERS_LOOKED_AT_MAX 64
#define CLOSE_NS (INT64_C(500) * 1000000) /* to take the marker away */

static struct store_zookeeper *self_of(struct store *store)
{
    return (struct store_zookeeper *)store;
}

static int64_t deadline_of(const struct store_zookeeper *self)
{
    return clock_now_ns() + self->operation_ns;
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void full_path(const struct store_zookeeper *self, const char *path,
                      char full[ZK_PATH_SIZE])
{
    if (path[1] == '\0' && self->folder[0]) {
        path = "";
    }
    snprintf(full, ZK_PATH_SIZE, "%s%s", self->folder, path);
}

static void random_name(struct store_zookeeper *self, char name[ZK_GUID_SIZE])
{
    unsigned long long high = rng_next(&self->rng), low = rng_next(&self->rng);
    snprintf(name, ZK_GUID_SIZE, "%016llx%016llx", high, low);
}

static void marker_path(const struct store_zookeeper *self, char path[ZK_PATH_SIZE])
{
    snprintf(path, ZK_PATH_SIZE, "%s/" MARKERS "/%s", self->folder, self->marker);
}

static enum gale_err error_of(const struct store_zookeeper *self, enum zk_result result)
{
    switch (result) {
    case ZK_OK: return GALE_OK;
    case ZK_NOT_FOUND: return GALE_ERR_NOT_FOUND;
    case ZK_EXISTS: return GALE_ERR_EXISTS;
    case ZK_STALE: return GALE_ERR_STALE;
    case ZK_CHILDREN: return GALE_ERR_STATE;
    case ZK_DENIED:
        gale_log(GALE_LOG_ERROR,
                 "store: ZooKeeper denies access below %s/; check the credentials file",
                 self->folder);
        return GALE_ERR_STATE;
    case ZK_REFUSED: return GALE_ERR_IO;
    case ZK_UNKNOWN: return GALE_ERR_UNKNOWN;
    case ZK_NOT_SENT: return GALE_ERR_TIMEOUT;
    }
    return GALE_ERR_IO;
}

/* A hint that came up inside a request must still wake the owner's loop. */
static enum gale_err leave(struct store_zookeeper *self, enum gale_err err)
{
    if (self->due) {
        zk_wake(self->zk);
    }
    return err;
}

/* ---- The marker ------------------------------------------------------------------------------ */

static enum zk_result node_create(struct store_zookeeper *self, const char *path,
                                  int64_t deadline_ns)
{
    struct store_op op = {STORE_OP_CREATE, path, "", 0, STORE_ANY_VERSION};
    struct zk_multi multi = {.ops = &op, .ops_count = 1};
    return zk_write(self->zk, &multi, deadline_ns);
}

/* Takes away markers whose processes ended without doing so. */
static void markers_clean(struct store_zookeeper *self, int64_t now_ms, int64_t deadline_ns)
{
    char path[ZK_PATH_SIZE];
    struct buf names, value;
    struct zk_stat stat;
    size_t looked_at = 0;
    snprintf(path, sizeof path, "%s/" MARKERS, self->folder);
    buf_init(&names, 0);
    buf_init(&value, 0);
    (void)zk_children(self->zk, path, deadline_ns, &names);
    for (size_t at = 0; at < names.size && looked_at < MARKERS_LOOKED_AT_MAX; looked_at++) {
        const char *name = (const char *)names.data + at;
        at += strlen(name) + 1;
        snprintf(path, sizeof path, "%s/" MARKERS "/%s", self->folder, name);
        if (zk_get(self->zk, path, deadline_ns, &value, &stat) == ZK_OK &&
            now_ms - stat.changed_ms > MARKER_AGE_MAX_MS) {
            struct store_op op = {STORE_OP_DELETE, path, NULL, 0, stat.version};
            struct zk_multi multi = {.ops = &op, .ops_count = 1};
            (void)zk_write(self->zk, &multi, deadline_ns);
        }
    }
    buf_fini(&names);
    buf_fini(&value);
}

/* A new marker under a new name, which nobody else can have made, so that a create of unknown
 * outcome is simply repeated. What was sent with the old one can then have no effect any more, as
 * the old one is gone. */
static enum zk_result marker_make(struct store_zookeeper *self, int64_t deadline_ns)
{
    char path[ZK_PATH_SIZE];
    struct zk_stat stat = {0};
    enum zk_result result;
    random_name(self, self->marker);
    self->pending[0] = '\0';
    do {
        marker_path(self, path);
        result = node_create(self, path, deadline_ns);
        if (result == ZK_NOT_FOUND) {
            snprintf(path, sizeof path, "%s/" MARKERS, self->folder);
            result = node_create(self, path, deadline_ns);
            result = result == ZK_OK || result == ZK_EXISTS ? ZK_UNKNOWN : result;
        }
    } while ((result == ZK_UNKNOWN || result == ZK_NOT_SENT) && clock_now_ns() < deadline_ns);
    if (result == ZK_OK || result == ZK_EXISTS) {
        result = zk_get(self->zk, path, deadline_ns, &self->scratch, &stat);
    }
    if (result == ZK_OK) {
        self->marker_version = stat.version;
        self->marked = true;
        markers_clean(self, stat.created_ms, deadline_ns);
    }
    return result;
}

/* Finds out what became of the pending write, and if nothing, sees to it that nothing will.
 * ZK_UNKNOWN: no answer in time, it stays pending; or the marker was taken away. */
static enum zk_result marker_settle(struct store_zookeeper *self, int64_t deadline_ns,
                                    bool *applied)
{
    char path[ZK_PATH_SIZE];
    struct zk_stat stat;
    marker_path(self, path);
    do {
        enum zk_result result = zk_get(self->zk, path, deadline_ns, &self->scratch, &stat);
        if (result != ZK_OK) {
            self->marked = result != ZK_NOT_FOUND;
            return ZK_UNKNOWN;
        }
        if (stat.version > self->marker_version) {
            *applied = self->scratch.size == strlen(self->pending) &&
                       memcmp(self->scratch.data, self->pending, self->scratch.size) == 0;
            self->marker_version = stat.version;
            self->pending[0] = '\0';
            return ZK_OK;
        }
        struct store_op op = {STORE_OP_SET, path, "", 0, self->marker_version};
        struct zk_multi multi = {.ops = &op, .ops_count = 1};
        if (zk_write(self->zk, &multi, deadline_ns) == ZK_OK) {
            *applied = false;
            self->marker_version++;
            self->pending[0] = '\0';
            return ZK_OK;
        }
    } while (clock_now_ns() < deadline_ns);
    return ZK_UNKNOWN;
}

/* The marker, with its version known. */
static enum zk_result marker_ready(struct store_zookeeper *self, int64_t deadline_ns)
{
    bool unused;
    if (self->marked && self->pending[0] &&
        marker_settle(self, deadline_ns, &unused) != ZK_OK && self->marked) {
        return ZK_NOT_SENT;
    }
    return self->marked ? ZK_OK : marker_make(self, deadline_ns);
}

/* ---- The list of ephemeral records ------------------------------------------------------------ */

/* Forgets one that was deleted; NULL: all, as their session is gone. */
static void joined_forget(struct store_zookeeper *self, const char *path)
{
    for (size_t i = 0; i < STORE_EPHEMERALS_MAX; i++) {
        if (self->joined[i] && (!path || strcmp(self->joined[i], path) == 0)) {
            free(self->joined[i]);
            self->joined[i] = NULL;
        }
    }
}

/* A free place; NULL when the session has as many as it may. */
static char **joined_room(struct store_zookeeper *self)
{
    struct store_session session;
    zk_session(self->zk, &session);
    if (self->joined_generation != session.generation) {
        self->joined_generation = session.generation;
        joined_forget(self, NULL);
    }
    for (size_t i = 0; i < STORE_EPHEMERALS_MAX; i++) {
        if (!self->joined[i]) {
            return &self->joined[i];
        }
    }
    return NULL;
}

/* ---- Writes ---------------------------------------------------------------------------------- */

/* What can be said without asking a server. */
static enum gale_err op_check(const struct store_op *op)
{
    bool writes = op->kind == STORE_OP_CREATE || op->kind == STORE_OP_SET;
    if (!store_path_ok(op->path)) {
        return GALE_ERR_INVALID;
    }
    if (writes && op->size > STORE_VALUE_MAX) {
        return GALE_ERR_LIMIT;
    }
    if (op->path[1] == '\0' && op->kind == STORE_OP_CREATE) {
        return GALE_ERR_EXISTS;
    }
    if (op->path[1] == '\0' && op->kind == STORE_OP_DELETE) {
        return GALE_ERR_INVALID;
    }
    bool versioned = op->kind != STORE_OP_CREATE && op->version != STORE_ANY_VERSION;
    return versioned && (op->version < 0 || op->version > INT32_MAX) ? GALE_ERR_STALE : GALE_OK;
}

static enum gale_err ops_check(const struct store_op *ops, size_t ops_count, size_t *failed)
{
    size_t size = 0;
    *failed = 0;
    if (ops_count > STORE_OPS_MAX) {
        return GALE_ERR_LIMIT;
    }
    for (size_t i = 0; i < ops_count; i++) {
        enum gale_err err = op_check(&ops[i]);
        bool writes = ops[i].kind == STORE_OP_CREATE || ops[i].kind == STORE_OP_SET;
        size += writes ? ops[i].size : 0;
        if (err || size > STORE_MULTI_MAX) {
            *failed = i;
            return err ? err : GALE_ERR_LIMIT;
        }
    }
    return GALE_OK;
}

/* The ops with complete paths, the marker's last; one allocation. */
static struct store_op *ops_complete(const struct store_zookeeper *self,
                                     const struct store_op *ops, size_t ops_count)
{
    size_t size = (ops_count + 1) * sizeof *ops + ZK_PATH_SIZE;
    for (size_t i = 0; i < ops_count; i++) {
        size += strlen(self->folder) + strlen(ops[i].path) + 1;
    }
    struct store_op *complete = malloc(size);
    if (!complete) {
        return NULL;
    }
    char *at = (char *)(complete + ops_count + 1);
    for (size_t i = 0; i < ops_count; i++) {
        char full[ZK_PATH_SIZE];
        full_path(self, ops[i].path, full);
        complete[i] = ops[i];
        complete[i].path = at;
        at = stpcpy(at, full) + 1;
    }
    complete[ops_count] = (struct store_op){.kind = STORE_OP_SET, .path = at};
    return complete;
}

/* One attempt, and what became of it. ZK_NOT_SENT: it had and will have no effect. */
static enum zk_result write_once(struct store_zookeeper *self, struct zk_multi *multi,
                                 struct store_op *marker, int64_t deadline_ns)
{
    char path[ZK_PATH_SIZE], id[ZK_GUID_SIZE];
    bool applied = false;
    enum zk_result result = marker_ready(self, deadline_ns);
    if (result != ZK_OK) {
        return result == ZK_UNKNOWN ? ZK_NOT_SENT : result;
    }
    marker_path(self, path);
    random_name(self, id);
    *marker = (struct store_op){STORE_OP_SET, path, id, strlen(id), self->marker_version};
    result = zk_write(self->zk, multi, deadline_ns);
    if (result == ZK_OK) {
        self->marker_version++;
    } else if (result == ZK_UNKNOWN) {
        memcpy(self->pending, id, sizeof id);
        result = marker_settle(self, deadline_ns, &applied);
        multi->created[0] = '\0';
        if (result == ZK_OK && !applied) {
            return ZK_NOT_SENT;
        }
    } else if (result != ZK_NOT_SENT && multi->failed == multi->ops_count - 1) {
        /* Somebody took the marker away: a new one, and again. */
        self->marked = false;
        result = ZK_NOT_SENT;
    }
    return result;
}

/* Repeats it until it is known what became of it. @param created the path of the first op, where
 * it is known; may be NULL. */
static enum gale_err write_all(struct store_zookeeper *self, const struct store_op *ops,
                               size_t ops_count, enum zk_mode mode, size_t *failed,
                               char *created)
{
    enum gale_err err = ops_check(ops, ops_count, failed);
    if (err || ops_count == 0 || getpid() != self->pid) {
        return err || ops_count == 0 ? err : GALE_ERR_STATE;
    }
    struct store_op *complete = ops_complete(self, ops, ops_count);
    struct zk_multi *multi = calloc(1, sizeof *multi);
    if (!complete || !multi) {
        free(complete);
        free(multi);
        return GALE_ERR_NOMEM;
    }
    int64_t deadline_ns = deadline_of(self);
    enum zk_result result;
    multi->ops = complete;
    multi->mode = mode;
    do {
        if (self->retry_blindly) {
            multi->ops_count = ops_count;
            result = zk_write(self->zk, multi, deadline_ns);
        } else {
            multi->ops_count = ops_count + 1;
            result = write_once(self, multi, &complete[ops_count], deadline_ns);
        }
    } while ((result == ZK_NOT_SENT || (self->retry_blindly && result == ZK_UNKNOWN)) &&
             clock_now_ns() < deadline_ns);
    *failed = multi->failed < ops_count ? multi->failed : 0;
    if (created) {
        snprintf(created, ZK_PATH_SIZE, "%s", result == ZK_OK ? multi->created : "");
    }
    for (size_t i = 0; i < ops_count && result == ZK_OK; i++) {
        if (ops[i].kind == STORE_OP_DELETE) {
            joined_forget(self, ops[i].path);
        }
    }
    free(multi);
    free(complete);
    return leave(self, error_of(self, result));
}

static enum gale_err write_one(struct store *store, const struct store_op *op)
{
    size_t failed;
    return write_all(self_of(store), op, 1, ZK_PERSISTENT, &failed, NULL);
}

/* ---- The port -------------------------------------------------------------------------------- */

static enum gale_err zookeeper_create(struct store *store, const char *path, const void *value,
                                      size_t size)
{
    struct store_op op = {STORE_OP_CREATE, path, value, size, STORE_ANY_VERSION};
    return write_one(store, &op);
}

static enum gale_err node_get(struct store_zookeeper *self, const char *path, struct buf *out,
                              struct zk_stat *stat)
{
    char full[ZK_PATH_SIZE];
    buf_clear(out);
    if (!store_path_ok(path)) {
        return GALE_ERR_INVALID;
    }
    if (getpid() != self->pid) {
        return GALE_ERR_STATE;
    }
    full_path(self, path, full);
    return leave(self, error_of(self, zk_get(self->zk, full, deadline_of(self), out, stat)));
}

static enum gale_err zookeeper_get(struct store *store, const char *path, struct buf *out,
                                   int64_t *version)
{
    struct zk_stat stat;
    enum gale_err err = node_get(self_of(store), path, out, &stat);
    if (!err && version) {
        *version = stat.version;
    }
    return err;
}

static enum gale_err zookeeper_set(struct store *store, const char *path, const void *value,
                                   size_t size, int64_t version, int64_t *new_version)
{
    struct store_zookeeper *self = self_of(store);
    struct store_op op = {STORE_OP_SET, path, value, size, version};
    int64_t deadline_ns = deadline_of(self);
    /* The new version is known for certain only from the one before. */
    bool look = version == STORE_ANY_VERSION && new_version;
    enum gale_err err;
    do {
        struct zk_stat stat;
        err = look ? node_get(self, path, &self->scratch, &stat) : GALE_OK;
        op.version = look && !err ? stat.version : version;
        err = err ? err : write_one(store, &op);
    } while (look && err == GALE_ERR_STALE && clock_now_ns() < deadline_ns);
    if (!err && new_version) {
        *new_version = op.version + 1;
    }
    return look && err == GALE_ERR_STALE ? GALE_ERR_TIMEOUT : err;
}

static enum gale_err zookeeper_remove(struct store *store, const char *path, int64_t version)
{
    struct store_op op = {STORE_OP_DELETE, path, NULL, 0, version};
    return write_one(store, &op);
}

static int names_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Appends the names in order, without the adapter's own and the server's. */
static enum gale_err names_sort(const struct store_zookeeper *self, const struct buf *names,
                                bool root, struct buf *out)
{
    size_t count = 0, filled = 0;
    for (size_t i = 0; i < names->size; i++) {
        count += names->data[i] == '\0';
    }
    const char **sorted = calloc(count + 1, sizeof *sorted);
    if (!sorted) {
        return GALE_ERR_NOMEM;
    }
    for (size_t at = 0; at < names->size;) {
        const char *name = (const char *)names->data + at;
        at += strlen(name) + 1;
        bool server = root && !self->folder[0] && strcmp(name, "zookeeper") == 0;
        if (!server && store_path_part_ok(name)) {
            sorted[filled++] = name;
        }
    }
    qsort(sorted, filled, sizeof *sorted, names_compare);
    enum gale_err err = GALE_OK;
    for (size_t i = 0; i < filled && !err; i++) {
        err = buf_append(out, sorted[i], strlen(sorted[i]) + 1);
    }
    free(sorted);
    return err;
}

static enum gale_err zookeeper_children(struct store *store, const char *path, struct buf *out)
{
    struct store_zookeeper *self = self_of(store);
    char full[ZK_PATH_SIZE];
    struct buf names;
    buf_clear(out);
    if (!store_path_ok(path)) {
        return GALE_ERR_INVALID;
    }
    if (getpid() != self->pid) {
        return GALE_ERR_STATE;
    }
    full_path(self, path, full);
    buf_init(&names, 0);
    enum gale_err err = error_of(self, zk_children(self->zk, full, deadline_of(self), &names));
    err = err ? err : names_sort(self, &names, path[1] == '\0', out);
    buf_fini(&names);
    return leave(self, err);
}

static enum gale_err zookeeper_multi(struct store *store, const struct store_op *ops,
                                     size_t ops_count, size_t *failed)
{
    size_t unused;
    return write_all(self_of(store), ops, ops_count, ZK_PERSISTENT, failed ? failed : &unused,
                     NULL);
}

static enum gale_err zookeeper_watch(struct store *store, const char *path,
                                     void (*fn)(void *argument, const char *path),
                                     void *argument)
{
    struct store_zookeeper *self = self_of(store);
    char full[ZK_PATH_SIZE];
    if (!store_path_ok(path)) {
        return GALE_ERR_INVALID;
    }
    if (getpid() != self->pid) {
        return GALE_ERR_STATE;
    }
    enum gale_err err = watches_add(&self->watches, path, fn, argument, clock_now_ns());
    if (!err) {
        full_path(self, path, full);
        zk_arm(self->zk, full);
    }
    return err;
}

static void zookeeper_poll(struct store *store)
{
    struct store_zookeeper *self = self_of(store);
    if (getpid() != self->pid) {
        return;
    }
    zk_pump(self->zk);
    self->due = false;
    watches_mark_older(&self->watches, clock_now_ns() - self->backstop_ns);
    watches_deliver(&self->watches);
    (void)leave(self, GALE_OK);
}

/* ---- Ephemeral records ----------------------------------------------------------------------- */

/* The sessions of this store, so that a record of an earlier one is known for ours. */
static bool session_known(struct store_zookeeper *self, int64_t number, bool add)
{
    for (size_t i = 0; i < ZK_SESSIONS_KNOWN; i++) {
        if (number != 0 && self->sessions[i] == number) {
            return true;
        }
    }
    if (add && number != 0) {
        self->sessions[self->sessions_count++ % ZK_SESSIONS_KNOWN] = number;
    }
    return false;
}

/* Creates an ephemeral record in the session that there is when it returns.
 * @return GALE_ERR_AGAIN when the session changed meanwhile: whose the record is must be seen. */
static enum gale_err ephemeral_create(struct store_zookeeper *self, const struct store_op *op,
                                      enum zk_mode mode, char created[ZK_PATH_SIZE])
{
    size_t failed;
    (void)zk_wait_connected(self->zk, deadline_of(self));
    int64_t before = zk_session_number(self->zk);
    session_known(self, before, true);
    enum gale_err err = joined_room(self) ? GALE_OK : GALE_ERR_LIMIT;
    err = err ? err : write_all(self, op, 1, mode, &failed, created);
    int64_t after = zk_session_number(self->zk);
    session_known(self, after, true);
    char **room = err == GALE_OK && before == after ? joined_room(self) : NULL;
    if (room && created[0]) {
        *room = strdup(created + strlen(self->folder));
    }
    return err == GALE_OK && before != after ? GALE_ERR_AGAIN : err;
}

/* Whose a record is. GALE_OK: of the present session; GALE_ERR_NOT_FOUND: nobody's, now or by
 * removing that of an earlier session of ours; GALE_ERR_EXISTS: somebody else's. */
static enum gale_err ephemeral_settle(struct store_zookeeper *self, const char *path)
{
    struct zk_stat stat;
    enum gale_err err = node_get(self, path, &self->scratch, &stat);
    if (err) {
        return err;
    }
    if (stat.owner != 0 && stat.owner == zk_session_number(self->zk)) {
        return GALE_OK;
    }
    if (!session_known(self, stat.owner, false)) {
        return GALE_ERR_EXISTS;
    }
    err = zookeeper_remove(&self->base, path, stat.version);
    return err == GALE_OK ? GALE_ERR_NOT_FOUND : err;
}

static enum gale_err zookeeper_join(struct store *store, const char *path, const void *value,
                                    size_t size)
{
    struct store_zookeeper *self = self_of(store);
    struct store_op op = {STORE_OP_CREATE, path, value, size, STORE_ANY_VERSION};
    char created[ZK_PATH_SIZE];
    int64_t deadline_ns = deadline_of(self);
    enum gale_err err = ephemeral_create(self, &op, ZK_EPHEMERAL, created);
    while ((err == GALE_ERR_AGAIN || err == GALE_ERR_EXISTS) && path[1] != '\0') {
        bool again = err == GALE_ERR_AGAIN;
        err = ephemeral_settle(self, path);
        if (err == GALE_OK && !again) {
            return GALE_ERR_EXISTS;
        }
        if (err != GALE_ERR_NOT_FOUND) {
            return err;
        }
        if (clock_now_ns() >= deadline_ns) {
            return GALE_ERR_TIMEOUT;
        }
        err = ephemeral_create(self, &op, ZK_EPHEMERAL, created);
    }
    return err;
}

/* The name of the child of a folder that belongs to a GUID; empty when there is none. */
static enum gale_err enlisted(struct store_zookeeper *self, const char *folder,
                              const char *guid, char name[STORE_NAME_SIZE])
{
    struct buf names;
    size_t size = strlen(guid);
    name[0] = '\0';
    buf_init(&names, 0);
    enum gale_err err = zookeeper_children(&self->base, folder, &names);
    for (size_t at = 0; !err && at < names.size;) {
        const char *child = (const char *)names.data + at;
        at += strlen(child) + 1;
        if (strncmp(child, guid, size) == 0 && child[size] == '-') {
            snprintf(name, STORE_NAME_SIZE, "%s", child);
        }
    }
    buf_fini(&names);
    return err;
}

static enum gale_err zookeeper_enlist(struct store *store, const char *folder, const char *guid,
                                      const void *value, size_t size,
                                      char name[STORE_NAME_SIZE])
{
    struct store_zookeeper *self = self_of(store);
    char path[STORE_PATH_SIZE], created[ZK_PATH_SIZE];
    int64_t deadline_ns = deadline_of(self);
    if (!store_path_ok(folder) || !store_path_part_ok(guid) || strlen(guid) > STORE_GUID_MAX) {
        return GALE_ERR_INVALID;
    }
    const char *parent = folder[1] ? folder : "";
    do {
        enum gale_err err = enlisted(self, folder, guid, name);
        if (err) {
            return err;
        }
        if (name[0]) {
            int length = snprintf(path, sizeof path, "%s/%s", parent, name);
            err = length < (int)sizeof path ? ephemeral_settle(self, path) : GALE_ERR_INVALID;
            if (err != GALE_ERR_NOT_FOUND) {
                return err;
            }
        }
        int length = snprintf(path, sizeof path, "%s/%s-", parent, guid);
        struct store_op op = {STORE_OP_CREATE, path, value, size, STORE_ANY_VERSION};
        err = length < (int)sizeof path ? ephemeral_create(self, &op, ZK_CANDIDATE, created)
                                        : GALE_ERR_INVALID;
        if (err && err != GALE_ERR_AGAIN) {
            return err;
        }
        const char *last = err ? NULL : strrchr(created, '/');
        if (last) {
            snprintf(name, STORE_NAME_SIZE, "%s", last + 1);
            return GALE_OK;
        }
    } while (clock_now_ns() < deadline_ns);
    return GALE_ERR_TIMEOUT;
}

static void zookeeper_session(struct store *store, struct store_session *out)
{
    zk_session(self_of(store)->zk, out);
}

static int zookeeper_fd(struct store *store)
{
    return zk_fd(self_of(store)->zk);
}

static void zookeeper_close(struct store *store)
{
    if (!store) {
        return;
    }
    struct store_zookeeper *self = self_of(store);
    struct store_session session = {0};
    if (self->zk && getpid() == self->pid) {
        zk_session(self->zk, &session);
    }
    if (self->marked && session.connected) {
        char path[ZK_PATH_SIZE];
        marker_path(self, path);
        struct store_op op = {STORE_OP_DELETE, path, NULL, 0, STORE_ANY_VERSION};
        struct zk_multi multi = {.ops = &op, .ops_count = 1};
        (void)zk_write(self->zk, &multi, clock_now_ns() + CLOSE_NS);
    }
    zk_close(self->zk);
    joined_forget(self, NULL);
    watches_fini(&self->watches);
    buf_fini(&self->scratch);
    free(self);
}

const struct store_ops store_zookeeper_ops = {
    .close = zookeeper_close,
    .create = zookeeper_create,
    .get = zookeeper_get,
    .set = zookeeper_set,
    .remove = zookeeper_remove,
    .children = zookeeper_children,
    .multi = zookeeper_multi,
    .watch = zookeeper_watch,
    .poll = zookeeper_poll,
    .join = zookeeper_join,
    .enlist = zookeeper_enlist,
    .session = zookeeper_session,
    .fd = zookeeper_fd,
};

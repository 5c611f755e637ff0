/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded store: one SQLite file, held by one process (exclusive lock), each write a
 * transaction that is on the disk when it returns (WAL, synchronous=FULL). The only user of
 * sqlite3.h. A failed write to the disk ends the use of the file: what the kernel then holds is
 * unknown, so every later call is refused until the file is opened anew. Watches fire for the
 * process's own writes, as there are no others. One owner thread; no call waits for another
 * process.
 */
#include "store/store.h"

#include "base/assert.h"
#include "base/clock.h"
#include "store/path.h"
#include "store/watches.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define APPLICATION_ID 0x47616c65 /* "Gale" */
#define FORMAT_VERSION 1

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_GET,
    SQL_VERSION,
    SQL_INSERT,
    SQL_UPDATE,
    SQL_DELETE,
    SQL_CHILDREN,
    SQL_JOIN,
    SQL_LEAVE,
    SQL_JOINED,
    SQL_JOINED_COUNT,
    SQL_COUNT
};

static const char *const statements[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_GET] = "SELECT version, value FROM record WHERE path = ?1",
    [SQL_VERSION] = "SELECT version FROM record WHERE path = ?1",
    [SQL_INSERT] = "INSERT INTO record (path, parent, value, version) VALUES (?1, ?2, ?3, 0)",
    [SQL_UPDATE] = "UPDATE record SET value = ?3, version = version + 1 WHERE path = ?1",
    [SQL_DELETE] = "DELETE FROM record WHERE path = ?1",
    [SQL_CHILDREN] = "SELECT path FROM record WHERE parent = ?1 ORDER BY path",
    [SQL_JOIN] = "INSERT INTO ephemeral (path) VALUES (?1)",
    [SQL_LEAVE] = "DELETE FROM ephemeral WHERE path = ?1",
    [SQL_JOINED] = "SELECT 1 FROM ephemeral WHERE path = ?1",
    [SQL_JOINED_COUNT] = "SELECT count(*) FROM ephemeral",
};

/* The ephemeral records of the process that had the file before end here. The table came later than
 * the format, and a gale that does not know it is not disturbed by it. */
static const char session_begin[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS ephemeral (path TEXT PRIMARY KEY) WITHOUT ROWID;"
    "DELETE FROM record WHERE path IN (SELECT path FROM ephemeral);"
    "DELETE FROM ephemeral;"
    "COMMIT";

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE record (path TEXT PRIMARY KEY, parent TEXT NOT NULL, value BLOB NOT NULL,"
    " version INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX record_parent ON record (parent, path);"
    "INSERT INTO record VALUES ('/', '', x'', 0);"
    "PRAGMA application_id = 1197567077;"
    "PRAGMA user_version = 1;"
    "COMMIT";
_Static_assert(APPLICATION_ID == 1197567077, "the schema has the number in decimal");

struct store_sqlite {
    struct store base;
    sqlite3 *db;
    sqlite3_stmt *prepared[SQL_COUNT];
    struct watches watches;
    int event_fd;      /* readable while watches are due */
    uint32_t sequence; /* of the last candidate; none outlives the process */
    bool failed;       /* a write to the disk failed: nothing is known any more */
};

static struct store_sqlite *self_of(struct store *store)
{
    return (struct store_sqlite *)store;
}

/* ---- Statements ----------------------------------------------------------------------------- */

static enum gale_err error_of(struct store_sqlite *self, int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return GALE_OK;
    case SQLITE_NOMEM: return GALE_ERR_NOMEM;
    case SQLITE_FULL: return GALE_ERR_IO; /* rolled back: what was written before is whole */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: self->failed = true; return GALE_ERR_CORRUPT;
    default: self->failed = true; return GALE_ERR_IO;
    }
}

static sqlite3_stmt *bound(struct store_sqlite *self, enum statement statement,
                           const char *path)
{
    sqlite3_stmt *prepared = self->prepared[statement];
    sqlite3_reset(prepared);
    sqlite3_clear_bindings(prepared);
    if (path) {
        int result = sqlite3_bind_text(prepared, 1, path, -1, SQLITE_STATIC);
        GALE_ASSERT(result == SQLITE_OK);
    }
    return prepared;
}

/* Runs a statement that gives no rows and ends it. */
static enum gale_err finish(struct store_sqlite *self, sqlite3_stmt *prepared)
{
    int result = sqlite3_step(prepared);
    sqlite3_reset(prepared);
    return error_of(self, result);
}

static enum gale_err version_of(struct store_sqlite *self, const char *path, int64_t *version)
{
    sqlite3_stmt *prepared = bound(self, SQL_VERSION, path);
    int result = sqlite3_step(prepared);
    if (result == SQLITE_ROW) {
        *version = sqlite3_column_int64(prepared, 0);
    }
    sqlite3_reset(prepared);
    return result == SQLITE_DONE ? GALE_ERR_NOT_FOUND : error_of(self, result);
}

/* First column of a statement's only row; 0 without one. */
static enum gale_err number_of(struct store_sqlite *self, enum statement statement,
                               const char *path, int64_t *number)
{
    sqlite3_stmt *prepared = bound(self, statement, path);
    int result = sqlite3_step(prepared);
    *number = result == SQLITE_ROW ? sqlite3_column_int64(prepared, 0) : 0;
    sqlite3_reset(prepared);
    return error_of(self, result);
}

static void value_bind(sqlite3_stmt *prepared, const void *value, size_t size)
{
    int result = sqlite3_bind_blob(prepared, 3, size ? value : "", (int)size, SQLITE_STATIC);
    GALE_ASSERT(result == SQLITE_OK);
}

/* ---- Operations inside a transaction --------------------------------------------------------- */

static enum gale_err op_check(struct store_sqlite *self, const struct store_op *op,
                              int64_t *version)
{
    enum gale_err err = version_of(self, op->path, version);
    if (err) {
        return err;
    }
    bool same = op->version == STORE_ANY_VERSION || op->version == *version;
    return same ? GALE_OK : GALE_ERR_STALE;
}

static enum gale_err op_create(struct store_sqlite *self, const struct store_op *op)
{
    char parent[STORE_PATH_SIZE];
    int64_t version;
    enum gale_err err = version_of(self, op->path, &version);
    if (err != GALE_ERR_NOT_FOUND) {
        return err ? err : GALE_ERR_EXISTS;
    }
    store_path_parent(op->path, parent);
    int64_t ephemeral = 0;
    err = version_of(self, parent, &version);
    err = err ? err : number_of(self, SQL_JOINED, parent, &ephemeral);
    if (err || ephemeral) {
        return err ? err : GALE_ERR_STATE;
    }
    sqlite3_stmt *prepared = bound(self, SQL_INSERT, op->path);
    int result = sqlite3_bind_text(prepared, 2, parent, -1, SQLITE_STATIC);
    GALE_ASSERT(result == SQLITE_OK);
    value_bind(prepared, op->value, op->size);
    return finish(self, prepared);
}

static enum gale_err op_set(struct store_sqlite *self, const struct store_op *op,
                            int64_t *version)
{
    enum gale_err err = op_check(self, op, version);
    if (err) {
        return err;
    }
    sqlite3_stmt *prepared = bound(self, SQL_UPDATE, op->path);
    value_bind(prepared, op->value, op->size);
    *version += 1;
    return finish(self, prepared);
}

static enum gale_err op_delete(struct store_sqlite *self, const struct store_op *op)
{
    int64_t version;
    enum gale_err err = op_check(self, op, &version);
    if (err) {
        return err;
    }
    sqlite3_stmt *children = bound(self, SQL_CHILDREN, op->path);
    int result = sqlite3_step(children);
    sqlite3_reset(children);
    if (result != SQLITE_DONE) {
        return result == SQLITE_ROW ? GALE_ERR_STATE : error_of(self, result);
    }
    err = finish(self, bound(self, SQL_LEAVE, op->path));
    return err ? err : finish(self, bound(self, SQL_DELETE, op->path));
}

/* Makes the record of a create an ephemeral one. */
static enum gale_err op_join(struct store_sqlite *self, const struct store_op *op)
{
    int64_t count;
    enum gale_err err = number_of(self, SQL_JOINED_COUNT, NULL, &count);
    if (err || count >= STORE_EPHEMERALS_MAX) {
        return err ? err : GALE_ERR_LIMIT;
    }
    return finish(self, bound(self, SQL_JOIN, op->path));
}

static enum gale_err op_apply(struct store_sqlite *self, const struct store_op *op,
                              int64_t *version)
{
    if (!store_path_ok(op->path)) {
        return GALE_ERR_INVALID;
    }
    bool writes = op->kind == STORE_OP_CREATE || op->kind == STORE_OP_SET;
    if (writes && op->size > STORE_VALUE_MAX) {
        return GALE_ERR_LIMIT;
    }
    bool root = op->path[1] == '\0';
    switch (op->kind) {
    case STORE_OP_CHECK: return op_check(self, op, version);
    case STORE_OP_CREATE: return root ? GALE_ERR_EXISTS : op_create(self, op);
    case STORE_OP_SET: return op_set(self, op, version);
    case STORE_OP_DELETE: return root ? GALE_ERR_INVALID : op_delete(self, op);
    }
    return GALE_ERR_INVALID;
}

static void changes_mark(struct store_sqlite *self, const struct store_op *op)
{
    char parent[STORE_PATH_SIZE] = "";
    if (op->kind == STORE_OP_CHECK) {
        return;
    }
    if (op->kind != STORE_OP_SET) {
        store_path_parent(op->path, parent);
    }
    bool due = watches_mark(&self->watches, op->path);
    due = watches_mark(&self->watches, parent) || due;
    if (due) {
        (void)eventfd_write(self->event_fd, 1);
    }
}

static bool sizes_ok(const struct store_op *ops, size_t ops_count)
{
    size_t size = 0;
    for (size_t i = 0; i < ops_count && size <= STORE_MULTI_MAX; i++) {
        bool writes = ops[i].kind == STORE_OP_CREATE || ops[i].kind == STORE_OP_SET;
        size += writes ? ops[i].size : 0;
    }
    return ops_count <= STORE_OPS_MAX && size <= STORE_MULTI_MAX;
}

/* All of them in one transaction. *version is that of the last check or set.
 * @param ephemeral makes the record of the first, a create, an ephemeral one. */
static enum gale_err transact(struct store_sqlite *self, const struct store_op *ops,
                              size_t ops_count, bool ephemeral, size_t *failed,
                              int64_t *version)
{
    *failed = 0;
    if (!sizes_ok(ops, ops_count)) {
        return GALE_ERR_LIMIT;
    }
    if (self->failed) {
        return GALE_ERR_IO;
    }
    enum gale_err err = finish(self, bound(self, SQL_BEGIN, NULL));
    if (err) {
        return err;
    }
    for (size_t i = 0; i < ops_count && !err; i++) {
        err = op_apply(self, &ops[i], version);
        *failed = i;
    }
    if (!err && ephemeral) {
        err = op_join(self, &ops[0]);
    }
    if (!err) {
        err = finish(self, bound(self, SQL_COMMIT, NULL));
    }
    if (err) {
        /* SQLite may have rolled back by itself after an error of the disk. */
        if (!sqlite3_get_autocommit(self->db)) {
            (void)finish(self, bound(self, SQL_ROLLBACK, NULL));
        }
        return err;
    }
    for (size_t i = 0; i < ops_count; i++) {
        changes_mark(self, &ops[i]);
    }
    return GALE_OK;
}

static enum gale_err transact_one(struct store_sqlite *self, const struct store_op *op,
                                  int64_t *version)
{
    size_t failed;
    return transact(self, op, 1, false, &failed, version);
}

/* ---- The port ------------------------------------------------------------------------------- */

static enum gale_err sqlite_create(struct store *store, const char *path, const void *value,
                                   size_t size)
{
    int64_t version;
    struct store_op op = {STORE_OP_CREATE, path, value, size, STORE_ANY_VERSION};
    return transact_one(self_of(store), &op, &version);
}

static enum gale_err sqlite_get(struct store *store, const char *path, struct buf *out,
                                int64_t *version)
{
    struct store_sqlite *self = self_of(store);
    buf_clear(out);
    if (!store_path_ok(path)) {
        return GALE_ERR_INVALID;
    }
    if (self->failed) {
        return GALE_ERR_IO;
    }
    sqlite3_stmt *prepared = bound(self, SQL_GET, path);
    int result = sqlite3_step(prepared);
    enum gale_err err = result == SQLITE_DONE ? GALE_ERR_NOT_FOUND : error_of(self, result);
    if (!err) {
        if (version) {
            *version = sqlite3_column_int64(prepared, 0);
        }
        const void *value = sqlite3_column_blob(prepared, 1);
        err = buf_append(out, value, (size_t)sqlite3_column_bytes(prepared, 1));
    }
    sqlite3_reset(prepared);
    return err;
}

static enum gale_err sqlite_set(struct store *store, const char *path, const void *value,
                                size_t size, int64_t version, int64_t *new_version)
{
    int64_t now_version = 0;
    struct store_op op = {STORE_OP_SET, path, value, size, version};
    enum gale_err err = transact_one(self_of(store), &op, &now_version);
    if (!err && new_version) {
        *new_version = now_version;
    }
    return err;
}

static enum gale_err sqlite_remove(struct store *store, const char *path, int64_t version)
{
    int64_t unused;
    struct store_op op = {STORE_OP_DELETE, path, NULL, 0, version};
    return transact_one(self_of(store), &op, &unused);
}

static enum gale_err sqlite_children(struct store *store, const char *path, struct buf *out)
{
    struct store_sqlite *self = self_of(store);
    int64_t version;
    buf_clear(out);
    if (!store_path_ok(path)) {
        return GALE_ERR_INVALID;
    }
    if (self->failed) {
        return GALE_ERR_IO;
    }
    enum gale_err err = version_of(self, path, &version);
    if (err) {
        return err;
    }
    sqlite3_stmt *prepared = bound(self, SQL_CHILDREN, path);
    int result = SQLITE_ROW;
    while (!err && (result = sqlite3_step(prepared)) == SQLITE_ROW) {
        const char *child = (const char *)sqlite3_column_text(prepared, 0);
        const char *name = child ? strrchr(child, '/') : NULL;
        err = name ? buf_append(out, name + 1, strlen(name + 1) + 1) : GALE_ERR_NOMEM;
    }
    sqlite3_reset(prepared);
    return err ? err : error_of(self, result);
}

static enum gale_err sqlite_multi(struct store *store, const struct store_op *ops,
                                  size_t ops_count, size_t *failed)
{
    int64_t version;
    size_t unused;
    return transact(self_of(store), ops, ops_count, false, failed ? failed : &unused, &version);
}

static enum gale_err sqlite_watch(struct store *store, const char *path,
                                  void (*fn)(void *argument, const char *path), void *argument)
{
    struct store_sqlite *self = self_of(store);
    if (!store_path_ok(path)) {
        return GALE_ERR_INVALID;
    }
    return watches_add(&self->watches, path, fn, argument, clock_now_ns());
}

static void sqlite_poll(struct store *store)
{
    struct store_sqlite *self = self_of(store);
    eventfd_t unused;
    (void)eventfd_read(self->event_fd, &unused);
    watches_deliver(&self->watches);
}

static enum gale_err sqlite_join(struct store *store, const char *path, const void *value,
                                 size_t size)
{
    int64_t version;
    size_t failed;
    struct store_op op = {STORE_OP_CREATE, path, value, size, STORE_ANY_VERSION};
    return transact(self_of(store), &op, 1, true, &failed, &version);
}

/* The name of the child of a folder that belongs to a GUID; empty when there is none. */
static enum gale_err enlisted(struct store *store, const char *folder, const char *guid,
                              char name[STORE_NAME_SIZE])
{
    struct buf names;
    size_t size = strlen(guid);
    name[0] = '\0';
    buf_init(&names, 0);
    enum gale_err err = sqlite_children(store, folder, &names);
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

static enum gale_err sqlite_enlist(struct store *store, const char *folder, const char *guid,
                                   const void *value, size_t size, char name[STORE_NAME_SIZE])
{
    struct store_sqlite *self = self_of(store);
    char path[STORE_PATH_SIZE];
    if (!store_path_ok(folder) || !store_path_part_ok(guid) || strlen(guid) > STORE_GUID_MAX) {
        return GALE_ERR_INVALID;
    }
    enum gale_err err = enlisted(store, folder, guid, name);
    if (err || name[0]) {
        return err;
    }
    snprintf(name, STORE_NAME_SIZE, "%s-%010u", guid, (unsigned)self->sequence);
    int length = snprintf(path, sizeof path, "%s/%s", folder[1] ? folder : "", name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return GALE_ERR_INVALID;
    }
    err = sqlite_join(store, path, value, size);
    self->sequence += !err;
    return err;
}

static void sqlite_session(struct store *store, struct store_session *out)
{
    struct store_sqlite *self = self_of(store);
    *out = (struct store_session){
        .generation = 1, .connected = !self->failed, .contact_ns = clock_now_ns()};
}

static int sqlite_fd(struct store *store)
{
    return self_of(store)->event_fd;
}

static void sqlite_close(struct store *store)
{
    if (!store) {
        return;
    }
    struct store_sqlite *self = self_of(store);
    for (size_t i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(self->prepared[i]);
    }
    watches_fini(&self->watches);
    if (self->event_fd >= 0) {
        close(self->event_fd);
    }
    sqlite3_close(self->db);
    free(self);
}

static const struct store_ops sqlite_ops = {
    .close = sqlite_close,
    .create = sqlite_create,
    .get = sqlite_get,
    .set = sqlite_set,
    .remove = sqlite_remove,
    .children = sqlite_children,
    .multi = sqlite_multi,
    .watch = sqlite_watch,
    .poll = sqlite_poll,
    .join = sqlite_join,
    .enlist = sqlite_enlist,
    .session = sqlite_session,
    .fd = sqlite_fd,
};

/* ---- Opening -------------------------------------------------------------------------------- */

static enum gale_err open_error(const char *path, int result, const char *detail,
                                struct gale_error *error)
{
    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return gale_error_set(error, GALE_ERR_STATE,
                              "store %s is in use by another process; wait for that run to end "
                              "or choose another state directory",
                              path);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return gale_error_set(
            error, GALE_ERR_CORRUPT,
            "store %s is damaged or not a store (%s); restore it from a copy, "
            "or move it away to start without saved positions",
            path, detail);
    case SQLITE_NOMEM:
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory to open store %s", path);
    default:
        return gale_error_set(error, GALE_ERR_IO,
                              "cannot open store %s: %s; check that the directory exists, is "
                              "writable and has free space",
                              path, detail);
    }
}

/* Makes the file where there is none, readable by its owner alone, and its name durable. */
static enum gale_err file_create(const char *path, struct gale_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST ? GALE_OK
                               : open_error(path, SQLITE_CANTOPEN, strerror(errno), error);
    }
    close(fd);
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder) {
        return open_error(path, SQLITE_NOMEM, "", error);
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    int result = fd < 0 ? -1 : fsync(fd);
    int number = errno;
    if (fd >= 0) {
        close(fd);
    }
    return result ? open_error(path, SQLITE_IOERR, strerror(number), error) : GALE_OK;
}

/* First column of the first row of a statement, as a number. */
static int number_query(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *prepared = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &prepared, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(prepared);
        if (result == SQLITE_ROW) {
            *out = sqlite3_column_int64(prepared, 0);
            result = SQLITE_OK;
        }
    }
    sqlite3_finalize(prepared);
    return result;
}

/* Before anything is written: ours, or empty. */
static enum gale_err identity_check(sqlite3 *db, const char *path, bool *empty,
                                    struct gale_error *error)
{
    int64_t tables = 0, application = 0, version = 0;
    int result = number_query(db, "SELECT count(*) FROM sqlite_schema", &tables);
    result = result ? result : number_query(db, "PRAGMA application_id", &application);
    result = result ? result : number_query(db, "PRAGMA user_version", &version);
    if (result != SQLITE_OK) {
        return open_error(path, result, sqlite3_errmsg(db), error);
    }
    *empty = tables == 0 && application == 0 && version == 0;
    if (*empty || (application == APPLICATION_ID && version == FORMAT_VERSION)) {
        return GALE_OK;
    }
    if (application == APPLICATION_ID && version > FORMAT_VERSION) {
        return gale_error_set(error, GALE_ERR_UNSUPPORTED,
                              "store %s has format %lld, this gale reads up to %d; use the "
                              "newer gale that wrote it",
                              path, (long long)version, FORMAT_VERSION);
    }
    return open_error(path, SQLITE_NOTADB, "a SQLite file of another application", error);
}

static enum gale_err content_check(sqlite3 *db, const char *path, struct gale_error *error)
{
    char detail[128] = "";
    int64_t root = 0;
    sqlite3_stmt *prepared = NULL;
    int result = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &prepared, NULL);
    if (result == SQLITE_OK && (result = sqlite3_step(prepared)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(prepared, 0);
        snprintf(detail, sizeof detail, "%s", text ? text : "no answer");
        result = strcmp(detail, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    }
    sqlite3_finalize(prepared);
    if (result == SQLITE_OK) {
        result = number_query(db, "SELECT count(*) FROM record WHERE path = '/'", &root);
        snprintf(detail, sizeof detail, "%s", sqlite3_errmsg(db));
        if (result == SQLITE_ERROR || (result == SQLITE_OK && root != 1)) {
            snprintf(detail, sizeof detail, "its records are missing");
            result = SQLITE_CORRUPT;
        }
    }
    return result ? open_error(path, result, detail, error) : GALE_OK;
}

static enum gale_err database_open(struct store_sqlite *self, const char *path,
                                   struct gale_error *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int result = sqlite3_open_v2(path, &self->db, flags, NULL);
    if (result != SQLITE_OK) {
        return open_error(path, result, sqlite3_errmsg(self->db), error);
    }
    sqlite3_extended_result_codes(self->db, 1);
    bool empty;
    result = sqlite3_exec(self->db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -256",
                          NULL, NULL, NULL);
    if (result != SQLITE_OK) {
        return open_error(path, result, sqlite3_errmsg(self->db), error);
    }
    enum gale_err err = identity_check(self->db, path, &empty, error);
    if (err) {
        return err;
    }
    result = sqlite3_exec(self->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
                          NULL, NULL, NULL);
    /* The write takes the lock, which the locking mode then keeps. */
    result = result ? result
                    : sqlite3_exec(self->db, empty ? schema : "BEGIN IMMEDIATE; COMMIT", NULL,
                                   NULL, NULL);
    if (result != SQLITE_OK) {
        return open_error(path, result, sqlite3_errmsg(self->db), error);
    }
    err = content_check(self->db, path, error);
    if (!err && sqlite3_exec(self->db, session_begin, NULL, NULL, NULL) != SQLITE_OK) {
        err = open_error(path, sqlite3_errcode(self->db), sqlite3_errmsg(self->db), error);
    }
    for (size_t i = 0; i < SQL_COUNT && !err; i++) {
        result = sqlite3_prepare_v3(self->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &self->prepared[i], NULL);
        err = result ? open_error(path, SQLITE_CORRUPT, sqlite3_errmsg(self->db), error)
                     : GALE_OK;
    }
    return err;
}

enum gale_err store_sqlite_open(const char *path, struct store **out, struct gale_error *error)
{
    enum gale_err err = file_create(path, error);
    if (err) {
        return err;
    }
    struct store_sqlite *self = calloc(1, sizeof *self);
    if (!self) {
        return open_error(path, SQLITE_NOMEM, "", error);
    }
    self->base.ops = &sqlite_ops;
    self->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->event_fd < 0) {
        err = open_error(path, SQLITE_IOERR, strerror(errno), error);
        sqlite_close(&self->base);
        return err;
    }
    err = database_open(self, path, error);
    if (err) {
        sqlite_close(&self->base);
        return err;
    }
    *out = &self->base;
    return GALE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: the cluster store, a small tree of versioned records as ZooKeeper has it. Adapters:
 * store_sqlite (one file, one process) and, for clusters, ZooKeeper; both pass
 * tests/unit/coordinator/store/store_conformance. Nothing in it grows with the tuple rate. Paths: "/a/b",
 * parts [A-Za-z0-9._-]{1,128}, depth ≤ 16; values ≤ STORE_VALUE_MAX. One owner thread.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"

#define STORE_VALUE_MAX (256u << 10)
#define STORE_ANY_VERSION (-1)

struct store;

/* One operation of a fenced write. */
enum store_op_kind { STORE_OP_CHECK, STORE_OP_CREATE, STORE_OP_SET, STORE_OP_DELETE };
struct store_op {
    enum store_op_kind kind;
    const char *path;
    const void *value; /* create, set */
    size_t size;
    int64_t version; /* check, set, delete: expected version or STORE_ANY_VERSION */
};

struct store_ops {
    void (*close)(struct store *store);
    /** Creates a record (version 0); parents must exist ("/" does).
     *  GALE_ERR_EXISTS, GALE_ERR_NOT_FOUND (parent), GALE_ERR_LIMIT, GALE_ERR_INVALID (path). */
    enum gale_err (*create)(struct store *store, const char *path, const void *value,
                            size_t size);
    /** Reads into out (cleared first). @param version may be NULL. GALE_ERR_NOT_FOUND. */
    enum gale_err (*get)(struct store *store, const char *path, struct buf *out,
                         int64_t *version);
    /** Replaces; version + 1. GALE_ERR_STALE when the version is another, GALE_ERR_NOT_FOUND. */
    enum gale_err (*set)(struct store *store, const char *path, const void *value, size_t size,
                         int64_t version, int64_t *new_version);
    /** Deletes a record without children. GALE_ERR_STALE, GALE_ERR_NOT_FOUND, GALE_ERR_STATE
     *  (has children). */
    enum gale_err (*remove)(struct store *store, const char *path, int64_t version);
    /** Names of the children, sorted, each followed by a NUL byte, in out (cleared first). */
    enum gale_err (*children)(struct store *store, const char *path, struct buf *out);
    /** All or nothing, in order. On failure *failed is the index of the first refused op. */
    enum gale_err (*multi)(struct store *store, const struct store_op *ops, size_t ops_count,
                           size_t *failed);
    /** A one-shot hint that a record (or its children) may have changed: fn is called from
     *  store_poll on the owner's thread. Adapters may call it without a change. */
    enum gale_err (*watch)(struct store *store, const char *path,
                           void (*fn)(void *argument, const char *path), void *argument);
    /** Delivers due watches; never blocks. */
    void (*poll)(struct store *store);
};

struct store {
    const struct store_ops *ops;
};

/** Opens the embedded store: one SQLite file (WAL, synchronous=FULL), created when missing, 0600.
 *  GALE_ERR_STATE: another process holds it; GALE_ERR_CORRUPT: not ours or damaged — with what to
 *  do in *error. */
enum gale_err store_sqlite_open(const char *path, struct store **out, struct gale_error *error);

#endif

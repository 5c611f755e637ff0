/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: the cluster store, a small tree of versioned records as ZooKeeper has it. Adapters:
 * store_sqlite (one file, one process) and, for clusters, store_zookeeper; both pass
 * tests/unit/coordinator/store/store_conformance. Nothing in it grows with the tuple rate. Paths:
 * "/a/b", parts [A-Za-z0-9._-]{1,128}, depth ≤ 16; values ≤ STORE_VALUE_MAX. One owner thread; a
 * store is of no use in a child after fork.
 *
 * A write ends in one of three ways: it took effect once (GALE_OK), it had and will have none
 * (every other error), or nothing is known (GALE_ERR_UNKNOWN, ZooKeeper only, when it could not be
 * asked before the deadline). After the last the write may still take effect, until a later write
 * of the same store succeeds or is refused.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"

#define STORE_VALUE_MAX (256u << 10)
#define STORE_MULTI_MAX (512u << 10) /* bytes of all values of one multi */
#define STORE_OPS_MAX 128u           /* operations of one multi */
#define STORE_ANY_VERSION (-1)
#define STORE_NAME_SIZE 129    /* holds the name of a candidate, NUL included */
#define STORE_GUID_MAX 64      /* of a candidate */
#define STORE_EPHEMERALS_MAX 8 /* of one process; a healthy one has one or two */

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

/* The session: what the store's servers know this process by. Its ephemeral records end with it. */
struct store_session {
    uint64_t generation; /* of the session: grows by one whenever one is lost */
    bool connected;      /* a server answered since the last break */
    int64_t contact_ns;  /* CLOCK_MONOTONIC: when the last answered request was sent */
    int64_t timeout_ns;  /* as agreed with the servers; 0: it ends only with the process */
};

enum store_link {
    STORE_CONNECTED,
    STORE_SUSPENDED, /* no word: another may take over soon; stop issuing, keep what is */
    STORE_LOST       /* its ephemeral records are or will be gone */
};

struct store_ops {
    /** Ends the session. In a child after fork it only forgets the store. */
    void (*close)(struct store *store);
    /** Creates a record (version 0); parents must exist ("/" does).
     *  GALE_ERR_EXISTS, GALE_ERR_NOT_FOUND (parent), GALE_ERR_LIMIT, GALE_ERR_INVALID (path).
     *  Every call of this port may also fail with GALE_ERR_TIMEOUT (no server in time, no
     *  effect), GALE_ERR_IO and GALE_ERR_NOMEM, every write with GALE_ERR_UNKNOWN. */
    enum gale_err (*create)(struct store *store, const char *path, const void *value,
                            size_t size);
    /** Reads into out (cleared first). @param version may be NULL. GALE_ERR_NOT_FOUND. */
    enum gale_err (*get)(struct store *store, const char *path, struct buf *out,
                         int64_t *version);
    /** Replaces; version + 1. GALE_ERR_STALE when the version is another, GALE_ERR_NOT_FOUND.
     *  @param new_version may be NULL. */
    enum gale_err (*set)(struct store *store, const char *path, const void *value, size_t size,
                         int64_t version, int64_t *new_version);
    /** Deletes a record without children. GALE_ERR_STALE, GALE_ERR_NOT_FOUND, GALE_ERR_STATE
     *  (has children). */
    enum gale_err (*remove)(struct store *store, const char *path, int64_t version);
    /** Names of the children, sorted, each followed by a NUL byte, in out (cleared first). */
    enum gale_err (*children)(struct store *store, const char *path, struct buf *out);
    /** All or nothing, in order. On failure *failed is the index of the first refused op.
     *  GALE_ERR_LIMIT beyond STORE_OPS_MAX or STORE_MULTI_MAX. */
    enum gale_err (*multi)(struct store *store, const struct store_op *ops, size_t ops_count,
                           size_t *failed);
    /** A one-shot hint that a record (or its children) may have changed: fn is called from
     *  store_poll on the owner's thread. Adapters may call it without a change: after each break
     *  of the connection, and after a while as a backstop. To miss nothing, read after it. */
    enum gale_err (*watch)(struct store *store, const char *path,
                           void (*fn)(void *argument, const char *path), void *argument);
    /** Delivers due watches and keeps the session; never blocks. Call it whenever fd is
     *  readable. */
    void (*poll)(struct store *store);

    /** Creates an ephemeral record: it has no children and is removed when the session ends. One
     *  of an earlier session of this very store is replaced. As create, and GALE_ERR_LIMIT
     *  beyond STORE_EPHEMERALS_MAX. */
    enum gale_err (*join)(struct store *store, const char *path, const void *value,
                          size_t size);
    /** Creates an ephemeral record folder/GUID-NNNNNNNNNN, N growing by one for each in the
     *  folder; when the session has one with this GUID already, that is the answer.
     *  @param guid a name part of at most STORE_GUID_MAX bytes that nobody else has.
     *  @param name receives its name. As join. */
    enum gale_err (*enlist)(struct store *store, const char *folder, const char *guid,
                            const void *value, size_t size, char name[STORE_NAME_SIZE]);
    /** What is known of the session now; see store_session_link. Never blocks. */
    void (*session)(struct store *store, struct store_session *out);
    /** A descriptor that is readable when poll is due (also for timers); the store's own. */
    int (*fd)(struct store *store);
};

struct store {
    const struct store_ops *ops;
};

/** The state of a session at a time: pure. SUSPENDED as soon as the connection is known to be gone,
 *  or after half the timeout without contact; LOST after two thirds, measured by the own monotonic
 *  clock, as a server that is away cannot say so. */
enum store_link store_session_link(const struct store_session *session, int64_t now_ns);
/** "connected", "suspended", "lost". */
const char *store_link_name(enum store_link link);

/** Opens the embedded store: one SQLite file (WAL, synchronous=FULL), created when missing, 0600.
 *  Its process is the only session: ephemeral records of an earlier one are removed here.
 *  GALE_ERR_STATE: another process holds it; GALE_ERR_CORRUPT: not ours or damaged — with what to
 *  do in *error. */
enum gale_err store_sqlite_open(const char *path, struct store **out, struct gale_error *error);

struct store_zookeeper_options {
    const char *servers;          /* "host:port,host:port/folder"; folder: made when missing */
    const char *credentials_path; /* file with "user:password" for digest, 0600; NULL: none */
    int session_ms;               /* asked for; the servers bound it. 0: 10,000 */
    int operation_ms;             /* deadline of each call. 0: 5,000 */
    int backstop_ms;              /* a watch fires at the latest after this. 0: 30,000 */
    bool retry_blindly; /* negative control of the tests: a write of unknown outcome is repeated
                           without looking whether it took effect */
};

/** Opens a store in a ZooKeeper ensemble; waits for a server until the deadline. Host names are
 *  resolved here, once. With credentials every record can be used by them alone; without, by
 *  everybody. The packaged client has no TLS: use a private network.
 *  GALE_ERR_INVALID: a malformed option; GALE_ERR_NOT_FOUND: no host resolves; GALE_ERR_TIMEOUT:
 *  no server answered; GALE_ERR_STATE: refused, or open to everybody despite credentials — with
 *  what to do in *error, never with the credentials. */
enum gale_err store_zookeeper_open(const struct store_zookeeper_options *options,
                                   struct store **out, struct gale_error *error);

#endif

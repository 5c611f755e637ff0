/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ZooKeeper session for one owner thread: single requests with a deadline, a session that is kept,
 * judged by the own clock and replaced when it is lost, and hints of watches. It knows nothing of the
 * store port but its operations; what an unknown outcome means is decided above (store_zookeeper.c).
 *
 *   CONNECTING ──beat answered──▶ CONNECTED ──link broken──▶ SUSPENDED ──beat answered──▶ CONNECTED
 *       ▲                                                       │ 2/3 of the timeout, or expired
 *       └────────────────── a new session ◀──────── LOST ◀──────┘
 *
 * A beat is a `sync` every quarter of the timeout: it is answered only by a server that reaches the
 * leader. Pings of the library say less, and do not say when. The library's two threads only put
 * what they have to say into a queue; everything else runs on the owner's thread.
 */
#ifndef STORE_ZK_H
#define STORE_ZK_H

#include "store/path.h"
#include "store/store.h"
#include "store/zk_address.h"

#define ZK_PATH_SIZE (STORE_PATH_SIZE + ZK_FOLDER_SIZE) /* with the store's folder */

enum zk_result {
    ZK_OK,
    ZK_NOT_FOUND,
    ZK_EXISTS,
    ZK_STALE,    /* another version */
    ZK_CHILDREN, /* has children, or may have none */
    ZK_DENIED,   /* by the ACL */
    ZK_REFUSED,  /* for another reason, surely without effect */
    ZK_UNKNOWN,  /* sent, but no answer: reads may be repeated, writes have to be looked for */
    ZK_NOT_SENT  /* no connection before the deadline, or not taken by the library */
};

struct zk;

struct zk_options {
    const char *servers;     /* numeric addresses "1.2.3.4:2181,…" */
    const char *credentials; /* "user:password", or NULL */
    int session_ms;
    /** On the owner's thread, from zk_pump: a path has changed; NULL: any may have. */
    void (*on_change)(void *argument, const char *path);
    void *argument;
};

struct zk_stat {
    int64_t version;
    int64_t owner;      /* session that it ends with; 0: none */
    int64_t created_ms; /* server's clock */
    int64_t changed_ms;
};

enum zk_mode { ZK_PERSISTENT, ZK_EPHEMERAL, ZK_CANDIDATE };

/* A request that changes something: all or nothing. Paths are complete (no store's folder). */
struct zk_multi {
    const struct store_op *ops;
    size_t ops_count;
    enum zk_mode mode;          /* of the first op, when it is a create */
    size_t failed;              /* out: index of the refused op */
    char created[ZK_PATH_SIZE]; /* out: path of the first op, when created */
};

/** Starts connecting; GALE_ERR_NOMEM, GALE_ERR_IO. Both strings are copied. */
enum gale_err zk_open(const struct zk_options *options, struct zk **out);
/** Ends the session and the library's threads. NULL is allowed. In a child after fork it does
 *  nothing, as the threads are not there. */
void zk_close(struct zk *zk);

/** Readable when zk_pump is due; always in time for the session. */
int zk_fd(const struct zk *zk);
/** Takes what the library said; keeps and replaces the session. Never blocks. */
void zk_pump(struct zk *zk);
/** Makes zk_fd readable. */
void zk_wake(struct zk *zk);
/** Pumps until the session is connected. @return whether it is. */
bool zk_wait_connected(struct zk *zk, int64_t deadline_ns);
void zk_session(const struct zk *zk, struct store_session *out);
/** The servers' number of the session, to know whose an ephemeral record is; never to be shown. */
int64_t zk_session_number(const struct zk *zk);
/** The server refused the credentials: no session will come. */
bool zk_auth_failed(const struct zk *zk);

/** One request each; they wait for a connection first. `out` is cleared first; stat may be NULL. */
enum zk_result zk_get(struct zk *zk, const char *path, int64_t deadline_ns, struct buf *out,
                      struct zk_stat *stat);
/** Names in the server's order, each followed by a NUL byte. */
enum zk_result zk_children(struct zk *zk, const char *path, int64_t deadline_ns,
                           struct buf *out);
enum zk_result zk_write(struct zk *zk, struct zk_multi *multi, int64_t deadline_ns);
/** Whether a record gives anything but reading to everybody. */
enum zk_result zk_is_open(struct zk *zk, const char *path, int64_t deadline_ns, bool *open);
/** Asks for a hint on the next change of a record or its children. Does not wait: later requests
 *  are answered after it took effect; after a break all is hinted at. */
void zk_arm(struct zk *zk, const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the opening of a ZooKeeper store (store_zookeeper_open.c) and its operations
 * (store_zookeeper.c) share. Not for others: they see the port, store.h. */
#ifndef STORE_STORE_ZOOKEEPER_H
#define STORE_STORE_ZOOKEEPER_H

#include "base/rng.h"
#include "store/watches.h"
#include "store/zk.h"

#include <sys/types.h>

#define ZK_GUID_SIZE 33
#define ZK_SESSIONS_KNOWN 8u

struct store_zookeeper {
    struct store base;
    struct zk *zk;
    pid_t pid;
    int64_t operation_ns;
    int64_t backstop_ns;
    bool retry_blindly;
    struct rng rng;
    struct watches watches;
    bool due; /* a watch of them, since the last poll */
    struct buf scratch;
    char folder[ZK_FOLDER_SIZE];

    bool marked;                /* the marker exists */
    char marker[ZK_GUID_SIZE];  /* its name */
    char pending[ZK_GUID_SIZE]; /* write of unknown outcome; empty: none */
    int64_t marker_version;     /* before it */

    int64_t sessions[ZK_SESSIONS_KNOWN]; /* ours, a ring; 0: not used */
    size_t sessions_count;
    uint64_t joined_generation;
    char *joined[STORE_EPHEMERALS_MAX]; /* ephemeral records of that session; NULL: free */
};

extern const struct store_ops store_zookeeper_ops;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's daemon: a cluster (cluster/cluster.h) with sockets, a store and a directory of
 * blobs, on a loop that others may share (`gale dev` puts a supervisor beside it).
 *
 *   STATE_DIR/lock      held while it lives      STATE_DIR/blobs/   modules and files
 *   STATE_DIR/store.db  without ZooKeeper
 *
 * One thread, the loop's. Blocks on the disk and, for at most store_zookeeper_options.operation_ms, on
 * the store.
 */
#ifndef CLUSTER_COORDINATOR_H
#define CLUSTER_COORDINATOR_H

#include "base/loop.h"
#include "store/store.h"
#include "worker/worker.h"

struct coordinator;

/* Everything is borrowed for the call of coordinator_new, builtins until coordinator_free. */
struct coordinator_options {
    const char *name;      /* NULL: the host's name */
    const char *listen;    /* requests: tcp://ADDRESS:PORT (* = any) or ipc:// */
    const char *control;   /* workers' messages, likewise */
    const char *advertise; /* address that others reach it by, where `listen`
                                               and `control` bind every interface; NULL: as bound,
                                               else the host's name */
    const char *state_dir; /* made with mode 0700 when missing */
    const struct store_zookeeper_options *zookeeper; /* NULL: an embedded store in state_dir */
    int64_t host_timeout_ms;                         /* 0: CLUSTER_HOST_TIMEOUT_MS */
    const struct worker_builtins *builtins;          /* as the worker verb has them */
    bool quiet; /* news are not logged (`gale dev` shows its own) */
};

/** Opens everything. @return GALE_OK and *out, to be freed by coordinator_free; GALE_ERR_EXISTS:
 *  another one has the state directory or an endpoint; GALE_ERR_INVALID, GALE_ERR_LIMIT,
 *  GALE_ERR_IO, GALE_ERR_TIMEOUT (ZooKeeper), GALE_ERR_NOMEM with what to do in *error. */
enum gale_err coordinator_new(const struct coordinator_options *options, struct loop *loop,
                              struct coordinator **out, struct gale_error *error);
/** Gives the lead away and closes everything; workers and supervisors live on. May be NULL. */
void coordinator_free(struct coordinator *coordinator);
/** Takes in what has come and does what is due; to be called in each round of the loop.
 *  @return true: there is more to do, do not wait. */
bool coordinator_step(struct coordinator *coordinator);
/** When coordinator_step is due at the latest. */
int64_t coordinator_next_ns(const struct coordinator *coordinator);
/** Endpoints as others reach them. Live as long as the coordinator. */
const char *coordinator_rpc(const struct coordinator *coordinator);
const char *coordinator_control(const struct coordinator *coordinator);
bool coordinator_leads(const struct coordinator *coordinator);

#endif

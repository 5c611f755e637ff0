/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the coordinator's daemon holds of the outside: the way to each worker, the hints to supervisors,
 * and under which address others reach an endpoint. One thread; nothing blocks.
 */
#ifndef CLUSTER_COORDINATOR_IO_H
#define CLUSTER_COORDINATOR_IO_H

#include "rpc/client.h"
#include "transport/transport.h"

#define COORDINATOR_POKES_MAX 64u /* supervisors to which a connection is kept */

struct coordinator_peer {
    uint64_t topology;
    uint32_t worker;
    struct transport_peer *peer;
};

/* Sorted by topology and worker. */
struct coordinator_peers {
    struct transport *transport; /* borrowed */
    struct coordinator_peer *items;
    size_t count, room;
};

/** Opens the way to a worker, in place of an earlier one; endpoint NULL closes it. */
void coordinator_peer_set(struct coordinator_peers *peers, uint64_t topology, uint32_t worker,
                          const char *endpoint);
/** Sends bytes; lost when there is no way or no room on it. */
void coordinator_peer_send(struct coordinator_peers *peers, uint64_t topology, uint32_t worker,
                           const struct buf *bytes);
void coordinator_peers_free(struct coordinator_peers *peers);

struct coordinator_pokes {
    struct rpc_client *clients[COORDINATOR_POKES_MAX];
    size_t count;
    size_t next; /* to be replaced when all are in use */
};

/** Asks the supervisor there to report soon. A hint: it may be lost. */
void coordinator_poke(struct coordinator_pokes *pokes, const char *endpoint);
/** Takes answers, which say nothing. */
void coordinator_pokes_step(struct coordinator_pokes *pokes);
void coordinator_pokes_free(struct coordinator_pokes *pokes);

/** The endpoint as others reach it: one that is bound to every interface gets the given address or
 *  the host's name. @param advertise may be NULL. GALE_ERR_LIMIT: too long, with *error set. */
enum gale_err coordinator_reach(const char *bound, const char *advertise, char *out,
                                size_t size, struct gale_error *error);

#endif

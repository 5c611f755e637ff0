/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses at which a coordinator may answer: where the command line looks for a cluster, what
 * became of each try, and the file that remembers who led last. Single-threaded; blocks.
 */
#ifndef CLI_CLUSTER_ADDRESS_H
#define CLI_CLUSTER_ADDRESS_H

#include "cli/cluster_client.h"
#include "config/config.h"

/* One address. */
struct cluster_candidate {
    char endpoint[RPC_ENDPOINT_SIZE];
    char result[96]; /* of the last try: "connection refused"; empty: not tried */
};

struct cluster_addresses {
    struct cluster_candidate items[CLUSTER_CANDIDATES_MAX];
    size_t count;
    const struct config *config; /* borrowed */
    const char *zookeeper; /* servers to ask when nobody else answers; the config's; "": none */
    char trouble[256];     /* why they could not be asked; empty: fine or not asked */
    char hint[256];        /* what to do when nobody answers */
    char cache[PATH_MAX];  /* file that remembers the leader; empty: none */
    char remembered[RPC_ENDPOINT_SIZE]; /* what that file says */
};

/** Fills in what the settings say and what is remembered. The config outlives the addresses. */
void cluster_addresses_init(struct cluster_addresses *addresses, const struct config *config);
/** Adds an address unless it is there already; in place of the last when there is no room.
 *  @return its index, -1: it is none. */
int cluster_addresses_add(struct cluster_addresses *addresses, const char *endpoint);
/** Adds the coordinators that ZooKeeper knows; nothing without ZooKeeper. Blocks for at most
 *  within_ms. */
void cluster_addresses_look(struct cluster_addresses *addresses, int64_t within_ms);
/** Remembers who leads; failure is silent, as it only costs time. */
void cluster_addresses_remember(struct cluster_addresses *addresses, const char *endpoint);
/** "no cluster answers: tried A (connection refused), B (…)". */
void cluster_addresses_explain(const struct cluster_addresses *addresses, char *out,
                               size_t size);

#endif

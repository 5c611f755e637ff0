/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of hosts and topologies made by hand, placed again and again: what one call decided is
 * what the next is told. One thread. */
#ifndef TESTS_PLACEMENT_FIXTURE_H
#define TESTS_PLACEMENT_FIXTURE_H

#include "schedule/placement.h"

#define CLUSTER_COMPONENTS_MAX 8
#define CLUSTER_NAME_SIZE 16

struct cluster_plan {
    struct plan plan;
    struct plan_component components[CLUSTER_COMPONENTS_MAX];
    struct plan_input inputs[CLUSTER_COMPONENTS_MAX];
    char name[CLUSTER_NAME_SIZE];
};

/* Hosts and topologies; the caller sets members between two calls of cluster_place. */
struct cluster {
    struct placement_host *hosts;
    char (*host_names)[CLUSTER_NAME_SIZE];
    uint32_t hosts_count;
    struct cluster_plan *plans;
    struct placement_topology *topologies;
    struct placement_result *results; /* of the last call */
    uint16_t **before;                /* [topologies] where their workers were before it */
    uint32_t *before_count;
    uint32_t topologies_count, room;
    struct placement_totals totals;
};

void cluster_init(struct cluster *cluster, uint32_t hosts_count, uint32_t slots,
                  uint32_t topologies_max);
void cluster_fini(struct cluster *cluster);
/** A topology whose components, a chain, have `parallelism` tasks each; 0 ends them. It is new. */
struct placement_topology *cluster_add(struct cluster *cluster, uint32_t workers,
                                       const uint32_t *parallelism);
struct cluster_plan *cluster_plan_of(struct cluster *cluster, uint32_t topology);
/** Places all and checks what must always hold. What has a place counts as running from then on. */
void cluster_place(struct cluster *cluster);
/** Makes the topology one to be placed anew, with its places as hints. */
void cluster_rebalance(struct cluster *cluster, uint32_t topology, uint32_t workers);
uint32_t cluster_workers_on(const struct cluster *cluster, uint32_t topology, uint32_t host);
uint32_t cluster_tasks_of(const struct cluster *cluster, uint32_t topology, uint32_t worker);
/** Slots of the host in use. */
uint32_t cluster_used(const struct cluster *cluster, uint32_t host);

#endif

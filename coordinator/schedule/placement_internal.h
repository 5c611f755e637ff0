/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the placement share; see placement.h. Lives for one call of placement_make. */
#ifndef SCHEDULE_PLACEMENT_INTERNAL_H
#define SCHEDULE_PLACEMENT_INTERNAL_H

#include "schedule/placement.h"

#define OWNER_NONE (-1)   /* any topology may use the host */
#define OWNER_NOBODY (-2) /* reserved for a topology that is not there */

/* One host while everything is placed. */
struct place_host {
    uint32_t used;       /* slots, of all topologies */
    uint32_t own;        /* slots of the topology that is looked at */
    uint32_t running;    /* workers that all running topologies have here */
    uint32_t others;     /* of those, the ones of others than the topology that is looked at */
    uint32_t own_before; /* workers that this topology has or had here */
    bool own_lives;      /* one of those is known to live */
    int64_t memory, cpu; /* in use */
    int32_t owner;       /* index of the topology that has it alone, or OWNER_… */
};

struct place_need {
    int64_t memory, cpu;
};

struct placer {
    const struct placement_input *input;
    struct placement_result *results;
    struct place_host *hosts;
    uint16_t *heap; /* hosts with room, the best first */
    uint32_t heap_count;
    uint16_t *aside; /* hosts without room for the present need */
    uint32_t aside_count;
    struct place_need needs[PLAN_WORKERS_MAX];
    uint64_t comparisons;
};

/** Whether its tasks are to be placed, too: it does not run. */
static inline bool place_is_new(const struct placement_topology *topology)
{
    return topology->task_worker == NULL;
}

/** Whether its workers may be on this host, living or not. */
static inline bool place_may_use(const struct placer *placer, uint32_t topology, uint32_t host)
{
    int32_t owner = placer->hosts[host].owner;
    return owner == (int32_t)topology ||
           (owner == OWNER_NONE && placer->input->topologies[topology].isolate_hosts == 0);
}

/** Decides who has which host alone. */
void place_isolate(struct placer *placer);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places the workers of all topologies on hosts, and the tasks of new ones in workers. Pure code:
 * same input, same answer.
 *
 *   stays    a worker whose host lives is never moved, unless its host now belongs to another
 *            topology alone; nor is one that is known to live although its host is silent
 *   even     a topology's workers lie on as many hosts as there are; of equal hosts the one with the
 *            smaller share of its slots in use is taken, then the first of the list
 *   room     slots, and where a host has limits and the components say what they need, memory and
 *            CPU. What runs is never moved for lack of them: they bound only what is placed anew
 *   order    lost workers of running topologies first, then new topologies, each in the order given;
 *            a new one that finds no room takes nothing, so that a smaller one behind it may start
 *   squeeze  a new topology gets fewer workers than it asks for where there are fewer slots, and
 *            never more than it has tasks. It grows when it is placed anew (rebalance), not by itself
 *   alone    a topology that asks for hosts of its own gets those it has, then empty ones; others
 *            are moved away from the rest only as far as needed. One that has none yet waits until
 *            it can have all of them
 */
#ifndef SCHEDULE_PLACEMENT_H
#define SCHEDULE_PLACEMENT_H

#include "core/plan.h"

#define PLACEMENT_HOSTS_MAX 16384u
#define PLACEMENT_TOPOLOGIES_MAX 4096u
#define PLACEMENT_NOWHERE UINT16_MAX
#define PLACEMENT_TEXT_SIZE 192

struct placement_host {
    const char *name;
    uint32_t slots;           /* workers that it may have */
    int64_t memory_mb;        /* of all its workers; 0 = not limited */
    int64_t cpu_points;       /* likewise; 100 = one core, 0 = not limited */
    bool alive;               /* may get workers */
    const char *isolated_for; /* name of the only topology that may use it, or NULL */
};

struct placement_topology {
    uint64_t id;
    const char *name;
    const struct plan *plan;
    uint32_t workers; /* as many as it wants; of a running one: as many as it has */
    /* [tasks_count + 1]. NULL: a new or rebalanced topology, whose tasks are placed too. */
    const uint16_t *task_worker;
    /* [host_of_worker_count] index of each worker's host until now, or PLACEMENT_NOWHERE. Of a
     * rebalanced topology a hint: what can stay there evenly does. May be NULL with count 0. */
    const uint16_t *host_of_worker;
    uint32_t host_of_worker_count;
    /* [host_of_worker_count] or NULL: workers that are known to live, so that they stay even where
     * their host is not alive. */
    const bool *worker_alive;
    /* Of a rebalanced topology with the same tasks as before, [tasks_count + 1]: where they were,
     * or NULL. */
    const uint16_t *previous_task_worker;
    uint32_t isolate_hosts; /* hosts that it wants for itself; 0: it shares */
};

enum placement_reason {
    PLACEMENT_PLACED,     /* every worker has a host */
    PLACEMENT_NO_HOSTS,   /* no host is alive that it may use */
    PLACEMENT_NO_SLOTS,   /* too few slots are free */
    PLACEMENT_NO_MEMORY,  /* slots are free, where memory is not */
    PLACEMENT_NO_CPU,     /* likewise CPU */
    PLACEMENT_NO_ISOLATED /* fewer hosts than it wants for itself */
};

struct placement_result {
    uint32_t workers_count;
    uint16_t *task_worker;        /* [tasks_count + 1]; as given for a running topology */
    uint16_t *host_of_worker;     /* [workers_count]; PLACEMENT_NOWHERE: waits */
    uint32_t waiting_count;       /* workers without a host; of a new one all or none */
    uint32_t moved_count;         /* workers that had a host and now have another */
    enum placement_reason reason; /* of those that wait */
    char waiting_for[PLACEMENT_TEXT_SIZE]; /* a sentence for people; empty: nothing waits */
};

struct placement_totals {
    uint64_t comparisons; /* work done: hosts compared or looked at */
    uint64_t workers_count, tasks_count, waiting_count, moved_count;
};

struct placement_input {
    const struct placement_host *hosts;
    uint32_t hosts_count;
    const struct placement_topology *topologies;
    uint32_t topologies_count;
};

/**
 * Places everything. All topologies of the cluster belong into one call, so that what they use is
 * counted.
 * @param results [topologies_count], to be given to placement_fini each, also after an error; a
 * caller may take the two arrays and set their pointers NULL. @param totals may be NULL.
 * @return GALE_OK, also when some wait; GALE_ERR_LIMIT: more hosts, topologies or workers than the
 * maxima; GALE_ERR_NOMEM.
 */
enum gale_err placement_make(const struct placement_input *input,
                             struct placement_result *results, struct placement_totals *totals);
void placement_fini(struct placement_result *result);
/** What the tasks of each worker say that they need: bytes and CPU points, into arrays of
 *  workers_count. Where no component says how much memory, memory_max of the topology counts. */
void placement_needs(const struct plan *plan, const uint16_t *task_worker,
                     uint32_t workers_count, int64_t *memory, int64_t *cpu_points);
/** "placed", "no hosts", "no slots" … */
const char *placement_reason_name(enum placement_reason reason);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts for one topology alone. First every topology keeps what it has: hosts that are set aside for
 * it by name, and those where only its own workers are. Then each takes what it still lacks, in
 * the order given: the hosts with the fewest workers of others, of those the largest, then the
 * first. Pure.
 */
#include "schedule/placement_internal.h"

#include <string.h>

/* Counts what the topology had where. */
static void count_own(struct placer *placer, const struct placement_topology *topology)
{
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        placer->hosts[i].own_before = 0;
        placer->hosts[i].own_lives = false;
        placer->hosts[i].others = placer->hosts[i].running;
    }
    for (uint32_t i = 0; i < topology->host_of_worker_count; i++) {
        uint16_t host = topology->host_of_worker[i];
        if (host < placer->input->hosts_count) {
            placer->hosts[host].own_before++;
            placer->hosts[host].others -= place_is_new(topology) ? 0 : 1;
            placer->hosts[host].own_lives |=
                topology->worker_alive && topology->worker_alive[i];
        }
    }
}

static uint32_t owned_count(const struct placer *placer, uint32_t topology)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        count += placer->hosts[i].owner == (int32_t)topology;
    }
    return count;
}

/* Hosts that are set aside by name belong to that topology, whether it asks for hosts or not. */
static void owners_by_name(struct placer *placer)
{
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        const char *name = placer->input->hosts[i].isolated_for;
        placer->hosts[i].owner = name ? OWNER_NOBODY : OWNER_NONE;
        for (uint32_t k = 0; name && k < placer->input->topologies_count; k++) {
            if (strcmp(placer->input->topologies[k].name, name) == 0) {
                placer->hosts[i].owner = (int32_t)k;
                break;
            }
        }
    }
}

static void keep_own(struct placer *placer, uint32_t topology)
{
    uint32_t wanted = placer->input->topologies[topology].isolate_hosts;
    uint32_t count = owned_count(placer, topology);
    count_own(placer, &placer->input->topologies[topology]);
    for (uint32_t i = 0; i < placer->input->hosts_count && count < wanted; i++) {
        struct place_host *host = &placer->hosts[i];
        bool usable = placer->input->hosts[i].alive || host->own_lives;
        if (usable && host->owner == OWNER_NONE && host->own_before > 0 && host->others == 0) {
            host->owner = (int32_t)topology;
            count++;
        }
    }
}

/* Whether host a is taken before host b. */
static bool is_taken_before(const struct placer *placer, uint32_t a, uint32_t b)
{
    const struct place_host *first = &placer->hosts[a], *second = &placer->hosts[b];
    if (first->others != second->others) {
        return first->others < second->others;
    }
    if ((first->own_before > 0) != (second->own_before > 0)) {
        return first->own_before > 0;
    }
    uint32_t slots_first = placer->input->hosts[a].slots;
    uint32_t slots_second = placer->input->hosts[b].slots;
    return slots_first != slots_second ? slots_first > slots_second : a < b;
}

/* The next host to take, or UINT32_MAX. */
static uint32_t next_free(struct placer *placer)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        placer->comparisons++;
        if (placer->hosts[i].owner == OWNER_NONE && placer->input->hosts[i].alive &&
            (best == UINT32_MAX || is_taken_before(placer, i, best))) {
            best = i;
        }
    }
    return best;
}

static void take_lacking(struct placer *placer, uint32_t index)
{
    const struct placement_topology *topology = &placer->input->topologies[index];
    uint32_t count = owned_count(placer, index);
    uint32_t free_count = 0;
    count_own(placer, topology);
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        free_count += placer->hosts[i].owner == OWNER_NONE && placer->input->hosts[i].alive;
    }
    if (place_is_new(topology) && count == 0 && free_count < topology->isolate_hosts) {
        return;
    }
    while (count < topology->isolate_hosts) {
        uint32_t host = next_free(placer);
        if (host == UINT32_MAX) {
            return;
        }
        placer->hosts[host].owner = (int32_t)index;
        count++;
    }
}

void place_isolate(struct placer *placer)
{
    owners_by_name(placer);
    for (uint32_t i = 0; i < placer->input->topologies_count; i++) {
        if (placer->input->topologies[i].isolate_hosts > 0) {
            keep_own(placer, i);
        }
    }
    for (uint32_t i = 0; i < placer->input->topologies_count; i++) {
        if (placer->input->topologies[i].isolate_hosts > 0) {
            take_lacking(placer, i);
        }
    }
}

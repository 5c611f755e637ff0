/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placement of workers on hosts; the rules are in placement.h. Three passes over the topologies: what
 * stays is counted, then lost workers of running topologies are placed, then new topologies. For
 * each topology the hosts with room lie in a heap, the best on top, so that a worker costs
 * O(log hosts). Workers are placed from the most to the least demanding. Pure.
 */
#include "base/assert.h"
#include "schedule/placement_internal.h"
#include "schedule/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEGABYTE (INT64_C(1) << 20)
/* What a worker needs at most counts as this: the sum over all workers stays below 2^63. */
#define NEED_MAX (INT64_C(1) << 42)

const char *placement_reason_name(enum placement_reason reason)
{
    switch (reason) {
    case PLACEMENT_PLACED: return "placed";
    case PLACEMENT_NO_HOSTS: return "no hosts";
    case PLACEMENT_NO_SLOTS: return "no slots";
    case PLACEMENT_NO_MEMORY: return "no memory";
    case PLACEMENT_NO_CPU: return "no cpu";
    case PLACEMENT_NO_ISOLATED: return "no hosts of its own";
    }
    return "unknown";
}

void placement_needs(const struct plan *plan, const uint16_t *task_worker,
                     uint32_t workers_count, int64_t *memory, int64_t *cpu_points)
{
    bool memory_said = false;
    memset(memory, 0, workers_count * sizeof(*memory));
    memset(cpu_points, 0, workers_count * sizeof(*cpu_points));
    for (uint16_t i = 0; i < plan->components_count; i++) {
        const struct plan_component *component = &plan->components[i];
        memory_said = memory_said || component->memory > 0;
        for (uint32_t k = 0; k < component->parallelism; k++) {
            uint16_t worker = task_worker[component->first_task + k];
            GALE_ASSERT(worker < workers_count);
            memory[worker] += component->memory;
            cpu_points[worker] += component->cpu_points;
        }
    }
    for (uint32_t i = 0; i < workers_count; i++) {
        memory[i] = memory_said ? memory[i] : plan->memory_max;
        memory[i] = memory[i] < NEED_MAX ? memory[i] : NEED_MAX;
    }
}

static void needs_fill(struct placer *placer, const struct placement_topology *topology,
                       const struct placement_result *result)
{
    int64_t memory[PLAN_WORKERS_MAX], cpu[PLAN_WORKERS_MAX];
    placement_needs(topology->plan, result->task_worker, result->workers_count, memory, cpu);
    for (uint32_t i = 0; i < result->workers_count; i++) {
        placer->needs[i] = (struct place_need){memory[i], cpu[i]};
    }
}

/* ---- Hosts ----------------------------------------------------------------------------------- */

static bool has_memory(const struct placer *placer, uint32_t host, int64_t memory)
{
    int64_t limit_mb = placer->input->hosts[host].memory_mb;
    return limit_mb == 0 || memory == 0 ||
           placer->hosts[host].memory + memory <= limit_mb * MEGABYTE;
}

static bool has_cpu(const struct placer *placer, uint32_t host, int64_t cpu)
{
    int64_t limit = placer->input->hosts[host].cpu_points;
    return limit == 0 || cpu == 0 || placer->hosts[host].cpu + cpu <= limit;
}

static bool has_slot(const struct placer *placer, uint32_t host)
{
    return placer->hosts[host].used < placer->input->hosts[host].slots;
}

static bool may_place(const struct placer *placer, uint32_t topology, uint32_t host)
{
    return placer->input->hosts[host].alive && place_may_use(placer, topology, host);
}

static void occupy(struct placer *placer, uint32_t host, struct place_need need)
{
    placer->hosts[host].used++;
    placer->hosts[host].own++;
    placer->hosts[host].memory += need.memory;
    placer->hosts[host].cpu += need.cpu;
}

static void vacate(struct placer *placer, uint32_t host, struct place_need need)
{
    GALE_ASSERT(placer->hosts[host].used > 0);
    placer->hosts[host].used--;
    placer->hosts[host].own--;
    placer->hosts[host].memory -= need.memory;
    placer->hosts[host].cpu -= need.cpu;
}

/* ---- The heap -------------------------------------------------------------------------------- */

/* Fewer workers of this topology, then a smaller share of the slots in use, then the order given. */
static bool is_better(struct placer *placer, uint16_t a, uint16_t b)
{
    const struct place_host *first = &placer->hosts[a], *second = &placer->hosts[b];
    placer->comparisons++;
    if (first->own != second->own) {
        return first->own < second->own;
    }
    uint64_t share_first = (uint64_t)first->used * placer->input->hosts[b].slots;
    uint64_t share_second = (uint64_t)second->used * placer->input->hosts[a].slots;
    return share_first != share_second ? share_first < share_second : a < b;
}

static void heap_swap(struct placer *placer, uint32_t i, uint32_t k)
{
    uint16_t host = placer->heap[i];
    placer->heap[i] = placer->heap[k];
    placer->heap[k] = host;
}

static void heap_sink(struct placer *placer, uint32_t at)
{
    for (;;) {
        uint32_t best = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < placer->heap_count &&
                is_better(placer, placer->heap[child], placer->heap[best])) {
                best = child;
            }
        }
        if (best == at) {
            return;
        }
        heap_swap(placer, at, best);
        at = best;
    }
}

static void heap_push(struct placer *placer, uint16_t host)
{
    uint32_t at = placer->heap_count++;
    placer->heap[at] = host;
    while (at > 0 && is_better(placer, placer->heap[at], placer->heap[(at - 1) / 2])) {
        heap_swap(placer, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void heap_pop(struct placer *placer)
{
    placer->heap[0] = placer->heap[--placer->heap_count];
    heap_sink(placer, 0);
}

/* All hosts with a free slot that the topology may use. */
static void heap_fill(struct placer *placer, uint32_t topology)
{
    placer->heap_count = 0;
    placer->aside_count = 0;
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        placer->comparisons++;
        if (may_place(placer, topology, i) && has_slot(placer, i)) {
            placer->heap[placer->heap_count++] = (uint16_t)i;
        }
    }
    for (uint32_t i = placer->heap_count / 2; i-- > 0;) {
        heap_sink(placer, i);
    }
}

/* Takes a place on the best host that has room, or returns PLACEMENT_NOWHERE. */
static uint16_t heap_take(struct placer *placer, struct place_need need)
{
    while (placer->heap_count > 0) {
        uint16_t host = placer->heap[0];
        if (has_memory(placer, host, need.memory) && has_cpu(placer, host, need.cpu)) {
            occupy(placer, host, need);
            if (has_slot(placer, host)) {
                heap_sink(placer, 0);
            } else {
                heap_pop(placer);
            }
            return host;
        }
        placer->aside[placer->aside_count++] = host;
        heap_pop(placer);
    }
    return PLACEMENT_NOWHERE;
}

static void heap_restore(struct placer *placer)
{
    while (placer->aside_count > 0) {
        heap_push(placer, placer->aside[--placer->aside_count]);
    }
}

/* ---- One topology ---------------------------------------------------------------------------- */

static bool is_same_need(struct place_need a, struct place_need b)
{
    return a.memory == b.memory && a.cpu == b.cpu;
}

static bool is_greater_need(struct place_need a, struct place_need b)
{
    return a.memory != b.memory ? a.memory > b.memory : a.cpu > b.cpu;
}

/* Workers without a host, the most demanding first, then by index. Needs are mostly equal. */
static uint32_t order_missing(const struct placer *placer,
                              const struct placement_result *result,
                              uint16_t order[PLAN_WORKERS_MAX])
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < result->workers_count; i++) {
        if (result->host_of_worker[i] != PLACEMENT_NOWHERE) {
            continue;
        }
        uint32_t at = count++;
        while (at > 0 && is_greater_need(placer->needs[i], placer->needs[order[at - 1]])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    return count;
}

static void own_count(struct placer *placer, const struct placement_result *result)
{
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        placer->hosts[i].own = 0;
    }
    for (uint32_t i = 0; i < result->workers_count; i++) {
        if (result->host_of_worker[i] != PLACEMENT_NOWHERE) {
            placer->hosts[result->host_of_worker[i]].own++;
        }
    }
}

/* Says why a worker with this need finds no host. */
static void explain(struct placer *placer, uint32_t index, struct place_need need)
{
    const struct placement_topology *topology = &placer->input->topologies[index];
    struct placement_result *result = &placer->results[index];
    uint32_t hosts = 0, slots = 0, with_slot = 0, with_memory = 0;
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        if (may_place(placer, index, i)) {
            hosts++;
            slots += placer->input->hosts[i].slots;
            with_slot += has_slot(placer, i);
            with_memory += has_slot(placer, i) && has_memory(placer, i, need.memory);
        }
    }
    char *text = result->waiting_for;
    if (hosts == 0 && topology->isolate_hosts > 0) {
        result->reason = PLACEMENT_NO_ISOLATED;
        snprintf(text, PLACEMENT_TEXT_SIZE,
                 "it wants %u hosts for itself and there are not so many free of others",
                 topology->isolate_hosts);
    } else if (hosts == 0) {
        result->reason = PLACEMENT_NO_HOSTS;
        snprintf(text, PLACEMENT_TEXT_SIZE,
                 "no host is there that it may use: start gale supervisor on one");
    } else if (with_slot == 0) {
        result->reason = PLACEMENT_NO_SLOTS;
        snprintf(text, PLACEMENT_TEXT_SIZE,
                 "%u of its %u workers wait for a slot: all %u slots of %u hosts are in use",
                 result->waiting_count, result->workers_count, slots, hosts);
    } else if (with_memory == 0) {
        result->reason = PLACEMENT_NO_MEMORY;
        snprintf(
            text, PLACEMENT_TEXT_SIZE,
            "%u of its %u workers wait for memory: no host with a free slot has %lld MB left",
            result->waiting_count, result->workers_count,
            (long long)((need.memory + MEGABYTE - 1) / MEGABYTE));
    } else {
        result->reason = PLACEMENT_NO_CPU;
        snprintf(
            text, PLACEMENT_TEXT_SIZE,
            "%u of its %u workers wait for CPU: no host with a free slot and its memory has "
            "%lld points left",
            result->waiting_count, result->workers_count, (long long)need.cpu);
    }
}

/* Places the workers that have no host. */
static void place_missing(struct placer *placer, uint32_t index)
{
    uint16_t order[PLAN_WORKERS_MAX];
    struct placement_result *result = &placer->results[index];
    uint32_t count = order_missing(placer, result, order);
    struct place_need lacking = {0};
    if (count == 0) {
        return;
    }
    own_count(placer, result);
    heap_fill(placer, index);
    for (uint32_t i = 0; i < count; i++) {
        struct place_need need = placer->needs[order[i]];
        if (i > 0 && !is_same_need(need, placer->needs[order[i - 1]])) {
            heap_restore(placer);
        }
        uint16_t host = heap_take(placer, need);
        result->host_of_worker[order[i]] = host;
        if (host == PLACEMENT_NOWHERE) {
            lacking = result->waiting_count++ == 0 ? need : lacking;
        }
    }
    if (result->waiting_count > 0) {
        explain(placer, index, lacking);
    }
}

static enum gale_err result_make(const struct placement_topology *topology,
                                 uint32_t workers_count, struct placement_result *result)
{
    size_t tasks = (size_t)topology->plan->tasks_count + 1;
    result->workers_count = workers_count;
    result->task_worker = calloc(tasks, sizeof(*result->task_worker));
    result->host_of_worker = malloc(workers_count * sizeof(*result->host_of_worker));
    if (!result->task_worker || !result->host_of_worker) {
        return GALE_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < workers_count; i++) {
        result->host_of_worker[i] = PLACEMENT_NOWHERE;
    }
    return GALE_OK;
}

/* ---- Running topologies ---------------------------------------------------------------------- */

static enum gale_err running_keep(struct placer *placer, uint32_t index)
{
    const struct placement_topology *topology = &placer->input->topologies[index];
    struct placement_result *result = &placer->results[index];
    enum gale_err err = result_make(topology, topology->workers, result);
    if (err) {
        return err;
    }
    memcpy(result->task_worker, topology->task_worker,
           ((size_t)topology->plan->tasks_count + 1) * sizeof(*result->task_worker));
    needs_fill(placer, topology, result);
    for (uint32_t i = 0; i < topology->workers && i < topology->host_of_worker_count; i++) {
        uint16_t host = topology->host_of_worker[i];
        bool lives = topology->worker_alive && topology->worker_alive[i];
        if (host < placer->input->hosts_count && place_may_use(placer, index, host) &&
            (placer->input->hosts[host].alive || lives)) {
            result->host_of_worker[i] = host;
            occupy(placer, host, placer->needs[i]);
        }
    }
    return GALE_OK;
}

static void running_place(struct placer *placer, uint32_t index)
{
    needs_fill(placer, &placer->input->topologies[index], &placer->results[index]);
    place_missing(placer, index);
}

/* ---- New topologies -------------------------------------------------------------------------- */

/* Workers that its isolated tasks need, and one for the others. */
static uint32_t workers_min(const struct plan *plan)
{
    uint32_t isolated = 0;
    for (uint16_t i = 0; i < plan->components_count; i++) {
        isolated += plan->components[i].isolate ? plan->components[i].parallelism : 0;
    }
    return isolated + (plan->tasks_count > isolated ? 1 : 0);
}

static uint32_t workers_for(const struct placer *placer, uint32_t index)
{
    const struct placement_topology *topology = &placer->input->topologies[index];
    uint32_t tasks = topology->plan->tasks_count;
    uint32_t least = workers_min(topology->plan);
    uint64_t slots = 0;
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        if (may_place(placer, index, i) && has_slot(placer, i)) {
            slots += placer->input->hosts[i].slots - placer->hosts[i].used;
        }
    }
    uint32_t workers = topology->workers < tasks ? topology->workers : tasks;
    workers = workers > slots && slots > 0 ? (uint32_t)slots : workers;
    workers = workers < least ? least : workers;
    return workers;
}

/* Keeps the hosts of a rebalanced topology as far as that is even. */
static void hints_use(struct placer *placer, uint32_t index)
{
    const struct placement_topology *topology = &placer->input->topologies[index];
    struct placement_result *result = &placer->results[index];
    uint32_t hosts = 0;
    own_count(placer, result);
    for (uint32_t i = 0; i < placer->input->hosts_count; i++) {
        hosts += may_place(placer, index, i) && has_slot(placer, i);
    }
    uint32_t share = hosts ? (result->workers_count + hosts - 1) / hosts : 0;
    for (uint32_t i = 0; i < result->workers_count && i < topology->host_of_worker_count; i++) {
        uint16_t host = topology->host_of_worker[i];
        struct place_need need = placer->needs[i];
        if (host < placer->input->hosts_count && may_place(placer, index, host) &&
            has_slot(placer, host) && placer->hosts[host].own < share &&
            has_memory(placer, host, need.memory) && has_cpu(placer, host, need.cpu)) {
            result->host_of_worker[i] = host;
            occupy(placer, host, need);
        }
    }
}

static void new_withdraw(struct placer *placer, struct placement_result *result)
{
    for (uint32_t i = 0; i < result->workers_count; i++) {
        if (result->host_of_worker[i] != PLACEMENT_NOWHERE) {
            vacate(placer, result->host_of_worker[i], placer->needs[i]);
            result->host_of_worker[i] = PLACEMENT_NOWHERE;
        }
    }
    result->waiting_count = result->workers_count;
}

static enum gale_err new_place(struct placer *placer, uint32_t index)
{
    const struct placement_topology *topology = &placer->input->topologies[index];
    struct placement_result *result = &placer->results[index];
    uint32_t workers = workers_for(placer, index);
    if (workers > PLAN_WORKERS_MAX) {
        return GALE_ERR_LIMIT;
    }
    enum gale_err err = result_make(topology, workers, result);
    err = err ? err
              : schedule_even(topology->plan, workers, topology->previous_task_worker,
                              result->task_worker);
    if (err) {
        return err;
    }
    needs_fill(placer, topology, result);
    hints_use(placer, index);
    place_missing(placer, index);
    if (result->waiting_count > 0) {
        new_withdraw(placer, result);
    }
    return GALE_OK;
}

/* ---- All ------------------------------------------------------------------------------------- */

/* One that is placed anew is nowhere: where it was is a hint. */
static void running_count(struct placer *placer)
{
    for (uint32_t i = 0; i < placer->input->topologies_count; i++) {
        const struct placement_topology *topology = &placer->input->topologies[i];
        for (uint32_t k = 0; !place_is_new(topology) && k < topology->host_of_worker_count;
             k++) {
            if (topology->host_of_worker[k] < placer->input->hosts_count) {
                placer->hosts[topology->host_of_worker[k]].running++;
            }
        }
    }
}

static enum gale_err input_check(const struct placement_input *input)
{
    if (input->hosts_count > PLACEMENT_HOSTS_MAX ||
        input->topologies_count > PLACEMENT_TOPOLOGIES_MAX) {
        return GALE_ERR_LIMIT;
    }
    for (uint32_t i = 0; i < input->topologies_count; i++) {
        const struct placement_topology *topology = &input->topologies[i];
        if (topology->workers < 1 || topology->workers > PLAN_WORKERS_MAX) {
            return GALE_ERR_LIMIT;
        }
    }
    return GALE_OK;
}

static enum gale_err place_all(struct placer *placer)
{
    const struct placement_input *input = placer->input;
    enum gale_err err = GALE_OK;
    running_count(placer);
    place_isolate(placer);
    for (uint32_t i = 0; i < input->topologies_count && !err; i++) {
        err = place_is_new(&input->topologies[i]) ? GALE_OK : running_keep(placer, i);
    }
    for (uint32_t i = 0; i < input->topologies_count && !err; i++) {
        if (!place_is_new(&input->topologies[i])) {
            running_place(placer, i);
        }
    }
    for (uint32_t i = 0; i < input->topologies_count && !err; i++) {
        err = place_is_new(&input->topologies[i]) ? new_place(placer, i) : GALE_OK;
    }
    return err;
}

static void moves_count(const struct placement_topology *topology,
                        struct placement_result *result)
{
    for (uint32_t i = 0; i < result->workers_count && i < topology->host_of_worker_count; i++) {
        result->moved_count += topology->host_of_worker[i] != PLACEMENT_NOWHERE &&
                               result->host_of_worker[i] != PLACEMENT_NOWHERE &&
                               result->host_of_worker[i] != topology->host_of_worker[i];
    }
}

static void totals_add(struct placer *placer, struct placement_totals *totals)
{
    *totals = (struct placement_totals){.comparisons = placer->comparisons};
    for (uint32_t i = 0; i < placer->input->topologies_count; i++) {
        const struct placement_result *result = &placer->results[i];
        totals->workers_count += result->workers_count;
        totals->tasks_count += placer->input->topologies[i].plan->tasks_count;
        totals->waiting_count += result->waiting_count;
        totals->moved_count += result->moved_count;
    }
}

enum gale_err placement_make(const struct placement_input *input,
                             struct placement_result *results, struct placement_totals *totals)
{
    if (input->topologies_count > 0) {
        memset(results, 0, input->topologies_count * sizeof(*results));
    }
    enum gale_err err = input_check(input);
    struct placer *placer = err ? NULL : calloc(1, sizeof(*placer));
    if (!placer) {
        return err ? err : GALE_ERR_NOMEM;
    }
    placer->input = input;
    placer->results = results;
    placer->hosts = calloc((size_t)input->hosts_count + 1, sizeof(*placer->hosts));
    placer->heap = calloc((size_t)input->hosts_count + 1, sizeof(*placer->heap));
    placer->aside = calloc((size_t)input->hosts_count + 1, sizeof(*placer->aside));
    err = placer->hosts && placer->heap && placer->aside ? place_all(placer) : GALE_ERR_NOMEM;
    for (uint32_t i = 0; i < input->topologies_count && !err; i++) {
        moves_count(&input->topologies[i], &results[i]);
    }
    if (!err && totals) {
        totals_add(placer, totals);
    }
    free(placer->hosts);
    free(placer->heap);
    free(placer->aside);
    free(placer);
    return err;
}

void placement_fini(struct placement_result *result)
{
    free(result->task_worker);
    free(result->host_of_worker);
    result->task_worker = NULL;
    result->host_of_worker = NULL;
}

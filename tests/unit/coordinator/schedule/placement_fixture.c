/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster of the placement's tests; see placement_fixture.h. */
#include "placement_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    assert_non_null(memory);
    return memory;
}

void cluster_init(struct cluster *cluster, uint32_t hosts_count, uint32_t slots,
                  uint32_t topologies_max)
{
    memset(cluster, 0, sizeof(*cluster));
    cluster->hosts = zeroed(hosts_count, sizeof(*cluster->hosts));
    cluster->host_names = zeroed(hosts_count, sizeof(*cluster->host_names));
    cluster->plans = zeroed(topologies_max, sizeof(*cluster->plans));
    cluster->topologies = zeroed(topologies_max, sizeof(*cluster->topologies));
    cluster->results = zeroed(topologies_max, sizeof(*cluster->results));
    cluster->before = zeroed(topologies_max, sizeof(*cluster->before));
    cluster->before_count = zeroed(topologies_max, sizeof(*cluster->before_count));
    cluster->hosts_count = hosts_count;
    cluster->room = topologies_max;
    for (uint32_t i = 0; i < hosts_count; i++) {
        (void)snprintf(cluster->host_names[i], CLUSTER_NAME_SIZE, "host%u", i);
        cluster->hosts[i] = (struct placement_host){
            .name = cluster->host_names[i], .slots = slots, .alive = true};
    }
}

void cluster_fini(struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->topologies_count; i++) {
        placement_fini(&cluster->results[i]);
        free(cluster->before[i]);
    }
    free(cluster->hosts);
    free(cluster->host_names);
    free(cluster->plans);
    free(cluster->topologies);
    free(cluster->results);
    free(cluster->before);
    free(cluster->before_count);
}

struct cluster_plan *cluster_plan_of(struct cluster *cluster, uint32_t topology)
{
    assert_true(topology < cluster->topologies_count);
    return &cluster->plans[topology];
}

struct placement_topology *cluster_add(struct cluster *cluster, uint32_t workers,
                                       const uint32_t *parallelism)
{
    uint32_t index = cluster->topologies_count++;
    assert_true(index < cluster->room);
    struct cluster_plan *made = &cluster->plans[index];
    (void)snprintf(made->name, sizeof(made->name), "t%u", index);
    made->plan.name = made->name;
    made->plan.components = made->components;
    for (uint16_t i = 0; parallelism[i] > 0; i++) {
        assert_true(i < CLUSTER_COMPONENTS_MAX);
        struct plan_component *component = &made->components[i];
        component->parallelism = parallelism[i];
        component->first_task = made->plan.tasks_count + 1;
        component->level = i;
        if (i > 0) {
            made->inputs[i].source = (uint16_t)(i - 1);
            component->inputs = &made->inputs[i];
            component->inputs_count = 1;
        }
        made->plan.tasks_count += parallelism[i];
        made->plan.components_count = (uint16_t)(i + 1);
        made->plan.levels_count = made->plan.components_count;
    }
    cluster->topologies[index] = (struct placement_topology){
        .id = index + 1u, .name = made->name, .plan = &made->plan, .workers = workers};
    return &cluster->topologies[index];
}

/* The hosts keep their limits, except for what stays, and are used by those alone that may. */
static void hosts_check(const struct cluster *cluster)
{
    for (uint32_t host = 0; host < cluster->hosts_count; host++) {
        uint32_t fresh = 0;
        for (uint32_t t = 0; t < cluster->topologies_count; t++) {
            const struct placement_result *result = &cluster->results[t];
            for (uint32_t i = 0; i < result->workers_count; i++) {
                bool stayed = i < cluster->before_count[t] && cluster->before[t][i] == host;
                fresh += result->host_of_worker[i] == host && !stayed;
            }
        }
        assert_true(fresh == 0 || cluster->hosts[host].alive);
        assert_true(fresh == 0 || cluster_used(cluster, host) <= cluster->hosts[host].slots);
    }
}

static void result_check(const struct placement_topology *topology,
                         const struct placement_result *result)
{
    uint32_t waiting = 0;
    assert_true(result->workers_count <= PLAN_WORKERS_MAX);
    for (uint32_t i = 0; i < result->workers_count; i++) {
        waiting += result->host_of_worker[i] == PLACEMENT_NOWHERE;
    }
    assert_int_equal(waiting, result->waiting_count);
    assert_int_equal(waiting == 0, result->reason == PLACEMENT_PLACED);
    assert_int_equal(waiting == 0, result->waiting_for[0] == '\0');
    /* A new one is placed wholly or not at all. */
    assert_true(topology->task_worker || waiting == 0 || waiting == result->workers_count);
    for (uint32_t task = 1; task <= topology->plan->tasks_count; task++) {
        assert_true(result->task_worker[task] < result->workers_count);
        if (topology->task_worker) {
            assert_int_equal(result->task_worker[task], topology->task_worker[task]);
        }
    }
}

void cluster_place(struct cluster *cluster)
{
    const struct placement_input input = {cluster->hosts, cluster->hosts_count,
                                          cluster->topologies, cluster->topologies_count};
    struct placement_result *results = zeroed(cluster->room, sizeof(*results));
    assert_int_equal(placement_make(&input, results, &cluster->totals), GALE_OK);
    for (uint32_t i = 0; i < cluster->topologies_count; i++) {
        struct placement_topology *topology = &cluster->topologies[i];
        struct placement_result *result = &cluster->results[i];
        result_check(topology, &results[i]);
        free(cluster->before[i]);
        free(result->task_worker);
        cluster->before[i] = result->host_of_worker;
        cluster->before_count[i] = result->workers_count;
        *result = results[i];
        topology->host_of_worker = result->host_of_worker;
        topology->host_of_worker_count = result->workers_count;
        topology->worker_alive = NULL;
        topology->previous_task_worker = NULL;
        bool waits = topology->task_worker == NULL && result->waiting_count > 0;
        topology->task_worker = waits ? NULL : result->task_worker;
        topology->workers = waits ? topology->workers : result->workers_count;
    }
    hosts_check(cluster);
    free(results);
}

void cluster_rebalance(struct cluster *cluster, uint32_t topology, uint32_t workers)
{
    struct placement_topology *changed = &cluster->topologies[topology];
    changed->previous_task_worker = changed->task_worker;
    changed->task_worker = NULL;
    changed->workers = workers;
}

uint32_t cluster_workers_on(const struct cluster *cluster, uint32_t topology, uint32_t host)
{
    const struct placement_result *result = &cluster->results[topology];
    uint32_t count = 0;
    for (uint32_t i = 0; i < result->workers_count; i++) {
        count += result->host_of_worker[i] == host;
    }
    return count;
}

uint32_t cluster_tasks_of(const struct cluster *cluster, uint32_t topology, uint32_t worker)
{
    const struct plan *plan = cluster->topologies[topology].plan;
    uint32_t count = 0;
    for (uint32_t task = 1; task <= plan->tasks_count; task++) {
        count += cluster->results[topology].task_worker[task] == worker;
    }
    return count;
}

uint32_t cluster_used(const struct cluster *cluster, uint32_t host)
{
    uint32_t used = 0;
    for (uint32_t t = 0; t < cluster->topologies_count; t++) {
        used += cluster_workers_on(cluster, t, host);
    }
    return used;
}

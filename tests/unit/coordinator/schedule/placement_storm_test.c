/* SPDX-License-Identifier: Apache-2.0 */
/* Storm's cases of Nimbus and its schedulers that concern who gets which place, under their names there:
 * assignment, executor split, squeezed topology, reassignment, rebalance, isolation. What Storm calls
 * an executor is a task here. */
#include "placement_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Tasks of each worker, sorted from few to many, as text. */
static void assert_split(const struct cluster *cluster, uint32_t topology, const char *expected)
{
    char text[256] = "";
    size_t used = 0;
    for (uint32_t tasks = 0; tasks < 64; tasks++) {
        for (uint32_t i = 0; i < cluster->results[topology].workers_count; i++) {
            if (cluster_tasks_of(cluster, topology, i) == tasks) {
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u",
                                         used ? "," : "", tasks);
            }
        }
    }
    assert_string_equal(text, expected);
}

/* 4 supervisors: 20 workers asked, 8 slots free: 8 are used. */
static void storm_assignment_uses_the_slots_that_are_free(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 4, 2, 1);
    cluster_add(&cluster, 20, (const uint32_t[]){20, 12, 0});
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].workers_count, 8);
    for (uint32_t host = 0; host < 4; host++) {
        assert_int_equal(cluster_workers_on(&cluster, 0, host), 2);
    }
    assert_split(&cluster, 0, "4,4,4,4,4,4,4,4");
    cluster_fini(&cluster);
}

static void storm_assignment_has_no_more_workers_than_tasks(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 4, 8, 1);
    cluster_add(&cluster, 20, (const uint32_t[]){3, 2, 0});
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].workers_count, 5);
    assert_split(&cluster, 0, "1,1,1,1,1");
    cluster_fini(&cluster);
}

/* 5 tasks on 3 are split 2, 2, 1; 2 on 8 are one each. */
static void storm_executor_split_is_even(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 8, 4, 2);
    cluster_add(&cluster, 3, (const uint32_t[]){5, 0});
    cluster_add(&cluster, 8, (const uint32_t[]){2, 0});
    cluster_place(&cluster);
    assert_split(&cluster, 0, "1,2,2");
    assert_split(&cluster, 1, "1,1");
    cluster_fini(&cluster);
}

/* 1 slot: 9 tasks; 2 more: 3, 3, 3; 1 more: 2, 2, 2, 3. It grows by a rebalance, and what need not
 * move keeps its worker and its host. */
static void storm_squeezed_topology_spreads_when_slots_appear(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 1, 1);
    cluster.hosts[1].alive = false;
    cluster_add(&cluster, 4, (const uint32_t[]){9, 0});
    cluster_place(&cluster);
    assert_split(&cluster, 0, "9");
    cluster.hosts[1].alive = true;
    cluster.hosts[1].slots = 2;
    cluster_place(&cluster);
    assert_split(&cluster, 0, "9");
    cluster_rebalance(&cluster, 0, 4);
    cluster_place(&cluster);
    assert_split(&cluster, 0, "3,3,3");
    assert_int_equal(cluster.results[0].host_of_worker[0], 0);
    uint16_t before[10];
    memcpy(before, cluster.results[0].task_worker, sizeof(before));
    cluster.hosts[1].slots = 10;
    cluster_rebalance(&cluster, 0, 4);
    cluster_place(&cluster);
    assert_split(&cluster, 0, "2,2,2,3");
    assert_int_equal(cluster.totals.moved_count, 0);
    uint32_t changed = 0;
    for (uint32_t task = 1; task <= 9; task++) {
        changed += cluster.results[0].task_worker[task] != before[task];
    }
    assert_int_equal(changed, 2);
    cluster_fini(&cluster);
}

/* The host of one worker is lost: it is moved, the other stays. */
static void storm_reassignment_moves_the_dead_and_leaves_the_others(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 3, 1, 1);
    cluster_add(&cluster, 2, (const uint32_t[]){2, 0});
    cluster_place(&cluster);
    uint16_t stays = cluster.results[0].host_of_worker[0];
    cluster.hosts[cluster.results[0].host_of_worker[1]].alive = false;
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].host_of_worker[0], stays);
    assert_int_equal(cluster.results[0].host_of_worker[1], 2);
    assert_int_equal(cluster.totals.moved_count, 1);
    cluster_fini(&cluster);
}

static void storm_dead_supervisor_with_beating_workers_moves_nothing(void **state)
{
    (void)state;
    static const bool beats[] = {true, true};
    struct cluster cluster;
    cluster_init(&cluster, 4, 1, 1);
    struct placement_topology *topology = cluster_add(&cluster, 2, (const uint32_t[]){2, 0});
    cluster_place(&cluster);
    cluster.hosts[0].alive = cluster.hosts[1].alive = false;
    topology->worker_alive = beats;
    cluster_place(&cluster);
    assert_int_equal(cluster.totals.moved_count, 0);
    assert_int_equal(cluster.totals.waiting_count, 0);
    cluster_place(&cluster);
    assert_int_equal(cluster.totals.moved_count, 2);
    cluster_fini(&cluster);
}

static void storm_all_supervisors_dead_is_unassigned_and_new_ones_take_over(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 3, 2, 1);
    cluster.hosts[2].alive = false;
    cluster_add(&cluster, 2, (const uint32_t[]){2, 0});
    cluster_place(&cluster);
    cluster.hosts[0].alive = cluster.hosts[1].alive = false;
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].waiting_count, 2);
    assert_int_equal(cluster.results[0].reason, PLACEMENT_NO_HOSTS);
    cluster.hosts[2].alive = true;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 2), 2);
    cluster_fini(&cluster);
}

/* 3 nodes; workers 3 → 6: six of one task each. */
static void storm_rebalance_changes_the_number_of_workers(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 3, 4, 1);
    cluster_add(&cluster, 3, (const uint32_t[]){6, 0});
    cluster_place(&cluster);
    assert_split(&cluster, 0, "2,2,2");
    cluster_rebalance(&cluster, 0, 6);
    cluster_place(&cluster);
    assert_split(&cluster, 0, "1,1,1,1,1,1");
    for (uint32_t host = 0; host < 3; host++) {
        assert_int_equal(cluster_workers_on(&cluster, 0, host), 2);
    }
    assert_int_equal(cluster.totals.moved_count, 0);
    cluster_rebalance(&cluster, 0, 1);
    cluster_place(&cluster);
    assert_split(&cluster, 0, "6");
    cluster_fini(&cluster);
}

static void storm_rebalance_of_eight_on_four_workers_is_even(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 4, 1);
    cluster_add(&cluster, 4, (const uint32_t[]){8, 0});
    cluster_place(&cluster);
    assert_split(&cluster, 0, "2,2,2,2");
    cluster_fini(&cluster);
}

/* After a rebalance on more hosts the workers lie on all of them. */
static void storm_rebalance_uses_new_supervisors(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 8, 1);
    cluster.hosts[1].alive = false;
    cluster_add(&cluster, 4, (const uint32_t[]){4, 0});
    cluster_place(&cluster);
    cluster.hosts[1].alive = true;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 4);
    cluster_rebalance(&cluster, 0, 4);
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 2);
    assert_int_equal(cluster_workers_on(&cluster, 0, 1), 2);
    assert_int_equal(cluster.totals.moved_count, 2);
    cluster_fini(&cluster);
}

/* Places are counted, so that no two topologies share one, whatever they ask for. */
static void storm_two_topologies_never_share_a_slot(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 3, 2);
    cluster_add(&cluster, 4, (const uint32_t[]){4, 0});
    cluster_add(&cluster, 4, (const uint32_t[]){4, 0});
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].workers_count, 4);
    assert_int_equal(cluster.results[1].workers_count, 2);
    cluster_rebalance(&cluster, 0, 2);
    cluster_rebalance(&cluster, 1, 4);
    cluster_place(&cluster);
    assert_int_equal(cluster_used(&cluster, 0), 3);
    assert_int_equal(cluster_used(&cluster, 1), 3);
    cluster_fini(&cluster);
}

/* Hosts of each topology as a mask. */
static uint32_t hosts_of(const struct cluster *cluster, uint32_t topology)
{
    uint32_t mask = 0;
    for (uint32_t host = 0; host < cluster->hosts_count; host++) {
        mask |= cluster_workers_on(cluster, topology, host) > 0 ? 1u << host : 0;
    }
    return mask;
}

/* tester1 has 3 nodes, tester2 has 2, the rest share what is left; disjoint and stable. */
static void storm_isolation_gives_disjoint_and_stable_hosts(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 6, 4, 4);
    cluster_add(&cluster, 3, (const uint32_t[]){3, 0});
    cluster_add(&cluster, 3, (const uint32_t[]){3, 3, 0});
    cluster_add(&cluster, 4, (const uint32_t[]){4, 4, 0})->isolate_hosts = 3;
    cluster_add(&cluster, 6, (const uint32_t[]){6, 6, 0})->isolate_hosts = 2;
    cluster_place(&cluster);
    uint32_t rest = hosts_of(&cluster, 0) | hosts_of(&cluster, 1);
    uint32_t first = hosts_of(&cluster, 2), second = hosts_of(&cluster, 3);
    assert_int_equal(__builtin_popcount(first), 3);
    assert_int_equal(__builtin_popcount(second), 2);
    assert_int_equal(__builtin_popcount(rest), 1);
    assert_int_equal(first & second, 0);
    assert_int_equal((first | second) & rest, 0);
    for (int round = 0; round < 2; round++) {
        cluster_place(&cluster);
        assert_int_equal(cluster.totals.moved_count, 0);
        cluster_rebalance(&cluster, 2, 4);
        cluster_rebalance(&cluster, 3, 6);
    }
    cluster_place(&cluster);
    assert_int_equal(hosts_of(&cluster, 2), first);
    assert_int_equal(hosts_of(&cluster, 3), second);
    cluster_fini(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storm_assignment_uses_the_slots_that_are_free),
        cmocka_unit_test(storm_assignment_has_no_more_workers_than_tasks),
        cmocka_unit_test(storm_executor_split_is_even),
        cmocka_unit_test(storm_squeezed_topology_spreads_when_slots_appear),
        cmocka_unit_test(storm_reassignment_moves_the_dead_and_leaves_the_others),
        cmocka_unit_test(storm_dead_supervisor_with_beating_workers_moves_nothing),
        cmocka_unit_test(storm_all_supervisors_dead_is_unassigned_and_new_ones_take_over),
        cmocka_unit_test(storm_rebalance_changes_the_number_of_workers),
        cmocka_unit_test(storm_rebalance_of_eight_on_four_workers_is_even),
        cmocka_unit_test(storm_rebalance_uses_new_supervisors),
        cmocka_unit_test(storm_two_topologies_never_share_a_slot),
        cmocka_unit_test(storm_isolation_gives_disjoint_and_stable_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

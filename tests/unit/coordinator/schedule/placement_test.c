/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of schedule/placement: what stays and what moves, room, order, hosts for one alone, and the
 * figure: 1,000 hosts and 100,000 tasks. Storm's cases are in placement_storm_test.c. */
#include "base/clock.h"
#include "base/rng.h"
#include "placement_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEGABYTE (INT64_C(1) << 20)
#define ROUNDS_COUNT 300

static const uint32_t one_each[] = {1, 1, 0};
static const uint32_t four[] = {4, 0};
static const uint32_t twelve[] = {12, 0};

static void seed_rng(struct rng *rng)
{
    assert_int_equal(rng_seed_os(rng), GALE_OK);
    uint64_t seed = rng_next(rng);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(rng, seed);
}

static void placement_workers_spread_over_all_hosts_evenly(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 5, 8, 1);
    cluster_add(&cluster, 12, twelve);
    cluster_place(&cluster);
    for (uint32_t host = 0; host < 5; host++) {
        assert_in_range(cluster_workers_on(&cluster, 0, host), 2, 3);
    }
    cluster_fini(&cluster);
}

static void placement_second_topology_takes_the_emptier_hosts(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 4, 4, 2);
    cluster_add(&cluster, 2, four);
    cluster_add(&cluster, 2, four);
    cluster_place(&cluster);
    for (uint32_t host = 0; host < 4; host++) {
        assert_int_equal(cluster_used(&cluster, host), 1);
    }
    cluster_fini(&cluster);
}

static void placement_again_moves_nothing(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 7, 10, 8);
    for (uint32_t i = 0; i < 8; i++) {
        cluster_add(&cluster, 1 + i, twelve);
    }
    cluster_place(&cluster);
    for (int round = 0; round < 3; round++) {
        cluster_place(&cluster);
        assert_int_equal(cluster.totals.moved_count, 0);
        assert_int_equal(cluster.totals.waiting_count, 0);
    }
    cluster_fini(&cluster);
}

static void placement_lost_host_moves_its_own_workers_only(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 6, 10, 4);
    for (uint32_t i = 0; i < 4; i++) {
        cluster_add(&cluster, 9, twelve);
    }
    cluster_place(&cluster);
    uint32_t had = cluster_used(&cluster, 2);
    cluster.hosts[2].alive = false;
    cluster_place(&cluster);
    assert_int_equal(cluster.totals.moved_count, had);
    assert_int_equal(cluster_used(&cluster, 2), 0);
    cluster.hosts[2].alive = true;
    cluster_place(&cluster);
    assert_int_equal(cluster.totals.moved_count, 0);
    cluster_fini(&cluster);
}

static void placement_lost_workers_wait_without_room_and_come_back_with_it(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 2, 1);
    cluster_add(&cluster, 4, four);
    cluster_place(&cluster);
    cluster.hosts[1].alive = false;
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].waiting_count, 2);
    assert_int_equal(cluster.results[0].reason, PLACEMENT_NO_SLOTS);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 2);
    cluster.hosts[0].slots = 3;
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].waiting_count, 1);
    cluster.hosts[1].alive = true;
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].waiting_count, 0);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 3);
    cluster_fini(&cluster);
}

static void placement_running_topology_has_the_first_choice(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 2, 3);
    cluster_add(&cluster, 4, four); /* Asks for all slots, but its host is gone. */
    cluster.hosts[1].alive = false;
    cluster_add(&cluster, 1, four);
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].workers_count, 2);
    assert_int_equal(cluster.results[1].waiting_count, 1);
    cluster.hosts[0].alive = false;
    cluster.hosts[1].alive = true;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 1), 2);
    assert_int_equal(cluster.results[1].waiting_count, 1);
    cluster_fini(&cluster);
}

static void placement_new_topology_without_room_takes_nothing(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 1, 2, 2);
    cluster_add(&cluster, 3, (const uint32_t[]){2, 1, 0});
    cluster_plan_of(&cluster, 0)->components[0].isolate = true; /* Three workers at least. */
    cluster_add(&cluster, 2, one_each);
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].waiting_count, 3);
    assert_int_equal(cluster.results[0].reason, PLACEMENT_NO_SLOTS);
    assert_int_equal(cluster.results[1].waiting_count, 0);
    cluster_fini(&cluster);
}

static void placement_no_host_is_the_reason_that_is_said(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 0, 0, 1);
    cluster_add(&cluster, 1, four);
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].reason, PLACEMENT_NO_HOSTS);
    assert_non_null(strstr(cluster.results[0].waiting_for, "gale supervisor"));
    cluster_fini(&cluster);
}

static void placement_memory_bounds_what_is_placed(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 3, 8, 2);
    cluster.hosts[0].memory_mb = 100;
    cluster.hosts[1].memory_mb = 250;
    cluster_add(&cluster, 6, (const uint32_t[]){6, 0});
    cluster_plan_of(&cluster, 0)->components[0].memory = 100 * MEGABYTE;
    cluster.hosts[2].memory_mb = 1000;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 1);
    assert_int_equal(cluster_workers_on(&cluster, 0, 1), 2);
    assert_int_equal(cluster_workers_on(&cluster, 0, 2), 3);
    cluster_add(&cluster, 1, (const uint32_t[]){1, 0});
    cluster_plan_of(&cluster, 1)->plan.memory_max = 800 * MEGABYTE;
    cluster_place(&cluster);
    assert_int_equal(cluster.results[1].reason, PLACEMENT_NO_MEMORY);
    assert_non_null(strstr(cluster.results[1].waiting_for, "800 MB"));
    cluster_plan_of(&cluster, 1)->plan.memory_max = 700 * MEGABYTE;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 1, 2), 1);
    cluster_fini(&cluster);
}

static void placement_demanding_workers_are_placed_first(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 8, 1);
    cluster.hosts[0].memory_mb = 300;
    cluster.hosts[1].memory_mb = 200;
    /* By index small ones would fill the hosts evenly, and the large one would find no room. */
    cluster_add(&cluster, 3, (const uint32_t[]){2, 1, 0});
    struct plan_component *components = cluster_plan_of(&cluster, 0)->components;
    components[0].memory = 100 * MEGABYTE;
    components[1].memory = 300 * MEGABYTE;
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].waiting_count, 0);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 1);
    assert_int_equal(cluster_workers_on(&cluster, 0, 1), 2);
    cluster_fini(&cluster);
}

static void placement_cpu_bounds_what_is_placed(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 8, 2);
    cluster.hosts[0].cpu_points = 100;
    cluster.hosts[1].cpu_points = 200;
    cluster_add(&cluster, 6, (const uint32_t[]){6, 0});
    cluster_plan_of(&cluster, 0)->components[0].cpu_points = 50;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 2);
    assert_int_equal(cluster_workers_on(&cluster, 0, 1), 4);
    cluster_add(&cluster, 1, (const uint32_t[]){1, 0});
    cluster_plan_of(&cluster, 1)->components[0].cpu_points = 1;
    cluster_place(&cluster);
    assert_int_equal(cluster.results[1].reason, PLACEMENT_NO_CPU);
    cluster_fini(&cluster);
}

static void placement_lower_limits_move_nothing_that_runs(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 8, 1);
    cluster_add(&cluster, 6, (const uint32_t[]){6, 0});
    cluster_plan_of(&cluster, 0)->components[0].memory = 100 * MEGABYTE;
    cluster_place(&cluster);
    cluster.hosts[0].slots = 1;
    cluster.hosts[1].memory_mb = 1;
    cluster_place(&cluster);
    assert_int_equal(cluster.totals.moved_count, 0);
    assert_int_equal(cluster.totals.waiting_count, 0);
    cluster_fini(&cluster);
}

static void placement_host_set_aside_by_name_is_used_by_that_one_only(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 3, 4, 2);
    cluster.hosts[0].isolated_for = "t1";
    cluster.hosts[1].isolated_for = "somebody-else";
    cluster_add(&cluster, 4, four);
    cluster_add(&cluster, 4, four);
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 2), 4);
    assert_int_equal(cluster_workers_on(&cluster, 1, 0), 4);
    assert_int_equal(cluster_used(&cluster, 1), 0);
    cluster_fini(&cluster);
}

static void placement_isolation_waits_until_all_its_hosts_can_be_had(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 3, 4, 2);
    cluster_add(&cluster, 2, four)->isolate_hosts = 4;
    cluster_add(&cluster, 3, four);
    cluster_place(&cluster);
    assert_int_equal(cluster.results[0].reason, PLACEMENT_NO_ISOLATED);
    assert_int_equal(cluster.results[1].waiting_count, 0);
    cluster.topologies[0].isolate_hosts = 1;
    cluster_place(&cluster);
    /* One host is cleared for it, the other topology keeps the rest of its workers. */
    assert_int_equal(cluster.results[0].waiting_count, 0);
    assert_int_equal(cluster.totals.moved_count, 1);
    cluster_fini(&cluster);
}

static void placement_isolated_topology_stays_while_another_is_placed_anew(void **state)
{
    (void)state;
    static const uint16_t was_on[] = {0, 0, 1};
    struct cluster cluster;
    cluster_init(&cluster, 3, 4, 2);
    cluster_add(&cluster, 1, four)->isolate_hosts = 1;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 1);
    /* Where it was is a hint, no claim. */
    struct placement_topology *anew = cluster_add(&cluster, 3, four);
    anew->host_of_worker = was_on;
    anew->host_of_worker_count = 3;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 0), 1);
    assert_int_equal(cluster_workers_on(&cluster, 1, 0), 0);
    assert_int_equal(cluster.results[1].waiting_count, 0);
    cluster_fini(&cluster);
}

static void placement_isolated_topology_goes_on_with_the_hosts_that_live(void **state)
{
    (void)state;
    struct cluster cluster;
    cluster_init(&cluster, 2, 4, 1);
    cluster_add(&cluster, 4, four)->isolate_hosts = 2;
    cluster_place(&cluster);
    cluster.hosts[0].alive = false;
    cluster_place(&cluster);
    assert_int_equal(cluster_workers_on(&cluster, 0, 1), 4);
    cluster_fini(&cluster);
}

/* Random clusters under random changes: cluster_place checks limits, rules and that nothing moves
 * without a reason is checked here. */
static void placement_random_changes_move_only_what_lost_its_host(void **state)
{
    (void)state;
    struct rng rng;
    seed_rng(&rng);
    for (int round = 0; round < ROUNDS_COUNT; round++) {
        struct cluster cluster;
        cluster_init(&cluster, 1 + rng_below(&rng, 12), 1 + rng_below(&rng, 6), 24);
        for (int step = 0; step < 24; step++) {
            const uint32_t parallelism[] = {1 + rng_below(&rng, 8), 1 + rng_below(&rng, 4), 0};
            cluster_add(&cluster, 1 + rng_below(&rng, 8), parallelism);
            uint32_t host = rng_below(&rng, cluster.hosts_count);
            cluster.hosts[host].alive = rng_below(&rng, 3) > 0;
            cluster.hosts[host].cpu_points = rng_below(&rng, 2) * 100;
            cluster_plan_of(&cluster, (uint32_t)step)->components[0].cpu_points =
                rng_below(&rng, 30);
            cluster_place(&cluster);
            uint32_t due = 0;
            for (uint32_t t = 0; t < cluster.topologies_count; t++) {
                for (uint32_t i = 0; i < cluster.before_count[t]; i++) {
                    uint16_t before = cluster.before[t] ? cluster.before[t][i] : 0;
                    due += before != PLACEMENT_NOWHERE && !cluster.hosts[before].alive;
                }
            }
            assert_true(cluster.totals.moved_count <= due);
        }
        cluster_fini(&cluster);
    }
}

static void placement_too_many_hosts_are_refused(void **state)
{
    (void)state;
    struct cluster cluster;
    struct placement_result result;
    cluster_init(&cluster, PLACEMENT_HOSTS_MAX + 1, 1, 1);
    cluster_add(&cluster, 1, four);
    struct placement_input input = {cluster.hosts, cluster.hosts_count, cluster.topologies, 1};
    assert_int_equal(placement_make(&input, &result, NULL), GALE_ERR_LIMIT);
    placement_fini(&result);
    input.hosts_count = 1;
    cluster.topologies[0].workers = PLAN_WORKERS_MAX + 1;
    assert_int_equal(placement_make(&input, &result, NULL), GALE_ERR_LIMIT);
    placement_fini(&result);
    cluster_fini(&cluster);
}

/* The figure of the project: 1,000 hosts, 100,000 tasks within a second, and a lost host costs no
 * more than its own tasks. The bound is on the work; the time is printed. */
static void placement_thousand_hosts_hundred_thousand_tasks_are_little_work(void **state)
{
    (void)state;
    static const uint32_t parallelism[] = {50, 100, 100, 0};
    struct cluster cluster;
    cluster_init(&cluster, 1000, 64, 400);
    for (uint32_t i = 0; i < 400; i++) {
        cluster_add(&cluster, 125, parallelism);
    }
    int64_t start_ns = clock_now_ns();
    cluster_place(&cluster);
    int64_t placed_ns = clock_now_ns();
    assert_int_equal(cluster.totals.tasks_count, 100000);
    assert_int_equal(cluster.totals.workers_count, 50000);
    assert_int_equal(cluster.totals.waiting_count, 0);
    print_message("1000 hosts, 50000 workers, 100000 tasks: %lld us, %llu comparisons\n",
                  (long long)((placed_ns - start_ns) / 1000),
                  (unsigned long long)cluster.totals.comparisons);
    /* About 2 log2(1000) for each worker and a heap of the hosts for each topology. */
    assert_true(cluster.totals.comparisons < UINT64_C(4000000));
    for (uint32_t host = 0; host < 1000; host++) {
        assert_int_equal(cluster_used(&cluster, host), 50);
    }
    cluster.hosts[500].alive = false;
    start_ns = clock_now_ns();
    cluster_place(&cluster);
    placed_ns = clock_now_ns();
    print_message("one host lost: %lld us, %llu comparisons\n",
                  (long long)((placed_ns - start_ns) / 1000),
                  (unsigned long long)cluster.totals.comparisons);
    assert_int_equal(cluster.totals.moved_count, 50);
    assert_int_equal(cluster.totals.waiting_count, 0);
    assert_true(cluster.totals.comparisons < UINT64_C(1000000));
    cluster_fini(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placement_workers_spread_over_all_hosts_evenly),
        cmocka_unit_test(placement_second_topology_takes_the_emptier_hosts),
        cmocka_unit_test(placement_again_moves_nothing),
        cmocka_unit_test(placement_lost_host_moves_its_own_workers_only),
        cmocka_unit_test(placement_lost_workers_wait_without_room_and_come_back_with_it),
        cmocka_unit_test(placement_running_topology_has_the_first_choice),
        cmocka_unit_test(placement_new_topology_without_room_takes_nothing),
        cmocka_unit_test(placement_no_host_is_the_reason_that_is_said),
        cmocka_unit_test(placement_memory_bounds_what_is_placed),
        cmocka_unit_test(placement_demanding_workers_are_placed_first),
        cmocka_unit_test(placement_cpu_bounds_what_is_placed),
        cmocka_unit_test(placement_lower_limits_move_nothing_that_runs),
        cmocka_unit_test(placement_host_set_aside_by_name_is_used_by_that_one_only),
        cmocka_unit_test(placement_isolation_waits_until_all_its_hosts_can_be_had),
        cmocka_unit_test(placement_isolated_topology_stays_while_another_is_placed_anew),
        cmocka_unit_test(placement_isolated_topology_goes_on_with_the_hosts_that_live),
        cmocka_unit_test(placement_random_changes_move_only_what_lost_its_host),
        cmocka_unit_test(placement_too_many_hosts_are_refused),
        cmocka_unit_test(placement_thousand_hosts_hundred_thousand_tasks_are_little_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

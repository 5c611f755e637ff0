/* SPDX-License-Identifier: Apache-2.0 */
/* Storm's behaviours of Nimbus that a user of its life cycle relies on (NimbusClojurePortTest), here
 * with hosts for supervisors and workers for executors. Names are those of Storm's tables. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOPOLOGY \
    "name: %s\nworkers: %d\ndrain: %s\nspouts:\n  s: { type: source, parallelism: %d }\n" \
    "bolts:\n  b: { type: plain, parallelism: %d, from: [ { s: shuffle } ] }\n"

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_open(&world);
    world_coordinator(&world, 0);
    world_run(&world, 40);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static enum gale_err submit(const char *name, int workers, const char *drain, int tasks)
{
    char yaml[512];
    snprintf(yaml, sizeof yaml, TOPOLOGY, name, workers, drain, tasks, tasks);
    return world_submit(&world, yaml, NULL);
}

static void freeze(bool frozen)
{
    for (size_t i = 0; i < world.processes_count; i++) {
        world.processes[i].frozen = frozen;
    }
}

static enum gale_err kill_with(int64_t wait_ms)
{
    struct gale_conf *request = world_request("kill", "t");
    if (wait_ms >= 0) {
        tree_put_int(request, "wait_ms", wait_ms);
    }
    return world_ask(&world, 0, request, NULL, 0);
}

/* ---- kill ------------------------------------------------------------------------------------ */

/* "wait defaults to message timeout": here to the topology's drain. */
static void kill_no_wait_given_uses_the_topologys(void **state)
{
    (void)state;
    world_host(&world, "h1", 4);
    submit("t", 2, "3s", 2);
    world_until(&world, "t", "active");
    freeze(true);
    assert_int_equal(kill_with(-1), GALE_OK);
    world_run(&world, 2900);
    assert_string_equal(world_status(&world, "t"), "killed");
    world_run(&world, 4000);
    assert_string_equal(world_status(&world, "t"), "");
}

static void kill_during_wait_keeps_assignment(void **state)
{
    (void)state;
    world_host(&world, "h1", 4);
    submit("t", 2, "30s", 2);
    world_until(&world, "t", "active");
    freeze(true);
    assert_int_equal(kill_with(10000), GALE_OK);
    world_run(&world, 5000);
    assert_string_equal(world_status(&world, "t"), "killed");
    assert_int_equal(world_workers_on(&world, "t", "h1"), 2);
    freeze(false);
    world_until_gone(&world, "t");
    world_run(&world, 200);
    assert_int_equal(world_living(&world), 0);
    assert_int_equal(world.starts, 2); /* None was started again at its end. */
}

/* "dead supervisor but live executor heartbeats": nobody but the worker itself can end it. */
static void kill_dead_supervisor_but_live_executors_end(void **state)
{
    (void)state;
    world_host(&world, "h1", 4);
    int silent = world_host(&world, "h2", 4);
    world_run(&world, 40);
    submit("t", 2, "1s", 2);
    world_until(&world, "t", "active");
    assert_int_equal(world_workers_on(&world, "t", "h2"), 1);
    world.hosts[silent].up = false; /* Its processes go on. */
    assert_int_equal(kill_with(-1), GALE_OK);
    world_until_gone(&world, "t");
    world_run(&world, 200);
    assert_int_equal(world_living(&world), 0);
    world.hosts[silent].up = true;
    world_run(&world, 1000);
    assert_int_equal(world_living(&world), 0);
    assert_int_equal(world.starts, 2);
}

static void kill_unknown_is_not_alive(void **state)
{
    (void)state;
    assert_int_equal(kill_with(0), GALE_ERR_NOT_FOUND);
}

static void kill_then_submit_same_name_is_already_alive(void **state)
{
    (void)state;
    world_host(&world, "h1", 4);
    submit("t", 2, "30s", 2);
    world_until(&world, "t", "active");
    freeze(true);
    assert_int_equal(kill_with(10000), GALE_OK);
    world_run(&world, 100);
    assert_int_equal(submit("t", 2, "30s", 2), GALE_ERR_EXISTS);
    freeze(false);
    world_until_gone(&world, "t");
    assert_int_equal(submit("t", 2, "30s", 2), GALE_OK);
}

static void kill_repeated_changes_the_wait(void **state)
{
    (void)state;
    world_host(&world, "h1", 4);
    submit("t", 2, "30s", 2);
    world_until(&world, "t", "active");
    freeze(true);
    assert_int_equal(kill_with(60000), GALE_OK);
    world_run(&world, 1000);
    assert_int_equal(kill_with(1000), GALE_OK);
    world_run(&world, 5000);
    assert_string_equal(world_status(&world, "t"), "");
}

/* ---- reassignment ---------------------------------------------------------------------------- */

static void reassignment_dead_host_moves_only_its_workers(void **state)
{
    (void)state;
    world_host(&world, "h1", 4);
    int lost = world_host(&world, "h2", 4);
    world_run(&world, 40);
    submit("t", 2, "3s", 2);
    world_until(&world, "t", "active");
    assert_int_equal(world_workers_on(&world, "t", "h2"), 1);
    uint64_t starts = world.starts;
    world_host_down(&world, lost);
    world_run(&world, 2500);
    assert_int_equal(world_workers_on(&world, "t", "h1"), 2);
    assert_int_equal(world.starts, starts + 1);
    world_host_up(&world, lost);
    world_run(&world, 2000);
    assert_int_equal(world.starts, starts + 1); /* What works stays. */
}

/* "dead supervisor but live executor heartbeats: no move" */
static void reassignment_silent_host_with_beating_workers_moves_nothing(void **state)
{
    (void)state;
    world_host(&world, "h1", 4);
    int silent = world_host(&world, "h2", 4);
    world_run(&world, 40);
    submit("t", 2, "3s", 2);
    world_until(&world, "t", "active");
    uint64_t starts = world.starts;
    world.hosts[silent].up = false; /* Its processes go on. */
    world_run(&world, 10000);
    assert_int_equal(world_workers_on(&world, "t", "h2"), 1);
    assert_int_equal(world.starts, starts);
    world.hosts[silent].up = true;
    world_run(&world, 1000);
    assert_int_equal(world.starts, starts);
}

static void reassignment_all_hosts_dead_waits_for_a_new_one(void **state)
{
    (void)state;
    int lost = world_host(&world, "h1", 4);
    world_run(&world, 40);
    submit("t", 2, "3s", 2);
    world_until(&world, "t", "active");
    world_host_down(&world, lost);
    world_run(&world, 2500);
    assert_int_equal(world_workers_on(&world, "t", "h1"), 0);
    assert_int_equal(world_workers_on(&world, "t", ""), 2);
    world_host(&world, "h2", 4);
    world_until(&world, "t", "active");
    assert_int_equal(world_workers_on(&world, "t", "h2"), 2);
}

/* A host that was lost comes back with the processes that it had: they are dead for the topology. */
static void reassignment_lost_host_returns_its_zombies_are_ended(void **state)
{
    (void)state;
    int cut = world_host(&world, "h1", 4);
    world_run(&world, 40);
    submit("t", 2, "3s", 2);
    world_until(&world, "t", "active");
    struct process *zombie = world_process(&world, 0);
    uint64_t incarnation = zombie->incarnation;
    world.hosts[cut].up = false;
    freeze(true);
    world_run(&world, 2500);
    world.hosts[cut].up = true;
    freeze(false);
    world_until(&world, "t", "active");
    world_run(&world, 1000);
    assert_int_equal(world_living(&world), 2);
    assert_true(world_process(&world, 0)->incarnation != incarnation);
    assert_int_equal(world_describe(&world, "t", "workers_up"), 2);
}

/* ---- rebalance ------------------------------------------------------------------------------- */

static enum gale_err rebalance(int64_t workers, const char *component, int64_t tasks)
{
    struct gale_conf *request = world_request("rebalance", "t"), *map = NULL;
    if (workers > 0) {
        tree_put_int(request, "workers", workers);
    }
    if (component) {
        conf_add_map(request, "parallelism", &map);
        tree_put_int(map, component, tasks);
    }
    return world_ask(&world, 0, request, NULL, 0);
}

static void rebalance_moves_nothing_during_wait(void **state)
{
    (void)state;
    world_host(&world, "h1", 8);
    world_run(&world, 40);
    submit("t", 2, "20s", 6);
    world_until(&world, "t", "active");
    freeze(true);
    assert_int_equal(rebalance(3, NULL, 0), GALE_OK);
    world_run(&world, 1000);
    assert_string_equal(world_status(&world, "t"), "rebalancing");
    assert_int_equal(world_workers_on(&world, "t", "h1"), 2);
    freeze(false);
    world_until(&world, "t", "active");
    assert_int_equal(world_workers_on(&world, "t", "h1"), 3);
}

static void rebalance_three_to_six_workers_uses_six(void **state)
{
    (void)state;
    world_host(&world, "h1", 3);
    world_host(&world, "h2", 3);
    world_run(&world, 40);
    submit("t", 3, "5s", 6);
    world_until(&world, "t", "active");
    assert_int_equal(rebalance(6, NULL, 0), GALE_OK);
    world_until(&world, "t", "active");
    world_run(&world, 500);
    assert_int_equal(world_describe(&world, "t", "workers_up"), 6);
    assert_int_equal(world_describe(&world, "t", "attempt"), 2);
    assert_int_equal(world_workers_on(&world, "t", "h2"), 3);
    assert_int_equal(world_living(&world), 6);
}

static void rebalance_component_changes_its_tasks(void **state)
{
    (void)state;
    world_host(&world, "h1", 8);
    world_run(&world, 40);
    submit("t", 2, "5s", 6);
    world_until(&world, "t", "active");
    assert_int_equal(rebalance(0, "b", 1), GALE_OK);
    world_until(&world, "t", "active");
    assert_int_equal(world_describe(&world, "t", "tasks"), 7);
    assert_int_equal(rebalance(3, NULL, 0), GALE_OK); /* What was changed stays so. */
    world_until(&world, "t", "active");
    assert_int_equal(world_describe(&world, "t", "tasks"), 7);
}

static void rebalance_zero_executors_is_rejected(void **state)
{
    (void)state;
    world_host(&world, "h1", 8);
    world_run(&world, 40);
    submit("t", 2, "5s", 2);
    world_until(&world, "t", "active");
    assert_int_equal(rebalance(0, "b", 0), GALE_ERR_INVALID);
    assert_int_equal(rebalance(0, "nope", 2), GALE_ERR_INVALID);
    assert_int_equal(rebalance(1000, NULL, 0), GALE_ERR_INVALID);
    assert_string_equal(world_status(&world, "t"), "active");
}

static void rebalance_inactive_returns_to_inactive(void **state)
{
    (void)state;
    world_host(&world, "h1", 8);
    world_run(&world, 40);
    submit("t", 2, "5s", 2);
    world_until(&world, "t", "active");
    world_ask_name(&world, 0, "deactivate", "t");
    assert_int_equal(rebalance(1, NULL, 0), GALE_OK);
    world_until(&world, "t", "inactive");
    assert_int_equal(world_describe(&world, "t", "attempt"), 2);
}

static void rebalance_then_kill_is_allowed(void **state)
{
    (void)state;
    world_host(&world, "h1", 8);
    world_run(&world, 40);
    submit("t", 2, "20s", 2);
    world_until(&world, "t", "active");
    freeze(true);
    assert_int_equal(rebalance(1, NULL, 0), GALE_OK);
    assert_int_equal(rebalance(2, NULL, 0), GALE_ERR_STATE);
    assert_int_equal(kill_with(1000), GALE_OK);
    assert_string_equal(world_status(&world, "t"), "killed");
    freeze(false);
    world_until_gone(&world, "t");
}

/* "two topologies never share a slot" */
static void rebalance_two_topologies_share_no_slot(void **state)
{
    (void)state;
    world_host(&world, "h1", 4);
    world_run(&world, 40);
    submit("t", 2, "5s", 4);
    submit("u", 2, "5s", 4);
    world_until(&world, "t", "active");
    world_until(&world, "u", "active");
    assert_int_equal(rebalance(4, NULL, 0), GALE_OK);
    world_until(&world, "t", "active");
    world_run(&world, 500);
    assert_int_equal(world_workers_on(&world, "t", "h1"),
                     2); /* As many as there is room for. */
    assert_int_equal(world_living(&world), 4);
}

/* ---- leadership ------------------------------------------------------------------------------ */

static void leadership_non_leader_refuses_changes(void **state)
{
    (void)state;
    world_coordinator(&world, 1);
    world_host(&world, "h1", 4);
    world_run(&world, 1500);
    static const char *const verbs[] = {"submit", "kill", "rebalance", "activate",
                                        "deactivate"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        (void)world_ask_name(&world, 1, verbs[i], "t");
        assert_string_equal(world.redirect, "tcp://rpc:0");
    }
}

static void leadership_new_leader_starts_with_a_pending_kill(void **state)
{
    (void)state;
    world_coordinator(&world, 1);
    world_host(&world, "h1", 4);
    world_run(&world, 100);
    submit("t", 2, "20s", 2);
    world_until(&world, "t", "active");
    freeze(true);
    assert_int_equal(kill_with(1500), GALE_OK);
    world_kill_coordinator(&world, 0);
    world_run(&world, 500);
    assert_true(cluster_leads(world.clusters[1]));
    assert_string_equal(world_status(&world, "t"), "killed");
    world_run(&world, 6000);
    assert_string_equal(world_status(&world, "t"), "");
    assert_int_equal(world_living(&world), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(kill_no_wait_given_uses_the_topologys),
        TEST(kill_during_wait_keeps_assignment),
        TEST(kill_dead_supervisor_but_live_executors_end),
        TEST(kill_unknown_is_not_alive),
        TEST(kill_then_submit_same_name_is_already_alive),
        TEST(kill_repeated_changes_the_wait),
        TEST(reassignment_dead_host_moves_only_its_workers),
        TEST(reassignment_silent_host_with_beating_workers_moves_nothing),
        TEST(reassignment_all_hosts_dead_waits_for_a_new_one),
        TEST(reassignment_lost_host_returns_its_zombies_are_ended),
        TEST(rebalance_moves_nothing_during_wait),
        TEST(rebalance_three_to_six_workers_uses_six),
        TEST(rebalance_component_changes_its_tasks),
        TEST(rebalance_zero_executors_is_rejected),
        TEST(rebalance_inactive_returns_to_inactive),
        TEST(rebalance_then_kill_is_allowed),
        TEST(rebalance_two_topologies_share_no_slot),
        TEST(leadership_non_leader_refuses_changes),
        TEST(leadership_new_leader_starts_with_a_pending_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

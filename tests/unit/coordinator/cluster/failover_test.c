/* SPDX-License-Identifier: Apache-2.0 */
/* Two coordinators: one leads, dies or is cut off, and the other takes over what runs. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN \
    "name: t\nworkers: 2\ndrain: 10s\nspouts:\n  s: { type: saving, parallelism: 2 }\n" \
    "bolts:\n  b: { type: plain, parallelism: 2, from: [ { s: shuffle } ] }\n"

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_open(&world);
    world_coordinator(&world, 0);
    world_coordinator(&world, 1);
    world_host(&world, "h1", 4);
    world_host(&world, "h2", 4);
    world_run(&world, 1500);
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_OK);
    world_until(&world, "t", "active");
    world_run(&world, 500);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static enum gale_err kill_with(int index, int64_t wait_ms)
{
    struct gale_conf *request = world_request("kill", "t");
    tree_put_int(request, "wait_ms", wait_ms);
    return world_ask(&world, index, request, NULL, 0);
}

static enum gale_err rebalance_to(int index, int64_t workers)
{
    struct gale_conf *request = world_request("rebalance", "t");
    tree_put_int(request, "workers", workers);
    return world_ask(&world, index, request, NULL, 0);
}

/* ---- Who answers ----------------------------------------------------------------------------- */

static void request_not_leading_is_redirected(void **state)
{
    (void)state;
    static const char *const verbs[] = {"submit",     "kill",      "activate",
                                        "deactivate", "rebalance", "list"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        assert_int_equal(world_ask_name(&world, 1, verbs[i], "t"), GALE_OK);
        assert_string_equal(world.redirect, "tcp://rpc:0");
    }
    assert_int_equal(world_ask_name(&world, 1, "who", NULL), GALE_OK);
    assert_false(gale_conf_bool(world.tree, "leads", true));
    assert_string_equal(gale_conf_string(world.tree, "leader", ""), "tcp://rpc:0");
}

static void request_nobody_leads_is_refused(void **state)
{
    (void)state;
    world_kill_coordinator(&world, 0);
    world_kill_coordinator(&world, 1);
    world.proxies[0].away = true;
    world_coordinator(&world, 0);
    assert_int_equal(world_ask_name(&world, 0, "list", NULL), GALE_ERR_AGAIN);
    assert_int_equal(world_ask_name(&world, 0, "host", "h1"), GALE_ERR_AGAIN);
    world.proxies[0].away = false;
    world_run(&world, 100);
    assert_true(cluster_leads(world.clusters[0]));
}

/* ---- Adoption -------------------------------------------------------------------------------- */

static void leader_dies_workers_are_adopted(void **state)
{
    (void)state;
    uint64_t starts = world.starts;
    uint64_t epoch = cluster_epoch(world.clusters[0]);
    world_kill_coordinator(&world, 0);
    world_run(&world, 300);
    assert_true(cluster_leads(world.clusters[1]));
    assert_true(cluster_epoch(world.clusters[1]) > epoch);
    world_until(&world, "t", "active");
    world_run(&world, 5000);
    assert_int_equal(world.starts, starts);
    assert_int_equal(world_describe(&world, "t", "workers_up"), 2);
    assert_int_equal(world_describe(&world, "t", "attempt"), 1);
    assert_int_equal(world_describe(&world, "t", "restarts"), 0);
}

static void leader_dies_positions_are_handed_on(void **state)
{
    (void)state;
    world_process(&world, 0)->saves = 3;
    world_process(&world, 0)->spout_task = 1;
    world_run(&world, 1500);
    world_kill_coordinator(&world, 0);
    world_run(&world, 500);
    uint64_t before = world.proxies[1].multis;
    world_run(&world, 3000);
    /* The record is known to be there: no write is refused. */
    assert_in_range(world.proxies[1].multis - before, 2, 5);
    assert_true(cluster_leads(world.clusters[1]));
}

static void host_lost_during_election_waits_full_timeout(void **state)
{
    (void)state;
    uint64_t starts = world.starts;
    world_kill_coordinator(&world, 0);
    world_host_down(&world, 1);
    world_run(&world, 3400); /* The timeout and what supervisors may need to find the leader. */
    assert_int_equal(world.starts, starts);
    assert_int_equal(world_workers_on(&world, "t", "h2"), 1);
    world_run(&world, 600);
    assert_int_equal(world_workers_on(&world, "t", "h1"), 2);
    assert_int_equal(world.starts, starts + 1);
}

/* A worker that says HELLO before the report that tells of it waits for that; when its host dies in
 * between, nobody reports it any more. */
static void host_lost_between_hello_and_report_gives_worker_away(void **state)
{
    (void)state;
    struct process *process = world_process(&world, 1);
    assert_int_equal(process->host, 1);
    struct gale_conf *list = NULL, *map = NULL;
    struct gale_conf *request = world_request("host", "h2");
    tree_put_int(request, "slots", 4);
    tree_put_int(request, "started_ms", 1);
    conf_add_list(request, "held", &list);
    conf_add_map(list, NULL, &map);
    tree_put_hex64(map, "topology", process->topology);
    tree_put_int(map, "worker", 1);
    tree_put_int(map, "attempt", 1);
    tree_put_hex64(map, "incarnation", process->incarnation);
    tree_put_text(map, "state", "backoff");
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_OK);
    struct message hello = {.type = MESSAGE_HELLO,
                            .topology = process->topology,
                            .worker = 1,
                            .incarnation = 77777,
                            .epoch = cluster_epoch(world.clusters[0]),
                            .attempt = 1};
    hello.as.hello =
        (struct message_hello){.worker = 1, .incarnation = 77777, .data_endpoint = "tcp://w:1"};
    cluster_message(world.clusters[0], &hello, world.now_ns);
    world_host_down(&world, 1);
    world_run(&world, 2500);
    assert_int_equal(world_workers_on(&world, "t", "h1"), 2);
    world_until(&world, "t", "active");
}

/* Its workers live on, and write what the next attempt writes too, as long as nobody can tell. */
static void rebalance_after_election_waits_for_a_host_without_supervisor(void **state)
{
    (void)state;
    struct gale_conf *request = world_request("rebalance", "t");
    tree_put_int(request, "workers", 2);
    tree_put_int(request, "wait_ms", 200);
    world.hosts[1].up = false;
    world_run(&world, 100);
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_OK);
    world_kill_coordinator(&world, 0);
    world_run(&world, 3000);
    assert_true(cluster_leads(world.clusters[1]));
    assert_int_equal(world_describe(&world, "t", "attempt"), 1);
    world_run(&world, 2000); /* Now the host is lost. */
    assert_int_equal(world_describe(&world, "t", "attempt"), 2);
    assert_int_equal(world_workers_on(&world, "t", "h1"), 2);
}

/* The supervisor comes back and says what it has. */
static void rebalance_after_election_goes_on_when_the_host_reports(void **state)
{
    (void)state;
    struct gale_conf *request = world_request("rebalance", "t");
    tree_put_int(request, "workers", 2);
    tree_put_int(request, "wait_ms", 200);
    world.hosts[1].up = false;
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_OK);
    world_kill_coordinator(&world, 0);
    world_run(&world, 1000);
    assert_int_equal(world_describe(&world, "t", "attempt"), 1);
    world.hosts[1].up = true;
    world_run(&world, 1000);
    assert_int_equal(world_describe(&world, "t", "attempt"), 2);
    assert_int_equal(world_living(&world), 2);
}

static void old_leader_comes_back_as_candidate(void **state)
{
    (void)state;
    uint64_t starts = world.starts;
    world_kill_coordinator(&world, 0);
    world_run(&world, 500);
    world_coordinator(&world, 0);
    world_run(&world, 2000);
    assert_true(cluster_leads(world.clusters[1]));
    assert_false(cluster_leads(world.clusters[0]));
    assert_int_equal(world_ask_name(&world, 0, "list", NULL), GALE_OK);
    assert_string_equal(world.redirect, "tcp://rpc:1");
    assert_int_equal(world.starts, starts);
}

/* ---- Cut off --------------------------------------------------------------------------------- */

/* Its session ended at the servers, and it does not know: another leads. */
static void expire(int index)
{
    struct proxy *proxy = &world.proxies[index];
    for (size_t i = 0; i < 4; i++) {
        if (proxy->own[i]) {
            (void)world.store->ops->remove(world.store, proxy->own[i], STORE_ANY_VERSION);
            free(proxy->own[i]);
            proxy->own[i] = NULL;
        }
    }
}

static void paused_leader_writes_nothing(void **state)
{
    (void)state;
    expire(0);
    world.store->ops->poll(world.store);
    cluster_step(world.clusters[1], world.now_ns);
    assert_true(cluster_leads(world.clusters[1]));
    assert_true(cluster_leads(world.clusters[0])); /* So it believes. */
    assert_int_not_equal(kill_with(0, 1000), GALE_OK);
    world_run(&world, 3000);
    assert_string_equal(world_status(&world, "t"), "active");
    assert_false(cluster_leads(world.clusters[0]));
    assert_int_equal(cluster_epoch(world.clusters[0]), 0); /* It dropped what it cared for. */
}

static void suspended_leader_cares_then_gives_way(void **state)
{
    (void)state;
    uint64_t starts = world.starts;
    world.proxies[0].away = true;
    world_run(&world, 300);
    assert_false(cluster_leads(world.clusters[0]));
    assert_true(cluster_epoch(world.clusters[0]) > 0);
    world_kill_process(&world, world_process(&world, 1));
    world_run(&world, 400);
    assert_int_equal(world.starts, starts + 1);
    expire(0);
    world_run(&world, 400);
    assert_true(cluster_leads(world.clusters[1]));
    world.proxies[0].generation++;
    world.proxies[0].away = false;
    world_run(&world, 3000);
    assert_false(cluster_leads(world.clusters[0]));
    assert_int_equal(cluster_epoch(world.clusters[0]), 0);
    assert_int_equal(world.starts, starts + 1);
    assert_string_equal(world_status(&world, "t"), "active");
}

/* ---- Pending actions ------------------------------------------------------------------------- */

static void freeze(bool frozen)
{
    for (size_t i = 0; i < world.processes_count; i++) {
        world.processes[i].frozen = frozen;
    }
}

static void pending_kill_survives_failover(void **state)
{
    (void)state;
    freeze(true); /* They do not answer, so that the drain goes on. */
    assert_int_equal(kill_with(0, 20000), GALE_OK);
    world_run(&world, 200);
    assert_string_equal(world_status(&world, "t"), "killed");
    world_kill_coordinator(&world, 0);
    world_run(&world, 300);
    assert_true(cluster_leads(world.clusters[1]));
    assert_string_equal(world_status(&world, "t"), "killed");
    freeze(false);
    world_until_gone(&world, "t");
    world_run(&world, 200);
    assert_int_equal(world_living(&world), 0);
}

static void pending_kill_deadline_is_kept(void **state)
{
    (void)state;
    freeze(true);
    assert_int_equal(kill_with(0, 3000), GALE_OK);
    world_run(&world, 1000);
    world_kill_coordinator(&world, 0);
    world_run(&world, 1000);
    assert_string_equal(world_status(&world, "t"), "killed");
    world_run(&world, 5500); /* What is left of the wait, and the grace. */
    assert_string_equal(world_status(&world, "t"), "");
}

static void pending_rebalance_survives_failover(void **state)
{
    (void)state;
    freeze(true);
    assert_int_equal(rebalance_to(0, 3), GALE_OK);
    world_run(&world, 200);
    assert_string_equal(world_status(&world, "t"), "rebalancing");
    world_kill_coordinator(&world, 0);
    world_run(&world, 300);
    assert_string_equal(world_status(&world, "t"), "rebalancing");
    freeze(false);
    world_until(&world, "t", "active");
    world_run(&world, 500);
    assert_int_equal(world_describe(&world, "t", "attempt"), 2);
    assert_int_equal(world_describe(&world, "t", "workers_up"), 3);
    assert_int_equal(world_living(&world), 3);
}

static void waiting_topology_survives_failover(void **state)
{
    (void)state;
    static const char *const other = "name: u\nworkers: 20\nisolate_hosts: 3\nspouts:\n  s: { "
                                     "type: source, parallelism: 20 }\n";
    assert_int_equal(world_submit(&world, other, NULL), GALE_OK);
    world_run(&world, 200);
    assert_string_equal(world_status(&world, "u"), "waiting");
    world_kill_coordinator(&world, 0);
    world_run(&world, 2500);
    assert_string_equal(world_status(&world, "u"), "waiting");
    assert_string_equal(world_status(&world, "t"), "active");
    assert_int_equal(world_ask_name(&world, 1, "kill", "u"), GALE_OK);
    assert_string_equal(world_status(&world, "u"), "");
}

static void missing_definition_can_be_killed(void **state)
{
    (void)state;
    assert_int_equal(
        world.store->ops->remove(world.store, "/topologies/t/definition", STORE_ANY_VERSION),
        GALE_OK);
    world_kill_coordinator(&world, 0);
    world_run(&world, 300);
    assert_string_equal(world_status(&world, "t"), "waiting");
    assert_int_equal(world_ask_name(&world, 1, "kill", "t"), GALE_OK);
    assert_string_equal(world_status(&world, "t"), "");
}

static void damaged_definition_breaks_one_topology(void **state)
{
    (void)state;
    assert_int_equal(world.store->ops->set(world.store, "/topologies/t/definition", "x", 1,
                                           STORE_ANY_VERSION, NULL),
                     GALE_OK);
    world_kill_coordinator(&world, 0);
    world_run(&world, 300);
    assert_true(cluster_leads(world.clusters[1]));
    assert_string_equal(world_status(&world, "t"), "waiting");
    world_ask_name(&world, 1, "describe", "t");
    assert_non_null(strstr(gale_conf_string(world.tree, "waiting_for", ""), "definition"));
    assert_int_equal(world_ask_name(&world, 1, "kill", "t"), GALE_OK);
    assert_string_equal(world_status(&world, "t"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(request_not_leading_is_redirected, setup, teardown),
        cmocka_unit_test_setup_teardown(request_nobody_leads_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(leader_dies_workers_are_adopted, setup, teardown),
        cmocka_unit_test_setup_teardown(leader_dies_positions_are_handed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(
            rebalance_after_election_waits_for_a_host_without_supervisor, setup, teardown),
        cmocka_unit_test_setup_teardown(rebalance_after_election_goes_on_when_the_host_reports,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(host_lost_between_hello_and_report_gives_worker_away,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(host_lost_during_election_waits_full_timeout, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(old_leader_comes_back_as_candidate, setup, teardown),
        cmocka_unit_test_setup_teardown(paused_leader_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(suspended_leader_cares_then_gives_way, setup, teardown),
        cmocka_unit_test_setup_teardown(pending_kill_survives_failover, setup, teardown),
        cmocka_unit_test_setup_teardown(pending_kill_deadline_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(pending_rebalance_survives_failover, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_topology_survives_failover, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_definition_can_be_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_definition_breaks_one_topology, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

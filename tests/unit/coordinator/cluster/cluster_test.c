/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the cluster's coordinator and the life of a topology, with one coordinator. */
#include "world.h"

#include "base/hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN \
    "name: t\nworkers: 2\nspouts:\n  s: { type: source, parallelism: 2 }\n" \
    "bolts:\n  b: { type: plain, parallelism: 2, from: [ { s: shuffle } ] }\n"
#define SAVING \
    "name: t\nworkers: 1\nspouts:\n  s: { type: saving }\n" \
    "bolts:\n  b: { type: plain, from: [ { s: shuffle } ] }\n"

static struct world world;

static int setup(void **state)
{
    (void)state;
    world_open(&world);
    world_coordinator(&world, 0);
    world_host(&world, "h1", 4);
    world_run(&world, 100);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

/* ---- submit ---------------------------------------------------------------------------------- */

static void submit_free_slots_becomes_active(void **state)
{
    (void)state;
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_OK);
    assert_true(tree_hex64(world.tree, "topology", 0) != 0);
    world_until(&world, "t", "active");
    world_run(&world, 100);
    assert_int_equal(world_describe(&world, "t", "workers_up"), 2);
    assert_int_equal(world_workers_on(&world, "t", "h1"), 2);
    assert_int_equal(world.starts, 2);
    assert_true(world.pokes > 0);
}

static void submit_name_in_use_is_refused(void **state)
{
    (void)state;
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_OK);
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_ERR_EXISTS);
    world_until(&world, "t", "active");
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_ERR_EXISTS);
    assert_non_null(strstr(world.error, "active"));
}

static void submit_damaged_bytes_is_refused(void **state)
{
    (void)state;
    assert_int_equal(world_ask(&world, 0, world_request("submit", "t"), "GDxxxx", 6),
                     GALE_ERR_CORRUPT);
    assert_string_equal(world_status(&world, "t"), "");
}

static void submit_inactive_waits_for_activate(void **state)
{
    (void)state;
    assert_int_equal(world_submit(&world, PLAIN, "inactive"), GALE_OK);
    world_until(&world, "t", "inactive");
    world_run(&world, 500);
    assert_int_equal(world_process(&world, 0)->state, COMMAND_DEACTIVATE);
    assert_int_equal(world_ask_name(&world, 0, "activate", "t"), GALE_OK);
    world_run(&world, 100);
    assert_int_equal(world_process(&world, 0)->state, COMMAND_ACTIVATE);
    assert_string_equal(world_status(&world, "t"), "active");
}

static void submit_no_slots_waits_with_reason(void **state)
{
    (void)state;
    world_host_down(&world, 0);
    world_run(&world, 3000);
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_OK);
    world_run(&world, 500);
    assert_string_equal(world_status(&world, "t"), "waiting");
    world_ask_name(&world, 0, "describe", "t");
    assert_true(strlen(gale_conf_string(world.tree, "waiting_for", "")) > 0);
    world_host_up(&world, 0);
    world_until(&world, "t", "active");
}

/* ---- activate, deactivate -------------------------------------------------------------------- */

static void deactivate_active_rests_and_comes_back(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    assert_int_equal(world_ask_name(&world, 0, "deactivate", "t"), GALE_OK);
    world_run(&world, 100);
    assert_string_equal(world_status(&world, "t"), "inactive");
    assert_int_equal(world_process(&world, 1)->state, COMMAND_DEACTIVATE);
    assert_int_equal(world_ask_name(&world, 0, "deactivate", "t"), GALE_OK);
    assert_int_equal(world_ask_name(&world, 0, "activate", "t"), GALE_OK);
    world_run(&world, 100);
    assert_string_equal(world_status(&world, "t"), "active");
}

static void verbs_unknown_name_is_refused(void **state)
{
    (void)state;
    static const char *const verbs[] = {"kill",      "activate",  "deactivate",
                                        "rebalance", "describe",  "sample",
                                        "errors",    "log_level", "tap"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        assert_int_equal(world_ask_name(&world, 0, verbs[i], "nope"), GALE_ERR_NOT_FOUND);
    }
    assert_int_equal(world_ask_name(&world, 0, "dance", "t"), GALE_ERR_UNSUPPORTED);
}

/* ---- The end --------------------------------------------------------------------------------- */

static void finished_spouts_ended_stays_listed(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    for (uint32_t w = 0; w < 2; w++) {
        world_process(&world, w)->spouts_done = true;
    }
    world_until(&world, "t", "finished");
    world_run(&world, 200);
    assert_int_equal(world_living(&world), 0);
    assert_int_equal(world_ask_name(&world, 0, "errors", "t"), GALE_OK);
    assert_int_equal(gale_conf_count(gale_conf_get(world.tree, "errors")), 0);
    assert_int_equal(world_ask_name(&world, 0, "activate", "t"), GALE_ERR_STATE);
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_OK); /* Its name is free. */
    world_until(&world, "t", "active");
    assert_int_equal(world_describe(&world, "t", "attempt"), 1);
}

static void positions_kill_and_submit_are_kept(void **state)
{
    (void)state;
    char path[] = "/topologies/t/positions/s.0";
    struct buf value;
    buf_init(&value, 0);
    world_submit(&world, SAVING, NULL);
    world_until(&world, "t", "active");
    world_process(&world, 0)->saves = 7;
    world_process(&world, 0)->spout_task = 1;
    world_run(&world, 1500);
    world_ask_name(&world, 0, "kill", "t");
    world_until_gone(&world, "t");
    assert_int_equal(world.store->ops->get(world.store, path, &value, NULL), GALE_OK);
    assert_int_equal(world_submit(&world, SAVING, NULL), GALE_OK);
    world_until(&world, "t", "active");
    struct gale_conf *request = world_request("kill", "t");
    tree_put_bool(request, "forget", true);
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_OK);
    world_until_gone(&world, "t");
    assert_int_equal(world.store->ops->get(world.store, path, &value, NULL),
                     GALE_ERR_NOT_FOUND);
    assert_int_equal(world.store->ops->get(world.store, "/topologies/t", &value, NULL),
                     GALE_ERR_NOT_FOUND);
    buf_fini(&value);
}

static void positions_fresh_submit_are_forgotten(void **state)
{
    (void)state;
    struct buf value;
    buf_init(&value, 0);
    world_submit(&world, SAVING, NULL);
    world_until(&world, "t", "active");
    world_process(&world, 0)->saves = 7;
    world_process(&world, 0)->spout_task = 1;
    world_run(&world, 1500);
    world_ask_name(&world, 0, "kill", "t");
    world_until_gone(&world, "t");
    assert_int_equal(world_submit(&world, SAVING, "fresh"), GALE_OK);
    assert_int_equal(
        world.store->ops->get(world.store, "/topologies/t/positions/s.0", &value, NULL),
        GALE_ERR_NOT_FOUND);
    buf_fini(&value);
}

static void positions_steady_state_few_writes(void **state)
{
    (void)state;
    world_submit(&world, SAVING, NULL);
    world_until(&world, "t", "active");
    world_process(&world, 0)->saves = 1;
    world_process(&world, 0)->spout_task = 1;
    world_run(&world, 1000);
    uint64_t before = world.proxies[0].multis;
    for (int i = 0; i < 100; i++) {
        world_process(&world, 0)->saves++;
        world_run(&world, 100);
    }
    assert_in_range(world.proxies[0].multis - before, 8, 11);
}

/* ---- Errors, figures, taps ------------------------------------------------------------------- */

static void errors_dying_worker_is_counted_and_restarted(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    for (int i = 0; i < 2; i++) {
        world_kill_process(&world, world_process(&world, 1));
        world_run(&world, 300);
    }
    assert_string_equal(world_status(&world, "t"), "active");
    assert_int_equal(world_describe(&world, "t", "workers_up"), 2);
    assert_int_equal(world_describe(&world, "t", "restarts"), 2);
    assert_int_equal(world_ask_name(&world, 0, "errors", "t"), GALE_OK);
    const struct gale_conf *list = gale_conf_get(world.tree, "errors");
    assert_int_equal(gale_conf_count(list), 1);
    assert_int_equal(gale_conf_int64(gale_conf_at(list, 0), "count", 0), 2);
    assert_int_equal(gale_conf_int64(gale_conf_at(list, 0), "worker", 0), 1);
    assert_string_equal(gale_conf_string(gale_conf_at(list, 0), "host", ""), "h1");
}

static void sample_running_topology_has_all_components(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    world_run(&world, 200);
    struct gale_conf *request = world_request("sample", "t");
    tree_put_bool(request, "tasks", true);
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_OK);
    const struct gale_conf *list = gale_conf_get(world.tree, "components");
    assert_int_equal(gale_conf_count(list), 2);
    assert_string_equal(gale_conf_string(gale_conf_at(list, 1), "name", ""), "b");
    assert_int_equal(gale_conf_count(gale_conf_get(gale_conf_at(list, 1), "task")), 2);
    const struct gale_conf *workers = gale_conf_get(world.tree, "workers");
    assert_int_equal(gale_conf_count(workers), 2);
    assert_true(gale_conf_bool(gale_conf_at(workers, 0), "up", false));
    assert_int_equal(gale_conf_int64(gale_conf_at(workers, 0), "rss_kb", 0), 1000);
}

/* A beat with a histogram of executions, all of them of one duration so far. */
static void say_executions(struct process *process, const struct hist *execute)
{
    struct buf packed;
    buf_init(&packed, 0);
    assert_int_equal(hist_pack(execute, &packed), GALE_OK);
    struct message_task_stats stats = {
        .task = 3, .executed = execute->count, .execute_ns = {packed.data, packed.size}};
    struct message message = {.type = MESSAGE_BEAT,
                              .topology = process->topology,
                              .worker = process->worker,
                              .incarnation = process->incarnation,
                              .epoch = process->epoch,
                              .attempt = process->attempt};
    message.as.beat = (struct message_beat){
        .state = process->state, .quiet = true, .tasks = &stats, .tasks_count = 1};
    cluster_message(world.clusters[0], &message, world.now_ns);
    buf_fini(&packed);
}

static int64_t bolt_p99(void)
{
    assert_int_equal(world_ask_name(&world, 0, "sample", "t"), GALE_OK);
    const struct gale_conf *bolt = gale_conf_at(gale_conf_get(world.tree, "components"), 1);
    return gale_conf_int64(bolt, "p99_ns", -1);
}

static void sample_latency_is_of_late(void **state)
{
    (void)state;
    struct hist *execute = calloc(1, sizeof *execute);
    assert_non_null(execute);
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    for (int i = 0; i < 1000; i++) {
        hist_record(execute, 1000000);
    }
    say_executions(world_process(&world, 0), execute);
    assert_in_range(bolt_p99(), 980000, 1020000);
    for (int i = 0; i < 10; i++) {
        hist_record(execute, 1000);
    }
    say_executions(world_process(&world, 0), execute);
    assert_in_range(bolt_p99(), 980000, 1020000); /* Too soon after the last look. */
    world_run(&world, 2500);
    say_executions(world_process(&world, 0), execute);
    assert_in_range(bolt_p99(), 980, 1020);
    world_run(&world, 2500);
    say_executions(world_process(&world, 0), execute);
    assert_in_range(bolt_p99(), 980000, 1020000); /* Nothing of late: since the start. */
    free(execute);
}

static void hosts_one_is_listed_with_its_workers(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    assert_int_equal(world_ask_name(&world, 0, "hosts", NULL), GALE_OK);
    const struct gale_conf *host = gale_conf_at(gale_conf_get(world.tree, "hosts"), 0);
    assert_string_equal(gale_conf_string(host, "name", ""), "h1");
    assert_true(gale_conf_bool(host, "alive", false));
    assert_int_equal(gale_conf_int64(host, "slots", 0), 4);
    assert_int_equal(gale_conf_int64(host, "used", 0), 2);
}

/* A report of host h1 as its supervisor's `number`-th, with its workers or without. */
static enum gale_err report_numbered(int64_t number, bool with_workers)
{
    struct gale_conf *list = NULL, *map = NULL;
    struct gale_conf *request = world_request("host", "h1");
    tree_put_int(request, "slots", 4);
    tree_put_int(request, "started_ms", 1);
    tree_put_int(request, "number", number);
    conf_add_list(request, "held", &list);
    for (uint32_t i = 0; with_workers && i < 2; i++) {
        const struct process *process = world_process(&world, i);
        conf_add_map(list, NULL, &map);
        tree_put_hex64(map, "topology", process->topology);
        tree_put_int(map, "worker", i);
        tree_put_int(map, "attempt", process->attempt);
        tree_put_hex64(map, "incarnation", process->incarnation);
        tree_put_text(map, "state", "running");
    }
    return world_ask(&world, 0, request, NULL, 0);
}

/* A cut network keeps a report back until after a later one, which went over another connection. */
static void host_report_that_was_overtaken_has_no_effect(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    world_run(&world, 200);
    uint64_t starts = world.starts;
    assert_int_equal(report_numbered(10, true), GALE_OK);
    assert_int_equal(report_numbered(9, false), GALE_ERR_AGAIN);
    assert_int_equal(report_numbered(10, false), GALE_ERR_AGAIN);
    world_run(&world, 1000);
    assert_int_equal(world.starts, starts);
    assert_int_equal(world_describe(&world, "t", "workers_up"), 2);
    assert_int_equal(report_numbered(11, false), GALE_OK);
}

static void host_second_of_a_name_waits_for_the_first(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    struct gale_conf *request = world_request("host", "h1");
    tree_put_int(request, "started_ms", 2);
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_ERR_EXISTS);
    world.hosts[0].up = false; /* The one that was first is gone: another may have the name. */
    world_run(&world, 800);
    request = world_request("host", "h1");
    tree_put_int(request, "started_ms", 2);
    tree_put_text(request, "rpc", "tcp://new:1");
    assert_int_equal(world_ask(&world, 0, request, NULL, 0), GALE_OK);
    assert_int_equal(gale_conf_count(gale_conf_get(world.tree, "coordinators")), 1);
    world_ask_name(&world, 0, "hosts", NULL);
    const struct gale_conf *host = gale_conf_at(gale_conf_get(world.tree, "hosts"), 0);
    assert_string_equal(gale_conf_string(host, "rpc", ""), "tcp://new:1");
    assert_int_equal(world_ask_name(&world, 0, "host", "no/name"), GALE_ERR_INVALID);
}

/* A report of that life of the supervisor, which has worker 0. */
static enum gale_err report_of_life(const struct process *process, int64_t started_ms)
{
    struct gale_conf *request = world_request("host", "h1"), *held = NULL, *item = NULL;
    tree_put_int(request, "started_ms", started_ms);
    conf_add_list(request, "held", &held);
    conf_add_map(held, NULL, &item);
    tree_put_hex64(item, "topology", process->topology);
    tree_put_int(item, "worker", process->worker);
    tree_put_int(item, "attempt", process->attempt);
    tree_put_hex64(item, "incarnation", process->incarnation);
    tree_put_text(item, "state", "running");
    return world_ask(&world, 0, request, NULL, 0);
}

static void host_next_life_of_a_supervisor_is_obeyed_at_once(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    const struct process *process = world_process(&world, 0);
    assert_int_equal(report_of_life(process, 2), GALE_OK);
    assert_int_equal(gale_conf_count(gale_conf_get(world.tree, "wanted")), 2);
    assert_int_equal(report_of_life(process, 1), GALE_ERR_EXISTS);  /* It came late. */
    assert_int_equal(world_describe(&world, "t", "workers_up"), 1); /* The other one is gone. */
}

static enum gale_err log_level(const char *level, int64_t for_ms)
{
    struct gale_conf *request = world_request("log_level", "t");
    tree_put_text(request, "component", "b");
    tree_put_text(request, "level", level);
    tree_put_int(request, "for_ms", for_ms);
    return world_ask(&world, 0, request, NULL, 0);
}

static void log_level_reaches_workers_that_start_later_for_its_time(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    world_run(&world, 200);
    assert_int_equal(log_level("debug", 10000), GALE_OK);
    assert_true(world_process(&world, 0)->debugs && world_process(&world, 1)->debugs);
    world_kill_process(&world, world_process(&world, 1));
    world_run(&world, 3000);
    assert_true(world_process(&world, 1)->debugs);
    world_run(&world, 8000);
    world_kill_process(&world, world_process(&world, 1));
    world_run(&world, 3000);
    assert_false(world_process(&world, 1)->debugs); /* Its time is over. */
    assert_int_equal(log_level("debug", 10000), GALE_OK);
    assert_int_equal(log_level("reset", 0), GALE_OK);
    assert_false(world_process(&world, 0)->debugs);
    world_run(&world, 3000);
    assert_false(world_process(&world, 0)->debugs);
}

static void say_sample(struct process *process, uint64_t tap)
{
    static const uint8_t values[] = {0x92, 0xa1, 'x', 0x05};
    struct message message = {.type = MESSAGE_SAMPLE,
                              .topology = process->topology,
                              .worker = process->worker,
                              .incarnation = process->incarnation,
                              .epoch = process->epoch,
                              .attempt = process->attempt};
    message.as.sample = (struct message_sample){.tap = tap,
                                                .task = 1,
                                                .stream = "default",
                                                .time_ms = 99,
                                                .values = {values, sizeof values},
                                                .skipped = 3,
                                                .text = ""};
    cluster_message(world.clusters[0], &message, world.now_ns);
}

static uint64_t tap_begin(const char *component)
{
    struct gale_conf *request = world_request("tap", "t");
    tree_put_text(request, "component", component);
    tree_put_text(request, "where", "w == 1");
    tree_put_int(request, "rate", 5);
    (void)world_ask(&world, 0, request, NULL, 0);
    return tree_hex64(world.tree, "tap", 0);
}

static enum gale_err tap_read(uint64_t tap, int64_t after)
{
    struct gale_conf *request = world_request("tap_read", NULL);
    tree_put_hex64(request, "tap", tap);
    tree_put_int(request, "after", after);
    return world_ask(&world, 0, request, NULL, 0);
}

static void tap_samples_are_read_once(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    assert_int_equal(tap_begin("nope"), 0);
    uint64_t tap = tap_begin("s");
    assert_true(tap != 0);
    assert_int_equal(world.tap, tap);
    assert_string_equal(world.tap_where, "w == 1");
    say_sample(world_process(&world, 0), tap);
    say_sample(world_process(&world, 0), tap);
    say_sample(world_process(&world, 0), tap + 1);
    assert_int_equal(tap_read(tap, 0), GALE_OK);
    const struct gale_conf *list = gale_conf_get(world.tree, "samples");
    assert_int_equal(gale_conf_count(list), 2);
    const struct gale_conf *values = gale_conf_get(gale_conf_at(list, 0), "values");
    assert_string_equal(gale_conf_text(gale_conf_at(values, 0)), "x");
    assert_string_equal(gale_conf_text(gale_conf_at(values, 1)), "5");
    assert_int_equal(gale_conf_int64(world.tree, "skipped", 0), 3);
    int64_t next = gale_conf_int64(world.tree, "next", 0);
    assert_int_equal(tap_read(tap, next), GALE_OK);
    assert_int_equal(gale_conf_count(gale_conf_get(world.tree, "samples")), 0);
    assert_int_equal(gale_conf_int64(world.tree, "next", 0), next);
}

static void tap_unread_ends(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    uint64_t tap = tap_begin("s");
    world_run(&world, 11000);
    assert_int_equal(world.tap, 0); /* The workers were told. */
    assert_int_equal(tap_read(tap, 0), GALE_ERR_NOT_FOUND);
}

static void tap_as_many_as_allowed_then_refused(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    for (unsigned i = 0; i < CLUSTER_TAPS_MAX; i++) {
        assert_true(tap_begin("s") != 0);
    }
    assert_int_equal(tap_begin("s"), 0);
    assert_int_equal(world.code, GALE_ERR_LIMIT);
    world_ask_name(&world, 0, "kill", "t");
    world_until_gone(&world, "t"); /* It takes them with it. */
}

/* ---- Store ----------------------------------------------------------------------------------- */

static void store_away_changes_are_refused_and_work_goes_on(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    world.proxies[0].away = true;
    world_run(&world, 200);
    assert_false(cluster_leads(world.clusters[0]));
    assert_int_equal(world_ask_name(&world, 0, "kill", "t"), GALE_ERR_AGAIN);
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_ERR_AGAIN);
    world_kill_process(&world, world_process(&world, 0));
    world_run(&world, 300);
    assert_int_equal(world_living(&world), 2); /* Restarted, and it has its tasks. */
    assert_true(world_process(&world, 0)->assigned);
    world_host_down(&world, 0);
    world_run(&world, 5000);
    assert_int_equal(world_workers_on(&world, "t", "h1"), 2); /* Nothing is moved. */
    world_host_up(&world, 0);
    world.proxies[0].away = false;
    world_run(&world, 1000);
    assert_true(cluster_leads(world.clusters[0]));
    assert_int_equal(world_ask_name(&world, 0, "kill", "t"), GALE_OK);
    world_until_gone(&world, "t");
}

static void store_unknown_outcome_is_read_anew(void **state)
{
    (void)state;
    world_submit(&world, PLAIN, NULL);
    world_until(&world, "t", "active");
    uint64_t epoch = cluster_epoch(world.clusters[0]);
    uint64_t starts = world.starts;
    world.proxies[0].lose_answer = true;
    assert_int_equal(world_ask_name(&world, 0, "deactivate", "t"), GALE_ERR_AGAIN);
    world_run(&world, 1000);
    assert_true(cluster_epoch(world.clusters[0]) > epoch);
    assert_string_equal(world_status(&world, "t"), "inactive"); /* It had taken effect. */
    assert_int_equal(world.starts, starts);
}

static void blobs_missing_are_asked_for(void **state)
{
    (void)state;
    world.blobs_missing = true; /* The topology needs none. */
    assert_int_equal(world_submit(&world, PLAIN, NULL), GALE_OK);
    assert_null(gale_conf_get(world.tree, "missing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(submit_free_slots_becomes_active, setup, teardown),
        cmocka_unit_test_setup_teardown(submit_name_in_use_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(submit_damaged_bytes_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(submit_inactive_waits_for_activate, setup, teardown),
        cmocka_unit_test_setup_teardown(submit_no_slots_waits_with_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(deactivate_active_rests_and_comes_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(verbs_unknown_name_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(finished_spouts_ended_stays_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(positions_kill_and_submit_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(positions_fresh_submit_are_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(positions_steady_state_few_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_dying_worker_is_counted_and_restarted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sample_running_topology_has_all_components, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sample_latency_is_of_late, setup, teardown),
        cmocka_unit_test_setup_teardown(hosts_one_is_listed_with_its_workers, setup, teardown),
        cmocka_unit_test_setup_teardown(host_report_that_was_overtaken_has_no_effect, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(host_second_of_a_name_waits_for_the_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(log_level_reaches_workers_that_start_later_for_its_time,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(host_next_life_of_a_supervisor_is_obeyed_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tap_samples_are_read_once, setup, teardown),
        cmocka_unit_test_setup_teardown(tap_unread_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(tap_as_many_as_allowed_then_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(store_away_changes_are_refused_and_work_goes_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(store_unknown_outcome_is_read_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(blobs_missing_are_asked_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds a bolt, as Storm's tests describe it: merged conf, worker resources, task hooks
 * (their counts are the table of Storm's test), tick tuples.
 */
#include "exec_harness.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum gale_err conf_prepare(void *state, struct gale_task *task,
                                  const struct gale_conf *conf)
{
    (void)state;
    const char *pool = gale_task_resource(task, "pool");
    harness_say(task, "%s %s %" PRId64 " %s", gale_conf_string(conf, "colour", "none"),
                gale_conf_string(conf, "shape", "none"), gale_conf_int64(conf, "limit", -1),
                pool ? pool : "none");
    return GALE_OK;
}

static enum gale_err ignore(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static const struct gale_option conf_options[] = {
    {"colour", GALE_OPTION_STRING, false, NULL, "Any."},
    {"limit", GALE_OPTION_INT, false, "5", "Any."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};
static const struct gale_bolt_ops conf_ops = {GALE_BOLT_HEAD, .name = "conf",
                                              .options = conf_options, .prepare = conf_prepare,
                                              .execute = ignore};

static void component_conf_wins_over_topology_and_default(void **state)
{
    (void)state;
    harness_add_bolt(&conf_ops);
    harness_start("{name: t, conf: {colour: red, shape: round}, spouts: {s: {type: feed}},"
                  " bolts: {a: {type: conf, from: [{s: shuffle}]},"
                  "         b: {type: conf, colour: blue, limit: 9, from: [{s: shuffle}]}}}",
                  "000");
    assert_string_equal(harness_note_at("a", 0)->text, "red round 5 none");
    assert_string_equal(harness_note_at("b", 0)->text, "blue round 9 none");
}

static uint32_t pools_open;
static char pool_text[8] = "shared";

static void *pool_start(const struct gale_conf *conf)
{
    pools_open++;
    return gale_conf_bool(conf, "empty", false) ? NULL : pool_text;
}

static void pool_stop(void *resource)
{
    assert_ptr_equal(resource, pool_text);
    pools_open--;
}

static const struct gale_worker_hooks pool_hooks = {.abi = GALE_ABI,
                                                    .struct_size = sizeof(pool_hooks),
                                                    .name = "pool",
                                                    .start = pool_start,
                                                    .stop = pool_stop};

static void worker_resource_is_readable_in_every_bolt(void **state)
{
    (void)state;
    harness_add_bolt(&conf_ops);
    harness_add_worker_hooks(&pool_hooks);
    pools_open = 0;
    harness_start("{name: t, worker_hooks: [pool], spouts: {s: {type: feed}},"
                  " bolts: {a: {type: conf, parallelism: 2, from: [{s: shuffle}]}}}",
                  "001");
    assert_int_equal(pools_open, 2);
    assert_int_equal(harness_notes_of("a", "none none 5 shared"), 2);
    harness_close();
    assert_int_equal(pools_open, 0);
}

static struct {
    uint32_t emitted, targets, acked, failed, executed, spout_acked, spout_failed, prepared,
        cleaned;
} hooked;

static void hook_prepare(void *hook, struct gale_task *task, const struct gale_conf *conf)
{
    (void)task;
    (void)conf;
    assert_int_equal(*(uint64_t *)hook, 0);
    *(uint64_t *)hook = 1;
    hooked.prepared++;
}

static void hook_emit(void *hook, struct gale_task *task, unsigned stream, unsigned targets)
{
    (void)hook;
    (void)task;
    (void)stream;
    hooked.emitted++;
    hooked.targets += targets;
}

static void hook_execute(void *hook, struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)hook;
    (void)task;
    (void)tuple;
    hooked.executed++;
}

static void hook_ack(void *hook, struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)hook;
    (void)task;
    (void)tuple;
    hooked.acked++;
}

static void hook_fail(void *hook, struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)hook;
    (void)task;
    (void)tuple;
    hooked.failed++;
}

static void hook_spout_ack(void *hook, struct gale_task *task, uint64_t id, uint64_t latency)
{
    (void)hook;
    (void)task;
    (void)id;
    (void)latency;
    hooked.spout_acked++;
}

static void hook_spout_fail(void *hook, struct gale_task *task, uint64_t id)
{
    (void)hook;
    (void)task;
    (void)id;
    hooked.spout_failed++;
}

static void hook_cleanup(void *hook, struct gale_task *task)
{
    (void)task;
    assert_int_equal(*(uint64_t *)hook, 1);
    hooked.cleaned++;
}

static const struct gale_task_hooks watch_hooks = {.abi = GALE_ABI,
                                                   .struct_size = sizeof(watch_hooks),
                                                   .name = "watch",
                                                   .state_size = sizeof(uint64_t),
                                                   .prepare = hook_prepare,
                                                   .emit = hook_emit,
                                                   .spout_ack = hook_spout_ack,
                                                   .spout_fail = hook_spout_fail,
                                                   .bolt_execute = hook_execute,
                                                   .bolt_ack = hook_ack,
                                                   .bolt_fail = hook_fail,
                                                   .cleanup = hook_cleanup};

/* Storm's hooks bolt: tuples 0…3; it holds 0 and 2, then: 1 acks 0, 2 fails 1, 3 acks 2. */
struct hooks_state {
    int64_t seen;
    struct gale_tuple *held;
};

static enum gale_err hooks_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct hooks_state *self = state;
    if (self->held) {
        (self->seen == 2 ? gale_fail : gale_ack)(task, self->held);
    }
    self->held = gale_tuple_keep(task, tuple);
    self->seen++;
    for (int i = 0; self->seen > 1 && i < 2; i++) {
        gale_put_int64(gale_begin(task), i);
        (void)gale_emit(task, 0);
    }
    return GALE_OK;
}

static const struct gale_bolt_ops hooks_ops = {GALE_BOLT_HEAD,
                                               .name = "storm",
                                               .fields = "n",
                                               .state_size = sizeof(struct hooks_state),
                                               .flags = GALE_BOLT_MANUAL_ACK,
                                               .execute = hooks_execute};

static void check_task_hooks(const char *placement)
{
    harness_add_bolt(&hooks_ops);
    harness_add_hooks(&watch_hooks);
    memset(&hooked, 0, sizeof(hooked));
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: storm, hooks: [watch], from: [{s: shuffle}]}}}",
                  placement);
    static const uint32_t expected[4][4] = {
        {0, 0, 0, 1}, {2, 1, 0, 2}, {4, 1, 1, 3}, {6, 2, 1, 4}};
    for (uint64_t i = 0; i < 4; i++) {
        harness_feed("s", i + 1, "x");
        harness_run();
        assert_int_equal(hooked.emitted, expected[i][0]);
        assert_int_equal(hooked.acked, expected[i][1]);
        assert_int_equal(hooked.failed, expected[i][2]);
        assert_int_equal(hooked.executed, expected[i][3]);
    }
    assert_int_equal(hooked.prepared, 1);
    harness_close();
    assert_int_equal(hooked.cleaned, 1);
}

static void task_hooks_one_worker_see_storms_counts(void **state)
{
    (void)state;
    check_task_hooks("00");
}

static void task_hooks_two_workers_see_storms_counts(void **state)
{
    (void)state;
    check_task_hooks("01");
}

static enum gale_err fail_odd(void *state, struct gale_task *task,
                              const struct gale_tuple *tuple)
{
    int64_t number = 0;
    (void)state;
    assert_int_equal(gale_tuple_int64(tuple, 0, &number), GALE_OK);
    if (number == 3) {
        gale_fail(task, tuple);
        return GALE_OK;
    }
    return number % 2 ? GALE_ERR_FAILED : GALE_OK;
}

static const struct gale_bolt_ops odd_ops = {GALE_BOLT_HEAD, .name = "odd",
                                             .execute = fail_odd};

static void check_fail_hooks(const char *placement)
{
    harness_add_bolt(&odd_ops);
    harness_add_hooks(&watch_hooks);
    memset(&hooked, 0, sizeof(hooked));
    harness_start("{name: t, hooks: [watch], spouts: {s: {type: feed}},"
                  " bolts: {b: {type: odd, from: [{s: shuffle}]}}}",
                  placement);
    static const char *const texts[] = {"1", "2", "3", "4"};
    for (uint64_t i = 0; i < 4; i++) {
        harness_feed("s", i + 1, texts[i]);
    }
    harness_run();
    assert_int_equal(hooked.executed, 4);
    assert_int_equal(hooked.acked, 2);
    assert_int_equal(hooked.failed, 2);
    assert_int_equal(hooked.emitted, 4);
    assert_int_equal(hooked.spout_acked, 2);
    assert_int_equal(hooked.spout_failed, 2);
    assert_int_equal(harness_counters("b").failed, 2);
    assert_int_equal(harness_counters("b").acked, 2);
}

static void task_hooks_auto_ack_see_each_fail_once(void **state)
{
    (void)state;
    check_fail_hooks("00");
}

static void task_hooks_auto_ack_over_link_see_each_fail_once(void **state)
{
    (void)state;
    check_fail_hooks("01");
}

/* Gives each tuple to tasks 0, 1 and 1. */
static uint32_t thrice_choose(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                              uint32_t chosen_max)
{
    (void)state;
    (void)tuple;
    (void)chosen_max;
    chosen[0] = 0;
    chosen[1] = chosen[2] = 1;
    return 3;
}

static const struct gale_grouping_ops thrice_ops = {.abi = GALE_ABI,
                                                    .struct_size = sizeof(thrice_ops),
                                                    .name = "thrice",
                                                    .choose = thrice_choose};

static void task_hooks_of_emits_see_the_number_of_targets(void **state)
{
    (void)state;
    harness_add_grouping(&thrice_ops);
    harness_add_hooks(&watch_hooks);
    memset(&hooked, 0, sizeof(hooked));
    harness_start("{name: t, spouts: {s: {type: feed, direct: true, hooks: [watch]}},"
                  " bolts: {b: {type: void, parallelism: 2,"
                  "             from: [{s: {custom: {module: m.so, grouping: thrice}}}]},"
                  "         c: {type: void, parallelism: 4, from: [{s: all}]},"
                  "         d: {type: void, from: [{s: shuffle}, {s.straight: direct}]}}}",
                  "00101010");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(hooked.emitted, 1);
    assert_int_equal(hooked.targets, 3 + 4 + 1);
    harness_feed_to("s", 2, "straight", 8, "x");
    harness_feed_to("s", 3, "straight", 2, "x"); /* It does not subscribe: refused. */
    harness_run();
    assert_int_equal(hooked.emitted, 2);
    assert_int_equal(hooked.targets, 8 + 1);
    assert_int_equal(hooked.spout_acked, 2);
}

/* ---- Ticks ---- */

static enum gale_err tick_note(void *state, struct gale_task *task)
{
    (void)state;
    harness_say(task, "tick");
    gale_put_string(gale_begin(task), "tick", 4);
    return gale_emit(task, 0);
}

static const struct gale_bolt_ops tick_ops = {
    GALE_BOLT_HEAD, .name = "ticker", .fields = "word", .execute = ignore, .tick = tick_note};

static void ticks_every_30_s_come_one_by_one(void **state)
{
    (void)state;
    harness_add_bolt(&tick_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: ticker, tick: 30s, parallelism: 2, from: [{s: shuffle}]},"
                  "         o: {type: sink, from: [{b: shuffle}]}}}",
                  "0010");
    harness_advance(29000);
    assert_int_equal(harness_notes("b"), 0);
    for (uint32_t i = 1; i <= 3; i++) {
        harness_advance(i == 1 ? 1500 : 30000);
        assert_int_equal(harness_notes("b"), 2 * i);
        assert_int_equal(harness_notes("o"), 2 * i);
    }
}

#define CASE(name) cmocka_unit_test_teardown(name, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(component_conf_wins_over_topology_and_default),
        CASE(worker_resource_is_readable_in_every_bolt),
        CASE(task_hooks_one_worker_see_storms_counts),
        CASE(task_hooks_two_workers_see_storms_counts),
        CASE(task_hooks_auto_ack_see_each_fail_once),
        CASE(task_hooks_auto_ack_over_link_see_each_fail_once),
        CASE(task_hooks_of_emits_see_the_number_of_targets),
        CASE(ticks_every_30_s_come_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

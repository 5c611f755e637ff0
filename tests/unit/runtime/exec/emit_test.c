/* SPDX-License-Identifier: Apache-2.0 */
/* Emits that fail: what becomes of the tuple in execution, and a cycle that makes more than it takes. */
#include "exec_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Emits a value too many, then a right tuple, and ignores what the emits return. */
static enum gale_err careless_execute(void *state, struct gale_task *task,
                                      const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_out *out = gale_begin(task);
    gale_put_fields(out, tuple, 0, 1);
    gale_put_nil(out);
    (void)gale_emit(task, 0);
    gale_put_fields(gale_begin(task), tuple, 0, 1);
    (void)gale_emit(task, 0);
    return GALE_OK;
}

/* Names a task that does not subscribe. */
static enum gale_err astray_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_emit_options options = {
        .struct_size = sizeof(options), .flags = GALE_EMIT_DIRECT, .target_task = 999};
    gale_put_fields(gale_begin(task), tuple, 0, 1);
    (void)gale_emit_with(task, 0, &options);
    return GALE_OK;
}

static enum gale_err own_execute(void *state, struct gale_task *task,
                                 const struct gale_tuple *tuple)
{
    enum gale_err err = careless_execute(state, task, tuple);
    gale_ack(task, tuple);
    return err;
}

static const struct gale_bolt_ops careless_ops = {
    GALE_BOLT_HEAD, .name = "careless", .fields = "word", .execute = careless_execute};
static const struct gale_bolt_ops astray_ops = {GALE_BOLT_HEAD, .name = "astray",
                                                .fields = "word", .execute = astray_execute};
static const struct gale_bolt_ops own_ops = {GALE_BOLT_HEAD, .name = "own", .fields = "word",
                                             .flags = GALE_BOLT_MANUAL_ACK,
                                             .execute = own_execute};

static void check(const char *topology, const char *placement, uint32_t fails)
{
    harness_add_bolt(&careless_ops);
    harness_add_bolt(&astray_ops);
    harness_add_bolt(&own_ops);
    harness_start(topology, placement);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_fails("s", 1), fails);
    assert_int_equal(harness_acks("s", 1), 1 - fails);
    harness_close();
}

#define WITH(type) \
    "{name: t, timeout: 60s, spouts: {s: {type: feed}}," \
    " bolts: {a: {type: " type ", from: [{s: shuffle}]}," \
    "         b: {type: sink, from: [{a: shuffle}]}}}"

static void failed_emit_that_is_ignored_fails_the_tree(void **state)
{
    (void)state;
    static const char *const placements[] = {"000", "011", "012", "010"};
    for (size_t i = 0; i < sizeof(placements) / sizeof(placements[0]); i++) {
        check(WITH("careless"), placements[i], 1);
        check(WITH("astray"), placements[i], 1);
    }
}

static void failed_emit_of_a_bolt_that_acks_by_hand_is_its_own_affair(void **state)
{
    (void)state;
    check(WITH("own"), "000", 0);
    check(WITH("own"), "012", 0);
}

static void failed_emit_of_a_spout_fails_nothing(void **state)
{
    (void)state;
    harness_start(WITH("pass"), "000");
    harness_feed("s", 1, "x y");
    harness_feed("s", 2, "x");
    harness_run();
    assert_int_equal(harness_refusals("s", NULL), 1);
    assert_int_equal(harness_acks("s", 2), 1);
    assert_int_equal(harness_acks("s", 1) + harness_fails("s", 0), 0);
}

/* ---- A cycle that makes two of each ---- */

#define PAD_SIZE 20000
#define STEPS_MAX 200000

static enum gale_err rabbit_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    static const char pad[PAD_SIZE];
    (void)state;
    (void)tuple;
    for (int i = 0; i < 2; i++) {
        gale_put_string(gale_begin(task), pad, sizeof(pad));
        (void)gale_emit(task, 0);
    }
    return GALE_OK;
}

static const struct gale_bolt_ops rabbit_ops = {GALE_BOLT_HEAD, .name = "rabbit",
                                                .fields = "word", .execute = rabbit_execute};

static void cycle_that_multiplies_fails_its_tree_within_bounds_and_hinders_nobody(void **state)
{
    (void)state;
    harness_add_bolt(&rabbit_ops);
    harness_open("{name: t, timeout: 0, spouts: {s: {type: feed}, f: {type: feed}},"
                 " bolts: {r: {type: rabbit, from: [{s: shuffle}, {r: shuffle}]},"
                 "         b: {type: sink, from: [{f: shuffle}]}}}",
                 "0000");
    harness_prepare();
    harness_activate(true);
    harness_feed("s", 1, "x");
    struct exec *exec = harness_exec(0);
    int64_t now = harness_now_ns();
    for (int i = 0; i < STEPS_MAX && harness_fails("s", 1) == 0; i++) {
        assert_int_equal(exec_step(exec, now += 1000), EXEC_BUSY);
        assert_true(harness_task(3)->inbox_bytes <=
                    EXEC_LANE_CYCLE_BYTES_MAX + 2 * BATCH_VALUES_SIZE);
    }
    assert_int_equal(harness_fails("s", 1), 1);
    assert_true(harness_task(3)->count.errors > 0);
    assert_true(exec->limit_hits > 0);
    for (int i = 0; i < 1000; i++) {
        exec_step(exec, now += 1000);
    }
    assert_true(harness_task(3)->count.errors > 100);
    assert_int_equal(harness_events(EVENT_COMPONENT_ERROR), 1); /* One a second is enough. */
    harness_feed("f", 7, "y");
    for (int i = 0; i < 100; i++) {
        exec_step(exec, now += 100000); /* An idle spout is asked each millisecond. */
    }
    assert_int_equal(harness_acks("f", 7), 1);
}

#define CASE(name) cmocka_unit_test_teardown(name, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_emit_that_is_ignored_fails_the_tree),
        cmocka_unit_test(failed_emit_of_a_bolt_that_acks_by_hand_is_its_own_affair),
        CASE(failed_emit_of_a_spout_fails_nothing),
        CASE(cycle_that_multiplies_fails_its_tree_within_bounds_and_hinders_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

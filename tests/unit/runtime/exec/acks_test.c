/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees that went on to a third worker, of which their owner hears late: they fail at once, not by their
 * timeout, whatever the order in which news of the death and of the tree arrive.
 */
#include "exec_harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Tells worker 0 alone that the process of worker 2 was replaced. */
static void replace_for_owner(void)
{
    struct gale_error error;
    uint64_t incarnation = harness_exec(2)->options.incarnation;
    assert_int_equal(exec_peer(harness_exec(0), 2, false, 0, "", &error), GALE_OK);
    assert_int_equal(
        exec_peer(harness_exec(0), 2, true, incarnation + 1, "memory://w2", &error), GALE_OK);
}

static void touch_of_a_process_that_was_replaced_fails_the_tree_at_once(void **state)
{
    (void)state;
    harness_start("{name: t, timeout: 60s, spouts: {s: {type: feed}},"
                  " bolts: {p: {type: pass, from: [{s: shuffle}]},"
                  "         b: {type: hold, from: [{p: shuffle}]}}}",
                  "012");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_fails("s", 0), 0); /* It is where its owner thinks it is. */
    replace_for_owner();
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
    harness_feed("s", 2, "y");
    harness_run();
    assert_int_equal(harness_held(), 2);
    assert_int_equal(harness_fails("s", 2), 1);
}

/* Keeps each tuple and emits from it; nobody is told where that went before it is acked. */
static enum gale_err early_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    (void)state;
    const struct gale_tuple *kept = gale_tuple_keep(task, tuple);
    struct gale_emit_options options = {.struct_size = sizeof(options),
                                        .flags = GALE_EMIT_ANCHORS,
                                        .anchors = &kept,
                                        .anchors_count = 1};
    assert_non_null(kept);
    gale_put_fields(gale_begin(task), tuple, 0, 1);
    return gale_emit_with(task, 0, &options);
}

static const struct gale_bolt_ops early_ops = {GALE_BOLT_HEAD, .name = "early",
                                               .fields = "word", .execute = early_execute};

static void start_early(const char *placement)
{
    harness_add_bolt(&early_ops);
    harness_start("{name: t, timeout: 60s, spouts: {s: {type: feed}},"
                  " bolts: {p: {type: early, from: [{s: shuffle}]},"
                  "         b: {type: hold, from: [{p: shuffle}]}}}",
                  placement);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_held(), 1);
}

static void death_fails_trees_of_kept_tuples_that_went_there(void **state)
{
    (void)state;
    start_early("012");
    harness_kill(2);
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
}

static void link_failure_elsewhere_fails_trees_of_kept_tuples_that_went_there(void **state)
{
    (void)state;
    start_early("012");
    exec_fail_touched(harness_exec(1), UINT64_C(1) << 2);
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
}

#define CASE(name) cmocka_unit_test_teardown(name, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(touch_of_a_process_that_was_replaced_fails_the_tree_at_once),
        CASE(death_fails_trees_of_kept_tuples_that_went_there),
        CASE(link_failure_elsewhere_fails_trees_of_kept_tuples_that_went_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a lost frame costs: the trees that it touched fail at once, and nothing waits for a timeout. */
#include "exec_harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int stop(void **state)
{
    (void)state;
    harness_close();
    return 0;
}

static bool drop_controls, drop_hellos;

static bool pass(uint32_t to, const struct frame_header *header)
{
    return !(to == 0 && drop_controls && header->kind == FRAME_CONTROL) &&
           !(to == 1 && drop_hellos && header->kind == FRAME_HELLO);
}

static void start_across(void)
{
    drop_controls = drop_hellos = false;
    harness_filter(pass);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                  "01");
}

static void lost_acks_fail_their_trees_with_the_next_frame(void **state)
{
    (void)state;
    start_across();
    drop_controls = true;
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 0), 0);
    drop_controls = false;
    harness_feed("s", 2, "x");
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
    assert_int_equal(harness_fails("s", 2), 1);
    harness_advance(200);
    harness_feed("s", 3, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 3), 1);
}

/* The receiver knows of the gap, the sender does not yet: what it sends meanwhile is refused. */
static void acks_refused_before_the_sender_knows_fail_when_the_link_is_new(void **state)
{
    (void)state;
    start_across();
    drop_controls = true;
    harness_feed("s", 1, "x");
    harness_run();
    drop_controls = false;
    drop_hellos = true;
    harness_feed("s", 2, "x");
    harness_run();
    assert_int_equal(harness_fails("s", 0), 2);
    harness_feed("s", 3, "x");
    harness_run();
    assert_int_equal(harness_notes("b"), 3);
    assert_int_equal(harness_acks("s", 0) + harness_fails("s", 3), 0);
    drop_hellos = false;
    harness_advance(300);
    assert_int_equal(harness_fails("s", 3), 1);
    assert_int_equal(harness_counters("s").pending, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lost_acks_fail_their_trees_with_the_next_frame, stop),
        cmocka_unit_test_teardown(
            acks_refused_before_the_sender_knows_fail_when_the_link_is_new, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

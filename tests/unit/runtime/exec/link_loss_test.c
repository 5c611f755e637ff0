/* SPDX-License-Identifier: Apache-2.0 */
/* What a lost frame costs: the trees that it touched fail at once, and nothing waits for a timeout. */
#include "exec_harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

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

static uint64_t inbox_bytes(uint32_t task)
{
    return harness_task(task)->inbox_bytes;
}

/* Worker 1's bolt cannot go on, since worker 2 makes no step; each time the link from worker 0 opens
 * anew only what is free in the inbox may be sent. */
static void flapping_link_does_not_fill_a_blocked_inbox_beyond_its_bound(void **state)
{
    (void)state;
    const uint64_t batch = BATCH_VALUES_SIZE + BATCH_RUNS_SIZE + BATCH_HEAD_SIZE;
    const uint64_t bound = 128 * 1024 + batch;
    static const uint8_t garbage[16] = {0xff};
    harness_open("{name: t, inbox_size: 128KiB, max_pending: 1000000, timeout: 0,"
                 " spouts: {s: {type: flood, count: 100000, size: 1000}},"
                 " bolts: {p: {type: pass, from: [{s: shuffle}]},"
                 "         e: {type: void, from: [{p: shuffle}]}}}",
                 "012");
    harness_prepare();
    harness_halt(2, true);
    harness_activate(true);
    harness_advance(500);
    assert_in_range(inbox_bytes(2), 64 * 1024, bound);
    for (int i = 0; i < 10; i++) {
        harness_inject(1, 0, FRAME_DATA, garbage, sizeof(garbage), NULL);
        harness_advance(300);
        assert_in_range(inbox_bytes(2), 64 * 1024, bound);
        assert_int_equal(harness_exec(1)->peers[0].in.state, LINK_STATE_OPEN);
    }
    harness_halt(2, false);
    harness_advance(500);
    assert_int_equal(harness_counters("e").executed, harness_counters("p").executed);
    assert_int_equal(inbox_bytes(2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lost_acks_fail_their_trees_with_the_next_frame,
                                  harness_teardown),
        cmocka_unit_test_teardown(
            acks_refused_before_the_sender_knows_fail_when_the_link_is_new, harness_teardown),
        cmocka_unit_test_teardown(flapping_link_does_not_fill_a_blocked_inbox_beyond_its_bound,
                                  harness_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storm's reliability behaviours: the ack tree with its branches, joins and anchors, and its
 * timeouts. What is held, replayed and remembered: kept_test.c.
 */
#include "exec_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- Timeouts ---- */

/* Acks every other tuple and forgets the rest. */
static enum gale_err alternate_execute(void *state, struct gale_task *task,
                                       const struct gale_tuple *tuple)
{
    uint32_t *count = state;
    if ((*count)++ % 2 == 0) {
        gale_ack(task, tuple);
    }
    return GALE_OK;
}

static const struct gale_bolt_ops alternate_ops = {
    GALE_BOLT_HEAD, .name = "alternate", .state_size = sizeof(uint32_t),
    .flags = GALE_BOLT_MANUAL_ACK, .execute = alternate_execute};

static void check_timeout(const char *placement)
{
    harness_add_bolt(&alternate_ops);
    harness_start("{name: t, timeout: 10s, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: alternate, from: [{s: shuffle}]}}}",
                  placement);
    harness_feed_many("s", 1, 3);
    harness_run();
    harness_advance(9000);
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_acks("s", 3), 1);
    assert_int_equal(harness_fails("s", 0), 0);
    harness_advance(3000);
    assert_int_equal(harness_fails("s", 2), 1);
    assert_int_equal(harness_fails("s", 0), 1);
    assert_int_equal(harness_acks("s", 0), 2);
    assert_int_equal(harness_counters("s").timed_out, 1);
    assert_int_equal(harness_counters("s").failed, 1);
}

static void timeout_unacked_tuple_fails_after_it(void **state)
{
    (void)state;
    check_timeout("00");
}

static void timeout_over_link_unacked_tuple_fails_after_it(void **state)
{
    (void)state;
    check_timeout("01");
}

static void timeouts_disabled_nothing_ever_fails(void **state)
{
    (void)state;
    harness_add_bolt(&alternate_ops);
    harness_start("{name: t, timeout: 0, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: alternate, from: [{s: shuffle}]}}}",
                  "00");
    harness_feed_many("s", 1, 3);
    harness_run();
    harness_advance(120000);
    assert_int_equal(harness_acks("s", 0), 2);
    assert_int_equal(harness_fails("s", 0), 0);
    assert_int_equal(harness_counters("s").pending, 1);
}

/* Keeps all tuples and resets the timeout of the first one each second. */
struct reset_state {
    struct gale_tuple *first;
};

static enum gale_err reset_timer(void *state, struct gale_task *task, void *argument)
{
    (void)argument;
    struct reset_state *self = state;
    if (self->first) {
        gale_reset_timeout(task, self->first);
    }
    return GALE_OK;
}

static struct gale_tuple *reset_first;
static struct gale_task *reset_task;

static enum gale_err reset_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct reset_state *self = state;
    struct gale_tuple *kept = gale_tuple_keep(task, tuple);
    if (!self->first) {
        self->first = reset_first = kept;
        reset_task = task;
        return gale_timer_start(task, 1000, 1000, reset_timer, NULL, NULL);
    }
    return GALE_OK;
}

static const struct gale_bolt_ops reset_ops = {GALE_BOLT_HEAD, .name = "reset",
                                               .state_size = sizeof(struct reset_state),
                                               .execute = reset_execute};

static void check_reset(const char *placement)
{
    harness_add_bolt(&reset_ops);
    harness_start("{name: t, timeout: 10s, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: reset, from: [{s: shuffle}]}}}",
                  placement);
    harness_feed_many("s", 1, 2);
    harness_run();
    harness_advance(20000);
    assert_int_equal(harness_fails("s", 2), 1);
    assert_int_equal(harness_fails("s", 1), 0);
    gale_ack(reset_task, reset_first);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
}

static void reset_timeout_keeps_that_tuple_alive(void **state)
{
    (void)state;
    check_reset("00");
}

static void reset_timeout_over_link_keeps_that_tuple_alive(void **state)
{
    (void)state;
    check_reset("01");
}

static void stopped_process_fails_nothing_when_it_goes_on(void **state)
{
    (void)state;
    harness_start("{name: t, timeout: 10s, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: hold, from: [{s: shuffle}]}}}",
                  "00");
    harness_feed("s", 1, "x");
    harness_run();
    harness_halt(0, true);
    harness_advance(60000);
    harness_halt(0, false);
    harness_advance(500);
    assert_int_equal(harness_fails("s", 0), 0);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
}

/* ---- Trees ---- */

/* Storm's acking test: feeders branch ×2, ×4 and ×1 into an aggregator of 3, then ×2, then an
 * acker. */
static void check_acking(const char *placement)
{
    harness_start("{name: t, spouts: {f1: {type: feed}, f2: {type: feed}, f3: {type: feed}},"
                  " bolts: {b1: {type: copy, n: 2, from: [{f1: shuffle}]},"
                  "         b2: {type: copy, n: 4, from: [{f2: shuffle}]},"
                  "         b3: {type: copy, n: 1, from: [{f3: shuffle}]},"
                  "         agg: {type: merge, n: 3, from: [{b1: shuffle}, {b2: shuffle},"
                  "                                         {b3: shuffle}]},"
                  "         br: {type: copy, n: 2, from: [{agg: shuffle}]},"
                  "         ack: {type: void, from: [{br: shuffle}]}}}",
                  placement);
    harness_feed("f1", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("f1", 0), 0);
    harness_feed("f2", 2, "x");
    harness_run();
    assert_int_equal(harness_acks("f1", 1), 1);
    assert_int_equal(harness_acks("f2", 2), 1);
    harness_feed("f1", 3, "x");
    harness_run();
    assert_int_equal(harness_acks("f1", 0), 1);
    harness_feed("f1", 4, "x");
    harness_run();
    assert_int_equal(harness_acks("f1", 3), 1);
    assert_int_equal(harness_acks("f1", 0), 2);
    harness_feed("f3", 5, "x");
    harness_run();
    assert_int_equal(harness_acks("f1", 0), 2);
    assert_int_equal(harness_acks("f3", 0), 0);
    harness_feed("f2", 6, "x");
    harness_run();
    assert_int_equal(harness_acks("f1", 4), 1);
    assert_int_equal(harness_acks("f3", 5), 1);
    assert_int_equal(harness_acks("f2", 0), 2);
    assert_int_equal(harness_fails("f1", 0) + harness_fails("f2", 0) + harness_fails("f3", 0),
                     0);
}

static void acking_tree_of_three_feeders_one_worker(void **state)
{
    (void)state;
    check_acking("000000000");
}

static void acking_tree_of_three_feeders_over_links(void **state)
{
    (void)state;
    check_acking("012120201");
}

static void check_branching(const char *placement)
{
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {a: {type: pass, from: [{s: shuffle}]},"
                  "         b: {type: pass, from: [{s: shuffle}]},"
                  "         m: {type: merge, n: 4, from: [{a: shuffle}, {b: shuffle}]}}}",
                  placement);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 0), 0);
    harness_feed("s", 2, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_acks("s", 2), 1);
}

static void ack_branching_second_feed_acks_both(void **state)
{
    (void)state;
    check_branching("0000");
}

static void ack_branching_over_links_second_feed_acks_both(void **state)
{
    (void)state;
    check_branching("0121");
}

/* Emits anchored twice to its own tuple; with `kept` once to it and once to its kept copy. */
static bool anchor_kept;

static enum gale_err dup_execute(void *state, struct gale_task *task,
                                 const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_tuple *kept = anchor_kept ? gale_tuple_keep(task, tuple) : NULL;
    const struct gale_tuple *anchors[2] = {tuple, kept ? kept : tuple};
    struct gale_emit_options options = {.struct_size = sizeof(options),
                                        .flags = GALE_EMIT_ANCHORS,
                                        .anchors = anchors,
                                        .anchors_count = 2};
    gale_put_string(gale_begin(task), "y", 1);
    enum gale_err err = gale_emit_with(task, 0, &options);
    if (kept) {
        gale_ack(task, kept);
    }
    return err;
}

static const struct gale_bolt_ops dup_ops = {GALE_BOLT_HEAD, .name = "dup", .fields = "word",
                                             .execute = dup_execute};

static void check_self_anchor(const char *placement, bool kept)
{
    anchor_kept = kept;
    harness_add_bolt(&dup_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: dup, from: [{s: shuffle}]},"
                  "         c: {type: sink, from: [{b: shuffle}]}}}",
                  placement);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 0), 1);
    harness_feed_many("s", 2, 4);
    harness_run();
    for (uint64_t id = 1; id <= 4; id++) {
        assert_int_equal(harness_acks("s", id), 1);
    }
    assert_int_equal(harness_notes("c"), 4);
}

static void self_anchor_acks_exactly_once(void **state)
{
    (void)state;
    check_self_anchor("000", false);
}

static void self_anchor_over_links_acks_exactly_once(void **state)
{
    (void)state;
    check_self_anchor("010", false);
}

static void self_anchor_of_kept_copy_acks_exactly_once(void **state)
{
    (void)state;
    check_self_anchor("010", true);
    harness_close();
    check_self_anchor("000", true);
}

static void check_reject(const char *placement)
{
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {p: {type: copy, n: 3, from: [{s: shuffle}]},"
                  "         r: {type: reject, from: [{p: shuffle}]},"
                  "         o: {type: sink, from: [{p: shuffle}]}}}",
                  placement);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
    assert_int_equal(harness_acks("s", 0), 0);
    assert_int_equal(harness_notes("r"), 3);
    assert_int_equal(harness_counters("r").failed, 3);
    assert_int_equal(harness_counters("o").acked, 3);
    assert_int_equal(harness_counters("s").failed, 1);
    assert_int_equal(harness_counters("s").timed_out, 0);
}

static void bolt_error_fails_the_tree_at_once(void **state)
{
    (void)state;
    check_reject("0000");
}

static void bolt_error_over_links_fails_the_tree_at_once(void **state)
{
    (void)state;
    check_reject("0121");
}

static void explicit_fail_of_held_tuple_fails_the_tree(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {a: {type: hold, from: [{s: shuffle}]},"
                  "         b: {type: hold, from: [{s: shuffle}]}}}",
                  "001");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_held(), 2);
    harness_release(false);
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
    assert_int_equal(harness_acks("s", 0), 0);
}

/* Emits without anchors. */
static enum gale_err loose_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    (void)state;
    (void)tuple;
    struct gale_emit_options options = {.struct_size = sizeof(options),
                                        .flags = GALE_EMIT_ANCHORS};
    gale_put_string(gale_begin(task), "y", 1);
    return gale_emit_with(task, 0, &options);
}

static const struct gale_bolt_ops loose_ops = {GALE_BOLT_HEAD, .name = "loose",
                                               .fields = "word", .execute = loose_execute};

static void check_unanchored(const char *placement)
{
    harness_add_bolt(&loose_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: loose, from: [{s: shuffle}]},"
                  "         c: {type: hold, from: [{b: shuffle}]}}}",
                  placement);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_held(), 1);
    assert_int_equal(harness_acks("s", 1), 1);
    harness_release(false);
    harness_run();
    assert_int_equal(harness_fails("s", 0), 0);
}

static void unanchored_emit_does_not_hold_the_tree(void **state)
{
    (void)state;
    check_unanchored("000");
}

static void unanchored_emit_over_links_does_not_hold_the_tree(void **state)
{
    (void)state;
    check_unanchored("010");
}

static void untracked_spout_tuple_is_neither_acked_nor_failed(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: reject, from: [{s: shuffle}]}}}",
                  "01");
    harness_feed("s", 0, "x");
    harness_run();
    assert_int_equal(harness_notes("b"), 1);
    assert_int_equal(harness_acks("s", 0) + harness_fails("s", 0), 0);
}

static void spout_tuple_with_no_target_is_acked_at_once(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed, other: true}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                  "00");
    harness_feed_to("s", 7, "other", 0, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 7), 1);
    assert_int_equal(harness_counters("s").pending, 0);
}

static void anchors_of_several_trees_all_complete_or_fail(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {m: {type: merge, n: 3, from: [{s: shuffle}]},"
                  "         h: {type: hold, from: [{m: shuffle}]}}}",
                  "001");
    harness_feed_many("s", 1, 6);
    harness_run();
    assert_int_equal(harness_held(), 2);
    assert_int_equal(harness_acks("s", 0), 0);
    harness_release(true);
    harness_release(false);
    harness_run();
    for (uint64_t id = 1; id <= 6; id++) {
        assert_int_equal(harness_acks("s", id), id <= 3 ? 1 : 0);
        assert_int_equal(harness_fails("s", id), id <= 3 ? 0 : 1);
    }
}

#define CASE(name) cmocka_unit_test_teardown(name, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(timeout_unacked_tuple_fails_after_it),
        CASE(timeout_over_link_unacked_tuple_fails_after_it),
        CASE(timeouts_disabled_nothing_ever_fails),
        CASE(reset_timeout_keeps_that_tuple_alive),
        CASE(reset_timeout_over_link_keeps_that_tuple_alive),
        CASE(stopped_process_fails_nothing_when_it_goes_on),
        CASE(acking_tree_of_three_feeders_one_worker),
        CASE(acking_tree_of_three_feeders_over_links),
        CASE(ack_branching_second_feed_acks_both),
        CASE(ack_branching_over_links_second_feed_acks_both),
        CASE(self_anchor_acks_exactly_once),
        CASE(self_anchor_over_links_acks_exactly_once),
        CASE(self_anchor_of_kept_copy_acks_exactly_once),
        CASE(bolt_error_fails_the_tree_at_once),
        CASE(bolt_error_over_links_fails_the_tree_at_once),
        CASE(explicit_fail_of_held_tuple_fails_the_tree),
        CASE(unanchored_emit_does_not_hold_the_tree),
        CASE(unanchored_emit_over_links_does_not_hold_the_tree),
        CASE(untracked_spout_tuple_is_neither_acked_nor_failed),
        CASE(spout_tuple_with_no_target_is_acked_at_once),
        CASE(anchors_of_several_trees_all_complete_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

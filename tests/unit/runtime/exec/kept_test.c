/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuples that outlive their execute call, and what a spout sees of its trees: held tuples ended
 * by timers and descriptors, double ends, the keep and pending limits, replay, at-most-once, the
 * low mark of replayable spouts. Trees and timeouts: acking_test.c.
 */
#include "exec_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- Held tuples ---- */

struct later_state {
    struct gale_tuple *kept[8];
    uint32_t count;
};

static enum gale_err later_timer(void *state, struct gale_task *task, void *argument)
{
    struct later_state *self = state;
    assert_ptr_equal(argument, self);
    gale_ack(task, self->kept[--self->count]);
    return GALE_OK;
}

static enum gale_err later_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct later_state *self = state;
    self->kept[self->count++] = gale_tuple_keep(task, tuple);
    return gale_timer_start(task, 500, 0, later_timer, self, NULL);
}

static const struct gale_bolt_ops later_ops = {GALE_BOLT_HEAD, .name = "later",
                                               .state_size = sizeof(struct later_state),
                                               .execute = later_execute};

static void held_tuple_acked_by_timer_completes(void **state)
{
    (void)state;
    harness_add_bolt(&later_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: later, from: [{s: shuffle}]}}}",
                  "01");
    harness_feed_many("s", 1, 3);
    harness_run();
    harness_advance(400);
    assert_int_equal(harness_acks("s", 0), 0);
    assert_int_equal(harness_counters("b").pending, 3);
    harness_advance(200);
    assert_int_equal(harness_acks("s", 0), 3);
}

static enum gale_err fd_ready(void *state, struct gale_task *task, int fd, unsigned events,
                              void *argument)
{
    struct later_state *self = state;
    (void)argument;
    assert_int_equal(fd, 9);
    assert_int_equal(events, GALE_FD_READ);
    gale_ack(task, self->kept[--self->count]);
    return GALE_OK;
}

static enum gale_err fd_execute(void *state, struct gale_task *task,
                                const struct gale_tuple *tuple)
{
    struct later_state *self = state;
    self->kept[self->count++] = gale_tuple_keep(task, tuple);
    return gale_fd_watch(task, 9, GALE_FD_READ, fd_ready, NULL);
}

static const struct gale_bolt_ops fd_ops = {GALE_BOLT_HEAD, .name = "async",
                                            .state_size = sizeof(struct later_state),
                                            .execute = fd_execute};

static void held_tuple_acked_by_descriptor_completes(void **state)
{
    (void)state;
    harness_add_bolt(&fd_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: async, from: [{s: shuffle}]}}}",
                  "01");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 0), 0);
    harness_ready(1, 9, GALE_FD_READ);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
}

/* Ends its tuple in one way, then in another; the first one counts. */
enum ending { ACK_ACK, ACK_FAIL, FAIL_ACK, KEPT_ACK_FAILED, KEPT_FAIL_FAILED, FAIL_FAILED };
static enum ending ending;

static enum gale_err twice_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct gale_tuple *kept = NULL;
    (void)state;
    switch (ending) {
    case ACK_ACK:
        gale_ack(task, tuple);
        gale_ack(task, tuple);
        return GALE_OK;
    case ACK_FAIL:
        gale_ack(task, tuple);
        gale_fail(task, tuple);
        return GALE_OK;
    case FAIL_ACK:
        gale_fail(task, tuple);
        gale_ack(task, tuple);
        return GALE_OK;
    case KEPT_ACK_FAILED:
    case KEPT_FAIL_FAILED:
        kept = gale_tuple_keep(task, tuple);
        assert_non_null(kept);
        assert_null(gale_tuple_keep(task, tuple));
        (ending == KEPT_ACK_FAILED ? gale_ack : gale_fail)(task, kept);
        return GALE_ERR_FAILED;
    case FAIL_FAILED: gale_fail(task, tuple); return GALE_ERR_FAILED;
    }
    return GALE_ERR_INVALID;
}

static const struct gale_bolt_ops twice_ops = {
    GALE_BOLT_HEAD, .name = "twice", .flags = GALE_BOLT_MANUAL_ACK, .execute = twice_execute};
static const struct gale_bolt_ops twice_auto_ops = {GALE_BOLT_HEAD, .name = "twice",
                                                    .execute = twice_execute};

static void check_twice(const struct gale_bolt_ops *ops, const char *placement, enum ending how)
{
    static const struct {
        uint32_t acks, errors;
    } expected[] = {{1, 1}, {1, 1}, {0, 1}, {1, 0}, {0, 0}, {0, 0}};
    ending = how;
    harness_add_bolt(ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: twice, from: [{s: shuffle}]}}}",
                  placement);
    harness_feed_many("s", 1, 2);
    harness_run();
    assert_int_equal(harness_acks("s", 0), 2 * expected[how].acks);
    assert_int_equal(harness_fails("s", 0), 2 - 2 * expected[how].acks);
    if (how <= FAIL_ACK) {
        assert_int_equal(harness_counters("b").errors, 2 * expected[how].errors);
        assert_int_equal(harness_counters("b").acked, 2 * expected[how].acks);
    }
    assert_int_equal(harness_counters("b").pending, 0);
    harness_close();
}

static void second_ack_is_counted_and_ignored(void **state)
{
    (void)state;
    for (enum ending how = ACK_ACK; how <= FAIL_ACK; how++) {
        check_twice(&twice_ops, "00", how);
        check_twice(&twice_ops, "01", how);
        check_twice(&twice_auto_ops, "00", how);
        check_twice(&twice_auto_ops, "01", how);
    }
}

static void kept_tuple_ended_then_error_keeps_its_first_end(void **state)
{
    (void)state;
    for (enum ending how = KEPT_ACK_FAILED; how <= FAIL_FAILED; how++) {
        check_twice(&twice_ops, "00", how);
        check_twice(&twice_ops, "01", how);
        check_twice(&twice_auto_ops, "00", how);
        check_twice(&twice_auto_ops, "01", how);
    }
}

static void keep_limit_fails_what_is_beyond_it(void **state)
{
    (void)state;
    harness_start("{name: t, max_pending: 100000,"
                  " spouts: {s: {type: flood, count: 65546}},"
                  " bolts: {b: {type: hold, from: [{s: shuffle}]}}}",
                  "00");
    harness_advance(10);
    assert_int_equal(harness_held(), EXEC_KEPT_MAX);
    assert_int_equal(harness_fails("s", 0), 10);
    assert_int_equal(harness_exec(0)->limit_hits, 10);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_acks("s", 0), 1);
}

/* ---- Pending, replay, guarantees ---- */

static void max_pending_stops_next_until_acks_come(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed, max_pending: 3}},"
                  " bolts: {b: {type: hold, from: [{s: shuffle}]}}}",
                  "01");
    harness_feed_many("s", 1, 10);
    harness_advance(100);
    assert_int_equal(harness_given("s"), 3);
    assert_int_equal(harness_counters("s").pending, 3);
    harness_release(true);
    harness_advance(100);
    assert_int_equal(harness_given("s"), 4);
    while (harness_held() > 0) {
        harness_release(true);
        harness_run();
    }
    assert_int_equal(harness_acks("s", 0), 10);
}

static void max_pending_does_not_count_untracked_emits(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed, max_pending: 1}},"
                  " bolts: {b: {type: hold, from: [{s: shuffle}]}}}",
                  "01");
    for (int i = 0; i < 5; i++) {
        harness_feed("s", 0, "x");
    }
    harness_run();
    assert_int_equal(harness_held(), 5);
}

static void replay_by_the_spout_gets_a_new_root(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed, replay: true}},"
                  " bolts: {b: {type: hold, from: [{s: shuffle}]}}}",
                  "01");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_held(), 1);
    uint64_t old = harness_task(2)->kept->roots[0];
    harness_release(false);
    harness_run();
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
    assert_int_equal(harness_given("s"), 2);
    assert_int_equal(harness_held(), 1);
    assert_true(harness_task(2)->kept->roots[0] != old);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_fails("s", 1), 1);
}

static bool moody_fails;

static enum gale_err moody_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return moody_fails ? GALE_ERR_FAILED : GALE_OK;
}

static const struct gale_bolt_ops moody_ops = {GALE_BOLT_HEAD, .name = "moody",
                                               .execute = moody_execute};

/* Ten seconds in which each tree fails at once, then a bolt that has recovered. */
static void check_rest(const char *placement)
{
    harness_add_bolt(&moody_ops);
    moody_fails = true;
    harness_start("{name: t, spouts: {s: {type: feed, replay: true, max_pending: 8}},"
                  " bolts: {b: {type: moody, from: [{s: shuffle}]}}}",
                  placement);
    harness_feed_many("s", 1, 8);
    harness_advance(10000);
    assert_true(harness_given("s") >= 48);
    assert_true(harness_given("s") < 1000);
    moody_fails = false;
    harness_advance(600);
    assert_int_equal(harness_acks("s", 0), 8);
    uint32_t given = harness_given("s");
    harness_feed_many("s", 9, 16);
    harness_run();
    harness_run();
    assert_int_equal(harness_given("s"), given + 8);
}

static void replays_rest_while_nothing_but_fails_comes_back(void **state)
{
    (void)state;
    check_rest("00");
}

static void replays_over_link_rest_while_nothing_but_fails_comes_back(void **state)
{
    (void)state;
    check_rest("01");
}

static void late_ack_of_a_failed_tree_does_not_ack_its_replay(void **state)
{
    (void)state;
    harness_start("{name: t, timeout: 10s, spouts: {s: {type: feed, replay: true}},"
                  " bolts: {b: {type: hold, from: [{s: shuffle}]}}}",
                  "01");
    harness_feed("s", 1, "x");
    harness_advance(12000);
    assert_int_equal(harness_fails("s", 1), 1);
    assert_int_equal(harness_held(), 2);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 0);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
}

static uint32_t told_count;

static bool count_told(uint32_t to, const struct frame_header *header)
{
    told_count += to == 0 && header->kind == FRAME_CONTROL && header->payload_size > 0 ? 1 : 0;
    return true;
}

static void at_most_once_acks_at_once_and_never_fails(void **state)
{
    (void)state;
    harness_start("{name: t, guarantee: at-most-once, timeout: 1s, spouts: {s: {type: feed}},"
                  " bolts: {h: {type: hold, from: [{s: shuffle}]},"
                  "         r: {type: reject, from: [{s: shuffle}]}}}",
                  "001");
    told_count = 0;
    harness_filter(count_told);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_held(), 1);
    assert_int_equal(harness_notes("r"), 1);
    harness_release(false);
    harness_advance(5000);
    assert_int_equal(harness_fails("s", 0), 0);
    assert_int_equal(harness_counters("s").pending, 0);
    assert_int_equal(told_count, 0); /* No ack went. */
}

/* ---- Low mark ---- */

static uint64_t low_mark(void)
{
    struct message_offsets offsets;
    uint64_t low = UINT64_MAX;
    exec_offsets(harness_exec(0), true, &offsets);
    assert_int_equal(offsets.items_count, 1);
    assert_int_equal(offsets.items[0].task, 1);
    assert_int_equal(offsets.items[0].position.size, sizeof(low));
    memcpy(&low, offsets.items[0].position.data, sizeof(low));
    return low;
}

#define TAPE \
    "{name: t, spouts: {s: {type: tape, replay: true}}," \
    " bolts: {b: {type: hold, from: [{s: shuffle}]}}}"

static void low_mark_stays_before_a_failed_message_until_its_replay(void **state)
{
    (void)state;
    struct message_offsets offsets;
    harness_start(TAPE, "01");
    harness_feed_many("s", 10, 13);
    harness_run();
    assert_int_equal(low_mark(), 10);
    harness_release(true); /* 10 */
    harness_run();
    assert_int_equal(low_mark(), 11);
    harness_release(false); /* 11: held again behind 13 */
    harness_release(true);  /* 12 */
    harness_run();
    harness_run();
    assert_int_equal(low_mark(), 11);
    exec_offsets(harness_exec(0), false, &offsets);
    assert_int_equal(offsets.items_count, 1); /* Nobody said that the last ones left. */
    exec_offsets_sent(harness_exec(0), &offsets);
    exec_offsets(harness_exec(0), false, &offsets);
    assert_int_equal(offsets.items_count, 0);
    harness_release(true); /* 13 */
    harness_run();
    assert_int_equal(low_mark(), 11);
    assert_int_equal(harness_held(), 1);
    harness_release(true); /* 11 */
    harness_run();
    exec_offsets(harness_exec(0), false, &offsets);
    assert_int_equal(offsets.items_count, 1);
    assert_int_equal(low_mark(), 14);
}

static void low_mark_moves_without_any_bolt_that_waits(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: tape}},"
                  " bolts: {b: {type: void, from: [{s: shuffle}]}}}",
                  "00");
    harness_feed_many("s", 1, 100);
    harness_run();
    assert_int_equal(low_mark(), 101);
}

static void restored_position_skips_what_was_acked(void **state)
{
    (void)state;
    struct gale_error error;
    uint64_t position = 3;
    harness_open(TAPE, "00");
    harness_feed_many("s", 1, 4);
    struct message_bytes bytes = {(const uint8_t *)&position, sizeof(position)};
    assert_int_equal(exec_restore(harness_exec(0), 1, bytes, &error), GALE_OK);
    bytes.size = 3;
    assert_int_equal(exec_restore(harness_exec(0), 1, bytes, &error), GALE_ERR_CORRUPT);
    assert_non_null(strstr(error.text, "--fresh"));
    harness_prepare();
    harness_activate(true);
    harness_run();
    assert_int_equal(harness_given("s"), 2);
    harness_release(true);
    harness_release(true);
    harness_run();
    assert_int_equal(low_mark(), 5);
}

#define CASE(name) cmocka_unit_test_teardown(name, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(held_tuple_acked_by_timer_completes),
        CASE(held_tuple_acked_by_descriptor_completes),
        CASE(second_ack_is_counted_and_ignored),
        CASE(kept_tuple_ended_then_error_keeps_its_first_end),
        CASE(keep_limit_fails_what_is_beyond_it),
        CASE(max_pending_stops_next_until_acks_come),
        CASE(max_pending_does_not_count_untracked_emits),
        CASE(replay_by_the_spout_gets_a_new_root),
        CASE(replays_rest_while_nothing_but_fails_comes_back),
        CASE(replays_over_link_rest_while_nothing_but_fails_comes_back),
        CASE(late_ack_of_a_failed_tree_does_not_ack_its_replay),
        CASE(at_most_once_acks_at_once_and_never_fails),
        CASE(low_mark_stays_before_a_failed_message_until_its_replay),
        CASE(low_mark_moves_without_any_bolt_that_waits),
        CASE(restored_position_skips_what_was_acked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

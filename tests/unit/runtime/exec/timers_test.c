/* SPDX-License-Identifier: Apache-2.0 */
/* Ticks beside slow calls; finish and descriptors before a full lane. What ticks deliver: topology_test.c. */
#include "exec_harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static int64_t slow_ns;

/* Each look at it finds 10 ms gone: every timed call is slow. */
static int64_t slow_clock(void *self)
{
    (void)self;
    slow_ns += 10 * MS;
    return harness_now_ns() + slow_ns;
}

static enum gale_err ticker_emits(void *state, struct gale_task *task)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct gale_out *out = gale_begin(task);
        gale_put_int64(out, i);
        gale_emit(task, 0);
    }
    return GALE_OK;
}

static enum gale_err ticker_tick(void *state, struct gale_task *task)
{
    harness_say(task, "tick");
    return ticker_emits(state, task);
}

static enum gale_err ticker_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static const struct gale_bolt_ops ticker_ops = {GALE_BOLT_HEAD, .name = "ticker", .fields = "n",
                                                .execute = ticker_execute, .tick = ticker_tick};

static void tick_whose_calls_are_slow_comes_again(void **state)
{
    (void)state;
    harness_add_bolt(&ticker_ops);
    harness_open("{name: t, spouts: {s: {type: feed}}, bolts: {"
                 " a: {type: ticker, tick: 1s, from: [{s: shuffle}]},"
                 " b: {type: sink, from: [{a: shuffle}]}}}",
                 "000");
    harness_exec(0)->options.ports.clock = slow_clock;
    harness_prepare();
    harness_activate(true);
    harness_advance(4500);
    assert_int_equal(harness_notes_of("a", "tick"), 4);
    assert_true(harness_counters("b").executed == 12);
}

static enum gale_err on_heard(void *state, struct gale_task *task, int fd, unsigned events,
                              void *argument)
{
    (void)fd;
    (void)events;
    (void)argument;
    harness_say(task, "ready");
    return ticker_emits(state, task);
}

static enum gale_err listener_prepare(void *state, struct gale_task *task,
                                      const struct gale_conf *conf)
{
    (void)state;
    (void)conf;
    enum gale_err err = gale_fd_watch(task, 7, GALE_FD_READ, on_heard, NULL);
    return err != GALE_OK ? err : gale_fd_watch(task, 8, GALE_FD_READ, on_heard, NULL);
}

static const struct gale_bolt_ops listener_ops = {GALE_BOLT_HEAD, .name = "listener",
                                                  .fields = "n", .prepare = listener_prepare,
                                                  .execute = ticker_execute};

/* The task is gone, its process still lives until its last beat has arrived. */
static void descriptor_is_not_heard_after_the_cleanup(void **state)
{
    (void)state;
    harness_add_bolt(&listener_ops);
    harness_open("{name: t, spouts: {s: {type: feed}}, bolts: {"
                 " a: {type: listener, from: [{s: shuffle}]},"
                 " b: {type: sink, from: [{a: shuffle}]}}}",
                 "000");
    harness_prepare();
    harness_activate(true);
    assert_int_equal(harness_watched(0, 7), GALE_FD_READ);
    exec_cleanup(harness_exec(0));
    assert_int_equal(harness_watched(0, 7), 0);
    assert_int_equal(harness_watched(0, 8), 0);
    harness_ready(0, 7, GALE_FD_READ); /* One that the loop had seen before. */
    assert_int_equal(harness_notes_of("a", "ready"), 0);
}

static enum gale_err broken_prepare(void *state, struct gale_task *task,
                                    const struct gale_conf *conf)
{
    (void)state;
    (void)task;
    (void)conf;
    return GALE_ERR_IO;
}

static const struct gale_bolt_ops broken_ops = {
    GALE_BOLT_HEAD, .name = "broken", .prepare = broken_prepare, .execute = ticker_execute};

/* What its callback emitted would meet a bolt that is not prepared. */
static void descriptor_is_not_heard_when_a_prepare_failed(void **state)
{
    (void)state;
    struct gale_error error;
    harness_add_bolt(&listener_ops);
    harness_add_bolt(&broken_ops);
    harness_open("{name: t, spouts: {s: {type: feed}}, bolts: {"
                 " a: {type: listener, from: [{s: shuffle}]},"
                 " b: {type: broken, from: [{a: shuffle}]}}}",
                 "000");
    assert_int_equal(exec_prepare(harness_exec(0), harness_now_ns(), &error), GALE_ERR_IO);
    assert_int_equal(harness_watched(0, 7), GALE_FD_READ);
    harness_ready(0, 7, GALE_FD_READ);
    assert_int_equal(harness_notes_of("a", "ready"), 0);
    assert_int_equal(harness_watched(0, 7), 0);
}

/* ---- Output without room ---- */

#define CHUNK_SIZE 65536
#define CHUNKS_COUNT 1600 /* 100 MiB: more than may ever wait in one lane */

static char chunk[CHUNK_SIZE];

static void emit_chunk(struct gale_task *task)
{
    gale_put_string(gale_begin(task), chunk, sizeof(chunk));
    assert_int_equal(gale_emit(task, 0), GALE_OK);
}

static enum gale_err on_ready(void *state, struct gale_task *task, int fd, unsigned events,
                              void *argument)
{
    (void)state;
    (void)fd;
    (void)events;
    (void)argument;
    harness_say(task, "ready");
    emit_chunk(task);
    return GALE_OK;
}

static enum gale_err big_prepare(void *state, struct gale_task *task,
                                 const struct gale_conf *conf)
{
    (void)state;
    (void)conf;
    return gale_fd_watch(task, 7, GALE_FD_READ, on_ready, NULL);
}

static enum gale_err big_finish(void *state, struct gale_task *task)
{
    int *emitted = state;
    emit_chunk(task);
    return ++*emitted < CHUNKS_COUNT ? GALE_ERR_AGAIN : GALE_OK;
}

static const struct gale_bolt_ops big_ops = {
    GALE_BOLT_HEAD,      .name = "big",          .state_size = sizeof(int),
    .fields = "bytes",   .prepare = big_prepare, .execute = ticker_execute,
    .finish = big_finish};

static void start_big(void)
{
    harness_add_bolt(&big_ops);
    harness_open("{name: t, inbox_size: 256KiB, spouts: {s: {type: feed}}, bolts: {"
                 " a: {type: big, from: [{s: shuffle}]},"
                 " b: {type: void, from: [{a: shuffle}]}}}",
                 "001");
    harness_prepare();
    harness_activate(true);
    harness_halt(1, true);
}

static void finish_in_slices_waits_for_room_and_loses_nothing(void **state)
{
    (void)state;
    start_big();
    exec_finish(harness_exec(0), harness_task(2)->component->level);
    assert_false(harness_beat(0).quiet);
    harness_advance(100);
    const struct lane *lane = harness_task(2)->routes[0].outputs[0].targets[0].lane;
    assert_true(lane->full);
    assert_true(lane->queued_bytes <= 4 * CHUNK_SIZE);
    assert_in_range(harness_counters("a").emitted, 1, 20);
    assert_false(harness_beat(0).quiet);
    harness_halt(1, false);
    harness_advance(500);
    assert_int_equal(harness_counters("b").executed, CHUNKS_COUNT);
    assert_int_equal(harness_counters("a").errors, 0);
    assert_true(harness_beat(0).quiet);
}

static void descriptor_is_not_watched_while_its_task_has_no_room(void **state)
{
    (void)state;
    start_big();
    assert_int_equal(harness_watched(0, 7), GALE_FD_READ);
    for (int i = 0; i < 50; i++) {
        harness_ready(0, 7, GALE_FD_READ);
        harness_run();
    }
    uint32_t called = harness_notes_of("a", "ready");
    assert_in_range(called, 1, 20);
    assert_int_equal(harness_watched(0, 7), 0);
    harness_halt(1, false);
    harness_advance(10);
    assert_int_equal(harness_watched(0, 7), GALE_FD_READ);
    harness_ready(0, 7, GALE_FD_READ);
    harness_run();
    assert_int_equal(harness_notes_of("a", "ready"), called + 1);
    assert_int_equal(harness_counters("b").executed, called + 1);
}

/* The calls of one descriptor were slow: that is the end of its own turn, not of the next one's. */
static void descriptor_behind_slow_calls_of_another_is_heard(void **state)
{
    (void)state;
    harness_add_bolt(&listener_ops);
    harness_open("{name: t, spouts: {s: {type: feed}}, bolts: {"
                 " a: {type: listener, from: [{s: shuffle}]},"
                 " b: {type: sink, from: [{a: shuffle}]}}}",
                 "000");
    harness_exec(0)->options.ports.clock = slow_clock;
    harness_prepare();
    harness_activate(true);
    harness_run();
    harness_ready(0, 7, GALE_FD_READ);
    harness_ready(0, 8, GALE_FD_READ);
    assert_int_equal(harness_notes_of("a", "ready"), 2);
    harness_run();
    assert_int_equal(harness_watched(0, 8), GALE_FD_READ);
    assert_int_equal(harness_counters("b").executed, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(tick_whose_calls_are_slow_comes_again, harness_teardown),
        cmocka_unit_test_teardown(descriptor_behind_slow_calls_of_another_is_heard,
                                  harness_teardown),
        cmocka_unit_test_teardown(descriptor_is_not_heard_after_the_cleanup, harness_teardown),
        cmocka_unit_test_teardown(descriptor_is_not_heard_when_a_prepare_failed,
                                  harness_teardown),
        cmocka_unit_test_teardown(finish_in_slices_waits_for_room_and_loses_nothing,
                                  harness_teardown),
        cmocka_unit_test_teardown(descriptor_is_not_watched_while_its_task_has_no_room,
                                  harness_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

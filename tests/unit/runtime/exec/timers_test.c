/* SPDX-License-Identifier: Apache-2.0 */
/* Ticks beside slow calls. What ticks deliver: topology_test.c. */
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

static enum gale_err ticker_tick(void *state, struct gale_task *task)
{
    (void)state;
    harness_say(task, "tick");
    for (int i = 0; i < 3; i++) {
        struct gale_out *out = gale_begin(task);
        gale_put_int64(out, i);
        gale_emit(task, 0);
    }
    return GALE_OK;
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

static int stop(void **state)
{
    (void)state;
    harness_close();
    return 0;
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(tick_whose_calls_are_slow_comes_again, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

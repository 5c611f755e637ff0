/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storm's topology behaviours (its TopologyIntegrationTest): life cycle, streams, small
 * topologies on one and on several workers, cycles, errors, the end of a run. Conf, hooks and
 * ticks: hooks_test.c; groupings: grouping_test.c; reliability: acking_test.c.
 */
#include "exec_harness.h"

#include "base/conf.h"
#include "core/out.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void feed_names(void)
{
    static const char *const names[] = {"nathan", "bob", "joey", "nathan"};
    for (uint64_t i = 0; i < 4; i++) {
        harness_feed("s", i + 1, names[i]);
    }
}

#define BASIC \
    "{name: t, spouts: {s: {type: feed}}," \
    " bolts: {c: {type: sum, parallelism: 4, from: [{s: {fields: [word]}}]}," \
    "         g: {type: sum, from: [{s: global}]}," \
    "         all: {type: sink, from: [{c: global}]}}}"

static void check_basic(void)
{
    feed_names();
    harness_run();
    assert_int_equal(harness_notes("c"), 4);
    assert_int_equal(harness_notes_of("c", "nathan 1"), 1);
    assert_int_equal(harness_notes_of("c", "nathan 2"), 1);
    assert_int_equal(harness_notes_of("c", "bob 1"), 1);
    assert_int_equal(harness_notes_of("c", "joey 1"), 1);
    assert_int_equal(harness_notes("all"), 4);
    assert_int_equal(harness_acks("s", 0), 4);
    assert_int_equal(harness_fails("s", 0), 0);
    assert_int_equal(harness_counters("s").acked, 4);
}

static void basic_one_worker_counts_words(void **state)
{
    (void)state;
    harness_start(BASIC, "0000000");
    check_basic();
}

static void basic_two_workers_count_words(void **state)
{
    (void)state;
    harness_start(BASIC, "0010110");
    check_basic();
    assert_true(harness_exec(0)->batches_sent > 0);
    assert_int_equal(harness_exec(0)->batches_sent, harness_exec(1)->batches_received);
    assert_int_equal(harness_exec(1)->batches_sent, harness_exec(0)->batches_received);
}

static void check_global(const char *placement)
{
    char text[16];
    harness_start("{name: t, spouts: {s: {type: feed, fields: [a, n]}},"
                  " bolts: {g: {type: sink, parallelism: 3, from: [{s: global}]}}}",
                  placement);
    for (int i = 1; i <= 4; i++) {
        (void)snprintf(text, sizeof(text), "x %d", i);
        harness_feed("s", (uint64_t)i, text);
    }
    harness_run();
    for (uint32_t i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof(text), "x %u", i + 1);
        assert_string_equal(harness_note_at("g", i)->text, text);
        assert_int_equal(harness_note_at("g", i)->task, 2);
    }
    assert_int_equal(harness_notes("g"), 4);
}

static void global_grouping_keeps_order_at_lowest_task(void **state)
{
    (void)state;
    check_global("0000");
}

static void global_grouping_over_link_keeps_order(void **state)
{
    (void)state;
    check_global("0101");
}

static void all_grouping_one_tuple_reaches_each_task_once(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: sink, parallelism: 6, from: [{s: all}]}}}",
                  "0012012");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_notes("b"), 6);
    bool seen[8] = {false};
    for (uint32_t i = 0; i < 6; i++) {
        seen[harness_note_at("b", i)->task] = true;
    }
    for (uint32_t id = 2; id <= 7; id++) {
        assert_true(seen[id]);
    }
    assert_int_equal(harness_acks("s", 1), 1);
}

static void several_spout_tasks_each_emit(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: flood, count: 10, parallelism: 3}},"
                  " bolts: {b: {type: sink, parallelism: 2, from: [{s: shuffle}]}}}",
                  "01201");
    harness_advance(10);
    assert_int_equal(harness_notes("b"), 10);
    assert_int_equal(harness_acks("s", 0), 10);
}

static void named_streams_reach_their_subscribers_only(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed, other: true}},"
                  " bolts: {a: {type: sink, from: [{s: shuffle}]},"
                  "         b: {type: sink, from: [{s.other: shuffle}]}}}",
                  "001");
    harness_feed("s", 1, "one");
    harness_feed_to("s", 2, "other", 0, "two");
    harness_run();
    assert_int_equal(harness_notes("a"), 1);
    assert_string_equal(harness_note_at("a", 0)->text, "one");
    assert_int_equal(harness_notes("b"), 1);
    assert_string_equal(harness_note_at("b", 0)->text, "two");
    assert_int_equal(harness_acks("s", 0), 2);
}

static void several_inputs_say_which_one(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed, other: true}, r: {type: feed}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}, {r: shuffle},"
                  "                                {s.other: shuffle}]}}}",
                  "011");
    harness_feed("s", 1, "first");
    harness_feed("r", 1, "second");
    harness_feed_to("s", 2, "other", 0, "third");
    harness_run();
    assert_int_equal(harness_notes("b"), 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct harness_note *note = harness_note_at("b", i);
        const char *text = note->input == 0 ? "first" : note->input == 1 ? "second" : "third";
        assert_string_equal(note->text, text);
        assert_int_equal(note->source, note->input == 1 ? 2 : 1);
    }
}

static void validate_structure_good_accepted_bad_refused(void **state)
{
    (void)state;
    assert_int_equal(harness_refused(BASIC), 0);
    assert_int_equal(harness_refused("{name: t, spouts: {s: {type: feed}},"
                                     " bolts: {b: {type: sink, from: [{none: shuffle}]}}}"),
                     DIAG_UNKNOWN_COMPONENT);
    assert_int_equal(harness_refused("{name: t, spouts: {s: {type: feed}},"
                                     " bolts: {b: {type: sink, from: [{s.none: shuffle}]}}}"),
                     DIAG_UNKNOWN_STREAM);
    assert_int_equal(
        harness_refused("{name: t, spouts: {s: {type: feed}},"
                        " bolts: {b: {type: sink, from: [{s: {fields: [none]}}]}}}"),
        DIAG_UNKNOWN_FIELD);
}

static void system_stream_is_refused_at_submit(void **state)
{
    (void)state;
    assert_true(harness_refused("{name: t, spouts: {s: {type: feed}},"
                                " bolts: {b: {type: sink, from: [{s.__system: shuffle}]}}}") !=
                0);
}

static void submit_inactive_opens_nothing_until_activate(void **state)
{
    (void)state;
    harness_open("{name: t, spouts: {s: {type: feed}},"
                 " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                 "00");
    harness_feed("s", 1, "x");
    harness_prepare();
    harness_advance(1000);
    assert_false(harness_task(1)->opened);
    assert_int_equal(harness_notes(NULL), 0);
    assert_int_equal(harness_given("s"), 0);
    harness_activate(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
    assert_string_equal(harness_note_at("s", 0)->text, "activate");
}

static void deactivate_stops_next_and_activate_resumes(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                  "00");
    harness_activate(false);
    harness_feed("s", 1, "x");
    harness_advance(1000);
    assert_int_equal(harness_given("s"), 0);
    harness_activate(true);
    harness_activate(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_notes("s"), 3);
    assert_string_equal(harness_note_at("s", 1)->text, "deactivate");
    assert_string_equal(harness_note_at("s", 2)->text, "activate");
}

static enum gale_err ignore(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

/* ---- Graphs ---- */

/* Sends a tuple around until its hops are spent. */
static enum gale_err hop_execute(void *state, struct gale_task *task,
                                 const struct gale_tuple *tuple)
{
    int64_t hops = 0;
    (void)state;
    assert_int_equal(gale_tuple_int64(tuple, 0, &hops), GALE_OK);
    harness_say(task, "%" PRId64, hops);
    if (hops == 0) {
        return GALE_OK;
    }
    gale_put_int64(gale_begin(task), hops - 1);
    return gale_emit(task, 0);
}

static const struct gale_bolt_ops hop_ops = {GALE_BOLT_HEAD, .name = "hop", .fields = "hops",
                                             .execute = hop_execute};

static void check_cycle(const char *placement)
{
    harness_add_bolt(&hop_ops);
    harness_start("{name: t, spouts: {s: {type: feed, fields: [hops]}},"
                  " bolts: {a: {type: hop, from: [{s: shuffle}, {b: shuffle}]},"
                  "         b: {type: hop, from: [{a: shuffle}]}}}",
                  placement);
    for (uint64_t id = 1; id <= 100; id++) {
        harness_feed("s", id, "20");
    }
    harness_run();
    assert_int_equal(harness_acks("s", 0), 100);
    assert_int_equal(harness_notes("a"), 1100);
    assert_int_equal(harness_notes("b"), 1000);
}

static void cycle_with_bounded_hops_finishes(void **state)
{
    (void)state;
    check_cycle("000");
}

static void cycle_over_link_with_bounded_hops_finishes(void **state)
{
    (void)state;
    check_cycle("001");
}

static void bolt_that_feeds_itself_finishes(void **state)
{
    (void)state;
    harness_add_bolt(&hop_ops);
    harness_start(
        "{name: t, spouts: {s: {type: feed, fields: [hops]}},"
        " bolts: {a: {type: hop, parallelism: 2, from: [{s: shuffle}, {a: shuffle}]}}}",
        "001");
    harness_feed("s", 1, "50");
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_notes("a"), 51);
}

static void check_diamond(const char *placement)
{
    harness_start("{name: t, spouts: {s: {type: flood, count: 5000, size: 100}},"
                  " bolts: {a: {type: pass, from: [{s: shuffle}]},"
                  "         b: {type: pass, from: [{s: shuffle}]},"
                  "         c: {type: void, from: [{a: shuffle}, {b: shuffle}]}}}",
                  placement);
    harness_advance(20);
    assert_int_equal(harness_counters("c").executed, 10000);
    assert_int_equal(harness_acks("s", 0), 5000);
    assert_int_equal(harness_fails("s", 0), 0);
}

static void diamond_one_worker_finishes(void **state)
{
    (void)state;
    check_diamond("0000");
}

static void diamond_three_workers_finishes(void **state)
{
    (void)state;
    check_diamond("0120");
}

/* ---- Errors ---- */

static void emit_of_wrong_field_count_is_refused(void **state)
{
    (void)state;
    enum gale_err err = GALE_OK;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                  "00");
    harness_feed("s", 1, "two words");
    harness_run();
    assert_int_equal(harness_refusals("s", &err), 1);
    assert_int_equal(err, GALE_ERR_INVALID);
    assert_int_equal(harness_notes("b"), 0);
    assert_int_equal(harness_acks("s", 0) + harness_fails("s", 0), 0);
    assert_int_equal(harness_events(EVENT_COMPONENT_ERROR), 1);
    assert_int_equal(harness_counters("s").errors, 1);
    assert_int_equal(harness_beat(0).tasks[0].pending, 0);
}

static void emit_to_unknown_stream_is_refused(void **state)
{
    (void)state;
    enum gale_err err = GALE_OK;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                  "00");
    harness_feed_to("s", 1, "nowhere", 0, "x");
    harness_run();
    assert_int_equal(harness_refusals("s", &err), 1);
    assert_int_equal(err, GALE_ERR_INVALID);
    assert_int_equal(harness_counters("s").errors, 1);
}

static enum gale_err giant_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    static const char block[1 << 16];
    (void)state;
    (void)tuple;
    struct gale_out *out = gale_begin(task);
    gale_put_list(out, 17);
    for (int i = 0; i < 17; i++) {
        gale_put_bytes(out, block, sizeof(block));
    }
    enum gale_err err = gale_emit(task, 0);
    harness_say(task, "%s", gale_err_name(err));
    static char text[(1 << 20) + 1];
    gale_put_string(gale_begin(task), text, sizeof(text));
    err = gale_emit(task, 0);
    harness_say(task, "%s", gale_err_name(err));
    gale_put_string(gale_begin(task), "after", 5);
    return gale_emit(task, 0);
}

static const struct gale_bolt_ops giant_ops = {GALE_BOLT_HEAD, .name = "giant",
                                               .fields = "word", .execute = giant_execute};

static void tuple_over_the_size_limit_is_refused(void **state)
{
    (void)state;
    harness_add_bolt(&giant_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: giant, from: [{s: shuffle}]},"
                  "         c: {type: sink, from: [{b: shuffle}]}}}",
                  "001");
    harness_feed("s", 1, "x");
    harness_run();
    assert_string_equal(harness_note_at("b", 0)->text, gale_err_name(GALE_ERR_LIMIT));
    assert_string_equal(harness_note_at("b", 1)->text, gale_err_name(GALE_ERR_LIMIT));
    assert_int_equal(harness_notes("c"), 1);
    assert_string_equal(harness_note_at("c", 0)->text, "after");
    assert_int_equal(harness_counters("b").errors, 2);
    assert_int_equal(harness_fails("s", 1), 1); /* Two tuples of its tree were lost. */
}

/* ---- End ---- */

static enum gale_err finish_say(void *state, struct gale_task *task)
{
    (void)state;
    harness_say(task, "finish");
    gale_put_string(gale_begin(task), "last", 4);
    return gale_emit(task, 0);
}

static const struct gale_bolt_ops finish_ops = {
    GALE_BOLT_HEAD, .name = "last", .fields = "word", .execute = ignore, .finish = finish_say};

static void finish_runs_level_by_level(void **state)
{
    (void)state;
    harness_add_bolt(&finish_ops);
    harness_start("{name: t, spouts: {s: {type: feed, done: true}},"
                  " bolts: {a: {type: last, from: [{s: shuffle}]},"
                  "         b: {type: last, from: [{a: shuffle}]},"
                  "         c: {type: sink, from: [{a: shuffle}, {b: shuffle}]}}}",
                  "0010");
    harness_feed("s", 1, "x");
    harness_run();
    harness_run();
    assert_true(exec_spouts_done(harness_exec(0)));
    harness_forget();
    for (uint32_t level = 0; level < 4; level++) {
        for (uint32_t worker = 0; worker < 2; worker++) {
            exec_finish(harness_exec(worker), level);
        }
        harness_run();
        assert_int_equal(harness_notes("a"), level >= 1 ? 1 : 0);
        assert_int_equal(harness_notes("b"), level >= 2 ? 1 : 0);
        assert_int_equal(harness_notes("c"), level >= 2 ? 2 : level >= 1 ? 1 : 0);
    }
    assert_true(harness_beat(0).quiet);
}

static void drain_stops_spouts_and_lets_the_rest_go_on(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: hold, from: [{s: shuffle}]}}}",
                  "01");
    harness_feed("s", 1, "x");
    harness_run();
    for (uint32_t i = 0; i < 2; i++) {
        exec_drain(harness_exec(i));
    }
    harness_feed("s", 2, "y");
    harness_advance(100);
    assert_int_equal(harness_given("s"), 1);
    assert_false(exec_spouts_done(harness_exec(0)));
    assert_false(harness_beat(1).quiet);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
    assert_true(exec_spouts_done(harness_exec(0)));
    assert_true(harness_beat(1).quiet);
}

static void reset_stats_starts_counters_at_zero(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                  "01");
    assert_int_equal(harness_beat(0).first_acked_ns, 0);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_beat(0).tasks[0].acked, 1);
    assert_true(harness_beat(0).tasks[0].complete_ns.size > 0);
    int64_t first_ns = harness_beat(0).first_acked_ns;
    assert_true(first_ns > 0);
    for (uint32_t i = 0; i < 2; i++) {
        exec_reset_stats(harness_exec(i));
    }
    assert_int_equal(harness_beat(0).tasks[0].acked, 0);
    assert_int_equal(harness_beat(0).tasks[0].complete_ns.size, 0);
    assert_int_equal(harness_beat(1).tasks[0].executed, 0);
    harness_feed("s", 2, "x");
    harness_run();
    assert_int_equal(harness_beat(0).tasks[0].acked, 1);
    assert_int_equal(harness_beat(1).tasks[0].executed, 1);
    assert_true(harness_beat(1).tasks[0].execute_ns.size > 0);
    /* Totals and the moment of the first tree stay. */
    assert_int_equal(harness_beat(0).tasks[0].total_acked, 2);
    assert_int_equal(harness_beat(0).tasks[0].total_emitted, 2);
    assert_int_equal(harness_beat(1).tasks[0].total_executed, 2);
    assert_int_equal(harness_beat(1).tasks[0].total_acked, 2);
    assert_int_equal(harness_beat(0).first_acked_ns, first_ns);
    assert_int_equal(harness_beat(1).first_acked_ns, 0);
}

#define CASE(name) cmocka_unit_test_teardown(name, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(basic_one_worker_counts_words),
        CASE(basic_two_workers_count_words),
        CASE(global_grouping_keeps_order_at_lowest_task),
        CASE(global_grouping_over_link_keeps_order),
        CASE(all_grouping_one_tuple_reaches_each_task_once),
        CASE(several_spout_tasks_each_emit),
        CASE(named_streams_reach_their_subscribers_only),
        CASE(several_inputs_say_which_one),
        CASE(validate_structure_good_accepted_bad_refused),
        CASE(system_stream_is_refused_at_submit),
        CASE(submit_inactive_opens_nothing_until_activate),
        CASE(deactivate_stops_next_and_activate_resumes),
        CASE(cycle_with_bounded_hops_finishes),
        CASE(cycle_over_link_with_bounded_hops_finishes),
        CASE(bolt_that_feeds_itself_finishes),
        CASE(diamond_one_worker_finishes),
        CASE(diamond_three_workers_finishes),
        CASE(emit_of_wrong_field_count_is_refused),
        CASE(emit_to_unknown_stream_is_refused),
        CASE(tuple_over_the_size_limit_is_refused),
        CASE(finish_runs_level_by_level),
        CASE(drain_stops_spouts_and_lets_the_rest_go_on),
        CASE(reset_stats_starts_counters_at_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

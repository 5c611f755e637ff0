/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storm's groupings in running topologies (its GroupingIntegrationTest and kin): which task gets
 * which tuple, on one worker and over links. The pure choice: core/grouping_test.c.
 */
#include "exec_harness.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Executed by one task. */
static uint64_t executed(uint32_t task)
{
    struct message_beat beat = {0};
    exec_beat(harness_task(task)->exec, &beat);
    for (uint32_t i = 0; i < beat.tasks_count; i++) {
        if (beat.tasks[i].task == task) {
            return beat.tasks[i].executed;
        }
    }
    return UINT64_MAX;
}

static void flood_until_acked(uint64_t count)
{
    for (int i = 0; i < 1000 && harness_counters("s").acked < count; i++) {
        harness_advance(1);
    }
    assert_int_equal(harness_counters("s").acked, count);
}

static void check_shuffle(const char *placement)
{
    harness_start("{name: t, spouts: {s: {type: flood, count: 30000}},"
                  " bolts: {b: {type: void, parallelism: 6, from: [{s: shuffle}]}}}",
                  placement);
    flood_until_acked(30000);
    for (uint32_t task = 2; task <= 7; task++) {
        assert_int_equal(executed(task), 5000);
    }
}

static void shuffle_six_tasks_get_exactly_the_same(void **state)
{
    (void)state;
    check_shuffle("0000000");
}

static void shuffle_over_links_six_tasks_get_exactly_the_same(void **state)
{
    (void)state;
    check_shuffle("0012012");
}

static void load_aware_even_load_stays_even(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: flood, count: 20000}},"
                  " bolts: {b: {type: void, parallelism: 2, from: [{s: load-aware}]}}}",
                  "011");
    flood_until_acked(20000);
    assert_in_range(executed(2), 9800, 10200);
    assert_int_equal(executed(2) + executed(3), 20000);
}

static void local_or_shuffle_prefers_own_worker(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: flood, count: 1000}},"
                  " bolts: {b: {type: void, parallelism: 4, from: [{s: local-or-shuffle}]}}}",
                  "00101");
    flood_until_acked(1000);
    assert_int_equal(executed(2), 500);
    assert_int_equal(executed(4), 500);
    assert_int_equal(executed(3) + executed(5), 0);
}

static void local_or_shuffle_without_local_task_shuffles(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: flood, count: 1000}},"
                  " bolts: {b: {type: void, parallelism: 2, from: [{s: local-or-shuffle}]}}}",
                  "011");
    flood_until_acked(1000);
    assert_int_equal(executed(2), 500);
    assert_int_equal(executed(3), 500);
}

static void none_reaches_all_tasks_with_one_target_each(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: flood, count: 6000}},"
                  " bolts: {b: {type: void, parallelism: 3, from: [{s: none}]}}}",
                  "0011");
    flood_until_acked(6000);
    uint64_t sum = 0;
    for (uint32_t task = 2; task <= 4; task++) {
        assert_in_range(executed(task), 1700, 2300);
        sum += executed(task);
    }
    assert_int_equal(sum, 6000);
}

/* Emits its word's bytes as bytes, so that a fields grouping hashes their content. */
static enum gale_err bytes_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_slice word = gale_tuple_string(tuple, 0);
    gale_put_bytes(gale_begin(task), word.data, word.size);
    return gale_emit(task, 0);
}

static const struct gale_bolt_ops bytes_ops = {GALE_BOLT_HEAD, .name = "bytes",
                                               .fields = "word", .execute = bytes_execute};

static void check_fields_on_bytes(const char *placement)
{
    char text[16];
    harness_add_bolt(&bytes_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {p: {type: bytes, parallelism: 4, from: [{s: shuffle}]},"
                  "         c: {type: sum, parallelism: 6, from: [{p: {fields: [word]}}]}}}",
                  placement);
    for (uint64_t i = 0; i < 48; i++) {
        harness_feed("s", i + 1, i % 2 ? "a" : "b");
    }
    harness_run();
    for (int i = 1; i <= 24; i++) {
        (void)snprintf(text, sizeof(text), "a %d", i);
        assert_int_equal(harness_notes_of("c", text), 1);
        (void)snprintf(text, sizeof(text), "b %d", i);
        assert_int_equal(harness_notes_of("c", text), 1);
    }
    assert_int_equal(harness_notes("c"), 48);
    assert_int_equal(harness_acks("s", 0), 48);
}

static void fields_on_bytes_same_key_same_task(void **state)
{
    (void)state;
    check_fields_on_bytes("00000000000");
}

static void fields_on_bytes_over_links_same_key_same_task(void **state)
{
    (void)state;
    check_fields_on_bytes("00121012012");
}

static void fields_of_two_streams_meet_in_one_task(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed, fields: [n, k]}, r: {type: feed}},"
                  " bolts: {b: {type: sink, parallelism: 5,"
                  "             from: [{s: {fields: [k]}}, {r: {fields: [word]}}]}}}",
                  "0101201");
    char text[32];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(text, sizeof(text), "%d key%d", i, i);
        harness_feed("s", (uint64_t)i + 1, text);
        (void)snprintf(text, sizeof(text), "key%d", i);
        harness_feed("r", (uint64_t)i + 1, text);
    }
    harness_run();
    uint32_t tasks_used = 0;
    for (int i = 0; i < 20; i++) {
        uint32_t found[2] = {0, 0};
        (void)snprintf(text, sizeof(text), "key%d", i);
        for (uint32_t k = 0; k < harness_notes("b"); k++) {
            const struct harness_note *note = harness_note_at("b", k);
            const char *key = note->input == 0 ? strchr(note->text, ' ') + 1 : note->text;
            if (strcmp(key, text) == 0) {
                found[note->input] = note->task;
            }
        }
        assert_true(found[0] != 0);
        assert_int_equal(found[0], found[1]);
        tasks_used |= 1u << found[0];
    }
    assert_true((tasks_used & (tasks_used - 1)) != 0);
}

static void partial_key_alternates_between_two_tasks(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: sink, parallelism: 6,"
                  "             from: [{s: {partial-key: [word]}}]}}}",
                  "0012012");
    for (uint64_t i = 1; i <= 6; i++) {
        harness_feed("s", i, "same");
        harness_run();
    }
    assert_int_equal(harness_notes("b"), 6);
    uint32_t first = harness_note_at("b", 0)->task;
    uint32_t second = harness_note_at("b", 1)->task;
    assert_int_not_equal(first, second);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(harness_note_at("b", i)->task, i % 2 ? second : first);
    }
}

/* ---- Direct ---- */

#define DIRECT \
    "{name: t, spouts: {s: {type: feed, direct: true}}," \
    " bolts: {b: {type: sink, parallelism: 3, from: [{s.straight: direct}]}," \
    "         c: {type: sink, from: [{s: shuffle}]}}}"

static void direct_reaches_the_named_task_only(void **state)
{
    (void)state;
    harness_start(DIRECT, "00101");
    for (uint32_t task = 2; task <= 4; task++) {
        harness_feed_to("s", task, "straight", task, "x");
    }
    harness_feed_to("s", 9, "straight", 3, "y");
    harness_run();
    assert_int_equal(harness_acks("s", 0), 4);
    assert_int_equal(executed(2), 1);
    assert_int_equal(executed(3), 2);
    assert_int_equal(executed(4), 1);
    assert_int_equal(harness_notes("c"), 0);
}

static void direct_to_a_task_that_does_not_subscribe_is_refused(void **state)
{
    (void)state;
    enum gale_err err = GALE_OK;
    harness_start(DIRECT, "00101");
    harness_feed_to("s", 1, "straight", 5, "x");
    harness_run();
    assert_int_equal(harness_refusals("s", &err), 1);
    assert_int_equal(err, GALE_ERR_NOT_FOUND);
    harness_feed_to("s", 2, "straight", 4000000000u, "x");
    harness_run();
    assert_int_equal(harness_refusals("s", &err), 2);
    assert_int_equal(err, GALE_ERR_NOT_FOUND);
    assert_int_equal(harness_counters("s").emitted, 0);
    assert_int_equal(harness_counters("s").pending, 0);
    assert_int_equal(harness_acks("s", 0) + harness_fails("s", 0), 0);
}

static void direct_on_an_ordinary_stream_is_refused(void **state)
{
    (void)state;
    enum gale_err err = GALE_OK;
    harness_start(DIRECT, "00101");
    harness_feed_to("s", 1, "default", 5, "x");
    harness_feed_to("s", 2, "straight", 0, "x"); /* An ordinary emit on a direct stream. */
    harness_run();
    assert_int_equal(harness_refusals("s", &err), 2);
    assert_int_equal(err, GALE_ERR_INVALID);
    assert_int_equal(harness_notes("b") + harness_notes("c"), 0);
    harness_close();
    assert_int_equal(harness_refused("{name: t, spouts: {s: {type: feed, direct: true}},"
                                     " bolts: {b: {type: sink, from: [{s: direct}]}}}"),
                     DIAG_DIRECT);
}

/* Tells by emit_with which tasks it chose. */
static enum gale_err asking_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    (void)state;
    (void)tuple;
    uint32_t ids[4] = {0};
    uint32_t chosen[8] = {0};
    struct gale_emit_options options = {
        .struct_size = sizeof(options), .tasks = chosen, .tasks_max = 2};
    gale_put_string(gale_begin(task), "y", 1);
    enum gale_err err = gale_emit_with(task, 0, &options);
    harness_say(task, "%u %u %u %u of %u", options.tasks_count, chosen[0], chosen[1], chosen[2],
                gale_task_ids_of(task, "c", ids, 4));
    return err;
}

static const struct gale_bolt_ops asking_ops = {GALE_BOLT_HEAD, .name = "asking",
                                                .fields = "word", .execute = asking_execute};

static void emit_with_names_the_chosen_tasks(void **state)
{
    (void)state;
    harness_add_bolt(&asking_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: asking, from: [{s: shuffle}]},"
                  "         c: {type: sink, parallelism: 3, from: [{b: all}]}}}",
                  "00101");
    harness_feed("s", 1, "x");
    harness_run();
    assert_string_equal(harness_note_at("b", 0)->text, "3 3 4 0 of 3");
    assert_int_equal(harness_acks("s", 1), 1);
}

/* ---- Custom ---- */

/* Storm's N-grouping: every tuple to the first n targets. `n` comes from the field count. */
static uint32_t ngroup_n;

static enum gale_err ngroup_prepare(void *state, const uint32_t *targets, uint32_t count)
{
    uint32_t *self = state;
    *self = count;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(targets[i], 2 + i);
    }
    return GALE_OK;
}

static uint32_t ngroup_choose(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                              uint32_t chosen_max)
{
    (void)tuple;
    assert_int_equal(chosen_max, 4 * *(const uint32_t *)state);
    for (uint32_t i = 0; i < ngroup_n; i++) {
        chosen[i] = i;
    }
    return ngroup_n;
}

static uint32_t ngroup_cleaned;

static void ngroup_cleanup(void *state)
{
    (void)state;
    ngroup_cleaned++;
}

static const struct gale_grouping_ops ngroup_ops = {.abi = GALE_ABI,
                                                    .struct_size = sizeof(ngroup_ops),
                                                    .name = "ngroup",
                                                    .state_size = sizeof(uint32_t),
                                                    .prepare = ngroup_prepare,
                                                    .choose = ngroup_choose,
                                                    .cleanup = ngroup_cleanup};

#define CUSTOM \
    "{name: t, spouts: {s: {type: feed}}," \
    " bolts: {b: {type: sink, parallelism: 4," \
    "             from: [{s: {custom: {module: m.so, grouping: ngroup}}}]}}}"

static void custom_n_grouping_gives_each_tuple_n_times(void **state)
{
    (void)state;
    for (ngroup_n = 2; ngroup_n <= 3; ngroup_n++) {
        ngroup_cleaned = 0;
        harness_add_grouping(&ngroup_ops);
        harness_start(CUSTOM, "00101");
        harness_feed("s", 1, "x");
        harness_feed("s", 2, "y");
        harness_run();
        assert_int_equal(harness_notes("b"), 2 * ngroup_n);
        for (uint32_t task = 2; task <= 5; task++) {
            assert_int_equal(executed(task), task < 2 + ngroup_n ? 2 : 0);
        }
        assert_int_equal(harness_acks("s", 0), 2);
        harness_close();
        assert_int_equal(ngroup_cleaned, 1);
    }
}

static uint32_t wild_choose(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                            uint32_t chosen_max)
{
    (void)state;
    (void)tuple;
    (void)chosen_max;
    chosen[0] = 77;
    chosen[1] = 1;
    return 2;
}

static uint32_t greedy_choose(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                              uint32_t chosen_max)
{
    (void)state;
    (void)tuple;
    for (uint32_t i = 0; i < chosen_max; i++) {
        chosen[i] = 0;
    }
    return UINT32_MAX;
}

static void custom_grouping_out_of_range_is_an_error_not_a_crash(void **state)
{
    (void)state;
    static const struct gale_grouping_ops wild = {
        .abi = GALE_ABI, .struct_size = sizeof(wild), .name = "ngroup", .choose = wild_choose};
    harness_add_grouping(&wild);
    harness_start(CUSTOM, "00101");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(executed(3), 1);
    assert_int_equal(harness_counters("b").executed, 1);
    assert_int_equal(harness_counters("s").errors, 1);
    harness_close();

    static const struct gale_grouping_ops greedy = {.abi = GALE_ABI,
                                                    .struct_size = sizeof(greedy),
                                                    .name = "ngroup",
                                                    .choose = greedy_choose};
    harness_add_grouping(&greedy);
    harness_start(CUSTOM, "00101");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(executed(2), 16);
    assert_int_equal(harness_acks("s", 1), 1);
}

#define CASE(name) cmocka_unit_test_teardown(name, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(shuffle_six_tasks_get_exactly_the_same),
        CASE(shuffle_over_links_six_tasks_get_exactly_the_same),
        CASE(load_aware_even_load_stays_even),
        CASE(local_or_shuffle_prefers_own_worker),
        CASE(local_or_shuffle_without_local_task_shuffles),
        CASE(none_reaches_all_tasks_with_one_target_each),
        CASE(fields_on_bytes_same_key_same_task),
        CASE(fields_on_bytes_over_links_same_key_same_task),
        CASE(fields_of_two_streams_meet_in_one_task),
        CASE(partial_key_alternates_between_two_tasks),
        CASE(direct_reaches_the_named_task_only),
        CASE(direct_to_a_task_that_does_not_subscribe_is_refused),
        CASE(direct_on_an_ordinary_stream_is_refused),
        CASE(emit_with_names_the_chosen_tasks),
        CASE(custom_n_grouping_gives_each_tuple_n_times),
        CASE(custom_grouping_out_of_range_is_an_error_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Taps: what they show, what they skip and count, and that the tapped stream flows on unharmed. */
#include "exec_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TAKEN_MAX 4096
#define LARGE_SIZE 40000

#define PAIRS \
    "{name: t, spouts: {s: {type: feed, fields: [w, n]}}," \
    " bolts: {b: {type: sink, from: [{s: shuffle}]}}}"
#define FLOOD(count) \
    "{name: t, spouts: {s: {type: flood, count: " #count ", size: 3}}," \
    " bolts: {b: {type: sink, from: [{s: shuffle}]}}}"

struct taken {
    uint64_t tap;
    uint32_t task;
    char stream[32];
    uint8_t values[64];
    size_t size;
    char text[256];
};

static struct {
    struct taken items[TAKEN_MAX];
    uint32_t count;   /* with a tuple */
    uint32_t reasons; /* with a text */
    uint64_t skipped; /* said last */
    char reason[256];
    bool full;
} it;

static bool take(const struct message_sample *sample)
{
    if (it.full) {
        return false;
    }
    it.skipped = sample->skipped;
    if (sample->text[0] != '\0') {
        it.reasons++;
        (void)snprintf(it.reason, sizeof(it.reason), "%s", sample->text);
        return true;
    }
    if (sample->task == 0) {
        return true;
    }
    assert_true(it.count < TAKEN_MAX);
    struct taken *taken = &it.items[it.count++];
    assert_true(sample->values.size <= sizeof(taken->values));
    taken->tap = sample->tap;
    taken->task = sample->task;
    taken->size = sample->values.size;
    memcpy(taken->values, sample->values.data, sample->values.size);
    (void)snprintf(taken->stream, sizeof(taken->stream), "%s", sample->stream);
    return true;
}

static int begin(void **state)
{
    (void)state;
    memset(&it, 0, sizeof(it));
    harness_sampler(take);
    return 0;
}

static int end(void **state)
{
    harness_sampler(NULL);
    return harness_teardown(state);
}

static struct message_tap wanted(const char *component, uint32_t rate, const char *filter)
{
    return (struct message_tap){.tap = 77,
                                .component = component,
                                .stream = "",
                                .rate_per_s = rate,
                                .filter = filter,
                                .for_ms = 60000};
}

static void tap(struct message_tap message)
{
    exec_tap(harness_exec(0), &message, harness_now_ns());
}

static void tap_of_a_stream_shows_its_tuples_as_arrays(void **state)
{
    (void)state;
    harness_start(PAIRS, "00");
    tap(wanted("s", 100, ""));
    harness_feed("s", 1, "a 1");
    harness_feed("s", 2, "b 2");
    harness_run();
    assert_int_equal(it.count, 2);
    assert_int_equal(it.items[0].tap, 77);
    assert_int_equal(it.items[0].task, 1);
    assert_string_equal(it.items[0].stream, "default");
    assert_int_equal(it.items[0].size, 4);
    assert_memory_equal(it.items[0].values,
                        "\x92\xa1"
                        "a\x01",
                        4);
    assert_memory_equal(it.items[1].values,
                        "\x92\xa1"
                        "b\x02",
                        4);
    assert_int_equal(harness_acks("s", 0), 2);
    assert_int_equal(it.skipped, 0);
}

static void tap_with_filter_shows_what_passes_it(void **state)
{
    (void)state;
    harness_start(PAIRS, "00");
    tap(wanted("s", 100, "n > 1 and w != 'c'"));
    harness_feed("s", 1, "a 1");
    harness_feed("s", 2, "b 2");
    harness_feed("s", 3, "c 3");
    harness_run();
    assert_int_equal(it.count, 1);
    assert_memory_equal(it.items[0].values,
                        "\x92\xa1"
                        "b\x02",
                        4);
    assert_int_equal(harness_acks("s", 0), 3);
}

static void tap_above_its_rate_rests_and_counts_what_it_skips(void **state)
{
    (void)state;
    harness_open(FLOOD(5000), "00");
    harness_prepare();
    tap(wanted("s", 10, ""));
    harness_activate(true);
    harness_run();
    assert_int_equal(it.count, 10);
    assert_true(harness_task(1)->routes[0].simple); /* The short way while it rests. */
    assert_int_equal(harness_notes("b"), 5000);
    assert_int_equal(harness_acks("s", 0), 5000);
    harness_advance(1200);
    assert_int_equal(it.count + it.skipped, 5000);
    assert_false(harness_task(1)->routes[0].simple); /* It looks again. */
}

static void tap_after_a_rest_shows_tuples_again(void **state)
{
    (void)state;
    harness_start(PAIRS, "00");
    tap(wanted("s", 2, ""));
    for (uint64_t i = 1; i <= 4; i++) {
        harness_feed("s", i, "a 1");
    }
    harness_run();
    assert_int_equal(it.count, 2);
    harness_advance(600);
    harness_feed("s", 5, "b 2");
    harness_feed("s", 6, "c 2");
    harness_run();
    assert_int_equal(it.count, 3);
    assert_memory_equal(it.items[2].values,
                        "\x92\xa1"
                        "b",
                        3);
    harness_advance(2000);
    assert_int_equal(it.skipped, 3);
}

static void tap_whose_filter_never_passes_evaluates_a_bounded_number(void **state)
{
    (void)state;
    harness_open(FLOOD(5000), "00");
    harness_prepare();
    tap(wanted("s", 1000, "word == 'no'"));
    harness_activate(true);
    harness_run();
    harness_advance(1200);
    assert_int_equal(it.count, 0);
    assert_int_equal(it.skipped, 4800); /* 10 ms of evaluations were saved up. */
    assert_int_equal(harness_acks("s", 0), 5000);
}

static void tap_without_room_on_the_wire_counts_and_delays_nothing(void **state)
{
    (void)state;
    harness_open(FLOOD(500), "00");
    harness_prepare();
    it.full = true;
    tap(wanted("s", 1000, ""));
    harness_activate(true);
    harness_run();
    assert_int_equal(harness_acks("s", 0), 500);
    it.full = false;
    harness_advance(1200);
    assert_int_equal(it.count, 0);
    assert_int_equal(it.skipped, 500);
}

static void tap_that_ended_leaves_no_trace(void **state)
{
    (void)state;
    harness_start(PAIRS, "00");
    tap(wanted("s", 100, "n > 0"));
    assert_false(harness_task(1)->routes[0].simple);
    tap(wanted("s", 0, ""));
    assert_true(harness_task(1)->routes[0].simple);
    assert_false(harness_task(1)->routes[0].special);
    harness_feed("s", 1, "a 1");
    harness_run();
    assert_int_equal(it.count, 0);
    assert_int_equal(harness_acks("s", 0), 1);
}

static void tap_that_rests_ends_as_well(void **state)
{
    (void)state;
    harness_start(PAIRS, "00");
    tap(wanted("s", 1, ""));
    harness_feed("s", 1, "a 1");
    harness_feed("s", 2, "a 2");
    harness_run();
    assert_true(harness_task(1)->routes[0].simple);
    tap(wanted("s", 0, ""));
    assert_int_equal(harness_task(1)->routes[0].taps, 0);
    assert_true(harness_task(1)->routes[0].simple);
}

static void tap_past_its_time_ends_by_itself(void **state)
{
    (void)state;
    struct message_tap message = wanted("s", 100, "");
    message.for_ms = 200;
    harness_start(PAIRS, "00");
    tap(message);
    harness_advance(300);
    assert_true(harness_task(1)->routes[0].simple);
    harness_feed("s", 1, "a 1");
    harness_run();
    assert_int_equal(it.count, 0);
    assert_int_equal(harness_exec(0)->taps_at_ns, INT64_MAX);
}

static void tap_that_cannot_be_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *component, *stream, *filter, *reason;
    } cases[] = {
        {"x", "", "", "no component \"x\""},
        {"s", "side", "", "no stream \"side\""},
        {"s", "", "n >", "value is missing"},
        {"s", "", "price > 1", "no field `price`"},
    };
    harness_start(PAIRS, "00");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message_tap message = wanted(cases[i].component, 10, cases[i].filter);
        message.stream = cases[i].stream;
        tap(message);
        assert_int_equal(it.reasons, i + 1);
        if (strstr(it.reason, cases[i].reason) == NULL) {
            fail_msg("\"%s\" lacks \"%s\"", it.reason, cases[i].reason);
        }
        assert_true(harness_task(1)->routes[0].simple);
    }
}

static void tap_in_a_worker_without_the_component_does_nothing(void **state)
{
    (void)state;
    harness_start(PAIRS, "01");
    struct message_tap message = wanted("s", 10, "");
    exec_tap(harness_exec(1), &message, harness_now_ns());
    harness_feed("s", 1, "a 1");
    harness_run();
    assert_int_equal(it.count + it.reasons, 0);
    assert_int_equal(harness_acks("s", 1), 1);
}

static void tap_of_one_stream_of_several_counts_that_one_alone(void **state)
{
    (void)state;
    struct message_tap message = wanted("s", 1, "");
    message.stream = "other";
    harness_start("{name: t, spouts: {s: {type: feed, other: true}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}, {s.other: shuffle}]}}}",
                  "00");
    tap(message);
    for (uint64_t i = 1; i <= 5; i++) {
        harness_feed_to("s", 2 * i, "other", 0, "o");
        harness_feed("s", 2 * i + 1, "d");
    }
    harness_run();
    harness_advance(1200);
    assert_int_equal(it.count, 1);
    assert_string_equal(it.items[0].stream, "other");
    assert_int_equal(it.skipped, 4);
    assert_int_equal(harness_notes("b"), 10);
}

static void tap_of_a_direct_stream_leaves_it_direct(void **state)
{
    (void)state;
    struct message_tap message = wanted("s", 10, "");
    message.stream = "straight";
    harness_start("{name: t, spouts: {s: {type: feed, direct: true}},"
                  " bolts: {b: {type: sink, parallelism: 2, from: [{s.straight: direct}]}}}",
                  "000");
    tap(message);
    harness_feed_to("s", 1, "straight", 3, "x");
    harness_run();
    assert_int_equal(it.count, 1);
    assert_int_equal(harness_notes("b"), 1);
    assert_int_equal(harness_note_at("b", 0)->task, 3);
    tap(wanted("s", 0, ""));
    assert_true(harness_task(1)->routes[1].special);
    harness_feed_to("s", 2, "straight", 2, "y");
    harness_run();
    assert_int_equal(harness_notes("b"), 2);
}

static void tap_beside_another_shows_its_own(void **state)
{
    (void)state;
    struct message_tap second = wanted("s", 100, "n == 2");
    second.tap = 78;
    harness_start(PAIRS, "00");
    tap(wanted("s", 1, ""));
    tap(second);
    harness_feed("s", 1, "a 1");
    harness_feed("s", 2, "b 2");
    harness_run();
    assert_int_equal(it.count, 2);
    assert_int_equal(it.items[0].tap, 77);
    assert_int_equal(it.items[1].tap, 78);
    assert_false(harness_task(1)->routes[0].simple); /* One rests, the other looks. */
}

static void tap_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    harness_start(PAIRS, "00");
    for (uint64_t i = 1; i <= 17; i++) {
        struct message_tap message = wanted("s", 10, "");
        message.tap = i;
        tap(message);
        assert_int_equal(it.reasons, i <= 16 ? 0 : 1);
    }
    assert_non_null(strstr(it.reason, "16 taps"));
}

static enum gale_err large_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    static char bytes[LARGE_SIZE];
    (void)state;
    (void)tuple;
    memset(bytes, 'x', sizeof(bytes));
    gale_put_string(gale_begin(task), bytes, sizeof(bytes));
    return gale_emit(task, 0);
}

static void tap_that_is_asked_for_again_goes_on(void **state)
{
    (void)state;
    struct message_tap message = wanted("s", 1, "n > 0");
    message.for_ms = 200;
    harness_start(PAIRS, "00");
    tap(message);
    harness_feed("s", 1, "a 1");
    harness_feed("s", 2, "a 2");
    harness_run();
    message.for_ms = 3000;
    tap(message); /* It lives longer, without another allowance. */
    harness_feed("s", 3, "a 3");
    harness_run();
    assert_int_equal(it.count, 1);
    harness_advance(2000);
    assert_int_equal(it.skipped, 2);
    harness_feed("s", 4, "a 4");
    harness_run();
    assert_int_equal(it.count, 2);
    message.filter = "n > 9";
    tap(message); /* Another filter is another tap. */
    harness_feed("s", 5, "a 5");
    harness_run();
    assert_int_equal(it.count, 2);
}

static void tap_of_a_large_tuple_says_its_size(void **state)
{
    (void)state;
    static const struct gale_bolt_ops large_ops = {GALE_BOLT_HEAD, .name = "large",
                                                   .fields = "word", .execute = large_execute};
    harness_add_bolt(&large_ops);
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {a: {type: large, from: [{s: shuffle}]},"
                  "         b: {type: sink, from: [{a: shuffle}]}}}",
                  "000");
    tap(wanted("a", 10, "length(word) > 1"));
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(it.reasons, 1);
    assert_non_null(strstr(it.reason, "40003 bytes"));
    assert_int_equal(harness_acks("s", 1), 1);
}

static void tap_outlives_a_reset_of_the_figures(void **state)
{
    (void)state;
    harness_start(PAIRS, "00");
    tap(wanted("s", 1, ""));
    harness_feed("s", 1, "a 1");
    harness_feed("s", 2, "a 2");
    harness_run();
    exec_reset_stats(harness_exec(0));
    harness_feed("s", 3, "a 3");
    harness_run();
    harness_advance(2000);
    assert_int_equal(it.count, 1);
    assert_int_equal(it.skipped, 2);
}

#define TAP_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TAP_TEST(tap_of_a_stream_shows_its_tuples_as_arrays),
        TAP_TEST(tap_with_filter_shows_what_passes_it),
        TAP_TEST(tap_above_its_rate_rests_and_counts_what_it_skips),
        TAP_TEST(tap_after_a_rest_shows_tuples_again),
        TAP_TEST(tap_whose_filter_never_passes_evaluates_a_bounded_number),
        TAP_TEST(tap_without_room_on_the_wire_counts_and_delays_nothing),
        TAP_TEST(tap_that_ended_leaves_no_trace),
        TAP_TEST(tap_that_rests_ends_as_well),
        TAP_TEST(tap_past_its_time_ends_by_itself),
        TAP_TEST(tap_that_cannot_be_says_why),
        TAP_TEST(tap_in_a_worker_without_the_component_does_nothing),
        TAP_TEST(tap_of_one_stream_of_several_counts_that_one_alone),
        TAP_TEST(tap_of_a_direct_stream_leaves_it_direct),
        TAP_TEST(tap_beside_another_shows_its_own),
        TAP_TEST(tap_beyond_the_limit_is_refused),
        TAP_TEST(tap_that_is_asked_for_again_goes_on),
        TAP_TEST(tap_of_a_large_tuple_says_its_size),
        TAP_TEST(tap_outlives_a_reset_of_the_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

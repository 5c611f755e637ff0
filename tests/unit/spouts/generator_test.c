/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the generator spout: modes, bounds, seeds, rate, replay and positions. */
#include "spouts_test.h"

#include <time.h>

static void generator_constant_is_bounded(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&generator_spout_ops, "constant: hello\ncount: 3");
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_DONE);
    for (uint64_t id = 0; id < 3; id++) {
        assert_int_equal(takes(bench, "[\"hello\"]"), id);
    }
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void generator_sentences_are_all_picked_alike(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&generator_spout_ops, "count: 50000");
    const char *starts[] = {"the cow", "an apple", "four score", "snow white", "i am at"};
    unsigned counts[5] = {0};
    assert_int_equal(gale_bench_next(bench, 100000), GALE_NEXT_DONE);
    for (const char *text = gale_bench_take(bench); text != NULL;
         text = gale_bench_take(bench)) {
        for (unsigned i = 0; i < 5; i++) {
            counts[i] += strstr(text, starts[i]) != NULL;
        }
    }
    for (unsigned i = 0; i < 5; i++) {
        assert_in_range(counts[i], 9500, 10500);
    }
    gale_bench_free(bench);
}

static void generator_equal_seeds_give_equal_records(void **state)
{
    (void)state;
    const char *options = "template: '{\"id\":{seq},\"u\":\"u{rand:1000}\",\"p\":{rand:-5:5},"
                          "\"c\":\"{choice:x|yy|z}\"}'\ncount: 100\nseed: %d";
    char first[300];
    char second[300];
    snprintf(first, sizeof(first), options, 7);
    snprintf(second, sizeof(second), options, 8);
    struct gale_bench *a = bench_of(&generator_spout_ops, first);
    struct gale_bench *b = bench_of(&generator_spout_ops, first);
    struct gale_bench *c = bench_of(&generator_spout_ops, second);
    unsigned different = 0;
    gale_bench_next(a, 100);
    gale_bench_next(b, 100);
    gale_bench_next(c, 100);
    for (unsigned i = 0; i < 100; i++) {
        const char *text = gale_bench_take(a);
        char id[40];
        assert_non_null(text);
        snprintf(id, sizeof(id), "{\\\"id\\\":%u,", i);
        assert_non_null(strstr(text, id));
        assert_string_equal(text, gale_bench_take(b));
        different += strcmp(text, gale_bench_take(c)) != 0;
    }
    assert_in_range(different, 90, 100);
    gale_bench_free(a);
    gale_bench_free(b);
    gale_bench_free(c);
}

static void generator_failed_tuple_is_made_again(void **state)
{
    (void)state;
    struct gale_bench *bench =
        bench_of(&generator_spout_ops, "template: 'r{rand:1000000}'\ncount: 50");
    char text[64] = "";
    gale_bench_next(bench, 100);
    for (unsigned i = 0; i <= 20; i++) {
        snprintf(text, sizeof(text), "%s", gale_bench_take(bench));
    }
    while (gale_bench_take(bench) != NULL) {
    }
    gale_bench_end(bench, 20, false);
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_DONE);
    assert_string_equal(gale_bench_take(bench), text);
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void generator_tasks_share_the_count_exactly(void **state)
{
    (void)state;
    struct gale_bench *bench =
        bench_of(&generator_spout_ops, "template: '{seq}'\ncount: 7\nparallelism: 3");
    gale_bench_next(bench, 5);
    takes(bench, "[\"0\"]");
    takes(bench, "[\"3\"]");
    takes(bench, "[\"6\"]");
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void generator_rate_emits_what_is_due(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&generator_spout_ops, "constant: x\nrate: 100");
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    takes(bench, "[\"x\"]");
    takes_nothing(bench);
    assert_int_equal(bench->wait_ns, BENCH_START_NS + 10000000);
    gale_bench_advance(bench, 95);
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    for (unsigned i = 0; i < 9; i++) {
        takes(bench, "[\"x\"]");
    }
    takes_nothing(bench);
    gale_bench_free(bench);
}

/* Takes exactly `count` constants. */
static void takes_count(struct gale_bench *bench, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        takes(bench, "[\"x\"]");
    }
    takes_nothing(bench);
}

static void generator_steps_change_the_rate(void **state)
{
    (void)state;
    struct gale_bench *bench =
        bench_of(&generator_spout_ops, "constant: x\nsteps: [ { rate: 100, for: 50ms }, "
                                       "{ rate: 0, for: 1s }, { rate: 1000 } ]");
    gale_bench_advance(bench, 45);
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    takes_count(bench, 5);
    /* The pause: what comes next is due at its end. */
    assert_int_equal(bench->wait_ns, BENCH_START_NS + 1050000000);
    gale_bench_advance(bench, 1000);
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    takes_nothing(bench);
    gale_bench_advance(bench, 14);
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    takes_count(bench, 10);
    gale_bench_free(bench);
}

/* The bench's clock stands still at BENCH_START_NS, the wall clock goes on: bounds, not equality. */
static void generator_start_makes_up_what_was_missed(void **state)
{
    (void)state;
    char options[128];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    snprintf(options, sizeof(options), "template: '{seq}'\nrate: 0.01\nstart: %lld",
             (long long)(now_ms - 250000));
    struct gale_bench *bench = bench_of(&generator_spout_ops, options);
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    takes(bench, "[\"0\"]");
    takes(bench, "[\"1\"]");
    takes(bench, "[\"2\"]");
    takes_nothing(bench);
    /* Tuple 3 is due 300 s after the start, 50 s from now. */
    assert_true(bench->wait_ns > BENCH_START_NS + INT64_C(30000000000));
    assert_true(bench->wait_ns <= BENCH_START_NS + INT64_C(50001000000));
    gale_bench_free(bench);
    refuses(&generator_spout_ops, "start: -1", "start");
}

static void generator_rate_next_to_nothing_is_obeyed(void **state)
{
    (void)state;
    struct gale_bench *bench =
        bench_of(&generator_spout_ops, "template: '{seq}'\nrate: 1e-310");
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    takes(bench, "[\"0\"]");
    takes_nothing(bench);
    gale_bench_free(bench);
    refuses(&generator_spout_ops, "rate: 1\nstart: 9223372036854775807", "start");
}

static void generator_steps_that_are_wrong_are_refused(void **state)
{
    (void)state;
    refuses(&generator_spout_ops, "steps: []", "steps must be a list");
    refuses(&generator_spout_ops, "steps: 5", "steps must be a list");
    refuses(&generator_spout_ops, "steps: [ 5 ]", "step 1 of steps is not");
    refuses(&generator_spout_ops, "rate: 5\nsteps: [ { rate: 1 } ]", "rate and steps");
    refuses(&generator_spout_ops, "steps: [ { rate: 1 }, { rate: 2 } ]",
            "step 1 of steps needs");
    refuses(&generator_spout_ops, "steps: [ { rate: 1, for: 1s } ]", "leave `for` out");
    refuses(&generator_spout_ops, "steps: [ { rate: 0 } ]", "rate above 0");
    refuses(&generator_spout_ops, "steps: [ { rate: -1 } ]", "rate of 0 to");
    refuses(&generator_spout_ops, "steps: [ { rate: 1, until: 3s } ]", "neither rate nor for");
}

static void generator_position_resumes_behind_acked(void **state)
{
    (void)state;
    uint8_t position[64];
    struct gale_bench *bench = bench_of(&generator_spout_ops, "template: '{seq}'\ncount: 10");
    gale_bench_next(bench, 1);
    size_t size = bench_save(bench, 6, position, sizeof(position));
    gale_bench_free(bench);
    bench = bench_at(&generator_spout_ops, "template: '{seq}'\ncount: 10", position, size);
    gale_bench_next(bench, 1);
    assert_int_equal(takes(bench, "[\"6\"]"), 6);
    /* Nothing acked in this run: the position must not fall back. */
    size = bench_save(bench, 0, position, sizeof(position));
    gale_bench_free(bench);
    bench = bench_at(&generator_spout_ops, "template: '{seq}'\ncount: 10", position, size);
    gale_bench_next(bench, 1);
    takes(bench, "[\"6\"]");
    gale_bench_free(bench);
}

static void generator_bad_options_are_refused(void **state)
{
    (void)state;
    struct gale_error error = {0};
    refuses(&generator_spout_ops, "constant: a\ntemplate: b", "choose one");
    refuses(&generator_spout_ops, "rate: -1", "rate");
    refuses(&generator_spout_ops, "count: -1", "count");
    refuses(&generator_spout_ops, "sentences: jazz", "classic");
    refuses(&generator_spout_ops, "template: 'ab{rand:x}'", "character 3");
    assert_null(bench_spout_at(&generator_spout_ops, NULL, "GGN1", 4, &error));
    assert_non_null(strstr(error.text, "--fresh"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generator_constant_is_bounded),
        cmocka_unit_test(generator_sentences_are_all_picked_alike),
        cmocka_unit_test(generator_equal_seeds_give_equal_records),
        cmocka_unit_test(generator_failed_tuple_is_made_again),
        cmocka_unit_test(generator_tasks_share_the_count_exactly),
        cmocka_unit_test(generator_rate_emits_what_is_due),
        cmocka_unit_test(generator_steps_change_the_rate),
        cmocka_unit_test(generator_start_makes_up_what_was_missed),
        cmocka_unit_test(generator_rate_next_to_nothing_is_obeyed),
        cmocka_unit_test(generator_steps_that_are_wrong_are_refused),
        cmocka_unit_test(generator_position_resumes_behind_acked),
        cmocka_unit_test(generator_bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

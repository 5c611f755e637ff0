/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the generator's pace: due times by rate, by steps, with several tasks in turn. */
#include "spouts_test.h"

#include "spouts/pace.h"

static struct pace_step steps[3] = {
    {0, 0, 1e7},     /* 100 a second for 50 ms: 5 tuples. */
    {5, 5e7, 0},     /* A pause of 1 s. */
    {5, 1.05e9, 1e6} /* 1000 a second. */
};

static void pace_steps_give_due_times(void **state)
{
    (void)state;
    struct pace pace = {.steps = steps, .count = 3, .stride = 1};
    assert_int_equal(pace_due_ns(&pace, 0), 0);
    assert_int_equal(pace_due_ns(&pace, 4), 40000000);
    assert_int_equal(pace_due_ns(&pace, 5), 1050000000);
    assert_int_equal(pace_due_ns(&pace, 6), 1051000000);
    pace_restart(&pace);
    assert_int_equal(pace_due_ns(&pace, 1), 10000000);
}

static void pace_tasks_take_turns(void **state)
{
    (void)state;
    struct pace even = {.steps = steps, .count = 3, .stride = 2, .shift = 0};
    struct pace odd = {.steps = steps, .count = 3, .stride = 2, .shift = 1};
    int64_t last = -1;
    for (uint64_t n = 0; n < 100; n++) {
        int64_t first = pace_due_ns(&even, n);
        int64_t second = pace_due_ns(&odd, n);
        assert_true(first >= last && second > first);
        last = second;
    }
    /* Numbers 198 and 199 of all: 193 and 194 behind the pause. */
    assert_int_equal(last, 1050000000 + 194000000);
}

/* A rate next to nothing: its due times lie beyond any clock, not before all of it. */
static void pace_beyond_the_clock_is_never_due(void **state)
{
    (void)state;
    struct pace_step slow[2] = {{0, 0, 1e18}, {100, 1e20, 1e6}};
    struct pace pace = {.steps = slow, .count = 2, .stride = 1};
    assert_int_equal(pace_due_ns(&pace, 0), 0);
    assert_int_equal(pace_due_ns(&pace, 3), INT64_C(3000000000000000000));
    assert_int_equal(pace_due_ns(&pace, 10), PACE_DUE_NS_MAX);
    assert_int_equal(pace_due_ns(&pace, 100), PACE_DUE_NS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace_steps_give_due_times),
        cmocka_unit_test(pace_tasks_take_turns),
        cmocka_unit_test(pace_beyond_the_clock_is_never_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

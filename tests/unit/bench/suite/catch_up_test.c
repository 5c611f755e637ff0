/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of levels over time: when a disturbance is over. */
#include "suite/catch_up.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

/* A level each 0.1 s from 0 on. */
static struct levels levels_of(const double *values, size_t count)
{
    struct levels levels = {0};
    for (size_t i = 0; i < count; i++) {
        levels_add(&levels, (double)i / 10, values[i]);
    }
    return levels;
}

#define LEVELS(...) \
    levels_of((const double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double))

static void is_near(double found, double wanted)
{
    if (!(fabs(found - wanted) < 1e-9)) {
        fail_msg("%g instead of %g", found, wanted);
    }
}

static void back_after_a_disturbance_is_its_end(void **state)
{
    (void)state;
    struct levels levels = LEVELS(1, 1, 9, 9, 9, 2, 1, 1, 1);
    is_near(levels_back(&levels, 0.2, 2, 0.3), 0.5);
    levels_fini(&levels);
}

static void back_with_a_relapse_is_after_it(void **state)
{
    (void)state;
    struct levels levels = LEVELS(1, 9, 1, 1, 9, 1, 1, 1, 1);
    is_near(levels_back(&levels, 0.1, 2, 0.3), 0.5);
    /* A short hold takes the first dip. */
    is_near(levels_back(&levels, 0.1, 2, 0.05), 0.2);
    levels_fini(&levels);
}

static void back_of_an_undisturbed_level_is_at_once(void **state)
{
    (void)state;
    struct levels levels = LEVELS(1, 1, 1, 1, 1, 1);
    is_near(levels_back(&levels, 0.15, 2, 0.3), 0.2);
    levels_fini(&levels);
}

static void back_without_time_to_hold_is_unknown(void **state)
{
    (void)state;
    struct levels levels = LEVELS(1, 9, 9, 9, 1, 1);
    struct levels none = {0};
    assert_true(isnan(levels_back(&levels, 0.1, 2, 0.3)));
    assert_true(isnan(levels_back(&none, 0, 2, 0)));
    levels_fini(&levels);
}

static void back_where_nothing_came_is_above(void **state)
{
    (void)state;
    struct levels levels = LEVELS(1, 1, (double)NAN, (double)NAN, 1, 1, 1, 1);
    is_near(levels_back(&levels, 0.1, 2, 0.25), 0.4);
    levels_fini(&levels);
}

static void max_leaves_out_what_is_unknown(void **state)
{
    (void)state;
    struct levels levels = LEVELS(7, 1, (double)NAN, 3, 9);
    is_near(levels_max(&levels, 0.05, 0.35), 3);
    assert_true(isnan(levels_max(&levels, 0.15, 0.25)));
    assert_true(isnan(levels_max(&levels, 5, 6)));
    levels_fini(&levels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(back_after_a_disturbance_is_its_end),
        cmocka_unit_test(back_with_a_relapse_is_after_it),
        cmocka_unit_test(back_of_an_undisturbed_level_is_at_once),
        cmocka_unit_test(back_without_time_to_hold_is_unknown),
        cmocka_unit_test(back_where_nothing_came_is_above),
        cmocka_unit_test(max_leaves_out_what_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

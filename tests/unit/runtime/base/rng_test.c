/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the random number generator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void rng_equal_seeds_give_equal_sequences(void **state)
{
    (void)state;
    struct rng a, b, c;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    rng_seed(&c, 43);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rng_next(&a);
        assert_true(x == rng_next(&b));
        same += x == rng_next(&c);
    }
    assert_int_equal(same, 0);
    rng_seed(&a, 0);
    assert_true(rng_next(&a) != rng_next(&a));
    assert_int_equal(rng_seed_os(&a), GALE_OK);
    assert_int_equal(rng_seed_os(&b), GALE_OK);
    assert_true(rng_next(&a) != rng_next(&b));
}

static void rng_below_reaches_all_and_only_values_in_bound(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint32_t value = rng_below(&rng, 7);
        assert_in_range(value, 0, 6);
        seen[value]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(seen[i], 800, 1200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rng_equal_seeds_give_equal_sequences),
        cmocka_unit_test(rng_below_reaches_all_and_only_values_in_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

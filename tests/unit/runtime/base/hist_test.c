/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the histogram: quantiles against sorted values, merging, the packed form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hist.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_COUNT 20000

static struct hist one, two, both;

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void hist_quantiles_lie_within_the_promised_error(void **state)
{
    (void)state;
    static uint64_t values[VALUES_COUNT];
    struct rng rng;
    rng_seed(&rng, 11);
    hist_clear(&one);
    for (size_t i = 0; i < VALUES_COUNT; i++) {
        values[i] = rng_next(&rng) >> (24 + rng_below(&rng, 40));
        hist_record(&one, values[i]);
    }
    qsort(values, VALUES_COUNT, sizeof values[0], compare);
    static const double quantiles[] = {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        size_t rank = (size_t)(quantiles[i] * VALUES_COUNT);
        double exact = (double)values[rank > 0 ? rank - 1 : 0];
        double got = (double)hist_quantile(&one, quantiles[i]);
        assert_true(got >= exact * 0.992 - 1 && got <= exact * 1.008 + 1);
    }
    assert_int_equal(hist_quantile(&one, 1.0) <= one.max, 1);
}

static void hist_edges_are_counted_and_bounded(void **state)
{
    (void)state;
    hist_clear(&one);
    assert_int_equal(hist_quantile(&one, 0.5), 0);
    assert_true(hist_index(UINT64_MAX) < HIST_BUCKETS);
    assert_true(hist_index((UINT64_C(1) << 40) - 1) == hist_index(UINT64_MAX));
    for (uint64_t value = 1; value < UINT64_C(1) << 40; value *= 2) {
        assert_true(hist_index(value) == hist_index(value - 1) + 1 || value == 1);
    }
    hist_record(&one, 63);
    assert_int_equal(hist_quantile(&one, 0.5), 63);
    hist_record(&one, UINT64_MAX);
    assert_true(hist_quantile(&one, 1.0) > UINT64_C(1) << 39);
}

static void hist_packed_and_merged_equals_merged(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 12);
    hist_clear(&one);
    hist_clear(&two);
    for (int i = 0; i < 1000; i++) {
        hist_record(&one, rng_next(&rng) >> 30);
        hist_record(&two, rng_next(&rng) >> 40);
    }
    both = one;
    hist_merge(&both, &two);
    assert_int_equal(both.count, 2000);
    struct buf packed;
    buf_init(&packed, 0);
    assert_int_equal(hist_pack(&two, &packed), GALE_OK);
    assert_int_equal(hist_merge_packed(&one, packed.data, packed.size), GALE_OK);
    assert_memory_equal(&one, &both, sizeof one);
    for (size_t size = 0; size < packed.size; size++) {
        assert_int_equal(hist_merge_packed(&one, packed.data, size), GALE_ERR_CORRUPT);
    }
    assert_memory_equal(&one, &both, sizeof one);
    buf_fini(&packed);
}

static void hist_packed_faults_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const uint8_t faults[][24] = {
        /* index twice, index too large, count 0, n too large */
        {9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 1, 0, 0, 0, 5, 0, 1, 0, 0, 0},
        {9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 1, 0, 0, 0, 255, 255, 1, 0, 0, 0},
        {9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0},
        {9, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 5, 0, 1, 0, 0, 0, 6, 0, 1, 0, 0, 0},
    };
    hist_clear(&one);
    hist_clear(&two);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        assert_int_equal(hist_merge_packed(&one, faults[i], sizeof faults[i]),
                         GALE_ERR_CORRUPT);
    }
    assert_memory_equal(&one, &two, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hist_quantiles_lie_within_the_promised_error),
        cmocka_unit_test(hist_edges_are_counted_and_bounded),
        cmocka_unit_test(hist_packed_and_merged_equals_merged),
        cmocka_unit_test(hist_packed_faults_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the histogram: quantiles against sorted values, merging, the packed form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hist.h"
#include "base/rng.h"

#include <math.h>
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
    static const double quantiles[] = {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        size_t rank = (size_t)(quantiles[i] * VALUES_COUNT);
        double exact = (double)values[rank > 0 ? rank - 1 : 0];
        double got = (double)hist_quantile(&one, quantiles[i]);
        assert_true(got >= exact * 0.992 - 1 && got <= exact * 1.008 + 1);
    }
    assert_int_equal(hist_quantile(&one, 1.0) <= one.max, 1);
}

static void hist_every_bucket_is_within_one_percent(void **state)
{
    (void)state;
    /* The worst values of each bucket are its first and its last one. */
    for (uint64_t step = 1; step < UINT64_C(1) << 40; step = step + step / 200 + 1) {
        hist_clear(&one);
        hist_record(&one, step);
        one.max = UINT64_MAX; /* Otherwise it would be exact. */
        double error = fabs((double)hist_quantile(&one, 0.5) / (double)step - 1);
        assert_true(error <= 0.01);
        error = fabs(hist_mean(&one) / (double)step - 1);
        assert_true(error <= 0.01);
    }
}

static void hist_mean_is_within_one_percent(void **state)
{
    (void)state;
    struct rng rng;
    double sum = 0;
    rng_seed(&rng, 13);
    hist_clear(&one);
    assert_true(hist_mean(&one) == 0);
    for (int i = 0; i < VALUES_COUNT; i++) {
        uint64_t value = rng_next(&rng) >> (30 + rng_below(&rng, 30));
        hist_record(&one, value);
        sum += (double)value;
    }
    double mean = hist_mean(&one);
    assert_true(mean > sum / VALUES_COUNT * 0.99 && mean < sum / VALUES_COUNT * 1.01);
    hist_clear(&one);
    hist_record(&one, 1000001);
    assert_true(hist_mean(&one) <= 1000001);
}

static void hist_since_keeps_only_what_is_new(void **state)
{
    (void)state;
    static struct hist recent;
    hist_clear(&one);
    for (int i = 0; i < 100; i++) {
        hist_record(&one, 1000000);
    }
    two = one;
    hist_since(&two, &one, &recent);
    assert_int_equal(recent.count, 0);
    assert_int_equal(hist_quantile(&recent, 0.99), 0);
    hist_record(&two, 50);
    hist_record(&two, 60);
    hist_since(&two, &one, &recent);
    assert_int_equal(recent.count, 2);
    assert_int_equal(hist_quantile(&recent, 0.5), 50);
    assert_int_equal(hist_quantile(&recent, 1.0), 60);
    /* Cleared in between: all of it is new. */
    hist_clear(&two);
    hist_record(&two, 70);
    hist_since(&two, &one, &recent);
    assert_int_equal(recent.count, 1);
    assert_int_equal(recent.max, 70);
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
        cmocka_unit_test(hist_every_bucket_is_within_one_percent),
        cmocka_unit_test(hist_mean_is_within_one_percent),
        cmocka_unit_test(hist_since_keeps_only_what_is_new),
        cmocka_unit_test(hist_edges_are_counted_and_bounded),
        cmocka_unit_test(hist_packed_and_merged_equals_merged),
        cmocka_unit_test(hist_packed_faults_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

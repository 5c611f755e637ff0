/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groupings as pure code: exactness of shuffle, spread and stability of fields, partial-key's
 * pairs, the weights of load-aware and its change of tier (Storm's GroupingTest and
 * LoadAwareShuffleGroupingTest). In running topologies: exec/grouping_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/grouping.h"

#include <stdio.h>
#include <string.h>

#define TARGETS_MAX 8u

static const uint32_t ids[TARGETS_MAX] = {3, 4, 9, 10, 11, 20, 21, 22};

/* A grouping over the first `count` targets; `local` has a character for each: L or r. */
static struct grouping make(enum plan_grouping kind, uint32_t count, const char *local,
                            uint64_t seed)
{
    static const uint16_t fields[] = {0};
    struct plan_input input = {.grouping = kind, .fields = fields, .fields_count = 1};
    bool is_local[TARGETS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        is_local[i] = local[i] == 'L';
    }
    struct grouping_options options = {.input = &input,
                                       .targets = ids,
                                       .targets_count = count,
                                       .local = is_local,
                                       .hash_seed = 7,
                                       .seed = seed};
    struct grouping grouping;
    assert_int_equal(grouping_init(&grouping, &options), GALE_OK);
    return grouping;
}

/* A tuple of one string of at most 31 bytes and one small number. */
static struct gale_tuple tuple_of(uint8_t room[40], const char *key, uint8_t number)
{
    size_t size = strlen(key);
    room[0] = (uint8_t)(0xa0 | size);
    memcpy(room + 1, key, size);
    room[1 + size] = number;
    return (struct gale_tuple){.data = room, .size = (uint32_t)size + 2, .fields_count = 2};
}

static uint32_t choose_key(struct grouping *grouping, const char *key)
{
    uint8_t room[40];
    struct gale_tuple tuple = tuple_of(room, key, 1);
    return grouping_choose(grouping, &tuple);
}

static void count_choices(struct grouping *grouping, uint32_t tuples,
                          uint32_t counts[TARGETS_MAX])
{
    memset(counts, 0, TARGETS_MAX * sizeof(*counts));
    for (uint32_t i = 0; i < tuples; i++) {
        uint32_t chosen = choose_key(grouping, "k");
        assert_in_range(chosen, 0, grouping->targets_count - 1);
        counts[chosen]++;
    }
}

/* ---- shuffle ---- */

static void shuffle_30000_tuples_over_6_targets_are_5000_each(void **state)
{
    (void)state;
    uint32_t counts[TARGETS_MAX];
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct grouping grouping = make(PLAN_SHUFFLE, 6, "LrLrLr", seed);
        count_choices(&grouping, 30000, counts);
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(counts[i], 5000);
        }
        grouping_fini(&grouping);
    }
}

static void shuffle_emitters_start_in_orders_of_their_own(void **state)
{
    (void)state;
    uint32_t firsts = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct grouping grouping = make(PLAN_SHUFFLE, 6, "rrrrrr", seed);
        firsts |= 1u << choose_key(&grouping, "k");
        grouping_fini(&grouping);
    }
    assert_int_equal(firsts, 63);
}

static void local_or_shuffle_uses_local_targets_only_when_there_are(void **state)
{
    (void)state;
    uint32_t counts[TARGETS_MAX];
    struct grouping some = make(PLAN_LOCAL_OR_SHUFFLE, 4, "rLrL", 1);
    count_choices(&some, 1000, counts);
    assert_int_equal(counts[0] + counts[2], 0);
    assert_int_equal(counts[1], 500);
    assert_int_equal(counts[3], 500);
    grouping_fini(&some);
    struct grouping none = make(PLAN_LOCAL_OR_SHUFFLE, 4, "rrrr", 1);
    count_choices(&none, 1000, counts);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(counts[i], 250);
    }
    grouping_fini(&none);
}

/* ---- fields ---- */

static void fields_same_bytes_same_target_in_every_emitter(void **state)
{
    (void)state;
    struct grouping one = make(PLAN_FIELDS, 6, "LLLrrr", 1);
    struct grouping other = make(PLAN_FIELDS, 6, "rrrLLL", 99);
    char key[16];
    uint32_t used = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        uint32_t chosen = choose_key(&one, key);
        used |= 1u << chosen;
        assert_int_equal(choose_key(&one, key), chosen);
        assert_int_equal(choose_key(&other, key), chosen);
    }
    assert_int_equal(used, 63);
    grouping_fini(&one);
    grouping_fini(&other);
}

static void fields_other_fields_do_not_matter(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_FIELDS, 6, "LLLLLL", 1);
    uint8_t a[40];
    uint8_t b[40];
    struct gale_tuple first = tuple_of(a, "same", 1);
    struct gale_tuple second = tuple_of(b, "same", 2);
    assert_int_equal(grouping_hash(&grouping, &first), grouping_hash(&grouping, &second));
    grouping_fini(&grouping);
}

static void fields_many_keys_are_spread_evenly(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_FIELDS, 5, "LLLLL", 1);
    uint32_t counts[TARGETS_MAX] = {0};
    char key[16];
    for (int i = 0; i < 50000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        counts[choose_key(&grouping, key)]++;
    }
    for (uint32_t i = 0; i < 5; i++) {
        assert_in_range(counts[i], 9500, 10500);
    }
    grouping_fini(&grouping);
}

static void fields_of_no_field_is_global(void **state)
{
    (void)state;
    struct plan_input input = {.grouping = PLAN_FIELDS};
    static const bool local[3] = {false, true, true};
    struct grouping_options options = {
        .input = &input, .targets = ids, .targets_count = 3, .local = local, .seed = 1};
    struct grouping grouping;
    assert_int_equal(grouping_init(&grouping, &options), GALE_OK);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(choose_key(&grouping, key), 0);
    }
    grouping_fini(&grouping);
}

/* ---- partial key ---- */

static void partial_key_alternates_between_two_targets(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct grouping grouping = make(PLAN_PARTIAL_KEY, 6, "rrrrrr", 1);
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        uint32_t first = choose_key(&grouping, key);
        uint32_t second = choose_key(&grouping, key);
        assert_int_not_equal(first, second);
        for (int k = 0; k < 10; k++) {
            assert_int_equal(choose_key(&grouping, key), first);
            assert_int_equal(choose_key(&grouping, key), second);
        }
        grouping_fini(&grouping);
    }
}

static void partial_key_pair_is_the_same_in_every_emitter(void **state)
{
    (void)state;
    uint32_t pairs = 0;
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        uint32_t seen[2] = {0, 0};
        for (uint64_t e = 0; e < 2; e++) {
            struct grouping grouping = make(PLAN_PARTIAL_KEY, 4, e ? "LLLL" : "rrrr", 50 + e);
            seen[e] = 1u << choose_key(&grouping, key) | 1u << choose_key(&grouping, key);
            grouping_fini(&grouping);
        }
        assert_int_equal(seen[0], seen[1]);
        pairs |= 1u << seen[0];
    }
    /* All six pairs of four targets come up. */
    assert_int_equal(pairs, 1u << 3 | 1u << 5 | 1u << 6 | 1u << 9 | 1u << 10 | 1u << 12);
}

static void partial_key_takes_the_target_used_less(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_PARTIAL_KEY, 6, "rrrrrr", 1);
    uint32_t first = choose_key(&grouping, "hot");
    uint32_t second = choose_key(&grouping, "hot");
    grouping.used[first] += 10;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(choose_key(&grouping, "hot"), second);
    }
    grouping_fini(&grouping);
}

static void partial_key_of_one_target_is_that(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_PARTIAL_KEY, 1, "r", 1);
    assert_int_equal(choose_key(&grouping, "a"), 0);
    assert_int_equal(choose_key(&grouping, "b"), 0);
    grouping_fini(&grouping);
}

/* ---- global, none ---- */

static void global_is_always_the_lowest_task(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_GLOBAL, 6, "rrrLLL", 1);
    uint32_t counts[TARGETS_MAX];
    count_choices(&grouping, 100, counts);
    assert_int_equal(counts[0], 100);
    grouping_fini(&grouping);
}

static void none_is_uniform(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_NONE, 4, "rrLL", 5);
    uint32_t counts[TARGETS_MAX];
    count_choices(&grouping, 40000, counts);
    for (uint32_t i = 0; i < 4; i++) {
        assert_in_range(counts[i], 9500, 10500);
    }
    grouping_fini(&grouping);
}

/* ---- load-aware ---- */

static void load_aware_even_load_is_even_within_one_percent(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_LOAD_AWARE, 2, "rr", 1);
    static const double loads[2] = {0.3, 0.3};
    uint32_t counts[TARGETS_MAX];
    for (int i = 0; i < 20; i++) {
        grouping_refresh(&grouping, loads);
        count_choices(&grouping, 10000, counts);
        assert_in_range(counts[0], 4900, 5100);
    }
    grouping_fini(&grouping);
}

/* Weight 100 falls by 10 with each refresh to 0 in ten; then it comes back by 1. */
static void load_aware_share_of_a_loaded_target_falls_by_ten(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_LOAD_AWARE, 2, "rr", 1);
    static const double first_loaded[2] = {1, 0};
    static const double second_loaded[2] = {0, 1};
    uint32_t counts[TARGETS_MAX];
    for (int i = 1; i <= 12; i++) {
        grouping_refresh(&grouping, first_loaded);
        int weight = i < 10 ? 100 - 10 * i : 0;
        assert_int_equal(grouping.weights[0], weight);
        assert_int_equal(grouping.weights[1], 100);
        count_choices(&grouping, 1000, counts);
        int expected = 1000 * weight / (100 + weight);
        assert_in_range(counts[0], expected > 5 ? expected - 5 : 0, expected + 5);
    }
    for (int i = 1; i <= 5; i++) {
        grouping_refresh(&grouping, second_loaded);
        assert_int_equal(grouping.weights[0], i);
        assert_int_equal(grouping.weights[1], 100 - 10 * i);
    }
    grouping_fini(&grouping);
}

static void load_aware_within_five_percent_of_the_least_rises(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_LOAD_AWARE, 3, "rrr", 1);
    static const double loaded[3] = {0, 1, 1};
    static const double near[3] = {0.50, 0.54, 0.56};
    grouping_refresh(&grouping, loaded);
    assert_int_equal(grouping.weights[1], 90);
    grouping_refresh(&grouping, near);
    assert_int_equal(grouping.weights[0], 100);
    assert_int_equal(grouping.weights[1], 91);
    assert_int_equal(grouping.weights[2], 80);
    grouping_fini(&grouping);
}

static void load_aware_starts_local_widens_and_narrows_by_the_bounds(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_LOAD_AWARE, 4, "LrLr", 1);
    static const double calm[4] = {0.8, 0, 0.8, 0};
    static const double loaded[4] = {0.9, 0, 0.9, 0};
    static const double easing[4] = {0.2, 0.2, 0.2, 0.2};
    static const double idle[4] = {0.1, 0.1, 0.1, 0.1};
    uint32_t counts[TARGETS_MAX];
    count_choices(&grouping, 1000, counts);
    assert_int_equal(counts[1] + counts[3], 0);
    grouping_refresh(&grouping, calm); /* Not over 0.8. */
    count_choices(&grouping, 1000, counts);
    assert_int_equal(counts[1] + counts[3], 0);
    grouping_refresh(&grouping, loaded);
    count_choices(&grouping, 1000, counts);
    assert_true(counts[1] > 0 && counts[3] > 0);
    grouping_refresh(&grouping, easing); /* Not under 0.2. */
    count_choices(&grouping, 1000, counts);
    assert_true(counts[1] > 0 && counts[3] > 0);
    grouping_refresh(&grouping, idle);
    count_choices(&grouping, 1000, counts);
    assert_int_equal(counts[1] + counts[3], 0);
    assert_in_range(counts[0], 490, 510);
    grouping_fini(&grouping);
}

static void load_aware_all_weights_zero_goes_round_in_turn(void **state)
{
    (void)state;
    struct grouping grouping = make(PLAN_LOAD_AWARE, 3, "rrr", 1);
    static const double loads[3] = {0, 1, 1};
    memset(grouping.weights, 0, 3);
    grouping.weights[0] = -1; /* The refresh adds 1 to the least loaded: 0 again. */
    grouping_refresh(&grouping, loads);
    assert_int_equal(grouping.weights[0] + grouping.weights[1] + grouping.weights[2], 0);
    uint32_t counts[TARGETS_MAX];
    count_choices(&grouping, 300, counts);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(counts[i], 100);
    }
    grouping_fini(&grouping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shuffle_30000_tuples_over_6_targets_are_5000_each),
        cmocka_unit_test(shuffle_emitters_start_in_orders_of_their_own),
        cmocka_unit_test(local_or_shuffle_uses_local_targets_only_when_there_are),
        cmocka_unit_test(fields_same_bytes_same_target_in_every_emitter),
        cmocka_unit_test(fields_other_fields_do_not_matter),
        cmocka_unit_test(fields_many_keys_are_spread_evenly),
        cmocka_unit_test(fields_of_no_field_is_global),
        cmocka_unit_test(partial_key_alternates_between_two_targets),
        cmocka_unit_test(partial_key_pair_is_the_same_in_every_emitter),
        cmocka_unit_test(partial_key_takes_the_target_used_less),
        cmocka_unit_test(partial_key_of_one_target_is_that),
        cmocka_unit_test(global_is_always_the_lowest_task),
        cmocka_unit_test(none_is_uniform),
        cmocka_unit_test(load_aware_even_load_is_even_within_one_percent),
        cmocka_unit_test(load_aware_share_of_a_loaded_target_falls_by_ten),
        cmocka_unit_test(load_aware_within_five_percent_of_the_least_rises),
        cmocka_unit_test(load_aware_starts_local_widens_and_narrows_by_the_bounds),
        cmocka_unit_test(load_aware_all_weights_zero_goes_round_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

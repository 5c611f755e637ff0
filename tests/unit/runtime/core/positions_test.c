/* SPDX-License-Identifier: Apache-2.0 */
/* The low mark of a replayable spout, against a model, and at its edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/positions.h"

static int setup(void **state)
{
    static struct positions positions;
    positions_init(&positions);
    *state = &positions;
    return 0;
}

static int teardown(void **state)
{
    positions_fini(*state);
    return 0;
}

static uint64_t emit(struct positions *positions, uint64_t id)
{
    uint64_t place = UINT64_MAX;
    assert_int_equal(positions_emit(positions, id, &place), GALE_OK);
    return place;
}

static void positions_low_mark_stops_at_the_first_open_message(void **state)
{
    struct positions *positions = *state;
    uint64_t a = emit(positions, 0);
    uint64_t b = emit(positions, 1);
    uint64_t c = emit(positions, 2);
    positions_done(positions, b);
    assert_int_equal(positions->low_id, 0);
    positions_done(positions, a);
    assert_int_equal(positions->low_id, 2);
    positions_done(positions, c);
    assert_int_equal(positions->low_id, 3);
}

static void positions_ids_with_gaps_give_the_next_open_id(void **state)
{
    struct positions *positions = *state;
    uint64_t a = emit(positions, 100);
    uint64_t b = emit(positions, 4000);
    assert_int_equal(positions->low_id, 100);
    positions_done(positions, a);
    assert_int_equal(positions->low_id, 4000);
    positions_done(positions, b);
    assert_int_equal(positions->low_id, 4001);
    emit(positions, 9000);
    assert_int_equal(positions->low_id, 9000);
}

static void positions_replay_finds_its_place(void **state)
{
    struct positions *positions = *state;
    uint64_t a = emit(positions, 10);
    uint64_t b = emit(positions, 20);
    assert_int_equal(emit(positions, 10), a);
    assert_int_equal(emit(positions, 20), b);
    positions_done(positions, a);
    assert_int_equal(positions->low_id, 20);
}

static void positions_smaller_id_that_is_not_open_is_refused(void **state)
{
    struct positions *positions = *state;
    uint64_t place;
    uint64_t a = emit(positions, 10);
    emit(positions, 20);
    assert_int_equal(positions_emit(positions, 15, &place), GALE_ERR_INVALID);
    positions_done(positions, a);
    assert_int_equal(positions_emit(positions, 10, &place), GALE_ERR_INVALID);
}

static void positions_done_twice_or_of_no_place_changes_nothing(void **state)
{
    struct positions *positions = *state;
    uint64_t a = emit(positions, 0);
    emit(positions, 1);
    positions_done(positions, a);
    positions_done(positions, a);
    positions_done(positions, UINT64_MAX);
    positions_done(positions, 2);
    assert_int_equal(positions->low_id, 1);
}

static void positions_pass_only_when_nothing_is_open(void **state)
{
    struct positions *positions = *state;
    assert_true(positions_pass(positions, 0));
    assert_int_equal(positions->low_id, 1);
    assert_false(positions_pass(positions, 0)); /* A replay of what was acked. */
    uint64_t a = emit(positions, 5);
    assert_false(positions_pass(positions, 6));
    positions_done(positions, a);
    assert_true(positions_pass(positions, 6));
    assert_int_equal(positions->low_id, 7);
}

/* One that stays open while 16 M follow: what finds no room must not be passed by the low mark. */
static void positions_message_without_room_stops_the_low_mark_for_good(void **state)
{
    struct positions *positions = *state;
    uint64_t first = emit(positions, 0);
    uint64_t place;
    uint64_t id = 1;
    while (positions_emit(positions, id, &place) == GALE_OK) {
        positions_done(positions, place);
        id++;
    }
    assert_int_equal(positions_emit(positions, id, &place), GALE_ERR_LIMIT);
    positions_done(positions, first);
    assert_int_equal(positions->low_id, 0);
    assert_false(positions_pass(positions, id + 1));
    uint64_t later = emit(positions, id + 1);
    positions_done(positions, later);
    assert_int_equal(positions->low_id, 0);
}

/* Random emits, acks and replays; the model is a plain array. */
static void positions_random_order_equals_the_model(void **state)
{
    enum { MESSAGES = 5000 };
    struct positions *positions = *state;
    static uint64_t places[MESSAGES];
    static bool done[MESSAGES];
    struct rng rng;
    uint64_t seed = 20260307;
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    uint32_t emitted = 0;
    uint32_t low = 0;
    while (low < MESSAGES) {
        uint32_t open = emitted - low;
        if (emitted < MESSAGES && (open == 0 || rng_below(&rng, 2) == 0)) {
            places[emitted] = emit(positions, 3 * emitted);
            emitted++;
            continue;
        }
        uint32_t window = open < 600 ? open : 600;
        uint32_t at = low + rng_below(&rng, window);
        if (!done[at] && rng_below(&rng, 4) == 0) {
            assert_int_equal(emit(positions, 3 * at), places[at]);
        }
        done[at] = true;
        positions_done(positions, places[at]);
        while (low < emitted && done[low]) {
            low++;
        }
        uint64_t expected = low < emitted ? 3 * low : 3 * (emitted - 1) + 1;
        assert_int_equal(positions->low_id, expected);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(positions_low_mark_stops_at_the_first_open_message),
        TEST(positions_ids_with_gaps_give_the_next_open_id),
        TEST(positions_replay_finds_its_place),
        TEST(positions_smaller_id_that_is_not_open_is_refused),
        TEST(positions_done_twice_or_of_no_place_changes_nothing),
        TEST(positions_pass_only_when_nothing_is_open),
        TEST(positions_message_without_room_stops_the_low_mark_for_good),
        TEST(positions_random_order_equals_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

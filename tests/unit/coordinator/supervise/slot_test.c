/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of supervise/slot: every transition of the drawing, delays, silence, old incarnations, and
 * random walks that check what must hold in every state. */
#include "base/rng.h"
#include "supervise/supervise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define STEPS_COUNT 200000

static struct slot_limits limits;

static int setup(void **state)
{
    (void)state;
    limits = slot_limits_default();
    return 0;
}

static struct slot slot_running(uint64_t incarnation, int64_t now_ns)
{
    struct slot slot;
    slot_init(&slot);
    assert_int_equal(slot_want(&slot, incarnation, now_ns), SLOT_DO_SPAWN);
    assert_int_equal(slot.state, SLOT_STARTING);
    slot_beat(&slot, incarnation, now_ns);
    assert_int_equal(slot.state, SLOT_RUNNING);
    return slot;
}

static void slot_fresh_is_empty_and_waits_for_nothing(void **state)
{
    (void)state;
    struct slot slot;
    slot_init(&slot);
    assert_int_equal(slot.state, SLOT_EMPTY);
    assert_int_equal(slot_next_ns(&slot, &limits), INT64_MAX);
    assert_int_equal(slot_tick(&slot, &limits, 1, INT64_MAX - 1), SLOT_DO_NOTHING);
    assert_int_equal(slot_exited(&slot, 0), SLOT_DO_NOTHING);
    assert_int_equal(slot_unwant(&slot, 0), SLOT_DO_NOTHING);
    assert_int_equal(slot.state, SLOT_EMPTY);
}

static void slot_wanted_twice_spawns_once(void **state)
{
    (void)state;
    struct slot slot;
    slot_init(&slot);
    assert_int_equal(slot_want(&slot, 7, 0), SLOT_DO_SPAWN);
    assert_int_equal(slot.incarnation, 7);
    assert_int_equal(slot_want(&slot, 8, 1), SLOT_DO_NOTHING);
    assert_int_equal(slot.incarnation, 7);
}

static void slot_without_first_beat_is_killed_after_start_limit(void **state)
{
    (void)state;
    struct slot slot;
    slot_init(&slot);
    slot_want(&slot, 7, 0);
    assert_int_equal(slot_next_ns(&slot, &limits), 10000 * MS);
    assert_int_equal(slot_tick(&slot, &limits, 8, 10000 * MS - 1), SLOT_DO_NOTHING);
    assert_int_equal(slot_tick(&slot, &limits, 8, 10000 * MS), SLOT_DO_KILL);
    assert_int_equal(slot_tick(&slot, &limits, 8, 20000 * MS), SLOT_DO_NOTHING);
    slot_beat(&slot, 7, 10001 * MS);
    assert_int_equal(slot.state, SLOT_STARTING);
    slot_exited(&slot, 20001 * MS);
    assert_int_equal(slot.state, SLOT_BACKOFF);
}

static void slot_silent_is_killed_and_restarted(void **state)
{
    (void)state;
    struct slot slot = slot_running(7, 0);
    slot_beat(&slot, 7, 1000 * MS);
    assert_int_equal(slot_next_ns(&slot, &limits), 2500 * MS);
    assert_int_equal(slot_tick(&slot, &limits, 8, 2499 * MS), SLOT_DO_NOTHING);
    assert_int_equal(slot_tick(&slot, &limits, 8, 2500 * MS), SLOT_DO_KILL);
    assert_int_equal(slot.state, SLOT_RUNNING);
    assert_int_equal(slot_next_ns(&slot, &limits), INT64_MAX);
    slot_exited(&slot, 2501 * MS);
    assert_int_equal(slot.state, SLOT_BACKOFF);
    assert_int_equal(slot_next_ns(&slot, &limits), 2501 * MS);
    assert_int_equal(slot_tick(&slot, &limits, 8, 2501 * MS), SLOT_DO_SPAWN);
    assert_int_equal(slot.state, SLOT_STARTING);
    assert_int_equal(slot.incarnation, 8);
    assert_false(slot.kill_sent);
    assert_int_equal(slot.restarts_count, 1);
}

static void slot_beat_of_old_incarnation_is_ignored(void **state)
{
    (void)state;
    struct slot slot = slot_running(7, 0);
    slot_exited(&slot, 10 * MS);
    slot_beat(&slot, 7, 11 * MS);
    assert_int_equal(slot.state, SLOT_BACKOFF);
    slot_tick(&slot, &limits, 8, 11 * MS);
    slot_beat(&slot, 7, 12 * MS);
    assert_int_equal(slot.state, SLOT_STARTING);
    slot_beat(&slot, 8, 13 * MS);
    assert_int_equal(slot.state, SLOT_RUNNING);
    slot_beat(&slot, 7, 1000 * MS);
    assert_int_equal(slot_next_ns(&slot, &limits), 1513 * MS);
}

static void slot_unwanted_gets_term_then_kill_then_is_empty(void **state)
{
    (void)state;
    struct slot slot = slot_running(7, 0);
    assert_int_equal(slot_unwant(&slot, 100 * MS), SLOT_DO_TERM);
    assert_int_equal(slot.state, SLOT_STOPPING);
    assert_int_equal(slot_unwant(&slot, 101 * MS), SLOT_DO_NOTHING);
    slot_beat(&slot, 7, 2000 * MS);
    assert_int_equal(slot_tick(&slot, &limits, 8, 3099 * MS), SLOT_DO_NOTHING);
    assert_int_equal(slot_tick(&slot, &limits, 8, 3100 * MS), SLOT_DO_KILL);
    slot_exited(&slot, 3101 * MS);
    assert_int_equal(slot.state, SLOT_EMPTY);
    assert_int_equal(slot.restarts_count, 0);
}

static void slot_prolonged_while_stopping_gets_its_grace_anew(void **state)
{
    (void)state;
    struct slot slot = slot_running(1, 0);
    slot_prolong(&slot, 50 * MS);
    assert_int_equal(slot.since_ns, 0); /* Only a process that is to stop has a grace. */
    assert_int_equal(slot_unwant(&slot, 100 * MS), SLOT_DO_TERM);
    slot_prolong(&slot, 200 * MS);
    assert_int_equal(slot_next_ns(&slot, &limits), (200 + limits.grace_ms) * MS);
    int64_t end_ns = slot_next_ns(&slot, &limits);
    assert_int_equal(slot_tick(&slot, &limits, 2, end_ns), SLOT_DO_KILL);
    slot_prolong(&slot, end_ns);
    assert_int_equal(slot_next_ns(&slot, &limits), INT64_MAX); /* Killed is killed. */
}

static void slot_unwanted_while_starting_stops(void **state)
{
    (void)state;
    struct slot slot;
    slot_init(&slot);
    slot_want(&slot, 7, 0);
    assert_int_equal(slot_unwant(&slot, 1), SLOT_DO_TERM);
    slot_beat(&slot, 7, 2);
    assert_int_equal(slot.state, SLOT_STOPPING);
}

static void slot_unwanted_in_backoff_is_empty(void **state)
{
    (void)state;
    struct slot slot = slot_running(7, 0);
    slot_exited(&slot, 1);
    assert_int_equal(slot_unwant(&slot, 2), SLOT_DO_NOTHING);
    assert_int_equal(slot.state, SLOT_EMPTY);
    assert_int_equal(slot_tick(&slot, &limits, 8, 100000 * MS), SLOT_DO_NOTHING);
}

static void slot_unwanted_after_kill_gets_no_term(void **state)
{
    (void)state;
    struct slot slot = slot_running(7, 0);
    assert_int_equal(slot_tick(&slot, &limits, 8, 1500 * MS), SLOT_DO_KILL);
    assert_int_equal(slot_unwant(&slot, 1501 * MS), SLOT_DO_NOTHING);
    slot_exited(&slot, 1502 * MS);
    assert_int_equal(slot.state, SLOT_EMPTY);
}

static void slot_wanted_while_stopping_restarts_at_once_after_exit(void **state)
{
    (void)state;
    struct slot slot = slot_running(7, 0);
    slot_unwant(&slot, 1);
    assert_int_equal(slot_want(&slot, 8, 2), SLOT_DO_NOTHING);
    slot_exited(&slot, 3);
    assert_int_equal(slot.state, SLOT_BACKOFF);
    assert_int_equal(slot_tick(&slot, &limits, 9, 3), SLOT_DO_SPAWN);
    assert_int_equal(slot.incarnation, 9);
    assert_int_equal(slot.restarts_count, 0);
}

static void slot_failing_again_and_again_backs_off_to_the_limit(void **state)
{
    (void)state;
    static const int64_t delays_ms[] = {0,    100,  200,   400,   800,  1600,
                                        3200, 6400, 10000, 10000, 10000};
    struct slot slot;
    slot_init(&slot);
    int64_t now_ns = 5;
    uint64_t incarnation = 1;
    assert_int_equal(slot_want(&slot, incarnation, now_ns), SLOT_DO_SPAWN);
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        slot_exited(&slot, now_ns);
        assert_int_equal(slot_next_ns(&slot, &limits), now_ns + delays_ms[i] * MS);
        now_ns += delays_ms[i] * MS;
        assert_int_equal(slot_tick(&slot, &limits, ++incarnation, now_ns), SLOT_DO_SPAWN);
    }
    now_ns += 60000 * MS;
    slot_exited(&slot, now_ns);
    assert_int_equal(slot_next_ns(&slot, &limits), now_ns);
}

/* Killed from outside again and again, it still comes back at once; one that crashes does not. */
static void slot_steady_before_its_failure_restarts_at_once(void **state)
{
    (void)state;
    struct slot slot = slot_running(1, 0);
    int64_t now_ns = 0;
    for (uint64_t i = 2; i < 12; i++) {
        now_ns += 1000 * MS;
        slot_exited(&slot, now_ns);
        assert_int_equal(slot_tick(&slot, &limits, i, now_ns), SLOT_DO_SPAWN);
        slot_beat(&slot, i, now_ns);
        assert_int_equal(slot.state, SLOT_RUNNING);
    }
    now_ns += 999 * MS;
    slot_exited(&slot, now_ns);
    assert_int_equal(slot_next_ns(&slot, &limits), now_ns + 100 * MS);
}

static void slot_random_events_keep_the_invariants(void **state)
{
    (void)state;
    struct rng rng;
    assert_int_equal(rng_seed_os(&rng), GALE_OK);
    uint64_t seed = rng_next(&rng);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    struct slot slot;
    slot_init(&slot);
    bool process = false; /* what the outside world would have */
    int64_t now_ns = 0;
    for (uint64_t i = 1; i <= STEPS_COUNT; i++) {
        enum slot_action action = SLOT_DO_NOTHING;
        now_ns += (int64_t)rng_below(&rng, 1000) * MS;
        switch (rng_below(&rng, 6)) {
        case 0: action = slot_want(&slot, i, now_ns); break;
        case 1: action = slot_unwant(&slot, now_ns); break;
        case 2: slot_beat(&slot, slot.incarnation, now_ns); break;
        case 3: slot_beat(&slot, i, now_ns); break;
        case 4:
            if (process) {
                action = slot_exited(&slot, now_ns);
                process = false;
            }
            break;
        default: action = slot_tick(&slot, &limits, i, now_ns); break;
        }
        if (action == SLOT_DO_SPAWN) {
            assert_false(process);
            assert_int_equal(slot.incarnation, i);
            process = true;
        } else if (action == SLOT_DO_TERM || action == SLOT_DO_KILL) {
            assert_true(process);
        }
        assert_int_equal(process, slot.state == SLOT_STARTING || slot.state == SLOT_RUNNING ||
                                      slot.state == SLOT_STOPPING);
        assert_true(slot.state != SLOT_EMPTY || !slot.wanted);
        assert_true(slot.since_ns <= now_ns && slot.beat_ns <= now_ns);
    }
    assert_true(slot.changes_count > STEPS_COUNT / 20);
}

static void slot_state_names_are_distinct(void **state)
{
    (void)state;
    for (int a = SLOT_EMPTY; a <= SLOT_BACKOFF; a++) {
        for (int b = SLOT_EMPTY; b < a; b++) {
            assert_string_not_equal(slot_state_name((enum slot_state)a),
                                    slot_state_name((enum slot_state)b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_fresh_is_empty_and_waits_for_nothing),
        cmocka_unit_test(slot_wanted_twice_spawns_once),
        cmocka_unit_test(slot_without_first_beat_is_killed_after_start_limit),
        cmocka_unit_test(slot_silent_is_killed_and_restarted),
        cmocka_unit_test(slot_beat_of_old_incarnation_is_ignored),
        cmocka_unit_test(slot_unwanted_gets_term_then_kill_then_is_empty),
        cmocka_unit_test(slot_prolonged_while_stopping_gets_its_grace_anew),
        cmocka_unit_test(slot_unwanted_while_starting_stops),
        cmocka_unit_test(slot_unwanted_in_backoff_is_empty),
        cmocka_unit_test(slot_unwanted_after_kill_gets_no_term),
        cmocka_unit_test(slot_wanted_while_stopping_restarts_at_once_after_exit),
        cmocka_unit_test(slot_failing_again_and_again_backs_off_to_the_limit),
        cmocka_unit_test(slot_steady_before_its_failure_restarts_at_once),
        cmocka_unit_test(slot_random_events_keep_the_invariants),
        cmocka_unit_test(slot_state_names_are_distinct),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

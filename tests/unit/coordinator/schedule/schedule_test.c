/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of schedule/schedule: properties over random plans, built by hand from what the scheduler
 * reads (components, levels, inputs, isolate), and the small cases that people reason about. */
#include "base/clock.h"
#include "base/rng.h"
#include "schedule/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS_COUNT 3000

struct made {
    struct plan plan;
    struct plan_component components[PLAN_COMPONENTS_MAX];
    struct plan_input inputs[PLAN_COMPONENTS_MAX];
    uint16_t places[PLAN_TASKS_MAX + 1];
    uint16_t before[PLAN_TASKS_MAX + 1];
};

static struct made made;

static void made_clear(void)
{
    memset(&made, 0, sizeof made);
    made.plan.components = made.components;
}

/* Adds a component that reads from `source`, or a spout when that is -1. */
static void made_add(uint32_t parallelism, int source, bool isolate)
{
    uint16_t index = made.plan.components_count++;
    struct plan_component *component = &made.components[index];
    component->parallelism = parallelism;
    component->first_task = made.plan.tasks_count + 1;
    component->isolate = isolate;
    if (source >= 0) {
        made.inputs[index].source = (uint16_t)source;
        component->inputs = &made.inputs[index];
        component->inputs_count = 1;
        component->level = (uint16_t)(made.components[source].level + 1);
    }
    made.plan.tasks_count += parallelism;
    if (component->level >= made.plan.levels_count) {
        made.plan.levels_count = (uint16_t)(component->level + 1);
    }
}

static uint32_t made_isolated(void)
{
    uint32_t isolated = 0;
    for (uint16_t i = 0; i < made.plan.components_count; i++) {
        isolated += made.components[i].isolate ? made.components[i].parallelism : 0;
    }
    return isolated;
}

static uint16_t place_of(uint16_t component, uint32_t index)
{
    return made.places[made.components[component].first_task + index];
}

static void spread_check(const uint32_t *counts, uint32_t first, uint32_t end)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t worker = first; worker < end; worker++) {
        least = counts[worker] < least ? counts[worker] : least;
        most = counts[worker] > most ? counts[worker] : most;
    }
    assert_true(most - least <= 1);
}

/* Even spread of each component, isolation, and in all when `total` is asked for. */
static void places_check(uint32_t workers, bool total)
{
    uint32_t isolated = made_isolated();
    uint32_t all[PLAN_WORKERS_MAX] = {0};
    for (uint16_t i = 0; i < made.plan.components_count; i++) {
        const struct plan_component *component = &made.components[i];
        uint32_t counts[PLAN_WORKERS_MAX] = {0};
        for (uint32_t k = 0; k < component->parallelism; k++) {
            uint16_t worker = place_of(i, k);
            assert_true(worker < workers);
            assert_int_equal(component->isolate, worker < isolated);
            counts[worker]++;
            all[worker]++;
        }
        if (!component->isolate) {
            spread_check(counts, isolated, workers);
        }
    }
    for (uint32_t worker = 0; worker < isolated; worker++) {
        assert_int_equal(all[worker], 1);
    }
    if (total && isolated < workers) {
        spread_check(all, isolated, workers);
    }
}

static void made_random(struct rng *rng)
{
    made_clear();
    uint32_t components = 1 + rng_below(rng, 12);
    for (uint32_t i = 0; i < components; i++) {
        int source = i == 0 ? -1 : (int)rng_below(rng, i);
        uint32_t parallelism = 1 + rng_below(rng, rng_below(rng, 2) ? 4 : 40);
        bool isolate = rng_below(rng, 10) == 0;
        made_add(isolate ? 1 + rng_below(rng, 2) : parallelism, source, isolate);
    }
}

static uint64_t seed_rng(struct rng *rng)
{
    assert_int_equal(rng_seed_os(rng), GALE_OK);
    uint64_t seed = rng_next(rng);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(rng, seed);
    return seed;
}

static void schedule_random_plans_are_spread_evenly(void **state)
{
    (void)state;
    struct rng rng;
    seed_rng(&rng);
    for (int round = 0; round < ROUNDS_COUNT; round++) {
        made_random(&rng);
        uint32_t workers = made_isolated() + 1 + rng_below(&rng, 20);
        assert_int_equal(schedule_even(&made.plan, workers, NULL, made.places), GALE_OK);
        assert_int_equal(made.places[0], 0);
        places_check(workers, true);
        memcpy(made.before, made.places, sizeof made.before);
        assert_int_equal(schedule_even(&made.plan, workers, NULL, made.places), GALE_OK);
        assert_memory_equal(made.before, made.places, sizeof made.before);
    }
}

static void schedule_same_workers_again_moves_nothing(void **state)
{
    (void)state;
    struct rng rng;
    seed_rng(&rng);
    for (int round = 0; round < ROUNDS_COUNT; round++) {
        made_random(&rng);
        uint32_t workers = made_isolated() + 1 + rng_below(&rng, 20);
        assert_int_equal(schedule_even(&made.plan, workers, NULL, made.before), GALE_OK);
        assert_int_equal(schedule_even(&made.plan, workers, made.before, made.places), GALE_OK);
        assert_memory_equal(made.before, made.places,
                            (made.plan.tasks_count + 1) * sizeof *made.places);
    }
}

/* With k workers more or fewer, a component keeps on each worker all tasks up to its new share. */
static void schedule_other_workers_moves_only_what_is_over(void **state)
{
    (void)state;
    struct rng rng;
    seed_rng(&rng);
    for (int round = 0; round < ROUNDS_COUNT; round++) {
        made_random(&rng);
        uint32_t isolated = made_isolated();
        uint32_t from = isolated + 1 + rng_below(&rng, 20);
        uint32_t to = isolated + 1 + rng_below(&rng, 20);
        assert_int_equal(schedule_even(&made.plan, from, NULL, made.before), GALE_OK);
        assert_int_equal(schedule_even(&made.plan, to, made.before, made.places), GALE_OK);
        places_check(to, false);
        for (uint16_t i = 0; i < made.plan.components_count; i++) {
            const struct plan_component *component = &made.components[i];
            uint32_t had[PLAN_WORKERS_MAX] = {0}, kept[PLAN_WORKERS_MAX] = {0};
            for (uint32_t k = 0; k < component->parallelism; k++) {
                uint32_t task = component->first_task + k;
                had[made.before[task]]++;
                kept[made.before[task]] += made.places[task] == made.before[task];
            }
            for (uint32_t worker = 0; worker < to; worker++) {
                uint32_t floor =
                    component->isolate ? 1 : component->parallelism / (to - isolated);
                uint32_t due = had[worker] < floor ? had[worker] : floor;
                assert_true(kept[worker] >= due);
            }
        }
    }
}

static void schedule_hostile_previous_is_no_harm(void **state)
{
    (void)state;
    struct rng rng;
    seed_rng(&rng);
    for (int round = 0; round < ROUNDS_COUNT; round++) {
        made_random(&rng);
        uint32_t workers = made_isolated() + 1 + rng_below(&rng, 20);
        for (uint32_t task = 0; task <= made.plan.tasks_count; task++) {
            made.before[task] =
                (uint16_t)(rng_below(&rng, 8) ? rng_below(&rng, 30) : rng_below(&rng, 65536));
        }
        assert_int_equal(schedule_even(&made.plan, workers, made.before, made.places), GALE_OK);
        places_check(workers, false);
    }
}

static void schedule_single_tasks_are_cut_once(void **state)
{
    (void)state;
    made_clear();
    made_add(1, -1, false);
    made_add(1, 0, false);
    made_add(1, 1, false);
    assert_int_equal(schedule_even(&made.plan, 2, NULL, made.places), GALE_OK);
    assert_int_equal(place_of(0, 0), 0);
    assert_int_equal(place_of(1, 0), 0);
    assert_int_equal(place_of(2, 0), 1);
}

static void schedule_single_tasks_on_one_worker_move_when_a_second_comes(void **state)
{
    (void)state;
    made_clear();
    for (int i = 0; i < 4; i++) {
        made_add(1, i - 1, false);
    }
    assert_int_equal(schedule_even(&made.plan, 1, NULL, made.before), GALE_OK);
    assert_int_equal(schedule_even(&made.plan, 2, made.before, made.places), GALE_OK);
    places_check(2, true);
}

static void schedule_long_chain_has_no_more_cuts_than_workers(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 10; workers++) {
        made_clear();
        for (int i = 0; i < 10; i++) {
            made_add(1, i - 1, false);
        }
        assert_int_equal(schedule_even(&made.plan, workers, NULL, made.places), GALE_OK);
        uint32_t cuts = 0;
        for (uint16_t i = 1; i < 10; i++) {
            cuts += place_of(i, 0) != place_of((uint16_t)(i - 1), 0);
        }
        assert_int_equal(cuts, workers - 1);
        places_check(workers, true);
    }
}

static void schedule_equal_parallelism_meets_by_index(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 4; workers++) {
        made_clear();
        for (int i = 0; i < 4; i++) {
            made_add(12, i - 1, false);
        }
        assert_int_equal(schedule_even(&made.plan, workers, NULL, made.places), GALE_OK);
        for (uint16_t i = 1; i < 4; i++) {
            for (uint32_t k = 0; k < 12; k++) {
                assert_int_equal(place_of(i, k), place_of(0, k));
            }
        }
        memcpy(made.before, made.places, sizeof made.before);
        assert_int_equal(schedule_even(&made.plan, 6, made.before, made.places), GALE_OK);
        for (uint32_t k = 0; k < 12; k++) {
            assert_int_equal(place_of(3, k), place_of(0, k));
        }
    }
}

static void schedule_impossible_worker_counts_are_refused(void **state)
{
    (void)state;
    made_clear();
    made_add(2, -1, true);
    made_add(1, 0, false);
    assert_int_equal(schedule_even(&made.plan, 0, NULL, made.places), GALE_ERR_LIMIT);
    assert_int_equal(schedule_even(&made.plan, 257, NULL, made.places), GALE_ERR_LIMIT);
    assert_int_equal(schedule_even(&made.plan, 1, NULL, made.places), GALE_ERR_LIMIT);
    assert_int_equal(schedule_even(&made.plan, 2, NULL, made.places), GALE_ERR_LIMIT);
    assert_int_equal(schedule_even(&made.plan, 3, NULL, made.places), GALE_OK);
    places_check(3, true);
    made_clear();
    made_add(2, -1, true);
    assert_int_equal(schedule_even(&made.plan, 2, NULL, made.places), GALE_OK);
    places_check(2, true);
}

static void schedule_largest_plan_is_fast(void **state)
{
    (void)state;
    made_clear();
    for (int i = 0; i < 1023; i++) {
        made_add(16, i - 1, false);
    }
    made_add(15, 1022, false);
    assert_int_equal(made.plan.tasks_count, PLAN_TASKS_MAX);
    int64_t start_ns = clock_now_ns();
    assert_int_equal(schedule_even(&made.plan, 256, NULL, made.before), GALE_OK);
    assert_int_equal(schedule_even(&made.plan, 255, made.before, made.places), GALE_OK);
    int64_t took_ns = clock_now_ns() - start_ns;
    print_message("16383 tasks, twice: %lld us\n", (long long)(took_ns / 1000));
    places_check(255, false);
    /* A sanitized build on a busy machine is several times slower than the 50 ms promised. */
    assert_true(took_ns < INT64_C(1000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_random_plans_are_spread_evenly),
        cmocka_unit_test(schedule_same_workers_again_moves_nothing),
        cmocka_unit_test(schedule_other_workers_moves_only_what_is_over),
        cmocka_unit_test(schedule_hostile_previous_is_no_harm),
        cmocka_unit_test(schedule_single_tasks_are_cut_once),
        cmocka_unit_test(schedule_single_tasks_on_one_worker_move_when_a_second_comes),
        cmocka_unit_test(schedule_long_chain_has_no_more_cuts_than_workers),
        cmocka_unit_test(schedule_equal_parallelism_meets_by_index),
        cmocka_unit_test(schedule_impossible_worker_counts_are_refused),
        cmocka_unit_test(schedule_largest_plan_is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's events: a pure function of stream and number, spread as the original's. */
#include "ysb/model/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS 300000u

static const struct ysb_stream plain = {.seed = 7, .start_ms = YSB_START_MS, .step_ns = 10000};

static bool same(const struct ysb_event *a, const struct ysb_event *b)
{
    return a->user == b->user && a->page == b->page && a->ad == b->ad &&
           a->ad_type == b->ad_type && a->event_type == b->event_type &&
           a->time_ms == b->time_ms;
}

static void event_in_any_order_is_the_same(void **state)
{
    (void)state;
    struct ysb_stream stream = plain;
    stream.skew = true;
    for (uint64_t number = 1000; number-- > 0;) {
        struct ysb_event down = ysb_event_at(&stream, number);
        struct ysb_event other = ysb_event_at(&stream, number * 7919);
        struct ysb_event again = ysb_event_at(&stream, number);
        struct ysb_event core;
        (void)ysb_event_core(&stream, number, &core);
        core.user = down.user;
        core.page = down.page;
        assert_true(same(&down, &again));
        assert_true(same(&down, &core));
        assert_true(number == 0 || !same(&down, &other));
    }
}

static void event_of_another_seed_differs(void **state)
{
    (void)state;
    struct ysb_stream other = plain;
    other.seed = 8;
    unsigned equal = 0;
    for (uint64_t number = 0; number < 1000; number++) {
        struct ysb_event a = ysb_event_at(&plain, number);
        struct ysb_event b = ysb_event_at(&other, number);
        equal += a.ad == b.ad;
        assert_int_equal(a.time_ms, b.time_ms);
    }
    assert_true(equal < 20); /* Expected: 1. */
}

/* Every value of `counts` lies within a quarter of the mean: far beyond chance for these numbers. */
static void is_even(const unsigned *counts, size_t count, unsigned total)
{
    for (size_t i = 0; i < count; i++) {
        double share = (double)counts[i] * (double)count / total;
        if (share < 0.75 || share > 1.25) {
            fail_msg("value %zu of %zu came %u times in %u", i, count, counts[i], total);
        }
    }
}

static void events_spread_evenly(void **state)
{
    (void)state;
    static unsigned users[YSB_USERS], pages[YSB_PAGES], ads[YSB_ADS];
    unsigned types[YSB_EVENT_TYPES] = {0};
    unsigned ad_types[YSB_AD_TYPES] = {0};
    for (uint64_t number = 0; number < EVENTS; number++) {
        struct ysb_event event = ysb_event_at(&plain, number);
        users[event.user]++;
        pages[event.page]++;
        ads[event.ad]++;
        types[event.event_type]++;
        ad_types[event.ad_type]++;
        assert_int_equal(event.time_ms, YSB_START_MS + (int64_t)(number / 100));
    }
    is_even(users, YSB_USERS, EVENTS);
    is_even(pages, YSB_PAGES, EVENTS);
    is_even(types, YSB_EVENT_TYPES, EVENTS);
    is_even(ad_types, YSB_AD_TYPES, EVENTS);
    is_even(ads, YSB_ADS, EVENTS);
    for (size_t i = 0; i < YSB_EVENT_TYPES; i++) {
        assert_in_range(types[i], EVENTS / 3 - EVENTS / 100, EVENTS / 3 + EVENTS / 100);
    }
}

static void skew_jitters_all_and_delays_few(void **state)
{
    (void)state;
    struct ysb_stream skewed = plain;
    skewed.skew = true;
    unsigned late = 0;
    unsigned early = 0;
    int64_t latest = 0;
    const uint64_t events = 4000000; /* 40 late ones expected. */
    for (uint64_t number = 0; number < events; number++) {
        struct ysb_event event;
        (void)ysb_event_core(&skewed, number, &event);
        int64_t shift = event.time_ms - ysb_time_ms(&skewed, number);
        assert_true(shift <= YSB_SKEW_MS && shift >= -YSB_SKEW_MS - YSB_LATE_MS_MAX);
        late += shift < -YSB_SKEW_MS;
        early += shift > 0;
        latest = shift < latest ? shift : latest;
    }
    assert_in_range(late, 10, 100);
    assert_in_range(early, events * 48 / 100, events * 52 / 100);
    assert_true(latest < -20000);
}

static void time_of_large_numbers_does_not_overflow(void **state)
{
    (void)state;
    struct ysb_stream stream = {.start_ms = 5, .step_ns = 10000000};
    assert_int_equal(ysb_time_ms(&stream, UINT64_C(1000000000000)), 5 + 10000000000000);
    stream.step_ns = 333;
    assert_int_equal(ysb_time_ms(&stream, 3003003), 5 + 999); /* 999,999,999 ns */
    assert_int_equal(ysb_time_ms(&stream, 3003004), 5 + 1000);
}

static void ids_are_distinct_uuids(void **state)
{
    (void)state;
    struct ysb_ids *ids = malloc(sizeof(*ids));
    struct ysb_ids *other = malloc(sizeof(*other));
    assert_non_null(ids);
    assert_non_null(other);
    ysb_ids_init(ids, 3);
    ysb_ids_init(other, 4);
    /* The struct is nothing but ids, one after the other. */
    const char *all = (const char *)ids;
    size_t count = sizeof(*ids) / YSB_ID_SIZE;
    for (size_t i = 0; i < count; i++) {
        const char *id = all + i * YSB_ID_SIZE;
        for (size_t j = 0; j < YSB_ID_SIZE; j++) {
            bool dash = j == 8 || j == 13 || j == 18 || j == 23;
            assert_true(dash ? id[j] == '-' : strchr("0123456789abcdef", id[j]) != NULL);
        }
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
        assert_memory_not_equal(id, (const char *)other + i * YSB_ID_SIZE, YSB_ID_SIZE);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(id, all + j * YSB_ID_SIZE, YSB_ID_SIZE);
        }
    }
    ysb_ids_init(other, 3);
    assert_memory_equal(ids, other, sizeof(*ids));
    free(ids);
    free(other);
}

static void text_is_that_of_the_original(void **state)
{
    (void)state;
    struct ysb_ids *ids = malloc(sizeof(*ids));
    assert_non_null(ids);
    ysb_ids_init(ids, 1);
    struct ysb_event event = {.user = 1,
                              .page = 2,
                              .ad = 999,
                              .ad_type = 2,
                              .event_type = 2,
                              .time_ms = 1700000000123};
    char text[YSB_TEXT_SIZE_MAX];
    char expected[YSB_TEXT_SIZE_MAX];
    int size =
        snprintf(expected, sizeof(expected),
                 "{\"user_id\": \"%.36s\", \"page_id\": \"%.36s\", \"ad_id\": \"%.36s\", "
                 "\"ad_type\": \"sponsored-search\", \"event_type\": \"purchase\", "
                 "\"event_time\": \"1700000000123\", \"ip_address\": \"1.2.3.4\"}",
                 ids->users[1], ids->pages[2], ids->ads[999]);
    assert_int_equal(ysb_event_text(ids, &event, text), size);
    assert_memory_equal(text, expected, (size_t)size);
    event.time_ms = INT64_MIN; /* The longest of all. */
    assert_true(ysb_event_text(ids, &event, text) <= YSB_TEXT_SIZE_MAX);
    free(ids);
}

static void share_of_all_tasks_is_the_count(void **state)
{
    (void)state;
    for (uint64_t tasks = 1; tasks <= 7; tasks++) {
        for (uint64_t count = 0; count < 30; count++) {
            uint64_t sum = 0;
            for (uint64_t task = 0; task < tasks; task++) {
                uint64_t share = ysb_share(count, task, tasks);
                /* The last number of the share is below count, the next is not. */
                assert_true(share == 0 || (share - 1) * tasks + task < count);
                assert_true(share * tasks + task >= count);
                sum += share;
            }
            assert_int_equal(sum, count);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_in_any_order_is_the_same),
        cmocka_unit_test(event_of_another_seed_differs),
        cmocka_unit_test(events_spread_evenly),
        cmocka_unit_test(skew_jitters_all_and_delays_few),
        cmocka_unit_test(time_of_large_numbers_does_not_overflow),
        cmocka_unit_test(ids_are_distinct_uuids),
        cmocka_unit_test(text_is_that_of_the_original),
        cmocka_unit_test(share_of_all_tasks_is_the_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Nexmark's generator: a pure function of seed and number, with the shares, hot ones, ranges, sizes and
 * order that the benchmark's rules name. */
#include "nexmark/model/checksum.h"
#include "nexmark/model/event.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS 100000
/* Ten standard deviations of a share among all bids, so that a right generator never fails. */
#define SLACK(share) (10 * sqrt((share) * (1 - (share)) / (EVENTS * 0.92)))

static struct nexmark_generator *make_timed(int64_t base_time_ms, uint64_t interval_ns)
{
    struct nexmark_config config = {1, base_time_ms, interval_ns, 1};
    struct nexmark_generator *generator = nexmark_generator_new(&config);
    assert_non_null(generator);
    return generator;
}

static struct nexmark_generator *make(uint64_t seed, uint64_t group)
{
    struct nexmark_config config = {seed, NEXMARK_BASE_TIME_MS, 100000, group};
    struct nexmark_generator *generator = nexmark_generator_new(&config);
    assert_non_null(generator);
    return generator;
}

static void assert_share(uint64_t part, uint64_t whole, double share)
{
    double found = (double)part / (double)whole;
    if (fabs(found - share) > SLACK(share)) {
        fail_msg("share %.4f, expected %.4f ± %.4f", found, share, SLACK(share));
    }
}

static uint64_t hash_text(struct nexmark_text text)
{
    return checksum_row((const uint8_t *)text.data, text.size);
}

static uint64_t hash_numbers(const int64_t *numbers, size_t count)
{
    uint8_t bytes[64];
    memcpy(bytes, numbers, count * sizeof(*numbers));
    return checksum_row(bytes, count * sizeof(*numbers));
}

/* One number for everything in an event. */
static uint64_t hash_event(const struct nexmark_generator *generator, uint64_t event)
{
    if (nexmark_kind_of(event) == NEXMARK_PERSON) {
        struct nexmark_person person;
        nexmark_person(generator, event, &person);
        int64_t numbers[] = {person.id, person.date_time_ms};
        return hash_numbers(numbers, 2) + hash_text(person.name) + 3 * hash_text(person.email) +
               5 * hash_text(person.credit_card) + 7 * hash_text(person.city) +
               9 * hash_text(person.state) + 11 * hash_text(person.extra);
    }
    if (nexmark_kind_of(event) == NEXMARK_AUCTION) {
        struct nexmark_auction auction;
        nexmark_auction(generator, event, &auction);
        int64_t numbers[] = {auction.id,           auction.initial_bid, auction.reserve,
                             auction.date_time_ms, auction.expires_ms,  auction.seller,
                             auction.category};
        return hash_numbers(numbers, 7) + hash_text(auction.item_name) +
               3 * hash_text(auction.description) + 5 * hash_text(auction.extra);
    }
    struct nexmark_bid bid;
    nexmark_bid(generator, event, &bid);
    int64_t numbers[] = {bid.auction, bid.bidder, bid.price, bid.date_time_ms};
    return hash_numbers(numbers, 4) + hash_text(bid.channel) + 3 * hash_text(bid.url) +
           5 * hash_text(bid.extra);
}

static void event_same_seed_is_the_same_in_any_order(void **state)
{
    (void)state;
    static uint64_t forwards[5000];
    struct nexmark_generator *first = make(42, 1);
    struct nexmark_generator *second = make(42, 1);
    for (uint64_t event = 0; event < 5000; event++) {
        forwards[event] = hash_event(first, event);
    }
    for (uint64_t event = 5000; event-- > 0;) {
        assert_int_equal(hash_event(second, event), forwards[event]);
    }
    nexmark_generator_free(first);
    nexmark_generator_free(second);
}

static void event_other_seed_is_another(void **state)
{
    (void)state;
    struct nexmark_generator *first = make(1, 1);
    struct nexmark_generator *second = make(2, 1);
    unsigned equal = 0;
    for (uint64_t event = 0; event < 5000; event++) {
        equal += hash_event(first, event) == hash_event(second, event);
    }
    assert_int_equal(equal, 0);
    nexmark_generator_free(first);
    nexmark_generator_free(second);
}

/* The known sum: whoever changes the generator changes every result that was kept. */
static void event_sum_of_all_is_the_known_one(void **state)
{
    (void)state;
    struct nexmark_generator *generator = make(1, 1);
    uint64_t sum = 0;
    for (uint64_t event = 0; event < 10000; event++) {
        sum += hash_event(generator, event);
    }
    assert_int_equal(sum, UINT64_C(0x199c78cb42154902));
    nexmark_generator_free(generator);
}

static void kinds_have_shares_1_3_46(void **state)
{
    (void)state;
    for (uint64_t epoch = 0; epoch < 100; epoch++) {
        unsigned counts[NEXMARK_KINDS] = {0};
        for (uint64_t offset = 0; offset < NEXMARK_EPOCH; offset++) {
            enum nexmark_kind kind = nexmark_kind_of(epoch * NEXMARK_EPOCH + offset);
            counts[kind]++;
            assert_true(kind == (offset == 0   ? NEXMARK_PERSON
                                 : offset <= 3 ? NEXMARK_AUCTION
                                               : NEXMARK_BID));
        }
        assert_int_equal(counts[NEXMARK_PERSON], 1);
        assert_int_equal(counts[NEXMARK_AUCTION], 3);
        assert_int_equal(counts[NEXMARK_BID], 46);
    }
}

static void ids_of_persons_and_auctions_count_from_1000(void **state)
{
    (void)state;
    struct nexmark_generator *generator = make(1, 1);
    struct nexmark_person person;
    struct nexmark_auction auction;
    int64_t persons = 0;
    int64_t auctions = 0;
    for (uint64_t event = 0; event < EVENTS; event++) {
        switch (nexmark_kind_of(event)) {
        case NEXMARK_PERSON:
            nexmark_person(generator, event, &person);
            assert_int_equal(person.id, NEXMARK_FIRST_ID + persons++);
            break;
        case NEXMARK_AUCTION:
            nexmark_auction(generator, event, &auction);
            assert_int_equal(auction.id, NEXMARK_FIRST_ID + auctions++);
            break;
        case NEXMARK_BID: break;
        }
    }
    nexmark_generator_free(generator);
}

/* Ids from 0 of the person and the auction that were made last. */
static int64_t last_person(uint64_t event)
{
    return (int64_t)(event / NEXMARK_EPOCH);
}

static int64_t last_auction(uint64_t event)
{
    return (int64_t)(event / NEXMARK_EPOCH) * 3 + 2; /* Of a bid. */
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void bids_name_hot_and_recent_ones(void **state)
{
    (void)state;
    struct nexmark_generator *generator = make(1, 1);
    struct nexmark_bid bid;
    uint64_t bids = 0;
    uint64_t hot_auctions = 0;
    uint64_t hot_bidders = 0;
    /* Behind the first ids, so that a uniform choice seldom meets the hot one by chance. */
    for (uint64_t event = EVENTS; event < 2 * EVENTS; event++) {
        if (nexmark_kind_of(event) != NEXMARK_BID) {
            continue;
        }
        nexmark_bid(generator, event, &bid);
        int64_t auction = bid.auction - NEXMARK_FIRST_ID;
        int64_t bidder = bid.bidder - NEXMARK_FIRST_ID;
        int64_t hot_auction = last_auction(event) / 100 * 100;
        int64_t hot_bidder = last_person(event) / 100 * 100 + 1;
        bids++;
        hot_auctions += auction == hot_auction;
        hot_bidders += bidder == hot_bidder;
        if (auction != hot_auction) {
            assert_in_range(auction, larger(last_auction(event) - 100, 0),
                            last_auction(event) + 10);
        }
        if (bidder != hot_bidder) {
            assert_in_range(bidder, larger(last_person(event) - 999, 0),
                            last_person(event) + 10);
        }
    }
    assert_share(hot_auctions, bids, 0.5 + 0.5 / 111);
    assert_share(hot_bidders, bids, 0.75 + 0.25 / 1010);
    nexmark_generator_free(generator);
}

static void first_bids_name_auctions_and_people_from_1000(void **state)
{
    (void)state;
    struct nexmark_bid bid;
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct nexmark_generator *generator = make(seed, 1);
        for (uint64_t event = 4; event < NEXMARK_EPOCH; event++) {
            nexmark_bid(generator, event, &bid);
            assert_in_range(bid.auction, 1000, 1012);
            assert_in_range(bid.bidder, 1000, 1010);
        }
        nexmark_generator_free(generator);
    }
}

static void prices_are_log_uniform(void **state)
{
    (void)state;
    struct nexmark_generator *generator = make(1, 1);
    struct nexmark_bid bid;
    uint64_t decades[7] = {0};
    uint64_t bids = 0;
    for (uint64_t event = 0; event < EVENTS; event++) {
        if (nexmark_kind_of(event) != NEXMARK_BID) {
            continue;
        }
        nexmark_bid(generator, event, &bid);
        assert_in_range(bid.price, 100, NEXMARK_PRICE_MAX);
        decades[(int)log10((double)bid.price / 100)]++;
        bids++;
    }
    for (unsigned i = 0; i < 6; i++) {
        assert_share(decades[i], bids, 1.0 / 6);
    }
    nexmark_generator_free(generator);
}

static bool text_is(struct nexmark_text text, const char *expected)
{
    return text.size == strlen(expected) && memcmp(text.data, expected, text.size) == 0;
}

static void channels_are_half_hot_and_nine_tenths_have_an_id(void **state)
{
    (void)state;
    struct nexmark_generator *generator = make(1, 1);
    struct nexmark_bid bid;
    static uint8_t has_id[NEXMARK_CHANNELS]; /* 1: no, 2: yes. */
    uint64_t bids = 0;
    uint64_t hot = 0;
    for (uint64_t event = 0; event < EVENTS; event++) {
        if (nexmark_kind_of(event) != NEXMARK_BID) {
            continue;
        }
        char url[128] = "";
        char name[16] = "";
        nexmark_bid(generator, event, &bid);
        memcpy(url, bid.url.data, bid.url.size);
        memcpy(name, bid.channel.data, bid.channel.size);
        const char *id = strstr(url, "&channel_id=");
        bids++;
        assert_memory_equal(url, "https://www.nexmark.com/", 24);
        assert_non_null(strstr(url, "/item.htm?query=1"));
        if (text_is(bid.channel, "Google") || text_is(bid.channel, "Facebook") ||
            text_is(bid.channel, "Baidu") || text_is(bid.channel, "Apple")) {
            hot++;
            assert_null(id);
            continue;
        }
        unsigned number = 0;
        assert_int_equal(sscanf(name, "channel-%u", &number), 1);
        assert_in_range(number, 0, NEXMARK_CHANNELS - 1);
        uint8_t now = id != NULL ? 2 : 1;
        assert_true(has_id[number] == 0 || has_id[number] == now);
        has_id[number] = now;
    }
    assert_share(hot, bids, 0.5);
    unsigned seen = 0;
    unsigned with_id = 0;
    for (unsigned i = 0; i < NEXMARK_CHANNELS; i++) {
        seen += has_id[i] != 0;
        with_id += has_id[i] == 2;
    }
    assert_in_range(seen, 9500, NEXMARK_CHANNELS);
    assert_in_range(with_id * 100 / seen, 88, 92);
    nexmark_generator_free(generator);
}

static void assert_letters(struct nexmark_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        assert_in_range(text.data[i], 'a', 'z');
    }
}

static void sizes_are_200_500_100_on_average(void **state)
{
    (void)state;
    struct nexmark_generator *generator = make(1, 1);
    struct nexmark_person person;
    struct nexmark_auction auction;
    struct nexmark_bid bid;
    double sums[NEXMARK_KINDS] = {0};
    double counts[NEXMARK_KINDS] = {0};
    for (uint64_t event = 0; event < EVENTS; event++) {
        enum nexmark_kind kind = nexmark_kind_of(event);
        size_t size = 0;
        counts[kind]++;
        if (kind == NEXMARK_PERSON) {
            nexmark_person(generator, event, &person);
            size = 8 + person.name.size + person.email.size + person.credit_card.size +
                   person.city.size + person.state.size + person.extra.size;
            assert_in_range(size, 160, 240);
            assert_letters(person.extra);
        } else if (kind == NEXMARK_AUCTION) {
            nexmark_auction(generator, event, &auction);
            size = 48 + auction.item_name.size + auction.description.size + auction.extra.size;
            assert_in_range(size, 400, 600);
            assert_letters(auction.extra);
        } else {
            nexmark_bid(generator, event, &bid);
            size = 32 + bid.extra.size;
            assert_in_range(size, 80, 120);
            assert_letters(bid.extra);
        }
        sums[kind] += (double)size;
    }
    assert_true(fabs(sums[NEXMARK_PERSON] / counts[NEXMARK_PERSON] - 200) < 4);
    assert_true(fabs(sums[NEXMARK_AUCTION] / counts[NEXMARK_AUCTION] - 500) < 10);
    assert_true(fabs(sums[NEXMARK_BID] / counts[NEXMARK_BID] - 100) < 2);
    nexmark_generator_free(generator);
}

static void letters_are_nearly_uniform(void **state)
{
    (void)state;
    struct nexmark_generator *generator = make(1, 1);
    struct nexmark_bid bid;
    double counts[26] = {0};
    double all = 0;
    for (uint64_t event = 4; event < EVENTS; event += NEXMARK_EPOCH) {
        nexmark_bid(generator, event, &bid);
        for (size_t i = 0; i < bid.extra.size; i++) {
            counts[bid.extra.data[i] - 'a']++;
            all++;
        }
    }
    for (unsigned i = 0; i < 26; i++) {
        assert_true(counts[i] / all > 9.0 / 256 - 0.004 &&
                    counts[i] / all < 10.0 / 256 + 0.004);
    }
    nexmark_generator_free(generator);
}

static void auctions_have_hot_sellers_and_end_in_time(void **state)
{
    (void)state;
    struct nexmark_generator *generator = make(1, 1);
    struct nexmark_auction auction;
    uint64_t auctions = 0;
    uint64_t hot = 0;
    double lengths = 0;
    for (uint64_t event = 10 * EVENTS; event < 40 * EVENTS; event++) {
        if (nexmark_kind_of(event) != NEXMARK_AUCTION) {
            continue;
        }
        nexmark_auction(generator, event, &auction);
        int64_t seller = auction.seller - NEXMARK_FIRST_ID;
        bool is_hot = seller == last_person(event) / 100 * 100;
        auctions++;
        hot += is_hot;
        if (!is_hot) {
            assert_in_range(seller, last_person(event) - 999, last_person(event) + 10);
        }
        assert_in_range(auction.category, 10, 14);
        assert_in_range(auction.initial_bid, 100, NEXMARK_PRICE_MAX);
        assert_in_range(auction.reserve, auction.initial_bid + 100, 2 * NEXMARK_PRICE_MAX);
        /* 1666 events take 166 or 167 ms. */
        int64_t length = auction.expires_ms - auction.date_time_ms;
        assert_in_range(length, 1, 2 * 167);
        lengths += (double)length;
    }
    assert_share(hot, auctions, 0.75 + 0.25 / 1010);
    assert_true(fabs(lengths / (double)auctions - 167) < 3);
    nexmark_generator_free(generator);
}

static void times_advance_by_the_interval(void **state)
{
    (void)state;
    struct nexmark_bid bid;
    struct nexmark_generator *slow = make_timed(1000, 2500000);
    for (uint64_t event = 4; event < NEXMARK_EPOCH; event++) {
        nexmark_bid(slow, event, &bid);
        assert_int_equal(bid.date_time_ms, 1000 + (int64_t)(event * 5 / 2));
    }
    nexmark_generator_free(slow);
    /* Far out, where a product would overflow. */
    struct nexmark_generator *far = make_timed(0, NEXMARK_INTERVAL_NS_MAX);
    nexmark_bid(far, UINT64_C(1000000000049), &bid);
    assert_int_equal(bid.date_time_ms, INT64_C(1000000000049) * 3600000);
    nexmark_generator_free(far);
    assert_int_equal(nexmark_interval_ns(10000), 100000);
    assert_int_equal(nexmark_interval_ns(0.2), UINT64_C(5000000000));
    assert_int_equal(nexmark_interval_ns(1e12), 1);
}

static void split_covers_every_event_once(void **state)
{
    (void)state;
    static uint8_t seen[20000];
    static const uint64_t counts[] = {1, 49, 50, 51, 149, 1000, 19999};
    for (uint64_t parallelism = 1; parallelism <= 5; parallelism++) {
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            struct nexmark_generator *generator = make(1, 1);
            uint64_t events = 0;
            memset(seen, 0, sizeof(seen));
            for (uint64_t index = 0; index < parallelism; index++) {
                struct nexmark_split split = {index, parallelism};
                uint64_t positions = nexmark_positions(&split, counts[i]);
                for (uint64_t position = 0; position < positions; position++) {
                    uint64_t event = nexmark_event_at(generator, &split, position);
                    assert_true(event < counts[i]);
                    assert_int_equal(seen[event], 0);
                    seen[event] = 1;
                    events++;
                }
            }
            assert_int_equal(events, counts[i]);
            nexmark_generator_free(generator);
        }
    }
}

static void disorder_permutes_within_groups(void **state)
{
    (void)state;
    static uint8_t seen[10000];
    static const uint64_t groups[] = {2, 10, 100, 1000, 954};
    struct nexmark_split split = {0, 1};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        uint64_t group = groups[i];
        uint64_t whole = 10000 / group * group;
        uint64_t moved = 0;
        struct nexmark_generator *generator = make(1, group);
        memset(seen, 0, sizeof(seen));
        for (uint64_t position = 0; position < whole; position++) {
            uint64_t event = nexmark_event_at(generator, &split, position);
            assert_int_equal(event / group, position / group);
            assert_int_equal(event % group, position * 953 % group);
            assert_int_equal(seen[event], 0);
            seen[event] = 1;
            moved += event != position;
        }
        assert_true(group == 2 ? moved == 0 : moved > whole / 2);
        nexmark_generator_free(generator);
    }
}

static void generator_invalid_settings_are_refused(void **state)
{
    (void)state;
    struct nexmark_config configs[] = {
        {1, 0, 0, 1},          {1, 0, NEXMARK_INTERVAL_NS_MAX + 1, 1},
        {1, 0, 1, 0},          {1, 0, 1, 953},
        {1, 0, 1, 1906},       {1, 0, 1, NEXMARK_GROUP_MAX + 1},
        {1, 0, 1, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
        assert_null(nexmark_generator_new(&configs[i]));
    }
    assert_false(nexmark_group_is_valid(-1));
    assert_true(nexmark_group_is_valid(1));
    assert_true(nexmark_group_is_valid(NEXMARK_GROUP_MAX));
}

static void checksum_every_bit_and_the_size_count(void **state)
{
    (void)state;
    uint8_t row[40] = {0};
    for (size_t size = 0; size <= sizeof(row); size++) {
        uint64_t plain = checksum_row(row, size);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            row[bit / 8] = (uint8_t)(1u << (bit % 8));
            assert_int_not_equal(checksum_row(row, size), plain);
            row[bit / 8] = 0;
        }
        if (size > 0) {
            assert_int_not_equal(checksum_row(row, size - 1), plain);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_same_seed_is_the_same_in_any_order),
        cmocka_unit_test(event_other_seed_is_another),
        cmocka_unit_test(event_sum_of_all_is_the_known_one),
        cmocka_unit_test(kinds_have_shares_1_3_46),
        cmocka_unit_test(ids_of_persons_and_auctions_count_from_1000),
        cmocka_unit_test(bids_name_hot_and_recent_ones),
        cmocka_unit_test(first_bids_name_auctions_and_people_from_1000),
        cmocka_unit_test(prices_are_log_uniform),
        cmocka_unit_test(channels_are_half_hot_and_nine_tenths_have_an_id),
        cmocka_unit_test(sizes_are_200_500_100_on_average),
        cmocka_unit_test(letters_are_nearly_uniform),
        cmocka_unit_test(auctions_have_hot_sellers_and_end_in_time),
        cmocka_unit_test(times_advance_by_the_interval),
        cmocka_unit_test(split_covers_every_event_once),
        cmocka_unit_test(disorder_permutes_within_groups),
        cmocka_unit_test(generator_invalid_settings_are_refused),
        cmocka_unit_test(checksum_every_bit_and_the_size_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of the Nexmark auction: event n is a pure function of (configuration, n), so that any event can
 * be made again alone, in any order, and the split among tasks changes nothing. Rules and schemas are
 * those of the Nexmark reference (README.md names the few differences). Plain C without the engine:
 * the spout, the suite's check and the dump program all use it.
 *
 * A generator is read-only once made and may be shared by threads; events are the caller's.
 */
#ifndef NEXMARK_EVENT_H
#define NEXMARK_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of every 50 events in a row one is a person, the next three are auctions, the rest bids. */
#define NEXMARK_EPOCH 50
#define NEXMARK_PERSONS_PER_EPOCH 1
#define NEXMARK_AUCTIONS_PER_EPOCH 3
#define NEXMARK_BIDS_PER_EPOCH 46

#define NEXMARK_FIRST_ID 1000 /* Of persons and of auctions. */
#define NEXMARK_FIRST_CATEGORY 10
#define NEXMARK_CATEGORIES 5
#define NEXMARK_CHANNELS 10000
#define NEXMARK_HOT_CHANNELS 4
#define NEXMARK_PRICE_MAX 100000000 /* Cents: 100 · 10^6. */

/* 2015-07-15T00:00:00Z, and ten thousand events in a second of event time. */
#define NEXMARK_BASE_TIME_MS INT64_C(1436918400000)
#define NEXMARK_EVENT_RATE 10000.0
#define NEXMARK_GROUP_MAX 1000000
#define NEXMARK_INTERVAL_NS_MAX UINT64_C(3600000000000)

enum nexmark_kind { NEXMARK_PERSON, NEXMARK_AUCTION, NEXMARK_BID };
#define NEXMARK_KINDS 3

struct nexmark_config {
    uint64_t seed;
    int64_t base_time_ms; /* Of event 0, since 1970. */
    uint64_t interval_ns; /* Event time between two events. */
    uint64_t group; /* Events are emitted out of order within groups of so many; 1: in order. */
};

/* Text of a table or of the event itself; not NUL-terminated. */
struct nexmark_text {
    const char *data;
    size_t size;
};

/* The schemas; money is in cents, times are milliseconds since 1970. Room in `bytes` is eight bytes
 * larger than needed, since letters are made eight at a time. */
#define NEXMARK_PERSON_FIELDS "id,name,email,creditCard,city,state,dateTime,extra"
struct nexmark_person {
    int64_t id;
    struct nexmark_text name, email, credit_card, city, state, extra;
    int64_t date_time_ms;
    char name_bytes[32], email_bytes[24], card_bytes[24], extra_bytes[232];
};

#define NEXMARK_AUCTION_FIELDS \
    "id,itemName,description,initialBid,reserve,dateTime,expires,seller,category,extra"
struct nexmark_auction {
    int64_t id;
    struct nexmark_text item_name, description, extra;
    int64_t initial_bid, reserve;
    int64_t date_time_ms, expires_ms;
    int64_t seller, category;
    char name_bytes[28], description_bytes[108], extra_bytes[564];
};

#define NEXMARK_BID_FIELDS "auction,bidder,price,channel,url,dateTime,extra"
struct nexmark_bid {
    int64_t auction, bidder, price;
    struct nexmark_text channel, url, extra;
    int64_t date_time_ms;
    char extra_bytes[96];
};

struct nexmark_generator;

/** Makes a generator. @return NULL without memory or when interval_ns is 0 or above
 *  NEXMARK_INTERVAL_NS_MAX or group is one that nexmark_group_is_valid refuses. */
struct nexmark_generator *nexmark_generator_new(const struct nexmark_config *config);
void nexmark_generator_free(struct nexmark_generator *generator);

/** Groups of 1 to NEXMARK_GROUP_MAX events that 953 does not divide can be permuted. */
bool nexmark_group_is_valid(int64_t group);
/** Interval of a rate in events per second, at least 1 ns. */
uint64_t nexmark_interval_ns(double event_rate);

static inline enum nexmark_kind nexmark_kind_of(uint64_t event)
{
    uint64_t offset = event % NEXMARK_EPOCH;
    if (offset >= NEXMARK_PERSONS_PER_EPOCH + NEXMARK_AUCTIONS_PER_EPOCH) {
        return NEXMARK_BID;
    }
    return offset < NEXMARK_PERSONS_PER_EPOCH ? NEXMARK_PERSON : NEXMARK_AUCTION;
}

/** @param event must be of the kind. @param out its texts point into it and the generator. */
void nexmark_person(const struct nexmark_generator *generator, uint64_t event,
                    struct nexmark_person *out);
void nexmark_auction(const struct nexmark_generator *generator, uint64_t event,
                     struct nexmark_auction *out);
void nexmark_bid(const struct nexmark_generator *generator, uint64_t event,
                 struct nexmark_bid *out);

/* One of several tasks that share the events: whole epochs in turn, so that each has all kinds and
 * event time advances alike in all of them. */
struct nexmark_split {
    uint64_t index, parallelism;
};
/** Which event a task emits at a position: a bijection of (task, position) and events. */
uint64_t nexmark_event_at(const struct nexmark_generator *generator,
                          const struct nexmark_split *split, uint64_t position);
/** Positions of a task when all tasks together make `count` events. */
uint64_t nexmark_positions(const struct nexmark_split *split, uint64_t count);

#endif

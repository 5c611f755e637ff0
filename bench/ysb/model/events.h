/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of the Yahoo streaming benchmark as a pure function of (stream, event number): any
 * task, any run and the checker compute the same event without having seen those before it. Ids
 * are uuid-like texts that follow from the seed. libc only, no state, any thread; what is sent
 * over a stream is no concern of this file.
 */
#ifndef YSB_EVENTS_H
#define YSB_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    YSB_CAMPAIGNS = 100,
    YSB_ADS_PER_CAMPAIGN = 10,
    YSB_ADS = YSB_CAMPAIGNS * YSB_ADS_PER_CAMPAIGN,
    YSB_USERS = 100,
    YSB_PAGES = 100,
    YSB_AD_TYPES = 5,
    YSB_EVENT_TYPES = 3,
    YSB_ID_SIZE = 36,
    YSB_TEXT_SIZE_MAX = 384, /* Of one event as JSON. */
    YSB_WINDOW_MS = 10000,
    YSB_SKEW_MS = 50,
    YSB_LATE_ONE_IN = 100000,
    YSB_LATE_MS_MAX = 60000,
};

/** Event type that the pipeline keeps, by number and by name; the others are 1 and 2. */
#define YSB_VIEW 0u
#define YSB_VIEW_TEXT "view"
/** Address of every event, as in the original. */
#define YSB_IP "1.2.3.4"
/** Event time of event 0 where no real time is wanted: 2023-11-14T22:13:20Z. */
#define YSB_START_MS INT64_C(1700000000000)

/** A word with its size, so that nobody counts its characters for each event. */
struct ysb_word {
    const char *text;
    size_t size;
};

extern const struct ysb_word ysb_ad_types[YSB_AD_TYPES];
extern const struct ysb_word ysb_event_types[YSB_EVENT_TYPES];

/** Which events these are. */
struct ysb_stream {
    uint64_t seed;
    int64_t start_ms; /* Event time of event 0, milliseconds since 1970. */
    uint64_t step_ns; /* Event time from one event to the next. */
    bool skew;        /* ±50 ms of jitter, and one event in 100,000 up to 60 s late. */
};

/** One event; user, page and ad are indexes into struct ysb_ids. */
struct ysb_event {
    uint32_t user, page, ad;
    uint32_t ad_type, event_type;
    int64_t time_ms;
};

/** All ids of a seed. The campaign of ad i is i / YSB_ADS_PER_CAMPAIGN. Not NUL-terminated. */
struct ysb_ids {
    char users[YSB_USERS][YSB_ID_SIZE];
    char pages[YSB_PAGES][YSB_ID_SIZE];
    char ads[YSB_ADS][YSB_ID_SIZE];
    char campaigns[YSB_CAMPAIGNS][YSB_ID_SIZE];
};

void ysb_ids_init(struct ysb_ids *ids, uint64_t seed);

/** Writes an event as the JSON text of the original. @param text room for YSB_TEXT_SIZE_MAX bytes.
 *  @return its size; no NUL is written. */
size_t ysb_event_text(const struct ysb_ids *ids, const struct ysb_event *event, char *text);

/** How many events task `index` of `tasks` emits of the first `count`: it owns the numbers
 *  index, index + tasks, index + 2·tasks … */
uint64_t ysb_share(uint64_t count, uint64_t index, uint64_t tasks);

/* A strong 64-bit mixer (the finaliser of splitmix64). */
static inline uint64_t ysb_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* 0 … bound − 1 from 32 random bits. */
static inline uint32_t ysb_below(uint64_t random, uint64_t bound)
{
    return (uint32_t)(((random & 0xffffffffu) * bound) >> 32);
}

/* Start plus number · step, rounded down to milliseconds, without overflow on the way. */
static inline int64_t ysb_time_ms(const struct ysb_stream *stream, uint64_t number)
{
    uint64_t since =
        number / 1000000 * stream->step_ns + number % 1000000 * stream->step_ns / 1000000;
    return stream->start_ms + (int64_t)since;
}

/** Ad, types and time of event `number`, which is all that counting needs; the rest stays. */
static inline uint64_t ysb_event_core(const struct ysb_stream *stream, uint64_t number,
                                      struct ysb_event *out)
{
    uint64_t random =
        ysb_mix((stream->seed + 1) * 0xd1342543de82ef95u + (number + 1) * 0x9e3779b97f4a7c15u);
    uint32_t types = ysb_below(random >> 32, YSB_AD_TYPES * YSB_EVENT_TYPES);
    out->ad = ysb_below(random, YSB_ADS);
    out->ad_type = types / YSB_EVENT_TYPES;
    out->event_type = types % YSB_EVENT_TYPES;
    out->time_ms = ysb_time_ms(stream, number);
    if (stream->skew) {
        uint64_t skew = ysb_mix(random ^ 0x5851f42d4c957f2du);
        out->time_ms += YSB_SKEW_MS - (int64_t)ysb_below(skew, 2 * YSB_SKEW_MS);
        if (ysb_below(skew >> 32, YSB_LATE_ONE_IN) == 0) {
            out->time_ms -= (int64_t)ysb_below(ysb_mix(skew), YSB_LATE_MS_MAX);
        }
    }
    return random;
}

/** Event `number`. */
static inline struct ysb_event ysb_event_at(const struct ysb_stream *stream, uint64_t number)
{
    struct ysb_event event;
    uint64_t random = ysb_mix(ysb_event_core(stream, number, &event));
    event.user = ysb_below(random, YSB_USERS);
    event.page = ysb_below(random >> 32, YSB_PAGES);
    return event;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator; see event.h. Event n draws its random words from a key mixed out of seed and n:
 * word i is a number x = key + i · odd constant times x ^ another constant, the upper half of the
 * product folded onto the lower, so that words do not wait for each other.
 * Everything is integer arithmetic but the making of the price table.
 *
 * Letters are made eight at a time: each byte of a word times 26, without the lower half, is one of
 * 26 numbers. 256 is no multiple of 26, so four letters have 9/256 and the others 10/256.
 */
#include "nexmark/model/event.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ODD UINT64_C(0x9e3779b97f4a7c15)
#define WORD_KEY UINT64_C(0xc2b2ae3d27d4eb4f)
#define CHANNEL_KEY UINT64_C(0x6368616e6e656c73)

#define HOT_BATCH 100 /* The hot one is the first (bidders: second) of so many in a row. */
#define IN_FLIGHT_AUCTIONS 100
#define ACTIVE_PEOPLE 1000
#define ID_LEAD 10 /* Ids ahead of the last one that may be named already. */
#define HOT_CHANNEL_FIRST NEXMARK_CHANNELS
#define GROUP_FACTOR 953
/* Events until so many auctions more were made. */
#define AUCTION_EVENTS (IN_FLIGHT_AUCTIONS * NEXMARK_EPOCH / NEXMARK_AUCTIONS_PER_EPOCH)

/* Mean sizes of an event, padding included; bids count their four numbers only. */
#define PERSON_SIZE 200
#define AUCTION_SIZE 500
#define BID_SIZE 100
#define NUMBER_SIZE 8
#define STRING_MIN 3
#define NAME_MAX_SIZE 20
#define DESCRIPTION_MAX_SIZE 100

/* 100 · 10^(6u) at 1025 points; between two of them prices lie on a line, 0.003 % off at most. */
#define PRICE_BITS 10
#define PRICE_STEPS (1u << PRICE_BITS)
#define PRICE_SCALE_BITS 16

struct channel {
    uint8_t name_size, url_size;
    char name[14];
    char url[80];
};

struct nexmark_generator {
    struct nexmark_config config;
    uint64_t key;
    uint64_t prices[PRICE_STEPS + 1]; /* Cents · 2^PRICE_SCALE_BITS. */
    struct channel channels[NEXMARK_CHANNELS + NEXMARK_HOT_CHANNELS];
};

#define TEXT(literal) \
    { \
        literal, sizeof(literal) - 1 \
    }

static const struct nexmark_text states[] = {TEXT("AZ"), TEXT("CA"), TEXT("ID"),
                                             TEXT("OR"), TEXT("WA"), TEXT("WY")};
static const struct nexmark_text cities[] = {
    TEXT("Phoenix"),  TEXT("Los Angeles"), TEXT("San Francisco"), TEXT("Boise"),
    TEXT("Portland"), TEXT("Bend"),        TEXT("Redmond"),       TEXT("Seattle"),
    TEXT("Kent"),     TEXT("Cheyenne")};
static const struct nexmark_text first_names[] = {
    TEXT("Peter"), TEXT("Paul"),  TEXT("Luke"),  TEXT("John"),   TEXT("Saul"),  TEXT("Vicky"),
    TEXT("Kate"),  TEXT("Julie"), TEXT("Sarah"), TEXT("Deiter"), TEXT("Walter")};
static const struct nexmark_text last_names[] = {
    TEXT("Shultz"), TEXT("Abrams"), TEXT("Spencer"), TEXT("White"), TEXT("Bartels"),
    TEXT("Walton"), TEXT("Smith"),  TEXT("Jones"),   TEXT("Noris")};
static const struct nexmark_text hot_names[NEXMARK_HOT_CHANNELS] = {
    TEXT("Google"), TEXT("Facebook"), TEXT("Baidu"), TEXT("Apple")};

#define COUNT_OF(list) ((uint32_t)(sizeof(list) / sizeof((list)[0])))

static inline uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

/* The random words of one event, taken one after the other. */
struct words {
    uint64_t at;
};

static inline struct words words_of(const struct nexmark_generator *generator, uint64_t event)
{
    struct words words = {mix(generator->key + event * ODD)};
    return words;
}

static inline uint64_t next_word(struct words *words)
{
    words->at += ODD;
    unsigned __int128 product = (unsigned __int128)words->at * (words->at ^ WORD_KEY);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* 0 … bound − 1 from 32 random bits. */
static inline uint32_t below(uint32_t bits, uint32_t bound)
{
    return (uint32_t)(((uint64_t)bits * bound) >> 32);
}

static inline uint32_t high(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline uint32_t low(uint64_t word)
{
    return (uint32_t)word;
}

/* 0 … bound − 1 for a bound that may exceed 32 bits. */
static uint64_t below_wide(uint64_t word, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)word * bound) >> 64);
}

/* ---- Texts ---------------------------------------------------------------------------------- */

static inline uint64_t letters_of(uint64_t word)
{
    const uint64_t lanes = UINT64_C(0x00ff00ff00ff00ff);
    uint64_t even = (((word & lanes) * 26) >> 8) & lanes;
    uint64_t odd = (((word >> 8) & lanes) * 26) & ~lanes;
    return (even | odd) + UINT64_C(0x6161616161616161);
}

/* Writes `size` letters, and up to seven bytes behind them. Little-endian or not, the bytes of the
 * word go out in the order of the host: letters differ between hosts of another byte order. */
static inline void put_letters(struct words *words, char *out, size_t size)
{
    for (size_t at = 0; at < size; at += 8) {
        uint64_t letters = letters_of(next_word(words));
        memcpy(out + at, &letters, 8);
    }
}

/* A padding that brings an event of `size` bytes to `mean` on average, ±20 % of the difference. */
static inline struct nexmark_text put_extra(struct words *words, uint32_t random, size_t size,
                                            size_t mean, char *out)
{
    if (size > mean) {
        return (struct nexmark_text){out, 0};
    }
    uint32_t difference = (uint32_t)(mean - size);
    uint32_t delta = (difference + 2) / 5;
    uint32_t length = difference - delta + below(random, 2 * delta);
    put_letters(words, out, length);
    return (struct nexmark_text){out, length};
}

/* STRING_MIN … max − 1 letters, one in thirteen of them a gap. A word gives four of them: a byte for
 * the choice of the gap, a byte for the letter. */
static size_t put_string(struct words *words, char *out, uint32_t max, char gap)
{
    size_t size = STRING_MIN + below(high(next_word(words)), max - STRING_MIN);
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word = i % 4 == 0 ? next_word(words) : word >> 16;
        char letter = (char)('a' + (((word & 0xff) * 26) >> 8));
        out[i] = ((word >> 8) & 0xff) * 13 < 256 ? gap : letter;
    }
    return size;
}

/* A string with blanks, none of them at an end. */
static struct nexmark_text put_words(struct words *words, char *out, uint32_t max)
{
    struct nexmark_text text = {out, put_string(words, out, max, ' ')};
    while (text.size > 0 && text.data[text.size - 1] == ' ') {
        text.size--;
    }
    while (text.size > 0 && text.data[0] == ' ') {
        text.data++;
        text.size--;
    }
    return text;
}

static size_t append(char *out, size_t at, const char *data, size_t size)
{
    memcpy(out + at, data, size);
    return at + size;
}

/* ---- Tables --------------------------------------------------------------------------------- */

static uint32_t reverse_bits(uint32_t value)
{
    uint32_t reversed = 0;
    for (unsigned i = 0; i < 32; i++) {
        reversed |= ((value >> i) & 1) << (31 - i);
    }
    return reversed;
}

/* Nine of ten channels name an id in their address: their number with its bits reversed. */
static void make_channel(struct nexmark_generator *generator, uint32_t number)
{
    struct channel *channel = &generator->channels[number];
    struct words words = {mix((generator->key ^ CHANNEL_KEY) + number * ODD)};
    size_t at = append(channel->url, 0, "https://www.nexmark.com/", 24);
    for (unsigned i = 0; i < 3; i++) {
        at += put_string(&words, channel->url + at, 5, '_');
        channel->url[at++] = '/';
    }
    at = append(channel->url, at, "item.htm?query=1", 16);
    if (number >= HOT_CHANNEL_FIRST) {
        const struct nexmark_text *name = &hot_names[number - HOT_CHANNEL_FIRST];
        channel->name_size = (uint8_t)append(channel->name, 0, name->data, name->size);
        channel->url_size = (uint8_t)at;
        return;
    }
    int size = snprintf(channel->name, sizeof(channel->name), "channel-%u", (unsigned)number);
    channel->name_size = (uint8_t)size;
    if (below(high(next_word(&words)), 10) > 0) {
        int64_t id = (int32_t)reverse_bits(number);
        at += (size_t)snprintf(channel->url + at, sizeof(channel->url) - at, "&channel_id=%lld",
                               (long long)(id < 0 ? -id : id));
    }
    channel->url_size = (uint8_t)at;
}

static void make_prices(struct nexmark_generator *generator)
{
    for (uint32_t i = 0; i <= PRICE_STEPS; i++) {
        double cents = 100 * pow(10, 6.0 * i / PRICE_STEPS);
        generator->prices[i] = (uint64_t)llround(ldexp(cents, PRICE_SCALE_BITS));
    }
}

bool nexmark_group_is_valid(int64_t group)
{
    return group >= 1 && group <= NEXMARK_GROUP_MAX && group % GROUP_FACTOR != 0;
}

uint64_t nexmark_interval_ns(double event_rate)
{
    uint64_t interval = (uint64_t)llround(1e9 / event_rate);
    return interval > 0 ? interval : 1;
}

struct nexmark_generator *nexmark_generator_new(const struct nexmark_config *config)
{
    if (config->interval_ns == 0 || config->interval_ns > NEXMARK_INTERVAL_NS_MAX ||
        config->group > NEXMARK_GROUP_MAX || !nexmark_group_is_valid((int64_t)config->group)) {
        return NULL;
    }
    struct nexmark_generator *generator = calloc(1, sizeof(*generator));
    if (generator == NULL) {
        return NULL;
    }
    generator->config = *config;
    generator->key = mix(config->seed * ODD + ODD);
    make_prices(generator);
    for (uint32_t i = 0; i < NEXMARK_CHANNELS + NEXMARK_HOT_CHANNELS; i++) {
        make_channel(generator, i);
    }
    return generator;
}

void nexmark_generator_free(struct nexmark_generator *generator)
{
    free(generator);
}

/* ---- Choices -------------------------------------------------------------------------------- */

/* Exact: a million events take interval_ns milliseconds. */
static inline int64_t time_of(const struct nexmark_generator *generator, uint64_t event)
{
    uint64_t interval = generator->config.interval_ns;
    uint64_t since = event / 1000000 * interval + event % 1000000 * interval / 1000000;
    return generator->config.base_time_ms + (int64_t)since;
}

/* Log-uniform cents. */
static inline int64_t price_of(const struct nexmark_generator *generator, uint32_t random)
{
    uint32_t step = random >> (32 - PRICE_BITS);
    uint64_t between = random & ((1u << (32 - PRICE_BITS)) - 1);
    uint64_t from = generator->prices[step];
    uint64_t rise = generator->prices[step + 1] - from;
    uint64_t scaled = from + ((rise * between) >> (32 - PRICE_BITS));
    return (int64_t)((scaled + (1u << (PRICE_SCALE_BITS - 1))) >> PRICE_SCALE_BITS);
}

/* The person made last, from 0: one an epoch. */
static inline uint64_t last_person(uint64_t event)
{
    return event / NEXMARK_EPOCH;
}

/* The auction made last, from 0, this event included. Not for a person's event in epoch 0. */
static inline uint64_t last_auction(uint64_t event)
{
    uint64_t offset = event % NEXMARK_EPOCH;
    uint64_t made = offset < NEXMARK_AUCTIONS_PER_EPOCH ? offset : NEXMARK_AUCTIONS_PER_EPOCH;
    return event / NEXMARK_EPOCH * NEXMARK_AUCTIONS_PER_EPOCH + made - 1;
}

/* One of the active people, or one that is about to come. */
static inline uint64_t pick_person(uint64_t event, uint32_t random)
{
    uint64_t people = last_person(event) + 1;
    uint64_t active = people < ACTIVE_PEOPLE ? people : ACTIVE_PEOPLE;
    return people - active + below(random, (uint32_t)active + ID_LEAD);
}

static inline uint64_t pick_auction(uint64_t event, uint32_t random)
{
    uint64_t last = last_auction(event);
    uint64_t first = last > IN_FLIGHT_AUCTIONS ? last - IN_FLIGHT_AUCTIONS : 0;
    return first + below(random, (uint32_t)(last - first) + 1 + ID_LEAD);
}

static inline uint64_t hot_of(uint64_t last)
{
    return last / HOT_BATCH * HOT_BATCH;
}

/* ---- Events --------------------------------------------------------------------------------- */

void nexmark_person(const struct nexmark_generator *generator, uint64_t event,
                    struct nexmark_person *out)
{
    struct words words = words_of(generator, event);
    uint64_t names = next_word(&words);
    uint64_t places = next_word(&words);
    uint64_t card = next_word(&words);
    const struct nexmark_text *first = &first_names[below(high(names), COUNT_OF(first_names))];
    const struct nexmark_text *last = &last_names[below(low(names), COUNT_OF(last_names))];
    out->id = (int64_t)last_person(event) + NEXMARK_FIRST_ID;
    out->date_time_ms = time_of(generator, event);
    out->city = cities[below(high(places), COUNT_OF(cities))];
    out->state = states[below(low(places), COUNT_OF(states))];
    size_t at = append(out->name_bytes, 0, first->data, first->size);
    out->name_bytes[at++] = ' ';
    out->name = (struct nexmark_text){out->name_bytes,
                                      append(out->name_bytes, at, last->data, last->size)};
    at = put_string(&words, out->email_bytes, 7, '_');
    out->email_bytes[at++] = '@';
    at += put_string(&words, out->email_bytes + at, 5, '_');
    out->email =
        (struct nexmark_text){out->email_bytes, append(out->email_bytes, at, ".com", 4)};
    at = 0;
    for (unsigned i = 0; i < 16; i++) {
        if (i > 0 && i % 4 == 0) {
            out->card_bytes[at++] = ' ';
        }
        out->card_bytes[at++] = (char)('0' + card % 10);
        card /= 10;
    }
    out->credit_card = (struct nexmark_text){out->card_bytes, at};
    size_t size = NUMBER_SIZE + out->name.size + out->email.size + out->credit_card.size +
                  out->city.size + out->state.size;
    uint32_t random = high(next_word(&words));
    out->extra = put_extra(&words, random, size, PERSON_SIZE, out->extra_bytes);
}

void nexmark_auction(const struct nexmark_generator *generator, uint64_t event,
                     struct nexmark_auction *out)
{
    struct words words = words_of(generator, event);
    uint64_t choice = next_word(&words);
    uint64_t prices = next_word(&words);
    out->id = (int64_t)last_auction(event) + NEXMARK_FIRST_ID;
    uint64_t seller = hot_of(last_person(event));
    if ((choice & 3) == 0) {
        seller = pick_person(event, high(choice));
    }
    out->seller = (int64_t)seller + NEXMARK_FIRST_ID;
    out->category = NEXMARK_FIRST_CATEGORY + below(low(choice), NEXMARK_CATEGORIES);
    out->initial_bid = price_of(generator, high(prices));
    out->reserve = out->initial_bid + price_of(generator, low(prices));
    out->date_time_ms = time_of(generator, event);
    int64_t horizon = time_of(generator, event + AUCTION_EVENTS) - out->date_time_ms;
    uint64_t longest = horizon > 0 ? 2 * (uint64_t)horizon : 1;
    out->expires_ms = out->date_time_ms + 1 + (int64_t)below_wide(next_word(&words), longest);
    out->item_name = put_words(&words, out->name_bytes, NAME_MAX_SIZE);
    out->description = put_words(&words, out->description_bytes, DESCRIPTION_MAX_SIZE);
    size_t size = (size_t)6 * NUMBER_SIZE + out->item_name.size + out->description.size;
    uint32_t random = high(next_word(&words));
    out->extra = put_extra(&words, random, size, AUCTION_SIZE, out->extra_bytes);
}

void nexmark_bid(const struct nexmark_generator *generator, uint64_t event,
                 struct nexmark_bid *out)
{
    struct words words = words_of(generator, event);
    uint64_t choice = next_word(&words);
    uint64_t picks = next_word(&words);
    uint64_t sizes = next_word(&words);
    bool is_hot = (choice & 1) != 0;
    uint64_t auction = is_hot ? hot_of(last_auction(event)) : pick_auction(event, high(picks));
    bool is_hot_bidder = (choice & 6) != 0;
    uint64_t bidder =
        is_hot_bidder ? hot_of(last_person(event)) + 1 : pick_person(event, low(picks));
    bool is_hot_channel = (choice & 8) != 0;
    uint32_t number = is_hot_channel
                          ? HOT_CHANNEL_FIRST + below(high(choice), NEXMARK_HOT_CHANNELS)
                          : below(high(choice), NEXMARK_CHANNELS);
    const struct channel *channel = &generator->channels[number];
    out->auction = (int64_t)auction + NEXMARK_FIRST_ID;
    out->bidder = (int64_t)bidder + NEXMARK_FIRST_ID;
    out->price = price_of(generator, high(sizes));
    out->channel = (struct nexmark_text){channel->name, channel->name_size};
    out->url = (struct nexmark_text){channel->url, channel->url_size};
    out->date_time_ms = time_of(generator, event);
    out->extra =
        put_extra(&words, low(sizes), (size_t)4 * NUMBER_SIZE, BID_SIZE, out->extra_bytes);
}

/* ---- Order ---------------------------------------------------------------------------------- */

uint64_t nexmark_event_at(const struct nexmark_generator *generator,
                          const struct nexmark_split *split, uint64_t position)
{
    uint64_t epoch = position / NEXMARK_EPOCH * split->parallelism + split->index;
    uint64_t order = epoch * NEXMARK_EPOCH + position % NEXMARK_EPOCH;
    uint64_t group = generator->config.group;
    if (group == 1) {
        return order;
    }
    uint64_t within = order % group;
    return order - within + within * GROUP_FACTOR % group;
}

uint64_t nexmark_positions(const struct nexmark_split *split, uint64_t count)
{
    uint64_t epochs = count / NEXMARK_EPOCH;
    uint64_t own = epochs / split->parallelism;
    uint64_t turn = epochs % split->parallelism;
    if (split->index < turn) {
        own++;
    }
    return own * NEXMARK_EPOCH + (split->index == turn ? count % NEXMARK_EPOCH : 0);
}

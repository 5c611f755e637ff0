/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids and texts of the benchmark's events; see events.h. Pure: no state, no clock, no allocation.
 */
#include "ysb/model/events.h"

#include <string.h>

/* Tells the kinds of ids of one seed apart. */
enum id_kind { ID_USER = 1, ID_PAGE, ID_AD, ID_CAMPAIGN };

#define WORD(literal) \
    { \
        literal, sizeof(literal) - 1 \
    }

const struct ysb_word ysb_ad_types[YSB_AD_TYPES] = {
    WORD("banner"), WORD("modal"), WORD("sponsored-search"), WORD("mail"), WORD("mobile")};
const struct ysb_word ysb_event_types[YSB_EVENT_TYPES] = {WORD(YSB_VIEW_TEXT), WORD("click"),
                                                          WORD("purchase")};

/* The form of a random uuid: 8-4-4-4-12 hexadecimal digits, version 4, variant 8 to b. */
static void write_id(char *out, uint64_t seed, enum id_kind kind, uint64_t index)
{
    uint64_t high = ysb_mix(ysb_mix(seed ^ ((uint64_t)kind << 56)) + index);
    uint64_t low = ysb_mix(high ^ 0x9e3779b97f4a7c15u);
    high = (high & 0xffffffffffff0fffu) | 0x4000u;
    low = (low & 0x3fffffffffffffffu) | 0x8000000000000000u;
    for (unsigned i = 0, digit = 0; i < YSB_ID_SIZE; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            out[i] = '-';
            continue;
        }
        uint64_t half = digit < 16 ? high : low;
        out[i] = "0123456789abcdef"[(half >> (60 - 4 * (digit % 16))) & 15u];
        digit++;
    }
}

static void write_ids(char (*ids)[YSB_ID_SIZE], size_t count, uint64_t seed, enum id_kind kind)
{
    for (size_t i = 0; i < count; i++) {
        write_id(ids[i], seed, kind, i);
    }
}

void ysb_ids_init(struct ysb_ids *ids, uint64_t seed)
{
    write_ids(ids->users, YSB_USERS, seed, ID_USER);
    write_ids(ids->pages, YSB_PAGES, seed, ID_PAGE);
    write_ids(ids->ads, YSB_ADS, seed, ID_AD);
    write_ids(ids->campaigns, YSB_CAMPAIGNS, seed, ID_CAMPAIGN);
}

/* A part of the text: inlined, so that each literal and each id is a few moves. */
static inline char *put(char *at, const char *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

#define PUT_LITERAL(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_time(char *at, int64_t time_ms)
{
    char digits[20];
    size_t count = 0;
    uint64_t rest = time_ms < 0 ? 0 - (uint64_t)time_ms : (uint64_t)time_ms;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (time_ms < 0) {
        *at++ = '-';
    }
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

size_t ysb_event_text(const struct ysb_ids *ids, const struct ysb_event *event, char *text)
{
    const struct ysb_word *ad_type = &ysb_ad_types[event->ad_type];
    const struct ysb_word *event_type = &ysb_event_types[event->event_type];
    char *at = PUT_LITERAL(text, "{\"user_id\": \"");
    at = put(at, ids->users[event->user], YSB_ID_SIZE);
    at = PUT_LITERAL(at, "\", \"page_id\": \"");
    at = put(at, ids->pages[event->page], YSB_ID_SIZE);
    at = PUT_LITERAL(at, "\", \"ad_id\": \"");
    at = put(at, ids->ads[event->ad], YSB_ID_SIZE);
    at = PUT_LITERAL(at, "\", \"ad_type\": \"");
    at = put(at, ad_type->text, ad_type->size);
    at = PUT_LITERAL(at, "\", \"event_type\": \"");
    at = put(at, event_type->text, event_type->size);
    at = PUT_LITERAL(at, "\", \"event_time\": \"");
    at = put_time(at, event->time_ms);
    at = PUT_LITERAL(at, "\", \"ip_address\": \"" YSB_IP "\"}");
    return (size_t)(at - text);
}

uint64_t ysb_share(uint64_t count, uint64_t index, uint64_t tasks)
{
    return count / tasks + (index < count % tasks);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bolt for each stateless query, over the stream of bids. Fields that pass unchanged are copied as
 * they lie in the tuple, so only what a query looks at is decoded. Prices are whole cents, and
 * 0.908 × price is the decimal 908 · price with three digits behind the point: exact.
 *
 * No state; all calls on the engine thread.
 */
#include "nexmark/model/event.h"
#include "nexmark/module.h"

#include <string.h>

/* Positions in NEXMARK_BID_FIELDS, which declare has compared with the input's. */
enum { AUCTION, BIDDER, PRICE, CHANNEL, URL, DATE_TIME, EXTRA };

#define EURO_FACTOR 908 /* Thousandths. */
#define EURO_SCALE 3
#define Q2_DIVISOR 123
#define Q14_ABOVE (INT64_C(1000000) * 1000)
#define Q14_BELOW (INT64_C(50000000) * 1000)
#define HOUR_MS 3600000
#define DAY_HOURS 24
#define URL_DIR_FIRST 3 /* Behind "https:", "" and the host. */
#define URL_DIRS 3

static enum gale_err check_input(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    for (unsigned input = 0; input < gale_declare_inputs(declare); input++) {
        const char *fields = gale_declare_input_fields(declare, input);
        if (fields == NULL || strcmp(fields, NEXMARK_BID_FIELDS) != 0) {
            gale_declare_error(declare, NULL,
                               "the input must be bids, the stream `bid` of nexmark_events");
            return GALE_ERR_INVALID;
        }
    }
    return GALE_OK;
}

static inline bool slice_is(struct gale_slice slice, const char *text, size_t size)
{
    return slice.size == size && memcmp(slice.data, text, size) == 0;
}

/* SELECT auction, bidder, price, dateTime, extra FROM bid */
static enum gale_err q0_execute(void *state, struct gale_task *task,
                                const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_out *out = gale_begin(task);
    enum gale_err err = gale_put_fields(out, tuple, AUCTION, 3);
    if (err == GALE_OK) {
        err = gale_put_fields(out, tuple, DATE_TIME, 2);
    }
    return err == GALE_OK ? gale_emit(task, 0) : err;
}

/* SELECT auction, bidder, 0.908 * price, dateTime, extra FROM bid */
static enum gale_err q1_execute(void *state, struct gale_task *task,
                                const struct gale_tuple *tuple)
{
    (void)state;
    int64_t price = 0;
    enum gale_err err = gale_tuple_int64(tuple, PRICE, &price);
    if (err != GALE_OK) {
        return err;
    }
    struct gale_decimal euro = gale_decimal_from_int64(price * EURO_FACTOR, EURO_SCALE);
    struct gale_out *out = gale_begin(task);
    err = gale_put_fields(out, tuple, AUCTION, 2);
    if (err != GALE_OK) {
        return err;
    }
    gale_put_decimal(out, &euro);
    err = gale_put_fields(out, tuple, DATE_TIME, 2);
    return err == GALE_OK ? gale_emit(task, 0) : err;
}

/* SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0 */
static enum gale_err q2_execute(void *state, struct gale_task *task,
                                const struct gale_tuple *tuple)
{
    (void)state;
    int64_t auction = 0;
    enum gale_err err = gale_tuple_int64(tuple, AUCTION, &auction);
    if (err != GALE_OK || auction % Q2_DIVISOR != 0) {
        return err;
    }
    struct gale_out *out = gale_begin(task);
    gale_put_int64(out, auction);
    err = gale_put_fields(out, tuple, PRICE, 1);
    return err == GALE_OK ? gale_emit(task, 0) : err;
}

/* CASE WHEN HOUR >= 8 AND HOUR <= 18 THEN 'dayTime'
 *      WHEN HOUR <= 6 OR HOUR >= 20 THEN 'nightTime' ELSE 'otherTime' END; hours are UTC. */
static void put_time_of_day(struct gale_out *out, int64_t date_time_ms)
{
    int64_t hours = date_time_ms / HOUR_MS - (date_time_ms % HOUR_MS < 0);
    int64_t hour = (hours % DAY_HOURS + DAY_HOURS) % DAY_HOURS;
    if (hour >= 8 && hour <= 18) {
        gale_put_string(out, "dayTime", 7);
    } else if (hour <= 6 || hour >= 20) {
        gale_put_string(out, "nightTime", 9);
    } else {
        gale_put_string(out, "otherTime", 9);
    }
}

static int64_t count_letter(struct gale_slice text, char letter)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += text.data[i] == letter;
    }
    return count;
}

/* SELECT auction, bidder, 0.908 * price, the time of day, dateTime, extra, count_char(extra, 'c')
 * FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000 */
static enum gale_err q14_execute(void *state, struct gale_task *task,
                                 const struct gale_tuple *tuple)
{
    (void)state;
    int64_t price = 0;
    int64_t date_time_ms = 0;
    enum gale_err err = gale_tuple_int64(tuple, PRICE, &price);
    if (err != GALE_OK) {
        return err;
    }
    int64_t euro = price * EURO_FACTOR;
    if (euro <= Q14_ABOVE || euro >= Q14_BELOW) {
        return GALE_OK;
    }
    err = gale_tuple_int64(tuple, DATE_TIME, &date_time_ms);
    if (err != GALE_OK) {
        return err;
    }
    struct gale_decimal decimal = gale_decimal_from_int64(euro, EURO_SCALE);
    struct gale_out *out = gale_begin(task);
    err = gale_put_fields(out, tuple, AUCTION, 2);
    gale_put_decimal(out, &decimal);
    put_time_of_day(out, date_time_ms);
    if (err == GALE_OK) {
        err = gale_put_fields(out, tuple, DATE_TIME, 2);
    }
    gale_put_int64(out, count_letter(gale_tuple_string(tuple, EXTRA), 'c'));
    return err == GALE_OK ? gale_emit(task, 0) : err;
}

/* REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2): what stands behind the first "channel_id=" at
 * the start or behind an ampersand, up to the next one. {NULL, 0} when there is none. */
static struct gale_slice find_channel_id(struct gale_slice url)
{
    static const char key[] = "channel_id=";
    const size_t key_size = sizeof(key) - 1;
    const char *end = url.data + url.size;
    for (const char *at = url.data; (size_t)(end - at) >= key_size;) {
        if (memcmp(at, key, key_size) == 0) {
            const char *value = at + key_size;
            const char *next = memchr(value, '&', (size_t)(end - value));
            return (struct gale_slice){value, (size_t)((next != NULL ? next : end) - value)};
        }
        at = memchr(at, '&', (size_t)(end - at));
        if (at == NULL) {
            break;
        }
        at++;
    }
    return (struct gale_slice){NULL, 0};
}

/* The ids of the four big channels, whatever the case of their letters; {NULL, 0} for others. */
static struct gale_slice find_big_channel(struct gale_slice channel)
{
    char lower[8];
    if (channel.size < 5 || channel.size > sizeof(lower)) {
        return (struct gale_slice){NULL, 0};
    }
    for (size_t i = 0; i < channel.size; i++) {
        char letter = channel.data[i];
        lower[i] = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
    }
    struct gale_slice name = {lower, channel.size};
    if (slice_is(name, "apple", 5)) {
        return (struct gale_slice){"0", 1};
    }
    if (slice_is(name, "google", 6)) {
        return (struct gale_slice){"1", 1};
    }
    if (slice_is(name, "facebook", 8)) {
        return (struct gale_slice){"2", 1};
    }
    return slice_is(name, "baidu", 5) ? (struct gale_slice){"3", 1}
                                      : (struct gale_slice){NULL, 0};
}

/* SELECT auction, bidder, price, channel, CASE lower(channel) 'apple' '0', 'google' '1', 'facebook'
 * '2', 'baidu' '3', ELSE the id in the address END FROM bid WHERE there is one */
static enum gale_err q21_execute(void *state, struct gale_task *task,
                                 const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_slice channel_id = find_big_channel(gale_tuple_string(tuple, CHANNEL));
    if (channel_id.data == NULL) {
        channel_id = find_channel_id(gale_tuple_string(tuple, URL));
    }
    if (channel_id.data == NULL) {
        return GALE_OK;
    }
    struct gale_out *out = gale_begin(task);
    enum gale_err err = gale_put_fields(out, tuple, AUCTION, 4);
    gale_put_string(out, channel_id.data, channel_id.size);
    return err == GALE_OK ? gale_emit(task, 0) : err;
}

/* SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3), (…, 4), (…, 5) FROM bid */
static enum gale_err q22_execute(void *state, struct gale_task *task,
                                 const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_slice url = gale_tuple_string(tuple, URL);
    struct gale_out *out = gale_begin(task);
    enum gale_err err = gale_put_fields(out, tuple, AUCTION, 4);
    const char *at = url.data;
    const char *end = url.data + url.size;
    for (unsigned part = 0; part < URL_DIR_FIRST + URL_DIRS; part++) {
        const char *slash = at != NULL ? memchr(at, '/', (size_t)(end - at)) : NULL;
        if (part >= URL_DIR_FIRST) {
            if (at == NULL) {
                gale_put_nil(out);
            } else {
                gale_put_string(out, at, (size_t)((slash != NULL ? slash : end) - at));
            }
        }
        at = slash != NULL ? slash + 1 : NULL;
    }
    return err == GALE_OK ? gale_emit(task, 0) : err;
}

#define QUERY(number, names, sentence) \
    const struct gale_bolt_ops nexmark_q##number##_ops = { \
        GALE_BOLT_HEAD,   .name = "q" #number,    .fields = names, \
        .help = sentence, .declare = check_input, .execute = q##number##_execute, \
    }

QUERY(0, "auction,bidder,price,dateTime,extra", "Passes bids through.");
QUERY(1, "auction,bidder,price,dateTime,extra", "Converts the price of bids, exactly.");
QUERY(2, "auction,price", "Passes the bids of every 123rd auction.");
QUERY(14, "auction,bidder,price,bidTimeType,dateTime,extra,c_counts",
      "Filters bids by price, names the time of day and counts a letter.");
QUERY(21, "auction,bidder,price,channel,channel_id", "Adds the id of the channel to bids.");
QUERY(22, "auction,bidder,price,channel,dir1,dir2,dir3", "Splits the address of bids.");

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact decimals: text, sums, comparison and wire form. All arithmetic is done on sign and unsigned
 * 128-bit magnitude, where 2·10^38 still fits, so that no step can overflow unseen. It is no general
 * arithmetic: there is no product, no quotient and no rounding. Pure, any thread.
 */
#include "core/decimal.h"

#include "core/heads.h"

#include <string.h>

typedef unsigned __int128 wide;

struct parts {
    wide magnitude;
    bool negative;
};

static wide power10(unsigned exponent)
{
    wide power = 1;
    for (unsigned i = 0; i < exponent; i++) {
        power *= 10;
    }
    return power;
}

static struct parts split(const struct gale_decimal *value)
{
    wide bits = ((wide)(uint64_t)value->high << 64) | value->low;
    struct parts parts = {.negative = value->high < 0};
    parts.magnitude = parts.negative ? -bits : bits;
    return parts;
}

static struct gale_decimal join(struct parts parts, int scale)
{
    wide bits = parts.negative ? -parts.magnitude : parts.magnitude;
    uint64_t high = (uint64_t)(bits >> 64);
    struct gale_decimal value = {.low = (uint64_t)bits, .scale = (int8_t)scale};
    memcpy(&value.high, &high, sizeof(high));
    return value;
}

static bool in_range(struct parts parts, int scale)
{
    /* 10^DECIMAL_DIGITS_MAX, written out since every decimal read or written asks for it. */
    const wide limit =
        ((wide)UINT64_C(0x4b3b4ca85a86c47a) << 64) | UINT64_C(0x098a224000000000);
    return parts.magnitude < limit && scale >= -DECIMAL_SCALE_MAX && scale <= DECIMAL_SCALE_MAX;
}

bool decimal_decode(const uint8_t *body, size_t size, struct gale_decimal *out)
{
    if (size < 3 || size > DECIMAL_BODY_MAX || body[0] != HEAD_EXT_DECIMAL) {
        return false;
    }
    int8_t scale;
    memcpy(&scale, body + 1, 1);
    wide bits = (body[2] & 0x80u) != 0 ? ~(wide)0 : 0;
    for (size_t i = 2; i < size; i++) {
        bits = (bits << 8) | body[i];
    }
    struct parts parts = {.negative = (body[2] & 0x80u) != 0};
    parts.magnitude = parts.negative ? -bits : bits;
    if (!in_range(parts, scale)) {
        return false;
    }
    *out = join(parts, scale);
    return true;
}

/* Nearly all numbers fit 64 bits and need no look at single bytes. */
static size_t encode_short(const struct gale_decimal *value, uint8_t out[DECIMAL_BODY_MAX])
{
    uint64_t bits = value->high < 0 ? ~value->low : value->low;
    unsigned used = 64 - (unsigned)__builtin_clzll(bits | 1); /* Besides the sign. */
    unsigned size = used / 8 + 1;
    uint64_t bytes = __builtin_bswap64(value->low << (64 - 8 * size));
    out[0] = HEAD_EXT_DECIMAL;
    memcpy(out + 1, &value->scale, 1);
    memcpy(out + 2, &bytes, sizeof(bytes));
    return 2 + size;
}

size_t decimal_encode(const struct gale_decimal *value, uint8_t out[DECIMAL_BODY_MAX])
{
    struct parts parts = split(value);
    if (!in_range(parts, value->scale)) {
        return 0;
    }
    if (parts.magnitude <= INT64_MAX) {
        return encode_short(value, out);
    }
    uint8_t bytes[16];
    wide bits = parts.negative ? -parts.magnitude : parts.magnitude;
    for (int i = 15; i >= 0; i--) {
        bytes[i] = (uint8_t)bits;
        bits >>= 8;
    }
    /* A leading byte is spare when it only repeats the sign bit of the byte behind it. */
    size_t first = 0;
    uint8_t fill = parts.negative ? 0xff : 0x00;
    while (first < 15 && bytes[first] == fill && ((bytes[first + 1] ^ fill) & 0x80u) == 0) {
        first++;
    }
    out[0] = HEAD_EXT_DECIMAL;
    memcpy(out + 1, &value->scale, 1);
    memcpy(out + 2, bytes + first, 16 - first);
    return 2 + 16 - first;
}

struct reader {
    const char *at;
    const char *end;
};

static bool read_sign(struct reader *reader)
{
    if (reader->at < reader->end && (*reader->at == '-' || *reader->at == '+')) {
        return *reader->at++ == '-';
    }
    return false;
}

static bool at_digit(const struct reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

/* Appends digits to the magnitude; returns how many there were, or -1 past 38 digits. */
static int64_t read_digits(struct reader *reader, wide *magnitude)
{
    int64_t count = 0;
    wide limit = power10(DECIMAL_DIGITS_MAX);
    for (; at_digit(reader); reader->at++, count++) {
        *magnitude = *magnitude * 10 + (unsigned)(*reader->at - '0');
        if (*magnitude >= limit) {
            return -1;
        }
    }
    return count;
}

/* An exponent is clamped far outside the range of scales instead of overflowing. */
static bool read_exponent(struct reader *reader, int64_t *exponent)
{
    *exponent = 0;
    if (reader->at == reader->end) {
        return true;
    }
    if (*reader->at != 'e' && *reader->at != 'E') {
        return false;
    }
    reader->at++;
    bool negative = read_sign(reader);
    if (!at_digit(reader)) {
        return false;
    }
    for (; at_digit(reader); reader->at++) {
        if (*exponent < 1000000) {
            *exponent = *exponent * 10 + (*reader->at - '0');
        }
    }
    if (negative) {
        *exponent = -*exponent;
    }
    return reader->at == reader->end;
}

/* Whether the rest is of the form that parse reads, so that "too many digits" is only said of a
 * number. */
static bool is_number(const char *text, size_t size)
{
    struct reader reader = {text, text + size};
    (void)read_sign(&reader);
    bool digits = at_digit(&reader);
    while (at_digit(&reader)) {
        reader.at++;
    }
    if (reader.at < reader.end && *reader.at == '.') {
        reader.at++;
        digits = digits || at_digit(&reader);
        while (at_digit(&reader)) {
            reader.at++;
        }
    }
    int64_t exponent;
    return digits && read_exponent(&reader, &exponent);
}

enum gale_err gale_decimal_parse(const char *text, size_t size, struct gale_decimal *out)
{
    if (text == NULL || !is_number(text, size)) {
        return GALE_ERR_INVALID;
    }
    struct reader reader = {text, text + size};
    struct parts parts = {.negative = read_sign(&reader)};
    int64_t fraction = 0;
    if (read_digits(&reader, &parts.magnitude) < 0) {
        return GALE_ERR_LIMIT;
    }
    if (reader.at < reader.end && *reader.at == '.') {
        reader.at++;
        fraction = read_digits(&reader, &parts.magnitude);
        if (fraction < 0) {
            return GALE_ERR_LIMIT;
        }
    }
    int64_t exponent;
    (void)read_exponent(&reader, &exponent);
    int64_t scale = fraction - exponent;
    if (scale < -DECIMAL_SCALE_MAX || scale > DECIMAL_SCALE_MAX) {
        return GALE_ERR_LIMIT;
    }
    *out = join(parts, (int)scale);
    return GALE_OK;
}

size_t gale_decimal_format(const struct gale_decimal *value, char *out, size_t size)
{
    if (size > 0) {
        out[0] = '\0';
    }
    char digits[40];
    size_t digits_count = 0;
    struct parts parts = split(value);
    bool zero = parts.magnitude == 0;
    do {
        digits[digits_count++] = (char)('0' + (int)(parts.magnitude % 10));
        parts.magnitude /= 10;
    } while (parts.magnitude != 0);

    size_t fraction = value->scale > 0 ? (size_t)value->scale : 0;
    size_t zeros_behind = value->scale < 0 && !zero ? (size_t)-value->scale : 0;
    size_t places = digits_count > fraction ? digits_count : fraction + 1;
    size_t total =
        (parts.negative ? 1u : 0u) + places + (fraction > 0 ? 1u : 0u) + zeros_behind;
    if (total >= size) {
        return 0;
    }
    char *at = out;
    if (parts.negative) {
        *at++ = '-';
    }
    for (size_t place = places; place > 0; place--) {
        if (place == fraction) {
            *at++ = '.';
        }
        *at++ = place <= digits_count ? digits[place - 1] : '0';
    }
    memset(at, '0', zeros_behind);
    at[zeros_behind] = '\0';
    return total;
}

/* Multiplies by 10^exponent; false when the product would pass 2·10^38, beyond which no sum with
 * another decimal can come back into range. */
static bool scale_up(struct parts *parts, unsigned exponent)
{
    if (parts->magnitude == 0) {
        return true;
    }
    if (exponent > DECIMAL_DIGITS_MAX) {
        return false;
    }
    wide power = power10(exponent);
    if (parts->magnitude > 2 * power10(DECIMAL_DIGITS_MAX) / power) {
        return false;
    }
    parts->magnitude *= power;
    return true;
}

enum gale_err gale_decimal_add(const struct gale_decimal *a, const struct gale_decimal *b,
                               struct gale_decimal *out)
{
    struct parts left = split(a);
    struct parts right = split(b);
    int scale = a->scale > b->scale ? a->scale : b->scale;
    if (!in_range(left, a->scale) || !in_range(right, b->scale) ||
        !scale_up(&left, (unsigned)(scale - a->scale)) ||
        !scale_up(&right, (unsigned)(scale - b->scale))) {
        return GALE_ERR_LIMIT;
    }
    struct parts sum = left;
    if (left.negative == right.negative) {
        sum.magnitude = left.magnitude + right.magnitude;
    } else if (left.magnitude >= right.magnitude) {
        sum.magnitude = left.magnitude - right.magnitude;
    } else {
        sum.magnitude = right.magnitude - left.magnitude;
        sum.negative = right.negative;
    }
    if (!in_range(sum, scale)) {
        return GALE_ERR_LIMIT;
    }
    *out = join(sum, scale);
    return GALE_OK;
}

int gale_decimal_compare(const struct gale_decimal *a, const struct gale_decimal *b)
{
    struct parts left = split(a);
    struct parts right = split(b);
    bool left_less = left.negative && left.magnitude != 0;
    bool right_less = right.negative && right.magnitude != 0;
    if (left_less != right_less) {
        return left_less ? -1 : 1;
    }
    /* Same sign: a magnitude that cannot be scaled up is beyond every magnitude in range. */
    int larger = left_less ? -1 : 1;
    int scale = a->scale > b->scale ? a->scale : b->scale;
    if (!scale_up(&left, (unsigned)(scale - a->scale))) {
        return larger;
    }
    if (!scale_up(&right, (unsigned)(scale - b->scale))) {
        return -larger;
    }
    if (left.magnitude == right.magnitude) {
        return 0;
    }
    return left.magnitude > right.magnitude ? larger : -larger;
}

struct gale_decimal gale_decimal_from_int64(int64_t unscaled, int8_t scale)
{
    if (scale > DECIMAL_SCALE_MAX) {
        scale = DECIMAL_SCALE_MAX;
    } else if (scale < -DECIMAL_SCALE_MAX) {
        scale = -DECIMAL_SCALE_MAX;
    }
    struct gale_decimal value = {
        .high = unscaled < 0 ? -1 : 0, .low = (uint64_t)unscaled, .scale = scale};
    return value;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tuple writer: values in msgpack's shortest form, so that equal values have equal bytes. A
 * value that would pass OUT_SIZE_MAX marks the writer as overflowed and nothing more is written
 * until gale_begin. One owner thread.
 */
#include "core/out.h"

#include "core/decimal.h"
#include "core/heads.h"
#include "core/skip.h"

#include <stdlib.h>

#define OUT_SIZE_MIN 64u
#define HEAD_SIZE_MAX 9u /* A first byte and a number of eight. */
#define QUIET_NAN UINT64_C(0x7ff8000000000000)

bool out_init(struct gale_out *out, size_t size)
{
    if (size < OUT_SIZE_MIN) {
        size = OUT_SIZE_MIN;
    } else if (size > OUT_SIZE_MAX) {
        size = OUT_SIZE_MAX;
    }
    memset(out, 0, sizeof(*out));
    out->base = malloc(size);
    if (out->base == NULL) {
        return false;
    }
    out->at = out->base;
    out->end = out->base + size;
    return true;
}

void out_fini(struct gale_out *out)
{
    free(out->base);
    memset(out, 0, sizeof(*out));
}

static void overflow(struct gale_out *out)
{
    out->at = out->end;
    out->nested |= OUT_OVERFLOWED;
}

bool gale_out_grow(struct gale_out *out, size_t size)
{
    if (out_overflowed(out)) {
        return false;
    }
    size_t used = (size_t)(out->at - out->base);
    size_t room = (size_t)(out->end - out->base);
    if (size <= room - used) {
        return true;
    }
    if (size > OUT_SIZE_MAX - used) {
        overflow(out);
        return false;
    }
    do {
        room = room < OUT_SIZE_MAX / 2 ? room * 2 : OUT_SIZE_MAX;
    } while (size > room - used);
    uint8_t *base = realloc(out->base, room);
    if (base == NULL) {
        overflow(out);
        return false;
    }
    out->base = base;
    out->at = base + used;
    out->end = base + room;
    return true;
}

/* Writes a first byte and a big-endian number of `size` (0, 1, 2, 4 or 8) bytes behind it. */
static void put_head(struct gale_out *out, uint8_t first, uint64_t number, unsigned size)
{
    uint64_t bytes = __builtin_bswap64(number);
    *out->at = first;
    memcpy(out->at + 1, (const uint8_t *)&bytes + (8 - size), size);
    out->at += 1 + size;
}

/* True with room for a head, whatever its length: then put_wide_head may write. Never after an
 * overflow, which leaves no room. */
static inline bool has_room(const struct gale_out *out, size_t size)
{
    return GALE_LIKELY((size_t)(out->end - out->at) >= HEAD_SIZE_MAX + size);
}

/* As put_head, but always writes HEAD_SIZE_MAX bytes: one store instead of a copy by length. What
 * lies behind the head belongs to nobody yet. */
static inline void put_wide_head(struct gale_out *out, uint8_t first, uint64_t number,
                                 unsigned size)
{
    uint64_t bytes = __builtin_bswap64(number << ((64 - 8 * size) % 64));
    *out->at = first;
    memcpy(out->at + 1, &bytes, sizeof(bytes));
    out->at += 1 + size;
}

static inline void put_number(struct gale_out *out, uint8_t first, uint64_t number,
                              unsigned size)
{
    if (has_room(out, 0)) {
        put_wide_head(out, first, number, size);
        out->values++;
    } else if (gale_out_grow(out, 1 + size)) {
        put_head(out, first, number, size);
        out->values++;
    }
}

void gale_put_nil(struct gale_out *out)
{
    put_number(out, 0xc0, 0, 0);
}

void gale_put_bool(struct gale_out *out, bool value)
{
    put_number(out, value ? 0xc3 : 0xc2, 0, 0);
}

void gale_put_uint64(struct gale_out *out, uint64_t value)
{
    if (value < 0x80) {
        put_number(out, (uint8_t)value, 0, 0);
    } else if (value <= UINT8_MAX) {
        put_number(out, 0xcc, value, 1);
    } else if (value <= UINT16_MAX) {
        put_number(out, 0xcd, value, 2);
    } else if (value <= UINT32_MAX) {
        put_number(out, 0xce, value, 4);
    } else {
        put_number(out, 0xcf, value, 8);
    }
}

void gale_put_int64_any(struct gale_out *out, int64_t value)
{
    uint64_t bits = (uint64_t)value;
    if (value >= 0) {
        gale_put_uint64(out, bits);
    } else if (value >= -32) {
        put_number(out, (uint8_t)bits, 0, 0);
    } else if (value >= INT8_MIN) {
        put_number(out, 0xd0, bits, 1);
    } else if (value >= INT16_MIN) {
        put_number(out, 0xd1, bits, 2);
    } else if (value >= INT32_MIN) {
        put_number(out, 0xd2, bits, 4);
    } else {
        put_number(out, 0xd3, bits, 8);
    }
}

void gale_put_double(struct gale_out *out, double value)
{
    uint64_t bits = QUIET_NAN;
    if (!__builtin_isnan(value)) {
        memcpy(&bits, &value, sizeof(bits));
    }
    put_number(out, 0xcb, bits, 8);
}

/* The head of a string or of bytes and then the bytes. `first` is that of the 8-bit length; those of
 * 16 and 32 bits follow it. Strings below 32 bytes have a form of their own. */
static void put_bytes(struct gale_out *out, uint8_t first, const void *data, size_t size)
{
    unsigned length_size = size <= UINT8_MAX ? 1 : size <= UINT16_MAX ? 2 : 4;
    uint8_t head = (uint8_t)(first + length_size / 2);
    if (size < 32 && first == 0xd9) {
        length_size = 0;
        head = (uint8_t)(0xa0u | size);
    }
    if (size > OUT_SIZE_MAX) {
        overflow(out);
        return;
    }
    if (has_room(out, size)) {
        put_wide_head(out, head, size, length_size);
    } else if (gale_out_grow(out, 1 + length_size + size)) {
        put_head(out, head, size, length_size);
    } else {
        return;
    }
    if (size > 0) {
        memcpy(out->at, data, size);
    }
    out->at += size;
    out->values++;
}

void gale_put_string_any(struct gale_out *out, const char *data, size_t size)
{
    put_bytes(out, 0xd9, data, size);
}

void gale_put_bytes(struct gale_out *out, const void *data, size_t size)
{
    put_bytes(out, 0xc4, data, size);
}

void gale_put_decimal(struct gale_out *out, const struct gale_decimal *value)
{
    uint8_t body[DECIMAL_BODY_MAX];
    size_t size = decimal_encode(value, body);
    if (size == 0) {
        overflow(out);
        return;
    }
    if (!gale_out_grow(out, 2 + size)) {
        return;
    }
    switch (size - 1) {
    case 2: put_head(out, 0xd5, 0, 0); break;
    case 4: put_head(out, 0xd6, 0, 0); break;
    case 8: put_head(out, 0xd7, 0, 0); break;
    case 16: put_head(out, 0xd8, 0, 0); break;
    default: put_head(out, 0xc7, size - 1, 1); break;
    }
    memcpy(out->at, body, size);
    out->at += size;
    out->values++;
}

/* A list (first 0xdc) or map (0xde) whose head is followed by `nested` values. More than could ever
 * fit is refused here, which also keeps `values` far from its ends. */
static void put_container(struct gale_out *out, uint8_t first, uint32_t count, uint64_t nested)
{
    if (nested > OUT_SIZE_MAX || out->values - (int64_t)nested < -(int64_t)OUT_SIZE_MAX) {
        overflow(out);
        return;
    }
    unsigned length_size = count < 16 ? 0 : count <= UINT16_MAX ? 2 : 4;
    uint8_t head = (uint8_t)(first + (length_size == 4 ? 1 : 0));
    if (length_size == 0) {
        head = (uint8_t)((first == 0xdc ? 0x90u : 0x80u) | count);
    }
    if (!gale_out_grow(out, 1 + length_size)) {
        return;
    }
    put_head(out, head, count, length_size);
    out->nested |= OUT_NESTED;
    out->values += 1 - (int32_t)nested;
}

void gale_put_list(struct gale_out *out, uint32_t count)
{
    put_container(out, 0xdc, count, count);
}

void gale_put_map(struct gale_out *out, uint32_t count)
{
    put_container(out, 0xde, count, (uint64_t)count * 2);
}

void gale_put_value(struct gale_out *out, const struct gale_value *value)
{
    switch (value->type) {
    case GALE_NIL: gale_put_nil(out); break;
    case GALE_BOOL: gale_put_bool(out, value->as.boolean); break;
    case GALE_INT64: gale_put_int64(out, value->as.int64); break;
    case GALE_UINT64: gale_put_uint64(out, value->as.uint64); break;
    case GALE_DOUBLE: gale_put_double(out, value->as.number); break;
    case GALE_STRING:
        gale_put_string_any(out, value->as.bytes.data, value->as.bytes.size);
        break;
    case GALE_BYTES: gale_put_bytes(out, value->as.bytes.data, value->as.bytes.size); break;
    case GALE_DECIMAL: gale_put_decimal(out, &value->as.decimal); break;
    case GALE_LIST: gale_put_list(out, value->as.count); break;
    case GALE_MAP: gale_put_map(out, value->as.count); break;
    }
}

enum gale_err gale_put_fields(struct gale_out *out, const struct gale_tuple *tuple,
                              unsigned first, unsigned count)
{
    if (count == 0) {
        return first <= tuple->fields_count ? GALE_OK : GALE_ERR_NOT_FOUND;
    }
    if (first >= tuple->fields_count || count > tuple->fields_count - first) {
        return GALE_ERR_NOT_FOUND;
    }
    /* A tuple's bytes were validated before anybody saw them: whole values, nested ones too. */
    const uint8_t *from = tuple->data;
    const uint8_t *end = tuple->data + tuple->size;
    if (first > 0 || count < tuple->fields_count) {
        for (unsigned i = 0; i < first; i++) {
            from = skip_value(from);
        }
        end = from;
        for (unsigned i = 0; i < count; i++) {
            end = skip_value(end);
        }
    }
    size_t size = (size_t)(end - from);
    if (GALE_LIKELY((size_t)(out->end - out->at) > size) || gale_out_grow(out, size)) {
        if (GALE_LIKELY(size < 32)) {
            gale_copy_short(out->at, from, size);
        } else {
            memcpy(out->at, from, size);
        }
        out->at += size;
        out->values += (int32_t)count;
    }
    return GALE_OK;
}

enum gale_err out_check(const struct gale_out *out, unsigned fields_count)
{
    if (out_overflowed(out)) {
        return GALE_ERR_LIMIT;
    }
    const uint8_t *at = out->base;
    struct gale_cursor cursor = {out->base, out->at};
    for (unsigned i = 0; i < fields_count; i++) {
        uint64_t elements_left = OUT_SIZE_MAX;
        if (gale_cursor_skip(&cursor) != GALE_OK) {
            return GALE_ERR_INVALID;
        }
        if (head_walk(at, cursor.at, true, &elements_left) == NULL) {
            return GALE_ERR_LIMIT;
        }
        at = cursor.at;
    }
    return cursor.at == out->at ? GALE_OK : GALE_ERR_INVALID;
}

uint64_t out_missing(const struct gale_out *out, unsigned *values)
{
    const uint8_t *at = out->base;
    uint64_t missing = 0;
    *values = 0;
    while (at < out->at && head_rules[*at].size != 0 &&
           head_rules[*at].size <= (size_t)(out->at - at)) {
        const struct head_rule *rule = &head_rules[*at];
        uint64_t count =
            rule->length_size != 0 ? head_length(at + 1, rule->length_size) : rule->count;
        uint64_t body = rule->children != 0 ? 0 : count;
        if (missing == 0) {
            ++*values;
        } else {
            missing--;
        }
        missing += count * rule->children;
        at += rule->size;
        at += body < (size_t)(out->at - at) ? body : (size_t)(out->at - at);
    }
    return missing;
}

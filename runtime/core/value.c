/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading cursor. Its bytes may be hostile: each step checks what it reads against the end, and
 * a value is only handed out whole. Nested values are counted, never recursed into; depth is not
 * limited here because nothing is kept for each level. Pure, any thread.
 */
#include "core/decimal.h"
#include "core/heads.h"

#include <gale/value.h>

/* Numbers: 0xca (float 32) … 0xd3 (int 64). */
static void read_number(const uint8_t *at, struct gale_value *out)
{
    uint64_t bits;
    uint32_t bits32;
    float single;
    out->type = GALE_INT64;
    switch (*at) {
    case 0xca:
        bits32 = head_load_u32(at + 1);
        memcpy(&single, &bits32, sizeof(single));
        out->type = GALE_DOUBLE;
        out->as.number = (double)single;
        return;
    case 0xcb:
        bits = head_load_u64(at + 1);
        memcpy(&out->as.number, &bits, sizeof(bits));
        out->type = GALE_DOUBLE;
        return;
    case 0xcc: out->as.int64 = at[1]; return;
    case 0xcd: out->as.int64 = head_load_u16(at + 1); return;
    case 0xce: out->as.int64 = head_load_u32(at + 1); return;
    case 0xcf:
        out->as.uint64 = head_load_u64(at + 1);
        if (out->as.uint64 > INT64_MAX) {
            out->type = GALE_UINT64;
        } else {
            out->as.int64 = (int64_t)out->as.uint64;
        }
        return;
    case 0xd0: out->as.int64 = (int8_t)at[1]; return;
    case 0xd1: out->as.int64 = (int16_t)head_load_u16(at + 1); return;
    case 0xd2: out->as.int64 = (int32_t)head_load_u32(at + 1); return;
    default: out->as.int64 = (int64_t)head_load_u64(at + 1); return;
    }
}

/* False when an extension is no decimal; out may then have been changed. */
static bool read_bytes(const uint8_t *at, const struct head *head, struct gale_value *out)
{
    uint8_t first = *at;
    if (head_is_ext(first)) {
        out->type = GALE_DECIMAL;
        return decimal_decode(at + head->size - 1, head->count + 1u, &out->as.decimal);
    }
    out->type = first >= 0xc4 && first <= 0xc6 ? GALE_BYTES : GALE_STRING;
    out->as.bytes.data = (const char *)at + head->size;
    out->as.bytes.size = head->count;
    return true;
}

/* Everything but small numbers and short strings. */
static enum gale_err next_any(struct gale_cursor *cursor, struct gale_value *out)
{
    const uint8_t *at = cursor->at;
    struct head head;
    if (at == cursor->end) {
        return GALE_ERR_AGAIN;
    }
    if (!head_read(at, (size_t)(cursor->end - at), &head)) {
        return GALE_ERR_CORRUPT;
    }
    uint8_t first = *at;
    if (head.children != 0) {
        out->type = head.children == 1 ? GALE_LIST : GALE_MAP;
        out->as.count = head.count;
        cursor->at = at + head.size;
        return GALE_OK;
    }
    if (first >= 0xe0) {
        out->type = GALE_INT64;
        out->as.int64 = (int8_t)first;
    } else if (first == 0xc0) {
        out->type = GALE_NIL;
    } else if (first == 0xc2 || first == 0xc3) {
        out->type = GALE_BOOL;
        out->as.boolean = first == 0xc3;
    } else if (first >= 0xca && first <= 0xd3) {
        read_number(at, out);
    } else if (!read_bytes(at, &head, out)) {
        return GALE_ERR_CORRUPT;
    }
    cursor->at = at + head.size + head.count;
    return GALE_OK;
}

enum gale_err gale_cursor_next(struct gale_cursor *cursor, struct gale_value *out)
{
    const uint8_t *at = cursor->at;
    size_t left = (size_t)(cursor->end - at);
    uint8_t first = left > 0 ? *at : 0xc1;
    if (first < 0x80) {
        out->type = GALE_INT64;
        out->as.int64 = first;
        cursor->at = at + 1;
        return GALE_OK;
    }
    size_t size = first & 0x1fu;
    if (GALE_LIKELY((first & 0xe0u) == 0xa0u && size < left)) {
        out->type = GALE_STRING;
        out->as.bytes.data = (const char *)at + 1;
        out->as.bytes.size = size;
        cursor->at = at + 1 + size;
        return GALE_OK;
    }
    return next_any(cursor, out);
}

enum gale_err gale_cursor_skip(struct gale_cursor *cursor)
{
    const uint8_t *at = cursor->at;
    const uint8_t *end = cursor->end;
    if (at == end) {
        return GALE_ERR_AGAIN;
    }
    uint64_t pending = 1;
    do {
        struct head head;
        struct gale_decimal decimal;
        if (!head_read(at, (size_t)(end - at), &head)) {
            return GALE_ERR_CORRUPT;
        }
        const uint8_t *body = at + head.size;
        if (head.children != 0) {
            /* Both terms are at most the bytes left, so the sum cannot overflow. */
            pending += (uint64_t)head.count * head.children;
            at = body;
        } else {
            if (head_is_ext(*at) && !decimal_decode(body - 1, head.count + 1u, &decimal)) {
                return GALE_ERR_CORRUPT;
            }
            at = body + head.count;
        }
        if (--pending > (uint64_t)(end - at)) {
            return GALE_ERR_CORRUPT;
        }
    } while (pending != 0);
    cursor->at = at;
    return GALE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of msgpack values: the first byte and the length behind it say how long a value is and how
 * many values are nested in it. One table serves the cursor, the skips and the validation of bytes
 * from outside, so that they cannot disagree. Interpreting the bytes is value.c's work. Pure.
 */
#ifndef CORE_HEADS_H
#define CORE_HEADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Deepest nesting of lists and maps that is emitted or accepted. */
#define HEAD_DEPTH_MAX 16

/** Extension type of decimals. */
#define HEAD_EXT_DECIMAL 1

/** What a first byte says. The body of a scalar has `count` bytes plus the length field. */
struct head_rule {
    uint8_t size;        /* bytes of the head, length field included; 0: no value begins so */
    uint8_t length_size; /* bytes of the big-endian length behind the first byte */
    uint8_t children;    /* nested values for each unit of count: list 1, map 2, scalar 0 */
    uint8_t count;       /* body bytes, elements or pairs told by the first byte itself */
};

extern const struct head_rule head_rules[256];

/** A head as read: the body has `count` bytes (children 0) or count × children values. */
struct head {
    uint32_t size;
    uint32_t count;
    uint32_t children;
};

static inline uint16_t head_load_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap16(value);
}

static inline uint32_t head_load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap32(value);
}

static inline uint64_t head_load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap64(value);
}

/** Big-endian number of 1, 2 or 4 bytes. */
static inline uint32_t head_length(const uint8_t *at, uint8_t length_size)
{
    if (length_size == 1) {
        return *at;
    }
    return length_size == 2 ? head_load_u16(at) : head_load_u32(at);
}

static inline bool head_is_ext(uint8_t first)
{
    return (first >= 0xd4 && first <= 0xd8) || (first >= 0xc7 && first <= 0xc9);
}

/** Reads the head at `at` with `left` bytes there. False: no head, or its body cannot fit. */
static inline bool head_read(const uint8_t *at, size_t left, struct head *out)
{
    if (left == 0) {
        return false;
    }
    const struct head_rule *rule = &head_rules[*at];
    if (rule->size == 0 || rule->size > left) {
        return false;
    }
    out->size = rule->size;
    out->children = rule->children;
    out->count = rule->count;
    if (rule->length_size != 0) {
        out->count = head_length(at + 1, rule->length_size);
    }
    /* A nested value has at least one byte, so a count beyond the bytes left is a lie. */
    uint64_t needed = rule->children == 2 ? (uint64_t)out->count * 2 : out->count;
    return needed <= left - rule->size;
}

/**
 * Checks one whole value, nested ones included, in one pass without recursion: nesting ≤
 * HEAD_DEPTH_MAX, counts inside the bytes, extensions only when decimals are allowed and then only
 * well-formed decimals. Any bytes are safe.
 * @param elements_left lowered by the number of values seen; running out of it is a refusal.
 * @return behind the value, or NULL when refused.
 */
const uint8_t *head_walk(const uint8_t *at, const uint8_t *end, bool decimals,
                         uint64_t *elements_left);

#endif

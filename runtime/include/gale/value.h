/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values: what a tuple's fields hold, written by gale_put_* (emit.h) and read by cursor or by
 * gale_tuple_* (tuple.h). On the wire and in memory a value is msgpack in its shortest form, so
 * that equal values have equal bytes: fields grouping hashes those bytes. Decimals are extension
 * type 1: one signed byte of scale, then the unscaled value as the fewest big-endian
 * two's-complement bytes (1..16), trailing decimal zeros kept as written.
 */
#ifndef GALE_VALUE_H
#define GALE_VALUE_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Type of a value. An unsigned number that fits int64 is GALE_INT64. */
enum gale_type {
    GALE_NIL = 0,     /**< No value. */
    GALE_BOOL = 1,    /**< true or false. */
    GALE_INT64 = 2,   /**< Signed integer. */
    GALE_UINT64 = 3,  /**< Above INT64_MAX only. */
    GALE_DOUBLE = 4,  /**< IEEE 754 binary64. */
    GALE_STRING = 5,  /**< UTF-8 by convention; not checked. */
    GALE_BYTES = 6,   /**< Any bytes. */
    GALE_DECIMAL = 7, /**< struct gale_decimal. */
    GALE_LIST = 8,    /**< Values one after the other. */
    GALE_MAP = 9      /**< Keys and values in turn. */
};

/** Bytes that belong to somebody else. data may be NULL only when there is no value. */
struct gale_slice {
    const char *data; /**< Not NUL-terminated. */
    size_t size;      /**< Bytes. */
};

/** Exact decimal: (high·2^64 + low) · 10^-scale, |unscaled| < 10^38, scale −38..38. */
struct gale_decimal {
    int64_t high; /**< Upper half of the signed 128-bit unscaled value. */
    uint64_t low; /**< Lower half. */
    int8_t scale; /**< Digits behind the point; negative scales the value up. */
};

/** One value as read. For lists and maps `count` elements (map: 2·count values) follow. */
struct gale_value {
    enum gale_type type; /**< Says which member of `as` holds. */
    union {
        bool boolean;                /**< GALE_BOOL. */
        int64_t int64;               /**< GALE_INT64. */
        uint64_t uint64;             /**< GALE_UINT64. */
        double number;               /**< GALE_DOUBLE. */
        struct gale_slice bytes;     /**< String and bytes: points into the tuple. */
        struct gale_decimal decimal; /**< GALE_DECIMAL. */
        uint32_t count;              /**< List: elements; map: pairs. */
    } as;                            /**< The payload. */
};

/** Reading position in a run of values. Copy it freely; it owns nothing. */
struct gale_cursor {
    const uint8_t *at;  /**< Next unread byte. */
    const uint8_t *end; /**< One past the last byte. */
};

/**
 * Reads the next value and steps behind its head: after a list or map the cursor stands at its
 * first element, so nested values are read by calling again `count` (map: 2·count) times.
 * @param cursor the position; moved only on success.
 * @param out receives the value; slices point into the cursor's bytes and live as long.
 * @return GALE_OK, GALE_ERR_AGAIN at the end, GALE_ERR_CORRUPT for bytes that are no value.
 * Any thread, never blocks, never allocates.
 */
GALE_API enum gale_err gale_cursor_next(struct gale_cursor *cursor, struct gale_value *out);

/**
 * Steps over one whole value, nested ones included, without recursion.
 * @param cursor the position; moved only on success.
 * @return as gale_cursor_next. Any thread, never blocks.
 */
GALE_API enum gale_err gale_cursor_skip(struct gale_cursor *cursor);

/**
 * Parses a decimal such as "-12.50" (scale 2). Accepts an exponent ("1e3").
 * @param text not NUL-terminated. @param size its bytes.
 * @param out receives the number; untouched on error.
 * @return GALE_OK, GALE_ERR_INVALID (no number), GALE_ERR_LIMIT (more than 38 digits).
 * Any thread, never blocks.
 */
GALE_API enum gale_err gale_decimal_parse(const char *text, size_t size,
                                          struct gale_decimal *out);

/**
 * Writes a decimal as text with exactly `scale` digits behind the point ("-12.50").
 * @param value the number, given by pointer, unchanged.
 * @param out receives the text; always NUL-terminated when size > 0. @param size its room in
 * bytes: 48 suffice for scales 0..38; a negative scale is written with its zeros (80 suffice).
 * @return the number of characters without the NUL, or 0 when `size` is too small.
 */
GALE_API size_t gale_decimal_format(const struct gale_decimal *value, char *out, size_t size);

/**
 * Adds two decimals exactly; the result has the larger scale.
 * @param a,b the numbers; unchanged. @param out may alias either.
 * @return GALE_OK or GALE_ERR_LIMIT when the sum needs more than 38 digits (out untouched).
 */
GALE_API enum gale_err gale_decimal_add(const struct gale_decimal *a,
                                        const struct gale_decimal *b, struct gale_decimal *out);

/**
 * Compares by numeric value (1.0 equals 1.00).
 * @param a,b the numbers; unchanged.
 * @return -1, 0 or 1. Any thread, never blocks.
 */
GALE_API int gale_decimal_compare(const struct gale_decimal *a, const struct gale_decimal *b);

/**
 * Builds a decimal from an integer and a scale: gale_decimal_from_int64(1250, 2) is 12.50.
 * @param unscaled the digits. @param scale −38..38, clamped.
 * @return the decimal.
 */
GALE_API struct gale_decimal gale_decimal_from_int64(int64_t unscaled, int8_t scale);

#ifdef __cplusplus
}
#endif
#endif

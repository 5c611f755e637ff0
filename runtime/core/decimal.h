/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimals on the wire (arithmetic and text: gale/value.h). The body of the extension with its type:
 *
 *      0  u8 type    HEAD_EXT_DECIMAL
 *      1  i8 scale   −38 … 38
 *      2  unscaled   1 … 16 bytes, big-endian two's complement, |unscaled| < 10^38
 *
 * Pure, any thread.
 */
#ifndef CORE_DECIMAL_H
#define CORE_DECIMAL_H

#include <gale/value.h>

#define DECIMAL_DIGITS_MAX 38
#define DECIMAL_SCALE_MAX 38
#define DECIMAL_BODY_MAX 18u /* type, scale and 16 bytes */

/** Reads type, scale and number from `size` bytes: false when they are no decimal. Any bytes are
 *  safe; more bytes than needed (leading sign bytes) are accepted. */
bool decimal_decode(const uint8_t *body, size_t size, struct gale_decimal *out);
/** Writes type, scale and number in the fewest bytes. @return bytes written (3 … DECIMAL_BODY_MAX),
 *  or 0 when the value is outside a decimal's range. */
size_t decimal_encode(const struct gale_decimal *value, uint8_t out[DECIMAL_BODY_MAX]);

#endif

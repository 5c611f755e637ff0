/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of msgpack bytes from outside before anything reads them: one pass, no recursion, no
 * allocation; every declared count ≤ bytes left, nesting ≤ SCAN_DEPTH_MAX. Extension types other
 * than decimals (type 1, 2..17 bytes), str/bin of 32-bit sizes beyond the bytes, and 0xc1 are refused.
 * Float32 is accepted and read as double. Pure.
 */
#ifndef CODEC_SCAN_H
#define CODEC_SCAN_H

#include <gale/errors.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_DEPTH_MAX 16
/** Values of one message, nested ones included: bounds what msgpack-c allocates to 24 MiB. */
#define SCAN_ELEMENTS_MAX (1u << 20)

/** Checks that `data` holds exactly `values_count` whole top-level values and not a byte more.
 *  Hot: each batch that comes from another worker passes here once. */
enum gale_err scan_values(const uint8_t *data, size_t size, uint64_t values_count);
/** As above for messages of msgpack-c: exactly one value, any msgpack type but ext; depth ≤ 16,
 *  at most SCAN_ELEMENTS_MAX values. */
enum gale_err scan_message(const uint8_t *data, size_t size);

#endif

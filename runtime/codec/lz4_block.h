/* SPDX-License-Identifier: Apache-2.0 */
/* LZ4 blocks: the only way to the library. Sizes are known from outside the block, and the caller
 * has bounded them. Pure, any thread. */
#ifndef CODEC_LZ4_BLOCK_H
#define CODEC_LZ4_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most that one byte of a block can stand for: a larger claim is a lie. */
#define LZ4_BLOCK_RATIO_MAX 255u

/** Compresses `size` bytes into at most `room` bytes. @return the block's size, 0 when it does not
 *  fit (not an error: the data do not compress). */
size_t lz4_block_compress(const uint8_t *raw, size_t size, uint8_t *out, size_t room);
/** Decompresses hostile bytes into exactly `raw_size` bytes at `out`. False: the block is damaged
 *  or has another size; `out` then holds garbage. */
bool lz4_block_decompress(const uint8_t *block, size_t size, uint8_t *out, size_t raw_size);

#endif

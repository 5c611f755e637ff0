/* SPDX-License-Identifier: Apache-2.0 */
/* Adapter of liblz4's block interface; see lz4_block.h. Decompression uses only the bounds-checked
 * call and insists on the declared size. Pure, any thread. */
#include "codec/lz4_block.h"

#include <limits.h>
#include <lz4.h>

size_t lz4_block_compress(const uint8_t *raw, size_t size, uint8_t *out, size_t room)
{
    if (size == 0 || size > LZ4_MAX_INPUT_SIZE || room == 0) {
        return 0;
    }
    int room_max = room > INT_MAX ? INT_MAX : (int)room;
    int written = LZ4_compress_default((const char *)raw, (char *)out, (int)size, room_max);
    return written > 0 ? (size_t)written : 0;
}

bool lz4_block_decompress(const uint8_t *block, size_t size, uint8_t *out, size_t raw_size)
{
    if (size == 0 || size > INT_MAX || raw_size == 0 || raw_size > INT_MAX ||
        raw_size > size * LZ4_BLOCK_RATIO_MAX) {
        return false;
    }
    int written =
        LZ4_decompress_safe((const char *)block, (char *)out, (int)size, (int)raw_size);
    return written >= 0 && (size_t)written == raw_size;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LZ4 adapter: the input as a hostile block of a declared size (its first three bytes), and the
 * input as data that must survive compression.
 */
#include "base/assert.h"
#include "codec/lz4_block.h"

#include <stdlib.h>
#include <string.h>

#define RAW_SIZE_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_block(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return;
    }
    size_t raw_size = ((size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16);
    if (raw_size == 0 || raw_size > RAW_SIZE_MAX) {
        return;
    }
    uint8_t *raw = malloc(raw_size);
    GALE_ASSERT(raw != NULL);
    if (lz4_block_decompress(data + 3, size - 3, raw, raw_size)) {
        GALE_ASSERT(raw_size <= (size - 3) * LZ4_BLOCK_RATIO_MAX);
        /* Every byte of an accepted block is written: the memory sanitizer would see others. */
        volatile uint8_t sum = 0;
        for (size_t i = 0; i < raw_size; i++) {
            sum = (uint8_t)(sum + raw[i]);
        }
    }
    free(raw);
}

static void check_round_trip(const uint8_t *data, size_t size)
{
    uint8_t *block = malloc(size + 1);
    uint8_t *back = malloc(size + 1);
    GALE_ASSERT(block != NULL && back != NULL);
    size_t written = lz4_block_compress(data, size, block, size);
    GALE_ASSERT(written <= size);
    if (written > 0) {
        GALE_ASSERT(lz4_block_decompress(block, written, back, size));
        GALE_ASSERT(memcmp(back, data, size) == 0);
        GALE_ASSERT(!lz4_block_decompress(block, written, back, size + 1));
        GALE_ASSERT(!lz4_block_decompress(block, written - 1, back, size));
    }
    free(block);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_block(data, size);
    check_round_trip(data, size);
    return 0;
}

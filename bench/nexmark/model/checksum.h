/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksum of a set of rows whatever their order: the sum of the hashes of the rows. Every bit of a row
 * reaches every bit of its hash (two products folded per 16 bytes, one at the end), so that a changed,
 * missing or doubled row changes the sum but with a chance of about 2^-64. Not for hostile input.
 */
#ifndef NEXMARK_CHECKSUM_H
#define NEXMARK_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t checksum_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t checksum_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/** Hash of one row. @param row its values as msgpack, one after the other. @param size bytes. */
static inline uint64_t checksum_row(const uint8_t *row, size_t size)
{
    const uint64_t first = UINT64_C(0xbb67ae8584caa73b);
    const uint64_t second = UINT64_C(0x3c6ef372fe94f82b);
    uint64_t hash = size * first + second;
    size_t at = 0;
    for (; size - at >= 16; at += 16) {
        hash = checksum_fold(checksum_word(row + at) ^ first ^ hash,
                             checksum_word(row + at + 8) ^ second);
    }
    uint8_t rest[16] = {0};
    memcpy(rest, row + at, size - at);
    hash = checksum_fold(checksum_word(rest) ^ first ^ hash, checksum_word(rest + 8) ^ second);
    return checksum_fold(hash ^ first, second);
}

#endif

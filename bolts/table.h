/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting table of the count bolt: key bytes → u64. Open addressing with linear probing; a slot is
 * 32 bytes and holds keys up to 16 bytes itself, so that a known short key costs one cache line and
 * no comparison loop. Longer keys lie in an arena that is freed whole. Never reads beyond a key's
 * bytes. Invariants: at most half of the slots are used; keys are never removed. One owner task.
 */
#ifndef BOLTS_TABLE_H
#define BOLTS_TABLE_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TABLE_INLINE_MAX 16
#define TABLE_KEY_MAX ((size_t)1 << 20)

struct table_slot {
    uint64_t low;  /* Key bytes 0..7, zero-padded; of a long key: its hash. */
    uint64_t high; /* Key bytes 8..15, zero-padded; of a long key: pointer to its bytes. */
    uint64_t count;
    uint32_t size;    /* Of the key in bytes plus 1; 0: the slot is free. */
    uint32_t changed; /* Not 0: counted since the last table_clear_changed of this slot. */
};

struct table_chunk;

/** Zero-initialise, then table_init. */
struct table {
    struct table_slot *slots;
    uint64_t mask; /* Number of slots - 1. */
    uint64_t used;
    uint64_t used_max;
    struct table_chunk *chunks; /* Arena of long keys, newest first. */
};

/** Makes an empty table for up to keys_max keys. GALE_ERR_NOMEM. */
enum gale_err table_init(struct table *table, uint64_t keys_max);
/** Frees everything. */
void table_fini(struct table *table);
/** Bytes of a slot's key; good until the next change of the table. */
const uint8_t *table_key(const struct table_slot *slot, size_t *size);
/** The general case of table_add: new and long keys. */
enum gale_err table_add_any(struct table *table, const uint8_t *key, size_t size,
                            uint64_t **out);

/* Bytes 0..size-1 as a zero-padded little-endian number, size 1..8, reading only those. */
static inline uint64_t table_load(const uint8_t *key, size_t size)
{
    if (size == 8) {
        uint64_t value;
        memcpy(&value, key, 8);
        return value;
    }
    if (size >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, key, 4);
        memcpy(&last, key + size - 4, 4);
        return first | (uint64_t)last << (8 * (size - 4));
    }
    return key[0] | (uint64_t)key[size >> 1] << (8 * (size >> 1)) |
           (uint64_t)key[size - 1] << (8 * (size - 1));
}

static inline void table_load_short(const uint8_t *key, size_t size, uint64_t *low,
                                    uint64_t *high)
{
    if (size < 8) {
        *low = table_load(key, size);
        *high = 0;
        return;
    }
    uint64_t last;
    memcpy(low, key, 8);
    memcpy(&last, key + size - 8, 8);
    /* The last 8 bytes overlap the first; what is new moves down. A shift by 64 (size 8) is not
     * defined, hence two halves. */
    unsigned half = (unsigned)(4 * (16 - size));
    *high = last >> half >> half;
}

static inline uint64_t table_hash(uint64_t low, uint64_t high, size_t size)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(low ^ 0xa0761d6478bd642fu ^ size) * (high ^ 0xe7037ed1a0b428dbu);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/**
 * Finds a key's count, adding it with 0 when new.
 * @param key copied when new. @param size 1..TABLE_KEY_MAX. @param out good until the next add;
 * the slot's `changed` is set.
 * @return GALE_OK, GALE_ERR_LIMIT (keys_max or TABLE_KEY_MAX), GALE_ERR_NOMEM.
 */
static inline enum gale_err table_add(struct table *table, const uint8_t *key, size_t size,
                                      uint64_t **out)
{
    if (size - 1 < TABLE_INLINE_MAX) {
        uint64_t low;
        uint64_t high;
        table_load_short(key, size, &low, &high);
        struct table_slot *slot = &table->slots[table_hash(low, high, size) & table->mask];
        if (slot->low == low && slot->high == high && slot->size == size + 1) {
            slot->changed = 1;
            *out = &slot->count;
            return GALE_OK;
        }
    }
    return table_add_any(table, key, size, out);
}

#endif

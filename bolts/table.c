/* SPDX-License-Identifier: Apache-2.0 */
/* Slow paths of the counting table: probing, new keys, growth, long keys; see table.h. Pure. */
#include "bolts/table.h"

#include <stdlib.h>

#define TABLE_SLOTS_FIRST 1024
#define TABLE_CHUNK_SIZE ((size_t)64 * 1024)

struct table_chunk {
    struct table_chunk *next;
    size_t used;
    size_t size;
    uint8_t bytes[];
};

enum gale_err table_init(struct table *table, uint64_t keys_max)
{
    *table = (struct table){.mask = TABLE_SLOTS_FIRST - 1, .used_max = keys_max};
    table->slots = calloc(TABLE_SLOTS_FIRST, sizeof(*table->slots));
    return table->slots != NULL ? GALE_OK : GALE_ERR_NOMEM;
}

void table_fini(struct table *table)
{
    while (table->chunks != NULL) {
        struct table_chunk *next = table->chunks->next;
        free(table->chunks);
        table->chunks = next;
    }
    free(table->slots);
    *table = (struct table){0};
}

static bool is_long(const struct table_slot *slot)
{
    return slot->size > TABLE_INLINE_MAX + 1;
}

static const uint8_t *long_key(const struct table_slot *slot)
{
    return (const uint8_t *)(uintptr_t)slot->high;
}

const uint8_t *table_key(const struct table_slot *slot, size_t *size)
{
    *size = slot->size - 1;
    return is_long(slot) ? long_key(slot) : (const uint8_t *)&slot->low;
}

static uint64_t hash_long(const uint8_t *key, size_t size)
{
    uint64_t hash = size;
    const uint8_t *at = key;
    size_t left = size;
    while (left > 16) {
        uint64_t low;
        uint64_t high;
        table_load_short(at, 16, &low, &high);
        hash = table_hash(low ^ hash, high, size);
        at += 16;
        left -= 16;
    }
    uint64_t low;
    uint64_t high;
    table_load_short(key + size - 16, 16, &low, &high);
    return table_hash(low ^ hash, high, size);
}

static uint64_t slot_hash(const struct table_slot *slot)
{
    return is_long(slot) ? slot->low : table_hash(slot->low, slot->high, slot->size - 1);
}

/* Doubles the slots and puts every used one to its new place. */
static enum gale_err grow(struct table *table)
{
    uint64_t mask = table->mask * 2 + 1;
    struct table_slot *slots = calloc(mask + 1, sizeof(*slots));
    if (slots == NULL) {
        return GALE_ERR_NOMEM;
    }
    for (uint64_t i = 0; i <= table->mask; i++) {
        const struct table_slot *slot = &table->slots[i];
        if (slot->size == 0) {
            continue;
        }
        uint64_t at = slot_hash(slot) & mask;
        while (slots[at].size != 0) {
            at = (at + 1) & mask;
        }
        slots[at] = *slot;
    }
    free(table->slots);
    table->slots = slots;
    table->mask = mask;
    return GALE_OK;
}

static uint8_t *arena_copy(struct table *table, const uint8_t *key, size_t size)
{
    struct table_chunk *chunk = table->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t room = size > TABLE_CHUNK_SIZE ? size : TABLE_CHUNK_SIZE;
        chunk = malloc(sizeof(*chunk) + room);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = table->chunks;
        chunk->used = 0;
        chunk->size = room;
        table->chunks = chunk;
    }
    uint8_t *copy = chunk->bytes + chunk->used;
    memcpy(copy, key, size);
    chunk->used += size;
    return copy;
}

/* The slot of the key, or the free slot where it belongs. */
static struct table_slot *find(const struct table *table, const struct table_slot *wanted,
                               const uint8_t *key)
{
    uint64_t at = slot_hash(wanted) & table->mask;
    for (;;) {
        struct table_slot *slot = &table->slots[at];
        if (slot->size == 0) {
            return slot;
        }
        if (slot->size == wanted->size && slot->low == wanted->low) {
            bool same = is_long(wanted) ? memcmp(long_key(slot), key, wanted->size - 1) == 0
                                        : slot->high == wanted->high;
            if (same) {
                return slot;
            }
        }
        at = (at + 1) & table->mask;
    }
}

enum gale_err table_add_any(struct table *table, const uint8_t *key, size_t size,
                            uint64_t **out)
{
    if (size == 0 || size > TABLE_KEY_MAX) {
        return GALE_ERR_LIMIT;
    }
    struct table_slot wanted = {.size = (uint32_t)size + 1, .changed = 1};
    if (size <= TABLE_INLINE_MAX) {
        table_load_short(key, size, &wanted.low, &wanted.high);
    } else {
        wanted.low = hash_long(key, size);
    }
    struct table_slot *slot = find(table, &wanted, key);
    if (slot->size == 0) {
        if (table->used >= table->used_max) {
            return GALE_ERR_LIMIT;
        }
        if (table->used * 2 > table->mask) {
            enum gale_err err = grow(table);
            if (err != GALE_OK) {
                return err;
            }
            slot = find(table, &wanted, key);
        }
        if (size > TABLE_INLINE_MAX) {
            const uint8_t *copy = arena_copy(table, key, size);
            if (copy == NULL) {
                return GALE_ERR_NOMEM;
            }
            wanted.high = (uintptr_t)copy;
        }
        *slot = wanted;
        table->used++;
    }
    slot->changed = 1;
    *out = &slot->count;
    return GALE_OK;
}

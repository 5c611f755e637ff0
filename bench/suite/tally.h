/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts by key, for exact checks: read from a file of lines "KEY TAB COUNT" that a topology wrote,
 * or counted here, and compared. Keys are text without tab and newline. Owned by the caller, one
 * thread.
 */
#ifndef SUITE_TALLY_H
#define SUITE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TALLY_KEY_SIZE = 128, TALLY_KEYS_MAX = 1 << 22 };

struct tally_entry {
    char *key;
    uint64_t count;
};

struct tally {
    struct tally_entry *entries; /* Open addressing; a free one has no key. */
    size_t capacity;             /* A power of two, or 0. */
    size_t count;                /* Of keys. */
    uint64_t sum;                /* Of counts. */
};

void tally_init(struct tally *tally);
void tally_fini(struct tally *tally);
/** Adds `count` to a key of `size` bytes. */
void tally_add(struct tally *tally, const char *key, size_t size, uint64_t count);
/** Count of a key, 0 when it is not there. */
uint64_t tally_of(const struct tally *tally, const char *key);
/** Reads a file; a key that comes twice is an error. @param error says what is wrong.
 *  @return false with an error. */
bool tally_read(struct tally *tally, const char *path, char *error, size_t error_size);
/** Compares; the first difference (in no order) is put into words. @return true when equal. */
bool tally_equal(const struct tally *found, const struct tally *wanted, char *error,
                 size_t error_size);

#endif

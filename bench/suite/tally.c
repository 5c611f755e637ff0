/* SPDX-License-Identifier: Apache-2.0 */
/* Counts by key; see tally.h. */
#include "suite/tally.h"

#include "base/hash.h"
#include "suite/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TALLY_FIRST = 64, TALLY_LINE_SIZE = TALLY_KEY_SIZE + 32 };

void tally_init(struct tally *tally)
{
    memset(tally, 0, sizeof *tally);
}

void tally_fini(struct tally *tally)
{
    for (size_t i = 0; i < tally->capacity; i++) {
        free(tally->entries[i].key);
    }
    free(tally->entries);
    memset(tally, 0, sizeof *tally);
}

static struct tally_entry *place_of(const struct tally *tally, const char *key, size_t size)
{
    size_t at = (size_t)hash64(key, size, 0) & (tally->capacity - 1);
    while (tally->entries[at].key != NULL && (strncmp(tally->entries[at].key, key, size) != 0 ||
                                              tally->entries[at].key[size] != 0)) {
        at = (at + 1) & (tally->capacity - 1);
    }
    return &tally->entries[at];
}

static void grow(struct tally *tally)
{
    struct tally old = *tally;
    tally->capacity = old.capacity > 0 ? old.capacity * 2 : TALLY_FIRST;
    tally->entries = suite_alloc(tally->capacity, sizeof tally->entries[0]);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.entries[i].key != NULL) {
            *place_of(tally, old.entries[i].key, strlen(old.entries[i].key)) = old.entries[i];
        }
    }
    free(old.entries);
}

void tally_add(struct tally *tally, const char *key, size_t size, uint64_t count)
{
    if (tally->count * 2 >= tally->capacity) {
        grow(tally);
    }
    struct tally_entry *entry = place_of(tally, key, size);
    if (entry->key == NULL) {
        entry->key = suite_alloc(size + 1, 1);
        memcpy(entry->key, key, size);
        tally->count++;
    }
    entry->count += count;
    tally->sum += count;
}

uint64_t tally_of(const struct tally *tally, const char *key)
{
    return tally->capacity > 0 ? place_of(tally, key, strlen(key))->count : 0;
}

/* One line "KEY TAB COUNT NEWLINE". */
static bool read_line(struct tally *tally, const char *line)
{
    const char *tab = strchr(line, '\t');
    char *end = NULL;
    if (tab == NULL || tab == line || (size_t)(tab - line) >= TALLY_KEY_SIZE || tab[1] < '0' ||
        tab[1] > '9' || tally->count >= TALLY_KEYS_MAX) {
        return false;
    }
    errno = 0;
    uint64_t count = strtoull(tab + 1, &end, 10);
    size_t before = tally->count;
    tally_add(tally, line, (size_t)(tab - line), count);
    return errno == 0 && *end == '\n' && tally->count == before + 1;
}

bool tally_read(struct tally *tally, const char *path, char *error, size_t error_size)
{
    char line[TALLY_LINE_SIZE];
    FILE *file = fopen(path, "re");
    bool is_right = file != NULL;
    if (file == NULL) {
        snprintf(error, error_size, "the run left no result: cannot read %s: %s", path,
                 strerror(errno));
        return false;
    }
    for (size_t number = 1; is_right && fgets(line, sizeof line, file) != NULL; number++) {
        is_right = read_line(tally, line);
        if (!is_right) {
            line[strcspn(line, "\n")] = 0;
            snprintf(error, error_size,
                     "line %zu of the result is not one more word and its count: \"%.60s\"",
                     number, line);
        }
    }
    fclose(file);
    return is_right;
}

bool tally_equal(const struct tally *found, const struct tally *wanted, char *error,
                 size_t error_size)
{
    for (size_t i = 0; i < wanted->capacity; i++) {
        const struct tally_entry *entry = &wanted->entries[i];
        if (entry->key != NULL && tally_of(found, entry->key) != entry->count) {
            snprintf(error, error_size, "\"%.60s\" was counted %" PRIu64 " times, not %" PRIu64,
                     entry->key, tally_of(found, entry->key), entry->count);
            return false;
        }
    }
    for (size_t i = 0; i < found->capacity; i++) {
        const struct tally_entry *entry = &found->entries[i];
        if (entry->key != NULL && entry->count != tally_of(wanted, entry->key)) {
            snprintf(error, error_size,
                     "\"%.60s\" was counted %" PRIu64 " times, but never sent", entry->key,
                     entry->count);
            return false;
        }
    }
    return true;
}

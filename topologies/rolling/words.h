/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of words with a few numbers each: a chained hash that grows. Owned by one task; words are
 * allocated when they are new, never for each tuple. Not a general map: no order, one key type.
 */
#ifndef ROLLING_WORDS_H
#define ROLLING_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct word {
    struct word *next;
    uint64_t hash;
    const char *text; /* Not NUL-terminated. */
    size_t size;
    int64_t numbers[]; /* As many as the table says, 0 at first; the text lies behind them. */
};

struct words {
    struct word **chains;
    size_t chains_count; /* A power of two. */
    size_t words_count;
    size_t numbers_count; /* Of each word. */
};

static inline int words_init(struct words *words, size_t numbers_count)
{
    words->chains_count = 64;
    words->words_count = 0;
    words->numbers_count = numbers_count;
    words->chains = calloc(words->chains_count, sizeof(struct word *));
    return words->chains != NULL;
}

static inline void words_fini(struct words *words)
{
    for (size_t i = 0; i < words->chains_count; i++) {
        for (struct word *word = words->chains[i]; word != NULL;) {
            struct word *next = word->next;
            free(word);
            word = next;
        }
    }
    free(words->chains);
    words->chains = NULL;
    words->chains_count = 0;
}

/* Twice as many chains; without memory for them the old ones serve on, only slower. */
static inline void words_grow(struct words *words)
{
    size_t count = words->chains_count * 2;
    struct word **chains = calloc(count, sizeof(struct word *));
    if (chains == NULL) {
        return;
    }
    for (size_t i = 0; i < words->chains_count; i++) {
        for (struct word *word = words->chains[i]; word != NULL;) {
            struct word *next = word->next;
            word->next = chains[word->hash & (count - 1)];
            chains[word->hash & (count - 1)] = word;
            word = next;
        }
    }
    free(words->chains);
    words->chains = chains;
    words->chains_count = count;
}

/* The word, new if need be; NULL without memory. */
static inline struct word *words_get(struct words *words, const char *text, size_t size)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    }
    struct word *word = words->chains[hash & (words->chains_count - 1)];
    for (; word != NULL; word = word->next) {
        if (word->hash == hash && word->size == size && memcmp(word->text, text, size) == 0) {
            return word;
        }
    }
    size_t numbers_size = words->numbers_count * sizeof(int64_t);
    word = calloc(1, sizeof(*word) + numbers_size + size + 1);
    if (word == NULL) {
        return NULL;
    }
    if (words->words_count++ >= words->chains_count) {
        words_grow(words);
    }
    char *copy = (char *)word + sizeof(*word) + numbers_size;
    memcpy(copy, text, size);
    word->hash = hash;
    word->text = copy;
    word->size = size;
    word->next = words->chains[hash & (words->chains_count - 1)];
    words->chains[hash & (words->chains_count - 1)] = word;
    return word;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has come out of a run, seen from outside: files of lines "NUMBER TEXT" that its tasks append
 * to, read on while they grow. Knows which numbers came, which came twice, and how far each source
 * has got; number n belongs to source n mod sources. A line that a killed process left unfinished is
 * no arrival. Owned by the caller, one thread.
 */
#ifndef SUITE_ARRIVALS_H
#define SUITE_ARRIVALS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARRIVALS_FILES_MAX = 16, ARRIVALS_LINE_SIZE = 256 };

struct arrivals_file {
    int fd; /* -1: not there yet. */
    char path[PATH_MAX];
    char rest[ARRIVALS_LINE_SIZE]; /* The line whose end has not come. */
    size_t rest_size;
};

struct arrivals {
    struct arrivals_file files[ARRIVALS_FILES_MAX];
    unsigned files_count;
    const char *text;                    /* Behind the number and a blank. */
    uint8_t *seen;                       /* A bit for each number. */
    uint64_t expected;                   /* Numbers 0 … expected − 1. */
    uint64_t fronts[ARRIVALS_FILES_MAX]; /* Of each source: largest number + 1. */
    uint64_t lines, distinct;
    uint64_t broken; /* Lines that are none of ours, cut ones included. */
};

/** @param prefix of the files PREFIX.0 … PREFIX.(files − 1); as many sources as files.
 *  @param text stays the caller's. */
void arrivals_init(struct arrivals *arrivals, const char *prefix, unsigned files,
                   const char *text, uint64_t expected);
void arrivals_fini(struct arrivals *arrivals);
/** Reads what is new. @return the number of lines. */
uint64_t arrivals_read(struct arrivals *arrivals);
/** How many numbers the slowest source has got to, in numbers of all: with n, every source has
 *  brought one of its last numbers below n. */
uint64_t arrivals_front(const struct arrivals *arrivals);

#endif

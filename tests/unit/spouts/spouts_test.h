/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of spouts share: benches, comparing lines and ids, files in a new directory. */
#ifndef TESTS_UNIT_SPOUTS_SPOUTS_TEST_H
#define TESTS_UNIT_SPOUTS_SPOUTS_TEST_H

#include "spouts/builtin.h"
#include "testing/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static inline struct gale_bench *bench_of(const struct gale_spout_ops *ops, const char *options)
{
    struct gale_error error = {0};
    struct gale_bench *bench = gale_bench_spout(ops, options, &error);
    if (bench == NULL) {
        fail_msg("no bench: %s", error.text);
    }
    return bench;
}

static inline struct gale_bench *bench_at(const struct gale_spout_ops *ops, const char *options,
                                          const void *position, size_t size)
{
    struct gale_error error = {0};
    struct gale_bench *bench = bench_spout_at(ops, options, position, size, &error);
    if (bench == NULL) {
        fail_msg("no bench: %s", error.text);
    }
    return bench;
}

static inline void refuses(const struct gale_spout_ops *ops, const char *options,
                           const char *part)
{
    struct gale_error error = {0};
    struct gale_bench *bench = gale_bench_spout(ops, options, &error);
    if (bench != NULL) {
        gale_bench_free(bench);
        fail_msg("accepted: %s", options);
    }
    if (strstr(error.text, part) == NULL) {
        fail_msg("`%s` lacks `%s`", error.text, part);
    }
}

/* Takes one tuple whose values are `expected`; returns its message id. */
static inline uint64_t takes(struct gale_bench *bench, const char *expected)
{
    const char *taken = gale_bench_take(bench);
    if (taken == NULL) {
        fail_msg("expected %s, got nothing", expected);
        return 0;
    }
    const char *mark = strrchr(taken, '#');
    assert_non_null(mark);
    size_t size = strlen(expected);
    if (strncmp(taken, "default ", 8) != 0 || strncmp(taken + 8, expected, size) != 0 ||
        taken + 8 + size + 1 != mark) {
        fail_msg("expected %s, got %s", expected, taken);
    }
    return strtoull(mark + 1, NULL, 10);
}

static inline void takes_nothing(struct gale_bench *bench)
{
    const char *taken = gale_bench_take(bench);
    if (taken != NULL) {
        fail_msg("expected nothing, got %s", taken);
    }
}

#endif

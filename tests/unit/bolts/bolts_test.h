/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of bolts share: making a bench, giving tuples, comparing what comes out. */
#ifndef TESTS_UNIT_BOLTS_BOLTS_TEST_H
#define TESTS_UNIT_BOLTS_BOLTS_TEST_H

#include "bolts/builtin.h"
#include "testing/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static inline struct gale_bench *bench_of(const struct gale_bolt_ops *ops, const char *fields,
                                          const char *options)
{
    struct gale_error error = {0};
    struct gale_bench *bench = gale_bench_bolt(ops, fields, options, &error);
    if (bench == NULL) {
        fail_msg("no bench: %s", error.text);
    }
    return bench;
}

/* The options are refused with a message that holds `part`. */
static inline void refuses(const struct gale_bolt_ops *ops, const char *fields,
                           const char *options, const char *part)
{
    struct gale_error error = {0};
    struct gale_bench *bench = gale_bench_bolt(ops, fields, options, &error);
    if (bench != NULL) {
        gale_bench_free(bench);
        fail_msg("accepted: %s", options);
    }
    if (strstr(error.text, part) == NULL) {
        fail_msg("`%s` lacks `%s`", error.text, part);
    }
}

static inline void give(struct gale_bench *bench, const char *tuple)
{
    assert_int_equal(gale_bench_give(bench, tuple), GALE_OK);
}

static inline void takes(struct gale_bench *bench, const char *expected)
{
    const char *taken = gale_bench_take(bench);
    if (expected == NULL || taken == NULL) {
        if (expected != taken) {
            fail_msg("expected %s, got %s", expected ? expected : "nothing",
                     taken ? taken : "nothing");
        }
        return;
    }
    assert_string_equal(taken, expected);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers in expressions: exact comparison across types and arithmetic without undefined cases. A
 * decimal meets an integer exactly and a double as a double. long double holds every 64-bit integer
 * and every double exactly on the supported machines (x86-64, aarch64).
 */
#include "expression/expression_program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DECIMAL_TEXT_MAX 96

static const struct gale_value null_value = {.type = GALE_NIL, .as = {.int64 = 0}};

static bool is_number(const struct gale_value *value)
{
    return value->type == GALE_INT64 || value->type == GALE_UINT64 ||
           value->type == GALE_DOUBLE || value->type == GALE_DECIMAL;
}

static bool is_text(const struct gale_value *value)
{
    return value->type == GALE_STRING || value->type == GALE_BYTES;
}

static long double to_float(const struct gale_value *value)
{
    if (value->type == GALE_INT64) {
        return (long double)value->as.int64;
    }
    if (value->type == GALE_UINT64) {
        return (long double)value->as.uint64;
    }
    if (value->type == GALE_DOUBLE) {
        return (long double)value->as.number;
    }
    char text[DECIMAL_TEXT_MAX];
    gale_decimal_format(&value->as.decimal, text, sizeof(text));
    return (long double)strtod(text, NULL);
}

static struct gale_decimal to_decimal(const struct gale_value *value)
{
    if (value->type == GALE_DECIMAL) {
        return value->as.decimal;
    }
    if (value->type == GALE_UINT64) {
        return (struct gale_decimal){.high = 0, .low = value->as.uint64, .scale = 0};
    }
    return gale_decimal_from_int64(value->as.int64, 0);
}

static int compare_numbers(const struct gale_value *a, const struct gale_value *b)
{
    bool has_double = a->type == GALE_DOUBLE || b->type == GALE_DOUBLE;
    if (!has_double && (a->type == GALE_DECIMAL || b->type == GALE_DECIMAL)) {
        struct gale_decimal left = to_decimal(a);
        struct gale_decimal right = to_decimal(b);
        return gale_decimal_compare(&left, &right);
    }
    long double left = to_float(a);
    long double right = to_float(b);
    if (isnan(left) || isnan(right)) {
        return 2;
    }
    return (left > right) - (left < right);
}

static int compare_bytes(struct gale_slice a, struct gale_slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return (a.size > b.size) - (a.size < b.size);
}

int expression_compare(const struct gale_value *a, const struct gale_value *b)
{
    if (is_number(a) && is_number(b)) {
        return compare_numbers(a, b);
    }
    if (is_text(a) && is_text(b)) {
        return compare_bytes(a->as.bytes, b->as.bytes);
    }
    if (a->type == GALE_BOOL && b->type == GALE_BOOL) {
        return a->as.boolean - b->as.boolean;
    }
    return a->type == GALE_NIL && b->type == GALE_NIL ? 0 : 2;
}

static struct gale_value integers(enum step_kind kind, int64_t a, int64_t b)
{
    struct gale_value result = {.type = GALE_INT64, .as.int64 = 0};
    bool bad = false;
    if (kind == STEP_ADD) {
        bad = __builtin_add_overflow(a, b, &result.as.int64);
    } else if (kind == STEP_SUBTRACT) {
        bad = __builtin_sub_overflow(a, b, &result.as.int64);
    } else if (kind == STEP_MULTIPLY) {
        bad = __builtin_mul_overflow(a, b, &result.as.int64);
    } else if (b == 0 || (a == INT64_MIN && b == -1)) {
        bad = true;
    } else {
        result.as.int64 = kind == STEP_DIVIDE ? a / b : a % b;
    }
    return bad ? null_value : result;
}

static struct gale_value doubles(enum step_kind kind, double a, double b)
{
    struct gale_value result = {.type = GALE_DOUBLE, .as.number = 0};
    if (kind == STEP_ADD) {
        result.as.number = a + b;
    } else if (kind == STEP_SUBTRACT) {
        result.as.number = a - b;
    } else if (kind == STEP_MULTIPLY) {
        result.as.number = a * b;
    } else if (kind == STEP_DIVIDE) {
        result.as.number = a / b;
    } else {
        result.as.number = fmod(a, b);
    }
    return result;
}

static struct gale_value decimals(enum step_kind kind, const struct gale_value *a,
                                  const struct gale_value *b)
{
    struct gale_decimal left = to_decimal(a);
    struct gale_decimal right = to_decimal(b);
    struct gale_value result = {.type = GALE_DECIMAL, .as.int64 = 0};
    if (kind != STEP_ADD && kind != STEP_SUBTRACT) {
        return null_value;
    }
    if (kind == STEP_SUBTRACT) {
        /* Two's complement over both halves. */
        right.low = 0 - right.low;
        right.high = (int64_t)(~(uint64_t)right.high + (right.low == 0));
    }
    enum gale_err err = gale_decimal_add(&left, &right, &result.as.decimal);
    return err == GALE_OK ? result : null_value;
}

struct gale_value expression_arithmetic(enum step_kind kind, const struct gale_value *a,
                                        const struct gale_value *b)
{
    if (!is_number(a) || !is_number(b)) {
        return null_value;
    }
    if (a->type == GALE_INT64 && b->type == GALE_INT64) {
        return integers(kind, a->as.int64, b->as.int64);
    }
    bool has_double = a->type == GALE_DOUBLE || b->type == GALE_DOUBLE;
    if (!has_double && (a->type == GALE_DECIMAL || b->type == GALE_DECIMAL)) {
        return decimals(kind, a, b);
    }
    return doubles(kind, (double)to_float(a), (double)to_float(b));
}

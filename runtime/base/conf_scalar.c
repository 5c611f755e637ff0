/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars of a configuration: recognising types in plain text by YAML 1.2's core schema, and the
 * two forms with units, durations and sizes. A number beyond int64 becomes a double; its text
 * stays as written. Pure; any thread; expects the C locale.
 */
#include "base/conf_node.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 0o17 and 0x1f; both unsigned. */
static bool recognise_based(const char *text, struct conf_scalar *out)
{
    int base = text[1] == 'x' ? 16 : 8;
    const char *allowed = base == 16 ? "0123456789abcdefABCDEF" : "01234567";
    size_t digits_count = strspn(text + 2, allowed);
    if (digits_count == 0 || text[2 + digits_count]) {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text + 2, NULL, base);
    if (errno || value > INT64_MAX) {
        return false;
    }
    *out = (struct conf_scalar){.type = GALE_INT64, .as.int64 = (int64_t)value};
    return true;
}

/* Decimal integers and floats: [-+]? digits and at most one point [eE[-+]?digits]. */
static bool recognise_number(const char *text, struct conf_scalar *out)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t digits_count = 0;
    bool whole = true;
    for (; is_digit(*at); at++) {
        digits_count++;
    }
    if (*at == '.') {
        whole = false;
        for (at++; is_digit(*at); at++) {
            digits_count++;
        }
    }
    if (digits_count == 0) {
        return false;
    }
    if (*at == 'e' || *at == 'E') {
        whole = false;
        at++;
        at += *at == '-' || *at == '+';
        if (!is_digit(*at)) {
            return false;
        }
        while (is_digit(*at)) {
            at++;
        }
    }
    if (*at) {
        return false;
    }
    if (whole) {
        errno = 0;
        long long value = strtoll(text, NULL, 10);
        if (errno == 0) {
            *out = (struct conf_scalar){.type = GALE_INT64, .as.int64 = value};
            return true;
        }
    }
    *out = (struct conf_scalar){.type = GALE_DOUBLE, .as.number = strtod(text, NULL)};
    return true;
}

static bool recognise_special_number(const char *text, struct conf_scalar *out)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const not_a_number[] = {".nan", ".NaN", ".NAN", NULL};
    bool negative = *text == '-';
    const char *unsigned_text = text + (negative || *text == '+');
    if (is_one_of(unsigned_text, infinite)) {
        double number = negative ? -(double)INFINITY : (double)INFINITY;
        *out = (struct conf_scalar){.type = GALE_DOUBLE, .as.number = number};
        return true;
    }
    if (is_one_of(text, not_a_number)) {
        *out = (struct conf_scalar){.type = GALE_DOUBLE, .as.number = (double)NAN};
        return true;
    }
    return false;
}

struct conf_scalar conf_scalar_recognise(const char *text)
{
    static const char *const nil_words[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const true_words[] = {"true", "True", "TRUE", NULL};
    static const char *const false_words[] = {"false", "False", "FALSE", NULL};
    struct conf_scalar scalar = {.type = GALE_STRING};
    if (is_one_of(text, nil_words)) {
        return (struct conf_scalar){.type = GALE_NIL};
    }
    if (is_one_of(text, true_words)) {
        return (struct conf_scalar){.type = GALE_BOOL, .as.boolean = true};
    }
    if (is_one_of(text, false_words)) {
        return (struct conf_scalar){.type = GALE_BOOL, .as.boolean = false};
    }
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
        if (recognise_based(text, &scalar)) {
            return scalar;
        }
    } else if (recognise_number(text, &scalar) || recognise_special_number(text, &scalar)) {
        return scalar;
    }
    return scalar;
}

void conf_scalar_format_double(double number, char *out)
{
    if (isnan(number)) {
        strcpy(out, ".nan");
        return;
    }
    if (isinf(number)) {
        strcpy(out, number < 0 ? "-.inf" : ".inf");
        return;
    }
    for (int digits_count = 15; digits_count <= 17; digits_count++) {
        snprintf(out, 32, "%.*g", digits_count, number);
        if (strtod(out, NULL) == number) {
            break;
        }
    }
    /* "3" would be read back as an integer. */
    if (!strpbrk(out, ".e")) {
        strcat(out, ".0");
    }
}

struct unit {
    const char *name;
    int64_t factor;
};

/* digits, then one of the units; false on overflow as well. */
static bool parse_with_unit(const char *text, const struct unit *units, int64_t *out)
{
    if (!is_digit(*text)) {
        return false;
    }
    int64_t value = 0;
    for (; is_digit(*text); text++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *text - '0', &value)) {
            return false;
        }
    }
    for (; units->name; units++) {
        if (strcmp(units->name, text) == 0) {
            return !__builtin_mul_overflow(value, units->factor, out);
        }
    }
    return false;
}

bool conf_parse_duration_ms(const char *text, int64_t *out_ms)
{
    static const struct unit units[] = {{"", 1},      {"ms", 1},      {"s", 1000},
                                        {"m", 60000}, {"h", 3600000}, {"d", 86400000},
                                        {NULL, 0}};
    int64_t parsed;
    bool valid = parse_with_unit(text, units, &parsed);
    if (valid) {
        *out_ms = parsed;
    }
    return valid;
}

bool conf_parse_size(const char *text, int64_t *out_bytes)
{
    static const struct unit units[] = {
        {"", 1},
        {"B", 1},
        {"kB", 1000},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", 1000000000000},
        {"KiB", INT64_C(1) << 10},
        {"MiB", INT64_C(1) << 20},
        {"GiB", INT64_C(1) << 30},
        {"TiB", INT64_C(1) << 40},
        {NULL, 0},
    };
    int64_t parsed;
    bool valid = parse_with_unit(text, units, &parsed);
    if (valid) {
        *out_bytes = parsed;
    }
    return valid;
}

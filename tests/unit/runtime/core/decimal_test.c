/* SPDX-License-Identifier: Apache-2.0 */
/* Decimals: text both ways, exact sums and order up to the 38th digit, wire form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/decimal.h"
#include "unit/runtime/value_oracle.h"

#define NINES_38 "99999999999999999999999999999999999999"
#define MINUS_NINES_38 "-99999999999999999999999999999999999999"

static struct gale_decimal dec(const char *text)
{
    struct gale_decimal value;
    assert_int_equal(gale_decimal_parse(text, strlen(text), &value), GALE_OK);
    return value;
}

static void assert_text(const struct gale_decimal *value, const char *expected)
{
    char text[100];
    assert_int_equal(gale_decimal_format(value, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
}

static void decimal_text_survives_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-1",
        "12.50",
        "-12.50",
        "0.05",
        "-0.05",
        "0.00",
        NINES_38,
        MINUS_NINES_38,
        "9.9999999999999999999999999999999999999",
        "18446744073709551616",
        "-9223372036854775808.0",
        "0.00000000000000000000000000000000000001",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct gale_decimal value = dec(texts[i]);
        assert_text(&value, texts[i]);
    }
}

static void decimal_other_forms_are_normalised(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"+7", "7"},       {"007.10", "7.10"},
        {".5", "0.5"},     {"5.", "5"},
        {"1e3", "1000"},   {"-2E-2", "-0.02"},
        {"12.5e1", "125"}, {"0e5", "0"},
        {"-0", "0"},       {"1e38", "100000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct gale_decimal value = dec(pairs[i][0]);
        assert_text(&value, pairs[i][1]);
    }
}

static void decimal_malformed_text_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum gale_err err;
    } bad[] = {
        {"", GALE_ERR_INVALID},
        {"-", GALE_ERR_INVALID},
        {".", GALE_ERR_INVALID},
        {"1.2.3", GALE_ERR_INVALID},
        {"1e", GALE_ERR_INVALID},
        {"1e+", GALE_ERR_INVALID},
        {" 1", GALE_ERR_INVALID},
        {"1 ", GALE_ERR_INVALID},
        {"0x1", GALE_ERR_INVALID},
        {"--1", GALE_ERR_INVALID},
        {"nan", GALE_ERR_INVALID},
        {"1,5", GALE_ERR_INVALID},
        {"1e39", GALE_ERR_LIMIT},
        {"1e-39", GALE_ERR_LIMIT},
        {NINES_38 "0", GALE_ERR_LIMIT},
        {"1" NINES_38, GALE_ERR_LIMIT},
        {"1e99999999999999999999", GALE_ERR_LIMIT},
        {NINES_38 "0x", GALE_ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gale_decimal value = {1, 2, 3};
        assert_int_equal(gale_decimal_parse(bad[i].text, strlen(bad[i].text), &value),
                         bad[i].err);
        assert_true(value.high == 1 && value.low == 2 && value.scale == 3);
    }
}

static void decimal_format_without_room_writes_nothing(void **state)
{
    (void)state;
    struct gale_decimal value = dec("-12.50");
    char text[7] = "xxxxxx";
    assert_int_equal(gale_decimal_format(&value, text, 6), 0);
    assert_string_equal(text, "");
    assert_int_equal(gale_decimal_format(&value, text, 0), 0);
    assert_int_equal(gale_decimal_format(&value, text, 7), 6);
}

static void decimal_sums_are_exact(void **state)
{
    (void)state;
    static const char *const sums[][3] = {
        {"0.1", "0.2", "0.3"},
        {"1", "0.05", "1.05"},
        {"1.00", "-1", "0.00"},
        {"-5", "3", "-2"},
        {"3", "-5.5", "-2.5"},
        {"1e3", "0.5", "1000.5"},
        {"1e38", "-1", NINES_38}, /* only the aligned operand has 39 digits */
        {"99999999999999999999999999999999999998", "1", NINES_38},
        {"18446744073709551615", "1", "18446744073709551616"},
    };
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        struct gale_decimal a = dec(sums[i][0]);
        struct gale_decimal b = dec(sums[i][1]);
        struct gale_decimal sum;
        assert_int_equal(gale_decimal_add(&a, &b, &sum), GALE_OK);
        assert_text(&sum, sums[i][2]);
        assert_int_equal(gale_decimal_add(&b, &a, &b), GALE_OK); /* aliased, the other way */
        assert_text(&b, sums[i][2]);
    }
}

static void decimal_sum_past_38_digits_is_refused(void **state)
{
    (void)state;
    struct gale_decimal a = dec(NINES_38);
    struct gale_decimal b = dec("1");
    struct gale_decimal tenth = dec("0.1");
    struct gale_decimal sum = {7, 7, 7};
    assert_int_equal(gale_decimal_add(&a, &b, &sum), GALE_ERR_LIMIT);
    assert_int_equal(gale_decimal_add(&a, &tenth, &sum), GALE_ERR_LIMIT);
    assert_true(sum.high == 7 && sum.low == 7 && sum.scale == 7);
}

static void decimal_compare_ignores_scale(void **state)
{
    (void)state;
    static const char *const ascending[] = {
        MINUS_NINES_38,
        "-1e3",
        "-1.5",
        "-1.49",
        "-0.00000000000000000000000000000000000001",
        "0",
        "0.001",
        "1",
        "1.01",
        "999.999",
        "1e3",
        "1e37",
        NINES_38,
    };
    size_t count = sizeof(ascending) / sizeof(ascending[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct gale_decimal a = dec(ascending[i]);
            struct gale_decimal b = dec(ascending[j]);
            assert_int_equal(gale_decimal_compare(&a, &b), i < j ? -1 : i > j);
        }
    }
    struct gale_decimal one = dec("1");
    struct gale_decimal one_too = dec("1.0000");
    struct gale_decimal zero = dec("0");
    struct gale_decimal zero_too = dec("0.000");
    assert_int_equal(gale_decimal_compare(&one, &one_too), 0);
    assert_int_equal(gale_decimal_compare(&zero, &zero_too), 0);
}

static void decimal_random_sums_match_wide_integers(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    for (int round = 0; round < 20000; round++) {
        int64_t x = (int64_t)(oracle_bits(&rng) >> 2) * (rng_below(&rng, 2) != 0 ? 1 : -1);
        int64_t y = (int64_t)(oracle_bits(&rng) >> 2) * (rng_below(&rng, 2) != 0 ? 1 : -1);
        struct gale_decimal a = gale_decimal_from_int64(x, 3);
        struct gale_decimal b = gale_decimal_from_int64(y, 3);
        struct gale_decimal expected = gale_decimal_from_int64(x + y, 3);
        struct gale_decimal sum;
        assert_int_equal(gale_decimal_add(&a, &b, &sum), GALE_OK);
        assert_true(sum.high == expected.high && sum.low == expected.low && sum.scale == 3);
        assert_int_equal(gale_decimal_compare(&a, &b), (x > y) - (x < y));
    }
}

static void decimal_wire_form_is_shortest_and_survives(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size; /* type, scale and the fewest bytes */
    } cases[] = {
        {"0", 3},
        {"127", 3},
        {"128", 4},
        {"-128", 3},
        {"-129", 4},
        {"255", 4},
        {"12.50", 4},
        {"32768", 5},
        {"9223372036854775807", 10},
        {"9223372036854775808", 11},
        {"-9223372036854775808", 10},
        {NINES_38, 18},
        {MINUS_NINES_38, 18},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gale_decimal value = dec(cases[i].text);
        struct gale_decimal back;
        uint8_t body[DECIMAL_BODY_MAX];
        assert_int_equal(decimal_encode(&value, body), cases[i].size);
        assert_true(decimal_decode(body, cases[i].size, &back));
        assert_text(&back, cases[i].text);
    }
    struct gale_decimal too_large = {INT64_MAX, 0, 0};
    struct gale_decimal odd_scale = {0, 1, 39};
    uint8_t body[DECIMAL_BODY_MAX];
    assert_int_equal(decimal_encode(&too_large, body), 0);
    assert_int_equal(decimal_encode(&odd_scale, body), 0);
}

/* Around every power of two, where the number of bytes changes. */
static void decimal_wire_form_near_powers_of_two_is_shortest(void **state)
{
    (void)state;
    for (unsigned power = 0; power < 63; power++) {
        for (int64_t near = -2; near <= 2; near++) {
            for (int64_t sign = -1; sign <= 1; sign += 2) {
                int64_t number = sign * ((INT64_C(1) << power) + near);
                struct gale_decimal value = gale_decimal_from_int64(number, 3);
                struct gale_decimal back;
                uint8_t body[DECIMAL_BODY_MAX];
                size_t bytes = 1;
                while (bytes < 8 && (number < -(INT64_C(1) << (8 * bytes - 1)) ||
                                     number >= INT64_C(1) << (8 * bytes - 1))) {
                    bytes++;
                }
                assert_int_equal(decimal_encode(&value, body), 2 + bytes);
                assert_true(decimal_decode(body, 2 + bytes, &back));
                assert_true(back.high == value.high && back.low == value.low);
                assert_int_equal(back.scale, 3);
            }
        }
    }
}

static void decimal_from_int64_clamps_scale(void **state)
{
    (void)state;
    struct gale_decimal value = gale_decimal_from_int64(1250, 2);
    assert_text(&value, "12.50");
    assert_int_equal(gale_decimal_from_int64(1, 100).scale, 38);
    assert_int_equal(gale_decimal_from_int64(1, -100).scale, -38);
    value = gale_decimal_from_int64(INT64_MIN, 0);
    assert_text(&value, "-9223372036854775808");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_text_survives_round_trip),
        cmocka_unit_test(decimal_other_forms_are_normalised),
        cmocka_unit_test(decimal_malformed_text_is_refused),
        cmocka_unit_test(decimal_format_without_room_writes_nothing),
        cmocka_unit_test(decimal_sums_are_exact),
        cmocka_unit_test(decimal_sum_past_38_digits_is_refused),
        cmocka_unit_test(decimal_compare_ignores_scale),
        cmocka_unit_test(decimal_random_sums_match_wide_integers),
        cmocka_unit_test(decimal_wire_form_is_shortest_and_survives),
        cmocka_unit_test(decimal_wire_form_near_powers_of_two_is_shortest),
        cmocka_unit_test(decimal_from_int64_clamps_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

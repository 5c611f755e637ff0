/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the pieces of charts: numbers with units, round ticks, escaped text, lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "show_fixture.h"
#include "suite/chart.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;
static FILE *file;

static int open_text(void **state)
{
    (void)state;
    text = NULL;
    file = open_memstream(&text, &size);
    return file == NULL;
}

static int free_text(void **state)
{
    (void)state;
    free(text);
    return 0;
}

static void value_has_three_digits_and_a_fitting_unit(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *unit, *text;
    } cases[] = {
        {4123456, "words/s", "4.12 M words/s"},
        {999.96, "words/s", "1.00 k words/s"},
        {0, "words/s", "0 words/s"},
        {0.15, "us", "150 ns"},
        {12.34, "us", "12.3 \xc2\xb5s"},
        {1234, "us", "1.23 ms"},
        {2.5e6, "us", "2.50 s"},
        {6.5, "ms", "6.50 ms"},
        {0.234, "share", "23.4 %"},
        {19.41, "MB", "19.4 MB"},
        {123456, "bytes", "123 k bytes"},
        {1.5, "", "1.50"},
        {NAN, "us", "\xe2\x80\x93"},
    };
    char out[CHART_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(chart_value(cases[i].value, cases[i].unit, out), cases[i].text);
    }
}

static void ticks_linear_are_round_and_reach_the_highest(void **state)
{
    (void)state;
    for (double high = 0.0007; high < 1e9; high *= 1.37) {
        struct chart_ticks ticks = chart_ticks_linear(high, 5);
        double step = ticks.values[1] - ticks.values[0];
        double share = step / pow(10, floor(log10(step) + 1e-9));
        assert_true(ticks.values[0] == 0 && ticks.high >= high * (1 - 1e-9));
        assert_true(ticks.high - high <= step * (1 + 1e-9));
        assert_true(ticks.count >= 3 && ticks.count <= 7);
        assert_true(fabs(share - 1) < 1e-6 || fabs(share - 2) < 1e-6 || fabs(share - 5) < 1e-6);
    }
    assert_true(chart_ticks_linear(0, 5).high > 0);
    assert_true(chart_ticks_linear(NAN, 5).high > 0);
}

static void ticks_log_span_whole_decades(void **state)
{
    (void)state;
    struct chart_ticks ticks = chart_ticks_log(130, 70000);
    assert_true(ticks.low == 100 && ticks.high == 100000 && ticks.count == 4);
    ticks = chart_ticks_log(2, 50);
    assert_true(ticks.low == 1 && ticks.high == 100 && ticks.count == 7);
    ticks = chart_ticks_log(0.15, 900000);
    assert_true(ticks.low == 0.1 && ticks.high == 1e7 && ticks.count == 5);
    ticks = chart_ticks_log(0, -1);
    assert_true(ticks.low > 0 && ticks.high > ticks.low);
    assert_true(chart_ticks_log(1e-300, 1e300).count <= CHART_TICKS_MAX);
}

static void tick_texts_share_scale_and_decimals(void **state)
{
    (void)state;
    char out[CHART_NUMBER_SIZE];
    struct chart_ticks ticks = chart_ticks_linear(2.4e6, 5);
    assert_string_equal(chart_tick_text(&ticks, 0, "words/s", out), "0");
    assert_string_equal(chart_tick_text(&ticks, 1, "words/s", out), "0.5 M");
    assert_string_equal(chart_tick_text(&ticks, 2, "words/s", out), "1.0 M");
    ticks = chart_ticks_log(100, 100000);
    assert_string_equal(chart_tick_text(&ticks, 0, "us", out), "100 \xc2\xb5s");
    assert_string_equal(chart_tick_text(&ticks, 1, "us", out), "1 ms");
}

static void text_any_bytes_are_safe(void **state)
{
    (void)state;
    chart_text(file, "<a href=\"x\">&'\x01\x7f\xff\xe6\xb5\x81\xc2\x80");
    fclose(file);
    assert_string_equal(text, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\xef\xbf\xbd\xef\xbf\xbd"
                              "\xef\xbf\xbd\xe6\xb5\x81\xef\xbf\xbd");
}

static void text_cut_ends_with_dots_between_characters(void **state)
{
    (void)state;
    chart_text_cut(file, "\xe6\xb5\x81\xe6\xb5\x81\xe6\xb5\x81", 2);
    fputc('|', file);
    chart_text_cut(file, "abc", 3);
    fclose(file);
    assert_string_equal(text, "\xe6\xb5\x81\xe2\x80\xa6|abc");
}

static void draw_gap_breaks_the_line_and_many_points_are_joined(void **state)
{
    (void)state;
    static double x[5000], y[5000];
    for (size_t i = 0; i < 5000; i++) {
        x[i] = (double)i;
        y[i] = i >= 2000 && i < 3000 ? NAN : 10;
    }
    struct chart_line line = {.name = FIXTURE_HOSTILE, .x = x, .y = y, .count = 5000};
    struct chart chart = {.title = FIXTURE_HOSTILE,
                          .unit = "us",
                          .x_title = "s",
                          .lines = &line,
                          .lines_count = 1,
                          .shade_until = 100};
    chart_draw(&chart, file);
    fclose(file);
    assert_true(fixture_is_xml(text));
    const char *path =
        strstr(text, "class=\"line l0\" d=\"") + strlen("class=\"line l0\" d=\"");
    size_t starts = 0;
    size_t points = 0;
    for (; *path != '"'; path++) {
        starts += *path == 'M';
        points += *path == 'M' || *path == 'L';
    }
    assert_int_equal(starts, 2);
    assert_in_range(points, 100, CHART_POINTS_MAX);
    assert_int_equal(fixture_count(text, "class=\"shade\""), 1);
}

static void draw_without_values_is_an_empty_chart(void **state)
{
    (void)state;
    const double nothing[] = {NAN, NAN};
    struct chart_line line = {.name = "a", .x = nothing, .y = nothing, .count = 2};
    struct chart chart = {.title = "t",
                          .unit = "us",
                          .x_title = "s",
                          .lines = &line,
                          .lines_count = 1,
                          .is_log = true};
    chart_draw(&chart, file);
    fclose(file);
    assert_true(fixture_is_xml(text));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
}

#define TEXT_TEST(function) cmocka_unit_test_setup_teardown(function, open_text, free_text)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_has_three_digits_and_a_fitting_unit),
        cmocka_unit_test(ticks_linear_are_round_and_reach_the_highest),
        cmocka_unit_test(ticks_log_span_whole_decades),
        cmocka_unit_test(tick_texts_share_scale_and_decimals),
        TEXT_TEST(text_any_bytes_are_safe),
        TEXT_TEST(text_cut_ends_with_dots_between_characters),
        TEXT_TEST(draw_gap_breaks_the_line_and_many_points_are_joined),
        TEXT_TEST(draw_without_values_is_an_empty_chart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

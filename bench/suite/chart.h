/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of SVG that charts are made of: escaped text, numbers with units, round ticks, a chart of
 * lines. What is drawn names its colours by classes only (chart_css), so that the same picture is
 * read on a light and on a dark ground; it asks for no other file. Write errors are left in the FILE
 * for its owner to find. One thread.
 */
#ifndef SUITE_CHART_H
#define SUITE_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
    CHART_COLORS = 6,
    CHART_TICKS_MAX = 24,
    CHART_NUMBER_SIZE = 48,
    CHART_POINTS_MAX = 400, /* of one line that are drawn; more are joined */
};

/** Text as XML: markup is escaped; what is no UTF-8 or not allowed in XML becomes U+FFFD. */
void chart_text(FILE *file, const char *text);
/** The same, at most `columns` characters; "…" ends what was cut. */
void chart_text_cut(FILE *file, const char *text, size_t columns);
/** The rules of all classes, light and dark. */
void chart_css(FILE *file);

/** A value with its unit in three digits: "4.12 M words/s", "12.3 ms", "87 %". Units that are
 *  scaled: us, ms, s, share, and everything that ends in "/s". */
const char *chart_value(double value, const char *unit, char out[CHART_NUMBER_SIZE]);

/* Round numbers over a range, rising. */
struct chart_ticks {
    double values[CHART_TICKS_MAX];
    size_t count;
    double low, high; /* of the axis */
};

/** From 0 to `high` or a little more in about `wanted` steps of 1, 2 or 5. */
struct chart_ticks chart_ticks_linear(double high, unsigned wanted);
/** Whole decades around a range above 0; where they are few, 2 and 5 within them too, where they
 *  are many, every other one. */
struct chart_ticks chart_ticks_log(double low, double high);
/** All ticks of an axis get the same scale and decimals: "2.5 M". */
const char *chart_tick_text(const struct chart_ticks *ticks, size_t index, const char *unit,
                            char out[CHART_NUMBER_SIZE]);

/* One line of a chart; values that are not finite are gaps. Borrowed for the call. */
struct chart_line {
    const char *name;
    const double *x, *y;
    size_t count;
    unsigned color;
};

struct chart {
    const char *title;
    const char *unit; /* of y */
    const char *x_title;
    const char *const *x_names; /* instead of numbers: x is 0, 1 … */
    size_t x_names_count;
    const struct chart_line *lines;
    size_t lines_count;
    double shade_until; /* x: what lies before is shaded (the warm-up); 0 = none */
    bool is_log;        /* logarithmic where the values differ by more than a factor of 30 */
    bool has_dots;
};

/** A chart as one <svg> element of an HTML page. */
void chart_draw(const struct chart *chart, FILE *file);

#endif

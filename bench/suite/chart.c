/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of charts; see chart.h. Numbers are written with a point whatever the locale says, since
 * the program sets no LC_NUMERIC. */
#include "suite/chart.h"

#include "text/utf8.h"
#include <math.h>
#include <string.h>

enum {
    CHART_WIDTH = 400,
    CHART_HEIGHT = 215,
    CHART_LEFT = 62,
    CHART_RIGHT = 14,
    CHART_TOP = 34,
    CHART_BOTTOM = 40,
    CHART_Y_TICKS = 5,
    CHART_X_TICKS = 5,
    CHART_LOG_FEW = 2,  /* decades that have ticks within them */
    CHART_LOG_MANY = 6, /* more than these have a tick every other one */
    CHART_DOT = 3,
};
static const double log_from = 30;

/* ---- Text ----------------------------------------------------------------------------------- */

static bool is_allowed(const unsigned char *at, size_t length)
{
    if (length == 1) {
        return (*at >= 0x20 && *at != 0x7f) || *at == '\t' || *at == '\n';
    }
    bool is_c1 = length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
    bool is_none = length == 3 && at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe;
    return length > 0 && !is_c1 && !is_none;
}

static size_t put_character(FILE *file, const unsigned char *at)
{
    size_t length = utf8_length(at);
    if (!is_allowed(at, length)) {
        fputs(UTF8_REPLACEMENT, file);
        return length > 0 ? length : 1;
    }
    switch (*at) {
    case '&': fputs("&amp;", file); break;
    case '<': fputs("&lt;", file); break;
    case '>': fputs("&gt;", file); break;
    case '"': fputs("&quot;", file); break;
    case '\'': fputs("&#39;", file); break;
    default: fwrite(at, 1, length, file); break;
    }
    return length;
}

void chart_text(FILE *file, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        at += put_character(file, at);
    }
}

void chart_text_cut(FILE *file, const char *text, size_t columns)
{
    size_t count = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; count++) {
        size_t length = utf8_length(at);
        if (count + 1 == columns && at[length > 0 ? length : 1] != '\0') {
            fputs("\xe2\x80\xa6", file);
            return;
        }
        at += put_character(file, at);
    }
}

static void put_rules(FILE *file, const char *indent, const char *const colors[CHART_COLORS],
                      const char *const grounds[5])
{
    fprintf(file, "%s.ground{fill:%s}.ink{fill:%s}.soft{fill:%s}.grid{stroke:%s}", indent,
            grounds[0], grounds[1], grounds[2], grounds[3]);
    fprintf(file, ".axis{stroke:%s}.shade{fill:%s}.whisker{stroke:%s}.bad{fill:%s}\n",
            grounds[2], grounds[3], grounds[1], grounds[4]);
    fputs(indent, file);
    for (unsigned i = 0; i < CHART_COLORS; i++) {
        fprintf(file, ".c%u{fill:%s}.l%u{stroke:%s}", i, colors[i], i, colors[i]);
    }
    fputc('\n', file);
}

void chart_css(FILE *file)
{
    static const char *const light[CHART_COLORS] = {"#2467b3", "#d97a1f", "#23885a",
                                                    "#8355b8", "#c2413b", "#147f8f"};
    static const char *const light_grounds[5] = {"#ffffff", "#1a2230", "#5a6677", "#e2e6ec",
                                                 "#b3261e"};
    static const char *const dark[CHART_COLORS] = {"#6aa8f0", "#f0a55a", "#58c492",
                                                   "#b794ec", "#f08078", "#5bc8d6"};
    static const char *const dark_grounds[5] = {"#14181f", "#e6eaf0", "#9aa6b6", "#2a313c",
                                                "#ff8a80"};
    fputs("text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
          "font-size:11px}\n"
          ".title{font-size:13px;font-weight:600}.head{font-size:16px;font-weight:600}"
          ".strong{font-weight:600}\n"
          ".end{text-anchor:end}.mid{text-anchor:middle}\n"
          ".grid,.axis,.whisker{stroke-width:1;fill:none}.shade{opacity:.5}\n"
          ".line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}\n",
          file);
    put_rules(file, "", light, light_grounds);
    fputs("@media (prefers-color-scheme:dark){\n", file);
    put_rules(file, " ", dark, dark_grounds);
    fputs("}\n", file);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

/* How values of a unit are written: divided by `by`, `name` behind them. */
struct scale {
    double by;
    const char *name;
};

static const struct scale times[] = {{1e-3, "ns"}, {1, "\xc2\xb5s"}, {1e3, "ms"}, {1e6, "s"}};
static const struct scale counts[] = {{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}};

static struct scale scale_of(const struct scale *scales, size_t count, double value,
                             double factor)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (value * factor >= scales[i].by * 0.9995) {
            best = i;
        }
    }
    return (struct scale){scales[best].by / factor, scales[best].name};
}

static bool is_per_second(const char *unit)
{
    size_t length = strlen(unit);
    return length >= 2 && strcmp(unit + length - 2, "/s") == 0;
}

/* @param rest what follows the scale's name. */
static struct scale unit_scale(double value, const char *unit, const char **rest)
{
    size_t times_count = sizeof times / sizeof times[0];
    *rest = "";
    value = fabs(value);
    if (strcmp(unit, "us") == 0) {
        return scale_of(times, times_count, value, 1);
    }
    if (strcmp(unit, "ms") == 0) {
        return scale_of(times, times_count, value, 1e3);
    }
    if (strcmp(unit, "s") == 0) {
        return scale_of(times, times_count, value, 1e6);
    }
    if (strcmp(unit, "share") == 0) {
        return (struct scale){0.01, "%"};
    }
    *rest = unit;
    if (is_per_second(unit) || value >= 10000) {
        return scale_of(counts, sizeof counts / sizeof counts[0], value, 1);
    }
    return (struct scale){1, ""};
}

const char *chart_value(double value, const char *unit, char out[CHART_NUMBER_SIZE])
{
    const char *rest;
    if (!isfinite(value)) {
        snprintf(out, CHART_NUMBER_SIZE, "\xe2\x80\x93");
        return out;
    }
    struct scale scale = unit_scale(value, unit, &rest);
    double scaled = value / scale.by;
    double size = fabs(scaled);
    int decimals = size >= 99.95 || size <= 0 ? 0 : size >= 9.995 ? 1 : 2;
    snprintf(out, CHART_NUMBER_SIZE, "%.*f%s%s%s%s", decimals, scaled, *scale.name ? " " : "",
             scale.name, *rest ? " " : "", rest);
    return out;
}

static double round_step(double rough)
{
    double decade = pow(10, floor(log10(rough)));
    double share = rough / decade;
    return decade * (share <= 1.0001 ? 1 : share <= 2.0001 ? 2 : share <= 5.0001 ? 5 : 10);
}

struct chart_ticks chart_ticks_linear(double high, unsigned wanted)
{
    struct chart_ticks ticks = {.low = 0, .high = 1};
    if (!isfinite(high) || high <= 0) {
        high = 1;
    }
    double step = round_step(high / (wanted > 0 ? wanted : 1));
    size_t steps = (size_t)ceil(high / step - 1e-9);
    steps = steps < CHART_TICKS_MAX - 1 ? steps : CHART_TICKS_MAX - 1;
    for (size_t i = 0; i <= steps; i++) {
        ticks.values[ticks.count++] = step * (double)i;
    }
    ticks.high = step * (double)steps;
    return ticks;
}

struct chart_ticks chart_ticks_log(double low, double high)
{
    struct chart_ticks ticks = {.low = 1, .high = 10};
    static const double within[] = {1, 2, 5};
    if (!isfinite(low) || !isfinite(high) || low <= 0 || high < low) {
        low = 1;
        high = 10;
    }
    int first = (int)floor(log10(low) + 1e-9);
    int last = (int)ceil(log10(high) - 1e-9);
    last = last > first ? last : first + 1;
    size_t each = last - first <= CHART_LOG_FEW ? 3 : 1;
    int step = last - first > CHART_LOG_MANY ? 2 : 1;
    last += (last - first) % step;
    for (int decade = first; decade <= last; decade += step) {
        for (size_t i = 0; i < each && ticks.count < CHART_TICKS_MAX; i++) {
            if (decade < last || i == 0) {
                ticks.values[ticks.count++] = within[i] * pow(10, decade);
            }
        }
    }
    ticks.low = pow(10, first);
    ticks.high = pow(10, last);
    return ticks;
}

const char *chart_tick_text(const struct chart_ticks *ticks, size_t index, const char *unit,
                            char out[CHART_NUMBER_SIZE])
{
    const char *rest;
    double value = ticks->values[index];
    if (fabs(value) <= 0) {
        snprintf(out, CHART_NUMBER_SIZE, "0");
        return out;
    }
    bool is_linear = ticks->low <= 0;
    struct scale scale = unit_scale(is_linear ? ticks->high : value, unit, &rest);
    double step =
        is_linear && ticks->count > 1 ? ticks->values[1] / scale.by : value / scale.by;
    int decimals = 0;
    for (double left = step; decimals < 3 && fabs(left - round(left)) > 1e-6; left *= 10) {
        decimals++;
    }
    snprintf(out, CHART_NUMBER_SIZE, "%.*f%s%s", decimals, value / scale.by,
             *scale.name ? " " : "", scale.name);
    return out;
}

/* ---- Charts of lines ------------------------------------------------------------------------ */

struct frame {
    struct chart_ticks x, y;
    bool is_log;
};

static double x_of(const struct frame *frame, double value)
{
    double width = CHART_WIDTH - CHART_LEFT - CHART_RIGHT;
    return CHART_LEFT + width * (value - frame->x.low) / (frame->x.high - frame->x.low);
}

static double y_of(const struct frame *frame, double value)
{
    double height = CHART_HEIGHT - CHART_TOP - CHART_BOTTOM;
    double share = (value - frame->y.low) / (frame->y.high - frame->y.low);
    if (frame->is_log) {
        double low = log10(frame->y.low);
        double at = value > frame->y.low ? log10(value) : low;
        share = (at - low) / (log10(frame->y.high) - low);
    }
    return CHART_HEIGHT - CHART_BOTTOM - height * (share < 0 ? 0 : share > 1 ? 1 : share);
}

static struct frame frame_of(const struct chart *chart)
{
    struct frame frame = {.is_log = false};
    double x_high = 0;
    double y_low = INFINITY;
    double y_high = 0;
    for (size_t i = 0; i < chart->lines_count; i++) {
        const struct chart_line *line = &chart->lines[i];
        for (size_t j = 0; j < line->count; j++) {
            x_high = isfinite(line->x[j]) && line->x[j] > x_high ? line->x[j] : x_high;
            if (isfinite(line->y[j]) && line->y[j] > 0) {
                y_low = line->y[j] < y_low ? line->y[j] : y_low;
                y_high = line->y[j] > y_high ? line->y[j] : y_high;
            }
        }
    }
    frame.is_log = chart->is_log && y_high > 0 && y_high >= y_low * log_from;
    frame.y = frame.is_log ? chart_ticks_log(y_low, y_high)
                           : chart_ticks_linear(y_high, CHART_Y_TICKS);
    frame.x = chart_ticks_linear(x_high, CHART_X_TICKS);
    if (chart->x_names_count > 0) {
        frame.x = (struct chart_ticks){.low = -0.3, .high = (double)chart->x_names_count - 0.7};
    } else if (x_high > 0) {
        frame.x.high = x_high; /* Time ends where it ends; the last tick may lie before. */
    }
    return frame;
}

static void draw_y_axis(const struct chart *chart, const struct frame *frame, FILE *file)
{
    char number[CHART_NUMBER_SIZE];
    for (size_t i = 0; i < frame->y.count; i++) {
        double y = y_of(frame, frame->y.values[i]);
        fprintf(file, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", CHART_LEFT, y,
                CHART_WIDTH - CHART_RIGHT);
        fprintf(file, "<text class=\"soft end\" x=\"%d\" y=\"%.1f\">", CHART_LEFT - 7, y + 3.5);
        chart_text(file, chart_tick_text(&frame->y, i, chart->unit, number));
        fputs("</text>\n", file);
    }
}

static void draw_x_label(const struct frame *frame, double at, const char *text, FILE *file)
{
    fprintf(file, "<text class=\"soft mid\" x=\"%.1f\" y=\"%d\">", x_of(frame, at),
            CHART_HEIGHT - CHART_BOTTOM + 15);
    chart_text(file, text);
    fputs("</text>\n", file);
}

static void draw_x_axis(const struct chart *chart, const struct frame *frame, FILE *file)
{
    char number[CHART_NUMBER_SIZE];
    int bottom = CHART_HEIGHT - CHART_BOTTOM;
    fprintf(file, "<path class=\"axis\" d=\"M%d %d.5H%d\"/>\n", CHART_LEFT, bottom,
            CHART_WIDTH - CHART_RIGHT);
    for (size_t i = 0; i < chart->x_names_count; i++) {
        draw_x_label(frame, (double)i, chart->x_names[i], file);
    }
    for (size_t i = 0; i < frame->x.count && chart->x_names_count == 0; i++) {
        if (frame->x.values[i] <= frame->x.high) {
            draw_x_label(frame, frame->x.values[i], chart_tick_text(&frame->x, i, "", number),
                         file);
        }
    }
    fprintf(file, "<text class=\"soft mid\" x=\"%d\" y=\"%d\">",
            (CHART_LEFT + CHART_WIDTH - CHART_RIGHT) / 2, CHART_HEIGHT - 8);
    chart_text(file, chart->x_title);
    fputs("</text>\n", file);
}

/* The mean of `group` points from `first` on; NAN when none is known. */
static double mean_of(const double *values, size_t first, size_t group, size_t count)
{
    double sum = 0;
    size_t known = 0;
    for (size_t i = first; i < first + group && i < count; i++) {
        if (isfinite(values[i])) {
            sum += values[i];
            known++;
        }
    }
    return known > 0 ? sum / (double)known : NAN;
}

static void draw_line(const struct chart *chart, const struct frame *frame,
                      const struct chart_line *line, FILE *file)
{
    size_t group = (line->count + CHART_POINTS_MAX - 1) / CHART_POINTS_MAX;
    unsigned color = line->color % CHART_COLORS;
    bool is_open = false;
    fprintf(file, "<path class=\"line l%u\" d=\"", color);
    for (size_t i = 0; i < line->count; i += group) {
        double x = mean_of(line->x, i, group, line->count);
        double y = mean_of(line->y, i, group, line->count);
        if (!isfinite(x) || !isfinite(y)) {
            is_open = false;
            continue;
        }
        /* The round end of "h0" shows a point that stands between gaps. */
        fprintf(file, "%c%.1f %.1f%s", is_open ? 'L' : 'M', x_of(frame, x), y_of(frame, y),
                is_open ? "" : "h0");
        is_open = true;
    }
    fputs("\"><title>", file);
    chart_text(file, line->name);
    fputs("</title></path>\n", file);
    for (size_t i = 0; i < line->count && chart->has_dots; i++) {
        char number[CHART_NUMBER_SIZE];
        if (isfinite(line->x[i]) && isfinite(line->y[i])) {
            fprintf(file, "<circle class=\"c%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"><title>",
                    color, x_of(frame, line->x[i]), y_of(frame, line->y[i]), CHART_DOT);
            chart_text(file, line->name);
            fputs(": ", file);
            chart_text(file, chart_value(line->y[i], chart->unit, number));
            fputs("</title></circle>\n", file);
        }
    }
}

void chart_draw(const struct chart *chart, FILE *file)
{
    struct frame frame = frame_of(chart);
    fprintf(file,
            "<svg class=\"chart\" viewBox=\"0 0 %d %d\" "
            "role=\"img\">\n<title>",
            CHART_WIDTH, CHART_HEIGHT);
    chart_text(file, chart->title);
    fputs("</title>\n<text class=\"ink title\" x=\"2\" y=\"15\">", file);
    chart_text(file, chart->title);
    fputs("</text>\n", file);
    if (chart->shade_until > 0 && chart->x_names_count == 0 && frame.x.high > 0) {
        double until = chart->shade_until < frame.x.high ? chart->shade_until : frame.x.high;
        fprintf(file,
                "<rect class=\"shade\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\">"
                "<title>warm-up, not in the figures</title></rect>\n",
                CHART_LEFT, CHART_TOP, x_of(&frame, until) - CHART_LEFT,
                CHART_HEIGHT - CHART_TOP - CHART_BOTTOM);
    }
    draw_y_axis(chart, &frame, file);
    draw_x_axis(chart, &frame, file);
    for (size_t i = 0; i < chart->lines_count; i++) {
        draw_line(chart, &frame, &chart->lines[i], file);
    }
    fputs("</svg>\n", file);
}

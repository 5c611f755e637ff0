/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live view of the suite. On a terminal a block is drawn over itself with each sample: which
 * benchmark, how far, the rate and its history, latency, CPU, queues, memory; finished runs scroll
 * up above it. Elsewhere one line a second and one for each finished run. Sparklines and signs are
 * plain ASCII where the locale is not UTF-8. One thread.
 */
#include "suite/show.h"

#include "base/clock.h"
#include "suite/memory.h"
#include "text/numbers.h"
#include "text/term.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIVE_HISTORY_MAX = 128,
    LIVE_BAR_WIDTH = 30,
    LIVE_FIGURE_WIDTH = 34, /* of the text before a sparkline */
    LIVE_MARGIN = 4,
    LIVE_TEXT_SIZE = 128,
};
/* A shaky timer must not cost every second line. */
static const double line_every_s = 0.9;

struct history {
    double values[LIVE_HISTORY_MAX];
    size_t count;
};

struct live {
    FILE *file;
    bool is_terminal, color, utf8;
    struct term_block block;
    const struct result *result;
    unsigned run, runs, done, all;
    int64_t start_ns;     /* of the suite's first run */
    int64_t run_start_ns; /* of this one */
    double shown_s;       /* elapsed time of the line shown last */
    struct history rate, cpu, queue, memory, p99;
    struct bench_sample last;
    bool is_sampled; /* `last` is of this run */
};

/* ---- Pieces --------------------------------------------------------------------------------- */

static void history_add(struct history *history, double value)
{
    if (history->count == LIVE_HISTORY_MAX) {
        memmove(history->values, history->values + 1,
                (LIVE_HISTORY_MAX - 1) * sizeof history->values[0]);
        history->count--;
    }
    history->values[history->count++] = value;
}

/* The newest values, each a sign of eight heights; the highest shown is the top. What is not known
 * is a gap. */
static void print_spark(const struct live *live, const struct history *history, size_t room,
                        FILE *file)
{
    static const char *const blocks[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
                                         "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
                                         "\xe2\x96\x87", "\xe2\x96\x88"};
    static const char *const signs[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    size_t first = history->count > room ? history->count - room : 0;
    double top = 0;
    for (size_t i = first; i < history->count; i++) {
        top = history->values[i] > top ? history->values[i] : top;
    }
    for (size_t i = first; i < history->count; i++) {
        double value = history->values[i];
        if (!isfinite(value)) {
            fputc(' ', file);
            continue;
        }
        double height = top > 0 && value > 0 ? value / top * 7.999 : 0;
        fputs((live->utf8 ? blocks : signs)[(size_t)height], file);
    }
}

static const char *dot(const struct live *live)
{
    return live->utf8 ? "\xc2\xb7" : "-";
}

static const char *paint(const struct live *live, const char *code)
{
    return live->color ? code : "";
}

/* Rate with its unit, "3.1 M words/s". */
static const char *rate_text(const struct result *result, double rate, char out[LIVE_TEXT_SIZE])
{
    char number[NUMBER_SIZE];
    if (!isfinite(rate)) {
        snprintf(out, LIVE_TEXT_SIZE, "-");
    } else {
        const char *unit = *result->unit != '\0' ? result->unit : "tuples";
        snprintf(out, LIVE_TEXT_SIZE, "%s %s/s", number_rate(rate, number), unit);
    }
    return out;
}

static const char *latency_text(double us, char out[NUMBER_SIZE])
{
    return number_time(isfinite(us) && us > 0 ? (uint64_t)(us * 1000) : 0, out);
}

static const char *span_text(double seconds, char out[NUMBER_SIZE])
{
    if (seconds < 59.5) {
        snprintf(out, NUMBER_SIZE, "%.0f s", seconds);
    } else {
        unsigned whole = (unsigned)(seconds + 0.5);
        snprintf(out, NUMBER_SIZE, "%u min %02u s", whole / 60, whole % 60);
    }
    return out;
}

/* ---- The block ------------------------------------------------------------------------------ */

static void print_head(const struct live *live, FILE *file)
{
    const struct result *result = live->result;
    fprintf(file, "%s%s%s", paint(live, "\033[1m"), result->bench, paint(live, "\033[0m"));
    if (result->workers > 0) {
        fprintf(file, " %s %u worker%s", dot(live), result->workers,
                result->workers == 1 ? "" : "s");
    }
    if (*result->guarantee != '\0') {
        fprintf(file, " %s %s", dot(live), result->guarantee);
    }
    fprintf(file, " %s run %u of %u", dot(live), live->run + 1, live->runs);
    if (live->is_sampled && (live->last.warming || live->last.draining)) {
        fprintf(file, " %s %s%s%s", dot(live), paint(live, "\033[33m"),
                live->last.warming ? "warming up" : "draining", paint(live, "\033[0m"));
    }
    fputc('\n', file);
}

/* How far the whole suite is; what is left is judged by the runs that are done. */
static void print_progress(const struct live *live, int64_t now_ns, FILE *file)
{
    char text[NUMBER_SIZE];
    double run_s = (double)(now_ns - live->run_start_ns) / 1e9;
    double all_s = (double)(now_ns - live->start_ns) / 1e9;
    double each_s = live->done > 0 ? (all_s - run_s) / live->done : 0;
    double part = each_s > 0 && run_s < each_s ? run_s / each_s : 0;
    double share = live->all > 0 ? (live->done + part) / live->all : 0;
    int full = (int)(share * LIVE_BAR_WIDTH + 0.5);
    fputc('[', file);
    for (int i = 0; i < LIVE_BAR_WIDTH; i++) {
        fputc(i < full ? '#' : '.', file);
    }
    fprintf(file, "] %u of %u runs done %s %s", live->done, live->all, dot(live),
            span_text(all_s, text));
    if (each_s > 0) {
        double left_s = each_s * (live->all - live->done) - run_s;
        fprintf(file, " %s about %s left", dot(live), span_text(left_s > 0 ? left_s : 0, text));
    }
    fputc('\n', file);
}

static void print_figure(const struct live *live, const char *name,
                         const struct history *history, FILE *file, const char *format, ...)
    GALE_PRINTF(5, 6);
static void print_figure(const struct live *live, const char *name,
                         const struct history *history, FILE *file, const char *format, ...)
{
    char text[LIVE_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned width = term_width_of(live->file);
    width = width > 0 ? width : TERM_WIDTH_DEFAULT;
    fprintf(file, "%-8s %s", name, text);
    size_t used = strlen(text);
    size_t before = 9 + (used > LIVE_FIGURE_WIDTH ? used : LIVE_FIGURE_WIDTH) + 2;
    if (history != NULL && width > before + LIVE_MARGIN) {
        fprintf(file, "%*s  %s", used < LIVE_FIGURE_WIDTH ? (int)(LIVE_FIGURE_WIDTH - used) : 0,
                "", paint(live, "\033[36m"));
        print_spark(live, history, width - before, file);
        fputs(paint(live, "\033[0m"), file);
    }
    fputc('\n', file);
}

static void print_figures(const struct live *live, FILE *file)
{
    const struct bench_sample *last = &live->last;
    char text[LIVE_TEXT_SIZE];
    char p50[NUMBER_SIZE];
    char p99[NUMBER_SIZE];
    char p999[NUMBER_SIZE];
    print_figure(live, "rate", &live->rate, file, "%s",
                 rate_text(live->result, last->rate, text));
    if (isfinite(last->p50_us)) {
        print_figure(live, "latency", &live->p99, file, "p50 %s p99 %s p99.9 %s",
                     latency_text(last->p50_us, p50), latency_text(last->p99_us, p99),
                     latency_text(last->p999_us, p999));
    } else {
        print_figure(live, "latency", NULL, file, "-");
    }
    if (isfinite(last->cpu)) {
        print_figure(live, "cpu", &live->cpu, file, "%.2f cores", last->cpu);
    } else {
        print_figure(live, "cpu", NULL, file, "-");
    }
    print_figure(live, "queue", &live->queue, file, "%.0f %% full", last->queue * 100);
    print_figure(live, "memory", &live->memory, file, "%.1f MB", (double)last->rss_kb / 1024);
    if (last->restarts > 0) {
        print_figure(live, "workers", NULL, file, "%u up, %u restart%s", last->workers_up,
                     last->restarts, last->restarts == 1 ? "" : "s");
    }
}

static void draw(struct live *live)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory == NULL) {
        return;
    }
    print_head(live, memory);
    print_progress(live, clock_now_ns(), memory);
    if (live->is_sampled) {
        print_figures(live, memory);
    }
    if (fclose(memory) == 0) {
        term_block_draw(&live->block, text);
    }
    free(text);
}

/* ---- Lines ---------------------------------------------------------------------------------- */

static void print_sample_line(const struct live *live)
{
    const struct bench_sample *last = &live->last;
    char text[LIVE_TEXT_SIZE];
    char p50[NUMBER_SIZE];
    char p99[NUMBER_SIZE];
    char p999[NUMBER_SIZE];
    fprintf(live->file, "%s run %u/%u %.1fs%s  %s", live->result->id, live->run + 1, live->runs,
            last->elapsed_s,
            last->warming    ? " warming up"
            : last->draining ? " draining"
                             : "",
            rate_text(live->result, last->rate, text));
    if (isfinite(last->p50_us)) {
        fprintf(live->file, "  p50 %s p99 %s p99.9 %s", latency_text(last->p50_us, p50),
                latency_text(last->p99_us, p99), latency_text(last->p999_us, p999));
    }
    if (isfinite(last->cpu)) {
        fprintf(live->file, "  cpu %.2f", last->cpu);
    }
    fprintf(live->file, "  queue %.0f%%  memory %.1f MB\n", last->queue * 100,
            (double)last->rss_kb / 1024);
    fflush(live->file);
}

/* Value of the run that has just ended, NAN where there is none. */
static double last_value(const struct result *result, const char *name)
{
    const struct result_metric *metric = result_metric(result, name);
    return metric != NULL && metric->runs_count > 0 ? metric->runs[metric->runs_count - 1]
                                                    : NAN;
}

static void print_end_line(const struct live *live, const struct result *result, unsigned run)
{
    char text[LIVE_TEXT_SIZE];
    char number[NUMBER_SIZE];
    double rate = last_value(result, "throughput_per_s");
    double p99_us = last_value(result, "latency_p99_us");
    double memory_mb = last_value(result, "memory_peak_mb");
    fprintf(live->file, "%s run %u/%u ended", result->id, run + 1, live->runs);
    if (result->status == RESULT_FAILED) {
        fprintf(live->file, "  %sFAILED%s %s\n", paint(live, "\033[31m"),
                paint(live, "\033[0m"), result->error != NULL ? result->error : "");
        return;
    }
    if (isfinite(rate)) {
        fprintf(live->file, "  %s", rate_text(result, rate, text));
    }
    if (isfinite(p99_us)) {
        fprintf(live->file, "  p99 %s", latency_text(p99_us, number));
    }
    if (isfinite(memory_mb)) {
        fprintf(live->file, "  %.1f MB at most", memory_mb);
    }
    fputc('\n', live->file);
    fflush(live->file);
}

/* ---- The watcher ---------------------------------------------------------------------------- */

static void on_begin(void *self, const struct result *result, unsigned run, unsigned runs,
                     unsigned done, unsigned all)
{
    struct live *live = self;
    live->result = result;
    live->run = run;
    live->runs = runs;
    live->done = done;
    live->all = all;
    live->run_start_ns = clock_now_ns();
    live->start_ns = live->start_ns != 0 ? live->start_ns : live->run_start_ns;
    live->is_sampled = false;
    live->shown_s = -line_every_s;
    live->rate.count = live->cpu.count = live->queue.count = 0;
    live->memory.count = live->p99.count = 0;
    if (live->is_terminal) {
        draw(live);
    }
}

static void on_sample(void *self, const struct result *result,
                      const struct bench_sample *sample)
{
    struct live *live = self;
    live->result = result;
    live->last = *sample;
    live->is_sampled = true;
    history_add(&live->rate, sample->rate);
    history_add(&live->cpu, sample->cpu);
    history_add(&live->queue, sample->queue);
    history_add(&live->memory, (double)sample->rss_kb);
    history_add(&live->p99, sample->p99_us);
    if (live->is_terminal) {
        draw(live);
    } else if (sample->elapsed_s - live->shown_s >= line_every_s) {
        live->shown_s = sample->elapsed_s;
        print_sample_line(live);
    }
}

static void on_end(void *self, const struct result *result, unsigned run)
{
    struct live *live = self;
    term_block_erase(&live->block);
    print_end_line(live, result, run);
}

static void on_note(void *self, const char *line)
{
    struct live *live = self;
    term_block_erase(&live->block);
    fprintf(live->file, "%s\n", line);
    fflush(live->file);
}

struct live *live_new(FILE *file, unsigned width, bool color)
{
    struct live *live = suite_alloc(1, sizeof *live);
    live->file = file;
    live->is_terminal = width > 0;
    live->color = color;
    live->utf8 = term_utf8_of_environment();
    live->block = (struct term_block){.file = file, .color = color};
    return live;
}

struct bench_watcher live_watcher(struct live *live)
{
    return (struct bench_watcher){.self = live,
                                  .on_begin = on_begin,
                                  .on_sample = on_sample,
                                  .on_end = on_end,
                                  .on_note = on_note};
}

void live_free(struct live *live)
{
    if (live != NULL) {
        term_block_erase(&live->block);
        fflush(live->file);
        free(live);
    }
}

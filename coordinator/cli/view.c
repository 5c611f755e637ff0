/* SPDX-License-Identifier: Apache-2.0 */
/* The live view; see view.h. */
#include "cli/view.h"

#include "text/numbers.h"
#include "text/text_table.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VIEW_BAR = 10, VIEW_WIDE = 1000, VIEW_EXTRA_LINES = 4, VIEW_LINE_MAX = 1024 };

struct totals {
    double acked_per_s;
    uint64_t pending;
    uint64_t failed;
};

static struct totals totals_of(const struct run_sample *before, const struct run_sample *now)
{
    struct totals totals = {0};
    double span = view_interval_s(before, now);
    for (size_t i = 0; i < now->components_count; i++) {
        const struct run_sample_component *component = &now->components[i];
        if (component->spout) {
            uint64_t acked = view_growth(view_component(before, i)->acked, component->acked);
            totals.acked_per_s += span > 0 ? (double)acked / span : 0;
            totals.pending += component->pending;
            totals.failed += component->failed;
        }
    }
    return totals;
}

void view_line(const struct run_sample *before, const struct run_sample *now, FILE *file)
{
    char rate[NUMBER_SIZE];
    char time[NUMBER_SIZE];
    struct totals totals = totals_of(before, now);
    int slow = view_pressure(before, now);
    fprintf(file, "%s %.1fs", now->topology, (double)now->elapsed_ns / 1e9);
    if (now->draining || now->warming) {
        fputs(now->draining ? " draining" : " warming up", file);
    }
    fprintf(file, "  acked %s/s  p99 %s", number_rate(totals.acked_per_s, rate),
            number_time(now->complete_p99_ns, time));
    if (slow >= 0) {
        fprintf(file, "  back-pressure from %s", now->components[slow].name);
    }
    fprintf(file, "  pending %" PRIu64 "  failed %" PRIu64 "  workers %" PRIu32 "/%" PRIu32,
            totals.pending, totals.failed, now->workers_up, now->workers_count);
    if (now->restarts > 0) {
        fprintf(file, "  restarts %" PRIu32, now->restarts);
    }
}

static void rate_cell(struct text_table *table, bool applies, uint64_t count, double span)
{
    char text[NUMBER_SIZE];
    text_table_cell(table, applies && span > 0 ? number_rate((double)count / span, text) : "-");
}

static void queue_cell(struct text_table *table, const struct run_sample_component *component)
{
    char bar[VIEW_BAR + 1];
    if (component->spout || component->queue_bytes_max == 0) {
        text_table_cell(table, "-");
        return;
    }
    double fill = view_fill(component);
    fill = fill > 1 ? 1 : fill;
    int full = (int)(fill * VIEW_BAR + 0.5);
    for (int i = 0; i < VIEW_BAR; i++) {
        bar[i] = i < full ? '#' : '.';
    }
    bar[VIEW_BAR] = '\0';
    text_table_cellf(table, "[%s] %3.0f%%", bar, fill * 100);
}

static void component_row(struct text_table *table, const struct run_sample *before,
                          const struct run_sample *now, size_t index)
{
    char p50[NUMBER_SIZE];
    char p99[NUMBER_SIZE];
    const struct run_sample_component *component = &now->components[index];
    const struct run_sample_component *old = view_component(before, index);
    double span = view_interval_s(before, now);
    text_table_cell(table, component->name);
    text_table_cellf(table, "%" PRIu32, component->tasks);
    rate_cell(table, !component->spout, view_growth(old->executed, component->executed), span);
    rate_cell(table, true, view_growth(old->emitted, component->emitted), span);
    text_table_cell(table, component->spout ? "-" : number_time(component->exec_p50_ns, p50));
    text_table_cell(table, component->spout ? "-" : number_time(component->exec_p99_ns, p99));
    queue_cell(table, component);
    text_table_cellf(table, "%.0f%%", view_blocked(before, now, index) * 100);
    text_table_cellf(table, "%" PRIu64, component->failed);
}

/* Copies the rendered table line by line and puts the mark behind the row of `slow`. */
static void print_marked(const char *text, int slow, bool color, FILE *file)
{
    for (int line = -1; *text != '\0'; line++) {
        int length = (int)strcspn(text, "\n");
        bool marked = slow >= 0 && line == slow;
        fprintf(file, "%.*s%s%s%s\n", length, text, marked && color ? "\033[33m" : "",
                marked ? "  <- back-pressure source" : "", marked && color ? "\033[0m" : "");
        text += length;
        text += *text == '\n';
    }
}

void view_render(const struct run_sample *before, const struct run_sample *now, bool color,
                 size_t rows, FILE *file)
{
    struct text_table table;
    static const char *const titles[] = {"TASKS", "IN/s",  "OUT/s",   "EXEC p50",
                                         "p99",   "QUEUE", "BLOCKED", "FAIL"};
    char *text = NULL;
    size_t size = 0;
    view_line(before, now, file);
    fputc('\n', file);
    FILE *memory = open_memstream(&text, &size);
    if (memory == NULL) {
        return;
    }
    text_table_init(&table);
    text_table_column(&table, "COMPONENT", false);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        text_table_column(&table, titles[i], true);
    }
    size_t shown = rows > 0 && rows < now->components_count ? rows : now->components_count;
    for (size_t i = 0; i < shown; i++) {
        component_row(&table, before, now, i);
    }
    (void)text_table_print(&table, memory, VIEW_WIDE, color);
    text_table_fini(&table);
    if (fclose(memory) == 0) {
        print_marked(text, view_pressure(before, now), color, file);
    }
    free(text);
    if (shown < now->components_count) {
        fprintf(file, "... %zu more components\n", now->components_count - shown);
    }
}

void view_init(struct view *view, FILE *file, enum view_mode mode, int64_t line_every_ns)
{
    memset(view, 0, sizeof *view);
    view->file = file;
    view->block.file = file;
    view->mode = mode;
    view->line_every_ns = line_every_ns;
}

void view_fini(struct view *view)
{
    view_end(view);
    free(view->before.components);
    free(view->newer.components);
    memset(&view->before, 0, sizeof view->before);
    memset(&view->newer, 0, sizeof view->newer);
}

static void remember(struct view_sample *kept, const struct run_sample *sample)
{
    size_t size = sample->components_count * sizeof *sample->components;
    struct run_sample_component *copy = realloc(kept->components, size > 0 ? size : 1);
    kept->sample = *sample;
    kept->set = true;
    if (copy == NULL) {
        kept->sample.components_count = 0;
        return;
    }
    memcpy(copy, sample->components, size);
    kept->components = copy;
    kept->sample.components = copy;
}

/* Keeps two samples a window apart, so that rates are over one to two windows however often the
 * block is drawn: workers report less often than that. */
static void slide(struct view *view, const struct run_sample *sample)
{
    if (!view->newer.set) {
        remember(&view->newer, sample);
    } else if (sample->elapsed_ns - view->newer.sample.elapsed_ns >= VIEW_WINDOW_NS) {
        struct view_sample oldest = view->before;
        view->before = view->newer;
        view->newer = oldest;
        remember(&view->newer, sample);
    }
}

static void draw_block(struct view *view, const struct run_sample *sample)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory == NULL) {
        return;
    }
    unsigned height = term_height_of(view->file);
    size_t rows = height > VIEW_EXTRA_LINES + 1 ? height - VIEW_EXTRA_LINES : 1;
    const struct run_sample *before = view->before.set ? &view->before.sample : NULL;
    view_render(before, sample, view->color, rows, memory);
    if (fclose(memory) == 0) {
        view->block.color = view->color;
        term_block_draw(&view->block, text);
    }
    free(text);
}

/* A bolt that prints onto the terminal that the block stands on would be drawn over. */
static bool prints_between(const struct view *view, const struct run_sample *sample)
{
    for (size_t i = 0; view->shared && i < sample->components_count; i++) {
        const char *type = sample->components[i].type;
        if (type != NULL && strcmp(type, "print") == 0) {
            return true;
        }
    }
    return false;
}

void view_sample(struct view *view, const struct run_sample *sample)
{
    if (view->mode == VIEW_BLOCK && prints_between(view, sample)) {
        view_end(view);
        view->mode = VIEW_LINES;
    }
    if (view->mode == VIEW_NONE) {
        return;
    }
    int64_t every = view->mode == VIEW_BLOCK ? VIEW_REDRAW_MIN_NS : view->line_every_ns;
    bool first = view->mode == VIEW_BLOCK && !view->newer.set;
    if (!first && sample->elapsed_ns - view->shown_ns < every) {
        return;
    }
    view->shown_ns = sample->elapsed_ns;
    if (view->mode == VIEW_BLOCK) {
        draw_block(view, sample);
        slide(view, sample);
    } else {
        view_line(view->before.set ? &view->before.sample : NULL, sample, view->file);
        fputc('\n', view->file);
        fflush(view->file);
        remember(&view->before, sample);
    }
}

void view_note(struct view *view, const char *line)
{
    term_block_erase(&view->block);
    fprintf(view->file, "%s\n", line);
    fflush(view->file);
}

void view_end(struct view *view)
{
    term_block_leave(&view->block);
}

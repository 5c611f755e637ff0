/* SPDX-License-Identifier: Apache-2.0 */
/* The screen of `gale top`; see top_screen.h. */
#include "cli/top_screen.h"

#include "cli/cluster_text.h"
#include "text/numbers.h"
#include "text/term.h"
#include "text/text_table.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    BAR = 10,
    WIDE = 1000,     /* columns of a table that nothing is cut from here */
    HEAD_LINES = 3,  /* two of figures, one empty */
    FRAME_LINES = 5, /* the head, the titles and the keys */
    ROWS_MAX = 100000
};

/* What rows can be sorted by, beside the order in which they come. */
enum sort {
    SORT_NONE,
    SORT_NAME,
    SORT_IN,
    SORT_OUT,
    SORT_P99,
    SORT_CAPACITY,
    SORT_QUEUE,
    SORT_FAILED,
    SORT_END
};
static const char *const sort_names[] = {"as in the topology", "name",  "in/s",  "out/s", "p99",
                                         "capacity",           "queue", "failed"};

static const char mark_long[] = "  <- back-pressure source";
static const char mark_short[] = "  <- source";

struct row {
    size_t index;
    double key;
    const char *name;
};

/* How a table comes out. */
struct looks {
    unsigned width;  /* of the screen; 0: no limit */
    size_t selected; /* row that is marked; SIZE_MAX - 1: none */
    bool tabs;       /* between the columns */
};

struct rows {
    struct row *items;
    size_t count;
    bool by_name;
    bool up; /* smallest first */
};

/* ---- Rows in order ----------------------------------------------------------------------------- */

static struct top_rows figures(const struct top_state *state)
{
    int component = -1;
    if (state->level == TOP_TASKS) {
        component = top_sample_find(state->now, state->component);
        if (component < 0) { /* The topology was changed: nothing to show. */
            struct top_rows none = {.now = state->now->run};
            none.now.components_count = 0;
            return none;
        }
    }
    return top_rows_of(state->before, state->now, component);
}

static uint64_t failed_of(const struct top_rows *rows, size_t index)
{
    return rows->now.components[index].failed;
}

static double figure_key(const struct top_rows *rows, size_t index, unsigned sort)
{
    const struct run_sample_component *component = &rows->now.components[index];
    switch ((enum sort)sort) {
    case SORT_IN: return top_in_rate(rows, index);
    case SORT_OUT: return top_out_rate(rows, index);
    case SORT_P99: return (double)component->exec_p99_ns;
    case SORT_CAPACITY: return top_capacity(rows, index);
    case SORT_QUEUE: return view_fill(component);
    case SORT_FAILED: return (double)failed_of(rows, index);
    case SORT_NONE:
    case SORT_NAME:
    case SORT_END: break;
    }
    return 0;
}

static double list_key(const struct top_list_item *item, unsigned sort)
{
    switch ((enum sort)sort) {
    case SORT_IN:
    case SORT_OUT: return item->rate;
    case SORT_P99: return (double)item->p99_ns;
    case SORT_FAILED: return (double)item->failed;
    case SORT_NONE:
    case SORT_NAME:
    case SORT_CAPACITY:
    case SORT_QUEUE:
    case SORT_END: break;
    }
    return 0;
}

static int compare(const void *a, const void *b, void *argument)
{
    const struct row *left = a;
    const struct row *right = b;
    const struct rows *rows = argument;
    int order = rows->by_name            ? -strcmp(left->name, right->name)
                : left->key < right->key ? -1
                                         : left->key > right->key;
    order = rows->up ? order : -order;
    return order != 0 ? order : left->index < right->index ? -1 : left->index > right->index;
}

static size_t rows_max(const struct top_state *state)
{
    size_t count = 0;
    if (state->level == TOP_TOPOLOGIES) {
        count = state->list != NULL ? state->list->count : 0;
    } else if (state->now != NULL) {
        count = figures(state).now.components_count;
    }
    return count < ROWS_MAX ? count : ROWS_MAX;
}

/* The rows to show, in order; items is NULL when there is no memory or no row. */
static struct rows rows_make(const struct top_state *state)
{
    size_t count = rows_max(state);
    unsigned sort = state->sorts[state->level];
    struct rows rows = {.items = calloc(count > 0 ? count : 1, sizeof *rows.items),
                        .by_name = sort == SORT_NAME,
                        .up = state->reversed};
    struct top_rows shown = {0};
    if (count > 0 && state->level != TOP_TOPOLOGIES) {
        shown = figures(state);
    }
    for (size_t i = 0; rows.items != NULL && i < count; i++) {
        bool list = state->level == TOP_TOPOLOGIES;
        const char *name = list ? state->list->items[i].name : shown.now.components[i].name;
        if (state->filter[0] != '\0' && strcasestr(name, state->filter) == NULL) {
            continue;
        }
        rows.items[rows.count++] = (struct row){
            .index = i,
            .name = name,
            .key = list ? list_key(&state->list->items[i], sort) : figure_key(&shown, i, sort)};
    }
    if (rows.count > 1 && (sort != SORT_NONE || state->reversed)) {
        if (sort == SORT_NONE) {
            for (size_t i = 0; i < rows.count; i++) {
                rows.items[i].key = -(double)i;
            }
        }
        qsort_r(rows.items, rows.count, sizeof *rows.items, compare, &rows);
    }
    return rows;
}

size_t top_screen_rows(const struct top_state *state)
{
    struct rows rows = rows_make(state);
    free(rows.items);
    return rows.count;
}

int top_screen_index(const struct top_state *state, size_t row)
{
    struct rows rows = rows_make(state);
    int index = rows.items != NULL && row < rows.count ? (int)rows.items[row].index : -1;
    free(rows.items);
    return index;
}

void top_screen_sort_next(struct top_state *state)
{
    unsigned *sort = &state->sorts[state->level];
    do {
        *sort = (*sort + 1) % SORT_END;
    } while (state->level == TOP_TOPOLOGIES &&
             (*sort == SORT_CAPACITY || *sort == SORT_QUEUE || *sort == SORT_OUT));
}

/* ---- Tables ------------------------------------------------------------------------------------ */

/* @param sides of each column: '>' for numbers. */
static void titles(struct text_table *table, const char *const *names, const char *sides)
{
    for (; *names != NULL; names++, sides++) {
        text_table_column(table, *names, *sides == '>');
    }
}

static void queue_cell(struct text_table *table, const struct run_sample_component *component,
                       bool narrow)
{
    char bar[BAR + 1];
    if (component->spout || component->queue_bytes_max == 0) {
        text_table_cell(table, "-");
        return;
    }
    double fill = view_fill(component);
    fill = fill > 1 ? 1 : fill;
    int full = (int)(fill * BAR + 0.5);
    for (int i = 0; i < BAR; i++) {
        bar[i] = i < full ? '#' : '.';
    }
    bar[BAR] = '\0';
    if (narrow) {
        text_table_cellf(table, "%.0f%%", fill * 100);
    } else {
        text_table_cellf(table, "[%s] %3.0f%%", bar, fill * 100);
    }
}

/* The cells that components and tasks have in common. */
static void figure_cells(struct text_table *table, const struct top_rows *rows, size_t index,
                         bool narrow)
{
    char text[NUMBER_SIZE];
    const struct run_sample_component *component = &rows->now.components[index];
    bool bolt = !component->spout;
    if (!narrow) {
        text_table_cell(table, bolt ? number_rate((double)component->executed, text) : "-");
    }
    text_table_cell(table, bolt ? number_rate(top_in_rate(rows, index), text) : "-");
    text_table_cell(table, number_rate(top_out_rate(rows, index), text));
    text_table_cell(table, bolt ? number_time(component->exec_p50_ns, text) : "-");
    text_table_cell(table, bolt ? number_time(component->exec_p99_ns, text) : "-");
    if (bolt) {
        text_table_cellf(table, "%.2f", top_capacity(rows, index));
    } else {
        text_table_cell(table, "-");
    }
    queue_cell(table, component, narrow);
    if (!narrow) {
        text_table_cellf(table, "%.0f%%",
                         view_blocked(top_before(rows), &rows->now, index) * 100);
    }
    text_table_cellf(table, "%" PRIu64, failed_of(rows, index));
}

static void figure_titles(struct text_table *table, bool tasks, bool narrow)
{
    static const char *const of_components[] = {"COMPONENT", "TASKS", NULL};
    static const char *const of_tasks[] = {"TASK", "INDEX", "WORKER", "HOST", NULL};
    static const char *const figures_wide[] = {"EXECUTED", "IN/s",  "OUT/s",   "p50",    "p99",
                                               "CAPACITY", "QUEUE", "BLOCKED", "FAILED", NULL};
    static const char *const figures_narrow[] = {"IN/s",     "OUT/s", "p50",    "p99",
                                                 "CAPACITY", "QUEUE", "FAILED", NULL};
    text_table_init(table);
    titles(table, tasks ? of_tasks : of_components, tasks ? ">>><" : "<>");
    titles(table, narrow ? figures_narrow : figures_wide, ">>>>>>>>>");
}

/* @param narrow without the bars and the columns that are easiest to miss. */
static void fill_figures(struct text_table *table, const struct top_state *state,
                         const struct row *items, size_t count, bool narrow)
{
    bool tasks = state->level == TOP_TASKS;
    struct top_rows rows = figures(state);
    figure_titles(table, tasks, narrow);
    for (size_t i = 0; i < count; i++) {
        size_t index = items[i].index;
        const struct top_place *place = &rows.places[index];
        if (tasks) {
            text_table_cellf(table, "%" PRIu32, place->task);
            text_table_cellf(table, "%" PRIu32, place->index);
            text_table_cellf(table, "%" PRIu32, place->worker);
            text_table_cell(table, place->host);
        } else {
            text_table_cell(table, rows.now.components[index].name);
            text_table_cellf(table, "%" PRIu32, rows.now.components[index].tasks);
        }
        figure_cells(table, &rows, index, narrow);
    }
}

static void fill_list(struct text_table *table, const struct top_list *list,
                      const struct row *items, size_t count)
{
    static const char *const names[] = {"TOPOLOGY", "STATUS", "AGE",    "WORKERS",  "TASKS",
                                        "RATE/s",   "p99",    "FAILED", "RESTARTS", NULL};
    char text[NUMBER_SIZE];
    char age[CLUSTER_AGE_SIZE];
    text_table_init(table);
    titles(table, names, "<<>>>>>>>");
    for (size_t i = 0; i < count; i++) {
        const struct top_list_item *item = &list->items[items[i].index];
        text_table_cell(table, item->name);
        text_table_cell(table, item->status);
        text_table_cell(table, cluster_age(item->age_ms, age));
        text_table_cellf(table, "%" PRIu32 "/%" PRIu32, item->workers_up, item->workers);
        text_table_cellf(table, "%" PRIu32, item->tasks);
        text_table_cell(table, number_rate(item->rate, text));
        text_table_cell(table, number_time(item->p99_ns, text));
        text_table_cellf(table, "%" PRIu64, item->failed);
        text_table_cellf(table, "%" PRIu32, item->restarts);
    }
}

/* Prints a table that lies in `text` line by line with what marks its rows. */
static void put_lines(const struct top_state *state, const char *text, const struct row *items,
                      const struct looks *looks, FILE *file)
{
    int slow = state->level == TOP_COMPONENTS ? top_pressure(state->before, state->now) : -1;
    for (size_t line = 0; *text != '\0'; line++) {
        int length = (int)strcspn(text, "\n");
        bool marked = line > 0 && slow >= 0 && (int)items[line - 1].index == slow;
        bool chosen = line == looks->selected + 1;
        bool room = looks->width == 0 || (unsigned)length + sizeof mark_long <= looks->width;
        fprintf(file, "%s%s%.*s%s%s\n", chosen ? "\033[7m" : "",
                marked && state->color && !chosen ? "\033[33m" : "", length, text,
                !marked ? ""
                : room  ? mark_long
                        : mark_short,
                chosen || (marked && state->color) ? "\033[0m" : "");
        text += length;
        text += *text == '\n';
    }
}

/* The table as text, to be freed; NULL: no memory. */
static char *table_text(const struct top_state *state, const struct row *items, size_t count,
                        const struct looks *looks, bool narrow)
{
    struct text_table table;
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (memory == NULL) {
        return NULL;
    }
    if (state->level == TOP_TOPOLOGIES) {
        fill_list(&table, state->list, items, count);
    } else {
        fill_figures(&table, state, items, count, narrow);
    }
    (void)text_table_print(&table, memory, looks->tabs ? 0 : WIDE, state->color);
    text_table_fini(&table);
    if (fclose(memory) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Columns of a table: of its first row, as the titles may hold colours. */
static unsigned table_width(const char *text)
{
    char line[WIDE + 1];
    const char *row = strchr(text, '\n');
    size_t size = row != NULL ? strcspn(row + 1, "\n") : 0;
    size = size < sizeof line ? size : sizeof line - 1;
    memcpy(line, row != NULL ? row + 1 : "", size);
    line[size] = '\0';
    return term_columns(line);
}

static void put_rows(const struct top_state *state, const struct row *items, size_t count,
                     const struct looks *looks, FILE *file)
{
    char *text = table_text(state, items, count, looks, false);
    if (text != NULL && looks->width > 0 && table_width(text) > looks->width) {
        free(text);
        text = table_text(state, items, count, looks, true);
    }
    if (text != NULL) {
        put_lines(state, text, items, looks, file);
    }
    free(text);
}

/* ---- The head ---------------------------------------------------------------------------------- */

/* What others wrote: control characters come out as "?", as in a table. */
static void put_text(const char *text, FILE *file)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        fputc(byte < ' ' || byte == 0x7f ? '?' : byte, file);
    }
}

static void put_times(const struct top_sample *sample, FILE *file)
{
    char p50[NUMBER_SIZE];
    char p99[NUMBER_SIZE];
    char p999[NUMBER_SIZE];
    fprintf(file, "  p50 %s  p99 %s  p99.9 %s", number_time(sample->complete_p50_ns, p50),
            number_time(sample->complete_p99_ns, p99),
            number_time(sample->complete_p999_ns, p999));
}

static void put_figures(const struct top_state *state, FILE *file)
{
    char rate[NUMBER_SIZE];
    char memory[CLUSTER_SIZE_SIZE];
    struct top_rows rows = top_rows_of(state->before, state->now, -1);
    struct top_totals totals = top_totals_of(&rows);
    const struct run_sample *now = &rows.now;
    const struct run_sample *before = top_before(&rows);
    double span = view_interval_s(before, now);
    uint64_t cpu = (uint64_t)(now->cpu_user_ns + now->cpu_system_ns);
    uint64_t cpu_before =
        before != NULL ? (uint64_t)(before->cpu_user_ns + before->cpu_system_ns) : 0;
    int slow = top_pressure(state->before, state->now);
    fprintf(file, "  acked %s/s", number_rate(totals.acked, rate));
    put_times(state->now, file);
    fprintf(file, "  pending %" PRIu64 "  failed %" PRIu64, totals.pending, totals.failed);
    if (totals.timed_out > 0) {
        fprintf(file, " (%" PRIu64 " timed out)", totals.timed_out);
    }
    fprintf(file, "\nworkers %" PRIu32 "/%" PRIu32 " on %" PRIu32 " host%s", now->workers_up,
            now->workers_count, state->now->hosts_count,
            state->now->hosts_count == 1 ? "" : "s");
    fprintf(file, "  cpu %.1f  memory %s",
            span > 0 ? (double)view_growth(cpu_before, cpu) / 1e9 / span : 0,
            cluster_size((double)now->rss_kb * 1024, memory));
    if (now->restarts > 0) {
        fprintf(file, "  restarts %" PRIu32, now->restarts);
    }
    if (slow >= 0) {
        fputs("  back-pressure from ", file);
        put_text(now->components[slow].name, file);
    }
    fputc('\n', file);
}

static void put_note(const struct top_state *state, FILE *file)
{
    fputs(state->color ? "\033[31m" : "", file);
    put_text(state->note, file);
    fputs(state->color ? "\033[0m\n" : "\n", file);
}

/* Two lines; trouble stands in the second one. */
static void put_head(const struct top_state *state, FILE *file)
{
    char *text = NULL;
    size_t size = 0;
    fputs("gale top", file);
    if (state->level == TOP_TOPOLOGIES) {
        size_t count = state->list != NULL ? state->list->count : 0;
        fprintf(file, "  %zu topolog%s%s\n", count, count == 1 ? "y" : "ies",
                state->paused ? "  PAUSED" : "");
        put_note(state, file);
        return;
    }
    fputs("  ", file);
    put_text(state->topology, file);
    if (state->level == TOP_TASKS) {
        fputc('/', file);
        put_text(state->component, file);
    }
    fputs("  ", file);
    put_text(state->now != NULL ? state->now->status : "", file);
    fputs(state->paused ? "  PAUSED" : "", file);
    if (state->now == NULL) {
        fputc('\n', file);
        put_note(state, file);
        return;
    }
    FILE *memory = open_memstream(&text, &size);
    if (memory == NULL) {
        return;
    }
    put_figures(state, memory);
    if (fclose(memory) == 0) {
        size_t first = strcspn(text, "\n") + 1;
        fprintf(file, "%.*s", (int)first, text);
        if (state->note[0] != '\0') {
            put_note(state, file);
        } else {
            fputs(text + first, file);
        }
    }
    free(text);
}

/* ---- Whole screens ----------------------------------------------------------------------------- */

static void put_keys(const struct top_state *state, FILE *file)
{
    const char *enter = state->level == TOP_TOPOLOGIES   ? "enter open  "
                        : state->level == TOP_COMPONENTS ? "t tasks  "
                                                         : "";
    bool back =
        state->level == TOP_TASKS || (state->level == TOP_COMPONENTS && !state->entered_here);
    if (state->typing) {
        fprintf(file, "filter: %s_  (enter keeps it, esc shows all)", state->filter);
        return;
    }
    fprintf(file, "%s%ss sort: %s%s  / filter%s%s  p %s  ? help  q quit", enter,
            back ? "esc back  " : "", sort_names[state->sorts[state->level]],
            state->reversed ? " (reversed)" : "", state->filter[0] != '\0' ? ": " : "",
            state->filter, state->paused ? "go on" : "pause");
}

static void put_help(FILE *file)
{
    fputs("gale top: keys\n\n"
          "  up down j k    select a row; page up, page down, home, end too\n"
          "  enter t        the components of a topology, the tasks of a component\n"
          "  esc left       back\n"
          "  s              sort by the next column      r  reverse the order\n"
          "  /              show only names that hold a text; esc shows all again\n"
          "  p              pause, go on\n"
          "  q              quit\n\n"
          "  IN/s OUT/s     tuples executed and emitted a second, over the last one or two\n"
          "  p50 p99        time of one execute\n"
          "  CAPACITY       share of its time that a task spends in execute; 1 is all of it\n"
          "  QUEUE          how full the inboxes are\n"
          "  BLOCKED        share of the time without room for what it emits\n\n"
          "Any key leads back.\n",
          file);
}

/* The first row on the screen, so that the selected one is among the `room` shown. */
static size_t first_row(size_t selected, size_t count, size_t room)
{
    if (count <= room || selected < room) {
        return 0;
    }
    return selected - room + 1;
}

void top_screen_draw(const struct top_state *state, unsigned width, unsigned height, FILE *file)
{
    if (state->help) {
        put_help(file);
        return;
    }
    struct rows rows = rows_make(state);
    size_t room = height > FRAME_LINES ? height - FRAME_LINES : 1;
    size_t selected = state->selected < rows.count ? state->selected : rows.count;
    size_t first = first_row(selected, rows.count, room);
    size_t shown = rows.count - first < room ? rows.count - first : room;
    put_head(state, file);
    fputc('\n', file);
    unsigned lines = HEAD_LINES;
    bool some = state->level == TOP_TOPOLOGIES ? state->list != NULL : state->now != NULL;
    if (some && rows.items != NULL) {
        const struct looks looks = {.width = width, .selected = selected - first};
        put_rows(state, rows.items + first, shown, &looks, file);
        lines += (unsigned)shown + 1;
    }
    for (; lines + 1 < height; lines++) {
        fputc('\n', file);
    }
    put_keys(state, file);
    fputc('\n', file);
    free(rows.items);
}

void top_screen_once(const struct top_state *state, unsigned width, FILE *file)
{
    struct rows rows = rows_make(state);
    if (state->level != TOP_TOPOLOGIES) {
        put_head(state, file);
        fputc('\n', file);
    }
    if (rows.items != NULL) {
        const struct looks looks = {
            .width = width, .selected = SIZE_MAX - 1, .tabs = width == 0};
        put_rows(state, rows.items, rows.count, &looks, file);
    }
    free(rows.items);
}

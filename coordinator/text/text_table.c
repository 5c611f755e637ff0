/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of text; see text_table.h. */
#include "text/text_table.h"

#include "base/assert.h"
#include "text/term.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_TABLE_CELL_MAX = 512, TEXT_TABLE_GAP = 2 };

void text_table_init(struct text_table *table)
{
    memset(table, 0, sizeof *table);
}

void text_table_fini(struct text_table *table)
{
    for (size_t i = 0; i < table->cells_count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    text_table_init(table);
}

void text_table_column(struct text_table *table, const char *title, bool right)
{
    GALE_ASSERT(table->columns_count < TEXT_TABLE_COLUMNS_MAX && table->cells_count == 0);
    table->titles[table->columns_count] = title;
    table->right[table->columns_count] = right;
    table->columns_count++;
}

void text_table_cell(struct text_table *table, const char *text)
{
    if (table->cells_count == table->cells_capacity && !table->failed) {
        size_t capacity = table->cells_capacity == 0 ? 64 : table->cells_capacity * 2;
        char **cells = realloc(table->cells, capacity * sizeof *cells);
        table->failed = cells == NULL;
        if (cells != NULL) {
            table->cells = cells;
            table->cells_capacity = capacity;
        }
    }
    char *copy = table->failed ? NULL : strdup(text == NULL || *text == '\0' ? "-" : text);
    if (copy == NULL) {
        table->failed = true;
        return;
    }
    for (char *at = copy; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    table->cells[table->cells_count++] = copy;
}

void text_table_cellf(struct text_table *table, const char *format, ...)
{
    char text[TEXT_TABLE_CELL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_table_cell(table, text);
}

static void pad(FILE *file, unsigned count)
{
    while (count-- > 0) {
        fputc(' ', file);
    }
}

/* Bytes of text that fit into `room` columns. */
static int fitting(const char *text, unsigned room)
{
    char head[TEXT_TABLE_CELL_MAX];
    size_t size = strlen(text);
    if (size >= sizeof head) {
        size = sizeof head - 1;
    }
    memcpy(head, text, size);
    head[size] = '\0';
    while (size > 0 && term_columns(head) > room) {
        do {
            size--;
        } while (size > 0 && ((unsigned char)head[size] & 0xc0u) == 0x80u);
        head[size] = '\0';
    }
    return (int)size;
}

static void print_row(const struct text_table *table, FILE *file, const char *const *cells,
                      const unsigned *widths, unsigned width)
{
    unsigned used = 0;
    for (size_t i = 0; i < table->columns_count; i++) {
        unsigned columns = term_columns(cells[i]);
        bool last = i + 1 == table->columns_count;
        if (table->right[i]) {
            pad(file, widths[i] - columns);
        }
        if (last && !table->right[i] && used + columns > width && width > used + 1) {
            fprintf(file, "%.*s\xe2\x80\xa6", fitting(cells[i], width - used - 1), cells[i]);
        } else {
            fputs(cells[i], file);
        }
        if (!last) {
            pad(file, (table->right[i] ? 0 : widths[i] - columns) + TEXT_TABLE_GAP);
        }
        used += widths[i] + TEXT_TABLE_GAP;
    }
    fputc('\n', file);
}

static void print_tabs(const struct text_table *table, FILE *file, const char *const *cells)
{
    for (size_t i = 0; i < table->columns_count; i++) {
        fprintf(file, "%s%s", i > 0 ? "\t" : "", cells[i]);
    }
    fputc('\n', file);
}

enum gale_err text_table_print(const struct text_table *table, FILE *file, unsigned width,
                               bool color)
{
    if (table->failed) {
        return GALE_ERR_NOMEM;
    }
    size_t count = table->columns_count;
    GALE_ASSERT(count > 0 && table->cells_count % count == 0);
    unsigned widths[TEXT_TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < count; i++) {
        widths[i] = term_columns(table->titles[i]);
    }
    for (size_t i = 0; i < table->cells_count; i++) {
        unsigned columns = term_columns(table->cells[i]);
        if (columns > widths[i % count]) {
            widths[i % count] = columns;
        }
    }
    const char *row[TEXT_TABLE_COLUMNS_MAX];
    for (size_t first = 0; first <= table->cells_count; first += count) {
        for (size_t i = 0; i < count; i++) {
            row[i] = first == 0 ? table->titles[i] : table->cells[first - count + i];
        }
        if (width == 0) {
            print_tabs(table, file, row);
            continue;
        }
        if (first == 0 && color) {
            fputs("\033[1m", file);
        }
        print_row(table, file, row, widths, width);
        if (first == 0 && color) {
            fputs("\033[0m", file);
        }
    }
    return GALE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of text cells: on a terminal aligned by display width, otherwise the same columns
 * separated by tabs, nothing cut, no colour. Cells are copied. Running out of memory is
 * remembered and reported by text_table_print. Single-threaded.
 */
#ifndef TEXT_TEXT_TABLE_H
#define TEXT_TEXT_TABLE_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TEXT_TABLE_COLUMNS_MAX 16

struct text_table {
    const char *titles[TEXT_TABLE_COLUMNS_MAX]; /* borrowed */
    bool right[TEXT_TABLE_COLUMNS_MAX];         /* numbers */
    size_t columns_count;
    char **cells; /* row after row */
    size_t cells_count;
    size_t cells_capacity;
    bool failed;
};

void text_table_init(struct text_table *table);
void text_table_fini(struct text_table *table);
void text_table_column(struct text_table *table, const char *title, bool right);
/** The next cell, left to right, row by row. NULL or "" shows as "-" . Control characters come
 *  out as "?", so that a cell can neither break a row nor drive the terminal. */
void text_table_cell(struct text_table *table, const char *text);
void text_table_cellf(struct text_table *table, const char *format, ...) GALE_PRINTF(2, 3);
/**
 * Prints titles and rows. @param width columns of the terminal, 0 = none (tabs). Where a row is
 * wider, the last column is cut with "…". @param color titles in bold.
 * @return GALE_OK or GALE_ERR_NOMEM (nothing printed).
 */
enum gale_err text_table_print(const struct text_table *table, FILE *file, unsigned width,
                               bool color);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of text cells: on a terminal aligned by display width, otherwise the same columns
 * separated by tabs, nothing cut, no colour. Cells are copied. Running out of memory is
 * remembered and reported by table_print. Single-threaded.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 16

struct table {
    const char *titles[TABLE_COLUMNS_MAX]; /* borrowed */
    bool right[TABLE_COLUMNS_MAX];         /* numbers */
    size_t columns_count;
    char **cells; /* row after row */
    size_t cells_count;
    size_t cells_capacity;
    bool failed;
};

void table_init(struct table *table);
void table_fini(struct table *table);
void table_column(struct table *table, const char *title, bool right);
/** The next cell, left to right, row by row. NULL or "" shows as "-" . Control characters come
 *  out as "?", so that a cell can neither break a row nor drive the terminal. */
void table_cell(struct table *table, const char *text);
void table_cellf(struct table *table, const char *format, ...) GALE_PRINTF(2, 3);
/**
 * Prints titles and rows. @param width columns of the terminal, 0 = none (tabs). Where a row is
 * wider, the last column is cut with "…". @param color titles in bold.
 * @return GALE_OK or GALE_ERR_NOMEM (nothing printed).
 */
enum gale_err table_print(const struct table *table, FILE *file, unsigned width, bool color);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen of `gale top`: a list of topologies, the components of one, or the tasks of a component,
 * as lines of text. Pure: everything comes from the state and the size. Single-threaded.
 */
#ifndef CLI_TOP_SCREEN_H
#define CLI_TOP_SCREEN_H

#include "cli/top_model.h"
#include <stdio.h>

enum { TOP_NAME_SIZE = 256, TOP_FILTER_SIZE = 64, TOP_NOTE_SIZE = 600 };

enum top_level { TOP_TOPOLOGIES, TOP_COMPONENTS, TOP_TASKS };

struct top_state {
    enum top_level level;
    const struct top_list *list;     /* of TOP_TOPOLOGIES; NULL: none yet */
    const struct top_sample *before; /* rates are since this one; NULL: since the start */
    const struct top_sample *now;    /* of the other levels; NULL: none yet */
    char topology[TOP_NAME_SIZE];
    char component[TOP_NAME_SIZE];
    char filter[TOP_FILTER_SIZE];  /* names that hold it are shown; empty: all */
    bool typing;                   /* the filter is being typed */
    unsigned sorts[TOP_TASKS + 1]; /* column of each level, 0: as they come */
    bool reversed;
    size_t selected; /* row among those shown */
    bool paused;
    bool help;
    bool color;
    bool entered_here;        /* started with a name: esc does not lead to the list */
    char note[TOP_NOTE_SIZE]; /* trouble: shown in the place of the second line */
};

/** Draws it, at most `height` lines, which may be longer than the width; each ends with a line
 *  feed. */
void top_screen_draw(const struct top_state *state, unsigned width, unsigned height,
                     FILE *file);
/** The same for a pipe or a terminal that goes on: title lines, then all rows.
 *  @param width of the terminal, 0: tabs between the columns. */
void top_screen_once(const struct top_state *state, unsigned width, FILE *file);
/** Rows that the filter lets through. */
size_t top_screen_rows(const struct top_state *state);
/** Index in the list, or among the components or tasks, of a row that is shown; -1: none. */
int top_screen_index(const struct top_state *state, size_t row);
/** Goes on to the next column to sort by. */
void top_screen_sort_next(struct top_state *state);

#endif

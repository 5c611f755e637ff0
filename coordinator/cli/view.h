/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live view of a run on stderr. On a terminal a block of lines is drawn over itself, at most
 * ten times a second, with plain ANSI: it changes no mode of the terminal, so that there is nothing
 * to restore however the process ends. Elsewhere one line every ten seconds, or every second when
 * progress is asked for. Single-threaded.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "cli/view_figures.h"
#include "text/term.h"
#include <stdio.h>

enum view_mode { VIEW_NONE, VIEW_LINES, VIEW_BLOCK };

#define VIEW_REDRAW_MIN_NS INT64_C(100000000)

/* A copy of a sample. */
struct view_sample {
    bool set;
    struct run_sample sample;
    struct run_sample_component *components;
};

struct view {
    FILE *file;
    enum view_mode mode;
    int64_t line_every_ns; /* VIEW_LINES */
    bool color;
    bool shared; /* stdout is the same kind of terminal: data lines may come between */
    struct term_block block;   /* what stands on the screen */
    int64_t shown_ns;          /* elapsed time of the sample shown last */
    struct view_sample before; /* rates are since this one */
    struct view_sample newer;  /* takes its place when it is old enough */
};

void view_init(struct view *view, FILE *file, enum view_mode mode, int64_t line_every_ns);
void view_fini(struct view *view);
/** Shows a sample when it is due. */
void view_sample(struct view *view, const struct run_sample *sample);
/** Prints a line of news; the block moves below it. */
void view_note(struct view *view, const char *line);
/** Leaves the block where it stands and continues below. */
void view_end(struct view *view);

/** One block: head line, table, marks. @param before NULL: rates since the start.
 *  @param rows components shown at most, 0 = all. */
void view_render(const struct run_sample *before, const struct run_sample *now, bool color,
                 size_t rows, FILE *file);
/** The same in one line without newline. */
void view_line(const struct run_sample *before, const struct run_sample *now, FILE *file);

#endif

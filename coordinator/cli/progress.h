/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command that waits says meanwhile, on stderr: on a terminal one line that is drawn over
 * itself, at most ten times a second; elsewhere a line for each phase; with --json each of them as
 * an object; with --quiet nothing. No mode of the terminal is changed. Single-threaded.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/options.h"
#include "text/term.h"

#include <stdint.h>

#define PROGRESS_REDRAW_MIN_NS INT64_C(100000000)

enum progress_mode { PROGRESS_NONE, PROGRESS_LINES, PROGRESS_TERMINAL, PROGRESS_JSON };

struct progress {
    enum progress_mode mode;
    const char
        *subject; /* borrowed: what the phases are of, a topology's name; NULL: nothing */
    struct term_block block;
    int64_t begin_ns;
    int64_t drawn_ns;
    char phase[256]; /* said last */
};

/** @param subject borrowed as long as the progress lives, may be NULL. */
void progress_init(struct progress *progress, const struct invocation *call,
                   const char *subject);
/** Takes the line off the terminal; what is printed next comes in its place. */
void progress_end(struct progress *progress);
/** The present phase. @param detail what changes within it, shown on a terminal and with a phase's
 *  first line; "" or NULL: nothing. */
void progress_show(struct progress *progress, const char *phase, const char *detail);
/** A sentence of its own: a result or a piece of news. */
void progress_say(struct progress *progress, const char *format, ...) GALE_PRINTF(2, 3);
/** Makes blanks of the control characters in a text from elsewhere, which could drive a terminal. */
void progress_plain(char *text);
/** Seconds since progress_init. */
double progress_seconds(const struct progress *progress);

#endif

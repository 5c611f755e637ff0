/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal behind a stream: how wide it is, what it can show, and a block of lines that is drawn
 * over itself with plain ANSI. No mode of the terminal is changed, so that there is nothing to
 * restore however the process ends. Single-threaded.
 */
#ifndef TEXT_TERM_H
#define TEXT_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { TERM_WIDTH_DEFAULT = 80, TERM_HEIGHT_DEFAULT = 24, TERM_BLOCK_LINES_MAX = 256 };

/** Columns of the terminal behind a stream; 0 = it is none. COLUMNS overrides. */
unsigned term_width_of(FILE *file);
/** Lines of the terminal behind a stream; TERM_HEIGHT_DEFAULT when it does not say. */
unsigned term_height_of(FILE *file);
/** Whether TERM names a terminal whose cursor can be moved: not when it is unset, empty or `dumb`. */
bool term_moves_cursor(void);
/** Columns that UTF-8 text takes; bytes that are no UTF-8 count as one each. */
unsigned term_columns(const char *text);
/** Whether a locale shows UTF-8. Each is the variable's value or NULL; the first that is not empty
 *  decides, as in setlocale. */
bool term_utf8(const char *lc_all, const char *lc_ctype, const char *lang);
/** The same, asking the environment. */
bool term_utf8_of_environment(void);

/* Lines that stand on the screen, the cursor below them. Zero it, then set file and color. */
struct term_block {
    FILE *file;
    bool color; /* lines may hold colours */
    unsigned lines_count;
    unsigned columns[TERM_BLOCK_LINES_MAX]; /* that each line took */
};

/** Replaces the block by the lines of `text`, each cut at the terminal's present width, no more
 *  of them than it has lines; flushed. A block that was wrapped because the terminal became
 *  narrower meanwhile is erased as a whole. */
void term_block_draw(struct term_block *block, const char *text);
/** Takes the block off the screen; what is printed next comes in its place. */
void term_block_erase(struct term_block *block);
/** Lets the block stand and goes on below. */
void term_block_leave(struct term_block *block);

/** Draws a whole screen from its upper left corner: the lines of `text`, each cut at the width, no
 *  more of them than it has lines; what stood behind and below them goes. Flushed in one piece. */
void term_frame_draw(FILE *file, const char *text, unsigned width, unsigned height);

#endif

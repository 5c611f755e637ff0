/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal of a full-screen view: keys one by one, the other screen, no cursor. What was changed
 * is put back by top_term_leave and by whatever signal ends the process, crashes included (not by
 * SIGKILL, which nobody hears of). Stopped by Ctrl-Z, the terminal is as before until the process
 * goes on. One terminal of a process; one thread.
 */
#ifndef CLI_TOP_TERM_H
#define CLI_TOP_TERM_H

#include <stdbool.h>
#include <stdint.h>

/* Keys that are no character. */
enum top_key {
    TOP_KEY_NONE = 0,     /* the time is over */
    TOP_KEY_REDRAW = 256, /* the size changed, or the process was stopped meanwhile */
    TOP_KEY_UP,
    TOP_KEY_DOWN,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_LEFT,
    TOP_KEY_RIGHT,
    TOP_KEY_ESCAPE,
    TOP_KEY_ENTER,
    TOP_KEY_BACKSPACE,
    TOP_KEY_CLOSED /* nobody can type any more: the terminal is gone */
};

/** Takes stdin and stdout over. @return false: they are no terminal that can be. */
bool top_term_enter(void);
/** Puts everything back; nothing when it was not entered. */
void top_term_leave(void);
/** Columns and lines of the screen. */
void top_term_size(unsigned *width, unsigned *height);
/** Waits for a key for at most so long. @return a character below 256 or one of the above. */
int top_term_key(int64_t within_ms);

#endif

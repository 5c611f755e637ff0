/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of several logs in the order of their times. Pure: bytes of each log go in as they come, whole
 * lines come out. A line without a time (what a module printed) belongs to the one before it and
 * stays behind it. One owner.
 */
#ifndef CLI_LOGS_MERGE_H
#define CLI_LOGS_MERGE_H

#include "base/buf.h"

#define LOGS_LINE_MAX (64u << 10) /* bytes of a line; a longer one is cut */
#define LOGS_HELD_MAX (64u << 20) /* bytes of lines held at once */

struct logs_line {
    int64_t ms;     /* since 1970; of the line before when it has none; 0: unknown */
    size_t source;  /* whose it is */
    uint64_t order; /* of arrival */
    size_t at;      /* in the text */
    size_t size;    /* without its newline */
};

struct logs_merge {
    struct buf text;
    struct logs_line *lines;
    size_t count;
    size_t capacity;
    uint64_t order;
};

void logs_merge_init(struct logs_merge *merge);
void logs_merge_fini(struct logs_merge *merge);
/** Adds a line. @param last_ms of its source: read and replaced. GALE_ERR_NOMEM; GALE_ERR_LIMIT: no
 *  more are held, take these first. */
enum gale_err logs_merge_add(struct logs_merge *merge, size_t source, const char *line,
                             size_t size, int64_t *last_ms);
/** Puts the lines into their order: by time, then by source, then as they came. */
void logs_merge_sort(struct logs_merge *merge);
/** Forgets the lines. */
void logs_merge_clear(struct logs_merge *merge);
/** Text of a line; not terminated. */
const char *logs_merge_text(const struct logs_merge *merge, const struct logs_line *line);

/** Time of a line in either of the log's forms: ts=2026-11-21T10:17:43.123Z … or {"ts":"…".
 *  @return milliseconds since 1970, -1: it has none. */
int64_t logs_line_ms(const char *line, size_t size);
/** Whether a line says that it is of this component, in either form. */
bool logs_line_is_of(const char *line, size_t size, const char *component);
/** Whether a line says that it is of this task, in either form. */
bool logs_line_is_of_task(const char *line, size_t size, int64_t task);
/** The level of a line: 0 debug … 3 error, -1: it says none. */
int logs_line_level(const char *line, size_t size);

#endif

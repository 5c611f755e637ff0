/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file to which a counting task writes its windows before it acks what they hold, so that a
 * killed worker's counts outlive it. Each line tells the whole count of a window ("<campaign id>
 * <window number> <count>"); the last line of a window counts. What a killed process wrote stays
 * (the page cache is the kernel's); it is no promise against a crash of the machine. Owned by one
 * task.
 */
#ifndef YSB_JOURNAL_H
#define YSB_JOURNAL_H

#include "table.h"

#include <gale/errors.h>

struct journal {
    int fd;
};

/**
 * Opens the file, reads what is there into `table` and cuts off a line that was not finished.
 * @param path made when it is new. @return GALE_OK, GALE_ERR_IO, GALE_ERR_NOMEM or
 * GALE_ERR_CORRUPT (a line of another form).
 */
enum gale_err journal_open(struct journal *journal, const char *path, struct table *table);
/** Appends the windows that are marked as changed; they stay marked. @return GALE_OK, GALE_ERR_NOMEM or
 *  GALE_ERR_IO. */
enum gale_err journal_write(struct journal *journal, struct table *table);
/** Closes the file; an unopened journal must have fd −1. */
void journal_close(struct journal *journal);

#endif

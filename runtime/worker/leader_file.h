/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file by which a supervisor tells its workers who leads: one line "EPOCH ENDPOINT\n", replaced as a
 * whole by rename, so that a reader sees the old one or the new one. Looking at it costs one stat when
 * nothing has changed. Whoever cannot read it keeps what it knew. Any thread; no shared state.
 */
#ifndef WORKER_LEADER_FILE_H
#define WORKER_LEADER_FILE_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define LEADER_ENDPOINT_SIZE 256 /* NUL included */

struct leader {
    uint64_t epoch; /* of the coordinator; never 0 */
    char endpoint[LEADER_ENDPOINT_SIZE];
};

struct leader_file {
    const char *path; /* the caller's */
    bool seen;        /* it was read in the state that follows */
    dev_t device;
    ino_t inode;
    struct timespec changed;
};

/** Reads the file when it is another one than at the last look.
 *  @return true: *out is what it says now; false: nothing new, or nothing that can be read. */
bool leader_file_look(struct leader_file *file, struct leader *out);
/** The next look reads the file again, changed or not. */
void leader_file_forget(struct leader_file *file);
/** Replaces the file. GALE_ERR_IO, GALE_ERR_LIMIT (a path or endpoint is too long), with *error set. */
enum gale_err leader_file_write(const char *path, const struct leader *leader,
                                struct gale_error *error);

#endif

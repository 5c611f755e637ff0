/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a run's sockets: made at the start (0700), locked while the run lives, removed at its
 * end. A run that was killed leaves its own behind; the next run finds the lock free and removes it. */
#ifndef RUN_SOCKETS_H
#define RUN_SOCKETS_H

#include <gale/errors.h>

#define SOCKETS_PATH_SIZE 64 /* a socket's whole path has but 107 bytes */

struct sockets {
    char path[SOCKETS_PATH_SIZE]; /* empty: none */
    int lock;                     /* descriptor that holds the lock; -1: none */
};

/** Makes the directory under XDG_RUNTIME_DIR or /tmp and removes those of dead runs.
 *  GALE_ERR_IO with a sentence. Blocks on the file system. */
enum gale_err sockets_make(struct sockets *sockets, struct gale_error *error);
/** Removes it with all it holds. */
void sockets_remove(struct sockets *sockets);

#endif

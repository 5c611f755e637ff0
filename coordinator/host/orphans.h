/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers of a supervisor's directory that no record of it knows: one was started and the supervisor
 * died before it had put it on record, or the record was damaged. They are known by their command
 * line, `gale worker --control file:STATE/coordinator …`. Linux, /proc. One thread; reads only.
 */
#ifndef HOST_ORPHANS_H
#define HOST_ORPHANS_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Called for each worker process whose control argument is that one, with what process_adopt wants. */
typedef void orphan_fn(void *self, int64_t pid, uint64_t start);
/** Goes through the processes of this machine. GALE_ERR_IO: /proc cannot be read. */
enum gale_err orphans_scan(const char *control, orphan_fn *fn, void *self);
/** Whether a command line (as /proc has it: each argument ends in NUL) is such a worker's. Pure. */
bool orphans_is_worker(const char *line, size_t size, const char *control);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that outlive their starter and are found again by it: what a supervisor needs beyond the
 * children of supervise.h. A process is known by its pid, its start time and the boot of the machine;
 * the three together are never used twice. Owner: one thread.
 */
#ifndef SUPERVISE_PROCESS_H
#define SUPERVISE_PROCESS_H

#include "supervise/supervise.h"

#define PROCESS_BOOT_SIZE 40 /* of the boot's id, NUL included */

/* Where a process is to run. */
struct process_place {
    const char *directory; /* its working directory; NULL: as here */
    const char *log_path;  /* stdout and stderr are appended there (0600); NULL: as here */
};

/** As process_start, in a place of its own; no other descriptor is inherited. It gets no signal when the
 *  starter dies. */
enum gale_err process_start_at(const char *const *argv, const struct process_limits *limits,
                               const struct process_place *place, struct process *out,
                               struct gale_error *error);
/**
 * Takes in a process that runs already, child of this one or not: it can be signalled and its pidfd
 * becomes readable when it has ended, whereupon process_reap takes it (exit 255 where it is no child).
 * @param start as process_start_time said when it was started. @return GALE_OK; GALE_ERR_NOT_FOUND: it
 * has ended, or the pid is another process's now; GALE_ERR_LIMIT, GALE_ERR_IO.
 */
enum gale_err process_adopt(int64_t pid, uint64_t start, struct process *out);
/** When a process was started, in ticks since the boot; 0: there is none, or it has ended. */
uint64_t process_start_time(int64_t pid);
/** The id of the machine's present boot; "" when it is not known. */
void process_boot(char out[PROCESS_BOOT_SIZE]);
/** Resident memory in KiB; 0: no such process. */
int64_t process_rss_kb(int64_t pid);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the suite that outlast one call: daemons that write into a file, and what the system
 * says of any process. A daemon gets a signal when the suite dies, however it dies; whoever starts one
 * ends it by proc_end. One thread, the same for start and end.
 */
#ifndef SUITE_PROC_H
#define SUITE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Starts argv[0] in a process group of its own, stdin from /dev/null.
 *  @param environment "KEY=VALUE" each, NULL-terminated. @param out, err files that stdout and
 *  stderr are appended to. @param death_signal what it gets when the suite dies.
 *  @return its id, or -1 with errno. A program that cannot be started exits with 127. */
pid_t proc_start(const char *const *argv, char *const *environment, const char *out,
                 const char *err, int death_signal);
/** Whether a process that proc_start made still runs; one that has ended is reaped and *pid 0. */
bool proc_runs(pid_t *pid);
/** Sends `signal`, waits `grace_s` at most, then SIGKILL; reaps it and sets *pid to 0. 0 is nothing. */
void proc_end(pid_t *pid, int signal, double grace_s);

/** Kills every process that has this "KEY=VALUE" in its environment, but not the caller, until there
 *  is none. @return how many were killed. */
unsigned proc_sweep(const char *mark);

/** CPU time of all threads in seconds, and resident memory in megabytes: with what it shares with
 *  others, and without (its proportional share). NAN: there is no such process. */
double proc_cpu_s(pid_t pid);
double proc_rss_mb(pid_t pid);
double proc_share_mb(pid_t pid);

/** Sleeps; a signal ends it earlier. */
void proc_pause(double seconds);

#endif

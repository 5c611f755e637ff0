/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process of the suite in a process group of its own, its stdout gathered, its stderr
 * handed over line by line. child_wait ends only when the child has been reaped; whoever starts
 * one therefore leaves none behind. Should the suite itself be killed, the child's next write
 * finds a closed pipe and ends it.
 *
 * Signals: while child_signals_begin is in force SIGINT, SIGTERM and SIGHUP only set a flag, which
 * child_wait sees and answers by stopping the child. One thread.
 */
#ifndef SUITE_CHILD_H
#define SUITE_CHILD_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CHILD_OUTPUT_MAX = 16 * 1024 * 1024,
    CHILD_LINE_MAX = 1024 * 1024,
    CHILD_TAIL_SIZE = 1024,
    CHILD_ARGUMENTS_MAX = 96,
};

enum child_end { CHILD_EXITED, CHILD_TIMED_OUT, CHILD_INTERRUPTED, CHILD_NOT_STARTED };

struct child {
    pid_t pid;
    int out, err; /* Our ends of the pipes; -1 = closed. */
    int pidfd;
    struct buf output;          /* All of stdout. */
    struct buf line;            /* The unfinished line of stderr. */
    char tail[CHILD_TAIL_SIZE]; /* The last line of stderr that nobody took, for messages. */
    int64_t started_ns, ended_ns;
    int status; /* Of waitpid, with CHILD_EXITED. */
};

struct child_watch {
    void *self;
    /** A line of stderr without newline. @return true when it is taken, false when it may be part
     *  of an error message. */
    bool (*on_line)(void *self, const char *line, size_t size);
    /** About every 20 ms; false asks the child to end (SIGINT), once. NULL = not asked. */
    bool (*on_tick)(void *self, pid_t pid);
};

/** Starts argv[0] with stdin from /dev/null. @return 0 or an errno; then there is nothing to wait for or to free. */
int child_start(struct child *child, const char *const *argv);
/** The same with an environment of its own, "KEY=VALUE" each, NULL-terminated. */
int child_start_in(struct child *child, const char *const *argv, char *const *environment);
/** Reads and waits until it has ended, deadline_s at most, then stops it: SIGTERM twice, SIGKILL
 *  to its group. The child is reaped in every case. */
enum child_end child_wait(struct child *child, const struct child_watch *watch,
                          double deadline_s);
/** Frees what was gathered. */
void child_fini(struct child *child);

void child_signals_begin(void);
void child_signals_end(void);
/** The signal that came since child_signals_begin, 0 = none; also 0 behind child_signals_end. */
int child_signal(void);

/** Removes a directory with all that is in it; a missing one is no error. */
void child_remove_tree(const char *path);

#endif

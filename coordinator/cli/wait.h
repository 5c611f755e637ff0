/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting until a topology is as it should be: looks at it again and again, shows how it is meanwhile,
 * until a judge is content, the command's deadline passes or Ctrl-C. What was asked for goes on
 * in the cluster in any case. Single-threaded; blocks.
 */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli/cluster_client.h"

#define WAIT_LOOK_MS 50     /* between two looks */
#define WAIT_FIRST_LOOKS 10 /* so many of them come after WAIT_FIRST_LOOK_MS */
#define WAIT_FIRST_LOOK_MS 10
#define WAIT_GO_ON (-1)

/**
 * @param described answer of `describe`; NULL: there is no such topology (any more).
 * @return WAIT_GO_ON, or the command's exit code, whatever is wrong reported already.
 */
typedef int wait_judge_fn(void *self, const struct gale_conf *described);

struct wait {
    struct cluster_client *client;
    const struct invocation *call;
    struct progress *progress;
    const char *name;
    const char *until; /* "wordcount is not active yet": said when the deadline passes */
    wait_judge_fn *judge;
    void *self;
};

/** Catches SIGINT and SIGTERM from now on, for wait_until and wait_interrupted. */
void wait_catch_signals(void);
/** Number of the signal that came, 0: none. */
int wait_interrupted(void);
/** @return the judge's exit code, EXIT_TEMPORARY at the deadline or the code of a signal, reported. */
int wait_until(const struct wait *wait);
/** Ends the wait on a signal with a sentence. @return the exit code. */
int wait_report_signal(const struct wait *wait);

#endif

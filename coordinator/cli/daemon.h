/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that stay (coordinator, supervisor, dev) share at their start. Single-threaded. */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include "base/loop.h"
#include "cli/options.h"
#include "config/config.h"

/** The log as log.level and log.json say: JSON, short on a terminal, else logfmt. */
void daemon_log(const struct invocation *call, const struct config *config, const char *who);
/** As many file descriptors as this user may have; SIGPIPE ends nothing from now on. */
void daemon_process(void);
/** A loop that hands SIGINT, SIGTERM and SIGHUP to fn. @return EXIT_DONE or the exit code,
 *  reported. */
int daemon_loop(const struct invocation *call, loop_signal_fn *fn, void *argument,
                struct loop **out);
/** Path of this binary, for worker processes. @return EXIT_DONE or the exit code, reported. */
int daemon_path(const struct invocation *call, char out[PATH_MAX]);
/** Reports what a daemon could not do. @return the exit code. */
int daemon_fail(const struct invocation *call, enum gale_err err,
                const struct gale_error *error);

#endif

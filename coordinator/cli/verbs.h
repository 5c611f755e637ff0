/* SPDX-License-Identifier: Apache-2.0 */
/* All verbs of the command line; each is a table and a function in its own verb_*.c. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/options.h"

extern const struct verb_spec verb_run;
extern const struct verb_spec verb_validate;
extern const struct verb_spec verb_graph;
extern const struct verb_spec verb_new;
extern const struct verb_spec verb_components;
extern const struct verb_spec verb_bench;
extern const struct verb_spec verb_doctor;
extern const struct verb_spec verb_explain;
extern const struct verb_spec verb_config;
extern const struct verb_spec verb_submit;
extern const struct verb_spec verb_list;
extern const struct verb_spec verb_describe;
extern const struct verb_spec verb_top;
extern const struct verb_spec verb_tap;
extern const struct verb_spec verb_logs;
extern const struct verb_spec verb_errors;
extern const struct verb_spec verb_log_level;
extern const struct verb_spec verb_activate;
extern const struct verb_spec verb_deactivate;
extern const struct verb_spec verb_rebalance;
extern const struct verb_spec verb_kill;
extern const struct verb_spec verb_hosts;
extern const struct verb_spec verb_coordinator;
extern const struct verb_spec verb_dev;
extern const struct verb_spec verb_supervisor;
extern const struct verb_spec verb_version;
extern const struct verb_spec verb_completion;
extern const struct verb_spec verb_help;

/** All of them in the order of the help, NULL-terminated. */
extern const struct verb_spec *const verbs_all[];

/** The whole command line but the hidden verb `worker`: parses, runs the verb, flushes.
 *  @return the process's exit code. */
int verbs_main(int argc, char **argv);

#endif

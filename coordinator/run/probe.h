/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking into modules without running their code here. Each module is loaded in a process of its
 * own (`gale probe`, hidden) that describes it and runs its declare and build callbacks on
 * request; what it says is checked like any input from outside. A module that crashes, exits,
 * hangs or answers nonsense costs that process and becomes one sentence in an error.
 *
 * The processes start with the first question and end with probe_rest or probe_free; a topology without modules
 * starts none. One thread, that lives as long as the probe; calls block for at most
 * PROBE_DEADLINE_MS a question. Not a sandbox: a module has the rights of the user there too.
 */
#ifndef RUN_PROBE_H
#define RUN_PROBE_H

#include "base/conf.h"
#include "core/registry.h"
#include "worker/worker.h"

struct probe;

/**
 * @param program path of the gale binary, borrowed until probe_free. @param builtins found where no
 * module is named. @param out to be freed by probe_free. @return GALE_OK or GALE_ERR_NOMEM.
 */
enum gale_err probe_new(const char *program, const struct worker_builtins *builtins,
                        struct probe **out);
/** Ends the processes; what they described stays. A later question starts its process again. */
void probe_rest(struct probe *probe);
/** Kills what is left of the processes and frees every table handed out. May be NULL. */
void probe_free(struct probe *probe);
/** The registry for plan_compile. The tables of modules hold names, options and which callbacks
 *  there are; the callbacks themselves are marks that must not be called. Lives with the probe. */
const struct registry *probe_registry(struct probe *probe);
/** A module's table as described, without topologies. NULL with *error set. Lives with the probe. */
const struct gale_module *probe_module(struct probe *probe, const char *path,
                                       struct gale_error *error);
/** What the module said of itself (run/probe_wire.h). NULL with *error set. Lives with the probe. */
const struct gale_conf *probe_description(struct probe *probe, const char *path,
                                          struct gale_error *error);
/** Builds a module's topology. @param name NULL: the first. @param tree to be freed by conf_free. */
enum gale_err probe_topology(struct probe *probe, const char *path, const char *name,
                             struct gale_conf **tree, struct gale_error *error);

/** The hidden verb: `gale probe --parent PID FD`. Answers on the socket FD until it is closed.
 *  argv[0] is "probe". @return the exit code. */
int probe_main(int argc, char **argv);

#endif

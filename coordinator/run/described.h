/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry of modules that are known by their descriptions alone: what a probe heard of them
 * earlier, elsewhere (run/probe_wire.h), and what their declare callbacks said then. So a plan can be
 * compiled where the modules are not, and without running them. The callbacks in its tables are marks
 * that must not be called.
 */
#ifndef RUN_DESCRIBED_H
#define RUN_DESCRIBED_H

#include "base/conf.h"
#include "core/registry.h"
#include "worker/worker.h"

struct described;

/**
 * @param modules map of names (as the tree names modules) and descriptions. @param declares list of
 * {module, kind, name, conf, inputs, result, calls}. Both come from outside, are checked, and must
 * outlive *out. @param builtins found where no module is named.
 * @return GALE_OK and *out, to be freed by described_free; GALE_ERR_CORRUPT: they have not that form;
 * GALE_ERR_NOMEM.
 */
enum gale_err described_new(const struct worker_builtins *builtins,
                            const struct gale_conf *modules, const struct gale_conf *declares,
                            struct described **out);
/** May be NULL. Plans that were compiled with it must be gone. */
void described_free(struct described *described);
/** Lives with described. */
const struct registry *described_registry(struct described *described);

/** Begins a question of a declare callback, as it is looked up among `declares`: {module, kind, name,
 *  conf, inputs}. @param kind "bolt" or "spout". NULL: no memory. To be freed by conf_free. */
struct gale_conf *described_question(const char *module, const char *kind, const char *name,
                                     const struct gale_conf *conf,
                                     const struct gale_declare *declare);

#endif

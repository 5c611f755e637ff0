/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: where component code is found. The real one (worker/registry.c) holds the built-in tables and
 * loads modules; tests give tables of their own. Returned tables live as long as the process and
 * have every member of the present header: those of older, smaller structs are filled with NULL.
 */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include <gale/module.h>

struct registry {
    void *self;
    /** module NULL: built-in of that name. NULL with *error set: GALE_ERR_NOT_FOUND (no such
     *  name), GALE_ERR_ABI, GALE_ERR_IO (cannot be loaded) … with a full sentence. */
    const struct gale_spout_ops *(*spout)(void *self, const char *module, const char *name,
                                          struct gale_error *error);
    const struct gale_bolt_ops *(*bolt)(void *self, const char *module, const char *name,
                                        struct gale_error *error);
    const struct gale_grouping_ops *(*grouping)(void *self, const char *module,
                                                const char *name, struct gale_error *error);
    /** Hooks are searched in all modules loaded so far and among the built-ins. */
    const struct gale_task_hooks *(*task_hooks)(void *self, const char *name,
                                                struct gale_error *error);
    const struct gale_worker_hooks *(*worker_hooks)(void *self, const char *name,
                                                    struct gale_error *error);
    /** Names for suggestions, NULL-terminated; module NULL: built-ins; kind 's' spouts, 'b' bolts,
     *  'g' groupings. Never NULL. */
    const char *const *(*names)(void *self, const char *module, char kind);
    /** Asks a module's component for its streams where its code is not in this process: `ops` as
     *  spout or bolt handed it out, its `declare` being set. NULL: the callback is called. */
    enum gale_err (*declare)(void *self, const void *ops, struct gale_declare *declare,
                             const struct gale_conf *conf);
};

#endif

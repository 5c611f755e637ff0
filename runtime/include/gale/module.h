/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module: a shared object with one exported table. Its components are named in a topology by
 * `module: ./libname.so` and `bolt: name` or `spout: name`. Modules are loaded once per process
 * and never unloaded; their code has the worker's rights.
 */
#ifndef GALE_MODULE_H
#define GALE_MODULE_H

#include <gale/bolt.h>
#include <gale/spout.h>
#include <gale/topology.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A custom grouping: chooses target tasks. One state for each emitting task and edge. */
struct gale_grouping_ops {
    uint32_t abi;         /**< GALE_ABI. */
    uint32_t struct_size; /**< sizeof(struct gale_grouping_ops). */
    const char *name;     /**< By which a topology asks for it. */
    size_t state_size;    /**< Zeroed bytes of state; may be 0. */
    /** Before the first choose. @param targets ascending task ids, `count` of them; copy what
     *  is needed. */
    enum gale_err (*prepare)(void *state, const uint32_t *targets, uint32_t count);
    /** Chooses targets for a tuple. @param chosen receives indexes into `targets` (0-based), room
     *  for chosen_max = 4·count; repeats are allowed. @return how many were chosen. */
    uint32_t (*choose)(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                       uint32_t chosen_max);
    /** Frees what prepare allocated; may be NULL. */
    void (*cleanup)(void *state);
};

/** Callbacks once per worker process, before all tasks are prepared and after all cleaned up. */
struct gale_worker_hooks {
    uint32_t abi;         /**< GALE_ABI. */
    uint32_t struct_size; /**< sizeof(struct gale_worker_hooks). */
    const char *name;     /**< By which a topology asks for it: `worker_hooks: [name]`. */
    /** Returns a value that tasks read by gale_task_resource(task, name); NULL is allowed. */
    void *(*start)(const struct gale_conf *conf);
    /** Ends it. @param resource what start returned. */
    void (*stop)(void *resource);
};

/** A topology built in C: `gale run ./libname.so` or `gale run ./libname.so:name`. */
struct gale_topology_source {
    const char *name; /**< Unique in the module. */
    /** Fills the topology. @return an error stops the run with it. */
    enum gale_err (*build)(struct gale_topology *topology);
};

/** The table; lists end with NULL, unused ones are NULL. Grows at the end only. */
struct gale_module {
    uint32_t magic;                                       /**< GALE_MODULE_MAGIC. */
    uint32_t abi;                                         /**< GALE_ABI. */
    uint32_t struct_size;                                 /**< sizeof(struct gale_module). */
    uint32_t reserved;                                    /**< 0. */
    const struct gale_bolt_ops *const *bolts;             /**< Bolts. */
    const struct gale_spout_ops *const *spouts;           /**< Spouts. */
    const struct gale_grouping_ops *const *groupings;     /**< Custom groupings. */
    const struct gale_task_hooks *const *task_hooks;      /**< Task hooks. */
    const struct gale_worker_hooks *const *worker_hooks;  /**< Worker hooks. */
    const struct gale_topology_source *const *topologies; /**< Topologies in C. */
};

#define GALE_MODULE_MAGIC 0x47414c45u       /**< "GALE". */
#define GALE_MODULE_SYMBOL "gale_module_v1" /**< Name of the exported table. */

/**
 * Defines the module's table: GALE_MODULE(.bolts = my_bolts);
 * where my_bolts is a NULL-terminated array of pointers.
 */
#define GALE_MODULE(...) \
    extern const struct gale_module gale_module_v1; \
    GALE_API const struct gale_module gale_module_v1 = {.magic = GALE_MODULE_MAGIC, \
                                                        .abi = GALE_ABI, \
                                                        .struct_size = \
                                                            sizeof(struct gale_module), \
                                                        __VA_ARGS__}

/** A module with exactly one bolt: GALE_MODULE_BOLT(split_ops); */
#define GALE_MODULE_BOLT(ops) \
    static const struct gale_bolt_ops *const gale_module_bolts_[] = {&(ops), NULL}; \
    GALE_MODULE(.bolts = gale_module_bolts_)

#ifdef __cplusplus
}
#endif
#endif

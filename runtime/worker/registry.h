/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of a process: the built-in tables it is given, and modules loaded on demand. A
 * module is loaded once in a process (by device and inode), whatever registry asks, and never
 * unloaded. One thread (the process's first) at a time; loading blocks on the disk and runs the
 * module's constructors.
 */
#ifndef WORKER_REGISTRY_H
#define WORKER_REGISTRY_H

#include "base/conf.h"
#include "core/registry.h"

/**
 * Makes a registry.
 * @param spouts,bolts built-in tables, NULL-terminated, living as long as the process; the binary
 * passes its own, so that this layer links no component. NULL: none.
 * @param base_dir where relative module paths begin (the topology file's directory); NULL: the
 * working directory. Copied.
 * @param out to be freed by registry_free; its callbacks follow core/registry.h.
 * @return GALE_OK or GALE_ERR_NOMEM.
 */
enum gale_err registry_new(const struct gale_spout_ops *const *spouts,
                           const struct gale_bolt_ops *const *bolts, const char *base_dir,
                           struct registry **out);
/** Frees the registry, not the modules. May be NULL. */
void registry_free(struct registry *registry);

/**
 * Loads a module and shows its table, complete to the present header (for `gale run ./lib.so` and
 * `gale components`).
 * @param path as in a topology file. @param error receives a full sentence.
 * @return lives as long as the process; NULL with *error set.
 */
const struct gale_module *registry_module(struct registry *registry, const char *path,
                                          struct gale_error *error);

/**
 * Copies a tree with the paths of modules and files (core/locate.h) made absolute, so that it can
 * travel to another process. A path that does not exist becomes base_dir/path, and the plan reports
 * it. What has not the form of a topology is copied as it is.
 * @param base_dir as registry_new. @param out the copy, to be freed by conf_free.
 * @return GALE_OK, GALE_ERR_NOMEM, or GALE_ERR_LIMIT: a path is longer than PATH_MAX.
 */
enum gale_err registry_resolve(const char *base_dir, const struct gale_conf *tree,
                               struct gale_conf **out);

#endif

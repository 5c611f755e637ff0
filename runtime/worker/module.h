/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loaded module: its table checked and completed to the present header. Private to
 * worker/registry.c. Modules live as long as the process. One thread at a time.
 */
#ifndef WORKER_MODULE_H
#define WORKER_MODULE_H

#include <gale/module.h>
#include <sys/types.h>

enum module_kind {
    MODULE_BOLTS,
    MODULE_SPOUTS,
    MODULE_GROUPINGS,
    MODULE_TASK_HOOKS,
    MODULE_WORKER_HOOKS,
    MODULE_KINDS
};

/* The completed tables of one kind, NULL-terminated, with their names beside them. */
struct module_list {
    void **tables;
    const char **names;
    size_t count;
};

struct module {
    struct module *next;
    dev_t device;
    ino_t inode;
    struct gale_module table; /* complete; its lists are those below */
    struct module_list lists[MODULE_KINDS];
};

/**
 * Loads a module, or finds it when the same file is loaded already.
 * @param path absolute. @param error receives a full sentence.
 * @return lives as long as the process; NULL with *error set.
 */
const struct module *module_load(const char *path, struct gale_error *error);
/** The modules loaded so far, newest first, or NULL. */
const struct module *module_first(void);
/** A table of a module by name, or NULL. */
const void *module_find(const struct module *module, enum module_kind kind, const char *name);
/** "bolt", "spout", "grouping", "task hook", "worker hook". */
const char *module_kind_name(enum module_kind kind);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of core/registry.h over the built-in tables and loaded modules (worker/module.c),
 * and the one place where a module's path gets its meaning: relative to the topology's directory.
 *
 * One thread at a time; the names that it hands out live as long as the registry (built-in) or the
 * process (modules).
 */
#include "worker/registry.h"
#include "base/assert.h"
#include "core/locate.h"
#include "worker/module.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct process_registry {
    struct registry port; /* first, so that the port's pointer is the whole's */
    char *base_dir;       /* NULL: the working directory */
    const struct gale_spout_ops *const *spouts;
    const struct gale_bolt_ops *const *bolts;
    const char **spout_names; /* NULL-terminated */
    const char **bolt_names;
};

static const char *const no_names[] = {NULL};

/* The absolute form of a module's path; a file that is not there keeps its name for the message.
 * @return to be freed, or NULL (no memory). */
static char *path_absolute(const char *base_dir, const char *path)
{
    char *joined = NULL;
    const char *dir = base_dir != NULL ? base_dir : ".";
    if (path[0] == '/') {
        joined = strdup(path);
    } else if (asprintf(&joined, "%s/%s", dir, path) < 0) {
        joined = NULL;
    }
    if (joined == NULL) {
        return NULL;
    }
    char *real = realpath(joined, NULL);
    if (real != NULL) {
        free(joined);
        return real;
    }
    if (joined[0] == '/') {
        return joined;
    }
    char *cwd = realpath(".", NULL);
    char *absolute = NULL;
    if (cwd == NULL || asprintf(&absolute, "%s/%s", cwd, joined) < 0) {
        absolute = NULL;
    }
    free(cwd);
    free(joined);
    return absolute;
}

static const struct module *load(struct process_registry *self, const char *path,
                                 struct gale_error *error)
{
    char *absolute = path_absolute(self->base_dir, path);
    if (absolute == NULL) {
        (void)gale_error_set(error, GALE_ERR_NOMEM, "module %.300s: no memory", path);
        return NULL;
    }
    const struct module *module = module_load(absolute, error);
    free(absolute);
    return module;
}

static const void *find_in_module(struct process_registry *self, const char *path,
                                  enum module_kind kind, const char *name,
                                  struct gale_error *error)
{
    const struct module *module = load(self, path, error);
    if (module == NULL) {
        return NULL;
    }
    const void *found = module_find(module, kind, name);
    if (found == NULL) {
        (void)gale_error_set(error, GALE_ERR_NOT_FOUND,
                             "module %.300s has no %s named \"%.64s\"", path,
                             module_kind_name(kind), name);
    }
    return found;
}

static const struct gale_spout_ops *find_spout(void *self, const char *module, const char *name,
                                               struct gale_error *error)
{
    struct process_registry *registry = self;
    if (module != NULL) {
        return find_in_module(registry, module, MODULE_SPOUTS, name, error);
    }
    for (size_t i = 0; registry->spouts != NULL && registry->spouts[i] != NULL; i++) {
        if (strcmp(registry->spouts[i]->name, name) == 0) {
            return registry->spouts[i];
        }
    }
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND, "there is no built-in spout \"%.64s\"",
                         name);
    return NULL;
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *module, const char *name,
                                             struct gale_error *error)
{
    struct process_registry *registry = self;
    if (module != NULL) {
        return find_in_module(registry, module, MODULE_BOLTS, name, error);
    }
    for (size_t i = 0; registry->bolts != NULL && registry->bolts[i] != NULL; i++) {
        if (strcmp(registry->bolts[i]->name, name) == 0) {
            return registry->bolts[i];
        }
    }
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND, "there is no built-in bolt \"%.64s\"",
                         name);
    return NULL;
}

static const struct gale_grouping_ops *find_grouping(void *self, const char *module,
                                                     const char *name, struct gale_error *error)
{
    if (module == NULL) {
        (void)gale_error_set(error, GALE_ERR_NOT_FOUND,
                             "there is no built-in custom grouping \"%.64s\"", name);
        return NULL;
    }
    return find_in_module(self, module, MODULE_GROUPINGS, name, error);
}

static const void *find_hooks(enum module_kind kind, const char *name, struct gale_error *error)
{
    for (const struct module *module = module_first(); module != NULL; module = module->next) {
        const void *found = module_find(module, kind, name);
        if (found != NULL) {
            return found;
        }
    }
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND, "no loaded module has a %s named \"%.64s\"",
                         module_kind_name(kind), name);
    return NULL;
}

static const struct gale_task_hooks *find_task_hooks(void *self, const char *name,
                                                     struct gale_error *error)
{
    (void)self;
    return find_hooks(MODULE_TASK_HOOKS, name, error);
}

static const struct gale_worker_hooks *find_worker_hooks(void *self, const char *name,
                                                         struct gale_error *error)
{
    (void)self;
    return find_hooks(MODULE_WORKER_HOOKS, name, error);
}

static const char *const *names(void *self, const char *module, char kind)
{
    struct process_registry *registry = self;
    if (module == NULL) {
        return kind == 's'   ? registry->spout_names
               : kind == 'b' ? registry->bolt_names
                             : no_names;
    }
    struct gale_error error = {.code = GALE_OK};
    const struct module *loaded = load(registry, module, &error);
    if (loaded == NULL) {
        return no_names;
    }
    return loaded
        ->lists[kind == 's'   ? MODULE_SPOUTS
                : kind == 'b' ? MODULE_BOLTS
                              : MODULE_GROUPINGS]
        .names;
}

/* Collects the names of the built-in tables, which begin alike. */
static bool names_collect(struct process_registry *registry)
{
    size_t spouts_count = 0;
    size_t bolts_count = 0;
    while (registry->spouts != NULL && registry->spouts[spouts_count] != NULL) {
        spouts_count++;
    }
    while (registry->bolts != NULL && registry->bolts[bolts_count] != NULL) {
        bolts_count++;
    }
    registry->spout_names = calloc(spouts_count + 1, sizeof(*registry->spout_names));
    registry->bolt_names = calloc(bolts_count + 1, sizeof(*registry->bolt_names));
    if (registry->spout_names == NULL || registry->bolt_names == NULL) {
        return false;
    }
    for (size_t i = 0; i < spouts_count; i++) {
        GALE_ASSERT(registry->spouts[i]->struct_size == sizeof(struct gale_spout_ops));
        registry->spout_names[i] = registry->spouts[i]->name;
    }
    for (size_t i = 0; i < bolts_count; i++) {
        GALE_ASSERT(registry->bolts[i]->struct_size == sizeof(struct gale_bolt_ops));
        registry->bolt_names[i] = registry->bolts[i]->name;
    }
    return true;
}

enum gale_err registry_new(const struct gale_spout_ops *const *spouts,
                           const struct gale_bolt_ops *const *bolts, const char *base_dir,
                           struct registry **out)
{
    GALE_ASSERT(out != NULL);
    *out = NULL;
    struct process_registry *registry = calloc(1, sizeof(*registry));
    if (registry == NULL) {
        return GALE_ERR_NOMEM;
    }
    registry->spouts = spouts;
    registry->bolts = bolts;
    registry->base_dir = base_dir != NULL ? strdup(base_dir) : NULL;
    registry->port = (struct registry){
        .self = registry,
        .spout = find_spout,
        .bolt = find_bolt,
        .grouping = find_grouping,
        .task_hooks = find_task_hooks,
        .worker_hooks = find_worker_hooks,
        .names = names,
    };
    if ((base_dir != NULL && registry->base_dir == NULL) || !names_collect(registry)) {
        registry_free(&registry->port);
        return GALE_ERR_NOMEM;
    }
    *out = &registry->port;
    return GALE_OK;
}

void registry_free(struct registry *registry)
{
    if (registry == NULL) {
        return;
    }
    struct process_registry *self = registry->self;
    free(self->base_dir);
    free(self->spout_names);
    free(self->bolt_names);
    free(self);
}

const struct gale_module *registry_module(struct registry *registry, const char *path,
                                          struct gale_error *error)
{
    const struct module *module = load(registry->self, path, error);
    return module != NULL ? &module->table : NULL;
}

static enum gale_err to_absolute(void *self, const char *path, char out[PATH_MAX])
{
    char *absolute = path_absolute(self, path);
    if (absolute == NULL) {
        return GALE_ERR_NOMEM;
    }
    int size = snprintf(out, PATH_MAX, "%s", absolute);
    free(absolute);
    return size >= 0 && size < PATH_MAX ? GALE_OK : GALE_ERR_LIMIT;
}

enum gale_err registry_resolve(const char *base_dir, const struct gale_conf *tree,
                               struct gale_conf **out)
{
    /* The pointer only passes through: to_absolute does not write behind it. */
    return locate_map(tree, to_absolute, (void *)(uintptr_t)base_dir, out);
}

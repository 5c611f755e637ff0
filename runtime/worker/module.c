/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading a module: what can be checked before its code runs (who may write the file, whether it
 * is a shared object of this machine with a Gale table), dlopen, then the table itself: magic, ABI
 * and sizes first, names and required callbacks after that. Tables of an older header are smaller:
 * each is copied into one of full size, the rest zero. Larger ones are of a newer header; what is
 * unknown here is left out.
 *
 * The list of loaded modules is the process's (a shared object cannot be loaded twice with two
 * states) and only grows. One thread at a time. Not a sandbox: a module has the process's rights.
 */
#include "worker/module.h"
#include "base/assert.h"
#include "base/str.h"
#include "worker/elf.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_COUNT_MAX 1024              /* components of one kind in a module */
#define OPTIONS_COUNT_MAX 256            /* of one component */
#define TEXT_SIZE_MAX ((size_t)32 << 10) /* fields, help or default, its end included */
#define STATE_SIZE_MAX ((size_t)1 << 30) /* bytes for each task */

/* What all tables of components begin with. */
struct table_head {
    uint32_t abi;
    uint32_t struct_size;
    const char *name;
};

struct kind_info {
    const char *name;
    size_t full_size;
};

static const struct kind_info kinds[MODULE_KINDS] = {
    [MODULE_BOLTS] = {"bolt", sizeof(struct gale_bolt_ops)},
    [MODULE_SPOUTS] = {"spout", sizeof(struct gale_spout_ops)},
    [MODULE_GROUPINGS] = {"grouping", sizeof(struct gale_grouping_ops)},
    [MODULE_TASK_HOOKS] = {"task hook", sizeof(struct gale_task_hooks)},
    [MODULE_WORKER_HOOKS] = {"worker hook", sizeof(struct gale_worker_hooks)},
};

static struct module *modules;

const char *module_kind_name(enum module_kind kind)
{
    GALE_ASSERT((size_t)kind < MODULE_KINDS);
    return kinds[kind].name;
}

const struct module *module_first(void)
{
    return modules;
}

const void *module_find(const struct module *module, enum module_kind kind, const char *name)
{
    const struct module_list *list = &module->lists[kind];
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return list->tables[i];
        }
    }
    return NULL;
}

/* Everything that can be known without running the module's code. */
static enum gale_err file_check(int fd, const char *path, struct stat *status,
                                struct gale_error *error)
{
    if (fstat(fd, status) != 0) {
        return gale_error_set(error, GALE_ERR_IO, "module %.300s cannot be read: %s", path,
                              strerror(errno));
    }
    if (!S_ISREG(status->st_mode)) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "module %.300s is no regular file: name the .so itself", path);
    }
    if ((status->st_mode & S_IWOTH) != 0) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "module %.300s may be written by everybody, so its code is not "
                              "trusted: chmod o-w it",
                              path);
    }
    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        return gale_error_set(
            error, GALE_ERR_INVALID,
            "module %.300s belongs to user %u, so its code is not trusted: it "
            "must belong to root or to the user who runs gale",
            path, (unsigned)status->st_uid);
    }
    struct gale_error reason = {.code = GALE_OK};
    enum gale_err err = elf_check(fd, GALE_MODULE_SYMBOL, &reason);
    if (err != GALE_OK) {
        return gale_error_set(error, err, "module %.300s %.180s", path, reason.text);
    }
    return GALE_OK;
}

static enum gale_err abi_check(const char *path, const char *what, uint32_t abi,
                               struct gale_error *error)
{
    if (abi == GALE_ABI) {
        return GALE_OK;
    }
    return gale_error_set(
        error, GALE_ERR_ABI,
        "module %.300s%s was built for ABI %u, this gale has ABI %d: rebuild it "
        "against the headers of gale %d.%d",
        path, what, abi, GALE_ABI, GALE_VERSION_MAJOR, GALE_VERSION_MINOR);
}

/* A size that ends inside a member, or before the name, belongs to no header. */
static enum gale_err size_check(const char *path, const char *what, size_t size, size_t least,
                                struct gale_error *error)
{
    if (size >= least && size % sizeof(void *) == 0) {
        return GALE_OK;
    }
    return gale_error_set(error, GALE_ERR_ABI,
                          "module %.300s%s has an impossible struct_size of %zu: use "
                          "GALE_MODULE, GALE_BOLT_HEAD and GALE_SPOUT_HEAD",
                          path, what, size);
}

/* A text that may be absent. One without an end is most likely found by its length. */
static bool text_good(const char *text)
{
    return text == NULL || strnlen(text, TEXT_SIZE_MAX) < TEXT_SIZE_MAX;
}

/* What is wrong with an option table, or NULL. */
static const char *options_fault(const struct gale_option *options)
{
    for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
        if (i == OPTIONS_COUNT_MAX || !str_is_name(options[i].name) ||
            (unsigned)options[i].kind > GALE_OPTION_ANY) {
            return "has a malformed option table (end it with a NULL name)";
        }
        if (!text_good(options[i].fallback) || !text_good(options[i].help)) {
            return "has an option with a default or help of more than 32 KiB: do they end?";
        }
    }
    return NULL;
}

static const char *component_fault(const char *fields, const char *help,
                                   const struct gale_option *options)
{
    if (!text_good(fields) || !text_good(help)) {
        return "has fields or a help text of more than 32 KiB: do they end?";
    }
    return options_fault(options);
}

/* What is wrong with a completed table, or NULL. */
static const char *table_fault(enum module_kind kind, const void *table)
{
    const struct gale_bolt_ops *bolt = table;
    const struct gale_spout_ops *spout = table;
    const struct gale_grouping_ops *grouping = table;
    const struct gale_task_hooks *hooks = table;
    size_t state_size = 0;
    const char *fault = NULL;
    switch (kind) {
    case MODULE_BOLTS:
        state_size = bolt->state_size;
        fault = component_fault(bolt->fields, bolt->help, bolt->options);
        if (bolt->execute == NULL) {
            return "has no execute: a bolt needs it";
        }
        break;
    case MODULE_SPOUTS:
        state_size = spout->state_size;
        fault = component_fault(spout->fields, spout->help, spout->options);
        if (spout->next == NULL) {
            return "has no next: a spout needs it";
        }
        break;
    case MODULE_GROUPINGS:
        state_size = grouping->state_size;
        if (grouping->choose == NULL) {
            return "has no choose: a grouping needs it";
        }
        break;
    case MODULE_TASK_HOOKS: state_size = hooks->state_size; break;
    case MODULE_WORKER_HOOKS:
    case MODULE_KINDS:
    default: break;
    }
    if (state_size > STATE_SIZE_MAX) {
        return "asks for more than 1 GiB of state for each task";
    }
    return fault;
}

/* Checks one table of a list and adds its full-size copy. */
static enum gale_err table_add(struct module_list *list, enum module_kind kind,
                               const char *path, const void *item, struct gale_error *error)
{
    const struct table_head *head = item;
    char what[100];
    (void)snprintf(what, sizeof(what), ": %s %zu", kinds[kind].name, list->count + 1);
    enum gale_err err = abi_check(path, what, head->abi, error);
    if (err == GALE_OK) {
        err = size_check(path, what, head->struct_size, sizeof(*head), error);
    }
    if (err != GALE_OK) {
        return err;
    }
    if (head->name == NULL || !str_is_name(head->name)) {
        return gale_error_set(
            error, GALE_ERR_INVALID,
            "module %.300s%s has no good name: use 1 to 64 of A-Z a-z 0-9 _ -", path, what);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], head->name) == 0) {
            return gale_error_set(error, GALE_ERR_EXISTS,
                                  "module %.300s has two %ss named \"%.64s\"", path,
                                  kinds[kind].name, head->name);
        }
    }
    size_t full_size = kinds[kind].full_size;
    void *copy = calloc(1, full_size);
    if (copy == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "module %.300s: no memory", path);
    }
    memcpy(copy, item, head->struct_size < full_size ? head->struct_size : full_size);
    list->tables[list->count] = copy;
    list->names[list->count] = head->name;
    list->count++;
    const char *fault = table_fault(kind, copy);
    if (fault != NULL) {
        return gale_error_set(error, GALE_ERR_INVALID, "module %.300s: %s \"%.64s\" %s", path,
                              kinds[kind].name, head->name, fault);
    }
    return GALE_OK;
}

/* Completes one NULL-terminated list of pointers to tables; NULL is an empty one. */
static enum gale_err list_complete(struct module_list *list, enum module_kind kind,
                                   const char *path, const void *items,
                                   struct gale_error *error)
{
    const void *item = NULL;
    size_t count = 0;
    for (; items != NULL; count++) {
        memcpy(&item, (const char *)items + count * sizeof(item), sizeof(item));
        if (item == NULL) {
            break;
        }
        if (count == LIST_COUNT_MAX) {
            return gale_error_set(error, GALE_ERR_LIMIT,
                                  "module %.300s has more than %d %ss: does the list end with "
                                  "NULL?",
                                  path, LIST_COUNT_MAX, kinds[kind].name);
        }
    }
    list->tables = calloc(count + 1, sizeof(*list->tables));
    list->names = calloc(count + 1, sizeof(*list->names));
    if (list->tables == NULL || list->names == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "module %.300s: no memory", path);
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(&item, (const char *)items + i * sizeof(item), sizeof(item));
        enum gale_err err = table_add(list, kind, path, item, error);
        if (err != GALE_OK) {
            return err;
        }
    }
    return GALE_OK;
}

static void module_drop(struct module *module)
{
    for (size_t kind = 0; kind < MODULE_KINDS; kind++) {
        struct module_list *list = &module->lists[kind];
        for (size_t i = 0; i < list->count; i++) {
            free(list->tables[i]);
        }
        free(list->tables);
        free(list->names);
    }
    free(module);
}

/* Topologies have no head; a list that does not end, or a source without name or build, is told. */
static enum gale_err topologies_check(const char *path,
                                      const struct gale_topology_source *const *sources,
                                      struct gale_error *error)
{
    for (size_t i = 0; sources != NULL && sources[i] != NULL; i++) {
        if (i == LIST_COUNT_MAX) {
            return gale_error_set(
                error, GALE_ERR_LIMIT,
                "module %.300s has more than %d topologies: does the list end "
                "with NULL?",
                path, LIST_COUNT_MAX);
        }
        if (sources[i]->name == NULL || !str_is_name(sources[i]->name) ||
            sources[i]->build == NULL) {
            return gale_error_set(
                error, GALE_ERR_INVALID,
                "module %.300s: topology %zu needs a name (1 to 64 of A-Z a-z "
                "0-9 _ -) and a build function",
                path, i + 1);
        }
    }
    return GALE_OK;
}

static enum gale_err module_table(struct module *module, const char *path,
                                  const struct gale_module *given, struct gale_error *error)
{
    if (given->magic != GALE_MODULE_MAGIC) {
        return gale_error_set(error, GALE_ERR_ABI,
                              "module %.300s: its %s is no Gale table: define it with "
                              "GALE_MODULE or GALE_MODULE_BOLT",
                              path, GALE_MODULE_SYMBOL);
    }
    enum gale_err err = abi_check(path, "", given->abi, error);
    if (err == GALE_OK) {
        err = size_check(path, "", given->struct_size, offsetof(struct gale_module, bolts),
                         error);
    }
    if (err != GALE_OK) {
        return err;
    }
    struct gale_module *table = &module->table;
    memcpy(table, given,
           given->struct_size < sizeof(*table) ? given->struct_size : sizeof(*table));
    const void *items[MODULE_KINDS] = {
        [MODULE_BOLTS] = table->bolts,
        [MODULE_SPOUTS] = table->spouts,
        [MODULE_GROUPINGS] = table->groupings,
        [MODULE_TASK_HOOKS] = table->task_hooks,
        [MODULE_WORKER_HOOKS] = table->worker_hooks,
    };
    for (int kind = 0; kind < MODULE_KINDS && err == GALE_OK; kind++) {
        err = list_complete(&module->lists[kind], (enum module_kind)kind, path, items[kind],
                            error);
    }
    err = err ? err : topologies_check(path, table->topologies, error);
    table->struct_size = sizeof(*table);
    table->bolts = (const struct gale_bolt_ops *const *)module->lists[MODULE_BOLTS].tables;
    table->spouts = (const struct gale_spout_ops *const *)module->lists[MODULE_SPOUTS].tables;
    table->groupings =
        (const struct gale_grouping_ops *const *)module->lists[MODULE_GROUPINGS].tables;
    table->task_hooks =
        (const struct gale_task_hooks *const *)module->lists[MODULE_TASK_HOOKS].tables;
    table->worker_hooks =
        (const struct gale_worker_hooks *const *)module->lists[MODULE_WORKER_HOOKS].tables;
    return err;
}

/* Runs the module's constructors and reads its table. */
static const struct module *module_open(const char *path, const struct stat *status,
                                        struct gale_error *error)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL) {
        (void)gale_error_set(error, GALE_ERR_IO, "module %.200s cannot be loaded: %.250s", path,
                             dlerror());
        return NULL;
    }
    const struct gale_module *given = dlsym(handle, GALE_MODULE_SYMBOL);
    if (given == NULL) {
        (void)gale_error_set(error, GALE_ERR_NOT_FOUND,
                             "module %.300s exports no %s: define the table with GALE_MODULE",
                             path, GALE_MODULE_SYMBOL);
        return NULL;
    }
    struct module *module = calloc(1, sizeof(*module));
    if (module == NULL) {
        (void)gale_error_set(error, GALE_ERR_NOMEM, "module %.300s: no memory", path);
        return NULL;
    }
    if (module_table(module, path, given, error) != GALE_OK) {
        module_drop(module);
        return NULL;
    }
    module->device = status->st_dev;
    module->inode = status->st_ino;
    module->next = modules;
    modules = module;
    return module;
}

static const struct module *module_loaded(const struct stat *status)
{
    for (const struct module *module = modules; module != NULL; module = module->next) {
        if (module->device == status->st_dev && module->inode == status->st_ino) {
            return module;
        }
    }
    return NULL;
}

const struct module *module_load(const char *path, struct gale_error *error)
{
    GALE_ASSERT(path[0] == '/');
    /* O_NONBLOCK: a FIFO in the module's place must not stop the process here. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        (void)gale_error_set(error, errno == ENOENT ? GALE_ERR_NOT_FOUND : GALE_ERR_IO,
                             "module %.300s cannot be opened: %s; build it or correct the path",
                             path, strerror(errno));
        return NULL;
    }
    struct stat status;
    const struct module *module = NULL;
    if (file_check(fd, path, &status, error) == GALE_OK) {
        module = module_loaded(&status);
        if (module == NULL) {
            module = module_open(path, &status, error);
        }
    }
    (void)close(fd);
    return module;
}

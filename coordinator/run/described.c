/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules by description; see described.h. The answer of a declare callback is found by its whole
 * question, options and inputs included, so an answer is never given to another question. Modules
 * are searched for hooks from the last to the first, as a probe does. One thread.
 */
#include "run/described.h"

#include "run/probe_wire.h"
#include "worker/registry.h"

#include <stdlib.h>
#include <string.h>

#define DESCRIBED_MODULES_MAX 1024

static const char *const question_keys[] = {"module", "kind", "name", "conf", "inputs", NULL};
static const char *const no_names[] = {NULL};

struct entry {
    const char *name; /* as the tree names it; in `modules` */
    struct probe_tables *tables;
};

struct described {
    struct registry port;
    struct registry *builtins;
    const struct gale_conf *declares;
    struct entry *entries;
    size_t count;
};

static const struct entry *entry_find(const struct described *self, const char *name,
                                      struct gale_error *error)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->entries[i].name, name) == 0) {
            return &self->entries[i];
        }
    }
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND,
                         "module %.200s is not described: submit the topology again", name);
    return NULL;
}

static const void *not_found(const char *module, const char *kind, const char *name,
                             struct gale_error *error)
{
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND, "module %.200s has no %s named \"%.64s\"",
                         module, kind, name);
    return NULL;
}

static const struct gale_spout_ops *find_spout(void *self, const char *module, const char *name,
                                               struct gale_error *error)
{
    struct described *described = self;
    if (module == NULL) {
        return described->builtins->spout(described->builtins->self, NULL, name, error);
    }
    const struct entry *entry = entry_find(described, module, error);
    if (entry == NULL) {
        return NULL;
    }
    const struct gale_module *table = probe_tables_module(entry->tables);
    for (size_t i = 0; table->spouts[i] != NULL; i++) {
        if (strcmp(table->spouts[i]->name, name) == 0) {
            return table->spouts[i];
        }
    }
    return not_found(module, "spout", name, error);
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *module, const char *name,
                                             struct gale_error *error)
{
    struct described *described = self;
    if (module == NULL) {
        return described->builtins->bolt(described->builtins->self, NULL, name, error);
    }
    const struct entry *entry = entry_find(described, module, error);
    if (entry == NULL) {
        return NULL;
    }
    const struct gale_module *table = probe_tables_module(entry->tables);
    for (size_t i = 0; table->bolts[i] != NULL; i++) {
        if (strcmp(table->bolts[i]->name, name) == 0) {
            return table->bolts[i];
        }
    }
    return not_found(module, "bolt", name, error);
}

static const struct gale_grouping_ops *find_grouping(void *self, const char *module,
                                                     const char *name, struct gale_error *error)
{
    struct described *described = self;
    if (module == NULL) {
        return described->builtins->grouping(described->builtins->self, NULL, name, error);
    }
    const struct entry *entry = entry_find(described, module, error);
    if (entry == NULL) {
        return NULL;
    }
    const struct gale_module *table = probe_tables_module(entry->tables);
    for (size_t i = 0; table->groupings[i] != NULL; i++) {
        if (strcmp(table->groupings[i]->name, name) == 0) {
            return table->groupings[i];
        }
    }
    return not_found(module, "grouping", name, error);
}

static const struct gale_task_hooks *find_task_hooks(void *self, const char *name,
                                                     struct gale_error *error)
{
    const struct described *described = self;
    for (size_t i = described->count; i > 0; i--) {
        const struct gale_module *table = probe_tables_module(described->entries[i - 1].tables);
        for (size_t k = 0; table->task_hooks[k] != NULL; k++) {
            if (strcmp(table->task_hooks[k]->name, name) == 0) {
                return table->task_hooks[k];
            }
        }
    }
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND, "no module has a task hook named \"%.64s\"",
                         name);
    return NULL;
}

static const struct gale_worker_hooks *find_worker_hooks(void *self, const char *name,
                                                         struct gale_error *error)
{
    const struct described *described = self;
    for (size_t i = described->count; i > 0; i--) {
        const struct gale_module *table = probe_tables_module(described->entries[i - 1].tables);
        for (size_t k = 0; table->worker_hooks[k] != NULL; k++) {
            if (strcmp(table->worker_hooks[k]->name, name) == 0) {
                return table->worker_hooks[k];
            }
        }
    }
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND,
                         "no module has a worker hook named \"%.64s\"", name);
    return NULL;
}

static const char *const *names(void *self, const char *module, char kind)
{
    struct described *described = self;
    if (module == NULL) {
        return described->builtins->names(described->builtins->self, NULL, kind);
    }
    const struct entry *entry = entry_find(described, module, NULL);
    return entry != NULL ? probe_tables_names(entry->tables, kind) : no_names;
}

/* ---- Declare ---------------------------------------------------------------------------------- */

struct gale_conf *described_question(const char *module, const char *kind, const char *name,
                                     const struct gale_conf *conf,
                                     const struct gale_declare *declare)
{
    struct gale_conf *question = conf_new();
    enum gale_err err = question != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : probe_put_text(question, "module", module);
    err = err ? err : probe_put_text(question, "kind", kind);
    err = err ? err : probe_put_text(question, "name", name);
    err = err ? err : conf_add_copy(question, "conf", conf);
    err = err ? err : probe_put_inputs(question, declare);
    if (err != GALE_OK) {
        conf_free(question);
        return NULL;
    }
    return question;
}

/* The module and the name behind a table that was handed out. NULL: none of ours. */
static const struct entry *entry_of_ops(const struct described *self, const void *ops,
                                        const char **kind, const char **name)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct gale_module *table = probe_tables_module(self->entries[i].tables);
        for (size_t k = 0; table->bolts[k] != NULL; k++) {
            if (table->bolts[k] == ops) {
                *kind = "bolt";
                *name = table->bolts[k]->name;
                return &self->entries[i];
            }
        }
        for (size_t k = 0; table->spouts[k] != NULL; k++) {
            if (table->spouts[k] == ops) {
                *kind = "spout";
                *name = table->spouts[k]->name;
                return &self->entries[i];
            }
        }
    }
    return NULL;
}

static bool same_question(const struct gale_conf *question, const struct gale_conf *recorded)
{
    for (size_t i = 0; question_keys[i] != NULL; i++) {
        const struct gale_conf *asked = gale_conf_get(question, question_keys[i]);
        const struct gale_conf *had = gale_conf_get(recorded, question_keys[i]);
        if (asked == NULL || had == NULL || !conf_equal(asked, had)) {
            return false;
        }
    }
    return true;
}

static enum gale_err declare_recorded(void *self, const void *ops, struct gale_declare *declare,
                                      const struct gale_conf *conf)
{
    const struct described *described = self;
    const char *kind = NULL;
    const char *name = NULL;
    const struct entry *entry = entry_of_ops(described, ops, &kind, &name);
    if (entry == NULL) {
        return GALE_ERR_NOT_FOUND;
    }
    struct gale_conf *question = described_question(entry->name, kind, name, conf, declare);
    if (question == NULL) {
        return GALE_ERR_NOMEM;
    }
    const struct gale_conf *found = NULL;
    for (size_t i = 0; i < gale_conf_count(described->declares) && found == NULL; i++) {
        const struct gale_conf *recorded = gale_conf_at(described->declares, i);
        found = same_question(question, recorded) ? recorded : NULL;
    }
    conf_free(question);
    if (found == NULL) {
        gale_declare_error(
            declare, NULL,
            "the streams of %s \"%.64s\" were not recorded for these options and "
            "inputs: submit the topology again with this version of gale",
            kind, name);
        return GALE_ERR_INVALID;
    }
    return probe_replay(declare, found, entry->name);
}

/* ---- Making ----------------------------------------------------------------------------------- */

static enum gale_err entries_make(struct described *self, const struct gale_conf *modules)
{
    size_t count = gale_conf_count(modules);
    if ((modules != NULL && gale_conf_type(modules) != GALE_MAP) ||
        count > DESCRIBED_MODULES_MAX) {
        return GALE_ERR_CORRUPT;
    }
    self->entries = calloc(count + 1, sizeof(*self->entries));
    if (self->entries == NULL) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        bool bad = false;
        self->entries[i].name = gale_conf_key(modules, i);
        self->entries[i].tables = probe_tables_new(gale_conf_at(modules, i), &bad);
        if (self->entries[i].tables == NULL) {
            return bad ? GALE_ERR_CORRUPT : GALE_ERR_NOMEM;
        }
        self->count++;
    }
    return GALE_OK;
}

enum gale_err described_new(const struct worker_builtins *builtins,
                            const struct gale_conf *modules, const struct gale_conf *declares,
                            struct described **out)
{
    *out = NULL;
    struct described *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return GALE_ERR_NOMEM;
    }
    enum gale_err err = registry_new(builtins->spouts, builtins->bolts, NULL, &self->builtins);
    err = err ? err : entries_make(self, modules);
    if (err != GALE_OK) {
        described_free(self);
        return err;
    }
    self->declares = declares;
    self->port = (struct registry){
        .self = self,
        .spout = find_spout,
        .bolt = find_bolt,
        .grouping = find_grouping,
        .task_hooks = find_task_hooks,
        .worker_hooks = find_worker_hooks,
        .names = names,
        .declare = declare_recorded,
    };
    *out = self;
    return GALE_OK;
}

void described_free(struct described *described)
{
    if (described == NULL) {
        return;
    }
    for (size_t i = 0; i < described->count; i++) {
        probe_tables_free(described->entries[i].tables);
    }
    free(described->entries);
    registry_free(described->builtins);
    free(described);
}

const struct registry *described_registry(struct described *described)
{
    return &described->port;
}

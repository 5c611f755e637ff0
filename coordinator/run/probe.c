/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modules of one loading, each described by a process of its own; see probe.h. A module that
 * failed once is not tried again: its sentence is given to everyone who asks. The processes stay
 * for the declare callbacks that follow; beyond PROBE_ALIVE_MAX the one longest there ends and is
 * started again when it is needed. Owner: the thread that made the probe.
 */
#include "run/probe.h"

#include "run/probe_wire.h"
#include "worker/registry.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOING_SIZE 112

/* One module, by its path. */
struct module_entry {
    struct module_entry *next;
    char *path; /* absolute if the file is there */
    struct probe_channel channel;
    uint64_t started;       /* order of the processes' starts */
    struct gale_error fate; /* code GALE_OK: it is described */
    struct gale_conf *description;
    struct probe_tables *tables;
};

struct probe {
    struct registry port;
    struct registry *builtins; /* asked where no module is named */
    const char *program;
    struct module_entry *modules; /* newest first */
    uint64_t starts;
};

static const char *const no_names[] = {NULL};

/* Ends the oldest process when there are as many as may be. */
static void make_room(struct probe *probe)
{
    struct module_entry *oldest = NULL;
    size_t alive = 0;
    for (struct module_entry *entry = probe->modules; entry != NULL; entry = entry->next) {
        if (entry->channel.process.pid != 0) {
            alive++;
            oldest = oldest == NULL || entry->started < oldest->started ? entry : oldest;
        }
    }
    if (alive >= PROBE_ALIVE_MAX) {
        probe_channel_close(&oldest->channel);
    }
}

/* Takes the refusal out of a reply, if it is one. */
static enum gale_err refusal_of(const struct gale_conf *reply, const char *path,
                                struct gale_error *error)
{
    const struct gale_conf *refusal = gale_conf_get(reply, "error");
    if (refusal == NULL) {
        return GALE_OK;
    }
    char text[sizeof(error->text)];
    snprintf(text, sizeof(text), "%s", gale_conf_string(refusal, "text", ""));
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' || *at == 0x7f ? ' ' : *at;
    }
    int64_t code = gale_conf_int64(refusal, "code", 0);
    if (code <= GALE_OK || code > GALE_ERR_UNKNOWN || text[0] == '\0') {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "module %.200s cannot be used: it says not why", path);
    }
    return gale_error_set(error, (enum gale_err)code, "%s", text);
}

/* Asks the module's process. @param reply to be freed by conf_free; NULL on an error. */
static enum gale_err ask(struct probe *probe, struct module_entry *entry,
                         struct probe_question *question, struct gale_conf **reply,
                         struct gale_error *error)
{
    if (entry->channel.process.pid == 0) {
        make_room(probe);
        entry->started = ++probe->starts;
    }
    question->path = entry->path;
    enum gale_err err = probe_ask(&entry->channel, probe->program, question, reply, error);
    if (err == GALE_OK) {
        err = refusal_of(*reply, entry->path, error);
    }
    if (err != GALE_OK) {
        conf_free(*reply);
        *reply = NULL;
    }
    return err;
}

/* The beginning of a question. NULL: no memory. */
static struct gale_conf *request_new(const struct module_entry *entry, const char *what)
{
    struct gale_conf *request = conf_new();
    if (request != NULL && (probe_put_text(request, "ask", what) != GALE_OK ||
                            probe_put_text(request, "path", entry->path) != GALE_OK)) {
        conf_free(request);
        return NULL;
    }
    return request;
}

static enum gale_err describe(struct probe *probe, struct module_entry *entry,
                              struct gale_error *error)
{
    struct gale_conf *request = request_new(entry, "load");
    struct probe_question question = {
        .doing = "it was loaded",
        .look = "its constructors, the code that runs by itself at load",
        .request = request,
    };
    bool bad = false;
    if (request == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "module %.200s: no memory", entry->path);
    }
    enum gale_err err = ask(probe, entry, &question, &entry->description, error);
    conf_free(request);
    if (err != GALE_OK) {
        return err;
    }
    entry->tables = probe_tables_new(entry->description, &bad);
    if (entry->tables == NULL) {
        probe_channel_close(&entry->channel);
        return bad ? gale_error_set(error, GALE_ERR_INVALID,
                                    "module %.200s described itself with nonsense: look at its "
                                    "table and its help texts for control characters",
                                    entry->path)
                   : gale_error_set(error, GALE_ERR_NOMEM, "module %.200s: no memory",
                                    entry->path);
    }
    return GALE_OK;
}

/* The module of a path, described now if it is new. NULL with *error set. */
static struct module_entry *entry_of(struct probe *probe, const char *path,
                                     struct gale_error *error)
{
    char real[PATH_MAX];
    const char *known = realpath(path, real) != NULL ? real : path;
    struct module_entry *entry = probe->modules;
    while (entry != NULL && strcmp(entry->path, known) != 0) {
        entry = entry->next;
    }
    if (entry == NULL) {
        entry = calloc(1, sizeof(*entry));
        char *copy = strdup(known);
        if (entry == NULL || copy == NULL) {
            free(entry);
            free(copy);
            (void)gale_error_set(error, GALE_ERR_NOMEM, "module %.200s: no memory", path);
            return NULL;
        }
        entry->path = copy;
        probe_channel_init(&entry->channel);
        (void)describe(probe, entry, &entry->fate);
        entry->next = probe->modules;
        probe->modules = entry;
    }
    if (entry->fate.code != GALE_OK) {
        *error = entry->fate;
        return NULL;
    }
    return entry;
}

const struct gale_module *probe_module(struct probe *probe, const char *path,
                                       struct gale_error *error)
{
    const struct module_entry *entry = entry_of(probe, path, error);
    return entry != NULL ? probe_tables_module(entry->tables) : NULL;
}

const struct gale_conf *probe_description(struct probe *probe, const char *path,
                                          struct gale_error *error)
{
    const struct module_entry *entry = entry_of(probe, path, error);
    return entry != NULL ? entry->description : NULL;
}

enum gale_err probe_topology(struct probe *probe, const char *path, const char *name,
                             struct gale_conf **tree, struct gale_error *error)
{
    struct module_entry *entry = entry_of(probe, path, error);
    if (entry == NULL) {
        return error->code;
    }
    struct gale_conf *request = request_new(entry, "topology");
    struct gale_conf *reply = NULL;
    struct probe_question question = {
        .doing = "it built its topology", .look = "its build callback", .request = request};
    enum gale_err err = GALE_ERR_NOMEM;
    *tree = NULL;
    if (request != NULL && probe_put_text(request, "name", name) == GALE_OK) {
        err = ask(probe, entry, &question, &reply, error);
    }
    if (err == GALE_OK) {
        const struct gale_conf *built = gale_conf_get(reply, "tree");
        *tree = conf_new();
        err = *tree != NULL ? GALE_OK : GALE_ERR_NOMEM;
        for (size_t i = 0; err == GALE_OK && i < gale_conf_count(built); i++) {
            const char *key = gale_conf_key(built, i);
            err = key != NULL ? conf_add_copy(*tree, key, gale_conf_at(built, i))
                              : GALE_ERR_INVALID;
        }
    }
    if (err != GALE_OK) {
        conf_free(*tree);
        *tree = NULL;
        if (error->code == GALE_OK) {
            (void)gale_error_set(error, err, "topology of %.200s: %s", path,
                                 gale_err_name(err));
        }
    }
    conf_free(request);
    conf_free(reply);
    return err;
}

/* ---- Declare ---------------------------------------------------------------------------------- */

/* The module and the name behind a table that was handed out. */
static struct module_entry *entry_of_ops(struct probe *probe, const void *ops, bool *bolt,
                                         const char **name)
{
    for (struct module_entry *entry = probe->modules; entry != NULL; entry = entry->next) {
        if (entry->tables == NULL) {
            continue;
        }
        const struct gale_module *module = probe_tables_module(entry->tables);
        for (size_t i = 0; module->bolts[i] != NULL; i++) {
            if (module->bolts[i] == ops) {
                *bolt = true;
                *name = module->bolts[i]->name;
                return entry;
            }
        }
        for (size_t i = 0; module->spouts[i] != NULL; i++) {
            if (module->spouts[i] == ops) {
                *bolt = false;
                *name = module->spouts[i]->name;
                return entry;
            }
        }
    }
    return NULL;
}

static enum gale_err declare_there(void *self, const void *ops, struct gale_declare *declare,
                                   const struct gale_conf *conf)
{
    struct probe *probe = self;
    bool bolt = false;
    const char *name = NULL;
    struct module_entry *entry = entry_of_ops(probe, ops, &bolt, &name);
    if (entry == NULL) {
        return GALE_ERR_NOT_FOUND;
    }
    struct gale_conf *request = request_new(entry, "declare");
    struct gale_conf *reply = NULL;
    struct gale_error error = {.code = GALE_OK};
    char doing[DOING_SIZE];
    snprintf(doing, sizeof(doing), "its %s \"%.64s\" declared its streams",
             bolt ? "bolt" : "spout", name);
    struct probe_question question = {
        .doing = doing, .look = "its declare callback", .request = request};
    enum gale_err err = request != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : probe_put_text(request, "kind", bolt ? "bolt" : "spout");
    err = err ? err : probe_put_text(request, "name", name);
    err = err ? err : conf_add_copy(request, "conf", conf);
    err = err ? err : probe_put_inputs(request, declare);
    err = err ? err : ask(probe, entry, &question, &reply, &error);
    if (err == GALE_OK) {
        err = probe_replay(declare, reply, entry->path);
    } else if (error.code != GALE_OK) {
        gale_declare_error(declare, NULL, "%s", error.text);
    }
    conf_free(request);
    conf_free(reply);
    return err;
}

/* ---- The registry port ------------------------------------------------------------------------ */

static const void *not_found(const char *path, const char *kind, const char *name,
                             struct gale_error *error)
{
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND, "module %.200s has no %s named \"%.64s\"",
                         path, kind, name);
    return NULL;
}

static const struct gale_spout_ops *find_spout(void *self, const char *path, const char *name,
                                               struct gale_error *error)
{
    struct probe *probe = self;
    if (path == NULL) {
        return probe->builtins->spout(probe->builtins->self, NULL, name, error);
    }
    const struct gale_module *module = probe_module(probe, path, error);
    for (size_t i = 0; module != NULL && module->spouts[i] != NULL; i++) {
        if (strcmp(module->spouts[i]->name, name) == 0) {
            return module->spouts[i];
        }
    }
    return module != NULL ? not_found(path, "spout", name, error) : NULL;
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *path, const char *name,
                                             struct gale_error *error)
{
    struct probe *probe = self;
    if (path == NULL) {
        return probe->builtins->bolt(probe->builtins->self, NULL, name, error);
    }
    const struct gale_module *module = probe_module(probe, path, error);
    for (size_t i = 0; module != NULL && module->bolts[i] != NULL; i++) {
        if (strcmp(module->bolts[i]->name, name) == 0) {
            return module->bolts[i];
        }
    }
    return module != NULL ? not_found(path, "bolt", name, error) : NULL;
}

static const struct gale_grouping_ops *find_grouping(void *self, const char *path,
                                                     const char *name, struct gale_error *error)
{
    struct probe *probe = self;
    if (path == NULL) {
        return probe->builtins->grouping(probe->builtins->self, NULL, name, error);
    }
    const struct gale_module *module = probe_module(probe, path, error);
    for (size_t i = 0; module != NULL && module->groupings[i] != NULL; i++) {
        if (strcmp(module->groupings[i]->name, name) == 0) {
            return module->groupings[i];
        }
    }
    return module != NULL ? not_found(path, "grouping", name, error) : NULL;
}

static const struct gale_task_hooks *find_task_hooks(void *self, const char *name,
                                                     struct gale_error *error)
{
    const struct probe *probe = self;
    for (const struct module_entry *at = probe->modules; at != NULL; at = at->next) {
        for (size_t i = 0; at->tables != NULL && probe_tables_module(at->tables)->task_hooks[i];
             i++) {
            const struct gale_task_hooks *hooks =
                probe_tables_module(at->tables)->task_hooks[i];
            if (strcmp(hooks->name, name) == 0) {
                return hooks;
            }
        }
    }
    return probe->builtins->task_hooks(probe->builtins->self, name, error);
}

static const struct gale_worker_hooks *find_worker_hooks(void *self, const char *name,
                                                         struct gale_error *error)
{
    const struct probe *probe = self;
    for (const struct module_entry *at = probe->modules; at != NULL; at = at->next) {
        for (size_t i = 0;
             at->tables != NULL && probe_tables_module(at->tables)->worker_hooks[i]; i++) {
            const struct gale_worker_hooks *hooks =
                probe_tables_module(at->tables)->worker_hooks[i];
            if (strcmp(hooks->name, name) == 0) {
                return hooks;
            }
        }
    }
    return probe->builtins->worker_hooks(probe->builtins->self, name, error);
}

static const char *const *names(void *self, const char *path, char kind)
{
    struct probe *probe = self;
    if (path == NULL) {
        return probe->builtins->names(probe->builtins->self, NULL, kind);
    }
    struct gale_error error = {.code = GALE_OK};
    const struct module_entry *entry = entry_of(probe, path, &error);
    return entry != NULL ? probe_tables_names(entry->tables, kind) : no_names;
}

enum gale_err probe_new(const char *program, const struct worker_builtins *builtins,
                        struct probe **out)
{
    *out = NULL;
    struct probe *probe = calloc(1, sizeof(*probe));
    if (probe == NULL) {
        return GALE_ERR_NOMEM;
    }
    enum gale_err err = registry_new(builtins->spouts, builtins->bolts, NULL, &probe->builtins);
    if (err != GALE_OK) {
        free(probe);
        return err;
    }
    probe->program = program;
    probe->port = (struct registry){
        .self = probe,
        .spout = find_spout,
        .bolt = find_bolt,
        .grouping = find_grouping,
        .task_hooks = find_task_hooks,
        .worker_hooks = find_worker_hooks,
        .names = names,
        .declare = declare_there,
    };
    *out = probe;
    return GALE_OK;
}

void probe_rest(struct probe *probe)
{
    for (struct module_entry *entry = probe->modules; entry != NULL; entry = entry->next) {
        probe_channel_close(&entry->channel);
    }
}

void probe_free(struct probe *probe)
{
    while (probe != NULL && probe->modules != NULL) {
        struct module_entry *entry = probe->modules;
        probe->modules = entry->next;
        probe_channel_close(&entry->channel);
        probe_tables_free(entry->tables);
        conf_free(entry->description);
        free(entry->path);
        free(entry);
    }
    if (probe != NULL) {
        registry_free(probe->builtins);
    }
    free(probe);
}

const struct registry *probe_registry(struct probe *probe)
{
    return &probe->port;
}

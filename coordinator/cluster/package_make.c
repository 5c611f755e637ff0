/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a package: the tree of a file, each module and file hashed and named by its hash, and the
 * portable tree compiled once through a registry that listens. It asks the probe of the real file
 * and writes down what is needed to compile again without it: which components of which module are
 * used, and what their declare callbacks say to which question. One thread; blocks.
 */
#include "blobs/blobs.h"
#include "cluster/package.h"
#include "core/declare.h"
#include "core/locate.h"
#include "run/described.h"
#include "run/probe_wire.h"

#include "base/assert.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_MAX (2 * PLAN_COMPONENTS_MAX)

/* A path and the blob that it became. */
struct hashed {
    char *path;
    size_t blob; /* index in the package */
    bool module; /* asked for as one, not a file of `files` */
};

/* A component's table that was handed out. */
struct known {
    const void *ops;
    const char *module; /* as the tree names it; in the plan, as name is */
    const char *kind;
    const char *name;
};

struct maker {
    struct registry port;
    struct package *package;
    struct probe *probe;
    const struct registry *inner;  /* the probe's */
    const struct gale_conf *files; /* with the paths of this host */
    struct hashed *hashed;
    size_t hashed_count;
    struct known *known;
    size_t known_count;
    struct gale_conf *declares; /* list in the document */
    struct gale_error *error;
};

static enum gale_err no_memory(struct gale_error *error)
{
    return gale_error_set(error, GALE_ERR_NOMEM, "no memory to package the topology");
}

/* ---- Hashing ---------------------------------------------------------------------------------- */

static size_t blob_find(const struct package *package, const char *hex)
{
    size_t index = 0;
    while (index < package->blobs_count && strcmp(package->blobs[index].hex, hex) != 0) {
        index++;
    }
    return index;
}

/* Adds a file by its content. */
static enum gale_err blob_add(struct maker *maker, const char *path, const char *hex,
                              uint64_t size, size_t *out)
{
    struct package *package = maker->package;
    *out = blob_find(package, hex);
    if (*out < package->blobs_count) {
        return GALE_OK;
    }
    if (size > BLOBS_SIZE_MAX || package->blobs_count == PACKAGE_BLOBS_MAX) {
        return gale_error_set(
            maker->error, GALE_ERR_LIMIT,
            "%.300s cannot go with the topology: at most %d files of %llu MiB", path,
            PACKAGE_BLOBS_MAX, (unsigned long long)(BLOBS_SIZE_MAX >> 20));
    }
    struct package_blob *blob = &package->blobs[package->blobs_count];
    blob->path = strdup(path);
    if (blob->path == NULL) {
        return no_memory(maker->error);
    }
    const char *slash = strrchr(path, '/');
    (void)str_copy(blob->name, sizeof(blob->name), slash != NULL ? slash + 1 : path);
    (void)str_copy(blob->hex, sizeof(blob->hex), hex);
    blob->size = size;
    package->blobs_count++;
    return GALE_OK;
}

/* A path in its portable form; one that cannot be read stays, and is reported by the compiling. */
static enum gale_err to_portable(void *self, const char *path, char out[PATH_MAX])
{
    struct maker *maker = self;
    struct gale_error ignored;
    char hex[SHA256_HEX_SIZE];
    uint64_t size = 0;
    size_t index = 0;
    while (index < maker->hashed_count && strcmp(maker->hashed[index].path, path) != 0) {
        index++;
    }
    if (index == maker->hashed_count) {
        size_t blob = 0;
        if (sha256_file(path, hex, &size, &ignored) != GALE_OK) {
            return str_copy(out, PATH_MAX, path) ? GALE_OK : GALE_ERR_LIMIT;
        }
        enum gale_err err = blob_add(maker, path, hex, size, &blob);
        if (err != GALE_OK) {
            return err;
        }
        struct hashed *grown =
            realloc(maker->hashed, (maker->hashed_count + 1) * sizeof(*maker->hashed));
        char *copy = strdup(path);
        maker->hashed = grown != NULL ? grown : maker->hashed;
        if (grown == NULL || copy == NULL) {
            free(copy);
            return no_memory(maker->error);
        }
        maker->hashed[maker->hashed_count++] = (struct hashed){.path = copy, .blob = blob};
    }
    snprintf(out, PATH_MAX, "%s%s", LOCATE_SHA_PREFIX,
             maker->package->blobs[maker->hashed[index].blob].hex);
    return GALE_OK;
}

/* The file behind a module of the portable tree. */
static const char *real_path(struct maker *maker, const char *module)
{
    const char *hex = module != NULL ? locate_hex(module) : NULL;
    for (size_t i = 0; hex != NULL && i < maker->hashed_count; i++) {
        struct hashed *hashed = &maker->hashed[i];
        if (strcmp(maker->package->blobs[hashed->blob].hex, hex) == 0) {
            hashed->module = true;
            return hashed->path;
        }
    }
    return module;
}

/* ---- The registry that listens ---------------------------------------------------------------- */

static void note_known(struct maker *maker, const void *ops, const char *module,
                       const char *kind, const char *name)
{
    if (ops != NULL && module != NULL && maker->known_count < KNOWN_MAX) {
        maker->known[maker->known_count++] =
            (struct known){.ops = ops, .module = module, .kind = kind, .name = name};
    }
}

static const struct gale_spout_ops *find_spout(void *self, const char *module, const char *name,
                                               struct gale_error *error)
{
    struct maker *maker = self;
    const struct gale_spout_ops *ops =
        maker->inner->spout(maker->inner->self, real_path(maker, module), name, error);
    note_known(maker, ops, module, "spout", name);
    return ops;
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *module, const char *name,
                                             struct gale_error *error)
{
    struct maker *maker = self;
    const struct gale_bolt_ops *ops =
        maker->inner->bolt(maker->inner->self, real_path(maker, module), name, error);
    note_known(maker, ops, module, "bolt", name);
    return ops;
}

static const struct gale_grouping_ops *find_grouping(void *self, const char *module,
                                                     const char *name, struct gale_error *error)
{
    struct maker *maker = self;
    return maker->inner->grouping(maker->inner->self, real_path(maker, module), name, error);
}

static const struct gale_task_hooks *find_task_hooks(void *self, const char *name,
                                                     struct gale_error *error)
{
    const struct maker *maker = self;
    return maker->inner->task_hooks(maker->inner->self, name, error);
}

static const struct gale_worker_hooks *find_worker_hooks(void *self, const char *name,
                                                         struct gale_error *error)
{
    const struct maker *maker = self;
    return maker->inner->worker_hooks(maker->inner->self, name, error);
}

static const char *const *names(void *self, const char *module, char kind)
{
    struct maker *maker = self;
    return maker->inner->names(maker->inner->self, real_path(maker, module), kind);
}

/* Stands between a declare callback and the plan: hands each call on and writes it down. */
struct listener {
    struct gale_declare port; /* first: what the callback gets */
    struct gale_declare *plan;
    struct gale_conf *calls;
    enum gale_err err; /* of the writing */
};

static struct listener *listener_of(struct gale_declare *port)
{
    return (struct listener *)port;
}

static const struct listener *listener_const(const struct gale_declare *port)
{
    return (const struct listener *)port;
}

static struct gale_conf *call_begin(struct listener *listener, const char *kind)
{
    struct gale_conf *call = NULL;
    enum gale_err err = listener->err;
    err = err ? err : conf_add_map(listener->calls, NULL, &call);
    listener->err = err ? err : probe_put_text(call, "call", kind);
    return call;
}

static enum gale_err hear_stream(struct gale_declare *port, const char *stream,
                                 const char *fields, bool direct)
{
    struct listener *listener = listener_of(port);
    struct gale_conf *call = call_begin(listener, "stream");
    enum gale_err err = listener->err;
    err = err ? err : probe_put_text(call, "name", stream);
    err = err ? err : probe_put_text(call, "fields", fields);
    listener->err = err ? err : probe_put_bool(call, "direct", direct);
    return listener->plan->stream(listener->plan, stream, fields, direct);
}

static unsigned hear_inputs(const struct gale_declare *port)
{
    return listener_const(port)->plan->inputs(listener_const(port)->plan);
}

static const char *hear_input_fields(const struct gale_declare *port, unsigned input)
{
    return listener_const(port)->plan->input_fields(listener_const(port)->plan, input);
}

static enum gale_err hear_needs(struct gale_declare *port, unsigned input, const char *field,
                                const char *option)
{
    struct listener *listener = listener_of(port);
    struct gale_conf *call = call_begin(listener, "needs");
    enum gale_err err = listener->err;
    err = err ? err : probe_put_int(call, "input", (int64_t)input);
    err = err ? err : probe_put_text(call, "field", field);
    listener->err = err ? err : probe_put_text(call, "option", option);
    return listener->plan->needs(listener->plan, input, field, option);
}

static void hear_error(struct gale_declare *port, const char *option, const char *text)
{
    struct listener *listener = listener_of(port);
    struct gale_conf *call = call_begin(listener, "error");
    enum gale_err err = listener->err;
    err = err ? err : probe_put_text(call, "text", text);
    listener->err = err ? err : probe_put_text(call, "option", option);
    listener->plan->error(listener->plan, option, text);
}

/* Asks the module, which sees its files as they lie here, and records question and answer. */
static enum gale_err declare_heard(void *self, const void *ops, struct gale_declare *declare,
                                   const struct gale_conf *conf)
{
    struct maker *maker = self;
    struct listener listener = {.port = {.stream = hear_stream,
                                         .inputs = hear_inputs,
                                         .input_fields = hear_input_fields,
                                         .needs = hear_needs,
                                         .error = hear_error},
                                .plan = declare};
    struct gale_conf *located = NULL;
    size_t index = 0;
    while (index < maker->known_count && maker->known[index].ops != ops) {
        index++;
    }
    if (index == maker->known_count) {
        return GALE_ERR_NOT_FOUND;
    }
    const struct known *known = &maker->known[index];
    struct gale_conf *record =
        described_question(known->module, known->kind, known->name, conf, declare);
    enum gale_err err = record != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : conf_add_list(record, "calls", &listener.calls);
    err = err ? err : locate_options(maker->files, conf, &located);
    if (err != GALE_OK) {
        conf_free(record);
        return err;
    }
    enum gale_err result =
        maker->inner->declare(maker->inner->self, ops, &listener.port, located);
    err = listener.err;
    err = err ? err : probe_put_int(record, "result", (int64_t)result);
    err = err ? err : conf_add_copy(maker->declares, NULL, record);
    conf_free(located);
    conf_free(record);
    return err ? err : result;
}

/* ---- The document ----------------------------------------------------------------------------- */

static bool is_used(const struct maker *maker, const char *module, const char *kind,
                    const char *name)
{
    for (size_t i = 0; i < maker->known_count; i++) {
        const struct known *known = &maker->known[i];
        if (strcmp(known->module, module) == 0 && strcmp(known->kind, kind) == 0 &&
            strcmp(known->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Copies a map without its help text, which nobody reads in a cluster. */
static enum gale_err copy_short(struct gale_conf *list, const struct gale_conf *from)
{
    struct gale_conf *to = NULL;
    enum gale_err err = conf_add_map(list, NULL, &to);
    for (size_t i = 0; i < gale_conf_count(from) && err == GALE_OK; i++) {
        const char *key = gale_conf_key(from, i);
        const struct gale_conf *child = gale_conf_at(from, i);
        struct gale_conf *options = NULL;
        if (strcmp(key, "help") == 0) {
            continue;
        }
        if (strcmp(key, "options") != 0) {
            err = conf_add_copy(to, key, child);
            continue;
        }
        err = conf_add_list(to, key, &options);
        for (size_t k = 0; k < gale_conf_count(child) && err == GALE_OK; k++) {
            const struct gale_conf *option = gale_conf_at(child, k);
            struct gale_conf *copy = NULL;
            err = conf_add_map(options, NULL, &copy);
            for (size_t n = 0; n < gale_conf_count(option) && err == GALE_OK; n++) {
                const char *name = gale_conf_key(option, n);
                err = strcmp(name, "help") == 0
                          ? GALE_OK
                          : conf_add_copy(copy, name, gale_conf_at(option, n));
            }
        }
    }
    return err;
}

/* What the topology uses of a module's description. */
static enum gale_err put_module(const struct maker *maker, struct gale_conf *modules,
                                const char *module, const struct gale_conf *description)
{
    struct gale_conf *to = NULL;
    enum gale_err err = conf_add_map(modules, module, &to);
    for (size_t i = 0; i < gale_conf_count(description) && err == GALE_OK; i++) {
        const char *key = gale_conf_key(description, i);
        const struct gale_conf *list = gale_conf_at(description, i);
        const char *kind = strcmp(key, "bolts") == 0    ? "bolt"
                           : strcmp(key, "spouts") == 0 ? "spout"
                                                        : NULL;
        struct gale_conf *items = NULL;
        if (kind == NULL) {
            err = conf_add_copy(to, key, list);
            continue;
        }
        err = conf_add_list(to, key, &items);
        for (size_t k = 0; k < gale_conf_count(list) && err == GALE_OK; k++) {
            const struct gale_conf *item = gale_conf_at(list, k);
            if (is_used(maker, module, kind, gale_conf_string(item, "name", ""))) {
                err = copy_short(items, item);
            }
        }
    }
    return err;
}

static enum gale_err put_modules(struct maker *maker, struct gale_conf *document)
{
    struct gale_conf *modules = NULL;
    enum gale_err err = conf_add_map(document, "modules", &modules);
    for (size_t i = 0; i < maker->hashed_count && err == GALE_OK; i++) {
        const struct hashed *hashed = &maker->hashed[i];
        char name[sizeof(LOCATE_SHA_PREFIX) + SHA256_HEX_SIZE];
        snprintf(name, sizeof(name), "%s%s", LOCATE_SHA_PREFIX,
                 maker->package->blobs[hashed->blob].hex);
        if (!hashed->module || gale_conf_get(modules, name) != NULL) {
            continue;
        }
        const struct gale_conf *description =
            probe_description(maker->probe, hashed->path, maker->error);
        err = description != NULL ? put_module(maker, modules, name, description)
                                  : maker->error->code;
    }
    return err;
}

static enum gale_err put_blobs(const struct package *package, struct gale_conf *document)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(document, "blobs", &list);
    for (size_t i = 0; i < package->blobs_count && err == GALE_OK; i++) {
        struct gale_conf *item = NULL;
        err = conf_add_map(list, NULL, &item);
        err = err ? err : probe_put_text(item, "sha", package->blobs[i].hex);
        err = err ? err : probe_put_text(item, "name", package->blobs[i].name);
        err = err ? err : probe_put_int(item, "size", (int64_t)package->blobs[i].size);
    }
    return err;
}

/* Compiles the portable tree and completes the document. GALE_OK also with errors in diag. */
static enum gale_err compile(struct maker *maker, struct gale_conf *portable, struct diag *diag)
{
    struct plan *plan = NULL;
    struct gale_conf *document = maker->package->document;
    enum gale_err err = conf_add_copy(document, "topology", portable);
    err = err ? err : conf_add_list(document, "declares", &maker->declares);
    if (err == GALE_OK) {
        err = plan_compile(gale_conf_get(document, "topology"), &maker->port, diag, &plan);
        if (err == GALE_ERR_INVALID) {
            return GALE_OK;
        }
    }
    if (err == GALE_OK) {
        (void)str_copy(maker->package->name, PACKAGE_NAME_SIZE, plan->name);
    }
    err = err ? err : put_modules(maker, document);
    err = err ? err : put_blobs(maker->package, document);
    plan_free(plan); /* Not before: the known tables' names lie in it. */
    maker->package->tree = gale_conf_get(document, "topology");
    return err;
}

static enum gale_err make(struct maker *maker, const struct gale_conf *tree, struct diag *diag)
{
    struct package *package = maker->package;
    struct gale_conf *portable = NULL;
    maker->files = gale_conf_get(tree, "files");
    maker->known = calloc(KNOWN_MAX, sizeof(*maker->known));
    package->blobs = calloc(PACKAGE_BLOBS_MAX, sizeof(*package->blobs));
    package->document = conf_new();
    enum gale_err err =
        maker->known && package->blobs && package->document ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : locate_map(tree, to_portable, maker, &portable);
    err = err ? err : compile(maker, portable, diag);
    conf_free(portable);
    for (size_t i = 0; i < maker->hashed_count; i++) {
        free(maker->hashed[i].path);
    }
    free(maker->hashed);
    free(maker->known);
    return err;
}

enum gale_err package_make(const struct load_options *options, struct diag *diag,
                           struct package *out, struct gale_error *error)
{
    struct loaded loaded;
    struct gale_conf *tree = NULL;
    memset(out, 0, sizeof(*out));
    error->text[0] = '\0';
    enum gale_err err = load_tree(options, &loaded, &tree, error);
    if (err == GALE_OK && tree != NULL) {
        struct maker maker = {.package = out,
                              .probe = loaded.probe,
                              .inner = probe_registry(loaded.probe),
                              .error = error};
        maker.port = (struct registry){.self = &maker,
                                       .spout = find_spout,
                                       .bolt = find_bolt,
                                       .grouping = find_grouping,
                                       .task_hooks = find_task_hooks,
                                       .worker_hooks = find_worker_hooks,
                                       .names = names,
                                       .declare = declare_heard};
        err = make(&maker, tree, &loaded.diag);
    }
    conf_free(tree);
    diag_fini(diag);
    *diag = loaded.diag;
    diag_init(&loaded.diag);
    diag_sort(diag);
    loaded_fini(&loaded);
    if (err != GALE_OK || diag->errors_count > 0) {
        package_fini(out);
    }
    if (err != GALE_OK && error->text[0] == '\0') {
        (void)gale_error_set(error, err, "%s: %s", options->file, gale_err_name(err));
    }
    return err;
}

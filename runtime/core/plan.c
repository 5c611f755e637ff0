/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling a topology's tree into a plan: the order of the steps, the topology's own settings,
 * and the plan's memory. The steps themselves lie in plan_components.c, plan_inputs.c,
 * plan_declare.c and plan_graph.c.
 *
 * Invariants: a plan is handed out only when nothing was reported as an error; every pointer in it
 * leads into its own blocks, its own copy of the tree, or a registry table (which lives as long as
 * the process). Pure apart from what the registry does; one thread.
 */
#include "core/plan.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/str.h"
#include "core/plan_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_DEFAULT 1
#define MAX_PENDING_DEFAULT 65536
#define MAX_PENDING_MAX 1048576
#define TIMEOUT_DEFAULT_MS 30000
#define DRAIN_DEFAULT_MS 10000
#define INBOX_SIZE_DEFAULT (INT64_C(256) << 10)
#define INBOX_SIZE_MIN (INT64_C(4) << 10)
#define INBOX_SIZE_MAX (INT64_C(1) << 30)
#define OPEN_FILES_MAX (INT64_C(1) << 20)
#define ISOLATE_HOSTS_MAX 1024

struct plan_block {
    struct plan_block *next;
    max_align_t bytes[];
};

static const char *const topology_keys[] = {
    "name",       "guarantee", "workers",      "max_pending",   "timeout",    "drain",
    "tick",       "hooks",     "worker_hooks", "conf",          "memory_max", "open_files_max",
    "inbox_size", "spouts",    "bolts",        "isolate_hosts", "files",      NULL};

static const char *const guarantee_names[] = {"at-most-once", "at-least-once", "exactly-once",
                                              NULL};

const char *const plan_grouping_names[] = {
    "shuffle", "local-or-shuffle", "load-aware", "fields", "partial-key", "all", "global",
    "none",    "direct",           "custom",     NULL};

void *plan_alloc(struct plan_builder *builder, size_t count, size_t size)
{
    size_t bytes = 0;
    struct plan_block *block = NULL;
    if (!__builtin_mul_overflow(count, size, &bytes) && bytes < SIZE_MAX - sizeof(*block)) {
        block = calloc(1, sizeof(*block) + bytes);
    }
    if (block == NULL) {
        builder->nomem = true;
        return NULL;
    }
    block->next = builder->owner->blocks;
    builder->owner->blocks = block;
    return block->bytes;
}

char *plan_copy_text(struct plan_builder *builder, const char *text, size_t size)
{
    char *copy = plan_alloc(builder, size + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

char *plan_format(struct plan_builder *builder, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (written < 0) {
        text[0] = '\0';
    }
    return plan_copy_text(builder, text, strlen(text));
}

/* The plan outlives the caller's tree, and so do its names: they point into this copy. */
static bool tree_copy(struct plan_builder *builder, const struct gale_conf *tree)
{
    struct plan_owner *owner = builder->owner;
    owner->tree = conf_new();
    owner->merged = conf_new();
    if (owner->tree == NULL || owner->merged == NULL) {
        return false;
    }
    struct conf_place place = conf_place_of(tree);
    conf_set_place(owner->tree, &place);
    for (size_t i = 0; i < gale_conf_count(tree); i++) {
        if (conf_add_copy(owner->tree, gale_conf_key(tree, i), gale_conf_at(tree, i)) !=
            GALE_OK) {
            return false;
        }
    }
    return true;
}

static void settings_name(struct plan_builder *builder)
{
    const struct gale_conf *tree = builder->owner->tree;
    const struct gale_conf *node = gale_conf_get(tree, "name");
    if (node == NULL) {
        struct conf_place place = conf_place_of(tree);
        diag_add(builder->diag, DIAG_MISSING_KEY, &place, "add, for example, name: wordcount",
                 "the topology has no name");
        return;
    }
    struct conf_place place = conf_place_of(node);
    const char *text = gale_conf_text(node);
    if (text == NULL) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "name of the topology must be text, not %s", plan_kind_name(node));
    } else if (!str_is_name(text)) {
        diag_add(builder->diag, DIAG_BAD_NAME, &place,
                 "use 1 to 64 of A-Z a-z 0-9 _ - and do not begin with __",
                 "\"%.64s\" cannot be the name of a topology", text);
    } else {
        builder->plan->name = text;
        builder->plan->hash_seed = hash64(text, strlen(text), 0);
    }
}

static void settings_guarantee(struct plan_builder *builder)
{
    builder->plan->guarantee = PLAN_AT_LEAST_ONCE;
    const struct gale_conf *node = gale_conf_get(builder->owner->tree, "guarantee");
    if (node == NULL) {
        return;
    }
    struct conf_place place = conf_place_of(node);
    const char *text = gale_conf_text(node);
    if (text == NULL) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL, "guarantee must be text, not %s",
                 plan_kind_name(node));
        return;
    }
    if (!plan_guarantee_parse(text, &builder->plan->guarantee)) {
        char hint[160];
        plan_hint(hint, sizeof(hint), text, guarantee_names);
        diag_add(builder->diag, DIAG_BAD_VALUE, &place, hint,
                 "unknown guarantee \"%.64s\": write at-most-once or at-least-once", text);
    } else if (builder->plan->guarantee == PLAN_EXACTLY_ONCE) {
        diag_add(builder->diag, DIAG_UNSUPPORTED, &place, NULL,
                 "guarantee exactly-once is not available yet: use at-least-once");
    }
}

/* Sizes and times, each with its bounds; plan.h lists the defaults. */
static void settings_limits(struct plan_builder *builder)
{
    const struct gale_conf *tree = builder->owner->tree;
    struct plan *plan = builder->plan;
    const struct plan_bounds workers_bounds = {1, PLAN_WORKERS_MAX};
    const struct plan_bounds pending_bounds = {1, MAX_PENDING_MAX};
    const struct plan_bounds time_bounds = {0, PLAN_DURATION_MAX_MS};
    const struct plan_bounds memory_bounds = {0, INT64_MAX};
    const struct plan_bounds files_bounds = {0, OPEN_FILES_MAX};
    const struct plan_bounds inbox_bounds = {INBOX_SIZE_MIN, INBOX_SIZE_MAX};
    const struct plan_bounds isolate_bounds = {0, ISOLATE_HOSTS_MAX};
    int64_t isolate_hosts = 0;
    int64_t workers = WORKERS_DEFAULT;
    int64_t max_pending = MAX_PENDING_DEFAULT;
    int64_t inbox_size = INBOX_SIZE_DEFAULT;
    plan->timeout_ms = TIMEOUT_DEFAULT_MS;
    plan->drain_ms = DRAIN_DEFAULT_MS;
    plan_read_int(builder, tree, "workers", &workers_bounds, &workers);
    plan_read_int(builder, tree, "max_pending", &pending_bounds, &max_pending);
    plan_read_duration(builder, tree, "timeout", &time_bounds, &plan->timeout_ms);
    plan_read_duration(builder, tree, "drain", &time_bounds, &plan->drain_ms);
    plan_read_duration(builder, tree, "tick", &time_bounds, &builder->tick_ms);
    plan_read_size(builder, tree, "memory_max", &memory_bounds, &plan->memory_max);
    plan_read_int(builder, tree, "open_files_max", &files_bounds, &plan->open_files_max);
    plan_read_size(builder, tree, "inbox_size", &inbox_bounds, &inbox_size);
    plan_read_int(builder, tree, "isolate_hosts", &isolate_bounds, &isolate_hosts);
    plan->workers = (uint32_t)workers;
    plan->isolate_hosts = (uint32_t)isolate_hosts;
    plan->inbox_size = (uint32_t)inbox_size;
    builder->max_pending = (uint32_t)max_pending;
}

static void settings_files(struct plan_builder *builder)
{
    const struct gale_conf *files = gale_conf_get(builder->owner->tree, "files");
    if (files != NULL && gale_conf_type(files) != GALE_MAP) {
        struct conf_place place = conf_place_of(files);
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "files must be a map of names and paths, not %s", plan_kind_name(files));
    }
    for (size_t i = 0; gale_conf_type(files) == GALE_MAP && i < gale_conf_count(files); i++) {
        const struct gale_conf *path = gale_conf_at(files, i);
        if (!str_is_name(gale_conf_key(files, i))) {
            struct conf_place place = conf_key_place_of(path);
            diag_add(builder->diag, DIAG_BAD_NAME, &place,
                     "use 1 to 64 of A-Z a-z 0-9 _ - and do not begin with __",
                     "\"%.64s\" cannot be the name of a file", gale_conf_key(files, i));
        }
        if (gale_conf_type(path) != GALE_STRING) {
            struct conf_place place = conf_place_of(path);
            diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                     "the file \"%.64s\" must be a path, not %s", gale_conf_key(files, i),
                     plan_kind_name(path));
        }
    }
}

static void settings_read(struct plan_builder *builder)
{
    const struct gale_conf *tree = builder->owner->tree;
    plan_check_keys(builder, tree, "the topology", topology_keys, NULL);
    settings_name(builder);
    settings_guarantee(builder);
    settings_limits(builder);
    settings_files(builder);
    const struct gale_conf *conf = gale_conf_get(tree, "conf");
    if (conf != NULL && gale_conf_type(conf) != GALE_MAP) {
        struct conf_place place = conf_place_of(conf);
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL, "conf must be a map, not %s",
                 plan_kind_name(conf));
    }
}

static void compile_steps(struct plan_builder *builder)
{
    void (*const steps[])(struct plan_builder *) = {
        settings_read,     plan_components_collect, plan_components_load,
        plan_inputs_parse, plan_hooks_resolve,      plan_graph_order,
        plan_declare_all,  plan_inputs_resolve,     plan_declare_check_needs,
        plan_graph_finish,
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !builder->nomem; i++) {
        steps[i](builder);
    }
}

enum gale_err plan_compile(const struct gale_conf *tree, const struct registry *registry,
                           struct diag *diag, struct plan **out)
{
    GALE_ASSERT(registry != NULL && diag != NULL && out != NULL);
    *out = NULL;
    if (gale_conf_type(tree) != GALE_MAP) {
        diag_add(diag, DIAG_WRONG_TYPE, NULL, NULL, "a topology must be a map, not %s",
                 plan_kind_name(tree));
        return GALE_ERR_INVALID;
    }
    struct plan_owner *owner = calloc(1, sizeof(*owner));
    if (owner == NULL) {
        return GALE_ERR_NOMEM;
    }
    struct plan_builder builder = {.owner = owner,
                                   .plan = &owner->plan,
                                   .registry = registry,
                                   .diag = diag,
                                   .errors_before = diag->errors_count};
    if (tree_copy(&builder, tree)) {
        owner->plan.conf = owner->tree;
        compile_steps(&builder);
    } else {
        builder.nomem = true;
    }
    enum gale_err err = GALE_OK;
    if (builder.nomem) {
        err = GALE_ERR_NOMEM;
    } else if (diag->errors_count > builder.errors_before) {
        err = GALE_ERR_INVALID;
    }
    diag_sort(diag);
    if (err != GALE_OK) {
        plan_free(&owner->plan);
        return err;
    }
    GALE_ASSERT(owner->plan.name != NULL && owner->plan.tasks_count > 0);
    *out = &owner->plan;
    return GALE_OK;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL) {
        return;
    }
    struct plan_owner *owner = (struct plan_owner *)plan;
    struct plan_block *block = owner->blocks;
    while (block != NULL) {
        struct plan_block *next = block->next;
        free(block);
        block = next;
    }
    conf_free(owner->tree);
    conf_free(owner->merged);
    free(owner);
}

int plan_component_find(const struct plan *plan, const char *name)
{
    for (int i = 0; i < (int)plan->components_count; i++) {
        if (strcmp(plan->components[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

const char *plan_grouping_name(enum plan_grouping grouping)
{
    GALE_ASSERT((size_t)grouping <= PLAN_CUSTOM);
    return plan_grouping_names[grouping];
}

const char *plan_guarantee_name(enum plan_guarantee guarantee)
{
    GALE_ASSERT((size_t)guarantee <= PLAN_EXACTLY_ONCE);
    return guarantee_names[guarantee];
}

bool plan_guarantee_parse(const char *text, enum plan_guarantee *out)
{
    for (size_t i = 0; guarantee_names[i] != NULL; i++) {
        if (strcmp(text, guarantee_names[i]) == 0) {
            *out = (enum plan_guarantee)i;
            return true;
        }
    }
    return false;
}

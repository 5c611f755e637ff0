/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a module's description to tables as a registry hands them out. The description comes from a
 * process that runs foreign code: names, counts, kinds and texts are checked as those of a file.
 * Callbacks are marks: that they are there counts, and calling one is a fault of gale. Pure.
 */
#include "base/assert.h"
#include "base/str.h"
#include "run/probe_wire.h"

#include <gale/module.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 256 /* as worker/module.c */

enum kind {
    KIND_BOLTS,
    KIND_SPOUTS,
    KIND_GROUPINGS,
    KIND_TASK_HOOKS,
    KIND_WORKER_HOOKS,
    KINDS
};

static const char *const kind_keys[KINDS] = {"bolts", "spouts", "groupings", "task_hooks",
                                             "worker_hooks"};

/* One component; which member is meant is its list's to say. */
struct table {
    union {
        struct gale_bolt_ops bolt;
        struct gale_spout_ops spout;
        struct gale_grouping_ops grouping;
        struct gale_task_hooks task_hooks;
        struct gale_worker_hooks worker_hooks;
    } as;
    struct gale_option *options; /* owned */
};

struct list {
    const void **tables; /* NULL-terminated; each is the first member of a struct table */
    const char **names;  /* NULL-terminated */
    struct table *items;
    size_t count;
};

struct probe_tables {
    struct gale_module module;
    struct list lists[KINDS];
};

static enum gale_err mark_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)declare;
    (void)conf;
    GALE_ASSERT(false);
    return GALE_ERR_STATE;
}

static enum gale_err mark_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    GALE_ASSERT(false);
    return GALE_ERR_STATE;
}

static enum gale_err mark_turn(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    GALE_ASSERT(false);
    return GALE_ERR_STATE;
}

static enum gale_next mark_next(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    GALE_ASSERT(false);
    return GALE_NEXT_DONE;
}

static uint32_t mark_choose(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                            uint32_t chosen_max)
{
    (void)state;
    (void)tuple;
    (void)chosen;
    (void)chosen_max;
    GALE_ASSERT(false);
    return 0;
}

/* A text of the description; terminals see it, so it holds no control characters. */
static const char *text_of(const struct gale_conf *map, const char *key, bool *bad)
{
    const struct gale_conf *node = gale_conf_get(map, key);
    if (node == NULL) {
        return NULL;
    }
    const char *text = gale_conf_type(node) == GALE_STRING ? gale_conf_text(node) : NULL;
    *bad = *bad || text == NULL;
    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        *bad = *bad || ((unsigned char)*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f;
    }
    return text;
}

static struct gale_option *options_new(const struct gale_conf *item, bool *bad)
{
    const struct gale_conf *list = gale_conf_get(item, "options");
    size_t count = gale_conf_count(list);
    if (gale_conf_type(list) != GALE_LIST || count > OPTIONS_MAX) {
        *bad = true;
        return NULL;
    }
    struct gale_option *options = calloc(count + 1, sizeof(*options));
    for (size_t i = 0; options != NULL && i < count; i++) {
        const struct gale_conf *from = gale_conf_at(list, i);
        int64_t kind = gale_conf_int64(from, "kind", -1);
        const char *name = text_of(from, "name", bad);
        *bad = *bad || kind < 0 || kind > GALE_OPTION_ANY || name == NULL || !str_is_name(name);
        if (*bad) {
            break;
        }
        options[i] = (struct gale_option){.name = name,
                                          .kind = (enum gale_option_kind)kind,
                                          .required = gale_conf_bool(from, "required", false),
                                          .fallback = text_of(from, "default", bad),
                                          .help = text_of(from, "help", bad)};
    }
    return options;
}

static void fill_bolt(struct table *table, const struct gale_conf *item, const char *name,
                      bool *bad)
{
    table->options = options_new(item, bad);
    table->as.bolt = (struct gale_bolt_ops){
        GALE_BOLT_HEAD,
        .name = name,
        .fields = text_of(item, "fields", bad),
        .help = text_of(item, "help", bad),
        .options = table->options,
        .declare = gale_conf_bool(item, "declares", false) ? mark_declare : NULL,
        .execute = mark_execute,
        .tick = gale_conf_bool(item, "ticks", false) ? mark_turn : NULL,
        .finish = gale_conf_bool(item, "finishes", false) ? mark_turn : NULL,
    };
}

static void fill_spout(struct table *table, const struct gale_conf *item, const char *name,
                       bool *bad)
{
    table->options = options_new(item, bad);
    table->as.spout = (struct gale_spout_ops){
        GALE_SPOUT_HEAD,
        .name = name,
        .fields = text_of(item, "fields", bad),
        .help = text_of(item, "help", bad),
        .options = table->options,
        .declare = gale_conf_bool(item, "declares", false) ? mark_declare : NULL,
        .next = mark_next,
    };
}

static void fill(enum kind kind, struct table *table, const struct gale_conf *item,
                 const char *name, bool *bad)
{
    switch (kind) {
    case KIND_BOLTS: fill_bolt(table, item, name, bad); break;
    case KIND_SPOUTS: fill_spout(table, item, name, bad); break;
    case KIND_GROUPINGS:
        table->as.grouping =
            (struct gale_grouping_ops){.abi = GALE_ABI,
                                       .struct_size = sizeof(struct gale_grouping_ops),
                                       .name = name,
                                       .choose = mark_choose};
        break;
    case KIND_TASK_HOOKS:
        table->as.task_hooks = (struct gale_task_hooks){
            .abi = GALE_ABI, .struct_size = sizeof(struct gale_task_hooks), .name = name};
        break;
    case KIND_WORKER_HOOKS:
        table->as.worker_hooks = (struct gale_worker_hooks){
            .abi = GALE_ABI, .struct_size = sizeof(struct gale_worker_hooks), .name = name};
        break;
    case KINDS:
    default: break;
    }
}

/* @return false: no memory, or *bad. */
static bool list_make(struct list *list, enum kind kind, const struct gale_conf *reply,
                      bool *bad)
{
    const struct gale_conf *from = gale_conf_get(reply, kind_keys[kind]);
    size_t count = gale_conf_count(from);
    if (gale_conf_type(from) != GALE_LIST || count > PROBE_LIST_MAX) {
        *bad = true;
        return false;
    }
    list->tables = calloc(count + 1, sizeof(*list->tables));
    list->names = calloc(count + 1, sizeof(*list->names));
    list->items = calloc(count + 1, sizeof(*list->items));
    if (list->tables == NULL || list->names == NULL || list->items == NULL) {
        return false;
    }
    list->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *item = gale_conf_at(from, i);
        bool whole = kind == KIND_BOLTS || kind == KIND_SPOUTS;
        const char *name = whole ? text_of(item, "name", bad) : gale_conf_text(item);
        if (name == NULL || !str_is_name(name)) {
            *bad = true;
            return false;
        }
        fill(kind, &list->items[i], item, name, bad);
        if (*bad || (whole && list->items[i].options == NULL)) {
            return false;
        }
        list->tables[i] = &list->items[i];
        list->names[i] = name;
    }
    return true;
}

struct probe_tables *probe_tables_new(const struct gale_conf *reply, bool *bad)
{
    *bad = false;
    struct probe_tables *tables = calloc(1, sizeof(*tables));
    if (tables == NULL) {
        return NULL;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        if (!list_make(&tables->lists[kind], (enum kind)kind, reply, bad)) {
            probe_tables_free(tables);
            return NULL;
        }
    }
    struct list *lists = tables->lists;
    tables->module = (struct gale_module){
        .magic = GALE_MODULE_MAGIC,
        .abi = GALE_ABI,
        .struct_size = sizeof(struct gale_module),
        .bolts = (const struct gale_bolt_ops *const *)lists[KIND_BOLTS].tables,
        .spouts = (const struct gale_spout_ops *const *)lists[KIND_SPOUTS].tables,
        .groupings = (const struct gale_grouping_ops *const *)lists[KIND_GROUPINGS].tables,
        .task_hooks = (const struct gale_task_hooks *const *)lists[KIND_TASK_HOOKS].tables,
        .worker_hooks =
            (const struct gale_worker_hooks *const *)lists[KIND_WORKER_HOOKS].tables,
    };
    return tables;
}

void probe_tables_free(struct probe_tables *tables)
{
    for (size_t kind = 0; tables != NULL && kind < KINDS; kind++) {
        struct list *list = &tables->lists[kind];
        for (size_t i = 0; i < list->count; i++) {
            free(list->items[i].options);
        }
        free(list->tables);
        free(list->names);
        free(list->items);
    }
    free(tables);
}

const struct gale_module *probe_tables_module(const struct probe_tables *tables)
{
    return &tables->module;
}

const char *const *probe_tables_names(const struct probe_tables *tables, char kind)
{
    return tables->lists[kind == 's'   ? KIND_SPOUTS
                         : kind == 'b' ? KIND_BOLTS
                                       : KIND_GROUPINGS]
        .names;
}

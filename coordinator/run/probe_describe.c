/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a loaded module, written in the process that has it. worker/module.c has
 * checked the tables; a pointer that lies all the same ends this process and no other. One thread.
 */
#include "run/probe_wire.h"

#include <gale/module.h>
#include <inttypes.h>
#include <stdio.h>

#define NUMBER_SIZE 24

enum gale_err probe_put_text(struct gale_conf *map, const char *key, const char *text)
{
    return text != NULL ? conf_add_scalar(map, key, text, true, NULL) : GALE_OK;
}

enum gale_err probe_put_int(struct gale_conf *map, const char *key, int64_t value)
{
    char text[NUMBER_SIZE];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return conf_add_scalar(map, key, text, false, NULL);
}

enum gale_err probe_put_bool(struct gale_conf *map, const char *key, bool value)
{
    return conf_add_scalar(map, key, value ? "true" : "false", false, NULL);
}

static enum gale_err put_options(struct gale_conf *map, const struct gale_option *options)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(map, "options", &list);
    for (; err == GALE_OK && options != NULL && options->name != NULL; options++) {
        struct gale_conf *item = NULL;
        err = conf_add_map(list, NULL, &item);
        err = err ? err : probe_put_text(item, "name", options->name);
        err = err ? err : probe_put_int(item, "kind", (int64_t)options->kind);
        err = err ? err : probe_put_bool(item, "required", options->required);
        err = err ? err : probe_put_text(item, "default", options->fallback);
        err = err ? err : probe_put_text(item, "help", options->help);
    }
    return err;
}

/* What spouts and bolts have alike. */
struct component {
    const char *name;
    const char *fields;
    const char *help;
    bool declares, ticks, finishes;
    const struct gale_option *options;
};

static enum gale_err put_component(struct gale_conf *list, const struct component *component)
{
    struct gale_conf *item = NULL;
    enum gale_err err = conf_add_map(list, NULL, &item);
    err = err ? err : probe_put_text(item, "name", component->name);
    err = err ? err : probe_put_text(item, "fields", component->fields);
    err = err ? err : probe_put_text(item, "help", component->help);
    err = err ? err : probe_put_bool(item, "declares", component->declares);
    err = err ? err : probe_put_bool(item, "ticks", component->ticks);
    err = err ? err : probe_put_bool(item, "finishes", component->finishes);
    return err ? err : put_options(item, component->options);
}

static enum gale_err put_bolts(struct gale_conf *reply, const struct gale_module *module)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(reply, "bolts", &list);
    for (size_t i = 0; err == GALE_OK && module->bolts[i] != NULL; i++) {
        const struct gale_bolt_ops *ops = module->bolts[i];
        const struct component component = {
            .name = ops->name,
            .fields = ops->fields,
            .help = ops->help,
            .declares = ops->declare != NULL,
            .ticks = ops->tick != NULL,
            .finishes = ops->finish != NULL,
            .options = ops->options,
        };
        err = put_component(list, &component);
    }
    return err;
}

static enum gale_err put_spouts(struct gale_conf *reply, const struct gale_module *module)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(reply, "spouts", &list);
    for (size_t i = 0; err == GALE_OK && module->spouts[i] != NULL; i++) {
        const struct gale_spout_ops *ops = module->spouts[i];
        const struct component component = {.name = ops->name,
                                            .fields = ops->fields,
                                            .help = ops->help,
                                            .declares = ops->declare != NULL,
                                            .options = ops->options};
        err = put_component(list, &component);
    }
    return err;
}

enum gale_err probe_describe(const struct gale_module *module, struct gale_conf *reply)
{
    struct gale_conf *groupings = NULL;
    struct gale_conf *task_hooks = NULL;
    struct gale_conf *worker_hooks = NULL;
    enum gale_err err = put_bolts(reply, module);
    err = err ? err : put_spouts(reply, module);
    err = err ? err : conf_add_list(reply, "groupings", &groupings);
    for (size_t i = 0; err == GALE_OK && module->groupings[i] != NULL; i++) {
        err = probe_put_text(groupings, NULL, module->groupings[i]->name);
    }
    err = err ? err : conf_add_list(reply, "task_hooks", &task_hooks);
    for (size_t i = 0; err == GALE_OK && module->task_hooks[i] != NULL; i++) {
        err = probe_put_text(task_hooks, NULL, module->task_hooks[i]->name);
    }
    err = err ? err : conf_add_list(reply, "worker_hooks", &worker_hooks);
    for (size_t i = 0; err == GALE_OK && module->worker_hooks[i] != NULL; i++) {
        err = probe_put_text(worker_hooks, NULL, module->worker_hooks[i]->name);
    }
    return err;
}

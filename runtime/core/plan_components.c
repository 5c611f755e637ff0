/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's components: their names, their code (asked of the registry), the engine's settings of
 * each, their options merged over the topology's `conf`, and their hooks. Spouts come first, then
 * bolts, both in file order. What flows between them is in plan_inputs.c and plan_declare.c.
 */
#include "base/str.h"
#include "core/plan_build.h"

#include <stdlib.h>
#include <string.h>

#define PARALLELISM_MAX 1024
#define MAX_PENDING_MAX 1048576
#define MEMORY_MAX (INT64_C(1) << 42) /* bytes of one task: sums stay far from 2^63 */
#define CPU_POINTS_MAX 102400         /* of one task: 1024 cores */

static const char *const spout_keys[] = {"type",    "module", "spout", "parallelism",
                                         "from",    "tick",   "hooks", "max_pending",
                                         "isolate", "memory", "cpu",   NULL};
static const char *const bolt_keys[] = {"type",    "module", "bolt",  "parallelism",
                                        "from",    "tick",   "hooks", "max_pending",
                                        "isolate", "memory", "cpu",   NULL};

/* The map `spouts` or `bolts`, or NULL when it is absent or (reported) no map. */
static const struct gale_conf *section(struct plan_builder *builder, const char *key)
{
    const struct gale_conf *node = gale_conf_get(builder->owner->tree, key);
    if (node == NULL || gale_conf_type(node) == GALE_NIL) {
        return NULL;
    }
    if (gale_conf_type(node) != GALE_MAP) {
        struct conf_place place = conf_place_of(node);
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "%s must be a map of components by name, not %s", key, plan_kind_name(node));
        return NULL;
    }
    return node;
}

static void component_begin(struct plan_builder *builder, const struct gale_conf *map,
                            size_t position, bool spout)
{
    uint16_t index = builder->plan->components_count;
    struct plan_component *component = &builder->components[index];
    struct plan_build *build = &builder->build[index];
    const struct gale_conf *node = gale_conf_at(map, position);
    component->name = gale_conf_key(map, position);
    component->parallelism = 1;
    build->spout = spout;
    build->place = conf_key_place_of(node);
    build->label =
        plan_format(builder, "%s \"%.64s\"", spout ? "spout" : "bolt", component->name);
    if (build->label == NULL) {
        return;
    }
    if (!str_is_name(component->name)) {
        diag_add(builder->diag, DIAG_BAD_NAME, &build->place,
                 "use 1 to 64 of A-Z a-z 0-9 _ - and do not begin with __",
                 "\"%.64s\" cannot be the name of a %s", component->name,
                 spout ? "spout" : "bolt");
    }
    if (plan_component_find(builder->plan, component->name) >= 0) {
        diag_add(builder->diag, DIAG_DUPLICATE_NAME, &build->place, NULL,
                 "\"%.64s\" names a spout and a bolt: give one of them another name",
                 component->name);
        build->broken = true;
    }
    if (gale_conf_type(node) == GALE_MAP) {
        build->node = node;
    } else {
        struct conf_place place = conf_place_of(node);
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL, "%s must be a map, not %s",
                 build->label, plan_kind_name(node));
        build->broken = true;
    }
    builder->plan->components_count = (uint16_t)(index + 1);
}

void plan_components_collect(struct plan_builder *builder)
{
    const struct gale_conf *spouts = section(builder, "spouts");
    const struct gale_conf *bolts = section(builder, "bolts");
    size_t spouts_count = gale_conf_count(spouts);
    size_t count = spouts_count + gale_conf_count(bolts);
    if (spouts_count == 0) {
        struct conf_place place = conf_place_of(spouts != NULL ? spouts : builder->owner->tree);
        diag_add(builder->diag, DIAG_GRAPH, &place,
                 "add, for example, spouts: { lines: { type: file, path: input.txt } }",
                 "the topology has no spouts: nothing would ever flow");
    }
    if (count > PLAN_COMPONENTS_MAX) {
        struct conf_place place = conf_place_of(builder->owner->tree);
        diag_add(builder->diag, DIAG_LIMIT, &place, NULL,
                 "%zu components are too many: at most %d are allowed", count,
                 PLAN_COMPONENTS_MAX);
        spouts_count = 0;
        count = 0;
    }
    builder->components = plan_alloc(builder, count + 1, sizeof(*builder->components));
    builder->build = plan_alloc(builder, count + 1, sizeof(*builder->build));
    builder->plan->components = builder->components;
    if (builder->components == NULL || builder->build == NULL) {
        return;
    }
    for (size_t i = 0; i < count && !builder->nomem; i++) {
        bool spout = i < spouts_count;
        component_begin(builder, spout ? spouts : bolts, spout ? i : i - spouts_count, spout);
    }
}

/* Text of a key, or NULL; a list or map in its place is reported. */
static const char *read_text(struct plan_builder *builder, const struct plan_build *build,
                             const char *key)
{
    const struct gale_conf *node = gale_conf_get(build->node, key);
    if (node == NULL) {
        return NULL;
    }
    if (!plan_is_scalar(node)) {
        struct conf_place place = conf_place_of(node);
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL, "%s of %s must be text, not %s",
                 key, build->label, plan_kind_name(node));
    }
    return gale_conf_text(node);
}

/* Finds out which keys name the code. @return the node that names it, or NULL, reported. */
static const struct gale_conf *code_node(struct plan_builder *builder,
                                         struct plan_component *component,
                                         const struct plan_build *build)
{
    const char *kind = build->spout ? "spout" : "bolt";
    const struct gale_conf *type = gale_conf_get(build->node, "type");
    const struct gale_conf *module = gale_conf_get(build->node, "module");
    const struct gale_conf *named = gale_conf_get(build->node, kind);
    if (type != NULL && (module != NULL || named != NULL)) {
        struct conf_place place = conf_key_place_of(type);
        diag_add(builder->diag, DIAG_BAD_VALUE, &place, NULL,
                 "%s has both type and %s: type is for built-in components, module + %s for "
                 "your own",
                 build->label, module != NULL ? "module" : kind, kind);
        return NULL;
    }
    if (type != NULL) {
        component->type = read_text(builder, build, "type");
        return component->type != NULL ? type : NULL;
    }
    if (module != NULL && named != NULL) {
        component->module = read_text(builder, build, "module");
        component->type = read_text(builder, build, kind);
        return component->module != NULL && component->type != NULL ? named : NULL;
    }
    if (module != NULL) {
        diag_add(builder->diag, DIAG_MISSING_KEY, &build->place, NULL,
                 "%s has a module but no \"%s\": say which one of the module is meant",
                 build->label, kind);
    } else if (named != NULL) {
        diag_add(builder->diag, DIAG_MISSING_KEY, &build->place, NULL,
                 "%s has \"%s\" but no \"module\": write type for a built-in one", build->label,
                 kind);
    } else {
        diag_add(builder->diag, DIAG_MISSING_KEY, &build->place,
                 "add, for example, type: file (gale components lists the built-in ones)",
                 "%s has neither type nor module", build->label);
    }
    return NULL;
}

static void report_code(struct plan_builder *builder, const struct plan_component *component,
                        const struct plan_build *build, const struct gale_error *error)
{
    const struct registry *registry = builder->registry;
    const char *kind = build->spout ? "spout" : "bolt";
    char hint[160] = "";
    if (error->code == GALE_ERR_NOT_FOUND) {
        plan_hint(hint, sizeof(hint), component->type,
                  registry->names(registry->self, component->module, kind[0]));
    }
    if (component->module == NULL) {
        struct conf_place place = conf_place_of(gale_conf_get(build->node, "type"));
        diag_add(builder->diag, DIAG_UNKNOWN_TYPE, &place, hint,
                 "unknown type \"%.64s\": there is no built-in %s of that name",
                 component->type, kind);
        return;
    }
    bool named = error->code == GALE_ERR_NOT_FOUND && hint[0] != '\0';
    struct conf_place place =
        conf_place_of(gale_conf_get(build->node, named ? kind : "module"));
    diag_add(builder->diag, DIAG_MODULE, &place, hint, "%s", error->text);
}

static bool code_load(struct plan_builder *builder, struct plan_component *component,
                      const struct plan_build *build)
{
    const struct registry *registry = builder->registry;
    if (code_node(builder, component, build) == NULL) {
        return false;
    }
    struct gale_error error = {.code = GALE_OK};
    if (build->spout) {
        component->spout =
            registry->spout(registry->self, component->module, component->type, &error);
    } else {
        component->bolt =
            registry->bolt(registry->self, component->module, component->type, &error);
    }
    if (component->spout == NULL && component->bolt == NULL) {
        report_code(builder, component, build, &error);
        return false;
    }
    return true;
}

static void misplaced(struct plan_builder *builder, const struct plan_build *build,
                      const char *key, enum diag_code code, const char *why)
{
    const struct gale_conf *node = gale_conf_get(build->node, key);
    if (node != NULL) {
        struct conf_place place = conf_key_place_of(node);
        diag_add(builder->diag, code, &place, NULL, "%s cannot have \"%s\": %s", build->label,
                 key, why);
    }
}

static void engine_settings(struct plan_builder *builder, struct plan_component *component,
                            const struct plan_build *build)
{
    const struct plan_bounds parallelism_bounds = {1, PARALLELISM_MAX};
    const struct plan_bounds pending_bounds = {1, MAX_PENDING_MAX};
    const struct plan_bounds tick_bounds = {0, PLAN_DURATION_MAX_MS};
    const struct plan_bounds memory_bounds = {0, MEMORY_MAX};
    const struct plan_bounds cpu_bounds = {0, CPU_POINTS_MAX};
    int64_t parallelism = 1;
    int64_t cpu_points = 0;
    int64_t max_pending = builder->max_pending;
    plan_read_int(builder, build->node, "parallelism", &parallelism_bounds, &parallelism);
    plan_read_bool(builder, build->node, "isolate", &component->isolate);
    plan_read_size(builder, build->node, "memory", &memory_bounds, &component->memory);
    plan_read_int(builder, build->node, "cpu", &cpu_bounds, &cpu_points);
    component->parallelism = (uint32_t)parallelism;
    component->cpu_points = (uint32_t)cpu_points;
    if (build->spout) {
        plan_read_int(builder, build->node, "max_pending", &pending_bounds, &max_pending);
        component->max_pending = (uint32_t)max_pending;
        misplaced(builder, build, "from", DIAG_GRAPH, "a spout has no input");
        misplaced(builder, build, "tick", DIAG_BAD_VALUE, "ticks are for bolts");
        return;
    }
    misplaced(builder, build, "max_pending", DIAG_BAD_VALUE,
              "only spouts wait for pending tuples");
    /* The topology's tick is a default for the bolts that have something to do at one. */
    if (component->bolt != NULL && component->bolt->tick != NULL) {
        component->tick_ms = builder->tick_ms;
    }
    plan_read_duration(builder, build->node, "tick", &tick_bounds, &component->tick_ms);
}

static bool key_is_engines(const char *key, const char *const *keys)
{
    for (size_t i = 0; keys[i] != NULL; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* The component's options over the topology's: what the callbacks get as conf. */
static struct gale_conf *merge(struct plan_builder *builder,
                               const struct plan_component *component,
                               const struct plan_build *build, const char *const *keys)
{
    struct gale_conf *merged = NULL;
    enum gale_err err = conf_add_map(builder->owner->merged, component->name, &merged);
    const struct gale_conf *shared = gale_conf_get(builder->owner->tree, "conf");
    size_t shared_count = gale_conf_type(shared) == GALE_MAP ? gale_conf_count(shared) : 0;
    for (size_t i = 0; i < shared_count && err == GALE_OK; i++) {
        const char *key = gale_conf_key(shared, i);
        if (key_is_engines(key, keys) || gale_conf_get(build->node, key) == NULL) {
            err = conf_add_copy(merged, key, gale_conf_at(shared, i));
        }
    }
    for (size_t i = 0; i < gale_conf_count(build->node) && err == GALE_OK; i++) {
        const char *key = gale_conf_key(build->node, i);
        if (!key_is_engines(key, keys)) {
            err = conf_add_copy(merged, key, gale_conf_at(build->node, i));
        }
    }
    if (err != GALE_OK) {
        builder->nomem = true;
        return NULL;
    }
    return merged;
}

static void component_load(struct plan_builder *builder, uint16_t index)
{
    struct plan_component *component = &builder->components[index];
    struct plan_build *build = &builder->build[index];
    if (build->broken) {
        return;
    }
    const char *const *keys = build->spout ? spout_keys : bolt_keys;
    bool loaded = code_load(builder, component, build);
    engine_settings(builder, component, build);
    if (!loaded) {
        /* Without the code nobody knows its options, so no key can be called unknown. */
        build->broken = true;
        return;
    }
    const struct gale_option *options =
        build->spout ? component->spout->options : component->bolt->options;
    plan_check_keys(builder, build->node, build->label, keys, options);
    struct gale_conf *merged = merge(builder, component, build, keys);
    if (merged == NULL) {
        return;
    }
    component->conf = merged;
    build->broken = !plan_check_options(builder, build, options, merged);
}

void plan_components_load(struct plan_builder *builder)
{
    for (uint16_t i = 0; i < builder->plan->components_count && !builder->nomem; i++) {
        component_load(builder, i);
    }
}

/* A `hooks` or `worker_hooks` node that can be walked: its length, 0 when absent or reported. */
static size_t hooks_count(struct plan_builder *builder, const struct gale_conf *node,
                          const char *key)
{
    if (node == NULL || !plan_check_list(builder, node, key)) {
        return 0;
    }
    size_t count = plan_list_count(node);
    if (count > PLAN_HOOKS_MAX) {
        struct conf_place place = conf_place_of(node);
        diag_add(builder->diag, DIAG_LIMIT, &place, NULL,
                 "%zu %s are too many: at most %d are allowed", count, key, PLAN_HOOKS_MAX);
        return 0;
    }
    return count;
}

static void report_hook(struct plan_builder *builder, const struct gale_conf *node,
                        const char *kind)
{
    struct conf_place place = conf_place_of(node);
    diag_add(builder->diag, DIAG_UNKNOWN_HOOK, &place,
             "hooks come from the modules that the topology's components use",
             "unknown %s hook \"%.64s\"", kind, gale_conf_text(node));
}

/* Appends the hooks that a list names; unknown ones are reported. */
static size_t task_hooks_add(struct plan_builder *builder, const struct gale_conf *node,
                             const struct gale_task_hooks **out)
{
    const struct registry *registry = builder->registry;
    size_t found = 0;
    size_t count = hooks_count(builder, node, "hooks");
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *element = plan_list_at(node, i);
        struct gale_error error = {.code = GALE_OK};
        out[found] = registry->task_hooks(registry->self, gale_conf_text(element), &error);
        if (out[found] == NULL) {
            report_hook(builder, element, "task");
        } else {
            found++;
        }
    }
    return found;
}

static void worker_hooks_add(struct plan_builder *builder)
{
    const struct registry *registry = builder->registry;
    const struct gale_conf *node = gale_conf_get(builder->owner->tree, "worker_hooks");
    size_t count = hooks_count(builder, node, "worker_hooks");
    const struct gale_worker_hooks **hooks = plan_alloc(builder, count + 1, sizeof(*hooks));
    const char **names = plan_alloc(builder, count + 1, sizeof(*names));
    if (hooks == NULL || names == NULL) {
        return;
    }
    uint16_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *element = plan_list_at(node, i);
        struct gale_error error = {.code = GALE_OK};
        names[found] = gale_conf_text(element);
        hooks[found] = registry->worker_hooks(registry->self, names[found], &error);
        if (hooks[found] == NULL) {
            report_hook(builder, element, "worker");
        } else {
            found++;
        }
    }
    builder->plan->worker_hooks = hooks;
    builder->plan->worker_hook_names = names;
    builder->plan->worker_hooks_count = found;
}

void plan_hooks_resolve(struct plan_builder *builder)
{
    const struct gale_task_hooks *shared[PLAN_HOOKS_MAX];
    size_t shared_count =
        task_hooks_add(builder, gale_conf_get(builder->owner->tree, "hooks"), shared);
    worker_hooks_add(builder);
    for (uint16_t i = 0; i < builder->plan->components_count; i++) {
        struct plan_component *component = &builder->components[i];
        const struct gale_task_hooks **hooks =
            plan_alloc(builder, 2 * PLAN_HOOKS_MAX, sizeof(*hooks));
        if (hooks == NULL) {
            return;
        }
        memcpy(hooks, shared, shared_count * sizeof(*hooks));
        size_t own_count = task_hooks_add(
            builder, gale_conf_get(builder->build[i].node, "hooks"), hooks + shared_count);
        component->hooks = hooks;
        component->hooks_count = (uint16_t)(shared_count + own_count);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bolts' inputs, in two steps: `from` is parsed into sources and groupings before any stream
 * is known (the order of declaring follows from it), and resolved to streams and field indexes
 * after all components have declared theirs.
 */
#include "core/plan_build.h"

#include <stdlib.h>
#include <string.h>

#define SOURCE_NAME_MAX 64 /* as str_is_name */

static const char *const custom_keys[] = {"module", "grouping", NULL};

static bool grouping_parse(const char *text, enum plan_grouping *out)
{
    for (size_t i = 0; plan_grouping_names[i] != NULL; i++) {
        if (strcmp(text, plan_grouping_names[i]) == 0) {
            *out = (enum plan_grouping)i;
            return true;
        }
    }
    return false;
}

static void report_grouping(struct plan_builder *builder, const struct conf_place *place,
                            const char *text)
{
    char hint[160];
    plan_hint(hint, sizeof(hint), text, plan_grouping_names);
    diag_add(builder->diag, DIAG_UNKNOWN_GROUPING, place, hint, "unknown grouping \"%.64s\"",
             text);
}

/* {module: path, grouping: name} */
static void custom_parse(struct plan_builder *builder, const struct gale_conf *node,
                         struct plan_build_input *input)
{
    struct conf_place place = conf_place_of(node);
    if (gale_conf_type(node) != GALE_MAP) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "grouping custom must be {custom: {module: ./lib.so, grouping: name}}, not %s",
                 plan_kind_name(node));
        return;
    }
    plan_check_keys(builder, node, "a custom grouping", custom_keys, NULL);
    const char *module = gale_conf_text(gale_conf_get(node, "module"));
    const char *name = gale_conf_text(gale_conf_get(node, "grouping"));
    if (module == NULL || name == NULL) {
        diag_add(builder->diag, DIAG_MISSING_KEY, &place, NULL,
                 "a custom grouping needs \"%s\": {custom: {module: ./lib.so, grouping: name}}",
                 module == NULL ? "module" : "grouping");
        return;
    }
    const struct registry *registry = builder->registry;
    struct gale_error error = {.code = GALE_OK};
    input->custom = registry->grouping(registry->self, module, name, &error);
    if (input->custom == NULL) {
        char hint[160] = "";
        if (error.code == GALE_ERR_NOT_FOUND) {
            plan_hint(hint, sizeof(hint), name, registry->names(registry->self, module, 'g'));
        }
        place = conf_place_of(gale_conf_get(node, hint[0] != '\0' ? "grouping" : "module"));
        diag_add(builder->diag, DIAG_MODULE, &place, hint, "%s", error.text);
        return;
    }
    input->valid = true;
}

/* {fields: [a, b]}, {partial-key: [a]} or {custom: …} */
static void grouping_map(struct plan_builder *builder, const struct gale_conf *node,
                         struct plan_build_input *input)
{
    struct conf_place place = conf_place_of(node);
    if (gale_conf_count(node) != 1) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "a grouping has exactly one name: write for example {fields: [word]}");
        return;
    }
    const char *name = gale_conf_key(node, 0);
    const struct gale_conf *value = gale_conf_at(node, 0);
    place = conf_key_place_of(value);
    if (!grouping_parse(name, &input->grouping)) {
        report_grouping(builder, &place, name);
    } else if (input->grouping == PLAN_CUSTOM) {
        custom_parse(builder, value, input);
    } else if (input->grouping != PLAN_FIELDS && input->grouping != PLAN_PARTIAL_KEY) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "grouping %s takes nothing: write just its name", name);
    } else if (plan_check_list(builder, value, name)) {
        input->fields = value;
        input->valid = true;
        size_t count = plan_list_count(value);
        if (count > PLAN_FIELDS_MAX) {
            diag_add(builder->diag, DIAG_LIMIT, &place, NULL,
                     "%zu grouping fields are too many: at most %d are allowed", count,
                     PLAN_FIELDS_MAX);
            input->valid = false;
        } else if (count == 0 && input->grouping == PLAN_PARTIAL_KEY) {
            diag_add(builder->diag, DIAG_BAD_VALUE, &place, NULL,
                     "partial-key needs at least one field: {partial-key: [word]}");
            input->valid = false;
        }
    }
}

static void grouping_read(struct plan_builder *builder, const struct gale_conf *node,
                          struct plan_build_input *input)
{
    struct conf_place place = conf_place_of(node);
    if (gale_conf_type(node) == GALE_MAP) {
        grouping_map(builder, node, input);
        return;
    }
    const char *text = gale_conf_text(node);
    if (text == NULL) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "a grouping must be a name such as shuffle or {fields: [word]}, not %s",
                 plan_kind_name(node));
    } else if (!grouping_parse(text, &input->grouping)) {
        report_grouping(builder, &place, text);
    } else if (input->grouping == PLAN_FIELDS || input->grouping == PLAN_PARTIAL_KEY) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "grouping %s needs its fields: write {%s: [word]}", text, text);
    } else if (input->grouping == PLAN_CUSTOM) {
        custom_parse(builder, node, input);
    } else {
        input->valid = true;
    }
}

/* "component" or "component.stream" */
static void source_read(struct plan_builder *builder, const struct plan_build *build,
                        const char *text, struct plan_build_input *input)
{
    const char *dot = strchr(text, '.');
    size_t size = dot != NULL ? (size_t)(dot - text) : strlen(text);
    const char *name = plan_copy_text(builder, text, size);
    if (name == NULL) {
        return;
    }
    input->stream = dot != NULL ? dot + 1 : "default";
    input->source = plan_component_find(builder->plan, name);
    if (input->source >= 0) {
        return;
    }
    size_t count = builder->plan->components_count;
    const char **names = plan_alloc(builder, count + 1, sizeof(*names));
    if (names == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = builder->components[i].name;
    }
    char hint[160];
    plan_hint(hint, sizeof(hint), name, names);
    diag_add(builder->diag, DIAG_UNKNOWN_COMPONENT, &input->place, hint,
             "%s reads from \"%.*s\", but there is no such spout or bolt", build->label,
             SOURCE_NAME_MAX, name);
}

static struct plan_build_input *input_new(struct plan_build *build)
{
    struct plan_build_input *input = &build->inputs[build->inputs_count++];
    input->source = -1;
    return input;
}

/* A bare name: shuffle. */
static void input_text(struct plan_builder *builder, struct plan_build *build,
                       const struct gale_conf *node)
{
    struct plan_build_input *input = input_new(build);
    input->place = conf_place_of(node);
    input->grouping = PLAN_SHUFFLE;
    input->valid = true;
    source_read(builder, build, gale_conf_text(node), input);
}

static void inputs_map(struct plan_builder *builder, struct plan_build *build,
                       const struct gale_conf *map)
{
    for (size_t i = 0; i < gale_conf_count(map); i++) {
        struct plan_build_input *input = input_new(build);
        input->place = conf_key_place_of(gale_conf_at(map, i));
        source_read(builder, build, gale_conf_key(map, i), input);
        grouping_read(builder, gale_conf_at(map, i), input);
    }
}

static size_t inputs_count(const struct gale_conf *from)
{
    if (gale_conf_type(from) != GALE_LIST) {
        return gale_conf_type(from) == GALE_MAP ? gale_conf_count(from) : 1;
    }
    size_t count = 0;
    for (size_t i = 0; i < gale_conf_count(from); i++) {
        const struct gale_conf *entry = gale_conf_at(from, i);
        count += gale_conf_type(entry) == GALE_MAP ? gale_conf_count(entry) : 1;
    }
    return count;
}

static void entry_parse(struct plan_builder *builder, struct plan_build *build,
                        const struct gale_conf *entry)
{
    if (gale_conf_type(entry) == GALE_MAP) {
        inputs_map(builder, build, entry);
    } else if (plan_is_scalar(entry)) {
        input_text(builder, build, entry);
    } else {
        struct conf_place place = conf_place_of(entry);
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "from of %s: an entry must be {SOURCE: GROUPING} or a name, not %s",
                 build->label, plan_kind_name(entry));
    }
}

static void from_parse(struct plan_builder *builder, struct plan_build *build)
{
    const struct gale_conf *from = gale_conf_get(build->node, "from");
    size_t count = from != NULL ? inputs_count(from) : 0;
    if (count == 0 || gale_conf_type(from) == GALE_NIL) {
        diag_add(builder->diag, DIAG_GRAPH, &build->place,
                 "add, for example, from: [ { lines: shuffle } ]",
                 "%s has no input: a bolt needs \"from\"", build->label);
        return;
    }
    if (count > PLAN_INPUTS_MAX) {
        struct conf_place place = conf_place_of(from);
        diag_add(builder->diag, DIAG_LIMIT, &place, NULL,
                 "%s has %zu inputs: at most %d are allowed", build->label, count,
                 PLAN_INPUTS_MAX);
        return;
    }
    build->inputs = plan_alloc(builder, count, sizeof(*build->inputs));
    if (build->inputs == NULL) {
        return;
    }
    if (gale_conf_type(from) != GALE_LIST) {
        entry_parse(builder, build, from);
        return;
    }
    for (size_t i = 0; i < gale_conf_count(from); i++) {
        entry_parse(builder, build, gale_conf_at(from, i));
    }
}

void plan_inputs_parse(struct plan_builder *builder)
{
    for (uint16_t i = 0; i < builder->plan->components_count && !builder->nomem; i++) {
        struct plan_build *build = &builder->build[i];
        if (!build->spout && build->node != NULL) {
            from_parse(builder, build);
        }
    }
}

int plan_stream_field(const struct plan_stream *stream, const char *field)
{
    for (int i = 0; i < (int)stream->fields_count; i++) {
        if (strcmp(stream->fields[i], field) == 0) {
            return i;
        }
    }
    return -1;
}

int plan_stream_find(const struct plan_component *component, const char *name)
{
    for (int i = 0; i < (int)component->streams_count; i++) {
        if (strcmp(component->streams[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

void plan_report_field(struct plan_builder *builder, const struct conf_place *place,
                       const struct plan_component *source, const struct plan_stream *stream,
                       const char *field)
{
    const char **names = plan_alloc(builder, stream->fields_count + 1u, sizeof(*names));
    if (names == NULL) {
        return;
    }
    for (size_t i = 0; i < stream->fields_count; i++) {
        names[i] = stream->fields[i];
    }
    char hint[160];
    plan_hint(hint, sizeof(hint), field, names);
    diag_add(builder->diag, DIAG_UNKNOWN_FIELD, place, hint,
             "stream \"%s\" of \"%s\" has no field \"%.64s\"", stream->name, source->name,
             field);
}

static void report_stream(struct plan_builder *builder, const struct plan_build_input *raw,
                          const struct plan_component *source)
{
    const char **names = plan_alloc(builder, source->streams_count + 1u, sizeof(*names));
    if (names == NULL) {
        return;
    }
    for (size_t i = 0; i < source->streams_count; i++) {
        names[i] = source->streams[i].name;
    }
    char hint[160];
    plan_hint(hint, sizeof(hint), raw->stream, names);
    if (source->streams_count == 0) {
        diag_add(builder->diag, DIAG_UNKNOWN_STREAM, &raw->place, NULL,
                 "\"%s\" emits nothing, so that nobody can read from it", source->name);
    } else {
        diag_add(builder->diag, DIAG_UNKNOWN_STREAM, &raw->place, hint,
                 "unknown stream \"%.64s\" of \"%s\"", raw->stream, source->name);
    }
}

static void fields_resolve(struct plan_builder *builder, const struct plan_build_input *raw,
                           const struct plan_component *source, struct plan_input *input)
{
    const struct plan_stream *stream = &source->streams[input->stream];
    size_t count = plan_list_count(raw->fields);
    uint16_t *fields = plan_alloc(builder, count + 1, sizeof(*fields));
    if (fields == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *node = plan_list_at(raw->fields, i);
        int index = plan_stream_field(stream, gale_conf_text(node));
        if (index < 0) {
            struct conf_place place = conf_place_of(node);
            plan_report_field(builder, &place, source, stream, gale_conf_text(node));
            continue;
        }
        fields[input->fields_count++] = (uint16_t)index;
    }
    input->fields = fields;
}

static void direct_check(struct plan_builder *builder, const struct plan_build_input *raw,
                         const struct plan_component *source, const struct plan_stream *stream)
{
    bool direct = raw->grouping == PLAN_DIRECT;
    if (direct && !stream->direct) {
        diag_add(
            builder->diag, DIAG_DIRECT, &raw->place, NULL,
            "stream \"%s\" of \"%s\" is not direct, so that grouping direct cannot be used",
            stream->name, source->name);
    } else if (!direct && stream->direct) {
        diag_add(builder->diag, DIAG_DIRECT, &raw->place, NULL,
                 "stream \"%s\" of \"%s\" is direct: use grouping direct, not %s", stream->name,
                 source->name, plan_grouping_name(raw->grouping));
    }
}

static void input_resolve(struct plan_builder *builder, const struct plan_build_input *raw,
                          struct plan_input *input)
{
    if (raw->source < 0 || !builder->build[raw->source].streams_known) {
        return;
    }
    const struct plan_component *source = &builder->components[raw->source];
    int stream = plan_stream_find(source, raw->stream);
    if (stream < 0) {
        report_stream(builder, raw, source);
        return;
    }
    input->source = (uint16_t)raw->source;
    input->stream = (uint16_t)stream;
    input->grouping = raw->grouping;
    input->custom = raw->custom;
    if (!raw->valid) {
        return;
    }
    direct_check(builder, raw, source, &source->streams[stream]);
    if (raw->fields != NULL) {
        fields_resolve(builder, raw, source, input);
    }
}

void plan_inputs_resolve(struct plan_builder *builder)
{
    for (uint16_t i = 0; i < builder->plan->components_count && !builder->nomem; i++) {
        struct plan_component *component = &builder->components[i];
        struct plan_build *build = &builder->build[i];
        struct plan_input *inputs =
            plan_alloc(builder, build->inputs_count + 1, sizeof(*inputs));
        if (inputs == NULL) {
            return;
        }
        for (size_t k = 0; k < build->inputs_count; k++) {
            input_resolve(builder, &build->inputs[k], &inputs[k]);
        }
        build->resolved = inputs;
        component->inputs = inputs;
        component->inputs_count = (uint16_t)build->inputs_count;
    }
}

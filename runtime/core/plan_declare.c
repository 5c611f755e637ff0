/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams of each component. Those without a declare callback have the stream "default" of
 * their table; the callbacks of the others run sources first, so that a bolt that passes fields
 * through knows what it gets. In a cycle an input may not be known yet: its fields read as NULL,
 * and fields that are needed from it are checked at the end.
 *
 * struct declaration lives during one callback. What a callback writes is untrusted: names are
 * checked, streams and fields are bounded.
 */
#include "base/str.h"
#include "core/declare.h"
#include "core/plan_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct declaration {
    struct gale_declare port; /* first: what the callback gets */
    struct plan_builder *builder;
    uint16_t component;
    struct plan_stream *streams; /* room for PLAN_STREAMS_MAX */
    uint16_t streams_count;
    bool failed; /* something was reported */
};

static struct declaration *declaration_of(struct gale_declare *port)
{
    return (struct declaration *)port;
}

static const struct declaration *declaration_const(const struct gale_declare *port)
{
    return (const struct declaration *)port;
}

static const struct plan_build *declare_build(const struct declaration *declare)
{
    return &declare->builder->build[declare->component];
}

/* The place of an option, or the component's when the option was not written. */
static struct conf_place option_place(const struct declaration *declare, const char *option)
{
    const struct gale_conf *conf = declare->builder->components[declare->component].conf;
    const struct gale_conf *node = option != NULL ? gale_conf_get(conf, option) : NULL;
    if (node != NULL) {
        struct conf_place place = conf_place_of(node);
        if (place.line > 0) {
            return place;
        }
    }
    return declare_build(declare)->place;
}

/* The place of one name in an option that may be a list. */
static struct conf_place element_place(const struct declaration *declare, const char *option,
                                       const char *text)
{
    const struct gale_conf *conf = declare->builder->components[declare->component].conf;
    const struct gale_conf *node = option != NULL ? gale_conf_get(conf, option) : NULL;
    if (gale_conf_type(node) == GALE_LIST) {
        for (size_t i = 0; i < gale_conf_count(node); i++) {
            const char *element = gale_conf_text(gale_conf_at(node, i));
            struct conf_place place = conf_place_of(gale_conf_at(node, i));
            if (element != NULL && strcmp(element, text) == 0 && place.line > 0) {
                return place;
            }
        }
    }
    return option_place(declare, option);
}

static enum gale_err refuse(struct declaration *declare, enum diag_code code, const char *what,
                            const char *name)
{
    const struct plan_build *build = declare_build(declare);
    diag_add(declare->builder->diag, code, &build->place, NULL, "%s declares %s \"%.64s\"",
             build->label, what, name);
    declare->failed = true;
    return GALE_ERR_INVALID;
}

/* Cuts a comma-separated text into names. The names are checked by the caller. */
static const char *const *fields_split(struct plan_builder *builder, const char *text,
                                       size_t *out_count)
{
    size_t room = 1;
    for (const char *at = text; *at != '\0'; at++) {
        room += *at == ',';
    }
    const char **fields = plan_alloc(builder, room, sizeof(*fields));
    char *rest = plan_copy_text(builder, text, strlen(text));
    size_t count = 0;
    if (fields == NULL || rest == NULL) {
        return NULL;
    }
    char *part = NULL;
    while (*text != '\0' && (part = strsep(&rest, ",")) != NULL) {
        part += strspn(part, " \t");
        part[strcspn(part, " \t")] = '\0';
        fields[count++] = part;
    }
    *out_count = count;
    return fields;
}

static enum gale_err fields_check(struct declaration *declare, const char *const *fields,
                                  size_t count)
{
    if (count > PLAN_FIELDS_MAX) {
        return refuse(declare, DIAG_LIMIT, "more than 256 fields in a stream, from",
                      fields[PLAN_FIELDS_MAX]);
    }
    for (size_t i = 0; i < count; i++) {
        if (!str_is_name(fields[i])) {
            return refuse(declare, DIAG_BAD_NAME, "a field with a bad name", fields[i]);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(fields[i], fields[k]) == 0) {
                return refuse(declare, DIAG_OPTION, "twice the field", fields[i]);
            }
        }
    }
    return GALE_OK;
}

static enum gale_err declare_stream(struct gale_declare *port, const char *stream,
                                    const char *fields, bool direct)
{
    struct declaration *declare = declaration_of(port);
    struct plan_builder *builder = declare->builder;
    if (!str_is_name(stream)) {
        return refuse(declare, DIAG_BAD_NAME, "a stream with a bad name", stream);
    }
    for (uint16_t i = 0; i < declare->streams_count; i++) {
        if (strcmp(declare->streams[i].name, stream) == 0) {
            return refuse(declare, DIAG_OPTION, "twice the stream", stream);
        }
    }
    if (declare->streams_count == PLAN_STREAMS_MAX) {
        return refuse(declare, DIAG_LIMIT, "more than 64 streams, from", stream);
    }
    size_t fields_count = 0;
    const char *const *names = fields_split(builder, fields, &fields_count);
    const char *name = plan_copy_text(builder, stream, strlen(stream));
    if (names == NULL || name == NULL) {
        return GALE_ERR_NOMEM;
    }
    enum gale_err err = fields_check(declare, names, fields_count);
    if (err != GALE_OK) {
        return err;
    }
    declare->streams[declare->streams_count++] = (struct plan_stream){
        .name = name,
        .fields = names,
        .fields_count = (uint16_t)fields_count,
        .direct = direct,
    };
    return GALE_OK;
}

static unsigned declare_inputs(const struct gale_declare *port)
{
    return (unsigned)declare_build(declaration_const(port))->inputs_count;
}

/* The stream behind an input, or NULL while (or because) it is not known. */
static const struct plan_stream *input_stream(const struct declaration *declare, unsigned input)
{
    const struct plan_build *build = declare_build(declare);
    if (input >= build->inputs_count || build->inputs[input].source < 0) {
        return NULL;
    }
    int source = build->inputs[input].source;
    if (!declare->builder->build[source].streams_known) {
        return NULL;
    }
    const struct plan_component *component = &declare->builder->components[source];
    int stream = plan_stream_find(component, build->inputs[input].stream);
    return stream >= 0 ? &component->streams[stream] : NULL;
}

static const char *declare_input_fields(const struct gale_declare *port, unsigned input)
{
    const struct declaration *declare = declaration_const(port);
    const struct plan_stream *stream = input_stream(declare, input);
    if (stream == NULL) {
        return NULL;
    }
    size_t size = 1;
    for (uint16_t i = 0; i < stream->fields_count; i++) {
        size += strlen(stream->fields[i]) + 1;
    }
    char *text = plan_alloc(declare->builder, size, 1);
    char *at = text;
    for (uint16_t i = 0; text != NULL && i < stream->fields_count; i++) {
        if (i > 0) {
            *at++ = ',';
        }
        size_t length = strlen(stream->fields[i]);
        memcpy(at, stream->fields[i], length);
        at += length;
    }
    return text;
}

static void need_later(struct declaration *declare, unsigned input, const char *field,
                       const struct conf_place *place)
{
    struct plan_builder *builder = declare->builder;
    struct plan_need *need = plan_alloc(builder, 1, sizeof(*need));
    const char *copy = plan_copy_text(builder, field, strlen(field));
    if (need == NULL || copy == NULL) {
        return;
    }
    *need = (struct plan_need){.next = builder->needs,
                               .component = declare->component,
                               .input = (uint16_t)input,
                               .field = copy,
                               .place = *place};
    builder->needs = need;
}

static enum gale_err declare_needs(struct gale_declare *port, unsigned input, const char *field,
                                   const char *option)
{
    struct declaration *declare = declaration_of(port);
    const struct plan_build *build = declare_build(declare);
    struct conf_place place = element_place(declare, option, field);
    if (input >= build->inputs_count) {
        diag_add(declare->builder->diag, DIAG_UNKNOWN_FIELD, &place, NULL,
                 "%s needs the field \"%.64s\" of input %u, but has %zu inputs", build->label,
                 field, input, build->inputs_count);
        declare->failed = true;
        return GALE_ERR_NOT_FOUND;
    }
    const struct plan_stream *stream = input_stream(declare, input);
    if (stream == NULL) {
        need_later(declare, input, field, &place);
        return GALE_OK;
    }
    if (plan_stream_field(stream, field) >= 0) {
        return GALE_OK;
    }
    plan_report_field(declare->builder, &place,
                      &declare->builder->components[build->inputs[input].source], stream,
                      field);
    declare->failed = true;
    return GALE_ERR_NOT_FOUND;
}

static void declare_error(struct gale_declare *port, const char *option, const char *text)
{
    struct declaration *declare = declaration_of(port);
    struct conf_place place = option_place(declare, option);
    diag_add(declare->builder->diag, DIAG_OPTION, &place, NULL, "%s: %s",
             declare_build(declare)->label, text);
    declare->failed = true;
}

/* Runs the callback, here or wherever the registry has it. */
static enum gale_err declare_call(struct declaration *declare,
                                  const struct plan_component *component)
{
    const struct registry *registry = declare->builder->registry;
    const void *ops = component->spout != NULL ? (const void *)component->spout
                                               : (const void *)component->bolt;
    gale_declare_fn callback =
        component->spout != NULL ? component->spout->declare : component->bolt->declare;
    if (component->module != NULL && registry->declare != NULL) {
        return registry->declare(registry->self, ops, &declare->port, component->conf);
    }
    return callback(&declare->port, component->conf);
}

static bool has_callback(const struct plan_builder *builder, uint16_t index)
{
    const struct plan_component *component = &builder->components[index];
    return builder->build[index].spout ? component->spout->declare != NULL
                                       : component->bolt->declare != NULL;
}

/* Streams of a component; its code is there. @return false when something was reported. */
static bool declare_run(struct plan_builder *builder, uint16_t index)
{
    struct plan_component *component = &builder->components[index];
    const struct plan_build *build = &builder->build[index];
    const char *fields = build->spout ? component->spout->fields : component->bolt->fields;
    struct declaration declare = {
        .port = {.stream = declare_stream,
                 .inputs = declare_inputs,
                 .input_fields = declare_input_fields,
                 .needs = declare_needs,
                 .error = declare_error},
        .builder = builder,
        .component = index,
    };
    declare.streams = plan_alloc(builder, PLAN_STREAMS_MAX, sizeof(*declare.streams));
    if (declare.streams == NULL) {
        return false;
    }
    if (has_callback(builder, index)) {
        enum gale_err err = declare_call(&declare, component);
        if (err != GALE_OK && !declare.failed) {
            diag_add(builder->diag, DIAG_OPTION, &build->place, NULL,
                     "%s cannot be declared: %s", build->label, gale_err_name(err));
            declare.failed = true;
        }
    }
    if (declare.streams_count == 0 && !declare.failed && fields != NULL) {
        (void)declare_stream(&declare.port, "default", fields, false);
    }
    component->streams = declare.streams;
    component->streams_count = declare.streams_count;
    return !declare.failed && !builder->nomem;
}

/* Whether everything that a bolt reads is understood; if not, its own streams may follow from the
 * error and its callback is left alone. */
static bool inputs_known(const struct plan_builder *builder, uint16_t index)
{
    const struct plan_build *build = &builder->build[index];
    for (size_t k = 0; k < build->inputs_count; k++) {
        int source = build->inputs[k].source;
        if (source < 0) {
            return false;
        }
        const struct plan_build *from = &builder->build[source];
        if (from->broken || (!from->streams_known && from->cycle != build->cycle)) {
            return false;
        }
        if (from->streams_known &&
            plan_stream_find(&builder->components[source], build->inputs[k].stream) < 0) {
            return false;
        }
    }
    return build->spout || build->inputs_count > 0;
}

void plan_declare_all(struct plan_builder *builder)
{
    uint16_t count = builder->plan->components_count;
    for (uint16_t i = 0; i < count && !builder->nomem; i++) {
        struct plan_build *build = &builder->build[i];
        if (!build->broken && !has_callback(builder, i)) {
            build->streams_known = declare_run(builder, i);
            build->broken = !build->streams_known;
        }
    }
    for (uint16_t i = 0; i < count && !builder->nomem; i++) {
        uint16_t index = builder->order[i];
        struct plan_build *build = &builder->build[index];
        if (!build->broken && has_callback(builder, index) && inputs_known(builder, index)) {
            build->streams_known = declare_run(builder, index);
            build->broken = !build->streams_known;
        }
    }
}

void plan_declare_check_needs(struct plan_builder *builder)
{
    for (const struct plan_need *need = builder->needs; need != NULL; need = need->next) {
        const struct plan_build_input *input =
            &builder->build[need->component].inputs[need->input];
        if (input->source < 0 || !builder->build[input->source].streams_known) {
            continue;
        }
        const struct plan_component *source = &builder->components[input->source];
        int stream = plan_stream_find(source, input->stream);
        if (stream >= 0 && plan_stream_field(&source->streams[stream], need->field) < 0) {
            plan_report_field(builder, &need->place, source, &source->streams[stream],
                              need->field);
        }
    }
}

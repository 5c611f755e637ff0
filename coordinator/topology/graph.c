/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four drawings of a plan. Components come in plan order (ascii: by level), edges in the order
 * of the source's streams and subscribers, so that equal plans give equal bytes. Names of
 * components, streams and fields need no escaping (str_is_name); types and module paths do.
 */
#include "topology/graph.h"
#include "base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the drawing goes; after the first error nothing more is written. */
struct sheet {
    const struct plan *plan;
    struct buf *out;
    enum gale_err err;
};

/* How a format writes a character that it cannot take as it is; NULL: as it is. */
typedef const char *(*escape_fn)(unsigned char c, char room[8]);

GALE_PRINTF(2, 3) static void put(struct sheet *sheet, const char *format, ...)
{
    if (sheet->err != GALE_OK) {
        return;
    }
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    if (size < 0) {
        sheet->err = GALE_ERR_NOMEM;
        return;
    }
    sheet->err = buf_append(sheet->out, text, (size_t)size);
    free(text);
}

static const char *escape_dot(unsigned char c, char room[8])
{
    (void)room;
    if (c < 0x20) {
        return " ";
    }
    return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
}

/* Mermaid takes HTML's numbers between # and ; inside quotes. */
static const char *escape_mermaid(unsigned char c, char room[8])
{
    if (c == '"' || c == '#' || c == '<' || c == '>' || c == '&' || c < 0x20) {
        (void)snprintf(room, 8, "#%u;", c);
        return room;
    }
    return NULL;
}

static const char *escape_json(unsigned char c, char room[8])
{
    if (c == '"' || c == '\\') {
        return c == '"' ? "\\\"" : "\\\\";
    }
    if (c < 0x20) {
        (void)snprintf(room, 8, "\\u%04x", c);
        return room;
    }
    return NULL;
}

static const char *escape_ascii(unsigned char c, char room[8])
{
    (void)room;
    return c < 0x20 || c >= 0x7f ? "?" : NULL;
}

static void put_escaped(struct sheet *sheet, const char *text, escape_fn escape)
{
    for (const char *at = text; *at != '\0'; at++) {
        char room[8];
        const char *replacement = escape((unsigned char)*at, room);
        if (replacement != NULL) {
            put(sheet, "%s", replacement);
        } else {
            put(sheet, "%c", *at);
        }
    }
}

/* "file", or "libwords.so:split" for a component of a module. */
static void put_type(struct sheet *sheet, const struct plan_component *component,
                     escape_fn escape)
{
    if (component->module != NULL) {
        const char *slash = strrchr(component->module, '/');
        put_escaped(sheet, slash != NULL ? slash + 1 : component->module, escape);
        put(sheet, ":");
    }
    put_escaped(sheet, component->type, escape);
}

static const struct plan_stream *source_stream(const struct plan *plan,
                                               const struct plan_input *input)
{
    return &plan->components[input->source].streams[input->stream];
}

/* "errors: fields(word)": the stream when it is not the usual one, and the grouping. */
static void put_edge_label(struct sheet *sheet, const struct plan_input *input)
{
    const struct plan_stream *stream = source_stream(sheet->plan, input);
    if (strcmp(stream->name, "default") != 0) {
        put(sheet, "%s: ", stream->name);
    }
    put(sheet, "%s",
        input->custom != NULL ? input->custom->name : plan_grouping_name(input->grouping));
    for (uint16_t i = 0; i < input->fields_count; i++) {
        put(sheet, "%s%s", i == 0 ? "(" : ", ", stream->fields[input->fields[i]]);
    }
    put(sheet, "%s", input->fields_count > 0 ? ")" : "");
}

/* Called for each edge: from component `source` to edge->bolt. `last`: no more of this source. */
typedef void (*edge_fn)(struct sheet *sheet, uint16_t source, const struct plan_edge *edge,
                        bool last);

static void edges_of(struct sheet *sheet, uint16_t source, edge_fn draw)
{
    const struct plan_component *component = &sheet->plan->components[source];
    uint32_t left = 0;
    for (uint16_t s = 0; s < component->streams_count; s++) {
        left += component->edges_counts[s];
    }
    for (uint16_t s = 0; s < component->streams_count; s++) {
        for (uint16_t e = 0; e < component->edges_counts[s]; e++) {
            left--;
            draw(sheet, source, &component->edges[s][e], left == 0);
        }
    }
}

static const struct plan_input *edge_input(const struct sheet *sheet,
                                           const struct plan_edge *edge)
{
    return &sheet->plan->components[edge->bolt].inputs[edge->input];
}

/* ---- ascii ---- */

static void ascii_edge(struct sheet *sheet, uint16_t source, const struct plan_edge *edge,
                       bool last)
{
    (void)source;
    const struct plan_input *input = edge_input(sheet, edge);
    put(sheet, "      %s-- ", last ? "`" : "|");
    put_edge_label(sheet, input);
    put(sheet, " --> %s%s\n", sheet->plan->components[edge->bolt].name,
        input->in_cycle ? " (cycle)" : "");
}

static void ascii_component(struct sheet *sheet, uint16_t index)
{
    const struct plan_component *component = &sheet->plan->components[index];
    put(sheet, "%3u  %s: %s ", component->level, component->name,
        component->spout != NULL ? "spout" : "bolt");
    put_type(sheet, component, escape_ascii);
    put(sheet, " x%u", component->parallelism);
    if (component->tick_ms > 0) {
        put(sheet, ", tick %" PRId64 " ms", component->tick_ms);
    }
    put(sheet, "%s\n", component->isolate ? ", isolated" : "");
    edges_of(sheet, index, ascii_edge);
}

static void render_ascii(struct sheet *sheet)
{
    const struct plan *plan = sheet->plan;
    put(sheet, "%s: %s, %u worker%s, %u task%s\n\n", plan->name,
        plan_guarantee_name(plan->guarantee), plan->workers, plan->workers == 1 ? "" : "s",
        plan->tasks_count, plan->tasks_count == 1 ? "" : "s");
    for (uint16_t level = 0; level < plan->levels_count; level++) {
        for (uint16_t i = 0; i < plan->components_count; i++) {
            if (plan->components[i].level == level) {
                ascii_component(sheet, i);
            }
        }
    }
}

/* ---- dot ---- */

static void dot_edge(struct sheet *sheet, uint16_t source, const struct plan_edge *edge,
                     bool last)
{
    (void)last;
    const struct plan_input *input = edge_input(sheet, edge);
    put(sheet, "    \"%s\" -> \"%s\" [label=\"", sheet->plan->components[source].name,
        sheet->plan->components[edge->bolt].name);
    put_edge_label(sheet, input);
    put(sheet, "\"%s];\n", input->in_cycle ? ", style=dashed" : "");
}

static void render_dot(struct sheet *sheet)
{
    const struct plan *plan = sheet->plan;
    put(sheet, "digraph \"%s\" {\n    rankdir=LR;\n    node [shape=box];\n", plan->name);
    for (uint16_t i = 0; i < plan->components_count; i++) {
        const struct plan_component *component = &plan->components[i];
        put(sheet, "    \"%s\" [label=\"%s\\n", component->name, component->name);
        put_type(sheet, component, escape_dot);
        put(sheet, " x%u\"%s];\n", component->parallelism,
            component->spout != NULL ? ", shape=ellipse" : "");
    }
    for (uint16_t i = 0; i < plan->components_count; i++) {
        edges_of(sheet, i, dot_edge);
    }
    put(sheet, "}\n");
}

/* ---- mermaid: ids are numbers, because names may be its keywords ---- */

static void mermaid_edge(struct sheet *sheet, uint16_t source, const struct plan_edge *edge,
                         bool last)
{
    (void)last;
    const struct plan_input *input = edge_input(sheet, edge);
    put(sheet, "    c%u %s|\"", source, input->in_cycle ? "-.->" : "-->");
    put_edge_label(sheet, input);
    put(sheet, "\"| c%u\n", edge->bolt);
}

static void render_mermaid(struct sheet *sheet)
{
    const struct plan *plan = sheet->plan;
    put(sheet, "flowchart LR\n");
    for (uint16_t i = 0; i < plan->components_count; i++) {
        const struct plan_component *component = &plan->components[i];
        bool spout = component->spout != NULL;
        put(sheet, "    c%u%s\"%s<br/>", i, spout ? "([" : "[", component->name);
        put_type(sheet, component, escape_mermaid);
        put(sheet, " x%u\"%s\n", component->parallelism, spout ? "])" : "]");
    }
    for (uint16_t i = 0; i < plan->components_count; i++) {
        edges_of(sheet, i, mermaid_edge);
    }
}

/* ---- json ---- */

static void json_names(struct sheet *sheet, const char *const *names, uint16_t count)
{
    put(sheet, "[");
    for (uint16_t i = 0; i < count; i++) {
        put(sheet, "%s\"%s\"", i > 0 ? "," : "", names[i]);
    }
    put(sheet, "]");
}

static void json_component(struct sheet *sheet, const struct plan_component *component)
{
    put(sheet, "{\"name\":\"%s\",\"kind\":\"%s\",\"type\":\"", component->name,
        component->spout != NULL ? "spout" : "bolt");
    put_escaped(sheet, component->type, escape_json);
    put(sheet, "\",\"module\":");
    if (component->module != NULL) {
        put(sheet, "\"");
        put_escaped(sheet, component->module, escape_json);
        put(sheet, "\"");
    } else {
        put(sheet, "null");
    }
    put(sheet,
        ",\"parallelism\":%u,\"first_task\":%u,\"level\":%u,\"tick_ms\":%" PRId64
        ",\"isolate\":%s,\"streams\":[",
        component->parallelism, component->first_task, component->level, component->tick_ms,
        component->isolate ? "true" : "false");
    for (uint16_t s = 0; s < component->streams_count; s++) {
        const struct plan_stream *stream = &component->streams[s];
        put(sheet, "%s{\"name\":\"%s\",\"fields\":", s > 0 ? "," : "", stream->name);
        json_names(sheet, stream->fields, stream->fields_count);
        put(sheet, ",\"direct\":%s}", stream->direct ? "true" : "false");
    }
    put(sheet, "]}");
}

static void json_edge(struct sheet *sheet, const struct plan_edge *edge)
{
    const struct plan_input *input = edge_input(sheet, edge);
    const struct plan_stream *stream = source_stream(sheet->plan, input);
    put(sheet, "{\"from\":\"%s\",\"stream\":\"%s\",\"to\":\"%s\",\"input\":%u,",
        sheet->plan->components[input->source].name, stream->name,
        sheet->plan->components[edge->bolt].name, edge->input);
    put(sheet, "\"grouping\":\"%s\",\"fields\":[", plan_grouping_name(input->grouping));
    for (uint16_t i = 0; i < input->fields_count; i++) {
        put(sheet, "%s\"%s\"", i > 0 ? "," : "", stream->fields[input->fields[i]]);
    }
    put(sheet, "],\"custom\":");
    if (input->custom != NULL) {
        put(sheet, "\"%s\"", input->custom->name);
    } else {
        put(sheet, "null");
    }
    put(sheet, ",\"cycle\":%s}", input->in_cycle ? "true" : "false");
}

static void render_json(struct sheet *sheet)
{
    const struct plan *plan = sheet->plan;
    put(sheet, "{\"schema\":1,\"topology\":\"%s\",\"guarantee\":\"%s\",", plan->name,
        plan_guarantee_name(plan->guarantee));
    put(sheet, "\"workers\":%u,\"tasks\":%u,\"components\":[", plan->workers,
        plan->tasks_count);
    for (uint16_t i = 0; i < plan->components_count; i++) {
        put(sheet, "%s\n", i > 0 ? "," : "");
        json_component(sheet, &plan->components[i]);
    }
    put(sheet, "],\"edges\":[");
    bool first = true;
    for (uint16_t i = 0; i < plan->components_count; i++) {
        for (uint16_t k = 0; k < plan->components[i].inputs_count; k++) {
            const struct plan_edge edge = {.bolt = i, .input = k};
            put(sheet, "%s\n", first ? "" : ",");
            json_edge(sheet, &edge);
            first = false;
        }
    }
    put(sheet, "]}\n");
}

enum gale_err graph_render(const struct plan *plan, enum graph_format format, struct buf *out)
{
    GALE_ASSERT(plan != NULL && out != NULL);
    struct sheet sheet = {.plan = plan, .out = out, .err = GALE_OK};
    switch (format) {
    case GRAPH_ASCII: render_ascii(&sheet); break;
    case GRAPH_DOT: render_dot(&sheet); break;
    case GRAPH_MERMAID: render_mermaid(&sheet); break;
    case GRAPH_JSON: render_json(&sheet); break;
    default: GALE_ASSERT(format <= GRAPH_JSON);
    }
    return sheet.err;
}

bool graph_format_parse(const char *text, enum graph_format *out)
{
    static const char *const formats[] = {"ascii", "dot", "mermaid", "json"};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(text, formats[i]) == 0) {
            *out = (enum graph_format)i;
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The adapter of libyaml: its only includer. Events become a tree; the document loader is never
 * used, because its time is quadratic in nesting and it follows aliases.
 *
 * Invariants: frames[0 … depth−1] are the open collections, the root first; a map's frame holds
 * the key whose value comes next. What follows a refused key is read but not built (skip_depth),
 * so that later errors are still found. Anchors, aliases, unknown tags, keys that are no scalars,
 * a second document and NULs are refused. One thread; not a general YAML reader.
 */
#include "topology/yaml.h"
#include "topology/substitute.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct frame {
    struct gale_conf *node;
    char *key; /* Owned; the key whose value comes next. */
    struct conf_place key_place;
    bool key_ready;  /* A map's key was read, refused or not. */
    bool skip_value; /* The key was refused: its value is not built. */
};

struct reader {
    yaml_parser_t parser;
    struct load *load;
    const char *name;
    struct gale_conf *root;
    struct frame frames[CONF_DEPTH_MAX];
    unsigned depth;
    unsigned skip_depth; /* Open collections that are not built, above frames. */
    bool skip_is_key;    /* What is skipped stands where a key should. */
    bool document_seen;
    struct buf text; /* The present scalar after substitution. */
};

static struct conf_place place_of_marks(const struct reader *reader, const yaml_mark_t *start,
                                        const yaml_mark_t *end)
{
    size_t length = 1;
    if (end->line == start->line && end->column > start->column) {
        length = end->column - start->column;
    }
    return (struct conf_place){.file = reader->name,
                               .line = (uint32_t)start->line + 1,
                               .column = (uint32_t)start->column + 1,
                               .length = (uint32_t)length};
}

static struct conf_place event_place(const struct reader *reader, const yaml_event_t *event)
{
    return place_of_marks(reader, &event->start_mark, &event->end_mark);
}

/* The place of an opening bracket or of a block's first character. */
static struct conf_place start_place(const struct reader *reader, const yaml_event_t *event)
{
    return place_of_marks(reader, &event->start_mark, &event->start_mark);
}

static struct frame *frame_top(struct reader *reader)
{
    return reader->depth ? &reader->frames[reader->depth - 1] : NULL;
}

static bool expects_key(const struct frame *frame)
{
    return gale_conf_type(frame->node) == GALE_MAP && !frame->key_ready;
}

/* The value of the present key was read or skipped. */
static void value_done(struct frame *frame)
{
    free(frame->key);
    frame->key = NULL;
    frame->key_ready = false;
    frame->skip_value = false;
}

static void key_refuse(struct frame *frame)
{
    frame->key_ready = true;
    frame->skip_value = true;
}

static void set_places(const struct frame *parent, struct gale_conf *node,
                       const struct conf_place *place)
{
    conf_set_place(node, place);
    if (parent->key) {
        conf_set_key_place(node, &parent->key_place);
    }
}

/* Reports a limit and ends the reading: what is behind it would only repeat the message. */
static enum gale_err limit_hit(struct reader *reader, const struct conf_place *place,
                               const char *what, unsigned limit)
{
    diag_add(reader->load->diag, DIAG_LIMIT, place, "split or flatten the file",
             "%s (limit %u)", what, limit);
    reader->load->broken = true;
    return GALE_ERR_INVALID;
}

static enum gale_err count_node(struct reader *reader, const struct conf_place *place)
{
    if (++reader->load->nodes_count > CONF_NODES_MAX) {
        return limit_hit(reader, place, "the topology has too many values", CONF_NODES_MAX);
    }
    return GALE_OK;
}

static void check_anchor(struct reader *reader, const yaml_char_t *anchor,
                         const struct conf_place *place)
{
    if (anchor) {
        diag_add(reader->load->diag, DIAG_LIMIT, place,
                 "write the value out, or put quotes around a text that starts with &",
                 "anchor \"&%.64s\": anchors are not allowed", (const char *)anchor);
        reader->load->broken = true;
    }
}

/* Tags say nothing that the text does not say already; only !!str, !!map and !!seq are known. */
static void check_tag(struct reader *reader, const yaml_char_t *tag, const char *known,
                      const struct conf_place *place)
{
    if (tag && strcmp((const char *)tag, known) != 0 && strcmp((const char *)tag, "!") != 0) {
        diag_add(reader->load->diag, DIAG_WRONG_TYPE, place,
                 "leave the tag out; quotes make a text of a number", "unknown tag \"%.64s\"",
                 (const char *)tag);
        reader->load->broken = true;
    }
}

/* Scalar text after unmasking and substitution lies in reader->text; false: no text to use. */
static bool scalar_text(struct reader *reader, yaml_event_t *event,
                        const struct conf_place *place, enum gale_err *err)
{
    char *text = (char *)event->data.scalar.value;
    *err = GALE_OK;
    if (strlen(text) != event->data.scalar.length) {
        diag_add(reader->load->diag, DIAG_BAD_VALUE, place, "remove the \\0 from the text",
                 "a text may not contain the NUL character");
        return false;
    }
    substitute_unmask(text);
    *err = substitute_text(reader->load, place, text, &reader->text);
    return *err == GALE_OK;
}

static enum gale_err on_key(struct reader *reader, struct frame *frame, yaml_event_t *event,
                            const struct conf_place *place)
{
    enum gale_err err;
    if (!scalar_text(reader, event, place, &err)) {
        key_refuse(frame);
        return err;
    }
    const char *key = (const char *)reader->text.data;
    const struct gale_conf *first = gale_conf_get(frame->node, key);
    if (first) {
        char hint[96];
        snprintf(hint, sizeof hint, "first written in line %u", conf_key_place_of(first).line);
        diag_add(reader->load->diag, DIAG_DUPLICATE_KEY, place, hint,
                 "key \"%.100s\" is written twice", key);
        key_refuse(frame);
        return GALE_OK;
    }
    if (!*key) {
        diag_add(reader->load->diag, DIAG_WRONG_TYPE, place, NULL, "a key is empty");
        key_refuse(frame);
        return GALE_OK;
    }
    frame->key = strdup(key);
    frame->key_place = *place;
    frame->key_ready = true;
    return frame->key ? GALE_OK : GALE_ERR_NOMEM;
}

static enum gale_err root_refuse(struct reader *reader, const struct conf_place *place)
{
    diag_add(reader->load->diag, DIAG_WRONG_TYPE, place, "start with a key, as in \"name: …\"",
             "the file is no map of keys and values");
    reader->load->broken = true;
    return GALE_ERR_INVALID;
}

static enum gale_err on_scalar(struct reader *reader, yaml_event_t *event)
{
    struct conf_place place = event_place(reader, event);
    struct frame *frame = frame_top(reader);
    enum gale_err err = count_node(reader, &place);
    if (err) {
        return err;
    }
    check_anchor(reader, event->data.scalar.anchor, &place);
    check_tag(reader, event->data.scalar.tag, YAML_STR_TAG, &place);
    if (!frame) {
        return root_refuse(reader, &place);
    }
    if (reader->skip_depth) {
        return GALE_OK;
    }
    if (expects_key(frame)) {
        return on_key(reader, frame, event, &place);
    }
    if (!frame->skip_value && scalar_text(reader, event, &place, &err)) {
        struct gale_conf *node;
        /* Only an untagged plain scalar may be something else than a text. */
        bool quoted = !event->data.scalar.plain_implicit;
        err = conf_add_scalar(frame->node, frame->key, (const char *)reader->text.data, quoted,
                              &node);
        if (!err) {
            set_places(frame, node, &place);
        }
    }
    value_done(frame);
    return err;
}

static enum gale_err on_alias(struct reader *reader, const yaml_event_t *event)
{
    struct conf_place place = event_place(reader, event);
    struct frame *frame = frame_top(reader);
    diag_add(
        reader->load->diag, DIAG_LIMIT, &place, "put quotes around a text that starts with *",
        "alias \"*%.64s\": aliases are not allowed", (const char *)event->data.alias.anchor);
    reader->load->broken = true;
    if (!frame) {
        return GALE_ERR_INVALID;
    }
    if (reader->skip_depth) {
        return GALE_OK;
    }
    if (expects_key(frame)) {
        key_refuse(frame);
    } else {
        value_done(frame);
    }
    return GALE_OK;
}

/* Opens a frame for a map or list that is built. */
static enum gale_err frame_open(struct reader *reader, enum gale_type type,
                                const struct conf_place *place)
{
    struct frame *parent = frame_top(reader);
    struct gale_conf *node = NULL;
    enum gale_err err = GALE_OK;
    if (!parent) {
        node = reader->root = conf_new();
        if (!node) {
            return GALE_ERR_NOMEM;
        }
        conf_set_place(node, place);
    } else {
        err = type == GALE_MAP ? conf_add_map(parent->node, parent->key, &node)
                               : conf_add_list(parent->node, parent->key, &node);
        if (err) {
            return err;
        }
        set_places(parent, node, place);
        value_done(parent);
    }
    reader->frames[reader->depth++] = (struct frame){.node = node};
    return GALE_OK;
}

static enum gale_err on_start(struct reader *reader, const yaml_event_t *event,
                              enum gale_type type)
{
    struct conf_place place = start_place(reader, event);
    struct frame *frame = frame_top(reader);
    enum gale_err err = count_node(reader, &place);
    if (err) {
        return err;
    }
    if (reader->depth + reader->skip_depth >= CONF_DEPTH_MAX) {
        return limit_hit(reader, &place, "maps and lists are nested too deeply",
                         CONF_DEPTH_MAX);
    }
    if (type == GALE_MAP) {
        check_anchor(reader, event->data.mapping_start.anchor, &place);
        check_tag(reader, event->data.mapping_start.tag, YAML_MAP_TAG, &place);
    } else {
        check_anchor(reader, event->data.sequence_start.anchor, &place);
        check_tag(reader, event->data.sequence_start.tag, YAML_SEQ_TAG, &place);
    }
    if (reader->skip_depth) {
        reader->skip_depth++;
        return GALE_OK;
    }
    if (!frame) {
        return type == GALE_MAP ? frame_open(reader, type, &place)
                                : root_refuse(reader, &place);
    }
    if (expects_key(frame)) {
        diag_add(reader->load->diag, DIAG_WRONG_TYPE, &place,
                 "put quotes around a text that starts with { or [",
                 "a key must be a text, not a map or list");
        key_refuse(frame);
        reader->skip_is_key = true;
        reader->skip_depth = 1;
        return GALE_OK;
    }
    if (frame->skip_value) {
        reader->skip_is_key = false;
        reader->skip_depth = 1;
        return GALE_OK;
    }
    return frame_open(reader, type, &place);
}

static void on_end(struct reader *reader)
{
    if (reader->skip_depth == 0) {
        reader->depth--;
        return;
    }
    reader->skip_depth--;
    if (reader->skip_depth == 0 && !reader->skip_is_key) {
        value_done(frame_top(reader));
    }
}

static enum gale_err on_document(struct reader *reader, const yaml_event_t *event)
{
    if (!reader->document_seen) {
        reader->document_seen = true;
        return GALE_OK;
    }
    struct conf_place place = event_place(reader, event);
    diag_add(reader->load->diag, DIAG_YAML_SYNTAX, &place,
             "one topology per file: move this part into a file of its own",
             "a second document starts here");
    reader->load->broken = true;
    return GALE_ERR_INVALID;
}

static enum gale_err on_event(struct reader *reader, yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return on_document(reader, event);
    case YAML_SCALAR_EVENT: return on_scalar(reader, event);
    case YAML_ALIAS_EVENT: return on_alias(reader, event);
    case YAML_MAPPING_START_EVENT: return on_start(reader, event, GALE_MAP);
    case YAML_SEQUENCE_START_EVENT: return on_start(reader, event, GALE_LIST);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: on_end(reader); return GALE_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: break;
    }
    return GALE_OK;
}

/* Where libyaml's reader stopped at bytes that are no text; it gives only their offset. */
static struct conf_place offset_place(const struct reader *reader, const char *text,
                                      size_t offset)
{
    struct conf_place place = {.file = reader->name, .line = 1, .column = 1, .length = 1};
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

static enum gale_err report_syntax(struct reader *reader, const char *text, size_t size)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return GALE_ERR_NOMEM;
    }
    reader->load->broken = true;
    if (parser->error == YAML_READER_ERROR) {
        size_t offset = parser->problem_offset < size ? parser->problem_offset : size;
        struct conf_place place = offset_place(reader, text, offset);
        diag_add(reader->load->diag, DIAG_YAML_SYNTAX, &place, "save the file as UTF-8 text",
                 "this is no UTF-8 text: %s", parser->problem);
        return GALE_ERR_INVALID;
    }
    struct conf_place place =
        place_of_marks(reader, &parser->problem_mark, &parser->problem_mark);
    char hint[96] = "";
    if (parser->context &&
        (strstr(parser->context, "alias") || strstr(parser->context, "anchor"))) {
        str_copy(hint, sizeof hint, "put quotes around a text that starts with * or &");
    } else if (parser->context) {
        snprintf(hint, sizeof hint, "%.60s from line %zu", parser->context,
                 parser->context_mark.line + 1);
    }
    diag_add(reader->load->diag, DIAG_YAML_SYNTAX, &place, hint, "not YAML: %s",
             parser->problem ? parser->problem : "cannot be read");
    return GALE_ERR_INVALID;
}

static enum gale_err read_events(struct reader *reader, const char *text, size_t size)
{
    bool end = false;
    while (!end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            return report_syntax(reader, text, size);
        }
        end = event.type == YAML_STREAM_END_EVENT;
        enum gale_err err = on_event(reader, &event);
        yaml_event_delete(&event);
        if (err) {
            return err;
        }
    }
    if (!reader->root) {
        struct conf_place place = {.file = reader->name, .line = 1, .column = 1, .length = 1};
        return root_refuse(reader, &place);
    }
    return GALE_OK;
}

enum gale_err yaml_read(struct load *load, const char *name, const char *text, size_t size,
                        struct gale_conf **out)
{
    struct buf masked;
    *out = NULL;
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        return GALE_ERR_NOMEM;
    }
    /* A byte order mark, as some editors write it, is no part of the text. */
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    reader->load = load;
    reader->name = name;
    buf_init(&reader->text, 0);
    buf_init(&masked, 0);
    enum gale_err err = substitute_mask(text, size, &masked);
    if (!err && !yaml_parser_initialize(&reader->parser)) {
        err = GALE_ERR_NOMEM;
    }
    if (!err) {
        yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&reader->parser, masked.data, masked.size);
        err = read_events(reader, (const char *)masked.data, masked.size);
        yaml_parser_delete(&reader->parser);
    }
    for (unsigned i = 0; i < CONF_DEPTH_MAX; i++) {
        free(reader->frames[i].key);
    }
    if (err) {
        conf_free(reader->root);
    } else {
        *out = reader->root;
    }
    buf_fini(&masked);
    buf_fini(&reader->text);
    free(reader);
    return err == GALE_ERR_INVALID ? GALE_OK : err;
}

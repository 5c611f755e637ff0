/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as JSON for tests: bytes are {"$bytes":"base64"}, decimals {"$decimal":"1.50"}. The one file
 * of this directory that knows jansson. Nesting is walked with a stack of BENCH_DEPTH_MAX levels.
 */
#include "testing/bench.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BENCH_DEPTH_MAX 16

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static enum gale_err put_base64(struct gale_out *out, const char *text)
{
    size_t size = strlen(text);
    uint8_t *bytes = malloc(size + 1);
    size_t count = 0;
    uint32_t group = 0;
    if (bytes == NULL) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < size && text[i] != '='; i++) {
        const char *digit = strchr(base64, text[i]);
        if (digit == NULL) {
            free(bytes);
            return GALE_ERR_INVALID;
        }
        group = group << 6 | (uint32_t)(digit - base64);
        if (i % 4 != 0) {
            bytes[count++] = (uint8_t)(group >> (6 - i % 4 * 2));
        }
    }
    gale_put_bytes(out, bytes, count);
    free(bytes);
    return GALE_OK;
}

/* {"$bytes":…} and {"$decimal":…}; GALE_ERR_NOT_FOUND for a plain map. */
static enum gale_err put_special(struct gale_out *out, json_t *node)
{
    const char *bytes = json_string_value(json_object_get(node, "$bytes"));
    const char *decimal = json_string_value(json_object_get(node, "$decimal"));
    if (json_object_size(node) == 1 && bytes != NULL) {
        return put_base64(out, bytes);
    }
    if (json_object_size(node) == 1 && decimal != NULL) {
        struct gale_decimal value;
        enum gale_err err = gale_decimal_parse(decimal, strlen(decimal), &value);
        if (err == GALE_OK) {
            gale_put_decimal(out, &value);
        }
        return err == GALE_OK ? err : GALE_ERR_INVALID;
    }
    return GALE_ERR_NOT_FOUND;
}

struct level {
    json_t *node;
    size_t index;
    void *member; /* Next member of an object. */
};

/* Puts a scalar, or the head of a list or map and opens a level for it. */
static enum gale_err put_node(struct gale_out *out, json_t *node, struct level *levels,
                              unsigned *depth)
{
    if (json_is_string(node)) {
        gale_put_string(out, json_string_value(node), json_string_length(node));
    } else if (json_is_integer(node)) {
        gale_put_int64(out, json_integer_value(node));
    } else if (json_is_real(node)) {
        gale_put_double(out, json_real_value(node));
    } else if (json_is_boolean(node)) {
        gale_put_bool(out, json_is_true(node));
    } else if (json_is_null(node)) {
        gale_put_nil(out);
    } else {
        enum gale_err err = json_is_object(node) ? put_special(out, node) : GALE_ERR_NOT_FOUND;
        if (err != GALE_ERR_NOT_FOUND) {
            return err;
        }
        if (*depth == BENCH_DEPTH_MAX) {
            return GALE_ERR_LIMIT;
        }
        if (json_is_object(node)) {
            gale_put_map(out, (uint32_t)json_object_size(node));
        } else {
            gale_put_list(out, (uint32_t)json_array_size(node));
        }
        levels[(*depth)++] = (struct level){node, 0, json_object_iter(node)};
    }
    return GALE_OK;
}

/* The next node at the deepest level, after its key; NULL when the level is done. */
static json_t *next_node(struct gale_out *out, struct level *level)
{
    if (json_is_array(level->node)) {
        return json_array_get(level->node, level->index++);
    }
    if (level->member == NULL) {
        return NULL;
    }
    const char *key = json_object_iter_key(level->member);
    json_t *node = json_object_iter_value(level->member);
    gale_put_string(out, key, strlen(key));
    level->member = json_object_iter_next(level->node, level->member);
    return node;
}

enum gale_err bench_json_read(struct gale_out *out, const char *json)
{
    struct level levels[BENCH_DEPTH_MAX];
    unsigned depth = 1;
    enum gale_err err = GALE_OK;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!json_is_array(root)) {
        json_decref(root);
        return GALE_ERR_INVALID;
    }
    levels[0] = (struct level){root, 0, NULL};
    while (depth > 0 && err == GALE_OK) {
        json_t *node = next_node(out, &levels[depth - 1]);
        if (node == NULL) {
            depth--;
        } else {
            err = put_node(out, node, levels, &depth);
        }
    }
    json_decref(root);
    return err == GALE_OK ? GALE_OK : GALE_ERR_INVALID;
}

static void write_text(struct buf *out, struct gale_slice text)
{
    json_t *node = json_stringn(text.data, text.size);
    char *dump = node != NULL ? json_dumps(node, JSON_ENCODE_ANY) : NULL;
    /* A text that is no UTF-8 shows as such. */
    buf_printf(out, "%s", dump != NULL ? dump : "\"<not UTF-8>\"");
    free(dump);
    json_decref(node);
}

static void write_base64(struct buf *out, struct gale_slice bytes)
{
    const uint8_t *in = (const uint8_t *)bytes.data;
    buf_printf(out, "{\"$bytes\":\"");
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (left > 2 ? in[i + 2] : 0u);
        buf_printf(out, "%c%c%c%c", base64[group >> 18], base64[group >> 12 & 63],
                   left > 1 ? base64[group >> 6 & 63] : '=',
                   left > 2 ? base64[group & 63] : '=');
    }
    buf_printf(out, "\"}");
}

static void write_double(struct buf *out, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    bool is_whole = strspn(text, "-0123456789") == strlen(text);
    buf_printf(out, "%s%s", text, is_whole ? ".0" : "");
}

static void write_scalar(struct buf *out, const struct gale_value *value)
{
    char text[96];
    switch (value->type) {
    case GALE_NIL:
    case GALE_LIST:
    case GALE_MAP: buf_printf(out, "null"); break;
    case GALE_BOOL: buf_printf(out, "%s", value->as.boolean ? "true" : "false"); break;
    case GALE_INT64: buf_printf(out, "%lld", (long long)value->as.int64); break;
    case GALE_UINT64: buf_printf(out, "%llu", (unsigned long long)value->as.uint64); break;
    case GALE_DOUBLE: write_double(out, value->as.number); break;
    case GALE_STRING: write_text(out, value->as.bytes); break;
    case GALE_BYTES: write_base64(out, value->as.bytes); break;
    case GALE_DECIMAL:
        gale_decimal_format(&value->as.decimal, text, sizeof(text));
        buf_printf(out, "{\"$decimal\":\"%s\"}", text);
        break;
    }
}

struct open_level {
    uint64_t left;
    uint64_t total;
    bool is_map;
};

enum gale_err bench_json_write(struct buf *out, const uint8_t *data, size_t size,
                               unsigned count)
{
    struct open_level levels[BENCH_DEPTH_MAX + 1] = {{count, count, false}};
    struct gale_cursor cursor = {data, data + size};
    unsigned depth = 1;
    buf_printf(out, "[");
    while (depth > 0) {
        struct open_level *level = &levels[depth - 1];
        struct gale_value value;
        if (level->left == 0) {
            buf_printf(out, level->is_map ? "}" : "]");
            depth--;
            continue;
        }
        enum gale_err err = gale_cursor_next(&cursor, &value);
        if (err != GALE_OK || depth > BENCH_DEPTH_MAX) {
            return GALE_ERR_CORRUPT;
        }
        if (level->left < level->total) {
            bool is_value = level->is_map && level->left % 2 == 1;
            buf_printf(out, is_value ? ":" : ",");
        }
        level->left--;
        if (value.type == GALE_LIST || value.type == GALE_MAP) {
            bool is_map = value.type == GALE_MAP;
            uint64_t total = is_map ? (uint64_t)value.as.count * 2 : value.as.count;
            buf_printf(out, is_map ? "{" : "[");
            levels[depth++] = (struct open_level){total, total, is_map};
        } else {
            write_scalar(out, &value);
        }
    }
    return GALE_OK;
}

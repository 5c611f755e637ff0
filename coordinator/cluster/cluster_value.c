/* SPDX-License-Identifier: Apache-2.0 */
/* Values as a tree; see cluster_value.h. A stack instead of recursion: the depth is the sender's. */
#include "cluster/cluster_value.h"

#include "rpc/tree.h"

#include <gale/value.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_SHOWN 64u
#define KEY_SIZE 128u

/* A list or map that is being filled. */
struct level {
    struct gale_conf *node;
    uint32_t left; /* values or pairs */
    bool is_map;
};

static enum gale_err put_string(struct gale_conf *parent, const char *key,
                                const struct gale_slice *slice)
{
    size_t size = slice->size < VALUE_TEXT_MAX ? slice->size : VALUE_TEXT_MAX;
    char *text = malloc(size + 4);
    if (!text) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < size; i++) { /* A NUL would end it. */
        text[i] = slice->data[i] != '\0' ? slice->data[i] : ' ';
    }
    memcpy(text + size, size < slice->size ? "..." : "", size < slice->size ? 4 : 1);
    enum gale_err err = tree_put_text(parent, key, text);
    free(text);
    return err;
}

static enum gale_err put_bytes(struct gale_conf *parent, const char *key,
                               const struct gale_slice *slice)
{
    char text[2 + 2 * BYTES_SHOWN + 4] = "0x";
    size_t shown = slice->size < BYTES_SHOWN ? slice->size : BYTES_SHOWN;
    for (size_t i = 0; i < shown; i++) {
        snprintf(text + 2 + 2 * i, 3, "%02x", (unsigned)(uint8_t)slice->data[i]);
    }
    strcat(text, shown < slice->size ? "..." : "");
    return tree_put_text(parent, key, text);
}

static enum gale_err put_scalar(struct gale_conf *parent, const char *key,
                                const struct gale_value *value)
{
    char text[96];
    switch (value->type) {
    case GALE_NIL: return conf_add_scalar(parent, key, "null", false, NULL);
    case GALE_BOOL: return tree_put_bool(parent, key, value->as.boolean);
    case GALE_INT64: return tree_put_int(parent, key, value->as.int64);
    case GALE_UINT64:
        snprintf(text, sizeof text, "%" PRIu64, value->as.uint64);
        return tree_put_text(parent, key, text);
    case GALE_DOUBLE: return tree_put_double(parent, key, value->as.number);
    case GALE_STRING: return put_string(parent, key, &value->as.bytes);
    case GALE_BYTES: return put_bytes(parent, key, &value->as.bytes);
    case GALE_DECIMAL:
        gale_decimal_format(&value->as.decimal, text, sizeof text);
        return tree_put_text(parent, key, text);
    case GALE_LIST:
    case GALE_MAP: break;
    }
    return tree_put_text(parent, key, "...");
}

/* A map's key as text; what is no string is shown as it would be alone. */
static enum gale_err key_read(struct gale_cursor *cursor, char key[KEY_SIZE])
{
    struct gale_cursor at = *cursor;
    struct gale_value value;
    enum gale_err err = gale_cursor_next(&at, &value);
    if (err == GALE_OK && value.type == GALE_STRING) {
        size_t size = value.as.bytes.size < KEY_SIZE ? value.as.bytes.size : KEY_SIZE - 1;
        memcpy(key, value.as.bytes.data, size);
        key[size] = '\0';
    } else if (err == GALE_OK && value.type == GALE_INT64) {
        snprintf(key, KEY_SIZE, "%" PRId64, value.as.int64);
    } else {
        snprintf(key, KEY_SIZE, "...");
    }
    return err ? err : gale_cursor_skip(cursor);
}

/* Takes the next value into the level above it, or opens one of its own. */
static enum gale_err take(struct gale_cursor *cursor, struct level *levels, size_t *depth)
{
    struct level *top = &levels[*depth - 1];
    struct gale_value value;
    char key[KEY_SIZE];
    const char *name = NULL;
    enum gale_err err = GALE_OK;
    top->left--;
    if (top->is_map) {
        err = key_read(cursor, key);
        name = key;
        if (!err && gale_conf_get(top->node, key)) {
            return gale_cursor_skip(cursor); /* The first of two equal keys stays. */
        }
    }
    struct gale_cursor before = *cursor;
    err = err ? err : gale_cursor_next(cursor, &value);
    if (err) {
        return err;
    }
    bool nested = value.type == GALE_LIST || value.type == GALE_MAP;
    if (!nested || *depth == VALUE_DEPTH_MAX) {
        *cursor = before;
        err = put_scalar(top->node, name, &value);
        return err ? err : gale_cursor_skip(cursor);
    }
    struct level next = {.left = value.as.count, .is_map = value.type == GALE_MAP};
    err = next.is_map ? conf_add_map(top->node, name, &next.node)
                      : conf_add_list(top->node, name, &next.node);
    levels[(*depth)++] = next;
    return err;
}

enum gale_err value_tree(const uint8_t *data, size_t size, struct gale_conf *map,
                         const char *key)
{
    struct level levels[VALUE_DEPTH_MAX];
    struct gale_cursor cursor = {data, data + size};
    struct gale_value array;
    size_t depth = 1;
    enum gale_err err = gale_cursor_next(&cursor, &array);
    if (err || array.type != GALE_LIST) {
        return err == GALE_ERR_NOMEM ? err : GALE_ERR_CORRUPT;
    }
    levels[0] = (struct level){.left = array.as.count};
    err = conf_add_list(map, key, &levels[0].node);
    while (!err && depth > 0) {
        if (levels[depth - 1].left == 0) {
            depth--;
        } else {
            err = take(&cursor, levels, &depth);
        }
    }
    return err == GALE_ERR_AGAIN ? GALE_ERR_CORRUPT : err;
}

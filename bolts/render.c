/* SPDX-License-Identifier: Apache-2.0 */
/* Writing tuples as tab-separated text, JSON or raw bytes; see render.h. */
#include "bolts/render.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 96

bool render_parse_format(const char *text, enum render_format *out)
{
    static const char *const names[] = {"tsv", "json", "raw"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum render_format)i;
            return true;
        }
    }
    return false;
}

void render_append(struct render *render, const char *data, size_t size)
{
    if (render->capacity - render->size < size) {
        size_t capacity = (render->size + size) * 2;
        char *larger = realloc(render->data, capacity);
        if (larger == NULL) {
            render->failed = true;
            return;
        }
        render->data = larger;
        render->capacity = capacity;
    }
    if (size > 0) {
        memcpy(render->data + render->size, data, size);
        render->size += size;
    }
}

static void append_text(struct render *render, const char *text)
{
    render_append(render, text, strlen(text));
}

static void append_base64(struct render *render, struct gale_slice bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = (const uint8_t *)bytes.data;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (left > 2 ? in[i + 2] : 0u);
        char out[4] = {digits[group >> 18], digits[group >> 12 & 63],
                       left > 1 ? digits[group >> 6 & 63] : '=',
                       left > 2 ? digits[group & 63] : '='};
        render_append(render, out, 4);
    }
}

/* Size of the well-formed UTF-8 sequence at `at`, 0 when there is none. */
static size_t utf8_size(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    size_t size = lead < 0x80                   ? 1
                  : lead >= 0xc2 && lead < 0xe0 ? 2
                  : lead >= 0xe0 && lead < 0xf0 ? 3
                  : lead >= 0xf0 && lead < 0xf5 ? 4
                                                : 0;
    if (size == 0 || size > left) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0u) != 0x80u) {
            return 0;
        }
    }
    bool is_overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool is_outside = (lead == 0xed && at[1] >= 0xa0) || (lead == 0xf4 && at[1] >= 0x90);
    return is_overlong || is_outside ? 0 : size;
}

static void append_json_text(struct render *render, struct gale_slice text)
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    append_text(render, "\"");
    for (size_t i = 0; i < text.size;) {
        size_t size = utf8_size(bytes + i, text.size - i);
        if (size == 0) {
            append_text(render, "\xef\xbf\xbd");
            i++;
            continue;
        }
        if (bytes[i] == '"' || bytes[i] == '\\') {
            append_text(render, "\\");
            render_append(render, text.data + i, 1);
        } else if (bytes[i] < 0x20) {
            char escape[8];
            const char *known = bytes[i] == '\n'   ? "\\n"
                                : bytes[i] == '\t' ? "\\t"
                                : bytes[i] == '\r' ? "\\r"
                                                   : NULL;
            snprintf(escape, sizeof(escape), "\\u%04x", bytes[i]);
            append_text(render, known != NULL ? known : escape);
        } else {
            render_append(render, text.data + i, size);
        }
        i += size;
    }
    append_text(render, "\"");
}

/* The shortest form that reads back as the same number. */
static void append_double(struct render *render, double value)
{
    char text[NUMBER_MAX];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    append_text(render, text);
    if (strspn(text, "-0123456789") == strlen(text)) {
        append_text(render, ".0");
    }
}

/* Numbers and truth values, alike in all formats; false for other types. */
static bool append_plain(struct render *render, const struct gale_value *value)
{
    char text[NUMBER_MAX] = "";
    switch (value->type) {
    case GALE_BOOL: append_text(render, value->as.boolean ? "true" : "false"); return true;
    case GALE_INT64: snprintf(text, sizeof(text), "%lld", (long long)value->as.int64); break;
    case GALE_UINT64:
        snprintf(text, sizeof(text), "%llu", (unsigned long long)value->as.uint64);
        break;
    case GALE_DECIMAL: gale_decimal_format(&value->as.decimal, text, sizeof(text)); break;
    case GALE_DOUBLE:
        if (!isfinite(value->as.number)) {
            return false;
        }
        append_double(render, value->as.number);
        return true;
    case GALE_NIL:
    case GALE_STRING:
    case GALE_BYTES:
    case GALE_LIST:
    case GALE_MAP: return false;
    }
    append_text(render, text);
    return true;
}

static void append_json_scalar(struct render *render, const struct gale_value *value)
{
    if (append_plain(render, value)) {
        return;
    }
    if (value->type == GALE_STRING) {
        append_json_text(render, value->as.bytes);
    } else if (value->type == GALE_BYTES) {
        append_text(render, "\"");
        append_base64(render, value->as.bytes);
        append_text(render, "\"");
    } else {
        append_text(render, "null");
    }
}

/* An open list or map while JSON is written. */
struct level {
    uint64_t left; /* Values still to come; of a map keys and values. */
    bool is_map;
};

/* A key must be a JSON text: other scalars are written in quotes, lists and maps refused. */
static enum gale_err append_key(struct render *render, const struct gale_value *key)
{
    bool is_quoted = key->type == GALE_STRING || key->type == GALE_BYTES;
    if (key->type == GALE_LIST || key->type == GALE_MAP) {
        return GALE_ERR_UNSUPPORTED;
    }
    append_text(render, is_quoted ? "" : "\"");
    append_json_scalar(render, key);
    append_text(render, is_quoted ? ":" : "\":");
    return GALE_OK;
}

/* Writes one value with all that is nested in it; the cursor ends behind it. */
static enum gale_err append_json(struct render *render, struct gale_cursor *cursor)
{
    struct level levels[RENDER_DEPTH_MAX];
    unsigned depth = 0;
    do {
        struct gale_value value;
        bool is_key = depth > 0 && levels[depth - 1].is_map && levels[depth - 1].left % 2 == 0;
        enum gale_err err = gale_cursor_next(cursor, &value);
        if (err != GALE_OK) {
            return GALE_ERR_CORRUPT;
        }
        if (depth > 0) {
            levels[depth - 1].left--;
        }
        if (is_key) {
            err = append_key(render, &value);
            if (err != GALE_OK) {
                return err;
            }
            continue;
        }
        if (value.type == GALE_LIST || value.type == GALE_MAP) {
            bool is_map = value.type == GALE_MAP;
            if (depth == RENDER_DEPTH_MAX) {
                return GALE_ERR_LIMIT;
            }
            append_text(render, is_map ? "{" : "[");
            levels[depth++] =
                (struct level){is_map ? (uint64_t)value.as.count * 2 : value.as.count, is_map};
        } else {
            append_json_scalar(render, &value);
        }
        while (depth > 0 && levels[depth - 1].left == 0) {
            append_text(render, levels[--depth].is_map ? "}" : "]");
        }
        bool opened =
            render->size > 0 &&
            (render->data[render->size - 1] == '[' || render->data[render->size - 1] == '{') &&
            (value.type == GALE_LIST || value.type == GALE_MAP);
        if (depth > 0 && !opened) {
            append_text(render, ",");
        }
    } while (depth > 0);
    return GALE_OK;
}

static void append_tsv_text(struct render *render, struct gale_slice text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        const char *escape = c == '\t'   ? "\\t"
                             : c == '\n' ? "\\n"
                             : c == '\r' ? "\\r"
                             : c == '\\' ? "\\\\"
                                         : NULL;
        if (escape != NULL) {
            render_append(render, text.data + start, i - start);
            append_text(render, escape);
            start = i + 1;
        }
    }
    render_append(render, text.data + start, text.size - start);
}

static enum gale_err append_tsv(struct render *render, struct gale_cursor *cursor)
{
    struct gale_cursor ahead = *cursor;
    struct gale_value value;
    if (gale_cursor_next(&ahead, &value) != GALE_OK) {
        return GALE_ERR_CORRUPT;
    }
    if (value.type == GALE_LIST || value.type == GALE_MAP) {
        return append_json(render, cursor);
    }
    *cursor = ahead;
    if (value.type == GALE_STRING) {
        append_tsv_text(render, value.as.bytes);
    } else if (value.type == GALE_BYTES) {
        append_base64(render, value.as.bytes);
    } else if (value.type == GALE_DOUBLE && !isfinite(value.as.number)) {
        append_text(render, isnan(value.as.number) ? "NaN"
                            : value.as.number > 0  ? "Inf"
                                                   : "-Inf");
    } else if (!append_plain(render, &value)) {
        append_text(render, "\\N");
    }
    return GALE_OK;
}

static enum gale_err append_raw(struct render *render, const struct gale_tuple *tuple)
{
    struct gale_cursor cursor = {tuple->data, tuple->data + tuple->size};
    struct gale_slice text = gale_tuple_string(tuple, 0);
    if (text.data != NULL) {
        render_append(render, text.data, text.size);
        return GALE_OK;
    }
    return tuple->fields_count > 0 ? append_tsv(render, &cursor) : GALE_OK;
}

static enum gale_err append_fields(struct render *render, enum render_format format,
                                   const struct gale_tuple *tuple, const char *const *names)
{
    struct gale_cursor cursor = {tuple->data, tuple->data + tuple->size};
    bool is_json = format == RENDER_JSON;
    append_text(render, !is_json ? "" : names != NULL ? "{" : "[");
    for (unsigned i = 0; i < tuple->fields_count; i++) {
        enum gale_err err;
        if (i > 0) {
            append_text(render, is_json ? "," : "\t");
        }
        if (is_json && names != NULL) {
            struct gale_slice name = {names[i], strlen(names[i])};
            append_json_text(render, name);
            append_text(render, ":");
        }
        err = is_json ? append_json(render, &cursor) : append_tsv(render, &cursor);
        if (err != GALE_OK) {
            return err;
        }
    }
    append_text(render, !is_json ? "" : names != NULL ? "}" : "]");
    return GALE_OK;
}

enum gale_err render_line(struct render *render, enum render_format format,
                          const struct gale_tuple *tuple, const char *const *names)
{
    size_t size = render->size;
    render->failed = false;
    enum gale_err err = format == RENDER_RAW ? append_raw(render, tuple)
                                             : append_fields(render, format, tuple, names);
    append_text(render, "\n");
    if (err == GALE_OK && render->failed) {
        err = GALE_ERR_NOMEM;
    }
    if (err != GALE_OK) {
        render->size = size;
    }
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer; see json_writer.h. Write errors are left in the FILE for its owner to find. */
#include "cli/json_writer.h"

#include "base/assert.h"
#include "text/utf8.h"
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

static void write_escape(FILE *file, unsigned char c)
{
    switch (c) {
    case '"': fputs("\\\"", file); break;
    case '\\': fputs("\\\\", file); break;
    case '\n': fputs("\\n", file); break;
    case '\r': fputs("\\r", file); break;
    case '\t': fputs("\\t", file); break;
    default: fprintf(file, "\\u%04x", c); break;
    }
}

static void write_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t length = utf8_length(at);
        if (length == 0) {
            fputs(UTF8_REPLACEMENT, file);
            at++;
        } else if (length == 1 && (*at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f)) {
            write_escape(file, *at++);
        } else {
            fwrite(at, 1, length, file);
            at += length;
        }
    }
    fputc('"', file);
}

static void write_key(struct jsonw *json, const char *key)
{
    GALE_ASSERT((key != NULL) == json->map[json->depth]);
    GALE_ASSERT(json->depth > 0 || !json->some[0]);
    if (json->some[json->depth]) {
        fputc(',', json->file);
    }
    json->some[json->depth] = true;
    if (key != NULL) {
        write_text(json->file, key);
        fputc(':', json->file);
    }
}

static void open_level(struct jsonw *json, const char *key, bool map)
{
    write_key(json, key);
    GALE_ASSERT(json->depth < JSONW_DEPTH_MAX);
    json->depth++;
    json->some[json->depth] = false;
    json->map[json->depth] = map;
    fputc(map ? '{' : '[', json->file);
}

static void close_level(struct jsonw *json, bool map)
{
    GALE_ASSERT(json->depth > 0 && json->map[json->depth] == map);
    json->depth--;
    fputc(map ? '}' : ']', json->file);
}

void jsonw_init(struct jsonw *json, FILE *file)
{
    memset(json, 0, sizeof *json);
    json->file = file;
}

void jsonw_end(struct jsonw *json)
{
    GALE_ASSERT(json->depth == 0);
    fputc('\n', json->file);
    json->some[0] = false;
}

void jsonw_open_object(struct jsonw *json, const char *key)
{
    open_level(json, key, true);
}

void jsonw_close_object(struct jsonw *json)
{
    close_level(json, true);
}

void jsonw_open_list(struct jsonw *json, const char *key)
{
    open_level(json, key, false);
}

void jsonw_close_list(struct jsonw *json)
{
    close_level(json, false);
}

void jsonw_string(struct jsonw *json, const char *key, const char *text)
{
    if (text == NULL) {
        jsonw_null(json, key);
        return;
    }
    write_key(json, key);
    write_text(json->file, text);
}

void jsonw_int(struct jsonw *json, const char *key, int64_t value)
{
    write_key(json, key);
    fprintf(json->file, "%" PRId64, value);
}

void jsonw_uint(struct jsonw *json, const char *key, uint64_t value)
{
    write_key(json, key);
    fprintf(json->file, "%" PRIu64, value);
}

void jsonw_number(struct jsonw *json, const char *key, double value, int decimals)
{
    GALE_ASSERT(decimals >= 0 && decimals <= 9);
    if (!isfinite(value)) {
        jsonw_null(json, key);
        return;
    }
    write_key(json, key);
    fprintf(json->file, "%.*f", decimals, value);
}

void jsonw_bool(struct jsonw *json, const char *key, bool value)
{
    write_key(json, key);
    fputs(value ? "true" : "false", json->file);
}

void jsonw_null(struct jsonw *json, const char *key)
{
    write_key(json, key);
    fputs("null", json->file);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting and showing what is wrong with a topology. Each item owns a copy of its file's name.
 * Columns count characters (code points), so a caret may be off under double-width ones.
 * One thread. The text form is for people; it never changes what was found.
 */
#include "core/diag.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_SIZE_MAX ((size_t)4 << 20)
#define SHOWN_CHARACTERS_MAX 160 /* Of a source line; longer ones are cut around the place. */
#define SHOWN_BEFORE_MAX 60      /* Characters before the place in a cut line. */
#define WARNINGS_FROM 500
#define EXPLAIN_COLUMN 58 /* Where the last line names the next step. */

void diag_init(struct diag *diag)
{
    *diag = (struct diag){0};
}

void diag_fini(struct diag *diag)
{
    for (size_t i = 0; i < diag->count; i++) {
        /* The copy is the item's own; only conf_place's member is const. */
        free((void *)(uintptr_t)diag->items[i].place.file);
    }
    free(diag->items);
    diag_init(diag);
}

void diag_add(struct diag *diag, enum diag_code code, const struct conf_place *place,
              const char *hint, const char *format, ...)
{
    bool warning = (unsigned)code >= WARNINGS_FROM;
    diag->errors_count += !warning;
    if (!diag->items) {
        diag->items = calloc(DIAG_MAX, sizeof *diag->items);
    }
    if (!diag->items || diag->count == DIAG_MAX) {
        diag->dropped_count++;
        return;
    }
    struct diag_item *item = &diag->items[diag->count++];
    *item = (struct diag_item){.code = code, .warning = warning};
    if (place && place->file) {
        item->place = *place;
        /* Without memory for the name the message still stands, only without its place. */
        item->place.file = strdup(place->file);
    }
    str_copy(item->hint, sizeof item->hint, hint ? hint : "");
    va_list args;
    va_start(args, format);
    if (vsnprintf(item->text, sizeof item->text, format, args) < 0) {
        str_copy(item->text, sizeof item->text, format);
    }
    va_end(args);
}

/* Items without a place come last: they speak of the topology as a whole. */
static int item_compare(const struct diag_item *a, const struct diag_item *b)
{
    if (!a->place.file || !b->place.file) {
        return !a->place.file - !b->place.file;
    }
    int order = strcmp(a->place.file, b->place.file);
    if (order == 0 && a->place.line != b->place.line) {
        order = a->place.line < b->place.line ? -1 : 1;
    }
    if (order == 0 && a->place.column != b->place.column) {
        order = a->place.column < b->place.column ? -1 : 1;
    }
    return order;
}

void diag_sort(struct diag *diag)
{
    /* Insertion: stable, and there are at most DIAG_MAX items. */
    for (size_t i = 1; i < diag->count; i++) {
        struct diag_item item = diag->items[i];
        size_t at = i;
        while (at > 0 && item_compare(&item, &diag->items[at - 1]) < 0) {
            diag->items[at] = diag->items[at - 1];
            at--;
        }
        diag->items[at] = item;
    }
}

/* The last source file read; items come sorted, so one is enough. */
struct source {
    const char *file;
    char *text; /* NULL: cannot be read */
    size_t size;
};

static void source_load(struct source *source, const char *path)
{
    if (source->file && strcmp(source->file, path) == 0) {
        return;
    }
    free(source->text);
    *source = (struct source){.file = path};
    FILE *file = fopen(path, "rb");
    if (!file) {
        return;
    }
    source->text = malloc(SOURCE_SIZE_MAX);
    if (source->text) {
        source->size = fread(source->text, 1, SOURCE_SIZE_MAX, file);
    }
    fclose(file);
}

/* The bytes of a line without its end; false when the file has no such line. */
static bool source_line(const struct source *source, uint32_t line, struct gale_slice *out)
{
    if (!source->text || line == 0) {
        return false;
    }
    const char *at = source->text, *end = source->text + source->size;
    for (uint32_t i = 1; i < line; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) {
            return false;
        }
        at = newline + 1;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t size = (size_t)((newline ? newline : end) - at);
    if (size > 0 && at[size - 1] == '\r') {
        size--;
    }
    *out = (struct gale_slice){.data = at, .size = size};
    return true;
}

/* Bytes of the character at the start of text, 0 when it is no well-formed UTF-8. */
static size_t character_size(const char *text, size_t size)
{
    unsigned char first = (unsigned char)*text;
    size_t need = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || need > size) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return need;
}

/* Shows `count` characters of the line from character `skip` on; what a terminal could act upon
 * is replaced, a tab by one space so that the caret below stays in step. */
static enum gale_err render_characters(struct buf *out, struct gale_slice line, size_t skip,
                                       size_t count)
{
    size_t at = 0;
    for (size_t i = 0; at < line.size && i < skip + count; i++) {
        size_t size = character_size(line.data + at, line.size - at);
        unsigned char first = (unsigned char)line.data[at];
        if (i >= skip) {
            enum gale_err err;
            if (size == 0 || (first < 0x20 && first != '\t') || first == 0x7f) {
                err = buf_append(out, "?", 1);
            } else if (first == '\t') {
                err = buf_append(out, " ", 1);
            } else {
                err = buf_append(out, line.data + at, size);
            }
            if (err) {
                return err;
            }
        }
        at += size ? size : 1;
    }
    return GALE_OK;
}

static enum gale_err render_line(const struct diag_item *item, struct gale_slice line,
                                 struct buf *out)
{
    size_t column = item->place.column ? item->place.column - 1 : 0;
    size_t skip =
        column > SHOWN_CHARACTERS_MAX - SHOWN_BEFORE_MAX ? column - SHOWN_BEFORE_MAX : 0;
    char number[16];
    int width = snprintf(number, sizeof number, "%u", item->place.line);
    enum gale_err err = buf_printf(out, " %s | ", number);
    if (!err) {
        err = render_characters(out, line, skip, SHOWN_CHARACTERS_MAX);
    }
    size_t room = SHOWN_CHARACTERS_MAX - (column - skip);
    size_t carets = item->place.length ? item->place.length : 1;
    if (carets > room) {
        carets = room;
    }
    if (!err) {
        err = buf_printf(out, "\n %*s | %*s", width, "", (int)(column - skip), "");
    }
    for (size_t i = 0; i < carets && !err; i++) {
        err = buf_append(out, "^", 1);
    }
    if (!err && item->hint[0]) {
        err = buf_printf(out, "  %s", item->hint);
    }
    return err ? err : buf_append(out, "\n", 1);
}

static enum gale_err render_item(const struct diag_item *item, struct source *source,
                                 struct buf *out)
{
    enum gale_err err = GALE_OK;
    if (item->place.file && item->place.line) {
        err = buf_printf(out, "%s:%u:%u: ", item->place.file, item->place.line,
                         item->place.column);
    } else if (item->place.file) {
        err = buf_printf(out, "%s: ", item->place.file);
    }
    if (!err) {
        err = buf_printf(out, "%s[%c%u]: %s\n", item->warning ? "warning" : "error",
                         item->warning ? 'W' : 'E', (unsigned)item->code, item->text);
    }
    if (err) {
        return err;
    }
    struct gale_slice line;
    if (item->place.file && item->place.line) {
        source_load(source, item->place.file);
        if (source_line(source, item->place.line, &line)) {
            return render_line(item, line, out);
        }
    }
    return item->hint[0] ? buf_printf(out, "    %s\n", item->hint) : GALE_OK;
}

/* The first error, or the first warning when there are only those. */
static const struct diag_item *first_item(const struct diag *diag)
{
    for (size_t i = 0; i < diag->count; i++) {
        if (!diag->items[i].warning) {
            return &diag->items[i];
        }
    }
    return &diag->items[0];
}

enum gale_err diag_render(const struct diag *diag, struct buf *out)
{
    struct source source = {0};
    enum gale_err err = GALE_OK;
    for (size_t i = 0; i < diag->count && !err; i++) {
        err = render_item(&diag->items[i], &source, out);
    }
    free(source.text);
    if (!err && diag->dropped_count) {
        err = buf_printf(out, "%zu more not shown\n", diag->dropped_count);
    }
    size_t warnings_count = diag->count + diag->dropped_count - diag->errors_count;
    if (!err) {
        err = buf_printf(out, "%zu error%s, %zu warning%s", diag->errors_count,
                         diag->errors_count == 1 ? "" : "s", warnings_count,
                         warnings_count == 1 ? "" : "s");
    }
    if (!err && diag->count) {
        const struct diag_item *item = first_item(diag);
        size_t line = out->size;
        while (line > 0 && out->data[line - 1] != '\n') {
            line--;
        }
        int used = (int)(out->size - line);
        err = buf_printf(out, "%*sgale explain %c%u",
                         used < EXPLAIN_COLUMN ? EXPLAIN_COLUMN - used : 2, "",
                         item->warning ? 'W' : 'E', (unsigned)item->code);
    }
    return err ? err : buf_printf(out, "\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Merging of logs; see logs_merge.h. The two forms of a line are drawn in base/log.c. */
#include "cli/logs_merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIME_SIZE = 24 /* 2026-11-21T10:17:43.123Z */ };

void logs_merge_init(struct logs_merge *merge)
{
    memset(merge, 0, sizeof *merge);
    buf_init(&merge->text, LOGS_HELD_MAX);
}

void logs_merge_fini(struct logs_merge *merge)
{
    buf_fini(&merge->text);
    free(merge->lines);
    memset(merge, 0, sizeof *merge);
}

void logs_merge_clear(struct logs_merge *merge)
{
    buf_clear(&merge->text);
    merge->count = 0;
}

const char *logs_merge_text(const struct logs_merge *merge, const struct logs_line *line)
{
    return (const char *)merge->text.data + line->at;
}

enum gale_err logs_merge_add(struct logs_merge *merge, size_t source, const char *line,
                             size_t size, int64_t *last_ms)
{
    if (merge->count == merge->capacity) {
        size_t capacity = merge->capacity == 0 ? 256 : merge->capacity * 2;
        struct logs_line *lines = realloc(merge->lines, capacity * sizeof *lines);
        if (lines == NULL) {
            return GALE_ERR_NOMEM;
        }
        merge->lines = lines;
        merge->capacity = capacity;
    }
    size = size < LOGS_LINE_MAX ? size : LOGS_LINE_MAX;
    size_t at = merge->text.size;
    enum gale_err err = buf_append(&merge->text, line, size);
    if (err != GALE_OK) {
        return err;
    }
    int64_t ms = logs_line_ms(line, size);
    *last_ms = ms >= 0 ? ms : *last_ms;
    merge->lines[merge->count++] = (struct logs_line){
        .ms = *last_ms, .source = source, .order = merge->order++, .at = at, .size = size};
    return GALE_OK;
}

static int compare(const void *a, const void *b)
{
    const struct logs_line *left = a;
    const struct logs_line *right = b;
    if (left->ms != right->ms) {
        return left->ms < right->ms ? -1 : 1;
    }
    if (left->source != right->source) {
        return left->source < right->source ? -1 : 1;
    }
    return left->order < right->order ? -1 : left->order > right->order;
}

void logs_merge_sort(struct logs_merge *merge)
{
    if (merge->count > 1) {
        qsort(merge->lines, merge->count, sizeof *merge->lines, compare);
    }
}

/* ---- One line ---- */

/* The text of so many digits at a place; -1: they are none. */
static int digits(const char *text, size_t at, size_t count)
{
    int value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

int64_t logs_line_ms(const char *line, size_t size)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z";
    size_t at = 0;
    if (size > 3 && memcmp(line, "ts=", 3) == 0) {
        at = 3;
    } else if (size > 7 && memcmp(line, "{\"ts\":\"", 7) == 0) {
        at = 7;
    }
    if (at == 0 || size < at + TIME_SIZE) {
        return -1;
    }
    const char *text = line + at;
    for (size_t i = 0; i < TIME_SIZE; i++) {
        if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i]) {
            return -1;
        }
    }
    struct tm parts = {.tm_year = digits(text, 0, 4) - 1900,
                       .tm_mon = digits(text, 5, 2) - 1,
                       .tm_mday = digits(text, 8, 2),
                       .tm_hour = digits(text, 11, 2),
                       .tm_min = digits(text, 14, 2),
                       .tm_sec = digits(text, 17, 2)};
    int64_t seconds = (int64_t)timegm(&parts);
    return seconds >= 0 ? seconds * 1000 + digits(text, 20, 3) : -1;
}

/* Where the value of a logfmt key begins, outside of quotes; NULL: no such key. */
static const char *logfmt_value(const char *line, size_t size, const char *key)
{
    size_t length = strlen(key);
    bool quoted = false;
    bool begin = true;
    for (size_t i = 0; i < size; i++) {
        if (begin && !quoted && size - i > length && memcmp(line + i, key, length) == 0 &&
            line[i + length] == '=') {
            return line + i + length + 1;
        }
        begin = line[i] == ' ';
        if (line[i] == '"') {
            quoted = !quoted;
        } else if (quoted && line[i] == '\\') {
            i++;
        }
    }
    return NULL;
}

/* Where the value of a key of a JSON line begins; a quote inside of a text is escaped there, so the key
 * with its quotes stands nowhere else. */
static const char *json_value(const char *line, size_t size, const char *key)
{
    char pattern[32];
    size_t length = strlen(key);
    pattern[0] = '"';
    memcpy(pattern + 1, key, length);
    memcpy(pattern + 1 + length, "\":\"", 3);
    length += 4;
    const char *found = memmem(line, size, pattern, length);
    return found != NULL ? found + length : NULL;
}

static bool value_is(const char *line, size_t size, const char *key, const char *value)
{
    bool json = size > 0 && line[0] == '{';
    size_t length = strlen(value);
    const char *at = json ? json_value(line, size, key) : logfmt_value(line, size, key);
    if (at == NULL) {
        return false;
    }
    size_t left = size - (size_t)(at - line);
    if (left < length || memcmp(at, value, length) != 0) {
        return false;
    }
    return left == length || at[length] == (json ? '"' : ' ');
}

bool logs_line_is_of(const char *line, size_t size, const char *component)
{
    return value_is(line, size, "component", component);
}

/* A JSON line has the number bare. */
bool logs_line_is_of_task(const char *line, size_t size, int64_t task)
{
    char number[40];
    if (size == 0 || line[0] != '{') {
        snprintf(number, sizeof number, "%" PRId64, task);
        return value_is(line, size, "task", number);
    }
    int length = snprintf(number, sizeof number, "\"task\":%" PRId64, task);
    const char *found = memmem(line, size, number, (size_t)length);
    const char *end = found != NULL ? found + length : NULL;
    return end != NULL && end < line + size && (*end == ',' || *end == '}');
}

int logs_line_level(const char *line, size_t size)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) {
        if (value_is(line, size, "level", names[i])) {
            return i;
        }
    }
    return -1;
}

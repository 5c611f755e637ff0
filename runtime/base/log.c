/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging to standard error: each line is made in a buffer of its own and written with one call,
 * so that lines of several processes do not mix.
 *
 * Threading: the settings are written once by log_init, before threads exist; the overriding level
 * is atomic; those of components are written and read by the thread of the callbacks alone, as others name none. What log_set_task
 * names belongs to the calling thread. The table of call sites is shared by all threads and
 * guarded by `sites_lock`; it is held for a few instructions and never while writing.
 *
 * A call site is known by the address of its format. Two sites that fall on one slot push each
 * other out, which may let more lines pass than the limit but never fewer.
 */
#include "base/log.h"
#include "base/clock.h"
#include "base/str.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE_MAX 2048
#define MESSAGE_SIZE_MAX 1024
#define WHO_SIZE_MAX 64
#define TAIL_SIZE 512 /* kept behind a JSON message for what follows */
#define SITES_COUNT 128
#define SITE_LINES_PER_SECOND 20
#define NS_PER_S INT64_C(1000000000)

struct site {
    const char *format;
    int64_t second;
    uint64_t left_out_count;
    unsigned lines_count;
};

struct line {
    char text[LINE_SIZE_MAX];
    size_t size;
};

/* The level of one component. */
struct override {
    char component[LOG_COMPONENT_SIZE];
    enum gale_log_level level;
};

static enum gale_log_level level_min = GALE_LOG_INFO; /* as set at the start */
static _Atomic int level_now = GALE_LOG_INFO;         /* of what has none of its own */
static struct override overrides[LOG_OVERRIDES_MAX];
static size_t overrides_count;
static char process_name[WHO_SIZE_MAX];
static enum log_form line_form;
static pthread_mutex_t sites_lock = PTHREAD_MUTEX_INITIALIZER;
static struct site sites[SITES_COUNT];

static _Thread_local const char *task_topology;
static _Thread_local const char *task_component;
static _Thread_local unsigned task_number;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(enum gale_log_level level, const char *who, enum log_form form)
{
    level_min = level;
    atomic_store(&level_now, (int)level);
    overrides_count = 0;
    line_form = form;
    str_copy(process_name, sizeof process_name, who ? who : "");
}

enum gale_log_level log_level(void)
{
    return (enum gale_log_level)atomic_load(&level_now);
}

static struct override *override_of(const char *component)
{
    for (size_t i = 0; i < overrides_count; i++) {
        if (strcmp(overrides[i].component, component) == 0) {
            return &overrides[i];
        }
    }
    return NULL;
}

void log_override_end(const char *component)
{
    if (!component || component[0] == '\0') {
        atomic_store(&level_now, (int)level_min);
    }
    struct override *override = component ? override_of(component) : NULL;
    if (override) {
        *override = overrides[--overrides_count];
    } else if (!component) {
        overrides_count = 0;
    }
}

enum gale_err log_override(const char *component, enum gale_log_level level)
{
    if (component[0] == '\0') {
        atomic_store(&level_now, (int)level);
        return GALE_OK;
    }
    struct override *override = override_of(component);
    if (!override) {
        if (overrides_count == LOG_OVERRIDES_MAX) {
            return GALE_ERR_LIMIT;
        }
        override = &overrides[overrides_count++];
        str_copy(override->component, sizeof override->component, component);
    }
    override->level = level;
    return GALE_OK;
}

/* Whether a line of this level is wanted from where it is said. */
static bool is_wanted(enum gale_log_level level)
{
    const struct override *override = task_component ? override_of(task_component) : NULL;
    return override ? level >= override->level
                    : (int)level >= atomic_load_explicit(&level_now, memory_order_relaxed);
}

void log_set_task(const char *topology, const char *component, unsigned task)
{
    task_topology = topology;
    task_component = component;
    task_number = task;
}

bool log_level_parse(const char *text, enum gale_log_level *out)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(level_names[i], text) == 0) {
            *out = (enum gale_log_level)i;
            return true;
        }
    }
    return false;
}

/* Whether a line of this site may pass now; *left_out: lines swallowed since the last that did. */
static bool site_pass(const char *format, uint64_t *left_out)
{
    int64_t second = clock_now_ns() / NS_PER_S;
    pthread_mutex_lock(&sites_lock);
    struct site *site = &sites[((uintptr_t)format >> 3) % SITES_COUNT];
    if (site->format != format) {
        *site = (struct site){.format = format, .second = second};
    }
    if (site->second != second) {
        site->second = second;
        site->lines_count = 0;
    }
    bool pass = site->lines_count < SITE_LINES_PER_SECOND;
    if (pass) {
        site->lines_count++;
        *left_out = site->left_out_count;
        site->left_out_count = 0;
    } else {
        site->left_out_count++;
    }
    pthread_mutex_unlock(&sites_lock);
    return pass;
}

/* One byte is always kept for the newline. */
static void line_add(struct line *line, const char *text, size_t size)
{
    size_t room = LINE_SIZE_MAX - 1 - line->size;
    if (size > room) {
        size = room;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void line_add_text(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

/* A logfmt value: quoted, with what would break a line or a quote escaped. */
static void line_add_quoted(struct line *line, const char *text)
{
    line_add_text(line, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            char escaped[2] = {'\\', *text};
            line_add(line, escaped, 2);
        } else if (c == '\n') {
            line_add_text(line, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            char escaped[8];
            snprintf(escaped, sizeof escaped, "\\x%02x", c);
            line_add_text(line, escaped);
        } else {
            line_add(line, text, 1);
        }
    }
    line_add_text(line, "\"");
}

static void line_add_pair(struct line *line, const char *key, const char *value)
{
    line_add_text(line, key);
    line_add_text(line, value);
}

/* A message for a terminal: control characters would let a tuple's text move the cursor. */
static void line_add_plain(struct line *line, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        line_add(line, c < 0x20 || c == 0x7f ? " " : text, 1);
    }
}

/* Bytes of the character that begins at `text`; 0: it is no UTF-8. */
static size_t character_size(const unsigned char *text)
{
    static const struct {
        unsigned char mask, lead,
            least; /* least: of the second byte where the first is `lead` */
    } forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0xa0}, {0xf8, 0xf0, 0x90}};
    if (*text < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if ((*text & forms[i].mask) != forms[i].lead) {
            continue;
        }
        for (size_t k = 1; k < i + 2; k++) {
            if ((text[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        bool overlong = *text == forms[i].lead && text[1] < forms[i].least;
        bool outside = *text > 0xf4 || (*text == 0xf4 && text[1] > 0x8f) ||
                       (*text == 0xed && text[1] > 0x9f) || *text < 0xc2;
        return overlong || outside ? 0 : i + 2;
    }
    return 0;
}

/* A JSON member behind others. It is cut where the line would grow beyond `room`, never inside a
 * character, so that the line stays a document. */
static void line_add_member(struct line *line, const char *key, const char *text, size_t room)
{
    line_add_text(line, line->size == 0 ? "{\"" : ",\"");
    line_add_pair(line, key, "\":\"");
    while (*text && line->size + 6 < room) {
        unsigned char c = (unsigned char)*text;
        size_t size = character_size((const unsigned char *)text);
        char escaped[8];
        if (size == 0) {
            line_add_text(line, "\xef\xbf\xbd");
            size = 1;
        } else if (c == '"' || c == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", c);
            line_add_text(line, escaped);
        } else if (c < 0x20) {
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
            line_add_text(line, escaped);
        } else {
            line_add(line, text, size);
        }
        text += size;
    }
    line_add_text(line, "\"");
}

static void line_make_json(struct line *line, const char *time, const char *level,
                           const char *message)
{
    line_add_member(line, "ts", time, LINE_SIZE_MAX);
    line_add_member(line, "level", level, LINE_SIZE_MAX);
    line_add_member(line, "msg", message, LINE_SIZE_MAX - TAIL_SIZE);
    if (task_topology) {
        line_add_member(line, "topology", task_topology, LINE_SIZE_MAX - TAIL_SIZE / 4 * 3);
    }
    if (task_component) {
        char number[16];
        snprintf(number, sizeof number, "%u", task_number);
        line_add_member(line, "component", task_component, LINE_SIZE_MAX - TAIL_SIZE / 2);
        line_add_pair(line, ",\"task\":", number);
    }
    if (process_name[0]) {
        line_add_member(line, "worker", process_name, LINE_SIZE_MAX - TAIL_SIZE / 4);
    }
}

static void line_make(struct line *line, enum gale_log_level level, const char *message)
{
    bool pretty = line_form == LOG_FORM_PRETTY;
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    char day[32], time_of_day[32], number[32];
    strftime(day, sizeof day, "%Y-%m-%dT", &parts);
    strftime(time_of_day, sizeof time_of_day, "%H:%M:%S", &parts);
    snprintf(number, sizeof number, ".%03ld", now.tv_nsec / 1000000);
    if (line_form == LOG_FORM_JSON) {
        char time[96];
        snprintf(time, sizeof time, "%s%s%sZ", day, time_of_day, number);
        line_make_json(line, time, level_names[level], message);
        return;
    }
    if (pretty) {
        line_add_text(line, time_of_day);
        line_add_pair(line, " ", level_names[level]);
        line_add_pair(line, " ", process_name);
    } else {
        line_add_pair(line, "ts=", day);
        line_add_pair(line, time_of_day, number);
        line_add_pair(line, "Z level=", level_names[level]);
        line_add_text(line, " msg=");
        line_add_quoted(line, message);
    }
    if (task_topology && !pretty) {
        line_add_pair(line, " topology=", task_topology);
    }
    snprintf(number, sizeof number, "%u", task_number);
    if (task_component) {
        line_add_pair(line, pretty ? " " : " component=", task_component);
        line_add_pair(line, pretty ? "/" : " task=", number);
    }
    if (pretty) {
        line_add_text(line, ": ");
        line_add_plain(line, message);
    } else if (process_name[0]) {
        line_add_pair(line, " worker=", process_name);
    }
}

void gale_log(enum gale_log_level level, const char *format, ...)
{
    if (!is_wanted(level)) {
        return;
    }
    if ((unsigned)level > GALE_LOG_ERROR) {
        level = GALE_LOG_ERROR;
    }
    uint64_t left_out = 0;
    if (!site_pass(format, &left_out)) {
        return;
    }
    char message[MESSAGE_SIZE_MAX];
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0) {
        str_copy(message, sizeof message, format);
    }
    va_end(args);
    struct line line;
    line.size = 0;
    line_make(&line, level, message);
    if (left_out) {
        char note[64];
        unsigned long long count = left_out;
        switch (line_form) {
        case LOG_FORM_PRETTY:
            snprintf(note, sizeof note, " (%llu like this left out)", count);
            break;
        case LOG_FORM_JSON: snprintf(note, sizeof note, ",\"left_out\":%llu", count); break;
        case LOG_FORM_LOGFMT:
        default: snprintf(note, sizeof note, " left_out=%llu", count); break;
        }
        line_add_text(&line, note);
    }
    if (line_form == LOG_FORM_JSON) {
        line_add_text(&line, "}");
    }
    line.text[line.size++] = '\n';
    /* A log that cannot be written has nobody to be told about it. */
    if (write(STDERR_FILENO, line.text, line.size) < 0) {
        return;
    }
}

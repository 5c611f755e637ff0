/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds of values. Each kind has one function that checks a text and writes its one spelling; the
 * bounds come from the key. Pure, any thread; what a value means is its reader's business.
 */
#include "config/config_value.h"

#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535, IPC_PATH_MAX = 107, ADDRESS_MAX = 240, NAME_MAX_SIZE = 64 };

GALE_PRINTF(3, 4)
static bool refuse(struct config_refusal *refusal, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->text, sizeof refusal->text, format, args);
    va_end(args);
    str_copy(refusal->hint, sizeof refusal->hint, hint);
    return false;
}

static bool in_bounds(const struct config_key *key, int64_t value, const char *unit,
                      struct config_refusal *refusal)
{
    if (value >= key->min && value <= key->max) {
        return true;
    }
    char hint[96];
    snprintf(hint, sizeof hint, "%" PRId64 "%s to %" PRId64 "%s are allowed", key->min, unit,
             key->max, unit);
    return refuse(refusal, hint, "is out of bounds");
}

static bool parse_int(const struct config_key *key, const char *text, struct config_parsed *out,
                      struct config_refusal *refusal)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || end == text || errno != 0) {
        return refuse(refusal, "write a whole number", "is no whole number");
    }
    out->number = value;
    snprintf(out->text, sizeof out->text, "%lld", value);
    return in_bounds(key, value, "", refusal);
}

/* A bare number is refused because seconds and milliseconds would both be a fair guess. */
static bool parse_duration(const struct config_key *key, const char *text,
                           struct config_parsed *out, struct config_refusal *refusal)
{
    if (text[strspn(text, "0123456789.")] == '\0') {
        return refuse(refusal, "write 1500ms, 10s or 5m", "lacks its unit");
    }
    if (!conf_parse_duration_ms(text, &out->number)) {
        return refuse(refusal, "write 1500ms, 10s or 5m", "is no duration");
    }
    str_copy(out->text, sizeof out->text, text);
    return in_bounds(key, out->number, "ms", refusal);
}

static bool parse_size(const struct config_key *key, const char *text,
                       struct config_parsed *out, struct config_refusal *refusal)
{
    if (!conf_parse_size(text, &out->number)) {
        return refuse(refusal, "write 512MiB or 8GB", "is no size");
    }
    str_copy(out->text, sizeof out->text, text);
    return in_bounds(key, out->number, " bytes", refusal);
}

static bool parse_bool(const char *text, struct config_parsed *out,
                       struct config_refusal *refusal)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        bool is_yes = strcmp(text, yes[i]) == 0;
        if (is_yes || strcmp(text, no[i]) == 0) {
            out->number = is_yes;
            str_copy(out->text, sizeof out->text, is_yes ? "true" : "false");
            return true;
        }
    }
    return refuse(refusal, "write true or false", "is neither true nor false");
}

static bool parse_name(const char *text, struct config_parsed *out,
                       struct config_refusal *refusal)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(text);
    if (size == 0 || size > NAME_MAX_SIZE || text[strspn(text, allowed)] != '\0' ||
        text[0] == '.' || text[0] == '-') {
        return refuse(refusal, "write 1 to 64 letters, digits, dots, dashes or underscores",
                      "is no name");
    }
    str_copy(out->text, sizeof out->text, text);
    return true;
}

static bool port_is_valid(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    long port = digits > 0 && digits <= 5 ? strtol(text, NULL, 10) : 0;
    return strcmp(text, "*") == 0 || (text[digits] == '\0' && port > 0 && port <= PORT_MAX);
}

/* Appends one endpoint in full. */
static bool endpoint_append(const char *text, struct config_parsed *out,
                            struct config_refusal *refusal)
{
    static const char hint[] = "write tcp://ADDRESS:PORT or ipc:///PATH";
    size_t used = strlen(out->text);
    if (strncmp(text, "ipc://", 6) == 0) {
        if (text[6] != '/' || strlen(text + 6) > IPC_PATH_MAX) {
            return refuse(refusal, "write ipc:// and an absolute path of at most 107 bytes",
                          "\"%.80s\" is no endpoint", text);
        }
        snprintf(out->text + used, sizeof out->text - used, "%s", text);
        return true;
    }
    const char *address = strncmp(text, "tcp://", 6) == 0 ? text + 6 : text;
    const char *colon = strrchr(address, ':');
    if (strstr(address, "://") != NULL || colon == NULL || colon == address ||
        strlen(address) > ADDRESS_MAX || address[strcspn(address, " \t/;")] != '\0' ||
        !port_is_valid(colon + 1)) {
        return refuse(refusal, hint, "\"%.80s\" is no endpoint", text);
    }
    snprintf(out->text + used, sizeof out->text - used, "tcp://%s", address);
    return true;
}

/* Splits at commas, drops blanks around the parts and joins them again. */
static bool parse_list(const struct config_key *key, const char *text,
                       struct config_parsed *out, struct config_refusal *refusal)
{
    size_t parts = 0;
    out->text[0] = '\0';
    for (;;) {
        char part[256];
        text += strspn(text, " \t");
        size_t length = strcspn(text, ",");
        size_t size = length;
        while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
            size--;
        }
        if (size == 0 || size >= sizeof part || ++parts > CONFIG_PARTS_MAX) {
            return refuse(refusal, "write host:port,host:port",
                          size == 0 ? "has an empty part" : "has a part too long or too many");
        }
        memcpy(part, text, size);
        part[size] = '\0';
        size_t used = strlen(out->text);
        if (used + size + sizeof ",tcp://" > sizeof out->text) {
            return refuse(refusal, "", "is longer than %d bytes", CONFIG_VALUE_MAX);
        }
        if (parts > 1) {
            out->text[used++] = ',';
            out->text[used] = '\0';
        }
        if (key->kind == CONFIG_ENDPOINTS) {
            if (!endpoint_append(part, out, refusal)) {
                return false;
            }
        } else if (part[strcspn(part, " \t")] != '\0') {
            return refuse(refusal, "separate the parts by commas", "has a blank inside");
        } else {
            memcpy(out->text + used, part, size + 1);
        }
        if (text[length] == '\0') {
            return true;
        }
        text += length + 1;
    }
}

static bool parse_path(const char *text, struct config_parsed *out,
                       struct config_refusal *refusal)
{
    if (text[0] != '/') {
        return refuse(refusal, "write the whole path, from / on", "is no absolute path");
    }
    str_copy(out->text, sizeof out->text, text);
    return true;
}

static bool parse_level(const char *text, struct config_parsed *out,
                        struct config_refusal *refusal)
{
    enum gale_log_level level;
    if (!log_level_parse(text, &level)) {
        return refuse(refusal, "write debug, info, warn or error", "is no log level");
    }
    out->number = level;
    str_copy(out->text, sizeof out->text, text);
    return true;
}

bool config_value_parse(const struct config_key *key, const char *text,
                        struct config_parsed *out, struct config_refusal *refusal)
{
    *out = (struct config_parsed){0};
    *refusal = (struct config_refusal){0};
    if (strlen(text) >= CONFIG_VALUE_MAX) {
        return refuse(refusal, "", "is longer than %d bytes", CONFIG_VALUE_MAX - 1);
    }
    if (*text == '\0') {
        return key->fallback[0] == '\0' || refuse(refusal, "", "is empty");
    }
    if (text[strcspn(text, "\n\r")] != '\0') {
        return refuse(refusal, "write it in one line", "holds a line break");
    }
    switch (key->kind) {
    case CONFIG_TEXT: str_copy(out->text, sizeof out->text, text); return true;
    case CONFIG_LIST:
    case CONFIG_ENDPOINTS: return parse_list(key, text, out, refusal);
    case CONFIG_INT: return parse_int(key, text, out, refusal);
    case CONFIG_DURATION: return parse_duration(key, text, out, refusal);
    case CONFIG_SIZE: return parse_size(key, text, out, refusal);
    case CONFIG_BOOL: return parse_bool(text, out, refusal);
    case CONFIG_NAME: return parse_name(text, out, refusal);
    case CONFIG_ENDPOINT: return endpoint_append(text, out, refusal);
    case CONFIG_PATH: return parse_path(text, out, refusal);
    case CONFIG_LEVEL: return parse_level(text, out, refusal);
    }
    return false;
}

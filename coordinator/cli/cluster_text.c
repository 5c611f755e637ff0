/* SPDX-License-Identifier: Apache-2.0 */
/* Options and answers of the cluster's verbs; see cluster_text.h. */
#include "cli/cluster_text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { JSON_NESTING_MAX = JSONW_DEPTH_MAX - 6 };

const char *cluster_age(int64_t ms, char out[CLUSTER_AGE_SIZE])
{
    int64_t s = ms > 0 ? ms / 1000 : 0;
    if (s < 60) {
        snprintf(out, CLUSTER_AGE_SIZE, "%" PRId64 "s", s);
    } else if (s < 3600) {
        snprintf(out, CLUSTER_AGE_SIZE, "%" PRId64 "m%" PRId64 "s", s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(out, CLUSTER_AGE_SIZE, "%" PRId64 "h%" PRId64 "m", s / 3600, s % 3600 / 60);
    } else {
        snprintf(out, CLUSTER_AGE_SIZE, "%" PRId64 "d%" PRId64 "h", s / 86400,
                 s % 86400 / 3600);
    }
    return out;
}

const char *cluster_time(int64_t unix_ms, char out[CLUSTER_TIME_SIZE])
{
    time_t s = (time_t)(unix_ms / 1000);
    struct tm parts;
    if (unix_ms <= 0 || gmtime_r(&s, &parts) == NULL || parts.tm_year >= 10000 - 1900 ||
        strftime(out, CLUSTER_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        snprintf(out, CLUSTER_TIME_SIZE, "-");
    }
    return out;
}

const char *cluster_size(double bytes, char out[CLUSTER_SIZE_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = bytes;
    size_t unit = 0;
    while (value >= 1023.5 && unit < 4) {
        value /= 1024;
        unit++;
    }
    if (bytes <= 0) {
        snprintf(out, CLUSTER_SIZE_SIZE, "-");
    } else {
        snprintf(out, CLUSTER_SIZE_SIZE, "%.*f %s", unit > 0 && value < 9.95 ? 1 : 0, value,
                 units[unit]);
    }
    return out;
}

const char *cluster_status(const char *status, char out[CLUSTER_AGE_SIZE])
{
    size_t i = 0;
    for (; status != NULL && status[i] != '\0' && i + 1 < CLUSTER_AGE_SIZE; i++) {
        out[i] = (char)toupper((unsigned char)status[i]);
    }
    out[i] = '\0';
    return out;
}

/* An integer as a tree spells it: decimal, 0x or 0o. */
static int64_t integer_of(const char *text)
{
    bool based = text[0] == '0' && (text[1] == 'x' || text[1] == 'o');
    return based ? strtoll(text + 2, NULL, text[1] == 'x' ? 16 : 8) : strtoll(text, NULL, 10);
}

static void json_scalar(struct jsonw *json, const char *key, const struct gale_conf *node)
{
    enum gale_type type = gale_conf_type(node);
    const char *text = gale_conf_text(node);
    if (type == GALE_BOOL) {
        jsonw_bool(json, key, strcasecmp(text, "true") == 0);
    } else if (type == GALE_INT64) {
        jsonw_int(json, key, integer_of(text));
    } else if (type == GALE_DOUBLE) {
        jsonw_number(json, key, strtod(text, NULL), 6);
    } else {
        jsonw_string(json, key, text); /* NULL, of nil, is written as null. */
    }
}

/* The recursion is bounded by the writer's own nesting, not by the tree. */
static void json_node(struct jsonw *json, const char *key, const struct gale_conf *node,
                      unsigned left)
{
    bool map = gale_conf_type(node) == GALE_MAP;
    if (!map && gale_conf_type(node) != GALE_LIST) {
        json_scalar(json, key, node);
        return;
    }
    if (left == 0) {
        jsonw_null(json, key);
        return;
    }
    if (map) {
        jsonw_open_object(json, key);
    } else {
        jsonw_open_list(json, key);
    }
    for (size_t i = 0; i < gale_conf_count(node); i++) {
        json_node(json, map ? gale_conf_key(node, i) : NULL, gale_conf_at(node, i), left - 1);
    }
    if (map) {
        jsonw_close_object(json);
    } else {
        jsonw_close_list(json);
    }
}

void cluster_json(struct jsonw *json, const char *key, const struct gale_conf *node)
{
    json_node(json, key, node, JSON_NESTING_MAX);
}

void cluster_json_list(struct jsonw *json, const char *key, const struct gale_conf *node)
{
    if (gale_conf_type(node) == GALE_LIST) {
        cluster_json(json, key, node);
    } else {
        jsonw_open_list(json, key);
        jsonw_close_list(json);
    }
}

bool cluster_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || value < min || value > max) {
        return false;
    }
    *out = value;
    return true;
}

bool cluster_option_time(const struct invocation *call, const char *option,
                         int64_t bare_unit_ms, int64_t *out_ms)
{
    const char *text = options_value(call, option);
    int64_t number;
    if (text == NULL) {
        return true;
    }
    if (bare_unit_ms > 0 && cluster_number(text, 0, INT32_MAX, &number)) {
        *out_ms = number * bare_unit_ms;
        return true;
    }
    size_t digits = strspn(text, "0123456789.");
    if (text[digits] == '\0' && strcmp(text, "0") != 0) {
        (void)output_fail(call->json, EXIT_USAGE, "write 10s, 500ms or 5m",
                          "--%s \"%s\" lacks its unit", option, text);
        return false;
    }
    if (!conf_parse_duration_ms(text, out_ms) || *out_ms < 0) {
        (void)output_fail(call->json, EXIT_USAGE, "write 10s, 500ms or 5m",
                          "--%s cannot be \"%s\"", option, text);
        return false;
    }
    return true;
}

bool cluster_option_count(const struct invocation *call, const char *option, int64_t min,
                          int64_t max, int64_t *out)
{
    const char *text = options_value(call, option);
    if (text != NULL && !cluster_number(text, min, max, out)) {
        (void)output_fail(call->json, EXIT_USAGE, NULL,
                          "--%s must be %" PRId64 "..%" PRId64 ", not \"%s\"", option, min, max,
                          text);
        return false;
    }
    return true;
}

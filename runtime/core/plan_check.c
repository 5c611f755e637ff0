/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking values of a topology's tree: typed settings with bounds, unknown keys, and a component's
 * options against its table. Everything wrong is reported with its place and, where a name comes
 * near, a suggestion. Pure; knows nothing of the graph.
 */
#include "base/str.h"
#include "core/plan_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FALLBACK_SIZE_MAX 256 /* bytes of a default's text */

bool plan_is_scalar(const struct gale_conf *node)
{
    return gale_conf_text(node) != NULL;
}

const char *plan_kind_name(const struct gale_conf *node)
{
    switch (gale_conf_type(node)) {
    case GALE_NIL: return "empty";
    case GALE_BOOL: return "true or false";
    case GALE_INT64:
    case GALE_UINT64: return "a whole number";
    case GALE_DOUBLE:
    case GALE_DECIMAL: return "a number";
    case GALE_LIST: return "a list";
    case GALE_MAP: return "a map";
    case GALE_STRING:
    case GALE_BYTES:
    default: return "text";
    }
}

void plan_hint(char *out, size_t size, const char *word, const char *const *names)
{
    out[0] = '\0';
    const char *nearest = str_suggest(word, names);
    if (nearest != NULL) {
        (void)snprintf(out, size, "did you mean \"%.100s\"?", nearest);
    }
}

static void report_bounds(struct plan_builder *builder, const struct conf_place *place,
                          const char *key, const struct plan_bounds *bounds, const char *unit)
{
    if (bounds->max == INT64_MAX) {
        diag_add(builder->diag, DIAG_BAD_VALUE, place, NULL,
                 "%s is out of bounds: it must be at least %" PRId64 "%s", key, bounds->min,
                 unit);
        return;
    }
    diag_add(builder->diag, DIAG_BAD_VALUE, place, NULL,
             "%s is out of bounds: it must be between %" PRId64 " and %" PRId64 "%s", key,
             bounds->min, bounds->max, unit);
}

void plan_read_int(struct plan_builder *builder, const struct gale_conf *map, const char *key,
                   const struct plan_bounds *bounds, int64_t *out)
{
    const struct gale_conf *node = gale_conf_get(map, key);
    if (node == NULL) {
        return;
    }
    struct conf_place place = conf_place_of(node);
    if (gale_conf_type(node) != GALE_INT64) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "%s must be a whole number, not %s", key, plan_kind_name(node));
        return;
    }
    int64_t value = gale_conf_int64(map, key, *out);
    if (value < bounds->min || value > bounds->max) {
        report_bounds(builder, &place, key, bounds, "");
        return;
    }
    *out = value;
}

void plan_read_duration(struct plan_builder *builder, const struct gale_conf *map,
                        const char *key, const struct plan_bounds *bounds, int64_t *out)
{
    const struct gale_conf *node = gale_conf_get(map, key);
    if (node == NULL) {
        return;
    }
    struct conf_place place = conf_place_of(node);
    if (!plan_is_scalar(node)) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "%s must be a duration such as 30s, not %s", key, plan_kind_name(node));
        return;
    }
    int64_t value = 0;
    const char *text = gale_conf_text(node);
    if (!conf_parse_duration_ms(text, &value)) {
        diag_add(builder->diag, DIAG_BAD_VALUE, &place, NULL,
                 "\"%.64s\" is no duration for %s: write 250ms, 30s, 5m, 1h or milliseconds",
                 text, key);
    } else if (value < bounds->min || value > bounds->max) {
        report_bounds(builder, &place, key, bounds, " ms");
    } else {
        *out = value;
    }
}

void plan_read_size(struct plan_builder *builder, const struct gale_conf *map, const char *key,
                    const struct plan_bounds *bounds, int64_t *out)
{
    const struct gale_conf *node = gale_conf_get(map, key);
    if (node == NULL) {
        return;
    }
    struct conf_place place = conf_place_of(node);
    if (!plan_is_scalar(node)) {
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "%s must be a size such as 64KiB, not %s", key, plan_kind_name(node));
        return;
    }
    int64_t value = 0;
    const char *text = gale_conf_text(node);
    if (!conf_parse_size(text, &value)) {
        diag_add(builder->diag, DIAG_BAD_VALUE, &place, NULL,
                 "\"%.64s\" is no size for %s: write 64KiB, 1MiB, 2GB or bytes", text, key);
    } else if (value < bounds->min || value > bounds->max) {
        report_bounds(builder, &place, key, bounds, " bytes");
    } else {
        *out = value;
    }
}

void plan_read_bool(struct plan_builder *builder, const struct gale_conf *map, const char *key,
                    bool *out)
{
    const struct gale_conf *node = gale_conf_get(map, key);
    if (node == NULL) {
        return;
    }
    if (gale_conf_type(node) != GALE_BOOL) {
        struct conf_place place = conf_place_of(node);
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                 "%s must be true or false, not %s", key, plan_kind_name(node));
        return;
    }
    *out = gale_conf_bool(map, key, *out);
}

size_t plan_list_count(const struct gale_conf *node)
{
    if (gale_conf_type(node) == GALE_LIST) {
        return gale_conf_count(node);
    }
    return plan_is_scalar(node) ? 1 : 0;
}

const struct gale_conf *plan_list_at(const struct gale_conf *node, size_t index)
{
    return gale_conf_type(node) == GALE_LIST ? gale_conf_at(node, index) : node;
}

bool plan_check_list(struct plan_builder *builder, const struct gale_conf *node,
                     const char *what)
{
    if (gale_conf_type(node) != GALE_LIST && !plan_is_scalar(node)) {
        struct conf_place place = conf_place_of(node);
        diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL, "%s must be a list, not %s",
                 what, plan_kind_name(node));
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < plan_list_count(node); i++) {
        const struct gale_conf *element = plan_list_at(node, i);
        if (!plan_is_scalar(element)) {
            struct conf_place place = conf_place_of(element);
            diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL,
                     "%s: an element must be text or a number, not %s", what,
                     plan_kind_name(element));
            good = false;
        }
    }
    return good;
}

static size_t options_count(const struct gale_option *options)
{
    size_t count = 0;
    while (options != NULL && options[count].name != NULL) {
        count++;
    }
    return count;
}

static bool key_known(const char *key, const char *const *keys,
                      const struct gale_option *options)
{
    for (size_t i = 0; keys[i] != NULL; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < options_count(options); i++) {
        if (strcmp(options[i].name, key) == 0) {
            return true;
        }
    }
    return false;
}

/* One list of all allowed keys, the component's own first, so that they win a tie. */
static const char **keys_joined(struct plan_builder *builder, const char *const *keys,
                                const struct gale_option *options)
{
    size_t keys_count = 0;
    while (keys[keys_count] != NULL) {
        keys_count++;
    }
    size_t own_count = options_count(options);
    const char **all = plan_alloc(builder, keys_count + own_count + 1, sizeof(*all));
    if (all == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < own_count; i++) {
        all[i] = options[i].name;
    }
    memcpy(all + own_count, keys, keys_count * sizeof(*all));
    return all;
}

void plan_check_keys(struct plan_builder *builder, const struct gale_conf *map,
                     const char *where, const char *const *keys,
                     const struct gale_option *options)
{
    for (size_t i = 0; i < gale_conf_count(map); i++) {
        const char *key = gale_conf_key(map, i);
        if (key_known(key, keys, options)) {
            continue;
        }
        const char **all = keys_joined(builder, keys, options);
        if (all == NULL) {
            return;
        }
        char hint[160];
        plan_hint(hint, sizeof(hint), key, all);
        struct conf_place place = conf_key_place_of(gale_conf_at(map, i));
        diag_add(builder->diag, DIAG_UNKNOWN_KEY, &place, hint, "unknown key \"%.64s\" in %s",
                 key, where);
    }
}

static bool check_fields(struct plan_builder *builder, const char *what,
                         const struct gale_conf *node)
{
    if (!plan_check_list(builder, node, what)) {
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < plan_list_count(node); i++) {
        const struct gale_conf *element = plan_list_at(node, i);
        if (!str_is_name(gale_conf_text(element))) {
            struct conf_place place = conf_place_of(element);
            diag_add(builder->diag, DIAG_BAD_NAME, &place, NULL,
                     "%s: \"%.64s\" cannot be the name of a field", what,
                     gale_conf_text(element));
            good = false;
        }
    }
    return good;
}

static bool wrong_kind(struct plan_builder *builder, const char *what, const char *wanted,
                       const struct gale_conf *node)
{
    struct conf_place place = conf_place_of(node);
    diag_add(builder->diag, DIAG_WRONG_TYPE, &place, NULL, "%s must be %s, not %s", what,
             wanted, plan_kind_name(node));
    return false;
}

/* Durations and sizes: a scalar of the right form. */
static bool check_measure(struct plan_builder *builder, const char *what,
                          const struct gale_option *option, const struct gale_conf *node)
{
    bool duration = option->kind == GALE_OPTION_DURATION;
    const char *wanted = duration ? "a duration such as 250ms, 30s or 5m"
                                  : "a size such as 64KiB, 1MB or a number of bytes";
    if (!plan_is_scalar(node)) {
        return wrong_kind(builder, what, wanted, node);
    }
    const char *text = gale_conf_text(node);
    int64_t value = 0;
    bool good = duration ? conf_parse_duration_ms(text, &value) : conf_parse_size(text, &value);
    if (!good) {
        struct conf_place place = conf_place_of(node);
        diag_add(builder->diag, DIAG_BAD_VALUE, &place, NULL, "%s must be %s, not \"%.64s\"",
                 what, wanted, text);
    }
    return good;
}

static bool check_option(struct plan_builder *builder, const struct plan_build *build,
                         const struct gale_option *option, const struct gale_conf *node)
{
    char what[200];
    (void)snprintf(what, sizeof(what), "%s of %s", option->name, build->label);
    enum gale_type type = gale_conf_type(node);
    switch (option->kind) {
    case GALE_OPTION_STRING:
        return plan_is_scalar(node) || wrong_kind(builder, what, "text", node);
    case GALE_OPTION_INT:
        return type == GALE_INT64 || wrong_kind(builder, what, "a whole number", node);
    case GALE_OPTION_DOUBLE:
        return type == GALE_INT64 || type == GALE_DOUBLE ||
               wrong_kind(builder, what, "a number", node);
    case GALE_OPTION_BOOL:
        return type == GALE_BOOL || wrong_kind(builder, what, "true or false", node);
    case GALE_OPTION_DURATION:
    case GALE_OPTION_SIZE: return check_measure(builder, what, option, node);
    case GALE_OPTION_FIELDS: return check_fields(builder, what, node);
    case GALE_OPTION_LIST: return plan_check_list(builder, node, what);
    case GALE_OPTION_ANY:
    default: return true;
    }
}

/* A default of list kind is written comma-separated. */
static enum gale_err fallback_list(struct gale_conf *conf, const struct gale_option *option)
{
    char text[FALLBACK_SIZE_MAX];
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(conf, option->name, &list);
    if (err != GALE_OK || !str_copy(text, sizeof(text), option->fallback)) {
        return err;
    }
    char *rest = text;
    char *part = NULL;
    while (err == GALE_OK && (part = strsep(&rest, ",")) != NULL) {
        part += strspn(part, " ");
        if (*part != '\0') {
            err = conf_add_scalar(list, NULL, part, option->kind == GALE_OPTION_FIELDS, NULL);
        }
    }
    return err;
}

/* Components read their defaults from the table, so that help and behaviour cannot differ. */
static bool fallback_add(struct plan_builder *builder, const struct plan_build *build,
                         const struct gale_option *option, struct gale_conf *conf)
{
    enum gale_err err;
    if (option->kind == GALE_OPTION_FIELDS || option->kind == GALE_OPTION_LIST) {
        err = fallback_list(conf, option);
    } else {
        err = conf_add_scalar(conf, option->name, option->fallback,
                              option->kind == GALE_OPTION_STRING, NULL);
    }
    if (err != GALE_OK) {
        builder->nomem = builder->nomem || err == GALE_ERR_NOMEM;
        return err != GALE_ERR_NOMEM;
    }
    return check_option(builder, build, option, gale_conf_get(conf, option->name));
}

bool plan_check_options(struct plan_builder *builder, const struct plan_build *build,
                        const struct gale_option *options, struct gale_conf *conf)
{
    bool good = true;
    for (size_t i = 0; i < options_count(options); i++) {
        const struct gale_option *option = &options[i];
        const struct gale_conf *node = gale_conf_get(conf, option->name);
        if (node != NULL) {
            good = check_option(builder, build, option, node) && good;
        } else if (option->required) {
            diag_add(builder->diag, DIAG_MISSING_KEY, &build->place, option->help,
                     "%s needs the option \"%s\"", build->label, option->name);
            good = false;
        } else if (option->fallback != NULL) {
            good = fallback_add(builder, build, option, conf) && good;
        }
    }
    return good;
}

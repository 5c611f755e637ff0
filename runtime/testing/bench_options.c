/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a bench: a small part of YAML, enough for a test, without its library. */
#include "testing/bench.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096

/* Cuts the next scalar from *at, which ends at one of `stops` or at the end of the line. */
static bool cut_scalar(const char **at, const char *stops, char *out, bool *quoted)
{
    const char *text = *at + strspn(*at, " ");
    size_t size = 0;
    *quoted = *text == '\'' || *text == '"';
    if (*quoted) {
        char quote = *text++;
        while (*text != '\0' && *text != '\n' && (*text != quote || text[1] == quote)) {
            text += *text == quote;
            if (size + 1 == TEXT_MAX) {
                return false;
            }
            out[size++] = *text++;
        }
        if (*text++ != quote) {
            return false;
        }
        text += strspn(text, " ");
    } else {
        size = strcspn(text, stops);
        if (size >= TEXT_MAX) {
            return false;
        }
        memcpy(out, text, size);
        text += size;
        while (size > 0 && out[size - 1] == ' ') {
            size--;
        }
    }
    out[size] = '\0';
    *at = text;
    return true;
}

/* "[a, b]", "{k: v}" or "[{k: v}, {l: w}]" behind its first character. Maps hold only scalars,
 * so it calls itself once at most. */
static enum gale_err read_flow(struct gale_conf *node, const char **at, bool is_map)
{
    char close = is_map ? '}' : ']';
    char key[TEXT_MAX];
    char text[TEXT_MAX];
    bool quoted = false;
    *at += strspn(*at, " ");
    while (**at != close) {
        if (is_map && (!cut_scalar(at, ":}\n", key, &quoted) || *(*at)++ != ':')) {
            return GALE_ERR_INVALID;
        }
        enum gale_err err = GALE_ERR_INVALID;
        struct gale_conf *element = NULL;
        if (!is_map && **at == '{') {
            ++*at;
            err = conf_add_map(node, NULL, &element);
            err = err == GALE_OK ? read_flow(element, at, true) : err;
            *at += strspn(*at, " ");
        } else if (cut_scalar(at, is_map ? ",}\n" : ",]\n", text, &quoted)) {
            err = conf_add_scalar(node, is_map ? key : NULL, text, quoted, NULL);
        }
        if (err != GALE_OK) {
            return err;
        }
        if (**at != ',' && **at != close) {
            return GALE_ERR_INVALID;
        }
        *at += **at == ',';
        *at += strspn(*at, " ");
    }
    ++*at;
    return GALE_OK;
}

static enum gale_err read_line(struct gale_conf *map, const char **at)
{
    char key[TEXT_MAX];
    char text[TEXT_MAX];
    bool quoted = false;
    struct gale_conf *node = NULL;
    enum gale_err err;
    if (!cut_scalar(at, ":\n", key, &quoted) || **at != ':') {
        return GALE_ERR_INVALID;
    }
    ++*at;
    *at += strspn(*at, " ");
    if (**at == '[' || **at == '{') {
        bool is_map = *(*at)++ == '{';
        err = is_map ? conf_add_map(map, key, &node) : conf_add_list(map, key, &node);
        return err != GALE_OK ? err : read_flow(node, at, is_map);
    }
    if (!cut_scalar(at, "\n", text, &quoted)) {
        return GALE_ERR_INVALID;
    }
    return conf_add_scalar(map, key, text, quoted, NULL);
}

enum gale_err bench_options(struct gale_conf *map, const char *text, struct gale_error *error)
{
    const char *at = text != NULL ? text : "";
    for (unsigned line = 1; *at != '\0'; line++) {
        at += strspn(at, " ");
        if (*at != '\n' && *at != '\0') {
            enum gale_err err = read_line(map, &at);
            if (err != GALE_OK || (*at != '\n' && *at != '\0')) {
                err = err != GALE_OK ? err : GALE_ERR_INVALID;
                return gale_error_set(error, err, "options, line %u: %s; write `key: value`",
                                      line, gale_err_name(err));
            }
        }
        at += *at == '\n';
    }
    return GALE_OK;
}

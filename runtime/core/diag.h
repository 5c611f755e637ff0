/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics of a topology: all errors and warnings found, with place and suggestion, in the
 * order of their places. At most DIAG_MAX are kept; the rest is counted. Pure.
 */
#ifndef CORE_DIAG_H
#define CORE_DIAG_H

#include "base/conf.h"

#define DIAG_MAX 100

/* Codes are stable; `gale explain`-style docs list them (docs/errors.md). E1xx: file and form,
 * E2xx: names and references, E3xx: values, E4xx: graph, W5xx: warnings. */
enum diag_code {
    DIAG_YAML_SYNTAX = 101, /* not YAML */
    DIAG_DUPLICATE_KEY = 102,
    DIAG_UNKNOWN_KEY = 103,
    DIAG_WRONG_TYPE = 104, /* list where a map is wanted, text where a number … */
    DIAG_MISSING_KEY = 105,
    DIAG_LIMIT = 106,        /* depth, size, number of components, aliases … */
    DIAG_INCLUDE = 107,      /* file missing, include cycle */
    DIAG_SUBSTITUTION = 108, /* ${NAME} without value */
    DIAG_BAD_NAME = 109,
    DIAG_UNKNOWN_COMPONENT = 201, /* source in `from` */
    DIAG_UNKNOWN_STREAM = 202,
    DIAG_UNKNOWN_FIELD = 203,
    DIAG_UNKNOWN_TYPE = 204, /* no such built-in spout or bolt */
    DIAG_MODULE = 205,       /* module cannot be loaded or lacks the name */
    DIAG_UNKNOWN_GROUPING = 206,
    DIAG_UNKNOWN_HOOK = 207,
    DIAG_DUPLICATE_NAME = 208, /* spout and bolt of one name */
    DIAG_BAD_VALUE = 301,      /* out of bounds, malformed duration … */
    DIAG_OPTION = 302,         /* the component's declare complained */
    DIAG_UNSUPPORTED = 303,    /* exactly-once is not there yet */
    DIAG_GRAPH = 401,          /* no spouts, a bolt without input, spout with input */
    DIAG_DIRECT = 402,         /* direct grouping on a non-direct stream or the reverse */
    DIAG_UNREACHABLE = 501     /* warning: no spout leads to this bolt */
};

struct diag_item {
    enum diag_code code;
    bool warning;
    struct conf_place place; /* file NULL: none */
    char text[400];          /* what is wrong */
    char hint[160];          /* shown under the caret: did you mean "word"? may be empty */
};

struct diag {
    struct diag_item *items;
    size_t count;
    size_t dropped_count; /* beyond DIAG_MAX */
    size_t errors_count;
};

void diag_init(struct diag *diag);
void diag_fini(struct diag *diag);
/** Adds one; place may be NULL, hint may be NULL. Strings and the file name are copied (the file
 *  name interned in the diag, so it outlives the tree). */
void diag_add(struct diag *diag, enum diag_code code, const struct conf_place *place,
              const char *hint, const char *format, ...) GALE_PRINTF(5, 6);
/** Sorts by file, line, column (stable). */
void diag_sort(struct diag *diag);
/** Text form: `file:line:col: error[E103]: …`, the source line with its number, a caret run and
 *  the hint; then "1 error, 0 warnings" and, as the next step, `gale explain` with the first code.
 *  Reads the source files again for the lines; one that cannot be read is left out. */
enum gale_err diag_render(const struct diag *diag, struct buf *out);

#endif

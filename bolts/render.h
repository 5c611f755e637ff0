/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuples as lines of text, for print and the file sink.
 *
 *   tsv   fields separated by tabs; in texts \t \n \r \\ stand for tab, newline, return, backslash;
 *         null is \N; bytes are base64; lists and maps are JSON
 *   json  one object per line, {"field":value,…}; without field names an array; bytes are base64
 *         texts, decimals are numbers with all their digits, NaN and infinities are null
 *   raw   the first field as it is (texts and bytes without escapes), nothing else
 *
 * Bytes of a text that are no UTF-8 become U+FFFD in JSON. Nesting deeper than RENDER_DEPTH_MAX is
 * refused. Pure but for the buffer's memory; no recursion.
 */
#ifndef BOLTS_RENDER_H
#define BOLTS_RENDER_H

#include <gale/tuple.h>

#define RENDER_DEPTH_MAX 64

enum render_format { RENDER_TSV = 0, RENDER_JSON = 1, RENDER_RAW = 2 };

/** A growing run of bytes; zero-initialise, free `data` at the end. `failed` says that memory could
 *  not be had; render_line clears it. */
struct render {
    char *data;
    size_t size;
    size_t capacity;
    bool failed;
};

/** "tsv", "json" or "raw"; false when unknown. */
bool render_parse_format(const char *text, enum render_format *out);
/** Appends bytes. */
void render_append(struct render *render, const char *data, size_t size);
/** Appends one line, LF included. `names`: field names for json, or NULL.
 *  GALE_ERR_NOMEM, GALE_ERR_CORRUPT, GALE_ERR_LIMIT (too deep); nothing is appended then. */
enum gale_err render_line(struct render *render, enum render_format format,
                          const struct gale_tuple *tuple, const char *const *names);

#endif

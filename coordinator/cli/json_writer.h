/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming JSON writer (jsonw_) onto a FILE: no tree, no memory of its own, commas and escapes done right,
 * 64-bit integers exact. Text that is not UTF-8 comes out with U+FFFD in place of each bad byte,
 * so the document is valid whatever it is given. Nesting is bounded; going over it or closing
 * what is not open is a programmer error and asserted.
 */
#ifndef CLI_JSON_WRITER_H
#define CLI_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSONW_DEPTH_MAX 32

struct jsonw {
    FILE *file;
    unsigned depth;
    bool some[JSONW_DEPTH_MAX + 1]; /* an element was written at this depth */
    bool map[JSONW_DEPTH_MAX + 1];  /* this depth is an object */
};

void jsonw_init(struct jsonw *json, FILE *file);
/** Ends the document with a newline; everything must be closed. */
void jsonw_end(struct jsonw *json);
/* In an object `key` names the member; in a list and at the root it is NULL. */
void jsonw_open_object(struct jsonw *json, const char *key);
void jsonw_close_object(struct jsonw *json);
void jsonw_open_list(struct jsonw *json, const char *key);
void jsonw_close_list(struct jsonw *json);
/** Text NULL is written as null. */
void jsonw_string(struct jsonw *json, const char *key, const char *text);
void jsonw_int(struct jsonw *json, const char *key, int64_t value);
void jsonw_uint(struct jsonw *json, const char *key, uint64_t value);
/** Fixed decimals (0..9); what is not finite is written as null. */
void jsonw_number(struct jsonw *json, const char *key, double value, int decimals);
void jsonw_bool(struct jsonw *json, const char *key, bool value);
void jsonw_null(struct jsonw *json, const char *key);

#endif

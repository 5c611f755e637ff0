/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming JSON writer onto a FILE: no tree, no memory of its own, commas and escapes done right,
 * 64-bit integers exact. Text that is not UTF-8 comes out with U+FFFD in place of each bad byte,
 * so the document is valid whatever it is given. Nesting is bounded; going over it or closing
 * what is not open is a programmer error and asserted.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 32

struct json {
    FILE *file;
    unsigned depth;
    bool some[JSON_DEPTH_MAX + 1]; /* an element was written at this depth */
    bool map[JSON_DEPTH_MAX + 1];  /* this depth is an object */
};

void json_init(struct json *json, FILE *file);
/** Ends the document with a newline; everything must be closed. */
void json_end(struct json *json);
/* In an object `key` names the member; in a list and at the root it is NULL. */
void json_open_object(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_open_list(struct json *json, const char *key);
void json_close_list(struct json *json);
/** Text NULL is written as null. */
void json_string(struct json *json, const char *key, const char *text);
void json_int(struct json *json, const char *key, int64_t value);
void json_uint(struct json *json, const char *key, uint64_t value);
/** Fixed decimals (0..9); what is not finite is written as null. */
void json_number(struct json *json, const char *key, double value, int decimals);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A coordinator or supervisor for tests whose answers the test itself gives: each request is a line
 * of JSON on stdout, and the next line of JSON on stdin answers it. So a test can also be slow, say
 * nothing for a while, or kill this process between two requests.
 *
 *   fake_coordinator ENDPOINT...
 *   stdout  {"endpoints": ["tcp://127.0.0.1:4711"]}           once, when bound
 *           {"verb": "list", …the tree…, "body": "hex"}       each request; body where there is one
 *   stdin   {"tree": {…}, "body": "hex"}                      its answer; body may be left out
 *
 * Ends when stdin does. Not for anything but tests: what comes from stdin is trusted.
 */
#include "base/conf.h"
#include "rpc/server.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(const char *what)
{
    fprintf(stderr, "fake_coordinator: %s\n", what);
    exit(1);
}

/* ---- Trees as JSON and back; a test's own trees, so the recursion is as deep as they are ---- */

static json_t *json_of(const struct gale_conf *node)
{
    const char *text = gale_conf_text(node);
    enum gale_type type = gale_conf_type(node);
    if (type == GALE_MAP || type == GALE_LIST) {
        json_t *all = type == GALE_MAP ? json_object() : json_array();
        for (size_t i = 0; i < gale_conf_count(node); i++) {
            json_t *item = json_of(gale_conf_at(node, i));
            int bad = type == GALE_MAP
                          ? json_object_set_new_nocheck(all, gale_conf_key(node, i), item)
                          : json_array_append_new(all, item);
            if (bad != 0) {
                fail("no memory");
            }
        }
        return all;
    }
    if (type == GALE_BOOL) {
        return json_boolean(strcmp(text, "true") == 0);
    }
    if (type == GALE_INT64) {
        return json_integer(strtoll(text, NULL, 10));
    }
    if (type == GALE_DOUBLE) {
        return json_real(strtod(text, NULL));
    }
    return text != NULL ? json_stringn_nocheck(text, strlen(text)) : json_null();
}

static void fill(struct gale_conf *parent, const char *key, json_t *value);

static void fill_all(struct gale_conf *node, json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;
    json_object_foreach(value, key, item)
    {
        fill(node, key, item);
    }
    json_array_foreach(value, index, item)
    {
        fill(node, NULL, item);
    }
}

static void fill(struct gale_conf *parent, const char *key, json_t *value)
{
    struct gale_conf *child = NULL;
    enum gale_err err;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        err = json_is_object(value) ? conf_add_map(parent, key, &child)
                                    : conf_add_list(parent, key, &child);
        if (err == GALE_OK) {
            fill_all(child, value);
        }
        break;
    case JSON_STRING: err = tree_put_text(parent, key, json_string_value(value)); break;
    case JSON_INTEGER: err = tree_put_int(parent, key, json_integer_value(value)); break;
    case JSON_REAL: err = tree_put_double(parent, key, json_real_value(value)); break;
    case JSON_TRUE:
    case JSON_FALSE: err = tree_put_bool(parent, key, json_is_true(value)); break;
    case JSON_NULL:
    default: err = conf_add_scalar(parent, key, "null", false, &child); break;
    }
    if (err != GALE_OK) {
        fail("the answer has a form that no tree can have");
    }
}

static char *hex_of(const uint8_t *data, size_t size)
{
    char *text = malloc(2 * size + 1);
    if (text == NULL) {
        fail("no memory");
    }
    for (size_t i = 0; i < size; i++) {
        snprintf(text + 2 * i, 3, "%02x", data[i]);
    }
    text[2 * size] = '\0';
    return text;
}

static void add_hex(struct buf *out, const char *text)
{
    for (; text[0] != '\0' && text[1] != '\0'; text += 2) {
        const char digits[] = {text[0], text[1], '\0'};
        uint8_t byte = (uint8_t)strtoul(digits, NULL, 16);
        if (buf_append(out, &byte, 1) != GALE_OK) {
            fail("no memory");
        }
    }
}

/* ---- The conversation ---- */

static void say(json_t *line)
{
    if (json_dumpf(line, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF ||
        fflush(stdout) != 0) {
        exit(0); /* The test is gone. */
    }
    json_decref(line);
}

static void handle(void *self, const struct rpc_request *request, struct rpc_answer *answer)
{
    (void)self;
    static char *line;
    static size_t capacity;
    json_t *asked = json_of(request->tree);
    if (request->body_size > 0) {
        char *hex = hex_of(request->body, request->body_size);
        json_object_set_new(asked, "body", json_string(hex));
        free(hex);
    }
    say(asked);
    if (getline(&line, &capacity, stdin) < 0) {
        free(line);
        exit(0);
    }
    json_t *said = json_loads(line, 0, NULL);
    if (!json_is_object(said)) {
        fail("the answer is no JSON object");
    }
    fill_all(answer->tree, json_object_get(said, "tree"));
    const char *hex = json_string_value(json_object_get(said, "body"));
    if (hex != NULL) {
        add_hex(answer->body, hex);
    }
    json_decref(said);
}

int main(int argc, char **argv)
{
    struct gale_error error = {GALE_OK, ""};
    struct rpc_server *server = NULL;
    size_t count = argc > 1 ? (size_t)(argc - 1) : 0;
    enum gale_err err =
        rpc_server_new((const char *const *)(argv + 1), count, handle, NULL, &server, &error);
    if (err != GALE_OK) {
        fail(error.text);
    }
    json_t *endpoints = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(endpoints, json_string(rpc_server_endpoint(server, i)));
    }
    say(json_pack("{s:o}", "endpoints", endpoints));
    for (;;) {
        struct pollfd ready[2] = {{.fd = rpc_server_fd(server), .events = POLLIN},
                                  {.fd = STDIN_FILENO, .events = POLLIN}};
        while (rpc_server_poll(server)) {
        }
        if (poll(ready, 2, -1) < 0 || ready[1].revents != 0) {
            break; /* An answer comes only when one was asked for: this is the end of stdin. */
        }
    }
    rpc_server_free(server);
    return 0;
}

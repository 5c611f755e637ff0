/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a configuration node, for conf*.c only. */
#ifndef BASE_CONF_NODE_H
#define BASE_CONF_NODE_H

#include "base/conf.h"

struct conf_scalar {
    enum gale_type type;
    union {
        bool boolean;
        int64_t int64;
        double number;
    } as;
};

struct gale_conf {
    struct conf_scalar scalar;   /* Its type is the node's type, also of lists and maps. */
    uint32_t index;              /* Position among the parent's children. */
    struct gale_conf *parent;    /* NULL: the root. */
    char *key;                   /* Owned; NULL unless the parent is a map. */
    char *text;                  /* Owned; scalars other than nil, as written. */
    struct gale_conf **children; /* Owned; lists and maps. */
    uint32_t children_count;
    uint32_t children_capacity;
    uint32_t expected_count; /* While read from msgpack: children to come in all. */
    uint32_t *slots; /* Maps with many keys: open addressing, child index + 1; else NULL. */
    uint32_t slots_count;
    char **files; /* The root only: interned file names. */
    uint32_t files_count;
    struct conf_place place;
    struct conf_place key_place;
};

/** New root of any type; a scalar's value is set by conf_node_set. NULL: no memory. */
struct gale_conf *conf_node_new(enum gale_type type);
/** Adds an empty child; the rules for key are those of conf_add_map. */
enum gale_err conf_node_add(struct gale_conf *parent, const char *key, enum gale_type type,
                            struct gale_conf **out);
/** Makes the node the scalar with a copy of the text. */
enum gale_err conf_node_set(struct gale_conf *node, const struct conf_scalar *scalar,
                            const char *text);
/** Next node behind `node` in reading order within the tree of `top`, NULL at its end. */
const struct gale_conf *conf_node_next(const struct gale_conf *node,
                                       const struct gale_conf *top);
/** Recognises a plain scalar as YAML's core schema does; never fails (a string at worst). */
struct conf_scalar conf_scalar_recognise(const char *text);
/** The shortest text that reads back as the same double; out holds 32 bytes. */
void conf_scalar_format_double(double number, char *out);

#endif

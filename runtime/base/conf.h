/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration tree's writing side (reading: gale/conf.h). A topology file, the C builder and
 * the message that carries a topology to a worker all are this tree. One arena-like owner: the
 * root; conf_free(root) frees all. Not thread-safe while written.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/buf.h"
#include <gale/conf.h>

#define CONF_DEPTH_MAX 64     /* Maps and lists within each other, the root included. */
#define CONF_NODES_MAX 100000 /* Of one tree, the root included. */

/** Where a node was written: file NULL = no file (C builder). Line and column from 1. */
struct conf_place {
    const char *file; /* Owned by the tree that the node belongs to. */
    uint32_t line;
    uint32_t column;
    uint32_t length; /* Characters to underline; at least 1. */
};

/** New root map. NULL: no memory. */
struct gale_conf *conf_new(void);
void conf_free(struct gale_conf *root);
/** Adds a child to a map (replaces nothing: GALE_ERR_EXISTS on a repeated key) or list
 *  (key NULL). The child belongs to the parent. */
enum gale_err conf_add_map(struct gale_conf *parent, const char *key, struct gale_conf **out);
enum gale_err conf_add_list(struct gale_conf *parent, const char *key, struct gale_conf **out);
/** Adds a scalar; its type is recognised from the text as YAML's core schema does (int, double,
 *  true/false, null/~) unless `quoted`, which makes it a string. */
enum gale_err conf_add_scalar(struct gale_conf *parent, const char *key, const char *text,
                              bool quoted, struct gale_conf **out);
/** Deep copy of a node under parent. */
enum gale_err conf_add_copy(struct gale_conf *parent, const char *key,
                            const struct gale_conf *source);
/** Removes a key; nothing when absent. */
void conf_remove(struct gale_conf *map, const char *key);
/** Places: of a map's key and of a node's value. The file name is interned in the root. */
void conf_set_place(struct gale_conf *node, const struct conf_place *place);
void conf_set_key_place(struct gale_conf *node, const struct conf_place *place);
struct conf_place conf_place_of(const struct gale_conf *node);
struct conf_place conf_key_place_of(const struct gale_conf *node);
/** Msgpack form of a tree (places left out): deterministic, keys in order of insertion. */
enum gale_err conf_pack(const struct gale_conf *node, struct buf *out);
/** Reads it back; depth ≤ 64, nodes ≤ 100,000, any bytes are safe. The caller frees *out. */
enum gale_err conf_unpack(const uint8_t *data, size_t size, struct gale_conf **out);
/** Same types, keys, order and values; places are ignored. */
bool conf_equal(const struct gale_conf *a, const struct gale_conf *b);
/** Parsing of "30s"/"250ms"/"5m"/"1h"/plain ms, and "64KiB"/"1MB"/plain bytes; false = malformed. */
bool conf_parse_duration_ms(const char *text, int64_t *out_ms);
bool conf_parse_size(const char *text, int64_t *out_bytes);

#endif

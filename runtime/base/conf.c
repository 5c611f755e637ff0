/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration tree: building, walking and comparing it. Every walk follows parent pointers
 * and positions instead of recursing, so that depth costs no stack.
 *
 * Invariants: a child's index is its position; keys of a map are unique; a map with more than
 * SLOTS_FROM keys has a table of slots with a load of at most one half, so that a hostile file with
 * many keys costs linear time. Not thread-safe while written; then read by any thread.
 */
#include "base/conf_node.h"
#include "base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FROM 16
#define CHILDREN_MAX (UINT32_C(1) << 24)

struct gale_conf *conf_node_new(enum gale_type type)
{
    struct gale_conf *node = calloc(1, sizeof *node);
    if (node) {
        node->scalar.type = type;
    }
    return node;
}

struct gale_conf *conf_new(void)
{
    return conf_node_new(GALE_MAP);
}

static void node_free_one(struct gale_conf *node)
{
    for (uint32_t i = 0; i < node->files_count; i++) {
        free(node->files[i]);
    }
    free(node->files);
    free(node->slots);
    free(node->children);
    free(node->text);
    free(node->key);
    free(node);
}

void conf_free(struct gale_conf *root)
{
    struct gale_conf *node = root;
    while (node) {
        if (node->children_count) {
            node = node->children[--node->children_count];
            continue;
        }
        struct gale_conf *next = node == root ? NULL : node->parent;
        node_free_one(node);
        node = next;
    }
}

static uint32_t slot_of(const struct gale_conf *map, const char *key)
{
    return (uint32_t)hash64(key, strlen(key), 0) & (map->slots_count - 1);
}

/* Free slots exist by the load bound, so probing ends. */
static void slots_put(struct gale_conf *map, uint32_t index)
{
    uint32_t slot = slot_of(map, map->children[index]->key);
    while (map->slots[slot]) {
        slot = (slot + 1) & (map->slots_count - 1);
    }
    map->slots[slot] = index + 1;
}

static void slots_refill(struct gale_conf *map)
{
    memset(map->slots, 0, map->slots_count * sizeof *map->slots);
    for (uint32_t i = 0; i < map->children_count; i++) {
        slots_put(map, i);
    }
}

/* Makes the table fit for one more key. */
static enum gale_err slots_grow(struct gale_conf *map)
{
    if (map->children_count < SLOTS_FROM || 2 * (map->children_count + 1) <= map->slots_count) {
        return GALE_OK;
    }
    uint32_t count = map->slots_count ? 2 * map->slots_count : 4 * SLOTS_FROM;
    uint32_t *slots = malloc(count * sizeof *slots);
    if (!slots) {
        return GALE_ERR_NOMEM;
    }
    free(map->slots);
    map->slots = slots;
    map->slots_count = count;
    slots_refill(map);
    return GALE_OK;
}

static struct gale_conf *map_find(const struct gale_conf *map, const char *key)
{
    if (!map->slots) {
        for (uint32_t i = 0; i < map->children_count; i++) {
            if (strcmp(map->children[i]->key, key) == 0) {
                return map->children[i];
            }
        }
        return NULL;
    }
    for (uint32_t slot = slot_of(map, key); map->slots[slot];
         slot = (slot + 1) & (map->slots_count - 1)) {
        struct gale_conf *child = map->children[map->slots[slot] - 1];
        if (strcmp(child->key, key) == 0) {
            return child;
        }
    }
    return NULL;
}

static enum gale_err children_grow(struct gale_conf *parent)
{
    if (parent->children_count < parent->children_capacity) {
        return GALE_OK;
    }
    if (parent->children_count >= CHILDREN_MAX) {
        return GALE_ERR_LIMIT;
    }
    uint32_t capacity = parent->children_capacity ? 2 * parent->children_capacity : 4;
    struct gale_conf **children =
        realloc(parent->children, capacity * sizeof(struct gale_conf *));
    if (!children) {
        return GALE_ERR_NOMEM;
    }
    parent->children = children;
    parent->children_capacity = capacity;
    return GALE_OK;
}

enum gale_err conf_node_add(struct gale_conf *parent, const char *key, enum gale_type type,
                            struct gale_conf **out)
{
    bool map = parent->scalar.type == GALE_MAP;
    if ((!map && parent->scalar.type != GALE_LIST) || map != (key != NULL)) {
        return GALE_ERR_INVALID;
    }
    if (map && map_find(parent, key)) {
        return GALE_ERR_EXISTS;
    }
    enum gale_err err = children_grow(parent);
    if (!err && map) {
        err = slots_grow(parent);
    }
    if (err) {
        return err;
    }
    struct gale_conf *node = conf_node_new(type);
    if (!node) {
        return GALE_ERR_NOMEM;
    }
    if (key) {
        node->key = strdup(key);
        if (!node->key) {
            free(node);
            return GALE_ERR_NOMEM;
        }
    }
    node->parent = parent;
    node->index = parent->children_count;
    parent->children[parent->children_count++] = node;
    if (parent->slots) {
        slots_put(parent, node->index);
    }
    if (out) {
        *out = node;
    }
    return GALE_OK;
}

enum gale_err conf_node_set(struct gale_conf *node, const struct conf_scalar *scalar,
                            const char *text)
{
    if (scalar->type != GALE_NIL) {
        node->text = strdup(text);
        if (!node->text) {
            return GALE_ERR_NOMEM;
        }
    }
    node->scalar = *scalar;
    return GALE_OK;
}

enum gale_err conf_add_map(struct gale_conf *parent, const char *key, struct gale_conf **out)
{
    return conf_node_add(parent, key, GALE_MAP, out);
}

enum gale_err conf_add_list(struct gale_conf *parent, const char *key, struct gale_conf **out)
{
    return conf_node_add(parent, key, GALE_LIST, out);
}

/* Takes the last child away again, after a step behind its adding failed. */
static void node_remove_last(struct gale_conf *parent)
{
    struct gale_conf *node = parent->children[--parent->children_count];
    if (parent->slots) {
        slots_refill(parent);
    }
    conf_free(node);
}

enum gale_err conf_add_scalar(struct gale_conf *parent, const char *key, const char *text,
                              bool quoted, struct gale_conf **out)
{
    struct conf_scalar scalar = {.type = GALE_STRING};
    if (!quoted) {
        scalar = conf_scalar_recognise(text);
    }
    struct gale_conf *node;
    enum gale_err err = conf_node_add(parent, key, scalar.type, &node);
    if (err) {
        return err;
    }
    err = conf_node_set(node, &scalar, text);
    if (err) {
        node_remove_last(parent);
        return err;
    }
    if (out) {
        *out = node;
    }
    return GALE_OK;
}

const struct gale_conf *conf_node_next(const struct gale_conf *node,
                                       const struct gale_conf *top)
{
    if (node->children_count) {
        return node->children[0];
    }
    while (node != top) {
        const struct gale_conf *parent = node->parent;
        if (node->index + 1 < parent->children_count) {
            return parent->children[node->index + 1];
        }
        node = parent;
    }
    return NULL;
}

static enum gale_err copy_one(struct gale_conf *parent, const char *key,
                              const struct gale_conf *source, struct gale_conf **out)
{
    enum gale_err err = conf_node_add(parent, key, source->scalar.type, out);
    if (!err && source->text) {
        (*out)->text = strdup(source->text);
        (*out)->scalar = source->scalar;
        if (!(*out)->text) {
            node_remove_last(parent);
            return GALE_ERR_NOMEM;
        }
    }
    if (!err) {
        conf_set_place(*out, &source->place);
        conf_set_key_place(*out, &source->key_place);
    }
    return err;
}

enum gale_err conf_add_copy(struct gale_conf *parent, const char *key,
                            const struct gale_conf *source)
{
    struct gale_conf *top;
    enum gale_err err = copy_one(parent, key, source, &top);
    if (err) {
        return err;
    }
    struct gale_conf *copy = top;
    const struct gale_conf *from = source;
    for (;;) {
        /* Invariant: `copy` is the copy of `from` with those children that were copied so far. */
        if (copy->children_count < from->children_count) {
            from = from->children[copy->children_count];
            err = copy_one(copy, from->key, from, &copy);
            if (err) {
                node_remove_last(parent);
                return err;
            }
            continue;
        }
        if (copy == top) {
            return GALE_OK;
        }
        copy = copy->parent;
        from = from->parent;
    }
}

void conf_remove(struct gale_conf *map, const char *key)
{
    struct gale_conf *node = map->scalar.type == GALE_MAP ? map_find(map, key) : NULL;
    if (!node) {
        return;
    }
    for (uint32_t i = node->index; i + 1 < map->children_count; i++) {
        map->children[i] = map->children[i + 1];
        map->children[i]->index = i;
    }
    map->children_count--;
    if (map->slots) {
        slots_refill(map);
    }
    conf_free(node);
}

static const char *file_intern(struct gale_conf *node, const char *file)
{
    while (node->parent) {
        node = node->parent;
    }
    for (uint32_t i = 0; i < node->files_count; i++) {
        if (strcmp(node->files[i], file) == 0) {
            return node->files[i];
        }
    }
    char **files = realloc(node->files, (node->files_count + 1) * sizeof(char *));
    if (!files) {
        return NULL;
    }
    node->files = files;
    char *copy = strdup(file);
    if (copy) {
        files[node->files_count++] = copy;
    }
    return copy;
}

/* Without memory for the file's name a place is lost, which only makes a message poorer. */
static struct conf_place place_copy(struct gale_conf *node, const struct conf_place *place)
{
    struct conf_place copy = *place;
    copy.file = place->file ? file_intern(node, place->file) : NULL;
    return copy;
}

void conf_set_place(struct gale_conf *node, const struct conf_place *place)
{
    node->place = place_copy(node, place);
}

void conf_set_key_place(struct gale_conf *node, const struct conf_place *place)
{
    node->key_place = place_copy(node, place);
}

struct conf_place conf_place_of(const struct gale_conf *node)
{
    return node ? node->place : (struct conf_place){0};
}

struct conf_place conf_key_place_of(const struct gale_conf *node)
{
    return node ? node->key_place : (struct conf_place){0};
}

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Values count, not their spelling: 0x10 equals 16. */
static bool node_equal(const struct gale_conf *a, const struct gale_conf *b)
{
    if (a->scalar.type != b->scalar.type || a->children_count != b->children_count) {
        return false;
    }
    if (a->scalar.type == GALE_INT64) {
        return a->scalar.as.int64 == b->scalar.as.int64;
    }
    if (a->scalar.type == GALE_BOOL) {
        return a->scalar.as.boolean == b->scalar.as.boolean;
    }
    if (a->scalar.type == GALE_DOUBLE) {
        return a->scalar.as.number == b->scalar.as.number ||
               (isnan(a->scalar.as.number) && isnan(b->scalar.as.number));
    }
    return text_equal(a->text, b->text);
}

bool conf_equal(const struct gale_conf *a, const struct gale_conf *b)
{
    const struct gale_conf *at_a = a, *at_b = b;
    while (at_a && at_b) {
        /* The keys of the two tops are not part of their trees. */
        if (!node_equal(at_a, at_b) || (at_a != a && !text_equal(at_a->key, at_b->key))) {
            return false;
        }
        at_a = conf_node_next(at_a, a);
        at_b = conf_node_next(at_b, b);
    }
    return at_a == at_b;
}

const struct gale_conf *gale_conf_get(const struct gale_conf *conf, const char *key)
{
    return conf && conf->scalar.type == GALE_MAP ? map_find(conf, key) : NULL;
}

enum gale_type gale_conf_type(const struct gale_conf *conf)
{
    return conf ? conf->scalar.type : GALE_NIL;
}

size_t gale_conf_count(const struct gale_conf *conf)
{
    return conf ? conf->children_count : 0;
}

const struct gale_conf *gale_conf_at(const struct gale_conf *conf, size_t index)
{
    return conf && index < conf->children_count ? conf->children[index] : NULL;
}

const char *gale_conf_key(const struct gale_conf *conf, size_t index)
{
    const struct gale_conf *child = gale_conf_at(conf, index);
    return child ? child->key : NULL;
}

const char *gale_conf_text(const struct gale_conf *conf)
{
    return conf ? conf->text : NULL;
}

const char *gale_conf_string(const struct gale_conf *conf, const char *key,
                             const char *fallback)
{
    const char *text = gale_conf_text(gale_conf_get(conf, key));
    return text ? text : fallback;
}

int64_t gale_conf_int64(const struct gale_conf *conf, const char *key, int64_t fallback)
{
    const struct gale_conf *node = gale_conf_get(conf, key);
    return node && node->scalar.type == GALE_INT64 ? node->scalar.as.int64 : fallback;
}

double gale_conf_double(const struct gale_conf *conf, const char *key, double fallback)
{
    const struct gale_conf *node = gale_conf_get(conf, key);
    if (node && node->scalar.type == GALE_INT64) {
        return (double)node->scalar.as.int64;
    }
    return node && node->scalar.type == GALE_DOUBLE ? node->scalar.as.number : fallback;
}

bool gale_conf_bool(const struct gale_conf *conf, const char *key, bool fallback)
{
    const struct gale_conf *node = gale_conf_get(conf, key);
    return node && node->scalar.type == GALE_BOOL ? node->scalar.as.boolean : fallback;
}

int64_t gale_conf_duration_ms(const struct gale_conf *conf, const char *key,
                              int64_t fallback_ms)
{
    const char *text = gale_conf_text(gale_conf_get(conf, key));
    int64_t parsed;
    return text && conf_parse_duration_ms(text, &parsed) ? parsed : fallback_ms;
}

int64_t gale_conf_size(const struct gale_conf *conf, const char *key, int64_t fallback)
{
    const char *text = gale_conf_text(gale_conf_get(conf, key));
    int64_t parsed;
    return text && conf_parse_size(text, &parsed) ? parsed : fallback;
}

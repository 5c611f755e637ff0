/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The msgpack form of a configuration tree, in which a topology travels to its workers.
 *
 * map       0x80–0x8f, de (u16), df (u32), then key and value in turn; keys are strings
 * list      0x90–0x9f, dc (u16), dd (u32)
 * string    0xa0–0xbf, d9 (u8), da (u16), db (u32), then the bytes, none of them NUL
 * integer   shortest of 0x00–0x7f, 0xe0–0xff, d0–d3; read also cc–cf up to INT64_MAX
 * double    cb + binary64, big-endian
 * bool, nil c3 / c2, c0
 * spelling  c7 (u8) / c8 (u16) / c9 (u32) + size, type 2, text: a number or bool not written in its
 *           usual way ("0x10", "1e3", "True"); it is recognised again, so its text stays as written
 *
 * Reading checks every size against the bytes left before anything is allocated, bounds depth and
 * nodes (conf.h), and uses the tree itself as its stack. Pure; not thread-safe on one tree.
 */
#include "base/conf_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXT_SPELLING 2
#define NUMBER_TEXT_SIZE 32

static void put_be(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

static uint64_t get_be(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/* One byte of head, then `size` bytes of a number. */
static enum gale_err pack_head(struct buf *out, uint8_t head, uint64_t number, unsigned size)
{
    uint8_t bytes[9] = {head};
    put_be(bytes + 1, number, size);
    return buf_append(out, bytes, 1 + size);
}

static enum gale_err pack_string(struct buf *out, const char *text)
{
    size_t size = strlen(text);
    enum gale_err err;
    if (size < 32) {
        err = pack_head(out, (uint8_t)(0xa0 | size), 0, 0);
    } else if (size <= UINT8_MAX) {
        err = pack_head(out, 0xd9, size, 1);
    } else if (size <= UINT16_MAX) {
        err = pack_head(out, 0xda, size, 2);
    } else if (size <= UINT32_MAX) {
        err = pack_head(out, 0xdb, size, 4);
    } else {
        err = GALE_ERR_LIMIT;
    }
    return err ? err : buf_append(out, text, size);
}

static enum gale_err pack_spelling(struct buf *out, const char *text)
{
    static const uint8_t type = EXT_SPELLING;
    size_t size = strlen(text);
    enum gale_err err;
    if (size <= UINT8_MAX) {
        err = pack_head(out, 0xc7, size, 1);
    } else if (size <= UINT16_MAX) {
        err = pack_head(out, 0xc8, size, 2);
    } else if (size <= UINT32_MAX) {
        err = pack_head(out, 0xc9, size, 4);
    } else {
        err = GALE_ERR_LIMIT;
    }
    if (!err) {
        err = buf_append(out, &type, 1);
    }
    return err ? err : buf_append(out, text, size);
}

static enum gale_err pack_int64(struct buf *out, int64_t value)
{
    uint64_t bits = (uint64_t)value;
    if (value >= -32 && value <= 127) {
        return pack_head(out, (uint8_t)bits, 0, 0);
    }
    if (value >= INT8_MIN && value <= INT8_MAX) {
        return pack_head(out, 0xd0, bits, 1);
    }
    if (value >= INT16_MIN && value <= INT16_MAX) {
        return pack_head(out, 0xd1, bits, 2);
    }
    if (value >= INT32_MIN && value <= INT32_MAX) {
        return pack_head(out, 0xd2, bits, 4);
    }
    return pack_head(out, 0xd3, bits, 8);
}

static enum gale_err pack_collection(struct buf *out, const struct gale_conf *node)
{
    bool map = node->scalar.type == GALE_MAP;
    uint32_t count = node->children_count;
    if (count < 16) {
        return pack_head(out, (uint8_t)((map ? 0x80u : 0x90u) | count), 0, 0);
    }
    if (count <= UINT16_MAX) {
        return pack_head(out, map ? 0xde : 0xdc, count, 2);
    }
    return pack_head(out, map ? 0xdf : 0xdd, count, 4);
}

/* The text that reading the plain msgpack form gives back; "" for none. */
static void usual_text(const struct conf_scalar *scalar, char *out)
{
    out[0] = '\0';
    if (scalar->type == GALE_BOOL) {
        strcpy(out, scalar->as.boolean ? "true" : "false");
    } else if (scalar->type == GALE_INT64) {
        snprintf(out, NUMBER_TEXT_SIZE, "%lld", (long long)scalar->as.int64);
    } else if (scalar->type == GALE_DOUBLE) {
        conf_scalar_format_double(scalar->as.number, out);
    }
}

static enum gale_err pack_scalar(struct buf *out, const struct gale_conf *node)
{
    if (node->scalar.type == GALE_NIL) {
        return pack_head(out, 0xc0, 0, 0);
    }
    if (node->scalar.type == GALE_STRING) {
        return pack_string(out, node->text);
    }
    char usual[NUMBER_TEXT_SIZE];
    usual_text(&node->scalar, usual);
    if (strcmp(usual, node->text) != 0) {
        return pack_spelling(out, node->text);
    }
    if (node->scalar.type == GALE_BOOL) {
        return pack_head(out, node->scalar.as.boolean ? 0xc3 : 0xc2, 0, 0);
    }
    if (node->scalar.type == GALE_INT64) {
        return pack_int64(out, node->scalar.as.int64);
    }
    uint64_t bits;
    memcpy(&bits, &node->scalar.as.number, sizeof bits);
    return pack_head(out, 0xcb, bits, 8);
}

enum gale_err conf_pack(const struct gale_conf *node, struct buf *out)
{
    enum gale_err err = GALE_OK;
    for (const struct gale_conf *at = node; at && !err; at = conf_node_next(at, node)) {
        if (at != node && at->parent->scalar.type == GALE_MAP) {
            err = pack_string(out, at->key);
        }
        if (!err) {
            bool collection = at->scalar.type == GALE_MAP || at->scalar.type == GALE_LIST;
            err = collection ? pack_collection(out, at) : pack_scalar(out, at);
        }
    }
    return err;
}

enum item_kind { ITEM_SCALAR, ITEM_SPELLING, ITEM_COLLECTION };

/* One value's head as read: a scalar whole, or a collection's number of children. */
struct item {
    enum item_kind kind;
    struct conf_scalar scalar; /* scalar.type also names the kind of collection */
    uint32_t count;            /* children (pairs of a map) */
    const uint8_t *text;       /* string and spelling: bytes inside the input */
    size_t text_size;
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

static bool take(struct reader *reader, unsigned size, uint64_t *out)
{
    if ((size_t)(reader->end - reader->at) < size) {
        return false;
    }
    *out = get_be(reader->at, size);
    reader->at += size;
    return true;
}

/* Text of a given size with no NUL in it, since a node's text ends at one. */
static bool take_text(struct reader *reader, uint64_t size, struct item *item)
{
    if (size > (size_t)(reader->end - reader->at) || memchr(reader->at, 0, (size_t)size)) {
        return false;
    }
    item->text = reader->at;
    item->text_size = (size_t)size;
    reader->at += size;
    return true;
}

static bool take_string(struct reader *reader, uint64_t size, struct item *item)
{
    item->scalar.type = GALE_STRING;
    return take_text(reader, size, item);
}

static bool take_collection(struct reader *reader, enum gale_type type, uint64_t count,
                            struct item *item)
{
    item->kind = ITEM_COLLECTION;
    item->scalar.type = type;
    item->count = (uint32_t)count;
    /* Each child takes a byte at least; a pair takes two. */
    uint64_t least = type == GALE_MAP ? 2 * count : count;
    return least <= (size_t)(reader->end - reader->at);
}

/* `bits` holds `size` bytes of a number, signed or not. */
static bool set_int64(struct item *item, uint64_t bits, unsigned size, bool is_signed)
{
    unsigned shift = 64 - 8 * size;
    item->scalar.type = GALE_INT64;
    item->scalar.as.int64 = is_signed ? (int64_t)(bits << shift) >> shift : (int64_t)bits;
    return is_signed || bits <= INT64_MAX;
}

static bool take_spelling(struct reader *reader, unsigned length_size, struct item *item)
{
    uint64_t size, type;
    item->kind = ITEM_SPELLING;
    return take(reader, length_size, &size) && take(reader, 1, &type) && type == EXT_SPELLING &&
           take_text(reader, size, item);
}

/* Heads whose size or count lies in the byte itself. */
static bool take_short(struct reader *reader, uint8_t head, struct item *item)
{
    if (head < 0x80 || head >= 0xe0) {
        return set_int64(item, head, 1, true);
    }
    if (head < 0x90) {
        return take_collection(reader, GALE_MAP, head & 0x0f, item);
    }
    if (head < 0xa0) {
        return take_collection(reader, GALE_LIST, head & 0x0f, item);
    }
    return take_string(reader, head & 0x1f, item);
}

static bool take_item(struct reader *reader, struct item *item)
{
    *item = (struct item){.kind = ITEM_SCALAR};
    uint64_t head, number;
    if (!take(reader, 1, &head)) {
        return false;
    }
    if (head < 0xc0 || head >= 0xe0) {
        return take_short(reader, (uint8_t)head, item);
    }
    switch (head) {
    case 0xc0: item->scalar.type = GALE_NIL; return true;
    case 0xc2:
    case 0xc3:
        item->scalar.type = GALE_BOOL;
        item->scalar.as.boolean = head == 0xc3;
        return true;
    case 0xc7:
    case 0xc8:
    case 0xc9: return take_spelling(reader, 1u << (head - 0xc7), item);
    case 0xcb:
        item->scalar.type = GALE_DOUBLE;
        if (!take(reader, 8, &number)) {
            return false;
        }
        memcpy(&item->scalar.as.number, &number, sizeof number);
        return true;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return take(reader, 1u << (head - 0xcc), &number) &&
               set_int64(item, number, 1u << (head - 0xcc), false);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return take(reader, 1u << (head - 0xd0), &number) &&
               set_int64(item, number, 1u << (head - 0xd0), true);
    case 0xd9:
    case 0xda:
    case 0xdb:
        return take(reader, 1u << (head - 0xd9), &number) && take_string(reader, number, item);
    case 0xdc:
    case 0xdd:
        return take(reader, 2u << (head - 0xdc), &number) &&
               take_collection(reader, GALE_LIST, number, item);
    case 0xde:
    case 0xdf:
        return take(reader, 2u << (head - 0xde), &number) &&
               take_collection(reader, GALE_MAP, number, item);
    default: return false;
    }
}

/* Gives a node that was added empty the scalar that was read. */
static enum gale_err node_fill(struct gale_conf *node, const struct item *item)
{
    char number_text[NUMBER_TEXT_SIZE];
    char *text = number_text;
    struct conf_scalar scalar = item->scalar;
    if (item->text) {
        text = strndup((const char *)item->text, item->text_size);
        if (!text) {
            return GALE_ERR_NOMEM;
        }
    } else {
        usual_text(&scalar, number_text);
    }
    if (item->kind == ITEM_SPELLING) {
        scalar = conf_scalar_recognise(text);
    }
    enum gale_err err = conf_node_set(node, &scalar, text);
    if (text != number_text) {
        free(text);
    }
    return err;
}

/* Reads one value into a child of parent, or into a new root. */
static enum gale_err read_node(struct reader *reader, struct gale_conf *parent,
                               struct gale_conf **out)
{
    struct item key, item;
    char *key_text = NULL;
    if (parent && parent->scalar.type == GALE_MAP) {
        if (!take_item(reader, &key) || key.kind != ITEM_SCALAR ||
            key.scalar.type != GALE_STRING) {
            return GALE_ERR_CORRUPT;
        }
        key_text = strndup((const char *)key.text, key.text_size);
        if (!key_text) {
            return GALE_ERR_NOMEM;
        }
    }
    enum gale_err err = take_item(reader, &item) ? GALE_OK : GALE_ERR_CORRUPT;
    if (!err && parent) {
        err = conf_node_add(parent, key_text, item.scalar.type, out);
    } else if (!err) {
        *out = conf_node_new(item.scalar.type);
        err = *out ? GALE_OK : GALE_ERR_NOMEM;
    }
    free(key_text);
    if (err) {
        return err == GALE_ERR_EXISTS ? GALE_ERR_CORRUPT : err;
    }
    if (item.kind == ITEM_COLLECTION) {
        (*out)->expected_count = item.count;
        return GALE_OK;
    }
    return node_fill(*out, &item);
}

/* Reads all children of the root, whose head was read. */
static enum gale_err read_children(struct reader *reader, struct gale_conf *root)
{
    struct gale_conf *parent = root;
    unsigned depth = 1;
    uint32_t nodes_count = 1;
    while (parent) {
        if (parent->children_count == parent->expected_count) {
            parent = parent->parent;
            depth--;
            continue;
        }
        if (++nodes_count > CONF_NODES_MAX) {
            return GALE_ERR_LIMIT;
        }
        struct gale_conf *child = NULL;
        enum gale_err err = read_node(reader, parent, &child);
        if (err) {
            return err;
        }
        if (child->scalar.type == GALE_MAP || child->scalar.type == GALE_LIST) {
            if (++depth > CONF_DEPTH_MAX) {
                return GALE_ERR_LIMIT;
            }
            parent = child;
        }
    }
    return GALE_OK;
}

enum gale_err conf_unpack(const uint8_t *data, size_t size, struct gale_conf **out)
{
    struct reader reader = {.at = data, .end = data + size};
    struct gale_conf *root = NULL;
    enum gale_err err = read_node(&reader, NULL, &root);
    if (!err && (root->scalar.type == GALE_MAP || root->scalar.type == GALE_LIST)) {
        err = read_children(&reader, root);
    }
    if (!err && reader.at != reader.end) {
        err = GALE_ERR_CORRUPT;
    }
    if (err) {
        conf_free(root);
        return err;
    }
    *out = root;
    return GALE_OK;
}

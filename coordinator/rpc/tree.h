/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the maps that requests and answers are made of (reading: gale/conf.h). With key NULL the
 * parent is a list and the value is appended. Each returns GALE_OK, GALE_ERR_EXISTS (the key is
 * there already), GALE_ERR_LIMIT or GALE_ERR_NOMEM, so calls chain as `err = err ? err : …`. Pure.
 */
#ifndef RPC_TREE_H
#define RPC_TREE_H

#include "base/conf.h"

/** A text; NULL is left out, so that an absent key and a NULL are one. */
enum gale_err tree_put_text(struct gale_conf *parent, const char *key, const char *text);
enum gale_err tree_put_int(struct gale_conf *parent, const char *key, int64_t value);
enum gale_err tree_put_bool(struct gale_conf *parent, const char *key, bool value);
/** Reads back as the same double. */
enum gale_err tree_put_double(struct gale_conf *parent, const char *key, double value);
/** An id of 64 bits, as a text of hex digits. */
enum gale_err tree_put_hex64(struct gale_conf *parent, const char *key, uint64_t value);
/** Reads it; fallback when the key is absent or not 1 to 16 hex digits. */
uint64_t tree_hex64(const struct gale_conf *map, const char *key, uint64_t fallback);
/** Empties a map. */
void tree_clear(struct gale_conf *map);

#endif

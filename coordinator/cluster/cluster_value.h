/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a tuple as a tree for people: numbers, truth values and strings as they are, decimals and
 * bytes as texts, what is nested too deep or too long cut. Any bytes are safe. Pure.
 */
#ifndef CLUSTER_CLUSTER_VALUE_H
#define CLUSTER_CLUSTER_VALUE_H

#include "base/conf.h"

#define VALUE_DEPTH_MAX 16   /* lists and maps within each other; deeper ones are "..." */
#define VALUE_TEXT_MAX 4096u /* bytes of a string; the rest is cut */

/** Adds the values, a msgpack array, as a list under a key of the map.
 *  GALE_ERR_CORRUPT: they are none; GALE_ERR_NOMEM, GALE_ERR_LIMIT. */
enum gale_err value_tree(const uint8_t *data, size_t size, struct gale_conf *map,
                         const char *key);

#endif

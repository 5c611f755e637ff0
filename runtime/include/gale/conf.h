/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: a tree of plain values with the place each came from. A component sees its own
 * options merged over the topology's; a topology file and the C builder (topology.h) make the
 * same tree. Nodes belong to their tree and live until its root is freed; reading is allowed from
 * any thread, writing only before the tree is handed over.
 */
#ifndef GALE_CONF_H
#define GALE_CONF_H

#include <gale/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gale_conf;

/**
 * Finds a key of a map. @param conf a map node or NULL. @param key NUL-terminated.
 * @return the node, or NULL when absent or conf is no map.
 */
GALE_API const struct gale_conf *gale_conf_get(const struct gale_conf *conf, const char *key);

/** Type of a node. @param conf a node; NULL counts as nil. @return its type: nil, bool, int64,
 *  double, string, list or map. */
GALE_API enum gale_type gale_conf_type(const struct gale_conf *conf);

/** Number of elements of a list or pairs of a map, 0 for others. @param conf a node or NULL.
 *  @return the number. */
GALE_API size_t gale_conf_count(const struct gale_conf *conf);

/** Element of a list or value of a map by position. @param conf a node. @param index 0-based.
 *  @return the node or NULL. */
GALE_API const struct gale_conf *gale_conf_at(const struct gale_conf *conf, size_t index);

/** Key of a map by position. @param conf a map. @param index 0-based. @return the key or NULL. */
GALE_API const char *gale_conf_key(const struct gale_conf *conf, size_t index);

/**
 * Text of a scalar node: strings as they are, others as they were written ("12", "true").
 * @param conf a node or NULL. @return NUL-terminated text owned by the tree; NULL for list, map,
 * nil and NULL.
 */
GALE_API const char *gale_conf_text(const struct gale_conf *conf);

/** Option of a map as text. @param conf a map or NULL. @param key its name.
 *  @param fallback returned when absent. @return the text, owned by the tree. */
GALE_API const char *gale_conf_string(const struct gale_conf *conf, const char *key,
                                      const char *fallback);

/** Option of a map as an integer. @param conf a map or NULL. @param key its name.
 *  @param fallback returned when absent or no integer. @return the value. */
GALE_API int64_t gale_conf_int64(const struct gale_conf *conf, const char *key,
                                 int64_t fallback);

/** Option of a map as a number. @param conf a map or NULL. @param key its name.
 *  @param fallback returned when absent or no number. @return the value. */
GALE_API double gale_conf_double(const struct gale_conf *conf, const char *key,
                                 double fallback);

/** Option of a map as a bool. @param conf a map or NULL. @param key its name.
 *  @param fallback returned when absent or no bool. @return the value. */
GALE_API bool gale_conf_bool(const struct gale_conf *conf, const char *key, bool fallback);

/** Option of a map as a duration: "250ms", "30s", "5m", "1h", or a number of milliseconds.
 *  @param conf a map or NULL. @param key its name. @param fallback_ms returned when absent or
 *  malformed. @return milliseconds. */
GALE_API int64_t gale_conf_duration_ms(const struct gale_conf *conf, const char *key,
                                       int64_t fallback_ms);

/** Option of a map as a size: "64KiB", "1MiB", "2GB", or a number of bytes.
 *  @param conf a map or NULL. @param key its name. @param fallback returned when absent or
 *  malformed. @return bytes. */
GALE_API int64_t gale_conf_size(const struct gale_conf *conf, const char *key,
                                int64_t fallback);

#ifdef __cplusplus
}
#endif
#endif

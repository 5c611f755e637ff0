/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a topology in C. The builder fills the same tree as a topology file (conf.h), so the
 * same checks and the same plan follow. Not thread-safe; names are copied.
 */
#ifndef GALE_TOPOLOGY_H
#define GALE_TOPOLOGY_H

#include <gale/conf.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gale_topology;
struct gale_component;

/** Starts an empty topology. @param name [A-Za-z0-9_-]{1,64}. @return to be freed, or NULL
 *  (no memory). */
GALE_API struct gale_topology *gale_topology_new(const char *name);
/** Frees it and its components. @param topology may be NULL. */
GALE_API void gale_topology_free(struct gale_topology *topology);
/** Sets a top-level setting as in the file ("workers", "guarantee", "max_pending", …).
 *  @param topology to be changed. @param key its name. @param value text as in the file.
 *  @return GALE_OK or GALE_ERR_NOMEM; the value is checked with the plan. */
GALE_API enum gale_err gale_topology_set(struct gale_topology *topology, const char *key,
                                         const char *value);
/** Adds a built-in spout. @param topology to be changed. @param id its name in the topology.
 *  @param type such as "file". @return owned by the topology, or NULL (no memory, id in use). */
GALE_API struct gale_component *gale_topology_spout(struct gale_topology *topology,
                                                    const char *id, const char *type);
/** Adds a built-in bolt; as gale_topology_spout. @param topology to be changed. @param id its
 *  name. @param type such as "count". @return owned by the topology, or NULL. */
GALE_API struct gale_component *gale_topology_bolt(struct gale_topology *topology,
                                                   const char *id, const char *type);
/** Takes the component's code from a module instead of a built-in type.
 *  @param component to be changed. @param path of the .so. @param name in its table.
 *  @return GALE_OK or GALE_ERR_NOMEM. */
GALE_API enum gale_err gale_component_module(struct gale_component *component, const char *path,
                                             const char *name);
/** Sets an option or a setting of the component ("parallelism", "tick", "path", …).
 *  @param component to be changed. @param key its name. @param value text as in the file; types
 *  are recognised as in YAML. @return GALE_OK or GALE_ERR_NOMEM. */
GALE_API enum gale_err gale_component_set(struct gale_component *component, const char *key,
                                          const char *value);
/** Appends to a list option. @param component to be changed. @param key its name.
 *  @param value one more element. @return GALE_OK or GALE_ERR_NOMEM. */
GALE_API enum gale_err gale_component_append(struct gale_component *component, const char *key,
                                             const char *value);
/** Subscribes a bolt. @param component the bolt. @param source "spout" or "bolt.stream".
 *  @param grouping "shuffle", "local-or-shuffle", "load-aware", "all", "global", "none",
 *  "direct". @return GALE_OK or GALE_ERR_NOMEM. */
GALE_API enum gale_err gale_component_from(struct gale_component *component, const char *source,
                                           const char *grouping);
/** Subscribes a bolt by fields. @param component the bolt. @param source as above.
 *  @param grouping "fields" or "partial-key". @param fields comma-separated names.
 *  @return GALE_OK or GALE_ERR_NOMEM. */
GALE_API enum gale_err gale_component_from_fields(struct gale_component *component,
                                                  const char *source, const char *grouping,
                                                  const char *fields);
/** Subscribes a bolt by a custom grouping. @param component the bolt. @param source as above.
 *  @param path of the module. @param name of the grouping in it. @return GALE_OK or
 *  GALE_ERR_NOMEM. */
GALE_API enum gale_err gale_component_from_custom(struct gale_component *component,
                                                  const char *source, const char *path,
                                                  const char *name);
/** The tree built so far, as a topology file would give it. @param topology it.
 *  @return owned by the topology. */
GALE_API const struct gale_conf *gale_topology_conf(const struct gale_topology *topology);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to configuration tree, with places. The adapter of libyaml; private; one thread. */
#ifndef TOPOLOGY_YAML_H
#define TOPOLOGY_YAML_H

#include "topology/load.h"

/** Reads one document. @param name stands in the places. @return GALE_OK with *out, which is NULL
 *  when an error left no map (all were reported); GALE_ERR_NOMEM. */
enum gale_err yaml_read(struct load *load, const char *name, const char *text, size_t size,
                        struct gale_conf **out);

#endif

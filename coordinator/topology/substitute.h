/* SPDX-License-Identifier: Apache-2.0 */
/* ${NAME} in the scalars of a topology file. Private to coordinator/topology; one thread. */
#ifndef TOPOLOGY_SUBSTITUTE_H
#define TOPOLOGY_SUBSTITUTE_H

#include "topology/load.h"

/**
 * Replaces ${NAME} and ${NAME:-default} by the -D or environment value, $${ by ${.
 * @param out receives the text with a NUL behind it (not counted).
 * @return GALE_OK, also when something was reported (then out holds the text unchanged);
 * GALE_ERR_NOMEM.
 */
enum gale_err substitute_text(struct load *load, const struct conf_place *place,
                              const char *text, struct buf *out);
/** Copies a file's text so that YAML sees each ${…} as plain characters, one for one: in a flow
 *  collection a bare { would open a map. */
enum gale_err substitute_mask(const char *text, size_t size, struct buf *out);
/** Undoes the mask in a NUL-terminated scalar; the text can only get shorter. */
void substitute_unmask(char *text);

#endif

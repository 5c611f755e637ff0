/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the judgement, host_core.c and host_wire.c, share. Not for others. */
#ifndef HOST_HOST_INTERNAL_H
#define HOST_HOST_INTERNAL_H

#include "host/host_core.h"

/** A new entry that takes over what the spec owns. NULL: no memory, the spec is untouched. */
struct host_worker *host_worker_make(struct host_core *core, struct host_spec *spec);
/** Drops the oldest `count` ends. */
void host_gone_acknowledged(struct host_core *core, size_t count);
/** Brings every worker nearer to what is wanted. */
void host_core_settle(struct host_core *core);

/** Reads what host_spec_write wrote, or an element of `wanted`. The spec is the caller's to fini in any
 *  case. GALE_ERR_CORRUPT, GALE_ERR_NOMEM. */
enum gale_err host_spec_read(const struct gale_conf *map, struct host_spec *spec);
/** Fills a map. GALE_ERR_LIMIT, GALE_ERR_NOMEM. */
enum gale_err host_spec_write(const struct host_spec *spec, struct gale_conf *map);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers print: DIR/NAME/worker-N.log, to which all processes of worker N of the topology NAME
 * append. A file keeps its last WORKER_LOG_KEPT bytes: what is older is given back to the file system as
 * a hole, so that offsets stay what they are; where there are no holes the file begins anew. Blocks on
 * the disk. One thread; workers write meanwhile.
 */
#ifndef HOST_WORKER_LOG_H
#define HOST_WORKER_LOG_H

#include "base/buf.h"

#include <limits.h>

#define WORKER_LOG_KEPT (INT64_C(16) << 20)
#define WORKER_LOG_SLACK (INT64_C(4) << 20) /* more than that above it before anything is cut */
#define WORKER_LOG_READ_MAX (1u << 20)      /* bytes of one read */
#define WORKER_LOG_AGE_S (7 * 24 * 3600)    /* a topology's logs without a change are removed */

/** Path of a log, whose folder is made with `make`. name must be a name (str_is_name): asserted.
 *  GALE_ERR_LIMIT: the path is too long; GALE_ERR_IO: the folder cannot be made. */
enum gale_err worker_log_path(const char *dir, const char *name, uint32_t worker, bool make,
                              char out[PATH_MAX]);
/** Cuts what is too much. @param kept as WORKER_LOG_KEPT, smaller in tests. @return bytes given back. */
int64_t worker_log_trim(const char *path, int64_t kept);
/**
 * Reads bytes, appended to out, at most limit and WORKER_LOG_READ_MAX.
 * @param offset from where; -1: none, only where the end is. One that was cut away, or lies behind the
 * end of a file that began anew, is moved to the first whole line that is kept.
 * @param at receives where the bytes begin, @param size the file's.
 * @return GALE_OK; GALE_ERR_NOT_FOUND; GALE_ERR_IO; GALE_ERR_NOMEM.
 */
enum gale_err worker_log_read(const char *path, int64_t offset, size_t limit, struct buf *out,
                              int64_t *at, int64_t *size);
/** Removes the folders of topologies in which nothing has changed for WORKER_LOG_AGE_S.
 *  @param now_s wall clock. @return how many. */
int worker_log_collect(const char *dir, int64_t now_s);

#endif

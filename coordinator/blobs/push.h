/* SPDX-License-Identifier: Apache-2.0 */
/* Sending a file to a process that keeps blobs (verbs blob_has, blob_put). One thread; blocks. */
#ifndef BLOBS_PUSH_H
#define BLOBS_PUSH_H

#include "blobs/sha256.h"
#include "rpc/client.h"

/**
 * Sends what the other side lacks of a file, going on where an earlier try ended.
 * @param hex,size of the file when it was hashed. @param within_ms for all of it.
 * @return GALE_OK; GALE_ERR_CORRUPT: the file was changed meanwhile; GALE_ERR_NOT_FOUND, GALE_ERR_IO:
 * of the file; else as rpc_call. *error is set on each.
 */
enum gale_err blobs_push(struct rpc_client *client, const char *hex, uint64_t size,
                         const char *path, int64_t within_ms, struct gale_error *error);

#endif

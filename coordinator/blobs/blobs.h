/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files named by their content: DIR/HEX holds the bytes whose SHA-256 is HEX (64 lower-case digits),
 * mode 0444; DIR/part/HEX holds the beginning of one that is on its way. A blob gets its name only
 * after all of its bytes were hashed and are on the disk, so what has a name was right when it came;
 * blobs_verify hashes it again. Parts outlive a restart, and go on where they ended.
 *
 * One thread; calls block on the disk. Several processes may share a directory: the names are made
 * by rename, and parts that two write at once are refused by their hash at worst.
 */
#ifndef BLOBS_BLOBS_H
#define BLOBS_BLOBS_H

#include "base/buf.h"
#include "blobs/sha256.h"
#include "rpc/server.h"

#include <limits.h>

#define BLOBS_SIZE_MAX (UINT64_C(256) << 20) /* bytes of one blob */
#define BLOBS_CHUNK_MAX (1u << 20)           /* bytes of one read or put */
#define BLOBS_PARTS_MAX 256                  /* on their way at once */
#define BLOBS_PART_LEFT_S 60 /* left alone so long, a part makes way for others */

struct blobs;

/** Opens the directory, made with mode 0700 when missing (its parent must be there). @return
 *  GALE_OK and *out, to be freed by blobs_free; GALE_ERR_IO, GALE_ERR_NOMEM, GALE_ERR_LIMIT (the
 *  path is too long) with *error set. */
enum gale_err blobs_open(const char *dir, struct blobs **out, struct gale_error *error);
void blobs_free(struct blobs *blobs);
/** Its directory, for a worker's --modules. Lives with blobs. */
const char *blobs_dir(const struct blobs *blobs);
/** It is here, whole. False also when hex is no name of a blob. */
bool blobs_has(const struct blobs *blobs, const char *hex);
/** Path of a blob, here or not. hex must be a blob's name (sha256_is_hex): asserted. */
void blobs_path(const struct blobs *blobs, const char *hex, char out[PATH_MAX]);
/** Hashes it again. GALE_ERR_CORRUPT: it was damaged and is removed, so that it can come anew;
 *  GALE_ERR_NOT_FOUND, GALE_ERR_IO. *error is set on each. */
enum gale_err blobs_verify(struct blobs *blobs, const char *hex, struct gale_error *error);
/** Copies a file in. @param hex,size receive its name and size; size may be NULL. @return GALE_OK;
 *  GALE_ERR_NOT_FOUND, GALE_ERR_INVALID (no regular file), GALE_ERR_LIMIT (BLOBS_SIZE_MAX),
 *  GALE_ERR_IO with *error set. */
enum gale_err blobs_add_file(struct blobs *blobs, const char *path, char hex[SHA256_HEX_SIZE],
                             uint64_t *size, struct gale_error *error);
/** Bytes of a blob, appended to out: from offset, at most BLOBS_CHUNK_MAX, none at the end.
 *  @param size receives the whole blob's. @return GALE_OK; GALE_ERR_NOT_FOUND; GALE_ERR_INVALID (the
 *  offset lies behind the end); GALE_ERR_IO; GALE_ERR_NOMEM. */
enum gale_err blobs_read(const struct blobs *blobs, const char *hex, uint64_t offset,
                         struct buf *out, uint64_t *size);
/** Bytes of a blob that are here already: its size when whole, the part's, or 0. */
uint64_t blobs_progress(const struct blobs *blobs, const char *hex);
/**
 * Adds bytes to a part, and makes it a blob with the last ones.
 * @param size of the whole blob. @param next_offset receives where to go on; size: it is here.
 * @return GALE_OK; GALE_ERR_STALE: the bytes are not those that follow, go on at *next_offset;
 * GALE_ERR_CORRUPT: all have come and are not the blob, begin at 0; GALE_ERR_INVALID: hex, size or
 * offset cannot be; GALE_ERR_LIMIT: BLOBS_PARTS_MAX; GALE_ERR_IO. *error is set on each.
 */
enum gale_err blobs_put(struct blobs *blobs, const char *hex, uint64_t size, uint64_t offset,
                        const void *data, size_t data_size, uint64_t *next_offset,
                        struct gale_error *error);
/** Removes blobs and parts that are not in `keep` and whose last change is older than that.
 *  @return how many, or -1 (the directory cannot be read, or no memory). */
int blobs_collect(struct blobs *blobs, const char *const *keep, size_t count,
                  int64_t older_than_ms);

/**
 * Answers blob_has {sha} → {has, size, next}; blob_get {sha, offset} → {size} + body;
 * blob_put {sha, size, offset} + body → {next} (also when it must go on elsewhere than at the end of
 * these bytes). @return false: the request's verb is none of these, and the answer untouched.
 */
bool blobs_serve(struct blobs *blobs, const struct rpc_request *request,
                 struct rpc_answer *answer);

#endif

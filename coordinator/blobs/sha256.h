/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, the name of a blob. The one adapter of libnettle. One owner thread for each sum. */
#ifndef BLOBS_SHA256_H
#define BLOBS_SHA256_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_SIZE 65 /* 64 lower-case digits and the end */

struct sha256;

/** Begins a sum, to be ended by sha256_end. NULL: no memory. */
struct sha256 *sha256_begin(void);
void sha256_add(struct sha256 *sum, const void *data, size_t size);
/** Writes the name and frees the sum. */
void sha256_end(struct sha256 *sum, char hex[SHA256_HEX_SIZE]);
/** Sums the rest of a descriptor. @param size receives the bytes; may be NULL. @return GALE_OK,
 *  GALE_ERR_IO (errno is set), GALE_ERR_NOMEM. */
enum gale_err sha256_fd(int fd, char hex[SHA256_HEX_SIZE], uint64_t *size);
/** Sums a regular file. GALE_ERR_NOT_FOUND, GALE_ERR_INVALID (no regular file), GALE_ERR_IO,
 *  GALE_ERR_NOMEM with *error set. */
enum gale_err sha256_file(const char *path, char hex[SHA256_HEX_SIZE], uint64_t *size,
                          struct gale_error *error);
/** 64 lower-case hex digits and nothing else. */
bool sha256_is_hex(const char *text);

#endif

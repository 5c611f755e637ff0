/* SPDX-License-Identifier: Apache-2.0 */
/* Queue of failed message ids that a spout emits again, first in first out. It grows with the
 * number of trees that failed at once, which the engine bounds by `max_pending`. One owner task. */
#ifndef SPOUTS_RETRY_H
#define SPOUTS_RETRY_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialise before use. */
struct retry {
    uint64_t *ids; /* Ring of `capacity` entries, a power of two. */
    size_t capacity;
    size_t head;
    size_t count;
};

/** Most ids that wait at once: far above any pending limit, so that memory stays bounded. */
#define RETRY_COUNT_MAX ((size_t)1 << 24)

/** Frees the ring; the queue is empty and usable afterwards. */
void retry_fini(struct retry *retry);
/** Appends an id. GALE_ERR_NOMEM, or GALE_ERR_LIMIT beyond RETRY_COUNT_MAX. */
enum gale_err retry_push(struct retry *retry, uint64_t id);
/** Reads the oldest id without taking it; false when empty. */
bool retry_peek(const struct retry *retry, uint64_t *out);
/** Drops the oldest id; the queue must not be empty. */
void retry_drop(struct retry *retry);

#endif

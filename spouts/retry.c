/* SPDX-License-Identifier: Apache-2.0 */
/* Ring of failed message ids; see retry.h. Pure: no I/O, no clock. */
#include "spouts/retry.h"

#include <stdlib.h>

#define RETRY_CAPACITY_FIRST 64

void retry_fini(struct retry *retry)
{
    free(retry->ids);
    *retry = (struct retry){0};
}

static enum gale_err grow(struct retry *retry)
{
    if (retry->capacity >= RETRY_COUNT_MAX) {
        return GALE_ERR_LIMIT;
    }
    size_t capacity = retry->capacity == 0 ? RETRY_CAPACITY_FIRST : retry->capacity * 2;
    uint64_t *ids = malloc(capacity * sizeof(*ids));
    if (ids == NULL) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < retry->count; i++) {
        ids[i] = retry->ids[(retry->head + i) & (retry->capacity - 1)];
    }
    free(retry->ids);
    retry->ids = ids;
    retry->capacity = capacity;
    retry->head = 0;
    return GALE_OK;
}

enum gale_err retry_push(struct retry *retry, uint64_t id)
{
    if (retry->count == retry->capacity) {
        enum gale_err err = grow(retry);
        if (err != GALE_OK) {
            return err;
        }
    }
    retry->ids[(retry->head + retry->count) & (retry->capacity - 1)] = id;
    retry->count++;
    return GALE_OK;
}

bool retry_peek(const struct retry *retry, uint64_t *out)
{
    if (retry->count == 0) {
        return false;
    }
    *out = retry->ids[retry->head];
    return true;
}

void retry_drop(struct retry *retry)
{
    retry->head = (retry->head + 1) & (retry->capacity - 1);
    retry->count--;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store records from hostile bytes: as they are, and with their checksum made right, so that the
 * fields behind it are reached. What is accepted must encode to the same bytes again.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "store/records.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size)
{
    struct record_status status;
    struct record_position position;
    struct buf again;
    bool accepted = false;
    buf_init(&again, 0);
    if (record_status_decode(data, size, &status) == GALE_OK) {
        accepted = record_status_encode(&status, &again) == GALE_OK;
        GALE_ASSERT(accepted);
    } else if (record_position_decode(data, size, &position) == GALE_OK) {
        accepted = record_position_encode(&position, &again) == GALE_OK;
        GALE_ASSERT(accepted);
    }
    if (accepted) {
        GALE_ASSERT(again.size == size && memcmp(again.data, data, size) == 0);
    }
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size);
    if (size < 10) {
        return 0;
    }
    uint8_t *forged = malloc(size);
    GALE_ASSERT(forged != NULL);
    memcpy(forged, data, size);
    uint64_t checksum = hash64(forged, size - 8, forged[1]);
    for (size_t i = 0; i < 8; i++) {
        forged[size - 8 + i] = (uint8_t)(checksum >> (8 * i));
    }
    check(forged, size);
    free(forged);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scan, the cursor, the trusted skip and msgpack-c on the same bytes. What the scan accepts must
 * be walked by all of them to the same places; what it refuses, the cursor must not have walked to
 * the end, except for nesting beyond the limit.
 */
#include "base/assert.h"
#include "codec/scan.h"
#include "core/heads.h"
#include "core/skip.h"

#include <gale/value.h>
#include <msgpack.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Top-level values by the cursor's skip; *whole says that no byte was left. */
static uint64_t count_by_skip(const uint8_t *data, size_t size, bool *whole)
{
    struct gale_cursor cursor = {data, data + size};
    uint64_t count = 0;
    enum gale_err err;
    while ((err = gale_cursor_skip(&cursor)) == GALE_OK) {
        count++;
    }
    *whole = cursor.at == cursor.end;
    GALE_ASSERT(err == (*whole ? GALE_ERR_AGAIN : GALE_ERR_CORRUPT));
    return count;
}

/* Top-level values by the cursor's next, which sees each nested one. */
static uint64_t count_by_next(const uint8_t *data, size_t size)
{
    struct gale_cursor cursor = {data, data + size};
    struct gale_value value;
    uint64_t count = 0;
    while (cursor.at < cursor.end) {
        uint64_t pending = 1;
        for (; pending > 0; pending--) {
            GALE_ASSERT(gale_cursor_next(&cursor, &value) == GALE_OK);
            if (value.type == GALE_LIST) {
                pending += value.as.count;
            } else if (value.type == GALE_MAP) {
                pending += 2 * (uint64_t)value.as.count;
            }
        }
        count++;
    }
    return count;
}

static void check_accepted(const uint8_t *data, size_t size, uint64_t count)
{
    GALE_ASSERT(count_by_next(data, size) == count);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    const uint8_t *at = data;
    for (uint64_t i = 0; i < count; i++) {
        GALE_ASSERT(msgpack_unpack_next(&unpacked, (const char *)data, size, &used) > 0);
        at = skip_value(at);
        GALE_ASSERT(at == data + used);
    }
    GALE_ASSERT(used == size);
    msgpack_unpacked_destroy(&unpacked);
}

static bool nests_too_deep(const uint8_t *data, size_t size)
{
    unsigned depth = 0;
    uint64_t pending[64];
    const uint8_t *end = data + size;
    for (const uint8_t *at = data; at < end;) {
        struct head head;
        GALE_ASSERT(head_read(at, (size_t)(end - at), &head));
        at += head.size + (head.children == 0 ? head.count : 0);
        if (depth > 0) {
            pending[depth - 1]--;
        }
        if (head.children != 0) {
            if (depth == SCAN_DEPTH_MAX) {
                return true;
            }
            pending[depth++] = (uint64_t)head.count * head.children;
        }
        while (depth > 0 && pending[depth - 1] == 0) {
            depth--;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool whole;
    uint64_t count = count_by_skip(data, size, &whole);
    if (scan_values(data, size, count) == GALE_OK) {
        GALE_ASSERT(whole);
        check_accepted(data, size, count);
        GALE_ASSERT(scan_values(data, size, count + 1) != GALE_OK);
        GALE_ASSERT(count == 0 || scan_values(data, size, count - 1) != GALE_OK);
    } else {
        GALE_ASSERT(!whole || nests_too_deep(data, size));
    }
    if (scan_message(data, size) == GALE_OK) {
        GALE_ASSERT(scan_values(data, size, 1) == GALE_OK);
    }
    return 0;
}

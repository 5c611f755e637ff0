/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole frame from a hostile peer: head, checksum, LZ4, control sections or batches with their
 * values. The sizes and the checksum of every second input are put right, so that the search gets
 * behind them. Whatever was accepted is then walked as the receiver does.
 */
#include "base/assert.h"
#include "codec/frame.h"
#include "codec/scan.h"
#include "core/batch.h"

#include <gale/value.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_values(const uint8_t *at, size_t size, uint64_t count)
{
    struct gale_cursor cursor = {at, at + size};
    for (uint64_t i = 0; i < count; i++) {
        GALE_ASSERT(gale_cursor_skip(&cursor) == GALE_OK);
    }
    GALE_ASSERT(cursor.at == cursor.end);
}

static void walk_batches(const uint8_t *payload, size_t size)
{
    while (size > 0) {
        struct batch_head head;
        if (batch_head_read(payload, size, &head, NULL) != GALE_OK) {
            return;
        }
        size_t before = BATCH_HEAD_SIZE + (size_t)head.runs_size;
        GALE_ASSERT(head.size <= size && before <= head.size);
        size_t values_size = head.size - before;
        for (uint64_t fields = 1; fields < 4; fields++) {
            uint64_t count = head.tuples_count * fields;
            if (scan_values(payload + before, values_size, count) == GALE_OK) {
                walk_values(payload + before, values_size, count);
            }
        }
        payload += head.size;
        size -= head.size;
    }
}

static void walk_sections(const uint8_t *payload, size_t size)
{
    while (size > 0) {
        GALE_ASSERT(size >= 8);
        size_t entry_size = frame_section_entry_size(load_u32(payload));
        size_t section = 8 + load_u32(payload + 4) * entry_size;
        GALE_ASSERT(entry_size > 0 && section <= size);
        payload += section;
        size -= section;
    }
}

static void open_frame(const uint8_t *data, size_t size)
{
    struct frame_header header;
    struct gale_error error = {.code = GALE_OK};
    if (frame_header_read(data, size, &header, &error) != GALE_OK) {
        GALE_ASSERT(error.code == GALE_ERR_CORRUPT && error.text[0] != '\0');
        return;
    }
    uint8_t again[FRAME_HEADER_SIZE];
    frame_header_write(again, &header);
    GALE_ASSERT(memcmp(again, data, sizeof(again)) == 0);

    struct buf scratch;
    const uint8_t *payload;
    size_t payload_size;
    buf_init(&scratch, FRAME_PAYLOAD_MAX);
    if (frame_open(data, size, &header, &scratch, &payload, &payload_size, &error) == GALE_OK) {
        GALE_ASSERT(payload_size == header.raw_size);
        if (header.kind == FRAME_DATA) {
            walk_batches(payload, payload_size);
        } else if (frame_control_check(payload, payload_size, NULL) == GALE_OK) {
            walk_sections(payload, payload_size);
        }
    }
    buf_fini(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_frame(data, size);
    if (size < FRAME_HEADER_SIZE || (data[63] & 1) == 0) {
        return 0;
    }
    uint8_t *mended = malloc(size);
    GALE_ASSERT(mended != NULL);
    memcpy(mended, data, size);
    uint32_t payload_size = (uint32_t)(size - FRAME_HEADER_SIZE);
    mended[0] = FRAME_MAGIC_0;
    mended[1] = FRAME_MAGIC_1;
    mended[2] = FRAME_WIRE_VERSION;
    store_u32(mended + 20, payload_size);
    if (mended[4] == 0) {
        store_u32(mended + 24, payload_size);
    }
    store_u64(mended + 56, frame_checksum(mended + FRAME_HEADER_SIZE, payload_size));
    open_frame(mended, size);
    free(mended);
    return 0;
}

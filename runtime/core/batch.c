/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and checking a batch's head and runs; layout in batch.h. Little-endian machines only. */
#include "core/batch.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "batches are little-endian; add byte swaps before building for this machine"
#endif

void batch_head_write(uint8_t out[BATCH_HEAD_SIZE], const struct batch_head *head)
{
    store_u32(out, head->size);
    store_u32(out + 4, head->target_task);
    store_u32(out + 8, head->source_task);
    store_u32(out + 12, head->input);
    store_u32(out + 16, head->tuples_count);
    store_u32(out + 20, head->runs_size);
    store_u64(out + 24, head->edge_seed);
}

static enum gale_err check_runs(const uint8_t *runs, uint32_t size, uint32_t tuples_count,
                                struct gale_error *error)
{
    uint64_t tuples = 0;
    for (uint32_t at = 0; at < size;) {
        if (size - at < 8) {
            return gale_error_set(error, GALE_ERR_CORRUPT, "batch: a run's head is cut off");
        }
        uint32_t count = load_u32(runs + at);
        uint32_t roots = load_u32(runs + at + 4);
        if (count == 0 || roots > BATCH_ROOTS_MAX || roots > (size - at - 8) / 8) {
            return gale_error_set(error, GALE_ERR_CORRUPT,
                                  "batch: a run of %u tuples with %u roots does not fit", count,
                                  roots);
        }
        tuples += count;
        at += 8 + roots * 8;
    }
    if (size != 0 && tuples != tuples_count) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "batch: its runs cover %llu tuples, its head says %u",
                              (unsigned long long)tuples, tuples_count);
    }
    return GALE_OK;
}

enum gale_err batch_head_read(const uint8_t *data, size_t size, struct batch_head *out,
                              struct gale_error *error)
{
    if (size < BATCH_HEAD_SIZE) {
        return gale_error_set(error, GALE_ERR_CORRUPT, "batch: %zu bytes are no head", size);
    }
    struct batch_head head = {
        .size = load_u32(data),
        .target_task = load_u32(data + 4),
        .source_task = load_u32(data + 8),
        .input = (uint16_t)load_u32(data + 12),
        .tuples_count = load_u32(data + 16),
        .runs_size = load_u32(data + 20),
        .edge_seed = load_u64(data + 24),
    };
    if (head.size < BATCH_HEAD_SIZE || head.size > size ||
        head.runs_size > head.size - BATCH_HEAD_SIZE || load_u32(data + 12) > UINT16_MAX ||
        head.tuples_count == 0) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "batch: size %u, runs %u, tuples %u do not fit in %zu bytes",
                              head.size, head.runs_size, head.tuples_count, size);
    }
    enum gale_err err =
        check_runs(data + BATCH_HEAD_SIZE, head.runs_size, head.tuples_count, error);
    if (err == GALE_OK) {
        *out = head;
    }
    return err;
}

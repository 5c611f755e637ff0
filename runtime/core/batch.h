/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: tuples of one stream from one source task for one target task. The same bytes lie in
 * an inbox and in a frame's payload (several batches one after the other), little-endian:
 *
 *      0  u32 size         of the whole batch, this head included
 *      4  u32 target_task
 *      8  u32 source_task
 *     12  u16 input        position in the target bolt's `from` list
 *     14  u16 zero
 *     16  u32 tuples_count
 *     20  u32 runs_size    bytes of the runs; 0: nothing is tracked
 *     24  u64 edge_seed    edge id of tuple k (from 0) is mix64(edge_seed + k)
 *     32  runs             {u32 tuples_count, u32 roots_count, u64 root × roots_count} …
 *         values           each tuple's fields as msgpack, one after the other
 *
 * A run says to which trees the next tuples belong; roots_count 0: to none. Pure.
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BATCH_HEAD_SIZE 32u
#define BATCH_RUN_SIZE 16u       /* with one root */
#define BATCH_ROOTS_MAX 1024u    /* of one tuple */
#define BATCH_VALUES_SIZE 32768u /* closes a batch */
#define BATCH_RUNS_SIZE 16384u   /* closes it too */

struct batch_head {
    uint32_t size;
    uint32_t target_task;
    uint32_t source_task;
    uint16_t input;
    uint32_t tuples_count;
    uint32_t runs_size;
    uint64_t edge_seed;
};

void batch_head_write(uint8_t out[BATCH_HEAD_SIZE], const struct batch_head *head);
/** Reads and checks the head and the runs against `size` bytes: GALE_ERR_CORRUPT with a sentence in
 *  *error (may be NULL). The values are not looked at. */
enum gale_err batch_head_read(const uint8_t *data, size_t size, struct batch_head *out,
                              struct gale_error *error);

static inline uint32_t load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline void store_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static inline void store_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof(value));
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histogram of latencies: clearing, merging, quantiles and the packed form (recording is inline in
 * hist.h). Invariant: count is the sum of the buckets; a bucket that is full stays full and the
 * count follows it. One owner thread.
 *
 * Packed form, little-endian: u64 max | u32 n | n × { u16 index, u32 count }, indexes ascending,
 * counts above 0.
 */
#include "base/hist.h"

#include <string.h>

#define PACKED_HEAD_SIZE 12
#define PACKED_BUCKET_SIZE 6

void hist_clear(struct hist *hist)
{
    memset(hist, 0, sizeof *hist);
}

static void bucket_add(struct hist *hist, size_t index, uint32_t count)
{
    uint32_t room = UINT32_MAX - hist->buckets[index];
    uint32_t added = count < room ? count : room;
    hist->buckets[index] += added;
    hist->count += added;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        bucket_add(into, i, from->buckets[i]);
    }
    if (from->max > into->max) {
        into->max = from->max;
    }
}

/* The middle of a bucket's values. */
static uint64_t bucket_middle(size_t index)
{
    if (index < 64) {
        return index;
    }
    unsigned shift = (unsigned)(index / 64) - 1;
    uint64_t low = (64 + (uint64_t)(index % 64)) << shift;
    return low + ((UINT64_C(1) << shift) >> 1);
}

uint64_t hist_quantile(const struct hist *hist, double q)
{
    if (hist->count == 0) {
        return 0;
    }
    /* Written so that a NaN counts as 0. */
    double clamped = q > 0.0 ? (q < 1.0 ? q : 1.0) : 0.0;
    double exact = clamped * (double)hist->count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact || rank == 0) {
        rank++;
    }
    uint64_t seen = 0;
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        seen += hist->buckets[i];
        if (seen >= rank) {
            uint64_t middle = bucket_middle(i);
            return middle < hist->max ? middle : hist->max;
        }
    }
    return hist->max;
}

double hist_mean(const struct hist *hist)
{
    double sum = 0;
    double count = 0;
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        sum += (double)hist->buckets[i] * (double)bucket_middle(i);
        count += (double)hist->buckets[i];
    }
    double mean = count > 0 ? sum / count : 0;
    return mean < (double)hist->max ? mean : (double)hist->max;
}

void hist_since(const struct hist *now, const struct hist *before, struct hist *out)
{
    size_t last = 0;
    hist_clear(out);
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        if (now->buckets[i] < before->buckets[i]) {
            *out = *now;
            return;
        }
        out->buckets[i] = now->buckets[i] - before->buckets[i];
        out->count += out->buckets[i];
        last = out->buckets[i] > 0 ? i : last;
    }
    if (out->count > 0) {
        out->max = bucket_middle(last) < now->max ? bucket_middle(last) : now->max;
    }
}

static void put_le(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_le(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

enum gale_err hist_pack(const struct hist *hist, struct buf *out)
{
    uint32_t used_count = 0;
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        used_count += hist->buckets[i] != 0;
    }
    enum gale_err err =
        buf_reserve(out, PACKED_HEAD_SIZE + (size_t)used_count * PACKED_BUCKET_SIZE);
    if (err) {
        return err;
    }
    uint8_t *at = out->data + out->size;
    put_le(at, hist->max, 8);
    put_le(at + 8, used_count, 4);
    at += PACKED_HEAD_SIZE;
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        if (hist->buckets[i]) {
            put_le(at, i, 2);
            put_le(at + 2, hist->buckets[i], 4);
            at += PACKED_BUCKET_SIZE;
        }
    }
    out->size = (size_t)(at - out->data);
    return GALE_OK;
}

enum gale_err hist_merge_packed(struct hist *into, const uint8_t *data, size_t size)
{
    if (size < PACKED_HEAD_SIZE) {
        return GALE_ERR_CORRUPT;
    }
    uint64_t max = get_le(data, 8);
    uint64_t used_count = get_le(data + 8, 4);
    if (used_count > HIST_BUCKETS ||
        size != PACKED_HEAD_SIZE + (size_t)used_count * PACKED_BUCKET_SIZE ||
        (used_count == 0 && max != 0)) {
        return GALE_ERR_CORRUPT;
    }
    const uint8_t *buckets = data + PACKED_HEAD_SIZE;
    /* Everything is checked before the first bucket is added, so that a refusal changes nothing. */
    uint64_t next_index = 0;
    for (size_t i = 0; i < used_count; i++) {
        uint64_t index = get_le(buckets + i * PACKED_BUCKET_SIZE, 2);
        if (index < next_index || index >= HIST_BUCKETS ||
            get_le(buckets + i * PACKED_BUCKET_SIZE + 2, 4) == 0) {
            return GALE_ERR_CORRUPT;
        }
        next_index = index + 1;
    }
    for (size_t i = 0; i < used_count; i++) {
        const uint8_t *at = buckets + i * PACKED_BUCKET_SIZE;
        bucket_add(into, (size_t)get_le(at, 2), (uint32_t)get_le(at + 2, 4));
    }
    if (max > into->max) {
        into->max = max;
    }
    return GALE_OK;
}

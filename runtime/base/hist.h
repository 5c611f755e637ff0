/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear histogram of non-negative numbers (nanoseconds): 64 linear steps in each power of
 * two, and a bucket stands for its middle, so a quantile or the mean is off by at most 1/128
 * (0.8 %); values up to 2^40 (18 minutes), larger ones count as that. About 9 kB; allocated lazily
 * by its owner. One owner thread.
 */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include "base/buf.h"
#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_BUCKETS ((41 - HIST_SUB_BITS) * 64 + 64)

struct hist {
    uint64_t count;
    uint64_t max;
    uint32_t buckets[HIST_BUCKETS];
};

static inline uint32_t hist_index(uint64_t value)
{
    if (value < 64) {
        return (uint32_t)value;
    }
    if (value >> 40) {
        value = (UINT64_C(1) << 40) - 1;
    }
    uint32_t top = 63u - (uint32_t)__builtin_clzll(value);
    uint32_t shift = top - HIST_SUB_BITS;
    return (shift + 1) * 64 + (uint32_t)((value >> shift) & 63u);
}

static inline void hist_record(struct hist *hist, uint64_t value)
{
    hist->buckets[hist_index(value)]++;
    hist->count++;
    if (value > hist->max) {
        hist->max = value;
    }
}

void hist_clear(struct hist *hist);
void hist_merge(struct hist *into, const struct hist *from);
/** Value at quantile q in [0,1]: the middle of its bucket, never above max; 0 when empty. */
uint64_t hist_quantile(const struct hist *hist, double q);
/** Mean of the buckets' middles; 0 when empty. */
double hist_mean(const struct hist *hist);
/** What was recorded after `before`, an earlier state of `now`, as a histogram of its own whose max
 *  is the middle of its last bucket or that of `now`. Where `now` is no later state of it (it was
 *  cleared meanwhile) everything in `now` counts. */
void hist_since(const struct hist *now, const struct hist *before, struct hist *out);
/** Sparse form: u64 max, u32 n, then n × {u16 index, u32 count}, little-endian. */
enum gale_err hist_pack(const struct hist *hist, struct buf *out);
/** Adds a packed histogram to `into`; any bytes are safe (GALE_ERR_CORRUPT, into unchanged). */
enum gale_err hist_merge_packed(struct hist *into, const uint8_t *data, size_t size);

#endif

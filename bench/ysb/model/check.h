/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark's check, as its reference does it: counts by campaign and window are computed anew
 * from the generator, for the number of events that each task says it emitted, and compared with
 * what the run wrote. Reads one result file (record.h); libc only, no global state.
 */
#ifndef YSB_CHECK_H
#define YSB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { YSB_CHECK_ERROR_SIZE = 512 };

/** What the check found. The figures hold as far as the check came. */
struct ysb_verdict {
    bool ok;
    char error[YSB_CHECK_ERROR_SIZE]; /* What is wrong, one sentence; "" when ok. */
    uint64_t events;                  /* Emitted by all tasks. */
    uint64_t views;                   /* Of them. */
    uint64_t windows;                 /* Campaigns and windows compared. */
    uint64_t excess;                  /* Views counted above what was emitted. */
    /* Last update of a window minus its end, over the windows that ended before the last event;
     * only where event time was real time. */
    uint64_t latencies;
    int64_t latency_p50_ms, latency_p99_ms, latency_max_ms;
};

/**
 * Checks a result file. @param path it. @param at_least true: a count may be larger than expected,
 * as after a failure under at-least-once; never smaller. @param out receives the verdict.
 * @return out->ok.
 */
bool ysb_check(const char *path, bool at_least, struct ysb_verdict *out);

#endif

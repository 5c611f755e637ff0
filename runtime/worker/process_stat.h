/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time and memory of the calling process, from /proc and the clocks. Any thread. */
#ifndef WORKER_PROCESS_STAT_H
#define WORKER_PROCESS_STAT_H

#include <stdint.h>

struct process_cpu {
    int64_t user_ns, system_ns;
};

/** User and system time of all its threads so far. */
struct process_cpu process_stat_cpu(void);
/** Keeps the present moment as the start of this process; main calls it first of all. */
void process_stat_begin(void);
/** CLOCK_MONOTONIC of process_stat_begin; 0 when it was not called. Later than the real start by
 *  what exec and the dynamic loader took, a millisecond or two. */
int64_t process_stat_begin_ns(void);
/** Resident set now and at its highest, KiB; 0 when /proc cannot be read. */
void process_stat_memory_kb(int64_t *rss_kb, int64_t *rss_peak_kb);

/** Gives back the pages of program text that only the start needed: they stay in the page cache and
 *  come back by a minor fault when they are called again. Call once, after the start. */
void process_release_text(void);

#endif

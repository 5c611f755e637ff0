/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time and memory of the calling process, from /proc and the clocks. Any thread. */
#ifndef WORKER_PROCESS_STAT_H
#define WORKER_PROCESS_STAT_H

#include <stdint.h>

/** User and system time of all its threads so far, nanoseconds. */
int64_t process_stat_cpu_ns(void);
/** Resident set now and at its highest, KiB; 0 when /proc cannot be read. */
void process_stat_memory_kb(int64_t *rss_kb, int64_t *rss_peak_kb);

/** Gives back the pages of program text that only the start needed: they stay in the page cache and
 *  come back by a minor fault when they are called again. Call once, after the start. */
void process_release_text(void);

#endif

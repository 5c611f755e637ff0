/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time and memory of this process. The peak comes from VmHWM: ru_maxrss would count the
 * starting process, whose memory a child shares until it executes. */
#include "worker/process_stat.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static int64_t begin_ns;

static int64_t time_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

struct process_cpu process_stat_cpu(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return (struct process_cpu){0, 0};
    }
    return (struct process_cpu){time_ns(usage.ru_utime), time_ns(usage.ru_stime)};
}

void process_stat_begin(void)
{
    begin_ns = clock_now_ns();
}

int64_t process_stat_begin_ns(void)
{
    return begin_ns;
}

void process_stat_memory_kb(int64_t *rss_kb, int64_t *rss_peak_kb)
{
    char line[128];
    long value;
    *rss_kb = 0;
    *rss_peak_kb = 0;
    FILE *file = fopen("/proc/self/status", "re");
    if (!file) {
        return;
    }
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "VmHWM: %ld", &value) == 1) {
            *rss_peak_kb = value;
        } else if (sscanf(line, "VmRSS: %ld", &value) == 1) {
            *rss_kb = value;
            break;
        }
    }
    fclose(file);
}

void process_release_text(void)
{
    char line[512];
    FILE *file = fopen("/proc/self/maps", "re");
    if (!file) {
        return;
    }
    while (fgets(line, sizeof(line), file)) {
        uintptr_t from;
        uintptr_t to;
        char rights[8];
        /* Only executable file mappings: they are never written, so nothing private is lost. */
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &from, &to, rights) == 3 &&
            strcmp(rights, "r-xp") == 0 && strchr(line, '/')) {
            madvise((void *)from, to - from, MADV_DONTNEED);
        }
    }
    fclose(file);
}

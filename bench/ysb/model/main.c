/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ysb_check FILE [--at-least]: checks a run's result file by hand or from a script. Prints what was
 * checked and exits with 0, or what is wrong and exits with 1; 2 for wrong use.
 */
#include "ysb/model/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    bool at_least = argc == 3 && strcmp(argv[2], "--at-least") == 0;
    if (argc < 2 || argc > 3 || (argc == 3 && !at_least)) {
        (void)fputs("usage: ysb_check FILE [--at-least]\n", stderr);
        return 2;
    }
    struct ysb_verdict verdict;
    if (!ysb_check(argv[1], at_least, &verdict)) {
        (void)fprintf(stderr, "ysb_check: %s\n", verdict.error);
        return 1;
    }
    (void)printf("ok: %" PRIu64 " events, %" PRIu64 " views, %" PRIu64
                 " counts of campaign and "
                 "window, %" PRIu64 " views too many\n",
                 verdict.events, verdict.views, verdict.windows, verdict.excess);
    if (verdict.latencies > 0) {
        (void)printf("last update after the window's end: p50 %" PRId64 " ms, p99 %" PRId64
                     " ms, max %" PRId64 " ms, %" PRIu64 " windows\n",
                     verdict.latency_p50_ms, verdict.latency_p99_ms, verdict.latency_max_ms,
                     verdict.latencies);
    }
    return 0;
}

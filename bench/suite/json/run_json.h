/* SPDX-License-Identifier: Apache-2.0 */
/* What `gale run --json --progress` writes, as structs. Unknown members are skipped and missing ones
 * stay 0 (or NAN where suite.h says so), so that an older and a newer gale can be read. Pure. */
#ifndef SUITE_JSON_RUN_JSON_H
#define SUITE_JSON_RUN_JSON_H

#include "suite/suite.h"

/** Reads one line of stderr. @return true when it is a sample; log lines and text are not. */
bool run_json_sample(const char *line, size_t size, struct bench_sample *sample);
/** Reads the final report, the one document on stdout. @param started_ns CLOCK_MONOTONIC before the
 *  process was made: what the first acked tuple is counted from. @return false when it is none. */
bool run_json_report(const char *text, size_t size, int64_t started_ns,
                     struct bench_report *report);
/** Reads one line of JSON whose members are numbers (the limit programs'): the member `key`.
 *  @return NAN when it is not there. */
double run_json_number(const char *text, size_t size, const char *key);

#endif

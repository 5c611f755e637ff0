/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of kind_throughput, for kinds that look closer at the same run. */
#ifndef SUITE_THROUGHPUT_H
#define SUITE_THROUGHPUT_H

#include "suite/suite.h"

/** bench_check_acks, then bench->check with the file that -D result= named.
 *  @return false after result_fail. */
bool throughput_check(const struct bench_context *context, const struct bench_report *report,
                      struct result *result);
/** Prepares, runs with the settings' times, checks and adds the metrics. @param launch may bring
 *  callbacks, defines and options; its times are set here. */
enum bench_end throughput_run(const struct bench_context *context, struct bench_launch *launch,
                              struct bench_report *report, struct result *result);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The special kinds: benchmarks that look at something else than throughput. Each is one file with
 * one callback of struct bench (suite.h); their tables are in kinds.c.
 */
#ifndef SUITE_KINDS_H
#define SUITE_KINDS_H

#include "suite/suite.h"

enum bench_end kind_startup(const struct bench_context *context, struct result *result);
enum bench_end kind_recovery(const struct bench_context *context, struct result *result);
enum bench_end kind_idle(const struct bench_context *context, struct result *result);
enum bench_end kind_keys(const struct bench_context *context, struct result *result);
enum bench_end kind_overload(const struct bench_context *context, struct result *result);
enum bench_end kind_scaling(const struct bench_context *context, struct result *result);
enum bench_end kind_cluster_submit(const struct bench_context *context, struct result *result);
enum bench_end kind_cluster_idle(const struct bench_context *context, struct result *result);
enum bench_end kind_cluster_failover(const struct bench_context *context,
                                     struct result *result);
enum bench_end kind_cluster_list(const struct bench_context *context, struct result *result);
enum bench_end kind_cluster_many(const struct bench_context *context, struct result *result);
enum bench_end kind_cluster_writes(const struct bench_context *context, struct result *result);
enum bench_end kind_codec(const struct bench_context *context, struct result *result);
enum bench_end kind_transport(const struct bench_context *context, struct result *result);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of benchmarks. Each belongs to one file and ends with an entry without a name; the
 * catalogue (catalogue.c) lists the tables in the order of --list. Static data.
 */
#ifndef SUITE_CATALOGUE_H
#define SUITE_CATALOGUE_H

#include "suite/suite.h"

extern const struct bench benches_storm[];   /* storm.c */
extern const struct bench benches_ysb[];     /* ysb.c */
extern const struct bench benches_nexmark[]; /* nexmark.c */
extern const struct bench benches_special[]; /* kinds.c */
extern const struct bench benches_cluster[]; /* kinds.c */
extern const struct bench benches_micro[];   /* kinds.c */

#endif

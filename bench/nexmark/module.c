/* SPDX-License-Identifier: Apache-2.0 */
/* The Nexmark module's table. Its parts: the spout (spout.c) over the generator (event.c), a bolt for
 * each query (queries.c), and the sink that counts and sums rows (result.c). */
#include "nexmark/module.h"

static const struct gale_spout_ops *const spouts[] = {&nexmark_spout_ops, NULL};
static const struct gale_bolt_ops *const bolts[] = {
    &nexmark_q0_ops,  &nexmark_q1_ops,  &nexmark_q2_ops,     &nexmark_q14_ops,
    &nexmark_q21_ops, &nexmark_q22_ops, &nexmark_result_ops, NULL};

GALE_MODULE(.spouts = spouts, .bolts = bolts);

/* SPDX-License-Identifier: Apache-2.0 */
/* The components of the module, and the result file that they share. Engine thread only. */
#ifndef NEXMARK_MODULE_H
#define NEXMARK_MODULE_H

#include <gale/gale.h>

extern const struct gale_spout_ops nexmark_spout_ops;
extern const struct gale_bolt_ops nexmark_q0_ops;
extern const struct gale_bolt_ops nexmark_q1_ops;
extern const struct gale_bolt_ops nexmark_q2_ops;
extern const struct gale_bolt_ops nexmark_q14_ops;
extern const struct gale_bolt_ops nexmark_q21_ops;
extern const struct gale_bolt_ops nexmark_q22_ops;
extern const struct gale_bolt_ops nexmark_result_ops;

/**
 * Appends one line to the result file of a run, which all tasks of all workers share: one write call
 * each, so that lines stay whole. A failure is reported to the task's log.
 * @param path from the option `result`; "" = none is wanted.
 */
void nexmark_result_line(struct gale_task *task, const char *path, const char *format, ...)
    GALE_PRINTF(3, 4);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in spouts, written against the public headers only. Constant tables; any thread. */
#ifndef SPOUTS_BUILTIN_H
#define SPOUTS_BUILTIN_H

#include <gale/spout.h>

/** All built-in spouts in the order of their names; ends with NULL. */
extern const struct gale_spout_ops *const spouts_builtin[];

extern const struct gale_spout_ops file_spout_ops;
extern const struct gale_spout_ops generator_spout_ops;
extern const struct gale_spout_ops stdin_spout_ops;

#endif

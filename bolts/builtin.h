/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in bolts, written against the public headers only. Constant tables; any thread. */
#ifndef BOLTS_BUILTIN_H
#define BOLTS_BUILTIN_H

#include <gale/bolt.h>

/** All built-in bolts in the order of their names; ends with NULL. */
extern const struct gale_bolt_ops *const bolts_builtin[];

extern const struct gale_bolt_ops count_bolt_ops;
extern const struct gale_bolt_ops delay_bolt_ops;
extern const struct gale_bolt_ops file_bolt_ops;
extern const struct gale_bolt_ops filter_bolt_ops;
extern const struct gale_bolt_ops identity_bolt_ops;
extern const struct gale_bolt_ops null_bolt_ops;
extern const struct gale_bolt_ops print_bolt_ops;
extern const struct gale_bolt_ops project_bolt_ops;
extern const struct gale_bolt_ops split_bolt_ops;

#endif

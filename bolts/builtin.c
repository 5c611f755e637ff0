/* SPDX-License-Identifier: Apache-2.0 */
/* The table of built-in bolts: `type: NAME` in a topology is looked up here. */
#include "bolts/builtin.h"

#include <stddef.h>

const struct gale_bolt_ops *const bolts_builtin[] = {
    &count_bolt_ops, &delay_bolt_ops, &file_bolt_ops,    &filter_bolt_ops, &identity_bolt_ops,
    &null_bolt_ops,  &print_bolt_ops, &project_bolt_ops, &split_bolt_ops,  NULL,
};

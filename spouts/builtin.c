/* SPDX-License-Identifier: Apache-2.0 */
/* The table of built-in spouts: `type: NAME` in a topology is looked up here. */
#include "spouts/builtin.h"

#include <stddef.h>

const struct gale_spout_ops *const spouts_builtin[] = {
    &file_spout_ops,
    &generator_spout_ops,
    &stdin_spout_ops,
    NULL,
};

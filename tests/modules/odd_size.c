/* SPDX-License-Identifier: Apache-2.0 */
/* A module whose bolt claims a size that ends inside a member. */
#include <gale/gale.h>

static const struct gale_bolt_ops odd = {.abi = GALE_ABI, .struct_size = 20, .name = "odd"};

GALE_MODULE_BOLT(odd);

/* SPDX-License-Identifier: Apache-2.0 */
/* A module of this ABI with a bolt of another one (linked from an old object file). */
#include <gale/gale.h>

static const struct gale_bolt_ops stale = {
    .abi = 7, .struct_size = sizeof(stale), .name = "stale"};

GALE_MODULE_BOLT(stale);

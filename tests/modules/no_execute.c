/* SPDX-License-Identifier: Apache-2.0 */
/* A module whose bolt lacks the one callback that a bolt must have. */
#include <gale/gale.h>

static const struct gale_bolt_ops idle = {GALE_BOLT_HEAD, .name = "idle"};

GALE_MODULE_BOLT(idle);

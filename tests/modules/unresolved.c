/* SPDX-License-Identifier: Apache-2.0 */
/* A module that calls a function which nobody has. */
#include <gale/gale.h>

extern enum gale_err nobody_has_this_function(void);

static enum gale_err execute(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return nobody_has_this_function();
}

static const struct gale_bolt_ops wishful = {GALE_BOLT_HEAD, .name = "wishful",
                                             .execute = execute};

GALE_MODULE_BOLT(wishful);

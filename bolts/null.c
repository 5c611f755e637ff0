/* SPDX-License-Identifier: Apache-2.0 */
/* Bolt `null`: discards every tuple and acks it. The end of a benchmark. It has no state. */
#include "bolts/builtin.h"

#include <stddef.h>

static enum gale_err null_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

const struct gale_bolt_ops null_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "null",
    .help = "Discards every tuple.",
    .execute = null_execute,
};

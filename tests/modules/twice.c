/* SPDX-License-Identifier: Apache-2.0 */
/* A module with two bolts of one name. */
#include <gale/gale.h>

static enum gale_err execute(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static const struct gale_bolt_ops first = {GALE_BOLT_HEAD, .name = "same", .execute = execute};
static const struct gale_bolt_ops second = {GALE_BOLT_HEAD, .name = "same", .execute = execute};
static const struct gale_bolt_ops *const bolts[] = {&first, &second, NULL};

GALE_MODULE(.bolts = bolts);

/* SPDX-License-Identifier: Apache-2.0 */
/* Bolt `identity`: passes every tuple on unchanged. Useful in benchmarks and to give one stream
 * another parallelism. It has no state. */
#include "bolts/builtin.h"
#include "bolts/inputs.h"

#include <gale/gale.h>

static enum gale_err identity_declare(struct gale_declare *declare,
                                      const struct gale_conf *conf)
{
    (void)conf;
    return inputs_declare_same(declare);
}

static enum gale_err identity_execute(void *state, struct gale_task *task,
                                      const struct gale_tuple *tuple)
{
    (void)state;
    if (tuple->input == GALE_INPUT_TICK) {
        return GALE_OK;
    }
    enum gale_err err = gale_put_fields(gale_begin(task), tuple, 0, tuple->fields_count);
    return err != GALE_OK ? err : gale_emit(task, 0);
}

const struct gale_bolt_ops identity_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "identity",
    .help = "Passes every tuple on unchanged.",
    .declare = identity_declare,
    .execute = identity_execute,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `filter`: passes on, unchanged, the tuples for which an expression (expression.h) is true;
 * all others are acked and forgotten. Null and every value but `true` count as false.
 *
 * Owned by its task; all calls on the engine thread.
 */
#include "bolts/builtin.h"
#include "bolts/inputs.h"
#include "expression/expression.h"

#include <gale/gale.h>

struct filter {
    struct expression *where;
};

static const struct gale_option options[] = {
    {"where", GALE_OPTION_STRING, true, NULL,
     "Condition over the fields, such as: price > 10 and city == 'Bonn'."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err filter_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    struct gale_error error = {0};
    struct expression *where = NULL;
    enum gale_err err = expression_new(gale_conf_string(conf, "where", ""), &where, &error);
    if (err != GALE_OK) {
        gale_declare_error(declare, "where", "where: %s", error.text);
        return err;
    }
    for (unsigned i = 0; i < expression_fields_count(where); i++) {
        enum gale_err missing = inputs_need(declare, expression_field(where, i), "where");
        err = err == GALE_OK ? missing : err;
    }
    expression_free(where);
    return err != GALE_OK ? err : inputs_declare_same(declare);
}

static enum gale_err filter_prepare(void *state, struct gale_task *task,
                                    const struct gale_conf *conf)
{
    struct filter *filter = state;
    struct gale_error error = {0};
    enum gale_err err =
        expression_new(gale_conf_string(conf, "where", ""), &filter->where, &error);
    if (err != GALE_OK) {
        gale_task_error(task, "where: %s", error.text);
        return err;
    }
    return inputs_bind(filter->where, task);
}

static enum gale_err filter_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    struct filter *filter = state;
    if (tuple->input >= EXPRESSION_INPUTS_MAX) {
        return GALE_OK;
    }
    struct gale_value value = expression_eval(filter->where, tuple);
    if (!expression_is_true(&value)) {
        return GALE_OK;
    }
    enum gale_err err = gale_put_fields(gale_begin(task), tuple, 0, tuple->fields_count);
    return err != GALE_OK ? err : gale_emit(task, 0);
}

static void filter_cleanup(void *state, struct gale_task *task)
{
    struct filter *filter = state;
    (void)task;
    expression_free(filter->where);
}

const struct gale_bolt_ops filter_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "filter",
    .state_size = sizeof(struct filter),
    .options = options,
    .help = "Passes on the tuples for which a condition is true.",
    .declare = filter_declare,
    .prepare = filter_prepare,
    .execute = filter_execute,
    .cleanup = filter_cleanup,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations that several bolts share; see inputs.h. Pure. */
#include "bolts/inputs.h"

#include <string.h>

const char *inputs_same_fields(struct gale_declare *declare)
{
    const char *first = NULL;
    unsigned count = gale_declare_inputs(declare);
    for (unsigned i = 0; i < count; i++) {
        const char *fields = gale_declare_input_fields(declare, i);
        if (fields == NULL) {
            continue;
        }
        if (first == NULL) {
            first = fields;
        } else if (strcmp(first, fields) != 0) {
            gale_declare_error(declare, NULL,
                               "inputs have different fields (%s; %s): put a `project` bolt "
                               "before one of them so that they agree",
                               first, fields);
            return NULL;
        }
    }
    if (first == NULL) {
        gale_declare_error(
            declare, NULL,
            "the fields of no input are known: subscribe to a stream with fields");
    }
    return first;
}

enum gale_err inputs_declare_same(struct gale_declare *declare)
{
    const char *fields = inputs_same_fields(declare);
    if (fields == NULL) {
        return GALE_ERR_INVALID;
    }
    return gale_declare_stream(declare, "default", fields, false);
}

bool inputs_first_field(const char *fields, char *out, size_t size)
{
    size_t length = strcspn(fields, ",");
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(out, fields, length);
    out[length] = '\0';
    return true;
}

enum gale_err inputs_need(struct gale_declare *declare, const char *field, const char *option)
{
    enum gale_err result = GALE_OK;
    unsigned count = gale_declare_inputs(declare);
    for (unsigned i = 0; i < count; i++) {
        if (gale_declare_input_fields(declare, i) == NULL) {
            continue;
        }
        enum gale_err err = gale_declare_needs(declare, i, field, option);
        result = result == GALE_OK ? err : result;
    }
    return result;
}

enum gale_err inputs_bind(struct expression *expression, struct gale_task *task)
{
    unsigned inputs = gale_task_inputs(task);
    if (inputs > EXPRESSION_INPUTS_MAX) {
        gale_task_error(task, "expressions work with at most %d inputs", EXPRESSION_INPUTS_MAX);
        return GALE_ERR_LIMIT;
    }
    for (unsigned i = 0; i < inputs; i++) {
        for (unsigned f = 0; f < expression_fields_count(expression); f++) {
            const char *name = expression_field(expression, f);
            int position = gale_task_field(task, i, name);
            if (position < 0) {
                gale_task_error(task, "input %u has no field `%s`; correct the expression", i,
                                name);
                return GALE_ERR_NOT_FOUND;
            }
            expression_bind(expression, i, f, (unsigned)position);
        }
    }
    return GALE_OK;
}

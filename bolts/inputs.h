/* SPDX-License-Identifier: Apache-2.0 */
/* What several bolts do alike with their inputs: declare streams that have the same fields, during the
 * declare callback only, and resolve the fields of an expression. */
#ifndef BOLTS_INPUTS_H
#define BOLTS_INPUTS_H

#include "expression/expression.h"

#include <gale/component.h>
#include <gale/task.h>
#include <stdbool.h>

/** Fields that all inputs have in common form: the list of the first input whose fields are known.
 *  Reports an error when none is known or when two inputs differ. @return comma-separated names
 *  owned by the description, or NULL after an error (reported). */
const char *inputs_same_fields(struct gale_declare *declare);
/** Declares "default" with the fields of the inputs, for bolts that pass tuples on. */
enum gale_err inputs_declare_same(struct gale_declare *declare);
/** Copies the first name of a comma-separated list into `out`; false when it is empty or longer
 *  than `size` - 1 bytes. */
bool inputs_first_field(const char *fields, char *out, size_t size);
/** Requires the field in every input whose fields are known. */
enum gale_err inputs_need(struct gale_declare *declare, const char *field, const char *option);

/** Resolves an expression's fields for every input of a bolt's task; call it in prepare.
 *  GALE_ERR_NOT_FOUND (reported) when an input lacks one, GALE_ERR_LIMIT beyond
 *  EXPRESSION_INPUTS_MAX inputs. */
enum gale_err inputs_bind(struct expression *expression, struct gale_task *task);

#endif

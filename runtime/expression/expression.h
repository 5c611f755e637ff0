/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of the filter and project bolts and of taps: parsed once into a small postfix program,
 * evaluated for each tuple. Parser and evaluation use explicit stacks, no recursion.
 *
 *   or · and · not · == != < <= > >= contains starts_with ends_with, is null, is not null · || ·
 *   + - · * / % · unary - · literals, fields, lower(x), upper(x), length(x), parentheses
 *
 * (weakest first). Literals: 12, 1.5, 'text' ('' is one quote), true, false, null. A field is its
 * name; a name that is no [A-Za-z_][A-Za-z0-9_]* or is a word of the language stands in "double
 * quotes".
 *
 * Rules. Numbers of all types compare by value, exactly; strings and bytes by bytes; false < true. Values
 * of different kinds are unequal and neither is less. null equals null only; every other comparison
 * with null is false (!= is true). Integer arithmetic stays integer, `/` cuts towards zero; with a
 * double it is double; decimals know + and -. An overflow, a division of integers by zero and
 * arithmetic on anything but numbers give null. `||` joins texts and writes other scalars as text;
 * with null it is null. length counts bytes of texts and elements of lists and maps. and, or, not
 * take everything but `true` as false.
 *
 * One owner; pure but for its own memory.
 */
#ifndef EXPRESSION_EXPRESSION_H
#define EXPRESSION_EXPRESSION_H

#include <gale/tuple.h>

#define EXPRESSION_TEXT_MAX 4096
#define EXPRESSION_STEPS_MAX 256
#define EXPRESSION_FIELDS_MAX 32
/** Deepest nesting of parentheses, functions and operators. */
#define EXPRESSION_DEPTH_MAX 32
#define EXPRESSION_INPUTS_MAX 64
/** Most bytes of text that one evaluation may make with ||, lower and upper. */
#define EXPRESSION_SCRATCH_MAX ((size_t)4 << 20)

struct expression;

/** Parses. On an error *error says what is wrong and at which character (from 1).
 *  The caller frees *out. GALE_ERR_INVALID, GALE_ERR_LIMIT, GALE_ERR_NOMEM. */
enum gale_err expression_new(const char *text, struct expression **out,
                             struct gale_error *error);
/** Frees it; may be NULL. */
void expression_free(struct expression *expression);
/** Number of different fields that it uses. */
unsigned expression_fields_count(const struct expression *expression);
/** Name of one of them; owned by the expression. */
const char *expression_field(const struct expression *expression, unsigned index);
/** Says at which position tuples of `input` (below EXPRESSION_INPUTS_MAX) hold one of the fields.
 *  Every field must be bound for an input before its tuples are evaluated. */
void expression_bind(struct expression *expression, unsigned input, unsigned field,
                     unsigned position);
/** The position in tuples of `input` when the expression is nothing but one field, else -1. */
int expression_only_field(const struct expression *expression, unsigned input);
/** Evaluates for a tuple whose input was bound. The value (a text too) is good until the next
 *  evaluation of this expression and as long as the tuple. */
struct gale_value expression_eval(struct expression *expression,
                                  const struct gale_tuple *tuple);
/** Whether the value is `true`. */
static inline bool expression_is_true(const struct gale_value *value)
{
    return value->type == GALE_BOOL && value->as.boolean;
}

#endif

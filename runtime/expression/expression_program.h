/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled form of an expression, shared by the parser (expression_parse.c) and the evaluation
 * (expression_eval.c); see expression.h for the language. */
#ifndef EXPRESSION_EXPRESSION_PROGRAM_H
#define EXPRESSION_EXPRESSION_PROGRAM_H

#include "expression/expression.h"

enum step_kind {
    STEP_LITERAL = 0,
    STEP_FIELD = 1,
    STEP_OR = 2,
    STEP_AND = 3,
    STEP_NOT = 4,
    STEP_EQUAL = 5,
    STEP_UNEQUAL = 6,
    STEP_LESS = 7,
    STEP_LESS_EQUAL = 8,
    STEP_GREATER = 9,
    STEP_GREATER_EQUAL = 10,
    STEP_CONTAINS = 11,
    STEP_STARTS_WITH = 12,
    STEP_ENDS_WITH = 13,
    STEP_IS_NULL = 14,
    STEP_IS_NOT_NULL = 15,
    STEP_JOIN = 16,
    STEP_ADD = 17,
    STEP_SUBTRACT = 18,
    STEP_MULTIPLY = 19,
    STEP_DIVIDE = 20,
    STEP_REMAINDER = 21,
    STEP_NEGATE = 22,
    STEP_LOWER = 23,
    STEP_UPPER = 24,
    STEP_LENGTH = 25,
    STEP_OPEN = 26 /* A parenthesis on the parser's stack; never in a program. */
};

struct step {
    enum step_kind kind;
    unsigned field;            /* STEP_FIELD: index into fields. */
    struct gale_value literal; /* STEP_LITERAL: slices point into `text`. */
};

struct expression {
    char *text; /* Copy of the source; literals and names are cut from it in place. */
    struct step steps[EXPRESSION_STEPS_MAX];
    unsigned steps_count;
    const char *fields[EXPRESSION_FIELDS_MAX];
    unsigned fields_count;
    uint16_t positions[EXPRESSION_INPUTS_MAX][EXPRESSION_FIELDS_MAX];
    char *names; /* Memory of `fields` and of unquoted strings. */
    size_t names_used;
    char *scratch;       /* Texts made by an evaluation. */
    size_t scratch_size; /* Room. */
    size_t scratch_used;
    size_t scratch_wanted; /* What the last evaluation would have needed in all. */
};

/** Compares two values by the rules of the language: -1, 0, 1, or 2 when they are of different
 *  kinds or no order exists. */
int expression_compare(const struct gale_value *a, const struct gale_value *b);
/** + - * / % of two values; null where the rules say so. */
struct gale_value expression_arithmetic(enum step_kind kind, const struct gale_value *a,
                                        const struct gale_value *b);

#endif

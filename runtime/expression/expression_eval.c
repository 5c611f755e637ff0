/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation of compiled expressions on a stack of values. Texts made on the way lie in one scratch
 * that never moves during an evaluation: when it is too small, the text is null, and the evaluation
 * runs once more with a larger scratch.
 */
#include "expression/expression_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCALAR_TEXT_MAX 96

static const struct gale_value null_value = {.type = GALE_NIL, .as = {.int64 = 0}};

static struct gale_value make_bool(bool value)
{
    return (struct gale_value){.type = GALE_BOOL, .as.boolean = value};
}

static bool is_text(const struct gale_value *value)
{
    return value->type == GALE_STRING || value->type == GALE_BYTES;
}

/* Room in the scratch, or NULL when it must be larger. */
static char *reserve(struct expression *expression, size_t size)
{
    expression->scratch_wanted += size;
    if (expression->scratch_size - expression->scratch_used < size) {
        return NULL;
    }
    char *room = expression->scratch + expression->scratch_used;
    expression->scratch_used += size;
    return room;
}

/* A scalar as text; `room` holds numbers. data NULL: no scalar. */
static struct gale_slice text_of(const struct gale_value *value, char *room)
{
    int size = 0;
    switch (value->type) {
    case GALE_STRING:
    case GALE_BYTES: return value->as.bytes;
    case GALE_BOOL:
        size = snprintf(room, SCALAR_TEXT_MAX, value->as.boolean ? "true" : "false");
        break;
    case GALE_INT64:
        size = snprintf(room, SCALAR_TEXT_MAX, "%lld", (long long)value->as.int64);
        break;
    case GALE_UINT64:
        size = snprintf(room, SCALAR_TEXT_MAX, "%llu", (unsigned long long)value->as.uint64);
        break;
    case GALE_DOUBLE: size = snprintf(room, SCALAR_TEXT_MAX, "%.17g", value->as.number); break;
    case GALE_DECIMAL:
        size = (int)gale_decimal_format(&value->as.decimal, room, SCALAR_TEXT_MAX);
        break;
    case GALE_NIL:
    case GALE_LIST:
    case GALE_MAP: return (struct gale_slice){NULL, 0};
    }
    return (struct gale_slice){room, (size_t)size};
}

static struct gale_value join(struct expression *expression, const struct gale_value *a,
                              const struct gale_value *b)
{
    char a_room[SCALAR_TEXT_MAX];
    char b_room[SCALAR_TEXT_MAX];
    struct gale_slice left = text_of(a, a_room);
    struct gale_slice right = text_of(b, b_room);
    if (left.data == NULL || right.data == NULL) {
        return null_value;
    }
    char *room = reserve(expression, left.size + right.size);
    if (room == NULL) {
        return null_value;
    }
    memcpy(room, left.data, left.size);
    memcpy(room + left.size, right.data, right.size);
    return (struct gale_value){.type = GALE_STRING, .as.bytes = {room, left.size + right.size}};
}

static struct gale_value change_case(struct expression *expression,
                                     const struct gale_value *value, char first, char last)
{
    if (!is_text(value)) {
        return null_value;
    }
    char *room = reserve(expression, value->as.bytes.size);
    if (room == NULL) {
        return null_value;
    }
    for (size_t i = 0; i < value->as.bytes.size; i++) {
        char c = value->as.bytes.data[i];
        /* Upper and lower case of a letter differ in one bit. */
        room[i] = (char)(c >= first && c <= last ? c ^ 0x20 : c);
    }
    return (struct gale_value){.type = GALE_STRING, .as.bytes = {room, value->as.bytes.size}};
}

static struct gale_value length_of(const struct gale_value *value)
{
    struct gale_value result = {.type = GALE_INT64, .as.int64 = 0};
    if (is_text(value)) {
        result.as.int64 = (int64_t)value->as.bytes.size;
    } else if (value->type == GALE_LIST || value->type == GALE_MAP) {
        result.as.int64 = value->as.count;
    } else {
        return null_value;
    }
    return result;
}

static struct gale_value compare_texts(enum step_kind kind, const struct gale_value *a,
                                       const struct gale_value *b)
{
    if (!is_text(a) || !is_text(b)) {
        return make_bool(false);
    }
    struct gale_slice text = a->as.bytes;
    struct gale_slice part = b->as.bytes;
    if (part.size > text.size) {
        return make_bool(false);
    }
    if (part.size == 0) {
        return make_bool(true);
    }
    if (kind == STEP_CONTAINS) {
        return make_bool(memmem(text.data, text.size, part.data, part.size) != NULL);
    }
    const char *at = kind == STEP_STARTS_WITH ? text.data : text.data + text.size - part.size;
    return make_bool(memcmp(at, part.data, part.size) == 0);
}

static struct gale_value compare(enum step_kind kind, const struct gale_value *a,
                                 const struct gale_value *b)
{
    int order = expression_compare(a, b);
    if (kind == STEP_EQUAL) {
        return make_bool(order == 0);
    }
    if (kind == STEP_UNEQUAL) {
        return make_bool(order != 0);
    }
    if (order == 2 || a->type == GALE_NIL) {
        return make_bool(false);
    }
    bool result = kind == STEP_LESS         ? order < 0
                  : kind == STEP_LESS_EQUAL ? order <= 0
                  : kind == STEP_GREATER    ? order > 0
                                            : order >= 0;
    return make_bool(result);
}

static struct gale_value apply_unary(struct expression *expression, enum step_kind kind,
                                     const struct gale_value *value)
{
    static const struct gale_value zero = {.type = GALE_INT64, .as = {.int64 = 0}};
    if (kind == STEP_NOT) {
        return make_bool(!expression_is_true(value));
    }
    if (kind == STEP_IS_NULL || kind == STEP_IS_NOT_NULL) {
        return make_bool((value->type == GALE_NIL) == (kind == STEP_IS_NULL));
    }
    if (kind == STEP_LOWER) {
        return change_case(expression, value, 'A', 'Z');
    }
    if (kind == STEP_UPPER) {
        return change_case(expression, value, 'a', 'z');
    }
    if (kind == STEP_LENGTH) {
        return length_of(value);
    }
    if (value->type == GALE_DOUBLE) {
        return (struct gale_value){.type = GALE_DOUBLE, .as.number = -value->as.number};
    }
    return expression_arithmetic(STEP_SUBTRACT, &zero, value);
}

static struct gale_value apply_binary(struct expression *expression, enum step_kind kind,
                                      const struct gale_value *a, const struct gale_value *b)
{
    if (kind == STEP_OR) {
        return make_bool(expression_is_true(a) || expression_is_true(b));
    }
    if (kind == STEP_AND) {
        return make_bool(expression_is_true(a) && expression_is_true(b));
    }
    if (kind >= STEP_EQUAL && kind <= STEP_GREATER_EQUAL) {
        return compare(kind, a, b);
    }
    if (kind >= STEP_CONTAINS && kind <= STEP_ENDS_WITH) {
        return compare_texts(kind, a, b);
    }
    if (kind == STEP_JOIN) {
        return join(expression, a, b);
    }
    return expression_arithmetic(kind, a, b);
}

static bool takes_one(enum step_kind kind)
{
    return kind == STEP_NOT || kind == STEP_IS_NULL || kind == STEP_IS_NOT_NULL ||
           kind == STEP_NEGATE || (kind >= STEP_LOWER && kind <= STEP_LENGTH);
}

static struct gale_value run(struct expression *expression, const struct gale_tuple *tuple)
{
    struct gale_value stack[EXPRESSION_DEPTH_MAX];
    unsigned depth = 0;
    expression->scratch_used = 0;
    expression->scratch_wanted = 0;
    for (unsigned i = 0; i < expression->steps_count; i++) {
        const struct step *step = &expression->steps[i];
        if (step->kind == STEP_LITERAL) {
            stack[depth++] = step->literal;
        } else if (step->kind == STEP_FIELD) {
            unsigned position = expression->positions[tuple->input][step->field];
            if (gale_tuple_get(tuple, position, &stack[depth]) != GALE_OK) {
                stack[depth] = null_value;
            }
            depth++;
        } else if (takes_one(step->kind)) {
            stack[depth - 1] = apply_unary(expression, step->kind, &stack[depth - 1]);
        } else {
            depth--;
            stack[depth - 1] =
                apply_binary(expression, step->kind, &stack[depth - 1], &stack[depth]);
        }
    }
    return stack[0];
}

/* A larger scratch can uncover that more is needed (null joined with text needs nothing), so the
 * evaluation repeats until it fits; each round at least doubles the room. */
struct gale_value expression_eval(struct expression *expression, const struct gale_tuple *tuple)
{
    for (;;) {
        struct gale_value value = run(expression, tuple);
        if (expression->scratch_wanted <= expression->scratch_size) {
            return value;
        }
        size_t size = expression->scratch_wanted * 2;
        char *scratch =
            size <= 2 * EXPRESSION_SCRATCH_MAX ? realloc(expression->scratch, size) : NULL;
        if (scratch == NULL) {
            return null_value;
        }
        expression->scratch = scratch;
        expression->scratch_size = size;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser of expressions: operators wait on an explicit stack until a weaker one comes (shunting
 * yard), so the program comes out in postfix order and depth is bounded by the stack's size. `depth`
 * follows the evaluation stack, so that a program that is accepted cannot overflow it.
 */
#include "expression/expression_program.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct waiting {
    enum step_kind kind;
    size_t position;
};

struct parser {
    struct expression *expression;
    struct gale_error *error;
    const char *at;
    struct waiting stack[EXPRESSION_DEPTH_MAX];
    unsigned stack_count;
    unsigned depth;   /* Values on the evaluation stack after the steps so far. */
    bool wants_value; /* A value comes next, not an operator. */
};

struct word {
    const char *text;
    enum step_kind kind;
};

static const struct word functions[] = {
    {"lower", STEP_LOWER}, {"upper", STEP_UPPER}, {"length", STEP_LENGTH}, {NULL, STEP_OPEN}};

static const struct word word_operators[] = {
    {"or", STEP_OR},
    {"and", STEP_AND},
    {"contains", STEP_CONTAINS},
    {"starts_with", STEP_STARTS_WITH},
    {"ends_with", STEP_ENDS_WITH},
    {NULL, STEP_OPEN},
};

/* Longer signs first, so that <= is not read as <. */
static const struct word sign_operators[] = {
    {"==", STEP_EQUAL},         {"!=", STEP_UNEQUAL}, {"<=", STEP_LESS_EQUAL},
    {">=", STEP_GREATER_EQUAL}, {"||", STEP_JOIN},    {"<", STEP_LESS},
    {">", STEP_GREATER},        {"+", STEP_ADD},      {"-", STEP_SUBTRACT},
    {"*", STEP_MULTIPLY},       {"/", STEP_DIVIDE},   {"%", STEP_REMAINDER},
    {"=", STEP_EQUAL},          {NULL, STEP_OPEN},
};

static int strength_of(enum step_kind kind)
{
    switch (kind) {
    case STEP_OPEN: return 0;
    case STEP_OR: return 1;
    case STEP_AND: return 2;
    case STEP_NOT: return 3;
    case STEP_EQUAL:
    case STEP_UNEQUAL:
    case STEP_LESS:
    case STEP_LESS_EQUAL:
    case STEP_GREATER:
    case STEP_GREATER_EQUAL:
    case STEP_CONTAINS:
    case STEP_STARTS_WITH:
    case STEP_ENDS_WITH:
    case STEP_IS_NULL:
    case STEP_IS_NOT_NULL: return 4;
    case STEP_JOIN: return 5;
    case STEP_ADD:
    case STEP_SUBTRACT: return 6;
    case STEP_MULTIPLY:
    case STEP_DIVIDE:
    case STEP_REMAINDER: return 7;
    case STEP_NEGATE: return 8;
    case STEP_LOWER:
    case STEP_UPPER:
    case STEP_LENGTH:
    case STEP_LITERAL:
    case STEP_FIELD: return 9;
    }
    return 0;
}

static bool is_unary(enum step_kind kind)
{
    return kind == STEP_NOT || kind == STEP_NEGATE || kind == STEP_LOWER ||
           kind == STEP_UPPER || kind == STEP_LENGTH || kind == STEP_IS_NULL ||
           kind == STEP_IS_NOT_NULL;
}

static size_t position(const struct parser *parser)
{
    return (size_t)(parser->at - parser->expression->text) + 1;
}

static enum gale_err fail(const struct parser *parser, const char *what)
{
    return gale_error_set(parser->error, GALE_ERR_INVALID, "%s at character %zu of `%.200s`",
                          what, position(parser), parser->expression->text);
}

static enum gale_err add_step(struct parser *parser, struct step step)
{
    struct expression *expression = parser->expression;
    bool is_value = step.kind == STEP_LITERAL || step.kind == STEP_FIELD;
    if (expression->steps_count == EXPRESSION_STEPS_MAX ||
        (is_value && parser->depth == EXPRESSION_DEPTH_MAX)) {
        return gale_error_set(parser->error, GALE_ERR_LIMIT,
                              "the expression is too long or too deep (%d steps, depth %d): "
                              "split it into two bolts",
                              EXPRESSION_STEPS_MAX, EXPRESSION_DEPTH_MAX);
    }
    if (is_value) {
        parser->depth++;
    } else if (!is_unary(step.kind)) {
        parser->depth--;
    }
    expression->steps[expression->steps_count++] = step;
    return GALE_OK;
}

static enum gale_err push(struct parser *parser, enum step_kind kind)
{
    if (parser->stack_count == EXPRESSION_DEPTH_MAX) {
        return gale_error_set(parser->error, GALE_ERR_LIMIT,
                              "nesting is deeper than %d at character %zu",
                              EXPRESSION_DEPTH_MAX, position(parser));
    }
    parser->stack[parser->stack_count++] = (struct waiting){kind, position(parser)};
    return GALE_OK;
}

/* Moves waiting operators of at least this strength into the program. */
static enum gale_err settle(struct parser *parser, int strength)
{
    while (parser->stack_count > 0) {
        enum step_kind kind = parser->stack[parser->stack_count - 1].kind;
        if (kind == STEP_OPEN || strength_of(kind) < strength) {
            return GALE_OK;
        }
        parser->stack_count--;
        enum gale_err err = add_step(parser, (struct step){.kind = kind});
        if (err != GALE_OK) {
            return err;
        }
    }
    return GALE_OK;
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t name_size(const char *at)
{
    size_t size = 0;
    while (is_name_start(at[size]) || (size > 0 && is_digit(at[size]))) {
        size++;
    }
    return size;
}

static bool word_is(const char *at, size_t size, const char *word)
{
    return strlen(word) == size && strncasecmp(at, word, size) == 0;
}

static const struct word *find_word(const struct word *words, const char *at, size_t size)
{
    for (const struct word *word = words; word->text != NULL; word++) {
        if (word_is(at, size, word->text)) {
            return word;
        }
    }
    return NULL;
}

static enum gale_err add_field(struct parser *parser, const char *name, size_t size)
{
    struct expression *expression = parser->expression;
    unsigned index = 0;
    while (index < expression->fields_count &&
           (strlen(expression->fields[index]) != size ||
            memcmp(expression->fields[index], name, size))) {
        index++;
    }
    if (index == EXPRESSION_FIELDS_MAX) {
        return gale_error_set(parser->error, GALE_ERR_LIMIT, "more than %d different fields",
                              EXPRESSION_FIELDS_MAX);
    }
    if (index == expression->fields_count) {
        char *copy = expression->names + expression->names_used;
        memcpy(copy, name, size);
        copy[size] = '\0';
        expression->names_used += size + 1;
        expression->fields[expression->fields_count++] = copy;
    }
    return add_step(parser, (struct step){.kind = STEP_FIELD, .field = index});
}

/* A run between quotes at `at`; a doubled quote stands for one. */
static enum gale_err parse_quoted(struct parser *parser)
{
    struct expression *expression = parser->expression;
    char quote = *parser->at;
    char *copy = expression->names + expression->names_used;
    size_t size = 0;
    const char *at = parser->at + 1;
    while (*at != '\0' && (*at != quote || at[1] == quote)) {
        at += *at == quote;
        copy[size++] = *at++;
    }
    if (*at == '\0') {
        return fail(parser,
                    quote == '"' ? "name without closing quote" : "text without closing quote");
    }
    parser->at = at + 1;
    if (quote == '"') {
        /* add_field copies the name to where it lies already, or finds it elsewhere. */
        char name[EXPRESSION_TEXT_MAX];
        memcpy(name, copy, size);
        return add_field(parser, name, size);
    }
    expression->names_used += size + 1;
    struct step step = {.kind = STEP_LITERAL};
    step.literal.type = GALE_STRING;
    step.literal.as.bytes = (struct gale_slice){copy, size};
    return add_step(parser, step);
}

static enum gale_err parse_number(struct parser *parser)
{
    struct step step = {.kind = STEP_LITERAL};
    const char *at = parser->at;
    size_t size = strspn(at, "0123456789");
    if (at[size] != '.' && at[size] != 'e' && at[size] != 'E') {
        uint64_t value = 0;
        for (size_t i = 0; i < size; i++) {
            if (__builtin_mul_overflow(value, 10u, &value) ||
                __builtin_add_overflow(value, (uint64_t)(at[i] - '0'), &value) ||
                value > INT64_MAX) {
                return fail(parser, "integer is larger than 9223372036854775807");
            }
        }
        step.literal.type = GALE_INT64;
        step.literal.as.int64 = (int64_t)value;
        parser->at += size;
    } else {
        char *end = NULL;
        step.literal.type = GALE_DOUBLE;
        step.literal.as.number = strtod(at, &end);
        parser->at = end;
    }
    if (is_name_start(*parser->at)) {
        return fail(parser, "unexpected letter behind a number");
    }
    return add_step(parser, step);
}

static enum gale_err parse_word_value(struct parser *parser, bool *took_value)
{
    struct step step = {.kind = STEP_LITERAL};
    const char *at = parser->at;
    size_t size = name_size(at);
    const struct word *function = find_word(functions, at, size);
    *took_value = false;
    if (function != NULL && at[size + strspn(at + size, " \t")] == '(') {
        enum gale_err err = push(parser, function->kind);
        parser->at += size;
        return err;
    }
    if (word_is(at, size, "not")) {
        enum gale_err err = push(parser, STEP_NOT);
        parser->at += size;
        return err;
    }
    if (find_word(word_operators, at, size) != NULL || word_is(at, size, "is")) {
        return fail(parser, "a value is missing before the operator");
    }
    *took_value = true;
    parser->at += size;
    if (word_is(at, size, "true") || word_is(at, size, "false")) {
        step.literal.type = GALE_BOOL;
        step.literal.as.boolean = size == 4;
        return add_step(parser, step);
    }
    if (word_is(at, size, "null")) {
        return add_step(parser, step);
    }
    return add_field(parser, at, size);
}

static enum gale_err parse_value(struct parser *parser)
{
    enum gale_err err = GALE_OK;
    bool took_value = true;
    char c = *parser->at;
    if (c == '(' || c == '-') {
        err = push(parser, c == '(' ? STEP_OPEN : STEP_NEGATE);
        parser->at++;
        took_value = false;
    } else if (c == '\'' || c == '"') {
        err = parse_quoted(parser);
    } else if (is_digit(c)) {
        err = parse_number(parser);
    } else if (is_name_start(c)) {
        err = parse_word_value(parser, &took_value);
    } else {
        err = fail(parser, c == '\0' ? "a value is missing" : "a value is expected");
    }
    parser->wants_value = !took_value;
    return err;
}

static enum gale_err close_parenthesis(struct parser *parser)
{
    enum gale_err err = settle(parser, 1);
    if (err != GALE_OK) {
        return err;
    }
    if (parser->stack_count == 0) {
        return fail(parser, "closing parenthesis without an opening one");
    }
    parser->stack_count--;
    parser->at++;
    return GALE_OK;
}

static void skip_space(struct parser *parser)
{
    parser->at += strspn(parser->at, " \t\r\n");
}

/* "is null" and "is not null", behind their operand. */
static enum gale_err parse_is(struct parser *parser)
{
    enum gale_err err = settle(parser, strength_of(STEP_IS_NULL));
    enum step_kind kind = STEP_IS_NULL;
    if (err != GALE_OK) {
        return err;
    }
    parser->at += 2;
    skip_space(parser);
    size_t size = name_size(parser->at);
    if (word_is(parser->at, size, "not")) {
        kind = STEP_IS_NOT_NULL;
        parser->at += size;
        skip_space(parser);
        size = name_size(parser->at);
    }
    if (!word_is(parser->at, size, "null")) {
        return fail(parser, "`null` or `not null` is expected behind `is`");
    }
    parser->at += size;
    return add_step(parser, (struct step){.kind = kind});
}

static enum gale_err parse_operator(struct parser *parser)
{
    const struct word *found = NULL;
    size_t size = name_size(parser->at);
    if (*parser->at == ')') {
        return close_parenthesis(parser);
    }
    if (word_is(parser->at, size, "is")) {
        return parse_is(parser);
    }
    if (size > 0) {
        found = find_word(word_operators, parser->at, size);
    }
    for (const struct word *sign = sign_operators; size == 0 && sign->text != NULL; sign++) {
        if (strncmp(parser->at, sign->text, strlen(sign->text)) == 0) {
            found = sign;
            break;
        }
    }
    if (found == NULL) {
        return fail(parser, "an operator is expected");
    }
    enum gale_err err = settle(parser, strength_of(found->kind));
    if (err == GALE_OK) {
        err = push(parser, found->kind);
    }
    parser->at += strlen(found->text);
    parser->wants_value = true;
    return err;
}

static enum gale_err parse(struct parser *parser)
{
    parser->wants_value = true;
    for (;;) {
        skip_space(parser);
        if (!parser->wants_value && *parser->at == '\0') {
            break;
        }
        enum gale_err err = parser->wants_value ? parse_value(parser) : parse_operator(parser);
        if (err != GALE_OK) {
            return err;
        }
    }
    enum gale_err err = settle(parser, 1);
    if (err == GALE_OK && parser->stack_count > 0) {
        parser->at =
            parser->expression->text + parser->stack[parser->stack_count - 1].position - 1;
        return fail(parser, "parenthesis without a closing one");
    }
    return err;
}

enum gale_err expression_new(const char *text, struct expression **out,
                             struct gale_error *error)
{
    size_t size = strlen(text);
    if (size >= EXPRESSION_TEXT_MAX) {
        return gale_error_set(error, GALE_ERR_LIMIT, "the expression is longer than %d bytes",
                              EXPRESSION_TEXT_MAX - 1);
    }
    struct expression *expression = calloc(1, sizeof(*expression));
    if (expression == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "out of memory");
    }
    expression->text = strdup(text);
    /* Each name or text needs one byte more than it has in the source at most. */
    expression->names = malloc(2 * size + 2);
    enum gale_err err = GALE_ERR_NOMEM;
    if (expression->text != NULL && expression->names != NULL) {
        struct parser parser = {
            .expression = expression, .error = error, .at = expression->text};
        err = parse(&parser);
    } else {
        gale_error_set(error, err, "out of memory");
    }
    if (err != GALE_OK) {
        expression_free(expression);
        return err;
    }
    *out = expression;
    return GALE_OK;
}

void expression_free(struct expression *expression)
{
    if (expression == NULL) {
        return;
    }
    free(expression->text);
    free(expression->names);
    free(expression->scratch);
    free(expression);
}

unsigned expression_fields_count(const struct expression *expression)
{
    return expression->fields_count;
}

const char *expression_field(const struct expression *expression, unsigned index)
{
    return expression->fields[index];
}

void expression_bind(struct expression *expression, unsigned input, unsigned field,
                     unsigned position)
{
    expression->positions[input][field] = (uint16_t)position;
}

int expression_only_field(const struct expression *expression, unsigned input)
{
    if (expression->steps_count != 1 || expression->steps[0].kind != STEP_FIELD) {
        return -1;
    }
    return expression->positions[input][expression->steps[0].field];
}

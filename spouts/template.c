/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling and rendering of generator templates; see template.h. Pure but for its own memory. */
#include "spouts/template.h"

#include <stdlib.h>
#include <string.h>

/* A number needs at most 20 characters. */
#define TEMPLATE_NUMBER_MAX 20

enum part_kind { PART_TEXT = 0, PART_SEQ = 1, PART_RANDOM = 2, PART_CHOICE = 3 };

struct part {
    enum part_kind kind;
    const char *text; /* Literal, or the choices with '|' between them. */
    size_t size;
    int64_t low;   /* PART_RANDOM: smallest value. */
    uint64_t span; /* PART_RANDOM: number of values; PART_CHOICE: number of choices. */
};

struct template
{
    char *text;
    struct part *parts;
    size_t parts_count;
    char *record;
};

static bool add_part(struct template *template, struct part part)
{
    if (template->parts_count == TEMPLATE_PARTS_MAX) {
        return false;
    }
    template->parts[template->parts_count++] = part;
    return true;
}

/* Parses "N" or "A:B" between `text` and `end`. */
static bool parse_range(const char *text, const char *end, struct part *out)
{
    char *rest = NULL;
    long long first = strtoll(text, &rest, 10);
    if (rest == text || rest > end) {
        return false;
    }
    if (rest == end) {
        out->low = 0;
        out->span = (uint64_t)first;
        return first > 0;
    }
    if (*rest != ':') {
        return false;
    }
    const char *second_text = rest + 1;
    long long second = strtoll(second_text, &rest, 10);
    if (rest == second_text || rest != end || second < first) {
        return false;
    }
    out->low = first;
    out->span = (uint64_t)second - (uint64_t)first + 1;
    return out->span != 0;
}

/* Reads a placeholder at `at` ('{'). Returns its size, 0 when the brace is literal, or
 * (size_t)-1 when it is a placeholder of a wrong form. */
static size_t parse_placeholder(const char *at, struct part *out)
{
    const char *end = strchr(at, '}');
    bool is_random = strncmp(at, "{rand:", 6) == 0;
    bool is_choice = strncmp(at, "{choice:", 8) == 0;
    if (strncmp(at, "{seq}", 5) == 0) {
        *out = (struct part){.kind = PART_SEQ};
        return 5;
    }
    if (!is_random && !is_choice) {
        return 0;
    }
    if (end == NULL) {
        return (size_t)-1;
    }
    size_t size = (size_t)(end - at) + 1;
    if (is_random) {
        *out = (struct part){.kind = PART_RANDOM};
        return parse_range(at + 6, end, out) ? size : (size_t)-1;
    }
    *out = (struct part){.kind = PART_CHOICE, .text = at + 8, .size = size - 9, .span = 1};
    for (size_t i = 0; i < out->size; i++) {
        out->span += out->text[i] == '|';
    }
    return size;
}

static enum gale_err compile(struct template *template, struct gale_error *error)
{
    const char *at = template->text;
    const char *literal = at;
    for (;;) {
        struct part part = {0};
        size_t size = *at == '{' ? parse_placeholder(at, &part) : 0;
        if (size == (size_t)-1) {
            return gale_error_set(error, GALE_ERR_INVALID,
                                  "placeholder at character %zu is malformed; write {seq}, "
                                  "{rand:N}, {rand:A:B} or {choice:a|b|c}",
                                  (size_t)(at - template->text) + 1);
        }
        if (size == 0 && *at != '\0') {
            at++;
            continue;
        }
        bool room = true;
        if (at > literal) {
            struct part text = {.text = literal, .size = (size_t)(at - literal)};
            room = add_part(template, text);
        }
        if (size > 0) {
            room = room && add_part(template, part);
        }
        if (!room) {
            return gale_error_set(error, GALE_ERR_LIMIT,
                                  "more than %d parts; use fewer placeholders",
                                  TEMPLATE_PARTS_MAX);
        }
        if (size == 0) {
            return GALE_OK;
        }
        at += size;
        literal = at;
    }
}

enum gale_err template_new(const char *text, struct template **out, struct gale_error *error)
{
    size_t size = strlen(text);
    if (size + TEMPLATE_PARTS_MAX * TEMPLATE_NUMBER_MAX > TEMPLATE_RECORD_MAX) {
        return gale_error_set(error, GALE_ERR_LIMIT,
                              "text of %zu bytes is too long; %zu bytes are allowed", size,
                              TEMPLATE_RECORD_MAX - TEMPLATE_PARTS_MAX * TEMPLATE_NUMBER_MAX);
    }
    struct template *template = calloc(1, sizeof(*template));
    if (template == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "out of memory");
    }
    template->text = strdup(text);
    template->parts = calloc(TEMPLATE_PARTS_MAX, sizeof(*template->parts));
    template->record = malloc(TEMPLATE_RECORD_MAX);
    enum gale_err err = GALE_ERR_NOMEM;
    if (template->text != NULL && template->parts != NULL && template->record != NULL) {
        err = compile(template, error);
    } else {
        gale_error_set(error, err, "out of memory");
    }
    if (err != GALE_OK) {
        template_free(template);
        return err;
    }
    *out = template;
    return GALE_OK;
}

void template_free(struct template *template)
{
    if (template == NULL) {
        return;
    }
    free(template->text);
    free(template->parts);
    free(template->record);
    free(template);
}

static size_t write_number(char *out, uint64_t magnitude, bool negative)
{
    char digits[TEMPLATE_NUMBER_MAX];
    size_t count = 0;
    size_t size = 0;
    do {
        digits[count++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (negative) {
        out[size++] = '-';
    }
    while (count > 0) {
        out[size++] = digits[--count];
    }
    return size;
}

/* Scales a random word to [0, span) by its upper half of a wide product: no division. */
static uint64_t scale(uint64_t random, uint64_t span)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)random * span) >> 64);
}

static size_t write_choice(char *out, const struct part *part, uint64_t index)
{
    const char *at = part->text;
    const char *end = part->text + part->size;
    while (index > 0) {
        at = (const char *)memchr(at, '|', (size_t)(end - at)) + 1;
        index--;
    }
    const char *bar = memchr(at, '|', (size_t)(end - at));
    size_t size = (size_t)((bar != NULL ? bar : end) - at);
    memcpy(out, at, size);
    return size;
}

struct gale_slice template_render(struct template *template, uint64_t random, uint64_t number)
{
    char *out = template->record;
    for (size_t i = 0; i < template->parts_count; i++) {
        const struct part *part = &template->parts[i];
        switch (part->kind) {
        case PART_TEXT:
            memcpy(out, part->text, part->size);
            out += part->size;
            break;
        case PART_SEQ: out += write_number(out, number, false); break;
        case PART_RANDOM: {
            random = template_mix(random + i + 1);
            uint64_t value = (uint64_t)part->low + scale(random, part->span);
            bool negative = (int64_t)value < 0;
            out += write_number(out, negative ? 0 - value : value, negative);
            break;
        }
        case PART_CHOICE:
            random = template_mix(random + i + 1);
            out += write_choice(out, part, scale(random, part->span));
            break;
        }
    }
    return (struct gale_slice){template->record, (size_t)(out - template->record)};
}

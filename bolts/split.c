/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `split`: cuts a string field at separator characters and emits one tuple a word. Runs of
 * separators count as one; there are no empty words. A field that is no string fails the tuple's
 * execute with GALE_ERR_TYPE.
 *
 * The text is classified 64 bytes at a time into a bit mask (bit = the byte belongs to a word) and
 * the words are then found by counting zero bits: no branch a byte, so that short words do not cost
 * a wrong prediction each. Separators and `lower` are ASCII; other bytes are parts of words.
 *
 * Owned by its task; all calls on the engine thread.
 */
#include "bolts/builtin.h"
#include "bolts/inputs.h"

#include <gale/gale.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_BLOCK 64
#define SPLIT_INPUTS_MAX 64
#define SPLIT_LENGTH_MAX 65536

struct split {
    unsigned field[SPLIT_INPUTS_MAX]; /* Index of the field by input. */
    uint8_t in_word[256];             /* 1: the byte belongs to a word. */
    bool lower;
    size_t length_min;
    char *scratch; /* Text in lower case. */
    size_t scratch_size;
};

static const struct gale_option options[] = {
    {"field", GALE_OPTION_STRING, false, NULL,
     "Field to be split; by default the first one of the input."},
    {"on", GALE_OPTION_STRING, false, NULL,
     "Separator characters (ASCII); by default blank, tab, newline and the other white space."},
    {"lower", GALE_OPTION_BOOL, false, "false", "Turn A-Z into a-z."},
    {"as", GALE_OPTION_STRING, false, "word", "Name of the field that holds the word."},
    {"min_length", GALE_OPTION_INT, false, "1",
     "Leave out shorter words, in bytes, 1 to 65536."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err split_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    const char *field = gale_conf_string(conf, "field", NULL);
    const char *on = gale_conf_string(conf, "on", NULL);
    int64_t length_min = gale_conf_int64(conf, "min_length", 1);
    if (on != NULL && on[0] == '\0') {
        gale_declare_error(declare, "on", "on must name at least one separator character");
        return GALE_ERR_INVALID;
    }
    for (const char *at = on; at != NULL && *at != '\0'; at++) {
        if ((unsigned char)*at >= 128) {
            gale_declare_error(declare, "on", "separators must be ASCII characters");
            return GALE_ERR_INVALID;
        }
    }
    if (length_min < 1 || length_min > SPLIT_LENGTH_MAX) {
        gale_declare_error(declare, "min_length", "min_length must be 1 to %d",
                           SPLIT_LENGTH_MAX);
        return GALE_ERR_INVALID;
    }
    if (gale_declare_inputs(declare) > SPLIT_INPUTS_MAX) {
        gale_declare_error(declare, NULL, "split takes at most %d inputs", SPLIT_INPUTS_MAX);
        return GALE_ERR_LIMIT;
    }
    enum gale_err err = field == NULL ? GALE_OK : inputs_need(declare, field, "field");
    if (err != GALE_OK) {
        return err;
    }
    return gale_declare_stream(declare, "default", gale_conf_string(conf, "as", "word"), false);
}

static enum gale_err split_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    struct split *split = state;
    const char *field = gale_conf_string(conf, "field", NULL);
    unsigned inputs = gale_task_inputs(task);
    for (unsigned i = 0; field != NULL && i < inputs && i < SPLIT_INPUTS_MAX; i++) {
        int index = gale_task_field(task, i, field);
        if (index < 0) {
            gale_task_error(task, "input %u has no field `%s`; correct the option field", i,
                            field);
            return GALE_ERR_NOT_FOUND;
        }
        split->field[i] = (unsigned)index;
    }
    memset(split->in_word, 1, sizeof(split->in_word));
    for (const char *at = gale_conf_string(conf, "on", " \t\n\v\f\r"); *at != '\0'; at++) {
        split->in_word[(unsigned char)*at] = 0;
    }
    split->lower = gale_conf_bool(conf, "lower", false);
    split->length_min = (size_t)gale_conf_int64(conf, "min_length", 1);
    return GALE_OK;
}

static inline uint64_t classify(const uint8_t *in_word, const char *text, size_t size)
{
    uint64_t mask = 0;
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t i = 0; i < size; i++) {
        mask |= (uint64_t)in_word[bytes[i]] << i;
    }
    return mask;
}

static inline enum gale_err emit_word(const struct split *split, struct gale_task *task,
                                      const char *word, size_t size)
{
    if (size < split->length_min) {
        return GALE_OK;
    }
    gale_put_string(gale_begin(task), word, size);
    return gale_emit(task, 0);
}

static enum gale_err split_text(const struct split *split, struct gale_task *task,
                                struct gale_slice text)
{
    const char *open = NULL; /* Start of a word that reaches into the next block. */
    for (size_t block = 0; block < text.size; block += SPLIT_BLOCK) {
        const char *base = text.data + block;
        size_t size = text.size - block < SPLIT_BLOCK ? text.size - block : SPLIT_BLOCK;
        uint64_t words = classify(split->in_word, base, size);
        /* A bit of `edges` is set where a byte differs in kind from the one before it. */
        uint64_t edges = words ^ ((words << 1) | (open != NULL));
        if (size < SPLIT_BLOCK) {
            edges &= (UINT64_C(2) << (size - 1)) - 1;
        }
        while (edges != 0) {
            const char *at = base + __builtin_ctzll(edges);
            edges &= edges - 1;
            if (open == NULL) {
                open = at;
                continue;
            }
            enum gale_err err = emit_word(split, task, open, (size_t)(at - open));
            open = NULL;
            if (err != GALE_OK) {
                return err;
            }
        }
    }
    if (open == NULL) {
        return GALE_OK;
    }
    return emit_word(split, task, open, (size_t)(text.data + text.size - open));
}

static enum gale_err to_lower(struct split *split, struct gale_slice *text)
{
    if (text->size > split->scratch_size) {
        size_t size = text->size * 2;
        char *scratch = realloc(split->scratch, size);
        if (scratch == NULL) {
            return GALE_ERR_NOMEM;
        }
        split->scratch = scratch;
        split->scratch_size = size;
    }
    for (size_t i = 0; i < text->size; i++) {
        char c = text->data[i];
        split->scratch[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    text->data = split->scratch;
    return GALE_OK;
}

static enum gale_err split_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct split *split = state;
    if (tuple->input >= SPLIT_INPUTS_MAX) {
        return GALE_OK;
    }
    struct gale_slice text = gale_tuple_string(tuple, split->field[tuple->input]);
    if (text.data == NULL) {
        return GALE_ERR_TYPE;
    }
    if (split->lower && text.size > 0) {
        enum gale_err err = to_lower(split, &text);
        if (err != GALE_OK) {
            return err;
        }
    }
    return split_text(split, task, text);
}

static void split_cleanup(void *state, struct gale_task *task)
{
    struct split *split = state;
    (void)task;
    free(split->scratch);
}

const struct gale_bolt_ops split_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "split",
    .state_size = sizeof(struct split),
    .options = options,
    .help = "Splits a text field into words, one tuple each.",
    .declare = split_declare,
    .prepare = split_prepare,
    .execute = split_execute,
    .cleanup = split_cleanup,
};

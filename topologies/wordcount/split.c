/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `split` of the word count: a line comes in, each run of ASCII letters goes out as a word in
 * lower case. The state is the room for the lowered line; one task, one thread.
 */
#include <gale/gale.h>

struct split {
    char lower[1 << 20]; /* The file spout's longest line. */
};

static enum gale_err split_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    char *lower = ((struct split *)state)->lower;
    struct gale_slice line = gale_tuple_string(tuple, 0);
    if (line.size > sizeof(struct split)) {
        return GALE_ERR_LIMIT;
    }
    size_t start = 0;
    for (size_t i = 0; i <= line.size; i++) {
        unsigned char letter = i < line.size ? (unsigned char)line.data[i] | 0x20u : 0;
        if (letter >= 'a' && letter <= 'z') {
            lower[i] = (char)letter;
            continue;
        }
        if (i > start) {
            gale_put_string(gale_begin(task), lower + start, i - start);
            (void)gale_emit(task, 0);
        }
        start = i + 1;
    }
    return GALE_OK;
}

static const struct gale_bolt_ops split = {GALE_BOLT_HEAD, .name = "split",
                                           .state_size = sizeof(struct split), .fields = "word",
                                           .execute = split_execute};
static const struct gale_bolt_ops *const bolts[] = {&split, NULL};
GALE_MODULE(.bolts = bolts);

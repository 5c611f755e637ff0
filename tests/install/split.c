/* SPDX-License-Identifier: Apache-2.0 */
/* A user's bolt, as the install test builds it outside the project: sentences to words. */
#include <gale/gale.h>

static enum gale_err split_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_slice line = gale_tuple_string(tuple, 0);
    for (size_t from = 0, at = 0; at <= line.size; at++) {
        if (at == line.size || line.data[at] == ' ') {
            if (at > from) {
                gale_put_string(gale_begin(task), line.data + from, at - from);
                (void)gale_emit(task, 0);
            }
            from = at + 1;
        }
    }
    return GALE_OK;
}

static const struct gale_bolt_ops split = {GALE_BOLT_HEAD, .name = "split", .fields = "word",
                                           .execute = split_execute};
static const struct gale_bolt_ops *const bolts[] = {&split, NULL};
GALE_MODULE(.bolts = bolts);

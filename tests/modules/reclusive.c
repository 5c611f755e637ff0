/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that ends every process but gale's own: to be looked into by a probe, never where a
 * package is compiled. Its bolts declare their streams from options, inputs and the file "dict",
 * whose first line names the fields.
 */
#include <gale/gale.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __attribute__((constructor)) void end_others(void)
{
    if (strcmp(program_invocation_short_name, "gale") != 0) {
        fputs("reclusive: loaded where no module may be\n", stderr);
        abort();
    }
}

static enum gale_err declare_by_file(struct gale_declare *declare, const struct gale_conf *conf)
{
    char fields[64] = "";
    FILE *file = fopen(gale_conf_string(conf, "dict", ""), "r");
    if (file == NULL || fgets(fields, sizeof(fields), file) == NULL) {
        gale_declare_error(declare, "dict", "cannot be read");
    }
    if (file != NULL) {
        fclose(file);
    }
    fields[strcspn(fields, "\n")] = '\0';
    return gale_declare_stream(declare, "default", fields, false);
}

static enum gale_err declare_by_input(struct gale_declare *declare,
                                      const struct gale_conf *conf)
{
    const char *field = gale_conf_string(conf, "field", "");
    enum gale_err err = gale_declare_needs(declare, 0, field, "field");
    return err ? err : gale_declare_stream(declare, "picked", field, false);
}

static enum gale_err execute(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_next next(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_NEXT_DONE;
}

static const struct gale_option spout_options[] = {
    {"dict", GALE_OPTION_STRING, true, NULL, "File whose first line names the fields."},
    {"size", GALE_OPTION_SIZE, false, "1KiB", NULL},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};
static const struct gale_option bolt_options[] = {
    {"field", GALE_OPTION_STRING, true, NULL, "Field to pick."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};
static const struct gale_spout_ops words = {GALE_SPOUT_HEAD, .name = "words",
                                            .options = spout_options,
                                            .declare = declare_by_file, .next = next};
static const struct gale_bolt_ops pick = {GALE_BOLT_HEAD, .name = "pick",
                                          .options = bolt_options, .declare = declare_by_input,
                                          .execute = execute};
static const struct gale_bolt_ops unused = {GALE_BOLT_HEAD, .name = "unused",
                                            .execute = execute};
static const struct gale_task_hooks trace = {
    .abi = GALE_ABI, .struct_size = sizeof(trace), .name = "reclusive_trace"};
static const struct gale_bolt_ops *const bolts[] = {&pick, &unused, NULL};
static const struct gale_spout_ops *const spouts[] = {&words, NULL};
static const struct gale_task_hooks *const task_hooks[] = {&trace, NULL};

GALE_MODULE(.bolts = bolts, .spouts = spouts, .task_hooks = task_hooks);

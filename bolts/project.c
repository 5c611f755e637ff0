/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `project`: emits one tuple with chosen or computed fields for each tuple. `fields` is a list
 * of names to keep in that order, or a map from new names to expressions (expression.h). An
 * expression that is nothing but a field copies it whole, lists and maps included.
 *
 * Owned by its task; all calls on the engine thread.
 */
#include "bolts/builtin.h"
#include "bolts/inputs.h"
#include "expression/expression.h"

#include <gale/gale.h>
#include <stdio.h>
#include <string.h>

#define PROJECT_FIELDS_MAX 64
#define PROJECT_NAMES_SIZE 4200

struct project {
    struct expression *columns[PROJECT_FIELDS_MAX];
    unsigned columns_count;
};

static const struct gale_option options[] = {
    {"fields", GALE_OPTION_ANY, true, NULL,
     "List of fields to keep, or a map of new names to expressions; at most 64."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static size_t column_count(const struct gale_conf *fields)
{
    enum gale_type type = gale_conf_type(fields);
    return type == GALE_LIST || type == GALE_MAP ? gale_conf_count(fields) : fields != NULL;
}

/* Name and expression of a column; a plain name becomes a quoted one, so that any name works. */
static bool column_at(const struct gale_conf *fields, size_t index, const char **name,
                      char *source, size_t source_size)
{
    const struct gale_conf *node = fields;
    bool is_map = gale_conf_type(fields) == GALE_MAP;
    if (is_map || gale_conf_type(fields) == GALE_LIST) {
        node = gale_conf_at(fields, index);
    }
    const char *text = gale_conf_text(node);
    if (text == NULL) {
        return false;
    }
    *name = is_map ? gale_conf_key(fields, index) : text;
    int size = snprintf(source, source_size, is_map ? "%s" : "\"%s\"", text);
    return size > 0 && (size_t)size < source_size;
}

static enum gale_err declare_column(struct gale_declare *declare, const char *source)
{
    struct gale_error error = {0};
    struct expression *column = NULL;
    enum gale_err err = expression_new(source, &column, &error);
    if (err != GALE_OK) {
        gale_declare_error(declare, "fields", "fields: %s", error.text);
        return err;
    }
    for (unsigned i = 0; i < expression_fields_count(column); i++) {
        enum gale_err missing = inputs_need(declare, expression_field(column, i), "fields");
        err = err == GALE_OK ? missing : err;
    }
    expression_free(column);
    return err;
}

static enum gale_err project_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    const struct gale_conf *fields = gale_conf_get(conf, "fields");
    size_t count = column_count(fields);
    char names[PROJECT_NAMES_SIZE] = "";
    size_t size = 0;
    enum gale_err result = GALE_OK;
    if (count < 1 || count > PROJECT_FIELDS_MAX) {
        gale_declare_error(declare, "fields", "fields must name 1 to %d fields",
                           PROJECT_FIELDS_MAX);
        return GALE_ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        char source[EXPRESSION_TEXT_MAX];
        const char *name = NULL;
        if (!column_at(fields, i, &name, source, sizeof(source))) {
            gale_declare_error(declare, "fields",
                               "fields: entry %zu must be a name or an expression", i + 1);
            return GALE_ERR_INVALID;
        }
        enum gale_err err = declare_column(declare, source);
        result = result == GALE_OK ? err : result;
        int added =
            snprintf(names + size, sizeof(names) - size, "%s%s", i > 0 ? "," : "", name);
        if (added < 0 || (size_t)added >= sizeof(names) - size) {
            gale_declare_error(declare, "fields", "the names of the fields are too long");
            return GALE_ERR_LIMIT;
        }
        size += (size_t)added;
    }
    return result != GALE_OK ? result : gale_declare_stream(declare, "default", names, false);
}

static enum gale_err project_prepare(void *state, struct gale_task *task,
                                     const struct gale_conf *conf)
{
    struct project *project = state;
    const struct gale_conf *fields = gale_conf_get(conf, "fields");
    size_t count = column_count(fields);
    for (size_t i = 0; i < count && i < PROJECT_FIELDS_MAX; i++) {
        char source[EXPRESSION_TEXT_MAX];
        const char *name = NULL;
        struct gale_error error = {0};
        if (!column_at(fields, i, &name, source, sizeof(source))) {
            return GALE_ERR_INVALID;
        }
        enum gale_err err = expression_new(source, &project->columns[i], &error);
        if (err != GALE_OK) {
            gale_task_error(task, "fields: %s", error.text);
            return err;
        }
        project->columns_count++;
        err = inputs_bind(project->columns[i], task);
        if (err != GALE_OK) {
            return err;
        }
    }
    return GALE_OK;
}

static enum gale_err project_execute(void *state, struct gale_task *task,
                                     const struct gale_tuple *tuple)
{
    struct project *project = state;
    if (tuple->input >= EXPRESSION_INPUTS_MAX) {
        return GALE_OK;
    }
    struct gale_out *out = gale_begin(task);
    for (unsigned i = 0; i < project->columns_count; i++) {
        int field = expression_only_field(project->columns[i], tuple->input);
        if (field >= 0) {
            enum gale_err err = gale_put_fields(out, tuple, (unsigned)field, 1);
            if (err != GALE_OK) {
                return err;
            }
            continue;
        }
        struct gale_value value = expression_eval(project->columns[i], tuple);
        gale_put_value(out, &value);
    }
    return gale_emit(task, 0);
}

static void project_cleanup(void *state, struct gale_task *task)
{
    struct project *project = state;
    (void)task;
    for (unsigned i = 0; i < project->columns_count; i++) {
        expression_free(project->columns[i]);
    }
}

const struct gale_bolt_ops project_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "project",
    .state_size = sizeof(struct project),
    .options = options,
    .help = "Keeps, reorders, renames or computes fields.",
    .declare = project_declare,
    .prepare = project_prepare,
    .execute = project_execute,
    .cleanup = project_cleanup,
};

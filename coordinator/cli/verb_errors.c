/* SPDX-License-Identifier: Apache-2.0 */
/* gale errors NAME [COMPONENT]: the last errors of a topology, newest first. */
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"
#include "text/text_table.h"

#include <inttypes.h>
#include <string.h>

/* Whether an error belongs to what was asked for. */
static bool wanted(const struct invocation *call, const struct gale_conf *error)
{
    return call->args_count < 2 ||
           strcmp(gale_conf_string(error, "component", ""), call->args[1]) == 0;
}

static void add_row(struct text_table *table, const struct gale_conf *error)
{
    char first[CLUSTER_TIME_SIZE], last[CLUSTER_TIME_SIZE];
    int64_t task = gale_conf_int64(error, "task", -1);
    int64_t worker = gale_conf_int64(error, "worker", -1);
    text_table_cell(table, cluster_time(gale_conf_int64(error, "last_ms", 0), last));
    text_table_cellf(table, "%" PRId64, gale_conf_int64(error, "count", 1));
    text_table_cell(table, cluster_time(gale_conf_int64(error, "first_ms", 0), first));
    text_table_cell(table, gale_conf_string(error, "component", NULL));
    if (task >= 0) {
        text_table_cellf(table, "%" PRId64, task);
    } else {
        text_table_cell(table, NULL);
    }
    text_table_cell(table, gale_conf_string(error, "host", NULL));
    if (worker >= 0) {
        text_table_cellf(table, "%" PRId64, worker);
    } else {
        text_table_cell(table, NULL);
    }
    text_table_cell(table, gale_conf_string(error, "text", NULL));
}

static int print_table(const struct invocation *call, const struct gale_conf *errors)
{
    struct text_table table;
    size_t shown = 0;
    text_table_init(&table);
    text_table_column(&table, "LAST", false);
    text_table_column(&table, "COUNT", true);
    text_table_column(&table, "FIRST", false);
    text_table_column(&table, "COMPONENT", false);
    text_table_column(&table, "TASK", true);
    text_table_column(&table, "HOST", false);
    text_table_column(&table, "WORKER", true);
    text_table_column(&table, "ERROR", false);
    for (size_t i = 0; i < gale_conf_count(errors); i++) {
        if (wanted(call, gale_conf_at(errors, i))) {
            add_row(&table, gale_conf_at(errors, i));
            shown++;
        }
    }
    enum gale_err err = text_table_print(&table, stdout, term_width_of(stdout),
                                         output_color_of(stdout, call->color));
    text_table_fini(&table);
    if (shown == 0 && err == GALE_OK) {
        fflush(stdout);
        fprintf(stderr, "%s: no errors%s%s\n", call->args[0],
                call->args_count > 1 ? " of " : "", call->args_count > 1 ? call->args[1] : "");
    }
    return err == GALE_OK ? EXIT_DONE
                          : output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
}

static void json_error(struct jsonw *json, const struct gale_conf *error)
{
    char first[CLUSTER_TIME_SIZE], last[CLUSTER_TIME_SIZE];
    jsonw_open_object(json, NULL);
    size_t count = gale_conf_type(error) == GALE_MAP ? gale_conf_count(error) : 0;
    for (size_t i = 0; i < count; i++) {
        cluster_json(json, gale_conf_key(error, i), gale_conf_at(error, i));
    }
    jsonw_string(json, "first", cluster_time(gale_conf_int64(error, "first_ms", 0), first));
    jsonw_string(json, "last", cluster_time(gale_conf_int64(error, "last_ms", 0), last));
    jsonw_close_object(json);
}

static int show(const struct invocation *call, const struct gale_conf *answer)
{
    const struct gale_conf *errors = gale_conf_get(answer, "errors");
    if (!call->json && !call->quiet) {
        return print_table(call, errors);
    }
    struct jsonw json;
    if (call->json) {
        jsonw_init(&json, stdout);
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "schema", 1);
        jsonw_string(&json, "topology", call->args[0]);
        jsonw_open_list(&json, "errors");
    }
    for (size_t i = 0; i < gale_conf_count(errors); i++) {
        const struct gale_conf *error = gale_conf_at(errors, i);
        if (wanted(call, error) && call->json) {
            json_error(&json, error);
        } else if (wanted(call, error)) {
            puts(gale_conf_string(error, "text", ""));
        }
    }
    if (call->json) {
        jsonw_close_list(&json);
        jsonw_close_object(&json);
        jsonw_end(&json);
    }
    return EXIT_DONE;
}

static int run(const struct invocation *call)
{
    return cluster_query(call, "errors", call->args[0], show);
}

static const struct option_spec errors_options[] = {
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_errors = {
    .name = "errors",
    .arguments = "NAME [COMPONENT]",
    .summary = "Shows the last errors of a topology: how often, when, where.",
    .examples = {"gale errors wordcount", "gale errors wordcount split --json"},
    .completes = "TOPOLOGY",
    .options = errors_options,
    .args_min = 1,
    .args_max = 2,
    .run = run,
    .notes =
        "Newest first; equal errors of a component are counted together. `gale logs` shows "
        "what happened around them.",
};

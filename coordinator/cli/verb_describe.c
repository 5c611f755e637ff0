/* SPDX-License-Identifier: Apache-2.0 */
/* gale describe NAME: all about one topology but its figures over time (gale top). */
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"
#include "text/numbers.h"
#include "text/text_table.h"

#include <inttypes.h>
#include <string.h>

/* Aligned on a terminal, else separated by a tab. */
static void line(bool terminal, const char *key, const char *value)
{
    printf(terminal ? "%-12s %s\n" : "%s\t%s\n", key, value);
}

static void print_head(const struct gale_conf *it, bool terminal)
{
    char age[CLUSTER_AGE_SIZE], time[CLUSTER_TIME_SIZE], rate[NUMBER_SIZE], text[128];
    const char *waiting = gale_conf_string(it, "waiting_for", NULL);
    line(terminal, "name", gale_conf_string(it, "name", "-"));
    snprintf(text, sizeof text, "%s, submitted %s ago", gale_conf_string(it, "status", "-"),
             cluster_age(gale_conf_int64(it, "age_ms", 0), age));
    line(terminal, "status", text);
    if (waiting != NULL && *waiting != '\0') {
        line(terminal, "waiting for", waiting);
    }
    line(terminal, "guarantee", gale_conf_string(it, "guarantee", "-"));
    line(terminal, "owner", gale_conf_string(it, "owner", "-"));
    line(terminal, "submitted", cluster_time(gale_conf_int64(it, "submitted_ms", 0), time));
    snprintf(text, sizeof text, "%" PRId64, gale_conf_int64(it, "attempt", 0));
    line(terminal, "attempt", text);
    snprintf(text, sizeof text, "%" PRId64 " of %zu up, %" PRId64 " restarts",
             gale_conf_int64(it, "workers_up", 0),
             gale_conf_count(gale_conf_get(it, "workers")), gale_conf_int64(it, "restarts", 0));
    line(terminal, "workers", text);
    snprintf(text, sizeof text, "%s/s", number_rate(gale_conf_double(it, "rate", 0), rate));
    line(terminal, "rate", text);
    snprintf(text, sizeof text, "%" PRId64, gale_conf_int64(it, "failed", 0));
    line(terminal, "failed", text);
}

static void component_row(struct text_table *table, const struct gale_conf *component)
{
    char inputs[256] = "";
    size_t at = 0;
    const struct gale_conf *list = gale_conf_get(component, "inputs");
    for (size_t i = 0; i < gale_conf_count(list) && at < sizeof inputs; i++) {
        const char *text = gale_conf_text(gale_conf_at(list, i));
        int used = snprintf(inputs + at, sizeof inputs - at, "%s%s", i > 0 ? ", " : "",
                            text != NULL ? text : "");
        at += used > 0 ? (size_t)used : 0;
    }
    text_table_cell(table, gale_conf_string(component, "name", NULL));
    text_table_cell(table, gale_conf_string(component, "kind", NULL));
    text_table_cell(table, gale_conf_string(component, "type", NULL));
    text_table_cellf(table, "%" PRId64, gale_conf_int64(component, "parallelism", 0));
    text_table_cell(table, inputs);
}

static void worker_row(struct text_table *table, const struct gale_conf *worker)
{
    char size[CLUSTER_SIZE_SIZE], state[CLUSTER_AGE_SIZE];
    int64_t rss_kb = gale_conf_int64(worker, "rss_kb", 0);
    int64_t pid = gale_conf_int64(worker, "pid", 0);
    text_table_cellf(table, "%" PRId64, gale_conf_int64(worker, "index", 0));
    text_table_cell(table, gale_conf_string(worker, "host", NULL));
    text_table_cell(table, cluster_status(gale_conf_string(worker, "state", ""), state));
    if (pid > 0) {
        text_table_cellf(table, "%" PRId64, pid);
    } else {
        text_table_cell(table, NULL);
    }
    text_table_cellf(table, "%zu", gale_conf_count(gale_conf_get(worker, "tasks")));
    text_table_cell(table, cluster_size((double)rss_kb * 1024, size));
    text_table_cellf(table, "%" PRId64, gale_conf_int64(worker, "restarts", 0));
}

static enum gale_err print_tables(const struct gale_conf *it, unsigned width, bool color)
{
    struct text_table table;
    const struct gale_conf *components = gale_conf_get(it, "components");
    const struct gale_conf *workers = gale_conf_get(it, "workers");
    text_table_init(&table);
    text_table_column(&table, "COMPONENT", false);
    text_table_column(&table, "KIND", false);
    text_table_column(&table, "TYPE", false);
    text_table_column(&table, "TASKS", true);
    text_table_column(&table, "FROM", false);
    for (size_t i = 0; i < gale_conf_count(components); i++) {
        component_row(&table, gale_conf_at(components, i));
    }
    putchar('\n');
    enum gale_err err = text_table_print(&table, stdout, width, color);
    text_table_fini(&table);
    text_table_column(&table, "WORKER", true);
    text_table_column(&table, "HOST", false);
    text_table_column(&table, "STATE", false);
    text_table_column(&table, "PID", true);
    text_table_column(&table, "TASKS", true);
    text_table_column(&table, "MEMORY", true);
    text_table_column(&table, "RESTARTS", true);
    for (size_t i = 0; i < gale_conf_count(workers); i++) {
        worker_row(&table, gale_conf_at(workers, i));
    }
    putchar('\n');
    err = err == GALE_OK ? text_table_print(&table, stdout, width, color) : err;
    text_table_fini(&table);
    return err;
}

static int print_json(const struct gale_conf *answer)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    for (size_t i = 0; i < gale_conf_count(answer); i++) {
        cluster_json(&json, gale_conf_key(answer, i), gale_conf_at(answer, i));
    }
    jsonw_close_object(&json);
    jsonw_end(&json);
    return EXIT_DONE;
}

static int show(const struct invocation *call, const struct gale_conf *answer)
{
    unsigned width = term_width_of(stdout);
    if (call->json) {
        return print_json(answer);
    }
    if (call->quiet) {
        puts(gale_conf_string(answer, "status", ""));
        return EXIT_DONE;
    }
    print_head(answer, width > 0);
    if (print_tables(answer, width, output_color_of(stdout, call->color)) != GALE_OK) {
        return output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    int64_t errors = gale_conf_int64(answer, "errors_count", 0);
    if (errors > 0) {
        fflush(stdout);
        fprintf(stderr, "%" PRId64 " error%s: `gale errors %s` shows %s\n", errors,
                errors == 1 ? "" : "s", call->args[0], errors == 1 ? "it" : "them");
    }
    return EXIT_DONE;
}

static int run(const struct invocation *call)
{
    return cluster_query(call, "describe", call->args[0], show);
}

static const struct option_spec describe_options[] = {
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_describe = {
    .name = "describe",
    .arguments = "NAME",
    .summary = "Shows a topology of the cluster: state, components, workers and their places.",
    .examples = {"gale describe wordcount", "gale describe wordcount --json"},
    .completes = "TOPOLOGY",
    .options = describe_options,
    .args_min = 1,
    .args_max = 1,
    .run = run,
    .notes =
        "With -q only the status is printed: waiting, starting, active, inactive, draining, "
        "rebalancing, killed or finished. With --json also the topology as it was "
        "submitted.",
};

/* SPDX-License-Identifier: Apache-2.0 */
/* gale list: the topologies of the cluster. */
#include "base/clock.h"
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"
#include "text/numbers.h"
#include "text/text_table.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_WATCH_MS = 1000, LIST_WATCH_MIN_MS = 100 };

static void add_row(struct text_table *table, const struct gale_conf *item)
{
    char status[CLUSTER_AGE_SIZE], age[CLUSTER_AGE_SIZE];
    char rate[NUMBER_SIZE], p99[NUMBER_SIZE];
    int64_t workers = gale_conf_int64(item, "workers", 0);
    int64_t up = gale_conf_int64(item, "workers_up", 0);
    text_table_cell(table, gale_conf_string(item, "name", NULL));
    text_table_cell(table, cluster_status(gale_conf_string(item, "status", ""), status));
    text_table_cell(table, cluster_age(gale_conf_int64(item, "age_ms", 0), age));
    text_table_cell(table, gale_conf_string(item, "owner", NULL));
    if (up == workers) {
        text_table_cellf(table, "%" PRId64, workers);
    } else {
        text_table_cellf(table, "%" PRId64 "/%" PRId64, up, workers);
    }
    text_table_cellf(table, "%" PRId64, gale_conf_int64(item, "tasks", 0));
    text_table_cell(table, number_rate(gale_conf_double(item, "rate", 0), rate));
    uint64_t p99_us = (uint64_t)gale_conf_int64(item, "p99_us", 0);
    text_table_cell(table, number_time(p99_us * 1000, p99));
    text_table_cellf(table, "%" PRId64, gale_conf_int64(item, "failed", 0));
}

static enum gale_err print_table(const struct gale_conf *list, FILE *file, unsigned width,
                                 bool color)
{
    struct text_table table;
    text_table_init(&table);
    text_table_column(&table, "NAME", false);
    text_table_column(&table, "STATUS", false);
    text_table_column(&table, "AGE", false);
    text_table_column(&table, "OWNER", false);
    text_table_column(&table, "WORKERS", true);
    text_table_column(&table, "TASKS", true);
    text_table_column(&table, "RATE/s", true);
    text_table_column(&table, "P99", true);
    text_table_column(&table, "FAILED", true);
    for (size_t i = 0; i < gale_conf_count(list); i++) {
        add_row(&table, gale_conf_at(list, i));
    }
    enum gale_err err = text_table_print(&table, file, width, color);
    text_table_fini(&table);
    return err;
}

static void print_json(const struct gale_conf *list)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    cluster_json_list(&json, "topologies", list);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

/* Prints one answer. @param block NULL: as it is; else drawn over the one before. */
static int show(const struct invocation *call, const struct gale_conf *answer,
                struct term_block *block)
{
    const struct gale_conf *list = gale_conf_get(answer, "topologies");
    unsigned width = term_width_of(stdout);
    bool color = output_color_of(stdout, call->color);
    char *text = NULL;
    size_t size = 0;
    if (call->json) {
        print_json(list);
        return EXIT_DONE;
    }
    if (call->quiet) {
        for (size_t i = 0; i < gale_conf_count(list); i++) {
            puts(gale_conf_string(gale_conf_at(list, i), "name", ""));
        }
        return EXIT_DONE;
    }
    if (block == NULL) {
        return print_table(list, stdout, width, color) == GALE_OK ? EXIT_DONE : EXIT_INTERNAL;
    }
    FILE *memory = open_memstream(&text, &size);
    bool made = memory != NULL && print_table(list, memory, width, color) == GALE_OK;
    if (memory != NULL && fclose(memory) == 0 && made) {
        term_block_draw(block, text);
    }
    free(text);
    return made ? EXIT_DONE : EXIT_INTERNAL;
}

/* Repeats until a signal ends the process; the terminal needs no restoring. */
static int watch(const struct invocation *call, struct cluster_client *client)
{
    struct term_block block = {.file = stdout, .color = output_color_of(stdout, call->color)};
    bool drawn =
        term_width_of(stdout) > 0 && term_moves_cursor() && !call->json && !call->quiet;
    int64_t every_ms = LIST_WATCH_MS;
    if (!cluster_option_time(call, "interval", 0, &every_ms)) {
        return EXIT_USAGE;
    }
    every_ms = every_ms > LIST_WATCH_MIN_MS ? every_ms : LIST_WATCH_MIN_MS;
    for (;;) {
        struct gale_conf *answer = NULL;
        cluster_extend(client, 0);
        int code = cluster_get(client, "list", NULL, &answer);
        code = code == EXIT_DONE ? show(call, answer, drawn ? &block : NULL) : code;
        conf_free(answer);
        if (code != EXIT_DONE || fflush(stdout) != 0) {
            return code;
        }
        (void)poll(NULL, 0, (int)every_ms);
    }
}

static int run(const struct invocation *call)
{
    struct cluster_client *client;
    struct progress progress;
    struct gale_conf *answer = NULL;
    int code = cluster_open(call, &client);
    if (code != EXIT_DONE) {
        return code;
    }
    progress_init(&progress, call, NULL);
    cluster_show(client, &progress);
    if (options_given(call, "watch")) {
        code = watch(call, client);
    } else {
        code = cluster_get(client, "list", NULL, &answer);
        progress_end(&progress);
        code = code == EXIT_DONE ? show(call, answer, NULL) : code;
    }
    if (code == EXIT_INTERNAL) {
        (void)output_fail(call->json, code, NULL, "out of memory");
    }
    conf_free(answer);
    cluster_close(client);
    return code;
}

static const struct option_spec list_options[] = {
    {"watch", 0, NULL, NULL, "Show it again and again until Ctrl-C."},
    {"interval", 0, "TIME", NULL, "With --watch: time between two looks; default 1s."},
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_list = {
    .name = "list",
    .summary = "Lists the topologies of the cluster.",
    .examples = {"gale list", "gale list --watch"},
    .options = list_options,
    .run = run,
    .notes = "WORKERS is up/wanted while some are not up. RATE/s counts what the spouts emit, "
             "P99 is "
             "the time from a spout's emit to the end of its tuple tree, FAILED counts trees. "
             "With -q "
             "only the names are printed, with --watch --json a document in each line.",
};

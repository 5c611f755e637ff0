/* SPDX-License-Identifier: Apache-2.0 */
/* gale hosts: the machines whose supervisors the cluster knows. */
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"
#include "text/text_table.h"

#include <inttypes.h>
#include <string.h>

enum { POINTS_OF_CORE = 100, MIB = 1024 * 1024 };

static void add_row(struct text_table *table, const struct gale_conf *host)
{
    char age[CLUSTER_AGE_SIZE], memory[CLUSTER_SIZE_SIZE];
    int64_t points = gale_conf_int64(host, "cpu_points", 0);
    int64_t memory_mb = gale_conf_int64(host, "memory_mb", 0);
    text_table_cell(table, gale_conf_string(host, "name", NULL));
    if (gale_conf_bool(host, "alive", false)) {
        text_table_cell(table, "UP");
    } else {
        text_table_cellf(table, "SILENT %s",
                         cluster_age(gale_conf_int64(host, "silent_ms", 0), age));
    }
    text_table_cellf(table, "%" PRId64 "/%" PRId64, gale_conf_int64(host, "used", 0),
                     gale_conf_int64(host, "slots", 0));
    text_table_cell(table, cluster_size((double)memory_mb * MIB, memory));
    if (points > 0) {
        text_table_cellf(table, "%" PRId64 ".%02" PRId64, points / POINTS_OF_CORE,
                         points % POINTS_OF_CORE);
    } else {
        text_table_cell(table, NULL);
    }
    text_table_cell(table, gale_conf_string(host, "version", NULL));
    text_table_cell(table, gale_conf_string(host, "rpc", NULL));
}

static int print_table(const struct invocation *call, const struct gale_conf *hosts)
{
    struct text_table table;
    text_table_init(&table);
    text_table_column(&table, "HOST", false);
    text_table_column(&table, "STATUS", false);
    text_table_column(&table, "SLOTS", true);
    text_table_column(&table, "MEMORY", true);
    text_table_column(&table, "CORES", true);
    text_table_column(&table, "VERSION", false);
    text_table_column(&table, "ADDRESS", false);
    for (size_t i = 0; i < gale_conf_count(hosts); i++) {
        add_row(&table, gale_conf_at(hosts, i));
    }
    enum gale_err err = text_table_print(&table, stdout, term_width_of(stdout),
                                         output_color_of(stdout, call->color));
    text_table_fini(&table);
    return err == GALE_OK ? EXIT_DONE
                          : output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
}

static int show(const struct invocation *call, const struct gale_conf *answer)
{
    const struct gale_conf *hosts = gale_conf_get(answer, "hosts");
    if (call->json) {
        struct jsonw json;
        jsonw_init(&json, stdout);
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "schema", 1);
        cluster_json_list(&json, "hosts", hosts);
        jsonw_close_object(&json);
        jsonw_end(&json);
        return EXIT_DONE;
    }
    if (call->quiet) {
        for (size_t i = 0; i < gale_conf_count(hosts); i++) {
            puts(gale_conf_string(gale_conf_at(hosts, i), "name", ""));
        }
        return EXIT_DONE;
    }
    return print_table(call, hosts);
}

static int run(const struct invocation *call)
{
    return cluster_query(call, "hosts", NULL, show);
}

static const struct option_spec hosts_options[] = {
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_hosts = {
    .name = "hosts",
    .summary = "Lists the hosts of the cluster, their room and how they are.",
    .examples = {"gale hosts", "gale hosts --json"},
    .options = hosts_options,
    .run = run,
    .notes =
        "SLOTS is used/all: the workers that run there and may run there. MEMORY and CORES are "
        "what topologies may reserve; - is no limit. SILENT says how long a supervisor has "
        "not been heard; its workers go on meanwhile.",
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale doctor: looks at what a run needs of this machine and says what to do. Each check is one
 * function that fills one row; none leaves anything behind.
 */
#include "cli/doctor.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include "text/term.h"
#include "text/text_table.h"

static const char *const state_names[] = {"ok", "warn", "fail"};

static void print_json(const struct doctor *doctor)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_uint(&json, "fail", doctor->counts[DOCTOR_FAIL]);
    jsonw_uint(&json, "warn", doctor->counts[DOCTOR_WARN]);
    jsonw_open_list(&json, "checks");
    for (size_t i = 0; i < doctor->rows_count; i++) {
        const struct doctor_row *row = &doctor->rows[i];
        jsonw_open_object(&json, NULL);
        jsonw_string(&json, "check", row->check);
        jsonw_string(&json, "state", state_names[row->state]);
        jsonw_string(&json, "found", row->found);
        jsonw_string(&json, "advice", row->advice);
        jsonw_close_object(&json);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static enum gale_err print_table(const struct doctor *doctor, const struct invocation *call)
{
    struct text_table table;
    text_table_init(&table);
    text_table_column(&table, "STATE", false);
    text_table_column(&table, "CHECK", false);
    text_table_column(&table, "FOUND", false);
    text_table_column(&table, "WHAT TO DO", false);
    for (size_t i = 0; i < doctor->rows_count; i++) {
        const struct doctor_row *row = &doctor->rows[i];
        if (call->quiet && row->state == DOCTOR_OK) {
            continue;
        }
        text_table_cell(&table, state_names[row->state]);
        text_table_cell(&table, row->check);
        text_table_cell(&table, row->found);
        text_table_cell(&table, row->advice);
    }
    enum gale_err err = text_table_print(&table, stdout, term_width_of(stdout) != 0 ? 1000 : 0,
                                         output_color_of(stdout, call->color));
    text_table_fini(&table);
    return err;
}

static int run(const struct invocation *call)
{
    static struct doctor doctor;
    doctor_machine(&doctor);
    doctor_sockets(&doctor);
    doctor_cluster(&doctor);
    doctor_software(&doctor);
    if (call->json) {
        print_json(&doctor);
    } else {
        if (print_table(&doctor, call) != GALE_OK) {
            return output_fail(false, EXIT_INTERNAL, NULL, "out of memory");
        }
        if (!call->quiet) {
            fprintf(stderr, "%zu ok, %zu to look at, %zu to repair\n", doctor.counts[DOCTOR_OK],
                    doctor.counts[DOCTOR_WARN], doctor.counts[DOCTOR_FAIL]);
        }
    }
    return doctor.counts[DOCTOR_FAIL] > 0 ? EXIT_NO : EXIT_DONE;
}

const struct verb_spec verb_doctor = {
    .name = "doctor",
    .summary =
        "Checks this machine (limits, disk, sockets, packages, cluster) and says what to do.",
    .examples = {"gale doctor", "gale doctor --json"},
    .run = run,
    .notes = "Exit code 1 when a check fails; a warning does not count.",
};

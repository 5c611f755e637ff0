/* SPDX-License-Identifier: Apache-2.0 */
/* gale validate FILE…: shows all errors and warnings of topology files at once. */
#include "cli/compile.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include <inttypes.h>

static unsigned spouts_of(const struct plan *plan)
{
    unsigned count = 0;
    for (uint16_t i = 0; i < plan->components_count; i++) {
        count += plan->components[i].spout != NULL;
    }
    return count;
}

static void json_diagnostic(struct jsonw *json, const struct diag_item *item)
{
    char code[16];
    snprintf(code, sizeof code, "%c%d", item->warning ? 'W' : 'E', (int)item->code);
    jsonw_open_object(json, NULL);
    jsonw_string(json, "code", code);
    jsonw_string(json, "severity", item->warning ? "warning" : "error");
    jsonw_string(json, "file", item->place.file);
    jsonw_uint(json, "line", item->place.line);
    jsonw_uint(json, "column", item->place.column);
    jsonw_uint(json, "length", item->place.length);
    jsonw_string(json, "message", item->text);
    jsonw_string(json, "hint", item->hint);
    jsonw_close_object(json);
}

static void json_plan(struct jsonw *json, const struct plan *plan)
{
    if (plan == NULL) {
        jsonw_null(json, "topology");
        return;
    }
    jsonw_open_object(json, "topology");
    jsonw_string(json, "name", plan->name);
    jsonw_string(json, "guarantee", plan_guarantee_name(plan->guarantee));
    jsonw_uint(json, "workers", plan->workers);
    jsonw_uint(json, "spouts", spouts_of(plan));
    jsonw_uint(json, "bolts", plan->components_count - spouts_of(plan));
    jsonw_uint(json, "tasks", plan->tasks_count);
    jsonw_close_object(json);
}

static void json_file(struct jsonw *json, const char *path, bool valid,
                      const struct loaded *loaded)
{
    const struct diag *diag = &loaded->diag;
    jsonw_open_object(json, NULL);
    jsonw_string(json, "file", path);
    jsonw_bool(json, "valid", valid);
    jsonw_uint(json, "errors", diag->errors_count);
    jsonw_uint(json, "warnings", compile_warnings(loaded));
    jsonw_uint(json, "not_shown", diag->dropped_count);
    jsonw_open_list(json, "diagnostics");
    for (size_t i = 0; i < diag->count; i++) {
        json_diagnostic(json, &diag->items[i]);
    }
    jsonw_close_list(json);
    json_plan(json, loaded->plan);
    jsonw_close_object(json);
}

static void print_valid(const char *path, const struct plan *plan)
{
    unsigned spouts = spouts_of(plan);
    unsigned bolts = plan->components_count - spouts;
    printf("%s: ok: topology %s, %u spout%s, %u bolt%s, %" PRIu32 " task%s, %" PRIu32
           " worker%s\n",
           path, plan->name, spouts, spouts == 1 ? "" : "s", bolts, bolts == 1 ? "" : "s",
           plan->tasks_count, plan->tasks_count == 1 ? "" : "s", plan->workers,
           plan->workers == 1 ? "" : "s");
}

static int validate(const struct invocation *call, const char *path, struct jsonw *json)
{
    struct loaded loaded;
    int code = compile_open(call, path, &loaded);
    if (code == EXIT_DONE) {
        bool strict = options_given(call, "strict");
        bool valid = loaded.plan != NULL && !(strict && compile_warnings(&loaded) > 0);
        if (call->json) {
            json_file(json, path, valid, &loaded);
        } else if (loaded.diag.count > 0) {
            code = compile_print(call, &loaded, stdout);
        }
        if (valid && !call->json && !call->quiet) {
            print_valid(path, loaded.plan);
        }
        code = code == EXIT_DONE && !valid ? EXIT_INVALID : code;
    }
    loaded_fini(&loaded);
    return code;
}

static int run(const struct invocation *call)
{
    struct jsonw json;
    int worst = EXIT_DONE;
    if (call->json) {
        jsonw_init(&json, stdout);
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "schema", 1);
        jsonw_open_list(&json, "files");
    }
    for (size_t i = 0; i < call->args_count; i++) {
        int code = validate(call, call->args[i], &json);
        worst = code > worst ? code : worst;
    }
    if (call->json) {
        jsonw_close_list(&json);
        jsonw_close_object(&json);
        jsonw_end(&json);
    }
    return worst;
}

static const struct option_spec validate_options[] = {
    {"strict", 0, NULL, NULL, "Warnings count as errors."},
    {"define", 'D', "KEY=VALUE", NULL, "Value of ${KEY} in the file; may be repeated."},
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_validate = {
    .name = "validate",
    .arguments = "FILE...",
    .summary = "Checks topology files and shows all errors at once.",
    .examples = {"gale validate wordcount.yaml", "gale validate --strict --json *.yaml"},
    .completes = "FILE",
    .options = validate_options,
    .args_min = 1,
    .args_max = 1000,
    .run = run,
    .notes =
        "Modules that a file names are loaded. Exit code 78 when a file is invalid, 66 when "
        "it is missing.",
};

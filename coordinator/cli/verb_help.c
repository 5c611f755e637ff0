/* SPDX-License-Identifier: Apache-2.0 */
/* gale help [COMMAND|exit-codes]. */
#include "cli/help.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include <string.h>

static void exit_codes_json(void)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_open_list(&json, "exit_codes");
    for (size_t i = 0; output_codes[i] >= 0; i++) {
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "exit", output_codes[i]);
        jsonw_string(&json, "code", output_code_name(output_codes[i]));
        jsonw_string(&json, "meaning", output_code_help(output_codes[i]));
        jsonw_close_object(&json);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static void verb_json(struct jsonw *json, const struct verb_spec *verb)
{
    jsonw_open_object(json, NULL);
    jsonw_string(json, "name", verb->name);
    jsonw_string(json, "arguments", verb->arguments);
    jsonw_string(json, "summary", verb->summary);
    jsonw_open_list(json, "options");
    for (const struct option_spec *at = verb->options; at != NULL && at->name != NULL; at++) {
        jsonw_open_object(json, NULL);
        jsonw_string(json, "name", at->name);
        jsonw_string(json, "value", at->value);
        jsonw_string(json, "help", at->help);
        jsonw_close_object(json);
    }
    jsonw_close_list(json);
    jsonw_close_object(json);
}

static void commands_json(const struct invocation *call, const struct verb_spec *only)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_open_list(&json, "commands");
    for (size_t i = 0; call->verbs[i] != NULL; i++) {
        if (only != NULL ? call->verbs[i] == only : !call->verbs[i]->hidden) {
            verb_json(&json, call->verbs[i]);
        }
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static int run(const struct invocation *call)
{
    if (call->args_count == 0) {
        if (call->json) {
            commands_json(call, NULL);
        } else {
            help_overview(call->verbs, stdout);
        }
        return EXIT_DONE;
    }
    if (strcmp(call->args[0], "exit-codes") == 0) {
        if (call->json) {
            exit_codes_json();
        } else {
            help_exit_codes(stdout);
        }
        return EXIT_DONE;
    }
    const struct verb_spec *verb = options_verb(call->verbs, call->args[0]);
    if (verb == NULL) {
        const char *near = options_suggest_verb(call->verbs, call->args[0]);
        char hint[96];
        snprintf(hint, sizeof hint,
                 near != NULL ? "did you mean `gale help %s`?"
                              : "`gale help` lists the commands",
                 near);
        return output_fail(call->json, EXIT_USAGE, hint, "unknown command \"%s\"",
                           call->args[0]);
    }
    if (call->json) {
        commands_json(call, verb);
    } else {
        help_verb(verb, stdout);
    }
    return EXIT_DONE;
}

const struct verb_spec verb_help = {
    .name = "help",
    .arguments = "[COMMAND|exit-codes]",
    .summary = "Explains a command, or the exit codes.",
    .examples = {"gale help run", "gale help exit-codes"},
    .completes = "VERB",
    .args_max = 1,
    .run = run,
};

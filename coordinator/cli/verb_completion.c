/* SPDX-License-Identifier: Apache-2.0 */
/* gale completion SHELL. */
#include "cli/help.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

#include <stdlib.h>

/* The script as a member of a document, as with every command. */
static int print_json(const struct invocation *call, const char *shell)
{
    char *script = NULL;
    size_t size = 0;
    struct jsonw json;
    FILE *memory = open_memstream(&script, &size);
    bool known = memory && completion_print(call->verbs, shell, memory);
    if (!memory || fclose(memory) != 0) {
        free(script);
        return output_fail(true, EXIT_INTERNAL, NULL, "out of memory");
    }
    if (known) {
        jsonw_init(&json, stdout);
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "schema", 1);
        jsonw_string(&json, "shell", shell);
        jsonw_string(&json, "script", script);
        jsonw_close_object(&json);
        jsonw_end(&json);
    }
    free(script);
    return known ? EXIT_DONE
                 : output_fail(true, EXIT_USAGE, "use bash, zsh or fish",
                               "no completion for the shell \"%s\"", shell);
}

static int run(const struct invocation *call)
{
    if (call->json) {
        return print_json(call, call->args[0]);
    }
    if (!completion_print(call->verbs, call->args[0], stdout)) {
        return output_fail(false, EXIT_USAGE, "use bash, zsh or fish",
                           "no completion for the shell \"%s\"", call->args[0]);
    }
    return EXIT_DONE;
}

const struct verb_spec verb_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .summary = "Prints the completion script for bash, zsh or fish.",
    .examples = {"eval \"$(gale completion bash)\"", "gale completion fish | source"},
    .completes = "bash|zsh|fish",
    .args_min = 1,
    .args_max = 1,
    .run = run,
};

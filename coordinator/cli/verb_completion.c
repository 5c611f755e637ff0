/* SPDX-License-Identifier: Apache-2.0 */
/* gale completion SHELL. */
#include "cli/help.h"
#include "cli/verbs.h"

static int run(const struct invocation *call)
{
    if (!completion_print(call->verbs, call->args[0], stdout)) {
        return output_fail(call->json, EXIT_USAGE, "use bash, zsh or fish",
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

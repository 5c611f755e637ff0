/* SPDX-License-Identifier: Apache-2.0 */
/* The list of verbs and the way from a command line to one of them. */
#include "cli/verbs.h"

#include "cli/help.h"
#include <locale.h>
#include <signal.h>

const struct verb_spec *const verbs_all[] = {
    &verb_run,
    &verb_submit,
    &verb_list,
    &verb_describe,
    &verb_top,
    &verb_tap,
    &verb_logs,
    &verb_errors,
    &verb_log_level,
    &verb_activate,
    &verb_deactivate,
    &verb_rebalance,
    &verb_kill,
    &verb_hosts,
    &verb_validate,
    &verb_explain,
    &verb_graph,
    &verb_components,
    &verb_new,
    &verb_bench,
    &verb_doctor,
    &verb_config,
    &verb_coordinator,
    &verb_dev,
    &verb_supervisor,
    &verb_version,
    &verb_completion,
    &verb_help,
    NULL,
};

int verbs_main(int argc, char **argv)
{
    struct invocation call;
    struct usage_error error;
    setlocale(LC_CTYPE, "C.UTF-8");
    /* A reader that goes away (`| head`) ends gale quietly, whatever the parent had set. */
    signal(SIGPIPE, SIG_DFL);
    if (!options_parse(verbs_all, argc, argv, &call, &error)) {
        return output_fail(call.json, EXIT_USAGE, error.hint, "%s", error.text);
    }
    int code = EXIT_DONE;
    if (call.verb == NULL) {
        if (call.help) {
            help_overview(verbs_all, stdout);
        } else if (call.json) {
            return output_fail(true, EXIT_USAGE, "`gale help` lists the commands",
                               "no command given");
        } else {
            help_overview(verbs_all, stderr);
            return EXIT_USAGE;
        }
    } else if (call.help) {
        help_verb(call.verb, stdout);
    } else {
        code = call.verb->run(&call);
    }
    int finish = output_finish(call.json);
    return code != EXIT_DONE ? code : finish;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale explain CODE: what a code of `gale validate` means and what to do. The table is the one
 * source of it; docs/errors.md shows the same, which tests/blackbox/cli_explain.py checks.
 */
#include "cli/help.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include "core/diag.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct explanation {
    enum diag_code code;
    char letter; /* E: error, W: warning */
    const char *meaning;
    const char *advice;
};

static const struct explanation explanations[] = {
    {DIAG_YAML_SYNTAX, 'E', "The file is not YAML, not UTF-8, or holds a second document.",
     "Look at the place and the line above it; often a bracket, quote or indent."},
    {DIAG_DUPLICATE_KEY, 'E', "A key is written twice in one map.",
     "Remove or rename one; the hint names the line of the first."},
    {DIAG_UNKNOWN_KEY, 'E', "The key is not known there.",
     "Check the spelling; docs/topology-file.md lists the engine's keys, `gale components` a "
     "component's options."},
    {DIAG_WRONG_TYPE, 'E',
     "A value has another form than wanted: a list for a map, a text for a number, an unknown "
     "tag.",
     "Write the form that the message names; quotes make a text of a number."},
    {DIAG_MISSING_KEY, 'E', "A key that must be there is missing.", "Add it."},
    {DIAG_LIMIT, 'E',
     "A limit was hit (depth, size, number of values, files, components, tasks), or an anchor "
     "or alias was used.",
     "Make it smaller; write aliased values out; quote texts that start with `*` or `&`."},
    {DIAG_INCLUDE, 'E',
     "A file (included, or one of `files`) cannot be opened or read, or includes itself.",
     "Check the path (relative to the including file, of `files` to the topology's) and its "
     "rights; break the cycle."},
    {DIAG_SUBSTITUTION, 'E',
     "`${NAME}` has no value or is malformed, `${file.NAME}` names no file or stands outside "
     "of options, or nothing uses a `-D`.",
     "Give `-D NAME=value`, write `${NAME:-default}`, add the file to `files`, or correct the "
     "name."},
    {DIAG_BAD_NAME, 'E', "A name has a wrong form.",
     "Use 1 to 64 of `A-Z a-z 0-9 _ -`, not beginning with `__`."},
    {DIAG_UNKNOWN_COMPONENT, 'E', "`from` names a component that does not exist.",
     "Correct the name; the hint has the nearest."},
    {DIAG_UNKNOWN_STREAM, 'E', "The source has no such stream.",
     "Write `component.stream` with a stream that it declares."},
    {DIAG_UNKNOWN_FIELD, 'E', "The stream has no such field.",
     "Group by a field that the source declares."},
    {DIAG_UNKNOWN_TYPE, 'E', "There is no built-in spout or bolt of that type.",
     "See `gale components`; a component of your own needs `module`."},
    {DIAG_MODULE, 'E',
     "A module cannot be loaded (or crashes, exits or hangs when it is), or lacks the name.",
     "Check path, build, constructors and module table; the message says which."},
    {DIAG_UNKNOWN_GROUPING, 'E', "There is no such grouping.",
     "See the list in topology-file.md."},
    {DIAG_UNKNOWN_HOOK, 'E', "No module in use has a hook of that name.",
     "Correct the name or use its module."},
    {DIAG_DUPLICATE_NAME, 'E', "A spout and a bolt, or components of two files, have one name.",
     "Rename one."},
    {DIAG_BAD_VALUE, 'E', "A value is out of bounds or malformed.",
     "Keep to the bounds in the message."},
    {DIAG_OPTION, 'E', "The component refuses its options.",
     "Read its message; `gale components NAME` describes the options."},
    {DIAG_UNSUPPORTED, 'E', "Asked for what this version does not have.",
     "Use what the message offers."},
    {DIAG_GRAPH, 'E',
     "The graph is not whole: no spouts, a bolt without input, a spout with one.",
     "Add `spouts` or `from`, or remove it."},
    {DIAG_DIRECT, 'E', "Direct grouping on a stream that is not direct, or the reverse.",
     "Make stream and grouping agree."},
    {DIAG_UNREACHABLE, 'W', "No spout leads to the bolt, so it never gets a tuple.",
     "Connect or remove it."},
};

enum { EXPLANATIONS_COUNT = sizeof explanations / sizeof explanations[0] };

static void code_text(const struct explanation *item, char out[16])
{
    snprintf(out, 16, "%c%d", item->letter, (int)item->code);
}

static const struct explanation *find(const char *text)
{
    for (size_t i = 0; i < EXPLANATIONS_COUNT; i++) {
        char code[16];
        code_text(&explanations[i], code);
        if (strcasecmp(code, text) == 0) {
            return &explanations[i];
        }
    }
    return NULL;
}

static void show_json(const struct explanation *only)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_open_list(&json, "codes");
    for (size_t i = 0; i < EXPLANATIONS_COUNT; i++) {
        if (only == NULL || only == &explanations[i]) {
            char code[16];
            code_text(&explanations[i], code);
            jsonw_open_object(&json, NULL);
            jsonw_string(&json, "code", code);
            jsonw_string(&json, "severity",
                         explanations[i].letter == 'W' ? "warning" : "error");
            jsonw_string(&json, "meaning", explanations[i].meaning);
            jsonw_string(&json, "advice", explanations[i].advice);
            jsonw_close_object(&json);
        }
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static void show(const struct explanation *item, bool quiet)
{
    char code[16];
    code_text(item, code);
    if (quiet) {
        puts(code);
        return;
    }
    printf("%s: ", code);
    help_wrap(stdout, item->meaning, 6, 6);
    fputs("      ", stdout);
    help_wrap(stdout, item->advice, 6, 6);
}

static int run(const struct invocation *call)
{
    const struct explanation *only = NULL;
    if (call->args_count > 0) {
        only = find(call->args[0]);
        if (only == NULL) {
            return output_fail(call->json, EXIT_NO_INPUT, "`gale explain` lists them all",
                               "there is no code \"%s\"", call->args[0]);
        }
    }
    if (call->json) {
        show_json(only);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < EXPLANATIONS_COUNT; i++) {
        if (only == NULL || only == &explanations[i]) {
            show(&explanations[i], call->quiet);
        }
    }
    return EXIT_DONE;
}

const struct verb_spec verb_explain = {
    .name = "explain",
    .arguments = "[CODE]",
    .summary = "Says what a code of gale validate means and what to do; without CODE, all.",
    .examples = {"gale explain E203", "gale explain --json"},
    .args_max = 1,
    .run = run,
};

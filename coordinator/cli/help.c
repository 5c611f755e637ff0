/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts; see help.h. */
#include "cli/help.h"

#include <gale/version.h>
#include <string.h>

enum { HELP_WIDTH = 80, HELP_OPTION_COLUMN = 26, HELP_VERB_COLUMN = 14 };

static void pad(FILE *file, unsigned count)
{
    while (count-- > 0) {
        fputc(' ', file);
    }
}

void help_wrap(FILE *file, const char *text, unsigned indent, unsigned used)
{
    if (used < indent) {
        pad(file, indent - used);
        used = indent;
    }
    bool first = true;
    while (*text != '\0') {
        unsigned length = (unsigned)strcspn(text, " \n");
        if (!first && used + 1 + length > HELP_WIDTH) {
            fputc('\n', file);
            pad(file, indent);
            used = indent;
            first = true;
        }
        fprintf(file, "%s%.*s", first ? "" : " ", (int)length, text);
        used += length + (first ? 0 : 1);
        first = false;
        text += length;
        if (*text == '\n') {
            fputc('\n', file);
            pad(file, text[1] != '\0' ? indent : 0);
            used = indent;
            first = true;
        }
        text += *text != '\0';
    }
    fputc('\n', file);
}

static void help_options(const struct option_spec *options, FILE *file)
{
    for (; options != NULL && options->name != NULL; options++) {
        char head[64];
        int size =
            options->letter != 0
                ? snprintf(head, sizeof head, "  -%c, --%s", options->letter, options->name)
                : snprintf(head, sizeof head, "      --%s", options->name);
        if (options->value != NULL && size > 0 && (size_t)size < sizeof head) {
            snprintf(head + size, sizeof head - (size_t)size, " %s", options->value);
        }
        fputs(head, file);
        unsigned used = (unsigned)strlen(head);
        if (used + 2 > HELP_OPTION_COLUMN) {
            fputc('\n', file);
            used = 0;
        }
        help_wrap(file, options->help, HELP_OPTION_COLUMN, used);
    }
}

void help_verb(const struct verb_spec *verb, FILE *file)
{
    fprintf(file, "Usage: gale %s [OPTIONS]%s%s\n\n", verb->name,
            verb->arguments != NULL ? " " : "", verb->arguments != NULL ? verb->arguments : "");
    help_wrap(file, verb->summary, 0, 0);
    fprintf(file, "\nExamples:\n  %s\n  %s\n", verb->examples[0], verb->examples[1]);
    if (verb->options != NULL && verb->options->name != NULL) {
        fputs("\nOptions:\n", file);
        help_options(verb->options, file);
    }
    fputs("\nGlobal options:\n", file);
    help_options(options_global, file);
    if (verb->notes != NULL) {
        fputc('\n', file);
        help_wrap(file, verb->notes, 0, 0);
    }
    fputs("\nExit codes: `gale help exit-codes`.\n", file);
}

void help_overview(const struct verb_spec *const *verbs, FILE *file)
{
    fprintf(file,
            "gale %s: a stream engine; topologies of spouts and bolts, each event tracked.\n\n"
            "Examples:\n"
            "  gale new topology hello         write a first topology\n"
            "  gale run hello/hello.yaml       run it here, with nothing to install\n\n"
            "Commands:\n",
            gale_version());
    for (; *verbs != NULL; verbs++) {
        if ((*verbs)->hidden) {
            continue;
        }
        int used = fprintf(file, "  %s", (*verbs)->name);
        help_wrap(file, (*verbs)->summary, HELP_VERB_COLUMN, used > 0 ? (unsigned)used : 0);
    }
    fputs("\nGlobal options:\n", file);
    help_options(options_global, file);
    fputs("\n`gale help COMMAND` explains a command, `gale help exit-codes` the exit codes.\n",
          file);
}

void help_exit_codes(FILE *file)
{
    fputs("Exit codes (as in sysexits.h):\n\n", file);
    for (size_t i = 0; output_codes[i] >= 0; i++) {
        fprintf(file, "  %3d  %-17s %s\n", output_codes[i], output_code_name(output_codes[i]),
                output_code_help(output_codes[i]));
    }
    fputs(
        "\nOther codes above 128 are 128 + the number of the signal that ended gale.\n"
        "With --json an error is {\"error\":{\"code\",\"message\",\"hint\"}} on stderr, where\n"
        "code is the word in the second column.\n",
        file);
}

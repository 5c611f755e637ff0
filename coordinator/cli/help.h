/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts and shell completions, made from the verb tables (options.h). Pure printing. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/options.h"

/** The overview: what gale is, two examples, all verbs. */
void help_overview(const struct verb_spec *const *verbs, FILE *file);
/** One verb: usage, two examples, options, notes; at most 80 columns. */
void help_verb(const struct verb_spec *verb, FILE *file);
/** The exit codes. */
void help_exit_codes(FILE *file);
/** Prints text in lines of at most 80 columns, each behind `indent` spaces, the first one
 *  continuing a line that already has `used` columns. */
void help_wrap(FILE *file, const char *text, unsigned indent, unsigned used);
/** Completion script of "bash", "zsh" or "fish". @return false for another shell. */
bool completion_print(const struct verb_spec *const *verbs, const char *shell, FILE *file);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as data: one table of verbs and, for each, one table of options. Parsing, --help
 * and shell completions all come from these tables, so they cannot disagree. Tables are static;
 * an invocation is one parsed command line and borrows argv. Single-threaded.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/output.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define OPTIONS_VALUES_MAX 256  /* option occurrences on one command line */
#define OPTIONS_PER_VERB_MAX 32 /* a verb's own and the global ones together */

/* One option. A table ends with a NULL name. */
struct option_spec {
    const char *name;  /* long form without dashes */
    char letter;       /* short form, 0 = none */
    const char *value; /* name of the value in the help; NULL = a flag */
    const char
        *choices;     /* "a|b|c": only these are allowed; "FILE" or "DIR": what to complete */
    const char *help; /* one sentence */
};

struct invocation;

/* One verb; verb_NAME.c holds its table. */
struct verb_spec {
    const char *name;
    const char *arguments; /* as shown in the usage line; NULL = none */
    const char *summary;   /* one sentence */
    const char *examples[2];
    const char *notes; /* paragraph behind the options; NULL = none */
    const char
        *completes; /* what the arguments are: "a|b|c", FILE, DIR, VERB, TOPOLOGY or NULL */
    const struct option_spec *options; /* NULL = none */
    unsigned args_min, args_max;
    int (*run)(const struct invocation *call);
    bool hidden; /* neither listed nor completed */
};

struct option_value {
    const struct option_spec *spec;
    const char *value; /* NULL for flags */
};

/* A parsed command line. */
struct invocation {
    const struct verb_spec *verb;
    const struct verb_spec *const *verbs; /* all of them, NULL-terminated */
    const char *program;                  /* argv[0] */
    struct option_value values[OPTIONS_VALUES_MAX];
    size_t values_count;
    char **args;
    size_t args_count;
    bool help;
    bool json;
    bool quiet;
    bool no_input;
    enum color_mode color;
};

/* Why a command line was refused. */
struct usage_error {
    char text[256];
    char hint[256];
};

/** The options that every verb takes. */
extern const struct option_spec options_global[];

/**
 * Parses a command line. With no verb at all, call->verb is NULL and nothing is wrong.
 * @param verbs all verbs, NULL-terminated. @param argc, argv as main has them; argv is reordered.
 * @param call is filled, also on an error as far as it got (so that --json is honoured).
 * @param error receives what is wrong and what to try.
 * @return false when the command line is refused.
 */
bool options_parse(const struct verb_spec *const *verbs, int argc, char **argv,
                   struct invocation *call, struct usage_error *error);

/** Last value of an option by its long name, or NULL when it was not given. */
const char *options_value(const struct invocation *call, const char *name);
/** Whether an option was given. */
bool options_given(const struct invocation *call, const char *name);
/** Occurrence `index` of a repeatable option, or NULL. */
const char *options_value_at(const struct invocation *call, const char *name, size_t index);
/** Verb by name, or NULL; hidden ones are found too. */
const struct verb_spec *options_verb(const struct verb_spec *const *verbs, const char *name);
/** Whether a word is one of "a|b|c". */
bool options_choice(const char *choices, const char *word);
/** Nearest visible verb to a misspelt one, or the counterpart of one of Storm's, or NULL. */
const char *options_suggest_verb(const struct verb_spec *const *verbs, const char *word);

#endif

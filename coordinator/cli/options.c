/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of the command line over getopt_long. The option tables are turned into getopt's form
 * for the verb at hand; everything that is said about a mistake is said here, with the nearest
 * spelling. Not re-entrant, as getopt is not.
 */
#include "cli/options.h"

#include "base/assert.h"
#include "base/str.h"
#include <getopt.h>
#include <string.h>

enum { OPTION_CODE_FIRST = 256, OPTION_VERBS_MAX = 64 };

const struct option_spec options_global[] = {
    {"json", 0, NULL, NULL, "Machine-readable output; errors as JSON too."},
    {"quiet", 'q', NULL, NULL, "Only the essential: names, no tables, no notes."},
    {"color", 0, "WHEN", "auto|always|never", "Colour on the terminal: auto, always or never."},
    {"no-input", 0, NULL, NULL, "Never ask; fail instead."},
    {"help", 'h', NULL, NULL, "Show this help."},
    {NULL, 0, NULL, NULL, NULL},
};

/* What getopt is given for one verb. */
struct option_set {
    const struct option_spec *specs[OPTIONS_PER_VERB_MAX];
    struct option longs[OPTIONS_PER_VERB_MAX + 1];
    char shorts[2 * OPTIONS_PER_VERB_MAX + 3];
    int count;
};

static void set_add(struct option_set *set, const struct option_spec *specs)
{
    size_t at = strlen(set->shorts);
    for (; specs != NULL && specs->name != NULL; specs++) {
        GALE_ASSERT(set->count < OPTIONS_PER_VERB_MAX);
        set->specs[set->count] = specs;
        set->longs[set->count].name = specs->name;
        set->longs[set->count].has_arg = specs->value != NULL ? required_argument : no_argument;
        set->longs[set->count].flag = NULL;
        set->longs[set->count].val = OPTION_CODE_FIRST + set->count;
        set->count++;
        if (specs->letter != 0) {
            set->shorts[at++] = specs->letter;
            if (specs->value != NULL) {
                set->shorts[at++] = ':';
            }
        }
    }
    set->shorts[at] = '\0';
    memset(&set->longs[set->count], 0, sizeof set->longs[0]);
}

static const struct option_spec *set_find(const struct option_set *set, int code)
{
    if (code >= OPTION_CODE_FIRST) {
        return set->specs[code - OPTION_CODE_FIRST];
    }
    for (int i = 0; i < set->count; i++) {
        if (set->specs[i]->letter != 0 && set->specs[i]->letter == code) {
            return set->specs[i];
        }
    }
    return NULL;
}

/* The command whose help lists what is allowed. */
static const char *help_of(const struct invocation *call)
{
    return call->verb != NULL ? call->verb->name : "";
}

static bool refuse_unknown(const struct option_set *set, const struct invocation *call,
                           const char *word, struct usage_error *error)
{
    char name[64];
    const char *names[OPTIONS_PER_VERB_MAX + 1];
    for (int i = 0; i < set->count; i++) {
        names[i] = set->specs[i]->name;
    }
    names[set->count] = NULL;
    const char *start = word + strspn(word, "-");
    (void)str_copy(name, sizeof name, start);
    name[strcspn(name, "=")] = '\0';
    const char *near = str_suggest(name, names);
    snprintf(error->text, sizeof error->text, "unknown option \"%.100s\"", word);
    if (near != NULL) {
        snprintf(error->hint, sizeof error->hint, "did you mean --%s?", near);
    } else {
        snprintf(error->hint, sizeof error->hint, "`gale help%s%s` lists the options",
                 call->verb != NULL ? " " : "", help_of(call));
    }
    return false;
}

static bool refuse(const struct option_set *set, const struct invocation *call, int answer,
                   char **argv, struct usage_error *error)
{
    const struct option_spec *spec = optopt != 0 ? set_find(set, optopt) : NULL;
    if (answer == ':' && spec != NULL) {
        snprintf(error->text, sizeof error->text, "option --%s needs a value %s", spec->name,
                 spec->value);
        snprintf(error->hint, sizeof error->hint, "write --%s=%s", spec->name,
                 spec->choices != NULL ? spec->choices : spec->value);
        return false;
    }
    if (spec != NULL) {
        snprintf(error->text, sizeof error->text, "option --%s takes no value", spec->name);
        snprintf(error->hint, sizeof error->hint, "write --%s", spec->name);
        return false;
    }
    if (optopt != 0) {
        const char word[] = {'-', (char)optopt, '\0'};
        return refuse_unknown(set, call, word, error);
    }
    return refuse_unknown(set, call, argv[optind - 1], error);
}

static bool take(struct invocation *call, const struct option_spec *spec, const char *value,
                 struct usage_error *error)
{
    bool fixed = spec->choices != NULL && strchr(spec->choices, '|') != NULL;
    if (fixed && !options_choice(spec->choices, value)) {
        snprintf(error->text, sizeof error->text, "--%s cannot be \"%.100s\"", spec->name,
                 value);
        snprintf(error->hint, sizeof error->hint, "use one of %s", spec->choices);
        return false;
    }
    if (call->values_count == OPTIONS_VALUES_MAX) {
        snprintf(error->text, sizeof error->text, "more than %d options", OPTIONS_VALUES_MAX);
        error->hint[0] = '\0';
        return false;
    }
    call->values[call->values_count].spec = spec;
    call->values[call->values_count].value = value;
    call->values_count++;
    if (strcmp(spec->name, "json") == 0) {
        call->json = true;
    } else if (strcmp(spec->name, "quiet") == 0) {
        call->quiet = true;
    } else if (strcmp(spec->name, "no-input") == 0) {
        call->no_input = true;
    } else if (strcmp(spec->name, "help") == 0) {
        call->help = true;
    } else if (strcmp(spec->name, "color") == 0) {
        call->color = strcmp(value, "always") == 0  ? COLOR_ALWAYS
                      : strcmp(value, "never") == 0 ? COLOR_NEVER
                                                    : COLOR_AUTO;
    }
    return true;
}

/* Reads options from argv[0] on (argv[0] itself is skipped). --json counts wherever it stands, so
 * that a mistake before it is reported in the form that was asked for. */
static bool read_options(struct invocation *call, const struct option_set *set, int argc,
                         char **argv, struct usage_error *error)
{
    bool fine = true;
    int answer;
    optind = 0;
    opterr = 0;
    while ((answer = getopt_long(argc, argv, set->shorts, set->longs, NULL)) != -1) {
        bool accepted;
        struct usage_error later;
        struct usage_error *into = fine ? error : &later;
        if (answer == '?' || answer == ':') {
            accepted = refuse(set, call, answer, argv, into);
        } else {
            accepted = take(call, set_find(set, answer), optarg, into);
        }
        fine = fine && accepted;
    }
    return fine;
}

static bool check_arguments(const struct invocation *call, struct usage_error *error)
{
    const struct verb_spec *verb = call->verb;
    if (call->help) {
        return true;
    }
    if (call->args_count < verb->args_min) {
        snprintf(error->text, sizeof error->text, "`gale %s` needs %s", verb->name,
                 verb->arguments);
        snprintf(error->hint, sizeof error->hint, "for example: %s", verb->examples[0]);
        return false;
    }
    if (call->args_count > verb->args_max) {
        snprintf(error->text, sizeof error->text, "`gale %s` cannot use \"%.100s\"", verb->name,
                 call->args[verb->args_max]);
        snprintf(error->hint, sizeof error->hint, "`gale help %s` shows its arguments",
                 verb->name);
        return false;
    }
    return true;
}

bool options_parse(const struct verb_spec *const *verbs, int argc, char **argv,
                   struct invocation *call, struct usage_error *error)
{
    memset(call, 0, sizeof *call);
    memset(error, 0, sizeof *error);
    call->verbs = verbs;
    call->program = argc > 0 ? argv[0] : "gale";
    struct option_set set = {.shorts = "+:"};
    set_add(&set, options_global);
    if (!read_options(call, &set, argc, argv, error)) {
        return false;
    }
    if (optind >= argc) {
        return true;
    }
    int first = optind;
    call->verb = options_verb(verbs, argv[first]);
    if (call->verb == NULL) {
        const char *near = options_suggest_verb(verbs, argv[first]);
        snprintf(error->text, sizeof error->text, "unknown command \"%.100s\"", argv[first]);
        snprintf(error->hint, sizeof error->hint,
                 near != NULL ? "did you mean `gale %s`?" : "`gale help` lists the commands",
                 near != NULL ? near : "");
        for (int i = first + 1; i < argc; i++) {
            call->json = call->json || strcmp(argv[i], "--json") == 0;
        }
        return false;
    }
    memset(&set, 0, sizeof set);
    set.shorts[0] = ':';
    set_add(&set, call->verb->options);
    set_add(&set, options_global);
    bool fine = read_options(call, &set, argc - first, argv + first, error);
    call->args = argv + first + optind;
    call->args_count = (size_t)(argc - first - optind);
    return fine && check_arguments(call, error);
}

const char *options_value(const struct invocation *call, const char *name)
{
    for (size_t i = call->values_count; i > 0; i--) {
        if (strcmp(call->values[i - 1].spec->name, name) == 0) {
            return call->values[i - 1].value;
        }
    }
    return NULL;
}

bool options_given(const struct invocation *call, const char *name)
{
    for (size_t i = 0; i < call->values_count; i++) {
        if (strcmp(call->values[i].spec->name, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *options_value_at(const struct invocation *call, const char *name, size_t index)
{
    for (size_t i = 0; i < call->values_count; i++) {
        if (strcmp(call->values[i].spec->name, name) == 0 && index-- == 0) {
            return call->values[i].value;
        }
    }
    return NULL;
}

const struct verb_spec *options_verb(const struct verb_spec *const *verbs, const char *name)
{
    for (; *verbs != NULL; verbs++) {
        if (strcmp((*verbs)->name, name) == 0) {
            return *verbs;
        }
    }
    return NULL;
}

bool options_choice(const char *choices, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = choices; *at != '\0';) {
        size_t length = strcspn(at, "|");
        if (length == size && memcmp(at, word, size) == 0) {
            return true;
        }
        at += length;
        at += *at == '|';
    }
    return false;
}

/* What users of Storm type first. */
static const char *const storm_verbs[][2] = {
    {"jar", "submit"},
    {"local", "run"},
    {"get-errors", "errors"},
    {"monitor", "top"},
    {"nimbus", "coordinator"},
    {"set_log_level", "log-level"},
    {"dev-zookeeper", "dev"},
    {"node-health-check", "doctor"},
    {"ui", "top"},
    {"logviewer", "logs"},
    {"localconfvalue", "config"},
    {"remoteconfvalue", "config"},
};

const char *options_suggest_verb(const struct verb_spec *const *verbs, const char *word)
{
    const char *names[OPTION_VERBS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < sizeof storm_verbs / sizeof storm_verbs[0]; i++) {
        if (strcmp(storm_verbs[i][0], word) == 0 &&
            options_verb(verbs, storm_verbs[i][1]) != NULL) {
            return storm_verbs[i][1];
        }
    }
    for (; *verbs != NULL && count < OPTION_VERBS_MAX; verbs++) {
        if (!(*verbs)->hidden) {
            names[count++] = (*verbs)->name;
        }
    }
    names[count] = NULL;
    return str_suggest(word, names);
}

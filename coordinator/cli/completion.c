/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell completions generated from the verb tables. The words in those tables are ours (letters,
 * digits and hyphens), so only the help sentences need quoting.
 */
#include "cli/help.h"

#include <string.h>

typedef const struct verb_spec *const *verb_list;

static bool has_choices(const char *choices)
{
    return choices != NULL && strchr(choices, '|') != NULL;
}

/* "a|b|c" with blanks between. */
static void print_choices(const char *choices, FILE *file)
{
    for (; *choices != '\0'; choices++) {
        fputc(*choices == '|' ? ' ' : *choices, file);
    }
}

/* Inside single quotes of a shell. */
static void print_quoted(const char *text, FILE *file)
{
    fputc('\'', file);
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", file);
        } else {
            fputc(*text, file);
        }
    }
    fputc('\'', file);
}

/* Asks the cluster for the names of its topologies; quickly, and quietly where there is none. */
#define TOPOLOGIES "gale list -q --timeout 1s 2>/dev/null"

static bool completes_topologies(const struct verb_spec *verb)
{
    return verb->completes != NULL && strcmp(verb->completes, "TOPOLOGY") == 0;
}

/* NAME... are all names of topologies, of NAME [OTHER] only the first one is. */
static bool several_topologies(const struct verb_spec *verb)
{
    return verb->arguments != NULL && strcmp(verb->arguments, "NAME...") == 0;
}

/* Whether `completes` is about the first argument alone: the number of arguments is fixed. */
static bool completes_first(const struct verb_spec *verb)
{
    return verb->args_max == 1 || verb->args_min == verb->args_max;
}

static bool completes_words(const struct verb_spec *verb)
{
    return verb->completes != NULL && strcmp(verb->completes, "FILE") != 0 &&
           strcmp(verb->completes, "DIR") != 0 && !completes_topologies(verb);
}

static void print_verb_names(verb_list verbs, FILE *file)
{
    for (const char *gap = ""; *verbs != NULL; verbs++) {
        if (!(*verbs)->hidden) {
            fprintf(file, "%s%s", gap, (*verbs)->name);
            gap = " ";
        }
    }
}

/* The words that a verb's argument is chosen from. */
static void print_words(verb_list verbs, const struct verb_spec *verb, FILE *file)
{
    if (strcmp(verb->completes, "VERB") == 0) {
        print_verb_names(verbs, file);
        fputs(" exit-codes", file);
    } else {
        print_choices(verb->completes, file);
    }
}

static void print_long_options(const struct option_spec *options, FILE *file)
{
    for (; options != NULL && options->name != NULL; options++) {
        fprintf(file, " --%s", options->name);
    }
}

/* ---- bash ---- */

static void bash_values(const struct option_spec *options, FILE *file)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (options->value == NULL) {
            continue;
        }
        fprintf(file, "        --%s)\n            ", options->name);
        if (has_choices(options->choices)) {
            fputs("COMPREPLY=($(compgen -W '", file);
            print_choices(options->choices, file);
            fputs("' -- \"$cur\"))", file);
        } else if (options->choices != NULL) {
            fprintf(file, "COMPREPLY=($(compgen -%c -- \"$cur\"))",
                    strcmp(options->choices, "DIR") == 0 ? 'd' : 'f');
        } else {
            fputs("COMPREPLY=()", file);
        }
        fputs("\n            return ;;\n", file);
    }
}

static void bash_arguments(verb_list verbs, const struct verb_spec *verb, FILE *file)
{
    const char *what = verb->completes;
    if (what == NULL) {
        fputs("            COMPREPLY=()", file);
    } else if (strcmp(what, "FILE") == 0 || strcmp(what, "DIR") == 0) {
        fprintf(file, "            COMPREPLY=($(compgen -%c -- \"$cur\"))",
                *what == 'D' ? 'd' : 'f');
    } else if (completes_topologies(verb)) {
        fputs("            COMPREPLY=($(compgen -W \"$(" TOPOLOGIES ")\" -- \"$cur\"))", file);
        if (!several_topologies(verb)) {
            fputs("\n            for ((i = at + 1; i < COMP_CWORD; i++)); do\n"
                  "                [[ ${COMP_WORDS[i]} == -* ]] || COMPREPLY=()\n"
                  "            done",
                  file);
        }
    } else {
        fputs("            COMPREPLY=($(compgen -W '", file);
        print_words(verbs, verb, file);
        fputs("' -- \"$cur\"))", file);
        if (completes_first(verb)) {
            fputs("\n            for word in ", file);
            print_words(verbs, verb, file);
            fputs("; do\n                for ((i = at + 1; i < COMP_CWORD; i++)); do\n"
                  "                    [[ ${COMP_WORDS[i]} != \"$word\" ]] || COMPREPLY=()\n"
                  "                done\n            done",
                  file);
        }
    }
}

static void bash_script(verb_list verbs, FILE *file)
{
    fputs("# bash completion of gale; load it with: eval \"$(gale completion bash)\"\n"
          "_gale() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= word "
          "at=0 i\n"
          "    if [[ $cur == '=' ]]; then cur=; fi\n"
          "    if [[ $prev == '=' ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "            -*|=) ;;\n"
          "            *) verb=${COMP_WORDS[i]} at=$i; break ;;\n"
          "        esac\n"
          "    done\n"
          "    case $verb:$prev in\n    *:--color)\n"
          "        COMPREPLY=($(compgen -W 'auto always never' -- \"$cur\"))\n"
          "        return ;;\n    esac\n"
          "    case $verb in\n    '')\n"
          "        COMPREPLY=($(compgen -W '",
          file);
    print_verb_names(verbs, file);
    print_long_options(options_global, file);
    fputs("' -- \"$cur\")) ;;\n", file);
    for (verb_list at = verbs; *at != NULL; at++) {
        if ((*at)->hidden) {
            continue;
        }
        fprintf(file, "    %s)\n        case $prev in\n", (*at)->name);
        bash_values((*at)->options, file);
        fputs("        esac\n        if [[ $cur == -* ]]; then\n"
              "            COMPREPLY=($(compgen -W '",
              file);
        print_long_options((*at)->options, file);
        print_long_options(options_global, file);
        fputs("' -- \"$cur\"))\n        else\n", file);
        bash_arguments(verbs, *at, file);
        fputs("\n        fi ;;\n", file);
    }
    fputs("    esac\n}\ncomplete -o filenames -F _gale gale\n", file);
}

/* ---- zsh ---- */

/* @param form how the option is written: "--name=", "-n+" … */
static void zsh_option(const struct option_spec *option, const char *form, FILE *file)
{
    char text[256];
    size_t at = 0;
    for (const char *c = option->help; *c != '\0' && at + 2 < sizeof text; c++) {
        if (strchr("[]:\\", *c) != NULL) {
            text[at++] = '\\';
        }
        text[at++] = *c;
    }
    text[at] = '\0';
    char spec[512];
    int size = snprintf(spec, sizeof spec, "*%s[%s]", form, text);
    if (option->value != NULL && size > 0 && (size_t)size < sizeof spec) {
        char *end = spec + size;
        size_t room = sizeof spec - (size_t)size;
        if (has_choices(option->choices)) {
            int used = snprintf(end, room, ":%s:(%s)", option->value, option->choices);
            for (int i = 0; i < used; i++) {
                end[i] = end[i] == '|' ? ' ' : end[i];
            }
        } else {
            snprintf(end, room, ":%s:%s", option->value,
                     option->choices == NULL               ? ""
                     : strcmp(option->choices, "DIR") == 0 ? "_files -/"
                                                           : "_files");
        }
    }
    fputs(" \\\n            ", file);
    print_quoted(spec, file);
}

static void zsh_options(const struct option_spec *options, FILE *file)
{
    for (; options != NULL && options->name != NULL; options++) {
        char form[80];
        bool value = options->value != NULL;
        snprintf(form, sizeof form, "--%s%s", options->name, value ? "=" : "");
        zsh_option(options, form, file);
        if (options->letter != 0) {
            snprintf(form, sizeof form, "-%c%s", options->letter, value ? "+" : "");
            zsh_option(options, form, file);
        }
    }
}

static void zsh_arguments(verb_list verbs, const struct verb_spec *verb, FILE *file)
{
    const char *what = verb->completes;
    if (what == NULL) {
        return;
    }
    bool first = completes_topologies(verb) ? !several_topologies(verb) : completes_first(verb);
    fprintf(file, " \\\n            '%s:argument:", first ? "1" : "*");
    if (completes_topologies(verb)) {
        fputs("{compadd -- ${(f)\"$(" TOPOLOGIES ")\"}}", file);
    } else if (strcmp(what, "FILE") == 0) {
        fputs("_files", file);
    } else if (strcmp(what, "DIR") == 0) {
        fputs("_files -/", file);
    } else {
        fputc('(', file);
        print_words(verbs, verb, file);
        fputc(')', file);
    }
    fputc('\'', file);
}

static void zsh_script(verb_list verbs, FILE *file)
{
    fputs(
        "#compdef gale\n# zsh completion of gale; store it as _gale in a directory of $fpath\n"
        "_gale() {\n    local curcontext=$curcontext state line\n    local -a verbs\n"
        "    verbs=(\n",
        file);
    for (verb_list at = verbs; *at != NULL; at++) {
        if (!(*at)->hidden) {
            char text[512];
            snprintf(text, sizeof text, "%s:%s", (*at)->name, (*at)->summary);
            fputs("        ", file);
            print_quoted(text, file);
            fputc('\n', file);
        }
    }
    fputs("    )\n    _arguments -C -A '-*'", file);
    zsh_options(options_global, file);
    fputs(" \\\n            '1: :->verb' '*:: :->rest' && return\n"
          "    if [[ $state == verb ]]; then\n        _describe command verbs\n        return\n"
          "    fi\n    case $words[1] in\n",
          file);
    for (verb_list at = verbs; *at != NULL; at++) {
        if (!(*at)->hidden) {
            fprintf(file, "    %s)\n        _arguments", (*at)->name);
            zsh_options((*at)->options, file);
            zsh_options(options_global, file);
            zsh_arguments(verbs, *at, file);
            fputs(" ;;\n", file);
        }
    }
    fputs(
        "    esac\n}\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    _gale \"$@\"\n"
        "else\n    compdef _gale gale\nfi\n",
        file);
}

/* ---- fish ---- */

static void fish_options(const struct option_spec *options, const char *condition, FILE *file)
{
    for (; options != NULL && options->name != NULL; options++) {
        fprintf(file, "complete -c gale%s -l %s", condition, options->name);
        if (options->letter != 0) {
            fprintf(file, " -s %c", options->letter);
        }
        if (options->value != NULL) {
            fputs(options->choices != NULL && !has_choices(options->choices) ? " -r -F" : " -x",
                  file);
            if (has_choices(options->choices)) {
                fputs(" -a '", file);
                print_choices(options->choices, file);
                fputc('\'', file);
            }
        }
        fputs(" -d ", file);
        print_quoted(options->help, file);
        fputc('\n', file);
    }
}

static void fish_script(verb_list verbs, FILE *file)
{
    fputs("# fish completion of gale; load it with: gale completion fish | source\n"
          "complete -c gale -f\n",
          file);
    fish_options(options_global, "", file);
    for (verb_list at = verbs; *at != NULL; at++) {
        const struct verb_spec *verb = *at;
        if (verb->hidden) {
            continue;
        }
        char condition[128];
        snprintf(condition, sizeof condition, " -n '__fish_seen_subcommand_from %s'",
                 verb->name);
        fprintf(file, "complete -c gale -n __fish_use_subcommand -a %s -d ", verb->name);
        print_quoted(verb->summary, file);
        fputc('\n', file);
        fish_options(verb->options, condition, file);
        if (verb->completes == NULL) {
            continue;
        }
        if (completes_topologies(verb)) {
            fprintf(file, "complete -c gale%s -a '(" TOPOLOGIES ")' -d Topology", condition);
        } else if (!completes_words(verb)) {
            fprintf(file, "complete -c gale%s -F", condition);
        } else {
            fprintf(file, "complete -c gale -n '__fish_seen_subcommand_from %s", verb->name);
            if (completes_first(verb) && strcmp(verb->completes, "VERB") != 0) {
                fputs("; and not __fish_seen_subcommand_from ", file);
                print_words(verbs, verb, file);
            }
            fputs("' -a '", file);
            print_words(verbs, verb, file);
            fputc('\'', file);
        }
        fputc('\n', file);
    }
}

bool completion_print(verb_list verbs, const char *shell, FILE *file)
{
    if (strcmp(shell, "bash") == 0) {
        bash_script(verbs, file);
    } else if (strcmp(shell, "zsh") == 0) {
        zsh_script(verbs, file);
    } else if (strcmp(shell, "fish") == 0) {
        fish_script(verbs, file);
    } else {
        return false;
    }
    return true;
}

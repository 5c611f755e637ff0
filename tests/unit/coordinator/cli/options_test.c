/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the command line's tables: parsing, suggestions, help width, completions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/help.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX = 16, LINE_COLUMNS_MAX = 80 };

static struct invocation call;
static struct usage_error error;

/* Parses words separated by blanks. */
static bool parse(const char *line)
{
    static char text[512];
    static char *argv[ARGS_MAX + 1];
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL && argc < ARGS_MAX;
         word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    return options_parse(verbs_all, argc, argv, &call, &error);
}

static void options_no_verb_is_accepted(void **state)
{
    (void)state;
    assert_true(parse("gale"));
    assert_null(call.verb);
}

static void options_before_and_behind_verb_are_read(void **state)
{
    (void)state;
    assert_true(parse("gale --json --color never version -q"));
    assert_string_equal(call.verb->name, "version");
    assert_true(call.json);
    assert_true(call.quiet);
    assert_int_equal(call.color, COLOR_NEVER);
    assert_false(call.help);
}

static void options_between_arguments_are_read(void **state)
{
    (void)state;
    assert_true(parse("gale run -D a=1 wc.yaml --duration=10s -Db=2"));
    assert_int_equal(call.args_count, 1);
    assert_string_equal(call.args[0], "wc.yaml");
    assert_string_equal(options_value(&call, "duration"), "10s");
    assert_string_equal(options_value_at(&call, "define", 0), "a=1");
    assert_string_equal(options_value_at(&call, "define", 1), "b=2");
    assert_null(options_value_at(&call, "define", 2));
    assert_string_equal(options_value(&call, "define"), "b=2");
    assert_false(options_given(&call, "fresh"));
}

static void options_behind_double_dash_are_arguments(void **state)
{
    (void)state;
    assert_true(parse("gale run -- --json"));
    assert_false(call.json);
    assert_string_equal(call.args[0], "--json");
}

static void options_unknown_verb_suggests_nearest(void **state)
{
    (void)state;
    assert_false(parse("gale verison"));
    assert_string_equal(error.text, "unknown command \"verison\"");
    assert_string_equal(error.hint, "did you mean `gale version`?");
}

static void options_unknown_option_suggests_nearest(void **state)
{
    (void)state;
    assert_false(parse("gale run --druation=3s x.yaml"));
    assert_string_equal(error.text, "unknown option \"--druation=3s\"");
    assert_string_equal(error.hint, "did you mean --duration?");
    assert_false(parse("gale run -Z x.yaml"));
    assert_string_equal(error.text, "unknown option \"-Z\"");
}

static void options_missing_value_is_refused(void **state)
{
    (void)state;
    assert_false(parse("gale run x.yaml --duration"));
    assert_string_equal(error.text, "option --duration needs a value TIME");
    assert_false(parse("gale version --json=yes"));
    assert_string_equal(error.text, "option --json takes no value");
}

static void options_bad_choice_is_refused(void **state)
{
    (void)state;
    assert_false(parse("gale version --color=red"));
    assert_string_equal(error.text, "--color cannot be \"red\"");
    assert_string_equal(error.hint, "use one of auto|always|never");
}

static void options_wrong_argument_count_is_refused(void **state)
{
    (void)state;
    assert_false(parse("gale run"));
    assert_string_equal(error.text, "`gale run` needs FILE");
    assert_false(parse("gale version now"));
    assert_non_null(strstr(error.text, "cannot use \"now\""));
    assert_true(parse("gale run --help"));
    assert_true(call.help);
}

static void options_json_behind_mistake_is_honoured(void **state)
{
    (void)state;
    assert_false(parse("gale version --wrong --json"));
    assert_true(call.json);
    assert_false(parse("gale wrong --json"));
    assert_true(call.json);
}

static void options_many_occurrences_hit_the_limit(void **state)
{
    (void)state;
    static char *argv[OPTIONS_VALUES_MAX + 4];
    char name[] = "gale";
    char verb[] = "version";
    char flag[] = "-q";
    int argc = 0;
    argv[argc++] = name;
    argv[argc++] = verb;
    while (argc < OPTIONS_VALUES_MAX + 3) {
        argv[argc++] = flag;
    }
    assert_false(options_parse(verbs_all, argc, argv, &call, &error));
    assert_non_null(strstr(error.text, "more than 256 options"));
}

static void options_choice_matches_whole_words(void **state)
{
    (void)state;
    assert_true(options_choice("a|bc|d", "bc"));
    assert_true(options_choice("a|bc|d", "d"));
    assert_false(options_choice("a|bc|d", "b"));
    assert_false(options_choice("a|bc|d", "a|bc"));
    assert_false(options_choice("a|bc|d", ""));
}

/* Calls print with a stream into memory; the caller frees. Not inlined: gcc 12 would
 * take the returned text for the local variable that held it. */
__attribute__((noinline)) static char *printed(void (*print)(const struct verb_spec *verb,
                                                             FILE *file),
                                               const struct verb_spec *verb)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    print(verb, file);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void print_overview(const struct verb_spec *verb, FILE *file)
{
    (void)verb;
    help_overview(verbs_all, file);
    help_exit_codes(file);
}

static void assert_fits(const char *text, const char *name)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (length > LINE_COLUMNS_MAX) {
            fail_msg("help of %s has a line of %zu columns: %.*s", name, length, (int)length,
                     text);
        }
        text += length;
        text += *text == '\n';
    }
}

static void help_every_verb_fits_80_columns(void **state)
{
    (void)state;
    for (size_t i = 0; verbs_all[i] != NULL; i++) {
        const struct verb_spec *verb = verbs_all[i];
        char *text = printed(help_verb, verb);
        assert_fits(text, verb->name);
        const char *first = strstr(text, verb->examples[0]);
        const char *second = strstr(text, verb->examples[1]);
        assert_non_null(first);
        assert_true(second > first);
        const char *options = strstr(text, "--json");
        assert_true(second < strstr(text, "Global options:") && options != NULL);
        free(text);
    }
    char *text = printed(print_overview, NULL);
    assert_fits(text, "gale");
    free(text);
}

static void completion_every_shell_names_verbs_and_options(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < 3; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        assert_non_null(file);
        assert_true(completion_print(verbs_all, shells[i], file));
        assert_int_equal(fclose(file), 0);
        for (size_t v = 0; verbs_all[v] != NULL; v++) {
            assert_non_null(strstr(text, verbs_all[v]->name));
        }
        assert_non_null(strstr(text, "duration"));
        assert_non_null(strstr(text, "auto always never"));
        free(text);
    }
    assert_false(completion_print(verbs_all, "tcsh", stderr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_no_verb_is_accepted),
        cmocka_unit_test(options_before_and_behind_verb_are_read),
        cmocka_unit_test(options_between_arguments_are_read),
        cmocka_unit_test(options_behind_double_dash_are_arguments),
        cmocka_unit_test(options_unknown_verb_suggests_nearest),
        cmocka_unit_test(options_unknown_option_suggests_nearest),
        cmocka_unit_test(options_missing_value_is_refused),
        cmocka_unit_test(options_bad_choice_is_refused),
        cmocka_unit_test(options_wrong_argument_count_is_refused),
        cmocka_unit_test(options_json_behind_mistake_is_honoured),
        cmocka_unit_test(options_many_occurrences_hit_the_limit),
        cmocka_unit_test(options_choice_matches_whole_words),
        cmocka_unit_test(help_every_verb_fits_80_columns),
        cmocka_unit_test(completion_every_shell_names_verbs_and_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the colour rules, exit codes and the JSON writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/json_writer.h"
#include "cli/output.h"
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;
static FILE *file;

static int open_text(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    text = NULL;
    file = open_memstream(&text, &size);
    return file == NULL;
}

static int free_text(void **state)
{
    (void)state;
    free(text);
    return 0;
}

static void output_color_flag_beats_environment(void **state)
{
    (void)state;
    assert_true(output_color(COLOR_ALWAYS, false, "1", NULL, "dumb"));
    assert_false(output_color(COLOR_NEVER, true, NULL, "1", "xterm"));
}

static void output_color_auto_follows_environment(void **state)
{
    (void)state;
    assert_true(output_color(COLOR_AUTO, true, NULL, NULL, "xterm"));
    assert_true(output_color(COLOR_AUTO, true, "", NULL, "xterm"));
    assert_false(output_color(COLOR_AUTO, true, "1", "1", "xterm"));
    assert_false(output_color(COLOR_AUTO, true, NULL, NULL, "dumb"));
    assert_false(output_color(COLOR_AUTO, true, NULL, NULL, NULL));
    assert_false(output_color(COLOR_AUTO, false, NULL, NULL, "xterm"));
    assert_true(output_color(COLOR_AUTO, false, NULL, "1", "dumb"));
    assert_false(output_color(COLOR_AUTO, true, NULL, "0", "xterm"));
}

static void output_codes_all_have_name_and_help(void **state)
{
    (void)state;
    for (size_t i = 0; output_codes[i] >= 0; i++) {
        assert_non_null(output_code_help(output_codes[i]));
        assert_string_not_equal(output_code_name(output_codes[i]), "error");
    }
    assert_null(output_code_help(99));
    assert_string_equal(output_code_name(137), "signal");
    assert_int_equal(output_code_of(GALE_ERR_NOT_FOUND), EXIT_NO_INPUT);
    assert_int_equal(output_code_of(GALE_ERR_INVALID), EXIT_INVALID);
    assert_int_equal(output_code_of(GALE_ERR_NOMEM), EXIT_INTERNAL);
}

static void json_nested_document_is_exact(void **state)
{
    (void)state;
    struct jsonw json;
    jsonw_init(&json, file);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "low", INT64_MIN);
    jsonw_uint(&json, "high", UINT64_MAX);
    jsonw_int(&json, "odd", INT64_C(9007199254740993));
    jsonw_open_list(&json, "list");
    jsonw_close_list(&json);
    jsonw_open_list(&json, "more");
    jsonw_bool(&json, NULL, true);
    jsonw_null(&json, NULL);
    jsonw_number(&json, NULL, 1.25, 2);
    jsonw_number(&json, NULL, NAN, 2);
    jsonw_close_list(&json);
    jsonw_string(&json, "none", NULL);
    jsonw_close_object(&json);
    jsonw_end(&json);
    fclose(file);
    assert_string_equal(text, "{\"low\":-9223372036854775808,\"high\":18446744073709551615,"
                              "\"odd\":9007199254740993,\"list\":[],"
                              "\"more\":[true,null,1.25,null],\"none\":null}\n");
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    struct jsonw json;
    jsonw_init(&json, file);
    jsonw_string(&json, NULL, "a\"b\\c\n\t\x01\x7f\xe6\xb5\x81");
    jsonw_end(&json);
    fclose(file);
    assert_string_equal(text, "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\xe6\xb5\x81\"\n");
}

/* Every pair of bytes must come out as a document that a strict parser accepts. */
static void json_any_bytes_make_a_valid_document(void **state)
{
    (void)state;
    fclose(file);
    for (unsigned a = 1; a < 256; a++) {
        for (unsigned b = 1; b < 256; b++) {
            const char bytes[] = {(char)a, (char)b, '\0'};
            char out[64] = "";
            FILE *memory = fmemopen(out, sizeof out, "w");
            assert_non_null(memory);
            struct jsonw json;
            jsonw_init(&json, memory);
            jsonw_open_list(&json, NULL);
            jsonw_string(&json, NULL, bytes);
            jsonw_close_list(&json);
            jsonw_end(&json);
            fclose(memory);
            json_t *parsed = json_loads(out, 0, NULL);
            assert_non_null(parsed);
            json_decref(parsed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_color_flag_beats_environment),
        cmocka_unit_test(output_color_auto_follows_environment),
        cmocka_unit_test(output_codes_all_have_name_and_help),
        cmocka_unit_test_setup_teardown(json_nested_document_is_exact, open_text, free_text),
        cmocka_unit_test_setup_teardown(json_strings_are_escaped, open_text, free_text),
        cmocka_unit_test_setup_teardown(json_any_bytes_make_a_valid_document, open_text,
                                        free_text),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

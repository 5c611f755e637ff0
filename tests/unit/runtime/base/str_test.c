/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the string helpers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#include <string.h>

static void str_copy_cuts_and_says_so(void **state)
{
    (void)state;
    char out[4];
    assert_true(str_copy(out, sizeof out, "abc"));
    assert_string_equal(out, "abc");
    assert_false(str_copy(out, sizeof out, "abcd"));
    assert_string_equal(out, "abc");
}

static void str_name_form_is_checked(void **state)
{
    (void)state;
    char longest[66];
    memset(longest, 'a', 65);
    longest[65] = '\0';
    assert_false(str_is_name(longest));
    longest[64] = '\0';
    assert_true(str_is_name(longest));
    assert_true(str_is_name("a-B_9"));
    assert_true(str_is_name("_x"));
    assert_false(str_is_name("__x"));
    assert_false(str_is_name(""));
    assert_false(str_is_name("a.b"));
    assert_false(str_is_name("a b"));
    assert_false(str_is_name("\xc3\xa4"));
}

static void str_suggest_takes_the_nearest_within_bounds(void **state)
{
    (void)state;
    const char *const names[] = {"word", "world", "parallelism", "a", NULL};
    assert_string_equal(str_suggest("wrod", names), "word");
    assert_string_equal(str_suggest("worl", names), "word");
    assert_string_equal(str_suggest("parralelism", names), "parallelism");
    assert_string_equal(str_suggest("word", names), "word");
    assert_null(str_suggest("b", names));
    assert_null(str_suggest("", names));
    assert_null(str_suggest("completely", names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_copy_cuts_and_says_so),
        cmocka_unit_test(str_name_form_is_checked),
        cmocka_unit_test(str_suggest_takes_the_nearest_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

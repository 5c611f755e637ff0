/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of error names and texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gale/errors.h>

#include <string.h>

static void error_set_may_wrap_its_own_text_and_cuts(void **state)
{
    (void)state;
    struct gale_error error;
    assert_int_equal(gale_error_set(&error, GALE_ERR_IO, "disk %d", 7), GALE_ERR_IO);
    assert_int_equal(gale_error_set(&error, GALE_ERR_IO, "saving: %s", error.text),
                     GALE_ERR_IO);
    assert_string_equal(error.text, "saving: disk 7");
    gale_error_set(&error, GALE_ERR_LIMIT, "%600d", 1);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(gale_error_set(NULL, GALE_ERR_LIMIT, "x"), GALE_ERR_LIMIT);
}

static void error_names_are_there_for_every_code(void **state)
{
    (void)state;
    for (int code = GALE_OK; code <= GALE_ERR_UNKNOWN; code++) {
        assert_non_null(gale_err_name((enum gale_err)code));
        assert_string_not_equal(gale_err_name((enum gale_err)code), "unknown error");
    }
    assert_string_equal(gale_err_name((enum gale_err)999), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_set_may_wrap_its_own_text_and_cuts),
        cmocka_unit_test(error_names_are_there_for_every_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

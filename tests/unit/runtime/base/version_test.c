/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of version numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gale/version.h>

static void version_formats_are_known_by_name(void **state)
{
    (void)state;
    assert_string_equal(gale_version(), GALE_VERSION_STRING);
    assert_int_equal(gale_format_version("abi"), GALE_ABI);
    assert_int_equal(gale_format_version("wire"), 1);
    assert_int_equal(gale_format_version("nothing"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_formats_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

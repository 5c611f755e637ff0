/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the hash that is part of the format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

static void hash64_is_xxh3_and_never_changes(void **state)
{
    (void)state;
    /* Published values of XXH3 64 bits: fields grouping depends on them. */
    assert_true(hash64("", 0, 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(hash64("a", 1, 0) == UINT64_C(0xe6c632b61e964e1f));
    assert_true(hash64("abc", 3, 0) == UINT64_C(0x78af5f94892f3950));
    assert_true(hash64("a", 1, 1) != hash64("a", 1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash64_is_xxh3_and_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

#include <string.h>

static void buf_append_beyond_max_fails_and_changes_nothing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    char bytes[100];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(buf_append(&buf, bytes, 70), GALE_OK);
    assert_int_equal(buf_append(&buf, bytes, 31), GALE_ERR_LIMIT);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), GALE_ERR_LIMIT);
    assert_int_equal(buf.size, 70);
    assert_int_equal(buf_append(&buf, bytes, 30), GALE_OK);
    assert_true(buf.capacity <= 100);
    buf_clear(&buf);
    assert_int_equal(buf.size, 0);
    assert_true(buf.capacity >= 100);
    buf_fini(&buf);
}

static void buf_printf_keeps_a_nul_behind_the_size(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 0);
    assert_int_equal(buf_printf(&buf, "%d-", 12), GALE_OK);
    assert_int_equal(buf_printf(&buf, "%s", "end"), GALE_OK);
    assert_string_equal((const char *)buf.data, "12-end");
    assert_int_equal(buf.size, 6);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_append_beyond_max_fails_and_changes_nothing),
        cmocka_unit_test(buf_printf_keeps_a_nul_behind_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

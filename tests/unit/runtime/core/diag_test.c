/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of collecting, sorting and showing diagnostics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int source_write(void **state)
{
    (void)state;
    strcpy(path, "/tmp/gale-diag-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    dprintf(fd, "bolts:\n\tcount: \"\xc3\xa4\xff\x1b\" wrod\n");
    for (int i = 0; i < 500; i++) {
        dprintf(fd, "%d", i % 10);
    }
    dprintf(fd, "X\r\n");
    close(fd);
    return 0;
}

static int source_remove(void **state)
{
    (void)state;
    return unlink(path);
}

static void assert_rendered(const struct diag *diag, const char *expected)
{
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(diag_render(diag, &out), GALE_OK);
    assert_string_equal((const char *)out.data, expected);
    buf_fini(&out);
}

static void diag_rendered_shows_line_caret_and_hint(void **state)
{
    (void)state;
    struct diag diag;
    diag_init(&diag);
    struct conf_place place = {.file = path, .line = 2, .column = 15, .length = 4};
    diag_add(&diag, DIAG_UNKNOWN_FIELD, &place, "did you mean \"word\"?",
             "stream \"%s\" has no field \"wrod\"", "words");
    char expected[512];
    snprintf(expected, sizeof expected,
             "%s:2:15: error[E203]: stream \"words\" has no field \"wrod\"\n"
             " 2 |  count: \"\xc3\xa4??\" wrod\n"
             "   |               ^^^^  did you mean \"word\"?\n"
             "1 error, 0 warnings                                       gale explain E203\n",
             path);
    assert_rendered(&diag, expected);
    diag_fini(&diag);
}

static void diag_long_line_is_cut_around_the_place(void **state)
{
    (void)state;
    struct diag diag;
    diag_init(&diag);
    struct conf_place place = {.file = path, .line = 3, .column = 501, .length = 90000};
    diag_add(&diag, DIAG_BAD_VALUE, &place, NULL, "bad");
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(diag_render(&diag, &out), GALE_OK);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "\n 3 | 0123456789"));
    assert_non_null(strstr(text, "789X\n"));
    assert_true(out.size < 600);
    buf_fini(&out);
    diag_fini(&diag);
}

static void diag_without_source_keeps_message_and_hint(void **state)
{
    (void)state;
    struct diag diag;
    diag_init(&diag);
    struct conf_place gone = {
        .file = "/nonexistent/x.yaml", .line = 1, .column = 2, .length = 1};
    diag_add(&diag, DIAG_YAML_SYNTAX, &gone, "close the bracket", "not YAML");
    diag_add(&diag, DIAG_UNREACHABLE, NULL, NULL, "no spout leads to \"sink\"");
    assert_rendered(
        &diag, "/nonexistent/x.yaml:1:2: error[E101]: not YAML\n"
               "    close the bracket\n"
               "warning[W501]: no spout leads to \"sink\"\n"
               "1 error, 1 warning                                        gale explain E101\n");
    diag_fini(&diag);
}

static void diag_sorted_orders_by_place_and_is_stable(void **state)
{
    (void)state;
    struct diag diag;
    diag_init(&diag);
    const struct conf_place places[] = {
        {"b", 1, 1, 1}, {"a", 2, 5, 1}, {NULL, 0, 0, 0}, {"a", 2, 3, 1}, {"a", 2, 3, 1}};
    for (size_t i = 0; i < 5; i++) {
        diag_add(&diag, DIAG_BAD_VALUE, &places[i], NULL, "%zu", i);
    }
    diag_sort(&diag);
    static const char *const expected[] = {"3", "4", "1", "0", "2"};
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(diag.items[i].text, expected[i]);
    }
    diag_fini(&diag);
}

static void diag_beyond_max_counts_the_rest(void **state)
{
    (void)state;
    struct diag diag;
    diag_init(&diag);
    for (size_t i = 0; i < DIAG_MAX + 7; i++) {
        diag_add(&diag, DIAG_BAD_VALUE, NULL, NULL, "x");
    }
    assert_int_equal(diag.count, DIAG_MAX);
    assert_int_equal(diag.dropped_count, 7);
    assert_int_equal(diag.errors_count, DIAG_MAX + 7);
    diag_fini(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diag_rendered_shows_line_caret_and_hint),
        cmocka_unit_test(diag_long_line_is_cut_around_the_place),
        cmocka_unit_test(diag_without_source_keeps_message_and_hint),
        cmocka_unit_test(diag_sorted_orders_by_place_and_is_stable),
        cmocka_unit_test(diag_beyond_max_counts_the_rest),
    };
    return cmocka_run_group_tests(tests, source_write, source_remove);
}

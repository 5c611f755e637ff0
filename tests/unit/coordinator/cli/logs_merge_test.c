/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of merging logs: times, components, levels of lines in both forms, and the order. */
#include "cli/logs_merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T1 "ts=2026-11-21T10:00:01.250Z level=info "
#define T2 "ts=2026-11-21T10:00:02.000Z level=warn "
#define MS1 INT64_C(1795255201250)

static int64_t ms_of(const char *line)
{
    return logs_line_ms(line, strlen(line));
}

static bool is_of(const char *line, const char *component)
{
    return logs_line_is_of(line, strlen(line), component);
}

static void logs_line_ms_reads_both_forms(void **state)
{
    (void)state;
    assert_int_equal(ms_of(T1 "msg=\"x\""), MS1);
    assert_int_equal(ms_of("{\"ts\":\"2026-11-21T10:00:01.250Z\",\"level\":\"info\"}"), MS1);
    assert_int_equal(ms_of("ts=1970-01-01T00:00:00.001Z"), 1);
}

static void logs_line_ms_of_what_has_none_is_minus_one(void **state)
{
    (void)state;
    const char *const lines[] = {"",
                                 "ts=",
                                 "ts=2026-11-21T10:00:01.250",
                                 "hello world",
                                 " ts=2026-11-21T10:00:01.250Z",
                                 "{\"ts\":\"2026",
                                 "ts=2026-11-21 10:00:01.250Z",
                                 "ts=2026-1x-21T10:00:01.250Z"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(ms_of(lines[i]), -1);
    }
}

static void logs_line_is_of_looks_at_the_key_alone(void **state)
{
    (void)state;
    assert_true(is_of(T1 "msg=\"x\" component=split task=1 worker=0", "split"));
    assert_true(is_of(T1 "msg=\"x\" component=split", "split"));
    assert_false(is_of(T1 "msg=\"x\" component=splitter task=1", "split"));
    assert_false(is_of(T1 "msg=\"x\" component=spl task=1", "split"));
    assert_false(is_of(T1 "msg=\"a component=split b\" component=count", "split"));
    assert_true(is_of(T1 "msg=\"a \\\" component=count \" component=split", "split"));
    assert_false(is_of(T1 "msg=\"x\" subcomponent=split", "split"));
    assert_true(is_of("{\"ts\":\"\",\"component\":\"split\",\"task\":1}", "split"));
    assert_false(is_of("{\"msg\":\"\\\"component\\\":\\\"split\\\"\"}", "split"));
    assert_false(is_of("{\"component\":\"splitter\"}", "split"));
    assert_false(is_of("component", "split"));
    assert_false(is_of("", "split"));
}

static void logs_line_is_of_task_reads_both_forms(void **state)
{
    (void)state;
    const char *text = T1 "msg=\"x\" component=split task=12 worker=0";
    const char *json = "{\"component\":\"split\",\"task\":12,\"worker\":\"0\"}";
    assert_true(logs_line_is_of_task(text, strlen(text), 12));
    assert_false(logs_line_is_of_task(text, strlen(text), 1));
    assert_true(logs_line_is_of_task(json, strlen(json), 12));
    assert_false(logs_line_is_of_task(json, strlen(json), 1));
    assert_false(logs_line_is_of_task("", 0, 1));
}

static void logs_line_level_reads_both_forms(void **state)
{
    (void)state;
    const char *json = "{\"ts\":\"x\",\"level\":\"error\",\"msg\":\"\"}";
    assert_int_equal(logs_line_level(T2 "msg=\"\"", strlen(T2 "msg=\"\"")), 2);
    assert_int_equal(logs_line_level(json, strlen(json)), 3);
    assert_int_equal(logs_line_level("printed", 7), -1);
}

static void add(struct logs_merge *merge, size_t source, const char *line, int64_t *last)
{
    assert_int_equal(logs_merge_add(merge, source, line, strlen(line), last), GALE_OK);
}

static void merge_line_without_time_stays_behind_its_own(void **state)
{
    (void)state;
    struct logs_merge merge;
    int64_t last[2] = {0, 0};
    const char *const wanted[] = {T1 "a", "printed", "again", T1 "b", T2 "c"};
    logs_merge_init(&merge);
    add(&merge, 1, wanted[3], &last[1]);
    add(&merge, 0, wanted[0], &last[0]);
    add(&merge, 0, wanted[1], &last[0]);
    add(&merge, 1, wanted[4], &last[1]);
    add(&merge, 0, wanted[2], &last[0]);
    logs_merge_sort(&merge);
    assert_int_equal(merge.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(merge.lines[i].size, strlen(wanted[i]));
        assert_memory_equal(logs_merge_text(&merge, &merge.lines[i]), wanted[i],
                            strlen(wanted[i]));
    }
    logs_merge_clear(&merge);
    logs_merge_sort(&merge);
    assert_int_equal(merge.count, 0);
    logs_merge_fini(&merge);
}

static void merge_full_says_limit_and_goes_on_when_cleared(void **state)
{
    (void)state;
    struct logs_merge merge;
    int64_t last = 0;
    char *line = malloc(LOGS_LINE_MAX + 100);
    enum gale_err err = GALE_OK;
    assert_non_null(line);
    memset(line, 'x', LOGS_LINE_MAX + 100);
    logs_merge_init(&merge);
    for (size_t i = 0; i <= LOGS_HELD_MAX / LOGS_LINE_MAX && err == GALE_OK; i++) {
        err = logs_merge_add(&merge, 0, line, LOGS_LINE_MAX + 100, &last);
    }
    assert_int_equal(err, GALE_ERR_LIMIT);
    assert_int_equal(merge.lines[0].size, LOGS_LINE_MAX);
    logs_merge_clear(&merge);
    assert_int_equal(logs_merge_add(&merge, 0, line, 10, &last), GALE_OK);
    logs_merge_fini(&merge);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_line_ms_reads_both_forms),
        cmocka_unit_test(logs_line_ms_of_what_has_none_is_minus_one),
        cmocka_unit_test(logs_line_is_of_looks_at_the_key_alone),
        cmocka_unit_test(logs_line_is_of_task_reads_both_forms),
        cmocka_unit_test(logs_line_level_reads_both_forms),
        cmocka_unit_test(merge_line_without_time_stays_behind_its_own),
        cmocka_unit_test(merge_full_says_limit_and_goes_on_when_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

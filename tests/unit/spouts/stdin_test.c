/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the stdin spout on a pipe: lines, waiting, replay, memory of acked lines. */
#include "spouts_test.h"

static int pipe_ends[2];

static int open_pipe(void **state)
{
    char text[16];
    (void)state;
    if (pipe(pipe_ends) != 0) {
        return -1;
    }
    snprintf(text, sizeof(text), "%d", pipe_ends[0]);
    return setenv("GALE_STDIN_FD", text, 1);
}

static int close_pipe(void **state)
{
    (void)state;
    close(pipe_ends[0]);
    return unsetenv("GALE_STDIN_FD");
}

static void feed(const char *text)
{
    assert_int_equal(write(pipe_ends[1], text, strlen(text)), (ssize_t)strlen(text));
}

static void stdin_lines_come_as_they_are_written(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&stdin_spout_ops, NULL);
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_IDLE);
    assert_true(bench->wait_ns == INT64_MAX);
    feed("one\r\ntw");
    gale_bench_advance(bench, 0);
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_IDLE);
    takes(bench, "[\"one\"]");
    takes_nothing(bench);
    feed("o\nlast");
    close(pipe_ends[1]);
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_DONE);
    takes(bench, "[\"two\"]");
    takes(bench, "[\"last\"]");
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void stdin_failed_line_is_emitted_again(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&stdin_spout_ops, NULL);
    feed("a\nb\nc\n");
    close(pipe_ends[1]);
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_DONE);
    uint64_t a = takes(bench, "[\"a\"]");
    uint64_t b = takes(bench, "[\"b\"]");
    takes(bench, "[\"c\"]");
    gale_bench_end(bench, a, true);
    gale_bench_end(bench, b, false);
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_DONE);
    assert_int_equal(takes(bench, "[\"b\"]"), b);
    takes_nothing(bench);
    gale_bench_free(bench);
}

/* Thousands of lines through a small pipe, one never acked: contents stay right as blocks are
 * renewed and the window grows. */
static void stdin_long_input_keeps_open_lines(void **state)
{
    (void)state;
    char line[64];
    struct gale_bench *bench = bench_of(&stdin_spout_ops, NULL);
    uint64_t first = 0;
    for (unsigned i = 0; i < 40000; i++) {
        snprintf(line, sizeof(line), "this is line %u\n", i);
        feed(line);
        if (i % 100 != 99) {
            continue;
        }
        gale_bench_next(bench, 20);
        for (unsigned k = i - 99; k <= i; k++) {
            snprintf(line, sizeof(line), "[\"this is line %u\"]", k);
            uint64_t id = takes(bench, line);
            first = k == 0 ? id : first;
            if (k > 0) {
                gale_bench_end(bench, id, true);
            }
        }
    }
    gale_bench_end(bench, first, false);
    gale_bench_next(bench, 1);
    assert_int_equal(takes(bench, "[\"this is line 0\"]"), first);
    close(pipe_ends[1]);
    gale_bench_free(bench);
}

static void stdin_long_line_is_left_out(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&stdin_spout_ops, "max_line: 3");
    feed("abc\nabcdefgh\nxy\n");
    close(pipe_ends[1]);
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_DONE);
    takes(bench, "[\"abc\"]");
    takes(bench, "[\"xy\"]");
    takes_nothing(bench);
    assert_int_equal(bench->errors, 1);
    gale_bench_free(bench);
}

static void stdin_two_tasks_are_refused(void **state)
{
    (void)state;
    refuses(&stdin_spout_ops, "parallelism: 2", "parallelism: 1");
    close(pipe_ends[1]);
}

static void stdin_unreadable_is_an_error(void **state)
{
    char text[16];
    (void)state;
    snprintf(text, sizeof(text), "%d", pipe_ends[1]);
    assert_int_equal(setenv("GALE_STDIN_FD", text, 1), 0);
    refuses(&stdin_spout_ops, NULL, "cannot be read");
    close(pipe_ends[1]);
    refuses(&stdin_spout_ops, NULL, "cannot be read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stdin_lines_come_as_they_are_written, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(stdin_failed_line_is_emitted_again, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(stdin_long_input_keeps_open_lines, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(stdin_long_line_is_left_out, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(stdin_two_tasks_are_refused, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(stdin_unreadable_is_an_error, open_pipe, close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the bolts that write (print, file) and of null, identity and delay. */
#include "bolts_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/gale-sinks-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command);
}

static void holds(const char *path, const char *expected)
{
    char text[4096];
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t size = read(fd, text, sizeof(text) - 1);
    close(fd);
    assert_true(size >= 0);
    text[size] = '\0';
    assert_string_equal(text, expected);
}

static const char *const all_types =
    "[null,true,-5,1.5,\"a\\tb\\\\\",{\"$bytes\":\"AQID\"},{\"$decimal\":\"1.50\"},"
    "[1,{\"k\":[]},\"x\"]]";

static void file_sink_acks_what_is_written(void **state)
{
    (void)state;
    char path[128];
    char options[256];
    snprintf(path, sizeof(path), "%s/out-0.tsv", directory);
    snprintf(options, sizeof(options), "path: '%s/out-{task}.tsv'", directory);
    struct gale_bench *bench = bench_of(&file_bolt_ops, "a,b,c,d,e,f,g,h", options);
    give(bench, all_types);
    assert_int_equal(gale_bench_acked(bench), 0);
    gale_bench_advance(bench, 10);
    assert_int_equal(gale_bench_acked(bench), 1);
    holds(path, "\\N\ttrue\t-5\t1.5\ta\\tb\\\\\tAQID\t1.50\t[1,{\"k\":[]},\"x\"]\n");
    gale_bench_free(bench);
}

static void file_sink_json_appends_objects(void **state)
{
    (void)state;
    char path[128];
    char options[256];
    snprintf(path, sizeof(path), "%s/out.json", directory);
    snprintf(options, sizeof(options), "path: '%s'\nformat: json", path);
    for (unsigned round = 0; round < 2; round++) {
        struct gale_bench *bench = bench_of(&file_bolt_ops, "a,b,c,d,e,f,g,h", options);
        give(bench, all_types);
        gale_bench_finish(bench);
        assert_int_equal(gale_bench_acked(bench), 1);
        gale_bench_free(bench);
    }
#define LINE \
    "{\"a\":null,\"b\":true,\"c\":-5,\"d\":1.5,\"e\":\"a\\tb\\\\\",\"f\":\"AQID\"," \
    "\"g\":1.50,\"h\":[1,{\"k\":[]},\"x\"]}\n"
    holds(path, LINE LINE);
    snprintf(options, sizeof(options), "path: '%s'\nappend: false", path);
    gale_bench_free(bench_of(&file_bolt_ops, "a", options));
    holds(path, "");
}

static void file_sink_torn_line_is_ended(void **state)
{
    (void)state;
    char path[128];
    char options[256];
    snprintf(path, sizeof(path), "%s/torn", directory);
    snprintf(options, sizeof(options), "path: '%s'", path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "1\n2", 3), 3);
    close(fd);
    struct gale_bench *bench = bench_of(&file_bolt_ops, "a", options);
    give(bench, "[3]");
    gale_bench_free(bench);
    holds(path, "1\n2\n3\n");
}

/* The first one was taken for dead, but is not. */
static void file_sink_two_writers_lose_no_line(void **state)
{
    (void)state;
    char path[128];
    char options[256];
    snprintf(path, sizeof(path), "%s/two", directory);
    snprintf(options, sizeof(options), "path: '%s'", path);
    struct gale_bench *first = bench_of(&file_bolt_ops, "a", options);
    struct gale_bench *second = bench_of(&file_bolt_ops, "a", options);
    for (unsigned i = 0; i < 2; i++) {
        give(first, "[1]");
        gale_bench_finish(first);
        give(second, "[2]");
        gale_bench_finish(second);
    }
    gale_bench_free(first);
    gale_bench_free(second);
    holds(path, "1\n2\n1\n2\n");
}

static void file_sink_full_disk_fails_tuples(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&file_bolt_ops, "a", "path: /dev/full");
    give(bench, "[1]");
    give(bench, "[2]");
    gale_bench_advance(bench, 10);
    assert_int_equal(gale_bench_acked(bench), 0);
    assert_int_equal(gale_bench_failed(bench), 2);
    assert_non_null(strstr(bench_error(bench), "/dev/full"));
    assert_int_equal(bench->errors, 1);
    gale_bench_free(bench);
}

static void file_sink_bad_options_are_refused(void **state)
{
    (void)state;
    refuses(&file_bolt_ops, "a", "path: /no/such/directory/x", "/no/such/directory/x");
    refuses(&file_bolt_ops, "a", "path: /tmp/x\nparallelism: 2", "{task}");
    refuses(&file_bolt_ops, "a", "path: /tmp/x\nformat: xml", "tsv, json or raw");
}

static int print_ends[2];

static int open_pipe(void **state)
{
    char text[16];
    (void)state;
    if (pipe2(print_ends, O_NONBLOCK) != 0) {
        return -1;
    }
    snprintf(text, sizeof(text), "%d", print_ends[1]);
    return setenv("GALE_STDOUT_FD", text, 1);
}

static int close_pipe(void **state)
{
    (void)state;
    close(print_ends[0]);
    close(print_ends[1]);
    return unsetenv("GALE_STDOUT_FD");
}

static void print_writes_within_a_tenth_of_a_second(void **state)
{
    (void)state;
    char text[256];
    struct gale_bench *bench = bench_of(&print_bolt_ops, "w,n", "prefix: '> '\nlimit: 2");
    give(bench, "[\"a\",1]");
    give(bench, "[\"b\",2]");
    give(bench, "[\"c\",3]");
    assert_int_equal(read(print_ends[0], text, sizeof(text)), -1);
    gale_bench_advance(bench, 100);
    ssize_t size = read(print_ends[0], text, sizeof(text) - 1);
    assert_true(size > 0);
    text[size] = '\0';
    assert_string_equal(text, "> a\t1\n> b\t2\n");
    assert_int_equal(gale_bench_acked(bench), 3);
    gale_bench_free(bench);
}

static void print_slow_reader_gets_every_line(void **state)
{
    (void)state;
    static char text[65536];
    char tuple[64];
    unsigned lines = 0;
    struct gale_bench *bench = bench_of(&print_bolt_ops, "n,t", "format: json");
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(tuple, sizeof(tuple), "[%u,\"some text\"]", i);
        give(bench, tuple);
    }
    assert_int_equal(gale_bench_acked(bench), 20000);
    for (unsigned round = 0; round < 1000 && lines < 20000; round++) {
        ssize_t size = read(print_ends[0], text, sizeof(text));
        for (ssize_t i = 0; i < size; i++) {
            lines += text[i] == '\n';
        }
        gale_bench_advance(bench, 100);
    }
    assert_int_equal(lines, 20000);
    gale_bench_free(bench);
}

static void delay_emits_later_and_in_order(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&delay_bolt_ops, "n", "ms: 20");
    give(bench, "[1]");
    gale_bench_advance(bench, 10);
    give(bench, "[2]");
    takes(bench, NULL);
    gale_bench_advance(bench, 10);
    takes(bench, "default [1]");
    takes(bench, NULL);
    assert_int_equal(gale_bench_acked(bench), 1);
    gale_bench_advance(bench, 10);
    takes(bench, "default [2]");
    assert_int_equal(gale_bench_acked(bench), 2);
    give(bench, "[3]");
    gale_bench_free(bench);
}

static void delay_sleeps_in_execute(void **state)
{
    (void)state;
    struct timespec before, after;
    struct gale_bench *bench = bench_of(&delay_bolt_ops, "n", "sleep_us: 3000");
    clock_gettime(CLOCK_MONOTONIC, &before);
    give(bench, "[1]");
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t passed_ns =
        (int64_t)(after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    assert_true(passed_ns >= 3000000);
    takes(bench, "default [1]");
    assert_int_equal(gale_bench_acked(bench), 1);
    gale_bench_free(bench);
}

static void identity_passes_and_null_discards(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&identity_bolt_ops, "a,b", NULL);
    give(bench, "[[1,2],{\"$bytes\":\"AQ==\"}]");
    takes(bench, "default [[1,2],{\"$bytes\":\"AQ==\"}]");
    gale_bench_free(bench);
    bench = bench_of(&null_bolt_ops, "a", NULL);
    give(bench, "[1]");
    takes(bench, NULL);
    assert_int_equal(gale_bench_acked(bench), 1);
    gale_bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_sink_acks_what_is_written),
        cmocka_unit_test(file_sink_json_appends_objects),
        cmocka_unit_test(file_sink_torn_line_is_ended),
        cmocka_unit_test(file_sink_two_writers_lose_no_line),
        cmocka_unit_test(file_sink_full_disk_fails_tuples),
        cmocka_unit_test(file_sink_bad_options_are_refused),
        cmocka_unit_test_setup_teardown(print_writes_within_a_tenth_of_a_second, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(print_slow_reader_gets_every_line, open_pipe,
                                        close_pipe),
        cmocka_unit_test(delay_emits_later_and_in_order),
        cmocka_unit_test(delay_sleeps_in_execute),
        cmocka_unit_test(identity_passes_and_null_discards),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

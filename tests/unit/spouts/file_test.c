/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the file spout: lines, globs, following, rotation, replay and positions. */
#include "spouts_test.h"

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/gale-file-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const char *mode, const char *text, size_t size)
{
    FILE *file = fopen(path_of(name), mode);
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *name, const char *mode, const char *text)
{
    write_file(name, mode, text, strlen(text));
}

static const char *with_path(const char *pattern, const char *more)
{
    static char options[256];
    snprintf(options, sizeof(options), "path: '%s/%s'\n%s", directory, pattern, more);
    return options;
}

static void file_lines_end_with_any_line_end(void **state)
{
    (void)state;
    put("a.txt", "w", "one\r\n\ntwo\nlast");
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("a.txt", ""));
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_DONE);
    uint64_t first = takes(bench, "[\"one\"]");
    uint64_t second = takes(bench, "[\"\"]");
    uint64_t third = takes(bench, "[\"two\"]");
    uint64_t fourth = takes(bench, "[\"last\"]");
    assert_true(0 < first && first < second && second < third && third < fourth);
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void file_glob_is_sorted_and_extras_are_given(void **state)
{
    (void)state;
    char expected[256];
    put("g2.log", "w", "c\n");
    put("g1.log", "w", "a\nb\n");
    put("g0.log", "w", "");
    struct gale_bench *bench =
        bench_of(&file_spout_ops, with_path("g*.log", "with: [path, offset]\nfield: text"));
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_DONE);
    snprintf(expected, sizeof(expected), "[\"a\",\"%s/g1.log\",0]", directory);
    takes(bench, expected);
    snprintf(expected, sizeof(expected), "[\"b\",\"%s/g1.log\",2]", directory);
    takes(bench, expected);
    snprintf(expected, sizeof(expected), "[\"c\",\"%s/g2.log\",0]", directory);
    takes(bench, expected);
    takes_nothing(bench);
    gale_bench_free(bench);
}

/* More than the read block, with lines across its borders. */
static void file_large_file_is_read_whole(void **state)
{
    (void)state;
    char line[64];
    FILE *file = fopen(path_of("large"), "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 60000; i++) {
        fprintf(file, "line number %u\n", i);
    }
    fclose(file);
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("large", ""));
    assert_int_equal(gale_bench_next(bench, 100000), GALE_NEXT_DONE);
    for (unsigned i = 0; i < 60000; i++) {
        snprintf(line, sizeof(line), "[\"line number %u\"]", i);
        takes(bench, line);
    }
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void file_long_line_is_left_out(void **state)
{
    (void)state;
    size_t size = 700000;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "before\n", 7);
    memcpy(text + size - 7, "\nafter\n", 7);
    write_file("long", "w", text, size);
    free(text);
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("long", "max_line: 10"));
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_DONE);
    takes(bench, "[\"before\"]");
    takes(bench, "[\"after\"]");
    takes_nothing(bench);
    assert_int_equal(bench->errors, 1);
    assert_non_null(strstr(bench_error(bench), "byte 7"));
    gale_bench_free(bench);
}

static void file_failed_line_is_read_again(void **state)
{
    (void)state;
    put("r1", "w", "a\nb\r\n");
    put("r2", "w", "c\nd");
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("r?", ""));
    gale_bench_next(bench, 50);
    uint64_t ids[4];
    const char *lines[] = {"[\"a\"]", "[\"b\"]", "[\"c\"]", "[\"d\"]"};
    for (unsigned i = 0; i < 4; i++) {
        ids[i] = takes(bench, lines[i]);
    }
    for (unsigned i = 4; i-- > 0;) {
        gale_bench_end(bench, ids[i], false);
    }
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_DONE);
    for (unsigned i = 4; i-- > 0;) {
        assert_int_equal(takes(bench, lines[i]), ids[i]);
    }
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void file_follow_waits_for_line_end(void **state)
{
    (void)state;
    put("grow", "w", "one\ntw");
    struct gale_bench *bench =
        bench_of(&file_spout_ops, with_path("grow", "follow: true\npoll: 50ms"));
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_IDLE);
    assert_int_equal(bench->wait_ns, bench->now_ns + 50000000);
    takes(bench, "[\"one\"]");
    takes_nothing(bench);
    put("grow", "a", "o\nthree\n");
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_IDLE);
    takes(bench, "[\"two\"]");
    takes(bench, "[\"three\"]");
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void file_follow_reads_rotated_then_new(void **state)
{
    (void)state;
    char old_path[160];
    put("rot", "w", "a\n");
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("rot", "follow: true"));
    gale_bench_next(bench, 50);
    uint64_t first = takes(bench, "[\"a\"]");
    put("rot", "a", "b\nrest");
    snprintf(old_path, sizeof(old_path), "%s/rot.1", directory);
    assert_int_equal(rename(path_of("rot"), old_path), 0);
    put("rot", "w", "new\n");
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_IDLE);
    takes(bench, "[\"b\"]");
    takes(bench, "[\"rest\"]");
    uint64_t last = takes(bench, "[\"new\"]");
    takes_nothing(bench);
    assert_true(last > first);
    /* The old file is gone from every path, yet its line can be had. */
    assert_int_equal(unlink(old_path), 0);
    gale_bench_end(bench, first, false);
    gale_bench_next(bench, 50);
    takes(bench, "[\"a\"]");
    gale_bench_free(bench);
}

static void file_follow_cut_file_is_read_from_start(void **state)
{
    (void)state;
    put("cut", "w", "one\ntwo\n");
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("cut", "follow: true"));
    gale_bench_next(bench, 50);
    takes(bench, "[\"one\"]");
    takes(bench, "[\"two\"]");
    put("cut", "w", "x\n");
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_IDLE);
    takes(bench, "[\"x\"]");
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void file_follow_many_keeps_ids_growing(void **state)
{
    (void)state;
    put("m1", "w", "a\n");
    put("m2", "w", "b\n");
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("m?", "follow: true"));
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_IDLE);
    uint64_t a = takes(bench, "[\"a\"]");
    uint64_t b = takes(bench, "[\"b\"]");
    put("m1", "a", "c\n");
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_IDLE);
    uint64_t c = takes(bench, "[\"c\"]");
    takes_nothing(bench);
    assert_true(a < b && b < c);
    gale_bench_end(bench, a, false);
    gale_bench_end(bench, c, false);
    gale_bench_next(bench, 50);
    takes(bench, "[\"a\"]");
    takes(bench, "[\"c\"]");
    gale_bench_free(bench);
}

/* For every low mark an engine may report, the next run begins with the first line not acked. */
static void file_position_resumes_at_first_open_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"[\"a\"]", "[\"\"]", "[\"long line\"]", "[\"d\"]",
                                        "[\"e\"]"};
    uint64_t ids[5];
    uint8_t position[1024];
    put("p1", "w", "a\n\nlong line\n");
    put("p2", "w", "d\ne\n");
    for (unsigned acked = 0; acked <= 5; acked++) {
        for (unsigned exact = 0; exact < 2; exact++) {
            struct gale_bench *bench = bench_of(&file_spout_ops, with_path("p?", ""));
            gale_bench_next(bench, 50);
            for (unsigned i = 0; i < 5; i++) {
                ids[i] = takes(bench, lines[i]);
            }
            uint64_t low = acked == 0 ? 0 : ids[acked - 1] + 1;
            if (exact == 1 && acked < 5) {
                low = ids[acked];
            }
            size_t size = bench_save(bench, low, position, sizeof(position));
            assert_true(size > 0);
            gale_bench_free(bench);
            bench = bench_at(&file_spout_ops, with_path("p?", ""), position, size);
            assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_DONE);
            for (unsigned i = acked; i < 5; i++) {
                takes(bench, lines[i]);
            }
            takes_nothing(bench);
            gale_bench_free(bench);
        }
    }
}

static void file_position_unmoved_run_keeps_position(void **state)
{
    (void)state;
    uint8_t position[1024];
    put("k", "w", "a\nb\nc\n");
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("k", ""));
    gale_bench_next(bench, 50);
    takes(bench, "[\"a\"]");
    uint64_t second = takes(bench, "[\"b\"]");
    size_t size = bench_save(bench, second, position, sizeof(position));
    gale_bench_free(bench);
    for (unsigned round = 0; round < 3; round++) {
        bench = bench_at(&file_spout_ops, with_path("k", ""), position, size);
        if (round > 0) {
            gale_bench_next(bench, 50);
            takes(bench, "[\"b\"]");
        }
        size = bench_save(bench, 0, position, sizeof(position));
        gale_bench_free(bench);
    }
}

static void file_position_hostile_bytes_are_refused(void **state)
{
    (void)state;
    struct gale_error error = {0};
    uint8_t position[256];
    put("h", "w", "a\nb\n");
    struct gale_bench *bench = bench_of(&file_spout_ops, with_path("h", ""));
    gale_bench_next(bench, 50);
    size_t size = bench_save(bench, 0, position, sizeof(position));
    gale_bench_free(bench);
    for (size_t cut = 0; cut < size; cut++) {
        bench = bench_spout_at(&file_spout_ops, with_path("h", ""), position, cut, &error);
        assert_null(bench);
    }
    assert_non_null(strstr(error.text, "--fresh"));
}

/* A regular file whose first byte cannot be read (EIO). */
static void file_read_error_ends_the_run_and_not_the_input(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&file_spout_ops, "path: /proc/self/mem");
    assert_int_equal(gale_bench_next(bench, 50), GALE_NEXT_IDLE);
    assert_true(bench->fatal);
    assert_non_null(strstr(bench_error(bench), "cannot read `/proc/self/mem` at byte 0"));
    takes_nothing(bench);
    gale_bench_free(bench);
}

static void file_missing_path_is_an_error(void **state)
{
    (void)state;
    refuses(&file_spout_ops, with_path("nothing-here", ""), "nothing-here");
    refuses(&file_spout_ops, with_path("*.none", ""), "*.none");
    refuses(&file_spout_ops, with_path("", ""), "not a regular file");
    refuses(&file_spout_ops, with_path("x", "with: [size]"), "path and offset");
    refuses(&file_spout_ops, "field: x", "path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_lines_end_with_any_line_end),
        cmocka_unit_test(file_glob_is_sorted_and_extras_are_given),
        cmocka_unit_test(file_large_file_is_read_whole),
        cmocka_unit_test(file_long_line_is_left_out),
        cmocka_unit_test(file_failed_line_is_read_again),
        cmocka_unit_test(file_follow_waits_for_line_end),
        cmocka_unit_test(file_follow_reads_rotated_then_new),
        cmocka_unit_test(file_follow_cut_file_is_read_from_start),
        cmocka_unit_test(file_follow_many_keeps_ids_growing),
        cmocka_unit_test(file_position_resumes_at_first_open_line),
        cmocka_unit_test(file_position_unmoved_run_keeps_position),
        cmocka_unit_test(file_position_hostile_bytes_are_refused),
        cmocka_unit_test(file_read_error_ends_the_run_and_not_the_input),
        cmocka_unit_test(file_missing_path_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

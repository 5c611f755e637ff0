/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/worker_log in a directory of its own. */
#include "host/worker_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LINE "0123456789 0123456789 0123456789 0123456789 0123456789 012345678\n" /* 65 bytes */
#define KEPT (INT64_C(1) << 20)

static char dir[] = "/tmp/gale-log-XXXXXX";
static char path[PATH_MAX];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/gale-log-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(worker_log_path(dir, "words", 3, true, path), GALE_OK);
    return 0;
}

static int teardown(void **state)
{
    char folder[64];
    (void)state;
    (void)unlink(path);
    snprintf(folder, sizeof(folder), "%s/words", dir);
    (void)rmdir(folder);
    return rmdir(dir);
}

static void append(const char *text, size_t count)
{
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    for (size_t i = 0; i < count; i++) {
        assert_true(fputs(text, file) >= 0);
    }
    assert_int_equal(fclose(file), 0);
}

static void log_is_read_in_pieces(void **state)
{
    (void)state;
    struct buf out;
    int64_t at, size;
    buf_init(&out, 0);
    append("one\ntwo\n", 1);
    assert_int_equal(worker_log_read(path, -1, 100, &out, &at, &size), GALE_OK);
    assert_true(at == 8 && size == 8 && out.size == 0);
    assert_int_equal(worker_log_read(path, 0, 4, &out, &at, &size), GALE_OK);
    assert_true(at == 0 && out.size == 4 && memcmp(out.data, "one\n", 4) == 0);
    assert_int_equal(worker_log_read(path, 4, 100, &out, &at, &size), GALE_OK);
    assert_true(at == 4 && out.size == 8);
    assert_int_equal(worker_log_read(path, 8, 100, &out, &at, &size), GALE_OK);
    assert_true(at == 8 && out.size == 8);
    assert_int_equal(worker_log_read(path, 9, 100, &out, &at, &size), GALE_OK);
    assert_int_equal(at, 0); /* Behind the end: the file is another one. */
    buf_fini(&out);
}

static void log_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    struct buf out;
    int64_t at, size;
    buf_init(&out, 0);
    assert_int_equal(worker_log_read(path, 0, 4, &out, &at, &size), GALE_ERR_NOT_FOUND);
    assert_int_equal(worker_log_trim(path, KEPT), 0);
    buf_fini(&out);
}

static void log_too_long_keeps_its_end_and_its_offsets(void **state)
{
    (void)state;
    struct buf out;
    struct stat before, after;
    int64_t at, size;
    size_t lines = (size_t)((KEPT + WORKER_LOG_SLACK) / 65 + 5000);
    append(LINE, 1000);
    assert_int_equal(worker_log_trim(path, KEPT), 0); /* Not too long yet. */
    append(LINE, lines);
    assert_int_equal(stat(path, &before), 0);
    assert_true(worker_log_trim(path, KEPT) > 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_blocks * 512 <= KEPT + 65536);
    buf_init(&out, 0);
    assert_int_equal(worker_log_read(path, 0, 1 << 20, &out, &at, &size), GALE_OK);
    if (after.st_size == before.st_size) { /* a file system with holes */
        assert_true(at > 0 && at % 65 == 0);
        assert_true(size == before.st_size && size - at > KEPT - 8192);
        assert_memory_equal(out.data, LINE, 65);
    }
    append("last\n", 1); /* Who appends does not notice. */
    buf_clear(&out);
    assert_int_equal(worker_log_read(path, size, 100, &out, &at, &size), GALE_OK);
    assert_int_equal(out.size, 5);
    buf_fini(&out);
}

static void log_of_an_old_topology_is_removed(void **state)
{
    (void)state;
    append("x\n", 1);
    int64_t now = (int64_t)time(NULL);
    assert_int_equal(worker_log_collect(dir, now + WORKER_LOG_AGE_S - 60), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(worker_log_collect(dir, now + WORKER_LOG_AGE_S + 60), 1);
    assert_int_equal(access(path, F_OK), -1);
}

static void log_that_is_a_link_is_not_read(void **state)
{
    (void)state;
    struct buf out;
    int64_t at, size;
    buf_init(&out, 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(worker_log_read(path, 0, 100, &out, &at, &size), GALE_ERR_IO);
    assert_int_equal(out.size, 0);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log_is_read_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(log_that_is_not_there_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(log_too_long_keeps_its_end_and_its_offsets, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(log_of_an_old_topology_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(log_that_is_a_link_is_not_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

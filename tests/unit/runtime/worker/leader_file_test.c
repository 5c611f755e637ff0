/* SPDX-License-Identifier: Apache-2.0 */
/* The file that says who leads: written whole, read when it has changed, never half believed. */
#include "worker/leader_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    char directory[64];
    char path[128];
    struct leader_file file;
    struct leader leader;
} it;

static int start(void **state)
{
    (void)state;
    memset(&it, 0, sizeof(it));
    (void)snprintf(it.directory, sizeof(it.directory), "/tmp/gale-leader-XXXXXX");
    assert_non_null(mkdtemp(it.directory));
    (void)snprintf(it.path, sizeof(it.path), "%s/coordinator", it.directory);
    it.file.path = it.path;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    (void)unlink(it.path);
    return rmdir(it.directory); /* Fails when anything else was left. */
}

static void write_leader(uint64_t epoch, const char *endpoint)
{
    struct gale_error error;
    struct leader leader = {.epoch = epoch};
    (void)snprintf(leader.endpoint, sizeof(leader.endpoint), "%s", endpoint);
    assert_int_equal(leader_file_write(it.path, &leader, &error), GALE_OK);
}

/* As somebody without leader_file_write would: with another inode each time. */
static void write_text(const char *text, size_t size)
{
    (void)unlink(it.path);
    int fd = open(it.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    (void)close(fd);
    leader_file_forget(
        &it.file); /* A file system may give the same inode in the same moment. */
}

static bool look(void)
{
    return leader_file_look(&it.file, &it.leader);
}

static void leader_file_is_read_once_for_each_change(void **state)
{
    (void)state;
    assert_false(look());
    write_leader(UINT64_MAX, "tcp://[::1]:7411");
    assert_true(look());
    assert_true(it.leader.epoch == UINT64_MAX);
    assert_string_equal(it.leader.endpoint, "tcp://[::1]:7411");
    assert_false(look());
    assert_false(look());
    leader_file_forget(&it.file);
    assert_true(look());
    assert_int_equal(unlink(it.path), 0);
    assert_false(look());
    write_leader(1, "ipc:///run/c");
    assert_true(look());
    assert_int_equal(it.leader.epoch, 1);
}

static void leader_file_that_is_torn_or_foreign_is_not_believed(void **state)
{
    (void)state;
    char large[LEADER_ENDPOINT_SIZE + 16];
    static const char *const foreign[] = {
        "",
        "7",
        "7\n",
        "7 \n",
        "7 tcp://127.0.0.1:1", /* no newline */
        "\n",
        " 7 x\n",
        "-7 x\n",
        "0x7 x\n",
        "0 x\n",
        "7\tx\n",
        "a b\n",
        "99999999999999999999999 x\n",
    };
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        write_text(foreign[i], strlen(foreign[i]));
        assert_false(look());
    }
    memset(large, 'x', sizeof(large));
    memcpy(large, "7 ", 2);
    large[sizeof(large) - 1] = '\n';
    write_text(large, sizeof(large));
    assert_false(look());
    write_text("7 x\0y\n", 6);
    assert_false(look());
    write_text("7 tcp://h:1\n", 12);
    assert_true(look());
    assert_string_equal(it.leader.endpoint, "tcp://h:1");
}

static void leader_file_that_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    struct gale_error error;
    struct leader leader = {.epoch = 1, .endpoint = "x"};
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/no/coordinator", it.directory);
    assert_int_equal(leader_file_write(path, &leader, &error), GALE_ERR_IO);
    assert_non_null(strstr(error.text, "No such file"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(leader_file_is_read_once_for_each_change),
        CASE(leader_file_that_is_torn_or_foreign_is_not_believed),
        CASE(leader_file_that_cannot_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

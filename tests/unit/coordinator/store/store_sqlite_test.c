/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/store_sqlite: the conformance suite, the lock between processes, foreign and
 * damaged files, and a writer killed −9, whose acknowledged writes must all be there. */
#include "store_conformance.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define KILLS_COUNT 5
#define WRITES_BEFORE_KILL 40

static char folder[64];
static char path[96];

static void file_make(void *argument)
{
    (void)argument;
    snprintf(folder, sizeof folder, "/tmp/gale-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store.db", folder);
}

static struct store *file_open(void *argument)
{
    (void)argument;
    struct store *store = NULL;
    struct gale_error error = {0};
    enum gale_err err = store_sqlite_open(path, &store, &error);
    if (err) {
        print_error("%s\n", error.text);
    }
    assert_int_equal(err, GALE_OK);
    return store;
}

static void file_destroy(void *argument)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char name[128];
    (void)argument;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    assert_int_equal(rmdir(folder), 0);
}

static int setup(void **state)
{
    (void)state;
    file_make(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    file_destroy(NULL);
    return 0;
}

static void refused(enum gale_err expected)
{
    struct store *store = NULL;
    struct gale_error error = {0};
    assert_int_equal(store_sqlite_open(path, &store, &error), expected);
    assert_null(store);
    assert_int_equal(error.code, expected);
    assert_non_null(strstr(error.text, path));
}

static void store_sqlite_file_is_private(void **state)
{
    (void)state;
    struct stat info;
    mode_t before = umask(0);
    struct store *store = file_open(NULL);
    umask(before);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    store->ops->close(store);
}

static void store_sqlite_in_use_is_refused(void **state)
{
    (void)state;
    struct store *store = file_open(NULL);
    refused(GALE_ERR_STATE);
    pid_t child = fork();
    if (child == 0) {
        struct store *other;
        _exit(store_sqlite_open(path, &other, NULL) == GALE_ERR_STATE ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(store->ops->create(store, "/a", "x", 1), GALE_OK);
    store->ops->close(store);
    store = file_open(NULL);
    store->ops->close(store);
}

static void bytes_write(off_t offset, const void *bytes, size_t size, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), size);
    close(fd);
}

static void store_sqlite_missing_directory_is_an_error(void **state)
{
    (void)state;
    struct store *store;
    struct gale_error error;
    assert_int_equal(store_sqlite_open("/nonexistent/store.db", &store, &error), GALE_ERR_IO);
    assert_non_null(strstr(error.text, "/nonexistent/store.db"));
}

static void store_sqlite_other_content_is_refused_and_left_alone(void **state)
{
    (void)state;
    static const char text[] =
        "these are somebody's notes, of more than a hundred bytes, so that "
        "they could be taken for a database header if nobody looked.";
    char found[sizeof text] = "";
    bytes_write(0, text, sizeof text, O_TRUNC);
    refused(GALE_ERR_CORRUPT);
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, found, sizeof found), sizeof found);
    close(fd);
    assert_memory_equal(found, text, sizeof text);
}

static void store_sqlite_file_of_another_application_is_refused(void **state)
{
    (void)state;
    const uint8_t application[] = {1, 2, 3, 4};
    const uint8_t newer[] = {0, 0, 0, 2};
    const uint8_t ours[] = {0x47, 0x61, 0x6c, 0x65};
    struct store *store = file_open(NULL);
    store->ops->close(store);
    bytes_write(68, application, sizeof application, 0);
    refused(GALE_ERR_CORRUPT);
    bytes_write(68, ours, sizeof ours, 0);
    bytes_write(60, newer, sizeof newer, 0);
    refused(GALE_ERR_UNSUPPORTED);
}

static void store_sqlite_damaged_pages_are_refused(void **state)
{
    (void)state;
    static uint8_t garbage[4096];
    char name[32];
    struct stat info;
    struct store *store = file_open(NULL);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "/record-%d", i);
        assert_int_equal(store->ops->create(store, name, garbage, 100), GALE_OK);
    }
    store->ops->close(store);
    memset(garbage, 0xa5, sizeof garbage);
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size > 16 * 4096);
    bytes_write(4096, garbage, sizeof garbage, 0);
    refused(GALE_ERR_CORRUPT);
    assert_int_equal(truncate(path, 2 * 4096), 0);
    refused(GALE_ERR_CORRUPT);
}

/* Writes without end; each version that was acknowledged goes to the pipe. */
static void writer(int fd)
{
    struct store *store;
    struct gale_error error;
    char value[32];
    if (store_sqlite_open(path, &store, &error)) {
        _exit(1);
    }
    store->ops->create(store, "/n", "", 0);
    for (;;) {
        int64_t version;
        snprintf(value, sizeof value, "%d", getpid());
        if (store->ops->set(store, "/n", value, strlen(value), STORE_ANY_VERSION, &version) ||
            write(fd, &version, sizeof version) != sizeof version) {
            _exit(1);
        }
    }
}

static void store_sqlite_writer_killed_loses_nothing_acknowledged(void **state)
{
    (void)state;
    int64_t last = 0;
    for (int kill_index = 0; kill_index < KILLS_COUNT; kill_index++) {
        int fds[2];
        int64_t version, found;
        struct buf value;
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            writer(fds[1]);
        }
        close(fds[1]);
        for (int i = 0; i < WRITES_BEFORE_KILL; i++) {
            assert_int_equal(read(fds[0], &version, sizeof version), sizeof version);
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        do {
            assert_true(version > last);
            last = version;
        } while (read(fds[0], &version, sizeof version) == sizeof version);
        close(fds[0]);
        buf_init(&value, 0);
        struct store *store = file_open(NULL);
        assert_int_equal(store->ops->get(store, "/n", &value, &found), GALE_OK);
        /* The write under way at the kill may be there, too. */
        assert_true(found == last || found == last + 1);
        last = found;
        store->ops->close(store);
        buf_fini(&value);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct store_factory factory = {file_make, file_open, file_destroy, NULL};
    const struct CMUnitTest tests[] = {
        CASE(store_sqlite_file_is_private),
        CASE(store_sqlite_in_use_is_refused),
        CASE(store_sqlite_missing_directory_is_an_error),
        CASE(store_sqlite_other_content_is_refused_and_left_alone),
        CASE(store_sqlite_file_of_another_application_is_refused),
        CASE(store_sqlite_damaged_pages_are_refused),
        CASE(store_sqlite_writer_killed_loses_nothing_acknowledged),
    };
    int failed = store_conformance(&factory);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}

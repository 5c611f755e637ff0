/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what a daemon tells the service manager, with a socket in the manager's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A manager that listens; NOTIFY_SOCKET names it. */
static int manager_open(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    memcpy(address.sun_path, name, size);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_heard(int fd, const char *text)
{
    char heard[1024] = "";
    ssize_t size = recv(fd, heard, sizeof heard - 1, 0);
    assert_int_equal(size, strlen(text));
    assert_string_equal(heard, text);
}

static void assert_silent(int fd)
{
    char heard[16];
    assert_int_equal(recv(fd, heard, sizeof heard, 0), -1);
}

static void notify_without_manager_is_nothing(void **state)
{
    (void)state;
    struct notify notify;
    static const char *const odd[] = {"", "/", "relative", "vsock:2:1"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        setenv("NOTIFY_SOCKET", odd[i], 1);
        setenv("WATCHDOG_USEC", "1000000", 1);
        notify_init(&notify);
        assert_int_equal(notify.fd, -1);
        assert_int_equal(notify.alive_ns, 0);
        notify_ready(&notify, "ready");
        notify_alive(&notify);
        notify_stopping(&notify);
        notify_fini(&notify);
    }
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
}

static void tell_everything(const char *name)
{
    struct notify notify;
    int fd = manager_open(name);
    notify_init(&notify);
    assert_null(getenv("NOTIFY_SOCKET"));
    notify_ready(&notify, "leads, epoch %d", 7);
    assert_heard(fd, "READY=1\nSTATUS=leads, epoch 7");
    notify_status(&notify, "two\nlines");
    assert_heard(fd, "STATUS=two lines");
    notify_alive(&notify);
    assert_heard(fd, "WATCHDOG=1");
    notify_stopping(&notify);
    assert_heard(fd, "STOPPING=1");
    assert_silent(fd);
    close(fd);
    /* The manager has gone: sending must neither block nor raise SIGPIPE. */
    notify_alive(&notify);
    notify_fini(&notify);
}

static void notify_path_is_told_everything(void **state)
{
    (void)state;
    char folder[] = "/tmp/gale-notify-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    tell_everything(path);
    unlink(path);
    rmdir(folder);
}

static void notify_abstract_name_is_told_everything(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@gale-notify-test-%d", (int)getpid());
    tell_everything(name);
}

static void watch(const char *usec, const char *pid, int64_t alive_ns)
{
    struct notify notify;
    char name[64];
    snprintf(name, sizeof name, "@gale-notify-watch-%d", (int)getpid());
    int fd = manager_open(name);
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid != NULL) {
        setenv("WATCHDOG_PID", pid, 1);
    }
    notify_init(&notify);
    assert_int_equal(notify.alive_ns, alive_ns);
    notify_fini(&notify);
    close(fd);
}

static void notify_watchdog_is_answered_twice_a_period(void **state)
{
    (void)state;
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    watch("3000000", NULL, INT64_C(1500000000));
    watch("3000000", pid, INT64_C(1500000000));
    watch("3000000", "1", 0);
    watch("soon", NULL, 0);
    watch("-5", NULL, 0);
    watch("9223372036854775807", NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notify_without_manager_is_nothing),
        cmocka_unit_test(notify_path_is_told_everything),
        cmocka_unit_test(notify_abstract_name_is_told_everything),
        cmocka_unit_test(notify_watchdog_is_answered_twice_a_period),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

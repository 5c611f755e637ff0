/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/orphans: which command lines are a worker's, and that a real one is found. */
#include "host/orphans.h"

#include "supervise/process.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CONTROL "file:/state/coordinator"
#define IS(text) orphans_is_worker((text), sizeof(text), CONTROL)

static void orphans_know_a_worker_by_its_arguments(void **state)
{
    (void)state;
    assert_true(IS("/usr/bin/gale\0worker\0--control\0" CONTROL "\0--index\0003"));
    assert_true(IS("/usr/bin/gale\0worker\0--parent\0007\0--control\0" CONTROL));
    assert_false(IS("/usr/bin/gale\0worker\0--control\0" CONTROL "2"));
    assert_false(IS("/usr/bin/gale\0worker\0--control\0file:/other/coordinator"));
    assert_false(IS("/usr/bin/gale\0list\0--control\0" CONTROL));
    assert_false(IS("grep\0" CONTROL));
    assert_false(IS("/usr/bin/gale\0worker\0--control"));
    assert_false(IS("/usr/bin/gale"));
    assert_false(orphans_is_worker("", 0, CONTROL));
    assert_false(orphans_is_worker("gale\0worker", 11, CONTROL)); /* It was cut. */
}

struct found {
    int64_t wanted;
    uint64_t start;
    int others;
};

static void on_found(void *self, int64_t pid, uint64_t start)
{
    struct found *found = self;
    found->start = pid == found->wanted ? start : found->start;
    found->others += pid != found->wanted;
}

/* Waits until somebody has written to a pipe. */
static void await_line(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
}

static void orphans_find_a_process(void **state)
{
    (void)state;
    char dir[] = "/tmp/gale-orphan-XXXXXX";
    char script[64], control[96];
    struct process process;
    struct gale_error error;
    int status;
    assert_non_null(mkdtemp(dir));
    snprintf(script, sizeof(script), "%s/worker", dir);
    snprintf(control, sizeof(control), "file:%s/coordinator", dir);
    FILE *file = fopen(script, "we");
    assert_non_null(file);
    fputs("echo >started\nread never <fifo\n", file);
    assert_int_equal(fclose(file), 0);
    const char *const argv[] = {"/bin/sh", "worker", "--control", control, NULL};
    struct process_place place = {.directory = dir};
    snprintf(script, sizeof(script), "%s/fifo", dir);
    assert_int_equal(mkfifo(script, 0600), 0);
    snprintf(script, sizeof(script), "%s/started", dir);
    assert_int_equal(mkfifo(script, 0600), 0);
    assert_int_equal(process_start_at(argv, NULL, &place, &process, &error), GALE_OK);
    await_line(script); /* Until its exec is over the process shows no arguments. */
    struct found found = {.wanted = process.pid};
    assert_int_equal(orphans_scan(control, on_found, &found), GALE_OK);
    assert_true(found.start != 0 && found.start == process_start_time(process.pid));
    assert_int_equal(found.others, 0);
    process_signal(&process, SIGKILL);
    struct pollfd ready = {.fd = process.pidfd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 20000), 1);
    found = (struct found){.wanted = process.pid}; /* A zombie is no worker. */
    assert_int_equal(orphans_scan(control, on_found, &found), GALE_OK);
    assert_true(found.start == 0);
    assert_true(process_reap(&process, &status, NULL));
    snprintf(script, sizeof(script), "%s/worker", dir);
    (void)unlink(script);
    snprintf(script, sizeof(script), "%s/started", dir);
    (void)unlink(script);
    snprintf(script, sizeof(script), "%s/fifo", dir);
    (void)unlink(script);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orphans_know_a_worker_by_its_arguments),
        cmocka_unit_test(orphans_find_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of config/lock: two descriptors of one file are two holders for flock(2). */
#include "config/lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/gale-lock-XXXXXX";

static int reopen(void)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void *close_it(void *argument)
{
    close(*(int *)argument);
    return NULL;
}

static void lock_held_by_another_is_refused(void **state)
{
    (void)state;
    int first = reopen(), second = reopen();
    assert_true(lock_take(first));
    assert_false(lock_take(second));
    close(first);
    assert_true(lock_take(second));
    close(second);
}

static void lock_of_a_holder_that_goes_is_waited_for(void **state)
{
    (void)state;
    int first = reopen(), second = reopen();
    pthread_t thread;
    assert_true(lock_take(first));
    assert_int_equal(pthread_create(&thread, NULL, close_it, &first), 0);
    assert_true(lock_take(second));
    pthread_join(thread, NULL);
    close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_held_by_another_is_refused),
        cmocka_unit_test(lock_of_a_holder_that_goes_is_waited_for),
    };
    int fd = mkstemp(path);
    if (fd < 0) {
        return 1;
    }
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/loop: descriptors by pipes, timers by a clock that the test moves, wake-ups from a
 * second thread, signals. Both ways of waiting are covered. Labels: threads */
#include "base/clock.h"
#include "base/loop.h"
#include "base/rng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TIMERS_COUNT 500

struct fixture {
    struct loop *loop;
    int64_t now_ns;
    int pipe[2];
    int calls;
    unsigned events;
    int victim_fd;
};

static int64_t clock_of_test(void *argument)
{
    return ((const struct fixture *)argument)->now_ns;
}

static int setup(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    assert_int_equal(loop_new(&fixture.loop, NULL), GALE_OK);
    assert_int_equal(pipe(fixture.pipe), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    close(f->pipe[0]);
    close(f->pipe[1]);
    return 0;
}

static void on_fd(void *argument, int fd, unsigned events)
{
    struct fixture *f = argument;
    (void)fd;
    f->calls++;
    f->events = events;
}

static void loop_readable_fd_is_reported_until_read(void **state)
{
    struct fixture *f = *state;
    char byte = 'x';
    assert_int_equal(loop_add(f->loop, f->pipe[0], LOOP_READ, on_fd, f), GALE_OK);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(write(f->pipe[1], &byte, 1), 1);
    assert_int_equal(loop_run_once(f->loop, LOOP_WAIT_FOREVER), 1);
    assert_int_equal(loop_run_once(f->loop, 0), 1);
    assert_int_equal(f->events, LOOP_READ);
    assert_int_equal(read(f->pipe[0], &byte, 1), 1);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, 2);
}

static void loop_modified_fd_reports_new_events(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(loop_add(f->loop, f->pipe[1], 0, on_fd, f), GALE_OK);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(loop_modify(f->loop, f->pipe[1], LOOP_WRITE), GALE_OK);
    assert_int_equal(loop_run_once(f->loop, 0), 1);
    assert_int_equal(f->events, LOOP_WRITE);
    assert_int_equal(loop_modify(f->loop, f->pipe[0], LOOP_READ), GALE_ERR_NOT_FOUND);
}

static void loop_closed_peer_is_a_hangup(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(loop_add(f->loop, f->pipe[0], 0, on_fd, f), GALE_OK);
    close(f->pipe[1]);
    assert_int_equal(loop_run_once(f->loop, LOOP_WAIT_FOREVER), 1);
    assert_int_equal(f->events, LOOP_HANGUP);
    f->pipe[1] = dup(f->pipe[0]);
}

static void loop_wrong_fd_is_refused(void **state)
{
    struct fixture *f = *state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(loop_add(f->loop, -1, LOOP_READ, on_fd, f), GALE_ERR_INVALID);
    assert_int_equal(loop_add(f->loop, LOOP_FDS_MAX, LOOP_READ, on_fd, f), GALE_ERR_LIMIT);
    assert_int_equal(loop_add(f->loop, 4000, LOOP_READ, on_fd, f), GALE_ERR_INVALID);
    assert_int_equal(loop_add(f->loop, fileno(file), LOOP_READ, on_fd, f), GALE_ERR_INVALID);
    assert_int_equal(loop_add(f->loop, f->pipe[0], LOOP_READ, on_fd, f), GALE_OK);
    assert_int_equal(loop_add(f->loop, f->pipe[0], LOOP_READ, on_fd, f), GALE_ERR_EXISTS);
    loop_remove(f->loop, 4000);
    fclose(file);
}

/* Removes the other descriptor and watches it anew: neither its old event may be seen. */
static void on_fd_replacing(void *argument, int fd, unsigned events)
{
    struct fixture *f = argument;
    (void)events;
    f->calls++;
    int other = fd == f->pipe[0] ? f->victim_fd : f->pipe[0];
    loop_remove(f->loop, other);
    assert_int_equal(loop_add(f->loop, other, 0, on_fd, f), GALE_OK);
}

static void loop_fd_removed_in_a_round_is_not_called_in_it(void **state)
{
    struct fixture *f = *state;
    char byte = 'x';
    f->victim_fd = dup(f->pipe[0]);
    assert_int_equal(write(f->pipe[1], &byte, 1), 1);
    assert_int_equal(loop_add(f->loop, f->pipe[0], LOOP_READ, on_fd_replacing, f), GALE_OK);
    assert_int_equal(loop_add(f->loop, f->victim_fd, LOOP_READ, on_fd_replacing, f), GALE_OK);
    assert_int_equal(loop_run_once(f->loop, LOOP_WAIT_FOREVER), 1);
    assert_int_equal(f->calls, 1);
    loop_remove(f->loop, f->victim_fd);
    loop_remove(f->loop, f->pipe[0]);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    close(f->victim_fd);
}

struct alarm {
    struct loop_timer timer;
    struct fixture *fixture;
    struct alarm *other;
    int64_t rearm_ns; /* < 0: not */
    int rung;
    int64_t rung_at_ns;
    int64_t due_ns;
};

static void on_alarm(void *argument, int64_t now_ns)
{
    struct alarm *alarm = argument;
    alarm->rung++;
    alarm->rung_at_ns = now_ns;
    assert_false(loop_timer_armed(&alarm->timer));
    if (alarm->rearm_ns >= 0) {
        assert_int_equal(loop_timer_set(alarm->fixture->loop, &alarm->timer, alarm->rearm_ns),
                         GALE_OK);
    }
    if (alarm->other) {
        loop_timer_stop(alarm->fixture->loop, &alarm->other->timer);
    }
}

static void alarm_init(struct alarm *alarm, struct fixture *f)
{
    memset(alarm, 0, sizeof *alarm);
    alarm->fixture = f;
    alarm->rearm_ns = -1;
    loop_timer_init(&alarm->timer, on_alarm, alarm);
}

static void loop_timer_runs_once_at_its_time(void **state)
{
    struct fixture *f = *state;
    struct alarm alarm;
    alarm_init(&alarm, f);
    loop_set_clock(f->loop, clock_of_test, f);
    assert_int_equal(loop_next_ns(f->loop), INT64_MAX);
    assert_int_equal(loop_timer_set(f->loop, &alarm.timer, 100), GALE_OK);
    assert_int_equal(loop_next_ns(f->loop), 100);
    f->now_ns = 99;
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    f->now_ns = 100;
    assert_int_equal(loop_run_once(f->loop, LOOP_WAIT_FOREVER), 1);
    assert_int_equal(alarm.rung_at_ns, 100);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(alarm.rung, 1);
}

static void loop_timer_armed_in_the_past_by_its_callback_waits_a_round(void **state)
{
    struct fixture *f = *state;
    struct alarm alarm;
    alarm_init(&alarm, f);
    loop_set_clock(f->loop, clock_of_test, f);
    alarm.rearm_ns = 0;
    f->now_ns = 10;
    assert_int_equal(loop_timer_set(f->loop, &alarm.timer, 0), GALE_OK);
    assert_int_equal(loop_run_once(f->loop, 0), 1);
    assert_int_equal(loop_run_once(f->loop, 0), 1);
    assert_int_equal(alarm.rung, 2);
    loop_timer_stop(f->loop, &alarm.timer);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
}

static void loop_due_timer_stopped_by_another_does_not_run(void **state)
{
    struct fixture *f = *state;
    struct alarm first, second;
    alarm_init(&first, f);
    alarm_init(&second, f);
    loop_set_clock(f->loop, clock_of_test, f);
    first.other = &second;
    assert_int_equal(loop_timer_set(f->loop, &second.timer, 5), GALE_OK);
    assert_int_equal(loop_timer_set(f->loop, &first.timer, 5), GALE_OK);
    assert_int_equal(loop_timer_set(f->loop, &second.timer, 5), GALE_OK);
    f->now_ns = 5;
    assert_int_equal(loop_run_once(f->loop, 0), 1);
    assert_int_equal(first.rung, 1);
    assert_int_equal(second.rung, 0);
}

static void loop_many_timers_run_in_order_of_time(void **state)
{
    struct fixture *f = *state;
    static struct alarm alarms[TIMERS_COUNT];
    struct rng rng;
    assert_int_equal(rng_seed_os(&rng), GALE_OK);
    uint64_t seed = rng_next(&rng);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    loop_set_clock(f->loop, clock_of_test, f);
    for (int i = 0; i < TIMERS_COUNT; i++) {
        alarm_init(&alarms[i], f);
    }
    /* Arms, moves and stops at random; due_ns < 0 notes a stopped timer. */
    for (int i = 0; i < TIMERS_COUNT * 4; i++) {
        struct alarm *alarm = &alarms[i % TIMERS_COUNT];
        alarm->due_ns = rng_below(&rng, 1000);
        assert_int_equal(loop_timer_set(f->loop, &alarm->timer, alarm->due_ns), GALE_OK);
        if (rng_below(&rng, 4) == 0) {
            loop_timer_stop(f->loop, &alarm->timer);
            alarm->due_ns = -1;
        }
    }
    for (f->now_ns = 0; f->now_ns < 1000; f->now_ns++) {
        loop_run_once(f->loop, 0);
    }
    for (int i = 0; i < TIMERS_COUNT; i++) {
        assert_int_equal(alarms[i].rung, alarms[i].due_ns < 0 ? 0 : 1);
        if (alarms[i].rung) {
            assert_int_equal(alarms[i].rung_at_ns, alarms[i].due_ns);
        }
    }
    assert_int_equal(loop_next_ns(f->loop), INT64_MAX);
}

static void check_real_timer(struct fixture *f)
{
    struct alarm alarm;
    alarm_init(&alarm, f);
    int64_t due_ns = clock_now_ns() + 300000;
    assert_int_equal(loop_timer_set(f->loop, &alarm.timer, due_ns), GALE_OK);
    while (!alarm.rung) {
        loop_run_once(f->loop, LOOP_WAIT_FOREVER);
    }
    assert_true(alarm.rung_at_ns >= due_ns);
    int64_t start_ns = clock_now_ns();
    assert_int_equal(loop_run_once(f->loop, 200000), 0);
    assert_true(clock_now_ns() - start_ns >= 200000);
}

static void loop_waits_until_the_timer_by_epoll(void **state)
{
    check_real_timer(*state);
}

static void loop_waits_until_the_timer_by_timerfd(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(loop_use_timerfd(f->loop), GALE_OK);
    assert_int_equal(loop_use_timerfd(f->loop), GALE_OK);
    check_real_timer(f);
    loop_wake(f->loop);
    assert_int_equal(loop_run_once(f->loop, LOOP_WAIT_FOREVER), 0);
}

static void *waker(void *argument)
{
    loop_wake(argument);
    return NULL;
}

static void loop_wake_from_a_thread_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, waker, f->loop), 0);
    assert_int_equal(loop_run_once(f->loop, LOOP_WAIT_FOREVER), 0);
    pthread_join(thread, NULL);
    loop_wake(f->loop);
    loop_wake(f->loop);
    assert_int_equal(loop_run_once(f->loop, LOOP_WAIT_FOREVER), 0);
    int64_t start_ns = clock_now_ns();
    loop_run_once(f->loop, 100000);
    assert_true(clock_now_ns() - start_ns >= 100000);
}

static void on_signal(void *argument, int signal, int64_t pid)
{
    struct fixture *f = argument;
    assert_int_equal(signal, SIGUSR1);
    assert_int_equal(pid, getpid());
    f->calls++;
}

static void loop_signal_becomes_a_callback(void **state)
{
    struct fixture *f = *state;
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(loop_signals(f->loop, &signals, on_signal, f), GALE_OK);
    assert_int_equal(loop_signals(f->loop, &signals, on_signal, f), GALE_ERR_EXISTS);
    kill(getpid(), SIGUSR1);
    assert_int_equal(loop_run_once(f->loop, LOOP_WAIT_FOREVER), 1);
    assert_int_equal(f->calls, 1);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(loop_readable_fd_is_reported_until_read),
        CASE(loop_modified_fd_reports_new_events),
        CASE(loop_closed_peer_is_a_hangup),
        CASE(loop_wrong_fd_is_refused),
        CASE(loop_fd_removed_in_a_round_is_not_called_in_it),
        CASE(loop_timer_runs_once_at_its_time),
        CASE(loop_timer_armed_in_the_past_by_its_callback_waits_a_round),
        CASE(loop_due_timer_stopped_by_another_does_not_run),
        CASE(loop_many_timers_run_in_order_of_time),
        CASE(loop_waits_until_the_timer_by_epoll),
        CASE(loop_waits_until_the_timer_by_timerfd),
        CASE(loop_wake_from_a_thread_ends_the_wait),
        CASE(loop_signal_becomes_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

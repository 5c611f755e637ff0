/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The epoll loop; see loop.h. Watches lie in a table by descriptor; epoll carries descriptor and
 * generation, so that an event of a watch that was removed earlier in the same round is
 * recognised and dropped. Timers are a binary heap of pointers; the due ones are moved to a list
 * before the first of them runs, so that a timer armed by a callback waits for the next round.
 * One owner thread; only loop_wake, a write to an eventfd, may come from others.
 */
#include "base/loop.h"

#include "base/assert.h"
#include "base/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_PER_ROUND 64
#define NS_PER_S 1000000000
#define PLACE_NONE UINT32_MAX
#define PLACE_DUE (UINT32_MAX - 1)

struct watch {
    loop_fd_fn *fn; /* NULL: not watched */
    void *argument;
    uint32_t generation;
};

struct loop {
    int epoll_fd;
    int wake_fd;
    int timer_fd;  /* -1: epoll_pwait2 is used */
    int signal_fd; /* -1: none */
    loop_clock_fn *clock;
    void *clock_argument;
    struct watch *watches;
    size_t watches_count;
    struct loop_timer **heap;
    uint32_t heap_count;
    uint32_t heap_capacity;
    struct loop_timer due; /* head of a ring */
    uint64_t order;
    loop_signal_fn *signal_fn;
    void *signal_argument;
    bool running;
};

/* ---- Timers --------------------------------------------------------------------------------- */

static bool timer_before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_put(struct loop *loop, uint32_t place, struct loop_timer *timer)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static void heap_up(struct loop *loop, uint32_t place)
{
    struct loop_timer *timer = loop->heap[place];
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (!timer_before(timer, loop->heap[parent])) {
            break;
        }
        heap_put(loop, place, loop->heap[parent]);
        place = parent;
    }
    heap_put(loop, place, timer);
}

static void heap_down(struct loop *loop, uint32_t place)
{
    struct loop_timer *timer = loop->heap[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= loop->heap_count) {
            break;
        }
        if (child + 1 < loop->heap_count &&
            timer_before(loop->heap[child + 1], loop->heap[child])) {
            child++;
        }
        if (!timer_before(loop->heap[child], timer)) {
            break;
        }
        heap_put(loop, place, loop->heap[child]);
        place = child;
    }
    heap_put(loop, place, timer);
}

static void heap_take(struct loop *loop, struct loop_timer *timer)
{
    uint32_t place = timer->place;
    GALE_ASSERT(place < loop->heap_count && loop->heap[place] == timer);
    timer->place = PLACE_NONE;
    struct loop_timer *last = loop->heap[--loop->heap_count];
    if (last == timer) {
        return;
    }
    heap_put(loop, place, last);
    heap_up(loop, place);
    heap_down(loop, last->place);
}

static enum gale_err heap_grow(struct loop *loop)
{
    if (loop->heap_count < loop->heap_capacity) {
        return GALE_OK;
    }
    if (loop->heap_capacity >= LOOP_TIMERS_MAX) {
        return GALE_ERR_LIMIT;
    }
    uint32_t capacity = loop->heap_capacity ? loop->heap_capacity * 2 : 16;
    struct loop_timer **heap = realloc(loop->heap, capacity * sizeof *heap);
    if (!heap) {
        return GALE_ERR_NOMEM;
    }
    loop->heap = heap;
    loop->heap_capacity = capacity;
    return GALE_OK;
}

void loop_timer_init(struct loop_timer *timer, loop_timer_fn *fn, void *argument)
{
    memset(timer, 0, sizeof *timer);
    timer->fn = fn;
    timer->argument = argument;
    timer->place = PLACE_NONE;
}

bool loop_timer_armed(const struct loop_timer *timer)
{
    return timer->place != PLACE_NONE;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    if (timer->place == PLACE_DUE) {
        timer->due_prev->due_next = timer->due_next;
        timer->due_next->due_prev = timer->due_prev;
        timer->place = PLACE_NONE;
    } else if (timer->place != PLACE_NONE) {
        heap_take(loop, timer);
    }
}

enum gale_err loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t at_ns)
{
    GALE_ASSERT(timer->fn);
    loop_timer_stop(loop, timer);
    enum gale_err err = heap_grow(loop);
    if (err) {
        return err;
    }
    timer->at_ns = at_ns;
    timer->order = loop->order++;
    heap_put(loop, loop->heap_count++, timer);
    heap_up(loop, timer->place);
    return GALE_OK;
}

int64_t loop_next_ns(const struct loop *loop)
{
    return loop->heap_count ? loop->heap[0]->at_ns : INT64_MAX;
}

static int timers_run(struct loop *loop)
{
    if (!loop->heap_count) {
        return 0;
    }
    int64_t now_ns = loop_now_ns(loop);
    struct loop_timer *ring = &loop->due;
    while (loop->heap_count && loop->heap[0]->at_ns <= now_ns) {
        struct loop_timer *timer = loop->heap[0];
        heap_take(loop, timer);
        timer->place = PLACE_DUE;
        timer->due_prev = ring->due_prev;
        timer->due_next = ring;
        ring->due_prev->due_next = timer;
        ring->due_prev = timer;
    }
    int callbacks = 0;
    while (ring->due_next != ring) {
        struct loop_timer *timer = ring->due_next;
        loop_timer_stop(loop, timer);
        timer->fn(timer->argument, now_ns);
        callbacks++;
    }
    return callbacks;
}

/* ---- Descriptors ---------------------------------------------------------------------------- */

static uint32_t events_to_epoll(unsigned events)
{
    uint32_t mask = 0;
    if (events & LOOP_READ) {
        mask |= EPOLLIN;
    }
    if (events & LOOP_WRITE) {
        mask |= EPOLLOUT;
    }
    return mask;
}

static unsigned events_from_epoll(uint32_t mask)
{
    unsigned events = 0;
    if (mask & (EPOLLIN | EPOLLPRI)) {
        events |= LOOP_READ;
    }
    if (mask & EPOLLOUT) {
        events |= LOOP_WRITE;
    }
    if (mask & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
        events |= LOOP_HANGUP;
    }
    return events;
}

static int watch_control(struct loop *loop, int operation, int fd, unsigned events)
{
    uint64_t generation = loop->watches[fd].generation;
    struct epoll_event event = {.events = events_to_epoll(events)};
    event.data.u64 = generation << 32 | (uint32_t)fd;
    return epoll_ctl(loop->epoll_fd, operation, fd, &event);
}

static enum gale_err watches_grow(struct loop *loop, int fd)
{
    size_t count = loop->watches_count ? loop->watches_count : 32;
    while (count <= (size_t)fd) {
        count *= 2;
    }
    if (count == loop->watches_count) {
        return GALE_OK;
    }
    struct watch *watches = realloc(loop->watches, count * sizeof *watches);
    if (!watches) {
        return GALE_ERR_NOMEM;
    }
    memset(watches + loop->watches_count, 0, (count - loop->watches_count) * sizeof *watches);
    loop->watches = watches;
    loop->watches_count = count;
    return GALE_OK;
}

enum gale_err loop_add(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn,
                       void *argument)
{
    GALE_ASSERT(fn);
    if (fd < 0) {
        return GALE_ERR_INVALID;
    }
    if (fd >= LOOP_FDS_MAX) {
        return GALE_ERR_LIMIT;
    }
    enum gale_err err = watches_grow(loop, fd);
    if (err) {
        return err;
    }
    struct watch *watch = &loop->watches[fd];
    if (watch->fn) {
        return GALE_ERR_EXISTS;
    }
    watch->generation = watch->generation == UINT32_MAX ? 1 : watch->generation + 1;
    if (watch_control(loop, EPOLL_CTL_ADD, fd, events)) {
        if (errno == EBADF || errno == EPERM || errno == EINVAL) {
            return GALE_ERR_INVALID;
        }
        if (errno == EEXIST) {
            return GALE_ERR_EXISTS;
        }
        return errno == ENOMEM ? GALE_ERR_NOMEM : GALE_ERR_LIMIT;
    }
    watch->fn = fn;
    watch->argument = argument;
    return GALE_OK;
}

static bool watched(const struct loop *loop, int fd)
{
    return fd >= 0 && (size_t)fd < loop->watches_count && loop->watches[fd].fn;
}

enum gale_err loop_modify(struct loop *loop, int fd, unsigned events)
{
    if (!watched(loop, fd)) {
        return GALE_ERR_NOT_FOUND;
    }
    return watch_control(loop, EPOLL_CTL_MOD, fd, events) ? GALE_ERR_NOT_FOUND : GALE_OK;
}

void loop_remove(struct loop *loop, int fd)
{
    if (!watched(loop, fd)) {
        return;
    }
    /* It fails only when the descriptor was closed already, which took it out as well. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    loop->watches[fd].fn = NULL;
}

/* ---- The loop's own descriptors -------------------------------------------------------------- */

/* Empties an eventfd or timerfd, whose reads give eight bytes. */
static void counter_drain(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
}

static int signals_run(struct loop *loop)
{
    int callbacks = 0;
    struct signalfd_siginfo info;
    while (loop->signal_fd >= 0 &&
           read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        loop->signal_fn(loop->signal_argument, (int)info.ssi_signo, info.ssi_pid);
        callbacks++;
    }
    return callbacks;
}

static int event_run(struct loop *loop, const struct epoll_event *event)
{
    int fd = (int)(uint32_t)event->data.u64;
    uint32_t generation = (uint32_t)(event->data.u64 >> 32);
    if (generation == 0) {
        if (fd == loop->signal_fd) {
            return signals_run(loop);
        }
        counter_drain(fd);
        return 0;
    }
    if (!watched(loop, fd) || loop->watches[fd].generation != generation) {
        return 0;
    }
    struct watch watch = loop->watches[fd];
    watch.fn(watch.argument, fd, events_from_epoll(event->events));
    return 1;
}

/* Own descriptors carry generation 0, which no watch has. */
static int own_add(struct loop *loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    event.data.u64 = (uint32_t)fd;
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void own_close(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static enum gale_err error_from_errno(int number)
{
    if (number == EMFILE || number == ENFILE || number == ENOSPC) {
        return GALE_ERR_LIMIT;
    }
    return number == ENOMEM ? GALE_ERR_NOMEM : GALE_ERR_IO;
}

static int64_t clock_monotonic(void *argument)
{
    (void)argument;
    return clock_now_ns();
}

enum gale_err loop_new(struct loop **out, struct gale_error *error)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory for an event loop");
    }
    loop->timer_fd = -1;
    loop->signal_fd = -1;
    loop->clock = clock_monotonic;
    loop->due.due_prev = loop->due.due_next = &loop->due;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 || own_add(loop, loop->wake_fd)) {
        int number = errno;
        loop_free(loop);
        return gale_error_set(error, error_from_errno(number),
                              "cannot make an event loop: %s; raise the limit of open files "
                              "(ulimit -n) if that is what is short",
                              strerror(number));
    }
    *out = loop;
    return GALE_OK;
}

void loop_free(struct loop *loop)
{
    if (!loop) {
        return;
    }
    GALE_ASSERT(!loop->running);
    own_close(loop->epoll_fd);
    own_close(loop->wake_fd);
    own_close(loop->timer_fd);
    own_close(loop->signal_fd);
    free(loop->watches);
    free(loop->heap);
    free(loop);
}

void loop_set_clock(struct loop *loop, loop_clock_fn *fn, void *argument)
{
    loop->clock = fn ? fn : clock_monotonic;
    loop->clock_argument = argument;
}

int64_t loop_now_ns(const struct loop *loop)
{
    return loop->clock(loop->clock_argument);
}

enum gale_err loop_use_timerfd(struct loop *loop)
{
    if (loop->timer_fd >= 0) {
        return GALE_OK;
    }
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) {
        return error_from_errno(errno);
    }
    if (own_add(loop, fd)) {
        enum gale_err err = error_from_errno(errno);
        close(fd);
        return err;
    }
    loop->timer_fd = fd;
    return GALE_OK;
}

enum gale_err loop_signals(struct loop *loop, const sigset_t *signals, loop_signal_fn *fn,
                           void *argument)
{
    GALE_ASSERT(fn);
    if (loop->signal_fd >= 0) {
        return GALE_ERR_EXISTS;
    }
    int fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return error_from_errno(errno);
    }
    if (own_add(loop, fd) || pthread_sigmask(SIG_BLOCK, signals, NULL)) {
        close(fd);
        return GALE_ERR_IO;
    }
    loop->signal_fd = fd;
    loop->signal_fn = fn;
    loop->signal_argument = argument;
    return GALE_OK;
}

void loop_wake(struct loop *loop)
{
    uint64_t one = 1;
    /* EAGAIN means that the counter is full, thus the loop awake already. */
    while (write(loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

/* ---- A round -------------------------------------------------------------------------------- */

static int wait_by_timerfd(struct loop *loop, struct epoll_event *events,
                           const struct timespec *wait)
{
    int timeout_ms = wait ? 0 : -1;
    struct itimerspec spec = {0};
    if (wait && (wait->tv_sec || wait->tv_nsec)) {
        spec.it_value = *wait;
        timeout_ms = -1;
    }
    int armed = timerfd_settime(loop->timer_fd, 0, &spec, NULL);
    GALE_ASSERT(armed == 0);
    return epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, timeout_ms);
}

/* Waits for events, at most `wait_ns`. @return their count; an interrupted wait has none. */
static int wait_events(struct loop *loop, struct epoll_event *events, int64_t wait_ns)
{
    int count;
    if (wait_ns <= 0) {
        count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, 0);
    } else {
        struct timespec span = {.tv_sec = wait_ns / NS_PER_S, .tv_nsec = wait_ns % NS_PER_S};
        const struct timespec *wait = wait_ns == LOOP_WAIT_FOREVER ? NULL : &span;
        if (loop->timer_fd >= 0) {
            count = wait_by_timerfd(loop, events, wait);
        } else {
            count = epoll_pwait2(loop->epoll_fd, events, EVENTS_PER_ROUND, wait, NULL);
            /* Kernels before 5.11 lack the call and some sandboxes refuse it. */
            if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
                enum gale_err err = loop_use_timerfd(loop);
                GALE_ASSERT(err == GALE_OK);
                count = wait_by_timerfd(loop, events, wait);
            }
        }
    }
    GALE_ASSERT(count >= 0 || errno == EINTR);
    return count < 0 ? 0 : count;
}

int loop_run_once(struct loop *loop, int64_t max_wait_ns)
{
    GALE_ASSERT(!loop->running);
    loop->running = true;
    int64_t wait_ns = max_wait_ns;
    if (wait_ns > 0 && loop->heap_count) {
        int64_t now_ns = loop_now_ns(loop);
        int64_t next_ns = loop->heap[0]->at_ns;
        /* The subtraction cannot overflow: both are past the clock's start where it is done. */
        int64_t until_ns = next_ns <= now_ns ? 0 : next_ns - (now_ns > 0 ? now_ns : 0);
        wait_ns = until_ns < wait_ns ? until_ns : wait_ns;
    }
    struct epoll_event events[EVENTS_PER_ROUND];
    int events_count = wait_events(loop, events, wait_ns);
    int callbacks = timers_run(loop);
    for (int i = 0; i < events_count; i++) {
        callbacks += event_run(loop, &events[i]);
    }
    loop->running = false;
    return callbacks;
}

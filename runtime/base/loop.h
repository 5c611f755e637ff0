/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An epoll loop: file descriptors (level-triggered), one-shot timers in monotonic nanoseconds, a
 * wake-up from other threads and signals as ordinary callbacks. It has no policy: what runs when
 * nothing is ready, and for how long to wait, is the caller's. One owner thread, which makes every
 * call except loop_wake; callbacks run on it inside loop_run_once and may add, change and remove
 * anything, themselves included. loop_run_once must not be called from a callback.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <gale/errors.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_FDS_MAX (1 << 20)    /* highest descriptor + 1 */
#define LOOP_TIMERS_MAX (1 << 20) /* armed at the same time */
#define LOOP_WAIT_FOREVER INT64_MAX

/* Events, a mask. LOOP_HANGUP (peer closed or error) is always watched and never asked for. */
#define LOOP_READ 1u
#define LOOP_WRITE 2u
#define LOOP_HANGUP 4u

struct loop;

typedef void loop_fd_fn(void *argument, int fd, unsigned events);
typedef void loop_timer_fn(void *argument, int64_t now_ns);
/** `pid` is the sender's process id, 0 for the kernel. */
typedef void loop_signal_fn(void *argument, int signal, int64_t pid);
typedef int64_t loop_clock_fn(void *argument);

/* A timer lies in its owner's memory, which must outlive the arming. Fields are the loop's. */
struct loop_timer {
    loop_timer_fn *fn;
    void *argument;
    int64_t at_ns;
    uint64_t order; /* equal times run in the order of arming */
    uint32_t place;
    struct loop_timer *due_prev, *due_next;
};

/** New loop with the monotonic clock. *error (may be NULL) says what failed: GALE_ERR_NOMEM,
 *  GALE_ERR_LIMIT (no file descriptor left), GALE_ERR_IO. */
enum gale_err loop_new(struct loop **out, struct gale_error *error);
/** Closes the loop's own descriptors, none of the watched ones; timers are forgotten. The signals
 *  of loop_signals stay blocked. NULL is nothing. */
void loop_free(struct loop *loop);

/** Replaces the clock (tests, simulation); NULL = the monotonic one. */
void loop_set_clock(struct loop *loop, loop_clock_fn *fn, void *argument);
/** The loop's clock. */
int64_t loop_now_ns(const struct loop *loop);
/** Waits by a timerfd instead of epoll_pwait2, as the loop does by itself where the kernel lacks
 *  that call. */
enum gale_err loop_use_timerfd(struct loop *loop);

/** Watches fd for events; fd stays the caller's and must be removed before it is closed.
 *  GALE_ERR_EXISTS, GALE_ERR_LIMIT, GALE_ERR_NOMEM; GALE_ERR_INVALID: a descriptor that cannot be
 *  watched (a regular file, for instance). */
enum gale_err loop_add(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn,
                       void *argument);
/** Changes the events of a watched fd; 0 leaves only LOOP_HANGUP. GALE_ERR_NOT_FOUND. */
enum gale_err loop_modify(struct loop *loop, int fd, unsigned events);
/** Stops watching; its callback does not run any more, not even in this round. Nothing when it
 *  is not watched. */
void loop_remove(struct loop *loop, int fd);

void loop_timer_init(struct loop_timer *timer, loop_timer_fn *fn, void *argument);
/** Arms it for `at_ns` of the loop's clock; an armed timer is moved. A time that has passed runs
 *  in the next round, never in the present one, so that a timer cannot starve the rest.
 *  GALE_ERR_NOMEM, GALE_ERR_LIMIT. */
enum gale_err loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t at_ns);
/** Disarms it; nothing when it is not armed. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
bool loop_timer_armed(const struct loop_timer *timer);
/** Time of the earliest timer, INT64_MAX when there is none. */
int64_t loop_next_ns(const struct loop *loop);

/**
 * One round: waits until a descriptor is ready, a timer is due, loop_wake was called or
 * `max_wait_ns` have passed (0 or less: does not wait), then runs the due timers in order and the
 * callbacks of ready descriptors.
 * @return the number of callbacks run.
 */
int loop_run_once(struct loop *loop, int64_t max_wait_ns);

/** Ends the present or the next wait. Any thread, signal handlers too; never blocks. */
void loop_wake(struct loop *loop);

/** Blocks `signals` in the calling thread (before other threads are started, so that they inherit
 *  it) and hands each one that arrives to fn. Once per loop. GALE_ERR_EXISTS, GALE_ERR_LIMIT,
 *  GALE_ERR_IO. */
enum gale_err loop_signals(struct loop *loop, const sigset_t *signals, loop_signal_fn *fn,
                           void *argument);

#endif

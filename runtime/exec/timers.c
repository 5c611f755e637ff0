/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticks, finish, timers and watched descriptors of tasks, run from the step loop, and only while the
 * task's output has room. Few of each: plain arrays. A tick or finish that returns GALE_ERR_AGAIN has more
 * to emit and is called again in a later step.
 */
#include "exec/internal.h"

#include <stdlib.h>

/* Those of blocked heads are left out: they wait for room, not for time. */
int64_t timers_next_ns(const struct exec *exec)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < exec->timers_count; i++) {
        const struct timer *timer = &exec->timers[i];
        if (timer->id != 0 && timer->at_ns < next && !head_blocked(exec, timer->task)) {
            next = timer->at_ns;
        }
    }
    for (uint32_t i = 0; i < exec->local_count; i++) {
        const struct task *task = exec->local[i];
        if (task->tick_at_ns < next && !head_blocked(exec, task)) {
            next = task->tick_at_ns;
        }
    }
    return next;
}

static void tick(struct exec *exec, struct task *task)
{
    int64_t period = task->component->tick_ms * 1000000;
    task->tick_at_ns += period;
    if (task->tick_at_ns <= exec->now_ns) { /* Missed ones are not made up for. */
        task->tick_at_ns = exec->now_ns + period;
    }
    /* Not noted as activity: a quick tick would keep the topology from ever counting as quiet. */
    enum gale_err err = task->component->bolt->tick(task->state, &task->head);
    bool more = err == GALE_ERR_AGAIN;
    if (more != ((task->more & MORE_TICK) != 0)) {
        task->more ^= MORE_TICK;
        exec->more_count += more ? 1u : UINT32_MAX;
    }
    if (more) {
        task->tick_at_ns = exec->now_ns;
        return;
    }
    call_result(task, err, "tick");
}

bool finish_run(struct exec *exec)
{
    bool ran = false;
    for (uint32_t i = 0; i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        turn_begin(exec);
        if ((task->more & MORE_FINISH) == 0 || head_must_wait(exec, task)) {
            continue;
        }
        enum gale_err err = task->component->bolt->finish(task->state, &task->head);
        exec->activity++;
        ran = true;
        if (err != GALE_ERR_AGAIN) {
            task->more &= ~MORE_FINISH;
            exec->more_count--;
            call_result(task, err, "finish");
        }
    }
    return ran;
}

static void fire(struct exec *exec, uint32_t index)
{
    struct timer timer = exec->timers[index];
    if (timer.period_ns > 0) {
        exec->timers[index].at_ns = exec->now_ns + timer.period_ns;
    } else {
        exec->timers[index].id = 0;
    }
    exec->activity++;
    timer.task->woken = true;
    call_result(timer.task, timer.fn(timer.task->state, &timer.task->head, timer.argument),
                "a timer");
}

/* Descriptors whose tasks have room again. */
static void fds_resume(struct exec *exec)
{
    for (uint32_t i = 0; i < exec->watched_count; i++) {
        struct watched *watched = &exec->watched[i];
        if (watched->held && !head_blocked(exec, watched->task)) {
            watched->held = false;
            enum gale_err err = exec->options.ports.watch(exec->options.ports.self, watched->fd,
                                                          watched->events);
            call_result(watched->task, err, "watching a descriptor again");
        }
    }
}

bool timers_run(struct exec *exec)
{
    if (exec->now_ns < exec->timers_at_ns) {
        return false;
    }
    bool ran = false;
    turn_begin(exec);
    fds_resume(exec);
    for (uint32_t i = 0; i < exec->timers_count; i++) {
        if (exec->timers[i].id != 0 && exec->timers[i].at_ns <= exec->now_ns &&
            !head_blocked(exec, exec->timers[i].task)) {
            fire(exec, i);
            turn_begin(exec);
            ran = true;
        }
    }
    for (uint32_t i = 0; i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        if (task->tick_at_ns <= exec->now_ns && !head_blocked(exec, task)) {
            tick(exec, task);
            turn_begin(exec); /* An overdue turn would count as blocked below, for all tasks. */
            ran = true;
        }
    }
    exec->timers_at_ns = timers_next_ns(exec);
    return ran;
}

enum gale_err gale_timer_start(struct gale_task *head, int64_t first_ms, int64_t period_ms,
                               gale_timer_fn fn, void *argument, uint32_t *id)
{
    struct task *task = task_of(head);
    struct exec *exec = task->exec;
    uint32_t index = 0;
    while (index < exec->timers_count && exec->timers[index].id != 0) {
        index++;
    }
    if (index == EXEC_TIMERS_MAX) {
        exec->limit_hits++;
        return GALE_ERR_LIMIT;
    }
    if (index == exec->timers_count) {
        exec->timers_count++;
    }
    exec->timers[index] = (struct timer){.at_ns = exec->now_ns + first_ms * 1000000,
                                         .period_ns = period_ms * 1000000,
                                         .task = task,
                                         .fn = fn,
                                         .argument = argument,
                                         .id = ++exec->timer_id};
    if (exec->timers[index].at_ns < exec->timers_at_ns) {
        exec->timers_at_ns = exec->timers[index].at_ns;
    }
    if (id) {
        *id = exec->timer_id;
    }
    return GALE_OK;
}

void gale_timer_stop(struct gale_task *head, uint32_t id)
{
    struct exec *exec = task_of(head)->exec;
    for (uint32_t i = 0; i < exec->timers_count; i++) {
        if (exec->timers[i].id == id && exec->timers[i].task == task_of(head)) {
            exec->timers[i].id = 0;
        }
    }
}

enum gale_err gale_fd_watch(struct gale_task *head, int fd, unsigned events, gale_fd_fn fn,
                            void *argument)
{
    struct task *task = task_of(head);
    struct exec *exec = task->exec;
    if (!exec->options.ports.watch) {
        return GALE_ERR_UNSUPPORTED;
    }
    uint32_t index = 0;
    while (index < exec->watched_count && exec->watched[index].fd != fd) {
        index++;
    }
    if (index == EXEC_FDS_MAX) {
        exec->limit_hits++;
        return GALE_ERR_LIMIT;
    }
    enum gale_err err = exec->options.ports.watch(exec->options.ports.self, fd, events);
    if (err != GALE_OK) {
        return err;
    }
    if (events == 0) {
        if (index < exec->watched_count) {
            exec->watched[index] = exec->watched[--exec->watched_count];
        }
        return GALE_OK;
    }
    if (index == exec->watched_count) {
        exec->watched_count++;
    }
    exec->watched[index] = (struct watched){
        .fd = fd, .events = events, .task = task, .fn = fn, .argument = argument};
    return GALE_OK;
}

void fds_end(struct exec *exec)
{
    for (uint32_t i = 0; i < exec->watched_count; i++) {
        (void)exec->options.ports.watch(exec->options.ports.self, exec->watched[i].fd, 0);
    }
    exec->watched_count = 0;
}

void exec_fd_ready(struct exec *exec, int fd, unsigned events)
{
    if (!exec->prepared) { /* A prepare failed: what is emitted would meet an unprepared bolt. */
        fds_end(exec);
        return;
    }
    turn_begin(exec); /* Slow calls of the one before are not this one's. */
    for (uint32_t i = 0; i < exec->watched_count; i++) {
        struct watched watched = exec->watched[i];
        if (watched.fd == fd && head_blocked(exec, watched.task)) {
            /* Level-triggered: it is ready again when it is watched again. */
            if (!watched.held &&
                exec->options.ports.watch(exec->options.ports.self, fd, 0) == GALE_OK) {
                exec->watched[i].held = true;
            }
            return;
        }
        if (watched.fd == fd) {
            exec->activity++;
            watched.task->woken = true;
            call_result(watched.task,
                        watched.fn(watched.task->state, &watched.task->head, fd, events,
                                   watched.argument),
                        "a descriptor's callback");
            return;
        }
    }
}

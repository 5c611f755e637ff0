/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executor's life and its step. A step is a list of phases: timers and ticks, bolts with a
 * filled inbox (downstream first, so that what was begun is finished), spouts; when none of these
 * moved anything, open batches are closed; then frames go out. See exec.h.
 */
#include "exec/internal.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)
#define EXEC_OPEN_NS \
    INT64_C(1000000) /* a batch of a slow stream in a busy worker stays open so long */
#define EXEC_FLUSH_NS INT64_C(200000) /* likewise acks and credits */

enum gale_err exec_restore(struct exec *exec, uint32_t task_id, struct message_bytes position,
                           struct gale_error *error)
{
    struct task *task = task_id <= exec->plan->tasks_count ? exec->tasks[task_id] : NULL;
    if (!task || !task->component->spout || !task->component->spout->restore ||
        position.size == 0) {
        return GALE_OK;
    }
    enum gale_err err =
        task->component->spout->restore(task->state, &task->head, position.data, position.size);
    if (err != GALE_OK) {
        return gale_error_set(error, err,
                              "spout \"%s\", task %u: its saved position cannot be used (%s); "
                              "run with --fresh to start over",
                              task->component->name, task_id, gale_err_name(err));
    }
    return GALE_OK;
}

static void hooks_prepare(struct task *task)
{
    for (uint32_t i = 0; i < task->component->hooks_count; i++) {
        const struct gale_task_hooks *hooks = task->component->hooks[i];
        if (hooks->prepare) {
            hooks->prepare(task->hook_states[i], &task->head, task->component->conf);
        }
    }
}

enum gale_err exec_prepare(struct exec *exec, int64_t now_ns, struct gale_error *error)
{
    exec->now_ns = now_ns;
    exec->last_step_ns = now_ns;
    exec->second_at_ns = now_ns + SECOND_NS;
    exec->sweep_at_ns = now_ns + exec->timeout_ns / 8;
    for (uint32_t i = 0; i < exec->plan->worker_hooks_count; i++) {
        exec->worker_resources[i] =
            exec->plan->worker_hooks[i]->start(gale_conf_get(exec->plan->conf, "conf"));
    }
    for (uint32_t i = 0; i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        const struct gale_bolt_ops *ops = task->component->bolt;
        if (!ops) {
            continue;
        }
        if (ops->tick && task->component->tick_ms > 0) {
            task->tick_at_ns = now_ns + task->component->tick_ms * 1000000;
        }
        enum gale_err err = GALE_OK;
        if (ops->prepare) {
            log_set_task(exec->plan->name, task->component->name, task->id);
            err = ops->prepare(task->state, &task->head, task->component->conf);
            log_set_task(NULL, NULL, 0);
        }
        if (err != GALE_OK) {
            return gale_error_set(error, err, "bolt \"%s\", task %u: prepare returned \"%s\"",
                                  task->component->name, task->id, gale_err_name(err));
        }
        hooks_prepare(task);
    }
    exec->timers_at_ns = timers_next_ns(exec);
    exec->prepared = true;
    return GALE_OK;
}

static enum gale_err spout_open(struct exec *exec, struct task *task, struct gale_error *error)
{
    const struct gale_spout_ops *ops = task->component->spout;
    log_set_task(exec->plan->name, task->component->name, task->id);
    enum gale_err err =
        ops->open ? ops->open(task->state, &task->head, task->component->conf) : GALE_OK;
    log_set_task(NULL, NULL, 0);
    if (err != GALE_OK) {
        return gale_error_set(error, err, "spout \"%s\", task %u: open returned \"%s\"",
                              task->component->name, task->id, gale_err_name(err));
    }
    task->opened = true;
    task->woken = true;
    hooks_prepare(task);
    return GALE_OK;
}

enum gale_err exec_activate(struct exec *exec, bool active, struct gale_error *error)
{
    if (exec->active == active) {
        return GALE_OK;
    }
    for (uint32_t i = 0; i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        const struct gale_spout_ops *ops = task->component->spout;
        if (!ops) {
            continue;
        }
        if (active && !task->opened) {
            enum gale_err err = spout_open(exec, task, error);
            if (err != GALE_OK) {
                return err;
            }
        }
        if (active ? ops->activate != NULL : ops->deactivate != NULL) {
            (active ? ops->activate : ops->deactivate)(task->state, &task->head);
        }
        task->woken = true;
    }
    exec->active = active;
    exec->activity++;
    return GALE_OK;
}

void exec_drain(struct exec *exec)
{
    exec->draining = true;
}

void exec_finish(struct exec *exec, uint32_t level)
{
    for (uint32_t i = 0; i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        const struct gale_bolt_ops *ops = task->component->bolt;
        if (ops && ops->finish && task->component->level == level &&
            (task->more & MORE_FINISH) == 0) {
            task->more |= MORE_FINISH;
            exec->more_count++;
        }
    }
}

void exec_cleanup(struct exec *exec)
{
    fds_end(exec);
    for (uint32_t i = 0; exec->prepared && i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        const struct plan_component *component = task->component;
        for (uint32_t k = 0; k < component->hooks_count; k++) {
            if (component->hooks[k]->cleanup && (component->bolt || task->opened)) {
                component->hooks[k]->cleanup(task->hook_states[k], &task->head);
            }
        }
        if (component->bolt && component->bolt->cleanup) {
            component->bolt->cleanup(task->state, &task->head);
        } else if (component->spout && task->opened && component->spout->close) {
            component->spout->close(task->state, &task->head);
        }
    }
    for (uint32_t i = 0; exec->prepared && i < exec->plan->worker_hooks_count; i++) {
        const struct gale_worker_hooks *hooks = exec->plan->worker_hooks[i];
        if (hooks->stop) {
            hooks->stop(exec->worker_resources[i]);
        }
    }
    exec->prepared = false;
}

/* A gap between two steps that the loop never makes by itself: the process was stopped. Timeouts
 * do not count it, else everything would fail falsely when it goes on. */
static void note_time(struct exec *exec, int64_t now_ns)
{
    int64_t gap = now_ns - exec->last_step_ns;
    if (gap > EXEC_PAUSE_NS) {
        exec->paused_ns += gap - EXEC_PAUSE_NS;
    }
    exec->last_step_ns = now_ns;
    exec->now_ns = now_ns;
}

static void adapt_sampling(struct task *task)
{
    uint64_t roots = task->roots_count - task->rate_roots;
    task->rate_roots = task->roots_count;
    task->latency_mask = roots < 50000 ? 0 : roots < 1000000 ? 63 : 255;
}

static double target_load(const struct exec *exec, const struct target *target)
{
    double size = exec->plan->inbox_size;
    if (target->task) {
        return target->lane ? (double)target->task->inbox_bytes / size : 0;
    }
    const struct peer *peer = target->lane->peer;
    if (!peer->up) {
        return 1; /* One that was never up has no credits yet. */
    }
    const struct credit *credit = &peer->credits[target->task_id];
    double left = credit->granted > credit->sent ? (double)(credit->granted - credit->sent) : 0;
    double load = 1 - left / size;
    return load < 0 ? 0 : load;
}

static void refresh_loads(struct exec *exec, struct task *task)
{
    for (uint32_t s = 0; s < task->routes_count; s++) {
        for (uint32_t o = 0; o < task->routes[s].outputs_count; o++) {
            struct output *output = &task->routes[s].outputs[o];
            if (output->kind != PLAN_LOAD_AWARE) {
                continue;
            }
            double *loads = calloc(output->targets_count, sizeof(*loads));
            for (uint32_t i = 0; loads && i < output->targets_count; i++) {
                loads[i] = target_load(exec, &output->targets[i]);
            }
            if (loads) {
                grouping_refresh(&output->grouping, loads);
            }
            free(loads);
        }
    }
}

static void housekeeping(struct exec *exec)
{
    if (exec->now_ns >= exec->second_at_ns) {
        exec->second_at_ns = exec->now_ns + SECOND_NS;
        for (uint32_t i = 0; i < exec->local_count; i++) {
            adapt_sampling(exec->local[i]);
            refresh_loads(exec, exec->local[i]);
        }
    }
    if (exec->timeout_ns > 0 && exec->now_ns >= exec->sweep_at_ns) {
        exec->sweep_at_ns = exec->now_ns + exec->timeout_ns / 8;
        acks_sweep(exec, 0);
    }
}

static bool run_bolts(struct exec *exec)
{
    bool ran = false;
    for (uint32_t i = exec->local_count; i-- > 0;) {
        if (exec->local[i]->inbox_first) {
            ran = inbox_run(exec, exec->local[i]) || ran;
        }
    }
    return ran;
}

static bool run_spouts(struct exec *exec)
{
    bool ran = false;
    for (uint32_t i = 0; i < exec->local_count; i++) {
        if (exec->local[i]->component->spout) {
            ran = spout_run(exec, exec->local[i]) || ran;
        }
    }
    return ran;
}

enum exec_answer exec_step(struct exec *exec, int64_t now_ns)
{
    note_time(exec, now_ns);
    if (!exec->prepared) {
        peers_flush(exec);
        return EXEC_IDLE;
    }
    housekeeping(exec);
    if (now_ns >= exec->taps_at_ns) {
        taps_run(exec);
    }
    bool ran = timers_run(exec);
    if (exec->more_count > 0) {
        ran = finish_run(exec) || ran;
    }
    ran = run_bolts(exec) || ran;
    ran = run_spouts(exec) || ran;
    turn_begin(exec); /* What follows is nobody's turn. */
    if (exec->waiting_lanes) {
        ran = lanes_send(exec) || ran;
    }
    if (exec->open_lanes && (!ran || now_ns - exec->closed_ns > EXEC_OPEN_NS)) {
        exec->closed_ns = now_ns;
        lanes_close_all(exec);
        ran = true;
    }
    if (!ran || exec->flush_due || now_ns - exec->flushed_ns > EXEC_FLUSH_NS) {
        peers_flush(exec);
    }
    return ran ? EXEC_BUSY : EXEC_IDLE;
}

static int64_t spout_next_ns(const struct exec *exec, const struct task *task)
{
    if (task->ends_count > 0) {
        return exec->now_ns;
    }
    if (!exec->active || exec->draining || !task->opened || head_blocked(exec, task) ||
        positions_blocked(task)) {
        return INT64_MAX;
    }
    uint32_t open = task->ledger.open_count - (task->spare_root ? 1 : 0);
    if (open >= task->component->max_pending || (task->done && !task->woken)) {
        return INT64_MAX;
    }
    int64_t next = task->woken ? exec->now_ns : task->wait_ns;
    return next > task->rests_until_ns ? next : task->rests_until_ns;
}

int64_t exec_next_ns(const struct exec *exec)
{
    if (!exec->prepared) {
        return peers_next_ns(exec);
    }
    int64_t next = exec->timers_at_ns;
    if (exec->timeout_ns > 0 && exec->sweep_at_ns < next) {
        next = exec->sweep_at_ns;
    }
    if (exec->second_at_ns < next) {
        next = exec->second_at_ns;
    }
    int64_t peers = peers_next_ns(exec);
    next = peers < next ? peers : next;
    for (uint32_t i = 0; i < exec->local_count; i++) {
        if (exec->local[i]->component->spout) {
            int64_t at = spout_next_ns(exec, exec->local[i]);
            next = at < next ? at : next;
        }
    }
    return next;
}

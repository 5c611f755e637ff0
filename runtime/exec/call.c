/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds the callbacks of components: sampled times, errors, task hooks. Off the hot path. */
#include "exec/internal.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum gale_err call_sampled(struct task *task, const struct gale_tuple *tuple)
{
    struct exec *exec = task->exec;
    int64_t before = exec->options.ports.clock(exec->options.ports.self);
    enum gale_err err = task->execute(task->state, &task->head, tuple);
    int64_t after = exec->options.ports.clock(exec->options.ports.self);
    bool often = task->sample_at < 4 * EXEC_SAMPLE_STEP || after - before > EXEC_SLOW_NS;
    task->sample_at += often ? 1 : EXEC_SAMPLE_STEP;
    if (exec->turn_ns == 0) {
        exec->turn_ns = before;
    } else if (after - exec->turn_ns > EXEC_TURN_NS && !exec->overdue) {
        exec->overdue = true;
        exec->full_lanes_count++;
    }
    hist_record(task->execute_ns, after > before ? (uint64_t)(after - before) : 0);
    return err;
}

void call_result(struct task *task, enum gale_err err, const char *what)
{
    if (err == GALE_OK || err == GALE_ERR_FAILED) {
        return;
    }
    task->count.errors++;
    gale_task_error(&task->head, "%s returned \"%s\"", what, gale_err_name(err));
}

void gale_task_error(struct gale_task *head, const char *format, ...)
{
    struct task *task = task_of(head);
    struct exec *exec = task->exec;
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_set_task(exec->plan->name, task->component->name, task->id);
    gale_log(GALE_LOG_ERROR, "%s", text);
    log_set_task(NULL, NULL, 0);
    if (exec->options.ports.event) {
        exec->options.ports.event(exec->options.ports.self, EVENT_COMPONENT_ERROR, 0, task->id,
                                  text);
    }
}

void gale_task_fatal(struct gale_task *head, const char *format, ...)
{
    struct task *task = task_of(head);
    struct exec *exec = task->exec;
    char reason[400];
    char text[500];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    snprintf(text, sizeof(text), "%s \"%s\": %s", task->component->spout ? "spout" : "bolt",
             task->component->name, reason);
    task->count.errors++;
    if (exec->options.ports.event) {
        exec->options.ports.event(exec->options.ports.self, EVENT_FATAL, 0, task->id, text);
    }
}

void hooks_executed(struct task *task, const struct gale_tuple *tuple)
{
    const struct plan_component *component = task->component;
    const struct gale_tuple_private *private = tuple->engine;
    for (uint32_t i = 0; i < component->hooks_count; i++) {
        const struct gale_task_hooks *hooks = component->hooks[i];
        if (hooks->bolt_execute) {
            hooks->bolt_execute(task->hook_states[i], &task->head, tuple);
        }
    }
    if ((private->flags & TUPLE_KEPT) != 0) {
        return; /* Told when the kept copy ends. */
    }
    if ((private->flags & TUPLE_FAILED) != 0) {
        hooks_settled(task, tuple, false);
    } else if ((private->flags & TUPLE_ACKED) != 0 || !task->manual) {
        hooks_settled(task, tuple, true);
    }
}

void hooks_settled(struct task *task, const struct gale_tuple *tuple, bool acked)
{
    const struct plan_component *component = task->component;
    for (uint32_t i = 0; i < component->hooks_count; i++) {
        const struct gale_task_hooks *hooks = component->hooks[i];
        if (acked ? hooks->bolt_ack != NULL : hooks->bolt_fail != NULL) {
            (acked ? hooks->bolt_ack : hooks->bolt_fail)(task->hook_states[i], &task->head,
                                                         tuple);
        }
    }
}

void hooks_emitted(struct task *task, unsigned stream, const struct gale_emit_options *options)
{
    const struct plan_component *component = task->component;
    for (uint32_t i = 0; i < component->hooks_count; i++) {
        if (component->hooks[i]->emit) {
            component->hooks[i]->emit(task->hook_states[i], &task->head, stream,
                                      options->tasks_count);
        }
    }
}

void hooks_ended(struct task *task, uint64_t message_id, bool acked, uint64_t latency_us)
{
    const struct plan_component *component = task->component;
    for (uint32_t i = 0; i < component->hooks_count; i++) {
        const struct gale_task_hooks *hooks = component->hooks[i];
        if (acked && hooks->spout_ack) {
            hooks->spout_ack(task->hook_states[i], &task->head, message_id, latency_us);
        } else if (!acked && hooks->spout_fail) {
            hooks->spout_fail(task->hook_states[i], &task->head, message_id);
        }
    }
}

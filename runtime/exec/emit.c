/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router: an emitted tuple lies encoded once in its task's scratch; each subscription's grouping
 * names the targets; a chained target is called at once with those very bytes, any other gets a
 * copy in its lane's open batch. The hot path of the engine; measured by bench/wordcount.yaml and
 * bench/identity.yaml. Never blocks: room was checked before the head was started.
 */
#include "exec/internal.h"

#include "base/log.h"
#include "codec/scan.h"
#include "core/heads.h"
#include "core/out.h"

#include <stdio.h>

/* The tuple was not settled the ordinary way: kept, acked or failed by hand, or with an error. */
static void settle_chained(struct task *task, const struct gale_tuple *tuple, enum gale_err err)
{
    struct gale_tuple_private *private = tuple->engine;
    struct scope *scope = private->scope;
    task->count.unsettled++;
    if (err != GALE_OK && (private->flags & (TUPLE_ACKED | TUPLE_FAILED)) == 0) {
        if (private->kept) {
            gale_fail(&task->head, &private->kept->tuple);
        } else {
            task->count.failed++;
        }
        private->flags |= TUPLE_FAILED;
        scope->failed = true;
        call_result(task, err, "execute");
    } else if ((private->flags & (TUPLE_ACKED | TUPLE_FAILED | TUPLE_KEPT)) != 0) {
        if (private->kept) { /* gale_ack, gale_fail and gale_tuple_keep did the rest. */
            private->kept->origin = NULL;
        }
    } else if (!task->manual) {
        task->count.unsettled--;
    } else if (scope->roots_count > 0) { /* An edge that nobody acks: the tree times out. */
        scope->value ^= next_seed(task->exec);
        scope->used = true;
    }
    if (task->hooked) {
        hooks_executed(task, tuple);
    }
}

EXEC_HOT static inline void call_chained(struct task *task, struct gale_tuple *tuple,
                                         struct scope *scope)
{
    struct gale_tuple_private private = {.scope = scope, .kept = NULL, .edge = 0, .flags = 0};
    tuple->engine = &private;
    task->scope = scope;
    enum gale_err err;
    if (GALE_LIKELY(++task->count.executed != task->sample_at)) {
        err = task->execute(task->state, &task->head, tuple);
    } else {
        err = call_sampled(task, tuple);
    }
    task->scope = NULL;
    if (!GALE_LIKELY(err == GALE_OK && private.flags == 0 && task->plain)) {
        settle_chained(task, tuple, err);
    }
}

static inline void tuple_init(struct gale_tuple *tuple, const struct task *task,
                              const struct route *route)
{
    const struct gale_out *out = &task->head.out;
    tuple->data = out->base;
    tuple->size = (uint32_t)(out->at - out->base);
    tuple->fields_count = (uint16_t)route->fields_count;
    tuple->input = 0;
    tuple->source_task = task->id;
    tuple->reserved = 0;
    tuple->engine = NULL;
}

EXEC_HOT static inline enum gale_err emit_to(struct task *task, const struct target *target,
                                             struct gale_tuple *tuple, struct scope *scope)
{
    if (target->chained) {
        call_chained(target->task, tuple, scope);
        return GALE_OK;
    }
    size_t room = (size_t)(task->head.out.end - task->head.out.base);
    return lane_append(task->exec, target->lane, tuple, room, scope);
}

static void note_task(struct gale_emit_options *options, const struct target *target)
{
    if (options) {
        if (options->tasks && options->tasks_count < options->tasks_max) {
            options->tasks[options->tasks_count] = target->task_id;
        }
        options->tasks_count++;
    }
}

static enum gale_err emit_many(struct task *task, struct output *output,
                               struct gale_tuple *tuple, struct scope *scope,
                               struct gale_emit_options *options)
{
    enum gale_err result = GALE_OK;
    uint32_t count = output->targets_count;
    const uint32_t *chosen = NULL;
    if (output->kind == PLAN_CUSTOM) {
        struct grouping *grouping = &output->grouping;
        uint32_t room = 4 * grouping->targets_count;
        count = grouping->custom->choose(grouping->custom_state, tuple, grouping->chosen, room);
        count = count < room ? count : room;
        chosen = grouping->chosen;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = chosen ? chosen[i] : i;
        if (index >= output->targets_count) {
            call_result(task, GALE_ERR_INVALID, "a custom grouping (target out of range)");
            continue;
        }
        note_task(options, &output->targets[index]);
        enum gale_err err = emit_to(task, &output->targets[index], tuple, scope);
        result = err != GALE_OK ? err : result;
    }
    return result;
}

static enum gale_err emit_direct(struct task *task, const struct route *route,
                                 struct gale_tuple *tuple, struct scope *scope,
                                 struct gale_emit_options *options)
{
    enum gale_err result = GALE_ERR_NOT_FOUND;
    for (uint32_t i = 0; i < route->outputs_count; i++) {
        struct output *output = &route->outputs[i];
        for (uint32_t k = 0; k < output->targets_count; k++) {
            if (output->targets[k].task_id == options->target_task) {
                tuple->input = output->input;
                note_task(options, &output->targets[k]);
                result = emit_to(task, &output->targets[k], tuple, scope);
            }
        }
    }
    return result;
}

/* An emit to a direct stream: it counts when the named task subscribes. */
static enum gale_err emit_to_named(struct task *task, unsigned stream, struct gale_tuple *tuple,
                                   struct scope *scope, struct gale_emit_options *options)
{
    if (!options || !(options->flags & GALE_EMIT_DIRECT)) {
        return GALE_ERR_INVALID;
    }
    enum gale_err err = emit_direct(task, &task->routes[stream], tuple, scope, options);
    if (err != GALE_ERR_NOT_FOUND) {
        task->count.emitted++;
        if (task->hooked) {
            hooks_emitted(task, stream, options);
        }
    }
    return err;
}

/* What is wrong with values that are not those of the stream. */
static void describe_values(const struct task *task, unsigned stream, char *text, size_t size)
{
    const char *name = task->component->streams[stream].name;
    unsigned fields = (unsigned)task->routes[stream].fields_count;
    unsigned values;
    uint64_t missing = out_missing(&task->head.out, &values);
    if (missing > 0) {
        snprintf(text, size, "emit to stream \"%s\": a list or map lacks %llu of its elements",
                 name, (unsigned long long)missing);
    } else if (values != fields) {
        snprintf(text, size, "emit: %u values put where stream \"%s\" has %u fields", values,
                 name, fields);
    } else {
        snprintf(text, size, "emit to stream \"%s\": values are nested deeper than %d levels",
                 name, HEAD_DEPTH_MAX);
    }
}

/* Says why a tuple cannot be emitted; GALE_OK when it can after all. */
static enum gale_err check_slowly(struct task *task, unsigned stream)
{
    const struct gale_out *out = &task->head.out;
    enum gale_err err = GALE_OK;
    char text[160];
    if (stream >= task->routes_count) {
        snprintf(text, sizeof(text), "emit to stream %u: only %u are declared", stream,
                 task->routes_count);
        err = GALE_ERR_INVALID;
    } else if (out_overflowed(out)) {
        snprintf(text, sizeof(text), "emit: a tuple larger than the limit of %zu bytes",
                 OUT_SIZE_MAX);
        err = GALE_ERR_LIMIT;
    } else if (out->values != task->routes[stream].fields_count ||
               scan_values(out->base, (size_t)(out->at - out->base), (uint64_t)out->values) !=
                   GALE_OK) {
        describe_values(task, stream, text, sizeof(text));
        err = GALE_ERR_INVALID;
    }
    if (err != GALE_OK) {
        task->count.errors++;
        gale_task_error(&task->head, "%s", text);
    }
    return err;
}

/* Every case: several outputs, groupings with many targets, lanes, hooks. */
EXEC_HOT static __attribute__((noinline)) enum gale_err emit_general(
    struct task *task, unsigned stream, struct scope *scope, struct gale_emit_options *options)
{
    struct gale_out *out = &task->head.out;
    if (!GALE_LIKELY(stream < task->routes_count &&
                     out->values == task->routes[stream].fields_count && out->nested == 0)) {
        enum gale_err err = check_slowly(task, stream);
        if (err != GALE_OK) {
            emit_refused(task);
            return err;
        }
    }
    struct route *route = &task->routes[stream];
    struct gale_tuple tuple;
    tuple_init(&tuple, task, route);
    enum gale_err result = GALE_OK;
    struct gale_emit_options counted;
    if (task->hooked && !options) { /* Hooks are told how many tasks were chosen. */
        counted = (struct gale_emit_options){.struct_size = sizeof(counted)};
        options = &counted;
    }
    if (!GALE_LIKELY(!route->special)) {
        if (route->taps > 0) {
            taps_offer(task, stream, &tuple);
        }
        if (route->direct) {
            result = emit_to_named(task, stream, &tuple, scope, options);
            if (result != GALE_OK) {
                emit_refused(task);
            }
            return result;
        }
    }
    task->count.emitted++;
    for (struct output *output = route->outputs, *end = output + route->outputs_count;
         output != end; output++) {
        tuple.input = output->input;
        uint32_t chosen = 0;
        if (output->kind != PLAN_GLOBAL) {
            if (output->kind == PLAN_ALL || output->kind == PLAN_CUSTOM) {
                enum gale_err err = emit_many(task, output, &tuple, scope, options);
                result = err != GALE_OK ? err : result;
                continue;
            }
            chosen = grouping_pick(&output->grouping, &tuple);
        }
        note_task(options, &output->targets[chosen]);
        enum gale_err err = emit_to(task, &output->targets[chosen], &tuple, scope);
        result = err != GALE_OK ? err : result;
    }
    if (task->hooked) {
        hooks_emitted(task, stream, options);
    }
    return result;
}

EXEC_HOT enum gale_err emit_scoped(struct task *task, unsigned stream, struct scope *scope,
                                   struct gale_emit_options *options)
{
    struct gale_out *out = &task->head.out;
    if (GALE_LIKELY(stream < task->routes_count && !options)) {
        const struct route *route = &task->routes[stream];
        if (route->simple && out->values == route->fields_count && out->nested == 0) {
            struct gale_tuple tuple;
            struct output *output = route->outputs;
            tuple_init(&tuple, task, route);
            tuple.input = output->input;
            task->count.emitted++;
            if (route->only) {
                call_chained(route->only, &tuple, scope);
                return GALE_OK;
            }
            uint32_t chosen = grouping_pick(&output->grouping, &tuple);
            return emit_to(task, &output->targets[chosen], &tuple, scope);
        }
    }
    return emit_general(task, stream, scope, options);
}

EXEC_HOT enum gale_err gale_emit(struct gale_task *head, unsigned stream)
{
    struct task *task = task_of(head);
    return emit_scoped(task, stream, task->scope ? task->scope : &task->exec->unanchored, NULL);
}

static enum gale_err emit_anchored(struct task *task, unsigned stream,
                                   struct gale_emit_options *options)
{
    struct anchors anchors;
    enum gale_err err = anchors_begin(task, options, &anchors);
    if (err != GALE_OK) {
        return err;
    }
    err = emit_scoped(task, stream, &anchors.scope, options);
    anchors_end(task, &anchors);
    return err;
}

static enum gale_err emit_with(struct task *task, unsigned stream,
                               struct gale_emit_options *options)
{
    bool spout = task->component->spout != NULL;
    options->tasks_count = 0;
    if (((options->flags & GALE_EMIT_ROOT) && !spout) ||
        ((options->flags & GALE_EMIT_ANCHORS) && spout)) {
        return GALE_ERR_STATE;
    }
    if ((options->flags & GALE_EMIT_DIRECT) && stream < task->routes_count &&
        !task->routes[stream].direct) {
        return GALE_ERR_INVALID;
    }
    if (options->flags & GALE_EMIT_ROOT) {
        return emit_root(task, stream, options->message_id, options->intended_ns, options);
    }
    if (options->flags & GALE_EMIT_ANCHORS) {
        return emit_anchored(task, stream, options);
    }
    return emit_scoped(task, stream, task->scope ? task->scope : &task->exec->unanchored,
                       options);
}

enum gale_err gale_emit_with(struct gale_task *head, unsigned stream,
                             struct gale_emit_options *options)
{
    struct task *task = task_of(head);
    enum gale_err err = emit_with(task, stream, options);
    if (err != GALE_OK) {
        emit_refused(task);
    }
    return err;
}

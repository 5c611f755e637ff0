/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's interface for a component on the bench: emits are recorded as text, acks and fails
 * are counted, timers and descriptors wait for gale_bench_advance. It takes the executor's place, so
 * a program links either this library or libgale, never both.
 */
#include "core/out.h"
#include "testing/bench.h"

#include <gale/gale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct gale_bench *bench_of(struct gale_task *task)
{
    return (struct gale_bench *)task;
}

static const struct gale_bench *bench_of_const(const struct gale_task *task)
{
    return (const struct gale_bench *)task;
}

static enum gale_err record(struct gale_task *task, unsigned stream, const uint64_t *id)
{
    struct gale_bench *bench = bench_of(task);
    struct gale_out *out = &task->out;
    struct buf text;
    if (stream >= bench->component->streams_count) {
        return GALE_ERR_INVALID;
    }
    const struct plan_stream *declared = &bench->component->streams[stream];
    enum gale_err err = out_check(out, declared->fields_count);
    if (err != GALE_OK) {
        return err;
    }
    buf_init(&text, 0);
    buf_printf(&text, "%s ", declared->name);
    err = bench_json_write(&text, out->base, (size_t)(out->at - out->base),
                           declared->fields_count);
    if (id != NULL) {
        buf_printf(&text, " #%llu", (unsigned long long)*id);
    }
    struct bench_emit *emit = malloc(sizeof(*emit) + text.size + 1);
    if (err == GALE_OK && emit != NULL) {
        memcpy(emit->text, text.data, text.size);
        emit->text[text.size] = '\0';
        emit->next = NULL;
        *(bench->last != NULL ? &bench->last->next : &bench->first) = emit;
        bench->last = emit;
    } else {
        free(emit);
        err = err != GALE_OK ? err : GALE_ERR_NOMEM;
    }
    buf_fini(&text);
    gale_begin(task);
    return err;
}

enum gale_err gale_emit(struct gale_task *task, unsigned stream)
{
    return record(task, stream, NULL);
}

enum gale_err gale_emit_root(struct gale_task *task, unsigned stream, uint64_t message_id)
{
    return record(task, stream, &message_id);
}

enum gale_err gale_emit_with(struct gale_task *task, unsigned stream,
                             struct gale_emit_options *options)
{
    bool is_root = (options->flags & GALE_EMIT_ROOT) != 0;
    bool has_anchors = (options->flags & GALE_EMIT_ANCHORS) != 0;
    if (is_root != (bench_of(task)->spout != NULL && is_root) ||
        (has_anchors && bench_of(task)->bolt == NULL)) {
        return GALE_ERR_STATE;
    }
    options->tasks_count = 1;
    if (options->tasks != NULL && options->tasks_max > 0) {
        options->tasks[0] = (options->flags & GALE_EMIT_DIRECT) ? options->target_task : 1;
    }
    return record(task, stream, is_root ? &options->message_id : NULL);
}

void gale_spout_wait(struct gale_task *task, int64_t at_ns)
{
    bench_of(task)->wait_ns = at_ns;
}

uint32_t gale_task_id(const struct gale_task *task)
{
    return bench_of_const(task)->component->first_task;
}

uint32_t gale_task_index(const struct gale_task *task)
{
    (void)task;
    return 0;
}

uint32_t gale_task_parallelism(const struct gale_task *task)
{
    return bench_of_const(task)->component->parallelism;
}

const char *gale_task_component(const struct gale_task *task)
{
    return bench_of_const(task)->component->name;
}

const char *gale_task_topology(const struct gale_task *task)
{
    return bench_of_const(task)->plan->name;
}

uint32_t gale_task_worker(const struct gale_task *task)
{
    (void)task;
    return 0;
}

int64_t gale_task_now_ns(const struct gale_task *task)
{
    return bench_of_const(task)->now_ns;
}

uint32_t gale_task_ids_of(const struct gale_task *task, const char *component, uint32_t *ids,
                          uint32_t ids_max)
{
    const struct plan *plan = bench_of_const(task)->plan;
    int index = plan_component_find(plan, component);
    if (index < 0) {
        return 0;
    }
    const struct plan_component *found = &plan->components[index];
    for (uint32_t i = 0; ids != NULL && i < found->parallelism && i < ids_max; i++) {
        ids[i] = found->first_task + i;
    }
    return found->parallelism;
}

void *gale_task_resource(const struct gale_task *task, const char *name)
{
    (void)task;
    (void)name;
    return NULL;
}

static const struct plan_stream *input_stream(const struct gale_task *task, unsigned input)
{
    const struct gale_bench *bench = bench_of_const(task);
    if (input >= bench->component->inputs_count) {
        return NULL;
    }
    const struct plan_input *entry = &bench->component->inputs[input];
    return &bench->plan->components[entry->source].streams[entry->stream];
}

int gale_task_field(const struct gale_task *task, unsigned input, const char *field)
{
    const struct plan_stream *stream = input_stream(task, input);
    for (unsigned i = 0; stream != NULL && i < stream->fields_count; i++) {
        if (strcmp(stream->fields[i], field) == 0) {
            return (int)i;
        }
    }
    return -1;
}

unsigned gale_task_inputs(const struct gale_task *task)
{
    return bench_of_const(task)->component->inputs_count;
}

unsigned gale_task_fields(const struct gale_task *task, unsigned input)
{
    const struct plan_stream *stream = input_stream(task, input);
    return stream != NULL ? stream->fields_count : 0;
}

const char *gale_task_field_name(const struct gale_task *task, unsigned input, unsigned field)
{
    const struct plan_stream *stream = input_stream(task, input);
    return stream != NULL && field < stream->fields_count ? stream->fields[field] : NULL;
}

int gale_task_stream(const struct gale_task *task, const char *stream)
{
    const struct plan_component *component = bench_of_const(task)->component;
    for (unsigned i = 0; i < component->streams_count; i++) {
        if (strcmp(component->streams[i].name, stream) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool gale_task_stream_used(const struct gale_task *task, unsigned stream)
{
    return stream < bench_of_const(task)->component->streams_count;
}

struct gale_tuple *gale_tuple_keep(struct gale_task *task, const struct gale_tuple *tuple)
{
    struct gale_bench *bench = bench_of(task);
    if (bench->kept_count == BENCH_KEPT_MAX || tuple != bench->current) {
        return NULL;
    }
    struct bench_kept *kept = malloc(sizeof(*kept) + tuple->size);
    if (kept == NULL) {
        return NULL;
    }
    kept->tuple = *tuple;
    kept->tuple.data = kept->bytes;
    memcpy(kept->bytes, tuple->data, tuple->size);
    kept->next = bench->kept;
    bench->kept = kept;
    bench->kept_count++;
    bench->current_ended = true;
    return &kept->tuple;
}

/* Ends a tuple once: a kept one is freed, the current one marked. False: it had ended before. */
static bool end_tuple(struct gale_bench *bench, const struct gale_tuple *tuple)
{
    if (tuple == bench->current) {
        bool was_ended = bench->current_ended;
        bench->current_ended = true;
        return !was_ended;
    }
    for (struct bench_kept **at = &bench->kept; *at != NULL; at = &(*at)->next) {
        struct bench_kept *kept = *at;
        if (&kept->tuple == tuple) {
            *at = kept->next;
            bench->kept_count--;
            free(kept);
            return true;
        }
    }
    return false;
}

void gale_ack(struct gale_task *task, const struct gale_tuple *tuple)
{
    bench_of(task)->acked += end_tuple(bench_of(task), tuple);
}

void gale_fail(struct gale_task *task, const struct gale_tuple *tuple)
{
    bench_of(task)->failed += end_tuple(bench_of(task), tuple);
}

void gale_reset_timeout(struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)task;
    (void)tuple;
}

enum gale_err gale_timer_start(struct gale_task *task, int64_t first_ms, int64_t period_ms,
                               gale_timer_fn fn, void *argument, uint32_t *id)
{
    struct gale_bench *bench = bench_of(task);
    for (unsigned i = 0; i < BENCH_TIMERS_MAX; i++) {
        struct bench_timer *timer = &bench->timers[i];
        if (timer->fn != NULL) {
            continue;
        }
        *timer = (struct bench_timer){
            .fn = fn,
            .argument = argument,
            .due_ns = bench->now_ns + first_ms * 1000000,
            .period_ns = period_ms * 1000000,
            .id = ++bench->timer_ids,
        };
        if (id != NULL) {
            *id = timer->id;
        }
        return GALE_OK;
    }
    return GALE_ERR_LIMIT;
}

void gale_timer_stop(struct gale_task *task, uint32_t id)
{
    struct gale_bench *bench = bench_of(task);
    for (unsigned i = 0; i < BENCH_TIMERS_MAX; i++) {
        if (bench->timers[i].id == id) {
            bench->timers[i].fn = NULL;
        }
    }
}

enum gale_err gale_fd_watch(struct gale_task *task, int fd, unsigned events, gale_fd_fn fn,
                            void *argument)
{
    struct gale_bench *bench = bench_of(task);
    struct bench_watch *place = NULL;
    for (unsigned i = 0; i < BENCH_WATCHES_MAX; i++) {
        struct bench_watch *watch = &bench->watches[i];
        if (watch->fn != NULL && watch->fd == fd) {
            place = watch;
            break;
        }
        place = place == NULL && watch->fn == NULL ? watch : place;
    }
    if (place == NULL) {
        return GALE_ERR_LIMIT;
    }
    *place = (struct bench_watch){events != 0 ? fn : NULL, argument, fd, events};
    return GALE_OK;
}

void gale_task_error(struct gale_task *task, const char *format, ...)
{
    struct gale_bench *bench = bench_of(task);
    va_list args;
    va_start(args, format);
    vsnprintf(bench->error_text, sizeof(bench->error_text), format, args);
    va_end(args);
    bench->errors++;
}

void gale_task_fatal(struct gale_task *task, const char *format, ...)
{
    struct gale_bench *bench = bench_of(task);
    va_list args;
    va_start(args, format);
    vsnprintf(bench->error_text, sizeof(bench->error_text), format, args);
    va_end(args);
    bench->errors++;
    bench->fatal = true;
}

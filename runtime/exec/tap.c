/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps: samples of the tuples of a stream, taken where they are emitted, behind an optional filter
 * (expression/expression.h). A tap never holds the stream up:
 *
 *   - a stream that nobody taps costs nothing: a tap turns its routes to the longer way of emit.c;
 *   - a tap has two allowances that grow with time, of samples and of filter evaluations. When one
 *     is used up it rests: its routes go back to the short way until the allowance has grown, and
 *     what passes meanwhile is counted by the task's own counter;
 *   - samples wait for the end of the step in a bounded queue and leave only when the wire has
 *     room. Whatever finds no room is skipped and counted.
 *
 *     LOOKING ──allowance used up──▶ RESTING ──taps_run, wake_at_ns──▶ LOOKING
 *
 * A task with several streams has no counter for each, so its taps do not rest; they count what
 * they skip one by one. All of it belongs to the engine thread.
 */
#include "exec/internal.h"

#include "expression/expression.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TAPS_MAX = 16,
    TAP_QUEUE_MAX = 64,     /* samples of one step */
    TAP_VALUES_MAX = 32768, /* bytes of one sample */
    TAP_RATE_MAX = 1000,    /* samples a second */
    TAP_ARRAY_HEAD_MAX = 3, /* bytes of the head of a msgpack array of up to 65535 */
    TAP_TEXT_SIZE = 640,
};
static const uint64_t tap_ms_max = 3600000;
static const int64_t second_ns = INT64_C(1000000000);
/* One evaluation is allowed for so much time: 20,000 a second, some thousandths of a core. */
static const int64_t tap_look_ns = 50000;
/* The most that is saved up of either allowance. */
static const int64_t tap_looks_ns_max = 10000000;
static const int64_t tap_samples_ns_max = INT64_C(1000000000);

/* A tapped task. */
struct tap_point {
    struct task *task;
    uint64_t rest_from; /* its emitted tuples when the rest began */
};

struct tap {
    uint64_t id;
    uint32_t rate_per_s; /* as it was asked for */
    char *filter;
    const struct plan_component *component;
    uint16_t stream;
    struct expression *where;     /* NULL: every tuple */
    int64_t sample_ns;            /* allowance that a sample takes */
    int64_t samples_ns, looks_ns; /* the allowances */
    int64_t grown_ns;             /* when they grew last */
    int64_t until_ns;
    int64_t told_ns; /* when `skipped` was looked at for a report */
    int64_t wake_at_ns;
    bool resting;
    uint64_t skipped, told_skipped;
    struct tap_point *points;
    uint32_t points_count;
};

struct tap_sample {
    uint64_t tap;
    uint32_t task;
    const char *stream;
    size_t offset, size; /* in taps->values */
    char text[64];
};

struct taps {
    struct tap items[TAPS_MAX];
    uint32_t count;
    struct tap_sample queue[TAP_QUEUE_MAX];
    uint32_t queued;
    struct buf values;
};

/* ---- Looking and resting ----------------------------------------------------------------------- */

static void route_look(struct route *route, bool look)
{
    route->taps = (uint8_t)(look ? route->taps + 1 : route->taps - 1);
    route->special = route->direct || route->taps > 0;
    route->simple = route->plain && route->taps == 0;
}

static uint64_t emitted_by(const struct task *task)
{
    return task->before.emitted + task->count.emitted;
}

static bool can_rest(const struct task *task)
{
    return task->routes_count == 1;
}

static void rest(struct exec *exec, struct tap *tap, int64_t wake_at_ns)
{
    tap->resting = true;
    tap->wake_at_ns = wake_at_ns;
    for (uint32_t i = 0; i < tap->points_count; i++) {
        struct tap_point *point = &tap->points[i];
        if (can_rest(point->task)) {
            point->rest_from = emitted_by(point->task);
            route_look(&point->task->routes[tap->stream], false);
        }
    }
    exec->taps_at_ns = wake_at_ns < exec->taps_at_ns ? wake_at_ns : exec->taps_at_ns;
}

static void count_rest(struct tap *tap)
{
    for (uint32_t i = 0; tap->resting && i < tap->points_count; i++) {
        struct tap_point *point = &tap->points[i];
        if (can_rest(point->task)) {
            uint64_t emitted = emitted_by(point->task);
            tap->skipped += emitted - point->rest_from;
            point->rest_from = emitted;
        }
    }
}

static void wake(struct tap *tap)
{
    count_rest(tap);
    for (uint32_t i = 0; tap->resting && i < tap->points_count; i++) {
        if (can_rest(tap->points[i].task)) {
            route_look(&tap->points[i].task->routes[tap->stream], true);
        }
    }
    tap->resting = false;
}

static void grow(struct tap *tap, int64_t now_ns)
{
    int64_t grown = now_ns - tap->grown_ns;
    tap->grown_ns = now_ns;
    tap->samples_ns += grown;
    tap->samples_ns =
        tap->samples_ns < tap_samples_ns_max ? tap->samples_ns : tap_samples_ns_max;
    tap->looks_ns += grown;
    tap->looks_ns = tap->looks_ns < tap_looks_ns_max ? tap->looks_ns : tap_looks_ns_max;
}

/* ---- One tuple --------------------------------------------------------------------------------- */

static enum gale_err append_values(struct buf *out, const struct gale_tuple *tuple)
{
    uint8_t head[TAP_ARRAY_HEAD_MAX] = {(uint8_t)(0x90u | tuple->fields_count)};
    size_t size = 1;
    if (tuple->fields_count > 15) {
        head[0] = 0xdc;
        head[1] = (uint8_t)(tuple->fields_count >> 8);
        head[2] = (uint8_t)(tuple->fields_count & 0xffu);
        size = sizeof(head);
    }
    enum gale_err err = buf_reserve(out, size + tuple->size);
    if (err == GALE_OK) {
        (void)buf_append(out, head, size);
        (void)buf_append(out, tuple->data, tuple->size);
    }
    return err;
}

/* False: no room. */
static bool queue(struct exec *exec, const struct tap *tap, const struct task *task,
                  const struct gale_tuple *tuple)
{
    struct taps *taps = exec->taps;
    if (taps->queued == TAP_QUEUE_MAX) {
        return false;
    }
    struct tap_sample *sample = &taps->queue[taps->queued];
    *sample = (struct tap_sample){.tap = tap->id,
                                  .task = task->id,
                                  .stream = tap->component->streams[tap->stream].name,
                                  .offset = taps->values.size};
    if (tuple->size > TAP_VALUES_MAX) {
        snprintf(sample->text, sizeof(sample->text), "a tuple of %u bytes is too large to show",
                 tuple->size);
    } else if (append_values(&taps->values, tuple) != GALE_OK) {
        return false;
    }
    sample->size = taps->values.size - sample->offset;
    taps->queued++;
    exec->taps_at_ns = 0;
    return true;
}

/* A tuple that is too large to show is not worth an evaluation of unbounded cost either. */
static bool passes(struct tap *tap, const struct gale_tuple *tuple)
{
    if (tap->where == NULL || tuple->size > TAP_VALUES_MAX) {
        return true;
    }
    tap->looks_ns -= tap_look_ns;
    struct gale_value value = expression_eval(tap->where, tuple);
    return expression_is_true(&value);
}

static void offer(struct exec *exec, struct tap *tap, struct task *task,
                  const struct gale_tuple *tuple)
{
    grow(tap, exec->now_ns);
    bool samples = tap->samples_ns >= tap->sample_ns;
    if (!samples || tap->looks_ns < tap_look_ns) {
        if (!can_rest(task)) {
            tap->skipped++;
        } else if (!tap->resting) { /* This tuple is counted with those of the rest. */
            rest(exec, tap,
                 exec->now_ns +
                     (samples ? tap_looks_ns_max : tap->sample_ns - tap->samples_ns));
        }
        return;
    }
    if (!passes(tap, tuple)) {
        return;
    }
    if (queue(exec, tap, task, tuple)) {
        tap->samples_ns -= tap->sample_ns;
    } else {
        tap->skipped++;
    }
}

void taps_offer(struct task *task, unsigned stream, const struct gale_tuple *tuple)
{
    struct taps *taps = task->exec->taps;
    for (uint32_t i = 0; i < taps->count; i++) {
        struct tap *tap = &taps->items[i];
        if (tap->component == task->component && tap->stream == stream) {
            offer(task->exec, tap, task, tuple);
        }
    }
}

/* ---- What is due by time ------------------------------------------------------------------------ */

static struct tap *find(struct taps *taps, uint64_t id)
{
    for (uint32_t i = 0; taps != NULL && i < taps->count; i++) {
        if (taps->items[i].id == id) {
            return &taps->items[i];
        }
    }
    return NULL;
}

static bool say(struct exec *exec, struct message_sample *sample)
{
    const struct exec_ports *ports = &exec->options.ports;
    return ports->sample == NULL || ports->sample(ports->self, sample);
}

static void say_reason(struct exec *exec, const struct message_tap *tap, const char *text)
{
    struct message_sample sample = {.tap = tap->tap, .stream = tap->stream, .text = text};
    (void)say(exec, &sample);
}

static void flush(struct exec *exec)
{
    struct taps *taps = exec->taps;
    for (uint32_t i = 0; i < taps->queued; i++) {
        const struct tap_sample *queued = &taps->queue[i];
        struct tap *tap = find(taps, queued->tap);
        struct message_sample sample = {
            .tap = queued->tap,
            .task = queued->task,
            .stream = queued->stream,
            .values = {queued->size > 0 ? taps->values.data + queued->offset : NULL,
                       queued->size},
            .skipped = tap ? tap->skipped : 0,
            .text = queued->text};
        bool left = say(exec, &sample);
        if (tap && left) {
            tap->told_skipped = tap->skipped;
        } else if (tap) {
            tap->skipped++;
        }
    }
    taps->queued = 0;
    buf_clear(&taps->values);
}

/* How many were skipped, when no sample has said it for a second. */
static void report(struct exec *exec, struct tap *tap)
{
    if (exec->now_ns - tap->told_ns < second_ns) {
        return;
    }
    tap->told_ns = exec->now_ns;
    if (tap->skipped != tap->told_skipped) {
        struct message_sample sample = {.tap = tap->id,
                                        .stream = tap->component->streams[tap->stream].name,
                                        .skipped = tap->skipped,
                                        .text = ""};
        if (say(exec, &sample)) {
            tap->told_skipped = tap->skipped;
        }
    }
}

static void tap_fini(struct tap *tap)
{
    expression_free(tap->where);
    free(tap->points);
    free(tap->filter);
}

static void end(struct taps *taps, struct tap *tap)
{
    for (uint32_t i = 0; i < tap->points_count; i++) {
        struct task *task = tap->points[i].task;
        if (!tap->resting || !can_rest(task)) {
            route_look(&task->routes[tap->stream], false);
        }
    }
    tap_fini(tap);
    *tap = taps->items[--taps->count];
    taps->items[taps->count] = (struct tap){0};
}

static int64_t tap_next_ns(const struct tap *tap)
{
    int64_t next = tap->told_ns + second_ns;
    next = tap->until_ns < next ? tap->until_ns : next;
    return tap->resting && tap->wake_at_ns < next ? tap->wake_at_ns : next;
}

void taps_run(struct exec *exec)
{
    struct taps *taps = exec->taps;
    flush(exec);
    exec->taps_at_ns = INT64_MAX;
    for (uint32_t i = taps->count; i-- > 0;) {
        struct tap *tap = &taps->items[i];
        if (exec->now_ns >= tap->until_ns) {
            end(taps, tap);
            continue;
        }
        if (tap->resting && exec->now_ns >= tap->wake_at_ns) {
            wake(tap);
        }
        count_rest(tap);
        report(exec, tap);
        int64_t next = tap_next_ns(tap);
        exec->taps_at_ns = next < exec->taps_at_ns ? next : exec->taps_at_ns;
    }
}

/* ---- Beginning and ending ------------------------------------------------------------------------ */

/* Index of a stream; "" is the default one, or the first where there is none. -1: no such. */
static int stream_of(const struct plan_component *component, const char *name)
{
    const char *wanted = *name != '\0' ? name : "default";
    for (int i = 0; i < component->streams_count; i++) {
        if (strcmp(component->streams[i].name, wanted) == 0) {
            return i;
        }
    }
    return *name == '\0' && component->streams_count > 0 ? 0 : -1;
}

static bool bind(struct expression *where, const struct plan_stream *stream, char *text,
                 size_t size)
{
    for (unsigned f = 0; f < expression_fields_count(where); f++) {
        const char *name = expression_field(where, f);
        unsigned at = 0;
        while (at < stream->fields_count && strcmp(stream->fields[at], name) != 0) {
            at++;
        }
        if (at == stream->fields_count) {
            snprintf(text, size, "where: stream \"%s\" has no field `%s`", stream->name, name);
            return false;
        }
        expression_bind(where, 0, f, at);
    }
    return true;
}

/* The filter, if any. False: `text` says what is wrong with it. */
static bool filter_init(struct tap *tap, const char *filter, char *text, size_t size)
{
    struct gale_error error = {0};
    if (*filter == '\0') {
        return true;
    }
    if (expression_new(filter, &tap->where, &error) != GALE_OK) {
        snprintf(text, size, "where: %s", error.text);
        return false;
    }
    return bind(tap->where, &tap->component->streams[tap->stream], text, size);
}

static bool points_init(struct exec *exec, struct tap *tap)
{
    tap->points = calloc(tap->component->parallelism, sizeof(*tap->points));
    for (uint32_t i = 0; tap->points && i < tap->component->parallelism; i++) {
        struct task *task = exec->tasks[tap->component->first_task + i];
        if (task) {
            tap->points[tap->points_count++].task = task;
        }
    }
    return tap->points != NULL;
}

/* Fills a tap in. False: `text` says why there is none. */
static bool tap_init(struct exec *exec, struct tap *tap, const struct message_tap *wanted,
                     char *text, size_t size)
{
    int component = plan_component_find(exec->plan, wanted->component);
    if (component < 0) {
        snprintf(text, size, "there is no component \"%s\"", wanted->component);
        return false;
    }
    tap->component = &exec->plan->components[component];
    int stream = stream_of(tap->component, wanted->stream);
    if (stream < 0) {
        snprintf(text, size, "component \"%s\" has no stream \"%s\"", wanted->component,
                 wanted->stream);
        return false;
    }
    tap->stream = (uint16_t)stream;
    tap->filter = strdup(wanted->filter);
    if (!tap->filter || !points_init(exec, tap)) {
        snprintf(text, size, "no memory for the tap");
        return false;
    }
    return filter_init(tap, wanted->filter, text, size);
}

static struct taps *taps_new(void)
{
    struct taps *taps = calloc(1, sizeof(*taps));
    if (taps) {
        buf_init(&taps->values, TAP_QUEUE_MAX * (size_t)(TAP_VALUES_MAX + TAP_ARRAY_HEAD_MAX));
    }
    return taps;
}

static int64_t until_ns(const struct message_tap *wanted, int64_t now_ns)
{
    uint64_t for_ms = wanted->for_ms < tap_ms_max ? wanted->for_ms : tap_ms_max;
    return now_ns + (int64_t)for_ms * 1000000;
}

/* Taps are asked for again and again, so that new processes hear of them: that is no new tap. */
static bool is_same(const struct tap *tap, const struct message_tap *wanted)
{
    return tap->rate_per_s == wanted->rate_per_s &&
           strcmp(tap->component->name, wanted->component) == 0 &&
           stream_of(tap->component, wanted->stream) == tap->stream &&
           strcmp(tap->filter, wanted->filter) == 0;
}

static void begin(struct exec *exec, const struct message_tap *wanted, int64_t now_ns)
{
    char text[TAP_TEXT_SIZE] = "no memory for the tap";
    exec->taps = exec->taps ? exec->taps : taps_new();
    if (!exec->taps || exec->taps->count == TAPS_MAX) {
        if (exec->taps) {
            snprintf(text, sizeof(text), "this worker has %d taps already", TAPS_MAX);
        }
        say_reason(exec, wanted, text);
        return;
    }
    uint32_t rate = wanted->rate_per_s < TAP_RATE_MAX ? wanted->rate_per_s : TAP_RATE_MAX;
    struct tap tap = {.id = wanted->tap,
                      .rate_per_s = wanted->rate_per_s,
                      .sample_ns = second_ns / rate,
                      .samples_ns = tap_samples_ns_max,
                      .looks_ns = tap_looks_ns_max,
                      .grown_ns = now_ns,
                      .until_ns = until_ns(wanted, now_ns),
                      .told_ns = now_ns};
    bool good = tap_init(exec, &tap, wanted, text, sizeof(text));
    if (!good) {
        say_reason(exec, wanted, text);
    }
    if (!good || tap.points_count == 0) {
        tap_fini(&tap);
        return;
    }
    for (uint32_t i = 0; i < tap.points_count; i++) {
        route_look(&tap.points[i].task->routes[tap.stream], true);
    }
    exec->taps->items[exec->taps->count++] = tap;
    exec->taps_at_ns = 0;
}

void exec_tap(struct exec *exec, const struct message_tap *tap, int64_t now_ns)
{
    struct tap *present = find(exec->taps, tap->tap);
    if (present && is_same(present, tap)) {
        present->until_ns = until_ns(tap, now_ns);
        return;
    }
    if (present) {
        end(exec->taps, present);
    }
    if (tap->rate_per_s > 0) {
        begin(exec, tap, now_ns);
    }
}

void taps_fini(struct exec *exec)
{
    struct taps *taps = exec->taps;
    if (taps) {
        for (uint32_t i = 0; i < taps->count; i++) {
            tap_fini(&taps->items[i]);
        }
        buf_fini(&taps->values);
        free(taps);
    }
}

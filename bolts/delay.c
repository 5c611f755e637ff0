/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `delay`: passes tuples on unchanged, but late or slowly; for tests and benchmarks of slow
 * and asynchronous bolts. With `ms` a tuple is kept and emitted by a timer, so the task goes on
 * meanwhile; with `busy_us` execute spins for that long and holds up its whole worker, with
 * `sleep_us` it sleeps, which leaves the processor to others. When the
 * task keeps as many tuples as the engine allows, the next one fails and is replayed.
 *
 * All tuples wait equally long, so they leave in the order in which they came and one timer for the
 * oldest is enough. Owned by its task; all calls on the engine thread.
 */
#include "bolts/builtin.h"
#include "bolts/inputs.h"

#include <errno.h>
#include <gale/gale.h>
#include <stdlib.h>
#include <time.h>

#define DELAY_MS_MAX 3600000
#define DELAY_BUSY_US_MAX 10000000
#define DELAY_SLEEP_US_MAX 10000000
#define DELAY_CAPACITY_FIRST 64
#define NS_PER_MS 1000000

struct waiting {
    struct gale_tuple *tuple;
    int64_t due_ns;
};

struct delay {
    int64_t delay_ns;
    int64_t busy_ns;
    int64_t sleep_ns;
    struct waiting *ring; /* `capacity` entries, a power of two. */
    size_t capacity;
    size_t head;
    size_t count;
    bool timer_runs;
};

static const struct gale_option options[] = {
    {"ms", GALE_OPTION_DURATION, false, "0",
     "How long a tuple is kept before it is passed on, 0 to 1h."},
    {"busy_us", GALE_OPTION_INT, false, "0",
     "Microseconds that each execute keeps the processor busy, 0 to 10000000."},
    {"sleep_us", GALE_OPTION_INT, false, "0",
     "Microseconds that each execute sleeps, 0 to 10000000."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err delay_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    int64_t ms = gale_conf_duration_ms(conf, "ms", 0);
    int64_t busy_us = gale_conf_int64(conf, "busy_us", 0);
    if (ms < 0 || ms > DELAY_MS_MAX) {
        gale_declare_error(declare, "ms", "ms must be 0 to 1h");
        return GALE_ERR_INVALID;
    }
    if (busy_us < 0 || busy_us > DELAY_BUSY_US_MAX) {
        gale_declare_error(declare, "busy_us", "busy_us must be 0 to %d", DELAY_BUSY_US_MAX);
        return GALE_ERR_INVALID;
    }
    int64_t sleep_us = gale_conf_int64(conf, "sleep_us", 0);
    if (sleep_us < 0 || sleep_us > DELAY_SLEEP_US_MAX) {
        gale_declare_error(declare, "sleep_us", "sleep_us must be 0 to %d", DELAY_SLEEP_US_MAX);
        return GALE_ERR_INVALID;
    }
    return inputs_declare_same(declare);
}

static enum gale_err delay_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    struct delay *delay = state;
    (void)task;
    delay->delay_ns = gale_conf_duration_ms(conf, "ms", 0) * NS_PER_MS;
    delay->busy_ns = gale_conf_int64(conf, "busy_us", 0) * 1000;
    delay->sleep_ns = gale_conf_int64(conf, "sleep_us", 0) * 1000;
    return GALE_OK;
}

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The engine's clock stands still during a callback, so spinning needs the real one. */
static void spin(int64_t ns)
{
    int64_t end = clock_ns() + ns;
    while (clock_ns() < end) {
    }
}

/* To a moment and not for a while, so that a signal in between does not lengthen it. */
static void sleep_for(int64_t ns)
{
    int64_t end = clock_ns() + ns;
    const struct timespec at = {.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

static bool grow(struct delay *delay)
{
    size_t capacity = delay->capacity == 0 ? DELAY_CAPACITY_FIRST : delay->capacity * 2;
    struct waiting *ring = malloc(capacity * sizeof(*ring));
    if (ring == NULL) {
        return false;
    }
    for (size_t i = 0; i < delay->count; i++) {
        ring[i] = delay->ring[(delay->head + i) & (delay->capacity - 1)];
    }
    free(delay->ring);
    delay->ring = ring;
    delay->capacity = capacity;
    delay->head = 0;
    return true;
}

static enum gale_err release_due(void *state, struct gale_task *task, void *argument);

static enum gale_err start_timer(struct delay *delay, struct gale_task *task)
{
    int64_t wait_ns = delay->ring[delay->head].due_ns - gale_task_now_ns(task);
    int64_t wait_ms = wait_ns > 0 ? (wait_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    enum gale_err err = gale_timer_start(task, wait_ms, 0, release_due, NULL, NULL);
    delay->timer_runs = err == GALE_OK;
    return err;
}

static void release(struct gale_task *task, struct gale_tuple *tuple)
{
    const struct gale_tuple *anchor = tuple;
    struct gale_emit_options emit = {
        .struct_size = sizeof(emit),
        .flags = GALE_EMIT_ANCHORS,
        .anchors = &anchor,
        .anchors_count = 1,
    };
    enum gale_err err = gale_put_fields(gale_begin(task), tuple, 0, tuple->fields_count);
    if (err == GALE_OK) {
        err = gale_emit_with(task, 0, &emit);
    }
    if (err == GALE_OK) {
        gale_ack(task, tuple);
    } else {
        gale_fail(task, tuple);
    }
}

static enum gale_err release_due(void *state, struct gale_task *task, void *argument)
{
    struct delay *delay = state;
    int64_t now = gale_task_now_ns(task);
    (void)argument;
    delay->timer_runs = false;
    while (delay->count > 0 && delay->ring[delay->head].due_ns <= now) {
        struct gale_tuple *tuple = delay->ring[delay->head].tuple;
        delay->head = (delay->head + 1) & (delay->capacity - 1);
        delay->count--;
        release(task, tuple);
    }
    return delay->count > 0 ? start_timer(delay, task) : GALE_OK;
}

static enum gale_err delay_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct delay *delay = state;
    if (tuple->input == GALE_INPUT_TICK) {
        return GALE_OK;
    }
    if (delay->busy_ns > 0) {
        spin(delay->busy_ns);
    }
    if (delay->sleep_ns > 0) {
        sleep_for(delay->sleep_ns);
    }
    if (delay->delay_ns == 0) {
        enum gale_err err = gale_put_fields(gale_begin(task), tuple, 0, tuple->fields_count);
        return err != GALE_OK ? err : gale_emit(task, 0);
    }
    if (delay->count == delay->capacity && !grow(delay)) {
        return GALE_ERR_NOMEM;
    }
    struct gale_tuple *kept = gale_tuple_keep(task, tuple);
    if (kept == NULL) {
        return GALE_ERR_FAILED;
    }
    delay->ring[(delay->head + delay->count) & (delay->capacity - 1)] =
        (struct waiting){kept, gale_task_now_ns(task) + delay->delay_ns};
    delay->count++;
    return delay->timer_runs ? GALE_OK : start_timer(delay, task);
}

static void delay_cleanup(void *state, struct gale_task *task)
{
    struct delay *delay = state;
    for (size_t i = 0; i < delay->count; i++) {
        gale_fail(task, delay->ring[(delay->head + i) & (delay->capacity - 1)].tuple);
    }
    free(delay->ring);
}

const struct gale_bolt_ops delay_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "delay",
    .state_size = sizeof(struct delay),
    .options = options,
    .help =
        "Passes tuples on late (ms) or slowly (busy_us, sleep_us), for tests of slow bolts.",
    .declare = delay_declare,
    .prepare = delay_prepare,
    .execute = delay_execute,
    .cleanup = delay_cleanup,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the test bench (public face: gale/test.h): one component, a recorded output, a clock that
 * the test moves. bench.c makes and drives it, bench_engine.c is the engine's interface towards the
 * component, bench_json.c turns values into text and back, bench_options.c reads options. One thread.
 */
#ifndef TESTING_BENCH_H
#define TESTING_BENCH_H

#include "base/buf.h"
#include "base/conf.h"
#include "core/plan.h"

#include <gale/test.h>

#define BENCH_TIMERS_MAX 64
#define BENCH_WATCHES_MAX 16
#define BENCH_KEPT_MAX 65536
#define BENCH_START_NS INT64_C(1000000000)

struct bench_kept {
    struct gale_tuple tuple;
    struct bench_kept *next;
    uint8_t bytes[];
};

struct bench_emit {
    struct bench_emit *next;
    char text[];
};

struct bench_timer {
    gale_timer_fn fn; /* NULL: free. */
    void *argument;
    int64_t due_ns;
    int64_t period_ns;
    uint32_t id;
};

struct bench_watch {
    gale_fd_fn fn; /* NULL: free. */
    void *argument;
    int fd;
    unsigned events;
};

struct gale_bench {
    struct gale_task task;        /* First: the component sees this. */
    struct gale_spout_ops source; /* Stands before a bolt. */
    const struct gale_bolt_ops *bolt;
    const struct gale_spout_ops *spout;
    struct gale_conf *tree;
    struct plan *plan;
    const struct plan_component *component;
    void *state;
    int64_t now_ns;
    int64_t wait_ns;
    int64_t tick_ns; /* Next one; INT64_MAX: none. */
    struct bench_emit *first;
    struct bench_emit *last;
    char *taken;
    struct bench_kept *kept;
    unsigned kept_count;
    const struct gale_tuple *current;
    bool current_ended; /* Kept, acked or failed. */
    uint64_t acked;
    uint64_t failed;
    uint64_t errors;
    bool fatal;           /* gale_task_fatal was called. */
    char error_text[512]; /* Of the last gale_task_error or gale_task_fatal. */
    uint32_t timer_ids;
    struct bench_timer timers[BENCH_TIMERS_MAX];
    struct bench_watch watches[BENCH_WATCHES_MAX];
    bool is_started;
};

/** Spout bench that restores a saved position first; otherwise as gale_bench_spout. */
struct gale_bench *bench_spout_at(const struct gale_spout_ops *ops, const char *options,
                                  const void *position, size_t position_size,
                                  struct gale_error *error);
/** Calls the spout's save. */
size_t bench_save(struct gale_bench *bench, uint64_t low_id, void *out, size_t out_size);
/** Text of the last gale_task_error, "" when there was none. */
const char *bench_error(const struct gale_bench *bench);

/** Adds lines "key: value" to a map; values are scalars, 'texts', [lists] or {maps} of scalars. */
enum gale_err bench_options(struct gale_conf *map, const char *text, struct gale_error *error);
/** Puts the elements of a JSON array. GALE_ERR_INVALID for anything else. */
enum gale_err bench_json_read(struct gale_out *out, const char *json);
/** Appends the values as a JSON array. */
enum gale_err bench_json_write(struct buf *out, const uint8_t *data, size_t size,
                               unsigned count);

#endif

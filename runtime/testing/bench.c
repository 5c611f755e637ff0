/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test bench for one component (gale/test.h): compiles a topology of that component alone, so
 * that its options and fields are checked as in a real one, then runs its callbacks one by one. No
 * thread, no process, no real clock. All memory belongs to the bench.
 */
#include "testing/bench.h"
#include "core/out.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENT_NAME "bench"

static const struct gale_spout_ops *find_spout(void *self, const char *module, const char *name,
                                               struct gale_error *error)
{
    struct gale_bench *bench = self;
    (void)module;
    (void)name;
    (void)error;
    return bench->spout != NULL ? bench->spout : &bench->source;
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *module, const char *name,
                                             struct gale_error *error)
{
    struct gale_bench *bench = self;
    (void)module;
    (void)name;
    (void)error;
    return bench->bolt;
}

static const struct gale_grouping_ops *find_grouping(void *self, const char *module,
                                                     const char *name, struct gale_error *error)
{
    (void)self;
    (void)module;
    gale_error_set(error, GALE_ERR_NOT_FOUND, "no grouping %s on the bench", name);
    return NULL;
}

static const struct gale_task_hooks *find_task_hooks(void *self, const char *name,
                                                     struct gale_error *error)
{
    (void)self;
    gale_error_set(error, GALE_ERR_NOT_FOUND, "no hooks %s on the bench", name);
    return NULL;
}

static const struct gale_worker_hooks *find_worker_hooks(void *self, const char *name,
                                                         struct gale_error *error)
{
    (void)self;
    gale_error_set(error, GALE_ERR_NOT_FOUND, "no hooks %s on the bench", name);
    return NULL;
}

static const char *const *no_names(void *self, const char *module, char kind)
{
    static const char *const names[] = {NULL};
    (void)self;
    (void)module;
    (void)kind;
    return names;
}

static enum gale_next source_next(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_NEXT_DONE;
}

/* name: bench, the component under `spouts` or `bolts`, and a source before a bolt. */
static enum gale_err build_tree(struct gale_bench *bench, const char *options,
                                struct gale_error *error)
{
    struct gale_conf *spouts = NULL;
    struct gale_conf *bolts = NULL;
    struct gale_conf *node = NULL;
    struct gale_conf *from = NULL;
    bool is_bolt = bench->bolt != NULL;
    const char *first = is_bolt ? "source" : COMPONENT_NAME;
    bench->tree = conf_new();
    if (bench->tree == NULL ||
        conf_add_scalar(bench->tree, "name", "bench", true, NULL) != GALE_OK ||
        conf_add_map(bench->tree, "spouts", &spouts) != GALE_OK ||
        conf_add_map(spouts, first, &node) != GALE_OK ||
        conf_add_scalar(node, "type", first, true, NULL) != GALE_OK) {
        return gale_error_set(error, GALE_ERR_NOMEM, "out of memory");
    }
    if (is_bolt && (conf_add_map(bench->tree, "bolts", &bolts) != GALE_OK ||
                    conf_add_map(bolts, COMPONENT_NAME, &node) != GALE_OK ||
                    conf_add_scalar(node, "type", COMPONENT_NAME, true, NULL) != GALE_OK ||
                    conf_add_list(node, "from", &from) != GALE_OK ||
                    conf_add_map(from, NULL, &from) != GALE_OK ||
                    conf_add_scalar(from, "source", "shuffle", true, NULL) != GALE_OK)) {
        return gale_error_set(error, GALE_ERR_NOMEM, "out of memory");
    }
    return bench_options(node, options, error);
}

static enum gale_err compile(struct gale_bench *bench, struct gale_error *error)
{
    struct registry registry = {
        .self = bench,
        .spout = find_spout,
        .bolt = find_bolt,
        .grouping = find_grouping,
        .task_hooks = find_task_hooks,
        .worker_hooks = find_worker_hooks,
        .names = no_names,
    };
    struct diag diag;
    diag_init(&diag);
    enum gale_err err = plan_compile(bench->tree, &registry, &diag, &bench->plan);
    for (size_t i = 0; err != GALE_OK && i < diag.count; i++) {
        const struct diag_item *item = &diag.items[i];
        if (!item->warning) {
            gale_error_set(error, err, "%s%s%s", item->text, item->hint[0] != '\0' ? "; " : "",
                           item->hint);
            break;
        }
    }
    diag_fini(&diag);
    if (err == GALE_OK) {
        int index = plan_component_find(bench->plan, COMPONENT_NAME);
        bench->component = &bench->plan->components[index];
    }
    return err;
}

static enum gale_err start(struct gale_bench *bench, const void *position, size_t position_size)
{
    const struct gale_conf *conf = bench->component->conf;
    size_t state_size =
        bench->bolt != NULL ? bench->bolt->state_size : bench->spout->state_size;
    enum gale_err err = GALE_OK;
    bench->state = calloc(1, state_size > 0 ? state_size : 1);
    if (bench->state == NULL || !out_init(&bench->task.out, 4096)) {
        return GALE_ERR_NOMEM;
    }
    bench->is_started = true;
    bench->now_ns = BENCH_START_NS;
    bench->tick_ns = bench->component->tick_ms > 0
                         ? bench->now_ns + bench->component->tick_ms * 1000000
                         : INT64_MAX;
    if (bench->bolt != NULL) {
        return bench->bolt->prepare != NULL
                   ? bench->bolt->prepare(bench->state, &bench->task, conf)
                   : GALE_OK;
    }
    if (position != NULL && bench->spout->restore != NULL) {
        err = bench->spout->restore(bench->state, &bench->task, position, position_size);
    }
    if (err == GALE_OK && bench->spout->open != NULL) {
        err = bench->spout->open(bench->state, &bench->task, conf);
    }
    if (err == GALE_OK && bench->spout->activate != NULL) {
        bench->spout->activate(bench->state, &bench->task);
    }
    return err;
}

static struct gale_bench *bench_new(const struct gale_bolt_ops *bolt,
                                    const struct gale_spout_ops *spout,
                                    const char *input_fields)
{
    struct gale_bench *bench = calloc(1, sizeof(*bench));
    if (bench == NULL) {
        return NULL;
    }
    bench->bolt = bolt;
    bench->spout = spout;
    bench->source = (struct gale_spout_ops){
        GALE_SPOUT_HEAD,
        .name = "source",
        .fields = input_fields,
        .next = source_next,
    };
    return bench;
}

/* Completes a new bench or frees it. */
static struct gale_bench *complete(struct gale_bench *bench, const char *options,
                                   const void *position, size_t position_size,
                                   struct gale_error *error)
{
    if (bench == NULL) {
        gale_error_set(error, GALE_ERR_NOMEM, "out of memory");
        return NULL;
    }
    enum gale_err err = build_tree(bench, options, error);
    if (err == GALE_OK) {
        err = compile(bench, error);
    }
    if (err == GALE_OK) {
        err = start(bench, position, position_size);
        if (err != GALE_OK) {
            gale_error_set(error, err, "%s",
                           bench->errors > 0 ? bench->error_text : gale_err_name(err));
        }
    }
    if (err != GALE_OK) {
        gale_bench_free(bench);
        return NULL;
    }
    return bench;
}

struct gale_bench *gale_bench_bolt(const struct gale_bolt_ops *ops, const char *input_fields,
                                   const char *options, struct gale_error *error)
{
    return complete(bench_new(ops, NULL, input_fields), options, NULL, 0, error);
}

struct gale_bench *gale_bench_spout(const struct gale_spout_ops *ops, const char *options,
                                    struct gale_error *error)
{
    return complete(bench_new(NULL, ops, NULL), options, NULL, 0, error);
}

struct gale_bench *bench_spout_at(const struct gale_spout_ops *ops, const char *options,
                                  const void *position, size_t position_size,
                                  struct gale_error *error)
{
    return complete(bench_new(NULL, ops, NULL), options, position, position_size, error);
}

void gale_bench_free(struct gale_bench *bench)
{
    if (bench == NULL) {
        return;
    }
    if (bench->is_started && bench->bolt != NULL && bench->bolt->cleanup != NULL) {
        bench->bolt->cleanup(bench->state, &bench->task);
    }
    if (bench->is_started && bench->spout != NULL && bench->spout->close != NULL) {
        bench->spout->close(bench->state, &bench->task);
    }
    while (gale_bench_take(bench) != NULL) {
    }
    while (bench->kept != NULL) {
        struct bench_kept *next = bench->kept->next;
        free(bench->kept);
        bench->kept = next;
    }
    free(bench->taken);
    free(bench->state);
    out_fini(&bench->task.out);
    plan_free(bench->plan);
    conf_free(bench->tree);
    free(bench);
}

enum gale_err gale_bench_give(struct gale_bench *bench, const char *tuple_json)
{
    struct gale_out in = {0};
    if (bench->bolt == NULL || bench->bolt->execute == NULL || !out_init(&in, 4096)) {
        return GALE_ERR_INVALID;
    }
    enum gale_err err = bench_json_read(&in, tuple_json);
    unsigned fields_count = gale_task_fields(&bench->task, 0);
    if (err == GALE_OK) {
        err = out_check(&in, fields_count);
    }
    if (err != GALE_OK) {
        out_fini(&in);
        return GALE_ERR_INVALID;
    }
    struct gale_tuple tuple = {
        .data = in.base,
        .size = (uint32_t)(in.at - in.base),
        .fields_count = (uint16_t)fields_count,
        .source_task = 1,
    };
    bench->current = &tuple;
    bench->current_ended = false;
    err = bench->bolt->execute(bench->state, &bench->task, &tuple);
    if (!bench->current_ended) {
        bench->acked += err == GALE_OK && (bench->bolt->flags & GALE_BOLT_MANUAL_ACK) == 0;
        bench->failed += err != GALE_OK;
    }
    bench->current = NULL;
    out_fini(&in);
    return GALE_OK;
}

enum gale_next gale_bench_next(struct gale_bench *bench, unsigned calls)
{
    enum gale_next answer = GALE_NEXT_MORE;
    for (unsigned i = 0; i < calls && answer == GALE_NEXT_MORE; i++) {
        answer = bench->spout->next(bench->state, &bench->task);
    }
    return answer;
}

void gale_bench_end(struct gale_bench *bench, uint64_t message_id, bool acked)
{
    if (acked && bench->spout->ack != NULL) {
        bench->spout->ack(bench->state, &bench->task, message_id);
    }
    if (!acked && bench->spout->fail != NULL) {
        bench->spout->fail(bench->state, &bench->task, message_id);
    }
}

static struct bench_timer *earliest_timer(struct gale_bench *bench)
{
    struct bench_timer *found = NULL;
    for (unsigned i = 0; i < BENCH_TIMERS_MAX; i++) {
        struct bench_timer *timer = &bench->timers[i];
        if (timer->fn != NULL && (found == NULL || timer->due_ns < found->due_ns)) {
            found = timer;
        }
    }
    return found;
}

static void run_timer(struct gale_bench *bench, struct bench_timer *timer)
{
    struct bench_timer due = *timer;
    if (due.period_ns > 0) {
        timer->due_ns += due.period_ns;
    } else {
        timer->fn = NULL;
    }
    due.fn(bench->state, &bench->task, due.argument);
}

static void run_tick(struct gale_bench *bench)
{
    bench->tick_ns += bench->component->tick_ms * 1000000;
    if (bench->bolt != NULL && bench->bolt->tick != NULL) {
        while (bench->bolt->tick(bench->state, &bench->task) == GALE_ERR_AGAIN) {
        }
    }
}

static void run_watches(struct gale_bench *bench)
{
    for (unsigned i = 0; i < BENCH_WATCHES_MAX; i++) {
        struct bench_watch *watch = &bench->watches[i];
        if (watch->fn == NULL) {
            continue;
        }
        bool reads = (watch->events & GALE_FD_READ) != 0;
        bool writes = (watch->events & GALE_FD_WRITE) != 0;
        struct pollfd poll_fd = {
            .fd = watch->fd,
            .events = (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)),
        };
        if (poll(&poll_fd, 1, 0) > 0) {
            unsigned events =
                (poll_fd.revents & (POLLIN | POLLHUP | POLLERR) ? GALE_FD_READ : 0) |
                (poll_fd.revents & POLLOUT ? GALE_FD_WRITE : 0);
            watch->fn(bench->state, &bench->task, watch->fd, events, watch->argument);
        }
    }
}

void gale_bench_advance(struct gale_bench *bench, int64_t ms)
{
    int64_t end_ns = bench->now_ns + ms * 1000000;
    for (;;) {
        struct bench_timer *timer = earliest_timer(bench);
        int64_t timer_ns = timer != NULL ? timer->due_ns : INT64_MAX;
        int64_t due_ns = timer_ns < bench->tick_ns ? timer_ns : bench->tick_ns;
        if (due_ns > end_ns) {
            break;
        }
        bench->now_ns = due_ns > bench->now_ns ? due_ns : bench->now_ns;
        if (timer_ns <= bench->tick_ns) {
            run_timer(bench, timer);
        } else {
            run_tick(bench);
        }
    }
    bench->now_ns = end_ns;
    run_watches(bench);
}

void gale_bench_finish(struct gale_bench *bench)
{
    if (bench->bolt != NULL && bench->bolt->finish != NULL) {
        while (bench->bolt->finish(bench->state, &bench->task) == GALE_ERR_AGAIN) {
        }
    }
}

const char *gale_bench_take(struct gale_bench *bench)
{
    struct bench_emit *emit = bench->first;
    free(bench->taken);
    bench->taken = NULL;
    if (emit == NULL) {
        return NULL;
    }
    bench->first = emit->next;
    bench->last = emit->next != NULL ? bench->last : NULL;
    bench->taken = strdup(emit->text);
    free(emit);
    return bench->taken;
}

uint64_t gale_bench_acked(const struct gale_bench *bench)
{
    return bench->acked;
}

uint64_t gale_bench_failed(const struct gale_bench *bench)
{
    return bench->failed;
}

size_t bench_save(struct gale_bench *bench, uint64_t low_id, void *out, size_t out_size)
{
    return bench->spout->save(bench->state, &bench->task, low_id, out, out_size);
}

const char *bench_error(const struct gale_bench *bench)
{
    return bench->error_text;
}

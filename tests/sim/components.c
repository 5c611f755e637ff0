/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spout and the bolts of the simulation. All streams have the fields key, meta, pad. Each bolt
 * tells the oracle what it executed, made, finished and failed, and checks that the tuples of a
 * lane come in order.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define LANES_MAX 256u /* sources that one task remembers */
#define JOIN_MAX 3u
#define HOPS_MAX 3u
#define RENEWALS_MAX 4u
#define FAILURES_MAX 1000u /* trees; beyond it nothing fails on purpose */

struct sim *sim_now;

/* ---- Common ---- */

struct lane_seen {
    uint32_t life, source, input;
    uint64_t seq;
};

struct bolt {
    uint64_t seq;
    uint32_t component;
    uint32_t lanes_count;
    struct lane_seen lanes[LANES_MAX];
    /* join */
    struct gale_tuple *kept[JOIN_MAX];
    uint32_t kept_count, wanted;
    uint32_t timer;
};

struct spout {
    uint64_t seq;
    uint32_t base; /* position of the earlier run */
    uint32_t next;
    uint32_t replays_count;
    uint32_t replays[SIM_MESSAGES_MAX];
    uint32_t open[SIM_MESSAGES_MAX]; /* attempt + 1 */
    int64_t at_ns;
};

/* Whether a bolt fails a tuple on purpose: less often once many trees have failed, since a tree of
 * many tuples would never come through. */
static bool fails_now(uint32_t of_1000)
{
    uint64_t failed = sim_now->failed_count;
    return failed < FAILURES_MAX && sim_chance(sim_now, failed < 200 ? of_1000 : 2);
}

/* Emits one tuple on a stream; the oracle learns to how many tasks it went. */
static enum gale_err emit(struct gale_task *task, unsigned stream, int64_t key,
                          struct meta *meta, struct gale_emit_options *options)
{
    struct sim *sim = sim_now;
    static const char pad[1024];
    struct gale_out *out = gale_begin(task);
    meta->life = sim->current->life;
    gale_put_int64(out, key);
    gale_put_bytes(out, meta,
                   offsetof(struct meta, attempts) + meta->attempts_count * sizeof(uint32_t));
    gale_put_bytes(out, pad, sim->pad_max ? sim_below(sim, sim->pad_max) : 0);
    options->struct_size = sizeof(*options);
    enum gale_err err = gale_emit_with(task, stream, options);
    if (err != GALE_OK) {
        sim_violation(sim, "task %u: emit returns %d", gale_task_id(task), (int)err);
    }
    oracle_required(sim, meta, options->tasks_count);
    return err;
}

static void read_meta(const struct gale_tuple *tuple, struct meta *meta)
{
    struct gale_value value;
    memset(meta, 0, sizeof(*meta));
    if (gale_tuple_get(tuple, 1, &value) != GALE_OK || value.type != GALE_BYTES ||
        value.as.bytes.size > sizeof(*meta)) {
        sim_violation(sim_now, "a tuple has no meta");
        return;
    }
    memcpy(meta, value.as.bytes.data, value.as.bytes.size);
}

static int64_t read_key(const struct gale_tuple *tuple)
{
    int64_t key = 0;
    gale_tuple_int64(tuple, 0, &key);
    return key;
}

/* Tuples of one lane have rising numbers: none comes twice, none after a later one. */
static void check_order(struct bolt *bolt, struct gale_task *task,
                        const struct gale_tuple *tuple, const struct meta *meta)
{
    struct lane_seen *lane = bolt->lanes;
    struct lane_seen *end = bolt->lanes + bolt->lanes_count;
    while (lane != end && (lane->life != meta->life || lane->source != tuple->source_task ||
                           lane->input != tuple->input)) {
        lane++;
    }
    if (lane == end) {
        if (bolt->lanes_count == LANES_MAX) {
            return;
        }
        bolt->lanes_count++;
        *lane = (struct lane_seen){meta->life, tuple->source_task, tuple->input, 0};
    }
    if (meta->seq <= lane->seq) {
        sim_violation(sim_now, "task %u executes tuple %llu of task %u after tuple %llu",
                      gale_task_id(task), (unsigned long long)meta->seq, tuple->source_task,
                      (unsigned long long)lane->seq);
    }
    lane->seq = meta->seq;
}

static void begin(struct bolt *bolt, struct gale_task *task, const struct gale_tuple *tuple,
                  struct meta *meta)
{
    read_meta(tuple, meta);
    check_order(bolt, task, tuple, meta);
    oracle_executed(sim_now, task, meta);
}

static enum gale_err prepare(void *state, struct gale_task *task, const struct gale_conf *conf)
{
    struct bolt *bolt = state;
    bolt->component = (uint32_t)gale_conf_int64(conf, "component", 0);
    bolt->wanted = 2 + sim_below(sim_now, JOIN_MAX - 1);
    (void)task;
    return GALE_OK;
}

/* Passes the tuple on, anchored to the one in execution or to `anchor`. */
static void forward(struct bolt *bolt, struct gale_task *task, unsigned stream, int64_t key,
                    const struct meta *from, const struct gale_tuple *anchor)
{
    struct meta meta = *from;
    struct gale_emit_options options = {.flags = anchor ? GALE_EMIT_ANCHORS : 0,
                                        .anchors = anchor ? &anchor : NULL,
                                        .anchors_count = anchor ? 1 : 0};
    meta.seq = ++bolt->seq;
    emit(task, stream, key, &meta, &options);
}

/* ---- The spout ---- */

static enum gale_err spout_open(void *state, struct gale_task *task,
                                const struct gale_conf *conf)
{
    (void)state;
    (void)task;
    (void)conf;
    return GALE_OK;
}

static void spout_emit(struct spout *spout, struct gale_task *task, uint32_t message)
{
    struct sim *sim = sim_now;
    uint32_t id = gale_task_id(task);
    uint32_t attempt = oracle_attempt(sim, id, message);
    struct meta meta = {.attempts_count = 1, .attempts = {attempt}, .seq = ++spout->seq};
    struct gale_emit_options options = {.flags = GALE_EMIT_ROOT, .message_id = message};
    spout->open[message] = attempt + 1;
    emit(task, 0, (int64_t)(message * 7 + id), &meta, &options);
}

static enum gale_next spout_next(void *state, struct gale_task *task)
{
    struct spout *spout = state;
    struct sim *sim = sim_now;
    if (spout->replays_count > 0) {
        uint32_t message = spout->replays[0];
        spout->replays_count--;
        memmove(spout->replays, spout->replays + 1, spout->replays_count * sizeof(uint32_t));
        spout_emit(spout, task, message);
        return GALE_NEXT_MORE;
    }
    if (spout->next >= sim->messages_count) {
        return GALE_NEXT_DONE;
    }
    if (gale_task_now_ns(task) < spout->at_ns) {
        gale_spout_wait(task, spout->at_ns);
        return GALE_NEXT_IDLE;
    }
    spout->at_ns =
        gale_task_now_ns(task) + (sim->pace_ns ? sim_between(sim, 0, sim->pace_ns) : 0);
    spout_emit(spout, task, spout->next++);
    return GALE_NEXT_MORE;
}

static uint32_t take_open(struct spout *spout, struct gale_task *task, uint64_t message)
{
    if (message >= SIM_MESSAGES_MAX || spout->open[message] == 0) {
        sim_violation(sim_now, "task %u: message %llu ends, it is not open", gale_task_id(task),
                      (unsigned long long)message);
        return UINT32_MAX;
    }
    uint32_t attempt = spout->open[message] - 1;
    spout->open[message] = 0;
    return attempt;
}

static void spout_ack(void *state, struct gale_task *task, uint64_t message)
{
    uint32_t attempt = take_open(state, task, message);
    if (attempt != UINT32_MAX) {
        oracle_ended(sim_now, attempt, true);
    }
}

static void spout_fail(void *state, struct gale_task *task, uint64_t message)
{
    struct spout *spout = state;
    uint32_t attempt = take_open(spout, task, message);
    if (attempt != UINT32_MAX) {
        oracle_ended(sim_now, attempt, false);
        spout->replays[spout->replays_count++] = (uint32_t)message;
    }
}

static size_t spout_save(void *state, struct gale_task *task, uint64_t low_id, void *out,
                         size_t out_size)
{
    const struct spout *spout = state;
    (void)task;
    (void)out_size;
    uint64_t position = low_id > spout->base ? low_id : spout->base;
    memcpy(out, &position, sizeof(position));
    return sizeof(position);
}

static enum gale_err spout_restore(void *state, struct gale_task *task, const void *data,
                                   size_t size)
{
    struct spout *spout = state;
    uint64_t position;
    (void)task;
    if (size != sizeof(position)) {
        return GALE_ERR_CORRUPT;
    }
    memcpy(&position, data, sizeof(position));
    spout->base = spout->next = (uint32_t)position;
    return GALE_OK;
}

static const struct gale_option options_table[] = {
    {"component", GALE_OPTION_INT, true, NULL, "Index in the plan."}, {0}};

const struct gale_spout_ops sim_spout_ops = {
    GALE_SPOUT_HEAD,          .name = "spout",          .state_size = sizeof(struct spout),
    .fields = "key,meta,pad", .options = options_table, .open = spout_open,
    .next = spout_next,       .ack = spout_ack,         .fail = spout_fail,
    .save = spout_save,       .restore = spout_restore};

/* ---- Bolts that end each tuple in execute ---- */

static enum gale_err identity(void *state, struct gale_task *task,
                              const struct gale_tuple *tuple)
{
    struct bolt *bolt = state;
    struct meta meta;
    begin(bolt, task, tuple, &meta);
    forward(bolt, task, 0, read_key(tuple), &meta, NULL);
    oracle_done(sim_now, bolt->component, &meta);
    return GALE_OK;
}

static enum gale_err split(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    struct bolt *bolt = state;
    struct meta meta;
    begin(bolt, task, tuple, &meta);
    for (int64_t i = 0; i < 3; i++) {
        forward(bolt, task, 0, read_key(tuple) * 3 + i, &meta, NULL);
    }
    oracle_done(sim_now, bolt->component, &meta);
    return GALE_OK;
}

static enum gale_err declare_router(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    gale_declare_stream(declare, "even", "key,meta,pad", false);
    return gale_declare_stream(declare, "odd", "key,meta,pad", false);
}

static enum gale_err router(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    struct bolt *bolt = state;
    struct meta meta;
    begin(bolt, task, tuple, &meta);
    bool emitted[2] = {false, false};
    for (uint32_t i = 0; i < meta.attempts_count; i++) {
        emitted[sim_now->attempts[meta.attempts[i]].message & 1] = true;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (emitted[i]) {
            forward(bolt, task, i, read_key(tuple), &meta, NULL);
        }
    }
    oracle_done(sim_now, bolt->component, &meta);
    return GALE_OK;
}

static enum gale_err flaky(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    struct bolt *bolt = state;
    struct meta meta;
    begin(bolt, task, tuple, &meta);
    bool after = sim_chance(sim_now, 500);
    bool fails = fails_now(40);
    if (!fails || after) {
        forward(bolt, task, 0, read_key(tuple), &meta, NULL);
    }
    if (fails) {
        oracle_failed(sim_now, &meta);
        return GALE_ERR_FAILED;
    }
    oracle_done(sim_now, bolt->component, &meta);
    return GALE_OK;
}

static enum gale_err manual(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    struct bolt *bolt = state;
    struct meta meta;
    begin(bolt, task, tuple, &meta);
    bool early = sim_chance(sim_now, 300);
    if (early) {
        forward(bolt, task, 0, read_key(tuple), &meta, NULL);
    }
    if (fails_now(10)) {
        oracle_failed(sim_now, &meta);
        gale_fail(task, tuple);
        return GALE_OK;
    }
    if (!early) {
        forward(bolt, task, 0, read_key(tuple), &meta, NULL);
    }
    oracle_done(sim_now, bolt->component, &meta);
    gale_ack(task, tuple);
    return GALE_OK;
}

static enum gale_err declare_loop(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    gale_declare_stream(declare, "default", "key,meta,pad", false);
    return gale_declare_stream(declare, "again", "key,meta,pad", false);
}

static enum gale_err loop(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    struct bolt *bolt = state;
    struct meta meta;
    begin(bolt, task, tuple, &meta);
    struct meta next = meta;
    bool again = meta.hops < HOPS_MAX;
    next.hops = again ? meta.hops + 1 : 0;
    forward(bolt, task, again ? 1 : 0, read_key(tuple) + (again ? 1 : 0), &next, NULL);
    oracle_done(sim_now, bolt->component, &meta);
    return GALE_OK;
}

/* ---- Bolts that keep tuples ---- */

struct pending {
    struct gale_tuple *tuple;
    uint32_t renewals;
    bool emitted;
};

static enum gale_err on_later(void *state, struct gale_task *task, void *argument)
{
    struct bolt *bolt = state;
    struct pending *pending = argument;
    struct meta meta;
    read_meta(pending->tuple, &meta);
    if (pending->renewals > 0) {
        pending->renewals--;
        oracle_renewed(sim_now, &meta);
        gale_reset_timeout(task, pending->tuple);
        return gale_timer_start(task, sim_now->plan->timeout_ms / 3, 0, on_later, pending,
                                NULL);
    }
    if (fails_now(10)) {
        oracle_failed(sim_now, &meta);
        gale_fail(task, pending->tuple);
        return GALE_OK;
    }
    if (!pending->emitted) {
        forward(bolt, task, 0, read_key(pending->tuple), &meta, pending->tuple);
    }
    oracle_done(sim_now, bolt->component, &meta);
    gale_ack(task, pending->tuple);
    return GALE_OK;
}

static enum gale_err later(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    struct bolt *bolt = state;
    struct meta meta;
    begin(bolt, task, tuple, &meta);
    struct pending *pending = sim_alloc(sim_now, sizeof(*pending));
    pending->tuple = gale_tuple_keep(task, tuple);
    if (!pending->tuple) {
        sim_violation(sim_now, "task %u cannot keep a tuple", gale_task_id(task));
        return GALE_ERR_FAILED;
    }
    pending->emitted = sim_chance(sim_now, 500);
    pending->renewals = sim_chance(sim_now, 5) ? RENEWALS_MAX : 0;
    if (pending->emitted) {
        forward(bolt, task, 0, read_key(tuple), &meta, NULL);
    }
    if (pending->renewals > 0) {
        oracle_renewed(sim_now, &meta);
    }
    enum gale_err err =
        gale_timer_start(task, sim_between(sim_now, 0, 200), 0, on_later, pending, NULL);
    if (err != GALE_OK) {
        oracle_failed(sim_now, &meta);
        gale_fail(task, pending->tuple);
    }
    return GALE_OK;
}

static void meta_join(struct meta *into, const struct meta *from)
{
    for (uint32_t i = 0; i < from->attempts_count; i++) {
        bool known = false;
        for (uint32_t k = 0; k < into->attempts_count; k++) {
            known = known || into->attempts[k] == from->attempts[i];
        }
        if (!known && into->attempts_count < SIM_ATTEMPTS_MAX) {
            into->attempts[into->attempts_count++] = from->attempts[i];
        }
    }
}

static void join_flush(struct bolt *bolt, struct gale_task *task)
{
    struct meta all = {0};
    struct meta meta;
    for (uint32_t i = 0; i < bolt->kept_count; i++) {
        read_meta(bolt->kept[i], &meta);
        meta_join(&all, &meta);
    }
    struct gale_emit_options options = {.flags = GALE_EMIT_ANCHORS,
                                        .anchors = (const struct gale_tuple *const *)bolt->kept,
                                        .anchors_count = bolt->kept_count};
    all.seq = ++bolt->seq;
    emit(task, 0, read_key(bolt->kept[0]), &all, &options);
    for (uint32_t i = 0; i < bolt->kept_count; i++) {
        read_meta(bolt->kept[i], &meta);
        oracle_done(sim_now, bolt->component, &meta);
        gale_ack(task, bolt->kept[i]);
    }
    bolt->kept_count = 0;
}

static enum gale_err on_flush(void *state, struct gale_task *task, void *argument)
{
    struct bolt *bolt = state;
    (void)argument;
    bolt->timer = 0;
    if (bolt->kept_count > 0) {
        join_flush(bolt, task);
    }
    return GALE_OK;
}

static enum gale_err join(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    struct bolt *bolt = state;
    struct meta meta;
    begin(bolt, task, tuple, &meta);
    uint32_t attempts = meta.attempts_count;
    for (uint32_t i = 0; i < bolt->kept_count; i++) {
        struct meta other;
        read_meta(bolt->kept[i], &other);
        attempts += other.attempts_count;
    }
    if (attempts > SIM_ATTEMPTS_MAX && bolt->kept_count > 0) {
        join_flush(bolt, task);
    }
    struct gale_tuple *kept = gale_tuple_keep(task, tuple);
    if (!kept) {
        sim_violation(sim_now, "task %u cannot keep a tuple", gale_task_id(task));
        return GALE_ERR_FAILED;
    }
    bolt->kept[bolt->kept_count++] = kept;
    if (bolt->kept_count >= bolt->wanted) {
        join_flush(bolt, task);
    } else if (bolt->timer == 0) {
        gale_timer_start(task, sim_between(sim_now, 1, 60), 0, on_flush, NULL, &bolt->timer);
    }
    return GALE_OK;
}

/* ---- Tables ---- */

#define BOLT(name_, execute_, ...) \
    static const struct gale_bolt_ops execute_##_ops = {GALE_BOLT_HEAD, \
                                                        .name = name_, \
                                                        .state_size = sizeof(struct bolt), \
                                                        .options = options_table, \
                                                        .prepare = prepare, \
                                                        .execute = execute_, \
                                                        __VA_ARGS__}

BOLT("identity", identity, .fields = "key,meta,pad");
BOLT("split", split, .fields = "key,meta,pad");
BOLT("router", router, .declare = declare_router);
BOLT("flaky", flaky, .fields = "key,meta,pad");
BOLT("later", later, .fields = "key,meta,pad");
BOLT("join", join, .fields = "key,meta,pad");
BOLT("loop", loop, .declare = declare_loop);
BOLT("manual", manual, .fields = "key,meta,pad", .flags = GALE_BOLT_MANUAL_ACK);

const struct gale_bolt_ops *const sim_bolt_ops[] = {
    [SIM_SPOUT] = NULL,         [SIM_IDENTITY] = &identity_ops, [SIM_SPLIT] = &split_ops,
    [SIM_ROUTER] = &router_ops, [SIM_FLAKY] = &flaky_ops,       [SIM_LATER] = &later_ops,
    [SIM_JOIN] = &join_ops,     [SIM_LOOP] = &loop_ops,         [SIM_MANUAL] = &manual_ops};

/* ---- A custom grouping: two tasks where there are two ---- */

struct two {
    uint32_t count, next;
};

static enum gale_err two_prepare(void *state, const uint32_t *targets, uint32_t count)
{
    struct two *two = state;
    (void)targets;
    two->count = count;
    return GALE_OK;
}

static uint32_t two_choose(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                           uint32_t chosen_max)
{
    struct two *two = state;
    (void)tuple;
    (void)chosen_max;
    chosen[0] = two->next++ % two->count;
    chosen[1] = (chosen[0] + 1) % two->count;
    return two->count > 1 ? 2 : 1;
}

const struct gale_grouping_ops sim_two_ops = {.abi = GALE_ABI,
                                              .struct_size = sizeof(struct gale_grouping_ops),
                                              .name = "two",
                                              .state_size = sizeof(struct two),
                                              .prepare = two_prepare,
                                              .choose = two_choose};

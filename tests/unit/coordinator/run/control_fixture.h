/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the coordinator's state machine stand on: two workers, a spout and three bolts, ports
 * that write down what is asked of them, a keeper that starts at once what it should keep, and helpers
 * that say what workers would say. Each test program has its own, so everything is static.
 */
#ifndef TESTS_CONTROL_FIXTURE_H
#define TESTS_CONTROL_FIXTURE_H

#include "run/control.h"

#include "base/assert.h"

#include <gale/topology.h>

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define EPOCH 7
#define ATTEMPT 1
#define TOPOLOGY 0x77

static struct {
    char log[1 << 16];
    size_t used;
    uint64_t random;
    bool keeper_away; /* it starts nothing */
    struct plan *plan;
    struct control control;
    int64_t now_ns;
} it;

static const uint16_t task_worker[] = {0, 0, 1, 0, 1};

/* ---- Ports ---- */

static inline void say(const char *format, ...) GALE_PRINTF(1, 2);
static inline void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(it.log + it.used, sizeof(it.log) - it.used, format, args);
    va_end(args);
    GALE_ASSERT(size >= 0 && it.used + (size_t)size + 2 < sizeof(it.log));
    it.used += (size_t)size;
    it.log[it.used++] = '\n';
    it.log[it.used] = '\0';
}

/* How often a line that begins so was written since the last forget(). */
static inline unsigned said(const char *line)
{
    unsigned count = 0;
    for (const char *at = it.log; *at; at = strchr(at, '\n') + 1) {
        count += strncmp(at, line, strlen(line)) == 0 ? 1 : 0;
    }
    return count;
}

/* Whether `first` was written before `second`. */
static inline bool in_order(const char *first, const char *second)
{
    const char *a = strstr(it.log, first);
    const char *b = strstr(it.log, second);
    return a && b && a < b;
}

static inline void forget(void)
{
    it.used = 0;
    it.log[0] = '\0';
}

static inline void spawn(uint32_t worker)
{
    uint64_t incarnation = ++it.random;
    say("spawn %u %" PRIu64, worker, incarnation);
    assert_true(control_spawned(&it.control, worker, incarnation, it.now_ns));
}

static inline void on_keep(void *self, uint32_t worker, enum keep keep)
{
    (void)self;
    say("keep %u %s", worker,
        keep == KEEP_NONE     ? "none"
        : keep == KEEP_ENDING ? "ending"
                              : "running");
    if (keep == KEEP_RUNNING && !it.keeper_away) {
        spawn(worker);
    }
}

static inline void on_signal(void *self, uint32_t worker, uint64_t incarnation, int number)
{
    (void)self;
    assert_int_equal(incarnation, it.control.workers[worker].incarnation);
    assert_int_equal(number, SIGKILL);
    say("signal %u kill", worker);
}

static inline void on_connect(void *self, uint32_t worker, const char *endpoint)
{
    (void)self;
    say("connect %u %s", worker, endpoint ? endpoint : "-");
}

/* "10 of 101 102": worker 0 is up, worker 1 down; "-" for one that is not told. */
static inline void say_peers(uint32_t worker, const struct message *message)
{
    char up[2] = {'-', '-'};
    uint64_t incarnations[2] = {0, 0};
    for (uint32_t i = 0; i < message->as.peers.items_count; i++) {
        const struct message_peer *peer = &message->as.peers.items[i];
        assert_in_range(peer->worker, 0, 1);
        up[peer->worker] = peer->up ? '1' : '0';
        incarnations[peer->worker] = peer->incarnation;
    }
    say("send %u peers %c%c of %" PRIu64 " %" PRIu64, worker, up[0], up[1], incarnations[0],
        incarnations[1]);
}

static inline void on_send(void *self, uint32_t worker, const struct message *message)
{
    static const char *const commands[] = {"?",    "activate", "deactivate", "drain", "finish",
                                           "stop", "reset",    "count",      "exit"};
    (void)self;
    assert_int_equal(message->worker, worker);
    assert_int_equal(message->epoch, EPOCH);
    assert_int_equal(message->attempt, ATTEMPT);
    assert_int_equal(message->topology, TOPOLOGY);
    assert_int_equal(message->incarnation, it.control.workers[worker].incarnation);
    switch (message->type) {
    case MESSAGE_ASSIGN:
        say("send %u assign %s tasks=%u position=%zu", worker,
            message->as.assign.active ? "active" : "inactive", message->as.assign.tasks_count,
            message->as.assign.positions[1].size);
        break;
    case MESSAGE_PEERS: say_peers(worker, message); break;
    case MESSAGE_COMMAND:
        say("send %u %s %u", worker, commands[message->as.command.command],
            message->as.command.level);
        break;
    case MESSAGE_TOUCHED:
        say("send %u touched %" PRIu64, worker, message->as.touched.workers);
        break;
    case MESSAGE_LOG_LEVEL:
        say("send %u level %u %s", worker, message->as.log_level.level,
            message->as.log_level.component);
        break;
    case MESSAGE_TAP:
        say("send %u tap %" PRIu64 " %s", worker, message->as.tap.tap,
            message->as.tap.component);
        break;
    case MESSAGE_HELLO:
    case MESSAGE_PULSE:
    case MESSAGE_BEAT:
    case MESSAGE_OFFSETS:
    case MESSAGE_SAMPLE:
    case MESSAGE_EVENT: fail_msg("the coordinator says no message of type %d", message->type);
    }
}

static inline void on_save(void *self, uint32_t task, struct message_bytes position)
{
    (void)self;
    say("save %u %.*s", task, (int)position.size, (const char *)position.data);
}

static inline void on_note(void *self, const char *line)
{
    (void)self;
    say("note %s", line);
}

static inline void on_error(void *self, uint32_t worker, uint32_t task, const char *text)
{
    (void)self;
    say("error %u task %u %s", worker, task, text);
}

static inline void on_sample(void *self, uint32_t worker, const struct message_sample *sample)
{
    (void)self;
    say("sample %u of %" PRIu64, worker, sample->tap);
}

/* ---- Plan ---- */

static enum gale_next next_done(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_NEXT_DONE;
}

static enum gale_err ignore(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_err finish(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_OK;
}

static const struct gale_spout_ops source_ops = {GALE_SPOUT_HEAD, .name = "source",
                                                 .fields = "w", .next = next_done};
static const struct gale_bolt_ops ender_ops = {GALE_BOLT_HEAD, .name = "ender", .fields = "w",
                                               .execute = ignore, .finish = finish};
static const struct gale_bolt_ops plain_ops = {GALE_BOLT_HEAD, .name = "plain",
                                               .execute = ignore};

static const struct gale_spout_ops *find_spout(void *self, const char *module, const char *name,
                                               struct gale_error *error)
{
    (void)self;
    (void)module;
    (void)name;
    (void)error;
    return &source_ops;
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *module, const char *name,
                                             struct gale_error *error)
{
    (void)self;
    (void)module;
    (void)error;
    return strcmp(name, "ender") == 0 ? &ender_ops : &plain_ops;
}

static struct plan *plan_make(void)
{
    static const struct registry registry = {.spout = find_spout, .bolt = find_bolt};
    struct gale_topology *topology = gale_topology_new("t");
    struct plan *plan = NULL;
    struct diag diag;
    GALE_ASSERT(topology && gale_topology_set(topology, "workers", "2") == GALE_OK);
    GALE_ASSERT(gale_topology_spout(topology, "s", "source") != NULL);
    struct gale_component *a = gale_topology_bolt(topology, "a", "ender");
    struct gale_component *b = gale_topology_bolt(topology, "b", "ender");
    struct gale_component *c = gale_topology_bolt(topology, "c", "plain");
    GALE_ASSERT(a && b && c);
    GALE_ASSERT(gale_component_from(a, "s", "shuffle") == GALE_OK);
    GALE_ASSERT(gale_component_from(b, "a", "shuffle") == GALE_OK);
    GALE_ASSERT(gale_component_from(c, "b", "shuffle") == GALE_OK);
    diag_init(&diag);
    GALE_ASSERT(plan_compile(gale_topology_conf(topology), &registry, &diag, &plan) == GALE_OK);
    diag_fini(&diag);
    gale_topology_free(topology);
    return plan;
}

static inline struct control_options options_make(void)
{
    static const struct control_ports ports = {.keep = on_keep,
                                               .signal = on_signal,
                                               .connect = on_connect,
                                               .send = on_send,
                                               .save = on_save,
                                               .note = on_note,
                                               .error = on_error,
                                               .sample = on_sample};
    return (struct control_options){.plan = it.plan,
                                    .ports = &ports,
                                    .task_worker = task_worker,
                                    .workers_count = 2,
                                    .topology = TOPOLOGY,
                                    .epoch = EPOCH,
                                    .attempt = ATTEMPT};
}

static inline int start(void **state)
{
    (void)state;
    memset(&it, 0, sizeof(it));
    it.random = 100;
    it.now_ns = 1000 * MS;
    it.plan = plan_make();
    struct control_options options = options_make();
    return control_init(&it.control, &options) == GALE_OK ? 0 : -1;
}

static inline int stop(void **state)
{
    (void)state;
    control_fini(&it.control);
    plan_free(it.plan);
    return 0;
}

/* ---- What workers say ---- */

static inline struct message from(uint32_t worker, enum message_type type)
{
    struct message message = {.type = type,
                              .worker = worker,
                              .topology = TOPOLOGY,
                              .incarnation = it.control.workers[worker].incarnation,
                              .epoch = EPOCH,
                              .attempt = ATTEMPT};
    return message;
}

static inline void hello(uint32_t worker)
{
    char endpoint[16];
    struct message message = from(worker, MESSAGE_HELLO);
    (void)snprintf(endpoint, sizeof(endpoint), "ep%u", worker);
    message.as.hello.data_endpoint = endpoint;
    control_message(&it.control, &message, it.now_ns);
}

static inline void beat_with(uint32_t worker, struct message_beat beat)
{
    struct message message = from(worker, MESSAGE_BEAT);
    message.as.beat = beat;
    control_message(&it.control, &message, it.now_ns);
}

static inline void beat(uint32_t worker)
{
    beat_with(worker, (struct message_beat){.activity = it.random++});
}

static inline void pass(int64_t ms)
{
    it.now_ns += ms * MS;
    control_tick(&it.control, it.now_ns);
}

static inline void start_all(void)
{
    control_start(&it.control, it.now_ns);
    for (uint32_t i = 0; i < 2; i++) {
        hello(i);
        beat(i);
    }
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
    forget();
}

static inline void exited(uint32_t worker, const char *text)
{
    control_exited(&it.control, worker, it.control.workers[worker].incarnation, text,
                   it.now_ns);
}

/* One that is wanted is started again at once. */
static inline void died(uint32_t worker)
{
    exited(worker, "killed by SIGKILL (signal 9)");
    if (it.control.workers[worker].keep == KEEP_RUNNING && !it.keeper_away) {
        spawn(worker);
    }
}

/* Equal quiet beats of both workers, as answers to the present round; `sent` and `received` stand for
 * what worker 0 sent and worker 1 received. */
static inline void quiet_beats(unsigned rounds, uint32_t finish_level, uint64_t sent,
                               uint64_t received)
{
    for (unsigned i = 0; i < rounds; i++) {
        for (uint32_t worker = 0; worker < 2; worker++) {
            beat_with(worker, (struct message_beat){.spouts_done = true,
                                                    .quiet = true,
                                                    .activity = 5,
                                                    .finish_level = finish_level,
                                                    .round = it.control.round,
                                                    .links = worker == 0 ? sent : received});
        }
    }
}

/* ---- Cases ---- */

#endif

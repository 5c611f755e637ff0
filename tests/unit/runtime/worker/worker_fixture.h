/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real worker process for the tests of worker/, and a coordinator that says what it likes. The worker is
 * the test program itself, started anew with "worker" as its first argument; the wire is ZeroMQ over ipc
 * in a temporary directory. Each wait ends with what is waited for; DEADLINE_MS only ends a test that has
 * failed. Each test program has its own, so everything is static.
 */
#ifndef TESTS_WORKER_FIXTURE_H
#define TESTS_WORKER_FIXTURE_H

#include "worker/worker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/rng.h"
#include "codec/message.h"
#include "core/plan.h"
#include "transport/transport.h"

#include <gale/topology.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define EPOCH 7 /* of the frames; with a fixed coordinator, its as well */
#define TOPOLOGY 0xbeef
#define ATTEMPT 2
#define INCARNATION 0xabcdu
#define DEADLINE_MS 30000

extern char **environ;

/* ---- Components of the worker's side ---- */

static enum gale_next count_next(void *state, struct gale_task *task)
{
    uint64_t *count = state;
    if (*count == 1000) {
        return GALE_NEXT_DONE;
    }
    gale_put_int64(gale_begin(task), (int64_t)*count);
    (void)gale_emit_root(task, 0, ++*count);
    return GALE_NEXT_MORE;
}

static size_t count_save(void *state, struct gale_task *task, uint64_t low_id, void *out,
                         size_t out_size)
{
    (void)state;
    (void)task;
    if (out_size < sizeof(low_id)) {
        return 0;
    }
    memcpy(out, &low_id, sizeof(low_id));
    return sizeof(low_id);
}

static enum gale_err count_restore(void *state, struct gale_task *task, const void *data,
                                   size_t size)
{
    (void)state;
    (void)task;
    (void)data;
    (void)size;
    return GALE_OK;
}

static enum gale_err ignore(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_err refuse_prepare(void *state, struct gale_task *task,
                                    const struct gale_conf *conf)
{
    (void)state;
    (void)task;
    return gale_conf_bool(conf, "broken", false) ? GALE_ERR_INVALID : GALE_OK;
}

static const struct gale_option sink_options[] = {
    {"broken", GALE_OPTION_BOOL, false, NULL, "Refuses to prepare."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};
static const struct gale_spout_ops count_ops = {
    GALE_SPOUT_HEAD,    .name = "count",
    .fields = "n",      .state_size = sizeof(uint64_t),
    .save = count_save, .restore = count_restore,
    .next = count_next};
static const struct gale_bolt_ops sink_ops = {GALE_BOLT_HEAD, .name = "sink",
                                              .options = sink_options,
                                              .prepare = refuse_prepare, .execute = ignore};
static const struct gale_spout_ops *const spouts[] = {&count_ops, NULL};
static const struct gale_bolt_ops *const bolts[] = {&sink_ops, NULL};

/* ---- The coordinator's side ---- */

static struct {
    char directory[64];
    char endpoint[128];
    bool by_file;          /* the worker is told by a file who leads */
    uint64_t epoch;        /* of the coordinator */
    uint64_t epoch_before; /* of the one before */
    struct transport *transport;
    struct transport_peer *peer;
    pid_t pid;
    uint32_t index;
    struct buf out;
    struct buf tree;
    /* Of the last message of each kind. */
    struct message_beat beat;
    uint64_t acked;
    uint64_t position; /* low mark as said last */
    uint32_t hellos, runnings, beats, refused, fatals, finals, offsets, pulses;
    char fatal_text[300];
} it;

static inline void spawn_worker(void)
{
    char control[256];
    char bind[128];
    char index[16];
    (void)snprintf(index, sizeof(index), "%u", it.index);
    (void)snprintf(control, sizeof(control), "%s%s%s", it.by_file ? "file:" : "",
                   it.by_file ? it.directory : it.endpoint, it.by_file ? "/coordinator" : "");
    (void)snprintf(bind, sizeof(bind), "ipc://%s/w", it.directory);
    const char *argv[] = {
        "/proc/self/exe", "worker", "--control", control, "--pulse",       it.endpoint,
        "--bind",         bind,     "--index",   index,   "--incarnation", "abcd",
        "--epoch",        "7",      "--attempt", "2",     "--topology",    "beef",
        "--log",          "error",  NULL};
    assert_int_equal(posix_spawn(&it.pid, "/proc/self/exe", NULL, NULL,
                                 (char *const *)(uintptr_t)argv, environ),
                     0);
}

/* Binds the coordinator's endpoint; the worker is started by spawn_worker. */
static inline int bind_as(uint32_t worker)
{
    struct gale_error error;
    it.index = worker;
    it.epoch = EPOCH;
    (void)snprintf(it.directory, sizeof(it.directory), "/tmp/gale-worker-XXXXXX");
    assert_non_null(mkdtemp(it.directory));
    char wanted[128];
    (void)snprintf(wanted, sizeof(wanted), "ipc://%s/c", it.directory);
    buf_init(&it.out, MESSAGE_SIZE_MAX);
    buf_init(&it.tree, MESSAGE_SIZE_MAX);
    assert_int_equal(transport_zmq_new(1, &it.transport, &error), GALE_OK);
    assert_int_equal(
        it.transport->ops->bind(it.transport, wanted, it.endpoint, sizeof(it.endpoint), &error),
        GALE_OK);
    return 0;
}

static inline int start_as(uint32_t worker)
{
    memset(&it, 0, sizeof(it));
    (void)bind_as(worker);
    spawn_worker();
    return 0;
}

static inline int start(void **state)
{
    (void)state;
    return start_as(0);
}

static inline int stop(void **state)
{
    char path[128];
    (void)state;
    if (it.pid > 0) {
        kill(it.pid, SIGKILL);
        waitpid(it.pid, NULL, 0);
    }
    it.transport->ops->disconnect(it.transport, it.peer);
    it.transport->ops->free(it.transport);
    buf_fini(&it.out);
    buf_fini(&it.tree);
    (void)snprintf(path, sizeof(path), "rm -rf '%s'", it.directory);
    return system(path) == 0 ? 0 : -1;
}

static inline void take(const struct message *message)
{
    struct gale_error error;
    assert_int_equal(message->worker, it.index);
    assert_int_equal(message->incarnation, INCARNATION);
    if (message->type != MESSAGE_PULSE && message->epoch == it.epoch_before) {
        return; /* Was under way when another coordinator took over. */
    }
    assert_int_equal(message->topology, TOPOLOGY);
    assert_int_equal(message->epoch, message->type == MESSAGE_PULSE ? EPOCH : it.epoch);
    assert_int_equal(message->attempt, ATTEMPT);
    switch (message->type) {
    case MESSAGE_HELLO:
        assert_int_equal(message->as.hello.pid, it.pid);
        it.hellos++;
        it.runnings += message->as.hello.running;
        if (!it.peer) {
            assert_int_equal(it.transport->ops->connect(it.transport,
                                                        message->as.hello.data_endpoint,
                                                        &it.peer, &error),
                             GALE_OK);
        }
        break;
    case MESSAGE_BEAT:
        it.beats++;
        it.beat = message->as.beat;
        for (uint32_t i = 0; i < message->as.beat.tasks_count; i++) {
            it.acked = i == 0 ? message->as.beat.tasks[i].acked : it.acked;
        }
        break;
    case MESSAGE_EVENT:
        it.refused += message->as.event.event == EVENT_REFUSED ? 1 : 0;
        if (message->as.event.event == EVENT_FATAL) {
            it.fatals++;
            (void)snprintf(it.fatal_text, sizeof(it.fatal_text), "%s", message->as.event.text);
        }
        break;
    case MESSAGE_OFFSETS:
        it.offsets++;
        if (message->as.offsets.items_count > 0) {
            assert_int_equal(message->as.offsets.items[0].position.size, sizeof(it.position));
            memcpy(&it.position, message->as.offsets.items[0].position.data,
                   sizeof(it.position));
        }
        it.finals += message->as.offsets.final ? 1 : 0;
        break;
    case MESSAGE_PULSE: it.pulses++; break;
    case MESSAGE_SAMPLE: break;
    case MESSAGE_ASSIGN:
    case MESSAGE_PEERS:
    case MESSAGE_COMMAND:
    case MESSAGE_LOG_LEVEL:
    case MESSAGE_TAP:
    case MESSAGE_TOUCHED: fail_msg("a worker says no message of type %d", message->type);
    }
}

static inline void receive_all(void)
{
    struct transport_message in;
    while (it.transport->ops->receive(it.transport, &in) == GALE_OK) {
        struct message message;
        struct gale_error error;
        assert_int_equal(message_decode(in.data, in.size, &message, &error), GALE_OK);
        take(&message);
        message_fini(&message);
        it.transport->ops->release(it.transport, &in);
    }
}

/* Receives until the condition holds; the worker must live on meanwhile. */
#define UNTIL(condition) \
    do { \
        int64_t until_ns = clock_now_ns() + DEADLINE_MS * INT64_C(1000000); \
        receive_all(); \
        while (!(condition)) { \
            struct pollfd ready = {it.transport->ops->fd(it.transport), POLLIN, 0}; \
            if (clock_now_ns() > until_ns) { \
                fail_msg("waited in vain for: %s", #condition); \
            } \
            assert_int_equal(waitpid(it.pid, NULL, WNOHANG), 0); \
            (void)poll(&ready, 1, 20); \
            receive_all(); \
        } \
    } while (0)

static inline void send_bytes(const void *data, size_t size)
{
    void *handle = NULL;
    uint8_t *to = NULL;
    assert_int_equal(it.transport->ops->prepare(it.transport, size, &handle, &to), GALE_OK);
    if (size > 0) {
        memcpy(to, data, size);
    }
    while (it.transport->ops->send(it.transport, it.peer, handle) == GALE_ERR_AGAIN) {
        receive_all();
    }
}

static inline void send_message(const struct message *message)
{
    buf_clear(&it.out);
    assert_int_equal(message_encode(message, &it.out), GALE_OK);
    send_bytes(it.out.data, it.out.size);
}

static inline struct message to_worker(enum message_type type)
{
    struct message message = {.type = type,
                              .topology = TOPOLOGY,
                              .worker = it.index,
                              .incarnation = INCARNATION,
                              .epoch = it.epoch,
                              .attempt = ATTEMPT};
    return message;
}

static const uint16_t task_worker[] = {0, 0, 0};
static const struct message_bytes positions[3];

static inline struct message assignment(bool broken)
{
    struct gale_topology *topology = gale_topology_new("t");
    assert_non_null(topology);
    assert_non_null(gale_topology_spout(topology, "s", "count"));
    struct gale_component *sink = gale_topology_bolt(topology, "b", "sink");
    assert_non_null(sink);
    assert_int_equal(gale_component_from(sink, "s", "shuffle"), GALE_OK);
    assert_int_equal(gale_component_set(sink, "broken", broken ? "true" : "false"), GALE_OK);
    buf_clear(&it.tree);
    assert_int_equal(conf_pack(gale_topology_conf(topology), &it.tree), GALE_OK);
    gale_topology_free(topology);
    struct message message = to_worker(MESSAGE_ASSIGN);
    message.as.assign = (struct message_assign){.run_name = "t",
                                                .tree = {it.tree.data, it.tree.size},
                                                .task_worker = task_worker,
                                                .tasks_count = 2,
                                                .workers_count = 1,
                                                .active = true,
                                                .beat_ms = 50,
                                                .offsets_ms = 1000,
                                                .positions = positions};
    return message;
}

static inline void command(enum message_command number, uint32_t level)
{
    struct message message = to_worker(MESSAGE_COMMAND);
    message.as.command.command = number;
    message.as.command.level = level;
    send_message(&message);
}

static inline void assign_and_work(void)
{
    struct message message = assignment(false);
    UNTIL(it.hellos > 0);
    send_message(&message);
    UNTIL(it.acked == 1000);
    assert_int_equal(it.beat.state, COMMAND_ACTIVATE);
}

static inline void end_in_order(int expected)
{
    int status = 0;
    command(COMMAND_STOP, 0);
    UNTIL(it.beat.state == COMMAND_STOP);
    kill(it.pid, SIGTERM);
    assert_int_equal(waitpid(it.pid, &status, 0), it.pid);
    it.pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected);
}

#endif

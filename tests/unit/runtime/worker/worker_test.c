/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real worker process against a coordinator that says what it likes: garbage, stale and
 * repeated messages, frames from nobody. The worker is this very program, started anew with
 * "worker" as its first argument; the wire is ZeroMQ over ipc in a temporary directory. Each
 * wait ends with what is waited for; DEADLINE_MS only ends a test that has failed.
 */
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

#define EPOCH 7
#define ATTEMPT 2
#define INCARNATION 0xabcdu
#define DEADLINE_MS 30000
#define RANDOM_MESSAGES 2000

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
static const struct gale_spout_ops count_ops = {GALE_SPOUT_HEAD, .name = "count", .fields = "n",
                                                .state_size = sizeof(uint64_t),
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
    struct transport *transport;
    struct transport_peer *peer;
    pid_t pid;
    uint32_t index;
    struct buf out;
    struct buf tree;
    /* Of the last message of each kind. */
    struct message_beat beat;
    uint64_t acked;
    uint32_t hellos, beats, refused, fatals, finals;
    char fatal_text[300];
} it;

static void spawn_worker(void)
{
    char control[128];
    char bind[128];
    char index[16];
    (void)snprintf(index, sizeof(index), "%u", it.index);
    (void)snprintf(control, sizeof(control), "%s", it.endpoint);
    (void)snprintf(bind, sizeof(bind), "ipc://%s/w", it.directory);
    const char *argv[] = {"/proc/self/exe", "worker", "--control",     control, "--bind",  bind,
                          "--index",        index,    "--incarnation", "abcd",  "--epoch", "7",
                          "--attempt",      "2",      "--log",         "error", NULL};
    assert_int_equal(posix_spawn(&it.pid, "/proc/self/exe", NULL, NULL,
                                 (char *const *)(uintptr_t)argv, environ),
                     0);
}

static int start_as(uint32_t worker)
{
    struct gale_error error;
    memset(&it, 0, sizeof(it));
    it.index = worker;
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
    spawn_worker();
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_as(0);
}

static int start_fifth(void **state)
{
    (void)state;
    return start_as(5);
}

static int stop(void **state)
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

static void take(const struct message *message)
{
    struct gale_error error;
    assert_int_equal(message->worker, it.index);
    assert_int_equal(message->incarnation, INCARNATION);
    assert_int_equal(message->epoch, EPOCH);
    assert_int_equal(message->attempt, ATTEMPT);
    switch (message->type) {
    case MESSAGE_HELLO:
        assert_int_equal(message->as.hello.pid, it.pid);
        it.hellos++;
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
    case MESSAGE_OFFSETS: it.finals += message->as.offsets.final ? 1 : 0; break;
    case MESSAGE_PULSE:
    case MESSAGE_SAMPLE: break;
    case MESSAGE_ASSIGN:
    case MESSAGE_PEERS:
    case MESSAGE_COMMAND:
    case MESSAGE_LOG_LEVEL:
    case MESSAGE_TAP:
    case MESSAGE_TOUCHED: fail_msg("a worker says no message of type %d", message->type);
    }
}

static void receive_all(void)
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

static void send_bytes(const void *data, size_t size)
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

static void send_message(const struct message *message)
{
    buf_clear(&it.out);
    assert_int_equal(message_encode(message, &it.out), GALE_OK);
    send_bytes(it.out.data, it.out.size);
}

static struct message to_worker(enum message_type type)
{
    struct message message = {.type = type,
                              .worker = it.index,
                              .incarnation = INCARNATION,
                              .epoch = EPOCH,
                              .attempt = ATTEMPT};
    return message;
}

static const uint16_t task_worker[] = {0, 0, 0};
static const uint16_t task_worker_other[] = {0, 1, 1};
static const struct message_bytes positions[3];

static struct message assignment(bool broken)
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

static void command(enum message_command number, uint32_t level)
{
    struct message message = to_worker(MESSAGE_COMMAND);
    message.as.command.command = number;
    message.as.command.level = level;
    send_message(&message);
}

static void assign_and_work(void)
{
    struct message message = assignment(false);
    UNTIL(it.hellos > 0);
    send_message(&message);
    UNTIL(it.acked == 1000);
    assert_int_equal(it.beat.state, COMMAND_ACTIVATE);
}

static void end_in_order(int expected)
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

/* ---- Cases ---- */

static void worker_greets_works_and_ends_in_order(void **state)
{
    (void)state;
    assign_and_work();
    assert_true(it.beat.spouts_done);
    assert_int_equal(it.refused, 0);
    end_in_order(0);
    assert_true(it.finals >= 1);
}

static void worker_garbage_is_refused_and_it_lives_on(void **state)
{
    (void)state;
    static const uint8_t garbage[] = {0xdf, 0xff, 0xff, 0xff, 0xff, 0xdd, 0x7f, 0xff};
    UNTIL(it.hellos > 0);
    for (size_t size = 1; size <= sizeof(garbage); size++) {
        send_bytes(garbage, size);
    }
    UNTIL(it.refused == sizeof(garbage));
    /* A good message cut short, one byte less each time. */
    struct message message = assignment(false);
    buf_clear(&it.out);
    assert_int_equal(message_encode(&message, &it.out), GALE_OK);
    size_t size = it.out.size;
    for (size_t cut = 1; cut < size; cut++) {
        send_bytes(it.out.data, cut);
    }
    UNTIL(it.refused == sizeof(garbage) + size - 1);
    assert_int_equal(it.fatals, 0);
    assign_and_work();
    end_in_order(0);
}

static void worker_random_messages_and_frames_are_refused(void **state)
{
    (void)state;
    struct rng rng;
    uint8_t data[256];
    uint64_t seed = (uint64_t)clock_now_ns();
    uint32_t frames = 0;
    print_message("seed %" PRIu64 "\n", seed);
    rng_seed(&rng, seed);
    assign_and_work();
    for (uint32_t i = 0; i < RANDOM_MESSAGES; i++) {
        size_t size = 1 + rng_below(&rng, sizeof(data) - 1);
        for (size_t k = 0; k < size; k++) {
            data[k] = (uint8_t)rng_next(&rng);
        }
        if (i % 2 == 0 && size >= 2) {
            data[0] = 'G';
            data[1] = 'F';
        }
        frames += size >= 2 && data[0] == 'G' && data[1] == 'F' ? 1 : 0;
        send_bytes(data, size);
    }
    UNTIL(it.beat.frames_refused == frames && it.refused >= RANDOM_MESSAGES - frames);
    end_in_order(0);
}

static void worker_stale_messages_have_no_effect(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(false);
    message.epoch--;
    send_message(&message);
    message.epoch += 2;
    send_message(&message);
    message = assignment(false);
    message.attempt--;
    send_message(&message);
    message = assignment(false);
    message.incarnation++;
    send_message(&message);
    message = assignment(false);
    message.worker++;
    send_message(&message);
    UNTIL(it.refused == 5);
    uint32_t hellos = it.hellos;
    UNTIL(it.hellos > hellos); /* It still waits for its tasks. */
    assign_and_work();
    message = to_worker(MESSAGE_COMMAND);
    message.as.command.command = COMMAND_STOP;
    message.epoch--;
    send_message(&message);
    UNTIL(it.refused == 6);
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 2);
    assert_int_equal(it.beat.state, COMMAND_ACTIVATE);
    end_in_order(0);
}

static void worker_second_assignment_changes_nothing(void **state)
{
    (void)state;
    assign_and_work();
    struct message message = assignment(true);
    send_message(&message);
    message = assignment(false);
    message.as.assign.active = false;
    send_message(&message);
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 3);
    assert_int_equal(it.acked, 1000);
    assert_int_equal(it.beat.state, COMMAND_ACTIVATE);
    assert_int_equal(it.fatals, 0);
    end_in_order(0);
}

/* Commands before there are tasks, for levels that are not there, and in any order. */
static void worker_commands_out_of_place_do_no_harm(void **state)
{
    (void)state;
    struct message message = to_worker(MESSAGE_PEERS);
    const struct message_peer peers[3] = {{0, true, 5, "ipc:///nowhere/x"},
                                          {1, true, 6, "no endpoint at all"},
                                          {200, true, 7, "tcp://127.0.0.1:1"}};
    UNTIL(it.hellos > 0);
    command(COMMAND_FINISH, 3);
    command(COMMAND_RESET_STATS, 0);
    command(COMMAND_DEACTIVATE, 0);
    message.as.peers.items = peers;
    message.as.peers.items_count = 3;
    send_message(&message);
    assign_and_work();
    send_message(&message);
    command(COMMAND_FINISH, 1000);
    UNTIL(it.beat.finish_level == 1001);
    command(COMMAND_RESET_STATS, 1);
    command(COMMAND_RESET_STATS, 1); /* A reminder that comes late. */
    UNTIL(it.beat.stats_round == 1 && it.acked == 0);
    command(COMMAND_DRAIN, 0);
    UNTIL(it.beat.state == COMMAND_DRAIN);
    command(COMMAND_DEACTIVATE, 0);
    UNTIL(it.beat.state == COMMAND_DEACTIVATE);
    message = to_worker(MESSAGE_TOUCHED);
    message.as.touched.workers = UINT64_MAX;
    send_message(&message);
    message = to_worker(MESSAGE_HELLO); /* A worker's word, not a coordinator's. */
    message.as.hello.data_endpoint = "x";
    send_message(&message);
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 2);
    end_in_order(0);
}

static void worker_bad_assignment_is_fatal_with_a_sentence(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(true);
    send_message(&message);
    UNTIL(it.fatals >= 1);
    assert_non_null(strstr(it.fatal_text, "prepare returned"));
    UNTIL(it.fatals >= 3); /* It is said until the coordinator ends the run: any may be lost. */
    end_in_order(70);
}

static void worker_assignment_of_other_size_is_fatal_with_a_sentence(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(false);
    message.as.assign.tasks_count = 1; /* The tree has two. */
    send_message(&message);
    UNTIL(it.fatals >= 1);
    assert_non_null(strstr(it.fatal_text, "cannot compile"));
    end_in_order(70);
}

static void worker_assignment_without_a_task_for_it_idles(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(false);
    message.as.assign.workers_count = 2;
    message.as.assign.task_worker = task_worker_other;
    send_message(&message);
    UNTIL(it.beat.state == COMMAND_ACTIVATE);
    assert_int_equal(it.beat.tasks_count, 0);
    end_in_order(0);
}

static void worker_assignment_for_fewer_workers_is_fatal_with_a_sentence(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(false);
    send_message(&message);
    UNTIL(it.fatals >= 1);
    assert_non_null(strstr(it.fatal_text, "cannot compile"));
    end_in_order(70);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(worker_greets_works_and_ends_in_order),
        CASE(worker_garbage_is_refused_and_it_lives_on),
        CASE(worker_random_messages_and_frames_are_refused),
        CASE(worker_stale_messages_have_no_effect),
        CASE(worker_second_assignment_changes_nothing),
        CASE(worker_commands_out_of_place_do_no_harm),
        CASE(worker_bad_assignment_is_fatal_with_a_sentence),
        CASE(worker_assignment_of_other_size_is_fatal_with_a_sentence),
        CASE(worker_assignment_without_a_task_for_it_idles),
        cmocka_unit_test_setup_teardown(
            worker_assignment_for_fewer_workers_is_fatal_with_a_sentence, start_fifth, stop),
    };
    if (argc > 1 && strcmp(argv[1], "worker") == 0) {
        const struct worker_builtins builtins = {spouts, bolts};
        return worker_main(argc - 1, argv + 1, &builtins);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/store_zookeeper against a real ensemble of three nodes: the conformance suite, the
 * loss of nodes, of sessions and of answers, and who may use what. Times are waited for as
 * conditions with a deadline.
 * Labels: serial threads slow
 */
#include "store_conformance.h"
#include "zookeeper_server.h"

#include "base/clock.h"
#include "store/leader.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND_NS INT64_C(1000000000)
#define WAIT_NS (30 * SECOND_NS)
#define WRITES_COUNT 60

static struct server server;
static struct relay relay;
static char address[256];
static int folders_count;
static struct store *store;
static struct buf value;

static void folder_next(void)
{
    char folder[32];
    snprintf(folder, sizeof folder, "/gale/%d", folders_count++);
    server_address(&server, folder, address, sizeof address);
}

static struct store *store_open(const struct store_zookeeper_options *given)
{
    struct store_zookeeper_options options = *given;
    struct gale_error error = {0};
    struct store *opened = NULL;
    options.servers = options.servers ? options.servers : address;
    options.session_ms = options.session_ms ? options.session_ms : 4000;
    options.operation_ms = options.operation_ms ? options.operation_ms : 20000;
    if (store_zookeeper_open(&options, &opened, &error)) {
        print_error("%s\n", error.text);
    }
    assert_non_null(opened);
    return opened;
}

static void suite_make(void *argument)
{
    (void)argument;
    folder_next();
}

static struct store *suite_open(void *argument)
{
    (void)argument;
    return store_open(&(struct store_zookeeper_options){0});
}

static void suite_destroy(void *argument)
{
    (void)argument;
}

static int setup(void **state)
{
    (void)state;
    folder_next();
    store = NULL;
    buf_init(&value, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    /* Whatever a failed test left: all nodes run and serve for the next. */
    server_signal(&server, SIGCONT);
    for (int i = 0; i < server.nodes_count; i++) {
        if (server.nodes[i].pid == 0) {
            server_node_start(&server, i);
        }
    }
    server_wait(&server);
    if (store) {
        store->ops->close(store);
    }
    buf_fini(&value);
    return 0;
}

static enum gale_err create(const char *path, const char *text)
{
    return store->ops->create(store, path, text, strlen(text));
}

static enum gale_err set(const char *path, const char *text, int64_t version)
{
    return store->ops->set(store, path, text, strlen(text), version, NULL);
}

static void check_value(const char *path, const char *text, int64_t version)
{
    int64_t found = -2;
    assert_int_equal(store->ops->get(store, path, &value, &found), GALE_OK);
    assert_int_equal(value.size, strlen(text));
    assert_memory_equal(value.size ? (const void *)value.data : "", text, value.size);
    assert_int_equal(found, version);
}

static enum store_link link_now(void)
{
    struct store_session session;
    store->ops->session(store, &session);
    return store_session_link(&session, clock_now_ns());
}

static uint64_t generation(void)
{
    struct store_session session;
    store->ops->session(store, &session);
    return session.generation;
}

/* Runs the owner's loop until the link is as wanted. */
static void wait_link(enum store_link link)
{
    int64_t deadline_ns = clock_now_ns() + WAIT_NS;
    while (link_now() != link) {
        struct pollfd wait = {.fd = store->ops->fd(store), .events = POLLIN};
        assert_true(clock_now_ns() < deadline_ns);
        poll(&wait, 1, 1000);
        store->ops->poll(store);
    }
}

static int fired;

static void on_change(void *argument, const char *path)
{
    (void)argument;
    (void)path;
    fired++;
}

static void wait_fired(int count)
{
    int64_t deadline_ns = clock_now_ns() + WAIT_NS;
    while (fired < count) {
        struct pollfd wait = {.fd = store->ops->fd(store), .events = POLLIN};
        assert_true(clock_now_ns() < deadline_ns);
        poll(&wait, 1, 1000);
        store->ops->poll(store);
    }
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* Every write is made, once: creates are all there, and the counter counts the sets. */
static void zookeeper_leader_killed_amid_writes_loses_and_repeats_none(void **state)
{
    (void)state;
    char path[32], text[16];
    store = store_open(&(struct store_zookeeper_options){0});
    assert_int_equal(create("/n", "0"), GALE_OK);
    for (int i = 1; i <= WRITES_COUNT; i++) {
        if (i == WRITES_COUNT / 3) {
            int leader = server_leader(&server);
            assert_true(leader >= 0);
            server_node_kill(&server, leader);
        }
        snprintf(path, sizeof path, "/w%d", i);
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(create(path, text), GALE_OK);
        assert_int_equal(set("/n", text, i % 2 ? STORE_ANY_VERSION : i - 1), GALE_OK);
    }
    check_value("/n", text, WRITES_COUNT);
    for (int i = 1; i <= WRITES_COUNT; i++) {
        snprintf(path, sizeof path, "/w%d", i);
        snprintf(text, sizeof text, "%d", i);
        check_value(path, text, 0);
    }
}

static void zookeeper_all_nodes_restarted_keep_what_was_acknowledged(void **state)
{
    (void)state;
    store = store_open(&(struct store_zookeeper_options){0});
    fired = 0;
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(set("/a", "y", 0), GALE_OK);
    assert_int_equal(store->ops->watch(store, "/a", on_change, NULL), GALE_OK);
    for (int i = 0; i < server.nodes_count; i++) {
        server_node_kill(&server, i);
    }
    wait_link(STORE_SUSPENDED);
    for (int i = 0; i < server.nodes_count; i++) {
        server_node_start(&server, i);
    }
    server_wait(&server);
    wait_link(STORE_CONNECTED);
    wait_fired(1);
    check_value("/a", "y", 1);
    assert_int_equal(set("/a", "z", 1), GALE_OK);
    check_value("/a", "z", 2);
}

static void zookeeper_frozen_past_the_timeout_gives_a_new_session(void **state)
{
    (void)state;
    struct store_session session;
    store = store_open(&(struct store_zookeeper_options){.session_ms = 1500});
    fired = 0;
    assert_int_equal(store->ops->join(store, "/me", "one", 3), GALE_OK);
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(store->ops->watch(store, "/a", on_change, NULL), GALE_OK);
    wait_link(STORE_CONNECTED);
    uint64_t before = generation();
    store->ops->session(store, &session);
    assert_int_equal(session.timeout_ns, 3 * SECOND_NS / 2);
    server_signal(&server, SIGSTOP);
    wait_link(STORE_SUSPENDED);
    assert_int_equal(generation(), before);
    wait_link(STORE_LOST);
    store->ops->poll(store);
    assert_int_equal(generation(), before + 1);
    wait_fired(1);
    server_signal(&server, SIGCONT);
    wait_link(STORE_CONNECTED);
    assert_int_equal(generation(), before + 1);
    assert_int_equal(store->ops->join(store, "/me", "two", 3), GALE_OK);
    check_value("/me", "two", 0);
    check_value("/a", "x", 0);
    assert_int_equal(store->ops->watch(store, "/a", on_change, NULL), GALE_OK);
    assert_int_equal(set("/a", "y", 0), GALE_OK);
    wait_fired(2);
}

/* Sent to frozen nodes, the write has no known outcome; the next one finds out first. */
static void zookeeper_no_answer_in_time_is_an_unknown_outcome(void **state)
{
    (void)state;
    int64_t first, second;
    store = store_open(&(struct store_zookeeper_options){.operation_ms = 500});
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(create("/b", "x"), GALE_OK);
    wait_link(STORE_CONNECTED);
    server_signal(&server, SIGSTOP);
    assert_int_equal(set("/a", "y", 0), GALE_ERR_UNKNOWN);
    assert_int_equal(set("/b", "y", 0), GALE_ERR_TIMEOUT);
    assert_int_equal(store->ops->get(store, "/a", &value, NULL), GALE_ERR_TIMEOUT);
    server_signal(&server, SIGCONT);
    int64_t deadline_ns = clock_now_ns() + WAIT_NS;
    while (set("/b", "z", 0) == GALE_ERR_TIMEOUT) {
        assert_true(clock_now_ns() < deadline_ns);
    }
    check_value("/b", "z", 1);
    assert_int_equal(store->ops->get(store, "/a", &value, &first), GALE_OK);
    assert_true(first == 0 || first == 1);
    assert_memory_equal(value.data, first ? "y" : "x", 1);
    assert_int_equal(set("/b", "z", 1), GALE_OK);
    assert_int_equal(store->ops->get(store, "/a", &value, &second), GALE_OK);
    assert_int_equal(first, second);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static int relay_setup(void **state)
{
    char folder[32];
    setup(state);
    snprintf(folder, sizeof folder, "/gale/%d", folders_count++);
    relay_start(&relay, server.nodes[0].client_port);
    snprintf(address, sizeof address, "127.0.0.1:%d%s", relay.port, folder);
    return 0;
}

static int relay_teardown(void **state)
{
    teardown(state);
    relay_stop(&relay);
    return 0;
}

static void lose(enum relay_mode mode)
{
    relay.mode = (int)mode;
}

/* The outcome of every kind of write is known although its first request or answer was lost. */
static void writes_lost(enum relay_mode mode)
{
    const struct store_op ops[] = {
        {STORE_OP_CREATE, "/m", "1", 1, STORE_ANY_VERSION},
        {STORE_OP_SET, "/a", "many", 4, STORE_ANY_VERSION},
    };
    size_t failed;
    char name[STORE_NAME_SIZE];
    int64_t version = -2;
    store = store_open(&(struct store_zookeeper_options){0});
    assert_int_equal(create("/start", ""), GALE_OK);
    lose(mode);
    assert_int_equal(create("/a", "x"), GALE_OK);
    check_value("/a", "x", 0);
    lose(mode);
    assert_int_equal(set("/a", "y", 0), GALE_OK);
    lose(mode);
    assert_int_equal(store->ops->set(store, "/a", "z", 1, STORE_ANY_VERSION, &version),
                     GALE_OK);
    assert_int_equal(version, 2);
    check_value("/a", "z", 2);
    lose(mode);
    assert_int_equal(store->ops->multi(store, ops, 2, &failed), GALE_OK);
    check_value("/a", "many", 3);
    lose(mode);
    assert_int_equal(store->ops->remove(store, "/m", 0), GALE_OK);
    lose(mode);
    assert_int_equal(store->ops->join(store, "/me", "here", 4), GALE_OK);
    lose(mode);
    assert_int_equal(store->ops->enlist(store, "/start", "guid", "", 0, name), GALE_OK);
    assert_int_equal(store->ops->children(store, "/start", &value), GALE_OK);
    assert_int_equal(value.size, strlen(name) + 1);
    assert_string_equal(value.data, name);
    lose(mode);
    assert_int_equal(create("/a", "again"), GALE_ERR_EXISTS);
    lose(mode);
    assert_int_equal(set("/a", "again", 1), GALE_ERR_STALE);
    assert_true(relay.lost_count >= 7);
}

static void zookeeper_lost_answers_are_found_out(void **state)
{
    (void)state;
    writes_lost(RELAY_LOSE_ANSWER);
}

static void zookeeper_lost_requests_are_sent_again(void **state)
{
    (void)state;
    writes_lost(RELAY_LOSE_REQUEST);
}

#define LATE_TRIES 5

/* A request that comes through late, from a session that was given up but still lives at the
 * servers, when its write has long been made in the next one. When the machine is so slow that the
 * session has ended by then, again. */
static enum relay_late late_request(int64_t *sets_count)
{
    char text[16];
    for (int i = 0; i < LATE_TRIES; i++) {
        relay.late = RELAY_LATE_NONE;
        lose(RELAY_HOLD_REQUEST);
        *sets_count += 1;
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(set("/a", text, STORE_ANY_VERSION), GALE_OK);
        int64_t deadline_ns = clock_now_ns() + WAIT_NS;
        while (relay.late == RELAY_LATE_NONE) {
            assert_true(clock_now_ns() < deadline_ns);
            poll(NULL, 0, 10);
        }
        if (relay.late != RELAY_LATE_LOST) {
            break;
        }
    }
    return relay.late;
}

static void zookeeper_late_request_is_fenced_off(void **state)
{
    (void)state;
    int64_t sets_count = 0, version = -1;
    store = store_open(&(struct store_zookeeper_options){0});
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(late_request(&sets_count), RELAY_LATE_REFUSED);
    assert_int_equal(store->ops->get(store, "/a", &value, &version), GALE_OK);
    assert_int_equal(version, sets_count);
}

static void zookeeper_late_request_of_a_blind_retry_is_applied_twice(void **state)
{
    (void)state;
    int64_t sets_count = 0, version = -1;
    store = store_open(&(struct store_zookeeper_options){.retry_blindly = true});
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(late_request(&sets_count), RELAY_LATE_APPLIED);
    assert_int_equal(store->ops->get(store, "/a", &value, &version), GALE_OK);
    assert_int_equal(version, sets_count + 1);
}

/* Negative control: without looking, what took effect is made twice or reported as refused. */
static void zookeeper_blind_retries_are_wrong(void **state)
{
    (void)state;
    store = store_open(&(struct store_zookeeper_options){.retry_blindly = true});
    lose(RELAY_LOSE_ANSWER);
    assert_int_equal(create("/a", "x"), GALE_ERR_EXISTS);
    lose(RELAY_LOSE_ANSWER);
    assert_int_equal(set("/a", "y", STORE_ANY_VERSION), GALE_OK);
    check_value("/a", "y", 2);
    lose(RELAY_LOSE_ANSWER);
    assert_int_equal(store->ops->remove(store, "/a", 2), GALE_ERR_NOT_FOUND);
}

/* ---- Leaders --------------------------------------------------------------------------------- */

#define LEADER_SESSION_MS 1200

/* A turn of a coordinator's loop, until it is in the wanted state. */
static void lead_until(struct store *own, struct leader *leader, enum leader_state wanted)
{
    int64_t deadline_ns = clock_now_ns() + WAIT_NS;
    while (leader->state != wanted) {
        struct pollfd wait = {.fd = own->ops->fd(own), .events = POLLIN};
        assert_true(clock_now_ns() < deadline_ns);
        poll(&wait, 1, 20);
        own->ops->poll(own);
        (void)leader_step(leader, clock_now_ns());
        if (leader->state == LEADER_LOST && wanted != LEADER_LOST) {
            leader_again(leader);
        }
    }
}

static struct store *candidate_open(struct leader *leader)
{
    struct rng rng;
    struct store *own =
        store_open(&(struct store_zookeeper_options){.session_ms = LEADER_SESSION_MS});
    assert_int_equal(rng_seed_os(&rng), GALE_OK);
    enum gale_err err = own->ops->create(own, "/coordinators", "", 0);
    assert_true(err == GALE_OK || err == GALE_ERR_EXISTS);
    assert_int_equal(leader_init(leader, own, "/coordinators", "/epoch", "", 0, &rng), GALE_OK);
    return own;
}

/* Leads, says so, is paused by the parent, and then tries to write as if nothing had been: first
 * past all of its own checks, then as it should. @return 0 when neither had an effect. */
static int paused_leader(int up, int down)
{
    struct leader leader;
    struct store *own = candidate_open(&leader);
    size_t failed;
    char byte = 1;
    lead_until(own, &leader, LEADER_LEADING);
    const struct store_op ops[] = {
        {STORE_OP_CHECK, "/epoch", NULL, 0, leader.epoch},
        {STORE_OP_SET, "/data", "late", 4, STORE_ANY_VERSION},
    };
    if (write(up, &byte, 1) != 1 || read(down, &byte, 1) != 1) {
        return 2;
    }
    if (leader_write(&leader, clock_now_ns(), &ops[1], 1, &failed) != GALE_ERR_STATE) {
        return 3;
    }
    if (own->ops->multi(own, ops, 2, &failed) != GALE_ERR_STALE || failed != 0) {
        return 4;
    }
    (void)leader_step(&leader, clock_now_ns());
    int result = leader.state == LEADER_LOST ? 0 : 5;
    own->ops->close(own);
    return result;
}

static void zookeeper_leader_paused_past_its_session_writes_nothing(void **state)
{
    (void)state;
    struct leader leader;
    int up[2], down[2], status = -1;
    size_t failed;
    char byte = 1;
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    pid_t child = fork();
    if (child == 0) {
        _exit(paused_leader(up[1], down[0]));
    }
    assert_int_equal(read(up[0], &byte, 1), 1);
    store = candidate_open(&leader);
    assert_int_equal(create("/data", "x"), GALE_OK);
    lead_until(store, &leader, LEADER_WAITING);
    assert_int_equal(leader_step(&leader, clock_now_ns()), GALE_OK);
    assert_int_equal(leader.state, LEADER_WAITING);
    kill(child, SIGSTOP);
    lead_until(store, &leader, LEADER_LEADING);
    assert_int_equal(leader.epoch, 2);
    const struct store_op op = {STORE_OP_SET, "/data", "mine", 4, STORE_ANY_VERSION};
    /* A busy machine may have it suspended for a moment. */
    while (leader_write(&leader, clock_now_ns(), &op, 1, &failed) == GALE_ERR_STATE) {
        lead_until(store, &leader, LEADER_LEADING);
        store->ops->poll(store);
    }
    assert_int_equal(write(down[1], &byte, 1), 1);
    kill(child, SIGCONT);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_value("/data", "mine", 1);
    for (int i = 0; i < 2; i++) {
        close(up[i]);
        close(down[i]);
    }
}

static void zookeeper_leader_closed_is_followed_at_once(void **state)
{
    (void)state;
    struct leader first, second;
    struct store *other = candidate_open(&first);
    lead_until(other, &first, LEADER_LEADING);
    store = candidate_open(&second);
    lead_until(store, &second, LEADER_WAITING);
    int64_t before_ns = clock_now_ns();
    other->ops->close(other);
    lead_until(store, &second, LEADER_LEADING);
    assert_int_equal(second.epoch, 2);
    /* Sooner than the backstop: the watch told. */
    assert_true(clock_now_ns() - before_ns < WAIT_NS / 2);
}

/* ---- Others ---------------------------------------------------------------------------------- */

static void zookeeper_change_by_another_process_fires_the_watch(void **state)
{
    (void)state;
    store = store_open(&(struct store_zookeeper_options){0});
    struct store *other = store_open(&(struct store_zookeeper_options){0});
    fired = 0;
    assert_int_equal(store->ops->watch(store, "/a", on_change, NULL), GALE_OK);
    assert_int_equal(store->ops->get(store, "/a", &value, NULL), GALE_ERR_NOT_FOUND);
    assert_int_equal(other->ops->create(other, "/a", "x", 1), GALE_OK);
    wait_fired(1);
    assert_int_equal(store->ops->watch(store, "/a", on_change, NULL), GALE_OK);
    check_value("/a", "x", 0);
    assert_int_equal(other->ops->create(other, "/a/b", "x", 1), GALE_OK);
    wait_fired(2);
    assert_int_equal(other->ops->join(other, "/e", "x", 1), GALE_OK);
    assert_int_equal(store->ops->watch(store, "/", on_change, NULL), GALE_OK);
    assert_int_equal(store->ops->join(store, "/e", "x", 1), GALE_ERR_EXISTS);
    other->ops->close(other);
    wait_fired(3);
}

static void zookeeper_watch_fires_as_a_backstop(void **state)
{
    (void)state;
    store = store_open(&(struct store_zookeeper_options){.backstop_ms = 200});
    fired = 0;
    assert_int_equal(store->ops->watch(store, "/a", on_change, NULL), GALE_OK);
    wait_fired(1);
}

static void credentials_write(char path[96], const char *text, mode_t mode)
{
    snprintf(path, 96, "%s/credentials", server.folder);
    unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void refused(const struct store_zookeeper_options *options, enum gale_err expected)
{
    struct store *opened = NULL;
    struct gale_error error = {0};
    assert_int_equal(store_zookeeper_open(options, &opened, &error), expected);
    assert_null(opened);
    assert_int_equal(error.code, expected);
    assert_null(strstr(error.text, "secret"));
}

static void zookeeper_credentials_keep_others_out(void **state)
{
    (void)state;
    char path[96], root[128];
    struct store_zookeeper_options options = {
        .servers = address, .credentials_path = path, .session_ms = 4000};
    credentials_write(path, "gale:secret\n", 0644);
    refused(&options, GALE_ERR_INVALID);
    credentials_write(path, "secret\n", 0600);
    refused(&options, GALE_ERR_INVALID);
    credentials_write(path, "gale:secret\n", 0600);
    store = store_open(&options);
    assert_int_equal(create("/a", "x"), GALE_OK);
    check_value("/a", "x", 0);
    struct store *other = store_open(&(struct store_zookeeper_options){0});
    assert_int_equal(other->ops->get(other, "/a", &value, NULL), GALE_ERR_STATE);
    assert_int_equal(other->ops->create(other, "/b", "x", 1), GALE_ERR_STATE);
    other->ops->close(other);
    server_address(&server, "", root, sizeof root);
    options.servers = root;
    refused(&options, GALE_ERR_STATE);
}

static void zookeeper_addresses_are_checked(void **state)
{
    (void)state;
    const char *const malformed[] = {"",        "host",  "host:",      "host:0",
                                     ":2181",   "a:1,",  "a:1,b",      "a:70000",
                                     "a:1/a b", "a:1//", "a:1/a/../b", "a:1x"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        refused(&(struct store_zookeeper_options){.servers = malformed[i]}, GALE_ERR_INVALID);
    }
    refused(&(struct store_zookeeper_options){.servers = "no..such..host:2181"},
            GALE_ERR_NOT_FOUND);
    refused(&(struct store_zookeeper_options){.servers = "127.0.0.1:1", .operation_ms = 200},
            GALE_ERR_TIMEOUT);
}

static void zookeeper_child_after_fork_is_refused(void **state)
{
    (void)state;
    store = store_open(&(struct store_zookeeper_options){0});
    assert_int_equal(create("/a", "x"), GALE_OK);
    pid_t child = fork();
    if (child == 0) {
        bool good = create("/b", "x") == GALE_ERR_STATE &&
                    store->ops->get(store, "/a", &value, NULL) == GALE_ERR_STATE;
        store->ops->poll(store);
        store->ops->close(store);
        _exit(good ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_value("/a", "x", 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define RELAYED(name) cmocka_unit_test_setup_teardown(name, relay_setup, relay_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(zookeeper_change_by_another_process_fires_the_watch),
        CASE(zookeeper_watch_fires_as_a_backstop),
        CASE(zookeeper_credentials_keep_others_out),
        CASE(zookeeper_addresses_are_checked),
        CASE(zookeeper_child_after_fork_is_refused),
        RELAYED(zookeeper_lost_answers_are_found_out),
        RELAYED(zookeeper_lost_requests_are_sent_again),
        RELAYED(zookeeper_late_request_is_fenced_off),
        RELAYED(zookeeper_blind_retries_are_wrong),
        RELAYED(zookeeper_late_request_of_a_blind_retry_is_applied_twice),
        CASE(zookeeper_leader_closed_is_followed_at_once),
        CASE(zookeeper_leader_paused_past_its_session_writes_nothing),
        CASE(zookeeper_leader_killed_amid_writes_loses_and_repeats_none),
        CASE(zookeeper_all_nodes_restarted_keep_what_was_acknowledged),
        CASE(zookeeper_frozen_past_the_timeout_gives_a_new_session),
        CASE(zookeeper_no_answer_in_time_is_an_unknown_outcome),
    };
    const struct store_factory factory = {suite_make, suite_open, suite_destroy, NULL};
    server_start(&server, SERVER_NODES_MAX);
    int failed = store_conformance(&factory);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    server_stop(&server);
    return failed;
}

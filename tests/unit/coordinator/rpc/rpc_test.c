/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers over real sockets, in one thread: client and server are polled in turn. What
 * is not an answer to be had here (a silent server) is judged by a deadline of a few milliseconds. */
#include "rpc/client.h"
#include "rpc/server.h"

#include "base/clock.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#define PATIENCE_NS INT64_C(10000000000)

struct fixture {
    struct rpc_server *server;
    struct rpc_client *client;
    char directory[64];
    unsigned calls;
};

/* Answers "echo" with what came, refuses "no", answers "large" with too much. */
static void handle(void *self, const struct rpc_request *request, struct rpc_answer *answer)
{
    struct fixture *fixture = self;
    fixture->calls++;
    if (strcmp(request->verb, "no") == 0) {
        assert_int_equal(tree_put_text(answer->tree, "error", "is replaced"), GALE_OK);
        rpc_fail(answer, GALE_ERR_NOT_FOUND, "look elsewhere", "no %s", "bread");
        return;
    }
    if (strcmp(request->verb, "large") == 0) {
        char *text = calloc(1, RPC_TREE_MAX + 1);
        memset(text, 'x', RPC_TREE_MAX);
        assert_int_equal(tree_put_text(answer->tree, "text", text), GALE_OK);
        free(text);
        return;
    }
    int64_t number = gale_conf_int64(request->tree, "number", -1);
    assert_int_equal(tree_put_int(answer->tree, "number", number), GALE_OK);
    assert_int_equal(buf_append(answer->body, request->body, request->body_size), GALE_OK);
}

static struct gale_conf *question(const char *verb, int64_t number)
{
    struct gale_conf *tree = conf_new();
    assert_non_null(tree);
    assert_int_equal(tree_put_text(tree, "verb", verb), GALE_OK);
    assert_int_equal(tree_put_int(tree, "number", number), GALE_OK);
    return tree;
}

/* Serves until the client has an answer. */
static void exchange(struct fixture *fixture, uint64_t *id, struct gale_conf **answer,
                     struct buf *body)
{
    int64_t end = clock_now_ns() + PATIENCE_NS;
    while (rpc_client_receive(fixture->client, id, answer, body) == GALE_ERR_AGAIN) {
        struct pollfd fds[] = {{.fd = rpc_server_fd(fixture->server), .events = POLLIN},
                               {.fd = rpc_client_fd(fixture->client), .events = POLLIN}};
        assert_true(clock_now_ns() < end);
        assert_true(poll(fds, 2, 10000) > 0); /* One of the two must become readable. */
        while (rpc_server_poll(fixture->server)) {
        }
    }
}

static int setup_at(struct fixture *fixture, const char *endpoint)
{
    struct gale_error error;
    const char *const endpoints[] = {endpoint};
    if (rpc_server_new(endpoints, 1, handle, fixture, &fixture->server, &error) != GALE_OK ||
        rpc_client_new(rpc_server_endpoint(fixture->server, 0), &fixture->client, &error) !=
            GALE_OK) {
        fprintf(stderr, "%s\n", error.text);
        return -1;
    }
    return 0;
}

static int setup_tcp(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    return setup_at(fixture, "tcp://127.0.0.1:*");
}

static int setup_ipc(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char endpoint[128];
    *state = fixture;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/gale-rpc-XXXXXX");
    if (mkdtemp(fixture->directory) == NULL) {
        return -1;
    }
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", fixture->directory);
    return setup_at(fixture, endpoint);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    rpc_client_free(fixture->client);
    rpc_server_free(fixture->server);
    int left = fixture->directory[0] != '\0' ? rmdir(fixture->directory) : 0;
    free(fixture);
    return left; /* Not empty: a socket or a lock was left behind. */
}

static void rpc_question_brings_its_own_answer_and_body(void **state)
{
    struct fixture *fixture = *state;
    struct buf body;
    uint64_t first = 0;
    uint64_t second = 0;
    buf_init(&body, 0);
    struct gale_conf *one = question("echo", 1);
    struct gale_conf *two = question("echo", 2);
    assert_int_equal(rpc_client_send(fixture->client, one, "bytes", 5, &first), GALE_OK);
    assert_int_equal(rpc_client_send(fixture->client, two, NULL, 0, &second), GALE_OK);
    assert_true(first != second);
    for (int i = 0; i < 2; i++) {
        struct gale_conf *answer = NULL;
        uint64_t id = 0;
        exchange(fixture, &id, &answer, &body);
        assert_true(id == first || id == second);
        assert_int_equal(gale_conf_int64(answer, "number", 0), id == first ? 1 : 2);
        assert_int_equal(body.size, id == first ? 5 : 0);
        conf_free(answer);
    }
    assert_int_equal(rpc_server_counts(fixture->server).requests, 2);
    buf_fini(&body);
    conf_free(one);
    conf_free(two);
}

static void rpc_refusal_becomes_code_text_and_hint(void **state)
{
    struct fixture *fixture = *state;
    struct gale_error error;
    struct gale_conf *tree = question("no", 0);
    struct gale_conf *answer = NULL;
    uint64_t id = 0;
    assert_int_equal(rpc_client_send(fixture->client, tree, NULL, 0, &id), GALE_OK);
    exchange(fixture, &id, &answer, NULL);
    assert_int_equal(rpc_refusal(answer, &error), GALE_ERR_NOT_FOUND);
    assert_string_equal(error.text, "no bread | look elsewhere");
    conf_free(answer);
    conf_free(tree);
}

static void rpc_request_without_verb_never_reaches_the_handler(void **state)
{
    struct fixture *fixture = *state;
    struct gale_error error;
    struct gale_conf *tree = conf_new();
    struct gale_conf *answer = NULL;
    uint64_t id = 0;
    assert_int_equal(tree_put_int(tree, "verb", 7), GALE_OK);
    assert_int_equal(rpc_client_send(fixture->client, tree, NULL, 0, &id), GALE_OK);
    exchange(fixture, &id, &answer, NULL);
    assert_int_equal(rpc_refusal(answer, &error), GALE_ERR_INVALID);
    assert_int_equal(fixture->calls, 0);
    conf_free(answer);
    conf_free(tree);
}

static void rpc_answer_that_is_too_large_becomes_a_refusal(void **state)
{
    struct fixture *fixture = *state;
    struct gale_error error;
    struct gale_conf *tree = question("large", 0);
    struct gale_conf *answer = NULL;
    uint64_t id = 0;
    assert_int_equal(rpc_client_send(fixture->client, tree, NULL, 0, &id), GALE_OK);
    exchange(fixture, &id, &answer, NULL);
    assert_int_equal(rpc_refusal(answer, &error), GALE_ERR_LIMIT);
    conf_free(answer);
    conf_free(tree);
}

static void rpc_many_questions_are_answered_in_bounded_turns(void **state)
{
    struct fixture *fixture = *state;
    struct gale_conf *tree = question("echo", 3);
    unsigned answers = 0;
    unsigned asked = 0;
    int64_t end = clock_now_ns() + PATIENCE_NS;
    while (answers < 2000) {
        uint64_t id = 0;
        struct gale_conf *answer = NULL;
        assert_true(clock_now_ns() < end);
        if (asked < 2000 && asked < answers + RPC_UNREAD_MAX &&
            rpc_client_send(fixture->client, tree, NULL, 0, &id) == GALE_OK) {
            asked++;
        }
        (void)rpc_server_poll(fixture->server);
        if (rpc_client_receive(fixture->client, &id, &answer, NULL) == GALE_OK) {
            answers++;
        }
        conf_free(answer);
    }
    assert_int_equal(rpc_server_counts(fixture->server).unsent, 0);
    conf_free(tree);
}

static void rpc_call_of_a_silent_server_ends_at_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct gale_error error;
    struct gale_conf *tree = question("echo", 0);
    struct gale_conf *answer = NULL;
    int64_t begin = clock_now_ns();
    assert_int_equal(rpc_call(fixture->client, tree, NULL, 0, 20, &answer, NULL, &error),
                     GALE_ERR_TIMEOUT);
    assert_true(clock_now_ns() - begin >= 20 * 1000000);
    assert_null(answer);
    assert_non_null(strstr(error.text, rpc_client_endpoint(fixture->client)));
    conf_free(tree);
}

static void rpc_call_drops_late_answers_to_earlier_questions(void **state)
{
    struct fixture *fixture = *state;
    struct gale_error error;
    struct gale_conf *late = question("echo", 1);
    struct gale_conf *tree = question("echo", 2);
    struct gale_conf *answer = NULL;
    uint64_t id = 0;
    struct buf body;
    buf_init(&body, 0);
    assert_int_equal(rpc_client_send(fixture->client, late, "old", 3, &id), GALE_OK);
    uint64_t got = 0;
    assert_int_equal(rpc_call(fixture->client, tree, NULL, 0, 20, &answer, &body, &error),
                     GALE_ERR_TIMEOUT);
    /* Both are answered now; the call for the third takes neither. */
    exchange(fixture, &got, &answer, &body);
    assert_int_equal(got, id);
    conf_free(answer);
    exchange(fixture, &got, &answer, &body);
    assert_int_equal(got, id + 1);
    conf_free(answer);
    conf_free(late);
    conf_free(tree);
    buf_fini(&body);
}

static void rpc_questions_without_connection_are_bounded(void **state)
{
    (void)state;
    struct gale_error error;
    struct rpc_client *client = NULL;
    struct gale_conf *tree = question("echo", 0);
    uint64_t id = 0;
    unsigned sent = 0;
    /* Nothing listens on port 1 of the loopback. */
    assert_int_equal(rpc_client_new("tcp://127.0.0.1:1", &client, &error), GALE_OK);
    while (sent < 1000 && rpc_client_send(client, tree, NULL, 0, &id) == GALE_OK) {
        sent++;
    }
    assert_int_equal(sent, RPC_CLIENT_QUEUE);
    rpc_client_free(client);
    conf_free(tree);
}

static void rpc_question_waits_for_a_server_that_comes_later(void **state)
{
    struct fixture *fixture = *state;
    char endpoint[RPC_ENDPOINT_SIZE];
    struct gale_conf *tree = question("echo", 4);
    struct gale_conf *answer = NULL;
    struct gale_error error;
    uint64_t id = 0;
    snprintf(endpoint, sizeof(endpoint), "%s", rpc_server_endpoint(fixture->server, 0));
    rpc_server_free(fixture->server);
    fixture->server = NULL;
    assert_int_equal(rpc_client_send(fixture->client, tree, NULL, 0, &id), GALE_OK);
    const char *const endpoints[] = {endpoint};
    assert_int_equal(rpc_server_new(endpoints, 1, handle, fixture, &fixture->server, &error),
                     GALE_OK);
    /* The library may have put the question on the dying connection: asking again must help. */
    int64_t end = clock_now_ns() + PATIENCE_NS;
    enum gale_err err = GALE_ERR_AGAIN;
    while (err != GALE_OK) {
        assert_true(clock_now_ns() < end);
        struct pollfd fds[] = {{.fd = rpc_server_fd(fixture->server), .events = POLLIN},
                               {.fd = rpc_client_fd(fixture->client), .events = POLLIN}};
        if (poll(fds, 2, 200) == 0) {
            (void)rpc_client_send(fixture->client, tree, NULL, 0, &id);
        }
        (void)rpc_server_poll(fixture->server);
        err = rpc_client_receive(fixture->client, &id, &answer, NULL);
    }
    assert_int_equal(gale_conf_int64(answer, "number", 0), 4);
    conf_free(answer);
    conf_free(tree);
}

/* Sends frames of any form to the fixture's server. */
static void send_raw(struct fixture *fixture, const char *const *frames, const size_t *sizes,
                     size_t count)
{
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int64_t end = clock_now_ns() + PATIENCE_NS;
    struct rpc_counts before = rpc_server_counts(fixture->server);
    struct rpc_counts now = before;
    assert_int_equal(zmq_connect(dealer, rpc_server_endpoint(fixture->server, 0)), 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(zmq_send(dealer, frames[i], sizes[i], i + 1 < count ? ZMQ_SNDMORE : 0) >=
                    0);
    }
    while (now.hostile == before.hostile && now.requests == before.requests) {
        struct pollfd fd = {.fd = rpc_server_fd(fixture->server), .events = POLLIN};
        assert_true(clock_now_ns() < end);
        (void)poll(&fd, 1, 1000);
        (void)rpc_server_poll(fixture->server);
        now = rpc_server_counts(fixture->server);
    }
    assert_int_equal(now.hostile, before.hostile + 1);
    int linger = 0;
    zmq_setsockopt(dealer, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_close(dealer);
    zmq_ctx_term(context);
}

static void rpc_hostile_messages_are_counted_and_dropped(void **state)
{
    struct fixture *fixture = *state;
    uint8_t head[RPC_HEAD_SIZE];
    uint8_t newer[RPC_HEAD_SIZE];
    uint8_t answer[RPC_HEAD_SIZE];
    rpc_head_write(head, RPC_REQUEST, 1);
    rpc_head_write(newer, RPC_REQUEST, 1);
    rpc_head_write(answer, RPC_ANSWER, 1);
    newer[2]++;
    const char *good = (const char *)head;
    const struct {
        const char *frames[5];
        size_t sizes[5];
        size_t count;
    } samples[] = {
        {{"x"}, {1}, 1},
        {{""}, {0}, 1},
        {{good}, {RPC_HEAD_SIZE}, 1},
        {{good, "\x80", "", "", ""}, {RPC_HEAD_SIZE, 1, 0, 0, 0}, 5},
        {{good, "\xdd\x03\xff\xff\xff"}, {RPC_HEAD_SIZE, 5}, 2},
        {{good, "\x90"}, {RPC_HEAD_SIZE, 1}, 2},
        {{good, "\x80\x80"}, {RPC_HEAD_SIZE, 2}, 2},
        {{good, "\x80"}, {RPC_HEAD_SIZE - 1, 1}, 2},
        {{(const char *)newer, "\x80"}, {RPC_HEAD_SIZE, 1}, 2},
        {{(const char *)answer, "\x80"}, {RPC_HEAD_SIZE, 1}, 2},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        send_raw(fixture, samples[i].frames, samples[i].sizes, samples[i].count);
    }
    assert_int_equal(fixture->calls, 0);
    rpc_question_brings_its_own_answer_and_body(state); /* It still works. */
}

static void rpc_ipc_path_of_a_living_server_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct gale_error error;
    struct rpc_server *second = NULL;
    const char *const endpoints[] = {rpc_server_endpoint(fixture->server, 0)};
    assert_int_equal(rpc_server_new(endpoints, 1, handle, fixture, &second, &error),
                     GALE_ERR_EXISTS);
    assert_null(second);
    rpc_question_brings_its_own_answer_and_body(state); /* The first one keeps its path. */
}

static void rpc_ipc_path_left_by_the_dead_is_taken(void **state)
{
    struct fixture *fixture = *state;
    struct gale_error error;
    struct rpc_server *server = NULL;
    char endpoint[160];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/dead", fixture->directory);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s", address.sun_path);
    const char *const endpoints[] = {endpoint};
    assert_int_equal(rpc_server_new(endpoints, 1, handle, fixture, &server, &error), GALE_OK);
    rpc_server_free(server);
}

static void rpc_ipc_directory_open_to_others_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct gale_error error;
    struct rpc_server *server = NULL;
    char directory[128];
    char endpoint[160];
    snprintf(directory, sizeof(directory), "%s/open", fixture->directory);
    assert_int_equal(mkdir(directory, 0755), 0);
    assert_int_equal(chmod(directory, 0755), 0);
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", directory);
    const char *const endpoints[] = {endpoint};
    assert_int_equal(rpc_server_new(endpoints, 1, handle, fixture, &server, &error),
                     GALE_ERR_INVALID);
    assert_int_equal(rmdir(directory), 0);
}

static void rpc_endpoint_without_its_form_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "7410",
                                      "localhost:7410",
                                      "udp://127.0.0.1:1",
                                      "ipc://relative/path",
                                      "tcp://127.0.0.1:notaport"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gale_error error = {.code = GALE_OK};
        struct rpc_client *client = NULL;
        assert_int_equal(rpc_client_new(bad[i], &client, &error), GALE_ERR_INVALID);
        assert_null(client);
        assert_true(strlen(error.text) > 10);
    }
}

static void tree_numbers_read_back_as_they_were(void **state)
{
    (void)state;
    static const double doubles[] = {0.1, 1.0 / 3, 1e300, -2.5e-300, 42, -0.0};
    for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
        struct gale_conf *tree = conf_new();
        struct gale_conf *back = NULL;
        struct buf packed;
        buf_init(&packed, 0);
        assert_int_equal(tree_put_double(tree, "d", doubles[i]), GALE_OK);
        assert_int_equal(tree_put_hex64(tree, "h", UINT64_MAX - i), GALE_OK);
        assert_int_equal(tree_put_int(tree, "i", INT64_MIN), GALE_OK);
        assert_int_equal(tree_put_text(tree, "absent", NULL), GALE_OK);
        assert_int_equal(conf_pack(tree, &packed), GALE_OK);
        assert_int_equal(conf_unpack(packed.data, packed.size, &back), GALE_OK);
        double read = gale_conf_double(back, "d", -1);
        assert_memory_equal(&read, &doubles[i], sizeof(read));
        assert_int_equal(gale_conf_type(gale_conf_get(back, "d")), GALE_DOUBLE);
        assert_true(tree_hex64(back, "h", 0) == UINT64_MAX - i);
        assert_true(gale_conf_int64(back, "i", 0) == INT64_MIN);
        assert_null(gale_conf_get(back, "absent"));
        tree_clear(back);
        assert_int_equal(gale_conf_count(back), 0);
        buf_fini(&packed);
        conf_free(tree);
        conf_free(back);
    }
}

static void tree_hex64_refuses_what_is_no_id(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "0x12", "-1", " 12", "12345678901234567", "12g"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gale_conf *tree = conf_new();
        assert_int_equal(tree_put_text(tree, "id", bad[i]), GALE_OK);
        assert_int_equal(tree_hex64(tree, "id", 77), 77);
        conf_free(tree);
    }
    assert_int_equal(tree_hex64(NULL, "id", 5), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rpc_question_brings_its_own_answer_and_body, setup_tcp,
                                        teardown),
        cmocka_unit_test_setup_teardown(rpc_question_brings_its_own_answer_and_body, setup_ipc,
                                        teardown),
        cmocka_unit_test_setup_teardown(rpc_refusal_becomes_code_text_and_hint, setup_tcp,
                                        teardown),
        cmocka_unit_test_setup_teardown(rpc_request_without_verb_never_reaches_the_handler,
                                        setup_tcp, teardown),
        cmocka_unit_test_setup_teardown(rpc_answer_that_is_too_large_becomes_a_refusal,
                                        setup_ipc, teardown),
        cmocka_unit_test_setup_teardown(rpc_many_questions_are_answered_in_bounded_turns,
                                        setup_tcp, teardown),
        cmocka_unit_test_setup_teardown(rpc_call_of_a_silent_server_ends_at_the_deadline,
                                        setup_tcp, teardown),
        cmocka_unit_test_setup_teardown(rpc_call_drops_late_answers_to_earlier_questions,
                                        setup_tcp, teardown),
        cmocka_unit_test(rpc_questions_without_connection_are_bounded),
        cmocka_unit_test_setup_teardown(rpc_question_waits_for_a_server_that_comes_later,
                                        setup_tcp, teardown),
        cmocka_unit_test_setup_teardown(rpc_hostile_messages_are_counted_and_dropped, setup_tcp,
                                        teardown),
        cmocka_unit_test_setup_teardown(rpc_ipc_path_of_a_living_server_is_refused, setup_ipc,
                                        teardown),
        cmocka_unit_test_setup_teardown(rpc_ipc_path_left_by_the_dead_is_taken, setup_ipc,
                                        teardown),
        cmocka_unit_test_setup_teardown(rpc_ipc_directory_open_to_others_is_refused, setup_ipc,
                                        teardown),
        cmocka_unit_test(rpc_endpoint_without_its_form_is_refused),
        cmocka_unit_test(tree_numbers_read_back_as_they_were),
        cmocka_unit_test(tree_hex64_refuses_what_is_no_id),
    };
    return cmocka_run_group_tests_name("rpc", tests, NULL, NULL);
}

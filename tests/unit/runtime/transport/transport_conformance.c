/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite of the transport port. Sender and receiver live in one thread, each with
 * a transport of its own. The suite asks for what the links above rely on: order per sender, whole
 * messages, a send that never blocks, an end that can go and come back, and a descriptor that wakes
 * who drained before waiting. It does not ask for delivery across a break: the port is lossy.
 */
#include "transport_conformance.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENDPOINT_SIZE 256
#define MS_NS 1000000
#define SENDERS_COUNT 8

struct suite {
    const struct conformance_adapter *adapter;
    void *fixture;
    struct transport *receiver;
    struct transport *sender;
    char bound[ENDPOINT_SIZE];
};

struct numbered {
    uint32_t sender;
    uint32_t number;
};

static struct transport *make(const struct suite *suite)
{
    struct transport *transport = NULL;
    assert_int_equal(suite->adapter->make(suite->fixture, &transport), GALE_OK);
    assert_non_null(transport);
    return transport;
}

static void bind_to(struct transport *transport, const char *endpoint, char *bound)
{
    struct gale_error error = {0};
    enum gale_err err = transport->ops->bind(transport, endpoint, bound, ENDPOINT_SIZE, &error);
    if (err != GALE_OK) {
        fail_msg("%s", error.text);
    }
}

static void bind_receiver(struct suite *suite)
{
    char endpoint[ENDPOINT_SIZE];
    suite->adapter->endpoint(suite->fixture, endpoint, sizeof endpoint);
    suite->receiver = make(suite);
    bind_to(suite->receiver, endpoint, suite->bound);
}

static struct transport_peer *connect_to(struct transport *transport, const char *endpoint)
{
    struct gale_error error = {0};
    struct transport_peer *peer = NULL;
    if (transport->ops->connect(transport, endpoint, &peer, &error) != GALE_OK) {
        fail_msg("%s", error.text);
    }
    return peer;
}

static int64_t deadline(void)
{
    return clock_now_ns() + (int64_t)CONFORMANCE_DEADLINE_MS * MS_NS;
}

void conformance_receive(struct transport *transport, struct transport_message *out)
{
    int64_t end = deadline();
    for (;;) {
        enum gale_err err = transport->ops->receive(transport, out);
        if (err == GALE_OK) {
            return;
        }
        assert_int_equal(err, GALE_ERR_AGAIN);
        int64_t left = end - clock_now_ns();
        if (left <= 0) {
            fail_msg("no message within %d ms", CONFORMANCE_DEADLINE_MS);
        }
        struct pollfd wait = {.fd = transport->ops->fd(transport), .events = POLLIN};
        poll(&wait, 1, (int)(left / MS_NS) + 1);
    }
}

void conformance_send(struct transport *transport, struct transport_peer *peer,
                      const void *data, size_t size)
{
    void *handle;
    uint8_t *room;
    assert_int_equal(transport->ops->prepare(transport, size, &handle, &room), GALE_OK);
    if (size > 0) {
        memcpy(room, data, size);
    }
    int64_t end = deadline();
    enum gale_err err;
    while ((err = transport->ops->send(transport, peer, handle)) == GALE_ERR_AGAIN) {
        assert_true(clock_now_ns() < end);
        sched_yield();
    }
    assert_int_equal(err, GALE_OK);
}

void conformance_expect(struct transport *transport, const void *data, size_t size)
{
    struct transport_message message;
    conformance_receive(transport, &message);
    assert_int_equal(message.size, size);
    if (size > 0) {
        assert_memory_equal(message.data, data, size);
    }
    transport->ops->release(transport, &message);
}

static struct numbered receive_numbered(struct transport *transport)
{
    struct transport_message message;
    struct numbered got;
    conformance_receive(transport, &message);
    assert_int_equal(message.size, sizeof got);
    memcpy(&got, message.data, sizeof got);
    transport->ops->release(transport, &message);
    return got;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void transport_one_sender_order_is_kept(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    uint32_t next = 0;
    for (uint32_t number = 0; number < 20000; number++) {
        conformance_send(suite->sender, peer, &(struct numbered){0, number}, 8);
        /* The distance stays below every queue's bound, so that neither end waits for the other. */
        if (number >= 500) {
            assert_int_equal(receive_numbered(suite->receiver).number, next);
            next++;
        }
    }
    while (next < 20000) {
        assert_int_equal(receive_numbered(suite->receiver).number, next);
        next++;
    }
}

static void transport_many_senders_order_is_kept_for_each(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    struct transport *senders[SENDERS_COUNT];
    struct transport_peer *peers[SENDERS_COUNT];
    uint32_t next[SENDERS_COUNT] = {0};
    for (uint32_t i = 0; i < SENDERS_COUNT; i++) {
        senders[i] = make(suite);
        peers[i] = connect_to(senders[i], suite->bound);
    }
    for (uint32_t number = 0; number < 100; number++) {
        for (uint32_t i = 0; i < SENDERS_COUNT; i++) {
            conformance_send(senders[i], peers[i], &(struct numbered){i, number}, 8);
        }
    }
    for (uint32_t count = 0; count < 100 * SENDERS_COUNT; count++) {
        struct numbered got = receive_numbered(suite->receiver);
        assert_true(got.sender < SENDERS_COUNT);
        assert_int_equal(got.number, next[got.sender]);
        next[got.sender]++;
    }
    for (uint32_t i = 0; i < SENDERS_COUNT; i++) {
        senders[i]->ops->free(senders[i]);
    }
}

static void transport_any_size_arrives_whole(void **state)
{
    static const size_t sizes[] = {
        0, 1, 33, 255, 256, 8191, 8192, 8193, 32768 + 64, 1 << 20, TRANSPORT_MESSAGE_MAX};
    struct suite *suite = *state;
    bind_receiver(suite);
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    uint8_t *bytes = malloc(TRANSPORT_MESSAGE_MAX);
    assert_non_null(bytes);
    for (size_t i = 0; i < TRANSPORT_MESSAGE_MAX; i++) {
        bytes[i] = (uint8_t)(i * 131 + (i >> 8));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        conformance_send(suite->sender, peer, bytes, sizes[i]);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        conformance_expect(suite->receiver, bytes, sizes[i]);
    }
    free(bytes);
}

static void transport_prepare_beyond_maximum_is_refused(void **state)
{
    struct suite *suite = *state;
    void *handle = NULL;
    uint8_t *data;
    assert_int_equal(suite->sender->ops->prepare(
                         suite->sender, (size_t)TRANSPORT_MESSAGE_MAX + 1, &handle, &data),
                     GALE_ERR_LIMIT);
    assert_null(handle);
}

static void transport_bound_endpoint_is_complete(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    assert_null(strchr(suite->bound, '*'));
    assert_true(strlen(suite->bound) > strlen("ipc://"));
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    conformance_send(suite->sender, peer, "x", 1);
    conformance_expect(suite->receiver, "x", 1);
}

static void transport_bind_of_live_endpoint_is_refused(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    struct gale_error error = {0};
    char bound[ENDPOINT_SIZE];
    struct transport *second = make(suite);
    assert_int_equal(second->ops->bind(second, suite->bound, bound, sizeof bound, &error),
                     GALE_ERR_EXISTS);
    assert_true(error.text[0] != '\0');
    second->ops->free(second);
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    conformance_send(suite->sender, peer, "still mine", 10);
    conformance_expect(suite->receiver, "still mine", 10);
}

static void transport_malformed_endpoint_is_refused(void **state)
{
    struct suite *suite = *state;
    struct gale_error error = {0};
    char bound[ENDPOINT_SIZE];
    struct transport_peer *peer = NULL;
    struct transport *sender = suite->sender;
    assert_int_equal(sender->ops->connect(sender, "nonsense", &peer, &error), GALE_ERR_INVALID);
    assert_null(peer);
    assert_true(error.text[0] != '\0');
    assert_int_equal(sender->ops->bind(sender, "nonsense", bound, sizeof bound, NULL),
                     GALE_ERR_INVALID);
}

static void transport_absent_peer_send_says_again(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    suite->receiver->ops->free(suite->receiver);
    suite->receiver = NULL;
    struct transport *sender = suite->sender;
    struct transport_peer *peer = connect_to(sender, suite->bound);
    int64_t started = clock_now_ns();
    enum gale_err err = GALE_OK;
    for (int i = 0; i < 100000 && err == GALE_OK; i++) {
        void *handle;
        uint8_t *data;
        assert_int_equal(sender->ops->prepare(sender, 64, &handle, &data), GALE_OK);
        memset(data, 0, 64);
        err = sender->ops->send(sender, peer, handle);
        if (err == GALE_ERR_AGAIN) {
            sender->ops->drop(sender, handle);
        }
    }
    assert_int_equal(err, GALE_ERR_AGAIN);
    assert_true(clock_now_ns() - started < (int64_t)CONFORMANCE_DEADLINE_MS * MS_NS);
}

static void transport_disconnected_peer_loses_its_queue(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    suite->receiver->ops->free(suite->receiver);
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    conformance_send(suite->sender, peer, "lost", 4);
    suite->sender->ops->disconnect(suite->sender, peer);
    suite->sender->ops->disconnect(suite->sender, NULL);
    /* Freeing waits until the library has let go of the old connection; a lingering one would
     * never return. */
    suite->sender->ops->free(suite->sender);
    suite->sender = make(suite);
    suite->receiver = make(suite);
    char bound[ENDPOINT_SIZE];
    bind_to(suite->receiver, suite->bound, bound);
    assert_string_equal(bound, suite->bound);
    peer = connect_to(suite->sender, bound);
    conformance_send(suite->sender, peer, "new", 3);
    conformance_expect(suite->receiver, "new", 3);
}

static void transport_restarted_peer_is_reached_again(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    struct transport *sender = suite->sender;
    struct transport_peer *peer = connect_to(sender, suite->bound);
    for (int round = 0; round < 3; round++) {
        /* Messages may be lost around the restart: one is offered in each turn until one comes. */
        struct transport_message message;
        enum gale_err got = GALE_ERR_AGAIN;
        for (int64_t end = deadline(); got != GALE_OK && clock_now_ns() < end;) {
            void *handle;
            uint8_t *data;
            assert_int_equal(sender->ops->prepare(sender, 1, &handle, &data), GALE_OK);
            *data = (uint8_t)round;
            if (sender->ops->send(sender, peer, handle) != GALE_OK) {
                sender->ops->drop(sender, handle);
            }
            got = suite->receiver->ops->receive(suite->receiver, &message);
            if (got == GALE_ERR_AGAIN) {
                struct pollfd wait = {.fd = suite->receiver->ops->fd(suite->receiver),
                                      .events = POLLIN};
                poll(&wait, 1, 5);
            }
        }
        assert_int_equal(got, GALE_OK);
        suite->receiver->ops->release(suite->receiver, &message);
        suite->receiver->ops->free(suite->receiver);
        suite->receiver = make(suite);
        char bound[ENDPOINT_SIZE];
        bind_to(suite->receiver, suite->bound, bound);
    }
}

static void transport_received_bytes_live_until_release(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    struct transport_message kept[100];
    uint8_t bytes[3000];
    for (int i = 0; i < 100; i++) {
        memset(bytes, i, sizeof bytes);
        conformance_send(suite->sender, peer, bytes, 30 * (size_t)(i + 1) - 1);
    }
    for (int i = 0; i < 100; i++) {
        conformance_receive(suite->receiver, &kept[i]);
    }
    /* Odd ones go first: the even ones must not feel it. */
    for (int pass = 1; pass >= 0; pass--) {
        for (int i = pass; i < 100; i += 2) {
            memset(bytes, i, sizeof bytes);
            assert_int_equal(kept[i].size, 30 * (i + 1) - 1);
            assert_memory_equal(kept[i].data, bytes, kept[i].size);
            suite->receiver->ops->release(suite->receiver, &kept[i]);
            assert_null(kept[i].handle);
        }
    }
}

static void transport_freed_with_messages_unread_leaks_nothing(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    for (int i = 0; i < 100; i++) {
        conformance_send(suite->sender, peer, "unread", 6);
    }
    conformance_expect(suite->receiver, "unread", 6);
}

static void transport_drained_descriptor_wakes_for_each_message(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    struct transport *receiver = suite->receiver;
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    for (uint32_t number = 0; number < 300; number++) {
        struct transport_message message;
        assert_int_equal(receiver->ops->receive(receiver, &message), GALE_ERR_AGAIN);
        conformance_send(suite->sender, peer, &number, sizeof number);
        /* Only poll may tell of the message: each AGAIN below was preceded by a wake-up. */
        enum gale_err err = GALE_ERR_AGAIN;
        for (int64_t end = deadline(); err == GALE_ERR_AGAIN && clock_now_ns() < end;) {
            struct pollfd wait = {.fd = receiver->ops->fd(receiver), .events = POLLIN};
            assert_int_equal(poll(&wait, 1, CONFORMANCE_DEADLINE_MS), 1);
            err = receiver->ops->receive(receiver, &message);
        }
        assert_int_equal(err, GALE_OK);
        receiver->ops->release(receiver, &message);
    }
}

static void transport_idle_costs_no_processor_time(void **state)
{
    struct suite *suite = *state;
    bind_receiver(suite);
    struct transport *receiver = suite->receiver;
    struct transport_peer *peer = connect_to(suite->sender, suite->bound);
    conformance_send(suite->sender, peer, "x", 1);
    conformance_expect(receiver, "x", 1);
    struct timespec before;
    struct timespec after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    int64_t end = clock_now_ns() + 300 * MS_NS;
    for (int64_t left; (left = end - clock_now_ns()) > 0;) {
        struct transport_message message;
        assert_int_equal(receiver->ops->receive(receiver, &message), GALE_ERR_AGAIN);
        struct pollfd wait = {.fd = receiver->ops->fd(receiver), .events = POLLIN};
        poll(&wait, 1, (int)(left / MS_NS) + 1);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    int64_t used = (after.tv_sec - before.tv_sec) * 1000 * (int64_t)MS_NS +
                   (after.tv_nsec - before.tv_nsec);
    /* A spinning descriptor would use all 300 ms. */
    assert_true(used < 60 * MS_NS);
}

/* ---- the suite ------------------------------------------------------------------------------ */

static int suite_setup(void **state)
{
    struct suite *suite = calloc(1, sizeof *suite);
    if (suite == NULL) {
        return -1;
    }
    suite->adapter = *state;
    suite->fixture = suite->adapter->setup();
    *state = suite;
    return suite->adapter->make(suite->fixture, &suite->sender) == GALE_OK ? 0 : -1;
}

static int suite_teardown(void **state)
{
    struct suite *suite = *state;
    if (suite->receiver != NULL) {
        suite->receiver->ops->free(suite->receiver);
    }
    suite->sender->ops->free(suite->sender);
    suite->adapter->teardown(suite->fixture);
    free(suite);
    return 0;
}

#define SUITE_TEST(test) \
    { \
#test, test, suite_setup, suite_teardown, NULL \
    }

int transport_conformance(const struct conformance_adapter *adapter)
{
    struct CMUnitTest tests[] = {
        SUITE_TEST(transport_one_sender_order_is_kept),
        SUITE_TEST(transport_many_senders_order_is_kept_for_each),
        SUITE_TEST(transport_any_size_arrives_whole),
        SUITE_TEST(transport_prepare_beyond_maximum_is_refused),
        SUITE_TEST(transport_bound_endpoint_is_complete),
        SUITE_TEST(transport_bind_of_live_endpoint_is_refused),
        SUITE_TEST(transport_malformed_endpoint_is_refused),
        SUITE_TEST(transport_absent_peer_send_says_again),
        SUITE_TEST(transport_disconnected_peer_loses_its_queue),
        SUITE_TEST(transport_restarted_peer_is_reached_again),
        SUITE_TEST(transport_received_bytes_live_until_release),
        SUITE_TEST(transport_freed_with_messages_unread_leaks_nothing),
        SUITE_TEST(transport_drained_descriptor_wakes_for_each_message),
        SUITE_TEST(transport_idle_costs_no_processor_time),
    };
    /* cmocka hands the state on as void *, though nothing here changes the adapter. */
    struct conformance_adapter copy = *adapter;
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tests[i].initial_state = &copy;
    }
    return cmocka_run_group_tests_name(adapter->name, tests, NULL, NULL);
}

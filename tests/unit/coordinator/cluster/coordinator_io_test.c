/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to workers, over a transport that writes down what it is asked; addresses for others. */
#include "cluster/coordinator_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PEERS_MAX 64

struct transport_peer {
    char endpoint[64];
    unsigned sent;
    bool full;
    bool open;
};

static struct transport_peer made[PEERS_MAX];
static size_t made_count;
static unsigned dropped;
static uint8_t room[64];

static enum gale_err fake_connect(struct transport *transport, const char *endpoint,
                                  struct transport_peer **out, struct gale_error *error)
{
    (void)transport;
    if (strcmp(endpoint, "bad") == 0) {
        return gale_error_set(error, GALE_ERR_INVALID, "bad");
    }
    assert_true(made_count < PEERS_MAX);
    *out = &made[made_count++];
    **out = (struct transport_peer){.open = true};
    snprintf((*out)->endpoint, sizeof(*out)->endpoint, "%s", endpoint);
    return GALE_OK;
}

static void fake_disconnect(struct transport *transport, struct transport_peer *peer)
{
    (void)transport;
    peer->open = false;
}

static enum gale_err fake_prepare(struct transport *transport, size_t size, void **handle,
                                  uint8_t **data)
{
    (void)transport;
    assert_true(size <= sizeof room);
    *handle = room;
    *data = room;
    return GALE_OK;
}

static void fake_drop(struct transport *transport, void *handle)
{
    (void)transport;
    (void)handle;
    dropped++;
}

static enum gale_err fake_send(struct transport *transport, struct transport_peer *peer,
                               void *handle)
{
    (void)transport;
    (void)handle;
    assert_true(peer->open);
    if (peer->full) {
        return GALE_ERR_AGAIN;
    }
    peer->sent++;
    return GALE_OK;
}

static const struct transport_ops fake_ops = {.connect = fake_connect,
                                              .disconnect = fake_disconnect,
                                              .prepare = fake_prepare,
                                              .drop = fake_drop,
                                              .send = fake_send};

static void send_to(struct coordinator_peers *peers, uint64_t topology, uint32_t worker)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(buf_append(&bytes, "x", 1), GALE_OK);
    coordinator_peer_send(peers, topology, worker, &bytes);
    buf_fini(&bytes);
}

static void peers_set_in_any_order_are_found(void **state)
{
    (void)state;
    struct transport transport = {&fake_ops};
    struct coordinator_peers peers = {.transport = &transport};
    char endpoint[32];
    made_count = dropped = 0;
    for (unsigned i = 0; i < 40; i++) {
        unsigned key = i * 17 % 40;
        snprintf(endpoint, sizeof endpoint, "%u", key);
        coordinator_peer_set(&peers, key / 8, key % 8, endpoint);
    }
    for (unsigned key = 0; key < 40; key++) {
        send_to(&peers, key / 8, key % 8);
    }
    for (size_t i = 0; i < made_count; i++) {
        assert_int_equal(made[i].sent, 1);
    }
    send_to(&peers, 99, 0); /* Nobody there: lost. */
    coordinator_peers_free(&peers);
    for (size_t i = 0; i < made_count; i++) {
        assert_false(made[i].open);
    }
}

static void peer_set_again_replaces_and_null_closes(void **state)
{
    (void)state;
    struct transport transport = {&fake_ops};
    struct coordinator_peers peers = {.transport = &transport};
    made_count = dropped = 0;
    coordinator_peer_set(&peers, 1, 1, "a");
    coordinator_peer_set(&peers, 1, 1, "b");
    assert_false(made[0].open);
    send_to(&peers, 1, 1);
    assert_int_equal(made[1].sent, 1);
    made[1].full = true;
    send_to(&peers, 1, 1);
    assert_int_equal(dropped, 1);
    coordinator_peer_set(&peers, 1, 1, NULL);
    assert_false(made[1].open);
    send_to(&peers, 1, 1);
    coordinator_peer_set(&peers, 1, 1, NULL);
    coordinator_peer_set(&peers, 1, 1, "bad");
    assert_int_equal(peers.count, 0);
    coordinator_peers_free(&peers);
}

static void reach_everywhere_gets_an_address(void **state)
{
    (void)state;
    char out[64], host[256] = "", expected[300], small[8];
    struct gale_error error;
    assert_int_equal(coordinator_reach("tcp://10.0.0.1:5", "x", out, sizeof out, &error),
                     GALE_OK);
    assert_string_equal(out, "tcp://10.0.0.1:5");
    assert_int_equal(coordinator_reach("tcp://0.0.0.0:5", "10.1.1.1", out, sizeof out, &error),
                     GALE_OK);
    assert_string_equal(out, "tcp://10.1.1.1:5");
    assert_int_equal(coordinator_reach("tcp://[::]:5", "[::1]", out, sizeof out, &error),
                     GALE_OK);
    assert_string_equal(out, "tcp://[::1]:5");
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    snprintf(expected, sizeof expected, "tcp://%s:5", host);
    assert_int_equal(coordinator_reach("tcp://0.0.0.0:5", "", out, sizeof out, &error),
                     GALE_OK);
    assert_string_equal(out, expected);
    assert_int_equal(coordinator_reach("ipc:///a/b", NULL, out, sizeof out, &error), GALE_OK);
    assert_string_equal(out, "ipc:///a/b");
    assert_int_equal(coordinator_reach("tcp://10.0.0.1:5", NULL, small, sizeof small, &error),
                     GALE_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_set_in_any_order_are_found),
        cmocka_unit_test(peer_set_again_replaces_and_null_closes),
        cmocka_unit_test(reach_everywhere_gets_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

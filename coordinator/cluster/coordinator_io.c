/* SPDX-License-Identifier: Apache-2.0 */
/* See coordinator_io.h. */
#include "cluster/coordinator_io.h"

#include "base/str.h"

#include <gale/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Workers --------------------------------------------------------------------------------- */

/* Where a worker is, or would be. */
static size_t place_of(const struct coordinator_peers *peers, uint64_t topology,
                       uint32_t worker)
{
    size_t low = 0, high = peers->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct coordinator_peer *item = &peers->items[middle];
        if (item->topology < topology ||
            (item->topology == topology && item->worker < worker)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct coordinator_peers *peers, size_t at, uint64_t topology,
                  uint32_t worker)
{
    return at < peers->count && peers->items[at].topology == topology &&
           peers->items[at].worker == worker;
}

static bool room_make(struct coordinator_peers *peers)
{
    if (peers->count < peers->room) {
        return true;
    }
    size_t room = peers->room ? peers->room * 2 : 16;
    struct coordinator_peer *grown = realloc(peers->items, room * sizeof *grown);
    if (!grown) {
        return false;
    }
    peers->items = grown;
    peers->room = room;
    return true;
}

static void peer_remove(struct coordinator_peers *peers, size_t at)
{
    peers->transport->ops->disconnect(peers->transport, peers->items[at].peer);
    peers->count--;
    memmove(&peers->items[at], &peers->items[at + 1],
            (peers->count - at) * sizeof *peers->items);
}

void coordinator_peer_set(struct coordinator_peers *peers, uint64_t topology, uint32_t worker,
                          const char *endpoint)
{
    size_t at = place_of(peers, topology, worker);
    struct gale_error error = {0};
    struct transport_peer *peer = NULL;
    if (is_at(peers, at, topology, worker)) {
        peer_remove(peers, at);
    }
    if (!endpoint) {
        return;
    }
    if (!room_make(peers) ||
        peers->transport->ops->connect(peers->transport, endpoint, &peer, &error) != GALE_OK) {
        gale_log(GALE_LOG_ERROR, "worker %u: no way to %s: %s", worker, endpoint, error.text);
        return;
    }
    memmove(&peers->items[at + 1], &peers->items[at],
            (peers->count - at) * sizeof *peers->items);
    peers->items[at] = (struct coordinator_peer){topology, worker, peer};
    peers->count++;
}

void coordinator_peer_send(struct coordinator_peers *peers, uint64_t topology, uint32_t worker,
                           const struct buf *bytes)
{
    const struct transport_ops *ops = peers->transport->ops;
    size_t at = place_of(peers, topology, worker);
    void *handle;
    uint8_t *data;
    if (!is_at(peers, at, topology, worker) ||
        ops->prepare(peers->transport, bytes->size, &handle, &data) != GALE_OK) {
        return;
    }
    memcpy(data, bytes->data, bytes->size);
    if (ops->send(peers->transport, peers->items[at].peer, handle) == GALE_ERR_AGAIN) {
        ops->drop(peers->transport, handle); /* It does not read: silence will end it. */
    }
}

void coordinator_peers_free(struct coordinator_peers *peers)
{
    while (peers->count > 0) {
        peer_remove(peers, peers->count - 1);
    }
    free(peers->items);
    peers->items = NULL;
}

/* ---- Supervisors ----------------------------------------------------------------------------- */

static struct rpc_client *poke_client(struct coordinator_pokes *pokes, const char *endpoint)
{
    struct gale_error error;
    for (size_t i = 0; i < pokes->count; i++) {
        if (strcmp(rpc_client_endpoint(pokes->clients[i]), endpoint) == 0) {
            return pokes->clients[i];
        }
    }
    struct rpc_client *client;
    if (rpc_client_new(endpoint, &client, &error) != GALE_OK) {
        return NULL; /* It asks by itself before long. */
    }
    size_t at = pokes->count;
    if (pokes->count < COORDINATOR_POKES_MAX) {
        pokes->count++;
    } else {
        at = pokes->next++ % COORDINATOR_POKES_MAX;
        rpc_client_free(pokes->clients[at]);
    }
    pokes->clients[at] = client;
    return client;
}

void coordinator_poke(struct coordinator_pokes *pokes, const char *endpoint)
{
    struct rpc_client *client = poke_client(pokes, endpoint);
    struct gale_conf *tree = client ? conf_new() : NULL;
    uint64_t id;
    if (tree && tree_put_text(tree, "verb", "poke") == GALE_OK) {
        (void)rpc_client_send(client, tree, NULL, 0, &id);
    }
    conf_free(tree);
}

void coordinator_pokes_step(struct coordinator_pokes *pokes)
{
    for (size_t i = 0; i < pokes->count; i++) {
        struct gale_conf *tree = NULL;
        uint64_t id;
        while (rpc_client_receive(pokes->clients[i], &id, &tree, NULL) == GALE_OK) {
            conf_free(tree);
        }
    }
}

void coordinator_pokes_free(struct coordinator_pokes *pokes)
{
    while (pokes->count > 0) {
        rpc_client_free(pokes->clients[--pokes->count]);
    }
}

/* ---- Addresses ------------------------------------------------------------------------------- */

enum gale_err coordinator_reach(const char *bound, const char *advertise, char *out,
                                size_t size, struct gale_error *error)
{
    static const char *const everywhere[] = {"tcp://0.0.0.0:", "tcp://*:", "tcp://[::]:"};
    char host[256];
    int length = snprintf(out, size, "%s", bound);
    for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
        size_t prefix = strlen(everywhere[i]);
        if (strncmp(bound, everywhere[i], prefix) != 0) {
            continue;
        }
        if (gethostname(host, sizeof host) != 0) {
            str_copy(host, sizeof host, "localhost");
        }
        host[sizeof host - 1] = '\0';
        length = snprintf(out, size, "tcp://%s:%s",
                          advertise && advertise[0] != '\0' ? advertise : host, bound + prefix);
    }
    return length > 0 && (size_t)length < size
               ? GALE_OK
               : gale_error_set(error, GALE_ERR_LIMIT, "the endpoint %.200s is too long",
                                bound);
}

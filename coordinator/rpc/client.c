/* SPDX-License-Identifier: Apache-2.0 */
/* Questions out, answers in; see client.h. Ids of a client count from a random number, so that the
 * answers to an earlier process behind the same connection are nobody's. One thread. */
#include "rpc/client.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/rng.h"
#include "rpc/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000

struct rpc_client {
    struct rpc_socket *socket;
    uint64_t next_id;
    struct buf tree; /* the packed request */
    char endpoint[RPC_ENDPOINT_SIZE];
};

enum gale_err rpc_client_new(const char *endpoint, struct rpc_client **out,
                             struct gale_error *error)
{
    struct rng rng;
    *out = NULL;
    if (rng_seed_os(&rng) != GALE_OK) {
        return gale_error_set(error, GALE_ERR_IO, "rpc: the system gives no random numbers");
    }
    struct rpc_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "rpc: no memory");
    }
    client->next_id = rng_next(&rng);
    buf_init(&client->tree, RPC_TREE_MAX);
    enum gale_err err = rpc_socket_new(false, &client->socket, error);
    err = err ? err : rpc_socket_connect(client->socket, endpoint, error);
    if (err != GALE_OK) {
        rpc_client_free(client);
        return err;
    }
    snprintf(client->endpoint, sizeof(client->endpoint), "%s", endpoint);
    *out = client;
    return GALE_OK;
}

void rpc_client_free(struct rpc_client *client)
{
    if (client != NULL) {
        rpc_socket_free(client->socket);
        buf_fini(&client->tree);
        free(client);
    }
}

const char *rpc_client_endpoint(const struct rpc_client *client)
{
    return client->endpoint;
}

int rpc_client_fd(const struct rpc_client *client)
{
    return rpc_socket_fd(client->socket);
}

enum gale_err rpc_client_send(struct rpc_client *client, const struct gale_conf *tree,
                              const void *body, size_t size, uint64_t *id)
{
    uint8_t head[RPC_HEAD_SIZE];
    if (size > RPC_BODY_MAX) {
        return GALE_ERR_LIMIT;
    }
    buf_clear(&client->tree);
    enum gale_err err = conf_pack(tree, &client->tree);
    if (err != GALE_OK) {
        return err;
    }
    *id = client->next_id++;
    rpc_head_write(head, RPC_REQUEST, *id);
    const struct rpc_frame frames[RPC_FRAMES_MAX] = {
        {head, sizeof(head)}, {client->tree.data, client->tree.size}, {body, size}};
    return rpc_socket_send(client->socket, NULL, frames);
}

enum gale_err rpc_client_receive(struct rpc_client *client, uint64_t *id,
                                 struct gale_conf **tree, struct buf *answer_body)
{
    struct rpc_incoming incoming;
    struct rpc_parsed parsed;
    enum gale_err err = GALE_OK;
    *tree = NULL;
    do {
        err = rpc_socket_receive(client->socket, &incoming);
        if (err != GALE_OK) {
            return err;
        }
        err = incoming.cut ? GALE_ERR_CORRUPT
                           : rpc_parse(incoming.frames, incoming.count, RPC_ANSWER, &parsed);
        if (err != GALE_OK) {
            rpc_incoming_release(&incoming); /* Not an answer: whoever sent it is no server. */
        }
    } while (err != GALE_OK);
    if (answer_body != NULL) {
        buf_clear(answer_body);
        err =
            parsed.body_size ? buf_append(answer_body, parsed.body, parsed.body_size) : GALE_OK;
    }
    rpc_incoming_release(&incoming);
    if (err != GALE_OK) {
        conf_free(parsed.tree);
        return err;
    }
    *id = parsed.id;
    *tree = parsed.tree;
    return GALE_OK;
}

enum gale_err rpc_refusal(const struct gale_conf *answer, struct gale_error *error)
{
    const struct gale_conf *refusal = gale_conf_get(answer, "error");
    if (refusal == NULL) {
        return GALE_OK;
    }
    int64_t code = gale_conf_int64(refusal, "code", 0);
    if (code <= GALE_OK || code > GALE_ERR_UNKNOWN) {
        code = GALE_ERR_INVALID;
    }
    const char *text = gale_conf_string(refusal, "text", "refused without a reason");
    const char *hint = gale_conf_string(refusal, "hint", NULL);
    enum gale_err err = gale_error_set(error, (enum gale_err)code, "%.300s%s%.200s", text,
                                       hint ? " | " : "", hint ? hint : "");
    for (char *at = error ? error->text : NULL; at != NULL && *at != '\0'; at++) {
        *at =
            (unsigned char)*at < ' ' || *at == 0x7f ? ' ' : *at; /* A terminal will show it. */
    }
    return err;
}

static enum gale_err timed_out(const struct rpc_client *client, int64_t within_ms,
                               struct gale_error *error)
{
    return gale_error_set(error, GALE_ERR_TIMEOUT, "%s does not answer within %lld ms",
                          client->endpoint, (long long)within_ms);
}

/* Waits for the answer to `id`. */
static enum gale_err await(struct rpc_client *client, uint64_t id, int64_t deadline_ns,
                           struct gale_conf **answer, struct buf *answer_body)
{
    for (;;) {
        uint64_t got = 0;
        enum gale_err err = rpc_client_receive(client, &got, answer, answer_body);
        if (err == GALE_OK && got == id) {
            return GALE_OK;
        }
        conf_free(*answer);
        *answer = NULL;
        if (err != GALE_OK && err != GALE_ERR_AGAIN) {
            return err;
        }
        int64_t left_ns = deadline_ns - clock_now_ns();
        if (left_ns <= 0) {
            return GALE_ERR_TIMEOUT;
        }
        if (err == GALE_ERR_AGAIN) {
            rpc_socket_wait(client->socket, false, left_ns / NS_PER_MS + 1);
        }
    }
}

enum gale_err rpc_call(struct rpc_client *client, const struct gale_conf *tree,
                       const void *body, size_t size, int64_t within_ms,
                       struct gale_conf **answer, struct buf *answer_body,
                       struct gale_error *error)
{
    int64_t deadline_ns = clock_now_ns() + within_ms * NS_PER_MS;
    struct gale_conf *got = NULL;
    uint64_t id = 0;
    if (answer != NULL) {
        *answer = NULL;
    }
    enum gale_err err = rpc_client_send(client, tree, body, size, &id);
    while (err == GALE_ERR_AGAIN) {
        int64_t left_ns = deadline_ns - clock_now_ns();
        if (left_ns <= 0) {
            return timed_out(client, within_ms, error);
        }
        rpc_socket_wait(client->socket, true, left_ns / NS_PER_MS + 1);
        err = rpc_client_send(client, tree, body, size, &id);
    }
    err = err ? err : await(client, id, deadline_ns, &got, answer_body);
    if (err == GALE_ERR_TIMEOUT) {
        return timed_out(client, within_ms, error);
    }
    if (err != GALE_OK) {
        return gale_error_set(error, err, "cannot ask %s: %s", client->endpoint,
                              gale_err_name(err));
    }
    err = rpc_refusal(got, error);
    if (err == GALE_OK && answer != NULL) {
        *answer = got;
        return GALE_OK;
    }
    conf_free(got);
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in, answers out; see server.h. The answer of a request leaves before the next request is
 * looked at, so nothing is kept for a client but what the library queues. One thread. */
#include "rpc/server.h"

#include "base/assert.h"
#include "rpc/socket.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FAIL_TEXT_SIZE 500

struct rpc_server {
    struct rpc_socket *socket;
    rpc_handler_fn *handler;
    void *self;
    struct rpc_counts counts;
    struct buf tree; /* the packed answer */
    struct buf body;
    char endpoints[RPC_ENDPOINTS_MAX][RPC_ENDPOINT_SIZE];
    size_t endpoints_count;
};

enum gale_err rpc_server_new(const char *const *endpoints, size_t count,
                             rpc_handler_fn *handler, void *self, struct rpc_server **out,
                             struct gale_error *error)
{
    GALE_ASSERT(count >= 1 && count <= RPC_ENDPOINTS_MAX && handler != NULL);
    *out = NULL;
    struct rpc_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "rpc: no memory");
    }
    server->handler = handler;
    server->self = self;
    buf_init(&server->tree, RPC_TREE_MAX);
    buf_init(&server->body, RPC_BODY_MAX);
    enum gale_err err = rpc_socket_new(true, &server->socket, error);
    for (size_t i = 0; i < count && err == GALE_OK; i++) {
        err = rpc_socket_bind(server->socket, endpoints[i], server->endpoints[i], error);
        server->endpoints_count += err == GALE_OK;
    }
    if (err != GALE_OK) {
        rpc_server_free(server);
        return err;
    }
    *out = server;
    return GALE_OK;
}

void rpc_server_free(struct rpc_server *server)
{
    if (server != NULL) {
        rpc_socket_free(server->socket);
        buf_fini(&server->tree);
        buf_fini(&server->body);
        free(server);
    }
}

const char *rpc_server_endpoint(const struct rpc_server *server, size_t index)
{
    GALE_ASSERT(index < server->endpoints_count);
    return server->endpoints[index];
}

int rpc_server_fd(const struct rpc_server *server)
{
    return rpc_socket_fd(server->socket);
}

struct rpc_counts rpc_server_counts(const struct rpc_server *server)
{
    return server->counts;
}

/* Packs the answer's tree; one that is too large becomes a refusal that is not. */
static enum gale_err pack(struct rpc_server *server, struct rpc_answer *answer)
{
    buf_clear(&server->tree);
    enum gale_err err = conf_pack(answer->tree, &server->tree);
    if (err == GALE_ERR_LIMIT) {
        rpc_fail(answer, GALE_ERR_LIMIT, "ask for less", "the answer is larger than %u bytes",
                 RPC_TREE_MAX);
        buf_clear(&server->tree);
        err = conf_pack(answer->tree, &server->tree);
    }
    return err;
}

static void answer_one(struct rpc_server *server, const struct rpc_peer *peer,
                       const struct rpc_parsed *parsed)
{
    struct rpc_answer answer = {.tree = conf_new(), .body = &server->body};
    const struct gale_conf *verb = gale_conf_get(parsed->tree, "verb");
    struct rpc_request request = {.tree = parsed->tree,
                                  .body = parsed->body,
                                  .body_size = parsed->body_size,
                                  .verb = gale_conf_text(verb)};
    buf_clear(&server->body);
    server->counts.requests++;
    enum gale_err err = answer.tree != NULL ? GALE_OK : GALE_ERR_NOMEM;
    if (err == GALE_OK && (gale_conf_type(verb) != GALE_STRING || request.verb == NULL)) {
        rpc_fail(&answer, GALE_ERR_INVALID, NULL, "the request has no verb");
    } else if (err == GALE_OK) {
        server->handler(server->self, &request, &answer);
    }
    err = err ? err : pack(server, &answer);
    if (err == GALE_OK) {
        uint8_t head[RPC_HEAD_SIZE];
        rpc_head_write(head, RPC_ANSWER, parsed->id);
        const struct rpc_frame frames[RPC_FRAMES_MAX] = {
            {head, sizeof(head)},
            {server->tree.data, server->tree.size},
            {server->body.data, server->body.size}};
        err = rpc_socket_send(server->socket, peer, frames);
    }
    server->counts.unsent += err != GALE_OK;
    conf_free(answer.tree);
}

bool rpc_server_poll(struct rpc_server *server)
{
    struct rpc_incoming incoming;
    for (int i = 0; i < RPC_POLL_MAX; i++) {
        enum gale_err err = rpc_socket_receive(server->socket, &incoming);
        if (err == GALE_ERR_AGAIN) {
            return false;
        }
        if (err != GALE_OK) {
            continue; /* No memory for this one: its client notices. */
        }
        struct rpc_parsed parsed;
        err = incoming.cut || incoming.peer.size == 0
                  ? GALE_ERR_CORRUPT
                  : rpc_parse(incoming.frames, incoming.count, RPC_REQUEST, &parsed);
        if (err == GALE_OK) {
            answer_one(server, &incoming.peer, &parsed);
            conf_free(parsed.tree);
        } else {
            server->counts.hostile++;
        }
        rpc_incoming_release(&incoming);
    }
    return true;
}

void rpc_fail(struct rpc_answer *answer, enum gale_err code, const char *hint,
              const char *format, ...)
{
    char text[FAIL_TEXT_SIZE];
    struct gale_conf *map = NULL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    tree_clear(answer->tree);
    buf_clear(answer->body);
    enum gale_err err = conf_add_map(answer->tree, "error", &map);
    err = err ? err : tree_put_int(map, "code", (int64_t)code);
    err = err ? err : tree_put_text(map, "text", text);
    err = err ? err : tree_put_text(map, "hint", hint);
    (void)
        err; /* Without memory the client is told less: a map without a code is a refusal too. */
}

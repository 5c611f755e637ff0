/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to rpc: a ZeroMQ socket with messages of few frames and a descriptor that is readable as
 * long as there is something to receive (the library's own one says only that something changed).
 * The clients' sockets of a process share one context, made with the first and ended with the last.
 * One thread for each socket; nothing blocks.
 */
#ifndef RPC_SOCKET_H
#define RPC_SOCKET_H

#include "rpc/wire.h"

#define SOCKET_PEER_SIZE 256 /* a routing id is at most 255 bytes */

struct rpc_socket;

/* Who sent a message, for the answer. */
struct rpc_peer {
    uint8_t id[SOCKET_PEER_SIZE];
    size_t size;
};

/* A received message; frames point into it until rpc_incoming_release. */
struct rpc_incoming {
    struct rpc_peer peer; /* of a server's socket */
    struct rpc_frame frames[RPC_FRAMES_MAX];
    size_t count;
    bool cut; /* it had more frames than a message may have; they are left out */
    void *handles[RPC_FRAMES_MAX];
};

/** @param server true: many peers, each answered by its id; false: one peer. */
enum gale_err rpc_socket_new(bool server, struct rpc_socket **out, struct gale_error *error);
void rpc_socket_free(struct rpc_socket *socket);
/** @param bound receives the endpoint with its port. */
enum gale_err rpc_socket_bind(struct rpc_socket *socket, const char *endpoint,
                              char bound[RPC_ENDPOINT_SIZE], struct gale_error *error);
enum gale_err rpc_socket_connect(struct rpc_socket *socket, const char *endpoint,
                                 struct gale_error *error);
int rpc_socket_fd(const struct rpc_socket *socket);
/** GALE_ERR_AGAIN: nothing is there. GALE_ERR_NOMEM, GALE_ERR_IO. */
enum gale_err rpc_socket_receive(struct rpc_socket *socket, struct rpc_incoming *out);
void rpc_incoming_release(struct rpc_incoming *incoming);
/** Sends head, tree and, if it has bytes, body. @param peer NULL for a client's socket.
 *  GALE_ERR_AGAIN: no room; GALE_ERR_CLOSED: the peer is gone; GALE_ERR_NOMEM, GALE_ERR_IO. */
enum gale_err rpc_socket_send(struct rpc_socket *socket, const struct rpc_peer *peer,
                              const struct rpc_frame frames[RPC_FRAMES_MAX]);
/** Waits until it can be received from or (`sending`) sent to, for at most that long. */
void rpc_socket_wait(struct rpc_socket *socket, bool sending, int64_t wait_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answering requests of other processes: a map and, where it is of use, a body of bytes, each way.
 * Requests come over ipc:// and tcp:// (rpc/wire.h draws the bytes). The handler answers at once;
 * what takes longer is begun, and the client asks again. A lost request or answer is the client's to
 * notice: nothing is repeated here. Of a client that asks and does not read only a few answers are
 * kept (RPC_UNREAD_MAX), because each may be large.
 *
 * One thread; no call blocks. This is not authentication: an ipc path is the user's own (0700), a
 * tcp endpoint belongs on loopback or on a trusted network. Bytes from there are checked before
 * they are read; what has a wrong form is counted and dropped.
 */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include "base/buf.h"
#include "rpc/tree.h"
#include "rpc/wire.h"

struct rpc_server;

/** All of it is borrowed for the handler's call. */
struct rpc_request {
    const struct gale_conf *tree;
    const uint8_t *body; /* body_size 0: none */
    size_t body_size;
    const char *verb; /* the tree's "verb", never NULL */
};

/** Both are the server's, empty, to be filled by the handler. */
struct rpc_answer {
    struct gale_conf *tree; /* a map */
    struct buf *body;       /* at most RPC_BODY_MAX */
};

typedef void rpc_handler_fn(void *self, const struct rpc_request *request,
                            struct rpc_answer *answer);

/** What came and went since the server was made. */
struct rpc_counts {
    uint64_t requests;
    uint64_t hostile; /* messages without the form of a request */
    uint64_t unsent;  /* answers that found no way: the client is gone or does not read */
};

/**
 * Binds the endpoints: "tcp://address:port" (port * takes a free one) or "ipc:///directory/name",
 * whose directory is made with mode 0700 or is the user's own with that mode, and whose path no
 * other living process has.
 * @param endpoints 1 to RPC_ENDPOINTS_MAX of them, borrowed for the call.
 * @return GALE_OK and *out, to be freed by rpc_server_free; GALE_ERR_EXISTS (in use),
 * GALE_ERR_INVALID (no endpoint), GALE_ERR_LIMIT (file descriptors), GALE_ERR_IO, GALE_ERR_NOMEM
 * with *error set.
 */
enum gale_err rpc_server_new(const char *const *endpoints, size_t count,
                             rpc_handler_fn *handler, void *self, struct rpc_server **out,
                             struct gale_error *error);
/** Closes everything; answers that did not leave yet are lost. May be NULL. */
void rpc_server_free(struct rpc_server *server);
/** An endpoint as it was bound, with its port. Lives with the server. */
const char *rpc_server_endpoint(const struct rpc_server *server, size_t index);
/** Readable (level-triggered) while rpc_server_poll has work. The server's. */
int rpc_server_fd(const struct rpc_server *server);
/** Answers what has come, at most RPC_POLL_MAX requests. @return true: there is more. */
bool rpc_server_poll(struct rpc_server *server);
struct rpc_counts rpc_server_counts(const struct rpc_server *server);

/** Makes the answer a refusal, {error: {code, text, hint}}, whatever it held; hint may be NULL. */
void rpc_fail(struct rpc_answer *answer, enum gale_err code, const char *hint,
              const char *format, ...) GALE_PRINTF(4, 5);

#endif

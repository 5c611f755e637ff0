/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking an rpc_server (rpc/server.h). A client has one endpoint and finds its way back to it by
 * itself after a break; what was under way then is lost, so every question needs a deadline of the
 * caller's. Up to RPC_CLIENT_QUEUE requests wait while there is no connection.
 *
 * One thread. rpc_client_send and rpc_client_receive never block; rpc_call does.
 */
#ifndef RPC_CLIENT_H
#define RPC_CLIENT_H

#include "base/buf.h"
#include "rpc/tree.h"
#include "rpc/wire.h"

struct rpc_client;

/** Starts connecting. @return GALE_OK and *out, to be freed by rpc_client_free; GALE_ERR_INVALID
 *  (no endpoint), GALE_ERR_LIMIT (file descriptors), GALE_ERR_NOMEM with *error set. */
enum gale_err rpc_client_new(const char *endpoint, struct rpc_client **out,
                             struct gale_error *error);
/** Drops what did not leave yet. May be NULL. */
void rpc_client_free(struct rpc_client *client);
const char *rpc_client_endpoint(const struct rpc_client *client);
/** Readable (level-triggered) while there may be an answer to receive. The client's. */
int rpc_client_fd(const struct rpc_client *client);

/**
 * Sends a request. @param tree a map with the key "verb"; borrowed, as body is.
 * @param id receives the number that the answer will bear.
 * @return GALE_OK; GALE_ERR_AGAIN: as many wait as may; GALE_ERR_LIMIT: too large (rpc/wire.h);
 * GALE_ERR_NOMEM; GALE_ERR_IO.
 */
enum gale_err rpc_client_send(struct rpc_client *client, const struct gale_conf *tree,
                              const void *body, size_t size, uint64_t *id);
/**
 * Takes one answer, which may be to a question long given up. @param tree to be freed by conf_free.
 * @param body replaced by the answer's; may be NULL. @return GALE_OK; GALE_ERR_AGAIN: none has come;
 * GALE_ERR_NOMEM; GALE_ERR_IO.
 */
enum gale_err rpc_client_receive(struct rpc_client *client, uint64_t *id,
                                 struct gale_conf **tree, struct buf *answer_body);
/**
 * Asks and waits, for at most within_ms. Answers to other questions that come meanwhile are dropped.
 * @param answer to be freed by conf_free, NULL on an error; may be NULL (not wanted).
 * @param answer_body replaced by the answer's; may be NULL.
 * @return GALE_OK; GALE_ERR_TIMEOUT: no answer in time, and whether the request had an effect is
 * not known; the code of a refusal ({error} in the answer) with its text in *error, the hint behind
 * " | "; else as rpc_client_send. *error is set on each.
 */
enum gale_err rpc_call(struct rpc_client *client, const struct gale_conf *tree,
                       const void *body, size_t size, int64_t within_ms,
                       struct gale_conf **answer, struct buf *answer_body,
                       struct gale_error *error);
/** The refusal in an answer: its code and, in *error, text and hint as of rpc_call. GALE_OK when it
 *  is none. */
enum gale_err rpc_refusal(const struct gale_conf *answer, struct gale_error *error);

#endif

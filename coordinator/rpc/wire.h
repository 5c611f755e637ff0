/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a request or an answer: three frames of one ZeroMQ message.
 *
 *   head  0 'G'  1 'R'  2 version = 1  3 kind (1 request, 2 answer)  4 u64 id, little-endian   = 12
 *   tree  a map in the form of conf_pack (base/conf_pack.c), at most RPC_TREE_MAX bytes
 *   body  any bytes, at most RPC_BODY_MAX; absent when there are none
 *
 * The id is the client's and comes back in the answer; the server makes nothing of it. Any bytes
 * are safe to parse. Pure.
 */
#ifndef RPC_WIRE_H
#define RPC_WIRE_H

#include "base/conf.h"

#define RPC_VERSION 1
#define RPC_HEAD_SIZE 12
#define RPC_FRAMES_MAX 3
#define RPC_FRAME_MAX (8u << 20) /* bytes of a frame that a socket takes at all */
#define RPC_TREE_MAX (4u << 20)
#define RPC_BODY_MAX (4u << 20)
#define RPC_ENDPOINT_SIZE 256 /* bytes of an endpoint's name, its end included */
#define RPC_ENDPOINTS_MAX 4   /* of one server */
#define RPC_POLL_MAX 256      /* requests answered in one rpc_server_poll */
#define RPC_CLIENT_QUEUE 16   /* requests of a client that wait for a connection */
#define RPC_UNREAD_MAX 16     /* answers that a client may leave unread; more may be dropped */

enum rpc_kind { RPC_REQUEST = 1, RPC_ANSWER = 2 };

/* One frame; data is borrowed. */
struct rpc_frame {
    const uint8_t *data;
    size_t size;
};

struct rpc_parsed {
    enum rpc_kind kind;
    uint64_t id;
    struct gale_conf *tree; /* to be freed by conf_free */
    const uint8_t *body;    /* inside the frames */
    size_t body_size;
};

void rpc_head_write(uint8_t out[RPC_HEAD_SIZE], enum rpc_kind kind, uint64_t id);
/** @return GALE_OK; GALE_ERR_CORRUPT: not a message of that kind; GALE_ERR_UNSUPPORTED: of another
 *  version; GALE_ERR_LIMIT: too large; GALE_ERR_NOMEM. */
enum gale_err rpc_parse(const struct rpc_frame *frames, size_t count, enum rpc_kind kind,
                        struct rpc_parsed *out);

#endif

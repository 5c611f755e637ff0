/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing what comes over a socket; see wire.h. Nothing is believed before it is checked. Pure. */
#include "rpc/wire.h"

#include <string.h>

void rpc_head_write(uint8_t out[RPC_HEAD_SIZE], enum rpc_kind kind, uint64_t id)
{
    out[0] = 'G';
    out[1] = 'R';
    out[2] = RPC_VERSION;
    out[3] = (uint8_t)kind;
    for (unsigned i = 0; i < sizeof(id); i++) {
        out[4 + i] = (uint8_t)(id >> (8 * i));
    }
}

enum gale_err rpc_parse(const struct rpc_frame *frames, size_t count, enum rpc_kind kind,
                        struct rpc_parsed *out)
{
    memset(out, 0, sizeof(*out));
    if (count < 2 || count > RPC_FRAMES_MAX || frames[0].size != RPC_HEAD_SIZE) {
        return GALE_ERR_CORRUPT;
    }
    const uint8_t *head = frames[0].data;
    if (head[0] != 'G' || head[1] != 'R' || head[3] != (uint8_t)kind) {
        return GALE_ERR_CORRUPT;
    }
    if (head[2] != RPC_VERSION) {
        return GALE_ERR_UNSUPPORTED;
    }
    if (frames[1].size > RPC_TREE_MAX || (count == 3 && frames[2].size > RPC_BODY_MAX)) {
        return GALE_ERR_LIMIT;
    }
    struct gale_conf *tree = NULL;
    enum gale_err err = conf_unpack(frames[1].data, frames[1].size, &tree);
    if (err == GALE_OK && gale_conf_type(tree) != GALE_MAP) {
        err = GALE_ERR_CORRUPT;
    }
    if (err != GALE_OK) {
        conf_free(tree);
        return err;
    }
    out->kind = kind;
    for (unsigned i = 0; i < sizeof(out->id); i++) {
        out->id |= (uint64_t)head[4 + i] << (8 * i);
    }
    out->tree = tree;
    out->body = count == 3 ? frames[2].data : NULL;
    out->body_size = count == 3 ? frames[2].size : 0;
    return GALE_OK;
}

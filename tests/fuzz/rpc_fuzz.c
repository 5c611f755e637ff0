/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of a request or answer from hostile bytes: the first byte chooses the kind and whether
 * there is a body, the next two the size of the tree's frame; before them stands a head, right or (as
 * the input says) its own. What is accepted is a map that packs again, and its body is the frame's.
 */
#include "base/assert.h"
#include "rpc/client.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KIND_ANSWER 1u
#define WITH_BODY 2u
#define OWN_HEAD 4u

static void check(const struct rpc_parsed *parsed)
{
    struct gale_error error;
    struct buf packed;
    struct gale_conf *copy = NULL;
    buf_init(&packed, 0);
    GALE_ASSERT(gale_conf_type(parsed->tree) == GALE_MAP);
    GALE_ASSERT(conf_pack(parsed->tree, &packed) == GALE_OK);
    GALE_ASSERT(conf_unpack(packed.data, packed.size, &copy) == GALE_OK);
    GALE_ASSERT(conf_equal(parsed->tree, copy));
    (void)rpc_refusal(parsed->tree, &error);
    (void)tree_hex64(parsed->tree, "id", 0);
    tree_clear(copy);
    GALE_ASSERT(gale_conf_count(copy) == 0);
    conf_free(copy);
    buf_fini(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t head[RPC_HEAD_SIZE];
    struct rpc_frame frames[RPC_FRAMES_MAX];
    struct rpc_parsed parsed;
    if (size < 3) {
        return 0;
    }
    unsigned flags = data[0];
    size_t tree_size = (size_t)data[1] | (size_t)data[2] << 8;
    enum rpc_kind kind = (flags & KIND_ANSWER) != 0 ? RPC_ANSWER : RPC_REQUEST;
    data += 3;
    size -= 3;
    rpc_head_write(head, kind, 0x0123456789abcdef);
    frames[0] = (struct rpc_frame){head, sizeof(head)};
    if ((flags & OWN_HEAD) != 0) {
        size_t head_size = size < RPC_HEAD_SIZE ? size : RPC_HEAD_SIZE;
        frames[0] = (struct rpc_frame){data, head_size};
        data += head_size;
        size -= head_size;
    }
    size_t count = (flags & WITH_BODY) != 0 ? 3 : 2;
    tree_size = count == 2 || tree_size > size ? size : tree_size;
    frames[1] = (struct rpc_frame){data, tree_size};
    frames[2] = (struct rpc_frame){data + tree_size, size - tree_size};
    enum gale_err err = rpc_parse(frames, count, kind, &parsed);
    GALE_ASSERT((err == GALE_OK) == (parsed.tree != NULL));
    if (err == GALE_OK) {
        GALE_ASSERT(parsed.kind == kind &&
                    parsed.body_size == (count == 3 ? frames[2].size : 0));
        GALE_ASSERT((flags & OWN_HEAD) != 0 || parsed.id == 0x0123456789abcdef);
        check(&parsed);
    }
    conf_free(parsed.tree);
    return 0;
}

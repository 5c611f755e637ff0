/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs blob_has, blob_get and blob_put of any process that keeps blobs; see blobs.h. What the
 * request says is checked by the calls below it. One thread. */
#include "blobs/blobs.h"

#include <inttypes.h>
#include <string.h>

/* A number of the request that counts bytes; false when it is missing or negative. */
static bool read_bytes(const struct rpc_request *request, const char *key, uint64_t *out)
{
    int64_t value = gale_conf_int64(request->tree, key, -1);
    *out = value >= 0 ? (uint64_t)value : 0;
    return value >= 0;
}

static enum gale_err serve_has(struct blobs *blobs, const char *hex, struct rpc_answer *answer)
{
    bool has = blobs_has(blobs, hex);
    int64_t next = (int64_t)blobs_progress(blobs, hex);
    enum gale_err err = tree_put_bool(answer->tree, "has", has);
    err = err ? err : tree_put_int(answer->tree, "next", next);
    return err || !has ? err : tree_put_int(answer->tree, "size", next);
}

static enum gale_err serve_get(struct blobs *blobs, const char *hex,
                               const struct rpc_request *request, struct rpc_answer *answer)
{
    uint64_t offset = 0;
    uint64_t size = 0;
    if (!read_bytes(request, "offset", &offset)) {
        rpc_fail(answer, GALE_ERR_INVALID, NULL, "blob_get needs an offset");
        return GALE_OK;
    }
    enum gale_err err = blobs_read(blobs, hex, offset, answer->body, &size);
    if (err != GALE_OK) {
        rpc_fail(answer, err, NULL, "cannot read %s from %" PRIu64 ": %s", hex, offset,
                 gale_err_name(err));
        return GALE_OK;
    }
    return tree_put_int(answer->tree, "size", (int64_t)size);
}

static enum gale_err serve_put(struct blobs *blobs, const char *hex,
                               const struct rpc_request *request, struct rpc_answer *answer)
{
    struct gale_error error = {.code = GALE_OK};
    uint64_t size = 0;
    uint64_t offset = 0;
    uint64_t next = 0;
    if (!read_bytes(request, "size", &size) || !read_bytes(request, "offset", &offset)) {
        rpc_fail(answer, GALE_ERR_INVALID, NULL, "blob_put needs a size and an offset");
        return GALE_OK;
    }
    enum gale_err err =
        blobs_put(blobs, hex, size, offset, request->body, request->body_size, &next, &error);
    if (err != GALE_OK && err != GALE_ERR_STALE) {
        rpc_fail(answer, err, NULL, "%s", error.text);
        return GALE_OK;
    }
    return tree_put_int(answer->tree, "next", (int64_t)next);
}

bool blobs_serve(struct blobs *blobs, const struct rpc_request *request,
                 struct rpc_answer *answer)
{
    bool has = strcmp(request->verb, "blob_has") == 0;
    bool get = strcmp(request->verb, "blob_get") == 0;
    if (!has && !get && strcmp(request->verb, "blob_put") != 0) {
        return false;
    }
    const char *hex = gale_conf_string(request->tree, "sha", "");
    enum gale_err err = GALE_OK;
    if (!sha256_is_hex(hex)) {
        rpc_fail(answer, GALE_ERR_INVALID, NULL, "%s needs the sha of a blob: 64 hex digits",
                 request->verb);
    } else if (has) {
        err = serve_has(blobs, hex, answer);
    } else {
        err = get ? serve_get(blobs, hex, request, answer)
                  : serve_put(blobs, hex, request, answer);
    }
    if (err != GALE_OK) {
        rpc_fail(answer, err, NULL, "%s: %s", request->verb, gale_err_name(err));
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sending a file in chunks, each where the other side says that it goes on; see push.h. */
#include "blobs/push.h"

#include "base/clock.h"
#include "rpc/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_SIZE ((size_t)1 << 20)
#define STALE_MAX 16 /* answers that move the offset to and fro: someone else sends the same */

struct push {
    struct rpc_client *client;
    const char *hex;
    uint64_t size;
    const char *path;
    int fd;
    int64_t deadline_ns;
    uint8_t *chunk;
};

/* Asks and reads where to go on. */
static enum gale_err ask(const struct push *push, const char *verb, uint64_t offset,
                         size_t chunk_size, uint64_t *next, struct gale_error *error)
{
    struct gale_conf *tree = conf_new();
    struct gale_conf *answer = NULL;
    enum gale_err err = tree != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : tree_put_text(tree, "verb", verb);
    err = err ? err : tree_put_text(tree, "sha", push->hex);
    err = err ? err : tree_put_int(tree, "size", (int64_t)push->size);
    err = err ? err : tree_put_int(tree, "offset", (int64_t)offset);
    if (err != GALE_OK) {
        conf_free(tree);
        return gale_error_set(error, err, "no memory to send %.300s", push->path);
    }
    int64_t left_ms = (push->deadline_ns - clock_now_ns()) / 1000000;
    err = rpc_call(push->client, tree, push->chunk, chunk_size, left_ms > 0 ? left_ms : 0,
                   &answer, NULL, error);
    if (err == GALE_OK) {
        int64_t at = gale_conf_int64(answer, "next", -1);
        bool asked_has = strcmp(verb, "blob_has") == 0;
        if (asked_has && gale_conf_bool(answer, "has", false)) {
            at = (int64_t)push->size;
        } else if (at < 0 || (uint64_t)at > push->size ||
                   (asked_has && (uint64_t)at == push->size)) {
            at =
                0; /* A part of a wrong size: the other side sets it right at the next bytes. */
        }
        *next = (uint64_t)at;
    }
    conf_free(tree);
    conf_free(answer);
    return err;
}

/* Reads the bytes at an offset; fewer than the file had is a change of it. */
static enum gale_err read_chunk(const struct push *push, uint64_t offset, size_t *chunk_size,
                                struct gale_error *error)
{
    uint64_t left = push->size - offset;
    size_t wanted = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
    *chunk_size = 0;
    while (*chunk_size < wanted) {
        ssize_t got = pread(push->fd, push->chunk + *chunk_size, wanted - *chunk_size,
                            (off_t)(offset + *chunk_size));
        if (got > 0) {
            *chunk_size += (size_t)got;
        } else if (got == 0) {
            return gale_error_set(error, GALE_ERR_CORRUPT,
                                  "%.300s was changed while it was sent: try again",
                                  push->path);
        } else if (errno != EINTR) {
            return gale_error_set(error, GALE_ERR_IO, "cannot read %.300s: %s", push->path,
                                  strerror(errno));
        }
    }
    return GALE_OK;
}

static enum gale_err send_all(const struct push *push, struct gale_error *error)
{
    uint64_t offset = 0;
    int stale = 0;
    enum gale_err err = ask(push, "blob_has", 0, 0, &offset, error);
    bool done = err == GALE_OK && offset == push->size && push->size > 0;
    while (err == GALE_OK && !done) {
        size_t chunk_size = 0;
        uint64_t next = 0;
        err = read_chunk(push, offset, &chunk_size, error);
        err = err ? err : ask(push, "blob_put", offset, chunk_size, &next, error);
        if (err != GALE_OK) {
            break;
        }
        stale += next != offset + chunk_size;
        if (stale > STALE_MAX) {
            err = gale_error_set(error, GALE_ERR_AGAIN,
                                 "%.300s is being sent by someone else too: try again",
                                 push->path);
        }
        offset = next;
        done = offset == push->size;
    }
    return err;
}

enum gale_err blobs_push(struct rpc_client *client, const char *hex, uint64_t size,
                         const char *path, int64_t within_ms, struct gale_error *error)
{
    struct push push = {.client = client,
                        .hex = hex,
                        .size = size,
                        .path = path,
                        .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK),
                        .deadline_ns = clock_now_ns() + within_ms * 1000000,
                        .chunk = malloc(CHUNK_SIZE)};
    enum gale_err err = GALE_OK;
    if (push.fd < 0) {
        err = gale_error_set(error, errno == ENOENT ? GALE_ERR_NOT_FOUND : GALE_ERR_IO,
                             "cannot open %.300s: %s", path, strerror(errno));
    } else if (push.chunk == NULL) {
        err = gale_error_set(error, GALE_ERR_NOMEM, "no memory to send %.300s", path);
    } else {
        err = send_all(&push, error);
    }
    if (push.fd >= 0) {
        close(push.fd);
    }
    free(push.chunk);
    return err;
}

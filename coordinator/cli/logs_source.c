/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a worker's log from its supervisor; see logs_source.h. */
#include "cli/logs_source.h"

#include "base/str.h"
#include "cli/cluster_client.h"
#include <string.h>

enum { BACK_FIRST = 64 << 10, BACK_MAX = 64 << 20 };

/* One answer of log_read. */
struct chunk {
    int64_t offset; /* of its first byte */
    int64_t size;   /* of the log */
    struct buf body;
};

void logs_hosts_fini(struct logs_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        rpc_client_free(hosts->items[i].rpc);
    }
    hosts->count = 0;
}

void logs_source_init(struct logs_source *source)
{
    memset(source, 0, sizeof *source);
    source->offset = -1;
    buf_init(&source->rest, 2 * LOGS_READ_MAX);
}

void logs_source_fini(struct logs_source *source)
{
    buf_fini(&source->rest);
}

/* The connection to a supervisor, made when there is none. */
static struct logs_host *host_of(struct logs_hosts *hosts, const char *endpoint,
                                 struct gale_error *error)
{
    struct logs_host *host = NULL;
    char why[128];
    for (size_t i = 0; i < hosts->count && host == NULL; i++) {
        host = strcmp(hosts->items[i].endpoint, endpoint) == 0 ? &hosts->items[i] : NULL;
    }
    if (host == NULL && hosts->count == LOGS_HOSTS_MAX) {
        (void)gale_error_set(error, GALE_ERR_LIMIT, "more than %d hosts", LOGS_HOSTS_MAX);
        return NULL;
    }
    if (host == NULL) {
        host = &hosts->items[hosts->count++];
        memset(host, 0, sizeof *host);
        (void)str_copy(host->endpoint, sizeof host->endpoint, endpoint);
    }
    if (host->rpc == NULL && !cluster_reaches(endpoint, LOGS_CALL_MS, why, sizeof why)) {
        (void)gale_error_set(error, GALE_ERR_CLOSED, "%s: %s", endpoint, why);
        return NULL;
    }
    if (host->rpc == NULL && rpc_client_new(endpoint, &host->rpc, error) != GALE_OK) {
        host->rpc = NULL;
        return NULL;
    }
    return host;
}

/* Where the bytes of an answer lie. @return false: it cannot be; believed, it would be asked for again
 * and again. The offset may be another one than asked for: where the rest was cut, or began anew. */
static bool chunk_take(const struct gale_conf *answer, int64_t offset, struct chunk *out)
{
    int64_t bytes = (int64_t)out->body.size;
    out->offset = gale_conf_int64(answer, "offset", offset);
    out->size = gale_conf_int64(answer, "size", -1);
    bool anew = out->size < offset;
    return out->offset >= 0 && out->size >= bytes && out->offset <= out->size - bytes &&
           (anew || out->offset >= offset);
}

static enum gale_err read_chunk(const struct logs_source *source, struct logs_hosts *hosts,
                                int64_t offset, int64_t limit, struct chunk *out,
                                struct gale_error *error)
{
    struct gale_conf *answer = NULL;
    struct logs_host *host = host_of(hosts, source->endpoint, error);
    struct gale_conf *request = host != NULL ? cluster_request("log_read", NULL) : NULL;
    if (host == NULL) {
        return error->code;
    }
    enum gale_err err = request != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err == GALE_OK ? tree_put_text(request, "topology", source->topology) : err;
    err = err == GALE_OK ? tree_put_int(request, "worker", source->worker) : err;
    err = err == GALE_OK ? tree_put_int(request, "offset", offset) : err;
    err = err == GALE_OK ? tree_put_int(request, "limit", limit) : err;
    if (err == GALE_OK) {
        buf_clear(&out->body);
        err = rpc_call(host->rpc, request, NULL, 0, LOGS_CALL_MS, &answer, &out->body, error);
    }
    if (err == GALE_ERR_TIMEOUT) {
        rpc_client_free(host->rpc);
        host->rpc = NULL;
    }
    if (err == GALE_OK && !chunk_take(answer, offset, out)) {
        err =
            gale_error_set(error, GALE_ERR_CORRUPT,
                           "%s answers with bytes that nobody asked for; is it a supervisor of "
                           "this version?",
                           source->endpoint);
    }
    conf_free(answer);
    conf_free(request);
    return err;
}

/* ---- The beginning ---- */

/* Whether the bytes hold what is wanted. The first line may be cut, so it does not count. */
static bool enough(const struct logs_want *want, const struct buf *bytes)
{
    const char *at = memchr(bytes->data, '\n', bytes->size);
    const char *end = (const char *)bytes->data + bytes->size;
    int64_t lines = 0;
    bool earlier = want->since_ms == 0;
    while (at != NULL && at + 1 < end) {
        const char *line = at + 1;
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((stop != NULL ? stop : end) - line);
        int64_t ms = logs_line_ms(line, size);
        lines += want->keep(want->self, line, size);
        earlier = earlier || (ms >= 0 && ms < want->since_ms);
        at = stop;
    }
    return earlier && lines >= want->lines;
}

/* Appends the bytes from `begin` on up to `end`. @param begin replaced when earlier bytes are gone. */
static enum gale_err read_range(const struct logs_source *source, struct logs_hosts *hosts,
                                int64_t *begin, int64_t end, struct buf *out,
                                struct gale_error *error)
{
    struct chunk chunk = {0};
    enum gale_err err = GALE_OK;
    buf_init(&chunk.body, 0);
    for (int64_t at = *begin; at < end && err == GALE_OK;) {
        int64_t limit = end - at < LOGS_READ_MAX ? end - at : LOGS_READ_MAX;
        err = read_chunk(source, hosts, at, limit, &chunk, error);
        if (err != GALE_OK || chunk.body.size == 0) {
            break;
        }
        *begin = out->size == 0 ? chunk.offset : *begin;
        err = buf_append(out, chunk.body.data, chunk.body.size);
        at = chunk.offset + (int64_t)chunk.body.size;
    }
    buf_fini(&chunk.body);
    return err;
}

enum gale_err logs_source_begin(struct logs_source *source, struct logs_hosts *hosts,
                                const struct logs_want *want, struct gale_error *error)
{
    struct chunk chunk = {0};
    struct buf bytes;
    buf_init(&chunk.body, 0);
    buf_init(&bytes, 2 * (size_t)BACK_MAX);
    enum gale_err err = read_chunk(source, hosts, -1, LOGS_READ_MAX, &chunk, error);
    int64_t end = chunk.size;
    int64_t begin = end;
    for (int64_t back = BACK_FIRST; err == GALE_OK; back *= 4) {
        int64_t asked = end > back ? end - back : 0;
        buf_clear(&bytes);
        begin = asked;
        err = read_range(source, hosts, &begin, end, &bytes, error);
        if (begin > asked || asked == 0 || back >= BACK_MAX || bytes.size == 0) {
            break; /* There is nothing before it. */
        }
        if (enough(want, &bytes)) {
            const uint8_t *newline = memchr(bytes.data, '\n', bytes.size);
            begin += newline != NULL ? newline - bytes.data + 1 : 0;
            break;
        }
    }
    if (err == GALE_OK) {
        source->offset = begin;
    }
    buf_fini(&bytes);
    buf_fini(&chunk.body);
    return err;
}

/* ---- Going on ---- */

/* Hands on the whole lines of the bytes behind what is left of the last ones. */
static enum gale_err split(struct logs_source *source, const struct buf *bytes,
                           logs_line_fn *line, void *self)
{
    enum gale_err err = buf_append(&source->rest, bytes->data, bytes->size);
    size_t begin = 0;
    while (err == GALE_OK && begin < source->rest.size) {
        const char *text = (const char *)source->rest.data + begin;
        size_t left = source->rest.size - begin;
        const char *end = memchr(text, '\n', left);
        if (end == NULL && left < LOGS_LINE_MAX) {
            break;
        }
        size_t size = end != NULL ? (size_t)(end - text) : left;
        err = line(self, source, text, size);
        begin += size + (end != NULL);
    }
    source->rest.size -= begin;
    if (begin > 0) {
        memmove(source->rest.data, source->rest.data + begin, source->rest.size);
    }
    return err;
}

enum gale_err logs_source_read(struct logs_source *source, struct logs_hosts *hosts,
                               logs_line_fn *line, void *self, struct gale_error *error)
{
    struct chunk chunk = {0};
    enum gale_err err = GALE_OK;
    buf_init(&chunk.body, 0);
    while (err == GALE_OK) {
        err = read_chunk(source, hosts, source->offset, LOGS_READ_MAX, &chunk, error);
        /* A log that became shorter is a new one. */
        if (err == GALE_OK && chunk.size < source->offset) {
            source->offset = 0;
            buf_clear(&source->rest);
            continue;
        }
        if (err != GALE_OK || chunk.body.size == 0) {
            break;
        }
        source->offset = chunk.offset + (int64_t)chunk.body.size;
        err = split(source, &chunk.body, line, self);
    }
    buf_fini(&chunk.body);
    return err;
}

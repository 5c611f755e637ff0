/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Micro-benchmark `transport`: the engine's ZeroMQ adapter between two processes, over ipc:// and
 * tcp:// on this machine, with messages of 64 bytes to 256 KiB.
 *
 *   stream      messages one way as fast as they go, at most a window of them under way (as the
 *               engine's credits have it); the other process counts them and answers with credits
 *   round trip  one message there and back, then the next: percentiles of the time
 *
 * The other process is forked before this one has a context of the library, and is killed and
 * reaped before the function returns; a directory made for ipc is removed. Every message is checked
 * to be whole and the next one in number by who receives it; a message that is lost ends the measure
 * by silence. Single-threaded but for the library.
 */
#include "micro/micro.h"
#include "micro/transport_peer.h"

#include "base/clock.h"
#include "base/hist.h"
#include "base/rng.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRANSPORT_SIZE_MAX (256u << 10)
/* Under way: enough to keep both processes busy, below the adapter's high-water mark. */
#define TRANSPORT_WINDOW_BYTES (8u << 20)
#define TRANSPORT_WINDOW_MESSAGES 800u
#define TRANSPORT_WINDOW_MIN 8u
#define TRANSPORT_PATH_SIZE 64u
/* First messages of a connection, not measured. */
#define TRANSPORT_WARM_UP 64u

static const struct size {
    uint32_t bytes;
    const char *name;
} sizes[] = {{64, "64"}, {4u << 10, "4096"}, {32u << 10, "32768"}, {256u << 10, "262144"}};
#define SIZES_COUNT (sizeof(sizes) / sizeof(sizes[0]))

static const char *const schemes[] = {"ipc", "tcp"};

/* One endpoint of each kind at a time: this end, the forked process, and where they meet. */
struct pair {
    struct peer_end end;
    pid_t child;
    char directory[TRANSPORT_PATH_SIZE];
    uint8_t *filling;
    uint64_t child_cpu_ns;
    struct hist hist;
};

static int64_t cpu_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- The two processes ------------------------------------------------------------------------ */

static void endpoint_of(const struct pair *pair, const char *scheme, const char *which,
                        char *out, size_t size)
{
    if (strcmp(scheme, "ipc") == 0) {
        snprintf(out, size, "ipc://%s/%s", pair->directory, which);
    } else {
        snprintf(out, size, "tcp://127.0.0.1:*");
    }
}

static void pair_close(struct pair *pair)
{
    peer_close(&pair->end);
    if (pair->child > 0) {
        (void)kill(pair->child, SIGKILL);
        while (waitpid(pair->child, NULL, 0) < 0 && errno == EINTR) {
        }
        pair->child = 0;
    }
    /* The killed process could not remove what it had bound. */
    char path[TRANSPORT_PATH_SIZE + 16];
    static const char *const names[] = {"there", "there.lock", "here", "here.lock"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", pair->directory, names[i]);
        (void)unlink(path);
    }
}

static enum gale_err pair_open(struct pair *pair, const char *scheme, struct gale_error *error)
{
    int channel[2];
    char endpoint[TRANSPORT_PATH_SIZE + 16];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) {
        return gale_error_set(error, GALE_ERR_IO, "transport: no socket pair: %s",
                              strerror(errno));
    }
    pid_t parent = getpid();
    pair->child = fork();
    if (pair->child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(channel[0]);
        endpoint_of(pair, scheme, "there", endpoint, sizeof(endpoint));
        if (getppid() == parent) {
            peer_serve(endpoint, pair->filling, channel[1]);
        }
        _exit(1); /* Serving ends only by a signal or a fault. */
    }
    close(channel[1]);
    enum gale_err err = GALE_OK;
    if (pair->child < 0) {
        pair->child = 0;
        err = gale_error_set(error, GALE_ERR_IO, "transport: cannot fork: %s", strerror(errno));
    } else {
        endpoint_of(pair, scheme, "here", endpoint, sizeof(endpoint));
        err = peer_open(&pair->end, endpoint, pair->filling, channel[0], error);
    }
    close(channel[0]);
    return err;
}

/* ---- Streams ---------------------------------------------------------------------------------- */

struct stream {
    uint32_t size;
    uint32_t window;
    uint64_t sent;
    uint64_t arrived; /* As the other process said. */
};

static uint32_t window_of(uint32_t size)
{
    uint32_t window = TRANSPORT_WINDOW_BYTES / size;
    window = window > TRANSPORT_WINDOW_MESSAGES ? TRANSPORT_WINDOW_MESSAGES : window;
    window = window < TRANSPORT_WINDOW_MIN ? TRANSPORT_WINDOW_MIN : window;
    return window / 4 * 4;
}

/* Waits for one answer and takes its number. */
static enum gale_err take_answer(struct pair *pair, struct stream *stream,
                                 struct gale_error *error)
{
    struct transport_message message;
    struct peer_head head;
    enum gale_err err = peer_receive(&pair->end, &message, &head);
    if (err != GALE_OK) {
        return gale_error_set(error, err,
                              "transport: no answer after %llu messages of %u bytes, %llu "
                              "arrived; messages were lost or the other process died",
                              (unsigned long long)stream->sent, stream->size,
                              (unsigned long long)stream->arrived);
    }
    pair->end.transport->ops->release(pair->end.transport, &message);
    if (head.command != PEER_CREDIT || head.number > stream->sent ||
        head.number < stream->arrived) {
        return gale_error_set(
            error, GALE_ERR_CORRUPT,
            "transport: message %llu of %u bytes arrived cut, twice or out of "
            "order; the wire must keep order and wholeness",
            (unsigned long long)(head.number + 1), stream->size);
    }
    stream->arrived = head.number;
    pair->child_cpu_ns = head.cpu_ns;
    return GALE_OK;
}

static enum gale_err stream_begin(struct pair *pair, struct stream *stream,
                                  struct gale_error *error)
{
    struct peer_head head = {.command = PEER_START, .window = stream->window};
    enum gale_err err = peer_send(&pair->end, &head, PEER_MESSAGE_MIN);
    if (err != GALE_OK) {
        return gale_error_set(error, err, "transport: cannot begin a stream");
    }
    return take_answer(pair, stream, error);
}

/* One message when the window allows it, else one answer. */
static enum gale_err stream_step(struct pair *pair, struct stream *stream,
                                 struct gale_error *error)
{
    if (stream->sent - stream->arrived >= stream->window) {
        return take_answer(pair, stream, error);
    }
    struct peer_head head = {
        .number = stream->sent + 1, .command = PEER_STREAM, .window = stream->window};
    enum gale_err err = peer_send(&pair->end, &head, stream->size);
    if (err == GALE_OK) {
        stream->sent++;
    } else {
        (void)gale_error_set(error, err,
                             "transport: message %llu of %u bytes was not taken; the other "
                             "process has stopped",
                             (unsigned long long)head.number, stream->size);
    }
    return err;
}

static enum gale_err stream_round(struct pair *pair, uint32_t size, double seconds,
                                  struct micro_round *out, struct gale_error *error)
{
    struct stream stream = {.size = size, .window = window_of(size)};
    enum gale_err err = stream_begin(pair, &stream, error);
    int64_t started = clock_now_ns();
    int64_t until = started + (int64_t)(seconds * 1e9);
    int64_t cpu_started = cpu_now_ns() + (int64_t)pair->child_cpu_ns;
    /* The last message of a quarter of the window is answered, so the stream ends with one. */
    while (err == GALE_OK && (stream.sent == 0 || stream.sent % (stream.window / 4) != 0 ||
                              clock_now_ns() < until)) {
        err = stream_step(pair, &stream, error);
    }
    while (err == GALE_OK && stream.arrived < stream.sent) {
        err = take_answer(pair, &stream, error);
    }
    if (err != GALE_OK) {
        return err;
    }
    double elapsed_ns = (double)(clock_now_ns() - started);
    double cpu_ns = (double)(cpu_now_ns() + (int64_t)pair->child_cpu_ns - cpu_started);
    out->per_s = (double)stream.arrived * 1e9 / elapsed_ns;
    out->ns_per_op = elapsed_ns / (double)stream.arrived;
    out->bytes_per_s = out->per_s * size;
    out->cores = cpu_ns / elapsed_ns;
    return GALE_OK;
}

/* ---- Round trips ------------------------------------------------------------------------------ */

static enum gale_err one_round_trip(struct pair *pair, uint32_t size, uint64_t number,
                                    struct gale_error *error)
{
    struct peer_head head = {.number = number, .command = PEER_ECHO};
    struct transport_message message;
    enum gale_err err = peer_send(&pair->end, &head, size);
    if (err == GALE_OK) {
        err = peer_receive(&pair->end, &message, &head);
    }
    if (err != GALE_OK) {
        return gale_error_set(error, err, "transport: message %llu of %u bytes never came back",
                              (unsigned long long)number, size);
    }
    bool is_right = message.size == size && head.number == number &&
                    head.command == PEER_ECHO && peer_is_whole(&message, &head);
    pair->end.transport->ops->release(pair->end.transport, &message);
    if (!is_right) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "transport: message %llu of %u bytes came back changed",
                              (unsigned long long)number, size);
    }
    return GALE_OK;
}

static enum gale_err trip_round(struct pair *pair, uint32_t size, double seconds,
                                struct micro_round *out, struct gale_error *error)
{
    struct stream stream = {.size = size, .window = TRANSPORT_WINDOW_MIN};
    enum gale_err err = stream_begin(pair, &stream, error); /* The other's CPU time. */
    uint64_t number = 1;
    hist_clear(&pair->hist);
    for (; err == GALE_OK && number <= TRANSPORT_WARM_UP; number++) {
        err = one_round_trip(pair, size, number, error);
    }
    int64_t started = clock_now_ns();
    int64_t cpu_started = cpu_now_ns() + (int64_t)pair->child_cpu_ns;
    int64_t now = started;
    while (err == GALE_OK && (now - started < (int64_t)(seconds * 1e9) || now == started)) {
        int64_t before = now;
        err = one_round_trip(pair, size, number++, error);
        now = clock_now_ns();
        hist_record(&pair->hist, (uint64_t)(now - before));
    }
    if (err == GALE_OK) {
        err = stream_begin(pair, &stream, error);
    }
    if (err != GALE_OK) {
        return err;
    }
    double elapsed_ns = (double)(now - started);
    out->per_s = (double)pair->hist.count * 1e9 / elapsed_ns;
    out->ns_per_op = elapsed_ns / (double)pair->hist.count;
    out->bytes_per_s = 2 * out->per_s * size;
    out->cores =
        (double)(cpu_now_ns() + (int64_t)pair->child_cpu_ns - cpu_started) / elapsed_ns;
    out->p50_us = (double)hist_quantile(&pair->hist, 0.5) / 1e3;
    out->p99_us = (double)hist_quantile(&pair->hist, 0.99) / 1e3;
    out->p999_us = (double)hist_quantile(&pair->hist, 0.999) / 1e3;
    out->max_us = (double)pair->hist.max / 1e3;
    return GALE_OK;
}

/* ---- Measures --------------------------------------------------------------------------------- */

static enum gale_err measure(struct pair *pair, const struct micro_options *options,
                             const struct size *size, bool is_round_trip,
                             struct micro_figure *out, struct gale_error *error)
{
    enum gale_err err = GALE_OK;
    out->unit = is_round_trip ? "round trips" : "messages";
    out->check = is_round_trip ? "every message came back whole, in size and number as sent"
                               : "every message arrived once, whole and in order";
    out->has_bytes = true;
    out->is_round_trip = is_round_trip;
    for (unsigned i = 0; i < options->rounds && i < MICRO_ROUNDS_MAX && err == GALE_OK; i++) {
        err = is_round_trip
                  ? trip_round(pair, size->bytes, options->seconds, &out->rounds[i], error)
                  : stream_round(pair, size->bytes, options->seconds, &out->rounds[i], error);
        out->rounds_count += err == GALE_OK;
    }
    return err;
}

static enum gale_err measure_scheme(struct pair *pair, const struct micro_options *options,
                                    const char *scheme, micro_on_figure on_figure, void *user,
                                    struct gale_error *error)
{
    enum gale_err err = pair_open(pair, scheme, error);
    for (size_t i = 0; i < 2 * SIZES_COUNT && err == GALE_OK; i++) {
        const struct size *size = &sizes[i % SIZES_COUNT];
        bool is_round_trip = i >= SIZES_COUNT;
        char name[32];
        char title[96];
        snprintf(name, sizeof(name), "%s-%s%s", scheme, size->name,
                 is_round_trip ? "-trip" : "");
        snprintf(title, sizeof(title), "%s of %s bytes over %s",
                 is_round_trip ? "round trips" : "messages one way", size->name, scheme);
        struct micro_figure figure = {.name = name, .title = title};
        err = measure(pair, options, size, is_round_trip, &figure, error);
        if (err == GALE_OK && !on_figure(&figure, user)) {
            err = GALE_ERR_CLOSED;
        }
    }
    pair_close(pair);
    return err;
}

enum gale_err micro_transport(const struct micro_options *options, micro_on_figure on_figure,
                              void *user, struct gale_error *error)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    uint8_t *filling = malloc(TRANSPORT_SIZE_MAX);
    enum gale_err err = GALE_OK;
    if (pair == NULL || filling == NULL) {
        err = gale_error_set(error, GALE_ERR_NOMEM, "transport: no memory for a message");
    } else {
        struct rng rng;
        rng_seed(&rng, options->seed);
        for (uint32_t i = 0; i < TRANSPORT_SIZE_MAX; i++) {
            filling[i] = (uint8_t)rng_next(&rng);
        }
        pair->filling = filling;
        snprintf(pair->directory, sizeof(pair->directory), "/tmp/gale-micro-%d-XXXXXX",
                 (int)getpid());
        if (mkdtemp(pair->directory) == NULL) {
            err = gale_error_set(error, GALE_ERR_IO, "transport: cannot make %s: %s",
                                 pair->directory, strerror(errno));
        } else {
            for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && err == GALE_OK;
                 i++) {
                err = measure_scheme(pair, options, schemes[i], on_figure, user, error);
            }
            (void)rmdir(pair->directory);
        }
    }
    free(filling);
    free(pair);
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire of real processes: ZeroMQ PUSH (connects) to PULL (binds) over ipc:// and tcp://.
 *
 * A transport has one context, one PULL socket for all that comes in and one PUSH socket for each
 * peer. ZeroMQ loses what is queued when a connection breaks, so nothing here promises delivery;
 * links with sequences, gaps and byte credits stand above (core/link.h). The high-water marks are
 * guards against a fault of that layer, never the memory bound.
 *
 * Messages are zmq_msg_t kept in pooled slots: a prepared message is written in place and given to
 * the library without a copy, a received one is read where the library put it until release.
 *
 * Readiness: `fd` is the PULL socket's ZMQ_FD. It signals the library's internal commands and not
 * messages, and it signals a change only once. receive() answers GALE_ERR_AGAIN only after it has
 * taken all commands off the socket, therefore a caller that receives until GALE_ERR_AGAIN and then
 * polls misses nothing, while one that polls with messages unread may sleep on them for ever.
 * Sending never changes this descriptor: each PUSH socket has its own, which nobody needs to wait
 * on, because send() takes its commands and a sender without room tries again at its next beat.
 *
 * ipc: a second bind would silently steal a live path, so the path belongs to who holds the flock
 * on "path.lock"; only under that lock is a path left by a dead process unlinked. The directory
 * must be the user's own with mode 0700, the socket is made under umask 077.
 *
 * Threading: all calls from the thread that made the transport. The library's I/O threads are
 * started with every signal blocked. Never fork with a live transport: use posix_spawn.
 * This is not authentication: tcp endpoints belong on a trusted network or on loopback, and the
 * library delivers what it takes for a message of the old ZMTP 1, so that any bytes may come in.
 */
#include "transport/transport.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

/* Messages queued per connection and side before send says "no room". */
#define ZMQ_HIGH_WATER_MESSAGES 1024
/* Slots kept for reuse; more are freed as they come back. */
#define ZMQ_POOL_MAX 64
#define ZMQ_SOCKETS_MAX 1023
#define ZMQ_IO_THREADS_MAX 16
#define ZMQ_HANDSHAKE_MS 3000
#define ZMQ_RECONNECT_MS 10
#define ZMQ_RECONNECT_MAX_MS 500
#define ZMQ_HEARTBEAT_MS 500
#define ZMQ_HEARTBEAT_TIMEOUT_MS 2000
/* Descriptors that must be free before the library may open its own, because it aborts without.
 * A context takes 4 and 2 for each I/O thread, a socket 1 and 1 for each connection. */
#define ZMQ_CONTEXT_FDS 4
#define ZMQ_IO_THREAD_FDS 2
#define ZMQ_SOCKET_FDS 3
#define ZMQ_SPARE_FDS 16
#define ZMQ_PROBE_MAX 64

static const char ipc_prefix[] = "ipc://";
static const char tcp_prefix[] = "tcp://";

struct slot {
    zmq_msg_t message;
    struct slot *next;
};

struct transport_peer {
    void *socket;
    struct transport_peer *next;
};

#define PULSE_FOR_EVER UINT32_MAX

/* The sign of life: its thread owns the socket from the start of the thread to its end. */
struct pulse {
    pthread_t thread;
    sem_t stop;
    void *socket;
    int64_t period_ms;
    _Atomic uint32_t periods_left; /* counted down by the thread, set by the owner */
    size_t size;
    uint8_t message[];
};

struct zmq_transport {
    struct transport base; /* First: the two pointers are one. */
    struct pulse *pulse;
    void *context;
    void *pull;
    int pull_fd;
    bool is_bound;
    bool in_multipart; /* The parts of a message nobody of ours sends are being skipped. */
    struct transport_peer *peers;
    struct slot *pool;
    size_t pool_count;
    int lock_fd;                                            /* −1: none. */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": not ipc. */
    char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof ".lock"];
};

static struct zmq_transport *from_base(struct transport *transport)
{
    return (struct zmq_transport *)transport;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Opens and closes `count` descriptors: the one way to know that the process and the system have
 * them, holes in the table included. */
static enum gale_err check_descriptors(int count, const char *what, struct gale_error *error)
{
    GALE_ASSERT(count <= ZMQ_PROBE_MAX);
    int fds[ZMQ_PROBE_MAX];
    int opened = 0;
    while (opened < count) {
        int fd = eventfd(0, EFD_CLOEXEC);
        if (fd < 0) {
            break;
        }
        fds[opened++] = fd;
    }
    for (int i = 0; i < opened; i++) {
        close(fds[i]);
    }
    if (opened == count) {
        return GALE_OK;
    }
    return gale_error_set(
        error, GALE_ERR_LIMIT,
        "transport: %s needs %d free file descriptors and found %d; raise the "
        "limit (ulimit -n, or open_files_max of the topology)",
        what, count, opened);
}

static enum gale_err set_int(void *socket, int option, int value, struct gale_error *error)
{
    if (zmq_setsockopt(socket, option, &value, sizeof value) == 0) {
        return GALE_OK;
    }
    return gale_error_set(
        error, GALE_ERR_UNSUPPORTED,
        "transport: libzmq refuses socket option %d: %s; libzmq 4.3.4 or newer "
        "is needed",
        option, zmq_strerror(errno));
}

/* Every option is set before bind or connect: later ones are ignored by the library. */
static enum gale_err set_options(void *socket, bool is_tcp, struct gale_error *error)
{
    static const struct {
        int option;
        int value;
        bool tcp_only;
    } options[] = {
        {ZMQ_LINGER, 0, false},
        {ZMQ_SNDHWM, ZMQ_HIGH_WATER_MESSAGES, false},
        {ZMQ_RCVHWM, ZMQ_HIGH_WATER_MESSAGES, false},
        {ZMQ_HANDSHAKE_IVL, ZMQ_HANDSHAKE_MS, false},
        {ZMQ_RECONNECT_IVL, ZMQ_RECONNECT_MS, false},
        {ZMQ_RECONNECT_IVL_MAX, ZMQ_RECONNECT_MAX_MS, false},
        {ZMQ_IPV6, 0, true},
        {ZMQ_HEARTBEAT_IVL, ZMQ_HEARTBEAT_MS, true},
        {ZMQ_HEARTBEAT_TIMEOUT, ZMQ_HEARTBEAT_TIMEOUT_MS, true},
        {ZMQ_HEARTBEAT_TTL, ZMQ_HEARTBEAT_TIMEOUT_MS, true},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].tcp_only && !is_tcp) {
            continue;
        }
        enum gale_err err = set_int(socket, options[i].option, options[i].value, error);
        if (err != GALE_OK) {
            return err;
        }
    }
    int64_t size_max = TRANSPORT_MESSAGE_MAX;
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) != 0) {
        return gale_error_set(error, GALE_ERR_UNSUPPORTED,
                              "transport: libzmq refuses ZMQ_MAXMSGSIZE: %s",
                              zmq_strerror(errno));
    }
    return GALE_OK;
}

static enum gale_err check_endpoint(const char *endpoint, bool *is_tcp,
                                    struct gale_error *error)
{
    *is_tcp = has_prefix(endpoint, tcp_prefix);
    if (*is_tcp) {
        return GALE_OK;
    }
    if (!has_prefix(endpoint, ipc_prefix) || endpoint[strlen(ipc_prefix)] != '/') {
        return gale_error_set(
            error, GALE_ERR_INVALID,
            "transport: \"%s\" is no endpoint; write ipc:///directory/name or "
            "tcp://host:port",
            endpoint);
    }
    size_t path_size = strlen(endpoint + strlen(ipc_prefix)) + 1;
    size_t path_max = sizeof(((struct sockaddr_un *)0)->sun_path);
    if (path_size > path_max) {
        return gale_error_set(
            error, GALE_ERR_LIMIT,
            "transport: the path of \"%s\" is longer than the %zu bytes that a "
            "unix socket may have; choose a shorter directory (TMPDIR)",
            endpoint, path_max - 1);
    }
    return GALE_OK;
}

/* ---- slots ---------------------------------------------------------------------------------- */

static struct slot *slot_take(struct zmq_transport *self)
{
    struct slot *slot = self->pool;
    if (slot != NULL) {
        self->pool = slot->next;
        self->pool_count--;
        return slot;
    }
    return malloc(sizeof *slot);
}

/* Gives back a slot whose message is closed or was taken by the library. */
static void slot_give(struct zmq_transport *self, struct slot *slot)
{
    if (self->pool_count >= ZMQ_POOL_MAX) {
        free(slot);
        return;
    }
    slot->next = self->pool;
    self->pool = slot;
    self->pool_count++;
}

static void slot_close(struct zmq_transport *self, struct slot *slot)
{
    zmq_msg_close(&slot->message);
    slot_give(self, slot);
}

/* ---- ipc paths ------------------------------------------------------------------------------ */

/* The directory of `path`: made with 0700 if missing, else the user's own and closed to others. */
static enum gale_err check_directory(const char *path, struct gale_error *error)
{
    char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
    size_t size = (size_t)(strrchr(path, '/') - path);
    if (size == 0) {
        return gale_error_set(
            error, GALE_ERR_INVALID,
            "transport: \"%s\" lies in the root directory; use a directory of "
            "your own with mode 0700",
            path);
    }
    memcpy(directory, path, size);
    directory[size] = '\0';
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return gale_error_set(error, GALE_ERR_IO, "transport: cannot make the directory %s: %s",
                              directory, strerror(errno));
    }
    struct stat info;
    if (lstat(directory, &info) != 0) {
        return gale_error_set(error, GALE_ERR_IO, "transport: cannot look at %s: %s", directory,
                              strerror(errno));
    }
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
        return gale_error_set(
            error, GALE_ERR_INVALID,
            "transport: %s must be a directory of your own with mode 0700, or "
            "other users could reach the workers; chmod 700 it or choose another",
            directory);
    }
    return GALE_OK;
}

/* True when the locked descriptor is still what the path names: its last holder may have removed
 * the file between our open and our lock. */
static bool lock_is_current(int fd, const char *lock_path)
{
    struct stat held;
    struct stat named;
    return fstat(fd, &held) == 0 && lstat(lock_path, &named) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

static enum gale_err take_lock(struct zmq_transport *self, struct gale_error *error)
{
    for (;;) {
        int fd = open(self->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return gale_error_set(error, GALE_ERR_IO, "transport: cannot open %s: %s",
                                  self->lock_path, strerror(errno));
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int cause = errno;
            close(fd);
            if (cause == EINTR) {
                continue;
            }
            return gale_error_set(
                error, cause == EWOULDBLOCK ? GALE_ERR_EXISTS : GALE_ERR_IO,
                "transport: %s is in use by a living process (%s); stop it or "
                "bind another path",
                self->path, strerror(cause));
        }
        if (lock_is_current(fd, self->lock_path)) {
            self->lock_fd = fd;
            return GALE_OK;
        }
        close(fd);
    }
}

static void unlock_path(struct zmq_transport *self)
{
    if (self->lock_fd < 0) {
        return;
    }
    unlink(self->path);
    unlink(self->lock_path);
    close(self->lock_fd);
    self->lock_fd = -1;
}

static enum gale_err prepare_path(struct zmq_transport *self, const char *path,
                                  struct gale_error *error)
{
    enum gale_err err = check_directory(path, error);
    if (err != GALE_OK) {
        return err;
    }
    snprintf(self->path, sizeof self->path, "%s", path);
    snprintf(self->lock_path, sizeof self->lock_path, "%s.lock", path);
    err = take_lock(self, error);
    if (err != GALE_OK) {
        return err;
    }
    struct stat info;
    if (lstat(path, &info) != 0) {
        return GALE_OK;
    }
    if (!S_ISSOCK(info.st_mode)) {
        /* Not ours to remove, and unlock_path must not remove it either. */
        unlink(self->lock_path);
        close(self->lock_fd);
        self->lock_fd = -1;
        return gale_error_set(
            error, GALE_ERR_EXISTS,
            "transport: %s exists and is no socket; remove it or bind another "
            "path",
            path);
    }
    unlink(path);
    return GALE_OK;
}

/* ---- operations ----------------------------------------------------------------------------- */

static void pulse_stop(struct zmq_transport *self)
{
    if (self->pulse != NULL) {
        sem_post(&self->pulse->stop);
        pthread_join(self->pulse->thread, NULL);
        zmq_close(self->pulse->socket);
        sem_destroy(&self->pulse->stop);
        free(self->pulse);
        self->pulse = NULL;
    }
}

static void zmq_free_transport(struct transport *transport)
{
    if (transport == NULL) {
        return;
    }
    struct zmq_transport *self = from_base(transport);
    pulse_stop(self);
    while (self->peers != NULL) {
        struct transport_peer *peer = self->peers;
        self->peers = peer->next;
        zmq_close(peer->socket);
        free(peer);
    }
    if (self->pull != NULL) {
        zmq_close(self->pull);
    }
    /* Returns as soon as the sockets are gone, since none of them lingers; a signal may cut it
     * short. */
    while (self->context != NULL && zmq_ctx_term(self->context) != 0 && errno == EINTR) {
    }
    unlock_path(self);
    while (self->pool != NULL) {
        struct slot *slot = self->pool;
        self->pool = slot->next;
        free(slot);
    }
    free(self);
}

static enum gale_err zmq_bind_endpoint(struct transport *transport, const char *endpoint,
                                       char *bound, size_t bound_size, struct gale_error *error)
{
    struct zmq_transport *self = from_base(transport);
    GALE_ASSERT(!self->is_bound);
    bool is_tcp;
    enum gale_err err = check_endpoint(endpoint, &is_tcp, error);
    if (err == GALE_OK) {
        err = check_descriptors(ZMQ_SOCKET_FDS + ZMQ_SPARE_FDS, "binding", error);
    }
    if (err == GALE_OK) {
        err = set_options(self->pull, is_tcp, error);
    }
    if (err == GALE_OK && !is_tcp) {
        err = prepare_path(self, endpoint + strlen(ipc_prefix), error);
    }
    if (err != GALE_OK) {
        return err;
    }
    mode_t mask = umask(077);
    int rc = zmq_bind(self->pull, endpoint);
    int cause = errno;
    umask(mask);
    if (rc != 0) {
        unlock_path(self);
        return gale_error_set(error, cause == EADDRINUSE ? GALE_ERR_EXISTS : GALE_ERR_IO,
                              "transport: cannot bind %s: %s; check the host name and that the "
                              "port is free (port * takes a free one)",
                              endpoint, zmq_strerror(cause));
    }
    self->is_bound = true;
    size_t size = bound_size;
    if (zmq_getsockopt(self->pull, ZMQ_LAST_ENDPOINT, bound, &size) != 0) {
        return gale_error_set(
            error, GALE_ERR_LIMIT,
            "transport: the name of the bound endpoint %s does not fit %zu bytes", endpoint,
            bound_size);
    }
    return GALE_OK;
}

static enum gale_err zmq_connect_endpoint(struct transport *transport, const char *endpoint,
                                          struct transport_peer **out, struct gale_error *error)
{
    struct zmq_transport *self = from_base(transport);
    bool is_tcp;
    enum gale_err err = check_endpoint(endpoint, &is_tcp, error);
    if (err == GALE_OK) {
        err = check_descriptors(ZMQ_SOCKET_FDS + ZMQ_SPARE_FDS, "connecting to a peer", error);
    }
    if (err != GALE_OK) {
        return err;
    }
    struct transport_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "transport: no memory for a peer");
    }
    peer->socket = zmq_socket(self->context, ZMQ_PUSH);
    if (peer->socket == NULL) {
        int cause = errno;
        free(peer);
        return gale_error_set(error, GALE_ERR_LIMIT,
                              "transport: no socket for %s: %s; at most %d peers are possible",
                              endpoint, zmq_strerror(cause), ZMQ_SOCKETS_MAX - 1);
    }
    err = set_options(peer->socket, is_tcp, error);
    if (err == GALE_OK && zmq_connect(peer->socket, endpoint) != 0) {
        err =
            gale_error_set(error, GALE_ERR_INVALID,
                           "transport: cannot connect to %s: %s; write tcp://host:port with an "
                           "IPv4 address or a name",
                           endpoint, zmq_strerror(errno));
    }
    if (err != GALE_OK) {
        zmq_close(peer->socket);
        free(peer);
        return err;
    }
    peer->next = self->peers;
    self->peers = peer;
    *out = peer;
    return GALE_OK;
}

static void zmq_disconnect_peer(struct transport *transport, struct transport_peer *peer)
{
    if (peer == NULL) {
        return;
    }
    struct zmq_transport *self = from_base(transport);
    struct transport_peer **place = &self->peers;
    while (*place != peer) {
        GALE_ASSERT(*place != NULL);
        place = &(*place)->next;
    }
    *place = peer->next;
    zmq_close(peer->socket);
    free(peer);
}

static enum gale_err zmq_prepare(struct transport *transport, size_t size, void **handle,
                                 uint8_t **data)
{
    if (size > TRANSPORT_MESSAGE_MAX) {
        return GALE_ERR_LIMIT;
    }
    struct zmq_transport *self = from_base(transport);
    struct slot *slot = slot_take(self);
    if (slot == NULL) {
        return GALE_ERR_NOMEM;
    }
    if (zmq_msg_init_size(&slot->message, size) != 0) {
        slot_give(self, slot);
        return GALE_ERR_NOMEM;
    }
    *handle = slot;
    *data = zmq_msg_data(&slot->message);
    return GALE_OK;
}

static void zmq_drop(struct transport *transport, void *handle)
{
    if (handle != NULL) {
        slot_close(from_base(transport), handle);
    }
}

static enum gale_err zmq_send_message(struct transport *transport, struct transport_peer *peer,
                                      void *handle)
{
    struct zmq_transport *self = from_base(transport);
    struct slot *slot = handle;
    for (;;) {
        if (zmq_msg_send(&slot->message, peer->socket, ZMQ_DONTWAIT) >= 0) {
            slot_give(self, slot);
            return GALE_OK;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno == EAGAIN) {
            return GALE_ERR_AGAIN;
        }
        slot_close(self, slot);
        return GALE_ERR_IO;
    }
}

/* Takes the next message into the slot. A multipart message is of no sender of ours: all its parts
 * are skipped. */
static enum gale_err receive_into(struct zmq_transport *self, struct slot *slot)
{
    for (;;) {
        if (zmq_msg_recv(&slot->message, self->pull, ZMQ_DONTWAIT) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno == EAGAIN ? GALE_ERR_AGAIN : GALE_ERR_IO;
        }
        bool more = zmq_msg_more(&slot->message) != 0;
        bool is_whole = !more && !self->in_multipart;
        self->in_multipart = more;
        if (is_whole) {
            return GALE_OK;
        }
    }
}

static enum gale_err zmq_receive(struct transport *transport, struct transport_message *out)
{
    struct zmq_transport *self = from_base(transport);
    struct slot *slot = slot_take(self);
    if (slot == NULL) {
        return GALE_ERR_NOMEM;
    }
    zmq_msg_init(&slot->message);
    enum gale_err err = receive_into(self, slot);
    if (err != GALE_OK) {
        slot_close(self, slot);
        return err;
    }
    out->data = zmq_msg_data(&slot->message);
    out->size = zmq_msg_size(&slot->message);
    out->handle = slot;
    return GALE_OK;
}

static void zmq_release(struct transport *transport, struct transport_message *message)
{
    if (message->handle != NULL) {
        slot_close(from_base(transport), message->handle);
    }
    *message = (struct transport_message){0};
}

static int zmq_descriptor(struct transport *transport)
{
    return from_base(transport)->pull_fd;
}

static const struct transport_ops zmq_ops = {
    .free = zmq_free_transport,
    .bind = zmq_bind_endpoint,
    .connect = zmq_connect_endpoint,
    .disconnect = zmq_disconnect_peer,
    .prepare = zmq_prepare,
    .drop = zmq_drop,
    .send = zmq_send_message,
    .receive = zmq_receive,
    .release = zmq_release,
    .fd = zmq_descriptor,
};

/* Makes context and PULL socket; the first socket starts the library's threads, which inherit the
 * signal mask of this moment. */
static enum gale_err open_context(struct zmq_transport *self, int io_threads,
                                  struct gale_error *error)
{
    self->context = zmq_ctx_new();
    if (self->context == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "transport: no ZeroMQ context: %s",
                              zmq_strerror(errno));
    }
    zmq_ctx_set(self->context, ZMQ_IO_THREADS, io_threads);
    zmq_ctx_set(self->context, ZMQ_MAX_SOCKETS, ZMQ_SOCKETS_MAX);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    self->pull = zmq_socket(self->context, ZMQ_PULL);
    int cause = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (self->pull == NULL) {
        return gale_error_set(error, GALE_ERR_LIMIT, "transport: no ZeroMQ socket: %s",
                              zmq_strerror(cause));
    }
    size_t size = sizeof self->pull_fd;
    if (zmq_getsockopt(self->pull, ZMQ_FD, &self->pull_fd, &size) != 0) {
        return gale_error_set(error, GALE_ERR_IO, "transport: no descriptor to wait on: %s",
                              zmq_strerror(errno));
    }
    return set_int(self->pull, ZMQ_LINGER, 0, error);
}

enum gale_err transport_zmq_new(int io_threads, struct transport **out,
                                struct gale_error *error)
{
    if (io_threads < 1 || io_threads > ZMQ_IO_THREADS_MAX) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "transport: %d I/O threads asked for; choose 1 to %d", io_threads,
                              ZMQ_IO_THREADS_MAX);
    }
    int fds = ZMQ_CONTEXT_FDS + ZMQ_IO_THREAD_FDS * io_threads + ZMQ_SOCKET_FDS;
    enum gale_err err =
        check_descriptors(fds + ZMQ_SPARE_FDS / 2, "starting the transport", error);
    if (err != GALE_OK) {
        return err;
    }
    struct zmq_transport *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "transport: no memory");
    }
    self->base.ops = &zmq_ops;
    self->lock_fd = -1;
    err = open_context(self, io_threads, error);
    if (err != GALE_OK) {
        zmq_free_transport(&self->base);
        return err;
    }
    *out = &self->base;
    return GALE_OK;
}

static void *pulse_run(void *argument)
{
    struct pulse *pulse = argument;
    struct timespec at;
    int stopped;
    do {
        uint32_t left = atomic_load_explicit(&pulse->periods_left, memory_order_relaxed);
        if (left > 0) {
            (void)zmq_send(pulse->socket, pulse->message, pulse->size, ZMQ_DONTWAIT);
        }
        if (left > 0 && left != PULSE_FOR_EVER) {
            /* Fails when the owner has just set another number. */
            (void)atomic_compare_exchange_strong_explicit(&pulse->periods_left, &left, left - 1,
                                                          memory_order_relaxed,
                                                          memory_order_relaxed);
        }
        clock_gettime(CLOCK_MONOTONIC, &at);
        int64_t ns = at.tv_nsec + pulse->period_ms % 1000 * 1000000;
        at.tv_sec += (time_t)(pulse->period_ms / 1000 + ns / 1000000000);
        at.tv_nsec = (long)(ns % 1000000000);
        do {
            stopped = sem_clockwait(&pulse->stop, CLOCK_MONOTONIC, &at);
        } while (stopped != 0 && errno == EINTR);
    } while (stopped != 0);
    return NULL;
}

/* All signals stay with the owner's threads. */
static int pulse_start(struct pulse *pulse)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int cause = pthread_create(&pulse->thread, NULL, pulse_run, pulse);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return cause;
}

enum gale_err transport_zmq_pulse(struct transport *transport, const char *endpoint,
                                  int64_t period_ms, const void *message, size_t size,
                                  struct gale_error *error)
{
    struct zmq_transport *self = from_base(transport);
    if (self->pulse != NULL) {
        return gale_error_set(error, GALE_ERR_STATE, "transport: its pulse runs already");
    }
    bool is_tcp;
    enum gale_err err = check_endpoint(endpoint, &is_tcp, error);
    if (err != GALE_OK) {
        return err;
    }
    struct pulse *pulse = calloc(1, sizeof *pulse + size);
    if (pulse == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "transport: no memory for the pulse");
    }
    pulse->period_ms = period_ms;
    atomic_init(&pulse->periods_left, PULSE_FOR_EVER);
    pulse->size = size;
    memcpy(pulse->message, message, size);
    sem_init(&pulse->stop, 0, 0);
    pulse->socket = zmq_socket(self->context, ZMQ_PUSH);
    err = pulse->socket == NULL ? GALE_ERR_LIMIT : set_options(pulse->socket, is_tcp, error);
    if (err != GALE_OK || zmq_connect(pulse->socket, endpoint) != 0 ||
        pulse_start(pulse) != 0) {
        if (pulse->socket != NULL) {
            zmq_close(pulse->socket);
        }
        sem_destroy(&pulse->stop);
        free(pulse);
        return gale_error_set(error, GALE_ERR_LIMIT, "transport: no pulse to %s", endpoint);
    }
    self->pulse = pulse;
    return GALE_OK;
}

void transport_zmq_pulse_for(struct transport *transport, uint32_t periods)
{
    struct zmq_transport *self = from_base(transport);
    if (self->pulse != NULL) {
        atomic_store_explicit(&self->pulse->periods_left, periods, memory_order_relaxed);
    }
}

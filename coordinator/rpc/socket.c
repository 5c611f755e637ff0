/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The adapter of libzmq for requests: ROUTER (server) and DEALER (client); see socket.h.
 *
 * ROUTER drops silently unless told not to: ROUTER_MANDATORY makes a lost peer an error. Peers get
 * their ids from the library, and one that brings an id already in use is refused (no HANDOVER), so
 * nobody can take another's answers. High-water marks bound what waits for one peer.
 *
 * The descriptor is an epoll set of the library's descriptor, which changes only when something
 * happened, and an eventfd that is kept set while messages are left: after each send and receive
 * the library is asked, because these calls may eat the change.
 *
 * The count of clients is under a lock, because they may live in several threads; all else belongs to
 * the socket's thread. The library's threads are started with every signal blocked.
 */
#include "rpc/socket.h"

#include "base/assert.h"
#include "rpc/ipc_path.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define SERVER_QUEUE 256 /* messages from one client, or for one of ours */
/* For one client, up to 8 MiB each. The library counts what was read by halves of this. */
#define SERVER_ANSWERS (2 * RPC_UNREAD_MAX)
#define HANDSHAKE_MS 3000
#define CONNECT_MS 2000
#define RECONNECT_MS 20
#define RECONNECT_MAX_MS 500
#define HEARTBEAT_MS 500
#define HEARTBEAT_SILENT_MS 2000
/* The library aborts where it finds no descriptor, so they are looked for first. */
#define DESCRIPTORS_NEEDED 24

struct rpc_socket {
    void *zmq;
    void *context; /* servers */
    int zmq_fd;
    int epoll_fd;
    int event_fd;
    bool event_set;
    bool server;
    struct ipc_path paths[RPC_ENDPOINTS_MAX];
    size_t paths_count;
};

static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static void *clients_context;
static size_t clients_count;

static enum gale_err check_descriptors(struct gale_error *error)
{
    int fds[DESCRIPTORS_NEEDED];
    int opened = 0;
    while (opened < DESCRIPTORS_NEEDED && (fds[opened] = eventfd(0, EFD_CLOEXEC)) >= 0) {
        opened++;
    }
    for (int i = 0; i < opened; i++) {
        close(fds[i]);
    }
    return opened == DESCRIPTORS_NEEDED
               ? GALE_OK
               : gale_error_set(
                     error, GALE_ERR_LIMIT,
                     "rpc: a connection needs %d free file descriptors and found %d: "
                     "raise the limit (ulimit -n)",
                     DESCRIPTORS_NEEDED, opened);
}

/* A socket; the first one of a context starts the library's threads. */
static void *socket_of(void *context, int type)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    void *zmq = zmq_socket(context, type);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return zmq;
}

/* Returns when every socket of the context is closed for good; none lingers, so that is soon. */
static void context_end(void *context)
{
    while (zmq_ctx_term(context) != 0 && errno == EINTR) {
    }
}

/* A server has a context of its own: only its end makes sure that ports and paths are free again. */
static bool open_server(struct rpc_socket *socket)
{
    socket->context = zmq_ctx_new();
    socket->zmq = socket->context != NULL ? socket_of(socket->context, ZMQ_ROUTER) : NULL;
    if (socket->zmq == NULL && socket->context != NULL) {
        context_end(socket->context);
    }
    return socket->zmq != NULL;
}

static bool open_client(struct rpc_socket *socket)
{
    pthread_mutex_lock(&context_lock);
    if (clients_context == NULL) {
        clients_context = zmq_ctx_new();
    }
    socket->zmq = clients_context != NULL ? socket_of(clients_context, ZMQ_DEALER) : NULL;
    if (socket->zmq != NULL) {
        clients_count++;
    } else if (clients_context != NULL && clients_count == 0) {
        context_end(clients_context);
        clients_context = NULL;
    }
    pthread_mutex_unlock(&context_lock);
    return socket->zmq != NULL;
}

static void socket_shut(struct rpc_socket *socket)
{
    zmq_close(socket->zmq);
    if (socket->server) {
        context_end(socket->context);
        return;
    }
    pthread_mutex_lock(&context_lock);
    GALE_ASSERT(clients_count > 0);
    if (--clients_count == 0) {
        context_end(clients_context);
        clients_context = NULL;
    }
    pthread_mutex_unlock(&context_lock);
}

static enum gale_err set_options(struct rpc_socket *socket, struct gale_error *error)
{
    const int queue = socket->server ? SERVER_ANSWERS : RPC_CLIENT_QUEUE;
    const struct {
        int option;
        int value;
    } options[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, queue},
        {ZMQ_RCVHWM, SERVER_QUEUE},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_CONNECT_TIMEOUT, CONNECT_MS},
        {ZMQ_RECONNECT_IVL, RECONNECT_MS},
        {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
        {ZMQ_IPV6, 0},
        {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
        {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_SILENT_MS},
        {ZMQ_HEARTBEAT_TTL, HEARTBEAT_SILENT_MS},
        {ZMQ_ROUTER_MANDATORY, 1}, /* last: servers only */
    };
    const int64_t frame_max = RPC_FRAME_MAX;
    size_t count = sizeof(options) / sizeof(options[0]) - (socket->server ? 0 : 1);
    int rc = zmq_setsockopt(socket->zmq, ZMQ_MAXMSGSIZE, &frame_max, sizeof(frame_max));
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = zmq_setsockopt(socket->zmq, options[i].option, &options[i].value, sizeof(int));
    }
    return rc == 0 ? GALE_OK
                   : gale_error_set(error, GALE_ERR_UNSUPPORTED,
                                    "rpc: libzmq refuses an option: %s; 4.3 or newer is needed",
                                    zmq_strerror(errno));
}

static bool watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    return fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static enum gale_err open_descriptor(struct rpc_socket *socket, struct gale_error *error)
{
    size_t size = sizeof(socket->zmq_fd);
    socket->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    socket->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (zmq_getsockopt(socket->zmq, ZMQ_FD, &socket->zmq_fd, &size) != 0 ||
        socket->epoll_fd < 0 || !watch(socket->epoll_fd, socket->zmq_fd) ||
        !watch(socket->epoll_fd, socket->event_fd)) {
        return gale_error_set(error, GALE_ERR_LIMIT, "rpc: no descriptor to wait on: %s",
                              strerror(errno));
    }
    return GALE_OK;
}

enum gale_err rpc_socket_new(bool server, struct rpc_socket **out, struct gale_error *error)
{
    *out = NULL;
    enum gale_err err = check_descriptors(error);
    struct rpc_socket *socket = err == GALE_OK ? calloc(1, sizeof(*socket)) : NULL;
    if (socket == NULL) {
        return err ? err : gale_error_set(error, GALE_ERR_NOMEM, "rpc: no memory");
    }
    socket->server = server;
    socket->epoll_fd = -1;
    socket->event_fd = -1;
    if (!(server ? open_server(socket) : open_client(socket))) {
        free(socket);
        return gale_error_set(error, GALE_ERR_LIMIT, "rpc: no socket: %s", zmq_strerror(errno));
    }
    err = set_options(socket, error);
    err = err ? err : open_descriptor(socket, error);
    if (err != GALE_OK) {
        rpc_socket_free(socket);
        return err;
    }
    *out = socket;
    return GALE_OK;
}

void rpc_socket_free(struct rpc_socket *socket)
{
    if (socket == NULL) {
        return;
    }
    if (socket->epoll_fd >= 0) {
        close(socket->epoll_fd);
    }
    if (socket->event_fd >= 0) {
        close(socket->event_fd);
    }
    socket_shut(socket);
    for (size_t i = 0; i < socket->paths_count; i++) {
        ipc_path_give(&socket->paths[i]);
    }
    free(socket);
}

/* Sets or clears the eventfd by what the library says is left. */
static void note_events(struct rpc_socket *socket)
{
    int events = 0;
    size_t size = sizeof(events);
    bool left = zmq_getsockopt(socket->zmq, ZMQ_EVENTS, &events, &size) == 0 &&
                (events & ZMQ_POLLIN) != 0;
    uint64_t one = 1;
    if (left && !socket->event_set) {
        socket->event_set = write(socket->event_fd, &one, sizeof(one)) == (ssize_t)sizeof(one);
    } else if (!left && socket->event_set) {
        socket->event_set = read(socket->event_fd, &one, sizeof(one)) != (ssize_t)sizeof(one);
    }
}

static const char ipc_prefix[] = "ipc://";

static enum gale_err check_endpoint(const char *endpoint, bool *is_ipc,
                                    struct gale_error *error)
{
    *is_ipc = strncmp(endpoint, "ipc:///", 7) == 0;
    if ((*is_ipc || strncmp(endpoint, "tcp://", 6) == 0) &&
        strlen(endpoint) < RPC_ENDPOINT_SIZE) {
        return GALE_OK;
    }
    return gale_error_set(error, GALE_ERR_INVALID,
                          "rpc: \"%.200s\" is no endpoint: write tcp://host:port or "
                          "ipc:///directory/name",
                          endpoint);
}

enum gale_err rpc_socket_bind(struct rpc_socket *socket, const char *endpoint,
                              char bound[RPC_ENDPOINT_SIZE], struct gale_error *error)
{
    bool is_ipc;
    GALE_ASSERT(socket->paths_count < RPC_ENDPOINTS_MAX);
    enum gale_err err = check_endpoint(endpoint, &is_ipc, error);
    if (err == GALE_OK && is_ipc) {
        struct ipc_path *path = &socket->paths[socket->paths_count];
        path->lock_fd = -1;
        err = ipc_path_take(path, endpoint + strlen(ipc_prefix), error);
        socket->paths_count += err == GALE_OK;
    }
    if (err != GALE_OK) {
        return err;
    }
    mode_t mask = umask(077);
    int rc = zmq_bind(socket->zmq, endpoint);
    int cause = errno;
    umask(mask);
    if (rc != 0) {
        return gale_error_set(error, cause == EADDRINUSE ? GALE_ERR_EXISTS : GALE_ERR_IO,
                              "rpc: cannot bind %s: %s; check the address and that the port is "
                              "free (port * takes a free one)",
                              endpoint, zmq_strerror(cause));
    }
    size_t size = RPC_ENDPOINT_SIZE;
    if (zmq_getsockopt(socket->zmq, ZMQ_LAST_ENDPOINT, bound, &size) != 0) {
        return gale_error_set(error, GALE_ERR_LIMIT, "rpc: the bound name of %s is too long",
                              endpoint);
    }
    return GALE_OK;
}

enum gale_err rpc_socket_connect(struct rpc_socket *socket, const char *endpoint,
                                 struct gale_error *error)
{
    bool is_ipc;
    enum gale_err err = check_endpoint(endpoint, &is_ipc, error);
    if (err == GALE_OK && zmq_connect(socket->zmq, endpoint) != 0) {
        err = gale_error_set(error, GALE_ERR_INVALID,
                             "rpc: cannot connect to %s: %s; write tcp://host:port", endpoint,
                             zmq_strerror(errno));
    }
    return err;
}

int rpc_socket_fd(const struct rpc_socket *socket)
{
    return socket->epoll_fd;
}

/* One frame into a message of its own. */
static enum gale_err receive_frame(struct rpc_socket *socket, zmq_msg_t *message, int flags)
{
    for (;;) {
        if (zmq_msg_recv(message, socket->zmq, flags) >= 0) {
            return GALE_OK;
        }
        if (errno != EINTR) {
            return errno == EAGAIN ? GALE_ERR_AGAIN : GALE_ERR_IO;
        }
    }
}

/* The id that the library puts before a server's messages. */
static enum gale_err receive_peer(struct rpc_socket *socket, struct rpc_incoming *out,
                                  bool *more)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    enum gale_err err = receive_frame(socket, &message, ZMQ_DONTWAIT);
    if (err == GALE_OK) {
        size_t size = zmq_msg_size(&message);
        out->peer.size = size < SOCKET_PEER_SIZE ? size : 0;
        memcpy(out->peer.id, zmq_msg_data(&message), out->peer.size);
        *more = zmq_msg_more(&message) != 0;
    }
    zmq_msg_close(&message);
    return err;
}

/* All further frames; the library hands a message over whole, so none is waited for. */
static enum gale_err receive_rest(struct rpc_socket *socket, struct rpc_incoming *out,
                                  bool more)
{
    while (more) {
        zmq_msg_t *message = malloc(sizeof(*message));
        if (message == NULL) {
            return GALE_ERR_NOMEM;
        }
        zmq_msg_init(message);
        enum gale_err err = receive_frame(socket, message, ZMQ_DONTWAIT);
        more = err == GALE_OK && zmq_msg_more(message) != 0;
        if (err == GALE_OK && out->count < RPC_FRAMES_MAX) {
            out->frames[out->count] = (struct rpc_frame){.data = zmq_msg_data(message),
                                                         .size = zmq_msg_size(message)};
            out->handles[out->count++] = message;
            continue;
        }
        out->cut = out->cut || err == GALE_OK;
        zmq_msg_close(message);
        free(message);
        if (err != GALE_OK) {
            return err;
        }
    }
    return GALE_OK;
}

enum gale_err rpc_socket_receive(struct rpc_socket *socket, struct rpc_incoming *out)
{
    bool more = true;
    out->count = 0;
    out->cut = false;
    out->peer.size = 0;
    enum gale_err err = socket->server ? receive_peer(socket, out, &more) : GALE_OK;
    err = err ? err : receive_rest(socket, out, more);
    if (err != GALE_OK) {
        rpc_incoming_release(out);
    }
    note_events(socket);
    return err;
}

void rpc_incoming_release(struct rpc_incoming *incoming)
{
    for (size_t i = 0; i < incoming->count; i++) {
        zmq_msg_close(incoming->handles[i]);
        free(incoming->handles[i]);
    }
    incoming->count = 0;
}

static enum gale_err send_frame(struct rpc_socket *socket, const void *data, size_t size,
                                int flags)
{
    for (;;) {
        if (zmq_send(socket->zmq, data, size, ZMQ_DONTWAIT | flags) >= 0) {
            return GALE_OK;
        }
        switch (errno) {
        case EINTR: continue;
        case EAGAIN: return GALE_ERR_AGAIN;
        case EHOSTUNREACH: return GALE_ERR_CLOSED;
        case ENOMEM: return GALE_ERR_NOMEM;
        default: return GALE_ERR_IO;
        }
    }
}

enum gale_err rpc_socket_send(struct rpc_socket *socket, const struct rpc_peer *peer,
                              const struct rpc_frame frames[RPC_FRAMES_MAX])
{
    GALE_ASSERT(socket->server == (peer != NULL));
    size_t count = frames[2].size > 0 ? 3 : 2;
    enum gale_err err = peer ? send_frame(socket, peer->id, peer->size, ZMQ_SNDMORE) : GALE_OK;
    /* Once the first frame was taken, the library takes the others of the message too. */
    for (size_t i = 0; i < count && err == GALE_OK; i++) {
        err =
            send_frame(socket, frames[i].data, frames[i].size, i + 1 < count ? ZMQ_SNDMORE : 0);
    }
    note_events(socket);
    return err;
}

void rpc_socket_wait(struct rpc_socket *socket, bool sending, int64_t wait_ms)
{
    zmq_pollitem_t item = {.socket = socket->zmq,
                           .events = (short)(sending ? ZMQ_POLLOUT : ZMQ_POLLIN)};
    (void)zmq_poll(&item, 1, wait_ms > 0 ? (long)wait_ms : 0);
}

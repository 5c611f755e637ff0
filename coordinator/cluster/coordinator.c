/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's daemon; see coordinator.h. It moves messages between sockets and the cluster and
 * decides nothing. */
#include "cluster/coordinator.h"

#include "base/clock.h"
#include "base/str.h"
#include "blobs/pull.h"
#include "cluster/cluster.h"
#include "cluster/coordinator_io.h"
#include "config/lock.h"
#include "worker/process_stat.h"

#include <gale/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_MAX 512 /* messages taken in one step */
#define FILES_WANTED 65536
#define RELEASE_NS INT64_C(1000000000) /* the start is over by then */
#define COLLECT_NS (INT64_C(600) * 1000000000)
#define COLLECT_OLDER_MS INT64_C(3600000)
#define PATH_ROOM (PATH_MAX - 64) /* leaves room for the names below the state directory */

struct coordinator {
    struct loop *loop;
    struct store *store;
    struct cluster *cluster;
    struct cluster_ports ports;
    struct rpc_server *server;
    struct transport *transport;
    struct coordinator_peers peers;
    struct coordinator_pokes pokes;
    struct blobs *blobs;
    struct pull *pull;
    struct buf out;
    int lock;
    bool quiet;
    int64_t collect_ns;
    int64_t release_ns; /* of the pages that only the start needed */
    char rpc[RPC_ENDPOINT_SIZE], control[RPC_ENDPOINT_SIZE];
    char bound[RPC_ENDPOINT_SIZE]; /* of the transport */
};

/* ---- Ports ----------------------------------------------------------------------------------- */

static void port_connect(void *self, uint64_t topology, uint32_t worker, const char *endpoint)
{
    struct coordinator *coordinator = self;
    coordinator_peer_set(&coordinator->peers, topology, worker, endpoint);
}

static void port_send(void *self, uint64_t topology, uint32_t worker,
                      const struct message *message)
{
    struct coordinator *coordinator = self;
    buf_clear(&coordinator->out);
    enum gale_err err = message_encode(message, &coordinator->out);
    if (err != GALE_OK) {
        gale_log(GALE_LOG_ERROR, "a message to worker %u could not be made: %s", worker,
                 gale_err_name(err));
        return;
    }
    coordinator_peer_send(&coordinator->peers, topology, worker, &coordinator->out);
}

static bool port_has_blob(void *self, const char *hex)
{
    struct coordinator *coordinator = self;
    return blobs_has(coordinator->blobs, hex);
}

static void port_want_blob(void *self, const char *hex, uint64_t size)
{
    struct coordinator *coordinator = self;
    const char *addresses[CLUSTER_ADDRESSES_MAX];
    size_t count = cluster_addresses(coordinator->cluster, addresses);
    if (count > 0) {
        (void)pull_want(coordinator->pull, hex, size, addresses, count);
    }
}

static void port_poke(void *self, const char *rpc_endpoint)
{
    struct coordinator *coordinator = self;
    coordinator_poke(&coordinator->pokes, rpc_endpoint);
}

static void port_note(void *self, const char *line)
{
    struct coordinator *coordinator = self;
    gale_log(coordinator->quiet ? GALE_LOG_DEBUG : GALE_LOG_INFO, "%s", line);
}

static int64_t port_wall_ms(void *self)
{
    struct timespec now;
    (void)self;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_request(void *self, const struct rpc_request *request, struct rpc_answer *answer)
{
    struct coordinator *coordinator = self;
    if (!blobs_serve(coordinator->blobs, request, answer)) {
        cluster_answer(coordinator->cluster, request, answer, clock_now_ns());
    }
}

/* ---- Making ---------------------------------------------------------------------------------- */

static enum gale_err directory_make(const char *path, struct gale_error *error)
{
    char part[PATH_MAX];
    if (!str_copy(part, PATH_ROOM, path) || part[0] != '/') {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "the state directory %s is no absolute path, or too long", path);
    }
    for (char *at = part + 1;; at++) {
        char end = *at;
        if (end != '/' && end != '\0') {
            continue;
        }
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return gale_error_set(error, GALE_ERR_IO,
                                  "cannot make the state directory %s: %s; choose another "
                                  "(coordinator.state_dir)",
                                  path, strerror(errno));
        }
        *at = end;
        if (end == '\0') {
            return GALE_OK;
        }
    }
}

static enum gale_err directory_lock(struct coordinator *coordinator, const char *dir,
                                    struct gale_error *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/lock", PATH_ROOM, dir);
    coordinator->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (coordinator->lock < 0) {
        return gale_error_set(error, GALE_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    if (!lock_take(coordinator->lock)) {
        return gale_error_set(error, GALE_ERR_EXISTS,
                              "another coordinator uses %s; give this one a state directory of "
                              "its own (coordinator.state_dir)",
                              dir);
    }
    return GALE_OK;
}

/* Each worker and each client has a socket; the soft limit is often 1024. */
static void files_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES_WANTED) {
        limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum gale_err store_make(struct coordinator *coordinator,
                                const struct coordinator_options *options,
                                struct gale_error *error)
{
    char path[PATH_MAX];
    if (options->zookeeper) {
        return store_zookeeper_open(options->zookeeper, &coordinator->store, error);
    }
    snprintf(path, sizeof path, "%.*s/store.db", PATH_ROOM, options->state_dir);
    return store_sqlite_open(path, &coordinator->store, error);
}

/* Wakes the loop; the next step takes what there is. */
static void on_ready(void *argument, int fd, unsigned events)
{
    (void)argument;
    (void)fd;
    (void)events;
}

static enum gale_err sockets_make(struct coordinator *coordinator,
                                  const struct coordinator_options *options,
                                  struct gale_error *error)
{
    enum gale_err err = rpc_server_new(&options->listen, 1, on_request, coordinator,
                                       &coordinator->server, error);
    err = err ? err : transport_zmq_new(1, &coordinator->transport, error);
    err = err ? err
              : coordinator->transport->ops->bind(coordinator->transport, options->control,
                                                  coordinator->bound, sizeof coordinator->bound,
                                                  error);
    if (err) {
        return err;
    }
    coordinator->peers.transport = coordinator->transport;
    err = coordinator_reach(rpc_server_endpoint(coordinator->server, 0), options->advertise,
                            coordinator->rpc, sizeof coordinator->rpc, error);
    return err ? err
               : coordinator_reach(coordinator->bound, options->advertise, coordinator->control,
                                   sizeof coordinator->control, error);
}

static enum gale_err blobs_make(struct coordinator *coordinator,
                                const struct coordinator_options *options,
                                struct gale_error *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/blobs", PATH_ROOM, options->state_dir);
    enum gale_err err = blobs_open(path, &coordinator->blobs, error);
    if (!err &&
        pull_new(coordinator->blobs, coordinator->loop, &coordinator->pull) != GALE_OK) {
        err = gale_error_set(error, GALE_ERR_NOMEM, "no memory for the coordinator");
    }
    return err;
}

static enum gale_err cluster_make(struct coordinator *coordinator,
                                  const struct coordinator_options *options,
                                  struct gale_error *error)
{
    char host[256], text[256];
    if (gethostname(host, sizeof host) != 0) {
        str_copy(host, sizeof host, "localhost");
    }
    host[sizeof host - 1] = '\0';
    snprintf(text, sizeof text, "%s%.200s", options->zookeeper ? "zookeeper " : "embedded",
             options->zookeeper ? options->zookeeper->servers : "");
    coordinator->ports = (struct cluster_ports){.self = coordinator,
                                                .connect = port_connect,
                                                .send = port_send,
                                                .has_blob = port_has_blob,
                                                .want_blob = port_want_blob,
                                                .poke = port_poke,
                                                .note = port_note,
                                                .wall_ms = port_wall_ms};
    struct cluster_options cluster = {.store = coordinator->store,
                                      .name = options->name && options->name[0] ? options->name
                                                                                : host,
                                      .rpc_endpoint = coordinator->rpc,
                                      .control_endpoint = coordinator->control,
                                      .store_text = text,
                                      .pid = (int64_t)getpid(),
                                      .ports = &coordinator->ports,
                                      .builtins = options->builtins,
                                      .host_timeout_ms = options->host_timeout_ms};
    if (rng_seed_os(&cluster.rng) != GALE_OK) {
        return gale_error_set(error, GALE_ERR_IO,
                              "the operating system gives no random numbers");
    }
    return cluster_new(&cluster, &coordinator->cluster, error);
}

static enum gale_err watch(struct coordinator *coordinator, struct gale_error *error)
{
    struct loop *loop = coordinator->loop;
    int fds[] = {coordinator->store->ops->fd(coordinator->store),
                 rpc_server_fd(coordinator->server),
                 coordinator->transport->ops->fd(coordinator->transport)};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        enum gale_err err =
            fds[i] < 0 ? GALE_OK : loop_add(loop, fds[i], LOOP_READ, on_ready, coordinator);
        if (err) {
            return gale_error_set(error, err, "the coordinator's sockets cannot be watched: %s",
                                  gale_err_name(err));
        }
    }
    return GALE_OK;
}

enum gale_err coordinator_new(const struct coordinator_options *options, struct loop *loop,
                              struct coordinator **out, struct gale_error *error)
{
    struct coordinator *coordinator = calloc(1, sizeof *coordinator);
    *out = NULL;
    if (!coordinator) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory for the coordinator");
    }
    coordinator->loop = loop;
    coordinator->lock = -1;
    coordinator->quiet = options->quiet;
    coordinator->collect_ns = clock_now_ns() + COLLECT_NS;
    coordinator->release_ns = clock_now_ns() + RELEASE_NS;
    buf_init(&coordinator->out, MESSAGE_SIZE_MAX);
    files_raise();
    enum gale_err err = directory_make(options->state_dir, error);
    err = err ? err : directory_lock(coordinator, options->state_dir, error);
    err = err ? err : store_make(coordinator, options, error);
    err = err ? err : blobs_make(coordinator, options, error);
    err = err ? err : sockets_make(coordinator, options, error);
    err = err ? err : cluster_make(coordinator, options, error);
    err = err ? err : watch(coordinator, error);
    if (err) {
        coordinator_free(coordinator);
        return err;
    }
    *out = coordinator;
    return GALE_OK;
}

void coordinator_free(struct coordinator *coordinator)
{
    if (!coordinator) {
        return;
    }
    if (coordinator->cluster) {
        cluster_resign(coordinator->cluster);
        cluster_free(coordinator->cluster);
    }
    coordinator_pokes_free(&coordinator->pokes);
    coordinator_peers_free(&coordinator->peers);
    if (coordinator->transport) {
        loop_remove(coordinator->loop, coordinator->transport->ops->fd(coordinator->transport));
        coordinator->transport->ops->free(coordinator->transport);
    }
    if (coordinator->server) {
        loop_remove(coordinator->loop, rpc_server_fd(coordinator->server));
        rpc_server_free(coordinator->server);
    }
    pull_free(coordinator->pull);
    blobs_free(coordinator->blobs);
    if (coordinator->store) {
        int fd = coordinator->store->ops->fd(coordinator->store);
        if (fd >= 0) {
            loop_remove(coordinator->loop, fd);
        }
        coordinator->store->ops->close(coordinator->store);
    }
    if (coordinator->lock >= 0) {
        close(coordinator->lock);
    }
    buf_fini(&coordinator->out);
    free(coordinator);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* @return true: there may be more. */
static bool receive(struct coordinator *coordinator)
{
    const struct transport_ops *ops = coordinator->transport->ops;
    struct transport_message in;
    int taken = 0;
    while (taken < RECEIVE_MAX && ops->receive(coordinator->transport, &in) == GALE_OK) {
        struct message message;
        struct gale_error error;
        taken++;
        if (message_decode(in.data, in.size, &message, &error) == GALE_OK) {
            cluster_message(coordinator->cluster, &message, clock_now_ns());
            message_fini(&message);
        } else {
            gale_log(GALE_LOG_WARN, "a message was refused: %s", error.text);
        }
        ops->release(coordinator->transport, &in);
    }
    return taken > 0;
}

struct keep_list {
    const char *items[PULL_WANTS_MAX];
    size_t count;
    bool cut;
};

static void keep_add(void *argument, const char *hex)
{
    struct keep_list *list = argument;
    if (list->count == PULL_WANTS_MAX) {
        list->cut = true;
        return;
    }
    list->items[list->count++] = hex;
}

/* Blobs that no topology needs any more; only the leader knows. */
static void collect(struct coordinator *coordinator, int64_t now_ns)
{
    if (now_ns < coordinator->collect_ns || !cluster_leads(coordinator->cluster)) {
        return;
    }
    coordinator->collect_ns = now_ns + COLLECT_NS;
    struct keep_list *list = calloc(1, sizeof *list);
    if (list) {
        cluster_blobs(coordinator->cluster, keep_add, list);
        if (!list->cut) {
            (void)blobs_collect(coordinator->blobs, list->items, list->count, COLLECT_OLDER_MS);
        }
        free(list);
    }
}

bool coordinator_step(struct coordinator *coordinator)
{
    coordinator->store->ops->poll(coordinator->store);
    bool more = receive(coordinator);
    more = rpc_server_poll(coordinator->server) || more;
    int64_t now_ns = clock_now_ns();
    cluster_step(coordinator->cluster, now_ns);
    pull_poll(coordinator->pull, now_ns);
    coordinator_pokes_step(&coordinator->pokes);
    collect(coordinator, now_ns);
    if (now_ns >= coordinator->release_ns) {
        coordinator->release_ns = INT64_MAX;
        process_release_text();
    }
    return more;
}

int64_t coordinator_next_ns(const struct coordinator *coordinator)
{
    int64_t next = cluster_next_ns(coordinator->cluster);
    int64_t pull_ns = pull_next_ns(coordinator->pull);
    return pull_ns < next ? pull_ns : next;
}

const char *coordinator_rpc(const struct coordinator *coordinator)
{
    return coordinator->rpc;
}

const char *coordinator_control(const struct coordinator *coordinator)
{
    return coordinator->control;
}

bool coordinator_leads(const struct coordinator *coordinator)
{
    return cluster_leads(coordinator->cluster);
}

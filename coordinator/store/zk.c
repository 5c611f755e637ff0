/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only user of zookeeper.h (libzookeeper_mt). The library's callbacks run on its threads: they
 * copy what they are given into a call or a change, append it to the queue and wake the owner; they
 * never block, wait or call the library. All else belongs to the owner's thread. A call lives until
 * its callback has run or the handle is closed, whoever still waits for it. The library's own log
 * lines are dropped, as they name sessions; what an operator needs is said here.
 */
#define THREADED
#include "store/zk.h"

#include "base/clock.h"

#include <gale/log.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define NEVER_NS (INT64_MIN / 2)
#define MILLISECOND_NS 1000000
#define RENEW_PAUSE_NS (100 * (int64_t)MILLISECOND_NS) /* between two failed new handles */
#define IDLE_MS 20 /* the longest wait for a change that nothing announces */
#define TICK_MIN_MS 10

enum call_kind { CALL_GET, CALL_CHILDREN, CALL_ACL, CALL_WRITE, CALL_BEAT, CALL_ARM };

struct call {
    struct call *next_answered; /* under the lock */
    struct call *next, **link;  /* all calls; the owner's */
    struct zk *zk;
    enum call_kind kind;
    int64_t sent_ns;
    bool waited; /* somebody waits: they free it */
    bool done;
    int rc;
    struct Stat stat;
    struct buf data;
    bool open; /* CALL_ACL */
    zoo_op_t *ops;
    zoo_op_result_t *results;
    char created[ZK_PATH_SIZE];
};

struct change {
    struct change *next;
    char path[];
};

struct zk {
    struct zk_options options;
    char *servers;
    char *credentials;
    pid_t pid; /* threads and sockets are those of this process */
    zhandle_t *handle;
    int event_fd, timer_fd, epoll_fd;
    struct call *calls;
    uint64_t generation;
    bool established; /* the present session exists, as far as known */
    bool up;          /* the library has a connection */
    bool connected;   /* and a beat was answered on it */
    bool auth_failed;
    struct call *beat; /* under way */
    int64_t beat_ns;   /* when the last one was sent */
    int64_t contact_ns;
    int64_t timeout_ns;
    int64_t renew_ns;

    pthread_mutex_t lock; /* the queue of the library's threads; held for a few instructions */
    struct call *answered, **answered_end;
    struct change *changes;
    bool changes_lost; /* no memory for one */
    bool link_up, link_broken, expired, refused;
};

/* ---- On the library's threads ---------------------------------------------------------------- */

static void answered(struct call *call, int rc)
{
    struct zk *zk = call->zk;
    call->rc = rc;
    call->next_answered = NULL;
    pthread_mutex_lock(&zk->lock);
    *zk->answered_end = call;
    zk->answered_end = &call->next_answered;
    pthread_mutex_unlock(&zk->lock);
    (void)eventfd_write(zk->event_fd, 1);
}

static struct call *call_of(const void *data)
{
    union {
        const void *given;
        struct call *call;
    } cast = {.given = data};
    return cast.call;
}

static void on_void(int rc, const void *data)
{
    answered(call_of(data), rc);
}

static void on_text(int rc, const char *value, const void *data)
{
    (void)value;
    answered(call_of(data), rc);
}

static void on_stat(int rc, const struct Stat *stat, const void *data)
{
    (void)stat;
    answered(call_of(data), rc);
}

static void on_data(int rc, const char *value, int value_size, const struct Stat *stat,
                    const void *data)
{
    struct call *call = call_of(data);
    if (rc == ZOK && stat) {
        size_t size = value_size > 0 ? (size_t)value_size : 0;
        call->stat = *stat;
        if (buf_append(&call->data, value, size) != GALE_OK) {
            rc = ZSYSTEMERROR;
        } else if (stat->dataLength != (int32_t)size) {
            rc = ZDATAINCONSISTENCY;
        }
    }
    answered(call, rc);
}

static void on_names(int rc, const struct String_vector *names, const void *data)
{
    struct call *call = call_of(data);
    for (int32_t i = 0; rc == ZOK && names && i < names->count; i++) {
        if (buf_append(&call->data, names->data[i], strlen(names->data[i]) + 1) != GALE_OK) {
            rc = ZSYSTEMERROR;
        }
    }
    answered(call, rc);
}

static void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data)
{
    struct call *call = call_of(data);
    (void)stat;
    for (int32_t i = 0; rc == ZOK && acl && i < acl->count; i++) {
        const struct ACL *entry = &acl->data[i];
        call->open = call->open || (strcmp(entry->id.scheme, "world") == 0 &&
                                    (entry->perms & ~ZOO_PERM_READ) != 0);
    }
    answered(call, rc);
}

static void on_session(struct zk *zk, int state)
{
    pthread_mutex_lock(&zk->lock);
    if (state == ZOO_CONNECTED_STATE) {
        zk->link_up = true;
    } else if (state == ZOO_EXPIRED_SESSION_STATE) {
        zk->expired = true;
    } else if (state == ZOO_AUTH_FAILED_STATE) {
        zk->refused = true;
    } else {
        /* Connecting; or a read-only server, which is as good as none. */
        zk->link_broken = true;
    }
    pthread_mutex_unlock(&zk->lock);
    (void)eventfd_write(zk->event_fd, 1);
}

static void on_handle_event(zhandle_t *handle, int type, int state, const char *path,
                            void *context)
{
    (void)handle;
    (void)path;
    if (type == ZOO_SESSION_EVENT) {
        on_session(context, state);
    }
}

/* Session events come here, too, and are left to on_handle_event. */
static void on_path_event(zhandle_t *handle, int type, int state, const char *path,
                          void *context)
{
    struct zk *zk = context;
    (void)handle;
    (void)state;
    if (type == ZOO_SESSION_EVENT || !path) {
        return;
    }
    size_t size = strlen(path) + 1;
    struct change *change = malloc(sizeof *change + size);
    if (change) {
        memcpy(change->path, path, size);
    }
    pthread_mutex_lock(&zk->lock);
    if (change) {
        change->next = zk->changes;
        zk->changes = change;
    } else {
        zk->changes_lost = true;
    }
    pthread_mutex_unlock(&zk->lock);
    (void)eventfd_write(zk->event_fd, 1);
}

static void on_log(const char *message)
{
    (void)message;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static struct call *call_new(struct zk *zk, enum call_kind kind)
{
    struct call *call = calloc(1, sizeof *call);
    if (call) {
        call->zk = zk;
        call->kind = kind;
        call->sent_ns = clock_now_ns();
        buf_init(&call->data, 0);
        call->next = zk->calls;
        call->link = &zk->calls;
        if (call->next) {
            call->next->link = &call->next;
        }
        zk->calls = call;
    }
    return call;
}

static void call_free(struct call *call)
{
    if (call) {
        *call->link = call->next;
        if (call->next) {
            call->next->link = call->link;
        }
        buf_fini(&call->data);
        free(call->ops);
        free(call->results);
        free(call);
    }
}

static enum zk_result result_of(int rc)
{
    switch (rc) {
    case ZOK: return ZK_OK;
    case ZNONODE: return ZK_NOT_FOUND;
    case ZNODEEXISTS: return ZK_EXISTS;
    case ZBADVERSION: return ZK_STALE;
    case ZNOTEMPTY:
    case ZNOCHILDRENFOREPHEMERALS: return ZK_CHILDREN;
    case ZNOAUTH: return ZK_DENIED;
    case ZBADARGUMENTS:
    case ZINVALIDACL:
    case ZUNIMPLEMENTED:
    case ZNOTREADONLY:
    case ZDATAINCONSISTENCY:
    case ZRUNTIMEINCONSISTENCY: return ZK_REFUSED;
    case ZSESSIONMOVED: return ZK_NOT_SENT;
    default: return ZK_UNKNOWN;
    }
}

/* The answer, or the end of the handle, has come: takes note and frees what nobody waits for. */
static void call_done(struct zk *zk, struct call *call, int rc)
{
    enum zk_result result = result_of(rc);
    bool beat = call->kind == CALL_BEAT;
    call->rc = rc;
    call->done = true;
    if (beat) {
        zk->beat = NULL;
    }
    /* Any definite answer to what goes through the leader shows that it knew of us when it was
     * sent; an answer to a read may come from a server that is cut off. */
    if ((beat || call->kind == CALL_WRITE) && result != ZK_UNKNOWN && result != ZK_NOT_SENT &&
        call->sent_ns > zk->contact_ns) {
        zk->contact_ns = call->sent_ns;
    }
    if (beat && rc == ZOK && zk->up && !zk->connected) {
        bool anew = !zk->established;
        zk->established = true;
        zk->connected = true;
        zk->options.on_change(zk->options.argument, NULL);
        gale_log(GALE_LOG_DEBUG, "store: %s to ZooKeeper at %s",
                 anew ? "connected" : "connected again", zk->servers);
    }
    if (!call->waited) {
        call_free(call);
    }
}

static void beat_send(struct zk *zk)
{
    struct call *call = zk->beat ? NULL : call_new(zk, CALL_BEAT);
    if (!call) {
        return;
    }
    zk->beat_ns = call->sent_ns;
    zk->beat = call;
    if (zoo_async(zk->handle, "/", on_text, call) != ZOK) {
        zk->beat = NULL;
        call_free(call);
    }
}

/* ---- The session ----------------------------------------------------------------------------- */

static void tick_set(struct zk *zk)
{
    int64_t tick_ns = zk->timeout_ns / 8;
    if (tick_ns < TICK_MIN_MS * (int64_t)MILLISECOND_NS) {
        tick_ns = TICK_MIN_MS * (int64_t)MILLISECOND_NS;
    }
    struct timespec tick = {tick_ns / 1000000000, tick_ns % 1000000000};
    struct itimerspec timer = {tick, tick};
    timerfd_settime(zk->timer_fd, 0, &timer, NULL);
}

static void handle_open(struct zk *zk)
{
    sigset_t all, before;
    zk->renew_ns = clock_now_ns() + RENEW_PAUSE_NS;
    /* The library's threads inherit the mask: signals are the owner's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    zk->handle = zookeeper_init2(zk->servers, on_handle_event, zk->options.session_ms, NULL, zk,
                                 ZOO_NO_LOG_CLIENTENV, on_log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (zk->handle && zk->credentials) {
        zoo_add_auth(zk->handle, "digest", zk->credentials, (int)strlen(zk->credentials), NULL,
                     NULL);
    }
}

struct news {
    struct call *answered;
    struct change *changes;
    bool up, broken, expired, refused, changes_lost;
};

static struct news news_take(struct zk *zk)
{
    pthread_mutex_lock(&zk->lock);
    struct news news = {zk->answered, zk->changes, zk->link_up,     zk->link_broken,
                        zk->expired,  zk->refused, zk->changes_lost};
    zk->answered = NULL;
    zk->answered_end = &zk->answered;
    zk->changes = NULL;
    zk->link_up = zk->link_broken = zk->expired = zk->refused = zk->changes_lost = false;
    pthread_mutex_unlock(&zk->lock);
    return news;
}

static void news_calls(struct zk *zk, struct news *news)
{
    while (news->answered) {
        struct call *call = news->answered;
        news->answered = call->next_answered;
        call_done(zk, call, call->rc);
    }
}

static void news_changes(struct zk *zk, struct news *news)
{
    while (news->changes) {
        struct change *change = news->changes;
        news->changes = change->next;
        zk->options.on_change(zk->options.argument, change->path);
        free(change);
    }
    if (news->changes_lost) {
        zk->options.on_change(zk->options.argument, NULL);
    }
}

/* Afterwards no callback runs any more, and every call is done. */
static void handle_close(struct zk *zk)
{
    zk->up = false;
    zk->connected = false;
    if (zk->handle) {
        zookeeper_close(zk->handle);
        zk->handle = NULL;
    }
    struct news news = news_take(zk);
    news_calls(zk, &news);
    news_changes(zk, &news);
    /* The library forgets some of them at its close. */
    for (struct call *call = zk->calls; call;) {
        struct call *next = call->next;
        if (!call->done) {
            call_done(zk, call, ZCLOSING);
        }
        call = next;
    }
}

static void session_lost(struct zk *zk, const char *why)
{
    if (zk->established) {
        gale_log(GALE_LOG_WARN, "store: session with ZooKeeper at %s lost: %s", zk->servers,
                 why);
        zk->generation++;
    }
    zk->established = false;
    zk->contact_ns = NEVER_NS;
    handle_close(zk);
    zk->contact_ns = NEVER_NS;
    zk->options.on_change(zk->options.argument, NULL);
}

void zk_pump(struct zk *zk)
{
    uint64_t unused;
    ssize_t got = read(zk->event_fd, &unused, sizeof unused);
    got = read(zk->timer_fd, &unused, sizeof unused);
    (void)got;
    struct news news = news_take(zk);
    if (news.broken) {
        if (zk->connected) {
            gale_log(GALE_LOG_DEBUG, "store: connection to ZooKeeper at %s broken",
                     zk->servers);
        }
        zk->connected = false;
        zk->up = false;
    }
    if (news.up) {
        zk->up = true;
        zk->timeout_ns = (int64_t)zoo_recv_timeout(zk->handle) * MILLISECOND_NS;
        tick_set(zk);
    }
    news_calls(zk, &news);
    news_changes(zk, &news);
    int64_t now_ns = clock_now_ns();
    zk->auth_failed = zk->auth_failed || news.refused;
    if (news.expired || news.refused) {
        session_lost(zk, news.refused ? "the credentials were refused" : "it expired");
    } else if (zk->established && now_ns - zk->contact_ns >= zk->timeout_ns / 3 * 2) {
        session_lost(zk, "no server answered for two thirds of its timeout");
    }
    if (!zk->handle && now_ns >= zk->renew_ns && !zk->auth_failed) {
        handle_open(zk);
    }
    if (zk->up && (news.up || now_ns - zk->beat_ns >= zk->timeout_ns / 4)) {
        beat_send(zk);
    }
}

void zk_session(const struct zk *zk, struct store_session *out)
{
    *out = (struct store_session){.generation = zk->generation,
                                  .connected = zk->connected,
                                  .contact_ns = zk->contact_ns,
                                  .timeout_ns = zk->timeout_ns};
}

int64_t zk_session_number(const struct zk *zk)
{
    const clientid_t *id = zk->handle ? zoo_client_id(zk->handle) : NULL;
    return id ? id->client_id : 0;
}

bool zk_auth_failed(const struct zk *zk)
{
    return zk->auth_failed;
}

int zk_fd(const struct zk *zk)
{
    return zk->epoll_fd;
}

void zk_wake(struct zk *zk)
{
    (void)eventfd_write(zk->event_fd, 1);
}

static bool watch_fd(struct zk *zk, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return fd >= 0 && epoll_ctl(zk->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum gale_err zk_open(const struct zk_options *options, struct zk **out)
{
    struct zk *zk = calloc(1, sizeof *zk);
    if (!zk) {
        return GALE_ERR_NOMEM;
    }
    zk->options = *options;
    zk->pid = getpid();
    zk->generation = 1;
    zk->contact_ns = NEVER_NS;
    zk->timeout_ns = (int64_t)options->session_ms * MILLISECOND_NS;
    zk->answered_end = &zk->answered;
    pthread_mutex_init(&zk->lock, NULL);
    zk->servers = strdup(options->servers);
    zk->credentials = options->credentials ? strdup(options->credentials) : NULL;
    zk->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    zk->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    zk->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bool memory = zk->servers && (zk->credentials || !options->credentials);
    if (!memory || !watch_fd(zk, zk->event_fd) || !watch_fd(zk, zk->timer_fd)) {
        zk_close(zk);
        return memory ? GALE_ERR_IO : GALE_ERR_NOMEM;
    }
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    tick_set(zk);
    handle_open(zk);
    *out = zk;
    return GALE_OK;
}

void zk_close(struct zk *zk)
{
    if (!zk || zk->pid != getpid()) {
        return;
    }
    zk->established = false;
    handle_close(zk);
    const int fds[] = {zk->epoll_fd, zk->timer_fd, zk->event_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (zk->credentials) {
        explicit_bzero(zk->credentials, strlen(zk->credentials));
    }
    free(zk->credentials);
    free(zk->servers);
    pthread_mutex_destroy(&zk->lock);
    free(zk);
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* Waits a little, at most until the deadline. @return false when it has passed. */
static bool idle(struct zk *zk, int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - clock_now_ns();
    if (left_ns <= 0) {
        return false;
    }
    struct pollfd wait = {.fd = zk->epoll_fd, .events = POLLIN};
    int64_t left_ms = left_ns / MILLISECOND_NS + 1;
    (void)poll(&wait, 1, left_ms < IDLE_MS ? (int)left_ms : IDLE_MS);
    return true;
}

bool zk_wait_connected(struct zk *zk, int64_t deadline_ns)
{
    do {
        zk_pump(zk);
    } while (!zk->connected && !zk->auth_failed && idle(zk, deadline_ns));
    return zk->connected;
}

/* A call that is to be waited for, on a connection; NULL when the deadline passed. */
static struct call *call_ready(struct zk *zk, enum call_kind kind, int64_t deadline_ns)
{
    struct call *call = zk_wait_connected(zk, deadline_ns) ? call_new(zk, kind) : NULL;
    if (call) {
        call->waited = true;
    }
    return call;
}

/* Until it is answered. An unanswered one stays with the library, and is freed later. */
static enum zk_result call_wait(struct zk *zk, struct call *call, int64_t deadline_ns)
{
    while (!call->done) {
        zk_pump(zk);
        if (!call->done && !idle(zk, deadline_ns)) {
            call->waited = false;
            return ZK_UNKNOWN;
        }
    }
    return result_of(call->rc);
}

static int read_send(struct zk *zk, struct call *call, const char *path)
{
    switch (call->kind) {
    case CALL_GET: return zoo_aget(zk->handle, path, 0, on_data, call);
    case CALL_CHILDREN: return zoo_aget_children(zk->handle, path, 0, on_names, call);
    case CALL_ACL: return zoo_aget_acl(zk->handle, path, on_acl, call);
    case CALL_WRITE:
    case CALL_BEAT:
    case CALL_ARM: break;
    }
    return ZBADARGUMENTS;
}

/* A read may be sent again as often as need be. @param out the answered call, to be freed; NULL
 * when there was no answer before the deadline. */
static enum zk_result read_call(struct zk *zk, enum call_kind kind, const char *path,
                                int64_t deadline_ns, struct call **out)
{
    *out = NULL;
    for (;;) {
        struct call *call = call_ready(zk, kind, deadline_ns);
        if (!call) {
            return ZK_NOT_SENT;
        }
        if (read_send(zk, call, path) != ZOK) {
            call_free(call);
        } else {
            enum zk_result result = call_wait(zk, call, deadline_ns);
            if (result != ZK_UNKNOWN && result != ZK_NOT_SENT) {
                *out = call;
                return result;
            }
            if (call->done) {
                call_free(call);
            }
        }
        if (!idle(zk, deadline_ns)) {
            return ZK_NOT_SENT;
        }
    }
}

enum zk_result zk_get(struct zk *zk, const char *path, int64_t deadline_ns, struct buf *out,
                      struct zk_stat *stat)
{
    struct call *call;
    buf_clear(out);
    enum zk_result result = read_call(zk, CALL_GET, path, deadline_ns, &call);
    if (result == ZK_OK && buf_append(out, call->data.data, call->data.size) != GALE_OK) {
        result = ZK_REFUSED;
    }
    if (result == ZK_OK && stat) {
        *stat = (struct zk_stat){call->stat.version, call->stat.ephemeralOwner,
                                 call->stat.ctime, call->stat.mtime};
    }
    call_free(call);
    return result;
}

enum zk_result zk_children(struct zk *zk, const char *path, int64_t deadline_ns,
                           struct buf *out)
{
    struct call *call;
    buf_clear(out);
    enum zk_result result = read_call(zk, CALL_CHILDREN, path, deadline_ns, &call);
    if (result == ZK_OK && buf_append(out, call->data.data, call->data.size) != GALE_OK) {
        result = ZK_REFUSED;
    }
    call_free(call);
    return result;
}

enum zk_result zk_is_open(struct zk *zk, const char *path, int64_t deadline_ns, bool *open)
{
    struct call *call;
    enum zk_result result = read_call(zk, CALL_ACL, path, deadline_ns, &call);
    *open = result == ZK_OK && call->open;
    call_free(call);
    return result;
}

static int mode_of(enum zk_mode mode)
{
    switch (mode) {
    case ZK_PERSISTENT: return ZOO_PERSISTENT;
    case ZK_EPHEMERAL: return ZOO_EPHEMERAL;
    case ZK_CANDIDATE: return ZOO_EPHEMERAL_SEQUENTIAL;
    }
    return ZOO_PERSISTENT;
}

/* ACLs are not inherited, so each create has one: the credentials' or everybody's. */
static void op_init(struct zk *zk, struct call *call, const struct zk_multi *multi,
                    size_t index)
{
    const struct store_op *op = &multi->ops[index];
    zoo_op_t *to = &call->ops[index];
    const struct ACL_vector *acl =
        zk->credentials ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE;
    const char *value = op->size ? op->value : "";
    switch (op->kind) {
    case STORE_OP_CHECK: zoo_check_op_init(to, op->path, (int)op->version); break;
    case STORE_OP_CREATE:
        zoo_create_op_init(to, op->path, value, (int)op->size, acl,
                           mode_of(index == 0 ? multi->mode : ZK_PERSISTENT),
                           index == 0 ? call->created : NULL,
                           index == 0 ? (int)sizeof call->created : 0);
        break;
    case STORE_OP_SET:
        zoo_set_op_init(to, op->path, value, (int)op->size, (int)op->version, NULL);
        break;
    case STORE_OP_DELETE: zoo_delete_op_init(to, op->path, (int)op->version); break;
    }
}

/* Which op was refused: those behind it say that they were not tried. */
static enum zk_result write_result(const struct call *call, struct zk_multi *multi,
                                   enum zk_result result)
{
    multi->failed = 0;
    memcpy(multi->created, call->created, sizeof multi->created);
    for (size_t i = 0; result != ZK_OK && i < multi->ops_count; i++) {
        int err = call->results[i].err;
        if (err != ZOK && err != ZRUNTIMEINCONSISTENCY) {
            multi->failed = i;
            break;
        }
    }
    return result;
}

enum zk_result zk_write(struct zk *zk, struct zk_multi *multi, int64_t deadline_ns)
{
    struct call *call = call_ready(zk, CALL_WRITE, deadline_ns);
    if (!call) {
        return ZK_NOT_SENT;
    }
    call->ops = calloc(multi->ops_count, sizeof *call->ops);
    call->results = calloc(multi->ops_count, sizeof *call->results);
    if (!call->ops || !call->results) {
        call_free(call);
        return ZK_NOT_SENT;
    }
    for (size_t i = 0; i < multi->ops_count; i++) {
        op_init(zk, call, multi, i);
    }
    call->sent_ns = clock_now_ns();
    if (zoo_amulti(zk->handle, (int)multi->ops_count, call->ops, call->results, on_void,
                   call) != ZOK) {
        call_free(call);
        return ZK_NOT_SENT;
    }
    enum zk_result result = call_wait(zk, call, deadline_ns);
    if (call->done) {
        result = write_result(call, multi, result);
        call_free(call);
    }
    return result;
}

/* A missing record has no children to watch; its creation is what the first watch waits for. */
void zk_arm(struct zk *zk, const char *path)
{
    if (!zk->up) {
        return;
    }
    struct call *call = call_new(zk, CALL_ARM);
    if (call && zoo_awexists(zk->handle, path, on_path_event, zk, on_stat, call) != ZOK) {
        call_free(call);
    }
    call = call_new(zk, CALL_ARM);
    if (call &&
        zoo_awget_children(zk->handle, path, on_path_event, zk, on_names, call) != ZOK) {
        call_free(call);
    }
}

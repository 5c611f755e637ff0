/* SPDX-License-Identifier: Apache-2.0 */
/* Opening of a ZooKeeper store: options, credentials, the first connection, the store's folder and
 * who may use it. The credentials are never part of a message. */
#include "store/store_zookeeper.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SESSION_DEFAULT_MS 10000
#define OPERATION_DEFAULT_MS 5000
#define BACKSTOP_DEFAULT_MS 30000
#define SESSION_MIN_MS 100
#define CREDENTIALS_SIZE 256

static void on_change(void *argument, const char *path)
{
    struct store_zookeeper *self = argument;
    size_t size = strlen(self->folder);
    if (path && strncmp(path, self->folder, size) == 0) {
        path = path[size] ? path + size : "/";
    }
    self->due = watches_mark(&self->watches, path) || self->due;
}

static enum gale_err credentials_error(struct gale_error *error, const char *path,
                                       const char *what)
{
    return gale_error_set(error, GALE_ERR_INVALID,
                          "credentials file %s %s; it holds one line \"user:password\" and "
                          "only its owner may read it (mode 0600)",
                          path, what);
}

static enum gale_err credentials_read(const char *path, char text[CREDENTIALS_SIZE],
                                      struct gale_error *error)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return credentials_error(error, path, strerror(errno));
    }
    ssize_t size = fstat(fd, &info) == 0 ? read(fd, text, CREDENTIALS_SIZE) : -1;
    close(fd);
    if (size < 0 || size == CREDENTIALS_SIZE) {
        return credentials_error(error, path, size < 0 ? "cannot be read" : "is too long");
    }
    if (info.st_mode & 077) {
        return credentials_error(error, path, "can be read by others");
    }
    text[size] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    const char *colon = strchr(text, ':');
    return colon && colon != text && colon[1] ? GALE_OK
                                              : credentials_error(error, path, "is malformed");
}

/* Creates the folder's missing parts, from the top. */
static enum zk_result folder_make(struct store_zookeeper *self, int64_t deadline_ns)
{
    enum zk_result result = ZK_OK;
    char path[ZK_FOLDER_SIZE];
    memcpy(path, self->folder, sizeof path);
    for (char *at = path; *at && result == ZK_OK;) {
        at += 1 + strcspn(at + 1, "/");
        char end = *at;
        *at = '\0';
        struct store_op op = {STORE_OP_CREATE, path, "", 0, STORE_ANY_VERSION};
        struct zk_multi multi = {.ops = &op, .ops_count = 1};
        do {
            /* Who finds it there, made by whomever, has what is wanted. */
            result = zk_get(self->zk, path, deadline_ns, &self->scratch, NULL);
            result = result == ZK_NOT_FOUND ? zk_write(self->zk, &multi, deadline_ns) : result;
        } while ((result == ZK_UNKNOWN || result == ZK_NOT_SENT) &&
                 clock_now_ns() < deadline_ns);
        result = result == ZK_EXISTS || result == ZK_DENIED ? ZK_OK : result;
        *at = end;
    }
    return result;
}

static enum gale_err connect_first(struct store_zookeeper *self,
                                   const struct store_zookeeper_options *options,
                                   struct gale_error *error)
{
    const char *folder = self->folder[0] ? self->folder : "/";
    int64_t deadline_ns = clock_now_ns() + self->operation_ns;
    if (!zk_wait_connected(self->zk, deadline_ns)) {
        bool refused = zk_auth_failed(self->zk);
        return gale_error_set(
            error, refused ? GALE_ERR_STATE : GALE_ERR_TIMEOUT,
            refused ? "ZooKeeper at %s refused the credentials of %s within %lld ms"
                    : "no ZooKeeper server at %s answered%.0s within %lld ms; check the "
                      "addresses and that a majority of the servers runs",
            options->servers, options->credentials_path ? options->credentials_path : "",
            (long long)(self->operation_ns / 1000000));
    }
    enum zk_result result = folder_make(self, deadline_ns);
    bool open = false;
    if (result == ZK_OK && options->credentials_path) {
        result = zk_is_open(self->zk, folder, deadline_ns, &open);
    }
    if (result != ZK_OK) {
        return gale_error_set(error, GALE_ERR_STATE,
                              "folder %s at ZooKeeper %s cannot be made or used; check the "
                              "credentials and who made it",
                              folder, options->servers);
    }
    if (open) {
        return gale_error_set(error, GALE_ERR_STATE,
                              "folder %s at ZooKeeper %s may be changed by everybody, which "
                              "the credentials are to prevent; name a folder that gale makes "
                              "itself, as in host:port/gale",
                              folder, options->servers);
    }
    return GALE_OK;
}

static int64_t choose_ms(int given_ms, int default_ms)
{
    return given_ms > 0 ? given_ms : default_ms;
}

static enum gale_err session_start(struct store_zookeeper *self, const char *addresses,
                                   const struct store_zookeeper_options *options,
                                   struct gale_error *error)
{
    char credentials[CREDENTIALS_SIZE] = "";
    int64_t session_ms = choose_ms(options->session_ms, SESSION_DEFAULT_MS);
    if (session_ms < SESSION_MIN_MS) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "a session timeout of %lld ms is too short; %d ms is the least",
                              (long long)session_ms, SESSION_MIN_MS);
    }
    enum gale_err err = GALE_OK;
    if (options->credentials_path) {
        err = credentials_read(options->credentials_path, credentials, error);
    }
    struct zk_options zk = {addresses, credentials[0] ? credentials : NULL, (int)session_ms,
                            on_change, self};
    if (!err) {
        err = zk_open(&zk, &self->zk);
        if (err) {
            gale_error_set(error, err, "no session with ZooKeeper at %s could be started: %s",
                           options->servers, gale_err_name(err));
        }
    }
    explicit_bzero(credentials, sizeof credentials);
    return err;
}

enum gale_err store_zookeeper_open(const struct store_zookeeper_options *options,
                                   struct store **out, struct gale_error *error)
{
    struct buf addresses;
    struct store_zookeeper *self = calloc(1, sizeof *self);
    if (!self) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory to open a store");
    }
    self->base.ops = &store_zookeeper_ops;
    self->pid = getpid();
    self->operation_ns = choose_ms(options->operation_ms, OPERATION_DEFAULT_MS) * 1000000;
    self->backstop_ns = choose_ms(options->backstop_ms, BACKSTOP_DEFAULT_MS) * 1000000;
    self->retry_blindly = options->retry_blindly;
    buf_init(&self->scratch, 0);
    buf_init(&addresses, 0);
    enum gale_err err = rng_seed_os(&self->rng);
    if (err) {
        gale_error_set(error, err, "no random numbers could be had");
    }
    err = err ? err : zk_address_resolve(options->servers, &addresses, self->folder, error);
    err = err ? err : session_start(self, (const char *)addresses.data, options, error);
    err = err ? err : connect_first(self, options, error);
    buf_fini(&addresses);
    if (err) {
        store_zookeeper_ops.close(&self->base);
        return err;
    }
    *out = &self->base;
    return GALE_OK;
}

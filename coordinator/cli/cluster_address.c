/* SPDX-License-Identifier: Apache-2.0 */
/* Where coordinators may be; see cluster_address.h. */
#include "cli/cluster_address.h"

#include "base/hash.h"
#include "base/str.h"
#include "config/dev_place.h"
#include "host/finder.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CACHE_LINE_MAX = RPC_ENDPOINT_SIZE };

int cluster_addresses_add(struct cluster_addresses *addresses, const char *endpoint)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (strcmp(addresses->items[i].endpoint, endpoint) == 0) {
            return (int)i;
        }
    }
    if (*endpoint == '\0' || strlen(endpoint) >= RPC_ENDPOINT_SIZE) {
        return -1;
    }
    /* The last one, which somebody's redirect led to, gives way. */
    addresses->count -= addresses->count == CLUSTER_CANDIDATES_MAX;
    struct cluster_candidate *item = &addresses->items[addresses->count];
    (void)str_copy(item->endpoint, sizeof item->endpoint, endpoint);
    item->result[0] = '\0';
    return (int)addresses->count++;
}

/* ---- The file that remembers ---- */

/* One file for each set of settings, so that several clusters do not disturb each other. */
static void cache_find(struct cluster_addresses *addresses, const char *source)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char folder[PATH_MAX - 64];
    int size = -1;
    if (cache != NULL && *cache == '/') {
        size = snprintf(folder, sizeof folder, "%s/gale", cache);
    } else if (home != NULL && *home == '/') {
        size = snprintf(folder, sizeof folder, "%s/.cache/gale", home);
    }
    if (size > 0 && (size_t)size < sizeof folder) {
        snprintf(addresses->cache, sizeof addresses->cache, "%s/leader-%016" PRIx64, folder,
                 hash64(source, strlen(source), 0));
    }
}

static void cache_read(struct cluster_addresses *addresses)
{
    char line[CACHE_LINE_MAX];
    int fd = *addresses->cache != '\0' ? open(addresses->cache, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    ssize_t size = read(fd, line, sizeof line - 1);
    close(fd);
    if (size <= 0) {
        return;
    }
    line[size] = '\0';
    char *end = strchr(line, '\n');
    if (end != NULL && (strncmp(line, "tcp://", 6) == 0 || strncmp(line, "ipc://", 6) == 0)) {
        *end = '\0';
        (void)str_copy(addresses->remembered, sizeof addresses->remembered, line);
        (void)cluster_addresses_add(addresses, line);
    }
}

/* Makes the folder of the file and the one above it, each for the user alone. */
static void cache_make_folders(const char *file)
{
    char path[PATH_MAX];
    (void)str_copy(path, sizeof path, file);
    char *last = strrchr(path, '/');
    *last = '\0';
    char *above = strrchr(path, '/');
    if (mkdir(path, 0700) != 0 && errno == ENOENT && above != NULL && above != path) {
        *above = '\0';
        (void)mkdir(path, 0700);
        *above = '/';
        (void)mkdir(path, 0700);
    }
}

void cluster_addresses_remember(struct cluster_addresses *addresses, const char *endpoint)
{
    char part[PATH_MAX + 16];
    char line[RPC_ENDPOINT_SIZE + 1];
    if (*addresses->cache == '\0' || strcmp(addresses->remembered, endpoint) == 0) {
        return;
    }
    (void)str_copy(addresses->remembered, sizeof addresses->remembered, endpoint);
    snprintf(part, sizeof part, "%s.%ld", addresses->cache, (long)getpid());
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT) {
        cache_make_folders(addresses->cache);
        fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0) {
        return;
    }
    int size = snprintf(line, sizeof line, "%s\n", endpoint);
    bool written = size > 0 && write(fd, line, (size_t)size) == size;
    if (close(fd) != 0 || !written || rename(part, addresses->cache) != 0) {
        (void)unlink(part);
    }
}

/* ---- The settings ---- */

static void add_list(struct cluster_addresses *addresses, const struct config *config)
{
    for (size_t i = 0; i < config_list_count(config, "coordinator.addresses"); i++) {
        (void)cluster_addresses_add(addresses,
                                    config_list_at(config, "coordinator.addresses", i));
    }
}

/* Nothing names a cluster: a `gale dev` of this user, then a coordinator of this machine. */
static void add_local(struct cluster_addresses *addresses, const struct config *config)
{
    struct dev_place place;
    if (dev_place_find(config, &place, NULL) == GALE_OK) {
        int index = cluster_addresses_add(addresses, place.rpc);
        if (index >= 0 && !dev_place_runs(&place)) {
            (void)str_copy(addresses->items[index].result,
                           sizeof addresses->items[index].result, "no `gale dev` runs here");
        }
    }
    const char *listen = config_text(config, "coordinator.listen");
    if (strchr(listen, '*') == NULL) {
        (void)cluster_addresses_add(addresses, listen);
    }
}

/* What the command line names stands alone: the other way, from a file, would lead elsewhere. */
static bool on_command_line(const struct config *config, const char *key)
{
    return strncmp(config_origin(config, key), "flag", 4) == 0;
}

void cluster_addresses_init(struct cluster_addresses *addresses, const struct config *config)
{
    char source[4 * CONFIG_VALUE_MAX];
    memset(addresses, 0, sizeof *addresses);
    bool only_list = on_command_line(config, "coordinator.addresses");
    bool only_servers = !only_list && on_command_line(config, "zookeeper.servers");
    const char *servers = only_list ? "" : config_text(config, "zookeeper.servers");
    const char *list = only_servers ? "" : config_text(config, "coordinator.addresses");
    bool named = *servers != '\0' || *list != '\0';
    struct dev_place place = {0};
    (void)dev_place_find(config, &place, NULL);
    snprintf(source, sizeof source, "%s %s %s %s", list, servers, named ? "" : place.rpc,
             named ? "" : config_text(config, "coordinator.listen"));
    cache_find(addresses, source);
    cache_read(addresses);
    addresses->config = config;
    addresses->zookeeper = servers;
    if (!only_servers) {
        add_list(addresses, config);
    }
    if (!named) {
        add_local(addresses, config);
        snprintf(addresses->hint, sizeof addresses->hint,
                 "start one here with `gale dev`, or name one: --coordinator tcp://HOST:7410, "
                 "--zookeeper HOST:2181, or coordinator.addresses in "
                 "~/.config/gale/gale.yaml");
    } else {
        const char *key = *list != '\0' ? "coordinator.addresses" : "zookeeper.servers";
        snprintf(addresses->hint, sizeof addresses->hint,
                 "does `gale coordinator` run there? %s is from %.100s", key,
                 config_origin(config, key));
    }
}

void cluster_addresses_look(struct cluster_addresses *addresses, int64_t within_ms)
{
    struct finder_list list = {.count = 0};
    struct gale_error error = {GALE_OK, ""};
    addresses->trouble[0] = '\0';
    if (*addresses->zookeeper == '\0') {
        return;
    }
    if (finder_look(addresses->config, (int)within_ms, &list, &error) != GALE_OK) {
        (void)str_copy(addresses->trouble, sizeof addresses->trouble,
                       *error.text != '\0' ? error.text : gale_err_name(error.code));
    }
    for (size_t i = 0; i < list.count; i++) {
        (void)cluster_addresses_add(addresses, list.at[i]);
    }
}

void cluster_addresses_explain(const struct cluster_addresses *addresses, char *out,
                               size_t size)
{
    size_t at = 0;
    int used = snprintf(out, size, "no cluster answers: tried");
    for (size_t i = 0; i < addresses->count && used > 0; i++) {
        const struct cluster_candidate *item = &addresses->items[i];
        at += (size_t)used;
        used = at < size
                   ? snprintf(out + at, size - at, "%s %s (%s)", i > 0 ? "," : "",
                              item->endpoint, *item->result != '\0' ? item->result : "not yet")
                   : 0;
    }
    at += used > 0 ? (size_t)used : 0;
    if (*addresses->zookeeper != '\0' && at < size) {
        snprintf(out + at, size - at, "%s ZooKeeper %s (%s)", addresses->count > 0 ? "," : "",
                 addresses->zookeeper,
                 *addresses->trouble != '\0' ? addresses->trouble : "knows no other one");
    }
}

/* ---- Whether somebody listens ---- */

/* Connects within the time; the connection itself is of no use. */
static bool connects(const struct sockaddr *address, socklen_t size, int64_t within_ms,
                     char *why, size_t why_size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failure = 0;
    if (fd < 0 || connect(fd, address, size) != 0) {
        failure = errno;
    }
    if (fd >= 0 && failure == EINPROGRESS) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        socklen_t length = sizeof failure;
        if (poll(&ready, 1, (int)within_ms) != 1) {
            failure = ETIMEDOUT;
        } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) != 0) {
            failure = errno;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (failure != 0) {
        snprintf(why, why_size, "%s",
                 failure == ECONNREFUSED ? "connection refused"
                 : failure == ETIMEDOUT  ? "no connection in time"
                 : failure == ENOENT     ? "no such socket"
                                         : strerror(failure));
    }
    return failure == 0;
}

static bool reaches_path(const char *path, int64_t within_ms, char *why, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(why, size, "the path is too long for a socket");
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connects((const struct sockaddr *)&address, sizeof address, within_ms, why, size);
}

static bool reaches_host(const char *text, int64_t within_ms, char *why, size_t size)
{
    char host[RPC_ENDPOINT_SIZE];
    const char *colon = strrchr(text, ':');
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (colon == NULL) {
        snprintf(why, size, "no port");
        return false;
    }
    bool brackets = *text == '[' && colon > text + 1 && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - text) - (brackets ? 2 : 0),
             text + (brackets ? 1 : 0));
    int code = getaddrinfo(host, colon + 1, &wanted, &found);
    if (code != 0) {
        snprintf(why, size, "%s", gai_strerror(code));
        return false;
    }
    bool reached = false;
    for (const struct addrinfo *at = found; at != NULL && !reached; at = at->ai_next) {
        reached = connects(at->ai_addr, at->ai_addrlen, within_ms, why, size);
    }
    freeaddrinfo(found);
    return reached;
}

bool cluster_reaches(const char *endpoint, int64_t within_ms, char *why, size_t size)
{
    within_ms = within_ms > 0 ? within_ms : 0;
    if (strncmp(endpoint, "ipc://", 6) == 0) {
        return reaches_path(endpoint + 6, within_ms, why, size);
    }
    if (strncmp(endpoint, "tcp://", 6) == 0) {
        return reaches_host(endpoint + 6, within_ms, why, size);
    }
    snprintf(why, size, "write tcp://HOST:PORT");
    return false;
}

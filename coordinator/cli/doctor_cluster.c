/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `gale doctor` says of the cluster: the settings, the ensemble, the ports and directories of
 * the daemons. Where nothing of a cluster is set there is one row that says so, because a machine
 * that only runs `gale run` lacks nothing.
 */
#include "cli/doctor.h"

#include "config/config.h"
#include "config/dev_place.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DOCTOR_CONNECT_MS = 500, DOCTOR_HOST_SIZE = 256, DOCTOR_PORT_SIZE = 8 };

/* "host:port", "[::1]:port", with "/folder" behind it or not. */
static bool split_address(const char *text, char host[DOCTOR_HOST_SIZE],
                          char port[DOCTOR_PORT_SIZE])
{
    size_t size = strcspn(text, "/");
    const char *colon = memrchr(text, ':', size);
    if (colon == NULL || colon == text || (size_t)(colon - text) >= DOCTOR_HOST_SIZE ||
        size - (size_t)(colon - text) > DOCTOR_PORT_SIZE) {
        return false;
    }
    bool bracket = *text == '[' && colon[-1] == ']';
    size_t host_size = (size_t)(colon - text) - (bracket ? 2 : 0);
    memcpy(host, text + bracket, host_size);
    host[host_size] = '\0';
    memcpy(port, colon + 1, size - (size_t)(colon + 1 - text));
    port[size - (size_t)(colon + 1 - text)] = '\0';
    return true;
}

/* Connects within DOCTOR_CONNECT_MS; 0 or errno. */
static int try_connect(const struct addrinfo *address)
{
    int error = 0;
    socklen_t size = sizeof error;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (errno != EINPROGRESS) {
            error = errno;
        } else if (poll(&wait, 1, DOCTOR_CONNECT_MS) != 1) {
            error = ETIMEDOUT;
        } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
            error = errno;
        }
    }
    close(fd);
    return error;
}

/* NULL: the address answers; otherwise why not. */
static const char *reach(const char *text)
{
    char host[DOCTOR_HOST_SIZE];
    char port[DOCTOR_PORT_SIZE];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    if (!split_address(text, host, port)) {
        return "is no host:port";
    }
    int answer = getaddrinfo(host, port, &hints, &addresses);
    if (answer != 0) {
        return gai_strerror(answer);
    }
    int error = EHOSTUNREACH;
    for (const struct addrinfo *at = addresses; at != NULL && error != 0; at = at->ai_next) {
        error = try_connect(at);
    }
    freeaddrinfo(addresses);
    return error != 0 ? strerror(error) : NULL;
}

static void check_zookeeper(struct doctor *doctor, const struct config *config)
{
    size_t count = config_list_count(config, "zookeeper.servers");
    size_t up = 0;
    char trouble[120] = "";
    for (size_t i = 0; i < count; i++) {
        const char *server = config_list_at(config, "zookeeper.servers", i);
        const char *why = reach(server);
        up += why == NULL;
        if (why != NULL && trouble[0] == '\0') {
            snprintf(trouble, sizeof trouble, "; %.60s: %.50s", server, why);
        }
    }
    if (count == 0) {
        doctor_add(doctor, "zookeeper", DOCTOR_OK, "", "not set: one coordinator, own store");
        return;
    }
    enum doctor_state state = up == count      ? DOCTOR_OK
                              : up > count / 2 ? DOCTOR_WARN
                                               : DOCTOR_FAIL;
    doctor_add(doctor, "zookeeper", state,
               "start the servers that are down; a cluster needs a majority of them",
               "%zu of %zu servers answer%s", up, count, trouble);
}

/* Binds the endpoint's port and gives it back. A port in use is fine: the daemon may run. */
static void check_port(struct doctor *doctor, const struct config *config, const char *key)
{
    const char *endpoint = config_text(config, key);
    char host[DOCTOR_HOST_SIZE];
    char port[DOCTOR_PORT_SIZE];
    struct addrinfo *address = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    if (strncmp(endpoint, "tcp://", 6) != 0 || !split_address(endpoint + 6, host, port)) {
        return;
    }
    bool any = strcmp(host, "*") == 0;
    int answer =
        getaddrinfo(any ? NULL : host, strcmp(port, "*") == 0 ? "0" : port, &hints, &address);
    if (answer != 0) {
        doctor_add(doctor, key, DOCTOR_FAIL, "name an address of this machine", "%.90s: %.60s",
                   endpoint, gai_strerror(answer));
        return;
    }
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    int error = fd < 0 ? errno : 0;
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
                    bind(fd, address->ai_addr, address->ai_addrlen) != 0)) {
        error = errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    freeaddrinfo(address);
    bool fine = error == 0 || error == EADDRINUSE;
    doctor_add(doctor, key, fine ? DOCTOR_OK : DOCTOR_FAIL,
               "name an address of this machine and a port above 1023", "%.90s: %.60s",
               endpoint,
               error == 0            ? "free"
               : error == EADDRINUSE ? "in use, as while the daemon runs"
                                     : strerror(error));
}

static void check_directory(struct doctor *doctor, const struct config *config, const char *key)
{
    static const char advice[] = "make it the daemon's own (systemd does); or set another";
    const char *path = config_text(config, key);
    struct stat info;
    if (stat(path, &info) != 0) {
        doctor_add(doctor, key, DOCTOR_WARN, advice, "%.90s: %.60s", path, strerror(errno));
    } else if (!S_ISDIR(info.st_mode)) {
        doctor_add(doctor, key, DOCTOR_FAIL, advice, "%.90s is no directory", path);
    } else if (info.st_mode & 022) {
        doctor_add(doctor, key, DOCTOR_FAIL, advice, "others may write to %.90s", path);
    } else if (info.st_uid != geteuid() && geteuid() != 0) {
        doctor_add(doctor, key, DOCTOR_OK, advice, "%.90s belongs to user %u", path,
                   (unsigned)info.st_uid);
    } else {
        bool writable = access(path, W_OK | X_OK) == 0;
        doctor_add(doctor, key, writable ? DOCTOR_OK : DOCTOR_FAIL, advice, "%.90s%s%.60s",
                   path, writable ? "" : ": ", writable ? "" : strerror(errno));
    }
}

static void check_credentials(struct doctor *doctor, const struct config *config)
{
    const char *path = config_text(config, "zookeeper.credentials");
    struct stat info;
    if (*path == '\0') {
        return;
    }
    bool there = stat(path, &info) == 0;
    bool safe = there && S_ISREG(info.st_mode) && (info.st_mode & 077) == 0;
    doctor_add(doctor, "zookeeper.credentials", safe ? DOCTOR_OK : DOCTOR_FAIL,
               "a file with one line user:password, chmod 600, owned by the daemon's user",
               "%.90s%s", path,
               !there ? " is not there"
               : safe ? ""
                      : " can be read by others");
}

/* Whether this machine is meant to be part of a cluster. */
static bool is_host(const struct config *config)
{
    for (size_t i = 0; i < config_keys_count(); i++) {
        const char *name = config_key_at(i)->name;
        if (config_given(config, name) && strncmp(name, "log.", 4) != 0 &&
            strncmp(name, "dev.", 4) != 0) {
            return true;
        }
    }
    return false;
}

static void check_dev(struct doctor *doctor, const struct config *config)
{
    struct dev_place place;
    struct gale_error error;
    if (dev_place_find(config, &place, &error) != GALE_OK) {
        doctor_add(doctor, "gale dev", DOCTOR_WARN, "set HOME and XDG_RUNTIME_DIR, or dev.dir",
                   "%.150s", error.text);
        return;
    }
    doctor_add(doctor, "gale dev", DOCTOR_OK, "", "%s%.100s",
               dev_place_runs(&place) ? "runs, state in " : "does not run; state in ",
               place.state);
}

void doctor_cluster(struct doctor *doctor)
{
    struct config *config = NULL;
    struct diag diag;
    const struct config_options options = {.file = NULL};
    diag_init(&diag);
    if (config_load(&options, &diag, &config) != GALE_OK) {
        doctor_add(doctor, "settings", DOCTOR_FAIL,
                   "`gale config show` names the place of every mistake", "%.150s",
                   diag.count > 0 ? diag.items[0].text : "out of memory");
        diag_fini(&diag);
        return;
    }
    diag_fini(&diag);
    const char *file = config_file_at(config, 0);
    doctor_add(doctor, "settings", DOCTOR_OK, "", "%.120s%s",
               file != NULL ? file : "built in only",
               file != NULL && config_file_at(config, 1) != NULL ? " and more" : "");
    if (is_host(config)) {
        check_zookeeper(doctor, config);
        check_credentials(doctor, config);
        check_port(doctor, config, "coordinator.listen");
        check_port(doctor, config, "coordinator.control");
        check_port(doctor, config, "supervisor.listen");
        check_directory(doctor, config, "coordinator.state_dir");
        check_directory(doctor, config, "supervisor.state_dir");
    } else {
        doctor_add(doctor, "cluster", DOCTOR_OK, "", "none is set up on this machine");
    }
    check_dev(doctor, config);
    config_free(config);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's directory (supervisor.h draws it), its lock, the file by which its workers learn who
 * leads, and what addresses mean. Blocks on the disk. */
#include "host/supervisor_internal.h"

#include "base/hash.h"
#include "base/str.h"
#include "config/lock.h"
#include <gale/log.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_PATH_MAX 80 /* of the directory; names of sockets need the rest */

static bool join(char *out, size_t size, const char *dir, const char *name)
{
    int length = snprintf(out, size, "%s/%s", dir, name);
    return length > 0 && (size_t)length < size;
}

/* Makes a directory and those above it that are missing. */
static bool make_path(const char *path)
{
    char part[PATH_MAX];
    if (!str_copy(part, sizeof(part), path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *at = strchr(part + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(part, 0700) && errno != EEXIST) {
            return false;
        }
        *at = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST;
}

static enum gale_err take_lock(struct supervisor *supervisor, struct gale_error *error)
{
    char path[PATH_MAX];
    char text[32] = "";
    if (!join(path, sizeof(path), supervisor->dirs.state, "lock")) {
        return gale_error_set(error, GALE_ERR_LIMIT, "the path of %s is too long",
                              supervisor->dirs.state);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return gale_error_set(error, GALE_ERR_IO,
                              "cannot open %s: %s; the directory must be "
                              "this user's own",
                              path, strerror(errno));
    }
    if (!lock_take(fd)) {
        ssize_t got = read(fd, text, sizeof(text) - 1);
        text[got > 0 ? got : 0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        close(fd);
        return gale_error_set(
            error, GALE_ERR_STATE,
            "another supervisor (process %s) has the directory %s: end it, or "
            "choose another one by supervisor.state_dir",
            text, supervisor->dirs.state);
    }
    int size = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)size, 0) != size) {
        gale_log(GALE_LOG_WARN, "cannot write %s: %s", path, strerror(errno));
    }
    supervisor->lock = fd;
    return GALE_OK;
}

/* The sockets' directory has to be the same after a restart: workers go on pulsing to it. */
static bool find_sockets(struct supervisor_dirs *dirs, const char *sockets)
{
    int size;
    if (sockets) {
        return str_copy(dirs->sockets, SOCKET_PATH_MAX, sockets);
    }
    size = snprintf(dirs->sockets, SOCKET_PATH_MAX, "%s/socket", dirs->state);
    if (size < 0 || size >= SOCKET_PATH_MAX) {
        size = snprintf(dirs->sockets, SOCKET_PATH_MAX, "/tmp/gale-%u-%016" PRIx64,
                        (unsigned)getuid(), hash64(dirs->state, strlen(dirs->state), 'S'));
    }
    return size > 0 && size < SOCKET_PATH_MAX;
}

enum gale_err supervisor_dirs_make(struct supervisor *supervisor, const char *state_dir,
                                   const char *sockets, struct gale_error *error)
{
    struct supervisor_dirs *dirs = &supervisor->dirs;
    if (!make_path(state_dir) || !realpath(state_dir, dirs->state)) {
        return gale_error_set(error, GALE_ERR_IO,
                              "cannot make the directory %s: %s; choose another one by "
                              "supervisor.state_dir",
                              state_dir, strerror(errno));
    }
    enum gale_err err = take_lock(supervisor, error);
    if (err != GALE_OK) {
        return err;
    }
    bool fits =
        join(dirs->slots, sizeof(dirs->slots), dirs->state, "slots") &&
        join(dirs->run, sizeof(dirs->run), dirs->state, "run") &&
        join(dirs->log, sizeof(dirs->log), dirs->state, "log") &&
        join(dirs->blobs, sizeof(dirs->blobs), dirs->state, "blobs") &&
        join(dirs->coordinator, sizeof(dirs->coordinator), dirs->state, "coordinator") &&
        join(dirs->candidates, sizeof(dirs->candidates), dirs->state, "candidates") &&
        find_sockets(dirs, sockets);
    if (!fits) {
        return gale_error_set(error, GALE_ERR_LIMIT, "the path of %s is too long", state_dir);
    }
    if (!make_path(dirs->slots) || !make_path(dirs->run) || !make_path(dirs->log) ||
        !make_path(dirs->sockets)) {
        return gale_error_set(error, GALE_ERR_IO, "cannot make a directory in %s: %s",
                              dirs->state, strerror(errno));
    }
    return GALE_OK;
}

/* ---- Who leads --------------------------------------------------------------------------------- */

uint64_t supervisor_epoch_load(const struct supervisor *supervisor,
                               char control[HOST_ENDPOINT_SIZE])
{
    char line[HOST_ENDPOINT_SIZE + 32] = "";
    char *end = line;
    FILE *file = fopen(supervisor->dirs.coordinator, "re");
    uint64_t epoch = 0;
    control[0] = '\0';
    if (file && fgets(line, sizeof(line), file)) {
        epoch = strtoull(line, &end, 10);
        size_t size = strcspn(line, "\n");
        bool whole = *end == ' ' && line[size] == '\n';
        line[size] = '\0';
        if (!whole || !str_copy(control, HOST_ENDPOINT_SIZE, end + 1)) {
            epoch = 0;
        }
    }
    if (file) {
        fclose(file);
    }
    return epoch;
}

bool supervisor_epoch_save(const struct supervisor *supervisor, uint64_t epoch,
                           const char *control)
{
    char part[PATH_MAX];
    bool whole = false;
    FILE *file = NULL;
    if (join(part, sizeof(part), supervisor->dirs.state, ".coordinator")) {
        file = fopen(part, "we");
    }
    if (file) {
        whole = fprintf(file, "%" PRIu64 " %s\n", epoch, control) > 0;
        whole = fclose(file) == 0 && whole;
    }
    return whole && rename(part, supervisor->dirs.coordinator) == 0;
}

void supervisor_leader_retry(struct supervisor *supervisor)
{
    const struct host_core *core = &supervisor->core;
    if (supervisor->leader_unsaved &&
        supervisor_epoch_save(supervisor, core->epoch, core->control)) {
        supervisor->leader_unsaved = false;
        gale_log(GALE_LOG_INFO, "%s names the coordinator of epoch %" PRIu64 " at last",
                 supervisor->dirs.coordinator, core->epoch);
    }
}

/* ---- Addresses --------------------------------------------------------------------------------- */

/* The IPv4 address of an interface; false: there is none of this name. */
static bool interface_address(const char *name, char out[INET_ADDRSTRLEN])
{
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all)) {
        return false;
    }
    for (struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
        if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET &&
            strcmp(one->ifa_name, name) == 0) {
            struct sockaddr_in address;
            memcpy(&address, one->ifa_addr, sizeof(address));
            found = inet_ntop(AF_INET, &address.sin_addr, out, INET_ADDRSTRLEN) != NULL;
        }
    }
    freeifaddrs(all);
    return found;
}

enum gale_err supervisor_address_check(const char *address, struct gale_error *error)
{
    char number[INET_ADDRSTRLEN];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    bool own = interface_address(address, number);
    /* "Every interface" can be bound, but nobody can be sent there. */
    bool every = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
    if (!own && !every && getaddrinfo(address, NULL, &hints, &all) == 0) {
        for (const struct addrinfo *one = all; one && !own; one = one->ai_next) {
            int fd = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
            own = fd >= 0 && bind(fd, one->ai_addr, one->ai_addrlen) == 0;
            if (fd >= 0) {
                close(fd);
            }
        }
        freeaddrinfo(all);
    }
    return own ? GALE_OK
               : gale_error_set(error, GALE_ERR_INVALID,
                                "supervisor.address \"%s\" is no address and no interface of "
                                "this host, so no worker could be reached: correct it (ip "
                                "address lists them)",
                                address);
}

void supervisor_advertise(const char *bound, const char *address, char *out, size_t size)
{
    static const char *const every[] = {"tcp://0.0.0.0:", "tcp://[::]:", "tcp://*:"};
    char number[INET_ADDRSTRLEN];
    (void)str_copy(out, size, bound);
    for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
        if (strncmp(bound, every[i], strlen(every[i])) == 0) {
            snprintf(out, size, "tcp://%s:%s",
                     interface_address(address, number) ? number : address,
                     bound + strlen(every[i]));
        }
    }
}

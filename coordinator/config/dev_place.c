/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of `gale dev`. Its state has to survive a restart of the machine, so it lies below
 * ~/.local/state; sockets need a path of at most 107 bytes and lie below XDG_RUNTIME_DIR or /tmp,
 * unless dev.dir names a place for everything.
 */
#include "config/dev_place.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *absolute(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && value[0] == '/' ? value : NULL;
}

static bool find_state(const struct config *config, char out[PATH_MAX])
{
    const char *given = config_text(config, "dev.dir");
    const char *state = absolute("XDG_STATE_HOME");
    const char *home = absolute("HOME");
    int size;
    if (*given != '\0') {
        size = snprintf(out, PATH_MAX, "%s", given);
    } else if (state != NULL) {
        size = snprintf(out, PATH_MAX, "%s/gale/dev", state);
    } else if (home != NULL) {
        size = snprintf(out, PATH_MAX, "%s/.local/state/gale/dev", home);
    } else {
        return false;
    }
    return size < PATH_MAX;
}

static bool find_sockets(const struct config *config, char out[DEV_SOCKETS_MAX])
{
    const char *given = config_text(config, "dev.dir");
    const char *runtime = absolute("XDG_RUNTIME_DIR");
    int size;
    if (*given != '\0') {
        size = snprintf(out, DEV_SOCKETS_MAX, "%s", given);
    } else if (runtime != NULL) {
        size = snprintf(out, DEV_SOCKETS_MAX, "%s/gale-dev", runtime);
    } else {
        size = snprintf(out, DEV_SOCKETS_MAX, "/tmp/gale-dev-%u", (unsigned)geteuid());
    }
    return size < DEV_SOCKETS_MAX;
}

enum gale_err dev_place_find(const struct config *config, struct dev_place *out,
                             struct gale_error *error)
{
    *out = (struct dev_place){0};
    if (!find_state(config, out->state)) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "no place for `gale dev`: set HOME or name a directory (--dir)");
    }
    if (!find_sockets(config, out->sockets)) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "the directory of `gale dev` must have a path of less than %d "
                              "bytes: its sockets lie there; set XDG_RUNTIME_DIR or dev.dir to "
                              "a shorter one",
                              DEV_SOCKETS_MAX);
    }
    snprintf(out->rpc, sizeof out->rpc, "ipc://%s/rpc", out->sockets);
    snprintf(out->control, sizeof out->control, "ipc://%s/control", out->sockets);
    snprintf(out->host_rpc, sizeof out->host_rpc, "ipc://%s/host", out->sockets);
    return GALE_OK;
}

bool dev_place_runs(const struct dev_place *place)
{
    struct stat folder, socket;
    return lstat(place->sockets, &folder) == 0 && S_ISDIR(folder.st_mode) &&
           folder.st_uid == geteuid() && (folder.st_mode & 022) == 0 &&
           stat(place->rpc + sizeof "ipc://" - 1, &socket) == 0 && S_ISSOCK(socket.st_mode) &&
           socket.st_uid == geteuid();
}

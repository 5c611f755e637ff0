/* SPDX-License-Identifier: Apache-2.0 */
/* Owning the path of an ipc endpoint; see ipc_path.h. */
#include "rpc/ipc_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory of the path, or other users could reach the socket. */
static enum gale_err check_directory(const char *path, struct gale_error *error)
{
    char directory[IPC_PATH_SIZE];
    struct stat info;
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "rpc: \"%s\" needs a directory of its own with mode 0700: write "
                              "ipc:///directory/name",
                              path);
    }
    snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return gale_error_set(error, GALE_ERR_IO, "rpc: cannot make the directory %s: %s",
                              directory, strerror(errno));
    }
    if (lstat(directory, &info) != 0) {
        return gale_error_set(error, GALE_ERR_IO, "rpc: cannot look at %s: %s", directory,
                              strerror(errno));
    }
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
        return gale_error_set(
            error, GALE_ERR_INVALID,
            "rpc: %s must be a directory of your own with mode 0700, or other "
            "users could give orders here: chmod 700 it or choose another",
            directory);
    }
    return GALE_OK;
}

/* The last holder may have removed the file between our open and our lock. */
static bool lock_is_current(int fd, const char *lock_path)
{
    struct stat held;
    struct stat named;
    return fstat(fd, &held) == 0 && lstat(lock_path, &named) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

static enum gale_err take_lock(struct ipc_path *self, struct gale_error *error)
{
    for (;;) {
        int fd = open(self->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return gale_error_set(error, GALE_ERR_IO, "rpc: cannot open %s: %s",
                                  self->lock_path, strerror(errno));
        }
        int cause = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
        if (cause == 0 && lock_is_current(fd, self->lock_path)) {
            self->lock_fd = fd;
            return GALE_OK;
        }
        close(fd);
        if (cause != 0 && cause != EINTR) {
            return gale_error_set(
                error, cause == EWOULDBLOCK ? GALE_ERR_EXISTS : GALE_ERR_IO,
                "rpc: %s is in use by a living process (%s): stop it or choose "
                "another path",
                self->path, strerror(cause));
        }
    }
}

enum gale_err ipc_path_take(struct ipc_path *self, const char *path, struct gale_error *error)
{
    struct stat info;
    if (strlen(path) >= IPC_PATH_SIZE) {
        return gale_error_set(
            error, GALE_ERR_LIMIT,
            "rpc: %s is longer than the %zu bytes that a unix socket's path may "
            "have: choose a shorter directory",
            path, IPC_PATH_SIZE - 1);
    }
    enum gale_err err = check_directory(path, error);
    if (err != GALE_OK) {
        return err;
    }
    snprintf(self->path, sizeof(self->path), "%s", path);
    snprintf(self->lock_path, sizeof(self->lock_path), "%s.lock", path);
    err = take_lock(self, error);
    if (err != GALE_OK || lstat(path, &info) != 0) {
        return err;
    }
    if (S_ISSOCK(info.st_mode)) {
        unlink(path);
        return GALE_OK;
    }
    unlink(self->lock_path); /* Not the path itself: it is not ours. */
    close(self->lock_fd);
    self->lock_fd = -1;
    return gale_error_set(error, GALE_ERR_EXISTS,
                          "rpc: %s exists and is no socket: remove it or choose another path",
                          path);
}

void ipc_path_give(struct ipc_path *self)
{
    if (self->lock_fd >= 0) {
        unlink(self->path);
        unlink(self->lock_path);
        close(self->lock_fd);
        self->lock_fd = -1;
    }
}

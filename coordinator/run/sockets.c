/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and removing the directory of a run's sockets; see sockets.h. What is removed is known to be
 * ours: the name's form, the owner, and a lock file that nobody holds. One thread.
 */
#include "run/sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKETS_PREFIX "gale-"
#define SOCKETS_LOCK "run.lock"
#define SOCKETS_BASE_MAX 20u

static const char *base_directory(void)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    return base && base[0] == '/' && strlen(base) <= SOCKETS_BASE_MAX && access(base, W_OK) == 0
               ? base
               : "/tmp";
}

static void empty_and_remove(const char *path)
{
    char entry_path[PATH_MAX];
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        snprintf(entry_path, sizeof(entry_path), "%s/%s", path, entry->d_name);
        unlink(entry_path);
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(path);
}

/* Removes one directory if the run that made it is dead. One without a lock file may be just in the
 * making and stays. */
static void sweep_one(const char *path)
{
    char lock_path[PATH_MAX + 16];
    struct stat stat;
    if (lstat(path, &stat) != 0 || !S_ISDIR(stat.st_mode) || stat.st_uid != geteuid()) {
        return;
    }
    snprintf(lock_path, sizeof(lock_path), "%s/" SOCKETS_LOCK, path);
    int lock = open(lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0) {
        return;
    }
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        empty_and_remove(path);
    }
    close(lock);
}

static void sweep(const char *base)
{
    char path[PATH_MAX];
    DIR *dir = opendir(base);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        size_t prefix = strlen(SOCKETS_PREFIX);
        if (strncmp(entry->d_name, SOCKETS_PREFIX, prefix) == 0 &&
            strlen(entry->d_name) == prefix + 6) {
            snprintf(path, sizeof(path), "%s/%s", base, entry->d_name);
            sweep_one(path);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

enum gale_err sockets_make(struct sockets *sockets, struct gale_error *error)
{
    char lock_path[SOCKETS_PATH_SIZE + 16];
    const char *base = base_directory();
    sweep(base);
    snprintf(sockets->path, sizeof(sockets->path), "%s/" SOCKETS_PREFIX "XXXXXX", base);
    if (!mkdtemp(sockets->path)) {
        sockets->path[0] = '\0';
        return gale_error_set(error, GALE_ERR_IO,
                              "cannot make a directory for sockets under %s: %s", base,
                              strerror(errno));
    }
    snprintf(lock_path, sizeof(lock_path), "%s/" SOCKETS_LOCK, sockets->path);
    sockets->lock = open(lock_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (sockets->lock < 0 || flock(sockets->lock, LOCK_EX | LOCK_NB) != 0) {
        return gale_error_set(error, GALE_ERR_IO, "cannot lock %s: %s", lock_path,
                              strerror(errno));
    }
    return GALE_OK;
}

void sockets_remove(struct sockets *sockets)
{
    if (sockets->path[0] != '\0') {
        empty_and_remove(sockets->path);
        sockets->path[0] = '\0';
    }
    if (sockets->lock >= 0) {
        close(sockets->lock);
        sockets->lock = -1;
    }
}

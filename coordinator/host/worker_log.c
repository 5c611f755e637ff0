/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of workers; rules in worker_log.h. */
#include "host/worker_log.h"

#include "base/assert.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096      /* holes begin and end at these */
#define STAT_BLOCK 512  /* of st_blocks */
#define LINE_LOOK 65536 /* bytes in which the first whole line is looked for */

enum gale_err worker_log_path(const char *dir, const char *name, uint32_t worker, bool make,
                              char out[PATH_MAX])
{
    GALE_ASSERT(str_is_name(name));
    int size = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    if (size < 0 || size >= PATH_MAX - 32) {
        return GALE_ERR_LIMIT;
    }
    if (make && mkdir(out, 0700) && errno != EEXIST) {
        return GALE_ERR_IO;
    }
    snprintf(out + size, (size_t)(PATH_MAX - size), "/worker-%u.log", worker);
    return GALE_OK;
}

int64_t worker_log_trim(const char *path, int64_t kept)
{
    struct stat state;
    int64_t freed = 0;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return 0;
    }
    if (fstat(fd, &state) == 0 && S_ISREG(state.st_mode) &&
        (int64_t)state.st_blocks * STAT_BLOCK > kept + WORKER_LOG_SLACK &&
        state.st_size > kept) {
        int64_t cut = (state.st_size - kept) / BLOCK * BLOCK;
        int64_t used = (int64_t)state.st_blocks * STAT_BLOCK;
        if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, cut) == 0 ||
            ftruncate(fd, 0) == 0) {
            freed = fstat(fd, &state) == 0 ? used - (int64_t)state.st_blocks * STAT_BLOCK : 0;
        }
    }
    close(fd);
    return freed;
}

/* The first byte of the first whole line at or behind `from`, which follows bytes that were cut. */
static int64_t line_after(int fd, int64_t from)
{
    char text[LINE_LOOK];
    ssize_t got = pread(fd, text, sizeof text, from);
    const char *end = got > 0 ? memchr(text, '\n', (size_t)got) : NULL;
    return end ? from + (end - text) + 1 : from;
}

/* Where what is kept begins. */
static int64_t first_kept(int fd)
{
    off_t data = lseek(fd, 0, SEEK_DATA);
    return data > 0 ? line_after(fd, data) : 0;
}

enum gale_err worker_log_read(const char *path, int64_t offset, size_t limit, struct buf *out,
                              int64_t *at, int64_t *size)
{
    struct stat state;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? GALE_ERR_NOT_FOUND : GALE_ERR_IO;
    }
    if (fstat(fd, &state) || !S_ISREG(state.st_mode)) {
        close(fd);
        return GALE_ERR_IO;
    }
    int64_t first = first_kept(fd);
    enum gale_err err = GALE_OK;
    *size = state.st_size;
    *at = offset < 0 ? *size : offset < first || offset > *size ? first : offset;
    uint64_t left = (uint64_t)(*size > *at ? *size - *at : 0);
    limit = limit < WORKER_LOG_READ_MAX ? limit : WORKER_LOG_READ_MAX;
    limit = limit < left ? limit : (size_t)left;
    err = buf_reserve(out, limit);
    if (err == GALE_OK && limit > 0) {
        ssize_t got = pread(fd, out->data + out->size, limit, *at);
        out->size += got > 0 ? (size_t)got : 0;
        err = got < 0 ? GALE_ERR_IO : GALE_OK;
    }
    close(fd);
    return err;
}

/* ---- Old logs ---------------------------------------------------------------------------------- */

static int64_t newest_change(int folder)
{
    struct stat state;
    int64_t newest = fstat(folder, &state) == 0 ? state.st_mtime : INT64_MAX;
    int copy = dup(folder);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    if (!entries) {
        return INT64_MAX; /* Not known to be old. */
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] != '.' &&
            fstatat(folder, entry->d_name, &state, AT_SYMLINK_NOFOLLOW) == 0 &&
            state.st_mtime > newest) {
            newest = state.st_mtime;
        }
    }
    closedir(entries);
    return newest;
}

static void folder_empty(int folder)
{
    int copy = dup(folder);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    if (!entries) {
        return;
    }
    rewinddir(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strncmp(entry->d_name, "worker-", strlen("worker-")) == 0) {
            (void)unlinkat(folder, entry->d_name, 0);
        }
    }
    closedir(entries);
}

int worker_log_collect(const char *dir, int64_t now_s)
{
    int removed = 0;
    DIR *entries = opendir(dir);
    if (!entries) {
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        int folder = str_is_name(entry->d_name)
                         ? openat(dirfd(entries), entry->d_name,
                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                         : -1;
        if (folder < 0) {
            continue;
        }
        int64_t newest = newest_change(folder);
        if (newest < now_s - WORKER_LOG_AGE_S) {
            folder_empty(folder);
            removed += unlinkat(dirfd(entries), entry->d_name, AT_REMOVEDIR) == 0;
        }
        close(folder);
    }
    closedir(entries);
    return removed;
}

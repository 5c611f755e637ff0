/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of blobs; see blobs.h. A part is only ever appended to, and is read once more, whole,
 * before it becomes a blob: so it does not matter what a crash or another writer left in it. A write
 * error ends the part, because what was written is then not known. One thread.
 */
#include "blobs/blobs.h"

#include "base/assert.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOB_MODE 0444
#define SYNC_SIZE \
    (UINT64_C(16) << 20) /* written back in between, so that the last wait is short */
#define COPY_SIZE ((size_t)256 << 10)
#define DIR_SIZE (PATH_MAX - SHA256_HEX_SIZE - 32)

struct blobs {
    char dir[DIR_SIZE];
    int dir_fd;
    int parts_fd;
};

static enum gale_err io_error(struct gale_error *error, const char *what, const char *name)
{
    return gale_error_set(error, errno == ENOENT ? GALE_ERR_NOT_FOUND : GALE_ERR_IO,
                          "blobs: cannot %s %.300s: %s", what, name, strerror(errno));
}

enum gale_err blobs_open(const char *dir, struct blobs **out, struct gale_error *error)
{
    *out = NULL;
    if (strlen(dir) >= DIR_SIZE) {
        return gale_error_set(error, GALE_ERR_LIMIT, "blobs: the path %.100s… is too long",
                              dir);
    }
    struct blobs *blobs = calloc(1, sizeof(*blobs));
    if (blobs == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "blobs: no memory");
    }
    snprintf(blobs->dir, sizeof(blobs->dir), "%s", dir);
    blobs->dir_fd = -1;
    blobs->parts_fd = -1;
    if (mkdir(dir, 0700) == 0 || errno == EEXIST) {
        blobs->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (blobs->dir_fd >= 0 && (mkdirat(blobs->dir_fd, "part", 0700) == 0 || errno == EEXIST)) {
        blobs->parts_fd = openat(blobs->dir_fd, "part", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (blobs->parts_fd < 0) {
        (void)io_error(error, "open the directory", dir);
        blobs_free(blobs);
        return GALE_ERR_IO;
    }
    *out = blobs;
    return GALE_OK;
}

void blobs_free(struct blobs *blobs)
{
    if (blobs == NULL) {
        return;
    }
    if (blobs->parts_fd >= 0) {
        close(blobs->parts_fd);
    }
    if (blobs->dir_fd >= 0) {
        close(blobs->dir_fd);
    }
    free(blobs);
}

const char *blobs_dir(const struct blobs *blobs)
{
    return blobs->dir;
}

void blobs_path(const struct blobs *blobs, const char *hex, char out[PATH_MAX])
{
    GALE_ASSERT(sha256_is_hex(hex));
    snprintf(out, PATH_MAX, "%s/%s", blobs->dir, hex);
}

/* Size of a regular file in a directory, or -1. */
static int64_t size_in(int dir_fd, const char *name)
{
    struct stat info;
    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
        return -1;
    }
    return info.st_size;
}

bool blobs_has(const struct blobs *blobs, const char *hex)
{
    return sha256_is_hex(hex) && size_in(blobs->dir_fd, hex) >= 0;
}

uint64_t blobs_progress(const struct blobs *blobs, const char *hex)
{
    if (!sha256_is_hex(hex)) {
        return 0;
    }
    int64_t size = size_in(blobs->dir_fd, hex);
    size = size >= 0 ? size : size_in(blobs->parts_fd, hex);
    return size > 0 ? (uint64_t)size : 0;
}

/* Hashes a file of ours and compares it with its name. */
static enum gale_err verify_in(int dir_fd, const char *hex, struct gale_error *error)
{
    char found[SHA256_HEX_SIZE];
    int fd = openat(dir_fd, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return io_error(error, "open", hex);
    }
    enum gale_err err = sha256_fd(fd, found, NULL);
    if (err != GALE_OK) {
        err = io_error(error, "read", hex);
    } else if (strcmp(found, hex) != 0) {
        err = gale_error_set(
            error, GALE_ERR_CORRUPT,
            "blobs: the content of %s has another SHA-256, %s: it is thrown away", hex, found);
    }
    close(fd);
    return err;
}

enum gale_err blobs_verify(struct blobs *blobs, const char *hex, struct gale_error *error)
{
    if (!sha256_is_hex(hex)) {
        return gale_error_set(error, GALE_ERR_NOT_FOUND,
                              "blobs: \"%.80s\" is no name of a blob", hex ? hex : "");
    }
    enum gale_err err = verify_in(blobs->dir_fd, hex, error);
    if (err == GALE_ERR_CORRUPT) {
        unlinkat(blobs->dir_fd, hex, 0);
    }
    return err;
}

/* The file `part` is the blob: gives it its name, for good. */
static enum gale_err publish(struct blobs *blobs, const char *part, const char *hex,
                             struct gale_error *error)
{
    if (fchmodat(blobs->parts_fd, part, BLOB_MODE, 0) != 0 ||
        renameat(blobs->parts_fd, part, blobs->dir_fd, hex) != 0 || fsync(blobs->dir_fd) != 0) {
        return io_error(error, "name the blob", hex);
    }
    return GALE_OK;
}

static enum gale_err write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR) {
            return GALE_ERR_IO;
        }
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return GALE_OK;
}

/* Copies `from` to `to`, summing what was read. */
static enum gale_err copy(int from, int to, char hex[SHA256_HEX_SIZE], uint64_t *size)
{
    struct sha256 *sum = sha256_begin();
    uint8_t *bytes = malloc(COPY_SIZE);
    enum gale_err err = sum != NULL && bytes != NULL ? GALE_OK : GALE_ERR_NOMEM;
    *size = 0;
    while (err == GALE_OK) {
        ssize_t got = read(from, bytes, COPY_SIZE);
        if (got == 0) {
            break;
        }
        if (got < 0) {
            err = errno == EINTR ? GALE_OK : GALE_ERR_IO;
            continue;
        }
        sha256_add(sum, bytes, (size_t)got);
        *size += (uint64_t)got;
        err = *size <= BLOBS_SIZE_MAX ? write_all(to, bytes, (size_t)got) : GALE_ERR_LIMIT;
    }
    if (sum != NULL) {
        sha256_end(sum, hex);
    }
    free(bytes);
    return err ? err : fsync(to) == 0 ? GALE_OK : GALE_ERR_IO;
}

static enum gale_err add_opened(struct blobs *blobs, int from, const char *path,
                                char hex[SHA256_HEX_SIZE], uint64_t *size,
                                struct gale_error *error)
{
    char part[64];
    /* The process's own name: two threads of one process do not share a struct blobs. */
    snprintf(part, sizeof(part), "add.%ld", (long)getpid());
    int to = openat(blobs->parts_fd, part,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0) {
        return io_error(error, "make a file in", blobs->dir);
    }
    enum gale_err err = copy(from, to, hex, size);
    if (err == GALE_ERR_LIMIT) {
        err = gale_error_set(error, err, "%.300s is larger than the %" PRIu64 " MiB of a blob",
                             path, BLOBS_SIZE_MAX >> 20);
    } else if (err != GALE_OK) {
        err = io_error(error, "copy", path);
    }
    close(to);
    err = err ? err : publish(blobs, part, hex, error);
    if (err != GALE_OK) {
        unlinkat(blobs->parts_fd, part, 0);
    }
    return err;
}

enum gale_err blobs_add_file(struct blobs *blobs, const char *path, char hex[SHA256_HEX_SIZE],
                             uint64_t *size, struct gale_error *error)
{
    struct stat info;
    uint64_t copied = 0;
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0) {
        return io_error(error, "open", path);
    }
    enum gale_err err = GALE_OK;
    if (fstat(from, &info) != 0 || !S_ISREG(info.st_mode)) {
        err = gale_error_set(error, GALE_ERR_INVALID, "%.300s is no regular file", path);
    }
    err = err ? err : add_opened(blobs, from, path, hex, &copied, error);
    close(from);
    if (size != NULL) {
        *size = copied;
    }
    return err;
}

enum gale_err blobs_read(const struct blobs *blobs, const char *hex, uint64_t offset,
                         struct buf *out, uint64_t *size)
{
    int64_t whole = sha256_is_hex(hex) ? size_in(blobs->dir_fd, hex) : -1;
    int fd = whole >= 0 ? openat(blobs->dir_fd, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0) {
        return GALE_ERR_NOT_FOUND;
    }
    *size = (uint64_t)whole;
    uint64_t left = offset <= *size ? *size - offset : 0;
    size_t wanted = left < BLOBS_CHUNK_MAX ? (size_t)left : BLOBS_CHUNK_MAX;
    enum gale_err err = offset <= *size ? buf_reserve(out, wanted) : GALE_ERR_INVALID;
    while (err == GALE_OK && wanted > 0) {
        ssize_t got = pread(fd, out->data + out->size, wanted, (off_t)offset);
        if (got > 0) {
            out->size += (size_t)got;
            offset += (uint64_t)got;
            wanted -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            err = GALE_ERR_IO; /* Shorter than it was a moment ago: nobody may write it. */
        }
    }
    close(fd);
    return err;
}

/* How many parts there are; `oldest` receives the one that was left alone longest, "" for none. */
static size_t parts_count(const struct blobs *blobs, char oldest[SHA256_HEX_SIZE],
                          time_t *changed_s)
{
    int fd = openat(blobs->parts_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct stat info;
    size_t count = 0;
    oldest[0] = '\0';
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
        if (sha256_is_hex(entry->d_name) &&
            fstatat(blobs->parts_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            (oldest[0] == '\0' || info.st_mtime < *changed_s)) {
            memcpy(oldest, entry->d_name, SHA256_HEX_SIZE);
            *changed_s = info.st_mtime;
        }
    }
    if (directory != NULL) {
        closedir(directory);
    } else if (fd >= 0) {
        close(fd);
    }
    return count;
}

/* Whether one more part may begin. Where there are too many, one that nobody went on with makes way:
 * who began and left must not keep out everybody else. */
static bool part_may_begin(const struct blobs *blobs)
{
    char oldest[SHA256_HEX_SIZE];
    time_t changed_s = 0;
    if (parts_count(blobs, oldest, &changed_s) < BLOBS_PARTS_MAX) {
        return true;
    }
    return oldest[0] != '\0' && time(NULL) - changed_s >= BLOBS_PART_LEFT_S &&
           unlinkat(blobs->parts_fd, oldest, 0) == 0;
}

/* Appends to the part and, with the last bytes, makes it a blob. */
static enum gale_err append(struct blobs *blobs, const char *hex, uint64_t size,
                            uint64_t offset, const void *data, size_t data_size,
                            struct gale_error *error)
{
    int fd = openat(blobs->parts_fd, hex,
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return io_error(error, "open the part", hex);
    }
    uint64_t end = offset + data_size;
    enum gale_err err = write_all(fd, data, data_size);
    bool last = end == size;
    if (err == GALE_OK && (last || offset / SYNC_SIZE != end / SYNC_SIZE)) {
        err = (last ? fsync(fd) : fdatasync(fd)) == 0 ? GALE_OK : GALE_ERR_IO;
    }
    if (err != GALE_OK) {
        err = io_error(error, "write the part", hex);
    }
    close(fd);
    if (err == GALE_OK && last) {
        err = verify_in(blobs->parts_fd, hex, error);
        err = err ? err : publish(blobs, hex, hex, error);
    }
    if (err != GALE_OK) {
        unlinkat(blobs->parts_fd, hex, 0);
    }
    return err;
}

enum gale_err blobs_put(struct blobs *blobs, const char *hex, uint64_t size, uint64_t offset,
                        const void *data, size_t data_size, uint64_t *next_offset,
                        struct gale_error *error)
{
    *next_offset = 0;
    if (!sha256_is_hex(hex) || size > BLOBS_SIZE_MAX || offset > size ||
        data_size > size - offset) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "blobs: bytes %" PRIu64 " to %" PRIu64 " of %" PRIu64
                              " of \"%.64s\" cannot be kept: at most %" PRIu64 " bytes",
                              offset, offset + data_size, size, hex ? hex : "", BLOBS_SIZE_MAX);
    }
    if (blobs_has(blobs, hex)) {
        *next_offset = size;
        return GALE_OK;
    }
    int64_t part = size_in(blobs->parts_fd, hex);
    if (part > 0 && (uint64_t)part >= size) {
        unlinkat(blobs->parts_fd, hex, 0); /* Whole parts are named at once, so this is none. */
        part = -1;
    }
    uint64_t have = part > 0 ? (uint64_t)part : 0;
    if (have != offset) {
        *next_offset = have;
        return gale_error_set(error, GALE_ERR_STALE, "blobs: %s goes on at %" PRIu64, hex,
                              have);
    }
    if (part < 0 && !part_may_begin(blobs)) {
        return gale_error_set(error, GALE_ERR_LIMIT,
                              "blobs: %d files are on their way already: try again later",
                              BLOBS_PARTS_MAX);
    }
    enum gale_err err = append(blobs, hex, size, offset, data, data_size, error);
    *next_offset = err == GALE_OK ? offset + data_size : 0;
    return err;
}

/* ---- Collecting ------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static bool is_older(int dir_fd, const char *name, int64_t older_than_ms)
{
    struct stat info;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    int64_t age_ms = (now.tv_sec - info.st_ctim.tv_sec) * 1000 +
                     (now.tv_nsec - info.st_ctim.tv_nsec) / 1000000;
    return age_ms >= older_than_ms;
}

/* Removes what is not kept in one directory. @return how many, or -1. */
static int collect_in(int dir_fd, const char *const *sorted, size_t count,
                      int64_t older_than_ms)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    int removed = 0;
    if (directory == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        const char *name = entry->d_name;
        bool ours = sha256_is_hex(name) || strncmp(name, "add.", 4) == 0;
        bool kept = count > 0 && bsearch(&name, sorted, count, sizeof(*sorted), compare_names);
        if (ours && !kept && is_older(dir_fd, name, older_than_ms)) {
            removed += unlinkat(dir_fd, name, 0) == 0;
        }
    }
    closedir(directory);
    return removed;
}

int blobs_collect(struct blobs *blobs, const char *const *keep, size_t count,
                  int64_t older_than_ms)
{
    const char **sorted = calloc(count + 1, sizeof(*sorted));
    if (sorted == NULL) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = keep[i];
    }
    qsort(sorted, count, sizeof(*sorted), compare_names);
    int whole = collect_in(blobs->dir_fd, sorted, count, older_than_ms);
    int parts = collect_in(blobs->parts_fd, sorted, count, older_than_ms);
    free(sorted);
    return whole < 0 || parts < 0 ? -1 : whole + parts;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who leads, told by a file; see leader_file.h. */
#include "worker/leader_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE (LEADER_ENDPOINT_SIZE + 32) /* number, blank, endpoint, newline, NUL */
#define FILE_MODE 0600

void leader_file_forget(struct leader_file *file)
{
    file->seen = false;
}

/* The whole line or nothing: a file that ends in the midst of it is not believed. */
static bool parse(char *line, struct leader *out)
{
    char *end = NULL;
    char *newline = strchr(line, '\n');
    if (line[0] < '0' || line[0] > '9' || !newline) {
        return false;
    }
    *newline = '\0';
    errno = 0;
    out->epoch = strtoull(line, &end, 10);
    if (errno != 0 || out->epoch == 0 || *end != ' ' || end[1] == '\0' ||
        strlen(end + 1) >= sizeof(out->endpoint)) {
        return false;
    }
    memcpy(out->endpoint, end + 1, strlen(end + 1) + 1);
    return true;
}

bool leader_file_look(struct leader_file *file, struct leader *out)
{
    struct stat status;
    char line[LINE_SIZE];
    if (stat(file->path, &status) != 0 ||
        (file->seen && status.st_dev == file->device && status.st_ino == file->inode &&
         status.st_ctim.tv_sec == file->changed.tv_sec &&
         status.st_ctim.tv_nsec == file->changed.tv_nsec)) {
        return false;
    }
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    /* The state of what is read: another file may have taken its place since the look. */
    bool known = fstat(fd, &status) == 0;
    ssize_t size = read(fd, line, sizeof(line) - 1);
    close(fd);
    if (!known || size < 0) {
        return false;
    }
    line[size] = '\0';
    file->seen = true;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->changed = status.st_ctim;
    return parse(line, out);
}

static enum gale_err write_whole(int fd, const char *line, size_t size)
{
    ssize_t written;
    do {
        written = write(fd, line, size);
    } while (written < 0 && errno == EINTR);
    return written == (ssize_t)size ? GALE_OK : GALE_ERR_IO;
}

enum gale_err leader_file_write(const char *path, const struct leader *leader,
                                struct gale_error *error)
{
    char beside[PATH_MAX];
    char line[LINE_SIZE];
    int size =
        snprintf(line, sizeof(line), "%" PRIu64 " %s\n", leader->epoch, leader->endpoint);
    int path_size = snprintf(beside, sizeof(beside), "%s.new", path);
    if (size < 0 || (size_t)size >= sizeof(line) || path_size < 0 ||
        (size_t)path_size >= sizeof(beside)) {
        return gale_error_set(error, GALE_ERR_LIMIT, "%.200s: path or endpoint is too long",
                              path);
    }
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    enum gale_err err = fd >= 0 ? write_whole(fd, line, (size_t)size) : GALE_ERR_IO;
    int cause = errno;
    if (fd >= 0 && close(fd) != 0 && err == GALE_OK) {
        cause = errno;
        err = GALE_ERR_IO;
    }
    if (err == GALE_OK && rename(beside, path) != 0) {
        cause = errno;
        err = GALE_ERR_IO;
    }
    if (err != GALE_OK) {
        (void)unlink(beside);
        return gale_error_set(error, err, "%.200s cannot be written: %s", path,
                              strerror(cause));
    }
    return GALE_OK;
}

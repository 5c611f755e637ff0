/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into gale (LD_PRELOAD): pread of the file $FAULT_PATH, and read of the descriptor
 * $GALE_STDIN_FD, give what lies before byte $FAULT_AT and then fail with EIO, as a disk does.
 */
#undef _FORTIFY_SOURCE /* Its inline pread and read would stand in the way of these. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef ssize_t (*pread_fn)(int, void *, size_t, off_t);
typedef ssize_t (*read_fn)(int, void *, size_t);

#define EXPORTED __attribute__((visibility("default")))

static size_t read_so_far;

static long fault_at(void)
{
    const char *text = getenv("FAULT_AT");
    return text != NULL ? atol(text) : -1;
}

static int is_faulty(int fd)
{
    char link[64];
    char path[4096];
    const char *wanted = getenv("FAULT_PATH");
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = wanted != NULL ? readlink(link, path, sizeof(path) - 1) : -1;
    if (size < 0) {
        return 0;
    }
    path[size] = '\0';
    return strcmp(path, wanted) == 0;
}

EXPORTED ssize_t pread64(int fd, void *data, size_t size, off_t offset);
ssize_t pread64(int fd, void *data, size_t size, off_t offset)
{
    static pread_fn real;
    if (real == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "pread64");
        memcpy(&real, &symbol, sizeof(real));
    }
    long at = fault_at();
    if (at < 0 || !is_faulty(fd)) {
        return real(fd, data, size, offset);
    }
    if (offset >= at) {
        errno = EIO;
        return -1;
    }
    return real(fd, data, size < (size_t)(at - offset) ? size : (size_t)(at - offset), offset);
}

EXPORTED ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    return pread64(fd, data, size, offset);
}

EXPORTED ssize_t read(int fd, void *data, size_t size)
{
    static read_fn real;
    const char *text = getenv("GALE_STDIN_FD");
    if (real == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "read");
        memcpy(&real, &symbol, sizeof(real));
    }
    long at = fault_at();
    if (at < 0 || text == NULL || atoi(text) != fd) {
        return real(fd, data, size);
    }
    if (read_so_far >= (size_t)at) {
        errno = EIO;
        return -1;
    }
    size_t room = (size_t)at - read_so_far;
    ssize_t got = real(fd, data, size < room ? size : room);
    read_so_far += got > 0 ? (size_t)got : 0;
    return got;
}

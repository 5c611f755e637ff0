/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter of libnettle; see sha256.h. */
#include "blobs/sha256.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE ((size_t)256 << 10)

struct sha256 {
    struct sha256_ctx context;
};

struct sha256 *sha256_begin(void)
{
    struct sha256 *sum = malloc(sizeof(*sum));
    if (sum != NULL) {
        sha256_init(&sum->context);
    }
    return sum;
}

void sha256_add(struct sha256 *sum, const void *data, size_t size)
{
    sha256_update(&sum->context, size, data);
}

void sha256_end(struct sha256 *sum, char hex[SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&sum->context, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[SHA256_HEX_SIZE - 1] = '\0';
    free(sum);
}

enum gale_err sha256_fd(int fd, char hex[SHA256_HEX_SIZE], uint64_t *size)
{
    struct sha256 *sum = sha256_begin();
    uint8_t *bytes = malloc(READ_SIZE);
    enum gale_err err = sum != NULL && bytes != NULL ? GALE_OK : GALE_ERR_NOMEM;
    uint64_t total = 0;
    while (err == GALE_OK) {
        ssize_t got = read(fd, bytes, READ_SIZE);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            sha256_add(sum, bytes, (size_t)got);
            total += (uint64_t)got;
        } else if (errno != EINTR) {
            err = GALE_ERR_IO;
        }
    }
    int cause = errno;
    if (sum != NULL) {
        sha256_end(sum, hex);
    }
    free(bytes);
    if (size != NULL) {
        *size = total;
    }
    errno = cause;
    return err;
}

enum gale_err sha256_file(const char *path, char hex[SHA256_HEX_SIZE], uint64_t *size,
                          struct gale_error *error)
{
    struct stat info;
    /* Not blocking, so that a pipe is refused instead of waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0) {
        enum gale_err err =
            gale_error_set(error, errno == ENOENT ? GALE_ERR_NOT_FOUND : GALE_ERR_IO,
                           "cannot open %.300s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    enum gale_err err = GALE_OK;
    if (!S_ISREG(info.st_mode)) {
        err = gale_error_set(error, GALE_ERR_INVALID, "%.300s is no regular file", path);
    } else {
        err = sha256_fd(fd, hex, size);
        if (err != GALE_OK) {
            (void)gale_error_set(error, err, "cannot read %.300s: %s", path, strerror(errno));
        }
    }
    close(fd);
    return err;
}

bool sha256_is_hex(const char *text)
{
    return text != NULL && strspn(text, "0123456789abcdef") == SHA256_HEX_SIZE - 1 &&
           text[SHA256_HEX_SIZE - 1] == '\0';
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading numbered lines on while they are written; see arrivals.h. */
#include "suite/arrivals.h"

#include "suite/memory.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARRIVALS_CHUNK = 64 * 1024 };

void arrivals_init(struct arrivals *arrivals, const char *prefix, unsigned files,
                   const char *text, uint64_t expected)
{
    memset(arrivals, 0, sizeof(*arrivals));
    arrivals->files_count = files < ARRIVALS_FILES_MAX ? files : ARRIVALS_FILES_MAX;
    arrivals->text = text;
    arrivals->expected = expected;
    arrivals->seen = suite_alloc((size_t)(expected / 8 + 1), 1);
    for (unsigned i = 0; i < arrivals->files_count; i++) {
        arrivals->files[i].fd = -1;
        snprintf(arrivals->files[i].path, PATH_MAX, "%s.%u", prefix, i);
    }
}

void arrivals_fini(struct arrivals *arrivals)
{
    for (unsigned i = 0; i < arrivals->files_count; i++) {
        if (arrivals->files[i].fd >= 0) {
            close(arrivals->files[i].fd);
        }
    }
    free(arrivals->seen);
}

/* One whole line without its end. */
static void take_line(struct arrivals *arrivals, const char *line, size_t size)
{
    uint64_t number = 0;
    size_t at = 0;
    for (; at < size && line[at] >= '0' && line[at] <= '9' && number < arrivals->expected;
         at++) {
        number = number * 10 + (uint64_t)(line[at] - '0');
    }
    size_t text_size = strlen(arrivals->text);
    bool is_ours = at > 0 && number < arrivals->expected && size == at + 1 + text_size &&
                   line[at] == ' ' && memcmp(line + at + 1, arrivals->text, text_size) == 0;
    if (!is_ours) {
        arrivals->broken++;
        return;
    }
    uint8_t bit = (uint8_t)(1u << (number % 8));
    arrivals->lines++;
    if ((arrivals->seen[number / 8] & bit) == 0) {
        arrivals->seen[number / 8] |= bit;
        arrivals->distinct++;
    }
    uint64_t *front = &arrivals->fronts[number % arrivals->files_count];
    *front = number + 1 > *front ? number + 1 : *front;
}

/* Cuts a chunk into lines; the last one waits for its end. A line too long to be ours is broken. */
static void take_chunk(struct arrivals *arrivals, struct arrivals_file *file, const char *chunk,
                       size_t size)
{
    while (size > 0) {
        const char *end = memchr(chunk, '\n', size);
        size_t part = end != NULL ? (size_t)(end - chunk) : size;
        size_t room = ARRIVALS_LINE_SIZE - file->rest_size;
        size_t copied = part < room ? part : room;
        memcpy(file->rest + file->rest_size, chunk, copied);
        file->rest_size += copied;
        if (end == NULL) {
            return;
        }
        take_line(arrivals, file->rest, file->rest_size);
        file->rest_size = 0;
        chunk += part + 1;
        size -= part + 1;
    }
}

uint64_t arrivals_read(struct arrivals *arrivals)
{
    char chunk[ARRIVALS_CHUNK];
    uint64_t before = arrivals->lines;
    for (unsigned i = 0; i < arrivals->files_count; i++) {
        struct arrivals_file *file = &arrivals->files[i];
        if (file->fd < 0) {
            file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
        }
        for (ssize_t got = 1; file->fd >= 0 && got > 0;) {
            got = read(file->fd, chunk, sizeof chunk);
            if (got > 0) {
                take_chunk(arrivals, file, chunk, (size_t)got);
            }
        }
    }
    return arrivals->lines - before;
}

uint64_t arrivals_front(const struct arrivals *arrivals)
{
    uint64_t front = arrivals->fronts[0];
    for (unsigned i = 1; i < arrivals->files_count; i++) {
        front = arrivals->fronts[i] < front ? arrivals->fronts[i] : front;
    }
    return front;
}

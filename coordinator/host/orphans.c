/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for workers among all processes; see orphans.h. */
#include "host/orphans.h"

#include "supervise/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_SIZE 16384 /* of a command line; a worker's is far shorter */

/* The argument behind this one; NULL: there is none. Every argument ends within the line. */
static const char *next_argument(const char *line, size_t size, const char *argument)
{
    const char *next = argument + strlen(argument) + 1;
    return next < line + size ? next : NULL;
}

bool orphans_is_worker(const char *line, size_t size, const char *control)
{
    if (size == 0 || line[size - 1] != '\0') {
        return false;
    }
    const char *verb = next_argument(line, size, line);
    if (!verb || strcmp(verb, "worker") != 0) {
        return false;
    }
    for (const char *at = verb; at; at = next_argument(line, size, at)) {
        const char *value = next_argument(line, size, at);
        if (value && strcmp(at, "--control") == 0) {
            return strcmp(value, control) == 0;
        }
    }
    return false;
}

static size_t read_line(const char *pid, char *out, size_t size)
{
    char path[NAME_MAX + 32];
    size_t total = 0;
    ssize_t got;
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && total < size && (got = read(fd, out + total, size - total)) > 0) {
        total += (size_t)got;
    }
    if (fd >= 0) {
        close(fd);
    }
    return total;
}

enum gale_err orphans_scan(const char *control, orphan_fn *fn, void *self)
{
    char line[LINE_MAX_SIZE];
    DIR *processes = opendir("/proc");
    if (!processes) {
        return GALE_ERR_IO;
    }
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end != '\0' || pid <= 0) {
            continue;
        }
        /* The start comes first: a pid that is another process's by the time of the look at its line
         * has another start then, and process_adopt refuses it. */
        uint64_t start = process_start_time(pid);
        size_t size = start ? read_line(entry->d_name, line, sizeof line) : 0;
        if (orphans_is_worker(line, size, control)) {
            fn(self, pid, start);
        }
    }
    closedir(processes);
    return GALE_OK;
}

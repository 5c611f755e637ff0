/* SPDX-License-Identifier: Apache-2.0 */
/* The counting tasks' journal; see journal.h. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An id, two numbers of at most 20 characters, blanks, newline, NUL. */
enum { JOURNAL_LINE_MAX = YSB_ID_SIZE + 2 * 20 + 4 };

static enum gale_err read_line(struct table *table, const char *line)
{
    char id[YSB_ID_SIZE + 1];
    int64_t number = 0;
    int64_t count = 0;
    if (sscanf(line, "%36s %" SCNd64 " %" SCNd64, id, &number, &count) != 3 ||
        strlen(id) != YSB_ID_SIZE) {
        return GALE_ERR_CORRUPT;
    }
    struct table_campaign *campaign = table_campaign(table, id);
    struct table_window *window = campaign != NULL ? table_window(campaign, number) : NULL;
    if (window == NULL) {
        return GALE_ERR_NOMEM;
    }
    window->count = count;
    return GALE_OK;
}

static enum gale_err read_lines(FILE *file, struct table *table, off_t *whole_size)
{
    char line[JOURNAL_LINE_MAX];
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t size = strlen(line);
        if (size == 0 || line[size - 1] != '\n') {
            return feof(file) ? GALE_OK : GALE_ERR_CORRUPT;
        }
        enum gale_err err = read_line(table, line);
        if (err != GALE_OK) {
            return err;
        }
        *whole_size += (off_t)size;
    }
    return ferror(file) ? GALE_ERR_IO : GALE_OK;
}

enum gale_err journal_open(struct journal *journal, const char *path, struct table *table)
{
    journal->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    int copy = journal->fd >= 0 ? dup(journal->fd) : -1;
    FILE *file = copy >= 0 ? fdopen(copy, "r") : NULL;
    if (file == NULL) {
        if (copy >= 0) {
            (void)close(copy);
        }
        return GALE_ERR_IO;
    }
    off_t whole_size = 0;
    enum gale_err err = read_lines(file, table, &whole_size);
    (void)fclose(file);
    if (err == GALE_OK && ftruncate(journal->fd, whole_size) != 0) {
        err = GALE_ERR_IO;
    }
    return err;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        data += written;
        size -= (size_t)written;
    }
    return true;
}

static size_t changed_count(const struct table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < table->campaigns_count; i++) {
        const struct table_campaign *campaign = table->list[i];
        for (size_t j = 0; j < campaign->windows_count; j++) {
            count += campaign->windows[j].changed;
        }
    }
    return count;
}

enum gale_err journal_write(struct journal *journal, struct table *table)
{
    size_t room = changed_count(table) * JOURNAL_LINE_MAX + 1;
    char *lines = malloc(room);
    if (lines == NULL) {
        return GALE_ERR_NOMEM;
    }
    size_t size = 0;
    for (size_t i = 0; i < table->campaigns_count; i++) {
        struct table_campaign *campaign = table->list[i];
        for (size_t j = 0; j < campaign->windows_count; j++) {
            struct table_window *window = &campaign->windows[j];
            if (!window->changed) {
                continue;
            }
            size += (size_t)snprintf(lines + size, room - size,
                                     "%.*s %" PRId64 " %" PRId64 "\n", YSB_ID_SIZE,
                                     campaign->id, campaign->first + (int64_t)j, window->count);
        }
    }
    bool written = write_all(journal->fd, lines, size);
    free(lines);
    return written ? GALE_OK : GALE_ERR_IO;
}

void journal_close(struct journal *journal)
{
    if (journal->fd >= 0) {
        (void)close(journal->fd);
        journal->fd = -1;
    }
}

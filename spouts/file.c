/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spout `file`: emits the lines of files, without their LF or CRLF. The files of all paths and globs
 * are sorted and dealt out to the tasks in turn; a task reads its files one after the other.
 *
 * Without `follow` the input ends with the last file; a last line without LF counts. With `follow` a
 * task reads what is there and looks for more every `poll`: appended lines, a file that was cut
 * (read from its start), or another file under the path (rotation: the rest of the old file first,
 * then the new one). A line is emitted when its LF is there. Globs are expanded once, at the start.
 *
 * Replayable: see file_set.h for message ids and positions. A failed line is read again from its
 * file; a rotated file stays open until all its lines were acked. A line longer than max_line is
 * reported and left out.
 *
 * Reads are of regular files only and may wait for the disk. Owned by its task; all calls on the
 * engine thread.
 */
#include "spouts/builtin.h"
#include "spouts/file_set.h"
#include "spouts/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <gale/gale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE ((size_t)256 * 1024)
#define LINE_MAX_DEFAULT (INT64_C(1) << 20)
#define LINE_MAX_MAX (INT64_C(64) << 20)
/* A refused line of more bytes than this may be too large for a tuple (1 MiB) with its path; a
 * shorter one was refused because too much waits downstream, and is tried again. */
#define LINE_FITS ((size_t)1024 * 1024 - 8192)
/* Lines of one call of next: few for the pending limit. */
#define BURST 32
#define POLL_MS_MAX 3600000
#define FAILED_WAIT_NS INT64_C(500000000) /* before a read that failed is tried again */

struct file_spout {
    struct file_set set;
    struct retry retry;
    size_t current;    /* File being read. */
    size_t idle_files; /* Files in a row that had nothing new. */
    char *buffer;
    size_t capacity;
    size_t begin; /* First byte not consumed; at offset `consumed` of the current file. */
    size_t end;
    size_t searched; /* Bytes behind begin that hold no LF. */
    bool skipping;   /* The rest of an over-long or acked line is left out. */
    char *retry_buffer;
    size_t retry_capacity;
    size_t line_max;
    int64_t poll_ns;
    bool with_path;
    bool with_offset;
    void *position; /* From restore, applied by open. */
    size_t position_size;
};

static const struct gale_option options[] = {
    {"path", GALE_OPTION_LIST, true, NULL, "Files and globs, such as data/*.txt."},
    {"field", GALE_OPTION_STRING, false, "line", "Name of the field that holds the line."},
    {"with", GALE_OPTION_LIST, false, NULL,
     "Further fields: path (of the file) and offset (of the line's first byte)."},
    {"follow", GALE_OPTION_BOOL, false, "false", "Go on with growing and rotated files."},
    {"poll", GALE_OPTION_DURATION, false, "100ms",
     "With follow: how often to look for new lines, 1ms to 1h."},
    {"max_line", GALE_OPTION_SIZE, false, "1MiB",
     "Longer lines are reported and left out, 1 byte to 64MiB."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static bool has_extra(const struct gale_conf *conf, const char *name)
{
    const struct gale_conf *with = gale_conf_get(conf, "with");
    bool is_list = gale_conf_type(with) == GALE_LIST;
    size_t count = is_list ? gale_conf_count(with) : with != NULL;
    for (size_t i = 0; i < count; i++) {
        const char *text = gale_conf_text(is_list ? gale_conf_at(with, i) : with);
        if (text != NULL && strcmp(text, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum gale_err file_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    char fields[256];
    const struct gale_conf *with = gale_conf_get(conf, "with");
    size_t extras = gale_conf_type(with) == GALE_LIST ? gale_conf_count(with) : with != NULL;
    bool with_path = has_extra(conf, "path");
    bool with_offset = has_extra(conf, "offset");
    int64_t poll_ms = gale_conf_duration_ms(conf, "poll", 100);
    int64_t line_max = gale_conf_size(conf, "max_line", LINE_MAX_DEFAULT);
    if (extras != (size_t)with_path + with_offset) {
        gale_declare_error(declare, "with", "with may name path and offset, once each");
        return GALE_ERR_INVALID;
    }
    if (poll_ms < 1 || poll_ms > POLL_MS_MAX) {
        gale_declare_error(declare, "poll", "poll must be 1ms to 1h");
        return GALE_ERR_INVALID;
    }
    if (line_max < 1 || line_max > LINE_MAX_MAX) {
        gale_declare_error(declare, "max_line", "max_line must be 1 byte to 64MiB");
        return GALE_ERR_INVALID;
    }
    int size =
        snprintf(fields, sizeof(fields), "%s%s%s", gale_conf_string(conf, "field", "line"),
                 with_path ? ",path" : "", with_offset ? ",offset" : "");
    if (size < 0 || (size_t)size >= sizeof(fields)) {
        gale_declare_error(declare, "field", "the field's name is too long");
        return GALE_ERR_LIMIT;
    }
    return gale_declare_stream(declare, "default", fields, false);
}

static enum gale_err file_restore(void *state, struct gale_task *task, const void *data,
                                  size_t size)
{
    struct file_spout *spout = state;
    (void)task;
    spout->position = malloc(size > 0 ? size : 1);
    if (spout->position == NULL) {
        return GALE_ERR_NOMEM;
    }
    memcpy(spout->position, data, size);
    spout->position_size = size;
    return GALE_OK;
}

static enum gale_err file_open(void *state, struct gale_task *task,
                               const struct gale_conf *conf)
{
    struct file_spout *spout = state;
    struct gale_error error = {0};
    spout->set.follow = gale_conf_bool(conf, "follow", false);
    spout->line_max = (size_t)gale_conf_size(conf, "max_line", LINE_MAX_DEFAULT);
    spout->poll_ns = gale_conf_duration_ms(conf, "poll", 100) * 1000000;
    spout->with_path = has_extra(conf, "path");
    spout->with_offset = has_extra(conf, "offset");
    enum gale_err err =
        file_set_load(&spout->set, gale_conf_get(conf, "path"), gale_task_index(task),
                      gale_task_parallelism(task), &error);
    if (err != GALE_OK) {
        gale_task_error(task, "%s", error.text[0] != '\0' ? error.text : gale_err_name(err));
        return err;
    }
    if (spout->position != NULL) {
        err = file_set_restore(&spout->set, spout->position, spout->position_size);
        if (err != GALE_OK) {
            gale_task_error(task, "the saved position is not a file spout's; run with --fresh");
            return err;
        }
    }
    spout->capacity = BLOCK_SIZE;
    spout->buffer = malloc(spout->capacity);
    return spout->buffer != NULL ? GALE_OK : GALE_ERR_NOMEM;
}

static struct source_file *current(struct file_spout *spout)
{
    return &spout->set.files[spout->current];
}

/* Opens a regular file without waiting for a FIFO's other end; -1 with errno. */
static int open_regular(const char *path, struct stat *info)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, info) != 0 || !S_ISREG(info->st_mode)) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

/* Whether the byte before the place to start at ends a line, so that no rest must be skipped. */
static bool starts_line(const struct source_file *file)
{
    char before = '\n';
    return file->consumed == 0 || pread(file->fd, &before, 1, (off_t)file->consumed - 1) != 1 ||
           before == '\n';
}

static bool open_current(struct file_spout *spout, struct gale_task *task)
{
    struct source_file *file = current(spout);
    struct stat info;
    bool was_open = file->fd >= 0;
    if (!was_open) {
        file->fd = open_regular(file->path, &info);
    }
    if (file->fd < 0) {
        if (!spout->set.follow || errno != ENOENT) {
            gale_task_error(task, "cannot read `%s`: %s; it is left out", file->path,
                            errno == EINVAL ? "it is not a regular file" : strerror(errno));
            file->done = true;
        }
        return false;
    }
    if (!was_open) {
        file->inode = info.st_ino;
    }
    if (file->resumed) {
        spout->skipping = !starts_line(file);
        file->resumed = false;
    }
    return true;
}

static void forget_buffer(struct file_spout *spout)
{
    spout->begin = 0;
    spout->end = 0;
    spout->searched = 0;
    spout->skipping = false;
}

static void put_line(struct file_spout *spout, struct gale_task *task, size_t file,
                     uint64_t offset, struct gale_slice line)
{
    struct gale_out *out = gale_begin(task);
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    gale_put_string(out, line.data, line.size);
    if (spout->with_path) {
        const char *path = spout->set.files[file].path;
        gale_put_string(out, path, strlen(path));
    }
    if (spout->with_offset) {
        gale_put_int64(out, (int64_t)offset);
    }
}

static void report_long(struct file_spout *spout, struct gale_task *task, uint64_t offset)
{
    gale_task_error(task,
                    "`%s`: the line at byte %llu is too long for max_line or for a tuple; "
                    "it is left out",
                    current(spout)->path, (unsigned long long)offset);
}

/* Emits the line of `size` bytes at begin. False when it must be tried again later. */
static bool emit_line(struct file_spout *spout, struct gale_task *task, size_t size)
{
    struct source_file *file = current(spout);
    if (size > spout->line_max) {
        report_long(spout, task, file->consumed);
        return true;
    }
    uint64_t id = file_set_id(&spout->set, spout->current, file->consumed);
    if (id == 0) {
        return false;
    }
    struct gale_slice line = {spout->buffer + spout->begin, size};
    put_line(spout, task, spout->current, file->consumed, line);
    if (gale_emit_root(task, 0, id) == GALE_ERR_LIMIT) {
        if (size <= LINE_FITS) {
            return false;
        }
        report_long(spout, task, file->consumed);
    }
    return true;
}

static void consume(struct file_spout *spout, size_t size)
{
    spout->begin += size;
    spout->searched = 0;
    current(spout)->consumed += size;
}

/* Reads more behind what is in the buffer. @return bytes; 0 at the end; -1 after an error, which
 * ends the run: an input that cannot be read has not ended. */
static ssize_t fill(struct file_spout *spout, struct gale_task *task)
{
    struct source_file *file = current(spout);
    if (spout->begin > 0) {
        memmove(spout->buffer, spout->buffer + spout->begin, spout->end - spout->begin);
        spout->end -= spout->begin;
        spout->begin = 0;
    }
    if (spout->end > spout->line_max + 1) {
        /* Too long whatever follows: the rest is left out as it comes. */
        if (!spout->skipping) {
            report_long(spout, task, file->consumed);
        }
        spout->skipping = true;
        consume(spout, spout->end);
        spout->begin = 0;
        spout->end = 0;
    }
    if (spout->end == spout->capacity) {
        char *larger = realloc(spout->buffer, spout->capacity * 2);
        if (larger == NULL) {
            gale_task_fatal(task, "out of memory for a long line; lower max_line");
            return -1;
        }
        spout->buffer = larger;
        spout->capacity *= 2;
    }
    ssize_t got;
    do {
        got = pread(file->fd, spout->buffer + spout->end, spout->capacity - spout->end,
                    (off_t)(file->consumed + spout->end));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        gale_task_fatal(task,
                        "cannot read `%s` at byte %llu: %s; the next run of this name begins "
                        "before it",
                        file->path, (unsigned long long)(file->consumed + spout->end),
                        strerror(errno));
        return -1;
    }
    spout->end += (size_t)got;
    return got;
}

enum progress { PROGRESS_LINES, PROGRESS_END, PROGRESS_FULL, PROGRESS_FAILED };

/* Emits the lines in the buffer, then reads on. */
static enum progress read_lines(struct file_spout *spout, struct gale_task *task)
{
    for (unsigned emitted = 0; emitted < BURST;) {
        char *start = spout->buffer + spout->begin;
        size_t size = spout->end - spout->begin;
        char *newline = NULL;
        if (size > spout->searched) {
            newline = memchr(start + spout->searched, '\n', size - spout->searched);
        }
        if (newline == NULL) {
            spout->searched = size;
            ssize_t got = fill(spout, task);
            if (got <= 0) {
                return got == 0 ? PROGRESS_END : PROGRESS_FAILED;
            }
            continue;
        }
        size_t line_size = (size_t)(newline - start);
        if (!spout->skipping && !emit_line(spout, task, line_size)) {
            return PROGRESS_FULL;
        }
        spout->skipping = false;
        consume(spout, line_size + 1);
        emitted++;
    }
    return PROGRESS_LINES;
}

/* The last line of a file to which nothing more will be added. False: try again later. */
static bool emit_rest(struct file_spout *spout, struct gale_task *task)
{
    size_t size = spout->end - spout->begin;
    if (size > 0 && !spout->skipping && !current(spout)->done) {
        if (!emit_line(spout, task, size)) {
            return false;
        }
    }
    consume(spout, size);
    return true;
}

static void close_current(struct file_spout *spout)
{
    struct source_file *file = current(spout);
    if (file->fd >= 0 && !file->replaced) {
        close(file->fd);
        file->fd = -1;
    }
    file->done = true;
    forget_buffer(spout);
}

/* At the end of a followed file: cut, replaced, or nothing new? True when there is more to do. */
static bool follow_up(struct file_spout *spout, struct gale_task *task)
{
    struct source_file *file = current(spout);
    struct stat by_fd;
    struct stat by_path;
    if (fstat(file->fd, &by_fd) != 0) {
        return false;
    }
    if ((uint64_t)by_fd.st_size < file->consumed) {
        forget_buffer(spout);
        file->consumed = 0;
        return by_fd.st_size > 0;
    }
    if (stat(file->path, &by_path) != 0 || by_path.st_ino == by_fd.st_ino) {
        return false;
    }
    /* The writer may have written between our last read and the rename. */
    if (fill(spout, task) != 0) {
        return true;
    }
    if (!emit_rest(spout, task)) {
        return true;
    }
    file->replaced = true;
    char *path = strdup(file->path);
    enum gale_err err = path != NULL ? file_set_add(&spout->set, path) : GALE_ERR_NOMEM;
    if (err != GALE_OK) {
        gale_task_error(task, "cannot follow the new `%s`: %s", path != NULL ? path : "file",
                        gale_err_name(err));
    }
    free(path);
    close_current(spout);
    return true;
}

/* Goes on to the next file that is not done; returns how many there are. */
static size_t turn_to_next(struct file_spout *spout)
{
    size_t live = 0;
    for (size_t i = 0; i < spout->set.files_count; i++) {
        live += !spout->set.files[i].done;
    }
    if (live > 1 || (live == 1 && current(spout)->done)) {
        current(spout)->resumed = spout->skipping;
        forget_buffer(spout);
        do {
            spout->current = (spout->current + 1) % spout->set.files_count;
        } while (current(spout)->done);
    }
    return live;
}

/* Nothing more is read; should the run live on, the same place is tried again now and then. */
static enum gale_next next_failed(struct gale_task *task)
{
    gale_spout_wait(task, gale_task_now_ns(task) + FAILED_WAIT_NS);
    return GALE_NEXT_IDLE;
}

static enum gale_next next_follow(struct file_spout *spout, struct gale_task *task)
{
    if (current(spout)->done && turn_to_next(spout) == 0) {
        return GALE_NEXT_DONE;
    }
    if (open_current(spout, task)) {
        enum progress progress = read_lines(spout, task);
        if (progress == PROGRESS_FAILED) {
            return next_failed(task);
        }
        if (progress != PROGRESS_END || follow_up(spout, task)) {
            spout->idle_files = 0;
            return progress == PROGRESS_FULL ? GALE_NEXT_IDLE : GALE_NEXT_MORE;
        }
    }
    if (++spout->idle_files < turn_to_next(spout)) {
        return GALE_NEXT_MORE;
    }
    spout->idle_files = 0;
    gale_spout_wait(task, gale_task_now_ns(task) + spout->poll_ns);
    return GALE_NEXT_IDLE;
}

static enum gale_next next_plain(struct file_spout *spout, struct gale_task *task)
{
    while (spout->current < spout->set.files_count) {
        if (current(spout)->done || !open_current(spout, task)) {
            spout->current++;
            continue;
        }
        enum progress progress = read_lines(spout, task);
        if (progress == PROGRESS_FAILED) {
            return next_failed(task);
        }
        if (progress != PROGRESS_END) {
            return progress == PROGRESS_LINES ? GALE_NEXT_MORE : GALE_NEXT_IDLE;
        }
        if (!emit_rest(spout, task)) {
            return GALE_NEXT_IDLE;
        }
        close_current(spout);
        spout->current++;
        return GALE_NEXT_MORE;
    }
    return GALE_NEXT_DONE;
}

/* Reads one line at an offset into the retry buffer. False when it cannot be had any more, or
 * (*number) could not be read. */
static bool read_again(struct file_spout *spout, int fd, uint64_t offset,
                       struct gale_slice *line, int *number)
{
    size_t size = 0;
    *number = 0;
    for (;;) {
        if (size == spout->retry_capacity) {
            size_t capacity = size == 0 ? 4096 : size * 2;
            char *larger = realloc(spout->retry_buffer, capacity);
            if (larger == NULL) {
                *number = ENOMEM;
                return false;
            }
            spout->retry_buffer = larger;
            spout->retry_capacity = capacity;
        }
        ssize_t got = pread(fd, spout->retry_buffer + size, spout->retry_capacity - size,
                            (off_t)(offset + size));
        if (got < 0) {
            *number = errno;
            return false;
        }
        char *newline = memchr(spout->retry_buffer + size, '\n', (size_t)got);
        size += (size_t)got;
        if (newline != NULL || got == 0) {
            line->data = spout->retry_buffer;
            line->size = newline != NULL ? (size_t)(newline - spout->retry_buffer) : size;
            return size > 0;
        }
        if (size > spout->line_max) {
            return false;
        }
    }
}

/* Emits a failed line again. A line that is gone (file deleted or overwritten) is reported. False
 * when this call's output is full. */
static bool emit_again(struct file_spout *spout, struct gale_task *task, uint64_t id)
{
    size_t index = 0;
    uint64_t offset = 0;
    struct stat info;
    struct gale_slice line = {0};
    int number = 0;
    if (!file_set_find(&spout->set, id, &index, &offset)) {
        return true;
    }
    struct source_file *file = &spout->set.files[index];
    int fd = file->fd >= 0 ? file->fd : open_regular(file->path, &info);
    bool found = fd >= 0 && (fd == file->fd || info.st_ino == file->inode) &&
                 read_again(spout, fd, offset, &line, &number);
    enum gale_err err = GALE_OK;
    if (found) {
        put_line(spout, task, index, offset, line);
        err = gale_emit_root(task, 0, id);
    } else if (number != 0) {
        gale_task_fatal(task,
                        "cannot read `%s` again at byte %llu: %s; the next run of this "
                        "name begins before it",
                        file->path, (unsigned long long)offset, strerror(number));
        err = GALE_ERR_LIMIT; /* It stays to be emitted. */
    } else {
        gale_task_error(task,
                        "`%s`: the failed line at byte %llu cannot be read again; it is lost",
                        file->path, (unsigned long long)offset);
    }
    if (fd >= 0 && fd != file->fd) {
        close(fd);
    }
    return err != GALE_ERR_LIMIT;
}

static enum gale_next file_next(void *state, struct gale_task *task)
{
    struct file_spout *spout = state;
    uint64_t id = 0;
    if (spout->retry.count > 0) {
        for (unsigned i = 0; i < BURST && retry_peek(&spout->retry, &id); i++) {
            if (!emit_again(spout, task, id)) {
                return GALE_NEXT_IDLE;
            }
            retry_drop(&spout->retry);
        }
        return GALE_NEXT_MORE;
    }
    if (spout->set.files_count == 0) {
        return GALE_NEXT_DONE;
    }
    return spout->set.follow ? next_follow(spout, task) : next_plain(spout, task);
}

static void file_fail(void *state, struct gale_task *task, uint64_t message_id)
{
    struct file_spout *spout = state;
    if (retry_push(&spout->retry, message_id) != GALE_OK) {
        gale_task_error(task, "a failed line is not emitted again: no room for failed tuples; "
                              "lower max_pending");
    }
}

static size_t file_save(void *state, struct gale_task *task, uint64_t low_id, void *out,
                        size_t out_size)
{
    struct file_spout *spout = state;
    (void)task;
    return file_set_save(&spout->set, low_id, out, out_size);
}

static void file_close(void *state, struct gale_task *task)
{
    struct file_spout *spout = state;
    (void)task;
    file_set_fini(&spout->set);
    retry_fini(&spout->retry);
    free(spout->buffer);
    free(spout->retry_buffer);
    free(spout->position);
}

const struct gale_spout_ops file_spout_ops = {
    GALE_SPOUT_HEAD,
    .name = "file",
    .state_size = sizeof(struct file_spout),
    .options = options,
    .help = "Reads the lines of files, follows growing ones on request.",
    .declare = file_declare,
    .open = file_open,
    .next = file_next,
    .fail = file_fail,
    .close = file_close,
    .save = file_save,
    .restore = file_restore,
};

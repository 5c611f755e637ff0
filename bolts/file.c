/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `file`: appends each tuple as one line (render.h) to a file. `{task}` in the path is replaced
 * by the task's index; with several tasks it is required, since each file has one writer.
 *
 * At least once: lines are gathered for at most FLUSH_MS and their tuples are kept; after write(2)
 * took the lines, the tuples are acked. When a write fails (disk full) the file is cut back to
 * the last whole line that was acked, the tuples fail and are replayed. With `fsync: true` the
 * file is also forced to disk at each tick and at the end; acks do not wait for that.
 *
 * Every write goes to the end that the file has then, and no more is cut off than this task has written
 * last: a worker that was taken for dead may still write to the same file, and neither of the two may
 * lose the lines of the other.
 *
 * Writes may wait for the disk. Owned by its task; all calls on the engine thread.
 */
#include "bolts/builtin.h"
#include "bolts/render.h"

#include <errno.h>
#include <fcntl.h>
#include <gale/gale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_FLUSH ((size_t)64 * 1024)
#define KEPT_MAX 1024
#define FLUSH_MS 10
#define INPUTS_MAX 64
#define PATH_SIZE 4096

struct file_sink {
    struct render lines;
    struct gale_tuple *kept[KEPT_MAX]; /* Their lines are in `lines`. */
    unsigned kept_count;
    int fd;
    enum render_format format;
    bool sync;
    bool sync_due; /* Written since the last fsync. */
    bool timer_runs;
    bool is_failing; /* The last write failed: already reported. */
    char path[PATH_SIZE];
    const char **names[INPUTS_MAX];
};

static const struct gale_option options[] = {
    {"path", GALE_OPTION_STRING, true, NULL,
     "File to write; {task} is replaced by the task's index, from 0."},
    {"format", GALE_OPTION_STRING, false, "tsv",
     "tsv (tab-separated), json (one object a line) or raw (the first field as it is)."},
    {"append", GALE_OPTION_BOOL, false, "true",
     "Keep what the file holds; false empties it whenever a worker starts, also after a "
     "death."},
    {"fsync", GALE_OPTION_BOOL, false, "false",
     "Force the file to disk at each tick and at the end."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err file_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    enum render_format format;
    const char *path = gale_conf_string(conf, "path", "");
    if (!render_parse_format(gale_conf_string(conf, "format", "tsv"), &format)) {
        gale_declare_error(declare, "format", "format must be tsv, json or raw");
        return GALE_ERR_INVALID;
    }
    if (path[0] == '\0' || strlen(path) + 16 > PATH_SIZE) {
        gale_declare_error(declare, "path", "path must have 1 to %d bytes", PATH_SIZE - 16);
        return GALE_ERR_INVALID;
    }
    if (gale_declare_inputs(declare) > INPUTS_MAX) {
        gale_declare_error(declare, NULL, "file takes at most %d inputs", INPUTS_MAX);
        return GALE_ERR_LIMIT;
    }
    return GALE_OK;
}

static enum gale_err load_names(struct file_sink *sink, struct gale_task *task)
{
    for (unsigned i = 0; i < gale_task_inputs(task) && i < INPUTS_MAX; i++) {
        unsigned count = gale_task_fields(task, i);
        sink->names[i] = calloc(count + 1u, sizeof(char *));
        if (sink->names[i] == NULL) {
            return GALE_ERR_NOMEM;
        }
        for (unsigned f = 0; f < count; f++) {
            const char *name = gale_task_field_name(task, i, f);
            sink->names[i][f] = name != NULL ? name : "";
        }
    }
    return GALE_OK;
}

static enum gale_err build_path(struct file_sink *sink, struct gale_task *task,
                                const char *path)
{
    const char *mark = strstr(path, "{task}");
    if (mark == NULL) {
        snprintf(sink->path, sizeof(sink->path), "%s", path);
        if (gale_task_parallelism(task) > 1) {
            gale_task_error(task, "several tasks would write `%s`; put {task} into the path",
                            path);
            return GALE_ERR_INVALID;
        }
        return GALE_OK;
    }
    int size = snprintf(sink->path, sizeof(sink->path), "%.*s%u%s", (int)(mark - path), path,
                        gale_task_index(task), mark + strlen("{task}"));
    return size > 0 && (size_t)size < sizeof(sink->path) ? GALE_OK : GALE_ERR_LIMIT;
}

/* A worker that was killed in a write leaves part of a line that was never acked. It gets a line end
 * of its own, so that the next line stays whole; nothing is deleted, since it may be the user's. */
static bool end_last_line(struct file_sink *sink)
{
    char last = '\n';
    off_t size = lseek(sink->fd, 0, SEEK_END);
    return size <= 0 || pread(sink->fd, &last, 1, size - 1) != 1 || last == '\n' ||
           write(sink->fd, "\n", 1) == 1;
}

static enum gale_err file_prepare(void *state, struct gale_task *task,
                                  const struct gale_conf *conf)
{
    struct file_sink *sink = state;
    sink->fd = -1;
    sink->sync = gale_conf_bool(conf, "fsync", false);
    render_parse_format(gale_conf_string(conf, "format", "tsv"), &sink->format);
    enum gale_err err = build_path(sink, task, gale_conf_string(conf, "path", ""));
    if (err != GALE_OK) {
        return err;
    }
    int mode = gale_conf_bool(conf, "append", true) ? 0 : O_TRUNC;
    sink->fd = open(sink->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | mode, 0666);
    if (sink->fd < 0) {
        gale_task_error(task, "cannot write `%s`: %s; correct the option path", sink->path,
                        strerror(errno));
        return GALE_ERR_IO;
    }
    (void)end_last_line(sink); /* On a full disk the first write says so. */
    return load_names(sink, task);
}

/* @return how many of the bytes were written. */
static size_t write_all(struct file_sink *sink)
{
    size_t written = 0;
    while (written < sink->lines.size) {
        ssize_t size = write(sink->fd, sink->lines.data + written, sink->lines.size - written);
        if (size > 0) {
            written += (size_t)size;
        } else if (size == 0 || errno != EINTR) {
            break;
        }
    }
    return written;
}

/* Takes back what was written last, unless something follows it or it cannot be taken back (pipe). */
static bool cut_back(struct file_sink *sink, size_t written)
{
    struct stat state;
    off_t end = lseek(sink->fd, 0, SEEK_CUR);
    return written == 0 ||
           (end >= (off_t)written && fstat(sink->fd, &state) == 0 && state.st_size == end &&
            ftruncate(sink->fd, end - (off_t)written) == 0);
}

/* Writes the gathered lines and ends their tuples. True when they are written. */
static bool flush(struct file_sink *sink, struct gale_task *task)
{
    size_t written = write_all(sink);
    bool is_written = written == sink->lines.size;
    if (is_written) {
        sink->sync_due = sink->sync_due || written > 0;
        sink->is_failing = false;
    } else {
        int error = errno;
        bool is_cut = cut_back(sink, written);
        if (!sink->is_failing) {
            gale_task_error(task, "cannot write `%s`: %s; its tuples fail and are replayed%s",
                            sink->path, strerror(error),
                            is_cut ? "" : "; part of a line may have been written");
        }
        sink->is_failing = true;
    }
    for (unsigned i = 0; i < sink->kept_count; i++) {
        if (is_written) {
            gale_ack(task, sink->kept[i]);
        } else {
            gale_fail(task, sink->kept[i]);
        }
    }
    sink->kept_count = 0;
    sink->lines.size = 0;
    return is_written;
}

static enum gale_err on_timer(void *state, struct gale_task *task, void *argument)
{
    struct file_sink *sink = state;
    (void)argument;
    sink->timer_runs = false;
    flush(sink, task);
    return GALE_OK;
}

static enum gale_err file_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    struct file_sink *sink = state;
    if (tuple->input >= INPUTS_MAX) {
        return GALE_OK;
    }
    enum gale_err err =
        render_line(&sink->lines, sink->format, tuple, sink->names[tuple->input]);
    if (err != GALE_OK) {
        return err;
    }
    struct gale_tuple *kept = gale_tuple_keep(task, tuple);
    if (kept == NULL) {
        /* No more may be kept: this tuple's result is known at once. */
        return flush(sink, task) ? GALE_OK : GALE_ERR_FAILED;
    }
    sink->kept[sink->kept_count++] = kept;
    if (sink->kept_count == KEPT_MAX || sink->lines.size >= BUFFER_FLUSH) {
        flush(sink, task);
    } else if (!sink->timer_runs) {
        sink->timer_runs = gale_timer_start(task, FLUSH_MS, 0, on_timer, NULL, NULL) == GALE_OK;
        if (!sink->timer_runs) {
            flush(sink, task);
        }
    }
    return GALE_OK;
}

static enum gale_err file_sync(struct file_sink *sink, struct gale_task *task)
{
    flush(sink, task);
    if (sink->sync && sink->sync_due && fsync(sink->fd) != 0 && errno != EINVAL) {
        gale_task_error(task, "fsync of `%s` failed: %s; what was written may be lost",
                        sink->path, strerror(errno));
        return GALE_ERR_IO;
    }
    sink->sync_due = false;
    return GALE_OK;
}

static enum gale_err file_tick(void *state, struct gale_task *task)
{
    return file_sync(state, task);
}

static void file_cleanup(void *state, struct gale_task *task)
{
    struct file_sink *sink = state;
    if (sink->fd >= 0) {
        file_sync(sink, task);
        close(sink->fd);
    }
    for (unsigned i = 0; i < INPUTS_MAX; i++) {
        free(sink->names[i]);
    }
    free(sink->lines.data);
}

const struct gale_bolt_ops file_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "file",
    .state_size = sizeof(struct file_sink),
    .options = options,
    .help = "Appends tuples to a file, one line each.",
    .declare = file_declare,
    .prepare = file_prepare,
    .execute = file_execute,
    .tick = file_tick,
    .finish = file_tick,
    .cleanup = file_cleanup,
};

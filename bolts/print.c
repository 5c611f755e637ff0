/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `print`: writes each tuple as one line (render.h) to the run's standard output, and passes
 * nothing on. Workers have no terminal of their own: `gale run` hands them its standard output and
 * names the descriptor in the environment variable GALE_STDOUT_FD; without it, descriptor 1 is used.
 *
 * Lines are gathered and written after at most 100 ms, whole lines of up to PIPE_BUF bytes in one
 * write, so that lines of several workers do not mix; longer lines may. The descriptor is shared and
 * stays blocking, so a write is only made when poll says that it will not wait. When a reader does
 * not read, up to BUFFER_MAX bytes are gathered; then the task waits for it up to WAIT_MS, and after
 * that tuples fail and are replayed. A reader that has gone away is reported once; from then on
 * tuples are discarded.
 *
 * Tuples are acked when their line is gathered. Owned by its task; all calls on the engine thread.
 */
#include "bolts/builtin.h"
#include "bolts/render.h"

#include <errno.h>
#include <gale/gale.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_FLUSH ((size_t)16 * 1024)
#define BUFFER_MAX ((size_t)1024 * 1024)
#define FLUSH_MS 100
#define WAIT_MS 500
#define INPUTS_MAX 64

struct print {
    struct render lines;
    size_t written; /* Bytes of `lines` that are out. */
    enum render_format format;
    int fd;
    bool closed; /* Nobody reads any more. */
    bool timer_runs;
    uint64_t left; /* Lines still allowed. */
    const char *prefix;
    const char **names[INPUTS_MAX]; /* Field names by input. */
};

static const struct gale_option options[] = {
    {"format", GALE_OPTION_STRING, false, "tsv",
     "tsv (tab-separated), json (one object a line) or raw (the first field as it is)."},
    {"limit", GALE_OPTION_INT, false, "0",
     "Most lines of one task, the rest is discarded; 0: all."},
    {"prefix", GALE_OPTION_STRING, false, NULL, "Text before each line."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err print_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    enum render_format format;
    if (!render_parse_format(gale_conf_string(conf, "format", "tsv"), &format)) {
        gale_declare_error(declare, "format", "format must be tsv, json or raw");
        return GALE_ERR_INVALID;
    }
    if (gale_conf_int64(conf, "limit", 0) < 0) {
        gale_declare_error(declare, "limit", "limit must be 0 (all) or more");
        return GALE_ERR_INVALID;
    }
    if (gale_declare_inputs(declare) > INPUTS_MAX) {
        gale_declare_error(declare, NULL, "print takes at most %d inputs", INPUTS_MAX);
        return GALE_ERR_LIMIT;
    }
    return GALE_OK;
}

static enum gale_err load_names(struct print *print, struct gale_task *task)
{
    for (unsigned i = 0; i < gale_task_inputs(task) && i < INPUTS_MAX; i++) {
        unsigned count = gale_task_fields(task, i);
        print->names[i] = calloc(count + 1u, sizeof(char *));
        if (print->names[i] == NULL) {
            return GALE_ERR_NOMEM;
        }
        for (unsigned f = 0; f < count; f++) {
            const char *name = gale_task_field_name(task, i, f);
            print->names[i][f] = name != NULL ? name : "";
        }
    }
    return GALE_OK;
}

static enum gale_err print_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    struct print *print = state;
    const char *fd = getenv("GALE_STDOUT_FD");
    int64_t limit = gale_conf_int64(conf, "limit", 0);
    render_parse_format(gale_conf_string(conf, "format", "tsv"), &print->format);
    print->fd = fd != NULL ? atoi(fd) : STDOUT_FILENO;
    print->left = limit > 0 ? (uint64_t)limit : UINT64_MAX;
    print->prefix = gale_conf_string(conf, "prefix", "");
    return load_names(print, task);
}

/* Bytes of the next write: whole lines up to PIPE_BUF, or a piece of a longer line. */
static size_t next_size(const struct print *print)
{
    const char *at = print->lines.data + print->written;
    size_t left = print->lines.size - print->written;
    if (left <= PIPE_BUF) {
        return left;
    }
    const char *newline = memrchr(at, '\n', PIPE_BUF);
    return newline != NULL ? (size_t)(newline - at) + 1 : PIPE_BUF;
}

static void give_up(struct print *print, struct gale_task *task)
{
    gale_task_error(task, "cannot write to standard output: %s; further tuples are discarded",
                    strerror(errno));
    print->closed = true;
    print->written = print->lines.size;
}

/* Writes what the reader takes, waiting up to wait_ms for it. */
static void flush(struct print *print, struct gale_task *task, int wait_ms)
{
    while (print->written < print->lines.size && !print->closed) {
        struct pollfd poll_fd = {.fd = print->fd, .events = POLLOUT};
        int ready = poll(&poll_fd, 1, wait_ms);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            break;
        }
        ssize_t size = write(print->fd, print->lines.data + print->written, next_size(print));
        if (size >= 0) {
            print->written += (size_t)size;
        } else if (errno == EAGAIN || errno == EINTR) {
            break;
        } else {
            give_up(print, task);
        }
    }
    size_t left = print->lines.size - print->written;
    if (left > 0 && print->written > 0) {
        memmove(print->lines.data, print->lines.data + print->written, left);
    }
    print->lines.size = left;
    print->written = 0;
}

static enum gale_err on_timer(void *state, struct gale_task *task, void *argument)
{
    struct print *print = state;
    (void)argument;
    print->timer_runs = false;
    flush(print, task, 0);
    if (print->lines.size == 0) {
        return GALE_OK;
    }
    enum gale_err err = gale_timer_start(task, FLUSH_MS, 0, on_timer, NULL, NULL);
    print->timer_runs = err == GALE_OK;
    return err;
}

static enum gale_err print_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct print *print = state;
    if (print->closed || print->left == 0 || tuple->input >= INPUTS_MAX) {
        return GALE_OK;
    }
    if (print->lines.size >= BUFFER_MAX) {
        flush(print, task, WAIT_MS);
        if (print->lines.size >= BUFFER_MAX) {
            return GALE_ERR_AGAIN;
        }
    }
    size_t before = print->lines.size;
    render_append(&print->lines, print->prefix, strlen(print->prefix));
    enum gale_err err =
        render_line(&print->lines, print->format, tuple, print->names[tuple->input]);
    if (err != GALE_OK) {
        print->lines.size = before;
        return err;
    }
    print->left--;
    if (print->lines.size >= BUFFER_FLUSH) {
        flush(print, task, 0);
    }
    if (print->lines.size > 0 && !print->timer_runs) {
        print->timer_runs =
            gale_timer_start(task, FLUSH_MS, 0, on_timer, NULL, NULL) == GALE_OK;
    }
    return GALE_OK;
}

static enum gale_err print_finish(void *state, struct gale_task *task)
{
    flush(state, task, WAIT_MS);
    return GALE_OK;
}

static void print_cleanup(void *state, struct gale_task *task)
{
    struct print *print = state;
    flush(print, task, WAIT_MS);
    if (print->lines.size > 0 && !print->closed) {
        gale_task_error(task, "%zu bytes were not written: nobody reads standard output",
                        print->lines.size);
    }
    for (unsigned i = 0; i < INPUTS_MAX; i++) {
        free(print->names[i]);
    }
    free(print->lines.data);
}

const struct gale_bolt_ops print_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "print",
    .state_size = sizeof(struct print),
    .options = options,
    .help = "Writes tuples to standard output, one line each.",
    .declare = print_declare,
    .prepare = print_prepare,
    .execute = print_execute,
    .finish = print_finish,
    .cleanup = print_cleanup,
};

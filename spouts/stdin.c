/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spout `stdin`: emits the lines of standard input, without their LF or CRLF; a last line without LF
 * counts, then the input has ended.
 *
 * Workers have no standard input of their own: `gale run` hands its descriptor to the one worker that
 * runs this spout and names it in the environment variable GALE_STDIN_FD; without that variable the
 * spout reads descriptor 0. Only one task can read it, so parallelism must be 1.
 *
 * Not replayable after the worker's death. Until then each line is retained until it is acked and is
 * emitted again when it fails: lines lie in the block that they were read into, and a block is
 * reused when none of its lines is open. When WINDOW_MAX ids lie between the oldest open line and
 * the next one, the spout waits for acks, so memory stays bounded.
 *
 * The descriptor may be shared with other processes, so it stays blocking; it is read only when
 * poll says that there is something. Owned by its task; all calls on the engine thread.
 */
#include "spouts/builtin.h"
#include "spouts/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <gale/gale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE ((size_t)256 * 1024)
#define LINE_MAX_DEFAULT (INT64_C(1) << 20)
#define LINE_MAX_MAX (INT64_C(64) << 20)
/* A refused line of more bytes than this may be too large for a tuple (1 MiB); a shorter one was
 * refused because too much waits downstream, and is tried again. */
#define LINE_FITS ((size_t)1024 * 1024 - 8192)
#define BURST 32
#define WINDOW_MAX ((uint64_t)1 << 20)
#define WINDOW_FIRST 1024
#define FAILED_WAIT_NS INT64_C(500000000) /* before a read that failed is told again */

/* What was read by one or more reads. `lines` counts open lines, plus one while it is filled. */
struct block {
    size_t lines;
    size_t capacity;
    char bytes[];
};

struct line {
    struct block *block; /* NULL: acked. */
    const char *data;
    size_t size;
};

struct stdin_spout {
    int fd;
    bool ended;
    int failed;    /* errno of a read that failed: nothing more is read; 0: none. */
    bool skipping; /* The rest of an over-long line is left out. */
    bool watching;
    size_t line_max;
    struct block *block; /* Being filled. */
    size_t begin;        /* First byte not emitted. */
    size_t end;
    struct line *window;  /* Ring by id. */
    uint64_t window_size; /* Power of two. */
    uint64_t oldest;      /* Ids below are acked. */
    uint64_t next_id;
    struct retry retry;
};

static const struct gale_option options[] = {
    {"field", GALE_OPTION_STRING, false, "line", "Name of the field that holds the line."},
    {"max_line", GALE_OPTION_SIZE, false, "1MiB",
     "Longer lines are reported and left out, 1 byte to 64MiB."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err stdin_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    int64_t line_max = gale_conf_size(conf, "max_line", LINE_MAX_DEFAULT);
    if (line_max < 1 || line_max > LINE_MAX_MAX) {
        gale_declare_error(declare, "max_line", "max_line must be 1 byte to 64MiB");
        return GALE_ERR_INVALID;
    }
    return gale_declare_stream(declare, "default", gale_conf_string(conf, "field", "line"),
                               false);
}

static struct block *block_new(size_t capacity)
{
    struct block *block = malloc(sizeof(*block) + capacity);
    if (block != NULL) {
        block->lines = 1;
        block->capacity = capacity;
    }
    return block;
}

static void block_drop(struct block *block)
{
    if (--block->lines == 0) {
        free(block);
    }
}

static enum gale_err stdin_open(void *state, struct gale_task *task,
                                const struct gale_conf *conf)
{
    struct stdin_spout *spout = state;
    const char *text = getenv("GALE_STDIN_FD");
    struct stat info;
    if (gale_task_parallelism(task) != 1) {
        gale_task_error(task,
                        "standard input can be read by one task only; set parallelism: 1");
        return GALE_ERR_INVALID;
    }
    spout->fd = text != NULL ? atoi(text) : STDIN_FILENO;
    /* `gale` puts a descriptor that cannot be read in the place of a closed one. */
    int flags = fcntl(spout->fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || fstat(spout->fd, &info) != 0 ||
        S_ISDIR(info.st_mode)) {
        gale_task_error(task, "standard input is closed or cannot be read; give it a file or "
                              "a pipe");
        return GALE_ERR_IO;
    }
    spout->line_max = (size_t)gale_conf_size(conf, "max_line", LINE_MAX_DEFAULT);
    spout->oldest = 1;
    spout->next_id = 1;
    spout->window_size = WINDOW_FIRST;
    spout->window = calloc(WINDOW_FIRST, sizeof(*spout->window));
    spout->block = block_new(BLOCK_SIZE);
    return spout->window != NULL && spout->block != NULL ? GALE_OK : GALE_ERR_NOMEM;
}

/* Makes room for one more id. False: wait for acks. */
static bool window_has_room(struct stdin_spout *spout)
{
    if (spout->next_id - spout->oldest < spout->window_size) {
        return true;
    }
    if (spout->window_size >= WINDOW_MAX) {
        return false;
    }
    uint64_t size = spout->window_size * 2;
    struct line *window = calloc(size, sizeof(*window));
    if (window == NULL) {
        return false;
    }
    for (uint64_t id = spout->oldest; id < spout->next_id; id++) {
        window[id & (size - 1)] = spout->window[id & (spout->window_size - 1)];
    }
    free(spout->window);
    spout->window = window;
    spout->window_size = size;
    return true;
}

static struct line *line_of(struct stdin_spout *spout, uint64_t id)
{
    return &spout->window[id & (spout->window_size - 1)];
}

static void forget_line(struct stdin_spout *spout, uint64_t id)
{
    struct line *line = line_of(spout, id);
    if (id < spout->oldest || id >= spout->next_id || line->block == NULL) {
        return;
    }
    block_drop(line->block);
    line->block = NULL;
    while (spout->oldest < spout->next_id && line_of(spout, spout->oldest)->block == NULL) {
        spout->oldest++;
    }
}

static void report_long(struct gale_task *task, uint64_t id)
{
    gale_task_error(task,
                    "line %llu of standard input is too long for max_line or for a tuple; it "
                    "is left out",
                    (unsigned long long)id);
}

static bool emit_line(struct gale_task *task, const struct line *line, uint64_t id)
{
    gale_put_string(gale_begin(task), line->data, line->size);
    return gale_emit_root(task, 0, id) != GALE_ERR_LIMIT;
}

/* Emits the line of `size` bytes at begin. False when it must be tried again later. */
static bool take_line(struct stdin_spout *spout, struct gale_task *task, size_t size)
{
    uint64_t id = spout->next_id;
    struct line line = {spout->block, spout->block->bytes + spout->begin, size};
    if (size > 0 && line.data[size - 1] == '\r') {
        line.size--;
    }
    bool is_long = line.size > spout->line_max;
    if (is_long || !emit_line(task, &line, id)) {
        if (!is_long && line.size <= LINE_FITS) {
            return false;
        }
        report_long(task, id);
        return true;
    }
    *line_of(spout, id) = line;
    spout->block->lines++;
    spout->next_id++;
    return true;
}

static enum gale_err on_readable(void *state, struct gale_task *task, int fd, unsigned events,
                                 void *argument)
{
    struct stdin_spout *spout = state;
    (void)events;
    (void)argument;
    spout->watching = false;
    return gale_fd_watch(task, fd, 0, on_readable, NULL);
}

/* Whether a read would not wait. Otherwise the loop wakes the task when something comes. */
static bool is_readable(struct stdin_spout *spout, struct gale_task *task)
{
    struct pollfd poll_fd = {.fd = spout->fd, .events = POLLIN};
    if (poll(&poll_fd, 1, 0) != 0) {
        return true;
    }
    if (!spout->watching &&
        gale_fd_watch(task, spout->fd, GALE_FD_READ, on_readable, NULL) == GALE_OK) {
        spout->watching = true;
    }
    if (spout->watching) {
        gale_spout_wait(task, INT64_MAX);
    }
    return false;
}

/* Moves the partial line to a new block that has room to read on. */
static bool renew_block(struct stdin_spout *spout)
{
    size_t partial = spout->end - spout->begin;
    size_t capacity = BLOCK_SIZE;
    while (capacity < partial * 2) {
        capacity *= 2;
    }
    struct block *block = block_new(capacity);
    if (block == NULL) {
        return false;
    }
    memcpy(block->bytes, spout->block->bytes + spout->begin, partial);
    block_drop(spout->block);
    spout->block = block;
    spout->begin = 0;
    spout->end = partial;
    return true;
}

/* An input that cannot be read has not ended: the run ends, with an error. */
static void read_failed(struct stdin_spout *spout, struct gale_task *task, int number)
{
    spout->failed = number;
    gale_spout_wait(task, gale_task_now_ns(task) + FAILED_WAIT_NS);
    gale_task_fatal(task,
                    "cannot read standard input behind line %llu: %s; give the rest to another "
                    "run",
                    (unsigned long long)(spout->next_id - 1), strerror(number));
}

/* Reads once; the end sets `ended`, an error `failed`. */
static void read_more(struct stdin_spout *spout, struct gale_task *task)
{
    if (spout->end - spout->begin > spout->line_max + 1) {
        if (!spout->skipping) {
            report_long(task, spout->next_id);
        }
        spout->skipping = true;
        spout->begin = spout->end;
    }
    if (spout->end == spout->block->capacity && !renew_block(spout)) {
        read_failed(spout, task, ENOMEM);
        return;
    }
    ssize_t got =
        read(spout->fd, spout->block->bytes + spout->end, spout->block->capacity - spout->end);
    if (got > 0) {
        spout->end += (size_t)got;
    } else if (got == 0) {
        spout->ended = true;
    } else if (errno != EINTR && errno != EAGAIN) {
        read_failed(spout, task, errno);
    }
}

static enum gale_next next_retry(struct stdin_spout *spout, struct gale_task *task)
{
    uint64_t id = 0;
    for (unsigned i = 0; i < BURST && retry_peek(&spout->retry, &id); i++) {
        const struct line *line = line_of(spout, id);
        if (id >= spout->oldest && line->block != NULL && !emit_line(task, line, id)) {
            return GALE_NEXT_IDLE;
        }
        retry_drop(&spout->retry);
    }
    return GALE_NEXT_MORE;
}

/* The last line, when it has no LF. */
static enum gale_next finish(struct stdin_spout *spout, struct gale_task *task)
{
    size_t size = spout->end - spout->begin;
    if (size > 0 && !spout->skipping) {
        if (!window_has_room(spout) || !take_line(spout, task, size)) {
            return GALE_NEXT_IDLE;
        }
    }
    spout->begin = spout->end;
    return GALE_NEXT_DONE;
}

static enum gale_next stdin_next(void *state, struct gale_task *task)
{
    struct stdin_spout *spout = state;
    if (spout->retry.count > 0) {
        return next_retry(spout, task);
    }
    for (unsigned emitted = 0; emitted < BURST;) {
        char *start = spout->block->bytes + spout->begin;
        char *newline = memchr(start, '\n', spout->end - spout->begin);
        if (newline == NULL) {
            if (spout->ended) {
                return finish(spout, task);
            }
            if (spout->failed != 0) {
                read_failed(spout, task, spout->failed);
            } else if (is_readable(spout, task)) {
                read_more(spout, task);
                return GALE_NEXT_MORE;
            }
            return GALE_NEXT_IDLE;
        }
        if (!spout->skipping) {
            if (!window_has_room(spout) || !take_line(spout, task, (size_t)(newline - start))) {
                return GALE_NEXT_IDLE;
            }
        }
        spout->skipping = false;
        spout->begin += (size_t)(newline - start) + 1;
        emitted++;
    }
    return GALE_NEXT_MORE;
}

static void stdin_ack(void *state, struct gale_task *task, uint64_t message_id)
{
    (void)task;
    forget_line(state, message_id);
}

static void stdin_fail(void *state, struct gale_task *task, uint64_t message_id)
{
    struct stdin_spout *spout = state;
    if (retry_push(&spout->retry, message_id) != GALE_OK) {
        gale_task_error(task,
                        "line %llu is not emitted again: no room for failed tuples; lower "
                        "max_pending",
                        (unsigned long long)message_id);
        forget_line(spout, message_id);
    }
}

static void stdin_close(void *state, struct gale_task *task)
{
    struct stdin_spout *spout = state;
    (void)task;
    for (uint64_t id = spout->oldest; id < spout->next_id; id++) {
        if (line_of(spout, id)->block != NULL) {
            block_drop(line_of(spout, id)->block);
        }
    }
    if (spout->block != NULL) {
        block_drop(spout->block);
    }
    free(spout->window);
    retry_fini(&spout->retry);
}

const struct gale_spout_ops stdin_spout_ops = {
    GALE_SPOUT_HEAD,
    .name = "stdin",
    .state_size = sizeof(struct stdin_spout),
    .options = options,
    .help = "Reads the lines of standard input.",
    .declare = stdin_declare,
    .open = stdin_open,
    .next = stdin_next,
    .ack = stdin_ack,
    .fail = stdin_fail,
    .close = stdin_close,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `nexmark_result`: the end of every query. It takes rows of any form, counts them and adds up
 * their checksums, and at the end of the run writes both as one line of the result file:
 *
 *     sink TASK ROWS SUM        (SUM in hexadecimal)
 *
 * Neither depends on the order of the rows, so the sums of several tasks may be added. A tuple that is
 * replayed counts again: a result is exact when nothing failed. Owned by its task.
 */
#include "nexmark/model/checksum.h"
#include "nexmark/module.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_SIZE 128

struct sink {
    uint64_t rows;
    uint64_t sum;
    const char *path; /* Owned by the configuration. */
};

void nexmark_result_line(struct gale_task *task, const char *path, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (path[0] == '\0' || size < 0 || size >= LINE_SIZE) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)size) != size) {
        gale_task_error(task,
                        "the result cannot be written to %s (errno %d); name a file "
                        "that can by -D result=",
                        path, errno);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static const struct gale_option options[] = {
    {"result", GALE_OPTION_STRING, false, "",
     "File to which the number of rows and their checksum are appended at the end."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err sink_prepare(void *state, struct gale_task *task,
                                  const struct gale_conf *conf)
{
    struct sink *sink = state;
    (void)task;
    sink->path = gale_conf_string(conf, "result", "");
    return GALE_OK;
}

static enum gale_err sink_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    struct sink *sink = state;
    (void)task;
    sink->rows++;
    sink->sum += checksum_row(tuple->data, tuple->size);
    return GALE_OK;
}

static void sink_cleanup(void *state, struct gale_task *task)
{
    const struct sink *sink = state;
    if (sink->path != NULL) {
        nexmark_result_line(task, sink->path, "sink %" PRIu32 " %" PRIu64 " %016" PRIx64 "\n",
                            gale_task_index(task), sink->rows, sink->sum);
    }
}

const struct gale_bolt_ops nexmark_result_ops = {
    GALE_BOLT_HEAD,
    .name = "nexmark_result",
    .state_size = sizeof(struct sink),
    .options = options,
    .help = "Counts rows and adds up their checksums, whatever their order.",
    .prepare = sink_prepare,
    .execute = sink_execute,
    .cleanup = sink_cleanup,
};

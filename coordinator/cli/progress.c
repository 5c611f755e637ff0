/* SPDX-License-Identifier: Apache-2.0 */
/* The progress of a wait; see progress.h. */
#include "cli/progress.h"

#include "base/clock.h"
#include "base/str.h"
#include "cli/json_writer.h"
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum { PROGRESS_LINE_MAX = 1024 };

void progress_init(struct progress *progress, const struct invocation *call,
                   const char *subject)
{
    memset(progress, 0, sizeof *progress);
    bool terminal = isatty(STDERR_FILENO) == 1 && term_moves_cursor();
    progress->mode = call->quiet  ? PROGRESS_NONE
                     : call->json ? PROGRESS_JSON
                     : terminal   ? PROGRESS_TERMINAL
                                  : PROGRESS_LINES;
    progress->subject = subject;
    progress->block.file = stderr;
    progress->begin_ns = clock_now_ns();
}

void progress_end(struct progress *progress)
{
    if (progress->mode == PROGRESS_TERMINAL) {
        term_block_erase(&progress->block);
        fflush(stderr);
    }
}

double progress_seconds(const struct progress *progress)
{
    return (double)(clock_now_ns() - progress->begin_ns) / 1e9;
}

static void show_json(const struct progress *progress, const char *phase, const char *detail)
{
    struct jsonw json;
    jsonw_init(&json, stderr);
    jsonw_open_object(&json, NULL);
    jsonw_open_object(&json, "progress");
    jsonw_string(&json, "topology", progress->subject);
    jsonw_string(&json, "phase", phase);
    jsonw_string(&json, "detail", detail != NULL ? detail : "");
    jsonw_int(&json, "elapsed_ms", (clock_now_ns() - progress->begin_ns) / 1000000);
    jsonw_close_object(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

void progress_plain(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = ' ';
        }
    }
}

void progress_show(struct progress *progress, const char *phase, const char *detail)
{
    char line[PROGRESS_LINE_MAX];
    const char *subject = progress->subject;
    bool some = detail != NULL && *detail != '\0';
    bool fresh = strncmp(progress->phase, phase, sizeof progress->phase - 1) != 0;
    (void)str_copy(progress->phase, sizeof progress->phase, phase);
    if (progress->mode == PROGRESS_NONE || (!fresh && progress->mode != PROGRESS_TERMINAL)) {
        return;
    }
    if (progress->mode == PROGRESS_JSON) {
        show_json(progress, phase, detail);
        return;
    }
    int64_t now_ns = clock_now_ns();
    snprintf(line, sizeof line, "%s%s%s%s%s", subject != NULL ? subject : "",
             subject != NULL ? ": " : "", phase, some ? ", " : "", some ? detail : "");
    progress_plain(line);
    if (progress->mode == PROGRESS_LINES) {
        fprintf(stderr, "%s\n", line);
    } else if (now_ns - progress->drawn_ns >= PROGRESS_REDRAW_MIN_NS) {
        char block[PROGRESS_LINE_MAX + 32];
        snprintf(block, sizeof block, "%s  %.1f s\n", line, progress_seconds(progress));
        progress->drawn_ns = now_ns;
        term_block_draw(&progress->block, block);
    }
}

void progress_say(struct progress *progress, const char *format, ...)
{
    char line[PROGRESS_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    progress_end(progress);
    if (progress->mode == PROGRESS_NONE) {
        return;
    }
    if (progress->mode == PROGRESS_JSON) {
        struct jsonw json;
        jsonw_init(&json, stderr);
        jsonw_open_object(&json, NULL);
        jsonw_string(&json, "note", line);
        jsonw_close_object(&json);
        jsonw_end(&json);
        return;
    }
    progress_plain(line);
    fprintf(stderr, "%s\n", line);
}

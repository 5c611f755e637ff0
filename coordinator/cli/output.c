/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes, colour, width and errors of the command line; see output.h. */
#include "cli/output.h"

#include "cli/json_writer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_MESSAGE_MAX = 1024 };

static const struct {
    int code;
    const char *name;
    const char *help;
} code_table[] = {
    {EXIT_DONE, "ok", "Done."},
    {EXIT_NO, "no", "The answer is no: a check found something."},
    {EXIT_USAGE, "usage", "The command line is wrong."},
    {EXIT_NO_INPUT, "not_found", "No such file, component or topology."},
    {EXIT_UNAVAILABLE, "unavailable", "Something that is needed cannot be reached."},
    {EXIT_INTERNAL, "internal", "A fault in gale or in a component, or out of memory."},
    {EXIT_CANT_CREATE, "exists", "It exists already and is not overwritten."},
    {EXIT_IO, "io", "Reading or writing failed, stdout included."},
    {EXIT_TEMPORARY, "temporary", "Busy or timed out; try again."},
    {EXIT_DENIED, "denied", "The system does not permit it."},
    {EXIT_INVALID, "invalid_topology", "The topology or configuration is invalid."},
    {EXIT_SIGNAL_BASE + 2, "interrupted", "Ended by Ctrl-C (SIGINT)."},
    {EXIT_SIGNAL_BASE + 15, "terminated", "Ended by SIGTERM."},
};

enum { CODES_COUNT = sizeof code_table / sizeof code_table[0] };

const int output_codes[] = {0, 1, 64, 66, 69, 70, 73, 74, 75, 77, 78, 130, 143, -1};

const char *output_code_name(int code)
{
    for (size_t i = 0; i < CODES_COUNT; i++) {
        if (code_table[i].code == code) {
            return code_table[i].name;
        }
    }
    return code > EXIT_SIGNAL_BASE ? "signal" : "error";
}

const char *output_code_help(int code)
{
    for (size_t i = 0; i < CODES_COUNT; i++) {
        if (code_table[i].code == code) {
            return code_table[i].help;
        }
    }
    return NULL;
}

int output_code_of(enum gale_err err)
{
    switch (err) {
    case GALE_OK: return EXIT_DONE;
    case GALE_ERR_NOT_FOUND: return EXIT_NO_INPUT;
    case GALE_ERR_EXISTS: return EXIT_CANT_CREATE;
    case GALE_ERR_INVALID:
    case GALE_ERR_ABI:
    case GALE_ERR_LIMIT:
    case GALE_ERR_TYPE:
    case GALE_ERR_UNSUPPORTED: return EXIT_INVALID;
    case GALE_ERR_IO:
    case GALE_ERR_CORRUPT: return EXIT_IO;
    case GALE_ERR_AGAIN:
    case GALE_ERR_UNKNOWN:
    case GALE_ERR_TIMEOUT: return EXIT_TEMPORARY;
    case GALE_ERR_CLOSED: return EXIT_UNAVAILABLE;
    case GALE_ERR_NOMEM:
    case GALE_ERR_STATE:
    case GALE_ERR_STALE:
    case GALE_ERR_FAILED: break;
    }
    return EXIT_INTERNAL;
}

bool output_color(enum color_mode mode, bool is_tty, const char *no_color,
                  const char *force_color, const char *term)
{
    if (mode != COLOR_AUTO) {
        return mode == COLOR_ALWAYS;
    }
    if (no_color != NULL && *no_color != '\0') {
        return false;
    }
    if (force_color != NULL && *force_color != '\0') {
        return strcmp(force_color, "0") != 0;
    }
    return is_tty && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

bool output_color_of(FILE *file, enum color_mode mode)
{
    return output_color(mode, isatty(fileno(file)) == 1, getenv("NO_COLOR"),
                        getenv("FORCE_COLOR"), getenv("TERM"));
}

void output_guard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            /* The lowest free descriptor is fd itself. stdin can only be written and the others
             * only be read, so that using a closed one still fails. */
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        }
    }
}

int output_finish(bool json)
{
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return EXIT_DONE;
    }
    if (errno == EPIPE) {
        return EXIT_DONE;
    }
    return output_fail(
        json, EXIT_IO, "look at where stdout leads and whether that disk is full",
        "cannot write to stdout: %s", errno != 0 ? strerror(errno) : "I/O error");
}

int output_fail(bool json, int code, const char *hint, const char *format, ...)
{
    char text[OUTPUT_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!json) {
        fprintf(stderr, "gale: %s\n", text);
        if (hint != NULL && *hint != '\0') {
            fprintf(stderr, "  %s\n", hint);
        }
        return code;
    }
    struct jsonw writer;
    jsonw_init(&writer, stderr);
    jsonw_open_object(&writer, NULL);
    jsonw_open_object(&writer, "error");
    jsonw_string(&writer, "code", output_code_name(code));
    jsonw_string(&writer, "message", text);
    jsonw_string(&writer, "hint", hint != NULL ? hint : "");
    jsonw_close_object(&writer);
    jsonw_close_object(&writer);
    jsonw_end(&writer);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the error codes and the filling of an error. No state; any thread. */
#include <gale/errors.h>

#include <stdarg.h>
#include <stdio.h>

const char *gale_err_name(enum gale_err err)
{
    static const char *const names[] = {
        [GALE_OK] = "ok",
        [GALE_ERR_INVALID] = "invalid",
        [GALE_ERR_NOMEM] = "out of memory",
        [GALE_ERR_NOT_FOUND] = "not found",
        [GALE_ERR_EXISTS] = "exists already",
        [GALE_ERR_LIMIT] = "limit reached",
        [GALE_ERR_AGAIN] = "try again",
        [GALE_ERR_CLOSED] = "closed",
        [GALE_ERR_IO] = "input/output error",
        [GALE_ERR_TIMEOUT] = "timed out",
        [GALE_ERR_CORRUPT] = "corrupt",
        [GALE_ERR_ABI] = "wrong abi",
        [GALE_ERR_TYPE] = "wrong type",
        [GALE_ERR_STATE] = "not allowed in this state",
        [GALE_ERR_UNSUPPORTED] = "unsupported",
        [GALE_ERR_STALE] = "stale",
        [GALE_ERR_FAILED] = "failed",
        [GALE_ERR_UNKNOWN] = "outcome unknown",
    };
    unsigned code = (unsigned)err;
    return code < sizeof names / sizeof names[0] ? names[code] : "unknown error";
}

enum gale_err gale_error_set(struct gale_error *error, enum gale_err code, const char *format,
                             ...)
{
    if (!error) {
        return code;
    }
    /* Formatted aside first: an argument may be the error's own text, put in a wider sentence. */
    char text[sizeof error->text];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s", length < 0 ? format : text);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes and messages shared by every public call. No state, no threads, libc only. */
#ifndef GALE_ERRORS_H
#define GALE_ERRORS_H

#include <gale/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a call that can fail returns. 0 is success; the numbers never change their meaning. */
enum gale_err {
    GALE_OK = 0,               /**< Done. */
    GALE_ERR_INVALID = 1,      /**< An argument, value or setting has a wrong form. */
    GALE_ERR_NOMEM = 2,        /**< Memory could not be had. */
    GALE_ERR_NOT_FOUND = 3,    /**< No such name, file, key or task. */
    GALE_ERR_EXISTS = 4,       /**< The name, file or key is there already. */
    GALE_ERR_LIMIT = 5,        /**< A named limit was hit; the message says which. */
    GALE_ERR_AGAIN = 6,        /**< Not now: no room or nothing to read; try again later. */
    GALE_ERR_CLOSED = 7,       /**< The peer, file or link is closed. */
    GALE_ERR_IO = 8,           /**< The operating system reported an input/output error. */
    GALE_ERR_TIMEOUT = 9,      /**< The deadline passed. */
    GALE_ERR_CORRUPT = 10,     /**< Bytes from outside do not have the promised form. */
    GALE_ERR_ABI = 11,         /**< A module was built for another ABI. */
    GALE_ERR_TYPE = 12,        /**< The value has another type than the one asked for. */
    GALE_ERR_STATE = 13,       /**< The call is not allowed in the present state. */
    GALE_ERR_UNSUPPORTED = 14, /**< This build or machine cannot do it. */
    GALE_ERR_STALE = 15,       /**< From a lower epoch, attempt or incarnation: refused. */
    GALE_ERR_FAILED = 16,      /**< A bolt says: fail this tuple (it will be replayed). */
    GALE_ERR_UNKNOWN = 17      /**< The outcome is not known: it took place, or not, or will. */
};

/** An error with a sentence for people: what, where and what to do next. */
struct gale_error {
    enum gale_err code; /**< GALE_OK when nothing is wrong. */
    char text[508];     /**< NUL-terminated UTF-8; empty when code is GALE_OK. */
};

/**
 * Names an error code.
 * @param err any code; unknown codes are named "unknown error".
 * @return a static string in lower case, never NULL. Any thread, never blocks.
 */
GALE_API const char *gale_err_name(enum gale_err err);

/**
 * Fills an error. Both pointers stay the caller's.
 * @param error receives code and text; may be NULL (then nothing is written).
 * @param code the code, also returned, so that `return gale_error_set(...)` works.
 * @param format printf format of the sentence; the text is cut at 507 bytes.
 * @return `code`. Any thread, never blocks.
 */
GALE_API enum gale_err gale_error_set(struct gale_error *error, enum gale_err code,
                                      const char *format, ...) GALE_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif

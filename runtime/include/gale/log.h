/* SPDX-License-Identifier: Apache-2.0 */
/* Logging: one line to standard error, with topology, component and task filled in by the
 * engine. Lines are limited per call site and second; what was left out is counted. */
#ifndef GALE_LOG_H
#define GALE_LOG_H

#include <gale/errors.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Levels, least severe first. */
enum gale_log_level {
    GALE_LOG_DEBUG = 0, /**< What a developer follows; off by default. */
    GALE_LOG_INFO = 1,  /**< What an operator wants to know. */
    GALE_LOG_WARN = 2,  /**< Something is wrong, the run goes on. */
    GALE_LOG_ERROR = 3  /**< Something failed and somebody must act. */
};

/**
 * Logs a sentence. Never put tuple contents above debug.
 * @param level its level; lines below the process's level cost one comparison.
 * @param format printf format, no newline. Any thread; may block on standard error.
 */
GALE_API void gale_log(enum gale_log_level level, const char *format, ...) GALE_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif

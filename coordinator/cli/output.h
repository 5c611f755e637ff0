/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command line may print and where: stdout is data only, stderr is everything else.
 * Exit codes follow sysexits.h. Colour rules are pure functions of what the
 * environment says, so that tests can ask them anything. Single-threaded.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Documented by `gale help exit-codes`. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_NO = 1, /* the answer is "no": a check failed */
    EXIT_USAGE = 64,
    EXIT_NO_INPUT = 66,    /* no such file, component or topology */
    EXIT_UNAVAILABLE = 69, /* something that is needed cannot be reached */
    EXIT_INTERNAL = 70,
    EXIT_CANT_CREATE = 73, /* it exists already */
    EXIT_IO = 74,          /* reading or writing failed, stdout included */
    EXIT_TEMPORARY = 75,   /* busy or timed out: try again */
    EXIT_DENIED = 77,
    EXIT_INVALID = 78,     /* invalid topology or configuration */
    EXIT_SIGNAL_BASE = 128 /* 128 + n: ended by signal n; 130 Ctrl-C, 143 SIGTERM */
};

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/** Machine-readable word for an exit code: "usage", "invalid_topology" …; never NULL. */
const char *output_code_name(int code);
/** One sentence for `gale help exit-codes`; NULL for codes that are not in the table. */
const char *output_code_help(int code);
/** All documented codes in order, ended by -1. */
extern const int output_codes[];
/** The exit code that an error of the library leads to. */
int output_code_of(enum gale_err err);

/** Whether colour is wanted: flag first, then NO_COLOR, FORCE_COLOR, TERM and the terminal.
 *  Each string is the variable's value or NULL. */
bool output_color(enum color_mode mode, bool is_tty, const char *no_color,
                  const char *force_color, const char *term);
/** The same for an open stream, asking the environment. */
bool output_color_of(FILE *file, enum color_mode mode);

/** Opens what is closed of descriptors 0, 1 and 2, so that no file lands there by accident;
 *  writing to a descriptor opened so still fails. */
void output_guard_descriptors(void);
/** Flushes stdout. @return EXIT_DONE or, with a message on stderr, EXIT_IO; a reader that has
 *  gone (EPIPE) is no error. */
int output_finish(bool json);

/**
 * Prints an error on stderr: "gale: MESSAGE" and the hint below it, or with `json`
 * {"error":{"code","message","hint"}}. @param hint the next step, or NULL.
 * @return `code`, so that `return output_fail(...)` works.
 */
int output_fail(bool json, int code, const char *hint, const char *format, ...)
    GALE_PRINTF(4, 5);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A topology file read and compiled as `gale run` would do it, for the verbs that only look at the
 * plan. Modules are looked into by processes of their own. One thread. */
#ifndef CLI_COMPILE_H
#define CLI_COMPILE_H

#include "cli/options.h"
#include "run/load.h"
#include <limits.h>

/** The -D options, of which each must be key=value. @param texts room for OPTIONS_VALUES_MAX of them,
 *  borrowed by *out. @return EXIT_DONE or EXIT_USAGE, reported. */
int compile_defines(const struct invocation *call, const char **texts,
                    struct topology_defines *out);
/** The path of the running binary. @return EXIT_DONE or EXIT_INTERNAL, reported. */
int compile_own_path(const struct invocation *call, char out[PATH_MAX]);
/**
 * Reads and compiles a file with the -D options of the command line.
 * @return EXIT_DONE (also with errors in out->diag: then plan is NULL), or the exit code of what
 * kept it from trying, already reported. loaded_fini in either case.
 */
int compile_open(const struct invocation *call, const char *path, struct loaded *out);
/** Prints the findings as text (diag_render). @return EXIT_DONE or EXIT_INTERNAL, reported. */
int compile_print(const struct invocation *call, const struct loaded *loaded, FILE *file);
/** How many of the findings are warnings. */
size_t compile_warnings(const struct loaded *loaded);

#endif

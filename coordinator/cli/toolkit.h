/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the headers and the library of the running gale lie: beside an installed binary
 * (PREFIX/bin/gale) or in the build tree that made it. For `gale new` and `gale doctor`.
 */
#ifndef CLI_TOOLKIT_H
#define CLI_TOOLKIT_H

#include <limits.h>
#include <stdbool.h>

struct toolkit {
    char binary[PATH_MAX];  /* the running gale */
    char include[PATH_MAX]; /* directory that holds gale/gale.h; empty = not found */
    char library[PATH_MAX]; /* directory that holds libgale.so; empty = not found */
    char bench[PATH_MAX];   /* directory that holds libgale_bench.a; empty = not found */
};

/** Looks them up. @return true when headers and library were found. */
bool toolkit_find(struct toolkit *toolkit);
/** Whether a program can be found in PATH; *path (PATH_MAX) receives where. */
bool toolkit_program(const char *name, char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that `gale new` writes, as texts with places to fill in: @NAME@ (as given), @ID@ (the
 * name as a C identifier), @BINARY@, @INCLUDE@, @LIBRARY@ and @BENCH@ (of the running gale). Pure data.
 */
#ifndef CLI_SKELETON_H
#define CLI_SKELETON_H

#include <stddef.h>

struct skeleton_file {
    const char *path; /* may hold @NAME@ */
    const char *text;
};

struct skeleton {
    const char *kind; /* "bolt", "spout", "topology" */
    const struct skeleton_file *files;
    size_t files_count;
};

extern const struct skeleton skeletons[];
extern const size_t skeletons_count;

#endif

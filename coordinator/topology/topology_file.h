/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a topology file into the configuration tree that plan_compile takes: YAML, included
 * files, ${NAME} substitution and -D overrides. docs/topology-file.md is the user's view.
 *
 * Whatever the file holds, reading ends with a tree or with errors in `diag` that say where; bytes,
 * depth, nodes, files and substituted text are bounded. What the keys mean is checked by the plan,
 * not here. One thread; blocks on files; reads the environment.
 */
#ifndef TOPOLOGY_TOPOLOGY_FILE_H
#define TOPOLOGY_TOPOLOGY_FILE_H

#include "core/diag.h"

#define TOPOLOGY_FILE_SIZE_MAX ((size_t)1 << 20) /* Bytes of one file. */
#define TOPOLOGY_INCLUDE_DEPTH_MAX 8 /* Files within each other, the first not counted. */
#define TOPOLOGY_FILES_MAX 64        /* Files of one topology in all. */
#define TOPOLOGY_SUBSTITUTED_SIZE_MAX \
    ((size_t)4 << 20) /* Bytes that substitution makes in all. */

/* What -D gave: "key=value" texts, the later one of a key wins. Borrowed for the call. */
struct topology_defines {
    const char *const *texts;
    size_t count;
};

/**
 * Reads a file and what it includes.
 * @param path opened as given; included paths are relative to the file that names them.
 * @param defines may be NULL.
 * @param diag receives every error, not sorted.
 * @param out the tree, to be freed by conf_free. On GALE_ERR_INVALID it is NULL, or the rest of the
 * tree where the errors (a key written twice, a -D that nothing uses) leave it worth checking: free
 * it in any case.
 * @return GALE_OK; GALE_ERR_INVALID with errors in diag (a file that cannot be read is one, too);
 * GALE_ERR_NOMEM.
 */
enum gale_err topology_file_load(const char *path, const struct topology_defines *defines,
                                 struct diag *diag, struct gale_conf **out);

/** As topology_file_load for a text in memory; `name` stands in the places. It may not include. */
enum gale_err topology_text_load(const char *name, const char *text, size_t size,
                                 const struct topology_defines *defines, struct diag *diag,
                                 struct gale_conf **out);

#endif

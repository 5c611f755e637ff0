/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of one loading share: where errors go, the -D texts and the counts that bound the
 * whole topology over all its files. Private to coordinator/topology; one thread.
 */
#ifndef TOPOLOGY_LOAD_H
#define TOPOLOGY_LOAD_H

#include "topology/topology_file.h"

/* One -D, split. */
struct load_define {
    char *key;         /* Owned. */
    const char *value; /* Inside text. */
    const char *text;  /* Borrowed, as given. */
    bool used;         /* Some ${key} took it. */
    bool shadowed;     /* A later one has the same key. */
};

struct load {
    struct diag *diag;
    struct load_define *defines; /* Owned. */
    size_t defines_count;
    size_t nodes_count;
    size_t files_count;
    size_t substituted_size;
    bool includes_allowed;
    bool broken; /* An error that would make others follow: no tree is handed out. */
};

/** Splits the -D texts; malformed ones are reported. GALE_ERR_NOMEM. */
enum gale_err load_init(struct load *load, const struct topology_defines *defines,
                        struct diag *diag);
void load_fini(struct load *load);
/** The last -D of that key, or NULL. */
struct load_define *load_define_find(struct load *load, const char *key, size_t key_size);
/** Sets what unused -D name in the tree; those that name nothing are reported. */
enum gale_err load_override(struct load *load, struct gale_conf *tree);
/** Reads a file and, depth by depth, what it includes. *out NULL: reported. GALE_ERR_NOMEM. */
enum gale_err load_file(struct load *load, const char *path, struct gale_conf **out);
/** Merges what `tree` (read from `file`) includes into it and removes its `include` key. */
enum gale_err load_includes(struct load *load, const char *file, struct gale_conf *tree);
/** Checks the references to the topology's files, when the tree is otherwise complete; wrong ones are
 *  reported. GALE_ERR_NOMEM. */
enum gale_err load_check_files(struct load *load, struct gale_conf *tree);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* From a file's name to a compiled plan: a topology file, or a module with a topology in C
 * ("lib.so" or "lib.so:name"). Blocks on files and on the processes that look into modules
 * (run/probe.h): no code of a module runs here, so the tables of the plan's module components are
 * descriptions. One thread. */
#ifndef RUN_LOAD_H
#define RUN_LOAD_H

#include "core/plan.h"
#include "run/probe.h"
#include "topology/topology_file.h"
#include "worker/worker.h"

struct load_options {
    const char *file;
    struct topology_defines defines;
    const struct worker_builtins *builtins;
    const char *gale_path; /* binary that looks into modules: `gale_path probe …` */
    const char *name;      /* replaces the topology's; NULL: as in the file */
    uint32_t workers;      /* replaces the file's; 0: as in the file */
};

struct loaded {
    struct diag diag;    /* sorted */
    struct probe *probe; /* has what the plan shows of modules */
    struct plan *plan;   /* NULL when diag has errors */
};

/** The first half of load_topology: the tree with absolute paths and its references to files as they
 *  were written (core/locate.h). @param tree to be freed by conf_free; NULL on an error, and when
 *  errors in loaded->diag leave none. Else as load_topology. */
enum gale_err load_tree(const struct load_options *options, struct loaded *loaded,
                        struct gale_conf **tree, struct gale_error *error);

/** GALE_OK also with errors in loaded->diag. GALE_ERR_NOT_FOUND (the file), GALE_ERR_NOMEM and
 *  what a module's own builder returned, with a sentence in *error. loaded_fini in any case. */
enum gale_err load_topology(const struct load_options *options, struct loaded *loaded,
                            struct gale_error *error);
void loaded_fini(struct loaded *loaded);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is submitted: a topology's tree whose modules and files are named by content, what its
 * modules said of themselves, and the list of these blobs. It is made where the files are; the
 * coordinator compiles the same plan from it again and again without running a module.
 *
 * In the tree a module is "sha256:HEX", and so are the values of `files`; ${file.NAME} in options
 * stands as it was written. worker/locate.h gives both their meaning where the blobs lie.
 *
 * Encoded (the topology's definition in the store):
 *   0 'G'  1 'D'  2 version = 1  3 form (0 plain, 1 LZ4)  4 u32 size of the document
 *   8 the document, in conf_pack's form, plain or as an LZ4 block  … u64 checksum (hash64 of all
 *   bytes before it, seed 'D')
 *   document  {topology: tree, modules: {sha256:HEX: description (run/probe_wire.h)},
 *             declares: [{module, kind, name, conf, inputs, result, calls}],
 *             blobs: [{sha, name, size}]}
 *
 * A package is read by one thread at a time. Not a secret and not signed: its checksum finds damage.
 */
#ifndef CLUSTER_PACKAGE_H
#define CLUSTER_PACKAGE_H

#include "blobs/sha256.h"
#include "core/plan.h"
#include "run/load.h"

#include <limits.h>

#define PACKAGE_VERSION 1
#define PACKAGE_BLOBS_MAX 1024
#define PACKAGE_DOCUMENT_MAX (8u << 20) /* bytes before compression */
#define PACKAGE_NAME_SIZE 65
#define PACKAGE_BLOB_NAME_SIZE 128

struct package_blob {
    char hex[SHA256_HEX_SIZE];
    char name[PACKAGE_BLOB_NAME_SIZE]; /* the file's own, for people; may be cut */
    uint64_t size;
    char *path; /* where package_make found it; NULL in a decoded package. Owned. */
};

struct package {
    char name[PACKAGE_NAME_SIZE]; /* of the topology */
    const struct gale_conf *tree; /* inside document */
    struct package_blob *blobs;   /* owned; each content once */
    size_t blobs_count;
    struct gale_conf *document;  /* owned */
    struct described *described; /* owned; made by the first package_plan */
};

/**
 * Makes a package of a topology file or a module: loads, looks into its modules by processes of
 * their own, compiles, hashes. Blocks.
 * @param diag receives errors and warnings, sorted. @param out to be freed by package_fini in any
 * case; empty when diag has errors. @return GALE_OK, also with errors in diag; else as
 * load_topology, and GALE_ERR_LIMIT (too many or too large files), with *error set.
 */
enum gale_err package_make(const struct load_options *options, struct diag *diag,
                           struct package *out, struct gale_error *error);
void package_fini(struct package *package);

/** Appends the definition. GALE_ERR_LIMIT: larger than STORE_VALUE_MAX; GALE_ERR_NOMEM. */
enum gale_err package_encode(const struct package *package, struct buf *out);
/** Any bytes are safe. GALE_ERR_CORRUPT, GALE_ERR_UNSUPPORTED (of a newer gale), GALE_ERR_NOMEM with
 *  *error set; *out is empty then. */
enum gale_err package_decode(const void *data, size_t size, struct package *out,
                             struct gale_error *error);

/**
 * Compiles the plan from what the package says; runs no module. Tables of module components are
 * descriptions (run/described.h) that belong to the package: free the plan first.
 * @param workers replaces the tree's; 0: as in the tree. @param parallelism map of component: tasks,
 * or NULL; a name that the topology has not is an error in diag.
 * @param builtins must stay the same for all calls.
 * @return GALE_OK and *out, to be freed by plan_free; GALE_ERR_INVALID with errors in diag;
 * GALE_ERR_NOMEM.
 */
enum gale_err package_plan(struct package *package, const struct worker_builtins *builtins,
                           uint32_t workers, const struct gale_conf *parallelism,
                           struct plan **out, struct diag *diag);

#endif

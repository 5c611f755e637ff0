/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a topology's modules and files lie. In a tree, these are the `module` of the spouts, bolts
 * and custom groupings, and the values of the map `files`; an option refers to one of these as
 * ${file.NAME}. Each function copies a tree and gives the paths of the copy another form:
 *
 *   as written     module: ./a.so    files: {dict: d.txt}     options: ${file.dict}
 *   absolute       /x/a.so           /x/d.txt                 ${file.dict}      (worker/registry.h)
 *   portable       sha256:HEX        sha256:HEX               ${file.dict}      (cluster/package.h)
 *   on a host      DIR/HEX           DIR/HEX, then taken away   DIR/HEX           (locate_blobs)
 *
 * While `files` stands in a tree, "$${file." in an option means the characters "${file."; a tree
 * without `files` has no references, and its options are as they are. Pure.
 */
#ifndef CORE_LOCATE_H
#define CORE_LOCATE_H

#include "base/conf.h"

#include <limits.h>

#define LOCATE_SHA_PREFIX "sha256:"
#define LOCATE_HEX_SIZE 64

/** Gives a path its new form, at most PATH_MAX bytes with the end. @return GALE_OK, or an error that
 *  ends the copying. */
typedef enum gale_err locate_fn(void *self, const char *path, char out[PATH_MAX]);

/** Copies a tree with every path changed by fn. What has not the form of a topology is copied as it
 *  is. @param out to be freed by conf_free; NULL on an error. @return GALE_OK, GALE_ERR_NOMEM, or
 *  what fn returned. */
enum gale_err locate_map(const struct gale_conf *tree, locate_fn *fn, void *self,
                         struct gale_conf **out);
/** Replaces the references in the options by the paths of `files`, and takes `files` away; unknown
 *  ones stay. A tree without `files` is copied. As locate_map. */
enum gale_err locate_references(const struct gale_conf *tree, struct gale_conf **out);
/** For a worker, whose blobs lie in `dir`: "sha256:HEX" becomes dir/HEX, then as locate_references.
 *  GALE_ERR_LIMIT: dir is too long. */
enum gale_err locate_blobs(const char *dir, const struct gale_conf *tree,
                           struct gale_conf **out);
/** As locate_references for a component's options alone. @param files the map, or NULL. */
enum gale_err locate_options(const struct gale_conf *files, const struct gale_conf *options,
                             struct gale_conf **out);

/** The next reference in a text at or behind `text`: its place, its name in *name, and in *size its
 *  whole length. NULL: there is none. "$${file." is none. */
const char *locate_next(const char *text, const char **name, size_t *name_size, size_t *size);
/** The HEX of "sha256:HEX", or NULL. */
const char *locate_hex(const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of loading a topology: read the file, merge what it includes, set what -D names, check
 * what refers to files. The steps lie in yaml.c, substitute.c, include.c, defines.c and files.c. One
 * thread.
 */
#include "topology/topology_file.h"
#include "topology/load.h"
#include "topology/yaml.h"

/* The steps behind the reading, and the decision what is handed out. */
static enum gale_err load_finish(struct load *load, enum gale_err err, size_t errors_before,
                                 struct gale_conf *tree, struct gale_conf **out)
{
    if (!err && tree && !load->broken) {
        err = load_override(load, tree);
        err = err ? err : load_check_files(load, tree);
    }
    load_fini(load);
    if (err || load->broken) {
        conf_free(tree);
        tree = NULL;
    }
    *out = tree;
    if (!err && load->diag->errors_count > errors_before) {
        err = GALE_ERR_INVALID;
    }
    return err;
}

enum gale_err topology_file_load(const char *path, const struct topology_defines *defines,
                                 struct diag *diag, struct gale_conf **out)
{
    struct load load;
    struct gale_conf *tree = NULL;
    size_t errors_before = diag->errors_count;
    enum gale_err err = load_init(&load, defines, diag);
    load.includes_allowed = true;
    if (!err) {
        err = load_file(&load, path, &tree);
    }
    return load_finish(&load, err, errors_before, tree, out);
}

enum gale_err topology_text_load(const char *name, const char *text, size_t size,
                                 const struct topology_defines *defines, struct diag *diag,
                                 struct gale_conf **out)
{
    struct load load;
    struct gale_conf *tree = NULL;
    size_t errors_before = diag->errors_count;
    enum gale_err err = load_init(&load, defines, diag);
    if (!err && size > TOPOLOGY_FILE_SIZE_MAX) {
        diag_add(diag, DIAG_LIMIT, NULL, NULL, "%s is larger than %zu bytes", name,
                 TOPOLOGY_FILE_SIZE_MAX);
        load.broken = true;
    } else if (!err) {
        err = yaml_read(&load, name, text, size, &tree);
    }
    if (!err && tree) {
        err = load_includes(&load, name, tree);
    }
    return load_finish(&load, err, errors_before, tree, out);
}

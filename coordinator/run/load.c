/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a topology; see load.h. Paths of modules and files in the plan's tree are absolute, so it
 * can travel to the processes of this host. */
#include "run/load.h"

#include "base/conf.h"
#include "core/locate.h"
#include "worker/registry.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "lib.so" or "lib.so:name": the path in `path`, the name (or NULL) returned in *name. */
static bool is_module(const char *file, char path[PATH_MAX], const char **name)
{
    snprintf(path, PATH_MAX, "%s", file);
    char *suffix = strstr(path, ".so");
    *name = NULL;
    while (suffix && suffix[3] != '\0' && suffix[3] != ':') {
        suffix = strstr(suffix + 1, ".so");
    }
    if (!suffix) {
        return false;
    }
    if (suffix[3] == ':') {
        *name = file + (suffix - path) + 4;
        suffix[3] = '\0';
    }
    return true;
}

static enum gale_err directory_of(const char *path, char out[PATH_MAX])
{
    char full[PATH_MAX];
    if (!realpath(path, full)) {
        return GALE_ERR_NOT_FOUND;
    }
    char *slash = strrchr(full, '/');
    if (slash == full) {
        slash++;
    }
    *slash = '\0';
    snprintf(out, PATH_MAX, "%s", full);
    return GALE_OK;
}

static enum gale_err override(struct gale_conf *tree, const struct load_options *options)
{
    enum gale_err err = GALE_OK;
    if (options->name) {
        conf_remove(tree, "name");
        err = conf_add_scalar(tree, "name", options->name, true, NULL);
    }
    if (err == GALE_OK && options->workers > 0) {
        char text[16];
        snprintf(text, sizeof(text), "%u", options->workers);
        conf_remove(tree, "workers");
        err = conf_add_scalar(tree, "workers", text, false, NULL);
    }
    return err;
}

static enum gale_err read_tree(const struct load_options *options, struct loaded *loaded,
                               const char *path, const char *name, bool module,
                               struct gale_conf **tree, struct gale_error *error)
{
    if (module) {
        return probe_topology(loaded->probe, path, name, tree, error);
    }
    enum gale_err err =
        topology_file_load(options->file, &options->defines, &loaded->diag, tree);
    return err == GALE_ERR_INVALID ? GALE_OK : err; /* The diagnostics say it. */
}

/* Reports the files that cannot be read here: they would be missed only while it runs. */
static void check_files(const struct gale_conf *tree, struct diag *diag)
{
    const struct gale_conf *files = gale_conf_get(tree, "files");
    for (size_t i = 0; i < gale_conf_count(files); i++) {
        const struct gale_conf *file = gale_conf_at(files, i);
        struct conf_place place = conf_place_of(file);
        const char *path = gale_conf_text(file);
        struct stat info;
        if (path == NULL) {
            continue; /* The plan says that it is no path. */
        }
        if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
            diag_add(diag, DIAG_INCLUDE, place.file ? &place : NULL,
                     "a path is relative to the topology's file", "cannot open %.200s: %s",
                     path, strerror(errno));
        } else if (!S_ISREG(info.st_mode)) {
            diag_add(diag, DIAG_INCLUDE, place.file ? &place : NULL, NULL,
                     "%.200s is no regular file", path);
        }
    }
}

enum gale_err load_tree(const struct load_options *options, struct loaded *loaded,
                        struct gale_conf **out, struct gale_error *error)
{
    char path[PATH_MAX];
    char directory[PATH_MAX];
    const char *name;
    struct gale_conf *tree = NULL;
    *out = NULL;
    memset(loaded, 0, sizeof(*loaded));
    diag_init(&loaded->diag);
    bool module = is_module(options->file, path, &name);
    if (access(path, R_OK) != 0 || directory_of(path, directory) != GALE_OK) {
        return gale_error_set(error, GALE_ERR_NOT_FOUND, "cannot read %s: %s", path,
                              strerror(errno));
    }
    enum gale_err err = probe_new(options->gale_path, options->builtins, &loaded->probe);
    if (err == GALE_OK) {
        err = read_tree(options, loaded, path, name, module, &tree, error);
    }
    if (err == GALE_OK && tree) {
        err = override(tree, options);
    }
    if (err == GALE_OK && tree) {
        err = registry_resolve(module ? "." : directory, tree, out);
    }
    if (err == GALE_OK && *out) {
        check_files(*out, &loaded->diag);
    }
    conf_free(tree);
    return err;
}

enum gale_err load_topology(const struct load_options *options, struct loaded *loaded,
                            struct gale_error *error)
{
    struct gale_conf *tree = NULL;
    struct gale_conf *located = NULL;
    enum gale_err err = load_tree(options, loaded, &tree, error);
    if (err == GALE_OK && tree) {
        err = locate_references(tree, &located);
    }
    if (err == GALE_OK && located) {
        err =
            plan_compile(located, probe_registry(loaded->probe), &loaded->diag, &loaded->plan);
        err = err == GALE_ERR_INVALID ? GALE_OK : err;
        probe_rest(loaded->probe); /* A run may take days; all is known by now. */
    }
    conf_free(tree);
    conf_free(located);
    diag_sort(&loaded->diag);
    if (loaded->diag.errors_count > 0) {
        plan_free(loaded->plan);
        loaded->plan = NULL;
    }
    if (err != GALE_OK && error->text[0] == '\0') {
        gale_error_set(error, err, "%s: %s", options->file, gale_err_name(err));
    }
    return err;
}

void loaded_fini(struct loaded *loaded)
{
    plan_free(loaded->plan);
    probe_free(loaded->probe);
    diag_fini(&loaded->diag);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See compile.h. */
#include "cli/compile.h"

#include "bolts/builtin.h"
#include "spouts/builtin.h"
#include "topology/topology_file.h"
#include "worker/registry.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static int no_memory(const struct invocation *call)
{
    return output_fail(call->json, EXIT_INTERNAL, "end other programs and try again",
                       "out of memory");
}

/* The -D options, of which each must be key=value. */
static int read_defines(const struct invocation *call, const char **texts,
                        struct topology_defines *out)
{
    const char *text;
    out->texts = texts;
    for (out->count = 0; (text = options_value_at(call, "define", out->count)) != NULL;
         out->count++) {
        const char *equals = strchr(text, '=');
        if (equals == NULL || equals == text) {
            return output_fail(call->json, EXIT_USAGE, "write -D key=value",
                               "-D \"%s\" is no definition", text);
        }
        texts[out->count] = text;
    }
    return EXIT_DONE;
}

/* Directory of a file, to which the module paths in it are relative. */
static bool directory_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int size = slash == NULL   ? snprintf(out, PATH_MAX, ".")
               : slash == path ? snprintf(out, PATH_MAX, "/")
                               : snprintf(out, PATH_MAX, "%.*s", (int)(slash - path), path);
    return size > 0 && size < PATH_MAX;
}

int compile_open(const struct invocation *call, const char *path, struct compiled *out)
{
    static const char *texts[OPTIONS_VALUES_MAX];
    char directory[PATH_MAX];
    struct topology_defines defines;
    struct gale_conf *tree = NULL;
    memset(out, 0, sizeof *out);
    diag_init(&out->diag);
    int code = read_defines(call, texts, &defines);
    if (code != EXIT_DONE) {
        return code;
    }
    if (access(path, R_OK) != 0) {
        return output_fail(call->json, errno == EACCES ? EXIT_DENIED : EXIT_NO_INPUT,
                           "`gale new topology NAME` writes one to start from",
                           "cannot read %s: %s", path, strerror(errno));
    }
    if (!directory_of(path, directory) ||
        registry_new(spouts_builtin, bolts_builtin, directory, &out->registry) != GALE_OK) {
        return no_memory(call);
    }
    enum gale_err err = topology_file_load(path, &defines, &out->diag, &tree);
    if (err != GALE_ERR_NOMEM && tree != NULL) {
        err = plan_compile(tree, out->registry, &out->diag, &out->plan);
    }
    conf_free(tree);
    if (err == GALE_ERR_NOMEM) {
        return no_memory(call);
    }
    diag_sort(&out->diag);
    if (out->diag.errors_count > 0) {
        plan_free(out->plan);
        out->plan = NULL;
    }
    return EXIT_DONE;
}

void compile_close(struct compiled *compiled)
{
    plan_free(compiled->plan);
    registry_free(compiled->registry);
    diag_fini(&compiled->diag);
}

int compile_print(const struct invocation *call, const struct compiled *compiled, FILE *file)
{
    struct buf text;
    buf_init(&text, 0);
    enum gale_err err = diag_render(&compiled->diag, &text);
    if (err == GALE_OK) {
        fwrite(text.data, 1, text.size, file);
    }
    buf_fini(&text);
    return err == GALE_OK ? EXIT_DONE : no_memory(call);
}

size_t compile_warnings(const struct compiled *compiled)
{
    size_t count = 0;
    for (size_t i = 0; i < compiled->diag.count; i++) {
        count += compiled->diag.items[i].warning;
    }
    return count;
}

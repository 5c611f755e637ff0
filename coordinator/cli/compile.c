/* SPDX-License-Identifier: Apache-2.0 */
/* See compile.h. */
#include "cli/compile.h"

#include "bolts/builtin.h"
#include "spouts/builtin.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static int no_memory(const struct invocation *call)
{
    return output_fail(call->json, EXIT_INTERNAL, "end other programs and try again",
                       "out of memory");
}

int compile_defines(const struct invocation *call, const char **texts,
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

int compile_own_path(const struct invocation *call, char out[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (size <= 0) {
        return output_fail(call->json, EXIT_INTERNAL, "mount /proc",
                           "cannot find gale's own path: %s", strerror(errno));
    }
    out[size] = '\0';
    return EXIT_DONE;
}

int compile_open(const struct invocation *call, const char *path, struct loaded *out)
{
    static const char *texts[OPTIONS_VALUES_MAX];
    const struct worker_builtins builtins = {spouts_builtin, bolts_builtin};
    char gale_path[PATH_MAX];
    struct load_options options = {.file = path, .builtins = &builtins, .gale_path = gale_path};
    struct gale_error error = {GALE_OK, ""};
    memset(out, 0, sizeof *out);
    diag_init(&out->diag);
    int code = compile_defines(call, texts, &options.defines);
    code = code != EXIT_DONE ? code : compile_own_path(call, gale_path);
    if (code != EXIT_DONE) {
        return code;
    }
    if (strchr(path, ':') == NULL && access(path, R_OK) != 0) {
        return output_fail(call->json, errno == EACCES ? EXIT_DENIED : EXIT_NO_INPUT,
                           "`gale new topology NAME` writes one to start from",
                           "cannot read %s: %s", path, strerror(errno));
    }
    enum gale_err err = load_topology(&options, out, &error);
    if (err == GALE_ERR_NOMEM) {
        return no_memory(call);
    }
    if (err != GALE_OK) {
        return output_fail(call->json, output_code_of(err), NULL, "%s", error.text);
    }
    return EXIT_DONE;
}

int compile_print(const struct invocation *call, const struct loaded *loaded, FILE *file)
{
    struct buf text;
    buf_init(&text, 0);
    enum gale_err err = diag_render(&loaded->diag, &text);
    if (err == GALE_OK) {
        fwrite(text.data, 1, text.size, file);
    }
    buf_fini(&text);
    return err == GALE_OK ? EXIT_DONE : no_memory(call);
}

size_t compile_warnings(const struct loaded *loaded)
{
    size_t count = 0;
    for (size_t i = 0; i < loaded->diag.count; i++) {
        count += loaded->diag.items[i].warning;
    }
    return count;
}

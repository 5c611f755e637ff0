/* SPDX-License-Identifier: Apache-2.0 */
/* gale graph FILE: draws a topology. */
#include "cli/compile.h"
#include "cli/verbs.h"
#include "topology/graph.h"

static int draw(const struct invocation *call, const struct plan *plan)
{
    enum graph_format format = GRAPH_ASCII;
    const char *text = options_value(call, "format");
    if (text != NULL) {
        (void)graph_format_parse(text, &format); /* The option table lets only these through. */
    } else if (call->json) {
        format = GRAPH_JSON;
    }
    struct buf drawing;
    buf_init(&drawing, 0);
    enum gale_err err = graph_render(plan, format, &drawing);
    if (err == GALE_OK) {
        fwrite(drawing.data, 1, drawing.size, stdout);
    }
    buf_fini(&drawing);
    return err == GALE_OK ? EXIT_DONE
                          : output_fail(call->json, EXIT_INTERNAL, NULL, "cannot draw: %s",
                                        gale_err_name(err));
}

static int run(const struct invocation *call)
{
    struct loaded loaded;
    int code = compile_open(call, call->args[0], &loaded);
    if (code == EXIT_DONE && loaded.plan == NULL) {
        if (call->json) {
            code = output_fail(true, EXIT_INVALID, "gale validate --json lists all errors",
                               "%s has %zu error%s", call->args[0], loaded.diag.errors_count,
                               loaded.diag.errors_count == 1 ? "" : "s");
        } else {
            code = compile_print(call, &loaded, stderr);
            code = code == EXIT_DONE ? EXIT_INVALID : code;
        }
    } else if (code == EXIT_DONE) {
        code = draw(call, loaded.plan);
    }
    loaded_fini(&loaded);
    return code;
}

static const struct option_spec graph_options[] = {
    {"format", 'f', "FORMAT", "ascii|dot|mermaid|json",
     "Form: ascii (default), dot, mermaid, json."},
    {"define", 'D', "KEY=VALUE", NULL, "Value of ${KEY} in the file; may be repeated."},
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_graph = {
    .name = "graph",
    .arguments = "FILE",
    .summary = "Draws a topology as text, for Graphviz, for Markdown or as JSON.",
    .examples = {"gale graph wordcount.yaml",
                 "gale graph wordcount.yaml --format dot | dot -Tsvg"},
    .completes = "FILE",
    .options = graph_options,
    .args_min = 1,
    .args_max = 1,
    .run = run,
};

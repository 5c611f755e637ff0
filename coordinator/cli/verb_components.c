/* SPDX-License-Identifier: Apache-2.0 */
/* gale components [NAME]: the built-in spouts and bolts, or those of a module, with options. */
#include "bolts/builtin.h"
#include "cli/compile.h"
#include "cli/help.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include "run/probe.h"
#include "spouts/builtin.h"
#include "text/term.h"
#include "text/text_table.h"
#include <string.h>

/* A spout or a bolt, as far as it is described the same way. */
struct component {
    const char *kind;
    const char *name;
    const char *help;
    const char *fields;
    bool declares; /* streams depend on options or inputs */
    const struct gale_option *options;
};

static const char *option_kind(enum gale_option_kind kind)
{
    switch (kind) {
    case GALE_OPTION_STRING: return "string";
    case GALE_OPTION_INT: return "int";
    case GALE_OPTION_DOUBLE: return "number";
    case GALE_OPTION_BOOL: return "bool";
    case GALE_OPTION_DURATION: return "duration";
    case GALE_OPTION_SIZE: return "size";
    case GALE_OPTION_FIELDS: return "fields";
    case GALE_OPTION_LIST: return "list";
    case GALE_OPTION_ANY: return "any";
    }
    return "any";
}

static struct component of_spout(const struct gale_spout_ops *ops)
{
    return (struct component){
        "spout", ops->name, ops->help, ops->fields, ops->declare != NULL, ops->options};
}

static struct component of_bolt(const struct gale_bolt_ops *ops)
{
    return (struct component){
        "bolt", ops->name, ops->help, ops->fields, ops->declare != NULL, ops->options};
}

static const char *fields_of(const struct component *component)
{
    return component->fields != NULL ? component->fields
           : component->declares     ? "(by options)"
                                     : "(none)";
}

/* What is shown: one after the other, filtered by name. */
struct listing {
    const struct gale_spout_ops *const *spouts;
    const struct gale_bolt_ops *const *bolts;
    const char *only; /* NULL = all */
    size_t shown;
    struct jsonw json;
    struct text_table table;
};

static void show_json(struct listing *listing, const struct component *component)
{
    struct jsonw *json = &listing->json;
    jsonw_open_object(json, NULL);
    jsonw_string(json, "kind", component->kind);
    jsonw_string(json, "name", component->name);
    jsonw_string(json, "help", component->help);
    jsonw_string(json, "fields", component->fields);
    jsonw_bool(json, "declares_streams", component->declares);
    jsonw_open_list(json, "options");
    for (const struct gale_option *at = component->options; at != NULL && at->name != NULL;
         at++) {
        jsonw_open_object(json, NULL);
        jsonw_string(json, "name", at->name);
        jsonw_string(json, "kind", option_kind(at->kind));
        jsonw_bool(json, "required", at->required);
        jsonw_string(json, "default", at->fallback);
        jsonw_string(json, "help", at->help);
        jsonw_close_object(json);
    }
    jsonw_close_list(json);
    jsonw_close_object(json);
}

static void show_row(struct listing *listing, const struct component *component)
{
    text_table_cell(&listing->table, component->name);
    text_table_cell(&listing->table, component->kind);
    text_table_cell(&listing->table, fields_of(component));
    text_table_cell(&listing->table, component->help);
}

static void show_name(struct listing *listing, const struct component *component)
{
    (void)listing;
    puts(component->name);
}

static void show_full(struct listing *listing, const struct component *component)
{
    printf("%s%s %s\n", listing->shown > 0 ? "\n" : "", component->kind, component->name);
    if (component->help != NULL) {
        fputs("  ", stdout);
        help_wrap(stdout, component->help, 2, 2);
    }
    printf("  fields: %s\n", fields_of(component));
    for (const struct gale_option *at = component->options; at != NULL && at->name != NULL;
         at++) {
        printf("  %s: %s%s%s%s\n", at->name, option_kind(at->kind),
               at->required ? ", required" : "", at->fallback != NULL ? ", default " : "",
               at->fallback != NULL ? at->fallback : "");
        if (at->help != NULL) {
            help_wrap(stdout, at->help, 6, 0);
        }
    }
}

typedef void (*show_fn)(struct listing *listing, const struct component *component);

static void show_one(struct listing *listing, const struct component *component, show_fn show)
{
    if (listing->only == NULL || strcmp(listing->only, component->name) == 0) {
        show(listing, component);
        listing->shown++;
    }
}

static void show_all(struct listing *listing, show_fn show)
{
    for (size_t i = 0; listing->spouts != NULL && listing->spouts[i] != NULL; i++) {
        struct component component = of_spout(listing->spouts[i]);
        show_one(listing, &component, show);
    }
    for (size_t i = 0; listing->bolts != NULL && listing->bolts[i] != NULL; i++) {
        struct component component = of_bolt(listing->bolts[i]);
        show_one(listing, &component, show);
    }
}

static bool known(const struct listing *listing, const char *name)
{
    for (size_t i = 0; listing->spouts != NULL && listing->spouts[i] != NULL; i++) {
        if (strcmp(listing->spouts[i]->name, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; listing->bolts != NULL && listing->bolts[i] != NULL; i++) {
        if (strcmp(listing->bolts[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int print(const struct invocation *call, struct listing *listing)
{
    if (call->json) {
        jsonw_init(&listing->json, stdout);
        jsonw_open_object(&listing->json, NULL);
        jsonw_int(&listing->json, "schema", 1);
        jsonw_open_list(&listing->json, "components");
        show_all(listing, show_json);
        jsonw_close_list(&listing->json);
        jsonw_close_object(&listing->json);
        jsonw_end(&listing->json);
    } else if (call->quiet) {
        show_all(listing, show_name);
    } else if (listing->only != NULL) {
        show_all(listing, show_full);
    } else {
        text_table_init(&listing->table);
        text_table_column(&listing->table, "NAME", false);
        text_table_column(&listing->table, "KIND", false);
        text_table_column(&listing->table, "FIELDS", false);
        text_table_column(&listing->table, "WHAT IT DOES", false);
        show_all(listing, show_row);
        enum gale_err err = text_table_print(&listing->table, stdout, term_width_of(stdout),
                                             output_color_of(stdout, call->color));
        text_table_fini(&listing->table);
        if (err != GALE_OK) {
            return output_fail(false, EXIT_INTERNAL, NULL, "out of memory");
        }
    }
    return EXIT_DONE;
}

static int run_with(const struct invocation *call, struct probe *probe)
{
    struct listing listing = {.only = call->args_count > 0 ? call->args[0] : NULL};
    const char *path = options_value(call, "module");
    listing.spouts = spouts_builtin;
    listing.bolts = bolts_builtin;
    if (path != NULL) {
        struct gale_error error = {.code = GALE_OK};
        const struct gale_module *module = probe_module(probe, path, &error);
        if (module == NULL) {
            return output_fail(call->json, output_code_of(error.code),
                               "build it against this gale's headers and try again", "%s",
                               error.text);
        }
        listing.spouts = module->spouts;
        listing.bolts = module->bolts;
    }
    if (listing.only != NULL && !known(&listing, listing.only)) {
        return output_fail(call->json, EXIT_NO_INPUT, "`gale components` lists them",
                           "there is no component \"%s\"%s%s", listing.only,
                           path != NULL ? " in " : "", path != NULL ? path : "");
    }
    return print(call, &listing);
}

static int run(const struct invocation *call)
{
    const struct worker_builtins builtins = {spouts_builtin, bolts_builtin};
    char gale_path[PATH_MAX];
    struct probe *probe = NULL;
    int code = compile_own_path(call, gale_path);
    if (code != EXIT_DONE) {
        return code;
    }
    if (probe_new(gale_path, &builtins, &probe) != GALE_OK) {
        return output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    code = run_with(call, probe);
    probe_free(probe);
    return code;
}

static const struct option_spec components_options[] = {
    {"module", 'm', "FILE", "FILE", "Show what this module offers instead, such as ./libx.so."},
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_components = {
    .name = "components",
    .arguments = "[NAME]",
    .summary = "Lists the built-in spouts and bolts, or a module's, with their options.",
    .examples = {"gale components generator", "gale components --module ./libupper.so"},
    .options = components_options,
    .args_max = 1,
    .run = run,
};

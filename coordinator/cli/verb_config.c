/* SPDX-License-Identifier: Apache-2.0 */
/* gale config show: every setting, its value and, with --origin, the source that gave it. */
#include "cli/json_writer.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "text/term.h"
#include "text/text_table.h"

#include <string.h>

static const struct option_spec config_option_table[] = {
    {"origin", 0, NULL, NULL, "Also where each value came from."},
    SETTINGS_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

static void write_value(struct jsonw *json, const struct config *config,
                        const struct config_key *key)
{
    const char *text = config_text(config, key->name);
    switch (key->kind) {
    case CONFIG_INT: jsonw_int(json, "value", config_int(config, key->name)); break;
    case CONFIG_BOOL: jsonw_bool(json, "value", config_bool(config, key->name)); break;
    case CONFIG_DURATION:
        jsonw_string(json, "value", text);
        jsonw_int(json, "ms", config_duration_ms(config, key->name));
        break;
    case CONFIG_SIZE:
        jsonw_string(json, "value", text);
        jsonw_int(json, "bytes", config_size(config, key->name));
        break;
    case CONFIG_LIST:
    case CONFIG_ENDPOINTS:
        jsonw_open_list(json, "value");
        for (size_t i = 0; i < config_list_count(config, key->name); i++) {
            jsonw_string(json, NULL, config_list_at(config, key->name, i));
        }
        jsonw_close_list(json);
        break;
    case CONFIG_TEXT:
    case CONFIG_NAME:
    case CONFIG_ENDPOINT:
    case CONFIG_PATH:
    case CONFIG_LEVEL: jsonw_string(json, "value", *text != '\0' ? text : NULL); break;
    }
}

static void print_json(const struct config *config, const struct config_key *only)
{
    struct jsonw json;
    const char *path;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_open_list(&json, "files");
    for (size_t i = 0; (path = config_file_at(config, i)) != NULL; i++) {
        jsonw_string(&json, NULL, path);
    }
    jsonw_close_list(&json);
    jsonw_open_list(&json, "settings");
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_key_at(i);
        if (only != NULL && key != only) {
            continue;
        }
        jsonw_open_object(&json, NULL);
        jsonw_string(&json, "key", key->name);
        write_value(&json, config, key);
        jsonw_string(&json, "origin", config_origin(config, key->name));
        jsonw_bool(&json, "given", config_given(config, key->name));
        jsonw_string(&json, "help", key->help);
        jsonw_close_object(&json);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static int print_table(const struct config *config, const struct invocation *call)
{
    bool origin = options_given(call, "origin");
    unsigned width = term_width_of(stdout);
    struct text_table table;
    text_table_init(&table);
    text_table_column(&table, "KEY", false);
    text_table_column(&table, "VALUE", false);
    text_table_column(&table, origin ? "ORIGIN" : "WHAT IT IS", false);
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_key_at(i);
        if (call->quiet && !config_given(config, key->name)) {
            continue;
        }
        text_table_cell(&table, key->name);
        text_table_cell(&table, config_text(config, key->name));
        text_table_cell(&table, origin ? config_origin(config, key->name) : key->help);
    }
    enum gale_err err =
        text_table_print(&table, stdout, width, output_color_of(stdout, call->color));
    text_table_fini(&table);
    return err == GALE_OK ? EXIT_DONE
                          : output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
}

static int show(const struct invocation *call, const struct config *config,
                const struct config_key *only)
{
    if (call->json) {
        print_json(config, only);
        return EXIT_DONE;
    }
    if (only == NULL) {
        return print_table(config, call);
    }
    printf("%s", config_text(config, only->name));
    if (options_given(call, "origin")) {
        printf("\t%s", config_origin(config, only->name));
    }
    putchar('\n');
    return EXIT_DONE;
}

static int run(const struct invocation *call)
{
    const struct config_key *only = NULL;
    struct config *config;
    if (strcmp(call->args[0], "show") != 0) {
        return output_fail(call->json, EXIT_USAGE, "did you mean `gale config show`?",
                           "`gale config` cannot \"%.100s\"", call->args[0]);
    }
    if (call->args_count > 1 && (only = config_key_find(call->args[1])) == NULL) {
        char hint[160];
        const char *near = config_key_suggest(call->args[1]);
        snprintf(hint, sizeof hint, near != NULL ? "did you mean %.100s?" : "%s",
                 near != NULL ? near : "`gale config show` lists the settings");
        return output_fail(call->json, EXIT_NO_INPUT, hint, "there is no setting \"%.100s\"",
                           call->args[1]);
    }
    int code = settings_load(call, NULL, &config);
    if (code == EXIT_DONE) {
        code = show(call, config, only);
    }
    config_free(config);
    return code;
}

const struct verb_spec verb_config = {
    .name = "config",
    .arguments = "show [KEY]",
    .summary = "Shows the settings of this machine and where each comes from.",
    .examples = {"gale config show --origin", "gale config show coordinator.listen"},
    .completes = "show",
    .options = config_option_table,
    .args_min = 1,
    .args_max = 2,
    .run = run,
    .notes =
        "A setting is taken from the first that gives it: the command line, GALE_SECTION_KEY "
        "of the environment, the file of --config (or GALE_CONFIG), "
        "~/.config/gale/gale.yaml, /etc/gale/conf.d/*.yaml, /etc/gale/gale.yaml, built in. A "
        "misspelt key is an error (exit code 78). --quiet leaves out what is built in.",
};

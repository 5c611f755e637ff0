/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale log-level NAME [COMPONENT=]LEVEL: what the workers of a topology log, for a while; then it goes
 * back by itself.
 */
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"

#include <string.h>
#include <strings.h>

#define LEVEL_FOR_MS INT64_C(600000)
#define LEVEL_FOR_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

enum { LEVEL_CHANGES_MAX = 64, LEVEL_COMPONENT_SIZE = 65 };

struct change {
    char component[LEVEL_COMPONENT_SIZE]; /* "": all */
    const char *level;                    /* "": back to what it was */
    int64_t for_ms;
};

static const char *const level_names[] = {"debug", "info", "warn", "error", NULL};

/* The level's one spelling; Storm writes them in upper case. */
static const char *level_of(const char *text, size_t length)
{
    for (size_t i = 0; level_names[i] != NULL; i++) {
        if (strlen(level_names[i]) == length &&
            strncasecmp(text, level_names[i], length) == 0) {
            return level_names[i];
        }
    }
    return NULL;
}

/* [COMPONENT=]LEVEL[:SECONDS] */
static int read_change(const struct invocation *call, const char *text, int64_t for_ms,
                       struct change *out)
{
    const char *equals = strchr(text, '=');
    const char *level = equals != NULL ? equals + 1 : text;
    const char *colon = strchr(level, ':');
    size_t length = colon != NULL ? (size_t)(colon - level) : strlen(level);
    size_t name = equals != NULL ? (size_t)(equals - text) : 0;
    int64_t seconds = 0;
    out->level = level_of(level, length);
    out->for_ms = for_ms;
    bool fine = out->level != NULL && name < sizeof out->component &&
                (colon == NULL || cluster_number(colon + 1, 1, 7 * 24 * 3600, &seconds));
    if (!fine) {
        return output_fail(call->json, EXIT_USAGE,
                           "write debug, split=debug or split=debug:30 (seconds)",
                           "\"%.100s\" is no level: debug, info, warn or error", text);
    }
    out->for_ms = colon != NULL ? seconds * 1000 : for_ms;
    memcpy(out->component, text, name);
    out->component[name] = '\0';
    /* Storm's root logger is all of them. */
    if (strcmp(out->component, "ROOT") == 0 || strcmp(out->component, "*") == 0) {
        out->component[0] = '\0';
    }
    return EXIT_DONE;
}

static int read_reset(const struct invocation *call, const char *text, struct change *out)
{
    if (strlen(text) >= sizeof out->component) {
        return output_fail(call->json, EXIT_USAGE, NULL, "\"%.100s\" is no component", text);
    }
    bool all = strcmp(text, "ROOT") == 0 || strcmp(text, "*") == 0;
    snprintf(out->component, sizeof out->component, "%.64s", all ? "" : text);
    out->level = "";
    out->for_ms = 0;
    return EXIT_DONE;
}

static int read_changes(const struct invocation *call, struct change *changes, size_t *count)
{
    const char *text;
    int64_t for_ms = LEVEL_FOR_MS;
    int code = EXIT_DONE;
    *count = 0;
    if (!cluster_option_time(call, "for", 0, &for_ms)) {
        return EXIT_USAGE;
    }
    if (for_ms < 1 || for_ms > LEVEL_FOR_MAX_MS) {
        return output_fail(call->json, EXIT_USAGE, "write 10m or 1h",
                           "--for must be between 1ms and 168h");
    }
    for (size_t i = 1; i < call->args_count && code == EXIT_DONE; i++) {
        code = *count < LEVEL_CHANGES_MAX
                   ? read_change(call, call->args[i], for_ms, &changes[(*count)++])
                   : EXIT_USAGE;
    }
    for (size_t i = 0; code == EXIT_DONE && *count < LEVEL_CHANGES_MAX &&
                       (text = options_value_at(call, "logger", i)) != NULL;
         i++) {
        code = read_change(call, text, for_ms, &changes[(*count)++]);
    }
    for (size_t i = 0; code == EXIT_DONE && *count < LEVEL_CHANGES_MAX &&
                       (text = options_value_at(call, "reset", i)) != NULL;
         i++) {
        code = read_reset(call, text, &changes[(*count)++]);
    }
    if (code == EXIT_DONE && *count == 0) {
        return output_fail(call->json, EXIT_USAGE, "write debug, info, warn or error",
                           "`gale log-level` needs a level");
    }
    return code;
}

static int apply(const struct invocation *call, struct cluster_client *client,
                 const struct change *change)
{
    struct gale_error error = {GALE_OK, ""};
    struct gale_conf *request = cluster_request("log_level", call->args[0]);
    enum gale_err err = request != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err == GALE_OK ? tree_put_text(request, "component", change->component) : err;
    err = err == GALE_OK ? tree_put_text(request, "level", change->level) : err;
    err = err == GALE_OK ? tree_put_int(request, "for_ms", change->for_ms) : err;
    if (err == GALE_OK) {
        err = cluster_ask(client, request, NULL, 0, NULL, NULL, &error);
    }
    conf_free(request);
    return err == GALE_OK ? EXIT_DONE : cluster_fail(client, err, &error, call->args[0]);
}

static void say(const struct invocation *call, struct progress *progress,
                const struct change *change)
{
    char age[CLUSTER_AGE_SIZE];
    const char *who = *change->component != '\0' ? change->component : "all components";
    if (*change->level == '\0') {
        progress_say(progress, "%s: %s log as before", call->args[0], who);
    } else {
        progress_say(progress, "%s: %s log %s for %s", call->args[0], who, change->level,
                     cluster_age(change->for_ms, age));
    }
}

static void print_json(const struct invocation *call, const struct change *changes,
                       size_t count)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_string(&json, "topology", call->args[0]);
    jsonw_open_list(&json, "levels");
    for (size_t i = 0; i < count; i++) {
        jsonw_open_object(&json, NULL);
        jsonw_string(&json, "component",
                     *changes[i].component != '\0' ? changes[i].component : NULL);
        jsonw_string(&json, "level", *changes[i].level != '\0' ? changes[i].level : NULL);
        jsonw_int(&json, "for_ms", changes[i].for_ms);
        jsonw_close_object(&json);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static int run(const struct invocation *call)
{
    struct cluster_client *client;
    struct progress progress;
    struct change changes[LEVEL_CHANGES_MAX];
    size_t count = 0;
    int code = read_changes(call, changes, &count);
    code = code == EXIT_DONE ? cluster_open(call, &client) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    progress_init(&progress, call, NULL);
    cluster_show(client, &progress);
    for (size_t i = 0; i < count && code == EXIT_DONE; i++) {
        code = apply(call, client, &changes[i]);
        if (code == EXIT_DONE && !call->json) {
            say(call, &progress, &changes[i]);
        }
    }
    if (code == EXIT_DONE && call->json) {
        print_json(call, changes, count);
    }
    cluster_close(client);
    return code;
}

static const struct option_spec log_level_options[] = {
    {"for", 0, "TIME", NULL, "For how long; default 10m."},
    {"logger", 'l', "COMPONENT=LEVEL[:SECONDS]", NULL, "As in Storm; may be repeated."},
    {"reset", 'r', "COMPONENT", NULL, "Back to what it was at once; * is all of them."},
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_log_level = {
    .name = "log-level",
    .arguments = "NAME [COMPONENT=]LEVEL...",
    .summary = "Changes what a topology's workers log, for a while.",
    .examples = {"gale log-level wordcount split=debug --for 10m",
                 "gale log-level wordcount warn"},
    .completes = "TOPOLOGY",
    .options = log_level_options,
    .args_min = 1,
    .args_max = LEVEL_CHANGES_MAX,
    .run = run,
    .notes =
        "LEVEL is debug, info, warn or error. It goes back by itself when the time is over, "
        "also when the coordinator is gone by then. `gale logs` shows the lines.",
};

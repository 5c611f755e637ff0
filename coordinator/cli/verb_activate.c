/* SPDX-License-Identifier: Apache-2.0 */
/* gale activate NAME..., gale deactivate NAME...: the spouts go on or rest. Both wait until it is
 * so. */
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"
#include "cli/wait.h"

#include <inttypes.h>
#include <string.h>

enum { NAMES_MAX = 1000 };

struct change {
    const char *verb;   /* of the request */
    const char *status; /* that is waited for */
    const char *phase;
};

static const struct change change_activate = {"activate", "active", "activating"};
static const struct change change_deactivate = {"deactivate", "inactive", "deactivating"};

/* What the judge needs. */
struct judged {
    const struct invocation *call;
    const struct change *change;
    struct progress *progress;
    bool finished; /* woken, it had nothing more to do */
};

static int judge(void *self, const struct gale_conf *described)
{
    struct judged *it = self;
    char detail[CLUSTER_AGE_SIZE];
    const char *status = gale_conf_string(described, "status", "");
    if (described == NULL || strcmp(status, "killed") == 0) {
        progress_end(it->progress);
        return output_fail(it->call->json, EXIT_NO_INPUT, "`gale list` shows what is there",
                           "%s was killed meanwhile", it->progress->subject);
    }
    if (strcmp(status, it->change->status) == 0) {
        return EXIT_DONE;
    }
    if (strcmp(status, "finished") == 0) {
        it->finished = it->change == &change_activate;
        if (it->finished) {
            return EXIT_DONE;
        }
        progress_end(it->progress);
        return output_fail(it->call->json, EXIT_TEMPORARY, NULL, "%s has finished meanwhile",
                           it->progress->subject);
    }
    snprintf(detail, sizeof detail, "%s", status);
    progress_show(it->progress, it->change->phase, detail);
    return WAIT_GO_ON;
}

static const char *status_after(const struct change *change, bool finished)
{
    return finished ? "finished" : change->status;
}

static int change_one(const struct invocation *call, struct cluster_client *client,
                      const struct change *change, const char *name, bool *finished)
{
    char until[128];
    struct progress progress;
    struct judged self = {call, change, &progress, false};
    progress_init(&progress, call, name);
    cluster_show(client, &progress);
    snprintf(until, sizeof until, "%.64s is not %s", name, change->status);
    struct wait wait = {client, call, &progress, name, until, judge, &self};
    int code = cluster_get(client, change->verb, name, NULL);
    code = code == EXIT_DONE ? wait_until(&wait) : code;
    *finished = self.finished;
    if (code == EXIT_DONE) {
        progress_say(&progress, "%s: %s", name, status_after(change, self.finished));
    }
    cluster_show(client, NULL);
    return code;
}

static void print_json(const struct invocation *call, const struct change *change,
                       const bool *finished)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_open_list(&json, "topologies");
    for (size_t i = 0; i < call->args_count; i++) {
        jsonw_open_object(&json, NULL);
        jsonw_string(&json, "name", call->args[i]);
        jsonw_string(&json, "status", status_after(change, finished[i]));
        jsonw_close_object(&json);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static int run_change(const struct invocation *call, const struct change *change)
{
    struct cluster_client *client;
    bool finished[NAMES_MAX] = {false};
    int code = cluster_open(call, &client);
    if (code != EXIT_DONE) {
        return code;
    }
    wait_catch_signals();
    for (size_t i = 0; i < call->args_count && code == EXIT_DONE; i++) {
        code = change_one(call, client, change, call->args[i], &finished[i]);
    }
    if (code == EXIT_DONE && call->json) {
        print_json(call, change, finished);
    }
    cluster_close(client);
    return code;
}

static int run_activate(const struct invocation *call)
{
    return run_change(call, &change_activate);
}

static int run_deactivate(const struct invocation *call)
{
    return run_change(call, &change_deactivate);
}

static const struct option_spec change_options[] = {
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_activate = {
    .name = "activate",
    .arguments = "NAME...",
    .summary = "Lets the spouts of a topology go on, and waits until they do.",
    .examples = {"gale activate wordcount", "gale activate a b c"},
    .completes = "TOPOLOGY",
    .options = change_options,
    .args_min = 1,
    .args_max = NAMES_MAX,
    .run = run_activate,
};

const struct verb_spec verb_deactivate = {
    .name = "deactivate",
    .arguments = "NAME...",
    .summary = "Lets the spouts of a topology rest; what is under way is still processed.",
    .examples = {"gale deactivate wordcount", "gale deactivate wordcount --timeout 10s"},
    .completes = "TOPOLOGY",
    .options = change_options,
    .args_min = 1,
    .args_max = NAMES_MAX,
    .run = run_deactivate,
};

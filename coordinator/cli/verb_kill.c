/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale kill NAME...: ends topologies, draining them first, and waits until nothing of them is left,
 * so that the name can be submitted again at once.
 */
#include "base/clock.h"
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"
#include "cli/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    KILL_NAMES_MAX = 1000,
    KILL_DRAIN_MS = 30000, /* at most, where the topology does not say */
    KILL_LOOK_MS = 250     /* between two looks at what is in flight */
};

struct killing {
    const struct invocation *call;
    struct cluster_client *client;
    struct progress *progress;
    uint64_t id; /* of the topology that is killed; 0: not known */
    int64_t looked_ns;
    int64_t pending; /* -1: not known */
};

/* Tuple trees that are still open. */
static int64_t pending_of(struct cluster_client *client, const char *name)
{
    struct gale_error error;
    struct gale_conf *answer = NULL;
    int64_t pending = -1;
    struct gale_conf *request = cluster_request("sample", name);
    if (request != NULL &&
        cluster_ask(client, request, NULL, 0, &answer, NULL, &error) == GALE_OK) {
        const struct gale_conf *components = gale_conf_get(answer, "components");
        pending = 0;
        for (size_t i = 0; i < gale_conf_count(components); i++) {
            pending += gale_conf_int64(gale_conf_at(components, i), "pending", 0);
        }
    }
    conf_free(answer);
    conf_free(request);
    return pending;
}

static int judge(void *self, const struct gale_conf *described)
{
    struct killing *it = self;
    char detail[64] = "";
    uint64_t id = tree_hex64(described, "id", 0);
    /* Another topology of the name may have been submitted meanwhile. */
    if (described == NULL || (it->id != 0 && id != 0 && id != it->id)) {
        return EXIT_DONE;
    }
    it->id = id;
    int64_t now_ns = clock_now_ns();
    if (it->progress->mode == PROGRESS_TERMINAL &&
        now_ns - it->looked_ns >= KILL_LOOK_MS * INT64_C(1000000)) {
        it->pending = pending_of(it->client, it->progress->subject);
        it->looked_ns = now_ns;
    }
    if (it->pending >= 0) {
        snprintf(detail, sizeof detail, "%" PRId64 " in flight", it->pending);
    }
    progress_show(it->progress, gale_conf_string(described, "status", "killed"), detail);
    return WAIT_GO_ON;
}

/* How long the topology may drain: what the command says, or what the topology says. */
static int64_t drain_ms(struct cluster_client *client, const char *name, int64_t wait_ms)
{
    struct gale_error error;
    struct gale_conf *answer = NULL;
    int64_t drain = wait_ms;
    struct gale_conf *request = wait_ms < 0 ? cluster_request("describe", name) : NULL;
    if (request != NULL &&
        cluster_ask(client, request, NULL, 0, &answer, NULL, &error) == GALE_OK) {
        const struct gale_conf *definition = gale_conf_get(answer, "definition");
        int64_t timeout = gale_conf_duration_ms(definition, "timeout", KILL_DRAIN_MS);
        drain = gale_conf_duration_ms(definition, "drain", KILL_DRAIN_MS);
        drain = drain > timeout ? drain : timeout;
    }
    conf_free(answer);
    conf_free(request);
    return drain >= 0 ? drain : KILL_DRAIN_MS;
}

static int fill(const struct invocation *call, struct gale_conf *request, int64_t wait_ms)
{
    enum gale_err err = request != NULL ? GALE_OK : GALE_ERR_NOMEM;
    if (err == GALE_OK && wait_ms >= 0) {
        err = tree_put_int(request, "wait_ms", wait_ms);
    }
    err = err == GALE_OK ? tree_put_bool(request, "now", options_given(call, "now")) : err;
    err =
        err == GALE_OK ? tree_put_bool(request, "forget", options_given(call, "forget")) : err;
    return err == GALE_OK ? EXIT_DONE
                          : output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
}

static int kill_one(const struct invocation *call, struct cluster_client *client,
                    const char *name, int64_t wait_ms)
{
    char until[128];
    struct gale_error error = {GALE_OK, ""};
    struct progress progress;
    struct gale_conf *request = cluster_request("kill", name);
    struct killing self = {
        .call = call, .client = client, .progress = &progress, .pending = -1};
    progress_init(&progress, call, name);
    cluster_show(client, &progress);
    snprintf(until, sizeof until, "%.64s is not gone", name);
    const struct wait wait = {client, call, &progress, name, until, judge, &self};
    int64_t drain = options_given(call, "now") ? 0 : drain_ms(client, name, wait_ms);
    int code = fill(call, request, wait_ms);
    if (code == EXIT_DONE) {
        enum gale_err err = cluster_ask(client, request, NULL, 0, NULL, NULL, &error);
        /* The first of two questions may have done it. */
        bool gone = err == GALE_ERR_NOT_FOUND && cluster_asked_twice(client);
        cluster_extend(client, drain);
        code = gone             ? EXIT_DONE
               : err != GALE_OK ? cluster_fail(client, err, &error, name)
                                : wait_until(&wait);
    }
    if (code == EXIT_DONE) {
        progress_say(&progress, "%s: killed after %.1f s", name, progress_seconds(&progress));
    } else if (code == EXIT_NO_INPUT && options_given(call, "ignore-errors")) {
        code = EXIT_DONE;
    }
    cluster_show(client, NULL);
    conf_free(request);
    return code;
}

/* Asks for the name, once for all of them. */
static int confirm(const struct invocation *call)
{
    char line[128];
    const char *name = call->args[0];
    bool several = call->args_count > 1;
    char count[32];
    if (options_given(call, "yes") || isatty(STDIN_FILENO) != 1) {
        return EXIT_DONE;
    }
    if (call->no_input || call->json) {
        return output_fail(call->json, EXIT_USAGE, "--yes says so",
                           "kill wants to be confirmed, and may not ask");
    }
    snprintf(count, sizeof count, "%zu", call->args_count);
    if (several) {
        fprintf(stderr, "type %s to kill %s topologies: ", count, count);
    } else {
        fprintf(stderr, "type %s to kill it: ", name);
    }
    fflush(stderr);
    if (fgets(line, sizeof line, stdin) == NULL) {
        line[0] = '\0';
        fputc('\n', stderr);
    }
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, several ? count : name) != 0) {
        return output_fail(call->json, EXIT_NO, "nothing was changed; --yes does not ask",
                           "not confirmed");
    }
    return EXIT_DONE;
}

static void print_json(const struct invocation *call)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_open_list(&json, "killed");
    for (size_t i = 0; i < call->args_count; i++) {
        jsonw_string(&json, NULL, call->args[i]);
    }
    jsonw_close_list(&json);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static int run(const struct invocation *call)
{
    struct cluster_client *client;
    int64_t wait_ms = -1;
    if (!cluster_option_time(call, "wait", 1000, &wait_ms)) {
        return EXIT_USAGE;
    }
    int code = confirm(call);
    code = code == EXIT_DONE ? cluster_open(call, &client) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    wait_catch_signals();
    for (size_t i = 0; i < call->args_count && code == EXIT_DONE; i++) {
        code = kill_one(call, client, call->args[i], wait_ms);
    }
    if (code == EXIT_DONE && call->json) {
        print_json(call);
    }
    cluster_close(client);
    return code;
}

static const struct option_spec kill_options[] = {
    {"wait", 'w', "TIME", NULL,
     "How long it may drain; a bare number is seconds, as in Storm. Default: the topology's "
     "drain."},
    {"now", 0, NULL, NULL, "Do not drain: what is under way is lost or comes again."},
    {"forget", 0, NULL, NULL, "Forget its positions too: the next of the name starts over."},
    {"yes", 'y', NULL, NULL, "Do not ask."},
    {"ignore-errors", 'i', NULL, NULL, "A name that is not there is no error."},
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_kill = {
    .name = "kill",
    .arguments = "NAME...",
    .summary = "Ends topologies, draining them first, and waits until they are gone.",
    .examples = {"gale kill wordcount", "gale kill wordcount --now --yes"},
    .completes = "TOPOLOGY",
    .options = kill_options,
    .args_min = 1,
    .args_max = KILL_NAMES_MAX,
    .run = run,
    .notes =
        "On a terminal the name must be typed to confirm, unless --yes. The spouts stop, what "
        "is under way is processed for at most the time of --wait, then the workers "
        "end. Positions are kept for the next topology of the name unless --forget.",
};

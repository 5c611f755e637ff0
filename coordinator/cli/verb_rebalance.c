/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale rebalance NAME: other numbers of workers and tasks for a running topology, or the same ones
 * placed anew. Shows what changes, waits until it is done, says how long the topology paused.
 */
#include "base/clock.h"
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"
#include "cli/wait.h"
#include "core/plan.h"
#include "text/text_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REBALANCE_WORKERS_MAX = PLAN_WORKERS_MAX, REBALANCE_TASKS_MAX = PLAN_TASKS_MAX };

struct rebalance {
    const struct invocation *call;
    struct cluster_client *client;
    const char *name;
    int64_t wait_ms;           /* -1: not given */
    int64_t workers;           /* 0: as they are */
    struct gale_conf *request; /* has the wanted parallelism by component */
    struct gale_conf *before;  /* describe's answer */
    struct gale_conf *after;   /* the same when it is done */
    int64_t attempt;
    int64_t paused_ns; /* when it was first seen not to run; 0: not yet */
    int64_t pause_ns;
    struct progress progress;
};

/* One COMPONENT=TASKS. */
static int read_change(struct rebalance *it, struct gale_conf *map, const char *text)
{
    char name[128];
    int64_t tasks;
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : 0;
    if (length == 0 || length >= sizeof name ||
        !cluster_number(equals + 1, 1, REBALANCE_TASKS_MAX, &tasks)) {
        return output_fail(it->call->json, EXIT_USAGE, "write -e split=8",
                           "\"%.100s\" is not COMPONENT=TASKS with 1..%d tasks", text,
                           REBALANCE_TASKS_MAX);
    }
    memcpy(name, text, length);
    name[length] = '\0';
    if (cluster_component(it->before, name) == NULL) {
        return cluster_no_component(it->call, it->before, it->name, name);
    }
    enum gale_err err = tree_put_int(map, name, tasks);
    if (err == GALE_ERR_EXISTS) {
        return output_fail(it->call->json, EXIT_USAGE, NULL, "%s is named twice", name);
    }
    return err == GALE_OK ? EXIT_DONE
                          : output_fail(it->call->json, EXIT_INTERNAL, NULL, "out of memory");
}

static int make_request(struct rebalance *it)
{
    struct gale_conf *map = NULL;
    int code = EXIT_DONE;
    it->request = cluster_request("rebalance", it->name);
    enum gale_err err =
        it->request == NULL ? GALE_ERR_NOMEM : conf_add_map(it->request, "parallelism", &map);
    if (err == GALE_OK && it->workers > 0) {
        err = tree_put_int(it->request, "workers", it->workers);
    }
    if (err == GALE_OK && it->wait_ms >= 0) {
        err = tree_put_int(it->request, "wait_ms", it->wait_ms);
    }
    if (err != GALE_OK) {
        return output_fail(it->call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    const char *text;
    for (size_t i = 0;
         code == EXIT_DONE && (text = options_value_at(it->call, "parallelism", i)) != NULL;
         i++) {
        code = read_change(it, map, text);
    }
    return code;
}

/* ---- What is shown ---- */

static int64_t workers_of(const struct gale_conf *described)
{
    return (int64_t)gale_conf_count(gale_conf_get(described, "workers"));
}

static void table_row(struct text_table *table, const char *what, int64_t before, int64_t after)
{
    text_table_cell(table, what);
    text_table_cellf(table, "%" PRId64, before);
    text_table_cellf(table, "%" PRId64, after);
    text_table_cell(table, before == after ? "" : "changes");
}

/* Tasks that a component is to have, or has had before. */
static int64_t wanted_of(const struct rebalance *it, const char *name, int64_t now)
{
    return gale_conf_int64(gale_conf_get(it->request, "parallelism"), name, now);
}

static int print_table(const struct rebalance *it)
{
    struct text_table table;
    const struct gale_conf *list = gale_conf_get(it->before, "components");
    text_table_init(&table);
    text_table_column(&table, "WHAT", false);
    text_table_column(&table, "BEFORE", true);
    text_table_column(&table, "AFTER", true);
    text_table_column(&table, "", false);
    int64_t workers = workers_of(it->before);
    int64_t then = it->after != NULL  ? workers_of(it->after)
                   : it->workers != 0 ? it->workers
                                      : workers;
    table_row(&table, "workers", workers, then);
    for (size_t i = 0; i < gale_conf_count(list); i++) {
        const struct gale_conf *item = gale_conf_at(list, i);
        const char *name = gale_conf_string(item, "name", "");
        int64_t tasks = gale_conf_int64(item, "parallelism", 0);
        const struct gale_conf *done = cluster_component(it->after, name);
        int64_t wanted = wanted_of(it, name, tasks);
        table_row(&table, name, tasks,
                  done != NULL ? gale_conf_int64(done, "parallelism", wanted) : wanted);
    }
    enum gale_err err = text_table_print(&table, stdout, term_width_of(stdout),
                                         output_color_of(stdout, it->call->color));
    text_table_fini(&table);
    return err == GALE_OK ? EXIT_DONE
                          : output_fail(false, EXIT_INTERNAL, NULL, "out of memory");
}

static void json_side(struct jsonw *json, const char *key, const struct rebalance *it,
                      bool wanted)
{
    const struct gale_conf *list = gale_conf_get(it->before, "components");
    int64_t workers = workers_of(it->before);
    jsonw_open_object(json, key);
    jsonw_int(json, "workers", wanted && it->workers > 0 ? it->workers : workers);
    jsonw_open_object(json, "parallelism");
    for (size_t i = 0; i < gale_conf_count(list); i++) {
        const char *name = gale_conf_string(gale_conf_at(list, i), "name", "");
        int64_t tasks = gale_conf_int64(gale_conf_at(list, i), "parallelism", 0);
        jsonw_int(json, name, wanted ? wanted_of(it, name, tasks) : tasks);
    }
    jsonw_close_object(json);
    jsonw_close_object(json);
}

static int show(const struct rebalance *it)
{
    struct jsonw json;
    if (it->call->quiet && !it->call->json) {
        return EXIT_DONE;
    }
    if (!it->call->json) {
        return print_table(it);
    }
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_string(&json, "topology", it->name);
    jsonw_bool(&json, "done", it->after != NULL);
    json_side(&json, "before", it, false);
    json_side(&json, "after", it, true);
    if (it->after != NULL) {
        jsonw_int(&json, "pause_ms", it->pause_ns / 1000000);
    }
    jsonw_close_object(&json);
    jsonw_end(&json);
    return EXIT_DONE;
}

/* ---- What is waited for ---- */

static int judge(void *self, const struct gale_conf *described)
{
    struct rebalance *it = self;
    char detail[64] = "";
    const char *status = gale_conf_string(described, "status", "");
    if (described == NULL || strcmp(status, "killed") == 0) {
        progress_end(&it->progress);
        return output_fail(it->call->json, EXIT_NO_INPUT, "`gale list` shows what is there",
                           "%s was killed meanwhile", it->name);
    }
    bool finished = strcmp(status, "finished") == 0;
    bool grew = gale_conf_int64(described, "attempt", 0) > it->attempt;
    bool runs = strcmp(status, "active") == 0 || strcmp(status, "inactive") == 0 || finished;
    int64_t now_ns = clock_now_ns();
    if (finished && !grew) {
        progress_end(&it->progress);
        return output_fail(it->call->json, EXIT_TEMPORARY, NULL, "%s has finished meanwhile",
                           it->name);
    }
    if (!runs && it->paused_ns == 0) {
        it->paused_ns = now_ns;
    }
    if (runs && grew) {
        it->pause_ns = it->paused_ns > 0 ? now_ns - it->paused_ns : 0;
        it->after = conf_new();
        bool copied = it->after != NULL;
        for (size_t i = 0; copied && i < gale_conf_count(described); i++) {
            copied = conf_add_copy(it->after, gale_conf_key(described, i),
                                   gale_conf_at(described, i)) == GALE_OK;
        }
        return copied ? EXIT_DONE
                      : output_fail(it->call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    const char *waiting = gale_conf_string(described, "waiting_for", NULL);
    if (waiting == NULL || *waiting == '\0') {
        snprintf(detail, sizeof detail, "%" PRId64 " of %" PRId64 " workers up",
                 gale_conf_int64(described, "workers_up", 0), workers_of(described));
    }
    progress_show(&it->progress, status, *detail != '\0' ? detail : waiting);
    return WAIT_GO_ON;
}

static int change(struct rebalance *it)
{
    char until[128];
    struct gale_error error = {GALE_OK, ""};
    const struct gale_conf *definition = gale_conf_get(it->before, "definition");
    snprintf(until, sizeof until, "%.64s is not rebalanced", it->name);
    const struct wait wait = {it->client, it->call, &it->progress, it->name, until, judge, it};
    enum gale_err err = cluster_ask(it->client, it->request, NULL, 0, NULL, NULL, &error);
    if (err != GALE_OK) {
        return cluster_fail(it->client, err, &error, it->name);
    }
    int64_t drain = gale_conf_duration_ms(definition, "drain", 10000);
    cluster_extend(it->client, it->wait_ms >= 0 ? it->wait_ms : drain);
    return wait_until(&wait);
}

/* Lets the leader judge the numbers without changing anything. */
static int try_it(struct rebalance *it)
{
    struct gale_error error = {GALE_OK, ""};
    enum gale_err err = tree_put_bool(it->request, "dry", true);
    err = err == GALE_OK ? cluster_ask(it->client, it->request, NULL, 0, NULL, NULL, &error)
                         : gale_error_set(&error, err, "out of memory");
    return err == GALE_OK ? EXIT_DONE : cluster_fail(it->client, err, &error, it->name);
}

static int rebalance(struct rebalance *it)
{
    int code = cluster_get(it->client, "describe", it->name, &it->before);
    code = code == EXIT_DONE ? make_request(it) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    /* One that has no places yet begins with the new numbers, in the attempt that it has. */
    const char *status = gale_conf_string(it->before, "status", "");
    bool waits = strcmp(status, "waiting") == 0 || strcmp(status, "rebalancing") == 0;
    it->attempt = gale_conf_int64(it->before, "attempt", 0) - (waits ? 1 : 0);
    if (options_given(it->call, "dry-run")) {
        code = try_it(it);
        code = code == EXIT_DONE ? show(it) : code;
        if (code == EXIT_DONE) {
            progress_say(&it->progress, "nothing was changed (--dry-run)");
        }
        return code;
    }
    code = change(it);
    if (code == EXIT_DONE) {
        progress_say(&it->progress, "%s: rebalanced in %.1f s, paused for %.1f s", it->name,
                     progress_seconds(&it->progress), (double)it->pause_ns / 1e9);
        code = show(it);
    }
    return code;
}

static int run(const struct invocation *call)
{
    struct rebalance it = {.call = call, .name = call->args[0], .wait_ms = -1};
    if (!cluster_option_time(call, "wait", 1000, &it.wait_ms) ||
        !cluster_option_count(call, "num-workers", 1, REBALANCE_WORKERS_MAX, &it.workers) ||
        !cluster_option_count(call, "workers", 1, REBALANCE_WORKERS_MAX, &it.workers)) {
        return EXIT_USAGE;
    }
    int code = cluster_open(call, &it.client);
    if (code != EXIT_DONE) {
        return code;
    }
    wait_catch_signals();
    progress_init(&it.progress, call, it.name);
    cluster_show(it.client, &it.progress);
    code = rebalance(&it);
    progress_end(&it.progress);
    conf_free(it.before);
    conf_free(it.after);
    conf_free(it.request);
    cluster_close(it.client);
    return code;
}

static const struct option_spec rebalance_options[] = {
    {"workers", 'w', "N", NULL, "Worker processes from now on."},
    {"num-workers", 'n', "N", NULL, "The same, as Storm spells it."},
    {"parallelism", 'e', "COMPONENT=N", NULL, "Tasks of a component; may be repeated."},
    {"wait", 0, "TIME", NULL, "How long it may drain; default: the topology's drain."},
    {"dry-run", 0, NULL, NULL, "Only show what would change."},
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_rebalance = {
    .name = "rebalance",
    .arguments = "NAME",
    .summary = "Changes the workers and tasks of a running topology, or places them anew.",
    .examples = {"gale rebalance wordcount -w 4 -e split=8",
                 "gale rebalance wordcount -w 4 --dry-run"},
    .completes = "TOPOLOGY",
    .options = rebalance_options,
    .args_min = 1,
    .args_max = 1,
    .run = run,
    .notes = "The topology drains, stops, and goes on with the new numbers; nothing is lost. "
             "Without numbers its workers are spread over the hosts anew. In Storm -w is the "
             "wait; here it is the workers, as in every command of gale.",
};

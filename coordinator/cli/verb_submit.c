/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale submit FILE: checks and packs a topology here, sends what the cluster lacks of its modules
 * and files, and waits until it is active. What goes wrong in a worker meanwhile is said with its
 * text; the topology stays submitted and goes on trying then.
 */
#include "base/clock.h"
#include "blobs/push.h"
#include "bolts/builtin.h"
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/compile.h"
#include "cli/verbs.h"
#include "cli/wait.h"
#include "cluster/package.h"
#include "spouts/builtin.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)

enum {
    SUBMIT_WORKERS_MAX = 1024,
    SUBMIT_ROUNDS_MAX = 8,   /* times that the cluster may name missing blobs */
    SUBMIT_ERRORS_FATAL = 3, /* an error that came so often is one that stays */
    SUBMIT_SETTLE_MS = 150,  /* spouts open when they are let go: a failure comes within this */
    SUBMIT_DOUBT_MS = 5000   /* a clock and a network between two looks */
};

struct submit {
    const struct invocation *call;
    struct cluster_client *client;
    struct package package;
    struct buf definition;
    struct progress progress;
    int64_t sent_ns; /* of the first try */
    uint64_t id;
    int64_t workers;
    int64_t restarts;   /* when it was last seen active */
    int64_t settled_ns; /* active with all workers up since then; 0: it is not */
    bool inactive;
    char phase[160];
};

/* ---- Packing ---- */

static int report_findings(const struct submit *it, const struct diag *diag)
{
    const struct invocation *call = it->call;
    struct buf text;
    if (call->json && diag->errors_count > 0) {
        char hint[512];
        snprintf(hint, sizeof hint, "gale validate --json %.400s lists all of them",
                 call->args[0]);
        return output_fail(true, EXIT_INVALID, hint, "%s: %zu error%s, the first: %s",
                           call->args[0], diag->errors_count,
                           diag->errors_count == 1 ? "" : "s", diag->items[0].text);
    }
    buf_init(&text, 0);
    if (!call->json && diag->count > 0 && diag_render(diag, &text) == GALE_OK) {
        fwrite(text.data, 1, text.size, stderr);
    }
    buf_fini(&text);
    return diag->errors_count > 0 ? EXIT_INVALID : EXIT_DONE;
}

static int pack(struct submit *it)
{
    static const char *texts[OPTIONS_VALUES_MAX];
    static const struct worker_builtins builtins = {spouts_builtin, bolts_builtin};
    char gale_path[PATH_MAX];
    const char *file = it->call->args[0];
    struct gale_error error = {GALE_OK, ""};
    struct diag diag;
    struct load_options options = {.file = file,
                                   .builtins = &builtins,
                                   .gale_path = gale_path,
                                   .name = options_value(it->call, "name"),
                                   .workers = (uint32_t)it->workers};
    int code = compile_defines(it->call, texts, &options.defines);
    code = code == EXIT_DONE ? compile_own_path(it->call, gale_path) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    if (strchr(file, ':') == NULL && access(file, R_OK) != 0) {
        return output_fail(it->call->json, errno == EACCES ? EXIT_DENIED : EXIT_NO_INPUT,
                           "`gale new topology NAME` writes one to start from",
                           "cannot read %s: %s", file, strerror(errno));
    }
    diag_init(&diag);
    enum gale_err err = package_make(&options, &diag, &it->package, &error);
    code = report_findings(it, &diag);
    diag_fini(&diag);
    if (code == EXIT_DONE && err == GALE_OK) {
        err = package_encode(&it->package, &it->definition);
        if (err != GALE_OK) {
            (void)gale_error_set(&error, err, "%s is too large to be submitted", file);
        }
    }
    return code != EXIT_DONE || err == GALE_OK
               ? code
               : output_fail(it->call->json, output_code_of(err), NULL, "%s",
                             *error.text != '\0' ? error.text : gale_err_name(err));
}

/* ---- Sending ---- */

static const struct package_blob *blob_of(const struct package *package, const char *hex)
{
    for (size_t i = 0; i < package->blobs_count; i++) {
        if (strcmp(package->blobs[i].hex, hex) == 0) {
            return &package->blobs[i];
        }
    }
    return NULL;
}

static enum gale_err send_blob(struct submit *it, const struct package_blob *blob,
                               size_t number, size_t count, struct gale_error *error)
{
    char detail[256], size[CLUSTER_SIZE_SIZE];
    int64_t left_ms = (cluster_deadline_ns(it->client) - clock_now_ns()) / 1000000;
    struct rpc_client *rpc = cluster_rpc(it->client);
    snprintf(detail, sizeof detail, "%s, %s, %zu of %zu", blob->name,
             cluster_size((double)blob->size, size), number + 1, count);
    progress_show(&it->progress, "sending", detail);
    if (rpc == NULL || left_ms <= 0) {
        return gale_error_set(error, GALE_ERR_TIMEOUT, "no time left to send %s", blob->name);
    }
    return blobs_push(rpc, blob->hex, blob->size, blob->path, left_ms, error);
}

/* @return GALE_ERR_AGAIN: the leader went away meanwhile; ask it again. */
static enum gale_err send_blobs(struct submit *it, const struct gale_conf *missing,
                                struct gale_error *error)
{
    size_t count = gale_conf_count(missing);
    for (size_t i = 0; i < count; i++) {
        const char *hex = gale_conf_text(gale_conf_at(missing, i));
        const struct package_blob *blob = blob_of(&it->package, hex != NULL ? hex : "");
        if (blob == NULL) {
            return gale_error_set(
                error, GALE_ERR_CORRUPT,
                "the coordinator asks for a file that is not of the topology");
        }
        enum gale_err err = send_blob(it, blob, i, count, error);
        if (err == GALE_ERR_TIMEOUT || err == GALE_ERR_AGAIN) {
            cluster_leave(it->client);
            return GALE_ERR_AGAIN;
        }
        if (err != GALE_OK) {
            return err;
        }
    }
    return GALE_OK;
}

/* Who submits, for people: by what the system says, not the environment. */
static const char *owner_of_this(void)
{
    const struct passwd *user = getpwuid(geteuid());
    return user != NULL ? user->pw_name : NULL;
}

static struct gale_conf *make_request(const struct submit *it)
{
    struct gale_conf *request = cluster_request("submit", it->package.name);
    enum gale_err err = request != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err == GALE_OK ? tree_put_bool(request, "inactive", it->inactive) : err;
    err = err == GALE_OK ? tree_put_bool(request, "fresh", options_given(it->call, "fresh"))
                         : err;
    err = err == GALE_OK ? tree_put_text(request, "owner", owner_of_this()) : err;
    if (err != GALE_OK) {
        conf_free(request);
        return NULL;
    }
    return request;
}

/* Whether the topology that has the name already is this one: the first of two questions did it.
 * The same tree that is no older than this command is taken for it. */
static bool is_this_one(struct submit *it)
{
    struct gale_error error;
    struct gale_conf *answer = NULL;
    struct gale_conf *request = cluster_request("describe", it->package.name);
    bool same = false;
    if (request != NULL &&
        cluster_ask(it->client, request, NULL, 0, &answer, NULL, &error) == GALE_OK) {
        const struct gale_conf *definition = gale_conf_get(answer, "definition");
        int64_t age_ms = gale_conf_int64(answer, "age_ms", INT64_MAX);
        int64_t since_ms = (clock_now_ns() - it->sent_ns) / 1000000 + SUBMIT_DOUBT_MS;
        same = age_ms <= since_ms && definition != NULL &&
               conf_equal(definition, it->package.tree);
        it->id = tree_hex64(answer, "id", 0);
    }
    conf_free(answer);
    conf_free(request);
    return same;
}

static int refuse(struct submit *it, enum gale_err err, struct gale_error *error)
{
    if (err == GALE_ERR_EXISTS && strstr(error->text, " | ") == NULL) {
        char text[300];
        snprintf(text, sizeof text, "%.290s", error->text);
        (void)gale_error_set(error, err,
                             "%s | `gale kill %s` ends the other, --name takes another name",
                             text, it->package.name);
    }
    return cluster_fail(it->client, err, error, NULL);
}

static int send_all(struct submit *it, const struct gale_conf *request)
{
    struct gale_error error = {GALE_OK, ""};
    it->sent_ns = clock_now_ns();
    bool doubt = false;
    for (unsigned round = 0; round < SUBMIT_ROUNDS_MAX; round++) {
        struct gale_conf *answer = NULL;
        progress_show(&it->progress, "submitting", NULL);
        enum gale_err err = cluster_ask(it->client, request, it->definition.data,
                                        it->definition.size, &answer, NULL, &error);
        doubt = doubt || cluster_asked_twice(it->client);
        if (err == GALE_ERR_EXISTS && doubt && is_this_one(it)) {
            return EXIT_DONE;
        }
        if (err != GALE_OK) {
            return refuse(it, err, &error);
        }
        const struct gale_conf *missing = gale_conf_get(answer, "missing");
        if (gale_conf_count(missing) == 0) {
            it->id = tree_hex64(answer, "topology", 0);
            conf_free(answer);
            return EXIT_DONE;
        }
        err = send_blobs(it, missing, &error);
        conf_free(answer);
        if (err != GALE_OK && err != GALE_ERR_AGAIN) {
            return cluster_fail(it->client, err, &error, NULL);
        }
    }
    return output_fail(it->call->json, EXIT_TEMPORARY, "submit again: what was sent is kept",
                       "the cluster still lacks files of %s", it->package.name);
}

/* ---- Waiting ---- */

/* 78 where the topology or its modules are wrong, 70 where they failed. */
static int code_of(int64_t code)
{
    switch (code) {
    case GALE_ERR_INVALID:
    case GALE_ERR_NOT_FOUND:
    case GALE_ERR_ABI:
    case GALE_ERR_TYPE:
    case GALE_ERR_LIMIT:
    case GALE_ERR_UNSUPPORTED: return EXIT_INVALID;
    default: return EXIT_INTERNAL;
    }
}

/* What a component of that worker said of it, where the error is the worker's; NULL: nothing. */
static const struct gale_conf *cause_of(const struct gale_conf *list,
                                        const struct gale_conf *found)
{
    int64_t worker = gale_conf_int64(found, "worker", -1);
    const char *component = gale_conf_string(found, "component", "");
    for (size_t i = 0; i < gale_conf_count(list) && *component == '\0'; i++) {
        const struct gale_conf *other = gale_conf_at(list, i);
        const char *name = gale_conf_string(other, "component", "");
        if (*name != '\0' && gale_conf_int64(other, "worker", -1) == worker) {
            return other;
        }
    }
    return NULL;
}

static int report_fatal(struct submit *it, const struct gale_conf *list,
                        const struct gale_conf *found)
{
    char hint[256], text[1024];
    const struct gale_conf *cause = cause_of(list, found);
    const char *component = gale_conf_string(found, "component", "");
    progress_end(&it->progress);
    snprintf(hint, sizeof hint,
             "it stays and is tried again; `gale errors %.64s`, `gale logs %.64s`",
             it->package.name, it->package.name);
    snprintf(text, sizeof text, "%s cannot start: %s%sworker %" PRId64 " on %s: %s%s%s",
             it->package.name, component, *component != '\0' ? ", " : "",
             gale_conf_int64(found, "worker", 0),
             gale_conf_string(found, "host", "an unknown host"),
             gale_conf_string(found, "text", "no reason given"), cause != NULL ? ": " : "",
             gale_conf_string(cause, "text", ""));
    progress_plain(text);
    return output_fail(it->call->json, code_of(gale_conf_int64(found, "code", 0)), hint, "%s",
                       text);
}

/* Looks at the errors of the topology. @return WAIT_GO_ON or an exit code, reported. */
static int look_at_errors(struct submit *it)
{
    struct gale_error error;
    struct gale_conf *answer = NULL;
    int code = WAIT_GO_ON;
    struct gale_conf *request = cluster_request("errors", it->package.name);
    if (request != NULL &&
        cluster_ask(it->client, request, NULL, 0, &answer, NULL, &error) == GALE_OK) {
        const struct gale_conf *list = gale_conf_get(answer, "errors");
        for (size_t i = 0; i < gale_conf_count(list) && code == WAIT_GO_ON; i++) {
            const struct gale_conf *found = gale_conf_at(list, i);
            if (gale_conf_bool(found, "fatal", false) ||
                gale_conf_int64(found, "count", 0) >= SUBMIT_ERRORS_FATAL) {
                code = report_fatal(it, list, found);
            }
        }
    }
    conf_free(answer);
    conf_free(request);
    return code;
}

/* Whether it runs, and has for a moment: with all workers, none of which was started anew. */
static bool settled(struct submit *it, const struct gale_conf *described)
{
    const char *status = gale_conf_string(described, "status", "");
    int64_t restarts = gale_conf_int64(described, "restarts", 0);
    bool up = strcmp(status, it->inactive ? "inactive" : "active") == 0 &&
              gale_conf_int64(described, "workers_up", 0) >= it->workers;
    int64_t now_ns = clock_now_ns();
    if (!up || restarts != it->restarts || it->settled_ns == 0) {
        it->settled_ns = up ? now_ns : 0;
        it->restarts = restarts;
    }
    return strcmp(status, "finished") == 0 ||
           (up && (it->inactive || now_ns - it->settled_ns >= SUBMIT_SETTLE_MS * NS_PER_MS));
}

static int judge(void *self, const struct gale_conf *described)
{
    struct submit *it = self;
    char detail[64] = "";
    const char *status = gale_conf_string(described, "status", "");
    const char *waiting = gale_conf_string(described, "waiting_for", NULL);
    uint64_t id = tree_hex64(described, "id", it->id);
    if (described == NULL || id != it->id || strcmp(status, "killed") == 0) {
        progress_end(&it->progress);
        return output_fail(it->call->json, EXIT_NO_INPUT, "`gale list` shows what is there",
                           "%s was killed meanwhile", it->package.name);
    }
    it->workers = (int64_t)gale_conf_count(gale_conf_get(described, "workers"));
    if (settled(it, described)) {
        return EXIT_DONE;
    }
    if (gale_conf_int64(described, "errors_count", 0) > 0) {
        int code = look_at_errors(it);
        if (code != WAIT_GO_ON) {
            return code;
        }
    }
    if (it->settled_ns != 0) {
        return WAIT_GO_ON;
    }
    if (waiting != NULL && *waiting != '\0') {
        snprintf(it->phase, sizeof it->phase, "%s: %.120s", status, waiting);
    } else {
        snprintf(it->phase, sizeof it->phase, "%s", status);
        snprintf(detail, sizeof detail, "%" PRId64 " of %" PRId64 " workers up",
                 gale_conf_int64(described, "workers_up", 0), it->workers);
    }
    progress_show(&it->progress, it->phase, detail);
    return WAIT_GO_ON;
}

static void report(struct submit *it, bool waited)
{
    struct jsonw json;
    char id[24];
    const char *status = !waited ? "submitted" : it->inactive ? "inactive" : "active";
    progress_say(&it->progress, "%s: %s after %.1f s", it->package.name, status,
                 progress_seconds(&it->progress));
    if (!it->call->json) {
        puts(it->package.name);
        return;
    }
    snprintf(id, sizeof id, "%016" PRIx64, it->id);
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_string(&json, "topology", it->package.name);
    jsonw_string(&json, "id", id);
    jsonw_string(&json, "status", status);
    jsonw_int(&json, "elapsed_ms", (int64_t)(progress_seconds(&it->progress) * 1000));
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static int submit(struct submit *it)
{
    char until[128];
    const char *wait_for = options_value(it->call, "wait");
    bool waits = wait_for == NULL || strcmp(wait_for, "none") != 0;
    progress_init(&it->progress, it->call, it->package.name);
    cluster_show(it->client, &it->progress);
    struct gale_conf *request = make_request(it);
    int code = request != NULL
                   ? send_all(it, request)
                   : output_fail(it->call->json, EXIT_INTERNAL, NULL, "out of memory");
    conf_free(request);
    snprintf(until, sizeof until, "%.64s is not %s yet", it->package.name,
             it->inactive ? "ready" : "active");
    const struct wait wait = {it->client, it->call, &it->progress, it->package.name, until,
                              judge,      it};
    code = code == EXIT_DONE && waits ? wait_until(&wait) : code;
    progress_end(&it->progress);
    if (code == EXIT_DONE) {
        report(it, waits);
    }
    return code;
}

static int run(const struct invocation *call)
{
    struct submit it = {.call = call, .inactive = options_given(call, "inactive")};
    if (!cluster_option_count(call, "workers", 1, SUBMIT_WORKERS_MAX, &it.workers)) {
        return EXIT_USAGE;
    }
    buf_init(&it.definition, 0);
    int code = pack(&it);
    code = code == EXIT_DONE ? cluster_open(call, &it.client) : code;
    if (code == EXIT_DONE) {
        wait_catch_signals();
        code = submit(&it);
    }
    cluster_close(it.client);
    buf_fini(&it.definition);
    package_fini(&it.package);
    return code;
}

static const struct option_spec submit_options[] = {
    {"name", 0, "NAME", NULL, "Another name than the file's."},
    {"workers", 'w', "N", NULL, "Worker processes; default: as in the file."},
    {"define", 'D', "KEY=VALUE", NULL, "Value of ${KEY} in the file; may be repeated."},
    {"inactive", 'i', NULL, NULL,
     "Start it with its spouts at rest; `gale activate` wakes them."},
    {"fresh", 0, NULL, NULL, "Start over: forget the positions of an earlier one of the name."},
    {"wait", 0, "FOR", "active|none", "What to wait for: active (default) or none."},
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_submit = {
    .name = "submit",
    .arguments = "FILE",
    .summary = "Gives a topology to the cluster and waits until it is active.",
    .examples = {"gale submit wordcount.yaml", "gale submit wordcount.yaml --name wc2 -w 4"},
    .completes = "FILE",
    .options = submit_options,
    .args_min = 1,
    .args_max = 1,
    .run = run,
    .notes =
        "FILE is a topology file, or module.so[:topology] for one built in C. It is checked "
        "here; its modules and files go along. Exit code 73: the name is taken; 75: not "
        "active within --timeout, it goes on starting; 78 or 70: a worker cannot start, "
        "and why.",
};

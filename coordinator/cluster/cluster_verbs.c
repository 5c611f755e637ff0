/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: who may answer them, and those that change something. A change is checked, written to
 * the store and done, in this order; what was refused had no effect. Every answer is given at once:
 * who wants to see a change through asks again by `list` or `describe`.
 */
#include "cluster/cluster_internal.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MAX_MS INT64_C(86400000)

void request_end(struct rpc_answer *answer, enum gale_err err)
{
    if (err != GALE_OK) {
        rpc_fail(answer, err, NULL, "the answer could not be made: %s", gale_err_name(err));
    }
}

struct cluster_topology *request_topology(struct cluster *cluster,
                                          const struct rpc_request *request,
                                          struct rpc_answer *answer)
{
    const char *name = gale_conf_string(request->tree, "name", "");
    struct cluster_topology *topology = cluster_find(cluster, name);
    if (!topology) {
        rpc_fail(answer, GALE_ERR_NOT_FOUND, "`gale list` shows those that are there",
                 "there is no topology \"%.64s\"", name);
    }
    return topology;
}

/* The store did not take a change. */
static void refuse_write(struct rpc_answer *answer, enum gale_err err)
{
    if (err == GALE_ERR_UNKNOWN) {
        rpc_fail(answer, GALE_ERR_AGAIN, "look whether it did before you repeat it",
                 "the store did not say whether it took the change");
        return;
    }
    enum gale_err code = err == GALE_ERR_LIMIT || err == GALE_ERR_NOMEM ? err : GALE_ERR_AGAIN;
    rpc_fail(answer, code, "try again", "the store did not take the change: %s",
             gale_err_name(err));
}

/* ---- submit ---------------------------------------------------------------------------------- */

static bool answer_missing(struct cluster *cluster, const struct package *package,
                           struct rpc_answer *answer)
{
    const struct cluster_ports *ports = cluster->options.ports;
    struct gale_conf *list = NULL;
    enum gale_err err = GALE_OK;
    for (size_t i = 0; !err && ports->has_blob && i < package->blobs_count; i++) {
        if (!ports->has_blob(ports->self, package->blobs[i].hex)) {
            err = list ? GALE_OK : conf_add_list(answer->tree, "missing", &list);
            err = err ? err : tree_put_text(list, NULL, package->blobs[i].hex);
        }
    }
    request_end(answer, err);
    return list != NULL || err != GALE_OK;
}

/* The folders of a name; they may be there, and an empty one does no harm. */
static enum gale_err folders_make(struct cluster *cluster, const char *name)
{
    static const char *const below[] = {"", "/positions"};
    char path[RECORD_PATH_SIZE];
    enum gale_err err = GALE_OK;
    for (size_t i = 0; !err && i < 2; i++) {
        cluster_path(name, below[i], path);
        err = cluster->store->ops->create(cluster->store, path, "", 0);
        err = err == GALE_ERR_EXISTS ? GALE_OK : err;
    }
    return err;
}

/* One multi; what a finished one left is replaced. */
static enum gale_err submit_write(struct cluster *cluster, const struct rpc_request *request,
                                  const char *name, const struct cluster_status *status,
                                  const struct cluster_topology *old)
{
    static const char *const below[] = {"/definition", "/status", "/assignment", "/errors"};
    char paths[4][RECORD_PATH_SIZE];
    enum store_op_kind kind = old ? STORE_OP_SET : STORE_OP_CREATE;
    size_t count = 2;
    for (size_t i = 0; i < 4; i++) {
        cluster_path(name, below[i], paths[i]);
    }
    buf_clear(&cluster->out);
    enum gale_err err = cluster_status_encode(status, &cluster->out);
    if (err) {
        return err;
    }
    struct store_op ops[4] = {
        {kind, paths[0], request->body, request->body_size, STORE_ANY_VERSION},
        {kind, paths[1], cluster->out.data, cluster->out.size, STORE_ANY_VERSION}};
    if (old && old->has_assignment) {
        ops[count++] = (struct store_op){STORE_OP_DELETE, paths[2], NULL, 0, STORE_ANY_VERSION};
    }
    if (old && old->has_errors) {
        ops[count++] = (struct store_op){STORE_OP_DELETE, paths[3], NULL, 0, STORE_ANY_VERSION};
    }
    return cluster_write(cluster, ops, count, NULL);
}

static void submit_do(struct cluster *cluster, const struct rpc_request *request,
                      struct package *package, struct rpc_answer *answer)
{
    struct cluster_topology *old = cluster_find(cluster, package->name);
    struct cluster_status status = {.id = rng_next(&cluster->options.rng) | 1u,
                                    .life = CLUSTER_WAITING,
                                    .inactive =
                                        gale_conf_bool(request->tree, "inactive", false),
                                    .attempt = 1,
                                    .submitted_ms = cluster_wall_ms(cluster),
                                    .epoch = cluster->epoch};
    char name[CLUSTER_NAME_SIZE];
    str_copy(name, sizeof name, package->name);
    str_copy(status.owner, sizeof status.owner, gale_conf_string(request->tree, "owner", ""));
    if (!old && cluster->topologies_count >= CLUSTER_TOPOLOGIES_MAX) {
        rpc_fail(answer, GALE_ERR_LIMIT, "kill some that are not needed any more",
                 "the cluster has %u topologies, as many as it may", CLUSTER_TOPOLOGIES_MAX);
        return;
    }
    enum gale_err err = folders_make(cluster, name);
    if (!err && gale_conf_bool(request->tree, "fresh", false)) {
        err = cluster_forget_positions(cluster, name);
    }
    err = err ? err : submit_write(cluster, request, name, &status, old);
    if (err) {
        refuse_write(answer, err);
        return;
    }
    if (old) {
        topology_free(old);
    }
    struct cluster_topology *topology = topology_new(cluster, name);
    if (!topology) {
        cluster->give_up = true; /* It is in the store: whoever leads next has it. */
        rpc_fail(answer, GALE_ERR_NOMEM, NULL, "no memory for another topology");
        return;
    }
    topology->status = status;
    topology->package = *package;
    memset(package, 0, sizeof *package);
    topology_compile(topology);
    cluster->place = true;
    cluster_note(cluster, "%s: submitted", name);
    request_end(answer, tree_put_hex64(answer->tree, "topology", topology->status.id));
}

/* What must be right before anything is written. */
static bool submit_check(struct cluster *cluster, const struct rpc_request *request,
                         struct package *package, struct rpc_answer *answer)
{
    const struct cluster_topology *old = cluster_find(cluster, package->name);
    if (request->body_size > STORE_VALUE_MAX) {
        rpc_fail(answer, GALE_ERR_LIMIT, "put what is large into `files`",
                 "the definition has %zu bytes; %u are allowed", request->body_size,
                 STORE_VALUE_MAX);
        return false;
    }
    if (old && (old->status.life != CLUSTER_FINISHED || old->status.pending)) {
        rpc_fail(answer, GALE_ERR_EXISTS, "kill it first, or submit under another --name",
                 "there is a topology \"%s\" already, it is %s", old->name,
                 topology_status_name(old));
        return false;
    }
    if (answer_missing(cluster, package, answer)) {
        return false;
    }
    struct plan *plan = NULL;
    struct diag diag;
    diag_init(&diag);
    enum gale_err err = package_plan(package, cluster->options.builtins, 0, NULL, &plan, &diag);
    if (err) {
        rpc_fail(answer, err, "`gale validate` says it with its place", "%s",
                 diag.count > 0 ? diag.items[0].text : gale_err_name(err));
    }
    plan_free(plan);
    diag_fini(&diag);
    return err == GALE_OK;
}

static void submit(struct cluster *cluster, const struct rpc_request *request,
                   struct rpc_answer *answer)
{
    struct package package;
    struct gale_error error = {0};
    if (package_decode(request->body, request->body_size, &package, &error) != GALE_OK) {
        rpc_fail(answer, error.code ? error.code : GALE_ERR_CORRUPT,
                 "is this gale older than the one that submits?", "%s", error.text);
        return;
    }
    if (submit_check(cluster, request, &package, answer)) {
        submit_do(cluster, request, &package, answer);
    }
    package_fini(&package);
}

/* ---- kill ------------------------------------------------------------------------------------ */

static int64_t wait_of(const struct cluster_topology *topology, const struct gale_conf *tree)
{
    int64_t fallback = topology->plan ? topology->plan->drain_ms : 0;
    int64_t wait_ms = gale_conf_int64(tree, "wait_ms", fallback);
    wait_ms = wait_ms < 0 ? fallback : wait_ms;
    return wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS;
}

/* What is left of a name that was killed before: its positions. */
static void forget_former(struct cluster *cluster, const char *name, struct rpc_answer *answer)
{
    char path[RECORD_PATH_SIZE];
    struct buf value;
    if (!str_is_name(name)) {
        rpc_fail(answer, GALE_ERR_NOT_FOUND, NULL, "there is no topology \"%.64s\"", name);
        return;
    }
    buf_init(&value, 0);
    cluster_path(name, "", path);
    enum gale_err err = cluster->store->ops->get(cluster->store, path, &value, NULL);
    buf_fini(&value);
    if (err == GALE_ERR_NOT_FOUND) {
        rpc_fail(answer, GALE_ERR_NOT_FOUND, "`gale list` shows those that are there",
                 "there is no topology \"%s\", and none left positions", name);
        return;
    }
    err = err ? err : cluster_forget_positions(cluster, name);
    if (err) {
        refuse_write(answer, err);
    }
}

static void kill_do(struct cluster *cluster, struct cluster_topology *topology,
                    const struct rpc_request *request, struct rpc_answer *answer,
                    int64_t now_ns)
{
    struct cluster_status next;
    bool at_once = gale_conf_bool(request->tree, "now", false);
    enum gale_err err = cluster_status_copy(&topology->status, &next);
    if (err) {
        request_end(answer, err);
        return;
    }
    next.pending = CLUSTER_PENDING_KILL;
    next.forget = next.forget || gale_conf_bool(request->tree, "forget", false);
    next.deadline_ms =
        cluster_wall_ms(cluster) + (at_once ? 0 : wait_of(topology, request->tree));
    err = topology_write_status(topology, &next);
    cluster_status_fini(&next);
    if (err) {
        refuse_write(answer, err);
        return;
    }
    if (!topology->controlled || topology->status.life != CLUSTER_PLACED) {
        err = topology_remove(topology);
        if (err) {
            refuse_write(answer, err);
        }
    } else if (at_once) {
        control_abort(&topology->control, now_ns);
    } else {
        topology_pursue(topology, now_ns);
    }
}

static void kill_request(struct cluster *cluster, const struct rpc_request *request,
                         struct rpc_answer *answer, int64_t now_ns)
{
    const char *name = gale_conf_string(request->tree, "name", "");
    struct cluster_topology *topology = cluster_find(cluster, name);
    if (!topology && gale_conf_bool(request->tree, "forget", false)) {
        forget_former(cluster, name, answer);
        return;
    }
    topology = request_topology(cluster, request, answer);
    if (topology) {
        kill_do(cluster, topology, request, answer, now_ns);
    }
}

/* ---- activate, deactivate -------------------------------------------------------------------- */

static void activate(struct cluster *cluster, const struct rpc_request *request,
                     struct rpc_answer *answer, bool active, int64_t now_ns)
{
    struct cluster_topology *topology = request_topology(cluster, request, answer);
    struct cluster_status next;
    if (!topology) {
        return;
    }
    if (topology->status.pending == CLUSTER_PENDING_KILL ||
        topology->status.life == CLUSTER_FINISHED) {
        rpc_fail(answer, GALE_ERR_STATE, NULL, "topology \"%s\" is %s", topology->name,
                 topology_status_name(topology));
        return;
    }
    if (topology->status.inactive == !active) {
        return;
    }
    enum gale_err err = cluster_status_copy(&topology->status, &next);
    next.inactive = !active;
    err = err ? err : topology_write_status(topology, &next);
    cluster_status_fini(&next);
    if (err) {
        refuse_write(answer, err);
    } else if (topology->controlled && topology->status.pending == CLUSTER_PENDING_NONE) {
        control_activate(&topology->control, active, now_ns);
    }
}

/* ---- rebalance ------------------------------------------------------------------------------- */

/* A spout that keeps positions has one for each task: another number of tasks would lose some. */
static const char *splits_positions(const struct cluster_topology *topology,
                                    const struct gale_conf *parallelism)
{
    for (size_t i = 0; i < gale_conf_count(parallelism); i++) {
        const char *name = gale_conf_key(parallelism, i);
        int index = plan_component_find(topology->plan, name);
        const struct plan_component *component =
            index < 0 ? NULL : &topology->plan->components[index];
        if (component && component->spout && component->spout->save &&
            gale_conf_int64(parallelism, name, 0) != (int64_t)component->parallelism) {
            return component->name;
        }
    }
    return NULL;
}

/* The overrides so far under the new ones. */
static enum gale_err overrides_of(const struct cluster_topology *topology,
                                  const struct gale_conf *more, struct gale_conf **out)
{
    enum gale_err err = cluster_map_copy(topology->status.parallelism, out);
    if (!err && !*out) {
        *out = conf_new();
        err = *out ? GALE_OK : GALE_ERR_NOMEM;
    }
    for (size_t i = 0; !err && i < gale_conf_count(more); i++) {
        conf_remove(*out, gale_conf_key(more, i));
        err = conf_add_copy(*out, gale_conf_key(more, i), gale_conf_at(more, i));
    }
    if (!err && gale_conf_count(*out) == 0) {
        conf_free(*out);
        *out = NULL;
    }
    return err;
}

static bool rebalance_check(struct cluster *cluster, struct cluster_topology *topology,
                            const struct cluster_status *next, struct rpc_answer *answer)
{
    struct plan *plan = NULL;
    struct diag diag;
    const char *spout = splits_positions(topology, next->next_parallelism);
    if (spout) {
        rpc_fail(
            answer, GALE_ERR_UNSUPPORTED, "kill it, change the file and submit it with --fresh",
            "spout \"%s\" keeps a position for each task: their number cannot change", spout);
        return false;
    }
    diag_init(&diag);
    enum gale_err err = package_plan(&topology->package, cluster->options.builtins,
                                     next->next_workers, next->next_parallelism, &plan, &diag);
    if (err) {
        rpc_fail(answer, err, "`gale describe` shows its components and tasks", "%s",
                 diag.count > 0 ? diag.items[0].text : gale_err_name(err));
    }
    plan_free(plan);
    diag_fini(&diag);
    return err == GALE_OK;
}

/* One that waits has nothing to stop: it waits as it shall be. */
static void rebalance_waiting(struct cluster_status *next)
{
    conf_free(next->parallelism);
    next->parallelism = next->next_parallelism;
    next->next_parallelism = NULL;
    next->workers = next->next_workers;
    next->next_workers = 0;
    next->pending = CLUSTER_PENDING_NONE;
}

static void rebalance_do(struct cluster *cluster, struct cluster_topology *topology,
                         struct cluster_status *next, struct rpc_answer *answer, int64_t now_ns)
{
    bool waits = topology->status.life == CLUSTER_WAITING;
    if (waits) {
        rebalance_waiting(next);
    }
    enum gale_err err = topology_write_status(topology, next);
    if (err) {
        refuse_write(answer, err);
    } else if (waits) {
        topology_compile(topology);
        cluster->place = true;
    } else {
        topology_pursue(topology, now_ns);
    }
}

static void rebalance(struct cluster *cluster, const struct rpc_request *request,
                      struct rpc_answer *answer, int64_t now_ns)
{
    struct cluster_topology *topology = request_topology(cluster, request, answer);
    struct cluster_status next;
    if (!topology) {
        return;
    }
    if (topology->status.pending || topology->status.life == CLUSTER_FINISHED ||
        topology->broken[0]) {
        rpc_fail(answer, GALE_ERR_STATE, "wait until that is over", "topology \"%s\" is %s",
                 topology->name, topology_status_name(topology));
        return;
    }
    int64_t workers = gale_conf_int64(request->tree, "workers", topology->status.workers);
    if (workers < 0 || workers > PLAN_WORKERS_MAX) {
        rpc_fail(answer, GALE_ERR_INVALID, NULL, "workers: 1 to %d", PLAN_WORKERS_MAX);
        return;
    }
    const struct gale_conf *parallelism = gale_conf_get(request->tree, "parallelism");
    if (parallelism && gale_conf_type(parallelism) != GALE_MAP) {
        rpc_fail(answer, GALE_ERR_INVALID, NULL, "parallelism: component: tasks");
        return;
    }
    enum gale_err err = cluster_status_copy(&topology->status, &next);
    if (!err) {
        conf_free(next.next_parallelism);
        next.next_parallelism = NULL;
        err = overrides_of(topology, parallelism, &next.next_parallelism);
    }
    if (err) {
        request_end(answer, err);
    } else {
        next.next_workers = (uint32_t)workers;
        next.pending = CLUSTER_PENDING_REBALANCE;
        next.deadline_ms = cluster_wall_ms(cluster) + wait_of(topology, request->tree);
        if (rebalance_check(cluster, topology, &next, answer) &&
            !gale_conf_bool(request->tree, "dry", false)) {
            rebalance_do(cluster, topology, &next, answer, now_ns);
        }
    }
    cluster_status_fini(&next);
}

/* ---- All of them ----------------------------------------------------------------------------- */

enum verb {
    VERB_UNKNOWN,
    VERB_WHO,
    VERB_HOST,
    VERB_SUBMIT,
    VERB_KILL,
    VERB_ACTIVATE,
    VERB_DEACTIVATE,
    VERB_REBALANCE,
    VERB_LIST,
    VERB_DESCRIBE,
    VERB_SAMPLE,
    VERB_ERRORS,
    VERB_HOSTS,
    VERB_LOG_LEVEL,
    VERB_TAP,
    VERB_TAP_READ
};

static enum verb verb_of(const char *name)
{
    static const char *const names[] = {
        "",     "who",      "host",   "submit", "kill",  "activate",  "deactivate", "rebalance",
        "list", "describe", "sample", "errors", "hosts", "log_level", "tap",        "tap_read"};
    for (size_t i = 1; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum verb)i;
        }
    }
    return VERB_UNKNOWN;
}

/* Requests that a topology's name goes with and that change nothing in the store. */
static void look(struct cluster *cluster, enum verb verb, const struct rpc_request *request,
                 struct rpc_answer *answer, int64_t now_ns)
{
    struct cluster_topology *topology = request_topology(cluster, request, answer);
    if (!topology) {
        return;
    }
    if (verb == VERB_DESCRIBE) {
        show_describe(topology, answer);
    } else if (verb == VERB_SAMPLE) {
        show_sample(topology, gale_conf_bool(request->tree, "tasks", false), answer);
    } else if (verb == VERB_ERRORS) {
        show_errors(topology, answer);
    } else if (verb == VERB_LOG_LEVEL) {
        log_level_request(topology, request, answer);
    } else {
        tap_request(topology, request, answer, now_ns);
    }
}

static void answer_leading(struct cluster *cluster, enum verb verb,
                           const struct rpc_request *request, struct rpc_answer *answer,
                           int64_t now_ns)
{
    bool changes = verb >= VERB_SUBMIT && verb <= VERB_REBALANCE;
    if (changes && !cluster_may_write(cluster)) {
        rpc_fail(answer, GALE_ERR_AGAIN, "what runs goes on; try again",
                 "the coordinator has no store at the moment (%s)", cluster->store_text);
        return;
    }
    switch (verb) {
    case VERB_HOST: host_request(cluster, request, answer, now_ns); break;
    case VERB_SUBMIT: submit(cluster, request, answer); break;
    case VERB_KILL: kill_request(cluster, request, answer, now_ns); break;
    case VERB_ACTIVATE: activate(cluster, request, answer, true, now_ns); break;
    case VERB_DEACTIVATE: activate(cluster, request, answer, false, now_ns); break;
    case VERB_REBALANCE: rebalance(cluster, request, answer, now_ns); break;
    case VERB_LIST: show_list(cluster, answer); break;
    case VERB_HOSTS: show_hosts(cluster, answer); break;
    case VERB_TAP_READ: tap_read_request(cluster, request, answer, now_ns); break;
    case VERB_DESCRIBE:
    case VERB_SAMPLE:
    case VERB_ERRORS:
    case VERB_LOG_LEVEL:
    case VERB_TAP: look(cluster, verb, request, answer, now_ns); break;
    case VERB_WHO:
    case VERB_UNKNOWN: break;
    }
}

void cluster_answer(struct cluster *cluster, const struct rpc_request *request,
                    struct rpc_answer *answer, int64_t now_ns)
{
    enum verb verb = verb_of(request->verb);
    cluster->now_ns = now_ns;
    if (verb == VERB_UNKNOWN) {
        rpc_fail(answer, GALE_ERR_UNSUPPORTED, "is this gale older than the one that asks?",
                 "a coordinator has no verb \"%.64s\"", request->verb);
    } else if (verb == VERB_WHO) {
        show_who(cluster, answer);
    } else if (cluster->holding) {
        answer_leading(cluster, verb, request, answer, now_ns);
    } else if (cluster->other.rpc[0] != '\0') {
        request_end(answer, tree_put_text(answer->tree, "redirect", cluster->other.rpc));
    } else {
        rpc_fail(answer, GALE_ERR_AGAIN, "try again in a moment", "no coordinator leads yet");
    }
}

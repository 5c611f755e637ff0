/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Supervisors: what they report, what they are told to keep, and when a host is lost. A report is
 * always whole, so that a lost one costs nothing; a host is made when it reports first and is forgotten
 * long after its last word. A silent host is lost together with those of its workers that are silent
 * too; one that still beats stays.
 */
#include "cluster/cluster_internal.h"

#include "base/str.h"
#include "store/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The list -------------------------------------------------------------------------------- */

static size_t place_of(const struct cluster *cluster, const char *name)
{
    size_t low = 0, high = cluster->hosts_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(cluster->hosts[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct cluster_host *host_find(const struct cluster *cluster, const char *name)
{
    size_t at = place_of(cluster, name);
    bool there = at < cluster->hosts_count && strcmp(cluster->hosts[at]->name, name) == 0;
    return there ? cluster->hosts[at] : NULL;
}

struct cluster_host *host_get(struct cluster *cluster, const char *name, int64_t now_ns)
{
    struct cluster_host *host = host_find(cluster, name);
    if (host) {
        return host;
    }
    if (cluster->hosts_count == cluster->hosts_room) {
        size_t room = cluster->hosts_room ? cluster->hosts_room * 2 : 8;
        struct cluster_host **grown =
            cluster->hosts_count >= CLUSTER_HOSTS_MAX
                ? NULL
                : realloc(cluster->hosts, room * sizeof *cluster->hosts);
        if (!grown) {
            return NULL;
        }
        cluster->hosts = grown;
        cluster->hosts_room = room;
    }
    host = calloc(1, sizeof *host);
    if (!host) {
        return NULL;
    }
    str_copy(host->name, sizeof host->name, name);
    host->heard_ns = now_ns;
    host->alive = true;
    size_t at = place_of(cluster, name);
    memmove(&cluster->hosts[at + 1], &cluster->hosts[at],
            (cluster->hosts_count - at) * sizeof(struct cluster_host *));
    cluster->hosts[at] = host;
    cluster->hosts_count++;
    return host;
}

static struct cluster_slot *slot_at(const struct cluster_topology *topology, uint32_t worker)
{
    return &topology->slots[worker];
}

uint32_t host_used(const struct cluster *cluster, const struct cluster_host *host)
{
    uint32_t used = 0;
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        const struct cluster_topology *topology = cluster->topologies[i];
        for (uint32_t w = 0; topology->slots && topology->status.life == CLUSTER_PLACED &&
                             w < topology->assignment.workers_count;
             w++) {
            used += slot_at(topology, w)->host == host;
        }
    }
    return used;
}

/* ---- Silence --------------------------------------------------------------------------------- */

static bool is_silent(const struct cluster *cluster, int64_t heard_ns, int64_t now_ns)
{
    int64_t since_ns = heard_ns > cluster->excused_ns ? heard_ns : cluster->excused_until_ns;
    return now_ns - since_ns >= cluster->options.host_timeout_ms * NS_PER_MS;
}

/* Whether a worker of a silent host is silent, too. One that was never reported and has no tasks does
 * nothing, whatever it says: it waits for a report that does not come. */
static bool is_lost(const struct cluster_topology *topology, uint32_t index, int64_t now_ns)
{
    const struct control_worker *worker = &topology->control.workers[index];
    const struct cluster_hello *hello = topology->slots[index].hello;
    if (worker->alive) {
        return is_silent(topology->cluster, control_heard_ns(&topology->control, index),
                         now_ns);
    }
    return !hello || !hello->running || is_silent(topology->cluster, hello->heard_ns, now_ns);
}

/* Takes the silent workers of a silent host away from it. */
static void workers_lose(struct cluster *cluster, struct cluster_host *host, int64_t now_ns)
{
    char text[128];
    snprintf(text, sizeof text, "was lost with host %.64s", host->name);
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        struct cluster_topology *topology = cluster->topologies[i];
        for (uint32_t w = 0; topology->controlled && topology->status.life == CLUSTER_PLACED &&
                             w < topology->assignment.workers_count;
             w++) {
            struct cluster_slot *slot = slot_at(topology, w);
            const struct control_worker *worker = &topology->control.workers[w];
            if (slot->host != host || !is_lost(topology, w, now_ns)) {
                continue;
            }
            free(slot->hello);
            slot->hello = NULL;
            slot->host = NULL;
            slot->pid = slot->rss_kb = 0;
            slot->state[0] = '\0';
            cluster->place = true;
            control_absent(&topology->control, w, now_ns);
            if (worker->alive) {
                if (worker->keep == KEEP_RUNNING) { /* Or it has ended as it was told to. */
                    save_error(topology, w, 0, false, text);
                }
                control_exited(&topology->control, w, worker->incarnation, text, now_ns);
            }
        }
    }
}

/* One that is gone for long leaves no trace. */
static bool forgets(struct cluster *cluster, size_t at, int64_t now_ns)
{
    struct cluster_host *host = cluster->hosts[at];
    if (host->alive || now_ns - host->heard_ns < CLUSTER_HOST_FORGET_NS ||
        host_used(cluster, host) > 0) {
        return false;
    }
    for (size_t i = 0; i < cluster->topologies_count; i++) { /* Of a finished one, too. */
        struct cluster_topology *topology = cluster->topologies[i];
        for (uint32_t w = 0; topology->slots && w < topology->assignment.workers_count; w++) {
            if (topology->slots[w].host == host) {
                topology->slots[w].host = NULL;
            }
        }
    }
    free(host);
    cluster->hosts_count--;
    memmove(&cluster->hosts[at], &cluster->hosts[at + 1],
            (cluster->hosts_count - at) * sizeof(struct cluster_host *));
    return true;
}

void hosts_step(struct cluster *cluster, int64_t now_ns)
{
    if (!cluster_may_write(cluster)) {
        return; /* A caretaker moves nothing. */
    }
    for (size_t i = cluster->hosts_count; i > 0; i--) {
        struct cluster_host *host = cluster->hosts[i - 1];
        if (forgets(cluster, i - 1, now_ns) || !is_silent(cluster, host->heard_ns, now_ns)) {
            continue;
        }
        if (host->alive) {
            host->alive = false;
            cluster->place = true;
            cluster_note(cluster, "host %s is silent", host->name);
        }
        workers_lose(cluster, host, now_ns);
    }
}

void hosts_poke(struct cluster *cluster)
{
    const struct cluster_ports *ports = cluster->options.ports;
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        struct cluster_host *host = cluster->hosts[i];
        if (host->poke && ports->poke && host->rpc[0] != '\0' && host->alive) {
            ports->poke(ports->self, host->rpc);
        }
        host->poke = false;
    }
}

/* ---- HELLO before the report ----------------------------------------------------------------- */

void host_hello_keep(struct cluster_topology *topology, const struct message *message)
{
    struct cluster_slot *slot = slot_at(topology, message->worker);
    if (!slot->hello) {
        slot->hello = calloc(1, sizeof *slot->hello);
    }
    if (slot->hello) {
        slot->hello->incarnation = message->incarnation;
        slot->hello->heard_ns = topology->cluster->now_ns;
        slot->hello->pid = message->as.hello.pid;
        slot->hello->running = message->as.hello.running;
        str_copy(slot->hello->endpoint, sizeof slot->hello->endpoint,
                 message->as.hello.data_endpoint);
    }
}

static void hello_replay(struct cluster_topology *topology, uint32_t index,
                         uint64_t incarnation, int64_t now_ns)
{
    struct cluster_slot *slot = slot_at(topology, index);
    struct cluster_hello *hello = slot->hello;
    if (!hello || hello->incarnation != incarnation) {
        return;
    }
    slot->hello = NULL;
    struct message message = {.type = MESSAGE_HELLO,
                              .topology = topology->status.id,
                              .worker = index,
                              .incarnation = incarnation,
                              .epoch = topology->cluster->epoch,
                              .attempt = topology->status.attempt};
    message.as.hello = (struct message_hello){.worker = index,
                                              .incarnation = incarnation,
                                              .pid = hello->pid,
                                              .data_endpoint = hello->endpoint,
                                              .running = hello->running};
    control_message(&topology->control, &message, now_ns);
    free(hello);
}

/* ---- Reports --------------------------------------------------------------------------------- */

/* How a process may end that is not wanted any more: no error. */
static bool is_in_order(const char *exit_text)
{
    return strcmp(exit_text, "exited with 0") == 0 || strstr(exit_text, "SIGTERM") != NULL;
}

/* The process has ended, if it is the one that is known. */
static void report_exit(struct cluster_topology *topology, uint32_t worker,
                        uint64_t incarnation, const char *text, int64_t now_ns)
{
    const struct control_worker *known = &topology->control.workers[worker];
    if (!known->alive || known->incarnation != incarnation) {
        return;
    }
    text = text[0] != '\0' ? text : "ended";
    if (known->keep == KEEP_RUNNING || !is_in_order(text)) {
        save_error(topology, worker, 0, false, text);
    }
    control_exited(&topology->control, worker, incarnation, text, now_ns);
}

/* A slot that the host has. */
static void report_held(struct cluster_topology *topology, uint32_t index,
                        const struct gale_conf *item, int64_t now_ns)
{
    struct cluster_slot *slot = slot_at(topology, index);
    uint64_t incarnation = tree_hex64(item, "incarnation", 0);
    const char *state = gale_conf_string(item, "state", "");
    slot->seen = true;
    slot->pid = gale_conf_int64(item, "pid", 0);
    slot->rss_kb = gale_conf_int64(item, "rss_kb", 0);
    slot->restarts = (uint32_t)gale_conf_int64(item, "restarts", 0);
    str_copy(slot->state, sizeof slot->state, state);
    str_copy(slot->why, sizeof slot->why,
             strcmp(state, "fetching") == 0 ? gale_conf_string(item, "exit", "") : "");
    if ((uint32_t)gale_conf_int64(item, "attempt", 0) != topology->status.attempt) {
        slot->refused = true;
        return;
    }
    if (incarnation == 0) {
        return;
    }
    bool lives = strcmp(state, "starting") == 0 || strcmp(state, "running") == 0 ||
                 strcmp(state, "stopping") == 0;
    if (!lives) {
        report_exit(topology, index, incarnation, gale_conf_string(item, "exit", ""), now_ns);
        return;
    }
    slot->refused = !control_spawned(&topology->control, index, incarnation, now_ns);
    if (!slot->refused) {
        hello_replay(topology, index, incarnation, now_ns);
    }
}

/* The topology and slot that a reported item means here; NULL: none of this host's. */
static struct cluster_topology *item_of(struct cluster *cluster,
                                        const struct cluster_host *host,
                                        const struct gale_conf *item, uint32_t *worker)
{
    struct cluster_topology *topology =
        cluster_find_id(cluster, tree_hex64(item, "topology", 0));
    int64_t index = gale_conf_int64(item, "worker", -1);
    if (!topology || !topology->controlled || topology->status.life != CLUSTER_PLACED ||
        index < 0 || index >= topology->assignment.workers_count ||
        slot_at(topology, (uint32_t)index)->host != host) {
        return NULL;
    }
    *worker = (uint32_t)index;
    return topology;
}

static void report_read(struct cluster *cluster, const struct cluster_host *host,
                        const struct gale_conf *tree, int64_t now_ns)
{
    const struct gale_conf *gone = gale_conf_get(tree, "gone");
    const struct gale_conf *held = gale_conf_get(tree, "held");
    uint32_t worker;
    for (size_t i = 0; i < gale_conf_count(gone); i++) {
        const struct gale_conf *item = gale_conf_at(gone, i);
        struct cluster_topology *topology = item_of(cluster, host, item, &worker);
        if (topology) {
            report_exit(topology, worker, tree_hex64(item, "incarnation", 0),
                        gale_conf_string(item, "exit", ""), now_ns);
        }
    }
    for (size_t i = 0; i < gale_conf_count(held); i++) {
        const struct gale_conf *item = gale_conf_at(held, i);
        struct cluster_topology *topology = item_of(cluster, host, item, &worker);
        if (topology) {
            report_held(topology, worker, item, now_ns);
        }
    }
}

/* ---- The answer ------------------------------------------------------------------------------ */

static enum gale_err blobs_answer(const struct cluster_topology *topology,
                                  struct gale_conf *map)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(map, "blobs", &list);
    for (size_t i = 0; !err && i < topology->package.blobs_count; i++) {
        struct gale_conf *blob = NULL;
        err = conf_add_map(list, NULL, &blob);
        err = err ? err : tree_put_text(blob, "sha", topology->package.blobs[i].hex);
        err = err ? err : tree_put_int(blob, "size", (int64_t)topology->package.blobs[i].size);
    }
    return err;
}

static enum gale_err wanted_answer(const struct cluster_topology *topology, uint32_t worker,
                                   struct gale_conf *list)
{
    const struct cluster_slot *slot = slot_at(topology, worker);
    struct gale_conf *map = NULL;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_hex64(map, "topology", topology->status.id);
    err = err ? err : tree_put_text(map, "name", topology->name);
    err = err ? err : tree_put_int(map, "worker", worker);
    err = err ? err
              : tree_put_text(map, "keep", slot->keep == KEEP_RUNNING ? "running" : "ending");
    err = err ? err : tree_put_int(map, "attempt", topology->status.attempt);
    err = err ? err : tree_put_int(map, "epoch", (int64_t)topology->status.plan_epoch);
    err = err ? err : blobs_answer(topology, map);
    err = err ? err : tree_put_int(map, "memory_max", topology->plan->memory_max);
    err = err ? err : tree_put_int(map, "open_files_max", topology->plan->open_files_max);
    return err ? err : tree_put_text(map, "log", "info");
}

/* Goes through the workers of a host: those that it should have but did not report are gone; what it
 * should keep goes into the answer. */
static enum gale_err slots_answer(struct cluster *cluster, struct cluster_host *host,
                                  struct gale_conf *list, int64_t now_ns)
{
    enum gale_err err = GALE_OK;
    for (size_t i = 0; !err && i < cluster->topologies_count; i++) {
        struct cluster_topology *topology = cluster->topologies[i];
        for (uint32_t w = 0;
             !err && topology->controlled && topology->status.life == CLUSTER_PLACED &&
             w < topology->assignment.workers_count;
             w++) {
            struct cluster_slot *slot = slot_at(topology, w);
            if (slot->host != host) {
                continue;
            }
            const struct control_worker *known = &topology->control.workers[w];
            if (!slot->seen && known->alive) {
                report_exit(topology, w, known->incarnation, "is not known to its supervisor",
                            now_ns);
            }
            if (!known->alive) {
                control_absent(&topology->control, w, now_ns);
            }
            if (slot->keep != KEEP_NONE && !slot->refused) {
                err = wanted_answer(topology, w, list);
            }
            slot->told = slot->keep;
            slot->seen = slot->refused = false;
        }
    }
    return err;
}

static enum gale_err sources_answer(const struct cluster *cluster, struct gale_conf *answer)
{
    const char *addresses[CLUSTER_ADDRESSES_MAX];
    struct gale_conf *list = NULL;
    size_t count = cluster_addresses(cluster, addresses);
    enum gale_err err = conf_add_list(answer, "blobs_from", &list);
    err = err ? err : tree_put_text(list, NULL, cluster->rpc);
    for (size_t i = 0; !err && i < count && i + 1 < CLUSTER_ADDRESSES_MAX; i++) {
        err = tree_put_text(list, NULL, addresses[i]);
    }
    return err;
}

static enum gale_err members_answer(const struct cluster *cluster, struct gale_conf *answer)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(answer, "coordinators", &list);
    for (size_t i = 0; !err && i < cluster->members_count; i++) {
        err = tree_put_text(list, NULL, cluster->members[i].candidate.rpc);
    }
    return err;
}

static uint32_t host_living(const struct cluster *cluster, const struct cluster_host *host)
{
    uint32_t living = 0;
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        const struct cluster_topology *topology = cluster->topologies[i];
        for (uint32_t w = 0; topology->controlled && topology->status.life == CLUSTER_PLACED &&
                             w < topology->assignment.workers_count;
             w++) {
            living += slot_at(topology, w)->host == host && topology->control.workers[w].alive;
        }
    }
    return living;
}

static bool knows_one(struct cluster *cluster, const struct cluster_host *host,
                      const struct gale_conf *list)
{
    uint32_t worker;
    for (size_t i = 0; i < gale_conf_count(list); i++) {
        const struct gale_conf *item = gale_conf_at(list, i);
        const struct cluster_topology *topology = item_of(cluster, host, item, &worker);
        if (topology && topology->control.workers[worker].incarnation ==
                            tree_hex64(item, "incarnation", 0)) {
            return true;
        }
    }
    return false;
}

/* Whether a report comes from the next life of a host's supervisor: that knows of its processes. The
 * last word of an earlier life, which came late, knows of them, too. */
static bool is_successor(struct cluster *cluster, const struct cluster_host *host,
                         const struct gale_conf *tree)
{
    return gale_conf_int64(tree, "started_ms", 0) >= host->started_ms &&
           (host_living(cluster, host) == 0 ||
            knows_one(cluster, host, gale_conf_get(tree, "held")) ||
            knows_one(cluster, host, gale_conf_get(tree, "gone")));
}

/* Takes in who reports. Two supervisors of one name would take the workers from each other: the one
 * that was heard just now stays, unless the other one is its next life. @return false: refused. */
static bool host_take(struct cluster *cluster, struct cluster_host *host,
                      const struct gale_conf *tree, struct rpc_answer *answer, int64_t now_ns)
{
    int64_t started_ms = gale_conf_int64(tree, "started_ms", 0);
    int64_t pid = gale_conf_int64(tree, "pid", 0);
    const char *rpc = gale_conf_string(tree, "rpc", "");
    bool other = host->reported && (started_ms != host->started_ms || pid != host->pid);
    if (other && now_ns - host->heard_ns < CLUSTER_TWIN_NS &&
        !is_successor(cluster, host, tree)) {
        rpc_fail(answer, GALE_ERR_EXISTS, "give each supervisor a name of its own",
                 "another supervisor has the name %s, at %s", host->name, host->rpc);
        return false;
    }
    int64_t number = gale_conf_int64(tree, "number", 0);
    bool same = started_ms == host->started_ms && pid == host->pid;
    if (same && number > 0 && number <= host->report_number) {
        rpc_fail(answer, GALE_ERR_AGAIN, NULL, "a later report of %s has come already",
                 host->name);
        return false;
    }
    host->report_number = number > 0 || !same ? number : host->report_number;
    host->started_ms = started_ms;
    host->pid = pid;
    host->slots = (uint32_t)gale_conf_int64(tree, "slots", 0);
    host->memory_mb = gale_conf_int64(tree, "memory_mb", 0);
    host->cpu_points = gale_conf_int64(tree, "cpu_points", 0);
    str_copy(host->rpc, sizeof host->rpc, rpc);
    str_copy(host->version, sizeof host->version, gale_conf_string(tree, "version", ""));
    return true;
}

void host_request(struct cluster *cluster, const struct rpc_request *request,
                  struct rpc_answer *answer, int64_t now_ns)
{
    const char *name = gale_conf_string(request->tree, "name", "");
    if (!store_path_part_ok(name) || strlen(name) >= CLUSTER_NAME_SIZE) {
        rpc_fail(answer, GALE_ERR_INVALID, "letters, digits, '.', '_' and '-', at most 64",
                 "this is no name of a host");
        return;
    }
    struct cluster_host *host = host_get(cluster, name, now_ns);
    if (!host) {
        rpc_fail(answer, GALE_ERR_LIMIT, NULL, "no room for another host");
        return;
    }
    uint32_t slots_before = host->slots;
    if (!host_take(cluster, host, request->tree, answer, now_ns)) {
        return;
    }
    if (!host->reported || !host->alive || host->slots != slots_before) {
        cluster->place = true;
        cluster_note(cluster, "host %s: %u slots", host->name, host->slots);
    }
    host->reported = host->alive = true;
    host->heard_ns = now_ns;
    report_read(cluster, host, request->tree, now_ns);
    struct gale_conf *list = NULL;
    enum gale_err err = tree_put_int(answer->tree, "epoch", (int64_t)cluster->epoch);
    err = err ? err : tree_put_text(answer->tree, "control", cluster->control);
    err = err ? err : tree_put_text(answer->tree, "name", cluster->name);
    err = err ? err
              : tree_put_int(answer->tree, "acknowledged_gone",
                             (int64_t)gale_conf_count(gale_conf_get(request->tree, "gone")));
    err = err ? err : conf_add_list(answer->tree, "wanted", &list);
    err = err ? err : slots_answer(cluster, host, list, now_ns);
    err = err ? err : sources_answer(cluster, answer->tree);
    err = err ? err : members_answer(cluster, answer->tree);
    host->poke = false;
    request_end(answer, err);
}

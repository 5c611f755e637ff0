/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's coordinator: election and the order of its steps; states in cluster.h. */
#include "cluster/cluster_internal.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t cluster_wall_ms(const struct cluster *cluster)
{
    return cluster->options.ports->wall_ms(cluster->options.ports->self);
}

void cluster_note(struct cluster *cluster, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (cluster->options.ports->note) {
        cluster->options.ports->note(cluster->options.ports->self, text);
    }
}

bool cluster_leads(const struct cluster *cluster)
{
    return cluster->holding && cluster->leader.state == LEADER_LEADING && !cluster->give_up;
}

uint64_t cluster_epoch(const struct cluster *cluster)
{
    return cluster->holding ? cluster->epoch : 0;
}

bool cluster_may_write(const struct cluster *cluster)
{
    return cluster_leads(cluster) && leader_may_issue(&cluster->leader, cluster->now_ns);
}

enum gale_err cluster_write_again(struct cluster *cluster, const struct store_op *ops,
                                  size_t count, size_t *failed)
{
    size_t refused = 0;
    enum gale_err err;
    cluster->writes_count++;
    if (cluster->options.unfenced) {
        err = cluster->store->ops->multi(cluster->store, ops, count, &refused);
    } else if (cluster->give_up) {
        err = GALE_ERR_STATE;
    } else {
        err = leader_write(&cluster->leader, cluster->now_ns, ops, count, &refused);
    }
    if (failed) {
        *failed = refused;
    }
    return err;
}

enum gale_err cluster_write(struct cluster *cluster, const struct store_op *ops, size_t count,
                            size_t *failed)
{
    enum gale_err err = cluster_write_again(cluster, ops, count, failed);
    if (err == GALE_ERR_UNKNOWN) {
        cluster->give_up = true;
    }
    return err;
}

struct cluster_topology *cluster_find(const struct cluster *cluster, const char *name)
{
    size_t low = 0, high = cluster->topologies_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(cluster->topologies[middle]->name, name);
        if (order == 0) {
            return cluster->topologies[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

struct cluster_topology *cluster_find_id(const struct cluster *cluster, uint64_t id)
{
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        if (cluster->topologies[i]->status.id == id) {
            return cluster->topologies[i];
        }
    }
    return NULL;
}

/* ---- Making ---------------------------------------------------------------------------------- */

static bool options_take(struct cluster *cluster, const struct cluster_options *options)
{
    cluster->options = *options;
    if (cluster->options.host_timeout_ms == 0) {
        cluster->options.host_timeout_ms = CLUSTER_HOST_TIMEOUT_MS;
    }
    cluster->store = options->store;
    const char *store_text = options->store_text ? options->store_text : "";
    str_copy(cluster->store_text, sizeof cluster->store_text, store_text);
    return str_copy(cluster->name, sizeof cluster->name, options->name) &&
           str_copy(cluster->rpc, sizeof cluster->rpc, options->rpc_endpoint) &&
           str_copy(cluster->control, sizeof cluster->control, options->control_endpoint) &&
           !strpbrk(cluster->name, "\n") && !strpbrk(cluster->rpc, "\n") &&
           !strpbrk(cluster->control, "\n");
}

enum gale_err cluster_new(const struct cluster_options *options, struct cluster **out,
                          struct gale_error *error)
{
    struct cluster_candidate candidate;
    struct cluster *cluster = calloc(1, sizeof *cluster);
    *out = NULL;
    if (!cluster) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory for the coordinator");
    }
    buf_init(&cluster->out, STORE_MULTI_MAX + 65536);
    enum gale_err err = options_take(cluster, options) ? GALE_OK : GALE_ERR_LIMIT;
    memset(&candidate, 0, sizeof candidate);
    str_copy(candidate.name, sizeof candidate.name, cluster->name);
    str_copy(candidate.rpc, sizeof candidate.rpc, cluster->rpc);
    str_copy(candidate.control, sizeof candidate.control, cluster->control);
    err = err ? err : cluster_candidate_encode(&candidate, &cluster->out);
    err = err ? err
              : leader_init(&cluster->leader, cluster->store, CLUSTER_CANDIDATES_PATH,
                            RECORD_EPOCH_PATH, cluster->out.data, cluster->out.size,
                            &cluster->options.rng);
    if (err) {
        buf_fini(&cluster->out);
        free(cluster);
        return gale_error_set(error, err,
                              "the name or an endpoint of the coordinator is too long");
    }
    cluster->excused_ns = cluster->excused_until_ns = INT64_MIN / 2;
    *out = cluster;
    return GALE_OK;
}

void cluster_free(struct cluster *cluster)
{
    if (!cluster) {
        return;
    }
    cluster_drop(cluster);
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        free(cluster->hosts[i]);
    }
    free(cluster->hosts);
    free(cluster->topologies);
    free(cluster->looked);
    buf_fini(&cluster->out);
    free(cluster);
}

void cluster_drop(struct cluster *cluster)
{
    taps_end(cluster, NULL);
    while (cluster->topologies_count > 0) {
        topology_free(cluster->topologies[cluster->topologies_count - 1]);
    }
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        cluster->hosts[i]->reported = false;
        cluster->hosts[i]->poke = false;
    }
    cluster->holding = false;
    cluster->epoch = 0;
}

/* ---- Election -------------------------------------------------------------------------------- */

/* The folders must be there before a candidate can be. */
static bool prepare(struct cluster *cluster, int64_t now_ns)
{
    static const char *const folders[] = {CLUSTER_CANDIDATES_PATH, RECORD_TOPOLOGIES_PATH};
    struct store_session session;
    cluster->store->ops->session(cluster->store, &session);
    if (cluster->prepared || now_ns < cluster->retry_ns ||
        store_session_link(&session, now_ns) != STORE_CONNECTED) {
        return cluster->prepared;
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        enum gale_err err = cluster->store->ops->create(cluster->store, folders[i], "", 0);
        if (err != GALE_OK && err != GALE_ERR_EXISTS) {
            cluster->retry_ns = now_ns + CLUSTER_RETRY_NS;
            return false;
        }
    }
    cluster->prepared = true;
    return true;
}

/* A write may or may not have taken effect: what is held here may be wrong. In a new epoch it is
 * read anew, and workers and supervisors come to that by themselves. */
static void give_up(struct cluster *cluster)
{
    if (!cluster->give_up || cluster->leader.state == LEADER_OUT) {
        return;
    }
    cluster_note(cluster, "the outcome of a write is not known: reading everything anew");
    if (leader_resign(&cluster->leader) == GALE_OK) {
        cluster->give_up = false;
    }
}

static void elected(struct cluster *cluster, int64_t now_ns)
{
    if (now_ns < cluster->retry_ns) {
        return;
    }
    if (cluster->holding) {
        cluster_drop(cluster);
    }
    enum gale_err err = cluster_load(cluster, now_ns);
    if (err != GALE_OK) {
        cluster_drop(cluster);
        cluster->retry_ns = now_ns + CLUSTER_RETRY_NS;
        gale_log(GALE_LOG_ERROR, "leads, but cannot read the store: %s; trying again",
                 gale_err_name(err));
        return;
    }
    cluster->give_up = false;
    cluster->other.rpc[0] = '\0';
    cluster_note(cluster, "leads in epoch %llu: %zu topologies",
                 (unsigned long long)cluster->epoch, cluster->topologies_count);
}

static void election_step(struct cluster *cluster, int64_t now_ns)
{
    struct leader *leader = &cluster->leader;
    enum leader_state before = leader->state;
    give_up(cluster);
    enum gale_err err = leader_step(leader, now_ns);
    if (leader->state == LEADER_LOST) {
        leader_again(leader);
    }
    if (leader->state != before) {
        cluster->look_ns = now_ns;
        gale_log(GALE_LOG_INFO, "coordinator %s: %s -> %s", cluster->name,
                 leader_state_name(before), leader_state_name(leader->state));
    } else if (err != GALE_OK && err != cluster->election_err) {
        gale_log(GALE_LOG_WARN, "the election waits for the store: %s", gale_err_name(err));
    }
    cluster->election_err = err;
    if (leader->state == LEADER_LEADING &&
        (!cluster->holding || cluster->epoch != (uint64_t)leader->epoch)) {
        elected(cluster, now_ns);
    }
    if (now_ns < cluster->look_ns) {
        return;
    }
    if (cluster_may_write(cluster)) {
        cluster->look_ns = now_ns + CLUSTER_LOOK_NS;
        cluster_look(cluster);
        cluster->other.rpc[0] = '\0';
    } else if (leader->state == LEADER_WAITING) {
        cluster->look_ns = now_ns + CLUSTER_LOOK_NS;
        cluster_look(cluster);
        cluster_look_blobs(cluster);
        if (cluster->holding && cluster->other.rpc[0] != '\0') {
            cluster_note(cluster, "%s leads now", cluster->other.name);
            cluster_drop(cluster);
        }
    }
}

void cluster_resign(struct cluster *cluster)
{
    if (cluster->prepared) {
        (void)leader_resign(&cluster->leader);
    }
}

/* Modules and files that are not here, of a topology that another coordinator took in. */
static void blobs_want(struct cluster *cluster)
{
    const struct cluster_ports *ports = cluster->options.ports;
    for (size_t i = 0; ports->has_blob && ports->want_blob && i < cluster->topologies_count;
         i++) {
        const struct package *package = &cluster->topologies[i]->package;
        for (size_t k = 0; k < package->blobs_count; k++) {
            const struct package_blob *blob = &package->blobs[k];
            if (!ports->has_blob(ports->self, blob->hex)) {
                ports->want_blob(ports->self, blob->hex, blob->size);
            }
        }
    }
}

/* ---- Steps ----------------------------------------------------------------------------------- */

void cluster_step(struct cluster *cluster, int64_t now_ns)
{
    if (cluster->begin_ns == 0) {
        cluster->begin_ns = now_ns;
    } else if (now_ns - cluster->stepped_ns > CLUSTER_PAUSE_NS) {
        /* Nobody was heard meanwhile, whoever spoke; after a long pause they look elsewhere. */
        int64_t pause_ns = now_ns - cluster->stepped_ns;
        cluster->excused_ns = now_ns;
        cluster->excused_until_ns = now_ns + (pause_ns < CLUSTER_SEEK_NS ? 0 : CLUSTER_SEEK_NS);
    }
    cluster->now_ns = cluster->stepped_ns = now_ns;
    if (!prepare(cluster, now_ns)) {
        return;
    }
    election_step(cluster, now_ns);
    if (!cluster->holding) {
        return;
    }
    hosts_step(cluster, now_ns);
    for (size_t i = cluster->topologies_count; i > 0; i--) { /* The step may remove it. */
        topology_step(cluster->topologies[i - 1], now_ns);
    }
    if (cluster->place && cluster_may_write(cluster) && now_ns >= cluster->retry_ns) {
        cluster_place(cluster, now_ns);
    }
    taps_step(cluster, now_ns);
    levels_step(cluster, now_ns);
    if (now_ns >= cluster->rate_ns) {
        cluster->rate_ns = now_ns + CLUSTER_RATE_NS;
        sample_rates(cluster, now_ns);
        blobs_want(cluster);
    }
    if (cluster_may_write(cluster)) {
        save_step(cluster, now_ns);
    }
    hosts_poke(cluster);
}

int64_t cluster_next_ns(const struct cluster *cluster)
{
    int64_t next = cluster->stepped_ns + CLUSTER_TURN_NS;
    for (size_t i = 0; cluster->holding && i < cluster->topologies_count; i++) {
        const struct cluster_topology *topology = cluster->topologies[i];
        int64_t at = topology->controlled ? control_next_ns(&topology->control) : INT64_MAX;
        next = at < next ? at : next;
    }
    return next;
}

void cluster_message(struct cluster *cluster, const struct message *message, int64_t now_ns)
{
    cluster->now_ns = now_ns;
    if (!cluster->holding || message->epoch != cluster->epoch) {
        return;
    }
    struct cluster_topology *topology = cluster_find_id(cluster, message->topology);
    if (!topology || !topology->controlled || message->attempt != topology->status.attempt ||
        message->worker >= topology->assignment.workers_count) {
        return;
    }
    if (message->type == MESSAGE_HELLO) {
        const struct control_worker *worker = &topology->control.workers[message->worker];
        if (!worker->alive || worker->incarnation != message->incarnation) {
            host_hello_keep(topology, message);
            return;
        }
    }
    control_message(&topology->control, message, now_ns);
}

size_t cluster_addresses(const struct cluster *cluster,
                         const char *addresses[CLUSTER_ADDRESSES_MAX])
{
    size_t count = 0;
    if (cluster->other.rpc[0] != '\0') {
        addresses[count++] = cluster->other.rpc;
    }
    for (size_t i = 0; i < cluster->hosts_count && count < CLUSTER_ADDRESSES_MAX; i++) {
        const struct cluster_host *host = cluster->hosts[i];
        if (host->alive && host->reported && host->rpc[0] != '\0') {
            addresses[count++] = host->rpc;
        }
    }
    return count;
}

void cluster_blobs(const struct cluster *cluster, void (*fn)(void *argument, const char *hex),
                   void *argument)
{
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        const struct package *package = &cluster->topologies[i]->package;
        for (size_t k = 0; k < package->blobs_count; k++) {
            fn(argument, package->blobs[k].hex);
        }
    }
}

struct cluster_totals cluster_totals(const struct cluster *cluster)
{
    struct cluster_totals totals = {.topologies_count = cluster->topologies_count,
                                    .writes_count = cluster->writes_count};
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        const struct cluster_topology *topology = cluster->topologies[i];
        if (topology->controlled && topology->status.life == CLUSTER_PLACED) {
            totals.workers_count += topology->assignment.workers_count;
            totals.workers_up += topology_workers_up(topology);
        }
    }
    return totals;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who submits topologies and changes them, by the requests of the command line. A step is repeated until
 * a coordinator answers; from then on its effect is promised, and the oracle holds the cluster to it.
 */
#include "world.h"

#include "base/assert.h"
#include "base/conf.h"
#include "cluster/package.h"
#include "rpc/client.h"

#include <gale/topology.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS (1000 * WORLD_MS)
#define RETRY_NS (150 * WORLD_MS)
#define STEPS_MAX (sizeof(((struct job *)0)->steps) / sizeof(enum job_step))

static const char *const step_names[] = {"submit",    "activate", "deactivate",
                                         "rebalance", "kill",     "describe"};

/* ---- Components that never run --------------------------------------------------------------- */

static enum gale_next spout_next(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_NEXT_DONE;
}

static enum gale_err bolt_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static const struct gale_spout_ops spout_ops = {GALE_SPOUT_HEAD, .name = "model", .fields = "n",
                                                .next = spout_next};
static const struct gale_bolt_ops bolt_ops = {GALE_BOLT_HEAD, .name = "model",
                                              .execute = bolt_execute};
static const struct gale_spout_ops *const spouts[] = {&spout_ops, NULL};
static const struct gale_bolt_ops *const bolts[] = {&bolt_ops, NULL};
const struct worker_builtins client_builtins = {spouts, bolts};

static void set_number(struct gale_topology *topology, struct gale_component *component,
                       const char *key, uint32_t value)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", value);
    GALE_ASSERT((component ? gale_component_set(component, key, text)
                           : gale_topology_set(topology, key, text)) == GALE_OK);
}

/* The definition, as `gale submit` makes it of a file without modules. */
static void package_put(const struct job *job, struct buf *out)
{
    struct gale_topology *topology = gale_topology_new(job->name);
    struct gale_conf *document = conf_new(), *part = NULL;
    GALE_ASSERT(topology && document);
    set_number(topology, NULL, "workers", job->workers);
    set_number(topology, NULL, "isolate_hosts", job->alone ? 1 : 0);
    set_number(topology, gale_topology_spout(topology, "s", "model"), "parallelism",
               job->spouts);
    struct gale_component *bolt = gale_topology_bolt(topology, "b", "model");
    set_number(topology, bolt, "parallelism", job->bolts);
    GALE_ASSERT(gale_component_from(bolt, "s", "shuffle") == GALE_OK);
    enum gale_err err = conf_add_copy(document, "topology", gale_topology_conf(topology));
    err = err ? err : conf_add_map(document, "modules", &part);
    err = err ? err : conf_add_list(document, "declares", &part);
    err = err ? err : conf_add_list(document, "blobs", &part);
    struct package package = {.tree = gale_conf_get(document, "topology"),
                              .document = document};
    snprintf(package.name, sizeof(package.name), "%s", job->name);
    err = err ? err : package_encode(&package, out);
    GALE_ASSERT(err == GALE_OK);
    gale_topology_free(topology);
    conf_free(document);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void job_make(struct world *world, uint32_t index)
{
    struct job *job = &world->jobs[index];
    snprintf(job->name, sizeof(job->name), "t%u", index);
    job->workers = 1 + world_below(world, WORLD_WORKERS_MAX);
    job->spouts = 1 + world_below(world, WORLD_SPOUTS_MAX);
    job->bolts = 1 + world_below(world, 3);
    job->steps[job->steps_count++] = STEP_SUBMIT;
    job->limit = world_chance(world, 250) ? 1 + world_below(world, 60) : 0;
    uint32_t steps = job->limit ? 0 : world_below(world, 4);
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t kind = world_below(world, 10);
        enum job_step *at = &job->steps[job->steps_count];
        if (kind < 3) {
            at[0] = STEP_DEACTIVATE;
            at[1] = STEP_ACTIVATE;
            job->steps_count += 1 + world_below(world, 2);
        } else if (kind < 7) {
            at[0] = STEP_REBALANCE;
            job->steps_count += 1;
        } else {
            at[0] = STEP_KILL;
            at[1] = STEP_AWAIT_GONE;
            at[2] = STEP_SUBMIT;
            job->steps_count += 3;
        }
    }
    if (world_chance(world, 200)) {
        job->steps[job->steps_count++] = STEP_KILL;
        job->steps[job->steps_count++] = STEP_AWAIT_GONE;
    }
    GALE_ASSERT(job->steps_count <= STEPS_MAX);
    job->at_ns = world->now_ns + world_between(world, 0, 3 * WORLD_SECOND);
}

void client_init(struct world *world)
{
    world->jobs_count = 1 + world_below(world, WORLD_JOBS_MAX);
    for (uint32_t i = 0; i < world->jobs_count; i++) {
        job_make(world, i);
    }
    /* The others must find room on the hosts that are left, also when one of these is lost. */
    world->jobs[0].alone = world->sites_count == WORLD_SITES_MAX && world_chance(world, 300);
}

int client_job_of(const struct world *world, const char *name)
{
    uint32_t at = 0;
    while (at < world->jobs_count && strcmp(world->jobs[at].name, name) != 0) {
        at++;
    }
    GALE_ASSERT(at < world->jobs_count); /* Nobody else submits. */
    return (int)at;
}

bool client_done(const struct world *world)
{
    for (uint32_t i = 0; i < world->jobs_count; i++) {
        if (world->jobs[i].step < world->jobs[i].steps_count) {
            return false;
        }
    }
    return true;
}

static void put_int(struct gale_conf *tree, const char *key, uint32_t value)
{
    GALE_ASSERT(tree_put_int(tree, key, value) == GALE_OK);
}

static void request_fill(struct world *world, struct job *job, struct packet *packet)
{
    enum job_step step = job->steps[job->step];
    struct gale_conf *tree = conf_new(), *map = NULL;
    GALE_ASSERT(tree && tree_put_text(tree, "verb", step_names[step]) == GALE_OK &&
                tree_put_text(tree, "name", job->name) == GALE_OK);
    packet->tree = tree;
    if (step == STEP_SUBMIT) {
        package_put(job, &packet->bytes);
    } else if (step == STEP_KILL) {
        put_int(tree, "wait_ms", world_below(world, 1500));
    } else if (step == STEP_REBALANCE) {
        if (!job->uncertain) {
            job->workers = 1 + world_below(world, WORLD_WORKERS_MAX);
            job->bolts = 1 + world_below(world, 3);
        }
        put_int(tree, "wait_ms", world_below(world, 1500));
        put_int(tree, "workers", job->workers);
        GALE_ASSERT(conf_add_map(tree, "parallelism", &map) == GALE_OK);
        put_int(map, "b", job->bolts);
    }
}

static void next_node(struct world *world, struct job *job)
{
    job->node = (job->node + 1) % world->nodes_count;
    job->at_ns = world->now_ns + RETRY_NS;
}

static void job_send(struct world *world, struct job *job)
{
    struct packet *packet = packet_new(PACKET_REQUEST, PLACE_CLIENT, job->node);
    request_fill(world, job, packet);
    packet->id = job->request = ++world->requests_count;
    job->give_up_ns = world->now_ns + PATIENCE_NS;
    world_send(world, packet);
}

static void job_timed_out(struct world *world, struct job *job)
{
    job->request = 0;
    job->uncertain = true;
    next_node(world, job);
}

/* The step has had its effect. */
static void step_done(struct world *world, struct job *job)
{
    enum job_step step = job->steps[job->step];
    world_trace(world, "client: %s %s is done", step_names[step], job->name);
    if (step == STEP_SUBMIT) {
        job->submitted = true;
        job->inactive = false;
    } else if (step == STEP_ACTIVATE || step == STEP_DEACTIVATE) {
        job->inactive = step == STEP_DEACTIVATE;
    } else if (step == STEP_KILL) {
        job->submitted = false;
    }
    job->step++;
    job->uncertain = false;
    job->at_ns = world->now_ns +
                 (job->step < job->steps_count && job->steps[job->step] == STEP_AWAIT_GONE
                      ? RETRY_NS
                      : world_between(world, 100 * WORLD_MS, 3 * WORLD_SECOND));
}

static void job_refused(struct world *world, struct job *job, uint32_t node, enum gale_err code,
                        const char *text)
{
    enum job_step step = job->steps[job->step];
    const struct cluster *cluster = world->nodes[node].cluster;
    /* One that leads no more may not know what is. */
    bool current = cluster && cluster_leads(cluster) &&
                   (int64_t)cluster_epoch(cluster) == world->epoch_seen;
    if (code == GALE_ERR_NOT_FOUND && !current) {
        next_node(world, job);
    } else if ((step == STEP_SUBMIT && code == GALE_ERR_EXISTS && job->uncertain) ||
               (step == STEP_KILL && code == GALE_ERR_NOT_FOUND && job->uncertain) ||
               (step == STEP_AWAIT_GONE && code == GALE_ERR_NOT_FOUND)) {
        step_done(world, job);
    } else if (code == GALE_ERR_NOT_FOUND) {
        world_violation(world, "%s was submitted and is not known any more", job->name);
    } else {
        world_trace(world, "client: %s %s is refused: %s", step_names[step], job->name, text);
        /* The one refusal that may have had an effect says so. */
        job->uncertain = job->uncertain || strstr(text, "did not say whether") != NULL;
        next_node(world, job);
    }
}

void client_packet(struct world *world, struct packet *packet)
{
    struct gale_error error = {0};
    for (uint32_t i = 0; i < world->jobs_count; i++) {
        struct job *job = &world->jobs[i];
        if (job->request == 0 || job->request != packet->id) {
            continue;
        }
        job->request = 0;
        uint32_t leader = node_of(world, gale_conf_string(packet->tree, "redirect", NULL));
        enum gale_err code = rpc_refusal(packet->tree, &error);
        if (leader != UINT32_MAX) {
            job->node = leader;
            job->at_ns = world->now_ns + RETRY_NS / 4;
        } else if (code != GALE_OK) {
            job_refused(world, job, packet->from, code, error.text);
        } else if (job->steps[job->step] == STEP_AWAIT_GONE) {
            job->at_ns = world->now_ns + RETRY_NS;
        } else {
            step_done(world, job);
        }
    }
}

int64_t client_next_ns(const struct world *world)
{
    int64_t next_ns = INT64_MAX;
    for (uint32_t i = 0; i < world->jobs_count; i++) {
        const struct job *job = &world->jobs[i];
        int64_t at_ns = job->request ? job->give_up_ns : job->at_ns;
        if (job->step < job->steps_count && at_ns < next_ns) {
            next_ns = at_ns;
        }
    }
    return next_ns;
}

void client_turn(struct world *world)
{
    for (uint32_t i = 0; i < world->jobs_count; i++) {
        struct job *job = &world->jobs[i];
        if (job->step == job->steps_count) {
            continue;
        }
        if (job->request && world->now_ns >= job->give_up_ns) {
            job_timed_out(world, job);
        } else if (!job->request && world->now_ns >= job->at_ns) {
            job_send(world, job);
        }
    }
}

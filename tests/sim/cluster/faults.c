/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, for a while: crashes, pauses, cuts in one or both directions, a store that is gone,
 * clocks that jump. A host that was in trouble has an excuse for a while after it. */
#include "world.h"

#include <stdio.h>

#define LATENCY_NS (2 * WORLD_MS)
#define EXCUSE_NS (15 * WORLD_SECOND) /* back-off, elections and late answers included */
#define WORKER_HEALED_NS WORLD_SECOND
#define HOST_HEALED_NS (3 * WORLD_SECOND)
#define LEADER_HEALED_NS (2 * WORLD_SECOND) /* once its session has ended */
#define PAUSE_MAX_NS (9 * WORLD_SECOND)     /* more than twice a session */

void faults_excuse(struct world *world, uint32_t site, int64_t until_ns)
{
    if (until_ns + EXCUSE_NS > world->trouble_ns[site]) {
        world->trouble_ns[site] = until_ns + EXCUSE_NS;
    }
}

void faults_init(struct world *world)
{
    uint32_t kind = world_below(world, 100);
    world->calm = kind < 10;
    world->mild = kind < 40;
    world->faults = true;
    for (uint32_t from = 0; from < PLACES_COUNT; from++) {
        for (uint32_t to = 0; to < PLACES_COUNT; to++) {
            world->links[from][to].latency_ns = from == to ? WORLD_MS / 10 : LATENCY_NS;
        }
    }
    world->faults_end_ns = world->now_ns + (world->calm ? 4 * WORLD_SECOND
                                                        : world_between(world, 4 * WORLD_SECOND,
                                                                        14 * WORLD_SECOND));
    world->chaos_ns =
        world->calm ? INT64_MAX
                    : world->now_ns + world_between(world, WORLD_SECOND, 3 * WORLD_SECOND);
}

static int64_t while_ns(struct world *world, int64_t longest_ns)
{
    return world->now_ns + world_between(world, 50 * WORLD_MS, longest_ns);
}

/* One that is stopped already goes on no sooner. */
static void pause_until(int64_t *paused_until_ns, int64_t until_ns)
{
    *paused_until_ns = until_ns > *paused_until_ns ? until_ns : *paused_until_ns;
}

static void cut_one(struct world *world, uint32_t from, uint32_t to, int64_t until_ns)
{
    struct world_link *link = &world->links[from][to];
    link->cut_until_ns = until_ns > link->cut_until_ns ? until_ns : link->cut_until_ns;
    for (uint32_t site = 0; site < world->sites_count; site++) {
        if (from == PLACE_SITE + site || to == PLACE_SITE + site) {
            faults_excuse(world, site, until_ns);
        }
    }
}

/* In one direction or both. */
static void cut(struct world *world, uint32_t a, uint32_t b, int64_t until_ns)
{
    uint32_t ways = world_below(world, 4);
    world_trace(world, "fault: %u %s %u are cut until %.3f", a,
                ways == 0   ? "->"
                : ways == 1 ? "<-"
                            : "<->",
                b, (double)until_ns / 1e9);
    if (ways != 1) {
        cut_one(world, a, b, until_ns);
    }
    if (ways != 0) {
        cut_one(world, b, a, until_ns);
    }
}

/* ---- Coordinators and the store -------------------------------------------------------------- */

static struct node *any_node(struct world *world)
{
    /* More often the one that leads: the others matter less. */
    for (uint32_t i = 0; i < world->nodes_count && world_chance(world, 600); i++) {
        if (world->nodes[i].alive && cluster_leads(world->nodes[i].cluster)) {
            return &world->nodes[i];
        }
    }
    return &world->nodes[world_below(world, world->nodes_count)];
}

static void node_fault(struct world *world)
{
    struct node *node = any_node(world);
    uint32_t kind = world_below(world, 100);
    if (kind < 25) {
        bool leaves = kind < 5 && world->now_ns >= node->paused_until_ns;
        world_trace(world, "fault: %s %s", node->name, leaves ? "leaves" : "crashes");
        if (leaves) {
            node_leave(node);
        } else {
            node_crash(node);
        }
        node->restart_ns = while_ns(world, 5 * WORLD_SECOND);
    } else if (kind < 45) {
        pause_until(&node->paused_until_ns,
                    while_ns(world, world_chance(world, 500) ? PAUSE_MAX_NS : WORLD_SECOND));
        world_trace(world, "fault: %s is stopped until %.3f", node->name,
                    (double)node->paused_until_ns / 1e9);
    } else if (kind < 70) {
        cut(world, node->index, PLACE_STORE, while_ns(world, PAUSE_MAX_NS));
    } else if (kind < 80) {
        cut(world, node->index, PLACE_CLIENT, while_ns(world, 3 * WORLD_SECOND));
    } else if (kind < 90) {
        node->wall_offset_ms += world_between(world, -20000, 20000);
        world_trace(world, "fault: %s's clock jumps", node->name);
    } else {
        ensemble_power(&world->ensemble, false);
        world->power_at_ns = while_ns(world, 6 * WORLD_SECOND);
        world_trace(world, "fault: no store until %.3f", (double)world->power_at_ns / 1e9);
    }
}

/* ---- Hosts and workers ----------------------------------------------------------------------- */

static void site_cut(struct world *world, uint32_t index)
{
    int64_t until_ns = while_ns(world, 6 * WORLD_SECOND);
    uint32_t place = PLACE_SITE + index;
    if (world_chance(world, 400)) {
        cut(world, place, world_below(world, world->nodes_count), until_ns);
        return;
    }
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        cut(world, place, i, until_ns);
    }
    for (uint32_t i = 0; i < world->sites_count && world_chance(world, 500); i++) {
        if (i != index) {
            cut(world, place, PLACE_SITE + i, until_ns);
        }
    }
}

static void site_fault(struct world *world)
{
    uint32_t index = world_below(world, world->sites_count);
    struct site *site = &world->sites[index];
    uint32_t kind = world_below(world, 100);
    if (kind < 25) {
        world_trace(world, "fault: %s's supervisor crashes", site->name);
        site_crash(site);
        site->restart_ns = while_ns(world, 3 * WORLD_SECOND);
        faults_excuse(world, index, site->restart_ns);
    } else if (kind < 40) {
        pause_until(&site->paused_until_ns, while_ns(world, 4 * WORLD_SECOND));
        world_trace(world, "fault: %s's supervisor is stopped until %.3f", site->name,
                    (double)site->paused_until_ns / 1e9);
        faults_excuse(world, index, site->paused_until_ns);
    } else if (kind < 55) {
        world_trace(world, "fault: %s is switched off", site->name);
        site_power_off(site);
        site->restart_ns = while_ns(world, 5 * WORLD_SECOND);
        faults_excuse(world, index, site->restart_ns);
    } else {
        site_cut(world, index);
    }
}

static void model_fault(struct world *world)
{
    if (world->models_first == world->models_count) {
        return;
    }
    struct model *model =
        world->models[world->models_first +
                      world_below(world, world->models_count - world->models_first)];
    if (!model->alive) {
        return;
    }
    if (world_chance(world, 500)) {
        faults_excuse(world, model->site, world->now_ns);
        model_end(model, "killed by SIGSEGV (signal 11)");
    } else {
        pause_until(&model->paused_until_ns, while_ns(world, 4 * WORLD_SECOND));
        world_trace(world, "fault: process %u is stopped until %.3f", model->number,
                    (double)model->paused_until_ns / 1e9);
        faults_excuse(world, model->site, model->paused_until_ns);
    }
}

/* Every way becomes slow and lossy, or as it should be. */
static void upset(struct world *world)
{
    bool bad = world_chance(world, 600);
    for (uint32_t from = 0; from < PLACES_COUNT; from++) {
        for (uint32_t to = 0; to < PLACES_COUNT; to++) {
            struct world_link *link = &world->links[from][to];
            link->loss = bad && from != to ? world_below(world, 150) : 0;
            link->latency_ns = from == to ? WORLD_MS / 10
                               : bad      ? world_between(world, WORLD_MS, 80 * WORLD_MS)
                                          : LATENCY_NS;
        }
    }
    for (uint32_t site = 0; site < world->sites_count; site++) {
        faults_excuse(world, site, bad ? world->faults_end_ns : world->now_ns);
    }
}

void faults_turn(struct world *world)
{
    world->chaos_ns = world->now_ns + world_between(world, WORLD_MS, 900 * WORLD_MS);
    uint32_t kind = world_below(world, 100);
    if (world->mild || kind < 40) {
        node_fault(world);
    } else if (kind < 70) {
        site_fault(world);
    } else if (kind < 92) {
        model_fault(world);
    } else {
        upset(world);
    }
}

void faults_end(struct world *world)
{
    int64_t soon_ns = world->now_ns + 300 * WORLD_MS;
    world->faults = false;
    world->chaos_ns = INT64_MAX;
    for (uint32_t from = 0; from < PLACES_COUNT; from++) {
        for (uint32_t to = 0; to < PLACES_COUNT; to++) {
            struct world_link *link = &world->links[from][to];
            link->loss = 0;
            link->cut_until_ns = 0;
            link->latency_ns = from == to ? WORLD_MS / 10 : LATENCY_NS;
        }
    }
    if (world->power_at_ns != INT64_MAX) {
        world->power_at_ns = world->now_ns;
    }
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        struct node *node = &world->nodes[i];
        node->restart_ns =
            node->alive || node->restart_ns < soon_ns ? node->restart_ns : soon_ns;
        node->paused_until_ns =
            node->paused_until_ns < soon_ns ? node->paused_until_ns : soon_ns;
    }
    for (uint32_t i = 0; i < world->sites_count; i++) {
        struct site *site = &world->sites[i];
        site->restart_ns =
            site->alive || site->restart_ns < soon_ns ? site->restart_ns : soon_ns;
        site->paused_until_ns =
            site->paused_until_ns < soon_ns ? site->paused_until_ns : soon_ns;
    }
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        struct model *model = world->models[i];
        model->paused_until_ns =
            model->paused_until_ns < soon_ns ? model->paused_until_ns : soon_ns;
    }
    world_hasten(world, soon_ns); /* What waited for one that was stopped. */
}

/* ---- The last one of a calm run -------------------------------------------------------------- */

static void promise(struct world *world, const char *fault, int64_t within_ns)
{
    world_trace(world, "last fault: %s", fault);
    world->promise = fault;
    world->promise_ns = world->now_ns + within_ns;
}

static struct model *any_model(struct world *world)
{
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        if (world->models[i]->alive) {
            return world->models[i];
        }
    }
    return NULL;
}

/* Whether the other hosts have slots enough for all workers. */
static bool is_spare(const struct world *world, uint32_t site)
{
    uint32_t slots = 0, workers = 0;
    for (uint32_t i = 0; i < world->sites_count; i++) {
        slots += i == site ? 0 : world->sites[i].slots;
    }
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        workers += world->models[i]->alive;
    }
    return workers <= slots;
}

static void leader_goes(struct world *world, bool leaves)
{
    uint32_t at = 0;
    while (!world->nodes[at].alive || !cluster_leads(world->nodes[at].cluster)) {
        at++;
    }
    if (leaves) {
        node_leave(&world->nodes[at]);
    } else {
        node_crash(&world->nodes[at]);
    }
    world->nodes[at].restart_ns = INT64_MAX;
}

void faults_last(struct world *world)
{
    struct model *model = any_model(world);
    uint32_t kind = world_below(world, 5);
    if (kind == 0 && model && is_spare(world, model->site)) {
        site_power_off(&world->sites[model->site]);
        world->sites[model->site].restart_ns = INT64_MAX;
        promise(world, "a host is lost", HOST_HEALED_NS);
    } else if (kind == 1 && model) {
        model_end(model, "killed by SIGKILL (signal 9)");
        promise(world, "a worker is lost", WORKER_HEALED_NS);
    } else if (kind == 2 && model) {
        site_crash(&world->sites[model->site]);
        world->sites[model->site].restart_ns = world->now_ns + 300 * WORLD_MS;
        world->mild = true; /* No worker is ended for that. */
        promise(world, "a supervisor is lost", WORKER_HEALED_NS);
    } else if (kind == 3) {
        leader_goes(world, true);
        promise(world, "the leader leaves", LEADER_HEALED_NS);
    } else {
        leader_goes(world, false);
        promise(world, "the leader is lost", ENSEMBLE_SESSION_NS + LEADER_HEALED_NS);
    }
}

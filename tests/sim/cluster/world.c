/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, chance, links and packets. The loop takes the earliest of: a packet, the store's time, a node, a
 * site, a worker, the client, the next fault. Equal seeds give equal runs: every choice is drawn from
 * the seed's generators in the order of events.
 */
#include "world.h"

#include "base/assert.h"
#include "base/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 400000u
#define SETTLE_NS (90 * WORLD_SECOND) /* after the faults */
#define STILL_NS (3 * WORLD_SECOND)
#define LOOK_NS (100 * WORLD_MS)

void world_violation(struct world *world, const char *format, ...)
{
    if (world->violation[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(world->violation, sizeof(world->violation), format, args);
    va_end(args);
    world_trace(world, "VIOLATION: %s", world->violation);
}

void world_trace(const struct world *world, const char *format, ...)
{
    if (!world->options.trace) {
        return;
    }
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%12.6f ", (double)world->now_ns / 1e9);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

uint32_t world_below(struct world *world, uint32_t bound)
{
    return rng_below(&world->rng, bound);
}

bool world_chance(struct world *world, uint32_t of_1000)
{
    return of_1000 > 0 && rng_below(&world->rng, 1000) < of_1000;
}

int64_t world_between(struct world *world, int64_t low, int64_t high)
{
    return low + (int64_t)(rng_next(&world->rng) % (uint64_t)(high - low + 1));
}

/* ---- Packets --------------------------------------------------------------------------------- */

struct packet *packet_new(enum packet_kind kind, uint32_t from, uint32_t to)
{
    struct packet *packet = calloc(1, sizeof(*packet));
    GALE_ASSERT(packet != NULL);
    packet->kind = kind;
    packet->from = from;
    packet->to = to;
    packet->process = UINT32_MAX;
    buf_init(&packet->bytes, 0);
    return packet;
}

void packet_free(struct packet *packet)
{
    conf_free(packet->tree);
    buf_fini(&packet->bytes);
    free(packet);
}

static bool is_before(const struct packet *a, const struct packet *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_push(struct world *world, struct packet *packet)
{
    if (world->heap_count == world->heap_room) {
        world->heap_room = world->heap_room ? world->heap_room * 2 : 256;
        world->heap = realloc(world->heap, world->heap_room * sizeof(struct packet *));
        GALE_ASSERT(world->heap != NULL);
    }
    uint32_t at = world->heap_count++;
    while (at > 0 && is_before(packet, world->heap[(at - 1) / 2])) {
        world->heap[at] = world->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->heap[at] = packet;
}

static struct packet *heap_pop(struct world *world)
{
    struct packet *first = world->heap[0];
    struct packet *last = world->heap[--world->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < world->heap_count &&
            is_before(world->heap[child + 1], world->heap[child])) {
            child++;
        }
        if (child >= world->heap_count || !is_before(world->heap[child], last)) {
            break;
        }
        world->heap[at] = world->heap[child];
        at = child;
    }
    if (world->heap_count > 0) {
        world->heap[at] = last;
    }
    return first;
}

bool world_cut(const struct world *world, uint32_t from, uint32_t to)
{
    return world->now_ns < world->links[from][to].cut_until_ns;
}

void world_send(struct world *world, struct packet *packet)
{
    struct world_link *link = &world->links[packet->from][packet->to];
    if (world_cut(world, packet->from, packet->to) || world_chance(world, link->loss)) {
        packet_free(packet);
        return;
    }
    int64_t at_ns =
        world->now_ns + link->latency_ns / 2 + world_between(world, 0, link->latency_ns);
    packet->at_ns = at_ns > link->last_ns ? at_ns : link->last_ns + 1;
    link->last_ns = packet->at_ns;
    packet->order = world->packets_order++;
    heap_push(world, packet);
}

void world_hasten(struct world *world, int64_t until_ns)
{
    uint32_t count = world->heap_count;
    world->heap_count = 0;
    /* In the order of the array no packet is put where one lies that was not taken out yet. */
    for (uint32_t i = 0; i < count; i++) {
        struct packet *packet = world->heap[i];
        packet->at_ns = packet->at_ns < until_ns ? packet->at_ns : until_ns;
        heap_push(world, packet);
    }
}

/* When the receiver can take it: a stopped process takes what has come once it goes on. */
static int64_t receiver_ready_ns(const struct world *world, const struct packet *packet)
{
    if (packet->to < PLACE_SITE) {
        return world->nodes[packet->to].paused_until_ns;
    }
    if (packet->process != UINT32_MAX) {
        return world->models[packet->process]->paused_until_ns;
    }
    return packet->to < PLACE_CLIENT ? world->sites[packet->to - PLACE_SITE].paused_until_ns
                                     : 0;
}

/* Which life the receiver is in; what waited for an earlier one is lost with it. */
static uint32_t receiver_life(const struct world *world, const struct packet *packet)
{
    if (packet->to < PLACE_SITE) {
        return world->nodes[packet->to].life;
    }
    return packet->to < PLACE_CLIENT && packet->process == UINT32_MAX
               ? world->sites[packet->to - PLACE_SITE].life
               : 1;
}

static void deliver(struct world *world, struct packet *packet)
{
    if (packet->to < PLACE_SITE) {
        node_packet(&world->nodes[packet->to], packet);
    } else if (packet->process != UINT32_MAX) {
        model_packet(world->models[packet->process], packet);
    } else if (packet->to < PLACE_CLIENT) {
        site_packet(&world->sites[packet->to - PLACE_SITE], packet);
    } else {
        client_packet(world, packet);
    }
}

static void packets_take(struct world *world)
{
    while (world->heap_count > 0 && world->heap[0]->at_ns <= world->now_ns) {
        struct packet *packet = heap_pop(world);
        int64_t ready_ns = receiver_ready_ns(world, packet);
        uint32_t life = receiver_life(world, packet);
        if (ready_ns > world->now_ns && (packet->life == 0 || packet->life == life)) {
            packet->at_ns = ready_ns;
            packet->life = life;
            heap_push(world, packet);
            continue;
        }
        world->events++;
        if (packet->life == 0 || packet->life == life) {
            deliver(world, packet);
        }
        packet_free(packet);
    }
}

/* ---- The loop -------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_ns(const struct world *world)
{
    int64_t next = earlier(world->chaos_ns, world->look_ns);
    next = earlier(next, world->heap_count > 0 ? world->heap[0]->at_ns : INT64_MAX);
    next = earlier(next, ensemble_next_ns(&world->ensemble));
    next = earlier(next, world->power_at_ns);
    next = earlier(next, client_next_ns(world));
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        next = earlier(next, node_next_ns(&world->nodes[i]));
    }
    for (uint32_t i = 0; i < world->sites_count; i++) {
        next = earlier(next, site_next_ns(&world->sites[i]));
    }
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        next = earlier(next, model_next_ns(world->models[i]));
    }
    return next;
}

static void look(struct world *world)
{
    char why[200] = "";
    world->look_ns = world->now_ns + LOOK_NS;
    while (world->models_first < world->models_count &&
           model_next_ns(world->models[world->models_first]) == INT64_MAX) {
        world->models_first++;
    }
    if (world->faults && world->now_ns >= world->faults_end_ns) {
        world_trace(world, "no more faults");
        faults_end(world);
    }
    if (world->faults) {
        return;
    }
    bool reached = oracle_reached(world, why, sizeof(why)) && client_done(world);
    if (!reached || world->changes_count != world->changes_seen) {
        world->still_since_ns = world->now_ns;
        world->changes_seen = world->changes_count;
    }
    if (world->promise_ns) {
        world->over = reached;
        if (!reached && world->now_ns > world->promise_ns) {
            world_violation(world, "late: %s: %s", world->promise, why);
        }
    } else if (world->now_ns - world->still_since_ns >= STILL_NS) {
        if (world->calm) {
            faults_last(world);
        } else {
            world->over = true;
        }
    }
    if (world->now_ns > world->deadline_ns) {
        world_violation(world, "not reached in time: %s",
                        why[0] ? why : "the client is not done or processes come and go");
    }
}

static void turn(struct world *world)
{
    int64_t next = next_ns(world);
    world->now_ns = next > world->now_ns ? next : world->now_ns;
    ensemble_tick(&world->ensemble);
    packets_take(world);
    if (world->now_ns >= world->power_at_ns) {
        world->power_at_ns = INT64_MAX;
        ensemble_power(&world->ensemble, true);
    }
    if (world->now_ns >= world->chaos_ns) {
        faults_turn(world);
    }
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        if (model_next_ns(world->models[i]) <= world->now_ns) {
            world->events++;
            model_turn(world->models[i]);
        }
    }
    for (uint32_t i = 0; i < world->sites_count; i++) {
        if (site_next_ns(&world->sites[i]) <= world->now_ns) {
            world->events++;
            site_turn(&world->sites[i]);
        }
    }
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        if (node_next_ns(&world->nodes[i]) <= world->now_ns) {
            world->events++;
            node_turn(&world->nodes[i]);
        }
    }
    if (client_next_ns(world) <= world->now_ns) {
        client_turn(world);
    }
    if (world->now_ns >= world->look_ns) {
        look(world);
    }
    if (world->events > EVENTS_MAX) {
        world_violation(world, "the run takes more than %u events", EVENTS_MAX);
    }
}

static void start(struct world *world)
{
    rng_seed(&world->rng, world->seed);
    world->now_ns = 100 * WORLD_SECOND;
    world->power_at_ns = INT64_MAX;
    world->chaos_ns = INT64_MAX;
    world->look_ns = world->now_ns;
    buf_init(&world->out, MESSAGE_SIZE_MAX);
    oracle_ports(world);
    ensemble_init(&world->ensemble, &world->ensemble_ports, world->options.store, world->seed);
    world->nodes_count = 2 + world_below(world, 2);
    world->sites_count = 2 + world_below(world, 3);
    faults_init(world);
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        node_init(world, i);
    }
    for (uint32_t i = 0; i < world->sites_count; i++) {
        site_init(world, i);
    }
    client_init(world);
    world->deadline_ns = world->faults_end_ns + SETTLE_NS;
    world->still_since_ns = world->now_ns;
}

static void end(struct world *world)
{
    for (uint32_t i = 0; i < world->sites_count; i++) {
        site_power_off(&world->sites[i]);
    }
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        node_crash(&world->nodes[i]);
    }
    for (uint32_t i = 0; i < world->models_count; i++) {
        free(world->models[i]);
    }
    for (uint32_t i = 0; i < world->heap_count; i++) {
        packet_free(world->heap[i]);
    }
    for (uint32_t i = 0; i < world->sites_count; i++) {
        for (uint32_t k = 0; k < WORLD_RECORDS_MAX; k++) {
            if (world->sites[i].records[k].used) {
                host_spec_fini(&world->sites[i].records[k].spec);
            }
        }
    }
    ensemble_fini(&world->ensemble);
    buf_fini(&world->out);
    free(world->heap);
}

void world_run(struct world *world)
{
    start(world);
    while (world->violation[0] == '\0' && !world->over) {
        turn(world);
    }
    /* What follows is no part of the run. */
    char violation[sizeof(world->violation)];
    memcpy(violation, world->violation, sizeof(violation));
    world->options.trace = false;
    end(world);
    memcpy(world->violation, violation, sizeof(violation));
}

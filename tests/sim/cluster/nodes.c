/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinators: what a daemon does around cluster/cluster.c, without sockets. A call of the store
 * that gets no answer stalls the whole process. */
#include "world.h"

#include "base/assert.h"
#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_NS (100 * WORLD_MS)
#define WAYS_MAX (sizeof(((struct node *)0)->ways) / sizeof(struct node_way))

uint32_t node_of(const struct world *world, const char *endpoint)
{
    for (uint32_t i = 0; endpoint && i < world->nodes_count; i++) {
        if (strcmp(world->nodes[i].rpc, endpoint) == 0 ||
            strcmp(world->nodes[i].control, endpoint) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static struct node_way *way_of(struct node *node, uint64_t topology, uint32_t worker)
{
    for (uint32_t i = 0; i < node->ways_count; i++) {
        if (node->ways[i].topology == topology && node->ways[i].worker == worker) {
            return &node->ways[i];
        }
    }
    return NULL;
}

static void port_connect(void *self, uint64_t topology, uint32_t worker, const char *endpoint)
{
    struct node *node = self;
    struct node_way *way = way_of(node, topology, worker);
    if (!way) {
        for (uint32_t i = 0; i < node->ways_count && !way; i++) {
            way = node->ways[i].process == UINT32_MAX ? &node->ways[i] : NULL;
        }
        GALE_ASSERT(way || node->ways_count < WAYS_MAX);
        way = way ? way : &node->ways[node->ways_count++];
    }
    *way = (struct node_way){topology, worker, UINT32_MAX};
    if (endpoint) {
        way->process = (uint32_t)strtoul(strrchr(endpoint, ':') + 1, NULL, 10);
        GALE_ASSERT(way->process < node->world->models_count);
    }
}

static void port_send(void *self, uint64_t topology, uint32_t worker,
                      const struct message *message)
{
    struct node *node = self;
    struct world *world = node->world;
    const struct node_way *way = way_of(node, topology, worker);
    if (!way || way->process == UINT32_MAX) {
        return;
    }
    if (message->type == MESSAGE_ASSIGN) {
        oracle_assigns(world, message);
    }
    struct packet *packet =
        packet_new(PACKET_DOWN, node->index, PLACE_SITE + world->models[way->process]->site);
    packet->process = way->process;
    if (message_encode(message, &packet->bytes) != GALE_OK) {
        world_violation(world, "a message of type %d cannot be encoded", message->type);
    }
    world_send(world, packet);
}

static void port_poke(void *self, const char *rpc_endpoint)
{
    struct node *node = self;
    for (uint32_t i = 0; i < node->world->sites_count; i++) {
        if (strcmp(node->world->sites[i].rpc, rpc_endpoint) == 0) {
            world_send(node->world, packet_new(PACKET_POKE, node->index, PLACE_SITE + i));
        }
    }
}

static void port_note(void *self, const char *line)
{
    const struct node *node = self;
    world_trace(node->world, "%s: %s", node->name, line);
}

static int64_t port_wall_ms(void *self)
{
    const struct node *node = self;
    return INT64_C(1790000000000) + node->world->now_ns / WORLD_MS + node->wall_offset_ms;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void node_init(struct world *world, uint32_t index)
{
    struct node *node = &world->nodes[index];
    node->world = world;
    node->index = index;
    node->restart_ns = world->now_ns + world_between(world, 0, 200 * WORLD_MS);
    snprintf(node->name, sizeof(node->name), "c%u", index);
    snprintf(node->rpc, sizeof(node->rpc), "tcp://10.0.0.%u:7410", index + 1);
    snprintf(node->control, sizeof(node->control), "tcp://10.0.0.%u:7411", index + 1);
    node->ports = (struct cluster_ports){.self = node,
                                         .connect = port_connect,
                                         .send = port_send,
                                         .poke = port_poke,
                                         .note = port_note,
                                         .wall_ms = port_wall_ms};
}

void node_start(struct node *node)
{
    struct world *world = node->world;
    struct gale_error error = {0};
    struct cluster_options options = {.store = ensemble_open(&world->ensemble, node->index),
                                      .name = node->name,
                                      .rpc_endpoint = node->rpc,
                                      .control_endpoint = node->control,
                                      .store_text = "simulated",
                                      .pid = node->index + 1,
                                      .ports = &node->ports,
                                      .builtins = &client_builtins,
                                      .host_timeout_ms = WORLD_HOST_TIMEOUT_MS};
    rng_seed(&options.rng, rng_next(&world->rng));
    node->life++;
    node->ways_count = 0;
    node->alive = true;
    node->restart_ns = INT64_MAX;
    node->paused_until_ns = 0;
    node->wake_ns = world->now_ns;
    world_trace(world, "%s starts", node->name);
    if (cluster_new(&options, &node->cluster, &error) != GALE_OK) {
        world_violation(world, "a coordinator cannot start: %s", error.text);
        node->alive = false;
    }
}

void node_crash(struct node *node)
{
    if (!node->alive) {
        return;
    }
    ensemble_crash(&node->world->ensemble, node->index);
    cluster_free(node->cluster);
    node->cluster = NULL;
    node->alive = false;
}

void node_leave(struct node *node)
{
    struct store *store = &node->world->ensemble.clients[node->index].base;
    if (!node->alive) {
        return;
    }
    cluster_resign(node->cluster);
    cluster_free(node->cluster);
    store->ops->close(store);
    node->cluster = NULL;
    node->alive = false;
}

/* ---- Packets --------------------------------------------------------------------------------- */

/* Time that the store's calls took: the process was in them. */
static void stall(struct node *node)
{
    struct world *world = node->world;
    struct ensemble_client *client = &world->ensemble.clients[node->index];
    if (client->stalled_ns > 0) {
        int64_t until_ns = world->now_ns + client->stalled_ns;
        node->paused_until_ns =
            until_ns > node->paused_until_ns ? until_ns : node->paused_until_ns;
        client->stalled_ns = 0;
    }
}

static void take_message(struct node *node, const struct packet *packet)
{
    struct message message;
    struct gale_error error;
    node->world->counts.messages++;
    if (message_decode(packet->bytes.data, packet->bytes.size, &message, &error) != GALE_OK) {
        world_violation(node->world, "a worker's message cannot be read: %s", error.text);
        return;
    }
    cluster_message(node->cluster, &message, node->world->now_ns);
    message_fini(&message);
}

static void take_request(struct node *node, const struct packet *packet)
{
    struct world *world = node->world;
    struct packet *back = packet_new(PACKET_ANSWER, node->index, packet->from);
    struct rpc_request request = {.tree = packet->tree,
                                  .body = packet->bytes.data,
                                  .body_size = packet->bytes.size,
                                  .verb = gale_conf_string(packet->tree, "verb", "")};
    struct rpc_answer answer = {.tree = conf_new(), .body = &back->bytes};
    GALE_ASSERT(answer.tree != NULL);
    back->id = packet->id;
    back->tree = answer.tree;
    world->counts.requests++;
    if (packet->from == PLACE_CLIENT || strcmp(request.verb, "host") == 0) {
        world_trace(world, "%s is asked to %s %s (request %llu, %zu held)", node->name,
                    request.verb, gale_conf_string(packet->tree, "name", "the new one"),
                    (unsigned long long)packet->id,
                    gale_conf_count(gale_conf_get(packet->tree, "held")));
    }
    cluster_answer(node->cluster, &request, &answer, world->now_ns);
    world_send(world, back);
}

void node_packet(struct node *node, struct packet *packet)
{
    if (!node->alive) {
        return;
    }
    if (packet->kind == PACKET_UP) {
        take_message(node, packet);
    } else if (packet->kind == PACKET_REQUEST) {
        take_request(node, packet);
    }
    int64_t next_ns = cluster_next_ns(node->cluster);
    node->wake_ns = next_ns < node->wake_ns ? next_ns : node->wake_ns;
    stall(node);
}

int64_t node_next_ns(const struct node *node)
{
    if (!node->alive) {
        return node->restart_ns;
    }
    return node->wake_ns > node->paused_until_ns ? node->wake_ns : node->paused_until_ns;
}

void node_turn(struct node *node)
{
    struct world *world = node->world;
    if (!node->alive) {
        node_start(node);
        return;
    }
    struct store *store = &world->ensemble.clients[node->index].base;
    bool led = cluster_leads(node->cluster);
    store->ops->poll(store);
    cluster_step(node->cluster, world->now_ns);
    int64_t next_ns = cluster_next_ns(node->cluster);
    int64_t poll_ns = world->now_ns + POLL_NS;
    node->wake_ns = next_ns < poll_ns ? next_ns : poll_ns;
    if (node->wake_ns <= world->now_ns) {
        node->wake_ns = world->now_ns + WORLD_MS;
    }
    if (!led && cluster_leads(node->cluster)) {
        world->counts.elections++;
        world_trace(world, "%s leads in epoch %llu", node->name,
                    (unsigned long long)cluster_epoch(node->cluster));
    }
    stall(node);
}

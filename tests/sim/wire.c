/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated wire: the transport port of each process, and the heap of all that is under way.
 * Without faults a connection keeps its order; with them packets are lost, doubled, late and out
 * of order. Messages to and from the coordinator are lost as well, but not doubled: one connection
 * carries them.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A connection of a process to an endpoint. */
struct transport_peer {
    struct sim_process *from;
    uint32_t to_end;
    uint32_t to_process; /* UINT32_MAX: the coordinator */
    int64_t last_ns;     /* when its last packet arrives */
};

struct prepared {
    size_t size;
    uint8_t data[];
};

void wire_init(struct sim *sim)
{
    sim->wire_queue_max = 8u << sim_below(sim, 7);
    for (uint32_t i = 0; i < SIM_ENDS_COUNT; i++) {
        for (uint32_t k = 0; k < SIM_ENDS_COUNT; k++) {
            sim->links[i][k].latency_ns = sim_between(sim, 5000, 2 * SIM_MS);
        }
    }
}

void wire_calm(struct sim *sim)
{
    for (uint32_t i = 0; i < SIM_ENDS_COUNT; i++) {
        for (uint32_t k = 0; k < SIM_ENDS_COUNT; k++) {
            struct wire_link *link = &sim->links[i][k];
            link->loss = link->duplicate = link->reorder = 0;
            link->cut_until_ns = 0;
        }
    }
}

/* Each direction gets faults of its own. */
void wire_upset(struct sim *sim)
{
    for (uint32_t i = 0; i < SIM_WORKERS_MAX; i++) {
        uint32_t loss = sim_chance(sim, 200) ? sim_below(sim, 100) : 0;
        sim->links[i][SIM_COORDINATOR].loss = loss;
        sim->links[SIM_COORDINATOR][i].loss = loss;
    }
    for (uint32_t i = 0; i < SIM_WORKERS_MAX; i++) {
        for (uint32_t k = 0; k < SIM_WORKERS_MAX; k++) {
            struct wire_link *link = &sim->links[i][k];
            link->loss = sim_chance(sim, 500) ? sim_below(sim, 60) : 0;
            link->duplicate = sim_chance(sim, 500) ? sim_below(sim, 200) : 0;
            link->reorder = sim_chance(sim, 300) ? sim_below(sim, 100) : 0;
        }
    }
}

/* ---- The heap ---- */

static bool earlier(const struct packet *a, const struct packet *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_push(struct sim *sim, struct packet *packet)
{
    if (sim->heap_count == sim->heap_room) {
        sim->heap_room = sim->heap_room ? 2 * sim->heap_room : 256;
        sim->heap = realloc(sim->heap, sim->heap_room * sizeof(struct packet *));
    }
    uint32_t at = sim->heap_count++;
    while (at > 0 && earlier(packet, sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = packet;
}

static struct packet *heap_pop(struct sim *sim)
{
    struct packet *top = sim->heap[0];
    struct packet *moved = sim->heap[--sim->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= sim->heap_count) {
            break;
        }
        if (child + 1 < sim->heap_count && earlier(sim->heap[child + 1], sim->heap[child])) {
            child++;
        }
        if (!earlier(sim->heap[child], moved)) {
            break;
        }
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = moved;
    return top;
}

void wire_packet_free(struct packet *packet)
{
    packet->link->waiting--;
    free(packet);
}

void wire_fini(struct sim *sim)
{
    while (sim->heap_count > 0) {
        wire_packet_free(heap_pop(sim));
    }
    free(sim->heap);
    sim->heap = NULL;
}

int64_t wire_next_ns(const struct sim *sim)
{
    return sim->heap_count > 0 ? sim->heap[0]->at_ns : INT64_MAX;
}

static void put(struct sim *sim, struct wire_link *link, uint32_t process, const uint8_t *data,
                size_t size, int64_t at_ns)
{
    struct packet *packet = malloc(sizeof(*packet) + size);
    *packet = (struct packet){.at_ns = at_ns,
                              .order = sim->packets_order++,
                              .link = link,
                              .process = process,
                              .size = size};
    memcpy(packet->data, data, size);
    link->waiting++;
    heap_push(sim, packet);
}

static void arrive(struct sim_process *process, struct packet *packet)
{
    const struct sim *sim = process->sim;
    packet->next = NULL;
    if (process->last) {
        process->last->next = packet;
    } else {
        process->first = packet;
    }
    process->last = packet;
    if (process->spawned && process->wake_ns > sim->now_ns + 2000) {
        process->wake_ns = sim->now_ns + 2000;
    }
}

static void to_coordinator(struct sim *sim, struct packet *packet)
{
    struct message message;
    struct gale_error error;
    if (message_decode(packet->data, packet->size, &message, &error) != GALE_OK) {
        sim_violation(sim, "a worker's message cannot be read: %s", error.text);
    } else {
        leader_message(sim, &message);
        message_fini(&message);
    }
    wire_packet_free(packet);
}

void wire_deliver(struct sim *sim)
{
    while (sim->heap_count > 0 && sim->heap[0]->at_ns <= sim->now_ns) {
        struct packet *packet = heap_pop(sim);
        if (packet->process == UINT32_MAX) {
            to_coordinator(sim, packet);
        } else if (sim->processes[packet->process]->alive) {
            arrive(sim->processes[packet->process], packet);
        } else {
            wire_packet_free(packet);
        }
    }
}

void wire_command(struct sim *sim, struct sim_process *process, const uint8_t *data,
                  size_t size)
{
    struct wire_link *link = &sim->links[SIM_COORDINATOR][process->index];
    int64_t at = sim->now_ns + link->latency_ns;
    at = at > process->coordinator_free_ns ? at : process->coordinator_free_ns;
    process->coordinator_free_ns = at;
    if (sim_chance(sim, link->loss)) {
        return;
    }
    put(sim, link, process->number, data, size, at);
}

/* ---- The transport port ---- */

static struct sim_process *process_of(struct transport *transport)
{
    return (struct sim_process *)transport;
}

static void port_free(struct transport *transport)
{
    (void)transport;
}

static enum gale_err port_bind(struct transport *transport, const char *endpoint, char *bound,
                               size_t bound_size, struct gale_error *error)
{
    (void)transport;
    (void)error;
    snprintf(bound, bound_size, "%s", endpoint);
    return GALE_OK;
}

/* Endpoints are "sim:<number of the process>" and "sim:coordinator". */
static enum gale_err port_connect(struct transport *transport, const char *endpoint,
                                  struct transport_peer **out, struct gale_error *error)
{
    (void)error;
    struct transport_peer *peer = calloc(1, sizeof(*peer));
    peer->from = process_of(transport);
    peer->to_end = SIM_COORDINATOR;
    peer->to_process = UINT32_MAX;
    const char *number = strchr(endpoint, ':') + 1;
    if (strcmp(number, "coordinator") != 0) {
        peer->to_process = (uint32_t)strtoul(number, NULL, 10);
        peer->to_end = peer->from->sim->processes[peer->to_process]->index;
    }
    *out = peer;
    return GALE_OK;
}

static void port_disconnect(struct transport *transport, struct transport_peer *peer)
{
    (void)transport;
    free(peer); /* What is under way may still arrive, or not: both happen. */
}

static enum gale_err port_prepare(struct transport *transport, size_t size, void **handle,
                                  uint8_t **data)
{
    (void)transport;
    struct prepared *prepared = malloc(sizeof(*prepared) + size);
    prepared->size = size;
    *handle = prepared;
    *data = prepared->data;
    return GALE_OK;
}

static void port_drop(struct transport *transport, void *handle)
{
    (void)transport;
    free(handle);
}

static void transmit(struct sim *sim, struct transport_peer *peer, struct wire_link *link,
                     const struct prepared *prepared)
{
    if (sim->now_ns < link->cut_until_ns || sim_chance(sim, link->loss)) {
        return;
    }
    int64_t at = sim->now_ns + link->latency_ns + sim_between(sim, 0, link->latency_ns / 4);
    if (sim_chance(sim, link->reorder)) {
        int64_t late = sim_chance(sim, 100) ? 3 * SIM_SECOND : 30 * SIM_MS;
        at += sim_between(sim, 0, late);
    } else {
        at = at > peer->last_ns ? at : peer->last_ns;
        peer->last_ns = at;
    }
    put(sim, link, peer->to_process, prepared->data, prepared->size, at);
    if (sim_chance(sim, link->duplicate)) {
        int64_t late = sim_chance(sim, 100) ? 2 * SIM_SECOND : 20 * SIM_MS;
        put(sim, link, peer->to_process, prepared->data, prepared->size,
            at + sim_between(sim, 0, late));
    }
}

static enum gale_err port_send(struct transport *transport, struct transport_peer *peer,
                               void *handle)
{
    struct sim_process *process = process_of(transport);
    struct sim *sim = process->sim;
    struct wire_link *link = &sim->links[process->index][peer->to_end];
    if (peer->to_end != SIM_COORDINATOR && link->waiting >= sim->wire_queue_max) {
        return GALE_ERR_AGAIN;
    }
    if (process->sends_left > 0 && --process->sends_left == 0) {
        process->severed = true;
    }
    if (!process->severed) {
        transmit(sim, peer, link, handle);
    }
    free(handle);
    return GALE_OK;
}

static enum gale_err port_receive(struct transport *transport, struct transport_message *out)
{
    struct sim_process *process = process_of(transport);
    struct packet *packet = process->first;
    if (!packet) {
        return GALE_ERR_AGAIN;
    }
    process->first = packet->next;
    if (!process->first) {
        process->last = NULL;
    }
    packet->link->waiting--;
    *out = (struct transport_message){packet->data, packet->size, packet};
    return GALE_OK;
}

static void port_release(struct transport *transport, struct transport_message *message)
{
    (void)transport;
    free(message->handle);
    message->handle = NULL;
}

static int port_fd(struct transport *transport)
{
    (void)transport;
    return -1;
}

const struct transport_ops wire_ops = {.free = port_free,
                                       .bind = port_bind,
                                       .connect = port_connect,
                                       .disconnect = port_disconnect,
                                       .prepare = port_prepare,
                                       .drop = port_drop,
                                       .send = port_send,
                                       .receive = port_receive,
                                       .release = port_release,
                                       .fd = port_fd};

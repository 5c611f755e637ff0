/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The in-process wire: the hub keeps one queue ("port") for each endpoint name ever bound or
 * connected to. A message moves from the sender's handle to the port's queue to the receiver's
 * handle without a copy. Single-threaded; it loses nothing but what its receiver's end loses, so
 * tests that want faults put them into the layer above.
 */
#include "transport_memory.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ENDPOINT_SIZE 256
#define FIRST_NUMBER 40000

struct parcel {
    struct parcel *next;
    const struct transport_peer *from;
    size_t size;
    uint8_t data[];
};

struct port {
    struct port *next;
    struct memory_transport *owner; /* NULL: nobody has bound it. */
    struct parcel *first;
    struct parcel **last;
    size_t count;
    char name[ENDPOINT_SIZE];
};

struct memory_hub {
    struct port *ports;
    unsigned next_number;
};

struct transport_peer {
    struct port *port;
    struct transport_peer *next;
};

struct memory_transport {
    struct transport base; /* First: the two pointers are one. */
    struct memory_hub *hub;
    struct port *bound;
    struct transport_peer *peers;
    int event_fd;
};

static struct memory_transport *from_base(struct transport *transport)
{
    return (struct memory_transport *)transport;
}

static struct port *port_find(struct memory_hub *hub, const char *name)
{
    for (struct port *port = hub->ports; port != NULL; port = port->next) {
        if (strcmp(port->name, name) == 0) {
            return port;
        }
    }
    struct port *port = calloc(1, sizeof *port);
    if (port == NULL) {
        return NULL;
    }
    snprintf(port->name, sizeof port->name, "%s", name);
    port->last = &port->first;
    port->next = hub->ports;
    hub->ports = port;
    return port;
}

/* Drops what waits in the port; `from` NULL: of everybody. */
static void port_discard(struct port *port, const struct transport_peer *from)
{
    struct parcel **place = &port->first;
    while (*place != NULL) {
        struct parcel *parcel = *place;
        if (from != NULL && parcel->from != from) {
            place = &parcel->next;
            continue;
        }
        *place = parcel->next;
        port->count--;
        free(parcel);
    }
    port->last = place;
}

/* Makes the descriptor readable. */
static void wake(const struct memory_transport *transport)
{
    uint64_t one = 1;
    ssize_t written = write(transport->event_fd, &one, sizeof one);
    GALE_ASSERT(written == (ssize_t)sizeof one);
}

static void disconnect(struct transport *transport, struct transport_peer *peer)
{
    if (peer == NULL) {
        return;
    }
    struct transport_peer **place = &from_base(transport)->peers;
    while (*place != peer) {
        GALE_ASSERT(*place != NULL);
        place = &(*place)->next;
    }
    *place = peer->next;
    port_discard(peer->port, peer);
    free(peer);
}

static void free_transport(struct transport *transport)
{
    if (transport == NULL) {
        return;
    }
    struct memory_transport *self = from_base(transport);
    while (self->peers != NULL) {
        disconnect(transport, self->peers);
    }
    if (self->bound != NULL) {
        port_discard(self->bound, NULL);
        self->bound->owner = NULL;
    }
    close(self->event_fd);
    free(self);
}

static enum gale_err bind_endpoint(struct transport *transport, const char *endpoint,
                                   char *bound, size_t bound_size, struct gale_error *error)
{
    struct memory_transport *self = from_base(transport);
    GALE_ASSERT(self->bound == NULL);
    char name[ENDPOINT_SIZE];
    size_t size = strlen(endpoint);
    if (strstr(endpoint, "://") == NULL || size + 8 > sizeof name) {
        return gale_error_set(error, GALE_ERR_INVALID, "memory: \"%s\" is no endpoint",
                              endpoint);
    }
    if (strcmp(endpoint + size - 2, ":*") == 0) {
        snprintf(name, sizeof name, "%.*s%u", (int)size - 1, endpoint,
                 self->hub->next_number++);
    } else {
        snprintf(name, sizeof name, "%s", endpoint);
    }
    struct port *port = port_find(self->hub, name);
    if (port == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "memory: no memory for %s", name);
    }
    if (port->owner != NULL) {
        return gale_error_set(error, GALE_ERR_EXISTS, "memory: %s is bound already", name);
    }
    if (strlen(name) >= bound_size) {
        return gale_error_set(error, GALE_ERR_LIMIT, "memory: %s does not fit %zu bytes", name,
                              bound_size);
    }
    memcpy(bound, name, strlen(name) + 1);
    port->owner = self;
    self->bound = port;
    if (port->count > 0) {
        wake(self);
    }
    return GALE_OK;
}

static enum gale_err connect_endpoint(struct transport *transport, const char *endpoint,
                                      struct transport_peer **out, struct gale_error *error)
{
    struct memory_transport *self = from_base(transport);
    if (strstr(endpoint, "://") == NULL || strlen(endpoint) >= ENDPOINT_SIZE) {
        return gale_error_set(error, GALE_ERR_INVALID, "memory: \"%s\" is no endpoint",
                              endpoint);
    }
    struct port *port = port_find(self->hub, endpoint);
    struct transport_peer *peer = calloc(1, sizeof *peer);
    if (port == NULL || peer == NULL) {
        free(peer);
        return gale_error_set(error, GALE_ERR_NOMEM, "memory: no memory for %s", endpoint);
    }
    peer->port = port;
    peer->next = self->peers;
    self->peers = peer;
    *out = peer;
    return GALE_OK;
}

static enum gale_err prepare(struct transport *transport, size_t size, void **handle,
                             uint8_t **data)
{
    (void)transport;
    if (size > TRANSPORT_MESSAGE_MAX) {
        return GALE_ERR_LIMIT;
    }
    struct parcel *parcel = malloc(sizeof *parcel + size);
    if (parcel == NULL) {
        return GALE_ERR_NOMEM;
    }
    parcel->size = size;
    *handle = parcel;
    *data = parcel->data;
    return GALE_OK;
}

static void drop(struct transport *transport, void *handle)
{
    (void)transport;
    free(handle);
}

static enum gale_err send_message(struct transport *transport, struct transport_peer *peer,
                                  void *handle)
{
    (void)transport;
    struct port *port = peer->port;
    if (port->count >= TRANSPORT_MEMORY_QUEUE_MAX) {
        return GALE_ERR_AGAIN;
    }
    struct parcel *parcel = handle;
    parcel->next = NULL;
    parcel->from = peer;
    *port->last = parcel;
    port->last = &parcel->next;
    if (port->count++ == 0 && port->owner != NULL) {
        wake(port->owner);
    }
    return GALE_OK;
}

static enum gale_err receive(struct transport *transport, struct transport_message *out)
{
    struct memory_transport *self = from_base(transport);
    struct parcel *parcel = self->bound != NULL ? self->bound->first : NULL;
    if (parcel == NULL) {
        uint64_t count;
        ssize_t got = read(self->event_fd, &count, sizeof count);
        (void)got; /* Nothing to read means that nothing was signalled: as good. */
        return GALE_ERR_AGAIN;
    }
    struct port *port = self->bound;
    port->first = parcel->next;
    if (--port->count == 0) {
        port->last = &port->first;
    }
    *out = (struct transport_message){parcel->data, parcel->size, parcel};
    return GALE_OK;
}

static void release(struct transport *transport, struct transport_message *message)
{
    (void)transport;
    free(message->handle);
    *message = (struct transport_message){0};
}

static int descriptor(struct transport *transport)
{
    return from_base(transport)->event_fd;
}

static const struct transport_ops memory_ops = {
    .free = free_transport,
    .bind = bind_endpoint,
    .connect = connect_endpoint,
    .disconnect = disconnect,
    .prepare = prepare,
    .drop = drop,
    .send = send_message,
    .receive = receive,
    .release = release,
    .fd = descriptor,
};

struct memory_hub *memory_hub_new(void)
{
    struct memory_hub *hub = calloc(1, sizeof *hub);
    if (hub != NULL) {
        hub->next_number = FIRST_NUMBER;
    }
    return hub;
}

void memory_hub_free(struct memory_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    while (hub->ports != NULL) {
        struct port *port = hub->ports;
        GALE_ASSERT(port->owner == NULL);
        hub->ports = port->next;
        port_discard(port, NULL);
        free(port);
    }
    free(hub);
}

enum gale_err transport_memory_new(struct memory_hub *hub, struct transport **out)
{
    struct memory_transport *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return GALE_ERR_NOMEM;
    }
    self->base.ops = &memory_ops;
    self->hub = hub;
    self->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->event_fd < 0) {
        free(self);
        return GALE_ERR_IO;
    }
    *out = &self->base;
    return GALE_OK;
}

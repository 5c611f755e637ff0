/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wire inside one process, for tests: transports made on one hub reach each other by endpoint
 * name. Behaves as the real one: order per sender, queues bounded in messages, what is queued for
 * an absent endpoint waits there, what a receiver had not read is lost when it goes. One thread for the hub and all of its transports.
 */
#ifndef TESTS_TRANSPORT_MEMORY_H
#define TESTS_TRANSPORT_MEMORY_H

#include "transport/transport.h"

/* Messages waiting at one endpoint before a sender is told to come again. */
#define TRANSPORT_MEMORY_QUEUE_MAX 1024

struct memory_hub;

/** NULL: no memory. */
struct memory_hub *memory_hub_new(void);
/** All transports of the hub must be freed before. NULL is allowed. */
void memory_hub_free(struct memory_hub *hub);
/** A transport on the hub. Endpoints are any text; one that ends with ":*" gets a free number. */
enum gale_err transport_memory_new(struct memory_hub *hub, struct transport **out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What every adapter of transport/transport.h must do. An adapter's test calls it once for each
 * kind of endpoint. Nothing sleeps: waiting is poll on the transport's descriptor with a deadline. */
#ifndef TESTS_TRANSPORT_CONFORMANCE_H
#define TESTS_TRANSPORT_CONFORMANCE_H

#include "transport/transport.h"

#include <stddef.h>
#include <stdint.h>

/* Milliseconds after which a wait is a failure. */
#define CONFORMANCE_DEADLINE_MS 10000

struct conformance_adapter {
    const char *name;
    /** Made before and freed after each test: temporary directory, hub, … */
    void *(*setup)(void);
    void (*teardown)(void *fixture);
    enum gale_err (*make)(void *fixture, struct transport **out);
    /** An endpoint to bind, the same at each call of one test. */
    void (*endpoint)(void *fixture, char *out, size_t size);
};

/** Runs the suite; the number of failures. */
int transport_conformance(const struct conformance_adapter *adapter);

/* Also of use to an adapter's own tests; all fail the running test at the deadline. */

/** Waits for the next message. */
void conformance_receive(struct transport *transport, struct transport_message *out);
/** Sends bytes, trying again while there is no room. */
void conformance_send(struct transport *transport, struct transport_peer *peer,
                      const void *data, size_t size);
/** Waits until a message of exactly these bytes arrives and releases it. */
void conformance_expect(struct transport *transport, const void *data, size_t size);

#endif

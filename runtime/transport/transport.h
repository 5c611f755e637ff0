/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: a lossy wire between processes. One-way messages of bytes from any number of senders to
 * one bound endpoint; order is kept per sender while its connection lives; anything may be lost.
 * Adapters: transport/zmq.c (PUSH → PULL over ipc:// and tcp://) and the simulation's. All calls
 * from the one thread that made it. Links (seq, gaps, credits) are above: core/link.h.
 */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <gale/errors.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSPORT_MESSAGE_MAX ((4u << 20) + 4096u)

struct transport;
struct transport_peer;

/** A received message; data is valid until transport_release. */
struct transport_message {
    const uint8_t *data;
    size_t size;
    void *handle;
};

struct transport_ops {
    void (*free)(struct transport *transport);
    /** Binds the inbound side. "ipc:///dir/name" or "tcp://host:*"; the endpoint really bound
     *  (with its port) is written to `bound`. Once per transport. */
    enum gale_err (*bind)(struct transport *transport, const char *endpoint, char *bound,
                          size_t bound_size, struct gale_error *error);
    /** Opens an outbound side; connects in the background. */
    enum gale_err (*connect)(struct transport *transport, const char *endpoint,
                             struct transport_peer **out, struct gale_error *error);
    /** Closes it at once; what it had queued is lost. NULL is allowed. */
    void (*disconnect)(struct transport *transport, struct transport_peer *peer);
    /** Room for a message of `size` bytes, to be filled by the caller and sent or dropped:
     *  saves a copy. *data is valid until send or drop. */
    enum gale_err (*prepare)(struct transport *transport, size_t size, void **handle,
                             uint8_t **data);
    void (*drop)(struct transport *transport, void *handle);
    /** Sends a prepared message, never blocks. GALE_OK: taken. GALE_ERR_AGAIN: no room now (the
     *  handle stays the caller's). Any other error: the peer is useless, handle dropped. */
    enum gale_err (*send)(struct transport *transport, struct transport_peer *peer,
                          void *handle);
    /** Next inbound message, never blocks; GALE_ERR_AGAIN: none. */
    enum gale_err (*receive)(struct transport *transport, struct transport_message *out);
    void (*release)(struct transport *transport, struct transport_message *message);
    /** Descriptor that becomes readable when messages may have come (edge-like: drain receive
     *  until GALE_ERR_AGAIN before waiting on it). */
    int (*fd)(struct transport *transport);
};

struct transport {
    const struct transport_ops *ops;
};

/** The ZeroMQ adapter. io_threads ≥ 1. Refuses with GALE_ERR_LIMIT when too few descriptors are
 *  left for its sockets (the library would abort). ipc paths: directory 0700, umask 077, a flock beside the path. */
enum gale_err transport_zmq_new(int io_threads, struct transport **out,
                                struct gale_error *error);

/** Lets a thread of the ZeroMQ adapter send one and the same message to an endpoint again and again until
 *  the transport is freed: a sign of life that a busy owner thread cannot delay. Once per transport.
 *  @param message copied. GALE_ERR_STATE: called before; GALE_ERR_LIMIT, GALE_ERR_NOMEM. */
enum gale_err transport_zmq_pulse(struct transport *transport, const char *endpoint,
                                  int64_t period_ms, const void *message, size_t size,
                                  struct gale_error *error);
/** The pulse goes on for so many periods more, unless this is called again; before the first call, for ever.
 *  So an owner that hangs is silent in the end. Periods in which the process was stopped do not count.
 *  Nothing when there is no pulse. */
void transport_zmq_pulse_for(struct transport *transport, uint32_t periods);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of the micro-benchmark `transport`: what they say to each other, and the forked one.
 * Messages begin with a little-endian head of 24 bytes {u64 number, u32 command, u32 window, u64
 * cpu_ns} and repeat the number in their last 8 bytes, so that a cut, doubled, lost or swapped
 * message is found without reading all of it.
 */
#ifndef BENCH_MICRO_TRANSPORT_PEER_H
#define BENCH_MICRO_TRANSPORT_PEER_H

#include "transport/transport.h"

#include <stdbool.h>
#include <stdint.h>

#define PEER_HEAD_SIZE 24u
#define PEER_MESSAGE_MIN (PEER_HEAD_SIZE + 8u)
#define PEER_ENDPOINT_SIZE 256u
/* Nothing for so long: the message was lost or the other end has died. */
#define PEER_SILENCE_MS 5000

enum peer_command {
    PEER_STREAM = 1, /* Consume; answer with PEER_CREDIT after each quarter of the window. */
    PEER_ECHO = 2,   /* Send back as it is. */
    PEER_CREDIT =
        3,          /* Answer: `number` messages of this stream have come, all of them right. */
    PEER_WRONG = 4, /* Answer: the message after `number` was not the next one. */
    PEER_START = 5, /* A stream begins: numbers start at 1. Answered with PEER_CREDIT of 0. */
};

struct peer_head {
    uint64_t number;
    uint32_t command;
    uint32_t window; /* Messages of a stream that may be under way. */
    uint64_t cpu_ns; /* In answers: CPU time of the answering process so far. */
};

/* One end: a transport that is bound, and its connection to the other one. */
struct peer_end {
    struct transport *transport;
    struct transport_peer *other;
    const uint8_t *filling; /* Copied into each message, as the engine copies its batches. */
};

/** Makes the transport, binds it, and exchanges endpoints over `channel` (a socket pair) with the
 *  other end. On an error nothing is left open. */
enum gale_err peer_open(struct peer_end *end, const char *endpoint, const uint8_t *filling,
                        int channel, struct gale_error *error);
void peer_close(struct peer_end *end);

/** Sends one message of `size` bytes (PEER_MESSAGE_MIN or more), waiting for room.
 *  GALE_ERR_TIMEOUT: there was none for PEER_SILENCE_MS. */
enum gale_err peer_send(struct peer_end *end, const struct peer_head *head, size_t size);
/** Waits for the next message. GALE_ERR_TIMEOUT: silence. The caller releases it. */
enum gale_err peer_receive(struct peer_end *end, struct transport_message *message,
                           struct peer_head *head);
/** True when the message is whole: head, and the number again at its end. */
bool peer_is_whole(const struct transport_message *message, const struct peer_head *head);

/** The forked process: answers until it is killed with its parent or hears nothing. */
void peer_serve(const char *endpoint, const uint8_t *filling, int channel);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of the micro-benchmark `transport`; messages are described in transport_peer.h. Each
 * process has one thread of its own, and the library's I/O thread. */
#include "micro/transport_peer.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Empty looks before an end sleeps: what a busy engine thread does between two steps. */
#define PEER_SPINS 64u

static void head_write(uint8_t *to, const struct peer_head *head)
{
    memcpy(to, &head->number, 8);
    memcpy(to + 8, &head->command, 4);
    memcpy(to + 12, &head->window, 4);
    memcpy(to + 16, &head->cpu_ns, 8);
}

static void head_read(const uint8_t *from, struct peer_head *head)
{
    memcpy(&head->number, from, 8);
    memcpy(&head->command, from + 8, 4);
    memcpy(&head->window, from + 12, 4);
    memcpy(&head->cpu_ns, from + 16, 8);
}

/* Tells the other end where this one listens and learns the same of it. */
static enum gale_err exchange(int channel, const char *mine, char theirs[PEER_ENDPOINT_SIZE],
                              struct gale_error *error)
{
    char line[PEER_ENDPOINT_SIZE] = "";
    snprintf(line, sizeof(line), "%s", mine);
    if (write(channel, line, sizeof(line)) != (ssize_t)sizeof(line)) {
        return gale_error_set(error, GALE_ERR_IO, "transport: cannot tell the endpoint: %s",
                              strerror(errno));
    }
    struct pollfd ready = {.fd = channel, .events = POLLIN};
    size_t size = 0;
    while (size < PEER_ENDPOINT_SIZE) {
        ssize_t got = 0;
        if (poll(&ready, 1, PEER_SILENCE_MS) > 0) {
            got = read(channel, theirs + size, PEER_ENDPOINT_SIZE - size);
        }
        if (got <= 0) {
            return gale_error_set(error, GALE_ERR_IO,
                                  "transport: the other process did not say where it listens");
        }
        size += (size_t)got;
    }
    theirs[PEER_ENDPOINT_SIZE - 1] = '\0';
    return GALE_OK;
}

enum gale_err peer_open(struct peer_end *end, const char *endpoint, const uint8_t *filling,
                        int channel, struct gale_error *error)
{
    char bound[PEER_ENDPOINT_SIZE];
    char theirs[PEER_ENDPOINT_SIZE];
    *end = (struct peer_end){.filling = filling};
    enum gale_err err = transport_zmq_new(1, &end->transport, error);
    if (err != GALE_OK) {
        return err;
    }
    err = end->transport->ops->bind(end->transport, endpoint, bound, sizeof(bound), error);
    if (err == GALE_OK) {
        err = exchange(channel, bound, theirs, error);
    }
    if (err == GALE_OK) {
        err = end->transport->ops->connect(end->transport, theirs, &end->other, error);
    }
    if (err != GALE_OK) {
        peer_close(end);
    }
    return err;
}

void peer_close(struct peer_end *end)
{
    if (end->transport != NULL) {
        end->transport->ops->free(end->transport);
        end->transport = NULL;
    }
}

enum gale_err peer_send(struct peer_end *end, const struct peer_head *head, size_t size)
{
    struct transport *transport = end->transport;
    void *handle = NULL;
    uint8_t *data = NULL;
    enum gale_err err = transport->ops->prepare(transport, size, &handle, &data);
    if (err != GALE_OK) {
        return err;
    }
    memcpy(data, end->filling, size);
    head_write(data, head);
    memcpy(data + size - 8, &head->number, 8);
    err = transport->ops->send(transport, end->other, handle);
    if (err != GALE_ERR_AGAIN) {
        return err;
    }
    /* The library looks only now and then whether there is room again, so "no room" passes. */
    int64_t until = clock_now_ns() + (int64_t)PEER_SILENCE_MS * 1000000;
    while (err == GALE_ERR_AGAIN && clock_now_ns() < until) {
        (void)sched_yield();
        err = transport->ops->send(transport, end->other, handle);
    }
    if (err == GALE_ERR_AGAIN) {
        transport->ops->drop(transport, handle);
        err = GALE_ERR_TIMEOUT;
    }
    return err;
}

enum gale_err peer_receive(struct peer_end *end, struct transport_message *message,
                           struct peer_head *head)
{
    struct transport *transport = end->transport;
    struct pollfd ready = {.fd = transport->ops->fd(transport), .events = POLLIN};
    int64_t until = clock_now_ns() + (int64_t)PEER_SILENCE_MS * 1000000;
    for (unsigned empty = 1;; empty++) {
        enum gale_err err = transport->ops->receive(transport, message);
        if (err == GALE_OK && message->size < PEER_MESSAGE_MIN) {
            transport->ops->release(transport, message);
            return GALE_ERR_CORRUPT;
        }
        if (err == GALE_OK) {
            head_read(message->data, head);
            return GALE_OK;
        }
        if (err != GALE_ERR_AGAIN) {
            return err;
        }
        if (empty < PEER_SPINS) {
            continue;
        }
        int64_t left_ms = (until - clock_now_ns()) / 1000000;
        if (left_ms <= 0) {
            return GALE_ERR_TIMEOUT;
        }
        (void)poll(&ready, 1, (int)left_ms);
    }
}

bool peer_is_whole(const struct transport_message *message, const struct peer_head *head)
{
    uint64_t last;
    memcpy(&last, message->data + message->size - 8, 8);
    return last == head->number;
}

static uint64_t cpu_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool answer(struct peer_end *end, uint32_t command, uint64_t number)
{
    struct peer_head head = {.number = number, .command = command, .cpu_ns = cpu_now_ns()};
    return peer_send(end, &head, PEER_MESSAGE_MIN) == GALE_OK;
}

void peer_serve(const char *endpoint, const uint8_t *filling, int channel)
{
    struct peer_end end;
    uint64_t expected = 1;
    if (peer_open(&end, endpoint, filling, channel, NULL) != GALE_OK) {
        return;
    }
    for (bool goes_on = true; goes_on;) {
        struct transport_message message;
        struct peer_head head;
        if (peer_receive(&end, &message, &head) != GALE_OK) {
            break;
        }
        size_t size = message.size;
        bool is_whole = peer_is_whole(&message, &head);
        end.transport->ops->release(end.transport, &message);
        if (head.command == PEER_START) {
            expected = 1;
            goes_on = answer(&end, PEER_CREDIT, 0);
        } else if (head.command == PEER_ECHO) {
            goes_on = is_whole && peer_send(&end, &head, size) == GALE_OK;
        } else if (!is_whole || head.number != expected) {
            goes_on = answer(&end, PEER_WRONG, expected - 1);
        } else {
            expected++;
            if (head.window < 4 || head.number % (head.window / 4) == 0) {
                goes_on = answer(&end, PEER_CREDIT, head.number);
            }
        }
    }
    peer_close(&end);
}

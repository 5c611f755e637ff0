/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of the probe as seen from here: start, question, answer within the deadline, end.
 * The answer is complete, or the process is killed and the reason told: nothing that a module does
 * in there holds this side up longer. A process group of its own takes along what it forked.
 * Owner: the thread that made the probe.
 */
#include "base/clock.h"
#include "run/probe_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
#define NUMBER_SIZE 24

/* The sanitizers' shadow is data to the kernel, so that no limit of it fits. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LIMITED 0
#else
#define LIMITED 1
#endif
#else
#define LIMITED 1
#endif

/* How an exchange ended. */
enum outcome { OUTCOME_ANSWER, OUTCOME_ENDED, OUTCOME_LATE, OUTCOME_NONSENSE, OUTCOME_NOMEM };

void probe_channel_init(struct probe_channel *channel)
{
    channel->process = (struct process){.pid = 0, .pidfd = -1};
    channel->fd = -1;
}

/* Waits for the end of a process that was killed, or ended by itself. */
static int take_status(struct probe_channel *channel)
{
    int status = 0;
    struct pollfd end = {.fd = channel->process.pidfd, .events = POLLIN};
    while (!process_reap(&channel->process, &status, NULL)) {
        (void)poll(&end, 1, -1);
    }
    return status;
}

static int stop(struct probe_channel *channel)
{
    int status = 0;
    if (channel->process.pid != 0) {
        /* The pid is the group's and stays taken until the status is: no other process is hit. */
        (void)kill((pid_t)-channel->process.pid, SIGKILL);
        process_signal(&channel->process, SIGKILL);
        status = take_status(channel);
    }
    if (channel->fd >= 0) {
        close(channel->fd);
        channel->fd = -1;
    }
    return status;
}

void probe_channel_close(struct probe_channel *channel)
{
    (void)stop(channel);
}

static enum gale_err start(struct probe_channel *channel, const char *program,
                           struct gale_error *error)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return gale_error_set(error, GALE_ERR_LIMIT,
                              "cannot make a socket to look into a module: %s; raise the limit "
                              "of open files (ulimit -n)",
                              strerror(errno));
    }
    char parent[NUMBER_SIZE];
    char descriptor[NUMBER_SIZE];
    snprintf(parent, sizeof(parent), "%d", (int)getpid());
    snprintf(descriptor, sizeof(descriptor), "%d", ends[1]);
    const char *argv[] = {program, "probe", "--parent", parent, descriptor, NULL};
    const struct process_limits limits = {.memory_max = LIMITED ? PROBE_MEMORY_MAX : 0};
    (void)fcntl(ends[1], F_SETFD, 0);
    enum gale_err err = process_start(argv, &limits, &channel->process, error);
    close(ends[1]);
    if (err != GALE_OK) {
        close(ends[0]);
        return err;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    channel->fd = ends[0];
    return GALE_OK;
}

/* Waits until the socket can be read (or written) or the process has ended. @return false: late. */
static bool wait_for(const struct probe_channel *channel, short events, int64_t deadline_ns,
                     bool *ended)
{
    struct pollfd both[2] = {{.fd = channel->fd, .events = events},
                             {.fd = channel->process.pidfd, .events = POLLIN}};
    for (;;) {
        int64_t left_ms = (deadline_ns - clock_now_ns()) / NS_PER_MS;
        if (left_ms <= 0) {
            return false;
        }
        int count = poll(both, 2, (int)left_ms);
        if (count > 0) {
            *ended = both[1].revents != 0;
            return true;
        }
        if (count < 0 && errno != EINTR) {
            return false;
        }
    }
}

/* A peer that closed its end without an end of its process is waited for: its status says more. */
static enum outcome wait_end(struct probe_channel *channel, int64_t deadline_ns)
{
    struct pollfd end = {.fd = channel->process.pidfd, .events = POLLIN};
    int64_t left_ms = (deadline_ns - clock_now_ns()) / NS_PER_MS;
    return left_ms > 0 && poll(&end, 1, (int)left_ms) > 0 ? OUTCOME_ENDED : OUTCOME_LATE;
}

static enum outcome write_all(struct probe_channel *channel, const struct buf *bytes,
                              int64_t deadline_ns)
{
    size_t done = 0;
    bool ended = false;
    while (done < bytes->size) {
        ssize_t count = send(channel->fd, bytes->data + done, bytes->size - done, MSG_NOSIGNAL);
        if (count >= 0) {
            done += (size_t)count;
        } else if (errno != EAGAIN && errno != EINTR) {
            return wait_end(channel, deadline_ns);
        } else if (!wait_for(channel, POLLOUT, deadline_ns, &ended)) {
            return OUTCOME_LATE;
        } else if (ended) {
            return OUTCOME_ENDED;
        }
    }
    return OUTCOME_ANSWER;
}

/* Reads exactly `size` bytes; what the process wrote before its end still counts. */
static enum outcome read_all(struct probe_channel *channel, uint8_t *out, size_t size,
                             int64_t deadline_ns)
{
    size_t done = 0;
    bool ended = false;
    while (done < size) {
        ssize_t count = recv(channel->fd, out + done, size - done, 0);
        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            return wait_end(channel, deadline_ns);
        } else if (ended) {
            return OUTCOME_ENDED;
        } else if (!wait_for(channel, POLLIN, deadline_ns, &ended)) {
            return OUTCOME_LATE;
        }
    }
    return OUTCOME_ANSWER;
}

static enum outcome read_reply(struct probe_channel *channel, int64_t deadline_ns,
                               struct gale_conf **reply)
{
    uint8_t head[PROBE_HEAD_SIZE];
    enum outcome outcome = read_all(channel, head, sizeof(head), deadline_ns);
    if (outcome != OUTCOME_ANSWER) {
        return outcome;
    }
    size_t size =
        (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (size == 0 || size > PROBE_MESSAGE_MAX) {
        return OUTCOME_NONSENSE;
    }
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        return OUTCOME_NOMEM;
    }
    outcome = read_all(channel, bytes, size, deadline_ns);
    if (outcome == OUTCOME_ANSWER) {
        enum gale_err err = conf_unpack(bytes, size, reply);
        outcome = err == GALE_OK          ? OUTCOME_ANSWER
                  : err == GALE_ERR_NOMEM ? OUTCOME_NOMEM
                                          : OUTCOME_NONSENSE;
    }
    free(bytes);
    return outcome;
}

static enum outcome exchange(struct probe_channel *channel, const struct gale_conf *request,
                             struct gale_conf **reply)
{
    struct buf bytes;
    int64_t deadline_ns = clock_now_ns() + PROBE_DEADLINE_MS * NS_PER_MS;
    const uint8_t none[PROBE_HEAD_SIZE] = {0};
    buf_init(&bytes, PROBE_MESSAGE_MAX + PROBE_HEAD_SIZE);
    enum outcome outcome = OUTCOME_NOMEM;
    if (buf_append(&bytes, none, sizeof(none)) == GALE_OK &&
        conf_pack(request, &bytes) == GALE_OK) {
        size_t size = bytes.size - PROBE_HEAD_SIZE;
        for (unsigned i = 0; i < PROBE_HEAD_SIZE; i++) {
            bytes.data[i] = (uint8_t)(size >> (8 * i));
        }
        outcome = write_all(channel, &bytes, deadline_ns);
    }
    buf_fini(&bytes);
    return outcome == OUTCOME_ANSWER ? read_reply(channel, deadline_ns, reply) : outcome;
}

/* Ends the process and says why there is no answer. */
static enum gale_err explain(struct probe_channel *channel, enum outcome outcome,
                             const struct probe_question *question, struct gale_error *error)
{
    char what[96] = "";
    int status = stop(channel);
    switch (outcome) {
    case OUTCOME_ENDED:
        if (status == PROBE_EXIT_LOST << 8) {
            snprintf(what, sizeof(what), "it closed descriptors that are not its own");
        } else {
            process_status_text(status, what, sizeof(what));
        }
        break;
    case OUTCOME_LATE:
        snprintf(what, sizeof(what), "no answer within %d s", PROBE_DEADLINE_MS / 1000);
        break;
    case OUTCOME_NONSENSE:
        snprintf(what, sizeof(what), "it wrote to descriptors that are not its own");
        break;
    case OUTCOME_NOMEM:
        return gale_error_set(error, GALE_ERR_NOMEM, "module %.200s: no memory",
                              question->path);
    case OUTCOME_ANSWER:
    default: break;
    }
    return gale_error_set(error, GALE_ERR_INVALID, "module %.200s: %s while %s; look at %s",
                          question->path, what, question->doing, question->look);
}

enum gale_err probe_ask(struct probe_channel *channel, const char *program,
                        const struct probe_question *question, struct gale_conf **reply,
                        struct gale_error *error)
{
    *reply = NULL;
    if (channel->process.pid == 0) {
        enum gale_err err = start(channel, program, error);
        if (err != GALE_OK) {
            return err;
        }
    }
    enum outcome outcome = exchange(channel, question->request, reply);
    if (outcome != OUTCOME_ANSWER) {
        return explain(channel, outcome, question, error);
    }
    return GALE_OK;
}

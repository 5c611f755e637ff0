/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's loop: messages and frames in, one step of the executor, a beat now and then, and sleep
 * when there is nothing to do. One thread; libzmq's I/O thread and the pulse beside it. It never touches
 * the cluster store and goes on working while no coordinator answers. With --parent its starter's death
 * ends it; else only a signal, or the word of a coordinator once it has stopped.
 */
#include "worker/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "codec/frame.h"

#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define WORKER_RECEIVE_MAX 64        /* messages taken in one pass */
#define WORKER_TRIM_BYTES (64 << 20) /* of free memory that the allocator keeps */
#define WORKER_BUSY_LOOP_PASSES 64   /* steps between looks at descriptors while busy */
#define FILE_PREFIX "file:"

/* Takes what has come; true when there was something. */
static bool receive(struct worker *worker, int64_t now_ns)
{
    const struct transport_ops *ops = worker->transport->ops;
    struct transport_message in;
    int taken = 0;
    while (taken < WORKER_RECEIVE_MAX && ops->receive(worker->transport, &in) == GALE_OK) {
        taken++;
        if (frame_is_frame(in.data, in.size)) {
            if (worker->exec && !worker->stopping) {
                exec_frame(worker->exec, &in, now_ns);
                continue;
            }
        } else {
            worker_on_message(worker, in.data, in.size, now_ns);
        }
        ops->release(worker->transport, &in);
    }
    return taken > 0;
}

static void periodic(struct worker *worker, int64_t now_ns)
{
    worker_hello(worker, now_ns);
    if (now_ns >= worker->beat_at_ns) {
        worker_send_beat(worker, now_ns);
    }
    if (worker->exec && worker->prepared && !worker->stopping &&
        now_ns >= worker->offsets_at_ns) {
        worker_send_offsets(worker, now_ns);
    }
    worker_levels_revert(worker, now_ns);
}

static int64_t next_ns(const struct worker *worker)
{
    int64_t next = worker->beat_at_ns;
    if (worker_waits(worker)) {
        next = worker->hello_at_ns < next ? worker->hello_at_ns : next;
    }
    if (!worker->exec || worker->stopping) {
        return next;
    }
    int64_t exec = exec_next_ns(worker->exec);
    next = exec < next ? exec : next;
    return worker->prepared && worker->offsets_at_ns < next ? worker->offsets_at_ns : next;
}

static void on_wire(void *argument, int fd, unsigned events)
{
    (void)argument;
    (void)fd;
    (void)events; /* Only ends the wait: the pass takes what has come. */
}

static void on_signal(void *argument, int signal, int64_t pid)
{
    struct worker *worker = argument;
    (void)signal;
    (void)pid;
    worker->quit = true;
}

static int run(struct worker *worker)
{
    uint32_t busy = 0;
    while (!worker->quit) {
        int64_t now = clock_now_ns();
        bool received = receive(worker, now);
        enum exec_answer answer = EXEC_IDLE;
        if (worker->exec && !worker->stopping) {
            answer = exec_step(worker->exec, now);
        }
        periodic(worker, now);
        if (answer == EXEC_BUSY || received) {
            if (++busy % WORKER_BUSY_LOOP_PASSES == 0) {
                loop_run_once(worker->loop, 0);
            }
            continue;
        }
        if (receive(worker, now)) {
            continue; /* Sending may have eaten the descriptor's edge: look before sleeping. */
        }
        if (worker->exec && !worker->beat_fast && worker_end_is_near(worker) &&
            exec_spouts_done(worker->exec)) {
            worker_send_beat(
                worker, now); /* The end may be near: the coordinator should know at once. */
            continue;
        }
        loop_run_once(worker->loop, next_ns(worker) - clock_now_ns());
    }
    return worker->fatal ? 70 : 0;
}

/* An endpoint, or file:PATH of the file that names the leader. */
static void take_control(struct worker *worker, const char *text)
{
    if (strncmp(text, FILE_PREFIX, strlen(FILE_PREFIX)) == 0) {
        worker->leader_file.path = text + strlen(FILE_PREFIX);
    } else {
        worker->control_endpoint = text;
    }
}

/* Sets what was said on the command line; false: something is missing. */
static bool complete(struct worker *worker, enum gale_log_level level, enum log_form form)
{
    char who[32];
    snprintf(who, sizeof(who), "%u", worker->index);
    log_init(level, who, form);
    if (!worker->pulse_endpoint) {
        worker->pulse_endpoint = worker->control_endpoint;
    }
    return (worker->control_endpoint || worker->leader_file.path) && worker->pulse_endpoint &&
           worker->bind_endpoint && worker->incarnation != 0;
}

static bool parse(struct worker *worker, int argc, char **argv)
{
    static const struct option table[] = {{"control", required_argument, NULL, 'c'},
                                          {"pulse", required_argument, NULL, 'u'},
                                          {"topology", required_argument, NULL, 't'},
                                          {"modules", required_argument, NULL, 'm'},
                                          {"bind", required_argument, NULL, 'b'},
                                          {"index", required_argument, NULL, 'i'},
                                          {"incarnation", required_argument, NULL, 'n'},
                                          {"epoch", required_argument, NULL, 'e'},
                                          {"attempt", required_argument, NULL, 'a'},
                                          {"log", required_argument, NULL, 'l'},
                                          {"log-json", no_argument, NULL, 'j'},
                                          {"parent", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    enum gale_log_level level = GALE_LOG_INFO;
    enum log_form form = isatty(STDERR_FILENO) == 1 ? LOG_FORM_PRETTY : LOG_FORM_LOGFMT;
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'c': take_control(worker, optarg); break;
        case 'u': worker->pulse_endpoint = optarg; break;
        case 't': worker->topology = strtoull(optarg, NULL, 16); break;
        case 'm': worker->modules_dir = optarg; break;
        case 'b': worker->bind_endpoint = optarg; break;
        case 'i': worker->index = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'n': worker->incarnation = strtoull(optarg, NULL, 16); break;
        case 'e': worker->epoch = strtoull(optarg, NULL, 10); break;
        case 'a': worker->attempt = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'l':
            if (!log_level_parse(optarg, &level)) {
                return false;
            }
            break;
        case 'j': form = LOG_FORM_JSON; break;
        case 'p': break; /* Taken by the binary before anything else. */
        default: return false;
        }
    }
    return complete(worker, level, form);
}

static enum gale_err start(struct worker *worker, struct gale_error *error)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    mallopt(M_TRIM_THRESHOLD, WORKER_TRIM_BYTES); /* Else pages go and come with each burst. */
    mallopt(M_ARENA_MAX, 1); /* What one thread frees is of use to the other at once. */
    prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0,
          0);                /* The default delays each timed wake-up by 50 µs. */
    signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group; the coordinator decides. */
    signal(SIGPIPE, SIG_IGN);
    enum gale_err err = loop_new(&worker->loop, error);
    if (err == GALE_OK) {
        err = loop_signals(worker->loop, &signals, on_signal, worker);
    }
    if (err == GALE_OK) {
        err = transport_zmq_new(1, &worker->transport, error);
    }
    if (err != GALE_OK) {
        return err;
    }
    const struct transport_ops *ops = worker->transport->ops;
    err = ops->bind(worker->transport, worker->bind_endpoint, worker->endpoint,
                    sizeof(worker->endpoint), error);
    if (err == GALE_OK) {
        err = worker_leader_start(worker, error);
    }
    if (err == GALE_OK) {
        err = worker_start_pulse(worker, error);
    }
    if (err == GALE_OK) {
        err = loop_add(worker->loop, ops->fd(worker->transport), LOOP_READ, on_wire, worker);
    }
    return err;
}

int worker_main(int argc, char **argv, const struct worker_builtins *builtins)
{
    struct worker worker = {
        .builtins = *builtins, .beat_ns = 250000000, .offsets_ns = 1000000000};
    struct gale_error error = {0};
    buf_init(&worker.out, MESSAGE_SIZE_MAX);
    if (!parse(&worker, argc, argv)) {
        fprintf(stderr,
                "gale worker: started by `gale run` or a supervisor, not by hand: wrong "
                "arguments\n");
        return 64;
    }
    int code = 70;
    if (start(&worker, &error) == GALE_OK) {
        worker.beat_at_ns = clock_now_ns() + worker.beat_ns;
        code = run(&worker);
    } else {
        gale_log(GALE_LOG_ERROR, "worker %u cannot start: %s", worker.index, error.text);
    }
    exec_free(worker.exec);
    if (worker.transport) {
        worker.transport->ops->disconnect(worker.transport, worker.control);
        worker.transport->ops->free(worker.transport);
    }
    loop_free(worker.loop);
    plan_free(worker.plan);
    registry_free(worker.registry);
    buf_fini(&worker.out);
    return code;
}

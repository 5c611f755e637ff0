/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's loop: messages and frames in, one step of the executor, a beat now and then, and sleep
 * when there is nothing to do. One thread; libzmq's I/O thread beside it. It never touches the cluster
 * store and goes on working while no coordinator answers (only the supervisor's death ends it).
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/rng.h"
#include "base/str.h"
#include "codec/frame.h"
#include "codec/message.h"
#include "exec/exec.h"
#include "worker/process_stat.h"
#include "worker/registry.h"

#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define WORKER_RECEIVE_MAX 64        /* messages taken in one pass */
#define WORKER_BEAT_FAST_NS 5000000  /* between beats while the end is near */
#define WORKER_TRIM_BYTES (64 << 20) /* of free memory that the allocator keeps */
#define WORKER_PULSE_MS 400          /* between signs of life of the process */
#define WORKER_HELLO_NS 200000000    /* between HELLOs until the assignment comes */
#define WORKER_FATAL_SIZE 512        /* of the sentence that ends the run */
#define WORKER_RELEASE_BEATS 4       /* after so many beats the start is over */
#define WORKER_BUSY_LOOP_PASSES 64   /* steps between looks at descriptors while busy */

struct worker {
    struct worker_builtins builtins;
    const char *control_endpoint;
    const char *bind_endpoint;
    char endpoint[256];
    uint32_t index;
    uint64_t incarnation;
    uint64_t epoch;
    uint32_t attempt;
    struct transport *transport;
    struct transport_peer *control;
    struct loop *loop;
    struct registry *registry;
    struct plan *plan;
    struct exec *exec;
    bool prepared;
    bool stopping; /* cleanup done; the last beat is repeated until SIGTERM */
    bool fatal;
    bool quit;
    enum message_command state;
    uint32_t finish_level;
    uint64_t stats_round;
    uint32_t round;              /* of the coordinator's COUNT */
    int64_t beat_ns, offsets_ns; /* intervals */
    int64_t beat_at_ns, offsets_at_ns, hello_at_ns;
    bool has_spouts; /* one task here at least */
    bool beat_fast;
    uint32_t beats_count;
    bool told_stop; /* by the coordinator */
    bool all_told;  /* every histogram was in a beat since it is stopping */
    struct message_offsets last_offsets; /* once stopping; owned by the executor */
    char fatal_text[WORKER_FATAL_SIZE];  /* said with each beat until it is told to stop */
    struct buf out;
};

/* True when it left; whether it arrives is another matter. */
static bool send_message(struct worker *worker, struct message *message)
{
    message->worker = worker->index;
    message->incarnation = worker->incarnation;
    message->epoch = worker->epoch;
    message->attempt = worker->attempt;
    buf_clear(&worker->out);
    void *handle;
    uint8_t *data;
    const struct transport_ops *ops = worker->transport->ops;
    enum gale_err err = message_encode(message, &worker->out);
    if (err != GALE_OK) {
        gale_log(GALE_LOG_ERROR,
                 "a message of type %d to the coordinator cannot be encoded: %s",
                 (int)message->type, gale_err_name(err));
        return false;
    }
    if (ops->prepare(worker->transport, worker->out.size, &handle, &data) != GALE_OK) {
        return false;
    }
    memcpy(data, worker->out.data, worker->out.size);
    err = ops->send(worker->transport, worker->control, handle);
    if (err == GALE_ERR_AGAIN) {
        ops->drop(worker->transport,
                  handle); /* No coordinator reads: the next beat will say it. */
    }
    return err == GALE_OK;
}

static void send_event(struct worker *worker, enum message_event event, uint32_t other,
                       uint32_t task, const char *text)
{
    struct message message = {.type = MESSAGE_EVENT};
    message.as.event.event = event;
    message.as.event.other = other;
    message.as.event.task = task;
    message.as.event.text = text;
    send_message(worker, &message);
}

/* Says by a thread of its own that this process lives: a long call of a component delays beats. */
static enum gale_err start_pulse(struct worker *worker, struct gale_error *error)
{
    struct message message = {.type = MESSAGE_PULSE,
                              .worker = worker->index,
                              .incarnation = worker->incarnation,
                              .epoch = worker->epoch,
                              .attempt = worker->attempt};
    buf_clear(&worker->out);
    enum gale_err err = message_encode(&message, &worker->out);
    if (err != GALE_OK) {
        return gale_error_set(error, err, "the pulse cannot be encoded");
    }
    return transport_zmq_pulse(worker->transport, worker->control_endpoint, WORKER_PULSE_MS,
                               worker->out.data, worker->out.size, error);
}

/* Messages may be lost, and nobody but this worker knows that the run cannot go on. */
static void keep_fatal(struct worker *worker, const char *text)
{
    if (worker->fatal_text[0] == '\0') {
        str_copy(worker->fatal_text, sizeof(worker->fatal_text), text);
    }
}

static void on_event(void *self, enum message_event event, uint32_t other, uint32_t task,
                     const char *text)
{
    struct worker *worker = self;
    if (event != EVENT_COMPONENT_ERROR) {
        gale_log(GALE_LOG_WARN, "%s", text);
    }
    if (event == EVENT_FATAL) {
        keep_fatal(worker, text);
    }
    send_event(worker, event, other, task, text);
}

static void fatal(struct worker *worker, const char *text)
{
    gale_log(GALE_LOG_ERROR, "%s", text);
    send_event(worker, EVENT_FATAL, 0, 0, text);
    keep_fatal(worker, text);
    worker->fatal = true;
    worker->state = COMMAND_STOP;
    worker->stopping = true;
}

static int64_t on_clock(void *self)
{
    (void)self;
    return clock_now_ns();
}

static void on_fd(void *argument, int fd, unsigned events)
{
    struct worker *worker = argument;
    unsigned ready = (events & (LOOP_READ | LOOP_HANGUP) ? GALE_FD_READ : 0u) |
                     (events & LOOP_WRITE ? GALE_FD_WRITE : 0u);
    if (worker->exec) {
        exec_fd_ready(worker->exec, fd, ready);
    }
}

static enum gale_err on_watch(void *self, int fd, unsigned events)
{
    struct worker *worker = self;
    unsigned wanted =
        (events & GALE_FD_READ ? LOOP_READ : 0u) | (events & GALE_FD_WRITE ? LOOP_WRITE : 0u);
    if (events == 0) {
        loop_remove(worker->loop, fd);
        return GALE_OK;
    }
    enum gale_err err = loop_add(worker->loop, fd, wanted, on_fd, worker);
    return err == GALE_ERR_EXISTS ? loop_modify(worker->loop, fd, wanted) : err;
}

static void send_hello(struct worker *worker)
{
    struct message message = {.type = MESSAGE_HELLO};
    message.as.hello.worker = worker->index;
    message.as.hello.incarnation = worker->incarnation;
    message.as.hello.pid = getpid();
    message.as.hello.data_endpoint = worker->endpoint;
    send_message(worker, &message);
}

/* The last positions go with each last beat: on the wire any one may be lost. */
static void send_last_offsets(struct worker *worker)
{
    struct message message = {.type = MESSAGE_OFFSETS};
    message.as.offsets = worker->last_offsets;
    message.as.offsets.final = true;
    send_message(worker, &message);
}

/* Whether the coordinator may be waiting for the beats of this worker. One without spouts never
 * knows by itself that all have ended: it is told by the drain. */
static bool end_is_near(const struct worker *worker)
{
    return worker->has_spouts || worker->state == COMMAND_DRAIN ||
           worker->state == COMMAND_FINISH;
}

static void send_offsets(struct worker *worker, int64_t now_ns)
{
    struct message message = {.type = MESSAGE_OFFSETS};
    exec_offsets(worker->exec, false, &message.as.offsets);
    worker->offsets_at_ns = now_ns + worker->offsets_ns;
    if (message.as.offsets.items_count > 0 && send_message(worker, &message)) {
        exec_offsets_sent(worker->exec, &message.as.offsets);
    }
}

/* Whether every spout of a drain has ended: their positions, which move no more, go before the beat
 * that says so. Then a run that is drained has saved them, even if this process is killed next. */
static bool is_drained(const struct worker *worker, const struct message_beat *beat)
{
    return worker->prepared && !worker->stopping && beat->spouts_done &&
           (worker->state == COMMAND_DRAIN || worker->state == COMMAND_FINISH);
}

static void send_beat(struct worker *worker, int64_t now_ns)
{
    struct message message = {.type = MESSAGE_BEAT};
    struct message_beat *beat = &message.as.beat;
    bool whole = true;
    if (worker->exec && !worker->fatal) {
        whole = exec_beat(worker->exec, beat);
    }
    beat->state = worker->state;
    beat->finish_level = worker->finish_level;
    beat->stats_round = worker->stats_round;
    beat->round = worker->round;
    struct process_cpu cpu = process_stat_cpu();
    beat->cpu_user_ns = cpu.user_ns;
    beat->cpu_system_ns = cpu.system_ns;
    process_stat_memory_kb(&beat->rss_kb, &beat->rss_peak_kb);
    worker->beat_fast = worker->stopping || (beat->spouts_done && end_is_near(worker));
    if (++worker->beats_count == WORKER_RELEASE_BEATS) {
        process_release_text();
    }
    worker->beat_at_ns = now_ns + (worker->beat_fast ? WORKER_BEAT_FAST_NS : worker->beat_ns);
    worker->all_told = worker->all_told || (worker->stopping && whole);
    if (worker->fatal_text[0] != '\0' && !worker->told_stop) {
        send_event(worker, EVENT_FATAL, 0, 0, worker->fatal_text);
    }
    if (worker->all_told) { /* Once these have come the process is ended. */
        send_last_offsets(worker);
    } else if (is_drained(worker, beat)) {
        send_offsets(worker, now_ns);
    }
    send_message(worker, &message);
}

/* Bolts work whether the topology is active or not; only spouts rest. */
static bool prepare(struct worker *worker, int64_t now_ns)
{
    struct gale_error error = {0};
    if (worker->prepared) {
        return true;
    }
    if (exec_prepare(worker->exec, now_ns, &error) != GALE_OK) {
        fatal(worker, error.text);
        return false;
    }
    worker->prepared = true;
    process_release_text(); /* Most of what only the start needed; the rest with a later beat. */
    return true;
}

static void activate(struct worker *worker)
{
    struct gale_error error = {0};
    if (exec_activate(worker->exec, true, &error) != GALE_OK) {
        fatal(worker, error.text);
        return;
    }
    worker->state = COMMAND_ACTIVATE;
}

static bool compile(struct worker *worker, const struct message_assign *assign)
{
    struct gale_conf *tree = NULL;
    struct diag diag;
    diag_init(&diag);
    enum gale_err err = conf_unpack(assign->tree.data, assign->tree.size, &tree);
    if (err == GALE_OK) {
        err = registry_new(worker->builtins.spouts, worker->builtins.bolts, "/",
                           &worker->registry);
    }
    if (err == GALE_OK) {
        err = plan_compile(tree, worker->registry, &diag, &worker->plan);
    }
    if (err == GALE_OK && (worker->plan->tasks_count != assign->tasks_count ||
                           worker->index >= assign->workers_count)) {
        err = GALE_ERR_CORRUPT; /* The assignment is of another topology or for others. */
    }
    conf_free(tree);
    if (err != GALE_OK) {
        char text[600];
        snprintf(text, sizeof(text), "worker %u cannot compile the topology: %s", worker->index,
                 diag.count > 0 ? diag.items[0].text : gale_err_name(err));
        fatal(worker, text);
    }
    diag_fini(&diag);
    return err == GALE_OK;
}

static void restore(struct worker *worker, const struct message_assign *assign)
{
    struct gale_error error = {0};
    for (uint32_t id = 1; assign->positions && id <= assign->tasks_count; id++) {
        if (assign->positions[id].size > 0 &&
            exec_restore(worker->exec, id, assign->positions[id], &error) != GALE_OK) {
            fatal(worker, error.text);
            return;
        }
    }
}

static void on_assign(struct worker *worker, const struct message *message, int64_t now_ns)
{
    const struct message_assign *assign = &message->as.assign;
    if (worker->exec || worker->fatal || !compile(worker, assign)) {
        return;
    }
    struct rng rng;
    struct gale_error error = {0};
    if (rng_seed_os(&rng) != GALE_OK) {
        fatal(worker, "the system gives no random numbers (getrandom): ids would not be safe");
        return;
    }
    struct exec_options options = {.plan = worker->plan,
                                   .task_worker = assign->task_worker,
                                   .worker = worker->index,
                                   .workers_count = assign->workers_count,
                                   .epoch = worker->epoch,
                                   .attempt = worker->attempt,
                                   .incarnation = worker->incarnation,
                                   .seed = rng_next(&rng),
                                   .link = LINK_OPTIONS_DEFAULT,
                                   .ports = {.self = worker,
                                             .clock = on_clock,
                                             .transport = worker->transport,
                                             .watch = on_watch,
                                             .event = on_event}};
    worker->beat_ns = (int64_t)assign->beat_ms * 1000000;
    worker->offsets_ns = (int64_t)assign->offsets_ms * 1000000;
    worker->offsets_at_ns = now_ns + worker->offsets_ns;
    if (exec_new(&options, &worker->exec, &error) != GALE_OK) {
        fatal(worker, error.text);
        return;
    }
    for (uint32_t id = 1; id <= assign->tasks_count; id++) {
        worker->has_spouts = worker->has_spouts ||
                             (assign->task_worker[id] == worker->index &&
                              worker->plan->components[worker->plan->task_component[id]].spout);
    }
    restore(worker, assign);
    if (!worker->fatal && prepare(worker, now_ns) && assign->active) {
        activate(worker);
    }
    send_beat(worker, now_ns);
}

static void on_peers(struct worker *worker, const struct message *message)
{
    struct gale_error error = {0};
    for (uint32_t i = 0; worker->exec && i < message->as.peers.items_count; i++) {
        const struct message_peer *peer = &message->as.peers.items[i];
        if (exec_peer(worker->exec, peer->worker, peer->up, peer->incarnation,
                      peer->data_endpoint, &error) != GALE_OK) {
            on_event(worker, EVENT_LINK_FAILED, peer->worker, 0, error.text);
        }
    }
}

static void stop(struct worker *worker)
{
    worker->told_stop = true;
    if (!worker->stopping) {
        if (worker->exec && worker->prepared) {
            exec_offsets(worker->exec, true, &worker->last_offsets);
            exec_cleanup(worker->exec);
        }
        worker->stopping = true;
    }
    worker->state = COMMAND_STOP;
}

static void on_command(struct worker *worker, const struct message *message, int64_t now_ns)
{
    struct gale_error error = {0};
    if (!worker->exec || worker->fatal) {
        if (message->as.command.command == COMMAND_STOP) {
            stop(worker);
        }
        return;
    }
    switch (message->as.command.command) {
    case COMMAND_ACTIVATE: activate(worker); break;
    case COMMAND_DEACTIVATE:
        if (worker->prepared) {
            exec_activate(worker->exec, false, &error);
        }
        worker->state = COMMAND_DEACTIVATE;
        break;
    case COMMAND_DRAIN:
        exec_drain(worker->exec);
        worker->state = COMMAND_DRAIN;
        break;
    case COMMAND_FINISH:
        if (worker->prepared && worker->finish_level <= message->as.command.level) {
            exec_finish(worker->exec, message->as.command.level);
        }
        worker->finish_level = message->as.command.level + 1;
        worker->state = COMMAND_FINISH;
        break;
    case COMMAND_STOP: stop(worker); break;
    case COMMAND_RESET_STATS:
        if (worker->stats_round < message->as.command.level) { /* Else a reminder came late. */
            exec_reset_stats(worker->exec);
            worker->stats_round = message->as.command.level;
        }
        break;
    case COMMAND_COUNT: worker->round = message->as.command.level; break;
    }
    send_beat(worker, now_ns);
}

static void on_message(struct worker *worker, const uint8_t *data, size_t size, int64_t now_ns)
{
    struct message message;
    struct gale_error error;
    if (message_decode(data, size, &message, &error) != GALE_OK) {
        on_event(worker, EVENT_REFUSED, 0, 0, error.text);
        return;
    }
    if (message.epoch != worker->epoch || message.attempt != worker->attempt ||
        message.worker != worker->index || message.incarnation != worker->incarnation) {
        on_event(worker, EVENT_REFUSED, 0, 0,
                 "a message of another epoch, attempt or process was refused");
    } else if (message.type == MESSAGE_ASSIGN) {
        on_assign(worker, &message, now_ns);
    } else if (message.type == MESSAGE_PEERS) {
        on_peers(worker, &message);
    } else if (message.type == MESSAGE_COMMAND) {
        on_command(worker, &message, now_ns);
    } else if (message.type == MESSAGE_TOUCHED && worker->exec) {
        exec_fail_touched(worker->exec, message.as.touched.workers);
    }
    message_fini(&message);
}

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
            on_message(worker, in.data, in.size, now_ns);
        }
        ops->release(worker->transport, &in);
    }
    return taken > 0;
}

static void periodic(struct worker *worker, int64_t now_ns)
{
    if (!worker->exec && !worker->fatal && now_ns >= worker->hello_at_ns) {
        send_hello(worker);
        worker->hello_at_ns = now_ns + WORKER_HELLO_NS;
    }
    if (now_ns >= worker->beat_at_ns) {
        send_beat(worker, now_ns);
    }
    if (worker->exec && worker->prepared && !worker->stopping &&
        now_ns >= worker->offsets_at_ns) {
        send_offsets(worker, now_ns);
    }
}

static int64_t next_ns(const struct worker *worker)
{
    int64_t next = worker->beat_at_ns;
    if (!worker->exec) {
        return worker->hello_at_ns < next ? worker->hello_at_ns : next;
    }
    if (worker->stopping) {
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
        if (worker->exec && !worker->beat_fast && end_is_near(worker) &&
            exec_spouts_done(worker->exec)) {
            send_beat(worker,
                      now); /* The end may be near: the coordinator should know at once. */
            continue;
        }
        loop_run_once(worker->loop, next_ns(worker) - clock_now_ns());
    }
    return worker->fatal ? 70 : 0;
}

static bool parse(struct worker *worker, int argc, char **argv)
{
    static const struct option table[] = {{"control", required_argument, NULL, 'c'},
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
        case 'c': worker->control_endpoint = optarg; break;
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
    char who[32];
    snprintf(who, sizeof(who), "%u", worker->index);
    log_init(level, who, form);
    return worker->control_endpoint && worker->bind_endpoint && worker->incarnation != 0;
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
        err =
            ops->connect(worker->transport, worker->control_endpoint, &worker->control, error);
    }
    if (err == GALE_OK) {
        err = start_pulse(worker, error);
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
        fprintf(stderr, "gale worker: started by `gale run`, not by hand: wrong arguments\n");
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

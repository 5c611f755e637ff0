/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run on this machine: the coordinator's state machine (control.c) and the keeper of its workers
 * (supervise/keeper.c) with real processes, ZeroMQ and an embedded store. One thread, one loop. Sockets lie in a directory of their own (0700) that is
 * removed at the end; workers die with this process, however it dies.
 */
#include "run/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "codec/message.h"
#include "run/run_internal.h"
#include "schedule/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_RECEIVE_MAX 256
#define RUN_RELEASE_NS 1000000000 /* the start is over by then */
#define RUN_LOOK_NS 200000000     /* between looks at the memory: a beat or two */
#define RUN_SAMPLE_WAIT_NS (CONTROL_BEAT_MS * INT64_C(1000000)) /* for beats, once it is due */
#define RUN_EXIT_INVALID 78
#define RUN_EXIT_NO_INPUT 66
#define RUN_EXIT_INTERNAL 70
#define RUN_EXIT_IO 74
#define RUN_EXIT_TEMPORARY 75

#define RUN_TOPOLOGY 0u /* the only one that the keeper here knows */

/* ---- Ports of the control ---- */

static void port_keep(void *self, uint32_t index, enum keep keep)
{
    struct run *run = self;
    enum gale_err err = keeper_keep(&run->keeper, RUN_TOPOLOGY, index, keep, clock_now_ns());
    run->keep_failed = run->keep_failed || err != GALE_OK;
}

static void port_signal(void *self, uint32_t index, uint64_t incarnation, int signal)
{
    struct run *run = self;
    const struct keeper_slot *slot = keeper_find(&run->keeper, RUN_TOPOLOGY, index);
    if (slot && slot->slot.incarnation == incarnation) {
        process_signal(&run->workers[index].process, signal);
    }
}

static void port_connect(void *self, uint32_t index, const char *endpoint)
{
    struct run *run = self;
    struct run_worker *worker = &run->workers[index];
    struct gale_error error = {0};
    run->transport->ops->disconnect(run->transport, worker->peer);
    worker->peer = NULL;
    if (endpoint && run->transport->ops->connect(run->transport, endpoint, &worker->peer,
                                                 &error) != GALE_OK) {
        gale_log(GALE_LOG_ERROR, "worker %u: %s", index, error.text);
    }
}

static void port_send(void *self, uint32_t index, const struct message *message)
{
    struct run *run = self;
    const struct transport_ops *ops = run->transport->ops;
    void *handle;
    uint8_t *data;
    buf_clear(&run->out);
    if (!run->workers[index].peer || message_encode(message, &run->out) != GALE_OK ||
        ops->prepare(run->transport, run->out.size, &handle, &data) != GALE_OK) {
        return;
    }
    memcpy(data, run->out.data, run->out.size);
    if (ops->send(run->transport, run->workers[index].peer, handle) == GALE_ERR_AGAIN) {
        ops->drop(run->transport, handle); /* It does not read: silence will end it. */
    }
}

static void port_save(void *self, uint32_t task, struct message_bytes position)
{
    run_store_save(self, task, position);
}

static void port_note(void *self, const char *line)
{
    struct run *run = self;
    gale_log(GALE_LOG_INFO, "%s", line);
    if (run->view->note) {
        run->view->note(run->view->self, line);
    }
}

/* ---- Ports of the keeper ---- */

static enum gale_err keep_spawn(void *self, struct keeper_slot *slot);

static void keep_signal(void *self, struct keeper_slot *slot, int signal)
{
    struct run *run = self;
    process_signal(&run->workers[slot->worker].process, signal);
}

static bool keep_may_starve(void *self, struct keeper_slot *slot)
{
    struct run *run = self;
    return process_may_starve(&run->workers[slot->worker].process);
}

static void keep_changed(void *self, struct keeper_slot *slot, const char *text)
{
    struct run *run = self;
    int64_t now = clock_now_ns();
    if (text) {
        control_exited(&run->control, slot->worker, slot->slot.incarnation, text, now);
    } else {
        control_spawned(&run->control, slot->worker, slot->slot.incarnation, now);
    }
}

static uint64_t keep_random(void *self)
{
    struct run *run = self;
    return rng_next(&run->rng) | 1u;
}

static int64_t timeval_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

static void on_exit_ready(void *argument, int fd, unsigned events)
{
    struct run_worker *worker = argument;
    struct run *run = worker->run;
    int status;
    char text[128];
    struct rusage usage;
    (void)events;
    loop_remove(run->loop, fd);
    if (!process_reap(&worker->process, &status, &usage)) {
        loop_add(run->loop, fd, LOOP_READ, on_exit_ready, worker);
        return;
    }
    process_status_text(status, text, sizeof(text));
    control_cpu_ended(
        &run->control, worker->index,
        (struct control_cpu){timeval_ns(usage.ru_utime), timeval_ns(usage.ru_stime)});
    struct keeper_slot *slot = keeper_find(&run->keeper, RUN_TOPOLOGY, worker->index);
    if (slot) {
        keeper_exited(&run->keeper, slot, text, clock_now_ns());
    }
}

static const char *level_name(enum gale_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

static enum gale_err keep_spawn(void *self, struct keeper_slot *slot)
{
    struct run *run = self;
    uint32_t index = slot->worker;
    uint64_t incarnation = slot->slot.incarnation;
    struct run_worker *worker = &run->workers[index];
    char bind[128];
    char number[4][32];
    if (run->options->tcp) {
        snprintf(bind, sizeof(bind), "tcp://127.0.0.1:*");
    } else {
        snprintf(bind, sizeof(bind), "ipc://%s/w%u-%" PRIx64, run->sockets.path, index,
                 incarnation & 0xffffff);
    }
    snprintf(number[0], sizeof(number[0]), "%u", index);
    snprintf(number[1], sizeof(number[1]), "%" PRIx64, incarnation);
    snprintf(number[2], sizeof(number[2]), "%" PRIu64, run->epoch);
    snprintf(number[3], sizeof(number[3]), "%d", (int)getpid());
    const char *argv[] = {run->options->gale_path,
                          "worker",
                          "--parent",
                          number[3],
                          "--control",
                          run->endpoint,
                          "--pulse",
                          run->endpoint,
                          "--bind",
                          bind,
                          "--index",
                          number[0],
                          "--incarnation",
                          number[1],
                          "--epoch",
                          number[2],
                          "--attempt",
                          "1",
                          "--log",
                          level_name(run->options->log_level),
                          run->options->json ? "--log-json" : NULL,
                          NULL};
    struct process_limits limits = {run->plan->memory_max, run->plan->open_files_max};
    struct gale_error error = {0};
    enum gale_err err = process_start(argv, &limits, &worker->process, &error);
    if (err != GALE_OK) {
        gale_log(GALE_LOG_ERROR, "worker %u: %s", index, error.text);
        return err;
    }
    return loop_add(run->loop, worker->process.pidfd, LOOP_READ, on_exit_ready, worker);
}

/* The life cycle from outside: an active topology becomes inactive and the reverse. */
static void switch_active(struct run *run, int64_t now_ns)
{
    bool active = run->control.state == CONTROL_INACTIVE;
    if (!active && run->control.state != CONTROL_ACTIVE) {
        return;
    }
    control_activate(&run->control, active, now_ns);
    run_store_state(run, active);
    port_note(run, active ? "active again" : "inactive: spouts rest until the next SIGUSR1");
}

static void on_signal(void *argument, int signal, int64_t pid)
{
    struct run *run = argument;
    int64_t now = clock_now_ns();
    (void)pid;
    if (signal == SIGUSR1) {
        switch_active(run, now);
        return;
    }
    if (++run->signals_count == 1) {
        run->signal = signal;
        run->end = RUN_END_INTERRUPTED;
        port_note(run,
                  "draining: what is under way is processed; interrupt again to stop at once");
        control_drain(&run->control, run->plan->drain_ms, now);
        return;
    }
    control_abort(&run->control, now);
}

static void on_wire(void *argument, int fd, unsigned events)
{
    (void)argument;
    (void)fd;
    (void)events;
}

/* Whatever a worker says is a sign of life. */
static void on_message(struct run *run, const struct message *message)
{
    int64_t now = clock_now_ns();
    keeper_pulse(&run->keeper, message->topology, message->worker, message->incarnation, now);
    control_message(&run->control, message, now);
}

static bool receive(struct run *run)
{
    const struct transport_ops *ops = run->transport->ops;
    struct transport_message in;
    int taken = 0;
    while (taken < RUN_RECEIVE_MAX && ops->receive(run->transport, &in) == GALE_OK) {
        struct message message;
        struct gale_error error;
        taken++;
        if (message_decode(in.data, in.size, &message, &error) == GALE_OK) {
            on_message(run, &message);
            message_fini(&message);
        } else {
            gale_log(GALE_LOG_WARN, "a message was refused: %s", error.text);
        }
        ops->release(run->transport, &in);
    }
    return taken > 0;
}

/* Descriptors that the components of the run may use: workers have /dev/null for their stdin. Before
 * there is any other thread, which might read the environment meanwhile. */
static void announce_descriptors(void)
{
    char number[16];
    int in = fcntl(STDIN_FILENO, F_DUPFD, 100);
    int out = fcntl(STDOUT_FILENO, F_DUPFD, 100);
    if (in >= 0) {
        snprintf(number, sizeof(number), "%d", in);
        setenv("GALE_STDIN_FD", number, 1);
    }
    if (out >= 0) {
        snprintf(number, sizeof(number), "%d", out);
        setenv("GALE_STDOUT_FD", number, 1);
    }
}

static enum gale_err make_sockets(struct run *run, struct gale_error *error)
{
    char bind[128];
    enum gale_err err = sockets_make(&run->sockets, error);
    if (err != GALE_OK) {
        return err;
    }
    snprintf(bind, sizeof(bind), "ipc://%s/c", run->sockets.path);
    err = transport_zmq_new(1, &run->transport, error);
    if (err == GALE_OK) {
        err = run->transport->ops->bind(run->transport, bind, run->endpoint,
                                        sizeof(run->endpoint), error);
    }
    if (err == GALE_OK) {
        err = loop_add(run->loop, run->transport->ops->fd(run->transport), LOOP_READ, on_wire,
                       run);
    }
    return err;
}

static enum gale_err make_loop(struct run *run, struct gale_error *error)
{
    sigset_t signals;
    struct sigaction hangup;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    /* A closed terminal ends the run in good order, unless nohup asked to outlive it. */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
        sigaddset(&signals, SIGHUP);
    }
    enum gale_err err = loop_new(&run->loop, error);
    return err == GALE_OK ? loop_signals(run->loop, &signals, on_signal, run) : err;
}

static enum gale_err make_control(struct run *run, struct gale_error *error)
{
    uint32_t count = run->plan->workers;
    run->task_worker = calloc(run->plan->tasks_count + 1u, sizeof(*run->task_worker));
    run->workers = calloc(count, sizeof(*run->workers));
    if (!run->task_worker || !run->workers) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory for %u workers", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        run->workers[i] = (struct run_worker){.run = run, .index = i, .process = {0, -1}};
    }
    enum gale_err err = schedule_even(run->plan, count, NULL, run->task_worker);
    if (err != GALE_OK) {
        return gale_error_set(
            error, err, "%u workers are too few for the isolated components: raise `workers`",
            count);
    }
    run->ports = (struct control_ports){.self = run,
                                        .keep = port_keep,
                                        .signal = port_signal,
                                        .connect = port_connect,
                                        .send = port_send,
                                        .save = port_save,
                                        .note = port_note};
    run->keeper_ports = (struct keeper_ports){.self = run,
                                              .spawn = keep_spawn,
                                              .signal = keep_signal,
                                              .may_starve = keep_may_starve,
                                              .changed = keep_changed,
                                              .random = keep_random};
    keeper_init(&run->keeper, &run->keeper_ports, slot_limits_default());
    struct control_options options = {.plan = run->plan,
                                      .ports = &run->ports,
                                      .task_worker = run->task_worker,
                                      .workers_count = count,
                                      .epoch = run->epoch,
                                      .attempt = 1};
    return control_init(&run->control, &options);
}

static void set_times(struct run *run)
{
    const struct run_options *options = run->options;
    run->start_ns = clock_now_ns();
    run->baseline_ns = run->start_ns;
    run->own_cpu_base = process_stat_cpu();
    run->look_at_ns = run->start_ns;
    run->drain_at_ns =
        options->duration_ms ? run->start_ns + options->duration_ms * 1000000 : INT64_MAX;
    run->release_at_ns = run->start_ns + RUN_RELEASE_NS;
    run->warmup_at_ns =
        options->warmup_ms ? run->start_ns + options->warmup_ms * 1000000 : INT64_MAX;
    run->sample_at_ns =
        options->sample_ms ? run->start_ns + (int64_t)options->sample_ms * 1000000 : INT64_MAX;
}

/* Gives back what only the start needed: most once every worker has its tasks, the rest when that has
 * settled. */
static void release(struct run *run, int64_t now_ns)
{
    bool assigned = true;
    for (uint32_t i = 0; i < run->plan->workers; i++) {
        assigned = assigned && run->control.workers[i].assigned;
    }
    if (assigned && !run->released) {
        run->released = true;
        process_release_text();
    }
    if (now_ns >= run->release_at_ns) {
        run->release_at_ns = INT64_MAX;
        process_release_text();
    }
}

static void periodic(struct run *run, int64_t now_ns)
{
    if (now_ns >= run->warmup_at_ns) {
        run->warmup_at_ns = INT64_MAX;
        run->baseline_ns = now_ns;
        run->own_cpu_base = process_stat_cpu();
        control_reset_stats(&run->control, now_ns);
    }
    if (now_ns >= run->drain_at_ns) {
        run->drain_at_ns = INT64_MAX;
        run->end = RUN_END_DURATION;
        control_drain(&run->control, run->plan->drain_ms, now_ns);
    }
    bool ready = run_sample_ready(run);
    if (now_ns >= run->sample_at_ns &&
        (ready || now_ns - run->sample_at_ns >= RUN_SAMPLE_WAIT_NS)) {
        run->sample_at_ns = now_ns + (int64_t)run->options->sample_ms * 1000000;
        run_sample(run, now_ns);
    }
    if (now_ns >= run->look_at_ns) { /* No timer of its own: beats wake this loop. */
        run->look_at_ns = now_ns + RUN_LOOK_NS;
        run_look_at_memory(run);
    }
    release(run, now_ns);
    if (run->end_ns == 0 && run->control.state >= CONTROL_FINISHING) {
        run->end_ns = now_ns;
    }
    if (run->keep_failed) {
        run->keep_failed = false;
        port_note(run, "there is no memory for a worker's slot: stopping");
        control_abort(&run->control, now_ns);
    }
    keeper_tick(&run->keeper, now_ns);
    control_tick(&run->control, now_ns);
}

static int64_t next_ns(const struct run *run)
{
    int64_t next = control_next_ns(&run->control);
    int64_t keeper = keeper_next_ns(&run->keeper);
    next = keeper < next ? keeper : next;
    next = run->warmup_at_ns < next ? run->warmup_at_ns : next;
    next = run->drain_at_ns < next ? run->drain_at_ns : next;
    next = run->release_at_ns < next ? run->release_at_ns : next;
    if (run->sample_at_ns == INT64_MAX) {
        return next;
    }
    int64_t sample_ns = run->sample_at_ns + RUN_SAMPLE_WAIT_NS; /* Earlier by a beat. */
    return sample_ns < next ? sample_ns : next;
}

static void go(struct run *run)
{
    set_times(run);
    if (run->resumed) {
        port_note(run, "resuming where the last run of this name stopped; --fresh starts over");
    }
    control_start(&run->control, run->start_ns);
    while (run->control.state != CONTROL_STOPPED) {
        while (receive(run)) {
        }
        int64_t now = clock_now_ns();
        periodic(run, now);
        if (run->control.state == CONTROL_STOPPED || receive(run)) {
            continue;
        }
        int64_t next = next_ns(run);
        loop_run_once(run->loop, next == INT64_MAX ? LOOP_WAIT_FOREVER : next - clock_now_ns());
    }
}

/* What docs/command-line.md promises for a run that could not start. */
static int exit_code_of(enum gale_err err)
{
    switch (err) {
    case GALE_OK: return 0;
    case GALE_ERR_NOT_FOUND: return RUN_EXIT_NO_INPUT;
    case GALE_ERR_INVALID:
    case GALE_ERR_ABI:
    case GALE_ERR_TYPE:
    case GALE_ERR_UNSUPPORTED: return RUN_EXIT_INVALID;
    case GALE_ERR_IO:
    case GALE_ERR_CORRUPT: return RUN_EXIT_IO;
    case GALE_ERR_AGAIN:
    case GALE_ERR_TIMEOUT:
    case GALE_ERR_UNKNOWN:
    case GALE_ERR_STATE: return RUN_EXIT_TEMPORARY; /* the store of another run of this name */
    case GALE_ERR_EXISTS:
    case GALE_ERR_LIMIT:
    case GALE_ERR_CLOSED:
    case GALE_ERR_NOMEM:
    case GALE_ERR_STALE:
    case GALE_ERR_FAILED: break;
    }
    return RUN_EXIT_INTERNAL;
}

static int finish(struct run *run)
{
    int code = 0;
    if (run->control.failed) {
        run->end = RUN_END_FAILED;
        code = RUN_EXIT_INTERNAL;
        if (run->view->error) {
            run->view->error(run->view->self, code, &run->control.error);
        }
    } else if (run->control.aborted) {
        run->end = RUN_END_ABORTED;
        code = run->signal ? 128 + run->signal : RUN_EXIT_TEMPORARY;
    } else if (run->signal) {
        code = 128 + run->signal;
    }
    if (run->end_ns == 0) {
        run->end_ns = clock_now_ns();
    }
    run_store_end(run);
    run_report(run, code);
    return code;
}

static void close_all(struct run *run)
{
    for (uint32_t i = 0; run->workers && run->transport && i < run->plan->workers; i++) {
        run->transport->ops->disconnect(run->transport, run->workers[i].peer);
    }
    if (run->transport) {
        run->transport->ops->free(run->transport);
    }
    sockets_remove(&run->sockets);
    if (run->store) {
        run->store->ops->close(run->store);
    }
    keeper_fini(&run->keeper);
    control_fini(&run->control);
    loop_free(run->loop);
    buf_fini(&run->out);
    free(run->workers);
    free(run->task_worker);
    free(run->complete_before);
    loaded_fini(&run->loaded);
}

static int fail(struct run *run, int code, const struct gale_error *error)
{
    if (run->view->error) {
        run->view->error(run->view->self, code, error);
    }
    close_all(run);
    return code;
}

static enum gale_err load(struct run *run, struct gale_error *error)
{
    const struct run_options *options = run->options;
    struct load_options load = {.file = options->file,
                                .defines = {options->defines, options->defines_count},
                                .builtins = options->builtins,
                                .gale_path = options->gale_path,
                                .name = options->name,
                                .workers = options->workers};
    enum gale_err err = load_topology(&load, &run->loaded, error);
    if (err == GALE_OK && run->view->diagnostics) {
        run->view->diagnostics(run->view->self, &run->loaded.diag);
    }
    run->plan = run->loaded.plan;
    return err;
}

int run_topology(const struct run_options *options, const struct run_view *view)
{
    struct run run = {
        .options = options, .view = view, .end = RUN_END_COMPLETED, .sockets = {.lock = -1}};
    struct gale_error error = {0};
    buf_init(&run.out, MESSAGE_SIZE_MAX);
    log_init(options->log_level, "run",
             options->json                ? LOG_FORM_JSON
             : isatty(STDERR_FILENO) == 1 ? LOG_FORM_PRETTY
                                          : LOG_FORM_LOGFMT);
    enum gale_err err = load(&run, &error);
    if (err != GALE_OK) {
        return fail(&run, err == GALE_ERR_NOT_FOUND ? RUN_EXIT_NO_INPUT : RUN_EXIT_INVALID,
                    &error);
    }
    if (!run.plan) {
        close_all(&run);
        return RUN_EXIT_INVALID;
    }
    announce_descriptors();
    err = rng_seed_os(&run.rng);
    if (err == GALE_OK) {
        err = run_store_open(&run, &error);
    }
    if (err == GALE_OK) {
        err = make_loop(&run, &error);
    }
    if (err == GALE_OK) {
        err = make_control(&run, &error);
    }
    if (err == GALE_OK) {
        err = run_store_begin(&run, &error);
    }
    if (err == GALE_OK) {
        err = make_sockets(&run, &error);
    }
    if (err != GALE_OK) {
        if (error.text[0] == '\0') {
            gale_error_set(&error, err, "the run cannot start: %s", gale_err_name(err));
        }
        return fail(&run, exit_code_of(err), &error);
    }
    run.control.epoch = run.epoch;
    go(&run);
    int code = finish(&run);
    close_all(&run);
    return code;
}

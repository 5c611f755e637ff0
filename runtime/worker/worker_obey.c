/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker does when its coordinator tells it something. Messages of another topology, epoch,
 * attempt, worker or process have no effect. */
#include "worker/internal.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"
#include "core/locate.h"
#include "worker/process_stat.h"

#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)
#define LEVEL_MAX_MS UINT64_C(86400000) /* a level that is to last longer lasts a day */

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

/* Bolts work whether the topology is active or not; only spouts rest. */
static bool prepare(struct worker *worker, int64_t now_ns)
{
    struct gale_error error = {0};
    if (worker->prepared) {
        return true;
    }
    if (exec_prepare(worker->exec, now_ns, &error) != GALE_OK) {
        worker_fatal(worker, error.text);
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
        worker_fatal(worker, error.text);
        return;
    }
    worker->state = COMMAND_ACTIVATE;
}

/* The tree with the paths that modules and files have on this host. */
static enum gale_err unpack(const struct worker *worker, const struct message_assign *assign,
                            struct gale_conf **tree)
{
    struct gale_conf *packed = NULL;
    enum gale_err err = conf_unpack(assign->tree.data, assign->tree.size, &packed);
    if (err != GALE_OK || !worker->modules_dir) {
        *tree = packed;
        return err;
    }
    err = locate_blobs(worker->modules_dir, packed, tree);
    conf_free(packed);
    return err;
}

static bool compile(struct worker *worker, const struct message_assign *assign)
{
    struct gale_conf *tree = NULL;
    struct diag diag;
    diag_init(&diag);
    enum gale_err err = unpack(worker, assign, &tree);
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
        worker_fatal(worker, text);
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
            worker_fatal(worker, error.text);
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
        worker_fatal(worker,
                     "the system gives no random numbers (getrandom): ids would not be safe");
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
                                             .event = worker_on_event,
                                             .sample = worker_on_sample}};
    worker->beat_ns = (int64_t)assign->beat_ms * 1000000;
    worker->offsets_ns = (int64_t)assign->offsets_ms * 1000000;
    worker->offsets_at_ns = now_ns + worker->offsets_ns;
    if (exec_new(&options, &worker->exec, &error) != GALE_OK) {
        worker_fatal(worker, error.text);
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
    worker_send_beat(worker, now_ns);
}

static void on_peers(struct worker *worker, const struct message *message)
{
    struct gale_error error = {0};
    for (uint32_t i = 0; worker->exec && i < message->as.peers.items_count; i++) {
        const struct message_peer *peer = &message->as.peers.items[i];
        if (exec_peer(worker->exec, peer->worker, peer->up, peer->incarnation,
                      peer->data_endpoint, &error) != GALE_OK) {
            worker_on_event(worker, EVENT_LINK_FAILED, peer->worker, 0, error.text);
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
        } else if (message->as.command.command == COMMAND_EXIT) {
            worker->quit = worker->stopping;
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
        /* A new coordinator begins at the first level: what is done stays done. */
        if (worker->finish_level <= message->as.command.level) {
            worker->finish_level = message->as.command.level + 1;
        }
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
    case COMMAND_EXIT: worker->quit = worker->stopping; return; /* Else it is a stray one. */
    }
    worker_send_beat(worker, now_ns);
}

/* The level is the process's or that of one component; a new one replaces it. */
/* Its place among the levels that hold for a while; levels_count: it has none. */
static size_t level_index(const struct worker *worker, const char *component)
{
    size_t i = 0;
    while (i < worker->levels_count && strcmp(worker->levels[i].component, component) != 0) {
        i++;
    }
    return i;
}

static void level_end(struct worker *worker, size_t i)
{
    log_override_end(worker->levels[i].component);
    worker->levels[i] = worker->levels[--worker->levels_count];
}

void worker_levels_revert(struct worker *worker, int64_t now_ns)
{
    for (size_t i = worker->levels_count; i-- > 0;) {
        if (now_ns >= worker->levels[i].revert_ns) {
            level_end(worker, i);
        }
    }
}

static void on_log_level(struct worker *worker, const struct message_log_level *level,
                         int64_t now_ns)
{
    size_t i = level_index(worker, level->component);
    if (level->for_ms == 0) {
        if (level->component[0] == '\0') { /* Without a name: all of them. */
            log_override_end(NULL);
            worker->levels_count = 0;
        } else if (i < worker->levels_count) {
            level_end(worker, i);
        }
        return;
    }
    uint64_t for_ms = level->for_ms < LEVEL_MAX_MS ? level->for_ms : LEVEL_MAX_MS;
    if (log_override(level->component, (enum gale_log_level)level->level) != GALE_OK) {
        gale_log(GALE_LOG_WARN, "no log level for %s: %u components have one already",
                 level->component, (unsigned)LOG_OVERRIDES_MAX);
        return;
    }
    worker->levels_count += i == worker->levels_count;
    str_copy(worker->levels[i].component, sizeof worker->levels[i].component, level->component);
    worker->levels[i].revert_ns = now_ns + (int64_t)for_ms * NS_PER_MS;
}

static void obey(struct worker *worker, const struct message *message, int64_t now_ns)
{
    switch (message->type) {
    case MESSAGE_ASSIGN: on_assign(worker, message, now_ns); break;
    case MESSAGE_PEERS: on_peers(worker, message); break;
    case MESSAGE_COMMAND: on_command(worker, message, now_ns); break;
    case MESSAGE_TOUCHED:
        if (worker->exec) {
            exec_fail_touched(worker->exec, message->as.touched.workers);
        }
        break;
    case MESSAGE_LOG_LEVEL: on_log_level(worker, &message->as.log_level, now_ns); break;
    case MESSAGE_TAP:
        if (worker->exec) {
            exec_tap(worker->exec, &message->as.tap, now_ns);
        }
        break;
    case MESSAGE_HELLO:
    case MESSAGE_BEAT:
    case MESSAGE_OFFSETS:
    case MESSAGE_EVENT:
    case MESSAGE_PULSE:
    case MESSAGE_SAMPLE: break; /* Not a coordinator's to say. */
    }
}

void worker_on_message(struct worker *worker, const uint8_t *data, size_t size, int64_t now_ns)
{
    struct message message;
    struct gale_error error;
    if (message_decode(data, size, &message, &error) != GALE_OK) {
        worker_on_event(worker, EVENT_REFUSED, 0, 0, error.text);
        return;
    }
    if (message.topology != worker->topology || message.epoch != worker->leader.epoch ||
        message.attempt != worker->attempt || message.worker != worker->index ||
        message.incarnation != worker->incarnation) {
        worker_on_event(worker, EVENT_REFUSED, 0, 0,
                        "a message of another topology, epoch, attempt or process was refused");
    } else {
        worker_leader_heard(worker, now_ns);
        obey(worker, &message, now_ns);
    }
    message_fini(&message);
}

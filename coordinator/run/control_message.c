/* SPDX-License-Identifier: Apache-2.0 */
/* What workers say, and what they are told in return. Messages may be lost in both directions; what is
 * stale is dropped here and nowhere else. */
#include "run/control_internal.h"

#include <stdio.h>
#include <string.h>

/* One that has its tasks from an earlier coordinator keeps them. Its first beat says whether it knows
 * the present state: it is reminded at once. */
static void on_hello_running(struct control *control, uint32_t index,
                             const struct message_hello *hello, int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (worker->assigned) { /* The answer was lost. */
        control_send_peers(control, index);
        return;
    }
    snprintf(worker->endpoint, sizeof(worker->endpoint), "%s", hello->data_endpoint);
    worker->pid = hello->pid;
    worker->assigned = worker->known = true;
    worker->remind_ns = now_ns;
    control->ports->connect(control->ports->self, index, worker->endpoint);
    control_send_peers_all(control);
    if (control->state == CONTROL_STOPPING) {
        control_send_command(control, index, COMMAND_STOP);
    }
}

static void on_hello(struct control *control, uint32_t index, const struct message_hello *hello,
                     int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (hello->running) {
        on_hello_running(control, index, hello, now_ns);
        return;
    }
    if (control->state == CONTROL_STOPPING ||
        (worker->assigned && now_ns < worker->remind_ns)) {
        return; /* One that still asks later has not got its assignment: it was lost. */
    }
    worker->remind_ns = now_ns + CONTROL_REMIND_NS;
    snprintf(worker->endpoint, sizeof(worker->endpoint), "%s", hello->data_endpoint);
    worker->pid = hello->pid;
    worker->assigned = worker->known = true;
    control->ports->connect(control->ports->self, index, worker->endpoint);
    control_send_assignment(control, index);
    control_send_peers_all(control);
    if (control->stats_round > 0) {
        control_send_command(control, index, COMMAND_RESET_STATS);
    }
    if (control->state == CONTROL_DRAINING && !control_ends_by_itself(control)) {
        control_send_command(control, index, COMMAND_DRAIN);
    } else if (control->state == CONTROL_FINISHING) {
        control_send_command(control, index, COMMAND_DRAIN);
        control_send_command(control, index, COMMAND_FINISH);
    }
}

/* Messages may be lost: about once a second a beat is answered with what its worker should know
 * and does not seem to. */
static void remind(struct control *control, uint32_t index, const struct message_beat *beat,
                   int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (!worker->assigned || now_ns < worker->remind_ns) {
        return;
    }
    worker->remind_ns = now_ns + (control->state == CONTROL_STOPPING ? CONTROL_REMIND_STOP_NS
                                                                     : CONTROL_REMIND_NS);
    control_send_peers(control, index);
    if (beat->stats_round < control->stats_round) {
        control_send_command(control, index, COMMAND_RESET_STATS);
    }
    switch (control->state) {
    case CONTROL_STARTING:
    case CONTROL_ACTIVE:
        if (beat->state != COMMAND_ACTIVATE) {
            control_send_command(control, index, COMMAND_ACTIVATE);
        }
        break;
    case CONTROL_INACTIVE:
        if (beat->state == COMMAND_ACTIVATE) {
            control_send_command(control, index, COMMAND_DEACTIVATE);
        }
        break;
    case CONTROL_DRAINING:
        if (beat->state != COMMAND_DRAIN &&
            (beat->spouts_done || !control_ends_by_itself(control))) {
            control_send_command(control, index, COMMAND_DRAIN);
        }
        break;
    case CONTROL_FINISHING:
        if (beat->finish_level <= control->level) {
            control_send_command(control, index, COMMAND_FINISH);
        }
        break;
    case CONTROL_STOPPING:
        if (beat->state != COMMAND_STOP) {
            control_send_command(control, index, COMMAND_STOP);
        }
        break;
    case CONTROL_STOPPED: break;
    }
}

static void on_link_failed(struct control *control, uint32_t index, uint32_t other,
                           const char *text)
{
    struct message touched = {.type = MESSAGE_TOUCHED};
    control_note(control, "worker %u: %s", index, text);
    touched.as.touched.workers = UINT64_C(1) << (index & 63) | UINT64_C(1) << (other & 63);
    for (uint32_t i = 0; i < control->workers_count; i++) {
        if (control->workers[i].assigned && i != index && i != other) {
            control_send(control, i, &touched);
        }
    }
}

/* The worker says it with each beat until it ends; a persistent topology goes on with its successor. */
static void on_fatal(struct control *control, uint32_t index, const char *text, int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (!worker->fatal) {
        worker->fatal = true;
        control_error(control, index, 0, text);
    }
    if (!control->persistent) {
        control_fail(control, GALE_ERR_FAILED, text, now_ns);
    }
}

static void on_event(struct control *control, uint32_t index, const struct message *message,
                     int64_t now_ns)
{
    const char *text = message->as.event.text ? message->as.event.text : "";
    switch (message->as.event.event) {
    case EVENT_LINK_FAILED:
        on_link_failed(control, index, message->as.event.other, text);
        break;
    case EVENT_COMPONENT_ERROR:
        control_error(control, index, message->as.event.task, text);
        break;
    case EVENT_FATAL: on_fatal(control, index, text, now_ns); break;
    case EVENT_REFUSED: control_note(control, "worker %u: %s", index, text); break;
    }
}

static void on_offsets(struct control *control, uint32_t index, const struct message *message)
{
    struct control_worker *worker = &control->workers[index];
    if (worker->final) {
        return; /* Only said again. */
    }
    worker->final = message->as.offsets.final;
    for (uint32_t i = 0; i < message->as.offsets.items_count; i++) {
        const struct message_offset *item = &message->as.offsets.items[i];
        if (control_restore(control, item->task, item->position) == GALE_OK &&
            control->ports->save) {
            control->ports->save(control->ports->self, item->task, item->position);
        }
    }
}

/* A beat of a worker that is to stop. Its process may exit once its last positions are known: they
 * come before each last beat. Until then it is alive, however long the machine takes to run it, so its
 * grace begins anew with each beat; but not when it should stop at once, nor for ever. */
static void on_beat_stopping(struct control *control, uint32_t index, bool stopped,
                             int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (worker->ended) {
        if (stopped) { /* Perhaps it was not heard. */
            control_send_command(control, index, COMMAND_EXIT);
        }
        return;
    }
    bool prolonged = !control->aborted && now_ns - control->stop_ns < CONTROL_STALL_NS;
    if (prolonged) {
        worker->grace_ns = now_ns + control->grace_ms * 1000000;
    }
    if (stopped && worker->final) {
        worker->ended = true;
        control_send_command(control, index, COMMAND_EXIT);
        control_keep(control, index, KEEP_NONE);
    }
}

static void on_beat(struct control *control, uint32_t index, const struct message_beat *beat,
                    int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    worker->beaten = true;
    worker->start_failures = 0;
    control_stats_take(control, index, beat);
    if (control->state == CONTROL_STOPPING) {
        on_beat_stopping(control, index, beat->state == COMMAND_STOP, now_ns);
    } else if (beat->state == COMMAND_STOP && worker->final) {
        /* It failed, or stopped by the word of an earlier coordinator: its successor works on. */
        control_send_command(control, index, COMMAND_EXIT);
        return;
    }
    if (control->state == CONTROL_STARTING) {
        control_set_state(control, CONTROL_ACTIVE);
    }
    remind(control, index, beat, now_ns);
    control_round_answer(control, index, beat, now_ns);
    control_progress(control, now_ns);
}

static bool is_stale(const struct control *control, const struct message *message)
{
    return message->worker >= control->workers_count ||
           message->topology != control->topology || message->epoch != control->epoch ||
           message->attempt != control->attempt || !control->workers[message->worker].alive ||
           message->incarnation != control->workers[message->worker].incarnation;
}

void control_message(struct control *control, const struct message *message, int64_t now_ns)
{
    uint32_t index = message->worker;
    if (is_stale(control, message)) {
        return;
    }
    struct control_worker *worker = &control->workers[index];
    switch (message->type) {
    case MESSAGE_HELLO:
    case MESSAGE_BEAT:
    case MESSAGE_OFFSETS:
    case MESSAGE_EVENT:
        worker->heard_ns = now_ns;
        worker->first_ns = worker->first_ns ? worker->first_ns : now_ns;
        break;
    case MESSAGE_SAMPLE:
        if (control->ports->sample) {
            control->ports->sample(control->ports->self, index, &message->as.sample);
        }
        return;
    case MESSAGE_ASSIGN:
    case MESSAGE_PEERS:
    case MESSAGE_COMMAND:
    case MESSAGE_TOUCHED:
    case MESSAGE_LOG_LEVEL:
    case MESSAGE_TAP: return;   /* Not a worker's to say. */
    case MESSAGE_PULSE: return; /* The keeper's. */
    }
    if (message->type == MESSAGE_HELLO) {
        on_hello(control, index, &message->as.hello, now_ns);
    } else if (message->type == MESSAGE_BEAT) {
        on_beat(control, index, &message->as.beat, now_ns);
    } else if (message->type == MESSAGE_OFFSETS) {
        on_offsets(control, index, message);
    } else {
        on_event(control, index, message, now_ns);
    }
}

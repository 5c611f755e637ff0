/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator of one topology; states and rules in control.h. What comes from workers is taken in
 * control_stats.c and below; nothing here reads a clock or touches a process. */
#include "run/control.h"

#include "base/assert.h"
#include "base/conf.h"
#include "run/control_internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {"starting",  "active",   "inactive", "draining",
                                          "finishing", "stopping", "stopped"};

const char *control_state_name(enum control_state state)
{
    return state_names[state];
}

static bool allowed(enum control_state from, enum control_state to)
{
    static const unsigned to_states[] = {
        [CONTROL_STARTING] =
            1u << CONTROL_ACTIVE | 1u << CONTROL_STOPPING | 1u << CONTROL_DRAINING,
        [CONTROL_ACTIVE] = 1u << CONTROL_INACTIVE | 1u << CONTROL_DRAINING |
                           1u << CONTROL_FINISHING | 1u << CONTROL_STOPPING,
        [CONTROL_INACTIVE] =
            1u << CONTROL_ACTIVE | 1u << CONTROL_DRAINING | 1u << CONTROL_STOPPING,
        [CONTROL_DRAINING] = 1u << CONTROL_FINISHING | 1u << CONTROL_STOPPING,
        [CONTROL_FINISHING] = 1u << CONTROL_STOPPING,
        [CONTROL_STOPPING] = 1u << CONTROL_STOPPED,
        [CONTROL_STOPPED] = 0};
    return (to_states[from] >> to & 1u) != 0;
}

static void set_state(struct control *control, enum control_state state)
{
    GALE_ASSERT(allowed(control->state, state));
    gale_log(GALE_LOG_DEBUG, "%s: %s -> %s", control->plan->name, state_names[control->state],
             state_names[state]);
    control->state = state;
}

enum gale_err control_init(struct control *control, const struct control_options *options)
{
    memset(control, 0, sizeof(*control));
    size_t count = options->plan->tasks_count + 1u;
    control->plan = options->plan;
    control->ports = options->ports;
    control->limits = options->limits;
    control->task_worker = options->task_worker;
    control->workers_count = options->workers_count;
    control->epoch = options->epoch;
    control->attempt = options->attempt;
    control->drain_deadline_ns = INT64_MAX;
    buf_init(&control->tree, MESSAGE_SIZE_MAX);
    control->workers = calloc(options->workers_count, sizeof(*control->workers));
    control->positions = calloc(count, sizeof(*control->positions));
    control->live = calloc(count, sizeof(*control->live));
    control->dead = calloc(count, sizeof(*control->dead));
    if (!control->workers || !control->positions || !control->live || !control->dead) {
        return GALE_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < options->workers_count; i++) {
        slot_init(&control->workers[i].slot);
    }
    return conf_pack(options->plan->conf, &control->tree);
}

void control_fini(struct control *control)
{
    for (uint32_t id = 0; control->plan && id <= control->plan->tasks_count; id++) {
        if (control->positions) {
            free((void *)(uintptr_t)control->positions[id].data);
        }
        control_task_fini(control->live ? &control->live[id] : NULL);
        control_task_fini(control->dead ? &control->dead[id] : NULL);
    }
    free(control->workers);
    free(control->positions);
    free(control->live);
    free(control->dead);
    buf_fini(&control->tree);
    memset(control, 0, sizeof(*control));
}

enum gale_err control_restore(struct control *control, uint32_t task,
                              struct message_bytes position)
{
    if (task == 0 || task > control->plan->tasks_count) {
        return GALE_ERR_INVALID;
    }
    uint8_t *copy = malloc(position.size + 1);
    if (!copy) {
        return GALE_ERR_NOMEM;
    }
    memcpy(copy, position.data, position.size);
    free((void *)(uintptr_t)control->positions[task].data);
    control->positions[task].data = copy;
    control->positions[task].size = position.size;
    return GALE_OK;
}

static void note(struct control *control, const char *format, ...) GALE_PRINTF(2, 3);
static void note(struct control *control, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (control->ports->note) {
        control->ports->note(control->ports->self, text);
    }
}

static void send(struct control *control, uint32_t worker, struct message *message)
{
    message->worker = worker;
    message->incarnation = control->workers[worker].slot.incarnation;
    message->epoch = control->epoch;
    message->attempt = control->attempt;
    control->ports->send(control->ports->self, worker, message);
}

static void send_command(struct control *control, uint32_t worker, enum message_command command)
{
    if (!control->workers[worker].assigned) {
        return;
    }
    struct message message = {.type = MESSAGE_COMMAND};
    message.as.command.command = command;
    message.as.command.level = command == COMMAND_RESET_STATS ? (uint32_t)control->stats_round
                               : command == COMMAND_COUNT     ? control->round
                                                              : control->level;
    send(control, worker, &message);
}

static void send_command_all(struct control *control, enum message_command command)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        send_command(control, i, command);
    }
}

static uint32_t list_peers(const struct control *control,
                           struct message_peer items[MESSAGE_WORKERS_MAX])
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        const struct control_worker *worker = &control->workers[i];
        items[i] =
            (struct message_peer){.worker = i,
                                  .up = worker->assigned,
                                  .incarnation = worker->slot.incarnation,
                                  .data_endpoint = worker->assigned ? worker->endpoint : ""};
    }
    return control->workers_count;
}

static void send_peers(struct control *control, uint32_t index)
{
    struct message_peer items[MESSAGE_WORKERS_MAX];
    struct message message = {.type = MESSAGE_PEERS};
    message.as.peers.items_count = list_peers(control, items);
    message.as.peers.items = items;
    send(control, index, &message);
}

static void send_peers_all(struct control *control)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        if (control->workers[i].assigned) {
            send_peers(control, i);
        }
    }
}

static void do_action(struct control *control, uint32_t index, enum slot_action action,
                      int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    switch (action) {
    case SLOT_DO_NOTHING: break;
    case SLOT_DO_SPAWN:
        worker->progress_ns = now_ns;
        if (control->ports->spawn(control->ports->self, index, worker->slot.incarnation) !=
            GALE_OK) {
            control_exited(control, index, "could not be started", now_ns);
        }
        break;
    case SLOT_DO_TERM: control->ports->signal(control->ports->self, index, SIGTERM); break;
    case SLOT_DO_KILL:
        worker->killed_silent = worker->slot.state != SLOT_STOPPING;
        control->ports->signal(control->ports->self, index, SIGKILL);
        break;
    }
}

void control_start(struct control *control, int64_t now_ns)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        uint64_t incarnation = control->ports->random(control->ports->self);
        do_action(control, i, slot_want(&control->workers[i].slot, incarnation, now_ns),
                  now_ns);
    }
}

/* Lets every worker stop; those that never got tasks are ended by signal. */
static void stop(struct control *control, int64_t now_ns)
{
    if (control->state == CONTROL_STOPPING || control->state == CONTROL_STOPPED) {
        return;
    }
    set_state(control, CONTROL_STOPPING);
    control->drain_deadline_ns = INT64_MAX;
    control->stop_ns = now_ns;
    for (uint32_t i = 0; i < control->workers_count; i++) {
        struct control_worker *worker = &control->workers[i];
        worker->remind_ns = now_ns + CONTROL_REMIND_STOP_NS;
        send_command(control, i, COMMAND_STOP);
        enum slot_action action = slot_unwant(&worker->slot, now_ns);
        if (action == SLOT_DO_TERM && worker->assigned) {
            action =
                SLOT_DO_NOTHING; /* The command lets it clean up; TERM follows its last beat. */
        }
        do_action(control, i, action, now_ns);
    }
    control_tick(control, now_ns);
}

static void fail(struct control *control, enum gale_err code, const char *text, int64_t now_ns)
{
    if (!control->failed) {
        control->failed = true;
        gale_error_set(&control->error, code, "%s", text);
    }
    stop(control, now_ns);
}

/* Every spout had ended; nobody asked for the drain. A worker that is new since then still reads
 * what its dead one had not saved the position of. */
static bool ends_by_itself(const struct control *control)
{
    return control->state == CONTROL_DRAINING && control->drain_deadline_ns == INT64_MAX;
}

static void on_hello(struct control *control, uint32_t index, const struct message_hello *hello,
                     int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (control->state == CONTROL_STOPPING ||
        (worker->assigned && now_ns < worker->remind_ns)) {
        return; /* One that still asks later has not got its assignment: it was lost. */
    }
    worker->remind_ns = now_ns + CONTROL_REMIND_NS;
    snprintf(worker->endpoint, sizeof(worker->endpoint), "%s", hello->data_endpoint);
    worker->pid = hello->pid;
    worker->assigned = true;
    control->ports->connect(control->ports->self, index, worker->endpoint);
    struct message message = {.type = MESSAGE_ASSIGN};
    message.as.assign = (struct message_assign){
        .run_name = control->plan->name,
        .tree = {control->tree.data, control->tree.size},
        .task_worker = control->task_worker,
        .tasks_count = control->plan->tasks_count,
        .workers_count = control->workers_count,
        .active = control->state <= CONTROL_ACTIVE || ends_by_itself(control),
        .beat_ms = CONTROL_BEAT_MS,
        .offsets_ms = CONTROL_OFFSETS_MS,
        .positions = control->positions};
    send(control, index, &message);
    send_peers_all(control);
    if (control->stats_round > 0) {
        send_command(control, index, COMMAND_RESET_STATS);
    }
    if (control->state == CONTROL_DRAINING && !ends_by_itself(control)) {
        send_command(control, index, COMMAND_DRAIN);
    } else if (control->state == CONTROL_FINISHING) {
        send_command(control, index, COMMAND_DRAIN);
        send_command(control, index, COMMAND_FINISH);
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
    send_peers(control, index);
    if (beat->stats_round < control->stats_round) {
        send_command(control, index, COMMAND_RESET_STATS);
    }
    switch (control->state) {
    case CONTROL_STARTING:
    case CONTROL_ACTIVE:
        if (beat->state != COMMAND_ACTIVATE) {
            send_command(control, index, COMMAND_ACTIVATE);
        }
        break;
    case CONTROL_INACTIVE:
        if (beat->state == COMMAND_ACTIVATE) {
            send_command(control, index, COMMAND_DEACTIVATE);
        }
        break;
    case CONTROL_DRAINING:
        if (beat->state != COMMAND_DRAIN && (beat->spouts_done || !ends_by_itself(control))) {
            send_command(control, index, COMMAND_DRAIN);
        }
        break;
    case CONTROL_FINISHING:
        if (beat->finish_level <= control->level) {
            send_command(control, index, COMMAND_FINISH);
        }
        break;
    case CONTROL_STOPPING:
        if (beat->state != COMMAND_STOP) {
            send_command(control, index, COMMAND_STOP);
        }
        break;
    case CONTROL_STOPPED: break;
    }
}

static void on_event(struct control *control, uint32_t index, const struct message *message,
                     int64_t now_ns)
{
    struct message touched = {.type = MESSAGE_TOUCHED};
    const char *text = message->as.event.text ? message->as.event.text : "";
    switch (message->as.event.event) {
    case EVENT_LINK_FAILED:
        note(control, "worker %u: %s", index, text);
        touched.as.touched.workers =
            UINT64_C(1) << (index & 63) | UINT64_C(1) << (message->as.event.other & 63);
        for (uint32_t i = 0; i < control->workers_count; i++) {
            if (control->workers[i].assigned && i != index && i != message->as.event.other) {
                send(control, i, &touched);
            }
        }
        break;
    case EVENT_COMPONENT_ERROR: /* The worker's log has it, the counters too. */ break;
    case EVENT_FATAL: fail(control, GALE_ERR_FAILED, text, now_ns); break;
    case EVENT_REFUSED: note(control, "worker %u: %s", index, text); break;
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

/* Begins a round of counting: each worker is asked for a beat that it makes after it was asked. */
static void round_begin(struct control *control, int64_t now_ns)
{
    control->round++;
    control->round_ns = now_ns;
    for (uint32_t i = 0; i < control->workers_count; i++) {
        control->workers[i].answer.given = false;
        control->workers[i].answer.asked_ns = now_ns;
    }
    send_command_all(control, COMMAND_COUNT);
}

/* What the workers said so far proves nothing any more. */
static void round_restart(struct control *control)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        control->workers[i].answer.done = false;
    }
}

/* A beat as the answer to the present round; one of an earlier round is none. */
static void round_answer(struct control *control, uint32_t index,
                         const struct message_beat *beat, int64_t now_ns)
{
    struct control_answer *answer = &control->workers[index].answer;
    if (answer->given || control->round == 0) {
        return;
    }
    if (beat->round != control->round) {
        if (now_ns - answer->asked_ns >=
            CONTROL_ASK_NS) { /* The question or the answer was lost. */
            answer->asked_ns = now_ns;
            send_command(control, index, COMMAND_COUNT);
        }
        return;
    }
    bool done = beat->quiet && beat->spouts_done &&
                (control->state != CONTROL_FINISHING || beat->finish_level > control->level);
    answer->still = done && answer->done && answer->activity == beat->activity &&
                    answer->links == beat->links;
    answer->done = done;
    answer->activity = beat->activity;
    answer->links = beat->links;
    answer->given = true;
}

/* Whether everything was processed. Each answer to the last round came before the first question of
 * this one; a worker whose two answers are the same did nothing in between. So there was a moment at
 * which all of them were quiet at once, and the sum of their links says that nothing was under way. */
static bool all_quiet(const struct control *control)
{
    uint64_t links = 0;
    for (uint32_t i = 0; i < control->workers_count; i++) {
        const struct control_answer *answer = &control->workers[i].answer;
        if (!answer->given || !answer->still) {
            return false;
        }
        links ^= answer->links;
    }
    return links == 0;
}

/* Whether the next round may begin: all have answered, and the answers promise something or some
 * time has passed. */
static bool round_due(const struct control *control, int64_t now_ns)
{
    bool done = true;
    bool still = true;
    for (uint32_t i = 0; control->round > 0 && i < control->workers_count; i++) {
        const struct control_answer *answer = &control->workers[i].answer;
        if (!answer->given) {
            return false;
        }
        done = done && answer->done;
        still = still && answer->still;
    }
    return control->round == 0 || (done && !still) ||
           now_ns - control->round_ns >= CONTROL_ROUND_NS;
}

static bool level_has_finish(const struct control *control, uint32_t level)
{
    for (uint32_t i = 0; i < control->plan->components_count; i++) {
        const struct plan_component *component = &control->plan->components[i];
        if (component->level == level && component->bolt && component->bolt->finish) {
            return true;
        }
    }
    return false;
}

/* Goes to the next level that has something to finish, or stops. */
static void finish_next(struct control *control, uint32_t level, int64_t now_ns)
{
    while (level < control->plan->levels_count && !level_has_finish(control, level)) {
        level++;
    }
    if (level >= control->plan->levels_count) {
        stop(control, now_ns);
        return;
    }
    control->level = level;
    round_restart(control);
    send_command_all(control, COMMAND_FINISH);
    round_begin(control, now_ns);
}

static bool spouts_ended(const struct control *control)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        if (!control->workers[i].beaten || !control->workers[i].beat.spouts_done) {
            return false;
        }
    }
    return true;
}

static void progress(struct control *control, int64_t now_ns)
{
    if (control->state == CONTROL_ACTIVE && spouts_ended(control)) {
        set_state(control, CONTROL_DRAINING); /* By itself, so without a deadline. */
        round_restart(control);
        send_command_all(control, COMMAND_DRAIN);
    }
    if (control->state != CONTROL_DRAINING && control->state != CONTROL_FINISHING) {
        return;
    }
    if (all_quiet(control)) {
        uint32_t level = control->state == CONTROL_DRAINING ? 0 : control->level + 1;
        if (control->state == CONTROL_DRAINING) {
            set_state(control, CONTROL_FINISHING);
        }
        finish_next(control, level, now_ns);
    } else if (round_due(control, now_ns)) {
        round_begin(control, now_ns);
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
        return;
    }
    if (stopped && worker->final) {
        worker->ended = true;
        control->ports->signal(control->ports->self, index, SIGTERM);
    } else if (!control->aborted && now_ns - control->stop_ns < CONTROL_STALL_NS) {
        slot_prolong(&worker->slot, now_ns);
    }
}

static void on_beat(struct control *control, uint32_t index, const struct message_beat *beat,
                    int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    worker->beaten = true;
    worker->start_failures = 0;
    control_stats_take(control, index, beat);
    if (worker->slot.state == SLOT_STOPPING) {
        on_beat_stopping(control, index, beat->state == COMMAND_STOP, now_ns);
    }
    if (control->state == CONTROL_STARTING) {
        set_state(control, CONTROL_ACTIVE);
    }
    remind(control, index, beat, now_ns);
    round_answer(control, index, beat, now_ns);
    progress(control, now_ns);
}

void control_message(struct control *control, const struct message *message, int64_t now_ns)
{
    uint32_t index = message->worker;
    if (index >= control->workers_count || message->epoch != control->epoch ||
        message->attempt != control->attempt ||
        message->incarnation != control->workers[index].slot.incarnation ||
        control->workers[index].slot.state == SLOT_EMPTY ||
        control->workers[index].slot.state == SLOT_BACKOFF) {
        return;
    }
    struct control_worker *worker = &control->workers[index];
    if (message->type == MESSAGE_PULSE) {
        if (now_ns - worker->progress_ns < CONTROL_STALL_NS) {
            slot_beat(&worker->slot, message->incarnation, now_ns);
        }
        return;
    }
    worker->progress_ns = now_ns;
    slot_beat(&worker->slot, message->incarnation, now_ns);
    switch (message->type) {
    case MESSAGE_HELLO: on_hello(control, index, &message->as.hello, now_ns); break;
    case MESSAGE_BEAT: on_beat(control, index, &message->as.beat, now_ns); break;
    case MESSAGE_OFFSETS: on_offsets(control, index, message); break;
    case MESSAGE_EVENT: on_event(control, index, message, now_ns); break;
    case MESSAGE_ASSIGN:
    case MESSAGE_PEERS:
    case MESSAGE_COMMAND:
    case MESSAGE_TOUCHED:
    case MESSAGE_PULSE: break; /* Not a worker's to say, or taken above. */
    }
}

/* A worker that dies again and again ends the run: starting it once more would not help. */
static void give_up(struct control *control, uint32_t index, const char *text, int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    char sentence[400];
    if (worker->start_failures >= CONTROL_START_TRIES_MAX) {
        snprintf(sentence, sizeof(sentence),
                 "worker %u %s %u times before it could work: see its log lines above", index,
                 text, worker->start_failures);
    } else {
        snprintf(sentence, sizeof(sentence),
                 "worker %u %s %u times in a row, each time within a second of its start: a "
                 "component in it fails on a tuple that comes again; see its log lines above",
                 index, text, CONTROL_CRASHES_MAX);
    }
    fail(control, GALE_ERR_FAILED, sentence, now_ns);
}

void control_exited(struct control *control, uint32_t index, const char *text, int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    bool wanted = worker->slot.wanted;
    bool was_up = worker->assigned;
    bool had_beat = worker->beaten;
    control_stats_bury(control, index);
    worker->assigned = false;
    worker->beaten = false;
    worker->final = false;
    worker->ended = false;
    worker->answer = (struct control_answer){0};
    control->ports->connect(control->ports->self, index, NULL);
    if (wanted) {
        control->restarts_count++;
        note(control, "worker %u %s%s; it is started anew and what it held is replayed", index,
             worker->killed_silent ? "was silent and " : "", text);
        worker->start_failures += !had_beat;
    }
    worker->killed_silent = false;
    enum slot_action action = slot_exited(&worker->slot, now_ns);
    /* The step counts the deaths in a row before this one; it is 0 after a steady time. */
    if (wanted && (worker->start_failures >= CONTROL_START_TRIES_MAX ||
                   worker->slot.backoff_step + 1 >= CONTROL_CRASHES_MAX)) {
        give_up(control, index, text, now_ns);
        return;
    }
    if (was_up && control->state != CONTROL_STOPPING) {
        send_peers_all(control);
    }
    do_action(control, index, action, now_ns);
    control_tick(control, now_ns);
}

void control_drain(struct control *control, int64_t deadline_ms, int64_t now_ns)
{
    if (control->state > CONTROL_DRAINING) {
        return;
    }
    if (control->state == CONTROL_DRAINING && !ends_by_itself(control)) {
        return;
    }
    if (control->state != CONTROL_DRAINING) {
        set_state(control, CONTROL_DRAINING);
        round_restart(control);
    }
    control->drain_deadline_ns = now_ns + deadline_ms * 1000000;
    send_command_all(control, COMMAND_DRAIN);
}

void control_abort(struct control *control, int64_t now_ns)
{
    control->aborted = true;
    if (control->state == CONTROL_STOPPING) { /* The second time: no grace. */
        for (uint32_t i = 0; i < control->workers_count; i++) {
            control->ports->signal(control->ports->self, i, SIGKILL);
        }
        return;
    }
    if (control->limits.grace_ms > CONTROL_ABORT_GRACE_MS) {
        control->limits.grace_ms = CONTROL_ABORT_GRACE_MS;
    }
    stop(control, now_ns);
}

void control_activate(struct control *control, bool active, int64_t now_ns)
{
    (void)now_ns;
    if (control->state != (active ? CONTROL_INACTIVE : CONTROL_ACTIVE)) {
        return;
    }
    set_state(control, active ? CONTROL_ACTIVE : CONTROL_INACTIVE);
    send_command_all(control, active ? COMMAND_ACTIVATE : COMMAND_DEACTIVATE);
}

void control_reset_stats(struct control *control, int64_t now_ns)
{
    (void)now_ns;
    control->stats_round++;
    control_stats_clear(control);
    send_command_all(control, COMMAND_RESET_STATS);
}

/* On a machine that is too busy to run a worker, or the thread here that takes in what it says, silence
 * means nothing; but not for ever. */
static void excuse_silence(struct control *control, uint32_t index, int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    struct slot *slot = &worker->slot;
    if (slot->state == SLOT_RUNNING && now_ns >= slot_next_ns(slot, &control->limits) &&
        now_ns - worker->progress_ns < CONTROL_STALL_NS && control->ports->may_starve &&
        control->ports->may_starve(control->ports->self, index)) {
        slot_beat(slot, slot->incarnation, now_ns);
    }
}

void control_tick(struct control *control, int64_t now_ns)
{
    bool all_gone = true;
    if (now_ns >= control->drain_deadline_ns) {
        note(control,
             "the drain's deadline has passed: stopping with work left for the next run");
        control->aborted = true;
        stop(control, now_ns);
    }
    for (uint32_t i = 0; i < control->workers_count; i++) {
        struct slot *slot = &control->workers[i].slot;
        uint64_t incarnation = control->ports->random(control->ports->self);
        excuse_silence(control, i, now_ns);
        do_action(control, i, slot_tick(slot, &control->limits, incarnation, now_ns), now_ns);
        all_gone = all_gone && (slot->state == SLOT_EMPTY ||
                                (slot->state == SLOT_BACKOFF && !slot->wanted));
    }
    if (control->state == CONTROL_STOPPING && all_gone) {
        set_state(control, CONTROL_STOPPED);
    }
}

int64_t control_next_ns(const struct control *control)
{
    int64_t next = control->drain_deadline_ns;
    for (uint32_t i = 0; i < control->workers_count; i++) {
        int64_t at = slot_next_ns(&control->workers[i].slot, &control->limits);
        next = at < next ? at : next;
    }
    return next;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator of one topology: its states, what becomes of its processes, and time; rules in
 * control.h. Nothing here reads a clock or touches a process. */
#include "run/control.h"

#include "base/assert.h"
#include "base/conf.h"
#include "run/control_internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

static const char *const state_names[] = {"starting",  "active",   "inactive", "draining",
                                          "finishing", "stopping", "stopped"};

const char *control_state_name(enum control_state state)
{
    return state_names[state];
}

static bool allowed(enum control_state from, enum control_state to)
{
    static const unsigned to_states[] = {
        [CONTROL_STARTING] = 1u << CONTROL_ACTIVE | 1u << CONTROL_INACTIVE |
                             1u << CONTROL_STOPPING | 1u << CONTROL_DRAINING,
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

void control_set_state(struct control *control, enum control_state state)
{
    GALE_ASSERT(allowed(control->state, state));
    gale_log(GALE_LOG_DEBUG, "%s: %s -> %s", control->plan->name, state_names[control->state],
             state_names[state]);
    control->state = state;
}

enum gale_err control_init(struct control *control, const struct control_options *options)
{
    GALE_ASSERT(options->state <= CONTROL_DRAINING);
    memset(control, 0, sizeof(*control));
    size_t count = options->plan->tasks_count + 1u;
    control->plan = options->plan;
    control->ports = options->ports;
    control->task_worker = options->task_worker;
    control->workers_count = options->workers_count;
    control->topology = options->topology;
    control->epoch = options->epoch;
    control->attempt = options->attempt;
    control->persistent = options->persistent;
    control->adopted = options->adopted;
    control->state = options->state;
    control->grace_ms = options->grace_ms ? options->grace_ms : CONTROL_GRACE_MS;
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
        control->workers[i].known = !options->adopted;
        control->workers[i].awaited = options->adopted;
        control->workers[i].grace_ns = INT64_MAX;
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
    if (position.size > 0) {
        memcpy(copy, position.data, position.size);
    }
    free((void *)(uintptr_t)control->positions[task].data);
    control->positions[task].data = copy;
    control->positions[task].size = position.size;
    return GALE_OK;
}

void control_keep(struct control *control, uint32_t index, enum keep keep)
{
    struct control_worker *worker = &control->workers[index];
    if (worker->keep != keep) {
        worker->keep = keep;
        control->ports->keep(control->ports->self, index, keep);
    }
}

void control_start(struct control *control, int64_t now_ns)
{
    for (uint32_t i = 0; i < control->workers_count && control->state < CONTROL_STOPPING; i++) {
        control_keep(control, i, KEEP_RUNNING);
    }
    control_tick(control, now_ns);
}

void control_stop(struct control *control, int64_t now_ns)
{
    if (control->state == CONTROL_STOPPING || control->state == CONTROL_STOPPED) {
        return;
    }
    control_set_state(control, CONTROL_STOPPING);
    control->drain_deadline_ns = INT64_MAX;
    control->stop_ns = now_ns;
    for (uint32_t i = 0; i < control->workers_count; i++) {
        struct control_worker *worker = &control->workers[i];
        worker->remind_ns = now_ns + CONTROL_REMIND_STOP_NS;
        worker->grace_ns = now_ns + control->grace_ms * NS_PER_MS;
        control_send_command(control, i, COMMAND_STOP);
        /* The command lets it clean up; it is not wanted any more after its last beat. */
        control_keep(control, i, worker->assigned ? KEEP_ENDING : KEEP_NONE);
    }
    control_tick(control, now_ns);
}

void control_fail(struct control *control, enum gale_err code, const char *text, int64_t now_ns)
{
    if (!control->failed) {
        control->failed = true;
        gale_error_set(&control->error, code, "%s", text);
    }
    control_stop(control, now_ns);
}

bool control_ends_by_itself(const struct control *control)
{
    return control->state == CONTROL_DRAINING && control->drain_deadline_ns == INT64_MAX;
}

/* ---- Processes ---- */

bool control_spawned(struct control *control, uint32_t index, uint64_t incarnation,
                     int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (worker->incarnation == incarnation) {
        return worker->alive;
    }
    if (worker->alive) {
        control_exited(control, index, worker->incarnation, "was replaced", now_ns);
    }
    worker->incarnation = incarnation;
    worker->alive = true;
    worker->awaited = false;
    worker->heard_ns = now_ns;
    worker->first_ns = 0;
    return true;
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
    control_fail(control, GALE_ERR_FAILED, sentence, now_ns);
}

/* Counts the death of a process that was wanted. */
static void count_death(struct control *control, struct control_worker *worker, int64_t now_ns)
{
    bool quiet = worker->restarts_count == 0 || now_ns - worker->failed_ns >= CONTROL_QUIET_NS;
    bool steady = worker->first_ns != 0 && now_ns - worker->first_ns >= CONTROL_STEADY_NS;
    worker->crashes_in_row = quiet || steady ? 1 : worker->crashes_in_row + 1;
    worker->start_failures += !worker->beaten;
    worker->restarts_count++;
    worker->failed_ns = now_ns;
    control->restarts_count++;
}

/* What was known of the process goes with it. */
static void bury(struct control *control, uint32_t index)
{
    struct control_worker *worker = &control->workers[index];
    control_stats_bury(control, index);
    worker->alive = false;
    worker->known = true;
    worker->assigned = false;
    worker->beaten = false;
    worker->final = false;
    worker->ended = false;
    worker->killed = false;
    worker->fatal = false;
    worker->answer = (struct control_answer){0};
    control->ports->connect(control->ports->self, index, NULL);
}

void control_exited(struct control *control, uint32_t index, uint64_t incarnation,
                    const char *text, int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (!worker->alive || worker->incarnation != incarnation) {
        return;
    }
    bool wanted = worker->keep == KEEP_RUNNING;
    bool was_up = worker->assigned;
    if (wanted) {
        count_death(control, worker, now_ns);
        control_note(control, "worker %u %s; it is started anew and what it held is replayed",
                     index, text);
    }
    bury(control, index);
    if (wanted && !control->persistent &&
        (worker->start_failures >= CONTROL_START_TRIES_MAX ||
         worker->crashes_in_row >= CONTROL_CRASHES_MAX)) {
        give_up(control, index, text, now_ns);
        return;
    }
    if (was_up && control->state != CONTROL_STOPPING) {
        control_send_peers_all(control);
    }
    control_tick(control, now_ns);
}

void control_absent(struct control *control, uint32_t index, int64_t now_ns)
{
    struct control_worker *worker = &control->workers[index];
    if (worker->awaited) {
        worker->awaited = false;
        control_tick(control, now_ns);
    }
}

int64_t control_heard_ns(const struct control *control, uint32_t worker)
{
    return control->workers[worker].heard_ns;
}

/* ---- From outside ---- */

void control_drain(struct control *control, int64_t deadline_ms, int64_t now_ns)
{
    if (control->state > CONTROL_DRAINING) {
        return;
    }
    if (control->state == CONTROL_DRAINING && !control_ends_by_itself(control)) {
        return;
    }
    if (control->state != CONTROL_DRAINING) {
        control_set_state(control, CONTROL_DRAINING);
        control_round_restart(control);
    }
    if (__builtin_mul_overflow(deadline_ms, NS_PER_MS, &control->drain_deadline_ns) ||
        __builtin_add_overflow(control->drain_deadline_ns, now_ns,
                               &control->drain_deadline_ns)) {
        control->drain_deadline_ns =
            INT64_MAX - 1; /* INT64_MAX says that nobody asked for it. */
    }
    control_send_command_all(control, COMMAND_DRAIN);
}

void control_halt(struct control *control, int64_t deadline_ms, int64_t now_ns)
{
    control->halting = control->halting || control->state < CONTROL_FINISHING;
    control_drain(control, deadline_ms, now_ns);
}

void control_abort(struct control *control, int64_t now_ns)
{
    control->aborted = true;
    if (control->state == CONTROL_STOPPING) { /* The second time: no grace. */
        for (uint32_t i = 0; i < control->workers_count; i++) {
            control->workers[i].grace_ns = now_ns;
        }
        control_tick(control, now_ns);
        return;
    }
    if (control->grace_ms > CONTROL_ABORT_GRACE_MS) {
        control->grace_ms = CONTROL_ABORT_GRACE_MS;
    }
    control_stop(control, now_ns);
}

void control_activate(struct control *control, bool active, int64_t now_ns)
{
    (void)now_ns;
    bool possible =
        active ? control->state == CONTROL_INACTIVE
               : control->state == CONTROL_ACTIVE || control->state == CONTROL_STARTING;
    if (possible) {
        control_set_state(control, active ? CONTROL_ACTIVE : CONTROL_INACTIVE);
        control_send_command_all(control, active ? COMMAND_ACTIVATE : COMMAND_DEACTIVATE);
    }
}

void control_reset_stats(struct control *control, int64_t now_ns)
{
    (void)now_ns;
    control->stats_round++;
    control_stats_clear(control);
    control_send_command_all(control, COMMAND_RESET_STATS);
}

/* ---- Time ---- */

/* One that takes too long to stop is not waited for. */
static void end_slow(struct control *control, uint32_t index)
{
    struct control_worker *worker = &control->workers[index];
    worker->killed = true;
    control_keep(control, index, KEEP_NONE);
    if (control->ports->signal && worker->alive) {
        control->ports->signal(control->ports->self, index, worker->incarnation, SIGKILL);
    }
}

void control_tick(struct control *control, int64_t now_ns)
{
    if (now_ns >= control->drain_deadline_ns) {
        control_note(
            control,
            "the drain's deadline has passed: stopping with work left for the next run");
        control->aborted = true;
        control_stop(control, now_ns); /* Which ticks. */
        return;
    }
    bool all_gone = true;
    for (uint32_t i = 0; control->state == CONTROL_STOPPING && i < control->workers_count;
         i++) {
        const struct control_worker *worker = &control->workers[i];
        if (worker->alive && !worker->killed && now_ns >= worker->grace_ns) {
            end_slow(control, i);
        }
        bool awaited = worker->awaited && now_ns - control->stop_ns < CONTROL_STALL_NS;
        all_gone = all_gone && !worker->alive && !awaited;
    }
    if (control->state == CONTROL_STOPPING && all_gone) {
        control_set_state(control, CONTROL_STOPPED);
    }
}

int64_t control_next_ns(const struct control *control)
{
    int64_t next = control->drain_deadline_ns;
    for (uint32_t i = 0; control->state == CONTROL_STOPPING && i < control->workers_count;
         i++) {
        const struct control_worker *worker = &control->workers[i];
        if (worker->alive && !worker->killed && worker->grace_ns < next) {
            next = worker->grace_ns;
        }
    }
    return next;
}

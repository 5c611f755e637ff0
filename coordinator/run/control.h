/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator of one topology as a pure state machine: messages, exits and `now` in; spawns,
 * signals and messages out, through ports. run.c gives it processes and ZeroMQ, the simulation gives
 * it neither.
 *
 *   STARTING → ACTIVE ⇄ INACTIVE → DRAINING → FINISHING (level by level) → STOPPING → STOPPED
 *
 * ACTIVE goes to DRAINING by itself when every spout has ended; a drain whose deadline passes, an abort
 * or a fatal error of a worker goes to STOPPING at once. A worker that dies is started anew with
 * another incarnation, and every other worker is told at once.
 */
#ifndef RUN_CONTROL_H
#define RUN_CONTROL_H

#include "base/hist.h"
#include "codec/message.h"
#include "core/plan.h"
#include "supervise/supervise.h"

#define CONTROL_BEAT_MS 250u
#define CONTROL_OFFSETS_MS 1000u
#define CONTROL_REMIND_NS INT64_C(1000000000)    /* between reminders to one worker */
#define CONTROL_REMIND_STOP_NS INT64_C(50000000) /* likewise to stop: its grace is short */
#define CONTROL_ROUND_NS \
    INT64_C(5000000)                     /* between rounds of counting while some are at work */
#define CONTROL_ASK_NS INT64_C(50000000) /* until a worker that did not answer is asked again */
#define CONTROL_ABORT_GRACE_MS \
    300 /* from "stop at once" to SIGKILL for a worker that is busy */
#define CONTROL_START_TRIES_MAX \
    5u /* a worker that dies so often before its first beat ends the run */
#define CONTROL_CRASHES_MAX \
    8u /* as does one that dies so often in a row, each time soon after its start */

/* A worker whose engine thread says nothing for so long is killed, though its process lives: a call of
 * a component that never returns. A process that is stopped or gone is known after slot_limits.beat_ms; one
 * that is only starved of processor time is not killed before either.
 * So long a worker that beats may also take to stop. */
#define CONTROL_STALL_NS INT64_C(30000000000)

enum control_state {
    CONTROL_STARTING,
    CONTROL_ACTIVE,
    CONTROL_INACTIVE,
    CONTROL_DRAINING,
    CONTROL_FINISHING,
    CONTROL_STOPPING,
    CONTROL_STOPPED
};

struct control_ports {
    void *self;
    /** Starts a process for the worker. An error counts as an exit. */
    enum gale_err (*spawn)(void *self, uint32_t worker, uint64_t incarnation);
    void (*signal)(void *self, uint32_t worker, int signal);
    /** Whether a silent worker may only wait for a processor. NULL: never. */
    bool (*may_starve)(void *self, uint32_t worker);
    /** Opens the way to a worker's endpoint; the earlier one is closed. NULL closes. */
    void (*connect)(void *self, uint32_t worker, const char *endpoint);
    void (*send)(void *self, uint32_t worker, const struct message *message);
    /** Saves the position of a spout task. */
    void (*save)(void *self, uint32_t task, struct message_bytes position);
    /** News for people. */
    void (*note)(void *self, const char *line);
    uint64_t (*random)(void *self); /* never 0 */
};

/* Since the start of the run: the end of the warm-up leaves them alone. */
struct control_totals {
    uint64_t executed, emitted, acked, failed;
};

struct control_cpu {
    int64_t user_ns, system_ns;
};

/* Counters of one task: what its living process said last, and what its dead ones had said. */
struct control_task {
    uint64_t executed, emitted, acked, failed, timed_out, errors;
    uint64_t pending, queue_bytes, queue_bytes_max, blocked_ns;
    struct control_totals total;
    struct hist *execute_ns, *complete_ns; /* NULL: nothing yet */
};

/* What a worker said to the rounds of counting at the end of a run. */
struct control_answer {
    bool given; /* to the present round */
    bool done;  /* last answer: spouts done, quiet, level finished */
    bool still; /* so were the last two, and nothing happened between them */
    uint64_t activity, links;
    int64_t asked_ns;
};

struct control_worker {
    struct slot slot;
    int64_t progress_ns; /* last message of its engine thread, or its start */
    char endpoint[256];
    bool assigned;            /* said HELLO and got its tasks */
    bool beaten;              /* said a beat in this incarnation */
    bool final;               /* said its last positions */
    bool ended;               /* was told to exit after its last beat */
    struct message_beat beat; /* last; tasks: not kept */
    struct control_answer answer;
    int64_t remind_ns;           /* when it may be told again what it seems not to know */
    uint32_t start_failures;     /* deaths in a row before the first beat */
    uint64_t stats_round;        /* of the last beat */
    uint64_t beats_count;        /* of all its processes */
    struct control_cpu cpu_base; /* of all its processes at the end of the warm-up */
    struct control_cpu cpu_dead; /* of earlier processes since the start */
    int64_t rss_peak_kb;
    int64_t pid;
    bool killed_silent;
};

struct control {
    const struct plan *plan;
    const struct control_ports *ports;
    struct slot_limits limits;
    const uint16_t *task_worker;
    uint32_t workers_count;
    uint64_t epoch;
    uint32_t attempt;
    struct buf tree;
    enum control_state state;
    uint32_t level; /* of FINISHING */
    uint32_t round; /* of counting, see all_quiet; 0: none yet */
    int64_t round_ns;
    int64_t drain_deadline_ns;
    int64_t drain_ms;
    int64_t stop_ns;         /* when STOPPING was entered */
    bool failed;             /* a fatal error ended it */
    bool aborted;            /* stopped before everything was processed */
    struct gale_error error; /* the fatal one */
    struct control_worker *workers;
    struct message_bytes *positions;  /* [tasks_count + 1], owned copies */
    struct control_task *live, *dead; /* [tasks_count + 1] */
    uint64_t stats_round;             /* 1 once warm-up has ended */
    int64_t first_acked_ns;           /* CLOCK_MONOTONIC of the first completed tree; 0: none */
    uint32_t restarts_count;
    uint64_t frames_refused_dead, duplicates_dead, links_failed_dead;
};

struct control_options {
    const struct plan *plan;
    const struct control_ports *ports;
    struct slot_limits limits;
    const uint16_t *task_worker; /* [tasks_count + 1] */
    uint32_t workers_count;
    uint64_t epoch;
    uint32_t attempt;
};

enum gale_err control_init(struct control *control, const struct control_options *options);
void control_fini(struct control *control);
/** A position saved by an earlier run; before control_start. Copied. */
enum gale_err control_restore(struct control *control, uint32_t task,
                              struct message_bytes position);
void control_start(struct control *control, int64_t now_ns);
/** A message from a worker; those of another epoch, attempt or incarnation have no effect. */
void control_message(struct control *control, const struct message *message, int64_t now_ns);
/** A worker's process has exited; `text` says how. */
void control_exited(struct control *control, uint32_t worker, const char *text, int64_t now_ns);
/** Spouts stop, what is under way is processed, within the deadline; then all stops. */
void control_drain(struct control *control, int64_t deadline_ms, int64_t now_ns);
/** Stops now: what is under way is left for the next run. */
void control_abort(struct control *control, int64_t now_ns);
/** Active or inactive. */
void control_activate(struct control *control, bool active, int64_t now_ns);
/** End of the warm-up. */
void control_reset_stats(struct control *control, int64_t now_ns);
/** Time passed; call at control_next_ns at the latest. */
void control_tick(struct control *control, int64_t now_ns);
int64_t control_next_ns(const struct control *control);
/** CPU time of all processes of a worker since the start of the run. */
struct control_cpu control_cpu_of(const struct control_worker *worker);
/** A worker's process ended and used this much: its last beat knew less. Before control_exited. */
void control_cpu_ended(struct control *control, uint32_t worker, struct control_cpu used);
const char *control_state_name(enum control_state state);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator of one topology as a pure state machine: messages of its workers, news of their
 * processes and `now` in; what should be kept, messages and positions out, through ports. It starts
 * nothing itself: a keeper (supervise/keeper.h, here or on other hosts) does and says what became of it.
 * run.c gives it processes and ZeroMQ, the cluster hosts and a store, the simulation neither.
 *
 *   STARTING → ACTIVE ⇄ INACTIVE → DRAINING → FINISHING (level by level) → STOPPING → STOPPED
 *
 * ACTIVE goes to DRAINING by itself when every spout has ended; a drain whose deadline passes, an abort
 * or (unless the topology is persistent) a fatal error of a worker goes to STOPPING at once. A worker
 * that dies is started anew by its keeper with another incarnation, and every other worker is told at
 * once.
 *
 * A coordinator that takes over from another one makes a control that is `adopted`: it tells workers
 * nothing about those that it has not heard of yet, so that healthy links stay; workers that have their
 * tasks say HELLO with `running` and keep them. What they had answered to the earlier one proves nothing.
 *
 *   control.c          states, processes, time      control_message.c  what workers say
 *   control_send.c     what they are told           control_end.c      the proof that all is done
 *   control_stats.c    figures
 */
#ifndef RUN_CONTROL_H
#define RUN_CONTROL_H

#include "base/hist.h"
#include "codec/message.h"
#include "core/plan.h"
#include "supervise/keeper.h"

#define CONTROL_BEAT_MS 250u
#define CONTROL_OFFSETS_MS 1000u
#define CONTROL_REMIND_NS INT64_C(1000000000)    /* between reminders to one worker */
#define CONTROL_REMIND_STOP_NS INT64_C(50000000) /* likewise to stop: its grace is short */
#define CONTROL_ROUND_NS \
    INT64_C(5000000)                     /* between rounds of counting while some are at work */
#define CONTROL_ASK_NS INT64_C(50000000) /* until a worker that did not answer is asked again */
#define CONTROL_GRACE_MS 3000 /* from the last sign of a worker that should stop to SIGKILL */
#define CONTROL_ABORT_GRACE_MS \
    300 /* from "stop at once" to SIGKILL for a worker that is busy */
#define CONTROL_START_TRIES_MAX \
    5u /* a worker that dies so often before its first beat ends the run */
#define CONTROL_CRASHES_MAX \
    8u /* as does one that dies so often in a row, each time soon after its start */
#define CONTROL_STEADY_NS INT64_C(1000000000) /* one that lived so long was started well */
#define CONTROL_QUIET_NS INT64_C(60000000000) /* deaths so far apart are not in a row */

/* So long a worker that beats may take to stop. */
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

/* Any but keep, connect and send may be NULL. A port must not call the control again, except keep, which
 * may report what it did at once (control_spawned, control_exited). */
struct control_ports {
    void *self;
    /** What the keeper should hold for the worker from now on. */
    void (*keep)(void *self, uint32_t worker, enum keep keep);
    /** Ends a process that takes too long: always SIGKILL. The keeper does so by itself after its own
     *  grace where this port is NULL. */
    void (*signal)(void *self, uint32_t worker, uint64_t incarnation, int signal);
    /** Opens the way to a worker's endpoint; the earlier one is closed. NULL closes. */
    void (*connect)(void *self, uint32_t worker, const char *endpoint);
    void (*send)(void *self, uint32_t worker, const struct message *message);
    /** Saves the position of a spout task. */
    void (*save)(void *self, uint32_t task, struct message_bytes position);
    /** News for people. */
    void (*note)(void *self, const char *line);
    /** What a component did wrong; task 0: the worker as a whole. */
    void (*error)(void *self, uint32_t worker, uint32_t task, const char *text);
    /** A sample of a tap. */
    void (*sample)(void *self, uint32_t worker, const struct message_sample *sample);
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
    enum keep keep;       /* as said to the keeper last */
    uint64_t incarnation; /* of the present or the last process; 0: none yet */
    bool alive;           /* the keeper has it, as far as is known */
    bool known;           /* peers may be told about it: it said HELLO or has exited */
    bool awaited;         /* adopted, and nobody has said yet whether there is a process */
    int64_t heard_ns;     /* last message of this incarnation, or its start */
    int64_t first_ns;     /* first message of this incarnation; 0: none yet */
    char endpoint[256];
    bool assigned;            /* said HELLO and has its tasks */
    bool beaten;              /* said a beat in this incarnation */
    bool final;               /* said its last positions */
    bool ended;               /* was told to exit after its last beat */
    bool killed;              /* was killed because it took too long to stop */
    bool fatal;               /* said that it cannot work */
    struct message_beat beat; /* last; tasks: not kept */
    struct control_answer answer;
    int64_t remind_ns;           /* when it may be told again what it seems not to know */
    int64_t grace_ns;            /* until when it may take to stop */
    uint32_t start_failures;     /* deaths in a row before the first beat */
    uint32_t crashes_in_row;     /* deaths soon after the start */
    int64_t failed_ns;           /* last death, if restarts_count > 0 */
    uint32_t restarts_count;     /* deaths of wanted processes */
    uint64_t stats_round;        /* of the last beat */
    uint64_t beats_count;        /* of all its processes */
    struct control_cpu cpu_base; /* of all its processes at the end of the warm-up */
    struct control_cpu cpu_dead; /* of earlier processes since the start */
    int64_t rss_peak_kb;
    int64_t pid;
};

struct control {
    const struct plan *plan;
    const struct control_ports *ports;
    const uint16_t *task_worker;
    uint32_t workers_count;
    uint64_t topology;
    uint64_t epoch; /* of the coordinator: messages of others have no effect */
    uint32_t attempt;
    bool persistent, adopted;
    int64_t grace_ms;
    struct buf tree;
    enum control_state state;
    uint32_t level; /* of FINISHING */
    uint32_t round; /* of counting, see all_quiet in control_end.c; 0: none yet */
    int64_t round_ns;
    int64_t drain_deadline_ns;
    bool halting;    /* the drain is followed by no finish: the topology goes on later */
    int64_t stop_ns; /* when STOPPING was entered */
    bool failed;     /* a fatal error ended it */
    bool aborted;    /* stopped before everything was processed */
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
    const uint16_t *task_worker; /* [tasks_count + 1], outlives the control */
    uint32_t workers_count;
    uint64_t topology; /* 0 with `gale run` */
    uint64_t epoch;    /* of the coordinator; may be set in the control until control_start */
    uint32_t attempt;
    int64_t grace_ms; /* 0: CONTROL_GRACE_MS */
    bool
        persistent; /* crashes and fatal errors restart workers instead of ending the topology */
    bool adopted;   /* workers of an earlier coordinator may be running */
    /* STARTING; INACTIVE to start so; or what an adopted one was left in: ACTIVE, INACTIVE, DRAINING
     * (without a deadline until control_drain or control_halt says it). */
    enum control_state state;
};

enum gale_err control_init(struct control *control, const struct control_options *options);
void control_fini(struct control *control);
/** A position saved by an earlier run; before control_start. Copied. */
enum gale_err control_restore(struct control *control, uint32_t task,
                              struct message_bytes position);
void control_start(struct control *control, int64_t now_ns);
/** The keeper has this process: started now, or running already when the coordinator took over. When
 *  another one was known, that one is dead. Repeating it does no harm.
 *  @return false: this incarnation is dead for the topology; if it lives all the same it must be killed. */
bool control_spawned(struct control *control, uint32_t worker, uint64_t incarnation,
                     int64_t now_ns);
/** A worker's process has exited, or its host is lost; `text` says how. Another than the present one is
 *  not news. */
void control_exited(struct control *control, uint32_t worker, uint64_t incarnation,
                    const char *text, int64_t now_ns);
/** Its keeper has no process of this worker, or is lost: news only after a take-over, of workers that no
 *  process was reported of. Until then a stop waits for them. */
void control_absent(struct control *control, uint32_t worker, int64_t now_ns);
/** A message from a worker; those of another topology, epoch, attempt or incarnation have no effect. */
void control_message(struct control *control, const struct message *message, int64_t now_ns);
/** When a worker was heard last (or its process started); 0: nothing is known of it. */
int64_t control_heard_ns(const struct control *control, uint32_t worker);
/** Tells a message (its body: LOG_LEVEL, TAP) to every worker that has its tasks. */
void control_tell(struct control *control, const struct message *message);
/** Spouts stop, what is under way is processed, within the deadline; then all stops. */
void control_drain(struct control *control, int64_t deadline_ms, int64_t now_ns);
/** The same without finish: what components hold is not ended, the topology goes on later. */
void control_halt(struct control *control, int64_t deadline_ms, int64_t now_ns);
/** Stops now: what is under way is left for the next run. The second time: without any grace. */
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor of one host: slots that hold a worker process each. The decisions (slot.c) are
 * pure: events and `now` in, actions out, so that the simulation runs them; the hands
 * (process.c) start by posix_spawn, watch by pidfd, signal and set limits.
 *
 * States of a slot:  EMPTY → STARTING → RUNNING → STOPPING → EMPTY, and from STARTING, RUNNING or
 * STOPPING on exit or kill → BACKOFF → STARTING. Restart delay: 0 for the first in a minute
 * and for a process that had run for a second, else 100 ms doubling to 10 s.
 */
#ifndef SUPERVISE_SUPERVISE_H
#define SUPERVISE_SUPERVISE_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

enum slot_state { SLOT_EMPTY, SLOT_STARTING, SLOT_RUNNING, SLOT_STOPPING, SLOT_BACKOFF };

enum slot_action {
    SLOT_DO_NOTHING,
    SLOT_DO_SPAWN, /* start a process with slot->incarnation (new) */
    SLOT_DO_TERM,  /* SIGTERM it */
    SLOT_DO_KILL   /* SIGKILL it */
};

struct slot_limits {
    int64_t start_ms; /* from spawn to the first beat; default 10000 */
    int64_t beat_ms;  /* silence that counts as death; default 1500 */
    int64_t grace_ms; /* from TERM, the stop command or slot_prolong to KILL; default 3000 */
    int64_t backoff_first_ms, backoff_max_ms;
};

struct slot {
    enum slot_state state;
    uint64_t incarnation;    /* of the present or last process; random, never 0 */
    int64_t since_ns;        /* when the state was entered */
    int64_t beat_ns;         /* last sign of life */
    int64_t failed_ns;       /* when a wanted process last exited, if restarts_count > 0 */
    uint32_t backoff_step;   /* 0: restart at once, then 1, 2 … */
    uint32_t restarts_count; /* exits of wanted processes */
    uint32_t changes_count;  /* changes of state */
    bool wanted;             /* a process should be there */
    bool kill_sent;
};

void slot_init(struct slot *slot);
/** Wants a process from now on. `incarnation` is used for the next spawn. */
enum slot_action slot_want(struct slot *slot, uint64_t incarnation, int64_t now_ns);
/** Wants none: STARTING or RUNNING → STOPPING, BACKOFF → EMPTY. Returns TERM, which a caller that
 *  has sent the stop command itself may leave; KILL follows after the grace from slot_tick. */
enum slot_action slot_unwant(struct slot *slot, int64_t now_ns);
/** Wants none, but leaves a process that is there to end by itself: its silence still kills it. */
void slot_leave(struct slot *slot, int64_t now_ns);
/** Takes in a process that runs already; the slot is EMPTY. */
void slot_adopt(struct slot *slot, uint64_t incarnation, int64_t now_ns);
/** A sign of life of incarnation; others are ignored. */
void slot_beat(struct slot *slot, uint64_t incarnation, int64_t now_ns);
/** A process that is to stop is known to be at it: its grace begins anew. */
void slot_prolong(struct slot *slot, int64_t now_ns);
/** The process exited or could not be started. It never asks for an action: a wanted process is
 *  started again by slot_tick, at once where there is no delay. */
enum slot_action slot_exited(struct slot *slot, int64_t now_ns);
/** Time passed: start overdue, silence, grace over, back-off over. `next_incarnation` is taken
 *  when the action is SPAWN. Call at slot_next_ns, after the beats that have arrived were handed
 *  over, so that a caller that was itself late does not take its own pause for silence. */
enum slot_action slot_tick(struct slot *slot, const struct slot_limits *limits,
                           uint64_t next_incarnation, int64_t now_ns);
/** When slot_tick has something to do next; INT64_MAX: never. */
int64_t slot_next_ns(const struct slot *slot, const struct slot_limits *limits);
const char *slot_state_name(enum slot_state state);
struct slot_limits slot_limits_default(void);

#define PROCESS_ARGUMENTS_MAX 256

/* One child process. */
struct process {
    int64_t pid; /* 0: none */
    int pidfd;   /* readable when it exited; −1: none */
};

struct process_limits {
    int64_t memory_max;     /* bytes, RLIMIT_AS of data (RLIMIT_DATA); 0 = as inherited */
    int64_t open_files_max; /* RLIMIT_NOFILE; 0 = as inherited */
};

/**
 * Starts argv[0] (a path) with argv and the environment; stdin /dev/null; default signal actions, no
 * signal blocked; a process group of its own, so that Ctrl-C reaches the starter alone. Descriptors
 * without FD_CLOEXEC are inherited. The child gets SIGKILL when the starting thread or process dies
 * (even −9): the child's main must call process_die_with_parent first. Limits are set right after
 * the start: the kernel checks them at each growth, so what the child did before counts as well.
 * GALE_ERR_NOT_FOUND, GALE_ERR_INVALID (not executable, too many arguments), GALE_ERR_LIMIT (the
 * machine's limit is lower than the wanted one, or no process or descriptor is left),
 * GALE_ERR_STATE (SIGCHLD is ignored here), GALE_ERR_IO. On an error no process is left.
 */
enum gale_err process_start(const char *const *argv, const struct process_limits *limits,
                            struct process *out, struct gale_error *error);
/** Sends a signal through the pidfd; nothing when it already exited. */
void process_signal(const struct process *process, int signal);
/** Takes the exit status when it has exited: true and *status (as waitpid), *usage (may be NULL);
 *  closes the pidfd and sets pid 0. Never blocks. Where somebody else took the status, it reads
 *  as exit 255. */
bool process_reap(struct process *process, int *status, struct rusage *usage);
/** Kills a child and waits until it is gone and taken; nothing where there is none. */
void process_discard(struct process *process);
/** Whether the process is not stopped and may be silent because the machine is busy: a thread of it
 *  waits for a processor, or one of this process other than the caller's, so that what it said may not
 *  have been taken yet. */
bool process_may_starve(const struct process *process);
/** In the child: PR_SET_PDEATHSIG SIGKILL, then exits when `parent_pid` is gone already. */
void process_die_with_parent(int64_t parent_pid);
/** "exit 3", "killed by SIGKILL (signal 9)" … */
void process_status_text(int status, char *out, size_t size);

#endif

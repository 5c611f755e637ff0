/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executor: all tasks of one worker, their routers, inboxes, ack ledgers and links, on one thread. It
 * knows no sockets, clock or process of its own: time is given, the wire is a port, so that the simulation
 * runs the same code. What it does not do: load modules, talk to the coordinator, sleep (worker/ does).
 *
 * One step: frames in → timers → bolts' inboxes → spouts → (nothing left: open batches are closed) → acks,
 * credits and frames out.
 */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include "codec/message.h"
#include "core/link.h"
#include "core/plan.h"
#include "transport/transport.h"

#include <gale/task.h>

struct exec;

/* What the executor needs from its surroundings. */
struct exec_ports {
    void *self;
    int64_t (*clock)(void *self); /* monotonic ns, for latencies */
    struct transport *transport;  /* may be NULL with one worker */
    /** Watches a descriptor for a task (events 0: stop); NULL: unsupported. */
    enum gale_err (*watch)(void *self, int fd, unsigned events);
    /** Something the coordinator should know. */
    void (*event)(void *self, enum message_event event, uint32_t other, uint32_t task,
                  const char *text);
    /** A sample of a tap: sets its time_ms and sends it; false: the wire has no room, it is lost.
     *  NULL: taps show nothing. */
    bool (*sample)(void *self, struct message_sample *sample);
};

struct exec_options {
    const struct plan *plan;     /* outlives the executor */
    const uint16_t *task_worker; /* [tasks_count + 1], copied */
    uint32_t worker;             /* own index */
    uint32_t workers_count;
    uint64_t epoch;
    uint32_t attempt;
    uint64_t incarnation;
    uint64_t seed; /* of all random numbers; from the system in production */
    struct exec_ports ports;
    struct link_options link; /* switches for the simulation's negative controls */
};

enum exec_answer {
    EXEC_BUSY, /* call exec_step again at once */
    EXEC_IDLE  /* nothing to do before exec_next_ns, a frame or a descriptor */
};

/** Makes all tasks (states allocated, nothing called yet). */
enum gale_err exec_new(const struct exec_options *options, struct exec **out,
                       struct gale_error *error);
void exec_free(struct exec *exec);
/** Gives a replayable spout task the position of an earlier run, before exec_prepare. */
enum gale_err exec_restore(struct exec *exec, uint32_t task, struct message_bytes position,
                           struct gale_error *error);
/** Worker hooks, then prepare of the bolts; spouts are opened at the first activation.
 *  An error names the component and ends the run. */
enum gale_err exec_prepare(struct exec *exec, int64_t now_ns, struct gale_error *error);
/** Active: spouts are opened (once) and asked. */
enum gale_err exec_activate(struct exec *exec, bool active, struct gale_error *error);
/** Spouts stop for good; what is under way goes on. */
void exec_drain(struct exec *exec);
/** Begins finish of all bolts of that plan level: the steps that follow call it, in slices, whenever its
 *  output has room. The executor is not quiet until all have ended. */
void exec_finish(struct exec *exec, uint32_t level);
/** Cleanup and close of all tasks, worker hooks' stop. */
void exec_cleanup(struct exec *exec);

/** A peer is up at an endpoint with an incarnation, or down. What it took with it fails at once. */
enum gale_err exec_peer(struct exec *exec, uint32_t worker, bool up, uint64_t incarnation,
                        const char *endpoint, struct gale_error *error);
/** Fails every open tree that reached one of these workers (bit: index mod 64). */
void exec_fail_touched(struct exec *exec, uint64_t workers);
/** A frame from the wire; the executor releases the message in time. */
void exec_frame(struct exec *exec, struct transport_message *message, int64_t now_ns);
/** One pass; see above. */
enum exec_answer exec_step(struct exec *exec, int64_t now_ns);
/** When exec_step must be called again at the latest; INT64_MAX: never. */
int64_t exec_next_ns(const struct exec *exec);
/** A watched descriptor is ready. */
void exec_fd_ready(struct exec *exec, int fd, unsigned events);

/** Fills everything of a beat but state, finish_level and the process figures; pointers into the
 *  executor, good until the next call. Where the histograms of all tasks are too much for one message they
 *  go in turn: one without bytes is told by another beat; true when this one ends the turn. */
bool exec_beat(struct exec *exec, struct message_beat *beat);
/** Every spout here has ended or drained, and none of its trees is open. */
bool exec_spouts_done(const struct exec *exec);
/**
 * Begins a tap, changes the one with the same id, or ends it (rate 0). One that is the same already
 * goes on, for longer. Nothing when this worker has no task of the component. Samples leave through the port between two steps; a reason why there
 * will be none (bad filter, no such stream) goes at once, as a sample with a text. A sample of task
 * 0 without text tells only how many were skipped.
 */
void exec_tap(struct exec *exec, const struct message_tap *tap, int64_t now_ns);
/** Sets all counters and histograms to 0 (end of warm-up). */
void exec_reset_stats(struct exec *exec);
/** Positions of the replayable spout tasks that moved since the last ones that were sent (all: every
 *  one); pointers into the executor, good until the next call. */
void exec_offsets(struct exec *exec, bool all, struct message_offsets *offsets);
/** What exec_offsets gave last has left: it is not given again before it moves. */
void exec_offsets_sent(struct exec *exec, const struct message_offsets *offsets);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the executor's tests share: one to three real executors in one process, joined by the
 * memory wire, with a clock that the test moves. One harness at a time; everything runs on the
 * test's thread. Topologies are flow text (core/plan_fixture.h); components are the stock ones
 * below and those a test registers.
 *
 * Spouts: feed (gives what harness_feed queued), flood (count tuples of size bytes, ids from 1),
 *         tape (as feed, replayable: its position is the low mark). Options: fields, done (says
 *         DONE when empty), replay (a failed tuple is given again), other (stream "other"),
 *         direct (stream "straight").
 * Bolts:  sink (notes each tuple), pass (the same fields on), copy (n times), sum (notes and
 *         emits word and how often it came to this task), merge (one emit anchored to n inputs, which it keeps till
 *         then), hold (keeps until harness_release), reject (fails each tuple).
 */
#ifndef EXEC_HARNESS_H
#define EXEC_HARNESS_H

#include "exec/internal.h"

#define HARNESS_WORKERS_MAX 3
#define HARNESS_NOTES_MAX 65536

/* What a bolt or callback noted. */
struct harness_note {
    const char *component;
    uint32_t task, source;
    uint16_t input;
    char text[64]; /* values with a space between; "text" alone for harness_say */
};

/** Compiles and makes one executor for each worker that `placement` names: one digit for each
 *  task, in the order of ids. Nothing is prepared yet. A test fails when the plan has errors. */
void harness_open(const char *topology, const char *placement);
/** Code of the first error of a topology; 0 when it has none. */
enum diag_code harness_refused(const char *topology);
/** Prepare, links up; spouts stay shut until harness_activate. */
void harness_prepare(void);
void harness_activate(bool active);
/** Open, prepare, activate and run until idle. */
void harness_start(const char *topology, const char *placement);
void harness_close(void);
/** harness_close as a teardown of cmocka. */
int harness_teardown(void **state);

/** One millisecond, then steps and frames until nothing moves. */
void harness_run(void);
/** The same over a longer time, in steps of 50 ms. */
void harness_advance(int64_t ms);
/** A worker that is halted receives frames but makes no step. */
void harness_halt(uint32_t worker, bool halted);
/** Before harness_open: links behave as over tcp (checksums, LZ4), until harness_close. */
void harness_tcp(void);
/** Called for each frame; false: it is lost. NULL: none is. */
void harness_filter(bool (*pass)(uint32_t to, const struct frame_header *header));
/** Called for each sample of a tap; false: the wire has no room. NULL: there is always room. */
void harness_sampler(bool (*take)(const struct message_sample *sample));
struct exec *harness_exec(uint32_t worker);
struct task *harness_task(uint32_t task);
/** Tells all others that a worker is down, and takes its executor away. */
void harness_kill(uint32_t worker);
/** Makes it anew and tells all that it is up. */
void harness_revive(uint32_t worker);
/** Gives a worker a frame as if it came from another: next seq, generation and incarnation of
 *  that link, after `change` (may be NULL) had its way with the head. */
void harness_inject(uint32_t to, uint32_t from, enum frame_kind kind, const void *payload,
                    size_t size, void (*change)(struct frame_header *header));
int64_t harness_now_ns(void);

/** Queues a tuple for a spout: tokens, digits alone are integers. id 0: untracked. */
void harness_feed(const char *spout, uint64_t id, const char *values);
/** Queues one tuple "x" for each of these ids. */
void harness_feed_many(const char *spout, uint64_t first, uint64_t last);
void harness_feed_to(const char *spout, uint64_t id, const char *stream, uint32_t target,
                     const char *values);
/** Results of the emits so far that were not GALE_OK; the last of them in *last (may be NULL). */
uint32_t harness_refusals(const char *spout, enum gale_err *last);
uint32_t harness_acks(const char *spout, uint64_t id);  /* id 0: of any */
uint32_t harness_fails(const char *spout, uint64_t id); /* id 0: of any */
/** next calls of a flood or feed that emitted. */
uint32_t harness_given(const char *spout);

void harness_note(struct gale_task *task, const struct gale_tuple *tuple);
void harness_say(struct gale_task *task, const char *format, ...) GALE_PRINTF(2, 3);
/** Notes of a component (NULL: all): how many, and the index-th. */
uint32_t harness_notes(const char *component);
const struct harness_note *harness_note_at(const char *component, uint32_t index);
uint32_t harness_notes_of(const char *component, const char *text);
void harness_forget(void);

/** Tuples that `hold` has: how many; ends the oldest one. */
uint32_t harness_held(void);
void harness_release(bool acked);

/** What the beats say of a component's living tasks, summed. */
struct message_task_stats harness_counters(const char *component);
struct message_beat harness_beat(uint32_t worker);
uint32_t harness_events(enum message_event event);

/** Adds to the registry until harness_close. */
void harness_add_bolt(const struct gale_bolt_ops *ops);
void harness_add_spout(const struct gale_spout_ops *ops);
void harness_add_grouping(const struct gale_grouping_ops *ops);
void harness_add_hooks(const struct gale_task_hooks *hooks);
void harness_add_worker_hooks(const struct gale_worker_hooks *hooks);
/** The watch port: remembers the descriptor; harness_ready calls its callback. */
void harness_ready(uint32_t worker, int fd, unsigned events);
/** What the port was told last to watch a descriptor for; 0: nothing. */
unsigned harness_watched(uint32_t worker, int fd);

#endif

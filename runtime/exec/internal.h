/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executor's own structures, shared by the files of this folder only. All belong to the
 * engine thread.
 *
 *   task      one spout or bolt task here; has one route for each of its streams
 *   route     the outputs of a stream; output = one subscription, with its grouping and targets
 *   target    one task of the subscribing bolt: chained (called at once), or reached by a lane
 *   lane      open and closed batches from one task to one target: to an inbox here or to a peer
 *   scope     the trees that the tuple in execution belongs to, and the XOR of edges made from it
 *   peer      another worker: link out, link in, credits, collected acks
 *
 * Local edges that lie on no cycle are chained; so an inbox is fed by other workers and by cycles.
 * A task that is entered from the step loop (spout, inbox, tick, timer) is a head: it may start only
 * while none of the lanes that it can reach by chained calls is full.
 */
#ifndef EXEC_INTERNAL_H
#define EXEC_INTERNAL_H

#include "base/hist.h"
#include "base/rng.h"
#include "core/ack_ledger.h"
#include "core/batch.h"
#include "core/grouping.h"
#include "core/positions.h"
#include "exec/exec.h"

#define EXEC_SPOUT_QUANTUM 64u /* next calls in one step */
#define EXEC_BATCH_QUANTUM 4u  /* batches of one inbox in one step */
#define EXEC_TURN_NS 5000000   /* a task with slow calls gives way after so long */
#define EXEC_SLOW_NS 20000     /* a call that took so long: the next one is timed as well */
#define EXEC_LANE_QUEUE_MAX 2u /* closed batches that wait before the lane counts as full */
#define EXEC_REFUSED_NS INT64_C(1000000000) /* between reports of refused tuples of one lane */
#define EXEC_LANE_CYCLE_BYTES_MAX (64u << 20) /* on a cycle; beyond it tuples fail */
#define EXEC_CHAIN_DEPTH_MAX 24u              /* chained calls inside one another */
#define EXEC_KEPT_MAX 65536u                  /* kept tuples of a task */
#define EXEC_KEPT_BYTES_MAX (64u << 20)
#define EXEC_BURIED_MAX 256u /* ended kept tuples that stay readable for a while */
#define EXEC_BURIED_SIZE_MAX 4096u
#define EXEC_TIMERS_MAX 4096u /* of one worker */
#define EXEC_FDS_MAX 1024u
#define EXEC_POSITION_MAX 65536u
#define EXEC_POSITIONS_OPEN_MAX \
    (1u << 23) /* messages behind the oldest open one, of a spout task */
#define EXEC_PAUSE_NS INT64_C(1000000000) /* a longer gap between steps was a stopped process */
#define EXEC_SAMPLE_STEP 1024u            /* execute times: one of so many once it runs fast */
#define EXEC_BEAT_HISTS_SIZE (8u << 20)   /* of histograms in one beat, and one task's beyond */
#define EXEC_OUTPUT_MAX (64u << 20)       /* bytes queued on one lane by one call */

/* The few functions that every tuple passes hold no arrays: a stack canary there guards nothing. */
#define EXEC_HOT __attribute__((no_stack_protector))

/* State of the tuple in execution, behind gale_tuple.engine. */
#define TUPLE_KEPT 1u
#define TUPLE_ACKED 2u
#define TUPLE_FAILED 4u

/* Callbacks of a task that still have something to emit: called again when there is room. */
#define MORE_FINISH 1u
#define MORE_TICK 2u

struct scope {
    const uint64_t *roots;
    uint32_t roots_count;
    bool failed;
    bool used;        /* an edge was made */
    uint64_t value;   /* XOR of the edges made, for all roots alike */
    uint64_t workers; /* bits of the workers that these edges lead to */
};

struct gale_tuple_private {
    struct scope *scope;
    struct kept *kept; /* set for a kept tuple */
    uint64_t edge;     /* 0: chained, none was made */
    uint32_t flags;
};

struct kept {
    struct gale_tuple tuple; /* must be first: its address is the bolt's handle */
    struct gale_tuple_private private;
    struct kept *next, *previous;
    struct gale_tuple_private
        *origin; /* of the call that keeps it; NULL once that has returned */
    struct task *task;
    uint32_t roots_count;
    uint64_t workers;
    uint64_t *values; /* per root */
    uint64_t *roots;
    size_t size; /* bytes of this allocation */
};

struct block {
    struct block *next;
    uint64_t edge_seed;
    uint32_t values_size; /* filled */
    uint32_t values_room;
    uint32_t runs_size; /* filled */
    uint32_t tuples_count;
    uint32_t run_at;   /* offset of the last run */
    uint64_t run_root; /* its root when it has one; 0: none or several */
    bool run_plain;    /* last run has no root */
    uint8_t runs[BATCH_RUNS_SIZE];
    uint8_t values[];
};

struct lane {
    struct task *source;
    uint32_t target_task;
    uint16_t input;
    struct peer *peer; /* NULL: the inbox of `target` here */
    struct task *target;
    uint64_t worker_bit;
    struct block *open;
    struct block *first, *last; /* closed, waiting for room */
    uint32_t queued_count;
    size_t queued_bytes;
    struct lane *next_open; /* in exec->open_lanes */
    struct lane *next_full; /* in exec->waiting_lanes */
    bool listed;            /* in open_lanes */
    bool waiting;           /* in waiting_lanes */
    bool full;              /* heads that reach it must not start */
    bool in_cycle;
    int64_t refused_ns; /* when a refused tuple was last reported; 0: never */
};

struct target {
    struct task *task; /* here, else NULL */
    uint32_t task_id;
    bool chained;
    struct lane *lane; /* unless chained */
};

struct output {
    enum plan_grouping kind; /* PLAN_GLOBAL also when there is but one target */
    uint16_t input;
    uint32_t targets_count;
    struct target *targets;
    struct grouping grouping;
};

struct route {
    struct output *outputs;
    uint32_t outputs_count;
    int32_t fields_count;
    bool direct;
    bool special; /* direct or tapped: its tuples take a longer way */
    bool simple;  /* one subscription whose tuples go to one target each, no hooks, no tap */
    bool plain;   /* simple but for taps */
    uint8_t taps; /* that look at its tuples now */
    struct task *only; /* the one chained target that gets every tuple; NULL: not so simple */
};

/* Part of a frame that waits in an inbox; the message is shared by the batches of its frame. */
struct shared_message {
    struct transport_message message;
    uint8_t *raw; /* decompressed payload, owned; NULL: none */
    uint32_t references;
};

/* A batch below this part of its frame gets memory of its own. */
#define INBOX_FRAME_SHARE 4u

struct inbox_entry {
    struct inbox_entry *next;
    uint32_t size;
    struct shared_message *shared; /* from a peer: its bytes lie in the message … */
    uint8_t *copy;                 /* … or in a copy of its own; NULL: none */
    struct block *block;           /* from a lane here: head is in `head` */
    struct peer *peer;
    struct batch_head head;
    const uint8_t *runs, *runs_end, *values, *values_end;
    uint32_t tuples_done;
    uint32_t run_left; /* tuples left in the run that was begun */
};

struct timer {
    int64_t at_ns;
    int64_t period_ns;
    struct task *task;
    gale_timer_fn fn;
    void *argument;
    uint32_t id; /* 0: free */
};

struct watched {
    int fd;
    unsigned events;
    bool held; /* its task waits for room: not watched meanwhile */
    struct task *task;
    gale_fd_fn fn;
    void *argument;
};

struct spout_end {
    uint64_t id;
    bool acked;
    uint64_t latency_us;
};

/* Of a bolt, `acked` counts acks by hand; every execution that is not counted in `unsettled`
 * (kept, failed, settled by hand) was acked by its return. */
struct task_counters {
    uint64_t executed, unsettled, emitted, acked, failed, timed_out, errors, blocked_ns;
};

struct task {
    struct gale_task head; /* must be first */
    struct exec *exec;
    const struct plan_component *component;
    void *state;
    uint32_t id, index;
    uint32_t routes_count;
    struct route *routes;
    /* execution */
    struct scope *scope; /* NULL: unanchored */
    enum gale_err (*execute)(void *, struct gale_task *, const struct gale_tuple *);
    struct task_counters count;
    struct task_counters before; /* sum of what RESET_STATS took away; no times, no errors */
    uint64_t sample_at;          /* executed at which the time is taken next */
    bool manual;
    bool hooked;
    bool plain; /* neither manual nor hooked */
    /* heads */
    struct lane **reach; /* lanes that it can fill by one call */
    uint32_t reach_count;
    int64_t blocked_since_ns; /* 0: not blocked */
    struct inbox_entry *inbox_first, *inbox_last;
    uint64_t inbox_bytes, inbox_bytes_max_seen;
    struct kept *kept;
    uint32_t kept_count;
    size_t kept_bytes;
    int64_t tick_at_ns;
    uint32_t more; /* MORE_* */
    /* spouts */
    struct ledger ledger;
    struct positions positions;
    uint64_t spare_root;                   /* opened, not used yet */
    uint64_t roots_count;                  /* emits with an id */
    uint64_t offered_low_id, saved_low_id; /* low marks: given last, left last */
    int64_t wait_ns;
    uint32_t replays_due;             /* fails that next was not called for yet */
    int64_t rests_until_ns, rest_ns;  /* after rounds in which all failed */
    uint64_t rest_acked, rest_failed; /* acked at the last fail, fails since then */
    bool replayable, opened, done, woken, in_next;
    struct spout_end *ends; /* callbacks owed */
    uint32_t ends_head, ends_count, ends_room;
    uint32_t latency_mask;
    /* cold */
    struct hist *execute_ns;
    struct hist *complete_ns;
    void **hook_states;
    uint64_t rate_roots; /* roots_count at the last second */
};

struct credit {
    uint64_t sent;    /* to that task of the peer, bytes, this generation */
    uint64_t granted; /* as told by the peer; a generation begins without any */
};

/* Bytes from a peer for a task here. What lies in the inbox when a generation begins is of earlier
 * ones; it takes room from the new one until it is consumed. */
struct consumed {
    uint64_t held;     /* in the inbox now, of any generation */
    uint64_t base;     /* held when the present generation began */
    uint64_t consumed; /* since then, of any generation */
    uint64_t granted;  /* told in this generation */
};

struct ack_entry {
    uint64_t root;
    uint64_t value;
};

struct ack_list {
    struct ack_entry *items;
    uint32_t count, room;
};

struct peer {
    struct exec *exec;
    uint32_t worker;
    bool up;
    struct transport_peer *wire;
    char *endpoint;
    struct link_out out;
    struct link_in in;
    struct credit *credits;    /* [tasks_count + 1] */
    struct consumed *consumed; /* [tasks_count + 1] */
    uint32_t *grants;          /* tasks whose credit should be told */
    bool *grant_listed;        /* [tasks_count + 1] */
    uint32_t grants_count;
    struct ack_list acks, touches;
    struct ack_list fails, renews; /* value unused */
    uint64_t
        said_incarnation; /* by touches of others, before it was first known here; 0: none */
    bool stalled;         /* the wire had no room */
    bool use_checks;      /* tcp: checksum and LZ4 */
};

struct exec {
    struct exec_options options;
    const struct plan *plan;
    uint16_t *task_worker;
    bool tracked; /* guarantee at-least-once */
    bool prepared, active, draining;
    bool flush_due; /* acks or credits should leave before the worker is idle */
    int64_t now_ns;
    int64_t last_step_ns;
    int64_t flushed_ns; /* last time acks and credits left */
    int64_t closed_ns;  /* last time all open batches were closed */
    int64_t paused_ns;  /* stopped time, taken off all timeouts */
    int64_t timeout_ns;
    int64_t sweep_at_ns, second_at_ns;
    struct rng rng;
    uint64_t seed_next;  /* seeds of batches and single edges */
    struct task **tasks; /* [plan->tasks_count + 1], NULL: elsewhere */
    struct task **local; /* those here, in id order */
    uint32_t local_count;
    struct peer *peers;         /* [workers_count]; own unused */
    struct lane *open_lanes;    /* with an open block */
    struct lane *waiting_lanes; /* with closed blocks */
    uint32_t full_lanes_count;  /* one more while `overdue` */
    int64_t turn_ns;            /* first timed call of the present turn; 0: none yet */
    bool overdue;               /* the present turn takes too long: its task must wait */
    struct block *free_blocks;
    uint32_t free_blocks_count;
    struct inbox_entry *free_entries;
    struct timer *timers;
    uint32_t timers_count, timer_id;
    int64_t timers_at_ns; /* earliest of timers and ticks */
    struct watched *watched;
    uint32_t watched_count;
    uint32_t more_count; /* bits set in the tasks' `more` */
    uint32_t depth;      /* chained calls now */
    uint64_t activity;
    int64_t first_acked_ns; /* when the first tree of a spout here was completed; 0: none yet */
    uint64_t batches_sent, batches_received, frames_refused, limit_hits;
    uint32_t kept_count;
    struct kept *buried[EXEC_BURIED_MAX];
    uint32_t buried_next;
    struct buf scratch, beat_bytes, compressed;
    uint64_t run_roots[BATCH_ROOTS_MAX]; /* of the run in execution when it has several */
    struct message_task_stats *beat_tasks;
    uint32_t beat_from; /* first local task whose histograms the next beat tells */
    struct message_offset *offset_items;
    uint8_t *offset_bytes;
    void **worker_resources;
    struct scope unanchored; /* of emits without anchor: no roots, never read */
    struct taps *taps;       /* NULL: none so far */
    int64_t taps_at_ns;      /* when taps_run has something to do; INT64_MAX: there is no tap */
};

static inline struct task *task_of(struct gale_task *task)
{
    return (struct task *)(void *)task;
}

static inline const struct task *task_of_const(const struct gale_task *task)
{
    return (const struct task *)(const void *)task;
}

/* A message stays open while ever more behind it end: new ones must wait, its replay may not. */
static inline bool positions_blocked(const struct task *task)
{
    return task->positions.tail - task->positions.head >= EXEC_POSITIONS_OPEN_MAX &&
           task->replays_due == 0;
}

/* The scope of an emit with explicit anchors. */
struct anchors {
    struct scope scope;
    uint64_t roots[BATCH_ROOTS_MAX];
    const struct gale_tuple *const *tuples;
    uint32_t tuples_count;
};

/* A tuple of the call in execution was not sent: where its return settles the input, that fails. */
static inline void emit_refused(struct task *task)
{
    if (task->scope && !task->manual) {
        task->scope->failed = true;
    }
}

/* emit.c */
enum gale_err emit_scoped(struct task *task, unsigned stream, struct scope *scope,
                          struct gale_emit_options *options);
/* lane.c */
/** `room` bytes may be read from tuple->data. */
enum gale_err lane_append(struct exec *exec, struct lane *lane, const struct gale_tuple *tuple,
                          size_t room, struct scope *scope);
void lane_close(struct exec *exec, struct lane *lane);
void lanes_close_all(struct exec *exec);
/** Sends what has room; true when something moved. */
bool lanes_send(struct exec *exec);
/** Forgets everything that waits in the lane. */
void lane_discard(struct exec *exec, struct lane *lane);
/** Fails the trees of everything that waits in the lane, then forgets it. */
void lane_fail(struct exec *exec, struct lane *lane);
void block_release(struct exec *exec, struct block *block);
static inline bool head_blocked(const struct exec *exec, const struct task *task)
{
    if (GALE_LIKELY(exec->full_lanes_count == 0)) {
        return false;
    }
    if (exec->overdue) {
        return true;
    }
    for (uint32_t i = 0; i < task->reach_count; i++) {
        if (task->reach[i]->full) {
            return true;
        }
    }
    return false;
}
/** Begins a task's turn, or ends the last one of a step. */
static inline void turn_begin(struct exec *exec)
{
    exec->turn_ns = 0;
    if (!GALE_LIKELY(!exec->overdue)) {
        exec->overdue = false;
        exec->full_lanes_count--;
    }
}
/** Whether a head must wait for room downstream; notes for how long it does. */
bool head_must_wait(struct exec *exec, struct task *task);
/* inbox.c */
void inbox_put_block(struct exec *exec, struct lane *lane, struct block *block);
enum gale_err inbox_put_payload(struct exec *exec, struct peer *peer, const uint8_t *payload,
                                size_t size, struct shared_message *shared,
                                struct gale_error *error);
/** Runs up to EXEC_BATCH_QUANTUM batches; true when something ran. */
bool inbox_run(struct exec *exec, struct task *task);
void inbox_clear(struct exec *exec, struct task *task);
void shared_release(struct exec *exec, struct shared_message *shared);
/* acks.c */
void ack_root(struct exec *exec, uint64_t root, uint64_t value, uint64_t workers);
void fail_root(struct exec *exec, uint64_t root);
void renew_root(struct exec *exec, uint64_t root);
/** Ends a scope whose tuples were all executed: acks (value ^ edges) or fails its roots. */
void scope_end(struct exec *exec, const struct scope *scope, uint64_t edges);
void acks_sweep(struct exec *exec, uint64_t workers);
/** Fails every tree that is known here to have reached one of `workers`: those of this worker's spouts,
 *  and those whose owners were not told yet (touches that wait, kept tuples). */
void acks_fail_touched(struct exec *exec, uint64_t workers);
/* spout.c */
enum gale_err emit_root(struct task *task, unsigned stream, uint64_t message_id,
                        int64_t intended_ns, struct gale_emit_options *options);
bool spout_run(struct exec *exec, struct task *task);
void spout_tree_ended(struct exec *exec, struct task *task, const struct ledger_slot *ended,
                      bool timed_out);
void spout_deliver_ends(struct exec *exec, struct task *task);
int64_t exec_deadline(const struct exec *exec);
/* peer.c */
void peers_flush(struct exec *exec);
bool peer_send_block(struct exec *exec, struct lane *lane, struct block *block);
bool peer_has_credit(const struct peer *peer, uint32_t task);
void peer_consumed(struct exec *exec, struct peer *peer, uint32_t task, uint32_t size);
int64_t peers_next_ns(const struct exec *exec);
bool peers_quiet(const struct exec *exec);
/** One number for the last frame of each link, out and in: both ends of a link give the same one when
 *  nothing is under way on it, so the XOR over all workers is 0 when that holds for every link. */
uint64_t peers_digest(const struct exec *exec);
enum gale_err peers_init(struct exec *exec);
void peers_fini(struct exec *exec);
/* control_in.c */
/** Applies the payload of a control frame that was checked for form. */
void control_apply(struct exec *exec, struct peer *peer, const uint8_t *payload, size_t size);
/* timers.c */
bool timers_run(struct exec *exec);
/** Goes on with what exec_finish began; true when something ran. */
bool finish_run(struct exec *exec);
int64_t timers_next_ns(const struct exec *exec);
/** Watches no descriptor any more: the process outlives its tasks until its last beat has arrived. */
void fds_end(struct exec *exec);
/* kept.c */
enum gale_err anchors_begin(struct task *task, const struct gale_emit_options *options,
                            struct anchors *anchors);
void anchors_end(struct task *task, const struct anchors *anchors);
void kept_release_all(struct exec *exec, struct task *task);
/* tap.c */
/** Shows a tuple of a tapped stream to the taps, before its targets see it. */
void taps_offer(struct task *task, unsigned stream, const struct gale_tuple *tuple);
/** What is due by time: samples leave, resting taps look again, old ones end. */
void taps_run(struct exec *exec);
void taps_fini(struct exec *exec);
/* call.c: callbacks with the bookkeeping around them */
void call_result(struct task *task, enum gale_err err, const char *what);
enum gale_err call_sampled(struct task *task, const struct gale_tuple *tuple);
void hooks_executed(struct task *task, const struct gale_tuple *tuple);
void hooks_settled(struct task *task, const struct gale_tuple *tuple, bool acked);
void hooks_emitted(struct task *task, unsigned stream, const struct gale_emit_options *options);
void hooks_ended(struct task *task, uint64_t message_id, bool acked, uint64_t latency_us);

static inline uint64_t next_seed(struct exec *exec)
{
    return rng_next(&exec->rng);
}

#endif

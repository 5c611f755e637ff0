/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ack ledger of one spout task: one slot for each open tuple tree. A tree is complete when the
 * XOR of all edge ids that were created and acked is 0 (Storm's ack tree). The root id names its
 * owner, so an ack finds its slot without a table:
 *
 *     bits 63..50  task id of the spout (14)
 *     bits 49..30  slot (20)
 *     bits 29..0   nonce (30), random, never 0: another for each tree, so that a late ack of an earlier tree is ignored
 *
 * Acks and fails that come before ledger_seal are kept in the slot and judged then. Duplicated acks must
 * be kept away from here by the links (a duplicate would complete a tree falsely). Pure, one owner thread;
 * `now` is given and must not jump when the process was stopped (exec subtracts pauses).
 */
#ifndef CORE_ACK_LEDGER_H
#define CORE_ACK_LEDGER_H

#include "base/rng.h"
#include <gale/errors.h>
#include <stdbool.h>
#include <stdint.h>

#define LEDGER_SLOTS_MAX (1u << 20)
#define LEDGER_TASK_MAX 16383u

static inline uint32_t root_task(uint64_t root)
{
    return (uint32_t)(root >> 50);
}

static inline uint32_t root_slot(uint64_t root)
{
    return (uint32_t)(root >> 30) & (LEDGER_SLOTS_MAX - 1);
}

struct ledger_slot {
    uint64_t root;  /* 0: free */
    uint64_t value; /* XOR so far */
    uint64_t message_id;
    uint64_t workers;    /* bit (index mod 64) of the workers that the tree reached */
    int64_t start_ns;    /* for the latency; 0: not sampled */
    int64_t deadline_ns; /* INT64_MAX: none */
    uint64_t position;   /* the caller's, carried along */
    uint32_t next_free;  /* slot + 1 */
    bool sealed;
    bool failed; /* failed before it was sealed */
};

struct ledger {
    struct ledger_slot *slots;
    uint32_t slots_count; /* ever used; allocated in doublings */
    uint32_t slots_room;
    uint32_t free_head; /* slot + 1; 0: none */
    uint32_t open_count;
    uint64_t task_bits;
    struct rng rng;
};

enum ledger_answer {
    LEDGER_UNKNOWN, /* no such tree (any more): ignored */
    LEDGER_OPEN,    /* still incomplete */
    LEDGER_DONE     /* ended: the slot was copied to *ended and freed; ended->failed says how */
};

void ledger_init(struct ledger *ledger, uint32_t task, uint64_t seed);
void ledger_fini(struct ledger *ledger);
/** Opens a tree; its root (never 0) is valid at once. GALE_ERR_LIMIT at LEDGER_SLOTS_MAX. */
enum gale_err ledger_open(struct ledger *ledger, uint64_t *root);
/** The tree ended before it was sealed: forgets it, as if never opened. */
void ledger_cancel(struct ledger *ledger, uint64_t root);
/** All first edges are known: `value` is their XOR. Judges what came before. */
enum ledger_answer ledger_seal(struct ledger *ledger, uint64_t root,
                               const struct ledger_slot *values, struct ledger_slot *ended);
/** Folds acks (and new edges) in. */
enum ledger_answer ledger_ack(struct ledger *ledger, uint64_t root, uint64_t value,
                              uint64_t workers, struct ledger_slot *ended);
enum ledger_answer ledger_fail(struct ledger *ledger, uint64_t root, struct ledger_slot *ended);
/** Brings the slot of a tree near, for an ack that follows soon. */
static inline void ledger_prefetch(const struct ledger *ledger, uint64_t root)
{
    if (root_slot(root) < ledger->slots_count) {
        __builtin_prefetch(&ledger->slots[root_slot(root)], 1);
    }
}
/** The tree also reached these workers. */
void ledger_touch(struct ledger *ledger, uint64_t root, uint64_t workers);
/** Starts the timeout anew. */
void ledger_renew(struct ledger *ledger, uint64_t root, int64_t deadline_ns);
/** Ends one sealed tree whose deadline is ≤ now or that reached one of `workers`, searching from slot
 *  *from (start with 0; moved on): true and *ended, or false when there is none left. */
bool ledger_sweep(struct ledger *ledger, int64_t now_ns, uint64_t workers, uint32_t *from,
                  struct ledger_slot *ended);

#endif

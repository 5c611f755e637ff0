/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The low mark of a replayable spout task: every message with a smaller id was acked. First emits
 * come with increasing ids and get a place in a ring; a replay (an id below the highest) finds its
 * old place. Pure, one owner thread.
 */
#ifndef CORE_POSITIONS_H
#define CORE_POSITIONS_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stdint.h>

struct positions_entry {
    uint64_t id;
    bool done;
};

struct positions {
    struct positions_entry *ring; /* room is a power of two */
    uint64_t room;
    uint64_t head;    /* place of the oldest entry not yet passed */
    uint64_t tail;    /* place of the next entry */
    uint64_t low_id;  /* the low mark */
    uint64_t high_id; /* largest id emitted + 1 */
    bool lost;        /* one had no room: the low mark stays where it is, for good */
};

void positions_init(struct positions *positions);
void positions_fini(struct positions *positions);
/** Notes an emit of `id`; *place identifies it for positions_done.
 *  GALE_ERR_INVALID: a smaller id that is not outstanding (then its ack does not count).
 *  GALE_ERR_LIMIT, GALE_ERR_NOMEM: no room for it. The low mark never moves again, since it may not
 *  pass a message that nobody remembers; a later run replays from there. */
enum gale_err positions_emit(struct positions *positions, uint64_t id, uint64_t *place);
/** The message at `place` was acked. */
void positions_done(struct positions *positions, uint64_t place);
/** An emit that was acked before anything else could happen. */
static inline bool positions_pass(struct positions *positions, uint64_t id)
{
    if (positions->head == positions->tail && id >= positions->high_id && !positions->lost) {
        positions->low_id = positions->high_id = id + 1;
        return true;
    }
    return false;
}

#endif

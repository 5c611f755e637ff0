/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election above the store port: one candidate of one process. Pure but for the store's
 * calls: the time is an argument.
 *
 *   OUT ──enlisted──▶ WAITING ──first, epoch raised──▶ LEADING ◀──epoch still ours── SUSPENDED
 *    ▲                  │                                │  └──────link suspended──────▲ │
 *    └──session gone────┘                                └──────session gone──▶ LOST ◀───┘
 *    └───────────────────────────────leader_again────────────────────────────────┘
 *
 * Each candidate is an ephemeral, numbered record and watches only the one before it, so that a
 * departure wakes one. The first raises the epoch record by a multi that also checks that its own
 * candidate still exists; the version of that record is its epoch. To believe to be the leader is
 * never enough to be it: what it writes goes through leader_write, which lets the store check the
 * epoch, and what it sends carries the epoch, so that receivers refuse lower ones. One owner thread.
 */
#ifndef STORE_LEADER_H
#define STORE_LEADER_H

#include "base/rng.h"
#include "store/path.h"
#include "store/store.h"

enum leader_state {
    LEADER_OUT,
    LEADER_WAITING,
    LEADER_LEADING,
    LEADER_SUSPENDED, /* leads, perhaps not for long: issues nothing */
    LEADER_LOST       /* another may lead; gives up what it did as leader, then leader_again */
};

#define LEADER_VALUE_MAX 1024

struct leader {
    struct store *store;
    char folder[STORE_PATH_SIZE];
    char epoch_path[STORE_PATH_SIZE];
    char guid[33];
    uint8_t value[LEADER_VALUE_MAX];
    size_t value_size;
    enum leader_state state;
    char name[STORE_NAME_SIZE];    /* of the own candidate */
    char watched[STORE_NAME_SIZE]; /* the one before; empty: no watch is set */
    bool look;                     /* the candidates are to be read */
    uint64_t generation;           /* of the session that the candidate belongs to */
    int64_t epoch;
    uint64_t changes_count; /* of the state, ever */
};

/** @param store outlived by the leader, as its watches point here. @param folder of the candidates,
 *  an existing record. @param epoch_path made when missing. @param value what a candidate tells
 *  others, such as its address; copied. GALE_ERR_INVALID, GALE_ERR_LIMIT. */
enum gale_err leader_init(struct leader *leader, struct store *store, const char *folder,
                          const char *epoch_path, const void *value, size_t value_size,
                          struct rng *rng);
/** Takes a step when there is one; to be called after each store poll. May wait for the store.
 *  An error of the store is for the log: the next call tries again. */
enum gale_err leader_step(struct leader *leader, int64_t now_ns);
/** Whether anything may be issued as leader at this moment. */
bool leader_may_issue(const struct leader *leader, int64_t now_ns);
/** A multi that takes effect only in the own epoch. GALE_ERR_STALE with state LEADER_LOST: another
 *  leads; GALE_ERR_STATE: does not lead now. *failed as multi, for the given ops. */
enum gale_err leader_write(struct leader *leader, int64_t now_ns, const struct store_op *ops,
                           size_t ops_count, size_t *failed);
/** From LOST: a candidate anew. */
void leader_again(struct leader *leader);
/** Removes the candidate, so that the next may lead at once. State OUT. */
enum gale_err leader_resign(struct leader *leader);
/** "out", "waiting", "leading", "suspended", "lost". */
const char *leader_state_name(enum leader_state state);

#endif

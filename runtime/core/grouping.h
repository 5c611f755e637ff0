/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groupings with Storm's semantics: which of a bolt's tasks receive a tuple. One state for each
 * emitting task and subscription; targets are indexes 0 … targets_count − 1 in ascending task id.
 * Pure, one owner thread.
 *
 *  shuffle           targets in a random order of this emitter's own, then strict round robin
 *  local-or-shuffle  as shuffle over the targets in this worker, over all when there are none
 *  load-aware        a ring filled by weights 0…100 that follow the targets' load, refreshed each second: within
 *                    5 % of the least load + 1, else − 10; starts with local targets, widens when
 *                    their mean load is over 0.8 and narrows below 0.2
 *  fields            XXH3 of the fields' msgpack bytes, scaled to the number of targets
 *  partial-key       of two targets given by the key the one that this emitter used less
 *  all, global, none every target, the first, a random one
 *  custom            a function of a module
 */
#ifndef CORE_GROUPING_H
#define CORE_GROUPING_H

#include "base/hash.h"
#include "base/rng.h"
#include "core/plan.h"

#define GROUPING_RING_MIN 1000u
#define GROUPING_WEIGHT_MAX 100

struct grouping {
    enum plan_grouping kind;
    uint32_t targets_count;
    uint32_t next; /* shuffle: position in order */
    uint32_t order_count;
    uint32_t *order; /* shuffle, load-aware: the ring */
    uint32_t ring_room;
    const uint16_t *fields;
    uint16_t fields_count;
    uint64_t hash_seed;
    bool first_field; /* fields: exactly the tuple's first one */
    uint64_t *used;   /* partial-key: tuples sent to each target */
    int8_t *weights;  /* load-aware */
    bool *local;      /* load-aware: targets of this worker */
    uint32_t local_count;
    bool local_only;
    struct rng rng;
    const struct gale_grouping_ops *custom;
    void *custom_state;
    uint32_t *chosen; /* custom: room for 4 × targets */
};

struct grouping_options {
    const struct plan_input *input;
    const uint32_t *targets; /* task ids, ascending */
    uint32_t targets_count;
    const bool *local; /* [targets_count] */
    uint64_t hash_seed;
    uint64_t seed;
};

enum gale_err grouping_init(struct grouping *grouping, const struct grouping_options *options);
void grouping_fini(struct grouping *grouping);
/** The one target of a tuple, for every kind but all, direct and custom. */
uint32_t grouping_choose(struct grouping *grouping, const struct gale_tuple *tuple);
/** As grouping_choose; the commonest case, fields grouping by a short first field, without a call. */
static inline uint32_t grouping_pick(struct grouping *grouping, const struct gale_tuple *tuple)
{
    if (GALE_LIKELY(grouping->first_field && (tuple->data[0] & 0xe0u) == 0xa0u)) {
        uint64_t hash = hash64(tuple->data, 1 + (tuple->data[0] & 0x1fu), grouping->hash_seed);
        return (uint32_t)(((hash >> 32) * grouping->targets_count) >> 32);
    }
    return grouping_choose(grouping, tuple);
}
/** Load-aware: `loads` are 0…1 for each target; call about once a second. */
void grouping_refresh(struct grouping *grouping, const double *loads);
/** Hash of the grouping's fields: equal keys, equal hashes, in every process. */
uint64_t grouping_hash(const struct grouping *grouping, const struct gale_tuple *tuple);

#endif

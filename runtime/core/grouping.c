/* SPDX-License-Identifier: Apache-2.0 */
/* Groupings; see grouping.h for their semantics. */
#include "core/grouping.h"

#include "base/assert.h"
#include "base/hash.h"
#include "core/skip.h"

#include <stdlib.h>
#include <string.h>

static void shuffle(struct grouping *grouping)
{
    for (uint32_t i = grouping->order_count; i > 1; i--) {
        uint32_t j = rng_below(&grouping->rng, i);
        uint32_t swap = grouping->order[i - 1];
        grouping->order[i - 1] = grouping->order[j];
        grouping->order[j] = swap;
    }
}

static enum gale_err init_shuffle(struct grouping *grouping,
                                  const struct grouping_options *options, bool prefer_local)
{
    grouping->order = malloc(options->targets_count * sizeof(*grouping->order));
    if (!grouping->order) {
        return GALE_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < options->targets_count; i++) {
        if (!prefer_local || grouping->local_count == 0 || options->local[i]) {
            grouping->order[grouping->order_count++] = i;
        }
    }
    shuffle(grouping);
    return GALE_OK;
}

static void fill_ring(struct grouping *grouping)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < grouping->targets_count; i++) {
        if (!grouping->local_only || grouping->local[i]) {
            total += (uint8_t)grouping->weights[i];
        }
    }
    grouping->order_count = 0;
    for (uint32_t i = 0; i < grouping->targets_count && total > 0; i++) {
        if (grouping->local_only && !grouping->local[i]) {
            continue;
        }
        uint32_t share =
            (uint32_t)((uint64_t)grouping->weights[i] * grouping->ring_room / total);
        for (uint32_t k = 0; k < share && grouping->order_count < grouping->ring_room; k++) {
            grouping->order[grouping->order_count++] = i;
        }
    }
    shuffle(grouping);
    grouping->next = 0;
}

static enum gale_err init_load_aware(struct grouping *grouping,
                                     const struct grouping_options *options)
{
    uint32_t count = options->targets_count;
    grouping->ring_room = 5 * count > GROUPING_RING_MIN ? 5 * count : GROUPING_RING_MIN;
    grouping->order = malloc(grouping->ring_room * sizeof(*grouping->order));
    grouping->weights = malloc(count);
    grouping->local = malloc(count * sizeof(*grouping->local));
    if (!grouping->order || !grouping->weights || !grouping->local) {
        return GALE_ERR_NOMEM;
    }
    memset(grouping->weights, GROUPING_WEIGHT_MAX, count);
    memcpy(grouping->local, options->local, count * sizeof(*grouping->local));
    grouping->local_only = grouping->local_count > 0;
    fill_ring(grouping);
    return GALE_OK;
}

static enum gale_err init_custom(struct grouping *grouping,
                                 const struct grouping_options *options)
{
    const struct gale_grouping_ops *ops = options->input->custom;
    grouping->custom = ops;
    grouping->chosen = malloc(4 * (size_t)options->targets_count * sizeof(*grouping->chosen));
    grouping->custom_state = calloc(1, ops->state_size + 1);
    if (!grouping->chosen || !grouping->custom_state) {
        return GALE_ERR_NOMEM;
    }
    return ops->prepare
               ? ops->prepare(grouping->custom_state, options->targets, options->targets_count)
               : GALE_OK;
}

enum gale_err grouping_init(struct grouping *grouping, const struct grouping_options *options)
{
    GALE_ASSERT(options->targets_count > 0);
    memset(grouping, 0, sizeof(*grouping));
    grouping->kind = options->input->grouping;
    grouping->targets_count = options->targets_count;
    grouping->fields = options->input->fields;
    grouping->fields_count = options->input->fields_count;
    grouping->hash_seed = options->hash_seed;
    grouping->first_field = grouping->kind == PLAN_FIELDS && grouping->fields_count == 1 &&
                            grouping->fields[0] == 0;
    rng_seed(&grouping->rng, options->seed);
    for (uint32_t i = 0; i < options->targets_count; i++) {
        grouping->local_count += options->local[i] ? 1u : 0u;
    }
    switch (grouping->kind) {
    case PLAN_SHUFFLE: return init_shuffle(grouping, options, false);
    case PLAN_LOCAL_OR_SHUFFLE: return init_shuffle(grouping, options, true);
    case PLAN_LOAD_AWARE: return init_load_aware(grouping, options);
    case PLAN_PARTIAL_KEY:
        grouping->used = calloc(options->targets_count, sizeof(*grouping->used));
        return grouping->used ? GALE_OK : GALE_ERR_NOMEM;
    case PLAN_CUSTOM: return init_custom(grouping, options);
    case PLAN_FIELDS:
    case PLAN_ALL:
    case PLAN_GLOBAL:
    case PLAN_NONE:
    case PLAN_DIRECT: return GALE_OK;
    }
    return GALE_ERR_INVALID;
}

void grouping_fini(struct grouping *grouping)
{
    if (grouping->custom && grouping->custom->cleanup && grouping->custom_state) {
        grouping->custom->cleanup(grouping->custom_state);
    }
    free(grouping->custom_state);
    free(grouping->chosen);
    free(grouping->order);
    free(grouping->used);
    free(grouping->weights);
    free(grouping->local);
    memset(grouping, 0, sizeof(*grouping));
}

static struct gale_slice field_bytes(const struct gale_tuple *tuple, unsigned field)
{
    const uint8_t *at = tuple->data;
    for (unsigned i = 0; i < field; i++) {
        at = skip_value(at);
    }
    const uint8_t *end = skip_value(at);
    struct gale_slice slice = {(const char *)at, (size_t)(end - at)};
    return slice;
}

uint64_t grouping_hash(const struct grouping *grouping, const struct gale_tuple *tuple)
{
    uint64_t hash = grouping->hash_seed;
    uint32_t count = grouping->fields_count;
    if (count == 0) {
        struct gale_slice first = field_bytes(tuple, 0);
        return hash64(first.data, first.size, hash);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct gale_slice bytes = field_bytes(tuple, grouping->fields[i]);
        hash = hash64(bytes.data, bytes.size, hash);
    }
    return hash;
}

static inline uint32_t scale(uint32_t hash, uint32_t count)
{
    return (uint32_t)(((uint64_t)hash * count) >> 32);
}

static uint32_t choose_partial(struct grouping *grouping, const struct gale_tuple *tuple)
{
    uint64_t hash = grouping_hash(grouping, tuple);
    uint32_t count = grouping->targets_count;
    uint32_t first = scale((uint32_t)(hash >> 32), count);
    uint32_t second = count == 1 ? 0 : scale((uint32_t)hash, count - 1);
    if (count > 1 && second >= first) {
        second++;
    }
    uint32_t chosen = grouping->used[second] < grouping->used[first] ? second : first;
    grouping->used[chosen]++;
    return chosen;
}

static uint32_t choose_next(struct grouping *grouping)
{
    if (grouping->order_count == 0) {
        uint32_t next = grouping->next++;
        return next % grouping->targets_count;
    }
    uint32_t chosen = grouping->order[grouping->next];
    if (++grouping->next >= grouping->order_count) {
        grouping->next = 0;
    }
    return chosen;
}

uint32_t grouping_choose(struct grouping *grouping, const struct gale_tuple *tuple)
{
    switch (grouping->kind) {
    case PLAN_SHUFFLE:
    case PLAN_LOCAL_OR_SHUFFLE:
    case PLAN_LOAD_AWARE: return choose_next(grouping);
    case PLAN_FIELDS:
        if (grouping->fields_count == 0) {
            return 0;
        }
        return scale((uint32_t)(grouping_hash(grouping, tuple) >> 32), grouping->targets_count);
    case PLAN_PARTIAL_KEY: return choose_partial(grouping, tuple);
    case PLAN_NONE: return rng_below(&grouping->rng, grouping->targets_count);
    case PLAN_GLOBAL: return 0;
    case PLAN_ALL:
    case PLAN_DIRECT:
    case PLAN_CUSTOM: break;
    }
    GALE_ASSERT(false); /* The other groupings have no single target. */
    return 0;
}

/* Widens to all targets when the local ones are loaded, and narrows when they are idle. */
static void move_tier(struct grouping *grouping, const double *loads)
{
    if (grouping->local_count == 0 || grouping->local_count == grouping->targets_count) {
        grouping->local_only = grouping->local_count > 0;
        return;
    }
    double sum = 0;
    for (uint32_t i = 0; i < grouping->targets_count; i++) {
        sum += grouping->local[i] ? loads[i] : 0;
    }
    double mean = sum / grouping->local_count;
    bool local_only = grouping->local_only ? mean <= 0.8 : mean < 0.2;
    if (local_only != grouping->local_only) {
        grouping->local_only = local_only;
        memset(grouping->weights, GROUPING_WEIGHT_MAX, grouping->targets_count);
    }
}

void grouping_refresh(struct grouping *grouping, const double *loads)
{
    if (grouping->kind != PLAN_LOAD_AWARE) {
        return;
    }
    move_tier(grouping, loads);
    double least = 2;
    for (uint32_t i = 0; i < grouping->targets_count; i++) {
        if ((!grouping->local_only || grouping->local[i]) && loads[i] < least) {
            least = loads[i];
        }
    }
    for (uint32_t i = 0; i < grouping->targets_count; i++) {
        int weight = grouping->weights[i] + (loads[i] <= least + 0.05 ? 1 : -10);
        weight = weight < 0 ? 0 : weight > GROUPING_WEIGHT_MAX ? GROUPING_WEIGHT_MAX : weight;
        grouping->weights[i] = (int8_t)weight;
    }
    fill_ring(grouping);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: tuples are appended to an open block; a full block, or any open one when the worker has
 * nothing else to do, is closed and goes to the target's inbox or into the peer's frame as soon as
 * there is room. Blocks that wait make the lane full, which stops the heads that feed it (back-
 * pressure); nothing is dropped. Only on a cycle, where stopping could deadlock, lanes grow to a
 * named bound and tuples beyond it fail: one to this worker hands on at once and is never full, one to a
 * peer may be, but heads on the cycle do not wait for it. A cycle that multiplies its tuples without end
 * stays at the bound and says so until the run is stopped.
 */
#include "exec/internal.h"

#include "base/assert.h"

#include <stdlib.h>

#define FREE_BLOCKS_MAX 64u

static struct block *block_new(struct exec *exec, uint32_t values_size)
{
    struct block *block = exec->free_blocks;
    uint32_t room = BATCH_VALUES_SIZE + 64;
    if (block && values_size <= BATCH_VALUES_SIZE) {
        exec->free_blocks = block->next;
        exec->free_blocks_count--;
    } else {
        room = values_size > BATCH_VALUES_SIZE ? values_size + 64 : room;
        block = malloc(sizeof(*block) + room);
        if (!block) {
            return NULL;
        }
        block->values_room = room;
    }
    block->next = NULL;
    block->values_size = 0;
    block->runs_size = 0;
    block->tuples_count = 0;
    block->run_root = 0;
    block->run_plain = false;
    block->edge_seed = next_seed(exec);
    return block;
}

void block_release(struct exec *exec, struct block *block)
{
    if (block->values_room != BATCH_VALUES_SIZE + 64 ||
        exec->free_blocks_count >= FREE_BLOCKS_MAX) {
        free(block);
        return;
    }
    block->next = exec->free_blocks;
    exec->free_blocks = block;
    exec->free_blocks_count++;
}

static void run_add(struct block *block, const uint64_t *roots, uint32_t roots_count,
                    uint32_t tuples_count)
{
    block->run_at = block->runs_size;
    uint8_t *at = block->runs + block->runs_size;
    store_u32(at, tuples_count);
    store_u32(at + 4, roots_count);
    if (roots_count > 0) {
        memcpy(at + 8, roots, roots_count * sizeof(*roots));
    }
    block->runs_size += 8 + roots_count * 8;
    block->run_root = roots_count == 1 ? roots[0] : 0;
    block->run_plain = roots_count == 0;
}

static inline void run_extend(struct block *block)
{
    uint8_t *at = block->runs + block->run_at;
    store_u32(at, load_u32(at) + 1);
}

/* Notes to which trees the tuple that is about to be appended belongs. */
static void run_note(struct block *block, const struct scope *scope)
{
    if (scope->roots_count == 0) {
        if (block->runs_size == 0) {
            return; /* Nothing is tracked so far. */
        }
        if (block->run_plain) {
            run_extend(block);
        } else {
            run_add(block, NULL, 0, 1);
        }
        return;
    }
    if (block->runs_size == 0 && block->tuples_count > 0) {
        run_add(block, NULL, 0, block->tuples_count);
    }
    if (scope->roots_count == 1 && block->run_root == scope->roots[0]) {
        run_extend(block);
        return;
    }
    run_add(block, scope->roots, scope->roots_count, 1);
}

static void list_open(struct exec *exec, struct lane *lane)
{
    if (!lane->listed) {
        lane->listed = true;
        lane->next_open = exec->open_lanes;
        exec->open_lanes = lane;
    }
}

static void set_full(struct exec *exec, struct lane *lane)
{
    bool full = lane->queued_count >= EXEC_LANE_QUEUE_MAX;
    if (full != lane->full) {
        lane->full = full;
        exec->full_lanes_count += full ? 1u : UINT32_MAX;
        if (!full) {
            exec->timers_at_ns = exec->now_ns; /* Timers of blocked heads may be overdue. */
        }
    }
}

/* Hands one closed block on if there is room. */
static bool hand_on(struct exec *exec, struct lane *lane, struct block *block)
{
    if (lane->peer) {
        return peer_send_block(exec, lane, block);
    }
    if (!lane->in_cycle && lane->target->inbox_bytes >= exec->plan->inbox_size) {
        return false;
    }
    inbox_put_block(exec, lane, block);
    return true;
}

void lane_close(struct exec *exec, struct lane *lane)
{
    struct block *block = lane->open;
    lane->open = NULL;
    if (!lane->first && hand_on(exec, lane, block)) {
        return;
    }
    if (lane->last) {
        lane->last->next = block;
    } else {
        lane->first = block;
    }
    lane->last = block;
    lane->queued_count++;
    lane->queued_bytes += block->values_size;
    set_full(exec, lane);
    if (!lane->waiting) {
        lane->waiting = true;
        lane->next_full = exec->waiting_lanes;
        exec->waiting_lanes = lane;
    }
}

void lanes_close_all(struct exec *exec)
{
    struct lane *lane = exec->open_lanes;
    exec->open_lanes = NULL;
    while (lane) {
        struct lane *next = lane->next_open;
        lane->listed = false;
        if (lane->open) {
            lane_close(exec, lane);
        }
        lane = next;
    }
}

bool lanes_send(struct exec *exec)
{
    bool moved = false;
    struct lane **link = &exec->waiting_lanes;
    while (*link) {
        struct lane *lane = *link;
        while (lane->first) {
            struct block *block = lane->first;
            struct block *next = block->next;
            uint32_t size = block->values_size;
            if (!hand_on(exec, lane, block)) {
                break;
            }
            moved = true;
            lane->first = next;
            lane->last = next ? lane->last : NULL;
            lane->queued_count--;
            lane->queued_bytes -= size;
        }
        set_full(exec, lane);
        if (lane->first) {
            link = &lane->next_full;
        } else {
            lane->waiting = false;
            *link = lane->next_full;
        }
    }
    return moved;
}

void lane_discard(struct exec *exec, struct lane *lane)
{
    if (lane->open) {
        block_release(exec, lane->open);
        lane->open = NULL; /* It stays listed; closing skips it. */
    }
    while (lane->first) {
        struct block *next = lane->first->next;
        block_release(exec, lane->first);
        lane->first = next;
    }
    lane->last = NULL;
    lane->queued_count = 0;
    lane->queued_bytes = 0;
    set_full(exec, lane); /* lanes_send takes it off the waiting list. */
}

static void fail_runs(struct exec *exec, const struct block *block)
{
    for (uint32_t at = 0; at < block->runs_size;) {
        uint32_t roots_count = load_u32(block->runs + at + 4);
        for (uint32_t i = 0; i < roots_count; i++) {
            fail_root(exec, load_u64(block->runs + at + 8 + i * 8));
        }
        at += 8 + roots_count * 8;
    }
}

void lane_fail(struct exec *exec, struct lane *lane)
{
    if (lane->open) {
        fail_runs(exec, lane->open);
    }
    for (const struct block *block = lane->first; block; block = block->next) {
        fail_runs(exec, block);
    }
    lane_discard(exec, lane);
}

static bool over_limit(const struct exec *exec, const struct lane *lane)
{
    size_t bytes = lane->queued_bytes + (lane->peer ? 0 : lane->target->inbox_bytes);
    size_t max =
        lane->in_cycle ? EXEC_LANE_CYCLE_BYTES_MAX : EXEC_OUTPUT_MAX + exec->plan->inbox_size;
    return bytes > max;
}

static struct block *open_block(struct exec *exec, struct lane *lane, uint32_t size)
{
    if (lane->open) {
        lane_close(exec, lane);
    }
    if (over_limit(exec, lane)) {
        return NULL;
    }
    lane->open = block_new(exec, size);
    if (lane->open) {
        list_open(exec, lane);
    }
    return lane->open;
}

static enum gale_err refuse(struct exec *exec, struct lane *lane, struct scope *scope)
{
    exec->limit_hits++;
    scope->failed = scope->failed || !lane->source->manual;
    lane->source->count.errors++;
    if (lane->refused_ns == 0 || exec->now_ns - lane->refused_ns >= EXEC_REFUSED_NS) {
        lane->refused_ns = exec->now_ns;
        gale_task_error(&lane->source->head,
                        "more than %u MiB wait for task %u: tuples fail; %s",
                        EXEC_OUTPUT_MAX >> 20, lane->target_task,
                        lane->in_cycle ? "let the cycle make fewer tuples than it takes, or "
                                         "lower max_pending"
                                       : "emit less in one call (tick and finish: in slices)");
    }
    return GALE_ERR_LIMIT;
}

/* Short values are copied by whole words: source and block have the slack. */
static inline void copy(uint8_t *to, const uint8_t *from, uint32_t size, size_t from_room)
{
    if (GALE_LIKELY(size <= 16 && from_room >= 16)) {
        memcpy(to, from, 16);
    } else if (size <= 48 && from_room >= 48) {
        memcpy(to, from, 48);
    } else {
        memcpy(to, from, size);
    }
}

EXEC_HOT enum gale_err lane_append(struct exec *exec, struct lane *lane,
                                   const struct gale_tuple *tuple, size_t room,
                                   struct scope *scope)
{
    uint32_t size = tuple->size;
    uint32_t run_size = 16 + 8 * scope->roots_count;
    struct block *block = lane->open;
    if (!GALE_LIKELY(block && block->values_size + size <= BATCH_VALUES_SIZE &&
                     block->runs_size + run_size <= BATCH_RUNS_SIZE)) {
        block = open_block(exec, lane, size);
        if (!block) {
            return refuse(exec, lane, scope);
        }
    }
    if (scope->roots_count == 1 && block->run_root == scope->roots[0]) {
        run_extend(block);
    } else {
        run_note(block, scope);
    }
    if (scope->roots_count > 0) {
        scope->value ^= mix64(block->edge_seed + block->tuples_count);
        scope->workers |= lane->worker_bit;
        scope->used = true;
    }
    copy(block->values + block->values_size, tuple->data, size, room);
    block->values_size += size;
    block->tuples_count++;
    return GALE_OK;
}

bool head_must_wait(struct exec *exec, struct task *task)
{
    bool blocked = head_blocked(exec, task);
    if (blocked && task->blocked_since_ns == 0) {
        task->blocked_since_ns = exec->now_ns;
    } else if (!blocked && task->blocked_since_ns != 0) {
        task->count.blocked_ns += (uint64_t)(exec->now_ns - task->blocked_since_ns);
        task->blocked_since_ns = 0;
    }
    return blocked;
}

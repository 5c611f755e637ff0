/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acks: the root id names the spout task that owns the tree; when that task is here its ledger is
 * changed at once, else an entry is collected for its worker, merged with the one before when it has
 * the same root. Entries leave with the next control frame.
 */
#include "exec/internal.h"

#include <stdlib.h>

#define ACK_LIST_MAX (1u << 22)
#define ACK_FLUSH_COUNT 2048u /* entries that leave at the next step, idle or not */

/* The spout task here that owns the root, or NULL with *peer set (or neither: nobody's). */
static struct task *owner(struct exec *exec, uint64_t root, struct peer **peer)
{
    uint32_t id = root_task(root);
    *peer = NULL;
    if (id == 0 || id > exec->plan->tasks_count) {
        return NULL;
    }
    struct task *task = exec->tasks[id];
    if (task) {
        return task->component->spout ? task : NULL;
    }
    struct peer *other = &exec->peers[exec->task_worker[id]];
    *peer = other->up ? other : NULL;
    return NULL;
}

static void append(struct exec *exec, struct ack_list *list, uint64_t root, uint64_t value)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 256;
        struct ack_entry *items =
            room <= ACK_LIST_MAX ? realloc(list->items, room * sizeof(*items)) : NULL;
        if (!items) {
            exec->limit_hits++; /* The tree will time out and be replayed. */
            return;
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = (struct ack_entry){root, value};
    if (list->count >= ACK_FLUSH_COUNT) {
        exec->flush_due = true;
    }
}

void ack_root(struct exec *exec, uint64_t root, uint64_t value, uint64_t workers)
{
    struct peer *peer;
    struct task *task = owner(exec, root, &peer);
    if (task) {
        struct ledger_slot ended;
        if (ledger_ack(&task->ledger, root, value, workers, &ended) == LEDGER_DONE) {
            spout_tree_ended(exec, task, &ended, false);
        }
        return;
    }
    if (!peer) {
        return;
    }
    workers &= ~(UINT64_C(1) << (peer->worker & 63));
    if (workers != 0) {
        append(exec, &peer->touches, root, workers);
    }
    struct ack_list *acks = &peer->acks;
    if (acks->count > 0 && acks->items[acks->count - 1].root == root) {
        acks->items[acks->count - 1].value ^= value;
    } else {
        append(exec, acks, root, value);
    }
}

void fail_root(struct exec *exec, uint64_t root)
{
    struct peer *peer;
    struct task *task = owner(exec, root, &peer);
    if (task) {
        struct ledger_slot ended;
        if (ledger_fail(&task->ledger, root, &ended) == LEDGER_DONE) {
            spout_tree_ended(exec, task, &ended, false);
        }
    } else if (peer) {
        append(exec, &peer->fails, root, 0);
    }
}

void renew_root(struct exec *exec, uint64_t root)
{
    struct peer *peer;
    struct task *task = owner(exec, root, &peer);
    if (task) {
        ledger_renew(&task->ledger, root, exec_deadline(exec));
    } else if (peer) {
        append(exec, &peer->renews, root, 0);
    }
}

void scope_end(struct exec *exec, const struct scope *scope, uint64_t edges)
{
    uint64_t value = scope->value ^ edges;
    for (uint32_t i = 0; i < scope->roots_count; i++) {
        if (scope->failed) {
            fail_root(exec, scope->roots[i]);
        } else if (value != 0) {
            ack_root(exec, scope->roots[i], value, scope->workers);
        }
    }
}

/* Ends every tree that is overdue, or that reached one of `workers`. */
void acks_sweep(struct exec *exec, uint64_t workers)
{
    int64_t now = workers ? INT64_MIN : exec->now_ns - exec->paused_ns;
    for (uint32_t i = 0; i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        struct ledger_slot ended;
        uint32_t from = 0;
        while (task->component->spout &&
               ledger_sweep(&task->ledger, now, workers, &from, &ended)) {
            spout_tree_ended(exec, task, &ended, workers == 0);
        }
    }
}

static void fail_touches(struct exec *exec, const struct ack_list *touches, uint64_t workers)
{
    for (uint32_t i = 0; i < touches->count; i++) {
        if ((touches->items[i].value & workers) != 0) {
            fail_root(exec, touches->items[i].root);
        }
    }
}

static void fail_kept(struct exec *exec, struct task *task, uint64_t workers)
{
    for (struct kept *kept = task->kept; kept; kept = kept->next) {
        for (uint32_t i = 0; (kept->workers & workers) != 0 && i < kept->roots_count; i++) {
            fail_root(exec, kept->roots[i]);
        }
        kept->workers &= ~workers;
    }
}

void acks_fail_touched(struct exec *exec, uint64_t workers)
{
    for (uint32_t i = 0; i < exec->options.workers_count; i++) {
        fail_touches(exec, &exec->peers[i].touches, workers);
    }
    for (uint32_t i = 0; i < exec->local_count; i++) {
        fail_kept(exec, exec->local[i], workers);
    }
    acks_sweep(exec, workers);
}

void exec_fail_touched(struct exec *exec, uint64_t workers)
{
    acks_fail_touched(exec, workers);
}

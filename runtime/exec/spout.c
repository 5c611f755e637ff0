/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spout tasks: asked by `next` while they have room, their trees opened and ended in the ledger. A
 * tree that was fully processed by chained calls never enters the ledger's life: it ends at once.
 * ack and fail callbacks are owed and delivered between calls of next, never inside one.
 */
#include "exec/internal.h"

#include <stdlib.h>

#define SPOUT_IDLE_NS INT64_C(1000000)
#define SPOUT_ROUND_MIN 16u /* fails in a row that count as one more round */
#define SPOUT_REST_MIN_NS INT64_C(1000000)
#define SPOUT_REST_MAX_NS INT64_C(500000000)

int64_t exec_deadline(const struct exec *exec)
{
    return exec->timeout_ns ? exec->now_ns - exec->paused_ns + exec->timeout_ns : INT64_MAX;
}

static void owe_end(struct task *task, uint64_t id, bool acked, uint64_t latency_us)
{
    const struct gale_spout_ops *ops = task->component->spout;
    task->woken = true;
    task->replays_due += acked ? 0 : 1;
    if (!task->hooked && (acked ? ops->ack == NULL : ops->fail == NULL)) {
        return;
    }
    if (task->ends_count == task->ends_room) {
        uint32_t room = task->ends_room ? task->ends_room * 2 : 64;
        struct spout_end *ends = malloc(room * sizeof(*ends));
        if (!ends) {
            task->exec->limit_hits++;
            return;
        }
        for (uint32_t i = 0; i < task->ends_count; i++) {
            ends[i] = task->ends[(task->ends_head + i) & (task->ends_room - 1)];
        }
        free(task->ends);
        task->ends = ends;
        task->ends_head = 0;
        task->ends_room = room;
    }
    task->ends[(task->ends_head + task->ends_count++) & (task->ends_room - 1)] =
        (struct spout_end){id, acked, latency_us};
}

/* A tree failed. Replays at once are right while some come through; where round after round of all
 * that may be open fails and nothing is acked, they only keep full what makes them fail (timers,
 * kept tuples, queues of trees that failed long ago). So the task rests, longer from round to round,
 * until one is acked. A lost link or worker costs a round or two and no rest that matters. */
static void tree_failed(struct task *task, uint64_t id)
{
    uint64_t round = task->component->max_pending;
    round = round > SPOUT_ROUND_MIN ? round : SPOUT_ROUND_MIN;
    task->count.failed++;
    if (task->rest_acked != task->count.acked) {
        task->rest_acked = task->count.acked;
        task->rest_ns = 0;
        task->rest_failed = 0;
    }
    if (++task->rest_failed > 2 * round) {
        int64_t rest = task->rest_ns ? 2 * task->rest_ns : SPOUT_REST_MIN_NS;
        task->rest_ns = rest < SPOUT_REST_MAX_NS ? rest : SPOUT_REST_MAX_NS;
        task->rests_until_ns = task->exec->now_ns + task->rest_ns;
        task->rest_failed -= round;
    }
    owe_end(task, id, false, 0);
}

static uint64_t latency_note(struct exec *exec, struct task *task, int64_t start_ns)
{
    if (start_ns == 0) {
        return 0;
    }
    int64_t now = exec->options.ports.clock(exec->options.ports.self);
    if (exec->first_acked_ns == 0) { /* At the start every tree is timed (adapt_sampling). */
        exec->first_acked_ns = now;
    }
    uint64_t elapsed = now > start_ns ? (uint64_t)(now - start_ns) : 0;
    hist_record(task->complete_ns, elapsed);
    return elapsed / 1000;
}

static void acked(struct exec *exec, struct task *task, uint64_t id, int64_t start_ns)
{
    task->count.acked++;
    uint64_t latency_us = latency_note(exec, task, start_ns);
    if (task->component->spout->ack || task->hooked) {
        owe_end(task, id, true, latency_us);
    }
}

void spout_tree_ended(struct exec *exec, struct task *task, const struct ledger_slot *ended,
                      bool timed_out)
{
    exec->activity++;
    if (!ended->failed) {
        acked(exec, task, ended->message_id, ended->start_ns);
        if (task->replayable) {
            positions_done(&task->positions, ended->position);
        }
        task->woken = true;
        return;
    }
    task->count.timed_out += timed_out ? 1 : 0;
    tree_failed(task, ended->message_id);
}

static void emit_untracked(struct task *task, uint64_t id)
{
    task->count.acked++;
    if (task->replayable && !positions_pass(&task->positions, id)) {
        uint64_t place;
        if (positions_emit(&task->positions, id, &place) == GALE_OK) {
            positions_done(&task->positions, place);
        }
    }
    if (task->component->spout->ack || task->hooked) {
        owe_end(task, id, true, 0);
    }
}

/* The tree ended inside the emit: nothing of it left this thread's stack. */
static void ended_at_once(struct exec *exec, struct task *task, uint64_t id, int64_t start_ns,
                          bool failed)
{
    uint64_t place = 0;
    if (!failed) {
        if (task->replayable && !positions_pass(&task->positions, id) &&
            positions_emit(&task->positions, id, &place) == GALE_OK) {
            positions_done(&task->positions, place);
        }
        acked(exec, task, id, start_ns);
        return;
    }
    if (task->replayable) {
        positions_emit(&task->positions, id, &place);
    }
    tree_failed(task, id);
}

static void seal(struct exec *exec, struct task *task, const struct scope *scope, uint64_t id,
                 int64_t start_ns)
{
    struct ledger_slot values = {.value = scope->value,
                                 .message_id = id,
                                 .workers = scope->workers,
                                 .start_ns = start_ns,
                                 .deadline_ns = exec_deadline(exec)};
    struct ledger_slot ended;
    uint64_t root = task->spare_root;
    task->spare_root = 0;
    if (task->replayable && positions_emit(&task->positions, id, &values.position) != GALE_OK) {
        values.position = UINT64_MAX;
    }
    if (scope->failed) {
        ledger_fail(&task->ledger, root, &ended);
    }
    if (ledger_seal(&task->ledger, root, &values, &ended) == LEDGER_DONE) {
        spout_tree_ended(exec, task, &ended, false);
    }
}

EXEC_HOT enum gale_err emit_root(struct task *task, unsigned stream, uint64_t message_id,
                                 int64_t intended_ns, struct gale_emit_options *options)
{
    struct exec *exec = task->exec;
    if (!task->component->spout) {
        return GALE_ERR_STATE;
    }
    if (!exec->tracked) {
        enum gale_err err = emit_scoped(task, stream, &exec->unanchored, options);
        if (err == GALE_OK) {
            task->roots_count++;
            emit_untracked(task, message_id);
        }
        return err;
    }
    if (task->spare_root == 0) {
        enum gale_err err = ledger_open(&task->ledger, &task->spare_root);
        if (err != GALE_OK) {
            return err;
        }
    }
    int64_t start_ns = intended_ns;
    if (start_ns == 0 && (task->roots_count & task->latency_mask) == 0) {
        start_ns = exec->options.ports.clock(exec->options.ports.self);
    }
    uint64_t root = task->spare_root;
    struct scope scope = {.roots = &root, .roots_count = 1};
    enum gale_err err = emit_scoped(task, stream, &scope, options);
    if (err != GALE_OK && !scope.used && !scope.failed) {
        return err;
    }
    task->roots_count++;
    if (!scope.used) {
        if (scope.failed) { /* The next tuple must not have a root that was failed. */
            ledger_cancel(&task->ledger, root);
            task->spare_root = 0;
        }
        ended_at_once(exec, task, message_id, start_ns, scope.failed);
    } else {
        seal(exec, task, &scope, message_id, start_ns);
    }
    return GALE_OK;
}

EXEC_HOT enum gale_err gale_emit_root(struct gale_task *head, unsigned stream,
                                      uint64_t message_id)
{
    return emit_root(task_of(head), stream, message_id, 0, NULL);
}

void spout_deliver_ends(struct exec *exec, struct task *task)
{
    (void)exec;
    const struct gale_spout_ops *ops = task->component->spout;
    while (task->ends_count > 0) {
        struct spout_end end = task->ends[task->ends_head & (task->ends_room - 1)];
        task->ends_head++;
        task->ends_count--;
        if (end.acked && ops->ack) {
            ops->ack(task->state, &task->head, end.id);
        } else if (!end.acked && ops->fail) {
            ops->fail(task->state, &task->head, end.id);
        }
        if (task->hooked) {
            hooks_ended(task, end.id, end.acked, end.latency_us);
        }
    }
}

static bool may_start(struct exec *exec, struct task *task)
{
    if (!exec->active || exec->draining || !task->opened ||
        exec->now_ns < task->rests_until_ns) {
        return false;
    }
    if (!task->woken && (task->done || exec->now_ns < task->wait_ns)) {
        return false;
    }
    return true;
}

static uint32_t open_trees(const struct task *task)
{
    return task->ledger.open_count - (task->spare_root ? 1 : 0);
}

bool spout_run(struct exec *exec, struct task *task)
{
    bool ended = task->ends_count > 0;
    turn_begin(exec);
    if (ended) {
        spout_deliver_ends(exec, task);
        task->woken =
            true; /* A fail may want a replay; calls of next in between took the wake. */
    }
    if (!may_start(exec, task) || head_must_wait(exec, task) || positions_blocked(task)) {
        return ended;
    }
    const struct gale_spout_ops *ops = task->component->spout;
    uint32_t calls = 0;
    uint64_t before = task->count.emitted;
    while (calls < EXEC_SPOUT_QUANTUM) {
        if (open_trees(task) >= task->component->max_pending || head_blocked(exec, task)) {
            break;
        }
        task->woken = false;
        task->wait_ns = 0;
        calls++;
        enum gale_next next = ops->next(task->state, &task->head);
        if (next == GALE_NEXT_MORE) {
            task->done = false;
            continue;
        }
        task->done = next == GALE_NEXT_DONE;
        if (task->wait_ns == 0) {
            task->wait_ns = exec->now_ns + SPOUT_IDLE_NS;
        }
        break;
    }
    task->replays_due -= calls < task->replays_due ? calls : task->replays_due;
    exec->activity += task->count.emitted != before ? 1 : 0;
    return ended || (calls > 0 && task->wait_ns == 0) || task->count.emitted != before;
}

void gale_spout_wait(struct gale_task *head, int64_t at_ns)
{
    task_of(head)->wait_ns = at_ns > 0 ? at_ns : 1;
}

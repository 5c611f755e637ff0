/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inboxes: batches that wait for a bolt task here, from other workers (large ones stay in the received message) or
 * from lanes of this worker (the block itself). A payload is validated whole before its first batch
 * is queued, so the readers behind trust every byte. Bounded by credits (peers) and by inbox_size (lanes).
 */
#include "exec/internal.h"

#include "codec/scan.h"
#include "core/skip.h"

#include <stdlib.h>

static struct inbox_entry *entry_new(struct exec *exec)
{
    struct inbox_entry *entry = exec->free_entries;
    if (entry) {
        exec->free_entries = entry->next;
    } else {
        entry = malloc(sizeof(*entry));
        if (!entry) {
            return NULL;
        }
    }
    memset(entry, 0, sizeof(*entry));
    return entry;
}

void shared_release(struct exec *exec, struct shared_message *shared)
{
    if (--shared->references > 0) {
        return;
    }
    struct transport *transport = exec->options.ports.transport;
    if (shared->message.handle) {
        transport->ops->release(transport, &shared->message);
    }
    free(shared->raw);
    free(shared);
}

static void entry_free(struct exec *exec, struct inbox_entry *entry)
{
    if (entry->block) {
        block_release(exec, entry->block);
    }
    if (entry->shared) {
        shared_release(exec, entry->shared);
    }
    free(entry->copy);
    entry->next = exec->free_entries;
    exec->free_entries = entry;
}

static void push(struct task *task, struct inbox_entry *entry)
{
    entry->next = NULL;
    if (task->inbox_last) {
        task->inbox_last->next = entry;
    } else {
        task->inbox_first = entry;
    }
    task->inbox_last = entry;
    task->inbox_bytes += entry->size;
}

void inbox_put_block(struct exec *exec, struct lane *lane, struct block *block)
{
    struct inbox_entry *entry = entry_new(exec);
    if (!entry) { /* No memory: the trees in it time out and are replayed. */
        exec->limit_hits++;
        block_release(exec, block);
        return;
    }
    entry->block = block;
    entry->size = block->values_size + block->runs_size;
    entry->head = (struct batch_head){.size = entry->size,
                                      .target_task = lane->target_task,
                                      .source_task = lane->source->id,
                                      .input = lane->input,
                                      .tuples_count = block->tuples_count,
                                      .runs_size = block->runs_size,
                                      .edge_seed = block->edge_seed};
    entry->runs = block->runs;
    entry->runs_end = block->runs + block->runs_size;
    entry->values = block->values;
    entry->values_end = block->values + block->values_size;
    push(lane->target, entry);
}

/* Checks one batch against the plan and its values for form. */
static enum gale_err check_batch(const struct exec *exec, const struct peer *peer,
                                 const struct batch_head *head, const uint8_t *data,
                                 struct gale_error *error)
{
    const struct plan *plan = exec->plan;
    if (head->target_task == 0 || head->target_task > plan->tasks_count ||
        !exec->tasks[head->target_task] || head->source_task == 0 ||
        head->source_task > plan->tasks_count ||
        exec->task_worker[head->source_task] != peer->worker) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "batch from task %u for task %u: not theirs to exchange",
                              head->source_task, head->target_task);
    }
    const struct plan_component *bolt = exec->tasks[head->target_task]->component;
    if (!bolt->bolt || head->input >= bolt->inputs_count ||
        bolt->inputs[head->input].source != plan->task_component[head->source_task]) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "batch for input %u of \"%s\": no such edge", head->input,
                              bolt->name);
    }
    const struct plan_input *input = &bolt->inputs[head->input];
    uint64_t fields = plan->components[input->source].streams[input->stream].fields_count;
    uint32_t before = BATCH_HEAD_SIZE + head->runs_size;
    if (scan_values(data + before, head->size - before, fields * head->tuples_count) !=
        GALE_OK) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "batch for \"%s\": %u tuples are no valid values", bolt->name,
                              head->tuples_count);
    }
    return GALE_OK;
}

static enum gale_err check_payload(const struct exec *exec, const struct peer *peer,
                                   const uint8_t *payload, size_t size,
                                   struct gale_error *error)
{
    for (size_t at = 0; at < size;) {
        struct batch_head head;
        enum gale_err err = batch_head_read(payload + at, size - at, &head, error);
        if (err == GALE_OK) {
            err = check_batch(exec, peer, &head, payload + at, error);
        }
        if (err != GALE_OK) {
            return err;
        }
        at += head.size;
    }
    return GALE_OK;
}

/* Gives the entry the bytes of its batch. A small part of a large frame is copied: a batch that waits
 * must not hold many times the memory that its sender's credit stands for. */
static enum gale_err hold(struct inbox_entry *entry, const uint8_t *data, size_t frame_size,
                          struct shared_message *shared)
{
    if (entry->size * INBOX_FRAME_SHARE < frame_size) {
        entry->copy = malloc(entry->size);
        if (!entry->copy) {
            return GALE_ERR_NOMEM;
        }
        data = memcpy(entry->copy, data, entry->size);
    } else {
        entry->shared = shared;
        shared->references++;
    }
    entry->runs = data + BATCH_HEAD_SIZE;
    entry->runs_end = entry->runs + entry->head.runs_size;
    entry->values = entry->runs_end;
    entry->values_end = data + entry->size;
    return GALE_OK;
}

enum gale_err inbox_put_payload(struct exec *exec, struct peer *peer, const uint8_t *payload,
                                size_t size, struct shared_message *shared,
                                struct gale_error *error)
{
    enum gale_err err = check_payload(exec, peer, payload, size, error);
    if (err != GALE_OK) {
        return err;
    }
    for (size_t at = 0; at < size;) {
        const uint8_t *data = payload + at;
        struct inbox_entry *entry = entry_new(exec);
        if (!entry) {
            return gale_error_set(error, GALE_ERR_NOMEM, "no memory for an inbox entry");
        }
        batch_head_read(data, size - at, &entry->head, NULL);
        entry->size = entry->head.size;
        entry->peer = peer;
        if (hold(entry, data, size, shared) != GALE_OK) {
            entry_free(exec, entry);
            return gale_error_set(error, GALE_ERR_NOMEM, "no memory for a batch of %u bytes",
                                  entry->size);
        }
        push(exec->tasks[entry->head.target_task], entry);
        peer->consumed[entry->head.target_task].held += entry->size;
        exec->batches_received++;
        at += entry->size;
    }
    return GALE_OK;
}

/* Begins the next run of a batch: reads its roots into the scope. */
static void run_begin(struct inbox_entry *entry, struct scope *scope, uint64_t *roots)
{
    scope->roots = roots;
    scope->roots_count = 0;
    if (entry->head.runs_size == 0) {
        if (entry->run_left == 0) {
            entry->run_left = entry->head.tuples_count;
        }
        return;
    }
    uint32_t roots_count = load_u32(entry->runs + 4);
    if (entry->run_left == 0) {
        entry->run_left = load_u32(entry->runs);
    }
    memcpy(roots, entry->runs + 8, roots_count * sizeof(*roots));
    scope->roots_count = roots_count;
}

static void run_passed(struct inbox_entry *entry)
{
    if (entry->head.runs_size != 0) {
        entry->runs += 8 + load_u32(entry->runs + 4) * 8;
    }
}

/* A tuple was neither simply right: returns whether its edge counts as acked. */
static bool settle(struct task *task, const struct gale_tuple *tuple, enum gale_err err)
{
    struct gale_tuple_private *private = tuple->engine;
    task->count.unsettled++;
    if (err != GALE_OK && (private->flags & (TUPLE_ACKED | TUPLE_FAILED)) == 0) {
        if (private->kept) {
            gale_fail(&task->head, &private->kept->tuple);
        } else {
            task->count.failed++;
        }
        private->flags |= TUPLE_FAILED;
        private->scope->failed = true;
        call_result(task, err, "execute");
        return false;
    }
    if (private->flags & (TUPLE_ACKED | TUPLE_FAILED | TUPLE_KEPT)) {
        if (private->kept) {
            private->kept->origin = NULL;
        }
        return (private->flags & TUPLE_FAILED) == 0; /* A kept tuple has an edge of its own. */
    }
    if (task->manual) {
        return false;
    }
    task->count.unsettled--;
    return true;
}

/* Executes tuples of one run; stops early when an output is full or the turn is overdue. */
EXEC_HOT static void run_tuples(struct exec *exec, struct task *task, struct inbox_entry *entry,
                                struct scope *scope)
{
    struct gale_tuple_private private = {.scope = scope};
    const struct plan_input *input = &task->component->inputs[entry->head.input];
    const struct plan_stream *stream =
        &exec->plan->components[input->source].streams[input->stream];
    struct gale_tuple tuple = {.fields_count = stream->fields_count,
                               .input = entry->head.input,
                               .source_task = entry->head.source_task,
                               .engine = &private};
    uint64_t edges = 0;
    while (entry->run_left > 0) {
        const uint8_t *at = entry->values;
        const uint8_t *end = at;
        for (uint32_t i = 0; i < stream->fields_count; i++) {
            end = skip_value(end);
        }
        tuple.data = at;
        tuple.size = (uint32_t)(end - at);
        private.edge = mix64(entry->head.edge_seed + entry->tuples_done);
        private.flags = 0;
        private.kept = NULL;
        entry->values = end;
        entry->tuples_done++;
        entry->run_left--;
        enum gale_err err;
        if (GALE_LIKELY(++task->count.executed != task->sample_at)) {
            err = task->execute(task->state, &task->head, &tuple);
        } else {
            err = call_sampled(task, &tuple);
        }
        if (GALE_LIKELY(err == GALE_OK && private.flags == 0 && task->plain) ||
            settle(task, &tuple, err)) {
            edges ^= private.edge;
        }
        if (task->hooked) {
            hooks_executed(task, &tuple);
        }
        if (exec->full_lanes_count > 0 && head_blocked(exec, task)) {
            break;
        }
    }
    scope_end(exec, scope, edges);
}

/* Runs one batch; true when it is done. */
EXEC_HOT static bool run_batch(struct exec *exec, struct task *task, struct inbox_entry *entry)
{
    while (entry->tuples_done < entry->head.tuples_count) {
        if (head_blocked(exec, task)) {
            return false;
        }
        struct scope scope = {0};
        uint64_t one;
        uint32_t count = entry->head.runs_size ? load_u32(entry->runs + 4) : 0;
        run_begin(entry, &scope, count <= 1 ? &one : exec->run_roots);
        task->scope = &scope;
        run_tuples(exec, task, entry, &scope);
        task->scope = NULL;
        if (entry->run_left == 0) {
            run_passed(entry);
        }
    }
    return true;
}

EXEC_HOT bool inbox_run(struct exec *exec, struct task *task)
{
    bool ran = false;
    turn_begin(exec);
    if (head_must_wait(exec, task)) {
        return false;
    }
    for (uint32_t i = 0; i < EXEC_BATCH_QUANTUM && task->inbox_first; i++) {
        struct inbox_entry *entry = task->inbox_first;
        uint32_t before = entry->tuples_done;
        bool done = run_batch(exec, task, entry);
        ran = ran || done || entry->tuples_done != before;
        if (!done) {
            break;
        }
        task->inbox_first = entry->next;
        if (!task->inbox_first) {
            task->inbox_last = NULL;
        }
        task->inbox_bytes -= entry->size;
        if (entry->peer) {
            peer_consumed(exec, entry->peer, task->id, entry->size);
        }
        entry_free(exec, entry);
    }
    exec->activity += ran ? 1 : 0;
    return ran;
}

void inbox_clear(struct exec *exec, struct task *task)
{
    while (task->inbox_first) {
        struct inbox_entry *entry = task->inbox_first;
        task->inbox_first = entry->next;
        entry_free(exec, entry);
    }
    task->inbox_last = NULL;
    task->inbox_bytes = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuples that outlive their execute call: kept copies, acks and fails by hand, explicit anchors. A kept
 * tuple carries its roots, its own edge id and, per root, the XOR of the edges made from it; acking
 * it folds both into each root.
 */
#include "exec/internal.h"

#include <stdlib.h>

static void list_kept(struct task *task, struct kept *kept)
{
    kept->next = task->kept;
    if (task->kept) {
        task->kept->previous = kept;
    }
    task->kept = kept;
    task->kept_count++;
    task->kept_bytes += kept->size;
    task->exec->kept_count++;
}

/* A small tuple stays readable for a while after its end, so that a second ack of it by a component
 * is seen and counted instead of reading freed memory. */
static void bury(struct exec *exec, struct kept *kept)
{
    if (kept->size > EXEC_BURIED_SIZE_MAX) {
        free(kept);
        return;
    }
    kept->task = NULL;
    kept->private.kept = NULL;
    struct kept **place = &exec->buried[exec->buried_next++ % EXEC_BURIED_MAX];
    free(*place);
    *place = kept;
}

static void unlist_kept(struct task *task, struct kept *kept)
{
    if (kept->previous) {
        kept->previous->next = kept->next;
    } else {
        task->kept = kept->next;
    }
    if (kept->next) {
        kept->next->previous = kept->previous;
    }
    task->kept_count--;
    task->kept_bytes -= kept->size;
    task->exec->kept_count--;
    bury(task->exec, kept);
}

void kept_release_all(struct exec *exec, struct task *task)
{
    (void)exec;
    while (task->kept) {
        unlist_kept(task, task->kept);
    }
}

struct gale_tuple *gale_tuple_keep(struct gale_task *head, const struct gale_tuple *tuple)
{
    struct task *task = task_of(head);
    struct gale_tuple_private *private = tuple->engine;
    if (!private || !task->scope || private->scope != task->scope ||
        (private->flags & (TUPLE_KEPT | TUPLE_ACKED | TUPLE_FAILED)) != 0) {
        return NULL; /* Not the tuple in execution, or already settled. */
    }
    const struct scope *from = private->scope;
    size_t size = sizeof(struct kept) + 2 * sizeof(uint64_t) * from->roots_count + tuple->size;
    if (task->kept_count >= EXEC_KEPT_MAX || task->kept_bytes + size > EXEC_KEPT_BYTES_MAX) {
        task->exec->limit_hits++;
        return NULL;
    }
    struct kept *kept = calloc(1, size);
    if (!kept) {
        return NULL;
    }
    kept->size = size;
    kept->task = task;
    kept->roots_count = from->roots_count;
    kept->roots = (uint64_t *)(void *)(kept + 1);
    kept->values = kept->roots + from->roots_count;
    if (from->roots_count > 0) {
        memcpy(kept->roots, from->roots, from->roots_count * sizeof(uint64_t));
    }
    uint8_t *data = (uint8_t *)(kept->values + from->roots_count);
    memcpy(data, tuple->data, tuple->size);
    if (from->roots_count > 0) {
        /* A kept tuple always gets an edge of its own: what was made so far and the tuple's edge
         * leave as one ack now. Were they two, the loss of one could complete the tree falsely. */
        kept->private.edge = next_seed(task->exec);
        private->scope->value ^= kept->private.edge;
        private->scope->used = true;
    }
    kept->private.kept = kept;
    kept->origin = private;
    kept->tuple = *tuple;
    kept->tuple.data = data;
    kept->tuple.engine = &kept->private;
    private->kept = kept;
    private->flags |= TUPLE_KEPT;
    list_kept(task, kept);
    return &kept->tuple;
}

static void end_kept(struct task *task, struct kept *kept, bool acked)
{
    struct exec *exec = task->exec;
    exec->activity++;
    if (kept->origin) { /* Ended inside the very call that kept it. */
        kept->origin->kept = NULL;
        kept->origin->flags |= acked ? TUPLE_ACKED : TUPLE_FAILED;
    }
    for (uint32_t i = 0; i < kept->roots_count; i++) {
        if (acked) {
            ack_root(exec, kept->roots[i], kept->private.edge ^ kept->values[i], kept->workers);
        } else {
            fail_root(exec, kept->roots[i]);
        }
    }
    if (acked) {
        task->count.acked++;
    } else {
        task->count.failed++;
    }
    if (task->hooked) {
        hooks_settled(task, &kept->tuple, acked);
    }
    unlist_kept(task, kept);
}

static void settle_current(struct task *task, const struct gale_tuple *tuple, bool acked)
{
    struct gale_tuple_private *private = tuple->engine;
    if (!private || private->scope != task->scope || !task->scope ||
        (private->flags & (TUPLE_ACKED | TUPLE_FAILED)) != 0) {
        task->count.errors++; /* A second ack, or one of a tuple that is not the task's. */
        return;
    }
    if (private->kept) {
        struct kept *kept = private->kept;
        private->kept = NULL;
        private->flags |= acked ? TUPLE_ACKED : TUPLE_FAILED;
        end_kept(task, kept, acked);
        return;
    }
    private->flags |= acked ? TUPLE_ACKED : TUPLE_FAILED;
    if (acked) {
        task->count.acked++;
    } else {
        task->count.failed++;
        task->scope->failed = true;
    }
}

static void settle(struct gale_task *head, const struct gale_tuple *tuple, bool acked)
{
    struct task *task = task_of(head);
    if (tuple->engine && task->scope && tuple->engine->scope == task->scope) {
        settle_current(task, tuple, acked);
        return;
    }
    struct kept *kept = tuple->engine ? tuple->engine->kept : NULL;
    if (!kept || kept->task != task) {
        task->count.errors++;
        return;
    }
    end_kept(task, kept, acked);
}

void gale_ack(struct gale_task *head, const struct gale_tuple *tuple)
{
    settle(head, tuple, true);
}

void gale_fail(struct gale_task *head, const struct gale_tuple *tuple)
{
    settle(head, tuple, false);
}

void gale_reset_timeout(struct gale_task *head, const struct gale_tuple *tuple)
{
    struct task *task = task_of(head);
    const struct gale_tuple_private *private = tuple->engine;
    if (!private) {
        return;
    }
    uint32_t count = private->scope  ? private->scope->roots_count
                     : private->kept ? private->kept->roots_count
                                     : 0;
    const uint64_t *roots = private->scope  ? private->scope->roots
                            : private->kept ? private->kept->roots
                                            : NULL;
    for (uint32_t i = 0; i < count; i++) {
        renew_root(task->exec, roots[i]);
    }
}

static bool has_root(const uint64_t *roots, uint32_t count, uint64_t root)
{
    for (uint32_t i = 0; i < count; i++) {
        if (roots[i] == root) {
            return true;
        }
    }
    return false;
}

/* Roots of an anchor; NULL when it is neither current nor kept here. */
static const uint64_t *anchor_roots(const struct task *task, const struct gale_tuple *tuple,
                                    uint32_t *count)
{
    const struct gale_tuple_private *private = tuple ? tuple->engine : NULL;
    if (private && private->scope && private->scope == task->scope) {
        *count = private->scope->roots_count;
        return private->scope->roots ? private->scope->roots : (const uint64_t *)"";
    }
    if (private && private->kept && private->kept->task == task) {
        *count = private->kept->roots_count;
        return private->kept->roots;
    }
    return NULL;
}

enum gale_err anchors_begin(struct task *task, const struct gale_emit_options *options,
                            struct anchors *anchors)
{
    anchors->scope = (struct scope){.roots = anchors->roots};
    anchors->tuples = options->anchors;
    anchors->tuples_count = options->anchors_count;
    for (uint32_t i = 0; i < options->anchors_count; i++) {
        uint32_t count = 0;
        const uint64_t *roots = anchor_roots(task, options->anchors[i], &count);
        if (!roots) {
            task->count.errors++;
            gale_task_error(&task->head,
                            "anchor %u is neither the tuple in execution nor kept: "
                            "keep it with gale_tuple_keep before it is acked",
                            i);
            return GALE_ERR_STATE;
        }
        for (uint32_t k = 0; k < count; k++) {
            if (has_root(anchors->roots, anchors->scope.roots_count, roots[k])) {
                continue;
            }
            if (anchors->scope.roots_count == BATCH_ROOTS_MAX) {
                task->exec->limit_hits++;
                return GALE_ERR_LIMIT;
            }
            anchors->roots[anchors->scope.roots_count++] = roots[k];
        }
    }
    return GALE_OK;
}

/* Each root's new edges belong to exactly one anchor: the tuple in execution if it has the root
 * (its scope has one XOR for all its roots), else the first kept one that has it. */
void anchors_end(struct task *task, const struct anchors *anchors)
{
    const struct scope *made = &anchors->scope;
    struct scope *current = NULL;
    for (uint32_t i = 0; i < anchors->tuples_count; i++) {
        if (task->scope && anchors->tuples[i]->engine->scope == task->scope) {
            current = task->scope;
        }
    }
    if (current) {
        current->value ^= made->value;
        current->workers |= made->workers;
        current->used = current->used || made->used;
        current->failed = current->failed || made->failed;
    }
    for (uint32_t r = 0; r < made->roots_count; r++) {
        uint64_t root = made->roots[r];
        if (made->failed) {
            fail_root(task->exec, root);
        }
        if (current && has_root(current->roots, current->roots_count, root)) {
            continue;
        }
        for (uint32_t i = 0; i < anchors->tuples_count; i++) {
            struct kept *kept = anchors->tuples[i]->engine->kept;
            bool found = false;
            for (uint32_t k = 0; kept && k < kept->roots_count && !found; k++) {
                if (kept->roots[k] == root) {
                    kept->values[k] ^= made->value;
                    kept->workers |= made->workers;
                    found = true;
                }
            }
            if (found) {
                break;
            }
        }
    }
}

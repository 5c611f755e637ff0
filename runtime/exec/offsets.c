/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions of replayable spout tasks, for the coordinator to save. A task is asked by `save` when its
 * low mark has moved since the positions that were said last; what was given here counts as said only
 * when the caller reports that it left (exec_offsets_sent), so that one that could not be sent is given
 * again. Owned by the engine thread.
 */
#include "exec/internal.h"

#include <stdlib.h>

void exec_offsets(struct exec *exec, bool all, struct message_offsets *offsets)
{
    size_t used = 0;
    offsets->items = exec->offset_items;
    offsets->items_count = 0;
    if (!exec->offset_bytes) {
        exec->offset_bytes = malloc((size_t)EXEC_POSITION_MAX * (exec->local_count + 1u));
    }
    for (uint32_t i = 0; exec->offset_bytes && i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        if (!task->replayable || !task->opened ||
            (!all && task->saved_low_id == task->positions.low_id)) {
            continue;
        }
        size_t size =
            task->component->spout->save(task->state, &task->head, task->positions.low_id,
                                         exec->offset_bytes + used, EXEC_POSITION_MAX);
        if (size == 0 || size > EXEC_POSITION_MAX) {
            continue;
        }
        task->offered_low_id = task->positions.low_id;
        exec->offset_items[offsets->items_count++] = (struct message_offset){
            .task = task->id, .position = {exec->offset_bytes + used, size}};
        used += size;
    }
}

void exec_offsets_sent(struct exec *exec, const struct message_offsets *offsets)
{
    for (uint32_t i = 0; i < offsets->items_count; i++) {
        struct task *task = exec->tasks[offsets->items[i].task];
        task->saved_low_id = task->offered_low_id;
    }
}

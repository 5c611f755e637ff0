/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spout: where tuples come from. `next` is called while fewer than `max_pending` trees are open
 * and everything downstream has room; it must not block.
 *
 * A replayable spout (save and restore set) uses positions as message ids: the first emit of each
 * message has a larger id than all before it, a replay uses its old id. The engine knows the low
 * mark, the id up to which (exclusive) every message was acked, and asks `save` about once a second to
 * turn it into bytes that `restore` understands in the next run.
 */
#ifndef GALE_SPOUT_H
#define GALE_SPOUT_H

#include <gale/component.h>
#include <gale/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What `next` reports. */
enum gale_next {
    GALE_NEXT_MORE = 0, /**< Emitted, or may at once: call again as soon as there is room. */
    GALE_NEXT_IDLE =
        1,             /**< Nothing now: call again at gale_spout_wait's time, when a watched fd
                             or timer of the task fired, after an ack or fail, or in 1 ms. */
    GALE_NEXT_DONE = 2 /**< The input has ended; `next` is called again only after a fail. */
};

/** A spout's table; members a spout does not use stay NULL. Grows at the end only. */
struct gale_spout_ops {
    uint32_t abi;         /**< GALE_ABI. */
    uint32_t struct_size; /**< sizeof(struct gale_spout_ops). */
    const char *name;     /**< Unique in the module. */
    size_t state_size;    /**< Bytes of state for each task, zeroed before open; may be 0. */
    uint32_t flags;       /**< 0. */
    const char *fields;   /**< Fields of the stream "default", comma-separated; NULL: none. */
    const struct gale_option *options; /**< Ends with a NULL name; NULL: none. */
    const char *help;                  /**< One sentence for `gale components`. */
    gale_declare_fn declare;           /**< Streams that depend on options. */

    /** Before the first next; after restore. @return an error stops the worker with it. */
    enum gale_err (*open)(void *state, struct gale_task *task, const struct gale_conf *conf);
    /** Emits some tuples (few: the pending limit is checked between calls). */
    enum gale_next (*next)(void *state, struct gale_task *task);
    /** The tree of message_id was fully processed. */
    void (*ack)(void *state, struct gale_task *task, uint64_t message_id);
    /** The tree failed or timed out: emit it again from next. */
    void (*fail)(void *state, struct gale_task *task, uint64_t message_id);
    /** The topology became active (also before the first next). */
    void (*activate)(void *state, struct gale_task *task);
    /** The topology became inactive: next is not called until activate. */
    void (*deactivate)(void *state, struct gale_task *task);
    /** Before the worker exits in good order. */
    void (*close)(void *state, struct gale_task *task);
    /** Writes the position of low_id into `out`. @param low_id every message with a smaller id
     *  was acked; 0 when nothing was. @param out room of out_size bytes. @return bytes written
     *  (at most 64 KiB), 0 = nothing to save. */
    size_t (*save)(void *state, struct gale_task *task, uint64_t low_id, void *out,
                   size_t out_size);
    /** Before open: the bytes that save wrote in an earlier run (checked by the spout).
     *  @return an error stops the worker with it. */
    enum gale_err (*restore)(void *state, struct gale_task *task, const void *data,
                             size_t size);
};

/** First members of every gale_spout_ops initialiser. */
#define GALE_SPOUT_HEAD .abi = GALE_ABI, .struct_size = sizeof(struct gale_spout_ops)

/**
 * Asks for the next call of `next` at a given time instead of 1 ms after an idle one.
 * @param task the calling spout's task. @param at_ns on the gale_task_now_ns clock; INT64_MAX:
 * only when a watched fd, a timer or a fail wakes it.
 */
GALE_API void gale_spout_wait(struct gale_task *task, int64_t at_ns);

#ifdef __cplusplus
}
#endif
#endif

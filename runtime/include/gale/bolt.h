/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bolt: one static const table. The engine allocates a zeroed state for each task and runs all
 * callbacks of a task on one thread, never two at once, never one inside another.
 */
#ifndef GALE_BOLT_H
#define GALE_BOLT_H

#include <gale/component.h>
#include <gale/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The bolt acks and fails each tuple itself (gale_ack, gale_fail, or gale_tuple_keep); one that
 *  is neither acked, failed nor kept when execute returns will time out. */
#define GALE_BOLT_MANUAL_ACK 1u

/** A bolt's table; members a bolt does not use stay NULL. New members are added at the end only,
 *  so that a module with a smaller struct_size still loads. */
struct gale_bolt_ops {
    uint32_t abi;         /**< GALE_ABI. */
    uint32_t struct_size; /**< sizeof(struct gale_bolt_ops). */
    const char *name;     /**< Unique in the module. */
    size_t state_size;    /**< Bytes of state for each task, zeroed before prepare; may be 0. */
    uint32_t flags;       /**< GALE_BOLT_* or 0. */
    const char *fields;   /**< Fields of the stream "default", comma-separated; NULL: none. */
    const struct gale_option *options; /**< Ends with a NULL name; NULL: none. */
    const char *help;                  /**< One sentence for `gale components`. */
    gale_declare_fn declare;           /**< Streams that depend on options or inputs. */

    /** Before the first tuple. @return an error stops the worker with that error. */
    enum gale_err (*prepare)(void *state, struct gale_task *task, const struct gale_conf *conf);
    /** For each tuple. Returning GALE_OK acks it (unless kept or manual); any other value fails
     *  it and counts an error. */
    enum gale_err (*execute)(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple);
    /** Every `tick` of the topology file; may emit, unanchored. One that has much to emit does so in
     *  slices (about 256 KiB or a thousand tuples) and returns GALE_ERR_AGAIN between them: it is
     *  called again, once its output has room, until it returns something else. */
    enum gale_err (*tick)(void *state, struct gale_task *task);
    /** All input has ended and everything before was processed; may emit. Upstream first. Slices and
     *  GALE_ERR_AGAIN as with tick. */
    enum gale_err (*finish)(void *state, struct gale_task *task);
    /** Before the worker exits in good order; not called when it is killed. */
    void (*cleanup)(void *state, struct gale_task *task);
};

/** First members of every gale_bolt_ops initialiser. */
#define GALE_BOLT_HEAD .abi = GALE_ABI, .struct_size = sizeof(struct gale_bolt_ops)

#ifdef __cplusplus
}
#endif
#endif

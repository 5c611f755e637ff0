/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task can ask of the engine: who it is, the time, keeping tuples for later, timers and
 * file descriptors in the worker's loop, errors, hooks. All calls belong to the task's own
 * callbacks, which run on the worker's one engine thread; none blocks.
 */
#ifndef GALE_TASK_H
#define GALE_TASK_H

#include <gale/conf.h>
#include <gale/emit.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Task id, unique in the topology, from 1. @param task the calling task. @return the id. */
GALE_API uint32_t gale_task_id(const struct gale_task *task);
/** Position among the component's tasks, from 0. @param task the calling task.
 *  @return the index. */
GALE_API uint32_t gale_task_index(const struct gale_task *task);
/** Number of the component's tasks. @param task the calling task. @return at least 1. */
GALE_API uint32_t gale_task_parallelism(const struct gale_task *task);
/** Name of the component. @param task the calling task. @return owned by the engine. */
GALE_API const char *gale_task_component(const struct gale_task *task);
/** Name of the topology. @param task the calling task. @return owned by the engine. */
GALE_API const char *gale_task_topology(const struct gale_task *task);
/** Index of the worker it runs in, from 0. @param task the calling task. @return the index. */
GALE_API uint32_t gale_task_worker(const struct gale_task *task);
/** Monotonic time in nanoseconds, as of the last engine step (cheap). @param task the calling
 *  task. @return the time. */
GALE_API int64_t gale_task_now_ns(const struct gale_task *task);
/** Tasks of another component, for direct emits. @param task the calling task.
 *  @param component its name. @param ids receives up to `ids_max` task ids, ascending; may be
 *  NULL. @param ids_max room. @return how many tasks it has; 0 for an unknown component. */
GALE_API uint32_t gale_task_ids_of(const struct gale_task *task, const char *component,
                                   uint32_t *ids, uint32_t ids_max);
/** A value shared by the tasks of one worker, set by a worker hook (module.h).
 *  @param task the calling task. @param name its name. @return the pointer or NULL. */
GALE_API void *gale_task_resource(const struct gale_task *task, const char *name);

/**
 * Resolves a field name of an input; call it in prepare. Submit has already refused names that
 * `needs` (component.h) announced and the stream lacks.
 * @param task the calling bolt's task. @param input position in the bolt's `from` list.
 * @param field its name.
 * @return the index, or -1 when that input has no such field.
 */
GALE_API int gale_task_field(const struct gale_task *task, unsigned input, const char *field);
/** Number of entries of the bolt's `from` list. @param task the calling task. @return it. */
GALE_API unsigned gale_task_inputs(const struct gale_task *task);
/** Number of fields of an input. @param task the calling task. @param input its position.
 *  @return the number. */
GALE_API unsigned gale_task_fields(const struct gale_task *task, unsigned input);
/** Name of a field of an input. @param task the calling task. @param input its position.
 *  @param field index. @return owned by the engine, or NULL. */
GALE_API const char *gale_task_field_name(const struct gale_task *task, unsigned input,
                                          unsigned field);
/** Index of one of the task's own declared streams. @param task the calling task.
 *  @param stream its name. @return the index for gale_emit, or -1. */
GALE_API int gale_task_stream(const struct gale_task *task, const char *stream);
/** Whether anybody subscribes to a stream: emits to none cost little but not nothing.
 *  @param task the calling task. @param stream its index. @return true if so. */
GALE_API bool gale_task_stream_used(const struct gale_task *task, unsigned stream);

/**
 * Keeps the tuple being executed beyond execute (asynchronous work). The copy must be ended by
 * gale_ack or gale_fail, and may anchor emits until then.
 * @param task the calling task. @param tuple the one being executed.
 * @return a copy owned by the engine until it is acked or failed, or NULL when the task already
 * keeps the allowed number or bytes (then fail the tuple or return GALE_ERR_FAILED).
 */
GALE_API struct gale_tuple *gale_tuple_keep(struct gale_task *task,
                                            const struct gale_tuple *tuple);
/** Acks a tuple: a kept one (freed by this) or, in a manual-ack bolt, the one being executed.
 *  A second ack of the same tuple is counted and ignored. @param task the calling task.
 *  @param tuple the tuple. */
GALE_API void gale_ack(struct gale_task *task, const struct gale_tuple *tuple);
/** Fails a tuple: its whole tree fails and the spout is told. Otherwise as gale_ack.
 *  @param task the calling task. @param tuple the tuple. */
GALE_API void gale_fail(struct gale_task *task, const struct gale_tuple *tuple);
/** Starts the timeout of the tuple's tree anew. @param task the calling task. @param tuple
 *  current or kept. */
GALE_API void gale_reset_timeout(struct gale_task *task, const struct gale_tuple *tuple);

/** Called by the loop when a timer fires and the task's output has room. @param state the task's state. @param task itself.
 *  @param argument as given. @return GALE_OK, or an error that is reported and counted. */
typedef enum gale_err (*gale_timer_fn)(void *state, struct gale_task *task, void *argument);
/** Called by the loop when a descriptor is ready and the task's output has room. @param state the task's state. @param task
 *  itself. @param fd the descriptor. @param events GALE_FD_* that hold. @param argument as
 *  given. @return GALE_OK, or an error that is reported and counted. */
typedef enum gale_err (*gale_fd_fn)(void *state, struct gale_task *task, int fd,
                                    unsigned events, void *argument);
#define GALE_FD_READ 1u  /**< Readable, or the other side closed. */
#define GALE_FD_WRITE 2u /**< Writable. */

/**
 * Starts a timer in the worker's loop.
 * @param task the calling task. @param first_ms delay from now. @param period_ms 0 = once.
 * @param fn called on the engine thread. @param argument passed to it.
 * @param id receives a handle for gale_timer_stop; may be NULL.
 * @return GALE_OK or GALE_ERR_LIMIT.
 */
GALE_API enum gale_err gale_timer_start(struct gale_task *task, int64_t first_ms,
                                        int64_t period_ms, gale_timer_fn fn, void *argument,
                                        uint32_t *id);
/** Stops a timer; unknown handles are ignored. @param task the calling task. @param id handle. */
GALE_API void gale_timer_stop(struct gale_task *task, uint32_t id);
/**
 * Watches a file descriptor, level-triggered, until the task's cleanup or close at the latest. The
 * descriptor stays the task's; stop watching before you close it.
 * @param task the calling task. @param fd must be pollable. @param events GALE_FD_*; 0 = stop
 * watching. @param fn called on the engine thread. @param argument passed to it.
 * @return GALE_OK, GALE_ERR_LIMIT or GALE_ERR_IO.
 */
GALE_API enum gale_err gale_fd_watch(struct gale_task *task, int fd, unsigned events,
                                     gale_fd_fn fn, void *argument);

/**
 * Reports an error of the component to its log and to the run's report; the task lives on.
 * @param task the calling task. @param format printf format: what, where, what to do next.
 */
GALE_API void gale_task_error(struct gale_task *task, const char *format, ...)
    GALE_PRINTF(2, 3);

/**
 * Ends the run with an error that the component cannot get over, such as a disk that cannot be
 * read: what waits is not processed, the saved positions stay, `gale run` shows the sentence and
 * exits with 70. Returns; the callback goes on to its end, a spout with GALE_NEXT_IDLE.
 * @param task the calling task. @param format printf format: what, where, what to do next.
 */
GALE_API void gale_task_fatal(struct gale_task *task, const char *format, ...)
    GALE_PRINTF(2, 3);

/**
 * Callbacks around a task's life, for metrics and tests; unused ones NULL. All run on the engine
 * thread and must not emit.
 */
struct gale_task_hooks {
    uint32_t abi;         /**< GALE_ABI. */
    uint32_t struct_size; /**< sizeof(struct gale_task_hooks). */
    const char *name;     /**< By which a topology asks for it: `hooks: [name]`. */
    size_t state_size;    /**< Zeroed bytes of state for each task; first argument below. */
    /** After the component's prepare or open. */
    void (*prepare)(void *hook, struct gale_task *task, const struct gale_conf *conf);
    /** After an emit; `targets` tasks received it. */
    void (*emit)(void *hook, struct gale_task *task, unsigned stream, unsigned targets);
    /** After a spout's ack; latency in microseconds from its emit. */
    void (*spout_ack)(void *hook, struct gale_task *task, uint64_t message_id,
                      uint64_t latency_us);
    /** After a spout's fail. */
    void (*spout_fail)(void *hook, struct gale_task *task, uint64_t message_id);
    /** After a bolt's execute. */
    void (*bolt_execute)(void *hook, struct gale_task *task, const struct gale_tuple *tuple);
    /** After a bolt acked a tuple. */
    void (*bolt_ack)(void *hook, struct gale_task *task, const struct gale_tuple *tuple);
    /** After a bolt failed a tuple. */
    void (*bolt_fail)(void *hook, struct gale_task *task, const struct gale_tuple *tuple);
    /** Before the component's cleanup or close. */
    void (*cleanup)(void *hook, struct gale_task *task);
};

#ifdef __cplusplus
}
#endif
#endif

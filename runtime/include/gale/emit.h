/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitting: put the values of one tuple into the task's writer, then emit. Puts write msgpack in
 * its shortest form straight into the task's scratch; a value that does not fit goes through
 * gale_out_grow. Used only from the task's own callbacks, on the engine thread; never blocks.
 *
 *     struct gale_out *out = gale_begin(task);
 *     gale_put_string(out, word, size);
 *     gale_put_int64(out, 1);
 *     gale_emit(task, 0);
 */
#ifndef GALE_EMIT_H
#define GALE_EMIT_H

#include <gale/tuple.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Writer of one tuple: the task's scratch. Only the functions below touch it. */
struct gale_out {
    uint8_t *at;     /**< Next byte to write. */
    uint8_t *end;    /**< One past the room. */
    uint8_t *base;   /**< First byte. */
    int32_t values;  /**< Top-level values so far (containers count their elements off). */
    uint32_t nested; /**< Not 0 once a list or map was put. */
};

/** A task as its callbacks see it; the engine's own members follow this head. */
struct gale_task {
    struct gale_out out; /**< The writer that gale_begin returns. */
};

/**
 * Starts a tuple: forgets what was put and not emitted.
 * @param task the calling task.
 * @return its writer, good until the next emit or begin.
 */
static inline struct gale_out *gale_begin(struct gale_task *task)
{
    task->out.at = task->out.base;
    task->out.values = 0;
    task->out.nested = 0;
    return &task->out;
}

/**
 * Makes room for `size` more bytes, moving the scratch if it must. Called by the puts.
 * @param out the writer. @param size bytes wanted.
 * @return false when the tuple would exceed the limit (1 MiB by default): the emit that follows
 * then returns GALE_ERR_LIMIT and nothing is sent.
 */
GALE_API bool gale_out_grow(struct gale_out *out, size_t size);

/**
 * Copies fewer than 32 bytes without a call: two overlapping words instead of a loop.
 * @param to room for `size` bytes. @param from not overlapping `to`. @param size 0 … 31.
 */
static inline void gale_copy_short(uint8_t *to, const void *from, size_t size)
{
    const uint8_t *source = (const uint8_t *)from;
    if (size >= 16) {
        memcpy(to, source, 16);
        memcpy(to + size - 16, source + size - 16, 16);
    } else if (size >= 8) {
        memcpy(to, source, 8);
        memcpy(to + size - 8, source + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, source, 4);
        memcpy(to + size - 4, source + size - 4, 4);
    } else if (size > 0) {
        to[0] = source[0];
        to[size / 2] = source[size / 2];
        to[size - 1] = source[size - 1];
    }
}

/** Puts a string: general case. @param out the writer. @param data bytes. @param size bytes. */
GALE_API void gale_put_string_any(struct gale_out *out, const char *data, size_t size);

/**
 * Puts a string (UTF-8 by convention).
 * @param out the writer. @param data copied now. @param size bytes.
 */
static inline void gale_put_string(struct gale_out *out, const char *data, size_t size)
{
    if (GALE_LIKELY(size < 32 && (size_t)(out->end - out->at) > 33)) {
        uint8_t *at = out->at;
        *at = (uint8_t)(0xa0u | size);
        gale_copy_short(at + 1, data, size);
        out->at = at + 1 + size;
        out->values++;
        return;
    }
    gale_put_string_any(out, data, size);
}

/** Puts an integer: general case. @param out the writer. @param value any. */
GALE_API void gale_put_int64_any(struct gale_out *out, int64_t value);

/** Puts an integer in its shortest form. @param out the writer. @param value any. */
static inline void gale_put_int64(struct gale_out *out, int64_t value)
{
    if (GALE_LIKELY(value >= 0 && value < 128 && out->at < out->end)) {
        *out->at++ = (uint8_t)value;
        out->values++;
        return;
    }
    gale_put_int64_any(out, value);
}

/** Puts nil. @param out the writer. */
GALE_API void gale_put_nil(struct gale_out *out);
/** Puts a bool. @param out the writer. @param value true or false. */
GALE_API void gale_put_bool(struct gale_out *out, bool value);
/** Puts an unsigned integer in its shortest form. @param out the writer. @param value any. */
GALE_API void gale_put_uint64(struct gale_out *out, uint64_t value);
/** Puts a double. @param out the writer. @param value any; a NaN is written as the quiet NaN. */
GALE_API void gale_put_double(struct gale_out *out, double value);
/** Puts bytes. @param out the writer. @param data copied now. @param size bytes. */
GALE_API void gale_put_bytes(struct gale_out *out, const void *data, size_t size);
/** Puts a decimal. @param out the writer. @param value copied now. */
GALE_API void gale_put_decimal(struct gale_out *out, const struct gale_decimal *value);
/** Starts a list; put `count` values next. @param out the writer. @param count elements. */
GALE_API void gale_put_list(struct gale_out *out, uint32_t count);
/** Starts a map; put `count` keys and values in turn next. @param out the writer.
 *  @param count pairs. */
GALE_API void gale_put_map(struct gale_out *out, uint32_t count);
/** Puts any scalar read by gale_tuple_get (lists and maps: their head only).
 *  @param out the writer. @param value copied now. */
GALE_API void gale_put_value(struct gale_out *out, const struct gale_value *value);
/** Puts fields of a tuple as they are. @param out the writer. @param tuple the source.
 *  @param first index of the first field. @param count how many fields.
 *  @return GALE_OK or GALE_ERR_NOT_FOUND (nothing put). */
GALE_API enum gale_err gale_put_fields(struct gale_out *out, const struct gale_tuple *tuple,
                                       unsigned first, unsigned count);

/**
 * Emits what was put. In a bolt the tuple is anchored to the tuple being executed; outside
 * execute (tick, timer, fd, finish) it is unanchored; in a spout it is untracked. An emit that returns
 * an error inside execute fails the tuple in execution, even if execute then returns GALE_OK: its tree
 * has lost a tuple. A bolt with GALE_BOLT_MANUAL_ACK decides for itself.
 * @param task the calling task. @param stream index of a declared stream (0 = first declared).
 * @return GALE_OK (also when nobody subscribes), GALE_ERR_INVALID (wrong number of fields, unknown
 * stream; counted and logged), GALE_ERR_LIMIT (tuple or one call's output too large).
 */
GALE_API enum gale_err gale_emit(struct gale_task *task, unsigned stream);

/**
 * Emits from a spout with a message id: the tuple tree is tracked and ends in exactly one call of
 * the spout's ack or fail with that id (guarantee at-most-once: ack is called at once).
 * @param task a spout's task. @param stream as gale_emit. @param message_id any number; for a
 * replayable spout a position (spout.h).
 * @return as gale_emit; on an error neither ack nor fail will be called.
 */
GALE_API enum gale_err gale_emit_root(struct gale_task *task, unsigned stream,
                                      uint64_t message_id);

/** Options of gale_emit_with. Zero-initialise, set struct_size, then what you need. */
struct gale_emit_options {
    uint32_t struct_size; /**< sizeof(struct gale_emit_options). */
    uint32_t flags;       /**< GALE_EMIT_* or 0. */
    uint64_t message_id;  /**< With GALE_EMIT_ROOT. */
    int64_t intended_ns;  /**< With GALE_EMIT_ROOT: when the tuple should have been emitted
                                (gale_task_now_ns clock); latency counts from here. 0 = now. */
    const struct gale_tuple *const *anchors; /**< With GALE_EMIT_ANCHORS: current or kept. */
    uint32_t anchors_count;                  /**< Number of anchors; 0 = unanchored. */
    uint32_t target_task; /**< With GALE_EMIT_DIRECT: a task that subscribes by `direct`. */
    uint32_t *tasks;      /**< May be NULL; receives the ids of the chosen target tasks. */
    uint32_t tasks_max;   /**< Room in `tasks`. */
    uint32_t tasks_count; /**< Set by the call: how many tasks were chosen (may exceed max). */
};

#define GALE_EMIT_ROOT 1u    /**< Track it under message_id (spouts). */
#define GALE_EMIT_ANCHORS 2u /**< Use exactly the given anchors (bolts). */
#define GALE_EMIT_DIRECT 4u  /**< Send to target_task; the stream must be declared direct. */

/**
 * Emits with options: direct target, explicit anchors, intended time, chosen tasks.
 * @param task the calling task. @param stream as gale_emit.
 * @param options read, and its tasks written; stays the caller's.
 * @return as gale_emit; also GALE_ERR_NOT_FOUND (target_task is no subscriber), GALE_ERR_STATE
 * (root from a bolt, anchors from a spout).
 */
GALE_API enum gale_err gale_emit_with(struct gale_task *task, unsigned stream,
                                      struct gale_emit_options *options);

#ifdef __cplusplus
}
#endif
#endif

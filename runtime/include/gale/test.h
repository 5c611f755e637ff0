/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bench for one component, for unit tests of bolts and spouts: no processes, no network, a clock
 * that the test moves. Tuples are given and read back as text: JSON arrays of the fields, such as
 * ["storm",3]; bytes are {"$bytes":"base64"}, decimals {"$decimal":"1.50"}.
 */
#ifndef GALE_TEST_H
#define GALE_TEST_H

#include <gale/bolt.h>
#include <gale/spout.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gale_bench;

/** Makes a bench around a bolt with one input. @param ops the bolt. @param input_fields
 *  comma-separated. @param options lines "key: value" as in a topology file, or NULL.
 *  @param error receives why not. @return to be freed, or NULL. */
GALE_API struct gale_bench *gale_bench_bolt(const struct gale_bolt_ops *ops,
                                            const char *input_fields, const char *options,
                                            struct gale_error *error);
/** Makes a bench around a spout. @param ops the spout. @param options as gale_bench_bolt.
 *  @param error receives why not. @return to be freed, or NULL. */
GALE_API struct gale_bench *gale_bench_spout(const struct gale_spout_ops *ops,
                                             const char *options, struct gale_error *error);
/** Ends the component (cleanup or close) and frees. @param bench may be NULL. */
GALE_API void gale_bench_free(struct gale_bench *bench);
/** Gives the bolt a tuple and runs until nothing is left to do. @param bench a bolt's.
 *  @param tuple_json an array, one element a field. @return GALE_OK or GALE_ERR_INVALID. */
GALE_API enum gale_err gale_bench_give(struct gale_bench *bench, const char *tuple_json);
/** Calls a spout's next up to `calls` times. @param bench a spout's. @param calls at most.
 *  @return the last answer of next. */
GALE_API enum gale_next gale_bench_next(struct gale_bench *bench, unsigned calls);
/** Acks or fails an emitted spout tuple. @param bench a spout's. @param message_id it.
 *  @param acked true = ack. */
GALE_API void gale_bench_end(struct gale_bench *bench, uint64_t message_id, bool acked);
/** Moves the clock; due ticks and timers run. @param bench any. @param ms milliseconds. */
GALE_API void gale_bench_advance(struct gale_bench *bench, int64_t ms);
/** Ends the input: the bolt's finish runs. @param bench a bolt's. */
GALE_API void gale_bench_finish(struct gale_bench *bench);
/** Takes the oldest emitted tuple not yet taken. @param bench any.
 *  @return "stream [values…]" ("default [\"a\",1]"), for a tracked spout tuple with " #id" behind;
 *  good until the next call; NULL when there is none. */
GALE_API const char *gale_bench_take(struct gale_bench *bench);
/** How many given tuples were acked so far. @param bench a bolt's. @return the number. */
GALE_API uint64_t gale_bench_acked(const struct gale_bench *bench);
/** How many given tuples were failed so far. @param bench a bolt's. @return the number. */
GALE_API uint64_t gale_bench_failed(const struct gale_bench *bench);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's side of the tuple writer (putting: gale/emit.h): its memory, its limit and the check
 * before an emit. `nested` is 0 for the plain tuple that needs no further check beyond the number of
 * its values. An overflowed writer has at == end and a mark in `nested`, so that the inline puts
 * find no room and the others return at once; gale_begin clears the mark. One owner thread.
 */
#ifndef CORE_OUT_H
#define CORE_OUT_H

#include <gale/emit.h>

#define OUT_SIZE_MAX ((size_t)1 << 20) /* bytes of one tuple */
#define OUT_NESTED 1u                  /* in gale_out.nested: a list or map was put */
#define OUT_OVERFLOWED 0x80000000u     /* in gale_out.nested: the tuple passed a limit */

/** Allocates `size` bytes of scratch (at least 64, at most OUT_SIZE_MAX). False: no memory. */
bool out_init(struct gale_out *out, size_t size);
/** Frees the scratch; the writer may be initialised again. */
void out_fini(struct gale_out *out);

static inline bool out_overflowed(const struct gale_out *out)
{
    return (out->nested & OUT_OVERFLOWED) != 0;
}

/** The check of a writer whose `nested` is not 0 (others: compare `values`): exactly `fields_count`
 *  whole values, nested no deeper than HEAD_DEPTH_MAX.
 *  @return GALE_OK, GALE_ERR_INVALID (other number, unfinished list or map), GALE_ERR_LIMIT. */
enum gale_err out_check(const struct gale_out *out, unsigned fields_count);
/** Counts for a message what was put. @param values receives the top-level values begun.
 *  @return how many elements the lists and maps among them still lack. */
uint64_t out_missing(const struct gale_out *out, unsigned *values);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text templates of the generator spout: literal text with the placeholders {seq} (a number that
 * no other tuple of the component has), {rand:N} (0..N-1), {rand:A:B} (A..B, both included) and
 * {choice:a|b|c}. Any other brace is literal, so JSON can be written as it is. Rendering depends on
 * its arguments only, so that a failed tuple can be made again. One owner task.
 */
#ifndef SPOUTS_TEMPLATE_H
#define SPOUTS_TEMPLATE_H

#include <gale/value.h>

/** Most placeholders and literal runs of one template. */
#define TEMPLATE_PARTS_MAX 256
/** Most bytes of one rendered record. */
#define TEMPLATE_RECORD_MAX ((size_t)64 * 1024)

struct template;

/** Strong 64-bit mixer: what makes pseudo-random picks a function of (seed, id). */
static inline uint64_t template_mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

/** Compiles a template. On GALE_ERR_INVALID or GALE_ERR_LIMIT `error` says what and where. The
 *  caller frees *out; `text` is not needed afterwards. */
enum gale_err template_new(const char *text, struct template **out, struct gale_error *error);
/** Frees a template; may be NULL. */
void template_free(struct template *template);
/** Renders one record. `random` decides the picks, `number` is {seq}. The slice is good until the
 *  next call. */
struct gale_slice template_render(struct template *template, uint64_t random, uint64_t number);

#endif

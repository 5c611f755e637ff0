/* SPDX-License-Identifier: Apache-2.0 */
/* Small string helpers shared by configuration and command line. Pure. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

/** Copies with truncation and NUL; returns false when cut. size > 0. */
bool str_copy(char *out, size_t size, const char *text);
/** [A-Za-z0-9_-]{1,64}, the form of every topology, component, stream and field name; names that
 *  start with "__" are reserved and refused. */
bool str_is_name(const char *text);
/** Of `names` (NULL-terminated) the nearest to `word` by edit distance ≤ 1 + length/4, or NULL. */
const char *str_suggest(const char *word, const char *const *names);

#endif

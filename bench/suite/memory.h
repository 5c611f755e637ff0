/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the suite: running out of it ends the program with a message and exit code 70, since a
 * benchmark that is short of memory has nothing to tell. Any thread. */
#ifndef SUITE_MEMORY_H
#define SUITE_MEMORY_H

#include <stddef.h>

/** Zeroed memory for `count` objects; the caller frees it. Never NULL. */
void *suite_alloc(size_t count, size_t size);
/** Room for one more object behind `count` of them: grows by doubling, so it is asked at every
 *  append. @return the new address of `old`, never NULL. */
void *suite_grow(void *old, size_t count, size_t size);
/** A copy of text; the caller frees it. Never NULL. */
char *suite_copy(const char *text);

#endif

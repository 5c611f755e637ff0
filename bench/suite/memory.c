/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is there or ends the program; see memory.h. */
#include "suite/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_EXIT = 70, MEMORY_FIRST = 8 };

static void *there(void *memory)
{
    if (memory == NULL) {
        fputs("gale: out of memory; close other programs and try again\n", stderr);
        exit(MEMORY_EXIT);
    }
    return memory;
}

void *suite_alloc(size_t count, size_t size)
{
    return there(calloc(count > 0 ? count : 1, size));
}

void *suite_grow(void *old, size_t count, size_t size)
{
    /* Full at every power of two from MEMORY_FIRST on. */
    if (count > 0 && (count < MEMORY_FIRST || (count & (count - 1)) != 0)) {
        return old;
    }
    size_t capacity = count == 0 ? MEMORY_FIRST : count * 2;
    return there(capacity <= SIZE_MAX / size ? realloc(old, capacity * size) : NULL);
}

char *suite_copy(const char *text)
{
    return there(strdup(text));
}

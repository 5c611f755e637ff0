/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The adapter of xxHash: its only includer. The code is taken in line, so that short keys cost no
 * call into the library and nothing has to be linked. Pure; any thread.
 */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

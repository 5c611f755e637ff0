/* SPDX-License-Identifier: Apache-2.0 */
/* XXH3 64 bits with seed: the hash of fields grouping, part of the format. Pure. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *data, size_t size, uint64_t seed);

#endif

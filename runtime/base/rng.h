/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: a fast 64-bit generator (xoshiro256**) seeded by getrandom or by a given seed,
 * and the 64-bit mixer that derives edge ids. One owner thread each. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <gale/errors.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/** Seeds from the operating system; GALE_ERR_IO if it cannot (then fail closed). */
enum gale_err rng_seed_os(struct rng *rng);
/** Seeds from a number: equal seeds give equal sequences. */
void rng_seed(struct rng *rng, uint64_t seed);

/** Strong 64-bit mixer: a bijection with full avalanche (Stafford's variant 13, as splitmix64). */
static inline uint64_t mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t rng_rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rng_rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rng_rotl(s[3], 45);
    return result;
}

/** Uniform in [0, bound), bound > 0 (multiply-shift; bias below 2^-32 for bound < 2^32). */
static inline uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    return (uint32_t)(((rng_next(rng) >> 32) * (uint64_t)bound) >> 32);
}

#endif

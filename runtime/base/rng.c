/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeding of the generators; drawing numbers is inline in rng.h. A generator's state is never all
 * zero, because xoshiro256** would then only give zeros. One owner thread each; not for secrets.
 */
#include "base/rng.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum gale_err rng_seed_os(struct rng *rng)
{
    uint8_t bytes[sizeof rng->s];
    size_t have = 0;
    while (have < sizeof bytes) {
        ssize_t got = getrandom(bytes + have, sizeof bytes - have, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return GALE_ERR_IO;
        }
        have += (size_t)got;
    }
    memcpy(rng->s, bytes, sizeof rng->s);
    if (!(rng->s[0] | rng->s[1] | rng->s[2] | rng->s[3])) {
        rng->s[0] = 1;
    }
    return GALE_OK;
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    /* Four different inputs of a bijection: at most one word can be zero. */
    for (int i = 0; i < 4; i++) {
        rng->s[i] = mix64(seed);
        seed += 0x9e3779b97f4a7c15u;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* All tables of benchmarks in the order of --list, and what their names mean. */
#include "suite/catalogue.h"

#include "base/assert.h"
#include <string.h>

static const struct bench *const tables[] = {
    benches_storm, benches_special, benches_cluster,
    benches_ysb,   benches_nexmark, benches_micro,
};

size_t suite_all(const struct bench **out)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const struct bench *bench = tables[i]; bench->name != NULL; bench++) {
            GALE_ASSERT(count < BENCH_ALL_MAX);
            out[count++] = bench;
        }
    }
    return count;
}

bool suite_choose(const char *word, const struct bench **chosen, size_t *chosen_count)
{
    const struct bench *all[BENCH_ALL_MAX];
    size_t all_count = suite_all(all);
    bool found = false;
    for (size_t i = 0; i < all_count; i++) {
        bool is_meant = strcmp(word, "all") == 0 || strcmp(word, all[i]->group) == 0 ||
                        strcmp(word, all[i]->name) == 0;
        bool is_there = false;
        for (size_t j = 0; j < *chosen_count; j++) {
            is_there = is_there || chosen[j] == all[i];
        }
        if (is_meant && !is_there) {
            chosen[(*chosen_count)++] = all[i];
        }
        found = found || is_meant;
    }
    return found;
}

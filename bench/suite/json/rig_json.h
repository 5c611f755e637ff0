/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster's verbs write with --json, as structs. Unknown members are skipped and missing ones
 * stay 0. Pure. */
#ifndef SUITE_JSON_RIG_JSON_H
#define SUITE_JSON_RIG_JSON_H

#include "suite/suite.h"

/* One topology, of `gale describe` or an item of `gale list`. */
struct rig_topology {
    char name[BENCH_NAME_SIZE];
    char status[BENCH_NAME_SIZE];
    unsigned workers, workers_up, restarts;
    int64_t first_acked_at_ns;     /* Described only; 0: none yet. */
    pid_t pids[BENCH_WORKERS_MAX]; /* Described only; by the worker's index. */
    size_t pids_count;
};

/* Sums over the spouts of `gale top NAME --once`, and what all bolts executed. */
struct rig_counts {
    uint64_t emitted, acked, failed, timed_out, pending, executed;
};

/** The text member `key` of an object. @return false: there is none, or it is too long. */
bool rig_json_text(const char *text, size_t size, const char *key, char *out, size_t out_size);
/** Reads the answer of `gale describe`. @return false when it is none. */
bool rig_json_describe(const char *text, size_t size, struct rig_topology *topology);
/** Calls `fn` for each topology of `gale list`. @return how many; SIZE_MAX: it is no list. */
size_t rig_json_list(const char *text, size_t size,
                     void (*fn)(void *self, const struct rig_topology *topology), void *self);
/** Reads one sample of `gale top NAME`. @return false when it is none. */
bool rig_json_top(const char *text, size_t size, struct rig_counts *counts);
/** How many hosts of `gale hosts` are alive. */
size_t rig_json_hosts(const char *text, size_t size);

#endif

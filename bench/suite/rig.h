/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster of the suite's own: coordinators, one supervisor and, where asked for, ZooKeeper, or one
 * `gale dev`, as processes on loopback with ports chosen by the system and all files in a directory
 * of its own below that of the run. The settings of the user do not count. Questions go through the
 * command line, `gale VERB --json`, like those of a user.
 *
 * rig_end leaves no process behind, workers included: each has a mark in its environment, by which
 * it is found. Should the suite itself be killed, the daemons get a signal and the supervisor ends
 * its workers. One thread.
 */
#ifndef SUITE_RIG_H
#define SUITE_RIG_H

#include "suite/child.h"
#include "suite/json/rig_json.h"
#include "suite/suite.h"
#include "suite/zookeeper.h"

enum {
    RIG_COORDINATORS_MAX = 2,
    RIG_ENDPOINT_SIZE = 160,
    RIG_DIR_SIZE = PATH_MAX - 256, /* Leaves room for the names in it. */
    RIG_SLOTS = 1000,              /* Workers that the supervisor takes. */
};

struct rig_options {
    unsigned coordinators; /* 0: `gale dev` instead of coordinator and supervisor. */
    const char *session;   /* Of ZooKeeper; NULL: none, the store is the coordinator's own. */
};

struct rig_coordinator {
    pid_t pid; /* 0: it does not run. */
    char rpc[RIG_ENDPOINT_SIZE];
    char control[RIG_ENDPOINT_SIZE];
    unsigned starts_count;
};

struct rig {
    const struct bench_context *context;
    struct result *result;
    struct rig_options options;
    char dir[RIG_DIR_SIZE];
    char mark[RIG_DIR_SIZE + 32];
    char **environment;
    struct zookeeper zookeeper;
    struct rig_coordinator coordinators[RIG_COORDINATORS_MAX];
    pid_t supervisor; /* Of `gale dev`: all of it. */
    struct child child;
    bool has_child;
    /* What the last command said; the text lives until the next one. */
    int code; /* Its exit code; -1: it did not end by itself. */
    double wall_ms;
    int64_t started_ns;
    const char *text;
    size_t size;
};

/**
 * Starts everything and waits until the host is known. rig_end follows in every case.
 * @return BENCH_DONE; BENCH_WRONG after result_fail; BENCH_INTERRUPTED.
 */
enum bench_end rig_start(struct rig *rig, const struct bench_context *context,
                         const struct rig_options *options, struct result *result);
void rig_end(struct rig *rig);

/** Starts a coordinator (again) and waits until it answers. */
enum bench_end rig_coordinator_start(struct rig *rig, unsigned index);
/** Kills it by SIGKILL and reaps it. */
void rig_coordinator_kill(struct rig *rig, unsigned index);
/** The coordinator whom the supervisor obeys, by the file that it writes for its workers.
 *  @return RIG_COORDINATORS_MAX: none of them. */
unsigned rig_leader(const struct rig *rig);
/** Whether the supervisor knows the addresses of all coordinators, by the file that it keeps. */
bool rig_knows_coordinators(const struct rig *rig);

/** Runs `gale WORD …` (at most eight, NULL-terminated) and --json; rig->code says how it ended.
 *  @return BENCH_DONE whatever the exit code; BENCH_WRONG, BENCH_INTERRUPTED. */
enum bench_end rig_try(struct rig *rig, const char *const *words);
/** The same; an exit code other than 0 is BENCH_WRONG with what the command said. */
enum bench_end rig_gale(struct rig *rig, const char *const *words);
/** Submits the benchmark's topology under a name. @param rate "rate=N". */
enum bench_end rig_submit(struct rig *rig, const char *name, const char *rate);
/** `gale kill` without a question. */
enum bench_end rig_kill(struct rig *rig, const char *name);
/** `gale describe`. */
enum bench_end rig_describe(struct rig *rig, const char *name, struct rig_topology *out);
/** Deactivates a topology and checks that all that its spouts emitted was executed and acked, that
 *  nothing failed and no worker was started again. @param total receives the sums, added. */
enum bench_end rig_check(struct rig *rig, const char *name, struct rig_counts *total);

#endif

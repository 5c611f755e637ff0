/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world around the cluster's coordinator for its tests: one embedded store that up to two
 * coordinators share through proxies (so that one can be cut off), hosts that do as supervisors do, and
 * worker processes that say what workers say. Time goes when world_run says so. One thread.
 */
#ifndef TESTS_CLUSTER_WORLD_H
#define TESTS_CLUSTER_WORLD_H

#include "cluster/cluster.h"
#include "cluster/cluster_records.h"
#include "cluster/package.h"
#include "rpc/tree.h"

#define WORLD_CLUSTERS 2
#define WORLD_HOSTS 8
#define WORLD_PROCESSES 128
#define MS INT64_C(1000000)

#define WORLD_WATCHES 4096

/* A watch of a coordinator: it fires only while that lives. */
struct watch {
    struct proxy *proxy;
    uint64_t generation;
    void (*fn)(void *argument, const char *path);
    void *argument;
};

/* A store whose session the test rules. */
struct proxy {
    struct store base;
    struct store *inner;
    struct world *world;
    uint64_t generation;
    uint64_t life;    /* of the coordinator that uses it */
    bool away;        /* no call gets through, and the session says so */
    bool lose_answer; /* the next multi takes effect, and nothing is known of it */
    char *own[4];     /* its ephemeral records */
    uint64_t multis;
};

struct process {
    bool alive;
    uint64_t topology, incarnation, epoch;
    uint32_t worker, attempt;
    int host;
    bool assigned, active, drained, stopped, told_exit, frozen, hello_due;
    bool spouts_done; /* of its own accord */
    bool debugs;      /* it was told to log all of component "b" */
    uint32_t round, finish_level;
    uint64_t saves; /* positions said; 0: it says none */
    uint32_t spout_task;
    enum message_command state;
};

struct held {
    uint64_t topology, incarnation;
    uint32_t worker, attempt;
    bool running;
    bool in_order; /* it ended because it was told to */
};

struct host {
    char name[32];
    bool up;
    uint32_t slots;
    uint64_t epoch; /* the highest seen */
    struct held held[64];
    size_t held_count;
    struct held gone[64];
    size_t gone_count;
};

struct world {
    char dir[64];
    struct store *store;
    struct proxy proxies[WORLD_CLUSTERS];
    struct cluster *clusters[WORLD_CLUSTERS];
    struct cluster_ports ports;
    struct host hosts[WORLD_HOSTS];
    size_t hosts_count;
    struct process processes[WORLD_PROCESSES];
    size_t processes_count;
    int64_t now_ns, wall_ms;
    uint64_t incarnation;
    uint64_t starts; /* of processes */
    bool blobs_missing;
    bool failing;           /* every process exits as soon as it lives */
    struct gale_conf *tree; /* last answer */
    struct buf body;
    char error[512]; /* its refusal; "" */
    enum gale_err code;
    char redirect[256];
    char tap_where[64];
    uint64_t tap; /* as a worker was told last */
    uint64_t pokes, connects;
    struct watch watches[WORLD_WATCHES];
    size_t watches_count;
};

void world_open(struct world *world);
void world_close(struct world *world);
/** A coordinator; the first one leads with the next step. */
void world_coordinator(struct world *world, int index);
/** It dies without a word; its candidate goes, as its session ends. */
void world_kill_coordinator(struct world *world, int index);
int world_host(struct world *world, const char *name, uint32_t slots);
/** The host and all its processes are gone, or come back empty. */
void world_host_down(struct world *world, int host);
void world_host_up(struct world *world, int host);
/** Time passes in turns of 20 ms. */
void world_run(struct world *world, int64_t ms);
/** Runs until the topology has this status, at most 30 s. */
void world_until(struct world *world, const char *name, const char *status);
/** Runs until there is no such topology. */
void world_until_gone(struct world *world, const char *name);

/** Asks coordinator 0 (or 1): the answer is in world->tree, a refusal in world->code. request is freed. */
enum gale_err world_ask(struct world *world, int index, struct gale_conf *request,
                        const void *body, size_t size);
struct gale_conf *world_request(const char *verb, const char *name);
enum gale_err world_ask_name(struct world *world, int index, const char *verb,
                             const char *name);
/** Submits a topology text, {} of YAML, with keys of the request (NULL: none). */
enum gale_err world_submit(struct world *world, const char *yaml, const char *flag);
/** Status by `list` of whoever leads; "": there is none. */
const char *world_status(struct world *world, const char *name);
/** A number of `describe`. */
int64_t world_describe(struct world *world, const char *name, const char *key);
/** Workers of a topology on a host, by `describe`. */
unsigned world_workers_on(struct world *world, const char *name, const char *host);
/** The living process of a worker; NULL: none. */
struct process *world_process(struct world *world, uint32_t worker);
unsigned world_living(const struct world *world);
/** It dies; its supervisor starts another one. */
void world_kill_process(struct world *world, struct process *process);

#endif

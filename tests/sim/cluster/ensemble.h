/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated store: one ensemble of servers with sessions, ephemeral records and versions, and the
 * store port of each coordinator in front of it. What ZooKeeper does to its clients is done here by
 * the seed: requests and answers are lost, writes are held back and applied later, sessions end while their
 * owner does not know, all servers are gone for a while. The port behaves as store_zookeeper does: a
 * write of unknown outcome is settled before the next one, sessions are judged by the own clock.
 *
 * Each of these three safeguards can be switched off, which must make the simulation fail.
 */
#ifndef SIM_CLUSTER_ENSEMBLE_H
#define SIM_CLUSTER_ENSEMBLE_H

#include "base/buf.h"
#include "base/rng.h"
#include "store/path.h"
#include "store/store.h"

#define ENSEMBLE_RECORDS_MAX 1024u
#define ENSEMBLE_CLIENTS_MAX 4u
#define ENSEMBLE_WATCHES_MAX 32u
#define ENSEMBLE_PATH_SIZE 256u
#define ENSEMBLE_NUMBERED (-2) /* version of a create whose path gets the next number */
#define ENSEMBLE_SESSION_NS INT64_C(4000000000)

struct ensemble;

struct ensemble_record {
    char path[ENSEMBLE_PATH_SIZE]; /* empty: not used */
    struct buf value;
    int64_t version;
    uint64_t session;  /* owner of an ephemeral record, else 0 */
    uint32_t sequence; /* next number of an enlisted child */
};

/* A write whose outcome its client does not know. */
struct ensemble_held {
    bool waiting;
    int64_t at_ns; /* when it is applied, if nobody settles it before */
    struct store_op ops[STORE_OPS_MAX];
    size_t ops_count;
    void *copies;     /* paths and values */
    uint64_t session; /* owner of what it creates; 0: nobody */
};

struct ensemble_watch {
    char path[ENSEMBLE_PATH_SIZE]; /* empty: not used */
    void (*fn)(void *argument, const char *path);
    void *argument;
    bool due;
};

/* The store port of one coordinator's process. */
struct ensemble_client {
    struct store base; /* must be first */
    struct ensemble *ensemble;
    uint32_t index;
    bool open;
    uint64_t session, generation;
    bool connected;
    int64_t contact_ns;
    struct ensemble_watch watches[ENSEMBLE_WATCHES_MAX];
    struct ensemble_held held;   /* of this process */
    struct ensemble_held orphan; /* of an earlier one: nobody settles it any more */
    int64_t stalled_ns;          /* time that the calls since the last look took */
    int64_t backstop_ns;         /* when all watches fire again */
};

struct ensemble_session {
    uint64_t id; /* 0: not used */
    int64_t heard_ns;
};

struct ensemble_options {
    bool fence;     /* checks of the epoch count */
    bool look_up;   /* an unknown write is settled before it is repeated */
    bool own_timer; /* a client judges its session by its own clock */
};

/* What the world decides. */
struct ensemble_ports {
    void *self;
    int64_t (*now_ns)(void *self);
    /** Whether a request of the client, or an answer to it, gets through now. */
    bool (*reaches)(void *self, uint32_t client, bool answer);
    /** Whether an answer that could get through is lost all the same. */
    bool (*loses)(void *self);
    /** A write is issued; later, perhaps, it takes effect: for the oracle, right before it does. */
    void (*issued)(void *self, uint32_t client, const struct store_op *ops, size_t ops_count);
    void (*applied)(void *self, uint32_t client, const struct store_op *ops, size_t ops_count);
};

struct ensemble {
    const struct ensemble_ports *ports;
    struct ensemble_options options;
    struct rng rng;
    bool up;
    struct ensemble_record records[ENSEMBLE_RECORDS_MAX];
    uint32_t records_used; /* none is in use from here on */
    struct ensemble_session sessions[64];
    uint64_t sessions_made;
    struct ensemble_client clients[ENSEMBLE_CLIENTS_MAX];
    uint64_t writes_count, unknown_count, expired_count, held_applied_count;
};

void ensemble_init(struct ensemble *ensemble, const struct ensemble_ports *ports,
                   struct ensemble_options options, uint64_t seed);
void ensemble_fini(struct ensemble *ensemble);
/** All servers go, or come back; sessions get their whole time again. */
void ensemble_power(struct ensemble *ensemble, bool up);
/** Ends overdue sessions, applies held writes that are due. */
void ensemble_tick(struct ensemble *ensemble);
int64_t ensemble_next_ns(const struct ensemble *ensemble);
/** The record's version, or −1. */
int64_t ensemble_version(const struct ensemble *ensemble, const char *path);
const struct ensemble_record *ensemble_find(const struct ensemble *ensemble, const char *path);

/** A process opens its store; one of an earlier life is closed as by a crash. */
struct store *ensemble_open(struct ensemble *ensemble, uint32_t client);
/** The process is gone; its session ends later, what it held may still be applied. */
void ensemble_crash(struct ensemble *ensemble, uint32_t client);

#endif

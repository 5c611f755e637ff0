/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator of a cluster as a state machine: requests, messages of workers and the time in;
 * messages out through ports, what must outlive it through the store port. The daemon
 * (cluster/coordinator.h) gives it sockets, the simulation a simulated world.
 *
 * Every candidate runs; one leads. The leader holds one `struct control` for each topology that has
 * its workers placed, tells supervisors (who ask by the verb `host`) which processes to keep, and
 * writes down what a successor must know before it acts on it. A leader whose session is in doubt
 * is a caretaker: it goes on answering supervisors and workers with its epoch, but changes and moves
 * nothing until it leads again; when another leads it drops everything.
 *
 *   WAITING ──elected, all read──▶ LEADING ⇄ CARING (session in doubt) ──another leads──▶ WAITING
 *                                     ▲          └──elected anew, all read again──┐
 *                                     └────────────────────────────────────────────┘
 *
 * One thread. The store's calls may block; nothing else does. Workers and supervisors that answer to
 * another epoch or incarnation have no effect (run/control.h).
 *
 *   cluster.c        election, steps           cluster_hosts.c   supervisors, lost hosts
 *   cluster_load.c   reading everything        cluster_place.c   who runs where
 *   cluster_life.c   life cycle of one         cluster_save.c    positions, errors to the store
 *   cluster_verbs.c  requests that change      cluster_show.c, cluster_sample.c  requests that look
 *   cluster_tap.c    taps, log levels          cluster_records.c what is written down
 *   cluster_value.c  values of samples
 */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "base/rng.h"
#include "codec/message.h"
#include "rpc/server.h"
#include "store/store.h"
#include "worker/worker.h"

#define CLUSTER_TOPOLOGIES_MAX 4096u
#define CLUSTER_HOSTS_MAX 4096u
#define CLUSTER_HOST_TIMEOUT_MS 1500 /* default */
#define CLUSTER_TAPS_MAX 16u         /* at the same time */
#define CLUSTER_ADDRESSES_MAX 8u     /* where a blob may be had */

struct cluster;

/* All may be NULL but connect, send and wall_ms. None may call the cluster again. */
struct cluster_ports {
    void *self;
    /** Opens the way to a worker's endpoint; the earlier one is closed. NULL closes. */
    void (*connect)(void *self, uint64_t topology, uint32_t worker, const char *endpoint);
    void (*send)(void *self, uint64_t topology, uint32_t worker, const struct message *message);
    /** Whether a module or file is here. NULL: all of them are. */
    bool (*has_blob)(void *self, const char *hex);
    /** Brings one here, from cluster_addresses. May be said again and again. */
    void (*want_blob)(void *self, const char *hex, uint64_t size);
    /** Asks the supervisor at this rpc endpoint to report soon; a hint that may be lost. */
    void (*poke)(void *self, const char *rpc_endpoint);
    /** News for people. */
    void (*note)(void *self, const char *line);
    int64_t (*wall_ms)(void *self); /* since 1970 */
};

/* Strings are copied; ports, builtins and the store are borrowed until cluster_free. */
struct cluster_options {
    struct store *store;
    struct rng rng;
    const char *name;             /* of this coordinator */
    const char *rpc_endpoint;     /* where others reach it */
    const char *control_endpoint; /* where workers reach it */
    const char *store_text;       /* for people: "embedded", "zookeeper host:port" */
    int64_t pid;
    const struct cluster_ports *ports;
    const struct worker_builtins *builtins;
    int64_t host_timeout_ms; /* silence after which a host is lost; 0: the default */
    bool unfenced;           /* negative control of the simulation: writes check no epoch */
};

/** GALE_ERR_INVALID, GALE_ERR_LIMIT (a text is too long), GALE_ERR_NOMEM with *error. Touches the
 *  store with the first step only. */
enum gale_err cluster_new(const struct cluster_options *options, struct cluster **out,
                          struct gale_error *error);
/** Leaves the store, the workers and the supervisors as they are. May be NULL. */
void cluster_free(struct cluster *cluster);
/** Gives the lead away, so that another may have it at once. */
void cluster_resign(struct cluster *cluster);
/** Takes all steps that are due: election, lost hosts, life cycles, placing, writing. Call it after
 *  each store poll and at cluster_next_ns at the latest, after the messages that have come. */
void cluster_step(struct cluster *cluster, int64_t now_ns);
int64_t cluster_next_ns(const struct cluster *cluster);
/** A message of a worker. */
void cluster_message(struct cluster *cluster, const struct message *message, int64_t now_ns);
/** A request; the verbs are in ARCHITECTURE.md. A verb that is unknown here is refused. */
void cluster_answer(struct cluster *cluster, const struct rpc_request *request,
                    struct rpc_answer *answer, int64_t now_ns);
/** Leads, and may change things. */
bool cluster_leads(const struct cluster *cluster);
/** Epoch of the lead that it has or cares for; 0: none. */
uint64_t cluster_epoch(const struct cluster *cluster);
/** Rpc endpoints of others that may have blobs: the other coordinator that leads, supervisors.
 *  Borrowed until the next call. @return how many, at most CLUSTER_ADDRESSES_MAX. */
size_t cluster_addresses(const struct cluster *cluster,
                         const char *addresses[CLUSTER_ADDRESSES_MAX]);
/** Calls fn for each blob that a topology needs; only the leader knows. */
void cluster_blobs(const struct cluster *cluster, void (*fn)(void *argument, const char *hex),
                   void *argument);
/** As seen now, for who waits on the cluster in the same process: workers that work, of how many. */
struct cluster_totals {
    size_t topologies_count;
    uint32_t workers_count, workers_up;
    uint64_t writes_count; /* to the store, ever */
};
struct cluster_totals cluster_totals(const struct cluster *cluster);

#endif

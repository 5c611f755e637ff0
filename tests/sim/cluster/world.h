/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation of a cluster: coordinators (cluster/cluster.h), supervisors (host/host_core.h), model
 * workers that speak the messages but run no components, a client, a store and a network, in one
 * process under one seed. Faults come for a while, then none. What must hold:
 *
 *   fenced    no write of a coordinator takes effect once another has a higher epoch
 *   timed     no coordinator issues a write then either
 *   unmoved   as long as only coordinators and the store have faults, no worker's process is ended
 *   excused   a process is ended only when it, its host or the way from there was in trouble lately
 *   single    whoever has taken frames of a worker's newer process takes none of the older one
 *   forward   positions in the store never go back, nor does the leader let a worker begin before them
 *   alone     where a topology has a host for itself, nobody else is in the end
 *   whole     a topology is finished only when all of its spouts have come to their end
 *   live      after the faults every topology reaches the state that its client was promised
 *   late      a single fault on a quiet day is healed within the time that people are told
 *   still     and then nothing is started or ended any more
 *
 *   main.c       options, seeds            world.c    time, links, packets
 *   ensemble*.c  the store                 nodes.c    coordinators
 *   sites.c      hosts with supervisors    models.c   workers
 *   client.c     who submits and changes   faults.c   what goes wrong
 *   oracle.c     what must hold
 */
#ifndef SIM_CLUSTER_WORLD_H
#define SIM_CLUSTER_WORLD_H

#include "cluster/cluster.h"
#include "ensemble.h"
#include "host/host_core.h"
#include "host/seek.h"

#define WORLD_NODES_MAX 3u /* coordinators */
#define WORLD_SITES_MAX 4u
#define WORLD_JOBS_MAX 3u    /* topologies that the client looks after */
#define WORLD_WORKERS_MAX 3u /* of one topology */
#define WORLD_SPOUTS_MAX 2u  /* tasks of the spout */
#define WORLD_PROCESSES_MAX 1024u
#define WORLD_RECORDS_MAX 64u /* slot files of one host */
#define WORLD_MS INT64_C(1000000)
#define WORLD_SECOND INT64_C(1000000000)
#define WORLD_HOST_TIMEOUT_MS 1500

/* The ends of links. */
enum world_place {
    PLACE_NODE = 0,
    PLACE_SITE = WORLD_NODES_MAX,
    PLACE_CLIENT = PLACE_SITE + WORLD_SITES_MAX,
    PLACE_STORE,
    PLACES_COUNT
};

struct world;

/* ---- The network ---- */

/* One direction between two places; what is sent later arrives later. */
struct world_link {
    uint32_t loss; /* of 1000 */
    int64_t latency_ns;
    int64_t cut_until_ns;
    int64_t last_ns;
};

enum packet_kind {
    PACKET_UP,      /* worker → coordinator: a message */
    PACKET_DOWN,    /* coordinator → worker: a message */
    PACKET_REQUEST, /* host or client → coordinator: a tree and a body */
    PACKET_ANSWER,  /* back */
    PACKET_POKE,    /* coordinator → host: report soon */
    PACKET_FRAME    /* worker → worker */
};

struct packet_frame {
    uint64_t topology, from_incarnation, to_incarnation;
    uint32_t attempt, from, to;
};

struct packet {
    int64_t at_ns;
    uint64_t order;
    enum packet_kind kind;
    uint32_t from, to; /* places */
    uint32_t process;  /* number of the addressed worker process */
    uint64_t id;       /* of the request */
    uint32_t life;     /* of the stopped process that it waits for; 0: it is on its way */
    struct gale_conf *tree;
    struct buf bytes;
    struct packet_frame frame;
};

/* ---- Coordinators ---- */

struct node_way {
    uint64_t topology;
    uint32_t worker, process; /* process: UINT32_MAX when closed */
};

struct node {
    struct world *world;
    uint32_t index;
    bool alive;
    struct cluster *cluster;
    struct cluster_ports ports;
    uint32_t life;
    int64_t wake_ns, paused_until_ns, restart_ns;
    int64_t wall_offset_ms;
    struct node_way ways[64];
    uint32_t ways_count;
    char rpc[32], control[32], name[16];
};

/* ---- Workers ---- */

struct model_peer {
    uint64_t incarnation; /* as told; 0: down */
    uint32_t process;
    uint64_t taken; /* incarnation of the last frame that was accepted */
};

struct model {
    struct world *world;
    uint32_t number, site, index, attempt;
    uint64_t topology, incarnation;
    int job; /* index of the client's */
    bool alive, exiting;
    int64_t paused_until_ns, exit_ns;
    char text[64]; /* how it ended */
    /* its coordinator */
    uint64_t epoch;
    uint32_t node;
    bool heard; /* a message of that epoch came */
    int64_t hello_at_ns, hello_ns, beat_at_ns, offsets_at_ns, pulse_at_ns, frame_at_ns,
        work_at_ns;
    /* its tasks */
    bool running, stopping;
    enum message_command state;
    uint32_t finish_level, round, workers_count;
    uint32_t spouts_count; /* own tasks */
    uint32_t spout_tasks[WORLD_SPOUTS_MAX];
    uint64_t positions[WORLD_SPOUTS_MAX], sent[WORLD_SPOUTS_MAX];
    bool tell_all; /* its positions, to a new coordinator */
    struct model_peer peers[WORLD_WORKERS_MAX];
};

/* ---- Hosts ---- */

/* A slot file. */
struct site_record {
    bool used;
    struct host_spec spec;
    enum keep keep;
    uint64_t incarnation;
    uint32_t process;
};

struct site {
    struct world *world;
    uint32_t index;
    bool alive; /* its supervisor */
    bool powered;
    struct host_core core;
    struct host_ports ports;
    uint32_t life;
    int64_t paused_until_ns, restart_ns;
    struct seek seek;
    uint64_t requests[FINDER_ADDRESSES_MAX]; /* under way with each; 0: none */
    size_t gone_counts[FINDER_ADDRESSES_MAX];
    int64_t reports_count;
    uint32_t slots;
    struct site_record records[WORLD_RECORDS_MAX];
    uint64_t file_epoch; /* of the file `coordinator` */
    uint32_t file_node;
    char name[16], rpc[32];
};

/* ---- The client ---- */

enum job_step {
    STEP_SUBMIT,
    STEP_ACTIVATE,
    STEP_DEACTIVATE,
    STEP_REBALANCE,
    STEP_KILL,
    STEP_AWAIT_GONE
};

struct job {
    char name[16];
    enum job_step steps[12];
    uint32_t steps_count, step;
    int64_t at_ns, give_up_ns; /* of the next try; of the one under way */
    uint64_t request;          /* under way; 0: none */
    bool uncertain;            /* an earlier try of this step may have had an effect */
    uint32_t node;
    uint32_t workers, spouts, bolts;
    bool alone;                           /* wants a host for itself */
    uint64_t limit;                       /* where its spouts end; 0: never */
    uint64_t emitted[WORLD_SPOUTS_MAX];   /* the furthest that any process came */
    bool submitted, inactive, known;      /* known: submitted once */
    uint64_t positions[WORLD_SPOUTS_MAX]; /* in the store */
};

/* ---- The world ---- */

struct world_options {
    struct ensemble_options store;
    bool trace;
};

struct world_counts {
    uint64_t elections, restarts, requests, messages, refused;
};

struct world {
    struct world_options options;
    struct rng rng;
    uint64_t seed;
    int64_t now_ns;
    bool faults, mild; /* mild: only coordinators and the store have them */
    bool calm;         /* none at all */
    int64_t faults_end_ns, chaos_ns, deadline_ns, look_ns, still_since_ns;
    int64_t promise_ns;  /* until when the last fault of a calm run is healed; 0: it had none */
    const char *promise; /* that fault */
    bool over;
    char violation[400];
    struct world_link links[PLACES_COUNT][PLACES_COUNT];
    struct packet **heap;
    uint32_t heap_count, heap_room;
    uint64_t packets_order, events;
    struct ensemble ensemble;
    struct ensemble_ports ensemble_ports;
    int64_t power_at_ns; /* when the store comes back; INT64_MAX: it is there */
    struct node nodes[WORLD_NODES_MAX];
    uint32_t nodes_count;
    struct site sites[WORLD_SITES_MAX];
    uint32_t sites_count;
    struct model *models[WORLD_PROCESSES_MAX];
    uint32_t models_count, models_first; /* all before are over */
    struct job jobs[WORLD_JOBS_MAX];
    uint32_t jobs_count;
    uint64_t requests_count;
    int64_t trouble_ns[WORLD_SITES_MAX]; /* until when a host has an excuse */
    uint64_t changes_count;              /* processes started and ended */
    uint64_t changes_seen;
    int64_t epoch_seen;
    struct buf out;
    struct world_counts counts;
};

/* world.c */
void world_run(struct world *world);
void world_violation(struct world *world, const char *format, ...) GALE_PRINTF(2, 3);
void world_trace(const struct world *world, const char *format, ...) GALE_PRINTF(2, 3);
uint32_t world_below(struct world *world, uint32_t bound);
bool world_chance(struct world *world, uint32_t of_1000);
/** Uniform in [low, high]. */
int64_t world_between(struct world *world, int64_t low, int64_t high);
/** Puts a packet on its way, or loses it. Takes it. */
void world_send(struct world *world, struct packet *packet);
/** What waits for longer than that arrives then, in the order in which it was sent. */
void world_hasten(struct world *world, int64_t until_ns);
struct packet *packet_new(enum packet_kind kind, uint32_t from, uint32_t to);
void packet_free(struct packet *packet);
bool world_cut(const struct world *world, uint32_t from, uint32_t to);

/* nodes.c */
void node_init(struct world *world, uint32_t index);
void node_start(struct node *node);
void node_crash(struct node *node);
/** Ends in good order: another may lead at once. */
void node_leave(struct node *node);
void node_packet(struct node *node, struct packet *packet);
int64_t node_next_ns(const struct node *node);
void node_turn(struct node *node);
/** Index of the coordinator of an endpoint, or UINT32_MAX. */
uint32_t node_of(const struct world *world, const char *endpoint);

/* sites.c */
void site_init(struct world *world, uint32_t index);
void site_start(struct site *site);
/** The supervisor dies; processes go on. */
void site_crash(struct site *site);
/** Everything on the host dies; it can be started again. */
void site_power_off(struct site *site);
void site_packet(struct site *site, struct packet *packet);
int64_t site_next_ns(const struct site *site);
void site_turn(struct site *site);
void site_exited(struct site *site, struct model *model);
void site_pulse(struct site *site, const struct model *model);

/* models.c */
struct model *model_new(struct site *site, const struct host_spec *spec, uint64_t incarnation);
void model_end(struct model *model, const char *text);
void model_terminate(struct model *model);
void model_packet(struct model *model, struct packet *packet);
int64_t model_next_ns(const struct model *model);
void model_turn(struct model *model);

/* client.c */
void client_init(struct world *world);
void client_packet(struct world *world, struct packet *packet);
int64_t client_next_ns(const struct world *world);
void client_turn(struct world *world);
bool client_done(const struct world *world);
int client_job_of(const struct world *world, const char *name);
extern const struct worker_builtins client_builtins;

/* faults.c */
void faults_init(struct world *world);
void faults_turn(struct world *world);
void faults_end(struct world *world);
/** One last fault, and until when it is to be healed. */
void faults_last(struct world *world);
void faults_excuse(struct world *world, uint32_t site, int64_t until_ns);

/* oracle.c */
void oracle_ports(struct world *world);
void oracle_ended(struct world *world, const struct model *model, const char *why);
void oracle_started(struct world *world, const struct model *model);
void oracle_frame(struct model *model, const struct packet_frame *frame);
void oracle_assigns(struct world *world, const struct message *message);
/** Whether everything is as the client was promised; `why` says what is not. */
bool oracle_reached(struct world *world, char *why, size_t size);

#endif

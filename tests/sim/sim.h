/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation: a whole run (coordinator, keeper, workers with real executors, links) in one
 * process, on one thread, under one seed. Time is a number that jumps from event to event; the
 * wire and the processes are simulated and get faults for a while, then none. What must hold:
 *
 *   ack       a message is acked only when all that its attempt required was really done
 *   in time   an attempt ends within timeout · 9/8 and a slack
 *   once      at each lane the tuples of a source come in order, none twice
 *   epoch     nothing of a lower epoch is executed, no batch of a dead incarnation is taken
 *   live      after the faults all is acked and the run ends by itself
 *   effect    every message was seen by every component that it must reach
 *   bound     inboxes hold no more than the credits allow and one batch
 *   adopt     a new coordinator that takes over disturbs no worker that is well
 *
 *   main.c     options, seeds          world.c       time, faults, the end
 *   leader.c   the coordinator's and the keeper's ports, coordinators that take over
 *   wire.c     the lossy transport     process.c     a worker's process and its messages
 *   topology.c random topologies       components.c  their spouts and bolts
 *   oracle.c   what really happened
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/rng.h"
#include "exec/exec.h"
#include "run/control.h"

#define SIM_WORKERS_MAX 4u
#define SIM_COORDINATOR SIM_WORKERS_MAX /* its place among the wire's ends */
#define SIM_ENDS_COUNT (SIM_WORKERS_MAX + 1u)
#define SIM_PROCESSES_MAX 1024u
#define SIM_COMPONENTS_MAX 10u
#define SIM_TASKS_MAX 64u
#define SIM_MESSAGES_MAX 128u /* of one spout task */
#define SIM_ATTEMPTS_MAX 24u  /* of one tuple */
#define SIM_MS INT64_C(1000000)
#define SIM_SECOND INT64_C(1000000000)

struct sim;
struct sim_process;

/* ---- The wire ---- */

/* One direction between two ends, whatever processes are there. */
struct wire_link {
    uint32_t loss, duplicate, reorder; /* of 1000 */
    int64_t latency_ns;
    int64_t cut_until_ns; /* all is lost until then */
    uint32_t waiting;     /* messages sent and not yet received */
};

struct packet {
    int64_t at_ns;
    uint64_t order;
    struct wire_link *link;
    uint32_t process; /* number of the addressee, or UINT32_MAX: the coordinator */
    struct packet *next;
    size_t size;
    uint8_t data[];
};

/* ---- Processes ---- */

struct sim_process {
    struct transport transport; /* must be first */
    struct sim *sim;
    uint32_t number, index;
    uint64_t incarnation;
    uint64_t epoch;         /* of its frames */
    uint64_t leader_epoch;  /* of the coordinator that it serves */
    int64_t leader_seen_ns; /* when it sees that another one leads */
    bool greeted;           /* that one has answered */
    bool offsets_all;       /* and has not been told the positions yet */
    bool alive, zombie, severed, terminated;
    bool spawned; /* its first pass came */
    int64_t wake_ns, stopped_until_ns, end_ns, exit_ns;
    int64_t stopped_at_ns, stopped_sum_ns;
    int64_t drift_ns;    /* what the present pass has taken so far, by its own clock */
    uint32_t sends_left; /* until it dies in the midst of a step; 0: it does not */
    uint32_t idle_spins;
    struct packet *first, *last; /* arrived, not yet received */
    struct transport_peer *control;
    int64_t coordinator_free_ns;                /* order of the coordinator's messages to it */
    uint64_t peer_incarnation[SIM_WORKERS_MAX]; /* as told by the coordinator; 0: down */
    /* the worker's part, as in worker/worker.c */
    struct exec *exec;
    uint32_t life; /* of this executor, for the oracle */
    bool prepared, stopping, beat_fast;
    enum message_command state;
    uint32_t finish_level;
    uint64_t stats_round;
    uint32_t round;
    int64_t beat_ns, beat_at_ns, offsets_at_ns, hello_at_ns;
    struct message_offsets last_offsets; /* once stopping */
    struct buf out;
};

/* ---- The oracle ---- */

struct attempt {
    uint32_t task, message, life;
    int64_t outstanding; /* executions required and not done yet */
    bool failed, ended, renewed;
    int64_t start_ns, stopped_ns;
};

struct life {
    uint64_t epoch;
    uint32_t process;
};

/* What travels in each tuple's field `meta`. */
struct meta {
    uint32_t life;
    uint32_t hops;
    uint64_t seq; /* per source task and life */
    uint32_t attempts_count;
    uint32_t attempts[SIM_ATTEMPTS_MAX];
};

enum sim_kind {
    SIM_SPOUT,
    SIM_IDENTITY,
    SIM_SPLIT,
    SIM_ROUTER,
    SIM_FLAKY,
    SIM_LATER,
    SIM_JOIN,
    SIM_LOOP,
    SIM_MANUAL,
    SIM_KINDS_COUNT
};

struct sim_component {
    enum sim_kind kind;
    uint32_t cover[2]; /* per stream: bit 2 × spout component + parity of the message */
    uint32_t reaches;  /* the same bits: what it must execute */
};

struct sim_options {
    bool check_duplicates, check_epoch, adopt, trace;
};

struct sim {
    struct sim_options options;
    struct rng rng;
    uint64_t seed;
    int64_t now_ns;
    bool faults; /* the first phase */
    bool calm;   /* a seed without faults */
    int64_t faults_end_ns, deadline_ns, chaos_ns;
    uint64_t passes;
    char violation[400]; /* "": none */
    /* wire */
    struct wire_link links[SIM_ENDS_COUNT][SIM_ENDS_COUNT];
    struct packet **heap;
    uint32_t heap_count, heap_room;
    uint64_t packets_order;
    uint32_t wire_queue_max;
    /* processes */
    struct sim_process *processes[SIM_PROCESSES_MAX];
    uint32_t processes_count;
    struct sim_process *of_worker[SIM_WORKERS_MAX]; /* the one that the supervisor knows */
    struct sim_process *current;                    /* whose code runs now */
    /* coordinator */
    struct control control;
    struct control_ports ports;
    bool control_ready;
    struct keeper keeper;
    struct keeper_ports keeper_ports;
    uint64_t epoch;        /* of the frames */
    uint64_t leader_epoch; /* of the coordinator */
    int64_t fail_over_ns;  /* when another coordinator takes over */
    int64_t report_ns;     /* when the new one hears of the keeper */
    uint32_t fail_overs_count;
    uint16_t *task_worker;
    struct buf out;
    uint32_t crashes_count;
    bool died_late; /* after all was acked: its last positions may be lost */
    /* topology */
    struct plan *plan;
    uint32_t workers_count;
    uint32_t spouts_count; /* components */
    uint32_t messages_count;
    int64_t pace_ns;
    uint32_t pad_max;
    struct sim_component components[SIM_COMPONENTS_MAX];
    /* oracle */
    struct attempt *attempts;
    uint32_t attempts_count, attempts_room;
    struct life *lives;
    uint32_t lives_count, lives_room;
    uint64_t saved[SIM_TASKS_MAX]; /* position + 1; 0: none */
    bool acked[SIM_TASKS_MAX][SIM_MESSAGES_MAX];
    uint16_t seen[SIM_COMPONENTS_MAX][SIM_TASKS_MAX][SIM_MESSAGES_MAX];
    uint64_t executed_count, acked_count, failed_count;
    void *blocks; /* freed at the end */
};

/* The one that components' callbacks belong to: they have no argument for it. */
extern struct sim *sim_now;

/* world.c */
void sim_run(struct sim *sim);
void sim_violation(struct sim *sim, const char *format, ...) GALE_PRINTF(2, 3);
void sim_trace(const struct sim *sim, const char *format, ...) GALE_PRINTF(2, 3);
uint32_t sim_below(struct sim *sim, uint32_t bound);
bool sim_chance(struct sim *sim, uint32_t of_1000);
/** Uniform in [low, high]. */
int64_t sim_between(struct sim *sim, int64_t low, int64_t high);
void *sim_alloc(struct sim *sim, size_t size);

/* leader.c */
void leader_init(struct sim *sim);
void leader_fini(struct sim *sim);
/** The first coordinator starts. */
void leader_start(struct sim *sim);
/** Another run begins at the saved positions: the living processes are its from now on and begin anew
 *  under their old incarnations, with frames of another epoch. */
void leader_begin_anew(struct sim *sim);
/** Another coordinator takes over while everything runs on. */
void leader_fail_over(struct sim *sim);
/** What its surroundings owe the coordinator by now. */
void leader_tick(struct sim *sim);
int64_t leader_next_ns(const struct sim *sim);
void leader_message(struct sim *sim, const struct message *message);
/** The end of a process is noticed so much later. */
void leader_gone_after(struct sim_process *process, int64_t after_ns);
/** A process has ended. */
void leader_exited(struct sim_process *process);

/* wire.c */
extern const struct transport_ops wire_ops;
void wire_init(struct sim *sim);
void wire_fini(struct sim *sim);
void wire_calm(struct sim *sim);
void wire_upset(struct sim *sim);
int64_t wire_next_ns(const struct sim *sim);
/** Hands over what has arrived. */
void wire_deliver(struct sim *sim);
void wire_packet_free(struct packet *packet);
/** A message of the coordinator. */
void wire_command(struct sim *sim, struct sim_process *process, const uint8_t *data,
                  size_t size);

/* process.c */
struct sim_process *process_new(struct sim *sim, uint32_t index, uint64_t incarnation);
void process_free(struct sim_process *process);
/** One pass of its loop. */
void process_pass(struct sim_process *process);
/** It ends now, whatever it was doing. */
void process_die(struct sim_process *process);
/** The executor ends, the process goes on in another run. */
void process_begin_anew(struct sim_process *process);

/* topology.c */
void topology_make(struct sim *sim);
/* components.c */
extern const struct gale_spout_ops sim_spout_ops;
extern const struct gale_bolt_ops *const sim_bolt_ops[];
extern const struct gale_grouping_ops sim_two_ops;

/* oracle.c */
uint32_t oracle_life(struct sim *sim, const struct sim_process *process);
uint32_t oracle_attempt(struct sim *sim, uint32_t task, uint32_t message);
void oracle_required(struct sim *sim, const struct meta *meta, int64_t count);
void oracle_done(struct sim *sim, uint32_t component, const struct meta *meta);
void oracle_failed(struct sim *sim, const struct meta *meta);
void oracle_renewed(struct sim *sim, const struct meta *meta);
void oracle_ended(struct sim *sim, uint32_t attempt, bool acked);
void oracle_executed(struct sim *sim, struct gale_task *task, const struct meta *meta);
void oracle_saved(struct sim *sim, uint32_t task, uint64_t low_id);
void oracle_bounds(struct sim *sim, const struct sim_process *process);
void oracle_end(struct sim *sim);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the cluster's coordinator share; cluster.h says which does what. Everything
 * belongs to the cluster's thread. Topologies and hosts are kept by name, in arrays of pointers, so
 * that they keep their addresses.
 */
#ifndef CLUSTER_CLUSTER_INTERNAL_H
#define CLUSTER_CLUSTER_INTERNAL_H

#include "base/log.h"
#include "cluster/cluster.h"
#include "cluster/cluster_records.h"
#include "cluster/package.h"
#include "rpc/tree.h"
#include "run/control.h"
#include "schedule/placement.h"
#include "store/leader.h"
#include "store/records.h"

#include <gale/log.h>

#define NS_PER_MS INT64_C(1000000)
#define CLUSTER_TURN_NS (100 * NS_PER_MS)    /* between steps without a reason */
#define CLUSTER_PAUSE_NS (300 * NS_PER_MS)   /* longer between two steps: an own pause */
#define CLUSTER_RETRY_NS (200 * NS_PER_MS)   /* until a write that failed is tried again */
#define CLUSTER_SAVE_NS (500 * NS_PER_MS)    /* between writes of positions and errors */
#define CLUSTER_RATE_NS (1000 * NS_PER_MS)   /* between looks at the rates */
#define CLUSTER_ERRORS_NS (5000 * NS_PER_MS) /* between writes of one topology's errors */
#define CLUSTER_LOOK_NS (1000 * NS_PER_MS)   /* between looks at who leads */
/* After an election or an own pause supervisors may need so long to find who leads. */
#define CLUSTER_SEEK_NS (2000 * NS_PER_MS)
#define CLUSTER_TWIN_NS (700 * NS_PER_MS) /* heard so lately, the host of a name is alive */
#define CLUSTER_LEVELS_MAX (LOG_OVERRIDES_MAX + 1u) /* log levels of one topology */
#define CLUSTER_MEMBERS_MAX 16u /* candidates that supervisors are told of */
#define CLUSTER_HOST_FORGET_NS (INT64_C(3600000) * NS_PER_MS)

struct cluster_host {
    char name[CLUSTER_NAME_SIZE];
    char rpc[CLUSTER_ENDPOINT_SIZE];
    char version[32];
    int64_t pid, started_ms;
    int64_t report_number; /* of the last report, as its supervisor counts */
    uint32_t slots;
    int64_t memory_mb, cpu_points;
    int64_t heard_ns; /* last report; or when it was read of first */
    bool reported;    /* to this leader, at least once */
    bool alive;       /* not lost */
    bool poke;        /* something for it has changed since it was answered */
};

/* A HELLO that came before the supervisor said that it has this process. */
struct cluster_hello {
    uint64_t incarnation;
    int64_t pid, heard_ns;
    bool running;
    char endpoint[CLUSTER_ENDPOINT_SIZE];
};

/* What is known of one worker beside its control's part. */
struct cluster_slot {
    enum keep keep;
    enum keep told;              /* as its host was answered last */
    struct cluster_host *host;   /* NULL: nowhere */
    struct cluster_hello *hello; /* owned or NULL */
    int64_t pid, rss_kb;
    uint32_t restarts;
    char state[12];
    char why[160]; /* its files do not come; "": they do */
    bool seen;     /* in the report that is being read */
    bool refused;  /* what its host holds must go first */
};

/* Latencies of one component, or of whole trees, between the last two looks. */
struct cluster_recent {
    int64_t at_ns; /* of the last look; 0: none yet */
    struct hist before, recent;
};

/* A log level that was asked for; workers that were started since are told of it, too. */
struct cluster_level {
    char component[CLUSTER_NAME_SIZE]; /* "": all */
    uint32_t level;
    int64_t until_ns, told_ns;
};

struct cluster_topology {
    struct cluster *cluster;
    char name[CLUSTER_NAME_SIZE];
    struct cluster_status status;
    struct package package;
    struct plan *plan; /* NULL: broken */
    char broken[256];  /* why it cannot be run; "": it can */
    char waiting_for[PLACEMENT_TEXT_SIZE];
    struct cluster_level levels[CLUSTER_LEVELS_MAX];
    size_t levels_count;
    bool has_assignment, has_errors; /* records in the store */
    struct cluster_assignment assignment;
    struct cluster_slot *slots; /* [assignment.workers_count] */
    bool controlled;
    struct control control;
    struct control_ports ports;
    bool *dirty, *saved; /* [tasks_count + 1] a position is to be written; has a record */
    uint32_t dirty_count;
    uint32_t save_next;            /* task */
    int64_t saved_ns;              /* last write of positions */
    struct cluster_errors *errors; /* owned, NULL: none yet */
    bool errors_dirty;
    int64_t errors_ns; /* last write */
    uint64_t rate_emitted;
    int64_t rate_ns;
    double rate; /* tuples that the spouts emit in a second */
    uint64_t
        *busy_before; /* [tasks_count + 1] ns spent in execute, at busy_ns; NULL: not asked */
    double *capacity; /* [tasks_count + 1] */
    int64_t busy_ns;
    struct cluster_recent *recents; /* [components_count + 1], the last of whole trees; NULL */
};

/* A candidate, as it stands in the store. */
struct cluster_member {
    char name[STORE_NAME_SIZE];
    struct cluster_candidate candidate;
};

struct cluster_tap {
    uint64_t id; /* 0: free */
    uint64_t topology;
    char component[CLUSTER_NAME_SIZE], stream[CLUSTER_NAME_SIZE];
    char where[512];
    uint32_t rate;
    int64_t until_ns, read_ns, told_ns;
    struct cluster_sample *samples; /* ring */
    size_t first, count, bytes;
    uint64_t next; /* number of the next sample */
    uint64_t dropped;
    uint64_t *skipped; /* [workers_count] as each said last */
    uint32_t workers_count;
    char text[256]; /* why there will be none */
};

struct cluster {
    struct cluster_options options;
    char name[CLUSTER_NAME_SIZE], rpc[CLUSTER_ENDPOINT_SIZE], control[CLUSTER_ENDPOINT_SIZE];
    char store_text[256];
    struct store *store;
    struct leader leader;
    enum gale_err election_err; /* of the last step */
    bool prepared;              /* the folders are there and the leader is initialised */
    uint64_t epoch;             /* of what it holds; 0: nothing */
    bool holding;               /* topologies were read in `epoch` and are cared for */
    bool give_up; /* a write's outcome is not known: leads no more in this epoch */
    int64_t now_ns, begin_ns, stepped_ns;
    int64_t excused_ns;       /* who was not heard since then … */
    int64_t excused_until_ns; /* … counts as heard at this time */
    int64_t retry_ns, save_ns, rate_ns, look_ns;
    bool place;                        /* hosts or topologies changed */
    char (*looked)[CLUSTER_NAME_SIZE]; /* topologies whose blobs are here or wanted; owned */
    size_t looked_count;
    size_t save_from;               /* topology whose positions come first in the next batch */
    struct cluster_candidate other; /* who leads instead; rpc "": not known */
    struct cluster_member members[CLUSTER_MEMBERS_MAX];
    size_t members_count;
    struct cluster_topology **topologies;
    size_t topologies_count, topologies_room;
    struct cluster_host **hosts;
    size_t hosts_count, hosts_room;
    struct cluster_tap taps[CLUSTER_TAPS_MAX];
    size_t taps_count;     /* in use */
    struct buf out;        /* for encoding; contents never outlive a function */
    uint64_t writes_count; /* of the store, ever */
};

/* ---- cluster.c ---- */
int64_t cluster_wall_ms(const struct cluster *cluster);
void cluster_note(struct cluster *cluster, const char *format, ...) GALE_PRINTF(2, 3);
/** May change things at this moment. */
bool cluster_may_write(const struct cluster *cluster);
/** A multi in the own epoch. GALE_ERR_UNKNOWN also makes it give up the lead. */
enum gale_err cluster_write(struct cluster *cluster, const struct store_op *ops, size_t count,
                            size_t *failed);
/** The same for what may be repeated without harm, so that an unknown outcome does none. */
enum gale_err cluster_write_again(struct cluster *cluster, const struct store_op *ops,
                                  size_t count, size_t *failed);
/** Drops everything that it cared for. */
void cluster_drop(struct cluster *cluster);
/** By name or id; NULL: none. */
struct cluster_topology *cluster_find(const struct cluster *cluster, const char *name);
struct cluster_topology *cluster_find_id(const struct cluster *cluster, uint64_t id);

/* ---- cluster_load.c ---- */
/** Reads everything anew after an election. */
enum gale_err cluster_load(struct cluster *cluster, int64_t now_ns);
/** Hands the saved positions to a topology's control, which was initialised just now. */
enum gale_err cluster_load_positions(struct cluster_topology *topology);
/** Reads the candidates anew, and by them who leads. */
void cluster_look(struct cluster *cluster);
/** Wants the blobs of topologies that it has not looked at yet, so that a candidate has them before it
 *  leads. */
void cluster_look_blobs(struct cluster *cluster);

/* ---- cluster_life.c ---- */
/** A topology of this name, without a plan; in the cluster's list. NULL: no memory, too many. */
struct cluster_topology *topology_new(struct cluster *cluster, const char *name);
void topology_free(struct cluster_topology *topology);
/** Makes the plan as its status says. On an error `broken` says why and there is none. */
void topology_compile(struct cluster_topology *topology);
/** Its workers have places: makes the control. @param adopted: they may be running. */
enum gale_err topology_begin(struct cluster_topology *topology, bool adopted, int64_t now_ns);
/** Makes the slots of the assignment; their hosts by name. */
enum gale_err topology_slots(struct cluster_topology *topology, int64_t now_ns);
/** Takes the steps that are due. */
void topology_step(struct cluster_topology *topology, int64_t now_ns);
/** Writes a changed status; *topology takes it over when that took effect, and *next is empty then. */
enum gale_err topology_write_status(struct cluster_topology *topology,
                                    struct cluster_status *next);
/** Its workers are to end: by what is pending. */
void topology_pursue(struct cluster_topology *topology, int64_t now_ns);
/** Removes it for good, from the store too; frees it. */
enum gale_err topology_remove(struct cluster_topology *topology);
/** Deletes saved positions of a name. */
enum gale_err cluster_forget_positions(struct cluster *cluster, const char *name);
/** "waiting", "starting", "active" … */
const char *topology_status_name(const struct cluster_topology *topology);
/** Workers that work. */
uint32_t topology_workers_up(const struct cluster_topology *topology);

/* ---- cluster_hosts.c ---- */
struct cluster_host *host_find(const struct cluster *cluster, const char *name);
/** Finds or makes. NULL: no memory, too many. */
struct cluster_host *host_get(struct cluster *cluster, const char *name, int64_t now_ns);
void host_request(struct cluster *cluster, const struct rpc_request *request,
                  struct rpc_answer *answer, int64_t now_ns);
/** Judges silence; forgets hosts that are long gone. */
void hosts_step(struct cluster *cluster, int64_t now_ns);
/** Asks those to report for whom something changed. */
void hosts_poke(struct cluster *cluster);
uint32_t host_used(const struct cluster *cluster, const struct cluster_host *host);
/** A HELLO whose incarnation its supervisor has not said yet. */
void host_hello_keep(struct cluster_topology *topology, const struct message *message);

/* ---- cluster_place.c ---- */
void cluster_place(struct cluster *cluster, int64_t now_ns);

/* ---- cluster_save.c ---- */
/** Notes a position to be written. */
void save_position(struct cluster_topology *topology, uint32_t task);
/** Writes what is due, at most one multi. */
void save_step(struct cluster *cluster, int64_t now_ns);
/** Writes all positions of one topology now. */
enum gale_err save_flush(struct cluster_topology *topology);
/** Takes in an error. @param task 0: of the worker as a whole. @param fatal: it cannot go on. */
void save_error(struct cluster_topology *topology, uint32_t worker, uint32_t task, bool fatal,
                const char *text);

/* ---- cluster_verbs.c ---- */
/** The topology that a request names, or a refusal and NULL. */
struct cluster_topology *request_topology(struct cluster *cluster,
                                          const struct rpc_request *request,
                                          struct rpc_answer *answer);
/** Ends an answer that could not be written whole. */
void request_end(struct rpc_answer *answer, enum gale_err err);

/* ---- cluster_show.c, cluster_sample.c, cluster_tap.c: requests that change nothing ---- */
void show_who(struct cluster *cluster, struct rpc_answer *answer);
void show_list(struct cluster *cluster, struct rpc_answer *answer);
void show_describe(struct cluster_topology *topology, struct rpc_answer *answer);
void show_hosts(struct cluster *cluster, struct rpc_answer *answer);
void show_errors(struct cluster_topology *topology, struct rpc_answer *answer);
void show_sample(struct cluster_topology *topology, bool tasks, struct rpc_answer *answer);
/** Complete latency of all spouts, into *out (cleared first). */
void sample_complete(const struct cluster_topology *topology, struct hist *out);
/** Name of the component that a task belongs to. */
const struct plan_component *topology_component(const struct cluster_topology *topology,
                                                uint32_t task);
/** Works out the rates since the last call. */
void sample_rates(struct cluster *cluster, int64_t now_ns);

void tap_request(struct cluster_topology *topology, const struct rpc_request *request,
                 struct rpc_answer *answer, int64_t now_ns);
void tap_read_request(struct cluster *cluster, const struct rpc_request *request,
                      struct rpc_answer *answer, int64_t now_ns);
void tap_sample(struct cluster_topology *topology, uint32_t worker,
                const struct message_sample *sample);
void taps_step(struct cluster *cluster, int64_t now_ns);
/** Tells log levels again, for workers that were started since or have not heard it. */
void levels_step(struct cluster *cluster, int64_t now_ns);
/** Ends the taps of a topology that goes, or all (NULL). */
void taps_end(struct cluster *cluster, const struct cluster_topology *topology);
void log_level_request(struct cluster_topology *topology, const struct rpc_request *request,
                       struct rpc_answer *answer);

#endif

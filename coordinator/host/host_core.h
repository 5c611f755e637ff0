/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement of a supervisor: which workers this host should have, as the leading coordinator said
 * last, what becomes of each, and what is reported back. Pure: processes, files and the network are
 * behind ports, time is an argument; the simulation of the cluster runs it, too. The processes are kept
 * by supervise/keeper.c.
 *
 * Invariants: an answer is obeyed whole or not at all, and never when its epoch is lower than one seen
 * before. Without answers everything stays as it is and dead workers are started again. Of one worker
 * (topology, index) there is at most one process; one of another attempt is ended before the next is
 * started. How a process ended is reported until a leader has acknowledged it.
 *
 * Whom to ask is seek.h's. A port may call nothing here. One thread.
 */
#ifndef HOST_HOST_CORE_H
#define HOST_HOST_CORE_H

#include "base/conf.h"
#include "supervise/keeper.h"

#define HOST_NAME_SIZE 65        /* of a topology or host, NUL included */
#define HOST_HEX_SIZE 65         /* a blob's name, NUL included */
#define HOST_ENDPOINT_SIZE 256   /* of any endpoint, NUL included */
#define HOST_WORKERS_MAX 4096    /* entries of an answer */
#define HOST_BLOBS_MAX 1024      /* of one worker */
#define HOST_SOURCES_MAX 8       /* addresses that have the blobs; more are left out */
#define HOST_GONE_MAX 1024       /* ends that wait to be acknowledged; the oldest are dropped */
#define HOST_EXIT_SIZE 160       /* sentence about an end, NUL included; longer ones are cut */
#define HOST_LEVEL_SIZE 8        /* "debug" … */
#define HOST_ADOPT_NS 1000000000 /* so long may an adopted process look for our socket */
#define HOST_ASK_FIRST_NS \
    500000000 /* a worker found dead at the start waits so long for an answer */

struct host_blob {
    char hex[HOST_HEX_SIZE];
    uint64_t size;
};

/* What a worker is to be started with. */
struct host_spec {
    uint64_t topology;
    uint32_t worker;
    uint32_t attempt;
    uint64_t epoch; /* of the plan */
    char name[HOST_NAME_SIZE];
    char log[HOST_LEVEL_SIZE]; /* level; "" = as the supervisor's */
    int64_t memory_max;        /* bytes; 0 = no limit of its own */
    int64_t open_files_max;
    struct host_blob *blobs; /* owned */
    uint32_t blobs_count;
};

struct host_worker {
    struct host_spec spec;    /* as wanted; of the process, when none is wanted */
    enum keep keep;           /* as the leader wants it */
    struct keeper_slot *slot; /* NULL: no process, and none is about to be started */
    uint32_t held_attempt;    /* of the present or last process */
    uint64_t held_epoch;
    uint32_t restarts_before;  /* by an earlier life of this supervisor */
    bool fetching;             /* waits for its blobs */
    char exit[HOST_EXIT_SIZE]; /* how the last process ended */
    int64_t pid;               /* of the process; the ports' to set, 0 = none */
    int64_t rss_kb;
    void *user; /* the ports' */
};

struct host_ports {
    void *self;
    /** Starts worker->spec with this incarnation; an error leaves no process. On GALE_OK the process is
     *  on record, so that a supervisor that dies in the next moment finds it again. */
    enum gale_err (*spawn)(void *self, struct host_worker *worker, uint64_t incarnation);
    void (*signal)(void *self, struct host_worker *worker, int signal);
    /** Whether a silent process may only wait for a processor. NULL: never. */
    bool (*may_starve)(void *self, struct host_worker *worker);
    /** Whether every blob of the spec is here. Where not, they are being brought. */
    bool (*ready)(void *self, struct host_worker *worker);
    /** worker->keep has changed while it has a slot: put it on record. NULL: nothing to do. */
    void (*keeps)(void *self, struct host_worker *worker);
    /** The last word about a worker, whose process is gone: frees `user`, forgets its record. */
    void (*forgotten)(void *self, struct host_worker *worker);
    /** The workers here are to know this leader from now on. */
    void (*leader)(void *self, uint64_t epoch, const char *control_endpoint);
    void (*note)(void *self, const char *line);
    uint64_t (*random)(void *self); /* incarnations; never 0 */
};

/* An end that no leader has acknowledged yet. */
struct host_gone {
    uint64_t topology;
    uint32_t worker;
    uint64_t incarnation;
    char exit[HOST_EXIT_SIZE];
};

struct host_core {
    const struct host_ports *ports;
    struct keeper_ports keeper_ports;
    struct keeper keeper;
    struct host_worker **workers;
    size_t count, room;
    struct host_gone *gone; /* a ring: gone_first, gone_count */
    size_t gone_first, gone_count;
    uint64_t gone_dropped_count;
    uint64_t epoch; /* highest that was obeyed; 0: none */
    char control[HOST_ENDPOINT_SIZE];
    char sources[HOST_SOURCES_MAX][HOST_ENDPOINT_SIZE];
    size_t sources_count;
    int64_t hold_until_ns; /* nothing found dead at the start is started before */
    int64_t now_ns;        /* of the call under way */
    bool changed;          /* something that a report should say at once */
    bool settle;           /* the next tick looks at every worker */
    bool ending;           /* host_core_stop was called: answers are not obeyed any more */
};

/* What a report says of the host itself. Strings are borrowed for the call. */
struct host_facts {
    const char *name;
    const char *rpc; /* endpoint of the supervisor's own requests */
    const char *version;
    int64_t pid;
    int64_t started_ms; /* wall clock since 1970 */
    int64_t number;     /* of the report: each is higher than those before; 0: not counted */
    int64_t slots;
    int64_t memory_mb;
    int64_t cpu_points;
};

/** @param ports borrowed until host_core_fini. @param epoch the highest that an earlier life obeyed, 0:
 *  none. GALE_ERR_NOMEM. */
enum gale_err host_core_init(struct host_core *core, const struct host_ports *ports,
                             struct slot_limits limits, uint64_t epoch, int64_t now_ns);
/** Forgets all without a word to the ports but `forgotten`; processes are left alone. */
void host_core_fini(struct host_core *core);

/**
 * Takes in a worker of an earlier life of this supervisor.
 * @param spec taken over whole, also on an error (its blobs are freed then). @param keep as wanted last.
 * @param incarnation of its process. @param alive whether that runs still; otherwise exit says what
 * is known, and it is started again after HOST_ASK_FIRST_NS or the next answer.
 * @param out may be NULL. @return GALE_OK; GALE_ERR_EXISTS: there is such a worker; GALE_ERR_NOMEM.
 */
enum gale_err host_core_restore(struct host_core *core, struct host_spec *spec, enum keep keep,
                                uint64_t incarnation, bool alive, const char *exit,
                                int64_t now_ns, struct host_worker **out);

/** Fills a report, the arguments of the verb `host`. @param gone_count receives how many ends it tells,
 *  for the call of host_core_answer with its answer. */
enum gale_err host_core_report(const struct host_core *core, const struct host_facts *facts,
                               struct gale_conf *tree, size_t *gone_count);
/**
 * Obeys the leader's answer to a report.
 * @param gone_count of that report. @return GALE_OK; GALE_ERR_STALE: of a lower epoch than one obeyed
 * before; GALE_ERR_CORRUPT: not such an answer, nothing of it was obeyed; GALE_ERR_STATE: ending;
 * GALE_ERR_NOMEM. *error is set on each.
 */
enum gale_err host_core_answer(struct host_core *core, const struct gale_conf *tree,
                               size_t gone_count, int64_t now_ns, struct gale_error *error);

/** A sign of life of a worker's process. */
void host_core_pulse(struct host_core *core, uint64_t topology, uint32_t worker,
                     uint64_t incarnation, int64_t now_ns);
/** A worker's process has ended. */
void host_core_exited(struct host_core *core, struct host_worker *worker, const char *text,
                      int64_t now_ns);
/** Time passed, or a blob has come. */
void host_core_tick(struct host_core *core, int64_t now_ns);
/** When host_core_tick is due at the latest; INT64_MAX: never. Blobs that come are not in it. */
int64_t host_core_next_ns(const struct host_core *core);
/** Ends all workers in good order; over when host_core_processes is 0. */
void host_core_stop(struct host_core *core, int64_t now_ns);
/** Workers with a process. */
size_t host_core_processes(const struct host_core *core);
/** NULL: none. */
struct host_worker *host_core_find(const struct host_core *core, uint64_t topology,
                                   uint32_t worker);
/** Whether something changed since the last call that a leader should hear at once. */
bool host_core_take_changed(struct host_core *core);
/** "starting", "running", "stopping", "backoff", "fetching"; NULL: it holds nothing. */
const char *host_worker_state(const struct host_worker *worker);
/** Frees what a spec owns. */
void host_spec_fini(struct host_spec *spec);

#endif

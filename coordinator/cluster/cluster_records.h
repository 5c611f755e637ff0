/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster's coordinator writes down beside positions (store/records.h) and definitions
 * (cluster/package.h), and where:
 *
 *   /epoch                          grows by one with each new leader
 *   /coordinators/GUID-N            a candidate: rpc endpoint, control endpoint and name, a line each
 *   /topologies/NAME/definition     the package as it was submitted
 *   /topologies/NAME/status         what is wanted and how far it is
 *   /topologies/NAME/assignment     which worker has which task, which host has which worker
 *   /topologies/NAME/positions/…    positions of spout tasks; they outlive the topology
 *   /topologies/NAME/errors         the last errors
 *
 * Encoded, little-endian; every record ends in hash64 of all bytes before it, seeded by its letter:
 *   status      0 'G'  1 'T'  2 version = 1  3 zero  4 map in conf_pack's form …
 *   assignment  0 'G'  1 'A'  2 version = 1  3 zero  4 u32 attempt  8 u32 tasks  12 u16 workers
 *               14 u16 hosts  16 hosts × {u8 size, name}, tasks × u16 worker, workers × u16 host
 *               (0xffff: none) …
 *   errors      0 'G'  1 'E'  2 version = 1  3 zero  4 map {errors: list} likewise …
 * Any bytes are safe to decode. Pure functions, any thread.
 */
#ifndef CLUSTER_CLUSTER_RECORDS_H
#define CLUSTER_CLUSTER_RECORDS_H

#include "base/conf.h"

#define CLUSTER_CANDIDATES_PATH "/coordinators"
#define CLUSTER_NAME_SIZE 65      /* topology, component, host, owner */
#define CLUSTER_ENDPOINT_SIZE 256 /* as rpc/wire.h */
#define CLUSTER_ERRORS_KEPT 20u
#define CLUSTER_ERROR_TEXT_SIZE 256
#define CLUSTER_NOWHERE UINT16_MAX

struct cluster_candidate {
    char rpc[CLUSTER_ENDPOINT_SIZE];
    char control[CLUSTER_ENDPOINT_SIZE];
    char name[CLUSTER_NAME_SIZE];
};

/* How far a topology is. */
enum cluster_life {
    CLUSTER_WAITING = 1, /* no workers have places in this attempt */
    CLUSTER_PLACED = 2,  /* the assignment holds */
    CLUSTER_FINISHED = 3 /* every spout had ended and everything was processed */
};

/* What happens once its workers have stopped. */
enum cluster_pending { CLUSTER_PENDING_NONE, CLUSTER_PENDING_KILL, CLUSTER_PENDING_REBALANCE };

struct cluster_status {
    uint64_t id;
    enum cluster_life life;
    bool inactive;       /* wanted so */
    uint32_t attempt;    /* from 1, one more with each rebalance */
    uint64_t plan_epoch; /* of its frames: the coordinator's when the attempt began */
    uint32_t workers;    /* 0: as the definition says */
    struct gale_conf
        *parallelism; /* component: tasks, where not as the definition; owned or NULL */
    enum cluster_pending pending;
    int64_t deadline_ms;                /* wall clock: until then what is under way may end */
    bool forget;                        /* of a kill: the positions, too */
    uint32_t next_workers;              /* of a rebalance */
    struct gale_conf *next_parallelism; /* likewise */
    int64_t submitted_ms;
    uint64_t epoch; /* of the coordinator that wrote it */
    char owner[CLUSTER_NAME_SIZE];
};

struct cluster_assignment {
    uint32_t attempt;
    uint32_t tasks_count;
    uint32_t workers_count;
    uint16_t *task_worker;            /* [tasks_count + 1], owned */
    char (*hosts)[CLUSTER_NAME_SIZE]; /* [workers_count], owned; "": none */
};

struct cluster_error {
    char component[CLUSTER_NAME_SIZE]; /* "": the worker as a whole */
    char host[CLUSTER_NAME_SIZE];
    char text[CLUSTER_ERROR_TEXT_SIZE];
    uint32_t task; /* 0: none */
    uint32_t worker;
    bool fatal; /* the worker cannot go on */
    uint64_t count;
    int64_t first_ms, last_ms;
};

/* The newest first; one that comes again counts up. */
struct cluster_errors {
    struct cluster_error items[CLUSTER_ERRORS_KEPT];
    size_t count;
};

/** Path of a record of a topology, which must be a name; below: "/status" … Into RECORD_PATH_SIZE. */
void cluster_path(const char *topology, const char *below, char *out);

/** GALE_ERR_LIMIT: larger than a candidate may be. */
enum gale_err cluster_candidate_encode(const struct cluster_candidate *candidate,
                                       struct buf *out);
/** False: it is none. */
bool cluster_candidate_decode(const void *data, size_t size, struct cluster_candidate *out);

/** Appends. GALE_ERR_NOMEM, GALE_ERR_LIMIT. */
enum gale_err cluster_status_encode(const struct cluster_status *status, struct buf *out);
/** *out is to be given to cluster_status_fini, unless GALE_ERR_CORRUPT, GALE_ERR_UNSUPPORTED (of a
 *  newer gale) or GALE_ERR_NOMEM. */
enum gale_err cluster_status_decode(const void *data, size_t size, struct cluster_status *out);
void cluster_status_fini(struct cluster_status *status);
/** Deep copy into *out. GALE_ERR_NOMEM. */
enum gale_err cluster_status_copy(const struct cluster_status *status,
                                  struct cluster_status *out);

/** Makes room: all tasks in worker 0, no hosts. To be given to cluster_assignment_fini. */
enum gale_err cluster_assignment_init(struct cluster_assignment *assignment,
                                      uint32_t tasks_count, uint32_t workers_count);
void cluster_assignment_fini(struct cluster_assignment *assignment);
enum gale_err cluster_assignment_encode(const struct cluster_assignment *assignment,
                                        struct buf *out);
/** As cluster_status_decode. */
enum gale_err cluster_assignment_decode(const void *data, size_t size,
                                        struct cluster_assignment *out);

/** Takes in an error, or counts it up. `what`'s count and first_ms are not looked at. */
void cluster_errors_add(struct cluster_errors *errors, const struct cluster_error *what);
enum gale_err cluster_errors_encode(const struct cluster_errors *errors, struct buf *out);
enum gale_err cluster_errors_decode(const void *data, size_t size, struct cluster_errors *out);
/** The errors as a list of maps, added to a map under a key. */
enum gale_err cluster_errors_tree(const struct cluster_errors *errors, struct gale_conf *map,
                                  const char *key);

/** Deep copy of a map; *out NULL for NULL. */
enum gale_err cluster_map_copy(const struct gale_conf *map, struct gale_conf **out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the supervisor's daemon: supervisor.c (life, steps), supervisor_files.c (directories, lock,
 * addresses), supervisor_workers.c (processes), supervisor_leader.c (asking), supervisor_requests.c
 * (answering). One thread. Not for others: they see supervisor.h.
 */
#ifndef HOST_SUPERVISOR_INTERNAL_H
#define HOST_SUPERVISOR_INTERNAL_H

#include "base/rng.h"
#include "blobs/pull.h"
#include "host/finder.h"
#include "host/host_core.h"
#include "host/seek.h"
#include "host/slot_file.h"
#include "host/supervisor.h"
#include "host/worker_log.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "supervise/process.h"
#include "transport/transport.h"

#include <limits.h>

#define SUPERVISOR_RECEIVE_MAX 1024         /* pulses taken in one step */
#define SUPERVISOR_LOOK_NS 2000000000       /* between looks at memory and logs */
#define SUPERVISOR_COMPLAIN_NS 10000000000  /* between words about answers that are refused */
#define SUPERVISOR_COLLECT_NS 3600000000000 /* between removals of what nobody needs */
#define SUPERVISOR_BLOB_AGE_MS 86400000     /* unused blobs are kept so long */
#define SUPERVISOR_LOOK_WITHIN_MS 3000      /* ZooKeeper's answer to the finder */
#define SUPERVISOR_SOCKETS_SIZE 96          /* a socket's whole path has but 107 bytes */

/* The process of a worker. */
struct supervisor_worker {
    struct supervisor *supervisor;
    struct host_worker *worker;
    struct process process;
    bool adopted; /* not our child: how it ends cannot be known */
    char log_path[PATH_MAX];
    char bind_path[SUPERVISOR_SOCKETS_SIZE + 32]; /* socket of the present process; "": tcp */
};

/* A connection to a coordinator; the place of its address is the one in seek. */
struct supervisor_peer {
    struct rpc_client *client;
    char address[FINDER_ADDRESS_SIZE];
    enum seek_ask asked;
    uint64_t id;       /* of the last question */
    size_t gone_count; /* of the last report */
};

struct supervisor_dirs {
    char state[PATH_MAX];
    char slots[PATH_MAX];
    char run[PATH_MAX];
    char log[PATH_MAX];
    char blobs[PATH_MAX];
    char coordinator[PATH_MAX]; /* the file */
    char candidates[PATH_MAX];  /* the file */
    char sockets[SUPERVISOR_SOCKETS_SIZE];
};

struct supervisor {
    const struct config *config;
    char gale_path[PATH_MAX];
    char parent[24]; /* process id whose death workers die with; "": none */
    bool local;
    bool fixed; /* one coordinator only */
    struct loop *loop;
    struct supervisor_dirs dirs;
    int lock;
    char boot[PROCESS_BOOT_SIZE];
    char name[HOST_NAME_SIZE];
    char bind[HOST_ENDPOINT_SIZE];         /* of workers, tcp */
    char pulse[HOST_ENDPOINT_SIZE];        /* where they pulse */
    char rpc_endpoint[HOST_ENDPOINT_SIZE]; /* as others reach it */
    struct rng rng;
    struct transport *transport;
    struct rpc_server *rpc;
    struct blobs *blobs;
    struct pull *pull;
    struct finder *finder;
    struct host_ports ports;
    struct host_core core;
    bool core_made;
    struct host_facts facts;
    struct seek seek;
    struct supervisor_peer peers[FINDER_ADDRESSES_MAX];
    struct finder_list saved;        /* what `candidates` holds */
    char (*verified)[HOST_HEX_SIZE]; /* blobs that were hashed in this life */
    size_t verified_count, verified_room;
    bool renew;          /* an answer is being obeyed: addresses of blobs may be others */
    bool leader_unsaved; /* the file `coordinator` names an earlier one */
    bool closing;
    int64_t look_at_ns, collect_at_ns, complain_at_ns;
};

/* supervisor_files.c */

/** Makes the directories and takes the lock. Codes of supervisor_new. */
enum gale_err supervisor_dirs_make(struct supervisor *supervisor, const char *state_dir,
                                   const char *sockets, struct gale_error *error);
/** Whether workers could take frames there. GALE_ERR_INVALID with *error. May ask the resolver. */
enum gale_err supervisor_address_check(const char *address, struct gale_error *error);
/** Where others reach what is bound to `bound`: with `address` (or that of an interface of this name)
 *  in place of "every interface". */
void supervisor_advertise(const char *bound, const char *address, char *out, size_t size);
/** Reads the file `coordinator`: 0 when there is none that can be read. */
uint64_t supervisor_epoch_load(const struct supervisor *supervisor,
                               char control[HOST_ENDPOINT_SIZE]);
/** Replaces it. @return false: the old one is still there (errno). */
bool supervisor_epoch_save(const struct supervisor *supervisor, uint64_t epoch,
                           const char *control);
/** Tries again what could not be written: the workers wait for it. */
void supervisor_leader_retry(struct supervisor *supervisor);

/* supervisor_workers.c */

void supervisor_ports(struct supervisor *supervisor);
/** Takes in the processes of an earlier life and kills orphans. */
enum gale_err supervisor_restore(struct supervisor *supervisor, struct gale_error *error);
/** Memory and logs of the workers. */
void supervisor_look(struct supervisor *supervisor);
/** Removes what nobody needs: blobs, logs, working directories. */
void supervisor_collect(struct supervisor *supervisor);

/* supervisor_leader.c */

void supervisor_leader_open(struct supervisor *supervisor, const char *only);
/** Takes answers and asks what is due. */
void supervisor_leader_step(struct supervisor *supervisor, int64_t now_ns);
void supervisor_leader_close(struct supervisor *supervisor);

/* supervisor_requests.c */

/** An rpc_handler_fn. */
void supervisor_request(void *self, const struct rpc_request *request,
                        struct rpc_answer *answer);

#endif

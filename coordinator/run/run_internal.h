/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of one run share. One thread. */
#ifndef RUN_RUN_INTERNAL_H
#define RUN_RUN_INTERNAL_H

#include "base/loop.h"
#include "base/rng.h"
#include "run/control.h"
#include "run/load.h"
#include "run/run.h"
#include "run/sockets.h"
#include "store/store.h"
#include "supervise/keeper.h"
#include "transport/transport.h"
#include "worker/process_stat.h"

#include <limits.h>
#include <sys/resource.h>

struct run;

struct run_worker {
    struct run *run;
    uint32_t index;
    struct process process;
    struct transport_peer *peer;
    int64_t dead_rss_peak_kb;
};

struct run {
    const struct run_options *options;
    const struct run_view *view;
    struct loaded loaded;
    const struct plan *plan;
    uint16_t *task_worker;
    struct store *store;
    char state_path[PATH_MAX];
    struct sockets sockets;
    struct loop *loop;
    struct transport *transport;
    char endpoint[128];
    struct control control;
    struct control_ports ports;
    struct keeper keeper; /* of the workers' processes */
    struct keeper_ports keeper_ports;
    bool keep_failed; /* a worker has no slot: there was no memory */
    struct run_worker *workers;
    struct buf out;
    struct rng rng;
    uint64_t epoch;
    bool resumed;       /* positions of an earlier run were found */
    int64_t created_ms; /* wall clock, of the status record */
    int64_t start_ns;
    int64_t baseline_ns;             /* end of the warm-up */
    int64_t end_ns;                  /* when the last tree ended */
    struct process_cpu own_cpu_base; /* at baseline_ns */
    int64_t drain_at_ns;             /* --duration */
    int64_t warmup_at_ns;
    int64_t sample_at_ns;
    uint64_t seen_beats;          /* of all workers at the last look */
    uint64_t sample_beats;        /* of all workers when the last sample was taken */
    struct hist *complete_before; /* complete latency so far at the last sample */
    int64_t look_at_ns;           /* when memory is looked at again */
    int64_t memory_peak_kb;
    int64_t release_at_ns; /* of the last pages that only the start needed */
    bool released;         /* the first ones are given back */
    int signals_count;
    int signal; /* the first one */
    enum run_end end;
};

/* run_store.c: what outlives a run. */
enum gale_err run_store_open(struct run *run, struct gale_error *error);
/** Takes the next epoch and hands saved positions to the control. */
enum gale_err run_store_begin(struct run *run, struct gale_error *error);
void run_store_save(struct run *run, uint32_t task, struct message_bytes position);
/** Notes that the topology became active or inactive. */
void run_store_state(struct run *run, bool active);
/** Notes the state the topology was left in. */
void run_store_end(struct run *run);
/* run_report.c */
void run_sample(struct run *run, int64_t now_ns);
/** Whether a beat came just now and completes those of all workers since the last sample: samples
 *  are taken at such moments, so that rates between them do not waver with who was heard. */
bool run_sample_ready(struct run *run);
/** Keeps the largest sum of memory. */
void run_look_at_memory(struct run *run);
void run_report(struct run *run, int exit_code);

#endif

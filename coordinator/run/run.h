/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a topology on this machine: coordinator and supervisor in the calling process, real
 * worker processes below it. run.c does it; the command line gives the options and looks on
 * through a view. All callbacks of the view come from the thread that called run_topology, never
 * one inside another; what they are given is borrowed until they return.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "core/diag.h"
#include "worker/worker.h"
#include <gale/errors.h>
#include <gale/log.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_REPORT_SCHEMA 1

/* Everything is borrowed for the call. */
struct run_options {
    const char *file;           /* topology file, or module.so[:topology] */
    const char *const *defines; /* "key=value", the later one wins */
    size_t defines_count;
    int64_t duration_ms;   /* 0 = until the spouts end */
    int64_t warmup_ms;     /* left out of the figures; 0 = none */
    uint32_t workers;      /* 0 = as in the file */
    bool fresh;            /* forget the saved offsets of an earlier run of this name */
    bool json;             /* log lines and report are meant for machines */
    const char *state_dir; /* NULL = $XDG_STATE_HOME/gale or ~/.local/state/gale */
    const struct worker_builtins *builtins; /* the same tables that the worker verb gives */
    const char *gale_path; /* binary that is started as a worker: `gale_path worker …` */
    bool tcp;              /* workers meet over tcp on the loopback interface instead of ipc */
    const char *name;      /* replaces the topology's name; NULL = as in the file */
    enum gale_log_level log_level;
    uint32_t sample_ms; /* a view sample about this often; 0 = none */
    int64_t begin_ns;   /* CLOCK_MONOTONIC at the start of the process; 0 = not known */
};

/* Why a run ended. */
enum run_end {
    RUN_END_COMPLETED,   /* every spout ended and everything was acked */
    RUN_END_DURATION,    /* the given time was over, then drained */
    RUN_END_INTERRUPTED, /* SIGINT or SIGTERM, drained */
    RUN_END_ABORTED,     /* a second signal or the drain's deadline: stopped at once */
    RUN_END_FAILED       /* an error ended it; run_view.error said which */
};

/* Since the start of the run, warm-up included; they never fall. */
struct run_totals {
    uint64_t executed, emitted, acked, failed; /* failed includes timed out */
};

/* Figures of one component, summed over its tasks. Counters that do not apply stay 0. */
struct run_component_report {
    const char *name;
    bool spout;
    uint32_t tasks;
    uint64_t executed, emitted, acked, failed, timed_out, errors;
    struct run_totals total;
    uint64_t *emitted_by_task; /* of `total`, by index of the task; NULL: not known */
    uint64_t exec_p50_ns, exec_p99_ns;
};

struct run_worker_report {
    uint32_t index;
    int64_t pid;         /* of the last process */
    int64_t rss_peak_kb; /* largest of all its processes */
    uint32_t restarts;
    int64_t cpu_user_ns, cpu_system_ns;
};

/* The final figures; all since the end of the warm-up except totals, peaks, restarts and
 * first_acked_ns. */
struct run_report {
    const char *topology;
    const char *guarantee;
    enum run_end end;
    int exit_code;
    double elapsed_s;
    double cpu_user_s, cpu_system_s; /* of all processes of the run, this one included */
    int64_t rss_peak_kb;             /* of this process */
    int64_t memory_peak_kb; /* largest sum over all processes, about four looks a second */
    int64_t
        first_acked_ns; /* from begin_ns to the first completed tree; -1: none or not known */
    int64_t first_acked_at_ns; /* the same moment, CLOCK_MONOTONIC; -1: none */
    const struct run_component_report *components; /* spouts first, in file order */
    size_t components_count;
    /* Complete latency of all spouts' trees, from the intended emit to the last ack. */
    uint64_t complete_p50_ns, complete_p99_ns, complete_p999_ns, complete_p9999_ns;
    uint64_t complete_max_ns, complete_mean_ns;
    uint64_t complete_count;
    const struct run_worker_report *workers;
    size_t workers_count;
    uint64_t replayed; /* fails and time-outs handed back to the spouts */
    uint64_t duplicates_dropped, frames_refused, links_failed;
};

/* One component at one moment. Counters only grow (they fall to 0 once, after the warm-up), so
 * that rates come from two consecutive samples. */
struct run_sample_component {
    const char *name;
    bool spout;
    uint32_t tasks;
    uint32_t level;                            /* longest path from a spout */
    uint64_t executed, emitted, acked, failed; /* failed includes timed out */
    uint64_t pending;
    uint64_t queue_bytes, queue_bytes_max; /* inbox fill and bound; bolts */
    uint64_t blocked_ns; /* time its tasks' output had no room, summed over the tasks */
    uint64_t exec_p50_ns, exec_p99_ns;
    const char *type; /* built-in type or name in the module; NULL = not said */
    struct run_totals total;
};

struct run_sample_worker {
    uint32_t index;
    bool up;     /* its process works */
    int64_t pid; /* of the last process; 0 = none yet */
    int64_t rss_kb;
};

/* The run at one moment, a few times a second. The name strings live as long as the run. */
struct run_sample {
    const char *topology;
    int64_t elapsed_ns; /* since the start of the run */
    bool warming;       /* inside the warm-up */
    bool draining;      /* spouts stopped, waiting for what is under way */
    const struct run_sample_component *components;
    size_t components_count;
    uint64_t complete_p99_ns; /* so far */
    /* Of the trees that ended since the last sample. */
    uint64_t recent_count, recent_p50_ns, recent_p99_ns, recent_p999_ns;
    const struct run_sample_worker *workers;
    uint32_t workers_up, workers_count;
    uint32_t restarts;
    int64_t cpu_user_ns, cpu_system_ns; /* of all processes since the start */
    int64_t rss_kb;                     /* of all processes now */
};

/* Who looks on. Every member may be NULL. */
struct run_view {
    void *self;
    void (*sample)(void *self, const struct run_sample *sample);
    /** A line of news without newline: worker restarted, draining … */
    void (*note)(void *self, const char *line);
    /** The topology file's errors and warnings; a run with errors ends with exit code 78. */
    void (*diagnostics)(void *self, const struct diag *diag);
    /** What ended the run, at most once, before report. */
    void (*error)(void *self, int exit_code, const struct gale_error *error);
    /** The figures, once, at the end of a run that had started. */
    void (*report)(void *self, const struct run_report *report);
};

/**
 * Runs a topology to its end and leaves no process behind. Blocks; handles SIGINT, SIGTERM and
 * SIGHUP (drain, then stop) and SIGUSR1 (inactive, active again) while it runs. @return the
 * process's exit code (0, 66, 70, 74, 75, 78, 130, 143 …); nothing is printed except log lines
 * on stderr.
 */
int run_topology(const struct run_options *options, const struct run_view *view);

#endif

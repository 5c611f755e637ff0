/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark suite behind `gale bench`. A benchmark is an entry of a table (catalogue.c) with a
 * callback that makes ONE run of ONE variant (workers × guarantee) and adds its figures to the
 * variant's result. suite_run makes the rounds: every chosen variant once, then all of them again,
 * so that a machine that slows down slows all alike (A B A B).
 *
 * Kinds reach the engine only through the public command line: bench_launch starts `gale run FILE
 * --json --progress` and returns its final report; those of a cluster start one (rig.h). Nothing
 * is left behind: processes are killed and reaped and temporary directories removed on every way out,
 * SIGINT and SIGTERM included.
 *
 * One thread; callbacks are called one after the other on it, borrow what they are given until they
 * return, and must not call suite_run.
 */
#ifndef SUITE_SUITE_H
#define SUITE_SUITE_H

#include "suite/result.h"
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    BENCH_COMPONENTS_MAX = 32,
    BENCH_WORKERS_MAX = 16,
    BENCH_DEFINES_MAX = 16,
    BENCH_NAME_SIZE = 64,
    BENCH_ALL_MAX = 64, /* Benchmarks of the whole catalogue. */
};

/* Guarantees and numbers of workers as sets. */
enum {
    BENCH_NO_GUARANTEE = 0, /* It does not apply: the variant's guarantee is "". */
    BENCH_AT_MOST_ONCE = 1,
    BENCH_AT_LEAST_ONCE = 2,
    BENCH_BOTH = 3,
};
enum { BENCH_NO_WORKERS = 0, BENCH_ONE = 1, BENCH_TWO = 2, BENCH_ONE_TWO = 3 };

enum bench_end {
    BENCH_DONE,  /* The run's figures are in the result. */
    BENCH_WRONG, /* result_fail was called; later rounds leave the variant out. */
    BENCH_BUSY,  /* The same, but the machine may be the reason: it was too busy for the run
                          to show anything. A tiny run is made again, longer; any other has failed. */
    BENCH_INTERRUPTED, /* A signal; the suite ends. */
};

struct bench_context;

/* ---- What a run says ------------------------------------------------------------------------ */

/* Counters of one component. In a report they are since the warm-up; `total` since the start. */
struct bench_counters {
    uint64_t executed, emitted, acked, failed, timed_out;
};

struct bench_component {
    char name[BENCH_NAME_SIZE];
    bool is_spout;
    uint32_t tasks;
    struct bench_counters since;
    struct bench_counters total; /* Reports only. */
    /* Reports only, spouts: of `total`, by index of the first BENCH_WORKERS_MAX tasks. */
    uint64_t emitted_by_task[BENCH_WORKERS_MAX];
    size_t emitted_by_task_count;
    uint64_t pending; /* Samples only, like the next three. */
    uint64_t queue_bytes, queue_bytes_max;
    uint64_t blocked_ns;
};

struct bench_worker {
    uint32_t index;
    pid_t pid;
    uint64_t rss_kb; /* Now in samples, the peak in reports. */
    uint32_t restarts;
};

/* One progress line, about four a second. Counters only grow, but fall to 0 once: after warm-up. */
struct bench_sample {
    pid_t run_pid; /* Of the `gale run` process. */
    double elapsed_s;
    bool warming, draining;
    uint32_t workers_up, restarts;
    double cpu_user_s, cpu_system_s;
    uint64_t rss_kb;                /* All processes together. */
    double p50_us, p99_us, p999_us; /* Trees that ended since the last sample; NAN: none. */
    struct bench_worker workers[BENCH_WORKERS_MAX];
    size_t workers_count;
    struct bench_component components[BENCH_COMPONENTS_MAX];
    size_t components_count;
    /* Worked out from this sample and the one before. */
    double rate;  /* Measured units a second (bench->measured); NAN in the first one. */
    double cpu;   /* Cores in use; NAN in the first one. */
    double queue; /* Fill of the fullest inbox, 0 to 1. */
};

/* The final report of a run. Times are since the warm-up. */
struct bench_report {
    char end[BENCH_NAME_SIZE]; /* "completed", "duration" … */
    int exit_code;
    double elapsed_s;
    double cpu_s, cpu_user_s, cpu_system_s;
    double memory_peak_kb; /* Largest sum over all processes. */
    double rss_peak_kb;    /* Of the `gale run` process. */
    double
        first_acked_ms; /* From before the process existed, by the suite's clock; NAN: none. */
    double p50_us, p99_us, p999_us, p9999_us, max_us, mean_us;
    uint64_t latency_count;
    uint64_t replayed, duplicates_dropped, frames_refused, links_failed;
    struct bench_component components[BENCH_COMPONENTS_MAX];
    size_t components_count;
    struct bench_worker workers[BENCH_WORKERS_MAX];
    size_t workers_count;
    double wall_s; /* From the start of the process to its end, by the suite's clock. */
};

/** Component by name, or NULL. */
const struct bench_component *bench_report_component(const struct bench_report *report,
                                                     const char *name);
const struct bench_component *bench_sample_component(const struct bench_sample *sample,
                                                     const char *name);
/** Sum over the spouts of a report of what is `total`. */
struct bench_counters bench_report_spouts(const struct bench_report *report);

/* ---- Who looks on: the live view ------------------------------------------------------------ */

/* Every member may be NULL. */
struct bench_watcher {
    void *self;
    /** A run begins. @param run from 0. @param runs of each variant. @param done, all runs of the
     *  whole suite that were made and that will be made. */
    void (*on_begin)(void *self, const struct result *result, unsigned run, unsigned runs,
                     unsigned done, unsigned all);
    void (*on_sample)(void *self, const struct result *result,
                      const struct bench_sample *sample);
    /** The run has ended; its figures are in the result, unless its status is RESULT_FAILED. */
    void (*on_end)(void *self, const struct result *result, unsigned run);
    /** A line of news without newline. */
    void (*on_note)(void *self, const char *line);
};

/* ---- Benchmarks ----------------------------------------------------------------------------- */

/* One entry of the catalogue; static. */
struct bench {
    const char *name;    /* "wordcount" */
    const char *group;   /* "storm", "cluster" … */
    const char *title;   /* One sentence without a full stop. */
    const char *unit;    /* What the throughput counts: "words"; NULL = nothing. */
    unsigned workers;    /* Supported, BENCH_ONE …; each is a variant. */
    unsigned guarantees; /* Supported. */
    double rate;         /* -D rate= by default; 0 = as fast as it can. */
    bool is_rated;       /* --rate changes it; otherwise --rate is refused for it. */
    bool is_once;        /* One run gives all figures: no rounds (codec, transport). */
    bool crosses;        /* With two workers something goes over the wire. */
    /** Makes one run of the variant in `context` and adds its figures by result_metric_add. */
    enum bench_end (*run)(const struct bench_context *context, struct result *result);
    /* What follows belongs to kind_throughput and to kinds that want it. */
    const char *file;           /* Topology file, in the bench directory. */
    const char *const *defines; /* More "key=value", NULL-terminated; NULL = none. */
    const char *measured;       /* Component whose executed (bolt) or emitted (spout) counts. */
    /** Checks the run exactly; on a wrong result result_fail, otherwise result_check. NULL: only
     *  that acked = emitted and nothing failed. @param file what -D result= named, may not be
     *  there. @return false when it is wrong. */
    bool (*check)(const struct bench_context *context, const struct bench_report *report,
                  const char *file, struct result *result);
    /** Makes the input before the run, in context->temp. @return false after result_fail. NULL:
     *  none needed. Defines may name it by "@temp@", which is replaced by context->temp. */
    bool (*prepare)(const struct bench_context *context, struct result *result);
    const void *data; /* Of the kind. */
};

/* Options of the whole suite, already valid. */
struct bench_settings {
    double duration_s, warmup_s; /* Of each run; the warm-up comes on top. */
    unsigned runs;
    double rate;         /* < 0: the benchmark's own */
    unsigned workers;    /* BENCH_ONE …; 0: all that the benchmark has */
    unsigned guarantees; /* 0: all that the benchmark has */
    uint64_t seed;
    bool tiny; /* As short as can be, for tests: figures mean nothing, checks hold. */
};

/* What a run may use; borrowed until the callback returns. */
struct bench_context {
    const struct bench *bench;
    const struct bench_settings *settings;
    unsigned workers;                    /* Of the variant; 0 = does not apply. */
    const char *guarantee;               /* "at-least-once", "at-most-once" or "". */
    unsigned round;                      /* From 0. */
    double rate;                         /* Settings' or the benchmark's own. */
    const char *gale;                    /* Path of the gale binary. */
    const char *dir;                     /* Of topology files and modules. */
    const char *temp;                    /* An empty directory of this run; removed after it. */
    struct result_document *document;    /* For ratios across results, see bench_finish. */
    const struct bench_watcher *watcher; /* Never NULL. */
};

/* ---- Making a run --------------------------------------------------------------------------- */

struct bench_launch {
    const char *file;           /* NULL = the benchmark's. Relative: in context->dir. */
    const char *const *defines; /* More "key=value", NULL-terminated; NULL = none. */
    const char *const
        *options;      /* More arguments of `gale run`, NULL-terminated; NULL = none. */
    double duration_s; /* --duration is this and the warm-up; 0 = till its input ends. */
    double warmup_s;
    double
        deadline_s; /* It is killed and has failed after this long; 0 = chosen from the rest. */
    unsigned workers; /* 0 = the context's */
    /** Each sample; NULL = none. The watcher is told too. */
    void (*on_sample)(void *self, const struct bench_sample *sample);
    /** Asked about every 20 ms; returning false ends the run like Ctrl-C. NULL = not asked. */
    bool (*on_tick)(void *self, pid_t run_pid);
    void *self;
    /** Keeps the samples of this run as the result's series. */
    bool is_shown;
};

/**
 * Runs `gale run FILE --json --progress --fresh --state-dir … -D workers= guarantee= rate= seed= …`
 * to its end. The defines that every topology takes (workers, guarantee, rate, seed, result) come
 * from the context, those that the file has as ${…}; result is TEMP/result. The launch's defines come after them and win.
 * @param report is filled with BENCH_DONE. @param result receives result_fail otherwise (exit code
 * other than 0, killed by the deadline, no report), and the series.
 */
enum bench_end bench_run(const struct bench_context *context, const struct bench_launch *launch,
                         struct bench_report *report, struct result *result);

/** Adds the metrics that every run has: throughput_per_s, throughput_per_cpu_s (of
 *  bench->measured), latency_*_us when trees were timed, cpu_user_s, cpu_system_s, cores,
 *  memory_peak_mb. */
void bench_add_metrics(const struct bench_context *context, const struct bench_report *report,
                       struct result *result);
/** acked = emitted since the start (with at-least-once), nothing failed, timed out, refused.
 *  @return false after result_fail. */
bool bench_check_acks(const struct bench_context *context, const struct bench_report *report,
                      struct result *result);
/** How a run ends that bench_check_acks refused: BENCH_BUSY when nothing was emitted or a worker was
 *  restarted, as happens when it gets no processor for long; otherwise BENCH_WRONG. */
enum bench_end bench_refused(const struct bench_report *report);
/** Executed (bolt) or emitted (spout) of bench->measured since the warm-up; NAN: no such one. */
double bench_measured(const struct bench *bench, const struct bench_report *report);

/** Tells the watcher a line. */
void bench_note(const struct bench_context *context, const char *format, ...) GALE_PRINTF(2, 3);
/** What the topology got as -D seed=: each round has its own. */
uint64_t bench_seed(const struct bench_context *context);
/** True once SIGINT or SIGTERM came: long loops of a kind ask it and return BENCH_INTERRUPTED. */
bool bench_is_interrupted(void);

/* The ordinary kind: warm-up, full speed or bench->rate, metrics, acks, bench->check. */
enum bench_end kind_throughput(const struct bench_context *context, struct result *result);

/* ---- The suite ------------------------------------------------------------------------------ */

/** The catalogue in the order of --list, BENCH_ALL_MAX at most. */
size_t suite_all(const struct bench **out);
/** Adds the benchmarks that a word names (benchmark, group or "all") to a list without doubles.
 *  @return false when there is no such benchmark. */
bool suite_choose(const char *word, const struct bench **chosen, size_t *chosen_count);
/** Whether a benchmark has a variant with the settings' workers and guarantees. */
bool suite_can_run(const struct bench *bench, const struct bench_settings *settings);
/** Directory of topologies: $GALE_BENCH_DIR, or beside the binary, or under its prefix.
 *  @return false when there is none. */
bool suite_find_dir(const char *gale, char dir[PATH_MAX]);
/** Fills machine, versions, commit, start time. */
void suite_describe(struct result_document *document, const char *command);

/**
 * Makes all rounds and the ratios. A benchmark that has no variant with the settings' workers and
 * guarantees is left out, with a note. @param watcher may be NULL.
 * @return the process's exit code: 0; 1 a result is wrong; 70 it cannot work here; 130, 143 by a
 * signal. What was measured until then is in the document.
 */
int suite_run(const struct bench *const *chosen, size_t chosen_count,
              const struct bench_settings *settings, const char *gale, const char *dir,
              const struct bench_watcher *watcher, struct result_document *document);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `gale top` shows, as the coordinator's answers to `list` and `sample` say it: topologies,
 * the components of one and the tasks of a component. A component's figures are a struct
 * run_sample_component, as in a run on this machine, so that rates and the source of back-pressure
 * come from the same functions (cli/view_figures.h); the tasks of a component are such a row each.
 * Answers are checked; what is missing counts as 0. Pure but for its memory. Single-threaded.
 */
#ifndef CLI_TOP_MODEL_H
#define CLI_TOP_MODEL_H

#include "base/conf.h"
#include "cli/view_figures.h"

/* Where a row of figures is, beside its figures. */
struct top_place {
    uint32_t task, index, worker; /* of a task */
    const char *host;
    double capacity; /* share of the time in execute; negative: not said */
    uint64_t timed_out;
    uint32_t first, count; /* of a component: its tasks among those of the sample */
};

/* One answer to `sample`. Rows 0 … components_count − 1 of `run` are the components. */
struct top_sample {
    struct gale_conf *tree; /* owns the texts */
    struct run_sample run;
    struct run_sample_component *components, *tasks;
    struct top_place *component_places, *task_places;
    uint32_t tasks_count; /* told; 0: the answer is without tasks */
    const char *status;
    uint32_t hosts_count;
    uint64_t complete_count, complete_p50_ns, complete_p99_ns, complete_p999_ns;
    unsigned references;
};

/* Rows that are shown: the components, or the tasks of one. */
struct top_rows {
    struct run_sample now;
    struct run_sample before; /* meaningful when has_before */
    bool has_before;
    const struct top_place *places;
};

/* Of all spouts. */
struct top_totals {
    double acked; /* a second */
    uint64_t pending, failed, timed_out;
};

struct top_list_item {
    const char *name, *status;
    int64_t age_ms;
    uint32_t workers, workers_up, tasks, restarts;
    double rate;
    uint64_t p99_ns, failed;
};

/* One answer to `list`. */
struct top_list {
    struct gale_conf *tree;
    struct top_list_item *items;
    size_t count;
};

/** Takes the answer. @param name of the topology; copied. @return NULL: no memory (the tree is
 *  freed). */
struct top_sample *top_sample_new(struct gale_conf *tree, const char *name);
struct top_sample *top_sample_keep(struct top_sample *sample);
/** Drops a reference; may be NULL. */
void top_sample_drop(struct top_sample *sample);
/** Index of a component by name, or -1. */
int top_sample_find(const struct top_sample *sample, const char *component);
/**
 * The rows of a sample with those of an earlier one for the rates.
 * @param before may be NULL; one of another shape is not compared with.
 * @param component -1: the components; else the tasks of this one.
 */
struct top_rows top_rows_of(const struct top_sample *before, const struct top_sample *now,
                            int component);

/** The earlier rows; NULL: none to compare with. */
const struct run_sample *top_before(const struct top_rows *rows);
/** Tuples executed and emitted a second by one row. */
double top_in_rate(const struct top_rows *rows, size_t index);
double top_out_rate(const struct top_rows *rows, size_t index);
/** Share of the time in execute as the coordinator says it, else from the median of a call. */
double top_capacity(const struct top_rows *rows, size_t index);
struct top_totals top_totals_of(const struct top_rows *rows);
/** The component that causes back-pressure; -1: nobody, or it is not known. */
int top_pressure(const struct top_sample *before, const struct top_sample *now);

/** Takes the answer; as top_sample_new. */
struct top_list *top_list_new(struct gale_conf *tree);
void top_list_free(struct top_list *list);

#endif

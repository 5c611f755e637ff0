/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pace of the generator spout: when tuple n of a task is due. One rate, or steps of rates one
 * after the other, each for a time and the last for ever:
 *
 *     steps: [ { rate: 100000, for: 10s }, { rate: 0, for: 1s }, { rate: 20000 } ]
 *
 * Rates are of all tasks together; the tasks take turns, so tuple n of task i is number n · tasks + i
 * of the whole. Due times never go backwards. A rate of 0 is a pause, in the only step: no pace at
 * all. Pure; owned by its spout task.
 */
#ifndef SPOUTS_PACE_H
#define SPOUTS_PACE_H

#include <gale/gale.h>

#define PACE_RATE_MAX 1e9
#define PACE_STEPS_MAX 1024
#define PACE_DUE_NS_MAX INT64_C(4000000000000000000) /* 126 years: what is due later never is */
#define PACE_STEP_MS_MAX ((int64_t)366 * 24 * 3600 * 1000)

struct pace_step {
    double first;       /* Tuples of all tasks that are due before it. */
    double start_ns;    /* Since the start of the pace. */
    double interval_ns; /* Between two tuples of all tasks; not used in a pause. */
};

struct pace {
    struct pace_step *steps; /* NULL: as fast as it can. */
    size_t count;
    size_t at; /* Step of the last tuple that was asked for. */
    double stride;
    double shift;
};

/** Checks the options `rate` and `steps`; says through gale_declare_error what is wrong. */
enum gale_err pace_check(struct gale_declare *declare, const struct gale_conf *conf);
/** @param pace zero-initialised; pace_fini frees it. @param conf passed pace_check.
 *  @param index of the task. @param tasks of the spout. @return GALE_OK or GALE_ERR_NOMEM. */
enum gale_err pace_init(struct pace *pace, const struct gale_conf *conf, uint64_t index,
                        uint64_t tasks);
void pace_fini(struct pace *pace);
/** Starts from the first step again: n may be smaller than before. */
static inline void pace_restart(struct pace *pace)
{
    pace->at = 0;
}

/** When tuple n of the task is due, in nanoseconds since the start; n only grows until a restart. */
static inline int64_t pace_due_ns(struct pace *pace, uint64_t n)
{
    double number = (double)n * pace->stride + pace->shift;
    while (pace->at + 1 < pace->count && number >= pace->steps[pace->at + 1].first) {
        pace->at++;
    }
    const struct pace_step *step = &pace->steps[pace->at];
    double due_ns = step->start_ns + (number - step->first) * step->interval_ns;
    return due_ns < (double)PACE_DUE_NS_MAX ? (int64_t)due_ns : PACE_DUE_NS_MAX;
}

#endif

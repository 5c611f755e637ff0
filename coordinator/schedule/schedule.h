/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The even scheduler: which worker gets which task. Pure code: same input, same answer. Tasks of a
 * component are spread as evenly as can be over the workers; the tasks of one index along a
 * pipeline meet in one worker, so that local edges are many; no worker has two tasks more than
 * another of one component, nor in all unless places are kept; what has a place in `previous` and
 * need not move stays; each task of an isolated component gets a worker of its own, from worker 0
 * on.
 */
#ifndef SCHEDULE_SCHEDULE_H
#define SCHEDULE_SCHEDULE_H

#include "core/plan.h"

/**
 * @param plan the topology. @param workers_count 1 … PLAN_WORKERS_MAX (isolated components'
 * workers included; GALE_ERR_LIMIT when they leave none for the rest).
 * @param previous [tasks_count + 1] or NULL. @param out [tasks_count + 1], worker index of each
 * task id; out[0] = 0.
 */
enum gale_err schedule_even(const struct plan *plan, uint32_t workers_count,
                            const uint16_t *previous, uint16_t *out);

#endif

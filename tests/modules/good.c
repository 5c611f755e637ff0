/* SPDX-License-Identifier: Apache-2.0 */
/* A module with one of everything, for the registry's tests. */
#include <gale/gale.h>

static enum gale_err execute(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_next next(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_NEXT_DONE;
}

static uint32_t choose(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                       uint32_t chosen_max)
{
    (void)state;
    (void)tuple;
    (void)chosen_max;
    chosen[0] = 0;
    return 1;
}

static const struct gale_bolt_ops echo = {GALE_BOLT_HEAD, .name = "echo", .execute = execute};
static const struct gale_bolt_ops drop = {GALE_BOLT_HEAD, .name = "drop", .execute = execute};
static const struct gale_spout_ops source = {GALE_SPOUT_HEAD, .name = "source", .next = next};
static const struct gale_grouping_ops pick = {
    .abi = GALE_ABI, .struct_size = sizeof(pick), .name = "pick", .choose = choose};
static const struct gale_task_hooks trace = {
    .abi = GALE_ABI, .struct_size = sizeof(trace), .name = "good_trace"};
static const struct gale_worker_hooks pool = {
    .abi = GALE_ABI, .struct_size = sizeof(pool), .name = "good_pool"};

static const struct gale_bolt_ops *const bolts[] = {&echo, &drop, NULL};
static const struct gale_spout_ops *const spouts[] = {&source, NULL};
static const struct gale_grouping_ops *const groupings[] = {&pick, NULL};
static const struct gale_task_hooks *const task_hooks[] = {&trace, NULL};
static const struct gale_worker_hooks *const worker_hooks[] = {&pool, NULL};

GALE_MODULE(.bolts = bolts, .spouts = spouts, .groupings = groupings, .task_hooks = task_hooks,
            .worker_hooks = worker_hooks);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making an executor from a plan: tasks, routes, targets, lanes, and for each task the lanes that it
 * can reach by chained calls. Done once; nothing here runs while tuples flow.
 */
#include "exec/internal.h"

#include "base/assert.h"
#include "core/out.h"

#include <stdlib.h>

#define SCRATCH_SIZE 4096u

static bool edge_chained(const struct exec *exec, const struct plan_component *bolt,
                         const struct plan_input *input, uint32_t target)
{
    return exec->task_worker[target] == exec->options.worker && !input->in_cycle &&
           bolt->level % EXEC_CHAIN_DEPTH_MAX != 0;
}

static enum gale_err target_init(struct exec *exec, struct task *task, struct output *output,
                                 const struct plan_component *bolt, uint32_t index)
{
    const struct plan_input *input = &bolt->inputs[output->input];
    struct target *target = &output->targets[index];
    target->task_id = bolt->first_task + index;
    target->task = exec->tasks[target->task_id];
    target->chained = edge_chained(exec, bolt, input, target->task_id);
    if (target->chained) {
        return GALE_OK;
    }
    struct lane *lane = calloc(1, sizeof(*lane));
    if (!lane) {
        return GALE_ERR_NOMEM;
    }
    uint32_t worker = exec->task_worker[target->task_id];
    lane->source = task;
    lane->target_task = target->task_id;
    lane->target = target->task;
    lane->input = output->input;
    lane->in_cycle = input->in_cycle;
    if (!target->task) {
        lane->peer = &exec->peers[worker];
        lane->worker_bit = UINT64_C(1) << (worker & 63);
    }
    target->lane = lane;
    return GALE_OK;
}

static enum gale_err output_init(struct exec *exec, struct task *task, struct output *output,
                                 const struct plan_edge *edge)
{
    const struct plan_component *bolt = &exec->plan->components[edge->bolt];
    const struct plan_input *input = &bolt->inputs[edge->input];
    output->input = edge->input;
    output->targets_count = bolt->parallelism;
    output->targets = calloc(bolt->parallelism, sizeof(*output->targets));
    uint32_t *ids = calloc(bolt->parallelism, sizeof(*ids));
    bool *local = calloc(bolt->parallelism, sizeof(*local));
    enum gale_err err = output->targets && ids && local ? GALE_OK : GALE_ERR_NOMEM;
    for (uint32_t i = 0; err == GALE_OK && i < bolt->parallelism; i++) {
        ids[i] = bolt->first_task + i;
        local[i] = exec->tasks[ids[i]] != NULL;
        err = target_init(exec, task, output, bolt, i);
    }
    if (err == GALE_OK) {
        struct grouping_options options = {.input = input,
                                           .targets = ids,
                                           .targets_count = bolt->parallelism,
                                           .local = local,
                                           .hash_seed = exec->plan->hash_seed,
                                           .seed = next_seed(exec)};
        err = grouping_init(&output->grouping, &options);
    }
    output->kind = input->grouping;
    if (bolt->parallelism == 1 && output->kind != PLAN_CUSTOM && output->kind != PLAN_DIRECT) {
        output->kind = PLAN_GLOBAL;
    }
    free(ids);
    free(local);
    return err;
}

static enum gale_err routes_init(struct exec *exec, struct task *task)
{
    const struct plan_component *component = task->component;
    task->routes_count = component->streams_count;
    task->routes = calloc(component->streams_count + 1u, sizeof(*task->routes));
    if (!task->routes) {
        return GALE_ERR_NOMEM;
    }
    for (uint32_t s = 0; s < component->streams_count; s++) {
        struct route *route = &task->routes[s];
        uint32_t count = component->edges_counts[s];
        route->fields_count = component->streams[s].fields_count;
        route->direct = component->streams[s].direct;
        route->special = route->direct;
        route->outputs = calloc(count + 1u, sizeof(*route->outputs));
        if (!route->outputs) {
            return GALE_ERR_NOMEM;
        }
        for (uint32_t i = 0; i < count; i++) {
            route->outputs_count++;
            enum gale_err err =
                output_init(exec, task, &route->outputs[i], &component->edges[s][i]);
            if (err != GALE_OK) {
                return err;
            }
        }
        const struct output *first = route->outputs;
        bool chained =
            first->kind == PLAN_GLOBAL && first->targets && first->targets[0].chained;
        route->simple = count == 1 && !route->direct && !task->hooked &&
                        (chained || first->kind == PLAN_FIELDS);
        route->plain = route->simple;
        if (route->simple && chained) {
            route->only = first->targets[0].task;
        }
    }
    return GALE_OK;
}

static bool on_cycle(const struct plan_component *component)
{
    for (uint32_t i = 0; i < component->inputs_count; i++) {
        if (component->inputs[i].in_cycle) {
            return true;
        }
    }
    return false;
}

static enum gale_err reach_add(struct task *task, struct lane *lane)
{
    for (uint32_t i = 0; i < task->reach_count; i++) {
        if (task->reach[i] == lane) {
            return GALE_OK;
        }
    }
    struct lane **reach =
        realloc(task->reach, (task->reach_count + 1u) * sizeof(struct lane *));
    if (!reach) {
        return GALE_ERR_NOMEM;
    }
    task->reach = reach;
    task->reach[task->reach_count++] = lane;
    return GALE_OK;
}

/* Walks the chained edges from one task; `seen` and `stack` have room for every task. */
static enum gale_err reach_init(struct exec *exec, struct task *task, bool *seen,
                                struct task **stack)
{
    bool skip_cycles = on_cycle(task->component);
    uint32_t depth = 0;
    memset(seen, 0, exec->plan->tasks_count + 1u);
    stack[depth++] = task;
    seen[task->id] = true;
    while (depth > 0) {
        const struct task *at = stack[--depth];
        for (uint32_t s = 0; s < at->routes_count; s++) {
            for (uint32_t o = 0; o < at->routes[s].outputs_count; o++) {
                const struct output *output = &at->routes[s].outputs[o];
                for (uint32_t t = 0; t < output->targets_count; t++) {
                    const struct target *target = &output->targets[t];
                    if (target->lane && !(skip_cycles && target->lane->in_cycle)) {
                        enum gale_err err = reach_add(task, target->lane);
                        if (err != GALE_OK) {
                            return err;
                        }
                    } else if (target->chained && !seen[target->task_id]) {
                        seen[target->task_id] = true;
                        stack[depth++] = target->task;
                    }
                }
            }
        }
    }
    return GALE_OK;
}

static enum gale_err reaches_init(struct exec *exec)
{
    bool *seen = calloc(exec->plan->tasks_count + 1u, sizeof(*seen));
    struct task **stack = calloc(exec->plan->tasks_count + 1u, sizeof(struct task *));
    enum gale_err err = seen && stack ? GALE_OK : GALE_ERR_NOMEM;
    for (uint32_t i = 0; err == GALE_OK && i < exec->local_count; i++) {
        err = reach_init(exec, exec->local[i], seen, stack);
    }
    free(seen);
    free(stack);
    return err;
}

static struct task *task_new(struct exec *exec, uint32_t id)
{
    const struct plan_component *component =
        &exec->plan->components[exec->plan->task_component[id]];
    size_t state_size =
        component->bolt ? component->bolt->state_size : component->spout->state_size;
    struct task *task = calloc(1, sizeof(*task));
    if (!task) {
        return NULL;
    }
    exec->tasks[id] = task;
    exec->local[exec->local_count++] = task;
    task->exec = exec;
    task->component = component;
    task->id = id;
    task->index = id - component->first_task;
    task->hooked = component->hooks_count > 0;
    task->tick_at_ns = INT64_MAX;
    task->sample_at = 1;
    task->latency_mask = 0;
    task->state = aligned_alloc(64, (state_size + 64) & ~(size_t)63);
    task->hook_states = calloc(component->hooks_count + 1u, sizeof(void *));
    task->execute_ns = component->bolt ? calloc(1, sizeof(struct hist)) : NULL;
    task->complete_ns = component->spout ? calloc(1, sizeof(struct hist)) : NULL;
    if (!task->state || !task->hook_states || !(task->execute_ns || task->complete_ns) ||
        !out_init(&task->head.out, SCRATCH_SIZE)) {
        return NULL;
    }
    memset(task->state, 0, (state_size + 64) & ~(size_t)63);
    for (uint32_t i = 0; i < component->hooks_count; i++) {
        task->hook_states[i] = calloc(1, component->hooks[i]->state_size + 1);
        if (!task->hook_states[i]) {
            return NULL;
        }
    }
    if (component->bolt) {
        task->execute = component->bolt->execute;
        task->manual = (component->bolt->flags & GALE_BOLT_MANUAL_ACK) != 0;
        task->plain = !task->manual && !task->hooked;
    } else {
        ledger_init(&task->ledger, id, next_seed(exec));
        positions_init(&task->positions);
        task->replayable = component->spout->save != NULL;
    }
    return task;
}

static enum gale_err tasks_init(struct exec *exec)
{
    for (uint32_t id = 1; id <= exec->plan->tasks_count; id++) {
        if (exec->task_worker[id] == exec->options.worker && !task_new(exec, id)) {
            return GALE_ERR_NOMEM;
        }
    }
    for (uint32_t i = 0; i < exec->local_count; i++) {
        enum gale_err err = routes_init(exec, exec->local[i]);
        if (err != GALE_OK) {
            return err;
        }
    }
    return reaches_init(exec);
}

static enum gale_err tables_init(struct exec *exec)
{
    const struct plan *plan = exec->plan;
    size_t count = plan->tasks_count + 1u;
    exec->task_worker = calloc(count, sizeof(*exec->task_worker));
    exec->tasks = calloc(count, sizeof(struct task *));
    exec->local = calloc(count, sizeof(struct task *));
    exec->timers = calloc(EXEC_TIMERS_MAX, sizeof(*exec->timers));
    exec->watched = calloc(EXEC_FDS_MAX, sizeof(*exec->watched));
    exec->worker_resources = calloc(plan->worker_hooks_count + 1u, sizeof(void *));
    exec->beat_tasks = calloc(count, sizeof(*exec->beat_tasks));
    exec->offset_items = calloc(count, sizeof(*exec->offset_items));
    buf_init(&exec->beat_bytes, 0);
    buf_init(&exec->scratch, 0);
    buf_init(&exec->compressed, 0);
    if (!exec->task_worker || !exec->tasks || !exec->local || !exec->timers || !exec->watched ||
        !exec->worker_resources || !exec->beat_tasks || !exec->offset_items) {
        return GALE_ERR_NOMEM;
    }
    memcpy(exec->task_worker, exec->options.task_worker, count * sizeof(*exec->task_worker));
    return peers_init(exec);
}

enum gale_err exec_new(const struct exec_options *options, struct exec **out,
                       struct gale_error *error)
{
    GALE_ASSERT(options->worker < options->workers_count);
    struct exec *exec = calloc(1, sizeof(*exec));
    if (!exec) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory for the executor");
    }
    exec->options = *options;
    exec->plan = options->plan;
    exec->tracked = options->plan->guarantee != PLAN_AT_MOST_ONCE;
    exec->timeout_ns = exec->tracked ? options->plan->timeout_ms * 1000000 : 0;
    exec->timers_at_ns = INT64_MAX;
    exec->taps_at_ns = INT64_MAX;
    rng_seed(&exec->rng, options->seed);
    enum gale_err err = tables_init(exec);
    if (err == GALE_OK) {
        err = tasks_init(exec);
    }
    if (err != GALE_OK) {
        exec_free(exec);
        return gale_error_set(error, err, "worker %u: %s while its %u tasks were made",
                              options->worker, gale_err_name(err), options->plan->tasks_count);
    }
    exec->options.task_worker = exec->task_worker;
    *out = exec;
    return GALE_OK;
}

static void output_free(struct exec *exec, struct output *output)
{
    for (uint32_t i = 0; output->targets && i < output->targets_count; i++) {
        struct lane *lane = output->targets[i].lane;
        if (lane) {
            lane_discard(exec, lane);
            free(lane);
        }
    }
    grouping_fini(&output->grouping);
    free(output->targets);
}

static void task_free(struct exec *exec, struct task *task)
{
    for (uint32_t s = 0; task->routes && s < task->routes_count; s++) {
        for (uint32_t i = 0; i < task->routes[s].outputs_count; i++) {
            output_free(exec, &task->routes[s].outputs[i]);
        }
        free(task->routes[s].outputs);
    }
    for (uint32_t i = 0; task->hook_states && i < task->component->hooks_count; i++) {
        free(task->hook_states[i]);
    }
    kept_release_all(exec, task);
    inbox_clear(exec, task);
    ledger_fini(&task->ledger);
    positions_fini(&task->positions);
    out_fini(&task->head.out);
    free(task->routes);
    free(task->hook_states);
    free(task->reach);
    free(task->ends);
    free(task->execute_ns);
    free(task->complete_ns);
    free(task->state);
    free(task);
}

void exec_free(struct exec *exec)
{
    if (!exec) {
        return;
    }
    for (uint32_t i = 0; exec->local && i < exec->local_count; i++) {
        task_free(exec, exec->local[i]);
    }
    peers_fini(exec);
    taps_fini(exec);
    for (uint32_t i = 0; i < EXEC_BURIED_MAX; i++) {
        free(exec->buried[i]);
    }
    while (exec->free_blocks) {
        struct block *next = exec->free_blocks->next;
        free(exec->free_blocks);
        exec->free_blocks = next;
    }
    while (exec->free_entries) {
        struct inbox_entry *next = exec->free_entries->next;
        free(exec->free_entries);
        exec->free_entries = next;
    }
    buf_fini(&exec->beat_bytes);
    buf_fini(&exec->scratch);
    buf_fini(&exec->compressed);
    free(exec->offset_bytes);
    free(exec->offset_items);
    free(exec->beat_tasks);
    free(exec->worker_resources);
    free(exec->watched);
    free(exec->timers);
    free(exec->local);
    free(exec->tasks);
    free(exec->task_worker);
    free(exec);
}

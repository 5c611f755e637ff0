/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's graph: cycles (Tarjan's strongly connected components, iterative, over the edges from
 * a bolt to its sources, so that components come out sources first), levels, what no spout
 * reaches, subscribers of each stream, and task ids. Pure.
 */
#include "base/assert.h"
#include "core/plan_build.h"

#include <string.h>

#define UNVISITED UINT32_MAX

/* One node whose inputs are being walked. */
struct walk_step {
    uint16_t node;
    uint32_t next; /* position in its inputs */
};

struct walk {
    struct plan_builder *builder;
    struct walk_step *steps; /* the path from the root to here */
    uint32_t steps_count;
    uint16_t *open; /* nodes whose component is not complete */
    uint32_t open_count;
    uint32_t *visit; /* order of the first visit, or UNVISITED */
    uint32_t *low;   /* lowest visit reachable */
    bool *is_open;
    uint32_t visits_count;
};

static void walk_enter(struct walk *walk, uint16_t node)
{
    walk->visit[node] = walk->visits_count;
    walk->low[node] = walk->visits_count;
    walk->visits_count++;
    walk->open[walk->open_count++] = node;
    walk->is_open[node] = true;
    walk->steps[walk->steps_count++] = (struct walk_step){.node = node, .next = 0};
}

/* All of the node's inputs are walked: closes its component if it is the first one of it. */
static void walk_leave(struct walk *walk, uint16_t node)
{
    walk->steps_count--;
    if (walk->steps_count > 0) {
        uint16_t parent = walk->steps[walk->steps_count - 1].node;
        if (walk->low[node] < walk->low[parent]) {
            walk->low[parent] = walk->low[node];
        }
    }
    if (walk->low[node] != walk->visit[node]) {
        return;
    }
    uint16_t member;
    do {
        GALE_ASSERT(walk->open_count > 0);
        member = walk->open[--walk->open_count];
        walk->is_open[member] = false;
        walk->builder->build[member].cycle = walk->builder->cycles_count;
    } while (member != node);
    walk->builder->cycles_count++;
}

static void walk_from(struct walk *walk, uint16_t root)
{
    walk_enter(walk, root);
    while (walk->steps_count > 0) {
        struct walk_step *step = &walk->steps[walk->steps_count - 1];
        const struct plan_build *build = &walk->builder->build[step->node];
        if (step->next == build->inputs_count) {
            walk_leave(walk, step->node);
            continue;
        }
        int source = build->inputs[step->next++].source;
        if (source < 0) {
            continue;
        }
        if (walk->visit[source] == UNVISITED) {
            walk_enter(walk, (uint16_t)source);
        } else if (walk->is_open[source] && walk->visit[source] < walk->low[step->node]) {
            walk->low[step->node] = walk->visit[source];
        }
    }
}

/* Components by cycle number: sources first, file order within a cycle. */
static void order_fill(struct plan_builder *builder)
{
    uint16_t count = builder->plan->components_count;
    uint32_t *starts = plan_alloc(builder, builder->cycles_count + 1u, sizeof(*starts));
    builder->order = plan_alloc(builder, count + 1u, sizeof(*builder->order));
    if (starts == NULL || builder->order == NULL) {
        return;
    }
    for (uint16_t i = 0; i < count; i++) {
        starts[builder->build[i].cycle + 1]++;
    }
    for (uint32_t c = 0; c < builder->cycles_count; c++) {
        starts[c + 1] += starts[c];
    }
    for (uint16_t i = 0; i < count; i++) {
        builder->order[starts[builder->build[i].cycle]++] = i;
    }
}

void plan_graph_order(struct plan_builder *builder)
{
    uint16_t count = builder->plan->components_count;
    struct walk walk = {
        .builder = builder,
        .steps = plan_alloc(builder, count + 1u, sizeof(*walk.steps)),
        .open = plan_alloc(builder, count + 1u, sizeof(*walk.open)),
        .visit = plan_alloc(builder, count + 1u, sizeof(*walk.visit)),
        .low = plan_alloc(builder, count + 1u, sizeof(*walk.low)),
        .is_open = plan_alloc(builder, count + 1u, sizeof(*walk.is_open)),
    };
    if (builder->nomem) {
        return;
    }
    memset(walk.visit, 0xff, count * sizeof(*walk.visit));
    for (uint16_t i = 0; i < count; i++) {
        if (walk.visit[i] == UNVISITED) {
            walk_from(&walk, i);
        }
    }
    order_fill(builder);
}

/* A component that is a spout or lacks a known input counts as reached: the latter is an error of
 * its own. */
static bool reached_by_itself(const struct plan_build *build)
{
    if (build->spout || build->inputs_count == 0) {
        return true;
    }
    for (size_t k = 0; k < build->inputs_count; k++) {
        if (build->inputs[k].source < 0) {
            return true;
        }
    }
    return false;
}

static void warn_unreachable(struct plan_builder *builder)
{
    uint16_t count = builder->plan->components_count;
    bool *reached = plan_alloc(builder, builder->cycles_count + 1u, sizeof(*reached));
    if (reached == NULL) {
        return;
    }
    for (uint16_t i = 0; i < count; i++) {
        const struct plan_build *build = &builder->build[builder->order[i]];
        if (reached_by_itself(build)) {
            reached[build->cycle] = true;
            continue;
        }
        for (size_t k = 0; k < build->inputs_count; k++) {
            uint32_t source_cycle = builder->build[build->inputs[k].source].cycle;
            reached[build->cycle] = reached[build->cycle] || reached[source_cycle];
        }
    }
    for (uint16_t i = 0; i < count; i++) {
        const struct plan_build *build = &builder->build[i];
        if (!reached[build->cycle]) {
            diag_add(builder->diag, DIAG_UNREACHABLE, &build->place, NULL,
                     "no spout leads to %s: it will never get a tuple", build->label);
        }
    }
}

static void levels_fill(struct plan_builder *builder)
{
    uint16_t count = builder->plan->components_count;
    uint16_t *levels = plan_alloc(builder, builder->cycles_count + 1u, sizeof(*levels));
    if (levels == NULL) {
        return;
    }
    uint16_t top = 0;
    for (uint16_t i = 0; i < count; i++) {
        const struct plan_component *component = &builder->components[builder->order[i]];
        uint32_t cycle = builder->build[builder->order[i]].cycle;
        for (uint16_t k = 0; k < component->inputs_count; k++) {
            uint32_t source_cycle = builder->build[component->inputs[k].source].cycle;
            if (source_cycle != cycle && levels[source_cycle] + 1 > levels[cycle]) {
                levels[cycle] = (uint16_t)(levels[source_cycle] + 1);
            }
        }
        top = levels[cycle] > top ? levels[cycle] : top;
    }
    for (uint16_t i = 0; i < count; i++) {
        builder->components[i].level = levels[builder->build[i].cycle];
    }
    builder->plan->levels_count = (uint16_t)(top + 1);
}

static void cycles_mark(struct plan_builder *builder)
{
    for (uint16_t i = 0; i < builder->plan->components_count; i++) {
        struct plan_build *build = &builder->build[i];
        for (size_t k = 0; k < build->inputs_count; k++) {
            struct plan_input *input = &build->resolved[k];
            input->in_cycle = builder->build[input->source].cycle == build->cycle;
        }
    }
}

/* Room for the subscribers of each stream; `counts` has been filled. */
static struct plan_edge **edges_room(struct plan_builder *builder, uint16_t index,
                                     const uint16_t *counts)
{
    uint16_t streams_count = builder->components[index].streams_count;
    struct plan_edge **edges = plan_alloc(builder, streams_count + 1u, sizeof(*edges));
    for (uint16_t s = 0; edges != NULL && s < streams_count; s++) {
        edges[s] = plan_alloc(builder, counts[s] + 1u, sizeof(**edges));
    }
    return edges;
}

static bool edges_count(struct plan_builder *builder, uint16_t **counts)
{
    for (uint16_t i = 0; i < builder->plan->components_count; i++) {
        const struct plan_component *bolt = &builder->components[i];
        for (uint16_t k = 0; k < bolt->inputs_count; k++) {
            const struct plan_input *input = &bolt->inputs[k];
            if (counts[input->source][input->stream] == UINT16_MAX) {
                diag_add(builder->diag, DIAG_LIMIT, &builder->build[input->source].place, NULL,
                         "%s has too many subscribers: at most %d are allowed for one stream",
                         builder->build[input->source].label, UINT16_MAX);
                return false;
            }
            counts[input->source][input->stream]++;
        }
    }
    return true;
}

/* The other direction of the inputs: per stream its subscribers, in component order. */
static void edges_fill(struct plan_builder *builder)
{
    uint16_t count = builder->plan->components_count;
    uint16_t **counts = plan_alloc(builder, count + 1u, sizeof(*counts));
    struct plan_edge ***edges = plan_alloc(builder, count + 1u, sizeof(*edges));
    for (uint16_t i = 0; i < count && !builder->nomem; i++) {
        counts[i] =
            plan_alloc(builder, builder->components[i].streams_count + 1u, sizeof(**counts));
    }
    if (builder->nomem || !edges_count(builder, counts)) {
        return;
    }
    for (uint16_t i = 0; i < count && !builder->nomem; i++) {
        edges[i] = edges_room(builder, i, counts[i]);
    }
    if (builder->nomem) {
        return;
    }
    for (uint16_t i = 0; i < count; i++) {
        memset(counts[i], 0, builder->components[i].streams_count * sizeof(**counts));
    }
    for (uint16_t i = 0; i < count; i++) {
        const struct plan_component *bolt = &builder->components[i];
        for (uint16_t k = 0; k < bolt->inputs_count; k++) {
            const struct plan_input *input = &bolt->inputs[k];
            uint16_t at = counts[input->source][input->stream]++;
            edges[input->source][input->stream][at] = (struct plan_edge){.bolt = i, .input = k};
        }
    }
    for (uint16_t i = 0; i < count; i++) {
        builder->components[i].edges = (const struct plan_edge *const *)edges[i];
        builder->components[i].edges_counts = counts[i];
    }
}

/* Task ids from 1, component by component. */
static void tasks_number(struct plan_builder *builder)
{
    uint32_t total = 0;
    for (uint16_t i = 0; i < builder->plan->components_count; i++) {
        builder->components[i].first_task = total + 1;
        total += builder->components[i].parallelism;
    }
    if (total > PLAN_TASKS_MAX) {
        struct conf_place place = conf_place_of(builder->owner->tree);
        diag_add(builder->diag, DIAG_LIMIT, &place, "lower the parallelism of some components",
                 "%u tasks are too many: at most %d are allowed", total, PLAN_TASKS_MAX);
        return;
    }
    uint16_t *task_component = plan_alloc(builder, total + 1u, sizeof(*task_component));
    if (task_component == NULL) {
        return;
    }
    for (uint16_t i = 0; i < builder->plan->components_count; i++) {
        const struct plan_component *component = &builder->components[i];
        for (uint32_t t = 0; t < component->parallelism; t++) {
            task_component[component->first_task + t] = i;
        }
    }
    builder->plan->task_component = task_component;
    builder->plan->tasks_count = total;
}

void plan_graph_finish(struct plan_builder *builder)
{
    warn_unreachable(builder);
    tasks_number(builder);
    /* With errors no plan is handed out, and inputs may point nowhere. */
    if (builder->nomem || builder->diag->errors_count > builder->errors_before) {
        return;
    }
    cycles_mark(builder);
    levels_fill(builder);
    edges_fill(builder);
}

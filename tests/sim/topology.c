/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random topology for a seed: one or two spouts and up to six bolts of any kind, each fed by
 * some of those before it by any grouping, so that chains, diamonds, joins and cycles come up.
 * What each message costs is bounded. What each bolt must see is computed beside it.
 */
#include "sim.h"

#include "core/diag.h"
#include "schedule/schedule.h"

#include <gale/topology.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPOUTS_MAX 2u
#define BOLTS_MAX 6u
#define INPUTS_MAX 3u
#define COST_MAX 10u /* executions of one bolt for one message */
#define PARALLELISM_MAX 4u

static const char *const kind_names[] = {"spout", "identity", "split", "router", "flaky",
                                         "later", "join",     "loop",  "manual"};

/* ---- The registry port ---- */

static const struct gale_spout_ops *find_spout(void *self, const char *module, const char *name,
                                               struct gale_error *error)
{
    (void)self;
    (void)module;
    (void)name;
    (void)error;
    return &sim_spout_ops;
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *module, const char *name,
                                             struct gale_error *error)
{
    (void)self;
    (void)module;
    for (uint32_t i = SIM_IDENTITY; i < SIM_KINDS_COUNT; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            return sim_bolt_ops[i];
        }
    }
    gale_error_set(error, GALE_ERR_NOT_FOUND, "no bolt \"%s\"", name);
    return NULL;
}

static const struct gale_grouping_ops *find_grouping(void *self, const char *module,
                                                     const char *name, struct gale_error *error)
{
    (void)self;
    (void)module;
    (void)name;
    (void)error;
    return &sim_two_ops;
}

static const struct gale_task_hooks *find_task_hooks(void *self, const char *name,
                                                     struct gale_error *error)
{
    (void)self;
    gale_error_set(error, GALE_ERR_NOT_FOUND, "no hooks \"%s\"", name);
    return NULL;
}

static const struct gale_worker_hooks *find_worker_hooks(void *self, const char *name,
                                                         struct gale_error *error)
{
    (void)self;
    gale_error_set(error, GALE_ERR_NOT_FOUND, "no hooks \"%s\"", name);
    return NULL;
}

static const char *const *find_names(void *self, const char *module, char kind)
{
    static const char *const none[] = {NULL};
    (void)self;
    (void)module;
    (void)kind;
    return none;
}

static const struct registry sim_registry = {.spout = find_spout,
                                             .bolt = find_bolt,
                                             .grouping = find_grouping,
                                             .task_hooks = find_task_hooks,
                                             .worker_hooks = find_worker_hooks,
                                             .names = find_names};

/* ---- Building ---- */

struct builder {
    struct sim *sim;
    struct gale_topology *topology;
    uint32_t parallelism[SIM_COMPONENTS_MAX];
    uint32_t made[SIM_COMPONENTS_MAX][2]; /* tuples for one message, per stream */
    uint32_t count;
};

static void set_number(struct gale_component *component, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    gale_component_set(component, key, text);
}

static struct gale_component *add(struct builder *builder, enum sim_kind kind)
{
    char name[16];
    struct sim *sim = builder->sim;
    uint32_t index = builder->count++;
    snprintf(name, sizeof(name), "%s%u", kind_names[kind], index);
    struct gale_component *component =
        kind == SIM_SPOUT ? gale_topology_spout(builder->topology, name, kind_names[kind])
                          : gale_topology_bolt(builder->topology, name, kind_names[kind]);
    builder->parallelism[index] = 1 + sim_below(sim, kind == SIM_SPOUT ? 2 : PARALLELISM_MAX);
    sim->components[index].kind = kind;
    set_number(component, "component", index);
    set_number(component, "parallelism", builder->parallelism[index]);
    return component;
}

/* Subscribes by a random grouping; @return how many tasks get each tuple. */
static uint32_t subscribe(struct builder *builder, struct gale_component *bolt,
                          uint32_t parallelism, const char *source, bool may_multiply)
{
    static const char *const plain[] = {"shuffle", "local-or-shuffle", "load-aware", "global",
                                        "none"};
    struct sim *sim = builder->sim;
    uint32_t choice = sim_below(sim, may_multiply ? 10 : 8);
    if (choice < 5) {
        gale_component_from(bolt, source, plain[choice]);
    } else if (choice < 7) {
        gale_component_from_fields(bolt, source, "fields", "key");
    } else if (choice == 7) {
        gale_component_from_fields(bolt, source, "partial-key", "key");
    } else if (choice == 8) {
        gale_component_from(bolt, source, "all");
        return parallelism;
    } else {
        gale_component_from_custom(bolt, source, "sim.so", "two");
        return parallelism > 1 ? 2 : 1;
    }
    return 1;
}

static uint32_t streams_of(enum sim_kind kind)
{
    return kind == SIM_ROUTER || kind == SIM_LOOP ? 2 : 1;
}

/* Adds a source to the bolt unless it has it; @return executions for one message. */
static uint32_t add_input(struct builder *builder, struct gale_component *bolt, uint32_t index,
                          uint32_t taken[SIM_COMPONENTS_MAX], uint32_t cost)
{
    static const char *const router_streams[] = {"even", "odd"};
    struct sim *sim = builder->sim;
    uint32_t source = sim_below(sim, index);
    enum sim_kind kind = sim->components[source].kind;
    uint32_t stream = kind == SIM_ROUTER ? sim_below(sim, 2) : 0;
    uint32_t made = builder->made[source][stream];
    if ((taken[source] >> stream & 1) != 0 || (cost > 0 && cost + made > COST_MAX)) {
        return 0;
    }
    char name[40];
    snprintf(name, sizeof(name), "%s%u%s%s", kind_names[kind], source,
             kind == SIM_ROUTER ? "." : "", kind == SIM_ROUTER ? router_streams[stream] : "");
    taken[source] |= 1u << stream;
    uint32_t parallelism = builder->parallelism[index];
    bool may_multiply = cost + made * parallelism <= COST_MAX;
    uint32_t times = subscribe(builder, bolt, parallelism, name, may_multiply);
    sim->components[index].reaches |= sim->components[source].cover[stream];
    return made * times;
}

static void add_bolt(struct builder *builder)
{
    struct sim *sim = builder->sim;
    uint32_t index = builder->count;
    enum sim_kind kind = (enum sim_kind)(SIM_IDENTITY + sim_below(sim, SIM_KINDS_COUNT - 1));
    struct gale_component *bolt = add(builder, kind);
    struct sim_component *component = &sim->components[index];
    uint32_t taken[SIM_COMPONENTS_MAX] = {0};
    uint32_t cost = 0;
    uint32_t inputs = 1 + sim_below(sim, INPUTS_MAX);
    for (uint32_t i = 0; i < inputs || cost == 0; i++) {
        cost += add_input(builder, bolt, index, taken, cost);
    }
    if (kind == SIM_LOOP) {
        char name[32];
        snprintf(name, sizeof(name), "loop%u.again", index);
        subscribe(builder, bolt, builder->parallelism[index], name, false);
    }
    static const uint32_t all = 0x55555555u;
    bool router = kind == SIM_ROUTER;
    component->cover[0] = router ? component->reaches & all : component->reaches;
    component->cover[1] = router ? component->reaches & ~all : component->reaches;
    for (uint32_t s = 0; s < streams_of(kind); s++) {
        builder->made[index][s] = kind == SIM_SPLIT ? 3 * cost : cost;
    }
}

static void settings(struct builder *builder)
{
    struct sim *sim = builder->sim;
    char text[32];
    gale_topology_set(builder->topology, "guarantee", "at-least-once");
    snprintf(text, sizeof(text), "%u", sim->workers_count);
    gale_topology_set(builder->topology, "workers", text);
    snprintf(text, sizeof(text), "%lldms", (long long)sim_between(sim, 2000, 5000));
    gale_topology_set(builder->topology, "timeout", text);
    snprintf(text, sizeof(text), "%u", 1u << sim_below(sim, 8));
    gale_topology_set(builder->topology, "max_pending", text);
    snprintf(text, sizeof(text), "%u", 65536u << sim_below(sim, 3));
    gale_topology_set(builder->topology, "inbox_size", text);
}

static void topology_trace(const struct sim *sim)
{
    const struct plan *plan = sim->plan;
    for (uint32_t c = 0; plan && c < plan->components_count; c++) {
        const struct plan_component *component = &plan->components[c];
        for (uint32_t t = 0; t < component->parallelism; t++) {
            sim_trace(sim, "%s: task %u in worker %u", component->name,
                      component->first_task + t, sim->task_worker[component->first_task + t]);
        }
        for (uint32_t i = 0; i < component->inputs_count; i++) {
            const struct plan_input *input = &component->inputs[i];
            sim_trace(sim, "%s: from %s.%s by %s", component->name,
                      plan->components[input->source].name,
                      plan->components[input->source].streams[input->stream].name,
                      plan_grouping_name(input->grouping));
        }
    }
}

void topology_make(struct sim *sim)
{
    struct builder builder = {.sim = sim, .topology = gale_topology_new("sim")};
    sim->workers_count = 1 + sim_below(sim, SIM_WORKERS_MAX);
    sim->workers_count += sim->workers_count == 1 ? sim_below(sim, 2) : 0;
    sim->messages_count = 1 + sim_below(sim, SIM_MESSAGES_MAX);
    sim->pace_ns = sim_chance(sim, 700) ? sim_between(sim, 0, 40 * SIM_MS) : 0;
    sim->pad_max = sim_chance(sim, 300) ? 1024 : sim_below(sim, 64);
    settings(&builder);
    sim->spouts_count = 1 + sim_below(sim, SPOUTS_MAX);
    for (uint32_t i = 0; i < sim->spouts_count; i++) {
        add(&builder, SIM_SPOUT);
        builder.made[i][0] = 1;
        sim->components[i].cover[0] = 3u << (2 * i);
    }
    uint32_t bolts = 1 + sim_below(sim, BOLTS_MAX);
    for (uint32_t i = 0; i < bolts; i++) {
        add_bolt(&builder);
    }
    struct diag diag;
    diag_init(&diag);
    enum gale_err err =
        plan_compile(gale_topology_conf(builder.topology), &sim_registry, &diag, &sim->plan);
    if (err != GALE_OK) {
        sim_violation(sim, "the topology is refused: %s",
                      diag.count > 0 ? diag.items[0].text : gale_err_name(err));
    } else {
        sim->task_worker = calloc(sim->plan->tasks_count + 1u, sizeof(*sim->task_worker));
        schedule_even(sim->plan, sim->workers_count, NULL, sim->task_worker);
    }
    topology_trace(sim);
    diag_fini(&diag);
    gale_topology_free(builder.topology);
}

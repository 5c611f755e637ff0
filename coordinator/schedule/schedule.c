/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The even scheduler; see schedule.h. Isolated tasks get the first workers, one each, so that a
 * changed number of workers does not move them; the other workers share the rest.
 *
 * A component of P tasks on W workers has P / W tasks on each and one more, an *extra*, on P mod W
 * of them. The full rounds go by index, which brings equal indexes of equally parallel components
 * together. Who gets the extras is decided for all components together: first those whose
 * previous places show an extra already, then components with several extras on the workers with
 * the fewest, then single ones in the order of the levels, filling one worker after the other, so
 * that a pipeline of single tasks is cut into as few contiguous segments as there are workers.
 * Without previous places no worker ends with two tasks more than another in all. Pure.
 */
#include "schedule/schedule.h"

#include "base/assert.h"
#include <string.h>

#define UNPLACED UINT16_MAX
#define WORDS (PLAN_WORKERS_MAX / 64)

struct even {
    const struct plan *plan;
    const uint16_t *previous; /* NULL: none */
    uint16_t *out;
    uint32_t offset;                  /* first shared worker */
    uint32_t workers;                 /* shared workers */
    uint32_t share;                   /* extras of each worker, rounded down */
    uint32_t over;                    /* workers that may have one more than that */
    uint32_t loads[PLAN_WORKERS_MAX]; /* extras given so far */
    uint16_t order[PLAN_COMPONENTS_MAX];
    uint16_t order_count;
    uint16_t needs[PLAN_COMPONENTS_MAX]; /* extras still to be given */
    uint64_t extras[PLAN_COMPONENTS_MAX][WORDS];
};

static bool extra_has(const struct even *even, uint32_t component, uint32_t worker)
{
    return even->extras[component][worker / 64] >> (worker % 64) & 1;
}

static void extra_give(struct even *even, uint32_t component, uint32_t worker)
{
    GALE_ASSERT(!extra_has(even, component, worker) && even->needs[component] > 0);
    even->extras[component][worker / 64] |= UINT64_C(1) << (worker % 64);
    even->needs[component]--;
    even->loads[worker]++;
    if (even->loads[worker] == even->share + 1 && even->over > 0) {
        even->over--;
    }
}

static bool below_share(const struct even *even, uint32_t worker)
{
    return even->loads[worker] < even->share ||
           (even->loads[worker] == even->share && even->over > 0);
}

/* Index of the first input whose tasks correspond one to one, or -1. */
static int source_of(const struct plan *plan, const struct plan_component *component)
{
    for (uint16_t i = 0; i < component->inputs_count; i++) {
        uint16_t source = component->inputs[i].source;
        const struct plan_component *from = &plan->components[source];
        if (from != component && from->parallelism == component->parallelism &&
            !from->isolate) {
            return source;
        }
    }
    return -1;
}

/* Shared worker (from 0) where a task was, or UNPLACED. */
static uint16_t previous_of(const struct even *even, uint32_t task)
{
    if (!even->previous) {
        return UNPLACED;
    }
    uint32_t worker = even->previous[task];
    bool shared = worker >= even->offset && worker - even->offset < even->workers;
    return shared ? (uint16_t)(worker - even->offset) : UNPLACED;
}

static void extras_keep(struct even *even, uint32_t index)
{
    const struct plan_component *component = &even->plan->components[index];
    uint32_t counts[PLAN_WORKERS_MAX] = {0};
    for (uint32_t i = 0; i < component->parallelism; i++) {
        uint16_t worker = previous_of(even, component->first_task + i);
        if (worker != UNPLACED) {
            counts[worker]++;
        }
    }
    uint32_t rounds = component->parallelism / even->workers;
    for (uint32_t worker = 0; worker < even->workers && even->needs[index]; worker++) {
        if (counts[worker] > rounds && below_share(even, worker)) {
            extra_give(even, index, worker);
        }
    }
}

/* Worker with the fewest extras that has none of this component; of equals one that has an extra
 * of the source, then the lowest. */
static uint32_t least_loaded(const struct even *even, uint32_t index)
{
    int source = source_of(even->plan, &even->plan->components[index]);
    uint32_t best = UINT32_MAX;
    bool best_near = false;
    for (uint32_t worker = 0; worker < even->workers; worker++) {
        if (extra_has(even, index, worker)) {
            continue;
        }
        bool near = source >= 0 && extra_has(even, (uint32_t)source, worker);
        if (best == UINT32_MAX || even->loads[worker] < even->loads[best] ||
            (even->loads[worker] == even->loads[best] && near && !best_near)) {
            best = worker;
            best_near = near;
        }
    }
    GALE_ASSERT(best != UINT32_MAX);
    return best;
}

static uint32_t first_below_share(const struct even *even, uint32_t index)
{
    for (uint32_t worker = 0; worker < even->workers; worker++) {
        if (below_share(even, worker) && !extra_has(even, index, worker)) {
            return worker;
        }
    }
    return least_loaded(even, index);
}

static void extras_choose(struct even *even)
{
    uint32_t total = 0;
    for (uint16_t i = 0; i < even->order_count; i++) {
        uint32_t index = even->order[i];
        even->needs[index] =
            (uint16_t)(even->plan->components[index].parallelism % even->workers);
        total += even->needs[index];
    }
    even->share = total / even->workers;
    even->over = total % even->workers;
    for (uint16_t i = 0; even->previous && i < even->order_count; i++) {
        extras_keep(even, even->order[i]);
    }
    for (uint16_t i = 0; i < even->order_count; i++) {
        uint32_t index = even->order[i];
        bool single = even->plan->components[index].parallelism % even->workers == 1;
        while (!single && even->needs[index]) {
            extra_give(even, index, least_loaded(even, index));
        }
    }
    for (uint16_t i = 0; i < even->order_count; i++) {
        uint32_t index = even->order[i];
        if (even->needs[index]) {
            extra_give(even, index, first_below_share(even, index));
        }
    }
}

/* Takes a place on `worker` when there is one left. */
static bool place_take(const struct even *even, uint32_t *quotas, uint32_t task,
                       uint32_t worker)
{
    if (worker >= even->workers || quotas[worker] == 0) {
        return false;
    }
    quotas[worker]--;
    even->out[task] = (uint16_t)(even->offset + worker);
    return true;
}

static void component_place(const struct even *even, uint32_t index)
{
    const struct plan_component *component = &even->plan->components[index];
    uint32_t quotas[PLAN_WORKERS_MAX];
    uint32_t rounds = component->parallelism / even->workers;
    for (uint32_t worker = 0; worker < even->workers; worker++) {
        quotas[worker] = rounds + (extra_has(even, index, worker) ? 1 : 0);
    }
    for (uint32_t i = 0; i < component->parallelism; i++) {
        uint32_t task = component->first_task + i;
        even->out[task] = UNPLACED;
        place_take(even, quotas, task, previous_of(even, task));
    }
    int source = source_of(even->plan, component);
    uint32_t cursor = 0;
    for (uint32_t i = 0; i < component->parallelism; i++) {
        uint32_t task = component->first_task + i;
        if (even->out[task] != UNPLACED) {
            continue;
        }
        uint32_t near = i % even->workers;
        if (source >= 0) {
            /* A source that is placed later, in a cycle, has no place to follow yet. */
            uint32_t theirs = even->plan->components[source].first_task + i;
            near = even->out[theirs] == UNPLACED ? near : even->out[theirs] - even->offset;
        }
        if (place_take(even, quotas, task, near)) {
            continue;
        }
        while (!place_take(even, quotas, task, cursor)) {
            cursor++;
            GALE_ASSERT(cursor < even->workers);
        }
    }
}

/* Components that share workers, by level, then in the order of the file. */
static void order_fill(struct even *even)
{
    const struct plan *plan = even->plan;
    uint32_t starts[PLAN_COMPONENTS_MAX + 1] = {0};
    for (uint16_t i = 0; i < plan->components_count; i++) {
        GALE_ASSERT(plan->components[i].level < PLAN_COMPONENTS_MAX);
        if (!plan->components[i].isolate) {
            starts[plan->components[i].level + 1]++;
        }
    }
    for (uint32_t level = 0; level < PLAN_COMPONENTS_MAX; level++) {
        starts[level + 1] += starts[level];
    }
    even->order_count = (uint16_t)starts[PLAN_COMPONENTS_MAX];
    for (uint16_t i = 0; i < plan->components_count; i++) {
        if (!plan->components[i].isolate) {
            even->order[starts[plan->components[i].level]++] = i;
        }
    }
}

/* Gives each isolated task one of the workers before `offset`, its previous one if it can be. */
static void isolated_place(const struct even *even)
{
    const struct plan *plan = even->plan;
    bool taken[PLAN_WORKERS_MAX] = {false};
    for (uint32_t task = 1; task <= plan->tasks_count; task++) {
        even->out[task] = UNPLACED;
    }
    /* The first pass keeps, the second fills what is left. */
    for (int pass = 0; pass < 2; pass++) {
        uint16_t next = 0;
        for (uint16_t i = 0; i < plan->components_count; i++) {
            const struct plan_component *component = &plan->components[i];
            for (uint32_t k = 0; component->isolate && k < component->parallelism; k++) {
                uint32_t task = component->first_task + k;
                uint16_t worker = even->previous ? even->previous[task] : UNPLACED;
                if (even->out[task] != UNPLACED) {
                    continue;
                }
                while (pass == 1 && taken[next]) {
                    next++;
                }
                worker = pass == 1 ? next : worker;
                if (worker < even->offset && !taken[worker]) {
                    taken[worker] = true;
                    even->out[task] = worker;
                }
            }
        }
    }
}

enum gale_err schedule_even(const struct plan *plan, uint32_t workers_count,
                            const uint16_t *previous, uint16_t *out)
{
    if (workers_count < 1 || workers_count > PLAN_WORKERS_MAX) {
        return GALE_ERR_LIMIT;
    }
    GALE_ASSERT(plan->components_count <= PLAN_COMPONENTS_MAX);
    GALE_ASSERT(plan->tasks_count <= PLAN_TASKS_MAX);
    uint32_t isolated = 0;
    for (uint16_t i = 0; i < plan->components_count; i++) {
        isolated += plan->components[i].isolate ? plan->components[i].parallelism : 0;
    }
    uint32_t shared = plan->tasks_count - isolated;
    if (isolated > workers_count || (isolated == workers_count && shared > 0)) {
        return GALE_ERR_LIMIT;
    }
    struct even even;
    memset(&even, 0, sizeof even);
    even.plan = plan;
    even.previous = previous;
    even.out = out;
    even.offset = isolated;
    even.workers = workers_count - isolated;
    out[0] = 0;
    isolated_place(&even);
    if (shared == 0) {
        return GALE_OK;
    }
    order_fill(&even);
    extras_choose(&even);
    for (uint16_t i = 0; i < even.order_count; i++) {
        component_place(&even, even.order[i]);
    }
    return GALE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: a topology's tree (conf.h), checked and resolved. Coordinator and every worker compile
 * the same tree to the same plan, so only the tree travels. Immutable once made; freed whole. Pure.
 *
 * Tree: name, guarantee (at-most-once | at-least-once | exactly-once: refused as not there yet),
 * workers (1..256, default 1), max_pending (per spout task, 1..1048576, default 65536), timeout (default 30s, 0 = off),
 * drain (default 10s), tick (default off; for the bolts with a tick callback), hooks, worker_hooks, conf (map of values that every
 * component sees under its own options), memory_max and open_files_max (per worker), inbox_size (bytes granted for
 * each target task and peer, default 256KiB), isolate_hosts (hosts of a cluster for it alone, default 0), files (map of names and
 * paths, locate.h), spouts and bolts (maps by name). Component keys of the engine: type | module
 * + spout/bolt, parallelism (1..1024), from, tick, hooks, max_pending, isolate (bool), memory and cpu (what one task is
 * expected to need, for the choice of hosts); every other key is an
 * option of the component, checked against its table. `from`: list of {SOURCE: GROUPING};
 * SOURCE is "component" or "component.stream"; GROUPING is a name or {fields: [a,b]},
 * {partial-key: [a]}, {custom: {module: path, grouping: name}}.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/diag.h"
#include "core/registry.h"

#define PLAN_COMPONENTS_MAX 1024
#define PLAN_TASKS_MAX 16383
#define PLAN_STREAMS_MAX 64 /* of one component */
#define PLAN_INPUTS_MAX 256 /* of one bolt */
#define PLAN_FIELDS_MAX 256 /* of one stream */
#define PLAN_WORKERS_MAX 256

enum plan_guarantee { PLAN_AT_MOST_ONCE = 0, PLAN_AT_LEAST_ONCE = 1, PLAN_EXACTLY_ONCE = 2 };

enum plan_grouping {
    PLAN_SHUFFLE,
    PLAN_LOCAL_OR_SHUFFLE,
    PLAN_LOAD_AWARE,
    PLAN_FIELDS,
    PLAN_PARTIAL_KEY,
    PLAN_ALL,
    PLAN_GLOBAL,
    PLAN_NONE,
    PLAN_DIRECT,
    PLAN_CUSTOM
};

struct plan_stream {
    const char *name;
    const char *const *fields;
    uint16_t fields_count;
    bool direct;
};

/* One entry of a bolt's `from` list. */
struct plan_input {
    uint16_t source; /* component index */
    uint16_t stream; /* index among the source's streams */
    enum plan_grouping grouping;
    const uint16_t *fields; /* indexes of the grouping's fields */
    uint16_t fields_count;  /* 0 for `fields` means global */
    const struct gale_grouping_ops *custom;
    bool in_cycle; /* source and bolt lie on one cycle: never chained */
};

/* One subscriber of a stream: the input `input` of bolt `bolt`. */
struct plan_edge {
    uint16_t bolt;
    uint16_t input;
};

struct plan_component {
    const char *name;
    const char *type;                   /* built-in type or name in the module */
    const char *module;                 /* path or NULL */
    const struct gale_spout_ops *spout; /* exactly one of the two is set */
    const struct gale_bolt_ops *bolt;
    const struct gale_conf *conf; /* topology's `conf` map under the component's options,
                                          the table's defaults filled in */
    uint32_t parallelism;
    uint32_t first_task;  /* ids first_task … first_task + parallelism − 1 */
    uint32_t max_pending; /* spouts */
    int64_t tick_ms;      /* 0 = none */
    bool isolate;
    uint32_t cpu_points; /* of one task, 100 = one core; 0 = not said */
    int64_t memory;      /* bytes of one task; 0 = not said */
    uint16_t level;      /* longest path from a spout (cycles count as one node) */
    const struct plan_stream *streams;
    uint16_t streams_count;
    const struct plan_edge *const *edges; /* per stream: its subscribers */
    const uint16_t *edges_counts;         /* per stream */
    const struct plan_input *inputs;
    uint16_t inputs_count;
    const struct gale_task_hooks *const *hooks;
    uint16_t hooks_count;
};

struct plan {
    const char *name;
    enum plan_guarantee guarantee;
    uint32_t workers;
    int64_t timeout_ms; /* 0 = off */
    int64_t drain_ms;
    int64_t memory_max;     /* bytes per worker, 0 = no limit */
    int64_t open_files_max; /* 0 = as inherited */
    uint32_t isolate_hosts; /* hosts of a cluster that it wants for itself; 0 = it shares */
    uint32_t inbox_size;    /* bytes of credit per target task and sending worker */
    uint64_t hash_seed;     /* of fields grouping: derived from the name */
    const struct plan_component *components; /* spouts first, then bolts, in file order */
    uint16_t components_count;
    uint16_t levels_count;
    uint32_t tasks_count;           /* task ids 1 … tasks_count */
    const uint16_t *task_component; /* [tasks_count + 1], index 0 unused */
    const struct gale_worker_hooks *const *worker_hooks;
    const char *const *worker_hook_names;
    uint16_t worker_hooks_count;
    const struct gale_conf *conf; /* the whole tree, owned by the plan (a copy) */
};

/**
 * Compiles a tree. All errors and warnings are added to `diag` (found in one go, as far as they do
 * not follow from each other). The tree is copied; the registry is used during the call only.
 * @return GALE_OK and *out to be freed by plan_free; GALE_ERR_INVALID with diag->errors_count > 0;
 * GALE_ERR_NOMEM.
 */
enum gale_err plan_compile(const struct gale_conf *tree, const struct registry *registry,
                           struct diag *diag, struct plan **out);
void plan_free(struct plan *plan);
/** Component index by name, or -1. */
int plan_component_find(const struct plan *plan, const char *name);
const char *plan_grouping_name(enum plan_grouping grouping);
const char *plan_guarantee_name(enum plan_guarantee guarantee);
/** "at-least-once" → value; false when unknown. */
bool plan_guarantee_parse(const char *text, enum plan_guarantee *out);

#endif

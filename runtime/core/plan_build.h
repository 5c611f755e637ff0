/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to plan*.c: the plan under construction. Steps run in the order of the functions below;
 * each reports all it finds and leaves marks (`broken`, `streams_known`, source -1) so that later
 * steps stay silent about what only follows from an earlier error. One thread, freed whole.
 */
#ifndef CORE_PLAN_BUILD_H
#define CORE_PLAN_BUILD_H

#include "core/plan.h"

#define PLAN_HOOKS_MAX 32                         /* of one component, topology's included */
#define PLAN_DURATION_MAX_MS INT64_C(31536000000) /* one year */

/* A block of the plan's memory; all are freed together. */
struct plan_block;

/* What plan_free gets: the plan is the first member. */
struct plan_owner {
    struct plan plan;
    struct plan_block *blocks;
    struct gale_conf *tree;   /* copy of the given tree */
    struct gale_conf *merged; /* component name → its options */
};

/* One entry of `from`, before its source's streams are known. */
struct plan_build_input {
    int source;         /* component index; -1: unknown, reported */
    const char *stream; /* name */
    struct conf_place place;
    bool valid; /* the grouping was understood */
    enum plan_grouping grouping;
    const struct gale_conf *fields; /* list or one name; NULL: none */
    const struct gale_grouping_ops *custom;
};

/* A component under construction, beside its plan_component of the same index. */
struct plan_build {
    const struct gale_conf *node; /* its map; NULL when it is none */
    const char *label;            /* bolt "count": for messages */
    struct conf_place place;      /* of its name */
    bool spout;
    bool broken;        /* no code or bad options: its streams cannot be asked for */
    bool streams_known; /* streams are complete */
    struct plan_build_input *inputs;
    size_t inputs_count;
    struct plan_input *resolved; /* what the plan shows as inputs */
    uint32_t cycle;              /* number of its strongly connected component */
};

/* A field that a component needs from an input whose fields were not known yet (a cycle). */
struct plan_need {
    struct plan_need *next;
    uint16_t component;
    uint16_t input;
    const char *field;
    struct conf_place place;
};

struct plan_builder {
    struct plan_owner *owner;
    struct plan *plan;
    const struct registry *registry;
    struct diag *diag;
    struct plan_component *components;
    struct plan_build *build;
    uint16_t *order;       /* component indexes, sources first */
    uint32_t cycles_count; /* strongly connected components */
    struct plan_need *needs;
    int64_t tick_ms; /* of the topology */
    uint32_t max_pending;
    size_t errors_before; /* in diag, from the caller */
    bool nomem;
};

struct plan_bounds {
    int64_t min;
    int64_t max;
};

/* plan.c: names in the order of enum plan_grouping, NULL behind. */
extern const char *const plan_grouping_names[];

/* plan.c: memory of the plan, zeroed; NULL sets builder->nomem. */
void *plan_alloc(struct plan_builder *builder, size_t count, size_t size);
char *plan_copy_text(struct plan_builder *builder, const char *text, size_t size);
char *plan_format(struct plan_builder *builder, const char *format, ...) GALE_PRINTF(2, 3);

/* plan_check.c: typed reading. An absent key leaves *out alone; a bad one is reported. */
void plan_read_int(struct plan_builder *builder, const struct gale_conf *map, const char *key,
                   const struct plan_bounds *bounds, int64_t *out);
void plan_read_duration(struct plan_builder *builder, const struct gale_conf *map,
                        const char *key, const struct plan_bounds *bounds, int64_t *out);
void plan_read_size(struct plan_builder *builder, const struct gale_conf *map, const char *key,
                    const struct plan_bounds *bounds, int64_t *out);
void plan_read_bool(struct plan_builder *builder, const struct gale_conf *map, const char *key,
                    bool *out);
/** Whether a node is a list of scalars or one scalar; reports it if not. */
bool plan_check_list(struct plan_builder *builder, const struct gale_conf *node,
                     const char *what);
size_t plan_list_count(const struct gale_conf *node);
const struct gale_conf *plan_list_at(const struct gale_conf *node, size_t index);
bool plan_is_scalar(const struct gale_conf *node);
/** "a list", "a map", "text" …: what a node is, for messages. */
const char *plan_kind_name(const struct gale_conf *node);
/** Writes `did you mean "x"?` for the nearest of `names`, or "". */
void plan_hint(char *out, size_t size, const char *word, const char *const *names);
/** Reports keys of `map` that are in none of the two lists. */
void plan_check_keys(struct plan_builder *builder, const struct gale_conf *map,
                     const char *where, const char *const *keys,
                     const struct gale_option *options);
/** Checks `conf` against an option table and adds defaults; false when something is wrong. */
bool plan_check_options(struct plan_builder *builder, const struct plan_build *build,
                        const struct gale_option *options, struct gale_conf *conf);

/* plan_components.c */
void plan_components_collect(struct plan_builder *builder);
void plan_components_load(struct plan_builder *builder);
void plan_hooks_resolve(struct plan_builder *builder);

/* plan_inputs.c */
void plan_inputs_parse(struct plan_builder *builder);
void plan_inputs_resolve(struct plan_builder *builder);
/** Position of a field in a stream, or -1. */
int plan_stream_field(const struct plan_stream *stream, const char *field);
/** Position of a stream of a component by name, or -1. */
int plan_stream_find(const struct plan_component *component, const char *name);
/** Reports an unknown field of a source's stream with a suggestion. */
void plan_report_field(struct plan_builder *builder, const struct conf_place *place,
                       const struct plan_component *source, const struct plan_stream *stream,
                       const char *field);

/* plan_declare.c */
void plan_declare_all(struct plan_builder *builder);
void plan_declare_check_needs(struct plan_builder *builder);

/* plan_graph.c */
void plan_graph_order(struct plan_builder *builder);
void plan_graph_finish(struct plan_builder *builder);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps and log levels: what is asked of the workers of one topology for a while. A tap's samples lie
 * in a bounded ring until somebody reads them; the oldest go first and are counted. A tap that nobody
 * reads for a while, or whose time is over, ends. Nothing of it outlives the leader: whoever wants to
 * go on asks the next one. Workers are told again every now and then, as some are new.
 */
#include "cluster/cluster_internal.h"

#include "base/log.h"
#include "base/str.h"
#include "cluster/cluster_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAP_SAMPLES_MAX 1024u
#define TAP_BYTES_MAX (1u << 20)   /* of the values in one ring */
#define TAP_READ_MAX 256u          /* samples in one answer */
#define TAP_VALUES_MAX (64u << 10) /* bytes of one sample; larger ones are dropped */
#define TAP_UNREAD_NS (10000 * NS_PER_MS)
#define TAP_TELL_NS (2000 * NS_PER_MS)
#define TAP_FOR_MAX_MS INT64_C(86400000)
#define TAP_RATE_MAX 10000
#define LEVEL_FOR_MAX_MS INT64_C(86400000)

struct cluster_sample {
    uint64_t number;
    uint32_t task;
    int64_t at_ms;
    uint8_t *values; /* owned */
    size_t size;
};

/* ---- The ring -------------------------------------------------------------------------------- */

static struct cluster_sample *sample_at(const struct cluster_tap *tap, size_t index)
{
    return &tap->samples[(tap->first + index) % TAP_SAMPLES_MAX];
}

static void sample_drop(struct cluster_tap *tap)
{
    struct cluster_sample *oldest = sample_at(tap, 0);
    tap->bytes -= oldest->size;
    free(oldest->values);
    memset(oldest, 0, sizeof *oldest);
    tap->first = (tap->first + 1) % TAP_SAMPLES_MAX;
    tap->count--;
}

static void tap_free(struct cluster_tap *tap)
{
    while (tap->count > 0) {
        sample_drop(tap);
    }
    free(tap->samples);
    free(tap->skipped);
    memset(tap, 0, sizeof *tap);
}

static struct cluster_tap *tap_find(struct cluster *cluster, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < CLUSTER_TAPS_MAX; i++) {
        if (cluster->taps[i].id == id) {
            return &cluster->taps[i];
        }
    }
    return NULL;
}

void tap_sample(struct cluster_topology *topology, uint32_t worker,
                const struct message_sample *sample)
{
    struct cluster *cluster = topology->cluster;
    struct cluster_tap *tap = tap_find(cluster, sample->tap);
    if (!tap || tap->topology != topology->status.id) {
        return;
    }
    if (worker < tap->workers_count) {
        tap->skipped[worker] = sample->skipped;
    }
    if (sample->text && sample->text[0] != '\0') {
        str_copy(tap->text, sizeof tap->text, sample->text);
    }
    const struct plan_component *component = topology_component(topology, sample->task);
    if (!component || sample->values.size == 0 ||
        strcmp(component->name, tap->component) != 0) {
        return;
    }
    uint8_t *copy = sample->values.size <= TAP_VALUES_MAX ? malloc(sample->values.size) : NULL;
    if (!copy) {
        tap->dropped++;
        return;
    }
    while (tap->count == TAP_SAMPLES_MAX ||
           (tap->count > 0 && tap->bytes + sample->values.size > TAP_BYTES_MAX)) {
        sample_drop(tap);
    }
    memcpy(copy, sample->values.data, sample->values.size);
    *sample_at(tap, tap->count++) = (struct cluster_sample){.number = tap->next++,
                                                            .task = sample->task,
                                                            .at_ms = sample->time_ms,
                                                            .values = copy,
                                                            .size = sample->values.size};
    tap->bytes += sample->values.size;
}

/* ---- Telling workers ------------------------------------------------------------------------- */

static void tell(struct cluster *cluster, struct cluster_tap *tap, bool ends)
{
    struct cluster_topology *topology = cluster_find_id(cluster, tap->topology);
    int64_t left_ns = tap->until_ns - cluster->now_ns;
    if (!topology || !topology->controlled) {
        return;
    }
    struct message message = {.type = MESSAGE_TAP};
    message.as.tap = (struct message_tap){.tap = tap->id,
                                          .component = tap->component,
                                          .stream = tap->stream,
                                          .rate_per_s = ends ? 0 : tap->rate,
                                          .filter = tap->where,
                                          .for_ms = (uint64_t)(left_ns / NS_PER_MS + 1)};
    control_tell(&topology->control, &message);
    tap->told_ns = cluster->now_ns;
}

static void tap_end(struct cluster *cluster, struct cluster_tap *tap)
{
    tell(cluster, tap, true);
    tap_free(tap);
    cluster->taps_count--;
}

/* For the time that is left; none: back to what it was. */
static void level_tell(struct cluster_topology *topology, struct cluster_level *level,
                       int64_t now_ns)
{
    struct message message = {.type = MESSAGE_LOG_LEVEL};
    message.as.log_level = (struct message_log_level){
        .level = level->level,
        .component = level->component,
        .for_ms = (uint64_t)((level->until_ns - now_ns) / NS_PER_MS)};
    control_tell(&topology->control, &message);
    level->told_ns = now_ns;
}

/* A worker ends a level by itself, so that one whose time is over is only forgotten. */
static void topology_levels_step(struct cluster_topology *topology, int64_t now_ns)
{
    for (size_t i = topology->levels_count; i-- > 0;) {
        struct cluster_level *level = &topology->levels[i];
        if (level->until_ns - now_ns <= NS_PER_MS) {
            *level = topology->levels[--topology->levels_count];
        } else if (topology->controlled && now_ns - level->told_ns >= TAP_TELL_NS) {
            level_tell(topology, level, now_ns);
        }
    }
}

void levels_step(struct cluster *cluster, int64_t now_ns)
{
    for (size_t i = 0; i < cluster->topologies_count; i++) {
        topology_levels_step(cluster->topologies[i], now_ns);
    }
}

void taps_step(struct cluster *cluster, int64_t now_ns)
{
    for (size_t i = 0; cluster->taps_count > 0 && i < CLUSTER_TAPS_MAX; i++) {
        struct cluster_tap *tap = &cluster->taps[i];
        if (tap->id == 0) {
            continue;
        }
        if (now_ns >= tap->until_ns || now_ns - tap->read_ns >= TAP_UNREAD_NS) {
            tap_end(cluster, tap);
        } else if (now_ns - tap->told_ns >= TAP_TELL_NS) {
            tell(cluster, tap, false);
        }
    }
}

void taps_end(struct cluster *cluster, const struct cluster_topology *topology)
{
    for (size_t i = 0; cluster->taps_count > 0 && i < CLUSTER_TAPS_MAX; i++) {
        struct cluster_tap *tap = &cluster->taps[i];
        if (tap->id != 0 && (!topology || tap->topology == topology->status.id)) {
            tap_free(tap);
            cluster->taps_count--;
        }
    }
}

/* ---- Requests -------------------------------------------------------------------------------- */

static bool is_running(const struct cluster_topology *topology, struct rpc_answer *answer)
{
    if (topology->controlled && topology->status.life == CLUSTER_PLACED) {
        return true;
    }
    rpc_fail(answer, GALE_ERR_STATE, NULL, "topology \"%s\" is %s: it has no workers",
             topology->name, topology_status_name(topology));
    return false;
}

static const struct plan_component *component_of(const struct cluster_topology *topology,
                                                 const char *name, struct rpc_answer *answer)
{
    int index = plan_component_find(topology->plan, name);
    if (index < 0) {
        rpc_fail(answer, GALE_ERR_NOT_FOUND, "`gale describe` shows its components",
                 "topology \"%s\" has no component \"%.64s\"", topology->name, name);
        return NULL;
    }
    return &topology->plan->components[index];
}

static bool has_stream(const struct plan_component *component, const char *stream)
{
    for (uint32_t i = 0; i < component->streams_count; i++) {
        if (strcmp(component->streams[i].name, stream) == 0) {
            return true;
        }
    }
    return false;
}

static struct cluster_tap *tap_new(struct cluster_topology *topology)
{
    struct cluster *cluster = topology->cluster;
    for (size_t i = 0; i < CLUSTER_TAPS_MAX; i++) {
        struct cluster_tap *tap = &cluster->taps[i];
        if (tap->id != 0) {
            continue;
        }
        tap->workers_count = topology->assignment.workers_count;
        tap->samples = calloc(TAP_SAMPLES_MAX, sizeof *tap->samples);
        tap->skipped = calloc(tap->workers_count + 1u, sizeof *tap->skipped);
        if (!tap->samples || !tap->skipped) {
            tap_free(tap);
            return NULL;
        }
        tap->id = rng_next(&cluster->options.rng) | 1u;
        tap->topology = topology->status.id;
        tap->next = 1;
        cluster->taps_count++;
        return tap;
    }
    return NULL;
}

void tap_request(struct cluster_topology *topology, const struct rpc_request *request,
                 struct rpc_answer *answer, int64_t now_ns)
{
    const char *name = gale_conf_string(request->tree, "component", "");
    const char *stream = gale_conf_string(request->tree, "stream", "default");
    const char *where = gale_conf_string(request->tree, "where", "");
    int64_t rate = gale_conf_int64(request->tree, "rate", 10);
    int64_t for_ms = gale_conf_int64(request->tree, "for_ms", 60000);
    const struct plan_component *component =
        is_running(topology, answer) ? component_of(topology, name, answer) : NULL;
    stream = stream[0] != '\0' ? stream : "default";
    if (!component) {
        return;
    }
    if (!has_stream(component, stream)) {
        rpc_fail(answer, GALE_ERR_NOT_FOUND, NULL, "%s has no stream \"%.64s\"", name, stream);
        return;
    }
    if (rate < 1 || rate > TAP_RATE_MAX || for_ms < 1 || for_ms > TAP_FOR_MAX_MS ||
        strlen(where) >= sizeof topology->cluster->taps[0].where) {
        rpc_fail(answer, GALE_ERR_INVALID, NULL,
                 "rate: 1 to %d a second; for_ms: up to a day; where: up to 511 characters",
                 TAP_RATE_MAX);
        return;
    }
    struct cluster_tap *tap = tap_new(topology);
    if (!tap) {
        rpc_fail(answer, GALE_ERR_LIMIT, "end another one first",
                 "no more than %u taps at the same time", CLUSTER_TAPS_MAX);
        return;
    }
    str_copy(tap->component, sizeof tap->component, name);
    str_copy(tap->stream, sizeof tap->stream, stream);
    str_copy(tap->where, sizeof tap->where, where);
    tap->rate = (uint32_t)rate;
    tap->read_ns = now_ns;
    tap->until_ns = now_ns + for_ms * NS_PER_MS;
    tell(topology->cluster, tap, false);
    request_end(answer, tree_put_hex64(answer->tree, "tap", tap->id));
}

static enum gale_err sample_answer(const struct cluster_topology *topology,
                                   const struct cluster_tap *tap,
                                   const struct cluster_sample *sample, struct gale_conf *list)
{
    const struct plan_component *component = topology_component(topology, sample->task);
    struct gale_conf *map = NULL, *fields = NULL;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_text(map, "component", tap->component);
    err = err ? err : tree_put_int(map, "task", sample->task);
    err = err ? err : tree_put_text(map, "stream", tap->stream);
    err = err ? err : tree_put_int(map, "at_ms", sample->at_ms);
    err = err ? err : value_tree(sample->values, sample->size, map, "values");
    err = err ? err : conf_add_list(map, "fields", &fields);
    for (uint32_t i = 0; !err && component && i < component->streams_count; i++) {
        const struct plan_stream *stream = &component->streams[i];
        for (uint32_t f = 0;
             !err && strcmp(stream->name, tap->stream) == 0 && f < stream->fields_count; f++) {
            err = tree_put_text(fields, NULL, stream->fields[f]);
        }
    }
    return err;
}

void tap_read_request(struct cluster *cluster, const struct rpc_request *request,
                      struct rpc_answer *answer, int64_t now_ns)
{
    struct cluster_tap *tap = tap_find(cluster, tree_hex64(request->tree, "tap", 0));
    uint64_t after = (uint64_t)gale_conf_int64(request->tree, "after", 0);
    const struct cluster_topology *topology =
        tap ? cluster_find_id(cluster, tap->topology) : NULL;
    if (!topology || !topology->controlled) {
        rpc_fail(answer, GALE_ERR_NOT_FOUND, "begin another one", "that tap is over");
        return;
    }
    struct gale_conf *list = NULL;
    uint64_t skipped = tap->dropped, next = after;
    size_t told = 0;
    tap->read_ns = now_ns;
    enum gale_err err = conf_add_list(answer->tree, "samples", &list);
    for (size_t i = 0; !err && i < tap->count && told < TAP_READ_MAX; i++) {
        const struct cluster_sample *sample = sample_at(tap, i);
        if (sample->number > after) {
            told++;
            next = sample->number;
            err = sample_answer(topology, tap, sample, list);
        }
    }
    for (uint32_t w = 0; w < tap->workers_count; w++) {
        skipped += tap->skipped[w];
    }
    err = err ? err : tree_put_int(answer->tree, "next", (int64_t)next);
    err = err ? err : tree_put_int(answer->tree, "skipped", (int64_t)skipped);
    request_end(answer,
                err ? err
                    : tree_put_text(answer->tree, "text", tap->text[0] ? tap->text : NULL));
    if (gale_conf_bool(request->tree, "end", false)) {
        tap_end(cluster, tap);
    }
}

/* Its place; NULL: it has no level. */
static struct cluster_level *level_of(struct cluster_topology *topology, const char *component)
{
    for (size_t i = 0; i < topology->levels_count; i++) {
        if (strcmp(topology->levels[i].component, component) == 0) {
            return &topology->levels[i];
        }
    }
    return NULL;
}

static bool level_set(struct cluster_topology *topology, const char *component,
                      enum gale_log_level value, int64_t for_ms)
{
    int64_t now_ns = topology->cluster->now_ns;
    struct cluster_level *level = level_of(topology, component);
    if (level == NULL) {
        if (topology->levels_count == CLUSTER_LEVELS_MAX) {
            return false;
        }
        level = &topology->levels[topology->levels_count++];
        str_copy(level->component, sizeof level->component, component);
    }
    level->level = (uint32_t)value;
    level->until_ns = now_ns + for_ms * NS_PER_MS;
    level_tell(topology, level, now_ns);
    return true;
}

/* Of one component, or with no name of everything. */
static void level_reset(struct cluster_topology *topology, const char *component)
{
    int64_t now_ns = topology->cluster->now_ns;
    struct cluster_level none = {.until_ns = now_ns};
    struct cluster_level *level = level_of(topology, component);
    str_copy(none.component, sizeof none.component, component);
    level_tell(topology, &none, now_ns);
    if (component[0] == '\0') {
        topology->levels_count = 0;
    } else if (level != NULL) {
        *level = topology->levels[--topology->levels_count];
    }
}

void log_level_request(struct cluster_topology *topology, const struct rpc_request *request,
                       struct rpc_answer *answer)
{
    const char *name = gale_conf_string(request->tree, "component", "");
    const char *level_text = gale_conf_string(request->tree, "level", "");
    int64_t for_ms = gale_conf_int64(request->tree, "for_ms", 600000);
    bool resets = strcmp(level_text, "reset") == 0 || for_ms == 0;
    enum gale_log_level level = GALE_LOG_INFO;
    if (!is_running(topology, answer) ||
        (name[0] != '\0' && !component_of(topology, name, answer))) {
        return;
    }
    if ((!resets && !log_level_parse(level_text, &level)) || for_ms < 0 ||
        for_ms > LEVEL_FOR_MAX_MS) {
        rpc_fail(answer, GALE_ERR_INVALID, NULL,
                 "level: debug, info, warn, error or reset; for_ms: up to a day");
        return;
    }
    if (resets) {
        level_reset(topology, name);
    } else if (!level_set(topology, name, level, for_ms)) {
        rpc_fail(answer, GALE_ERR_LIMIT, "reset one first: gale log-level NAME -r COMPONENT",
                 "%u components have a log level of their own already", LOG_OVERRIDES_MAX);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two documents between a supervisor and the leader: the report, arguments of the verb `host`, and
 * its answer. An answer comes from the network: it is read whole into specs before any of it is obeyed.
 *
 *   report  {verb: host, name, rpc, pid, version, started_ms, number, slots, memory_mb, cpu_points,
 *            held: [{topology, worker, attempt, epoch, incarnation, state, pid, restarts, exit, rss_kb}],
 *            gone: [{topology, worker, incarnation, exit}]}
 *   answer  {epoch, control, acknowledged_gone, blobs_from: [endpoint],
 *            wanted: [{topology, name, worker, keep: running|ending, attempt, epoch, memory_max,
 *                      open_files_max, log, blobs: [{sha, size}]}]}
 */
#include "host/host_internal.h"

#include "base/str.h"
#include "rpc/tree.h"

#include <stdlib.h>
#include <string.h>

/* ---- Report ------------------------------------------------------------------------------------ */

static enum gale_err put_held(struct gale_conf *list, const struct host_worker *worker)
{
    const char *state = host_worker_state(worker);
    struct gale_conf *map = NULL;
    bool slot = worker->slot != NULL;
    if (!state) {
        return GALE_OK;
    }
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_hex64(map, "topology", worker->spec.topology);
    err = err ? err : tree_put_int(map, "worker", worker->spec.worker);
    err =
        err ? err
            : tree_put_int(map, "attempt", slot ? worker->held_attempt : worker->spec.attempt);
    err = err ? err
              : tree_put_int(map, "epoch",
                             (int64_t)(slot ? worker->held_epoch : worker->spec.epoch));
    err = err ? err
              : tree_put_hex64(map, "incarnation", slot ? worker->slot->slot.incarnation : 0);
    err = err ? err : tree_put_text(map, "state", state);
    err = err ? err : tree_put_int(map, "pid", worker->pid);
    err = err ? err
              : tree_put_int(map, "restarts",
                             (int64_t)worker->restarts_before +
                                 (slot ? worker->slot->slot.restarts_count : 0));
    err = err ? err : tree_put_text(map, "exit", worker->exit);
    return err ? err : tree_put_int(map, "rss_kb", worker->rss_kb);
}

static enum gale_err put_gone(struct gale_conf *list, const struct host_gone *gone)
{
    struct gale_conf *map = NULL;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err : tree_put_hex64(map, "topology", gone->topology);
    err = err ? err : tree_put_int(map, "worker", gone->worker);
    err = err ? err : tree_put_hex64(map, "incarnation", gone->incarnation);
    return err ? err : tree_put_text(map, "exit", gone->exit);
}

static enum gale_err put_facts(struct gale_conf *tree, const struct host_facts *facts)
{
    enum gale_err err = tree_put_text(tree, "verb", "host");
    err = err ? err : tree_put_text(tree, "name", facts->name);
    err = err ? err : tree_put_text(tree, "rpc", facts->rpc);
    err = err ? err : tree_put_int(tree, "pid", facts->pid);
    err = err ? err : tree_put_text(tree, "version", facts->version);
    err = err ? err : tree_put_int(tree, "started_ms", facts->started_ms);
    err = err ? err : tree_put_int(tree, "number", facts->number);
    err = err ? err : tree_put_int(tree, "slots", facts->slots);
    err = err ? err : tree_put_int(tree, "memory_mb", facts->memory_mb);
    return err ? err : tree_put_int(tree, "cpu_points", facts->cpu_points);
}

enum gale_err host_core_report(const struct host_core *core, const struct host_facts *facts,
                               struct gale_conf *tree, size_t *gone_count)
{
    struct gale_conf *held = NULL;
    struct gale_conf *gone = NULL;
    enum gale_err err = put_facts(tree, facts);
    err = err ? err : conf_add_list(tree, "held", &held);
    for (size_t i = 0; i < core->count && err == GALE_OK; i++) {
        err = put_held(held, core->workers[i]);
    }
    err = err ? err : conf_add_list(tree, "gone", &gone);
    for (size_t i = 0; i < core->gone_count && err == GALE_OK; i++) {
        err = put_gone(gone, &core->gone[(core->gone_first + i) % HOST_GONE_MAX]);
    }
    *gone_count = core->gone_count;
    return err;
}

/* ---- Answer ------------------------------------------------------------------------------------ */

/* An answer that was read but not obeyed yet. */
struct wanted {
    struct host_spec spec;
    enum keep keep;
};

struct answer {
    uint64_t epoch;
    const char *control;
    size_t acknowledged;
    struct wanted *wanted;
    size_t wanted_count;
};

static void answer_fini(struct answer *answer)
{
    for (size_t i = 0; i < answer->wanted_count; i++) {
        host_spec_fini(&answer->wanted[i].spec);
    }
    free(answer->wanted);
}

static bool is_hex(const char *text)
{
    return text && strlen(text) == HOST_HEX_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == HOST_HEX_SIZE - 1;
}

static enum gale_err read_blobs(const struct gale_conf *list, struct host_spec *spec)
{
    size_t count = gale_conf_count(list);
    if (list && (gale_conf_type(list) != GALE_LIST || count > HOST_BLOBS_MAX)) {
        return GALE_ERR_CORRUPT;
    }
    spec->blobs = count ? calloc(count, sizeof(*spec->blobs)) : NULL;
    if (count && !spec->blobs) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *map = gale_conf_at(list, i);
        const char *hex = gale_conf_string(map, "sha", NULL);
        int64_t size = gale_conf_int64(map, "size", -1);
        if (!is_hex(hex) || size < 0) {
            return GALE_ERR_CORRUPT;
        }
        (void)str_copy(spec->blobs[i].hex, sizeof(spec->blobs[i].hex), hex);
        spec->blobs[i].size = (uint64_t)size;
        spec->blobs_count++;
    }
    return GALE_OK;
}

static bool read_keep(const char *text, enum keep *out)
{
    bool running = text && strcmp(text, "running") == 0;
    bool ending = text && strcmp(text, "ending") == 0;
    *out = running ? KEEP_RUNNING : KEEP_ENDING;
    return running || ending;
}

static bool is_level(const char *text)
{
    return strcmp(text, "") == 0 || strcmp(text, "debug") == 0 || strcmp(text, "info") == 0 ||
           strcmp(text, "warn") == 0 || strcmp(text, "error") == 0;
}

enum gale_err host_spec_read(const struct gale_conf *map, struct host_spec *spec)
{
    const char *name = gale_conf_string(map, "name", "");
    const char *level = gale_conf_string(map, "log", "");
    int64_t worker = gale_conf_int64(map, "worker", -1);
    int64_t attempt = gale_conf_int64(map, "attempt", -1);
    int64_t epoch = gale_conf_int64(map, "epoch", -1);
    *spec = (struct host_spec){.topology = tree_hex64(map, "topology", 0),
                               .worker = (uint32_t)worker,
                               .attempt = (uint32_t)attempt,
                               .epoch = (uint64_t)epoch,
                               .memory_max = gale_conf_int64(map, "memory_max", 0),
                               .open_files_max = gale_conf_int64(map, "open_files_max", 0)};
    /* The name becomes part of a path, so it must be a name. */
    if (spec->topology == 0 || !str_is_name(name) || worker < 0 || worker > UINT16_MAX ||
        attempt < 0 || attempt > UINT32_MAX || epoch < 0 || !is_level(level) ||
        spec->memory_max < 0 || spec->open_files_max < 0) {
        return GALE_ERR_CORRUPT;
    }
    (void)str_copy(spec->name, sizeof(spec->name), name);
    (void)str_copy(spec->log, sizeof(spec->log), level);
    return read_blobs(gale_conf_get(map, "blobs"), spec);
}

enum gale_err host_spec_write(const struct host_spec *spec, struct gale_conf *map)
{
    struct gale_conf *list = NULL;
    enum gale_err err = tree_put_hex64(map, "topology", spec->topology);
    err = err ? err : tree_put_text(map, "name", spec->name);
    err = err ? err : tree_put_int(map, "worker", spec->worker);
    err = err ? err : tree_put_int(map, "attempt", spec->attempt);
    err = err ? err : tree_put_int(map, "epoch", (int64_t)spec->epoch);
    err = err ? err : tree_put_text(map, "log", spec->log);
    err = err ? err : tree_put_int(map, "memory_max", spec->memory_max);
    err = err ? err : tree_put_int(map, "open_files_max", spec->open_files_max);
    err = err ? err : conf_add_list(map, "blobs", &list);
    for (uint32_t i = 0; i < spec->blobs_count && err == GALE_OK; i++) {
        struct gale_conf *blob = NULL;
        err = conf_add_map(list, NULL, &blob);
        err = err ? err : tree_put_text(blob, "sha", spec->blobs[i].hex);
        err = err ? err : tree_put_int(blob, "size", (int64_t)spec->blobs[i].size);
    }
    return err;
}

static enum gale_err read_wanted(const struct gale_conf *list, struct answer *answer)
{
    size_t count = gale_conf_count(list);
    if (gale_conf_type(list) != GALE_LIST || count > HOST_WORKERS_MAX) {
        return GALE_ERR_CORRUPT;
    }
    answer->wanted = calloc(count + 1, sizeof(*answer->wanted));
    if (!answer->wanted) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *map = gale_conf_at(list, i);
        struct wanted *wanted = &answer->wanted[answer->wanted_count++];
        enum gale_err err = host_spec_read(map, &wanted->spec);
        if (err != GALE_OK) {
            return err;
        }
        if (!read_keep(gale_conf_string(map, "keep", NULL), &wanted->keep)) {
            return GALE_ERR_CORRUPT;
        }
    }
    return GALE_OK;
}

static enum gale_err answer_read(const struct gale_conf *tree, struct answer *answer)
{
    int64_t epoch = gale_conf_int64(tree, "epoch", 0);
    int64_t acknowledged = gale_conf_int64(tree, "acknowledged_gone", 0);
    *answer = (struct answer){.epoch = (uint64_t)epoch,
                              .control = gale_conf_string(tree, "control", NULL),
                              .acknowledged = (size_t)acknowledged};
    /* The endpoint becomes a line of a file. */
    if (epoch <= 0 || acknowledged < 0 || !answer->control || answer->control[0] == '\0' ||
        strlen(answer->control) >= HOST_ENDPOINT_SIZE ||
        strpbrk(answer->control, " \t\r\n") != NULL) {
        return GALE_ERR_CORRUPT;
    }
    return read_wanted(gale_conf_get(tree, "wanted"), answer);
}

static void take_sources(struct host_core *core, const struct gale_conf *list)
{
    core->sources_count = 0;
    for (size_t i = 0; i < gale_conf_count(list) && core->sources_count < HOST_SOURCES_MAX;
         i++) {
        const char *text = gale_conf_text(gale_conf_at(list, i));
        if (text && strlen(text) < HOST_ENDPOINT_SIZE) {
            (void)str_copy(core->sources[core->sources_count++], HOST_ENDPOINT_SIZE, text);
        }
    }
}

static void take_leader(struct host_core *core, const struct answer *answer)
{
    bool other = answer->epoch != core->epoch || strcmp(answer->control, core->control) != 0;
    core->epoch = answer->epoch;
    (void)str_copy(core->control, sizeof(core->control), answer->control);
    if (other) {
        core->ports->leader(core->ports->self, core->epoch, core->control);
    }
}

static enum gale_err take_wanted(struct host_core *core, struct wanted *wanted)
{
    struct host_worker *worker =
        host_core_find(core, wanted->spec.topology, wanted->spec.worker);
    if (!worker && wanted->keep != KEEP_RUNNING) {
        return GALE_OK; /* It has ended already. */
    }
    if (!worker) {
        worker = host_worker_make(core, &wanted->spec);
    } else {
        host_spec_fini(&worker->spec);
        worker->spec = wanted->spec;
        wanted->spec = (struct host_spec){0};
    }
    if (!worker) {
        return GALE_ERR_NOMEM;
    }
    worker->keep = wanted->keep;
    return GALE_OK;
}

static enum gale_err obey(struct host_core *core, const struct gale_conf *tree,
                          struct answer *answer, size_t gone_count)
{
    enum gale_err err = GALE_OK;
    size_t acknowledged = answer->acknowledged < gone_count ? answer->acknowledged : gone_count;
    host_gone_acknowledged(core, acknowledged);
    take_leader(core, answer);
    take_sources(core, gale_conf_get(tree, "blobs_from"));
    for (size_t i = 0; i < core->count; i++) {
        core->workers[i]->keep = KEEP_NONE;
    }
    /* Without memory for a new one the others still get what is wanted of them. */
    for (size_t i = 0; i < answer->wanted_count; i++) {
        enum gale_err one = take_wanted(core, &answer->wanted[i]);
        err = err ? err : one;
    }
    core->hold_until_ns = core->now_ns;
    host_core_settle(core);
    return err;
}

enum gale_err host_core_answer(struct host_core *core, const struct gale_conf *tree,
                               size_t gone_count, int64_t now_ns, struct gale_error *error)
{
    struct answer answer;
    enum gale_err err = core->ending ? GALE_ERR_STATE : answer_read(tree, &answer);
    if (core->ending) {
        return gale_error_set(error, err, "this supervisor ends: nothing is obeyed any more");
    }
    if (err == GALE_OK && answer.epoch < core->epoch) {
        err = GALE_ERR_STALE;
        gale_error_set(error, err, "an answer of epoch %llu is refused: epoch %llu leads",
                       (unsigned long long)answer.epoch, (unsigned long long)core->epoch);
    } else if (err == GALE_ERR_CORRUPT) {
        gale_error_set(error, err,
                       "the coordinator's answer cannot be read; are both of one version?");
    } else if (err == GALE_OK) {
        core->now_ns = now_ns;
        err = obey(core, tree, &answer, gone_count);
    }
    if (err == GALE_ERR_NOMEM) {
        gale_error_set(error, err, "no memory for what the coordinator wants");
    }
    answer_fini(&answer);
    return err;
}

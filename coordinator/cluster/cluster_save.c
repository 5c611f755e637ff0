/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions of spout tasks and errors on their way to the store: the newest of each is kept and
 * written with those of other tasks and topologies, in at most one multi each CLUSTER_SAVE_NS and at
 * most once a second for a topology, however many there are. What is written may be written again.
 */
#include "cluster/cluster_internal.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_OPS_MAX 96u            /* of STORE_OPS_MAX, with room for the epoch's check */
#define BATCH_BYTES_MAX (384u << 10) /* of STORE_MULTI_MAX */
#define TOPOLOGY_SAVE_NS (950 * NS_PER_MS) /* a second, less the grain of the steps */

/* Records of one multi. Values lie in cluster->out, which may move while it grows: offsets. */
struct batch {
    struct cluster *cluster;
    size_t count;
    struct store_op ops[BATCH_OPS_MAX];
    size_t offsets[BATCH_OPS_MAX];
    char paths[BATCH_OPS_MAX][RECORD_PATH_SIZE];
    struct cluster_topology *topologies[BATCH_OPS_MAX];
    uint32_t tasks[BATCH_OPS_MAX]; /* 0: errors */
};

const struct plan_component *topology_component(const struct cluster_topology *topology,
                                                uint32_t task)
{
    const struct plan *plan = topology->plan;
    return plan && task >= 1 && task <= plan->tasks_count
               ? &plan->components[plan->task_component[task]]
               : NULL;
}

void save_position(struct cluster_topology *topology, uint32_t task)
{
    if (!topology->dirty[task]) {
        topology->dirty[task] = true;
        topology->dirty_count++;
    }
}

void save_error(struct cluster_topology *topology, uint32_t worker, uint32_t task, bool fatal,
                const char *text)
{
    const struct plan_component *component = topology_component(topology, task);
    struct cluster_error error = {.task = component ? task : 0,
                                  .worker = worker,
                                  .fatal = fatal,
                                  .last_ms = cluster_wall_ms(topology->cluster)};
    if (!topology->errors) {
        topology->errors = calloc(1, sizeof *topology->errors);
    }
    if (!topology->errors) {
        return;
    }
    str_copy(error.component, sizeof error.component, component ? component->name : "");
    str_copy(error.text, sizeof error.text, text);
    if (worker < topology->assignment.workers_count && topology->slots &&
        topology->slots[worker].host) {
        str_copy(error.host, sizeof error.host, topology->slots[worker].host->name);
    }
    cluster_errors_add(topology->errors, &error);
    topology->errors_dirty = true;
}

/* ---- One multi ------------------------------------------------------------------------------- */

static void batch_put(struct batch *batch, struct cluster_topology *topology, uint32_t task,
                      size_t offset, bool exists)
{
    batch->ops[batch->count] =
        (struct store_op){.kind = exists ? STORE_OP_SET : STORE_OP_CREATE,
                          .path = batch->paths[batch->count],
                          .size = batch->cluster->out.size - offset,
                          .version = STORE_ANY_VERSION};
    batch->offsets[batch->count] = offset;
    batch->topologies[batch->count] = topology;
    batch->tasks[batch->count] = task;
    batch->count++;
}

static bool batch_full(const struct batch *batch)
{
    return batch->count >= BATCH_OPS_MAX || batch->cluster->out.size >= BATCH_BYTES_MAX;
}

static void add_position(struct batch *batch, struct cluster_topology *topology, uint32_t task)
{
    const struct plan_component *component = topology_component(topology, task);
    const struct message_bytes *position = &topology->control.positions[task];
    struct record_position record = {
        .index = task - component->first_task, .data = position->data, .size = position->size};
    size_t offset = batch->cluster->out.size;
    str_copy(record.component, sizeof record.component, component->name);
    if (record_position_encode(&record, &batch->cluster->out) != GALE_OK) {
        batch->cluster->out.size = offset;
        topology->dirty[task] = false;
        topology->dirty_count--;
        gale_log(GALE_LOG_ERROR, "%s: a position of %s has %zu bytes, too many to be saved",
                 topology->name, component->name, position->size);
        return;
    }
    record_position_path(topology->name, component->name, record.index,
                         batch->paths[batch->count]);
    batch_put(batch, topology, task, offset, topology->saved[task]);
}

/* As many as there is room for, from where the last batch ended. */
static void add_positions(struct batch *batch, struct cluster_topology *topology)
{
    uint32_t tasks = topology->plan->tasks_count;
    uint32_t left = topology->dirty_count;
    for (uint32_t i = 0; i < tasks && left > 0 && !batch_full(batch); i++) {
        uint32_t task = topology->save_next % tasks + 1;
        topology->save_next = task;
        if (topology->dirty[task]) {
            left--;
            add_position(batch, topology, task);
        }
    }
    topology->saved_ns = batch->cluster->now_ns;
}

static void add_errors(struct batch *batch, struct cluster_topology *topology)
{
    size_t offset = batch->cluster->out.size;
    if (cluster_errors_encode(topology->errors, &batch->cluster->out) != GALE_OK) {
        batch->cluster->out.size = offset;
        return;
    }
    cluster_path(topology->name, "/errors", batch->paths[batch->count]);
    batch_put(batch, topology, 0, offset, topology->has_errors);
    topology->errors_ns = batch->cluster->now_ns;
}

static void settle(struct cluster_topology *topology, uint32_t task)
{
    if (task == 0) {
        topology->has_errors = true;
        topology->errors_dirty = false;
        return;
    }
    topology->saved[task] = true;
    topology->dirty[task] = false;
    topology->dirty_count--;
}

/* A record that was thought to exist does not, or the reverse: a write whose outcome was not known. */
static void correct(struct batch *batch, size_t failed, enum gale_err err)
{
    if (failed < batch->count && (err == GALE_ERR_EXISTS || err == GALE_ERR_NOT_FOUND)) {
        struct cluster_topology *topology = batch->topologies[failed];
        uint32_t task = batch->tasks[failed];
        *(task ? &topology->saved[task] : &topology->has_errors) = err == GALE_ERR_EXISTS;
    }
}

static enum gale_err batch_write(struct batch *batch)
{
    size_t failed = 0;
    if (batch->count == 0) {
        return GALE_OK;
    }
    for (size_t i = 0; i < batch->count; i++) {
        batch->ops[i].value = batch->cluster->out.data + batch->offsets[i];
    }
    enum gale_err err = cluster_write_again(batch->cluster, batch->ops, batch->count, &failed);
    for (size_t i = 0; err == GALE_OK && i < batch->count; i++) {
        settle(batch->topologies[i], batch->tasks[i]);
    }
    if (err != GALE_OK) {
        correct(batch, failed, err);
        gale_log(GALE_LOG_WARN, "positions wait to be saved: %s", gale_err_name(err));
    }
    return err;
}

/* ---- When ------------------------------------------------------------------------------------ */

static void batch_init(struct batch *batch, struct cluster *cluster)
{
    batch->cluster = cluster;
    batch->count = 0;
    buf_clear(&cluster->out);
}

void save_step(struct cluster *cluster, int64_t now_ns)
{
    struct batch batch;
    if (now_ns < cluster->save_ns) {
        return;
    }
    batch_init(&batch, cluster);
    for (size_t i = 0; i < cluster->topologies_count && !batch_full(&batch); i++) {
        size_t at = (cluster->save_from + i) % cluster->topologies_count;
        struct cluster_topology *topology = cluster->topologies[at];
        if (topology->errors_dirty && now_ns - topology->errors_ns >= CLUSTER_ERRORS_NS) {
            add_errors(&batch, topology);
        }
        if (topology->controlled && topology->dirty_count > 0 &&
            now_ns - topology->saved_ns >= TOPOLOGY_SAVE_NS) {
            add_positions(&batch, topology);
        }
    }
    cluster->save_from++;
    if (batch.count > 0) {
        cluster->save_ns = now_ns + CLUSTER_SAVE_NS;
        (void)batch_write(&batch);
    }
}

enum gale_err save_flush(struct cluster_topology *topology)
{
    struct batch batch;
    enum gale_err err = GALE_OK;
    if (topology->errors_dirty && topology->status.pending != CLUSTER_PENDING_KILL) {
        batch_init(&batch, topology->cluster);
        add_errors(&batch, topology);
        err = batch_write(&batch);
    }
    while (!err && topology->controlled && topology->dirty_count > 0) {
        batch_init(&batch, topology->cluster);
        add_positions(&batch, topology);
        err = batch_write(&batch);
    }
    return err;
}

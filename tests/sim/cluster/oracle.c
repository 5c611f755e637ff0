/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold; the list is in world.h. It looks at the store's records and at what the model workers
 * take for true, and asks the code under test nothing but who leads. */
#include "world.h"

#include "base/assert.h"
#include "cluster/cluster_records.h"
#include "store/records.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPOLOGIES "/topologies/"

/* ---- Writes ---------------------------------------------------------------------------------- */

static int64_t port_now(void *self)
{
    const struct world *world = self;
    return world->now_ns;
}

static bool port_reaches(void *self, uint32_t client, bool answer)
{
    const struct world *world = self;
    return answer ? !world_cut(world, PLACE_STORE, client)
                  : !world_cut(world, client, PLACE_STORE);
}

static bool port_loses(void *self)
{
    struct world *world = self;
    return world->faults && !world->calm && world_chance(world, 30);
}

/* The epoch that a write checks, or −1. */
static int64_t epoch_of(const struct store_op *ops, size_t count)
{
    return count > 0 && ops[0].kind == STORE_OP_CHECK && strcmp(ops[0].path, "/epoch") == 0
               ? ops[0].version
               : -1;
}

/* An empty folder more does no harm, whoever makes it. */
static bool touches_topologies(const struct store_op *ops, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool folder = ops[i].kind == STORE_OP_CREATE && ops[i].size == 0;
        if (!folder && strncmp(ops[i].path, TOPOLOGIES, strlen(TOPOLOGIES)) == 0) {
            return true;
        }
    }
    return false;
}

static void port_issued(void *self, uint32_t client, const struct store_op *ops, size_t count)
{
    struct world *world = self;
    int64_t epoch = epoch_of(ops, count);
    if (epoch >= 0 && epoch < ensemble_version(&world->ensemble, "/epoch")) {
        world_violation(world, "timed: c%u issues a write of epoch %lld in epoch %lld", client,
                        (long long)epoch,
                        (long long)ensemble_version(&world->ensemble, "/epoch"));
    }
}

/* Positions only grow. */
static void position_written(struct world *world, const struct store_op *op)
{
    struct record_position record;
    for (uint32_t i = 0; i < world->jobs_count; i++) {
        char path[RECORD_PATH_SIZE];
        struct job *job = &world->jobs[i];
        record_positions_path(job->name, path);
        uint64_t position = 0;
        if (strncmp(op->path, path, strlen(path)) != 0 || op->path[strlen(path)] != '/' ||
            op->size == 0) {
            continue;
        }
        if (record_position_decode(op->value, op->size, &record) != GALE_OK ||
            record.index >= job->spouts || record.size != sizeof(position)) {
            world_violation(world, "no position is in %s", op->path);
            return;
        }
        memcpy(&position, record.data, sizeof(position));
        if (position < job->positions[record.index]) {
            world_violation(world, "forward: the position in %s falls from %llu to %llu",
                            op->path, (unsigned long long)job->positions[record.index],
                            (unsigned long long)position);
        }
        world_trace(world, "%s = %llu", op->path, (unsigned long long)position);
        job->positions[record.index] = position;
    }
}

/* Nothing is called finished before its end. */
static void status_written(struct world *world, const struct store_op *op)
{
    struct cluster_status status;
    for (uint32_t i = 0; i < world->jobs_count; i++) {
        char path[RECORD_PATH_SIZE];
        const struct job *job = &world->jobs[i];
        record_status_path(job->name, path);
        if (strcmp(op->path, path) != 0 ||
            cluster_status_decode(op->value, op->size, &status) != GALE_OK) {
            continue;
        }
        for (uint32_t k = 0; status.life == CLUSTER_FINISHED && k < job->spouts; k++) {
            if (job->limit == 0 || job->emitted[k] < job->limit) {
                world_violation(world,
                                "whole: %s is called finished with task %u at %llu of %llu",
                                job->name, k + 1, (unsigned long long)job->emitted[k],
                                (unsigned long long)job->limit);
            }
        }
        cluster_status_fini(&status);
    }
}

static void port_applied(void *self, uint32_t client, const struct store_op *ops, size_t count)
{
    struct world *world = self;
    int64_t epoch = epoch_of(ops, count);
    int64_t present = ensemble_version(&world->ensemble, "/epoch");
    if (touches_topologies(ops, count) && epoch != present) {
        world_violation(
            world, "fenced: a write of c%u of epoch %lld to %s takes effect in epoch %lld",
            client, (long long)epoch, ops[count > 1 ? 1 : 0].path, (long long)present);
    }
    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind == STORE_OP_CREATE || ops[i].kind == STORE_OP_SET) {
            position_written(world, &ops[i]);
            status_written(world, &ops[i]);
        }
        if (ops[i].kind == STORE_OP_SET && strcmp(ops[i].path, "/epoch") == 0) {
            world->epoch_seen = present + 1;
        }
    }
}

void oracle_ports(struct world *world)
{
    world->ensemble_ports = (struct ensemble_ports){.self = world,
                                                    .now_ns = port_now,
                                                    .reaches = port_reaches,
                                                    .loses = port_loses,
                                                    .issued = port_issued,
                                                    .applied = port_applied};
}

/* ---- Records --------------------------------------------------------------------------------- */

static const struct ensemble_record *record_of(const struct world *world, const char *name,
                                               const char *what)
{
    char path[RECORD_PATH_SIZE];
    snprintf(path, sizeof(path), TOPOLOGIES "%s/%s", name, what);
    return ensemble_find(&world->ensemble, path);
}

/* Whether the store says that this process should be where it is. */
static bool is_wanted(struct world *world, const struct model *model)
{
    const struct job *job = &world->jobs[model->job];
    const struct ensemble_record *record = record_of(world, job->name, "status");
    struct cluster_status status;
    if (!record ||
        cluster_status_decode(record->value.data, record->value.size, &status) != GALE_OK) {
        return false;
    }
    bool ended = job->limit > 0;
    for (uint32_t i = 0; i < job->spouts; i++) {
        ended = ended && job->emitted[i] >= job->limit;
    }
    /* Others give their places to one that wants a host for itself. */
    ended = ended || (world->jobs[0].alone && job != &world->jobs[0]);
    bool wanted = status.life == CLUSTER_PLACED && status.pending == CLUSTER_PENDING_NONE &&
                  status.id == model->topology && status.attempt == model->attempt && !ended;
    cluster_status_fini(&status);
    return wanted;
}

/* ---- Processes ------------------------------------------------------------------------------- */

void oracle_ended(struct world *world, const struct model *model, const char *why)
{
    if (model->exiting || model->stopping || !is_wanted(world, model)) {
        return;
    }
    if (world->mild) {
        world_violation(world, "unmoved: %s for healthy worker %u of %s", why, model->index,
                        world->jobs[model->job].name);
    } else if (world->now_ns >= world->trouble_ns[model->site]) {
        world_violation(world, "excused: %s for healthy worker %u of %s on h%u", why,
                        model->index, world->jobs[model->job].name, model->site);
    }
}

void oracle_started(struct world *world, const struct model *model)
{
    for (uint32_t i = world->models_first; i + 1 < world->models_count; i++) {
        const struct model *other = world->models[i];
        if (!other->alive || world->jobs[0].alone || other->topology != model->topology ||
            other->attempt != model->attempt || other->index != model->index) {
            continue;
        }
        if (world->mild) {
            world_violation(world, "unmoved: worker %u of %s is started beside a healthy one",
                            model->index, world->jobs[model->job].name);
        } else if (other->site == model->site) {
            world_violation(world, "single: h%u has worker %u of %s twice", model->site,
                            model->index, world->jobs[model->job].name);
        } else if (world->now_ns >= world->trouble_ns[other->site] &&
                   world->now_ns >= world->trouble_ns[model->site]) {
            /* A supervisor that was in trouble may start what it should keep no more. */
            world_violation(world, "excused: worker %u of %s is moved from h%u, which is well",
                            model->index, world->jobs[model->job].name, other->site);
        }
    }
}

static uint32_t number_of(const struct world *world, uint64_t topology, uint64_t incarnation)
{
    for (uint32_t i = 0; i < world->models_count; i++) {
        if (world->models[i]->topology == topology &&
            world->models[i]->incarnation == incarnation) {
            return i;
        }
    }
    return 0;
}

void oracle_frame(struct model *model, const struct packet_frame *frame)
{
    struct world *world = model->world;
    struct model_peer *peer = &model->peers[frame->from];
    if (peer->taken != 0 && peer->taken != frame->from_incarnation &&
        number_of(world, model->topology, frame->from_incarnation) <
            number_of(world, model->topology, peer->taken)) {
        world_violation(world, "single: worker %u of %s takes a frame of a replaced process %u",
                        model->index, world->jobs[model->job].name,
                        number_of(world, model->topology, frame->from_incarnation));
    }
    peer->taken = frame->from_incarnation;
}

void oracle_assigns(struct world *world, const struct message *message)
{
    const struct message_assign *assign = &message->as.assign;
    const struct job *job = &world->jobs[client_job_of(world, assign->run_name)];
    /* What an earlier leader tells one that was cut off with it has no effect. */
    bool leads = (int64_t)message->epoch == world->epoch_seen;
    for (uint32_t i = 0; leads && i < job->spouts; i++) {
        uint64_t position = 0;
        if (assign->positions && assign->positions[i + 1].size == sizeof(position)) {
            memcpy(&position, assign->positions[i + 1].data, sizeof(position));
        }
        if (position < job->positions[i]) {
            world_violation(
                world, "forward: task %u of %s is to begin at %llu, the store has %llu", i + 1,
                job->name, (unsigned long long)position, (unsigned long long)job->positions[i]);
        }
    }
}

/* ---- The end --------------------------------------------------------------------------------- */

static bool not_yet(char *why, size_t size, const char *format, ...) GALE_PRINTF(3, 4);
static bool not_yet(char *why, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return false;
}

static bool worker_reached(const struct world *world, const struct job *job,
                           const struct model *model, uint32_t workers, char *why, size_t size)
{
    uint32_t at = model->index;
    if (!model->running || !model->heard || (int64_t)model->epoch != world->epoch_seen) {
        return not_yet(why, size, "worker %u of %s (process %u) is not the leader's", at,
                       job->name, model->number);
    }
    if (model->workers_count != workers || model->stopping ||
        (model->state == COMMAND_ACTIVATE) == job->inactive) {
        return not_yet(why, size, "worker %u of %s is in state %d", at, job->name,
                       (int)model->state);
    }
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        const struct model *other = world->models[i];
        if (other->alive && other->topology == model->topology && other != model &&
            model->peers[other->index].incarnation != other->incarnation) {
            return not_yet(why, size, "worker %u of %s does not know worker %u", at, job->name,
                           other->index);
        }
    }
    return true;
}

/* Every worker of the assignment is where it should be and does what it should, and no other is. */
static bool workers_reached(const struct world *world, const struct job *job, char *why,
                            size_t size)
{
    struct cluster_assignment assignment;
    const struct ensemble_record *record = record_of(world, job->name, "assignment");
    uint32_t seen = 0;
    bool good = true;
    if (!record || cluster_assignment_decode(record->value.data, record->value.size,
                                             &assignment) != GALE_OK) {
        return not_yet(why, size, "%s has no places", job->name);
    }
    if (assignment.workers_count > job->workers) {
        good = not_yet(why, size, "%s has %u workers", job->name, assignment.workers_count);
    }
    for (uint32_t i = world->models_first; good && i < world->models_count; i++) {
        const struct model *model = world->models[i];
        if (!model->alive || &world->jobs[model->job] != job) {
            continue;
        }
        if (model->attempt != assignment.attempt || model->index >= assignment.workers_count ||
            (seen >> model->index & 1u) != 0 ||
            strcmp(assignment.hosts[model->index], world->sites[model->site].name) != 0) {
            good = not_yet(why, size, "process %u of %s is not wanted on h%u", model->number,
                           job->name, model->site);
        } else {
            seen |= 1u << model->index;
            good = worker_reached(world, job, model, assignment.workers_count, why, size);
        }
    }
    if (good && seen != (1u << assignment.workers_count) - 1) {
        good = not_yet(why, size, "%s has not all of its workers", job->name);
    }
    cluster_assignment_fini(&assignment);
    return good;
}

static bool no_process(const struct world *world, const struct job *job, char *why, size_t size)
{
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        const struct model *model = world->models[i];
        if (model->alive && &world->jobs[model->job] == job) {
            return not_yet(why, size, "process %u of %s is left", model->number, job->name);
        }
    }
    return true;
}

/* It is finished and no process is left. Its positions are at the end, unless a host was lost with
 * the last of them: then the next run of that name repeats something. */
static bool finished_reached(const struct world *world, const struct job *job, char *why,
                             size_t size)
{
    struct cluster_status status;
    const struct ensemble_record *record = record_of(world, job->name, "status");
    if (!record ||
        cluster_status_decode(record->value.data, record->value.size, &status) != GALE_OK) {
        return not_yet(why, size, "%s has no status", job->name);
    }
    bool finished = status.life == CLUSTER_FINISHED;
    cluster_status_fini(&status);
    for (uint32_t k = 0; k < job->spouts; k++) {
        finished = finished && (job->positions[k] == job->limit || !world->mild);
    }
    return finished ? no_process(world, job, why, size)
                    : not_yet(why, size, "%s is not finished", job->name);
}

static bool gone_reached(const struct world *world, const struct job *job, char *why,
                         size_t size)
{
    return record_of(world, job->name, "status")
               ? not_yet(why, size, "%s is not gone from the store", job->name)
               : no_process(world, job, why, size);
}

static bool job_reached(const struct world *world, const struct job *job, char *why,
                        size_t size)
{
    if (!job->submitted) {
        return gone_reached(world, job, why, size);
    }
    return job->limit ? finished_reached(world, job, why, size)
                      : workers_reached(world, job, why, size);
}

static bool alone_reached(const struct world *world, char *why, size_t size)
{
    uint32_t own = 0, others = 0;
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        const struct model *model = world->models[i];
        uint32_t bit = model->alive ? 1u << model->site : 0;
        own |= model->job == 0 ? bit : 0;
        others |= model->job == 0 ? 0 : bit;
    }
    return !world->jobs[0].alone || (own & others) == 0 ||
           not_yet(why, size, "%s is not alone", world->jobs[0].name);
}

bool oracle_reached(struct world *world, char *why, size_t size)
{
    uint32_t leaders = 0;
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        leaders += world->nodes[i].alive && cluster_leads(world->nodes[i].cluster) &&
                   (int64_t)cluster_epoch(world->nodes[i].cluster) == world->epoch_seen;
    }
    if (leaders != 1) {
        return not_yet(why, size, "there is no leader");
    }
    for (uint32_t i = 0; i < world->jobs_count; i++) {
        if (!job_reached(world, &world->jobs[i], why, size)) {
            return false;
        }
    }
    return alone_reached(world, why, size);
}

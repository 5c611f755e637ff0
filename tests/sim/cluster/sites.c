/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosts: what a supervisor's daemon does around host_core.c and seek.c, without files, processes and
 * sockets. Its files survive it: slot files and the file that names the leader.
 */
#include "world.h"

#include "base/assert.h"
#include "base/conf.h"
#include "base/str.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct slot_limits limits = {.start_ms = 10000,
                                          .beat_ms = 1500,
                                          .grace_ms = 3000,
                                          .backoff_first_ms = 100,
                                          .backoff_max_ms = 10000};

/* ---- Slot files ------------------------------------------------------------------------------ */

static struct site_record *record_find(struct site *site, uint64_t topology, uint32_t worker)
{
    for (uint32_t i = 0; i < WORLD_RECORDS_MAX; i++) {
        struct site_record *record = &site->records[i];
        if (record->used && record->spec.topology == topology &&
            record->spec.worker == worker) {
            return record;
        }
    }
    return NULL;
}

static void record_remove(struct site_record *record)
{
    host_spec_fini(&record->spec);
    *record = (struct site_record){.used = false};
}

static void spec_copy(const struct host_spec *from, struct host_spec *to)
{
    *to = *from;
    to->blobs = NULL; /* The simulation's topologies have none. */
    to->blobs_count = 0;
}

static void record_write(struct site *site, const struct host_worker *worker,
                         uint64_t incarnation, uint32_t process)
{
    struct site_record *record = record_find(site, worker->spec.topology, worker->spec.worker);
    for (uint32_t i = 0; !record && i < WORLD_RECORDS_MAX; i++) {
        record = site->records[i].used ? NULL : &site->records[i];
    }
    GALE_ASSERT(record != NULL);
    if (record->used) {
        record_remove(record);
    }
    spec_copy(&worker->spec, &record->spec);
    record->used = true;
    record->keep = worker->keep;
    record->incarnation = incarnation;
    record->process = process;
}

/* ---- Ports ----------------------------------------------------------------------------------- */

static enum gale_err port_spawn(void *self, struct host_worker *worker, uint64_t incarnation)
{
    struct site *site = self;
    struct world *world = site->world;
    if (world->faults && !world->mild && world_chance(world, 20)) {
        world_trace(world, "%s cannot start worker %u of %s", site->name, worker->spec.worker,
                    worker->spec.name);
        return GALE_ERR_IO;
    }
    struct model *model = model_new(site, &worker->spec, incarnation);
    if (!model) {
        return GALE_ERR_LIMIT;
    }
    worker->pid = model->number + 1;
    worker->user = model;
    record_write(site, worker, incarnation, model->number);
    return GALE_OK;
}

static void port_signal(void *self, struct host_worker *worker, int signal)
{
    struct site *site = self;
    struct model *model = worker->user;
    if (!model || !model->alive) {
        return;
    }
    world_trace(site->world, "%s: signal %d to worker %u of %s (process %u)", site->name,
                signal, worker->spec.worker, worker->spec.name, model->number);
    oracle_ended(site->world, model, signal == SIGKILL ? "SIGKILL" : "SIGTERM");
    if (signal == SIGKILL) {
        model_end(model, "killed by SIGKILL (signal 9)");
    } else {
        model_terminate(model);
    }
}

/* While there are faults, what a worker needs is often still on its way. */
static bool port_ready(void *self, struct host_worker *worker)
{
    struct site *site = self;
    (void)worker;
    return !site->world->faults || !world_chance(site->world, 300);
}

static void port_keeps(void *self, struct host_worker *worker)
{
    struct site_record *record = record_find(self, worker->spec.topology, worker->spec.worker);
    if (record) {
        record->keep = worker->keep;
    }
}

static void port_forgotten(void *self, struct host_worker *worker)
{
    struct site *site = self;
    struct site_record *record = record_find(site, worker->spec.topology, worker->spec.worker);
    /* A supervisor that crashes forgets in memory only. */
    if (record && site->alive) {
        record_remove(record);
    }
}

static void port_leader(void *self, uint64_t epoch, const char *control_endpoint)
{
    struct site *site = self;
    uint32_t node = node_of(site->world, control_endpoint);
    if (node == UINT32_MAX || epoch < site->file_epoch) {
        world_violation(site->world, "%s is told of leader %s, epoch %llu after %llu",
                        site->name, control_endpoint, (unsigned long long)epoch,
                        (unsigned long long)site->file_epoch);
        return;
    }
    site->file_epoch = epoch;
    site->file_node = node;
}

static void port_note(void *self, const char *line)
{
    const struct site *site = self;
    world_trace(site->world, "%s: %s", site->name, line);
}

static uint64_t port_random(void *self)
{
    struct site *site = self;
    return rng_next(&site->world->rng) | 1u;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void site_init(struct world *world, uint32_t index)
{
    struct site *site = &world->sites[index];
    site->world = world;
    site->index = index;
    site->slots = 4 + world_below(world, 4);
    site->restart_ns = world->now_ns + world_between(world, 0, 500 * WORLD_MS);
    snprintf(site->name, sizeof(site->name), "h%u", index);
    snprintf(site->rpc, sizeof(site->rpc), "tcp://10.0.1.%u:7412", index + 1);
    site->ports = (struct host_ports){.self = site,
                                      .spawn = port_spawn,
                                      .signal = port_signal,
                                      .ready = port_ready,
                                      .keeps = port_keeps,
                                      .forgotten = port_forgotten,
                                      .leader = port_leader,
                                      .note = port_note,
                                      .random = port_random};
}

static void adopt(struct site *site, const struct site_record *record)
{
    struct host_spec spec;
    struct host_worker *worker = NULL;
    struct model *model = site->world->models[record->process];
    bool lives = model->alive && model->incarnation == record->incarnation;
    spec_copy(&record->spec, &spec);
    enum gale_err err =
        host_core_restore(&site->core, &spec, record->keep, record->incarnation, lives,
                          lives ? NULL : "is gone", site->world->now_ns, &worker);
    if (err != GALE_OK) {
        world_violation(site->world, "%s cannot take worker %u in: %s", site->name,
                        record->spec.worker, gale_err_name(err));
        return;
    }
    worker->user = lives ? model : NULL;
    worker->pid = lives ? (int64_t)model->number + 1 : 0;
}

void site_start(struct site *site)
{
    struct world *world = site->world;
    struct site_record records[WORLD_RECORDS_MAX];
    site->alive = true;
    site->life++;
    site->restart_ns = INT64_MAX;
    site->paused_until_ns = 0;
    memset(site->requests, 0, sizeof(site->requests));
    seek_init(&site->seek, world->now_ns);
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        seek_add(&site->seek, world->nodes[i].rpc);
    }
    if (host_core_init(&site->core, &site->ports, limits, site->file_epoch, world->now_ns) !=
        GALE_OK) {
        world_violation(world, "no memory");
        return;
    }
    world_trace(world, "%s starts", site->name);
    memcpy(records, site->records, sizeof(records));
    for (uint32_t i = 0; i < WORLD_RECORDS_MAX; i++) {
        if (records[i].used) {
            adopt(site, &records[i]);
        }
    }
}

void site_crash(struct site *site)
{
    if (!site->alive) {
        return;
    }
    site->alive = false;
    host_core_fini(&site->core);
}

void site_power_off(struct site *site)
{
    struct world *world = site->world;
    site_crash(site);
    for (uint32_t i = world->models_first; i < world->models_count; i++) {
        if (world->models[i]->site == site->index && world->models[i]->alive) {
            model_end(world->models[i], "gone with its host");
        }
    }
}

/* ---- Questions and answers ------------------------------------------------------------------- */

static struct gale_conf *report_make(struct site *site, size_t peer)
{
    struct gale_conf *tree = conf_new();
    const struct host_facts facts = {.name = site->name,
                                     .rpc = site->rpc,
                                     .version = "0",
                                     .pid = site->index + 100,
                                     .started_ms = 1,
                                     .number = ++site->reports_count,
                                     .slots = site->slots};
    if (!tree || host_core_report(&site->core, &facts, tree, &site->gone_counts[peer])) {
        world_violation(site->world, "%s cannot make its report", site->name);
    }
    return tree;
}

static struct gale_conf *who_make(void)
{
    struct gale_conf *tree = conf_new();
    GALE_ASSERT(tree && conf_add_scalar(tree, "verb", "who", true, NULL) == GALE_OK);
    return tree;
}

static void ask(struct site *site)
{
    struct world *world = site->world;
    size_t peer;
    enum seek_ask question;
    if (host_core_take_changed(&site->core)) {
        seek_hurry(&site->seek);
    }
    while (seek_expired(&site->seek, world->now_ns, &peer)) {
        site->requests[peer] = 0;
    }
    while ((question = seek_next(&site->seek, world->now_ns, &peer)) != SEEK_NOTHING) {
        struct packet *packet = packet_new(PACKET_REQUEST, PLACE_SITE + site->index,
                                           node_of(world, site->seek.list.at[peer]));
        packet->tree = question == SEEK_HOST ? report_make(site, peer) : who_make();
        packet->id = ++world->requests_count;
        site->requests[peer] = packet->id;
        world_send(world, packet);
    }
    (void)seek_wants_look(&site->seek, world->now_ns); /* All candidates are known. */
}

static void take_who(struct site *site, size_t peer, const struct gale_conf *tree)
{
    seek_who(&site->seek, peer, gale_conf_bool(tree, "leads", false),
             (uint64_t)gale_conf_int64(tree, "epoch", 0),
             gale_conf_string(tree, "leader", NULL), site->world->now_ns);
}

static void take_wanted(struct site *site, size_t peer, const struct gale_conf *tree)
{
    struct gale_error error = {0};
    int64_t now_ns = site->world->now_ns;
    if (gale_conf_get(tree, "wanted") == NULL) {
        seek_refused(&site->seek, peer, gale_conf_string(tree, "redirect", NULL), now_ns);
        return;
    }
    enum gale_err err =
        host_core_answer(&site->core, tree, site->gone_counts[peer], now_ns, &error);
    if (err == GALE_OK) {
        seek_obeyed(&site->seek, peer, (uint64_t)gale_conf_int64(tree, "epoch", 0), now_ns);
    } else {
        site->world->counts.refused++;
        world_trace(site->world, "%s refuses an answer: %s", site->name, error.text);
        if (err == GALE_ERR_CORRUPT) {
            world_violation(site->world, "%s cannot read an answer: %s", site->name,
                            error.text);
        }
        seek_refused(&site->seek, peer, NULL, now_ns);
    }
}

void site_packet(struct site *site, struct packet *packet)
{
    if (!site->alive) {
        return;
    }
    if (packet->kind == PACKET_POKE) {
        seek_hurry(&site->seek);
        return;
    }
    for (size_t i = 0; i < site->seek.list.count; i++) {
        if (site->requests[i] == packet->id) {
            enum seek_ask question = site->seek.peers[i].waiting;
            site->requests[i] = 0;
            if (question == SEEK_HOST) {
                take_wanted(site, i, packet->tree);
            } else {
                take_who(site, i, packet->tree);
            }
            return;
        }
    }
}

void site_pulse(struct site *site, const struct model *model)
{
    if (site->alive && site->world->now_ns >= site->paused_until_ns) {
        host_core_pulse(&site->core, model->topology, model->index, model->incarnation,
                        site->world->now_ns);
    }
}

void site_exited(struct site *site, struct model *model)
{
    struct host_worker *worker = host_core_find(&site->core, model->topology, model->index);
    if (!worker || worker->user != model) {
        return;
    }
    worker->user = NULL;
    worker->pid = 0;
    host_core_exited(&site->core, worker, model->text, site->world->now_ns);
}

int64_t site_next_ns(const struct site *site)
{
    if (!site->alive) {
        return site->restart_ns;
    }
    int64_t core_ns = host_core_next_ns(&site->core);
    int64_t seek_ns = seek_next_ns(&site->seek);
    int64_t next_ns = core_ns < seek_ns ? core_ns : seek_ns;
    return next_ns > site->paused_until_ns ? next_ns : site->paused_until_ns;
}

void site_turn(struct site *site)
{
    if (!site->alive) {
        site_start(site);
        return;
    }
    site->paused_until_ns = 0;
    host_core_tick(&site->core, site->world->now_ns);
    ask(site);
}

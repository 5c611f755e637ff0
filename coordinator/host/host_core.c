/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the workers of this host; rules in host_core.h. An entry lives while its worker is
 * wanted or has a process:
 *
 *   wanted RUNNING, no slot ──blobs here──▶ slot of the keeper, process started
 *   wanted RUNNING, slot of another attempt ──▶ ended first (KEEP_NONE), forgotten, then as above
 *   wanted ENDING ──▶ left alone        not wanted ──▶ ended, forgotten, entry freed
 *
 * What was found dead at the start waits, as a leader may want it no more. Reading answers and writing
 * reports: host_wire.c.
 */
#include "host/host_internal.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 8u

void host_spec_fini(struct host_spec *spec)
{
    free(spec->blobs);
    spec->blobs = NULL;
    spec->blobs_count = 0;
}

struct host_worker *host_core_find(const struct host_core *core, uint64_t topology,
                                   uint32_t worker)
{
    for (size_t i = 0; i < core->count; i++) {
        if (core->workers[i]->spec.topology == topology &&
            core->workers[i]->spec.worker == worker) {
            return core->workers[i];
        }
    }
    return NULL;
}

static struct host_worker *worker_of(struct host_core *core, const struct keeper_slot *slot)
{
    struct host_worker *worker = host_core_find(core, slot->topology, slot->worker);
    GALE_ASSERT(worker); /* An entry outlives its slot. */
    return worker;
}

struct host_worker *host_worker_make(struct host_core *core, struct host_spec *spec)
{
    if (core->count == core->room) {
        size_t room = core->room ? 2 * core->room : ROOM_FIRST;
        struct host_worker **workers =
            realloc(core->workers, room * sizeof(struct host_worker *));
        if (!workers) {
            return NULL;
        }
        core->workers = workers;
        core->room = room;
    }
    struct host_worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        return NULL;
    }
    worker->spec = *spec;
    *spec = (struct host_spec){0};
    core->workers[core->count++] = worker;
    return worker;
}

/* ---- Ends that a leader has to hear of --------------------------------------------------------- */

static void gone_add(struct host_core *core, const struct host_worker *worker,
                     uint64_t incarnation, const char *text)
{
    if (core->gone_count == HOST_GONE_MAX) {
        core->gone_first = (core->gone_first + 1) % HOST_GONE_MAX;
        core->gone_count--;
        core->gone_dropped_count++;
    }
    struct host_gone *gone =
        &core->gone[(core->gone_first + core->gone_count++) % HOST_GONE_MAX];
    *gone = (struct host_gone){.topology = worker->spec.topology,
                               .worker = worker->spec.worker,
                               .incarnation = incarnation};
    snprintf(gone->exit, sizeof(gone->exit), "%s", text);
}

void host_gone_acknowledged(struct host_core *core, size_t count)
{
    count = count < core->gone_count ? count : core->gone_count;
    core->gone_first = (core->gone_first + count) % HOST_GONE_MAX;
    core->gone_count -= count;
}

/* ---- The keeper's ports ------------------------------------------------------------------------ */

static enum gale_err keeper_spawn(void *self, struct keeper_slot *slot)
{
    struct host_core *core = self;
    struct host_worker *worker = worker_of(core, slot);
    worker->slot = slot;
    worker->held_attempt = worker->spec.attempt;
    worker->held_epoch = worker->spec.epoch;
    worker->pid = 0;
    worker->rss_kb = 0;
    /* A restart begins without asking anybody, but not without its files. */
    if (!core->ports->ready(core->ports->self, worker)) {
        return GALE_ERR_NOT_FOUND;
    }
    return core->ports->spawn(core->ports->self, worker, slot->slot.incarnation);
}

static void keeper_signal(void *self, struct keeper_slot *slot, int signal)
{
    struct host_core *core = self;
    core->ports->signal(core->ports->self, worker_of(core, slot), signal);
}

static bool keeper_may_starve(void *self, struct keeper_slot *slot)
{
    struct host_core *core = self;
    return core->ports->may_starve &&
           core->ports->may_starve(core->ports->self, worker_of(core, slot));
}

static void keeper_changed(void *self, struct keeper_slot *slot, const char *text)
{
    struct host_core *core = self;
    struct host_worker *worker = worker_of(core, slot);
    char line[2 * HOST_EXIT_SIZE + HOST_NAME_SIZE];
    core->changed = true;
    if (!text) {
        return;
    }
    worker->pid = 0;
    worker->rss_kb = 0;
    snprintf(worker->exit, sizeof(worker->exit), "%s", text);
    gone_add(core, worker, slot->slot.incarnation, text);
    snprintf(line, sizeof(line), "worker %u of %s %s", worker->spec.worker, worker->spec.name,
             worker->exit);
    core->ports->note(core->ports->self, line);
}

static void keeper_forgotten(void *self, struct keeper_slot *slot)
{
    struct host_core *core = self;
    worker_of(core, slot)->slot = NULL;
    core->settle = true;
    core->changed = true;
}

static uint64_t keeper_random(void *self)
{
    struct host_core *core = self;
    return core->ports->random(core->ports->self);
}

/* ---- Life -------------------------------------------------------------------------------------- */

enum gale_err host_core_init(struct host_core *core, const struct host_ports *ports,
                             struct slot_limits limits, uint64_t epoch, int64_t now_ns)
{
    *core = (struct host_core){.ports = ports, .epoch = epoch, .now_ns = now_ns};
    core->keeper_ports = (struct keeper_ports){.self = core,
                                               .spawn = keeper_spawn,
                                               .signal = keeper_signal,
                                               .may_starve = keeper_may_starve,
                                               .changed = keeper_changed,
                                               .forgotten = keeper_forgotten,
                                               .random = keeper_random};
    core->gone = calloc(HOST_GONE_MAX, sizeof(*core->gone));
    keeper_init(&core->keeper, &core->keeper_ports, limits);
    core->hold_until_ns = now_ns + HOST_ASK_FIRST_NS;
    return core->gone ? GALE_OK : GALE_ERR_NOMEM;
}

static void worker_free(struct host_core *core, struct host_worker *worker)
{
    core->ports->forgotten(core->ports->self, worker);
    host_spec_fini(&worker->spec);
    free(worker);
}

void host_core_fini(struct host_core *core)
{
    if (!core->ports) {
        return;
    }
    keeper_fini(&core->keeper);
    for (size_t i = 0; i < core->count; i++) {
        worker_free(core, core->workers[i]);
    }
    free(core->workers);
    free(core->gone);
    memset(core, 0, sizeof(*core));
}

enum gale_err host_core_restore(struct host_core *core, struct host_spec *spec, enum keep keep,
                                uint64_t incarnation, bool alive, const char *exit,
                                int64_t now_ns, struct host_worker **out)
{
    enum gale_err err = GALE_OK;
    struct host_worker *worker = NULL;
    core->now_ns = now_ns;
    if (host_core_find(core, spec->topology, spec->worker)) {
        err = GALE_ERR_EXISTS;
    } else {
        worker = host_worker_make(core, spec);
        err = worker ? GALE_OK : GALE_ERR_NOMEM;
    }
    if (err != GALE_OK) {
        host_spec_fini(spec);
        return err;
    }
    worker->keep = keep;
    worker->held_attempt = worker->spec.attempt;
    worker->held_epoch = worker->spec.epoch;
    core->changed = true;
    core->settle = true;
    if (alive) {
        err = keeper_adopt(&core->keeper, worker->spec.topology, worker->spec.worker,
                           incarnation, now_ns, &worker->slot);
        keeper_pulse(&core->keeper, worker->spec.topology, worker->spec.worker, incarnation,
                     now_ns + HOST_ADOPT_NS);
        if (err == GALE_OK && keep != KEEP_RUNNING) {
            err = keeper_keep(&core->keeper, worker->spec.topology, worker->spec.worker, keep,
                              now_ns);
        }
    } else {
        snprintf(worker->exit, sizeof(worker->exit), "%s", exit);
        gone_add(core, worker, incarnation, exit);
    }
    if (out) {
        *out = worker;
    }
    return err;
}

/* ---- Settling ---------------------------------------------------------------------------------- */

static void keep_in_slot(struct host_core *core, struct host_worker *worker, enum keep keep)
{
    bool changes = worker->slot->keep != keep;
    /* An existing slot needs no memory. */
    enum gale_err err = keeper_keep(&core->keeper, worker->spec.topology, worker->spec.worker,
                                    keep, core->now_ns);
    GALE_ASSERT(err == GALE_OK);
    if (changes && core->ports->keeps) {
        core->ports->keeps(core->ports->self, worker);
    }
}

/* Whether the present process is the wanted one. */
static bool is_held(const struct host_worker *worker)
{
    return worker->held_attempt == worker->spec.attempt &&
           worker->held_epoch == worker->spec.epoch;
}

static void start(struct host_core *core, struct host_worker *worker)
{
    bool ready = core->ports->ready(core->ports->self, worker);
    core->changed = core->changed || worker->fetching != !ready;
    worker->fetching = !ready;
    if (!ready) {
        return;
    }
    if (keeper_keep(&core->keeper, worker->spec.topology, worker->spec.worker, KEEP_RUNNING,
                    core->now_ns) != GALE_OK) {
        core->ports->note(core->ports->self, "no memory for another worker: tried again");
        core->settle = true;
    }
}

/* Brings one worker nearer to what is wanted. */
static void settle_one(struct host_core *core, struct host_worker *worker)
{
    if (worker->slot) {
        bool right = worker->keep != KEEP_NONE && is_held(worker);
        keep_in_slot(core, worker, right ? worker->keep : KEEP_NONE);
    } else if (worker->keep == KEEP_RUNNING && core->now_ns >= core->hold_until_ns) {
        start(core, worker);
    }
}

/* One that ended by itself is not wanted to come back. */
static bool is_over(const struct host_worker *worker)
{
    return !worker->slot && worker->keep != KEEP_RUNNING;
}

static void settle(struct host_core *core)
{
    size_t kept = 0;
    core->settle = false;
    /* Ports look for entries, so none is freed before all are through. */
    for (size_t i = 0; i < core->count; i++) {
        settle_one(core, core->workers[i]);
    }
    for (size_t i = 0; i < core->count; i++) {
        struct host_worker *worker = core->workers[i];
        if (is_over(worker)) {
            worker_free(core, worker);
        } else {
            core->workers[kept++] = worker;
        }
    }
    core->count = kept;
}

void host_core_settle(struct host_core *core)
{
    settle(core);
}

static bool waits(const struct host_worker *worker)
{
    return !worker->slot && worker->keep == KEEP_RUNNING;
}

void host_core_tick(struct host_core *core, int64_t now_ns)
{
    core->now_ns = now_ns;
    keeper_tick(&core->keeper, now_ns);
    bool look = core->settle;
    for (size_t i = 0; i < core->count && !look; i++) {
        look = waits(core->workers[i]);
    }
    if (look) {
        settle(core);
    }
}

int64_t host_core_next_ns(const struct host_core *core)
{
    int64_t next = keeper_next_ns(&core->keeper);
    if (core->settle) {
        return core->now_ns;
    }
    for (size_t i = 0; i < core->count; i++) {
        if (waits(core->workers[i]) && core->hold_until_ns > core->now_ns) {
            next = core->hold_until_ns < next ? core->hold_until_ns : next;
        }
    }
    return next;
}

void host_core_pulse(struct host_core *core, uint64_t topology, uint32_t worker,
                     uint64_t incarnation, int64_t now_ns)
{
    struct host_worker *known = host_core_find(core, topology, worker);
    if (!known || !known->slot) {
        return;
    }
    enum slot_state before = known->slot->slot.state;
    core->now_ns = now_ns;
    keeper_pulse(&core->keeper, topology, worker, incarnation, now_ns);
    core->changed = core->changed || known->slot->slot.state != before;
}

void host_core_exited(struct host_core *core, struct host_worker *worker, const char *text,
                      int64_t now_ns)
{
    GALE_ASSERT(worker->slot);
    core->now_ns = now_ns;
    keeper_exited(&core->keeper, worker->slot, text, now_ns);
    /* One that was left to end has ended: nothing is kept of it. */
    if (worker->slot->keep == KEEP_ENDING) {
        keep_in_slot(core, worker, KEEP_NONE);
    }
}

void host_core_stop(struct host_core *core, int64_t now_ns)
{
    core->now_ns = now_ns;
    core->ending = true;
    for (size_t i = 0; i < core->count; i++) {
        core->workers[i]->keep = KEEP_NONE;
    }
    settle(core);
}

static bool has_process(const struct host_worker *worker)
{
    return worker->slot && (worker->slot->slot.state == SLOT_STARTING ||
                            worker->slot->slot.state == SLOT_RUNNING ||
                            worker->slot->slot.state == SLOT_STOPPING);
}

size_t host_core_processes(const struct host_core *core)
{
    size_t count = 0;
    for (size_t i = 0; i < core->count; i++) {
        count += has_process(core->workers[i]);
    }
    return count;
}

bool host_core_take_changed(struct host_core *core)
{
    bool changed = core->changed;
    core->changed = false;
    return changed;
}

const char *host_worker_state(const struct host_worker *worker)
{
    if (!worker->slot) {
        return worker->keep != KEEP_RUNNING ? NULL : worker->fetching ? "fetching" : "starting";
    }
    return worker->slot->slot.state == SLOT_EMPTY ? NULL
                                                  : slot_state_name(worker->slot->slot.state);
}

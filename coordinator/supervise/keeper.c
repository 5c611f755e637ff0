/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of one supervisor; rules in keeper.h. Nothing here reads a clock or touches a process. */
#include "supervise/keeper.h"

#include "base/assert.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 8u
#define TEXT_SIZE 256

void keeper_init(struct keeper *keeper, const struct keeper_ports *ports,
                 struct slot_limits limits)
{
    *keeper = (struct keeper){.ports = ports, .limits = limits};
}

static void slot_free(struct keeper *keeper, struct keeper_slot *slot)
{
    if (keeper->ports->forgotten) {
        keeper->ports->forgotten(keeper->ports->self, slot);
    }
    free(slot);
}

void keeper_fini(struct keeper *keeper)
{
    while (keeper->count > 0) {
        slot_free(keeper, keeper->slots[--keeper->count]);
    }
    free(keeper->slots);
    memset(keeper, 0, sizeof(*keeper));
}

struct keeper_slot *keeper_find(const struct keeper *keeper, uint64_t topology, uint32_t worker)
{
    for (size_t i = 0; i < keeper->count; i++) {
        struct keeper_slot *slot = keeper->slots[i];
        if (slot->topology == topology && slot->worker == worker) {
            return slot;
        }
    }
    return NULL;
}

size_t keeper_count(const struct keeper *keeper)
{
    return keeper->count;
}

struct keeper_slot *keeper_at(const struct keeper *keeper, size_t index)
{
    GALE_ASSERT(index < keeper->count);
    return keeper->slots[index];
}

/* A new, empty slot. NULL: no memory. */
static struct keeper_slot *slot_make(struct keeper *keeper, uint64_t topology, uint32_t worker)
{
    if (keeper->count == keeper->room) {
        size_t room = keeper->room ? 2 * keeper->room : ROOM_FIRST;
        struct keeper_slot **slots =
            realloc(keeper->slots, room * sizeof(struct keeper_slot *));
        if (!slots) {
            return NULL;
        }
        keeper->slots = slots;
        keeper->room = room;
    }
    struct keeper_slot *slot = calloc(1, sizeof(*slot));
    if (!slot) {
        return NULL;
    }
    slot->topology = topology;
    slot->worker = worker;
    slot_init(&slot->slot);
    keeper->slots[keeper->count++] = slot;
    return slot;
}

/* It is given up by the next tick: nobody wants it and no process is left. */
static bool is_over(const struct keeper_slot *slot)
{
    return slot->keep == KEEP_NONE && slot->slot.state == SLOT_EMPTY;
}

void keeper_exited(struct keeper *keeper, struct keeper_slot *slot, const char *text,
                   int64_t now_ns)
{
    char sentence[TEXT_SIZE];
    snprintf(sentence, sizeof(sentence), "%s%s", slot->killed_silent ? "was silent and " : "",
             text);
    slot->killed_silent = false;
    bool wanted = slot->slot.wanted && slot->slot.state != SLOT_STOPPING;
    (void)slot_exited(&slot->slot, now_ns); /* It never asks for an action. */
    slot->deaths_in_row = wanted ? slot->slot.backoff_step + 1 : 0;
    keeper->forget = keeper->forget || is_over(slot);
    keeper->ports->changed(keeper->ports->self, slot, sentence);
}

static void act(struct keeper *keeper, struct keeper_slot *slot, enum slot_action action,
                int64_t now_ns)
{
    const struct keeper_ports *ports = keeper->ports;
    enum gale_err err;
    switch (action) {
    case SLOT_DO_NOTHING: break;
    case SLOT_DO_SPAWN:
        slot->progress_ns = now_ns;
        err = ports->spawn(ports->self, slot);
        ports->changed(ports->self, slot, NULL);
        if (err != GALE_OK) {
            keeper_exited(keeper, slot, "could not be started", now_ns);
        }
        break;
    case SLOT_DO_TERM: ports->signal(ports->self, slot, SIGTERM); break;
    case SLOT_DO_KILL:
        slot->killed_silent = slot->slot.state != SLOT_STOPPING;
        ports->signal(ports->self, slot, SIGKILL);
        break;
    }
}

enum gale_err keeper_keep(struct keeper *keeper, uint64_t topology, uint32_t worker,
                          enum keep keep, int64_t now_ns)
{
    struct keeper_slot *slot = keeper_find(keeper, topology, worker);
    if (!slot && keep != KEEP_RUNNING) {
        return GALE_OK;
    }
    if (!slot) {
        slot = slot_make(keeper, topology, worker);
    }
    if (!slot) {
        return GALE_ERR_NOMEM;
    }
    slot->keep = keep;
    switch (keep) {
    case KEEP_NONE:
        act(keeper, slot, slot_unwant(&slot->slot, now_ns), now_ns);
        keeper->forget = keeper->forget || is_over(slot);
        break;
    case KEEP_ENDING: slot_leave(&slot->slot, now_ns); break;
    case KEEP_RUNNING: {
        uint64_t incarnation =
            slot->slot.state == SLOT_EMPTY ? keeper->ports->random(keeper->ports->self) : 0;
        act(keeper, slot, slot_want(&slot->slot, incarnation, now_ns), now_ns);
        break;
    }
    }
    return GALE_OK;
}

enum gale_err keeper_adopt(struct keeper *keeper, uint64_t topology, uint32_t worker,
                           uint64_t incarnation, int64_t now_ns, struct keeper_slot **out)
{
    if (keeper_find(keeper, topology, worker)) {
        return GALE_ERR_EXISTS;
    }
    struct keeper_slot *slot = slot_make(keeper, topology, worker);
    if (!slot) {
        return GALE_ERR_NOMEM;
    }
    slot->keep = KEEP_RUNNING;
    slot->progress_ns = now_ns;
    slot_adopt(&slot->slot, incarnation, now_ns);
    *out = slot;
    return GALE_OK;
}

void keeper_pulse(struct keeper *keeper, uint64_t topology, uint32_t worker,
                  uint64_t incarnation, int64_t now_ns)
{
    struct keeper_slot *slot = keeper_find(keeper, topology, worker);
    if (slot && slot->slot.incarnation == incarnation) {
        slot->progress_ns = now_ns;
        slot_beat(&slot->slot, incarnation, now_ns);
    }
}

void keeper_prolong(struct keeper *keeper, uint64_t topology, uint32_t worker, int64_t now_ns)
{
    struct keeper_slot *slot = keeper_find(keeper, topology, worker);
    if (slot) {
        slot_prolong(&slot->slot, now_ns);
    }
}

/* On a machine that is too busy to run a worker, or the thread here that takes in what it says, silence
 * means nothing; but not for ever. */
static void excuse_silence(struct keeper *keeper, struct keeper_slot *slot, int64_t now_ns)
{
    if (slot->slot.state == SLOT_RUNNING &&
        now_ns >= slot_next_ns(&slot->slot, &keeper->limits) &&
        now_ns - slot->progress_ns < KEEPER_STARVE_NS && keeper->ports->may_starve &&
        keeper->ports->may_starve(keeper->ports->self, slot)) {
        slot_beat(&slot->slot, slot->slot.incarnation, now_ns);
    }
}

/* Whoever was paused itself has heard nobody meanwhile, whoever spoke: all of them begin anew. */
static void excuse_all(struct keeper *keeper, int64_t now_ns)
{
    bool away = keeper->ticked && now_ns - keeper->ticked_ns > KEEPER_AWAY_NS;
    for (size_t i = 0; away && i < keeper->count; i++) {
        struct slot *slot = &keeper->slots[i]->slot;
        if (slot->state == SLOT_RUNNING && slot->beat_ns < now_ns) {
            slot_beat(slot, slot->incarnation, now_ns);
        }
    }
    keeper->ticked = true;
    keeper->ticked_ns = now_ns;
}

static void forget(struct keeper *keeper)
{
    size_t kept = 0;
    keeper->forget = false;
    for (size_t i = 0; i < keeper->count; i++) {
        struct keeper_slot *slot = keeper->slots[i];
        if (is_over(slot)) {
            slot_free(keeper, slot);
        } else {
            keeper->slots[kept++] = slot;
        }
    }
    keeper->count = kept;
}

void keeper_tick(struct keeper *keeper, int64_t now_ns)
{
    excuse_all(keeper, now_ns);
    for (size_t i = 0; i < keeper->count; i++) {
        struct keeper_slot *slot = keeper->slots[i];
        uint64_t incarnation =
            slot->slot.state == SLOT_BACKOFF ? keeper->ports->random(keeper->ports->self) : 0;
        excuse_silence(keeper, slot, now_ns);
        act(keeper, slot, slot_tick(&slot->slot, &keeper->limits, incarnation, now_ns), now_ns);
    }
    if (keeper->forget) {
        forget(keeper);
    }
}

int64_t keeper_next_ns(const struct keeper *keeper)
{
    int64_t next = keeper->forget ? 0 : INT64_MAX;
    for (size_t i = 0; i < keeper->count; i++) {
        const struct slot *slot = &keeper->slots[i]->slot;
        int64_t at = slot_next_ns(slot, &keeper->limits);
        int64_t turn = keeper->ticked_ns + KEEPER_TURN_NS;
        at = slot->state == SLOT_RUNNING && keeper->ticked && turn < at ? turn : at;
        next = at < next ? at : next;
    }
    return next;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker processes that one supervisor keeps, of any topologies: what each slot should hold is said
 * by keeper_keep, and the keeper starts, restarts with back-off, kills the silent and ends the unwanted.
 * Pure: processes and signals are behind ports, time is an argument; a slot's states are slot.c's.
 * `gale run`, the supervisor and the simulations use it. It knows no coordinator and goes on without
 * one. One thread.
 *
 * A port may call the keeper again, except keeper_tick and keeper_fini. Slots keep their address until
 * `forgotten`; that happens only in keeper_tick, so that slots may be gone through while they are told
 * what to do.
 */
#ifndef SUPERVISE_KEEPER_H
#define SUPERVISE_KEEPER_H

#include "supervise/supervise.h"

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A process that only seems to wait for a processor is not killed before so long a silence. */
#define KEEPER_STARVE_NS INT64_C(30000000000)
/** So often the time is looked at while processes run: after a longer gap between two ticks the keeper
 *  itself was paused or kept from working, and no silence before counts. */
#define KEEPER_TURN_NS INT64_C(300000000)
#define KEEPER_AWAY_NS INT64_C(500000000)

enum keep {
    KEEP_NONE,   /* SIGTERM now, SIGKILL after the grace; forgotten when it is gone */
    KEEP_ENDING, /* left alone while it ends by itself, not started again; killed when silent */
    KEEP_RUNNING /* a process should be there at all times */
};

struct keeper_slot {
    uint64_t topology;
    uint32_t worker;
    enum keep keep;
    struct slot slot; /* its incarnation: of the present or the last process */
    bool killed_silent;
    uint32_t deaths_in_row; /* of wanted processes, since one had run for a while */
    int64_t progress_ns;    /* last pulse of the present process, or its start */
    void *user;             /* the caller's */
};

struct keeper_ports {
    void *self;
    /** Starts a process with slot->slot.incarnation. An error counts as an exit. */
    enum gale_err (*spawn)(void *self, struct keeper_slot *slot);
    void (*signal)(void *self, struct keeper_slot *slot, int signal);
    /** Whether a silent process may only wait for a processor. NULL: never. */
    bool (*may_starve)(void *self, struct keeper_slot *slot);
    /** A process was started (text NULL, after spawn, whatever that returned), or has ended (text says
     *  how; slot->slot is as it is afterwards). Of each incarnation first the one, then the other. */
    void (*changed)(void *self, struct keeper_slot *slot, const char *text);
    /** The last word about a slot: frees `user`. NULL: nothing to free. */
    void (*forgotten)(void *self, struct keeper_slot *slot);
    uint64_t (*random)(void *self); /* incarnations; never 0 */
};

struct keeper {
    const struct keeper_ports *ports;
    struct slot_limits limits;
    struct keeper_slot **slots;
    size_t count, room;
    bool forget; /* a slot waits to be forgotten */
    bool ticked; /* at ticked_ns, the last time */
    int64_t ticked_ns;
};

void keeper_init(struct keeper *keeper, const struct keeper_ports *ports,
                 struct slot_limits limits);
/** Forgets every slot; processes are left alone. */
void keeper_fini(struct keeper *keeper);
/** Says what a slot should hold from now on. One that is new and RUNNING is made and its process
 *  started at once. GALE_OK for a slot that is not there and should not be; GALE_ERR_NOMEM. */
enum gale_err keeper_keep(struct keeper *keeper, uint64_t topology, uint32_t worker,
                          enum keep keep, int64_t now_ns);
/** Takes in a process that runs already: its slot is RUNNING and `changed` is not called. It gets the
 *  whole time of silence to be heard. GALE_ERR_EXISTS: there is such a slot; GALE_ERR_NOMEM. */
enum gale_err keeper_adopt(struct keeper *keeper, uint64_t topology, uint32_t worker,
                           uint64_t incarnation, int64_t now_ns, struct keeper_slot **out);
/** NULL: none. */
struct keeper_slot *keeper_find(const struct keeper *keeper, uint64_t topology,
                                uint32_t worker);
size_t keeper_count(const struct keeper *keeper);
struct keeper_slot *keeper_at(const struct keeper *keeper, size_t index);
/** A sign of life; of another incarnation or an unknown slot it has no effect. */
void keeper_pulse(struct keeper *keeper, uint64_t topology, uint32_t worker,
                  uint64_t incarnation, int64_t now_ns);
/** The slot's process has ended. The next one is started by keeper_tick. */
void keeper_exited(struct keeper *keeper, struct keeper_slot *slot, const char *text,
                   int64_t now_ns);
/** A process that was told to end is known to be at it: its grace begins anew. */
void keeper_prolong(struct keeper *keeper, uint64_t topology, uint32_t worker, int64_t now_ns);
/** Time passed; call at keeper_next_ns at the latest, after the pulses that have come were handed over. */
void keeper_tick(struct keeper *keeper, int64_t now_ns);
/** INT64_MAX: never. */
int64_t keeper_next_ns(const struct keeper *keeper);

#endif

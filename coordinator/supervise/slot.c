/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a worker's slot: pure decisions, no process is touched here (process.c does).
 *
 *            want                 beat
 *   EMPTY ----------> STARTING ----------> RUNNING
 *     ^ ^                ^  |  \               | \
 *     | |       back-off |  |   \ exit    exit |  \ unwant
 *     | |           over |  |    v             |   \
 *     | |                +--|-- BACKOFF <------+    |
 *     | |                   |    |  ^               |
 *     | +------ unwant -----|----+  | exit, wanted  |
 *     |                     v       | again         |
 *     +---- exit ------- STOPPING --+ <-------------+
 *
 * A process that runs already is adopted: EMPTY -> RUNNING. One that is left to end by itself stays
 * STARTING or RUNNING and goes to EMPTY with its exit. A process that is overdue, silent or past its
 * grace is killed and keeps its state until its exit is seen: a second one never starts while the first
 * may still write. Owner: one thread.
 */
#include "supervise/supervise.h"

#include "base/assert.h"
#include <gale/log.h>
#include <string.h>

#define NS_PER_MS 1000000
#define QUIET_NS (INT64_C(60000) * NS_PER_MS) /* without a failure: the next restarts at once */
#define STEADY_NS (INT64_C(1000) * NS_PER_MS) /* RUNNING for so long: its restart is at once */

#define BIT(state) (1u << (state))

/* Allowed transitions: by old state, the set of new ones. */
static const unsigned allowed[] = {
    [SLOT_EMPTY] = BIT(SLOT_STARTING) | BIT(SLOT_RUNNING),
    [SLOT_STARTING] =
        BIT(SLOT_RUNNING) | BIT(SLOT_STOPPING) | BIT(SLOT_BACKOFF) | BIT(SLOT_EMPTY),
    [SLOT_RUNNING] = BIT(SLOT_STOPPING) | BIT(SLOT_BACKOFF) | BIT(SLOT_EMPTY),
    [SLOT_STOPPING] = BIT(SLOT_EMPTY) | BIT(SLOT_BACKOFF),
    [SLOT_BACKOFF] = BIT(SLOT_STARTING) | BIT(SLOT_EMPTY),
};

const char *slot_state_name(enum slot_state state)
{
    static const char *const names[] = {"empty", "starting", "running", "stopping", "backoff"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

static void state_set(struct slot *slot, enum slot_state state, int64_t now_ns)
{
    GALE_ASSERT(allowed[slot->state] & BIT(state));
    gale_log(GALE_LOG_DEBUG, "slot of incarnation %016llx: %s -> %s",
             (unsigned long long)slot->incarnation, slot_state_name(slot->state),
             slot_state_name(state));
    slot->state = state;
    slot->since_ns = now_ns;
    slot->changes_count++;
}

struct slot_limits slot_limits_default(void)
{
    return (struct slot_limits){.start_ms = 10000,
                                .beat_ms = 1500,
                                .grace_ms = 3000,
                                .backoff_first_ms = 100,
                                .backoff_max_ms = 10000};
}

void slot_init(struct slot *slot)
{
    memset(slot, 0, sizeof *slot);
    slot->state = SLOT_EMPTY;
}

static enum slot_action spawn(struct slot *slot, uint64_t incarnation, int64_t now_ns)
{
    GALE_ASSERT(incarnation != 0);
    slot->incarnation = incarnation;
    slot->kill_sent = false;
    slot->beat_ns = now_ns;
    state_set(slot, SLOT_STARTING, now_ns);
    return SLOT_DO_SPAWN;
}

enum slot_action slot_want(struct slot *slot, uint64_t incarnation, int64_t now_ns)
{
    slot->wanted = true;
    return slot->state == SLOT_EMPTY ? spawn(slot, incarnation, now_ns) : SLOT_DO_NOTHING;
}

enum slot_action slot_unwant(struct slot *slot, int64_t now_ns)
{
    slot->wanted = false;
    switch (slot->state) {
    case SLOT_STARTING:
    case SLOT_RUNNING:
        state_set(slot, SLOT_STOPPING, now_ns);
        return slot->kill_sent ? SLOT_DO_NOTHING : SLOT_DO_TERM;
    case SLOT_BACKOFF: state_set(slot, SLOT_EMPTY, now_ns); return SLOT_DO_NOTHING;
    case SLOT_EMPTY:
    case SLOT_STOPPING: return SLOT_DO_NOTHING;
    }
    return SLOT_DO_NOTHING;
}

void slot_leave(struct slot *slot, int64_t now_ns)
{
    slot->wanted = false;
    if (slot->state == SLOT_BACKOFF) {
        state_set(slot, SLOT_EMPTY, now_ns);
    }
}

void slot_adopt(struct slot *slot, uint64_t incarnation, int64_t now_ns)
{
    GALE_ASSERT(incarnation != 0);
    slot->incarnation = incarnation;
    slot->wanted = true;
    slot->kill_sent = false;
    slot->beat_ns = now_ns;
    state_set(slot, SLOT_RUNNING, now_ns);
}

void slot_beat(struct slot *slot, uint64_t incarnation, int64_t now_ns)
{
    bool alive = slot->state == SLOT_STARTING || slot->state == SLOT_RUNNING ||
                 slot->state == SLOT_STOPPING;
    if (!alive || incarnation != slot->incarnation || slot->kill_sent) {
        return;
    }
    slot->beat_ns = now_ns;
    if (slot->state == SLOT_STARTING) {
        state_set(slot, SLOT_RUNNING, now_ns);
    }
}

void slot_prolong(struct slot *slot, int64_t now_ns)
{
    if (slot->state == SLOT_STOPPING && !slot->kill_sent) {
        slot->since_ns = now_ns;
    }
}

/* Counts a failure and chooses the step of the delay before the next start. */
static void failure_note(struct slot *slot, int64_t now_ns)
{
    bool quiet = slot->restarts_count == 0 || now_ns - slot->failed_ns >= QUIET_NS;
    bool steady = slot->state == SLOT_RUNNING && now_ns - slot->since_ns >= STEADY_NS;
    slot->backoff_step = quiet || steady ? 0 : slot->backoff_step + 1;
    slot->restarts_count++;
    slot->failed_ns = now_ns;
}

enum slot_action slot_exited(struct slot *slot, int64_t now_ns)
{
    switch (slot->state) {
    case SLOT_STARTING:
    case SLOT_RUNNING:
        if (!slot->wanted) {
            state_set(slot, SLOT_EMPTY, now_ns);
            break;
        }
        failure_note(slot, now_ns);
        state_set(slot, SLOT_BACKOFF, now_ns);
        break;
    case SLOT_STOPPING:
        if (slot->wanted) {
            slot->backoff_step = 0;
        }
        state_set(slot, slot->wanted ? SLOT_BACKOFF : SLOT_EMPTY, now_ns);
        break;
    case SLOT_EMPTY:
    case SLOT_BACKOFF: break;
    }
    return SLOT_DO_NOTHING;
}

static int64_t backoff_ms(const struct slot *slot, const struct slot_limits *limits)
{
    if (slot->backoff_step == 0) {
        return 0;
    }
    int64_t delay_ms = limits->backoff_first_ms;
    for (uint32_t i = 1; i < slot->backoff_step && delay_ms < limits->backoff_max_ms; i++) {
        delay_ms = delay_ms ? delay_ms * 2 : limits->backoff_max_ms;
    }
    return delay_ms < limits->backoff_max_ms ? delay_ms : limits->backoff_max_ms;
}

static int64_t later(int64_t from_ns, int64_t delay_ms)
{
    int64_t delay_ns, at_ns;
    if (__builtin_mul_overflow(delay_ms, (int64_t)NS_PER_MS, &delay_ns) ||
        __builtin_add_overflow(from_ns, delay_ns, &at_ns)) {
        return INT64_MAX;
    }
    return at_ns;
}

int64_t slot_next_ns(const struct slot *slot, const struct slot_limits *limits)
{
    if (slot->state == SLOT_BACKOFF) {
        return later(slot->since_ns, backoff_ms(slot, limits));
    }
    if (slot->kill_sent) {
        return INT64_MAX;
    }
    switch (slot->state) {
    case SLOT_STARTING: return later(slot->since_ns, limits->start_ms);
    case SLOT_RUNNING: return later(slot->beat_ns, limits->beat_ms);
    case SLOT_STOPPING: return later(slot->since_ns, limits->grace_ms);
    case SLOT_EMPTY:
    case SLOT_BACKOFF: break;
    }
    return INT64_MAX;
}

enum slot_action slot_tick(struct slot *slot, const struct slot_limits *limits,
                           uint64_t next_incarnation, int64_t now_ns)
{
    if (now_ns < slot_next_ns(slot, limits)) {
        return SLOT_DO_NOTHING;
    }
    switch (slot->state) {
    case SLOT_BACKOFF: return spawn(slot, next_incarnation, now_ns);
    case SLOT_STARTING:
    case SLOT_RUNNING:
    case SLOT_STOPPING: slot->kill_sent = true; return SLOT_DO_KILL;
    case SLOT_EMPTY: break;
    }
    return SLOT_DO_NOTHING;
}

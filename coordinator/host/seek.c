/* SPDX-License-Identifier: Apache-2.0 */
/* The search for the leader; rules in seek.h. Nothing here waits or reads a clock. */
#include "host/seek.h"

#include "base/assert.h"
#include "base/str.h"

#include <string.h>

#define NEVER INT64_MIN

void seek_init(struct seek *seek, int64_t now_ns)
{
    *seek = (struct seek){
        .leader = -1, .since_ns = now_ns, .look_at_ns = now_ns, .look_pause_ns = SEEK_LOOK_NS};
}

static int index_of(const struct seek *seek, const char *address)
{
    for (size_t i = 0; i < seek->list.count; i++) {
        if (strcmp(seek->list.at[i], address) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The one that was asked longest ago, the leader excepted, gives its place away. */
static size_t place_of_oldest(const struct seek *seek)
{
    size_t oldest = seek->leader == 0 ? 1 : 0;
    for (size_t i = 0; i < seek->list.count; i++) {
        if ((int)i != seek->leader && seek->peers[i].asked_ns < seek->peers[oldest].asked_ns) {
            oldest = i;
        }
    }
    return oldest;
}

int seek_add(struct seek *seek, const char *address)
{
    int index = index_of(seek, address);
    if (index >= 0) {
        return index;
    }
    size_t at = seek->list.count;
    if (at == FINDER_ADDRESSES_MAX) {
        struct finder_list probe = {.count = 0};
        if (!finder_add(&probe, address)) {
            return -1;
        }
        at = place_of_oldest(seek);
        (void)str_copy(seek->list.at[at], sizeof(seek->list.at[at]), address);
    } else if (!finder_add(&seek->list, address)) {
        return -1;
    }
    seek->peers[at] = (struct seek_peer){.waiting = SEEK_NOTHING, .asked_ns = NEVER};
    return (int)at;
}

void seek_hurry(struct seek *seek)
{
    seek->hurry = true;
}

static int64_t after(int64_t from_ns, int64_t delay_ns)
{
    return from_ns == NEVER ? NEVER : from_ns + delay_ns;
}

/* When this one is to be asked next, and what. */
static int64_t due_ns(const struct seek *seek, size_t peer, enum seek_ask *ask)
{
    const struct seek_peer *one = &seek->peers[peer];
    bool leads = seek->leader == (int)peer;
    *ask = leads ? SEEK_HOST : SEEK_WHO;
    if (one->waiting != SEEK_NOTHING) {
        return INT64_MAX;
    }
    if (leads) {
        return after(one->asked_ns, seek->hurry ? SEEK_HURRY_NS : SEEK_REPORT_NS);
    }
    return after(one->asked_ns, seek->leader >= 0 ? SEEK_OTHERS_NS : SEEK_SEARCH_NS);
}

static void leader_gone(struct seek *seek, int64_t now_ns)
{
    seek->leader = -1;
    seek->since_ns = now_ns;
    seek->look_at_ns = now_ns + SEEK_LOOK_NS;
    seek->look_pause_ns = SEEK_LOOK_NS;
}

enum seek_ask seek_next(struct seek *seek, int64_t now_ns, size_t *peer)
{
    enum seek_ask ask;
    if (seek->leader >= 0 && seek->peers[seek->leader].waiting == SEEK_HOST &&
        now_ns - seek->peers[seek->leader].asked_ns >= SEEK_PATIENCE_NS) {
        leader_gone(seek, now_ns);
    }
    for (size_t i = 0; i < seek->list.count; i++) {
        if (due_ns(seek, i, &ask) <= now_ns) {
            seek->peers[i] = (struct seek_peer){.waiting = ask, .asked_ns = now_ns};
            seek->hurry = seek->hurry && ask != SEEK_HOST;
            *peer = i;
            return ask;
        }
    }
    return SEEK_NOTHING;
}

void seek_failed(struct seek *seek, size_t peer)
{
    seek->peers[peer].waiting = SEEK_NOTHING;
}

bool seek_expired(struct seek *seek, int64_t now_ns, size_t *peer)
{
    for (size_t i = 0; i < seek->list.count; i++) {
        if (seek->peers[i].waiting != SEEK_NOTHING &&
            now_ns - seek->peers[i].asked_ns >= SEEK_GIVE_UP_NS) {
            seek->peers[i].waiting = SEEK_NOTHING;
            *peer = i;
            return true;
        }
    }
    return false;
}

/* From now on this one is asked for what is wanted, at once. */
static void follow(struct seek *seek, size_t peer)
{
    if (seek->leader != (int)peer) {
        seek->leader = (int)peer;
        seek->hurry = true;
    }
}

void seek_who(struct seek *seek, size_t peer, bool leads, uint64_t epoch, const char *leader,
              int64_t now_ns)
{
    GALE_ASSERT(peer < seek->list.count);
    seek->peers[peer].waiting = SEEK_NOTHING;
    (void)now_ns;
    if (leads && epoch >= seek->epoch && (seek->leader < 0 || epoch > seek->epoch)) {
        follow(seek, peer);
    } else if (!leads && leader && seek->leader < 0) {
        (void)seek_add(seek, leader);
    }
}

void seek_obeyed(struct seek *seek, size_t peer, uint64_t epoch, int64_t now_ns)
{
    seek->peers[peer].waiting = SEEK_NOTHING;
    seek->epoch = epoch;
    seek->leader = (int)peer;
    seek->since_ns = now_ns;
}

void seek_refused(struct seek *seek, size_t peer, const char *leader, int64_t now_ns)
{
    seek->peers[peer].waiting = SEEK_NOTHING;
    if (seek->leader == (int)peer) {
        leader_gone(seek, now_ns);
    }
    int other = leader ? seek_add(seek, leader) : -1;
    /* Two that name each other are asked in turn, not in a ring without a pause. */
    if (other >= 0 && other != (int)peer && seek->leader < 0 &&
        after(seek->peers[other].asked_ns, SEEK_SEARCH_NS) <= now_ns &&
        seek->peers[other].waiting == SEEK_NOTHING) {
        follow(seek, (size_t)other);
    }
}

bool seek_wants_look(struct seek *seek, int64_t now_ns)
{
    if (seek->leader >= 0 || now_ns < seek->look_at_ns) {
        return false;
    }
    seek->look_at_ns = now_ns + seek->look_pause_ns;
    seek->look_pause_ns =
        seek->look_pause_ns * 2 < SEEK_LOOK_MAX_NS ? seek->look_pause_ns * 2 : SEEK_LOOK_MAX_NS;
    return true;
}

int64_t seek_next_ns(const struct seek *seek)
{
    int64_t next = seek->leader < 0 ? seek->look_at_ns : INT64_MAX;
    for (size_t i = 0; i < seek->list.count; i++) {
        enum seek_ask ask;
        bool waits = seek->peers[i].waiting != SEEK_NOTHING;
        int64_t at = waits ? seek->peers[i].asked_ns +
                                 (seek->leader == (int)i ? SEEK_PATIENCE_NS : SEEK_GIVE_UP_NS)
                           : due_ns(seek, i, &ask);
        next = at < next ? at : next;
    }
    return next;
}

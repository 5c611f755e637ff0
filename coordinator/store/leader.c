/* SPDX-License-Identifier: Apache-2.0 */
/* Leader election; the recipe is in leader.h. No clock and no I/O but the store's. */
#include "store/leader.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCE_DIGITS 10

static const bool allowed[5][5] = {
    [LEADER_OUT] = {[LEADER_WAITING] = true},
    [LEADER_WAITING] = {[LEADER_OUT] = true, [LEADER_LEADING] = true},
    [LEADER_LEADING] = {[LEADER_OUT] = true, [LEADER_SUSPENDED] = true, [LEADER_LOST] = true},
    [LEADER_SUSPENDED] = {[LEADER_OUT] = true, [LEADER_LEADING] = true, [LEADER_LOST] = true},
    [LEADER_LOST] = {[LEADER_OUT] = true},
};

const char *leader_state_name(enum leader_state state)
{
    static const char *const names[] = {"out", "waiting", "leading", "suspended", "lost"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

static void state_set(struct leader *leader, enum leader_state state)
{
    GALE_ASSERT(allowed[leader->state][state]);
    leader->state = state;
    leader->changes_count++;
}

static void on_change(void *argument, const char *path)
{
    struct leader *leader = argument;
    (void)path;
    leader->watched[0] = '\0';
    leader->look = true;
}

/* ---- Candidates ------------------------------------------------------------------------------ */

/* The number at the end of a candidate's name; false when it is none. */
static bool sequence_of(const char *name, uint32_t *sequence)
{
    const char *dash = strrchr(name, '-');
    /* The servers print it by "%010d", and after 2^31 candidates it is negative. */
    bool negative = dash && dash > name && dash[-1] == '-';
    size_t digits = dash ? strspn(dash + 1, "0123456789") : 0;
    if (!dash || dash[1 + digits] != '\0' || digits > SEQUENCE_DIGITS ||
        digits + negative < SEQUENCE_DIGITS) {
        return false;
    }
    uint32_t number = (uint32_t)strtoul(dash + 1, NULL, 10);
    *sequence = negative ? 0u - number : number;
    return true;
}

/* True when a was numbered before b, wherever the counter wrapped around. */
static bool is_before(uint32_t a, uint32_t b)
{
    return a != b && b - a < UINT32_C(1) << 31;
}

static bool candidate_path(const struct leader *leader, const char *name,
                           char path[STORE_PATH_SIZE])
{
    int length = snprintf(path, STORE_PATH_SIZE, "%s/%s", leader->folder, name);
    return length > 0 && length < STORE_PATH_SIZE;
}

/* Whether the own candidate is there, and the one right before it (empty: it is the first). */
static enum gale_err candidates_read(struct leader *leader, bool *there,
                                     char before[STORE_NAME_SIZE])
{
    struct buf names;
    uint32_t own = 0, best = 0, sequence;
    *there = false;
    before[0] = '\0';
    buf_init(&names, 0);
    enum gale_err err = leader->store->ops->children(leader->store, leader->folder, &names);
    bool good = sequence_of(leader->name, &own);
    for (size_t at = 0; !err && good && at < names.size;) {
        const char *name = (const char *)names.data + at;
        at += strlen(name) + 1;
        if (strcmp(name, leader->name) == 0) {
            *there = true;
        } else if (sequence_of(name, &sequence) && is_before(sequence, own) &&
                   (!before[0] || is_before(best, sequence))) {
            best = sequence;
            snprintf(before, STORE_NAME_SIZE, "%s", name);
        }
    }
    buf_fini(&names);
    return err;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static enum gale_err epoch_version(struct leader *leader, int64_t *version)
{
    struct store *store = leader->store;
    struct buf value;
    buf_init(&value, 0);
    enum gale_err err = store->ops->get(store, leader->epoch_path, &value, version);
    if (err == GALE_ERR_NOT_FOUND) {
        err = store->ops->create(store, leader->epoch_path, "", 0);
        err = err == GALE_ERR_EXISTS ? GALE_OK : err;
        err = err ? err : store->ops->get(store, leader->epoch_path, &value, version);
    }
    buf_fini(&value);
    return err;
}

/* The first of the candidates raises the epoch, if it is still one. */
static enum gale_err epoch_raise(struct leader *leader)
{
    char path[STORE_PATH_SIZE], text[24];
    int64_t version = 0;
    size_t failed = 0;
    enum gale_err err = epoch_version(leader, &version);
    if (err || !candidate_path(leader, leader->name, path)) {
        return err ? err : GALE_ERR_INVALID;
    }
    int size = snprintf(text, sizeof text, "%lld", (long long)version + 1);
    const struct store_op ops[] = {
        {STORE_OP_CHECK, path, NULL, 0, STORE_ANY_VERSION},
        {STORE_OP_SET, leader->epoch_path, text, (size_t)size, version},
    };
    err = leader->store->ops->multi(leader->store, ops, 2, &failed);
    if (err == GALE_ERR_NOT_FOUND && failed == 0) {
        state_set(leader, LEADER_OUT);
        return GALE_OK;
    }
    if (err == GALE_OK) {
        leader->epoch = version + 1;
        state_set(leader, LEADER_LEADING);
    }
    return err;
}

/* Leads when it is the first, else waits for the one before it. */
static enum gale_err look(struct leader *leader)
{
    char before[STORE_NAME_SIZE], path[STORE_PATH_SIZE];
    struct store *store = leader->store;
    bool there;
    enum gale_err err = candidates_read(leader, &there, before);
    if (err || !there) {
        if (!err) {
            state_set(leader, LEADER_OUT);
        }
        return err;
    }
    if (!before[0]) {
        return epoch_raise(leader);
    }
    if (strcmp(before, leader->watched) == 0) {
        return GALE_OK;
    }
    if (!candidate_path(leader, before, path)) {
        return GALE_ERR_INVALID;
    }
    err = store->ops->watch(store, path, on_change, leader);
    if (err) {
        return err;
    }
    snprintf(leader->watched, sizeof leader->watched, "%s", before);
    /* It may have gone before the watch was there. */
    struct buf value;
    buf_init(&value, 0);
    err = store->ops->get(store, path, &value, NULL);
    buf_fini(&value);
    return err == GALE_ERR_NOT_FOUND ? GALE_ERR_AGAIN : err;
}

static enum gale_err look_again(struct leader *leader)
{
    leader->look = false;
    enum gale_err err = look(leader);
    if (err) {
        leader->look = true;
    }
    return err == GALE_ERR_AGAIN ? GALE_OK : err;
}

static enum gale_err enlist(struct leader *leader, uint64_t generation)
{
    struct store *store = leader->store;
    struct store_session session;
    enum gale_err err = store->ops->enlist(store, leader->folder, leader->guid, leader->value,
                                           leader->value_size, leader->name);
    if (err) {
        return err;
    }
    store->ops->session(store, &session);
    if (session.generation != generation) {
        return GALE_OK; /* The session went meanwhile; the next step enlists in the new one. */
    }
    leader->generation = generation;
    leader->watched[0] = '\0';
    state_set(leader, LEADER_WAITING);
    return look_again(leader);
}

/* Back in touch in the same session: nobody can have taken over, unless the record was removed. */
static enum gale_err resume(struct leader *leader)
{
    int64_t version;
    enum gale_err err = epoch_version(leader, &version);
    if (!err) {
        state_set(leader, version == leader->epoch ? LEADER_LEADING : LEADER_LOST);
    }
    return err;
}

enum gale_err leader_step(struct leader *leader, int64_t now_ns)
{
    struct store_session session;
    leader->store->ops->session(leader->store, &session);
    enum store_link link = store_session_link(&session, now_ns);
    bool gone = session.generation != leader->generation || link == STORE_LOST;
    switch (leader->state) {
    case LEADER_OUT:
        return link == STORE_CONNECTED ? enlist(leader, session.generation) : GALE_OK;
    case LEADER_WAITING:
        if (session.generation != leader->generation) {
            state_set(leader, LEADER_OUT);
            return GALE_OK;
        }
        return link == STORE_CONNECTED && leader->look ? look_again(leader) : GALE_OK;
    case LEADER_LEADING:
        if (gone || link == STORE_SUSPENDED) {
            state_set(leader, gone ? LEADER_LOST : LEADER_SUSPENDED);
        }
        return GALE_OK;
    case LEADER_SUSPENDED:
        if (gone) {
            state_set(leader, LEADER_LOST);
            return GALE_OK;
        }
        return link == STORE_CONNECTED ? resume(leader) : GALE_OK;
    case LEADER_LOST: return GALE_OK;
    }
    return GALE_OK;
}

bool leader_may_issue(const struct leader *leader, int64_t now_ns)
{
    struct store_session session;
    leader->store->ops->session(leader->store, &session);
    return leader->state == LEADER_LEADING && session.generation == leader->generation &&
           store_session_link(&session, now_ns) == STORE_CONNECTED;
}

enum gale_err leader_write(struct leader *leader, int64_t now_ns, const struct store_op *ops,
                           size_t ops_count, size_t *failed)
{
    struct store_op fenced[STORE_OPS_MAX];
    size_t refused = 0;
    if (!leader_may_issue(leader, now_ns)) {
        return GALE_ERR_STATE;
    }
    if (ops_count >= STORE_OPS_MAX) {
        return GALE_ERR_LIMIT;
    }
    fenced[0] = (struct store_op){STORE_OP_CHECK, leader->epoch_path, NULL, 0, leader->epoch};
    memcpy(fenced + 1, ops, ops_count * sizeof *ops);
    enum gale_err err =
        leader->store->ops->multi(leader->store, fenced, ops_count + 1, &refused);
    if (err == GALE_ERR_STALE && refused == 0) {
        state_set(leader, LEADER_LOST);
    }
    if (failed) {
        *failed = refused > 0 ? refused - 1 : 0;
    }
    return err;
}

void leader_again(struct leader *leader)
{
    GALE_ASSERT(leader->state == LEADER_LOST);
    state_set(leader, LEADER_OUT);
}

enum gale_err leader_resign(struct leader *leader)
{
    char path[STORE_PATH_SIZE];
    if (leader->state == LEADER_OUT) {
        return GALE_OK;
    }
    state_set(leader, LEADER_OUT);
    if (!candidate_path(leader, leader->name, path)) {
        return GALE_ERR_INVALID;
    }
    enum gale_err err = leader->store->ops->remove(leader->store, path, STORE_ANY_VERSION);
    return err == GALE_ERR_NOT_FOUND ? GALE_OK : err;
}

enum gale_err leader_init(struct leader *leader, struct store *store, const char *folder,
                          const char *epoch_path, const void *value, size_t value_size,
                          struct rng *rng)
{
    *leader = (struct leader){.store = store, .state = LEADER_OUT, .look = true};
    if (!store_path_ok(folder) || !store_path_ok(epoch_path) || folder[1] == '\0' ||
        epoch_path[1] == '\0') {
        return GALE_ERR_INVALID;
    }
    if (value_size > LEADER_VALUE_MAX) {
        return GALE_ERR_LIMIT;
    }
    snprintf(leader->folder, sizeof leader->folder, "%s", folder);
    snprintf(leader->epoch_path, sizeof leader->epoch_path, "%s", epoch_path);
    unsigned long long high = rng_next(rng), low = rng_next(rng);
    snprintf(leader->guid, sizeof leader->guid, "%016llx%016llx", high, low);
    if (value_size) {
        memcpy(leader->value, value, value_size);
    }
    leader->value_size = value_size;
    return GALE_OK;
}

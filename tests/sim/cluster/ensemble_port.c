/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store port of a coordinator's process, in front of the simulated servers: what a client library
 * and store_zookeeper make of lost requests and answers. A call that gets no answer stalls its
 * process; the world lets that time pass afterwards.
 */
#include "base/assert.h"
#include "ensemble_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STALL_MIN_NS INT64_C(20000000)
#define STALL_RANGE_MS 400u
#define SILENCE_NS INT64_C(500000000) /* until a broken connection is noticed */
#define BACKSTOP_NS INT64_C(5000000000)

static struct ensemble_client *self_of(struct store *store)
{
    return (struct ensemble_client *)store;
}

static bool reaches(struct ensemble_client *client, bool answer)
{
    const struct ensemble_ports *ports = client->ensemble->ports;
    return client->ensemble->up && ports->reaches(ports->self, client->index, answer);
}

static void stall(struct ensemble_client *client)
{
    client->stalled_ns +=
        STALL_MIN_NS + (int64_t)rng_below(&client->ensemble->rng, STALL_RANGE_MS) * 1000000;
}

static void session_renew(struct ensemble_client *client)
{
    client->session = ensemble_session_new(client->ensemble);
    client->generation++;
    for (uint32_t i = 0; i < ENSEMBLE_WATCHES_MAX; i++) {
        client->watches[i].due = client->watches[i].path[0] != '\0';
    }
}

/* A request of this process is with the servers now. */
static void heard(struct ensemble_client *client)
{
    if (!ensemble_session_hear(client->ensemble, client->session)) {
        session_renew(client);
    }
}

static void answered(struct ensemble_client *client)
{
    client->contact_ns = ensemble_now(client->ensemble);
    client->connected = true;
}

static bool read_works(struct ensemble_client *client)
{
    if (!reaches(client, false) || !reaches(client, true)) {
        stall(client);
        return false;
    }
    heard(client);
    answered(client);
    return true;
}

/* ---- Writes ---------------------------------------------------------------------------------- */

/* The answer is lost: the write may have been applied, or not, or will be. */
static enum gale_err write_unknown(struct ensemble_client *client, const struct store_op *ops,
                                   size_t count, uint64_t session, size_t *failed)
{
    struct ensemble *ensemble = client->ensemble;
    uint32_t fate = rng_below(&ensemble->rng, 3);
    bool again = reaches(client, true); /* Another connection gets through at once. */
    enum gale_err err = GALE_OK;
    ensemble->unknown_count++;
    if (fate == 0) {
        err = ensemble_apply(ensemble, client->index, ops, count, session, failed);
    } else if (fate == 1 && !client->held.waiting && !(again && ensemble->options.look_up)) {
        ensemble_hold(client, ops, count, session);
    }
    if (!again) {
        stall(client);
        return GALE_ERR_UNKNOWN;
    }
    answered(client);
    if (fate == 0 && ensemble->options.look_up) {
        return err;
    }
    return ensemble_apply(ensemble, client->index, ops, count, session, failed);
}

static enum gale_err write_all(struct ensemble_client *client, const struct store_op *ops,
                               size_t count, bool ephemeral, size_t *failed)
{
    struct ensemble *ensemble = client->ensemble;
    *failed = 0;
    ensemble->ports->issued(ensemble->ports->self, client->index, ops, count);
    uint64_t session = ephemeral ? client->session : 0;
    if (!reaches(client, false)) {
        stall(client);
        if (!client->connected) {
            return GALE_ERR_TIMEOUT;
        }
        /* It left before the cut was noticed, and lies somewhere on the way. */
        ensemble->unknown_count++;
        if (!client->held.waiting && ensemble_chance(ensemble, 700)) {
            ensemble_hold(client, ops, count, session);
        }
        return GALE_ERR_UNKNOWN;
    }
    heard(client);
    if (ensemble->options.look_up) {
        ensemble_held_drop(&client->held);
    }
    session = ephemeral ? client->session : 0; /* Perhaps another one now. */
    if (!reaches(client, true) || ensemble->ports->loses(ensemble->ports->self)) {
        return write_unknown(client, ops, count, session, failed);
    }
    answered(client);
    return ensemble_apply(ensemble, client->index, ops, count, session, failed);
}

static enum gale_err port_multi(struct store *store, const struct store_op *ops, size_t count,
                                size_t *failed)
{
    size_t refused = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        GALE_ASSERT(store_path_ok(ops[i].path) && ops[i].size <= STORE_VALUE_MAX);
        bytes += ops[i].size;
    }
    if (count > STORE_OPS_MAX || bytes > STORE_MULTI_MAX) {
        return GALE_ERR_LIMIT;
    }
    return write_all(self_of(store), ops, count, false, failed ? failed : &refused);
}

static enum gale_err port_create(struct store *store, const char *path, const void *value,
                                 size_t size)
{
    const struct store_op op = {STORE_OP_CREATE, path, value, size, STORE_ANY_VERSION};
    return port_multi(store, &op, 1, NULL);
}

static enum gale_err port_set(struct store *store, const char *path, const void *value,
                              size_t size, int64_t version, int64_t *new_version)
{
    const struct store_op op = {STORE_OP_SET, path, value, size, version};
    enum gale_err err = port_multi(store, &op, 1, NULL);
    if (err == GALE_OK && new_version) {
        *new_version = ensemble_version(self_of(store)->ensemble, path);
    }
    return err;
}

static enum gale_err port_remove(struct store *store, const char *path, int64_t version)
{
    const struct store_op op = {STORE_OP_DELETE, path, NULL, 0, version};
    return port_multi(store, &op, 1, NULL);
}

/* ---- Reads ----------------------------------------------------------------------------------- */

static enum gale_err port_get(struct store *store, const char *path, struct buf *out,
                              int64_t *version)
{
    struct ensemble_client *client = self_of(store);
    buf_clear(out);
    if (!read_works(client)) {
        return GALE_ERR_TIMEOUT;
    }
    const struct ensemble_record *record = ensemble_find(client->ensemble, path);
    if (record && version) {
        *version = record->version;
    }
    if (record && record->value.size) {
        return buf_append(out, record->value.data, record->value.size);
    }
    return record || path[1] == '\0' ? GALE_OK : GALE_ERR_NOT_FOUND;
}

static int names_compare(const void *a, const void *b)
{
    const char *const *first = a;
    const char *const *second = b;
    return strcmp(*first, *second);
}

static enum gale_err port_children(struct store *store, const char *path, struct buf *out)
{
    struct ensemble_client *client = self_of(store);
    const struct ensemble *ensemble = client->ensemble;
    const char *names[ENSEMBLE_RECORDS_MAX];
    size_t count = 0, size = path[1] == '\0' ? 0 : strlen(path);
    enum gale_err err = GALE_OK;
    buf_clear(out);
    if (!read_works(client)) {
        return GALE_ERR_TIMEOUT;
    }
    if (size && !ensemble_find(ensemble, path)) {
        return GALE_ERR_NOT_FOUND;
    }
    for (uint32_t i = 0; i < ensemble->records_used; i++) {
        const char *name = ensemble->records[i].path;
        if (strncmp(name, path, size) == 0 && name[size] == '/' &&
            !strchr(name + size + 1, '/')) {
            names[count++] = name + size + 1;
        }
    }
    qsort(names, count, sizeof(*names), names_compare);
    for (size_t i = 0; i < count && !err; i++) {
        err = buf_append(out, names[i], strlen(names[i]) + 1);
    }
    return err;
}

static enum gale_err port_watch(struct store *store, const char *path,
                                void (*fn)(void *argument, const char *path), void *argument)
{
    struct ensemble_client *client = self_of(store);
    struct ensemble_watch *watch = client->watches;
    while (watch->path[0] && !(watch->fn == fn && watch->argument == argument &&
                               strcmp(watch->path, path) == 0)) {
        watch++;
        GALE_ASSERT(watch < client->watches + ENSEMBLE_WATCHES_MAX);
    }
    watch->fn = fn;
    watch->argument = argument;
    snprintf(watch->path, sizeof(watch->path), "%s", path);
    return read_works(client) ? GALE_OK : GALE_ERR_TIMEOUT;
}

/* ---- The session ----------------------------------------------------------------------------- */

static void port_poll(struct store *store)
{
    struct ensemble_client *client = self_of(store);
    int64_t now_ns = ensemble_now(client->ensemble);
    if (reaches(client, false)) {
        if (reaches(client, true)) {
            heard(client);
            answered(client);
        } else {
            (void)ensemble_session_hear(client->ensemble, client->session);
        }
    }
    client->connected = client->connected && now_ns - client->contact_ns < SILENCE_NS;
    bool backstop = now_ns >= client->backstop_ns;
    client->backstop_ns = backstop ? now_ns + BACKSTOP_NS : client->backstop_ns;
    for (uint32_t i = 0; i < ENSEMBLE_WATCHES_MAX; i++) {
        struct ensemble_watch watch = client->watches[i];
        if (watch.path[0] && (watch.due || backstop) && client->connected) {
            client->watches[i] = (struct ensemble_watch){.due = false};
            watch.fn(watch.argument, watch.path);
        }
    }
}

/* One of the folder's children is this session's, with this GUID. */
static bool enlisted(const struct ensemble_client *client, const char *folder, const char *guid,
                     char name[STORE_NAME_SIZE])
{
    char prefix[ENSEMBLE_PATH_SIZE];
    const struct ensemble *ensemble = client->ensemble;
    int size = snprintf(prefix, sizeof(prefix), "%s/%s-", folder, guid);
    bool found = false;
    for (uint32_t i = 0; i < ensemble->records_used; i++) {
        const struct ensemble_record *record = &ensemble->records[i];
        if (strncmp(record->path, prefix, (size_t)size) == 0 &&
            record->session == client->session) {
            /* The last one: what the servers answer to the create that made it. */
            snprintf(name, STORE_NAME_SIZE, "%s", record->path + strlen(folder) + 1);
            found = true;
        }
    }
    return found;
}

static enum gale_err port_enlist(struct store *store, const char *folder, const char *guid,
                                 const void *value, size_t size, char name[STORE_NAME_SIZE])
{
    struct ensemble_client *client = self_of(store);
    char path[ENSEMBLE_PATH_SIZE];
    size_t failed;
    int length = snprintf(path, sizeof(path), "%s/%s", folder, guid);
    GALE_ASSERT(length > 0 && length < (int)sizeof(path));
    const struct store_op op = {STORE_OP_CREATE, path, value, size, ENSEMBLE_NUMBERED};
    if (client->ensemble->options.look_up) {
        if (!read_works(client)) {
            return GALE_ERR_TIMEOUT;
        }
        if (enlisted(client, folder, guid, name)) {
            return GALE_OK;
        }
    }
    enum gale_err err = write_all(client, &op, 1, true, &failed);
    if (err == GALE_OK) {
        GALE_ASSERT(enlisted(client, folder, guid, name));
    }
    return err;
}

static enum gale_err port_join(struct store *store, const char *path, const void *value,
                               size_t size)
{
    struct ensemble_client *client = self_of(store);
    const struct store_op op = {STORE_OP_CREATE, path, value, size, STORE_ANY_VERSION};
    size_t failed;
    return write_all(client, &op, 1, true, &failed);
}

static void port_session(struct store *store, struct store_session *out)
{
    struct ensemble_client *client = self_of(store);
    bool own_timer = client->ensemble->options.own_timer;
    *out = (struct store_session){.generation = client->generation,
                                  .connected = own_timer ? client->connected : true,
                                  .contact_ns = own_timer ? client->contact_ns
                                                          : ensemble_now(client->ensemble),
                                  .timeout_ns = ENSEMBLE_SESSION_NS};
}

static int port_fd(struct store *store)
{
    (void)store;
    return -1;
}

static void port_close(struct store *store)
{
    struct ensemble_client *client = self_of(store);
    if (client->open && client->session && reaches(client, false)) {
        ensemble_session_end(client->ensemble, client->session);
    }
    ensemble_crash(client->ensemble, client->index);
}

static const struct store_ops port_ops = {.close = port_close,
                                          .create = port_create,
                                          .get = port_get,
                                          .set = port_set,
                                          .remove = port_remove,
                                          .children = port_children,
                                          .multi = port_multi,
                                          .watch = port_watch,
                                          .poll = port_poll,
                                          .join = port_join,
                                          .enlist = port_enlist,
                                          .session = port_session,
                                          .fd = port_fd};

struct store *ensemble_open(struct ensemble *ensemble, uint32_t index)
{
    struct ensemble_client *client = &ensemble->clients[index];
    GALE_ASSERT(!client->open);
    client->base.ops = &port_ops;
    client->ensemble = ensemble;
    client->index = index;
    client->open = true;
    client->connected = false;
    client->contact_ns = ensemble_now(ensemble) - ENSEMBLE_SESSION_NS;
    client->generation = 0;
    client->session = 0;
    client->stalled_ns = 0;
    client->backstop_ns = ensemble_now(ensemble) + BACKSTOP_NS;
    return &client->base;
}

void ensemble_crash(struct ensemble *ensemble, uint32_t index)
{
    struct ensemble_client *client = &ensemble->clients[index];
    client->open = false;
    memset(client->watches, 0, sizeof(client->watches));
    ensemble_held_drop(&client->orphan);
    client->orphan = client->held;
    client->held = (struct ensemble_held){.waiting = false};
}

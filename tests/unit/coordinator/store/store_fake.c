/* SPDX-License-Identifier: Apache-2.0 */
/* The shared store in memory; only what leader election calls. */
#include "store_fake.h"

#include <stdio.h>
#include <string.h>

static struct fake_store *self_of(struct store *store)
{
    return (struct fake_store *)store;
}

static struct fake_record *find(struct fake_cluster *cluster, const char *path)
{
    for (size_t i = 0; i < FAKE_RECORDS_MAX; i++) {
        if (strcmp(cluster->records[i].path, path) == 0) {
            return &cluster->records[i];
        }
    }
    return NULL;
}

static void changed(struct fake_cluster *cluster, const char *path)
{
    for (int s = 0; s < cluster->stores_count; s++) {
        for (size_t i = 0; i < FAKE_WATCHES_MAX; i++) {
            struct fake_watch *watch = &cluster->stores[s]->watches[i];
            watch->due = watch->due || strcmp(watch->path, path) == 0;
        }
    }
}

static enum gale_err check(struct fake_cluster *cluster, const struct store_op *op)
{
    const struct fake_record *record = find(cluster, op->path);
    if (op->kind == STORE_OP_CREATE) {
        return record ? GALE_ERR_EXISTS : GALE_OK;
    }
    if (!record) {
        return GALE_ERR_NOT_FOUND;
    }
    bool same = op->version == STORE_ANY_VERSION || op->version == record->version;
    return same ? GALE_OK : GALE_ERR_STALE;
}

static void apply(struct fake_cluster *cluster, const struct store_op *op)
{
    struct fake_record *record = find(cluster, op->kind == STORE_OP_CREATE ? "" : op->path);
    if (op->kind == STORE_OP_CREATE) {
        *record = (struct fake_record){.version = 0};
        snprintf(record->path, sizeof record->path, "%s", op->path);
    } else if (op->kind == STORE_OP_SET) {
        record->version++;
    } else if (op->kind == STORE_OP_DELETE) {
        *record = (struct fake_record){.version = 0};
    }
    if (op->kind != STORE_OP_CHECK) {
        changed(cluster, op->path);
    }
}

static enum gale_err fake_multi(struct store *store, const struct store_op *ops,
                                size_t ops_count, size_t *failed)
{
    struct fake_store *fake = self_of(store);
    if (fake->unreachable) {
        return GALE_ERR_TIMEOUT;
    }
    for (size_t i = 0; i < ops_count; i++) {
        enum gale_err err = check(fake->cluster, &ops[i]);
        if (err) {
            *failed = i;
            return err;
        }
    }
    for (size_t i = 0; i < ops_count; i++) {
        apply(fake->cluster, &ops[i]);
    }
    bool lost = fake->answer_lost;
    fake->answer_lost = false;
    return lost ? GALE_ERR_UNKNOWN : GALE_OK;
}

static enum gale_err fake_create(struct store *store, const char *path, const void *value,
                                 size_t size)
{
    size_t failed;
    struct store_op op = {STORE_OP_CREATE, path, value, size, STORE_ANY_VERSION};
    return fake_multi(store, &op, 1, &failed);
}

static enum gale_err fake_remove(struct store *store, const char *path, int64_t version)
{
    size_t failed;
    struct store_op op = {STORE_OP_DELETE, path, NULL, 0, version};
    return fake_multi(store, &op, 1, &failed);
}

static enum gale_err fake_get(struct store *store, const char *path, struct buf *out,
                              int64_t *version)
{
    struct fake_store *fake = self_of(store);
    const struct fake_record *record = find(fake->cluster, path);
    buf_clear(out);
    if (fake->unreachable) {
        return GALE_ERR_TIMEOUT;
    }
    if (record && version) {
        *version = record->version;
    }
    return record ? GALE_OK : GALE_ERR_NOT_FOUND;
}

static enum gale_err fake_children(struct store *store, const char *path, struct buf *out)
{
    struct fake_store *fake = self_of(store);
    size_t size = strlen(path);
    buf_clear(out);
    if (fake->unreachable) {
        return GALE_ERR_TIMEOUT;
    }
    for (size_t i = 0; i < FAKE_RECORDS_MAX; i++) {
        const char *name = fake->cluster->records[i].path;
        if (strncmp(name, path, size) == 0 && name[size] == '/' &&
            buf_append(out, name + size + 1, strlen(name + size + 1) + 1) != GALE_OK) {
            return GALE_ERR_NOMEM;
        }
    }
    return GALE_OK;
}

static enum gale_err fake_watch(struct store *store, const char *path,
                                void (*fn)(void *argument, const char *path), void *argument)
{
    struct fake_store *fake = self_of(store);
    for (size_t i = 0; i < FAKE_WATCHES_MAX; i++) {
        struct fake_watch *watch = &fake->watches[i];
        if (!watch->path[0]) {
            *watch = (struct fake_watch){.fn = fn, .argument = argument};
            snprintf(watch->path, sizeof watch->path, "%s", path);
            fake->watches_set++;
            return GALE_OK;
        }
    }
    return GALE_ERR_LIMIT;
}

static void fake_poll(struct store *store)
{
    struct fake_store *fake = self_of(store);
    for (size_t i = 0; i < FAKE_WATCHES_MAX; i++) {
        struct fake_watch watch = fake->watches[i];
        if (watch.due && watch.path[0]) {
            fake->watches[i] = (struct fake_watch){.due = false};
            watch.fn(watch.argument, watch.path);
        }
    }
}

static enum gale_err fake_enlist(struct store *store, const char *folder, const char *guid,
                                 const void *value, size_t size, char name[STORE_NAME_SIZE])
{
    struct fake_store *fake = self_of(store);
    char path[FAKE_PATH_SIZE];
    /* As the servers print it: a signed number. */
    snprintf(name, STORE_NAME_SIZE, "%s-%010d", guid, (int32_t)fake->cluster->sequence);
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    enum gale_err err =
        length < (int)sizeof path ? fake_create(store, path, value, size) : GALE_ERR_INVALID;
    if (err == GALE_OK) {
        find(fake->cluster, path)->owner = fake;
        fake->cluster->sequence++;
    }
    return err;
}

static void fake_session(struct store *store, struct store_session *out)
{
    *out = self_of(store)->session;
}

static const struct store_ops fake_ops = {
    .create = fake_create,
    .get = fake_get,
    .remove = fake_remove,
    .children = fake_children,
    .multi = fake_multi,
    .watch = fake_watch,
    .poll = fake_poll,
    .enlist = fake_enlist,
    .session = fake_session,
};

void fake_open(struct fake_cluster *cluster, struct fake_store *fake)
{
    *fake = (struct fake_store){.cluster = cluster};
    fake->base.ops = &fake_ops;
    fake->session = (struct store_session){1, true, 0, 1000};
    cluster->stores[cluster->stores_count++] = fake;
}

void fake_expire(struct fake_store *fake)
{
    for (size_t i = 0; i < FAKE_RECORDS_MAX; i++) {
        struct fake_record *record = &fake->cluster->records[i];
        if (record->path[0] && record->owner == fake) {
            struct store_op op = {STORE_OP_DELETE, record->path, NULL, 0, STORE_ANY_VERSION};
            char path[FAKE_PATH_SIZE];
            snprintf(path, sizeof path, "%s", record->path);
            op.path = path;
            apply(fake->cluster, &op);
        }
    }
}

void fake_renew(struct fake_store *fake, int64_t now_ns)
{
    fake->session.generation++;
    fake->session.connected = true;
    fake->session.contact_ns = now_ns;
    for (size_t i = 0; i < FAKE_WATCHES_MAX; i++) {
        fake->watches[i].due = fake->watches[i].path[0] != '\0';
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding of what the coordinator writes down; drawn in cluster_records.h. Pure. */
#include "cluster/cluster_records.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/str.h"
#include "core/plan.h"
#include "rpc/tree.h"
#include "store/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define HEAD_SIZE 4u
#define CHECKSUM_SIZE 8u
#define ASSIGNMENT_HEAD_SIZE 12u /* behind the common head */

static void number_write(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t number_read(const uint8_t *data, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)data[i] << (8 * i);
    }
    return value;
}

static enum gale_err envelope_begin(struct buf *out, char letter)
{
    const uint8_t head[HEAD_SIZE] = {'G', (uint8_t)letter, VERSION, 0};
    return buf_append(out, head, sizeof head);
}

static enum gale_err envelope_end(struct buf *out, size_t start, char letter)
{
    uint8_t sum[CHECKSUM_SIZE];
    number_write(sum, hash64(out->data + start, out->size - start, (uint64_t)letter),
                 sizeof sum);
    return buf_append(out, sum, sizeof sum);
}

/* What lies between head and checksum. */
static enum gale_err envelope_open(const void *data, size_t size, char letter,
                                   const uint8_t **body, size_t *body_size)
{
    const uint8_t *bytes = data;
    if (size < HEAD_SIZE + CHECKSUM_SIZE || bytes[0] != 'G' || bytes[1] != (uint8_t)letter) {
        return GALE_ERR_CORRUPT;
    }
    if (bytes[2] > VERSION) {
        return GALE_ERR_UNSUPPORTED;
    }
    uint64_t sum = number_read(bytes + size - CHECKSUM_SIZE, CHECKSUM_SIZE);
    if (bytes[2] != VERSION || bytes[3] != 0 ||
        sum != hash64(bytes, size - CHECKSUM_SIZE, (uint64_t)letter)) {
        return GALE_ERR_CORRUPT;
    }
    *body = bytes + HEAD_SIZE;
    *body_size = size - HEAD_SIZE - CHECKSUM_SIZE;
    return GALE_OK;
}

static enum gale_err tree_encode(const struct gale_conf *tree, char letter, struct buf *out)
{
    size_t start = out->size;
    enum gale_err err = envelope_begin(out, letter);
    err = err ? err : conf_pack(tree, out);
    return err ? err : envelope_end(out, start, letter);
}

static enum gale_err tree_decode(const void *data, size_t size, char letter,
                                 struct gale_conf **out)
{
    const uint8_t *body;
    size_t body_size;
    enum gale_err err = envelope_open(data, size, letter, &body, &body_size);
    err = err ? err : conf_unpack(body, body_size, out);
    return err == GALE_OK || err == GALE_ERR_NOMEM || err == GALE_ERR_UNSUPPORTED
               ? err
               : GALE_ERR_CORRUPT;
}

void cluster_path(const char *topology, const char *below, char *out)
{
    record_topology_path(topology, out);
    size_t size = strlen(out);
    GALE_ASSERT(size + strlen(below) < RECORD_PATH_SIZE);
    str_copy(out + size, RECORD_PATH_SIZE - size, below);
}

/* ---- Candidates ------------------------------------------------------------------------------ */

enum gale_err cluster_candidate_encode(const struct cluster_candidate *candidate,
                                       struct buf *out)
{
    return buf_printf(out, "%s\n%s\n%s\n", candidate->rpc, candidate->control, candidate->name);
}

static bool line_take(const char **at, const char *end, char *out, size_t size)
{
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    if (!stop || (size_t)(stop - *at) >= size || memchr(*at, '\0', (size_t)(stop - *at))) {
        return false;
    }
    memcpy(out, *at, (size_t)(stop - *at));
    out[stop - *at] = '\0';
    *at = stop + 1;
    return true;
}

bool cluster_candidate_decode(const void *data, size_t size, struct cluster_candidate *out)
{
    const char *at = data;
    const char *end = at + size;
    return size > 0 && line_take(&at, end, out->rpc, sizeof out->rpc) &&
           line_take(&at, end, out->control, sizeof out->control) &&
           line_take(&at, end, out->name, sizeof out->name);
}

/* ---- Status ---------------------------------------------------------------------------------- */

enum gale_err cluster_map_copy(const struct gale_conf *map, struct gale_conf **out)
{
    *out = NULL;
    if (!map) {
        return GALE_OK;
    }
    struct gale_conf *copy = conf_new();
    enum gale_err err = copy ? GALE_OK : GALE_ERR_NOMEM;
    for (size_t i = 0; !err && i < gale_conf_count(map); i++) {
        err = conf_add_copy(copy, gale_conf_key(map, i), gale_conf_at(map, i));
    }
    if (err) {
        conf_free(copy);
        return err;
    }
    *out = copy;
    return GALE_OK;
}

static enum gale_err status_tree(const struct cluster_status *status, struct gale_conf *map)
{
    enum gale_err err = tree_put_hex64(map, "id", status->id);
    err = err ? err : tree_put_int(map, "life", (int64_t)status->life);
    err = err ? err : tree_put_bool(map, "inactive", status->inactive);
    err = err ? err : tree_put_int(map, "attempt", status->attempt);
    err = err ? err : tree_put_hex64(map, "plan_epoch", status->plan_epoch);
    err = err ? err : tree_put_int(map, "workers", status->workers);
    if (!err && status->parallelism) {
        err = conf_add_copy(map, "parallelism", status->parallelism);
    }
    err = err ? err : tree_put_int(map, "pending", (int64_t)status->pending);
    err = err ? err : tree_put_int(map, "deadline_ms", status->deadline_ms);
    err = err ? err : tree_put_bool(map, "forget", status->forget);
    err = err ? err : tree_put_int(map, "next_workers", status->next_workers);
    if (!err && status->next_parallelism) {
        err = conf_add_copy(map, "next_parallelism", status->next_parallelism);
    }
    err = err ? err : tree_put_int(map, "submitted_ms", status->submitted_ms);
    err = err ? err : tree_put_hex64(map, "epoch", status->epoch);
    return err ? err : tree_put_text(map, "owner", status->owner);
}

enum gale_err cluster_status_encode(const struct cluster_status *status, struct buf *out)
{
    struct gale_conf *map = conf_new();
    enum gale_err err = map ? status_tree(status, map) : GALE_ERR_NOMEM;
    err = err ? err : tree_encode(map, 'T', out);
    conf_free(map);
    return err;
}

static bool status_ok(const struct cluster_status *status, int64_t attempt, int64_t workers,
                      int64_t next_workers)
{
    return status->id != 0 && status->life >= CLUSTER_WAITING &&
           status->life <= CLUSTER_FINISHED && status->pending <= CLUSTER_PENDING_REBALANCE &&
           attempt >= 1 && attempt <= UINT32_MAX && workers >= 0 &&
           workers <= PLAN_WORKERS_MAX && next_workers >= 0 && next_workers <= PLAN_WORKERS_MAX;
}

static enum gale_err map_take(const struct gale_conf *tree, const char *key,
                              struct gale_conf **out)
{
    const struct gale_conf *map = gale_conf_get(tree, key);
    return cluster_map_copy(gale_conf_type(map) == GALE_MAP ? map : NULL, out);
}

enum gale_err cluster_status_decode(const void *data, size_t size, struct cluster_status *out)
{
    struct gale_conf *tree = NULL;
    memset(out, 0, sizeof *out);
    enum gale_err err = tree_decode(data, size, 'T', &tree);
    if (err) {
        return err;
    }
    int64_t attempt = gale_conf_int64(tree, "attempt", 0);
    int64_t workers = gale_conf_int64(tree, "workers", -1);
    int64_t next_workers = gale_conf_int64(tree, "next_workers", -1);
    out->id = tree_hex64(tree, "id", 0);
    out->life = (enum cluster_life)gale_conf_int64(tree, "life", 0);
    out->inactive = gale_conf_bool(tree, "inactive", false);
    out->attempt = (uint32_t)attempt;
    out->plan_epoch = tree_hex64(tree, "plan_epoch", 0);
    out->workers = (uint32_t)workers;
    out->pending = (enum cluster_pending)gale_conf_int64(tree, "pending", -1);
    out->deadline_ms = gale_conf_int64(tree, "deadline_ms", 0);
    out->forget = gale_conf_bool(tree, "forget", false);
    out->next_workers = (uint32_t)next_workers;
    out->submitted_ms = gale_conf_int64(tree, "submitted_ms", 0);
    out->epoch = tree_hex64(tree, "epoch", 0);
    str_copy(out->owner, sizeof out->owner, gale_conf_string(tree, "owner", ""));
    err = status_ok(out, attempt, workers, next_workers) ? GALE_OK : GALE_ERR_CORRUPT;
    err = err ? err : map_take(tree, "parallelism", &out->parallelism);
    err = err ? err : map_take(tree, "next_parallelism", &out->next_parallelism);
    conf_free(tree);
    if (err) {
        cluster_status_fini(out);
    }
    return err;
}

void cluster_status_fini(struct cluster_status *status)
{
    conf_free(status->parallelism);
    conf_free(status->next_parallelism);
    memset(status, 0, sizeof *status);
}

enum gale_err cluster_status_copy(const struct cluster_status *status,
                                  struct cluster_status *out)
{
    *out = *status;
    out->parallelism = out->next_parallelism = NULL;
    enum gale_err err = cluster_map_copy(status->parallelism, &out->parallelism);
    err = err ? err : cluster_map_copy(status->next_parallelism, &out->next_parallelism);
    if (err) {
        cluster_status_fini(out);
    }
    return err;
}

/* ---- Assignment ------------------------------------------------------------------------------ */

enum gale_err cluster_assignment_init(struct cluster_assignment *assignment,
                                      uint32_t tasks_count, uint32_t workers_count)
{
    *assignment =
        (struct cluster_assignment){.tasks_count = tasks_count, .workers_count = workers_count};
    assignment->task_worker = calloc(tasks_count + 1u, sizeof *assignment->task_worker);
    assignment->hosts = calloc(workers_count + 1u, sizeof *assignment->hosts);
    if (!assignment->task_worker || !assignment->hosts) {
        cluster_assignment_fini(assignment);
        return GALE_ERR_NOMEM;
    }
    return GALE_OK;
}

void cluster_assignment_fini(struct cluster_assignment *assignment)
{
    free(assignment->task_worker);
    free(assignment->hosts);
    memset(assignment, 0, sizeof *assignment);
}

/* Position of a worker's host in the record: the first worker that has the same. */
static uint32_t host_first(const struct cluster_assignment *assignment, uint32_t worker)
{
    uint32_t first = 0;
    while (strcmp(assignment->hosts[first], assignment->hosts[worker]) != 0) {
        first++;
    }
    return first;
}

static enum gale_err number_append(struct buf *out, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    number_write(bytes, value, size);
    return buf_append(out, bytes, size);
}

enum gale_err cluster_assignment_encode(const struct cluster_assignment *assignment,
                                        struct buf *out)
{
    uint16_t place[PLAN_WORKERS_MAX] = {0}; /* of each worker's host in the record */
    size_t start = out->size;
    uint16_t hosts_count = 0;
    if (assignment->workers_count > PLAN_WORKERS_MAX) {
        return GALE_ERR_LIMIT;
    }
    for (uint32_t i = 0; i < assignment->workers_count; i++) {
        uint32_t first = host_first(assignment, i);
        place[i] = assignment->hosts[i][0] == '\0' ? CLUSTER_NOWHERE
                   : first == i                    ? hosts_count++
                                                   : place[first];
    }
    enum gale_err err = envelope_begin(out, 'A');
    err = err ? err : number_append(out, assignment->attempt, 4);
    err = err ? err : number_append(out, assignment->tasks_count, 4);
    err = err ? err : number_append(out, assignment->workers_count, 2);
    err = err ? err : number_append(out, hosts_count, 2);
    for (uint32_t i = 0; !err && i < assignment->workers_count; i++) {
        size_t size = strlen(assignment->hosts[i]);
        if (size > 0 && host_first(assignment, i) == i) {
            err = number_append(out, size, 1);
            err = err ? err : buf_append(out, assignment->hosts[i], size);
        }
    }
    for (uint32_t id = 1; !err && id <= assignment->tasks_count; id++) {
        err = number_append(out, assignment->task_worker[id], 2);
    }
    for (uint32_t i = 0; !err && i < assignment->workers_count; i++) {
        err = number_append(out, place[i], 2);
    }
    return err ? err : envelope_end(out, start, 'A');
}

/* Reads the names of hosts. @return bytes used, 0: corrupt. */
static size_t names_read(const uint8_t *data, size_t size, size_t count,
                         char names[PLAN_WORKERS_MAX][CLUSTER_NAME_SIZE])
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = at < size ? data[at] : 0;
        if (length == 0 || length >= CLUSTER_NAME_SIZE || length >= size - at ||
            memchr(data + at + 1, '\0', length)) {
            return 0;
        }
        memcpy(names[i], data + at + 1, length);
        names[i][length] = '\0';
        at += 1 + length;
    }
    return at;
}

static enum gale_err places_read(const uint8_t *data, size_t hosts_count,
                                 char names[PLAN_WORKERS_MAX][CLUSTER_NAME_SIZE],
                                 struct cluster_assignment *out)
{
    for (uint32_t id = 1; id <= out->tasks_count; id++, data += 2) {
        out->task_worker[id] = (uint16_t)number_read(data, 2);
        if (out->task_worker[id] >= out->workers_count) {
            return GALE_ERR_CORRUPT;
        }
    }
    for (uint32_t i = 0; i < out->workers_count; i++, data += 2) {
        size_t place = number_read(data, 2);
        if (place != CLUSTER_NOWHERE && place >= hosts_count) {
            return GALE_ERR_CORRUPT;
        }
        if (place != CLUSTER_NOWHERE) {
            str_copy(out->hosts[i], CLUSTER_NAME_SIZE, names[place]);
        }
    }
    return GALE_OK;
}

enum gale_err cluster_assignment_decode(const void *data, size_t size,
                                        struct cluster_assignment *out)
{
    char names[PLAN_WORKERS_MAX][CLUSTER_NAME_SIZE];
    const uint8_t *body;
    size_t body_size;
    memset(out, 0, sizeof *out);
    enum gale_err err = envelope_open(data, size, 'A', &body, &body_size);
    if (err) {
        return err;
    }
    if (body_size < ASSIGNMENT_HEAD_SIZE) {
        return GALE_ERR_CORRUPT;
    }
    uint32_t attempt = (uint32_t)number_read(body, 4);
    size_t tasks_count = number_read(body + 4, 4);
    size_t workers_count = number_read(body + 8, 2);
    size_t hosts_count = number_read(body + 10, 2);
    size_t room = body_size - ASSIGNMENT_HEAD_SIZE;
    if (tasks_count > PLAN_TASKS_MAX || workers_count < 1 || workers_count > PLAN_WORKERS_MAX ||
        hosts_count > workers_count) {
        return GALE_ERR_CORRUPT;
    }
    size_t used = names_read(body + ASSIGNMENT_HEAD_SIZE, room, hosts_count, names);
    if ((used == 0 && hosts_count > 0) || room - used != 2 * (tasks_count + workers_count)) {
        return GALE_ERR_CORRUPT;
    }
    err = cluster_assignment_init(out, (uint32_t)tasks_count, (uint32_t)workers_count);
    out->attempt = attempt;
    err = err ? err : places_read(body + ASSIGNMENT_HEAD_SIZE + used, hosts_count, names, out);
    if (err) {
        cluster_assignment_fini(out);
    }
    return err;
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static bool is_same(const struct cluster_error *a, const struct cluster_error *b)
{
    return a->task == b->task && a->worker == b->worker && strcmp(a->text, b->text) == 0 &&
           strcmp(a->component, b->component) == 0;
}

void cluster_errors_add(struct cluster_errors *errors, const struct cluster_error *what)
{
    struct cluster_error item = *what;
    size_t at = 0;
    item.count = 1;
    item.first_ms = what->last_ms;
    while (at < errors->count && !is_same(&errors->items[at], what)) {
        at++;
    }
    if (at < errors->count) {
        item.count = errors->items[at].count + 1;
        item.first_ms = errors->items[at].first_ms;
    } else if (errors->count < CLUSTER_ERRORS_KEPT) {
        errors->count++;
    } else {
        at = CLUSTER_ERRORS_KEPT - 1; /* The oldest goes. */
    }
    memmove(&errors->items[1], &errors->items[0], at * sizeof errors->items[0]);
    errors->items[0] = item;
}

static enum gale_err error_tree(const struct cluster_error *item, struct gale_conf *list)
{
    struct gale_conf *map = NULL;
    enum gale_err err = conf_add_map(list, NULL, &map);
    err = err ? err
              : tree_put_text(map, "component", item->component[0] ? item->component : NULL);
    err = err || item->task == 0 ? err : tree_put_int(map, "task", item->task);
    err = err ? err : tree_put_text(map, "host", item->host[0] ? item->host : NULL);
    err = err ? err : tree_put_int(map, "worker", item->worker);
    err = err ? err : tree_put_text(map, "text", item->text);
    err = err ? err : tree_put_bool(map, "fatal", item->fatal);
    err = err ? err : tree_put_int(map, "count", (int64_t)item->count);
    err = err ? err : tree_put_int(map, "first_ms", item->first_ms);
    return err ? err : tree_put_int(map, "last_ms", item->last_ms);
}

enum gale_err cluster_errors_tree(const struct cluster_errors *errors, struct gale_conf *map,
                                  const char *key)
{
    struct gale_conf *list = NULL;
    enum gale_err err = conf_add_list(map, key, &list);
    for (size_t i = 0; !err && i < errors->count; i++) {
        err = error_tree(&errors->items[i], list);
    }
    return err;
}

enum gale_err cluster_errors_encode(const struct cluster_errors *errors, struct buf *out)
{
    struct gale_conf *map = conf_new();
    enum gale_err err = map ? cluster_errors_tree(errors, map, "errors") : GALE_ERR_NOMEM;
    err = err ? err : tree_encode(map, 'E', out);
    conf_free(map);
    return err;
}

enum gale_err cluster_errors_decode(const void *data, size_t size, struct cluster_errors *out)
{
    struct gale_conf *tree = NULL;
    memset(out, 0, sizeof *out);
    enum gale_err err = tree_decode(data, size, 'E', &tree);
    const struct gale_conf *list = gale_conf_get(tree, "errors");
    for (size_t i = 0; !err && i < gale_conf_count(list) && i < CLUSTER_ERRORS_KEPT; i++) {
        const struct gale_conf *map = gale_conf_at(list, i);
        struct cluster_error *item = &out->items[out->count++];
        str_copy(item->component, sizeof item->component,
                 gale_conf_string(map, "component", ""));
        str_copy(item->host, sizeof item->host, gale_conf_string(map, "host", ""));
        str_copy(item->text, sizeof item->text, gale_conf_string(map, "text", ""));
        item->task = (uint32_t)gale_conf_int64(map, "task", 0);
        item->worker = (uint32_t)gale_conf_int64(map, "worker", 0);
        item->fatal = gale_conf_bool(map, "fatal", false);
        item->count = (uint64_t)gale_conf_int64(map, "count", 1);
        item->first_ms = gale_conf_int64(map, "first_ms", 0);
        item->last_ms = gale_conf_int64(map, "last_ms", 0);
    }
    conf_free(tree);
    return err;
}

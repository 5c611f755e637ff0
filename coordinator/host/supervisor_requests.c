/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a supervisor answers to others:
 *
 *   status    → {name, version, pid, epoch, leader, slots, workers: [as in a report]}
 *   poke      → {}: it asks the leader at once
 *   log_read  {topology: hex id or name, name, worker, offset, limit} → {offset, next, size} + body;
 *             `name` (may be left out) counts when no worker of that id is here any more
 *   blob_*    blobs/blobs.h
 */
#include "host/supervisor_internal.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

static enum gale_err put_status(struct supervisor *supervisor, struct gale_conf *tree)
{
    size_t ends;
    const struct seek *seek = &supervisor->seek;
    enum gale_err err = host_core_report(&supervisor->core, &supervisor->facts, tree, &ends);
    conf_remove(tree, "verb");
    err = err ? err : tree_put_int(tree, "epoch", (int64_t)supervisor->core.epoch);
    err = err ? err : tree_put_text(tree, "control", supervisor->core.control);
    return err ? err
               : tree_put_text(tree, "leader",
                               seek->leader >= 0 ? seek->list.at[seek->leader] : NULL);
}

static const char *name_of(const struct supervisor *supervisor, const struct gale_conf *tree)
{
    char *end;
    const char *text = gale_conf_string(tree, "topology", "");
    uint64_t id = strtoull(text, &end, 16);
    for (size_t i = 0; *end == '\0' && id != 0 && i < supervisor->core.count; i++) {
        if (supervisor->core.workers[i]->spec.topology == id) {
            return supervisor->core.workers[i]->spec.name;
        }
    }
    /* The text may be a name itself; one that only looks like an id is. */
    text = gale_conf_string(tree, "name", text);
    return str_is_name(text) ? text : NULL;
}

static void log_read(struct supervisor *supervisor, const struct rpc_request *request,
                     struct rpc_answer *answer)
{
    char path[PATH_MAX];
    int64_t at = 0;
    int64_t size = 0;
    int64_t worker = gale_conf_int64(request->tree, "worker", -1);
    int64_t offset = gale_conf_int64(request->tree, "offset", -1);
    int64_t limit = gale_conf_int64(request->tree, "limit", WORKER_LOG_READ_MAX);
    const char *name = name_of(supervisor, request->tree);
    if (!name || worker < 0 || worker > UINT16_MAX || limit < 0) {
        rpc_fail(answer, GALE_ERR_INVALID, NULL,
                 "log_read: a topology, a worker and a limit are needed");
        return;
    }
    enum gale_err err =
        worker_log_path(supervisor->dirs.log, name, (uint32_t)worker, false, path);
    err = err ? err : worker_log_read(path, offset, (size_t)limit, answer->body, &at, &size);
    if (err != GALE_OK) {
        rpc_fail(answer, err, NULL, "the log of worker %lld of %s on %s cannot be read: %s",
                 (long long)worker, name, supervisor->name, gale_err_name(err));
        return;
    }
    (void)tree_put_int(answer->tree, "offset", at);
    (void)tree_put_int(answer->tree, "next", at + (int64_t)answer->body->size);
    (void)tree_put_int(answer->tree, "size", size);
}

void supervisor_request(void *self, const struct rpc_request *request,
                        struct rpc_answer *answer)
{
    struct supervisor *supervisor = self;
    if (strcmp(request->verb, "status") == 0) {
        enum gale_err err = put_status(supervisor, answer->tree);
        if (err != GALE_OK) {
            rpc_fail(answer, err, NULL, "the status is too large");
        }
    } else if (strcmp(request->verb, "poke") == 0) {
        seek_hurry(&supervisor->seek);
    } else if (strcmp(request->verb, "log_read") == 0) {
        log_read(supervisor, request, answer);
    } else if (!blobs_serve(supervisor->blobs, request, answer)) {
        rpc_fail(answer, GALE_ERR_UNSUPPORTED, "ask a coordinator (gale list)",
                 "a supervisor does not know the verb %.64s", request->verb);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a worker serves. With `gale run` that is fixed; in a cluster the supervisor's file names the
 * leading coordinator and its epoch. A worker turns to another one only when its epoch is not lower, says
 * HELLO with `running` to it until it answers, and begins anew what it had said to the earlier one: the
 * rounds of counting are forgotten and all positions are told again. Tasks and links to other workers
 * stay as they are.
 */
#include "worker/internal.h"

#include "base/str.h"

#include <inttypes.h>
#include <string.h>

#define HELLO_FIRST_NS INT64_C(20000000) /* doubled with each one that has no answer */

static enum gale_err turn_to(struct worker *worker, const struct leader *leader,
                             struct gale_error *error)
{
    const struct transport_ops *ops = worker->transport->ops;
    struct transport_peer *peer = NULL;
    enum gale_err err = ops->connect(worker->transport, leader->endpoint, &peer, error);
    if (err != GALE_OK) {
        return err;
    }
    ops->disconnect(worker->transport, worker->control);
    worker->control = peer;
    worker->leader = *leader;
    worker->greeted = false;
    worker->round = 0;
    worker->hello_at_ns = 0;
    worker->hello_ns = HELLO_FIRST_NS;
    return GALE_OK;
}

enum gale_err worker_leader_start(struct worker *worker, struct gale_error *error)
{
    struct leader leader = {.epoch = worker->epoch};
    if (!worker->control_endpoint) {
        worker->hello_ns = HELLO_FIRST_NS;
        return GALE_OK;
    }
    str_copy(leader.endpoint, sizeof(leader.endpoint), worker->control_endpoint);
    return turn_to(worker, &leader, error);
}

void worker_leader_look(struct worker *worker, int64_t now_ns)
{
    struct leader leader;
    struct gale_error error = {0};
    if (!worker->leader_file.path || !leader_file_look(&worker->leader_file, &leader) ||
        leader.epoch < worker->leader.epoch ||
        (leader.epoch == worker->leader.epoch &&
         strcmp(leader.endpoint, worker->leader.endpoint) == 0)) {
        return;
    }
    if (turn_to(worker, &leader, &error) != GALE_OK) {
        leader_file_forget(&worker->leader_file);
        gale_log(GALE_LOG_WARN, "the coordinator cannot be reached: %s", error.text);
        return;
    }
    gale_log(GALE_LOG_INFO, "the coordinator at %s leads, epoch %" PRIu64, leader.endpoint,
             leader.epoch);
    worker->hello_at_ns = now_ns;
}

void worker_leader_heard(struct worker *worker, int64_t now_ns)
{
    if (!worker->greeted) {
        worker->greeted = true;
        worker->offsets_all = true;
        worker->offsets_at_ns = now_ns;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator of a cluster reads from the store, and the values of samples: any bytes are safe,
 * and what is taken comes back from its own encoding. */
#include "cluster/cluster_records.h"
#include "cluster/cluster_value.h"

#include <stdlib.h>
#include <string.h>

static void status_try(const uint8_t *data, size_t size)
{
    struct cluster_status status, again;
    struct buf out;
    if (cluster_status_decode(data, size, &status) != GALE_OK) {
        return;
    }
    buf_init(&out, 0);
    if (cluster_status_encode(&status, &out) != GALE_OK ||
        cluster_status_decode(out.data, out.size, &again) != GALE_OK || again.id != status.id ||
        again.attempt != status.attempt || again.pending != status.pending ||
        again.life != status.life) {
        abort();
    }
    cluster_status_fini(&again);
    cluster_status_fini(&status);
    buf_fini(&out);
}

static void assignment_try(const uint8_t *data, size_t size)
{
    struct cluster_assignment assignment, again;
    struct buf out;
    if (cluster_assignment_decode(data, size, &assignment) != GALE_OK) {
        return;
    }
    buf_init(&out, 0);
    if (cluster_assignment_encode(&assignment, &out) != GALE_OK ||
        cluster_assignment_decode(out.data, out.size, &again) != GALE_OK ||
        again.workers_count != assignment.workers_count ||
        memcmp(again.hosts, assignment.hosts,
               assignment.workers_count * sizeof *assignment.hosts) != 0) {
        abort();
    }
    cluster_assignment_fini(&again);
    cluster_assignment_fini(&assignment);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cluster_errors errors;
    struct cluster_candidate candidate;
    struct gale_conf *map = conf_new();
    status_try(data, size);
    assignment_try(data, size);
    if (cluster_errors_decode(data, size, &errors) == GALE_OK &&
        errors.count > CLUSTER_ERRORS_KEPT) {
        abort();
    }
    if (size > 0) {
        (void)cluster_candidate_decode(data, size, &candidate);
        (void)value_tree(data, size, map, "values");
    }
    conf_free(map);
    return 0;
}

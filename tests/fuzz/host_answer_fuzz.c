/* SPDX-License-Identifier: Apache-2.0 */
/* A leader's answer to a supervisor: any tree is obeyed whole or not at all. */
#include "host/host_core.h"

#include <stdlib.h>

static enum gale_err spawn(void *self, struct host_worker *worker, uint64_t incarnation)
{
    (void)self;
    if (worker->spec.topology == 0 || worker->spec.name[0] == '\0' || incarnation == 0) {
        abort();
    }
    return GALE_OK;
}

static void signal_nothing(void *self, struct host_worker *worker, int signal)
{
    (void)self;
    (void)worker;
    (void)signal;
}

static bool ready(void *self, struct host_worker *worker)
{
    (void)self;
    return worker->spec.blobs_count == 0;
}

static void forgotten(void *self, struct host_worker *worker)
{
    (void)self;
    (void)worker;
}

static void leader(void *self, uint64_t epoch, const char *control)
{
    (void)self;
    if (epoch == 0 || control[0] == '\0') {
        abort();
    }
}

static void note(void *self, const char *line)
{
    (void)self;
    (void)line;
}

static uint64_t next(void *self)
{
    uint64_t *last = self;
    return ++*last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t last = 0;
    struct host_core core;
    const struct host_ports ports = {.self = &last,
                                     .spawn = spawn,
                                     .signal = signal_nothing,
                                     .ready = ready,
                                     .forgotten = forgotten,
                                     .leader = leader,
                                     .note = note,
                                     .random = next};
    struct gale_conf *tree = NULL;
    struct gale_error error;
    if (conf_unpack(data, size, &tree) != GALE_OK) {
        return 0;
    }
    if (host_core_init(&core, &ports, slot_limits_default(), 1, 0) == GALE_OK) {
        size_t before = core.count;
        enum gale_err err = host_core_answer(&core, tree, 0, 1000, &error);
        if (err != GALE_OK && err != GALE_ERR_NOMEM && core.count != before) {
            abort();
        }
        host_core_tick(&core, INT64_C(2000000000));
    }
    host_core_fini(&core);
    conf_free(tree);
    return 0;
}

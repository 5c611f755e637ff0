/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker process: one engine thread that runs an executor for its share of a topology, joined
 * to the coordinator and to the other workers by one bound endpoint. Started by the supervisor as
 * `gale worker --control ENDPOINT --bind ENDPOINT --index N --incarnation HEX --epoch N --attempt N
 * --log LEVEL [--log-json]`; everything else it is told by messages.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <gale/module.h>

/** The built-in components, given by the binary so that this layer links none. */
struct worker_builtins {
    const struct gale_spout_ops *const *spouts;
    const struct gale_bolt_ops *const *bolts;
};

/** Runs until it is told to stop. argv[0] is "worker". @return the exit code: 0 stopped in order,
 *  64 wrong arguments, 70 an error that was reported to the coordinator. */
int worker_main(int argc, char **argv, const struct worker_builtins *builtins);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor of one host as a daemon: processes, files and the network around host_core.c. It lives
 * on a loop that others may share (`gale dev`); its caller goes round:
 *
 *   while (!supervisor_done(s)) { int64_t at = supervisor_step(s); loop_run_once(loop, at - now); }
 *
 * The directory of state, one supervisor each (lock):
 *
 *   lock           flock; its text is the process id
 *   coordinator    "EPOCH ENDPOINT\n", by rename: how workers learn of a new leader
 *   candidates     addresses that were known last, a line each
 *   slots/TOPOLOGY.WORKER    record of a process (slot_file.h)
 *   blobs/         modules and files (blobs/blobs.h)
 *   run/TOPOLOGY/  the working directory of its workers
 *   log/NAME/worker-N.log    what they print, the last 16 MiB (worker_log.h)
 *   socket/pulse   ipc, where workers pulse; in a directory of /tmp when the path is too long
 *
 * Workers outlive it, and its next life adopts them. One thread, but for the one that looks for
 * coordinators in ZooKeeper (finder.h).
 */
#ifndef HOST_SUPERVISOR_H
#define HOST_SUPERVISOR_H

#include "base/loop.h"
#include "config/config.h"

/* Strings and the configuration are borrowed until supervisor_free. */
struct supervisor_options {
    const struct config
        *config; /* supervisor.*, coordinator.addresses, zookeeper.*, worker.silence, log.* */
    const char *gale_path;   /* the binary, for its workers */
    const char *state_dir;   /* NULL: supervisor.state_dir */
    const char *listen;      /* NULL: supervisor.listen */
    const char *coordinator; /* the only one to ask (`gale dev`); NULL: as configured */
    const char
        *sockets; /* short directory (0700) for the pulses' socket; NULL: state_dir/socket */
    bool
        local; /* all workers of the cluster are here: they are joined by ipc:// in `sockets` */
};

struct supervisor;

/**
 * Takes the state directory, adopts the workers that it finds there, kills orphans and begins to ask for
 * the leader. Blocks on the disk only.
 * @param loop borrowed until supervisor_free; its thread makes all calls. Signals are the caller's.
 * @return GALE_OK and *out, to be freed by supervisor_free; GALE_ERR_STATE: another supervisor has the
 * directory; GALE_ERR_EXISTS: the address is in use; GALE_ERR_INVALID: a setting; GALE_ERR_LIMIT,
 * GALE_ERR_IO, GALE_ERR_NOMEM, with *error set.
 */
enum gale_err supervisor_new(const struct supervisor_options *options, struct loop *loop,
                             struct supervisor **out, struct gale_error *error);
/** Gives all up; workers are left alone. May be NULL. */
void supervisor_free(struct supervisor *supervisor);
/** Does what is due. @return when it is to be called again at the latest, in nanoseconds of the loop's
 *  clock; events of the loop may need it before, so call it in each round. */
int64_t supervisor_step(struct supervisor *supervisor);
/** Ends all workers in good order (SIGTERM, SIGKILL after the grace) and obeys no leader any more. */
void supervisor_stop(struct supervisor *supervisor);
/** Whether supervisor_stop was called and no worker is left. */
bool supervisor_done(const struct supervisor *supervisor);
/** Where it answers requests, as bound. Lives with the supervisor. */
const char *supervisor_endpoint(const struct supervisor *supervisor);
/** Its name in the cluster. Lives with the supervisor. */
const char *supervisor_name(const struct supervisor *supervisor);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one binary. `gale worker …` is how the supervisor starts a worker process, `gale probe …` how
 * a module is looked into: both go straight to their work, past everything that is meant for
 * people. All else is the command line.
 */
#include "bolts/builtin.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "run/probe.h"
#include "spouts/builtin.h"
#include "supervise/supervise.h"
#include "worker/process_stat.h"
#include "worker/worker.h"
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static char version[] = "version";
    process_stat_begin();
    output_guard_descriptors();
    bool worker = argc > 1 && strcmp(argv[1], "worker") == 0;
    bool probe = argc > 1 && strcmp(argv[1], "probe") == 0;
    if ((worker || probe) && argc > 3 && strcmp(argv[2], "--parent") == 0) {
        process_die_with_parent(strtoll(argv[3], NULL, 10));
    }
    if (probe) {
        return probe_main(argc - 1, argv + 1);
    }
    if (worker) {
        const struct worker_builtins builtins = {spouts_builtin, bolts_builtin};
        return worker_main(argc - 1, argv + 1, &builtins);
    }
    /* What every program is asked first. */
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        argv[1] = version;
    }
    return verbs_main(argc, argv);
}

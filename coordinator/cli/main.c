/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one binary. `gale worker …` is how the supervisor starts a worker process: it goes straight
 * to the engine, past everything that is meant for people. All else is the command line.
 */
#include "bolts/builtin.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "spouts/builtin.h"
#include "supervise/supervise.h"
#include "worker/worker.h"
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static char version[] = "version";
    output_guard_descriptors();
    if (argc > 1 && strcmp(argv[1], "worker") == 0) {
        if (argc > 3 && strcmp(argv[2], "--parent") == 0) {
            process_die_with_parent(strtoll(argv[3], NULL, 10));
        }
        const struct worker_builtins builtins = {spouts_builtin, bolts_builtin};
        return worker_main(argc - 1, argv + 1, &builtins);
    }
    /* What every program is asked first. */
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        argv[1] = version;
    }
    return verbs_main(argc, argv);
}

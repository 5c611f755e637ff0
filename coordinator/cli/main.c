/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one binary. `gale worker …` is how the supervisor starts a worker process: it goes straight
 * to the engine, past everything that is meant for people. All else is the command line.
 */
#include "cli/output.h"
#include "cli/verbs.h"
#if __has_include("worker/worker.h")
#include "worker/worker.h"
#define MAIN_WORKER 1
#endif
#include <string.h>

int main(int argc, char **argv)
{
    output_guard_descriptors();
#ifdef MAIN_WORKER
    if (argc > 1 && strcmp(argv[1], "worker") == 0) {
        return worker_main(argc - 1, argv + 1);
    }
#endif
    return verbs_main(argc, argv);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the simulation for a range of seeds.
 *
 *   gale_sim --seeds N | --seeds A..B | --seed N [--trace]
 *            [--no-duplicate-check] [--no-epoch-check] [--no-adoption] [--expect TEXT]
 *
 * Exit 0 when no seed violates anything; with --expect (the negative controls: a check of the links
 * is switched off, or a coordinator that takes over tells what it does not know) when a violation holds TEXT. The first one (of those) ends the program.
 */
#include "sim.h"

#include "base/log.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t aborted_seed_low, aborted_seed_high;

/* A failed assert or a fault of the engine: says which seed it was. */
static void on_abort(int signal)
{
    char text[64];
    unsigned long long seed =
        (unsigned long long)(unsigned)aborted_seed_high << 32 | (unsigned)aborted_seed_low;
    int size =
        snprintf(text, sizeof(text), "sim: seed %llu ended by signal %d\n", seed, signal);
    if (write(STDERR_FILENO, text, (size_t)size) < 0) {
        _exit(3);
    }
    _exit(2);
}

struct arguments {
    uint64_t first, last;
    struct sim_options options;
    const char *expected; /* part of the violation that a negative control must bring about */
};

static bool parse_seeds(const char *text, struct arguments *arguments)
{
    char *end;
    arguments->first = 1;
    arguments->last = strtoull(text, &end, 10);
    if (strncmp(end, "..", 2) == 0) {
        arguments->first = arguments->last;
        arguments->last = strtoull(end + 2, &end, 10);
    }
    return *end == '\0' && end != text && arguments->last >= arguments->first;
}

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option table[] = {{"seeds", required_argument, NULL, 's'},
                                          {"seed", required_argument, NULL, 'o'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"no-duplicate-check", no_argument, NULL, 'd'},
                                          {"no-epoch-check", no_argument, NULL, 'e'},
                                          {"no-adoption", no_argument, NULL, 'a'},
                                          {"expect", required_argument, NULL, 'x'},
                                          {NULL, 0, NULL, 0}};
    *arguments = (struct arguments){.last = 0, .options = {true, true, true, false}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 's':
            if (!parse_seeds(optarg, arguments)) {
                return false;
            }
            break;
        case 'o':
            if (!parse_seeds(optarg, arguments)) {
                return false;
            }
            arguments->first = arguments->last;
            break;
        case 't': arguments->options.trace = true; break;
        case 'd': arguments->options.check_duplicates = false; break;
        case 'e': arguments->options.check_epoch = false; break;
        case 'a': arguments->options.adopt = false; break;
        case 'x': arguments->expected = optarg; break;
        default: return false;
        }
    }
    return optind == argc && arguments->last > 0;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    if (!parse(argc, argv, &arguments)) {
        fprintf(stderr, "usage: gale_sim --seeds N|A..B | --seed N [--trace] "
                        "[--no-duplicate-check] [--no-epoch-check] [--no-adoption] "
                        "[--expect TEXT]\n");
        return 64;
    }
    log_init(GALE_LOG_ERROR, "sim", LOG_FORM_LOGFMT);
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    bool violated = false;
    uint64_t executed = 0;
    uint64_t acked = 0;
    uint64_t failed = 0;
    uint64_t seed = arguments.first;
    for (; seed <= arguments.last && !violated; seed++) {
        struct sim *sim = calloc(1, sizeof(*sim));
        if (!sim) {
            return 71;
        }
        aborted_seed_low = (sig_atomic_t)(uint32_t)seed;
        aborted_seed_high = (sig_atomic_t)(uint32_t)(seed >> 32);
        sim->seed = seed;
        sim->options = arguments.options;
        sim_run(sim);
        /* A control goes on until it fails for the reason that it is there for. */
        violated = sim->violation[0] != '\0' &&
                   (!arguments.expected || strstr(sim->violation, arguments.expected));
        if (violated) {
            printf("sim: seed %" PRIu64 ": %s\n", seed, sim->violation);
        }
        executed += sim->executed_count;
        acked += sim->acked_count;
        failed += sim->failed_count;
        free(sim);
    }
    printf("sim: seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " executions, %" PRIu64
           " acked, %" PRIu64 " failed and replayed\n",
           arguments.first, seed - 1, executed, acked, failed);
    if (violated && !arguments.expected) {
        printf("sim: to see it: gale_sim --seed %" PRIu64 " --trace\n", seed - 1);
    }
    return violated == (arguments.expected != NULL) ? 0 : 1;
}

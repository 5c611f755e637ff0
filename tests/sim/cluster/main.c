/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the simulation of a cluster for a range of seeds.
 *
 *   gale_sim_cluster --seeds N | --seeds A..B | --seed N [--trace]
 *                    [--no-fence] [--no-look-up] [--no-own-timer] [--expect TEXT]
 *
 * Exit 0 when no seed violates anything; with --expect (the negative controls: a safeguard is switched
 * off) when a violation holds TEXT. The first one (of those) ends the program.
 */
#include "world.h"

#include "base/log.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t aborted_seed_low, aborted_seed_high;

/* A failed assert or a fault of the code under test: says which seed it was. */
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
    struct world_options options;
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
    static const struct option table[] = {
        {"seeds", required_argument, NULL, 's'},  {"seed", required_argument, NULL, 'o'},
        {"trace", no_argument, NULL, 't'},        {"no-fence", no_argument, NULL, 'f'},
        {"no-look-up", no_argument, NULL, 'l'},   {"no-own-timer", no_argument, NULL, 'w'},
        {"expect", required_argument, NULL, 'x'}, {NULL, 0, NULL, 0}};
    *arguments = (struct arguments){.last = 0, .options = {.store = {true, true, true}}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 's':
        case 'o':
            if (!parse_seeds(optarg, arguments)) {
                return false;
            }
            arguments->first = option == 'o' ? arguments->last : arguments->first;
            break;
        case 't': arguments->options.trace = true; break;
        case 'f': arguments->options.store.fence = false; break;
        case 'l': arguments->options.store.look_up = false; break;
        case 'w': arguments->options.store.own_timer = false; break;
        case 'x': arguments->expected = optarg; break;
        default: return false;
        }
    }
    return optind == argc && arguments->last > 0;
}

static void counts_add(struct world_counts *sum, const struct world *world)
{
    sum->elections += world->counts.elections;
    sum->requests += world->counts.requests;
    sum->messages += world->counts.messages;
    sum->refused += world->counts.refused;
    sum->restarts += world->models_count;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct world_counts sum = {0};
    uint64_t late = 0, unknown = 0, expired = 0;
    bool violated = false;
    if (!parse(argc, argv, &arguments)) {
        fprintf(stderr, "usage: gale_sim_cluster --seeds N|A..B | --seed N [--trace] "
                        "[--no-fence] [--no-look-up] [--no-own-timer] [--expect TEXT]\n");
        return 64;
    }
    log_init(arguments.options.trace ? GALE_LOG_DEBUG : GALE_LOG_ERROR, "sim", LOG_FORM_LOGFMT);
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    struct world *world = malloc(sizeof(*world));
    if (!world) {
        return 71;
    }
    uint64_t seed = arguments.first;
    for (; seed <= arguments.last && !violated; seed++) {
        aborted_seed_low = (sig_atomic_t)(uint32_t)seed;
        aborted_seed_high = (sig_atomic_t)(uint32_t)(seed >> 32);
        memset(world, 0, sizeof(*world));
        world->seed = seed;
        world->options = arguments.options;
        world_run(world);
        /* A control goes on until it fails for the reason that it is there for. */
        violated = world->violation[0] != '\0' &&
                   (!arguments.expected || strstr(world->violation, arguments.expected));
        if (violated) {
            printf("sim: seed %" PRIu64 ": %s\n", seed, world->violation);
        }
        counts_add(&sum, world);
        late += world->ensemble.held_applied_count;
        unknown += world->ensemble.unknown_count;
        expired += world->ensemble.expired_count;
    }
    free(world);
    printf("sim: seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " elections, %" PRIu64
           " processes, %" PRIu64 " requests, %" PRIu64 " messages, %" PRIu64
           " unknown writes (%" PRIu64 " took effect late), %" PRIu64 " sessions lost\n",
           arguments.first, seed - 1, sum.elections, sum.restarts, sum.requests, sum.messages,
           unknown, late, expired);
    if (violated && !arguments.expected) {
        printf("sim: to see it: gale_sim_cluster --seed %" PRIu64 " --trace\n", seed - 1);
    }
    return violated == (arguments.expected != NULL) ? 0 : 1;
}

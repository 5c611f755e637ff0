/* SPDX-License-Identifier: Apache-2.0 */
/* The micro-benchmarks (micro/micro.h) as benchmarks of the suite: each figure's rounds become the
 * runs of its metrics. They run in this process, which has no context of ZeroMQ. */
#include "suite/kinds.h"

#include "micro/micro.h"
#include <math.h>
#include <stdio.h>

/* A round takes this share of a run's duration, within bounds. */
static const double round_share = 1.0 / 16;
static const double round_max_s = 1.0;
static const double round_min_s = 0.002;

struct gathering {
    const struct bench_context *context;
    struct result *result;
    size_t figures;
};

static void add(struct gathering *gathering, const struct micro_figure *figure,
                const char *what, const char *unit, enum result_better better, double value)
{
    char name[RESULT_NAME_SIZE];
    snprintf(name, sizeof(name), "%s_%s", figure->name, what);
    result_metric_add(gathering->result, name, unit, better, value);
}

static bool on_figure(const struct micro_figure *figure, void *user)
{
    struct gathering *gathering = user;
    char unit[RESULT_UNIT_SIZE];
    snprintf(unit, sizeof(unit), "%s/s", figure->unit);
    for (unsigned i = 0; i < figure->rounds_count; i++) {
        const struct micro_round *round = &figure->rounds[i];
        if (figure->is_round_trip) {
            add(gathering, figure, "p50_us", "us", RESULT_LOWER, round->p50_us);
            add(gathering, figure, "p99_us", "us", RESULT_LOWER, round->p99_us);
            continue;
        }
        add(gathering, figure, "per_s", unit, RESULT_HIGHER, round->per_s);
        add(gathering, figure, "ns", "ns", RESULT_LOWER, round->ns_per_op);
        if (figure->has_bytes) {
            add(gathering, figure, "gb_per_s", "GB/s", RESULT_HIGHER, round->bytes_per_s / 1e9);
        }
    }
    gathering->figures++;
    const struct micro_round *last = &figure->rounds[figure->rounds_count - 1];
    if (figure->is_round_trip) {
        bench_note(gathering->context, "%s: p50 %.1f us, p99 %.1f us, %.2f cores",
                   figure->title, last->p50_us, last->p99_us, last->cores);
    } else {
        bench_note(gathering->context, "%s: %.4g %s, %.1f ns each", figure->title, last->per_s,
                   unit, last->ns_per_op);
    }
    return !bench_is_interrupted();
}

static enum bench_end run(const struct bench_context *context, struct result *result,
                          enum gale_err (*micro)(const struct micro_options *, micro_on_figure,
                                                 void *, struct gale_error *),
                          const char *check)
{
    struct gathering gathering = {.context = context, .result = result};
    struct gale_error error = {0};
    double seconds = context->settings->duration_s * round_share;
    unsigned rounds = context->settings->runs;
    struct micro_options options = {
        .seconds = context->settings->tiny ? round_min_s
                                           : fmin(fmax(seconds, round_min_s), round_max_s),
        .rounds = rounds < MICRO_ROUNDS_MAX ? rounds : MICRO_ROUNDS_MAX,
        .seed = context->settings->seed,
    };
    enum gale_err err = micro(&options, on_figure, &gathering, &error);
    if (err == GALE_ERR_CLOSED) {
        return BENCH_INTERRUPTED;
    }
    if (err != GALE_OK) {
        result_fail(result, "%s", error.text);
        return BENCH_WRONG;
    }
    result_check(result, "%s in all %zu measures", check, gathering.figures);
    return BENCH_DONE;
}

enum bench_end kind_codec(const struct bench_context *context, struct result *result)
{
    return run(context, result, micro_codec, "what was read back equals what was written");
}

enum bench_end kind_transport(const struct bench_context *context, struct result *result)
{
    return run(context, result, micro_transport, "every message came whole, once and in order");
}

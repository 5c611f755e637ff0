/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios between variants; see ratios.h. */
#include "suite/ratios.h"

#include "suite/suite.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char at_least[] = "at-least-once";
static const char at_most[] = "at-most-once";
static const char in_all[] = "throughput_per_s";
static const char per_cpu[] = "throughput_per_cpu_s";

static const struct result *variant_of(const struct result_document *document,
                                       const char *bench, unsigned workers,
                                       const char *guarantee)
{
    for (size_t i = 0; i < document->results_count; i++) {
        const struct result *at = document->results[i];
        if (strcmp(at->bench, bench) == 0 && at->workers == workers &&
            strcmp(at->guarantee, guarantee) == 0 && at->status == RESULT_OK) {
            return at;
        }
    }
    return NULL;
}

/* A figure of two results by rounds; fewer of them say more about the machine than about gale. */
enum { RATIO_ROUNDS_MIN = 3 };

/* Of each round one metric's value divided by another's; a price is what is missing to 1. */
static void add_ratio(struct result_document *document, const struct result *of,
                      const struct result *by, const char *metric, bool is_price,
                      const char *unit, const char *name)
{
    const struct result_metric *upper = of != NULL ? result_metric(of, metric) : NULL;
    const struct result_metric *lower = by != NULL ? result_metric(by, metric) : NULL;
    double values[RESULT_RUNS_MAX];
    double min = (double)INFINITY, max = -(double)INFINITY;
    size_t count = 0;
    for (size_t i = 0;
         upper != NULL && lower != NULL && i < upper->runs_count && i < lower->runs_count;
         i++) {
        if (lower->runs[i] > 0) {
            double value = upper->runs[i] / lower->runs[i];
            values[count] = is_price ? 1 - value : value;
            min = fmin(min, values[count]);
            max = fmax(max, values[count]);
            count++;
        }
    }
    if (count < RATIO_ROUNDS_MIN) {
        return;
    }
    struct result_ratio *ratio =
        result_ratio(document, unit, result_median_of(values, count), "%s", name);
    if (ratio != NULL) {
        ratio->min = min;
        ratio->max = max;
        ratio->rounds = (unsigned)count;
    }
}

static void add_acks(struct result_document *document, const struct result *acked)
{
    char name[RESULT_TITLE_SIZE];
    const struct result *plain = variant_of(document, acked->bench, acked->workers, at_most);
    snprintf(name, sizeof name, "price of acks, %s, %u worker%s", acked->bench, acked->workers,
             acked->workers == 1 ? "" : "s");
    add_ratio(document, acked, plain, per_cpu, true, "share", name);
}

/* Whether the benchmark of that name sends anything from worker to worker. */
static bool crosses(const char *name)
{
    const struct bench *all[BENCH_ALL_MAX];
    size_t count = suite_all(all);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i]->crosses;
        }
    }
    return false;
}

static void add_wire(struct result_document *document, const struct result *two)
{
    char name[RESULT_TITLE_SIZE];
    const struct result *one = variant_of(document, two->bench, 1, two->guarantee);
    if (crosses(two->bench)) {
        snprintf(name, sizeof name, "price of the wire, %s, %s", two->bench, two->guarantee);
        add_ratio(document, two, one, per_cpu, true, "share", name);
    }
    snprintf(name, sizeof name, "two workers against one, %s, %s", two->bench, two->guarantee);
    add_ratio(document, two, one, in_all, false, "times", name);
}

static void add_cross(struct result_document *document, const char *guarantee)
{
    char name[RESULT_TITLE_SIZE];
    const struct result *cross = variant_of(document, "wordcount-cross", 2, guarantee);
    const struct result *one = variant_of(document, "wordcount", 1, guarantee);
    snprintf(name, sizeof name, "price of the wire when every word crosses, wordcount, %s",
             guarantee);
    add_ratio(document, cross, one, per_cpu, true, "share", name);
}

static void add_limit(struct result_document *document, const struct result *limit)
{
    char name[RESULT_TITLE_SIZE];
    const struct result *real =
        variant_of(document, "wordcount", limit->workers, limit->guarantee);
    snprintf(name, sizeof name, "share of the limit per CPU-second, wordcount, %u worker%s, %s",
             limit->workers, limit->workers == 1 ? "" : "s", limit->guarantee);
    add_ratio(document, real, limit, per_cpu, false, "share", name);
}

/* At a fixed rate the throughput says nothing. */
static bool is_compared(const struct result *result)
{
    static const char *const rated[] = {"latency", "low-throughput", "back-pressure"};
    for (size_t i = 0; i < sizeof rated / sizeof rated[0]; i++) {
        if (strcmp(result->bench, rated[i]) == 0) {
            return false;
        }
    }
    return true;
}

void ratios_add(struct result_document *document)
{
    for (size_t i = 0; i < document->results_count; i++) {
        const struct result *result = document->results[i];
        if (result->status != RESULT_OK || !is_compared(result)) {
            continue;
        }
        if (strcmp(result->bench, "limit") == 0) {
            add_limit(document, result);
            continue;
        }
        if (strcmp(result->guarantee, at_least) == 0) {
            add_acks(document, result);
        }
        if (result->workers == 2) {
            add_wire(document, result);
        }
    }
    add_cross(document, at_least);
    add_cross(document, at_most);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios between variants; see ratios.h. */
#include "suite/ratios.h"

#include <math.h>
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

/* Median over the rounds of one metric's value divided by another's. */
static double quotient(const struct result *of, const struct result *by, const char *name)
{
    const struct result_metric *upper = of != NULL ? result_metric(of, name) : NULL;
    const struct result_metric *lower = by != NULL ? result_metric(by, name) : NULL;
    double values[RESULT_RUNS_MAX];
    size_t count = 0;
    for (size_t i = 0;
         upper != NULL && lower != NULL && i < upper->runs_count && i < lower->runs_count;
         i++) {
        if (lower->runs[i] > 0) {
            values[count++] = upper->runs[i] / lower->runs[i];
        }
    }
    return count > 0 ? result_median_of(values, count) : (double)NAN;
}

static void add_acks(struct result_document *document, const struct result *acked)
{
    const struct result *plain = variant_of(document, acked->bench, acked->workers, at_most);
    const char *plural = acked->workers == 1 ? "" : "s";
    result_ratio(document, "share", 1 - quotient(acked, plain, per_cpu),
                 "price of acks, %s, %u worker%s", acked->bench, acked->workers, plural);
    result_ratio(document, "share", 1 - quotient(acked, plain, in_all),
                 "price of acks in all, %s, %u worker%s", acked->bench, acked->workers, plural);
}

static void add_wire(struct result_document *document, const struct result *two)
{
    const struct result *one = variant_of(document, two->bench, 1, two->guarantee);
    result_ratio(document, "share", 1 - quotient(two, one, per_cpu),
                 "price of the wire, %s, %s", two->bench, two->guarantee);
    result_ratio(document, "times", quotient(two, one, in_all),
                 "two workers against one, %s, %s", two->bench, two->guarantee);
}

static void add_cross(struct result_document *document, const char *guarantee)
{
    const struct result *cross = variant_of(document, "wordcount-cross", 2, guarantee);
    const struct result *one = variant_of(document, "wordcount", 1, guarantee);
    result_ratio(document, "share", 1 - quotient(cross, one, per_cpu),
                 "price of the wire when every word crosses, wordcount, %s", guarantee);
}

static void add_limit(struct result_document *document, const struct result *limit)
{
    const struct result *real =
        variant_of(document, "wordcount", limit->workers, limit->guarantee);
    const char *plural = limit->workers == 1 ? "" : "s";
    result_ratio(document, "share", quotient(real, limit, per_cpu),
                 "share of the limit per CPU-second, wordcount, %u worker%s, %s",
                 limit->workers, plural, limit->guarantee);
    result_ratio(document, "share", quotient(real, limit, in_all),
                 "share of the limit in all, wordcount, %u worker%s, %s", limit->workers,
                 plural, limit->guarantee);
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

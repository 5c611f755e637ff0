/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a key in the count bolt. Two runs of the same topology and number of tuples, one with
 * distinct keys and one with a single key of the same size; each then pauses, and the difference of
 * the workers' resident memory in the pause, by the number of keys, is what a key costs. Twice: with
 * short keys, which the table holds in its slots, and with long ones.
 */
#include "suite/kinds.h"

#include "suite/tally.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS_COUNT = 1000000,
    KEYS_COUNT_TINY = 20000,
    KEYS_PER_S = 500000, /* In open loop: a slow machine takes longer and loses nothing. */
    KEYS_TEXT_SIZE = 128,
};

static const struct variant {
    const char *name;
    const char *prefix; /* Of the keys; a number follows. */
} variants[] = {
    {"short", "key-"},
    {"long", "a-key-of-more-than-thirty-two-bytes-"},
};

struct look {
    uint64_t wanted; /* Tuples before the pause. */
    double rss_kb;   /* Of the worker in the pause; NAN: not seen. */
};

/* The last sample of the pause counts: all was executed and nothing is on its way. */
static void on_sample(void *self, const struct bench_sample *sample)
{
    struct look *look = self;
    const struct bench_component *count = bench_sample_component(sample, "count");
    if (count != NULL && count->since.executed == look->wanted && sample->workers_count == 1) {
        look->rss_kb = (double)sample->workers[0].rss_kb;
    }
}

static unsigned digits_of(uint64_t number)
{
    unsigned digits = 1;
    for (; number >= 10; number /= 10) {
        digits++;
    }
    return digits;
}

/* One run. @param is_distinct keys with their number, else one key as long as the largest. */
static enum bench_end measure(const struct bench_context *context, struct result *result,
                              const char *prefix, uint64_t keys, bool is_distinct,
                              double *rss_kb)
{
    char text[KEYS_TEXT_SIZE], fill[KEYS_TEXT_SIZE], count[KEYS_TEXT_SIZE],
        rate[KEYS_TEXT_SIZE];
    struct look look = {.wanted = keys, .rss_kb = (double)NAN};
    if (is_distinct) {
        snprintf(text, sizeof text, "text=%s{seq}", prefix);
    } else {
        snprintf(text, sizeof text, "text=%s%0*d", prefix, (int)digits_of(keys), 0);
    }
    snprintf(rate, sizeof rate, "rate=%d", KEYS_PER_S);
    snprintf(fill, sizeof fill, "fill=%" PRIu64 "ms", keys * 1000 / KEYS_PER_S);
    snprintf(count, sizeof count, "count=%" PRIu64, keys + 1);
    const char *const defines[] = {text, rate, fill, count, NULL};
    struct bench_launch launch = {.defines = defines,
                                  .deadline_s = 120,
                                  .on_sample = on_sample,
                                  .self = &look,
                                  .is_shown = is_distinct};
    struct bench_report report;
    enum bench_end end = bench_run(context, &launch, &report, result);
    if (end != BENCH_DONE) {
        return end;
    }
    if (!bench_check_acks(context, &report, result)) {
        return bench_refused(&report);
    }
    if (isnan(look.rss_kb)) {
        result_fail(result, "no sample was taken while all %" PRIu64 " keys were held", keys);
        return BENCH_BUSY;
    }
    *rss_kb = look.rss_kb;
    return BENCH_DONE;
}

/* Every key 0 … keys is there exactly once. */
static bool check_keys(const struct bench_context *context, const char *prefix, uint64_t keys,
                       struct result *result)
{
    char path[PATH_MAX], error[512] = "", key[KEYS_TEXT_SIZE];
    struct tally found;
    snprintf(path, sizeof path, "%s/result", context->temp);
    tally_init(&found);
    bool is_right = tally_read(&found, path, error, sizeof error);
    if (is_right && (found.count != keys + 1 || found.sum != keys + 1)) {
        snprintf(error, sizeof error, "%zu keys with a sum of %" PRIu64 " instead of %" PRIu64,
                 found.count, found.sum, keys + 1);
        is_right = false;
    }
    for (uint64_t i = 0; is_right && i <= keys; i++) {
        snprintf(key, sizeof key, "%s%" PRIu64, prefix, i);
        if (tally_of(&found, key) != 1) {
            snprintf(error, sizeof error, "%s was counted %" PRIu64 " times", key,
                     tally_of(&found, key));
            is_right = false;
        }
    }
    tally_fini(&found);
    if (!is_right) {
        result_fail(result, "wrong counts: %s", error);
    }
    return is_right;
}

/* Mean size of the keys PREFIX0 … PREFIX(keys − 1). */
static double mean_size(const char *prefix, uint64_t keys)
{
    uint64_t digits = 0, from = 0;
    for (uint64_t power = 10; from < keys; power *= 10) {
        uint64_t until = power < keys ? power : keys;
        digits += (until - from) * digits_of(power - 1);
        from = until;
    }
    return (double)strlen(prefix) + (double)digits / (double)keys;
}

enum bench_end kind_keys(const struct bench_context *context, struct result *result)
{
    uint64_t keys = context->settings->tiny ? KEYS_COUNT_TINY : KEYS_COUNT;
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        const struct variant *variant = &variants[i];
        char name[RESULT_NAME_SIZE];
        double one_kb = 0, all_kb = 0;
        enum bench_end end = measure(context, result, variant->prefix, keys, false, &one_kb);
        if (end == BENCH_DONE) {
            end = measure(context, result, variant->prefix, keys, true, &all_kb);
        }
        if (end != BENCH_DONE) {
            return end;
        }
        if (!check_keys(context, variant->prefix, keys, result)) {
            return BENCH_WRONG;
        }
        snprintf(name, sizeof name, "bytes_per_key_%s", variant->name);
        result_metric_add(result, name, "bytes", RESULT_LOWER,
                          (all_kb - one_kb) * 1024 / (double)keys);
        snprintf(name, sizeof name, "key_size_%s", variant->name);
        result_metric_add(result, name, "bytes", RESULT_LOWER,
                          mean_size(variant->prefix, keys));
        snprintf(name, sizeof name, "worker_mb_%s", variant->name);
        result_metric_add(result, name, "MB", RESULT_LOWER, all_kb / 1024);
    }
    result_check(result, "each of %" PRIu64 " short and long keys was counted exactly once",
                 keys + 1);
    return BENCH_DONE;
}

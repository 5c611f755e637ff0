/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storm's own performance set (storm-perf) and what belongs to it: constants, word counts, a
 * throttled spout, a slow bolt, throughput against latency (storm-loadgen), and the hand-written
 * limits beside the word count.
 */
#include "suite/catalogue.h"

#include "base/rng.h"
#include "suite/checks.h"
#include "suite/child.h"
#include "suite/json/run_json.h"
#include "suite/throughput.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- File word count ------------------------------------------------------------------------ */

enum {
    FILE_SIZE = 1024 * 1024,
    FILE_VOCABULARY = 1000,
    FILE_WORD_MIN = 2,
    FILE_WORD_MAX = 10,
    FILE_LINE_WORDS = 10,
    /* Passes over the file that a second can take at most, a few GB. */
    FILE_PASSES_PER_S = 400,
};

/* One line of words from the vocabulary; word n is a function of the seed and n. */
static void write_line(FILE *file, struct rng *rng, uint64_t seed)
{
    for (unsigned i = 0; i < FILE_LINE_WORDS; i++) {
        struct rng letters;
        uint32_t number = rng_below(rng, FILE_VOCABULARY);
        rng_seed(&letters, mix64(seed) ^ number);
        uint32_t length =
            FILE_WORD_MIN + rng_below(&letters, FILE_WORD_MAX - FILE_WORD_MIN + 1);
        for (uint32_t at = 0; at < length; at++) {
            fputc('a' + (int)rng_below(&letters, 26), file);
        }
        fputc(i + 1 < FILE_LINE_WORDS ? ' ' : '\n', file);
    }
}

/* TEMP/words.txt, and TEMP/input/ full of links to it: the spout reads the same megabyte on. */
static bool prepare_file(const struct bench_context *context, struct result *result)
{
    char path[PATH_MAX], link_path[PATH_MAX];
    struct rng rng;
    uint64_t seed = bench_seed(context);
    double run_s = context->settings->duration_s + context->settings->warmup_s;
    unsigned passes = (unsigned)(FILE_PASSES_PER_S * (run_s + 1));
    snprintf(path, sizeof path, "%s/words.txt", context->temp);
    FILE *file = fopen(path, "we");
    rng_seed(&rng, seed);
    while (file != NULL && ftell(file) < FILE_SIZE && !ferror(file)) {
        write_line(file, &rng, seed);
    }
    snprintf(link_path, sizeof link_path, "%s/input", context->temp);
    bool is_made = file != NULL && fclose(file) == 0 && mkdir(link_path, 0700) == 0;
    for (unsigned i = 0; is_made && i < passes; i++) {
        snprintf(link_path, sizeof link_path, "%s/input/%06u.txt", context->temp, i);
        is_made = symlink("../words.txt", link_path) == 0;
    }
    if (!is_made) {
        result_fail(result, "cannot make the input in %s: %s; free some disk space",
                    context->temp, strerror(errno));
    }
    return is_made;
}

/* With two workers half of the tuples cross, so that there is a price of the wire to see. */
static const char *const shuffle_defines[] = {"grouping=shuffle", NULL};
static const char *const file_defines[] = {"input=@temp@/input/*.txt", NULL};

/* ---- Back-pressure -------------------------------------------------------------------------- */

/* Credit is given for bytes and used by batches, so that the last one may reach beyond it. */
enum { PRESSURE_BATCH_SIZE = 64 * 1024 };

/* A run at full speed whose spout was not held up, or whose queues never filled, shows nothing. */
static const double pressure_fill_least = 0.5;

struct pressure {
    double fill_max;
    bool is_over; /* An inbox held more than its bound and the batch that reached it. */
    bool is_begun;
    double from_s, until_s;               /* After the warm-up, before the drain. */
    uint64_t blocked_from, blocked_until; /* ns of the spout. */
};

static void note_fill(void *self, const struct bench_sample *sample)
{
    struct pressure *pressure = self;
    const struct bench_component *spout = bench_sample_component(sample, "constant");
    pressure->fill_max = fmax(pressure->fill_max, sample->queue);
    for (size_t i = 0; i < sample->components_count; i++) {
        const struct bench_component *at = &sample->components[i];
        if (at->queue_bytes_max > 0 &&
            at->queue_bytes > at->queue_bytes_max + PRESSURE_BATCH_SIZE) {
            pressure->is_over = true;
        }
    }
    if (spout == NULL || sample->warming || sample->draining) {
        return;
    }
    if (!pressure->is_begun) {
        pressure->is_begun = true;
        pressure->from_s = sample->elapsed_s;
        pressure->blocked_from = spout->blocked_ns;
    }
    pressure->until_s = sample->elapsed_s;
    pressure->blocked_until = spout->blocked_ns;
}

/* The share of the time in which the spout had no room for what it would have emitted. */
static double blocked_share(const struct pressure *pressure)
{
    double time_s = pressure->until_s - pressure->from_s;
    double blocked_s = ((double)pressure->blocked_until - (double)pressure->blocked_from) / 1e9;
    return time_s > 0 && blocked_s >= 0 ? blocked_s / time_s : (double)NAN;
}

static enum bench_end kind_pressure(const struct bench_context *context, struct result *result)
{
    struct pressure pressure = {0};
    struct bench_launch launch = {.on_sample = note_fill, .self = &pressure};
    struct bench_report report;
    enum bench_end end = throughput_run(context, &launch, &report, result);
    if (end != BENCH_DONE) {
        return end;
    }
    double blocked = blocked_share(&pressure);
    result_metric_add(result, "queue_fill_max", "share", RESULT_LOWER, pressure.fill_max);
    result_metric_add(result, "spout_blocked", "share", RESULT_LOWER, blocked);
    if (pressure.is_over) {
        result_fail(result, "an inbox grew beyond its bound (inbox_size)");
        return BENCH_WRONG;
    }
    if (!context->settings->tiny &&
        !(pressure.fill_max >= pressure_fill_least && blocked > 0)) {
        result_fail(
            result,
            "there was no back-pressure: the fullest queue had %.0f %% of its bound, the "
            "spout was held up for %.0f %% of the time",
            pressure.fill_max * 100, isnan(blocked) ? 0 : blocked * 100);
        return BENCH_WRONG;
    }
    result_check(result,
                 "each bolt executed exactly the %" PRIu64
                 " tuples that were emitted, and no inbox grew beyond its bound",
                 bench_report_spouts(&report).emitted);
    return BENCH_DONE;
}

/* ---- Limits --------------------------------------------------------------------------------- */

static double cpu_of_children(double *user)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    *user = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    return (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

/* The program checks its counts itself, exactly, and ends with another code when they are wrong. */
static enum bench_end judge_limit(const struct child *child, struct result *result)
{
    const char *text = (const char *)child->output.data;
    if (!WIFEXITED(child->status) || WEXITSTATUS(child->status) != 0 ||
        child->output.size == 0) {
        result_fail(result, "the limit program failed: %s",
                    child->tail[0] != 0 ? child->tail : "it said nothing");
        return BENCH_WRONG;
    }
    result_metric_add(result, "throughput_per_s", "words/s", RESULT_HIGHER,
                      run_json_number(text, child->output.size, "words_per_s"));
    result_metric_add(result, "throughput_per_cpu_s", "words/s", RESULT_HIGHER,
                      run_json_number(text, child->output.size, "words_per_cpu_s"));
    result_check(result, "the program compared every word's count with what it had sent");
    return BENCH_DONE;
}

static enum bench_end kind_limit(const struct bench_context *context, struct result *result)
{
    char path[PATH_MAX], name[BENCH_NAME_SIZE], seconds[BENCH_NAME_SIZE];
    struct child child;
    const struct child_watch watch = {0};
    double user_before, user_after;
    bool is_acked = strcmp(context->guarantee, "at-least-once") == 0;
    snprintf(path, sizeof path, "%s/limit/wordcount", context->dir);
    snprintf(name, sizeof name, "%s_process%s", context->workers == 1 ? "one" : "two",
             is_acked ? "_acked" : "");
    snprintf(seconds, sizeof seconds, "%.3f", context->settings->duration_s);
    const char *const arguments[] = {path, name, "--seconds", seconds, NULL};
    double system_before = cpu_of_children(&user_before);
    int number = child_start(&child, arguments);
    if (number != 0) {
        result_fail(result, "cannot start %s: %s", path, strerror(number));
        return BENCH_WRONG;
    }
    enum bench_end end = BENCH_INTERRUPTED;
    enum child_end how = child_wait(&child, &watch, context->settings->duration_s * 4 + 60);
    if (how == CHILD_TIMED_OUT) {
        result_fail(result, "%s %s did not end", path, name);
        end = BENCH_WRONG;
    } else if (how == CHILD_EXITED) {
        end = judge_limit(&child, result);
    }
    if (end == BENCH_DONE) {
        double system_after = cpu_of_children(&user_after);
        result_metric_add(result, "cpu_user_s", "s", RESULT_LOWER, user_after - user_before);
        result_metric_add(result, "cpu_system_s", "s", RESULT_LOWER,
                          system_after - system_before);
    }
    child_fini(&child);
    return end;
}

/* ---- Table ---------------------------------------------------------------------------------- */

const struct bench benches_storm[] = {
    {.name = "wordcount",
     .group = "storm",
     .title = "five classic sentences split into words and counted by word",
     .unit = "words",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_BOTH,
     .is_rated = true,
     .run = kind_throughput,
     .file = "wordcount.yaml",
     .measured = "count",
     .check = check_classic,
     .crosses = true},
    {.name = "wordcount-cross",
     .group = "storm",
     .title = "the same with one task each, spread so that every word crosses the wire",
     .unit = "words",
     .workers = BENCH_TWO,
     .guarantees = BENCH_BOTH,
     .is_rated = true,
     .run = kind_throughput,
     .file = "wordcount-cross.yaml",
     .measured = "count",
     .check = check_classic},
    {.name = "const-spout",
     .group = "storm",
     .title = "a spout that emits a constant to nobody",
     .unit = "tuples",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_BOTH,
     .is_rated = true,
     .run = kind_throughput,
     .file = "const-spout.yaml",
     .measured = "constant"},
    {.name = "const-null",
     .group = "storm",
     .title = "constant to a bolt that does nothing",
     .unit = "tuples",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_BOTH,
     .is_rated = true,
     .run = kind_throughput,
     .file = "const-null.yaml",
     .measured = "sink",
     .check = check_all_executed,
     .defines = shuffle_defines,
     .crosses = true},
    {.name = "const-id-null",
     .group = "storm",
     .title = "constant through an identity bolt to one that does nothing",
     .unit = "tuples",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_BOTH,
     .is_rated = true,
     .run = kind_throughput,
     .file = "const-id-null.yaml",
     .measured = "sink",
     .check = check_all_executed,
     .defines = shuffle_defines,
     .crosses = true},
    {.name = "file-wordcount",
     .group = "storm",
     .title = "lines of a megabyte of random words, over and over, split and counted",
     .unit = "words",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_BOTH,
     .run = kind_throughput,
     .file = "file-wordcount.yaml",
     .defines = file_defines,
     .measured = "count",
     .prepare = prepare_file,
     .check = check_file,
     .crosses = true},
    {.name = "words-count",
     .group = "storm",
     .title = "single words counted by word, no splitting",
     .unit = "words",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_BOTH,
     .is_rated = true,
     .run = kind_throughput,
     .file = "words-count.yaml",
     .measured = "count",
     .check = check_words,
     .crosses = true},
    {.name = "low-throughput",
     .group = "storm",
     .title = "latency of a throttled spout, from the intended emit to the ack",
     .unit = "tuples",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_AT_LEAST_ONCE,
     .rate = 200,
     .is_rated = true,
     .run = kind_throughput,
     .file = "const-null.yaml",
     .measured = "sink",
     .check = check_all_executed},
    {.name = "back-pressure",
     .group = "storm",
     .title = "a spout at full speed before a bolt that sleeps 1 ms a tuple",
     .unit = "tuples",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_BOTH,
     .run = kind_pressure,
     .file = "back-pressure.yaml",
     .measured = "sink",
     .check = check_all_executed},
    {.name = "latency",
     .group = "storm",
     .title = "word count at a fixed rate of sentences, open loop, from the intended emit",
     .unit = "sentences",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_AT_LEAST_ONCE,
     .rate = 20000,
     .is_rated = true,
     .run = kind_throughput,
     .file = "wordcount.yaml",
     .measured = "sentences",
     .check = check_classic},
    {.name = "limit",
     .group = "storm",
     .title = "the word count by hand, without an engine: what this machine allows",
     .unit = "words",
     .workers = BENCH_ONE_TWO,
     .guarantees = BENCH_BOTH,
     .run = kind_limit},
    {.name = NULL},
};

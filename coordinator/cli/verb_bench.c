/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale bench NAME…: turns options into settings of the suite, looks on, prints the report. stdout
 * belongs to the report (or with --json to the document), everything else goes to stderr.
 */
#include "base/conf.h"
#include "cli/bench_text.h"
#include "cli/verbs.h"
#include "suite/show.h"
#include "text/term.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BENCH_RUNS = 3,
    BENCH_TIME_MS_MAX = 3600 * 1000,
    BENCH_COMMAND_SIZE = 2048,
};
static const double bench_duration_s = 8;
static const double bench_warmup_s = 2;
static const double bench_tiny_duration_s = 0.5;
static const double bench_tiny_warmup_s = 0.2;
static const double bench_rate_max = 1e9;
/* What a definition can say; less would be taken for no rate at all. */
static const double bench_rate_min = 1e-6;

/* What the shells offer. A test compares it with the catalogue. */
#define BENCH_NAMES \
    "wordcount|wordcount-cross|const-spout|const-null|const-id-null|file-wordcount|" \
    "words-count|low-throughput|back-pressure|latency|limit|startup|recovery|idle|keys|" \
    "overload|scaling|ysb-json|ysb-binary|nexmark-q0|nexmark-q1|nexmark-q2|nexmark-q14|" \
    "nexmark-q21|nexmark-q22|transport|codec|cluster-submit|cluster-idle|cluster-failover|" \
    "cluster-list|cluster-many|cluster-writes|storm|special|cluster|ysb|nexmark|micro|all"

static const struct option_spec bench_option_table[] = {
    {"duration", 0, "TIME", NULL, "Length of a run without its warm-up; default 8s."},
    {"warmup", 0, "TIME", NULL, "What comes before and is not measured; default 2s."},
    {"runs", 0, "N", NULL, "Runs of each variant, 1..64, in rounds; default 3."},
    {"rate", 0, "N", NULL, "Tuples (sentences, words) a second; 0: as fast as it can."},
    {"workers", 'w', "LIST", "1|2|1,2", "Worker processes; default: all that are supported."},
    {"guarantee", 0, "KIND", "at-most-once|at-least-once|both",
     "Guarantee; default: all that are supported."},
    {"seed", 0, "N", NULL, "Seed of the generators; default 1."},
    {"svg", 0, "FILE", "FILE", "Write a chart."},
    {"html", 0, "FILE", "FILE", "Write one self-contained page with charts."},
    {"compare", 0, "FILE", "FILE",
     "Compare with an earlier --json document; exit code 1 on a regression beyond the noise."},
    {"tiny", 0, NULL, NULL, "As short as can be: only the checks mean anything."},
    {"list", 0, NULL, NULL, "List the benchmarks."},
    {NULL, 0, NULL, NULL, NULL},
};

/* ---- Options -------------------------------------------------------------------------------- */

static bool refuse(const struct invocation *call, const char *option, const char *text,
                   const char *hint)
{
    (void)output_fail(call->json, EXIT_USAGE, hint, "--%s cannot be \"%s\"", option, text);
    return false;
}

static bool read_time(const struct invocation *call, const char *option, double *out_s)
{
    const char *text = options_value(call, option);
    int64_t ms;
    if (text == NULL) {
        return true;
    }
    bool is_bare = text[strspn(text, "0123456789.")] == '\0' && strcmp(text, "0") != 0;
    if (is_bare || !conf_parse_duration_ms(text, &ms) || ms < 0 || ms > BENCH_TIME_MS_MAX) {
        return refuse(call, option, text, "write 10s, 500ms or 5m, an hour at most");
    }
    *out_s = (double)ms / 1000;
    return true;
}

static bool read_number(const struct invocation *call, const char *option, double min,
                        double max, double *out)
{
    const char *text = options_value(call, option);
    char hint[128];
    char *end;
    if (text == NULL) {
        return true;
    }
    errno = 0;
    double value = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || errno != 0 || !(value >= min && value <= max)) {
        snprintf(hint, sizeof hint, "write a number from %.0f to %.0f", min, max);
        return refuse(call, option, text, hint);
    }
    *out = value;
    return true;
}

static bool read_whole(const struct invocation *call, const char *option, double min,
                       double max, double *out)
{
    if (!read_number(call, option, min, max, out)) {
        return false;
    }
    return *out == (double)(uint64_t)*out ||
           refuse(call, option, options_value(call, option), "write a whole number");
}

static bool read_sets(const struct invocation *call, struct bench_settings *settings)
{
    const char *workers = options_value(call, "workers");
    const char *guarantee = options_value(call, "guarantee");
    if (workers != NULL) {
        settings->workers = strcmp(workers, "1") == 0   ? BENCH_ONE
                            : strcmp(workers, "2") == 0 ? BENCH_TWO
                                                        : BENCH_ONE_TWO;
    }
    if (guarantee != NULL) {
        settings->guarantees = strcmp(guarantee, "at-most-once") == 0    ? BENCH_AT_MOST_ONCE
                               : strcmp(guarantee, "at-least-once") == 0 ? BENCH_AT_LEAST_ONCE
                                                                         : BENCH_BOTH;
    }
    return true;
}

static bool read_settings(const struct invocation *call, struct bench_settings *settings)
{
    bool is_tiny = options_given(call, "tiny");
    double runs = is_tiny ? 1 : BENCH_RUNS;
    double seed = 1;
    *settings = (struct bench_settings){
        .duration_s = is_tiny ? bench_tiny_duration_s : bench_duration_s,
        .warmup_s = is_tiny ? bench_tiny_warmup_s : bench_warmup_s,
        .rate = -1,
        .tiny = is_tiny,
    };
    if (!read_time(call, "duration", &settings->duration_s) ||
        !read_time(call, "warmup", &settings->warmup_s) ||
        !read_whole(call, "runs", 1, RESULT_RUNS_MAX, &runs) ||
        !read_number(call, "rate", 0, bench_rate_max, &settings->rate) ||
        !read_whole(call, "seed", 0, INT32_MAX, &seed) || !read_sets(call, settings)) {
        return false;
    }
    if (settings->duration_s <= 0) {
        return refuse(call, "duration", options_value(call, "duration"),
                      "write 8s, or 500ms for a quick look");
    }
    if (settings->rate > 0 && settings->rate < bench_rate_min) {
        return refuse(call, "rate", options_value(call, "rate"), "write 0.000001 or more");
    }
    settings->runs = (unsigned)runs;
    settings->seed = (uint64_t)seed;
    return true;
}

static int choose(const struct invocation *call, const struct bench_settings *settings,
                  const struct bench **chosen, size_t *count)
{
    bool is_rated = false;
    bool can_run = false;
    *count = 0;
    for (size_t i = 0; i < call->args_count; i++) {
        if (!suite_choose(call->args[i], chosen, count)) {
            return output_fail(call->json, EXIT_NO_INPUT, "`gale bench --list` lists them",
                               "there is no benchmark \"%s\"", call->args[i]);
        }
    }
    if (call->args_count == 0) {
        (void)suite_choose("wordcount", chosen, count);
    }
    for (size_t i = 0; i < *count; i++) {
        is_rated = is_rated || chosen[i]->is_rated;
        can_run = can_run || suite_can_run(chosen[i], settings);
    }
    if (!can_run) {
        return output_fail(call->json, EXIT_USAGE, "`gale bench --list` shows what there is",
                           "%s does not run with these --workers and --guarantee",
                           chosen[0]->name);
    }
    if (options_given(call, "rate") && !is_rated) {
        return output_fail(call->json, EXIT_USAGE, "leave out --rate",
                           "%s has no rate to choose", chosen[0]->name);
    }
    return EXIT_DONE;
}

/* ---- Running -------------------------------------------------------------------------------- */

static void command_text(const struct invocation *call, char out[BENCH_COMMAND_SIZE])
{
    size_t size = (size_t)snprintf(out, BENCH_COMMAND_SIZE, "gale bench");
    for (size_t i = 0; i < call->args_count && size < BENCH_COMMAND_SIZE; i++) {
        size += (size_t)snprintf(out + size, BENCH_COMMAND_SIZE - size, " %s", call->args[i]);
    }
    for (size_t i = 0; i < call->values_count && size < BENCH_COMMAND_SIZE; i++) {
        const struct option_value *value = &call->values[i];
        size += (size_t)snprintf(out + size, BENCH_COMMAND_SIZE - size, " --%s%s%s",
                                 value->spec->name, value->value != NULL ? " " : "",
                                 value->value != NULL ? value->value : "");
    }
}

static int print_result(const struct invocation *call, const struct result_document *document)
{
    enum gale_err err =
        call->json ? result_write(document, stdout)
                   : bench_text_report(document, stdout, term_width_of(stdout),
                                       output_color_of(stdout, call->color), call->quiet);
    if (err != GALE_OK) {
        return output_fail(call->json, output_code_of(err), "check the disk and the reader",
                           "cannot write the report: %s", gale_err_name(err));
    }
    return EXIT_DONE;
}

/* Looks before minutes of measuring are spent. */
static bool can_write(const struct invocation *call, const char *option, int *code)
{
    const char *path = options_value(call, option);
    FILE *file = path != NULL ? fopen(path, "ae") : NULL;
    if (file != NULL) {
        fclose(file);
    } else if (path != NULL) {
        *code = output_fail(call->json, EXIT_IO, "choose another file", "cannot write %s: %s",
                            path, strerror(errno));
        return false;
    }
    return true;
}

static int write_file(const struct invocation *call, const char *option,
                      enum gale_err (*write)(const struct result_document *, FILE *),
                      const struct result_document *document)
{
    const char *path = options_value(call, option);
    if (path == NULL) {
        return EXIT_DONE;
    }
    FILE *file = fopen(path, "we");
    enum gale_err err = file != NULL ? write(document, file) : GALE_ERR_IO;
    if (file != NULL && fclose(file) != 0) {
        err = GALE_ERR_IO;
    }
    if (err != GALE_OK) {
        return output_fail(call->json, EXIT_IO, "choose another file", "cannot write %s: %s",
                           path, errno != 0 ? strerror(errno) : gale_err_name(err));
    }
    return EXIT_DONE;
}

/* Prints everything that was asked for. The suite's own code comes first: a wrong result is worse
 * than a slower one. */
static int show(const struct invocation *call, const struct result_document *document,
                const struct result_document *before, int code)
{
    int printed = print_result(call, document);
    int svg = write_file(call, "svg", svg_write, document);
    int html = write_file(call, "html", html_write, document);
    size_t regressions = 0;
    if (before != NULL) {
        FILE *file = call->json ? stderr : stdout;
        fputc('\n', file);
        regressions = compare_print(before, document, file, term_width_of(file),
                                    output_color_of(file, call->color));
    }
    const int codes[] = {code, printed, svg, html, regressions > 0 ? EXIT_NO : EXIT_DONE};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] != EXIT_DONE) {
            return codes[i];
        }
    }
    return EXIT_DONE;
}

static int run_suite(const struct invocation *call, const struct bench *const *chosen,
                     size_t chosen_count, const struct bench_settings *settings,
                     const struct result_document *before)
{
    static char gale[PATH_MAX], dir[PATH_MAX], command[BENCH_COMMAND_SIZE];
    struct result_document document;
    ssize_t size = readlink("/proc/self/exe", gale, sizeof gale - 1);
    if (size <= 0) {
        return output_fail(call->json, EXIT_INTERNAL, "mount /proc",
                           "cannot find gale's own path: %s", strerror(errno));
    }
    gale[size] = '\0';
    if (!suite_find_dir(gale, dir)) {
        return output_fail(call->json, EXIT_NO_INPUT,
                           "set GALE_BENCH_DIR to a directory with wordcount.yaml",
                           "cannot find the benchmarks' topologies beside %s", gale);
    }
    result_document_init(&document);
    command_text(call, command);
    suite_describe(&document, command);
    struct live *live = call->quiet
                            ? NULL
                            : live_new(stderr, term_moves_cursor() ? term_width_of(stderr) : 0,
                                       output_color_of(stderr, call->color));
    struct bench_watcher watcher = {0};
    if (live != NULL) {
        watcher = live_watcher(live);
    }
    int code = suite_run(chosen, chosen_count, settings, gale, dir, &watcher, &document);
    live_free(live);
    code = show(call, &document, before, code);
    result_document_fini(&document);
    return code;
}

static int run(const struct invocation *call)
{
    const struct bench *chosen[BENCH_ALL_MAX];
    size_t chosen_count;
    struct bench_settings settings;
    struct result_document before;
    char error[512];
    if (options_given(call, "list") && call->json) {
        bench_json_list(stdout);
        return EXIT_DONE;
    }
    if (options_given(call, "list")) {
        enum gale_err err = bench_text_list(stdout, term_width_of(stdout),
                                            output_color_of(stdout, call->color), call->quiet);
        return err == GALE_OK ? EXIT_DONE
                              : output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    if (!read_settings(call, &settings)) {
        return EXIT_USAGE;
    }
    int code = choose(call, &settings, chosen, &chosen_count);
    if (code != EXIT_DONE) {
        return code;
    }
    if (!can_write(call, "svg", &code) || !can_write(call, "html", &code)) {
        return code;
    }
    const char *path = options_value(call, "compare");
    if (path != NULL) {
        enum gale_err err = result_read(path, &before, error, sizeof error);
        if (err != GALE_OK) {
            return output_fail(call->json,
                               err == GALE_ERR_NOT_FOUND ? EXIT_NO_INPUT : EXIT_INVALID,
                               "`gale bench --json >FILE` makes one", "%s", error);
        }
    }
    code = run_suite(call, chosen, chosen_count, &settings, path != NULL ? &before : NULL);
    if (path != NULL) {
        result_document_fini(&before);
    }
    return code;
}

const struct verb_spec verb_bench = {
    .name = "bench",
    .arguments = "[NAME...]",
    .summary = "Measures this machine's throughput and latency, with exact checks.",
    .examples = {"gale bench", "gale bench storm --runs 5 --json >today.json"},
    .completes = BENCH_NAMES,
    .options = bench_option_table,
    .args_max = BENCH_ALL_MAX,
    .run = run,
    .notes =
        "NAME is a benchmark or a group: storm, special, cluster, ysb, nexmark, micro, all; "
        "without one wordcount is run. Every run goes through `gale run`, or through a cluster "
        "of its own, and is checked exactly; a wrong result is exit code 1. The variants "
        "alternate, A B A B, and medians are shown. Topologies and "
        "modules are found beside the binary, or in GALE_BENCH_DIR.",
};

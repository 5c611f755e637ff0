/* SPDX-License-Identifier: Apache-2.0 */
/* The rounds of the suite with benchmarks that only write down that they ran. */
#include "suite/suite.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char order[512];
static unsigned fails_in_round; /* 0 = never; round + 1 */
static bool raises;
static char last_temp[PATH_MAX];

static enum bench_end note_run(const struct bench_context *context, struct result *result)
{
    struct stat info;
    const struct result_point point = {.t_s = context->round};
    size_t at = strlen(order);
    snprintf(order + at, sizeof order - at, "%s%u%c%u ", context->bench->name, context->workers,
             context->guarantee[0] != 0 ? context->guarantee[3] : '-', context->round);
    assert_int_equal(stat(context->temp, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    strcpy(last_temp, context->temp);
    if (raises) {
        raise(SIGTERM);
        return BENCH_INTERRUPTED;
    }
    if (context->round + 1 == fails_in_round && context->workers == 1) {
        result_fail(result, "round %u is wrong", context->round);
        return BENCH_WRONG;
    }
    /* 10, 30, 20: the median is the last round's. */
    const double values[] = {10, 30, 20};
    result_metric_add(result, "throughput_per_s", "x/s", RESULT_HIGHER, values[context->round]);
    result_metric_add(result, "rate", "x/s", RESULT_HIGHER, context->rate);
    result_series_set(result, &point, 1);
    return BENCH_DONE;
}

static const struct bench plain = {.name = "a",
                                   .title = "t",
                                   .workers = BENCH_ONE_TWO,
                                   .guarantees = BENCH_BOTH,
                                   .rate = 7,
                                   .is_rated = true,
                                   .run = note_run};
static const struct bench once = {.name = "b", .title = "t", .is_once = true, .run = note_run};
static const struct bench *const both[] = {&plain, &once};

static int run_all(const struct bench_settings *settings, struct result_document *document)
{
    order[0] = '\0';
    result_document_init(document);
    return suite_run(both, 2, settings, "/nowhere/gale", "/nowhere", NULL, document);
}

static void suite_rounds_alternate_the_variants(void **state)
{
    const struct bench_settings settings = {.runs = 3, .rate = -1, .workers = BENCH_ONE};
    struct result_document document;
    (void)state;
    assert_int_equal(run_all(&settings, &document), 0);
    /* At-least-once and at-most-once by their fourth letter. */
    assert_string_equal(order, "a1l0 a1m0 b0-0 a1l1 a1m1 a1l2 a1m2 ");
    assert_int_equal(document.results_count, 3);
    const struct result *first = document.results[0];
    assert_string_equal(first->id, "a/workers=1/at-least-once");
    assert_int_equal(result_metric(first, "throughput_per_s")->runs_count, 3);
    assert_int_equal(first->series_count, 1);
    assert_true(first->series[0].t_s == 2);
    assert_true(result_median(first, "rate") == 7);
    assert_string_equal(document.results[2]->id, "b");
    assert_int_equal(access(last_temp, F_OK), -1);
    result_document_fini(&document);
}

static void suite_wrong_variant_is_left_out_afterwards(void **state)
{
    const struct bench_settings settings = {
        .runs = 3, .rate = 5, .workers = BENCH_ONE_TWO, .guarantees = BENCH_AT_LEAST_ONCE};
    struct result_document document;
    (void)state;
    fails_in_round = 2;
    assert_int_equal(run_all(&settings, &document), 1);
    fails_in_round = 0;
    assert_string_equal(order, "a1l0 a2l0 b0-0 a1l1 a2l1 a2l2 ");
    assert_int_equal(document.results[0]->status, RESULT_FAILED);
    assert_string_equal(document.results[0]->error, "round 1 is wrong");
    assert_int_equal(document.results[1]->status, RESULT_OK);
    assert_true(result_median(document.results[1], "rate") == 5);
    result_document_fini(&document);
}

static void suite_what_cannot_run_is_left_out(void **state)
{
    static const struct bench two = {.name = "c",
                                     .title = "t",
                                     .workers = BENCH_TWO,
                                     .guarantees = BENCH_BOTH,
                                     .run = note_run};
    static const struct bench *const list[] = {&two, &plain};
    const struct bench_settings settings = {
        .runs = 1, .rate = -1, .workers = BENCH_ONE, .guarantees = BENCH_AT_MOST_ONCE};
    struct result_document document;
    (void)state;
    order[0] = '\0';
    result_document_init(&document);
    assert_false(suite_can_run(&two, &settings));
    assert_true(suite_can_run(&once, &settings));
    assert_int_equal(suite_run(list, 2, &settings, "/x", "/x", NULL, &document), 0);
    assert_string_equal(order, "a1m0 ");
    assert_int_equal(document.results_count, 1);
    result_document_fini(&document);
}

static void suite_signal_ends_it_with_its_number(void **state)
{
    const struct bench_settings settings = {.runs = 3, .rate = -1};
    struct result_document document;
    (void)state;
    raises = true;
    assert_int_equal(run_all(&settings, &document), 128 + SIGTERM);
    raises = false;
    assert_string_equal(order, "a1l0 ");
    assert_int_equal(access(last_temp, F_OK), -1);
    assert_false(bench_is_interrupted());
    result_document_fini(&document);
}

static unsigned busy_runs; /* So many runs show nothing. */
static double last_duration_s;

static enum bench_end busy_run(const struct bench_context *context, struct result *result)
{
    last_duration_s = context->settings->duration_s;
    if (busy_runs > 0) {
        busy_runs--;
        result_fail(result, "nothing was emitted");
        return BENCH_BUSY;
    }
    result_metric_add(result, "m", "x", RESULT_HIGHER, 1);
    return BENCH_DONE;
}

static void suite_tiny_run_of_a_busy_machine_is_made_again(void **state)
{
    static const struct bench bench = {.name = "d", .title = "t", .run = busy_run};
    static const struct bench *const list[] = {&bench};
    struct bench_settings settings = {.runs = 1, .rate = -1, .duration_s = 1, .tiny = true};
    struct result_document document;
    (void)state;
    busy_runs = 2;
    result_document_init(&document);
    assert_int_equal(suite_run(list, 1, &settings, "/x", "/x", NULL, &document), 0);
    assert_int_equal(document.results[0]->status, RESULT_OK);
    assert_null(document.results[0]->error);
    assert_true(last_duration_s == 16);
    result_document_fini(&document);
    /* Not for ever, and a run whose figures count is a failure at once. */
    for (unsigned tiny = 0; tiny < 2; tiny++) {
        settings.tiny = tiny == 1;
        busy_runs = 99;
        result_document_init(&document);
        assert_int_equal(suite_run(list, 1, &settings, "/x", "/x", NULL, &document), 1);
        assert_string_equal(document.results[0]->error, "nothing was emitted");
        assert_int_equal(99 - busy_runs, tiny == 1 ? 4 : 1);
        result_document_fini(&document);
    }
}

static void suite_names_choose_benchmarks_and_groups_once(void **state)
{
    const struct bench *chosen[BENCH_ALL_MAX], *all[BENCH_ALL_MAX];
    size_t count = 0;
    (void)state;
    assert_false(suite_choose("nosuch", chosen, &count));
    assert_int_equal(count, 0);
    assert_true(suite_choose("latency", chosen, &count));
    assert_true(suite_choose("latency", chosen, &count));
    assert_int_equal(count, 1);
    assert_true(suite_choose("storm", chosen, &count));
    assert_true(suite_choose("all", chosen, &count));
    assert_int_equal(count, suite_all(all));
    assert_string_equal(chosen[0]->name, "latency");
    for (size_t i = 0; i < count; i++) {
        assert_non_null(all[i]->run);
        assert_non_null(all[i]->group);
        assert_true(strlen(all[i]->title) > 10);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(all[i]->name, all[j]->name);
        }
    }
}

static void suite_topologies_are_found_beside_the_binary(void **state)
{
    char root[] = "/tmp/gale-dirs-XXXXXX", gale[256], bench[256], file[300], dir[PATH_MAX];
    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(gale, sizeof gale, "%s/gale", root);
    snprintf(bench, sizeof bench, "%s/bench", root);
    snprintf(file, sizeof file, "%s/wordcount.yaml", bench);
    unsetenv("GALE_BENCH_DIR");
    assert_false(suite_find_dir(gale, dir));
    assert_int_equal(mkdir(bench, 0700), 0);
    assert_false(suite_find_dir(gale, dir));
    FILE *made = fopen(file, "w");
    assert_non_null(made);
    fclose(made);
    assert_true(suite_find_dir(gale, dir));
    assert_string_equal(dir, bench);
    setenv("GALE_BENCH_DIR", "/nowhere", 1);
    assert_false(suite_find_dir(gale, dir));
    setenv("GALE_BENCH_DIR", bench, 1);
    assert_true(suite_find_dir("/elsewhere/gale", dir));
    unsetenv("GALE_BENCH_DIR");
    unlink(file);
    rmdir(bench);
    rmdir(root);
}

static void suite_describes_machine_and_versions(void **state)
{
    struct result_document document;
    (void)state;
    result_document_init(&document);
    suite_describe(&document, "gale bench x");
    assert_string_equal(document.command, "gale bench x");
    assert_true(document.machine.cores >= 1 && document.machine.memory_mb > 0);
    assert_true(strlen(document.machine.kernel) > 0 && strlen(document.commit) > 0);
    assert_int_equal(strlen(document.started), strlen("2026-11-21T07:00:00Z"));
    result_document_fini(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suite_rounds_alternate_the_variants),
        cmocka_unit_test(suite_wrong_variant_is_left_out_afterwards),
        cmocka_unit_test(suite_what_cannot_run_is_left_out),
        cmocka_unit_test(suite_signal_ends_it_with_its_number),
        cmocka_unit_test(suite_tiny_run_of_a_busy_machine_is_made_again),
        cmocka_unit_test(suite_names_choose_benchmarks_and_groups_once),
        cmocka_unit_test(suite_topologies_are_found_beside_the_binary),
        cmocka_unit_test(suite_describes_machine_and_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

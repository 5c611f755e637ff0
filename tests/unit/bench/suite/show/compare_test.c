/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the comparison: what is a regression, a gain, noise; other machines; missing results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "show_fixture.h"
#include "suite/show.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct result_document old, new;
static char *text;
static size_t size;

static int make(void **state)
{
    (void)state;
    fixture_document(&old);
    fixture_document(&new);
    text = NULL;
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    result_document_fini(&old);
    result_document_fini(&new);
    free(text);
    return 0;
}

static size_t compare(void)
{
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    size_t worse = compare_print(&old, &new, file, 0, false);
    fclose(file);
    return worse;
}

/* Replaces what the metric was by these runs. */
static void set(struct result *result, const char *name, const double *runs, size_t count)
{
    for (size_t i = 0; i < result->metrics_count; i++) {
        struct result_metric *metric = &result->metrics[i];
        if (strcmp(metric->name, name) == 0) {
            metric->runs_count = 0;
            metric->min = INFINITY;
            metric->max = -INFINITY;
            for (size_t j = 0; j < count; j++) {
                result_metric_add(result, name, metric->unit, metric->better, runs[j]);
            }
            return;
        }
    }
    fail_msg("no metric %s", name);
}

static void compare_equal_documents_have_no_regression(void **state)
{
    (void)state;
    assert_int_equal(compare(), 0);
    assert_int_equal(fixture_count(text, "same within the noise"), 7);
    assert_null(strstr(text, "Warning"));
    assert_non_null(strstr(text, "3 results compared, 0 regressions beyond the noise"));
}

static void compare_less_throughput_is_a_regression(void **state)
{
    (void)state;
    const double runs[] = {3.6e6, 3.61e6, 3.65e6};
    set(new.results[0], "throughput_per_s", runs, 3);
    assert_int_equal(compare(), 1);
    assert_non_null(
        strstr(text, "wordcount/workers=1/at-least-once\tthroughput_per_s\t4.12 M words/s\t"
                     "3.61 M words/s\t-12.4%\t3.0%\tWORSE\n"));
}

static void compare_more_throughput_and_less_latency_are_gains(void **state)
{
    (void)state;
    const double rates[] = {5e6, 5.1e6, 5.2e6};
    const double p99s[] = {900, 910, 905};
    set(new.results[0], "throughput_per_s", rates, 3);
    set(new.results[0], "latency_p99_us", p99s, 3);
    assert_int_equal(compare(), 0);
    assert_int_equal(fixture_count(text, "\tbetter\n"), 2);
}

static void compare_more_latency_is_a_regression(void **state)
{
    (void)state;
    const double p99s[] = {1500, 1510, 1490};
    set(new.results[1], "latency_p99_us", p99s, 3);
    assert_int_equal(compare(), 1);
}

static void compare_noise_of_either_side_hides_a_change(void **state)
{
    (void)state;
    const double noisy[] = {3.2e6, 3.6e6, 4.3e6};
    set(new.results[0], "throughput_per_s", noisy, 3); /* 13 % less, 31 % spread */
    assert_int_equal(compare(), 0);
    free(text);
    const double steady[] = {3.6e6, 3.6e6, 3.6e6};
    set(new.results[0], "throughput_per_s", steady, 3);
    const double before[] = {3.5e6, 4.12e6, 4.2e6}; /* as much on the other side */
    set(old.results[0], "throughput_per_s", before, 3);
    assert_int_equal(compare(), 0);
}

static void compare_small_changes_are_noise(void **state)
{
    (void)state;
    const double steady[] = {100, 100, 100};
    const double less[] = {97.5, 97.5, 97.5};
    set(old.results[0], "throughput_per_s", steady, 3);
    set(new.results[0], "throughput_per_s", less, 3); /* below 3 % */
    const double fast[] = {0.2, 0.2, 0.2};
    const double slow[] = {0.4, 0.4, 0.4};
    set(old.results[0], "latency_p50_us", fast, 3);
    set(new.results[0], "latency_p50_us", slow, 3); /* below a microsecond */
    assert_int_equal(compare(), 0);
}

static void compare_one_run_has_unknown_noise(void **state)
{
    (void)state;
    const double before = 100, little = 92, much = 85;
    set(old.results[0], "throughput_per_s", &before, 1);
    set(new.results[0], "throughput_per_s", &little, 1);
    assert_int_equal(compare(), 0);
    free(text);
    set(new.results[0], "throughput_per_s", &much, 1);
    assert_int_equal(compare(), 1);
}

static void compare_spent_cpu_is_shown_but_not_judged(void **state)
{
    (void)state;
    result_metric_add(old.results[0], "cpu_user_s", "s", RESULT_LOWER, 1);
    result_metric_add(new.results[0], "cpu_user_s", "s", RESULT_LOWER, 9);
    assert_int_equal(compare(), 0);
    assert_non_null(strstr(text, "cpu_user_s\t1.00 s\t9.00 s\t+800.0%\t10.0%\tnot judged\n"));
}

static void compare_missing_and_new_results_are_listed(void **state)
{
    (void)state;
    result_add(&old, "gone", "t", 1, "", "x");
    result_add(&new, "fresh", "t", 1, "", "x");
    assert_int_equal(compare(), 0);
    assert_non_null(strstr(text, "Only in the old results: gone/workers=1\n"));
    assert_non_null(strstr(text, "Only in the new results: fresh/workers=1\n"));
}

static void compare_new_failure_is_a_regression_an_old_one_not(void **state)
{
    (void)state;
    assert_int_equal(compare(), 0); /* "recovery" failed on both sides. */
    assert_non_null(strstr(text, "recovery/workers=2 failed, as before: lost 17 words\n"));
    free(text);
    result_fail(new.results[2], "too late");
    assert_int_equal(compare(), 1);
    assert_non_null(strstr(text, "startup failed now: too late\n"));
}

static void compare_other_machine_is_said(void **state)
{
    (void)state;
    snprintf(new.machine.cpu, sizeof new.machine.cpu, "cpu B");
    new.machine.cores = 8;
    new.duration_s = 5;
    assert_int_equal(compare(), 0);
    assert_non_null(strstr(text, "Warning: the old results come from another machine"));
    assert_non_null(strstr(text, "  CPU: cpu A, now cpu B\n"));
    assert_non_null(strstr(text, "  cores: 2, now 8\n"));
    assert_non_null(strstr(text, "Warning: the runs were not of one length: 2 s after 1 s of "
                                 "warm-up, now 5 s after 1 s\n"));
}

#define COMPARE_TEST(function) cmocka_unit_test_setup_teardown(function, make, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COMPARE_TEST(compare_equal_documents_have_no_regression),
        COMPARE_TEST(compare_less_throughput_is_a_regression),
        COMPARE_TEST(compare_more_throughput_and_less_latency_are_gains),
        COMPARE_TEST(compare_more_latency_is_a_regression),
        COMPARE_TEST(compare_noise_of_either_side_hides_a_change),
        COMPARE_TEST(compare_small_changes_are_noise),
        COMPARE_TEST(compare_one_run_has_unknown_noise),
        COMPARE_TEST(compare_spent_cpu_is_shown_but_not_judged),
        COMPARE_TEST(compare_missing_and_new_results_are_listed),
        COMPARE_TEST(compare_new_failure_is_a_regression_an_old_one_not),
        COMPARE_TEST(compare_other_machine_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

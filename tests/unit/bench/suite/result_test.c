/* SPDX-License-Identifier: Apache-2.0 */
/* The result document: medians, failures, ratios; written as JSON and read back the same. */
#include "suite/result.h"

#include "suite/ratios.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void add_runs(struct result *result, const char *name, enum result_better better,
                     const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        result_metric_add(result, name, "x/s", better, values[i]);
    }
}

static void result_odd_runs_have_the_middle_as_median(void **state)
{
    const double values[] = {9, 1, 5};
    struct result_document document;
    (void)state;
    result_document_init(&document);
    struct result *result = result_add(&document, "b", "t", 1, "at-least-once", "words");
    add_runs(result, "m", RESULT_HIGHER, values, 3);
    const struct result_metric *metric = result_metric(result, "m");
    assert_non_null(metric);
    assert_true(metric->median == 5 && metric->min == 1 && metric->max == 9);
    assert_true(metric->runs[0] == 9 && metric->runs_count == 3);
    assert_string_equal(result->id, "b/workers=1/at-least-once");
    result_document_fini(&document);
}

static void result_even_runs_have_the_mean_of_the_middle(void **state)
{
    const double values[] = {4, 1, 3, 100};
    (void)state;
    assert_true(result_median_of(values, 4) == 3.5);
    assert_true(values[0] == 4);
}

static void result_not_finite_values_are_left_out(void **state)
{
    struct result_document document;
    (void)state;
    result_document_init(&document);
    struct result *result = result_add(&document, "b", "t", 0, "", "");
    result_metric_add(result, "m", "s", RESULT_LOWER, (double)NAN);
    result_metric_add(result, "m", "s", RESULT_LOWER, (double)INFINITY);
    assert_null(result_metric(result, "m"));
    assert_true(isnan(result_median(result, "m")));
    result_ratio(&document, "share", (double)NAN, "none");
    assert_int_equal(document.ratios_count, 0);
    assert_string_equal(result->id, "b");
    result_document_fini(&document);
}

static void result_first_failure_stays(void **state)
{
    struct result_document document;
    (void)state;
    result_document_init(&document);
    struct result *result = result_add(&document, "b", "t", 2, "", "");
    result_fail(result, "first %d", 1);
    result_fail(result, "second");
    assert_int_equal(result->status, RESULT_FAILED);
    assert_string_equal(result->error, "first 1");
    assert_ptr_equal(result_find(&document, "b/workers=2"), result);
    assert_null(result_find(&document, "b"));
    result_document_fini(&document);
}

/* A document with everything in it. */
static void fill(struct result_document *document)
{
    const double values[] = {3.25, 1.5, 1e12};
    const struct result_point points[] = {{0.25, (double)NAN, (double)NAN, 9, 1, 0, 20.5},
                                          {0.5, 1e6, 3, 9, 2, 1, 21}};
    result_document_init(document);
    strcpy(document->commit, "abc123");
    strcpy(document->machine.cpu, "a \"cpu\"");
    document->machine.cores = 2;
    document->machine.memory_mb = 24000;
    document->runs = 3;
    document->warmup_s = 0.5;
    document->duration_s = 8;
    struct result *good =
        result_add(document, "wordcount", "a title", 2, "at-most-once", "words");
    add_runs(good, "throughput_per_s", RESULT_HIGHER, values, 3);
    result_metric_add(good, "latency_p50_us", "us", RESULT_LOWER, 12.5);
    result_check(good, "all %d words", 7);
    result_series_set(good, points, 2);
    struct result *bad = result_add(document, "idle", "another", 1, "", "");
    result_fail(bad, "it was wrong");
    result_ratio(document, "share", 0.25, "price of %s", "acks");
}

static void write_to(const struct result_document *document, char path[64])
{
    strcpy(path, "/tmp/gale-result-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(result_write(document, file), GALE_OK);
    assert_int_equal(fclose(file), 0);
}

static void result_written_document_reads_back_the_same(void **state)
{
    struct result_document before, after;
    char path[64], error[256];
    (void)state;
    fill(&before);
    write_to(&before, path);
    assert_int_equal(result_read(path, &after, error, sizeof error), GALE_OK);
    unlink(path);
    assert_string_equal(after.commit, "abc123");
    assert_string_equal(after.machine.cpu, "a \"cpu\"");
    assert_int_equal(after.machine.memory_mb, 24000);
    assert_int_equal(after.runs, 3);
    assert_true(after.duration_s == 8 && after.warmup_s == 0.5);
    assert_int_equal(after.results_count, 2);
    const struct result *good = after.results[0];
    const struct result_metric *metric = result_metric(good, "throughput_per_s");
    assert_string_equal(good->id, "wordcount/workers=2/at-most-once");
    assert_string_equal(good->check, "all 7 words");
    assert_null(good->error);
    assert_true(metric->median == 3.25 && metric->max == 1e12 && metric->runs_count == 3);
    assert_int_equal(metric->better, RESULT_HIGHER);
    assert_int_equal(result_metric(good, "latency_p50_us")->better, RESULT_LOWER);
    assert_int_equal(good->series_count, 2);
    assert_true(isnan(good->series[0].rate) && good->series[1].rate == 1e6);
    assert_int_equal(after.results[1]->status, RESULT_FAILED);
    assert_string_equal(after.results[1]->error, "it was wrong");
    assert_int_equal(after.ratios_count, 1);
    assert_true(after.ratios[0].value == 0.25);
    result_document_fini(&before);
    result_document_fini(&after);
}

static void read_text(const char *text, enum gale_err wanted, const char *said)
{
    struct result_document document;
    char path[] = "/tmp/gale-result-XXXXXX", error[256] = "";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    assert_int_equal(result_read(path, &document, error, sizeof error), wanted);
    assert_non_null(strstr(error, said));
    unlink(path);
}

static void result_other_documents_are_refused(void **state)
{
    struct result_document document;
    char error[256];
    (void)state;
    read_text("", GALE_ERR_INVALID, "not the JSON");
    read_text("[1,", GALE_ERR_INVALID, "not the JSON");
    read_text("{\"schema\":1}", GALE_ERR_INVALID, "no result of");
    read_text("{\"schema\":1,\"kind\":\"gale-bench\",\"results\":[]}", GALE_ERR_INVALID,
              "holds none");
    read_text("{\"schema\":1,\"kind\":\"gale-bench\",\"results\":[{\"id\":3}]}",
              GALE_ERR_INVALID, "not a result");
    read_text("{\"schema\":2,\"kind\":\"gale-bench\",\"results\":[]}", GALE_ERR_INVALID,
              "schema 2");
    assert_int_equal(result_read("/nowhere/x", &document, error, sizeof error),
                     GALE_ERR_NOT_FOUND);
}

static void result_too_many_runs_in_a_file_are_cut(void **state)
{
    struct result_document document;
    char path[] = "/tmp/gale-result-XXXXXX", error[256];
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs("{\"schema\":1,\"kind\":\"gale-bench\",\"results\":[{\"id\":\"b\",\"bench\":\"b\","
          "\"metrics\":"
          "{\"m\":{\"runs\":[0",
          file);
    for (int i = 0; i < 1000; i++) {
        fputs(",1", file);
    }
    fputs("]}}}]}", file);
    fclose(file);
    assert_int_equal(result_read(path, &document, error, sizeof error), GALE_OK);
    assert_int_equal(result_metric(document.results[0], "m")->runs_count, RESULT_RUNS_MAX);
    result_document_fini(&document);
    unlink(path);
}

static struct result *with_rates(struct result_document *document, const char *bench,
                                 unsigned workers, const char *guarantee, double per_cpu,
                                 double in_all)
{
    struct result *result = result_add(document, bench, "t", workers, guarantee, "words");
    for (int i = 0; i < 3; i++) {
        /* The machine slows down from round to round; the ratios must not see it. */
        double slow = 1.0 / (i + 1);
        result_metric_add(result, "throughput_per_cpu_s", "w", RESULT_HIGHER, per_cpu * slow);
        result_metric_add(result, "throughput_per_s", "w", RESULT_HIGHER, in_all * slow);
    }
    return result;
}

static double ratio_of(const struct result_document *document, const char *name)
{
    for (size_t i = 0; i < document->ratios_count; i++) {
        if (strcmp(document->ratios[i].name, name) == 0) {
            return document->ratios[i].value;
        }
    }
    return (double)NAN;
}

static bool near(double value, double wanted)
{
    return fabs(value - wanted) < 1e-9;
}

static void ratios_of_variants_are_taken_round_by_round(void **state)
{
    struct result_document document;
    (void)state;
    result_document_init(&document);
    with_rates(&document, "wordcount", 1, "at-least-once", 80, 40);
    with_rates(&document, "wordcount", 1, "at-most-once", 100, 80);
    with_rates(&document, "wordcount", 2, "at-least-once", 40, 60);
    with_rates(&document, "wordcount-cross", 2, "at-least-once", 20, 60);
    with_rates(&document, "limit", 1, "at-least-once", 160, 160);
    ratios_add(&document);
    assert_true(near(ratio_of(&document, "price of acks, wordcount, 1 worker"), 0.2));
    assert_int_equal(document.ratios[0].rounds, 3);
    assert_true(near(document.ratios[0].min, 0.2) && near(document.ratios[0].max, 0.2));
    assert_true(near(ratio_of(&document, "price of the wire, wordcount, at-least-once"), 0.5));
    assert_true(
        near(ratio_of(&document, "two workers against one, wordcount, at-least-once"), 1.5));
    assert_true(near(ratio_of(&document, "price of the wire when every word crosses, "
                                         "wordcount, at-least-once"),
                     0.75));
    assert_true(near(ratio_of(&document, "share of the limit per CPU-second, wordcount, "
                                         "1 worker, at-least-once"),
                     0.5));
    assert_true(isnan(ratio_of(&document, "price of acks, wordcount, 2 workers")));
    result_document_fini(&document);
}

static void ratios_leave_out_failed_results(void **state)
{
    struct result_document document;
    (void)state;
    result_document_init(&document);
    with_rates(&document, "wordcount", 1, "at-least-once", 80, 40);
    result_fail(with_rates(&document, "wordcount", 1, "at-most-once", 100, 80), "wrong");
    ratios_add(&document);
    assert_int_equal(document.ratios_count, 0);
    result_document_fini(&document);
}

static void ratios_need_three_rounds_and_a_wire(void **state)
{
    struct result_document document;
    (void)state;
    result_document_init(&document);
    with_rates(&document, "const-spout", 1, "at-most-once", 100, 100);
    with_rates(&document, "const-spout", 2, "at-most-once", 90, 180);
    struct result *acked = with_rates(&document, "wordcount", 1, "at-least-once", 80, 40);
    with_rates(&document, "wordcount", 1, "at-most-once", 100, 80);
    acked->metrics[0].runs_count = 2;
    ratios_add(&document);
    /* A spout without bolts sends nothing anywhere. */
    assert_true(isnan(ratio_of(&document, "price of the wire, const-spout, at-most-once")));
    assert_true(
        near(ratio_of(&document, "two workers against one, const-spout, at-most-once"), 1.8));
    assert_true(isnan(ratio_of(&document, "price of acks, wordcount, 1 worker")));
    result_document_fini(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_odd_runs_have_the_middle_as_median),
        cmocka_unit_test(result_even_runs_have_the_mean_of_the_middle),
        cmocka_unit_test(result_not_finite_values_are_left_out),
        cmocka_unit_test(result_first_failure_stays),
        cmocka_unit_test(result_written_document_reads_back_the_same),
        cmocka_unit_test(result_other_documents_are_refused),
        cmocka_unit_test(result_too_many_runs_in_a_file_are_cut),
        cmocka_unit_test(ratios_of_variants_are_taken_round_by_round),
        cmocka_unit_test(ratios_leave_out_failed_results),
        cmocka_unit_test(ratios_need_three_rounds_and_a_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

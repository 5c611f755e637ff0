/* SPDX-License-Identifier: Apache-2.0 */
/* The exact checks must find one missing, one doubled and one foreign word. */
#include "suite/checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const sentences[] = {
    "the cow jumped over the moon",   "an apple a day keeps the doctor away",
    "four score and seven years ago", "snow white and the seven dwarfs",
    "i am at two with nature",
};

/* Counts of so many of each sentence. */
static void count_sentences(struct tally *tally, const uint64_t times[5])
{
    for (size_t i = 0; i < 5; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", sentences[i]);
        for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
            tally_add(tally, word, strlen(word), times[i]);
        }
    }
}

static const uint64_t some[5] = {3, 1, 4, 1, 5};

static void check_classic_right_counts_pass(void **state)
{
    struct tally found;
    char error[256];
    (void)state;
    tally_init(&found);
    count_sentences(&found, some);
    assert_int_equal(tally_of(&found, "the"), 2 * 3 + 1 + 1);
    assert_true(check_classic_counts(&found, 14, error, sizeof error));
    tally_fini(&found);
}

static void check_classic_one_word_too_many_fails(void **state)
{
    struct tally found;
    char error[256];
    (void)state;
    tally_init(&found);
    count_sentences(&found, some);
    tally_add(&found, "jumped", 6, 1);
    assert_false(check_classic_counts(&found, 14, error, sizeof error));
    assert_string_equal(error, "\"jumped\" was counted 4 times, not 3");
    tally_fini(&found);
}

static void check_classic_lost_sentence_fails(void **state)
{
    struct tally found;
    char error[256];
    (void)state;
    tally_init(&found);
    count_sentences(&found, some);
    assert_false(check_classic_counts(&found, 15, error, sizeof error));
    assert_non_null(strstr(error, "15 sentences were emitted, the counts come from 14"));
    tally_fini(&found);
}

static void check_classic_foreign_word_fails(void **state)
{
    struct tally found;
    char error[256];
    (void)state;
    tally_init(&found);
    count_sentences(&found, some);
    tally_add(&found, "gale", 4, 2);
    assert_false(check_classic_counts(&found, 14, error, sizeof error));
    assert_non_null(strstr(error, "\"gale\" was counted 2 times, but never sent"));
    tally_fini(&found);
}

/* Drawn by the generator itself: gale run bench/words-count.yaml -D seed=5 -D count=40 -D workers=2. */
static const struct {
    const char *word;
    uint64_t times;
} drawn[] = {{"gale", 1},  {"marz", 7},    {"breeze", 2}, {"wind", 6},
             {"golda", 3}, {"mike", 2},    {"squall", 4}, {"jackson", 3},
             {"gust", 4},  {"bertels", 3}, {"nathan", 5}};

static void count_drawn(struct tally *tally)
{
    for (size_t i = 0; i < sizeof drawn / sizeof drawn[0]; i++) {
        tally_add(tally, drawn[i].word, strlen(drawn[i].word), drawn[i].times);
    }
}

static void check_words_every_count_must_be_right(void **state)
{
    struct bench_component spout = {
        .total.emitted = 40, .emitted_by_task = {20, 20}, .emitted_by_task_count = 2};
    struct tally found;
    char error[256] = "";
    (void)state;
    tally_init(&found);
    count_drawn(&found);
    assert_true(check_words_counts(&found, 5, &spout, error, sizeof error));
    assert_false(check_words_counts(&found, 6, &spout, error, sizeof error));
    /* One word for another: the sum stays right. */
    tally_add(&found, drawn[0].word, strlen(drawn[0].word), 1);
    tally_add(&found, drawn[1].word, strlen(drawn[1].word), UINT64_MAX);
    assert_int_equal(found.sum, 40);
    assert_false(check_words_counts(&found, 5, &spout, error, sizeof error));
    assert_non_null(strstr(error, "was counted"));
    spout.total.emitted = 41;
    assert_false(check_words_counts(&found, 5, &spout, error, sizeof error));
    assert_string_equal(error, "41 words were emitted, 40 by the single tasks");
    tally_fini(&found);
}

static void check_count_lines_goes_round_and_round(void **state)
{
    static const char text[] = "a b\na\nc  c\n";
    struct tally out;
    (void)state;
    tally_init(&out);
    check_count_lines(text, strlen(text), 7, &out);
    assert_int_equal(tally_of(&out, "a"), 2 * 2 + 1);
    assert_int_equal(tally_of(&out, "b"), 2 + 1);
    assert_int_equal(tally_of(&out, "c"), 2 * 2);
    assert_int_equal(out.count, 3);
    tally_fini(&out);
    tally_init(&out);
    check_count_lines(text, strlen(text), 0, &out);
    check_count_lines("", 0, 5, &out);
    assert_int_equal(out.sum, 0);
    tally_fini(&out);
}

static bool read_text(const char *text, struct tally *tally, char *error, size_t error_size)
{
    char path[] = "/tmp/gale-tally-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    tally_init(tally);
    bool is_read = tally_read(tally, path, error, error_size);
    unlink(path);
    return is_read;
}

static void tally_reads_lines(void **state)
{
    struct tally tally;
    char error[256];
    (void)state;
    assert_true(read_text("a\t1\nword\t18446744073709551615\n", &tally, error, sizeof error));
    assert_int_equal(tally.count, 2);
    assert_true(tally_of(&tally, "word") == UINT64_MAX);
    assert_int_equal(tally_of(&tally, "wor"), 0);
    tally_fini(&tally);
}

static void tally_bad_lines_are_refused(void **state)
{
    static const char *const bad[] = {
        "a\n",     "a\t\n",   "\t1\n", "a\t1\na\t1\n", "a\tx\n",
        "a\t-1\n", "a\t1x\n", "a\t1",  "a 1\n",        "a\t18446744073709551616\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tally tally;
        char error[256] = "";
        assert_false(read_text(bad[i], &tally, error, sizeof error));
        assert_true(strlen(error) > 10);
        tally_fini(&tally);
    }
}

static void tally_many_keys_are_kept(void **state)
{
    struct tally tally, other;
    char key[16], error[256];
    (void)state;
    tally_init(&tally);
    tally_init(&other);
    for (unsigned i = 0; i < 5000; i++) {
        int size = snprintf(key, sizeof key, "key%u", i);
        tally_add(&tally, key, (size_t)size, i);
        tally_add(&other, key, (size_t)size, i);
    }
    assert_int_equal(tally.count, 5000);
    assert_int_equal(tally_of(&tally, "key4999"), 4999);
    assert_true(tally_equal(&tally, &other, error, sizeof error));
    tally_add(&other, "key17", 5, 1);
    assert_false(tally_equal(&tally, &other, error, sizeof error));
    assert_string_equal(error, "\"key17\" was counted 17 times, not 18");
    tally_fini(&tally);
    tally_fini(&other);
}

static struct bench_report report_of(uint64_t emitted, uint64_t acked, uint64_t executed)
{
    struct bench_report report = {.components_count = 2};
    strcpy(report.components[0].name, "spout");
    strcpy(report.components[1].name, "sink");
    report.components[0].is_spout = true;
    report.components[0].total = (struct bench_counters){.emitted = emitted, .acked = acked};
    report.components[1].total = (struct bench_counters){.executed = executed};
    return report;
}

static void judge(const struct bench_report *report, const char *guarantee, const char *said)
{
    const struct bench_context context = {.guarantee = guarantee};
    struct result_document document;
    result_document_init(&document);
    struct result *result = result_add(&document, "b", "t", 1, guarantee, "");
    bool is_right = bench_check_acks(&context, report, result) &&
                    check_all_executed(&context, report, "", result);
    assert_int_equal(is_right, said == NULL);
    assert_int_equal(result->status == RESULT_FAILED, said != NULL);
    if (said != NULL) {
        assert_non_null(strstr(result->error, said));
    }
    result_document_fini(&document);
}

static void check_acks_lost_and_failed_tuples_are_found(void **state)
{
    struct bench_report report = report_of(10, 10, 10);
    (void)state;
    judge(&report, "at-least-once", NULL);
    report = report_of(10, 0, 10);
    judge(&report, "at-most-once", NULL);
    judge(&report, "at-least-once", "10 tuples were emitted, but 0 acked");
    report = report_of(10, 10, 9);
    judge(&report, "at-least-once", "sink executed 9 tuples, the spout had emitted 10");
    report = report_of(10, 10, 11);
    judge(&report, "at-most-once", "sink executed 11");
    report = report_of(0, 0, 0);
    judge(&report, "at-least-once", "emitted nothing");
    report = report_of(10, 10, 10);
    report.components[1].total.failed = 1;
    judge(&report, "at-least-once", "sink: 1 tuples failed");
    report = report_of(10, 10, 10);
    report.links_failed = 2;
    judge(&report, "at-least-once", "2 links failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_classic_right_counts_pass),
        cmocka_unit_test(check_classic_one_word_too_many_fails),
        cmocka_unit_test(check_classic_lost_sentence_fails),
        cmocka_unit_test(check_classic_foreign_word_fails),
        cmocka_unit_test(check_words_every_count_must_be_right),
        cmocka_unit_test(check_count_lines_goes_round_and_round),
        cmocka_unit_test(tally_reads_lines),
        cmocka_unit_test(tally_bad_lines_are_refused),
        cmocka_unit_test(tally_many_keys_are_kept),
        cmocka_unit_test(check_acks_lost_and_failed_tuples_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

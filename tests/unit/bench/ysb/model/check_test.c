/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a result file: a right one passes, each way of being wrong is named. The counts are
 * made here event by event, not by the check's arithmetic. */
#include "ysb/model/check.h"
#include "ysb/model/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { EVENTS = 5001, TASKS = 2, WINDOWS = 16, TEXT_MAX = 256 * 1024, LINES_BEFORE = 1 };

struct fixture {
    char dir[32];
    char path[64];
    char *text; /* A right result file. */
    uint64_t views, windows;
};

static char *add_windows(struct fixture *fixture, char *at, const struct ysb_stream *stream)
{
    static int64_t counts[YSB_CAMPAIGNS][WINDOWS];
    struct ysb_ids *ids = malloc(sizeof(*ids));
    assert_non_null(ids);
    ysb_ids_init(ids, stream->seed);
    memset(counts, 0, sizeof(counts));
    for (uint64_t number = 0; number < EVENTS; number++) {
        struct ysb_event event = ysb_event_at(stream, number);
        if (event.event_type == YSB_VIEW) {
            int64_t window = (event.time_ms - YSB_START_MS + 70000) / 10000;
            assert_in_range(window, 0, WINDOWS - 1);
            counts[event.ad / 10][window]++;
            fixture->views++;
        }
    }
    for (size_t i = 0; i < YSB_CAMPAIGNS; i++) {
        for (int j = 0; j < WINDOWS; j++) {
            if (counts[i][j] > 0) {
                long long start_ms = YSB_START_MS - 70000 + j * 10000;
                at += sprintf(at, "window %.36s %lld %lld %lld\n", ids->campaigns[i], start_ms,
                              (long long)counts[i][j], start_ms + 10000 + (long long)i);
                fixture->windows++;
            }
        }
    }
    free(ids);
    return at;
}

/* 5001 events of two tasks, 10 ms from one to the next: 50 s, about 500 windows. */
static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    strcpy(fixture->dir, "/tmp/ysb-check-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->path, sizeof(fixture->path), "%s/result", fixture->dir);
    fixture->text = malloc(TEXT_MAX);
    assert_non_null(fixture->text);
    struct ysb_stream stream = {
        .seed = 11, .start_ms = YSB_START_MS, .step_ns = 10000000, .skew = true};
    char *at = fixture->text + sprintf(fixture->text, "ysb 1\n");
    at = add_windows(fixture, at, &stream);
    at += sprintf(at, "end %llu %llu\n", (unsigned long long)fixture->windows,
                  (unsigned long long)fixture->views);
    at += sprintf(at, "events 1 2 11 %lld 10000000 1 1 2500\n", (long long)YSB_START_MS);
    (void)sprintf(at, "events 0 2 11 %lld 10000000 1 1 2501\n", (long long)YSB_START_MS);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    assert_int_equal(rmdir(fixture->dir), 0);
    free(fixture->text);
    free(fixture);
    return 0;
}

static bool check_text(const struct fixture *fixture, const char *text, bool at_least,
                       struct ysb_verdict *verdict)
{
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return ysb_check(fixture->path, at_least, verdict);
}

/* Puts `with` where `what` first stands and checks the text; the rest stays. */
static bool check_changed(const struct fixture *fixture, const char *what, const char *with,
                          bool at_least, struct ysb_verdict *verdict)
{
    char *text = malloc(TEXT_MAX);
    assert_non_null(text);
    const char *at = strstr(fixture->text, what);
    assert_non_null(at);
    (void)snprintf(text, TEXT_MAX, "%.*s%s%s", (int)(at - fixture->text), fixture->text, with,
                   at + strlen(what));
    bool ok = check_text(fixture, text, at_least, verdict);
    free(text);
    assert_int_equal(ok, verdict->ok);
    assert_int_equal(ok, verdict->error[0] == '\0');
    return ok;
}

static void is_wrong(const struct fixture *fixture, const char *what, const char *with,
                     const char *why)
{
    struct ysb_verdict verdict;
    assert_false(check_changed(fixture, what, with, false, &verdict));
    if (strstr(verdict.error, why) == NULL) {
        fail_msg("`%s` lacks `%s`", verdict.error, why);
    }
}

static void check_right_result_passes(void **state)
{
    const struct fixture *fixture = *state;
    struct ysb_verdict verdict;
    if (!check_text(fixture, fixture->text, false, &verdict)) {
        fail_msg("%s", verdict.error);
    }
    assert_int_equal(verdict.events, EVENTS);
    assert_int_equal(verdict.views, fixture->views);
    assert_int_equal(verdict.windows, fixture->windows);
    assert_int_equal(verdict.excess, 0);
    /* Campaign i was written i ms after the window's end; few windows lack a campaign. */
    assert_true(verdict.latencies > 300 && verdict.latencies < fixture->windows);
    assert_in_range(verdict.latency_p50_ms, 45, 55);
    assert_in_range(verdict.latency_p99_ms, 97, 99);
    assert_int_equal(verdict.latency_max_ms, 99);
}

/* The third line of windows and its count. */
static void count_of_line(const struct fixture *fixture, char *line, size_t size,
                          int64_t *count)
{
    const char *at = fixture->text;
    for (int i = 0; i < LINES_BEFORE + 2; i++) {
        at = strchr(at, '\n') + 1;
    }
    (void)snprintf(line, size, "%.*s", (int)(strchr(at, '\n') + 1 - at), at);
    long long found = 0;
    assert_int_equal(sscanf(line, "window %*s %*d %lld", &found), 1);
    *count = found;
}

static void write_line(const char *line, int64_t count, char *out, size_t size)
{
    char id[40];
    long long start_ms = 0;
    assert_int_equal(sscanf(line, "window %36s %lld", id, &start_ms), 2);
    (void)snprintf(out, size, "window %s %lld %lld 5\n", id, start_ms, (long long)count);
}

static void check_altered_count_fails(void **state)
{
    const struct fixture *fixture = *state;
    char line[160];
    char changed[160];
    int64_t count = 0;
    struct ysb_verdict verdict;
    count_of_line(fixture, line, sizeof(line), &count);
    write_line(line, count + 1, changed, sizeof(changed));
    is_wrong(fixture, line, changed, "seen_count is");
    if (count > 1) {
        write_line(line, count - 1, changed, sizeof(changed));
        is_wrong(fixture, line, changed, "seen_count is");
    }
    assert_false(check_changed(fixture, line, "", true, &verdict));
    assert_non_null(strstr(verdict.error, "at least"));
    is_wrong(fixture, line, "", "seen_count is 0, expected");
}

static void check_at_least_takes_more_never_less(void **state)
{
    const struct fixture *fixture = *state;
    char line[160];
    char changed[160];
    char end[64];
    char text[160];
    int64_t count = 0;
    struct ysb_verdict verdict;
    count_of_line(fixture, line, sizeof(line), &count);
    /* The file's end must tell the larger sum too. */
    (void)snprintf(end, sizeof(end), "end %llu %llu\n", (unsigned long long)fixture->windows,
                   (unsigned long long)fixture->views);
    (void)snprintf(text, sizeof(text), "end %llu %llu\n", (unsigned long long)fixture->windows,
                   (unsigned long long)fixture->views + 3);
    struct fixture more = *fixture;
    more.text = malloc(TEXT_MAX);
    assert_non_null(more.text);
    const char *at = strstr(fixture->text, end);
    assert_non_null(at);
    (void)snprintf(more.text, TEXT_MAX, "%.*s%s%s", (int)(at - fixture->text), fixture->text,
                   text, at + strlen(end));
    write_line(line, count + 3, changed, sizeof(changed));
    assert_true(check_changed(&more, line, changed, true, &verdict));
    assert_int_equal(verdict.excess, 3);
    assert_false(check_changed(&more, line, changed, false, &verdict));
    free(more.text);
}

static void check_foreign_window_fails(void **state)
{
    const struct fixture *fixture = *state;
    is_wrong(fixture, "end ",
             "window 00000000-0000-4000-8000-000000000000 1700000000000 1 5\nend ",
             "expected none");
    is_wrong(fixture, "ysb 1\nwindow ", "ysb 1\nwindow x", "malformed");
    char line[160];
    char twice[330];
    int64_t count = 0;
    count_of_line(fixture, line, sizeof(line), &count);
    (void)snprintf(twice, sizeof(twice), "%s%s", line, line);
    is_wrong(fixture, line, twice, "there twice");
}

static void check_unfinished_result_fails(void **state)
{
    const struct fixture *fixture = *state;
    struct ysb_verdict verdict;
    is_wrong(fixture, "events 0", "events 1", "twice");
    is_wrong(fixture, "events 0 2 11", "events 0 2 12", "another run");
    is_wrong(fixture, "ysb 1\n", "", "did not finish");
    is_wrong(fixture, "ysb 1\n", "ysb 2\n", "malformed");
    is_wrong(fixture, " 1 1 2501\n", " 1 1 2501", "malformed");
    is_wrong(fixture, " 1 1 2501", " 1 1 9999999999999999", "malformed");
    is_wrong(fixture, "events 0 2", "events 2 2", "malformed");
    is_wrong(fixture, " 1 1 2501", " 1 1 2401", "seen_count");
    assert_false(check_text(fixture, "", false, &verdict));
    assert_false(check_text(fixture, "ysb 1\nend 0 0\n", false, &verdict));
    assert_non_null(strstr(verdict.error, "no spout task"));
    assert_false(
        check_text(fixture, "ysb 1\nend 0 0\nevents 1 2 1 0 1 0 0 5\n", false, &verdict));
    assert_non_null(strstr(verdict.error, "task 0 of 2"));
    assert_false(ysb_check("/nonexistent/result", false, &verdict));
    assert_non_null(strstr(verdict.error, "cannot read"));
}

static void check_too_long_time_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    struct ysb_verdict verdict;
    const char *text = "ysb 1\nend 0 0\nevents 0 1 1 0 3600000000000 0 0 1000000\n";
    assert_false(check_text(fixture, text, false, &verdict));
    assert_non_null(strstr(verdict.error, "step_us"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(check_right_result_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_altered_count_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_at_least_takes_more_never_less, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(check_foreign_window_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_unfinished_result_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_too_long_time_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

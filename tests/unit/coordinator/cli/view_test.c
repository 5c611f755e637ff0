/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the live view and the report: rates, the back-pressure pick, goldens of both forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/report.h"
#include "cli/view.h"
#include "text/numbers.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

enum { LINES, SPLIT, COUNT, COMPONENTS };

/* Two samples a second apart of lines → split → count. */
static struct run_sample_component old_components[COMPONENTS];
static struct run_sample_component new_components[COMPONENTS];
static struct run_sample before;
static struct run_sample now;
static char *text;
static size_t size;
static FILE *file;

static int make_samples(void **state)
{
    (void)state;
    memset(old_components, 0, sizeof old_components);
    old_components[LINES] = (struct run_sample_component){.name = "lines",
                                                          .type = "file",
                                                          .spout = true,
                                                          .tasks = 4,
                                                          .emitted = 1000,
                                                          .acked = 900};
    old_components[SPLIT] = (struct run_sample_component){.name = "split",
                                                          .type = "split",
                                                          .tasks = 8,
                                                          .level = 1,
                                                          .executed = 1000,
                                                          .emitted = 5000,
                                                          .queue_bytes_max = 1000,
                                                          .exec_p50_ns = 1100,
                                                          .exec_p99_ns = 9000};
    old_components[COUNT] = (struct run_sample_component){.name = "count",
                                                          .type = "count",
                                                          .tasks = 12,
                                                          .level = 2,
                                                          .executed = 5000,
                                                          .queue_bytes_max = 1000,
                                                          .exec_p50_ns = 1900,
                                                          .exec_p99_ns = 22000};
    memcpy(new_components, old_components, sizeof new_components);
    new_components[LINES].emitted += 58000;
    new_components[LINES].acked += 57100;
    new_components[LINES].pending = 1000;
    new_components[SPLIT].executed += 58000;
    new_components[SPLIT].emitted += 412000;
    new_components[SPLIT].queue_bytes = 210;
    new_components[COUNT].executed += 412000;
    new_components[COUNT].queue_bytes = 100;
    before = (struct run_sample){.topology = "wordcount",
                                 .elapsed_ns = 2 * SECOND,
                                 .components = old_components,
                                 .components_count = COMPONENTS,
                                 .workers_count = 2};
    now = before;
    now.elapsed_ns = 3 * SECOND;
    now.components = new_components;
    now.complete_p99_ns = 8100000;
    now.workers_up = 2;
    text = NULL;
    file = open_memstream(&text, &size);
    return file == NULL;
}

static int free_text(void **state)
{
    (void)state;
    free(text);
    return 0;
}

static void finish(void)
{
    assert_int_equal(fclose(file), 0);
}

static void pressure_empty_queues_is_nobody(void **state)
{
    (void)state;
    assert_int_equal(view_pressure(&before, &now), -1);
    finish();
}

static void pressure_full_queue_and_waiting_sender_is_the_bolt(void **state)
{
    (void)state;
    new_components[COUNT].queue_bytes = 930;
    new_components[SPLIT].blocked_ns = 4 * SECOND;
    assert_int_equal(view_pressure(&before, &now), COUNT);
    finish();
}

static void pressure_full_queue_without_waiting_is_nobody(void **state)
{
    (void)state;
    new_components[COUNT].queue_bytes = 930;
    assert_int_equal(view_pressure(&before, &now), -1);
    finish();
}

static void pressure_queue_that_stays_full_is_the_bolt(void **state)
{
    (void)state;
    old_components[COUNT].queue_bytes = 600;
    new_components[COUNT].queue_bytes = 730;
    assert_int_equal(view_pressure(&before, &now), COUNT);
    finish();
}

/* split's time contains that of count, which it calls directly. */
static void pressure_chained_bolts_is_the_one_that_works(void **state)
{
    (void)state;
    new_components[LINES].blocked_ns = SECOND;
    new_components[SPLIT].exec_p50_ns = 127000;
    new_components[COUNT].exec_p50_ns = 21000;
    assert_int_equal(view_pressure(&before, &now), COUNT);
    new_components[COUNT].exec_p50_ns = 20;
    assert_int_equal(view_pressure(&before, &now), SPLIT);
    finish();
}

/* split is full too, but only because it cannot send to count. */
static void pressure_chain_of_full_queues_is_the_unblocked_one(void **state)
{
    (void)state;
    new_components[SPLIT].queue_bytes = 1000;
    new_components[SPLIT].blocked_ns = 6 * SECOND;
    new_components[LINES].blocked_ns = 3 * SECOND;
    new_components[COUNT].queue_bytes = 600;
    assert_int_equal(view_pressure(&before, &now), COUNT);
    finish();
}

static void pressure_slow_middle_is_the_middle(void **state)
{
    (void)state;
    new_components[SPLIT].queue_bytes = 1000;
    new_components[LINES].blocked_ns = 3 * SECOND;
    assert_int_equal(view_pressure(&before, &now), SPLIT);
    finish();
}

static void pressure_first_sample_counts_from_the_start(void **state)
{
    (void)state;
    new_components[COUNT].queue_bytes = 930;
    new_components[SPLIT].blocked_ns = 12 * SECOND;
    assert_int_equal(view_pressure(NULL, &now), COUNT);
    finish();
}

static void view_block_matches_golden(void **state)
{
    (void)state;
    new_components[COUNT].queue_bytes = 930;
    new_components[SPLIT].blocked_ns = 4 * SECOND;
    view_render(&before, &now, false, 0, file);
    finish();
    assert_string_equal(
        text,
        "wordcount 3.0s  acked 57 k/s  p99 8.1ms  back-pressure from count  pending 1000"
        "  failed 0  workers 2/2\n"
        "COMPONENT  TASKS   IN/s  OUT/s  EXEC p50    p99              QUEUE  BLOCKED  FAIL\n"
        "lines          4      -   58 k         -      -                  -       0%     0\n"
        "split          8   58 k  412 k     1.1us  9.0us  [##........]  21%      50%     0\n"
        "count         12  412 k      0     1.9us   22us  [#########.]  93%       0%     0"
        "  <- back-pressure source\n");
}

static void view_rows_limit_names_the_rest(void **state)
{
    (void)state;
    view_render(&before, &now, true, 1, file);
    finish();
    assert_non_null(strstr(text, "\033[1m"));
    assert_non_null(strstr(text, "lines"));
    assert_null(strstr(text, "split "));
    assert_non_null(strstr(text, "... 2 more components\n"));
}

static void view_counters_that_fell_are_counted_from_zero(void **state)
{
    (void)state;
    new_components[LINES].acked = 50;
    view_line(&before, &now, file);
    finish();
    assert_non_null(strstr(text, "acked 50/s"));
}

static void view_lines_come_when_due(void **state)
{
    (void)state;
    struct view view;
    view_init(&view, file, VIEW_LINES, 10 * SECOND);
    for (int64_t s = 1; s <= 30; s++) {
        now.elapsed_ns = s * SECOND;
        view_sample(&view, &now);
    }
    view_fini(&view);
    finish();
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, 3);
}

static void view_block_is_drawn_over_itself(void **state)
{
    (void)state;
    struct view view;
    view_init(&view, file, VIEW_BLOCK, 0);
    now.elapsed_ns = SECOND;
    view_sample(&view, &now);
    now.elapsed_ns += VIEW_REDRAW_MIN_NS - 1;
    view_sample(&view, &now);
    fflush(file);
    assert_null(strstr(text, "\033["));
    now.elapsed_ns += 1;
    view_sample(&view, &now);
    fflush(file);
    assert_non_null(strstr(text, "\033[5A\r\033[J"));
    view_note(&view, "worker 1 restarted");
    view_fini(&view);
    finish();
    assert_non_null(strstr(text, "\033[5A\r\033[Jworker 1 restarted\n"));
}

static void view_print_bolt_on_the_same_terminal_ends_the_block(void **state)
{
    (void)state;
    struct view view;
    new_components[COUNT].type = "print";
    view_init(&view, file, VIEW_BLOCK, SECOND);
    view.shared = true;
    view_sample(&view, &now);
    assert_int_equal(view.mode, VIEW_LINES);
    view_fini(&view);
    finish();
}

static void numbers_are_short(void **state)
{
    (void)state;
    char out[NUMBER_SIZE];
    assert_string_equal(number_rate(0, out), "0");
    assert_string_equal(number_rate(999.4, out), "999");
    assert_string_equal(number_rate(999.6, out), "1.0 k");
    assert_string_equal(number_rate(58000, out), "58 k");
    assert_string_equal(number_rate(4130000, out), "4.1 M");
    assert_string_equal(number_time(0, out), "-");
    assert_string_equal(number_time(850, out), "850ns");
    assert_string_equal(number_time(1100, out), "1.1us");
    assert_string_equal(number_time(22000, out), "22us");
    assert_string_equal(number_time(UINT64_C(1200000000), out), "1.2s");
    finish();
}

static uint64_t lines_by_task[] = {15};
static const struct run_component_report report_components[] = {
    {.name = "lines",
     .spout = true,
     .tasks = 1,
     .emitted = 10,
     .acked = 9,
     .failed = 1,
     .timed_out = 1,
     .total = {0, 15, 13, 2},
     .emitted_by_task = lines_by_task},
    {.name = "count",
     .tasks = 2,
     .executed = 70,
     .emitted = 0,
     .acked = 70,
     .errors = 2,
     .exec_p50_ns = 900,
     .exec_p99_ns = 1800},
};
static const struct run_worker_report report_workers[] = {
    {.index = 0, .pid = 41, .rss_peak_kb = 6144, .restarts = 1, .cpu_user_ns = SECOND},
};
static const struct run_report final_report = {.topology = "wc\"1",
                                               .guarantee = "at-least-once",
                                               .end = RUN_END_COMPLETED,
                                               .elapsed_s = 1.5,
                                               .cpu_user_s = 1.5,
                                               .cpu_system_s = 0.75,
                                               .rss_peak_kb = 5000,
                                               .memory_peak_kb = 9000,
                                               .first_acked_ns = 12345678,
                                               .first_acked_at_ns = 987654321012345,
                                               .components = report_components,
                                               .components_count = 2,
                                               .complete_p50_ns = 32000,
                                               .complete_p99_ns = 120000,
                                               .complete_p999_ns = 200000,
                                               .complete_p9999_ns = 300000,
                                               .complete_mean_ns = 33000,
                                               .complete_max_ns = 4000000,
                                               .complete_count = 9,
                                               .workers = report_workers,
                                               .workers_count = 1,
                                               .replayed = 1};

static void report_json_has_the_promised_members(void **state)
{
    (void)state;
    report_json(&final_report, file);
    finish();
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    int schema;
    double elapsed;
    double cpu;
    double p999;
    const char *topology;
    json_int_t emitted, acked, failed, timed_out, executed, pid, rss;
    assert_int_equal(json_unpack(root,
                                 "{s:i, s:s, s:F, s:F, s:{s:{s:I, s:I, s:I, s:I}}, s:{s:{s:I}},"
                                 " s:{s:F}, s:[{s:I, s:I}]}",
                                 "schema", &schema, "topology", &topology, "elapsed_s",
                                 &elapsed, "cpu_s", &cpu, "spouts", "lines", "emitted",
                                 &emitted, "acked", &acked, "failed", &failed, "timed_out",
                                 &timed_out, "bolts", "count", "executed", &executed,
                                 "complete_latency_us", "p999", &p999, "workers", "pid", &pid,
                                 "rss_peak_kb", &rss),
                     0);
    assert_int_equal(schema, 1);
    assert_string_equal(topology, "wc\"1");
    assert_int_equal(emitted, 10);
    assert_int_equal(acked, 9);
    assert_int_equal(failed, 1);
    assert_int_equal(timed_out, 1);
    assert_int_equal(executed, 70);
    assert_int_equal(pid, 41);
    assert_int_equal(rss, 6144);
    assert_true(elapsed > 1.49 && elapsed < 1.51 && cpu > 2.24 && cpu < 2.26);
    assert_true(p999 > 199.9 && p999 < 200.1);
    json_t *latency = json_object_get(root, "complete_latency_us");
    assert_true(json_number_value(json_object_get(latency, "p9999")) == 300);
    assert_true(json_number_value(json_object_get(latency, "mean")) == 33);
    assert_true(json_number_value(json_object_get(root, "cpu_user_s")) == 1.5);
    assert_true(json_number_value(json_object_get(root, "cpu_system_s")) == 0.75);
    assert_true(json_number_value(json_object_get(root, "first_acked_ms")) == 12.346);
    assert_int_equal(json_integer_value(json_object_get(root, "rss_peak_kb")), 5000);
    assert_int_equal(json_integer_value(json_object_get(root, "memory_peak_kb")), 9000);
    assert_int_equal(json_integer_value(json_object_get(root, "first_acked_at_ns")),
                     987654321012345);
    json_int_t all[4], by_task;
    assert_int_equal(json_unpack(json_object_get(root, "spouts"),
                                 "{s:{s:{s:I, s:I, s:I, s:I, s:[I!] !}}}", "lines", "total",
                                 "emitted", &all[0], "executed", &all[1], "acked", &all[2],
                                 "failed", &all[3], "emitted_by_task", &by_task),
                     0);
    assert_int_equal(by_task, 15);
    assert_true(all[0] == 15 && all[1] == 0 && all[2] == 13 && all[3] == 2);
    json_decref(root);
}

static void report_json_without_a_first_tree_has_null(void **state)
{
    (void)state;
    struct run_report report = final_report;
    report.first_acked_ns = -1;
    report.first_acked_at_ns = -1;
    report_json(&report, file);
    finish();
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_null(json_object_get(root, "first_acked_ms")));
    assert_true(json_is_null(json_object_get(root, "first_acked_at_ns")));
    json_decref(root);
}

static void sample_json_is_one_line_with_totals_since_the_start(void **state)
{
    (void)state;
    const struct run_sample_component components[] = {
        {.name = "lines", .spout = true, .tasks = 1, .emitted = 3, .total = {0, 15, 13, 2}}};
    const struct run_sample_worker workers[] = {
        {.index = 0, .up = true, .pid = 41, .rss_kb = 7}};
    struct run_sample sample = {.topology = "wc",
                                .elapsed_ns = 1250 * (SECOND / 1000),
                                .warming = true,
                                .components = components,
                                .components_count = 1,
                                .workers = workers,
                                .workers_up = 1,
                                .workers_count = 1,
                                .cpu_user_ns = SECOND,
                                .rss_kb = 12};
    report_sample_json(&sample, file);
    sample.recent_count = 2;
    sample.recent_p50_ns = 1500;
    report_sample_json(&sample, file);
    report_note_json("worker \"1\" died", file);
    finish();
    char *second = strchr(text, '\n') + 1;
    char *third = strchr(second, '\n') + 1;
    assert_string_equal(third, "{\"note\":\"worker \\\"1\\\" died\"}\n");
    json_t *root = json_loads(text, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL);
    json_t *body = json_object_get(root, "sample");
    assert_true(json_number_value(json_object_get(body, "elapsed_s")) == 1.25);
    assert_true(json_is_true(json_object_get(body, "warming")));
    assert_true(json_is_false(json_object_get(body, "draining")));
    assert_true(json_is_null(json_object_get(body, "latency_us")));
    assert_true(json_number_value(json_object_get(body, "cpu_user_s")) == 1);
    assert_int_equal(json_integer_value(json_object_get(body, "rss_kb")), 12);
    json_t *worker = json_array_get(json_object_get(body, "workers"), 0);
    assert_int_equal(json_integer_value(json_object_get(worker, "pid")), 41);
    json_t *component = json_array_get(json_object_get(body, "components"), 0);
    assert_int_equal(json_integer_value(json_object_get(component, "emitted")), 15);
    assert_int_equal(json_integer_value(json_object_get(component, "acked")), 13);
    json_decref(root);
    root = json_loads(second, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *latency = json_object_get(json_object_get(root, "sample"), "latency_us");
    assert_true(json_number_value(json_object_get(latency, "p50")) == 1.5);
    json_decref(root);
}

static void report_text_matches_golden(void **state)
{
    (void)state;
    report_text(&final_report, file, false);
    finish();
    assert_string_equal(
        text,
        "\nwc\"1: all input processed; 1.5 s, 2.2 s of CPU, at-least-once\n"
        "COMPONENT  TASKS  EXECUTED  EMITTED  ACKED  FAILED  TIMED OUT  EXEC p50  EXEC p99\n"
        "lines          1         -       10      9       1          1         -         -\n"
        "count          2        70        0     70       0          -     900ns     1.8us\n"
        "count: 2 errors, see the log\n"
        "complete latency p50 32us  p99 120us  p99.9 200us  max 4.0ms\n"
        "worker 0 pid 41, 6.0 MiB at most, 1 restart\n"
        "replayed 1, duplicate frames dropped 0, frames refused 0, links failed 0\n");
}

#define VIEW_TEST(function) cmocka_unit_test_setup_teardown(function, make_samples, free_text)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEW_TEST(pressure_empty_queues_is_nobody),
        VIEW_TEST(pressure_full_queue_and_waiting_sender_is_the_bolt),
        VIEW_TEST(pressure_full_queue_without_waiting_is_nobody),
        VIEW_TEST(pressure_queue_that_stays_full_is_the_bolt),
        VIEW_TEST(pressure_chained_bolts_is_the_one_that_works),
        VIEW_TEST(pressure_chain_of_full_queues_is_the_unblocked_one),
        VIEW_TEST(pressure_slow_middle_is_the_middle),
        VIEW_TEST(pressure_first_sample_counts_from_the_start),
        VIEW_TEST(view_block_matches_golden),
        VIEW_TEST(view_rows_limit_names_the_rest),
        VIEW_TEST(view_counters_that_fell_are_counted_from_zero),
        VIEW_TEST(view_lines_come_when_due),
        VIEW_TEST(view_block_is_drawn_over_itself),
        VIEW_TEST(view_print_bolt_on_the_same_terminal_ends_the_block),
        VIEW_TEST(numbers_are_short),
        VIEW_TEST(report_json_without_a_first_tree_has_null),
        VIEW_TEST(sample_json_is_one_line_with_totals_since_the_start),
        VIEW_TEST(report_json_has_the_promised_members),
        VIEW_TEST(report_text_matches_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

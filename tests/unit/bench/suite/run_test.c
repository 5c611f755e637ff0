/* SPDX-License-Identifier: Apache-2.0 */
/* Children of the suite, and `gale run` as a script plays it: samples, reports, bad ends. */
#include "suite/suite.h"

#include "suite/child.h"
#include "suite/json/run_json.h"
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- JSON ----------------------------------------------------------------------------------- */

static void run_json_other_lines_are_no_samples(void **state)
{
    static const char *const lines[] = {"",    "gale: text",   "{\"log\":{}}", "{\"sample\":3}",
                                        "[1]", "{\"sample\":{"};
    struct bench_sample sample;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_false(run_json_sample(lines[i], strlen(lines[i]), &sample));
    }
}

static void run_json_sample_is_read(void **state)
{
    static const char line[] =
        "{\"sample\":{\"elapsed_s\":1.5,\"warming\":true,\"cpu_user_s\":2,\"rss_kb\":2048,"
        "\"latency_us\":null,\"workers\":[{\"index\":0,\"pid\":12,\"rss_kb\":7}],"
        "\"components\":["
        "{\"name\":\"count\",\"spout\":false,\"tasks\":2,\"executed\":18446744073709,"
        "\"queue_bytes\":5,\"queue_bytes_max\":10}],\"new\":{}}}";
    struct bench_sample sample;
    (void)state;
    assert_true(run_json_sample(line, strlen(line), &sample));
    assert_true(sample.elapsed_s == 1.5 && sample.warming && !sample.draining);
    assert_true(isnan(sample.p50_us));
    assert_int_equal(sample.workers_count, 1);
    assert_int_equal(sample.workers[0].pid, 12);
    const struct bench_component *count = bench_sample_component(&sample, "count");
    assert_non_null(count);
    assert_true(count->since.executed == UINT64_C(18446744073709));
    assert_null(bench_sample_component(&sample, "other"));
}

static void run_json_report_without_end_is_none(void **state)
{
    struct bench_report report;
    (void)state;
    assert_false(run_json_report("", 0, 0, &report));
    assert_false(run_json_report("{}", 2, 0, &report));
    assert_false(run_json_report("{\"end\":\"x\"}", 11, 0, &report));
}

static void run_json_report_counts_from_before_the_process(void **state)
{
    static const char text[] =
        "{\"end\":\"duration\",\"first_acked_ms\":1.5,\"first_acked_at_ns\":9007250000,"
        "\"spouts\":{\"s\":{\"tasks\":2,\"total\":{\"emitted\":7,\"emitted_by_task\":[3,4]}}}}";
    struct bench_report report;
    (void)state;
    assert_true(run_json_report(text, strlen(text), 9000000000, &report));
    assert_true(report.first_acked_ms == 7.25);
    assert_int_equal(report.components[0].total.emitted, 7);
    assert_int_equal(report.components[0].emitted_by_task_count, 2);
    assert_int_equal(report.components[0].emitted_by_task[0], 3);
    assert_int_equal(report.components[0].emitted_by_task[1], 4);
    static const char none[] =
        "{\"end\":\"duration\",\"first_acked_at_ns\":null,\"spouts\":{}}";
    assert_true(run_json_report(none, strlen(none), 0, &report));
    assert_true(isnan(report.first_acked_ms));
}

/* ---- Children ------------------------------------------------------------------------------- */

struct lines {
    char text[256];
    unsigned ticks;
};

static bool keep_line(void *self, const char *line, size_t size)
{
    struct lines *lines = self;
    size_t at = strlen(lines->text);
    snprintf(lines->text + at, sizeof lines->text - at, "[%.*s]", (int)size, line);
    return line[0] == 't';
}

static bool never(void *self, pid_t pid)
{
    struct lines *lines = self;
    (void)pid;
    lines->ticks++;
    return false;
}

static enum child_end play(const char *script, const struct child_watch *watch,
                           struct child *child, double deadline_s)
{
    const char *const arguments[] = {"sh", "-c", script, NULL};
    assert_int_equal(child_start(child, arguments), 0);
    return child_wait(child, watch, deadline_s);
}

static void child_output_and_lines_are_gathered(void **state)
{
    struct lines lines = {.text = ""};
    const struct child_watch watch = {.self = &lines, .on_line = keep_line};
    struct child child;
    (void)state;
    assert_int_equal(
        play("printf 'out put'; printf 'taken\\nlost\\nta' >&2; printf 'il' >&2; exit 3",
             &watch, &child, 60),
        CHILD_EXITED);
    assert_int_equal(WEXITSTATUS(child.status), 3);
    assert_int_equal(child.output.size, 7);
    assert_memory_equal(child.output.data, "out put", 7);
    assert_string_equal(lines.text, "[taken][lost][tail]");
    assert_string_equal(child.tail, "lost");
    child_fini(&child);
}

static void child_missing_program_is_told(void **state)
{
    const char *const arguments[] = {"/nowhere/program", NULL};
    struct child child;
    (void)state;
    assert_int_not_equal(child_start(&child, arguments), 0);
}

static void child_beyond_its_deadline_is_killed(void **state)
{
    const struct child_watch watch = {.self = NULL};
    struct child child;
    (void)state;
    /* It ignores what it is asked, so that force is needed; its own child is in the group. */
    assert_int_equal(
        play("trap '' TERM INT; sleep 600 & while :; do sleep 600; done", &watch, &child, 0.05),
        CHILD_TIMED_OUT);
    assert_true(WIFSIGNALED(child.status));
    assert_int_equal(WTERMSIG(child.status), SIGKILL);
    child_fini(&child);
}

static void child_is_asked_to_end_once(void **state)
{
    struct lines lines = {.text = ""};
    const struct child_watch watch = {.self = &lines, .on_tick = never};
    struct child child;
    (void)state;
    assert_int_equal(
        play("trap 'exit 9' INT; while :; do sleep 0.01; done", &watch, &child, 60),
        CHILD_EXITED);
    /* The shell may get the signal before its trap stands. */
    assert_true(WIFSIGNALED(child.status) || WEXITSTATUS(child.status) == 9);
    assert_int_equal(lines.ticks, 1);
    child_fini(&child);
}

static void child_signal_of_ours_stops_it(void **state)
{
    struct lines lines = {.text = ""};
    const struct child_watch watch = {.self = &lines};
    struct child child;
    (void)state;
    child_signals_begin();
    assert_int_equal(child_signal(), 0);
    raise(SIGINT);
    assert_int_equal(play("sleep 600", &watch, &child, 60), CHILD_INTERRUPTED);
    assert_int_equal(child_signal(), SIGINT);
    assert_true(bench_is_interrupted());
    child_signals_end();
    child_fini(&child);
}

/* ---- bench_run ------------------------------------------------------------------------------ */

struct stage {
    char dir[64], gale[128], temp[128];
    struct result_document document;
    struct result *result;
    struct bench bench;
    struct bench_settings settings;
    struct bench_watcher watcher;
    struct bench_context context;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void stage_init(struct stage *stage, const char *script)
{
    char path[256];
    memset(stage, 0, sizeof *stage);
    strcpy(stage->dir, "/tmp/gale-run-XXXXXX");
    assert_non_null(mkdtemp(stage->dir));
    snprintf(stage->gale, sizeof stage->gale, "%s/gale", stage->dir);
    write_file(stage->gale, script, 0700);
    snprintf(path, sizeof path, "%s/t.yaml", stage->dir);
    write_file(path, "workers: ${workers:-1}\nrated: ${rated}\nx: ${result:-a}\n", 0600);
    result_document_init(&stage->document);
    stage->result = result_add(&stage->document, "b", "t", 2, "at-least-once", "words");
    stage->bench = (struct bench){.name = "b", .file = "t.yaml", .measured = "sink"};
    stage->settings = (struct bench_settings){.seed = 7};
    stage->context = (struct bench_context){.bench = &stage->bench,
                                            .settings = &stage->settings,
                                            .workers = 2,
                                            .guarantee = "at-least-once",
                                            .gale = stage->gale,
                                            .dir = stage->dir,
                                            .temp = stage->dir,
                                            .document = &stage->document,
                                            .watcher = &stage->watcher};
}

static void stage_fini(struct stage *stage)
{
    result_document_fini(&stage->document);
    child_remove_tree(stage->dir);
    assert_int_not_equal(access(stage->dir, F_OK), 0);
}

/* What the script says twice, the second time with more; and its arguments as the log. */
static const char good_script[] =
    "#!/bin/sh\n"
    "echo \"$@\" >\"$(dirname \"$0\")/arguments\"\n"
    "echo '{\"log\":{}}' >&2\n"
    "for n in 1 3; do echo '{\"sample\":{\"elapsed_s\":'$n',\"cpu_user_s\":'$n','"
    "'\"components\":[{\"name\":\"sink\",\"executed\":'$n'00,\"queue_bytes\":'$n',"
    "\"queue_bytes_max\":4}]}}' >&2; done\n"
    "echo '{\"end\":\"duration\",\"elapsed_s\":2,\"cpu_s\":4,\"spouts\":{\"s\":{\"emitted\":9,"
    "\"total\":{\"emitted\":11}}},\"bolts\":{\"sink\":{\"executed\":8}},"
    "\"complete_latency_us\":{\"count\":0}}'\n";

static void run_report_and_series_are_taken(void **state)
{
    static const char *const defines[] = {"input=@temp@/in", NULL};
    const struct bench_launch launch = {
        .defines = defines, .duration_s = 1.5, .warmup_s = 0.5, .is_shown = true};
    struct stage stage;
    struct bench_report report;
    char path[256], wanted[512], found[512] = "";
    (void)state;
    stage_init(&stage, good_script);
    assert_int_equal(bench_run(&stage.context, &launch, &report, stage.result), BENCH_DONE);
    assert_int_equal(bench_report_spouts(&report).emitted, 11);
    assert_true(bench_measured(&stage.bench, &report) == 8);
    assert_int_equal(stage.result->series_count, 2);
    assert_true(isnan(stage.result->series[0].rate));
    assert_true(stage.result->series[1].rate == 100 && stage.result->series[1].cpu == 1);
    assert_true(stage.result->series[1].queue == 0.75);
    snprintf(path, sizeof path, "%s/arguments", stage.dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(found, sizeof found, file));
    fclose(file);
    /* rate and seed are not in the file, nor is guarantee; "rated" is another key. */
    snprintf(wanted, sizeof wanted,
             "run %s/t.yaml --json --progress --fresh --state-dir %s/state --duration 2000ms "
             "--warmup 500ms -D workers=2 -D result=%s/result -D input=%s/in\n",
             stage.dir, stage.dir, stage.dir, stage.dir);
    assert_string_equal(found, wanted);
    stage_fini(&stage);
}

static void fails(const char *script, double deadline_s, const char *said)
{
    const struct bench_launch launch = {.deadline_s = deadline_s};
    struct stage stage;
    struct bench_report report;
    stage_init(&stage, script);
    assert_int_equal(bench_run(&stage.context, &launch, &report, stage.result), BENCH_WRONG);
    assert_int_equal(stage.result->status, RESULT_FAILED);
    assert_non_null(strstr(stage.result->error, said));
    stage_fini(&stage);
}

static void run_bad_ends_are_failures(void **state)
{
    (void)state;
    fails("#!/bin/sh\necho 'gale: no such thing' >&2\nexit 78\n", 60,
          "ended with exit code 78: gale: no such thing");
    fails("#!/bin/sh\nkill -9 $$\n", 60, "was killed by signal 9");
    fails("#!/bin/sh\necho hello\n", 60, "printed no report");
    fails("#!/bin/sh\nexec sleep 600\n", 0.05, "had not ended after");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_json_other_lines_are_no_samples),
        cmocka_unit_test(run_json_sample_is_read),
        cmocka_unit_test(run_json_report_without_end_is_none),
        cmocka_unit_test(run_json_report_counts_from_before_the_process),
        cmocka_unit_test(child_output_and_lines_are_gathered),
        cmocka_unit_test(child_missing_program_is_told),
        cmocka_unit_test(child_beyond_its_deadline_is_killed),
        cmocka_unit_test(child_is_asked_to_end_once),
        cmocka_unit_test(child_signal_of_ours_stops_it),
        cmocka_unit_test(run_report_and_series_are_taken),
        cmocka_unit_test(run_bad_ends_are_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

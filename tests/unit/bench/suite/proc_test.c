/* SPDX-License-Identifier: Apache-2.0 */
/* Daemons of the suite: started, seen, ended, found by their mark; with real processes. */
#include "suite/proc.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MARK_SIZE = 64, LINE_SIZE = 64 };

static char folder[] = "/tmp/gale-proc-XXXXXX";
static char out[sizeof folder + 8], err[sizeof folder + 8];
static char mark[MARK_SIZE];
static char *environment[3];
static char path[] = "PATH=/usr/bin:/bin";

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(err, sizeof err, "%s/err", folder);
    snprintf(mark, sizeof mark, "SUITE_PROC_TEST=%d", (int)getpid());
    environment[0] = path;
    environment[1] = mark;
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)proc_sweep(mark);
    (void)remove(out);
    (void)remove(err);
    return rmdir(folder);
}

static pid_t start(const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    return proc_start(argv, environment, out, err, SIGKILL);
}

static void wait_for_line(char line[LINE_SIZE])
{
    line[0] = '\0';
    while (strchr(line, '\n') == NULL) {
        FILE *file = fopen(out, "re");
        if (file != NULL && fgets(line, LINE_SIZE, file) == NULL) {
            line[0] = '\0';
        }
        if (file != NULL) {
            fclose(file);
        }
        proc_pause(0.001);
    }
}

static void start_has_environment_and_output(void **state)
{
    char line[LINE_SIZE], wanted[LINE_SIZE];
    pid_t pid = start("echo $SUITE_PROC_TEST; exec sleep 60");
    (void)state;
    wait_for_line(line);
    snprintf(wanted, sizeof wanted, "%d\n", (int)getpid());
    assert_string_equal(line, wanted);
    assert_true(proc_runs(&pid));
    assert_true(proc_rss_mb(pid) > 0);
    assert_true(proc_share_mb(pid) > 0);
    assert_true(proc_cpu_s(pid) >= 0);
    proc_end(&pid, SIGTERM, 60);
    assert_int_equal(pid, 0);
    assert_false(proc_runs(&pid));
}

static void end_of_one_that_refuses_is_forced(void **state)
{
    char line[LINE_SIZE];
    (void)state;
    (void)remove(out);
    pid_t pid = start("trap '' TERM; echo ready; while :; do sleep 1; done");
    wait_for_line(line);
    proc_end(&pid, SIGTERM, 0.05);
    assert_int_equal(pid, 0);
    (void)proc_sweep(mark); /* Its sleep. */
}

static void start_of_nothing_ends_at_once(void **state)
{
    const char *const argv[] = {"/nonexistent/program", NULL};
    pid_t pid = proc_start(argv, environment, out, err, SIGKILL);
    (void)state;
    while (proc_runs(&pid)) {
        proc_pause(0.001);
    }
    assert_int_equal(pid, 0);
}

static void sweep_finds_children_of_children(void **state)
{
    char line[LINE_SIZE];
    (void)state;
    (void)remove(out);
    pid_t pid = start("sleep 60 & sleep 60 & echo ready; exec sleep 60");
    wait_for_line(line);
    assert_int_equal(proc_sweep("SUITE_PROC_TEST=of nobody"), 0);
    assert_true(proc_runs(&pid));
    assert_true(proc_sweep(mark) >= 3);
    while (proc_runs(&pid)) {
        proc_pause(0.001);
    }
    assert_int_equal(proc_sweep(mark), 0);
}

static void figures_of_no_process_are_nan(void **state)
{
    pid_t pid = start("exit 0");
    pid_t gone = pid;
    (void)state;
    proc_end(&pid, SIGKILL, 0);
    assert_true(isnan(proc_rss_mb(gone)));
    assert_true(isnan(proc_share_mb(gone)));
    assert_true(isnan(proc_cpu_s(gone)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_has_environment_and_output),
        cmocka_unit_test(end_of_one_that_refuses_is_forced),
        cmocka_unit_test(start_of_nothing_ends_at_once),
        cmocka_unit_test(sweep_finds_children_of_children),
        cmocka_unit_test(figures_of_no_process_are_nan),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

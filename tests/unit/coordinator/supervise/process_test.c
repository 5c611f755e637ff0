/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of supervise/process with real children. This program is its own child too: "middle" starts
 * a "leaf", which dies with it. Waiting is always for a pidfd. */
#include "supervise/process.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 20000

static bool wait_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, DEADLINE_MS) == 1;
}

static struct process start(const char *const *argv, const struct process_limits *limits)
{
    struct process process;
    struct gale_error error = {0};
    enum gale_err err = process_start(argv, limits, &process, &error);
    if (err) {
        print_error("%s\n", error.text);
    }
    assert_int_equal(err, GALE_OK);
    assert_true(process.pid > 0 && process.pidfd >= 0);
    return process;
}

static struct process start_shell(const char *script, const struct process_limits *limits)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return start(argv, limits);
}

static int status_after_exit(struct process *process, struct rusage *usage)
{
    int status = -1;
    assert_true(wait_readable(process->pidfd));
    assert_true(process_reap(process, &status, usage));
    assert_int_equal(process->pidfd, -1);
    assert_int_equal(process->pid, 0);
    assert_false(process_reap(process, &status, usage));
    return status;
}

static void process_exit_code_is_reported_with_usage(void **state)
{
    (void)state;
    struct rusage usage;
    char text[64];
    struct process process = start_shell("exit 3", NULL);
    int status = status_after_exit(&process, &usage);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_true(usage.ru_maxrss > 0);
    process_status_text(status, text, sizeof text);
    assert_string_equal(text, "exited with 3");
}

static void process_running_is_not_reaped_and_dies_by_signal(void **state)
{
    (void)state;
    int status;
    char text[64];
    const char *const argv[] = {"/bin/sleep", "1000", NULL};
    struct process process = start(argv, NULL);
    assert_false(process_reap(&process, &status, NULL));
    process_signal(&process, SIGKILL);
    status = status_after_exit(&process, NULL);
    assert_true(WIFSIGNALED(status));
    process_status_text(status, text, sizeof text);
    assert_string_equal(text, "killed by SIGKILL (signal 9)");
    process_signal(&process, SIGTERM);
}

static void process_discarded_one_leaves_no_zombie(void **state)
{
    (void)state;
    const char *const argv[] = {"/bin/sleep", "1000", NULL};
    struct process process = start(argv, NULL);
    pid_t pid = (pid_t)process.pid;
    process_discard(&process);
    assert_int_equal(process.pidfd, -1);
    assert_int_equal(process.pid, 0);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* No child any more. */
    process_discard(&process);
}

static void process_signal_to_an_exited_one_is_nothing(void **state)
{
    (void)state;
    struct process process = start_shell("exit 0", NULL);
    assert_true(wait_readable(process.pidfd));
    process_signal(&process, SIGKILL);
    assert_int_equal(status_after_exit(&process, NULL), 0);
}

static void process_stopped_one_is_killed(void **state)
{
    (void)state;
    const char *const argv[] = {"/bin/sleep", "1000", NULL};
    struct process process = start(argv, NULL);
    process_signal(&process, SIGSTOP);
    process_signal(&process, SIGKILL);
    int status = status_after_exit(&process, NULL);
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* Waits until the kernel says so: a state is entered some time after what leads to it. */
static bool starves_becomes(const struct process *process, bool expected)
{
    for (int i = 0; i < DEADLINE_MS; i++) {
        if (process_may_starve(process) == expected) {
            return true;
        }
        poll(NULL, 0, 1);
    }
    return false;
}

static void process_that_wants_a_processor_may_starve_others_not(void **state)
{
    (void)state;
    struct process busy = start_shell("while :; do :; done", NULL);
    assert_true(starves_becomes(&busy, true));
    process_signal(&busy, SIGSTOP);
    assert_true(starves_becomes(&busy, false));
    process_signal(&busy, SIGCONT);
    assert_true(starves_becomes(&busy, true));
    process_signal(&busy, SIGKILL);
    status_after_exit(&busy, NULL);
    assert_false(process_may_starve(&busy));
    const char *const argv[] = {"/bin/sleep", "1000", NULL};
    struct process idle = start(argv, NULL);
    assert_true(starves_becomes(&idle, false));
    process_signal(&idle, SIGKILL);
    status_after_exit(&idle, NULL);
}

static void process_missing_or_plain_file_is_refused(void **state)
{
    (void)state;
    struct process process;
    struct gale_error error;
    const char *const missing[] = {"/nonexistent/program", NULL};
    const char *const plain[] = {"/etc/passwd", NULL};
    assert_int_equal(process_start(missing, NULL, &process, &error), GALE_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, "/nonexistent/program"));
    assert_int_equal(process.pidfd, -1);
    assert_int_equal(process_start(plain, NULL, &process, &error), GALE_ERR_INVALID);
    const char *many[PROCESS_ARGUMENTS_MAX + 2];
    for (size_t i = 0; i < PROCESS_ARGUMENTS_MAX + 1; i++) {
        many[i] = "/bin/true";
    }
    many[PROCESS_ARGUMENTS_MAX + 1] = NULL;
    assert_int_equal(process_start(many, NULL, &process, &error), GALE_ERR_INVALID);
}

static void process_with_ignored_sigchld_is_refused(void **state)
{
    (void)state;
    struct process process;
    struct gale_error error;
    const char *const argv[] = {"/bin/true", NULL};
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(process_start(argv, NULL, &process, &error), GALE_ERR_STATE);
    signal(SIGCHLD, SIG_DFL);
}

static void process_child_starts_with_clean_signals_and_stdin(void **state)
{
    (void)state;
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before);
    void (*old)(int) = signal(SIGINT, SIG_IGN);
    struct process process =
        start_shell("read line; test $? = 1 || exit 9; "
                    "grep -q '^SigBlk:.*0000000000000000' /proc/self/status || exit 8; "
                    "grep -q '^SigIgn:.*000000' /proc/self/status || exit 7; "
                    "exit 5",
                    NULL);
    signal(SIGINT, old);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(WEXITSTATUS(status_after_exit(&process, NULL)), 5);
}

static void process_child_has_a_group_of_its_own(void **state)
{
    (void)state;
    const char *const argv[] = {"/bin/sleep", "1000", NULL};
    struct process process = start(argv, NULL);
    assert_int_equal(getpgid((pid_t)process.pid), process.pid);
    process_signal(&process, SIGKILL);
    status_after_exit(&process, NULL);
}

static void process_limits_hold_in_the_child(void **state)
{
    (void)state;
    const struct process_limits limits = {.memory_max = INT64_C(64) << 20,
                                          .open_files_max = 77};
    const char *const argv[] = {"/bin/sleep", "1000", NULL};
    struct process process = start(argv, &limits);
    struct rlimit limit;
    assert_int_equal(prlimit((pid_t)process.pid, RLIMIT_NOFILE, NULL, &limit), 0);
    assert_int_equal(limit.rlim_cur, 77);
    assert_int_equal(limit.rlim_max, 77);
    assert_int_equal(prlimit((pid_t)process.pid, RLIMIT_DATA, NULL, &limit), 0);
    assert_int_equal(limit.rlim_cur, limits.memory_max);
    process_signal(&process, SIGKILL);
    status_after_exit(&process, NULL);
}

static void process_impossible_limit_is_refused_and_nothing_runs(void **state)
{
    (void)state;
    struct process process;
    struct gale_error error;
    const struct process_limits limits = {.open_files_max = INT64_MAX - 1};
    const char *const argv[] = {"/bin/sleep", "1000", NULL};
    assert_int_equal(process_start(argv, &limits, &process, &error), GALE_ERR_LIMIT);
    assert_non_null(strstr(error.text, "open_files_max"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void process_killed_starter_leaves_no_orphan(void **state)
{
    (void)state;
    int pipe_fds[2];
    char number[16];
    pid_t leaf = 0;
    assert_int_equal(pipe(pipe_fds), 0);
    snprintf(number, sizeof number, "%d", pipe_fds[1]);
    const char *const argv[] = {"/proc/self/exe", "middle", number, NULL};
    struct process middle = start(argv, NULL);
    assert_true(wait_readable(pipe_fds[0]));
    assert_int_equal(read(pipe_fds[0], &leaf, sizeof leaf), sizeof leaf);
    int leaf_fd = (int)syscall(SYS_pidfd_open, leaf, 0);
    assert_true(leaf_fd >= 0);
    struct pollfd alive = {.fd = leaf_fd, .events = POLLIN};
    assert_int_equal(poll(&alive, 1, 0), 0);
    process_signal(&middle, SIGKILL);
    assert_true(wait_readable(leaf_fd));
    assert_int_equal(WTERMSIG(status_after_exit(&middle, NULL)), SIGKILL);
    close(leaf_fd);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void process_child_of_a_dead_parent_exits_at_once(void **state)
{
    (void)state;
    const char *const argv[] = {"/proc/self/exe", "leaf", "1", "-1", NULL};
    struct process process = start(argv, NULL);
    assert_int_equal(WEXITSTATUS(status_after_exit(&process, NULL)), 1);
}

static int main_middle(char **argv)
{
    char parent[16];
    char leaf_word[] = "leaf";
    snprintf(parent, sizeof parent, "%d", getpid());
    const char *const leaf[] = {"/proc/self/exe", leaf_word, parent, argv[2], NULL};
    struct process process;
    if (process_start(leaf, NULL, &process, NULL)) {
        return 1;
    }
    for (;;) {
        pause();
    }
}

static int main_leaf(char **argv)
{
    process_die_with_parent(atoll(argv[2]));
    pid_t pid = getpid();
    if (write(atoi(argv[3]), &pid, sizeof pid) != sizeof pid) {
        return 2;
    }
    for (;;) {
        pause();
    }
}

static void process_adopted_child_of_another_is_watched_and_ends_unknown(void **state)
{
    (void)state;
    int status;
    int pipe_fds[2];
    char number[32] = "";
    struct process process;
    assert_int_equal(pipe(pipe_fds), 0);
    /* The shell's child outlives it: a process that is not ours. */
    char script[96];
    snprintf(script, sizeof script, "sleep 1000 >/dev/null & echo $! >&%d", pipe_fds[1]);
    struct process shell = start_shell(script, NULL);
    assert_true(read(pipe_fds[0], number, sizeof number - 1) > 0);
    (void)status_after_exit(&shell, NULL);
    int64_t pid = strtoll(number, NULL, 10);
    uint64_t begun = process_start_time(pid);
    assert_true(begun > 0);
    assert_int_equal(process_adopt(pid, begun + 1, &process), GALE_ERR_NOT_FOUND);
    assert_int_equal(process.pidfd, -1);
    assert_int_equal(process_adopt(pid, begun, &process), GALE_OK);
    assert_false(process_reap(&process, &status, NULL)); /* It runs, child or not. */
    assert_true(process_rss_kb(pid) > 0);
    process_signal(&process, SIGKILL);
    status = status_after_exit(&process, NULL);
    assert_int_equal(WEXITSTATUS(status), 255);
    assert_int_equal(process_adopt(pid, begun, &process), GALE_ERR_NOT_FOUND);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void process_that_is_none_is_not_adopted(void **state)
{
    (void)state;
    static const int64_t none[] = {0, -1, INT64_MAX, 4194304};
    struct process process;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(process_adopt(none[i], 1, &process), GALE_ERR_NOT_FOUND);
        assert_int_equal(process_start_time(none[i]), 0);
    }
    char boot[PROCESS_BOOT_SIZE];
    process_boot(boot);
    assert_int_equal(strlen(boot), 36);
}

static void process_in_a_place_has_directory_log_and_no_descriptors(void **state)
{
    (void)state;
    char dir[] = "/tmp/gale-place-XXXXXX";
    char path[64], text[256] = "", expected[128];
    struct process process;
    struct gale_error error;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/log", dir);
    int leaked = dup(STDIN_FILENO); /* without FD_CLOEXEC, as of a careless library */
    assert_true(leaked > 2);
    char script[128];
    snprintf(script, sizeof script,
             "pwd; echo err >&2; test -e /proc/self/fd/%d && echo leak; :", leaked);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct process_place place = {.directory = dir, .log_path = path};
    for (int i = 0; i < 2; i++) { /* The second one appends. */
        assert_int_equal(process_start_at(argv, NULL, &place, &process, &error), GALE_OK);
        assert_int_equal(status_after_exit(&process, NULL), 0);
    }
    close(leaked);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    snprintf(expected, sizeof expected, "%s\nerr\n%s\nerr\n", dir, dir);
    assert_string_equal(text, expected);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    place.directory = "/nowhere/at/all";
    assert_int_equal(process_start_at(argv, NULL, &place, &process, &error),
                     GALE_ERR_NOT_FOUND);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "middle") == 0) {
        return main_middle(argv);
    }
    if (argc == 4 && strcmp(argv[1], "leaf") == 0) {
        return main_leaf(argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_adopted_child_of_another_is_watched_and_ends_unknown),
        cmocka_unit_test(process_that_is_none_is_not_adopted),
        cmocka_unit_test(process_in_a_place_has_directory_log_and_no_descriptors),
        cmocka_unit_test(process_exit_code_is_reported_with_usage),
        cmocka_unit_test(process_running_is_not_reaped_and_dies_by_signal),
        cmocka_unit_test(process_discarded_one_leaves_no_zombie),
        cmocka_unit_test(process_signal_to_an_exited_one_is_nothing),
        cmocka_unit_test(process_stopped_one_is_killed),
        cmocka_unit_test(process_that_wants_a_processor_may_starve_others_not),
        cmocka_unit_test(process_missing_or_plain_file_is_refused),
        cmocka_unit_test(process_with_ignored_sigchld_is_refused),
        cmocka_unit_test(process_child_starts_with_clean_signals_and_stdin),
        cmocka_unit_test(process_child_has_a_group_of_its_own),
        cmocka_unit_test(process_limits_hold_in_the_child),
        cmocka_unit_test(process_impossible_limit_is_refused_and_nothing_runs),
        cmocka_unit_test(process_killed_starter_leaves_no_orphan),
        cmocka_unit_test(process_child_of_a_dead_parent_exits_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

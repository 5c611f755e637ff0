/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's hands: child processes by posix_spawn, watched and signalled by pidfd. Those that an
 * earlier life of the supervisor started are no children any more; a pidfd serves them all the same.
 *
 * Pids are safe here: a pid stays the child's until this file reaps it, and SIGCHLD must not be
 * ignored (checked), so opening the pidfd and setting limits right after the start cannot meet
 * another process. Limits come by prlimit after the start, as posix_spawn has no such attribute:
 * the window before does not matter, because RLIMIT_DATA and RLIMIT_NOFILE are checked against
 * the sum at each growth, not against what was taken since. Lowering the starter's own limits for
 * the moment of the start would have no window, but its other threads would meet them.
 * PR_SET_PDEATHSIG follows the thread that started the child, so that must be one that lives as
 * long as the process. Owner: that thread.
 */
#include "supervise/process.h"

#include "base/assert.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_UNKNOWN (255 << 8) /* exit 255 */
#define STAT_START_FIELD 22       /* of /proc/PID/stat, from 1: the start time */
#define STAT_STATE_FIELD 3        /* the first behind the name */

static bool sigchld_is_ignored(void)
{
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action)) {
        return false;
    }
    return action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT);
}

static enum gale_err attributes_init(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int number = posix_spawnattr_init(attributes);
    if (number) {
        return GALE_ERR_NOMEM;
    }
    number = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    number = number ? number : posix_spawnattr_setsigmask(attributes, &none);
    number = number ? number : posix_spawnattr_setsigdefault(attributes, &all);
    number = number ? number : posix_spawnattr_setpgroup(attributes, 0);
    GALE_ASSERT(number == 0);
    return GALE_OK;
}

static enum gale_err start_error(int number, const char *path, struct gale_error *error)
{
    enum gale_err code = GALE_ERR_IO;
    const char *next = "see the system's log";
    if (number == ENOENT || number == ENOTDIR) {
        code = GALE_ERR_NOT_FOUND;
        next = "check the path";
    } else if (number == EACCES || number == ENOEXEC || number == E2BIG) {
        code = GALE_ERR_INVALID;
        next = "it must be a program that this user may execute";
    } else if (number == EAGAIN || number == EMFILE || number == ENFILE) {
        code = GALE_ERR_LIMIT;
        next = "raise the limits of processes and open files (ulimit -u, -n)";
    } else if (number == ENOMEM) {
        code = GALE_ERR_NOMEM;
        next = "free memory or start fewer workers";
    }
    return gale_error_set(error, code, "cannot start %s: %s; %s", path, strerror(number), next);
}

/* What the child does before its program runs; the first number that is not 0. */
static int actions_fill(posix_spawn_file_actions_t *actions, const struct process_place *place)
{
    int number =
        posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (place == NULL) {
        return number;
    }
    if (place->log_path) {
        number = number
                     ? number
                     : posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, place->log_path,
                                                        O_WRONLY | O_CREAT | O_APPEND, 0600);
        number = number
                     ? number
                     : posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
    }
    if (place->directory) {
        number =
            number ? number : posix_spawn_file_actions_addchdir_np(actions, place->directory);
    }
    /* Libraries open descriptors without FD_CLOEXEC; a session of theirs must not outlive us. */
    return number ? number
                  : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

static enum gale_err spawn_child(const char *const *argv, const struct process_place *place,
                                 pid_t *pid, struct gale_error *error)
{
    char *arguments[PROCESS_ARGUMENTS_MAX + 1];
    size_t count = 0;
    while (argv[count]) {
        if (++count > PROCESS_ARGUMENTS_MAX) {
            return gale_error_set(error, GALE_ERR_INVALID,
                                  "cannot start %s: more than %d arguments", argv[0],
                                  PROCESS_ARGUMENTS_MAX);
        }
    }
    /* posix_spawn promises not to write through the pointers that it takes without const. */
    memcpy(arguments, argv, (count + 1) * sizeof *arguments);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    if (attributes_init(&attributes)) {
        return start_error(ENOMEM, argv[0], error);
    }
    int number = posix_spawn_file_actions_init(&actions);
    if (number == 0) {
        number = actions_fill(&actions, place);
        number = number ? number
                        : posix_spawn(pid, argv[0], &actions, &attributes, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    return number ? start_error(number, argv[0], error) : GALE_OK;
}

static enum gale_err limit_set(pid_t pid, int resource, int64_t value, const char *name,
                               struct gale_error *error)
{
    if (value <= 0) {
        return GALE_OK;
    }
    struct rlimit limit = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
    /* A child that has exited already needs no limit; its exit is reported as any other. */
    if (prlimit(pid, (enum __rlimit_resource)resource, &limit, NULL) == 0 || errno == ESRCH) {
        return GALE_OK;
    }
    return gale_error_set(error, GALE_ERR_LIMIT,
                          "cannot set %s of a worker to %lld: %s; this user's hard limit is "
                          "lower: choose a lower value or raise the limit",
                          name, (long long)value, strerror(errno));
}

static void child_discard(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

enum gale_err process_start(const char *const *argv, const struct process_limits *limits,
                            struct process *out, struct gale_error *error)
{
    return process_start_at(argv, limits, NULL, out, error);
}

enum gale_err process_start_at(const char *const *argv, const struct process_limits *limits,
                               const struct process_place *place, struct process *out,
                               struct gale_error *error)
{
    GALE_ASSERT(argv && argv[0]);
    out->pid = 0;
    out->pidfd = -1;
    if (sigchld_is_ignored()) {
        return gale_error_set(error, GALE_ERR_STATE,
                              "cannot watch %s: SIGCHLD is ignored in this process, so exits "
                              "would be lost; set it to its default first",
                              argv[0]);
    }
    pid_t pid;
    enum gale_err err = spawn_child(argv, place, &pid, error);
    if (err) {
        return err;
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        int number = errno;
        child_discard(pid);
        return start_error(number, argv[0], error);
    }
    if (limits) {
        err = limit_set(pid, RLIMIT_DATA, limits->memory_max, "memory_max", error);
        err = err ? err
                  : limit_set(pid, RLIMIT_NOFILE, limits->open_files_max, "open_files_max",
                              error);
    }
    if (err) {
        close(pidfd);
        child_discard(pid);
        return err;
    }
    out->pid = pid;
    out->pidfd = pidfd;
    return GALE_OK;
}

void process_signal(const struct process *process, int signal)
{
    if (process->pidfd >= 0) {
        /* ESRCH: it has exited. Nothing else can happen with a process of this user. */
        (void)syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0);
    }
}

void process_discard(struct process *process)
{
    siginfo_t unused;
    if (process->pidfd < 0) {
        return;
    }
    process_signal(process, SIGKILL);
    while (waitid(P_PIDFD, (id_t)process->pidfd, &unused, WEXITED) < 0 && errno == EINTR) {
    }
    close(process->pidfd);
    process->pidfd = -1;
    process->pid = 0;
}

static int status_of(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED) {
        return (info->si_status & 0xff) << 8;
    }
    return info->si_status | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

/* A process that is no child of ours has ended when its pidfd is readable. */
static bool pidfd_ended(int pidfd)
{
    struct pollfd ready = {.fd = pidfd, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

bool process_reap(struct process *process, int *status, struct rusage *usage)
{
    if (process->pidfd < 0) {
        return false;
    }
    struct rusage unused = {0};
    struct rusage *target = usage ? usage : &unused;
    siginfo_t info;
    long result;
    memset(&info, 0, sizeof info);
    memset(target, 0, sizeof *target);
    do {
        result = syscall(SYS_waitid, P_PIDFD, process->pidfd, &info, WEXITED | WNOHANG, target);
    } while (result < 0 && errno == EINTR);
    if ((result == 0 && info.si_pid == 0) || (result < 0 && !pidfd_ended(process->pidfd))) {
        return false;
    }
    *status = result < 0 ? STATUS_UNKNOWN : status_of(&info);
    close(process->pidfd);
    process->pidfd = -1;
    process->pid = 0;
    return true;
}

/* A field of /proc/PID/stat, counted from 1, behind the name, which may hold anything. "" in *out: there
 * is none. */
static void stat_field(int64_t pid, int field, char *out, size_t size)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    out[0] = '\0';
    char *at = strrchr(text, ')');
    char *rest = NULL;
    char *word = at ? strtok_r(at + 1, " ", &rest) : NULL;
    for (int number = STAT_STATE_FIELD; word && number < field; number++) {
        word = strtok_r(NULL, " ", &rest);
    }
    if (word) {
        snprintf(out, size, "%s", word);
    }
}

uint64_t process_start_time(int64_t pid)
{
    char state[8];
    char start[32];
    stat_field(pid, STAT_STATE_FIELD, state, sizeof state);
    stat_field(pid, STAT_START_FIELD, start, sizeof start);
    bool ended = state[0] == 'Z' || state[0] == 'X' || state[0] == 'x' || state[0] == '\0';
    return ended ? 0 : strtoull(start, NULL, 10);
}

enum gale_err process_adopt(int64_t pid, uint64_t start, struct process *out)
{
    out->pid = 0;
    out->pidfd = -1;
    if (pid <= 0 || pid > INT_MAX || start == 0) {
        return GALE_ERR_NOT_FOUND;
    }
    int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (pidfd < 0) {
        return errno == ESRCH || errno == EINVAL    ? GALE_ERR_NOT_FOUND
               : errno == EMFILE || errno == ENFILE ? GALE_ERR_LIMIT
                                                    : GALE_ERR_IO;
    }
    /* From here on the descriptor names one process, whatever becomes of the number. */
    if (process_start_time(pid) != start || pidfd_ended(pidfd)) {
        close(pidfd);
        return GALE_ERR_NOT_FOUND;
    }
    out->pid = pid;
    out->pidfd = pidfd;
    return GALE_OK;
}

static void first_line(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    out[got > 0 ? got : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

void process_boot(char out[PROCESS_BOOT_SIZE])
{
    first_line("/proc/sys/kernel/random/boot_id", out, PROCESS_BOOT_SIZE);
}

int64_t process_rss_kb(int64_t pid)
{
    char path[64];
    char text[128];
    long long pages = 0;
    snprintf(path, sizeof path, "/proc/%lld/statm", (long long)pid);
    first_line(path, text, sizeof text);
    if (sscanf(text, "%*d %lld", &pages) != 1) {
        return 0;
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* State of a thread as its stat file says: behind the name, which may hold anything. */
static char thread_state(int tasks_fd, const char *tid)
{
    char path[NAME_MAX + sizeof "/stat"];
    char text[512];
    snprintf(path, sizeof path, "%s/stat", tid);
    int fd = openat(tasks_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    text[size > 0 ? size : 0] = '\0';
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' ? end[2] : '?';
}

/* Counts the threads of a process, but one, that run or wait for a processor; *stopped is set when
 * one is stopped. */
static unsigned runnable_count(int64_t pid, long but_tid, bool *stopped)
{
    char path[64];
    char but[24];
    snprintf(path, sizeof path, "/proc/%lld/task", (long long)pid);
    snprintf(but, sizeof but, "%ld", but_tid);
    DIR *tasks = opendir(path);
    unsigned count = 0;
    for (struct dirent *entry; tasks && (entry = readdir(tasks)) != NULL;) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, but) == 0) {
            continue;
        }
        char state = thread_state(dirfd(tasks), entry->d_name);
        count += state == 'R';
        *stopped = *stopped || state == 'T' || state == 't';
    }
    if (tasks) {
        closedir(tasks);
    }
    return count;
}

bool process_may_starve(const struct process *process)
{
    bool stopped = false;
    bool ignored = false;
    if (process->pidfd < 0) {
        return false;
    }
    unsigned count = runnable_count(process->pid, 0, &stopped);
    return !stopped &&
           (count > 0 || runnable_count(getpid(), syscall(SYS_gettid), &ignored) > 0);
}

void process_die_with_parent(int64_t parent_pid)
{
    int result = prctl(PR_SET_PDEATHSIG, SIGKILL);
    GALE_ASSERT(result == 0);
    /* A parent that died before the call above sends nothing any more. */
    if (getppid() != parent_pid) {
        _exit(1);
    }
}

void process_status_text(int status, char *out, size_t size)
{
    if (WIFEXITED(status)) {
        snprintf(out, size, "exited with %d", WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        snprintf(out, size, "killed by SIG%s (signal %d)%s", name ? name : "?",
                 WTERMSIG(status), WCOREDUMP(status) ? ", core dumped" : "");
    } else {
        snprintf(out, size, "status 0x%x", (unsigned)status);
    }
}

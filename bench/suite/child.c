/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes that never outlive their call; see child.h. */
#include "suite/child.h"

#include "base/assert.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 20, READ_SIZE = 65536, TREE_FDS = 16 };
/* After being asked to stop: a second request, then force. */
static const int64_t again_ns = INT64_C(300000000);
static const int64_t force_ns = INT64_C(3000000000);

static volatile sig_atomic_t signal_got;
static struct sigaction signals_before[3];
static const int signals_watched[3] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number)
{
    signal_got = number;
}

void child_signals_begin(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    signal_got = 0;
    for (size_t i = 0; i < 3; i++) {
        sigaction(signals_watched[i], &action, &signals_before[i]);
    }
}

void child_signals_end(void)
{
    for (size_t i = 0; i < 3; i++) {
        sigaction(signals_watched[i], &signals_before[i], NULL);
    }
    signal_got = 0;
}

int child_signal(void)
{
    return signal_got;
}

/* ---- Starting ------------------------------------------------------------------------------- */

static int attributes_init(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int number = posix_spawnattr_init(attributes);
    if (number == 0) {
        posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                 POSIX_SPAWN_SETPGROUP);
        posix_spawnattr_setsigmask(attributes, &none);
        posix_spawnattr_setsigdefault(attributes, &all);
        posix_spawnattr_setpgroup(attributes, 0);
    }
    return number;
}

static int spawn(struct child *child, const char *const *argv, char *const *environment,
                 int out, int err)
{
    char *arguments[CHILD_ARGUMENTS_MAX + 1];
    size_t count = 0;
    while (argv[count] != NULL) {
        GALE_ASSERT(count < CHILD_ARGUMENTS_MAX);
        count++;
    }
    /* posix_spawn promises not to write through the pointers that it takes without const. */
    memcpy(arguments, argv, (count + 1) * sizeof *arguments);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int number = attributes_init(&attributes);
    if (number == 0) {
        number = posix_spawn_file_actions_init(&actions);
    }
    if (number == 0) {
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
        number =
            posix_spawnp(&child->pid, argv[0], &actions, &attributes, arguments, environment);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    return number;
}

int child_start(struct child *child, const char *const *argv)
{
    return child_start_in(child, argv, environ);
}

int child_start_in(struct child *child, const char *const *argv, char *const *environment)
{
    int out[2], err[2];
    memset(child, 0, sizeof *child);
    child->out = -1;
    child->err = -1;
    if (pipe2(out, O_CLOEXEC) != 0) {
        return errno;
    }
    if (pipe2(err, O_CLOEXEC) != 0) {
        int number = errno;
        close(out[0]);
        close(out[1]);
        return number;
    }
    child->started_ns = clock_now_ns();
    int number = spawn(child, argv, environment, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    if (number != 0) {
        close(out[0]);
        close(err[0]);
        return number;
    }
    child->out = out[0];
    child->err = err[0];
    /* Only wakes the wait at once; without it the end is seen at the next tick. */
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    fcntl(child->out, F_SETFL, O_NONBLOCK);
    fcntl(child->err, F_SETFL, O_NONBLOCK);
    buf_init(&child->output, CHILD_OUTPUT_MAX);
    buf_init(&child->line, CHILD_LINE_MAX);
    return 0;
}

void child_fini(struct child *child)
{
    buf_fini(&child->output);
    buf_fini(&child->line);
}

/* ---- Reading -------------------------------------------------------------------------------- */

static void take_line(struct child *child, const struct child_watch *watch, const char *line,
                      size_t size)
{
    bool is_taken = watch->on_line != NULL && watch->on_line(watch->self, line, size);
    if (!is_taken && size > 0) {
        snprintf(child->tail, sizeof child->tail, "%.*s", (int)(size < 1000 ? size : 1000),
                 line);
    }
}

static void take_lines(struct child *child, const struct child_watch *watch, const char *data,
                       size_t size)
{
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t part = end != NULL ? (size_t)(end - data) : size;
        /* A line beyond the limit is cut: it is no sample then, and nobody reads it. */
        (void)buf_append(&child->line, data, part);
        if (end == NULL) {
            return;
        }
        take_line(child, watch, (const char *)child->line.data, child->line.size);
        buf_clear(&child->line);
        data += part + 1;
        size -= part + 1;
    }
}

/* Reads what is there. @return false at the end of the stream. */
static bool drain(struct child *child, const struct child_watch *watch, int *fd)
{
    char data[READ_SIZE];
    while (*fd >= 0) {
        ssize_t size = read(*fd, data, sizeof data);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (size <= 0) {
            close(*fd);
            *fd = -1;
        } else if (fd == &child->out) {
            (void)buf_append(&child->output, data, (size_t)size);
        } else {
            take_lines(child, watch, data, (size_t)size);
        }
    }
    return false;
}

/* ---- Waiting -------------------------------------------------------------------------------- */

static bool reap(struct child *child)
{
    pid_t pid = waitpid(child->pid, &child->status, WNOHANG);
    if (pid == child->pid || (pid < 0 && errno == ECHILD)) {
        child->ended_ns = clock_now_ns();
        return true;
    }
    return false;
}

/* What stands between the wish to stop and the force. */
struct stopping {
    int64_t since_ns; /* 0 = nobody asked. */
    unsigned asked;
    enum child_end end;
};

static void stop_step(struct child *child, struct stopping *stopping, int64_t now_ns)
{
    int64_t passed = now_ns - stopping->since_ns;
    if (stopping->since_ns == 0) {
        return;
    }
    if (stopping->asked == 0 || (stopping->asked == 1 && passed > again_ns)) {
        kill(child->pid, SIGTERM);
        stopping->asked++;
    } else if (stopping->asked == 2 && passed > force_ns) {
        kill(-child->pid, SIGKILL);
        kill(child->pid, SIGKILL);
        stopping->asked++;
    }
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

enum child_end child_wait(struct child *child, const struct child_watch *watch,
                          double deadline_s)
{
    int64_t deadline_ns = child->started_ns + (int64_t)(deadline_s * 1e9);
    struct stopping stopping = {.end = CHILD_EXITED};
    bool is_asked = false;
    while (!reap(child)) {
        struct pollfd fds[3] = {
            {child->out, POLLIN, 0}, {child->err, POLLIN, 0}, {child->pidfd, POLLIN, 0}};
        (void)poll(fds, 3, TICK_MS);
        drain(child, watch, &child->out);
        drain(child, watch, &child->err);
        int64_t now_ns = clock_now_ns();
        if (stopping.since_ns == 0 && (child_signal() != 0 || now_ns > deadline_ns)) {
            stopping.since_ns = now_ns;
            stopping.end = child_signal() != 0 ? CHILD_INTERRUPTED : CHILD_TIMED_OUT;
        }
        stop_step(child, &stopping, now_ns);
        if (stopping.since_ns == 0 && !is_asked && watch->on_tick != NULL &&
            !watch->on_tick(watch->self, child->pid)) {
            kill(child->pid, SIGINT);
            is_asked = true;
        }
    }
    /* A grandchild may hold the pipes a moment longer; what the child wrote is in them now. */
    drain(child, watch, &child->out);
    drain(child, watch, &child->err);
    if (child->line.size > 0) {
        take_line(child, watch, (const char *)child->line.data, child->line.size);
    }
    close_end(&child->out);
    close_end(&child->err);
    close_end(&child->pidfd);
    return stopping.end;
}

/* ---- Leaving nothing behind ----------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

void child_remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, TREE_FDS, FTW_DEPTH | FTW_PHYS);
}

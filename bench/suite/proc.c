/* SPDX-License-Identifier: Apache-2.0 */
/* Daemons of the suite and what /proc says of processes; see proc.h. */
#include "suite/proc.h"

#include "base/clock.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ENVIRONMENT_MAX = 128 * 1024,
    SWEEPS_MAX = 50,
    EXIT_NOT_STARTED = 127,
    FILE_MODE = 0600,
};
static const double look_s = 0.005;

void proc_pause(double seconds)
{
    struct timespec ts = {.tv_sec = (time_t)seconds,
                          .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
    (void)nanosleep(&ts, NULL);
}

/* ---- Daemons -------------------------------------------------------------------------------- */

/* In the child; fork and not posix_spawn for the sake of the signal at the parent's death. */
static void become(const char *const *argv, char *const *environment, const char *out,
                   const char *err, int death_signal, pid_t parent)
{
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, death_signal);
    if (getppid() != parent) {
        _exit(EXIT_NOT_STARTED);
    }
    int in_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out_fd = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
    int err_fd = open(err, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
    if (in_fd < 0 || out_fd < 0 || err_fd < 0 || dup2(in_fd, STDIN_FILENO) < 0 ||
        dup2(out_fd, STDOUT_FILENO) < 0 || dup2(err_fd, STDERR_FILENO) < 0) {
        _exit(EXIT_NOT_STARTED);
    }
    char **arguments;
    memcpy(&arguments, &argv,
           sizeof arguments); /* execvpe promises not to write through them. */
    (void)execvpe(argv[0], arguments, environment);
    _exit(EXIT_NOT_STARTED);
}

pid_t proc_start(const char *const *argv, char *const *environment, const char *out,
                 const char *err, int death_signal)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(argv, environment, out, err, death_signal, parent);
    }
    return pid;
}

bool proc_runs(pid_t *pid)
{
    if (*pid > 0 && waitpid(*pid, NULL, WNOHANG) != 0) {
        *pid = 0;
    }
    return *pid > 0;
}

void proc_end(pid_t *pid, int signal, double grace_s)
{
    int64_t force_ns = clock_now_ns() + (int64_t)(grace_s * 1e9);
    if (proc_runs(pid)) {
        (void)kill(*pid, signal);
    }
    while (proc_runs(pid)) {
        if (clock_now_ns() > force_ns) {
            (void)kill(*pid, SIGKILL);
        }
        proc_pause(look_s);
    }
}

/* ---- Leaving nothing behind ----------------------------------------------------------------- */

/* Whether a process has that variable; one that has gone, or is not ours, has not. */
static bool has_mark(const char *pid, const char *mark, char *text)
{
    char path[64];
    size_t mark_size = strlen(mark) + 1; /* With the NUL that ends it there, too. */
    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t size = fread(text, 1, ENVIRONMENT_MAX, file);
    fclose(file);
    return size >= mark_size && memmem(text, size, mark, mark_size) != NULL;
}

static unsigned sweep_once(const char *mark, char *text)
{
    unsigned killed = 0;
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && pid != getpid() && has_mark(entry->d_name, mark, text)) {
            killed += kill(pid, SIGKILL) == 0;
        }
    }
    if (processes != NULL) {
        closedir(processes);
    }
    return killed;
}

unsigned proc_sweep(const char *mark)
{
    char *text = malloc(ENVIRONMENT_MAX);
    unsigned all = 0;
    for (unsigned i = 0; text != NULL && i < SWEEPS_MAX; i++) {
        unsigned killed = sweep_once(mark, text);
        if (killed == 0) {
            break;
        }
        all += killed;
        proc_pause(look_s);
    }
    free(text);
    return all;
}

/* ---- What the system says -------------------------------------------------------------------- */

double proc_cpu_s(pid_t pid)
{
    clockid_t clock;
    struct timespec ts;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0) {
        return (double)NAN;
    }
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double proc_rss_mb(pid_t pid)
{
    char path[64];
    unsigned long long all = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%llu %llu", &all, &resident) != 2) {
        resident = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return resident > 0 ? (double)resident * (double)sysconf(_SC_PAGESIZE) / (1024.0 * 1024.0)
                        : (double)NAN;
}

double proc_share_mb(pid_t pid)
{
    char path[64], line[256];
    unsigned long long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && kb == 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %llu", &kb) != 1) {
            kb = 0;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kb > 0 ? (double)kb / 1024 : (double)NAN;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Machine and socket checks of `gale doctor`; see doctor.h. */
#include "cli/doctor.h"

#include "base/clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    DOCTOR_FILES_GOOD = 4096,
    DOCTOR_FILES_LEAST = 256,
    DOCTOR_SOCKET_NAME = 48, /* room that a run's own part of an ipc path takes */
    DOCTOR_CLOCK_CALLS = 1000,
    DOCTOR_CLOCK_SLOW_NS = 200,
};
#define DOCTOR_MIB (INT64_C(1) << 20)
#define DOCTOR_PATH_MAX ((int)(sizeof(((struct sockaddr_un *)0)->sun_path) - 1))

void doctor_add(struct doctor *doctor, const char *check, enum doctor_state state,
                const char *advice, const char *format, ...)
{
    if (doctor->rows_count == DOCTOR_ROWS_MAX) {
        return;
    }
    struct doctor_row *row = &doctor->rows[doctor->rows_count++];
    va_list args;
    va_start(args, format);
    vsnprintf(row->found, sizeof row->found, format, args);
    va_end(args);
    row->check = check;
    row->state = state;
    row->advice = state != DOCTOR_OK ? advice : "";
    doctor->counts[state]++;
}

static enum doctor_state graded(int64_t value, int64_t good, int64_t least)
{
    return value >= good ? DOCTOR_OK : value >= least ? DOCTOR_WARN : DOCTOR_FAIL;
}

/* First line of a small file without its newline; false when it cannot be read. */
static bool first_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(out, (int)size, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    if (read) {
        out[strcspn(out, "\n")] = '\0';
    }
    return read;
}

static void check_files(struct doctor *doctor)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    int64_t files = limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
    doctor_add(doctor, "open files", graded(files, DOCTOR_FILES_GOOD, DOCTOR_FILES_LEAST),
               "raise it: ulimit -n 65536, or LimitNOFILE= of the service", "%" PRId64, files);
}

/* The cgroup's file of that name (v2, then v1), "max" and absurdly large being no limit. */
static int64_t cgroup_memory(void)
{
    char line[PATH_MAX];
    char path[PATH_MAX + 64];
    if (first_line("/proc/self/cgroup", line, sizeof line) && strncmp(line, "0::", 3) == 0) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", line + 3);
        if (first_line(path, line, sizeof line)) {
            return strcmp(line, "max") == 0 ? -1 : strtoll(line, NULL, 10);
        }
    }
    static const char *const places[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (first_line(places[i], line, sizeof line) && strcmp(line, "max") != 0) {
            int64_t limit = strtoll(line, NULL, 10);
            return limit > 0 && limit < INT64_MAX / 2 ? limit : -1;
        }
    }
    return -1;
}

static void check_memory(struct doctor *doctor)
{
    char line[256];
    int64_t available = -1;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && available < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "MemAvailable:", 13) == 0) {
            available = strtoll(line + 13, NULL, 10) * 1024;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (available >= 0) {
        doctor_add(doctor, "memory available",
                   graded(available, 256 * DOCTOR_MIB, 64 * DOCTOR_MIB),
                   "end other programs, or lower max_pending and inbox_size", "%" PRId64 " MiB",
                   available / DOCTOR_MIB);
    }
    int64_t limit = cgroup_memory();
    if (limit < 0) {
        doctor_add(doctor, "cgroup memory limit", DOCTOR_OK, "", "none");
    } else {
        doctor_add(doctor, "cgroup memory limit",
                   graded(limit, 256 * DOCTOR_MIB, 64 * DOCTOR_MIB),
                   "raise the container's memory limit", "%" PRId64 " MiB", limit / DOCTOR_MIB);
    }
}

static void check_processors(struct doctor *doctor)
{
    cpu_set_t set;
    char line[128];
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    doctor_add(doctor, "processors", graded(count, 2, 1),
               "one worker fits one core; keep `workers: 1`", "%d", count);
    if (first_line("/sys/fs/cgroup/cpu.max", line, sizeof line) &&
        strncmp(line, "max", 3) != 0) {
        char *end;
        double quota = strtod(line, &end);
        double period = strtod(end, NULL);
        double cores = period > 0 ? quota / period : 0;
        doctor_add(doctor, "cgroup CPU quota", cores < 1 ? DOCTOR_WARN : DOCTOR_OK,
                   "a quota below one core stalls workers: raise it", "%.1f cores", cores);
    }
}

/* Directory of a run's state, or the nearest of its parents that is there. */
static void state_directory(char *out, size_t size)
{
    const char *base = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    const struct passwd *user = home != NULL && *home == '/' ? NULL : getpwuid(getuid());
    struct stat status;
    home = user != NULL ? user->pw_dir : home;
    if (base != NULL && *base == '/') {
        snprintf(out, size, "%s/gale", base);
    } else {
        snprintf(out, size, "%s/.local/state/gale", home != NULL ? home : "");
    }
    char *slash;
    while (stat(out, &status) != 0 && (slash = strrchr(out, '/')) != NULL && slash != out) {
        *slash = '\0';
    }
}

static void check_disk(struct doctor *doctor)
{
    char path[PATH_MAX];
    struct statvfs disk;
    state_directory(path, sizeof path);
    if (access(path, W_OK | X_OK) != 0) {
        doctor_add(doctor, "state directory", DOCTOR_FAIL,
                   "make it writable, or give another with --state-dir", "%.120s: %s", path,
                   strerror(errno));
        return;
    }
    doctor_add(doctor, "state directory", DOCTOR_OK, "", "%.150s", path);
    if (statvfs(path, &disk) == 0) {
        int64_t mib =
            (int64_t)((double)disk.f_bavail * (double)disk.f_frsize / (double)DOCTOR_MIB);
        doctor_add(doctor, "disk space", graded(mib, 1024, 64),
                   "free some space, or give another disk with --state-dir", "%" PRId64 " MiB",
                   mib);
    }
}

static void check_clock(struct doctor *doctor)
{
    char source[64] = "unknown";
    (void)first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                     sizeof source);
    int64_t start = clock_now_ns();
    for (int i = 0; i < DOCTOR_CLOCK_CALLS; i++) {
        (void)clock_now_ns();
    }
    int64_t cost = (clock_now_ns() - start) / DOCTOR_CLOCK_CALLS;
    doctor_add(doctor, "clock source", cost > DOCTOR_CLOCK_SLOW_NS ? DOCTOR_WARN : DOCTOR_OK,
               "reading the clock is slow here; use the tsc or the hypervisor's clock",
               "%s, %" PRId64 " ns a reading", source, cost);
}

static void check_kernel(struct doctor *doctor)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    doctor_add(doctor, "pidfd", fd >= 0 ? DOCTOR_OK : DOCTOR_FAIL,
               "workers are watched through it: use Linux 5.3 or newer, or permit the call",
               "%s", fd >= 0 ? "available" : strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    int signal_number = 0;
    int answer = prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0);
    doctor_add(doctor, "parent-death signal", answer == 0 ? DOCTOR_OK : DOCTOR_WARN,
               "workers could outlive a killed gale; permit prctl", "%s",
               answer == 0 ? "available" : strerror(errno));
}

void doctor_machine(struct doctor *doctor)
{
    check_files(doctor);
    check_memory(doctor);
    check_processors(doctor);
    check_disk(doctor);
    check_clock(doctor);
    check_kernel(doctor);
}

/* Binds, listens and connects one socket to itself; 0 or errno. */
static int try_socket(int family, struct sockaddr *address, socklen_t size)
{
    int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = 0;
    if (listener < 0 || client < 0 || bind(listener, address, size) != 0 ||
        listen(listener, 1) != 0 || getsockname(listener, address, &size) != 0 ||
        connect(client, address, size) != 0) {
        error = errno;
    }
    if (listener >= 0) {
        close(listener);
    }
    if (client >= 0) {
        close(client);
    }
    return error;
}

static void check_ipc(struct doctor *doctor)
{
    static const char advice[] = "set XDG_RUNTIME_DIR to a short directory that is yours";
    const char *base = getenv("XDG_RUNTIME_DIR");
    base = base != NULL && *base == '/' && access(base, W_OK) == 0 ? base : "/tmp";
    int room = DOCTOR_PATH_MAX - (int)strlen(base);
    if (room < DOCTOR_SOCKET_NAME) {
        doctor_add(doctor, "ipc directory", DOCTOR_FAIL, advice,
                   "%.100s leaves %d of %d characters", base, room, DOCTOR_PATH_MAX);
        return;
    }
    char directory[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(directory, sizeof directory, "%s/gale-doctor-XXXXXX", base);
    if (mkdtemp(directory) == NULL) {
        doctor_add(doctor, "ipc directory", DOCTOR_FAIL, advice, "%.100s: %s", base,
                   strerror(errno));
        return;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/try", directory);
    int error = try_socket(AF_UNIX, (struct sockaddr *)&address, sizeof address);
    (void)unlink(address.sun_path);
    (void)rmdir(directory);
    doctor_add(doctor, "ipc directory", error == 0 ? DOCTOR_OK : DOCTOR_FAIL, advice,
               "%.100s%s%s", base, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
}

static void check_loopback(struct doctor *doctor)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int error = try_socket(AF_INET, (struct sockaddr *)&address, sizeof address);
    doctor_add(doctor, "loopback ports", error == 0 ? DOCTOR_OK : DOCTOR_FAIL,
               "bring the interface lo up, or permit sockets in the container", "127.0.0.1: %s",
               error == 0 ? "bind and connect work" : strerror(error));
}

void doctor_sockets(struct doctor *doctor)
{
    check_ipc(doctor);
    check_loopback(doctor);
}

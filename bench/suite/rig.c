/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster of the suite's own: its processes, its command line; see rig.h. */
#include "suite/rig.h"

#include "base/clock.h"
#include "suite/memory.h"
#include "suite/proc.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READY_SIZE = 1024,
    WORDS_MAX = 8,
    EXIT_NOT_BY_ITSELF = -1,
    SETTLE_LOOKS_MAX = 40, /* Of a deactivated topology until its last beats have come. */
};
static const double ready_max_s = 60;
static const double command_max_s = 90;
static const double supervisor_grace_s = 5;
static const double look_s = 0.005;

static enum bench_end interrupted_or_wrong(void)
{
    return bench_is_interrupted() ? BENCH_INTERRUPTED : BENCH_WRONG;
}

/* ---- Environment and settings ---------------------------------------------------------------- */

/* Without the user's settings; with directories of the run and the mark. */
static void make_environment(struct rig *rig)
{
    static const char *const own[] = {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME",
                                      "XDG_RUNTIME_DIR"};
    enum { OWN = sizeof own / sizeof own[0], MORE = OWN + 3 };
    const char *dir = rig->dir;
    size_t count = 0, used = 0;
    char text[PATH_MAX + 64];
    while (environ[count] != NULL) {
        count++;
    }
    rig->environment = suite_alloc(count + MORE, sizeof rig->environment[0]);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], "GALE_", 5) != 0 && strncmp(environ[i], "XDG_", 4) != 0 &&
            strncmp(environ[i], "NOTIFY_SOCKET=", 14) != 0) {
            rig->environment[used++] = suite_copy(environ[i]);
        }
    }
    for (size_t i = 0; i < OWN; i++) {
        snprintf(text, sizeof text, "%s=%s/%s", own[i], dir, own[i]);
        (void)mkdir(strchr(text, '=') + 1, 0700);
        rig->environment[used++] = suite_copy(text);
    }
    snprintf(rig->mark, sizeof rig->mark, "SUITE_RIG=%s", dir);
    rig->environment[used++] = suite_copy(rig->mark);
    snprintf(text, sizeof text, "GALE_CONFIG=%s/settings.yaml", dir);
    rig->environment[used++] = suite_copy(text);
    rig->environment[used] = NULL;
}

/* What daemons and commands share; written anew when coordinators are known. */
static bool write_settings(const struct rig *rig)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/settings.yaml", rig->dir);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        result_fail(rig->result, "cannot write %s: %s", path, strerror(errno));
        return false;
    }
    if (rig->options.session != NULL) {
        fprintf(file, "zookeeper.servers: \"127.0.0.1:%u/gale\"\nzookeeper.session: %s\n",
                (unsigned)rig->zookeeper.port, rig->options.session);
    } else if (rig->coordinators[0].rpc[0] != '\0') {
        fprintf(file, "coordinator.addresses: \"%s\"\n", rig->coordinators[0].rpc);
    } else {
        fprintf(file, "dev.dir: \"%s/dev\"\n", rig->dir);
    }
    return fclose(file) == 0;
}

/* ---- Daemons -------------------------------------------------------------------------------- */

/* The last line that a daemon logged, for messages. */
static void last_line(const char *path, char *out, size_t size)
{
    char line[READY_SIZE];
    FILE *file = fopen(path, "re");
    snprintf(out, size, "it said nothing");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0') {
            snprintf(out, size, "%s", line);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static size_t read_ready(const char *path, char *out)
{
    FILE *file = fopen(path, "re");
    size_t size = 0;
    if (file != NULL) {
        size = fread(out, 1, READY_SIZE - 1, file);
        fclose(file);
    }
    out[size] = '\0';
    return strchr(out, '\n') != NULL ? size : 0;
}

/* Starts a daemon whose files in the run's directory are named `name`, and waits for its line
 * "ready". @param ready receives it. */
static enum bench_end start_daemon(struct rig *rig, const char *name, const char *const *argv,
                                   int death_signal, pid_t *pid, char ready[READY_SIZE])
{
    char out[PATH_MAX], err[PATH_MAX], why[READY_SIZE];
    snprintf(out, sizeof out, "%s/%s.out", rig->dir, name);
    snprintf(err, sizeof err, "%s/%s.log", rig->dir, name);
    int64_t deadline_ns = clock_now_ns() + (int64_t)(ready_max_s * 1e9);
    *pid = proc_start(argv, rig->environment, out, err, death_signal);
    while (proc_runs(pid) && clock_now_ns() < deadline_ns && !bench_is_interrupted()) {
        if (read_ready(out, ready) > 0) {
            return BENCH_DONE;
        }
        proc_pause(look_s);
    }
    if (!bench_is_interrupted()) {
        last_line(err, why, sizeof why);
        result_fail(rig->result, "`gale %s` is not ready: %s", argv[1], why);
    }
    return interrupted_or_wrong();
}

enum bench_end rig_coordinator_start(struct rig *rig, unsigned index)
{
    struct rig_coordinator *it = &rig->coordinators[index];
    char state[PATH_MAX], name[32], file[32], ready[READY_SIZE];
    snprintf(state, sizeof state, "%s/c%u", rig->dir, index);
    snprintf(name, sizeof name, "c%u", index);
    snprintf(file, sizeof file, "coordinator-%u-%u", index, it->starts_count++);
    const char *const argv[] = {rig->context->gale,
                                "coordinator",
                                "--json",
                                "--listen",
                                "tcp://127.0.0.1:*",
                                "--control",
                                "tcp://127.0.0.1:*",
                                "--state-dir",
                                state,
                                "--name",
                                name,
                                NULL};
    enum bench_end end = start_daemon(rig, file, argv, SIGKILL, &it->pid, ready);
    if (end == BENCH_DONE &&
        (!rig_json_text(ready, strlen(ready), "rpc", it->rpc, sizeof it->rpc) ||
         !rig_json_text(ready, strlen(ready), "control", it->control, sizeof it->control))) {
        result_fail(rig->result, "`gale coordinator` does not say where it answers: %s", ready);
        end = BENCH_WRONG;
    }
    return end;
}

void rig_coordinator_kill(struct rig *rig, unsigned index)
{
    proc_end(&rig->coordinators[index].pid, SIGKILL, 0);
}

static enum bench_end start_supervisor(struct rig *rig)
{
    char state[PATH_MAX], slots[32], ready[READY_SIZE];
    snprintf(state, sizeof state, "%s/s", rig->dir);
    snprintf(slots, sizeof slots, "%d", RIG_SLOTS);
    const char *const argv[] = {rig->context->gale,
                                "supervisor",
                                "--json",
                                "--listen",
                                "tcp://127.0.0.1:*",
                                "--address",
                                "127.0.0.1",
                                "--name",
                                "h0",
                                "--state-dir",
                                state,
                                "--slots",
                                slots,
                                "--stop-workers",
                                NULL};
    return start_daemon(rig, "supervisor", argv, SIGTERM, &rig->supervisor, ready);
}

static enum bench_end start_dev(struct rig *rig)
{
    char ready[READY_SIZE];
    const char *const argv[] = {rig->context->gale, "dev", "--json", NULL};
    return start_daemon(rig, "dev", argv, SIGTERM, &rig->supervisor, ready);
}

unsigned rig_leader(const struct rig *rig)
{
    char path[PATH_MAX], endpoint[RIG_ENDPOINT_SIZE] = "";
    uint64_t epoch = 0;
    snprintf(path, sizeof path, "%s/s/coordinator", rig->dir);
    FILE *file = fopen(path, "re");
    bool is_read = file != NULL && fscanf(file, "%" SCNu64 " %159s", &epoch, endpoint) == 2;
    if (file != NULL) {
        fclose(file);
    }
    for (unsigned i = 0; is_read && i < rig->options.coordinators; i++) {
        if (strcmp(rig->coordinators[i].control, endpoint) == 0) {
            return i;
        }
    }
    return RIG_COORDINATORS_MAX;
}

bool rig_knows_coordinators(const struct rig *rig)
{
    char path[PATH_MAX], line[RIG_ENDPOINT_SIZE];
    unsigned known = 0;
    snprintf(path, sizeof path, "%s/s/candidates", rig->dir);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        for (unsigned i = 0; i < rig->options.coordinators; i++) {
            known |= strcmp(rig->coordinators[i].rpc, line) == 0 ? 1U << i : 0;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return known == (1U << rig->options.coordinators) - 1;
}

/* ---- Start and end -------------------------------------------------------------------------- */

static enum bench_end start_zookeeper(struct rig *rig)
{
    char dir[PATH_MAX], why[READY_SIZE];
    snprintf(dir, sizeof dir, "%s/zookeeper", rig->dir);
    if (mkdir(dir, 0700) != 0) {
        result_fail(rig->result, "cannot make %s: %s", dir, strerror(errno));
        return BENCH_WRONG;
    }
    if (!zookeeper_start(&rig->zookeeper, dir, rig->environment, why, sizeof why)) {
        if (!bench_is_interrupted()) {
            result_fail(rig->result, "%s", why);
        }
        return interrupted_or_wrong();
    }
    return BENCH_DONE;
}

/* Until the leader has heard of the host. */
static enum bench_end await_host(struct rig *rig)
{
    static const char *const words[] = {"hosts", NULL};
    int64_t deadline_ns = clock_now_ns() + (int64_t)(ready_max_s * 1e9);
    while (clock_now_ns() < deadline_ns) {
        enum bench_end end = rig_try(rig, words);
        if (end != BENCH_DONE ||
            (rig->code == 0 && rig_json_hosts(rig->text, rig->size) == 1)) {
            return end;
        }
        proc_pause(look_s);
    }
    char log[PATH_MAX], why[READY_SIZE];
    snprintf(log, sizeof log, "%s/%s.log", rig->dir,
             rig->options.coordinators > 0 ? "supervisor" : "dev");
    last_line(log, why, sizeof why);
    result_fail(rig->result, "no host reports to the coordinator; the supervisor says: %s",
                why);
    return BENCH_WRONG;
}

enum bench_end rig_start(struct rig *rig, const struct bench_context *context,
                         const struct rig_options *options, struct result *result)
{
    memset(rig, 0, sizeof *rig);
    rig->context = context;
    rig->result = result;
    rig->options = *options;
    /* A run may need several, one after the other, and none may meet what another left. */
    snprintf(rig->dir, sizeof rig->dir, "%s/rig-XXXXXX", context->temp);
    if (mkdtemp(rig->dir) == NULL) {
        result_fail(result, "cannot make %s: %s", rig->dir, strerror(errno));
        return BENCH_WRONG;
    }
    make_environment(rig);
    enum bench_end end = options->session != NULL ? start_zookeeper(rig) : BENCH_DONE;
    if (end == BENCH_DONE && !write_settings(rig)) {
        end = BENCH_WRONG;
    }
    for (unsigned i = 0; end == BENCH_DONE && i < options->coordinators; i++) {
        end = rig_coordinator_start(rig, i);
    }
    if (end == BENCH_DONE && !write_settings(rig)) {
        end = BENCH_WRONG;
    }
    if (end == BENCH_DONE) {
        end = options->coordinators > 0 ? start_supervisor(rig) : start_dev(rig);
    }
    return end == BENCH_DONE ? await_host(rig) : end;
}

void rig_end(struct rig *rig)
{
    proc_end(&rig->supervisor, SIGTERM, supervisor_grace_s);
    for (unsigned i = 0; i < RIG_COORDINATORS_MAX; i++) {
        proc_end(&rig->coordinators[i].pid, SIGTERM, supervisor_grace_s);
    }
    zookeeper_end(&rig->zookeeper);
    if (rig->environment != NULL) {
        (void)proc_sweep(rig->mark);
    }
    for (size_t i = 0; rig->environment != NULL && rig->environment[i] != NULL; i++) {
        free(rig->environment[i]);
    }
    free(rig->environment);
    if (rig->has_child) {
        child_fini(&rig->child);
    }
}

/* ---- Command line --------------------------------------------------------------------------- */

enum bench_end rig_try(struct rig *rig, const char *const *words)
{
    static const struct child_watch watch = {0};
    const char *argv[WORDS_MAX + 3] = {rig->context->gale};
    size_t count = 1;
    for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
        argv[count++] = words[i];
    }
    argv[count++] = "--json";
    argv[count] = NULL;
    if (rig->has_child) {
        child_fini(&rig->child);
    }
    int number = child_start_in(&rig->child, argv, rig->environment);
    rig->has_child = number == 0;
    if (number != 0) {
        result_fail(rig->result, "cannot start %s: %s", rig->context->gale, strerror(number));
        return BENCH_WRONG;
    }
    enum child_end end = child_wait(&rig->child, &watch, command_max_s);
    bool is_ended = end == CHILD_EXITED && WIFEXITED(rig->child.status);
    rig->code = is_ended ? WEXITSTATUS(rig->child.status) : EXIT_NOT_BY_ITSELF;
    rig->started_ns = rig->child.started_ns;
    rig->wall_ms = (double)(rig->child.ended_ns - rig->child.started_ns) / 1e6;
    rig->text = (const char *)rig->child.output.data;
    rig->size = rig->child.output.size;
    if (end == CHILD_INTERRUPTED) {
        return BENCH_INTERRUPTED;
    }
    if (end == CHILD_TIMED_OUT) {
        result_fail(rig->result, "`gale %s` did not end within %.0f s", words[0],
                    command_max_s);
        return BENCH_WRONG;
    }
    return BENCH_DONE;
}

/* A daemon that has ended is the reason for everything that fails after it. */
static void say_ended(struct rig *rig, const char *name, pid_t *pid)
{
    char log[PATH_MAX], why[READY_SIZE];
    snprintf(log, sizeof log, "%s/%s.log", rig->dir, name);
    if (*pid > 0 && !proc_runs(pid)) {
        last_line(log, why, sizeof why);
        result_fail(rig->result, "the %s has ended by itself: %s", name, why);
    }
}

static void say_who_ended(struct rig *rig)
{
    char name[32];
    for (unsigned i = 0; i < rig->options.coordinators; i++) {
        snprintf(name, sizeof name, "coordinator-%u-%u", i,
                 rig->coordinators[i].starts_count - 1);
        say_ended(rig, name, &rig->coordinators[i].pid);
    }
    say_ended(rig, rig->options.coordinators > 0 ? "supervisor" : "dev", &rig->supervisor);
}

enum bench_end rig_gale(struct rig *rig, const char *const *words)
{
    enum bench_end end = rig_try(rig, words);
    if (end == BENCH_DONE && rig->code != 0) {
        say_who_ended(rig);
        result_fail(rig->result, "`gale %s` ended with exit code %d: %s", words[0], rig->code,
                    rig->child.tail);
        end = BENCH_WRONG;
    }
    return end;
}

enum bench_end rig_submit(struct rig *rig, const char *name, const char *rate)
{
    char file[PATH_MAX], workers[32];
    unsigned count = rig->context->workers > 0 ? rig->context->workers : 1;
    snprintf(file, sizeof file, "%s/%s", rig->context->dir, rig->context->bench->file);
    snprintf(workers, sizeof workers, "workers=%u", count);
    const char *const words[] = {"submit", file, "--name", name, "-D",
                                 workers,  "-D", rate,     NULL};
    return rig_gale(rig, words);
}

enum bench_end rig_kill(struct rig *rig, const char *name)
{
    const char *const words[] = {"kill", name, "--yes", NULL};
    return rig_gale(rig, words);
}

enum bench_end rig_describe(struct rig *rig, const char *name, struct rig_topology *out)
{
    const char *const words[] = {"describe", name, NULL};
    enum bench_end end = rig_gale(rig, words);
    if (end == BENCH_DONE && !rig_json_describe(rig->text, rig->size, out)) {
        result_fail(rig->result, "`gale describe %s` gave no description", name);
        end = BENCH_WRONG;
    }
    return end;
}

/* ---- Checks --------------------------------------------------------------------------------- */

static bool is_right(const struct rig_counts *counts)
{
    return counts->emitted > 0 && counts->acked == counts->emitted &&
           counts->executed == counts->emitted && counts->failed == 0 &&
           counts->timed_out == 0 && counts->pending == 0;
}

enum bench_end rig_check(struct rig *rig, const char *name, struct rig_counts *total)
{
    const char *const rest[] = {"deactivate", name, NULL};
    const char *const look[] = {"top", name, "--once", "--interval", "100ms", NULL};
    struct rig_topology topology;
    struct rig_counts counts = {0};
    enum bench_end end = rig_gale(rig, rest);
    /* Figures come with the workers' beats, so the last ones are a moment late. */
    for (unsigned i = 0; end == BENCH_DONE && !is_right(&counts) && i < SETTLE_LOOKS_MAX; i++) {
        end = rig_gale(rig, look);
        if (end == BENCH_DONE && !rig_json_top(rig->text, rig->size, &counts)) {
            result_fail(rig->result, "`gale top %s` gave no figures", name);
            end = BENCH_WRONG;
        }
    }
    end = end == BENCH_DONE ? rig_describe(rig, name, &topology) : end;
    if (end == BENCH_DONE && (!is_right(&counts) || topology.restarts != 0)) {
        result_fail(rig->result,
                    "%s: %" PRIu64 " emitted, %" PRIu64 " executed, %" PRIu64 " acked, %" PRIu64
                    " failed, %" PRIu64 " timed out, %" PRIu64
                    " pending, %u restarts; all should be executed and acked, no worker "
                    "started again",
                    name, counts.emitted, counts.executed, counts.acked, counts.failed,
                    counts.timed_out, counts.pending, topology.restarts);
        end = BENCH_WRONG;
    }
    total->emitted += counts.emitted;
    total->executed += counts.executed;
    total->acked += counts.acked;
    return end;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a supervisor: started on record, watched by pidfd, found again by its next life. The
 * record is written right after the start; what dies in between is an orphan that the next life kills.
 */
#include "host/supervisor_internal.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/str.h"
#include "host/orphans.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NUMBER_SIZE 32
#define ARGUMENTS_MAX 32

static const char adopted_end[] = "ended; how is not known, as it was adopted";
static const char away_end[] = "ended while its supervisor was away";

/* ---- Blobs ------------------------------------------------------------------------------------- */

static bool is_verified(const struct supervisor *supervisor, const char *hex)
{
    for (size_t i = 0; i < supervisor->verified_count; i++) {
        if (strcmp(supervisor->verified[i], hex) == 0) {
            return true;
        }
    }
    return false;
}

static void verified_add(struct supervisor *supervisor, const char *hex)
{
    if (supervisor->verified_count == supervisor->verified_room) {
        size_t room = supervisor->verified_room ? 2 * supervisor->verified_room : 16;
        void *grown = realloc(supervisor->verified, room * sizeof(*supervisor->verified));
        if (!grown) {
            return; /* It is hashed again at the next start. */
        }
        supervisor->verified = grown;
        supervisor->verified_room = room;
    }
    (void)str_copy(supervisor->verified[supervisor->verified_count++], HOST_HEX_SIZE, hex);
}

/* Code is hashed before this life starts it for the first time, whoever wrote it here. */
static bool blob_ready(struct supervisor *supervisor, struct host_worker *worker,
                       const struct host_blob *blob)
{
    struct gale_error error = {0};
    const char *addresses[HOST_SOURCES_MAX];
    const char *text = NULL;
    if (blobs_has(supervisor->blobs, blob->hex)) {
        if (is_verified(supervisor, blob->hex)) {
            return true;
        }
        if (blobs_verify(supervisor->blobs, blob->hex, &error) == GALE_OK) {
            verified_add(supervisor, blob->hex);
            return true;
        }
        gale_log(GALE_LOG_WARN, "%s", error.text);
    }
    enum pull_state state = pull_state(supervisor->pull, blob->hex, &text);
    if (state == PULL_FAILED && text && text[0] != '\0') {
        snprintf(worker->exit, sizeof(worker->exit), "waits for a file: %s", text);
    }
    if ((supervisor->renew || state == PULL_UNKNOWN || state == PULL_DONE) &&
        supervisor->core.sources_count > 0) {
        for (size_t i = 0; i < supervisor->core.sources_count; i++) {
            addresses[i] = supervisor->core.sources[i];
        }
        enum gale_err err = pull_want(supervisor->pull, blob->hex, blob->size, addresses,
                                      supervisor->core.sources_count);
        if (err != GALE_OK) {
            snprintf(worker->exit, sizeof(worker->exit), "cannot fetch a file: %s",
                     gale_err_name(err));
        }
    }
    return false;
}

static bool port_ready(void *self, struct host_worker *worker)
{
    struct supervisor *supervisor = self;
    bool ready = true;
    for (uint32_t i = 0; i < worker->spec.blobs_count; i++) {
        ready = blob_ready(supervisor, worker, &worker->spec.blobs[i]) && ready;
    }
    return ready;
}

/* ---- Starting ---------------------------------------------------------------------------------- */

static struct supervisor_worker *own_of(struct supervisor *supervisor,
                                        struct host_worker *worker)
{
    struct supervisor_worker *own = worker->user;
    if (!own) {
        own = calloc(1, sizeof(*own));
        if (!own) {
            return NULL;
        }
        own->supervisor = supervisor;
        own->worker = worker;
        own->process = (struct process){0, -1};
        worker->user = own;
    }
    return own;
}

static void remove_socket(struct supervisor_worker *own)
{
    char lock[sizeof(own->bind_path) + sizeof(".lock")];
    if (own->bind_path[0] != '\0') {
        snprintf(lock, sizeof(lock), "%s.lock", own->bind_path);
        (void)unlink(own->bind_path);
        (void)unlink(lock);
        own->bind_path[0] = '\0';
    }
}

static void on_exit_ready(void *argument, int fd, unsigned events)
{
    struct supervisor_worker *own = argument;
    struct supervisor *supervisor = own->supervisor;
    char text[128];
    int status;
    (void)events;
    loop_remove(supervisor->loop, fd);
    if (!process_reap(&own->process, &status, NULL)) {
        (void)loop_add(supervisor->loop, fd, LOOP_READ, on_exit_ready, own);
        return;
    }
    process_status_text(status, text, sizeof(text));
    remove_socket(own);
    host_core_exited(&supervisor->core, own->worker, own->adopted ? adopted_end : text,
                     loop_now_ns(supervisor->loop));
}

/* The numbers and texts of a command line. */
struct command {
    char index[NUMBER_SIZE], incarnation[NUMBER_SIZE], topology[NUMBER_SIZE];
    char epoch[NUMBER_SIZE], attempt[NUMBER_SIZE];
    char control[PATH_MAX + sizeof("file:")];
    char bind[HOST_ENDPOINT_SIZE];
    const char *argv[ARGUMENTS_MAX];
};

static void command_fill(struct command *command, const struct supervisor *supervisor,
                         const struct host_worker *worker, uint64_t incarnation)
{
    const struct host_spec *spec = &worker->spec;
    const char *level = spec->log[0] ? spec->log : config_text(supervisor->config, "log.level");
    snprintf(command->index, NUMBER_SIZE, "%" PRIu32, spec->worker);
    snprintf(command->incarnation, NUMBER_SIZE, "%" PRIx64, incarnation);
    snprintf(command->topology, NUMBER_SIZE, "%" PRIx64, spec->topology);
    snprintf(command->epoch, NUMBER_SIZE, "%" PRIu64, spec->epoch);
    snprintf(command->attempt, NUMBER_SIZE, "%" PRIu32, spec->attempt);
    snprintf(command->control, sizeof(command->control), "file:%s",
             supervisor->dirs.coordinator);
    const char *all[] = {"--control",     command->control,
                         "--pulse",       supervisor->pulse,
                         "--bind",        command->bind,
                         "--topology",    command->topology,
                         "--index",       command->index,
                         "--incarnation", command->incarnation,
                         "--epoch",       command->epoch,
                         "--attempt",     command->attempt,
                         "--log",         level,
                         "--modules",     supervisor->dirs.blobs};
    size_t count = 0;
    command->argv[count++] = supervisor->gale_path;
    command->argv[count++] = "worker";
    if (supervisor->parent[0]) {
        command->argv[count++] = "--parent";
        command->argv[count++] = supervisor->parent;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        command->argv[count++] = all[i];
    }
    if (config_bool(supervisor->config, "log.json")) {
        command->argv[count++] = "--log-json";
    }
    GALE_ASSERT(count < ARGUMENTS_MAX);
    command->argv[count] = NULL;
}

/* Where a worker takes the frames of others. */
static void choose_bind(struct supervisor_worker *own, uint64_t incarnation,
                        struct command *command)
{
    const struct supervisor *supervisor = own->supervisor;
    remove_socket(own);
    if (supervisor->local) {
        snprintf(own->bind_path, sizeof(own->bind_path), "%s/w%" PRIx64,
                 supervisor->dirs.sockets, incarnation & 0xffffffffffu);
        snprintf(command->bind, sizeof(command->bind), "ipc://%s", own->bind_path);
    } else {
        (void)str_copy(command->bind, sizeof(command->bind), supervisor->bind);
    }
}

static bool run_directory(const struct supervisor *supervisor, uint64_t topology,
                          char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s/%016" PRIx64, supervisor->dirs.run, topology);
    return size > 0 && size < PATH_MAX;
}

static enum gale_err write_record(struct supervisor *supervisor,
                                  const struct host_worker *worker, uint64_t incarnation,
                                  struct gale_error *error)
{
    struct slot_record record = {.spec = worker->spec,
                                 .keep = worker->keep,
                                 .incarnation = incarnation,
                                 .pid = worker->pid,
                                 .start = process_start_time(worker->pid)};
    uint64_t restarts = (uint64_t)worker->restarts_before +
                        (worker->slot ? worker->slot->slot.restarts_count : 0u);
    record.spec.attempt = worker->held_attempt;
    record.spec.epoch = worker->held_epoch;
    record.restarts = restarts < UINT32_MAX ? (uint32_t)restarts : UINT32_MAX;
    memcpy(record.boot, supervisor->boot, sizeof(record.boot));
    if (record.start == 0) {
        return GALE_OK; /* It has ended already, and its exit will say so. */
    }
    return slot_file_write(supervisor->dirs.slots, &record, error);
}

static enum gale_err start_process(struct supervisor_worker *own, uint64_t incarnation,
                                   struct gale_error *error)
{
    struct supervisor *supervisor = own->supervisor;
    struct host_worker *worker = own->worker;
    struct command command;
    char directory[PATH_MAX];
    struct process_limits limits = {worker->spec.memory_max, worker->spec.open_files_max};
    enum gale_err err = worker_log_path(supervisor->dirs.log, worker->spec.name,
                                        worker->spec.worker, true, own->log_path);
    if (err != GALE_OK || !run_directory(supervisor, worker->spec.topology, directory) ||
        (mkdir(directory, 0700) && errno != EEXIST)) {
        return gale_error_set(error, GALE_ERR_IO, "cannot make its directories in %s: %s",
                              supervisor->dirs.state, strerror(errno));
    }
    struct process_place place = {.directory = directory, .log_path = own->log_path};
    choose_bind(own, incarnation, &command);
    command_fill(&command, supervisor, worker, incarnation);
    err = process_start_at(command.argv, &limits, &place, &own->process, error);
    if (err != GALE_OK) {
        return err;
    }
    worker->pid = own->process.pid;
    own->adopted = false;
    err = write_record(supervisor, worker, incarnation, error);
    if (err == GALE_OK) {
        err = loop_add(supervisor->loop, own->process.pidfd, LOOP_READ, on_exit_ready, own);
    }
    return err;
}

static enum gale_err port_spawn(void *self, struct host_worker *worker, uint64_t incarnation)
{
    struct supervisor *supervisor = self;
    struct gale_error error = {0};
    struct supervisor_worker *own = own_of(supervisor, worker);
    if (!own) {
        return GALE_ERR_NOMEM;
    }
    enum gale_err err = start_process(own, incarnation, &error);
    if (err != GALE_OK) {
        gale_log(GALE_LOG_ERROR, "worker %u of %s: %s", worker->spec.worker, worker->spec.name,
                 error.text[0] ? error.text : gale_err_name(err));
        process_discard(&own->process); /* Nobody would find it again: it must not live. */
        worker->pid = 0;
    }
    return err;
}

static void port_signal(void *self, struct host_worker *worker, int signal)
{
    const struct supervisor_worker *own = worker->user;
    (void)self;
    if (own) {
        process_signal(&own->process, signal);
    }
}

static bool port_may_starve(void *self, struct host_worker *worker)
{
    const struct supervisor_worker *own = worker->user;
    (void)self;
    return own && process_may_starve(&own->process);
}

static void port_keeps(void *self, struct host_worker *worker)
{
    struct supervisor *supervisor = self;
    struct gale_error error = {0};
    if (worker->pid > 0 &&
        write_record(supervisor, worker, worker->slot->slot.incarnation, &error) != GALE_OK) {
        gale_log(GALE_LOG_WARN, "%s", error.text);
    }
}

static void port_forgotten(void *self, struct host_worker *worker)
{
    struct supervisor *supervisor = self;
    struct supervisor_worker *own = worker->user;
    char directory[PATH_MAX];
    if (own && own->process.pidfd >= 0) {
        loop_remove(supervisor->loop, own->process.pidfd);
        close(own->process.pidfd);
    }
    if (!supervisor->closing) {
        slot_file_remove(supervisor->dirs.slots, worker->spec.topology, worker->spec.worker);
        /* Gone with its last worker, unless one has left something there. */
        if (run_directory(supervisor, worker->spec.topology, directory)) {
            (void)rmdir(directory);
        }
    }
    free(own);
    worker->user = NULL;
}

static void port_leader(void *self, uint64_t epoch, const char *control)
{
    struct supervisor *supervisor = self;
    gale_log(GALE_LOG_INFO, "the coordinator of epoch %" PRIu64 " leads: %s", epoch, control);
    supervisor->leader_unsaved = !supervisor_epoch_save(supervisor, epoch, control);
    if (supervisor->leader_unsaved) {
        gale_log(GALE_LOG_ERROR,
                 "cannot write %s: %s; the workers here do not learn of the new coordinator "
                 "until it can be written",
                 supervisor->dirs.coordinator, strerror(errno));
    }
}

static void port_note(void *self, const char *line)
{
    (void)self;
    gale_log(GALE_LOG_INFO, "%s", line);
}

static uint64_t port_random(void *self)
{
    struct supervisor *supervisor = self;
    return rng_next(&supervisor->rng) | 1u;
}

void supervisor_ports(struct supervisor *supervisor)
{
    supervisor->ports = (struct host_ports){.self = supervisor,
                                            .spawn = port_spawn,
                                            .signal = port_signal,
                                            .may_starve = port_may_starve,
                                            .ready = port_ready,
                                            .keeps = port_keeps,
                                            .forgotten = port_forgotten,
                                            .leader = port_leader,
                                            .note = port_note,
                                            .random = port_random};
}

/* ---- After a restart --------------------------------------------------------------------------- */

static void on_record(void *self, const char *path, struct slot_record *record)
{
    struct supervisor *supervisor = self;
    struct process process = {0, -1};
    struct host_worker *worker = NULL;
    if (!record) {
        gale_log(GALE_LOG_WARN,
                 "%s is damaged and was removed: its worker, if it lives, is started anew",
                 path);
        return;
    }
    uint64_t incarnation = record->incarnation;
    uint32_t restarts = record->restarts;
    bool alive = strcmp(record->boot, supervisor->boot) == 0 && record->boot[0] != '\0' &&
                 process_adopt(record->pid, record->start, &process) == GALE_OK;
    enum gale_err err =
        host_core_restore(&supervisor->core, &record->spec, record->keep, incarnation, alive,
                          away_end, loop_now_ns(supervisor->loop), &worker);
    struct supervisor_worker *own = err == GALE_OK ? own_of(supervisor, worker) : NULL;
    if (!own) {
        gale_log(GALE_LOG_ERROR, "%s: its worker cannot be taken in: %s", path,
                 gale_err_name(err ? err : GALE_ERR_NOMEM));
        if (alive) { /* It is found again by nobody else. */
            process_signal(&process, SIGKILL);
            close(process.pidfd);
        }
        return;
    }
    worker->restarts_before = restarts;
    own->process = process;
    own->adopted = alive;
    worker->pid = alive ? process.pid : 0;
    (void)worker_log_path(supervisor->dirs.log, worker->spec.name, worker->spec.worker, false,
                          own->log_path);
    if (alive) {
        gale_log(GALE_LOG_INFO, "worker %u of %s is adopted: process %lld", worker->spec.worker,
                 worker->spec.name, (long long)process.pid);
        (void)loop_add(supervisor->loop, process.pidfd, LOOP_READ, on_exit_ready, own);
    }
}

static void on_worker_process(void *self, int64_t pid, uint64_t start)
{
    struct supervisor *supervisor = self;
    struct process process;
    for (size_t i = 0; i < supervisor->core.count; i++) {
        if (supervisor->core.workers[i]->pid == pid) {
            return;
        }
    }
    if (process_adopt(pid, start, &process) == GALE_OK) {
        gale_log(GALE_LOG_WARN,
                 "process %lld is a worker of this directory that no record "
                 "knows: it is killed",
                 (long long)pid);
        process_signal(&process, SIGKILL);
        close(process.pidfd);
    }
}

enum gale_err supervisor_restore(struct supervisor *supervisor, struct gale_error *error)
{
    char control[PATH_MAX + sizeof("file:")];
    if (slot_file_scan(supervisor->dirs.slots, on_record, supervisor) != GALE_OK) {
        return gale_error_set(error, GALE_ERR_IO, "cannot read %s: %s", supervisor->dirs.slots,
                              strerror(errno));
    }
    snprintf(control, sizeof(control), "file:%s", supervisor->dirs.coordinator);
    if (orphans_scan(control, on_worker_process, supervisor) != GALE_OK) {
        return gale_error_set(error, GALE_ERR_IO,
                              "cannot read /proc, so orphaned workers would not be found; "
                              "mount it");
    }
    return GALE_OK;
}

/* ---- Looking after them ------------------------------------------------------------------------ */

void supervisor_look(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->core.count; i++) {
        struct host_worker *worker = supervisor->core.workers[i];
        const struct supervisor_worker *own = worker->user;
        if (own && worker->pid > 0) {
            worker->rss_kb = process_rss_kb(worker->pid);
            (void)worker_log_trim(own->log_path, WORKER_LOG_KEPT);
        }
    }
}

static void collect_blobs(struct supervisor *supervisor)
{
    size_t count = 0;
    for (size_t i = 0; i < supervisor->core.count; i++) {
        count += supervisor->core.workers[i]->spec.blobs_count;
    }
    const char **keep = malloc((count + 1) * sizeof(*keep));
    if (!keep) {
        return;
    }
    count = 0;
    for (size_t i = 0; i < supervisor->core.count; i++) {
        const struct host_spec *spec = &supervisor->core.workers[i]->spec;
        for (uint32_t k = 0; k < spec->blobs_count; k++) {
            keep[count++] = spec->blobs[k].hex;
        }
    }
    (void)blobs_collect(supervisor->blobs, keep, count, SUPERVISOR_BLOB_AGE_MS);
    free(keep);
    supervisor->verified_count = 0; /* Names of removed ones would pile up. */
}

void supervisor_collect(struct supervisor *supervisor)
{
    collect_blobs(supervisor);
    (void)worker_log_collect(supervisor->dirs.log, (int64_t)time(NULL));
}

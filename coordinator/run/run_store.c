/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives a run, in one SQLite file per topology name: the epoch, which grows with each run, the
 * positions of replayable spout tasks, and the state the topology was left in. Layout of the paths in
 * store/records.h. Written about once a second, never per tuple.
 */
#include "run/run_internal.h"
#include "store/records.h"

#include <gale/log.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* mkdir -p with mode 0700 for what is new. */
static enum gale_err make_directories(char *path, struct gale_error *error)
{
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char end = *at;
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            gale_error_set(error, GALE_ERR_IO,
                           "cannot make the state directory %s: %s; choose another with "
                           "--state-dir",
                           path, strerror(errno));
            *at = end;
            return GALE_ERR_IO;
        }
        *at = end;
        if (end == '\0') {
            return GALE_OK;
        }
    }
}

static enum gale_err state_directory(struct run *run, struct gale_error *error)
{
    const char *given = run->options->state_dir;
    const char *state_home = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    const struct passwd *user = home && home[0] == '/' ? NULL : getpwuid(getuid());
    int size;
    if (given) {
        size =
            snprintf(run->state_path, sizeof(run->state_path), "%s/%s", given, run->plan->name);
    } else if (state_home && state_home[0] == '/') {
        size = snprintf(run->state_path, sizeof(run->state_path), "%s/gale/%s", state_home,
                        run->plan->name);
    } else {
        home = home && home[0] == '/' ? home : user ? user->pw_dir : "";
        if (home[0] != '/') {
            return gale_error_set(error, GALE_ERR_INVALID,
                                  "HOME is not set, so there is no place for positions; choose "
                                  "one with --state-dir");
        }
        size = snprintf(run->state_path, sizeof(run->state_path), "%s/.local/state/gale/%s",
                        home, run->plan->name);
    }
    if (size < 0 || (size_t)size >= sizeof(run->state_path) - 16) {
        return gale_error_set(error, GALE_ERR_LIMIT, "the state directory's path is too long");
    }
    return make_directories(run->state_path, error);
}

static enum gale_err ensure(struct run *run, const char *path)
{
    enum gale_err err = run->store->ops->create(run->store, path, "", 0);
    return err == GALE_ERR_EXISTS ? GALE_OK : err;
}

enum gale_err run_store_open(struct run *run, struct gale_error *error)
{
    enum gale_err err = state_directory(run, error);
    if (err != GALE_OK) {
        return err;
    }
    strcat(run->state_path, "/store.db");
    return store_sqlite_open(run->state_path, &run->store, error);
}

static void position_path(const struct run *run, uint32_t task, char out[RECORD_PATH_SIZE])
{
    const struct plan_component *component =
        &run->plan->components[run->plan->task_component[task]];
    record_position_path(run->plan->name, component->name, task - component->first_task, out);
}

static enum gale_err next_epoch(struct run *run)
{
    struct buf value;
    int64_t version;
    char text[32];
    buf_init(&value, 0);
    enum gale_err err = ensure(run, RECORD_EPOCH_PATH);
    if (err == GALE_OK) {
        err = run->store->ops->get(run->store, RECORD_EPOCH_PATH, &value, &version);
    }
    if (err == GALE_OK) {
        snprintf(text, sizeof(text), "%.*s", (int)value.size,
                 value.data ? (const char *)value.data : "");
        run->epoch = strtoull(text, NULL, 10) + 1;
        int size = snprintf(text, sizeof(text), "%llu", (unsigned long long)run->epoch);
        err = run->store->ops->set(run->store, RECORD_EPOCH_PATH, text, (size_t)size, version,
                                   NULL);
    }
    buf_fini(&value);
    return err;
}

static enum gale_err take_position(struct run *run, uint32_t task, struct buf *value)
{
    char path[RECORD_PATH_SIZE];
    struct record_position record;
    position_path(run, task, path);
    if (run->options->fresh) {
        enum gale_err err = run->store->ops->remove(run->store, path, STORE_ANY_VERSION);
        return err == GALE_ERR_NOT_FOUND ? GALE_OK : err;
    }
    enum gale_err err = run->store->ops->get(run->store, path, value, NULL);
    if (err == GALE_ERR_NOT_FOUND) {
        return GALE_OK;
    }
    if (err == GALE_OK) {
        err = record_position_decode(value->data, value->size, &record);
    }
    struct message_bytes position = {record.data, record.size};
    if (err == GALE_OK) {
        err = control_restore(&run->control, task, position);
        run->resumed = true;
    }
    return err;
}

static enum gale_err write_status(struct run *run, enum record_state state)
{
    char path[RECORD_PATH_SIZE];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct record_status status = {.state = state,
                                   .workers = run->plan->workers,
                                   .epoch = run->epoch,
                                   .attempt = 1,
                                   .updated_ms =
                                       (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
    status.created_ms = run->created_ms ? run->created_ms : status.updated_ms;
    run->created_ms = status.created_ms;
    record_status_path(run->plan->name, path);
    buf_clear(&run->out);
    enum gale_err err = record_status_encode(&status, &run->out);
    if (err != GALE_OK) {
        return err;
    }
    err = run->store->ops->set(run->store, path, run->out.data, run->out.size,
                               STORE_ANY_VERSION, NULL);
    return err == GALE_ERR_NOT_FOUND
               ? run->store->ops->create(run->store, path, run->out.data, run->out.size)
               : err;
}

enum gale_err run_store_begin(struct run *run, struct gale_error *error)
{
    char path[RECORD_PATH_SIZE];
    struct buf value;
    buf_init(&value, 0);
    enum gale_err err = next_epoch(run);
    err = err == GALE_OK ? ensure(run, RECORD_TOPOLOGIES_PATH) : err;
    record_topology_path(run->plan->name, path);
    err = err == GALE_OK ? ensure(run, path) : err;
    record_positions_path(run->plan->name, path);
    err = err == GALE_OK ? ensure(run, path) : err;
    err = err == GALE_OK ? write_status(run, RECORD_ACTIVE) : err;
    for (uint32_t id = 1; err == GALE_OK && id <= run->plan->tasks_count; id++) {
        if (run->plan->components[run->plan->task_component[id]].spout) {
            err = take_position(run, id, &value);
        }
    }
    buf_fini(&value);
    if (err != GALE_OK) {
        return gale_error_set(error, err,
                              "the state store %s: %s; --fresh starts over, --state-dir names "
                              "another directory",
                              run->state_path, gale_err_name(err));
    }
    return GALE_OK;
}

void run_store_save(struct run *run, uint32_t task, struct message_bytes position)
{
    char path[RECORD_PATH_SIZE];
    const struct plan_component *component =
        &run->plan->components[run->plan->task_component[task]];
    struct record_position record = {
        .index = task - component->first_task, .data = position.data, .size = position.size};
    snprintf(record.component, sizeof(record.component), "%s", component->name);
    position_path(run, task, path);
    buf_clear(&run->out);
    enum gale_err err = record_position_encode(&record, &run->out);
    if (err == GALE_OK) {
        err = run->store->ops->set(run->store, path, run->out.data, run->out.size,
                                   STORE_ANY_VERSION, NULL);
    }
    if (err == GALE_ERR_NOT_FOUND) {
        err = run->store->ops->create(run->store, path, run->out.data, run->out.size);
    }
    if (err != GALE_OK) {
        gale_log(GALE_LOG_ERROR,
                 "position of task %u not saved in %s: %s; the next run would replay from the "
                 "one before",
                 task, run->state_path, gale_err_name(err));
    }
}

static void save_state(struct run *run, enum record_state state)
{
    enum gale_err err = write_status(run, state);
    if (err != GALE_OK) {
        gale_log(GALE_LOG_WARN, "%s: the state \"%s\" was not saved: %s", run->state_path,
                 record_state_name(state), gale_err_name(err));
    }
}

void run_store_state(struct run *run, bool active)
{
    save_state(run, active ? RECORD_ACTIVE : RECORD_INACTIVE);
}

void run_store_end(struct run *run)
{
    save_state(run, RECORD_KILLED);
}

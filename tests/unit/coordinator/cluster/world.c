/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world.h"

#include "base/assert.h"

#include <gale/bolt.h>
#include <gale/log.h>
#include <gale/spout.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TURN_MS 20

/* ---- Components ------------------------------------------------------------------------------ */

static enum gale_next next_done(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_NEXT_DONE;
}

static size_t save(void *state, struct gale_task *task, uint64_t low_id, void *out, size_t size)
{
    (void)state;
    (void)task;
    (void)low_id;
    (void)out;
    (void)size;
    return 0;
}

static enum gale_err restore(void *state, struct gale_task *task, const void *data, size_t size)
{
    (void)state;
    (void)task;
    (void)data;
    (void)size;
    return GALE_OK;
}

static enum gale_err ignore(void *state, struct gale_task *task, const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static const struct gale_spout_ops plain_spout = {GALE_SPOUT_HEAD, .name = "source",
                                                  .fields = "w", .next = next_done};
static const struct gale_spout_ops saving_spout = {GALE_SPOUT_HEAD, .name = "saving",
                                                   .fields = "w",   .next = next_done,
                                                   .save = save,    .restore = restore};
static const struct gale_bolt_ops plain_bolt = {GALE_BOLT_HEAD, .name = "plain",
                                                .execute = ignore};
static const struct gale_spout_ops *const spouts[] = {&plain_spout, &saving_spout, NULL};
static const struct gale_bolt_ops *const bolts[] = {&plain_bolt, NULL};
static const struct worker_builtins builtins = {spouts, bolts};

/* ---- The proxy ------------------------------------------------------------------------------- */

static struct store *inner_of(struct store *store)
{
    return ((struct proxy *)store)->inner;
}

static bool is_away(const struct store *store)
{
    return ((const struct proxy *)store)->away;
}

static void proxy_close(struct store *store)
{
    (void)store;
}

static enum gale_err proxy_create(struct store *store, const char *path, const void *value,
                                  size_t size)
{
    return is_away(store) ? GALE_ERR_TIMEOUT
                          : inner_of(store)->ops->create(inner_of(store), path, value, size);
}

static enum gale_err proxy_get(struct store *store, const char *path, struct buf *out,
                               int64_t *version)
{
    return is_away(store) ? GALE_ERR_TIMEOUT
                          : inner_of(store)->ops->get(inner_of(store), path, out, version);
}

static enum gale_err proxy_set(struct store *store, const char *path, const void *value,
                               size_t size, int64_t version, int64_t *new_version)
{
    return is_away(store) ? GALE_ERR_TIMEOUT
                          : inner_of(store)->ops->set(inner_of(store), path, value, size,
                                                      version, new_version);
}

static enum gale_err proxy_remove(struct store *store, const char *path, int64_t version)
{
    return is_away(store) ? GALE_ERR_TIMEOUT
                          : inner_of(store)->ops->remove(inner_of(store), path, version);
}

static enum gale_err proxy_children(struct store *store, const char *path, struct buf *out)
{
    return is_away(store) ? GALE_ERR_TIMEOUT
                          : inner_of(store)->ops->children(inner_of(store), path, out);
}

static enum gale_err proxy_multi(struct store *store, const struct store_op *ops,
                                 size_t ops_count, size_t *failed)
{
    struct proxy *proxy = (struct proxy *)store;
    if (proxy->away) {
        return GALE_ERR_TIMEOUT;
    }
    proxy->multis++;
    enum gale_err err = proxy->inner->ops->multi(proxy->inner, ops, ops_count, failed);
    if (err == GALE_OK && proxy->lose_answer) {
        proxy->lose_answer = false;
        return GALE_ERR_UNKNOWN;
    }
    return err;
}

static void on_watch(void *argument, const char *path)
{
    const struct watch *watch = argument;
    if (watch->generation == watch->proxy->life) {
        watch->fn(watch->argument, path);
    }
}

static enum gale_err proxy_watch(struct store *store, const char *path,
                                 void (*fn)(void *argument, const char *path), void *argument)
{
    struct proxy *proxy = (struct proxy *)store;
    struct world *world = proxy->world;
    if (proxy->away) {
        return GALE_ERR_TIMEOUT;
    }
    GALE_ASSERT(world->watches_count < WORLD_WATCHES);
    struct watch *watch = &world->watches[world->watches_count++];
    *watch = (struct watch){proxy, proxy->life, fn, argument};
    return proxy->inner->ops->watch(proxy->inner, path, on_watch, watch);
}

static void proxy_poll(struct store *store)
{
    inner_of(store)->ops->poll(inner_of(store));
}

static enum gale_err proxy_join(struct store *store, const char *path, const void *value,
                                size_t size)
{
    return is_away(store) ? GALE_ERR_TIMEOUT
                          : inner_of(store)->ops->join(inner_of(store), path, value, size);
}

static enum gale_err proxy_enlist(struct store *store, const char *folder, const char *guid,
                                  const void *value, size_t size, char name[STORE_NAME_SIZE])
{
    struct proxy *proxy = (struct proxy *)store;
    char path[STORE_NAME_SIZE + 64];
    if (proxy->away) {
        return GALE_ERR_TIMEOUT;
    }
    enum gale_err err =
        proxy->inner->ops->enlist(proxy->inner, folder, guid, value, size, name);
    for (size_t i = 0; err == GALE_OK && i < sizeof proxy->own / sizeof *proxy->own; i++) {
        if (!proxy->own[i]) {
            snprintf(path, sizeof path, "%s/%s", folder, name);
            proxy->own[i] = strdup(path);
            break;
        }
    }
    return err;
}

static void proxy_session(struct store *store, struct store_session *out)
{
    const struct proxy *proxy = (const struct proxy *)store;
    inner_of(store)->ops->session(inner_of(store), out);
    out->generation = proxy->generation;
    out->connected = !proxy->away;
}

static int proxy_fd(struct store *store)
{
    return inner_of(store)->ops->fd(inner_of(store));
}

static const struct store_ops proxy_ops = {.close = proxy_close,
                                           .create = proxy_create,
                                           .get = proxy_get,
                                           .set = proxy_set,
                                           .remove = proxy_remove,
                                           .children = proxy_children,
                                           .multi = proxy_multi,
                                           .watch = proxy_watch,
                                           .poll = proxy_poll,
                                           .join = proxy_join,
                                           .enlist = proxy_enlist,
                                           .session = proxy_session,
                                           .fd = proxy_fd};

/* Its session is over for the servers. */
static void proxy_expire(struct proxy *proxy)
{
    for (size_t i = 0; i < sizeof proxy->own / sizeof *proxy->own; i++) {
        if (proxy->own[i]) {
            (void)proxy->inner->ops->remove(proxy->inner, proxy->own[i], STORE_ANY_VERSION);
            free(proxy->own[i]);
            proxy->own[i] = NULL;
        }
    }
}

/* ---- Workers --------------------------------------------------------------------------------- */

struct process *world_process(struct world *world, uint32_t worker)
{
    for (size_t i = 0; i < world->processes_count; i++) {
        if (world->processes[i].alive && world->processes[i].worker == worker) {
            return &world->processes[i];
        }
    }
    return NULL;
}

unsigned world_living(const struct world *world)
{
    unsigned living = 0;
    for (size_t i = 0; i < world->processes_count; i++) {
        living += world->processes[i].alive;
    }
    return living;
}

static void process_command(struct process *process, const struct message *message)
{
    switch (message->as.command.command) {
    case COMMAND_ACTIVATE: process->state = COMMAND_ACTIVATE; break;
    case COMMAND_DEACTIVATE: process->state = COMMAND_DEACTIVATE; break;
    case COMMAND_DRAIN:
        process->drained = true;
        process->state = process->stopped ? COMMAND_STOP : COMMAND_DRAIN;
        break;
    case COMMAND_FINISH: process->finish_level = message->as.command.level + 1; break;
    case COMMAND_STOP:
        process->stopped = true;
        process->state = COMMAND_STOP;
        break;
    case COMMAND_RESET_STATS: break;
    case COMMAND_COUNT: process->round = message->as.command.level; break;
    case COMMAND_EXIT: process->told_exit = process->stopped; break;
    }
}

static void port_send(void *self, uint64_t topology, uint32_t worker,
                      const struct message *message)
{
    struct world *world = self;
    for (size_t i = 0; i < world->processes_count; i++) {
        struct process *process = &world->processes[i];
        if (!process->alive || process->frozen || process->topology != topology ||
            process->worker != worker || process->incarnation != message->incarnation ||
            process->epoch != message->epoch) {
            continue;
        }
        if (message->type == MESSAGE_ASSIGN) {
            process->assigned = true;
            process->state = message->as.assign.active ? COMMAND_ACTIVATE : COMMAND_DEACTIVATE;
        } else if (message->type == MESSAGE_COMMAND) {
            process_command(process, message);
        } else if (message->type == MESSAGE_TAP) {
            world->tap = message->as.tap.rate_per_s ? message->as.tap.tap : 0;
            snprintf(world->tap_where, sizeof world->tap_where, "%s", message->as.tap.filter);
        } else if (message->type == MESSAGE_LOG_LEVEL) {
            process->debugs = message->as.log_level.for_ms > 0 &&
                              message->as.log_level.level == GALE_LOG_DEBUG &&
                              strcmp(message->as.log_level.component, "b") == 0;
        }
    }
}

static struct message process_message(const struct process *process, enum message_type type)
{
    return (struct message){.type = type,
                            .topology = process->topology,
                            .worker = process->worker,
                            .incarnation = process->incarnation,
                            .epoch = process->epoch,
                            .attempt = process->attempt};
}

static void process_offsets(struct world *world, struct cluster *cluster,
                            const struct process *process, bool final)
{
    char text[32];
    snprintf(text, sizeof text, "position %llu", (unsigned long long)process->saves);
    const struct message_offset item = {process->spout_task,
                                        {(const uint8_t *)text, strlen(text)}};
    struct message message = process_message(process, MESSAGE_OFFSETS);
    message.as.offsets = (struct message_offsets){&item, process->saves > 0, final};
    cluster_message(cluster, &message, world->now_ns);
}

static void process_turn(struct world *world, struct cluster *cluster, struct process *process)
{
    uint64_t epoch = world->hosts[process->host].epoch;
    if (process->epoch != epoch) {
        process->epoch = epoch;
        process->hello_due = true;
        process->round = 0;
    }
    if (!process->assigned || process->hello_due) {
        struct message message = process_message(process, MESSAGE_HELLO);
        message.as.hello = (struct message_hello){.worker = process->worker,
                                                  .incarnation = process->incarnation,
                                                  .pid = (int64_t)process->incarnation,
                                                  .data_endpoint = "ipc://w",
                                                  .running = process->assigned};
        process->hello_due = false;
        cluster_message(cluster, &message, world->now_ns);
        return;
    }
    if (process->stopped || process->saves > 0) {
        process_offsets(world, cluster, process, process->stopped);
    }
    struct message message = process_message(process, MESSAGE_BEAT);
    message.as.beat =
        (struct message_beat){.state = process->state,
                              .finish_level = process->finish_level,
                              .spouts_done = process->drained || process->spouts_done,
                              .quiet = true,
                              .round = process->round,
                              .rss_kb = 1000};
    cluster_message(cluster, &message, world->now_ns);
}

/* ---- Supervisors ----------------------------------------------------------------------------- */

static void held_start(struct world *world, int index, struct held *held)
{
    GALE_ASSERT(world->processes_count < WORLD_PROCESSES);
    held->incarnation = ++world->incarnation;
    held->running = true;
    world->starts++;
    world->processes[world->processes_count++] =
        (struct process){.alive = true,
                         .topology = held->topology,
                         .incarnation = held->incarnation,
                         .epoch = world->hosts[index].epoch,
                         .worker = held->worker,
                         .attempt = held->attempt,
                         .host = index};
}

static struct process *held_process(struct world *world, const struct held *held)
{
    for (size_t i = 0; i < world->processes_count; i++) {
        if (world->processes[i].incarnation == held->incarnation) {
            return &world->processes[i];
        }
    }
    return NULL;
}

static void held_end(struct world *world, struct host *host, size_t at)
{
    struct process *process = held_process(world, &host->held[at]);
    if (process) {
        process->alive = false;
    }
    host->held[at].in_order = true;
    host->gone[host->gone_count++] = host->held[at];
    host->held[at] = host->held[--host->held_count];
}

static struct held *held_find(struct host *host, uint64_t topology, uint32_t worker)
{
    for (size_t i = 0; i < host->held_count; i++) {
        if (host->held[i].topology == topology && host->held[i].worker == worker) {
            return &host->held[i];
        }
    }
    return NULL;
}

static void list_put(struct gale_conf *list, const struct held *held)
{
    struct gale_conf *map = NULL;
    assert_int_equal(conf_add_map(list, NULL, &map), GALE_OK);
    tree_put_hex64(map, "topology", held->topology);
    tree_put_int(map, "worker", held->worker);
    tree_put_int(map, "attempt", held->attempt);
    tree_put_hex64(map, "incarnation", held->incarnation);
    tree_put_text(map, "state", held->running ? "running" : "backoff");
    tree_put_text(map, "exit",
                  held->running    ? ""
                  : held->in_order ? "exited with 0"
                                   : "killed by SIGKILL (signal 9)");
}

static void report_obey(struct world *world, int index, const struct gale_conf *answer)
{
    struct host *host = &world->hosts[index];
    const struct gale_conf *wanted = gale_conf_get(answer, "wanted");
    bool keep[64] = {false};
    host->epoch = (uint64_t)gale_conf_int64(answer, "epoch", 0);
    host->gone_count = 0;
    size_t before = host->held_count;
    for (size_t i = 0; i < gale_conf_count(wanted); i++) {
        const struct gale_conf *map = gale_conf_at(wanted, i);
        uint64_t topology = tree_hex64(map, "topology", 0);
        uint32_t worker = (uint32_t)gale_conf_int64(map, "worker", 0);
        bool running = strcmp(gale_conf_string(map, "keep", ""), "running") == 0;
        struct held *held = held_find(host, topology, worker);
        if (!held && running) {
            held = &host->held[host->held_count++];
            *held = (struct held){.topology = topology,
                                  .worker = worker,
                                  .attempt = (uint32_t)gale_conf_int64(map, "attempt", 0)};
            held_start(world, index, held);
        } else if (held && running && !held->running) {
            held_start(world, index, held);
        }
        if (held) {
            keep[held - host->held] = true;
        }
    }
    for (size_t i = before; i > 0; i--) {
        if (!keep[i - 1]) {
            held_end(world, host, i - 1);
        }
    }
}

static void host_turn(struct world *world, int index)
{
    struct host *host = &world->hosts[index];
    for (size_t i = 0; i < host->held_count; i++) {
        const struct process *process = held_process(world, &host->held[i]);
        host->held[i].running = process && process->alive;
        host->held[i].in_order = process && process->told_exit;
    }
    for (int c = 0; c < WORLD_CLUSTERS; c++) {
        if (!world->clusters[c]) {
            continue;
        }
        struct gale_conf *lists[2] = {NULL, NULL};
        struct gale_conf *request = world_request("host", host->name);
        tree_put_text(request, "rpc", "tcp://host:1");
        tree_put_int(request, "slots", host->slots);
        tree_put_int(request, "started_ms", 1);
        conf_add_list(request, "held", &lists[0]);
        conf_add_list(request, "gone", &lists[1]);
        for (size_t i = 0; i < host->held_count; i++) {
            list_put(lists[0], &host->held[i]);
        }
        for (size_t i = 0; i < host->gone_count; i++) {
            struct held gone = host->gone[i];
            gone.running = false;
            list_put(lists[1], &gone);
        }
        if (world_ask(world, c, request, NULL, 0) == GALE_OK && world->redirect[0] == '\0' &&
            (uint64_t)gale_conf_int64(world->tree, "epoch", 0) >= host->epoch) {
            report_obey(world, index, world->tree);
            return;
        }
    }
}

int world_host(struct world *world, const char *name, uint32_t slots)
{
    struct host *host = &world->hosts[world->hosts_count];
    memset(host, 0, sizeof *host);
    snprintf(host->name, sizeof host->name, "%s", name);
    host->up = true;
    host->slots = slots;
    return (int)world->hosts_count++;
}

void world_host_down(struct world *world, int index)
{
    struct host *host = &world->hosts[index];
    while (host->held_count > 0) {
        held_end(world, host, host->held_count - 1);
    }
    host->gone_count = 0;
    host->up = false;
}

void world_host_up(struct world *world, int index)
{
    world->hosts[index].up = true;
}

void world_kill_process(struct world *world, struct process *process)
{
    (void)world;
    process->alive = false;
}

/* ---- Coordinators ---------------------------------------------------------------------------- */

static void port_connect(void *self, uint64_t topology, uint32_t worker, const char *endpoint)
{
    (void)topology;
    (void)worker;
    ((struct world *)self)->connects += endpoint != NULL;
}

static bool port_has_blob(void *self, const char *hex)
{
    (void)hex;
    return !((struct world *)self)->blobs_missing;
}

static void port_poke(void *self, const char *rpc_endpoint)
{
    (void)rpc_endpoint;
    ((struct world *)self)->pokes++;
}

static int64_t port_wall_ms(void *self)
{
    return ((struct world *)self)->wall_ms;
}

void world_coordinator(struct world *world, int index)
{
    struct proxy *proxy = &world->proxies[index];
    struct gale_error error;
    char name[16], rpc[32];
    proxy->base.ops = &proxy_ops;
    proxy->inner = world->store;
    proxy->world = world;
    proxy->generation++;
    snprintf(name, sizeof name, "c%d", index);
    snprintf(rpc, sizeof rpc, "tcp://rpc:%d", index);
    struct cluster_options options = {.store = &proxy->base,
                                      .name = name,
                                      .rpc_endpoint = rpc,
                                      .control_endpoint = "tcp://control:1",
                                      .store_text = "embedded",
                                      .ports = &world->ports,
                                      .builtins = &builtins};
    rng_seed(&options.rng, 42 + (uint64_t)index + 10 * proxy->generation);
    assert_int_equal(cluster_new(&options, &world->clusters[index], &error), GALE_OK);
    cluster_step(world->clusters[index], world->now_ns);
}

void world_kill_coordinator(struct world *world, int index)
{
    proxy_expire(&world->proxies[index]);
    world->proxies[index].life++;
    cluster_free(world->clusters[index]);
    world->clusters[index] = NULL;
}

void world_run(struct world *world, int64_t ms)
{
    for (int64_t at = 0; at < ms; at += TURN_MS) {
        world->now_ns += TURN_MS * MS;
        world->wall_ms += TURN_MS;
        world->store->ops->poll(world->store);
        for (size_t i = 0; i < world->processes_count; i++) {
            struct process *process = &world->processes[i];
            for (int c = 0; process->alive && !process->frozen && c < WORLD_CLUSTERS; c++) {
                if (world->clusters[c]) {
                    process_turn(world, world->clusters[c], process);
                }
            }
            process->alive = process->alive && !process->told_exit && !world->failing;
        }
        for (size_t i = 0; i < world->hosts_count; i++) {
            if (world->hosts[i].up) {
                host_turn(world, (int)i);
            }
        }
        for (int c = 0; c < WORLD_CLUSTERS; c++) {
            if (world->clusters[c]) {
                cluster_step(world->clusters[c], world->now_ns);
            }
        }
    }
}

void world_until(struct world *world, const char *name, const char *status)
{
    for (int i = 0; i < 1500 && strcmp(world_status(world, name), status) != 0; i++) {
        world_run(world, TURN_MS);
    }
    assert_string_equal(world_status(world, name), status);
}

void world_until_gone(struct world *world, const char *name)
{
    world_until(world, name, "");
}

void world_open(struct world *world)
{
    char path[96];
    struct gale_error error;
    memset(world, 0, sizeof *world);
    snprintf(world->dir, sizeof world->dir, "/tmp/gale-cluster-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    snprintf(path, sizeof path, "%s/store.db", world->dir);
    assert_int_equal(store_sqlite_open(path, &world->store, &error), GALE_OK);
    world->now_ns = 5000 * MS;
    world->wall_ms = 1700000000000;
    world->incarnation = 1000;
    world->ports = (struct cluster_ports){.self = world,
                                          .connect = port_connect,
                                          .send = port_send,
                                          .has_blob = port_has_blob,
                                          .poke = port_poke,
                                          .wall_ms = port_wall_ms};
    buf_init(&world->body, 0);
}

void world_close(struct world *world)
{
    char command[128];
    for (int c = 0; c < WORLD_CLUSTERS; c++) {
        cluster_free(world->clusters[c]);
        for (size_t i = 0; i < 4; i++) {
            free(world->proxies[c].own[i]);
        }
    }
    world->store->ops->close(world->store);
    conf_free(world->tree);
    buf_fini(&world->body);
    snprintf(command, sizeof command, "rm -rf '%s'", world->dir);
    assert_int_equal(system(command), 0);
}

/* ---- Requests -------------------------------------------------------------------------------- */

struct gale_conf *world_request(const char *verb, const char *name)
{
    struct gale_conf *request = conf_new();
    assert_non_null(request);
    assert_int_equal(tree_put_text(request, "verb", verb), GALE_OK);
    assert_int_equal(tree_put_text(request, "name", name), GALE_OK);
    return request;
}

enum gale_err world_ask(struct world *world, int index, struct gale_conf *request,
                        const void *body, size_t size)
{
    struct rpc_request asked = {.tree = request,
                                .body = body,
                                .body_size = size,
                                .verb = gale_conf_string(request, "verb", "")};
    conf_free(world->tree);
    world->tree = conf_new();
    buf_clear(&world->body);
    struct rpc_answer answer = {world->tree, &world->body};
    cluster_answer(world->clusters[index], &asked, &answer, world->now_ns);
    conf_free(request);
    const struct gale_conf *error = gale_conf_get(world->tree, "error");
    world->code = (enum gale_err)gale_conf_int64(error, "code", 0);
    snprintf(world->error, sizeof world->error, "%s", gale_conf_string(error, "text", ""));
    snprintf(world->redirect, sizeof world->redirect, "%s",
             gale_conf_string(world->tree, "redirect", ""));
    return world->code;
}

enum gale_err world_ask_name(struct world *world, int index, const char *verb, const char *name)
{
    return world_ask(world, index, world_request(verb, name), NULL, 0);
}

static int leader_of(const struct world *world)
{
    return world->clusters[1] &&
                   cluster_epoch(world->clusters[1]) >
                       (world->clusters[0] ? cluster_epoch(world->clusters[0]) : 0)
               ? 1
               : 0;
}

enum gale_err world_submit(struct world *world, const char *yaml, const char *flag)
{
    char path[96];
    struct load_options options = {.file = path, .builtins = &builtins};
    struct package package;
    struct gale_error error = {.text = ""};
    struct diag diag;
    struct buf bytes;
    snprintf(path, sizeof path, "%s/t.yaml", world->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(yaml, file);
    fclose(file);
    diag_init(&diag);
    buf_init(&bytes, 0);
    assert_int_equal(package_make(&options, &diag, &package, &error), GALE_OK);
    if (diag.errors_count > 0) {
        fail_msg("%s", diag.items[0].text);
    }
    assert_int_equal(package_encode(&package, &bytes), GALE_OK);
    struct gale_conf *request = world_request("submit", package.name);
    if (flag) {
        tree_put_bool(request, flag, true);
    }
    enum gale_err err = world_ask(world, leader_of(world), request, bytes.data, bytes.size);
    package_fini(&package);
    diag_fini(&diag);
    buf_fini(&bytes);
    return err;
}

const char *world_status(struct world *world, const char *name)
{
    int leader = leader_of(world);
    if (!world->clusters[leader] || world_ask_name(world, leader, "list", NULL) != GALE_OK) {
        return "?";
    }
    const struct gale_conf *list = gale_conf_get(world->tree, "topologies");
    for (size_t i = 0; i < gale_conf_count(list); i++) {
        const struct gale_conf *map = gale_conf_at(list, i);
        if (strcmp(gale_conf_string(map, "name", ""), name) == 0) {
            return gale_conf_string(map, "status", "?");
        }
    }
    return "";
}

int64_t world_describe(struct world *world, const char *name, const char *key)
{
    assert_int_equal(world_ask_name(world, leader_of(world), "describe", name), GALE_OK);
    return gale_conf_int64(world->tree, key, -1);
}

unsigned world_workers_on(struct world *world, const char *name, const char *host)
{
    unsigned count = 0;
    assert_int_equal(world_ask_name(world, leader_of(world), "describe", name), GALE_OK);
    const struct gale_conf *list = gale_conf_get(world->tree, "workers");
    for (size_t i = 0; i < gale_conf_count(list); i++) {
        count += strcmp(gale_conf_string(gale_conf_at(list, i), "host", ""), host) == 0;
    }
    return count;
}

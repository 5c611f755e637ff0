/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale coordinator: one candidate to lead a cluster (cluster/coordinator.h). It says on stdout (--json)
 * or in its log when it is ready and goes on until a signal; then it gives the lead away. Workers and
 * supervisors go on without it. One thread, on its loop.
 */
#include "bolts/builtin.h"
#include "cli/daemon.h"
#include "cli/json_writer.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "cluster/coordinator.h"
#include "config/notify.h"
#include "spouts/builtin.h"

#include <gale/log.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A call of the store waits for a third of the session, so that it is over before the lead is. */
enum { SESSION_PARTS = 3, OPERATION_MIN_MS = 300, OPERATION_MAX_MS = 2000 };

static const struct option_spec coordinator_option_table[] = {
    {"zookeeper", 0, "SERVERS", NULL, "ZooKeeper, host:port,host:port/folder; default: none."},
    {"listen", 0, "ENDPOINT", NULL, "Where it answers requests; default tcp://127.0.0.1:7410."},
    {"control", 0, "ENDPOINT", NULL,
     "Where it hears the workers; default tcp://127.0.0.1:7411."},
    {"advertise", 0, "ADDRESS", NULL, "Address for others when it listens on all interfaces."},
    {"name", 0, "NAME", NULL, "Name of this coordinator; default the host's name."},
    {"state-dir", 0, "DIR", "DIR", "Where it keeps modules, files and its store."},
    {"host-timeout", 0, "TIME", NULL, "Silence after which a host is lost; default 1500ms."},
    {"log-level", 0, "LEVEL", "debug|info|warn|error", "What the log shows; default info."},
    SETTINGS_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

static const struct settings_flag coordinator_flags[] = {{"zookeeper", "zookeeper.servers"},
                                                         {"listen", "coordinator.listen"},
                                                         {"control", "coordinator.control"},
                                                         {"advertise", "coordinator.advertise"},
                                                         {"name", "coordinator.name"},
                                                         {"state-dir", "coordinator.state_dir"},
                                                         {"host-timeout", "host_timeout"},
                                                         {"log-level", "log.level"},
                                                         {NULL, NULL}};

/* Everything that has to be given back. */
struct daemon {
    const struct invocation *call;
    struct config *config;
    struct notify notify;
    struct loop *loop;
    struct coordinator *coordinator;
    int signals_count;
};

static void on_signal(void *argument, int signal, int64_t pid)
{
    struct daemon *daemon = argument;
    (void)signal;
    (void)pid;
    daemon->signals_count++;
}

static int start(struct daemon *daemon)
{
    static const struct worker_builtins builtins = {spouts_builtin, bolts_builtin};
    struct gale_error error = {.text = ""};
    const struct config *config = daemon->config;
    const char *servers = config_text(config, "zookeeper.servers");
    const char *credentials = config_text(config, "zookeeper.credentials");
    int64_t session_ms = config_duration_ms(config, "zookeeper.session");
    int64_t operation_ms = session_ms / SESSION_PARTS;
    operation_ms = operation_ms < OPERATION_MIN_MS   ? OPERATION_MIN_MS
                   : operation_ms > OPERATION_MAX_MS ? OPERATION_MAX_MS
                                                     : operation_ms;
    const struct store_zookeeper_options zookeeper = {
        .servers = servers,
        .credentials_path = credentials[0] != '\0' ? credentials : NULL,
        .session_ms = (int)session_ms,
        .operation_ms = (int)operation_ms};
    const struct coordinator_options options = {
        .name = config_text(config, "coordinator.name"),
        .listen = config_text(config, "coordinator.listen"),
        .control = config_text(config, "coordinator.control"),
        .advertise = config_text(config, "coordinator.advertise"),
        .state_dir = config_text(config, "coordinator.state_dir"),
        .zookeeper = servers[0] != '\0' ? &zookeeper : NULL,
        .host_timeout_ms = config_duration_ms(config, "host_timeout"),
        .builtins = &builtins};
    enum gale_err err = coordinator_new(&options, daemon->loop, &daemon->coordinator, &error);
    return err == GALE_OK ? EXIT_DONE : daemon_fail(daemon->call, err, &error);
}

static void say_ready(struct daemon *daemon)
{
    const char *rpc = coordinator_rpc(daemon->coordinator);
    notify_ready(&daemon->notify, "coordinator answers at %s", rpc);
    if (daemon->call->json) {
        struct jsonw json;
        jsonw_init(&json, stdout);
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "schema", 1);
        jsonw_string(&json, "event", "ready");
        jsonw_int(&json, "pid", getpid());
        jsonw_string(&json, "rpc", rpc);
        jsonw_string(&json, "control", coordinator_control(daemon->coordinator));
        jsonw_close_object(&json);
        jsonw_end(&json);
        fflush(stdout);
    }
    gale_log(GALE_LOG_INFO, "coordinator answers at %s, hears workers at %s", rpc,
             coordinator_control(daemon->coordinator));
}

static void go_round(struct daemon *daemon)
{
    int64_t alive_at_ns = loop_now_ns(daemon->loop);
    while (daemon->signals_count == 0) {
        bool more = coordinator_step(daemon->coordinator);
        int64_t now_ns = loop_now_ns(daemon->loop);
        int64_t at_ns = coordinator_next_ns(daemon->coordinator);
        if (daemon->notify.alive_ns > 0 && now_ns >= alive_at_ns) {
            notify_alive(&daemon->notify);
            alive_at_ns = now_ns + daemon->notify.alive_ns;
        }
        at_ns = daemon->notify.alive_ns > 0 && alive_at_ns < at_ns ? alive_at_ns : at_ns;
        loop_run_once(daemon->loop, more || at_ns <= now_ns ? 0 : at_ns - now_ns);
    }
    notify_stopping(&daemon->notify);
}

static int live(struct daemon *daemon)
{
    notify_init(&daemon->notify);
    daemon_process();
    int code = daemon_loop(daemon->call, on_signal, daemon, &daemon->loop);
    if (code == EXIT_DONE) {
        code = start(daemon);
    }
    if (code == EXIT_DONE) {
        say_ready(daemon);
        go_round(daemon);
    }
    coordinator_free(daemon->coordinator);
    loop_free(daemon->loop);
    notify_fini(&daemon->notify);
    return code;
}

static int run(const struct invocation *call)
{
    struct daemon daemon = {.call = call};
    int code = settings_load(call, coordinator_flags, &daemon.config);
    if (code == EXIT_DONE) {
        daemon_log(call, daemon.config, "coordinator");
        code = live(&daemon);
    }
    config_free(daemon.config);
    return code;
}

const struct verb_spec verb_coordinator = {
    .name = "coordinator",
    .summary =
        "Leads a cluster, or waits to: takes submitted topologies, says what runs where.",
    .examples = {"gale coordinator --zookeeper zk1:2181,zk2:2181,zk3:2181/gale",
                 "gale coordinator --listen 0.0.0.0:7410 --control 0.0.0.0:7411"},
    .options = coordinator_option_table,
    .run = run,
    .notes =
        "With ZooKeeper several may run: one leads, and another takes over when it is gone. "
        "Without, the store is a file of this one. Workers go on while none is there. The "
        "first "
        "signal ends it; nothing that runs is stopped.",
};

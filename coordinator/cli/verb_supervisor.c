/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale supervisor: the daemon of each host that keeps worker processes (host/supervisor.h). It says on
 * stdout (--json) or in its log when it is ready and goes on until a signal. Its workers live on without
 * it, unless --stop-workers asks to end them. One thread, on its loop.
 */
#include "base/log.h"
#include "cli/daemon.h"
#include "cli/json_writer.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "config/notify.h"
#include "host/supervisor.h"

#include <unistd.h>

static const struct option_spec supervisor_option_table[] = {
    {"zookeeper", 0, "SERVERS", NULL, "ZooKeeper, host:port,host:port/folder."},
    {"coordinator", 0, "ADDRESSES", NULL, "Coordinators to ask, host:port,host:port."},
    {"name", 0, "NAME", NULL, "Name of this host in the cluster; default the host's name."},
    {"address", 0, "ADDRESS", NULL, "Address or interface at which workers here are reached."},
    {"listen", 0, "ENDPOINT", NULL, "Where it answers requests; default tcp://127.0.0.1:7412."},
    {"state-dir", 0, "DIR", "DIR", "Where it keeps everything."},
    {"slots", 0, "N", NULL, "Workers that may run here; default 64."},
    {"memory", 0, "SIZE", NULL, "Memory that components may ask for here."},
    {"cpu", 0, "POINTS", NULL, "Processor that components may ask for, 100 = a core."},
    {"stop-workers", 0, NULL, NULL, "At its end, end the workers, too."},
    {"log-level", 0, "LEVEL", "debug|info|warn|error", "What the log shows; default info."},
    SETTINGS_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

static const struct settings_flag supervisor_flags[] = {
    {"zookeeper", "zookeeper.servers"},
    {"coordinator", "coordinator.addresses"},
    {"name", "supervisor.name"},
    {"address", "supervisor.address"},
    {"listen", "supervisor.listen"},
    {"state-dir", "supervisor.state_dir"},
    {"slots", "supervisor.slots"},
    {"memory", "supervisor.memory"},
    {"cpu", "supervisor.cpu"},
    {"log-level", "log.level"},
    {NULL, NULL}};

/* Everything that has to be given back. */
struct daemon {
    const struct invocation *call;
    struct config *config;
    struct notify notify;
    struct loop *loop;
    struct supervisor *supervisor;
    bool stop_workers;
    bool stopping;
    int signals_count;
};

static void on_signal(void *argument, int signal, int64_t pid)
{
    struct daemon *daemon = argument;
    (void)pid;
    (void)signal;
    daemon->signals_count++;
}

static int start_supervisor(struct daemon *daemon)
{
    static char gale_path[PATH_MAX];
    struct gale_error error = {.text = ""};
    int code = daemon_path(daemon->call, gale_path);
    if (code != EXIT_DONE) {
        return code;
    }
    const struct supervisor_options options = {.config = daemon->config,
                                               .gale_path = gale_path};
    enum gale_err err = supervisor_new(&options, daemon->loop, &daemon->supervisor, &error);
    return err == GALE_OK ? EXIT_DONE : daemon_fail(daemon->call, err, &error);
}

static void say_ready(struct daemon *daemon)
{
    const char *endpoint = supervisor_endpoint(daemon->supervisor);
    notify_ready(&daemon->notify, "host %s answers at %s", supervisor_name(daemon->supervisor),
                 endpoint);
    if (daemon->call->json) {
        struct jsonw json;
        jsonw_init(&json, stdout);
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "schema", 1);
        jsonw_string(&json, "event", "ready");
        jsonw_int(&json, "pid", getpid());
        jsonw_string(&json, "name", supervisor_name(daemon->supervisor));
        jsonw_string(&json, "rpc", endpoint);
        jsonw_close_object(&json);
        jsonw_end(&json);
        fflush(stdout);
    }
    gale_log(GALE_LOG_INFO, "supervisor of host %s answers at %s",
             supervisor_name(daemon->supervisor), endpoint);
}

/* Goes round until the first signal; with --stop-workers until they have ended, or the second. */
static void go_round(struct daemon *daemon)
{
    int64_t alive_at_ns = loop_now_ns(daemon->loop);
    unsigned wanted_signals = daemon->stop_workers ? 2 : 1;
    while ((unsigned)daemon->signals_count < wanted_signals &&
           !supervisor_done(daemon->supervisor)) {
        if (daemon->signals_count > 0 && !daemon->stopping) {
            daemon->stopping = true;
            notify_stopping(&daemon->notify);
            gale_log(GALE_LOG_INFO, "ending the workers");
            supervisor_stop(daemon->supervisor);
        }
        int64_t at = supervisor_step(daemon->supervisor);
        int64_t now = loop_now_ns(daemon->loop);
        if (daemon->notify.alive_ns > 0 && now >= alive_at_ns) {
            notify_alive(&daemon->notify);
            alive_at_ns = now + daemon->notify.alive_ns;
        }
        at = daemon->notify.alive_ns > 0 && alive_at_ns < at ? alive_at_ns : at;
        if (!supervisor_done(daemon->supervisor)) {
            loop_run_once(daemon->loop, at > now ? at - now : 0);
        }
    }
    notify_stopping(&daemon->notify);
}

static int live(struct daemon *daemon)
{
    notify_init(&daemon->notify);
    daemon_process();
    int code = daemon_loop(daemon->call, on_signal, daemon, &daemon->loop);
    if (code == EXIT_DONE) {
        code = start_supervisor(daemon);
    }
    if (code == EXIT_DONE) {
        say_ready(daemon);
        go_round(daemon);
    }
    supervisor_free(daemon->supervisor);
    loop_free(daemon->loop);
    notify_fini(&daemon->notify);
    return code;
}

static int run(const struct invocation *call)
{
    struct daemon daemon = {.call = call, .stop_workers = options_given(call, "stop-workers")};
    int code = settings_load(call, supervisor_flags, &daemon.config);
    if (code == EXIT_DONE) {
        daemon_log(call, daemon.config, "supervisor");
        code = live(&daemon);
    }
    config_free(daemon.config);
    return code;
}

const struct verb_spec verb_supervisor = {
    .name = "supervisor",
    .summary = "Keeps the worker processes of this host, as the cluster wants them.",
    .examples = {"gale supervisor --zookeeper zk1:2181,zk2:2181,zk3:2181/gale",
                 "gale supervisor --coordinator 10.0.0.5:7410 --address eth0"},
    .options = supervisor_option_table,
    .run = run,
    .notes =
        "Workers live on when it ends or is killed; the next supervisor with the same state "
        "directory adopts them. It goes on without coordinators and ZooKeeper: a worker that "
        "dies meanwhile is started again. A second signal ends --stop-workers at once.",
};

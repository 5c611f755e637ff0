/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale dev: a cluster of this machine alone. Coordinator and supervisor live on one loop in this
 * process, with the embedded store; workers are processes as everywhere. Sockets are ipc in a
 * directory of the user's own, where the command line looks by itself (config/dev_place.h).
 *
 * The first SIGINT, SIGTERM or SIGHUP ends the workers in good order, the second one ends this
 * process at once, and its workers die with it. Topologies stay in the store and go on with the
 * next `gale dev`. One thread.
 */
#include "bolts/builtin.h"
#include "cli/daemon.h"
#include "cli/json_writer.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "cluster/coordinator.h"
#include "config/dev_place.h"
#include "host/supervisor.h"
#include "spouts/builtin.h"
#include "store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEV_FORGET_DEPTH_MAX = 16 };

static const struct option_spec dev_option_table[] = {
    {"dir", 0, "DIR", "DIR", "Where it keeps everything; default ~/.local/state/gale/dev."},
    {"fresh", 0, NULL, NULL, "Forget the topologies of earlier times."},
    {"log-level", 0, "LEVEL", "debug|info|warn|error", "What the log shows; default info."},
    SETTINGS_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

static const struct settings_flag dev_flags[] = {
    {"dir", "dev.dir"}, {"log-level", "log.level"}, {NULL, NULL}};

/* Everything that has to be given back. */
struct dev {
    const struct invocation *call;
    struct config *config;
    struct dev_place place;
    char state[PATH_MAX];
    int lock;
    struct loop *loop;
    struct coordinator *coordinator;
    struct supervisor *supervisor;
    int signals_count;
    int signal; /* the last one */
};

/* ---- The place ------------------------------------------------------------------------------ */

/* Makes a directory with all that is missing above it; its own mode is 0700. */
static bool make_directory(const char *path)
{
    char copy[PATH_MAX];
    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *at = copy + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
                return false;
            }
            *at = '/';
        }
    }
    return mkdir(copy, 0700) == 0 || errno == EEXIST;
}

/* A directory that is the user's own and that nobody else can write to: who could, could put a
 * socket of his there. */
static int take_directory(const struct dev *dev, const char *path)
{
    struct stat info;
    if (!make_directory(path) || stat(path, &info) != 0) {
        return output_fail(dev->call->json, EXIT_CANT_CREATE, "name another one with --dir",
                           "cannot make the directory %s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 022) != 0) {
        return output_fail(dev->call->json, EXIT_DENIED,
                           "chmod go-w it, or name another one with --dir",
                           "%s is no directory of this user's own", path);
    }
    return EXIT_DONE;
}

/* One `gale dev` for a directory of sockets: a second one would take the sockets away. */
static int take_lock(struct dev *dev)
{
    char path[PATH_MAX];
    char owner[32] = "";
    snprintf(path, sizeof path, "%s/dev.lock", dev->place.sockets);
    dev->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (dev->lock < 0) {
        return output_fail(dev->call->json, EXIT_CANT_CREATE, NULL, "cannot open %s: %s", path,
                           strerror(errno));
    }
    if (flock(dev->lock, LOCK_EX | LOCK_NB) != 0) {
        ssize_t size = read(dev->lock, owner, sizeof owner - 1);
        owner[size > 0 ? size : 0] = '\0';
        owner[strcspn(owner, "\n")] = '\0';
        return output_fail(
            dev->call->json, EXIT_TEMPORARY, "submit to that one, or start another with --dir",
            "gale dev runs already%s%s", owner[0] != '\0' ? ", process " : "", owner);
    }
    if (ftruncate(dev->lock, 0) != 0 || dprintf(dev->lock, "%d\n", (int)getpid()) < 0) {
        return output_fail(dev->call->json, EXIT_IO, NULL, "cannot write %s: %s", path,
                           strerror(errno));
    }
    return EXIT_DONE;
}

static int take_place(struct dev *dev)
{
    struct gale_error error;
    enum gale_err err = dev_place_find(dev->config, &dev->place, &error);
    if (err != GALE_OK) {
        return daemon_fail(dev->call, err, &error);
    }
    int code = take_directory(dev, dev->place.state);
    if (code == EXIT_DONE) {
        code = take_directory(dev, dev->place.sockets);
    }
    return code == EXIT_DONE ? take_lock(dev) : code;
}

/* ---- --fresh -------------------------------------------------------------------------------- */

/* Removes what lies below a record, leaf after leaf, so that no depth is a matter of the stack. */
static enum gale_err forget_below(struct store *store, const char *root)
{
    struct buf names;
    char path[DEV_FORGET_DEPTH_MAX * STORE_NAME_SIZE];
    enum gale_err err = GALE_OK;
    buf_init(&names, 0);
    while (err == GALE_OK) {
        size_t used = (size_t)snprintf(path, sizeof path, "%s", root);
        bool below = false;
        while ((err = store->ops->children(store, path, &names)) == GALE_OK && names.size > 0) {
            used += (size_t)snprintf(path + used, sizeof path - used, "/%s",
                                     (const char *)names.data);
            below = true;
        }
        if (err != GALE_OK || !below) {
            break;
        }
        err = store->ops->remove(store, path, STORE_ANY_VERSION);
    }
    buf_fini(&names);
    return err == GALE_ERR_NOT_FOUND ? GALE_OK : err;
}

/* Forgets the topologies but not the epoch, which has to grow as long as there are workers that
 * know the last one. */
static int forget(const struct dev *dev)
{
    char path[PATH_MAX];
    struct store *store;
    struct gale_error error;
    if ((size_t)snprintf(path, sizeof path, "%s/coordinator/store.db", dev->place.state) >=
            sizeof path ||
        access(path, F_OK) != 0) {
        return EXIT_DONE;
    }
    enum gale_err err = store_sqlite_open(path, &store, &error);
    if (err != GALE_OK) {
        return daemon_fail(dev->call, err, &error);
    }
    err = forget_below(store, "/topologies");
    store->ops->close(store);
    return err == GALE_OK
               ? EXIT_DONE
               : output_fail(dev->call->json, output_code_of(err), NULL,
                             "cannot forget what %s holds: %s", path, gale_err_name(err));
}

/* ---- Start ---------------------------------------------------------------------------------- */

static void on_signal(void *argument, int signal, int64_t pid)
{
    struct dev *dev = argument;
    (void)pid;
    dev->signal = signal;
    dev->signals_count++;
}

static int start_coordinator(struct dev *dev)
{
    static const struct worker_builtins builtins = {spouts_builtin, bolts_builtin};
    struct gale_error error = {.text = ""};
    snprintf(dev->state, sizeof dev->state, "%.*s/coordinator", PATH_MAX - 16,
             dev->place.state);
    const struct coordinator_options options = {
        .name = config_text(dev->config, "coordinator.name"),
        .listen = dev->place.rpc,
        .control = dev->place.control,
        .state_dir = dev->state,
        .host_timeout_ms = config_duration_ms(dev->config, "host_timeout"),
        .builtins = &builtins,
    };
    enum gale_err err = coordinator_new(&options, dev->loop, &dev->coordinator, &error);
    return err == GALE_OK ? EXIT_DONE : daemon_fail(dev->call, err, &error);
}

static int start_supervisor(struct dev *dev)
{
    static char gale_path[PATH_MAX];
    static char state[PATH_MAX];
    struct gale_error error = {.text = ""};
    int code = daemon_path(dev->call, gale_path);
    if (code != EXIT_DONE) {
        return code;
    }
    snprintf(state, sizeof state, "%.*s/supervisor", PATH_MAX - 16, dev->place.state);
    const struct supervisor_options options = {
        .config = dev->config,
        .gale_path = gale_path,
        .state_dir = state,
        .listen = dev->place.host_rpc,
        .coordinator = coordinator_rpc(dev->coordinator),
        .sockets = dev->place.sockets,
        .local = true,
    };
    enum gale_err err = supervisor_new(&options, dev->loop, &dev->supervisor, &error);
    return err == GALE_OK ? EXIT_DONE : daemon_fail(dev->call, err, &error);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void say_ready(const struct dev *dev)
{
    if (dev->call->json) {
        struct jsonw json;
        jsonw_init(&json, stdout);
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "schema", 1);
        jsonw_string(&json, "event", "ready");
        jsonw_int(&json, "pid", getpid());
        jsonw_string(&json, "coordinator", coordinator_rpc(dev->coordinator));
        jsonw_string(&json, "dir", dev->place.state);
        jsonw_close_object(&json);
        jsonw_end(&json);
        fflush(stdout);
        return;
    }
    if (dev->call->quiet) {
        return;
    }
    bool elsewhere = config_given(dev->config, "dev.dir");
    fprintf(stderr, "a cluster of this machine is ready; its state is in %s\n",
            dev->place.state);
    if (elsewhere) {
        fprintf(stderr, "  in another terminal:  export GALE_DEV_DIR=%s\n", dev->place.state);
    }
    fprintf(stderr, "  run a topology:       gale submit FILE.yaml\n"
                    "  look at it:           gale list; gale top NAME; gale logs NAME\n"
                    "  end everything here:  Ctrl-C\n");
}

static void say_ending(const struct dev *dev)
{
    if (!dev->call->json && !dev->call->quiet) {
        fprintf(stderr, "ending the workers; topologies go on with the next `gale dev` "
                        "(Ctrl-C again: at once)\n");
    }
}

/* Goes round until all workers have ended, or the second signal. */
static void go_round(struct dev *dev)
{
    bool stopping = false;
    while (!supervisor_done(dev->supervisor) && dev->signals_count < 2) {
        if (dev->signals_count > 0 && !stopping) {
            stopping = true;
            say_ending(dev);
            supervisor_stop(dev->supervisor);
        }
        bool more = coordinator_step(dev->coordinator);
        int64_t at = supervisor_step(dev->supervisor);
        int64_t other = coordinator_next_ns(dev->coordinator);
        at = other < at ? other : at;
        int64_t now = loop_now_ns(dev->loop);
        loop_run_once(dev->loop, more || at <= now ? 0 : at - now);
    }
}

static int live(struct dev *dev)
{
    int code = take_place(dev);
    if (code == EXIT_DONE && options_given(dev->call, "fresh")) {
        code = forget(dev);
    }
    if (code == EXIT_DONE) {
        code = daemon_loop(dev->call, on_signal, dev, &dev->loop);
    }
    if (code == EXIT_DONE) {
        code = start_coordinator(dev);
    }
    if (code == EXIT_DONE) {
        code = start_supervisor(dev);
    }
    if (code == EXIT_DONE) {
        say_ready(dev);
        go_round(dev);
        code = dev->signals_count > 1 ? EXIT_SIGNAL_BASE + dev->signal : EXIT_DONE;
    }
    supervisor_free(dev->supervisor);
    coordinator_free(dev->coordinator);
    loop_free(dev->loop);
    if (dev->lock >= 0) {
        close(dev->lock);
    }
    return code;
}

static int run(const struct invocation *call)
{
    static struct dev dev;
    dev = (struct dev){.call = call, .lock = -1};
    int code = settings_load(call, dev_flags, &dev.config);
    if (code == EXIT_DONE) {
        daemon_log(call, dev.config, "dev");
        daemon_process();
        code = live(&dev);
    }
    config_free(dev.config);
    return code;
}

const struct verb_spec verb_dev = {
    .name = "dev",
    .summary = "Keeps a cluster of this machine until Ctrl-C; nothing to install.",
    .examples = {"gale dev", "gale dev --fresh"},
    .options = dev_option_table,
    .run = run,
    .notes =
        "The other commands find it by themselves. Ctrl-C ends all workers in good order, a "
        "second one at once; topologies stay and go on with the next `gale dev`. With --dir, "
        "set GALE_DEV_DIR for the other commands.",
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's daemon as a whole: what it is made of, and one step of it. The order of a step keeps
 * a late supervisor from taking its own pause for silence of its workers: first everything that has
 * come, then the time (keeper.h).
 */
#include "host/supervisor_internal.h"

#include "base/str.h"
#include "codec/message.h"
#include <gale/log.h>
#include <gale/version.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MB (INT64_C(1) << 20)
#define CORE_POINTS 100

static void on_wire(void *argument, int fd, unsigned events)
{
    (void)argument;
    (void)fd;
    (void)events;
}

/* ---- Making ------------------------------------------------------------------------------------ */

static void set_facts(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;
    struct timespec now;
    int64_t memory = config_size(config, "supervisor.memory");
    int64_t cpu = config_int(config, "supervisor.cpu");
    clock_gettime(CLOCK_REALTIME, &now);
    if (memory == 0) {
        memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    }
    if (cpu == 0) {
        cpu = (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * CORE_POINTS;
    }
    supervisor->facts =
        (struct host_facts){.name = supervisor->name,
                            .rpc = supervisor->rpc_endpoint,
                            .version = GALE_VERSION_STRING,
                            .pid = getpid(),
                            .started_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                            .slots = config_int(config, "supervisor.slots"),
                            .memory_mb = memory / MB,
                            .cpu_points = cpu};
}

static enum gale_err make_sockets(struct supervisor *supervisor, const char *listen,
                                  struct gale_error *error)
{
    char wanted[HOST_ENDPOINT_SIZE];
    int size = snprintf(wanted, sizeof(wanted), "ipc://%s/pulse", supervisor->dirs.sockets);
    enum gale_err err = transport_zmq_new(1, &supervisor->transport, error);
    if (err == GALE_OK && size > 0) {
        err = supervisor->transport->ops->bind(supervisor->transport, wanted, supervisor->pulse,
                                               sizeof(supervisor->pulse), error);
    }
    if (err == GALE_OK) {
        err = loop_add(supervisor->loop, supervisor->transport->ops->fd(supervisor->transport),
                       LOOP_READ, on_wire, NULL);
    }
    if (err != GALE_OK) {
        return err;
    }
    size =
        snprintf(wanted, sizeof(wanted), "%s%s", strstr(listen, "://") ? "" : "tcp://", listen);
    if (size < 0 || (size_t)size >= sizeof(wanted)) {
        return gale_error_set(error, GALE_ERR_INVALID, "supervisor.listen is too long");
    }
    const char *endpoints[] = {wanted};
    err = rpc_server_new(endpoints, 1, supervisor_request, supervisor, &supervisor->rpc, error);
    if (err == GALE_OK) {
        err = loop_add(supervisor->loop, rpc_server_fd(supervisor->rpc), LOOP_READ, on_wire,
                       NULL);
    }
    return err;
}

static enum gale_err set_addresses(struct supervisor *supervisor,
                                   const struct supervisor_options *options,
                                   struct gale_error *error)
{
    const char *address = config_text(supervisor->config, "supervisor.address");
    int size = snprintf(supervisor->bind, sizeof(supervisor->bind), "tcp://%s:*", address);
    if (size < 0 || (size_t)size >= sizeof(supervisor->bind) || address[0] == '\0' ||
        !str_copy(supervisor->name, sizeof(supervisor->name),
                  config_text(supervisor->config, "supervisor.name")) ||
        supervisor->name[0] == '\0' ||
        !str_copy(supervisor->gale_path, sizeof(supervisor->gale_path), options->gale_path)) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "supervisor.name and supervisor.address must be given");
    }
    if (options->local) { /* Workers are joined by ipc. */
        snprintf(supervisor->parent, sizeof(supervisor->parent), "%d", (int)getpid());
        return GALE_OK;
    }
    return supervisor_address_check(address, error);
}

static struct slot_limits limits_of(const struct config *config)
{
    struct slot_limits limits = slot_limits_default();
    limits.beat_ms = config_duration_ms(config, "worker.silence");
    return limits;
}

static enum gale_err make(struct supervisor *supervisor,
                          const struct supervisor_options *options, struct gale_error *error)
{
    const struct config *config = supervisor->config;
    int64_t now = loop_now_ns(supervisor->loop);
    enum gale_err err = set_addresses(supervisor, options, error);
    err = err ? err
              : supervisor_dirs_make(supervisor,
                                     options->state_dir
                                         ? options->state_dir
                                         : config_text(config, "supervisor.state_dir"),
                                     options->sockets, error);
    if (err == GALE_OK && rng_seed_os(&supervisor->rng) != GALE_OK) {
        err = gale_error_set(error, GALE_ERR_IO, "the system gives no random numbers");
    }
    err = err ? err : blobs_open(supervisor->dirs.blobs, &supervisor->blobs, error);
    err = err ? err
              : make_sockets(supervisor,
                             options->listen ? options->listen
                                             : config_text(config, "supervisor.listen"),
                             error);
    if (err != GALE_OK) {
        return err;
    }
    supervisor_advertise(rpc_server_endpoint(supervisor->rpc, 0),
                         config_text(config, "supervisor.address"), supervisor->rpc_endpoint,
                         sizeof(supervisor->rpc_endpoint));
    process_boot(supervisor->boot);
    set_facts(supervisor);
    supervisor_ports(supervisor);
    char control[HOST_ENDPOINT_SIZE];
    uint64_t epoch = supervisor_epoch_load(supervisor, control);
    err = pull_new(supervisor->blobs, supervisor->loop, &supervisor->pull);
    if (err == GALE_OK) {
        supervisor->core_made = true;
        err = host_core_init(&supervisor->core, &supervisor->ports, limits_of(config), epoch,
                             now);
    }
    if (err != GALE_OK) {
        return gale_error_set(error, err, "no memory for a supervisor");
    }
    (void)str_copy(supervisor->core.control, sizeof(supervisor->core.control), control);
    supervisor_leader_open(supervisor, options->coordinator);
    supervisor->look_at_ns = now;
    supervisor->collect_at_ns = now;
    return supervisor_restore(supervisor, error);
}

enum gale_err supervisor_new(const struct supervisor_options *options, struct loop *loop,
                             struct supervisor **out, struct gale_error *error)
{
    struct supervisor *supervisor = calloc(1, sizeof(*supervisor));
    if (!supervisor) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory for a supervisor");
    }
    supervisor->config = options->config;
    supervisor->local = options->local;
    supervisor->loop = loop;
    supervisor->lock = -1;
    enum gale_err err = make(supervisor, options, error);
    if (err != GALE_OK) {
        supervisor_free(supervisor);
        return err;
    }
    *out = supervisor;
    return GALE_OK;
}

void supervisor_free(struct supervisor *supervisor)
{
    if (!supervisor) {
        return;
    }
    supervisor->closing = true;
    supervisor_leader_close(supervisor);
    if (supervisor->core_made) {
        host_core_fini(&supervisor->core);
    }
    pull_free(supervisor->pull);
    if (supervisor->rpc) {
        loop_remove(supervisor->loop, rpc_server_fd(supervisor->rpc));
        rpc_server_free(supervisor->rpc);
    }
    if (supervisor->transport) {
        loop_remove(supervisor->loop, supervisor->transport->ops->fd(supervisor->transport));
        supervisor->transport->ops->free(supervisor->transport);
    }
    blobs_free(supervisor->blobs);
    if (supervisor->lock >= 0) {
        close(supervisor->lock);
    }
    free(supervisor->verified);
    free(supervisor);
}

/* ---- Steps ------------------------------------------------------------------------------------- */

/* True: there may be more. */
static bool receive_pulses(struct supervisor *supervisor)
{
    const struct transport_ops *ops = supervisor->transport->ops;
    struct transport_message in;
    int taken = 0;
    while (taken < SUPERVISOR_RECEIVE_MAX &&
           ops->receive(supervisor->transport, &in) == GALE_OK) {
        struct message message;
        struct gale_error error;
        taken++;
        if (message_decode(in.data, in.size, &message, &error) == GALE_OK) {
            if (message.type == MESSAGE_PULSE) {
                host_core_pulse(&supervisor->core, message.topology, message.worker,
                                message.incarnation, loop_now_ns(supervisor->loop));
            }
            message_fini(&message);
        } else {
            gale_log(GALE_LOG_WARN, "a pulse was refused: %s", error.text);
        }
        ops->release(supervisor->transport, &in);
    }
    return taken == SUPERVISOR_RECEIVE_MAX;
}

static void housekeeping(struct supervisor *supervisor, int64_t now_ns)
{
    if (now_ns >= supervisor->look_at_ns) {
        supervisor_leader_retry(supervisor);
        supervisor->look_at_ns = now_ns + SUPERVISOR_LOOK_NS;
        supervisor_look(supervisor);
    }
    if (now_ns >= supervisor->collect_at_ns) {
        supervisor->collect_at_ns = now_ns + SUPERVISOR_COLLECT_NS;
        supervisor_collect(supervisor);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t supervisor_step(struct supervisor *supervisor)
{
    bool more = receive_pulses(supervisor);
    more = rpc_server_poll(supervisor->rpc) || more;
    int64_t now = loop_now_ns(supervisor->loop);
    pull_poll(supervisor->pull, now);
    host_core_tick(&supervisor->core, now);
    supervisor_leader_step(supervisor, now);
    housekeeping(supervisor, now);
    if (more) {
        return now;
    }
    int64_t next =
        earlier(host_core_next_ns(&supervisor->core), seek_next_ns(&supervisor->seek));
    next = earlier(next, pull_next_ns(supervisor->pull));
    next = earlier(next, supervisor->look_at_ns);
    return earlier(next, supervisor->collect_at_ns);
}

void supervisor_stop(struct supervisor *supervisor)
{
    host_core_stop(&supervisor->core, loop_now_ns(supervisor->loop));
}

bool supervisor_done(const struct supervisor *supervisor)
{
    return supervisor->core.ending && host_core_processes(&supervisor->core) == 0;
}

const char *supervisor_endpoint(const struct supervisor *supervisor)
{
    return rpc_server_endpoint(supervisor->rpc, 0);
}

const char *supervisor_name(const struct supervisor *supervisor)
{
    return supervisor->name;
}

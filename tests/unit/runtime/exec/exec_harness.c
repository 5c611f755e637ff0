/* SPDX-License-Identifier: Apache-2.0 */
/* The harness of the executor's tests: executors, wire, clock. Components: exec_parts.c. */
#include "exec_harness.h"
#include "exec_parts.h"

#include "base/assert.h"
#include "base/conf.h"
#include "codec/frame.h"
#include "unit/runtime/core/plan_fixture.h"
#include "unit/runtime/transport/transport_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define ROUNDS_MAX 2000000
#define WATCHED_FDS 32 /* descriptors below it are remembered */

struct seat {
    struct exec *exec;
    struct transport *transport;
    uint64_t incarnation;
    bool halted;
    unsigned watched[WATCHED_FDS];
};

static struct {
    struct gale_conf *tree;
    struct plan *plan;
    uint16_t *task_worker;
    uint32_t workers_count;
    struct memory_hub *hub;
    struct seat seats[HARNESS_WORKERS_MAX];
    int64_t now_ns;
    bool tcp; /* endpoints look like tcp, so that frames are checked and compressed */
    bool (*pass)(uint32_t to, const struct frame_header *header);
    bool (*sampler)(const struct message_sample *sample);
    uint32_t events[EVENT_REFUSED + 1];
    uint8_t injected[1u << 16];
} it;

static int64_t clock_now(void *self)
{
    (void)self;
    return it.now_ns;
}

static enum gale_err watch(void *self, int fd, unsigned events)
{
    struct seat *seat = self;
    if (fd >= 0 && fd < WATCHED_FDS) {
        seat->watched[fd] = events;
    }
    return GALE_OK;
}

static void on_event(void *self, enum message_event event, uint32_t other, uint32_t task,
                     const char *text)
{
    (void)self;
    (void)other;
    (void)task;
    (void)text;
    it.events[event]++;
}

static bool on_sample(void *self, struct message_sample *sample)
{
    (void)self;
    return it.sampler == NULL || it.sampler(sample);
}

static enum gale_err compile(const char *topology, struct diag *diag)
{
    GALE_ASSERT(it.plan == NULL);
    it.tree = plan_fixture_tree(topology);
    return plan_compile(it.tree, parts_registry(), diag, &it.plan);
}

enum diag_code harness_refused(const char *topology)
{
    struct diag diag;
    enum diag_code code = 0;
    diag_init(&diag);
    if (compile(topology, &diag) != GALE_OK) {
        for (size_t i = diag.count; i-- > 0;) {
            code = diag.items[i].warning ? code : diag.items[i].code;
        }
    }
    diag_fini(&diag);
    plan_free(it.plan);
    conf_free(it.tree);
    it.plan = NULL;
    it.tree = NULL;
    return code;
}

static void seat_open(uint32_t index)
{
    struct seat *seat = &it.seats[index];
    struct gale_error error;
    char endpoint[32];
    char bound[64];
    GALE_ASSERT(transport_memory_new(it.hub, &seat->transport) == GALE_OK);
    (void)snprintf(endpoint, sizeof(endpoint), "%s://w%u", it.tcp ? "tcp" : "memory", index);
    GALE_ASSERT(seat->transport->ops->bind(seat->transport, endpoint, bound, sizeof(bound),
                                           &error) == GALE_OK);
    seat->incarnation++;
    struct exec_options options = {.plan = it.plan,
                                   .task_worker = it.task_worker,
                                   .worker = index,
                                   .workers_count = it.workers_count,
                                   .epoch = 7,
                                   .attempt = 3,
                                   .incarnation = seat->incarnation,
                                   .seed = 1000 + index + 10 * seat->incarnation,
                                   .ports = {.self = seat,
                                             .clock = clock_now,
                                             .transport = seat->transport,
                                             .watch = watch,
                                             .event = on_event,
                                             .sample = on_sample},
                                   .link = LINK_OPTIONS_DEFAULT};
    enum gale_err err = exec_new(&options, &seat->exec, &error);
    GALE_ASSERT(err == GALE_OK);
}

static void seat_close(uint32_t index)
{
    struct seat *seat = &it.seats[index];
    exec_free(seat->exec);
    if (seat->transport) {
        seat->transport->ops->free(seat->transport);
    }
    seat->exec = NULL;
    seat->transport = NULL;
}

void harness_open(const char *topology, const char *placement)
{
    struct diag diag;
    diag_init(&diag);
    enum gale_err err = compile(topology, &diag);
    if (err != GALE_OK) {
        (void)fprintf(stderr, "topology refused: %s\n",
                      diag.count > 0 ? diag.items[0].text : "?");
        abort();
    }
    diag_fini(&diag);
    GALE_ASSERT(strlen(placement) == it.plan->tasks_count);
    it.task_worker = calloc(it.plan->tasks_count + 1u, sizeof(*it.task_worker));
    GALE_ASSERT(it.task_worker != NULL);
    it.workers_count = 1;
    for (uint32_t id = 1; id <= it.plan->tasks_count; id++) {
        it.task_worker[id] = (uint16_t)(placement[id - 1] - '0');
        if (it.task_worker[id] >= it.workers_count) {
            it.workers_count = it.task_worker[id] + 1u;
        }
    }
    GALE_ASSERT(it.workers_count <= HARNESS_WORKERS_MAX);
    it.now_ns = 1000 * MS;
    it.hub = memory_hub_new();
    GALE_ASSERT(it.hub != NULL);
    for (uint32_t i = 0; i < it.workers_count; i++) {
        it.seats[i].incarnation = 100u * (i + 1u);
        seat_open(i);
    }
}

static void tell_peer(uint32_t to, uint32_t about, bool up)
{
    struct gale_error error;
    char endpoint[32];
    (void)snprintf(endpoint, sizeof(endpoint), "%s://w%u", it.tcp ? "tcp" : "memory", about);
    enum gale_err err =
        exec_peer(it.seats[to].exec, about, up, it.seats[about].incarnation, endpoint, &error);
    GALE_ASSERT(err == GALE_OK);
}

static void prepare_seat(uint32_t index)
{
    struct gale_error error;
    GALE_ASSERT(exec_prepare(it.seats[index].exec, it.now_ns, &error) == GALE_OK);
}

void harness_prepare(void)
{
    for (uint32_t i = 0; i < it.workers_count; i++) {
        prepare_seat(i);
        for (uint32_t k = 0; k < it.workers_count; k++) {
            if (k != i) {
                tell_peer(i, k, true);
            }
        }
    }
    harness_run();
}

void harness_activate(bool active)
{
    struct gale_error error;
    for (uint32_t i = 0; i < it.workers_count; i++) {
        GALE_ASSERT(exec_activate(it.seats[i].exec, active, &error) == GALE_OK);
    }
}

void harness_start(const char *topology, const char *placement)
{
    harness_open(topology, placement);
    harness_prepare();
    harness_activate(true);
    harness_run();
}

void harness_close(void)
{
    for (uint32_t i = 0; i < it.workers_count; i++) {
        if (it.seats[i].exec) {
            exec_cleanup(it.seats[i].exec);
        }
    }
    for (uint32_t i = 0; i < it.workers_count; i++) {
        seat_close(i);
    }
    memory_hub_free(it.hub);
    plan_free(it.plan);
    conf_free(it.tree);
    free(it.task_worker);
    memset(&it, 0, sizeof(it));
    parts_clear();
}

int harness_teardown(void **state)
{
    (void)state;
    harness_close();
    return 0;
}

void harness_feed_many(const char *spout, uint64_t first, uint64_t last)
{
    for (uint64_t id = first; id <= last; id++) {
        harness_feed(spout, id, "x");
    }
}

static bool receive(uint32_t index)
{
    struct seat *seat = &it.seats[index];
    struct transport_message message;
    bool any = false;
    while (seat->transport->ops->receive(seat->transport, &message) == GALE_OK) {
        struct frame_header header;
        any = true;
        if (it.pass &&
            frame_header_read(message.data, message.size, &header, NULL) == GALE_OK &&
            !it.pass(index, &header)) {
            seat->transport->ops->release(seat->transport, &message);
            continue;
        }
        exec_frame(seat->exec, &message, it.now_ns);
    }
    return any;
}

void harness_run(void)
{
    it.now_ns += MS;
    uint32_t idle = 0; /* The first idle round may have sent frames. */
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        bool busy = false;
        for (uint32_t i = 0; i < it.workers_count; i++) {
            if (!it.seats[i].exec) {
                continue;
            }
            busy = receive(i) || busy;
            if (!it.seats[i].halted) {
                busy = exec_step(it.seats[i].exec, it.now_ns) == EXEC_BUSY || busy;
            }
        }
        idle = busy ? 0 : idle + 1;
        if (idle == 2) {
            return;
        }
    }
    (void)fprintf(stderr, "harness: the executors never became idle\n");
    abort();
}

void harness_advance(int64_t ms)
{
    for (int64_t left = ms; left > 0;) {
        int64_t step = left < 50 ? left : 50;
        it.now_ns += (step - 1) * MS;
        left -= step;
        harness_run();
    }
}

void harness_halt(uint32_t worker, bool halted)
{
    it.seats[worker].halted = halted;
}

void harness_tcp(void)
{
    it.tcp = true;
}

void harness_filter(bool (*pass)(uint32_t to, const struct frame_header *header))
{
    it.pass = pass;
}

void harness_sampler(bool (*take)(const struct message_sample *sample))
{
    it.sampler = take;
}

struct exec *harness_exec(uint32_t worker)
{
    return it.seats[worker].exec;
}

struct task *harness_task(uint32_t task)
{
    return it.seats[it.task_worker[task]].exec->tasks[task];
}

void harness_kill(uint32_t worker)
{
    for (uint32_t i = 0; i < it.workers_count; i++) {
        if (i != worker && it.seats[i].exec) {
            tell_peer(i, worker, false);
        }
    }
    seat_close(worker);
}

void harness_revive(uint32_t worker)
{
    struct gale_error error;
    seat_open(worker);
    prepare_seat(worker);
    for (uint32_t i = 0; i < it.workers_count; i++) {
        if (i != worker) {
            tell_peer(i, worker, true);
            tell_peer(worker, i, true);
        }
    }
    GALE_ASSERT(exec_activate(it.seats[worker].exec, true, &error) == GALE_OK);
}

void harness_inject(uint32_t to, uint32_t from, enum frame_kind kind, const void *payload,
                    size_t size, void (*change)(struct frame_header *header))
{
    const struct peer *peer = &it.seats[to].exec->peers[from];
    struct frame_header header = {.version = FRAME_WIRE_VERSION,
                                  .kind = kind,
                                  .from = (uint16_t)from,
                                  .to = (uint16_t)to,
                                  .attempt = 3,
                                  .generation = peer->in.generation,
                                  .epoch = 7,
                                  .incarnation = peer->in.incarnation,
                                  .seq = kind == FRAME_HELLO ? 0 : peer->in.seq + 1,
                                  .payload_size = (uint32_t)size,
                                  .raw_size = (uint32_t)size};
    GALE_ASSERT(FRAME_HEADER_SIZE + size <= sizeof(it.injected));
    if (change) {
        change(&header);
    }
    frame_header_write(it.injected, &header);
    if (size > 0) {
        memcpy(it.injected + FRAME_HEADER_SIZE, payload, size);
    }
    struct transport_message message = {.data = it.injected, .size = FRAME_HEADER_SIZE + size};
    exec_frame(it.seats[to].exec, &message, it.now_ns);
}

int64_t harness_now_ns(void)
{
    return it.now_ns;
}

struct message_task_stats harness_counters(const char *component)
{
    struct message_task_stats sum = {0};
    int found = plan_component_find(it.plan, component);
    GALE_ASSERT(found >= 0);
    const struct plan_component *part = &it.plan->components[found];
    for (uint32_t id = part->first_task; id < part->first_task + part->parallelism; id++) {
        if (!it.seats[it.task_worker[id]].exec) {
            continue;
        }
        struct message_beat beat = harness_beat(it.task_worker[id]);
        for (uint32_t i = 0; i < beat.tasks_count; i++) {
            const struct message_task_stats *stats = &beat.tasks[i];
            if (stats->task == id) {
                sum.executed += stats->executed;
                sum.emitted += stats->emitted;
                sum.acked += stats->acked;
                sum.failed += stats->failed;
                sum.timed_out += stats->timed_out;
                sum.errors += stats->errors;
                sum.pending += stats->pending;
                sum.queue_bytes += stats->queue_bytes;
                sum.blocked_ns += stats->blocked_ns;
            }
        }
    }
    return sum;
}

struct message_beat harness_beat(uint32_t worker)
{
    struct message_beat beat = {0};
    exec_beat(it.seats[worker].exec, &beat);
    return beat;
}

uint32_t harness_events(enum message_event event)
{
    return it.events[event];
}

unsigned harness_watched(uint32_t worker, int fd)
{
    return it.seats[worker].watched[fd];
}

void harness_ready(uint32_t worker, int fd, unsigned events)
{
    exec_fd_ready(it.seats[worker].exec, fd, events);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker says. Any message may be lost: beats come again and again, the rest is repeated with
 * them until the coordinator shows that it knows. */
#include "worker/internal.h"

#include "base/str.h"
#include "worker/process_stat.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define BEAT_FAST_NS INT64_C(5000000) /* between beats while the end is near */
#define PULSE_MS 400                  /* between signs of life of the process */
#define PULSE_PERIODS 75u             /* so many without a beat: the engine thread hangs */
#define HELLO_MAX_NS INT64_C(200000000)
#define RELEASE_BEATS 4 /* after so many beats the start is over */

bool worker_send(struct worker *worker, struct message *message)
{
    const struct transport_ops *ops = worker->transport->ops;
    void *handle;
    uint8_t *data;
    message->topology = worker->topology;
    message->worker = worker->index;
    message->incarnation = worker->incarnation;
    message->epoch = worker->leader.epoch;
    message->attempt = worker->attempt;
    if (!worker->control) {
        return false;
    }
    buf_clear(&worker->out);
    enum gale_err err = message_encode(message, &worker->out);
    if (err != GALE_OK) {
        gale_log(GALE_LOG_ERROR,
                 "a message of type %d to the coordinator cannot be encoded: %s",
                 (int)message->type, gale_err_name(err));
        return false;
    }
    if (ops->prepare(worker->transport, worker->out.size, &handle, &data) != GALE_OK) {
        return false;
    }
    memcpy(data, worker->out.data, worker->out.size);
    err = ops->send(worker->transport, worker->control, handle);
    if (err == GALE_ERR_AGAIN) {
        ops->drop(worker->transport,
                  handle); /* No coordinator reads: the next beat will say it. */
    }
    return err == GALE_OK;
}

static void send_event(struct worker *worker, enum message_event event, uint32_t other,
                       uint32_t task, const char *text)
{
    struct message message = {.type = MESSAGE_EVENT};
    message.as.event.event = event;
    message.as.event.other = other;
    message.as.event.task = task;
    message.as.event.text = text;
    worker_send(worker, &message);
}

enum gale_err worker_start_pulse(struct worker *worker, struct gale_error *error)
{
    struct message message = {.type = MESSAGE_PULSE,
                              .topology = worker->topology,
                              .worker = worker->index,
                              .incarnation = worker->incarnation,
                              .epoch = worker->epoch,
                              .attempt = worker->attempt};
    buf_clear(&worker->out);
    enum gale_err err = message_encode(&message, &worker->out);
    if (err != GALE_OK) {
        return gale_error_set(error, err, "the pulse cannot be encoded");
    }
    return transport_zmq_pulse(worker->transport, worker->pulse_endpoint, PULSE_MS,
                               worker->out.data, worker->out.size, error);
}

/* Messages may be lost, and nobody but this worker knows that the run cannot go on. */
static void keep_fatal(struct worker *worker, const char *text)
{
    if (worker->fatal_text[0] == '\0') {
        str_copy(worker->fatal_text, sizeof(worker->fatal_text), text);
    }
}

void worker_on_event(void *self, enum message_event event, uint32_t other, uint32_t task,
                     const char *text)
{
    struct worker *worker = self;
    if (event != EVENT_COMPONENT_ERROR) {
        gale_log(GALE_LOG_WARN, "%s", text);
    }
    if (event == EVENT_FATAL) {
        keep_fatal(worker, text);
    }
    send_event(worker, event, other, task, text);
}

bool worker_on_sample(void *self, struct message_sample *sample)
{
    struct worker *worker = self;
    struct message message = {.type = MESSAGE_SAMPLE};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    sample->time_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    message.as.sample = *sample;
    return worker_send(worker, &message);
}

void worker_fatal(struct worker *worker, const char *text)
{
    gale_log(GALE_LOG_ERROR, "%s", text);
    send_event(worker, EVENT_FATAL, 0, 0, text);
    keep_fatal(worker, text);
    worker->fatal = true;
    worker->state = COMMAND_STOP;
    worker->stopping = true;
}

bool worker_waits(const struct worker *worker)
{
    return (!worker->exec && !worker->fatal) || !worker->greeted;
}

void worker_hello(struct worker *worker, int64_t now_ns)
{
    struct message message = {.type = MESSAGE_HELLO};
    if (!worker_waits(worker) || now_ns < worker->hello_at_ns) {
        return;
    }
    worker_leader_look(worker, now_ns);
    message.as.hello.worker = worker->index;
    message.as.hello.incarnation = worker->incarnation;
    message.as.hello.pid = getpid();
    message.as.hello.data_endpoint = worker->endpoint;
    message.as.hello.running = worker->exec != NULL || worker->fatal;
    worker_send(worker, &message);
    worker->hello_at_ns = now_ns + worker->hello_ns;
    worker->hello_ns =
        worker->hello_ns < HELLO_MAX_NS / 2 ? 2 * worker->hello_ns : HELLO_MAX_NS;
}

/* The last positions go with each last beat: on the wire any one may be lost. */
static void send_last_offsets(struct worker *worker)
{
    struct message message = {.type = MESSAGE_OFFSETS};
    message.as.offsets = worker->last_offsets;
    message.as.offsets.final = true;
    worker_send(worker, &message);
}

/* One without spouts never knows by itself that all have ended: it is told by the drain. */
bool worker_end_is_near(const struct worker *worker)
{
    return worker->has_spouts || worker->state == COMMAND_DRAIN ||
           worker->state == COMMAND_FINISH;
}

void worker_send_offsets(struct worker *worker, int64_t now_ns)
{
    struct message message = {.type = MESSAGE_OFFSETS};
    exec_offsets(worker->exec, worker->offsets_all, &message.as.offsets);
    worker->offsets_at_ns = now_ns + worker->offsets_ns;
    if (message.as.offsets.items_count > 0 && worker_send(worker, &message)) {
        exec_offsets_sent(worker->exec, &message.as.offsets);
        worker->offsets_all = false;
    }
}

/* Whether every spout of a drain has ended: their positions, which move no more, go before the beat
 * that says so. Then a run that is drained has saved them, even if this process is killed next. */
static bool is_drained(const struct worker *worker, const struct message_beat *beat)
{
    return worker->prepared && !worker->stopping && beat->spouts_done &&
           (worker->state == COMMAND_DRAIN || worker->state == COMMAND_FINISH);
}

void worker_send_beat(struct worker *worker, int64_t now_ns)
{
    struct message message = {.type = MESSAGE_BEAT};
    struct message_beat *beat = &message.as.beat;
    bool whole = true;
    worker_leader_look(worker, now_ns);
    if (worker->exec && !worker->fatal) {
        whole = exec_beat(worker->exec, beat);
    }
    beat->state = worker->state;
    beat->finish_level = worker->finish_level;
    beat->stats_round = worker->stats_round;
    beat->round = worker->round;
    struct process_cpu cpu = process_stat_cpu();
    beat->cpu_user_ns = cpu.user_ns;
    beat->cpu_system_ns = cpu.system_ns;
    process_stat_memory_kb(&beat->rss_kb, &beat->rss_peak_kb);
    worker->beat_fast = worker->stopping || (beat->spouts_done && worker_end_is_near(worker));
    if (++worker->beats_count == RELEASE_BEATS) {
        process_release_text();
    }
    worker->beat_at_ns = now_ns + (worker->beat_fast ? BEAT_FAST_NS : worker->beat_ns);
    worker->all_told = worker->all_told || (worker->stopping && whole);
    if (worker->fatal_text[0] != '\0' && !worker->told_stop) {
        send_event(worker, EVENT_FATAL, 0, 0, worker->fatal_text);
    }
    if (worker->all_told) { /* Once these have come the process is ended. */
        send_last_offsets(worker);
    } else if (is_drained(worker, beat)) {
        worker_send_offsets(worker, now_ns);
    }
    worker_send(worker, &message);
    transport_zmq_pulse_for(worker->transport, PULSE_PERIODS);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spout `ysb_events`: makes the benchmark's events (events.h), as JSON texts or as values. Task i
 * of p emits the events i, i + p, i + 2p …; its message ids count them 0, 1, 2 …, so that a failed
 * event is made again from its id and a run resumes by the number.
 *
 * With a rate it works in open loop: event n is due at start + n · step of real time, is emitted
 * with that intended time however late it is, and a restarted worker makes up for what it missed.
 * Without one it is as fast as it can, and event time advances by the step all the same.
 *
 * When it closes it appends to the result file what it emitted (record.h). One task, one thread.
 */
#include "module.h"
#include "ysb/model/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Events of one call of next: enough to spread its cost, few for the pending limit. */
#define EVENTS_BURST 32
#define EVENTS_RATE_MAX 1e8
#define EVENTS_STEP_US_MAX 3600000000
/* Failed ids that wait at once: far above any pending limit. */
#define EVENTS_FAILED_MAX ((size_t)1 << 22)
#define EVENTS_POSITION_SIZE 20
#define EVENTS_POSITION_MAGIC "YSB1"

struct events {
    struct ysb_ids ids;
    struct ysb_stream stream;
    bool binary;
    bool paced;           /* By the rate. */
    bool real_time;       /* Event time is the time at which the event is due. */
    uint64_t index;       /* Of the task. */
    uint64_t tasks;       /* Of the spout. */
    uint64_t at;          /* Next of its own events. */
    uint64_t end;         /* One past its last; UINT64_MAX: endless. */
    uint64_t restored_at; /* Where the earlier run left off. */
    int64_t origin_ns;    /* When event 0 was due, on the engine's clock. */
    uint64_t *failed;     /* Stack of ids to emit again: their order does not matter. */
    size_t failed_count;
    size_t failed_room;
    const char *result; /* Path, or "": no result file. */
    bool restored;
    char text[YSB_TEXT_SIZE_MAX];
};

static const struct gale_option options[] = {
    {"format", GALE_OPTION_STRING, false, "json",
     "`json`: one field event, a text as in the original; `binary`: the seven fields as "
     "values."},
    {"rate", GALE_OPTION_DOUBLE, false, "0",
     "Events per second of all tasks together, 0 to 100000000; 0: as fast as it can."},
    {"count", GALE_OPTION_INT, false, "0",
     "Events of all tasks together, then the input has ended; 0: endless."},
    {"seed", GALE_OPTION_INT, false, "1", "Equal seeds make equal events and ids."},
    {"skew", GALE_OPTION_BOOL, false, "false",
     "Jitter event time by 50 ms either way; one event in 100,000 is up to 60 s late."},
    {"step_us", GALE_OPTION_INT, false, "10",
     "Event time from one event to the next in microseconds, where no rate says it."},
    {"start_ms", GALE_OPTION_INT, false, "0",
     "Event time of event 0, milliseconds since 1970; 0: a fixed one, with a rate the start."},
    {"result", GALE_OPTION_STRING, false, "",
     "Path of the result file, to which each task appends what it emitted."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err events_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    const char *format = gale_conf_string(conf, "format", "json");
    double rate = gale_conf_double(conf, "rate", 0);
    int64_t step_us = gale_conf_int64(conf, "step_us", 10);
    bool binary = strcmp(format, "binary") == 0;
    enum gale_err err = GALE_OK;
    if (!binary && strcmp(format, "json") != 0) {
        gale_declare_error(declare, "format", "format must be json or binary");
        err = GALE_ERR_INVALID;
    }
    if (!(rate >= 0 && rate <= EVENTS_RATE_MAX)) {
        gale_declare_error(declare, "rate",
                           "rate must be 0 (no limit) to 100000000 per second");
        err = GALE_ERR_INVALID;
    }
    if (step_us < 0 || step_us > EVENTS_STEP_US_MAX) {
        gale_declare_error(declare, "step_us", "step_us must be 0 to 3600000000");
        err = GALE_ERR_INVALID;
    }
    if (gale_conf_int64(conf, "count", 0) < 0) {
        gale_declare_error(declare, "count", "count must be 0 (endless) or more");
        err = GALE_ERR_INVALID;
    }
    if (err != GALE_OK) {
        return err;
    }
    return gale_declare_stream(declare, "default", binary ? YSB_EVENT_FIELDS : "event", false);
}

static int64_t real_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static enum gale_err events_open(void *state, struct gale_task *task,
                                 const struct gale_conf *conf)
{
    struct events *events = state;
    uint64_t count = (uint64_t)gale_conf_int64(conf, "count", 0);
    double rate = gale_conf_double(conf, "rate", 0);
    int64_t start_ms = gale_conf_int64(conf, "start_ms", 0);
    events->binary = strcmp(gale_conf_string(conf, "format", "json"), "binary") == 0;
    events->result = gale_conf_string(conf, "result", "");
    events->index = gale_task_index(task);
    events->tasks = gale_task_parallelism(task);
    events->end = count > 0 ? ysb_share(count, events->index, events->tasks) : UINT64_MAX;
    events->paced = rate > 0;
    events->real_time = events->paced && start_ms == 0;
    events->stream.seed = (uint64_t)gale_conf_int64(conf, "seed", 1);
    events->stream.skew = gale_conf_bool(conf, "skew", false);
    events->stream.step_ns = events->paced
                                 ? (uint64_t)(1e9 / rate)
                                 : (uint64_t)gale_conf_int64(conf, "step_us", 10) * 1000;
    if (!events->restored) {
        events->stream.start_ms = start_ms != 0 ? start_ms : YSB_START_MS;
        if (events->real_time) {
            events->stream.start_ms = real_ns() / 1000000;
        }
    }
    ysb_ids_init(&events->ids, events->stream.seed);
    return GALE_OK;
}

/* From real time to the engine's clock, anew at each activation: in between either may be set. */
static void events_activate(void *state, struct gale_task *task)
{
    struct events *events = state;
    int64_t now_ns = gale_task_now_ns(task);
    if (events->real_time) {
        events->origin_ns = now_ns - (real_ns() - events->stream.start_ms * 1000000);
    } else {
        uint64_t number = events->at * events->tasks;
        events->origin_ns = now_ns - (int64_t)(number * events->stream.step_ns);
    }
}

static inline uint64_t number_of(const struct events *events, uint64_t id)
{
    return id * events->tasks + events->index;
}

static void put_event(struct events *events, struct gale_out *out, uint64_t number)
{
    const struct ysb_ids *ids = &events->ids;
    struct ysb_event event = ysb_event_at(&events->stream, number);
    if (!events->binary) {
        size_t size = ysb_event_text(ids, &event, events->text);
        gale_put_string(out, events->text, size);
        return;
    }
    const struct ysb_word *ad_type = &ysb_ad_types[event.ad_type];
    const struct ysb_word *event_type = &ysb_event_types[event.event_type];
    gale_put_string(out, ids->users[event.user], YSB_ID_SIZE);
    gale_put_string(out, ids->pages[event.page], YSB_ID_SIZE);
    gale_put_string(out, ids->ads[event.ad], YSB_ID_SIZE);
    gale_put_string(out, ad_type->text, ad_type->size);
    gale_put_string(out, event_type->text, event_type->size);
    gale_put_int64(out, event.time_ms);
    gale_put_string(out, YSB_IP, sizeof(YSB_IP) - 1);
}

/* Emits one event; false when too much waits downstream, then it is to be tried again later. */
static bool emit_event(struct events *events, struct gale_task *task, uint64_t id,
                       int64_t due_ns)
{
    put_event(events, gale_begin(task), number_of(events, id));
    if (due_ns == 0) {
        return gale_emit_root(task, 0, id) != GALE_ERR_LIMIT;
    }
    struct gale_emit_options emit = {.struct_size = sizeof(emit),
                                     .flags = GALE_EMIT_ROOT,
                                     .message_id = id,
                                     .intended_ns = due_ns};
    return gale_emit_with(task, 0, &emit) != GALE_ERR_LIMIT;
}

static enum gale_next next_failed(struct events *events, struct gale_task *task)
{
    for (unsigned i = 0; i < EVENTS_BURST && events->failed_count > 0; i++) {
        uint64_t id = events->failed[--events->failed_count];
        if (!emit_event(events, task, id, 0)) {
            events->failed[events->failed_count++] = id;
            return GALE_NEXT_IDLE;
        }
    }
    return GALE_NEXT_MORE;
}

static enum gale_next events_next(void *state, struct gale_task *task)
{
    struct events *events = state;
    if (events->failed_count > 0) {
        return next_failed(events, task);
    }
    int64_t now_ns = events->paced ? gale_task_now_ns(task) : 0;
    for (unsigned i = 0; i < EVENTS_BURST; i++) {
        if (events->at >= events->end) {
            return GALE_NEXT_DONE;
        }
        int64_t due_ns = 0;
        if (events->paced) {
            uint64_t number = number_of(events, events->at);
            due_ns = events->origin_ns + (int64_t)(number * events->stream.step_ns);
            if (due_ns > now_ns) {
                gale_spout_wait(task, due_ns);
                return GALE_NEXT_IDLE;
            }
        }
        if (!emit_event(events, task, events->at, due_ns)) {
            return GALE_NEXT_IDLE;
        }
        events->at++;
    }
    return GALE_NEXT_MORE;
}

static void events_fail(void *state, struct gale_task *task, uint64_t message_id)
{
    struct events *events = state;
    if (events->failed_count == events->failed_room) {
        size_t room = events->failed_room > 0 ? 2 * events->failed_room : 1024;
        uint64_t *failed =
            room <= EVENTS_FAILED_MAX ? realloc(events->failed, room * sizeof(*failed)) : NULL;
        if (failed == NULL) {
            gale_task_error(task,
                            "event %" PRIu64 " is not emitted again: no room for failed "
                            "events; lower max_pending",
                            message_id);
            return;
        }
        events->failed = failed;
        events->failed_room = room;
    }
    events->failed[events->failed_count++] = message_id;
}

/* One write on a file opened for appending: lines of several processes do not mix. */
static void append_record(const struct events *events, struct gale_task *task)
{
    char line[RECORD_LINE_MAX];
    const struct ysb_stream *stream = &events->stream;
    int size = snprintf(line, sizeof(line),
                        RECORD_EVENTS " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64
                                      " %" PRIu64 " %d %d %" PRIu64 "\n",
                        events->index, events->tasks, stream->seed, stream->start_ms,
                        stream->step_ns, stream->skew, events->real_time, events->at);
    int fd = open(events->result, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)size) != size) {
        gale_task_error(task, "cannot append to the result file %s: %s", events->result,
                        strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void events_close(void *state, struct gale_task *task)
{
    struct events *events = state;
    if (events->result != NULL && events->result[0] != '\0') {
        append_record(events, task);
    }
    free(events->failed);
}

static void store_word(uint8_t *bytes, uint64_t word)
{
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(word >> (8 * i));
    }
}

static uint64_t load_word(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

/* Position: magic, the number of its own events, the start of event time; little-endian. */
static size_t events_save(void *state, struct gale_task *task, uint64_t low_id, void *out,
                          size_t out_size)
{
    const struct events *events = state;
    uint8_t *bytes = out;
    (void)task;
    if (out_size < EVENTS_POSITION_SIZE) {
        return 0;
    }
    memcpy(bytes, EVENTS_POSITION_MAGIC, 4);
    store_word(bytes + 4, low_id > events->restored_at ? low_id : events->restored_at);
    store_word(bytes + 12, (uint64_t)events->stream.start_ms);
    return EVENTS_POSITION_SIZE;
}

static enum gale_err events_restore(void *state, struct gale_task *task, const void *data,
                                    size_t size)
{
    struct events *events = state;
    const uint8_t *bytes = data;
    if (size != EVENTS_POSITION_SIZE || memcmp(bytes, EVENTS_POSITION_MAGIC, 4) != 0) {
        gale_task_error(task, "the saved position is not one of ysb_events; run with --fresh");
        return GALE_ERR_CORRUPT;
    }
    events->at = load_word(bytes + 4);
    events->restored_at = events->at;
    events->stream.start_ms = (int64_t)load_word(bytes + 12);
    events->restored = true;
    return GALE_OK;
}

const struct gale_spout_ops ysb_events_ops = {
    GALE_SPOUT_HEAD,
    .name = "ysb_events",
    .state_size = sizeof(struct events),
    .options = options,
    .help = "Makes the ad events of the Yahoo streaming benchmark from a seed.",
    .declare = events_declare,
    .open = events_open,
    .next = events_next,
    .fail = events_fail,
    .activate = events_activate,
    .close = events_close,
    .save = events_save,
    .restore = events_restore,
};

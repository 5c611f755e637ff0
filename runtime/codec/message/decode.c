/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to messages. The bytes are hostile: scan_message bounds counts, nesting and the number of
 * values before msgpack-c sees them, and every member is then checked for type and range. The first
 * error sticks to the reader; later reads give zeros, and nothing of a refused message gets out.
 * All memory of a decoded message lies in one msgpack zone, its arena. Any thread.
 */
#include "codec/message/wire.h"

#include "codec/scan.h"

#include <gale/log.h>
#include <msgpack.h>
#include <string.h>

#define ZONE_CHUNK_SIZE 4096u

struct reader {
    msgpack_zone *zone;
    struct gale_error *error;
    enum gale_err err;
};

static void refuse(struct reader *reader, enum gale_err err, const char *name, const char *what)
{
    if (reader->err == GALE_OK) {
        reader->err = gale_error_set(reader->error, err, "message: %s %s", name, what);
    }
}

/* Zeroed room for `count` (≥ 1) things. NULL once anything was refused. */
static void *room(struct reader *reader, size_t count, size_t size)
{
    if (reader->err != GALE_OK) {
        return NULL;
    }
    void *memory = msgpack_zone_malloc(reader->zone, count * size);
    if (memory == NULL) {
        refuse(reader, GALE_ERR_NOMEM, "its members", "do not fit into memory");
        return NULL;
    }
    memset(memory, 0, count * size);
    return memory;
}

static const msgpack_object *member(struct reader *reader, const msgpack_object *map,
                                    unsigned key, const char *name)
{
    static const msgpack_object nothing = {.type = MSGPACK_OBJECT_NIL};
    for (uint32_t i = 0; reader->err == GALE_OK && i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.type == MSGPACK_OBJECT_POSITIVE_INTEGER && pair->key.via.u64 == key) {
            return &pair->val;
        }
    }
    refuse(reader, GALE_ERR_CORRUPT, name, "is missing");
    return &nothing;
}

static uint64_t read_u64(struct reader *reader, const msgpack_object *object, uint64_t max,
                         const char *name)
{
    if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
        refuse(reader, GALE_ERR_CORRUPT, name, "is no unsigned number");
        return 0;
    }
    if (object->via.u64 > max) {
        refuse(reader, GALE_ERR_CORRUPT, name, "is out of range");
        return 0;
    }
    return object->via.u64;
}

static uint32_t read_u32(struct reader *reader, const msgpack_object *object, uint32_t max,
                         const char *name)
{
    return (uint32_t)read_u64(reader, object, max, name);
}

static int64_t read_i64(struct reader *reader, const msgpack_object *object, const char *name)
{
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        return object->via.i64;
    }
    return (int64_t)read_u64(reader, object, INT64_MAX, name);
}

static bool read_bool(struct reader *reader, const msgpack_object *object, const char *name)
{
    if (object->type != MSGPACK_OBJECT_BOOLEAN) {
        refuse(reader, GALE_ERR_CORRUPT, name, "is no bool");
        return false;
    }
    return object->via.boolean;
}

static const char *read_text(struct reader *reader, const msgpack_object *object,
                             const char *name)
{
    if (object->type != MSGPACK_OBJECT_STR || object->via.str.size > MESSAGE_TEXT_MAX ||
        (object->via.str.size > 0 &&
         memchr(object->via.str.ptr, '\0', object->via.str.size) != NULL)) {
        refuse(reader, GALE_ERR_CORRUPT, name, "is no text, or too long");
        return "";
    }
    char *text = room(reader, object->via.str.size + 1u, 1);
    if (text == NULL) {
        return "";
    }
    if (object->via.str.size > 0) {
        memcpy(text, object->via.str.ptr, object->via.str.size);
    }
    return text;
}

static struct message_bytes read_bytes(struct reader *reader, const msgpack_object *object,
                                       const char *name)
{
    struct message_bytes bytes = {NULL, 0};
    if (object->type == MSGPACK_OBJECT_NIL) {
        return bytes;
    }
    if (object->type != MSGPACK_OBJECT_BIN) {
        refuse(reader, GALE_ERR_CORRUPT, name, "is neither bytes nor nil");
        return bytes;
    }
    uint8_t *copy = room(reader, object->via.bin.size + 1u, 1);
    if (copy != NULL) {
        if (object->via.bin.size > 0) {
            memcpy(copy, object->via.bin.ptr, object->via.bin.size);
        }
        bytes.data = copy;
        bytes.size = object->via.bin.size;
    }
    return bytes;
}

static uint32_t read_list(struct reader *reader, const msgpack_object *object,
                          uint32_t count_max, const char *name)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size > count_max) {
        refuse(reader, GALE_ERR_CORRUPT, name, "is no list, or too long");
        return 0;
    }
    return object->via.array.size;
}

/* One item of a list: an array of at least `fields` elements, or NULL when refused. */
static const msgpack_object *read_item(struct reader *reader, const msgpack_object *list,
                                       uint32_t index, uint32_t fields, const char *name)
{
    const msgpack_object *item = &list->via.array.ptr[index];
    if (item->type != MSGPACK_OBJECT_ARRAY || item->via.array.size < fields) {
        refuse(reader, GALE_ERR_CORRUPT, name, "is no list of all its fields");
    }
    return reader->err == GALE_OK ? item->via.array.ptr : NULL;
}

static void read_hello(struct reader *reader, const msgpack_object *body,
                       struct message_hello *out)
{
    out->worker = read_u32(reader, member(reader, body, HELLO_WORKER, "hello.worker"),
                           MESSAGE_WORKERS_MAX - 1, "hello.worker");
    out->incarnation =
        read_u64(reader, member(reader, body, HELLO_INCARNATION, "hello.incarnation"),
                 UINT64_MAX, "hello.incarnation");
    out->pid = read_i64(reader, member(reader, body, HELLO_PID, "hello.pid"), "hello.pid");
    out->data_endpoint = read_text(
        reader, member(reader, body, HELLO_ENDPOINT, "hello.endpoint"), "hello.endpoint");
    out->running = read_bool(reader, member(reader, body, HELLO_RUNNING, "hello.running"),
                             "hello.running");
}

static void read_assign_tasks(struct reader *reader, const msgpack_object *body,
                              struct message_assign *out)
{
    const msgpack_object *workers =
        member(reader, body, ASSIGN_TASK_WORKER, "assign.task_worker");
    const msgpack_object *positions =
        member(reader, body, ASSIGN_POSITIONS, "assign.positions");
    uint32_t count = read_list(reader, workers, MESSAGE_TASKS_MAX - 1, "assign.task_worker");
    if (read_list(reader, positions, MESSAGE_TASKS_MAX - 1, "assign.positions") != count) {
        refuse(reader, GALE_ERR_CORRUPT, "assign.positions", "has another length than tasks");
    }
    uint16_t *task_worker = room(reader, count + 1u, sizeof(*task_worker));
    struct message_bytes *saved = room(reader, count + 1u, sizeof(*saved));
    if (task_worker == NULL || saved == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count && reader->err == GALE_OK; i++) {
        task_worker[i + 1] = (uint16_t)read_u32(reader, &workers->via.array.ptr[i],
                                                out->workers_count - 1, "assign.task_worker");
        saved[i + 1] = read_bytes(reader, &positions->via.array.ptr[i], "assign.positions");
    }
    out->task_worker = task_worker;
    out->positions = saved;
    out->tasks_count = count;
}

static void read_assign(struct reader *reader, const msgpack_object *body,
                        struct message_assign *out)
{
    out->run_name =
        read_text(reader, member(reader, body, ASSIGN_RUN_NAME, "assign.run"), "assign.run");
    out->tree =
        read_bytes(reader, member(reader, body, ASSIGN_TREE, "assign.tree"), "assign.tree");
    if (out->tree.data == NULL) {
        refuse(reader, GALE_ERR_CORRUPT, "assign.tree", "is empty");
    }
    out->workers_count =
        read_u32(reader, member(reader, body, ASSIGN_WORKERS_COUNT, "assign.workers"),
                 MESSAGE_WORKERS_MAX, "assign.workers");
    if (out->workers_count == 0) {
        refuse(reader, GALE_ERR_CORRUPT, "assign.workers", "is 0");
    }
    out->active = read_bool(reader, member(reader, body, ASSIGN_ACTIVE, "assign.active"),
                            "assign.active");
    out->beat_ms = read_u32(reader, member(reader, body, ASSIGN_BEAT_MS, "assign.beat_ms"),
                            UINT32_MAX, "assign.beat_ms");
    out->offsets_ms =
        read_u32(reader, member(reader, body, ASSIGN_OFFSETS_MS, "assign.offsets_ms"),
                 UINT32_MAX, "assign.offsets_ms");
    if (reader->err == GALE_OK) {
        read_assign_tasks(reader, body, out);
    }
}

static void read_peers(struct reader *reader, const msgpack_object *body, struct message *out)
{
    const msgpack_object *list = member(reader, body, PEERS_ITEMS, "peers.items");
    uint32_t count = read_list(reader, list, MESSAGE_WORKERS_MAX, "peers.items");
    struct message_peer *items = room(reader, count + 1u, sizeof(*items));
    for (uint32_t i = 0; items != NULL && i < count; i++) {
        const msgpack_object *field = read_item(reader, list, i, PEER_FIELDS, "a peer");
        if (field == NULL) {
            return;
        }
        items[i].worker = read_u32(reader, &field[0], MESSAGE_WORKERS_MAX - 1, "peer.worker");
        items[i].up = read_bool(reader, &field[1], "peer.up");
        items[i].incarnation = read_u64(reader, &field[2], UINT64_MAX, "peer.incarnation");
        items[i].data_endpoint = read_text(reader, &field[3], "peer.endpoint");
    }
    out->as.peers.items = items;
    out->as.peers.items_count = count;
}

static void read_command(struct reader *reader, const msgpack_object *body, struct message *out)
{
    uint32_t command =
        read_u32(reader, member(reader, body, COMMAND_COMMAND, "command.command"), COMMAND_EXIT,
                 "command.command");
    if (command < COMMAND_ACTIVATE) {
        refuse(reader, GALE_ERR_CORRUPT, "command.command", "is 0");
    }
    out->as.command.command = (enum message_command)command;
    out->as.command.level =
        read_u32(reader, member(reader, body, COMMAND_LEVEL, "command.level"), UINT32_MAX,
                 "command.level");
}

static void read_stats(struct reader *reader, const msgpack_object *field,
                       struct message_task_stats *out)
{
    uint64_t *const counters[] = {
        &out->executed,        &out->emitted,      &out->acked,          &out->failed,
        &out->timed_out,       &out->errors,       &out->pending,        &out->queue_bytes,
        &out->queue_bytes_max, &out->blocked_ns,   &out->total_executed, &out->total_emitted,
        &out->total_acked,     &out->total_failed,
    };
    size_t counters_count = sizeof(counters) / sizeof(counters[0]);
    out->task = read_u32(reader, &field[0], MESSAGE_TASKS_MAX - 1, "stats.task");
    for (size_t i = 0; i < counters_count; i++) {
        *counters[i] = read_u64(reader, &field[1 + i], UINT64_MAX, "a counter of a task");
    }
    out->execute_ns = read_bytes(reader, &field[1 + counters_count], "stats.execute_ns");
    out->complete_ns = read_bytes(reader, &field[2 + counters_count], "stats.complete_ns");
}

static void read_beat_tasks(struct reader *reader, const msgpack_object *body,
                            struct message_beat *out)
{
    const msgpack_object *list = member(reader, body, BEAT_TASKS, "beat.tasks");
    uint32_t count = read_list(reader, list, MESSAGE_TASKS_MAX, "beat.tasks");
    struct message_task_stats *tasks = room(reader, count + 1u, sizeof(*tasks));
    for (uint32_t i = 0; tasks != NULL && i < count; i++) {
        const msgpack_object *field = read_item(reader, list, i, STATS_FIELDS, "a task");
        if (field == NULL) {
            return;
        }
        read_stats(reader, field, &tasks[i]);
    }
    out->tasks = tasks;
    out->tasks_count = count;
}

static void read_beat(struct reader *reader, const msgpack_object *body,
                      struct message_beat *out)
{
    const struct {
        unsigned key;
        uint64_t *to;
    } counters[] = {
        {BEAT_LINKS, &out->links},
        {BEAT_STATS_ROUND, &out->stats_round},
        {BEAT_ACTIVITY, &out->activity},
        {BEAT_FRAMES_REFUSED, &out->frames_refused},
        {BEAT_DUPLICATES_DROPPED, &out->duplicates_dropped},
        {BEAT_LINKS_FAILED, &out->links_failed},
    };
    const struct {
        unsigned key;
        int64_t *to;
    } figures[] = {
        {BEAT_CPU_USER_NS, &out->cpu_user_ns},       {BEAT_CPU_SYSTEM_NS, &out->cpu_system_ns},
        {BEAT_FIRST_ACKED_NS, &out->first_acked_ns}, {BEAT_RSS_KB, &out->rss_kb},
        {BEAT_RSS_PEAK_KB, &out->rss_peak_kb},
    };
    out->state = read_u32(reader, member(reader, body, BEAT_STATE, "beat.state"), COMMAND_EXIT,
                          "beat.state");
    out->finish_level =
        read_u32(reader, member(reader, body, BEAT_FINISH_LEVEL, "beat.finish_level"),
                 UINT32_MAX, "beat.finish_level");
    out->round = read_u32(reader, member(reader, body, BEAT_ROUND, "beat.round"), UINT32_MAX,
                          "beat.round");
    out->spouts_done = read_bool(
        reader, member(reader, body, BEAT_SPOUTS_DONE, "beat.spouts_done"), "beat.spouts_done");
    out->quiet =
        read_bool(reader, member(reader, body, BEAT_QUIET, "beat.quiet"), "beat.quiet");
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        const char *name = "a counter of a beat";
        *counters[i].to =
            read_u64(reader, member(reader, body, counters[i].key, name), UINT64_MAX, name);
    }
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        const char *name = "a figure of a beat";
        *figures[i].to = read_i64(reader, member(reader, body, figures[i].key, name), name);
    }
    read_beat_tasks(reader, body, out);
}

static void read_offsets(struct reader *reader, const msgpack_object *body,
                         struct message_offsets *out)
{
    const msgpack_object *list = member(reader, body, OFFSETS_ITEMS, "offsets.items");
    uint32_t count = read_list(reader, list, MESSAGE_TASKS_MAX, "offsets.items");
    struct message_offset *items = room(reader, count + 1u, sizeof(*items));
    for (uint32_t i = 0; items != NULL && i < count; i++) {
        const msgpack_object *field = read_item(reader, list, i, OFFSET_FIELDS, "an offset");
        if (field == NULL) {
            return;
        }
        items[i].task = read_u32(reader, &field[0], MESSAGE_TASKS_MAX - 1, "offset.task");
        items[i].position = read_bytes(reader, &field[1], "offset.position");
    }
    out->items = items;
    out->items_count = count;
    out->final = read_bool(reader, member(reader, body, OFFSETS_FINAL, "offsets.final"),
                           "offsets.final");
}

static void read_event(struct reader *reader, const msgpack_object *body, struct message *out)
{
    uint32_t event = read_u32(reader, member(reader, body, EVENT_EVENT, "event.event"),
                              EVENT_REFUSED, "event.event");
    if (event < EVENT_LINK_FAILED) {
        refuse(reader, GALE_ERR_CORRUPT, "event.event", "is 0");
    }
    out->as.event.event = (enum message_event)event;
    out->as.event.other = read_u32(reader, member(reader, body, EVENT_OTHER, "event.other"),
                                   UINT32_MAX, "event.other");
    out->as.event.task = read_u32(reader, member(reader, body, EVENT_TASK, "event.task"),
                                  MESSAGE_TASKS_MAX - 1, "event.task");
    out->as.event.text =
        read_text(reader, member(reader, body, EVENT_TEXT, "event.text"), "event.text");
}

static void read_log_level(struct reader *reader, const msgpack_object *body,
                           struct message_log_level *out)
{
    out->level = read_u32(reader, member(reader, body, LEVEL_LEVEL, "level.level"),
                          GALE_LOG_ERROR, "level.level");
    out->component = read_text(reader, member(reader, body, LEVEL_COMPONENT, "level.component"),
                               "level.component");
    out->for_ms = read_u64(reader, member(reader, body, LEVEL_FOR_MS, "level.for_ms"),
                           UINT64_MAX, "level.for_ms");
}

static void read_tap(struct reader *reader, const msgpack_object *body, struct message_tap *out)
{
    out->tap =
        read_u64(reader, member(reader, body, TAP_TAP, "tap.tap"), UINT64_MAX, "tap.tap");
    out->component = read_text(reader, member(reader, body, TAP_COMPONENT, "tap.component"),
                               "tap.component");
    out->stream =
        read_text(reader, member(reader, body, TAP_STREAM, "tap.stream"), "tap.stream");
    out->rate_per_s =
        read_u32(reader, member(reader, body, TAP_RATE, "tap.rate"), UINT32_MAX, "tap.rate");
    out->filter =
        read_text(reader, member(reader, body, TAP_FILTER, "tap.filter"), "tap.filter");
    out->for_ms = read_u64(reader, member(reader, body, TAP_FOR_MS, "tap.for_ms"), UINT64_MAX,
                           "tap.for_ms");
}

static void read_sample(struct reader *reader, const msgpack_object *body,
                        struct message_sample *out)
{
    out->tap = read_u64(reader, member(reader, body, SAMPLE_TAP, "sample.tap"), UINT64_MAX,
                        "sample.tap");
    out->task = read_u32(reader, member(reader, body, SAMPLE_TASK, "sample.task"),
                         MESSAGE_TASKS_MAX - 1, "sample.task");
    out->stream = read_text(reader, member(reader, body, SAMPLE_STREAM, "sample.stream"),
                            "sample.stream");
    out->time_ms = read_i64(reader, member(reader, body, SAMPLE_TIME_MS, "sample.time_ms"),
                            "sample.time_ms");
    out->values = read_bytes(reader, member(reader, body, SAMPLE_VALUES, "sample.values"),
                             "sample.values");
    out->skipped = read_u64(reader, member(reader, body, SAMPLE_SKIPPED, "sample.skipped"),
                            UINT64_MAX, "sample.skipped");
    out->text =
        read_text(reader, member(reader, body, SAMPLE_TEXT, "sample.text"), "sample.text");
}

static void read_body(struct reader *reader, const msgpack_object *body, struct message *out)
{
    switch (out->type) {
    case MESSAGE_HELLO: read_hello(reader, body, &out->as.hello); return;
    case MESSAGE_ASSIGN: read_assign(reader, body, &out->as.assign); return;
    case MESSAGE_PEERS: read_peers(reader, body, out); return;
    case MESSAGE_COMMAND: read_command(reader, body, out); return;
    case MESSAGE_BEAT: read_beat(reader, body, &out->as.beat); return;
    case MESSAGE_OFFSETS: read_offsets(reader, body, &out->as.offsets); return;
    case MESSAGE_EVENT: read_event(reader, body, out); return;
    case MESSAGE_TOUCHED:
        out->as.touched.workers =
            read_u64(reader, member(reader, body, TOUCHED_WORKERS, "touched.workers"),
                     UINT64_MAX, "touched.workers");
        return;
    case MESSAGE_PULSE: return;
    case MESSAGE_LOG_LEVEL: read_log_level(reader, body, &out->as.log_level); return;
    case MESSAGE_TAP: read_tap(reader, body, &out->as.tap); return;
    case MESSAGE_SAMPLE: read_sample(reader, body, &out->as.sample); return;
    }
    refuse(reader, GALE_ERR_CORRUPT, "type", "is unknown");
}

static void read_message(struct reader *reader, const msgpack_object *root, struct message *out)
{
    if (root->type != MSGPACK_OBJECT_MAP) {
        refuse(reader, GALE_ERR_CORRUPT, "it", "is no map");
        return;
    }
    uint64_t version =
        read_u64(reader, member(reader, root, KEY_VERSION, "version"), UINT64_MAX, "version");
    if (version != MESSAGE_VERSION) {
        refuse(reader, GALE_ERR_CORRUPT, "version",
               "is another than this program's; run the same version of gale everywhere");
    }
    out->type = (enum message_type)read_u32(reader, member(reader, root, KEY_TYPE, "type"),
                                            MESSAGE_SAMPLE, "type");
    out->worker = read_u32(reader, member(reader, root, KEY_WORKER, "worker"),
                           MESSAGE_WORKERS_MAX - 1, "worker");
    out->incarnation = read_u64(reader, member(reader, root, KEY_INCARNATION, "incarnation"),
                                UINT64_MAX, "incarnation");
    out->epoch =
        read_u64(reader, member(reader, root, KEY_EPOCH, "epoch"), UINT64_MAX, "epoch");
    out->attempt =
        read_u32(reader, member(reader, root, KEY_ATTEMPT, "attempt"), UINT32_MAX, "attempt");
    out->topology = read_u64(reader, member(reader, root, KEY_TOPOLOGY, "topology"), UINT64_MAX,
                             "topology");
    const msgpack_object *body = member(reader, root, KEY_BODY, "body");
    if (body->type != MSGPACK_OBJECT_MAP) {
        refuse(reader, GALE_ERR_CORRUPT, "body", "is no map");
    }
    if (reader->err == GALE_OK) {
        read_body(reader, body, out);
    }
}

enum gale_err message_decode(const uint8_t *data, size_t size, struct message *out,
                             struct gale_error *error)
{
    memset(out, 0, sizeof(*out));
    if (size > MESSAGE_SIZE_MAX || scan_message(data, size) != GALE_OK) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "message: %zu bytes are no msgpack value within the limits",
                              size);
    }
    msgpack_unpacked objects;
    msgpack_unpacked_init(&objects);
    struct reader reader = {.zone = msgpack_zone_new(ZONE_CHUNK_SIZE), .error = error};
    struct message message = {.arena = reader.zone};
    size_t used = 0;
    if (reader.zone == NULL ||
        msgpack_unpack_next(&objects, (const char *)data, size, &used) !=
            MSGPACK_UNPACK_SUCCESS ||
        used != size) {
        refuse(&reader, reader.zone == NULL ? GALE_ERR_NOMEM : GALE_ERR_CORRUPT, "it",
               "cannot be unpacked");
    } else {
        read_message(&reader, &objects.data, &message);
    }
    msgpack_unpacked_destroy(&objects);
    if (reader.err != GALE_OK) {
        message_fini(&message);
        return reader.err;
    }
    *out = message;
    return GALE_OK;
}

void message_fini(struct message *message)
{
    if (message->arena != NULL) {
        msgpack_zone_free(message->arena);
    }
    memset(message, 0, sizeof(*message));
}

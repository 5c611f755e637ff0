/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to bytes, through msgpack-c's packer; the form is described in wire.h. The first error
 * sticks to the sink and the rest of the message goes nowhere, so that the packing functions read
 * as the list of what they write. What this accepts, decode.c accepts. Any thread.
 */
#include "codec/message/wire.h"

#include <gale/log.h>
#include <msgpack.h>
#include <string.h>

struct sink {
    struct buf *out;
    size_t start; /* size of out before this message */
    enum gale_err err;
};

static int sink_write(void *data, const char *bytes, size_t size)
{
    struct sink *sink = data;
    if (sink->err == GALE_OK && size > MESSAGE_SIZE_MAX - (sink->out->size - sink->start)) {
        sink->err = GALE_ERR_LIMIT;
    }
    if (sink->err == GALE_OK) {
        sink->err = buf_append(sink->out, bytes, size);
    }
    return sink->err == GALE_OK ? 0 : -1;
}

static void refuse(msgpack_packer *packer, enum gale_err err)
{
    struct sink *sink = packer->data;
    if (sink->err == GALE_OK) {
        sink->err = err;
    }
}

static void pack_u64(msgpack_packer *packer, uint64_t value)
{
    (void)msgpack_pack_uint64(packer, value);
}

static void pack_bool(msgpack_packer *packer, bool value)
{
    (void)(value ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
}

/* A number that must stay below `bound` on the other side. */
static void pack_below(msgpack_packer *packer, uint64_t value, uint64_t bound)
{
    if (value >= bound) {
        refuse(packer, GALE_ERR_LIMIT);
    }
    pack_u64(packer, value);
}

static void pack_list(msgpack_packer *packer, size_t count, size_t count_max)
{
    if (count > count_max) {
        refuse(packer, GALE_ERR_LIMIT);
    }
    (void)msgpack_pack_array(packer, count);
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    if (text == NULL) {
        text = "";
    }
    size_t size = strnlen(text, MESSAGE_TEXT_MAX + 1);
    if (size > MESSAGE_TEXT_MAX) {
        refuse(packer, GALE_ERR_LIMIT);
    }
    (void)msgpack_pack_str_with_body(packer, text, size);
}

static void pack_bytes(msgpack_packer *packer, const struct message_bytes *bytes)
{
    if (bytes == NULL || bytes->data == NULL) {
        (void)msgpack_pack_nil(packer);
        return;
    }
    if (bytes->size > MESSAGE_SIZE_MAX) {
        refuse(packer, GALE_ERR_LIMIT);
        return;
    }
    (void)msgpack_pack_bin_with_body(packer, bytes->data, bytes->size);
}

static void pack_hello(msgpack_packer *packer, const struct message_hello *hello)
{
    (void)msgpack_pack_map(packer, HELLO_KEYS);
    pack_u64(packer, HELLO_WORKER);
    pack_below(packer, hello->worker, MESSAGE_WORKERS_MAX);
    pack_u64(packer, HELLO_INCARNATION);
    pack_u64(packer, hello->incarnation);
    pack_u64(packer, HELLO_PID);
    (void)msgpack_pack_int64(packer, hello->pid);
    pack_u64(packer, HELLO_ENDPOINT);
    pack_text(packer, hello->data_endpoint);
    pack_u64(packer, HELLO_RUNNING);
    pack_bool(packer, hello->running);
}

static void pack_assign_tasks(msgpack_packer *packer, const struct message_assign *assign)
{
    size_t count = assign->tasks_count;
    pack_u64(packer, ASSIGN_TASK_WORKER);
    pack_list(packer, count, MESSAGE_TASKS_MAX - 1);
    for (size_t task = 1; task <= count && task < MESSAGE_TASKS_MAX; task++) {
        pack_below(packer, assign->task_worker[task], assign->workers_count);
    }
    pack_u64(packer, ASSIGN_POSITIONS);
    pack_list(packer, count, MESSAGE_TASKS_MAX - 1);
    for (size_t task = 1; task <= count && task < MESSAGE_TASKS_MAX; task++) {
        pack_bytes(packer, assign->positions != NULL ? &assign->positions[task] : NULL);
    }
}

static void pack_assign(msgpack_packer *packer, const struct message_assign *assign)
{
    if (assign->tree.data == NULL) {
        refuse(packer, GALE_ERR_INVALID);
    }
    (void)msgpack_pack_map(packer, ASSIGN_KEYS);
    pack_u64(packer, ASSIGN_RUN_NAME);
    pack_text(packer, assign->run_name);
    pack_u64(packer, ASSIGN_TREE);
    pack_bytes(packer, &assign->tree);
    pack_u64(packer, ASSIGN_WORKERS_COUNT);
    pack_below(packer, assign->workers_count, MESSAGE_WORKERS_MAX + 1);
    pack_u64(packer, ASSIGN_ACTIVE);
    pack_bool(packer, assign->active);
    pack_u64(packer, ASSIGN_BEAT_MS);
    pack_u64(packer, assign->beat_ms);
    pack_u64(packer, ASSIGN_OFFSETS_MS);
    pack_u64(packer, assign->offsets_ms);
    pack_assign_tasks(packer, assign);
}

static void pack_peers(msgpack_packer *packer, const struct message_peer *items, size_t count)
{
    (void)msgpack_pack_map(packer, PEERS_KEYS);
    pack_u64(packer, PEERS_ITEMS);
    pack_list(packer, count, MESSAGE_WORKERS_MAX);
    for (size_t i = 0; i < count && i < MESSAGE_WORKERS_MAX; i++) {
        (void)msgpack_pack_array(packer, PEER_FIELDS);
        pack_below(packer, items[i].worker, MESSAGE_WORKERS_MAX);
        pack_bool(packer, items[i].up);
        pack_u64(packer, items[i].incarnation);
        pack_text(packer, items[i].data_endpoint);
    }
}

static void pack_stats(msgpack_packer *packer, const struct message_task_stats *stats)
{
    (void)msgpack_pack_array(packer, STATS_FIELDS);
    pack_below(packer, stats->task, MESSAGE_TASKS_MAX);
    pack_u64(packer, stats->executed);
    pack_u64(packer, stats->emitted);
    pack_u64(packer, stats->acked);
    pack_u64(packer, stats->failed);
    pack_u64(packer, stats->timed_out);
    pack_u64(packer, stats->errors);
    pack_u64(packer, stats->pending);
    pack_u64(packer, stats->queue_bytes);
    pack_u64(packer, stats->queue_bytes_max);
    pack_u64(packer, stats->blocked_ns);
    pack_u64(packer, stats->total_executed);
    pack_u64(packer, stats->total_emitted);
    pack_u64(packer, stats->total_acked);
    pack_u64(packer, stats->total_failed);
    pack_bytes(packer, &stats->execute_ns);
    pack_bytes(packer, &stats->complete_ns);
}

static void pack_pair(msgpack_packer *packer, unsigned key, uint64_t value)
{
    pack_u64(packer, key);
    pack_u64(packer, value);
}

static void pack_signed(msgpack_packer *packer, unsigned key, int64_t value)
{
    pack_u64(packer, key);
    (void)msgpack_pack_int64(packer, value);
}

static void pack_beat(msgpack_packer *packer, const struct message_beat *beat)
{
    (void)msgpack_pack_map(packer, BEAT_KEYS);
    pack_u64(packer, BEAT_STATE);
    pack_below(packer, beat->state, COMMAND_EXIT + 1);
    pack_pair(packer, BEAT_FINISH_LEVEL, beat->finish_level);
    pack_u64(packer, BEAT_SPOUTS_DONE);
    pack_bool(packer, beat->spouts_done);
    pack_u64(packer, BEAT_QUIET);
    pack_bool(packer, beat->quiet);
    pack_pair(packer, BEAT_ROUND, beat->round);
    pack_pair(packer, BEAT_LINKS, beat->links);
    pack_pair(packer, BEAT_STATS_ROUND, beat->stats_round);
    pack_pair(packer, BEAT_ACTIVITY, beat->activity);
    pack_pair(packer, BEAT_FRAMES_REFUSED, beat->frames_refused);
    pack_pair(packer, BEAT_DUPLICATES_DROPPED, beat->duplicates_dropped);
    pack_pair(packer, BEAT_LINKS_FAILED, beat->links_failed);
    pack_signed(packer, BEAT_CPU_USER_NS, beat->cpu_user_ns);
    pack_signed(packer, BEAT_CPU_SYSTEM_NS, beat->cpu_system_ns);
    pack_signed(packer, BEAT_FIRST_ACKED_NS, beat->first_acked_ns);
    pack_signed(packer, BEAT_RSS_KB, beat->rss_kb);
    pack_signed(packer, BEAT_RSS_PEAK_KB, beat->rss_peak_kb);
    pack_u64(packer, BEAT_TASKS);
    pack_list(packer, beat->tasks_count, MESSAGE_TASKS_MAX);
    for (size_t i = 0; i < beat->tasks_count && i < MESSAGE_TASKS_MAX; i++) {
        pack_stats(packer, &beat->tasks[i]);
    }
}

static void pack_offsets(msgpack_packer *packer, const struct message_offsets *offsets)
{
    (void)msgpack_pack_map(packer, OFFSETS_KEYS);
    pack_u64(packer, OFFSETS_ITEMS);
    pack_list(packer, offsets->items_count, MESSAGE_TASKS_MAX);
    for (size_t i = 0; i < offsets->items_count && i < MESSAGE_TASKS_MAX; i++) {
        (void)msgpack_pack_array(packer, OFFSET_FIELDS);
        pack_below(packer, offsets->items[i].task, MESSAGE_TASKS_MAX);
        pack_bytes(packer, &offsets->items[i].position);
    }
    pack_u64(packer, OFFSETS_FINAL);
    pack_bool(packer, offsets->final);
}

static void pack_command(msgpack_packer *packer, const struct message *message)
{
    if (message->as.command.command < COMMAND_ACTIVATE ||
        message->as.command.command > COMMAND_EXIT) {
        refuse(packer, GALE_ERR_INVALID);
    }
    (void)msgpack_pack_map(packer, COMMAND_KEYS);
    pack_pair(packer, COMMAND_COMMAND, (uint64_t)message->as.command.command);
    pack_pair(packer, COMMAND_LEVEL, message->as.command.level);
}

/* The text of an event is for people: one that is too long is cut instead of losing the event. */
static void pack_event(msgpack_packer *packer, const struct message *message)
{
    const char *text = message->as.event.text != NULL ? message->as.event.text : "";
    if (message->as.event.event < EVENT_LINK_FAILED ||
        message->as.event.event > EVENT_REFUSED) {
        refuse(packer, GALE_ERR_INVALID);
    }
    (void)msgpack_pack_map(packer, EVENT_KEYS);
    pack_pair(packer, EVENT_EVENT, (uint64_t)message->as.event.event);
    pack_pair(packer, EVENT_OTHER, message->as.event.other);
    pack_u64(packer, EVENT_TASK);
    pack_below(packer, message->as.event.task, MESSAGE_TASKS_MAX);
    pack_u64(packer, EVENT_TEXT);
    (void)msgpack_pack_str_with_body(packer, text, strnlen(text, MESSAGE_TEXT_MAX));
}

static void pack_log_level(msgpack_packer *packer, const struct message_log_level *level)
{
    (void)msgpack_pack_map(packer, LEVEL_KEYS);
    pack_u64(packer, LEVEL_LEVEL);
    pack_below(packer, level->level, GALE_LOG_ERROR + 1);
    pack_u64(packer, LEVEL_COMPONENT);
    pack_text(packer, level->component);
    pack_pair(packer, LEVEL_FOR_MS, level->for_ms);
}

static void pack_tap(msgpack_packer *packer, const struct message_tap *tap)
{
    (void)msgpack_pack_map(packer, TAP_KEYS);
    pack_pair(packer, TAP_TAP, tap->tap);
    pack_u64(packer, TAP_COMPONENT);
    pack_text(packer, tap->component);
    pack_u64(packer, TAP_STREAM);
    pack_text(packer, tap->stream);
    pack_pair(packer, TAP_RATE, tap->rate_per_s);
    pack_u64(packer, TAP_FILTER);
    pack_text(packer, tap->filter);
    pack_pair(packer, TAP_FOR_MS, tap->for_ms);
}

static void pack_sample(msgpack_packer *packer, const struct message_sample *sample)
{
    (void)msgpack_pack_map(packer, SAMPLE_KEYS);
    pack_pair(packer, SAMPLE_TAP, sample->tap);
    pack_u64(packer, SAMPLE_TASK);
    pack_below(packer, sample->task, MESSAGE_TASKS_MAX);
    pack_u64(packer, SAMPLE_STREAM);
    pack_text(packer, sample->stream);
    pack_signed(packer, SAMPLE_TIME_MS, sample->time_ms);
    pack_u64(packer, SAMPLE_VALUES);
    pack_bytes(packer, &sample->values);
    pack_pair(packer, SAMPLE_SKIPPED, sample->skipped);
    pack_u64(packer, SAMPLE_TEXT);
    pack_text(packer, sample->text);
}

static void pack_body(msgpack_packer *packer, const struct message *message)
{
    switch (message->type) {
    case MESSAGE_HELLO: pack_hello(packer, &message->as.hello); return;
    case MESSAGE_ASSIGN: pack_assign(packer, &message->as.assign); return;
    case MESSAGE_PEERS:
        pack_peers(packer, message->as.peers.items, message->as.peers.items_count);
        return;
    case MESSAGE_COMMAND: pack_command(packer, message); return;
    case MESSAGE_BEAT: pack_beat(packer, &message->as.beat); return;
    case MESSAGE_OFFSETS: pack_offsets(packer, &message->as.offsets); return;
    case MESSAGE_EVENT: pack_event(packer, message); return;
    case MESSAGE_TOUCHED:
        (void)msgpack_pack_map(packer, TOUCHED_KEYS);
        pack_pair(packer, TOUCHED_WORKERS, message->as.touched.workers);
        return;
    case MESSAGE_PULSE: (void)msgpack_pack_map(packer, 0); return;
    case MESSAGE_LOG_LEVEL: pack_log_level(packer, &message->as.log_level); return;
    case MESSAGE_TAP: pack_tap(packer, &message->as.tap); return;
    case MESSAGE_SAMPLE: pack_sample(packer, &message->as.sample); return;
    }
    refuse(packer, GALE_ERR_INVALID);
}

enum gale_err message_encode(const struct message *message, struct buf *out)
{
    struct sink sink = {.out = out, .start = out->size};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &sink, sink_write);
    (void)msgpack_pack_map(&packer, KEYS_COUNT);
    pack_pair(&packer, KEY_VERSION, MESSAGE_VERSION);
    pack_pair(&packer, KEY_TYPE, (uint64_t)message->type);
    pack_u64(&packer, KEY_WORKER);
    pack_below(&packer, message->worker, MESSAGE_WORKERS_MAX);
    pack_pair(&packer, KEY_INCARNATION, message->incarnation);
    pack_pair(&packer, KEY_EPOCH, message->epoch);
    pack_pair(&packer, KEY_ATTEMPT, message->attempt);
    pack_pair(&packer, KEY_TOPOLOGY, message->topology);
    pack_u64(&packer, KEY_BODY);
    pack_body(&packer, message);
    if (sink.err != GALE_OK) {
        out->size = sink.start;
    }
    return sink.err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: each type survives its bytes; cut, changed and foreign bytes are refused whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/frame.h"
#include "codec/message.h"
#include "unit/runtime/value_oracle.h"

#include <gale/version.h>

#define BYTES(text) \
    { \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

static struct message make(enum message_type type)
{
    struct message message = {
        .type = type,
        .worker = 3,
        .incarnation = UINT64_MAX - 1,
        .epoch = 7,
        .attempt = UINT32_MAX,
        .topology = UINT64_MAX - 2,
    };
    return message;
}

static const uint16_t task_worker[] = {0, 0, 1, 2, 1};
static const struct message_bytes positions[] = {
    {NULL, 0}, BYTES("\x01\x02"), {NULL, 0}, BYTES(""), BYTES("p")};
static const struct message_peer peers[] = {{0, true, 9, "ipc:///run/a"}, {1, false, 0, ""}};
static const struct message_task_stats stats[] = {
    {1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, BYTES("hist"), {NULL, 0}},
    {16383,
     UINT64_MAX,
     0,
     0,
     0,
     0,
     0,
     0,
     0,
     0,
     0,
     0,
     0,
     0,
     UINT64_MAX,
     {NULL, 0},
     BYTES("other")},
};
static const struct message_offset offsets[] = {{1, BYTES("at 5")}, {2, {NULL, 0}}};

static void observe(struct message *message)
{
    if (message->type == MESSAGE_LOG_LEVEL) {
        message->as.log_level = (struct message_log_level){3, "split", UINT64_MAX};
    } else if (message->type == MESSAGE_TAP) {
        message->as.tap = (struct message_tap){.tap = 5,
                                               .component = "split",
                                               .stream = "default",
                                               .rate_per_s = UINT32_MAX,
                                               .filter = "word == \"a\"",
                                               .for_ms = 60000};
    } else {
        message->as.sample = (struct message_sample){.tap = UINT64_MAX,
                                                     .task = 16383,
                                                     .stream = "default",
                                                     .time_ms = -1,
                                                     .values = BYTES("\x91\x01"),
                                                     .skipped = 77,
                                                     .text = ""};
    }
}

static struct message example(enum message_type type)
{
    struct message message = make(type);
    switch (type) {
    case MESSAGE_HELLO:
        message.as.hello = (struct message_hello){3, UINT64_MAX, -1, "tcp://127.0.0.1:5", true};
        break;
    case MESSAGE_ASSIGN:
        message.as.assign = (struct message_assign){.run_name = "wordcount",
                                                    .tree = BYTES("\x81\x01\x02"),
                                                    .task_worker = task_worker,
                                                    .tasks_count = 4,
                                                    .workers_count = 3,
                                                    .active = true,
                                                    .beat_ms = 200,
                                                    .offsets_ms = 1000,
                                                    .positions = positions};
        break;
    case MESSAGE_PEERS:
        message.as.peers.items = peers;
        message.as.peers.items_count = 2;
        break;
    case MESSAGE_COMMAND:
        message.as.command.command = COMMAND_FINISH;
        message.as.command.level = 2;
        break;
    case MESSAGE_BEAT:
        message.as.beat = (struct message_beat){.state = COMMAND_DRAIN,
                                                .finish_level = 1,
                                                .spouts_done = true,
                                                .quiet = true,
                                                .round = 1,
                                                .links = 2,
                                                .stats_round = 3,
                                                .activity = 4,
                                                .frames_refused = 5,
                                                .duplicates_dropped = 6,
                                                .links_failed = 7,
                                                .cpu_user_ns = INT64_MAX,
                                                .cpu_system_ns = 8,
                                                .first_acked_ns = INT64_MIN,
                                                .rss_kb = 9,
                                                .rss_peak_kb = 10,
                                                .tasks = stats,
                                                .tasks_count = 2};
        break;
    case MESSAGE_OFFSETS:
        message.as.offsets = (struct message_offsets){offsets, 2, true};
        break;
    case MESSAGE_EVENT:
        message.as.event.event = EVENT_COMPONENT_ERROR;
        message.as.event.other = UINT32_MAX;
        message.as.event.task = 12;
        message.as.event.text = "split: no such field “word”";
        break;
    case MESSAGE_TOUCHED: message.as.touched.workers = UINT64_C(1) << 63; break;
    case MESSAGE_PULSE: break;
    case MESSAGE_LOG_LEVEL:
    case MESSAGE_TAP:
    case MESSAGE_SAMPLE: observe(&message); break;
    }
    return message;
}

static struct buf encode(const struct message *message)
{
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(message_encode(message, &bytes), GALE_OK);
    return bytes;
}

/* Decodes from a copy that is gone afterwards: nothing may point into it. */
static enum gale_err decode(const uint8_t *data, size_t size, struct message *out)
{
    struct gale_error error = {.code = GALE_OK};
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, data, size);
    enum gale_err err = message_decode(copy, size, out, &error);
    memset(copy, 0xc1, size);
    free(copy);
    assert_int_equal(error.code, err);
    assert_true(err == GALE_OK || (error.text[0] != '\0' && out->arena == NULL));
    return err;
}

static void assert_bytes(struct message_bytes a, struct message_bytes b)
{
    assert_int_equal(a.size, b.size);
    assert_int_equal(a.data == NULL, b.data == NULL);
    if (a.size > 0) {
        assert_memory_equal(a.data, b.data, a.size);
    }
}

static struct message round_trip(const struct message *message)
{
    struct buf bytes = encode(message);
    struct message back;
    assert_false(frame_is_frame(bytes.data, bytes.size));
    assert_int_equal(decode(bytes.data, bytes.size, &back), GALE_OK);
    assert_int_equal(back.type, message->type);
    assert_int_equal(back.worker, 3);
    assert_true(back.incarnation == UINT64_MAX - 1 && back.epoch == 7);
    assert_true(back.topology == UINT64_MAX - 2);
    assert_int_equal(back.attempt, UINT32_MAX);
    buf_fini(&bytes);
    return back;
}

static void message_hello_survives(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_HELLO);
    struct message back = round_trip(&message);
    assert_int_equal(back.as.hello.worker, 3);
    assert_true(back.as.hello.incarnation == UINT64_MAX && back.as.hello.pid == -1);
    assert_string_equal(back.as.hello.data_endpoint, "tcp://127.0.0.1:5");
    assert_true(back.as.hello.running);
    message_fini(&back);
}

static void message_assign_survives(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_ASSIGN);
    struct message back = round_trip(&message);
    const struct message_assign *assign = &back.as.assign;
    assert_string_equal(assign->run_name, "wordcount");
    assert_bytes(assign->tree, message.as.assign.tree);
    assert_int_equal(assign->tasks_count, 4);
    assert_int_equal(assign->workers_count, 3);
    assert_memory_equal(assign->task_worker, task_worker, sizeof(task_worker));
    for (int task = 0; task <= 4; task++) {
        assert_bytes(assign->positions[task], positions[task]);
    }
    assert_true(assign->active && assign->beat_ms == 200 && assign->offsets_ms == 1000);
    message_fini(&back);
}

static void message_peers_survive(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_PEERS);
    struct message back = round_trip(&message);
    assert_int_equal(back.as.peers.items_count, 2);
    for (int i = 0; i < 2; i++) {
        const struct message_peer *peer = &back.as.peers.items[i];
        assert_int_equal(peer->worker, peers[i].worker);
        assert_int_equal(peer->up, peers[i].up);
        assert_true(peer->incarnation == peers[i].incarnation);
        assert_string_equal(peer->data_endpoint, peers[i].data_endpoint);
    }
    message_fini(&back);
}

static void message_beat_survives(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_BEAT);
    struct message back = round_trip(&message);
    const struct message_beat *beat = &back.as.beat;
    assert_int_equal(beat->tasks_count, 2);
    for (int i = 0; i < 2; i++) {
        const struct message_task_stats *got = &beat->tasks[i];
        assert_int_equal(got->task, stats[i].task);
        assert_memory_equal(&got->executed, &stats[i].executed,
                            offsetof(struct message_task_stats, execute_ns) -
                                offsetof(struct message_task_stats, executed));
        assert_bytes(got->execute_ns, stats[i].execute_ns);
        assert_bytes(got->complete_ns, stats[i].complete_ns);
    }
    assert_int_equal(beat->state, COMMAND_DRAIN);
    assert_int_equal(beat->finish_level, 1);
    assert_true(beat->spouts_done && beat->quiet);
    assert_memory_equal(&beat->round, &message.as.beat.round,
                        offsetof(struct message_beat, tasks) -
                            offsetof(struct message_beat, round));
    message_fini(&back);
}

static void message_offsets_survive(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_OFFSETS);
    struct message back = round_trip(&message);
    assert_int_equal(back.as.offsets.items_count, 2);
    assert_true(back.as.offsets.final);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(back.as.offsets.items[i].task, offsets[i].task);
        assert_bytes(back.as.offsets.items[i].position, offsets[i].position);
    }
    message_fini(&back);
}

static void message_command_event_touched_survive(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_COMMAND);
    struct message back = round_trip(&message);
    assert_int_equal(back.as.command.command, COMMAND_FINISH);
    assert_int_equal(back.as.command.level, 2);
    message_fini(&back);

    message = example(MESSAGE_EVENT);
    back = round_trip(&message);
    assert_int_equal(back.as.event.event, EVENT_COMPONENT_ERROR);
    assert_int_equal(back.as.event.other, UINT32_MAX);
    assert_int_equal(back.as.event.task, 12);
    assert_string_equal(back.as.event.text, message.as.event.text);
    message_fini(&back);

    message = example(MESSAGE_TOUCHED);
    back = round_trip(&message);
    assert_true(back.as.touched.workers == UINT64_C(1) << 63);
    message_fini(&back);
}

static void message_log_level_tap_sample_survive(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_LOG_LEVEL);
    struct message back = round_trip(&message);
    assert_int_equal(back.as.log_level.level, 3);
    assert_string_equal(back.as.log_level.component, "split");
    assert_true(back.as.log_level.for_ms == UINT64_MAX);
    message_fini(&back);

    message = example(MESSAGE_TAP);
    back = round_trip(&message);
    assert_int_equal(back.as.tap.tap, 5);
    assert_string_equal(back.as.tap.component, "split");
    assert_string_equal(back.as.tap.stream, "default");
    assert_int_equal(back.as.tap.rate_per_s, UINT32_MAX);
    assert_string_equal(back.as.tap.filter, message.as.tap.filter);
    assert_int_equal(back.as.tap.for_ms, 60000);
    message_fini(&back);

    message = example(MESSAGE_SAMPLE);
    back = round_trip(&message);
    assert_true(back.as.sample.tap == UINT64_MAX && back.as.sample.time_ms == -1);
    assert_int_equal(back.as.sample.task, 16383);
    assert_string_equal(back.as.sample.stream, "default");
    assert_bytes(back.as.sample.values, message.as.sample.values);
    assert_int_equal(back.as.sample.skipped, 77);
    assert_string_equal(back.as.sample.text, "");
    message_fini(&back);
}

static void message_level_out_of_range_is_refused(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_LOG_LEVEL);
    struct buf bytes;
    buf_init(&bytes, 0);
    message.as.log_level.level = 4;
    assert_int_equal(message_encode(&message, &bytes), GALE_ERR_LIMIT);
    assert_int_equal(bytes.size, 0);
    buf_fini(&bytes);
}

static void message_largest_beat_survives(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_BEAT);
    struct message_task_stats *all = calloc(MESSAGE_TASKS_MAX, sizeof(*all));
    assert_non_null(all);
    for (uint32_t i = 0; i < MESSAGE_TASKS_MAX; i++) {
        all[i].task = i;
        all[i].executed = UINT64_MAX - i;
    }
    message.as.beat.tasks = all;
    message.as.beat.tasks_count = MESSAGE_TASKS_MAX;
    struct message back = round_trip(&message);
    assert_true(back.as.beat.tasks[MESSAGE_TASKS_MAX - 1].executed ==
                UINT64_MAX - (MESSAGE_TASKS_MAX - 1));
    message_fini(&back);
    free(all);
}

static void message_truncated_or_extended_is_refused(void **state)
{
    (void)state;
    for (int type = MESSAGE_HELLO; type <= MESSAGE_SAMPLE; type++) {
        struct message message = example((enum message_type)type);
        struct buf bytes = encode(&message);
        struct message back;
        for (size_t size = 0; size < bytes.size; size++) {
            assert_int_equal(decode(bytes.data, size, &back), GALE_ERR_CORRUPT);
        }
        assert_int_equal(buf_append(&bytes, "\0", 1), GALE_OK);
        assert_int_equal(decode(bytes.data, bytes.size, &back), GALE_ERR_CORRUPT);
        buf_fini(&bytes);
    }
}

/* Whatever still decodes after a change must encode and decode again. */
static void message_changed_bytes_never_harm(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    for (int round = 0; round < 20000; round++) {
        struct message message =
            example((enum message_type)(1 + rng_below(&rng, MESSAGE_SAMPLE)));
        struct buf bytes = encode(&message);
        struct message back;
        for (uint32_t i = 1 + rng_below(&rng, 3); i > 0; i--) {
            bytes.data[rng_below(&rng, (uint32_t)bytes.size)] = (uint8_t)rng_next(&rng);
        }
        if (decode(bytes.data, bytes.size, &back) == GALE_OK) {
            struct message again;
            buf_clear(&bytes);
            assert_int_equal(message_encode(&back, &bytes), GALE_OK);
            assert_int_equal(decode(bytes.data, bytes.size, &again), GALE_OK);
            message_fini(&again);
            message_fini(&back);
        }
        buf_fini(&bytes);
    }
}

static void message_out_of_range_is_not_encoded(void **state)
{
    (void)state;
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(buf_append(&bytes, "kept", 4), GALE_OK);
    struct message message = example(MESSAGE_EVENT);
    message.as.event.task = MESSAGE_TASKS_MAX;
    assert_int_equal(message_encode(&message, &bytes), GALE_ERR_LIMIT);
    message = example(MESSAGE_COMMAND);
    message.as.command.command = (enum message_command)0;
    assert_int_equal(message_encode(&message, &bytes), GALE_ERR_INVALID);
    message = example(MESSAGE_ASSIGN);
    message.as.assign.workers_count = 2; /* task 3 is on worker 2 */
    assert_int_equal(message_encode(&message, &bytes), GALE_ERR_LIMIT);
    message = example(MESSAGE_OFFSETS);
    size_t large = MESSAGE_SIZE_MAX;
    uint8_t *position = calloc(1, large);
    struct message_offset item = {1, {position, large}};
    message.as.offsets.items = &item;
    message.as.offsets.items_count = 1;
    assert_int_equal(message_encode(&message, &bytes), GALE_ERR_LIMIT);
    free(position);
    assert_int_equal(bytes.size, 4);
    buf_fini(&bytes);
}

static void message_hostile_bytes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } hostile[] = {
        {"", 0},
        {"\xc0", 1},
        {"\x80", 1},
        {"\x90", 1},
        {"\xdd\x03\xff\xff\xff", 5}, /* 2 GiB in msgpack-c */
        {"\xdf\x7f\xff\xff\xff", 5},
        {"GF", 2},
    };
    struct message back;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        assert_int_equal(decode((const uint8_t *)hostile[i].bytes, hostile[i].size, &back),
                         GALE_ERR_CORRUPT);
    }
    uint8_t nested[200];
    memset(nested, 0x81, sizeof(nested));
    assert_int_equal(decode(nested, sizeof(nested), &back), GALE_ERR_CORRUPT);
}

static void message_text_with_nul_is_refused(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_EVENT);
    message.as.event.text = "abcdefgh";
    struct buf bytes = encode(&message);
    uint8_t *text = memmem(bytes.data, bytes.size, "abcdefgh", 8);
    struct message back;
    assert_non_null(text);
    text[3] = 0;
    assert_int_equal(decode(bytes.data, bytes.size, &back), GALE_ERR_CORRUPT);
    buf_fini(&bytes);
}

static void message_unknown_key_is_ignored(void **state)
{
    (void)state;
    struct message message = example(MESSAGE_TOUCHED);
    struct buf bytes = encode(&message);
    struct message back;
    assert_int_equal(bytes.data[0], 0x88);
    bytes.data[0] = 0x8a; /* two more pairs: 99: "new", "name": nil */
    assert_int_equal(buf_append(&bytes, "\x63\xa3new\xa4name\xc0", 11), GALE_OK);
    assert_int_equal(decode(bytes.data, bytes.size, &back), GALE_OK);
    assert_true(back.as.touched.workers == UINT64_C(1) << 63);
    message_fini(&back);
    buf_fini(&bytes);
}

static void message_version_is_the_one_that_gale_shows(void **state)
{
    (void)state;
    assert_int_equal(gale_format_version("control"), MESSAGE_VERSION);
    assert_int_equal(gale_format_version("wire"), FRAME_WIRE_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_hello_survives),
        cmocka_unit_test(message_assign_survives),
        cmocka_unit_test(message_peers_survive),
        cmocka_unit_test(message_beat_survives),
        cmocka_unit_test(message_offsets_survive),
        cmocka_unit_test(message_command_event_touched_survive),
        cmocka_unit_test(message_log_level_tap_sample_survive),
        cmocka_unit_test(message_level_out_of_range_is_refused),
        cmocka_unit_test(message_largest_beat_survives),
        cmocka_unit_test(message_truncated_or_extended_is_refused),
        cmocka_unit_test(message_changed_bytes_never_harm),
        cmocka_unit_test(message_out_of_range_is_not_encoded),
        cmocka_unit_test(message_hostile_bytes_are_refused),
        cmocka_unit_test(message_text_with_nul_is_refused),
        cmocka_unit_test(message_unknown_key_is_ignored),
        cmocka_unit_test(message_version_is_the_one_that_gale_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

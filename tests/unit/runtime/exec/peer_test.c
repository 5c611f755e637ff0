/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links between executors: a worker's death, lost frames, lower epochs, hostile frames, and the
 * bounds of memory when a worker is slow. What a single link does: core/link_test.c.
 */
#include "exec_harness.h"

#include "codec/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* One held branch on worker 1 and one on worker 2. */
#define TWO_WAYS \
    "{name: t, timeout: 60s, spouts: {s: {type: feed, other: true}}," \
    " bolts: {a: {type: hold, from: [{s: shuffle}]}," \
    "         b: {type: hold, from: [{s.other: shuffle}]}}}"

static void worker_death_fails_exactly_the_touched_trees(void **state)
{
    (void)state;
    harness_start(TWO_WAYS, "012");
    for (uint64_t id = 1; id <= 3; id++) {
        harness_feed("s", id, "x");
        harness_feed_to("s", 10 + id, "other", 0, "y");
    }
    harness_run();
    assert_int_equal(harness_held(), 6);
    harness_kill(1);
    harness_run();
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(harness_fails("s", id), 1);
        assert_int_equal(harness_fails("s", 10 + id), 0);
    }
    assert_int_equal(harness_counters("s").timed_out, 0);
    assert_int_equal(harness_counters("s").pending, 3);
}

static void worker_revived_gets_the_replays(void **state)
{
    (void)state;
    harness_start("{name: t, timeout: 60s, spouts: {s: {type: feed, replay: true}},"
                  " bolts: {p: {type: pass, from: [{s: shuffle}]},"
                  "         b: {type: sink, from: [{p: shuffle}]}}}",
                  "012");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
    harness_kill(1);
    harness_feed("s", 2, "y");
    harness_run();
    assert_int_equal(harness_acks("s", 2), 0);
    harness_revive(1);
    harness_advance(500);
    assert_int_equal(harness_acks("s", 2), 1);
    assert_int_equal(harness_notes_of("b", "y"), 1);
    harness_kill(2);
    harness_feed("s", 3, "z");
    harness_advance(200);
    harness_revive(2);
    harness_advance(500);
    assert_int_equal(harness_acks("s", 3), 1);
    assert_int_equal(harness_fails("s", 0), harness_given("s") - 3);
}

static void second_hop_death_fails_trees_that_went_on_there(void **state)
{
    (void)state;
    harness_start("{name: t, timeout: 60s, spouts: {s: {type: feed}},"
                  " bolts: {p: {type: pass, from: [{s: shuffle}]},"
                  "         b: {type: hold, from: [{p: shuffle}]}}}",
                  "012");
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_held(), 1);
    harness_kill(2);
    harness_run();
    assert_int_equal(harness_fails("s", 1), 1);
}

static void fail_touched_fails_trees_of_these_workers_only(void **state)
{
    (void)state;
    harness_start(TWO_WAYS, "012");
    harness_feed("s", 1, "x");
    harness_feed_to("s", 2, "other", 0, "y");
    harness_run();
    exec_fail_touched(harness_exec(0), UINT64_C(1) << 2);
    assert_int_equal(harness_counters("s").pending, 1);
    harness_run();
    assert_int_equal(harness_fails("s", 1), 0);
    assert_int_equal(harness_fails("s", 2), 1);
}

/* ---- Lost and stale frames ---- */

static uint32_t to_lose;

static bool lose_data_to_1(uint32_t to, const struct frame_header *header)
{
    if (to == 1 && header->kind == FRAME_DATA && to_lose > 0) {
        to_lose--;
        return false;
    }
    return true;
}

static bool lose_control_to_0(uint32_t to, const struct frame_header *header)
{
    if (to == 0 && header->kind == FRAME_CONTROL && to_lose > 0) {
        to_lose--;
        return false;
    }
    return true;
}

#define ONE_WAY \
    "{name: t, timeout: 60s, spouts: {s: {type: feed, replay: true}}," \
    " bolts: {b: {type: sink, from: [{s: shuffle}]}}}"

static void lost_frame_fails_the_link_and_all_is_replayed(void **state)
{
    (void)state;
    harness_start(ONE_WAY, "01");
    uint32_t generation = harness_exec(0)->peers[1].out.generation;
    to_lose = 1;
    harness_filter(lose_data_to_1);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(to_lose, 0);
    harness_feed("s", 2, "y");
    harness_run();
    harness_advance(500);
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_acks("s", 2), 1);
    assert_int_equal(harness_notes("b"), 2);
    assert_int_equal(harness_beat(1).links_failed, 1);
    assert_true(harness_events(EVENT_LINK_FAILED) > 0);
    assert_int_equal(harness_exec(0)->peers[1].out.generation, generation + 1);
}

static void lost_last_frame_is_found_by_the_probe(void **state)
{
    (void)state;
    harness_start(ONE_WAY, "01");
    to_lose = 1;
    harness_filter(lose_data_to_1);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 1), 0);
    harness_advance(2000);
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_counters("s").timed_out, 0);
}

static void lost_acks_fail_the_link_and_all_is_replayed(void **state)
{
    (void)state;
    harness_start(ONE_WAY, "01");
    to_lose = 1;
    harness_filter(lose_control_to_0);
    harness_feed("s", 1, "x");
    harness_advance(2000);
    assert_int_equal(to_lose, 0);
    /* The replay may fail once more: it came while the link was shut. */
    assert_in_range(harness_notes("b"), 2, 3);
    assert_int_equal(harness_acks("s", 1), 1);
    assert_int_equal(harness_fails("s", 1), harness_notes("b") - 1);
    assert_int_equal(harness_counters("s").timed_out, 0);
}

static void lower_epoch(struct frame_header *header)
{
    header->epoch--;
}

static void lower_attempt(struct frame_header *header)
{
    header->attempt--;
}

static void other_incarnation(struct frame_header *header)
{
    header->incarnation++;
}

static void earlier_seq(struct frame_header *header)
{
    header->seq--;
}

static void earlier_generation(struct frame_header *header)
{
    header->generation--;
}

/* A well-formed batch of one tuple "zz" from task 1 for task `target`. */
static size_t batch_make(uint8_t *out, uint32_t source, uint32_t target, uint16_t input)
{
    static const uint8_t values[] = {0xa2, 'z', 'z'};
    struct batch_head head = {.size = BATCH_HEAD_SIZE + sizeof(values),
                              .target_task = target,
                              .source_task = source,
                              .input = input,
                              .tuples_count = 1,
                              .edge_seed = 5};
    batch_head_write(out, &head);
    memcpy(out + BATCH_HEAD_SIZE, values, sizeof(values));
    return head.size;
}

static void stale_frames_have_no_effect_and_are_counted(void **state)
{
    (void)state;
    static void (*const changes[])(struct frame_header *) = {
        lower_epoch, lower_attempt, other_incarnation, earlier_seq, earlier_generation};
    uint8_t batch[64];
    harness_start(ONE_WAY, "01");
    harness_feed("s", 1, "x");
    harness_run();
    size_t size = batch_make(batch, 1, 2, 0);
    harness_inject(1, 0, FRAME_DATA, batch, size, NULL);
    harness_run();
    assert_int_equal(harness_notes_of("b", "zz"), 1);
    harness_exec(0)->peers[1].out.seq++; /* The sender did not know of that one. */
    for (uint32_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint64_t seq = harness_exec(1)->peers[0].in.seq;
        harness_inject(1, 0, FRAME_DATA, batch, size, changes[i]);
        harness_run();
        assert_int_equal(harness_notes_of("b", "zz"), 1);
        assert_int_equal(harness_exec(1)->peers[0].in.seq, seq);
        assert_int_equal(harness_exec(1)->peers[0].in.state, LINK_STATE_OPEN);
    }
    assert_int_equal(harness_beat(1).frames_refused, 4);
    assert_int_equal(harness_beat(1).duplicates_dropped, 1);
    harness_feed("s", 2, "y");
    harness_run();
    assert_int_equal(harness_acks("s", 2), 1);
}

static void duplicated_acks_do_not_complete_another_tree(void **state)
{
    (void)state;
    harness_start("{name: t, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: hold, from: [{s: shuffle}]},"
                  "         c: {type: hold, from: [{s: shuffle}]}}}",
                  "011");
    harness_feed("s", 1, "x");
    harness_run();
    harness_release(true);
    harness_run();
    uint64_t duplicates = harness_beat(0).duplicates_dropped;
    harness_inject(0, 1, FRAME_CONTROL, NULL, 0, earlier_seq);
    assert_int_equal(harness_beat(0).duplicates_dropped, duplicates + 1);
    assert_int_equal(harness_acks("s", 1), 0);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
}

/* ---- Hostile frames ---- */

/* A frame that passes the link's rules but says nonsense: refused, counted, the link opened
 * anew, and the work goes on. */
static void check_hostile(enum frame_kind kind, const uint8_t *payload, size_t size)
{
    uint64_t refused = harness_beat(1).frames_refused;
    uint32_t events = harness_events(EVENT_LINK_FAILED);
    uint32_t notes = harness_notes("b");
    uint32_t acks = harness_acks("s", 0);
    harness_inject(1, 0, kind, payload, size, NULL);
    assert_int_equal(harness_beat(1).frames_refused, refused + 1);
    assert_int_equal(harness_events(EVENT_LINK_FAILED), events + 1);
    assert_int_equal(harness_exec(1)->peers[0].in.state, LINK_STATE_FAILED);
    assert_int_equal(harness_notes("b"), notes);
    harness_advance(500);
    assert_int_equal(harness_exec(1)->peers[0].in.state, LINK_STATE_OPEN);
    harness_feed("s", 1000 + acks, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 0), acks + 1);
    assert_int_equal(harness_notes("b"), notes + 1);
}

static void hostile_batches_are_refused_and_the_link_reopens(void **state)
{
    (void)state;
    static const struct {
        uint32_t source, target;
        uint16_t input;
    } wrong[] = {
        {1, 0, 0},          /* no task */
        {1, 1, 0},          /* the sender's own spout */
        {1, 3, 0},          /* a task of another worker */
        {1, 0xffffffff, 0}, /* beyond the plan */
        {0, 2, 0},          /* from nobody */
        {2, 2, 0},          /* from the receiver itself */
        {0xfffffff0, 2, 0}, /* from beyond the plan */
        {1, 2, 1},          /* an input that is not there */
        {1, 2, 0xffff},
    };
    uint8_t batch[128];
    harness_start("{name: t, timeout: 60s, spouts: {s: {type: feed, replay: true}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]},"
                  "         c: {type: sink, from: [{s: shuffle}]}}}",
                  "012");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t size = batch_make(batch, wrong[i].source, wrong[i].target, wrong[i].input);
        check_hostile(FRAME_DATA, batch, size);
    }
    size_t size = batch_make(batch, 1, 2, 0);
    store_u32(batch + 16, 2); /* Two tuples said, one there. */
    check_hostile(FRAME_DATA, batch, size);
    store_u32(batch + 16, 0xffffffff);
    check_hostile(FRAME_DATA, batch, size);
    size = batch_make(batch, 1, 2, 0);
    batch[BATCH_HEAD_SIZE] = 0xdb; /* A string of more bytes than there are. */
    check_hostile(FRAME_DATA, batch, size);
    size = batch_make(batch, 1, 2, 0);
    check_hostile(FRAME_DATA, batch, size - 1);
    batch[size] = 0;
    check_hostile(FRAME_DATA, batch, size + 1);
    store_u32(batch, 0);
    check_hostile(FRAME_DATA, batch, size);
    store_u32(batch, 0xffffffff);
    check_hostile(FRAME_DATA, batch, size);
    size = batch_make(batch, 1, 2, 0);
    store_u32(batch + 20, 8); /* Runs that are not there. */
    check_hostile(FRAME_DATA, batch, size);
    memset(batch, 0xff, sizeof(batch));
    check_hostile(FRAME_DATA, batch, sizeof(batch));
}

static void hostile_second_batch_spoils_the_whole_frame(void **state)
{
    (void)state;
    uint8_t batches[256];
    harness_start("{name: t, timeout: 60s, spouts: {s: {type: feed, replay: true}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                  "01");
    size_t size = batch_make(batches, 1, 2, 0);
    size += batch_make(batches + size, 1, 2, 3);
    check_hostile(FRAME_DATA, batches, size);
    assert_int_equal(harness_notes_of("b", "zz"), 0);
}

static void hostile_control_sections_are_refused_and_the_link_reopens(void **state)
{
    (void)state;
    uint8_t section[64] = {0};
    harness_start("{name: t, timeout: 60s, spouts: {s: {type: feed, replay: true}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]}}}",
                  "01");
    store_u32(section, 99);
    store_u32(section + 4, 1);
    check_hostile(FRAME_CONTROL, section, 24);
    store_u32(section, FRAME_ACK);
    store_u32(section + 4, 0xffffffff);
    check_hostile(FRAME_CONTROL, section, 24);
    check_hostile(FRAME_CONTROL, section, 7);
    uint64_t refused = harness_beat(1).frames_refused;
    harness_inject(1, 0, FRAME_BARRIER, section, 24,
                   NULL); /* Refused before the link sees it. */
    assert_int_equal(harness_beat(1).frames_refused, refused + 1);
    assert_int_equal(harness_exec(1)->peers[0].in.state, LINK_STATE_OPEN);
}

/* Control entries of the right form that name tasks, roots and workers that are not there. */
static void foreign_control_entries_have_no_effect(void **state)
{
    (void)state;
    uint8_t section[32] = {0};
    static const uint32_t types[] = {FRAME_TOUCH, FRAME_ACK, FRAME_FAIL, FRAME_RENEW,
                                     FRAME_CREDIT};
    static const uint64_t roots[] = {
        0, 1, UINT64_MAX, UINT64_C(2) << 50, UINT64_C(1) << 50, UINT64_C(0x7fff) << 49};
    harness_start(TWO_WAYS, "012");
    harness_feed("s", 1, "x");
    harness_run();
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (size_t r = 0; r < sizeof(roots) / sizeof(roots[0]); r++) {
            store_u32(section, types[t]);
            store_u32(section + 4, 1);
            store_u64(section + 8, roots[r]);
            store_u64(section + 16, UINT64_C(1) << 60);
            harness_inject(0, 1, FRAME_CONTROL, section, 8 + frame_section_entry_size(types[t]),
                           NULL);
            harness_exec(1)->peers[0].out.seq++;
        }
    }
    harness_run();
    assert_int_equal(harness_acks("s", 0) + harness_fails("s", 0), 0);
    harness_release(true);
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
}

static void bytes_that_are_no_frame_are_refused(void **state)
{
    (void)state;
    static const uint8_t garbage[100] = {'G', 'F', 0xff};
    harness_start(ONE_WAY, "01");
    struct transport_message message = {.data = garbage, .size = 0};
    for (message.size = 0; message.size <= sizeof(garbage); message.size++) {
        exec_frame(harness_exec(1), &message, harness_now_ns());
    }
    assert_int_equal(harness_beat(1).frames_refused, sizeof(garbage) + 1);
    assert_in_range(harness_events(EVENT_REFUSED), 1, 10);
    harness_feed("s", 1, "x");
    harness_run();
    assert_int_equal(harness_acks("s", 1), 1);
}

/* ---- As over tcp ---- */

static uint32_t compressed, checked;

static bool count_forms(uint32_t to, const struct frame_header *header)
{
    (void)to;
    compressed += header->kind == FRAME_DATA && header->lz4 ? 1 : 0;
    checked += header->checksum != 0 ? 1 : 0;
    return true;
}

static void tcp_frames_are_compressed_checked_and_arrive(void **state)
{
    (void)state;
    compressed = checked = 0;
    harness_tcp();
    harness_open("{name: t, spouts: {s: {type: flood, count: 5000, size: 100}},"
                 " bolts: {a: {type: pass, from: [{s: shuffle}]},"
                 "         b: {type: void, from: [{a: shuffle}]}}}",
                 "010");
    harness_filter(count_forms);
    harness_prepare();
    harness_activate(true);
    for (int i = 0; i < 100 && harness_acks("s", 0) < 5000; i++) {
        harness_advance(1);
    }
    assert_int_equal(harness_acks("s", 0), 5000);
    assert_int_equal(harness_counters("b").executed, 5000);
    assert_true(compressed > 10);
    assert_true(checked > compressed);
}

static void wrong_checksum(struct frame_header *header)
{
    header->checksum = 123;
}

static void claims_lz4(struct frame_header *header)
{
    header->lz4 = 1;
    header->raw_size = 200;
}

static void tcp_spoiled_payload_is_refused_and_the_link_reopens(void **state)
{
    (void)state;
    static void (*const changes[])(struct frame_header *) = {wrong_checksum, claims_lz4};
    uint8_t batch[64];
    harness_tcp();
    harness_start(ONE_WAY, "01");
    size_t size = batch_make(batch, 1, 2, 0);
    for (uint32_t i = 0; i < 2; i++) {
        harness_inject(1, 0, FRAME_DATA, batch, size, changes[i]);
        assert_int_equal(harness_beat(1).frames_refused, i + 1);
        assert_int_equal(harness_exec(1)->peers[0].in.state, LINK_STATE_FAILED);
        harness_advance(500);
        harness_feed("s", i + 1, "x");
        harness_run();
        assert_int_equal(harness_acks("s", i + 1), 1);
    }
    assert_int_equal(harness_notes_of("b", "zz"), 0);
}

/* ---- Back-pressure ---- */

/* Inbox bytes of a task and what waits in front of it in its sender. */
static uint64_t inbox_of(uint32_t worker, uint32_t task)
{
    struct message_beat beat = harness_beat(worker);
    for (uint32_t i = 0; i < beat.tasks_count; i++) {
        if (beat.tasks[i].task == task) {
            return beat.tasks[i].queue_bytes;
        }
    }
    return 0;
}

static void credits_bound_inbox_and_sender_and_stop_the_spout(void **state)
{
    (void)state;
    harness_open("{name: t, inbox_size: 128KiB, max_pending: 1000000, timeout: 0,"
                 " spouts: {s: {type: flood, count: 20000, size: 1000}},"
                 " bolts: {b: {type: void, from: [{s: shuffle}]}}}",
                 "01");
    harness_prepare();
    harness_halt(1, true);
    harness_activate(true);
    harness_advance(1000);
    uint32_t given = harness_given("s");
    uint64_t batch = BATCH_VALUES_SIZE + BATCH_RUNS_SIZE + BATCH_HEAD_SIZE;
    assert_in_range(inbox_of(1, 2), 1, 128 * 1024 + batch);
    const struct lane *lane = harness_task(1)->routes[0].outputs[0].targets[0].lane;
    assert_true(lane->full);
    assert_in_range(lane->queued_count, 1, EXEC_LANE_QUEUE_MAX + 1);
    assert_true(given < 20000);
    harness_advance(1000);
    assert_int_equal(harness_given("s"), given);
    assert_true(harness_counters("s").blocked_ns >= 900000000u);
    harness_halt(1, false);
    for (int i = 0; i < 1000 && harness_acks("s", 0) < 20000; i++) {
        harness_advance(1);
    }
    assert_int_equal(harness_acks("s", 0), 20000);
    assert_int_equal(harness_fails("s", 0), 0);
    assert_true(harness_exec(1)->peers[0].consumed[2].consumed > 20000u * 1000u);
}

/* Worker 1 has a bolt whose output (on the halted worker 2) has no room, and another one. */
static void control_and_other_streams_pass_while_data_waits_for_credit(void **state)
{
    (void)state;
    harness_open("{name: t, inbox_size: 128KiB, max_pending: 1000000, timeout: 0,"
                 " spouts: {s: {type: flood, count: 20000, size: 1000}, f: {type: feed}},"
                 " bolts: {slow: {type: pass, from: [{s: shuffle}]},"
                 "         end: {type: void, from: [{slow: shuffle}]},"
                 "         quick: {type: sink, from: [{f: shuffle}]}}}",
                 "00121");
    harness_prepare();
    harness_halt(2, true);
    harness_activate(true);
    harness_advance(500);
    uint32_t given = harness_given("s");
    assert_true(given < 20000);
    assert_true(inbox_of(1, 3) > 0);
    for (uint64_t id = 1; id <= 20; id++) {
        harness_feed("f", id, "x");
        harness_run();
        assert_int_equal(harness_acks("f", id), 1);
    }
    assert_int_equal(harness_given("s"), given);
    harness_halt(2, false);
    for (int i = 0; i < 1000 && harness_acks("s", 0) < 20000; i++) {
        harness_advance(1);
    }
    assert_int_equal(harness_acks("s", 0), 20000);
}

static void diamond_with_a_slow_side_does_not_deadlock(void **state)
{
    (void)state;
    harness_open("{name: t, inbox_size: 128KiB, max_pending: 1000000, timeout: 0,"
                 " spouts: {s: {type: flood, count: 5000, size: 1000}},"
                 " bolts: {a: {type: pass, from: [{s: shuffle}]},"
                 "         b: {type: copy, n: 3, from: [{s: shuffle}]},"
                 "         c: {type: void, from: [{a: shuffle}, {b: shuffle}]}}}",
                 "0120");
    harness_prepare();
    harness_activate(true);
    for (int i = 0; i < 2000 && harness_acks("s", 0) < 5000; i++) {
        harness_halt(2, i % 10 != 0);
        harness_halt(0, i % 3 == 0);
        harness_advance(1);
    }
    assert_int_equal(harness_acks("s", 0), 5000);
    assert_int_equal(harness_counters("c").executed, 20000);
}

/* A spout that always has more to give to a task here, beside a slow one. */
static enum gale_next busy_next(void *state, struct gale_task *task)
{
    (void)state;
    gale_put_string(gale_begin(task), "b", 1);
    (void)gale_emit(task, 0);
    return GALE_NEXT_MORE;
}

static const struct gale_spout_ops busy_ops = {GALE_SPOUT_HEAD, .name = "busy",
                                               .fields = "word", .next = busy_next};

static void slow_stream_beside_a_busy_one_leaves_within_milliseconds(void **state)
{
    (void)state;
    harness_add_spout(&busy_ops);
    harness_open("{name: t, spouts: {f: {type: feed}, s: {type: busy}},"
                 " bolts: {a: {type: void, from: [{s: shuffle}]},"
                 "         b: {type: sink, from: [{f: shuffle}]}}}",
                 "0001");
    harness_prepare();
    harness_activate(true);
    /* Worker 0 never becomes idle, so its steps are made here: 20 µs each. */
    int64_t now = harness_now_ns();
    int64_t given = 0;
    int64_t arrived = 0;
    for (int i = 0; i < 1000 && arrived == 0; i++, now += 20000) {
        struct transport_message message;
        struct transport *transport = harness_exec(1)->options.ports.transport;
        if (i == 200 || i == 220) { /* The first one finds no batch closed lately. */
            harness_feed("f", (uint64_t)i, "x");
        }
        assert_int_equal(exec_step(harness_exec(0), now), EXEC_BUSY);
        given = given == 0 && harness_given("f") == 2 ? now : given;
        while (transport->ops->receive(transport, &message) == GALE_OK) {
            exec_frame(harness_exec(1), &message, now);
        }
        (void)exec_step(harness_exec(1), now);
        arrived = harness_notes("b") == 2 ? now : 0;
    }
    assert_true(given != 0);
    assert_true(arrived != 0);
    assert_true(arrived - given <= 1200000);
}

/* A batch that waits holds the frame that it came in only when it is a large part of it. */
static void small_part_of_a_frame_does_not_hold_it(void **state)
{
    (void)state;
    uint8_t payload[2048];
    size_t size = 0;
    harness_start("{name: t, timeout: 60s, spouts: {s: {type: feed}},"
                  " bolts: {b: {type: sink, from: [{s: shuffle}]},"
                  "         c: {type: sink, from: [{s: shuffle}]}}}",
                  "011");
    uint32_t small = (uint32_t)batch_make(payload, 1, 2, 0);
    size = small;
    for (uint32_t i = 0; i < INBOX_FRAME_SHARE; i++) {
        size += batch_make(payload + size, 1, 3, 0);
    }
    harness_halt(1, true);
    harness_inject(1, 0, FRAME_DATA, payload, small, NULL);
    harness_inject(1, 0, FRAME_DATA, payload, size, NULL);
    harness_run();
    const struct inbox_entry *alone = harness_task(2)->inbox_first;
    const struct inbox_entry *part = alone->next;
    assert_non_null(alone->shared);
    assert_null(alone->copy);
    assert_non_null(part);
    assert_non_null(part->copy);
    assert_null(part->shared);
    for (const struct inbox_entry *entry = harness_task(3)->inbox_first; entry;
         entry = entry->next) {
        assert_null(entry->shared);
    }
    harness_halt(1, false);
    harness_run();
    assert_int_equal(harness_notes_of("b", "zz"), 2);
    assert_int_equal(harness_notes_of("c", "zz"), INBOX_FRAME_SHARE);
}

#define CASE(name) cmocka_unit_test_teardown(name, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(worker_death_fails_exactly_the_touched_trees),
        CASE(worker_revived_gets_the_replays),
        CASE(second_hop_death_fails_trees_that_went_on_there),
        CASE(fail_touched_fails_trees_of_these_workers_only),
        CASE(lost_frame_fails_the_link_and_all_is_replayed),
        CASE(lost_last_frame_is_found_by_the_probe),
        CASE(lost_acks_fail_the_link_and_all_is_replayed),
        CASE(stale_frames_have_no_effect_and_are_counted),
        CASE(duplicated_acks_do_not_complete_another_tree),
        CASE(hostile_batches_are_refused_and_the_link_reopens),
        CASE(hostile_second_batch_spoils_the_whole_frame),
        CASE(hostile_control_sections_are_refused_and_the_link_reopens),
        CASE(foreign_control_entries_have_no_effect),
        CASE(bytes_that_are_no_frame_are_refused),
        CASE(tcp_frames_are_compressed_checked_and_arrive),
        CASE(tcp_spoiled_payload_is_refused_and_the_link_reopens),
        CASE(credits_bound_inbox_and_sender_and_stop_the_spout),
        CASE(control_and_other_streams_pass_while_data_waits_for_credit),
        CASE(diamond_with_a_slow_side_does_not_deadlock),
        CASE(small_part_of_a_frame_does_not_hold_it),
        CASE(slow_stream_beside_a_busy_one_leaves_within_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

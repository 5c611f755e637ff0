/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's state machine with ports that only write down what is asked of them: two
 * workers, a spout and three bolts, of which `a` (level 1) and `b` (level 2) have a finish.
 */
#include "control_fixture.h"

static void start_spawns_assigns_and_tells_peers(void **state)
{
    (void)state;
    struct message_bytes position = {(const uint8_t *)"seven", 5};
    assert_int_equal(control_restore(&it.control, 1, position), GALE_OK);
    assert_int_equal(control_restore(&it.control, 5, position), GALE_ERR_INVALID);
    assert_int_equal(control_restore(&it.control, 0, position), GALE_ERR_INVALID);
    control_start(&it.control, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_STARTING);
    assert_int_equal(said("spawn 0 101"), 1);
    assert_int_equal(said("spawn 1 102"), 1);
    assert_int_equal(said("send"), 0);
    hello(0);
    assert_int_equal(said("connect 0 ep0"), 1);
    assert_int_equal(said("send 0 assign active tasks=4 position=5"), 1);
    assert_int_equal(said("send 0 peers 10 of 101 102"), 1);
    assert_int_equal(said("send 1"), 0);
    assert_true(in_order("send 0 assign", "send 0 peers"));
    hello(0); /* Said again: nothing new. */
    assert_int_equal(said("send 0 assign"), 1);
    hello(1);
    assert_int_equal(said("send 0 peers 11 of 101 102"), 1);
    assert_int_equal(said("send 1 peers 11 of 101 102"), 1);
    beat(0);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
}

static void death_tells_peers_down_at_once_and_restarts_with_another_incarnation(void **state)
{
    (void)state;
    start_all();
    uint64_t old = it.control.workers[1].incarnation;
    died(1);
    assert_int_equal(said("connect 1 -"), 1);
    assert_int_equal(said("send 0 peers 10"), 1);
    assert_int_equal(said("spawn 1"), 1);
    assert_true(in_order("send 0 peers 10", "spawn 1"));
    assert_int_not_equal(it.control.workers[1].incarnation, old);
    assert_int_equal(it.control.restarts_count, 1);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
    forget();
    hello(1);
    assert_int_equal(said("send 1 assign active"), 1);
    assert_int_equal(said("send 0 peers 11"), 1);
}

static void death_gives_the_last_position_to_the_next_process(void **state)
{
    (void)state;
    start_all();
    struct message_offset items[2] = {{.task = 1, .position = {(const uint8_t *)"123", 3}},
                                      {.task = 99, .position = {(const uint8_t *)"x", 1}}};
    struct message message = from(0, MESSAGE_OFFSETS);
    message.as.offsets.items = items;
    message.as.offsets.items_count = 2;
    control_message(&it.control, &message, it.now_ns);
    assert_int_equal(said("save 1 123"), 1);
    assert_int_equal(said("save"), 1);
    died(0);
    hello(0);
    assert_int_equal(said("send 0 assign active tasks=4 position=3"), 1);
}

static void stale_messages_have_no_effect(void **state)
{
    (void)state;
    start_all();
    struct message fatal = from(0, MESSAGE_EVENT);
    fatal.as.event.event = EVENT_FATAL;
    fatal.as.event.text = "from another life";
    struct message stale = fatal;
    stale.epoch = EPOCH - 1;
    control_message(&it.control, &stale, it.now_ns);
    stale = fatal;
    stale.attempt++;
    control_message(&it.control, &stale, it.now_ns);
    stale = fatal;
    stale.incarnation++;
    control_message(&it.control, &stale, it.now_ns);
    stale = fatal;
    stale.worker = 2;
    control_message(&it.control, &stale, it.now_ns);
    stale = fatal;
    stale.worker = UINT32_MAX;
    control_message(&it.control, &stale, it.now_ns);
    stale = fatal;
    stale.topology++;
    control_message(&it.control, &stale, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
    /* The living one is believed only while it lives. */
    died(0);
    control_message(&it.control, &fatal, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
    assert_false(it.control.failed);
}

static void messages_that_workers_must_not_say_are_ignored(void **state)
{
    (void)state;
    static const enum message_type types[] = {MESSAGE_ASSIGN,  MESSAGE_PEERS, MESSAGE_COMMAND,
                                              MESSAGE_TOUCHED, MESSAGE_TAP,   MESSAGE_LOG_LEVEL,
                                              MESSAGE_PULSE};
    start_all();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct message message = from(0, types[i]);
        control_message(&it.control, &message, it.now_ns);
    }
    assert_int_equal(it.used, 0);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
}

static void link_failed_touches_the_workers_that_did_not_see_it(void **state)
{
    (void)state;
    start_all();
    struct message message = from(0, MESSAGE_EVENT);
    message.as.event.event = EVENT_LINK_FAILED;
    message.as.event.other = 0; /* Of a third worker it would be another. */
    message.as.event.text = "link";
    control_message(&it.control, &message, it.now_ns);
    assert_int_equal(said("send 1 touched 1"), 1);
    assert_int_equal(said("send 0 touched"), 0);
}

static void end_needs_equal_counts_and_two_quiet_rounds(void **state)
{
    (void)state;
    start_all();
    quiet_beats(1, 0, 9, 9);
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    assert_int_equal(said("send 0 count 1"), 1);
    assert_int_equal(said("send 1 count 1"), 1);
    for (int i = 0; i < 5; i++) {
        quiet_beats(1, 0, 9, 8);
        pass(5);
    }
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    quiet_beats(1, 0, 9, 9); /* Worker 1's links are others than before. */
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    quiet_beats(1, 0, 9, 9);
    assert_int_equal(it.control.state, CONTROL_FINISHING);
}

/* The answer of a worker to the present round, quiet unless `activity` is 0. */
static void answer(uint32_t worker, uint64_t activity)
{
    beat_with(worker, (struct message_beat){.spouts_done = true,
                                            .quiet = activity > 0,
                                            .activity = activity,
                                            .round = it.control.round});
}

static void end_waits_for_a_worker_that_does_not_answer(void **state)
{
    (void)state;
    start_all();
    quiet_beats(1, 0, 0, 0);
    uint32_t round = it.control.round;
    for (int i = 0; i < 30; i++) {
        answer(0, 5);
        /* Beats that worker 1 made before it was asked. */
        beat_with(1,
                  (struct message_beat){
                      .spouts_done = true, .quiet = true, .activity = 5, .round = round - 1});
        pass(5);
    }
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    assert_int_equal(it.control.round, round);
    assert_in_range(said("send 1 count 1"), 2, 4); /* Each 50 ms. */
    assert_int_equal(said("send 0 count 1"), 1);
}

/* Worker 0 was quiet in one round and worker 1 in the next, but never both: a tuple went to and fro. */
static void end_is_not_proved_by_rounds_in_which_one_was_at_work(void **state)
{
    (void)state;
    start_all();
    quiet_beats(1, 0, 0, 0);
    for (int i = 0; i < 20; i++) {
        answer(0, i % 2 ? 7 : 0);
        answer(1, i % 2 ? 0 : 7);
        pass(5);
    }
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    for (int i = 0; i < 3; i++) {
        answer(0, 7);
        answer(1, 7);
        pass(5);
    }
    assert_int_equal(it.control.state, CONTROL_FINISHING);
}

static void end_activity_between_quiet_answers_begins_anew(void **state)
{
    (void)state;
    start_all();
    quiet_beats(1, 0, 0, 0);
    for (uint64_t i = 0; i < 10; i++) {
        answer(0, 10 + i);
        answer(1, 10 + i);
    }
    assert_int_equal(it.control.state, CONTROL_DRAINING);
}

static void end_after_a_death_needs_answers_of_the_new_process(void **state)
{
    (void)state;
    start_all();
    quiet_beats(1, 0, 9, 9);
    quiet_beats(1, 0, 9, 2);
    died(1);
    hello(1);
    answer(0, 5);
    answer(0, 5);
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    for (int i = 0; i < 5; i++) {
        quiet_beats(1, 0, 9, 2);
        pass(5);
    }
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    quiet_beats(3, 0, 9, 9);
    assert_int_equal(it.control.state, CONTROL_FINISHING);
}

/* Goes through both levels to STOPPING. */
static void finish_all(void)
{
    quiet_beats(3, 0, 9, 9);
    assert_int_equal(it.control.state, CONTROL_FINISHING);
    assert_int_equal(said("send 0 finish 1"), 1);
    assert_int_equal(said("send 1 finish 1"), 1);
    for (int i = 0; i < 5; i++) {
        quiet_beats(1, 1, 9, 9); /* Level 1 is not done yet. */
        pass(5);
    }
    assert_int_equal(said("send 0 finish 2"), 0);
    quiet_beats(3, 2, 9, 9);
    assert_int_equal(said("send 0 finish 2"), 1);
    assert_int_equal(it.control.state, CONTROL_FINISHING);
    pass(5);
    quiet_beats(4, 3, 9, 9);
    assert_int_equal(it.control.state, CONTROL_STOPPING);
}

static void finish_goes_level_by_level_and_ends_in_good_order(void **state)
{
    (void)state;
    start_all();
    finish_all();
    assert_int_equal(said("send 0 stop"), 1);
    assert_int_equal(said("send 1 stop"), 1);
    assert_int_equal(said("signal"), 0);
    beat_with(0, (struct message_beat){.state = COMMAND_STOP});
    exited(0, "exit 0");
    assert_int_equal(it.control.state, CONTROL_STOPPING);
    assert_int_equal(said("spawn"), 0);
    beat_with(1, (struct message_beat){.state = COMMAND_STOP});
    exited(1, "exit 0");
    assert_int_equal(it.control.state, CONTROL_STOPPED);
    assert_false(it.control.failed);
    assert_false(it.control.aborted);
    assert_int_equal(it.control.restarts_count, 0);
}

static void say_offsets(uint32_t worker, const char *position, bool final)
{
    const struct message_offset item = {
        .task = 1, .position = {(const uint8_t *)position, strlen(position)}};
    struct message message = from(worker, MESSAGE_OFFSETS);
    message.as.offsets = (struct message_offsets){&item, 1, final};
    control_message(&it.control, &message, it.now_ns);
}

/* The wire may lose the last positions: the worker says them with each last beat until it is ended. */
static void stop_waits_for_the_last_positions_and_takes_them_once(void **state)
{
    (void)state;
    start_all();
    finish_all();
    for (int i = 0; i < 3; i++) {
        beat_with(0, (struct message_beat){.state = COMMAND_STOP});
        pass(5);
    }
    assert_int_equal(said("keep 0 none"), 0);
    say_offsets(0, "last", true);
    say_offsets(0, "last", true);
    beat_with(0, (struct message_beat){.state = COMMAND_STOP});
    beat_with(0, (struct message_beat){.state = COMMAND_STOP});
    assert_int_equal(said("save 1 last"), 1);
    assert_int_equal(said("keep 0 none"), 1);
    assert_int_equal(said("keep 1 none"), 0);
    assert_int_equal(said("send 0 exit"), 2); /* The first one may be lost. */
    assert_int_equal(said("send 1 exit"), 0);
    assert_int_equal(said("signal"), 0);
}

/* A slow machine: worker 0 beats, but gets to its last positions late. */
static void stop_waits_for_a_slow_worker_as_long_as_it_beats(void **state)
{
    (void)state;
    start_all();
    finish_all();
    for (int i = 0; i < 10; i++) {
        pass(2000);
        beat_with(0, (struct message_beat){.state = i < 5 ? COMMAND_FINISH : COMMAND_STOP});
    }
    assert_int_equal(said("signal 0"), 0);
    assert_int_equal(said("signal 1 kill"), 1);
    say_offsets(0, "late", true);
    beat_with(0, (struct message_beat){.state = COMMAND_STOP});
    assert_int_equal(said("save 1 late"), 1);
    assert_int_equal(said("keep 0 none"), 1);
    assert_int_equal(said("signal 0 kill"), 0);
    pass(3100); /* It was told to exit: its beats count no more. */
    beat_with(0, (struct message_beat){.state = COMMAND_STOP});
    assert_int_equal(said("signal 0 kill"), 1);
}

static void stop_kills_a_worker_whose_last_positions_never_come(void **state)
{
    (void)state;
    start_all();
    finish_all();
    int64_t begin = it.now_ns;
    while (it.now_ns - begin < CONTROL_STALL_NS) {
        assert_int_equal(said("signal 0"), 0);
        beat_with(0, (struct message_beat){.state = COMMAND_STOP});
        pass(100);
    }
    for (int i = 0; i < 31; i++) {
        beat_with(0, (struct message_beat){.state = COMMAND_STOP});
        pass(100);
    }
    assert_int_equal(said("send 0 exit"), 0);
    assert_int_equal(said("signal 0 kill"), 1);
}

static void stop_at_once_waits_for_no_beats(void **state)
{
    (void)state;
    start_all();
    control_abort(&it.control, it.now_ns);
    for (int i = 0; i < 5; i++) {
        beat_with(0, (struct message_beat){.state = COMMAND_STOP});
        pass(CONTROL_ABORT_GRACE_MS / 6);
        assert_int_equal(said("signal 0 kill"), 0);
    }
    pass(CONTROL_ABORT_GRACE_MS / 6);
    assert_int_equal(said("signal 0 kill"), 1);
}

static void stop_that_was_lost_is_said_again_soon(void **state)
{
    (void)state;
    start_all();
    finish_all();
    pass(60);
    beat(0);
    assert_int_equal(said("send 0 stop"), 2);
}

static void warm_up_reset_that_was_lost_is_said_again(void **state)
{
    (void)state;
    start_all();
    control_reset_stats(&it.control, it.now_ns);
    assert_int_equal(said("send 0 reset 1"), 1);
    for (int i = 0; i < 11; i++) {
        pass(100);
        beat(0);
        beat_with(1, (struct message_beat){.activity = 1, .stats_round = 1});
    }
    assert_in_range(said("send 0 reset 1"), 2, 3);
    assert_int_equal(said("send 1 reset 1"), 1);
}

static void finish_death_restarts_and_repeats_the_level(void **state)
{
    (void)state;
    start_all();
    quiet_beats(3, 0, 9, 9);
    forget();
    died(1);
    hello(1);
    assert_int_equal(said("send 1 drain"), 1);
    assert_int_equal(said("send 1 finish 1"), 1);
    assert_true(in_order("send 1 assign", "send 1 finish 1"));
    beat(1);
    quiet_beats(4, 2, 9, 9);
    assert_int_equal(said("send 1 finish 2"), 1);
}

static void worker_that_does_not_stop_is_killed_after_the_grace(void **state)
{
    (void)state;
    start_all();
    finish_all();
    pass(2900);
    assert_int_equal(said("signal 0 kill"), 0);
    pass(200);
    assert_int_equal(said("signal 0 kill"), 1);
    assert_int_equal(said("signal 1 kill"), 1);
    died(0);
    died(1);
    assert_int_equal(it.control.state, CONTROL_STOPPED);
}

static void drain_deadline_stops_with_work_left(void **state)
{
    (void)state;
    start_all();
    control_drain(&it.control, 2000, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    assert_int_equal(said("send 0 drain"), 1);
    assert_int_equal(said("send 1 drain"), 1);
    control_drain(&it.control, 1, it.now_ns);
    assert_int_equal(said("send 0 drain"), 1);
    for (int i = 0; i < 19; i++) {
        beat(0);
        beat(1);
        pass(100);
    }
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    assert_true(control_next_ns(&it.control) <= it.now_ns + 100 * MS);
    beat(0);
    beat(1);
    pass(100);
    assert_int_equal(it.control.state, CONTROL_STOPPING);
    assert_true(it.control.aborted);
    assert_int_equal(said("note the drain's deadline"), 1);
}

static void drain_that_ends_in_time_finishes(void **state)
{
    (void)state;
    start_all();
    control_drain(&it.control, 2000, it.now_ns);
    finish_all();
    pass(2500);
    assert_false(it.control.aborted);
    assert_int_equal(said("note"), 0);
}

static void drain_before_the_first_beat_reaches_late_workers(void **state)
{
    (void)state;
    control_start(&it.control, it.now_ns);
    hello(0);
    control_drain(&it.control, 2000, it.now_ns);
    assert_int_equal(said("send 0 drain"), 1);
    hello(1);
    assert_int_equal(said("send 1 drain"), 1);
    assert_true(in_order("send 1 assign", "send 1 drain"));
}

static void abort_stops_and_the_second_one_kills(void **state)
{
    (void)state;
    start_all();
    control_abort(&it.control, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_STOPPING);
    assert_true(it.control.aborted);
    assert_int_equal(said("send 0 stop"), 1);
    assert_int_equal(said("signal"), 0);
    control_abort(&it.control, it.now_ns);
    assert_int_equal(said("signal 0 kill"), 1);
    assert_int_equal(said("signal 1 kill"), 1);
    died(0);
    died(1);
    assert_int_equal(it.control.state, CONTROL_STOPPED);
    control_abort(&it.control, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_STOPPED);
}

static void abort_before_hello_ends_workers_by_signal(void **state)
{
    (void)state;
    control_start(&it.control, it.now_ns);
    control_abort(&it.control, it.now_ns);
    assert_int_equal(said("keep 0 none"), 1);
    assert_int_equal(said("keep 1 none"), 1);
    hello(0);
    assert_int_equal(said("send"), 0);
    died(0);
    died(1);
    assert_int_equal(it.control.state, CONTROL_STOPPED);
    assert_int_equal(said("spawn"), 2);
}

static void fatal_event_ends_the_run_with_its_text(void **state)
{
    (void)state;
    start_all();
    struct message message = from(1, MESSAGE_EVENT);
    message.as.event.event = EVENT_FATAL;
    message.as.event.text = "bolt \"a\", task 2: prepare returned \"invalid\"";
    control_message(&it.control, &message, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_STOPPING);
    assert_true(it.control.failed);
    assert_string_equal(it.control.error.text, message.as.event.text);
    message.as.event.text = "another";
    control_message(&it.control, &message, it.now_ns);
    assert_non_null(strstr(it.control.error.text, "prepare returned"));
    died(1);
    assert_int_equal(said("spawn"), 0);
}

static void crash_loop_before_work_ends_after_five_tries(void **state)
{
    (void)state;
    control_start(&it.control, it.now_ns);
    hello(0);
    for (int i = 1; i <= 5; i++) {
        assert_false(it.control.failed);
        hello(1);
        died(1);
        beat(0);
        pass(1000);
    }
    assert_true(it.control.failed);
    assert_int_equal(said("spawn 1"), 5);
    assert_non_null(strstr(it.control.error.text, "worker 1"));
    died(0);
    assert_int_equal(it.control.state, CONTROL_STOPPED);
}

static void crash_loop_soon_after_each_start_ends_after_eight_in_a_row(void **state)
{
    (void)state;
    start_all();
    for (int i = 1; i <= 8; i++) {
        assert_false(it.control.failed);
        died(1);
        hello(1);
        beat(1);
        pass(900);
    }
    assert_true(it.control.failed);
    assert_non_null(strstr(it.control.error.text, "8 times in a row"));
}

static void crashes_of_a_worker_that_ran_for_a_while_are_not_in_a_row(void **state)
{
    (void)state;
    start_all();
    for (int i = 1; i <= 30; i++) {
        died(1);
        hello(1);
        beat(1);
        pass(1000);
    }
    assert_false(it.control.failed);
    assert_int_equal(it.control.restarts_count, 30);
}

static void deactivate_and_activate_reach_all(void **state)
{
    (void)state;
    start_all();
    control_activate(&it.control, false, it.now_ns);
    control_activate(&it.control, false, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_INACTIVE);
    assert_int_equal(said("send 0 deactivate"), 1);
    assert_int_equal(said("send 1 deactivate"), 1);
    died(1);
    hello(1);
    assert_int_equal(said("send 1 assign inactive"), 1);
    control_activate(&it.control, true, it.now_ns);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
    assert_int_equal(said("send 1 activate"), 1);
}

/* Counters of task 1 in a beat of worker 0. */
static void beat_counts(uint64_t round, uint64_t acked, int64_t cpu_ns)
{
    struct message_task_stats stats = {
        .task = 1, .acked = acked, .emitted = acked, .total_acked = acked + 1000 * round};
    struct message_task_stats hostile = {.task = 77, .acked = 1};
    struct message_task_stats both[2] = {stats, hostile};
    beat_with(0, (struct message_beat){.activity = it.random++,
                                       .stats_round = round,
                                       .cpu_user_ns = cpu_ns,
                                       .cpu_system_ns = 2 * cpu_ns,
                                       .first_acked_ns = 500 - cpu_ns,
                                       .tasks = both,
                                       .tasks_count = 2});
}

static void warm_up_reset_starts_figures_at_zero(void **state)
{
    (void)state;
    start_all();
    beat_counts(0, 100, 50);
    assert_int_equal(it.control.live[1].acked, 100);
    control_reset_stats(&it.control, it.now_ns);
    assert_int_equal(said("send 0 reset"), 1);
    assert_int_equal(it.control.live[1].acked, 0);
    beat_counts(0, 120, 60); /* Said before it obeyed. */
    assert_int_equal(it.control.live[1].acked, 0);
    beat_counts(1, 7, 70);
    assert_int_equal(it.control.live[1].acked, 7);
    assert_int_equal(it.control.workers[0].cpu_base.user_ns, 70);
    assert_int_equal(it.control.workers[0].cpu_base.system_ns, 140);
    assert_int_equal(it.control.live[1].total.acked, 1007);
    assert_int_equal(it.control.first_acked_ns, 430); /* The earliest of all. */
    control_cpu_ended(&it.control, 0, (struct control_cpu){90, 190});
    died(0);
    assert_int_equal(it.control.dead[1].acked, 7);
    assert_int_equal(it.control.live[1].acked, 0);
    assert_int_equal(it.control.dead[1].total.acked, 1007);
    forget();
    hello(0);
    assert_int_equal(said("send 0 reset"), 1); /* So that its figures count. */
    beat_counts(1, 3, 10);
    assert_int_equal(it.control.live[1].acked + it.control.dead[1].acked, 10);
    struct control_cpu cpu = control_cpu_of(&it.control.workers[0]);
    assert_int_equal(cpu.user_ns, 100);
    assert_int_equal(cpu.system_ns, 210);
    assert_int_equal(it.control.workers[0].cpu_base.user_ns, 70); /* Its start costs too. */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(start_spawns_assigns_and_tells_peers),
        CASE(death_tells_peers_down_at_once_and_restarts_with_another_incarnation),
        CASE(death_gives_the_last_position_to_the_next_process),
        CASE(stale_messages_have_no_effect),
        CASE(messages_that_workers_must_not_say_are_ignored),
        CASE(link_failed_touches_the_workers_that_did_not_see_it),
        CASE(end_needs_equal_counts_and_two_quiet_rounds),
        CASE(end_waits_for_a_worker_that_does_not_answer),
        CASE(end_is_not_proved_by_rounds_in_which_one_was_at_work),
        CASE(end_activity_between_quiet_answers_begins_anew),
        CASE(end_after_a_death_needs_answers_of_the_new_process),
        CASE(finish_goes_level_by_level_and_ends_in_good_order),
        CASE(stop_waits_for_the_last_positions_and_takes_them_once),
        CASE(stop_waits_for_a_slow_worker_as_long_as_it_beats),
        CASE(stop_kills_a_worker_whose_last_positions_never_come),
        CASE(stop_at_once_waits_for_no_beats),
        CASE(stop_that_was_lost_is_said_again_soon),
        CASE(warm_up_reset_that_was_lost_is_said_again),
        CASE(finish_death_restarts_and_repeats_the_level),
        CASE(worker_that_does_not_stop_is_killed_after_the_grace),
        CASE(drain_deadline_stops_with_work_left),
        CASE(drain_that_ends_in_time_finishes),
        CASE(drain_before_the_first_beat_reaches_late_workers),
        CASE(abort_stops_and_the_second_one_kills),
        CASE(abort_before_hello_ends_workers_by_signal),
        CASE(fatal_event_ends_the_run_with_its_text),
        CASE(crash_loop_before_work_ends_after_five_tries),
        CASE(crash_loop_soon_after_each_start_ends_after_eight_in_a_row),
        CASE(crashes_of_a_worker_that_ran_for_a_while_are_not_in_a_row),
        CASE(deactivate_and_activate_reach_all),
        CASE(warm_up_reset_starts_figures_at_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

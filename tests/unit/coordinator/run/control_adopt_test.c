/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A coordinator that takes over from another one: workers that run are not disturbed, what they had
 * answered before proves nothing, and a topology of a cluster outlives crashes and fatal errors.
 */
#include "control_fixture.h"

/* Ends the first control and makes another one, as after an election. */
static void adopt(enum control_state state)
{
    struct control_options options = options_make();
    control_fini(&it.control);
    options.adopted = true;
    options.persistent = true;
    options.state = state;
    it.keeper_away = true;
    assert_int_equal(control_init(&it.control, &options), GALE_OK);
    control_start(&it.control, it.now_ns);
    forget();
}

static void persist(void)
{
    struct control_options options = options_make();
    control_fini(&it.control);
    options.persistent = true;
    assert_int_equal(control_init(&it.control, &options), GALE_OK);
}

static void hello_running(uint32_t worker)
{
    char endpoint[16];
    struct message message = from(worker, MESSAGE_HELLO);
    (void)snprintf(endpoint, sizeof(endpoint), "ep%u", worker);
    message.as.hello.data_endpoint = endpoint;
    message.as.hello.running = true;
    control_message(&it.control, &message, it.now_ns);
}

static void adopt_both(enum control_state state)
{
    adopt(state);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(control_spawned(&it.control, i, 500 + i, it.now_ns));
        hello_running(i);
    }
}

static void say_fatal(uint32_t worker)
{
    struct message message = from(worker, MESSAGE_EVENT);
    message.as.event.event = EVENT_FATAL;
    message.as.event.text = "bolt \"a\", task 2: prepare returned \"invalid\"";
    control_message(&it.control, &message, it.now_ns);
}

static void say_final_offsets(uint32_t worker)
{
    struct message message = from(worker, MESSAGE_OFFSETS);
    message.as.offsets = (struct message_offsets){.final = true};
    control_message(&it.control, &message, it.now_ns);
}

/* ---- Taking over ---- */

static void adoption_keeps_tasks_and_says_nothing_of_workers_not_heard_of(void **state)
{
    (void)state;
    adopt(CONTROL_ACTIVE);
    assert_true(control_spawned(&it.control, 0, 500, it.now_ns));
    assert_true(control_spawned(&it.control, 1, 501, it.now_ns));
    assert_int_equal(it.used, 0);
    hello_running(0);
    assert_int_equal(said("connect 0 ep0"), 1);
    assert_int_equal(said("send 0 peers 1- of 500 0"), 1);
    assert_int_equal(said("send 0 assign"), 0);
    assert_int_equal(said("send 1"), 0);
    hello_running(0); /* The answer was lost. */
    assert_int_equal(said("send 0 peers 1-"), 2);
    assert_int_equal(said("connect 0"), 1);
    hello_running(1);
    assert_int_equal(said("send 0 peers 11 of 500 501"), 1);
    assert_int_equal(said("send 1 peers 11 of 500 501"), 1);
    assert_int_equal(said("keep"), 0);
    assert_int_equal(it.control.restarts_count, 0);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
}

static void adoption_assigns_a_worker_that_has_no_tasks_yet(void **state)
{
    (void)state;
    adopt(CONTROL_ACTIVE);
    (void)control_spawned(&it.control, 1, 501, it.now_ns);
    hello(1);
    assert_int_equal(said("send 1 assign active"), 1);
    assert_int_equal(said("send 1 peers -1 of 0 501"), 1);
}

static void adoption_tells_of_a_worker_that_died_meanwhile(void **state)
{
    (void)state;
    adopt(CONTROL_ACTIVE);
    (void)control_spawned(&it.control, 0, 500, it.now_ns);
    (void)control_spawned(&it.control, 1, 501, it.now_ns);
    hello_running(0);
    forget();
    exited(1, "killed by SIGKILL (signal 9)");
    assert_int_equal(it.control.restarts_count, 1);
    pass(0);
    beat(0); /* The first one after the HELLO is answered with what it should know. */
    assert_int_equal(said("send 0 peers 10 of 500 501"), 1);
}

static void adoption_reminds_of_the_state_at_the_first_beat(void **state)
{
    (void)state;
    adopt_both(CONTROL_INACTIVE);
    beat_with(0, (struct message_beat){.state = COMMAND_ACTIVATE});
    assert_int_equal(said("send 0 deactivate"), 1);
    adopt_both(CONTROL_DRAINING);
    control_drain(&it.control, 5000, it.now_ns);
    beat_with(0, (struct message_beat){.state = COMMAND_ACTIVATE});
    assert_in_range(said("send 0 drain"), 1, 2);
    adopt_both(CONTROL_ACTIVE);
    beat_with(0, (struct message_beat){.state = COMMAND_ACTIVATE});
    assert_int_equal(said("send 0 activate") + said("send 0 deactivate"), 0);
}

static void adoption_of_unknown_incarnations_waits_for_the_keeper(void **state)
{
    (void)state;
    adopt(CONTROL_ACTIVE);
    struct message message = from(0, MESSAGE_HELLO);
    message.incarnation = 500;
    message.as.hello.data_endpoint = "ep0";
    message.as.hello.running = true;
    control_message(&it.control, &message, it.now_ns);
    assert_int_equal(it.used, 0);
    (void)control_spawned(&it.control, 0, 500, it.now_ns);
    control_message(&it.control, &message, it.now_ns);
    assert_int_equal(said("connect 0 ep0"), 1);
}

static void adoption_refuses_messages_to_an_earlier_coordinator(void **state)
{
    (void)state;
    adopt(CONTROL_ACTIVE);
    (void)control_spawned(&it.control, 0, 500, it.now_ns);
    struct message message = from(0, MESSAGE_HELLO);
    message.as.hello.data_endpoint = "ep0";
    message.as.hello.running = true;
    message.epoch = EPOCH - 1;
    control_message(&it.control, &message, it.now_ns);
    message.epoch = EPOCH + 1;
    control_message(&it.control, &message, it.now_ns);
    assert_int_equal(it.used, 0);
    assert_int_equal(control_heard_ns(&it.control, 0), it.now_ns);
}

/* Both workers were quiet for the earlier coordinator and still say its round: a worker forgets it when
 * it turns to another coordinator, but messages may be under way. */
static void adoption_is_not_proved_quiet_by_answers_to_an_earlier_coordinator(void **state)
{
    (void)state;
    start_all();
    quiet_beats(3, 0, 9, 9);
    assert_int_equal(it.control.state, CONTROL_FINISHING);
    uint32_t old_round = it.control.round;
    adopt_both(CONTROL_DRAINING);
    control_drain(&it.control, 600000, it.now_ns);
    for (int i = 0; i < 20; i++) {
        for (uint32_t worker = 0; worker < 2; worker++) {
            /* To the earlier one, of any round; to this one, of a round that it has not asked for. */
            struct message message = from(worker, MESSAGE_BEAT);
            message.epoch = EPOCH - 1;
            message.as.beat = (struct message_beat){
                .spouts_done = true, .quiet = true, .activity = 5, .round = it.control.round};
            control_message(&it.control, &message, it.now_ns);
            beat_with(worker, (struct message_beat){.spouts_done = true,
                                                    .quiet = true,
                                                    .activity = 5,
                                                    .round = old_round + 7});
        }
        pass(5);
    }
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    quiet_beats(3, 0, 9, 9);
    assert_int_equal(it.control.state, CONTROL_FINISHING);
}

/* A worker whose HELLO was lost has no way back yet: it cannot have been asked. */
static void adoption_takes_no_answers_of_a_worker_that_was_not_greeted(void **state)
{
    (void)state;
    adopt(CONTROL_DRAINING);
    for (uint32_t i = 0; i < 2; i++) {
        (void)control_spawned(&it.control, i, 500 + i, it.now_ns);
    }
    hello_running(0);
    for (int i = 0; i < 5; i++) {
        quiet_beats(1, 0, 9, 9);
        pass(5);
    }
    assert_int_equal(it.control.state, CONTROL_DRAINING);
    hello_running(1);
    quiet_beats(3, 0, 9, 9);
    assert_int_equal(it.control.state, CONTROL_FINISHING);
}

static void adoption_ends_a_worker_that_had_stopped_and_starts_another(void **state)
{
    (void)state;
    adopt_both(CONTROL_ACTIVE);
    beat_with(1, (struct message_beat){.state = COMMAND_STOP});
    assert_int_equal(said("send 1 exit"), 0); /* Its last positions are not known. */
    say_final_offsets(1);
    beat_with(1, (struct message_beat){.state = COMMAND_STOP});
    assert_int_equal(said("send 1 exit"), 1);
    exited(1, "exited with 0");
    assert_true(control_spawned(&it.control, 1, 600, it.now_ns));
    hello(1);
    assert_int_equal(said("send 1 assign active"), 1);
    assert_int_equal(said("send 0 peers 11 of 500 600"), 1);
}

/* ---- Processes ---- */

static void spawned_again_is_no_news_and_the_dead_stay_dead(void **state)
{
    (void)state;
    start_all();
    uint64_t old = it.control.workers[1].incarnation;
    assert_true(control_spawned(&it.control, 1, old, it.now_ns));
    assert_int_equal(it.used, 0);
    it.keeper_away = true;
    exited(1, "its host is lost");
    control_exited(&it.control, 1, old, "exited with 0", it.now_ns);
    control_exited(&it.control, 1, 4711, "exited with 0", it.now_ns);
    assert_int_equal(it.control.restarts_count, 1);
    assert_int_equal(said("send 0 peers 10"), 1);
    assert_false(control_spawned(&it.control, 1, old, it.now_ns)); /* Its host came back. */
    struct message message = from(1, MESSAGE_EVENT);
    message.as.event.event = EVENT_FATAL;
    control_message(&it.control, &message, it.now_ns);
    assert_false(it.control.failed);
    assert_true(control_spawned(&it.control, 1, old + 1000, it.now_ns));
}

static void spawned_anew_buries_the_one_before(void **state)
{
    (void)state;
    start_all();
    assert_true(control_spawned(&it.control, 1, 900, it.now_ns));
    assert_int_equal(it.control.restarts_count, 1);
    assert_int_equal(said("connect 1 -"), 1);
    assert_int_equal(said("send 0 peers 10"), 1);
    hello(1);
    assert_int_equal(said("send 0 peers 11 of 101 900"), 1);
}

static void stop_of_workers_that_never_came_is_over_at_once(void **state)
{
    (void)state;
    it.keeper_away = true;
    control_start(&it.control, it.now_ns);
    control_abort(&it.control, it.now_ns);
    assert_int_equal(said("keep 0 none"), 1);
    assert_int_equal(said("keep 1 none"), 1);
    assert_int_equal(it.control.state, CONTROL_STOPPED);
}

/* ---- Topologies that outlive errors ---- */

static void persistent_topology_outlives_any_number_of_crashes(void **state)
{
    (void)state;
    persist();
    control_start(&it.control, it.now_ns);
    for (int i = 0; i < 50; i++) {
        hello(1);
        died(1);
        pass(10);
    }
    assert_false(it.control.failed);
    assert_int_equal(it.control.state, CONTROL_STARTING);
    assert_int_equal(it.control.workers[1].start_failures, 50);
}

static void persistent_topology_outlives_a_fatal_error(void **state)
{
    (void)state;
    persist();
    start_all();
    for (int i = 0; i < 3; i++) { /* It is said again and again. */
        say_fatal(1);
        say_final_offsets(1);
        beat_with(1, (struct message_beat){.state = COMMAND_STOP});
    }
    assert_int_equal(said("error 1 task 0 bolt \"a\", task 2"), 1);
    assert_int_equal(said("send 1 exit"), 3);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
    died(1);
    hello(1);
    say_fatal(1);
    assert_int_equal(said("error 1 task 0"), 2); /* Of another process. */
}

static void component_errors_are_told(void **state)
{
    (void)state;
    start_all();
    struct message message = from(0, MESSAGE_EVENT);
    message.as.event.event = EVENT_COMPONENT_ERROR;
    message.as.event.task = 3;
    message.as.event.text = "no such field";
    control_message(&it.control, &message, it.now_ns);
    assert_int_equal(said("error 0 task 3 no such field"), 1);
    assert_int_equal(it.control.state, CONTROL_ACTIVE);
}

/* ---- From outside ---- */

static void halt_ends_without_finish(void **state)
{
    (void)state;
    start_all();
    control_halt(&it.control, 5000, it.now_ns);
    assert_int_equal(said("send 0 drain"), 1);
    quiet_beats(3, 0, 9, 9);
    assert_int_equal(it.control.state, CONTROL_STOPPING);
    assert_int_equal(said("send 0 finish"), 0);
    assert_int_equal(said("send 0 stop"), 1);
    assert_false(it.control.aborted);
}

static void inactive_from_the_start_is_kept(void **state)
{
    (void)state;
    struct control_options options = options_make();
    control_fini(&it.control);
    options.state = CONTROL_INACTIVE;
    assert_int_equal(control_init(&it.control, &options), GALE_OK);
    control_start(&it.control, it.now_ns);
    hello(0);
    beat(0);
    assert_int_equal(said("send 0 assign inactive"), 1);
    assert_int_equal(it.control.state, CONTROL_INACTIVE);
    control_activate(&it.control, true, it.now_ns);
    assert_int_equal(said("send 0 activate"), 1);
}

static void deactivate_before_the_first_beat_is_kept(void **state)
{
    (void)state;
    control_start(&it.control, it.now_ns);
    hello(0);
    control_activate(&it.control, false, it.now_ns);
    assert_int_equal(said("send 0 deactivate"), 1);
    beat(0);
    assert_int_equal(it.control.state, CONTROL_INACTIVE);
    hello(1);
    assert_int_equal(said("send 1 assign inactive"), 1);
}

static void told_messages_reach_those_with_tasks_and_samples_come_back(void **state)
{
    (void)state;
    control_start(&it.control, it.now_ns);
    hello(1);
    struct message level = {.type = MESSAGE_LOG_LEVEL};
    level.as.log_level = (struct message_log_level){0, "b", 1000};
    control_tell(&it.control, &level);
    assert_int_equal(said("send 1 level 0 b"), 1);
    struct message tap = {.type = MESSAGE_TAP};
    tap.as.tap = (struct message_tap){.tap = 9, .component = "s", .stream = "default"};
    control_tell(&it.control, &tap);
    assert_int_equal(said("send 1 tap 9 s"), 1);
    assert_int_equal(said("send 0"), 0);
    struct message sample = from(1, MESSAGE_SAMPLE);
    sample.as.sample.tap = 9;
    control_message(&it.control, &sample, it.now_ns);
    sample.incarnation--;
    control_message(&it.control, &sample, it.now_ns);
    assert_int_equal(said("sample 1 of 9"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(adoption_keeps_tasks_and_says_nothing_of_workers_not_heard_of),
        CASE(adoption_assigns_a_worker_that_has_no_tasks_yet),
        CASE(adoption_tells_of_a_worker_that_died_meanwhile),
        CASE(adoption_reminds_of_the_state_at_the_first_beat),
        CASE(adoption_of_unknown_incarnations_waits_for_the_keeper),
        CASE(adoption_refuses_messages_to_an_earlier_coordinator),
        CASE(adoption_is_not_proved_quiet_by_answers_to_an_earlier_coordinator),
        CASE(adoption_takes_no_answers_of_a_worker_that_was_not_greeted),
        CASE(adoption_ends_a_worker_that_had_stopped_and_starts_another),
        CASE(spawned_again_is_no_news_and_the_dead_stay_dead),
        CASE(spawned_anew_buries_the_one_before),
        CASE(stop_of_workers_that_never_came_is_over_at_once),
        CASE(persistent_topology_outlives_any_number_of_crashes),
        CASE(persistent_topology_outlives_a_fatal_error),
        CASE(component_errors_are_told),
        CASE(halt_ends_without_finish),
        CASE(inactive_from_the_start_is_kept),
        CASE(deactivate_before_the_first_beat_is_kept),
        CASE(told_messages_reach_those_with_tasks_and_samples_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real worker process against a coordinator that says what it likes: garbage, stale and repeated
 * messages, frames from nobody.
 */
#include "worker_fixture.h"

#define RANDOM_MESSAGES 2000

static const uint16_t task_worker_other[] = {0, 1, 1};

static int start_fifth(void **state)
{
    (void)state;
    return start_as(5);
}

/* ---- Cases ---- */

static void worker_greets_works_and_ends_in_order(void **state)
{
    (void)state;
    assign_and_work();
    assert_true(it.beat.spouts_done);
    assert_int_equal(it.refused, 0);
    end_in_order(0);
    assert_true(it.finals >= 1);
}

static void worker_garbage_is_refused_and_it_lives_on(void **state)
{
    (void)state;
    static const uint8_t garbage[] = {0xdf, 0xff, 0xff, 0xff, 0xff, 0xdd, 0x7f, 0xff};
    UNTIL(it.hellos > 0);
    for (size_t size = 1; size <= sizeof(garbage); size++) {
        send_bytes(garbage, size);
    }
    UNTIL(it.refused == sizeof(garbage));
    /* A good message cut short, one byte less each time. */
    struct message message = assignment(false);
    buf_clear(&it.out);
    assert_int_equal(message_encode(&message, &it.out), GALE_OK);
    size_t size = it.out.size;
    for (size_t cut = 1; cut < size; cut++) {
        send_bytes(it.out.data, cut);
    }
    UNTIL(it.refused == sizeof(garbage) + size - 1);
    assert_int_equal(it.fatals, 0);
    assign_and_work();
    end_in_order(0);
}

static void worker_random_messages_and_frames_are_refused(void **state)
{
    (void)state;
    struct rng rng;
    uint8_t data[256];
    uint64_t seed = (uint64_t)clock_now_ns();
    uint32_t frames = 0;
    print_message("seed %" PRIu64 "\n", seed);
    rng_seed(&rng, seed);
    assign_and_work();
    for (uint32_t i = 0; i < RANDOM_MESSAGES; i++) {
        size_t size = 1 + rng_below(&rng, sizeof(data) - 1);
        for (size_t k = 0; k < size; k++) {
            data[k] = (uint8_t)rng_next(&rng);
        }
        if (i % 2 == 0 && size >= 2) {
            data[0] = 'G';
            data[1] = 'F';
        }
        frames += size >= 2 && data[0] == 'G' && data[1] == 'F' ? 1 : 0;
        send_bytes(data, size);
    }
    UNTIL(it.beat.frames_refused == frames && it.refused >= RANDOM_MESSAGES - frames);
    end_in_order(0);
}

static void worker_stale_messages_have_no_effect(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(false);
    message.epoch--;
    send_message(&message);
    message.epoch += 2;
    send_message(&message);
    message = assignment(false);
    message.attempt--;
    send_message(&message);
    message = assignment(false);
    message.incarnation++;
    send_message(&message);
    message = assignment(false);
    message.worker++;
    send_message(&message);
    message = assignment(false);
    message.topology++;
    send_message(&message);
    UNTIL(it.refused == 6);
    uint32_t hellos = it.hellos;
    UNTIL(it.hellos > hellos); /* It still waits for its tasks. */
    assign_and_work();
    message = to_worker(MESSAGE_COMMAND);
    message.as.command.command = COMMAND_STOP;
    message.epoch--;
    send_message(&message);
    UNTIL(it.refused == 7);
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 2);
    assert_int_equal(it.beat.state, COMMAND_ACTIVATE);
    end_in_order(0);
}

static void worker_second_assignment_changes_nothing(void **state)
{
    (void)state;
    assign_and_work();
    struct message message = assignment(true);
    send_message(&message);
    message = assignment(false);
    message.as.assign.active = false;
    send_message(&message);
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 3);
    assert_int_equal(it.acked, 1000);
    assert_int_equal(it.beat.state, COMMAND_ACTIVATE);
    assert_int_equal(it.fatals, 0);
    end_in_order(0);
}

/* Commands before there are tasks, for levels that are not there, and in any order. */
static void worker_commands_out_of_place_do_no_harm(void **state)
{
    (void)state;
    struct message message = to_worker(MESSAGE_PEERS);
    const struct message_peer peers[3] = {{0, true, 5, "ipc:///nowhere/x"},
                                          {1, true, 6, "no endpoint at all"},
                                          {200, true, 7, "tcp://127.0.0.1:1"}};
    UNTIL(it.hellos > 0);
    command(COMMAND_FINISH, 3);
    command(COMMAND_RESET_STATS, 0);
    command(COMMAND_DEACTIVATE, 0);
    message.as.peers.items = peers;
    message.as.peers.items_count = 3;
    send_message(&message);
    assign_and_work();
    send_message(&message);
    command(COMMAND_FINISH, 1000);
    UNTIL(it.beat.finish_level == 1001);
    command(COMMAND_RESET_STATS, 1);
    command(COMMAND_RESET_STATS, 1); /* A reminder that comes late. */
    UNTIL(it.beat.stats_round == 1 && it.acked == 0);
    command(COMMAND_DRAIN, 0);
    UNTIL(it.beat.state == COMMAND_DRAIN);
    command(COMMAND_DEACTIVATE, 0);
    UNTIL(it.beat.state == COMMAND_DEACTIVATE);
    message = to_worker(MESSAGE_TOUCHED);
    message.as.touched.workers = UINT64_MAX;
    send_message(&message);
    message = to_worker(MESSAGE_HELLO); /* A worker's word, not a coordinator's. */
    message.as.hello.data_endpoint = "x";
    send_message(&message);
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 2);
    end_in_order(0);
}

static void worker_bad_assignment_is_fatal_with_a_sentence(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(true);
    send_message(&message);
    UNTIL(it.fatals >= 1);
    assert_non_null(strstr(it.fatal_text, "prepare returned"));
    UNTIL(it.fatals >= 3); /* It is said until the coordinator ends the run: any may be lost. */
    end_in_order(70);
}

static void worker_assignment_of_other_size_is_fatal_with_a_sentence(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(false);
    message.as.assign.tasks_count = 1; /* The tree has two. */
    send_message(&message);
    UNTIL(it.fatals >= 1);
    assert_non_null(strstr(it.fatal_text, "cannot compile"));
    end_in_order(70);
}

static void worker_assignment_without_a_task_for_it_idles(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(false);
    message.as.assign.workers_count = 2;
    message.as.assign.task_worker = task_worker_other;
    send_message(&message);
    UNTIL(it.beat.state == COMMAND_ACTIVATE);
    assert_int_equal(it.beat.tasks_count, 0);
    end_in_order(0);
}

static void worker_assignment_for_fewer_workers_is_fatal_with_a_sentence(void **state)
{
    (void)state;
    UNTIL(it.hellos > 0);
    struct message message = assignment(false);
    send_message(&message);
    UNTIL(it.fatals >= 1);
    assert_non_null(strstr(it.fatal_text, "cannot compile"));
    end_in_order(70);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(worker_greets_works_and_ends_in_order),
        CASE(worker_garbage_is_refused_and_it_lives_on),
        CASE(worker_random_messages_and_frames_are_refused),
        CASE(worker_stale_messages_have_no_effect),
        CASE(worker_second_assignment_changes_nothing),
        CASE(worker_commands_out_of_place_do_no_harm),
        CASE(worker_bad_assignment_is_fatal_with_a_sentence),
        CASE(worker_assignment_of_other_size_is_fatal_with_a_sentence),
        CASE(worker_assignment_without_a_task_for_it_idles),
        cmocka_unit_test_setup_teardown(
            worker_assignment_for_fewer_workers_is_fatal_with_a_sentence, start_fifth, stop),
    };
    if (argc > 1 && strcmp(argv[1], "worker") == 0) {
        const struct worker_builtins builtins = {spouts, bolts};
        return worker_main(argc - 1, argv + 1, &builtins);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

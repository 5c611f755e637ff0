/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real worker process whose coordinators come and go: told by a file who leads, it turns to each new
 * one, keeps its tasks, and has no ear for those before.
 */
#include "worker/leader_file.h"

#include "worker_fixture.h"

static void file_path(char *out, size_t size)
{
    (void)snprintf(out, size, "%s/coordinator", it.directory);
}

static void tell_leader(uint64_t epoch, const char *endpoint)
{
    char path[128];
    struct gale_error error;
    struct leader leader = {.epoch = epoch};
    file_path(path, sizeof(path));
    (void)snprintf(leader.endpoint, sizeof(leader.endpoint), "%s", endpoint);
    assert_int_equal(leader_file_write(path, &leader, &error), GALE_OK);
}

static int start_by_file(void **state)
{
    (void)state;
    memset(&it, 0, sizeof(it));
    it.by_file = true;
    (void)bind_as(0);
    it.epoch = 100;
    return 0;
}

/* The coordinator is gone, another one has another endpoint and epoch. What came meanwhile is dropped. */
static void take_over(uint64_t epoch, const char *name)
{
    struct gale_error error;
    char wanted[128];
    it.transport->ops->disconnect(it.transport, it.peer);
    it.transport->ops->free(it.transport);
    it.peer = NULL;
    it.epoch = epoch;
    it.hellos = it.runnings = it.beats = it.offsets = it.refused = 0;
    it.position = 0;
    (void)snprintf(wanted, sizeof(wanted), "ipc://%s/%s", it.directory, name);
    assert_int_equal(transport_zmq_new(1, &it.transport, &error), GALE_OK);
    assert_int_equal(
        it.transport->ops->bind(it.transport, wanted, it.endpoint, sizeof(it.endpoint), &error),
        GALE_OK);
}

static void file_that_comes_late_is_found(void **state)
{
    (void)state;
    spawn_worker();
    UNTIL(it.pulses > 1); /* It lives, and says nothing else: nobody leads. */
    assert_int_equal(it.hellos + it.beats, 0);
    tell_leader(100, it.endpoint);
    assign_and_work();
    assert_int_equal(it.runnings, 0);
    end_in_order(0);
}

static void another_leader_gets_a_worker_that_keeps_its_tasks(void **state)
{
    (void)state;
    tell_leader(100, it.endpoint);
    spawn_worker();
    assign_and_work();
    command(COMMAND_COUNT, 3);
    UNTIL(it.beat.round == 3);
    take_over(101, "c2");
    tell_leader(101, it.endpoint);
    UNTIL(it.runnings >= 3); /* Until it is answered. */
    assert_int_equal(it.runnings, it.hellos);
    UNTIL(it.beats > 0);
    assert_int_equal(it.beat.round, 0); /* What the other one asked is forgotten. */
    assert_int_equal(it.acked, 1000);   /* Its tasks are not. */
    struct message message = to_worker(MESSAGE_PEERS);
    message.as.peers.items = NULL;
    send_message(&message);
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 2);
    uint32_t hellos = it.hellos;
    beats = it.beats;
    UNTIL(it.beats > beats + 4);
    assert_int_equal(it.hellos, hellos);
    assert_int_equal(it.beat.state, COMMAND_ACTIVATE);
    end_in_order(0);
}

static void another_leader_is_told_positions_that_did_not_move(void **state)
{
    (void)state;
    tell_leader(100, it.endpoint);
    spawn_worker();
    assign_and_work();
    UNTIL(it.position == 1001); /* Every message was acked; the next id is 1001. */
    take_over(101, "c2");
    tell_leader(101, it.endpoint);
    UNTIL(it.runnings >= 2 && it.beats > 0);
    assert_int_equal(it.offsets,
                     0); /* A leader that does not know it yet could not take them. */
    struct message message = to_worker(MESSAGE_PEERS);
    send_message(&message);
    UNTIL(it.offsets > 0);
    assert_int_equal(it.position, 1001);
    end_in_order(0);
}

static void earlier_leader_is_not_obeyed_any_more(void **state)
{
    (void)state;
    tell_leader(100, it.endpoint);
    spawn_worker();
    assign_and_work();
    tell_leader(101, it.endpoint);
    it.epoch_before = 100;
    it.epoch = 101;
    it.beats = 0;
    UNTIL(it.beats > 0);
    struct message stop = to_worker(MESSAGE_COMMAND);
    stop.as.command.command = COMMAND_STOP;
    stop.epoch = 100;
    send_message(&stop);
    UNTIL(it.refused == 1);
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 2);
    assert_int_equal(it.beat.state, COMMAND_ACTIVATE);
    end_in_order(0);
}

static void lower_epoch_in_the_file_changes_nothing(void **state)
{
    (void)state;
    tell_leader(100, it.endpoint);
    spawn_worker();
    assign_and_work();
    tell_leader(99, "ipc:///nowhere/x");
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 4);
    end_in_order(0);
}

static void works_on_while_nobody_leads_and_the_file_is_gone(void **state)
{
    (void)state;
    char path[128];
    tell_leader(100, it.endpoint);
    spawn_worker();
    assign_and_work();
    file_path(path, sizeof(path));
    assert_int_equal(unlink(path), 0);
    take_over(102, "c3");
    tell_leader(102, it.endpoint);
    UNTIL(it.runnings > 0 && it.beats > 0);
    assert_int_equal(it.acked, 1000);
    end_in_order(0);
}

static void exit_is_obeyed_once_it_has_stopped(void **state)
{
    (void)state;
    int status = 0;
    tell_leader(100, it.endpoint);
    spawn_worker();
    assign_and_work();
    command(COMMAND_EXIT, 0); /* A stray one. */
    uint32_t beats = it.beats;
    UNTIL(it.beats > beats + 2);
    command(COMMAND_STOP, 0);
    UNTIL(it.beat.state == COMMAND_STOP && it.finals > 0);
    command(COMMAND_EXIT, 0);
    assert_int_equal(waitpid(it.pid, &status, 0), it.pid);
    it.pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void one_that_cannot_work_says_so_to_each_leader_and_exits_when_told(void **state)
{
    (void)state;
    int status = 0;
    tell_leader(100, it.endpoint);
    spawn_worker();
    struct message message = assignment(true);
    UNTIL(it.hellos > 0);
    send_message(&message);
    UNTIL(it.fatals > 0);
    take_over(101, "c2");
    it.fatals = 0;
    tell_leader(101, it.endpoint);
    UNTIL(it.runnings > 0 && it.fatals > 0);
    command(COMMAND_EXIT, 0);
    assert_int_equal(waitpid(it.pid, &status, 0), it.pid);
    it.pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start_by_file, stop)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(file_that_comes_late_is_found),
        CASE(another_leader_gets_a_worker_that_keeps_its_tasks),
        CASE(another_leader_is_told_positions_that_did_not_move),
        CASE(earlier_leader_is_not_obeyed_any_more),
        CASE(lower_epoch_in_the_file_changes_nothing),
        CASE(works_on_while_nobody_leads_and_the_file_is_gone),
        CASE(exit_is_obeyed_once_it_has_stopped),
        CASE(one_that_cannot_work_says_so_to_each_leader_and_exits_when_told),
    };
    if (argc > 1 && strcmp(argv[1], "worker") == 0) {
        const struct worker_builtins builtins = {spouts, bolts};
        return worker_main(argc - 1, argv + 1, &builtins);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/host_core and host_wire: a leader's answers as trees, processes as notes of a fake. */
#include "host/host_core.h"

#include "rpc/tree.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define TOPOLOGY UINT64_C(0xabc123)
#define NAME "words"
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct fixture {
    struct host_core core;
    struct host_ports ports;
    struct host_facts facts;
    int64_t now;
    int spawned, termed, killed, forgotten, kept, leaders;
    uint32_t last_attempt;
    uint64_t last_incarnation;
    uint64_t next_incarnation;
    uint64_t leader_epoch;
    char leader[HOST_ENDPOINT_SIZE];
    bool blobs_here;
    bool refuse_spawn;
};

static enum gale_err fake_spawn(void *self, struct host_worker *worker, uint64_t incarnation)
{
    struct fixture *f = self;
    f->spawned++;
    f->last_attempt = worker->spec.attempt;
    f->last_incarnation = incarnation;
    if (f->refuse_spawn) {
        return GALE_ERR_IO;
    }
    worker->pid = 1000 + f->spawned;
    return GALE_OK;
}

static void fake_signal(void *self, struct host_worker *worker, int signal)
{
    struct fixture *f = self;
    (void)worker;
    f->termed += signal == SIGTERM;
    f->killed += signal == SIGKILL;
}

static bool fake_ready(void *self, struct host_worker *worker)
{
    struct fixture *f = self;
    return worker->spec.blobs_count == 0 || f->blobs_here;
}

static void fake_keeps(void *self, struct host_worker *worker)
{
    struct fixture *f = self;
    (void)worker;
    f->kept++;
}

static void fake_forgotten(void *self, struct host_worker *worker)
{
    struct fixture *f = self;
    (void)worker;
    f->forgotten++;
}

static void fake_leader(void *self, uint64_t epoch, const char *control)
{
    struct fixture *f = self;
    f->leaders++;
    f->leader_epoch = epoch;
    snprintf(f->leader, sizeof(f->leader), "%s", control);
}

static void fake_note(void *self, const char *line)
{
    (void)self;
    (void)line;
}

static uint64_t fake_random(void *self)
{
    struct fixture *f = self;
    return ++f->next_incarnation;
}

static struct fixture *make(uint64_t epoch)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->ports = (struct host_ports){.self = f,
                                   .spawn = fake_spawn,
                                   .signal = fake_signal,
                                   .ready = fake_ready,
                                   .keeps = fake_keeps,
                                   .forgotten = fake_forgotten,
                                   .leader = fake_leader,
                                   .note = fake_note,
                                   .random = fake_random};
    f->facts =
        (struct host_facts){.name = "h1", .rpc = "tcp://h1:1", .version = "v", .slots = 4};
    f->now = 1000 * MS;
    assert_int_equal(host_core_init(&f->core, &f->ports, slot_limits_default(), epoch, f->now),
                     GALE_OK);
    return f;
}

static void done(struct fixture *f)
{
    host_core_fini(&f->core);
    free(f);
}

static struct gale_conf *answer_new(int64_t epoch, const char *control)
{
    struct gale_conf *tree = conf_new();
    struct gale_conf *list;
    assert_non_null(tree);
    assert_int_equal(tree_put_int(tree, "epoch", epoch), GALE_OK);
    assert_int_equal(tree_put_text(tree, "control", control), GALE_OK);
    assert_int_equal(conf_add_list(tree, "wanted", &list), GALE_OK);
    return tree;
}

static struct gale_conf *list_of(struct gale_conf *tree)
{
    /* The tree is this test's own; conf.h has no way to find a child for writing. */
    union {
        const struct gale_conf *in;
        struct gale_conf *out;
    } list = {.in = gale_conf_get(tree, "wanted")};
    return list.out;
}

static struct gale_conf *want(struct gale_conf *tree, uint32_t worker, const char *keep,
                              int64_t attempt)
{
    struct gale_conf *map;
    assert_int_equal(conf_add_map(list_of(tree), NULL, &map), GALE_OK);
    assert_int_equal(tree_put_hex64(map, "topology", TOPOLOGY), GALE_OK);
    assert_int_equal(tree_put_text(map, "name", NAME), GALE_OK);
    assert_int_equal(tree_put_int(map, "worker", worker), GALE_OK);
    assert_int_equal(tree_put_text(map, "keep", keep), GALE_OK);
    assert_int_equal(tree_put_int(map, "attempt", attempt), GALE_OK);
    assert_int_equal(tree_put_int(map, "epoch", 3), GALE_OK);
    return map;
}

static void want_blob(struct gale_conf *map, const char *hex)
{
    struct gale_conf *list, *blob;
    assert_int_equal(conf_add_list(map, "blobs", &list), GALE_OK);
    assert_int_equal(conf_add_map(list, NULL, &blob), GALE_OK);
    assert_int_equal(tree_put_text(blob, "sha", hex), GALE_OK);
    assert_int_equal(tree_put_int(blob, "size", 10), GALE_OK);
}

static enum gale_err give(struct fixture *f, struct gale_conf *tree)
{
    struct gale_error error = {0};
    enum gale_err err = host_core_answer(&f->core, tree, f->core.gone_count, f->now, &error);
    assert_true(err == GALE_OK || error.text[0] != '\0');
    conf_free(tree);
    return err;
}

static void give_workers(struct fixture *f, int64_t epoch, uint32_t count, const char *keep,
                         int64_t attempt)
{
    struct gale_conf *tree = answer_new(epoch, "tcp://leader:2");
    for (uint32_t i = 0; i < count; i++) {
        want(tree, i, keep, attempt);
    }
    assert_int_equal(give(f, tree), GALE_OK);
}

static void pass(struct fixture *f, int64_t ms)
{
    f->now += ms * MS;
    host_core_tick(&f->core, f->now);
}

static struct host_worker *worker_at(struct fixture *f, uint32_t index)
{
    return host_core_find(&f->core, TOPOLOGY, index);
}

static void pulse(struct fixture *f, uint32_t index)
{
    struct host_worker *worker = worker_at(f, index);
    assert_non_null(worker);
    host_core_pulse(&f->core, TOPOLOGY, index, worker->slot->slot.incarnation, f->now);
}

static void end(struct fixture *f, uint32_t index, const char *text)
{
    struct host_worker *worker = worker_at(f, index);
    assert_non_null(worker);
    host_core_exited(&f->core, worker, text, f->now);
}

static struct gale_conf *report(struct fixture *f, size_t *gone)
{
    struct gale_conf *tree = conf_new();
    assert_non_null(tree);
    assert_int_equal(host_core_report(&f->core, &f->facts, tree, gone), GALE_OK);
    return tree;
}

static struct host_spec spec_of(uint32_t worker, uint32_t attempt)
{
    struct host_spec spec = {
        .topology = TOPOLOGY, .worker = worker, .attempt = attempt, .epoch = 3};
    snprintf(spec.name, sizeof(spec.name), "%s", NAME);
    return spec;
}

static void host_wanted_workers_are_started_once(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    give_workers(f, 5, 3, "running", 1);
    assert_int_equal(f->spawned, 3);
    assert_int_equal(f->leaders, 1);
    assert_int_equal(f->leader_epoch, 5);
    assert_string_equal(f->leader, "tcp://leader:2");
    give_workers(f, 5, 3, "running", 1);
    pass(f, 10);
    assert_int_equal(f->spawned, 3);
    assert_int_equal(f->leaders, 1);
    done(f);
}

static void host_lower_epoch_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct fixture *f = make(7);
    struct gale_conf *tree = answer_new(6, "tcp://old:1");
    want(tree, 0, "running", 1);
    assert_int_equal(give(f, tree), GALE_ERR_STALE);
    assert_int_equal(f->spawned, 0);
    assert_int_equal(f->leaders, 0);
    give_workers(f, 7, 1, "running", 1);
    assert_int_equal(f->spawned, 1);
    assert_int_equal(give(f, answer_new(6, "tcp://old:1")), GALE_ERR_STALE);
    assert_int_equal(f->termed, 0);
    assert_int_equal(host_core_processes(&f->core), 1);
    done(f);
}

static void host_malformed_answer_is_refused_whole(void **state)
{
    (void)state;
    static const char *const controls[] = {"", "tcp://a:1\nb", "tcp://a b"};
    struct fixture *f = make(0);
    give_workers(f, 5, 2, "running", 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(give(f, answer_new(5, controls[i])), GALE_ERR_CORRUPT);
    }
    assert_int_equal(give(f, answer_new(0, "tcp://a:1")), GALE_ERR_CORRUPT);
    struct gale_conf *tree = conf_new(); /* no list of workers is not an empty one */
    assert_int_equal(tree_put_int(tree, "epoch", 5), GALE_OK);
    assert_int_equal(tree_put_text(tree, "control", "tcp://a:1"), GALE_OK);
    assert_int_equal(give(f, tree), GALE_ERR_CORRUPT);
    tree = answer_new(5, "tcp://a:1");
    want(tree, 0, "perhaps", 1);
    assert_int_equal(give(f, tree), GALE_ERR_CORRUPT);
    tree = answer_new(5, "tcp://a:1");
    want_blob(want(tree, 0, "running", 1), "../../etc/passwd");
    assert_int_equal(give(f, tree), GALE_ERR_CORRUPT);
    tree = answer_new(5, "tcp://a:1");
    assert_int_equal(tree_put_text(want(tree, 0, "running", 1), "log", "loud"), GALE_OK);
    assert_int_equal(give(f, tree), GALE_ERR_CORRUPT);
    pass(f, 10);
    assert_int_equal(f->termed + f->killed, 0);
    assert_int_equal(host_core_processes(&f->core), 2);
    done(f);
}

static void host_name_that_is_no_name_is_refused(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    struct gale_conf *tree = answer_new(5, "tcp://a:1");
    struct gale_conf *map;
    assert_int_equal(conf_add_map(list_of(tree), NULL, &map), GALE_OK);
    assert_int_equal(tree_put_hex64(map, "topology", TOPOLOGY), GALE_OK);
    assert_int_equal(tree_put_text(map, "name", "../../tmp"), GALE_OK);
    assert_int_equal(tree_put_int(map, "worker", 0), GALE_OK);
    assert_int_equal(tree_put_text(map, "keep", "running"), GALE_OK);
    assert_int_equal(tree_put_int(map, "attempt", 1), GALE_OK);
    assert_int_equal(tree_put_int(map, "epoch", 1), GALE_OK);
    assert_int_equal(give(f, tree), GALE_ERR_CORRUPT);
    done(f);
}

static void host_unwanted_worker_is_ended_and_told(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    size_t gone;
    give_workers(f, 5, 2, "running", 1);
    uint64_t incarnation = worker_at(f, 1)->slot->slot.incarnation;
    give_workers(f, 5, 1, "running", 1);
    assert_int_equal(f->termed, 1);
    end(f, 1, "killed by SIGTERM");
    pass(f, 10);
    assert_null(worker_at(f, 1));
    assert_int_equal(f->forgotten, 1);
    struct gale_conf *tree = report(f, &gone);
    const struct gale_conf *list = gale_conf_get(tree, "gone");
    assert_int_equal(gone, 1);
    assert_int_equal(gale_conf_count(list), 1);
    assert_true(tree_hex64(gale_conf_at(list, 0), "incarnation", 0) == incarnation);
    assert_string_equal(gale_conf_string(gale_conf_at(list, 0), "exit", ""),
                        "killed by SIGTERM");
    assert_int_equal(gale_conf_count(gale_conf_get(tree, "held")), 1);
    conf_free(tree);
    done(f);
}

static void host_dead_worker_is_restarted_without_a_leader(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    give_workers(f, 5, 1, "running", 1);
    pulse(f, 0);
    uint64_t first = f->last_incarnation;
    end(f, 0, "killed by SIGKILL (signal 9)");
    pass(f, 1);
    assert_int_equal(f->spawned, 2);
    assert_true(f->last_incarnation != first);
    assert_int_equal(f->core.gone_count, 1);
    done(f);
}

static void host_silent_worker_is_killed_and_replaced(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    give_workers(f, 5, 1, "running", 1);
    pulse(f, 0);
    pass(f, 1400);
    assert_int_equal(f->killed, 0);
    pass(f, 200);
    assert_int_equal(f->killed, 1);
    end(f, 0, "killed by SIGKILL (signal 9)");
    assert_non_null(strstr(worker_at(f, 0)->exit, "was silent"));
    pass(f, 1);
    assert_int_equal(f->spawned, 2);
    done(f);
}

static void host_blobs_come_before_the_start(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    size_t gone;
    struct gale_conf *tree = answer_new(5, "tcp://leader:2");
    want_blob(want(tree, 0, "running", 1), HEX);
    assert_int_equal(give(f, tree), GALE_OK);
    assert_int_equal(f->spawned, 0);
    tree = report(f, &gone);
    const struct gale_conf *held = gale_conf_at(gale_conf_get(tree, "held"), 0);
    assert_string_equal(gale_conf_string(held, "state", ""), "fetching");
    conf_free(tree);
    f->blobs_here = true;
    pass(f, 10);
    assert_int_equal(f->spawned, 1);
    assert_string_equal(host_worker_state(worker_at(f, 0)), "starting");
    /* Gone from the disk before a restart: no process without its code. */
    f->blobs_here = false;
    end(f, 0, "exited with 1");
    pass(f, 10);
    assert_int_equal(f->spawned, 1);
    done(f);
}

static void host_other_attempt_starts_after_the_old_process_has_ended(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    give_workers(f, 5, 1, "running", 1);
    pulse(f, 0);
    give_workers(f, 5, 1, "running", 2);
    assert_int_equal(f->termed, 1);
    assert_int_equal(f->spawned, 1);
    pass(f, 100);
    assert_int_equal(f->spawned, 1);
    end(f, 0, "exited with 0");
    pass(f, 1);
    pass(f, 1);
    assert_int_equal(f->spawned, 2);
    assert_int_equal(f->last_attempt, 2);
    assert_int_equal(worker_at(f, 0)->held_attempt, 2);
    done(f);
}

static void host_ending_worker_is_left_alone_and_not_started_again(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    give_workers(f, 5, 1, "running", 1);
    pulse(f, 0);
    give_workers(f, 5, 1, "ending", 1);
    assert_int_equal(f->termed, 0);
    assert_int_equal(f->kept, 1); /* The next life of the supervisor knows it, too. */
    end(f, 0, "exited with 0");
    pass(f, 1);
    pass(f, 1000);
    assert_int_equal(f->spawned, 1);
    assert_null(worker_at(f, 0));
    give_workers(f, 5, 1, "ending", 1);
    assert_null(worker_at(f, 0));
    done(f);
}

static void host_gone_is_told_until_it_is_acknowledged(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    struct gale_error error;
    size_t gone;
    give_workers(f, 5, 2, "running", 1);
    end(f, 0, "first");
    struct gale_conf *first = report(f, &gone);
    assert_int_equal(gone, 1);
    end(f, 1, "second"); /* Behind the leader's back: it acknowledges what it was told. */
    struct gale_conf *tree = answer_new(5, "tcp://leader:2");
    want(tree, 0, "running", 1);
    want(tree, 1, "running", 1);
    assert_int_equal(tree_put_int(tree, "acknowledged_gone", 100), GALE_OK);
    assert_int_equal(host_core_answer(&f->core, tree, gone, f->now, &error), GALE_OK);
    conf_free(tree);
    conf_free(first);
    tree = report(f, &gone);
    assert_int_equal(gone, 1);
    assert_string_equal(
        gale_conf_string(gale_conf_at(gale_conf_get(tree, "gone"), 0), "exit", ""), "second");
    conf_free(tree);
    done(f);
}

static void host_some_go_while_others_start(void **state)
{
    (void)state;
    struct fixture *f = make(5);
    struct host_spec spec;
    for (uint32_t i = 0; i < 4; i++) { /* Dead ones that nobody wants, before new ones. */
        spec = spec_of(i, 1);
        assert_int_equal(host_core_restore(&f->core, &spec, KEEP_RUNNING, 70 + i, false, "away",
                                           f->now, NULL),
                         GALE_OK);
    }
    struct gale_conf *tree = answer_new(6, "tcp://leader:2");
    for (uint32_t i = 3; i < 20; i++) {
        want(tree, i, "running", 1);
    }
    assert_int_equal(give(f, tree), GALE_OK);
    assert_int_equal(f->spawned, 17);
    assert_int_equal(f->forgotten, 3);
    assert_int_equal(host_core_processes(&f->core), 17);
    done(f);
}

static void host_gone_is_bounded(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    f->refuse_spawn = true;
    give_workers(f, 5, 1, "running", 1);
    for (int i = 0; i < HOST_GONE_MAX + 50; i++) {
        pass(f, 11000);
    }
    assert_int_equal(f->core.gone_count, HOST_GONE_MAX);
    assert_true(f->core.gone_dropped_count > 0);
    done(f);
}

static void host_adopted_worker_is_neither_started_nor_ended(void **state)
{
    (void)state;
    struct fixture *f = make(5);
    struct host_spec spec = spec_of(0, 1);
    struct host_worker *worker;
    assert_int_equal(
        host_core_restore(&f->core, &spec, KEEP_RUNNING, 77, true, "", f->now, &worker),
        GALE_OK);
    assert_string_equal(host_worker_state(worker), "running");
    give_workers(f, 6, 1, "running", 1);
    pass(f, 400);
    pulse(f, 0);
    pass(f, 1400);
    assert_int_equal(f->spawned + f->termed + f->killed, 0);
    assert_true(worker_at(f, 0)->slot->slot.incarnation == 77);
    done(f);
}

static void host_adopted_worker_has_time_to_find_the_socket(void **state)
{
    (void)state;
    struct fixture *f = make(5);
    struct host_spec spec = spec_of(0, 1);
    assert_int_equal(
        host_core_restore(&f->core, &spec, KEEP_RUNNING, 77, true, "", f->now, NULL), GALE_OK);
    pass(f, 2400);
    assert_int_equal(f->killed, 0);
    pass(f, 200);
    assert_int_equal(f->killed, 1);
    done(f);
}

static void host_adopted_worker_of_another_attempt_is_replaced(void **state)
{
    (void)state;
    struct fixture *f = make(5);
    struct host_spec spec = spec_of(0, 1);
    assert_int_equal(
        host_core_restore(&f->core, &spec, KEEP_RUNNING, 77, true, "", f->now, NULL), GALE_OK);
    give_workers(f, 6, 1, "running", 2);
    assert_int_equal(f->termed, 1);
    end(f, 0, "ended");
    pass(f, 1);
    pass(f, 1);
    assert_int_equal(f->spawned, 1);
    assert_int_equal(f->last_attempt, 2);
    done(f);
}

static void host_adopted_worker_that_is_not_wanted_is_ended(void **state)
{
    (void)state;
    struct fixture *f = make(5);
    struct host_spec spec = spec_of(0, 1);
    assert_int_equal(
        host_core_restore(&f->core, &spec, KEEP_RUNNING, 77, true, "", f->now, NULL), GALE_OK);
    give_workers(f, 6, 0, "running", 1);
    assert_int_equal(f->termed, 1);
    done(f);
}

static void host_found_dead_waits_for_the_leader_then_starts(void **state)
{
    (void)state;
    struct fixture *f = make(5);
    struct host_spec spec = spec_of(0, 1);
    assert_int_equal(
        host_core_restore(&f->core, &spec, KEEP_RUNNING, 77, false, "ended away", f->now, NULL),
        GALE_OK);
    assert_int_equal(f->core.gone_count, 1);
    pass(f, 100);
    assert_int_equal(f->spawned, 0);
    pass(f, 450); /* Nobody answers: as it was wanted last. */
    assert_int_equal(f->spawned, 1);
    done(f);
}

static void host_found_dead_and_not_wanted_is_not_started(void **state)
{
    (void)state;
    struct fixture *f = make(5);
    struct host_spec spec = spec_of(0, 1);
    assert_int_equal(
        host_core_restore(&f->core, &spec, KEEP_RUNNING, 77, false, "ended away", f->now, NULL),
        GALE_OK);
    pass(f, 100);
    give_workers(f, 6, 0, "running", 1);
    pass(f, 1000);
    assert_int_equal(f->spawned, 0);
    assert_null(worker_at(f, 0));
    done(f);
}

static void host_stop_ends_all_and_obeys_no_more(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    give_workers(f, 5, 2, "running", 1);
    pulse(f, 0);
    host_core_stop(&f->core, f->now);
    assert_int_equal(f->termed, 2);
    struct gale_conf *tree = answer_new(5, "tcp://leader:2");
    want(tree, 0, "running", 1);
    assert_int_equal(give(f, tree), GALE_ERR_STATE);
    end(f, 0, "exited with 0");
    assert_int_equal(host_core_processes(&f->core), 1);
    pass(f, 3100); /* The other does not listen. */
    assert_int_equal(f->killed, 1);
    end(f, 1, "killed by SIGKILL (signal 9)");
    pass(f, 1);
    assert_int_equal(host_core_processes(&f->core), 0);
    assert_int_equal(f->spawned, 2);
    done(f);
}

static void host_change_is_told_at_once(void **state)
{
    (void)state;
    struct fixture *f = make(0);
    give_workers(f, 5, 1, "running", 1);
    assert_true(host_core_take_changed(&f->core));
    assert_false(host_core_take_changed(&f->core));
    pulse(f, 0); /* starting → running */
    assert_true(host_core_take_changed(&f->core));
    pulse(f, 0);
    assert_false(host_core_take_changed(&f->core));
    end(f, 0, "exited with 1");
    assert_true(host_core_take_changed(&f->core));
    done(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_wanted_workers_are_started_once),
        cmocka_unit_test(host_lower_epoch_is_refused_and_changes_nothing),
        cmocka_unit_test(host_malformed_answer_is_refused_whole),
        cmocka_unit_test(host_name_that_is_no_name_is_refused),
        cmocka_unit_test(host_unwanted_worker_is_ended_and_told),
        cmocka_unit_test(host_dead_worker_is_restarted_without_a_leader),
        cmocka_unit_test(host_silent_worker_is_killed_and_replaced),
        cmocka_unit_test(host_blobs_come_before_the_start),
        cmocka_unit_test(host_other_attempt_starts_after_the_old_process_has_ended),
        cmocka_unit_test(host_ending_worker_is_left_alone_and_not_started_again),
        cmocka_unit_test(host_gone_is_told_until_it_is_acknowledged),
        cmocka_unit_test(host_some_go_while_others_start),
        cmocka_unit_test(host_gone_is_bounded),
        cmocka_unit_test(host_adopted_worker_is_neither_started_nor_ended),
        cmocka_unit_test(host_adopted_worker_has_time_to_find_the_socket),
        cmocka_unit_test(host_adopted_worker_of_another_attempt_is_replaced),
        cmocka_unit_test(host_adopted_worker_that_is_not_wanted_is_ended),
        cmocka_unit_test(host_found_dead_waits_for_the_leader_then_starts),
        cmocka_unit_test(host_found_dead_and_not_wanted_is_not_started),
        cmocka_unit_test(host_stop_ends_all_and_obeys_no_more),
        cmocka_unit_test(host_change_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

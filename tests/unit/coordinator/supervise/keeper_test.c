/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper with ports that only write down what is asked of them. */
#include "supervise/keeper.h"

#include "base/assert.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define TOPOLOGY UINT64_C(0xabc)

static struct {
    char log[1 << 14];
    size_t used;
    uint64_t random;
    bool spawn_fails, starves;
    int users; /* not freed yet */
    enum keep answer;
    bool answers; /* `changed` calls keeper_keep in return */
    struct keeper keeper;
    int64_t now_ns;
} it;

static void say(const char *format, ...) GALE_PRINTF(1, 2);
static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(it.log + it.used, sizeof(it.log) - it.used, format, args);
    va_end(args);
    GALE_ASSERT(size >= 0 && it.used + (size_t)size + 2 < sizeof(it.log));
    it.used += (size_t)size;
    it.log[it.used++] = '\n';
    it.log[it.used] = '\0';
}

/* How often a line that begins so was written since the last forget(). */
static unsigned said(const char *line)
{
    unsigned count = 0;
    for (const char *at = it.log; *at; at = strchr(at, '\n') + 1) {
        count += strncmp(at, line, strlen(line)) == 0 ? 1 : 0;
    }
    return count;
}

static void forget(void)
{
    it.used = 0;
    it.log[0] = '\0';
}

static enum gale_err on_spawn(void *self, struct keeper_slot *slot)
{
    (void)self;
    say("spawn %" PRIx64 ".%u %" PRIu64, slot->topology, slot->worker, slot->slot.incarnation);
    if (!slot->user) {
        slot->user = malloc(1);
        it.users++;
    }
    return it.spawn_fails ? GALE_ERR_NOT_FOUND : GALE_OK;
}

static void on_signal(void *self, struct keeper_slot *slot, int signal)
{
    (void)self;
    say("signal %u %s", slot->worker, signal == SIGKILL ? "kill" : "term");
}

static bool on_may_starve(void *self, struct keeper_slot *slot)
{
    (void)self;
    (void)slot;
    return it.starves;
}

static void on_changed(void *self, struct keeper_slot *slot, const char *text)
{
    (void)self;
    say("changed %u %s", slot->worker, text ? text : "started");
    if (it.answers) {
        (void)keeper_keep(&it.keeper, slot->topology, slot->worker, it.answer, it.now_ns);
    }
}

static void on_forgotten(void *self, struct keeper_slot *slot)
{
    (void)self;
    say("forgotten %u", slot->worker);
    it.users -= slot->user != NULL;
    free(slot->user);
}

static uint64_t on_random(void *self)
{
    (void)self;
    return ++it.random;
}

static int start(void **state)
{
    static const struct keeper_ports ports = {.spawn = on_spawn,
                                              .signal = on_signal,
                                              .may_starve = on_may_starve,
                                              .changed = on_changed,
                                              .forgotten = on_forgotten,
                                              .random = on_random};
    (void)state;
    memset(&it, 0, sizeof(it));
    it.random = 100;
    it.now_ns = 1000 * MS;
    keeper_init(&it.keeper, &ports, slot_limits_default());
    return 0;
}

static int stop(void **state)
{
    (void)state;
    keeper_fini(&it.keeper);
    return it.users;
}

static void keep(uint32_t worker, enum keep keep)
{
    assert_int_equal(keeper_keep(&it.keeper, TOPOLOGY, worker, keep, it.now_ns), GALE_OK);
}

/* Time passes, and the keeper is asked as often as it wants to be. */
static void pass(int64_t ms)
{
    int64_t end_ns = it.now_ns + ms * MS;
    for (int64_t next; (next = keeper_next_ns(&it.keeper)) < end_ns;) {
        it.now_ns = next > it.now_ns ? next : it.now_ns + MS;
        keeper_tick(&it.keeper, it.now_ns);
    }
    it.now_ns = end_ns;
    keeper_tick(&it.keeper, it.now_ns);
}

static struct keeper_slot *slot(uint32_t worker)
{
    return keeper_find(&it.keeper, TOPOLOGY, worker);
}

static void pulse(uint32_t worker)
{
    keeper_pulse(&it.keeper, TOPOLOGY, worker, slot(worker)->slot.incarnation, it.now_ns);
}

static void exited(uint32_t worker, const char *text)
{
    keeper_exited(&it.keeper, slot(worker), text, it.now_ns);
}

/* ---- Cases ---- */

static void running_is_started_at_once_and_again_after_each_death(void **state)
{
    (void)state;
    keep(3, KEEP_RUNNING);
    keep(3, KEEP_RUNNING);
    assert_int_equal(said("spawn abc.3 101"), 1);
    assert_int_equal(said("spawn"), 1);
    assert_int_equal(said("changed 3 started"), 1);
    pulse(3);
    assert_int_equal(slot(3)->slot.state, SLOT_RUNNING);
    exited(3, "killed by SIGKILL (signal 9)");
    assert_int_equal(said("changed 3 killed by SIGKILL"), 1);
    assert_true(keeper_next_ns(&it.keeper) <= it.now_ns);
    pass(0);
    assert_int_equal(said("spawn abc.3 102"), 1);
    assert_int_equal(said("changed 3 started"), 2);
    assert_int_equal(slot(3)->deaths_in_row, 1);
}

static void deaths_in_a_row_are_delayed_more_and_more(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    for (uint32_t i = 1; i <= 4; i++) {
        exited(0, "exited with 1");
        assert_int_equal(slot(0)->deaths_in_row, i);
        unsigned spawned = said("spawn");
        int64_t wait_ns = keeper_next_ns(&it.keeper) - it.now_ns;
        assert_int_equal(wait_ns, i == 1 ? 0 : (100 << (i - 2)) * MS);
        it.now_ns += wait_ns;
        keeper_tick(&it.keeper, it.now_ns - 1);
        assert_int_equal(said("spawn"), spawned);
        keeper_tick(&it.keeper, it.now_ns);
        assert_int_equal(said("spawn"), spawned + 1);
    }
    pulse(0);
    pass(1100);
    pulse(0);
    exited(0, "exited with 1");
    assert_int_equal(slot(0)->deaths_in_row, 1); /* It had run for a while. */
}

static void spawn_error_is_an_exit(void **state)
{
    (void)state;
    it.spawn_fails = true;
    keep(0, KEEP_RUNNING);
    assert_int_equal(said("changed 0 started"), 1);
    assert_int_equal(said("changed 0 could not be started"), 1);
    assert_int_equal(slot(0)->slot.state, SLOT_BACKOFF);
    it.spawn_fails = false;
    pass(0);
    assert_int_equal(said("spawn"), 2);
    assert_int_equal(slot(0)->slot.state, SLOT_STARTING);
}

static void silence_is_killed_and_said(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    keep(1, KEEP_RUNNING);
    pulse(0);
    pulse(1);
    pass(1000);
    pulse(0);
    pass(499);
    assert_int_equal(said("signal"), 0);
    pass(2);
    assert_int_equal(said("signal 1 kill"), 1);
    assert_int_equal(said("signal 0"), 0);
    pass(100);
    assert_int_equal(said("signal 1 kill"), 1);
    exited(1, "killed by SIGKILL (signal 9)");
    assert_int_equal(said("changed 1 was silent and killed"), 1);
}

static void pulse_of_another_incarnation_does_not_count(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    pulse(0);
    for (int i = 0; i < 4; i++) {
        pass(400);
        keeper_pulse(&it.keeper, TOPOLOGY, 0, 99, it.now_ns);
        keeper_pulse(&it.keeper, TOPOLOGY + 1, 0, 101, it.now_ns);
        keeper_pulse(&it.keeper, TOPOLOGY, 9, 101, it.now_ns);
    }
    assert_int_equal(said("signal 0 kill"), 1);
}

static void silence_of_a_starved_process_is_excused_for_a_while(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    pulse(0);
    it.starves = true;
    int64_t begin = it.now_ns;
    while (it.now_ns - begin < KEEPER_STARVE_NS) {
        assert_int_equal(said("signal"), 0);
        pass(500);
    }
    pass(1500);
    assert_int_equal(said("signal 0 kill"), 1);
}

static void none_ends_by_term_then_kill_and_is_forgotten(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    keep(1, KEEP_RUNNING);
    pulse(0);
    keep(0, KEEP_NONE);
    keep(0, KEEP_NONE);
    assert_int_equal(said("signal 0 term"), 1);
    pass(2000);
    keeper_prolong(&it.keeper, TOPOLOGY, 0, it.now_ns);
    pulse(1);
    pass(1400);
    assert_int_equal(said("signal 0 kill"), 0);
    pulse(1);
    pass(1400);
    pulse(1);
    pass(300);
    assert_int_equal(said("signal 0 kill"), 1);
    assert_int_equal(said("forgotten"), 0);
    exited(0, "killed by SIGKILL (signal 9)");
    assert_int_equal(said("changed 0 killed by"), 1);
    assert_non_null(slot(0));
    assert_true(keeper_next_ns(&it.keeper) <= it.now_ns);
    pass(0);
    assert_int_equal(said("forgotten 0"), 1);
    assert_null(slot(0));
    assert_int_equal(keeper_count(&it.keeper), 1);
    assert_ptr_equal(keeper_at(&it.keeper, 0), slot(1));
    assert_int_equal(said("spawn"), 2);
}

static void none_of_one_in_back_off_needs_no_signal(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    exited(0, "exited with 1");
    keep(0, KEEP_NONE);
    keep(5, KEEP_NONE); /* Was never there. */
    keep(5, KEEP_ENDING);
    pass(0);
    assert_int_equal(said("signal"), 0);
    assert_int_equal(said("forgotten 0"), 1);
    assert_int_equal(keeper_count(&it.keeper), 0);
    assert_int_equal(keeper_next_ns(&it.keeper), INT64_MAX);
}

static void ending_is_left_alone_and_not_started_again(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    pulse(0);
    keep(0, KEEP_ENDING);
    for (int i = 0; i < 50; i++) {
        pass(400);
        pulse(0);
    }
    assert_int_equal(said("signal"), 0);
    exited(0, "exited with 0");
    assert_int_equal(said("changed 0 exited with 0"), 1);
    pass(100000);
    assert_int_equal(said("spawn"), 1);
    assert_non_null(slot(0)); /* Until nobody wants it at all. */
    keep(0, KEEP_NONE);
    pass(0);
    assert_null(slot(0));
}

static void ending_that_is_silent_is_killed(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    pulse(0);
    keep(0, KEEP_ENDING);
    pass(1600);
    assert_int_equal(said("signal 0 kill"), 1);
    exited(0, "killed by SIGKILL (signal 9)");
    pass(100);
    assert_int_equal(said("spawn"), 1);
}

static void wanted_again_while_it_ends_is_started_after_its_exit(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    pulse(0);
    keep(0, KEEP_NONE);
    keep(0, KEEP_RUNNING);
    pass(0);
    assert_int_equal(said("spawn"), 1);
    exited(0, "exited with 0");
    assert_int_equal(slot(0)->deaths_in_row, 0); /* It was told to. */
    pass(0);
    assert_int_equal(said("spawn"), 2);
    exited(0, "exited with 0");
    keep(0, KEEP_ENDING);
    keep(0, KEEP_RUNNING);
    assert_int_equal(said("spawn"), 3);
}

static void adopted_runs_and_is_heard_in_time_or_killed(void **state)
{
    (void)state;
    struct keeper_slot *adopted = NULL;
    struct keeper_slot *second = NULL;
    assert_int_equal(keeper_adopt(&it.keeper, TOPOLOGY, 7, 777, it.now_ns, &adopted), GALE_OK);
    assert_int_equal(keeper_adopt(&it.keeper, TOPOLOGY, 7, 778, it.now_ns, &second),
                     GALE_ERR_EXISTS);
    assert_null(second);
    assert_int_equal(adopted->slot.state, SLOT_RUNNING);
    assert_int_equal(it.used, 0); /* Nothing was started, nothing changed. */
    keep(7, KEEP_RUNNING);
    assert_int_equal(it.used, 0);
    pass(1400);
    pulse(7);
    pass(1400);
    assert_int_equal(said("signal"), 0);
    pass(200);
    assert_int_equal(said("signal 7 kill"), 1);
    exited(7, "has exited");
    pass(0);
    assert_int_equal(said("spawn abc.7 101"), 1);
}

static void paused_keeper_takes_its_pause_for_no_silence(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        keep(i, KEEP_RUNNING);
        pulse(i);
    }
    pass(1000);
    assert_in_range(keeper_next_ns(&it.keeper) - it.now_ns, 0, KEEPER_TURN_NS);
    it.now_ns += 5000 * MS; /* It stood still; pulses that came meanwhile are not read yet. */
    keeper_tick(&it.keeper, it.now_ns);
    assert_int_equal(said("signal"), 0);
    pulse(0);
    pass(1400);
    assert_int_equal(said("signal"), 0);
    pass(200); /* The time of silence begins anew, and only once. */
    assert_int_equal(said("signal 1 kill"), 1);
    assert_int_equal(said("signal 0 kill"), 1);
    assert_int_equal(said("spawn"), 2);
}

static void keep_from_within_a_port_is_obeyed(void **state)
{
    (void)state;
    keep(0, KEEP_RUNNING);
    it.answers = true;
    it.answer = KEEP_NONE;
    exited(0, "exited with 1");
    pass(0);
    assert_int_equal(said("spawn"), 1);
    assert_int_equal(keeper_count(&it.keeper), 0);
    keep(1, KEEP_RUNNING); /* Unwanted as soon as it is told of. */
    assert_int_equal(said("signal 1 term"), 1);
}

static void many_slots_of_several_topologies_are_kept_apart(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(keeper_keep(&it.keeper, 1 + i % 4, i / 4, KEEP_RUNNING, it.now_ns),
                         GALE_OK);
    }
    struct keeper_slot *kept = keeper_find(&it.keeper, 2, 5);
    forget();
    for (size_t i = 0; i < keeper_count(&it.keeper); i++) {
        struct keeper_slot *each = keeper_at(&it.keeper, i);
        if (each->topology != 2) {
            assert_int_equal(
                keeper_keep(&it.keeper, each->topology, each->worker, KEEP_NONE, it.now_ns),
                GALE_OK);
            keeper_exited(&it.keeper, each, "exited with 0", it.now_ns);
        }
    }
    pass(0);
    assert_int_equal(said("forgotten"), 30);
    assert_int_equal(keeper_count(&it.keeper), 10);
    assert_ptr_equal(keeper_find(&it.keeper, 2, 5), kept);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(running_is_started_at_once_and_again_after_each_death),
        CASE(deaths_in_a_row_are_delayed_more_and_more),
        CASE(spawn_error_is_an_exit),
        CASE(silence_is_killed_and_said),
        CASE(pulse_of_another_incarnation_does_not_count),
        CASE(silence_of_a_starved_process_is_excused_for_a_while),
        CASE(none_ends_by_term_then_kill_and_is_forgotten),
        CASE(none_of_one_in_back_off_needs_no_signal),
        CASE(ending_is_left_alone_and_not_started_again),
        CASE(ending_that_is_silent_is_killed),
        CASE(wanted_again_while_it_ends_is_started_after_its_exit),
        CASE(adopted_runs_and_is_heard_in_time_or_killed),
        CASE(paused_keeper_takes_its_pause_for_no_silence),
        CASE(keep_from_within_a_port_is_obeyed),
        CASE(many_slots_of_several_topologies_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

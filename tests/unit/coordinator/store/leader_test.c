/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/leader on a store in memory: succession, suspension, loss, and the fence. The
 * session's timeout is 1,000 ns of a time that the tests make up. */
#include "store/leader.h"
#include "store_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CANDIDATES 3

static struct fake_cluster cluster;
static struct fake_store stores[CANDIDATES];
static struct leader leaders[CANDIDATES];
static struct rng rng;
static int64_t now_ns;

static int setup(void **state)
{
    (void)state;
    memset(&cluster, 0, sizeof cluster);
    rng_seed(&rng, 1);
    now_ns = 0;
    for (int i = 0; i < CANDIDATES; i++) {
        fake_open(&cluster, &stores[i]);
        assert_int_equal(leader_init(&leaders[i], &stores[i].base, "/coordinators", "/epoch",
                                     "host", 4, &rng),
                         GALE_OK);
    }
    assert_int_equal(stores[0].base.ops->create(&stores[0].base, "/data", "", 0), GALE_OK);
    return 0;
}

/* One turn of a candidate's loop. */
static void turn(int index)
{
    stores[index].base.ops->poll(&stores[index].base);
    (void)leader_step(&leaders[index], now_ns);
}

/* Time passes in which all but one are in touch; -1: all. */
static void pass(int64_t span_ns, int silent)
{
    now_ns += span_ns;
    for (int i = 0; i < CANDIDATES; i++) {
        if (i != silent) {
            stores[i].session.contact_ns = now_ns;
        }
    }
}

static enum gale_err write_as(int index)
{
    size_t failed;
    const struct store_op op = {STORE_OP_SET, "/data", "", 0, STORE_ANY_VERSION};
    return leader_write(&leaders[index], now_ns, &op, 1, &failed);
}

static void check_states(enum leader_state a, enum leader_state b, enum leader_state c)
{
    assert_int_equal(leaders[0].state, a);
    assert_int_equal(leaders[1].state, b);
    assert_int_equal(leaders[2].state, c);
}

static void turn_all(void)
{
    for (int i = 0; i < CANDIDATES; i++) {
        turn(i);
    }
}

static void leader_first_leads_and_others_wait(void **state)
{
    (void)state;
    turn_all();
    turn_all();
    check_states(LEADER_LEADING, LEADER_WAITING, LEADER_WAITING);
    assert_int_equal(leaders[0].epoch, 1);
    assert_int_equal(write_as(0), GALE_OK);
    assert_int_equal(write_as(1), GALE_ERR_STATE);
    assert_int_equal(stores[0].watches_set, 0);
    assert_int_equal(stores[1].watches_set, 1);
    assert_int_equal(stores[2].watches_set, 1);
    assert_non_null(strstr(stores[2].watches[0].path, leaders[1].guid));
}

static void leader_gone_is_followed_by_the_next(void **state)
{
    (void)state;
    turn_all();
    fake_expire(&stores[0]);
    turn(2);
    turn(1);
    check_states(LEADER_LEADING, LEADER_LEADING, LEADER_WAITING);
    assert_int_equal(leaders[1].epoch, 2);
    /* The first does not know yet; the store does. */
    assert_true(leader_may_issue(&leaders[0], now_ns));
    assert_int_equal(write_as(0), GALE_ERR_STALE);
    assert_int_equal(leaders[0].state, LEADER_LOST);
    assert_int_equal(write_as(0), GALE_ERR_STATE);
    assert_int_equal(write_as(1), GALE_OK);
    assert_int_equal(stores[2].watches_set, 1);
}

static void leader_waiting_one_gone_lets_none_lead(void **state)
{
    (void)state;
    turn_all();
    fake_expire(&stores[1]);
    turn(2);
    assert_int_equal(leaders[2].state, LEADER_WAITING);
    assert_int_equal(stores[2].watches_set, 2);
    fake_renew(&stores[1], now_ns);
    turn(1);
    turn(1);
    assert_int_equal(leaders[1].state, LEADER_WAITING);
    fake_expire(&stores[0]);
    turn_all();
    check_states(LEADER_LEADING, LEADER_WAITING, LEADER_LEADING);
    assert_int_equal(leaders[2].epoch, 2);
}

static void leader_suspended_issues_nothing_and_resumes(void **state)
{
    (void)state;
    turn_all();
    stores[0].session.connected = false;
    assert_false(leader_may_issue(&leaders[0], now_ns));
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_SUSPENDED);
    assert_int_equal(write_as(0), GALE_ERR_STATE);
    pass(400, 0);
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_SUSPENDED);
    stores[0].session.connected = true;
    stores[0].session.contact_ns = now_ns;
    stores[0].unreachable = true;
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_SUSPENDED);
    stores[0].unreachable = false;
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_LEADING);
    assert_int_equal(write_as(0), GALE_OK);
    assert_int_equal(leaders[0].epoch, 1);
}

static void leader_without_contact_is_lost_by_its_own_clock(void **state)
{
    (void)state;
    turn_all();
    pass(499, 0);
    assert_true(leader_may_issue(&leaders[0], now_ns));
    pass(1, 0);
    assert_false(leader_may_issue(&leaders[0], now_ns));
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_SUSPENDED);
    pass(165, 0);
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_SUSPENDED);
    pass(1, 0);
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_LOST);
    /* It stays so until it is told that all was given up. */
    fake_expire(&stores[0]);
    fake_renew(&stores[0], now_ns);
    turn_all();
    check_states(LEADER_LOST, LEADER_LEADING, LEADER_WAITING);
    leader_again(&leaders[0]);
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_WAITING);
    assert_int_equal(leaders[1].epoch, 2);
}

static void leader_paused_does_not_act_on_what_it_believed(void **state)
{
    (void)state;
    turn_all();
    pass(5000, 0);
    assert_int_equal(leaders[0].state, LEADER_LEADING);
    assert_false(leader_may_issue(&leaders[0], now_ns));
    assert_int_equal(write_as(0), GALE_ERR_STATE);
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_LOST);
}

static void leader_whose_epoch_passed_while_suspended_is_lost(void **state)
{
    (void)state;
    turn_all();
    stores[0].session.connected = false;
    turn(0);
    fake_expire(&stores[0]);
    turn(1);
    assert_int_equal(leaders[1].state, LEADER_LEADING);
    stores[0].session.connected = true;
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_LOST);
}

static void leader_unknown_raise_is_raised_again(void **state)
{
    (void)state;
    /* The epoch record exists, so that the next multi of this store is the raise. */
    assert_int_equal(stores[0].base.ops->create(&stores[0].base, "/epoch", "", 0), GALE_OK);
    assert_int_equal(leader_step(&leaders[0], now_ns), GALE_OK);
    assert_int_equal(leaders[0].epoch, 1);
    fake_expire(&stores[0]);
    turn(1);
    assert_int_equal(leaders[1].epoch, 2);
    turn(2);
    stores[2].answer_lost = true;
    fake_expire(&stores[1]);
    turn(2);
    assert_int_equal(leaders[2].state, LEADER_WAITING);
    turn(2);
    assert_int_equal(leaders[2].state, LEADER_LEADING);
    assert_int_equal(leaders[2].epoch, 4);
}

static void leader_candidate_removed_before_the_raise_does_not_lead(void **state)
{
    (void)state;
    turn_all();
    fake_expire(&stores[0]);
    fake_expire(&stores[1]);
    turn(1);
    assert_int_equal(leaders[1].state, LEADER_OUT);
    turn(2);
    assert_int_equal(leaders[2].state, LEADER_LEADING);
    turn(1);
    assert_int_equal(leaders[1].state, LEADER_WAITING);
}

static void leader_resigned_makes_room_at_once(void **state)
{
    (void)state;
    turn_all();
    assert_int_equal(leader_resign(&leaders[0]), GALE_OK);
    assert_int_equal(leaders[0].state, LEADER_OUT);
    turn(1);
    assert_int_equal(leaders[1].state, LEADER_LEADING);
    assert_int_equal(leader_resign(&leaders[0]), GALE_OK);
}

static void leader_numbers_may_wrap_around(void **state)
{
    (void)state;
    cluster.sequence = INT32_MAX;
    turn_all();
    check_states(LEADER_LEADING, LEADER_WAITING, LEADER_WAITING);
    assert_non_null(strstr(leaders[1].name, "--2147483648"));
    fake_expire(&stores[0]);
    turn_all();
    check_states(LEADER_LEADING, LEADER_LEADING, LEADER_WAITING);
    /* "-000000005" */
    cluster.sequence = 0u - 5;
    fake_expire(&stores[2]);
    fake_renew(&stores[2], now_ns);
    turn(2);
    turn(2);
    assert_int_equal(leaders[2].state, LEADER_WAITING);
    assert_non_null(strstr(leaders[2].name, "--000000005"));
}

static void leader_unreachable_store_is_tried_again(void **state)
{
    (void)state;
    stores[0].unreachable = true;
    assert_int_equal(leader_step(&leaders[0], now_ns), GALE_ERR_TIMEOUT);
    assert_int_equal(leaders[0].state, LEADER_OUT);
    stores[0].unreachable = false;
    turn(0);
    assert_int_equal(leaders[0].state, LEADER_LEADING);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(leader_first_leads_and_others_wait),
        CASE(leader_gone_is_followed_by_the_next),
        CASE(leader_waiting_one_gone_lets_none_lead),
        CASE(leader_suspended_issues_nothing_and_resumes),
        CASE(leader_without_contact_is_lost_by_its_own_clock),
        CASE(leader_paused_does_not_act_on_what_it_believed),
        CASE(leader_whose_epoch_passed_while_suspended_is_lost),
        CASE(leader_unknown_raise_is_raised_again),
        CASE(leader_candidate_removed_before_the_raise_does_not_lead),
        CASE(leader_resigned_makes_room_at_once),
        CASE(leader_numbers_may_wrap_around),
        CASE(leader_unreachable_store_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The ack ledger: every transition of a tree, what comes too early or too late, the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/ack_ledger.h"

#define TASK 7u
#define EDGE_A UINT64_C(0x1111222233334444)
#define EDGE_B UINT64_C(0x5555666677778888)

static int setup(void **state)
{
    static struct ledger ledger;
    ledger_init(&ledger, TASK, 42);
    *state = &ledger;
    return 0;
}

static int teardown(void **state)
{
    ledger_fini(*state);
    return 0;
}

static uint64_t open_tree(struct ledger *ledger)
{
    uint64_t root = 0;
    assert_int_equal(ledger_open(ledger, &root), GALE_OK);
    return root;
}

static enum ledger_answer seal(struct ledger *ledger, uint64_t root, uint64_t value,
                               struct ledger_slot *ended)
{
    struct ledger_slot values = {.value = value,
                                 .message_id = 99,
                                 .workers = 2,
                                 .start_ns = 5,
                                 .deadline_ns = 1000,
                                 .position = 17};
    return ledger_seal(ledger, root, &values, ended);
}

static uint64_t sealed_tree(struct ledger *ledger, uint64_t value)
{
    struct ledger_slot ended;
    uint64_t root = open_tree(ledger);
    assert_int_equal(seal(ledger, root, value, &ended), LEDGER_OPEN);
    return root;
}

static void ledger_root_names_task_and_slot(void **state)
{
    struct ledger *ledger = *state;
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t root = open_tree(ledger);
        assert_int_equal(root_task(root), TASK);
        assert_int_equal(root_slot(root), i);
        assert_true((root & ((1u << 30) - 1)) != 0);
    }
    assert_int_equal(ledger->open_count, 1000);
}

static void ledger_all_edges_acked_is_done_with_what_was_sealed(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t root = sealed_tree(ledger, EDGE_A ^ EDGE_B);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A, 4, &ended), LEDGER_OPEN);
    assert_int_equal(ledger_ack(ledger, root, EDGE_B, 0, &ended), LEDGER_DONE);
    assert_int_equal(ended.root, root);
    assert_int_equal(ended.message_id, 99);
    assert_int_equal(ended.position, 17);
    assert_int_equal(ended.start_ns, 5);
    assert_int_equal(ended.workers, 2 | 4);
    assert_false(ended.failed);
    assert_int_equal(ledger->open_count, 0);
}

static void ledger_ack_with_new_edges_stays_open_until_they_are_acked(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t root = sealed_tree(ledger, EDGE_A);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A ^ EDGE_B, 0, &ended), LEDGER_OPEN);
    assert_int_equal(ledger_ack(ledger, root, EDGE_B, 0, &ended), LEDGER_DONE);
}

static void ledger_ack_before_seal_is_judged_at_seal(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t root = open_tree(ledger);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A, 0, &ended), LEDGER_OPEN);
    assert_int_equal(ledger_ack(ledger, root, EDGE_B, 0, &ended), LEDGER_OPEN);
    assert_int_equal(seal(ledger, root, EDGE_A ^ EDGE_B, &ended), LEDGER_DONE);
    assert_false(ended.failed);
}

static void ledger_value_zero_before_seal_is_not_done(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t root = open_tree(ledger);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A, 0, &ended), LEDGER_OPEN);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A, 0, &ended), LEDGER_OPEN);
    assert_int_equal(seal(ledger, root, EDGE_B, &ended), LEDGER_OPEN);
}

static void ledger_fail_before_seal_fails_at_seal_even_when_all_is_acked(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t root = open_tree(ledger);
    assert_int_equal(ledger_fail(ledger, root, &ended), LEDGER_OPEN);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A, 0, &ended), LEDGER_OPEN);
    assert_int_equal(seal(ledger, root, EDGE_A, &ended), LEDGER_DONE);
    assert_true(ended.failed);
}

static void ledger_seal_without_edges_is_done_at_once(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    assert_int_equal(seal(ledger, open_tree(ledger), 0, &ended), LEDGER_DONE);
    assert_false(ended.failed);
}

static void ledger_fail_ends_once_later_answers_are_unknown(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t root = sealed_tree(ledger, EDGE_A);
    assert_int_equal(ledger_fail(ledger, root, &ended), LEDGER_DONE);
    assert_true(ended.failed);
    assert_int_equal(ledger_fail(ledger, root, &ended), LEDGER_UNKNOWN);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A, 0, &ended), LEDGER_UNKNOWN);
    ledger_touch(ledger, root, 1);
    ledger_renew(ledger, root, 5);
}

static void ledger_late_ack_of_an_earlier_tree_in_the_slot_is_unknown(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t old = sealed_tree(ledger, EDGE_A);
    assert_int_equal(ledger_fail(ledger, old, &ended), LEDGER_DONE);
    uint64_t root = sealed_tree(ledger, EDGE_A);
    assert_int_equal(root_slot(root), root_slot(old));
    assert_int_not_equal(root, old);
    assert_int_equal(ledger_ack(ledger, old, EDGE_A, 0, &ended), LEDGER_UNKNOWN);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A, 0, &ended), LEDGER_DONE);
}

static void ledger_roots_that_never_were_are_unknown(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    assert_int_equal(ledger_ack(ledger, 0, EDGE_A, 0, &ended), LEDGER_UNKNOWN);
    assert_int_equal(ledger_ack(ledger, UINT64_MAX, EDGE_A, 0, &ended), LEDGER_UNKNOWN);
    uint64_t root = open_tree(ledger);
    ledger_cancel(ledger, root);
    assert_int_equal(ledger->open_count, 0);
    assert_int_equal(ledger_ack(ledger, 0, EDGE_A, 0, &ended), LEDGER_UNKNOWN);
    assert_int_equal(ledger_ack(ledger, root, EDGE_A, 0, &ended), LEDGER_UNKNOWN);
}

static void ledger_sweep_ends_what_is_overdue_and_nothing_else(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t due = sealed_tree(ledger, EDGE_A);
    uint64_t renewed = sealed_tree(ledger, EDGE_A);
    uint64_t unsealed = open_tree(ledger);
    ledger_renew(ledger, renewed, 2000);
    uint32_t from = 0;
    assert_false(ledger_sweep(ledger, 999, 0, &from, &ended));
    from = 0;
    assert_true(ledger_sweep(ledger, 1000, 0, &from, &ended));
    assert_int_equal(ended.root, due);
    assert_true(ended.failed);
    assert_false(ledger_sweep(ledger, 1000, 0, &from, &ended));
    from = 0;
    assert_true(ledger_sweep(ledger, 2000, 0, &from, &ended));
    assert_int_equal(ended.root, renewed);
    assert_int_equal(ledger->open_count, 1);
    ledger_cancel(ledger, unsealed);
}

static void ledger_sweep_ends_what_reached_a_worker(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t touched = sealed_tree(ledger, EDGE_A);
    uint64_t acked_through = sealed_tree(ledger, EDGE_A);
    sealed_tree(ledger, EDGE_A);
    ledger_touch(ledger, touched, 8);
    assert_int_equal(ledger_ack(ledger, acked_through, EDGE_B, 8, &ended), LEDGER_OPEN);
    uint32_t from = 0;
    assert_true(ledger_sweep(ledger, INT64_MIN, 8, &from, &ended));
    assert_int_equal(ended.root, touched);
    assert_true(ledger_sweep(ledger, INT64_MIN, 8, &from, &ended));
    assert_int_equal(ended.root, acked_through);
    assert_false(ledger_sweep(ledger, INT64_MIN, 8, &from, &ended));
    assert_int_equal(ledger->open_count, 1);
}

static void ledger_renew_of_a_tree_without_timeout_gives_it_none(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    struct ledger_slot values = {.value = EDGE_A, .deadline_ns = INT64_MAX};
    uint64_t root = open_tree(ledger);
    assert_int_equal(ledger_seal(ledger, root, &values, &ended), LEDGER_OPEN);
    ledger_renew(ledger, root, 10);
    uint32_t from = 0;
    assert_false(ledger_sweep(ledger, INT64_MAX - 1, 0, &from, &ended));
}

static void ledger_grows_to_its_limit_and_keeps_what_is_open(void **state)
{
    struct ledger *ledger = *state;
    struct ledger_slot ended;
    uint64_t first = sealed_tree(ledger, EDGE_A);
    uint64_t root = 0;
    for (uint32_t i = 1; i < LEDGER_SLOTS_MAX; i++) {
        assert_int_equal(ledger_open(ledger, &root), GALE_OK);
    }
    assert_int_equal(ledger_open(ledger, &root), GALE_ERR_LIMIT);
    assert_int_equal(ledger_ack(ledger, first, EDGE_A, 0, &ended), LEDGER_DONE);
    assert_int_equal(ended.message_id, 99);
    assert_int_equal(ledger_open(ledger, &root), GALE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ledger_root_names_task_and_slot),
        TEST(ledger_all_edges_acked_is_done_with_what_was_sealed),
        TEST(ledger_ack_with_new_edges_stays_open_until_they_are_acked),
        TEST(ledger_ack_before_seal_is_judged_at_seal),
        TEST(ledger_value_zero_before_seal_is_not_done),
        TEST(ledger_fail_before_seal_fails_at_seal_even_when_all_is_acked),
        TEST(ledger_seal_without_edges_is_done_at_once),
        TEST(ledger_fail_ends_once_later_answers_are_unknown),
        TEST(ledger_late_ack_of_an_earlier_tree_in_the_slot_is_unknown),
        TEST(ledger_roots_that_never_were_are_unknown),
        TEST(ledger_sweep_ends_what_is_overdue_and_nothing_else),
        TEST(ledger_sweep_ends_what_reached_a_worker),
        TEST(ledger_renew_of_a_tree_without_timeout_gives_it_none),
        TEST(ledger_grows_to_its_limit_and_keeps_what_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is written down comes back; damaged and random bytes are refused. */
#include "cluster/cluster_records.h"

#include "base/rng.h"
#include "rpc/tree.h"
#include "store/leader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RANDOM_ROUNDS 2000

static struct cluster_status status_make(void)
{
    struct cluster_status status = {.id = 0xfedcba9876543210,
                                    .life = CLUSTER_PLACED,
                                    .inactive = true,
                                    .attempt = 3,
                                    .plan_epoch = 12,
                                    .workers = 7,
                                    .pending = CLUSTER_PENDING_REBALANCE,
                                    .deadline_ms = 1700000000123,
                                    .next_workers = 9,
                                    .submitted_ms = 1600000000000,
                                    .epoch = 13,
                                    .owner = "me"};
    status.parallelism = conf_new();
    status.next_parallelism = conf_new();
    assert_int_equal(tree_put_int(status.parallelism, "count", 4), GALE_OK);
    assert_int_equal(tree_put_int(status.next_parallelism, "count", 5), GALE_OK);
    return status;
}

static void status_encoded_comes_back(void **state)
{
    (void)state;
    struct cluster_status status = status_make(), out;
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(cluster_status_encode(&status, &bytes), GALE_OK);
    assert_int_equal(cluster_status_decode(bytes.data, bytes.size, &out), GALE_OK);
    assert_true(out.id == status.id && out.plan_epoch == 12 && out.epoch == 13);
    assert_int_equal(out.life, CLUSTER_PLACED);
    assert_int_equal(out.pending, CLUSTER_PENDING_REBALANCE);
    assert_true(out.inactive && !out.forget);
    assert_int_equal(out.attempt, 3);
    assert_int_equal(out.workers, 7);
    assert_int_equal(out.next_workers, 9);
    assert_true(out.deadline_ms == status.deadline_ms);
    assert_string_equal(out.owner, "me");
    assert_true(conf_equal(out.parallelism, status.parallelism));
    assert_true(conf_equal(out.next_parallelism, status.next_parallelism));
    cluster_status_fini(&out);
    cluster_status_fini(&status);
    buf_fini(&bytes);
}

static void status_out_of_range_is_refused(void **state)
{
    (void)state;
    struct cluster_status status = status_make(), out;
    struct buf bytes;
    buf_init(&bytes, 0);
    status.attempt = 0;
    assert_int_equal(cluster_status_encode(&status, &bytes), GALE_OK);
    assert_int_equal(cluster_status_decode(bytes.data, bytes.size, &out), GALE_ERR_CORRUPT);
    buf_clear(&bytes);
    status.attempt = 1;
    status.life = (enum cluster_life)9;
    assert_int_equal(cluster_status_encode(&status, &bytes), GALE_OK);
    assert_int_equal(cluster_status_decode(bytes.data, bytes.size, &out), GALE_ERR_CORRUPT);
    cluster_status_fini(&status);
    buf_fini(&bytes);
}

static void records_any_bit_changed_is_refused(void **state)
{
    (void)state;
    struct cluster_status status = status_make(), out;
    struct cluster_assignment assignment, other;
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(cluster_status_encode(&status, &bytes), GALE_OK);
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] = (uint8_t)(bytes.data[bit / 8] ^ 1u << bit % 8);
        assert_int_not_equal(cluster_status_decode(bytes.data, bytes.size, &out), GALE_OK);
        bytes.data[bit / 8] = (uint8_t)(bytes.data[bit / 8] ^ 1u << bit % 8);
    }
    cluster_status_fini(&status);
    buf_clear(&bytes);
    assert_int_equal(cluster_assignment_init(&assignment, 5, 2), GALE_OK);
    assert_int_equal(cluster_assignment_encode(&assignment, &bytes), GALE_OK);
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] = (uint8_t)(bytes.data[bit / 8] ^ 1u << bit % 8);
        assert_int_not_equal(cluster_assignment_decode(bytes.data, bytes.size, &other),
                             GALE_OK);
        bytes.data[bit / 8] = (uint8_t)(bytes.data[bit / 8] ^ 1u << bit % 8);
    }
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_not_equal(cluster_assignment_decode(bytes.data, size, &other), GALE_OK);
    }
    cluster_assignment_fini(&assignment);
    buf_fini(&bytes);
}

static void assignment_encoded_comes_back(void **state)
{
    (void)state;
    struct cluster_assignment assignment, out;
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(cluster_assignment_init(&assignment, 300, 5), GALE_OK);
    assignment.attempt = 8;
    for (uint32_t id = 1; id <= 300; id++) {
        assignment.task_worker[id] = (uint16_t)(id % 5);
    }
    static const char *const hosts[] = {"a.example", "b", "", "a.example", "b"};
    for (size_t i = 0; i < 5; i++) {
        snprintf(assignment.hosts[i], CLUSTER_NAME_SIZE, "%s", hosts[i]);
    }
    assert_int_equal(cluster_assignment_encode(&assignment, &bytes), GALE_OK);
    assert_int_equal(cluster_assignment_decode(bytes.data, bytes.size, &out), GALE_OK);
    assert_int_equal(out.attempt, 8);
    assert_int_equal(out.tasks_count, 300);
    assert_int_equal(out.workers_count, 5);
    assert_memory_equal(out.task_worker, assignment.task_worker, 301 * sizeof(uint16_t));
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(out.hosts[i], hosts[i]);
    }
    cluster_assignment_fini(&assignment);
    cluster_assignment_fini(&out);
    buf_fini(&bytes);
}

static void errors_added_newest_first_and_counted(void **state)
{
    (void)state;
    struct cluster_errors errors = {.count = 0}, out;
    struct buf bytes;
    buf_init(&bytes, 0);
    for (unsigned i = 0; i < CLUSTER_ERRORS_KEPT + 5; i++) {
        struct cluster_error error = {
            .worker = i, .last_ms = 1000 + (int64_t)i, .text = "broke"};
        cluster_errors_add(&errors, &error);
    }
    struct cluster_error again = {
        .worker = 10, .last_ms = 5000, .text = "broke", .fatal = true};
    cluster_errors_add(&errors, &again);
    assert_int_equal(errors.count, CLUSTER_ERRORS_KEPT);
    assert_int_equal(errors.items[0].worker, 10);
    assert_int_equal(errors.items[0].count, 2);
    assert_int_equal(errors.items[0].first_ms, 1010);
    assert_int_equal(errors.items[1].worker, CLUSTER_ERRORS_KEPT + 4);
    assert_int_equal(cluster_errors_encode(&errors, &bytes), GALE_OK);
    assert_int_equal(cluster_errors_decode(bytes.data, bytes.size, &out), GALE_OK);
    assert_int_equal(out.count, errors.count);
    assert_true(out.items[0].fatal);
    assert_string_equal(out.items[3].text, "broke");
    assert_int_equal(out.items[0].last_ms, 5000);
    buf_fini(&bytes);
}

static void candidate_encoded_comes_back_and_fits(void **state)
{
    (void)state;
    struct cluster_candidate candidate, out;
    struct buf bytes;
    buf_init(&bytes, 0);
    memset(&candidate, 'x', sizeof candidate);
    candidate.rpc[CLUSTER_ENDPOINT_SIZE - 1] = '\0';
    candidate.control[CLUSTER_ENDPOINT_SIZE - 1] = '\0';
    candidate.name[CLUSTER_NAME_SIZE - 1] = '\0';
    assert_int_equal(cluster_candidate_encode(&candidate, &bytes), GALE_OK);
    assert_true(bytes.size <= LEADER_VALUE_MAX);
    assert_true(cluster_candidate_decode(bytes.data, bytes.size, &out));
    assert_string_equal(out.rpc, candidate.rpc);
    assert_string_equal(out.name, candidate.name);
    assert_false(cluster_candidate_decode(bytes.data, bytes.size - 1, &out));
    assert_false(cluster_candidate_decode("", 0, &out));
    assert_false(cluster_candidate_decode("a\nb\n", 4, &out));
    buf_fini(&bytes);
}

static void records_random_bytes_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct rng rng;
    struct cluster_status status;
    struct cluster_assignment assignment;
    static struct cluster_errors errors;
    rng_seed(&rng, 7);
    for (int i = 0; i < RANDOM_ROUNDS; i++) {
        size_t size = rng_below(&rng, sizeof bytes);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)rng_next(&rng);
        }
        static const char letters[] = "TAE";
        bytes[0] = 'G';
        bytes[1] = (uint8_t)letters[i % 3];
        bytes[2] = 1;
        bytes[3] = 0;
        assert_int_not_equal(cluster_status_decode(bytes, size, &status), GALE_OK);
        assert_int_not_equal(cluster_assignment_decode(bytes, size, &assignment), GALE_OK);
        assert_int_not_equal(cluster_errors_decode(bytes, size, &errors), GALE_OK);
    }
}

static void records_newer_version_is_unsupported(void **state)
{
    (void)state;
    struct cluster_status status = status_make(), out;
    struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(cluster_status_encode(&status, &bytes), GALE_OK);
    bytes.data[2] = 2;
    assert_int_equal(cluster_status_decode(bytes.data, bytes.size, &out), GALE_ERR_UNSUPPORTED);
    cluster_status_fini(&status);
    buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_encoded_comes_back),
        cmocka_unit_test(status_out_of_range_is_refused),
        cmocka_unit_test(records_any_bit_changed_is_refused),
        cmocka_unit_test(assignment_encoded_comes_back),
        cmocka_unit_test(errors_added_newest_first_and_counted),
        cmocka_unit_test(candidate_encoded_comes_back_and_fits),
        cmocka_unit_test(records_random_bytes_are_refused),
        cmocka_unit_test(records_newer_version_is_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

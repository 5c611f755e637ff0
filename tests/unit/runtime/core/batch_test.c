/* SPDX-License-Identifier: Apache-2.0 */
/* A batch's head and runs: what is written is read, and every way to be wrong is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/batch.h"

#define ROOM 512u

struct sample {
    uint8_t bytes[ROOM];
    uint32_t size;
};

/* Three tuples of one value: two of one root, one of two roots. */
static struct sample sample(void)
{
    struct sample sample = {{0}, 0};
    uint8_t *runs = sample.bytes + BATCH_HEAD_SIZE;
    store_u32(runs, 2);
    store_u32(runs + 4, 1);
    store_u64(runs + 8, 77);
    store_u32(runs + 16, 1);
    store_u32(runs + 20, 2);
    store_u64(runs + 24, 78);
    store_u64(runs + 32, 79);
    runs[40] = 1;
    runs[41] = 2;
    runs[42] = 3;
    sample.size = BATCH_HEAD_SIZE + 40 + 3;
    struct batch_head head = {.size = sample.size,
                              .target_task = 5,
                              .source_task = 6,
                              .input = 65535,
                              .tuples_count = 3,
                              .runs_size = 40,
                              .edge_seed = UINT64_C(0xfedcba9876543210)};
    batch_head_write(sample.bytes, &head);
    return sample;
}

static enum gale_err read_sample(const struct sample *sample, size_t size)
{
    struct batch_head head;
    struct gale_error error = {0};
    enum gale_err err = batch_head_read(sample->bytes, size, &head, &error);
    assert_true((err == GALE_OK) == (error.text[0] == '\0'));
    assert_int_equal(batch_head_read(sample->bytes, size, &head, NULL), err);
    return err;
}

static void batch_head_written_is_read_back(void **state)
{
    (void)state;
    struct sample good = sample();
    struct batch_head head;
    assert_int_equal(batch_head_read(good.bytes, ROOM, &head, NULL), GALE_OK);
    assert_int_equal(head.size, good.size);
    assert_int_equal(head.target_task, 5);
    assert_int_equal(head.source_task, 6);
    assert_int_equal(head.input, 65535);
    assert_int_equal(head.tuples_count, 3);
    assert_int_equal(head.runs_size, 40);
    assert_int_equal(head.edge_seed, UINT64_C(0xfedcba9876543210));
}

static void batch_bytes_are_little_endian_as_drawn(void **state)
{
    (void)state;
    struct sample good = sample();
    static const uint8_t expected[BATCH_HEAD_SIZE] = {
        75, 0, 0, 0, 5,  0, 0, 0, 6,    0,    0,    0,    255,  255,  0,    0,
        3,  0, 0, 0, 40, 0, 0, 0, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
    assert_memory_equal(good.bytes, expected, sizeof(expected));
}

static void batch_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct sample good = sample();
    for (size_t size = 0; size < good.size; size++) {
        assert_int_equal(read_sample(&good, size), GALE_ERR_CORRUPT);
    }
    assert_int_equal(read_sample(&good, good.size), GALE_OK);
}

static void change_u32(uint32_t at, uint32_t value)
{
    struct sample bad = sample();
    store_u32(bad.bytes + at, value);
    assert_int_equal(read_sample(&bad, ROOM), GALE_ERR_CORRUPT);
}

static void batch_head_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    change_u32(0, BATCH_HEAD_SIZE - 1);
    change_u32(0, ROOM + 1);
    change_u32(0, UINT32_MAX);
    change_u32(12, 65536);
    change_u32(16, 0);
    change_u32(16, 2);
    change_u32(16, 4);
    change_u32(20, 44);
    change_u32(20, UINT32_MAX);
}

static void batch_runs_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    change_u32(BATCH_HEAD_SIZE, 0);
    change_u32(BATCH_HEAD_SIZE, UINT32_MAX);
    change_u32(BATCH_HEAD_SIZE + 4, BATCH_ROOTS_MAX + 1);
    change_u32(BATCH_HEAD_SIZE + 4, UINT32_MAX);
    change_u32(BATCH_HEAD_SIZE + 20, 3);
    change_u32(20, 20); /* Cuts the second run's head. */
}

/* Counts that overflow 32 bits when added up must not pass for the head's. */
static void batch_runs_whose_counts_wrap_are_refused(void **state)
{
    (void)state;
    struct sample bad = sample();
    store_u32(bad.bytes + BATCH_HEAD_SIZE, UINT32_MAX);
    store_u32(bad.bytes + BATCH_HEAD_SIZE + 16, 4);
    assert_int_equal(read_sample(&bad, ROOM), GALE_ERR_CORRUPT);
}

static void batch_without_runs_is_untracked(void **state)
{
    (void)state;
    struct sample plain = sample();
    store_u32(plain.bytes + 20, 0);
    assert_int_equal(read_sample(&plain, ROOM), GALE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_head_written_is_read_back),
        cmocka_unit_test(batch_bytes_are_little_endian_as_drawn),
        cmocka_unit_test(batch_cut_anywhere_is_refused),
        cmocka_unit_test(batch_head_that_contradicts_itself_is_refused),
        cmocka_unit_test(batch_runs_that_do_not_fit_are_refused),
        cmocka_unit_test(batch_runs_whose_counts_wrap_are_refused),
        cmocka_unit_test(batch_without_runs_is_untracked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

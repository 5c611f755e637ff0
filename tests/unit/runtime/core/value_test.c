/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor against msgpack-c, against every truncation, and against hostile heads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/skip.h"
#include "unit/runtime/value_oracle.h"

#define ROUNDS 3000

static enum gale_err next_of(const void *data, size_t size, struct gale_value *out)
{
    /* A copy of exactly the size lets the address sanitizer see each byte read too far. */
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, data, size);
    struct gale_cursor cursor = {copy, copy + size};
    enum gale_err err = gale_cursor_next(&cursor, out);
    assert_true(err == GALE_OK ? cursor.at > copy : cursor.at == copy);
    free(copy);
    return err;
}

static enum gale_err skip_of(const void *data, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, data, size);
    struct gale_cursor cursor = {copy, copy + size};
    enum gale_err err = gale_cursor_skip(&cursor);
    assert_true(err == GALE_OK ? cursor.at == copy + size : cursor.at == copy);
    free(copy);
    return err;
}

static void cursor_random_values_read_as_msgpack_c_does(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    for (int round = 0; round < ROUNDS; round++) {
        msgpack_packer packer;
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        msgpack_sbuffer_clear(&packed);
        oracle_pack_random(&packer, &rng, 3);
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        size_t used = 0;
        assert_int_equal(msgpack_unpack_next(&unpacked, packed.data, packed.size, &used),
                         MSGPACK_UNPACK_SUCCESS);
        const uint8_t *data = (const uint8_t *)packed.data;
        struct gale_cursor cursor = {data, data + packed.size};
        oracle_assert_equal(&cursor, &unpacked.data);
        assert_ptr_equal(cursor.at, cursor.end);
        assert_int_equal(skip_of(data, packed.size), GALE_OK);
        assert_ptr_equal(skip_value(data), data + packed.size);
        msgpack_unpacked_destroy(&unpacked);
    }
    msgpack_sbuffer_destroy(&packed);
}

static void cursor_truncated_value_is_corrupt(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    for (int round = 0; round < 200; round++) {
        msgpack_packer packer;
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        msgpack_sbuffer_clear(&packed);
        oracle_pack_random(&packer, &rng, 2);
        for (size_t size = 0; size < packed.size; size += 1 + packed.size / 100) {
            enum gale_err expected = size == 0 ? GALE_ERR_AGAIN : GALE_ERR_CORRUPT;
            assert_int_equal(skip_of(packed.data, size), expected);
        }
    }
    msgpack_sbuffer_destroy(&packed);
}

static void cursor_hostile_heads_are_corrupt(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } hostile[] = {
        {"\xc1", 1},                     /* never used */
        {"\xdd\xff\xff\xff\xff", 5},     /* 4 G elements in no byte */
        {"\xdf\xff\xff\xff\xff\x00", 6}, /* 4 G pairs */
        {"\xdb\xff\xff\xff\xff\x00", 6}, /* 4 GiB of text */
        {"\xc6\x00\x00\x00\x02\x00", 6}, /* one byte short */
        {"\xd9", 1},                     /* no length */
        {"\xcf\x00\x00\x00\x00\x00\x00\x00", 8},
        {"\xd4\x01\x00", 3},     /* a decimal without a number */
        {"\xd5\x02\x00\x01", 4}, /* another extension */
        {"\xd5\x01\x27\x01", 4}, /* scale 39 */
        {"\xd5\x01\xd9\x01", 4}, /* scale -39 */
        {"\xc7\x12\x01\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11",
         21}, /* 17 bytes of number */
        {"\xc7\x11\x01\x00\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
         20},
        {"\xc7\x00\x01", 3},
    };
    struct gale_value value;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        assert_int_equal(next_of(hostile[i].bytes, hostile[i].size, &value), GALE_ERR_CORRUPT);
        assert_int_equal(skip_of(hostile[i].bytes, hostile[i].size), GALE_ERR_CORRUPT);
    }
}

static void cursor_deep_nesting_is_skipped_without_recursion(void **state)
{
    (void)state;
    size_t size = 4u << 20;
    uint8_t *deep = malloc(size);
    assert_non_null(deep);
    memset(deep, 0x91, size);
    struct gale_cursor cursor = {deep, deep + size};
    assert_int_equal(gale_cursor_skip(&cursor), GALE_ERR_CORRUPT);
    deep[size - 1] = 0xc0;
    assert_int_equal(gale_cursor_skip(&cursor), GALE_OK);
    assert_ptr_equal(cursor.at, cursor.end);
    assert_ptr_equal(skip_value(deep), deep + size);
    free(deep);
}

static void cursor_uint64_within_int64_is_int64(void **state)
{
    (void)state;
    struct gale_value value;
    assert_int_equal(next_of("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, &value), GALE_OK);
    assert_int_equal(value.type, GALE_INT64);
    assert_true(value.as.int64 == INT64_MAX);
    assert_int_equal(next_of("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, &value), GALE_OK);
    assert_int_equal(value.type, GALE_UINT64);
    assert_true(value.as.uint64 == (uint64_t)INT64_MAX + 1);
    assert_int_equal(next_of("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, &value), GALE_OK);
    assert_true(value.type == GALE_INT64 && value.as.int64 == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursor_random_values_read_as_msgpack_c_does),
        cmocka_unit_test(cursor_truncated_value_is_corrupt),
        cmocka_unit_test(cursor_hostile_heads_are_corrupt),
        cmocka_unit_test(cursor_deep_nesting_is_skipped_without_recursion),
        cmocka_unit_test(cursor_uint64_within_int64_is_int64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

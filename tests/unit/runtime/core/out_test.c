/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: shortest forms, msgpack-c as reader and as model, growth, the limit and the check
 * before an emit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heads.h"
#include "core/out.h"
#include "unit/runtime/value_oracle.h"

#include <math.h>

static struct gale_out *begin(struct gale_task *task)
{
    return gale_begin(task);
}

static int setup(void **state)
{
    static struct gale_task task;
    assert_true(out_init(&task.out, 0));
    *state = &task;
    return 0;
}

static int teardown(void **state)
{
    struct gale_task *task = *state;
    out_fini(&task->out);
    return 0;
}

static size_t written(const struct gale_out *out)
{
    return (size_t)(out->at - out->base);
}

/* The bytes so far are what msgpack-c packs. */
static void assert_packed(const struct gale_out *out, const msgpack_sbuffer *packed)
{
    assert_int_equal(written(out), packed->size);
    assert_memory_equal(out->base, packed->data, packed->size);
}

static void out_integers_are_packed_as_msgpack_c_does(void **state)
{
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    for (int round = 0; round < 20000; round++) {
        struct gale_out *out = begin(*state);
        msgpack_packer packer;
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        msgpack_sbuffer_clear(&packed);
        /* Powers of two and their neighbours are where the forms change. */
        uint64_t bits = round < 192 ? (UINT64_C(1) << (round / 3)) + (uint64_t)(round % 3) - 1
                                    : oracle_bits(&rng);
        gale_put_uint64(out, bits);
        msgpack_pack_uint64(&packer, bits);
        gale_put_int64(out, (int64_t)bits);
        msgpack_pack_int64(&packer, (int64_t)bits);
        gale_put_int64(out, (int64_t)-bits);
        msgpack_pack_int64(&packer, (int64_t)-bits);
        assert_packed(out, &packed);
        assert_int_equal(out->values, 3);
        assert_int_equal(out->nested, 0);
    }
    msgpack_sbuffer_destroy(&packed);
}

static void out_bytes_are_packed_as_msgpack_c_does(void **state)
{
    static const size_t sizes[] = {0, 1, 31, 32, 33, 255, 256, 65535, 65536, 300000};
    char *bytes = malloc(300000);
    assert_non_null(bytes);
    memset(bytes, 'b', 300000);
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct gale_out *out = begin(*state);
        msgpack_packer packer;
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        msgpack_sbuffer_clear(&packed);
        gale_put_string(out, bytes, sizes[i]);
        msgpack_pack_str_with_body(&packer, bytes, sizes[i]);
        gale_put_bytes(out, bytes, sizes[i]);
        msgpack_pack_bin_with_body(&packer, bytes, sizes[i]);
        gale_put_nil(out);
        msgpack_pack_nil(&packer);
        gale_put_bool(out, true);
        msgpack_pack_true(&packer);
        gale_put_double(out, -0.5);
        msgpack_pack_double(&packer, -0.5);
        assert_packed(out, &packed);
        assert_int_equal(out->values, 5);
    }
    msgpack_sbuffer_destroy(&packed);
    free(bytes);
}

static void out_containers_are_packed_as_msgpack_c_does(void **state)
{
    static const uint32_t counts[] = {0, 1, 15, 16, 65535, 65536};
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct gale_out *out = begin(*state);
        msgpack_packer packer;
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        msgpack_sbuffer_clear(&packed);
        gale_put_list(out, counts[i]);
        msgpack_pack_array(&packer, counts[i]);
        for (uint32_t k = 0; k < counts[i]; k++) {
            gale_put_int64(out, 1);
            msgpack_pack_int(&packer, 1);
        }
        gale_put_map(out, counts[i]);
        msgpack_pack_map(&packer, counts[i]);
        for (uint32_t k = 0; k < 2 * counts[i]; k++) {
            gale_put_nil(out);
            msgpack_pack_nil(&packer);
        }
        assert_packed(out, &packed);
        assert_int_equal(out->values, 2);
        assert_int_equal(out->nested, OUT_NESTED);
        assert_int_equal(out_check(out, 2), GALE_OK);
        assert_int_equal(out_check(out, 1), GALE_ERR_INVALID);
        assert_int_equal(out_check(out, 3), GALE_ERR_INVALID);
    }
    msgpack_sbuffer_destroy(&packed);
}

static void out_nan_has_one_form(void **state)
{
    struct gale_out *out = begin(*state);
    gale_put_double(out, (double)NAN);
    gale_put_double(out, -(double)NAN);
    assert_memory_equal(out->base, "\xcb\x7f\xf8\0\0\0\0\0\0\xcb\x7f\xf8\0\0\0\0\0\0", 18);
}

static void out_decimals_are_read_back(void **state)
{
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    for (int round = 0; round < 5000; round++) {
        struct gale_out *out = begin(*state);
        struct gale_decimal decimal = {(int64_t)(oracle_bits(&rng) >> 2) / 3, rng_next(&rng),
                                       (int8_t)((int)rng_below(&rng, 77) - 38)};
        if (rng_below(&rng, 2) == 0) {
            decimal = gale_decimal_from_int64((int64_t)-oracle_bits(&rng), decimal.scale);
        }
        gale_put_decimal(out, &decimal);
        struct gale_cursor cursor = {out->base, out->at};
        struct gale_value value;
        assert_int_equal(gale_cursor_next(&cursor, &value), GALE_OK);
        assert_int_equal(value.type, GALE_DECIMAL);
        assert_true(value.as.decimal.high == decimal.high &&
                    value.as.decimal.low == decimal.low &&
                    value.as.decimal.scale == decimal.scale);
        assert_ptr_equal(cursor.at, out->at);
        assert_int_equal(out->values, 1);
    }
    struct gale_out *out = begin(*state);
    struct gale_decimal wide = {INT64_MAX, 0, 0};
    gale_put_decimal(out, &wide);
    assert_true(out_overflowed(out));
}

/* Random values packed by msgpack-c, read by the cursor and put again, give its bytes again. */
static void out_values_put_again_are_the_same_bytes(void **state)
{
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    for (int round = 0; round < 2000; round++) {
        struct gale_out *out = begin(*state);
        msgpack_packer packer;
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        msgpack_sbuffer_clear(&packed);
        oracle_pack_random(&packer, &rng, 2);
        const uint8_t *data = (const uint8_t *)packed.data;
        struct gale_cursor cursor = {data, data + packed.size};
        struct gale_value value;
        bool same_form = true;
        while (gale_cursor_next(&cursor, &value) == GALE_OK) {
            /* Single floats become doubles, decimals lose spare bytes. */
            same_form = same_form && value.type != GALE_DOUBLE && value.type != GALE_DECIMAL;
            gale_put_value(out, &value);
        }
        assert_int_equal(out->values, 1);
        assert_int_equal(out_check(out, 1), GALE_OK);
        if (same_form) {
            assert_packed(out, &packed);
        }
    }
    msgpack_sbuffer_destroy(&packed);
}

static void out_at_the_limit_overflows_once_and_for_all(void **state)
{
    char *bytes = calloc(1, OUT_SIZE_MAX);
    assert_non_null(bytes);
    struct gale_out *out = begin(*state);
    gale_put_bytes(out, bytes, OUT_SIZE_MAX - 5); /* with its head exactly the limit */
    assert_false(out_overflowed(out));
    assert_int_equal(written(out), OUT_SIZE_MAX);
    gale_put_int64(out, 1);
    assert_true(out_overflowed(out));
    gale_put_string(out, "word", 4);
    gale_put_nil(out);
    gale_put_list(out, 1);
    assert_ptr_equal(out->at, out->end);
    assert_int_equal(out->values, 1);
    assert_int_equal(out_check(out, 1), GALE_ERR_LIMIT);

    out = begin(*state);
    assert_false(out_overflowed(out));
    gale_put_string(out, bytes, OUT_SIZE_MAX + 1);
    gale_put_int64(out, 1);
    gale_put_string(out, "word", 4);
    assert_true(out_overflowed(out) && out->at == out->end && out->values == 0);

    out = begin(*state);
    gale_put_string(out, "word", 4);
    assert_int_equal(written(out), 5);
    assert_memory_equal(out->base, "\xa4word", 5);
    free(bytes);
}

static void out_growth_keeps_what_was_put(void **state)
{
    struct gale_out *out = begin(*state);
    for (int i = 0; i < 50000; i++) {
        gale_put_int64(out, i % 128);
        gale_put_string(out, "abc", 3);
    }
    assert_int_equal(out->values, 100000);
    assert_int_equal(written(out), 250000);
    for (size_t i = 0; i < 50000; i++) {
        assert_int_equal(out->base[i * 5], i % 128);
        assert_memory_equal(out->base + i * 5 + 1,
                            "\xa3"
                            "abc",
                            4);
    }
}

/* Puts one of some values whose heads have every length. */
static bool put_sample(struct gale_out *out, unsigned sample)
{
    static const int64_t numbers[] = {1,         200,       60000,      4000000000, INT64_MAX,
                                      -1,        -100,      -30000,     INT32_MIN,  INT64_MIN,
                                      INT16_MAX, UINT8_MAX, UINT16_MAX, UINT32_MAX, 0};
    static const size_t sizes[] = {0, 1, 7, 8, 31, 32, 33, 255, 256, 70000};
    static const char bytes[70000] = "bytes";
    const unsigned numbers_count = sizeof(numbers) / sizeof(numbers[0]);
    const unsigned sizes_count = sizeof(sizes) / sizeof(sizes[0]);
    if (sample < numbers_count) {
        gale_put_int64_any(out, numbers[sample]);
    } else if (sample < numbers_count + sizes_count) {
        gale_put_string_any(out, bytes, sizes[sample - numbers_count]);
    } else if (sample < numbers_count + 2 * sizes_count) {
        gale_put_bytes(out, bytes, sizes[sample - numbers_count - sizes_count]);
    } else {
        return false;
    }
    return true;
}

/* The short way out of a put needs more room than the value; near the end another one is taken. */
static void out_room_left_does_not_change_the_bytes(void **state)
{
    struct gale_out *roomy = begin(*state);
    for (unsigned sample = 0; put_sample(begin(*state), sample); sample++) {
        size_t size = written(roomy);
        for (size_t room = 0; room <= 48; room++) {
            struct gale_out tight;
            assert_true(out_init(&tight, 64));
            while ((size_t)(tight.end - tight.at) > room) {
                gale_put_int64_any(&tight, 5);
            }
            size_t before = written(&tight);
            assert_true(put_sample(&tight, sample));
            assert_int_equal(written(&tight), before + size);
            assert_memory_equal(tight.base + before, roomy->base, size);
            assert_true(before == 0 || tight.base[before - 1] == 5);
            assert_int_equal(tight.values, before + 1);
            out_fini(&tight);
        }
    }
}

static void out_hostile_counts_overflow_instead_of_wrapping(void **state)
{
    struct gale_out *out = begin(*state);
    gale_put_list(out, UINT32_MAX);
    assert_true(out_overflowed(out));
    out = begin(*state);
    gale_put_map(out, UINT32_MAX);
    assert_true(out_overflowed(out));
    out = begin(*state);
    for (int i = 0; i < 10000; i++) {
        gale_put_list(out, 1000000);
    }
    assert_true(out_overflowed(out));
    assert_true(out->values < 2);
}

static void out_unfinished_list_is_invalid(void **state)
{
    struct gale_out *out = begin(*state);
    gale_put_int64(out, 1);
    gale_put_int64(out, 2);
    gale_put_list(out, 2);
    gale_put_int64(out, 3);
    assert_int_equal(out->values, 2); /* by count alone it would pass as two fields */
    assert_int_equal(out_check(out, 2), GALE_ERR_INVALID);
    assert_int_equal(out_check(out, 3), GALE_ERR_INVALID);
}

static void out_missing_counts_what_lists_and_maps_lack(void **state)
{
    struct gale_out *out = begin(*state);
    unsigned values = 7;
    assert_int_equal(out_missing(out, &values), 0);
    assert_int_equal(values, 0);
    gale_put_string(out, "text", 4);
    gale_put_list(out, 100);
    gale_put_int64(out, 1);
    assert_int_equal(out_missing(out, &values), 99);
    assert_int_equal(values, 2);
    out = begin(*state);
    gale_put_map(out, 2);
    gale_put_string(out, "key", 3);
    gale_put_list(out, 1);
    assert_int_equal(out_missing(out, &values), 3);
    assert_int_equal(values, 1);
    gale_put_nil(out);
    gale_put_nil(out);
    gale_put_nil(out);
    assert_int_equal(out_missing(out, &values), 0);
    assert_int_equal(values, 1);
}

static void out_too_deep_nesting_is_a_limit(void **state)
{
    for (int depth = HEAD_DEPTH_MAX; depth <= HEAD_DEPTH_MAX + 1; depth++) {
        struct gale_out *out = begin(*state);
        for (int i = 0; i < depth; i++) {
            gale_put_list(out, 1);
        }
        gale_put_nil(out);
        assert_int_equal(out->values, 1);
        assert_int_equal(out_check(out, 1), depth > HEAD_DEPTH_MAX ? GALE_ERR_LIMIT : GALE_OK);
    }
}

static void out_fields_are_copied_as_they_are(void **state)
{
    static const uint8_t data[] = {0xa2, 'h', 'i', 0x05, 0x92, 1, 2, 0xc0};
    struct gale_tuple tuple = {.data = data, .size = sizeof(data), .fields_count = 4};
    struct gale_out *out = begin(*state);
    assert_int_equal(gale_put_fields(out, &tuple, 0, 2), GALE_OK);
    assert_true(out->values == 2 && out->nested == 0 && written(out) == 4);
    assert_int_equal(gale_put_fields(out, &tuple, 2, 2), GALE_OK);
    assert_true(out->values == 4 && out->nested == 0);
    assert_memory_equal(out->base, data, sizeof(data));
    assert_int_equal(gale_put_fields(out, &tuple, 4, 0), GALE_OK);
    assert_int_equal(gale_put_fields(out, &tuple, 0, 5), GALE_ERR_NOT_FOUND);
    assert_int_equal(gale_put_fields(out, &tuple, 5, 0), GALE_ERR_NOT_FOUND);
    assert_int_equal(gale_put_fields(out, &tuple, 1, UINT32_MAX), GALE_ERR_NOT_FOUND);
    assert_int_equal(written(out), sizeof(data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(out_integers_are_packed_as_msgpack_c_does),
        cmocka_unit_test(out_bytes_are_packed_as_msgpack_c_does),
        cmocka_unit_test(out_containers_are_packed_as_msgpack_c_does),
        cmocka_unit_test(out_nan_has_one_form),
        cmocka_unit_test(out_decimals_are_read_back),
        cmocka_unit_test(out_values_put_again_are_the_same_bytes),
        cmocka_unit_test(out_at_the_limit_overflows_once_and_for_all),
        cmocka_unit_test(out_growth_keeps_what_was_put),
        cmocka_unit_test(out_hostile_counts_overflow_instead_of_wrapping),
        cmocka_unit_test(out_room_left_does_not_change_the_bytes),
        cmocka_unit_test(out_unfinished_list_is_invalid),
        cmocka_unit_test(out_missing_counts_what_lists_and_maps_lack),
        cmocka_unit_test(out_too_deep_nesting_is_a_limit),
        cmocka_unit_test(out_fields_are_copied_as_they_are),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The scan: it accepts what msgpack-c packs and our writer writes, counts exactly, and refuses every
 * lie. Blocks are copied to their exact size so that sanitizers see a byte read too far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/scan.h"
#include "unit/runtime/value_oracle.h"

static enum gale_err scan_exact(const void *data, size_t size, uint64_t count)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, data, size);
    enum gale_err err = scan_values(copy, size, count);
    free(copy);
    return err;
}

static enum gale_err scan_one_message(const void *data, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, data, size);
    enum gale_err err = scan_message(copy, size);
    free(copy);
    return err;
}

static void scan_packed_values_are_accepted_and_counted(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    msgpack_sbuffer packed;
    msgpack_sbuffer_init(&packed);
    for (int round = 0; round < 500; round++) {
        msgpack_packer packer;
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        msgpack_sbuffer_clear(&packed);
        uint32_t count = rng_below(&rng, 40);
        for (uint32_t i = 0; i < count; i++) {
            oracle_pack_random(&packer, &rng, rng_below(&rng, 8) == 0 ? 2 : 0);
        }
        size_t size = packed.size;
        const char *data = count > 0 ? packed.data : "";
        assert_int_equal(scan_exact(data, size, count), GALE_OK);
        assert_int_equal(scan_exact(data, size, count + 1), GALE_ERR_CORRUPT);
        if (count > 0) {
            assert_int_equal(scan_exact(data, size, count - 1), GALE_ERR_CORRUPT);
            assert_int_equal(scan_exact(data, size - 1, count), GALE_ERR_CORRUPT);
        }
    }
    msgpack_sbuffer_destroy(&packed);
}

/* What the scan accepts the cursor reads to the same count; what it refuses the cursor refuses too,
 * leaves bytes over, or nests too deep. */
static void scan_and_cursor_agree_on_noise(void **state)
{
    (void)state;
    static const uint8_t likely[] = {0xa1, 0xa3, 0x01, 0x91, 0x82, 0xc0, 0xcc,
                                     0xd9, 0xc4, 0xd5, 0xc7, 0xdc, 0xca, 0x00};
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    unsigned accepted = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t noise[64];
        size_t size = rng_below(&rng, sizeof(noise));
        for (size_t i = 0; i < size; i++) {
            noise[i] = rng_below(&rng, 4) == 0 ? (uint8_t)rng_next(&rng)
                                               : likely[rng_below(&rng, sizeof(likely))];
        }
        struct gale_cursor cursor = {noise, noise + size};
        uint64_t count = 0;
        while (gale_cursor_skip(&cursor) == GALE_OK) {
            count++;
        }
        bool whole = cursor.at == cursor.end;
        enum gale_err err = scan_exact(noise, size, count);
        accepted += err == GALE_OK;
        /* 64 bytes of noise practically never nest 17 deep; then both would still be right. */
        assert_int_equal(err, whole ? GALE_OK : GALE_ERR_CORRUPT);
    }
    assert_true(accepted > 1000);
}

static void scan_hostile_values_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } hostile[] = {
        {"\xc1", 1},
        {"\xdd\x03\xff\xff\xff", 5},
        {"\xdb\x00\x00\x00\x02x", 6},
        {"\xc9\x00\x00\x00\x01\x01\x00", 7},
        {"\xd4\x01\x00", 3},
        {"\xd5\x05\x00\x01", 4},
        {"\xd6\xff\x00\x00\x00\x00", 6}, /* msgpack's timestamp */
        {"\xd5\x01\x7f\x01", 4},
        {"\xaa"
         "123456789",
         10},
    };
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        assert_int_equal(scan_exact(hostile[i].bytes, hostile[i].size, 1), GALE_ERR_CORRUPT);
        assert_int_equal(scan_one_message(hostile[i].bytes, hostile[i].size), GALE_ERR_CORRUPT);
    }
    assert_int_equal(scan_exact("\xd5\x01\x02\x01", 4, 1), GALE_OK);
    assert_int_equal(scan_one_message("\xd5\x01\x02\x01", 4), GALE_ERR_CORRUPT);
    assert_int_equal(scan_exact("", 0, UINT64_MAX), GALE_ERR_CORRUPT);
    assert_int_equal(scan_exact("", 0, 0), GALE_OK);
    assert_int_equal(scan_one_message("", 0), GALE_ERR_CORRUPT);
}

static void scan_depth_is_limited_exactly(void **state)
{
    (void)state;
    uint8_t deep[SCAN_DEPTH_MAX + 2];
    for (int map = 0; map < 2; map++) {
        memset(deep, 0x91, sizeof(deep));
        deep[SCAN_DEPTH_MAX] = 0xc0;
        assert_int_equal(scan_exact(deep, SCAN_DEPTH_MAX + 1, 1), GALE_OK);
        assert_int_equal(scan_one_message(deep, SCAN_DEPTH_MAX + 1), GALE_OK);
        deep[SCAN_DEPTH_MAX] = map != 0 ? 0x80 : 0x90;
        assert_int_equal(scan_exact(deep, SCAN_DEPTH_MAX + 1, 1), GALE_ERR_CORRUPT);
        assert_int_equal(scan_one_message(deep, SCAN_DEPTH_MAX + 1), GALE_ERR_CORRUPT);
    }
}

static void scan_message_elements_are_limited(void **state)
{
    (void)state;
    size_t size = 5 + SCAN_ELEMENTS_MAX;
    uint8_t *many = malloc(size);
    assert_non_null(many);
    memset(many, 0xc0, size);
    memcpy(many, "\xdd\x00\x0f\xff\xff", 5); /* with the list itself SCAN_ELEMENTS_MAX values */
    assert_int_equal(scan_message(many, size - 1), GALE_OK);
    memcpy(many, "\xdd\x00\x10\x00\x00", 5);
    assert_int_equal(scan_message(many, size), GALE_ERR_CORRUPT);
    free(many);
}

static void scan_string_across_the_end_is_refused(void **state)
{
    (void)state;
    uint8_t words[200];
    for (size_t size = 1; size < sizeof(words); size++) {
        for (size_t i = 0; i < size; i++) {
            words[i] = i % 4 == 0 ? 0xa3 : 'x';
        }
        enum gale_err expected = size % 4 == 0 ? GALE_OK : GALE_ERR_CORRUPT;
        assert_int_equal(scan_exact(words, size, (size + 3) / 4), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_packed_values_are_accepted_and_counted),
        cmocka_unit_test(scan_and_cursor_agree_on_noise),
        cmocka_unit_test(scan_hostile_values_are_refused),
        cmocka_unit_test(scan_depth_is_limited_exactly),
        cmocka_unit_test(scan_message_elements_are_limited),
        cmocka_unit_test(scan_string_across_the_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

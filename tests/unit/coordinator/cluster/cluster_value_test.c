/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a tuple as a tree: every type, cut where too long or too deep, any bytes refused. */
#include "cluster/cluster_value.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RANDOM_ROUNDS 5000

static const struct gale_conf *list_of(struct gale_conf *map, const void *data, size_t size)
{
    assert_int_equal(value_tree(data, size, map, "values"), GALE_OK);
    return gale_conf_get(map, "values");
}

static void value_scalars_keep_their_type(void **state)
{
    (void)state;
    /* nil, true, -1, "ab", 1.5, bytes 00 ff */
    static const uint8_t bytes[] = {0x96, 0xc0, 0xc3, 0xff, 0xa2, 'a', 'b',  0xcb, 0x3f, 0xf8,
                                    0,    0,    0,    0,    0,    0,   0xc4, 0x02, 0x00, 0xff};
    struct gale_conf *map = conf_new();
    const struct gale_conf *list = list_of(map, bytes, sizeof bytes);
    assert_int_equal(gale_conf_count(list), 6);
    assert_int_equal(gale_conf_type(gale_conf_at(list, 0)), GALE_NIL);
    assert_int_equal(gale_conf_type(gale_conf_at(list, 1)), GALE_BOOL);
    assert_int_equal(gale_conf_type(gale_conf_at(list, 2)), GALE_INT64);
    assert_string_equal(gale_conf_text(gale_conf_at(list, 2)), "-1");
    assert_int_equal(gale_conf_type(gale_conf_at(list, 3)), GALE_STRING);
    assert_int_equal(gale_conf_type(gale_conf_at(list, 4)), GALE_DOUBLE);
    assert_string_equal(gale_conf_text(gale_conf_at(list, 5)), "0x00ff");
    conf_free(map);
}

static void value_nested_is_nested(void **state)
{
    (void)state;
    /* [[1, {"k": [2]}], {}] */
    static const uint8_t bytes[] = {0x92, 0x92, 0x01, 0x81, 0xa1, 'k', 0x91, 0x02, 0x80};
    struct gale_conf *map = conf_new();
    const struct gale_conf *list = list_of(map, bytes, sizeof bytes);
    const struct gale_conf *inner = gale_conf_at(gale_conf_at(list, 0), 1);
    assert_int_equal(gale_conf_type(inner), GALE_MAP);
    assert_string_equal(gale_conf_text(gale_conf_at(gale_conf_get(inner, "k"), 0)), "2");
    assert_int_equal(gale_conf_type(gale_conf_at(list, 1)), GALE_MAP);
    conf_free(map);
}

static void value_too_deep_is_cut(void **state)
{
    (void)state;
    uint8_t bytes[VALUE_DEPTH_MAX];
    memset(bytes, 0x91, sizeof bytes);
    bytes[sizeof bytes - 1] = 0x90;
    struct gale_conf *map = conf_new();
    const struct gale_conf *at = list_of(map, bytes, sizeof bytes);
    for (unsigned depth = 1; depth < VALUE_DEPTH_MAX; depth++) {
        assert_int_equal(gale_conf_type(at), GALE_LIST);
        at = gale_conf_at(at, 0);
    }
    conf_free(map);
}

static void value_long_string_is_cut(void **state)
{
    (void)state;
    size_t size = 4 + VALUE_TEXT_MAX * 2;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, 'x', size);
    bytes[0] = 0x91;
    bytes[1] = 0xda;
    bytes[2] = (uint8_t)(VALUE_TEXT_MAX * 2 >> 8);
    bytes[3] = (uint8_t)(VALUE_TEXT_MAX * 2 & 255);
    struct gale_conf *map = conf_new();
    const char *text = gale_conf_text(gale_conf_at(list_of(map, bytes, size), 0));
    assert_int_equal(strlen(text), VALUE_TEXT_MAX + 3);
    conf_free(map);
    free(bytes);
}

static void value_random_bytes_do_no_harm(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct rng rng;
    unsigned refused = 0;
    rng_seed(&rng, 11);
    for (int i = 0; i < RANDOM_ROUNDS; i++) {
        size_t size = 1 + rng_below(&rng, sizeof bytes);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)rng_next(&rng);
        }
        bytes[0] = (uint8_t)(0x90 | rng_below(&rng, 16));
        struct gale_conf *map = conf_new();
        refused += value_tree(bytes, size, map, "values") != GALE_OK;
        conf_free(map);
    }
    assert_true(refused > RANDOM_ROUNDS / 2);
    struct gale_conf *map = conf_new();
    assert_int_equal(value_tree((const uint8_t *)"\x05", 1, map, "values"), GALE_ERR_CORRUPT);
    assert_int_equal(value_tree((const uint8_t *)"\x92\x01", 2, map, "v"), GALE_ERR_CORRUPT);
    conf_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_scalars_keep_their_type),
        cmocka_unit_test(value_nested_is_nested),
        cmocka_unit_test(value_too_deep_is_cut),
        cmocka_unit_test(value_long_string_is_cut),
        cmocka_unit_test(value_random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

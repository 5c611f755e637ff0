/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the msgpack form of a configuration tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/conf.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_round_trip(const struct gale_conf *tree)
{
    struct buf packed;
    buf_init(&packed, 0);
    assert_int_equal(conf_pack(tree, &packed), GALE_OK);
    struct gale_conf *copy = NULL;
    assert_int_equal(conf_unpack(packed.data, packed.size, &copy), GALE_OK);
    assert_true(conf_equal(tree, copy));
    for (size_t i = 0; i < gale_conf_count(tree); i++) {
        const char *text = gale_conf_text(gale_conf_at(tree, i));
        if (text) {
            assert_string_equal(text, gale_conf_text(gale_conf_at(copy, i)));
        }
    }
    conf_free(copy);
    /* Every shorter form is refused. */
    for (size_t size = 0; size < packed.size && size < 600; size++) {
        assert_int_not_equal(conf_unpack(packed.data, size, &copy), GALE_OK);
    }
    buf_fini(&packed);
}

static void conf_pack_scalars_keep_type_and_spelling(void **state)
{
    (void)state;
    static const char *const texts[] = {"0",
                                        "127",
                                        "128",
                                        "-32",
                                        "-33",
                                        "-128",
                                        "-129",
                                        "32767",
                                        "32768",
                                        "-32769",
                                        "2147483647",
                                        "-2147483649",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "0x10",
                                        "+5",
                                        "007",
                                        "1e3",
                                        "0.1",
                                        "3.0",
                                        "3.",
                                        ".inf",
                                        "-.inf",
                                        ".nan",
                                        "true",
                                        "True",
                                        "~",
                                        "plain",
                                        "30s",
                                        "1e999"};
    struct gale_conf *tree = conf_new();
    char key[16];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        snprintf(key, sizeof key, "k%zu", i);
        assert_int_equal(conf_add_scalar(tree, key, texts[i], false, NULL), GALE_OK);
    }
    assert_int_equal(conf_add_scalar(tree, "quoted", "12", true, NULL), GALE_OK);
    assert_round_trip(tree);
    conf_free(tree);
}

static void conf_pack_sizes_choose_every_head(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 31, 32, 255, 256, 65535, 65536};
    struct gale_conf *tree = conf_new(), *list, *map;
    char *text = malloc(70000);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(text, 'x', sizes[i]);
        text[sizes[i]] = '\0';
        assert_int_equal(conf_add_scalar(tree, text, text, true, NULL), GALE_OK);
    }
    conf_add_list(tree, "list", &list);
    conf_add_map(tree, "map", &map);
    for (int i = 0; i < 70000; i++) {
        assert_int_equal(conf_add_scalar(list, NULL, "1", false, NULL), GALE_OK);
    }
    for (int i = 0; i < 20; i++) {
        snprintf(text, 16, "k%d", i);
        assert_int_equal(conf_add_scalar(map, text, "1", false, NULL), GALE_OK);
    }
    assert_round_trip(tree);
    free(text);
    conf_free(tree);
}

static void assert_refused(const char *bytes, size_t size, enum gale_err expected)
{
    struct gale_conf *out = NULL;
    assert_int_equal(conf_unpack((const uint8_t *)bytes, size, &out), expected);
    assert_null(out);
}

#define REFUSED(bytes) assert_refused(bytes, sizeof bytes - 1, GALE_ERR_CORRUPT)

static void conf_unpack_hostile_bytes_are_refused(void **state)
{
    (void)state;
    REFUSED("");
    REFUSED("\xdd\x03\xff\xff\xff");
    REFUSED("\xdf\xff\xff\xff\xff");
    REFUSED("\xdb\xff\xff\xff\xff");
    REFUSED("\xa3xy");
    REFUSED("\xa2x\0");
    REFUSED("\x81\x01\x01");
    REFUSED("\x81\xc7\x01\x02x\x01");
    REFUSED("\x82\xa1x\x01\xa1x\x02");
    REFUSED("\x01\x01");
    REFUSED("\xc1");
    REFUSED("\xc4\x01x");
    REFUSED("\xca\0\0\0\0");
    REFUSED("\xc7\x01\x01x");
    REFUSED("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
}

static void conf_unpack_depth_and_nodes_are_bounded(void **state)
{
    (void)state;
    char deep[CONF_DEPTH_MAX + 2];
    memset(deep, 0x91, sizeof deep);
    deep[CONF_DEPTH_MAX] = 0x01;
    struct gale_conf *out = NULL;
    assert_int_equal(conf_unpack((const uint8_t *)deep, CONF_DEPTH_MAX + 1, &out), GALE_OK);
    conf_free(out);
    deep[CONF_DEPTH_MAX] = (char)0x91;
    deep[CONF_DEPTH_MAX + 1] = 0x01;
    assert_refused(deep, sizeof deep, GALE_ERR_LIMIT);
    size_t count = CONF_NODES_MAX;
    char *wide = calloc(1, count + 5);
    assert_non_null(wide);
    wide[0] = (char)0xdd;
    wide[2] = (char)(count >> 16);
    wide[3] = (char)(count >> 8 & 0xff);
    wide[4] = (char)(count & 0xff);
    assert_refused(wide, count + 5, GALE_ERR_LIMIT);
    free(wide);
}

static void conf_unpack_random_bytes_never_crash(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)rng_next(&rng);
        }
        struct gale_conf *out = NULL;
        if (conf_unpack(bytes, rng_below(&rng, sizeof bytes), &out) == GALE_OK) {
            assert_round_trip(out);
            conf_free(out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_pack_scalars_keep_type_and_spelling),
        cmocka_unit_test(conf_pack_sizes_choose_every_head),
        cmocka_unit_test(conf_unpack_hostile_bytes_are_refused),
        cmocka_unit_test(conf_unpack_depth_and_nodes_are_bounded),
        cmocka_unit_test(conf_unpack_random_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

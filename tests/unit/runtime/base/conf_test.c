/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the configuration tree: building, reading, copying, removing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void conf_scalar_types_follow_the_core_schema(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum gale_type type;
    } cases[] = {
        {"", GALE_NIL},
        {"~", GALE_NIL},
        {"null", GALE_NIL},
        {"nULL", GALE_STRING},
        {"true", GALE_BOOL},
        {"FALSE", GALE_BOOL},
        {"yes", GALE_STRING},
        {"12", GALE_INT64},
        {"-7", GALE_INT64},
        {"+7", GALE_INT64},
        {"007", GALE_INT64},
        {"0x1F", GALE_INT64},
        {"0o17", GALE_INT64},
        {"0x", GALE_STRING},
        {"0o8", GALE_STRING},
        {"-0x1", GALE_STRING},
        {"1.5", GALE_DOUBLE},
        {".5", GALE_DOUBLE},
        {"5.", GALE_DOUBLE},
        {"1e3", GALE_DOUBLE},
        {"1e", GALE_STRING},
        {".", GALE_STRING},
        {"-", GALE_STRING},
        {"+.inf", GALE_DOUBLE},
        {".nan", GALE_DOUBLE},
        {"-.nan", GALE_STRING},
        {"1 2", GALE_STRING},
        {"30s", GALE_STRING},
        {" 1", GALE_STRING},
        {"1.2.3", GALE_STRING},
        {"9223372036854775807", GALE_INT64},
        {"9223372036854775808", GALE_DOUBLE},
        {"infinity", GALE_STRING},
    };
    struct gale_conf *root = conf_new(), *list, *node;
    assert_int_equal(conf_add_list(root, "l", &list), GALE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(conf_add_scalar(list, NULL, cases[i].text, false, &node), GALE_OK);
        if (gale_conf_type(node) != cases[i].type) {
            fail_msg("\"%s\" has type %d", cases[i].text, (int)gale_conf_type(node));
        }
    }
    assert_int_equal(conf_add_scalar(list, NULL, "12", true, &node), GALE_OK);
    assert_int_equal(gale_conf_type(node), GALE_STRING);
    conf_free(root);
}

static void conf_getters_fall_back_on_absent_or_wrong_types(void **state)
{
    (void)state;
    struct gale_conf *root = conf_new();
    conf_add_scalar(root, "i", "0x10", false, NULL);
    conf_add_scalar(root, "d", "2.5", false, NULL);
    conf_add_scalar(root, "b", "true", false, NULL);
    conf_add_scalar(root, "t", "30s", false, NULL);
    conf_add_scalar(root, "s", "64KiB", false, NULL);
    conf_add_scalar(root, "n", "~", false, NULL);
    assert_int_equal(gale_conf_int64(root, "i", 1), 16);
    assert_string_equal(gale_conf_string(root, "i", ""), "0x10");
    assert_int_equal(gale_conf_int64(root, "d", 1), 1);
    assert_true(gale_conf_double(root, "i", 0) == 16.0);
    assert_true(gale_conf_double(root, "d", 0) == 2.5);
    assert_true(gale_conf_bool(root, "b", false));
    assert_true(gale_conf_bool(root, "i", true));
    assert_int_equal(gale_conf_duration_ms(root, "t", 1), 30000);
    assert_int_equal(gale_conf_size(root, "s", 1), 65536);
    assert_int_equal(gale_conf_size(root, "t", 1), 1);
    assert_string_equal(gale_conf_string(root, "n", "none"), "none");
    assert_string_equal(gale_conf_string(NULL, "n", "none"), "none");
    assert_null(gale_conf_at(root, 6));
    assert_int_equal(gale_conf_type(NULL), GALE_NIL);
    conf_free(root);
}

static void conf_add_refuses_repeated_and_misplaced_keys(void **state)
{
    (void)state;
    struct gale_conf *root = conf_new(), *list;
    assert_int_equal(conf_add_list(root, "l", &list), GALE_OK);
    assert_int_equal(conf_add_scalar(root, "l", "1", false, NULL), GALE_ERR_EXISTS);
    assert_int_equal(conf_add_scalar(root, NULL, "1", false, NULL), GALE_ERR_INVALID);
    assert_int_equal(conf_add_scalar(list, "k", "1", false, NULL), GALE_ERR_INVALID);
    assert_int_equal(gale_conf_count(root), 1);
    conf_free(root);
}

static void conf_large_map_finds_and_removes_every_key(void **state)
{
    (void)state;
    struct gale_conf *root = conf_new();
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(conf_add_scalar(root, key, key + 1, false, NULL), GALE_OK);
    }
    assert_int_equal(conf_add_scalar(root, "k500", "1", false, NULL), GALE_ERR_EXISTS);
    for (int i = 0; i < 1000; i += 2) {
        snprintf(key, sizeof key, "k%d", i);
        conf_remove(root, key);
    }
    conf_remove(root, "absent");
    assert_int_equal(gale_conf_count(root), 500);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(gale_conf_int64(root, key, -1), i % 2 ? i : -1);
    }
    assert_string_equal(gale_conf_key(root, 1), "k3");
    conf_free(root);
}

static void conf_copy_keeps_values_order_and_places(void **state)
{
    (void)state;
    struct gale_conf *root = conf_new(), *list, *map, *node;
    conf_add_list(root, "l", &list);
    conf_add_map(list, NULL, &map);
    conf_add_scalar(map, "a", "1", false, &node);
    struct conf_place place = {.file = "f.yaml", .line = 3, .column = 4, .length = 5};
    conf_set_place(node, &place);
    conf_add_scalar(map, "b", "x", true, NULL);
    conf_add_scalar(list, NULL, "2", false, NULL);
    struct gale_conf *other = conf_new();
    assert_int_equal(conf_add_copy(other, "copy", list), GALE_OK);
    assert_true(conf_equal(list, gale_conf_get(other, "copy")));
    conf_free(root);
    const struct gale_conf *copied = gale_conf_at(gale_conf_get(other, "copy"), 0);
    place = conf_place_of(gale_conf_get(copied, "a"));
    assert_string_equal(place.file, "f.yaml");
    assert_int_equal(place.line, 3);
    assert_null(conf_place_of(gale_conf_get(copied, "b")).file);
    conf_free(other);
}

static void conf_equal_sees_each_difference(void **state)
{
    (void)state;
    struct gale_conf *a = conf_new(), *b = conf_new();
    conf_add_scalar(a, "x", "16", false, NULL);
    conf_add_scalar(b, "x", "0x10", false, NULL);
    assert_true(conf_equal(a, b));
    conf_add_scalar(a, "y", "1", false, NULL);
    assert_false(conf_equal(a, b));
    conf_add_scalar(b, "y", "1", true, NULL);
    assert_false(conf_equal(a, b));
    conf_remove(b, "y");
    conf_add_scalar(b, "z", "1", false, NULL);
    assert_false(conf_equal(a, b));
    conf_free(a);
    conf_free(b);
}

static void conf_deep_tree_is_freed_without_recursion(void **state)
{
    (void)state;
    struct gale_conf *root = conf_new(), *at;
    assert_int_equal(conf_add_list(root, "l", &at), GALE_OK);
    for (int i = 0; i < 300000; i++) {
        assert_int_equal(conf_add_list(at, NULL, &at), GALE_OK);
    }
    assert_true(conf_equal(root, root));
    conf_free(root);
}

static void conf_units_are_parsed_whole_or_refused(void **state)
{
    (void)state;
    int64_t value = -1;
    assert_true(conf_parse_duration_ms("250ms", &value) && value == 250);
    assert_true(conf_parse_duration_ms("5m", &value) && value == 300000);
    assert_true(conf_parse_duration_ms("1h", &value) && value == 3600000);
    assert_true(conf_parse_duration_ms("17", &value) && value == 17);
    assert_true(conf_parse_size("1MB", &value) && value == 1000000);
    assert_true(conf_parse_size("2GiB", &value) && value == INT64_C(2) << 30);
    value = 42;
    static const char *const malformed[] = {"",   "s",    "-1s",   "1 s",
                                            "1x", "1.5s", "1ssss", "9223372036854775807s"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_false(conf_parse_duration_ms(malformed[i], &value));
        assert_false(conf_parse_size(malformed[i], &value));
    }
    assert_int_equal(value, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_scalar_types_follow_the_core_schema),
        cmocka_unit_test(conf_getters_fall_back_on_absent_or_wrong_types),
        cmocka_unit_test(conf_add_refuses_repeated_and_misplaced_keys),
        cmocka_unit_test(conf_large_map_finds_and_removes_every_key),
        cmocka_unit_test(conf_copy_keeps_values_order_and_places),
        cmocka_unit_test(conf_equal_sees_each_difference),
        cmocka_unit_test(conf_deep_tree_is_freed_without_recursion),
        cmocka_unit_test(conf_units_are_parsed_whole_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

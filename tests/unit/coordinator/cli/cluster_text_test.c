/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what the cluster's verbs show and read: ages, times, sizes, numbers, trees as JSON. */
#include "cli/cluster_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void cluster_age_has_two_units_at_most(void **state)
{
    (void)state;
    char out[CLUSTER_AGE_SIZE];
    assert_string_equal(cluster_age(-5, out), "0s");
    assert_string_equal(cluster_age(999, out), "0s");
    assert_string_equal(cluster_age(59999, out), "59s");
    assert_string_equal(cluster_age(60000, out), "1m0s");
    assert_string_equal(cluster_age(3599999, out), "59m59s");
    assert_string_equal(cluster_age(3600000, out), "1h0m");
    assert_string_equal(cluster_age(86400000, out), "1d0h");
    assert_true(strlen(cluster_age(INT64_MAX, out)) < CLUSTER_AGE_SIZE - 1);
}

static void cluster_time_and_size_show_a_dash_for_nothing(void **state)
{
    (void)state;
    char time[CLUSTER_TIME_SIZE], size[CLUSTER_SIZE_SIZE];
    assert_string_equal(cluster_time(INT64_C(1763719200000), time), "2025-11-21T10:00:00Z");
    assert_string_equal(cluster_time(0, time), "-");
    assert_string_equal(cluster_time(-1, time), "-");
    assert_string_equal(cluster_time(INT64_MAX, time), "-");
    assert_string_equal(cluster_size(0, size), "-");
    assert_string_equal(cluster_size(1023, size), "1023 B");
    assert_string_equal(cluster_size(1024, size), "1.0 KiB");
    assert_string_equal(cluster_size(3.0 * (1 << 30), size), "3.0 GiB");
}

static void cluster_number_takes_whole_numbers_in_bounds(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_true(cluster_number("12", 0, 12, &value));
    assert_int_equal(value, 12);
    const char *const wrong[] = {"", "x", "1x", "13", "-1", "1.5", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(cluster_number(wrong[i], 0, 12, &value));
    }
    assert_int_equal(value, 12);
}

static char *json_of(const struct gale_conf *node)
{
    char *text = NULL;
    size_t size = 0;
    struct jsonw json;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    jsonw_init(&json, file);
    cluster_json(&json, NULL, node);
    jsonw_end(&json);
    fclose(file);
    return text;
}

static void cluster_json_keeps_types_and_order(void **state)
{
    (void)state;
    struct gale_conf *root = conf_new();
    struct gale_conf *list = NULL, *child = NULL;
    assert_non_null(root);
    assert_int_equal(conf_add_scalar(root, "z", "0x1f", false, &child), GALE_OK);
    assert_int_equal(conf_add_scalar(root, "a", "12", true, &child), GALE_OK);
    assert_int_equal(conf_add_scalar(root, "t", "True", false, &child), GALE_OK);
    assert_int_equal(conf_add_scalar(root, "n", "~", false, &child), GALE_OK);
    assert_int_equal(conf_add_scalar(root, "big", "-9223372036854775808", false, &child),
                     GALE_OK);
    assert_int_equal(conf_add_list(root, "l", &list), GALE_OK);
    assert_int_equal(conf_add_scalar(list, NULL, "1.5", false, &child), GALE_OK);
    char *text = json_of(root);
    assert_string_equal(text, "{\"z\":31,\"a\":\"12\",\"t\":true,\"n\":null,"
                              "\"big\":-9223372036854775808,\"l\":[1.500000]}\n");
    free(text);
    conf_free(root);
}

static void cluster_json_of_a_deep_tree_ends_in_null(void **state)
{
    (void)state;
    struct gale_conf *root = conf_new();
    struct gale_conf *at = root;
    for (unsigned i = 0; i < CONF_DEPTH_MAX - 2; i++) {
        assert_int_equal(conf_add_map(at, "m", &at), GALE_OK);
    }
    char *text = json_of(root);
    assert_non_null(strstr(text, "null"));
    free(text);
    conf_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cluster_age_has_two_units_at_most),
        cmocka_unit_test(cluster_time_and_size_show_a_dash_for_nothing),
        cmocka_unit_test(cluster_number_takes_whole_numbers_in_bounds),
        cmocka_unit_test(cluster_json_keeps_types_and_order),
        cmocka_unit_test(cluster_json_of_a_deep_tree_ends_in_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

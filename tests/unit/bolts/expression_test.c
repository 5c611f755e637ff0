/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the expression language through the bolts that use it, filter and project. */
#include "bolts_test.h"

#include <stdio.h>
#include <string.h>

/* Evaluates over the fields n=7, d=2.5, s='Bonn', b=true, z=null, l=[1,2], m=decimal 1.50. */
static void evaluates(const char *expression, const char *expected)
{
    char options[512];
    char line[512];
    snprintf(options, sizeof(options), "fields: {x: \"%s\"}", expression);
    struct gale_bench *bench = bench_of(&project_bolt_ops, "n,d,s,b,z,l,m", options);
    give(bench, "[7,2.5,\"Bonn\",true,null,[1,2],{\"$decimal\":\"1.50\"}]");
    snprintf(line, sizeof(line), "default [%s]", expected);
    const char *taken = gale_bench_take(bench);
    if (taken == NULL || strcmp(taken, line) != 0) {
        fail_msg("%s: expected %s, got %s", expression, line, taken ? taken : "nothing");
    }
    gale_bench_free(bench);
}

static void expression_precedence_follows_grammar(void **state)
{
    (void)state;
    evaluates("1 + 2 * 3", "7");
    evaluates("(1 + 2) * 3", "9");
    evaluates("10 - 3 - 2", "5");
    evaluates("-n + 1", "-6");
    evaluates("2 - -3", "5");
    evaluates("false and false or true", "true");
    evaluates("not n == 8 and b", "true");
    evaluates("not (n == 7 and b)", "false");
    evaluates("1 + 1 == 2", "true");
    evaluates("'a' || 'b' == 'ab'", "true");
    evaluates("upper(lower(s) || 'x')", "\"BONNX\"");
}

static void expression_numbers_compare_by_value(void **state)
{
    (void)state;
    evaluates("n == 7.0", "true");
    evaluates("9007199254740993 == 9007199254740992.0", "false");
    evaluates("m == 1.5", "true");
    evaluates("m < 2", "true");
    evaluates("n > d", "true");
    evaluates("n == '7'", "false");
    evaluates("n != '7'", "true");
    evaluates("n < '8'", "false");
}

static void expression_arithmetic_has_no_undefined_case(void **state)
{
    (void)state;
    evaluates("7 / 2", "3");
    evaluates("-7 / 2", "-3");
    evaluates("-7 % 4", "-3");
    evaluates("7 / 2.0", "3.5");
    evaluates("n / 0", "null");
    evaluates("n % 0", "null");
    evaluates("9223372036854775807 + 1", "null");
    evaluates("(-9223372036854775807 - 1) / -1", "null");
    evaluates("s + 1", "null");
    evaluates("z + 1", "null");
    evaluates("m + 1", "{\"$decimal\":\"2.50\"}");
    evaluates("1 - m", "{\"$decimal\":\"-0.50\"}");
    evaluates("m * 2", "null");
}

static void expression_null_follows_rules(void **state)
{
    (void)state;
    evaluates("z is null", "true");
    evaluates("n is not null", "true");
    evaluates("z == null", "true");
    evaluates("z == 1", "false");
    evaluates("z != 1", "true");
    evaluates("z <= null", "false");
    evaluates("s || z", "null");
    evaluates("length(z)", "null");
}

static void expression_texts_are_searched(void **state)
{
    (void)state;
    evaluates("s contains 'on'", "true");
    evaluates("s starts_with 'Bo'", "true");
    evaluates("s ends_with 'nn'", "true");
    evaluates("s ends_with 'Bonnn'", "false");
    evaluates("s contains ''", "true");
    evaluates("n contains '7'", "false");
    evaluates("length(s) + length(l)", "6");
    evaluates("s || ':' || n || ':' || b || ':' || m", "\"Bonn:7:true:1.50\"");
    evaluates("'it''s'", "\"it's\"");
    evaluates("l", "[1,2]");
}

static void expression_errors_name_the_position(void **state)
{
    (void)state;
    refuses(&filter_bolt_ops, "n", "where: \"n >\"", "character 4");
    refuses(&filter_bolt_ops, "n", "where: \"n == (1\"", "character 6");
    refuses(&filter_bolt_ops, "n", "where: \"n 1\"", "operator is expected at character 3");
    refuses(&filter_bolt_ops, "n", "where: \"'abc\"", "closing quote at character 1");
    refuses(&filter_bolt_ops, "n", "where: \"n == 1)\"", "character 7");
    refuses(&filter_bolt_ops, "n", "where: \"m == 1\"", "m");
    refuses(&filter_bolt_ops, "n", "where: \"99999999999999999999 == n\"", "larger than");
}

static void expression_deep_nesting_is_refused(void **state)
{
    (void)state;
    char options[300] = "where: \"";
    for (unsigned i = 0; i < 200; i++) {
        strcat(options, "(");
    }
    strcat(options, "\"");
    refuses(&filter_bolt_ops, "n", options, "deeper");
}

static void filter_passes_true_tuples_unchanged(void **state)
{
    (void)state;
    struct gale_bench *bench =
        bench_of(&filter_bolt_ops, "name,age", "where: \"age >= 18 and name != 'x'\"");
    give(bench, "[\"ann\",18]");
    give(bench, "[\"bob\",17]");
    give(bench, "[\"x\",30]");
    give(bench, "[\"cid\",null]");
    takes(bench, "default [\"ann\",18]");
    takes(bench, NULL);
    assert_int_equal(gale_bench_acked(bench), 4);
    gale_bench_free(bench);
}

static void project_list_keeps_order(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&project_bolt_ops, "a,b-c,d", "fields: [d, b-c]");
    give(bench, "[1,{\"k\":[2]},3]");
    takes(bench, "default [3,{\"k\":[2]}]");
    gale_bench_free(bench);
    refuses(&project_bolt_ops, "a", "fields: [b]", "b");
    refuses(&project_bolt_ops, "a", "fields: [a, a]", "a");
}

static void expression_long_text_grows_scratch(void **state)
{
    (void)state;
    char tuple[9000];
    char expected[19000];
    struct gale_bench *bench =
        bench_of(&project_bolt_ops, "s", "fields: {x: \"upper(s) || s\"}");
    memset(tuple, 'q', sizeof(tuple));
    memcpy(tuple, "[\"", 2);
    strcpy(tuple + 8000, "\"]");
    give(bench, tuple);
    memset(expected, 'Q', sizeof(expected));
    memcpy(expected, "default [\"", 10);
    memset(expected + 10 + 7998, 'q', 7998);
    strcpy(expected + 10 + 2 * 7998, "\"]");
    takes(bench, expected);
    gale_bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expression_precedence_follows_grammar),
        cmocka_unit_test(expression_numbers_compare_by_value),
        cmocka_unit_test(expression_arithmetic_has_no_undefined_case),
        cmocka_unit_test(expression_null_follows_rules),
        cmocka_unit_test(expression_texts_are_searched),
        cmocka_unit_test(expression_errors_name_the_position),
        cmocka_unit_test(expression_deep_nesting_is_refused),
        cmocka_unit_test(filter_passes_true_tuples_unchanged),
        cmocka_unit_test(project_list_keeps_order),
        cmocka_unit_test(expression_long_text_grows_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

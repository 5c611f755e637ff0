/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the count bolt: keys of all sizes and types, when it emits, the largest counts. */
#include "bolts_test.h"

#include <stdio.h>
#include <string.h>

static void count_each_emits_running_count(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&count_bolt_ops, "word", NULL);
    give(bench, "[\"a\"]");
    give(bench, "[\"b\"]");
    give(bench, "[\"a\"]");
    takes(bench, "default [\"a\",1]");
    takes(bench, "default [\"b\",1]");
    takes(bench, "default [\"a\",2]");
    takes(bench, NULL);
    assert_int_equal(gale_bench_acked(bench), 3);
    gale_bench_free(bench);
}

static void count_key_fields_ignore_the_rest(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&count_bolt_ops, "a,b,c", "key: [c, a]\nas: total");
    give(bench, "[1, \"x\", true]");
    give(bench, "[1, \"y\", true]");
    give(bench, "[2, \"y\", true]");
    takes(bench, "default [true,1,1]");
    takes(bench, "default [true,1,2]");
    takes(bench, "default [true,2,1]");
    gale_bench_free(bench);
}

/* Every key size around the inline limit and the 8-byte loads, with near twins; growth of the
 * table; then each count must be exact. */
static void count_keys_of_all_sizes_stay_apart(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&count_bolt_ops, "word", "emit: end");
    char tuple[128];
    char word[80];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned size = 0; size < 64; size++) {
            for (unsigned twin = 0; twin <= size; twin++) {
                memset(word, 'a', size);
                word[size] = '\0';
                if (twin < size) {
                    word[twin] = 'b';
                }
                snprintf(tuple, sizeof(tuple), "[\"%s\"]", word);
                give(bench, tuple);
            }
        }
    }
    takes(bench, NULL);
    gale_bench_finish(bench);
    unsigned keys = 0;
    for (const char *text = gale_bench_take(bench); text != NULL;
         text = gale_bench_take(bench)) {
        assert_non_null(strstr(text, "\",3]"));
        keys++;
    }
    assert_int_equal(keys, 64 * 65 / 2);
    gale_bench_free(bench);
}

static void count_types_are_different_keys(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&count_bolt_ops, "k", NULL);
    give(bench, "[1]");
    give(bench, "[\"1\"]");
    give(bench, "[null]");
    give(bench, "[[1,{\"x\":null}]]");
    give(bench, "[[1,{\"x\":null}]]");
    takes(bench, "default [1,1]");
    takes(bench, "default [\"1\",1]");
    takes(bench, "default [null,1]");
    takes(bench, "default [[1,{\"x\":null}],1]");
    takes(bench, "default [[1,{\"x\":null}],2]");
    gale_bench_free(bench);
}

static void count_tick_emits_changed_keys_only(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&count_bolt_ops, "w", "emit: tick\ntick: 1s");
    give(bench, "[\"a\"]");
    give(bench, "[\"a\"]");
    gale_bench_advance(bench, 999);
    takes(bench, NULL);
    gale_bench_advance(bench, 1);
    takes(bench, "default [\"a\",2]");
    gale_bench_advance(bench, 1000);
    takes(bench, NULL);
    give(bench, "[\"b\"]");
    gale_bench_advance(bench, 1000);
    takes(bench, "default [\"b\",1]");
    takes(bench, NULL);
    gale_bench_free(bench);
}

static void count_top_sorts_and_breaks_ties(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&count_bolt_ops, "w", "emit: end\ntop: 3");
    const char *words[] = {"[\"d\"]", "[\"b\"]", "[\"c\"]", "[\"a\"]", "[\"c\"]",
                           "[\"e\"]", "[\"e\"]", "[\"e\"]", "[\"d\"]"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        give(bench, words[i]);
    }
    gale_bench_finish(bench);
    takes(bench, "default [\"e\",3]");
    takes(bench, "default [\"c\",2]");
    takes(bench, "default [\"d\",2]");
    takes(bench, NULL);
    gale_bench_free(bench);
}

/* More keys than one slice has, with a table that grows in between; each key comes out once. */
static void count_large_output_comes_in_slices_and_whole(void **state)
{
    (void)state;
    static const char *const modes[] = {"emit: end", "emit: end\ntop: 5000"};
    for (size_t mode = 0; mode < 2; mode++) {
        struct gale_bench *bench = bench_of(&count_bolt_ops, "n", modes[mode]);
        bool *seen = calloc(5000, sizeof(*seen));
        char text[32];
        for (int i = 0; i < 5000; i++) {
            (void)snprintf(text, sizeof(text), "[%d]", i);
            give(bench, text);
        }
        gale_bench_finish(bench);
        for (int i = 0; i < 5000; i++) {
            int key = -1;
            int value = 0;
            const char *taken = gale_bench_take(bench);
            assert_non_null(taken);
            assert_int_equal(sscanf(taken, "default [%d,%d]", &key, &value), 2);
            assert_in_range(key, 0, 4999);
            assert_false(seen[key]);
            assert_int_equal(value, 1);
            seen[key] = true;
        }
        takes(bench, NULL);
        free(seen);
        gale_bench_free(bench);
    }
}

static void count_nested_key_at_end_is_copied_whole(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&count_bolt_ops, "k", "emit: end");
    give(bench, "[{\"a\":[1,2.5],\"b\":{\"$decimal\":\"1.50\"}}]");
    gale_bench_finish(bench);
    takes(bench, "default [{\"a\":[1,2.5],\"b\":{\"$decimal\":\"1.50\"}},1]");
    gale_bench_free(bench);
}

static void count_beyond_max_keys_fails_new_keys(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&count_bolt_ops, "w", "max_keys: 1");
    give(bench, "[\"a\"]");
    give(bench, "[\"b\"]");
    give(bench, "[\"a\"]");
    takes(bench, "default [\"a\",1]");
    takes(bench, "default [\"a\",2]");
    assert_int_equal(gale_bench_failed(bench), 1);
    gale_bench_free(bench);
}

static void count_bad_options_are_refused(void **state)
{
    (void)state;
    refuses(&count_bolt_ops, "word", "key: wrod", "word");
    refuses(&count_bolt_ops, "word", "emit: sometimes", "each, tick or end");
    refuses(&count_bolt_ops, "word", "top: 5", "needs `emit");
    refuses(&count_bolt_ops, "word", "as: word", "word");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_each_emits_running_count),
        cmocka_unit_test(count_key_fields_ignore_the_rest),
        cmocka_unit_test(count_keys_of_all_sizes_stay_apart),
        cmocka_unit_test(count_types_are_different_keys),
        cmocka_unit_test(count_tick_emits_changed_keys_only),
        cmocka_unit_test(count_top_sorts_and_breaks_ties),
        cmocka_unit_test(count_large_output_comes_in_slices_and_whole),
        cmocka_unit_test(count_nested_key_at_end_is_copied_whole),
        cmocka_unit_test(count_beyond_max_keys_fails_new_keys),
        cmocka_unit_test(count_bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

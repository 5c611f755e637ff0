/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the split bolt: words, separators, block borders of the bit mask, options. */
#include "bolts_test.h"

#include <stdio.h>
#include <string.h>

static void split_white_space_gives_words(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&split_bolt_ops, "line", NULL);
    give(bench, "[\"  the cow\\tjumped \\n\"]");
    takes(bench, "default [\"the\"]");
    takes(bench, "default [\"cow\"]");
    takes(bench, "default [\"jumped\"]");
    takes(bench, NULL);
    assert_int_equal(gale_bench_acked(bench), 1);
    gale_bench_free(bench);
}

static void split_empty_and_blank_give_nothing(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&split_bolt_ops, "line", NULL);
    give(bench, "[\"\"]");
    give(bench, "[\"   \"]");
    takes(bench, NULL);
    assert_int_equal(gale_bench_acked(bench), 2);
    gale_bench_free(bench);
}

static void split_number_fails_tuple(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&split_bolt_ops, "line", NULL);
    give(bench, "[7]");
    takes(bench, NULL);
    assert_int_equal(gale_bench_failed(bench), 1);
    gale_bench_free(bench);
}

/* Texts of a to c and blanks of every length around the 64-byte blocks, against strtok. */
static void split_any_length_equals_strtok(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(&split_bolt_ops, "line", NULL);
    uint64_t seed = 20240607;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 600; round++) {
        char text[256];
        char tuple[300];
        size_t size = round % 200;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[i] = "ab c  "[(seed >> 33) % (round < 300 ? 6 : 3)];
        }
        text[size] = '\0';
        snprintf(tuple, sizeof(tuple), "[\"%s\"]", text);
        give(bench, tuple);
        for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
            char expected[300];
            snprintf(expected, sizeof(expected), "default [\"%s\"]", word);
            takes(bench, expected);
        }
        takes(bench, NULL);
    }
    gale_bench_free(bench);
}

static void split_options_change_words(void **state)
{
    (void)state;
    struct gale_bench *bench = bench_of(
        &split_bolt_ops, "id,text", "field: text\non: ',;'\nlower: true\nmin_length: 2\nas: w");
    give(bench, "[1, \"Ab,c;DE f,,x\"]");
    takes(bench, "default [\"ab\"]");
    takes(bench, "default [\"de f\"]");
    takes(bench, NULL);
    gale_bench_free(bench);
}

static void split_bad_options_are_refused(void **state)
{
    (void)state;
    refuses(&split_bolt_ops, "line", "field: lime", "lime");
    refuses(&split_bolt_ops, "line", "on: ''", "separator");
    refuses(&split_bolt_ops, "line", "min_length: 0", "min_length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_white_space_gives_words),
        cmocka_unit_test(split_empty_and_blank_give_nothing),
        cmocka_unit_test(split_number_fails_tuple),
        cmocka_unit_test(split_any_length_equals_strtok),
        cmocka_unit_test(split_options_change_words),
        cmocka_unit_test(split_bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

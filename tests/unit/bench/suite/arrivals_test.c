/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading numbered lines on: what is new, twice, missing, cut or foreign. */
#include "suite/arrivals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
    char directory[64];
    char prefix[80];
    struct arrivals arrivals;
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    snprintf(place->directory, sizeof(place->directory), "/tmp/gale-arrivals-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->prefix, sizeof(place->prefix), "%s/seen", place->directory);
    arrivals_init(&place->arrivals, place->prefix, 2, "a cow", 100);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    arrivals_fini(&place->arrivals);
    for (unsigned i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s.%u", place->prefix, i);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(place->directory), 0);
    free(place);
    return 0;
}

static void append(const struct place *place, unsigned index, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s.%u", place->prefix, index);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void arrivals_files_that_grow_are_read_on(void **state)
{
    struct place *place = *state;
    struct arrivals *arrivals = &place->arrivals;
    assert_int_equal(arrivals_read(arrivals), 0); /* No file yet. */
    append(place, 0, "0 a cow\n1 a cow\n2 a");
    assert_int_equal(arrivals_read(arrivals), 2);
    append(place, 0, " cow\n");
    append(place, 1, "3 a cow\n");
    assert_int_equal(arrivals_read(arrivals), 2);
    assert_int_equal(arrivals->lines, 4);
    assert_int_equal(arrivals->distinct, 4);
    assert_int_equal(arrivals->broken, 0);
}

static void arrivals_twice_is_counted_once(void **state)
{
    struct place *place = *state;
    append(place, 0, "7 a cow\n7 a cow\n");
    append(place, 1, "7 a cow\n8 a cow\n");
    assert_int_equal(arrivals_read(&place->arrivals), 4);
    assert_int_equal(place->arrivals.distinct, 2);
}

static void arrivals_front_is_that_of_the_slowest(void **state)
{
    struct place *place = *state;
    assert_int_equal(arrivals_front(&place->arrivals), 0);
    append(place, 0, "0 a cow\n2 a cow\n40 a cow\n");
    arrivals_read(&place->arrivals);
    assert_int_equal(arrivals_front(&place->arrivals), 0); /* The odd ones have not begun. */
    append(place, 1, "1 a cow\n21 a cow\n11 a cow\n");
    arrivals_read(&place->arrivals);
    assert_int_equal(arrivals_front(&place->arrivals), 22);
}

static void arrivals_foreign_lines_are_broken(void **state)
{
    struct place *place = *state;
    char line[600];
    memset(line, '9', sizeof(line));
    snprintf(line + sizeof(line) - 8, 8, " a cow\n");
    append(place, 0, "5 a c\n\n100 a cow\n 6 a cow\nx\n5 a cowl\n18446744073709551617 a cow\n");
    append(place, 0, line);
    append(place, 0, "9 a cow\n");
    assert_int_equal(arrivals_read(&place->arrivals), 1);
    assert_int_equal(place->arrivals.broken, 8);
    assert_int_equal(place->arrivals.distinct, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(arrivals_files_that_grow_are_read_on, setup, teardown),
        cmocka_unit_test_setup_teardown(arrivals_twice_is_counted_once, setup, teardown),
        cmocka_unit_test_setup_teardown(arrivals_front_is_that_of_the_slowest, setup, teardown),
        cmocka_unit_test_setup_teardown(arrivals_foreign_lines_are_broken, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

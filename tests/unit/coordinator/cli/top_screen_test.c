/* SPDX-License-Identifier: Apache-2.0 */
/* The model and the screen of `gale top`: rates between two answers, what is compared with what, order
 * and selection of rows, marks, sizes. Golden screens are in blackbox.cli_top. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/top_json.h"
#include "cli/top_screen.h"
#include "rpc/tree.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Everything that a test makes; freed by its teardown. */
static struct top_sample *before, *now;
static struct top_list *list;
static char *text;
static size_t size;

static int clear(void **state)
{
    (void)state;
    top_sample_drop(before);
    top_sample_drop(now);
    top_list_free(list);
    free(text);
    before = now = NULL;
    list = NULL;
    text = NULL;
    return 0;
}

static void put(struct gale_conf *map, const char *key, int64_t value)
{
    assert_int_equal(tree_put_int(map, key, value), GALE_OK);
}

static void add_figures(struct gale_conf *map, int64_t executed, int64_t queue)
{
    put(map, "executed", executed);
    put(map, "emitted", executed);
    put(map, "queue_bytes", queue);
    put(map, "queue_bytes_max", 1000);
    put(map, "blocked_ns", 0);
    put(map, "p50_ns", 1000);
    put(map, "p99_ns", 9000);
}

/* Two bolts, "slow" after "fast", with a task each. */
static struct top_sample *sample(int64_t elapsed_ms, int64_t executed, const char *second)
{
    struct gale_conf *tree = conf_new();
    struct gale_conf *components, *map, *tasks, *task;
    put(tree, "elapsed_ms", elapsed_ms);
    assert_int_equal(tree_put_text(tree, "status", "active"), GALE_OK);
    assert_int_equal(conf_add_list(tree, "components", &components), GALE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(conf_add_map(components, NULL, &map), GALE_OK);
        assert_int_equal(tree_put_text(map, "name", i == 0 ? "fast" : second), GALE_OK);
        put(map, "level", i + 1);
        put(map, "tasks", 1);
        add_figures(map, executed * (2 - i), i == 0 ? 0 : 900);
        assert_int_equal(conf_add_list(map, "task", &tasks), GALE_OK);
        assert_int_equal(conf_add_map(tasks, NULL, &task), GALE_OK);
        put(task, "id", 5 + i);
        assert_int_equal(tree_put_text(task, "host", "h1"), GALE_OK);
        add_figures(task, executed * (2 - i), i == 0 ? 0 : 900);
    }
    struct top_sample *made = top_sample_new(tree, "shop");
    assert_non_null(made);
    return made;
}

static struct top_state state_of(enum top_level level)
{
    return (struct top_state){.level = level,
                              .topology = "shop",
                              .component = "slow",
                              .before = before,
                              .now = now,
                              .list = list};
}

static const char *drawn(const struct top_state *state, unsigned width, unsigned height)
{
    free(text);
    FILE *file = open_memstream(&text, &size);
    top_screen_draw(state, width, height, file);
    assert_int_equal(fclose(file), 0);
    return text;
}

static unsigned lines_of(const char *at)
{
    unsigned count = 0;
    for (; *at != '\0'; at++) {
        count += *at == '\n';
    }
    return count;
}

static void rates_are_between_two_samples(void **state)
{
    (void)state;
    before = sample(1000, 100, "slow");
    now = sample(3000, 300, "slow");
    struct top_rows rows = top_rows_of(before, now, -1);
    assert_true(rows.has_before);
    assert_true(top_in_rate(&rows, 0) > 199.9 && top_in_rate(&rows, 0) < 200.1);
    rows = top_rows_of(before, now, 1);
    assert_int_equal(rows.now.components_count, 1);
    assert_int_equal(rows.places[0].task, 6);
    assert_true(top_in_rate(&rows, 0) > 99.9 && top_in_rate(&rows, 0) < 100.1);
}

static void samples_of_another_shape_are_not_compared(void **state)
{
    (void)state;
    before = sample(1000, 100, "other");
    now = sample(3000, 300, "slow");
    struct top_rows rows = top_rows_of(before, now, -1);
    assert_false(rows.has_before);
    assert_true(top_in_rate(&rows, 0) > 199.9 &&
                top_in_rate(&rows, 0) < 200.1); /* Since start. */
    top_sample_drop(before);
    before = sample(4000, 100, "slow"); /* A time that went back: another attempt. */
    assert_false(top_rows_of(before, now, -1).has_before);
}

static void counters_that_fell_give_no_huge_rate(void **state)
{
    (void)state;
    before = sample(1000, 1000, "slow");
    now = sample(2000, 10, "slow");
    struct top_rows rows = top_rows_of(before, now, -1);
    assert_true(top_in_rate(&rows, 0) < 21);
}

static void source_of_back_pressure_is_marked(void **state)
{
    (void)state;
    before = sample(1000, 100, "slow");
    now = sample(2000, 200, "slow");
    struct top_state shown = state_of(TOP_COMPONENTS);
    assert_int_equal(top_pressure(before, now), 1);
    assert_non_null(strstr(drawn(&shown, 200, 20), "  <- back-pressure source\n"));
    assert_non_null(strstr(text, "back-pressure from slow\n"));
    shown.level = TOP_TASKS;
    assert_null(strstr(drawn(&shown, 200, 20), "<- "));
}

static void screen_has_as_many_lines_as_the_terminal(void **state)
{
    (void)state;
    now = sample(2000, 200, "slow");
    struct top_state shown = state_of(TOP_COMPONENTS);
    for (unsigned height = 7; height < 40; height++) {
        assert_int_equal(lines_of(drawn(&shown, 100, height)), height);
    }
    for (unsigned height = 0; height < 7; height++) {
        assert_true(lines_of(drawn(&shown, 3, height)) <= 7);
    }
}

static void sorted_rows_lead_to_the_right_component(void **state)
{
    (void)state;
    before = sample(1000, 100, "slow");
    now = sample(2000, 200, "slow");
    struct top_state shown = state_of(TOP_COMPONENTS);
    assert_int_equal(top_screen_index(&shown, 0), 0);
    while (strstr(drawn(&shown, 200, 20), "sort: queue") == NULL) {
        top_screen_sort_next(&shown);
    }
    assert_int_equal(top_screen_index(&shown, 0), 1);
    shown.reversed = true;
    assert_int_equal(top_screen_index(&shown, 0), 0);
    assert_int_equal(top_screen_index(&shown, 2), -1);
    (void)snprintf(shown.filter, sizeof shown.filter, "%s", "SLO");
    assert_int_equal(top_screen_rows(&shown), 1);
    assert_int_equal(top_screen_index(&shown, 0), 1);
    (void)snprintf(shown.filter, sizeof shown.filter, "%s", "nix");
    assert_int_equal(top_screen_rows(&shown), 0);
    assert_non_null(strstr(drawn(&shown, 200, 20), "filter: nix"));
}

static void component_that_is_gone_shows_no_tasks(void **state)
{
    (void)state;
    now = sample(2000, 200, "other");
    struct top_state shown = state_of(TOP_TASKS);
    assert_int_equal(top_screen_rows(&shown), 0);
    assert_int_equal(lines_of(drawn(&shown, 100, 12)), 12);
}

static void nothing_known_yet_draws_a_screen(void **state)
{
    (void)state;
    for (int level = TOP_TOPOLOGIES; level <= TOP_TASKS; level++) {
        struct top_state shown = state_of((enum top_level)level);
        assert_int_equal(lines_of(drawn(&shown, 80, 12)), 12);
        assert_int_equal(top_screen_index(&shown, 0), -1);
    }
}

static void control_characters_of_others_do_not_reach_the_terminal(void **state)
{
    (void)state;
    now = sample(2000, 200, "x\033[2Jy");
    struct top_state shown = state_of(TOP_COMPONENTS);
    (void)snprintf(shown.topology, sizeof shown.topology, "a\033]0;b");
    (void)snprintf(shown.note, sizeof shown.note, "c\rd\nf");
    shown.selected = 9; /* No row is in reverse. */
    assert_null(strchr(drawn(&shown, 100, 12), '\033'));
    assert_non_null(strstr(text, "c?d?f\n"));
}

static void odd_lists_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    struct gale_conf *tree = conf_new();
    struct gale_conf *items, *map;
    assert_int_equal(conf_add_list(tree, "topologies", &items), GALE_OK);
    assert_int_equal(tree_put_int(items, NULL, 5), GALE_OK);
    assert_int_equal(conf_add_map(items, NULL, &map), GALE_OK);
    put(map, "tasks", -7);
    put(map, "failed", INT64_MAX);
    list = top_list_new(tree);
    assert_non_null(list);
    assert_int_equal(list->count, 2);
    assert_int_equal(list->items[1].tasks, 0);
    struct top_state shown = state_of(TOP_TOPOLOGIES);
    assert_non_null(strstr(drawn(&shown, 100, 12), "2 topologies"));
}

static void json_is_one_document(void **state)
{
    (void)state;
    before = sample(1000, 100, "slow");
    now = sample(2000, 200, "slow");
    FILE *file = open_memstream(&text, &size);
    top_json_sample(before, now, file);
    assert_int_equal(fclose(file), 0);
    json_t *found = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(found);
    assert_string_equal(json_string_value(json_object_get(found, "back_pressure")), "slow");
    json_t *first = json_array_get(json_object_get(found, "components"), 0);
    assert_int_equal(json_number_value(json_object_get(first, "in_per_s")), 200);
    assert_int_equal(json_array_size(json_object_get(first, "task")), 1);
    json_decref(found);
}

#define TOP_TEST(name) cmocka_unit_test_teardown(name, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOP_TEST(rates_are_between_two_samples),
        TOP_TEST(samples_of_another_shape_are_not_compared),
        TOP_TEST(counters_that_fell_give_no_huge_rate),
        TOP_TEST(source_of_back_pressure_is_marked),
        TOP_TEST(screen_has_as_many_lines_as_the_terminal),
        TOP_TEST(sorted_rows_lead_to_the_right_component),
        TOP_TEST(component_that_is_gone_shows_no_tasks),
        TOP_TEST(nothing_known_yet_draws_a_screen),
        TOP_TEST(control_characters_of_others_do_not_reach_the_terminal),
        TOP_TEST(odd_lists_are_read_as_far_as_they_go),
        TOP_TEST(json_is_one_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

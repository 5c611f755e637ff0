/* SPDX-License-Identifier: Apache-2.0 */
/* The C builder: its tree equals the one that a file of the same meaning gives. */
#include "plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_equal(const struct gale_topology *topology, const char *text)
{
    struct gale_conf *tree = plan_fixture_tree(text);
    assert_true(conf_equal(gale_topology_conf(topology), tree));
    conf_free(tree);
}

static struct gale_topology *build(void)
{
    struct gale_topology *topology = gale_topology_new("t");
    assert_non_null(topology);
    assert_int_equal(gale_topology_set(topology, "workers", "2"), GALE_OK);
    assert_int_equal(gale_topology_set(topology, "timeout", "5s"), GALE_OK);
    struct gale_component *lines = gale_topology_spout(topology, "s", "lines");
    assert_non_null(lines);
    assert_int_equal(gale_component_set(lines, "path", "p"), GALE_OK);
    assert_int_equal(gale_component_set(lines, "follow", "true"), GALE_OK);
    assert_int_equal(gale_component_append(lines, "tags", "one"), GALE_OK);
    assert_int_equal(gale_component_append(lines, "tags", "2"), GALE_OK);
    struct gale_component *multi = gale_topology_bolt(topology, "m", "multi");
    assert_non_null(multi);
    assert_int_equal(gale_component_set(multi, "parallelism", "3"), GALE_OK);
    assert_int_equal(gale_component_from(multi, "s", "shuffle"), GALE_OK);
    struct gale_component *mine = gale_topology_bolt(topology, "b", "");
    assert_non_null(mine);
    assert_int_equal(gale_component_module(mine, "m.so", "mine"), GALE_OK);
    assert_int_equal(gale_component_from_fields(mine, "m", "fields", "a, b"), GALE_OK);
    assert_int_equal(gale_component_from_custom(mine, "m.errors", "m.so", "pick"), GALE_OK);
    return topology;
}

#define TREE \
    "{name: t, workers: 2, timeout: 5s, spouts: {s: {type: lines, path: p, follow: true," \
    " tags: [one, 2]}}, bolts: {m: {type: multi, parallelism: 3, from: [{s: shuffle}]}," \
    " b: {module: m.so, bolt: mine, from: [{m: {fields: [a, b]}}," \
    " {m.errors: {custom: {module: m.so, grouping: pick}}}]}}}"

static void topology_built_in_c_equals_the_file(void **state)
{
    (void)state;
    struct gale_topology *topology = build();
    check_equal(topology, TREE);
    gale_topology_free(topology);
}

static void topology_names_that_look_like_values_stay_texts(void **state)
{
    (void)state;
    struct gale_topology *topology = gale_topology_new("1");
    struct gale_component *spout = gale_topology_spout(topology, "s", "true");
    struct gale_component *bolt = gale_topology_bolt(topology, "b", "null");
    assert_non_null(spout);
    assert_non_null(bolt);
    assert_int_equal(gale_component_from_fields(bolt, "s", "fields", "7"), GALE_OK);
    check_equal(topology, "{name: \"1\", spouts: {s: {type: \"true\"}},"
                          " bolts: {b: {type: \"null\", from: [{s: {fields: [\"7\"]}}]}}}");
    gale_topology_free(topology);
}

static void topology_built_in_c_compiles_to_the_same_plan(void **state)
{
    (void)state;
    struct gale_topology *topology = build();
    struct gale_conf *tree = plan_fixture_tree(TREE);
    struct plan *built = NULL;
    struct plan *read = NULL;
    struct diag diag;
    diag_init(&diag);
    assert_int_equal(
        plan_compile(gale_topology_conf(topology), plan_fixture_registry(), &diag, &built),
        GALE_OK);
    assert_int_equal(plan_compile(tree, plan_fixture_registry(), &diag, &read), GALE_OK);
    assert_int_equal(built->tasks_count, read->tasks_count);
    for (int i = 0; i < built->components_count; i++) {
        assert_true(conf_equal(built->components[i].conf, read->components[i].conf));
        assert_int_equal(built->components[i].inputs_count, read->components[i].inputs_count);
    }
    plan_free(built);
    plan_free(read);
    conf_free(tree);
    gale_topology_free(topology);
    diag_fini(&diag);
}

static void topology_setting_a_key_again_replaces_it(void **state)
{
    (void)state;
    struct gale_topology *topology = gale_topology_new("t");
    struct gale_component *spout = gale_topology_spout(topology, "s", "lines");
    assert_int_equal(gale_topology_set(topology, "workers", "2"), GALE_OK);
    assert_int_equal(gale_topology_set(topology, "workers", "3"), GALE_OK);
    assert_int_equal(gale_component_append(spout, "tags", "a"), GALE_OK);
    assert_int_equal(gale_component_set(spout, "tags", "b"), GALE_OK);
    check_equal(topology, "{name: t, spouts: {s: {type: lines, tags: b}}, workers: 3}");
    assert_int_equal(gale_component_append(spout, "tags", "c"), GALE_OK);
    check_equal(topology, "{name: t, spouts: {s: {type: lines, tags: [c]}}, workers: 3}");
    gale_topology_free(topology);
}

static void topology_from_set_as_text_is_replaced_by_inputs(void **state)
{
    (void)state;
    struct gale_topology *topology = gale_topology_new("t");
    struct gale_component *bolt = gale_topology_bolt(topology, "b", "sink");
    assert_int_equal(gale_component_set(bolt, "from", "s"), GALE_OK);
    assert_int_equal(gale_component_from(bolt, "r", "all"), GALE_OK);
    check_equal(topology, "{name: t, bolts: {b: {type: sink, from: [{r: all}]}}}");
    assert_int_equal(gale_component_set(bolt, "from", "s"), GALE_OK);
    check_equal(topology, "{name: t, bolts: {b: {type: sink, from: s}}}");
    assert_int_equal(gale_component_from(bolt, "r", "none"), GALE_OK);
    check_equal(topology, "{name: t, bolts: {b: {type: sink, from: [{r: none}]}}}");
    gale_topology_free(topology);
}

static void topology_name_in_use_is_refused(void **state)
{
    (void)state;
    struct gale_topology *topology = gale_topology_new("t");
    assert_non_null(gale_topology_spout(topology, "s", "lines"));
    assert_null(gale_topology_spout(topology, "s", "plain"));
    assert_null(gale_topology_bolt(topology, "s", "sink"));
    check_equal(topology, "{name: t, spouts: {s: {type: lines}}}");
    gale_topology_free(topology);
    gale_topology_free(NULL);
}

static void topology_components_cannot_be_set_as_text(void **state)
{
    (void)state;
    struct gale_topology *topology = gale_topology_new("t");
    struct gale_component *spout = gale_topology_spout(topology, "s", "lines");
    assert_int_equal(gale_topology_set(topology, "spouts", "x"), GALE_ERR_INVALID);
    assert_int_equal(gale_component_set(spout, "path", "p"), GALE_OK);
    check_equal(topology, "{name: t, spouts: {s: {type: lines, path: p}}}");
    gale_topology_free(topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topology_built_in_c_equals_the_file),
        cmocka_unit_test(topology_names_that_look_like_values_stay_texts),
        cmocka_unit_test(topology_built_in_c_compiles_to_the_same_plan),
        cmocka_unit_test(topology_setting_a_key_again_replaces_it),
        cmocka_unit_test(topology_from_set_as_text_is_replaced_by_inputs),
        cmocka_unit_test(topology_name_in_use_is_refused),
        cmocka_unit_test(topology_components_cannot_be_set_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

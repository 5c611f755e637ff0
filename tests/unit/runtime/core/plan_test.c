/* SPDX-License-Identifier: Apache-2.0 */
/* What a good tree compiles to: defaults, settings, options, streams, inputs, edges, levels. */
#include "base/hash.h"
#include "plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct plan *compile(const char *text, size_t warnings_count)
{
    struct diag diag;
    struct plan *plan = NULL;
    diag_init(&diag);
    struct gale_conf *tree = plan_fixture_tree(text);
    enum gale_err err = plan_compile(tree, plan_fixture_registry(), &diag, &plan);
    for (size_t i = 0; i < diag.count && diag.count != warnings_count; i++) {
        print_message("%d: %s\n", (int)diag.items[i].code, diag.items[i].text);
    }
    assert_int_equal(err, GALE_OK);
    assert_int_equal(diag.count, warnings_count);
    /* The plan must not lean on the caller's tree. */
    conf_free(tree);
    diag_fini(&diag);
    return plan;
}

static const struct plan_component *component(const struct plan *plan, const char *name)
{
    int index = plan_component_find(plan, name);
    assert_true(index >= 0);
    return &plan->components[index];
}

static void plan_minimal_tree_has_the_documented_defaults(void **state)
{
    (void)state;
    struct plan *plan = compile("{name: t, spouts: {a: {type: plain}}}", 0);
    assert_string_equal(plan->name, "t");
    assert_int_equal(plan->guarantee, PLAN_AT_LEAST_ONCE);
    assert_int_equal(plan->workers, 1);
    assert_int_equal(plan->timeout_ms, 30000);
    assert_int_equal(plan->drain_ms, 10000);
    assert_int_equal(plan->memory_max, 0);
    assert_int_equal(plan->open_files_max, 0);
    assert_int_equal(plan->inbox_size, 262144);
    assert_int_equal(plan->hash_seed, hash64("t", 1, 0));
    assert_int_equal(plan->components_count, 1);
    assert_int_equal(plan->levels_count, 1);
    assert_int_equal(plan->tasks_count, 1);
    assert_int_equal(plan->components[0].max_pending, 65536);
    assert_int_equal(plan->components[0].parallelism, 1);
    assert_int_equal(plan->components[0].tick_ms, 0);
    assert_false(plan->components[0].isolate);
    assert_int_equal(plan->components[0].memory, 0);
    assert_int_equal(plan->components[0].cpu_points, 0);
    assert_int_equal(plan->isolate_hosts, 0);
    assert_int_equal(plan->worker_hooks_count, 0);
    plan_free(plan);
}

static void plan_settings_are_taken(void **state)
{
    (void)state;
    struct plan *plan = compile(
        "{name: t, guarantee: at-most-once, workers: 3, max_pending: 7, timeout: 0, drain: 2s,"
        " tick: 5s, hooks: [trace], worker_hooks: pool, memory_max: 64MiB, open_files_max: 99,"
        " inbox_size: 64KiB, spouts: {a: {type: plain, max_pending: 9}, c: {type: plain}},"
        " isolate_hosts: 2,"
        " bolts: {b: {type: ticker, from: a, isolate: true, memory: 96MiB, cpu: 50},"
        " d: {type: ticker, from: a, tick: 250ms, hooks: [trace]},"
        " e: {type: sink, from: a}}}",
        0);
    assert_int_equal(plan->guarantee, PLAN_AT_MOST_ONCE);
    assert_int_equal(plan->workers, 3);
    assert_int_equal(plan->timeout_ms, 0);
    assert_int_equal(plan->drain_ms, 2000);
    assert_int_equal(plan->memory_max, 64 << 20);
    assert_int_equal(plan->open_files_max, 99);
    assert_int_equal(plan->inbox_size, 65536);
    assert_int_equal(component(plan, "a")->max_pending, 9);
    assert_int_equal(component(plan, "c")->max_pending, 7);
    assert_int_equal(component(plan, "b")->tick_ms, 5000);
    assert_int_equal(component(plan, "d")->tick_ms, 250);
    assert_int_equal(component(plan, "e")->tick_ms, 0);
    assert_true(component(plan, "b")->isolate);
    assert_int_equal(component(plan, "b")->memory, 96 << 20);
    assert_int_equal(component(plan, "b")->cpu_points, 50);
    assert_int_equal(component(plan, "d")->cpu_points, 0);
    assert_int_equal(plan->isolate_hosts, 2);
    assert_int_equal(component(plan, "b")->hooks_count, 1);
    assert_int_equal(component(plan, "d")->hooks_count, 2);
    assert_string_equal(component(plan, "a")->hooks[0]->name, "trace");
    assert_int_equal(plan->worker_hooks_count, 1);
    assert_string_equal(plan->worker_hook_names[0], "pool");
    assert_string_equal(plan->worker_hooks[0]->name, "pool");
    plan_free(plan);
}

static void plan_options_are_merged_over_conf_and_defaults(void **state)
{
    (void)state;
    struct plan *plan = compile("{name: t, conf: {limit: 5, path: q, site: x},"
                                " spouts: {a: {type: lines, path: p, parallelism: 2,"
                                " keep: line, extra: {k: [1]}}, b: {type: lines}}}",
                                0);
    const struct gale_conf *conf = component(plan, "a")->conf;
    assert_string_equal(gale_conf_string(conf, "path", ""), "p");
    assert_int_equal(gale_conf_int64(conf, "limit", 0), 5);
    assert_string_equal(gale_conf_string(conf, "site", ""), "x");
    assert_int_equal(gale_conf_duration_ms(conf, "every", 0), 250);
    assert_int_equal(gale_conf_size(conf, "block", 0), 65536);
    assert_int_equal(gale_conf_count(gale_conf_get(conf, "tags")), 2);
    assert_string_equal(gale_conf_text(gale_conf_at(gale_conf_get(conf, "tags"), 1)), "b");
    assert_int_equal(gale_conf_type(gale_conf_get(conf, "extra")), GALE_MAP);
    assert_null(gale_conf_get(conf, "parallelism"));
    assert_null(gale_conf_get(conf, "type"));
    assert_null(gale_conf_get(conf, "rate"));
    assert_string_equal(gale_conf_string(component(plan, "b")->conf, "path", ""), "q");
    plan_free(plan);
}

static void plan_tasks_are_numbered_spouts_first_in_file_order(void **state)
{
    (void)state;
    struct plan *plan =
        compile("{name: t, bolts: {z: {type: split, parallelism: 3, from: s},"
                " y: {type: sink, parallelism: 2, from: z}},"
                " spouts: {s: {type: plain, parallelism: 2}, r: {type: plain}}}",
                0);
    static const char *const names[] = {"s", "r", "z", "y"};
    static const uint32_t first[] = {1, 3, 4, 7};
    assert_int_equal(plan->components_count, 4);
    assert_int_equal(plan->tasks_count, 8);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(plan->components[i].name, names[i]);
        assert_int_equal(plan->components[i].first_task, first[i]);
        assert_int_equal(plan->task_component[first[i]], i);
        assert_int_equal(plan->task_component[first[i] + plan->components[i].parallelism - 1],
                         i);
    }
    plan_free(plan);
}

static void plan_every_grouping_is_resolved(void **state)
{
    (void)state;
    struct plan *plan = compile(
        "{name: t, spouts: {s: {type: plain}}, bolts: {"
        "m: {type: multi, from: [{s: shuffle}, {s: local-or-shuffle}, {s: load-aware},"
        " {s: {fields: [y, x]}}, {s: {fields: y}}, {s: {fields: []}}, {s: {partial-key: [x]}},"
        " {s: all}, {s: global}, {s: none}, {s: {custom: {module: m.so, grouping: pick}}}]},"
        "d: {type: sink, from: [{m.straight: direct}, {m.errors: all, m: shuffle}]}}}",
        0);
    const struct plan_component *m = component(plan, "m");
    static const enum plan_grouping groupings[] = {
        PLAN_SHUFFLE, PLAN_LOCAL_OR_SHUFFLE, PLAN_LOAD_AWARE, PLAN_FIELDS, PLAN_FIELDS,
        PLAN_FIELDS,  PLAN_PARTIAL_KEY,      PLAN_ALL,        PLAN_GLOBAL, PLAN_NONE,
        PLAN_CUSTOM};
    assert_int_equal(m->inputs_count, 11);
    for (int i = 0; i < 11; i++) {
        assert_int_equal(m->inputs[i].grouping, groupings[i]);
        assert_int_equal(m->inputs[i].source, 0);
        assert_false(m->inputs[i].in_cycle);
    }
    assert_int_equal(m->inputs[3].fields_count, 2);
    assert_int_equal(m->inputs[3].fields[0], 1);
    assert_int_equal(m->inputs[3].fields[1], 0);
    assert_int_equal(m->inputs[4].fields_count, 1);
    assert_int_equal(m->inputs[5].fields_count, 0);
    assert_string_equal(m->inputs[10].custom->name, "pick");
    const struct plan_component *d = component(plan, "d");
    assert_int_equal(d->inputs_count, 3);
    assert_int_equal(d->inputs[0].grouping, PLAN_DIRECT);
    assert_true(m->streams[d->inputs[0].stream].direct);
    assert_string_equal(m->streams[d->inputs[1].stream].name, "errors");
    assert_string_equal(m->streams[d->inputs[2].stream].name, "default");
    plan_free(plan);
}

static void plan_from_may_be_a_name_a_map_or_a_list(void **state)
{
    (void)state;
    struct plan *plan = compile("{name: t, spouts: {s: {type: plain}, r: {type: plain}}, bolts:"
                                " {a: {type: sink, from: s},"
                                " b: {type: sink, from: {s: all, r: {fields: [x]}}},"
                                " c: {type: sink, from: [s, {r: global}]}}}",
                                0);
    assert_int_equal(component(plan, "a")->inputs_count, 1);
    assert_int_equal(component(plan, "a")->inputs[0].grouping, PLAN_SHUFFLE);
    assert_int_equal(component(plan, "b")->inputs_count, 2);
    assert_int_equal(component(plan, "b")->inputs[0].grouping, PLAN_ALL);
    assert_int_equal(component(plan, "b")->inputs[1].source, 1);
    assert_int_equal(component(plan, "c")->inputs[0].grouping, PLAN_SHUFFLE);
    assert_int_equal(component(plan, "c")->inputs[1].grouping, PLAN_GLOBAL);
    plan_free(plan);
}

static void plan_edges_are_the_inputs_seen_from_the_source(void **state)
{
    (void)state;
    struct plan *plan =
        compile("{name: t, spouts: {s: {type: plain}}, bolts: {m: {type: multi, from: s},"
                " a: {type: sink, from: [{m: all}, {m.errors: all}, {m: shuffle}]},"
                " b: {type: sink, from: [m, s]}}}",
                0);
    const struct plan_component *s = component(plan, "s");
    assert_int_equal(s->edges_counts[0], 2);
    assert_int_equal(s->edges[0][0].bolt, 1);
    assert_int_equal(s->edges[0][1].bolt, 3);
    assert_int_equal(s->edges[0][1].input, 1);
    const struct plan_component *m = component(plan, "m");
    assert_int_equal(m->streams_count, 3);
    assert_int_equal(m->edges_counts[0], 3);
    assert_int_equal(m->edges_counts[1], 1);
    assert_int_equal(m->edges_counts[2], 0);
    assert_int_equal(m->edges[0][0].input, 0);
    assert_int_equal(m->edges[0][1].input, 2);
    assert_int_equal(m->edges[0][2].bolt, 3);
    plan_free(plan);
}

static void plan_fields_pass_through_bolts_in_any_file_order(void **state)
{
    (void)state;
    struct plan *plan =
        compile("{name: t, spouts: {s: {type: plain}}, bolts: {"
                "last: {type: project, fields: [y], from: [{second: {fields: [y]}}]},"
                "second: {type: pass, from: first}, first: {type: pass, from: s}}}",
                0);
    const struct plan_stream *stream = &component(plan, "second")->streams[0];
    assert_int_equal(stream->fields_count, 2);
    assert_string_equal(stream->fields[0], "x");
    assert_string_equal(stream->fields[1], "y");
    assert_int_equal(component(plan, "last")->inputs[0].fields[0], 1);
    assert_int_equal(component(plan, "last")->streams[0].fields_count, 1);
    assert_int_equal(component(plan, "last")->level, 3);
    plan_free(plan);
}

static void plan_levels_are_longest_paths_with_cycles_as_one(void **state)
{
    (void)state;
    struct plan *plan = compile("{name: t, spouts: {s: {type: plain}}, bolts: {"
                                "a: {type: split, from: [s, c]}, b: {type: split, from: a},"
                                "c: {type: split, from: b}, d: {type: split, from: [s, c]},"
                                "e: {type: split, from: [s, d, e]}}}",
                                0);
    assert_int_equal(component(plan, "s")->level, 0);
    assert_int_equal(component(plan, "a")->level, 1);
    assert_int_equal(component(plan, "b")->level, 1);
    assert_int_equal(component(plan, "c")->level, 1);
    assert_int_equal(component(plan, "d")->level, 2);
    assert_int_equal(component(plan, "e")->level, 3);
    assert_int_equal(plan->levels_count, 4);
    assert_false(component(plan, "a")->inputs[0].in_cycle);
    assert_true(component(plan, "a")->inputs[1].in_cycle);
    assert_true(component(plan, "b")->inputs[0].in_cycle);
    assert_true(component(plan, "c")->inputs[0].in_cycle);
    assert_false(component(plan, "d")->inputs[1].in_cycle);
    assert_false(component(plan, "e")->inputs[1].in_cycle);
    assert_true(component(plan, "e")->inputs[2].in_cycle);
    plan_free(plan);
}

static void plan_needs_inside_a_cycle_that_hold_are_accepted(void **state)
{
    (void)state;
    struct plan *plan =
        compile("{name: t, spouts: {s: {type: plain}}, bolts: {"
                "p: {type: project, fields: [x], from: [s, q]}, q: {type: pass, from: p}}}",
                0);
    assert_string_equal(component(plan, "q")->streams[0].fields[0], "x");
    plan_free(plan);
}

static void plan_unreachable_cycle_warns_for_each_bolt(void **state)
{
    (void)state;
    struct plan *plan = compile("{name: t, spouts: {s: {type: plain}}, bolts: {"
                                "a: {type: split, from: b}, b: {type: split, from: a},"
                                "c: {type: sink, from: [b]}, d: {type: sink, from: [b, s]}}}",
                                3);
    plan_free(plan);
}

static void plan_components_of_modules_are_found(void **state)
{
    (void)state;
    struct plan *plan = compile("{name: t, spouts: {s: {module: m.so, spout: source}}, bolts: {"
                                "b: {module: m.so, bolt: mine, from: s}}}",
                                0);
    assert_string_equal(component(plan, "s")->module, "m.so");
    assert_string_equal(component(plan, "s")->type, "source");
    assert_non_null(component(plan, "s")->spout);
    assert_null(component(plan, "s")->bolt);
    assert_string_equal(component(plan, "b")->type, "mine");
    assert_string_equal(component(plan, "b")->streams[0].fields[0], "m");
    plan_free(plan);
}

static void plan_compiled_from_its_packed_tree_is_the_same(void **state)
{
    (void)state;
    struct plan *plan =
        compile("{name: t, spouts: {s: {type: lines, path: p, parallelism: 2}}, bolts: {"
                "b: {type: split, from: [{s: {fields: [line]}}]}}}",
                0);
    struct buf packed;
    struct gale_conf *tree = NULL;
    struct plan *again = NULL;
    struct diag diag;
    diag_init(&diag);
    buf_init(&packed, 0);
    assert_int_equal(conf_pack(plan->conf, &packed), GALE_OK);
    assert_int_equal(conf_unpack(packed.data, packed.size, &tree), GALE_OK);
    assert_int_equal(plan_compile(tree, plan_fixture_registry(), &diag, &again), GALE_OK);
    assert_true(conf_equal(plan->conf, again->conf));
    assert_true(conf_equal(plan->components[0].conf, again->components[0].conf));
    assert_int_equal(again->tasks_count, plan->tasks_count);
    assert_int_equal(again->hash_seed, plan->hash_seed);
    buf_fini(&packed);
    conf_free(tree);
    plan_free(plan);
    plan_free(again);
    diag_fini(&diag);
}

static void plan_names_of_groupings_and_guarantees_round_trip(void **state)
{
    (void)state;
    enum plan_guarantee guarantee = PLAN_AT_MOST_ONCE;
    for (int i = PLAN_AT_MOST_ONCE; i <= PLAN_EXACTLY_ONCE; i++) {
        assert_true(
            plan_guarantee_parse(plan_guarantee_name((enum plan_guarantee)i), &guarantee));
        assert_int_equal(guarantee, i);
    }
    assert_false(plan_guarantee_parse("never", &guarantee));
    assert_string_equal(plan_grouping_name(PLAN_SHUFFLE), "shuffle");
    assert_string_equal(plan_grouping_name(PLAN_PARTIAL_KEY), "partial-key");
    assert_string_equal(plan_grouping_name(PLAN_CUSTOM), "custom");
    plan_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_minimal_tree_has_the_documented_defaults),
        cmocka_unit_test(plan_settings_are_taken),
        cmocka_unit_test(plan_options_are_merged_over_conf_and_defaults),
        cmocka_unit_test(plan_tasks_are_numbered_spouts_first_in_file_order),
        cmocka_unit_test(plan_every_grouping_is_resolved),
        cmocka_unit_test(plan_from_may_be_a_name_a_map_or_a_list),
        cmocka_unit_test(plan_edges_are_the_inputs_seen_from_the_source),
        cmocka_unit_test(plan_fields_pass_through_bolts_in_any_file_order),
        cmocka_unit_test(plan_levels_are_longest_paths_with_cycles_as_one),
        cmocka_unit_test(plan_needs_inside_a_cycle_that_hold_are_accepted),
        cmocka_unit_test(plan_unreachable_cycle_warns_for_each_bolt),
        cmocka_unit_test(plan_components_of_modules_are_found),
        cmocka_unit_test(plan_compiled_from_its_packed_tree_is_the_same),
        cmocka_unit_test(plan_names_of_groupings_and_guarantees_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The drawings of one plan that has a module, a custom grouping, named streams and a cycle. */
#include "topology/graph.h"

/* The plan's own fixture: trees as flow text and a registry of small components. */
#include "unit/runtime/core/plan_fixture.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TREE \
    "{name: demo, workers: 2, spouts: {lines: {type: lines, path: p}}, bolts: {" \
    "m: {type: multi, parallelism: 2, from: [lines, {back: {fields: [word]}}]}," \
    "back: {type: split, from: [{m.errors: all}]}," \
    "own: {module: \"dir/m.so\", bolt: mine, isolate: true, tick: 5s," \
    " from: [{m: {fields: [b, a]}}, {m.straight: direct}," \
    " {lines: {custom: {module: m.so, grouping: pick}}}]}}}"

static struct plan *compile(const char *text)
{
    struct diag diag;
    struct plan *plan = NULL;
    diag_init(&diag);
    struct gale_conf *tree = plan_fixture_tree(text);
    assert_int_equal(plan_compile(tree, plan_fixture_registry(), &diag, &plan), GALE_OK);
    conf_free(tree);
    diag_fini(&diag);
    return plan;
}

static void check(const char *tree, enum graph_format format, const char *golden)
{
    struct plan *plan = compile(tree);
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(graph_render(plan, format, &out), GALE_OK);
    assert_int_equal(buf_append(&out, "", 1), GALE_OK);
    assert_string_equal((const char *)out.data, golden);
    buf_fini(&out);
    plan_free(plan);
}

static void graph_ascii_is_layered(void **state)
{
    (void)state;
    check(TREE, GRAPH_ASCII,
          "demo: at-least-once, 2 workers, 5 tasks\n"
          "\n"
          "  0  lines: spout lines x1\n"
          "      |-- shuffle --> m\n"
          "      `-- pick --> own\n"
          "  1  m: bolt multi x2\n"
          "      |-- fields(b, a) --> own\n"
          "      |-- errors: all --> back (cycle)\n"
          "      `-- straight: direct --> own\n"
          "  1  back: bolt split x1\n"
          "      `-- fields(word) --> m (cycle)\n"
          "  2  own: bolt m.so:mine x1, tick 5000 ms, isolated\n");
}

static void graph_ascii_of_one_spout_has_no_edges(void **state)
{
    (void)state;
    check("{name: one, spouts: {s: {type: plain}}}", GRAPH_ASCII,
          "one: at-least-once, 1 worker, 1 task\n\n  0  s: spout plain x1\n");
}

static void graph_dot_has_nodes_and_edges(void **state)
{
    (void)state;
    check(TREE, GRAPH_DOT,
          "digraph \"demo\" {\n"
          "    rankdir=LR;\n"
          "    node [shape=box];\n"
          "    \"lines\" [label=\"lines\\nlines x1\", shape=ellipse];\n"
          "    \"m\" [label=\"m\\nmulti x2\"];\n"
          "    \"back\" [label=\"back\\nsplit x1\"];\n"
          "    \"own\" [label=\"own\\nm.so:mine x1\"];\n"
          "    \"lines\" -> \"m\" [label=\"shuffle\"];\n"
          "    \"lines\" -> \"own\" [label=\"pick\"];\n"
          "    \"m\" -> \"own\" [label=\"fields(b, a)\"];\n"
          "    \"m\" -> \"back\" [label=\"errors: all\", style=dashed];\n"
          "    \"m\" -> \"own\" [label=\"straight: direct\"];\n"
          "    \"back\" -> \"m\" [label=\"fields(word)\", style=dashed];\n"
          "}\n");
}

static void graph_mermaid_has_nodes_and_edges(void **state)
{
    (void)state;
    check(TREE, GRAPH_MERMAID,
          "flowchart LR\n"
          "    c0([\"lines<br/>lines x1\"])\n"
          "    c1[\"m<br/>multi x2\"]\n"
          "    c2[\"back<br/>split x1\"]\n"
          "    c3[\"own<br/>m.so:mine x1\"]\n"
          "    c0 -->|\"shuffle\"| c1\n"
          "    c0 -->|\"pick\"| c3\n"
          "    c1 -->|\"fields(b, a)\"| c3\n"
          "    c1 -.->|\"errors: all\"| c2\n"
          "    c1 -->|\"straight: direct\"| c3\n"
          "    c2 -.->|\"fields(word)\"| c1\n");
}

static void graph_json_has_everything(void **state)
{
    (void)state;
    check(TREE, GRAPH_JSON,
          "{\"schema\":1,\"topology\":\"demo\",\"guarantee\":\"at-least-once\",\"workers\":2,"
          "\"tasks\":5,\"components\":[\n"
          "{\"name\":\"lines\",\"kind\":\"spout\",\"type\":\"lines\",\"module\":null,"
          "\"parallelism\":1,\"first_task\":1,\"level\":0,\"tick_ms\":0,\"isolate\":false,"
          "\"streams\":[{\"name\":\"default\",\"fields\":[\"line\"],\"direct\":false}]},\n"
          "{\"name\":\"m\",\"kind\":\"bolt\",\"type\":\"multi\",\"module\":null,"
          "\"parallelism\":2,\"first_task\":2,\"level\":1,\"tick_ms\":0,\"isolate\":false,"
          "\"streams\":[{\"name\":\"default\",\"fields\":[\"a\",\"b\"],\"direct\":false},"
          "{\"name\":\"errors\",\"fields\":[\"why\"],\"direct\":false},"
          "{\"name\":\"straight\",\"fields\":[\"d\"],\"direct\":true}]},\n"
          "{\"name\":\"back\",\"kind\":\"bolt\",\"type\":\"split\",\"module\":null,"
          "\"parallelism\":1,\"first_task\":4,\"level\":1,\"tick_ms\":0,\"isolate\":false,"
          "\"streams\":[{\"name\":\"default\",\"fields\":[\"word\"],\"direct\":false}]},\n"
          "{\"name\":\"own\",\"kind\":\"bolt\",\"type\":\"mine\",\"module\":\"dir/m.so\","
          "\"parallelism\":1,\"first_task\":5,\"level\":2,\"tick_ms\":5000,\"isolate\":true,"
          "\"streams\":[{\"name\":\"default\",\"fields\":[\"m\"],\"direct\":false}]}],"
          "\"edges\":[\n"
          "{\"from\":\"lines\",\"stream\":\"default\",\"to\":\"m\",\"input\":0,"
          "\"grouping\":\"shuffle\",\"fields\":[],\"custom\":null,\"cycle\":false},\n"
          "{\"from\":\"back\",\"stream\":\"default\",\"to\":\"m\",\"input\":1,"
          "\"grouping\":\"fields\",\"fields\":[\"word\"],\"custom\":null,\"cycle\":true},\n"
          "{\"from\":\"m\",\"stream\":\"errors\",\"to\":\"back\",\"input\":0,"
          "\"grouping\":\"all\",\"fields\":[],\"custom\":null,\"cycle\":true},\n"
          "{\"from\":\"m\",\"stream\":\"default\",\"to\":\"own\",\"input\":0,"
          "\"grouping\":\"fields\",\"fields\":[\"b\",\"a\"],\"custom\":null,\"cycle\":false},\n"
          "{\"from\":\"m\",\"stream\":\"straight\",\"to\":\"own\",\"input\":1,"
          "\"grouping\":\"direct\",\"fields\":[],\"custom\":null,\"cycle\":false},\n"
          "{\"from\":\"lines\",\"stream\":\"default\",\"to\":\"own\",\"input\":2,"
          "\"grouping\":\"custom\",\"fields\":[],\"custom\":\"pick\",\"cycle\":false}]}\n");
}

/* A module's path is the user's text; the fixture opens any module that is not old.so. */
#define ODD_TREE "{name: t, spouts: {s: {module: \"a\\\\b<#\", spout: source}}}"

static void graph_odd_module_path_is_escaped(void **state)
{
    (void)state;
    check(ODD_TREE, GRAPH_MERMAID,
          "flowchart LR\n    c0([\"s<br/>a\\\\b#60;#35;:source x1\"])\n");
    check(ODD_TREE, GRAPH_DOT,
          "digraph \"t\" {\n    rankdir=LR;\n    node [shape=box];\n"
          "    \"s\" [label=\"s\\na\\\\\\\\b<#:source x1\", shape=ellipse];\n}\n");
}

static void graph_buffer_without_room_is_a_limit(void **state)
{
    (void)state;
    struct plan *plan = compile(TREE);
    struct buf out;
    buf_init(&out, 64);
    assert_int_equal(graph_render(plan, GRAPH_JSON, &out), GALE_ERR_LIMIT);
    buf_fini(&out);
    plan_free(plan);
}

static void graph_formats_are_parsed(void **state)
{
    (void)state;
    enum graph_format format = GRAPH_ASCII;
    assert_true(graph_format_parse("mermaid", &format));
    assert_int_equal(format, GRAPH_MERMAID);
    assert_true(graph_format_parse("json", &format));
    assert_int_equal(format, GRAPH_JSON);
    assert_false(graph_format_parse("svg", &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph_ascii_is_layered),
        cmocka_unit_test(graph_ascii_of_one_spout_has_no_edges),
        cmocka_unit_test(graph_dot_has_nodes_and_edges),
        cmocka_unit_test(graph_mermaid_has_nodes_and_edges),
        cmocka_unit_test(graph_json_has_everything),
        cmocka_unit_test(graph_odd_module_path_is_escaped),
        cmocka_unit_test(graph_buffer_without_room_is_a_limit),
        cmocka_unit_test(graph_formats_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

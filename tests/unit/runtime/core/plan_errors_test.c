/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every error and warning that compiling a topology can give: its code, its place, its hint, and
 * that nothing else is reported for what only follows from it.
 */
#include "plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A topology around one bolt `b` that reads from spout `a`. */
#define SPOUT "a: {type: lines, path: p}"
#define AROUND(bolts) "{name: t, spouts: {" SPOUT "}, bolts: {" bolts "}}"
#define FROM_A "from: [{a: shuffle}]"

/* What one topology must give: exactly one diagnostic. */
struct expectation {
    const char *tree;
    enum diag_code code;
    const char *text; /* part of the message */
    const char *hint; /* part of the hint, or NULL: whatever it is */
    const char *at;   /* the tree's text from the place on begins with this; NULL: any place */
};

static void check_place(const struct expectation *expected, const struct conf_place *place)
{
    assert_string_equal(place->file, "t.yaml");
    assert_in_range(place->column, 1, strlen(expected->tree));
    const char *at = expected->tree + place->column - 1;
    if (strncmp(at, expected->at, strlen(expected->at)) != 0) {
        fail_msg("E%d shown at \"%.30s\", not at \"%s\"", (int)expected->code, at,
                 expected->at);
    }
}

static void check(const struct expectation *expected)
{
    struct diag diag;
    diag_init(&diag);
    struct gale_conf *tree = plan_fixture_tree(expected->tree);
    struct plan *plan = NULL;
    bool warning = expected->code >= 500;
    enum gale_err err = plan_compile(tree, plan_fixture_registry(), &diag, &plan);
    for (size_t i = 0; i < diag.count && diag.count != 1; i++) {
        print_message("%d: %s\n", (int)diag.items[i].code, diag.items[i].text);
    }
    if (diag.count != 1) {
        fail_msg("%zu diagnostics for %s", diag.count, expected->tree);
    }
    const struct diag_item *item = &diag.items[0];
    if (item->code != expected->code || strstr(item->text, expected->text) == NULL) {
        fail_msg("E%d %s", (int)item->code, item->text);
    }
    if (expected->hint != NULL && strstr(item->hint, expected->hint) == NULL) {
        fail_msg("hint \"%s\", not \"%s\"", item->hint, expected->hint);
    }
    if (expected->at != NULL) {
        check_place(expected, &item->place);
    }
    assert_int_equal(err, warning ? GALE_OK : GALE_ERR_INVALID);
    assert_int_equal(item->warning, warning);
    assert_int_equal(plan != NULL, warning);
    plan_free(plan);
    conf_free(tree);
    diag_fini(&diag);
}

static void check_all(const struct expectation *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check(&expected[i]);
    }
}

#define CHECK_ALL(table) check_all(table, sizeof(table) / sizeof(table[0]))

static void plan_unknown_key_is_e103_with_suggestion(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {"{name: t, worker: 2, spouts: {" SPOUT "}}", DIAG_UNKNOWN_KEY, "the topology",
         "\"workers\"", "worker: 2"},
        {"{name: t, spouts: {a: {type: lines, path: p, pth: q}}}", DIAG_UNKNOWN_KEY,
         "spout \"a\"", "\"path\"", "pth"},
        {AROUND("b: {type: sink, paralelism: 2, " FROM_A "}"), DIAG_UNKNOWN_KEY, "bolt \"b\"",
         "\"parallelism\"", "paralelism"},
        {AROUND("b: {type: sink, spout: x, " FROM_A "}"), DIAG_UNKNOWN_KEY, "\"spout\"", NULL,
         "spout: x"},
        {AROUND("b: {type: sink, from: [{a: {custom: {module: m.so, grouping: pick, x: 1}}}]}"),
         DIAG_UNKNOWN_KEY, "custom grouping", NULL, "x: 1"},
    };
    CHECK_ALL(table);
}

static void plan_wrong_type_of_a_setting_is_e104(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {"{name: [t], spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "a list", NULL, "[t]"},
        {"{name: t, workers: two, spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "workers", NULL,
         "two"},
        {"{name: t, workers: \"2\", spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "workers", NULL,
         NULL},
        {"{name: t, max_pending: 1.5, spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "max_pending",
         NULL, "1.5"},
        {"{name: t, timeout: [1], spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "timeout", NULL,
         "[1]"},
        {"{name: t, memory_max: {a: 1}, spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "memory_max",
         NULL, NULL},
        {"{name: t, guarantee: [x], spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "guarantee", NULL,
         "[x]"},
        {"{name: t, conf: 3, spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "conf", NULL, "3"},
        {"{name: t, hooks: {a: 1}, spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "hooks", NULL, NULL},
        {"{name: t, worker_hooks: [[a]], spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "worker_hooks",
         NULL, "[a]"},
        {"{name: t, spouts: {" SPOUT "}, bolts: [b]}", DIAG_WRONG_TYPE, "bolts", NULL, "[b]"},
        {AROUND("b: sink"), DIAG_WRONG_TYPE, "bolt \"b\"", NULL, "sink"},
        {AROUND("b: {type: [sink], " FROM_A "}"), DIAG_WRONG_TYPE, "type", NULL, "[sink]"},
        {AROUND("b: {type: sink, isolate: 1, " FROM_A "}"), DIAG_WRONG_TYPE, "isolate", NULL,
         "1"},
    };
    CHECK_ALL(table);
}

static void plan_wrong_type_in_from_is_e104(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {type: sink, from: [[a]]}"), DIAG_WRONG_TYPE, "an entry", NULL, "[a]"},
        {AROUND("b: {type: sink, from: [{a: [shuffle]}]}"), DIAG_WRONG_TYPE, "a grouping", NULL,
         "[shuffle]"},
        {AROUND("b: {type: sink, from: [{a: fields}]}"), DIAG_WRONG_TYPE, "{fields: [word]}",
         NULL, "fields"},
        {AROUND("b: {type: sink, from: [{a: {all: [line]}}]}"), DIAG_WRONG_TYPE,
         "takes nothing", NULL, "all"},
        {AROUND("b: {type: sink, from: [{a: {fields: [line], all: []}}]}"), DIAG_WRONG_TYPE,
         "exactly one", NULL, "{fields"},
        {AROUND("b: {type: sink, from: [{a: {fields: {line: 1}}}]}"), DIAG_WRONG_TYPE, "fields",
         NULL, "{line"},
        {AROUND("b: {type: sink, from: [{a: custom}]}"), DIAG_WRONG_TYPE, "grouping custom",
         NULL, "custom"},
    };
    CHECK_ALL(table);
}

static void plan_wrong_type_of_an_option_is_e104(void **state)
{
    (void)state;
#define OPTION(text) "{name: t, spouts: {a: {type: lines, path: p, " text "}}}"
    static const struct expectation table[] = {
        {"{name: t, spouts: {a: {type: lines, path: [p]}}}", DIAG_WRONG_TYPE, "text", NULL,
         "[p]"},
        {OPTION("rate: fast"), DIAG_WRONG_TYPE, "rate of spout \"a\"", NULL, "fast"},
        {OPTION("limit: 1.5"), DIAG_WRONG_TYPE, "a whole number", NULL, "1.5"},
        {OPTION("follow: maybe"), DIAG_WRONG_TYPE, "true or false", NULL, "maybe"},
        {OPTION("every: [1]"), DIAG_WRONG_TYPE, "a duration", NULL, "[1]"},
        {OPTION("block: {a: 1}"), DIAG_WRONG_TYPE, "a size", NULL, "{a: 1}"},
        {OPTION("keep: {a: 1}"), DIAG_WRONG_TYPE, "a list", NULL, "{a: 1}"},
        {OPTION("tags: [[x]]"), DIAG_WRONG_TYPE, "an element", NULL, "[x]"},
        {"{name: t, conf: {limit: many}, spouts: {" SPOUT "}}", DIAG_WRONG_TYPE, "limit", NULL,
         "many"},
        {AROUND("b: {type: bad_default, " FROM_A "}"), DIAG_WRONG_TYPE, "size of bolt \"b\"",
         NULL, NULL},
    };
    CHECK_ALL(table);
}

static void plan_tree_that_is_no_map_is_e104(void **state)
{
    (void)state;
    struct diag diag;
    struct plan *plan = NULL;
    diag_init(&diag);
    struct gale_conf *tree = plan_fixture_tree("{list: [a]}");
    enum gale_err err =
        plan_compile(gale_conf_get(tree, "list"), plan_fixture_registry(), &diag, &plan);
    assert_int_equal(err, GALE_ERR_INVALID);
    assert_int_equal(diag.errors_count, 1);
    assert_int_equal(diag.items[0].code, DIAG_WRONG_TYPE);
    assert_null(plan);
    conf_free(tree);
    diag_fini(&diag);
}

static void plan_missing_key_is_e105(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {"{spouts: {" SPOUT "}}", DIAG_MISSING_KEY, "no name", "name:", "{spouts"},
        {"{name: t, spouts: {a: {type: lines}}}", DIAG_MISSING_KEY, "\"path\"", "The file",
         "a: {type"},
        {AROUND("b: {" FROM_A "}"), DIAG_MISSING_KEY, "neither type nor module", NULL,
         "b: {from"},
        {AROUND("b: {module: m.so, " FROM_A "}"), DIAG_MISSING_KEY, "no \"bolt\"", NULL,
         "b: {module"},
        {AROUND("b: {bolt: mine, " FROM_A "}"), DIAG_MISSING_KEY, "no \"module\"", NULL, NULL},
        {AROUND("b: {type: sink, from: [{a: {custom: {module: m.so}}}]}"), DIAG_MISSING_KEY,
         "\"grouping\"", NULL, "{module"},
        {AROUND("b: {type: sink, from: [{a: {custom: {grouping: pick}}}]}"), DIAG_MISSING_KEY,
         "\"module\"", NULL, NULL},
    };
    CHECK_ALL(table);
}

static void plan_limits_of_streams_and_fields_are_e106(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {type: wide, count: 257, " FROM_A "}"), DIAG_LIMIT, "256 fields", NULL,
         "b: {type"},
        {AROUND("b: {type: many_streams, count: 65, " FROM_A "}"), DIAG_LIMIT, "64 streams",
         NULL, "b: {type"},
    };
    CHECK_ALL(table);
}

/* Writes a topology of `bolts` bolts with `parallelism` each and `inputs` inputs each. */
static char *large_tree(int bolts, int parallelism, int inputs)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    (void)fprintf(out, "{name: t, spouts: {" SPOUT "}, bolts: {");
    for (int i = 0; i < bolts; i++) {
        (void)fprintf(out, "%sb%d: {type: sink, parallelism: %d, from: [", i > 0 ? ", " : "", i,
                      parallelism);
        for (int k = 0; k < inputs; k++) {
            (void)fprintf(out, "%s{a: all}", k > 0 ? ", " : "");
        }
        (void)fprintf(out, "]}");
    }
    (void)fprintf(out, "}}");
    (void)fclose(out);
    return text;
}

static void check_large(int bolts, int parallelism, int inputs, const char *text)
{
    char *tree_text = large_tree(bolts, parallelism, inputs);
    struct gale_conf *tree = plan_fixture_tree(tree_text);
    struct diag diag;
    struct plan *plan = NULL;
    diag_init(&diag);
    enum gale_err err = plan_compile(tree, plan_fixture_registry(), &diag, &plan);
    if (text == NULL) {
        assert_int_equal(err, GALE_OK);
        assert_int_equal(plan->components_count, bolts + 1);
    } else {
        assert_int_equal(err, GALE_ERR_INVALID);
        assert_int_equal(diag.count, 1);
        assert_int_equal(diag.items[0].code, DIAG_LIMIT);
        assert_non_null(strstr(diag.items[0].text, text));
    }
    plan_free(plan);
    diag_fini(&diag);
    conf_free(tree);
    free(tree_text);
}

static void plan_limits_of_the_graph_are_e106_and_reachable(void **state)
{
    (void)state;
    check_large(PLAN_COMPONENTS_MAX - 1, 1, 1, NULL);
    check_large(PLAN_COMPONENTS_MAX, 1, 1, "1025 components");
    check_large(1, 1, PLAN_INPUTS_MAX, NULL);
    check_large(1, 1, PLAN_INPUTS_MAX + 1, "257 inputs");
    check_large(16, 1023, 1, NULL);
    check_large(16, 1024, 1, "16385 tasks");
}

static void plan_bad_name_is_e109(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {"{name: t!, spouts: {" SPOUT "}}", DIAG_BAD_NAME, "\"t!\"", NULL, "t!"},
        {"{name: __t, spouts: {" SPOUT "}}", DIAG_BAD_NAME, "\"__t\"", NULL, "__t"},
        {"{name: t, spouts: {a.b: {type: lines, path: p}}}", DIAG_BAD_NAME, "\"a.b\"", NULL,
         "a.b"},
        {AROUND("b b: {type: sink, " FROM_A "}"), DIAG_BAD_NAME, "\"b b\"", NULL, "b b"},
        {AROUND("b: {type: bad_stream, " FROM_A "}"), DIAG_BAD_NAME, "\"no good\"", NULL,
         "b: {type"},
        {"{name: t, spouts: {a: {type: lines, path: p, keep: [a, b-, c d]}}}", DIAG_BAD_NAME,
         "\"c d\"", NULL, "c d"},
    };
    CHECK_ALL(table);
}

static void plan_unknown_source_is_e201_with_suggestion(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {"{name: t, spouts: {words: {type: lines, path: p}},"
         " bolts: {b: {type: sink, from: [{wodrs: shuffle}]}}}",
         DIAG_UNKNOWN_COMPONENT, "\"wodrs\"", "\"words\"", "wodrs"},
        {AROUND("b: {type: pass, from: zzzzzz}, c: {type: project, fields: [q], from: b}"),
         DIAG_UNKNOWN_COMPONENT, "\"zzzzzz\"", NULL, "zzzzzz"},
    };
    CHECK_ALL(table);
}

static void plan_unknown_stream_is_e202_with_suggestion(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("m: {type: multi, " FROM_A "}, b: {type: sink, from: [{m.erors: all}]}"),
         DIAG_UNKNOWN_STREAM, "\"erors\"", "\"errors\"", "m.erors"},
        {AROUND("m: {type: sink, " FROM_A "}, b: {type: sink, from: m}"), DIAG_UNKNOWN_STREAM,
         "emits nothing", NULL, "m}"},
        {AROUND("b: {type: pass, from: a.other}, c: {type: project, fields: [q], from: b}"),
         DIAG_UNKNOWN_STREAM, "\"other\"", NULL, "a.other"},
    };
    CHECK_ALL(table);
}

static void plan_unknown_field_is_e203_with_suggestion(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {type: sink, from: [{a: {fields: [lien]}}]}"), DIAG_UNKNOWN_FIELD,
         "\"lien\"", "\"line\"", "lien"},
        {AROUND("b: {type: sink, from: [{a: {partial-key: nope}}]}"), DIAG_UNKNOWN_FIELD,
         "\"nope\"", NULL, "nope"},
        {AROUND("b: {type: project, fields: [line, lime], " FROM_A "}"), DIAG_UNKNOWN_FIELD,
         "\"lime\"", "\"line\"", "lime"},
        {AROUND("p: {type: pass, " FROM_A "}, b: {type: project, fields: [lone], from: p}"),
         DIAG_UNKNOWN_FIELD, "\"lone\"", "\"line\"", "lone"},
    };
    CHECK_ALL(table);
}

static void plan_unknown_field_in_a_cycle_is_found_at_the_end(void **state)
{
    (void)state;
    /* Within the cycle b → c → b the callback of b runs first and cannot know c's fields. */
    static const struct expectation table[] = {
        {AROUND("b: {type: project, fields: [line], from: [{a: all}, {c: all}]},"
                " c: {type: multi, from: [{b: all}]}"),
         DIAG_UNKNOWN_FIELD, "\"line\"", NULL, "line]"},
    };
    CHECK_ALL(table);
}

static void plan_unknown_type_is_e204_with_suggestion(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {type: splitt, " FROM_A "}, c: {type: sink, from: [{b: {fields: [x]}}]}"),
         DIAG_UNKNOWN_TYPE, "\"splitt\"", "\"split\"", "splitt"},
        {"{name: t, spouts: {a: {type: line}}}", DIAG_UNKNOWN_TYPE, "built-in spout",
         "\"lines\"", "line"},
    };
    CHECK_ALL(table);
}

static void plan_bad_module_is_e205(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {module: old.so, bolt: mine, " FROM_A "}"), DIAG_MODULE, "ABI 0", NULL,
         "old.so"},
        {AROUND("b: {module: m.so, bolt: min, " FROM_A "}"), DIAG_MODULE, "\"min\"", "\"mine\"",
         "min"},
        {AROUND("b: {type: sink, from: [{a: {custom: {module: m.so, grouping: pik}}}]}"),
         DIAG_MODULE, "\"pik\"", "\"pick\"", "pik"},
        {AROUND("b: {type: sink, from: [{a: {custom: {module: old.so, grouping: pick}}}]}"),
         DIAG_MODULE, "ABI 0", NULL, "old.so"},
    };
    CHECK_ALL(table);
}

static void plan_unknown_grouping_is_e206_with_suggestion(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {type: sink, from: [{a: shufle}]}"), DIAG_UNKNOWN_GROUPING, "\"shufle\"",
         "\"shuffle\"", "shufle"},
        {AROUND("b: {type: sink, from: [{a: {field: [line]}}]}"), DIAG_UNKNOWN_GROUPING,
         "\"field\"", "\"fields\"", "field"},
    };
    CHECK_ALL(table);
}

static void plan_unknown_hook_is_e207(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {"{name: t, hooks: [trace, nope], spouts: {" SPOUT "}}", DIAG_UNKNOWN_HOOK,
         "task hook \"nope\"", NULL, "nope"},
        {"{name: t, worker_hooks: [trace], spouts: {" SPOUT "}}", DIAG_UNKNOWN_HOOK,
         "worker hook \"trace\"", NULL, "trace"},
        {AROUND("b: {type: sink, hooks: pool, " FROM_A "}"), DIAG_UNKNOWN_HOOK,
         "task hook \"pool\"", NULL, "pool"},
    };
    CHECK_ALL(table);
}

static void plan_spout_and_bolt_of_one_name_is_e208(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("a: {type: sink, " FROM_A "}"), DIAG_DUPLICATE_NAME, "\"a\"", NULL,
         "a: {type: sink"},
    };
    CHECK_ALL(table);
}

static void plan_value_out_of_bounds_is_e301(void **state)
{
    (void)state;
#define SETTING(text) "{name: t, " text ", spouts: {" SPOUT "}}"
    static const struct expectation table[] = {
        {SETTING("workers: 0"), DIAG_BAD_VALUE, "between 1 and 256", NULL, "0"},
        {SETTING("workers: 257"), DIAG_BAD_VALUE, "between 1 and 256", NULL, "257"},
        {SETTING("max_pending: 0"), DIAG_BAD_VALUE, "between 1 and 1048576", NULL, "0"},
        {SETTING("max_pending: 1048577"), DIAG_BAD_VALUE, "max_pending", NULL, "1048577"},
        {SETTING("timeout: soon"), DIAG_BAD_VALUE, "no duration", NULL, "soon"},
        {SETTING("drain: 900000h"), DIAG_BAD_VALUE, "drain", NULL, "900000h"},
        {SETTING("memory_max: big"), DIAG_BAD_VALUE, "no size", NULL, "big"},
        {SETTING("inbox_size: 16"), DIAG_BAD_VALUE, "inbox_size", NULL, "16"},
        {SETTING("files: [a]"), DIAG_WRONG_TYPE, "files", NULL, "[a]"},
        {SETTING("isolate_hosts: 1025"), DIAG_BAD_VALUE, "between 0 and 1024", NULL, "1025"},
        {AROUND("b: {type: sink, memory: much, " FROM_A "}"), DIAG_BAD_VALUE, "no size", NULL,
         "much"},
        {AROUND("b: {type: sink, cpu: 102401, " FROM_A "}"), DIAG_BAD_VALUE,
         "between 0 and 102400", NULL, "102401"},
        {SETTING("open_files_max: -1"), DIAG_BAD_VALUE, "open_files_max", NULL, "-1"},
        {SETTING("guarantee: at-last-once"), DIAG_BAD_VALUE, "guarantee", "\"at-least-once\"",
         "at-last-once"},
        {AROUND("b: {type: sink, parallelism: 0, " FROM_A "}"), DIAG_BAD_VALUE,
         "between 1 and 1024", NULL, "0"},
        {AROUND("b: {type: sink, parallelism: 1025, " FROM_A "}"), DIAG_BAD_VALUE,
         "parallelism", NULL, "1025"},
        {AROUND("b: {type: sink, max_pending: 5, " FROM_A "}"), DIAG_BAD_VALUE, "only spouts",
         NULL, "max_pending"},
        {"{name: t, spouts: {a: {type: lines, path: p, tick: 1s}}}", DIAG_BAD_VALUE,
         "ticks are for bolts", NULL, "tick"},
        {"{name: t, spouts: {a: {type: lines, path: p, every: often}}}", DIAG_BAD_VALUE,
         "a duration", NULL, "often"},
        {"{name: t, spouts: {a: {type: lines, path: p, block: huge}}}", DIAG_BAD_VALUE,
         "a size", NULL, "huge"},
        {AROUND("b: {type: sink, module: m.so, " FROM_A "}"), DIAG_BAD_VALUE, "both type and",
         NULL, "type: sink"},
        {AROUND("b: {type: sink, from: [{a: {partial-key: []}}]}"), DIAG_BAD_VALUE,
         "at least one field", NULL, "partial-key"},
    };
    CHECK_ALL(table);
}

static void plan_complaint_of_a_component_is_e302(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {type: complain, mode: odd, " FROM_A "}, c: {type: sink, from: b}"),
         DIAG_OPTION, "mode \"odd\" is unknown", NULL, "odd"},
        {AROUND("b: {type: complain, " FROM_A "}"), DIAG_OPTION, "mode \"?\"", NULL, "b: {"},
        {AROUND("b: {type: moody, " FROM_A "}"), DIAG_OPTION, "cannot be declared", NULL,
         "b: {"},
        {AROUND("b: {type: twice_stream, " FROM_A "}"), DIAG_OPTION, "twice the stream", NULL,
         "b: {"},
        {AROUND("b: {type: twice_field, " FROM_A "}"), DIAG_OPTION, "twice the field \"a\"",
         NULL, "b: {"},
    };
    CHECK_ALL(table);
}

static void plan_exactly_once_is_e303(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {SETTING("guarantee: exactly-once"), DIAG_UNSUPPORTED,
         "not available yet: use at-least-once", NULL, "exactly-once"},
    };
    CHECK_ALL(table);
}

static void plan_broken_graph_is_e401(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {"{name: t}", DIAG_GRAPH, "no spouts", NULL, NULL},
        {"{name: t, spouts: {}}", DIAG_GRAPH, "no spouts", NULL, "{}"},
        {AROUND("b: {type: pass}, c: {type: project, fields: [q], from: b}"), DIAG_GRAPH,
         "no input", NULL, "b: {"},
        {AROUND("b: {type: sink, from: []}"), DIAG_GRAPH, "no input", NULL, "b: {"},
        {"{name: t, spouts: {a: {type: lines, path: p, from: [{a: all}]}}}", DIAG_GRAPH,
         "a spout has no input", NULL, "from"},
    };
    CHECK_ALL(table);
}

static void plan_direct_mismatch_is_e402(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {type: sink, from: [{a: direct}]}"), DIAG_DIRECT, "is not direct", NULL,
         "a: direct"},
        {AROUND("m: {type: multi, " FROM_A "}, b: {type: sink, from: [{m.straight: all}]}"),
         DIAG_DIRECT, "use grouping direct, not all", NULL, "m.straight"},
    };
    CHECK_ALL(table);
}

static void plan_unreachable_bolt_is_w501(void **state)
{
    (void)state;
    static const struct expectation table[] = {
        {AROUND("b: {type: pass, from: b}"), DIAG_UNREACHABLE, "no spout leads to bolt \"b\"",
         NULL, "b: {"},
    };
    CHECK_ALL(table);
}

static void plan_several_errors_are_found_at_once_in_order(void **state)
{
    (void)state;
    struct gale_conf *tree = plan_fixture_tree(
        "{name: t!, workers: 0, spouts: {a: {type: linse}, d: {type: lines, path: p, x: 1}},"
        " bolts: {b: {type: sink, parallelism: x, from: [{d: shufle}, {e: all}]}}}");
    static const enum diag_code codes[] = {
        DIAG_BAD_NAME,   DIAG_BAD_VALUE,        DIAG_UNKNOWN_TYPE,     DIAG_UNKNOWN_KEY,
        DIAG_WRONG_TYPE, DIAG_UNKNOWN_GROUPING, DIAG_UNKNOWN_COMPONENT};
    struct diag diag;
    struct plan *plan = NULL;
    diag_init(&diag);
    assert_int_equal(plan_compile(tree, plan_fixture_registry(), &diag, &plan),
                     GALE_ERR_INVALID);
    assert_int_equal(diag.count, sizeof(codes) / sizeof(codes[0]));
    for (size_t i = 0; i < diag.count; i++) {
        assert_int_equal(diag.items[i].code, codes[i]);
    }
    conf_free(tree);
    diag_fini(&diag);
}

static void plan_errors_already_in_diag_do_not_fail_a_good_tree(void **state)
{
    (void)state;
    struct gale_conf *tree = plan_fixture_tree(AROUND("b: {type: sink, from: a}"));
    struct diag diag;
    struct plan *plan = NULL;
    diag_init(&diag);
    diag_add(&diag, DIAG_INCLUDE, NULL, NULL, "an earlier error");
    assert_int_equal(plan_compile(tree, plan_fixture_registry(), &diag, &plan), GALE_OK);
    assert_int_equal(plan->components_count, 2);
    plan_free(plan);
    conf_free(tree);
    diag_fini(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_unknown_key_is_e103_with_suggestion),
        cmocka_unit_test(plan_wrong_type_of_a_setting_is_e104),
        cmocka_unit_test(plan_wrong_type_in_from_is_e104),
        cmocka_unit_test(plan_wrong_type_of_an_option_is_e104),
        cmocka_unit_test(plan_tree_that_is_no_map_is_e104),
        cmocka_unit_test(plan_missing_key_is_e105),
        cmocka_unit_test(plan_limits_of_streams_and_fields_are_e106),
        cmocka_unit_test(plan_limits_of_the_graph_are_e106_and_reachable),
        cmocka_unit_test(plan_bad_name_is_e109),
        cmocka_unit_test(plan_unknown_source_is_e201_with_suggestion),
        cmocka_unit_test(plan_unknown_stream_is_e202_with_suggestion),
        cmocka_unit_test(plan_unknown_field_is_e203_with_suggestion),
        cmocka_unit_test(plan_unknown_field_in_a_cycle_is_found_at_the_end),
        cmocka_unit_test(plan_unknown_type_is_e204_with_suggestion),
        cmocka_unit_test(plan_bad_module_is_e205),
        cmocka_unit_test(plan_unknown_grouping_is_e206_with_suggestion),
        cmocka_unit_test(plan_unknown_hook_is_e207),
        cmocka_unit_test(plan_spout_and_bolt_of_one_name_is_e208),
        cmocka_unit_test(plan_value_out_of_bounds_is_e301),
        cmocka_unit_test(plan_complaint_of_a_component_is_e302),
        cmocka_unit_test(plan_exactly_once_is_e303),
        cmocka_unit_test(plan_broken_graph_is_e401),
        cmocka_unit_test(plan_direct_mismatch_is_e402),
        cmocka_unit_test(plan_unreachable_bolt_is_w501),
        cmocka_unit_test(plan_several_errors_are_found_at_once_in_order),
        cmocka_unit_test(plan_errors_already_in_diag_do_not_fail_a_good_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

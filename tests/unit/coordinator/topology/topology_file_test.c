/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading topology files: YAML's form, substitution, -D overrides and includes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "topology/topology_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

/* What one loading gave; fini frees it. */
struct loaded {
    struct diag diag;
    struct gale_conf *tree;
    enum gale_err err;
};

static void load_bytes(struct loaded *loaded, const char *text, size_t size,
                       const char *const *defines)
{
    struct topology_defines given = {.texts = defines};
    while (defines && defines[given.count]) {
        given.count++;
    }
    diag_init(&loaded->diag);
    loaded->err =
        topology_text_load("t.yaml", text, size, &given, &loaded->diag, &loaded->tree);
    diag_sort(&loaded->diag);
}

static void load_text(struct loaded *loaded, const char *text, const char *const *defines)
{
    load_bytes(loaded, text, strlen(text), defines);
}

static void loaded_fini(struct loaded *loaded)
{
    conf_free(loaded->tree);
    diag_fini(&loaded->diag);
}

static void assert_item(const struct diag *diag, size_t index, enum diag_code code,
                        uint32_t line, uint32_t column)
{
    assert_true(index < diag->count);
    assert_int_equal(diag->items[index].code, code);
    assert_int_equal(diag->items[index].place.line, line);
    assert_int_equal(diag->items[index].place.column, column);
}

/* The text gives exactly one error, of this code at this place, and an error result. */
static void assert_one_error(const char *text, enum diag_code code, uint32_t line,
                             uint32_t column)
{
    struct loaded loaded;
    load_text(&loaded, text, NULL);
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_int_equal(loaded.diag.errors_count, 1);
    assert_item(&loaded.diag, 0, code, line, column);
    loaded_fini(&loaded);
}

static const struct gale_conf *walk(const struct gale_conf *conf, const char *path)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *part = strtok(copy, "."); part; part = strtok(NULL, ".")) {
        conf = gale_conf_get(conf, part);
    }
    return conf;
}

static void yaml_valid_file_gives_types_and_places(void **state)
{
    (void)state;
    struct loaded loaded;
    load_text(&loaded,
              "name: wc\nworkers: 2\nbolts:\n"
              "  count: { type: count, ratio: 0.5, on: true, text: \"12\", none: ~,\n"
              "           from: [ { split: { fields: [word] } } ] }\n",
              NULL);
    assert_int_equal(loaded.err, GALE_OK);
    assert_int_equal(gale_conf_int64(loaded.tree, "workers", 0), 2);
    const struct gale_conf *count = walk(loaded.tree, "bolts.count");
    assert_int_equal(gale_conf_type(walk(count, "ratio")), GALE_DOUBLE);
    assert_int_equal(gale_conf_type(walk(count, "on")), GALE_BOOL);
    assert_int_equal(gale_conf_type(walk(count, "text")), GALE_STRING);
    assert_int_equal(gale_conf_type(walk(count, "none")), GALE_NIL);
    const struct gale_conf *fields = walk(gale_conf_at(walk(count, "from"), 0), "split.fields");
    struct conf_place place = conf_place_of(gale_conf_at(fields, 0));
    assert_string_equal(place.file, "t.yaml");
    assert_int_equal(place.line, 5);
    assert_int_equal(place.column, 40);
    assert_int_equal(place.length, 4);
    place = conf_key_place_of(walk(count, "ratio"));
    assert_int_equal(place.line, 4);
    assert_int_equal(place.column, 25);
    assert_int_equal(place.length, 5);
    loaded_fini(&loaded);
}

static void yaml_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    struct loaded loaded;
    load_text(&loaded, "\xef\xbb\xbfname: wc\r\nworkers: 2\r\n", NULL);
    assert_int_equal(loaded.err, GALE_OK);
    assert_string_equal(gale_conf_string(loaded.tree, "name", ""), "wc");
    assert_int_equal(gale_conf_int64(loaded.tree, "workers", 0), 2);
    loaded_fini(&loaded);
}

static void yaml_duplicate_keys_are_all_reported_and_the_first_wins(void **state)
{
    (void)state;
    struct loaded loaded;
    load_text(&loaded, "a: 1\nb:\n  x: 1\n  x: { deep: [1, {x: 2}] }\n  y: 3\na: 2\n", NULL);
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_int_equal(loaded.diag.errors_count, 2);
    assert_item(&loaded.diag, 0, DIAG_DUPLICATE_KEY, 4, 3);
    assert_item(&loaded.diag, 1, DIAG_DUPLICATE_KEY, 6, 1);
    assert_string_equal(loaded.diag.items[1].hint, "first written in line 1");
    assert_non_null(loaded.tree);
    assert_int_equal(gale_conf_int64(loaded.tree, "a", 0), 1);
    assert_int_equal(gale_conf_int64(walk(loaded.tree, "b"), "y", 0), 3);
    loaded_fini(&loaded);
}

static void yaml_refused_forms_give_one_error_at_their_place(void **state)
{
    (void)state;
    assert_one_error("a: &x 1\n", DIAG_LIMIT, 1, 4);
    assert_one_error("path: *txt\n", DIAG_LIMIT, 1, 7);
    assert_one_error("path: *.txt\n", DIAG_YAML_SYNTAX, 1, 8);
    assert_one_error("*a : 1\nb: 2\n", DIAG_LIMIT, 1, 1);
    assert_one_error("a: !!int 1\n", DIAG_WRONG_TYPE, 1, 4);
    assert_one_error("a: 1\n---\nb: 1\n", DIAG_YAML_SYNTAX, 2, 1);
    assert_one_error("a: 1\n{b: 1}: [2, {c: 3}]\n", DIAG_WRONG_TYPE, 2, 1);
    assert_one_error("[a]: {x: 1}\n", DIAG_WRONG_TYPE, 1, 1);
    assert_one_error("- a\n- b\n", DIAG_WRONG_TYPE, 1, 1);
    assert_one_error("", DIAG_WRONG_TYPE, 1, 1);
    assert_one_error("just words", DIAG_WRONG_TYPE, 1, 1);
    assert_one_error("a: \"x\\0y\"\n", DIAG_BAD_VALUE, 1, 4);
    assert_one_error("\"\": 1\n", DIAG_WRONG_TYPE, 1, 1);
    assert_one_error("a: [1, 2\nb: 3\n", DIAG_YAML_SYNTAX, 2, 2);
    assert_one_error("name: x\ninclude: other.yaml\n", DIAG_INCLUDE, 2, 1);
}

static void yaml_bad_bytes_are_located(void **state)
{
    (void)state;
    assert_one_error("a: 1\nb: \"\xc3\xa4\xff\"\n", DIAG_YAML_SYNTAX, 2, 6);
    struct loaded loaded;
    load_bytes(&loaded, "a: \0 b", 6, NULL);
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_int_equal(loaded.diag.items[0].code, DIAG_YAML_SYNTAX);
    loaded_fini(&loaded);
}

static void yaml_depth_is_bounded_exactly(void **state)
{
    (void)state;
    char text[4 * CONF_DEPTH_MAX];
    /* The root map is one level. */
    for (int depth = CONF_DEPTH_MAX - 1; depth <= CONF_DEPTH_MAX; depth++) {
        int at = snprintf(text, sizeof text, "a: ");
        memset(text + at, '[', (size_t)depth);
        memset(text + at + depth, ']', (size_t)depth);
        struct loaded loaded;
        load_bytes(&loaded, text, (size_t)(at + 2 * depth), NULL);
        assert_int_equal(loaded.err, depth < CONF_DEPTH_MAX ? GALE_OK : GALE_ERR_INVALID);
        if (loaded.err) {
            assert_item(&loaded.diag, 0, DIAG_LIMIT, 1, 4 + CONF_DEPTH_MAX - 1);
        }
        loaded_fini(&loaded);
    }
}

static void yaml_hostile_sizes_end_in_limits(void **state)
{
    (void)state;
    size_t size = TOPOLOGY_FILE_SIZE_MAX + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '[', size);
    struct loaded loaded;
    load_bytes(&loaded, text, size, NULL);
    assert_int_equal(loaded.diag.items[0].code, DIAG_LIMIT);
    loaded_fini(&loaded);
    size_t at = 0;
    for (int i = 0; i <= CONF_NODES_MAX; i++) {
        at += (size_t)snprintf(text + at, size - at, "%x:\n", (unsigned)i);
    }
    load_bytes(&loaded, text, at, NULL);
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_int_equal(loaded.diag.errors_count, 1);
    assert_int_equal(loaded.diag.items[0].code, DIAG_LIMIT);
    loaded_fini(&loaded);
    free(text);
}

static void substitute_value_is_typed_again_unless_quoted(void **state)
{
    (void)state;
    setenv("GALE_TEST_ENV", "from-env", 1);
    struct loaded loaded;
    load_text(
        &loaded,
        "workers: ${w}\nquoted: \"${w}\"\nflow: { n: ${w}, d: ${none:-a, [b] {c}, x: 1 }\n"
        "${k}: ${k}-${w}-${GALE_TEST_ENV}\nliteral: $${w} $ $x\nempty: ${none:-}\n",
        (const char *const[]){"w=1", "k=key", "w=4", NULL});
    assert_int_equal(loaded.err, GALE_OK);
    assert_int_equal(gale_conf_int64(loaded.tree, "workers", 0), 4);
    assert_int_equal(gale_conf_type(walk(loaded.tree, "quoted")), GALE_STRING);
    assert_string_equal(gale_conf_text(walk(loaded.tree, "quoted")), "4");
    assert_int_equal(gale_conf_int64(walk(loaded.tree, "flow"), "n", 0), 4);
    assert_string_equal(gale_conf_text(walk(loaded.tree, "flow.d")), "a, [b] {c");
    assert_string_equal(gale_conf_text(walk(loaded.tree, "key")), "key-4-from-env");
    assert_string_equal(gale_conf_text(walk(loaded.tree, "literal")), "${w} $ $x");
    assert_int_equal(gale_conf_type(walk(loaded.tree, "empty")), GALE_NIL);
    loaded_fini(&loaded);
}

static void substitute_missing_value_suggests_the_nearest(void **state)
{
    (void)state;
    struct loaded loaded;
    load_text(&loaded, "a: ${workres}\nb: x ${ y\nworkers: ${workers}\n",
              (const char *const[]){"workers=2", NULL});
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_null(loaded.tree);
    assert_int_equal(loaded.diag.errors_count, 2);
    assert_item(&loaded.diag, 0, DIAG_SUBSTITUTION, 1, 4);
    assert_string_equal(loaded.diag.items[0].hint, "did you mean \"workers\"?");
    assert_item(&loaded.diag, 1, DIAG_SUBSTITUTION, 2, 4);
    loaded_fini(&loaded);
}

static void define_path_overrides_and_creates_scalars(void **state)
{
    (void)state;
    struct loaded loaded;
    load_text(&loaded, "workers: 1\nbolts:\n  count: { type: count, parallelism: 1 }\n",
              (const char *const[]){"workers=3", "bolts.count.parallelism=4",
                                    "guarantee=at-most-once", "conf.a.b=7",
                                    "bolts.count.tick=1s", NULL});
    assert_int_equal(loaded.err, GALE_OK);
    assert_int_equal(gale_conf_int64(loaded.tree, "workers", 0), 3);
    assert_string_equal(gale_conf_string(loaded.tree, "guarantee", ""), "at-most-once");
    const struct gale_conf *count = walk(loaded.tree, "bolts.count");
    assert_int_equal(gale_conf_int64(count, "parallelism", 0), 4);
    assert_string_equal(gale_conf_string(count, "tick", ""), "1s");
    assert_int_equal(gale_conf_int64(walk(loaded.tree, "conf.a"), "b", 0), 7);
    assert_string_equal(conf_place_of(walk(count, "parallelism")).file,
                        "-D bolts.count.parallelism=4");
    loaded_fini(&loaded);
}

static void define_unused_is_an_error_with_suggestion(void **state)
{
    (void)state;
    struct loaded loaded;
    load_text(&loaded, "name: x\nbolts:\n  count: { type: count, from: [a] }\n",
              (const char *const[]){"wokers=3", "bolts.cuont.parallelism=4", "bolts.count=1",
                                    "bolts.count.from=1", "novalue", NULL});
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_int_equal(loaded.diag.errors_count, 5);
    const struct diag_item *items = loaded.diag.items;
    assert_non_null(strstr(items[0].text, "novalue"));
    assert_string_equal(items[1].hint, "did you mean \"workers\"?");
    assert_string_equal(items[2].hint, "did you mean \"count\"?");
    assert_int_equal(items[4].code, DIAG_WRONG_TYPE);
    assert_non_null(loaded.tree);
    loaded_fini(&loaded);
}

static void file_write(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void load_path(struct loaded *loaded, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    diag_init(&loaded->diag);
    loaded->err = topology_file_load(path, NULL, &loaded->diag, &loaded->tree);
    diag_sort(&loaded->diag);
}

static void files_references_stay_for_the_host(void **state)
{
    (void)state;
    struct loaded loaded;
    const char *const defines[] = {"files.extra=e.txt", "file.given=/g", NULL};
    load_text(&loaded,
              "files: { dict: d.txt }\nconf: { a: \"${file.extra}\" }\n"
              "bolts: { b: { p: \"x ${file.dict} $${file.dict} ${file.given}\",\n"
              "  q: { r: [ ${file.dict} ] } } }\n",
              defines);
    assert_int_equal(loaded.err, GALE_OK);
    assert_string_equal(gale_conf_text(walk(loaded.tree, "bolts.b.p")),
                        "x ${file.dict} $${file.dict} /g");
    assert_string_equal(gale_conf_text(gale_conf_at(walk(loaded.tree, "bolts.b.q.r"), 0)),
                        "${file.dict}");
    assert_string_equal(gale_conf_text(walk(loaded.tree, "files.extra")), "e.txt");
    loaded_fini(&loaded);
    /* An escape alone needs the map, so that core/locate.h takes it away. */
    load_text(&loaded, "bolts: { b: { p: \"$${file.dict}\" } }\n", NULL);
    assert_int_equal(loaded.err, GALE_OK);
    assert_int_equal(gale_conf_type(walk(loaded.tree, "files")), GALE_MAP);
    loaded_fini(&loaded);
}

static void files_wrong_references_are_located(void **state)
{
    (void)state;
    struct loaded loaded;
    load_text(&loaded, "files: { dict: d }\nbolts: { b: { p: \"${file.dikt}\" } }\n", NULL);
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_item(&loaded.diag, 0, DIAG_SUBSTITUTION, 2, 18);
    assert_non_null(strstr(loaded.diag.items[0].hint, "dict"));
    loaded_fini(&loaded);
    assert_one_error("bolts: { b: { p: \"${file.dict}\" } }\n", DIAG_SUBSTITUTION, 1, 18);
    assert_one_error("files: { dict: d }\nname: \"${file.dict}\"\n", DIAG_SUBSTITUTION, 2, 7);
    assert_one_error("files: { dict: \"${file.dict}\" }\n", DIAG_SUBSTITUTION, 1, 16);
    assert_one_error("bolts: { b: { p: \"${file.}\" } }\n", DIAG_SUBSTITUTION, 1, 18);
    assert_one_error("bolts: { b: { p: \"${file.a.b}\" } }\n", DIAG_SUBSTITUTION, 1, 18);
    assert_one_error("bolts: { b: { p: \"${file.a:-b}\" } }\n", DIAG_SUBSTITUTION, 1, 18);
}

static void include_merges_and_the_including_file_wins(void **state)
{
    (void)state;
    file_write("main.yaml", "include: [one.yaml, sub.yaml]\nname: main\nconf: { a: 1 }\n"
                            "bolts: { x: { type: split } }\n");
    file_write("one.yaml", "name: one\nworkers: 2\nconf: { a: 5, b: 6 }\n"
                           "spouts: { s: { type: stdin } }\n");
    file_write("sub.yaml", "workers: 9\ninclude: deep.yaml\nbolts: { y: { type: print } }\n");
    file_write("deep.yaml", "conf: { c: 7 }\n");
    struct loaded loaded;
    load_path(&loaded, "main.yaml");
    assert_int_equal(loaded.err, GALE_OK);
    assert_string_equal(gale_conf_string(loaded.tree, "name", ""), "main");
    assert_int_equal(gale_conf_int64(loaded.tree, "workers", 0), 2);
    assert_int_equal(gale_conf_int64(walk(loaded.tree, "conf"), "a", 0), 1);
    assert_int_equal(gale_conf_int64(walk(loaded.tree, "conf"), "b", 0), 6);
    assert_int_equal(gale_conf_int64(walk(loaded.tree, "conf"), "c", 0), 7);
    assert_int_equal(gale_conf_count(walk(loaded.tree, "bolts")), 2);
    assert_null(gale_conf_get(loaded.tree, "include"));
    assert_non_null(strstr(conf_place_of(walk(loaded.tree, "bolts.y")).file, "/sub.yaml"));
    loaded_fini(&loaded);
}

static void include_faults_are_located(void **state)
{
    (void)state;
    file_write("main.yaml", "include: [cycle.yaml, gone.yaml, twice.yaml, 3]\n"
                            "bolts:\n  x: { type: split }\n");
    file_write("cycle.yaml", "include:\n  - ./main.yaml\n");
    file_write("twice.yaml", "bolts:\n  x: { type: print }\n");
    struct loaded loaded;
    load_path(&loaded, "main.yaml");
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_int_equal(loaded.diag.errors_count, 4);
    assert_item(&loaded.diag, 0, DIAG_INCLUDE, 2, 5);
    assert_item(&loaded.diag, 1, DIAG_INCLUDE, 1, 23);
    assert_item(&loaded.diag, 2, DIAG_WRONG_TYPE, 1, 46);
    assert_item(&loaded.diag, 3, DIAG_DUPLICATE_NAME, 2, 3);
    loaded_fini(&loaded);
}

static void include_depth_and_number_are_bounded(void **state)
{
    (void)state;
    /* Each file includes the next twice: without a bound on files this would be 2^8 readings. */
    for (int i = 0; i <= TOPOLOGY_INCLUDE_DEPTH_MAX + 1; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "d%d.yaml", i);
        snprintf(text, sizeof text, "include: [d%d.yaml, d%d.yaml]\n", i + 1, i + 1);
        file_write(name, i <= TOPOLOGY_INCLUDE_DEPTH_MAX ? text : "a: 1\n");
    }
    struct loaded loaded;
    load_path(&loaded, "d0.yaml");
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_int_equal(loaded.diag.items[0].code, DIAG_LIMIT);
    loaded_fini(&loaded);
    load_path(&loaded, "d6.yaml");
    assert_int_equal(loaded.err, GALE_OK);
    loaded_fini(&loaded);
}

static void file_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct loaded loaded;
    load_path(&loaded, "nothing.yaml");
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    assert_int_equal(loaded.diag.items[0].code, DIAG_INCLUDE);
    loaded_fini(&loaded);
    load_path(&loaded, ".");
    assert_int_equal(loaded.err, GALE_ERR_INVALID);
    loaded_fini(&loaded);
}

static int folder_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/gale-topology-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    static const char *const names[] = {"main", "one", "sub", "deep", "cycle", "twice"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s.yaml", folder, names[i]);
        unlink(path);
    }
    for (int i = 0; i <= TOPOLOGY_INCLUDE_DEPTH_MAX + 1; i++) {
        snprintf(path, sizeof path, "%s/d%d.yaml", folder, i);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_valid_file_gives_types_and_places),
        cmocka_unit_test(yaml_byte_order_mark_is_skipped),
        cmocka_unit_test(yaml_duplicate_keys_are_all_reported_and_the_first_wins),
        cmocka_unit_test(yaml_refused_forms_give_one_error_at_their_place),
        cmocka_unit_test(yaml_bad_bytes_are_located),
        cmocka_unit_test(yaml_depth_is_bounded_exactly),
        cmocka_unit_test(yaml_hostile_sizes_end_in_limits),
        cmocka_unit_test(substitute_value_is_typed_again_unless_quoted),
        cmocka_unit_test(substitute_missing_value_suggests_the_nearest),
        cmocka_unit_test(define_path_overrides_and_creates_scalars),
        cmocka_unit_test(define_unused_is_an_error_with_suggestion),
        cmocka_unit_test(files_references_stay_for_the_host),
        cmocka_unit_test(files_wrong_references_are_located),
        cmocka_unit_test(include_merges_and_the_including_file_wins),
        cmocka_unit_test(include_faults_are_located),
        cmocka_unit_test(include_depth_and_number_are_bounded),
        cmocka_unit_test(file_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

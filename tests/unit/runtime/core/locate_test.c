/* SPDX-License-Identifier: Apache-2.0 */
/* Where paths and references stand in a topology's tree, and what becomes of them. */
#include "core/locate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static struct gale_conf *add_map(struct gale_conf *parent, const char *key)
{
    struct gale_conf *map = NULL;
    assert_int_equal(conf_add_map(parent, key, &map), GALE_OK);
    return map;
}

static void add(struct gale_conf *parent, const char *key, const char *text)
{
    assert_int_equal(conf_add_scalar(parent, key, text, true, NULL), GALE_OK);
}

static const char *text_at(const struct gale_conf *conf, const char *path)
{
    char copy[128];
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *part = strtok(copy, "."); part; part = strtok(NULL, ".")) {
        conf = gale_conf_get(conf, part);
    }
    return gale_conf_text(conf);
}

/* A spout with one option of that text, and one file. */
static struct gale_conf *tree_of(const char *option)
{
    struct gale_conf *tree = conf_new();
    struct gale_conf *component = add_map(add_map(tree, "spouts"), "s");
    struct gale_conf *list = NULL;
    add(tree, "name", "${file.dict}");
    add(add_map(tree, "files"), "dict", "sha256:" HEX);
    add(component, "module", "sha256:" HEX);
    add(component, "option", option);
    assert_int_equal(conf_add_list(component, "deep", &list), GALE_OK);
    add(add_map(add_map(list, NULL), "er"), "still", option);
    add(add_map(tree, "conf"), "shared", option);
    return tree;
}

static void locate_references_are_replaced_where_options_are(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } samples[] = {
        {"${file.dict}", "/b/" HEX},
        {"a ${file.dict}:${file.dict} z", "a /b/" HEX ":/b/" HEX " z"},
        {"$${file.dict}", "${file.dict}"},
        {"$$${file.dict}", "$${file.dict}"},
        {"$${file.dict}${file.dict}", "${file.dict}/b/" HEX},
        {"${file.other}", "${file.other}"},
        {"${file.dic}", "${file.dic}"},
        {"${file.dict", "${file.dict"},
        {"${file.}", "${file.}"},
        {"${file.a b}", "${file.a b}"},
        {"$ {file.dict} $", "$ {file.dict} $"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct gale_conf *tree = tree_of(samples[i].text);
        struct gale_conf *located = NULL;
        assert_int_equal(locate_blobs("/b", tree, &located), GALE_OK);
        assert_string_equal(text_at(located, "spouts.s.option"), samples[i].wanted);
        assert_string_equal(text_at(located, "conf.shared"), samples[i].wanted);
        const struct gale_conf *deep =
            gale_conf_get(gale_conf_get(gale_conf_get(located, "spouts"), "s"), "deep");
        assert_string_equal(text_at(gale_conf_at(deep, 0), "er.still"), samples[i].wanted);
        assert_string_equal(text_at(located, "spouts.s.module"), "/b/" HEX);
        assert_string_equal(text_at(located, "name"), "${file.dict}"); /* no option */
        assert_null(gale_conf_get(located, "files"));
        conf_free(tree);
        conf_free(located);
    }
}

static void locate_tree_without_files_keeps_its_options(void **state)
{
    (void)state;
    struct gale_conf *tree = tree_of("$${file.dict} ${file.dict}");
    struct gale_conf *located = NULL;
    conf_remove(tree, "files");
    assert_int_equal(locate_references(tree, &located), GALE_OK);
    assert_true(conf_equal(tree, located));
    conf_free(tree);
    conf_free(located);
}

static enum gale_err refuse(void *self, const char *path, char out[PATH_MAX])
{
    (void)path;
    (void)out;
    return *(enum gale_err *)self;
}

static enum gale_err mark(void *self, const char *path, char out[PATH_MAX])
{
    ++*(int *)self;
    snprintf(out, PATH_MAX, "<%.100s>", path);
    return GALE_OK;
}

static void locate_map_changes_every_path_and_nothing_else(void **state)
{
    (void)state;
    int count = 0;
    enum gale_err wanted = GALE_ERR_STALE;
    struct gale_conf *tree = tree_of("${file.dict}");
    struct gale_conf *mapped = NULL;
    struct gale_conf *copy = NULL;
    assert_int_equal(locate_map(tree, mark, &count, &mapped), GALE_OK);
    assert_int_equal(count, 2);
    assert_string_equal(text_at(mapped, "files.dict"), "<sha256:" HEX ">");
    assert_string_equal(text_at(mapped, "spouts.s.module"), "<sha256:" HEX ">");
    assert_string_equal(text_at(mapped, "spouts.s.option"), "${file.dict}");
    assert_int_equal(locate_map(tree, NULL, NULL, &copy), GALE_OK);
    assert_true(conf_equal(tree, copy));
    conf_free(copy);
    assert_int_equal(locate_map(tree, refuse, &wanted, &copy), GALE_ERR_STALE);
    assert_null(copy);
    conf_free(tree);
    conf_free(mapped);
}

static void locate_odd_trees_are_copied_as_they_are(void **state)
{
    (void)state;
    int count = 0;
    struct gale_conf *tree = conf_new();
    struct gale_conf *list = NULL;
    struct gale_conf *copy = NULL;
    add(tree, "files", "text");
    add(tree, "spouts", "text");
    assert_int_equal(conf_add_list(tree, "bolts", &list), GALE_OK);
    add(add_map(list, NULL), "module", "in a list");
    assert_int_equal(locate_map(tree, mark, &count, &copy), GALE_OK);
    assert_string_equal(text_at(copy, "spouts"), "text");
    assert_int_equal(gale_conf_count(gale_conf_get(copy, "bolts")), 1);
    conf_free(copy);
    conf_free(tree);
    tree = tree_of("${file.dict}");
    conf_remove(tree, "files");
    assert_int_equal(conf_add_list(tree, "files", &list), GALE_OK);
    add(list, NULL, "dict");
    assert_int_equal(locate_references(tree, &copy), GALE_OK);
    assert_string_equal(text_at(copy, "spouts.s.option"), "${file.dict}");
    conf_free(tree);
    conf_free(copy);
}

static void locate_hex_takes_only_whole_sums(void **state)
{
    (void)state;
    assert_string_equal(locate_hex("sha256:" HEX), HEX);
    assert_null(locate_hex(HEX));
    assert_null(locate_hex("sha256:"));
    assert_null(locate_hex("sha256:" HEX "0"));
    assert_null(locate_hex("sha256:../" HEX));
    assert_null(
        locate_hex("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
}

static void locate_next_walks_from_reference_to_reference(void **state)
{
    (void)state;
    const char *text = "$${file.a}${file.b}$${file.c} ${file.d-e_1}${file.x.y}";
    const char *name = NULL;
    size_t name_size = 0;
    size_t size = 0;
    const char *at = locate_next(text, &name, &name_size, &size);
    assert_ptr_equal(at, text + 10);
    assert_int_equal(name_size, 1);
    assert_int_equal(size, 9);
    at = locate_next(at + size, &name, &name_size, &size);
    assert_memory_equal(name, "d-e_1", 5);
    assert_null(locate_next(at + size, &name, &name_size, &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locate_references_are_replaced_where_options_are),
        cmocka_unit_test(locate_tree_without_files_keeps_its_options),
        cmocka_unit_test(locate_map_changes_every_path_and_nothing_else),
        cmocka_unit_test(locate_odd_trees_are_copied_as_they_are),
        cmocka_unit_test(locate_hex_takes_only_whole_sums),
        cmocka_unit_test(locate_next_walks_from_reference_to_reference),
    };
    return cmocka_run_group_tests_name("locate", tests, NULL, NULL);
}

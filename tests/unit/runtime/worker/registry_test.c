/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry over real shared objects (tests/modules): what is found, what is refused and with
 * which sentence, and that nothing of a refused file runs. GALE_BUILD names the build directory.
 */
#include "worker/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static enum gale_err execute_nothing(void *state, struct gale_task *task,
                                     const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_next next_done(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_NEXT_DONE;
}

static const struct gale_bolt_ops print_ops = {GALE_BOLT_HEAD, .name = "print",
                                               .execute = execute_nothing};
static const struct gale_spout_ops file_ops = {GALE_SPOUT_HEAD, .name = "file",
                                               .next = next_done};
static const struct gale_bolt_ops *const bolts[] = {&print_ops, NULL};
static const struct gale_spout_ops *const spouts[] = {&file_ops, NULL};

static char modules_dir[4096]; /* of the built test modules */
static char temporary_dir[64];

struct fixture {
    struct registry *registry;
    struct gale_error error;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    assert_int_equal(registry_new(spouts, bolts, modules_dir, &fixture->registry), GALE_OK);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    registry_free(fixture->registry);
    free(fixture);
    return 0;
}

static const struct gale_bolt_ops *find_bolt(struct fixture *fixture, const char *module,
                                             const char *name)
{
    memset(&fixture->error, 0, sizeof(fixture->error));
    return fixture->registry->bolt(fixture->registry->self, module, name, &fixture->error);
}

/* Asking for a bolt of the module must fail with this code and sentence. */
static void check_refused(struct fixture *fixture, const char *module, enum gale_err code,
                          const char *text)
{
    assert_null(find_bolt(fixture, module, "any"));
    if (fixture->error.code != code || strstr(fixture->error.text, text) == NULL) {
        fail_msg("%d: %s", (int)fixture->error.code, fixture->error.text);
    }
}

/* Copies the first `size` bytes of a built module (all of them if fewer) into a file. */
static void copy_module(const char *module, const char *to, size_t size)
{
    char path[4200];
    (void)snprintf(path, sizeof(path), "%s/%s", modules_dir, module);
    FILE *in = fopen(path, "rb");
    FILE *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    int byte;
    while (size-- > 0 && (byte = fgetc(in)) != EOF) {
        (void)fputc(byte, out);
    }
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(to, 0644), 0);
}

/* Path of a file in the temporary directory; good until the next call. */
static const char *temporary(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", temporary_dir, name);
    return path;
}

static void registry_built_in_names_are_found(void **state)
{
    struct fixture *fixture = *state;
    struct registry *registry = fixture->registry;
    assert_ptr_equal(find_bolt(fixture, NULL, "print"), &print_ops);
    assert_ptr_equal(registry->spout(registry->self, NULL, "file", &fixture->error), &file_ops);
    assert_null(find_bolt(fixture, NULL, "file"));
    assert_int_equal(fixture->error.code, GALE_ERR_NOT_FOUND);
    assert_string_equal(registry->names(registry->self, NULL, 'b')[0], "print");
    assert_null(registry->names(registry->self, NULL, 'b')[1]);
    assert_string_equal(registry->names(registry->self, NULL, 's')[0], "file");
    assert_null(registry->names(registry->self, NULL, 'g')[0]);
    assert_null(registry->grouping(registry->self, NULL, "pick", &fixture->error));
    assert_int_equal(fixture->error.code, GALE_ERR_NOT_FOUND);
}

static void registry_module_gives_all_its_kinds(void **state)
{
    struct fixture *fixture = *state;
    struct registry *registry = fixture->registry;
    void *self = registry->self;
    assert_string_equal(find_bolt(fixture, "libgood.so", "echo")->name, "echo");
    assert_non_null(registry->spout(self, "libgood.so", "source", &fixture->error)->next);
    assert_non_null(registry->grouping(self, "libgood.so", "pick", &fixture->error)->choose);
    assert_non_null(registry->task_hooks(self, "good_trace", &fixture->error));
    assert_non_null(registry->worker_hooks(self, "good_pool", &fixture->error));
    assert_null(registry->task_hooks(self, "good_pool", &fixture->error));
    assert_int_equal(fixture->error.code, GALE_ERR_NOT_FOUND);
    assert_string_equal(registry->names(self, "libgood.so", 'b')[1], "drop");
    assert_null(registry->names(self, "libgood.so", 'b')[2]);
    assert_string_equal(registry->names(self, "libgood.so", 'g')[0], "pick");
    const struct gale_module *module = registry_module(registry, "libgood.so", &fixture->error);
    assert_string_equal(module->spouts[0]->name, "source");
    assert_null(module->spouts[1]);
    assert_null(module->topologies);
}

static void registry_module_without_the_name_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    check_refused(fixture, "libgood.so", GALE_ERR_NOT_FOUND, "has no bolt named \"any\"");
}

static void registry_same_file_by_two_paths_is_loaded_once(void **state)
{
    struct fixture *fixture = *state;
    const char *link_path = temporary("link.so");
    char path[4200];
    (void)snprintf(path, sizeof(path), "%s/libgood.so", modules_dir);
    assert_int_equal(symlink(path, link_path), 0);
    const struct gale_bolt_ops *echo = find_bolt(fixture, "libgood.so", "echo");
    assert_non_null(echo);
    assert_ptr_equal(find_bolt(fixture, link_path, "echo"), echo);
    struct registry *other = NULL;
    assert_int_equal(registry_new(NULL, NULL, NULL, &other), GALE_OK);
    assert_ptr_equal(other->bolt(other->self, path, "echo", &fixture->error), echo);
    registry_free(other);
}

static void registry_older_smaller_tables_are_filled_with_null(void **state)
{
    struct fixture *fixture = *state;
    struct registry *registry = fixture->registry;
    const struct gale_bolt_ops *old = find_bolt(fixture, "libold_small_struct.so", "old");
    assert_non_null(old);
    assert_int_equal(old->state_size, 24);
    assert_string_equal(old->fields, "a,b");
    assert_int_equal(old->execute(NULL, NULL, NULL), GALE_ERR_FAILED);
    assert_null(old->tick);
    assert_null(old->finish);
    assert_null(old->cleanup);
    const struct gale_module *module =
        registry_module(registry, "libold_small_struct.so", &fixture->error);
    assert_null(module->topologies);
    assert_null(module->spouts[0]);
}

static void registry_newer_larger_tables_are_accepted(void **state)
{
    struct fixture *fixture = *state;
    assert_non_null(find_bolt(fixture, "libnewer_struct.so", "newer"));
}

static void registry_other_abi_is_refused_with_one_sentence(void **state)
{
    struct fixture *fixture = *state;
    check_refused(fixture, "libwrong_abi.so", GALE_ERR_ABI,
                  "libwrong_abi.so was built for ABI 2, this gale has ABI 1: rebuild it "
                  "against the headers of gale 0.1");
    assert_null(strchr(fixture->error.text, '\n'));
    check_refused(fixture, "libwrong_abi_bolt.so", GALE_ERR_ABI, "bolt 1 was built for ABI 7");
}

static void registry_malformed_tables_are_refused(void **state)
{
    struct fixture *fixture = *state;
    check_refused(fixture, "libbad_magic.so", GALE_ERR_ABI, "is no Gale table");
    check_refused(fixture, "libno_execute.so", GALE_ERR_INVALID, "\"idle\" has no execute");
    check_refused(fixture, "libodd_size.so", GALE_ERR_ABI, "struct_size of 20");
    check_refused(fixture, "libtwice.so", GALE_ERR_EXISTS, "two bolts named \"same\"");
    check_refused(fixture, "libunresolved.so", GALE_ERR_IO, "nobody_has_this_function");
}

static void registry_object_without_table_is_refused_before_it_runs(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(unsetenv("GALE_TEST_CONSTRUCTOR_RAN"), 0);
    check_refused(fixture, "libno_table.so", GALE_ERR_NOT_FOUND, "does not export");
    assert_null(getenv("GALE_TEST_CONSTRUCTOR_RAN"));
}

static void registry_file_that_is_no_shared_object_is_refused(void **state)
{
    struct fixture *fixture = *state;
    FILE *out = fopen(temporary("text.so"), "w");
    assert_non_null(out);
    for (int i = 0; i < 100; i++) {
        (void)fprintf(out, "no shared object\n");
    }
    (void)fclose(out);
    check_refused(fixture, temporary("text.so"), GALE_ERR_CORRUPT, "is no shared object");
    check_refused(fixture, temporary("missing.so"), GALE_ERR_NOT_FOUND, "cannot be opened");
    check_refused(fixture, temporary_dir, GALE_ERR_INVALID, "no regular file");
    assert_int_equal(mkfifo(temporary("fifo.so"), 0600), 0);
    check_refused(fixture, temporary("fifo.so"), GALE_ERR_INVALID, "no regular file");
}

static void registry_module_cut_short_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {0, 10, 63, 64, 1000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        copy_module("libgood.so", temporary("cut.so"), sizes[i]);
        check_refused(fixture, temporary("cut.so"), GALE_ERR_CORRUPT, "cut.so is ");
    }
}

static void registry_module_for_another_machine_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *path = temporary("machine.so");
    copy_module("libgood.so", path, SIZE_MAX);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 18, SEEK_SET), 0); /* e_machine */
    (void)fputc(2, file);                           /* EM_SPARC */
    (void)fclose(file);
    check_refused(fixture, path, GALE_ERR_UNSUPPORTED, "another machine");
}

static void registry_module_that_everybody_may_write_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const char *path = temporary("open.so");
    copy_module("libgood.so", path, SIZE_MAX);
    assert_int_equal(chmod(path, 0666), 0);
    check_refused(fixture, path, GALE_ERR_INVALID, "chmod o-w");
}

static void add_scalar(struct gale_conf *map, const char *key, const char *text)
{
    assert_int_equal(conf_add_scalar(map, key, text, false, NULL), GALE_OK);
}

static struct gale_conf *add_map(struct gale_conf *parent, const char *key)
{
    struct gale_conf *map = NULL;
    assert_int_equal(conf_add_map(parent, key, &map), GALE_OK);
    return map;
}

/* A topology whose modules are named relative; `prefix` stands before each path. */
static struct gale_conf *module_tree(const char *prefix)
{
    char good[4300];
    char missing[4300];
    (void)snprintf(good, sizeof(good), "%slibgood.so", prefix);
    (void)snprintf(missing, sizeof(missing), "%slibmissing.so", prefix);
    struct gale_conf *tree = conf_new();
    add_scalar(tree, "name", "t");
    struct gale_conf *spout = add_map(add_map(tree, "spouts"), "s");
    add_scalar(spout, "module", good);
    add_scalar(spout, "spout", "source");
    add_scalar(add_map(spout, "extra"), "module", "left alone");
    struct gale_conf *sections = add_map(tree, "bolts");
    struct gale_conf *bolt = add_map(sections, "b");
    add_scalar(bolt, "module", missing);
    struct gale_conf *from = NULL;
    assert_int_equal(conf_add_list(bolt, "from", &from), GALE_OK);
    struct gale_conf *custom = add_map(add_map(add_map(from, NULL), "s"), "custom");
    add_scalar(custom, "module", good);
    add_scalar(custom, "grouping", "pick");
    add_scalar(from, NULL, "s");
    struct gale_conf *plain = add_map(sections, "c");
    custom = add_map(add_map(add_map(plain, "from"), "s"), "custom");
    add_scalar(custom, "module", good);
    return tree;
}

static void registry_resolve_makes_every_module_path_absolute(void **state)
{
    (void)state;
    char prefix[4200];
    char *real = realpath(modules_dir, NULL);
    assert_non_null(real);
    (void)snprintf(prefix, sizeof(prefix), "%s/", real);
    struct gale_conf *relative = module_tree("");
    struct gale_conf *absolute = module_tree(prefix);
    struct gale_conf *resolved = NULL;
    assert_int_equal(registry_resolve(real, relative, &resolved), GALE_OK);
    assert_true(conf_equal(resolved, absolute));
    assert_false(conf_equal(resolved, relative));
    struct gale_conf *again = NULL;
    assert_int_equal(registry_resolve("/nowhere", resolved, &again), GALE_OK);
    assert_true(conf_equal(again, absolute));
    conf_free(relative);
    conf_free(absolute);
    conf_free(resolved);
    conf_free(again);
    free(real);
}

static int group_setup(void **state)
{
    (void)state;
    const char *build = getenv("GALE_BUILD");
    if (build == NULL) {
        print_message("GALE_BUILD is not set: run this test by ctest\n");
        return 1;
    }
    (void)snprintf(modules_dir, sizeof(modules_dir), "%s/tests/modules", build);
    (void)snprintf(temporary_dir, sizeof(temporary_dir), "/tmp/gale-registry-XXXXXX");
    return mkdtemp(temporary_dir) != NULL ? 0 : 1;
}

static int group_teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"link.so", "text.so",    "fifo.so",
                                        "cut.so",  "machine.so", "open.so"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)unlink(temporary(files[i]));
    }
    return rmdir(temporary_dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(registry_built_in_names_are_found),
        TEST(registry_module_gives_all_its_kinds),
        TEST(registry_module_without_the_name_is_not_found),
        TEST(registry_same_file_by_two_paths_is_loaded_once),
        TEST(registry_older_smaller_tables_are_filled_with_null),
        TEST(registry_newer_larger_tables_are_accepted),
        TEST(registry_other_abi_is_refused_with_one_sentence),
        TEST(registry_malformed_tables_are_refused),
        TEST(registry_object_without_table_is_refused_before_it_runs),
        TEST(registry_file_that_is_no_shared_object_is_refused),
        TEST(registry_module_cut_short_is_refused),
        TEST(registry_module_for_another_machine_is_refused),
        TEST(registry_module_that_everybody_may_write_is_refused),
        TEST(registry_resolve_makes_every_module_path_absolute),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tables made of a module's description, which comes from a process that runs foreign code. */
#include "run/probe_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gale/module.h>

#include <cmocka.h>

static enum gale_err execute(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_err declare(struct gale_declare *description, const struct gale_conf *conf)
{
    (void)description;
    (void)conf;
    return GALE_OK;
}

static enum gale_err tick(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_OK;
}

static const struct gale_option options[] = {
    {"field", GALE_OPTION_FIELDS, true, NULL, "The field."},
    {"size", GALE_OPTION_SIZE, false, "1KiB", NULL},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};
static const struct gale_bolt_ops first = {
    GALE_BOLT_HEAD,   .name = "first",    .fields = "a,b", .options = options,
    .help = "Helps.", .execute = execute, .tick = tick};
static const struct gale_bolt_ops second = {GALE_BOLT_HEAD, .name = "second",
                                            .declare = declare, .execute = execute};
static const struct gale_grouping_ops pick = {
    .abi = GALE_ABI, .struct_size = sizeof(pick), .name = "pick"};
static const struct gale_bolt_ops *const bolts[] = {&first, &second, NULL};
static const struct gale_spout_ops *const spouts[] = {NULL};
static const struct gale_grouping_ops *const groupings[] = {&pick, NULL};
static const struct gale_task_hooks *const task_hooks[] = {NULL};
static const struct gale_worker_hooks *const worker_hooks[] = {NULL};
static const struct gale_module module = {.magic = GALE_MODULE_MAGIC,
                                          .abi = GALE_ABI,
                                          .struct_size = sizeof(module),
                                          .bolts = bolts,
                                          .spouts = spouts,
                                          .groupings = groupings,
                                          .task_hooks = task_hooks,
                                          .worker_hooks = worker_hooks};

static void probe_tables_of_a_description_equal_the_module(void **state)
{
    (void)state;
    bool bad = true;
    struct gale_conf *reply = conf_new();
    assert_int_equal(probe_describe(&module, reply), GALE_OK);
    struct probe_tables *tables = probe_tables_new(reply, &bad);
    assert_non_null(tables);
    assert_false(bad);
    const struct gale_module *made = probe_tables_module(tables);
    assert_string_equal(made->bolts[0]->name, "first");
    assert_string_equal(made->bolts[0]->fields, "a,b");
    assert_string_equal(made->bolts[0]->help, "Helps.");
    assert_null(made->bolts[0]->declare);
    assert_non_null(made->bolts[0]->tick);
    assert_null(made->bolts[0]->finish);
    assert_string_equal(made->bolts[0]->options[0].name, "field");
    assert_int_equal(made->bolts[0]->options[0].kind, GALE_OPTION_FIELDS);
    assert_true(made->bolts[0]->options[0].required);
    assert_null(made->bolts[0]->options[0].fallback);
    assert_string_equal(made->bolts[0]->options[1].fallback, "1KiB");
    assert_null(made->bolts[0]->options[1].help);
    assert_null(made->bolts[0]->options[2].name);
    assert_string_equal(made->bolts[1]->name, "second");
    assert_non_null(made->bolts[1]->declare);
    assert_null(made->bolts[1]->tick);
    assert_null(made->bolts[2]);
    assert_null(made->spouts[0]);
    assert_string_equal(probe_tables_names(tables, 'g')[0], "pick");
    assert_null(probe_tables_names(tables, 's')[0]);
    probe_tables_free(tables);
    conf_free(reply);
}

/* A description with one spout, or one option, made of these texts; NULL leaves a key out. */
static struct gale_conf *described(const char *name, const char *help, const char *option,
                                   int64_t kind)
{
    static const char *const lists[] = {"bolts", "groupings", "task_hooks", "worker_hooks"};
    struct gale_conf *reply = conf_new();
    struct gale_conf *list = NULL;
    struct gale_conf *item = NULL;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        assert_int_equal(conf_add_list(reply, lists[i], &list), GALE_OK);
    }
    assert_int_equal(conf_add_list(reply, "spouts", &list), GALE_OK);
    assert_int_equal(conf_add_map(list, NULL, &item), GALE_OK);
    assert_int_equal(probe_put_text(item, "name", name), GALE_OK);
    assert_int_equal(probe_put_text(item, "help", help), GALE_OK);
    assert_int_equal(conf_add_list(item, "options", &list), GALE_OK);
    if (option != NULL) {
        assert_int_equal(conf_add_map(list, NULL, &item), GALE_OK);
        assert_int_equal(probe_put_text(item, "name", option), GALE_OK);
        assert_int_equal(probe_put_int(item, "kind", kind), GALE_OK);
    }
    return reply;
}

/* Takes the description. */
static void check_bad(struct gale_conf *reply, bool expected)
{
    bool bad = false;
    struct probe_tables *tables = probe_tables_new(reply, &bad);
    assert_int_equal(bad, expected);
    assert_int_equal(tables == NULL, expected);
    probe_tables_free(tables);
    conf_free(reply);
}

static void probe_tables_refuse_what_is_no_description(void **state)
{
    (void)state;
    check_bad(described("good", "Helps.\nMuch.", "option", GALE_OPTION_ANY), false);
    check_bad(described(NULL, NULL, NULL, 0), true);
    check_bad(described("bad name", NULL, NULL, 0), true);
    check_bad(described("good", "\033[2J", NULL, 0), true);
    check_bad(described("good", NULL, "bad name", 0), true);
    check_bad(described("good", NULL, "option", GALE_OPTION_ANY + 1), true);
    check_bad(described("good", NULL, "option", -1), true);
    check_bad(conf_new(), true);
    struct gale_conf *map = conf_new();
    struct gale_conf *none = NULL;
    assert_int_equal(conf_add_map(map, "bolts", &none), GALE_OK);
    check_bad(map, true);
}

static void probe_tables_refuse_more_components_than_a_module_has(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct gale_conf *reply = described("good", NULL, NULL, 0);
        struct gale_conf *list = NULL;
        conf_remove(reply, "groupings");
        assert_int_equal(conf_add_list(reply, "groupings", &list), GALE_OK);
        for (size_t i = 0; i < PROBE_LIST_MAX + more; i++) {
            assert_int_equal(probe_put_text(list, NULL, "pick"), GALE_OK);
        }
        check_bad(reply, more == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_tables_of_a_description_equal_the_module),
        cmocka_unit_test(probe_tables_refuse_what_is_no_description),
        cmocka_unit_test(probe_tables_refuse_more_components_than_a_module_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

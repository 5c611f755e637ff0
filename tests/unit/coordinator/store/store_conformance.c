/* SPDX-License-Identifier: Apache-2.0 */
/* The store port's conformance suite; see store.h for what is asked of an adapter. */
#include "store_conformance.h"

#include "base/clock.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct store_factory *factory;
static struct store *store;
static struct buf value;

static int setup(void **state)
{
    (void)state;
    factory->make(factory->argument);
    store = factory->open(factory->argument);
    buf_init(&value, 0);
    return store ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    store->ops->close(store);
    buf_fini(&value);
    factory->destroy(factory->argument);
    return 0;
}

static void reopen(void)
{
    store->ops->close(store);
    store = factory->open(factory->argument);
    assert_non_null(store);
}

static enum gale_err create(const char *path, const char *text)
{
    return store->ops->create(store, path, text, strlen(text));
}

static enum gale_err set(const char *path, const char *text, int64_t version)
{
    return store->ops->set(store, path, text, strlen(text), version, NULL);
}

static void check_value(const char *path, const char *text, int64_t version)
{
    int64_t found = -2;
    assert_int_equal(store->ops->get(store, path, &value, &found), GALE_OK);
    assert_int_equal(value.size, strlen(text));
    assert_memory_equal(value.size ? (const void *)value.data : "", text, value.size);
    assert_int_equal(found, version);
}

static void check_missing(const char *path)
{
    assert_int_equal(store->ops->get(store, path, &value, NULL), GALE_ERR_NOT_FOUND);
    assert_int_equal(value.size, 0);
}

static void check_children(const char *path, const char *names, size_t size)
{
    assert_int_equal(store->ops->children(store, path, &value), GALE_OK);
    assert_int_equal(value.size, size);
    assert_memory_equal(size ? (const void *)value.data : "", names, size);
}

static void store_created_record_is_read_back(void **state)
{
    (void)state;
    assert_int_equal(create("/a", "one"), GALE_OK);
    check_value("/a", "one", 0);
    assert_int_equal(create("/a", "two"), GALE_ERR_EXISTS);
    check_value("/a", "one", 0);
    assert_int_equal(create("/empty", ""), GALE_OK);
    check_value("/empty", "", 0);
    assert_int_equal(store->ops->create(store, "/null", NULL, 0), GALE_OK);
    check_value("/null", "", 0);
    check_missing("/b");
}

static void store_bytes_of_any_kind_are_kept(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0, 255, 0, '\'', '%', 0x80, 0};
    assert_int_equal(store->ops->create(store, "/a", bytes, sizeof bytes), GALE_OK);
    assert_int_equal(store->ops->get(store, "/a", &value, NULL), GALE_OK);
    assert_int_equal(value.size, sizeof bytes);
    assert_memory_equal(value.data, bytes, sizeof bytes);
}

static void store_parent_must_exist(void **state)
{
    (void)state;
    assert_int_equal(create("/a/b", "x"), GALE_ERR_NOT_FOUND);
    assert_int_equal(create("/a", ""), GALE_OK);
    assert_int_equal(create("/a/b", "x"), GALE_OK);
    check_value("/a/b", "x", 0);
    assert_int_equal(create("/", "x"), GALE_ERR_EXISTS);
}

static void store_set_counts_versions(void **state)
{
    (void)state;
    int64_t version = -2;
    assert_int_equal(set("/a", "x", STORE_ANY_VERSION), GALE_ERR_NOT_FOUND);
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(store->ops->set(store, "/a", "y", 1, 0, &version), GALE_OK);
    assert_int_equal(version, 1);
    assert_int_equal(set("/a", "z", 0), GALE_ERR_STALE);
    assert_int_equal(set("/a", "z", 2), GALE_ERR_STALE);
    check_value("/a", "y", 1);
    assert_int_equal(store->ops->set(store, "/a", "z", 1, STORE_ANY_VERSION, &version),
                     GALE_OK);
    assert_int_equal(version, 2);
    check_value("/a", "z", 2);
}

static void store_removed_record_is_gone(void **state)
{
    (void)state;
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(create("/a/b", "x"), GALE_OK);
    assert_int_equal(store->ops->remove(store, "/a", STORE_ANY_VERSION), GALE_ERR_STATE);
    assert_int_equal(store->ops->remove(store, "/a/b", 1), GALE_ERR_STALE);
    assert_int_equal(store->ops->remove(store, "/a/b", 0), GALE_OK);
    assert_int_equal(store->ops->remove(store, "/a/b", 0), GALE_ERR_NOT_FOUND);
    assert_int_equal(store->ops->remove(store, "/a", STORE_ANY_VERSION), GALE_OK);
    check_missing("/a");
    assert_int_equal(create("/a", "again"), GALE_OK);
    check_value("/a", "again", 0);
}

static void store_children_are_sorted_and_direct(void **state)
{
    (void)state;
    check_children("/", "", 0);
    assert_int_equal(store->ops->children(store, "/a", &value), GALE_ERR_NOT_FOUND);
    assert_int_equal(create("/a", ""), GALE_OK);
    assert_int_equal(create("/a/z", ""), GALE_OK);
    assert_int_equal(create("/a/b.10", ""), GALE_OK);
    assert_int_equal(create("/a/B", ""), GALE_OK);
    assert_int_equal(create("/a/z/deep", ""), GALE_OK);
    assert_int_equal(create("/ab", ""), GALE_OK);
    check_children("/a", "B\0b.10\0z", sizeof "B\0b.10\0z");
    check_children("/", "a\0ab", sizeof "a\0ab");
    check_children("/a/b.10", "", 0);
}

static void store_multi_is_all_or_nothing(void **state)
{
    (void)state;
    size_t failed = 99;
    assert_int_equal(create("/epoch", "1"), GALE_OK);
    const struct store_op good[] = {
        {STORE_OP_CHECK, "/epoch", NULL, 0, 0},
        {STORE_OP_CREATE, "/a", "x", 1, STORE_ANY_VERSION},
        {STORE_OP_CREATE, "/a/b", "y", 1, STORE_ANY_VERSION},
        {STORE_OP_SET, "/a", "z", 1, 0},
    };
    assert_int_equal(store->ops->multi(store, good, 4, &failed), GALE_OK);
    check_value("/a", "z", 1);
    check_value("/a/b", "y", 0);
    assert_int_equal(set("/epoch", "2", 0), GALE_OK);
    const struct store_op fenced[] = {
        {STORE_OP_DELETE, "/a/b", NULL, 0, STORE_ANY_VERSION},
        {STORE_OP_SET, "/a", "late", 4, STORE_ANY_VERSION},
        {STORE_OP_CHECK, "/epoch", NULL, 0, 0},
        {STORE_OP_CREATE, "/never", "", 0, STORE_ANY_VERSION},
    };
    assert_int_equal(store->ops->multi(store, fenced, 4, &failed), GALE_ERR_STALE);
    assert_int_equal(failed, 2);
    check_value("/a", "z", 1);
    check_value("/a/b", "y", 0);
    check_missing("/never");
    const struct store_op twice[] = {
        {STORE_OP_CREATE, "/c", "", 0, STORE_ANY_VERSION},
        {STORE_OP_CREATE, "/c", "", 0, STORE_ANY_VERSION},
    };
    assert_int_equal(store->ops->multi(store, twice, 2, &failed), GALE_ERR_EXISTS);
    assert_int_equal(failed, 1);
    check_missing("/c");
}

static void store_values_up_to_the_limit_are_kept(void **state)
{
    (void)state;
    char *large = calloc(1, STORE_VALUE_MAX + 1);
    assert_non_null(large);
    memset(large, 'x', STORE_VALUE_MAX + 1);
    assert_int_equal(store->ops->create(store, "/a", large, STORE_VALUE_MAX), GALE_OK);
    assert_int_equal(store->ops->create(store, "/b", large, STORE_VALUE_MAX + 1),
                     GALE_ERR_LIMIT);
    assert_int_equal(
        store->ops->set(store, "/a", large, STORE_VALUE_MAX + 1, STORE_ANY_VERSION, NULL),
        GALE_ERR_LIMIT);
    assert_int_equal(store->ops->get(store, "/a", &value, NULL), GALE_OK);
    assert_int_equal(value.size, STORE_VALUE_MAX);
    assert_memory_equal(value.data, large, STORE_VALUE_MAX);
    check_missing("/b");
    free(large);
}

static void store_malformed_paths_are_refused(void **state)
{
    (void)state;
    char part[131];
    memset(part, 'a', sizeof part);
    part[0] = '/';
    part[130] = '\0';
    const char *const paths[] = {"",    "a",    "//",        "/a/", "/a//b", "/a b", "/.",
                                 "/..", "/a/.", "/\xc3\xa4", "/a'", "/a%",   "/a\n", part};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(create(paths[i], ""), GALE_ERR_INVALID);
        assert_int_equal(store->ops->get(store, paths[i], &value, NULL), GALE_ERR_INVALID);
        assert_int_equal(set(paths[i], "", STORE_ANY_VERSION), GALE_ERR_INVALID);
        assert_int_equal(store->ops->children(store, paths[i], &value), GALE_ERR_INVALID);
        assert_int_equal(store->ops->remove(store, paths[i], STORE_ANY_VERSION),
                         GALE_ERR_INVALID);
    }
    part[129] = '\0';
    assert_int_equal(create(part, ""), GALE_OK);
    assert_int_equal(store->ops->remove(store, "/", STORE_ANY_VERSION), GALE_ERR_INVALID);
}

static void store_path_depth_is_bounded(void **state)
{
    (void)state;
    char path[64] = "";
    for (int depth = 1; depth <= 16; depth++) {
        strcat(path, "/d");
        assert_int_equal(create(path, ""), GALE_OK);
    }
    strcat(path, "/d");
    assert_int_equal(create(path, ""), GALE_ERR_INVALID);
}

static int fired;

static void on_change(void *argument, const char *path)
{
    assert_string_equal(path, argument);
    fired++;
}

static void on_change_again(void *argument, const char *path)
{
    on_change(argument, path);
    assert_int_equal(store->ops->watch(store, path, on_change_again, argument), GALE_OK);
}

/* Adapters may fire without a change, so only the firing after one is asked for. */
static void store_watch_fires_once_from_poll(void **state)
{
    (void)state;
    char path[] = "/a";
    assert_int_equal(store->ops->watch(store, path, on_change, path), GALE_OK);
    fired = 0;
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(fired, 0);
    store->ops->poll(store);
    assert_int_equal(fired, 1);
    assert_int_equal(set("/a", "y", STORE_ANY_VERSION), GALE_OK);
    store->ops->poll(store);
    assert_int_equal(fired, 1);
    assert_int_equal(store->ops->watch(store, path, on_change, path), GALE_OK);
    assert_int_equal(create("/a/child", ""), GALE_OK);
    store->ops->poll(store);
    assert_int_equal(fired, 2);
    assert_int_equal(store->ops->watch(store, "no path", on_change, path), GALE_ERR_INVALID);
}

static void store_watch_set_again_in_its_call_fires_for_the_next_change(void **state)
{
    (void)state;
    char path[] = "/a";
    fired = 0;
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(store->ops->watch(store, path, on_change_again, path), GALE_OK);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(set("/a", "y", STORE_ANY_VERSION), GALE_OK);
        store->ops->poll(store);
        assert_int_equal(fired, i);
    }
    assert_int_equal(store->ops->remove(store, "/a", STORE_ANY_VERSION), GALE_OK);
    store->ops->poll(store);
    assert_int_equal(fired, 4);
}

static void store_reopened_has_kept_everything(void **state)
{
    (void)state;
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_int_equal(create("/a/b", "y"), GALE_OK);
    assert_int_equal(create("/gone", "y"), GALE_OK);
    assert_int_equal(set("/a", "z", 0), GALE_OK);
    assert_int_equal(store->ops->remove(store, "/gone", 0), GALE_OK);
    reopen();
    check_value("/a", "z", 1);
    check_value("/a/b", "y", 0);
    check_missing("/gone");
    check_children("/", "a", 2);
    assert_int_equal(set("/a", "more", 1), GALE_OK);
    reopen();
    check_value("/a", "more", 2);
}

static bool readable(void)
{
    struct pollfd wait = {.fd = store->ops->fd(store), .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
}

static void store_watch_makes_the_descriptor_readable(void **state)
{
    (void)state;
    char path[] = "/a";
    fired = 0;
    assert_int_equal(store->ops->watch(store, path, on_change, path), GALE_OK);
    assert_int_equal(create("/a", "x"), GALE_OK);
    assert_true(readable());
    store->ops->poll(store);
    assert_int_equal(fired, 1);
}

static void store_multi_is_bounded(void **state)
{
    (void)state;
    struct store_op ops[STORE_OPS_MAX + 1];
    char names[STORE_OPS_MAX + 1][16];
    char *large = calloc(1, STORE_VALUE_MAX);
    size_t failed;
    assert_non_null(large);
    for (size_t i = 0; i <= STORE_OPS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "/n%zu", i);
        ops[i] = (struct store_op){STORE_OP_CREATE, names[i], "x", 1, STORE_ANY_VERSION};
    }
    assert_int_equal(store->ops->multi(store, ops, STORE_OPS_MAX + 1, &failed), GALE_ERR_LIMIT);
    check_missing("/n0");
    assert_int_equal(store->ops->multi(store, ops, STORE_OPS_MAX, &failed), GALE_OK);
    check_value(names[STORE_OPS_MAX - 1], "x", 0);
    for (size_t i = 0; i < 3; i++) {
        ops[i] = (struct store_op){STORE_OP_SET, names[i], large, STORE_VALUE_MAX, 0};
    }
    assert_int_equal(store->ops->multi(store, ops, 3, &failed), GALE_ERR_LIMIT);
    check_value("/n0", "x", 0);
    assert_int_equal(store->ops->multi(store, ops, STORE_MULTI_MAX / STORE_VALUE_MAX, &failed),
                     GALE_OK);
    free(large);
}

static void store_session_is_connected_and_named(void **state)
{
    (void)state;
    struct store_session session;
    store->ops->session(store, &session);
    assert_true(session.generation > 0);
    assert_true(session.connected);
    assert_int_equal(store_session_link(&session, clock_now_ns()), STORE_CONNECTED);
}

static void store_joined_record_ends_with_the_session(void **state)
{
    (void)state;
    assert_int_equal(create("/hosts", ""), GALE_OK);
    assert_int_equal(store->ops->join(store, "/hosts/a", "here", 4), GALE_OK);
    check_value("/hosts/a", "here", 0);
    assert_int_equal(store->ops->join(store, "/hosts/a", "here", 4), GALE_ERR_EXISTS);
    assert_int_equal(store->ops->join(store, "/none/a", "here", 4), GALE_ERR_NOT_FOUND);
    assert_int_equal(create("/hosts/a/child", ""), GALE_ERR_STATE);
    assert_int_equal(set("/hosts/a", "still", 0), GALE_OK);
    reopen();
    check_missing("/hosts/a");
    check_children("/", "hosts", 6);
    assert_int_equal(store->ops->join(store, "/hosts/a", "again", 5), GALE_OK);
    check_value("/hosts/a", "again", 0);
    assert_int_equal(store->ops->remove(store, "/hosts/a", 0), GALE_OK);
    assert_int_equal(create("/hosts/a", "for good"), GALE_OK);
    reopen();
    check_value("/hosts/a", "for good", 0);
}

static void store_joined_records_are_few(void **state)
{
    (void)state;
    char path[16];
    for (int i = 0; i < STORE_EPHEMERALS_MAX; i++) {
        snprintf(path, sizeof path, "/e%d", i);
        assert_int_equal(store->ops->join(store, path, "", 0), GALE_OK);
    }
    assert_int_equal(store->ops->join(store, "/more", "", 0), GALE_ERR_LIMIT);
    check_missing("/more");
    assert_int_equal(store->ops->remove(store, "/e0", 0), GALE_OK);
    assert_int_equal(store->ops->join(store, "/more", "", 0), GALE_OK);
}

static void store_enlisted_candidates_are_numbered_once_each(void **state)
{
    (void)state;
    char first[STORE_NAME_SIZE], again[STORE_NAME_SIZE], second[STORE_NAME_SIZE];
    char path[STORE_NAME_SIZE + 16];
    assert_int_equal(create("/coordinators", ""), GALE_OK);
    assert_int_equal(store->ops->enlist(store, "/coordinators", "bb", "x", 1, first), GALE_OK);
    assert_int_equal(store->ops->enlist(store, "/coordinators", "aa", "y", 1, second), GALE_OK);
    assert_int_equal(store->ops->enlist(store, "/coordinators", "bb", "x", 1, again), GALE_OK);
    assert_string_equal(first, again);
    assert_int_equal(strlen(first), strlen("bb-0123456789"));
    assert_memory_equal(first, "bb-", 3);
    assert_true(strtol(strrchr(second, '-') + 1, NULL, 10) >
                strtol(strrchr(first, '-') + 1, NULL, 10));
    snprintf(path, sizeof path, "/coordinators/%s", first);
    check_value(path, "x", 0);
    assert_int_equal(store->ops->enlist(store, "/coordinators", "a/b", "", 0, again),
                     GALE_ERR_INVALID);
    assert_int_equal(store->ops->enlist(store, "/none", "aa", "", 0, again),
                     GALE_ERR_NOT_FOUND);
    reopen();
    check_children("/coordinators", "", 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int store_conformance(const struct store_factory *given)
{
    factory = given;
    const struct CMUnitTest tests[] = {
        CASE(store_created_record_is_read_back),
        CASE(store_bytes_of_any_kind_are_kept),
        CASE(store_parent_must_exist),
        CASE(store_set_counts_versions),
        CASE(store_removed_record_is_gone),
        CASE(store_children_are_sorted_and_direct),
        CASE(store_multi_is_all_or_nothing),
        CASE(store_values_up_to_the_limit_are_kept),
        CASE(store_malformed_paths_are_refused),
        CASE(store_path_depth_is_bounded),
        CASE(store_watch_fires_once_from_poll),
        CASE(store_watch_set_again_in_its_call_fires_for_the_next_change),
        CASE(store_reopened_has_kept_everything),
        CASE(store_watch_makes_the_descriptor_readable),
        CASE(store_multi_is_bounded),
        CASE(store_session_is_connected_and_named),
        CASE(store_joined_record_ends_with_the_session),
        CASE(store_joined_records_are_few),
        CASE(store_enlisted_candidates_are_numbered_once_each),
    };
    return cmocka_run_group_tests_name("store conformance", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of where the command line looks for a cluster: order, limits, what is remembered, the sentence
 * about it, and whether somebody listens. */
#include "cli/cluster_address.h"

#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char dir[64];
    struct config *config;
    struct cluster_addresses addresses;
};

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
    (void)stat;
    (void)kind;
    (void)where;
    return remove(path);
}

/* Settings of a command line alone: nothing of this machine counts. */
static void set_up(struct fixture *it, const char *coordinators, const char *zookeeper)
{
    const struct config_flag flags[] = {
        {"coordinator.addresses", coordinators, "coordinator"},
        {"zookeeper.servers", zookeeper, "zookeeper"},
    };
    const struct config_options options = {
        .flags = flags, .flags_count = 2, .etc = "/nonexistent"};
    struct diag diag;
    memset(it, 0, sizeof *it);
    strcpy(it->dir, "/tmp/gale-address-XXXXXX");
    assert_non_null(mkdtemp(it->dir));
    assert_int_equal(setenv("XDG_CACHE_HOME", it->dir, 1), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", it->dir, 1), 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", it->dir, 1), 0);
    unsetenv("GALE_CONFIG");
    unsetenv("GALE_COORDINATOR_ADDRESSES");
    unsetenv("GALE_COORDINATOR_LISTEN");
    unsetenv("GALE_ZOOKEEPER_SERVERS");
    diag_init(&diag);
    assert_int_equal(config_load(&options, &diag, &it->config), GALE_OK);
    diag_fini(&diag);
    cluster_addresses_init(&it->addresses, it->config);
}

static void tear_down(struct fixture *it)
{
    config_free(it->config);
    assert_int_equal(nftw(it->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void addresses_of_the_command_line_stand_alone(void **state)
{
    (void)state;
    struct fixture it;
    set_up(&it, "tcp://127.0.0.1:1,tcp://127.0.0.1:2", NULL);
    assert_int_equal(it.addresses.count, 2);
    assert_string_equal(it.addresses.items[0].endpoint, "tcp://127.0.0.1:1");
    assert_string_equal(it.addresses.items[1].endpoint, "tcp://127.0.0.1:2");
    assert_string_equal(it.addresses.zookeeper, "");
    tear_down(&it);
    set_up(&it, NULL, "127.0.0.1:3/gale");
    assert_int_equal(it.addresses.count, 0);
    assert_string_equal(it.addresses.zookeeper, "127.0.0.1:3/gale");
    tear_down(&it);
}

static void addresses_without_settings_are_local(void **state)
{
    (void)state;
    struct fixture it;
    set_up(&it, NULL, NULL);
    assert_int_equal(it.addresses.count, 2);
    assert_memory_equal(it.addresses.items[0].endpoint, "ipc://", 6);
    assert_string_equal(it.addresses.items[0].result, "no `gale dev` runs here");
    assert_memory_equal(it.addresses.items[1].endpoint, "tcp://", 6);
    assert_non_null(strstr(it.addresses.hint, "`gale dev`"));
    tear_down(&it);
}

static void addresses_remember_the_leader_for_these_settings(void **state)
{
    (void)state;
    struct fixture it;
    struct cluster_addresses again;
    set_up(&it, "tcp://127.0.0.1:1", NULL);
    cluster_addresses_remember(&it.addresses, "tcp://127.0.0.1:9");
    cluster_addresses_init(&again, it.config);
    assert_int_equal(again.count, 2);
    assert_string_equal(again.items[0].endpoint, "tcp://127.0.0.1:9");
    assert_string_equal(again.items[1].endpoint, "tcp://127.0.0.1:1");
    assert_int_equal(access(again.cache, R_OK), 0);
    tear_down(&it);
    set_up(&it, "tcp://127.0.0.1:2", NULL);
    assert_string_not_equal(it.addresses.cache, again.cache);
    tear_down(&it);
}

static void addresses_beyond_the_limit_replace_the_last(void **state)
{
    (void)state;
    struct fixture it;
    char endpoint[64];
    set_up(&it, "tcp://127.0.0.1:1", NULL);
    for (int i = 0; i < 2 * CLUSTER_CANDIDATES_MAX; i++) {
        snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", 100 + i);
        int index = cluster_addresses_add(&it.addresses, endpoint);
        assert_true(index >= 0 && index < CLUSTER_CANDIDATES_MAX);
        assert_string_equal(it.addresses.items[index].endpoint, endpoint);
        assert_int_equal(cluster_addresses_add(&it.addresses, endpoint), index);
    }
    assert_int_equal(it.addresses.count, CLUSTER_CANDIDATES_MAX);
    assert_string_equal(it.addresses.items[0].endpoint, "tcp://127.0.0.1:1");
    assert_int_equal(cluster_addresses_add(&it.addresses, ""), -1);
    tear_down(&it);
}

static void explain_names_each_try_and_never_overruns(void **state)
{
    (void)state;
    struct fixture it;
    char text[512];
    set_up(&it, "tcp://127.0.0.1:1,tcp://127.0.0.1:2", NULL);
    strcpy(it.addresses.items[0].result, "connection refused");
    cluster_addresses_explain(&it.addresses, text, sizeof text);
    assert_string_equal(text,
                        "no cluster answers: tried tcp://127.0.0.1:1 (connection refused), "
                        "tcp://127.0.0.1:2 (not yet)");
    for (size_t size = 1; size < 100; size++) {
        memset(text, 'x', sizeof text);
        cluster_addresses_explain(&it.addresses, text, size);
        assert_true(memchr(text, '\0', size) != NULL);
        assert_int_equal(text[size], 'x');
    }
    tear_down(&it);
}

static void reaches_tells_a_listener_from_none(void **state)
{
    (void)state;
    char endpoint[64], why[96] = "";
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    assert_false(cluster_reaches(endpoint, 1000, why, sizeof why));
    assert_string_equal(why, "connection refused");
    assert_int_equal(listen(fd, 1), 0);
    assert_true(cluster_reaches(endpoint, 1000, why, sizeof why));
    close(fd);
    const char *const wrong[] = {"",
                                 "tcp://",
                                 "tcp://x",
                                 "ipc://",
                                 "ipc:///nonexistent/socket",
                                 "http://127.0.0.1:1",
                                 "tcp://[::1:5",
                                 "tcp://127.0.0.1:port"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        why[0] = '\0';
        assert_false(cluster_reaches(wrong[i], 100, why, sizeof why));
        assert_true(strlen(why) > 0);
    }
    char path[300] = "ipc:///";
    memset(path + 7, 'a', 250);
    assert_false(cluster_reaches(path, 100, why, sizeof why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_command_line_stand_alone),
        cmocka_unit_test(addresses_without_settings_are_local),
        cmocka_unit_test(addresses_remember_the_leader_for_these_settings),
        cmocka_unit_test(addresses_beyond_the_limit_replace_the_last),
        cmocka_unit_test(explain_names_each_try_and_never_overruns),
        cmocka_unit_test(reaches_tells_a_listener_from_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

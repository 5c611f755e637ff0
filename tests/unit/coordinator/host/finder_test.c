/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/finder: lists, the file, and a look at servers that do not answer.
 * Labels: threads */
#include "host/finder.h"

#include "host/supervisor_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct config *load(const char *key, const char *value)
{
    struct config_flag flags[] = {{.key = key, .value = value, .option = "set"}};
    struct config_options options = {.flags = flags, .flags_count = 1, .etc = "/nowhere"};
    struct config *config = NULL;
    struct diag diag;
    diag_init(&diag);
    assert_int_equal(config_load(&options, &diag, &config), GALE_OK);
    diag_fini(&diag);
    return config;
}

static void finder_takes_addresses_once_and_nothing_else(void **state)
{
    (void)state;
    struct finder_list list = {.count = 0};
    assert_true(finder_add(&list, "tcp://10.0.0.1:7410"));
    assert_false(finder_add(&list, "tcp://10.0.0.1:7410"));
    assert_true(finder_add(&list, "ipc:///run/gale/rpc"));
    static const char *const wrong[] = {"",          "10.0.0.1:7410",      "http://a:1",
                                        "ipc://rel", "tcp://a:1\ntcp://b", "tcp://a:*"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(finder_add(&list, wrong[i]));
    }
    for (int i = 0; i < FINDER_ADDRESSES_MAX; i++) {
        char address[32];
        snprintf(address, sizeof(address), "tcp://h%d:1", i);
        (void)finder_add(&list, address);
    }
    assert_int_equal(list.count, FINDER_ADDRESSES_MAX);
}

static void finder_reads_the_configuration(void **state)
{
    (void)state;
    struct finder_list list = {.count = 0};
    struct config *config = load("coordinator.addresses", "a:1,tcp://b:2");
    assert_int_equal(finder_add_fixed(&list, config), 2);
    assert_string_equal(list.at[0], "tcp://a:1");
    assert_string_equal(list.at[1], "tcp://b:2");
    assert_false(finder_has_store(config));
    struct gale_error error = {0};
    assert_int_equal(finder_look(config, 100, &list, &error), GALE_ERR_STATE);
    assert_non_null(strstr(error.text, "zookeeper.servers"));
    config_free(config);
}

static void finder_file_comes_back_and_nonsense_in_it_is_left_out(void **state)
{
    (void)state;
    char dir[] = "/tmp/gale-finder-XXXXXX";
    char path[64];
    struct finder_list list = {.count = 0};
    struct finder_list back = {.count = 0};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/candidates", dir);
    assert_int_equal(finder_load(&back, path), 0); /* There is none. */
    assert_true(finder_add(&list, "tcp://a:1"));
    assert_true(finder_add(&list, "tcp://b:2"));
    assert_int_equal(finder_save(&list, path), GALE_OK);
    assert_int_equal(finder_load(&back, path), 2);
    assert_string_equal(back.at[1], "tcp://b:2");
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    fputs("\nrubbish\ntcp://c:3", file);
    for (int i = 0; i < 1000; i++) {
        fputc('x', file);
    }
    fclose(file);
    back.count = 0;
    assert_int_equal(finder_load(&back, path), 2);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(finder_save(&list, "/nowhere/at/all"), GALE_ERR_IO);
}

static void finder_look_in_a_thread_ends_with_its_error(void **state)
{
    (void)state;
    struct config *config = load("zookeeper.servers", "127.0.0.1:9");
    struct finder_list list = {.count = 0};
    struct gale_error error = {0};
    struct loop *loop;
    struct finder *finder;
    assert_true(finder_has_store(config));
    assert_int_equal(loop_new(&loop, &error), GALE_OK);
    assert_int_equal(finder_new(config, loop, &finder), GALE_OK);
    assert_int_equal(finder_take(finder, &list, &error), GALE_ERR_AGAIN);
    assert_int_equal(finder_begin(finder, 200), GALE_OK);
    assert_int_equal(finder_begin(finder, 200), GALE_OK); /* The same one. */
    enum gale_err err;
    while ((err = finder_take(finder, &list, &error)) == GALE_ERR_AGAIN) {
        loop_run_once(loop, INT64_C(20000000000));
    }
    assert_int_equal(err, GALE_ERR_TIMEOUT);
    assert_true(error.text[0] != '\0');
    assert_int_equal(finder_take(finder, &list, &error), GALE_ERR_AGAIN);
    assert_int_equal(finder_begin(finder, 200), GALE_OK);
    finder_free(finder); /* One under way is waited for. */
    loop_free(loop);
    config_free(config);
}

static void address_of_every_interface_is_replaced(void **state)
{
    (void)state;
    char out[HOST_ENDPOINT_SIZE];
    supervisor_advertise("tcp://127.0.0.1:5", "10.0.0.7", out, sizeof(out));
    assert_string_equal(out, "tcp://127.0.0.1:5");
    supervisor_advertise("tcp://0.0.0.0:5", "10.0.0.7", out, sizeof(out));
    assert_string_equal(out, "tcp://10.0.0.7:5");
    supervisor_advertise("tcp://[::]:5", "h7.example", out, sizeof(out));
    assert_string_equal(out, "tcp://h7.example:5");
    supervisor_advertise("tcp://0.0.0.0:5", "lo", out, sizeof(out));
    assert_string_equal(out, "tcp://127.0.0.1:5");
    supervisor_advertise("ipc:///run/x", "lo", out, sizeof(out));
    assert_string_equal(out, "ipc:///run/x");
}

static void address_must_be_of_this_host(void **state)
{
    (void)state;
    static const char *const wrong[] = {"nowhere0", "192.0.2.1", "*", "0.0.0.0"};
    struct gale_error error;
    assert_int_equal(supervisor_address_check("127.0.0.1", &error), GALE_OK);
    assert_int_equal(supervisor_address_check("lo", &error), GALE_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(supervisor_address_check(wrong[i], &error), GALE_ERR_INVALID);
        assert_non_null(strstr(error.text, wrong[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finder_takes_addresses_once_and_nothing_else),
        cmocka_unit_test(finder_reads_the_configuration),
        cmocka_unit_test(finder_file_comes_back_and_nonsense_in_it_is_left_out),
        cmocka_unit_test(finder_look_in_a_thread_ends_with_its_error),
        cmocka_unit_test(address_of_every_interface_is_replaced),
        cmocka_unit_test(address_must_be_of_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

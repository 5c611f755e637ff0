/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of where `gale dev` lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/dev_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct config *load(const char *dir)
{
    const struct config_flag flag = {"dev.dir", dir, "dir"};
    const struct config_options options = {.flags = &flag, .flags_count = 1, .etc = "/nowhere"};
    struct config *config = NULL;
    struct diag diag;
    diag_init(&diag);
    assert_int_equal(config_load(&options, &diag, &config), GALE_OK);
    diag_fini(&diag);
    return config;
}

static int setup(void **state)
{
    (void)state;
    setenv("XDG_CONFIG_HOME", "/nowhere", 1);
    setenv("HOME", "/home/ann", 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("GALE_CONFIG");
    unsetenv("GALE_DEV_DIR");
    return 0;
}

static void dev_place_nothing_given_is_of_the_user(void **state)
{
    (void)state;
    struct dev_place place;
    char sockets[64];
    struct config *config = load(NULL);
    assert_int_equal(dev_place_find(config, &place, NULL), GALE_OK);
    snprintf(sockets, sizeof sockets, "/tmp/gale-dev-%u", (unsigned)geteuid());
    assert_string_equal(place.state, "/home/ann/.local/state/gale/dev");
    assert_string_equal(place.sockets, sockets);
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    setenv("XDG_STATE_HOME", "/var/ann", 1);
    assert_int_equal(dev_place_find(config, &place, NULL), GALE_OK);
    assert_string_equal(place.state, "/var/ann/gale/dev");
    assert_string_equal(place.sockets, "/run/user/7/gale-dev");
    assert_string_equal(place.rpc, "ipc:///run/user/7/gale-dev/rpc");
    assert_string_equal(place.control, "ipc:///run/user/7/gale-dev/control");
    assert_string_equal(place.host_rpc, "ipc:///run/user/7/gale-dev/host");
    config_free(config);
}

static void dev_place_without_home_is_an_error(void **state)
{
    (void)state;
    struct dev_place place;
    struct gale_error error;
    unsetenv("HOME");
    struct config *config = load(NULL);
    assert_int_equal(dev_place_find(config, &place, &error), GALE_ERR_INVALID);
    assert_non_null(strstr(error.text, "HOME"));
    config_free(config);
}

static void dev_place_of_long_path_is_an_error(void **state)
{
    (void)state;
    struct dev_place place;
    struct gale_error error;
    char path[DEV_SOCKETS_MAX + 1] = "/";
    memset(path + 1, 'a', DEV_SOCKETS_MAX - 1);
    path[DEV_SOCKETS_MAX] = '\0';
    struct config *config = load(path);
    assert_int_equal(dev_place_find(config, &place, &error), GALE_ERR_INVALID);
    config_free(config);
    path[DEV_SOCKETS_MAX - 1] = '\0';
    config = load(path);
    assert_int_equal(dev_place_find(config, &place, &error), GALE_OK);
    assert_string_equal(place.state, place.sockets);
    config_free(config);
}

static void dev_place_runs_only_with_a_socket_that_is_ours(void **state)
{
    (void)state;
    struct dev_place place;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/gale-dev-place-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct config *config = load(folder);
    assert_int_equal(dev_place_find(config, &place, NULL), GALE_OK);
    assert_false(dev_place_runs(&place));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/rpc", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(dev_place_runs(&place));
    /* In a directory that others may write to, the socket could be anybody's. */
    assert_int_equal(chmod(folder, 0777), 0);
    assert_false(dev_place_runs(&place));
    close(fd);
    unlink(address.sun_path);
    rmdir(folder);
    assert_false(dev_place_runs(&place));
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(dev_place_nothing_given_is_of_the_user, setup),
        cmocka_unit_test_setup(dev_place_without_home_is_an_error, setup),
        cmocka_unit_test_setup(dev_place_of_long_path_is_an_error, setup),
        cmocka_unit_test_setup(dev_place_runs_only_with_a_socket_that_is_ours, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the settings: the order of their sources, their kinds, and what is said of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

/* What one loading gave. */
static struct diag diag;
static struct config *config;

static void write_text(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    char path[128];
    snprintf(folder, sizeof folder, "/tmp/gale-config-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/etc", folder);
    int failed = mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/etc/conf.d", folder);
    failed |= mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/gale", folder);
    failed |= mkdir(path, 0700);
    for (size_t i = 0; i < config_keys_count(); i++) {
        char variable[64];
        config_key_variable(config_key_at(i), variable, sizeof variable);
        unsetenv(variable);
    }
    unsetenv("GALE_CONFIG");
    setenv("XDG_CONFIG_HOME", folder, 1);
    diag_init(&diag);
    return failed;
}

static int teardown(void **state)
{
    (void)state;
    config_free(config);
    config = NULL;
    diag_fini(&diag);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static enum gale_err load_flags(const char *file, const struct config_flag *flags, size_t count)
{
    char etc[96];
    char named[128];
    snprintf(etc, sizeof etc, "%s/etc", folder);
    snprintf(named, sizeof named, "%s/%s", folder, file != NULL ? file : "");
    const struct config_options options = {
        .file = file != NULL ? named : NULL, .flags = flags, .flags_count = count, .etc = etc};
    config_free(config);
    diag_fini(&diag);
    diag_init(&diag);
    return config_load(&options, &diag, &config);
}

static enum gale_err load(void)
{
    return load_flags(NULL, NULL, 0);
}

/* The file of /etc is refused with one error of this code in this line, whose text and hint hold
 * these words. */
static void assert_refused(const char *text, enum diag_code code, uint32_t line,
                           const char *words, const char *hint)
{
    write_text("etc/gale.yaml", text);
    assert_int_equal(load(), GALE_ERR_INVALID);
    assert_null(config);
    assert_int_equal(diag.errors_count, 1);
    assert_int_equal(diag.items[0].code, code);
    assert_int_equal(diag.items[0].place.line, line);
    if (strstr(diag.items[0].text, words) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", diag.items[0].text, words);
    }
    if (strstr(diag.items[0].hint, hint) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", diag.items[0].hint, hint);
    }
}

static void assert_origin_ends(const char *key, const char *end)
{
    const char *origin = config_origin(config, key);
    size_t size = strlen(end);
    if (strlen(origin) < size || strcmp(origin + strlen(origin) - size, end) != 0) {
        fail_msg("%s comes from \"%s\", not from \"…%s\"", key, origin, end);
    }
}

static void config_nothing_given_has_defaults(void **state)
{
    (void)state;
    assert_int_equal(load(), GALE_OK);
    assert_string_equal(config_text(config, "coordinator.listen"), "tcp://127.0.0.1:7410");
    assert_string_equal(config_origin(config, "coordinator.listen"), "built in");
    assert_false(config_given(config, "coordinator.listen"));
    assert_int_equal(config_duration_ms(config, "zookeeper.session"), 10000);
    assert_int_equal(config_duration_ms(config, "host_timeout"), 1500);
    assert_int_equal(config_int(config, "supervisor.slots"), 64);
    assert_int_equal(config_size(config, "supervisor.memory"), 0);
    assert_false(config_bool(config, "log.json"));
    assert_int_equal(config_list_count(config, "zookeeper.servers"), 0);
    assert_null(config_list_at(config, "zookeeper.servers", 0));
    assert_true(strlen(config_text(config, "supervisor.name")) > 0);
    assert_null(config_file_at(config, 0));
}

static void config_every_source_wins_over_the_one_before(void **state)
{
    (void)state;
    const struct config_flag flags[] = {{"log.level", "error", "log-level"},
                                        {"log.json", NULL, "log-json"}};
    write_text("etc/gale.yaml", "supervisor: { slots: 1 }\nhost_timeout: 1s\nlog:\n"
                                "  level: debug\n");
    assert_int_equal(load(), GALE_OK);
    assert_int_equal(config_int(config, "supervisor.slots"), 1);
    assert_origin_ends("supervisor.slots", "/etc/gale.yaml:1");
    assert_origin_ends("log.level", "/etc/gale.yaml:4");
    assert_true(config_given(config, "log.level"));

    write_text("etc/conf.d/20-more.yaml", "supervisor: { slots: 3 }\n");
    write_text("etc/conf.d/10-some.yaml", "supervisor: { slots: 2, memory: 1GiB }\n");
    write_text("etc/conf.d/30-other.yml", "supervisor: { slots: 99 }\n");
    write_text("etc/conf.d/.hidden.yaml", "supervisor: { slots: 99 }\n");
    assert_int_equal(load(), GALE_OK);
    assert_int_equal(config_int(config, "supervisor.slots"), 3);
    assert_origin_ends("supervisor.slots", "/conf.d/20-more.yaml:1");
    assert_int_equal(config_size(config, "supervisor.memory"), INT64_C(1) << 30);

    write_text("gale/gale.yaml", "supervisor: { slots: 4 }\n");
    assert_int_equal(load(), GALE_OK);
    assert_int_equal(config_int(config, "supervisor.slots"), 4);

    write_text("named.yaml", "supervisor: { slots: 5 }\nlog.level: warn\n");
    assert_int_equal(load_flags("named.yaml", NULL, 0), GALE_OK);
    assert_int_equal(config_int(config, "supervisor.slots"), 5);
    assert_origin_ends("supervisor.slots", "/named.yaml:1");
    assert_string_equal(config_text(config, "log.level"), "warn");

    setenv("GALE_SUPERVISOR_SLOTS", "6", 1);
    setenv("GALE_LOG_LEVEL", "", 1);
    assert_int_equal(load_flags("named.yaml", flags, 2), GALE_OK);
    assert_int_equal(config_int(config, "supervisor.slots"), 6);
    assert_string_equal(config_origin(config, "supervisor.slots"), "GALE_SUPERVISOR_SLOTS");
    assert_string_equal(config_text(config, "log.level"), "error");
    assert_string_equal(config_origin(config, "log.level"), "flag --log-level");
    assert_false(config_given(config, "log.json"));
    assert_int_equal(config_duration_ms(config, "host_timeout"), 1000);
    assert_non_null(strstr(config_file_at(config, 0), "/etc/gale.yaml"));
    assert_non_null(strstr(config_file_at(config, 4), "/named.yaml"));
    assert_null(config_file_at(config, 5));
}

static void config_file_of_the_environment_must_exist(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/named.yaml", folder);
    setenv("GALE_CONFIG", path, 1);
    assert_int_equal(load(), GALE_ERR_INVALID);
    assert_non_null(strstr(diag.items[0].place.file, "named.yaml"));
    write_text("named.yaml", "supervisor: { slots: 7 }\n");
    assert_int_equal(load(), GALE_OK);
    assert_int_equal(config_int(config, "supervisor.slots"), 7);
}

static void config_comments_only_is_an_empty_file(void **state)
{
    (void)state;
    write_text("etc/gale.yaml", "# nothing: here\n\n  # at all\n");
    assert_int_equal(load(), GALE_OK);
    write_text("etc/gale.yaml", "");
    assert_int_equal(load(), GALE_OK);
    write_text("etc/gale.yaml", "supervisor:\n  # slots: 3\nlog:\n");
    assert_int_equal(load(), GALE_OK);
    assert_int_equal(config_int(config, "supervisor.slots"), 64);
}

static void config_lists_and_endpoints_have_one_spelling(void **state)
{
    (void)state;
    write_text("etc/gale.yaml", "zookeeper:\n  servers: [ a:2181, \"b:2181/gale\" ]\n"
                                "coordinator:\n  addresses: a:7410 , tcp://b:7410\n"
                                "  listen: \"[::1]:7410\"\n  control: ipc:///run/gale/control\n"
                                "supervisor: { listen: \"tcp://*:*\" }\nlog: { json: yes }\n");
    assert_int_equal(load(), GALE_OK);
    assert_string_equal(config_text(config, "zookeeper.servers"), "a:2181,b:2181/gale");
    assert_int_equal(config_list_count(config, "zookeeper.servers"), 2);
    assert_string_equal(config_list_at(config, "zookeeper.servers", 1), "b:2181/gale");
    assert_string_equal(config_text(config, "coordinator.addresses"),
                        "tcp://a:7410,tcp://b:7410");
    assert_string_equal(config_list_at(config, "coordinator.addresses", 0), "tcp://a:7410");
    assert_null(config_list_at(config, "coordinator.addresses", 2));
    assert_string_equal(config_text(config, "coordinator.listen"), "tcp://[::1]:7410");
    assert_string_equal(config_text(config, "coordinator.control"), "ipc:///run/gale/control");
    assert_string_equal(config_text(config, "supervisor.listen"), "tcp://*:*");
    assert_true(config_bool(config, "log.json"));
}

static void config_mistakes_in_a_file_name_line_and_way_out(void **state)
{
    (void)state;
    assert_refused("supervisor:\n  slot: 3\n", DIAG_UNKNOWN_KEY, 2, "supervisor.slot",
                   "did you mean \"supervisor.slots\"");
    assert_refused("slots: 3\n", DIAG_UNKNOWN_KEY, 1, "slots", "supervisor.slots");
    assert_refused("frobnicate: { x: 3 }\n", DIAG_UNKNOWN_KEY, 1, "frobnicate",
                   "gale config show");
    assert_refused("supervisor: 3\n", DIAG_UNKNOWN_KEY, 1, "supervisor", "");
    assert_refused("zookeper: { servers: a:1 }\n", DIAG_UNKNOWN_KEY, 1, "zookeper",
                   "did you mean \"zookeeper\"");
    assert_refused("supervisor: { slots: many }\n", DIAG_BAD_VALUE, 1, "no whole number", "");
    assert_refused("supervisor: { slots: 0 }\n", DIAG_BAD_VALUE, 1, "out of bounds",
                   "1 to 1024");
    assert_refused("supervisor: { slots: [ 1 ] }\n", DIAG_WRONG_TYPE, 1, "is a list", "");
    assert_refused("supervisor: { memory: 1 lot }\n", DIAG_BAD_VALUE, 1, "no size", "512MiB");
    assert_refused("host_timeout: 1500\n", DIAG_BAD_VALUE, 1, "lacks its unit", "1500ms");
    assert_refused("host_timeout: soon\n", DIAG_BAD_VALUE, 1, "no duration", "");
    assert_refused("host_timeout: 1ms\n", DIAG_BAD_VALUE, 1, "out of bounds", "200ms");
    assert_refused("host_timeout: { a: 1 }\n", DIAG_WRONG_TYPE, 1, "is a map", "");
    assert_refused("log:\n\n  json: maybe\n", DIAG_BAD_VALUE, 3, "neither true nor false", "");
    assert_refused("log: { level: loud }\n", DIAG_BAD_VALUE, 1, "no log level", "warn");
    assert_refused("supervisor: { name: a b }\n", DIAG_BAD_VALUE, 1, "no name", "");
    assert_refused("supervisor: { name: \"../x\" }\n", DIAG_BAD_VALUE, 1, "no name", "");
    assert_refused("coordinator: { state_dir: here }\n", DIAG_BAD_VALUE, 1, "no absolute path",
                   "");
    assert_refused("zookeeper: { servers: [ { a: b } ] }\n", DIAG_WRONG_TYPE, 1, "no address",
                   "");
    assert_refused("zookeeper: { servers: \"a:1,,b:1\" }\n", DIAG_BAD_VALUE, 1, "empty part",
                   "");
    assert_refused("log: { level: warn, level: info }\n", DIAG_DUPLICATE_KEY, 1, "twice", "");
    assert_refused("log: [ level\n", DIAG_YAML_SYNTAX, 2, "not YAML", "");
}

static void config_endpoint_of_a_wrong_form_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"host",        ":7410",       "host:",      "host:0",
                                        "host:65536",  "host:x",      "udp://h:1",  "ipc://rel",
                                        "tcp://h:1/x", "tcp://a b:1", "h:123456789"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct config_flag flag = {"coordinator.listen", wrong[i], "listen"};
        if (load_flags(NULL, &flag, 1) != GALE_ERR_INVALID) {
            fail_msg("\"%s\" was taken", wrong[i]);
        }
        assert_int_equal(diag.items[0].code, DIAG_BAD_VALUE);
        assert_string_equal(diag.items[0].place.file, "--listen");
    }
    char path[160] = "ipc:///";
    memset(path + strlen(path), 'a', 120);
    const struct config_flag flag = {"coordinator.listen", path, "listen"};
    assert_int_equal(load_flags(NULL, &flag, 1), GALE_ERR_INVALID);
}

static void config_too_long_a_value_is_refused(void **state)
{
    (void)state;
    static char text[CONFIG_VALUE_MAX + 16];
    memset(text, 'a', sizeof text - 1);
    const struct config_flag flag = {"supervisor.address", text, "address"};
    assert_int_equal(load_flags(NULL, &flag, 1), GALE_ERR_INVALID);
    text[CONFIG_VALUE_MAX - 1] = '\0';
    assert_int_equal(load_flags(NULL, &flag, 1), GALE_OK);
    /* Parts that each grow by their "tcp://". */
    for (size_t i = 0; i + 4 < CONFIG_VALUE_MAX; i += 4) {
        memcpy(text + i, "a:1,", 4);
    }
    memcpy(text + CONFIG_VALUE_MAX - 8, "aaa:1", 6);
    const struct config_flag parts = {"coordinator.addresses", text, "addresses"};
    assert_int_equal(load_flags(NULL, &parts, 1), GALE_ERR_INVALID);
}

static void config_misspelt_variable_is_an_error(void **state)
{
    (void)state;
    setenv("GALE_SOMETHING_ELSE", "1", 1);
    assert_int_equal(load(), GALE_OK);
    setenv("GALE_SUPERVISOR_SLOT", "3", 1);
    assert_int_equal(load(), GALE_ERR_INVALID);
    assert_non_null(strstr(diag.items[0].text, "GALE_SUPERVISOR_SLOT"));
    assert_non_null(strstr(diag.items[0].hint, "GALE_SUPERVISOR_SLOTS"));
    unsetenv("GALE_SUPERVISOR_SLOT");
    unsetenv("GALE_SOMETHING_ELSE");
    setenv("GALE_HOST_TIMEOUT", "2s", 1);
    assert_int_equal(load(), GALE_OK);
    assert_int_equal(config_duration_ms(config, "host_timeout"), 2000);
}

static void config_wrong_value_is_an_error_also_where_it_is_replaced(void **state)
{
    (void)state;
    const struct config_flag flag = {"supervisor.slots", "3", "slots"};
    write_text("etc/gale.yaml", "supervisor: { slots: x }\nlog: { level: y }\n");
    assert_int_equal(load_flags(NULL, &flag, 1), GALE_ERR_INVALID);
    assert_int_equal(diag.errors_count, 2);
}

static void config_value_may_name_the_environment(void **state)
{
    (void)state;
    setenv("GALE_TEST_HOST", "node7", 1);
    write_text("etc/gale.yaml", "supervisor: { name: \"${GALE_TEST_HOST}\" }\n");
    assert_int_equal(load(), GALE_OK);
    assert_string_equal(config_text(config, "supervisor.name"), "node7");
    unsetenv("GALE_TEST_HOST");
}

static void config_huge_or_odd_file_is_refused(void **state)
{
    (void)state;
    static char text[CONFIG_FILE_MAX + 16];
    char path[128];
    memset(text, '#', sizeof text - 1);
    assert_refused(text, DIAG_INCLUDE, 0, "larger than", "");
    write_text("etc/gale.yaml", "");
    snprintf(path, sizeof path, "%s/etc/conf.d/1.yaml", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load(), GALE_ERR_INVALID);
    assert_non_null(strstr(diag.items[0].text, "no regular file"));
}

static void config_keys_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_key_at(i);
        char variable[64];
        config_key_variable(key, variable, sizeof variable);
        assert_true(strncmp(variable, "GALE_", 5) == 0 && strlen(variable) < 63);
        assert_ptr_equal(config_key_find(key->name), key);
        assert_true(key->help[strlen(key->help) - 1] == '.');
        assert_string_equal(config_key_suggest(key->name), key->name);
    }
    assert_null(config_key_at(config_keys_count()));
    assert_null(config_key_find("supervisor"));
}

/* Whether the text below "section:" has the line "  # key: value", or "# key: value" at the top. */
static bool example_has(const char *text, const struct config_key *key)
{
    char wanted[160];
    char section[64];
    const char *dot = strchr(key->name, '.');
    const char *at = text;
    if (dot == NULL) {
        snprintf(wanted, sizeof wanted, "\n# %s: %s\n", key->name, key->fallback);
        return strstr(text, wanted) != NULL;
    }
    snprintf(section, sizeof section, "\n%.*s:\n", (int)(dot - key->name), key->name);
    at = strstr(text, section);
    if (at == NULL) {
        return false;
    }
    at += strlen(section);
    snprintf(wanted, sizeof wanted, "  # %s:%s%s%s", dot + 1, key->fallback[0] ? " " : "",
             key->fallback, key->fallback[0] ? "\n" : "");
    while (strncmp(at, "  #", 3) == 0) {
        if (strncmp(at, wanted, strlen(wanted)) == 0) {
            return true;
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return false;
}

/* packaging/gale.yaml is what people edit: it names every key with its built-in value, and no other;
 * docs/cluster.md explains each. */
static void config_example_and_manual_name_every_key(void **state)
{
    (void)state;
    static const char *const names[] = {"packaging/gale.yaml", "docs/cluster.md"};
    static char texts[2][CONFIG_FILE_MAX];
    const char *source = getenv("GALE_SOURCE");
    if (source == NULL) {
        skip();
    }
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", source, names[i]);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        size_t size = fread(texts[i], 1, sizeof texts[i] - 1, file);
        fclose(file);
        assert_in_range(size, 1, sizeof texts[i] - 2);
    }
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_key_at(i);
        char quoted[96];
        snprintf(quoted, sizeof quoted, "`%s`", key->name);
        if (!example_has(texts[0], key)) {
            fail_msg("%s lacks %s: %s", names[0], key->name, key->fallback);
        }
        if (strstr(texts[1], quoted) == NULL) {
            fail_msg("%s lacks %s", names[1], quoted);
        }
    }
    write_text("etc/gale.yaml", texts[0]);
    assert_int_equal(load(), GALE_OK);
    for (size_t i = 0; i < config_keys_count(); i++) {
        assert_false(config_given(config, config_key_at(i)->name));
    }
    /* With every setting in force it is valid, too. */
    static char all[CONFIG_FILE_MAX];
    size_t used = 0;
    for (const char *at = texts[0]; *at != '\0';) {
        size_t size = strcspn(at, "\n");
        size_t indent = strspn(at, " ");
        bool setting = strncmp(at + indent, "# ", 2) == 0;
        size_t word = setting ? strspn(at + indent + 2, "abcdefghijklmnopqrstuvwxyz_") : 0;
        setting = word > 0 && at[indent + 2 + word] == ':' &&
                  strchr(" \n", at[indent + 3 + word]) != NULL;
        used += (size_t)snprintf(all + used, sizeof all - used, "%.*s%.*s\n", (int)indent, at,
                                 (int)(size - indent - (setting ? 2 : 0)),
                                 at + indent + (setting ? 2 : 0));
        at += size + (at[size] == '\n');
    }
    write_text("etc/gale.yaml", all);
    if (load() != GALE_OK) {
        fail_msg("line %u: %s", diag.items[0].place.line, diag.items[0].text);
    }
    assert_true(config_given(config, "supervisor.slots"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(config_nothing_given_has_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(config_every_source_wins_over_the_one_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(config_file_of_the_environment_must_exist, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(config_comments_only_is_an_empty_file, setup, teardown),
        cmocka_unit_test_setup_teardown(config_lists_and_endpoints_have_one_spelling, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(config_mistakes_in_a_file_name_line_and_way_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(config_endpoint_of_a_wrong_form_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(config_too_long_a_value_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(config_misspelt_variable_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(
            config_wrong_value_is_an_error_also_where_it_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(config_value_may_name_the_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(config_huge_or_odd_file_is_refused, setup, teardown),
        cmocka_unit_test(config_keys_are_sound),
        cmocka_unit_test_setup_teardown(config_example_and_manual_name_every_key, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
